/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "topic/bytes.h"
#include "topic/note.h"
#include "topic/readable.h"
#include "topic/segment.h"

#define SCRATCH_SZ (1u << 20)

struct check {
  struct mr_io *io;
  struct mr_arena arena;
  const char *dir;
  mr_topic_finding_fn found;
  void *ctx;
  struct mr_topic_verified *out;
  struct mr_error *err;

  bool ours, clean, has_readable, writes;
  int64_t clean_next, clean_base, clean_sz;
  struct mr_topic_readable readable;

  struct mr_topic_index index; /* of the segment at hand, made anew */
  struct mr_codec_ctx *codec;
  uint8_t *scratch;
  size_t scratch_sz;
  char path[MR_TOPIC_PATH_SZ];
  int64_t next; /* offset that must come; -1: any */
};

static void tell(struct check *c, enum mr_topic_finding kind, const char *path, uint64_t byte,
                 const char *what) {
  c->out->findings[kind]++;
  if (c->found) c->found(c->ctx, kind, path, byte, what);
}

static int failed(struct check *c, int64_t result, const char *path) {
  mr_error_set_sys(c->err, (int)-result, "cannot read %s", path);
  if (c->err) c->err->code = MR_ERR_IO;
  return MR_ERR_IO;
}

/* ---- what the writer left ---- */

static void read_marks(struct check *c, const char *lock_path) {
  struct mr_note note;
  int64_t fd = mr_note_open(c->io, lock_path, O_RDONLY, NULL);
  if (fd >= 0) {
    struct mr_io_req test = {.kind = MR_IO_LOCK_TEST, .fd = (int)fd};
    c->writes = mr_io_wait(c->io, &test) == 1;
    mr_note_close(c->io, (int)fd);
  }
  snprintf(c->path, sizeof c->path, "%s/closed", c->dir);
  int rc = mr_note_read(c->io, c->path, "closed", &note, NULL);
  if (rc == MR_OK)
    c->clean = mr_note_get(&note, "next_offset", &c->clean_next) &&
               mr_note_get(&note, "segment", &c->clean_base) &&
               mr_note_get(&note, "size", &c->clean_sz);
  else if (rc == MR_ERR_DATA)
    tell(c, MR_TOPIC_FOUND_DAMAGE, c->path, 0, "the mark of a clean close is damaged");
  snprintf(c->path, sizeof c->path, "%s/start", c->dir);
  if (mr_note_read(c->io, c->path, "start", &note, NULL) == MR_ERR_DATA)
    tell(c, MR_TOPIC_FOUND_DAMAGE, c->path, 0, "the note of the first offset is damaged");
  rc = mr_topic_readable_load(c->io, c->dir, &c->readable);
  c->has_readable = rc == MR_OK;
  c->ours = c->has_readable || c->clean;
}

/* ---- records ---- */

/* NULL: all records of the batch are fine. */
static const char *check_records(struct check *c, const struct mr_record_batch *b,
                                 const void *bytes) {
  struct mr_record_cursor cursor;
  struct mr_record rec;
  int rc;
  while ((rc = mr_record_cursor_begin(&cursor, bytes, b, c->codec, c->scratch, c->scratch_sz)) ==
             MR_ERR_LIMIT &&
         c->scratch_sz < MR_RECORD_BATCH_MAX) {
    c->scratch_sz *= 4;
    c->scratch = mr_arena_alloc(&c->arena, c->scratch_sz);
  }
  if (rc != MR_OK) return "the records of a batch cannot be unpacked";
  int64_t max = INT64_MIN;
  while ((rc = mr_record_cursor_next(&cursor, &rec)) == 1) {
    c->out->records++;
    if (rec.timestamp_ms > max) max = rec.timestamp_ms;
  }
  if (rc < 0) return "a batch's records are not what its head says";
  if (c->ours && max != b->max_timestamp) return "the largest timestamp is not what the head says";
  return NULL;
}

/* NULL: the head is what its place asks for. */
static const char *check_place(const struct check *c, const struct mr_record_batch *b) {
  if (c->next >= 0 && b->base_offset < c->next)
    return "a batch with an earlier offset than its place has";
  if (!c->ours) return NULL;
  if (c->next >= 0 && b->base_offset != c->next)
    return "a batch with a later offset than its place has";
  if (b->leader_epoch != 0) return "a batch with a leader epoch";
  return b->record_cnt - 1 == b->last_offset_delta ? NULL : "records are missing in a batch";
}

/* ---- indexes ---- */

static void compare_index(struct check *c, const char *ext, const uint8_t *want, size_t want_len,
                          int64_t base, size_t entry_sz) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, c->dir, base, ext);
  int64_t fd = mr_note_open(c->io, path, O_RDONLY, NULL);
  if (fd < 0) return; /* readers do without */
  struct mr_arena arena = {0};
  uint8_t *have = mr_arena_alloc(&arena, want_len + 1);
  int64_t n = mr_note_read_at(c->io, (int)fd, have, want_len + 1, 0);
  mr_note_close(c->io, (int)fd);
  if (n != (int64_t)want_len || memcmp(have, want, want_len) != 0) {
    size_t at = 0;
    while (n > 0 && at < want_len && at < (size_t)n && have[at] == want[at]) at++;
    tell(c, MR_TOPIC_FOUND_INDEX, path, at / entry_sz * entry_sz,
         "the index does not fit its segment");
  }
  mr_arena_free(&arena);
}

/* ---- segments ---- */

/* The place where a segment stops being whole: torn, or damaged? */
static void judge_end(struct check *c, int64_t base, uint64_t pos, bool last, uint64_t last_byte,
                      const char *why) {
  bool known = c->has_readable && c->readable.base == base && c->readable.pos > pos;
  bool told = c->has_readable && c->writes && c->next < c->readable.offset;
  bool cleanly = c->clean && c->clean_base == base &&
                 ((uint64_t)c->clean_sz != pos || last_byte > pos || c->next != c->clean_next);
  if (!last ? last_byte > pos || why : known || told || cleanly)
    tell(c, MR_TOPIC_FOUND_DAMAGE, c->path, pos, why ? why : "a segment is not as long as it was");
  else if (last_byte > pos && !c->writes)
    tell(c, MR_TOPIC_FOUND_TAIL, c->path, pos, why ? why : "bytes behind the last batch");
}

static int check_segment(struct check *c, int64_t base, bool last) {
  mr_topic_segment_path(c->path, c->dir, base, "log");
  int64_t fd = mr_note_open(c->io, c->path, O_RDONLY, c->err);
  if (fd == MR_ERR_NOENT) { /* retention came first */
    if (c->err) mr_error_clear(c->err);
    return MR_OK;
  }
  if (fd < 0) return (int)fd;
  struct mr_topic_scan scan;
  struct mr_record_batch b;
  const void *bytes;
  const char *why = NULL, *bad = NULL;
  int sys_errno = 0, rc;
  mr_topic_index_begin(&c->index, base);
  if (c->next >= 0 && base != c->next && c->ours)
    tell(c, MR_TOPIC_FOUND_DAMAGE, c->path, 0, "the segment does not follow on the one before it");
  c->next = c->ours ? base : (c->next > base ? c->next : base);
  mr_topic_scan_begin(&scan, c->io, (int)fd, 0);
  uint64_t pos = 0;
  while ((rc = mr_topic_scan_next(&scan, &b, &bytes, &why, &sys_errno)) == 1) {
    bad = check_place(c, &b);
    if (!bad) bad = check_records(c, &b, bytes);
    if (bad) break;
    mr_topic_index_add(&c->index, &b, pos);
    c->next = mr_record_batch_last_offset(&b) + 1;
    c->out->batches++;
    pos = scan.pos;
  }
  scan.pos = pos;
  int64_t last_byte = sys_errno ? -sys_errno : mr_topic_scan_last_byte(&scan);
  mr_topic_scan_end(&scan);
  mr_note_close(c->io, (int)fd);
  if (last_byte < 0) return failed(c, last_byte, c->path);
  c->out->segments++;
  c->out->bytes += pos;
  judge_end(c, base, pos, last, (uint64_t)last_byte, bad ? bad : rc == 0 ? NULL : why);
  if (c->ours && (!last || c->clean)) {
    const struct mr_topic_index *ix = &c->index;
    mr_topic_index_seal(&c->index);
    compare_index(c, "index", ix->entries, (size_t)ix->entry_cnt * MR_TOPIC_INDEX_ENTRY, base,
                  MR_TOPIC_INDEX_ENTRY);
    compare_index(c, "timeindex", ix->times, (size_t)ix->time_cnt * MR_TOPIC_TIME_ENTRY, base,
                  MR_TOPIC_TIME_ENTRY);
  }
  return MR_OK;
}

static int check_all(struct check *c) {
  int64_t *bases;
  uint32_t cnt = 0;
  int rc = mr_topic_segment_list(c->io, c->dir, &c->arena, &bases, &cnt, c->err);
  if (rc == MR_ERR_NOENT) { /* nobody has written to it yet */
    if (c->err) mr_error_clear(c->err);
    return MR_OK;
  }
  if (rc) return rc;
  c->out->start = c->out->end = cnt ? bases[0] : 0;
  if (c->clean && (!cnt || bases[cnt - 1] != c->clean_base)) {
    mr_topic_segment_path(c->path, c->dir, c->clean_base, "log");
    tell(c, MR_TOPIC_FOUND_DAMAGE, c->path, 0, "the last segment of a clean close is gone");
  } else if (c->has_readable && (!cnt || bases[cnt - 1] < c->readable.base)) {
    mr_topic_segment_path(c->path, c->dir, c->readable.base, "log");
    tell(c, MR_TOPIC_FOUND_DAMAGE, c->path, 0, "a segment that was on the disk is gone");
  }
  for (uint32_t i = 0; rc == MR_OK && i < cnt; i++) rc = check_segment(c, bases[i], i + 1 == cnt);
  if (cnt) c->out->end = c->next;
  return rc;
}

int mr_topic_verify(struct mr_io *io, const char *dir, const char *topic, uint32_t partition,
                    mr_topic_finding_fn found, void *ctx, struct mr_topic_verified *out,
                    struct mr_error *err) {
  struct mr_topic_conf conf;
  *out = (struct mr_topic_verified){0};
  int rc = mr_topic_read_conf(io, dir, topic, &conf, err);
  if (rc) return rc;
  if (partition >= conf.partitions)
    return mr_error_set(err, MR_ERR_NOENT, "topic `%s` has no partition %u", topic, partition);
  struct check c = {.io = io, .found = found, .ctx = ctx, .out = out, .err = err, .next = -1};
  rc = mr_codec_create(&c.codec, MR_CODEC_NONE, err);
  if (rc) return rc;
  c.dir = mr_arena_printf(&c.arena, "%s/%s-%u", dir, topic, partition);
  c.scratch_sz = SCRATCH_SZ;
  c.scratch = mr_arena_alloc(&c.arena, c.scratch_sz);
  mr_topic_index_take(&c.index, &c.arena, MR_TOPIC_SEGMENT_MAX);
  read_marks(&c, mr_arena_printf(&c.arena, "%s/%s.lock", dir, topic));
  rc = check_all(&c);
  mr_codec_destroy(c.codec);
  mr_arena_free(&c.arena);
  return rc;
}
