/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/topic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/text.h"
#include "topic/group.h"
#include "topic/murmur2.h"
#include "topic/note.h"
#include "topic/segment.h"

#define LOCK_WAIT_MS  1000u
#define BUFFERS_MAX   (UINT64_C(64) << 20) /* bytes of a topic's write buffers */
#define BUFFER_MIN_SZ (64u << 10)

struct mr_topic {
  struct mr_arena arena;
  struct mr_io *io;
  const char *name;
  struct mr_topic_conf conf;
  struct mr_topic_log **logs;
  int lock_fd;
  uint32_t sticky;       /* the partition of records without a key, now */
  uint64_t sticky_bytes; /* that it got */
};

bool mr_topic_name_valid(const char *name) {
  size_t len = strlen(name);
  if (len == 0 || len > MR_TOPIC_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return false;
  return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static void topic_path(char *path, const char *dir, const char *name, const char *ext) {
  snprintf(path, MR_TOPIC_PATH_SZ, "%s/%s.%s", dir, name, ext);
}
static void partition_path(char *path, const char *dir, const char *name, uint32_t partition) {
  snprintf(path, MR_TOPIC_PATH_SZ, "%s/%s-%u", dir, name, partition);
}

/* The partition in a folder's name, and the length of the topic's; -1: no partition's name. */
static int64_t partition_of(const char *name, size_t *topic_len) {
  const char *dash = strrchr(name, '-');
  int64_t partition;
  if (!dash || dash == name || dash[1] == 0 || strlen(dash) > 11 ||
      strspn(dash + 1, "0123456789") != strlen(dash + 1) ||
      mr_int64_parse(dash + 1, strlen(dash + 1), &partition) != 0)
    return -1;
  *topic_len = (size_t)(dash - name);
  return partition;
}

/* ---- what a topic was created with ---- */

static const char *const sync_names[] = {"always", "interval", "never"};

static int check_conf(const char *name, const struct mr_topic_conf *conf, struct mr_error *err) {
  if (!mr_topic_name_valid(name))
    return mr_error_set(err, MR_ERR_ARG,
                        "`%s` is no name of a topic: 1 to %u letters, digits, '.', '_' and '-'",
                        name, MR_TOPIC_NAME_MAX);
  if (conf->partitions < 1 || conf->partitions > MR_TOPIC_PARTITIONS_MAX)
    return mr_error_set(err, MR_ERR_ARG, "a topic has 1 to %u partitions, not %u",
                        MR_TOPIC_PARTITIONS_MAX, conf->partitions);
  if (conf->log.segment_sz &&
      (conf->log.segment_sz < MR_IO_ALIGN || conf->log.segment_sz > MR_TOPIC_SEGMENT_MAX))
    return mr_error_set(err, MR_ERR_ARG, "a segment has %u to %llu bytes", MR_IO_ALIGN,
                        (unsigned long long)MR_TOPIC_SEGMENT_MAX);
  return MR_OK;
}

static int write_conf(struct mr_io *io, const char *path, const struct mr_topic_conf *conf,
                      struct mr_error *err) {
  struct mr_note note;
  mr_note_begin(&note, "topic");
  mr_note_add(&note, "partitions", conf->partitions);
  mr_note_add_text(&note, "sync", sync_names[conf->log.sync]);
  mr_note_add(&note, "sync_every_ns", conf->log.sync_every_ns);
  mr_note_add(&note, "sync_bytes", (int64_t)conf->log.sync_bytes);
  mr_note_add_text(&note, "compression", mr_codec_name(conf->log.codec));
  mr_note_add(&note, "segment", (int64_t)conf->log.segment_sz);
  mr_note_add(&note, "batch", conf->log.batch_sz);
  mr_note_add(&note, "retention_age_ms", conf->log.retention_age_ms);
  mr_note_add(&note, "retention_size", (int64_t)conf->log.retention_sz);
  return mr_note_write(io, path, &note, err);
}

/* A value of a note that is not negative; 0 where there is none. */
static int64_t number(const struct mr_note *note, const char *key) {
  int64_t v;
  return mr_note_get(note, key, &v) && v > 0 ? v : 0;
}

static int read_conf(struct mr_io *io, const char *path, struct mr_topic_conf *out,
                     struct mr_error *err) {
  struct mr_note note;
  int rc = mr_note_read(io, path, "topic", &note, err);
  if (rc) return rc;
  char text[32];
  *out = (struct mr_topic_conf){.partitions = (uint32_t)number(&note, "partitions")};
  out->log.sync_every_ns = number(&note, "sync_every_ns");
  out->log.sync_bytes = (uint64_t)number(&note, "sync_bytes");
  out->log.segment_sz = (uint64_t)number(&note, "segment");
  out->log.batch_sz = (uint32_t)number(&note, "batch");
  out->log.retention_age_ms = number(&note, "retention_age_ms");
  out->log.retention_sz = (uint64_t)number(&note, "retention_size");
  out->log.roll_back_to = -1;
  bool fine = out->partitions >= 1 && out->partitions <= MR_TOPIC_PARTITIONS_MAX &&
              mr_note_get_text(&note, "compression", text, sizeof text) &&
              mr_codec_parse(text, &out->log.codec) == MR_OK &&
              mr_note_get_text(&note, "sync", text, sizeof text);
  int sync = 0;
  while (fine && sync < 3 && strcmp(text, sync_names[sync]) != 0) sync++;
  if (!fine || sync == 3)
    return mr_error_set(err, MR_ERR_DATA, "%s is of a version that this program does not know",
                        path);
  out->log.sync = (enum mr_topic_sync)sync;
  return MR_OK;
}

struct count {
  const char *name;
  uint32_t partitions;
};

static void count_partitions(void *ctx, const char *name, uint32_t partitions) {
  struct count *c = ctx;
  if (strcmp(name, c->name) == 0) c->partitions = partitions;
}

int mr_topic_read_conf(struct mr_io *io, const char *dir, const char *name,
                       struct mr_topic_conf *out, struct mr_error *err) {
  char path[MR_TOPIC_PATH_SZ];
  topic_path(path, dir, name, "topic");
  int rc = read_conf(io, path, out, err);
  if (rc != MR_ERR_NOENT) return rc;
  struct count c = {.name = name};
  rc = mr_topic_list(io, dir, count_partitions, &c, NULL);
  if (rc != MR_OK && rc != MR_ERR_NOENT) return mr_topic_list(io, dir, count_partitions, &c, err);
  if (!c.partitions) return mr_error_set(err, MR_ERR_NOENT, "no topic `%s` in %s", name, dir);
  if (err) mr_error_clear(err);
  *out = (struct mr_topic_conf){.partitions = c.partitions, .log = {.roll_back_to = -1}};
  return MR_OK;
}

int mr_topic_create(struct mr_io *io, const char *dir, const char *name,
                    const struct mr_topic_conf *conf, struct mr_error *err) {
  int rc = check_conf(name, conf, err);
  if (rc) return rc;
  struct mr_topic_conf there;
  if (mr_topic_read_conf(io, dir, name, &there, NULL) != MR_ERR_NOENT)
    return mr_error_set(err, MR_ERR_EXISTS, "topic `%s` already exists", name);
  char path[MR_TOPIC_PATH_SZ];
  topic_path(path, dir, name, "topic");
  rc = mr_note_make_dir(io, path, err);
  return rc ? rc : write_conf(io, path, conf, err);
}

/* ---- lists ---- */

struct listed {
  char name[MR_TOPIC_NAME_MAX + 1];
  uint32_t partitions;
};

/* Adds a topic of len bytes, or more partitions of one that is known. */
static void add_listed(struct listed *all, uint32_t *cnt, const char *name, size_t len,
                       uint32_t partitions) {
  if (len == 0 || len > MR_TOPIC_NAME_MAX) return;
  uint32_t i = 0;
  while (i < *cnt && (strncmp(all[i].name, name, len) != 0 || all[i].name[len] != 0)) i++;
  if (i == *cnt) {
    memcpy(all[i].name, name, len);
    all[i].name[len] = 0;
    all[i].partitions = 0;
    (*cnt)++;
  }
  if (all[i].partitions < partitions) all[i].partitions = partitions;
}

static void sort_listed(struct listed *all, uint32_t cnt) {
  for (uint32_t i = 1; i < cnt; i++) {
    struct listed it = all[i];
    uint32_t k = i;
    for (; k > 0 && strcmp(all[k - 1].name, it.name) > 0; k--) all[k] = all[k - 1];
    all[k] = it;
  }
}

int mr_topic_list(struct mr_io *io, const char *dir,
                  void (*each)(void *ctx, const char *name, uint32_t partitions), void *ctx,
                  struct mr_error *err) {
  struct mr_arena arena = {0};
  const char **names;
  uint32_t name_cnt, cnt = 0;
  int rc = mr_topic_segment_names(io, dir, &arena, &names, &name_cnt, err);
  if (rc) {
    mr_arena_free(&arena);
    return rc;
  }
  struct listed *all = MR_NEW(&arena, struct listed, name_cnt + 1);
  for (uint32_t i = 0; i < name_cnt; i++) {
    size_t len = strlen(names[i]), topic_len;
    int64_t partition = partition_of(names[i], &topic_len);
    if (partition >= 0 && partition < MR_TOPIC_PARTITIONS_MAX) {
      add_listed(all, &cnt, names[i], topic_len, (uint32_t)partition + 1);
    } else if (len > 6 && strcmp(names[i] + len - 6, ".topic") == 0) {
      char path[MR_TOPIC_PATH_SZ];
      struct mr_topic_conf conf;
      snprintf(path, sizeof path, "%s/%s", dir, names[i]);
      if (read_conf(io, path, &conf, NULL) == MR_OK)
        add_listed(all, &cnt, names[i], len - 6, conf.partitions);
    }
  }
  sort_listed(all, cnt);
  for (uint32_t i = 0; i < cnt; i++) each(ctx, all[i].name, all[i].partitions);
  mr_arena_free(&arena);
  return MR_OK;
}

/* ---- the lock ---- */

int64_t mr_topic_writer(struct mr_io *io, const char *dir, const char *name) {
  char path[MR_TOPIC_PATH_SZ];
  topic_path(path, dir, name, "lock");
  int64_t fd = mr_note_open(io, path, O_RDONLY, NULL);
  if (fd < 0) return 0;
  struct mr_io_req test = {.kind = MR_IO_LOCK_TEST, .fd = (int)fd};
  int64_t pid = mr_io_wait(io, &test) == 1 ? mr_note_lock_owner(io, (int)fd) : 0;
  mr_note_close(io, (int)fd);
  return pid;
}

/* ---- removal ---- */

static int remove_dir(struct mr_io *io, const char *dir, struct mr_error *err) {
  struct mr_arena arena = {0};
  const char **names;
  uint32_t cnt;
  int rc = mr_topic_segment_names(io, dir, &arena, &names, &cnt, err);
  for (uint32_t i = 0; rc == MR_OK && i < cnt; i++) {
    char path[MR_TOPIC_PATH_SZ + 256];
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    struct mr_io_req req = {.kind = MR_IO_UNLINK, .path = path};
    int64_t result = mr_io_wait(io, &req);
    if (result < 0) rc = mr_error_set_sys(err, (int)-result, "cannot remove %s", path);
  }
  mr_arena_free(&arena);
  if (rc == MR_ERR_NOENT) return MR_OK;
  if (rc) return rc;
  struct mr_io_req req = {.kind = MR_IO_REMOVE_DIR, .path = dir};
  int64_t result = mr_io_wait(io, &req);
  return result < 0 ? mr_error_set_sys(err, (int)-result, "cannot remove %s", dir) : MR_OK;
}

/* Whose offsets are forgotten with the topic. */
struct forgotten {
  struct mr_io *io;
  const char *dir, *name;
  struct mr_error *err;
  int rc;
};

static void forget_group(void *ctx, const char *group) {
  struct forgotten *f = ctx;
  char path[MR_TOPIC_PATH_SZ];
  snprintf(path, sizeof path, "%s/groups/%s/%s", f->dir, group, f->name);
  int rc = mr_note_remove(f->io, path, f->err);
  if (rc) f->rc = rc;
}

int mr_topic_delete(struct mr_io *io, const char *dir, const char *name, struct mr_error *err) {
  struct mr_topic_conf conf;
  char path[MR_TOPIC_PATH_SZ], what[2 * MR_TOPIC_NAME_MAX];
  int rc = mr_topic_read_conf(io, dir, name, &conf, err);
  if (rc) return rc;
  topic_path(path, dir, name, "lock");
  snprintf(what, sizeof what, "topic `%.249s`", name);
  int64_t fd = mr_note_lock(io, path, LOCK_WAIT_MS, what, err);
  if (fd < 0) return (int)fd;
  topic_path(path, dir, name, "topic"); /* from here on there is no such topic */
  rc = mr_note_remove(io, path, err);
  for (uint32_t p = 0; rc == MR_OK && p < conf.partitions; p++) {
    partition_path(path, dir, name, p);
    rc = remove_dir(io, path, err);
  }
  struct forgotten forgotten = {io, dir, name, err, MR_OK};
  if (rc == MR_OK) rc = mr_topic_group_list(io, dir, name, forget_group, &forgotten, err);
  if (rc == MR_OK) rc = forgotten.rc;
  topic_path(path, dir, name, "lock");
  if (rc == MR_OK) rc = mr_note_remove(io, path, err);
  mr_note_close(io, (int)fd);
  return rc;
}

/* ---- writing ---- */

/* How much of buffers each partition gets. */
static void divide_buffers(uint32_t partitions, uint32_t *cnt, uint32_t *sz) {
  *cnt = MR_TOPIC_BUFFERS;
  *sz = MR_TOPIC_BUFFER_SZ;
  while ((uint64_t)*cnt * *sz * partitions > BUFFERS_MAX) {
    if (*sz > BUFFER_MIN_SZ)
      *sz /= 2;
    else if (*cnt > 2)
      --*cnt;
    else
      return;
  }
}

size_t mr_topic_buffers_sz(uint32_t partitions) {
  uint32_t cnt, sz;
  divide_buffers(partitions, &cnt, &sz);
  return (size_t)cnt * sz * partitions;
}

static int open_partitions(struct mr_topic *t, const struct mr_topic_open *how,
                           struct mr_topic_recovery *found, struct mr_error *err) {
  struct mr_topic_log_conf conf = t->conf.log;
  conf.held = how->held;
  conf.buffered = how->buffered;
  divide_buffers(t->conf.partitions, &conf.buffer_cnt, &conf.buffer_sz);
  conf.buffers = how->buffers;
  if (!conf.buffers) {
    uint8_t *mem = mr_arena_alloc(&t->arena, mr_topic_buffers_sz(t->conf.partitions) + MR_IO_ALIGN);
    conf.buffers = mem + (-(uintptr_t)mem & (MR_IO_ALIGN - 1));
  }
  int rc = MR_OK;
  for (uint32_t p = 0; rc == MR_OK && p < t->conf.partitions; p++) {
    char path[MR_TOPIC_PATH_SZ];
    partition_path(path, how->dir, how->name, p);
    conf.roll_back_to = how->roll_back_to ? how->roll_back_to[p] : -1;
    rc = mr_topic_log_open(&t->logs[p], t->io, path, &conf, found ? &found[p] : NULL, err);
    conf.buffers = (uint8_t *)conf.buffers + (size_t)conf.buffer_cnt * conf.buffer_sz;
  }
  return rc;
}

int mr_topic_open(struct mr_topic **out, struct mr_io *io, const struct mr_topic_open *how,
                  struct mr_topic_recovery *found, struct mr_error *err) {
  struct mr_arena arena = {0};
  struct mr_topic *t = MR_NEW(&arena, struct mr_topic, 1);
  t->arena = arena;
  t->io = io;
  t->lock_fd = -1;
  t->name = mr_arena_strdup(&t->arena, how->name);
  int rc = mr_topic_read_conf(io, how->dir, how->name, &t->conf, err);
  if (rc == MR_OK) {
    t->logs = MR_NEW(&t->arena, struct mr_topic_log *, t->conf.partitions);
    char path[MR_TOPIC_PATH_SZ], what[2 * MR_TOPIC_NAME_MAX];
    topic_path(path, how->dir, how->name, "lock");
    snprintf(what, sizeof what, "topic `%.249s`", how->name);
    uint32_t wait_ms = how->lock_wait_ms ? how->lock_wait_ms : LOCK_WAIT_MS;
    int64_t fd = mr_note_lock(io, path, wait_ms, what, err);
    t->lock_fd = fd < 0 ? -1 : (int)fd;
    rc = fd < 0 ? (int)fd : open_partitions(t, how, found, err);
  }
  if (rc) {
    mr_topic_abandon(t);
    return rc;
  }
  *out = t;
  return MR_OK;
}

/* Gives up lock and memory; the logs are closed. */
static void end_topic(struct mr_topic *t) {
  if (t->lock_fd >= 0) mr_note_close(t->io, t->lock_fd);
  struct mr_arena arena = t->arena; /* the struct itself lives in it */
  mr_arena_free(&arena);
}

int mr_topic_close(struct mr_topic *t, int64_t full_wait_ns, struct mr_error *err) {
  int rc = MR_OK;
  for (uint32_t p = 0; p < t->conf.partitions; p++) {
    int one = mr_topic_log_close(t->logs[p], full_wait_ns, rc ? NULL : err);
    if (!rc) rc = one;
  }
  end_topic(t);
  return rc;
}

void mr_topic_abandon(struct mr_topic *t) {
  if (!t) return;
  for (uint32_t p = 0; t->logs && p < t->conf.partitions; p++) mr_topic_log_abandon(t->logs[p]);
  end_topic(t);
}

const struct mr_topic_conf *mr_topic_conf(const struct mr_topic *topic) {
  return &topic->conf;
}

struct mr_topic_log *mr_topic_log_at(struct mr_topic *topic, uint32_t partition) {
  MR_ASSERT(partition < topic->conf.partitions);
  return topic->logs[partition];
}

uint32_t mr_topic_pick(struct mr_topic *t, const struct mr_record *rec) {
  if (t->conf.partitions == 1) return 0;
  if (rec->key) return mr_murmur2_partition(rec->key, rec->key_sz, t->conf.partitions);
  uint64_t batch = t->conf.log.batch_sz ? t->conf.log.batch_sz : MR_TOPIC_BATCH_SZ;
  if (t->sticky_bytes >= batch) {
    t->sticky = (t->sticky + 1) % t->conf.partitions;
    t->sticky_bytes = 0;
  }
  t->sticky_bytes += rec->value_sz + 16u; /* and about what a record has around its value */
  return t->sticky;
}

void mr_topic_flush(struct mr_topic *topic, uint64_t now_ns) {
  for (uint32_t p = 0; p < topic->conf.partitions; p++) mr_topic_log_flush(topic->logs[p], now_ns);
}

int mr_topic_poll(struct mr_topic *topic, uint64_t now_ns, int64_t wall_ms) {
  int rc = MR_OK;
  for (uint32_t p = 0; p < topic->conf.partitions; p++) {
    int one = mr_topic_log_poll(topic->logs[p], now_ns, wall_ms);
    if (!rc) rc = one;
  }
  return rc;
}
