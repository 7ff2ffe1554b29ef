/* SPDX-License-Identifier: Apache-2.0 */
/* dead_letter: the rows of NODE.errors as JSON lines, without the columns that are NULL. */
#include "sink/dead_letter.h"

#include <fcntl.h>

#include "graph/compile.h"
#include "operators/operators.h"
#include "sink/writer.h"
#include "state/save.h"

#define BUF_SZ (64u << 10)

static const struct mr_opt dead_letter_opts[] = {{"path", MR_OPT_STRING,
                                                  MR_OPT_AT(struct mr_dead_letter_conf, path),
                                                  .required = true, .help = "file to append to"},
                                                 MR_OPT_END};

static int dead_letter_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct mr_dead_letter_conf *conf = ctx->conf;
  struct mr_writer *self = ctx->self;
  int rc = mr_writer_init(self, ctx, BUF_SZ, err);
  if (!rc) rc = mr_writer_encoder(self, ctx, MR_WRITER_OMIT, err);
  self->eager = true;
  mr_writer_open_later(self, conf->path);
  return rc;
}

static void dead_letter_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  mr_writer_process(ctx->self, ctx, in);
}
static void dead_letter_drain(struct mr_op_ctx *ctx) {
  mr_writer_drain(ctx->self, ctx);
}
static void dead_letter_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  (void)at_us;
  mr_writer_tick(ctx->self, ctx);
}
static void dead_letter_finish(struct mr_op_ctx *ctx) {
  mr_writer_finish(ctx->self, ctx);
}
/* ---- checkpoints: a restart takes away what was appended behind them ---- */

static const char *dead_letter_shape(const struct mr_op_plan *p) {
  const struct mr_dead_letter_conf *conf = p->conf;
  return mr_arena_printf(p->arena, "path: %s\n", conf->path);
}

static void dead_letter_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  const struct mr_dead_letter_conf *conf = ctx->conf;
  if (!mr_writer_settled(ctx->self, ctx)) return;
  struct mr_io_req req = {.kind = MR_IO_STAT, .path = conf->path};
  int64_t size = mr_io_wait(ctx->io, &req); /* of a file in the cache: no wait for a disk */
  mr_save_int(to, "bytes", size > 0 ? size : 0);
}

static int dead_letter_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  const struct mr_dead_letter_conf *conf = ctx->conf;
  struct mr_io_req req = {.kind = MR_IO_STAT, .path = conf->path};
  int64_t bytes, size = mr_io_wait(ctx->io, &req);
  if (!mr_load_int(from, "bytes", &bytes))
    return mr_error_set(err, MR_ERR_IO, "the length of %s is missing", conf->path);
  if (size <= bytes) return MR_OK;
  req = (struct mr_io_req){.kind = MR_IO_OPEN, .path = conf->path, .flags = O_WRONLY};
  int64_t fd = mr_io_wait(ctx->io, &req), rc = fd;
  if (fd >= 0) {
    req = (struct mr_io_req){.kind = MR_IO_TRUNCATE, .fd = (int)fd, .len = (uint64_t)bytes};
    rc = mr_io_wait(ctx->io, &req);
    req = (struct mr_io_req){.kind = MR_IO_CLOSE, .fd = (int)fd};
    mr_io_wait(ctx->io, &req);
  }
  if (rc >= 0) return MR_OK;
  mr_error_set_sys(err, (int)-rc, "cannot cut %s", conf->path);
  return err->code = MR_ERR_IO;
}

static void dead_letter_fini(struct mr_op_ctx *ctx) {
  mr_writer_fini(ctx->self, ctx);
}

const struct mr_op mr_op_dead_letter = {
    .name = "dead_letter",
    .help = "appends error rows to a file",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .flags = MR_OP_INTERNAL,
    .opts = dead_letter_opts,
    .conf_sz = sizeof(struct mr_dead_letter_conf),
    .self_sz = sizeof(struct mr_writer),
    .plan = mr_writer_plan,
    .need = mr_writer_need,
    .init = dead_letter_init,
    .process = dead_letter_process,
    .drain = dead_letter_drain,
    .tick = dead_letter_tick,
    .finish = dead_letter_finish,
    .shape = dead_letter_shape,
    .snapshot = dead_letter_snapshot,
    .restore = dead_letter_restore,
    .fini = dead_letter_fini,
};
