/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"

#define NAME_SZ 64u         /* of a part, with its folder's slash */
#define LIST_SZ (16u << 20) /* of the names in the folder */
#define DIGITS  12

/* ---- names ---- */

static void put_path(const struct mr_parts *p, char *to, const char *hidden, uint64_t number,
                     uint32_t seq) {
  snprintf(to, strlen(p->dir) + NAME_SZ, "%s/%spart-%0*" PRIu64 "-%04u%s", p->dir, hidden, DIGITS,
           number, seq, p->end);
}

static void name_part(const struct mr_parts *p, struct mr_part *part) {
  put_path(p, part->from, ".", part->number, part->seq);
  put_path(p, part->to, "", part->number, part->seq);
}

static void make_room(struct mr_parts *p, struct mr_arena *arena, struct mr_part *part) {
  part->from = mr_arena_alloc(arena, strlen(p->dir) + NAME_SZ);
  part->to = mr_arena_alloc(arena, strlen(p->dir) + NAME_SZ);
}

/* Whether a file in the folder is a part of ours, and which. */
static bool is_part(const struct mr_parts *p, const char *name, uint64_t *number, bool *hidden) {
  int64_t n;
  *hidden = *name == '.';
  name += *hidden;
  size_t len = strlen(name), digits = 0;
  if (len < 5 || memcmp(name, "part-", 5)) return false;
  digits = strspn(name + 5, "0123456789");
  if (digits < DIGITS || mr_int64_parse(name + 5, digits, &n)) return false;
  const char *rest = name + 5 + digits;
  *number = (uint64_t)n;
  return *rest == '-' && !strcmp(rest + 1 + strspn(rest + 1, "0123456789"), p->end);
}

/* ---- the open part ---- */

static void open_part(struct mr_parts *p, struct mr_op_ctx *ctx) {
  p->open.number = p->base + ctx->checkpoint;
  p->open.seq = 0;
  name_part(p, &p->open);
  mr_writer_open_next(&p->writer, p->open.from);
  p->sealing = MR_PARTS_OPEN;
}

/* ---- at layout time ---- */

static int failed(struct mr_error *err, int64_t rc, const char *what, const char *path) {
  mr_error_set_sys(err, (int)-rc, "cannot %s %s", what, path);
  err->code = MR_ERR_IO;
  return MR_ERR_IO;
}

static int make_folder(struct mr_parts *p, struct mr_op_ctx *ctx, struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_PARENTS,
                          .path = mr_arena_printf(ctx->arena, "%s/part", p->dir)};
  int64_t rc = mr_io_wait(ctx->io, &req);
  if (rc >= 0) return MR_OK;
  mr_error_set_sys(err, (int)-rc, "cannot make %s (with checkpoints, path is a folder of parts)",
                   p->dir);
  return err->code = MR_ERR_IO;
}

/* The names in the folder, each with its NUL. */
static int list(struct mr_parts *p, struct mr_op_ctx *ctx, char **names, size_t *len,
                struct mr_error *err) {
  *names = mr_arena_alloc(ctx->arena, LIST_SZ);
  struct mr_io_req req = {.kind = MR_IO_LIST, .path = p->dir, .buf = *names, .len = LIST_SZ};
  int64_t rc = mr_io_wait(ctx->io, &req);
  if (rc < 0) return failed(err, rc, "look into", p->dir);
  *len = (size_t)rc;
  return MR_OK;
}

static int remove_part(struct mr_parts *p, struct mr_op_ctx *ctx, const char *name,
                       struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_UNLINK,
                          .path = mr_arena_printf(ctx->arena, "%s/%s", p->dir, name)};
  int64_t rc = mr_io_wait(ctx->io, &req);
  return rc < 0 && rc != -ENOENT ? failed(err, rc, "remove", req.path) : MR_OK;
}

static int publish_name(struct mr_parts *p, struct mr_op_ctx *ctx, const char *name,
                        struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_RENAME,
                          .path = mr_arena_printf(ctx->arena, "%s/%s", p->dir, name),
                          .path_to = mr_arena_printf(ctx->arena, "%s/%s", p->dir, name + 1)};
  int64_t rc = mr_io_wait(ctx->io, &req);
  return rc < 0 ? failed(err, rc, "publish", req.path) : MR_OK;
}

static int sync_folder(struct mr_parts *p, struct mr_op_ctx *ctx, struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_SYNC_DIR, .path = p->dir};
  int64_t rc = mr_io_wait(ctx->io, &req);
  return rc < 0 ? failed(err, rc, "sync", p->dir) : MR_OK;
}

/* Up to number `last` parts are published, those behind it are removed. */
static int settle(struct mr_parts *p, struct mr_op_ctx *ctx, uint64_t last, struct mr_error *err) {
  char *names;
  size_t len;
  int rc = list(p, ctx, &names, &len, err);
  for (size_t i = 0; i < len && !rc; i += strlen(names + i) + 1) {
    uint64_t number;
    bool hidden;
    if (!is_part(p, names + i, &number, &hidden)) continue;
    if (number > last)
      rc = remove_part(p, ctx, names + i, err);
    else if (hidden)
      rc = publish_name(p, ctx, names + i, err);
  }
  return rc ? rc : sync_folder(p, ctx, err);
}

/* A graph that begins: what is there is another's. */
static int start_anew(struct mr_parts *p, struct mr_op_ctx *ctx, bool append,
                      struct mr_error *err) {
  char *names;
  size_t len;
  int rc = list(p, ctx, &names, &len, err);
  for (size_t i = 0; i < len && !rc; i += strlen(names + i) + 1) {
    uint64_t number;
    bool hidden;
    if (!is_part(p, names + i, &number, &hidden)) continue;
    if (!append || hidden)
      rc = remove_part(p, ctx, names + i, err);
    else if (number > p->base)
      p->base = number;
  }
  return rc;
}

int mr_parts_init(struct mr_parts *p, struct mr_op_ctx *ctx, const char *dir, const char *end,
                  bool append, struct mr_error *err) {
  p->dir = dir;
  p->end = end;
  p->writer.synced = true;
  make_room(p, ctx->arena, &p->open);
  for (uint32_t i = 0; i < MR_PARTS_PENDING; i++) make_room(p, ctx->arena, &p->pending[i]);
  int rc = make_folder(p, ctx, err);
  if (!rc && !ctx->restoring) rc = start_anew(p, ctx, append, err);
  if (!rc) open_part(p, ctx);
  return rc;
}

/* ---- renaming ---- */

/* Looks whether the renames under way are done; false: not yet. */
static bool reap(struct mr_parts *p, struct mr_op_ctx *ctx) {
  for (uint32_t i = 0; i < p->rename_cnt; i++)
    if (!mr_io_done(&p->renames[i])) return false;
  for (uint32_t i = 0; i < p->rename_cnt; i++)
    if (p->renames[i].result < 0) {
      struct mr_error err;
      failed(&err, p->renames[i].result, "publish", p->pending[i].from);
      mr_op_fail(ctx, MR_ERR_IO, "%s", err.text);
      break;
    }
  for (uint32_t i = 0; i < p->pending_cnt - p->rename_cnt; i++) { /* paths stay with their places */
    struct mr_part gone = p->pending[i];
    p->pending[i] = p->pending[i + p->rename_cnt];
    p->pending[i + p->rename_cnt] = gone;
  }
  p->pending_cnt -= p->rename_cnt;
  p->rename_cnt = 0;
  return true;
}

void mr_parts_published(struct mr_parts *p, struct mr_op_ctx *ctx, uint64_t checkpoint) {
  p->durable = checkpoint;
  if (!reap(p, ctx)) return; /* with the next checkpoint, or at the end */
  while (p->rename_cnt < p->pending_cnt &&
         p->pending[p->rename_cnt].number <= p->base + checkpoint) {
    const struct mr_part *part = &p->pending[p->rename_cnt];
    struct mr_io_req *req = &p->renames[p->rename_cnt++];
    *req = (struct mr_io_req){.kind = MR_IO_RENAME, .path = part->from, .path_to = part->to};
    mr_io_submit(ctx->io, req);
  }
}

void mr_parts_fini(struct mr_parts *p, struct mr_op_ctx *ctx) {
  for (uint32_t i = 0; i < p->rename_cnt; i++) mr_io_finish(ctx->io, &p->renames[i]);
  for (uint32_t i = p->rename_cnt; i < p->pending_cnt; i++) {
    struct mr_part *part = &p->pending[i];
    struct mr_io_req req = {.kind = MR_IO_RENAME, .path = part->from, .path_to = part->to};
    if (part->number <= p->base + p->durable) mr_io_wait(ctx->io, &req); /* else at the restart */
  }
  if (mr_io_in_flight(&p->sync)) mr_io_finish(ctx->io, &p->sync);
  mr_writer_fini(&p->writer, ctx);
}

/* ---- barriers ---- */

/* Writes the open part out, closes it, and syncs the folder, where it has rows. False: call again.
 */
static bool seal(struct mr_parts *p, struct mr_op_ctx *ctx) {
  struct mr_error err;
  if (p->sealing == MR_PARTS_OPEN) {
    if (mr_writer_untouched(&p->writer)) return true;
    p->sealing = MR_PARTS_SHUTTING;
  }
  if (p->sealing == MR_PARTS_SHUTTING) {
    mr_writer_finish(&p->writer, ctx);
    if (ctx->more || p->writer.state != MR_WRITER_SHUT) return false;
    p->sync = (struct mr_io_req){.kind = MR_IO_SYNC_DIR, .path = p->dir};
    mr_io_submit(ctx->io, &p->sync);
    p->sealing = MR_PARTS_SYNCING;
  }
  if (!mr_io_done(&p->sync) || (p->pending_cnt == MR_PARTS_PENDING && !reap(p, ctx))) {
    ctx->more = true;
    return false;
  }
  if (p->sync.result >= 0 && p->pending_cnt < MR_PARTS_PENDING) return true;
  if (p->sync.result < 0)
    failed(&err, p->sync.result, "sync", p->dir);
  else
    mr_error_set(&err, MR_ERR_IO, "%u parts wait for a checkpoint in %s", p->pending_cnt, p->dir);
  mr_op_fail(ctx, MR_ERR_IO, "%s", err.text);
  return false;
}

/* What is sealed waits for its checkpoint. */
static void put_pending(struct mr_parts *p) {
  struct mr_part *to = &p->pending[p->pending_cnt++];
  to->number = p->open.number;
  to->seq = p->open.seq;
  to->bytes = p->writer.file_bytes;
  to->rows = p->writer.file_rows;
  p->rows += to->rows;
  name_part(p, to);
}

static void save(const struct mr_parts *p, struct mr_save *to) {
  static const struct mr_save_col cols[] = {
      {"number", MR_SAVE_INT}, {"seq", MR_SAVE_INT}, {"bytes", MR_SAVE_INT}, {"rows", MR_SAVE_INT}};
  mr_save_int(to, "base", (int64_t)p->base);
  mr_save_int(to, "rows", (int64_t)p->rows);
  mr_save_rows(to, "sealed", cols, sizeof cols / sizeof *cols);
  for (uint32_t i = 0; i < p->pending_cnt; i++) {
    mr_save_row(to);
    mr_save_put_int(to, (int64_t)p->pending[i].number);
    mr_save_put_int(to, p->pending[i].seq);
    mr_save_put_int(to, (int64_t)p->pending[i].bytes);
    mr_save_put_int(to, (int64_t)p->pending[i].rows);
  }
  mr_save_rows_end(to);
}

void mr_parts_snapshot(struct mr_parts *p, struct mr_op_ctx *ctx, struct mr_save *to) {
  if (!seal(p, ctx)) return;
  if (p->sealing != MR_PARTS_OPEN) put_pending(p);
  save(p, to);
  /* the next part belongs to the checkpoint behind this one */
  ctx->checkpoint = to->checkpoint + 1;
  open_part(p, ctx);
}

/* A sealed part is there, whole, under one of its names. */
static int check_part(struct mr_parts *p, struct mr_op_ctx *ctx, const struct mr_load_value *v,
                      struct mr_error *err) {
  char *path = p->open.to;
  for (int i = 0; i < 2; i++) {
    put_path(p, path, i ? "." : "", (uint64_t)v[0].i, (uint32_t)v[1].i);
    struct mr_io_req req = {.kind = MR_IO_STAT, .path = path};
    int64_t size = mr_io_wait(ctx->io, &req);
    if (size == v[2].i) return MR_OK;
    if (size >= 0)
      return mr_error_set(err, MR_ERR_IO, "%s has %" PRId64 " bytes of %" PRId64, path, size,
                          v[2].i);
  }
  return mr_error_set(err, MR_ERR_IO, "part %" PRId64 " of %s is missing", v[0].i, p->dir);
}

int mr_parts_restore(struct mr_parts *p, struct mr_op_ctx *ctx, const struct mr_load *from,
                     struct mr_error *err) {
  struct mr_load_rows *rows = MR_NEW(ctx->arena, struct mr_load_rows, 1);
  int64_t base, cnt;
  if (!mr_load_int(from, "base", &base) || !mr_load_int(from, "rows", &cnt) ||
      !mr_load_rows(from, "sealed", rows) || mr_load_col(rows, "rows", MR_SAVE_INT) != 3)
    return mr_error_set(err, MR_ERR_IO, "what is known of the parts is not as it must be");
  p->base = (uint64_t)base;
  p->rows = (uint64_t)cnt;
  int rc = MR_OK;
  while (!rc && mr_load_next(rows)) rc = check_part(p, ctx, rows->values, err);
  if (!rc) rc = settle(p, ctx, p->base + ctx->restoring, err);
  if (!rc) open_part(p, ctx);
  return rc;
}
