/* SPDX-License-Identifier: Apache-2.0 */
/* GROUP BY: a window or group, with a map before it for keys that are expressions, a filter behind
 * it for HAVING, and a map for the order and names of the columns. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "operators/sql/sql.h"

struct group {
  struct sql *s;
  const struct mr_query *q;
  const struct sql_rel *in;
  const char *prefix;
  const struct mr_query_node *window; /* tumble(...) among the groups, or NULL */
  struct key {
    const struct mr_query_node *expr; /* as the query has it */
    const char *column;               /* what the step's key is called */
    bool made;                        /* by a map before it */
  } keys[MR_KEYS_MAX];
  uint32_t key_cnt;
  struct mr_tree *select; /* of the step */
  const struct sql_rank *rank;
  const char **outs; /* by item: the step's column that it is */
  bool ok;
};

/* ---- windows ---- */

static const struct shape {
  const char *call, *option, *second; /* second: what the first of two lengths is, in SQL's order */
  uint32_t arg_cnt;                   /* without an offset */
} shapes[] = {{"tumble", "tumbling", NULL, 2},        {"tumbling", "tumbling", NULL, 2},
              {"hop", "hopping", "slide", 3},         {"hopping", "hopping", "slide", 3},
              {"session", "session", NULL, 2},        {"cumulate", "cumulating", "step", 3},
              {"cumulating", "cumulating", "step", 3}};

static const struct shape *shape_of(const struct mr_query_node *n) {
  if (n->kind != MR_QUERY_CALL) return NULL;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    if (!strcmp(shapes[i].call, n->name)) return &shapes[i];
  return NULL;
}

/* tumble_start(...), hop_end(...): the column of the window that it is, or NULL. */
static const char *bound_of(const struct mr_query_node *n) {
  if (n->kind != MR_QUERY_CALL) return NULL;
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    size_t len = strlen(shapes[i].call);
    if (strncmp(shapes[i].call, n->name, len)) continue;
    if (!strcmp(n->name + len, "_start")) return "window_start";
    if (!strcmp(n->name + len, "_end")) return "window_end";
  }
  return NULL;
}

static bool is_bound_name(const char *name) {
  return !strcmp(name, "window_start") || !strcmp(name, "window_end");
}

static bool check_window(struct sql *s, const struct mr_query_node *n, const struct shape *shape) {
  uint32_t max = shape->arg_cnt + (strcmp(shape->call, "session") != 0);
  if (n->arg_cnt < shape->arg_cnt || n->arg_cnt > max) {
    struct mr_diag *d = sql_error(s, MR_EXPR_ARG_COUNT, n->off, n->len, "%s takes %u arguments",
                                  n->name, shape->arg_cnt);
    mr_diag_try(d, "%s(time, INTERVAL '1 minute'%s)", n->name,
                shape->second ? ", INTERVAL '5 minutes'" : "");
    return false;
  }
  for (uint32_t i = 1; i < n->arg_cnt; i++) {
    const struct mr_query_node *a = n->args[i];
    if (a->kind == MR_QUERY_DURATION) continue;
    struct mr_diag *d = sql_error(s, MR_EXPR_ARG_TYPE, a->off, a->len,
                                  "%s takes a constant interval here", n->name);
    mr_diag_try(d, "INTERVAL '5 minutes'");
    return false;
  }
  return true;
}

static struct mr_tree *make_window(struct group *g, const struct shape *shape) {
  struct sql *s = g->s;
  const struct mr_query_node *n = g->window;
  struct mr_tree *w = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, n->off, n->len));
  const struct mr_query_node *size = n->args[shape->second ? 2 : 1];
  sql_put(s, w, shape->option, sql_duration(s, size), n->off, n->len);
  if (shape->second)
    sql_put(s, w, shape->second, sql_duration(s, n->args[1]), n->args[1]->off, n->args[1]->len);
  if (n->arg_cnt > shape->arg_cnt) {
    const struct mr_query_node *offset = n->args[shape->arg_cnt];
    sql_put(s, w, "offset", sql_duration(s, offset), offset->off, offset->len);
  }
  return w;
}

/* The column that must be the event time; NULL: event_time(), or reported. */
static struct mr_tree *time_of(struct group *g, bool *ok) {
  const struct mr_query_node *t = g->window->args[0];
  const struct mr_schema *in = g->in->schema;
  *ok = true;
  if (t->kind == MR_QUERY_CALL && !strcmp(t->name, "event_time")) return NULL;
  bool derived = in && in->event_time >= 0 && in->fields[in->event_time].hidden;
  if (t->kind == MR_QUERY_COLUMN && derived && !strcmp(t->name, "window_time")) return NULL;
  const char *name = t->kind == MR_QUERY_COLUMN ? sql_column(g->s, g->in, t) : NULL;
  if (t->kind == MR_QUERY_COLUMN && !name) {
    *ok = sql_check(g->s, g->in, t, "GROUP BY", false);
    return NULL;
  }
  if (name) return sql_word(g->s, name, t->off, t->len);
  struct mr_diag *d = sql_error(g->s, MR_EXPR_ARG_TYPE, t->off, t->len,
                                "%s takes the column of the event time", g->window->name);
  mr_diag_try(d, "event_time()");
  *ok = false;
  return NULL;
}

/* ---- keys ---- */

/* GROUP BY 2, GROUP BY name: the item of SELECT that is meant, else the expression itself. */
static const struct mr_query_node *group_expr(struct group *g, const struct mr_query_node *n) {
  if (n->kind == MR_QUERY_INT) {
    const struct mr_query_item *item =
        n->i >= 1 && n->i <= (int64_t)g->q->item_cnt ? &g->q->items[n->i - 1] : NULL;
    if (item && item->expr) return item->expr;
    sql_error(g->s, MR_EXPR_UNKNOWN_COLUMN, n->off, n->len, "SELECT has no column number %lld",
              (long long)n->i);
    g->ok = false;
    return NULL;
  }
  if (n->kind != MR_QUERY_COLUMN || n->of) return n;
  const struct mr_schema *in = g->in->schema;
  if (in && mr_schema_find(in, n->name, strlen(n->name)) >= 0) return n;
  for (uint32_t i = 0; i < g->q->item_cnt; i++) {
    const struct mr_query_item *item = &g->q->items[i];
    if (item->name && item->expr && !strcmp(item->name, n->name)) return item->expr;
  }
  return n;
}

static bool names_column(const struct mr_query_node *n, const char *name) {
  if (n->kind == MR_QUERY_COLUMN && !strcmp(n->name, name)) return true;
  for (uint32_t i = 0; i < n->arg_cnt; i++)
    if (names_column(n->args[i], name)) return true;
  return false;
}

/* Does the query use a column of that name anywhere? */
static bool is_used(const struct group *g, const char *name) {
  const struct mr_query *q = g->q;
  for (uint32_t i = 0; i < q->item_cnt; i++)
    if (q->items[i].expr && names_column(q->items[i].expr, name)) return true;
  for (uint32_t i = 0; i < q->group_cnt; i++)
    if (names_column(q->groups[i], name)) return true;
  return q->having && names_column(q->having, name);
}

/* A name for a key that a map makes: its alias where no column is meant by that, else its own. */
static const char *key_name(struct group *g, const struct mr_query_node *n) {
  for (uint32_t i = 0; i < g->q->item_cnt; i++) {
    const struct mr_query_item *item = &g->q->items[i];
    if (!item->name || !item->expr || !mr_query_same(item->expr, n)) continue;
    const struct mr_schema *in = g->in->schema;
    bool is_column =
        in ? mr_schema_find(in, item->name, strlen(item->name)) >= 0 : is_used(g, item->name);
    if (!is_column && !is_bound_name(item->name)) return item->name;
  }
  for (uint32_t i = g->key_cnt + 1;; i++) {
    const char *name = mr_arena_printf(g->s->x->arena, "key_%u", i);
    if (!is_used(g, name)) return name;
  }
}

static void add_key(struct group *g, const struct mr_query_node *n) {
  struct sql *s = g->s;
  for (uint32_t k = 0; k < g->key_cnt; k++)
    if (mr_query_same(g->keys[k].expr, n)) return;
  if (g->key_cnt == MR_KEYS_MAX) {
    sql_error(s, MR_CODE_OUT_OF_RANGE, n->off, n->len, "at most %u key columns", MR_KEYS_MAX);
    g->ok = false;
    return;
  }
  if (!sql_check(s, g->in, n, "GROUP BY", false)) {
    g->ok = false;
    return;
  }
  struct key *key = &g->keys[g->key_cnt];
  *key = (struct key){.expr = n};
  key->made = n->kind != MR_QUERY_COLUMN;
  key->column = key->made ? key_name(g, n) : sql_column(s, g->in, n);
  g->key_cnt++;
}

static void find_groups(struct group *g) {
  for (uint32_t i = 0; i < g->q->group_cnt; i++) {
    const struct mr_query_node *n = group_expr(g, g->q->groups[i]);
    if (!n) continue;
    const struct shape *shape = shape_of(n);
    if (!shape) {
      add_key(g, n);
    } else if (g->window) {
      sql_error(g->s, MR_EXPR_NOT_SUPPORTED, n->off, n->len,
                "queries do not have two windows in one GROUP BY");
      g->ok = false;
    } else if (!check_window(g->s, n, shape)) {
      g->ok = false;
    } else {
      g->window = n;
    }
  }
}

/* Keys that are expressions become columns. */
static struct sql_rel make_keys(struct group *g) {
  struct sql *s = g->s;
  struct mr_tree *set = NULL;
  for (uint32_t k = 0; k < g->key_cnt; k++) {
    const struct key *key = &g->keys[k];
    const struct mr_query_node *n = key->expr;
    struct sql_scope scope = {s, g->in};
    if (!key->made) continue;
    if (!set) set = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, n->off, n->len));
    sql_put(s, set, key->column, sql_expr(s, &n, 1, sql_in_scope, &scope), n->off, n->len);
  }
  if (!set) return *g->in;
  struct mr_tree *step = sql_step(s, "map", g->in, g->q->group_off, g->q->group_len);
  sql_put(s, step, "set", set, g->q->group_off, g->q->group_len);
  return sql_add(s, sql_name(s, g->prefix, "keys"), step, NULL, g->in);
}

/* ---- what is behind the step ---- */

static const struct key *find_key(const struct group *g, const struct mr_query_node *n) {
  for (uint32_t k = 0; k < g->key_cnt; k++)
    if (mr_query_same(g->keys[k].expr, n)) return &g->keys[k];
  return NULL;
}

/* The column of the step that an expression is as a whole, without being computed; or NULL. */
static const char *ready(const struct group *g, const struct mr_query_node *n) {
  const struct key *key = find_key(g, n);
  if (key) return key->column;
  if (!g->window) return NULL;
  if (n->kind == MR_QUERY_COLUMN && !n->of && is_bound_name(n->name)) return n->name;
  return bound_of(n);
}

/* In the step's select: keys and bounds by their names, all other columns inside aggregates. */
static const char *in_select(void *ctx, const struct mr_query_node *n) {
  struct group *g = ctx;
  const char *column = ready(g, n);
  if (column && n->kind == MR_QUERY_COLUMN && !strcmp(column, n->name) && !n->of) return NULL;
  if (column) return sql_quoted(g->s, column);
  struct sql_scope scope = {g->s, g->in};
  return sql_in_scope(&scope, n);
}

static bool is_taken(const struct group *g, const char *name) {
  for (uint32_t k = 0; k < g->key_cnt; k++)
    if (!strcmp(g->keys[k].column, name)) return true;
  return (g->window && is_bound_name(name)) || mr_tree_get(g->select, name);
}

/* Adds an expression to the step's select under a name like this one. */
static const char *add_select(struct group *g, const char *name, const struct mr_query_node *n,
                              uint32_t off, uint32_t len) {
  const char *own = name;
  for (int i = 2; is_taken(g, own); i++) own = mr_arena_printf(g->s->x->arena, "%s_%d", name, i);
  sql_put(g->s, g->select, own, sql_expr(g->s, &n, 1, in_select, g), off, len);
  return own;
}

static void check_window_calls(struct group *g, const struct mr_query_node *n) {
  if (shape_of(n)) {
    struct mr_diag *d = sql_error(g->s, MR_EXPR_NOT_SUPPORTED, n->off, n->len,
                                  "queries do not have the window %s as a value", n->name);
    mr_diag_try(d, "window_start, window_end");
    g->ok = false;
    return;
  }
  for (uint32_t i = 0; i < n->arg_cnt; i++) check_window_calls(g, n->args[i]);
}

/* The ROW_NUMBER() whose bound the query around this one has. */
static bool is_rank(const struct group *g, const struct mr_query_item *item) {
  return g->rank && item->expr && item->expr->over && item->name &&
         !strcmp(item->name, g->rank->name);
}

static void add_item(struct group *g, uint32_t i) {
  const struct mr_query_item *item = &g->q->items[i];
  if (item->star) {
    sql_error(g->s, MR_EXPR_NOT_GROUPED, item->off, item->len, "* is not possible with GROUP BY");
    g->ok = false;
    return;
  }
  if (!item->expr || is_rank(g, item)) return;
  const char *name = sql_item_name(g->s, item);
  if (!name || !sql_check(g->s, g->in, item->expr, "SELECT", true)) {
    g->ok = false;
    return;
  }
  check_window_calls(g, item->expr);
  if (!g->ok) return;
  g->outs[i] = ready(g, item->expr);
  if (g->outs[i]) return;
  bool named = item->name != NULL;
  g->outs[i] = add_select(g, name, item->expr, named ? item->name_off : item->off,
                          named ? item->name_len : item->len);
}

/* ---- HAVING ---- */

/* Aggregates of HAVING are columns of the step: those of SELECT, or their own. */
static void add_having(struct group *g, const struct mr_query_node *n) {
  if (n->kind != MR_QUERY_AGGREGATE) {
    for (uint32_t i = 0; i < n->arg_cnt; i++) add_having(g, n->args[i]);
    return;
  }
  for (uint32_t i = 0; i < g->q->item_cnt; i++)
    if (g->q->items[i].expr && mr_query_same(g->q->items[i].expr, n)) return;
  for (uint32_t i = 0; i < g->select->cnt; i++)
    if (mr_tree_text_is(g->select->keys[i], n->name) &&
        !strncmp(g->select->items[i]->text, g->s->text + n->off, n->len))
      return;
  add_select(g, mr_arena_printf(g->s->x->arena, "having_%s", n->name), n, n->off, n->len);
}

static const char *in_having(void *ctx, const struct mr_query_node *n) {
  struct group *g = ctx;
  for (uint32_t i = 0; i < g->q->item_cnt; i++)
    if (g->outs[i] && g->q->items[i].expr && n->kind != MR_QUERY_OTHER &&
        mr_query_same(g->q->items[i].expr, n))
      return sql_quoted(g->s, g->outs[i]);
  const char *column = ready(g, n);
  if (column) return sql_quoted(g->s, column);
  if (n->kind == MR_QUERY_AGGREGATE)
    for (uint32_t i = 0; i < g->select->cnt; i++) {
      const struct mr_tree *t = g->select->items[i];
      if (!strncmp(g->select->keys[i]->text, "having_", 7) && t->off[0] == g->s->at->off[n->off])
        return sql_quoted(g->s, g->select->keys[i]->text);
    }
  if (n->kind == MR_QUERY_COLUMN && !n->of) /* HAVING n > 10: a name of SELECT */
    for (uint32_t i = 0; i < g->q->item_cnt; i++)
      if (g->outs[i] && g->q->items[i].name && !strcmp(g->q->items[i].name, n->name))
        return sql_quoted(g->s, g->outs[i]);
  return NULL;
}

/* ---- the step ---- */

static void put_keys(struct group *g, struct mr_tree *step) {
  struct sql *s = g->s;
  if (!g->key_cnt) return;
  struct mr_tree *list =
      mr_tree_new(s->x->arena, MR_TREE_LIST, sql_span(s, g->q->group_off, g->q->group_len));
  for (uint32_t k = 0; k < g->key_cnt; k++) {
    const struct mr_query_node *n = g->keys[k].expr;
    mr_tree_add(s->x->arena, list, NULL, sql_word(s, g->keys[k].column, n->off, n->len));
  }
  sql_put(s, step, "key", list, g->q->group_off, g->q->group_len);
}

static struct sql_rel add_step(struct group *g, const struct sql_rel *in) {
  struct sql *s = g->s;
  const struct mr_query_node *w = g->window;
  struct mr_tree *time = NULL;
  bool ok = true;
  if (w) time = time_of(g, &ok);
  if (!ok) return (struct sql_rel){.off = in->off, .len = in->len};
  struct mr_tree *step = sql_step(s, w ? "window" : "group", in, w ? w->off : g->q->group_off,
                                  w ? w->len : g->q->group_len);
  if (w) sql_put(s, step, "window", make_window(g, shape_of(w)), w->off, w->len);
  put_keys(g, step);
  if (g->select->cnt) sql_put(s, step, "select", g->select, g->q->off, g->q->len);
  uint32_t which = 0; /* corrections would be added up by what groups or joins these rows */
  if (!s->inner && !(w && g->rank)) which |= SQL_EMIT | SQL_EVERY | (w ? SQL_LATENESS : 0);
  if (w) which |= SQL_LATE | (in->derived ? 0 : SQL_DELAY);
  sql_hand_on(s, step, which);
  struct sql_rel out = sql_add(s, sql_name(s, g->prefix, w ? "window" : "group"), step, time, in);
  out.derived = true;
  return out;
}

/* The columns of SELECT in their order, unless the step gives just these. */
static struct sql_rel add_list(struct group *g, const struct sql_rel *in) {
  struct sql *s = g->s;
  const struct mr_query *q = g->q;
  struct mr_tree *columns = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, q->off, q->len));
  uint32_t same = 0;
  for (uint32_t i = 0; i < q->item_cnt; i++) {
    const struct mr_query_item *item = &q->items[i];
    if (!g->outs[i]) continue;
    const char *name = item->name ? item->name : sql_item_name(s, item);
    uint32_t off = item->name ? item->name_off : item->off;
    uint32_t len = item->name ? item->name_len : item->len;
    if (mr_tree_get(columns, name)) {
      sql_error(s, MR_CODE_DUPLICATE_KEY, off, len, "two columns are named \"%s\"", name);
      return (struct sql_rel){.off = in->off, .len = in->len};
    }
    const struct mr_schema *have = in->schema;
    if (have && same == columns->cnt && same < have->visible_cnt &&
        !strcmp(have->fields[same].name, g->outs[i]) && !strcmp(name, g->outs[i]))
      same++;
    sql_put(s, columns, name, sql_word(s, sql_quoted(s, g->outs[i]), item->off, item->len), off,
            len);
  }
  if (in->schema && same == columns->cnt && same == in->schema->visible_cnt) return *in;
  struct mr_tree *step = sql_step(s, "map", in, q->off, q->len);
  sql_put(s, step, "select", columns, q->off, q->len);
  return sql_add(s, sql_name(s, g->prefix, "select"), step, NULL, in);
}

static void refuse_ungrouped(struct sql *s, const struct mr_query *q) {
  const struct mr_query_node *agg = NULL;
  for (uint32_t i = 0; i < q->item_cnt && !agg; i++)
    if (q->items[i].expr) agg = sql_find_aggregate(q->items[i].expr);
  struct mr_diag *d = sql_error(s, MR_EXPR_AGGREGATE, agg ? agg->off : q->having_off,
                                agg ? agg->len : q->having_len,
                                "queries do not have an aggregate without GROUP BY");
  mr_diag_try(d, "GROUP BY tumble(time, INTERVAL '1 minute')");
}

/* The first rows of each window; their number is a column of what comes then. */
static struct sql_rel add_top(struct group *g, const struct sql_rel *in) {
  const struct mr_query *q = g->q;
  struct sql_rel rel = sql_top(g->s, q, in, g->prefix, g->rank, g->outs);
  for (uint32_t i = 0; i < q->item_cnt && g->rank->read; i++)
    if (is_rank(g, &q->items[i])) g->outs[i] = g->rank->name;
  return rel;
}

struct sql_rel sql_group(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                         const char *prefix, const struct sql_rank *rank) {
  struct sql_rel none = {.off = in->off, .len = in->len};
  if (!q->group_len) {
    refuse_ungrouped(s, q);
    return none;
  }
  struct group g = {.s = s, .q = q, .in = in, .prefix = prefix, .rank = rank, .ok = true};
  g.select = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, q->off, q->len));
  g.outs = MR_NEW(s->x->arena, const char *, q->item_cnt + 1);
  find_groups(&g);
  for (uint32_t i = 0; i < q->item_cnt; i++) add_item(&g, i);
  if (q->having && !sql_check(s, in, q->having, "HAVING", true)) g.ok = false;
  if (q->having && g.ok) add_having(&g, q->having);
  if (!g.ok) return none;
  struct sql_rel rel = make_keys(&g);
  if (rel.from) rel = add_step(&g, &rel);
  if (rel.from && q->having) {
    const struct mr_query_node *part = q->having;
    rel = sql_where(s, &rel, prefix, "having", &part, 1, in_having, &g);
  }
  if (rel.from && rank) rel = add_top(&g, &rel);
  return rel.from ? add_list(&g, &rel) : rel;
}
