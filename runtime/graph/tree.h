/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_TREE_H
#define MR_GRAPH_TREE_H

/* A graph file as a neutral tree: maps in file order, lists, scalars, each with its place in the
 * source. A scalar is text; what type it has is decided by the option table that reads it
 * (graph/opt.h), so NO stays a string where a string is wanted. Each value has exactly one parent:
 * an alias is a copy of its anchor's tree, with the anchor's position.
 *
 * Loading: mr_source_read -> mr_tree_load -> mr_override_apply for each --set -> mr_interp_apply ->
 * options. Any bytes at all may be loaded; what is not understood becomes a diagnostic. Everything
 * lives in the caller's arena. One thread at a time while it is changed; then reading is safe from
 * any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "graph/source.h"

MR_API_BEGIN

struct mr_arena;
struct mr_diags;

#define MR_TREE_NODES_MAX 100000u /* values and keys of one file, aliases expanded */
#define MR_TREE_DEPTH_MAX 64u     /* maps and lists inside each other, aliases expanded */

enum mr_tree_kind { MR_TREE_SCALAR, MR_TREE_LIST, MR_TREE_MAP };

enum mr_tree_style {
  MR_TREE_PLAIN,
  MR_TREE_SINGLE_QUOTED,
  MR_TREE_DOUBLE_QUOTED,
  MR_TREE_LITERAL, /* | */
  MR_TREE_FOLDED   /* > */
};

struct mr_tree {
  enum mr_tree_kind kind;
  enum mr_tree_style style; /* scalars */
  bool is_flow;             /* maps and lists: written with braces or brackets */
  bool is_interpolated;     /* scalars: ${...} has been replaced; it is not done twice */
  bool is_opaque;           /* scalars: the value depends on a variable that was not looked up */
  bool is_secret;           /* scalars: a part of the value came from ${file:...} or ${cred:...} */
  struct mr_span span;      /* the value as written, with its quotes; length 0 for an empty value */
  struct mr_tree *parent;   /* the map or list around it, NULL for the root */
  struct mr_tree *key;      /* the key scalar of a map's value, else NULL */
  uint32_t idx;             /* place in the parent, from 0 */

  /* scalars */
  const char *text; /* len bytes, then a NUL; valid UTF-8 without NUL bytes */
  uint32_t len;
  const uint32_t
      *off; /* source byte of each text byte (len + 1 entries), NULL until it is needed */

  /* maps and lists */
  struct mr_tree **items; /* cnt values in file order */
  struct mr_tree **keys;  /* maps: cnt scalars; no two have the same text */
  uint32_t cnt, cap;
};

/* Parses src as one YAML 1.2 document (JSON is such). All mistakes become diagnostics: bad syntax,
 * duplicate keys, tags, keys that are no strings, merge keys, tabs as indentation, several
 * documents, invalid UTF-8, NUL bytes, bad aliases, more than MR_TREE_NODES_MAX nodes or
 * MR_TREE_DEPTH_MAX levels. Returns the root (of any kind), also after mistakes that leave the
 * structure clear; NULL when there is nothing to go on with (and then there is an error in diags).
 */
struct mr_tree *mr_tree_load(struct mr_arena *arena, const struct mr_source *src,
                             struct mr_diags *diags);

/* mr_source_read and mr_tree_load; a file that cannot be read, or is too large, is a diagnostic at
 * `path`. *src (may be NULL) is the source, or NULL when it could not be read. */
struct mr_tree *mr_tree_load_file(struct mr_arena *arena, const char *path, struct mr_diags *diags,
                                  const struct mr_source **src);

/* The value of a key; NULL when map is NULL, no map, or has no such key. */
struct mr_tree *mr_tree_get(const struct mr_tree *map, const char *key);
struct mr_tree *mr_tree_get_n(const struct mr_tree *map, const char *key, size_t len);
/* The same along a dotted path of keys: mr_tree_find(root, "runtime.workers.count"). */
struct mr_tree *mr_tree_find(const struct mr_tree *root, const char *path);

/* True for an empty plain scalar (`key:` with nothing behind it); false for quoted empty text. The
 * words null and ~ are not null here: `type: null` is a sink, `~` may be a path. */
bool mr_tree_is_null(const struct mr_tree *tree);
/* True when tree is a scalar with exactly this text. */
bool mr_tree_text_is(const struct mr_tree *tree, const char *text);

/* "steps.by_type_5m.where", "routes[2].get"; "" for the root. In arena. */
const char *mr_tree_path(const struct mr_tree *tree, struct mr_arena *arena);

/* Where to point at a value: its span on its first line; its key's when the value is empty or a
 * block map or list. */
struct mr_span mr_tree_span(const struct mr_tree *tree);
/* Where to point at its name: the key's span, else the same as mr_tree_span. For what is missing
 * inside. */
struct mr_span mr_tree_name_span(const struct mr_tree *tree);
/* Where to point at bytes [off, off + len) of a scalar's text, through quotes, escapes, block
 * styles and interpolation. Makes tree->off at its first use. */
struct mr_span mr_tree_span_at(struct mr_arena *arena, struct mr_tree *scalar, size_t off,
                               size_t len);

/* "a map", "a list", "text". */
const char *mr_tree_kind_str(enum mr_tree_kind kind);

/* Building by hand (overrides, tests). The new value has src as its place; adding makes parent, key
 * and idx. The caller sees to it that keys differ. */
struct mr_tree *mr_tree_new(struct mr_arena *arena, enum mr_tree_kind kind, struct mr_span span);
struct mr_tree *mr_tree_new_text(struct mr_arena *arena, const char *text, size_t len,
                                 struct mr_span span);
void mr_tree_add(struct mr_arena *arena, struct mr_tree *parent, struct mr_tree *key,
                 struct mr_tree *value);
/* Puts `value` in the place of the value at idx. */
void mr_tree_replace(struct mr_tree *parent, uint32_t idx, struct mr_tree *value);

MR_API_END

#endif
