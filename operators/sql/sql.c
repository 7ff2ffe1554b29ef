/* SPDX-License-Identifier: Apache-2.0 */
/* sql: a SELECT statement in place of steps. What runs are the steps that it becomes. */
#include "operators/sql/sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "operators/operators.h"

static const char *const emit_words[] = {"final", "update", "complete", NULL};
static const char *const late_words[] = {"drop", "divert", NULL};

#define AT(member) MR_OPT_AT(struct sql_conf, member)
#define DURATION   .min = 0, .max = 3.2e15

static const struct mr_opt sql_opts[] = {
    {"query", MR_OPT_STRING, AT(query), .required = true,
     .help = "a SELECT statement; FROM names sources and steps",
     .example = "SELECT city, count(*) AS n FROM events GROUP BY tumble(ts, INTERVAL '5m'), city"},
    {"delay", MR_OPT_DURATION_US, AT(delay), DURATION,
     .help =
         "watermark delay of the windows and joins that read a source; without it the source's"},
    {"emit", MR_OPT_ENUM, AT(emit), .words = emit_words,
     .help =
         "of the last GROUP BY: rows once, when a window closes; changed rows; the whole table"},
    {"every", MR_OPT_DURATION_US, AT(every), .min = 1000, .max = 3.2e15,
     .help = "with emit: update or complete: rows come at multiples of this"},
    {"late", MR_OPT_ENUM, AT(late), .words = late_words,
     .help = "rows that are late: dropped, or sent to NODE.late"},
    {"allowed_lateness", MR_OPT_DURATION_US, AT(allowed_lateness), DURATION,
     .help = "how long a closed window takes rows that correct it"},
    {"within", MR_OPT_DURATION_US, AT(within), .min = 1, .max = 3.2e15,
     .help = "of SELECT DISTINCT and ROW_NUMBER() = 1: how long a row is remembered"},
    MR_OPT_END};

/* ---- errors ---- */

struct mr_span sql_span(struct sql *s, uint32_t off, uint32_t len) {
  return mr_tree_span_at(s->x->arena, s->at, off, len);
}

struct mr_diag *sql_error(struct sql *s, int code, uint32_t off, uint32_t len, const char *fmt,
                          ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  return mr_diag_error(s->x->diags, code, sql_span(s, off, len), "%s in %s", text,
                       mr_tree_path(s->at, s->x->arena));
}

static void report(struct sql *s, const struct mr_expr_errors *errors) {
  for (const struct mr_expr_error *e = errors->first; e; e = e->next) {
    struct mr_diag *d = sql_error(s, e->code, e->off, e->len, "%s", e->text);
    if (e->label) mr_diag_label(d, "%s", e->label);
    if (e->note) mr_diag_note(d, sql_span(s, e->note_off, e->note_len), "%s", e->note);
    if (e->hint) mr_diag_try(d, "%s", e->hint);
  }
}

/* ---- steps ---- */

const char *sql_name(struct sql *s, const char *prefix, const char *word) {
  const char *last = word, *name;
  for (int i = 2;; i++) { /* at most MR_NAME_MAX bytes, as observers have room for */
    int room = (int)MR_NAME_MAX - 1 - (int)strlen(last);
    name = mr_arena_printf(s->x->arena, "%.*s.%s", room, prefix, last);
    if (!mr_op_expand_reads(s->x, name)) return name;
    last = mr_arena_printf(s->x->arena, "%s%d", word, i);
  }
}

struct mr_tree *sql_word(struct sql *s, const char *text, uint32_t off, uint32_t len) {
  struct mr_tree *t = mr_tree_new_text(s->x->arena, text, strlen(text), sql_span(s, off, len));
  uint32_t *at = MR_NEW(s->x->arena, uint32_t, t->len + 1);
  for (uint32_t i = 0; i < t->len; i++) at[i] = t->span.off;
  at[t->len] = t->span.off + t->span.len;
  t->off = at;
  return t;
}

struct mr_tree *sql_duration(struct sql *s, const struct mr_query_node *n) {
  char buf[MR_TEXT_DURATION_SZ + 1];
  buf[mr_duration_format_us(buf, n->i)] = 0;
  return sql_word(s, buf, n->off, n->len);
}

void sql_put(struct sql *s, struct mr_tree *map, const char *key, struct mr_tree *value,
             uint32_t off, uint32_t len) {
  mr_tree_add(s->x->arena, map, sql_word(s, key, off, len), value);
  if (value->kind != MR_TREE_SCALAR) return;
  value->parent = s->at->parent; /* messages name the query, not an option that nobody wrote */
  value->key = s->at->key;
}

struct mr_tree *sql_step(struct sql *s, const char *type, const struct sql_rel *in, uint32_t off,
                         uint32_t len) {
  struct mr_tree *step = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, off, len));
  sql_put(s, step, "type", sql_word(s, type, off, len), off, len);
  if (in) sql_put(s, step, "from", sql_word(s, in->from, in->off, in->len), off, len);
  return step;
}

static const struct {
  const char *key;
  uint32_t bit;
} options[] = {{"delay", SQL_DELAY},
               {"emit", SQL_EMIT},
               {"every", SQL_EVERY},
               {"late", SQL_LATE},
               {"allowed_lateness", SQL_LATENESS},
               {"within", SQL_WITHIN}};

void sql_hand_on(struct sql *s, struct mr_tree *step, uint32_t which) {
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    struct mr_tree *value = mr_tree_get(s->x->tree, options[i].key);
    if (!value || !(which & options[i].bit)) continue;
    s->used |= options[i].bit;
    struct mr_tree *copy = MR_NEW(s->x->arena, struct mr_tree, 1);
    *copy = *value;
    mr_tree_add(s->x->arena, step, value->key, copy);
    copy->parent = s->x->tree;
  }
}

struct sql_rel sql_add(struct sql *s, const char *name, struct mr_tree *step, struct mr_tree *time,
                       const struct sql_rel *in) {
  struct sql_rel out = {.alias = in->alias, .off = in->off, .len = in->len, .derived = in->derived};
  int64_t flags = in->from ? mr_op_expand_add(s->x, name, step, time) : -1;
  if (flags < 0) return out;
  s->keyed |= flags & MR_OP_KEYED && mr_tree_get(step, "key");
  out.from = name;
  out.schema = mr_op_expand_schema(s->x, name);
  out.made = true;
  return out;
}

/* ---- the step ---- */

/* Options that no step of the query has a use for. */
static void check_options(struct sql *s) {
  struct mr_tree *workers = mr_tree_get(s->x->tree, "workers");
  if (workers && !s->keyed && !mr_tree_text_is(workers, "1"))
    mr_diag_error(s->x->diags, MR_CODE_BAD_PLACEMENT, mr_tree_span(workers),
                  "the query has no key: its rows cannot be split among workers");
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    struct mr_tree *value = mr_tree_get(s->x->tree, options[i].key);
    if (value && !(s->used & options[i].bit))
      mr_diag_label(mr_diag_error(s->x->diags, MR_CODE_KEYS_CLASH, mr_tree_name_span(value),
                                  "the query has nothing that %s would be for", options[i].key),
                    "it is for %s",
                    options[i].bit == SQL_WITHIN ? "SELECT DISTINCT and ROW_NUMBER() = 1"
                                                 : "GROUP BY and JOIN");
  }
}

static bool reads_name(const struct mr_query_from *f, const char *name) {
  if (!f) return false;
  if (f->kind == MR_QUERY_JOIN) return reads_name(f->left, name) || reads_name(f->right, name);
  if (f->kind == MR_QUERY_TABLE && !f->output) return !strcmp(f->node, name);
  if (f->kind == MR_QUERY_TABLE) {
    size_t len = strlen(f->node);
    return !strncmp(f->node, name, len) && name[len] == '.' && !strcmp(name + len + 1, f->output);
  }
  const struct mr_query *q = f->sub;
  return q && (reads_name(q->from, name) || (q->left && reads_name(q->left->from, name)));
}

static bool query_reads(const struct mr_query *q, const char *name) {
  if (!q) return false;
  for (uint32_t i = 0; i < q->with_cnt; i++)
    if (query_reads(q->withs[i].query, name)) return true;
  const struct mr_query_from *f = q->from;
  if (f && f->kind == MR_QUERY_SUBQUERY) return query_reads(f->sub, name);
  return reads_name(f, name) || query_reads(q->left, name) || query_reads(q->right, name);
}

/* `from` may stand beside the query; what it names must be in it. */
static void check_from(struct sql *s, const struct mr_query *q) {
  struct mr_tree *from = mr_tree_get(s->x->tree, "from");
  uint32_t cnt = !from ? 0 : from->kind == MR_TREE_LIST ? from->cnt : 1;
  for (uint32_t i = 0; i < cnt; i++) {
    struct mr_tree *name = from->kind == MR_TREE_LIST ? from->items[i] : from;
    if (name->kind == MR_TREE_SCALAR && name->len && query_reads(q, name->text)) continue;
    mr_diag_label(mr_diag_error(s->x->diags, MR_CODE_DANGLING_EDGE, mr_tree_span(name),
                                "the query does not read %s",
                                name->kind == MR_TREE_SCALAR ? name->text : "this"),
                  "from may be left out: the query says what it reads");
  }
}

static int sql_expand(struct mr_op_expand *x) {
  struct sql s = {.x = x, .at = mr_tree_get(x->tree, "query")};
  uint32_t before = x->diags->error_cnt;
  struct mr_expr_errors errors;
  mr_expr_errors_init(&errors, x->arena);
  const struct mr_query *q = mr_query_parse(x->arena, s.at->text, s.at->len, &errors);
  report(&s, &errors);
  if (!q) return MR_ERR_CONF;
  s.text = q->text;
  check_from(&s, q);
  struct sql_rel out = sql_query(&s, q, x->name, NULL);
  if (out.from && x->diags->error_cnt == before) check_options(&s);
  if (!out.from || x->diags->error_cnt != before) return MR_ERR_CONF;
  if (!out.made) { /* SELECT * FROM events: rows pass */
    struct mr_tree *step = sql_step(&s, "filter", &out, q->off, q->len);
    sql_put(&s, step, "where", sql_word(&s, "true", q->off, q->len), q->off, q->len);
    out = sql_add(&s, sql_name(&s, x->name, "all"), step, NULL, &out);
    if (!out.from) return MR_ERR_CONF;
  }
  mr_op_expand_result(x, out.from);
  return MR_OK;
}

const struct mr_op mr_op_sql = {
    .name = "sql",
    .help = "a SELECT statement, run as the steps that it stands for",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .opts = sql_opts,
    .conf_sz = sizeof(struct sql_conf),
    .expand = sql_expand,
};
