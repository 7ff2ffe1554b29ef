/* SPDX-License-Identifier: Apache-2.0 */
/* file: the lines of one file, or of several one after another. A regular file is read by position,
 * anything else (a named pipe, /dev/stdin) as a stream. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/tree.h"
#include "operators/operators.h"
#include "producer/reader.h"

#define SPEED_MIN 1e-6
#define SPEED_MAX 1e9

struct file_conf {
  const char *path;
  struct mr_reader_opts lines;
  bool follow;
  const char *speed;
};

struct file_source {
  struct mr_reader reader;
  struct mr_files files;
  bool listed;
};

static const struct mr_opt file_opts[] = {
    {"path", MR_OPT_STRING, MR_OPT_AT(struct file_conf, path), .required = true,
     .help = "file to read; with *, ? or [a-z] all that match, in the order of their names",
     .example = "events.ndjson"},
    {"format", MR_OPT_ENUM, MR_OPT_AT(struct file_conf, lines.format), .words = mr_reader_formats,
     .help = "how a line is written; json unless the event says it"},
    {"csv", MR_OPT_TABLE, MR_OPT_AT(struct file_conf, lines.csv), .sub = mr_csv_opts,
     .help = "how CSV is written"},
    {"max_line", MR_OPT_SIZE, MR_OPT_AT(struct file_conf, lines.max_line), .def = "1MiB", .min = 1,
     .max = 1 << 30, .help = "longest line; a longer one is a dead letter"},
    {"follow", MR_OPT_BOOL, MR_OPT_AT(struct file_conf, follow), .def = "false",
     .help = "goes on at the end of the file when it grows, is renamed, replaced or cut short, and "
             "waits for one that is not there"},
    {"speed", MR_OPT_STRING, MR_OPT_AT(struct file_conf, speed), .def = "max", .example = "10x",
     .help = "max; recorded: as far apart as their event times; 10x: so many times as fast"},
    MR_OPT_END};

/* max is 0. False: it is none of the three. */
static bool read_speed(const char *text, double *speed) {
  size_t len = strlen(text);
  *speed = 0;
  if (!strcmp(text, "max")) return true;
  *speed = 1;
  if (!strcmp(text, "recorded")) return true;
  if (len < 2 || text[len - 1] != 'x' || mr_double_parse(text, len - 1, speed)) return false;
  return *speed >= SPEED_MIN && *speed <= SPEED_MAX;
}

static int plan_speed(struct mr_op_plan *p, const char *text) {
  struct mr_tree *at = mr_tree_get(p->tree, "speed");
  double speed;
  if (!read_speed(text, &speed))
    return mr_op_error(
        p, at, MR_CODE_OUT_OF_RANGE,
        "speed is max, recorded or a factor from 0.000001x to 1000000000x, not \"%s\"", text);
  if (speed == 0) return MR_OK;
  if (p->in->event_time < 0)
    return mr_op_error(p, at, MR_CODE_KEYS_CLASH,
                       "speed %s goes by event times, and the event has no event_time", text);
  p->uses_time = true;
  if (!p->plan->runtime.virtual_clock) p->outs[MR_OUT_MAIN].hidden = MR_HAS_T0;
  return MR_OK;
}

static int check_file(const char *path, struct mr_error *err) {
  struct stat st;
  if (stat(path, &st) < 0) return mr_error_set_sys(err, errno, "cannot read %s", path);
  if (S_ISDIR(st.st_mode)) return mr_error_set_sys(err, EISDIR, "cannot read %s", path);
  if (access(path, R_OK) < 0) return mr_error_set_sys(err, errno, "cannot read %s", path);
  return MR_OK;
}

static int check_path(struct mr_op_plan *p, const struct file_conf *conf) {
  struct mr_error err = {0};
  if (p->plan->no_inputs || conf->follow) return MR_OK;
  int rc = MR_OK;
  if (mr_files_is_pattern(conf->path)) {
    const char **names;
    uint32_t cnt;
    rc = mr_files_match(conf->path, p->arena, &names, &cnt, &err);
    if (!rc && !cnt) rc = mr_error_set(&err, MR_ERR_NOENT, "no file matches %s", conf->path);
    for (uint32_t i = 0; i < cnt && !rc; i++) rc = check_file(names[i], &err);
  } else {
    rc = check_file(conf->path, &err);
  }
  if (!rc) return MR_OK;
  return mr_op_error(p, mr_tree_get(p->tree, "path"), MR_CODE_NO_INPUT, "%s", err.text);
}

static int file_plan(struct mr_op_plan *p) {
  const struct file_conf *conf = p->conf;
  int path_rc = check_path(p, conf), speed_rc = plan_speed(p, conf->speed);
  int rc = mr_reader_plan(p, &conf->lines);
  return path_rc ? path_rc : speed_rc ? speed_rc : rc;
}

/* Opens the first file: one that cannot be read is better known before anything runs. */
static int open_first(struct mr_op_ctx *ctx, struct file_source *self, struct mr_error *err) {
  struct mr_reader *r = &self->reader;
  mr_files_open(&self->files, ctx->io, &r->job);
  r->job_asked = true;
  mr_io_finish(ctx->io, &r->job);
  switch (mr_files_said(&r->job)) {
  case MR_FILES_FAILED: *err = self->files.error; return err->code;
  case MR_FILES_NONE:
    return mr_error_set(err, MR_ERR_IO, "no file matches %s", self->files.pattern);
  default: return MR_OK;
  }
}

/* Several instances read parts of the files, in turns. */
static int init_shared(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct file_conf *conf = ctx->conf;
  struct file_source *self = ctx->self;
  struct mr_share *share = ctx->shared;
  int rc = ctx->instance ? MR_OK : mr_share_init(share, ctx, conf->path, -1, err);
  if (rc) return rc;
  uint64_t part = share->files.total / ctx->takers;
  struct mr_reader_conf reader = {
      .name = conf->path,
      .share = share,
      .total = ctx->instance ? part : share->files.total - part * (ctx->takers - 1)};
  rc = mr_reader_init(&self->reader, ctx, &reader, err);
  if (share->files.glob) ctx->source_labels = share->files.labels;
  return rc;
}

static bool is_shared(const struct mr_op_ctx *ctx) {
  const struct file_conf *conf = ctx->conf;
  return ctx->takers > 1 && !conf->follow && !strcmp(conf->speed, "max");
}

static int file_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct file_conf *conf = ctx->conf;
  struct file_source *self = ctx->self;
  if (is_shared(ctx)) return init_shared(ctx, err);
  if (ctx->instance) return MR_OK;
  int rc = mr_files_init(&self->files, conf->path, conf->follow, err);
  self->listed = true;
  if (rc) return rc;
  struct mr_reader_conf reader = {
      .name = conf->path, .fd = -1, .files = &self->files, .total = self->files.total};
  read_speed(conf->speed, &reader.speed);
  rc = mr_reader_init(&self->reader, ctx, &reader, err);
  if (!rc && !conf->follow) rc = open_first(ctx, self, err);
  if (self->files.glob) ctx->source_labels = self->files.labels;
  return rc;
}

static enum mr_poll file_poll(struct mr_op_ctx *ctx) {
  struct file_source *self = ctx->self;
  if (ctx->instance && !self->reader.conf.share) return MR_POLL_END;
  return mr_reader_poll(&self->reader, ctx);
}

static bool file_replay(struct mr_op_ctx *ctx, struct mr_replay_lines *lines) {
  struct file_source *self = ctx->self;
  return mr_reader_replay(&self->reader, ctx, lines);
}

static const char *file_shape(const struct mr_op_plan *p) {
  const struct file_conf *conf = p->conf;
  return mr_arena_printf(p->arena, "path: %s\n", conf->path);
}

static void file_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  struct file_source *self = ctx->self;
  mr_reader_snapshot(&self->reader, ctx, to);
}

static int file_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct file_source *self = ctx->self;
  return mr_reader_restore(&self->reader, ctx, from, err);
}

static void file_fini(struct mr_op_ctx *ctx) {
  struct file_source *self = ctx->self;
  if (self->reader.conf.share) {
    mr_reader_fini(&self->reader);
    if (ctx->instance + 1 == ctx->node->instance_cnt) mr_share_fini(ctx->shared, ctx);
  }
  if (!self->listed) return;
  mr_reader_fini(&self->reader);
  mr_files_fini(&self->files, ctx->io);
  self->listed = false;
}

const struct mr_op mr_op_file_source = {
    .name = "file",
    .help = "reads the lines of files",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .flags = MR_OP_TURNS,
    .opts = file_opts,
    .conf_sz = sizeof(struct file_conf),
    .self_sz = sizeof(struct file_source),
    .shared_sz = sizeof(struct mr_share),
    .plan = file_plan,
    .init = file_init,
    .poll = file_poll,
    .shape = file_shape,
    .snapshot = file_snapshot,
    .restore = file_restore,
    .fini = file_fini,
    .replay = file_replay,
};
