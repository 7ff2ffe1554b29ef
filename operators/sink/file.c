/* SPDX-License-Identifier: Apache-2.0 */
/* file: rows into one file, as JSON lines or CSV. */
#include "graph/compile.h"
#include "operators/operators.h"
#include "sink/parts.h"

struct file_conf {
  const char *path;
  int mode;
  struct mr_writer_opts rows;
  const struct mr_tree *later; /* what is known and not available yet */
};

static const char *const modes[] = {"overwrite", "append", NULL};

static const struct mr_opt file_opts[] = {
    {"path", MR_OPT_STRING, MR_OPT_AT(struct file_conf, path), .required = true,
     .help = "file to write; folders below data_dir are made; with checkpoints a folder of parts, "
             "each of "
             "which appears when it is whole",
     .example = "out.ndjson"},
    {"format", MR_OPT_ENUM, MR_OPT_AT(struct file_conf, rows.format), .def = "json",
     .words = mr_writer_formats, .help = "how a row is written"},
    {"csv", MR_OPT_TABLE, MR_OPT_AT(struct file_conf, rows.csv), .sub = mr_csv_opts,
     .help = "how CSV is written"},
    {"mode", MR_OPT_ENUM, MR_OPT_AT(struct file_conf, mode), .def = "overwrite", .words = modes,
     .help = "what happens to a file that is there"},
    {"roll", MR_OPT_RAW, MR_OPT_AT(struct file_conf, later), .since = MR_OPT_LATER,
     .help = "when a part ends: its size or age"},
    {"partition", MR_OPT_RAW, MR_OPT_AT(struct file_conf, later), .since = MR_OPT_LATER,
     .help = "folders of parts by time"},
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
  struct mr_parts *self = ctx->self;
  struct mr_writer *w = &self->writer;
  int rc = mr_writer_init(w, ctx, 0, err);
  if (!rc) rc = mr_writer_encoder(w, ctx, (enum mr_writer_nulls)conf->rows.nulls, err);
  if (rc) return rc;
  if (!ctx->checkpoints) return mr_writer_open(w, ctx, conf->path, conf->mode == 1, err);
  return mr_parts_init(self, ctx, conf->path, conf->rows.format == 1 ? ".csv" : ".ndjson",
                       conf->mode == 1, err);
}

static void file_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_parts *self = ctx->self;
  mr_writer_process(&self->writer, ctx, in);
}
static void file_drain(struct mr_op_ctx *ctx) {
  struct mr_parts *self = ctx->self;
  mr_writer_drain(&self->writer, ctx);
}
static void file_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  struct mr_parts *self = ctx->self;
  (void)at_us;
  mr_writer_tick(&self->writer, ctx);
}
static void file_finish(struct mr_op_ctx *ctx) {
  struct mr_parts *self = ctx->self;
  if (!ctx->checkpoints) mr_writer_finish(&self->writer, ctx); /* else the last snapshot does it */
}
static void file_fini(struct mr_op_ctx *ctx) {
  mr_parts_fini(ctx->self, ctx);
}

static const char *file_shape(const struct mr_op_plan *p) {
  const struct file_conf *conf = p->conf;
  return mr_arena_printf(p->arena, "path: %s\nformat: %s\n", conf->path,
                         mr_writer_formats[conf->rows.format]);
}
static void file_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  mr_parts_snapshot(ctx->self, ctx, to);
}
static int file_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  return mr_parts_restore(ctx->self, ctx, from, err);
}
static void file_published(struct mr_op_ctx *ctx, uint64_t checkpoint) {
  mr_parts_published(ctx->self, ctx, checkpoint);
}

const struct mr_op mr_op_file_sink = {
    .name = "file",
    .help = "writes rows into a file, as JSON lines or CSV",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = file_opts,
    .conf_sz = sizeof(struct file_conf),
    .self_sz = sizeof(struct mr_parts),
    .plan = file_plan,
    .need = mr_writer_need,
    .init = file_init,
    .process = file_process,
    .drain = file_drain,
    .tick = file_tick,
    .finish = file_finish,
    .shape = file_shape,
    .snapshot = file_snapshot,
    .restore = file_restore,
    .published = file_published,
    .fini = file_fini,
};
