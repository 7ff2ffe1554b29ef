/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/tree.h"

#include <string.h>

#include "base/arena.h"
#include "base/assert.h"

/* --- building ------------------------------------------------------------------------------- */

struct mr_tree *mr_tree_new(struct mr_arena *arena, enum mr_tree_kind kind, struct mr_span span) {
  struct mr_tree *t = MR_NEW(arena, struct mr_tree, 1);
  t->kind = kind;
  t->span = span;
  return t;
}

struct mr_tree *mr_tree_new_text(struct mr_arena *arena, const char *text, size_t len,
                                 struct mr_span span) {
  struct mr_tree *t = mr_tree_new(arena, MR_TREE_SCALAR, span);
  t->text = mr_arena_strndup(arena, text, len);
  t->len = (uint32_t)len;
  return t;
}

static struct mr_tree **grow(struct mr_arena *arena, struct mr_tree **old, uint32_t cnt,
                             uint32_t cap) {
  struct mr_tree **items = MR_NEW(arena, struct mr_tree *, cap);
  if (cnt) memcpy(items, old, cnt * sizeof(struct mr_tree *));
  return items;
}

void mr_tree_add(struct mr_arena *arena, struct mr_tree *parent, struct mr_tree *key,
                 struct mr_tree *value) {
  MR_ASSERT(parent->kind != MR_TREE_SCALAR);
  MR_ASSERT((parent->kind == MR_TREE_MAP) == (key != NULL));
  if (parent->cnt == parent->cap) {
    uint32_t cap = parent->cap ? parent->cap * 2 : 4;
    parent->items = grow(arena, parent->items, parent->cnt, cap);
    if (key) parent->keys = grow(arena, parent->keys, parent->cnt, cap);
    parent->cap = cap;
  }
  value->parent = parent;
  value->key = key;
  value->idx = parent->cnt;
  if (key) {
    key->parent = parent;
    key->idx = parent->cnt;
    parent->keys[parent->cnt] = key;
  }
  parent->items[parent->cnt++] = value;
}

void mr_tree_replace(struct mr_tree *parent, uint32_t idx, struct mr_tree *value) {
  MR_ASSERT(idx < parent->cnt);
  value->parent = parent;
  value->key = parent->items[idx]->key;
  value->idx = idx;
  parent->items[idx] = value;
}

/* --- looking up ----------------------------------------------------------------------------- */

struct mr_tree *mr_tree_get_n(const struct mr_tree *map, const char *key, size_t len) {
  if (!map || map->kind != MR_TREE_MAP) return NULL;
  for (uint32_t i = 0; i < map->cnt; i++)
    if (map->keys[i]->len == len && memcmp(map->keys[i]->text, key, len) == 0) return map->items[i];
  return NULL;
}

struct mr_tree *mr_tree_get(const struct mr_tree *map, const char *key) {
  return mr_tree_get_n(map, key, strlen(key));
}

struct mr_tree *mr_tree_find(const struct mr_tree *root, const char *path) {
  for (;;) {
    const char *end = strchr(path, '.');
    if (!end) return mr_tree_get(root, path);
    root = mr_tree_get_n(root, path, (size_t)(end - path));
    if (!root) return NULL;
    path = end + 1;
  }
}

bool mr_tree_is_null(const struct mr_tree *tree) {
  return tree->kind == MR_TREE_SCALAR && tree->style == MR_TREE_PLAIN && tree->len == 0 &&
         !tree->is_opaque;
}

bool mr_tree_text_is(const struct mr_tree *tree, const char *text) {
  return tree && tree->kind == MR_TREE_SCALAR && strcmp(tree->text, text) == 0;
}

const char *mr_tree_path(const struct mr_tree *tree, struct mr_arena *arena) {
  const char *path = "";
  for (; tree && tree->parent; tree = tree->parent) {
    const char *sep = path[0] && path[0] != '[' ? "." : "";
    if (tree->key) {
      path = mr_arena_printf(arena, "%s%s%s", tree->key->text, sep, path);
    } else {
      path = mr_arena_printf(arena, "[%u]%s%s", tree->idx, sep, path);
    }
  }
  return path;
}

const char *mr_tree_kind_str(enum mr_tree_kind kind) {
  switch (kind) {
  case MR_TREE_SCALAR: return "text";
  case MR_TREE_LIST: return "a list";
  case MR_TREE_MAP: return "a map";
  }
  return "a value";
}

/* --- positions ------------------------------------------------------------------------------ */

struct mr_span mr_tree_span(const struct mr_tree *tree) {
  bool block = tree->kind != MR_TREE_SCALAR && !tree->is_flow;
  if ((block || tree->span.len == 0) && tree->key) return tree->key->span;
  return tree->span;
}

struct mr_span mr_tree_name_span(const struct mr_tree *tree) {
  return tree->key ? tree->key->span : mr_tree_span(tree);
}

static bool is_white(char c) {
  return c == ' ' || c == '\n' || c == '\t';
}

/* Source bytes of one escape of a double-quoted text at s (a backslash), and how many text bytes it
 * makes. */
static uint32_t escape_len(const char *s, uint32_t len, uint32_t *made) {
  *made = 1;
  if (len < 2) return 1;
  uint32_t hex = s[1] == 'x' ? 2 : s[1] == 'u' ? 4 : s[1] == 'U' ? 8 : 0;
  if (s[1] == 'N' || s[1] == '_') *made = 2;
  if (s[1] == 'L' || s[1] == 'P') *made = 3;
  if (!hex) return 2;
  uint32_t code = 0, n = 2;
  for (; n < 2 + hex && n < len; n++) {
    char c = s[n];
    uint32_t v = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                 : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                 : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                        : 0;
    code = code << 4 | v;
  }
  *made = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  return n;
}

/* State of walking a scalar's source and text side by side. */
struct walk {
  const char *raw; /* source bytes [i, end) are left */
  uint32_t i, end, base;
  const char *text;
  uint32_t j, len;
  uint32_t *off;
};

static void give(struct walk *w, uint32_t at, uint32_t cnt) {
  while (cnt-- && w->j < w->len) w->off[w->j++] = w->base + at;
}

/* A run of white space in the source: one with line ends stands for one blank or for line ends. */
static void walk_white(struct walk *w, enum mr_tree_style style) {
  uint32_t begin = w->i, breaks = 0;
  for (; w->i < w->end && is_white(w->raw[w->i]); w->i++) breaks += w->raw[w->i] == '\n';
  if (style == MR_TREE_LITERAL || style == MR_TREE_FOLDED) {
    /* indentation is cut from the front of the line: the text's run ends where the source's ends */
    uint32_t run = 0;
    while (w->j + run < w->len && is_white(w->text[w->j + run])) run++;
    uint32_t skip = w->i - begin > run ? w->i - begin - run : 0;
    for (uint32_t k = 0; k < run; k++) give(w, breaks ? begin + (k ? skip + k : 0) : begin + k, 1);
    return;
  }
  if (!breaks) {
    for (uint32_t k = begin; k < w->i; k++) give(w, k, 1);
  } else {
    give(w, begin, breaks == 1 ? 1 : breaks - 1);
  }
}

static void walk_all(struct walk *w, enum mr_tree_style style) {
  while (w->i < w->end && w->j < w->len) {
    char c = w->raw[w->i];
    if (is_white(c)) {
      walk_white(w, style);
    } else if (style == MR_TREE_SINGLE_QUOTED && c == '\'') {
      give(w, w->i, 1);
      w->i += 2;
    } else if (style == MR_TREE_DOUBLE_QUOTED && c == '\\' && w->i + 1 < w->end &&
               w->raw[w->i + 1] == '\n') {
      uint32_t begin = ++w->i, breaks = 0;
      for (; w->i < w->end && is_white(w->raw[w->i]); w->i++) breaks += w->raw[w->i] == '\n';
      give(w, begin, breaks - 1);
    } else if (style == MR_TREE_DOUBLE_QUOTED && c == '\\') {
      uint32_t made, n = escape_len(w->raw + w->i, w->end - w->i, &made);
      give(w, w->i, made);
      w->i += n;
    } else {
      give(w, w->i, 1);
      w->i++;
    }
  }
}

/* Where each byte of the text comes from. Exact but inside white space that was folded. */
static void make_off(struct mr_arena *arena, struct mr_tree *t) {
  uint32_t *off = MR_NEW(arena, uint32_t, (size_t)t->len + 1);
  struct walk w = {.base = t->span.off, .end = t->span.len, .text = t->text, .len = t->len};
  w.raw = t->span.src ? t->span.src->text + t->span.off : "";
  w.off = off;
  if (t->style == MR_TREE_SINGLE_QUOTED || t->style == MR_TREE_DOUBLE_QUOTED) {
    w.i = 1;
    if (w.end > 1) w.end--;
  } else if (t->style == MR_TREE_LITERAL || t->style == MR_TREE_FOLDED) {
    while (w.i < w.end && w.raw[w.i] != '\n') w.i++; /* the header: "|", ">-" */
    w.i += w.i < w.end;
    uint32_t run = 0;
    while (run < t->len && is_white(t->text[run])) run++;
    uint32_t begin = w.i;
    while (w.i < w.end && is_white(w.raw[w.i])) w.i++;
    uint32_t skip = w.i - begin > run ? w.i - begin - run : 0;
    for (uint32_t k = 0; k < run; k++) give(&w, begin + skip + k, 1);
  }
  walk_all(&w, t->style);
  uint32_t last = w.i < t->span.len ? w.i : t->span.len;
  while (w.j <= w.len) off[w.j++] = w.base + last;
  t->off = off;
}

struct mr_span mr_tree_span_at(struct mr_arena *arena, struct mr_tree *scalar, size_t off,
                               size_t len) {
  MR_ASSERT(scalar->kind == MR_TREE_SCALAR);
  if (!scalar->off) make_off(arena, scalar);
  if (off > scalar->len) off = scalar->len;
  if (len > scalar->len - off) len = scalar->len - off;
  uint32_t from = scalar->off[off], to = from;
  if (len) {
    to = scalar->off[off + len];
    uint32_t last = scalar->off[off + len - 1] + 1;
    /* folded white space behind the part does not belong to it */
    const char *text = scalar->span.src ? scalar->span.src->text : NULL;
    while (text && to > last && is_white(text[to - 1])) to--;
    if (to < last) to = last;
  }
  return mr_span_make(scalar->span.src, from, to - from);
}
