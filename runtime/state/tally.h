/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_TALLY_H
#define MR_STATE_TALLY_H

/* Counters by dense number beside a table, for operators whose aggregates are all counts: rows are
 * counted in small 32-bit tables, and these are added to the table's rows before anybody looks at
 * them. One lane per fold, and one for all rows, which says which keys there are. One worker. */

#include "base/arena.h"
#include "state/table.h"

struct mr_tally {
  uint32_t groups, stride, lane_cnt;
  uint32_t *cnt;    /* [lane][table][stride] */
  bool *own_lane;   /* by fold: not all rows count for it */
  uint64_t row_cnt; /* rows counted since the last flush */
};

/* True when the space's folds can be counted so. */
bool mr_tally_possible(const struct mr_space *space);
void mr_tally_init(struct mr_tally *tally, struct mr_arena *arena, const struct mr_space *space);

/* Counts the selected rows, and for each fold those of them that count for it: ins as for
 * mr_folds_add. */
void mr_tally_add(struct mr_tally *tally, const struct mr_state_kernels *kernels,
                  const struct mr_key_batch *keys, const struct mr_fold_in *ins,
                  const uint64_t *sel, uint32_t sel_cnt, uint32_t row_cnt);
/* True when the next batch could overflow a counter: flush first. */
static inline bool mr_tally_full(const struct mr_tally *tally) {
  return tally->row_cnt > UINT32_MAX - MR_BATCH_ROWS;
}
/* True when whatever is counted will find room in a table: to be asked before each batch; when not,
 * what was counted so far still does. */
bool mr_tally_room(const struct mr_space *space);
/* Adds all to the table's rows, makes missing ones, notes changed ones when `touch`, and is zero
 * again. */
void mr_tally_flush(struct mr_tally *tally, struct mr_space *space, struct mr_table *table,
                    bool touch);

#endif
