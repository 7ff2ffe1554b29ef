/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_TABLE_H
#define MR_STATE_TABLE_H

/* Keyed tables: one row of state per key, one table per window. Rows lie in blocks of the store and
 * never move, so a row is found by its reference; closing a window gives its blocks back, not its
 * keys one by one.
 *
 *   row: [next changed row][stamp] [key words] [bits: which aggregates have a value] [aggregates]
 *
 * How a key finds its row: by its number in an array where keys are dense; by its distance from the
 * smallest one in an array while a single 8-byte key stays in a small range; else by an index of
 * hashes. The second becomes the third when the range is left, never back.
 *
 * A space belongs to one operator instance; its tables to the space. */

#include "state/fold.h"
#include "state/index.h"
#include "state/keys.h"
#include "state/slots.h"
#include "state/store.h"

#define MR_TABLE_RANGE_MAX  16384u /* keys that an array by distance covers */
#define MR_TABLE_HEAD_SZ    8u     /* bytes of a row before its key */
#define MR_TABLE_DIRTY_LAST UINT32_MAX

enum mr_table_mode { MR_TABLE_ARRAY, MR_TABLE_RANGE, MR_TABLE_HASH };

struct mr_row { /* the beginning of every row */
  uint32_t
      dirty_next; /* 0: unchanged since it was last read; MR_TABLE_DIRTY_LAST: last of the list */
  uint32_t stamp; /* the reader's: which of its rounds has seen the row */
  uint64_t key[];
};

struct mr_rows { /* before the rows of a block */
  uint32_t next, class_idx, cnt, cap;
  uint8_t pad[48];
};
_Static_assert(sizeof(struct mr_rows) == 64, "rows begin on a cache line");

struct mr_table { /* in a block of the store */
  uint32_t rows_first, rows_last;
  uint64_t row_cnt;
  uint32_t dirty_first, dirty_last;
  uint32_t array_ref, array_cap; /* references of rows, by number or distance; 0: none */
  uint32_t mode;                 /* enum mr_table_mode */
  uint32_t class_idx;            /* of its own block */
  int64_t range_lo;
  uint32_t null_ref; /* by distance: the row of NULL */
  uint32_t zero;
  struct mr_index index;
  struct mr_index members; /* of sets */
  struct mr_slots slots;
};

struct mr_space {
  struct mr_store store;
  const struct mr_keys *keys;
  const struct mr_folds *folds;
  const struct mr_state_kernels *kernels; /* set by who knows the machine; NULL: plain loops */
  const uint8_t *base;                    /* of the region */
  uint32_t row_sz;
  uint64_t key_cnt, key_max; /* rows in all tables; 0: no bound */
  bool full;                 /* an aggregate found no room: what was let in could not be kept */
};

/* Bytes before the folds in a row: what mr_folds_init wants. */
static inline uint32_t mr_row_before(const struct mr_keys *keys) {
  return MR_TABLE_HEAD_SZ + keys->words * (uint32_t)sizeof(uint64_t);
}

/* Reserves the store. key_max 0: no bound. Keys and folds (after mr_folds_init) are shared and
 * kept. MR_ERR_NOMEM, MR_ERR_ARG, MR_ERR_LIMIT: a row is larger than a segment. */
int mr_space_init(struct mr_space *space, struct mr_region *region, const struct mr_keys *keys,
                  const struct mr_folds *folds, uint64_t max_bytes, uint64_t key_max,
                  const char *label, struct mr_error *err);

static inline struct mr_table *mr_table_at(const struct mr_space *space, uint32_t ref) {
  return mr_store_at(&space->store, ref);
}
static inline struct mr_row *mr_row_at(const struct mr_space *space, uint32_t ref) {
  return mr_store_at(&space->store, ref);
}

/* An empty table; 0 when the store is full. */
uint32_t mr_table_new(struct mr_space *space);
/* Gives back all that the table holds. */
void mr_table_drop(struct mr_space *space, uint32_t ref);

/* Rows of state for cnt rows of the batch, made where a key is new: out[i] for rows[i], NULL where
 * there is no room (max_keys, max_state). The rows are part of those that mr_keys_begin got.
 * Returns how many are NULL. */
uint32_t mr_table_find(struct mr_space *space, struct mr_table *table, struct mr_key_batch *batch,
                       const uint16_t *rows, uint32_t cnt, struct mr_row **out);
/* Rows of state, of any table of the space, as keys to look for in another table. */
struct mr_row_keys {
  uint64_t *words; /* by row: keys->words each */
  uint32_t *tags;
};
void mr_row_keys_init(struct mr_row_keys *keys, struct mr_arena *arena, const struct mr_keys *of);
/* Takes the keys of cnt (up to MR_BATCH_ROWS) rows. */
void mr_row_keys_set(struct mr_row_keys *keys, const struct mr_space *space,
                     struct mr_row *const *rows, uint32_t cnt);
/* The table's rows of those keys; NULL: it has none. */
void mr_table_look(const struct mr_space *space, const struct mr_table *table,
                   const struct mr_row_keys *keys, uint32_t cnt, struct mr_row **out);
/* The row of one key, in the words of mr_keys, made if need be; NULL: no room. */
struct mr_row *mr_table_row(struct mr_space *space, struct mr_table *table, const uint64_t *key);
/* The row of a dense number, made if need be; NULL: no room. */
struct mr_row *mr_table_number(struct mr_space *space, struct mr_table *table, uint32_t number);

/* ---- rows that come and go one by one ----
 * Of a table whose slots reclaim; its index is the caller's, and so is which rows it names. */

/* A row of a key (its words), which is not in the index; NULL: no room. */
struct mr_row *mr_table_add(struct mr_space *space, struct mr_table *table, const uint64_t *key);
/* Ends a row: what it holds outside of itself is given back, and it counts no more. */
void mr_table_end(struct mr_space *space, struct mr_table *table, struct mr_row *row);
/* Gives an ended row's memory back. */
void mr_table_free(struct mr_space *space, struct mr_table *table, struct mr_row *row);
/* What the index names for the keys of up to MR_TABLE_FETCH rows, from `at` of the batch's cnt on;
 * NULL: no row. Asks for what the next ones need; `at` goes up by MR_TABLE_FETCH. */
void mr_table_look_ahead(const struct mr_space *space, const struct mr_table *table,
                         const struct mr_key_batch *batch, const uint16_t *rows, uint32_t at,
                         uint32_t cnt, struct mr_row **out);
#define MR_TABLE_FETCH 64u

/* Notes the rows as changed, in the order of their first change. */
void mr_table_touch(struct mr_space *space, struct mr_table *table, struct mr_row *const *rows,
                    uint32_t cnt);

/* A walk over all rows in the order in which their keys came. Zeroed: at the start. */
struct mr_table_walk {
  uint32_t block, pos;
  bool begun;
};
/* Up to max rows into out; fewer: that was all. */
uint32_t mr_table_next(const struct mr_space *space, const struct mr_table *table,
                       struct mr_table_walk *walk, struct mr_row **out, uint32_t max);
/* Up to max changed rows, which stay on the list; *at is 0 at the start, and MR_TABLE_DIRTY_LAST
 * when that was all. */
uint32_t mr_table_changes(const struct mr_space *space, const struct mr_table *table, uint32_t *at,
                          struct mr_row **out, uint32_t max);
/* Takes up to max changed rows off the list. */
uint32_t mr_table_changed(const struct mr_space *space, struct mr_table *table, struct mr_row **out,
                          uint32_t max);

/* What can be checked of a table: rows are found under their keys, counts add up. Slow; for tests.
 */
bool mr_table_valid(const struct mr_space *space, const struct mr_table *table);

#endif
