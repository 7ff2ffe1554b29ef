/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_RIG_H
#define MR_TOPIC_RIG_H

/* What the tests of topics share: file access in memory or in a folder of the test's own, records
 * that say who they are, and a plain look at the batches of a segment. */

#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/memory.h"
#include "topic/log.h"
#include "topic/note.h"
#include "topic/segment.h"

struct rig {
  struct mr_io *io;
  char root[128], dir[192]; /* dir: a partition's folder, t-0 below root */
  bool in_memory;
};

__attribute__((unused)) static uint64_t rig_now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

__attribute__((unused)) static void rig_open(struct rig *r, bool in_memory) {
  *r = (struct rig){.in_memory = in_memory};
  struct mr_error err = {0};
  enum mr_io_backend backend = in_memory ? MR_IO_MEMORY : MR_IO_PLAIN;
  assert_int_equal(mr_io_create(&r->io, backend, NULL, NULL, &err), MR_OK);
  snprintf(r->root, sizeof r->root, "topics");
  if (!in_memory) {
    const char *tmp = getenv("TMPDIR");
    snprintf(r->root, sizeof r->root, "%.100s/mr-topic-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(r->root));
  }
  snprintf(r->dir, sizeof r->dir, "%s/t-0", r->root);
}

__attribute__((unused)) static void rig_remove(const char *path) {
  DIR *d = opendir(path);
  if (d) {
    const struct dirent *e;
    while ((e = readdir(d))) {
      char below[512];
      if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
      snprintf(below, sizeof below, "%s/%s", path, e->d_name);
      rig_remove(below);
    }
    closedir(d);
  }
  remove(path);
}

__attribute__((unused)) static void rig_close(struct rig *r) {
  mr_io_destroy(r->io);
  if (!r->in_memory) rig_remove(r->root);
}

/* The content of a file below the partition's folder; the caller frees it. NULL: there is none. */
__attribute__((unused)) static uint8_t *rig_get(struct rig *r, const char *name, size_t *len) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", r->dir, name);
  struct mr_io_req o = {.kind = MR_IO_OPEN, .path = path, .flags = O_RDONLY};
  int64_t fd = mr_io_wait(r->io, &o);
  if (fd < 0) return NULL;
  struct mr_io_req st = {.kind = MR_IO_STAT, .fd = (int)fd};
  *len = (size_t)mr_io_wait(r->io, &st);
  uint8_t *data = malloc(*len + 1);
  assert_non_null(data);
  assert_int_equal(mr_note_read_at(r->io, (int)fd, data, *len, 0), *len);
  struct mr_io_req c = {.kind = MR_IO_CLOSE, .fd = (int)fd};
  mr_io_wait(r->io, &c);
  return data;
}

/* Replaces it. */
__attribute__((unused)) static void rig_put(struct rig *r, const char *name, const void *data,
                                            size_t len) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", r->dir, name);
  struct mr_io_req o = {
      .kind = MR_IO_OPEN, .path = path, .flags = O_WRONLY | O_CREAT | O_TRUNC, .mode = 0644};
  int64_t fd = mr_io_wait(r->io, &o);
  assert_true(fd >= 0);
  struct mr_io_req w = {
      .kind = MR_IO_WRITE, .fd = (int)fd, .buf = (void *)(uintptr_t)data, .len = len};
  assert_int_equal(mr_io_wait(r->io, &w), len);
  struct mr_io_req c = {.kind = MR_IO_CLOSE, .fd = (int)fd};
  mr_io_wait(r->io, &c);
}

/* ---- records that say who they are ---- */

struct rig_record {
  char key[24], value[256];
  struct mr_record rec;
};

__attribute__((unused)) static const struct mr_record *rig_record(struct rig_record *m, int64_t n) {
  int key = snprintf(m->key, sizeof m->key, "k%lld", (long long)(n % 17));
  int value = snprintf(m->value, sizeof m->value, "record %lld ", (long long)n);
  int pad = (int)(n * 7 % 120);
  memset(m->value + value, '.', (size_t)pad);
  m->rec = (struct mr_record){.timestamp_ms = 1700000000000 + n,
                              .key = m->key,
                              .key_sz = (uint32_t)key,
                              .value = m->value,
                              .value_sz = (uint32_t)(value + pad)};
  return &m->rec;
}

__attribute__((unused)) static void rig_assert_record(const struct mr_record *got, int64_t n) {
  struct rig_record m;
  const struct mr_record *want = rig_record(&m, n);
  assert_int_equal(got->timestamp_ms, want->timestamp_ms);
  assert_int_equal(got->key_sz, want->key_sz);
  assert_memory_equal(got->key, want->key, want->key_sz);
  assert_int_equal(got->value_sz, want->value_sz);
  assert_memory_equal(got->value, want->value, want->value_sz);
}

/* ---- logs ---- */

__attribute__((unused)) static struct mr_topic_log *
rig_log(struct rig *r, const struct mr_topic_log_conf *conf, struct mr_topic_recovery *found) {
  struct mr_topic_log *log = NULL;
  struct mr_error err = {0};
  int rc = mr_topic_log_open(&log, r->io, r->dir, conf, found, &err);
  if (rc) print_message("open: %s\n", err.text);
  assert_int_equal(rc, MR_OK);
  return log;
}

/* Appends records [from, to), each at the offset of its number. */
__attribute__((unused)) static void rig_append(struct mr_topic_log *log, int64_t from, int64_t to) {
  struct rig_record m;
  for (int64_t n = from; n < to;) {
    int64_t at = mr_topic_log_append(log, rig_record(&m, n));
    if (at == MR_ERR_AGAIN) {
      assert_int_equal(mr_topic_log_poll(log, rig_now_ns(), 0), MR_OK);
      continue;
    }
    assert_int_equal(at, n);
    n++;
  }
}

/* Polls until records below offset are acknowledged. */
__attribute__((unused)) static void rig_acked(struct mr_topic_log *log, int64_t offset) {
  uint64_t start = rig_now_ns();
  while (mr_topic_log_acked(log) < offset) {
    mr_topic_log_flush(log, rig_now_ns());
    assert_int_equal(mr_topic_log_poll(log, rig_now_ns(), 0), MR_OK);
    assert_true(rig_now_ns() - start < 20000000000u);
  }
}

__attribute__((unused)) static void rig_close_log(struct mr_topic_log *log) {
  struct mr_error err = {0};
  int rc = mr_topic_log_close(log, 0, &err);
  if (rc) print_message("close: %s\n", err.text);
  assert_int_equal(rc, MR_OK);
}

/* Looks at all segments batch by batch: records from `from` on, each with the number of its offset.
 * Returns the offset behind the last one. */
__attribute__((unused)) static int64_t rig_check(struct rig *r, int64_t from) {
  struct mr_arena arena = {0};
  int64_t *bases, next = from;
  uint32_t cnt;
  static char scratch[1 << 21];
  struct mr_codec_ctx *ctx = NULL;
  assert_int_equal(mr_codec_create(&ctx, MR_CODEC_NONE, NULL), MR_OK);
  assert_int_equal(mr_topic_segment_list(r->io, r->dir, &arena, &bases, &cnt, NULL), MR_OK);
  for (uint32_t i = 0; i < cnt; i++) {
    char name[64];
    size_t len = 0;
    snprintf(name, sizeof name, "%020lld.log", (long long)bases[i]);
    uint8_t *data = rig_get(r, name, &len);
    assert_non_null(data);
    if (bases[i] >= from) assert_int_equal(bases[i], next);
    for (size_t at = 0; at + 61 <= len;) {
      struct mr_record_batch b;
      struct mr_record_cursor c;
      struct mr_record rec;
      if (mr_record_batch_head(data + at, &b) != MR_OK) break;
      assert_true(b.sz <= len - at && mr_record_batch_intact(data + at, &b));
      assert_int_equal(b.base_offset, next);
      assert_int_equal(mr_record_cursor_begin(&c, data + at, &b, ctx, scratch, sizeof scratch),
                       MR_OK);
      while (mr_record_cursor_next(&c, &rec) == 1) {
        assert_int_equal(rec.offset, next);
        rig_assert_record(&rec, next++);
      }
      at += b.sz;
    }
    free(data);
  }
  mr_codec_destroy(ctx);
  mr_arena_free(&arena);
  return next;
}

#endif
