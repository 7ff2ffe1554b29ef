/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/override.h"

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"
#include "graph/diag.h"
#include "graph/load_private.h"

/* Where one argument is being applied. */
struct place {
  struct mr_arena *arena;
  struct mr_diags *diags;
  const struct mr_source *src;
  uint32_t path_len; /* bytes of src before '=' */
};

static int refuse(const struct place *p, uint32_t off, uint32_t len, const char *message,
                  const char *label) {
  struct mr_diag *d =
      mr_diag_error(p->diags, MR_CODE_BAD_SET, mr_span_make(p->src, off, len), "%s", message);
  if (label) mr_diag_label(d, "%s", label);
  return MR_ERR_CONF;
}

static bool is_flow_text(const char *s, size_t len) {
  if (len == 0) return false;
  if (s[0] == '{' || s[0] == '[') return true;
  return len > 1 && (s[0] == '"' || s[0] == '\'') && s[len - 1] == s[0];
}

static struct mr_tree *read_value(const struct place *p) {
  uint32_t off = p->path_len + 1;
  const char *text = p->src->text + off;
  size_t len = p->src->len - off;
  if (is_flow_text(text, len)) return mr_tree_load_from(p->arena, p->src, off, p->diags);
  struct mr_tree *t = mr_tree_new_text(p->arena, text, len, mr_span_make(p->src, off, len));
  /* an empty value is empty text, not a missing value */
  if (len == 0) t->style = MR_TREE_DOUBLE_QUOTED;
  return t;
}

/* Length of the path's part at off: of an existing key that may itself have dots, else up to the
 * next dot. */
static uint32_t part_len(const struct place *p, const struct mr_tree *at, uint32_t off) {
  const char *path = p->src->text + off;
  uint32_t left = p->path_len - off, best = 0;
  for (uint32_t i = 0; at && at->kind == MR_TREE_MAP && i < at->cnt; i++) {
    const struct mr_tree *key = at->keys[i];
    if (key->len <= left && key->len > best && memcmp(key->text, path, key->len) == 0 &&
        (key->len == left || path[key->len] == '.'))
      best = key->len;
  }
  if (best) return best;
  const char *dot = memchr(path, '.', left);
  return dot ? (uint32_t)(dot - path) : left;
}

/* The place in a list that a part of the path names, or -1. */
static int64_t list_place(const struct mr_tree *list, const char *text, uint32_t len) {
  int64_t v = 0;
  if (mr_int64_parse(text, len, &v) < 0 || v < 0 || v >= list->cnt) return -1;
  return v;
}

/* Walks the path from `at`, creating maps on the way, and puts `value` at its end. */
static int put(const struct place *p, struct mr_tree *at, struct mr_tree *value) {
  for (uint32_t off = 0, depth = 1;; depth++) {
    uint32_t len = part_len(p, at, off);
    const char *text = p->src->text + off;
    bool is_last = off + len == p->path_len;
    if (len == 0)
      return refuse(p, off, 1, "a part of the path is empty", "write --set path.to.key=value");
    if (depth >= MR_TREE_DEPTH_MAX) return refuse(p, off, len, "the path is too deep", NULL);

    int64_t idx = -1;
    if (at->kind == MR_TREE_LIST) {
      idx = list_place(at, text, len);
      if (idx < 0) return refuse(p, off, len, "the list has no such place", "places count from 0");
    } else {
      const struct mr_tree *old = mr_tree_get_n(at, text, len);
      if (old) idx = old->idx;
    }
    struct mr_tree *item = idx >= 0 ? at->items[idx] : NULL;
    bool needs_map = !is_last && (!item || mr_tree_is_null(item));
    if (needs_map) item = mr_tree_new(p->arena, MR_TREE_MAP, mr_span_make(p->src, off, len));
    if (is_last) item = value;
    if (idx < 0) {
      struct mr_span span = mr_span_make(p->src, off, len);
      mr_tree_add(p->arena, at, mr_tree_new_text(p->arena, text, len, span), item);
    } else if (is_last || needs_map) {
      mr_tree_replace(at, (uint32_t)idx, item);
    }
    if (is_last) return MR_OK;
    if (item->kind == MR_TREE_SCALAR)
      return refuse(p, off, len, "this is a single value, it has no keys", NULL);
    at = item;
    off += len + 1;
  }
}

int mr_override_apply(struct mr_arena *arena, struct mr_tree **root, const char *arg,
                      struct mr_diags *diags) {
  struct place p = {.arena = arena, .diags = diags};
  size_t arg_len = strlen(arg);
  if (arg_len > MR_GRAPH_FILE_MAX) {
    p.src = mr_source_make(arena, "--set", "", 0);
    return refuse(&p, 0, 0, "the argument is too long", NULL);
  }
  struct mr_source *src = mr_source_make(arena, "--set", arg, arg_len);
  src->order = UINT32_MAX; /* behind the file's */
  p.src = src;
  if (!mr_utf8_valid(src->text, src->len)) return refuse(&p, 0, 0, "not valid UTF-8", NULL);
  const char *eq = strchr(src->text, '=');
  if (!eq) return refuse(&p, 0, src->len, "a --set argument is path=value", "there is no \"=\"");
  p.path_len = (uint32_t)(eq - src->text);
  struct mr_tree *value = read_value(&p);
  if (!value) return MR_ERR_CONF;
  if (!*root) *root = mr_tree_new(arena, MR_TREE_MAP, mr_span_make(src, 0, 0));
  if ((*root)->kind == MR_TREE_SCALAR)
    return refuse(&p, 0, p.path_len, "the graph file is no map, so nothing can be set in it", NULL);
  return put(&p, *root, value);
}
