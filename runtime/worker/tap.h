/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_TAP_H
#define MR_WORKER_TAP_H

/* A look at the rows of one output of a running graph, by a thread that is none of its workers.
 * While nobody looks, a worker pays one relaxed load per emitted view. While somebody does, it
 * copies rows into a ring of MR_TAP_RING_SZ bytes per instance; when the ring is full it counts
 * them as skipped and goes on. It never waits.
 *
 *   open -> (frames of expressions over mr_tap_schema in mr_tap_region) -> start
 *        -> take, done, take, done ... -> close
 *
 * One thread per tap; taps of different outputs at the same time. A tap is closed before its run is
 * destroyed, and may outlive the workers. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/type.h"
#include "data/view.h"
#include "shm/region.h"

#define MR_TAP_RING_SZ (UINT64_C(1) << 20) /* bytes per instance of the node */

struct mr_run;
struct mr_tap;

/* Prepares a look at an output: name is NODE, NODE.late, NODE.errors, ... MR_ERR_NOENT: there is no
 * such node or output (the text lists what there is); MR_ERR_STATE: no rows are made for it, since
 * nothing reads it; MR_ERR_EXISTS: somebody looks at it already; MR_ERR_NOMEM. */
int mr_tap_open(struct mr_tap **tap, struct mr_run *run, const char *name, struct mr_error *err);

/* The columns that the output has in this run: those that something reads. Enum columns are plain
 * strings here. */
const struct mr_schema *mr_tap_schema(const struct mr_tap *tap);
/* Whether the output's column exists, but is not decoded because nothing reads it. */
bool mr_tap_pruned(const struct mr_tap *tap, const char *column);
/* Where expressions over the rows lay out their frames before the start; strings of the rows lie in
 * it. */
struct mr_region *mr_tap_region(struct mr_tap *tap);

/* Rows come from now on: each with probability share, which is above 0 and at most 1. MR_ERR_NOMEM.
 */
int mr_tap_start(struct mr_tap *tap, double share, struct mr_error *err);

/* The next rows, at most MR_BATCH_ROWS, all of one instance, as a view over mr_tap_schema that is
 * valid until mr_tap_done; NULL: none now. row_now of the view is the rows' own. */
const struct mr_view *mr_tap_take(struct mr_tap *tap);
void mr_tap_done(struct mr_tap *tap);

struct mr_tap_counts {
  uint64_t seen;    /* rows that went by since the start */
  uint64_t skipped; /* of these, rows that should have been looked at and found no room */
};
/* Up to row `row` of the view that was taken last, or with UINT32_MAX up to now. */
void mr_tap_count(const struct mr_tap *tap, uint32_t row, struct mr_tap_counts *counts);

/* A row of the view that was taken last as one JSON object, the way a file sink writes it, without
 * newline; rows of an untyped source are their line. Its length, or 0 when it does not fit. */
size_t mr_tap_text(const struct mr_tap *tap, uint32_t row, char *buf, size_t sz);

/* Nobody looks any more. NULL is allowed. */
void mr_tap_close(struct mr_tap *tap);

#endif
