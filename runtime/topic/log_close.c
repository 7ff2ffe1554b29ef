/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "base/assert.h"
#include "base/clock.h"
#include "topic/log_private.h"

/* Waits for a request that is in flight; false: none is. */
static bool wait_one(struct mr_topic_log *log) {
  struct mr_io_req *others[] = {&log->roll_req, &log->sync, &log->allocate, &log->drop_req,
                                &log->readable_req};
  for (uint32_t i = 0; i < log->cnt; i++) {
    struct mr_topic_buffer *b = &log->buffers[(log->first + i) % log->conf.buffer_cnt];
    if (!mr_io_in_flight(&b->req)) continue;
    mr_io_finish(log->io, &b->req);
    return true;
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    if (!mr_io_in_flight(others[i])) continue;
    mr_io_finish(log->io, others[i]);
    return true;
  }
  return false;
}

void mr_topic_log_abandon(struct mr_topic_log *log) {
  if (!log) return;
  while (wait_one(log)) {}
  if (log->roll == MR_TOPIC_ROLL_OPEN && log->roll_req.result >= 0)
    mr_note_close(log->io, (int)log->roll_req.result);
  if (log->roll == MR_TOPIC_ROLL_FILE_OPEN && log->roll_req.result >= 0)
    mr_note_close(log->io, (int)log->roll_req.result);
  if (log->roll == MR_TOPIC_ROLL_FILE_WRITE) mr_note_close(log->io, log->roll_fd);
  if (log->fd >= 0) mr_note_close(log->io, log->fd);
  if (log->readable_fd >= 0) mr_note_close(log->io, log->readable_fd);
  mr_record_builder_destroy(log->builder);
  struct mr_arena arena = log->arena; /* the struct itself lives in it */
  mr_arena_free(&arena);
}

/* A full disk is looked at again after a while. */
static void pause_for_room(struct mr_topic_log *log, uint64_t *waited_ns) {
  struct timespec ts = {0, 20000000};
  nanosleep(&ts, NULL);
  *waited_ns += 20000000;
  log->now_ns += 20000000;
}

/* Until all that was appended is written and synced, and no segment is being ended or removed. */
static int settle(struct mr_topic_log *log, int64_t full_wait_ns, struct mr_error *err) {
  uint64_t waited_ns = 0;
  int64_t end = mr_topic_log_end(log);
  log->sync_wanted = end;
  for (;;) {
    log->want_flush = true;
    mr_topic_log_advance(log);
    if (log->failed.code) {
      if (err) *err = log->failed;
      return MR_ERR_IO;
    }
    if (log->synced.offset == end && log->roll == MR_TOPIC_ROLL_NONE && log->drop_base < 0 &&
        !wait_one(log))
      return MR_OK;
    if (wait_one(log)) continue;
    if (!log->full) continue;
    if (waited_ns >= (uint64_t)(full_wait_ns > 0 ? full_wait_ns : 0))
      return mr_error_set(err, MR_ERR_IO, "%s: the disk is full: %llu bytes are needed", log->path,
                          (unsigned long long)log->full_needs);
    pause_for_room(log, &waited_ns);
  }
}

static int write_index(struct mr_topic_log *log, const char *ext, const void *data, uint64_t len) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, log->dir, log->fill_base, ext);
  int64_t fd = mr_note_open(log->io, path, O_WRONLY | O_CREAT | O_TRUNC, NULL);
  if (fd < 0) return (int)fd;
  struct mr_io_req w = {
      .kind = MR_IO_WRITE, .fd = (int)fd, .buf = (void *)(uintptr_t)data, .len = len};
  int64_t rc = mr_io_wait(log->io, &w);
  mr_note_close(log->io, (int)fd);
  return rc < 0 ? MR_ERR_IO : MR_OK;
}

static int io_failed(struct mr_error *err, int64_t result, const char *what, const char *path) {
  mr_error_set_sys(err, (int)-result, "cannot %s %s", what, path);
  if (err) err->code = MR_ERR_IO;
  return MR_ERR_IO;
}

/* The exact length, the indexes, the mark. Indexes may fail: readers do without. */
static int leave_clean(struct mr_topic_log *log, struct mr_error *err) {
  struct mr_io_req cut = {.kind = MR_IO_TRUNCATE, .fd = log->fd, .len = log->fill_off};
  struct mr_io_req sync = {.kind = MR_IO_DATASYNC, .fd = log->fd};
  int64_t rc = mr_io_wait(log->io, &cut);
  if (rc < 0) return io_failed(err, rc, "cut", log->path);
  rc = mr_io_wait(log->io, &sync);
  if (rc < 0) return io_failed(err, rc, "sync", log->path);
  struct mr_topic_index *ix = &log->indexes[log->index];
  mr_topic_index_seal(ix);
  write_index(log, "index", ix->entries, (uint64_t)ix->entry_cnt * MR_TOPIC_INDEX_ENTRY);
  write_index(log, "timeindex", ix->times, (uint64_t)ix->time_cnt * MR_TOPIC_TIME_ENTRY);
  char path[MR_TOPIC_PATH_SZ];
  snprintf(path, sizeof path, "%s/closed", log->dir);
  mr_note_begin(&log->roll_note, "closed");
  mr_note_add(&log->roll_note, "next_offset", log->placed.offset);
  mr_note_add(&log->roll_note, "segment", log->fill_base);
  mr_note_add(&log->roll_note, "size", (int64_t)log->fill_off);
  return mr_note_write(log->io, path, &log->roll_note, err);
}

int mr_topic_log_close(struct mr_topic_log *log, int64_t full_wait_ns, struct mr_error *err) {
  int rc = settle(log, full_wait_ns, err);
  if (rc == MR_OK) rc = leave_clean(log, err);
  mr_topic_log_abandon(log);
  return rc;
}

int mr_topic_log_publish(struct mr_topic_log *log, int64_t offset, struct mr_error *err) {
  MR_ASSERT(log->conf.held);
  if (log->failed.code) {
    if (err) *err = log->failed;
    return MR_ERR_IO;
  }
  if (offset > log->synced.offset || offset < log->published)
    return mr_error_set(
        err, MR_ERR_STATE, "%s: cannot publish up to offset %lld: %lld is published, %lld on disk",
        log->dir, (long long)offset, (long long)log->published, (long long)log->synced.offset);
  log->published = offset;
  mr_io_finish(log->io, &log->readable_req);
  struct mr_topic_readable r;
  mr_topic_log_readable_record(log, &r);
  mr_topic_readable_encode(&r, log->readable_buf);
  struct mr_io_req w = {.kind = MR_IO_WRITE,
                        .fd = log->readable_fd,
                        .buf = log->readable_buf,
                        .len = MR_TOPIC_READABLE_SZ};
  struct mr_io_req s = {.kind = MR_IO_DATASYNC, .fd = log->readable_fd};
  int64_t rc = mr_io_wait(log->io, &w);
  if (rc >= 0) rc = mr_io_wait(log->io, &s);
  if (rc < 0) return io_failed(err, rc, "write the readable mark in", log->dir);
  log->readable = r.offset;
  log->readable_synced = r.synced;
  return MR_OK;
}

int mr_topic_log_trim(struct mr_topic_log *log, int64_t offset, struct mr_error *err) {
  if (offset > mr_topic_log_readable(log))
    return mr_error_set(err, MR_ERR_ARG, "%s: offset %lld is behind the end, %lld", log->dir,
                        (long long)offset, (long long)mr_topic_log_readable(log));
  if (offset <= mr_topic_log_start(log)) return MR_OK;
  char path[MR_TOPIC_PATH_SZ];
  struct mr_note *note = MR_NEW(&log->arena, struct mr_note, 1);
  snprintf(path, sizeof path, "%s/start", log->dir);
  mr_note_begin(note, "start");
  mr_note_add(note, "offset", offset);
  int rc = mr_note_write(log->io, path, note, err);
  if (rc) return rc;
  log->start = offset;
  for (;;) {
    while (log->drop_base >= 0) {
      mr_topic_log_advance_drop(log);
      mr_io_finish(log->io, &log->drop_req);
    }
    if (!log->sealed_cnt) return MR_OK;
    const struct mr_topic_sealed *s = &log->sealed[log->sealed_first];
    int64_t next = log->sealed_cnt > 1 ? s[1].base
                   : log->roll         ? log->roll_end.base
                                       : log->fill_base;
    if (next > offset) return MR_OK;
    mr_topic_log_drop_oldest(log);
  }
}
