/* SPDX-License-Identifier: Apache-2.0 */
/* filter: rows for which a condition is true pass. It writes its own selection and moves no data.
 */
#include "expr/expr.h"
#include "graph/compile.h"
#include "operators/operators.h"
#include "worker/ctx.h"

struct filter_conf {
  struct mr_opt_expr where;
};

struct filter_data {
  const struct mr_expr *where;
};

struct filter {
  struct mr_expr_frame frame;
  struct mr_view view;
  uint64_t sel[MR_BATCH_WORDS], err[MR_BATCH_WORDS];
};

static const struct mr_opt filter_opts[] = {
    {"where", MR_OPT_EXPR, MR_OPT_AT(struct filter_conf, where), .required = true,
     .help = "rows for which this is true pass", .example = "severity IN ('high', 'critical')"},
    MR_OPT_END};

static int filter_plan(struct mr_op_plan *p) {
  const struct filter_conf *conf = p->conf;
  struct filter_data *data = MR_NEW(p->arena, struct filter_data, 1);
  data->where = mr_op_expr(p, &conf->where, MR_TYPE_BOOL);
  if (!data->where) return MR_ERR_CONF;
  p->data = data;
  p->outs[MR_OUT_MAIN].schema = p->in;
  return MR_OK;
}

static void filter_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                        bool *in_need) {
  const struct filter_data *data = p->data;
  for (uint32_t c = 0; c < p->in->cnt; c++)
    in_need[c] = data->where->reads[c] || (out_need[MR_OUT_MAIN] && out_need[MR_OUT_MAIN][c]);
}

static int filter_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct filter *self = ctx->self;
  const struct filter_data *data = ctx->data;
  return mr_expr_frame_init(&self->frame, ctx->arena, ctx->region_rw, &data->where, 1, ctx->isa,
                            "expressions", err);
}

static int filter_cause(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  struct filter *self = ctx->self;
  const struct filter_data *data = ctx->data;
  return mr_expr_cause(data->where, &self->frame, row, text, sz);
}

static void filter_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct filter *self = ctx->self;
  const struct filter_data *data = ctx->data;
  self->frame.now_us = ctx->now_us;
  self->frame.now_alone = !ctx->virtual_clock;
  mr_expr_frame_reset(&self->frame);
  struct mr_expr_counts n = mr_expr_where(data->where, &self->frame, in, self->sel, self->err);
  ctx->counts.filtered += in->sel_cnt - n.pass - n.err;
  if (n.err) mr_reject_rows(ctx, in, self->err, filter_cause);
  if (!n.pass) return;
  self->view = *in;
  self->view.sel = self->sel;
  self->view.sel_cnt = n.pass;
  mr_emit(ctx, MR_OUT_MAIN, &self->view);
}

const struct mr_op mr_op_filter = {
    .name = "filter",
    .help = "passes the rows for which a condition is true",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_PASSES,
    .opts = filter_opts,
    .conf_sz = sizeof(struct filter_conf),
    .self_sz = sizeof(struct filter),
    .plan = filter_plan,
    .need = filter_need,
    .init = filter_init,
    .process = filter_process,
};
