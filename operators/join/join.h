/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_JOIN_JOIN_H
#define MR_OPERATORS_JOIN_JOIN_H

/* join: rows of two inputs with the same key and near each other in event time.
 *
 *   a row in time of one side --> held by key and time until the watermark says that no row of the
 *                                 other side can match it any more
 *                             --> looked for among the held rows of the other side: pairs go out
 *
 * A row that waits for a match which may be none (kind: left, full) is noted by the time at which
 * that is certain, and then goes out alone. What goes out is the same for any order in which the
 * sides come, as long as rows are in time. */

#include "graph/opt.h"
#include "operators/join/in_time.h"
#include "operators/window/output.h"
#include "state/due.h"
#include "state/held.h"

enum mr_join_kind { MR_JOIN_INNER, MR_JOIN_LEFT, MR_JOIN_FULL };
enum mr_join_from {
  MR_JOIN_OF_LEFT,
  MR_JOIN_OF_RIGHT,
  MR_JOIN_WINDOW_START,
  MR_JOIN_WINDOW_END,
  MR_JOIN_NUMBER
};

struct mr_join_col { /* of the output */
  enum mr_join_from from;
  uint32_t col; /* of that side */
};

struct mr_join_side {
  const struct mr_schema *in;
  uint32_t et;
  uint32_t key_cols[MR_KEYS_MAX];
  bool outer;        /* rows without a match go out too */
  int64_t ahead_us;  /* the other side's rows that match are at most this much later, */
  int64_t behind_us; /* and this much earlier */
  int32_t *late;     /* by column of NODE.late: column of this side, -1: none */
};

struct mr_join_plan { /* read-only, shared by instances */
  struct mr_join_side sides[2];
  struct mr_schema *key_schema; /* of both sides: one field per key */
  struct mr_keys keys;
  bool key_text[2][MR_KEYS_MAX]; /* codes of this side are compared as texts */
  int64_t window_us, offset_us;  /* windows; 0: within */
  const struct mr_schema *out, *late;
  struct mr_join_col *cols; /* by visible output column */
  uint32_t late_cnt;
  uint64_t max_state;
  bool divert, dead_letter;
};

struct mr_join_within {
  int64_t before, after;
};
struct mr_join_shape {
  int64_t tumbling, later, offset;
  int kind;
};
struct mr_join_conf {
  struct mr_tree *left, *right, *key;
  struct mr_join_within within;
  struct mr_join_shape window;
  int kind;
  struct mr_opt_exprs select;
  int64_t delay;
  bool within_given, window_given, delay_given;
  int late, on_full;
  uint64_t max_state;
};

extern const struct mr_opt mr_join_opts[];

int mr_join_plan(struct mr_op_plan *p);
void mr_join_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                  bool *in_need);

/* ---- rows that go out: join_out.c ---- */

#define MR_JOIN_MATCHED 1u /* flag of a held row */

/* Where the rows of one side come from. */
struct mr_join_rows {
  const struct mr_view *view;      /* rows of a view by number, or */
  const struct mr_held_form *form; /* held rows; both NULL: there is no row, all is NULL */
  uint32_t idx[MR_BATCH_ROWS];     /* of the view */
  const struct mr_held_row *held[MR_BATCH_ROWS];
};

struct mr_join_out {
  const struct mr_join_plan *plan;
  struct mr_join_rows rows[2];
  int64_t numbers[MR_BATCH_ROWS]; /* of MR_JOIN_NUMBER: the owner's */
  uint32_t pos, cnt;              /* of the rows that wait: from pos on */
  int32_t *kept[2]; /* by column of a side: index among the form's columns, -1: not kept */
  uint64_t t0_ns;
  struct mr_output errors; /* for mr_error_rows */
};

/* Emits a batch of the rows that wait. True while some are left. */
bool mr_join_emit(struct mr_join_out *o, struct mr_op_ctx *ctx);

#endif
