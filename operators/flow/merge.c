/* SPDX-License-Identifier: Apache-2.0 */
/* merge: one stream of several with the same columns. That a node reads a list is the planner's
 * work, and whose frontier counts the worker's; here the rows only get a name. */
#include "operators/operators.h"
#include "worker/ctx.h"

static void merge_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  mr_emit(ctx, MR_OUT_MAIN, in);
}

static void merge_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                       bool *in_need) {
  for (uint32_t c = 0; c < p->in->cnt; c++)
    in_need[c] = out_need[MR_OUT_MAIN] && out_need[MR_OUT_MAIN][c];
}

const struct mr_op mr_op_merge = {
    .name = "merge",
    .help = "one stream of several that have the same columns",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_PASSES,
    .need = merge_need,
    .process = merge_process,
};
