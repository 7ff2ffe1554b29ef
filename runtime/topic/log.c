/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/log.h"

#include <limits.h>
#include <string.h>

#include "base/assert.h"
#include "base/bug.h"
#include "topic/log_private.h"

int mr_topic_log_fail(struct mr_topic_log *log, int64_t result, const char *what,
                      const char *path) {
  if (!log->failed.code) {
    mr_error_set_sys(&log->failed, (int)-result, "cannot %s %s", what, path);
    log->failed.code = MR_ERR_IO;
  }
  return MR_ERR_IO;
}

/* ---- batches ---- */

/* Does the segment that fills have no room for the pending batch? */
static bool needs_roll(const struct mr_topic_log *log) {
  if (log->fill_off == 0) return false;
  return log->fill_off + log->head.sz > log->conf.segment_sz ||
         mr_record_batch_last_offset(&log->head) - log->fill_base > INT32_MAX;
}

bool mr_topic_log_place(struct mr_topic_log *log) {
  if (!log->pending) return true;
  if (log->pending_at == 0 && needs_roll(log)) {
    if (log->roll != MR_TOPIC_ROLL_NONE) return false; /* one at a time */
    mr_topic_log_begin_roll(log, log->head.base_offset);
  }
  uint64_t pos = log->fill_off - log->pending_at;
  while (log->pending_at < log->head.sz) {
    struct mr_topic_buffer *b = log->filling;
    if (!b) return false;
    size_t n = log->conf.buffer_sz - b->used, left = log->head.sz - log->pending_at;
    if (n > left) n = left;
    memcpy(b->mem + b->used, log->pending + log->pending_at, n);
    b->used += (uint32_t)n;
    log->pending_at += n;
    log->fill_off += n;
    if (log->pending_at < log->head.sz) mr_topic_log_seal_buffer(log);
  }
  log->placed = (struct mr_topic_mark){mr_record_batch_last_offset(&log->head) + 1, log->fill_base,
                                       log->fill_off};
  mr_topic_index_add(&log->indexes[log->index], &log->head, pos);
  log->pending = NULL;
  log->stats.batches++;
  log->stats.bytes += log->head.sz;
  if (log->filling && log->filling->used == log->conf.buffer_sz) mr_topic_log_seal_buffer(log);
  return true;
}

bool mr_topic_log_close_batch(struct mr_topic_log *log) {
  if (!mr_topic_log_place(log)) return false;
  uint32_t cnt = mr_record_builder_cnt(log->builder);
  if (cnt == 0) return true;
  log->head = (struct mr_record_batch){
      .base_offset = log->batch_base,
      .producer_id = log->producer_id,
      .producer_epoch = log->producer_epoch,
      .base_sequence = log->base_sequence,
  };
  log->pending = mr_record_builder_finish(log->builder, &log->head);
  log->pending_at = 0;
  log->batch_base += cnt;
  log->producer_id = MR_RECORD_NO_PRODUCER;
  log->producer_epoch = -1;
  log->base_sequence = -1;
  return mr_topic_log_place(log);
}

/* Who appends: stands in the head of a batch. */
struct origin {
  int64_t producer_id;
  int16_t epoch;
  int32_t sequence;
};

/* Adds to the open batch; the pending one must be placed first, for the bytes are the builder's.
 * The first record says whose the batch is, before anything can close it. */
static int add_record(struct mr_topic_log *log, const struct mr_record *rec,
                      const struct origin *from) {
  int rc = mr_record_builder_add(log->builder, rec);
  if (rc != 1 || mr_record_builder_cnt(log->builder) > 1) return rc;
  log->producer_id = from->producer_id;
  log->producer_epoch = from->epoch;
  log->base_sequence = from->sequence;
  return rc;
}

static int64_t add(struct mr_topic_log *log, const struct mr_record *rec,
                   const struct origin *from) {
  if (!mr_topic_log_place(log)) return MR_ERR_AGAIN;
  int rc = add_record(log, rec, from);
  if (rc == 0) {
    if (!mr_topic_log_close_batch(log)) {
      mr_topic_log_advance(log);
      if (!mr_topic_log_place(log)) return MR_ERR_AGAIN;
    }
    rc = MR_BUG(MR_BUG_PRODUCER_MISSING) ? mr_record_builder_add(log->builder, rec)
                                         : add_record(log, rec, from);
    mr_topic_log_advance(log);
  }
  if (rc < 0) return rc;
  MR_ASSERT(rc == 1);
  log->stats.records++;
  return mr_topic_log_end(log) - 1;
}

int64_t mr_topic_log_append(struct mr_topic_log *log, const struct mr_record *rec) {
  if (log->failed.code) return MR_ERR_IO;
  if (log->producer_id != MR_RECORD_NO_PRODUCER && !mr_topic_log_close_batch(log))
    return MR_ERR_AGAIN;
  return add(log, rec, &(struct origin){MR_RECORD_NO_PRODUCER, -1, -1});
}

int64_t mr_topic_log_append_as(struct mr_topic_log *log, const struct mr_record *rec,
                               int64_t producer_id, int16_t epoch, int32_t sequence,
                               bool *repeated) {
  *repeated = false;
  if (log->failed.code) return MR_ERR_IO;
  if (producer_id < 0 || epoch < 0 || sequence < 0) return MR_ERR_ARG;
  int64_t there;
  switch (mr_topic_producers_judge(&log->producers, producer_id, epoch, sequence, &there)) {
  case MR_TOPIC_REPEATED: *repeated = true; return there >= 0 ? there : mr_topic_log_end(log);
  case MR_TOPIC_GAP:
  case MR_TOPIC_FENCED: return MR_ERR_STATE;
  default: break;
  }
  uint32_t cnt = mr_record_builder_cnt(log->builder);
  bool same = log->producer_id == producer_id && log->producer_epoch == epoch &&
              mr_topic_sequence_add(log->base_sequence, (int32_t)cnt) == sequence;
  if (cnt && !same && !mr_topic_log_close_batch(log)) return MR_ERR_AGAIN;
  int64_t offset = add(log, rec, &(struct origin){producer_id, epoch, sequence});
  if (offset < 0) return offset;
  mr_topic_producers_add(&log->producers, producer_id, epoch, sequence, 1, offset);
  return offset;
}

int32_t mr_topic_log_next_sequence(const struct mr_topic_log *log, int64_t producer_id) {
  const struct mr_topic_producer *p = mr_topic_producers_find(&log->producers, producer_id);
  return p ? mr_topic_sequence_add(p->last_sequence, 1) : 0;
}

void mr_topic_log_flush(struct mr_topic_log *log, uint64_t now_ns) {
  log->now_ns = now_ns;
  log->want_flush = true;
  mr_topic_log_advance(log);
}

void mr_topic_log_sync(struct mr_topic_log *log, uint64_t now_ns) {
  log->sync_wanted = mr_topic_log_end(log);
  mr_topic_log_flush(log, now_ns);
}

int mr_topic_log_poll(struct mr_topic_log *log, uint64_t now_ns, int64_t wall_ms) {
  log->now_ns = now_ns;
  mr_io_poll(log->io);
  mr_topic_log_advance(log);
  if (now_ns >= log->retention_ns) {
    log->retention_ns = now_ns + MR_TOPIC_RETENTION_NS;
    mr_topic_log_retain(log, wall_ms);
  }
  return log->failed.code;
}

/* ---- what is asked ---- */

int64_t mr_topic_log_acked(const struct mr_topic_log *log) {
  bool synced = log->conf.sync == MR_TOPIC_SYNC_ALWAYS && !MR_BUG(MR_BUG_ACK_BEFORE_SYNC);
  return synced ? log->synced.offset : log->written.offset;
}

int64_t mr_topic_log_synced(const struct mr_topic_log *log) {
  return log->synced.offset;
}

int64_t mr_topic_log_end(const struct mr_topic_log *log) {
  return log->batch_base + mr_record_builder_cnt(log->builder);
}

int64_t mr_topic_log_start(const struct mr_topic_log *log) {
  int64_t first = log->sealed_cnt ? log->sealed[log->sealed_first].base
                                  : (log->roll ? log->roll_end.base : log->fill_base);
  return first > log->start ? first : log->start;
}

uint64_t mr_topic_log_bytes(const struct mr_topic_log *log) {
  uint64_t rolling = log->roll != MR_TOPIC_ROLL_NONE ? log->roll_end.pos : 0;
  return log->sealed_bytes + rolling + log->fill_off;
}

bool mr_topic_log_waits(const struct mr_topic_log *log, const char **path, uint64_t *bytes_needed) {
  *path = log->path;
  *bytes_needed = log->full_needs;
  return log->full;
}

const struct mr_error *mr_topic_log_failed(const struct mr_topic_log *log) {
  return log->failed.code ? &log->failed : NULL;
}

const char *mr_topic_log_io_note(const struct mr_topic_log *log) {
  if (log->direct || log->conf.buffered) return NULL;
  return "the file system takes no direct writes (O_DIRECT): they go through the page cache";
}

void mr_topic_log_stats(const struct mr_topic_log *log, struct mr_topic_log_stats *out) {
  *out = log->stats;
}
