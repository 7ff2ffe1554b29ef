/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "topic/reader_private.h"

#define RETRIES_MAX 64u /* looks at a batch that must be there: the page cache may lag a moment */

int mr_topic_reader_fail(struct mr_topic_reader *r, struct mr_error *err) {
  if (err) *err = r->error;
  return r->error.code;
}

static void damage(struct mr_topic_reader *r, const char *why) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, r->dir, r->base, "log");
  mr_error_set(&r->error, MR_ERR_DATA, "%.700s: damaged at byte %llu: %s", path,
               (unsigned long long)r->pos, why);
}

/* ---- segments ---- */

int mr_topic_reader_next_base(struct mr_topic_reader *r, int64_t after, int64_t *base) {
  struct mr_arena arena = {0};
  int64_t *bases;
  uint32_t cnt = 0;
  *base = -1;
  int rc = mr_topic_segment_list(r->io, r->dir, &arena, &bases, &cnt, &r->error);
  for (uint32_t i = cnt; rc == MR_OK && i > 0 && bases[i - 1] > after; i--) *base = bases[i - 1];
  mr_arena_free(&arena);
  if (rc != MR_ERR_NOENT) return rc;
  mr_error_clear(&r->error); /* nobody has written yet */
  return MR_OK;
}

int mr_topic_reader_open_segment(struct mr_topic_reader *r, int64_t base, uint64_t pos) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, r->dir, base, "log");
  int64_t fd = mr_note_open(r->io, path, O_RDONLY, &r->error);
  if (fd < 0) return (int)fd;
  mr_io_finish(r->io, &r->read);
  if (r->fd >= 0) mr_note_close(r->io, r->fd);
  r->fd = (int)fd;
  r->base = base;
  r->pos = r->buf_at = pos;
  r->buf_len = 0;
  r->at_eof = false;
  r->fresh = false;
  r->in_batch = false;
  r->expect = pos == 0 ? base : -1;
  return MR_OK;
}

static void lose(struct mr_topic_reader *r, int64_t to) {
  r->loss.times++;
  r->loss.records += (uint64_t)(to - r->position);
  r->loss.first = r->position;
  r->loss.last = to - 1;
  r->position = to;
}

/* Retention was faster than this reader: the record at position is gone, the first one is at base.
 */
static int passed_by(struct mr_topic_reader *r, int64_t base) {
  if (!r->conf.on_data_loss_continue)
    return mr_error_set(&r->error, MR_ERR_LIMIT,
                        "%.700s: offset %lld is not kept any more, the first one is %lld", r->dir,
                        (long long)r->position, (long long)base);
  lose(r, base);
  return mr_topic_reader_open_segment(r, base, 0);
}

/* The open segment has no more: 1: the next one is open; 0: there is none (yet). */
static int next_segment(struct mr_topic_reader *r, const char *why) {
  int64_t base, first;
  int rc = mr_topic_reader_next_base(r, r->base, &base);
  if (rc == MR_OK) rc = mr_topic_reader_next_base(r, -1, &first);
  if (rc) return rc;
  if (base < 0) return 0;
  if (first > r->base && first > r->position) { /* several may have been removed at once */
    rc = passed_by(r, first);
  } else if (base > r->position && r->ours) {
    damage(r, why);
    return r->error.code;
  } else {
    rc = mr_topic_reader_open_segment(r, base, 0);
  }
  if (rc == MR_ERR_NOENT) { /* removed between the look and the open */
    mr_error_clear(&r->error);
    return 0;
  }
  return rc ? rc : 1;
}

/* ---- bytes ---- */

/* Takes a finished read into the buffer. */
static int take_read(struct mr_topic_reader *r) {
  if (r->read.kind != MR_IO_READ || !mr_io_done(&r->read)) return MR_OK;
  int64_t n = r->read.result;
  r->read.kind = MR_IO_OPEN; /* looked at */
  if (n < 0) {
    char path[MR_TOPIC_PATH_SZ];
    mr_topic_segment_path(path, r->dir, r->base, "log");
    mr_error_set_sys(&r->error, (int)-n, "cannot read %.700s at byte %llu", path,
                     (unsigned long long)r->read.off);
    return r->error.code = MR_ERR_IO;
  }
  r->at_eof = n == 0;
  r->buf_len += (uint64_t)n;
  return MR_OK;
}

/* Makes room for `need` bytes from pos on and asks for more. */
static void submit_read(struct mr_topic_reader *r, uint64_t need) {
  uint64_t have = r->buf_at + r->buf_len - r->pos;
  if (need > r->buf_sz) { /* a batch larger than all before it */
    uint64_t sz = mr_pow2_up(need);
    uint8_t *buf = mr_arena_alloc(&r->arena, sz);
    memcpy(buf, r->buf + (r->pos - r->buf_at), have);
    r->buf = buf;
    r->buf_sz = sz;
  } else if (r->pos > r->buf_at && have) {
    memmove(r->buf, r->buf + (r->pos - r->buf_at), have);
  }
  r->buf_at = r->pos;
  r->buf_len = have;
  uint64_t len = r->buf_sz - have, at = r->pos + have;
  /* What is behind the readable end are zeros, or will be written over. */
  if (r->mode == MR_TOPIC_END_TOLD && r->base == r->end_base && r->end_pos > at &&
      r->end_pos - at < len)
    len = r->end_pos - at;
  r->read = (struct mr_io_req){
      .kind = MR_IO_READ, .fd = r->fd, .buf = r->buf + have, .len = len, .off = at};
  mr_io_submit(r->io, &r->read);
}

/* Sees to it that `need` bytes from pos on are in the buffer: 1; 0: a read is in flight, or the
 * file has fewer (at_eof). With `keep` nothing moves: 0 as well. */
static int want_bytes(struct mr_topic_reader *r, uint64_t need, bool keep) {
  for (;;) {
    int rc = take_read(r);
    if (rc) return rc;
    if (r->buf_at + r->buf_len >= r->pos + need) return 1;
    if (keep || r->at_eof || mr_io_in_flight(&r->read)) return 0;
    submit_read(r, need);
    if (!mr_io_done(&r->read)) return 0;
  }
}

/* Forgets what is in the buffer from pos on, to read it again. */
static void drop_bytes(struct mr_topic_reader *r) {
  mr_io_finish(r->io, &r->read);
  r->read.kind = MR_IO_OPEN;
  r->buf_at = r->pos;
  r->buf_len = 0;
  r->at_eof = false;
}

/* ---- batches ---- */

/* The end; more may be written behind it. */
static int rest_at_end(struct mr_topic_reader *r) {
  if (r->mode == MR_TOPIC_END_WHOLE && r->end < r->position) r->end = r->position;
  r->at_end = true;
  r->from_ms = INT64_MIN;
  return 0;
}

/* What is at pos is no whole batch: 1: go on, something has changed; 0: nothing now. */
static int no_batch(struct mr_topic_reader *r, const char *why) {
  bool bytes = r->buf_at + r->buf_len > r->pos;
  int64_t must = r->mode == MR_TOPIC_END_WHOLE ? r->synced : r->end, base = -1;
  drop_bytes(r);
  if (bytes && !r->fresh) { /* they may be from before the writer came here */
    r->fresh = true;
    return 1;
  }
  r->fresh = false;
  int rc = bytes ? mr_topic_reader_next_base(r, r->base, &base) : next_segment(r, why);
  if (rc) return rc;
  if (base < 0 && r->position >= must) {
    mr_topic_reader_ask_end(r);
    return r->error.code ? r->error.code : rest_at_end(r);
  }
  if (r->retries++ < RETRIES_MAX) return base < 0 ? 0 : 1;
  damage(r, why);
  return r->error.code;
}

/* Goes over a batch that is damaged: to the next one if one is there, else to the next segment. */
static int skip_damage(struct mr_topic_reader *r) {
  struct mr_record_batch next;
  struct mr_topic_scan scan;
  const void *bytes;
  const char *why;
  int sys_errno, rc = 0;
  drop_bytes(r);
  if (r->head.version == 2 && r->head.sz > MR_RECORD_BATCH_HEAD_SZ &&
      r->head.sz < MR_RECORD_BATCH_MAX) {
    mr_topic_scan_begin(&scan, r->io, r->fd, r->pos + r->head.sz);
    rc = mr_topic_scan_next(&scan, &next, &bytes, &why, &sys_errno);
    mr_topic_scan_end(&scan);
  }
  r->loss.corrupt++;
  if (rc == 1 && next.base_offset > r->position) {
    r->pos += r->head.sz;
    r->expect = next.base_offset;
    lose(r, next.base_offset);
    drop_bytes(r);
  } else {
    int64_t base;
    rc = mr_topic_reader_next_base(r, r->base, &base);
    if (rc) return rc;
    if (base < 0) return r->error.code; /* nothing follows */
    if (base > r->position) lose(r, base);
    rc = mr_topic_reader_open_segment(r, base, 0);
    if (rc) return rc;
  }
  mr_error_clear(&r->error);
  r->retries = 0;
  return 1;
}

/* Is the batch where it belongs? Only the first one after a look-up is not known beforehand. */
static const char *misplaced(const struct mr_topic_reader *r) {
  if (r->head.base_offset < r->base) return "a batch with an offset below its segment's";
  if (r->expect >= 0 && r->head.base_offset < r->expect)
    return "a batch with an earlier offset than its place has";
  if (!r->ours) return NULL;
  if (r->head.leader_epoch != 0) return "a batch with a leader epoch";
  if (r->head.base_offset > (r->expect >= 0 ? r->expect : r->position))
    return "a batch with a later offset than its place has";
  return NULL;
}

/* The batch at pos has been dealt with. */
static void pass_batch(struct mr_topic_reader *r) {
  int64_t next = mr_record_batch_last_offset(&r->head) + 1;
  if (r->position < next) r->position = next;
  r->expect = next;
  r->pos += r->head.sz;
}

/* Begins with the records of the whole batch at pos: 1; 0: not now, or it was passed over (pos has
 * moved); an error. */
static int begin_batch(struct mr_topic_reader *r) {
  const uint8_t *p = r->buf + (r->pos - r->buf_at);
  int64_t last = mr_record_batch_last_offset(&r->head);
  bool control = r->head.attributes & MR_RECORD_BATCH_CONTROL;
  r->hidden = control;
  if (!control && !r->conf.uncommitted && r->head.attributes & MR_RECORD_BATCH_TRANSACTIONAL) {
    int outcome = mr_topic_reader_outcome(r, &r->head);
    if (outcome < -1) return outcome;
    if (outcome == -1) { /* open: nothing behind it may be seen */
      r->at_end = true;
      return 0;
    }
    r->hidden = outcome == 0;
  }
  r->retries = 0;
  r->fresh = false;
  if (last < r->position || r->hidden) {
    pass_batch(r);
    return 1;
  }
  for (;;) {
    int rc = mr_record_cursor_begin(&r->cursor, p, &r->head, r->codec, r->scratch, r->scratch_sz);
    if (rc == MR_OK) break;
    if (rc == MR_ERR_LIMIT && r->scratch_sz < MR_RECORD_BATCH_MAX) {
      r->scratch_sz *= 4;
      r->scratch = mr_arena_alloc(&r->arena, r->scratch_sz);
      continue;
    }
    damage(r, "the records of a batch cannot be unpacked");
    return r->error.code;
  }
  r->in_batch = true;
  return 1;
}

/* The next batch: 1: its records can be taken (or it was passed over); 0: not now. keep: records of
 * the buffer are in the caller's hands. */
static int next_batch(struct mr_topic_reader *r, bool keep) {
  if (r->mode != MR_TOPIC_END_WHOLE && r->position >= r->end) {
    if (!keep) mr_topic_reader_ask_end(r);
    if (r->error.code) return r->error.code;
    if (r->position >= r->end && r->mode != MR_TOPIC_END_WHOLE) return rest_at_end(r);
  }
  r->at_end = false;
  if (r->fd < 0) { /* nobody had written yet */
    int there = keep ? 0 : next_segment(r, "no segment begins here");
    if (there) return there;
    mr_topic_reader_ask_end(r);
    return rest_at_end(r);
  }
  int rc = want_bytes(r, MR_RECORD_BATCH_HEAD_SZ, keep);
  if (rc < 0) return rc;
  if (rc == 0) return keep || !r->at_eof ? 0 : no_batch(r, "the file ends where a batch should be");
  const uint8_t *p = r->buf + (r->pos - r->buf_at);
  if (mr_record_batch_head(p, &r->head) != MR_OK)
    return keep ? 0 : no_batch(r, "no batch of version 2 begins here");
  rc = want_bytes(r, r->head.sz, keep);
  if (rc < 0) return rc;
  if (rc == 0) return keep || !r->at_eof ? 0 : no_batch(r, "the file ends inside a batch");
  if (keep && mr_record_batch_codec(&r->head) != MR_CODEC_NONE) return 0;
  p = r->buf + (r->pos - r->buf_at);
  if (!mr_record_batch_intact(p, &r->head))
    return keep ? 0 : no_batch(r, "the checksum of a batch does not fit");
  const char *why = misplaced(r);
  if (why) return keep ? 0 : no_batch(r, why);
  return begin_batch(r);
}

/* All of a batch's records count: nothing is left out of it, and none may not be read yet. */
static bool counts_whole(const struct mr_topic_reader *r) {
  return r->cursor.base_offset + r->cursor.prev_delta + 1 >= r->position &&
         r->from_ms == INT64_MIN &&
         (r->mode == MR_TOPIC_END_WHOLE || mr_record_batch_last_offset(&r->head) < r->end);
}

/* Records of the batch in hand, those that count. */
static int take_records(struct mr_topic_reader *r, struct mr_record *out, uint32_t max) {
  uint32_t n = 0;
  int rc = 1;
  if (counts_whole(r)) {
    rc = mr_record_cursor_take(&r->cursor, out, max);
    if (rc > 0) {
      r->position = out[rc - 1].offset + 1;
      return rc;
    }
  }
  while (rc == 1 && n < max) {
    rc = mr_record_cursor_next(&r->cursor, &out[n]);
    if (rc != 1) break;
    int64_t offset = out[n].offset;
    if (offset < r->position) continue;
    if (r->mode != MR_TOPIC_END_WHOLE && offset >= r->end) {
      r->in_batch = false; /* looked at again once it may be read */
      return (int)n;
    }
    r->position = offset + 1;
    if (out[n].timestamp_ms < r->from_ms) continue;
    r->from_ms = INT64_MIN;
    n++;
  }
  if (rc < 0) {
    r->in_batch = false;
    damage(r, "a batch's records are not what its checksum says");
    return n ? (int)n : r->error.code;
  }
  if (rc == 0) {
    r->in_batch = false;
    pass_batch(r);
  }
  return (int)n;
}

int mr_topic_reader_take(struct mr_topic_reader *r, struct mr_record *out, uint32_t max,
                         struct mr_error *err) {
  uint32_t n = 0;
  for (;;) {
    if (r->error.code) {
      if (n) return (int)n; /* told with the next call */
      bool skip = r->error.code == MR_ERR_DATA && r->conf.on_data_loss_continue;
      if (!skip || skip_damage(r) != 1) return mr_topic_reader_fail(r, err);
    }
    if (r->in_batch) {
      int got = take_records(r, out + n, max - n);
      if (got > 0) n += (uint32_t)got;
      if (n == max) return (int)n;
    } else if (next_batch(r, n > 0) == 0) {
      return (int)n;
    }
  }
}

int64_t mr_topic_reader_position(const struct mr_topic_reader *r) {
  return r->position;
}
bool mr_topic_reader_at_end(const struct mr_topic_reader *r) {
  return r->at_end;
}
int64_t mr_topic_reader_end(const struct mr_topic_reader *r) {
  return r->end;
}
int64_t mr_topic_reader_start(const struct mr_topic_reader *r) {
  return r->start;
}
void mr_topic_reader_loss(const struct mr_topic_reader *r, struct mr_topic_loss *out) {
  *out = r->loss;
}
