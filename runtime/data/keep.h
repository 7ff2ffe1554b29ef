/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_DATA_KEEP_H
#define MR_DATA_KEEP_H

/* The newest rows of a sink that may not hold its producers up (`full: drop_oldest`). Views are
 * copied into blocks of rows, so that their batches go home at once; the sink gets the rows in the
 * order in which they came. When more than `row_max` rows wait, the oldest are dropped.
 *
 *   put -> waiting (at most row_max rows, the oldest go) -> take -> in the sink's hands -> done
 *
 * Rows in the sink's hands do not count as waiting and are not dropped. A row whose strings and
 * lists are larger than a block's heap cannot be kept, and is dropped at once. All memory is lazy:
 * pages are used as rows come. One worker. */

#include "base/arena.h"
#include "data/view.h"
#include "shm/region.h"

struct mr_keep;

/* Bytes of lazy region memory for row_max rows of the needed columns. */
uint64_t mr_keep_footprint(const struct mr_schema *schema, const bool *need, uint32_t row_max);

/* need: per column of the schema, those that are kept. label lives as long as the region.
 * MR_ERR_NOMEM. */
int mr_keep_init(struct mr_keep **keep, struct mr_arena *arena, struct mr_region *region,
                 const struct mr_schema *schema, const bool *need, uint32_t row_max,
                 const char *label, struct mr_error *err);

/* Copies the view's selected rows; it may go afterwards. tag comes back with them: the input that
 * they came by. Returns how many rows were dropped. */
uint32_t mr_keep_put(struct mr_keep *keep, const struct mr_view *view, uint16_t tag);

/* Rows that wait. */
uint32_t mr_keep_waiting(const struct mr_keep *keep);

/* The oldest waiting rows of one source partition and tag, at most MR_BATCH_ROWS, as a view that is
 * valid until mr_keep_done; NULL: none wait. Its frontier_out is that of the view of its last row,
 * frontier_in MR_TIME_NONE. */
const struct mr_view *mr_keep_take(struct mr_keep *keep, uint16_t *tag);
void mr_keep_done(struct mr_keep *keep);

#endif
