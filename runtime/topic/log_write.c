/* SPDX-License-Identifier: Apache-2.0 */
/* From the buffers to the disk. Buffers are written in any order and looked at in theirs, so what
 * is written is always a whole beginning of what was appended. */
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/bug.h"
#include "topic/log_private.h"

static struct mr_topic_buffer *buffer_at(struct mr_topic_log *log, uint32_t i) {
  return &log->buffers[(log->first + i) % log->conf.buffer_cnt];
}

/* The next buffer begins where the last one ends; the block that the end is in goes along, for it
 * is written again. The last buffer is still there: it is looked at after the first, which makes
 * room. */
void mr_topic_log_start_filling(struct mr_topic_log *log) {
  if (log->filling || log->cnt == log->conf.buffer_cnt) return;
  struct mr_topic_buffer *b = buffer_at(log, log->cnt);
  uint32_t kept = (uint32_t)(log->fill_off % log->align);
  b->off = log->fill_off - kept;
  b->used = b->kept = kept;
  b->segment = log->fill_segment;
  b->state = MR_TOPIC_BUFFER_FILLING;
  if (kept) {
    MR_ASSERT(log->cnt > 0);
    const struct mr_topic_buffer *last = buffer_at(log, log->cnt - 1);
    MR_ASSERT(last->segment == b->segment && last->off + last->used == log->fill_off);
    memcpy(b->mem, last->mem + (b->off - last->off), kept);
  }
  log->filling = b;
  log->cnt++;
}

void mr_topic_log_seal_buffer(struct mr_topic_log *log) {
  struct mr_topic_buffer *b = log->filling;
  b->state = MR_TOPIC_BUFFER_READY;
  b->end = log->placed;
  log->filling = NULL;
  mr_topic_log_start_filling(log);
}

/* Writes a buffer, up to the end of its last block. */
static void write_buffer(struct mr_topic_log *log, struct mr_topic_buffer *b) {
  uint32_t len = (uint32_t)mr_align_up(b->used, log->align);
  memset(b->mem + b->used, 0, len - b->used);
  b->state = MR_TOPIC_BUFFER_WRITING;
  b->req = (struct mr_io_req){
      .kind = MR_IO_WRITE, .fd = log->fd, .buf = b->mem, .len = len, .off = b->off};
  mr_io_submit(log->io, &b->req);
  log->stats.writes++;
}

/* Takes space ahead of the writes. That it is not to be had is not the end of it: the writes say so
 * when there is none at all. */
static void allocate(struct mr_topic_log *log) {
  if (log->no_allocate || !log->direct || mr_io_in_flight(&log->allocate)) return;
  if (log->allocate.kind == MR_IO_ALLOCATE) {
    if (log->allocate.result < 0)
      log->no_allocate = true;
    else
      log->allocated = log->allocate.off + log->allocate.len;
    log->allocate.kind = MR_IO_OPEN; /* looked at */
    return;
  }
  uint64_t ahead = log->conf.allocate_sz / 2;
  if (log->roll != MR_TOPIC_ROLL_NONE || log->fill_segment != log->open_segment ||
      log->fill_off + ahead <= log->allocated || log->allocated >= log->conf.segment_sz)
    return;
  uint64_t to = log->allocated + log->conf.allocate_sz;
  if (to > log->conf.segment_sz) to = mr_align_up(log->conf.segment_sz, MR_IO_ALIGN);
  log->allocate = (struct mr_io_req){.kind = MR_IO_ALLOCATE,
                                     .fd = log->fd,
                                     .flags = MR_IO_LENGTHEN,
                                     .off = log->allocated,
                                     .len = to - log->allocated};
  mr_io_submit(log->io, &log->allocate);
}

static void write_failed(struct mr_topic_log *log, struct mr_topic_buffer *b) {
  if (MR_BUG(MR_BUG_WRITE_ERROR)) b->req.result = 0;
  if (MR_BUG(MR_BUG_FULL_IS_WRITTEN) && mr_topic_disk_full(b->req.result)) b->req.result = 0;
  if (b->req.result == 0) return;
  if (!mr_topic_disk_full(b->req.result)) {
    mr_topic_log_fail(log, b->req.result, "write", log->path);
    return;
  }
  b->state = MR_TOPIC_BUFFER_READY; /* again, whole, later */
  if (!log->full) log->stats.full_waits++;
  log->full = true;
  log->full_needs = b->req.len - b->req.done;
  log->full_retry_ns = log->now_ns + MR_TOPIC_FULL_RETRY_NS;
}

/* Looks at the oldest buffers that are written. */
static void take_written(struct mr_topic_log *log) {
  while (log->cnt > 0) {
    struct mr_topic_buffer *b = buffer_at(log, 0);
    if (b->state != MR_TOPIC_BUFFER_WRITING || !mr_io_done(&b->req)) return;
    if (b->req.result < 0) {
      write_failed(log, b);
      return;
    }
    for (uint32_t i = 1; MR_BUG(MR_BUG_WRITE_ORDER) && i < log->cnt; i++)
      if (buffer_at(log, i)->state == MR_TOPIC_BUFFER_WRITING) b->end = buffer_at(log, i)->end;
    log->written = b->end;
    log->full = false;
    log->first = (log->first + 1) % log->conf.buffer_cnt;
    log->cnt--;
    mr_topic_log_start_filling(log);
    mr_topic_log_place(log);
  }
}

/* Writes what is ready: of the open segment, and no block that is still on its way. */
static void write_ready(struct mr_topic_log *log) {
  if (log->full && log->now_ns < log->full_retry_ns) return;
  for (uint32_t i = 0; i < log->cnt; i++) {
    struct mr_topic_buffer *b = buffer_at(log, i);
    if (b->state == MR_TOPIC_BUFFER_WRITING) continue;
    if (b->state == MR_TOPIC_BUFFER_FILLING || b->segment != log->open_segment) return;
    if (b->kept && i > 0 && !MR_BUG(MR_BUG_BLOCK_IN_FLIGHT)) {
      const struct mr_topic_buffer *before = buffer_at(log, i - 1);
      if (!mr_io_done(&before->req) || before->req.result < 0) return;
    }
    write_buffer(log, b);
    if (!log->full) continue;
    log->full_retry_ns = log->now_ns + MR_TOPIC_FULL_RETRY_NS; /* one try at a time */
    return;
  }
}

/* Group commit: what has gathered goes as soon as nothing else is in flight. */
static void flush(struct mr_topic_log *log) {
  if (!log->want_flush || log->cnt > 1) return;
  mr_topic_log_close_batch(log); /* a part of it may be all that there is room for */
  struct mr_topic_buffer *b = log->filling;
  if (b && log->cnt == 1) {
    if (b->used > b->kept) mr_topic_log_seal_buffer(log);
    log->want_flush = log->pending != NULL;
  }
}

/* ---- syncs ---- */

static bool sync_due(const struct mr_topic_log *log) {
  if (log->written.offset <= log->synced.offset) return false;
  if (log->sync_wanted > log->synced.offset && log->written.offset >= log->sync_wanted) return true;
  if (log->conf.sync == MR_TOPIC_SYNC_ALWAYS) return true;
  if (log->conf.sync == MR_TOPIC_SYNC_NEVER) return false;
  if (log->now_ns - log->synced_at_ns >= (uint64_t)log->conf.sync_every_ns) return true;
  uint64_t bytes =
      log->written.base == log->synced.base ? log->written.pos - log->synced.pos : log->written.pos;
  return log->conf.sync_bytes && bytes >= log->conf.sync_bytes;
}

static void advance_sync(struct mr_topic_log *log) {
  if (log->sync.kind == MR_IO_DATASYNC) {
    if (!mr_io_done(&log->sync)) return;
    log->sync.kind = MR_IO_OPEN; /* looked at */
    if (log->sync.result < 0 && !MR_BUG(MR_BUG_SYNC_ERROR)) {
      mr_topic_log_fail(log, log->sync.result, "sync", log->path);
      return;
    }
    log->stats.syncs++;
    if (log->sync_mark.offset > log->synced.offset) log->synced = log->sync_mark;
  }
  /* The end of a segment brings a sync of its own; the file may be closed any moment. */
  if (log->roll != MR_TOPIC_ROLL_NONE || log->written.base != log->fill_base || !sync_due(log))
    return;
  log->sync_mark = MR_BUG(MR_BUG_SYNC_COVERS_FLIGHT) ? log->placed : log->written;
  log->synced_at_ns = log->now_ns;
  if (MR_BUG(MR_BUG_SYNC_SKIPPED)) {
    log->synced = log->sync_mark;
    return;
  }
  log->sync = (struct mr_io_req){.kind = MR_IO_DATASYNC, .fd = log->fd};
  mr_io_submit(log->io, &log->sync);
}

/* ---- readers ---- */

int64_t mr_topic_log_readable(const struct mr_topic_log *log) {
  return log->conf.held ? log->published : mr_topic_log_acked(log);
}

void mr_topic_log_readable_record(const struct mr_topic_log *log, struct mr_topic_readable *out) {
  const struct mr_topic_mark *acked =
      log->conf.sync == MR_TOPIC_SYNC_ALWAYS ? &log->synced : &log->written;
  const struct mr_topic_mark *disk = MR_BUG(MR_BUG_READABLE_AHEAD) ? &log->placed : &log->synced;
  *out = (struct mr_topic_readable){.held = log->conf.held,
                                    .offset = mr_topic_log_readable(log),
                                    .end_base = log->conf.held ? -1 : acked->base,
                                    .end_pos = log->conf.held ? 0 : acked->pos,
                                    .synced = disk->offset,
                                    .base = disk->base,
                                    .pos = disk->pos};
}

int64_t mr_topic_log_told(const struct mr_topic_log *log) {
  return log->told;
}

/* Tells readers, one write at a time. One that fails is tried again: until then readers see less
 * than there is. */
static void tell_readers(struct mr_topic_log *log) {
  if (mr_io_in_flight(&log->readable_req)) return;
  if (log->readable_req.kind == MR_IO_WRITE && log->readable_req.result < 0)
    log->readable = -1; /* again */
  else
    log->told = log->readable;
  struct mr_topic_readable r;
  mr_topic_log_readable_record(log, &r);
  if (r.offset == log->readable && r.synced == log->readable_synced) return;
  mr_topic_readable_encode(&r, log->readable_buf);
  log->readable = r.offset;
  log->readable_synced = r.synced;
  log->readable_req = (struct mr_io_req){.kind = MR_IO_WRITE,
                                         .fd = log->readable_fd,
                                         .buf = log->readable_buf,
                                         .len = MR_TOPIC_READABLE_SZ};
  mr_io_submit(log->io, &log->readable_req);
}

void mr_topic_log_advance(struct mr_topic_log *log) {
  if (log->failed.code) return;
  take_written(log);
  if (log->failed.code) return;
  mr_topic_log_place(log);
  flush(log);
  write_ready(log);
  advance_sync(log);
  if (log->failed.code) return;
  mr_topic_log_advance_roll(log);
  allocate(log);
  tell_readers(log);
  mr_topic_log_advance_drop(log);
}
