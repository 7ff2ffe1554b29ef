/* SPDX-License-Identifier: Apache-2.0 */
/* Where a reader's bytes come from: one descriptor, or files one after another, of which the last
 * may be followed. */
#include "producer/reader_private.h"

#include <string.h>

/* ---- parts ---- */

static enum mr_next fail_job(struct mr_reader *r, struct mr_op_ctx *ctx) {
  mr_op_fail(ctx, MR_ERR_IO, "%s", r->conf.files->error.text);
  r->ended = true;
  return MR_NEXT_FAILED;
}

/* Waits for the next look at the files. True: it is time. */
static bool look_due(struct mr_reader *r, struct mr_op_ctx *ctx) {
  bool heard = mr_files_heard(r->conf.files, r->io);
  if (!r->look_ns || heard || ctx->now_ns >= r->look_ns) return true;
  ctx->wake_ns = r->look_ns;
  return false;
}

static enum mr_next look_later(struct mr_reader *r, struct mr_op_ctx *ctx) {
  const struct mr_files *f = r->conf.files;
  if (f->failing)
    mr_log_write(ctx->log, MR_LOG_WARN, NULL, ctx->node->name, "%s: waiting", f->error.text);
  r->look_ns = ctx->now_ns + f->wait_ns;
  if (look_due(r, ctx)) r->look_ns = ctx->wake_ns = ctx->now_ns;
  return MR_NEXT_WAIT;
}

static enum mr_next open_next(struct mr_reader *r, struct mr_op_ctx *ctx) {
  struct mr_files *f = r->conf.files;
  if (!r->job_asked) {
    if (f->follow && !look_due(r, ctx)) return MR_NEXT_WAIT;
    mr_files_open(f, r->io, &r->job);
    r->job_asked = true;
  }
  if (!mr_io_done(&r->job)) return MR_NEXT_WAIT;
  r->job_asked = false;
  switch (mr_files_said(&r->job)) {
  case MR_FILES_OPENED: break;
  case MR_FILES_WAIT: return look_later(r, ctx);
  case MR_FILES_FAILED: return fail_job(r, ctx);
  default: r->ended = true; return MR_NEXT_END;
  }
  r->conf.fd = f->fd;
  r->conf.stream = f->stream;
  r->conf.name = f->name;
  return MR_NEXT_LINES;
}

enum mr_next mr_reader_next_part(struct mr_reader *r, struct mr_op_ctx *ctx) {
  enum mr_next next = MR_NEXT_LINES;
  if (r->conf.share) return mr_share_next_part(r, ctx);
  if (r->conf.files && !r->anew) next = open_next(r, ctx);
  if (!r->conf.files && r->part_cnt) {
    r->ended = true;
    next = MR_NEXT_END;
  }
  if (next != MR_NEXT_LINES) return next;
  if (mr_source_next_turn(ctx) == MR_TURN_NONE) return MR_NEXT_END;
  mr_source_turn_fresh(ctx);
  mr_lines_start(&r->lines, 0, 1);
  r->off = 0;
  r->end = UINT64_MAX;
  r->part_cnt++;
  r->in_part = true;
  r->part_ended = r->has_lines = r->at_end = r->anew = false;
  if (r->conf.files) r->conf.files->tail_len = 0;
  if (mr_reader_resume(r, ctx)) return next;
  r->ended = true;
  return MR_NEXT_FAILED;
}

/* ---- following ---- */

/* Keeps the last bytes that were read. */
static void keep_tail(struct mr_files *f, const char *data, uint64_t len) {
  uint32_t keep = len < MR_FILES_TAIL ? (uint32_t)len : MR_FILES_TAIL;
  uint32_t old = f->tail_len < MR_FILES_TAIL - keep ? f->tail_len : MR_FILES_TAIL - keep;
  memmove(f->tail, f->tail + f->tail_len - old, old);
  memcpy(f->tail + old, data + len - keep, keep);
  f->tail_len = old + keep;
}

static void end_part(struct mr_reader *r) {
  mr_lines_end(&r->lines);
  r->part_ended = r->has_lines = true;
}

/* At the end of what a followed file holds. LINES: there is more to read, or the part has ended. */
static enum mr_next look(struct mr_reader *r, struct mr_op_ctx *ctx) {
  struct mr_files *f = r->conf.files;
  if (!r->job_asked) {
    if (!look_due(r, ctx)) return MR_NEXT_WAIT;
    f->off = r->off;
    f->half = r->lines.p != r->lines.end || r->lines.skipping;
    f->now_ns = ctx->now_ns;
    mr_files_look(f, r->io, &r->job);
    r->job_asked = true;
  }
  if (!mr_io_done(&r->job)) return MR_NEXT_WAIT;
  r->job_asked = false;
  r->look_ns = 0;
  switch (mr_files_said(&r->job)) {
  case MR_FILES_MORE: r->at_end = false; return MR_NEXT_LINES;
  case MR_FILES_CUT:
    mr_log_write(ctx->log, MR_LOG_WARN, NULL, ctx->node->name,
                 "%s was truncated: reading it from the start", f->name);
    mr_lines_start(&r->lines, 0, 1); /* what was left of the old content is gone */
    mr_lines_move(&r->lines, r->blocks[r->cur]);
    r->anew = true;
    end_part(r);
    return MR_NEXT_LINES;
  case MR_FILES_NEXT:
    mr_log_write(ctx->log, MR_LOG_WARN, NULL, ctx->node->name,
                 "%s was rotated: %llu bytes read, going on with the next file", f->name,
                 (unsigned long long)r->off);
    end_part(r);
    return MR_NEXT_LINES;
  case MR_FILES_FAILED: return fail_job(r, ctx);
  default: return look_later(r, ctx);
  }
}

/* ---- blocks ---- */

static void ask(struct mr_reader *r, uint32_t block) {
  r->reading = block;
  r->asked = true;
  r->req.kind = MR_IO_READ;
  r->req.fd = r->conf.fd;
  r->req.buf = r->blocks[block];
  uint64_t left = r->end - r->off;
  r->req.len = left < r->conf.block_sz ? left : r->conf.block_sz;
  r->req.off = r->conf.stream ? MR_IO_STREAM : r->off;
  mr_io_submit(r->io, &r->req);
}

static enum mr_next fail_read(struct mr_reader *r, struct mr_op_ctx *ctx) {
  struct mr_error err;
  mr_error_set_sys(&err, (int)-r->req.result, "cannot read %s", r->conf.name);
  mr_op_fail(ctx, MR_ERR_IO, "%s", err.text);
  r->ended = true;
  return MR_NEXT_FAILED;
}

/* A followed file has given bytes. */
static void follow_block(struct mr_reader *r, struct mr_op_ctx *ctx, const char *data,
                         uint64_t len) {
  struct mr_files *f = r->conf.files;
  keep_tail(f, data, len);
  if (r->job_asked && mr_io_done(&r->job)) r->job_asked = false;
  bool heard = mr_files_heard(f, r->io);
  if (r->job_asked || (!heard && ctx->now_ns < r->look_ns)) return;
  mr_files_glance(f, r->io, &r->job);
  r->job_asked = true;
  r->look_ns = ctx->now_ns + MR_FILES_LOOK_NS;
}

/* Nothing more is in the file now. */
static enum mr_next at_end(struct mr_reader *r, struct mr_op_ctx *ctx) {
  if (r->conf.files && r->conf.files->follow) {
    r->at_end = true;
    r->look_ns = 0;
    return look(r, ctx);
  }
  end_part(r);
  return MR_NEXT_LINES;
}

enum mr_next mr_reader_next_block(struct mr_reader *r, struct mr_op_ctx *ctx) {
  if (r->part.holds) return mr_share_next_block(r, ctx);
  if (r->at_end) {
    enum mr_next next = look(r, ctx);
    if (next != MR_NEXT_LINES || r->part_ended) return next;
  }
  if (!r->asked) { /* on demand: the rest goes out of the way first, then the same block is used
                      again */
    mr_lines_move(&r->lines, r->blocks[r->cur]);
    ask(r, r->cur);
    r->ahead = !mr_io_done(&r->req);
  }
  if (!mr_io_done(&r->req)) return MR_NEXT_WAIT;
  r->asked = false;
  if (r->req.result < 0) return fail_read(r, ctx);
  if (r->reading != r->cur) {
    mr_lines_move(&r->lines, r->blocks[r->reading]);
    r->cur = r->reading;
  }
  if (r->req.result == 0) return at_end(r, ctx);
  uint64_t len = (uint64_t)r->req.result;
  if (r->conf.files && r->conf.files->follow) follow_block(r, ctx, r->blocks[r->cur], len);
  mr_lines_fill(&r->lines, len);
  r->has_lines = true;
  r->off += len;
  ctx->counts.bytes_in += len;
  if (r->off == r->end) {
    end_part(r);
  } else if (r->ahead) {
    ask(r, r->cur ^ 1);
    r->ahead = !mr_io_done(&r->req);
  }
  return MR_NEXT_LINES;
}
