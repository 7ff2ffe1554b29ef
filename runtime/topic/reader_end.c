/* SPDX-License-Identifier: Apache-2.0 */
/* How far a reader may go: what a living writer says in `readable`; else what it left (the mark of
 * a clean close, a checkpoint's end); else as far as batches are whole. And where a reader begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "topic/reader_private.h"
#include "topic/topic.h"

#define BUF_SZ     (256u << 10)
#define IDLE_LOOKS 256u /* looks at the end without news between two looks at who writes */

/* ---- the end ---- */

static void take_told(struct mr_topic_reader *r, const struct mr_topic_readable *told) {
  if (told->offset != r->end) r->idle = 0;
  r->end = told->offset;
  r->end_base = told->end_base;
  r->end_pos = told->end_pos;
  r->synced = told->synced;
}

/* The end of what is whole in the last segment, read batch by batch. */
static int find_whole_end(struct mr_topic_reader *r) {
  struct mr_arena arena = {0};
  int64_t *bases;
  uint32_t cnt = 0;
  int rc = mr_topic_segment_list(r->io, r->dir, &arena, &bases, &cnt, &r->error);
  int64_t base = cnt ? bases[cnt - 1] : 0;
  mr_arena_free(&arena);
  if (rc == MR_ERR_NOENT) { /* a topic that nobody has written to yet */
    mr_error_clear(&r->error);
    rc = MR_OK;
  }
  if (rc || !cnt) {
    r->end = 0;
    return rc;
  }
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, r->dir, base, "log");
  int64_t fd = mr_note_open(r->io, path, O_RDONLY, &r->error);
  if (fd < 0) return (int)fd;
  struct mr_topic_scan scan;
  struct mr_record_batch head;
  const void *bytes;
  const char *why;
  int sys_errno;
  r->end = base;
  mr_topic_scan_begin(&scan, r->io, (int)fd, 0);
  while (mr_topic_scan_next(&scan, &head, &bytes, &why, &sys_errno) == 1)
    if (head.base_offset >= r->end) r->end = mr_record_batch_last_offset(&head) + 1;
  mr_topic_scan_end(&scan);
  mr_note_close(r->io, (int)fd);
  return MR_OK;
}

static bool somebody_writes(struct mr_topic_reader *r) {
  int64_t fd = mr_note_open(r->io, r->lock_path, O_RDONLY, NULL);
  if (fd < 0) return false;
  struct mr_io_req test = {.kind = MR_IO_LOCK_TEST, .fd = (int)fd};
  bool locked = mr_io_wait(r->io, &test) == 1;
  mr_note_close(r->io, (int)fd);
  return locked;
}

/* The mark of a clean close: the end to r->end. */
static bool closed_cleanly(struct mr_topic_reader *r) {
  char path[MR_TOPIC_PATH_SZ];
  struct mr_note note;
  snprintf(path, sizeof path, "%s/closed", r->dir);
  return mr_note_read(r->io, path, "closed", &note, NULL) == MR_OK &&
         mr_note_get(&note, "next_offset", &r->end);
}

static int first_offset(struct mr_topic_reader *r) {
  char path[MR_TOPIC_PATH_SZ];
  struct mr_note note;
  int64_t trimmed;
  int rc = mr_topic_reader_next_base(r, -1, &r->start);
  if (r->start < 0) r->start = 0;
  snprintf(path, sizeof path, "%s/start", r->dir);
  if (mr_note_read(r->io, path, "start", &note, NULL) == MR_OK &&
      mr_note_get(&note, "offset", &trimmed) && trimmed > r->start)
    r->start = trimmed;
  return rc;
}

int mr_topic_reader_look(struct mr_topic_reader *r) {
  struct mr_topic_readable told = {0};
  char path[MR_TOPIC_PATH_SZ];
  r->end_base = -1;
  /* The lock first: a writer that ends after this look leaves a record that is too short by what
   * nobody was told of, and the next look finds it gone. */
  bool writes = somebody_writes(r);
  if (r->readable_fd < 0) {
    snprintf(path, sizeof path, "%s/readable", r->dir);
    int64_t fd = mr_note_open(r->io, path, O_RDONLY, NULL);
    r->readable_fd = fd < 0 ? -1 : (int)fd;
  }
  bool has_told = r->readable_fd >= 0 &&
                  mr_note_read_at(r->io, r->readable_fd, r->end_buf, sizeof r->end_buf, 0) ==
                      sizeof r->end_buf &&
                  mr_topic_readable_decode(r->end_buf, &told);
  if (has_told) r->synced = told.synced;
  if (has_told && (writes || told.held)) {
    r->mode = MR_TOPIC_END_TOLD;
    take_told(r, &told);
  } else if (closed_cleanly(r)) {
    r->mode = MR_TOPIC_END_KNOWN;
    r->ours = true;
  } else {
    r->mode = MR_TOPIC_END_WHOLE;
  }
  if (has_told) r->ours = true;
  return first_offset(r);
}

void mr_topic_reader_ask_end(struct mr_topic_reader *r) {
  struct mr_topic_readable told;
  if (r->readable_fd >= 0 && r->mode == MR_TOPIC_END_TOLD) {
    if (mr_io_in_flight(&r->end_req)) return;
    if (r->end_req.kind != MR_IO_READ) {
      r->end_req = (struct mr_io_req){
          .kind = MR_IO_READ, .fd = r->readable_fd, .buf = r->end_buf, .len = sizeof r->end_buf};
      mr_io_submit(r->io, &r->end_req);
      if (!mr_io_done(&r->end_req)) return;
    }
    r->end_req.kind = MR_IO_OPEN; /* looked at */
    if (r->end_req.result == sizeof r->end_buf && mr_topic_readable_decode(r->end_buf, &told))
      take_told(r, &told);
    if (r->position < r->end) return;
  }
  /* Soon after the first time, then ever more seldom. */
  r->idle++;
  if (r->idle % IDLE_LOOKS == 0 || (r->idle & (r->idle - 1)) == 0) mr_topic_reader_look(r);
}

int mr_topic_reader_refresh(struct mr_topic_reader *r, struct mr_error *err) {
  if (!r->error.code) mr_topic_reader_look(r);
  if (!r->error.code && r->mode == MR_TOPIC_END_WHOLE) find_whole_end(r);
  return r->error.code ? mr_topic_reader_fail(r, err) : MR_OK;
}

/* ---- the beginning ---- */

static int list(struct mr_topic_reader *r, struct mr_arena *arena, int64_t **bases, uint32_t *cnt) {
  int rc = mr_topic_segment_list(r->io, r->dir, arena, bases, cnt, &r->error);
  if (rc != MR_ERR_NOENT) return rc;
  mr_error_clear(&r->error);
  return MR_OK;
}

static uint64_t segment_size(struct mr_topic_reader *r, int64_t base) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, r->dir, base, "log");
  struct mr_io_req st = {.kind = MR_IO_STAT, .path = path};
  int64_t sz = mr_io_wait(r->io, &st);
  return sz < 0 ? 0 : (uint64_t)sz;
}

int mr_topic_reader_locate(struct mr_topic_reader *r, int64_t offset) {
  struct mr_arena arena = {0};
  int64_t *bases;
  uint32_t cnt = 0, i = 0;
  int rc = list(r, &arena, &bases, &cnt);
  while (i + 1 < cnt && bases[i + 1] <= offset) i++;
  r->position = offset;
  if (rc == MR_OK && cnt) {
    int64_t base = bases[i];
    uint64_t pos = mr_topic_index_find(r->io, r->dir, base, offset, segment_size(r, base));
    rc = mr_topic_reader_open_segment(r, base, pos);
    /* A wrong index is not followed: a batch begins there, at or below the offset. */
    struct mr_topic_scan scan;
    struct mr_record_batch head;
    const void *bytes;
    const char *why;
    int sys_errno;
    if (rc == MR_OK && pos > 0) {
      mr_topic_scan_begin(&scan, r->io, r->fd, pos);
      int found = mr_topic_scan_next(&scan, &head, &bytes, &why, &sys_errno);
      mr_topic_scan_end(&scan);
      if (found != 1 || head.base_offset > offset) rc = mr_topic_reader_open_segment(r, base, 0);
    }
  }
  mr_arena_free(&arena);
  return rc;
}

/* Goes to the first segment that may have a record that is not older than ms. */
static int locate_time(struct mr_topic_reader *r, int64_t ms) {
  struct mr_arena arena = {0};
  int64_t *bases;
  uint32_t cnt = 0, i = 0;
  int rc = list(r, &arena, &bases, &cnt);
  while (rc == MR_OK && i + 1 < cnt) {
    int64_t max = mr_topic_index_max_timestamp(r->io, r->dir, bases[i]);
    if (max < 0 || max >= ms) break; /* without an index it is read */
    i++;
  }
  if (rc == MR_OK && cnt) {
    uint64_t pos = mr_topic_index_find_time(r->io, r->dir, bases[i], ms, segment_size(r, bases[i]));
    struct mr_record_batch head;
    uint8_t bytes[MR_RECORD_BATCH_HEAD_SZ];
    r->position = bases[i] > r->start ? bases[i] : r->start;
    rc = mr_topic_reader_open_segment(r, bases[i], pos);
    if (rc == MR_OK && pos > 0) {
      bool fine = mr_note_read_at(r->io, r->fd, bytes, sizeof bytes, pos) == sizeof bytes &&
                  mr_record_batch_head(bytes, &head) == MR_OK && head.base_offset >= bases[i];
      if (!fine)
        rc = mr_topic_reader_open_segment(r, bases[i], 0);
      else if (head.base_offset > r->position)
        r->position = head.base_offset;
    }
  }
  r->from_ms = ms;
  mr_arena_free(&arena);
  return rc;
}

static int begin_at(struct mr_topic_reader *r, int64_t offset) {
  if (offset < r->start || offset > r->end) {
    if (!r->conf.on_data_loss_continue)
      return mr_error_set(&r->error, MR_ERR_LIMIT,
                          "%.700s: offset %lld is not there: it has %lld to %lld", r->dir,
                          (long long)offset, (long long)r->start, (long long)r->end);
    int64_t to = offset < r->start ? r->start : r->end;
    r->loss.times++;
    r->loss.records += offset < to ? (uint64_t)(to - offset) : 0;
    r->loss.first = offset < to ? offset : to;
    r->loss.last = to - 1;
    offset = to;
  }
  return mr_topic_reader_locate(r, offset);
}

static int begin(struct mr_topic_reader *r) {
  int rc = mr_topic_reader_refresh(r, NULL);
  if (rc) return rc;
  switch (r->conf.start) {
  case MR_TOPIC_LATEST: return mr_topic_reader_locate(r, r->end);
  case MR_TOPIC_OFFSET: return begin_at(r, r->conf.at);
  case MR_TOPIC_TIMESTAMP: return locate_time(r, r->conf.at);
  default: return mr_topic_reader_locate(r, r->start);
  }
}

int mr_topic_reader_seek(struct mr_topic_reader *r, int64_t offset, struct mr_error *err) {
  mr_error_clear(&r->error);
  r->from_ms = INT64_MIN;
  r->retries = 0;
  r->at_end = false;
  int rc = mr_topic_reader_refresh(r, NULL);
  if (rc == MR_OK) rc = begin_at(r, offset);
  return rc ? mr_topic_reader_fail(r, err) : MR_OK;
}

/* Is there such a partition? One that was created has no folder before its first record. */
static int find_partition(struct mr_topic_reader *r) {
  struct mr_topic_conf conf;
  int rc = mr_topic_read_conf(r->io, r->conf.dir, r->conf.topic, &conf, &r->error);
  if (rc) return rc;
  if (r->conf.partition < conf.partitions) return MR_OK;
  return mr_error_set(&r->error, MR_ERR_NOENT, "topic `%s` has no partition %u", r->conf.topic,
                      r->conf.partition);
}

int mr_topic_reader_open(struct mr_topic_reader **out, struct mr_io *io,
                         const struct mr_topic_reader_conf *conf, struct mr_error *err) {
  struct mr_arena arena = {0};
  struct mr_topic_reader *r = MR_NEW(&arena, struct mr_topic_reader, 1);
  r->arena = arena;
  r->io = io;
  r->conf = *conf;
  r->fd = r->readable_fd = -1;
  r->base = r->expect = r->end_base = -1;
  r->from_ms = INT64_MIN;
  r->conf.dir = mr_arena_strdup(&r->arena, conf->dir);
  r->conf.topic = mr_arena_strdup(&r->arena, conf->topic);
  r->dir = mr_arena_printf(&r->arena, "%s/%s-%u", conf->dir, conf->topic, conf->partition);
  r->lock_path = mr_arena_printf(&r->arena, "%s/%s.lock", conf->dir, conf->topic);
  r->buf_sz = r->scratch_sz = BUF_SZ;
  r->buf = mr_arena_alloc(&r->arena, r->buf_sz);
  r->scratch = mr_arena_alloc(&r->arena, r->scratch_sz);
  int rc = mr_codec_create(&r->codec, MR_CODEC_NONE, &r->error);
  if (rc == MR_OK) rc = find_partition(r);
  if (rc == MR_OK) rc = begin(r);
  if (rc) {
    mr_topic_reader_fail(r, err);
    mr_topic_reader_close(r);
    return rc;
  }
  *out = r;
  return MR_OK;
}

void mr_topic_reader_close(struct mr_topic_reader *r) {
  if (!r) return;
  mr_io_finish(r->io, &r->read);
  mr_io_finish(r->io, &r->end_req);
  if (r->fd >= 0) mr_note_close(r->io, r->fd);
  if (r->readable_fd >= 0) mr_note_close(r->io, r->readable_fd);
  mr_codec_destroy(r->codec);
  struct mr_arena arena = r->arena; /* the struct itself lives in it */
  mr_arena_free(&arena);
}
