/* SPDX-License-Identifier: Apache-2.0 */
/* stdout: rows to standard output, as JSON lines or CSV, each batch as soon as it is there (with
 * `every`, once per interval). */
#include <unistd.h>

#include "graph/compile.h"
#include "graph/plan.h"
#include "operators/operators.h"
#include "sink/writer.h"

struct stdout_conf {
  struct mr_writer_opts rows;
};

static const struct mr_opt stdout_opts[] = {
    {"format", MR_OPT_ENUM, MR_OPT_AT(struct stdout_conf, rows.format), .def = "json",
     .words = mr_writer_formats, .help = "how a row is written"},
    {"csv", MR_OPT_TABLE, MR_OPT_AT(struct stdout_conf, rows.csv), .sub = mr_csv_opts,
     .help = "how CSV is written"},
    {"nulls", MR_OPT_ENUM, MR_OPT_AT(struct stdout_conf, rows.nulls), .def = "keep",
     .words = mr_writer_null_words,
     .help = "what becomes of NULLs; own: those of columns that the event's type has not are "
             "left out"},
    MR_OPT_END};

static int stdout_plan(struct mr_op_plan *p) {
  const struct stdout_conf *conf = p->conf;
  return mr_writer_plan_opts(p, &conf->rows);
}

static int stdout_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct stdout_conf *conf = ctx->conf;
  struct mr_writer *self = ctx->self;
  int rc = mr_writer_init(self, ctx, 0, err);
  if (!rc) rc = mr_writer_encoder(self, ctx, (enum mr_writer_nulls)conf->rows.nulls, err);
  if (rc) return rc;
  int64_t every = ctx->node->op_plan.every_us;
  self->eager = !every || every == MR_WRITER_FLUSH_US;
  mr_writer_attach(self, STDOUT_FILENO, "standard output");
  return MR_OK;
}

static void stdout_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  mr_writer_process(ctx->self, ctx, in);
}
static void stdout_drain(struct mr_op_ctx *ctx) {
  mr_writer_drain(ctx->self, ctx);
}
static void stdout_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  (void)at_us;
  mr_writer_tick(ctx->self, ctx);
}
static void stdout_finish(struct mr_op_ctx *ctx) {
  mr_writer_finish(ctx->self, ctx);
}
/* What was taken is out before the checkpoint counts it. */
static void stdout_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  (void)to;
  mr_writer_settled(ctx->self, ctx);
}
static void stdout_fini(struct mr_op_ctx *ctx) {
  mr_writer_fini(ctx->self, ctx);
}

const struct mr_op mr_op_stdout = {
    .name = "stdout",
    .help = "writes rows to standard output, as JSON lines or CSV",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = stdout_opts,
    .conf_sz = sizeof(struct stdout_conf),
    .self_sz = sizeof(struct mr_writer),
    .plan = stdout_plan,
    .need = mr_writer_need,
    .init = stdout_init,
    .process = stdout_process,
    .drain = stdout_drain,
    .tick = stdout_tick,
    .finish = stdout_finish,
    .snapshot = stdout_snapshot,
    .fini = stdout_fini,
};
