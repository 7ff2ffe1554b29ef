/* SPDX-License-Identifier: Apache-2.0 */
/* file: the lines of one file. A regular file is read by position, anything else (a named pipe,
 * /dev/stdin) as a stream. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/tree.h"
#include "operators/operators.h"
#include "producer/reader.h"

struct file_conf {
  const char *path;
  struct mr_reader_opts lines;
  bool follow;
  const char *speed;
};

struct file_source {
  struct mr_reader reader;
  bool open;
};

static const struct mr_opt file_opts[] = {
    {"path", MR_OPT_STRING, MR_OPT_AT(struct file_conf, path), .required = true,
     .help = "file to read", .example = "events.ndjson"},
    {"format", MR_OPT_ENUM, MR_OPT_AT(struct file_conf, lines.format), .words = mr_reader_formats,
     .help = "how a line is written; json unless the event says it"},
    {"csv", MR_OPT_TABLE, MR_OPT_AT(struct file_conf, lines.csv), .sub = mr_csv_opts,
     .help = "how CSV is written"},
    {"max_line", MR_OPT_SIZE, MR_OPT_AT(struct file_conf, lines.max_line), .def = "1MiB", .min = 1,
     .max = 1 << 30, .help = "longest line; a longer one is a dead letter"},
    {"follow", MR_OPT_BOOL, MR_OPT_AT(struct file_conf, follow), .def = "false",
     .since = MR_OPT_DEFAULT_ONLY, .help = "wait for more at the end of the file"},
    {"speed", MR_OPT_STRING, MR_OPT_AT(struct file_conf, speed), .def = "max",
     .help = "max; by the rows' event time (recorded, 10x) later"},
    MR_OPT_END};

static int check_path(struct mr_op_plan *p, const char *path) {
  struct mr_tree *at = mr_tree_get(p->tree, "path");
  struct stat st;
  bool there = stat(path, &st) == 0;
  int why = there ? 0 : errno;
  if (!there && strpbrk(path, "*?["))
    return mr_op_error(p, at, MR_CODE_NOT_AVAILABLE, "patterns in path are not available yet");
  if (p->plan->no_inputs) return MR_OK;
  struct mr_error err;
  if (!there)
    mr_error_set_sys(&err, why, "cannot read %s", path);
  else if (S_ISDIR(st.st_mode))
    mr_error_set_sys(&err, EISDIR, "cannot read %s", path);
  else if (access(path, R_OK) < 0)
    mr_error_set_sys(&err, errno, "cannot read %s", path);
  else
    return MR_OK;
  return mr_op_error(p, at, MR_CODE_NO_INPUT, "%s", err.text);
}

static int file_plan(struct mr_op_plan *p) {
  const struct file_conf *conf = p->conf;
  int rc = check_path(p, conf->path);
  if (strcmp(conf->speed, "max") != 0)
    rc = mr_op_error(p, mr_tree_get(p->tree, "speed"), MR_CODE_NOT_AVAILABLE,
                     "speed other than max is not available yet");
  int reader_rc = mr_reader_plan(p, &conf->lines);
  return rc ? rc : reader_rc;
}

static int file_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct file_conf *conf = ctx->conf;
  struct file_source *self = ctx->self;
  struct mr_io_req req = {.kind = MR_IO_OPEN, .path = conf->path, .flags = O_RDONLY};
  int64_t fd = mr_io_wait(ctx->io, &req);
  if (fd < 0) {
    mr_error_set_sys(err, (int)-fd, "cannot read %s", conf->path);
    return err->code = MR_ERR_IO;
  }
  self->reader.conf.fd = (int)fd;
  self->open = true;
  req = (struct mr_io_req){.kind = MR_IO_STAT, .fd = (int)fd};
  int64_t size = mr_io_wait(ctx->io, &req);
  bool regular = size >= 0 && S_ISREG(req.mode);
  struct mr_reader_conf reader = {
      .name = conf->path,
      .fd = (int)fd,
      .stream = !regular,
      .total = regular ? (uint64_t)size : 0,
  };
  return mr_reader_init(&self->reader, ctx, &reader, err);
}

static enum mr_poll file_poll(struct mr_op_ctx *ctx) {
  struct file_source *self = ctx->self;
  return mr_reader_poll(&self->reader, ctx);
}

static void file_fini(struct mr_op_ctx *ctx) {
  struct file_source *self = ctx->self;
  mr_reader_fini(&self->reader);
  if (!self->open || self->reader.conf.stream) return; /* a stream may be in a blocked read */
  struct mr_io_req req = {.kind = MR_IO_CLOSE, .fd = self->reader.conf.fd};
  mr_io_wait(ctx->io, &req);
  self->open = false;
}

const struct mr_op mr_op_file_source = {
    .name = "file",
    .help = "reads the lines of a file",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .opts = file_opts,
    .conf_sz = sizeof(struct file_conf),
    .self_sz = sizeof(struct file_source),
    .plan = file_plan,
    .init = file_init,
    .poll = file_poll,
    .fini = file_fini,
};
