/* SPDX-License-Identifier: Apache-2.0 */
/* Events: the shapes of rows, declared or found from how expressions use them. */
#include <string.h>

#include "base/text.h"
#include "expr/expr.h"
#include "graph/plan_private.h"

struct field_conf {
  const char *type;
  bool optional;
  struct mr_opt_string default_text;
  struct mr_opt_strings one_of;
  int other;
  struct mr_opt_strings from, format;
  bool default_given, type_given;
};

static const char *const other_words[] = {"reject", "keep", NULL};
static const struct mr_opt field_opts[] = {
    {"type", MR_OPT_STRING, MR_OPT_AT(struct field_conf, type), .required = true,
     .help = "bool, int64, double, string, timestamp, duration or list<T>", .example = "string"},
    {"optional", MR_OPT_BOOL, MR_OPT_AT(struct field_conf, optional), .def = "false",
     .help = "the field may be missing or null"},
    {"default", MR_OPT_RAW, MR_OPT_AT(struct field_conf, default_text.at),
     .help = "a constant that replaces a missing value"},
    {"one_of", MR_OPT_STRINGS, MR_OPT_AT(struct field_conf, one_of), .def = "",
     .help = "the values that a string may have", .example = "[low, high]"},
    {"other", MR_OPT_ENUM, MR_OPT_AT(struct field_conf, other), .def = "reject",
     .words = other_words, .help = "keep: other values than one_of pass too"},
    {"from", MR_OPT_STRINGS, MR_OPT_AT(struct field_conf, from), .def = "",
     .help = "names in the input (JSON keys, CSV headers); the first that has a value wins",
     .example = "[ts, event_ts]"},
    {"format", MR_OPT_STRINGS, MR_OPT_AT(struct field_conf, format), .def = "",
     .help = "of a timestamp: rfc3339, unix_s, unix_ms, unix_us or a pattern; several are tried in "
             "order"},
    MR_OPT_END};

struct event_conf {
  struct mr_tree *fields;
  int format;
  const char *event_time;
  int missing_time;
  bool event_time_given;
};
static const char *const format_words[] = {"json", "csv", NULL};
static const char *const format_later[] = {"avro", NULL};
static const char *const missing_words[] = {"reject", "keep", NULL};
static const struct mr_opt event_opts[] = {
    {"fields", MR_OPT_RAW, MR_OPT_AT(struct event_conf, fields), .required = true,
     .help = "name: {type: T} of every column"},
    {"format", MR_OPT_ENUM, MR_OPT_AT(struct event_conf, format), .def = "json",
     .words = format_words, .words_later = format_later, .help = "how rows are written"},
    {"event_time", MR_OPT_NAME, MR_OPT_AT(struct event_conf, event_time),
     .help = "the timestamp that is the row's event time", .example = "timestamp"},
    {"missing_time", MR_OPT_ENUM, MR_OPT_AT(struct event_conf, missing_time), .def = "reject",
     .words = missing_words, .help = "keep: rows without event time pass and enter no window"},
    MR_OPT_END};

const struct mr_opt *mr_planner_event_options(void) {
  return event_opts;
}
const struct mr_opt *mr_planner_field_options(void) {
  return field_opts;
}

/* ---- fields ---- */

static const struct mr_enum *make_enum(struct mr_planner *pl, const struct mr_opt_strings *list) {
  struct mr_enum *e = MR_NEW(pl->arena, struct mr_enum, 1);
  const char **texts = MR_NEW(pl->arena, const char *, list->cnt);
  uint32_t *lens = MR_NEW(pl->arena, uint32_t, list->cnt);
  for (uint32_t i = 0; i < list->cnt; i++) {
    texts[i] = list->items[i].text;
    lens[i] = list->items[i].len;
    for (uint32_t k = 0; k < i; k++)
      if (lens[k] == lens[i] && !memcmp(texts[k], texts[i], lens[i]))
        mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span(list->items[i].at),
                      "\"%s\" stands twice in one_of", texts[i]);
  }
  *e = (struct mr_enum){list->cnt, texts, lens, NULL};
  return e;
}

static void read_one_of(struct mr_planner *pl, const struct field_conf *conf, struct mr_tree *at,
                        struct mr_event_field *out) {
  bool text = out->field.type == MR_TYPE_STRING ||
              (out->field.type == MR_TYPE_LIST && out->field.elem == MR_TYPE_STRING);
  if (!text) {
    mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span(at), "one_of needs a string, not %s",
                  mr_type_name(out->field.type));
  } else if (conf->one_of.cnt > MR_ENUM_MAX) {
    mr_diag_error(pl->diags, MR_CODE_OUT_OF_RANGE, mr_tree_span(at),
                  "one_of has %u values; at most %u are possible", conf->one_of.cnt, MR_ENUM_MAX);
  } else if (conf->other) {
    out->other_keep = true;
  } else {
    out->field.codes = make_enum(pl, &conf->one_of);
  }
}

/* The texts of a list, as the event keeps them. */
static const char *const *texts_of(struct mr_planner *pl, const struct mr_opt_strings *list) {
  const char **texts = MR_NEW(pl->arena, const char *, list->cnt);
  for (uint32_t i = 0; i < list->cnt; i++) texts[i] = list->items[i].text;
  return texts;
}

static void read_formats(struct mr_planner *pl, const struct mr_opt_strings *list,
                         struct mr_tree *at, struct mr_event_field *out) {
  static const char *const names[] = {"rfc3339", "unix_s", "unix_ms", "unix_us"};
  if (out->field.type != MR_TYPE_TIMESTAMP) {
    mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span(at), "format is for a timestamp");
    return;
  }
  out->formats = texts_of(pl, list);
  out->format_cnt = list->cnt;
  for (uint32_t i = 0; i < list->cnt; i++) {
    struct mr_time_pattern pattern;
    const struct mr_opt_string *item = &list->items[i];
    bool known = false;
    size_t bad;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
      known |= mr_tree_text_is(item->at, names[k]);
    if (!known && mr_time_pattern_compile(item->text, item->len, &pattern, &bad))
      mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span_at(pl->arena, item->at, bad, 1),
                    "this is no part of a time pattern");
  }
}

static bool read_field(struct mr_planner *pl, struct mr_tree *key, struct mr_tree *tree,
                       struct mr_event_field *out) {
  struct field_conf conf = {0};
  memset(out, 0, sizeof *out);
  out->field.name = key->text;
  struct mr_tree *type_at = tree;
  if (tree->kind == MR_TREE_SCALAR) {
    conf.type = tree->text;
  } else {
    struct mr_opt_reader rd = {pl->arena, pl->diags, "field"};
    struct mr_opt_part part = {field_opts, &conf};
    if (mr_opt_read(&rd, tree, mr_tree_name_span(tree), &part, 1)) return false;
    type_at = mr_tree_get(tree, "type");
  }
  out->field.optional = conf.optional;
  out->field.type = mr_type_by_name(conf.type, &out->field.elem);
  if (out->field.type == MR_TYPE_NONE) {
    mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span(type_at), "\"%s\" is no type",
                  conf.type)
        ->hint = "bool, int64, double, string, timestamp, duration, list<T>";
    return false;
  }
  if (conf.one_of.cnt) read_one_of(pl, &conf, mr_tree_get(tree, "one_of"), out);
  if (conf.format.cnt) read_formats(pl, &conf.format, mr_tree_get(tree, "format"), out);
  if (conf.from.cnt) {
    out->from = texts_of(pl, &conf.from);
    out->from_cnt = conf.from.cnt;
  }
  if (conf.default_text.at) {
    if (conf.default_text.at->kind != MR_TREE_SCALAR)
      mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span(conf.default_text.at),
                    "default is a constant");
    else
      out->default_text = conf.default_text.at->text;
  }
  return true;
}

static uint32_t name_cnt(const struct mr_event_field *f) {
  return f->from_cnt ? f->from_cnt : 1;
}
static const char *name_at(const struct mr_event_field *f, uint32_t n) {
  return f->from_cnt ? f->from[n] : f->field.name;
}

/* The field that reads name n of field i too, before that one does; or NULL. */
static const struct mr_event_field *other_reader(const struct mr_event *event, uint32_t i,
                                                 uint32_t n) {
  const char *name = name_at(&event->fields[i], n);
  for (uint32_t k = 0; k <= i; k++) {
    const struct mr_event_field *f = &event->fields[k];
    uint32_t cnt = k < i ? name_cnt(f) : n;
    for (uint32_t m = 0; m < cnt; m++)
      if (!strcmp(name_at(f, m), name)) return f;
  }
  return NULL;
}

/* Each name of the input is read by one column. */
static bool check_names(struct mr_planner *pl, const struct mr_event *event,
                        struct mr_tree *fields) {
  bool ok = true;
  for (uint32_t i = 0; i < event->field_cnt; i++) {
    const struct mr_event_field *f = &event->fields[i], *other;
    for (uint32_t n = 0; n < name_cnt(f); n++) {
      if (!(other = other_reader(event, i, n))) continue;
      struct mr_tree *field = mr_tree_get(fields, f->field.name),
                     *from = mr_tree_get(field, "from");
      mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span(from ? from : field),
                    "\"%s\" of the input is read by %s already", name_at(f, n), other->field.name);
      ok = false;
    }
  }
  return ok;
}

static struct mr_event *read_fields(struct mr_planner *pl, const char *name,
                                    struct mr_tree *fields) {
  if (fields->kind != MR_TREE_MAP || !fields->cnt) {
    mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(fields),
                  "fields must be a map of name: {type: T}");
    return NULL;
  }
  if (fields->cnt > MR_COLUMNS_MAX - 8) {
    mr_diag_error(pl->diags, MR_CODE_OUT_OF_RANGE, mr_tree_span(fields), "at most %u fields",
                  MR_COLUMNS_MAX - 8);
    return NULL;
  }
  struct mr_event *event = MR_NEW(pl->arena, struct mr_event, 1);
  event->name = name;
  event->event_time = -1;
  event->fields = MR_NEW(pl->arena, struct mr_event_field, fields->cnt);
  bool ok = true;
  for (uint32_t i = 0; i < fields->cnt; i++) {
    struct mr_tree *key = fields->keys[i];
    if (!mr_opt_name_valid(key->text, key->len)) {
      mr_diag_error(pl->diags, MR_CODE_BAD_NAME, mr_tree_span(key),
                    "\"%s\" is no column name ([A-Za-z_][A-Za-z0-9_]*, at most %u bytes)",
                    key->text, MR_NAME_MAX);
      ok = false;
    } else if (read_field(pl, key, fields->items[i], &event->fields[event->field_cnt])) {
      event->field_cnt++;
    } else {
      ok = false;
    }
  }
  mr_source_locate(fields->span.src, mr_tree_name_span(fields).off, &event->line, &event->col);
  ok = ok && check_names(pl, event, fields);
  return ok ? event : NULL;
}

struct mr_event *mr_planner_inline_event(struct mr_planner *pl, const char *name,
                                         struct mr_tree *fields) {
  struct mr_event *event = read_fields(pl, name, fields);
  return event;
}

static void set_event_time(struct mr_planner *pl, struct mr_event *event, struct mr_tree *at) {
  for (uint32_t i = 0; i < event->field_cnt; i++) {
    if (strcmp(event->fields[i].field.name, at->text)) continue;
    if (event->fields[i].field.type != MR_TYPE_TIMESTAMP)
      mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span(at),
                    "event_time must be a timestamp; %s is %s", at->text,
                    mr_type_name(event->fields[i].field.type));
    event->event_time = (int32_t)i;
    return;
  }
  mr_diag_error(pl->diags, MR_CODE_UNKNOWN_COLUMN, mr_tree_span(at), "no field is named \"%s\"",
                at->text);
}

static void read_event(struct mr_planner *pl, struct mr_tree *key, struct mr_tree *tree) {
  struct event_conf conf = {0};
  struct mr_opt_reader rd = {pl->arena, pl->diags, "event"};
  struct mr_opt_part part = {event_opts, &conf};
  if (mr_opt_read(&rd, tree, mr_tree_name_span(tree), &part, 1)) return;
  struct mr_event *event = read_fields(pl, key->text, conf.fields);
  if (!event) return;
  if (mr_tree_get(tree, "format")) event->format = format_words[conf.format];
  if (conf.event_time) set_event_time(pl, event, mr_tree_get(tree, "event_time"));
  event->missing_time_keep = conf.missing_time == 1;
  if (event->missing_time_keep && event->event_time >= 0)
    event->fields[event->event_time].field.optional = true; /* such rows have none */
  pl->events[pl->event_cnt++] = *event;
}

void mr_planner_read_events(struct mr_planner *pl) {
  struct mr_tree *tree = pl->events_tree;
  if (!tree || mr_tree_is_null(tree)) return;
  if (tree->kind != MR_TREE_MAP) {
    mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(tree), "events must be a map");
    return;
  }
  pl->events = MR_NEW(pl->arena, struct mr_event, tree->cnt + 1);
  for (uint32_t i = 0; i < tree->cnt; i++) read_event(pl, tree->keys[i], tree->items[i]);
}

/* ---- any ---- */

struct any_use {
  struct mr_planner *pl;
  struct mr_event *event;
  const struct mr_opt_expr *text; /* where the use stands */
};

struct mr_event *mr_planner_any_event(struct mr_planner *pl) {
  struct mr_event *event = MR_NEW(pl->arena, struct mr_event, 1);
  *event = (struct mr_event){.name = "any", .event_time = -1, .any = true};
  event->fields = MR_NEW(pl->arena, struct mr_event_field, MR_COLUMNS_MAX);
  return event;
}

void mr_planner_any_done(struct mr_event *event) {
  for (uint32_t i = 0; i < event->field_cnt; i++) {
    struct mr_field *f = &event->fields[i].field;
    if (f->type == MR_TYPE_NONE) f->type = MR_TYPE_STRING;
    if (f->type == MR_TYPE_LIST) f->elem = MR_TYPE_STRING;
  }
}

void mr_planner_any_column(struct mr_planner *pl, struct mr_event *event, const char *name,
                           enum mr_type type, struct mr_span at) {
  for (uint32_t i = 0; i < event->field_cnt; i++) {
    struct mr_field *f = &event->fields[i].field;
    if (strcmp(f->name, name)) continue;
    if (type == MR_TYPE_NONE || type == f->type) return;
    if (f->type == MR_TYPE_NONE)
      f->type = type;
    else
      mr_diag_try(mr_diag_error(pl->diags, MR_CODE_AMBIGUOUS_TYPE, at,
                                "%s is used as %s here and as %s elsewhere", name,
                                mr_type_name(type), mr_type_name(f->type)),
                  "declare it under fields:");
    return;
  }
  if (event->field_cnt >= MR_COLUMNS_MAX - 8) return;
  struct mr_field *f = &event->fields[event->field_cnt++].field;
  f->name = mr_arena_strdup(pl->arena, name);
  f->type = type;
  f->optional = true;
}

static void any_in_expr(void *ctx, const char *name, uint32_t off, uint32_t len,
                        enum mr_type type) {
  struct any_use *use = ctx;
  if (name[0] == '$') return;
  struct mr_span at = {0};
  if (use->text->at) at = mr_tree_span_at(use->pl->arena, use->text->at, off, len);
  mr_planner_any_column(use->pl, use->event, name, type, at);
}

static void any_expr(struct any_use *use, const struct mr_opt_expr *text, enum mr_type want) {
  if (!text->text) return;
  struct mr_expr_errors errors;
  mr_expr_errors_init(&errors, use->pl->arena);
  struct mr_ast *ast = mr_expr_parse(use->pl->arena, text->text, text->len, &errors);
  use->text = text;
  if (ast) mr_ast_columns(ast, want, any_in_expr, use); /* what is wrong is reported by plan() */
}

/* Columns that a node's options name: expressions by their use, lists of columns as text. */
static void any_node(struct any_use *use, const struct mr_draft *d) {
  for (const struct mr_opt *o = d->op->opts; o && o->name; o++) {
    const void *at = (const char *)d->conf + o->offset;
    if (o->type == MR_OPT_EXPR) {
      any_expr(use, at, !strcmp(o->name, "where") ? MR_TYPE_BOOL : MR_TYPE_NONE);
    } else if (o->type == MR_OPT_EXPRS) {
      const struct mr_opt_exprs *list = at;
      bool conditions = !strcmp(o->name, "routes") || !strcmp(o->name, "rules");
      for (uint32_t i = 0; i < list->cnt; i++)
        any_expr(use, &list->items[i].expr, conditions ? MR_TYPE_BOOL : MR_TYPE_NONE);
    } else if (o->type == MR_OPT_NAMES && !strcmp(o->name, "key")) {
      const struct mr_opt_strings *list = at;
      for (uint32_t i = 0; i < list->cnt; i++)
        mr_planner_any_column(use->pl, use->event, list->items[i].text, MR_TYPE_NONE,
                              mr_tree_span(list->items[i].at));
    }
  }
}

/* Nodes that see a source's own columns: its readers, and theirs through what passes rows on. */
static void any_readers(struct any_use *use, uint32_t draft, bool *seen) {
  struct mr_planner *pl = use->pl;
  for (uint32_t i = 0; i < pl->draft_cnt; i++) {
    struct mr_draft *d = &pl->drafts[i];
    if (seen[i] || d->broken || !d->op) continue;
    for (uint32_t k = 0; k < d->input_cnt; k++) {
      if (d->inputs[k].node != draft || d->inputs[k].output == MR_OUT_ERRORS) continue;
      seen[i] = true;
      any_node(use, d);
      if (d->op->flags & MR_OP_PASSES) any_readers(use, i, seen);
      break;
    }
  }
}

static const struct mr_event *any_event(struct mr_planner *pl, uint32_t draft) {
  struct mr_event *event = mr_planner_any_event(pl);
  struct any_use use = {.pl = pl, .event = event};
  bool *seen = MR_NEW(pl->arena, bool, pl->draft_cnt + 1);
  uint32_t errors = pl->diags->error_cnt;
  any_readers(&use, draft, seen);
  if (pl->diags->error_cnt != errors) return NULL; /* once is enough */
  mr_planner_any_done(event);
  return event;
}

const struct mr_event *mr_planner_source_event(struct mr_planner *pl, uint32_t draft) {
  struct mr_draft *d = &pl->drafts[draft];
  if (d->common.fields) {
    struct mr_event *event = mr_planner_inline_event(pl, d->name, d->common.fields);
    if (event) event->check_declared = d->common.check == 1;
    return event;
  }
  if (!d->common.event || !strcmp(d->common.event, "any")) return any_event(pl, draft);
  for (uint32_t i = 0; i < pl->event_cnt; i++)
    if (!strcmp(pl->events[i].name, d->common.event)) {
      struct mr_event *event = MR_NEW(pl->arena, struct mr_event, 1);
      *event = pl->events[i];
      event->check_declared = d->common.check == 1;
      return event;
    }
  struct mr_diag *diag =
      mr_diag_error(pl->diags, MR_CODE_BAD_EVENT, mr_tree_span(mr_tree_get(d->tree, "event")),
                    "no event is named \"%s\"", d->common.event);
  const char *names[MR_NODES_MAX] = {0};
  uint32_t cnt = 0;
  for (; cnt < pl->event_cnt && cnt < MR_NODES_MAX; cnt++) names[cnt] = pl->events[cnt].name;
  const char *near = mr_planner_nearest(d->common.event, names, cnt);
  if (near) mr_diag_label(diag, "did you mean \"%s\"?", near);
  return NULL;
}

struct mr_schema *mr_planner_event_schema(struct mr_planner *pl, const struct mr_event *event) {
  struct mr_schema *s = MR_NEW(pl->arena, struct mr_schema, 1);
  s->fields = MR_NEW(pl->arena, struct mr_field, event->field_cnt + 1);
  for (uint32_t i = 0; i < event->field_cnt; i++) {
    s->fields[i] = event->fields[i].field;
    if (event->fields[i].default_text) s->fields[i].optional = false;
  }
  s->cnt = s->visible_cnt = event->field_cnt;
  s->event_time = event->event_time;
  if (event->any)
    s->fields[s->cnt++] = (struct mr_field){.name = "raw", .type = MR_TYPE_STRING, .hidden = true};
  return s;
}
