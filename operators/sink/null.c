/* SPDX-License-Identifier: Apache-2.0 */
/* null: takes rows and forgets them. It asks for all columns, so that a benchmark pays for them,
 * unless `columns: none`. */
#include "graph/compile.h"
#include "operators/operators.h"
#include "worker/ctx.h"

struct null_conf {
  int columns;
};

static const char *const null_columns[] = {"all", "none", NULL};
static const struct mr_opt null_opts[] = {
    {"columns", MR_OPT_ENUM, MR_OPT_AT(struct null_conf, columns), .def = "all",
     .words = null_columns, .help = "which columns are made for it; none prunes them"},
    MR_OPT_END};

static int null_plan(struct mr_op_plan *p) {
  (void)p;
  return MR_OK;
}

static void null_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                      bool *in_need) {
  const struct null_conf *conf = p->conf;
  (void)out_need;
  for (uint32_t c = 0; c < p->in->visible_cnt; c++) in_need[c] = conf->columns == 0;
}

static void null_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  ctx->counts.rows_out += in->sel_cnt;
}

const struct mr_op mr_op_null = {
    .name = "null",
    .help = "takes rows and forgets them",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = null_opts,
    .conf_sz = sizeof(struct null_conf),
    .plan = null_plan,
    .need = null_need,
    .process = null_process,
};
