/* SPDX-License-Identifier: Apache-2.0 */
/* stdin: the lines of standard input, as they come. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/compile.h"
#include "graph/tree.h"
#include "operators/operators.h"
#include "producer/reader.h"

struct stdin_conf {
  struct mr_reader_opts lines;
};

static const struct mr_opt stdin_opts[] = {
    {"format", MR_OPT_ENUM, MR_OPT_AT(struct stdin_conf, lines.format), .words = mr_reader_formats,
     .help = "how a line is written; json unless the event says it"},
    {"csv", MR_OPT_TABLE, MR_OPT_AT(struct stdin_conf, lines.csv), .sub = mr_csv_opts,
     .help = "how CSV is written"},
    {"max_line", MR_OPT_SIZE, MR_OPT_AT(struct stdin_conf, lines.max_line), .def = "1MiB", .min = 1,
     .max = 1 << 30, .help = "longest line; a longer one is a dead letter"},
    MR_OPT_END};

static int stdin_plan(struct mr_op_plan *p) {
  const struct stdin_conf *conf = p->conf;
  return mr_reader_plan(p, &conf->lines);
}

static int stdin_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_STAT, .fd = STDIN_FILENO};
  int64_t size = mr_io_wait(ctx->io, &req);
  if (size < 0) {
    mr_error_set_sys(err, (int)-size, "cannot read standard input");
    return err->code = MR_ERR_IO;
  }
  struct mr_reader_conf reader = {
      .name = "stdin",
      .fd = STDIN_FILENO,
      .stream = true,
      .total = S_ISREG(req.mode) && !ctx->instance ? (uint64_t)size : 0,
  };
  if (ctx->takers > 1) reader.share = ctx->shared;
  int rc = MR_OK;
  if (reader.share && !ctx->instance)
    rc = mr_share_init(reader.share, ctx, reader.name, STDIN_FILENO, err);
  if (rc || (ctx->instance && !reader.share)) return rc;
  return mr_reader_init(ctx->self, ctx, &reader, err);
}

static enum mr_poll stdin_poll(struct mr_op_ctx *ctx) {
  if (ctx->instance >= ctx->takers) return MR_POLL_END;
  return mr_reader_poll(ctx->self, ctx);
}

static bool stdin_replay(struct mr_op_ctx *ctx, struct mr_replay_lines *lines) {
  return mr_reader_replay(ctx->self, ctx, lines);
}

static void stdin_fini(struct mr_op_ctx *ctx) {
  mr_reader_fini(ctx->self);
  if (ctx->instance + 1 == ctx->node->instance_cnt) mr_share_fini(ctx->shared, ctx);
}

const struct mr_op mr_op_stdin = {
    .name = "stdin",
    .help = "reads the lines of standard input",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .flags = MR_OP_TURNS,
    .opts = stdin_opts,
    .conf_sz = sizeof(struct stdin_conf),
    .self_sz = sizeof(struct mr_reader),
    .shared_sz = sizeof(struct mr_share),
    .plan = stdin_plan,
    .init = stdin_init,
    .poll = stdin_poll,
    .fini = stdin_fini,
    .replay = stdin_replay,
};
