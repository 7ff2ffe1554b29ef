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
  int64_t delay_us, lateness_us;
  enum mr_keyed_emit emit;
  bool divert;
  uint32_t et; /* column */
};

int mr_window_plan(struct mr_op_plan *p);
void mr_window_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                    bool *in_need);

#endif
