/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/bug.h"
#include "base/text.h"
#include "topic/bytes.h"
#include "topic/note.h"

#define NAME_DIGITS 20
#define LIST_SZ     (64u << 10)
#define LIST_SZ_MAX (64u << 20)
#define SCAN_SZ     (1u << 20)

void mr_topic_segment_path(char *path, const char *dir, int64_t base, const char *ext) {
  snprintf(path, MR_TOPIC_PATH_SZ, "%s/%0*lld.%s", dir, NAME_DIGITS, (long long)base, ext);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int mr_topic_segment_names(struct mr_io *io, const char *dir, struct mr_arena *arena,
                           const char ***names, uint32_t *cnt, struct mr_error *err) {
  int64_t len = -ERANGE;
  char *buf = NULL;
  for (uint64_t sz = LIST_SZ; len == -ERANGE && sz <= LIST_SZ_MAX; sz *= 4) {
    buf = mr_arena_alloc(arena, sz);
    struct mr_io_req req = {.kind = MR_IO_LIST, .path = dir, .buf = buf, .len = sz};
    len = mr_io_wait(io, &req);
  }
  if (len < 0) {
    mr_error_set_sys(err, (int)-len, "cannot list %s", dir);
    int code = len == -ENOENT || len == -ENOTDIR ? MR_ERR_NOENT : MR_ERR_IO;
    if (err) err->code = code;
    return code;
  }
  uint32_t n = 0;
  for (int64_t at = 0; at < len; at += (int64_t)strlen(buf + at) + 1) n++;
  *names = MR_NEW(arena, const char *, n + 1);
  *cnt = n;
  n = 0;
  for (int64_t at = 0; at < len; at += (int64_t)strlen(buf + at) + 1) (*names)[n++] = buf + at;
  qsort(*names, n, sizeof **names, by_name);
  return MR_OK;
}

/* The base offset in a name of a segment; -1: another name. */
static int64_t base_of(const char *name) {
  size_t digits = strspn(name, "0123456789");
  int64_t base;
  if (digits != NAME_DIGITS || strcmp(name + digits, ".log") != 0) return -1;
  return mr_int64_parse(name, digits, &base) == 0 ? base : -1;
}

int mr_topic_segment_list(struct mr_io *io, const char *dir, struct mr_arena *arena,
                          int64_t **bases, uint32_t *cnt, struct mr_error *err) {
  const char **names;
  uint32_t name_cnt;
  int rc = mr_topic_segment_names(io, dir, arena, &names, &name_cnt, err);
  if (rc) return rc;
  *bases = MR_NEW(arena, int64_t, name_cnt + 1);
  *cnt = 0;
  for (uint32_t i = 0; i < name_cnt; i++) { /* names of one length: their order is the numbers' */
    int64_t base = base_of(names[i]);
    if (base >= 0) (*bases)[(*cnt)++] = base;
  }
  return MR_OK;
}

/* ---- scan ---- */

void mr_topic_scan_begin(struct mr_topic_scan *scan, struct mr_io *io, int fd, uint64_t pos) {
  *scan = (struct mr_topic_scan){.io = io, .fd = fd, .pos = pos, .limit = UINT64_MAX};
  scan->buf_sz = SCAN_SZ;
  scan->buf = mr_arena_alloc(&scan->arena, scan->buf_sz);
}

void mr_topic_scan_end(struct mr_topic_scan *scan) {
  mr_arena_free(&scan->arena);
}

/* Sees to it that buf has the bytes [at, at + len) or all up to the end of the file. Bytes there,
 * or -errno. */
static int64_t load(struct mr_topic_scan *s, uint64_t at, uint64_t len) {
  if (at >= s->buf_at && at + len <= s->buf_at + s->buf_len) return (int64_t)len;
  if (len > s->buf_sz) { /* a batch larger than all before it */
    uint8_t *old = s->buf;
    s->buf_sz = mr_pow2_up(len);
    s->buf = mr_arena_alloc(&s->arena, s->buf_sz);
    memcpy(s->buf, old, s->buf_len);
  }
  uint64_t have = 0;
  if (at >= s->buf_at && at < s->buf_at + s->buf_len) {
    have = s->buf_at + s->buf_len - at;
    memmove(s->buf, s->buf + (at - s->buf_at), have);
  }
  s->buf_at = at;
  while (have < len) {
    uint64_t want = s->heads_only && len <= SCAN_SZ / 16 ? len - have : s->buf_sz - have;
    if (at + have >= s->limit) break;
    if (want > s->limit - at - have) want = s->limit - at - have;
    struct mr_io_req r = {
        .kind = MR_IO_READ, .fd = s->fd, .buf = s->buf + have, .len = want, .off = at + have};
    int64_t n = mr_io_wait(s->io, &r);
    if (n < 0) {
      s->buf_len = 0;
      return n;
    }
    if (n == 0) break;
    have += (uint64_t)n;
    s->read += (uint64_t)n;
  }
  s->buf_len = have;
  return (int64_t)(have < len ? have : len);
}

static const uint8_t *place(const struct mr_topic_scan *s, uint64_t at) {
  return s->buf + (at - s->buf_at);
}

int mr_topic_scan_next(struct mr_topic_scan *s, struct mr_record_batch *head, const void **bytes,
                       const char **why, int *sys_errno) {
  *bytes = NULL;
  int64_t n = load(s, s->pos, MR_RECORD_BATCH_HEAD_SZ);
  if (n < 0) {
    *sys_errno = (int)-n;
    return MR_ERR_IO;
  }
  if (n == 0) return 0;
  if (n < (int64_t)MR_RECORD_BATCH_HEAD_SZ) {
    *why = "the file ends inside the head of a batch";
    return MR_ERR_DATA;
  }
  if (mr_record_batch_head(place(s, s->pos), head) != MR_OK) {
    *why = head->version != 2 && head->sz > MR_RECORD_BATCH_MIN_SZ
               ? "a batch of another version than 2, or none"
               : "no batch begins here";
    return MR_ERR_DATA;
  }
  uint64_t need = s->heads_only ? MR_RECORD_BATCH_HEAD_SZ : head->sz;
  n = load(s, s->pos, need);
  if (n < 0) {
    *sys_errno = (int)-n;
    return MR_ERR_IO;
  }
  if ((uint64_t)n < need || head->sz > s->limit - s->pos) {
    *why = "the file ends inside a batch";
    return MR_ERR_DATA;
  }
  if (!s->heads_only) {
    *bytes = place(s, s->pos);
    if (!MR_BUG(MR_BUG_CHECKSUM) && !mr_record_batch_intact(*bytes, head)) {
      *why = "the checksum of a batch does not fit";
      return MR_ERR_DATA;
    }
  }
  s->pos += head->sz;
  return 1;
}

int64_t mr_topic_scan_last_byte(struct mr_topic_scan *s) {
  uint64_t last = s->pos;
  for (uint64_t at = s->pos;;) {
    int64_t n = load(s, at, SCAN_SZ);
    if (n < 0) return n;
    if (n == 0) return (int64_t)last;
    const uint8_t *p = place(s, at);
    int64_t i = n;
    while (i > 0 && p[i - 1] == 0) i--;
    if (i > 0) last = at + (uint64_t)i;
    at += (uint64_t)n;
  }
}

/* ---- indexes ---- */

void mr_topic_index_take(struct mr_topic_index *ix, struct mr_arena *arena, uint64_t segment_sz) {
  ix->cap = (uint32_t)(segment_sz / MR_TOPIC_INDEX_INTERVAL + 2);
  ix->entries = mr_arena_alloc(arena, (size_t)ix->cap * MR_TOPIC_INDEX_ENTRY);
  ix->times = mr_arena_alloc(arena, (size_t)ix->cap * MR_TOPIC_TIME_ENTRY);
}

void mr_topic_index_begin(struct mr_topic_index *ix, int64_t base) {
  ix->base = base;
  ix->entry_cnt = ix->time_cnt = 0;
  ix->bytes_since = 0;
  ix->max_timestamp = ix->max_timestamp_offset = -1;
}

static void add_time(struct mr_topic_index *ix) {
  uint8_t *last = ix->times + (size_t)ix->time_cnt * MR_TOPIC_TIME_ENTRY;
  if (ix->max_timestamp_offset < 0 || ix->time_cnt == ix->cap) return;
  if (ix->time_cnt && ix->max_timestamp <= (int64_t)mr_be64(last - MR_TOPIC_TIME_ENTRY)) return;
  mr_be64_put(last, (uint64_t)ix->max_timestamp);
  mr_be32_put(last + 8, (uint32_t)(ix->max_timestamp_offset - ix->base));
  ix->time_cnt++;
}

void mr_topic_index_add(struct mr_topic_index *ix, const struct mr_record_batch *b, uint64_t pos) {
  int64_t last = mr_record_batch_last_offset(b);
  if (b->max_timestamp > ix->max_timestamp || ix->max_timestamp_offset < 0) {
    ix->max_timestamp = b->max_timestamp;
    ix->max_timestamp_offset = last;
  }
  if (ix->bytes_since > MR_TOPIC_INDEX_INTERVAL && ix->entry_cnt < ix->cap) {
    uint8_t *e = ix->entries + (size_t)ix->entry_cnt++ * MR_TOPIC_INDEX_ENTRY;
    mr_be32_put(e, (uint32_t)(last - ix->base));
    mr_be32_put(e + 4, (uint32_t)pos);
    add_time(ix);
    ix->bytes_since = 0;
  }
  ix->bytes_since += b->sz;
}

void mr_topic_index_seal(struct mr_topic_index *ix) {
  add_time(ix);
}

/* A file of entries, opened to be searched: the number of its whole entries, or 0. */
static uint32_t open_entries(struct mr_io *io, const char *dir, int64_t base, const char *ext,
                             uint32_t entry_sz, int *fd) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, dir, base, ext);
  int64_t opened = mr_note_open(io, path, O_RDONLY, NULL);
  if (opened < 0) return 0;
  *fd = (int)opened;
  struct mr_io_req st = {.kind = MR_IO_STAT, .fd = *fd};
  int64_t sz = mr_io_wait(io, &st);
  if (sz >= entry_sz && sz / entry_sz <= UINT32_MAX) return (uint32_t)(sz / entry_sz);
  mr_note_close(io, *fd);
  return 0;
}

static bool read_entry(struct mr_io *io, int fd, uint32_t i, uint32_t entry_sz, uint8_t *entry) {
  return mr_note_read_at(io, fd, entry, entry_sz, (uint64_t)i * entry_sz) == (int64_t)entry_sz;
}

/* The last entry whose key (its first key_sz bytes) is below, or with `or_equal` at, the wanted
 * one: 1 and the entry; 0: none. */
static int find_entry(struct mr_io *io, int fd, uint32_t cnt, uint32_t entry_sz, bool wide,
                      int64_t want, bool or_equal, uint8_t *entry) {
  uint32_t lo = 0, hi = cnt; /* entries below lo are fine */
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (!read_entry(io, fd, mid, entry_sz, entry)) return 0;
    int64_t key = wide ? (int64_t)mr_be64(entry) : (int64_t)mr_be32(entry);
    if (key < want || (or_equal && key == want))
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo > 0 && read_entry(io, fd, lo - 1, entry_sz, entry);
}

uint64_t mr_topic_index_find(struct mr_io *io, const char *dir, int64_t base, int64_t offset,
                             uint64_t segment_sz) {
  int fd;
  uint8_t entry[MR_TOPIC_INDEX_ENTRY];
  uint32_t cnt = open_entries(io, dir, base, "index", sizeof entry, &fd);
  if (!cnt) return 0;
  int found = find_entry(io, fd, cnt, sizeof entry, false, offset - base, true, entry);
  mr_note_close(io, fd);
  uint64_t pos = found ? mr_be32(entry + 4) : 0;
  return pos < segment_sz ? pos : 0;
}

uint64_t mr_topic_index_find_time(struct mr_io *io, const char *dir, int64_t base, int64_t ms,
                                  uint64_t segment_sz) {
  int fd;
  uint8_t entry[MR_TOPIC_TIME_ENTRY];
  uint32_t cnt = open_entries(io, dir, base, "timeindex", sizeof entry, &fd);
  if (!cnt) return 0;
  int found = find_entry(io, fd, cnt, sizeof entry, true, ms, false, entry);
  mr_note_close(io, fd);
  return found ? mr_topic_index_find(io, dir, base, base + mr_be32(entry + 8), segment_sz) : 0;
}

int64_t mr_topic_index_max_timestamp(struct mr_io *io, const char *dir, int64_t base) {
  int fd;
  uint8_t entry[MR_TOPIC_TIME_ENTRY];
  uint32_t cnt = open_entries(io, dir, base, "timeindex", sizeof entry, &fd);
  if (!cnt) return -1;
  bool fine = read_entry(io, fd, cnt - 1, sizeof entry, entry);
  mr_note_close(io, fd);
  return fine ? (int64_t)mr_be64(entry) : -1;
}
