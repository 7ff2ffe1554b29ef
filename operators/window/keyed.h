/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_WINDOW_KEYED_H
#define MR_OPERATORS_WINDOW_KEYED_H

/* What window and group have in common: options, the plan of keys, aggregates and output columns,
 * and how the rows of a view get into a table.
 *
 *   input rows --where--> --aggregates' arguments--> folds of a table (state room)
 *   a table's rows -> inner rows: window_start, window_end, keys, one column per aggregate ->
 * select -> output
 *
 * All expressions of a row are evaluated before any aggregate changes. */

#include "expr/expr.h"
#include "graph/op.h"
#include "graph/opt.h"
#include "state/table.h"
#include "state/table_save.h"
#include "state/tally.h"
#include "worker/ctx.h"

#define MR_KEYED_COMPLETE_ROWS_MAX 1000000u /* rows of the table that emit: complete writes out */
#define MR_KEYED_CODE_FULL         3041     /* MR3041: no room for a new group */
#define MR_KEYED_CODE_LARGE        3042     /* MR3042: a list larger than a batch can hold */

enum mr_keyed_emit { MR_EMIT_FINAL, MR_EMIT_UPDATE, MR_EMIT_COMPLETE };
enum mr_keyed_on_full { MR_ON_FULL_FAIL, MR_ON_FULL_DEAD_LETTER };

struct mr_keyed_conf {
  struct mr_opt_strings key;
  struct mr_opt_expr where;
  struct mr_opt_exprs select;
  int64_t every;
  bool every_given;
  int64_t max_keys;
  uint64_t max_state;
  int on_full;
};

extern const char *const mr_keyed_full_words[];

/* Rows of an option table; T has the struct mr_keyed_conf as member `keyed`. */
#define MR_KEYED_OPTS(T)                                                                           \
  {"key", MR_OPT_NAMES, MR_OPT_AT(T, keyed.key), .help = "columns whose values make a group",      \
   .example = "[city, event_type]"},                                                               \
      {"where", MR_OPT_EXPR, MR_OPT_AT(T, keyed.where),                                            \
       .help = "only rows for which this is true are aggregated",                                  \
       .example = "severity IN ('high', 'critical')"},                                             \
      {"select", MR_OPT_EXPRS, MR_OPT_AT(T, keyed.select),                                         \
       .help = "output columns behind the keys: expressions over aggregates and keys; without it " \
               "count: count(*)",                                                                  \
       .example = "{ events: count(*), last_seen: max(timestamp) }"},                              \
      {"every",                                                                                    \
       MR_OPT_DURATION_US,                                                                         \
       MR_OPT_AT(T, keyed.every),                                                                  \
       .min = 1000,                                                                                \
       .max = 3.2e15,                                                                              \
       .given = MR_OPT_REF(T, keyed.every_given),                                                  \
       .help =                                                                                     \
           "emit update or complete: at most once in this time; without it after every batch"},    \
      {"max_keys",                                                                                 \
       MR_OPT_INT64,                                                                               \
       MR_OPT_AT(T, keyed.max_keys),                                                               \
       .def = "0",                                                                                 \
       .min = 0,                                                                                   \
       .max = 4e9,                                                                                 \
       .help = "groups that may be open at a time in one instance; 0: no bound"},                  \
      {"max_state",                                                                                \
       MR_OPT_SIZE,                                                                                \
       MR_OPT_AT(T, keyed.max_state),                                                              \
       .def = "256MiB",                                                                            \
       .min = 1 << 20,                                                                             \
       .max = 6.4e10,                                                                              \
       .help = "memory that the groups of one instance may take"},                                 \
  {                                                                                                \
    "on_full", MR_OPT_ENUM, MR_OPT_AT(T, keyed.on_full),                                           \
        .def = "fail", .words = mr_keyed_full_words,                                               \
        .help = "rows of new groups beyond max_keys or max_state: stop the graph, or dead letters" \
  }

struct mr_keyed_call {                /* an aggregate, as the fold of the same index needs it */
  const struct mr_expr *arg, *filter; /* or NULL */
  uint32_t arg_idx, filter_idx;       /* among inner_exprs */
};

struct mr_keyed_plan { /* read-only, shared by the instances */
  bool windowed;       /* the inner rows begin with window_start and window_end */
  uint32_t first_key;  /* inner and output column of the first key */
  struct mr_keys keys;
  struct mr_folds folds;
  struct mr_keyed_call *calls;
  const struct mr_expr *where;        /* or NULL */
  const struct mr_expr **inner_exprs; /* where, arguments, filters */
  uint32_t inner_expr_cnt;
  struct mr_schema *inner; /* what select is evaluated over */
  const struct mr_schema *out;
  const struct mr_expr **selects;
  uint32_t select_cnt;
  uint32_t head_cnt; /* output columns before those of select */
  uint64_t max_state, max_keys;
  bool dead_letter; /* on_full */
};

struct mr_keyed_kind {
  bool windowed;     /* rows begin with window_start and window_end */
  bool merges;       /* rows of state will be merged */
  bool hashed;       /* keys are packed words, never numbers, and at least one */
  uint32_t extra_sz; /* bytes behind the key of a row of state, the operator's own; of 8 */
};

/* Reads options and sets p's key_cols, outs[MAIN], state_max, can_fail and every_us. NULL when
 * errors were reported. words_of: what the rows are called in messages. */
struct mr_keyed_plan *mr_keyed_plan(struct mr_op_plan *p, const struct mr_keyed_conf *conf,
                                    enum mr_keyed_emit emit, struct mr_keyed_kind kind);
void mr_keyed_need(const struct mr_op_plan *p, const struct mr_keyed_plan *plan, bool *in_need);

struct mr_keyed {
  const struct mr_keyed_plan *plan;
  struct mr_expr_frame frame;
  struct mr_space space;
  struct mr_key_batch keys;
  struct mr_tally tally;
  uint32_t tally_table; /* table that the tally's counts belong to; 0: nothing is counted */
  uint32_t tally_batches;
  bool can_tally;
  bool touch;       /* changed rows are noted; the caller may set it before each add */
  bool tally_touch; /* the same for what is in the tally */
  const struct mr_state_kernels *kernels;
  struct mr_fold_in *ins;
  uint64_t (*pass)[MR_BATCH_WORDS]; /* by fold: rows that its filter lets through */
  bool *done;                       /* by inner expression: evaluated for this view */
  const int64_t *et;                /* of the batch; NULL: rows have no event time */
  uint64_t seq;                     /* of the arrival of the batch's first row */
  uint64_t sel[MR_BATCH_WORDS];     /* rows of the view that are still to be added */
  uint32_t sel_cnt;
  uint64_t err[MR_BATCH_WORDS]; /* rows that are error values or found no room */
  uint64_t full[MR_BATCH_WORDS];
  uint32_t err_cnt;
  bool failed;
  uint16_t rows[MR_BATCH_ROWS + MR_ROWS_PAD];
  struct mr_row *state[MR_BATCH_ROWS];
};

int mr_keyed_init(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_keyed_plan *plan,
                  enum mr_keyed_emit emit, struct mr_error *err);

/* One view:  begin -> (the caller takes rows out of k->sel) -> values -> add, once per table -> end
 */

/* Takes the view's selection and leaves those rows for which where is true. Counts filtered rows.
 */
void mr_keyed_begin(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in);
/* Evaluates the aggregates' arguments over k->sel; rows in error leave it. */
void mr_keyed_values(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in);
/* Adds the selected rows, cnt of them and all part of k->sel, to the table. */
void mr_keyed_add(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in,
                  uint32_t table, const uint64_t *sel, uint32_t cnt);
/* Adds the listed rows, which are part of k->sel. mr_keys_begin must have been called for the
 * view.
 */
void mr_keyed_add_rows(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in,
                       uint32_t table, const uint16_t *rows, uint32_t cnt);
/* Says that these rows found no room at all: no table could be made for them. */
void mr_keyed_no_room(struct mr_keyed *k, struct mr_op_ctx *ctx, const uint16_t *rows,
                      uint32_t cnt);
/* Reports the rows in error and counts those that were added. */
void mr_keyed_end(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in);

/* Brings what was counted beside the tables into them: before a table is read or dropped. */
void mr_keyed_flush(struct mr_keyed *k, struct mr_op_ctx *ctx);
/* Stops the graph when merging rows found no room. */
void mr_keyed_check_room(struct mr_keyed *k, struct mr_op_ctx *ctx);
/* Stops the graph when the table is larger than emit: complete writes out. After mr_keyed_flush. */
void mr_keyed_check_complete(struct mr_keyed *k, struct mr_op_ctx *ctx);

/* ---- checkpoints (keyed_save.c) ---- */

struct mr_lines;
/* Adds the facts on which rows of state hang: keys, where, select. */
void mr_keyed_shape(const struct mr_op_plan *p, const struct mr_keyed_conf *conf,
                    struct mr_lines *out);
/* Brings what is counted beside the tables into them, and writes what is no table. */
void mr_keyed_snapshot(struct mr_keyed *k, struct mr_op_ctx *ctx, struct mr_save *to);
void mr_keyed_restore(struct mr_keyed *k, const struct mr_load *from);
/* Behind the last row of a loader: MR_OK, or why it is not the last. */
int mr_keyed_load_failed(const struct mr_table_loader *l, struct mr_error *err);

#endif
