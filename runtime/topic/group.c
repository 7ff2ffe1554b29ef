/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/group.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/text.h"
#include "topic/note.h"
#include "topic/segment.h"

#define LOCK_WAIT_MS 1000u

struct mr_topic_group {
  struct mr_arena arena;
  struct mr_io *io;
  const char *path;
  struct mr_note note;
  int64_t offsets[MR_TOPIC_PARTITIONS_MAX];
  int lock_fd;
};

struct offsets {
  int64_t *at;
  uint32_t max;
};

static void take_line(void *ctx, const char *key, const char *value) {
  struct offsets *o = ctx;
  int64_t partition, offset;
  if (mr_int64_parse(key, strlen(key), &partition) != 0 ||
      mr_int64_parse(value, strlen(value), &offset) != 0)
    return;
  if (partition >= 0 && partition < o->max && offset >= 0) o->at[partition] = offset;
}

static int read_offsets(struct mr_io *io, const char *path, struct mr_note *note, int64_t *offsets,
                        uint32_t max, struct mr_error *err) {
  for (uint32_t i = 0; i < max; i++) offsets[i] = -1;
  int rc = mr_note_read(io, path, "group", note, err);
  if (rc == MR_OK) mr_note_each(note, take_line, &(struct offsets){offsets, max});
  return rc;
}

/* Groups have names as topics have: they are names of folders. */
static int check_names(const char *name, const char *topic, struct mr_error *err) {
  if (!mr_topic_name_valid(name))
    return mr_error_set(err, MR_ERR_ARG, "`%s` is no name of a group", name);
  if (!mr_topic_name_valid(topic))
    return mr_error_set(err, MR_ERR_ARG, "`%s` is no name of a topic", topic);
  return MR_OK;
}

int mr_topic_group_open(struct mr_topic_group **out, struct mr_io *io, const char *dir,
                        const char *name, const char *topic, struct mr_error *err) {
  int rc = check_names(name, topic, err);
  if (rc) return rc;
  struct mr_arena arena = {0};
  struct mr_topic_group *g = MR_NEW(&arena, struct mr_topic_group, 1);
  g->arena = arena;
  g->io = io;
  g->lock_fd = -1;
  g->path = mr_arena_printf(&g->arena, "%s/groups/%s/%s", dir, name, topic);
  const char *lock = mr_arena_printf(&g->arena, "%s.lock", g->path);
  const char *what = mr_arena_printf(&g->arena, "group `%s` of topic `%s`", name, topic);
  rc = mr_note_make_dir(io, g->path, err);
  if (rc == MR_OK) {
    int64_t fd = mr_note_lock(io, lock, LOCK_WAIT_MS, what, err);
    g->lock_fd = fd < 0 ? -1 : (int)fd;
    rc = fd < 0 ? (int)fd : MR_OK;
  }
  if (rc == MR_OK) {
    rc = read_offsets(io, g->path, &g->note, g->offsets, MR_TOPIC_PARTITIONS_MAX, err);
    if (rc == MR_ERR_NOENT) {
      mr_error_clear(err ? err : &(struct mr_error){0});
      rc = MR_OK;
    }
  }
  if (rc) {
    mr_topic_group_close(g);
    return rc;
  }
  *out = g;
  return MR_OK;
}

void mr_topic_group_close(struct mr_topic_group *g) {
  if (!g) return;
  if (g->lock_fd >= 0) mr_note_close(g->io, g->lock_fd);
  struct mr_arena arena = g->arena; /* the struct itself lives in it */
  mr_arena_free(&arena);
}

int64_t mr_topic_group_offset(const struct mr_topic_group *g, uint32_t partition) {
  return partition < MR_TOPIC_PARTITIONS_MAX ? g->offsets[partition] : -1;
}

void mr_topic_group_set(struct mr_topic_group *g, uint32_t partition, int64_t offset) {
  MR_ASSERT(partition < MR_TOPIC_PARTITIONS_MAX);
  g->offsets[partition] = offset;
}

int mr_topic_group_commit(struct mr_topic_group *g, struct mr_error *err) {
  mr_note_begin(&g->note, "group");
  for (uint32_t p = 0; p < MR_TOPIC_PARTITIONS_MAX; p++) {
    char key[16];
    if (g->offsets[p] < 0) continue;
    snprintf(key, sizeof key, "%u", p);
    mr_note_add(&g->note, key, g->offsets[p]);
  }
  return mr_note_write(g->io, g->path, &g->note, err);
}

int mr_topic_group_read(struct mr_io *io, const char *dir, const char *name, const char *topic,
                        int64_t *offsets, uint32_t max, struct mr_error *err) {
  int rc = check_names(name, topic, err);
  if (rc) return rc;
  char path[MR_TOPIC_PATH_SZ];
  struct mr_note note;
  snprintf(path, sizeof path, "%s/groups/%s/%s", dir, name, topic);
  return read_offsets(io, path, &note, offsets, max, err);
}

int mr_topic_group_list(struct mr_io *io, const char *dir, const char *topic,
                        void (*each)(void *ctx, const char *group), void *ctx,
                        struct mr_error *err) {
  struct mr_arena arena = {0};
  const char **names;
  uint32_t cnt = 0;
  char path[MR_TOPIC_PATH_SZ];
  snprintf(path, sizeof path, "%s/groups", dir);
  int rc = mr_topic_segment_names(io, path, &arena, &names, &cnt, err);
  if (rc == MR_ERR_NOENT) {
    mr_error_clear(err ? err : &(struct mr_error){0});
    rc = MR_OK;
  }
  for (uint32_t i = 0; rc == MR_OK && i < cnt; i++) {
    int64_t none;
    if (topic && mr_topic_group_read(io, dir, names[i], topic, &none, 1, NULL) != MR_OK) continue;
    each(ctx, names[i]);
  }
  mr_arena_free(&arena);
  return rc;
}
