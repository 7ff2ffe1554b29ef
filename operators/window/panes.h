/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_WINDOW_PANES_H
#define MR_OPERATORS_WINDOW_PANES_H

/* The slices that have state, in the order of time, each with a table; and windows read out of
 * them. A row that is late for some of its windows, and not for others, stands in a pane of its
 * own: of its slice, for windows from the first that it is in time for. So what a window holds does
 * not depend on when it is read. The array lies in a block of the store. */

#include "operators/window/slices.h"
#include "state/table.h"

struct mr_pane {
  int64_t start_us; /* of the slice */
  int64_t from_us;  /* end of the first window that counts its rows */
  uint32_t table;
  uint16_t dirty;    /* rows may have changed since they were last read */
  uint16_t corrects; /* some of them for windows that had closed */
};

struct mr_panes { /* zeroed: empty */
  uint32_t ref, class_idx;
  uint32_t first, cnt, cap;
  uint32_t last; /* index from first of the pane found last */
};

static inline struct mr_pane *mr_pane_at(const struct mr_panes *panes, const struct mr_space *space,
                                         uint32_t i) {
  return (struct mr_pane *)mr_store_at(&space->store, panes->ref) + panes->first + i;
}
/* The first pane whose slice does not start before start_us. */
uint32_t mr_panes_lower(const struct mr_panes *panes, const struct mr_space *space,
                        int64_t start_us);
/* The pane of a slice, opened if need be; NULL: no room. Valid until the next call. */
struct mr_pane *mr_panes_find(struct mr_panes *panes, struct mr_space *space, int64_t start_us,
                              int64_t from_us);
void mr_panes_drop_first(struct mr_panes *panes, struct mr_space *space);

/* ---- reading ---- */

/* Reads the groups of one window after another. Where a group has rows in several panes they are
 * merged into a row beside the tables, of which there are as many as fit into one segment. */
struct mr_fire {
  const struct mr_slices *slices;
  const struct mr_panes *panes;
  struct mr_space *space;
  struct mr_row_keys keys;
  uint32_t merged_ref, merged_max, merged_cnt;
  struct mr_table merged; /* what the merged rows hold outside of themselves */
  uint32_t stamp;
  /* the window */
  int64_t end_us;
  bool changes;      /* changed groups only */
  uint32_t lo, hi;   /* its panes, some of which may not count */
  uint32_t pane_cnt; /* that count */
  uint32_t at;
  struct mr_table_walk walk;
  uint32_t change;
};

/* Takes its memory from the store where windows have several panes. False: no room. */
bool mr_fire_init(struct mr_fire *fire, struct mr_arena *arena, const struct mr_slices *slices,
                  const struct mr_panes *panes, struct mr_space *space);
/* The end of the first window behind after_us that may have rows; INT64_MAX: there is none. */
int64_t mr_fire_next_end(const struct mr_fire *fire, int64_t after_us);
/* Begins to read the window that ends there. */
void mr_fire_begin(struct mr_fire *fire, int64_t end_us, bool changes);
/* Forgets the merged rows that were handed out. */
void mr_fire_clear(struct mr_fire *fire);
/* Up to max rows of the window; sets *all when there are no more. Fewer without *all: the room for
 * merged rows is used up. Merged rows are valid until mr_fire_clear, which must be called before
 * tables change. */
uint32_t mr_fire_rows(struct mr_fire *fire, struct mr_row **rows, uint32_t max, bool *all);
/* Whether one of the window's panes has `dirty`, or with corrects that. */
bool mr_fire_is_due(const struct mr_fire *fire, int64_t end_us, bool corrects);

#endif
