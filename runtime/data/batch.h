/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_DATA_BATCH_H
#define MR_DATA_BATCH_H

/* Batches and their pools. A batch lives in the region: a head (message, reference count, column
 * table, selection), its own columns, and a chain of heap blocks for strings and lists. It is
 * filled by its owner, immutable once sent, and goes home to its pool when the last reference is
 * dropped.
 *
 * A pool belongs to one output of one operator instance and to the worker that runs it. All its
 * batches have the same own columns. A shell is a batch of a pool without own columns: the head
 * that a view needs to cross a link. Only the owner's worker takes from a pool; others send batches
 * home through the return function of the pool (a ring between the two workers), which the owner
 * empties with mr_pool_put. The newest free batch is used first, while it is in cache.
 *
 * States of a batch:  free --take--> open (filled by the owner) --emit--> sent (refs >= 1) --last
 * release--> free */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/api.h"
#include "base/error.h"
#include "data/type.h"
#include "data/view.h"
#include "shm/region.h"

MR_API_BEGIN

enum mr_msg_kind { MR_MSG_VIEW = 1, MR_MSG_FRONTIER, MR_MSG_BARRIER, MR_MSG_END };

/* What a link carries, 64 bytes: for a view it is the head of its batch (or shell); a control item
 * has a message of its own. */
struct mr_msg {
  uint8_t kind; /* enum mr_msg_kind */
  uint8_t idle; /* FRONTIER: the partition is idle. END: windows are to be closed (flush) */
  uint16_t source;
  uint32_t partition;
  uint32_t row_cnt, sel_cnt;
  uint64_t sent_tsc;    /* when the writer put it on the link; the reader's wait time starts here */
  int64_t frontier_out; /* VIEW, FRONTIER */
  int64_t frontier_in;
  int64_t now_us;
  uint64_t t0_ns;
  uint64_t sel_off; /* VIEW: region offset of the selection, 0: all rows */
};
_Static_assert(sizeof(struct mr_msg) == 64, "a message is one cache line");

struct mr_col_off {             /* one column in the region */
  uint64_t data_off, valid_off; /* 0: pruned; 0: no row is NULL */
};

struct mr_batch {
  struct mr_msg msg;
  /* line 1: bookkeeping */
  _Atomic uint32_t refs; /* of a free batch: anything */
  uint32_t pool;         /* index of the pool among the graph's pools */
  uint32_t col_cnt;      /* entries of cols */
  uint32_t base_cnt;     /* batches referenced */
  uint32_t heap_cnt;     /* blocks chained */
  uint32_t heap_used;    /* bytes used of the last block */
  uint32_t heap_last_sz;
  int64_t et_min, et_max;
  uint64_t pos, line;
  /* line 2 */
  uint64_t row_frontier_off, row_now_off, row_t0_off, row_pos_off, row_line_off; /* 0: absent */
  uint32_t input;                                                                /* of the view */
  /* from a source's instance to the merger: */
  uint32_t turn_flags;               /* MR_TURN_* */
  uint64_t turn;                     /* whose rows these are */
  uint64_t turn_lines;               /* with MR_TURN_LAST: lines of the whole turn */
  uint64_t heap[MR_HEAP_BLOCKS_MAX]; /* region offsets */
  uint64_t bases[MR_BASES_MAX];      /* region offsets of batches, one reference each */
  uint64_t sel[MR_BATCH_WORDS];
  struct mr_col_off cols[]; /* by column of the schema */
};

#define MR_TURN_LAST  1u /* nothing more comes of this turn; the batch may have no rows */
#define MR_TURN_FRESH 2u /* lines and positions start anew with this turn: another file */

/* Stores v where it is not there already. A batch that a reader on another CPU has looked at lies
 * in both caches: a line of it that is not written makes no trip between them. */
static inline void mr_keep_u64(uint64_t *at, uint64_t v) {
  if (*at != v) *at = v;
}
static inline void mr_keep_i64(int64_t *at, int64_t v) {
  if (*at != v) *at = v;
}
static inline void mr_keep_u32(uint32_t *at, uint32_t v) {
  if (*at != v) *at = v;
}

/* Own columns of a pool's batches: which columns of the schema, and which hidden per-row arrays. */
#define MR_HAS_FRONTIER 1u
#define MR_HAS_NOW      2u
#define MR_HAS_T0       4u
#define MR_HAS_POS      8u /* pos and line */

struct mr_pool_conf {
  const struct mr_schema *schema; /* columns of the batch's table */
  const bool *own;                /* per column: memory of its own; NULL: none (shells) */
  uint32_t hidden;                /* MR_HAS_* arrays */
  uint32_t batch_cnt;             /* computed by the plan */
  uint32_t block_cnt; /* heap blocks of 64 KiB for all batches of the pool; 0: no heap */
  uint32_t large_cnt; /* blocks for values beyond 64 KiB, */
  uint32_t large_sz;  /* each of this many bytes; the plan gives at least one of max_line */
};

/* Sends a released batch to its owner's worker. Set by the worker room; NULL: the releaser is the
 * owner. */
struct mr_pool;

struct mr_pool {
  struct mr_region *region;
  struct mr_pool_conf conf;
  uint32_t idx;      /* among the graph's pools */
  uint32_t worker;   /* that takes from it */
  uint32_t batch_sz; /* bytes from one batch to the next */
  uint64_t batches_off;
  uint32_t *free_stack;            /* indices of free batches, the newest on top */
  uint32_t free_cnt, free_cnt_min; /* now, and the low water */
  uint64_t blocks_off, large_off;
  uint32_t *block_stack; /* free blocks, owner's worker only; in the arena of the plan */
  uint32_t block_free, block_free_min;
  uint32_t *large_stack;
  uint32_t large_free;
  uint64_t *col_data_off, *col_valid_off; /* per column, from the batch's start; 0: not own */
  uint64_t frontier_off, now_off, t0_off, pos_off, line_off;
};

/* Bytes of region memory that the pool takes (for `mem`). */
uint64_t mr_pool_footprint(const struct mr_pool_conf *conf);
/* Lays the pool out in the region. Label is kept. MR_ERR_NOMEM when the region's range is used up.
 */
int mr_pool_init(struct mr_pool *pool, struct mr_region *region, const struct mr_pool_conf *conf,
                 uint32_t idx, uint32_t worker, const char *label, struct mr_error *err);
void mr_pool_fini(struct mr_pool *pool);

/* The newest free batch, opened: one reference, no rows, no bases, empty heap, column table set to
 * the own columns (valid_off 0). NULL when none is free, which the credits of the plan exclude.
 * Owner's worker only. */
struct mr_batch *mr_pool_take(struct mr_pool *pool);
/* The batch that mr_pool_take would give now, NULL when none is free. Owner's worker only. */
struct mr_batch *mr_pool_peek(const struct mr_pool *pool);
/* Puts a batch without references back: its heap blocks too. Owner's worker only. */
void mr_pool_put(struct mr_pool *pool, struct mr_batch *batch);
/* True when batch_cnt batches can be taken and each has at least one heap block; large blocks too,
 * as far as the pool has that many, so that a large value fits into an empty batch. */
static inline bool mr_pool_ready(const struct mr_pool *pool, uint32_t batch_cnt) {
  uint32_t large_cnt = batch_cnt < pool->conf.large_cnt ? batch_cnt : pool->conf.large_cnt;
  return pool->free_cnt >= batch_cnt &&
         (pool->conf.block_cnt == 0 || pool->block_free >= batch_cnt) &&
         pool->large_free >= large_cnt;
}

static inline void *mr_pool_column(const struct mr_pool *pool, struct mr_batch *b, uint32_t col) {
  return (uint8_t *)b + pool->col_data_off[col];
}
/* The validity words of an own column, to be filled by the owner, who then sets cols[col].valid_off
 * with mr_batch_set_valid. */
static inline uint64_t *mr_pool_valid(const struct mr_pool *pool, struct mr_batch *b,
                                      uint32_t col) {
  return (uint64_t *)((uint8_t *)b + pool->col_valid_off[col]);
}
void mr_batch_set_valid(const struct mr_pool *pool, struct mr_batch *b, uint32_t col);

/* ---- heap of an open batch ---- */

/* len bytes aligned to 8 in the batch's heap, or NULL: the heap is full (send the batch; a value
 * that an empty batch cannot hold is beyond the limit). Owner only. */
void *mr_batch_heap(struct mr_pool *pool, struct mr_batch *b, uint32_t len);
/* Gives back the last `len` bytes of the most recent mr_batch_heap call. */
void mr_batch_heap_trim(struct mr_batch *b, uint32_t len);
/* Largest value that an empty batch of the pool can hold, bytes. */
uint32_t mr_pool_value_max(const struct mr_pool *pool);
/* Copies len bytes into a string of the batch; false when the heap is full. */
bool mr_batch_str(struct mr_pool *pool, struct mr_batch *b, const char *p, uint32_t len,
                  struct mr_str *out);

/* A range of region offsets. */
struct mr_range {
  uint64_t lo, hi; /* [lo, hi) */
};
static inline bool mr_range_has(struct mr_range range, uint64_t off) {
  return off >= range.lo && off < range.hi;
}
/* Copies a list whose values lie in `from` (any other list is taken as it is) into the batch's
 * heap, with the bytes of its strings as far as they lie in `strings`. elem_sz: bytes of an
 * element, 16 for strings. False when the heap is full. */
bool mr_batch_list(struct mr_pool *pool, struct mr_batch *b, const struct mr_list *list,
                   uint32_t elem_sz, struct mr_range from, struct mr_range strings,
                   struct mr_list *out);

/* ---- references ---- */

/* One more reference; the caller holds one. */
static inline void mr_batch_ref(struct mr_batch *b) {
  /* relaxed: the new holder gets the batch through a ring, whose release orders this */
  if (atomic_load_explicit(&b->refs, memory_order_relaxed) == 1)
    atomic_store_explicit(&b->refs, 2, memory_order_relaxed);
  else
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}
/* Drops one reference; true when it was the last: then the caller releases the bases and sends the
 * batch home (worker room). */
static inline bool mr_batch_unref(struct mr_batch *b) {
  /* acquire: pairs with the release below of the other holders, so their reads are over */
  if (atomic_load_explicit(&b->refs, memory_order_acquire) == 1) return true;
  /* acq_rel: release pairs with the acquire above, acquire with the others' release here */
  return atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1;
}
/* True when the caller's reference is the only one, so that it may write the batch again. */
static inline bool mr_batch_sole(const struct mr_batch *b) {
  /* acquire: pairs with the release of the other holders' unref, so their reads are over */
  return atomic_load_explicit(&b->refs, memory_order_acquire) == 1;
}
/* Records that b's columns point into base: one reference on base. MR_BASES_MAX is the plan's
 * promise. */
void mr_batch_add_base(struct mr_region *region, struct mr_batch *b, struct mr_batch *base);

/* ---- views ---- */

/* The view of a whole batch of its pool as struct mr_view; cols has room for col_cnt entries and is
 * filled. */
void mr_view_of_batch(const struct mr_region *region, struct mr_batch *b, struct mr_col *cols,
                      struct mr_view *view);
/* Writes a view into a batch's head, column table and selection so that it can cross a link: the
 * batch is a shell, or the view's own batch. The message's kind is set; sent_tsc is the link's. */
void mr_view_to_batch(const struct mr_region *region, const struct mr_view *view, uint32_t col_cnt,
                      struct mr_batch *b);

/* Every invariant of a batch that can be checked; for asserts, tests and fuzzers. */
bool mr_batch_valid(const struct mr_region *region, const struct mr_batch *b);

MR_API_END

#endif
