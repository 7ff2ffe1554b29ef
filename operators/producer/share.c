/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/share.h"

#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bits.h"
#include "producer/reader_private.h"

#define PART_ROWS   4096u
#define PART_SZ_MIN (64u << 10)
#define PART_SZ_MAX (1u << 20)
#define LOOK_SZ     4096u /* bytes looked at where a part is to end: a line is mostly shorter */

/* ---- the baton ---- */

static bool take_baton(struct mr_reader *r) {
  uint32_t free = 0;
  if (r->part.holds) return true;
  /* acquire: pairs with the release in give_baton, so what the holder before has left is seen */
  const memory_order order = memory_order_acquire;
  r->part.holds = atomic_compare_exchange_strong_explicit(&r->conf.share->held, &free, 1, order,
                                                          memory_order_relaxed);
  return r->part.holds;
}

static void give_baton(struct mr_reader *r, struct mr_op_ctx *ctx) {
  r->part.holds = false;
  /* release: pairs with the acquire in take_baton */
  atomic_store_explicit(&r->conf.share->held, 0, memory_order_release);
  mr_source_wake(ctx);
}

/* ---- files ---- */

static struct mr_shared_file *free_place(struct mr_share *share) {
  for (uint32_t i = 0;; i++) {
    MR_ASSERT(i < sizeof share->open / sizeof share->open[0]);
    /* acquire: pairs with the release in leave_file */
    if (!atomic_load_explicit(&share->open[i].users, memory_order_acquire)) return &share->open[i];
  }
}

static void begin_file(struct mr_share *share, int fd, bool stream, const char *name,
                       uint32_t label) {
  struct mr_shared_file *f = share->file = free_place(share);
  f->fd = fd;
  f->stream = stream;
  f->name = name;
  f->label = label;
  atomic_store_explicit(&f->users, 1, memory_order_relaxed); /* the baton orders it */
  share->next = 0;
  share->fresh = true;
  share->whole = false;
  share->carry_len = share->header_len = 0;
  share->file_cnt++;
}

/* The last one closes it: a few descriptors do for any number of files. */
static void leave_file(struct mr_shared_file *f) {
  int fd = f->stream ? -1 : f->fd; /* a stream may be in a blocked read */
  /* acq_rel: pairs with the acquire in free_place, and orders the others' reads before the close */
  if (atomic_fetch_sub_explicit(&f->users, 1, memory_order_acq_rel) == 1 && fd >= 0) close(fd);
}

static enum mr_next open_file(struct mr_reader *r, struct mr_op_ctx *ctx) {
  struct mr_share *share = r->conf.share;
  struct mr_files *files = &share->files;
  if (!r->job_asked && !share->has_files) return MR_NEXT_END;
  if (!r->job_asked) mr_files_open(files, r->io, &r->job);
  r->job_asked = true;
  if (!mr_io_done(&r->job)) return MR_NEXT_WAIT;
  r->job_asked = false;
  switch (mr_files_said(&r->job)) {
  case MR_FILES_OPENED: break;
  case MR_FILES_FAILED: mr_op_fail(ctx, MR_ERR_IO, "%s", files->error.text); return MR_NEXT_FAILED;
  default: return MR_NEXT_END;
  }
  bool stream = files->stream;
  begin_file(share, mr_files_take(files), stream, files->name, files->label);
  return MR_NEXT_LINES;
}

/* ---- parts ---- */

/* The part from share->next to `end` is this instance's: its turn begins. END: the graph drains. */
static enum mr_next begin_part(struct mr_reader *r, struct mr_op_ctx *ctx, uint64_t end) {
  struct mr_share *share = r->conf.share;
  if (mr_source_next_turn(ctx) == MR_TURN_NONE) return MR_NEXT_END;
  if (share->fresh) mr_source_turn_fresh(ctx);
  if (!share->fresh && r->part.header_of != share->file_cnt)
    mr_decoder_header(r->decoder, share->header, share->header_len);
  r->part.header_of = share->file_cnt;
  share->fresh = false;
  r->part.file = share->file;
  /* relaxed: as in begin_file */
  atomic_fetch_add_explicit(&share->file->users, 1, memory_order_relaxed);
  r->conf.fd = share->file->fd;
  r->conf.stream = share->file->stream;
  r->conf.name = share->file->name;
  mr_lines_start(&r->lines, share->next, 1);
  r->off = r->part.begin = share->next;
  r->end = end;
  r->in_part = true;
  r->part_ended = r->has_lines = false;
  return MR_NEXT_LINES;
}

/* What is cut has ended with the part that begins. */
static void end_file(struct mr_share *share) {
  leave_file(share->file);
  share->file = NULL;
  share->ended = !share->has_files;
}

static enum mr_next fail_read(struct mr_reader *r, struct mr_op_ctx *ctx) {
  struct mr_error err;
  mr_error_set_sys(&err, (int)-r->req.result, "cannot read %s", r->conf.share->file->name);
  mr_op_fail(ctx, MR_ERR_IO, "%s", err.text);
  return MR_NEXT_FAILED;
}

static void read_at(struct mr_reader *r, uint64_t off, char *buf, uint64_t len) {
  const struct mr_shared_file *f = r->conf.share->file;
  r->asked = true;
  r->req.kind = MR_IO_READ;
  r->req.fd = f->fd;
  r->req.buf = buf;
  r->req.len = len;
  r->req.off = f->stream ? MR_IO_STREAM : off;
  mr_io_submit(r->io, &r->req);
}

/* Looks for the first line end behind a part's worth of bytes. */
/* A part is to be a few batches of rows: fewer are not worth the look at its end, and of more the
 * others would have to hold back too many. */
static void size_part(struct mr_reader *r) {
  uint64_t lines = r->lines.line - 1, bytes = r->lines.pos - r->part.begin;
  if (lines < 100) return;
  uint64_t sz = bytes / lines * PART_ROWS;
  r->conf.share->part_sz = sz < PART_SZ_MIN ? PART_SZ_MIN : sz > PART_SZ_MAX ? PART_SZ_MAX : sz;
}

static enum mr_next look_for_end(struct mr_reader *r, struct mr_op_ctx *ctx) {
  struct mr_share *share = r->conf.share;
  for (;;) {
    if (!r->asked) {
      uint64_t sz = r->part.looking ? r->conf.block_sz : LOOK_SZ;
      if (!r->part.looking) r->part.look_off = share->next + share->part_sz - 1;
      r->part.looking = true;
      read_at(r, r->part.look_off, r->blocks[0], sz);
    }
    if (!mr_io_done(&r->req)) return MR_NEXT_WAIT;
    r->asked = false;
    if (r->req.result < 0) return fail_read(r, ctx);
    const char *q = memchr(r->blocks[0], '\n', (size_t)r->req.result);
    if (!q && r->req.result) {
      r->part.look_off += (uint64_t)r->req.result;
      continue;
    }
    r->part.looking = false;
    uint64_t end = q ? r->part.look_off + (uint64_t)(q + 1 - r->blocks[0]) : UINT64_MAX;
    enum mr_next next = begin_part(r, ctx, end);
    if (next != MR_NEXT_LINES) return next;
    share->next = end;
    if (!q) end_file(share);
    return next;
  }
}

enum mr_next mr_share_next_part(struct mr_reader *r, struct mr_op_ctx *ctx) {
  struct mr_share *share = r->conf.share;
  if (!take_baton(r)) return MR_NEXT_WAIT;
  enum mr_next next = MR_NEXT_LINES;
  if (!share->file && !share->ended) next = open_file(r, ctx);
  if (next == MR_NEXT_END || share->ended) {
    share->ended = true;
    next = MR_NEXT_END;
  }
  bool alone = next == MR_NEXT_LINES && !share->file->stream && share->cut.kind == MR_DECODE_JSON;
  if (alone && !r->part.looking) size_part(r);
  if (alone) next = look_for_end(r, ctx);
  if (next == MR_NEXT_LINES && !alone) {
    mr_cut_start(&share->cut);
    next = begin_part(r, ctx, UINT64_MAX);
    if (next == MR_NEXT_LINES) return next; /* the baton is given when the part is cut */
  }
  if (next == MR_NEXT_WAIT) return next;
  r->ended = next != MR_NEXT_LINES;
  give_baton(r, ctx);
  return next;
}

/* ---- the holder's blocks ---- */

/* Keeps the header of a file for the others, or gives up cutting it. */
static void keep_header(struct mr_share *share, const char *p, uint64_t len) {
  const char *bom = "\xef\xbb\xbf";
  uint32_t skip = len >= 3 && !memcmp(p, bom, 3) ? 3 : 0;
  if (share->cut.kind != MR_DECODE_CSV) return;
  size_t header = mr_cut_first(&share->cut, p + skip, len - skip);
  mr_cut_start(&share->cut);
  share->whole = !header || header > share->header_max;
  if (share->whole) return;
  memcpy(share->header, p + skip, header);
  share->header_len = (uint32_t)header;
}

/* The bytes of the block that belong to the part; the rest of a stream is kept for the next one. 0:
 * no row ends in it. */
static uint64_t cut_block(struct mr_reader *r, char *block, uint64_t len) {
  struct mr_share *share = r->conf.share;
  bool first = r->off == 0;
  uint32_t bom = first && len >= 3 && !memcmp(block, "\xef\xbb\xbf", 3) ? 3 : 0;
  if (first) keep_header(share, block, len);
  uint64_t at = mr_cut_last(&share->cut, block + bom, len - bom);
  if (!at || share->whole) return 0;
  at += bom;
  share->next = r->off + at;
  if (r->conf.stream) {
    share->carry_len = len - at;
    memcpy(share->carry, block + at, len - at);
  }
  return at;
}

enum mr_next mr_share_next_block(struct mr_reader *r, struct mr_op_ctx *ctx) {
  struct mr_share *share = r->conf.share;
  char *block = r->blocks[0];
  if (!r->asked) {
    mr_lines_move(&r->lines, block);
    if (share->carry_len) memcpy(block, share->carry, share->carry_len);
    read_at(r, r->off, block + share->carry_len, r->conf.block_sz - share->carry_len);
  }
  if (!mr_io_done(&r->req)) return MR_NEXT_WAIT;
  r->asked = false;
  if (r->req.result < 0) return fail_read(r, ctx);
  uint64_t got = (uint64_t)r->req.result, len = share->carry_len + got;
  share->carry_len = 0;
  ctx->counts.bytes_in += got;
  r->has_lines = true;
  uint64_t at = got ? cut_block(r, block, len) : 0;
  mr_lines_fill(&r->lines, at ? at : len);
  r->off += at ? at : len;
  if (got && !at) return MR_NEXT_LINES;
  mr_lines_end(&r->lines);
  r->part_ended = true;
  if (!got) end_file(share);
  give_baton(r, ctx);
  return MR_NEXT_LINES;
}

void mr_share_end_part(struct mr_reader *r) {
  leave_file(r->part.file);
  r->part.file = NULL;
}

/* ---- life ---- */

int mr_share_init(struct mr_share *share, struct mr_op_ctx *ctx, const char *path, int fd,
                  struct mr_error *err) {
  const struct mr_reader_plan *plan = ctx->data;
  share->made = true;
  share->part_sz = MR_SHARE_PART_SZ;
  share->has_files = fd < 0;
  share->header_max = MR_READER_BLOCK_SZ;
  mr_cut_init(&share->cut, plan->kind, &plan->csv);
  uint64_t off = mr_region_reserve(ctx->region_rw, 2 * MR_READER_BLOCK_SZ + MR_LINES_PAD + 64,
                                   "input buffers");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for input buffers of %s", path);
  share->carry = mr_region_ptr(ctx->region_rw, off);
  share->header = share->carry + MR_READER_BLOCK_SZ;
  if (share->has_files) return mr_files_init(&share->files, path, false, err);
  begin_file(share, fd, true, path, 0);
  return MR_OK;
}

void mr_share_fini(struct mr_share *share, struct mr_op_ctx *ctx) {
  if (!share->made) return;
  share->made = false;
  for (uint32_t i = 0; i < sizeof share->open / sizeof share->open[0]; i++) {
    struct mr_shared_file *f = &share->open[i];
    /* relaxed: the workers have ended */
    if (atomic_load_explicit(&f->users, memory_order_relaxed) && !f->stream) close(f->fd);
  }
  if (share->has_files) mr_files_fini(&share->files, ctx->io);
}
