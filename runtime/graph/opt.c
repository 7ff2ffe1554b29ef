/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of the graph file -> config structs, by option tables. */
#include "graph/opt.h"

#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/limits.h"
#include "graph/diag.h"
#include "graph/opt_private.h"
#include "graph/tree.h"

#define QUOTE_MAX 60   /* bytes of a user's text that a message repeats */
#define NAMES_MAX 1024 /* entries of one NAMES list */

typedef const struct mr_opt_reader *reader;

static void *member(void *config, uint32_t offset) {
  return (char *)config + offset;
}

static void set_kind(const struct mr_opt *opt, void *config, int kind) {
  if (opt->kind) *(int *)member(config, opt->kind - 1) = kind;
}

/* --- messages ------------------------------------------------------------------------------- */

/* " in steps.by_type_5m (type window)". */
static const char *in_text(reader rd, const struct mr_tree *tree) {
  const char *path = tree ? mr_tree_path(tree, rd->arena) : "";
  const char *in = path[0] ? mr_arena_printf(rd->arena, " in %s", path) : " at the top level";
  return rd->what ? mr_arena_printf(rd->arena, "%s (%s)", in, rd->what) : in;
}

/* "a duration", "an expression", "one of final, update". */
static const char *need_text(reader rd, const struct mr_opt *opt) {
  bool is_map = opt->type == MR_OPT_TABLE || opt->type == MR_OPT_UNION;
  if (opt->type == MR_OPT_ENUM || (is_map && opt->words))
    return mr_arena_printf(rd->arena, "%s%s", is_map ? "a map or one of " : "one of ",
                           mr_opt_words_text(opt->words, rd->arena));
  const char *type = mr_opt_type_str(opt->type);
  if (opt->type == MR_OPT_BOOL || opt->type == MR_OPT_STRING) return type;
  return mr_arena_printf(rd->arena, "%s %s", strchr("aeiou", type[0]) ? "an" : "a", type);
}

static const char *quoted(reader rd, const struct mr_tree *t) {
  if (t->len <= QUOTE_MAX) return mr_arena_printf(rd->arena, "\"%s\"", t->text);
  return mr_arena_printf(rd->arena, "\"%.*s...\"", QUOTE_MAX, t->text);
}

static void wrong_kind(reader rd, const struct mr_opt *opt, const struct mr_tree *t) {
  struct mr_diag *d;
  if (mr_tree_is_null(t)) {
    d = mr_diag_error(rd->diags, MR_CODE_WRONG_TYPE, mr_tree_name_span(t), "no value%s",
                      in_text(rd, t));
    mr_diag_label(d, "it needs %s, for example %s", need_text(rd, opt), mr_opt_example(opt));
    return;
  }
  d = mr_diag_error(rd->diags, MR_CODE_WRONG_TYPE, mr_tree_span(t), "found %s where %s is needed%s",
                    mr_tree_kind_str(t->kind), need_text(rd, opt), in_text(rd, t));
  if (opt->type != MR_OPT_ENUM && opt->type != MR_OPT_TABLE && opt->type != MR_OPT_UNION)
    mr_diag_label(d, "for example %s", mr_opt_example(opt));
}

/* What the user probably meant by a text without unit, or with another language's bool. */
static const char *meant(reader rd, const struct mr_opt *opt, const struct mr_tree *t) {
  static const char *const yes[] = {"yes", "on", "True", "TRUE", "y", "1", NULL};
  static const char *const no[] = {"no", "off", "False", "FALSE", "n", "0", NULL};
  int64_t scratch[2];
  if (opt->type == MR_OPT_BOOL) {
    if (mr_opt_word(yes, t->text, t->len) >= 0) return "true";
    return mr_opt_word(no, t->text, t->len) >= 0 ? "false" : NULL;
  }
  bool is_duration = opt->type == MR_OPT_DURATION_NS || opt->type == MR_OPT_DURATION_US;
  if ((!is_duration && opt->type != MR_OPT_RATE) || t->len > 20) return NULL;
  const char *with_unit = mr_arena_printf(rd->arena, "%s%s", t->text, is_duration ? "s" : "/s");
  return mr_opt_parse(opt, with_unit, strlen(with_unit), scratch) == MR_OPT_FITS ? with_unit : NULL;
}

static void wrong_word(reader rd, const char *const *words, const struct mr_tree *t) {
  struct mr_diag *d =
      mr_diag_error(rd->diags, MR_CODE_UNKNOWN_WORD, mr_tree_span(t), "%s is none of %s%s",
                    quoted(rd, t), mr_opt_words_text(words, rd->arena), in_text(rd, t));
  const char *near = mr_opt_nearest(t->text, words);
  if (near) mr_diag_label(d, "did you mean \"%s\"?", near);
}

static void wrong_text(reader rd, const struct mr_opt *opt, const struct mr_tree *t,
                       enum mr_opt_verdict verdict) {
  struct mr_diag *d;
  struct mr_span at = mr_tree_span(t);
  const char *in = in_text(rd, t), *near;
  switch (verdict) {
  case MR_OPT_BAD_TYPE:
    d = mr_diag_error(rd->diags, MR_CODE_WRONG_TYPE, at, "%s is not %s%s", quoted(rd, t),
                      need_text(rd, opt), in);
    near = meant(rd, opt, t);
    if (near) {
      mr_diag_label(d, "did you mean %s?", near);
    } else if (opt->type != MR_OPT_BOOL) {
      mr_diag_label(d, "for example %s", mr_opt_example(opt));
    }
    break;
  case MR_OPT_BAD_RANGE:
    d = mr_diag_error(rd->diags, MR_CODE_OUT_OF_RANGE, at, "%s is out of range%s", t->text, in);
    mr_diag_label(d, "it must be %s", mr_opt_range_text(opt, rd->arena));
    break;
  case MR_OPT_BAD_WORD: wrong_word(rd, opt->words, t); break;
  case MR_OPT_LATER_WORD:
    mr_diag_error(rd->diags, MR_CODE_NOT_AVAILABLE, at, "%s is not available yet%s", quoted(rd, t),
                  in);
    break;
  case MR_OPT_BAD_NAME:
    d = mr_diag_error(rd->diags, MR_CODE_BAD_NAME, at, "%s is not a name%s", quoted(rd, t), in);
    mr_diag_label(d, "letters, digits and _, no digit first, at most %u bytes", MR_NAME_MAX);
    break;
  case MR_OPT_TOO_LONG:
    mr_diag_error(rd->diags, MR_CODE_TEXT_TOO_LONG, at,
                  "an expression has at most %u bytes, this one has %u%s", MR_EXPR_TEXT_MAX, t->len,
                  in);
    break;
  case MR_OPT_FITS: break;
  }
}

/* --- defaults ------------------------------------------------------------------------------- */

static void set_default(reader rd, const struct mr_opt *opt, void *config);

static void set_defaults(reader rd, const struct mr_opt *opts, void *config) {
  for (; opts->name; opts++) set_default(rd, opts, config);
}

static void set_default(reader rd, const struct mr_opt *opt, void *config) {
  void *at = member(config, opt->offset);
  if (opt->type == MR_OPT_ENUM) *(int *)at = -1;
  if (opt->type == MR_OPT_TABLE || opt->type == MR_OPT_UNION) {
    set_kind(opt, config, opt->def ? mr_opt_word(opt->words, opt->def, strlen(opt->def)) : -1);
    set_defaults(rd, opt->sub, at);
  }
  if (!opt->def) return;
  if (mr_opt_is_number_like(opt->type)) {
    enum mr_opt_verdict v = mr_opt_parse(opt, opt->def, strlen(opt->def), at);
    MR_ASSERT(v == MR_OPT_FITS);
  } else if (opt->type == MR_OPT_STRING || opt->type == MR_OPT_NAME) {
    *(const char **)at = opt->def;
  } else if (opt->type == MR_OPT_EXPR) {
    *(struct mr_opt_expr *)at = (struct mr_opt_expr){opt->def, (uint32_t)strlen(opt->def), NULL};
  } else if ((opt->type == MR_OPT_STRINGS || opt->type == MR_OPT_NAMES) && opt->def[0]) {
    struct mr_opt_strings *list = at;
    list->items = MR_NEW(rd->arena, struct mr_opt_string, 1);
    list->items[0] = (struct mr_opt_string){opt->def, (uint32_t)strlen(opt->def), NULL};
    list->cnt = 1;
  }
}

/* --- values --------------------------------------------------------------------------------- */

static void read_map(reader rd, struct mr_tree *map, struct mr_span name_at,
                     const struct mr_opt_part *parts, uint32_t part_cnt);

/* A scalar with a value, for an option that wants one; else reported. */
static bool want_text(reader rd, const struct mr_opt *opt, const struct mr_tree *t) {
  if (t->kind == MR_TREE_SCALAR && !mr_tree_is_null(t)) return true;
  wrong_kind(rd, opt, t);
  return false;
}

static void read_number(reader rd, const struct mr_opt *opt, struct mr_tree *t, void *config) {
  void *at = member(config, opt->offset);
  unsigned char before[8] = {0}, value[8] = {0};
  size_t sz = mr_opt_size(opt->type);
  memcpy(before, at, sz);
  enum mr_opt_verdict v = mr_opt_parse(opt, t->text, t->len, value);
  if (v != MR_OPT_FITS) {
    wrong_text(rd, opt, t, v);
  } else if (opt->since == MR_OPT_DEFAULT_ONLY && memcmp(before, value, sz) != 0) {
    mr_diag_error(rd->diags, MR_CODE_NOT_AVAILABLE, mr_tree_span(t),
                  "\"%s\" other than %s is not available yet%s", opt->name,
                  opt->def ? opt->def : "its default", in_text(rd, t));
  } else {
    memcpy(at, value, sz);
  }
}

/* One entry of a list of strings or names. */
static bool read_entry(reader rd, const struct mr_opt *opt, struct mr_tree *t,
                       struct mr_opt_strings *list) {
  if (!want_text(rd, opt, t) || t->is_opaque) return false;
  if (opt->type == MR_OPT_NAMES) {
    if (!mr_opt_name_valid(t->text, t->len)) {
      wrong_text(rd, opt, t, MR_OPT_BAD_NAME);
      return false;
    }
    for (uint32_t i = 0; i < list->cnt; i++) {
      if (strcmp(list->items[i].text, t->text) != 0) continue;
      struct mr_diag *d = mr_diag_error(rd->diags, MR_CODE_KEYS_CLASH, mr_tree_span(t),
                                        "\"%s\" stands twice%s", t->text, in_text(rd, t));
      mr_diag_note(d, mr_tree_span(list->items[i].at), "first here");
      return false;
    }
  }
  list->items[list->cnt++] = (struct mr_opt_string){t->text, t->len, t};
  return true;
}

static void read_strings(reader rd, const struct mr_opt *opt, struct mr_tree *t, void *config) {
  struct mr_opt_strings *list = member(config, opt->offset);
  if (t->kind == MR_TREE_MAP) {
    wrong_kind(rd, opt, t);
    return;
  }
  uint32_t cnt = t->kind == MR_TREE_LIST ? t->cnt : 1;
  if (opt->type == MR_OPT_NAMES && cnt > NAMES_MAX) {
    mr_diag_error(rd->diags, MR_CODE_OUT_OF_RANGE, mr_tree_span(t),
                  "a list of names has at most %d entries, this one has %u%s", NAMES_MAX, cnt,
                  in_text(rd, t));
    return;
  }
  *list = (struct mr_opt_strings){MR_NEW(rd->arena, struct mr_opt_string, cnt + 1), 0};
  if (t->kind == MR_TREE_SCALAR) {
    read_entry(rd, opt, t, list);
  } else {
    for (uint32_t i = 0; i < t->cnt; i++) read_entry(rd, opt, t->items[i], list);
  }
}

static bool read_expr(reader rd, const struct mr_opt *opt, struct mr_tree *t,
                      struct mr_opt_expr *out) {
  if (!want_text(rd, opt, t) || t->is_opaque) return false;
  if (t->len > MR_EXPR_TEXT_MAX) {
    wrong_text(rd, opt, t, MR_OPT_TOO_LONG);
    return false;
  }
  *out = (struct mr_opt_expr){t->text, t->len, t};
  return true;
}

static void read_exprs(reader rd, const struct mr_opt *opt, struct mr_tree *t, void *config) {
  static const struct mr_opt one = {.name = "expression", .type = MR_OPT_EXPR};
  struct mr_opt_exprs *out = member(config, opt->offset);
  if (t->kind != MR_TREE_MAP) {
    wrong_kind(rd, opt, t);
    return;
  }
  *out = (struct mr_opt_exprs){MR_NEW(rd->arena, struct mr_opt_named_expr, t->cnt + 1), 0};
  for (uint32_t i = 0; i < t->cnt; i++) {
    struct mr_opt_named_expr e = {.name = t->keys[i]->text, .name_at = t->keys[i]};
    bool is_name = mr_opt_name_valid(e.name, t->keys[i]->len);
    if (!is_name) wrong_text(rd, opt, t->keys[i], MR_OPT_BAD_NAME);
    if (read_expr(rd, &one, t->items[i], &e.expr) && is_name) out->items[out->cnt++] = e;
  }
}

/* Exactly one alternative, and companions only beside theirs. */
static void check_union(reader rd, const struct mr_opt *opt, const struct mr_tree *t,
                        void *config) {
  const struct mr_opt *found = NULL;
  const struct mr_tree *found_at = NULL;
  const char *all = "";
  for (const struct mr_opt *o = opt->sub; o->name; o++) {
    const struct mr_tree *v = mr_tree_get(t, o->name);
    if (o->alt && o->since != MR_OPT_LATER)
      all = mr_arena_printf(rd->arena, "%s%s%s", all, all[0] ? ", " : "", o->name);
    if (v && o->alt && found) {
      struct mr_diag *d = mr_diag_error(rd->diags, MR_CODE_KEYS_CLASH, v->key->span,
                                        "\"%s\" and \"%s\" do not go together%s", found->name,
                                        o->name, in_text(rd, t));
      mr_diag_note(d, found_at->key->span, "the other one");
    } else if (v && o->alt) {
      found = o;
      found_at = v;
      set_kind(opt, config, (int)mr_opt_word_cnt(opt->words) + o->alt - 1);
    } else if (v && o->with && !mr_tree_get(t, o->with)) {
      mr_diag_error(rd->diags, MR_CODE_KEYS_CLASH, v->key->span, "\"%s\" goes only with \"%s\"%s",
                    o->name, o->with, in_text(rd, t));
    }
  }
  if (found) return;
  struct mr_diag *d = mr_diag_error(rd->diags, MR_CODE_MISSING_KEY, mr_tree_name_span(t),
                                    "one of these keys is needed: %s%s", all, in_text(rd, t));
  const struct mr_opt *first = opt->sub;
  while (first->name && !first->alt) first++;
  if (first->name) mr_diag_try(d, "%s: { %s: %s }", opt->name, first->name, mr_opt_example(first));
}

static void read_table(reader rd, const struct mr_opt *opt, struct mr_tree *t, void *config) {
  if (t->kind == MR_TREE_SCALAR && !mr_tree_is_null(t) && opt->words) {
    int word = mr_opt_word(opt->words, t->text, t->len);
    bool later = mr_opt_word(opt->words_later, t->text, t->len) >= 0;
    if (t->is_opaque) return;
    if (word < 0) {
      wrong_text(rd, opt, t, later ? MR_OPT_LATER_WORD : MR_OPT_BAD_WORD);
    } else {
      set_kind(opt, config, word);
    }
    return;
  }
  if (t->kind != MR_TREE_MAP) {
    if (!(t->kind == MR_TREE_SCALAR && t->is_opaque)) wrong_kind(rd, opt, t);
    return;
  }
  set_kind(opt, config, (int)mr_opt_word_cnt(opt->words));
  struct mr_opt_part part = {opt->sub, member(config, opt->offset)};
  read_map(rd, t, (struct mr_span){0}, &part, 1);
  if (opt->type == MR_OPT_UNION) check_union(rd, opt, t, config);
}

static void read_value(reader rd, const struct mr_opt *opt, struct mr_tree *t, void *config) {
  void *at = member(config, opt->offset);
  switch (opt->type) {
  case MR_OPT_STRING:
    if (want_text(rd, opt, t) && !t->is_opaque) *(const char **)at = t->text;
    break;
  case MR_OPT_NAME:
    if (!want_text(rd, opt, t) || t->is_opaque) break;
    if (mr_opt_name_valid(t->text, t->len)) {
      *(const char **)at = t->text;
    } else {
      wrong_text(rd, opt, t, MR_OPT_BAD_NAME);
    }
    break;
  case MR_OPT_STRINGS:
  case MR_OPT_NAMES: read_strings(rd, opt, t, config); break;
  case MR_OPT_EXPR: read_expr(rd, opt, t, at); break;
  case MR_OPT_EXPRS: read_exprs(rd, opt, t, config); break;
  case MR_OPT_TABLE:
  case MR_OPT_UNION: read_table(rd, opt, t, config); break;
  case MR_OPT_RAW: *(const struct mr_tree **)at = t; break;
  default:
    if (want_text(rd, opt, t) && !t->is_opaque) read_number(rd, opt, t, config);
    break;
  }
}

/* --- maps ----------------------------------------------------------------------------------- */

static const struct mr_opt *find_opt(const struct mr_opt *opts, const char *name) {
  for (; opts->name; opts++)
    if (strcmp(opts->name, name) == 0) return opts;
  return NULL;
}

static void unknown_key(reader rd, const struct mr_tree *map, const struct mr_tree *key,
                        const struct mr_opt_part *parts, uint32_t part_cnt) {
  struct mr_diag *d = mr_diag_error(rd->diags, MR_CODE_UNKNOWN_KEY, key->span, "unknown key %s%s",
                                    quoted(rd, key), in_text(rd, map));
  uint32_t cnt = 0;
  for (uint32_t p = 0; p < part_cnt; p++)
    for (const struct mr_opt *o = parts[p].opts; o->name; o++) cnt++;
  const char **names = MR_NEW(rd->arena, const char *, cnt + 1);
  cnt = 0;
  for (uint32_t p = 0; p < part_cnt; p++)
    for (const struct mr_opt *o = parts[p].opts; o->name; o++) names[cnt++] = o->name;
  const char *near = mr_opt_nearest(key->text, names);
  if (near) {
    mr_diag_label(d, "did you mean \"%s\"?", near);
  } else {
    mr_diag_label(d, "known keys: %s", mr_opt_words_text(names, rd->arena));
  }
}

static void read_pair(reader rd, struct mr_tree *map, uint32_t i, const struct mr_opt_part *parts,
                      uint32_t part_cnt) {
  const struct mr_tree *key = map->keys[i];
  const struct mr_opt *opt = NULL;
  uint32_t p = 0;
  while (p < part_cnt && !(opt = find_opt(parts[p].opts, key->text))) p++;
  if (!opt) {
    if (mr_diags_full(rd->diags)) {
      rd->diags->error_cnt++; /* only counted: no texts are made */
    } else {
      unknown_key(rd, map, key, parts, part_cnt);
    }
    return;
  }
  if (opt->given) *(bool *)member(parts[p].config, opt->given - 1) = true;
  if (opt->since == MR_OPT_LATER) {
    mr_diag_error(rd->diags, MR_CODE_NOT_AVAILABLE, key->span, "\"%s\" is not available yet%s",
                  opt->name, in_text(rd, map));
    return;
  }
  read_value(rd, opt, map->items[i], parts[p].config);
}

static void check_missing(reader rd, const struct mr_tree *map, struct mr_span at,
                          const struct mr_opt *opts) {
  for (; opts->name; opts++) {
    if (!opts->required || mr_tree_get(map, opts->name)) continue;
    if (opts->with && !mr_tree_get(map, opts->with)) continue;
    struct mr_diag *d = mr_diag_error(rd->diags, MR_CODE_MISSING_KEY, at, "missing key \"%s\"%s",
                                      opts->name, in_text(rd, map));
    mr_diag_try(d, "%s: %s", opts->name, mr_opt_example(opts));
  }
}

static void read_map(reader rd, struct mr_tree *map, struct mr_span name_at,
                     const struct mr_opt_part *parts, uint32_t part_cnt) {
  for (uint32_t i = 0; map && i < map->cnt; i++) read_pair(rd, map, i, parts, part_cnt);
  struct mr_span at = name_at;
  if (!at.src && map) at = mr_tree_name_span(map);
  for (uint32_t p = 0; p < part_cnt; p++) check_missing(rd, map, at, parts[p].opts);
}

int mr_opt_read(const struct mr_opt_reader *rd, struct mr_tree *map, struct mr_span name_at,
                const struct mr_opt_part *parts, uint32_t part_cnt) {
  uint32_t before = rd->diags->error_cnt;
  for (uint32_t p = 0; p < part_cnt; p++) set_defaults(rd, parts[p].opts, parts[p].config);
  if (map && map->kind != MR_TREE_MAP) {
    static const struct mr_opt a_map = {.name = "map", .type = MR_OPT_TABLE};
    wrong_kind(rd, &a_map, map);
  } else {
    read_map(rd, map, name_at, parts, part_cnt);
  }
  return rd->diags->error_cnt == before ? MR_OK : MR_ERR_CONF;
}

int mr_opt_read_one(const struct mr_opt_reader *rd, struct mr_tree *map, const struct mr_opt *opts,
                    void *config) {
  struct mr_opt_part part = {opts, config};
  return mr_opt_read(rd, map, (struct mr_span){0}, &part, 1);
}

/* --- the tables themselves ------------------------------------------------------------------ */

static const char *option_fault(const struct mr_opt *opts, const struct mr_opt *opt) {
  bool is_map = opt->type == MR_OPT_TABLE || opt->type == MR_OPT_UNION;
  for (const struct mr_opt *o = opts; o != opt; o++)
    if (strcmp(o->name, opt->name) == 0) return "two options have this name";
  if (opt->type == MR_OPT_NONE || opt->type > MR_OPT_RAW) return "the type is none";
  if (!opt->help || !opt->help[0]) return "the help is missing";
  if (opt->required && opt->def) return "a required option has a default";
  if (opt->type == MR_OPT_ENUM && !opt->words) return "the words are missing";
  if (is_map && !opt->sub) return "the sub-table is missing";
  if (is_map && opt->words && !opt->kind) return "the kind is missing";
  if (opt->type == MR_OPT_UNION && !opt->kind) return "the kind is missing";
  if (opt->min > opt->max) return "the range is empty";
  if (opt->with && !find_opt(opts, opt->with)) return "the option of .with is missing";
  if (opt->since == MR_OPT_DEFAULT_ONLY && !mr_opt_is_number_like(opt->type))
    return "only a single value can be for its default only";
  if (is_map && opt->def && mr_opt_word(opt->words, opt->def, strlen(opt->def)) < 0)
    return "the default is none of the words";
  uint64_t scratch;
  if (opt->def && mr_opt_is_number_like(opt->type) &&
      mr_opt_parse(opt, opt->def, strlen(opt->def), &scratch) != MR_OPT_FITS)
    return "the default is not valid";
  if (opt->def && (opt->type == MR_OPT_NAME || opt->type == MR_OPT_NAMES) && opt->def[0] &&
      !mr_opt_name_valid(opt->def, strlen(opt->def)))
    return "the default is no name";
  return NULL;
}

bool mr_opt_table_valid(const struct mr_opt *opts, const char **why, uint32_t *idx) {
  for (const struct mr_opt *o = opts; o->name; o++) {
    const char *fault = option_fault(opts, o);
    uint32_t inner;
    if (!fault && o->sub) mr_opt_table_valid(o->sub, &fault, &inner);
    if (fault) {
      *why = fault;
      *idx = (uint32_t)(o - opts);
      return false;
    }
  }
  return true;
}
