/* SPDX-License-Identifier: Apache-2.0 */
/* read: reads every value of every column and adds them up, so that two outputs can be compared:
 * the sum over columns c (from 0) of (2c + 1) times the column's sum. */
#include "op/read.h"

#include "base/assert.h"
#include "graph/compile.h"
#include "op/bench_op.h"
#include "worker/ctx.h"
#include "worker/run.h"

struct read {
  struct mr_bench_hash got;
};

static void read_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                      bool *in_need) {
  (void)out_need;
  for (uint32_t c = 0; c < p->in->visible_cnt; c++) in_need[c] = true;
}

static void read_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  static mr_bench_read_fn *const reads[MR_ISA_CNT] = {mr_bench_read_v2, mr_bench_read_v3,
                                                      mr_bench_read_v4};
  struct read *self = ctx->self;
  const struct mr_schema *schema = ctx->node->op_plan.in;
  MR_ASSERT(in->sel_cnt == in->row_cnt);
  for (uint32_t c = 0; c < schema->visible_cnt; c++)
    self->got.hash += (2 * c + 1) * reads[ctx->isa](&schema->fields[c], &in->cols[c], in->row_cnt,
                                                    ctx->region->base);
  self->got.rows += in->row_cnt;
  ctx->counts.rows_out += in->row_cnt;
}

const struct mr_bench_hash *mr_bench_read_of(struct mr_run *run, const char *node) {
  const struct read *self = mr_run_self(run, node, 0);
  return self ? &self->got : NULL;
}

static int read_plan(struct mr_op_plan *p) {
  (void)p;
  return MR_OK;
}

const struct mr_op mr_bench_op_read = {
    .name = "read",
    .help = "reads every column and adds up its values",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .self_sz = sizeof(struct read),
    .plan = read_plan,
    .need = read_need,
    .process = read_process,
};
