/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/assert.h"
#include "io/sim_private.h"

/* ---- bytes ---- */

static void resize(struct mr_io_sim *d, struct mr_sim_bytes *b, uint64_t len) {
  if (len > b->cap) {
    uint64_t cap = mr_pow2_up(len < 1024 ? 1024 : len);
    char *data = mr_arena_alloc(&d->arena, cap);
    if (b->len) memcpy(data, b->data, b->len);
    b->data = data;
    b->cap = cap;
  }
  if (len > b->len) memset(b->data + b->len, 0, len - b->len);
  b->len = len;
}

static void put(struct mr_io_sim *d, struct mr_sim_bytes *b, uint64_t off, const char *data,
                uint64_t len) {
  if (off + len > b->len) resize(d, b, off + len);
  if (len) memcpy(b->data + off, data, len);
}

static void apply(struct mr_io_sim *d, struct mr_sim_bytes *b, const struct mr_sim_change *c) {
  if (c->data)
    put(d, b, c->off, c->data, c->len);
  else
    resize(d, b, c->off);
}

void mr_sim_change(struct mr_io_sim *d, struct mr_sim_node *file, uint64_t off, const void *data,
                   uint64_t len) {
  struct mr_sim_change *c = MR_NEW(&d->arena, struct mr_sim_change, 1);
  *c = (struct mr_sim_change){.off = off, .len = len, .number = ++d->changes};
  if (data) {
    char *copy = mr_arena_alloc(&d->arena, len);
    memcpy(copy, data, len);
    c->data = copy;
  }
  if (file->last)
    file->last->next = c;
  else
    file->changes = c;
  file->last = c;
  apply(d, &file->now, c);
}

void mr_sim_keep(struct mr_io_sim *d, struct mr_sim_node *file, uint64_t number) {
  struct mr_sim_change **at = &file->changes;
  file->last = NULL;
  while (*at) {
    struct mr_sim_change *c = *at;
    if (c->number <= number && !c->lost) {
      apply(d, &file->kept, c);
      *at = c->next;
      continue;
    }
    file->last = c; /* what is lost stays in its place before all that comes later */
    at = &c->next;
  }
}

void mr_sim_lose(struct mr_sim_node *file, uint64_t number) {
  for (struct mr_sim_change *c = file->changes; c && c->number <= number; c = c->next)
    c->lost = true;
}

/* ---- names ---- */

struct mr_sim_node *mr_sim_make_node(struct mr_io_sim *d, bool folder) {
  struct mr_sim_node *node = MR_NEW(&d->arena, struct mr_sim_node, 1);
  node->folder = folder;
  return node;
}

static uint32_t index_of(const struct mr_sim_names *names, const char *name, size_t len) {
  for (uint32_t i = 0; i < names->cnt; i++)
    if (strlen(names->entries[i].name) == len && memcmp(names->entries[i].name, name, len) == 0)
      return i;
  return UINT32_MAX;
}

struct mr_sim_node *mr_sim_look_up(const struct mr_sim_node *folder, const char *name, size_t len) {
  uint32_t i = index_of(&folder->names, name, len);
  return i == UINT32_MAX ? NULL : folder->names.entries[i].node;
}

struct mr_sim_node *mr_sim_find(struct mr_io_sim *d, const char *path, struct mr_sim_node **folder,
                                const char **name) {
  struct mr_sim_node *at = d->root, *above = NULL;
  const char *last = "";
  for (const char *p = path; *p;) {
    size_t len = strcspn(p, "/");
    if (len && !(len == 1 && *p == '.')) {
      if (!at || !at->folder) {
        above = at = NULL;
        break;
      }
      above = at;
      last = p;
      at = mr_sim_look_up(at, p, len);
    }
    p += len;
    while (*p == '/') p++;
  }
  if (folder) *folder = above;
  if (name) *name = last;
  return at;
}

static void set_name(struct mr_io_sim *d, struct mr_sim_names *names, const char *name,
                     struct mr_sim_node *node) {
  uint32_t i = index_of(names, name, strlen(name));
  if (!node) {
    if (i != UINT32_MAX) names->entries[i] = names->entries[--names->cnt];
    return;
  }
  if (i == UINT32_MAX) {
    if (names->cnt == names->cap) {
      uint32_t cap = names->cap ? 2 * names->cap : 8;
      struct mr_sim_entry *more = MR_NEW(&d->arena, struct mr_sim_entry, cap);
      if (names->cnt) memcpy(more, names->entries, names->cnt * sizeof *more);
      names->entries = more;
      names->cap = cap;
    }
    i = names->cnt++;
    names->entries[i].name = name;
  }
  names->entries[i].node = node;
}

static void apply_naming(struct mr_io_sim *d, struct mr_sim_names *names,
                         const struct mr_sim_naming *n) {
  if (n->from) set_name(d, names, n->from, NULL);
  set_name(d, names, n->name, n->node);
}

void mr_sim_name(struct mr_io_sim *d, struct mr_sim_node *folder, const char *name,
                 const char *from, struct mr_sim_node *node) {
  if (folder->naming_cnt == folder->naming_cap) {
    uint32_t cap = folder->naming_cap ? 2 * folder->naming_cap : 8;
    struct mr_sim_naming *more = MR_NEW(&d->arena, struct mr_sim_naming, cap);
    if (folder->naming_cnt) memcpy(more, folder->namings, folder->naming_cnt * sizeof *more);
    folder->namings = more;
    folder->naming_cap = cap;
  }
  struct mr_sim_naming *n = &folder->namings[folder->naming_cnt++];
  size_t len = strcspn(name, "/");
  *n = (struct mr_sim_naming){.name = mr_arena_strndup(&d->arena, name, len), .node = node};
  if (from) n->from = mr_arena_strndup(&d->arena, from, strcspn(from, "/"));
  apply_naming(d, &folder->names, n);
}

void mr_sim_keep_names(struct mr_io_sim *d, struct mr_sim_node *folder) {
  for (uint32_t i = 0; i < folder->naming_cnt; i++)
    apply_naming(d, &folder->kept_names, &folder->namings[i]);
  folder->naming_cnt = 0;
}

/* ---- the cut ---- */

/* Each sector that the write touches arrives or does not. */
static void tear(struct mr_io_sim *d, struct mr_sim_bytes *b, const struct mr_sim_change *c) {
  for (uint64_t at = c->off, end = c->off + c->len; at < end;) {
    uint64_t next = at - at % MR_IO_SIM_SECTOR + MR_IO_SIM_SECTOR;
    if (next > end) next = end;
    if (mr_sim_below(d, 2)) put(d, b, at, c->data + (at - c->off), next - at);
    at = next;
  }
}

static void forget_file(struct mr_io_sim *d, struct mr_sim_node *file) {
  uint64_t kept_len = file->kept.len;
  bool changed = file->changes != NULL;
  for (const struct mr_sim_change *c = file->changes; c; c = c->next) {
    if (c->lost) continue;
    uint32_t fate = mr_sim_below(d, 3);
    if (fate == 2 && c->data)
      tear(d, &file->kept, c);
    else if (fate)
      apply(d, &file->kept, c);
  }
  if (changed) { /* the length is a thing of its own */
    uint32_t fate = mr_sim_below(d, 4);
    if (fate == 0 && file->now.len > file->kept.len) resize(d, &file->kept, file->now.len);
    if (fate == 1 && kept_len < file->kept.len) resize(d, &file->kept, kept_len);
  }
  file->changes = file->last = NULL;
  file->now.len = 0;
  put(d, &file->now, 0, file->kept.data, file->kept.len);
  file->allocated = file->now.len;
}

static void forget_node(struct mr_io_sim *d, struct mr_sim_node *node) {
  if (node->mark == d->mark) return;
  node->mark = d->mark;
  node->owner = NULL;
  if (!node->folder) {
    forget_file(d, node);
    return;
  }
  uint32_t cnt = node->naming_cnt ? mr_sim_below(d, node->naming_cnt + 1) : 0;
  for (uint32_t i = 0; i < cnt; i++) apply_naming(d, &node->kept_names, &node->namings[i]);
  node->naming_cnt = 0;
  node->names.cnt = 0;
  for (uint32_t i = 0; i < node->kept_names.cnt; i++) {
    const struct mr_sim_entry *e = &node->kept_names.entries[i];
    set_name(d, &node->names, e->name, e->node);
    forget_node(d, e->node);
  }
}

void mr_sim_forget(struct mr_io_sim *d) {
  d->mark++;
  forget_node(d, d->root);
}
