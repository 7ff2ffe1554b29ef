/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text -> tree: libyaml's events, and the rules of the graph file on top of them. */
#include <string.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/limits.h"
#include "graph/diag.h"
#include "graph/load_private.h"
#include "graph/tree.h"
#include "graph/utf8_private.h"

#define MARK_STEP    64u /* libyaml counts characters: every 64th one's byte is kept */
#define DEPTH        MR_TREE_DEPTH_MAX
#define ANCHOR_LISTS 256u
#define LINEAR_KEYS  16u /* maps with more keys get a hash table */

struct anchor {
  const char *name;
  struct mr_tree *node; /* NULL while it is open: an alias inside itself */
  struct anchor *next;
};

/* A map or list that is open. */
struct frame {
  struct mr_tree *node;
  struct anchor *anchor; /* to be finished with it */
  struct mr_tree *key;   /* of the value that comes next, in a map */
  bool drop;             /* that value belongs to no usable key */
  bool is_key;           /* the node itself stands where a key should */
  uint32_t *slots;       /* hash table of keys: index + 1 */
  uint32_t slot_cnt;
};

struct loader {
  struct mr_arena *arena;
  const struct mr_source *src;
  struct mr_diags *diags;
  yaml_parser_t parser;
  uint32_t base;        /* byte where libyaml's input begins */
  uint32_t *mark_bytes; /* byte of character i * MARK_STEP; NULL: all ASCII */
  uint32_t char_cnt;
  struct frame frames[DEPTH];
  uint32_t depth, flow_depth;
  uint32_t node_cnt;
  struct mr_tree *root;
  struct anchor *anchors[ANCHOR_LISTS];
  bool failed; /* stop: what follows cannot be understood */
};

/* --- positions ------------------------------------------------------------------------------ */

static void make_marks(struct loader *ld) {
  const char *text = ld->src->text + ld->base;
  uint32_t len = ld->src->len - ld->base, chars = 0;
  for (uint32_t i = 0; i < len; i++) chars += ((uint8_t)text[i] & 0xc0) != 0x80;
  ld->char_cnt = chars;
  if (chars == len) return;
  ld->mark_bytes = MR_NEW(ld->arena, uint32_t, chars / MARK_STEP + 1);
  uint32_t c = 0;
  for (uint32_t i = 0; i < len; i++) {
    if (((uint8_t)text[i] & 0xc0) == 0x80) continue;
    if (c % MARK_STEP == 0) ld->mark_bytes[c / MARK_STEP] = i;
    c++;
  }
}

/* The source byte of a mark. */
static uint32_t mark_off(const struct loader *ld, const yaml_mark_t *mark) {
  if (mark->index >= ld->char_cnt) return ld->src->len;
  uint32_t index = (uint32_t)mark->index;
  if (!ld->mark_bytes) return ld->base + index;
  const char *text = ld->src->text + ld->base;
  uint32_t off = ld->mark_bytes[index / MARK_STEP];
  for (uint32_t i = index % MARK_STEP; i > 0; i--) {
    off++;
    while (((uint8_t)text[off] & 0xc0) == 0x80) off++;
  }
  return ld->base + off;
}

/* Behind an anchor or tag that stands at byte from, and the white space after it. */
static uint32_t skip_property(const struct loader *ld, uint32_t from, uint32_t to,
                              const yaml_char_t *anchor) {
  const char *text = ld->src->text;
  if (text[from] == '&' && anchor) {
    from += 1 + (uint32_t)strlen((const char *)anchor);
  } else {
    while (from < to && !strchr(" \t\n,[]{}", text[from])) from++;
  }
  while (from < to && strchr(" \t\n", text[from])) from++;
  return from < to ? from : to;
}

/* The span of an event, without an anchor or tag in front. */
static struct mr_span event_span(const struct loader *ld, const yaml_event_t *ev,
                                 const yaml_char_t *anchor, bool has_tag) {
  uint32_t from = mark_off(ld, &ev->start_mark), to = mark_off(ld, &ev->end_mark);
  const char *text = ld->src->text;
  for (int i = 0; i < 2; i++)
    if (from < to && ((anchor && text[from] == '&') || (has_tag && text[from] == '!')))
      from = skip_property(ld, from, to, anchor);
  return mr_span_make(ld->src, from, to > from ? to - from : 0);
}

static struct mr_span span_to(const struct loader *ld, uint32_t from, uint32_t to) {
  return mr_span_make(ld->src, from, to > from ? to - from : 0);
}

/* --- nodes, anchors ------------------------------------------------------------------------- */

/* Counts one more node; false (with an error, once) when there are too many. */
static bool count_node(struct loader *ld, struct mr_span at, bool is_alias) {
  if (ld->node_cnt++ < MR_TREE_NODES_MAX) return true;
  ld->failed = true;
  struct mr_diag *d =
      mr_diag_error(ld->diags, MR_CODE_TOO_MANY_VALUES, at, "the file has more than %u values%s",
                    MR_TREE_NODES_MAX, is_alias ? " once its aliases are expanded" : "");
  if (is_alias) mr_diag_label(d, "this alias goes beyond the limit");
  return false;
}

static bool count_depth(struct loader *ld, uint32_t depth, struct mr_span at) {
  if (depth < DEPTH) return true;
  ld->failed = true;
  mr_diag_error(ld->diags, MR_CODE_TOO_DEEP, at, "maps and lists are nested more than %u deep",
                DEPTH);
  return false;
}

static struct anchor **anchor_list(struct loader *ld, const char *name) {
  return &ld->anchors[mr_hash_bytes(name, strlen(name)) % ANCHOR_LISTS];
}

static struct anchor *find_anchor(struct loader *ld, const char *name) {
  for (struct anchor *a = *anchor_list(ld, name); a; a = a->next)
    if (strcmp(a->name, name) == 0) return a;
  return NULL;
}

static struct anchor *add_anchor(struct loader *ld, const yaml_char_t *name) {
  struct anchor *a = MR_NEW(ld->arena, struct anchor, 1);
  a->name = mr_arena_strdup(ld->arena, (const char *)name);
  struct anchor **list = anchor_list(ld, a->name);
  a->next = *list;
  *list = a;
  return a;
}

/* Copies a finished tree for an alias at `at`; NULL when that goes beyond a limit. Recursion ends
 * at the depth limit. */
static struct mr_tree *copy_tree(struct loader *ld, const struct mr_tree *from, uint32_t depth,
                                 struct mr_span at) {
  if (!count_node(ld, at, true)) return NULL;
  if (from->kind != MR_TREE_SCALAR && !count_depth(ld, depth, at)) return NULL;
  struct mr_tree *to = mr_tree_new(ld->arena, from->kind, from->span);
  to->style = from->style;
  to->is_flow = from->is_flow;
  to->text = from->text;
  to->len = from->len;
  for (uint32_t i = 0; i < from->cnt; i++) {
    struct mr_tree *key = NULL;
    if (from->keys && !(key = copy_tree(ld, from->keys[i], depth + 1, at))) return NULL;
    struct mr_tree *item = copy_tree(ld, from->items[i], depth + 1, at);
    if (!item) return NULL;
    mr_tree_add(ld->arena, to, key, item);
  }
  return to;
}

/* --- maps ----------------------------------------------------------------------------------- */

static uint32_t *key_slot(const struct frame *f, const char *text, uint32_t len) {
  uint32_t mask = f->slot_cnt - 1;
  uint32_t i = (uint32_t)mr_hash_bytes(text, len) & mask;
  for (;; i = (i + 1) & mask) {
    uint32_t *slot = &f->slots[i];
    if (!*slot) return slot;
    const struct mr_tree *k = f->node->keys[*slot - 1];
    if (k->len == len && memcmp(k->text, text, len) == 0) return slot;
  }
}

static void rehash(struct loader *ld, struct frame *f) {
  f->slot_cnt = f->slot_cnt ? f->slot_cnt * 2 : LINEAR_KEYS * 4;
  f->slots = MR_NEW(ld->arena, uint32_t, f->slot_cnt);
  for (uint32_t i = 0; i < f->node->cnt; i++)
    *key_slot(f, f->node->keys[i]->text, f->node->keys[i]->len) = i + 1;
}

/* The earlier key with the same text, or NULL. */
static const struct mr_tree *find_key(struct loader *ld, struct frame *f,
                                      const struct mr_tree *key) {
  const struct mr_tree *map = f->node;
  if (map->cnt <= LINEAR_KEYS) {
    const struct mr_tree *v = mr_tree_get_n(map, key->text, key->len);
    return v ? v->key : NULL;
  }
  if (map->cnt * 2 >= f->slot_cnt) rehash(ld, f);
  uint32_t *slot = key_slot(f, key->text, key->len);
  return *slot ? map->keys[*slot - 1] : NULL;
}

static void add_pair(struct loader *ld, struct frame *f, struct mr_tree *key,
                     struct mr_tree *value) {
  mr_tree_add(ld->arena, f->node, key, value);
  if (f->slot_cnt && f->node->cnt * 2 < f->slot_cnt)
    *key_slot(f, key->text, key->len) = f->node->cnt;
}

static bool is_digits(const char *s, uint32_t len) {
  uint32_t i = len > 1 && (s[0] == '-' || s[0] == '+');
  if (i == len) return false;
  for (; i < len; i++)
    if (s[i] < '0' || s[i] > '9') return false;
  return true;
}

/* What a plain key would be by YAML's core schema if it is not a string, else NULL. */
static const char *key_type(const struct mr_tree *key) {
  static const char *const nulls[] = {"null", "Null", "NULL", "~"};
  static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
  if (key->style != MR_TREE_PLAIN) return NULL;
  if (key->len == 0) return "empty";
  for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
    if (strcmp(key->text, nulls[i]) == 0) return "null";
  for (size_t i = 0; i < sizeof bools / sizeof *bools; i++)
    if (strcmp(key->text, bools[i]) == 0) return "a bool";
  return is_digits(key->text, key->len) ? "a number" : NULL;
}

/* Where to point for a key: an empty one has no bytes of its own. */
static struct mr_span key_span(const struct loader *ld, const struct mr_tree *key) {
  return mr_span_make(ld->src, key->span.off, key->span.len ? key->span.len : 1);
}

/* A scalar where a key is due. */
static void take_key(struct loader *ld, struct frame *f, struct mr_tree *key) {
  f->key = key;
  f->drop = false;
  const char *type = key_type(key);
  if (type) {
    struct mr_diag *d = mr_diag_error(ld->diags, MR_CODE_NON_STRING_KEY, key_span(ld, key),
                                      "a key must be a string, this one is %s", type);
    if (key->len) mr_diag_try(d, "\"%s\": ...", key->text);
    f->drop = key->len == 0;
  } else if (key->style == MR_TREE_PLAIN && strcmp(key->text, "<<") == 0) {
    struct mr_diag *d =
        mr_diag_error(ld->diags, MR_CODE_MERGE_KEY, key->span, "merge keys (<<) are not allowed");
    mr_diag_label(d, "write the keys out, or use an alias for the whole value");
    f->drop = true;
  }
  const struct mr_tree *first = f->drop ? NULL : find_key(ld, f, key);
  if (!first) return;
  struct mr_diag *d = mr_diag_error(ld->diags, MR_CODE_DUPLICATE_KEY, key_span(ld, key),
                                    "key \"%s\" occurs twice in one map", key->text);
  mr_diag_note(d, key_span(ld, first), "first here");
  f->drop = true;
}

/* --- events --------------------------------------------------------------------------------- */

/* A finished value goes into what is open. */
static void place(struct loader *ld, struct mr_tree *node) {
  if (ld->depth == 0) {
    ld->root = node;
    return;
  }
  struct frame *f = &ld->frames[ld->depth - 1];
  if (f->node->kind == MR_TREE_LIST) {
    mr_tree_add(ld->arena, f->node, NULL, node);
  } else {
    MR_ASSERT(f->key);
    if (!f->drop) add_pair(ld, f, f->key, node);
    f->key = NULL;
    f->drop = false;
  }
}

/* True when the next node is the key of the open map. */
static bool key_is_due(const struct loader *ld) {
  if (ld->depth == 0) return false;
  const struct frame *f = &ld->frames[ld->depth - 1];
  return f->node->kind == MR_TREE_MAP && !f->key;
}

/* A map, list or alias where a key is due: reported; the pair will be dropped. */
static void refuse_key(struct loader *ld, struct mr_span at, const char *what) {
  struct frame *f = &ld->frames[ld->depth - 1];
  mr_diag_error(ld->diags, MR_CODE_NON_STRING_KEY, at, "a key must be a string, this one is %s",
                what);
  f->key = mr_tree_new_text(ld->arena, "", 0, at);
  f->drop = true;
}

static void check_tag(struct loader *ld, const yaml_event_t *ev, const yaml_char_t *anchor,
                      bool has_tag) {
  if (!has_tag) return;
  const char *text = ld->src->text;
  uint32_t from = mark_off(ld, &ev->start_mark);
  if (anchor && text[from] == '&') from = skip_property(ld, from, ld->src->len, anchor);
  uint32_t to = from;
  while (to < ld->src->len && !strchr(" \t\n,[]{}", text[to])) to++;
  struct mr_diag *d =
      mr_diag_error(ld->diags, MR_CODE_TAG, span_to(ld, from, to), "tags (!) are not allowed");
  mr_diag_label(d, "the option decides the type; quote text that begins with \"!\"");
}

static void on_scalar(struct loader *ld, const yaml_event_t *ev) {
  static const uint8_t styles[] = {[YAML_PLAIN_SCALAR_STYLE] = MR_TREE_PLAIN,
                                   [YAML_SINGLE_QUOTED_SCALAR_STYLE] = MR_TREE_SINGLE_QUOTED,
                                   [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = MR_TREE_DOUBLE_QUOTED,
                                   [YAML_LITERAL_SCALAR_STYLE] = MR_TREE_LITERAL,
                                   [YAML_FOLDED_SCALAR_STYLE] = MR_TREE_FOLDED};
  const yaml_char_t *anchor = ev->data.scalar.anchor, *tag = ev->data.scalar.tag;
  bool non_specific =
      !tag && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !ev->data.scalar.plain_implicit;
  struct mr_span span = event_span(ld, ev, anchor, tag || non_specific);
  if (!count_node(ld, span, false)) return;
  check_tag(ld, ev, anchor, tag || non_specific);
  const char *text = (const char *)ev->data.scalar.value;
  size_t len = ev->data.scalar.length;
  if (memchr(text, '\0', len)) {
    mr_diag_error(ld->diags, MR_CODE_NUL_BYTE, span, "a text must not contain a NUL byte");
    len = strlen(text);
  }
  struct mr_tree *node = mr_tree_new_text(ld->arena, text, len, span);
  node->style = (enum mr_tree_style)styles[ev->data.scalar.style];
  if (anchor) add_anchor(ld, anchor)->node = node;
  if (key_is_due(ld)) {
    take_key(ld, &ld->frames[ld->depth - 1], node);
  } else {
    place(ld, node);
  }
}

static void on_alias(struct loader *ld, const yaml_event_t *ev) {
  struct mr_span span = event_span(ld, ev, NULL, false);
  if (key_is_due(ld)) {
    refuse_key(ld, span, "an alias");
    return;
  }
  const char *name = (const char *)ev->data.alias.anchor;
  struct anchor *a = find_anchor(ld, name);
  struct mr_tree *node = NULL;
  if (!a) {
    mr_diag_error(ld->diags, MR_CODE_BAD_ALIAS, span, "there is no anchor &%s before this alias",
                  name);
  } else if (!a->node) {
    mr_diag_error(ld->diags, MR_CODE_BAD_ALIAS, span, "the alias *%s stands inside its own anchor",
                  name);
  } else if (!(node = copy_tree(ld, a->node, ld->depth, span))) {
    return;
  }
  place(ld, node ? node : mr_tree_new_text(ld->arena, "", 0, span));
}

static void on_open(struct loader *ld, const yaml_event_t *ev, enum mr_tree_kind kind) {
  bool map = kind == MR_TREE_MAP;
  const yaml_char_t *anchor = map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;
  const yaml_char_t *tag = map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;
  bool implicit = map ? ev->data.mapping_start.implicit : ev->data.sequence_start.implicit;
  struct mr_span span = event_span(ld, ev, anchor, tag || !implicit);
  if (span.len == 0) span = mr_span_make(ld->src, span.off, 1);
  if (!count_node(ld, span, false) || !count_depth(ld, ld->depth, span)) return;
  check_tag(ld, ev, anchor, tag || !implicit);
  bool is_key = key_is_due(ld);
  if (is_key) refuse_key(ld, span, mr_tree_kind_str(kind));

  struct frame *f = &ld->frames[ld->depth++];
  *f = (struct frame){.node = mr_tree_new(ld->arena, kind, span), .is_key = is_key};
  f->node->is_flow = map ? ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                         : ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
  ld->flow_depth += f->node->is_flow;
  if (anchor) f->anchor = add_anchor(ld, anchor);
}

static void on_close(struct loader *ld, const yaml_event_t *ev) {
  MR_ASSERT(ld->depth > 0);
  struct frame *f = &ld->frames[--ld->depth];
  struct mr_tree *node = f->node;
  uint32_t end = mark_off(ld, &ev->end_mark);
  if (node->is_flow) {
    ld->flow_depth--;
  } else if (node->cnt) {
    end = node->items[node->cnt - 1]->span.off + node->items[node->cnt - 1]->span.len;
  }
  if (end > node->span.off) node->span = span_to(ld, node->span.off, end);
  if (f->anchor) f->anchor->node = node;
  if (!f->is_key) place(ld, node);
}

static void on_document(struct loader *ld, const yaml_event_t *ev) {
  struct mr_span at = event_span(ld, ev, NULL, false);
  if (at.len == 0) at = mr_span_make(ld->src, at.off, 1);
  if (ld->root) {
    struct mr_diag *d =
        mr_diag_error(ld->diags, MR_CODE_DOCUMENTS, at, "a second YAML document begins here");
    mr_diag_label(d, "one graph file is one document");
    ld->failed = true;
  }
  if (ev->data.document_start.tag_directives.start != ev->data.document_start.tag_directives.end)
    mr_diag_error(ld->diags, MR_CODE_TAG, at, "%%TAG directives are not allowed");
}

static void on_event(struct loader *ld, const yaml_event_t *ev) {
  switch (ev->type) {
  case YAML_DOCUMENT_START_EVENT: on_document(ld, ev); break;
  case YAML_SCALAR_EVENT: on_scalar(ld, ev); break;
  case YAML_ALIAS_EVENT: on_alias(ld, ev); break;
  case YAML_SEQUENCE_START_EVENT: on_open(ld, ev, MR_TREE_LIST); break;
  case YAML_MAPPING_START_EVENT: on_open(ld, ev, MR_TREE_MAP); break;
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT: on_close(ld, ev); break;
  default: break;
  }
}

/* --- loading -------------------------------------------------------------------------------- */

/* The first byte that no graph file may have: malformed UTF-8, NUL. True when there is none. */
static bool check_bytes(const struct mr_source *src, uint32_t base, struct mr_diags *diags) {
  for (uint32_t i = base; i < src->len;) {
    uint32_t code, step = mr_utf8_step(src->text + i, src->len - i, &code);
    if (step && code) {
      i += step;
      continue;
    }
    struct mr_span at = mr_span_make(src, i, 1);
    if (step) {
      mr_diag_error(diags, MR_CODE_NUL_BYTE, at, "the file has a NUL byte; is it a text file?");
    } else if (i == 0 && src->len > 1 && ((uint8_t)src->text[0] | 1) == 0xff) {
      mr_diag_error(diags, MR_CODE_BAD_UTF8, at, "the file looks like UTF-16; save it as UTF-8");
    } else {
      mr_diag_error(diags, MR_CODE_BAD_UTF8, at, "the byte 0x%02x is not valid UTF-8 here",
                    (uint8_t)src->text[i]);
    }
    return false;
  }
  return true;
}

static void report_parser(struct loader *ld) {
  const yaml_parser_t *p = &ld->parser;
  struct mr_load_problem problem = {.problem = p->problem, .context = p->context};
  problem.in_flow = ld->flow_depth > 0 || p->flow_level > 0;
  if (p->error == YAML_READER_ERROR) {
    problem.at = ld->base + (uint32_t)p->problem_offset;
  } else {
    problem.at = mark_off(ld, &p->problem_mark);
    problem.context_at = mark_off(ld, &p->context_mark);
    problem.has_context = p->context != NULL;
  }
  mr_load_syntax_error(ld->src, &problem, ld->diags);
}

struct mr_tree *mr_tree_load_from(struct mr_arena *arena, const struct mr_source *src, uint32_t off,
                                  struct mr_diags *diags) {
  if (src->len > MR_GRAPH_FILE_MAX) {
    mr_diag_error(diags, MR_CODE_FILE_TOO_LARGE, (struct mr_span){.src = src},
                  "a graph file has at most %u KiB", (unsigned)(MR_GRAPH_FILE_MAX >> 10));
    return NULL;
  }
  if (!check_bytes(src, off, diags)) return NULL;

  struct loader *ld = MR_NEW(arena, struct loader, 1);
  *ld = (struct loader){.arena = arena, .src = src, .diags = diags, .base = off};
  make_marks(ld);
  bool ended = false;
  if (!yaml_parser_initialize(&ld->parser)) {
    mr_diag_error(diags, MR_CODE_SYNTAX, (struct mr_span){.src = src}, "no memory to parse it");
    return NULL;
  }
  yaml_parser_set_encoding(&ld->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&ld->parser, (const unsigned char *)src->text + off, src->len - off);
  while (!ld->failed && !ended) {
    yaml_event_t ev;
    if (!yaml_parser_parse(&ld->parser, &ev)) {
      report_parser(ld);
      ld->failed = true;
      break;
    }
    ended = ev.type == YAML_STREAM_END_EVENT;
    on_event(ld, &ev);
    yaml_event_delete(&ev);
  }
  yaml_parser_delete(&ld->parser);
  if (ld->failed) return NULL;
  if (!ld->root || (mr_tree_is_null(ld->root) && off == 0)) {
    mr_diag_error(diags, MR_CODE_EMPTY_FILE, (struct mr_span){.src = src},
                  "the file has no content");
    return NULL;
  }
  return ld->root;
}

struct mr_tree *mr_tree_load(struct mr_arena *arena, const struct mr_source *src,
                             struct mr_diags *diags) {
  return mr_tree_load_from(arena, src, 0, diags);
}

struct mr_tree *mr_tree_load_file(struct mr_arena *arena, const char *path, struct mr_diags *diags,
                                  const struct mr_source **out) {
  struct mr_error err;
  mr_error_clear(&err);
  struct mr_source *src = mr_source_read(arena, path, &err);
  if (out) *out = src;
  if (src) return mr_tree_load(arena, src, diags);
  struct mr_span at = {.src = mr_source_make(arena, path, "", 0)};
  mr_diag_error(diags, err.code == MR_ERR_LIMIT ? MR_CODE_FILE_TOO_LARGE : MR_CODE_CANNOT_READ, at,
                "%s", err.text);
  return NULL;
}
