/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a segment: its last writes, its exact length, its sync, its indexes, and the next
 * file. One request at a time, while buffers of the next segment fill. The next segment is not
 * there before the one before it is on the disk whole, so that only the last one can be torn. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/bug.h"
#include "topic/log_private.h"

#define ROLL_FILES 3u

void mr_topic_log_add_sealed(struct mr_topic_log *log, int64_t base, uint64_t sz,
                             int64_t max_timestamp) {
  if (log->sealed_first + log->sealed_cnt == log->sealed_cap) {
    struct mr_topic_sealed *old = log->sealed + log->sealed_first;
    if (log->sealed_first < log->sealed_cap / 2 || !log->sealed_cap) {
      log->sealed_cap = log->sealed_cap ? log->sealed_cap * 2 : 1024;
      log->sealed = MR_NEW(&log->arena, struct mr_topic_sealed, log->sealed_cap);
    }
    if (log->sealed_cnt) memmove(log->sealed, old, log->sealed_cnt * sizeof *old);
    log->sealed_first = 0;
  }
  log->sealed[log->sealed_first + log->sealed_cnt++] =
      (struct mr_topic_sealed){base, max_timestamp, sz};
  log->sealed_bytes += sz;
}

void mr_topic_log_begin_roll(struct mr_topic_log *log, int64_t next_base) {
  MR_ASSERT(log->roll == MR_TOPIC_ROLL_NONE && log->placed.offset == next_base);
  struct mr_topic_buffer *b = log->filling;
  log->roll = MR_TOPIC_ROLL_WRITES;
  log->roll_end = (struct mr_topic_mark){next_base, log->fill_base, log->fill_off};
  log->roll_next_base = next_base;
  mr_topic_index_seal(&log->indexes[log->index]);
  log->index ^= 1;
  mr_topic_index_begin(&log->indexes[log->index], next_base);
  if (b && b->used > b->kept) {
    b->state = MR_TOPIC_BUFFER_READY;
    b->end = log->placed;
    log->filling = NULL;
  }
  log->fill_segment++;
  log->fill_off = 0;
  log->fill_base = next_base;
  if (log->filling) { /* nothing new is in it: it begins the next segment */
    b->off = 0;
    b->used = b->kept = 0;
    b->segment = log->fill_segment;
  }
  mr_topic_log_start_filling(log);
  /* What producers had appended when the next segment begins, for its recovery. */
  mr_note_begin(&log->roll_note, "producers");
  mr_note_add(&log->roll_note, "offset", next_base);
  mr_topic_producers_save(&log->producers, MR_BUG(MR_BUG_PRODUCERS_AHEAD) ? INT64_MAX : next_base,
                          &log->roll_note);
}

static void submit(struct mr_topic_log *log, enum mr_topic_roll step, struct mr_io_req req) {
  log->roll = step;
  log->roll_req = req;
  mr_io_submit(log->io, &log->roll_req);
}

static const struct mr_topic_index *old_index(const struct mr_topic_log *log) {
  return &log->indexes[log->index ^ 1];
}

/* The next of the files that go with the segment, or the next segment. */
static void open_file(struct mr_topic_log *log) {
  if (log->roll_file == 2 && !log->producers.cnt) log->roll_file++;
  if (log->roll_file < ROLL_FILES) {
    static const char *const ext[ROLL_FILES] = {"index", "timeindex", "producers"};
    int64_t base = log->roll_file == 2 ? log->roll_next_base : log->roll_end.base;
    mr_topic_segment_path(log->roll_path, log->dir, base, ext[log->roll_file]);
    submit(log, MR_TOPIC_ROLL_FILE_OPEN,
           (struct mr_io_req){.kind = MR_IO_OPEN,
                              .path = log->roll_path,
                              .flags = O_WRONLY | O_CREAT | O_TRUNC,
                              .mode = 0644});
    return;
  }
  mr_topic_segment_path(log->path, log->dir, log->roll_next_base, "log");
  int direct = log->conf.buffered ? 0 : O_DIRECT;
  submit(log, MR_TOPIC_ROLL_OPEN,
         (struct mr_io_req){.kind = MR_IO_OPEN,
                            .path = log->path,
                            .flags = O_WRONLY | O_CREAT | O_TRUNC | direct,
                            .mode = 0644});
}

static void write_file(struct mr_topic_log *log) {
  const struct mr_topic_index *ix = old_index(log);
  const void *data[ROLL_FILES] = {ix->entries, ix->times, log->roll_note.text};
  if (log->roll_file == 2) mr_note_seal(&log->roll_note);
  uint64_t len[ROLL_FILES] = {(uint64_t)ix->entry_cnt * MR_TOPIC_INDEX_ENTRY,
                              (uint64_t)ix->time_cnt * MR_TOPIC_TIME_ENTRY, log->roll_note.len};
  submit(log, MR_TOPIC_ROLL_FILE_WRITE,
         (struct mr_io_req){.kind = MR_IO_WRITE,
                            .fd = log->roll_fd,
                            .buf = (void *)(uintptr_t)data[log->roll_file],
                            .len = len[log->roll_file]});
}

static bool old_writes_done(const struct mr_topic_log *log) {
  if (mr_io_in_flight(&log->allocate) || log->sync.kind == MR_IO_DATASYNC) return false;
  return log->written.offset >= log->roll_end.offset;
}

static void end_roll(struct mr_topic_log *log) {
  log->open_segment++;
  MR_ASSERT(log->open_segment == log->fill_segment);
  mr_topic_log_add_sealed(log, log->roll_end.base, log->roll_end.pos,
                          old_index(log)->max_timestamp);
  log->no_allocate = false;
  log->roll = MR_TOPIC_ROLL_NONE;
}

/* The disk may be too full for a new file: tried again, as writes are. */
static void new_segment_opened(struct mr_topic_log *log, int64_t fd) {
  if (mr_topic_disk_full(fd)) {
    if (!log->full) log->stats.full_waits++;
    log->full = true;
    log->full_needs = MR_IO_ALIGN;
    log->full_retry_ns = log->now_ns + MR_TOPIC_FULL_RETRY_NS;
    log->roll_file = ROLL_FILES;
    log->roll = MR_TOPIC_ROLL_CLOSE; /* its request is finished: on to open_file, when it is time */
    return;
  }
  if (fd < 0) {
    mr_topic_log_fail(log, fd, "make", log->path);
    return;
  }
  log->full = false;
  log->fd = (int)fd;
  log->direct = log->roll_req.flags & O_DIRECT;
  log->allocated = 0;
  if (!log->direct) {
    submit(log, MR_TOPIC_ROLL_SYNC_DIR,
           (struct mr_io_req){.kind = MR_BUG(MR_BUG_SEGMENT_NAME) ? MR_IO_STAT : MR_IO_SYNC_DIR,
                              .path = log->dir});
    return;
  }
  uint64_t len = mr_align_up(log->conf.segment_sz, MR_IO_ALIGN);
  if (len > log->conf.allocate_sz) len = log->conf.allocate_sz;
  submit(log, MR_TOPIC_ROLL_ALLOCATE,
         (struct mr_io_req){
             .kind = MR_IO_ALLOCATE, .fd = log->fd, .flags = MR_IO_LENGTHEN, .len = len});
}

/* A finished step of the roll, and the next one. False: the log has failed. */
static void next_step(struct mr_topic_log *log, int64_t result) {
  switch (log->roll) {
  case MR_TOPIC_ROLL_CUT:
    if (result < 0) {
      mr_topic_log_fail(log, result, "cut", log->path);
      return;
    }
    submit(log, MR_TOPIC_ROLL_SYNC,
           (struct mr_io_req){.kind = MR_BUG(MR_BUG_SEGMENT_SYNC) ? MR_IO_STAT : MR_IO_DATASYNC,
                              .fd = log->fd});
    return;
  case MR_TOPIC_ROLL_SYNC:
    if (result < 0) {
      mr_topic_log_fail(log, result, "sync", log->path);
      return;
    }
    log->stats.syncs++;
    log->synced = log->roll_end;
    log->roll_file = 0;
    submit(log, MR_TOPIC_ROLL_CLOSE, (struct mr_io_req){.kind = MR_IO_CLOSE, .fd = log->fd});
    log->fd = -1;
    return;
  case MR_TOPIC_ROLL_FILE_OPEN:
    if (result < 0) { /* readers do without an index, recovery without a note */
      log->roll_file++;
      open_file(log);
      return;
    }
    log->roll_fd = (int)result;
    write_file(log);
    return;
  case MR_TOPIC_ROLL_FILE_WRITE:
    submit(log, MR_TOPIC_ROLL_FILE_CLOSE,
           (struct mr_io_req){.kind = MR_IO_CLOSE, .fd = log->roll_fd});
    return;
  case MR_TOPIC_ROLL_FILE_CLOSE:
    log->roll_file++;
    open_file(log);
    return;
  case MR_TOPIC_ROLL_CLOSE: open_file(log); return;
  case MR_TOPIC_ROLL_OPEN: new_segment_opened(log, result); return;
  case MR_TOPIC_ROLL_ALLOCATE:
    log->allocated = result < 0 ? 0 : log->roll_req.len;
    log->no_allocate = result < 0;
    submit(log, MR_TOPIC_ROLL_SYNC_DIR,
           (struct mr_io_req){.kind = MR_BUG(MR_BUG_SEGMENT_NAME) ? MR_IO_STAT : MR_IO_SYNC_DIR,
                              .path = log->dir});
    return;
  case MR_TOPIC_ROLL_SYNC_DIR:
    if (result < 0)
      mr_topic_log_fail(log, result, "sync the folder of", log->path);
    else
      end_roll(log);
    return;
  default: return;
  }
}

void mr_topic_log_advance_roll(struct mr_topic_log *log) {
  if (log->roll == MR_TOPIC_ROLL_WRITES) {
    if (!old_writes_done(log)) return;
    submit(log, MR_TOPIC_ROLL_CUT,
           (struct mr_io_req){.kind = MR_IO_TRUNCATE, .fd = log->fd, .len = log->roll_end.pos});
  }
  while (log->roll != MR_TOPIC_ROLL_NONE && !log->failed.code && mr_io_done(&log->roll_req)) {
    if (log->full && log->roll == MR_TOPIC_ROLL_CLOSE && log->now_ns < log->full_retry_ns) return;
    next_step(log, log->roll_req.result);
  }
}

/* ---- removal of old segments ---- */

static const char *const drop_ext[] = {"log", "index", "timeindex", "producers"};

void mr_topic_log_drop_oldest(struct mr_topic_log *log) {
  MR_ASSERT(log->drop_base < 0 && log->sealed_cnt > 0);
  const struct mr_topic_sealed *s = &log->sealed[log->sealed_first++];
  log->sealed_cnt--;
  log->sealed_bytes -= s->sz;
  log->drop_base = s->base;
  log->drop_step = 0;
  log->stats.segments_removed++;
}

void mr_topic_log_advance_drop(struct mr_topic_log *log) {
  if (log->drop_base < 0 || mr_io_in_flight(&log->drop_req)) return;
  if (log->drop_step == sizeof drop_ext / sizeof drop_ext[0]) {
    log->drop_base = -1;
    return;
  }
  mr_topic_segment_path(log->drop_path, log->dir, log->drop_base, drop_ext[log->drop_step++]);
  log->drop_req = (struct mr_io_req){.kind = MR_IO_UNLINK, .path = log->drop_path};
  mr_io_submit(log->io, &log->drop_req);
}

void mr_topic_log_retain(struct mr_topic_log *log, int64_t wall_ms) {
  if (log->failed.code || log->drop_base >= 0) return;
  int64_t oldest_ms =
      log->conf.retention_age_ms > 0 ? wall_ms - log->conf.retention_age_ms : INT64_MIN;
  const struct mr_topic_index *ix = &log->indexes[log->index];
  if (!log->sealed_cnt) { /* the segment in use goes as well, once it is sealed */
    if (ix->max_timestamp_offset >= 0 && ix->max_timestamp < oldest_ms && !log->pending &&
        log->roll == MR_TOPIC_ROLL_NONE)
      mr_topic_log_begin_roll(log, log->placed.offset);
    return;
  }
  const struct mr_topic_sealed *s = &log->sealed[log->sealed_first];
  int64_t next = log->sealed_cnt > 1               ? s[1].base
                 : log->roll != MR_TOPIC_ROLL_NONE ? log->roll_end.offset
                                                   : log->fill_base;
  if (log->conf.held && next > log->published) return; /* its owner may go back there */
  uint64_t rest = mr_topic_log_bytes(log) - s->sz;
  if (s->max_timestamp < oldest_ms || (log->conf.retention_sz && rest >= log->conf.retention_sz)) {
    mr_topic_log_drop_oldest(log);
    log->retention_ns = 0; /* the next one may follow */
    mr_topic_log_advance_drop(log);
  }
}
