/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_WINDOW_OUTPUT_H
#define MR_OPERATORS_WINDOW_OUTPUT_H

/* Rows of state as output batches, at most MR_BATCH_ROWS at a time and resumable anywhere: a batch
 * whose heap is full goes out, and the rest of the rows waits for the next call. Rows whose select
 * is an error value go to NODE.errors. */

#include "operators/window/keyed.h"

struct mr_output_col { /* one column of the inner rows, in the region */
  void *data;
  uint64_t *valid, *err;
  bool has_null, used; /* used: an output column reads it */
};

struct mr_output {
  const struct mr_keyed_plan *plan;
  struct mr_expr_frame frame;
  struct mr_output_col *inner;
  struct mr_col *cols; /* the same as columns of a view */
  struct mr_vec *vecs; /* by select */
  const bool *need;    /* by output column */

  struct mr_row *rows[MR_BATCH_ROWS];                     /* waiting: from pos to cnt */
  int64_t start_us[MR_BATCH_ROWS], end_us[MR_BATCH_ROWS]; /* of their windows */
  uint32_t pos, cnt;
  uint64_t err[MR_BATCH_WORDS]; /* rows in error, from pos on */

  /* of the item that made the rows come out */
  uint16_t source;
  int64_t now_us;
  uint64_t t0_ns;
  int64_t frontier_us;     /* the node's watermark before it */
  int64_t frontier_end_us; /* and behind its last row */
};

int mr_output_init(struct mr_output *o, struct mr_op_ctx *ctx, const struct mr_keyed_plan *plan,
                   struct mr_error *err);

/* Asks for more rows, when those before are written: fills rows and the times of their windows up
 * to max, returns how many; 0: there are no more. */
typedef uint32_t (*mr_output_more_fn)(struct mr_op_ctx *ctx, struct mr_row **rows,
                                      int64_t *start_us, int64_t *end_us, uint32_t max);

/* Emits one batch, if there are rows, and says whether there may be more. To be called once per
 * drain. */
bool mr_output_emit(struct mr_output *o, struct mr_op_ctx *ctx, const struct mr_space *space,
                    mr_output_more_fn more);

/* Says where rows come from, for the batches that follow: the view that is being processed, or with
 * NULL a timer or frontier. */
void mr_output_because(struct mr_output *o, struct mr_op_ctx *ctx, const struct mr_view *in);

/* ---- error_row.c ---- */

struct mr_error_row {
  int code;
  const char *cause;
};
/* Writes the rows to NODE.errors as the node's on_error says; at most MR_BATCH_ROWS. Not input
 * rows: they have neither position nor row text. */
void mr_error_rows(struct mr_op_ctx *ctx, const struct mr_output *o,
                   const struct mr_error_row *rows, uint32_t cnt);

#endif
