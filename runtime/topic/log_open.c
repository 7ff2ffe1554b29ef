/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: which segments there are, whether they follow on each other, and where the last one
 * ends. Only that one is read, for the others were on the disk whole before it was made. What the
 * disk is known to have had (the mark of a clean close, and the last sync that readers were told
 * of) must be there, else it is damage; what comes behind it may be torn and is cut. Nothing is
 * changed before that is decided, and doing it again after a crash gives the same. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/bug.h"
#include "topic/log_private.h"

/* What is found. */
struct opening {
  int64_t *bases;
  uint32_t cnt;
  bool clean, has_readable;
  int64_t clean_next, clean_base, clean_sz;
  struct mr_topic_readable readable;
  int64_t end;   /* offset of the next record */
  uint64_t pos;  /* where the last whole batch ends */
  uint64_t sz;   /* bytes of the last file */
  uint64_t last; /* behind its last byte that is not zero */
};

static int damage(struct mr_error *err, const char *path, uint64_t byte, const char *what) {
  return mr_error_set(err, MR_ERR_DATA, "%s: damaged at byte %llu: %s", path,
                      (unsigned long long)byte, what);
}

static int sys_error(struct mr_error *err, int64_t result, const char *what, const char *path) {
  mr_error_set_sys(err, (int)-result, "cannot %s %s", what, path);
  if (err) err->code = MR_ERR_IO;
  return MR_ERR_IO;
}

static int64_t file_size(struct mr_io *io, int fd) {
  struct mr_io_req st = {.kind = MR_IO_STAT, .fd = fd};
  return mr_io_wait(io, &st);
}

/* ---- marks ---- */

static int read_marks(struct mr_topic_log *log, struct opening *o, struct mr_error *err) {
  char path[MR_TOPIC_PATH_SZ];
  snprintf(path, sizeof path, "%s/closed", log->dir);
  int rc = mr_note_read(log->io, path, "closed", &log->roll_note, err);
  if (rc == MR_OK) {
    o->clean = mr_note_get(&log->roll_note, "next_offset", &o->clean_next) &&
               mr_note_get(&log->roll_note, "segment", &o->clean_base) &&
               mr_note_get(&log->roll_note, "size", &o->clean_sz);
  } else if (rc != MR_ERR_NOENT) {
    return rc;
  }
  snprintf(path, sizeof path, "%s/start", log->dir);
  rc = mr_note_read(log->io, path, "start", &log->roll_note, err);
  if (rc == MR_OK)
    mr_note_get(&log->roll_note, "offset", &log->start);
  else if (rc != MR_ERR_NOENT)
    return rc;
  o->has_readable = mr_topic_readable_load(log->io, log->dir, &o->readable) == MR_OK;
  if (err) mr_error_clear(err);
  return MR_OK;
}

/* ---- sealed segments ---- */

/* Scans heads from pos on: 1: they lead to the file's end and to next_base; 0: not, at byte *bad;
 * -errno: they cannot be read. */
static int leads_on(struct mr_topic_log *log, int fd, uint64_t pos, uint64_t sz, int64_t next_base,
                    uint64_t *bad, int64_t *max_timestamp) {
  struct mr_topic_scan scan;
  struct mr_record_batch head;
  const void *bytes;
  const char *why;
  int sys_errno, rc;
  int64_t next = -1;
  *max_timestamp = -1;
  mr_topic_scan_begin(&scan, log->io, fd, pos);
  scan.heads_only = true;
  scan.limit = sz;
  while ((rc = mr_topic_scan_next(&scan, &head, &bytes, &why, &sys_errno)) == 1) {
    if (next >= 0 && head.base_offset != next) break;
    next = mr_record_batch_last_offset(&head) + 1;
    if (head.max_timestamp > *max_timestamp) *max_timestamp = head.max_timestamp;
  }
  *bad = scan.pos;
  mr_topic_scan_end(&scan);
  return rc == MR_ERR_IO ? -sys_errno : rc == 0 && next == next_base;
}

static int add_sealed(struct mr_topic_log *log, int64_t base, int64_t next_base,
                      struct mr_error *err) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, log->dir, base, "log");
  int64_t fd = mr_note_open(log->io, path, O_RDONLY, err);
  if (fd < 0) return (int)fd;
  int64_t sz = file_size(log->io, (int)fd), max, all_max;
  uint64_t bad = 0;
  uint64_t pos = mr_topic_index_find(log->io, log->dir, base, next_base - 1, (uint64_t)sz);
  int fine = sz < 0    ? (int)sz
             : sz == 0 ? 0
                       : leads_on(log, (int)fd, pos, (uint64_t)sz, next_base, &bad, &max);
  if (sz > 0 && fine == 0 && pos > 0) /* the index may be wrong */
    fine = leads_on(log, (int)fd, 0, (uint64_t)sz, next_base, &bad, &max);
  all_max = mr_topic_index_max_timestamp(log->io, log->dir, base);
  mr_note_close(log->io, (int)fd);
  if (fine < 0) return sys_error(err, fine, "read", path);
  if (!fine) return damage(err, path, bad, "its batches do not lead on to the segment behind it");
  mr_topic_log_add_sealed(log, base, (uint64_t)sz, all_max > max ? all_max : max);
  return MR_OK;
}

/* ---- the last segment ---- */

/* The state of producers when the last segment began; without its note from all batches before. */
static int load_producers(struct mr_topic_log *log, const struct opening *o, uint32_t last) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, log->dir, o->bases[last], "producers");
  if (mr_note_read(log->io, path, "producers", &log->roll_note, NULL) == MR_OK) {
    mr_topic_producers_load(&log->producers, &log->roll_note);
    return MR_OK;
  }
  return last == 0 ? MR_OK : MR_ERR_NOENT;
}

static void add_producer(struct mr_topic_log *log, const struct mr_record_batch *b) {
  if (b->producer_id >= 0 && b->record_cnt > 0 && b->base_sequence >= 0)
    mr_topic_producers_add(&log->producers, b->producer_id, b->producer_epoch, b->base_sequence,
                           b->record_cnt, b->base_offset);
}

/* Producers from the heads of a sealed segment: where its successor's note is lost. */
static int scan_producers(struct mr_topic_log *log, int64_t base, struct mr_error *err) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, log->dir, base, "log");
  int64_t fd = mr_note_open(log->io, path, O_RDONLY, err);
  if (fd < 0) return (int)fd;
  struct mr_topic_scan scan;
  struct mr_record_batch head;
  const void *bytes;
  const char *why;
  int sys_errno;
  mr_topic_scan_begin(&scan, log->io, (int)fd, 0);
  scan.heads_only = true;
  int rc;
  while ((rc = mr_topic_scan_next(&scan, &head, &bytes, &why, &sys_errno)) == 1)
    add_producer(log, &head);
  mr_topic_scan_end(&scan);
  mr_note_close(log->io, (int)fd);
  return rc == MR_ERR_IO ? sys_error(err, -sys_errno, "read", path) : MR_OK;
}

/* Batches of the last segment up to the first that is not whole, or up to the offset `to`. */
static int scan_last(struct mr_topic_log *log, struct opening *o, int fd, int64_t to,
                     const char **why, struct mr_error *err) {
  int64_t base = o->bases[o->cnt - 1];
  struct mr_topic_scan scan;
  struct mr_record_batch head;
  const void *bytes;
  int sys_errno = 0, rc;
  mr_topic_scan_begin(&scan, log->io, fd, 0);
  o->end = base;
  o->pos = 0;
  *why = "the file ends";
  while (to < 0 || o->end < to) {
    rc = mr_topic_scan_next(&scan, &head, &bytes, why, &sys_errno);
    if (rc != 1) break;
    if (head.base_offset != o->end || head.leader_epoch != 0) {
      *why = "a batch with another offset or leader epoch than its place has";
      break;
    }
    mr_topic_index_add(&log->indexes[0], &head, o->pos);
    add_producer(log, &head);
    o->end = mr_record_batch_last_offset(&head) + 1;
    o->pos = scan.pos;
  }
  scan.pos = o->pos;
  int64_t last = sys_errno ? -sys_errno : mr_topic_scan_last_byte(&scan);
  log->stats.bytes = scan.read; /* until the caller has taken it */
  mr_topic_scan_end(&scan);
  if (last < 0) {
    mr_error_set_sys(err, (int)-last, "cannot read %s", log->path);
    if (err) err->code = MR_ERR_IO;
    return MR_ERR_IO;
  }
  o->last = (uint64_t)last;
  return MR_OK;
}

/* Is all there that the disk is known to have had? */
static int check_marks(const struct mr_topic_log *log, const struct opening *o, const char *why,
                       struct mr_error *err) {
  int64_t base = o->bases[o->cnt - 1];
  if (o->clean && o->clean_base != base)
    return damage(err, log->path, 0, "the segment that was the last one at a clean close is gone");
  if (o->clean && (o->clean_next != o->end || o->clean_sz != (int64_t)o->pos || o->last > o->pos))
    return damage(err, log->path, o->pos, why);
  if (!o->has_readable) return MR_OK;
  if (o->readable.base > base)
    return damage(err, log->path, 0, "a segment behind it was on the disk and is gone");
  if (o->readable.base == base && o->readable.pos > o->pos)
    return damage(err, log->path, o->pos, why);
  return MR_OK;
}

static int read_last(struct mr_topic_log *log, struct opening *o, struct mr_error *err) {
  int64_t base = o->bases[o->cnt - 1];
  mr_topic_segment_path(log->path, log->dir, base, "log");
  mr_topic_index_begin(&log->indexes[0], base);
  if (load_producers(log, o, o->cnt - 1) != MR_OK) {
    uint32_t from = o->cnt - 1;
    while (from > 0 && load_producers(log, o, from) != MR_OK) from--;
    for (uint32_t i = from; i + 1 < o->cnt; i++) {
      int rc = scan_producers(log, o->bases[i], err);
      if (rc) return rc;
    }
  }
  int64_t fd = mr_note_open(log->io, log->path, O_RDONLY, err);
  if (fd < 0) return (int)fd;
  const char *why;
  o->sz = (uint64_t)file_size(log->io, (int)fd);
  int rc = scan_last(log, o, (int)fd, -1, &why, err);
  if (rc == MR_OK) rc = check_marks(log, o, why, err);
  mr_note_close(log->io, (int)fd);
  return rc;
}

/* ---- going back to an offset ---- */

/* First of all readers and the next recovery are told that the disk has no more than that. */
static int write_readable(struct mr_topic_log *log, struct mr_error *err) {
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
  if (rc >= 0) return MR_OK;
  mr_error_set_sys(err, (int)-rc, "cannot write %s/readable", log->dir);
  if (err) err->code = MR_ERR_IO;
  return MR_ERR_IO;
}

static void set_marks(struct mr_topic_log *log, const struct opening *o) {
  struct mr_topic_mark at = {o->end, o->bases[o->cnt - 1], o->pos};
  log->placed = log->written = log->synced = at;
  log->batch_base = o->end + (MR_BUG(MR_BUG_OFFSET) && o->end > 0);
  log->fill_base = at.base;
  log->fill_off = at.pos;
}

static int remove_segment(struct mr_topic_log *log, int64_t base, struct mr_error *err) {
  static const char *const ext[] = {"log", "index", "timeindex", "producers"};
  char path[MR_TOPIC_PATH_SZ];
  for (size_t i = 0; i < sizeof ext / sizeof ext[0]; i++) {
    mr_topic_segment_path(path, log->dir, base, ext[i]);
    int rc = mr_note_remove(log->io, path, err);
    if (rc) return rc;
  }
  return MR_OK;
}

/* Cuts everything from roll_back_to on: whole segments, newest first, then the one it is in. */
static int roll_back(struct mr_topic_log *log, struct opening *o, struct mr_error *err) {
  int64_t to = log->conf.roll_back_to;
  if (to > o->end || to < o->bases[0])
    return mr_error_set(err, MR_ERR_DATA, "%s: cannot go back to offset %lld: it has %lld to %lld",
                        log->dir, (long long)to, (long long)o->bases[0], (long long)o->end);
  uint32_t keep = o->cnt;
  while (keep > 1 && o->bases[keep - 1] >= to) keep--;
  uint32_t before = o->cnt;
  o->cnt = keep;
  log->producers.cnt = 0;
  mr_topic_segment_path(log->path, log->dir, o->bases[keep - 1], "log");
  mr_topic_index_begin(&log->indexes[0], o->bases[keep - 1]);
  if (load_producers(log, o, keep - 1) != MR_OK) log->producers.cnt = 0;
  int64_t fd = mr_note_open(log->io, log->path, O_RDONLY, err);
  if (fd < 0) return (int)fd;
  const char *why;
  o->sz = (uint64_t)file_size(log->io, (int)fd);
  int rc = scan_last(log, o, (int)fd, to, &why, err);
  mr_note_close(log->io, (int)fd);
  if (rc) return rc;
  if (o->end != to)
    return damage(err, log->path, o->pos, "no batch ends at the offset that a checkpoint names");
  set_marks(log, o);
  log->published = to;
  rc = write_readable(log, err);
  for (uint32_t i = before; rc == MR_OK && i > keep; i--)
    rc = remove_segment(log, o->bases[i - 1], err);
  return rc;
}

/* ---- ready to write ---- */

/* The block that the log ends in, for it is written again. */
static int load_open_block(struct mr_topic_log *log, struct mr_error *err) {
  struct mr_topic_buffer *b = &log->buffers[0];
  uint32_t kept = (uint32_t)(log->fill_off % log->align);
  *b = (struct mr_topic_buffer){.mem = b->mem,
                                .off = log->fill_off - kept,
                                .used = kept,
                                .kept = kept,
                                .state = MR_TOPIC_BUFFER_FILLING};
  log->filling = b;
  log->cnt = 1;
  if (!kept) return MR_OK;
  int64_t fd = mr_note_open(log->io, log->path, O_RDONLY, err);
  if (fd < 0) return (int)fd;
  int64_t n = mr_note_read_at(log->io, (int)fd, b->mem, kept, b->off);
  mr_note_close(log->io, (int)fd);
  if (n == (int64_t)kept) return MR_OK;
  return sys_error(err, n < 0 ? n : -EIO, "read the end of", log->path);
}

/* Opens the last segment for writing, cuts what is behind its last whole batch, and takes space. */
static int open_last(struct mr_topic_log *log, const struct opening *o, struct mr_error *err) {
  struct mr_io_req open = {.kind = MR_IO_OPEN,
                           .path = log->path,
                           .flags = O_WRONLY | O_CREAT | (log->conf.buffered ? 0 : O_DIRECT),
                           .mode = 0644};
  int64_t fd = mr_io_wait(log->io, &open);
  if (fd < 0) return sys_error(err, fd, "open", log->path);
  log->fd = (int)fd;
  log->direct = open.flags & O_DIRECT;
  log->align = log->direct ? MR_IO_ALIGN : 1;
  if (o->sz != o->pos && !MR_BUG(MR_BUG_TAIL_KEPT)) {
    struct mr_io_req cut = {.kind = MR_IO_TRUNCATE, .fd = log->fd, .len = o->pos};
    int64_t rc = mr_io_wait(log->io, &cut);
    if (rc < 0) return sys_error(err, rc, "cut", log->path);
  }
  /* What is there may never have been synced; from here on it is said to be on the disk. */
  struct mr_io_req sync = {.kind = MR_BUG(MR_BUG_RECOVERY_SYNC) ? MR_IO_STAT : MR_IO_DATASYNC,
                           .fd = log->fd};
  int64_t rc = mr_io_wait(log->io, &sync);
  if (rc < 0) return sys_error(err, rc, "sync", log->path);
  int code = mr_note_sync_dir(log->io, log->dir, err);
  if (code) return code;
  if (log->direct) {
    uint64_t from = mr_align_up(o->pos, MR_IO_ALIGN), to = from + log->conf.allocate_sz;
    uint64_t max = mr_align_up(log->conf.segment_sz, MR_IO_ALIGN);
    if (to > max) to = max;
    struct mr_io_req a = {
        .kind = MR_IO_ALLOCATE, .fd = log->fd, .flags = MR_IO_LENGTHEN, .off = from};
    a.len = to > from ? to - from : 0;
    log->no_allocate = a.len == 0 || mr_io_wait(log->io, &a) < 0;
    log->allocated = log->no_allocate ? 0 : to;
  }
  return load_open_block(log, err);
}

static int open_readable(struct mr_topic_log *log, struct mr_error *err) {
  char path[MR_TOPIC_PATH_SZ];
  snprintf(path, sizeof path, "%s/readable", log->dir);
  int64_t fd = mr_note_open(log->io, path, O_RDWR | O_CREAT, err);
  if (fd < 0) return (int)fd;
  log->readable_fd = (int)fd;
  return MR_OK;
}

static int find_segments(struct mr_topic_log *log, struct opening *o, struct mr_error *err) {
  int rc = mr_topic_segment_list(log->io, log->dir, &log->arena, &o->bases, &o->cnt, err);
  if (rc && rc != MR_ERR_NOENT) return rc;
  if (rc || o->cnt == 0) {
    if (o->clean || (o->has_readable && o->readable.synced > 0))
      return mr_error_set(err, MR_ERR_DATA, "%s: all segments are gone", log->dir);
    o->bases = MR_NEW(&log->arena, int64_t, 1);
    o->cnt = 1;
    mr_topic_segment_path(log->path, log->dir, 0, "log");
    mr_topic_index_begin(&log->indexes[0], 0);
    return MR_OK;
  }
  for (uint32_t i = 0; i + 1 < o->cnt; i++) {
    rc = add_sealed(log, o->bases[i], o->bases[i + 1], err);
    if (rc) return rc;
  }
  return read_last(log, o, err);
}

/* Sealed segments that are still sealed after going back. */
static void keep_sealed(struct mr_topic_log *log, const struct opening *o) {
  while (log->sealed_cnt > o->cnt - 1) {
    const struct mr_topic_sealed *s = &log->sealed[log->sealed_first + --log->sealed_cnt];
    log->sealed_bytes -= s->sz;
  }
}

static int open_log(struct mr_topic_log *log, struct mr_topic_recovery *found,
                    struct mr_error *err) {
  struct opening o = {0};
  char path[MR_TOPIC_PATH_SZ];
  snprintf(path, sizeof path, "%s/closed", log->dir);
  int rc = mr_note_make_dir(log->io, path, err);
  if (rc == MR_OK) rc = read_marks(log, &o, err);
  if (rc == MR_OK) rc = find_segments(log, &o, err);
  if (rc == MR_OK && !MR_BUG(MR_BUG_MARK_STAYS))
    rc = mr_note_remove(log->io, path, err); /* what comes now may be cut short */
  if (rc == MR_OK) rc = open_readable(log, err);
  if (rc) return rc;
  uint64_t before = o.last;
  if (log->conf.roll_back_to >= 0 && log->conf.roll_back_to != o.end) {
    rc = roll_back(log, &o, err);
    if (rc) return rc;
    keep_sealed(log, &o);
  }
  set_marks(log, &o);
  log->published = log->conf.roll_back_to >= 0         ? log->conf.roll_back_to
                   : o.has_readable && o.readable.held ? o.readable.offset
                                                       : o.end;
  if (log->published > o.end) log->published = o.end;
  rc = open_last(log, &o, err);
  if (rc == MR_OK) rc = write_readable(log, err);
  if (rc) return rc;
  log->readable = log->told = mr_topic_log_readable(log);
  log->readable_synced = log->synced.offset;
  if (found)
    *found = (struct mr_topic_recovery){.clean = o.clean,
                                        .start = mr_topic_log_start(log),
                                        .end = o.end,
                                        .bytes_read = log->stats.bytes,
                                        .bytes_cut = before > o.pos ? before - o.pos : 0};
  log->stats.bytes = 0;
  return MR_OK;
}

static int check_conf(struct mr_topic_log_conf *c, struct mr_error *err) {
  if (!c->sync_every_ns) c->sync_every_ns = 1000000000;
  if (!c->segment_sz) c->segment_sz = MR_TOPIC_SEGMENT_SZ;
  if (!c->batch_sz) c->batch_sz = MR_TOPIC_BATCH_SZ;
  if (!c->buffer_cnt) c->buffer_cnt = MR_TOPIC_BUFFERS;
  c->allocate_sz = mr_align_up(c->allocate_sz ? c->allocate_sz : MR_TOPIC_ALLOCATE_SZ, MR_IO_ALIGN);
  if (!c->buffer_sz) c->buffer_sz = MR_TOPIC_BUFFER_SZ;
  if (c->segment_sz > MR_TOPIC_SEGMENT_MAX || c->batch_sz > MR_RECORD_BATCH_MAX / 2 ||
      c->buffer_cnt < 2 || c->buffer_cnt > MR_TOPIC_BUFFERS || c->buffer_sz % MR_IO_ALIGN ||
      c->sync_every_ns < 0)
    return mr_error_set(err, MR_ERR_ARG, "sizes of a topic out of range");
  return MR_OK;
}

int mr_topic_log_open(struct mr_topic_log **out, struct mr_io *io, const char *dir,
                      const struct mr_topic_log_conf *conf, struct mr_topic_recovery *found,
                      struct mr_error *err) {
  struct mr_arena arena = {0};
  struct mr_topic_log *log = MR_NEW(&arena, struct mr_topic_log, 1);
  log->io = io;
  log->conf = *conf;
  log->fd = log->readable_fd = -1;
  log->drop_base = -1;
  log->producer_id = MR_RECORD_NO_PRODUCER;
  log->producer_epoch = -1;
  log->base_sequence = -1;
  int rc = check_conf(&log->conf, err);
  if (rc) {
    mr_arena_free(&arena);
    return rc;
  }
  log->arena = arena;
  log->dir = mr_arena_strdup(&log->arena, dir);
  uint8_t *mem = log->conf.buffers;
  if (!mem) {
    size_t sz = (size_t)log->conf.buffer_cnt * log->conf.buffer_sz;
    mem = mr_arena_alloc(&log->arena, sz + MR_IO_ALIGN);
    mem += -(uintptr_t)mem & (MR_IO_ALIGN - 1);
  }
  for (uint32_t i = 0; i < log->conf.buffer_cnt; i++)
    log->buffers[i].mem = mem + (size_t)i * log->conf.buffer_sz;
  mr_topic_index_take(&log->indexes[0], &log->arena, log->conf.segment_sz);
  mr_topic_index_take(&log->indexes[1], &log->arena, log->conf.segment_sz);
  mr_topic_producers_take(&log->producers, &log->arena);
  struct mr_record_builder_conf batch = {log->conf.batch_sz, log->conf.codec};
  rc = mr_record_builder_create(&log->builder, &batch, err);
  if (rc == MR_OK) rc = open_log(log, found, err);
  if (rc) {
    mr_topic_log_abandon(log);
    return rc;
  }
  *out = log;
  return MR_OK;
}
