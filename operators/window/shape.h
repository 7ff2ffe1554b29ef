/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_WINDOW_SHAPE_H
#define MR_OPERATORS_WINDOW_SHAPE_H

/* The options of window, and what its instances share: which windows there are. */

#include "operators/window/keyed.h"
#include "operators/window/slices.h"

#define MR_WINDOW_OUT_LATE MR_OUT_EXTRA

struct mr_window_shape {
  int64_t tumbling, hopping, slide, session, cumulating, step, offset;
  int kind, on;
};

struct mr_window_conf {
  struct mr_keyed_conf keyed;
  struct mr_window_shape window;
  int64_t delay, allowed_lateness;
  bool delay_given;
  int emit, late;
};

extern const struct mr_opt mr_window_opts[];

struct mr_window_data { /* read-only */
  struct mr_keyed_plan *keyed;
  struct mr_slices slices;
  int64_t gap_us; /* sessions; 0: slices */
  int64_t delay_us, lateness_us;
  enum mr_keyed_emit emit;
  bool divert;
  bool processing;  /* the time at which rows were read decides, and the clock closes windows */
  int64_t every_us; /* as it was written; 0: not at all */
  uint32_t et;      /* column */
};

int mr_window_plan(struct mr_op_plan *p);
void mr_window_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                    bool *in_need);

/* Rows without event time leave the selection, and count as filtered. */
void mr_window_leave_out_timeless(const struct mr_window_data *data, struct mr_keyed *k,
                                  struct mr_op_ctx *ctx, const struct mr_view *in);

/* The times that decide, by row of the view: the event times; or, in `buf`, when the rows were
 * read, and not before least_us, which the clock has passed. */
const int64_t *mr_window_times(const struct mr_window_data *data, const struct mr_keyed *k,
                               const struct mr_view *in, int64_t least_us, int64_t *buf);
/* Whether a timer of processing time is one of `every`, too. */
static inline bool mr_window_writes_at(const struct mr_window_data *data, int64_t at_us) {
  return !data->processing || (data->every_us && at_us % data->every_us == 0);
}

/* The row's own watermark: its partition's before it, or the node's if that is higher. */
static inline int64_t mr_window_own_watermark(const struct mr_window_data *data,
                                              const struct mr_view *in, uint32_t row,
                                              int64_t node_us) {
  int64_t f = in->row_frontier ? in->row_frontier[row] : MR_TIME_NONE;
  if (f == MR_TIME_NONE || f < MR_SLICES_LEAST || data->processing) return node_us;
  f -= data->delay_us;
  return f > node_us ? f : node_us;
}

#endif
