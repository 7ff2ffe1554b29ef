/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_HELD_H
#define MR_STATE_HELD_H

/* Rows held by key and event time, until a watermark says that nobody asks for them any more: what
 * dedup has let through, and what one side of a join waits with.
 *
 * Event time is cut into panes of one width. Each pane has an index of its keys (index.h), blocks
 * of rows, and slots for their long strings; it is dropped as a whole. Rows of one key in one pane
 * are a chain. A row asks for a span of time that is at most twice as long as a pane, so for at
 * most MR_HELD_LOOK panes.
 *
 *   row: [next of its chain][flags][event time][key words][NULL bits][columns]
 *
 * Memory is a store's, which several of these may share. One worker. */

#include "base/arena.h"
#include "state/index.h"
#include "state/keys.h"
#include "state/slots.h"
#include "state/store.h"

#define MR_HELD_LOOK     3u
#define MR_HELD_US_LEAST (INT64_MIN / 4) /* event times beyond these are taken for them, */
#define MR_HELD_US_MOST  (INT64_MAX / 4) /* so that no sum overflows */

struct mr_held_col { /* a column that is kept */
  uint32_t col;      /* of the input */
  enum mr_phys phys;
  uint32_t elem_sz; /* of lists: bytes of an element; strs: the elements are strings */
  bool strs;
  uint32_t off; /* in a row */
  uint32_t bit; /* of the row's NULL bits; UINT32_MAX: never NULL */
};

struct mr_held_form { /* how a row lies; read-only, shared by instances */
  const struct mr_keys *keys;
  struct mr_held_col *cols;
  uint32_t col_cnt, bits_off, bit_words, row_sz;
  int64_t pane_us, offset_us; /* pane n covers [offset + n * pane, offset + (n + 1) * pane) */
};

struct mr_held_row {
  uint32_t next;  /* of the same key in the same pane; 0: the last */
  uint32_t flags; /* MR_HELD_LOOSE; the others are the owner's, 0 at first */
  int64_t us;
  uint64_t key[];
};

#define MR_HELD_LOOSE UINT32_C(0x80000000) /* nobody finds it by its key */

struct mr_held {
  const struct mr_held_form *form;
  struct mr_store *store;
  const uint8_t *base; /* of the region */
  uint32_t dir_ref, dir_class;
  uint32_t first, cnt, cap; /* open panes, in the order of time */
  uint64_t version;         /* of what is open */
  uint64_t row_cnt;
};

struct mr_held_span {
  int64_t lo, hi; /* us, both ends in; hi - lo is at most 2 * pane_us */
};

/* The panes of a span, kept from row to row: rows of a batch mostly ask for the same ones. Zeroed
 * at first. */
struct mr_held_look {
  int64_t lo_from, lo_to, hi_from, hi_to; /* spans that begin and end here ask for these panes */
  uint64_t version;                       /* of the open panes, when it was made */
  uint32_t cnt;
  uint32_t refs[MR_HELD_LOOK];
  struct mr_index_look looks[MR_HELD_LOOK];
};

/* keep: which columns of the schema are kept, NULL: none. The arena's memory. A pane is at least
 * as wide as half of span_us, and so wide that horizon_us is not more than MR_HELD_PANES of them.
 */
#define MR_HELD_PANES 64
void mr_held_form_init(struct mr_held_form *form, struct mr_arena *arena,
                       const struct mr_keys *keys, const struct mr_schema *schema, const bool *keep,
                       int64_t span_us, int64_t horizon_us);
/* Panes that are windows: rows ask for their own pane only. */
void mr_held_form_windows(struct mr_held_form *form, int64_t size_us, int64_t offset_us);

/* The largest row that there may be, bytes. */
#define MR_HELD_ROW_MAX (MR_STATE_SEGMENT_SZ - MR_STORE_UNIT)

void mr_held_init(struct mr_held *held, const struct mr_held_form *form, struct mr_store *store,
                  const uint8_t *base);

static inline struct mr_held_row *mr_held_at(const struct mr_held *held, uint32_t ref) {
  return mr_store_at(held->store, ref);
}
/* Where a kept column lies in a row, and whether it is NULL there. */
static inline const void *mr_held_value(const struct mr_held_form *form,
                                        const struct mr_held_row *row, uint32_t i) {
  return (const uint8_t *)row + form->cols[i].off;
}
static inline bool mr_held_null(const struct mr_held_form *form, const struct mr_held_row *row,
                                uint32_t i) {
  const uint64_t *bits = (const uint64_t *)(const void *)((const uint8_t *)row + form->bits_off);
  uint32_t bit = form->cols[i].bit;
  return bit != UINT32_MAX && bits[bit / 64] >> bit % 64 & 1;
}
/* The pane's window: its first microsecond. */
int64_t mr_held_window(const struct mr_held_form *form, int64_t us);

/* For each of rows[i]: where chains of its key begin in the panes that spans[i] reaches, in the
 * order of time; 0: none. The rows in a chain are of the key, but may lie outside the span. The
 * keys are packed (mr_keys_pack). */
void mr_held_find(const struct mr_held *held, const struct mr_key_batch *keys, const uint16_t *rows,
                  uint32_t cnt, const struct mr_held_span *spans, uint32_t (*heads)[MR_HELD_LOOK]);
/* The same for one row whose lines were asked for by mr_held_fetch. */
void mr_held_find_one(const struct mr_held *held, const uint64_t *key, uint32_t tag,
                      struct mr_held_span span, struct mr_held_look *look,
                      uint32_t heads[MR_HELD_LOOK]);
void mr_held_fetch(const struct mr_held *held, const struct mr_key_batch *keys,
                   const uint16_t *rows, uint32_t cnt, const struct mr_held_span *spans);

/* Keeps a row of the view; 0: no room. chained: others find it by its key. */
uint32_t mr_held_add(struct mr_held *held, const struct mr_view *view, uint32_t row, int64_t us,
                     const uint64_t *key, uint32_t tag, bool chained);

/* Puts a row of the view, with the same key and time, in the place of a held one. False: no room;
 * the held row is as it was. */
bool mr_held_replace(struct mr_held *held, struct mr_held_row *at, const struct mr_view *view,
                     uint32_t row);
/* Lets two rows of one chain change places: their columns, not their flags. */
void mr_held_swap(const struct mr_held *held, struct mr_held_row *a, struct mr_held_row *b);

/* Drops panes whose rows are all before us. */
void mr_held_evict(struct mr_held *held, int64_t before_us);

/* Calls fn for every row. */
typedef void (*mr_held_fn)(const struct mr_held *held, const struct mr_held_row *row, void *ctx);
void mr_held_each(const struct mr_held *held, mr_held_fn fn, void *ctx);

/* What can be checked: chains are found under their keys and lie in their panes, counts add up.
 * Slow; for tests. */
bool mr_held_valid(const struct mr_held *held);

#endif
