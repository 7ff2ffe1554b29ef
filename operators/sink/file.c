/* SPDX-License-Identifier: Apache-2.0 */
/* file: rows into one file, as JSON lines or CSV. */
#include "graph/compile.h"
#include "operators/operators.h"
#include "sink/writer.h"

struct file_conf {
  const char *path;
  int mode;
  struct mr_writer_opts rows;
};

static const char *const modes[] = {"overwrite", "append", NULL};

static const struct mr_opt file_opts[] = {
    {"path", MR_OPT_STRING, MR_OPT_AT(struct file_conf, path), .required = true,
     .help = "file to write; folders below data_dir are made", .example = "out.ndjson"},
    {"format", MR_OPT_ENUM, MR_OPT_AT(struct file_conf, rows.format), .def = "json",
     .words = mr_writer_formats, .help = "how a row is written"},
    {"csv", MR_OPT_TABLE, MR_OPT_AT(struct file_conf, rows.csv), .sub = mr_csv_opts,
     .help = "how CSV is written"},
    {"mode", MR_OPT_ENUM, MR_OPT_AT(struct file_conf, mode), .def = "overwrite", .words = modes,
     .help = "what happens to a file that is there"},
    {"nulls", MR_OPT_ENUM, MR_OPT_AT(struct file_conf, rows.nulls), .def = "keep",
     .words = mr_writer_null_words,
     .help = "what becomes of NULLs; own: those of columns that the event's type has not are "
             "left out"},
    MR_OPT_END};

static int file_plan(struct mr_op_plan *p) {
  const struct file_conf *conf = p->conf;
  return mr_writer_plan_opts(p, &conf->rows);
}

static int file_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct file_conf *conf = ctx->conf;
  struct mr_writer *self = ctx->self;
  int rc = mr_writer_init(self, ctx, 0, err);
  if (!rc) rc = mr_writer_encoder(self, ctx, (enum mr_writer_nulls)conf->rows.nulls, err);
  if (!rc) rc = mr_writer_open(self, ctx, conf->path, conf->mode == 1, err);
  return rc;
}

static void file_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  mr_writer_process(ctx->self, ctx, in);
}
static void file_drain(struct mr_op_ctx *ctx) {
  mr_writer_drain(ctx->self, ctx);
}
static void file_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  (void)at_us;
  mr_writer_tick(ctx->self, ctx);
}
static void file_finish(struct mr_op_ctx *ctx) {
  mr_writer_finish(ctx->self, ctx);
}
static void file_fini(struct mr_op_ctx *ctx) {
  mr_writer_fini(ctx->self, ctx);
}

const struct mr_op mr_op_file_sink = {
    .name = "file",
    .help = "writes rows into a file, as JSON lines or CSV",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = file_opts,
    .conf_sz = sizeof(struct file_conf),
    .self_sz = sizeof(struct mr_writer),
    .plan = file_plan,
    .need = mr_writer_need,
    .init = file_init,
    .process = file_process,
    .drain = file_drain,
    .tick = file_tick,
    .finish = file_finish,
    .fini = file_fini,
};
