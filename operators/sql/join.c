/* SPDX-License-Identifier: Apache-2.0 */
/* JOIN ... ON: equal columns are the key, what is said of the two event times is the interval, and
 * tumble(a.ts, ...) = tumble(b.ts, ...) the window. The rest of ON is a filter, where that is the
 * same. */
#include <string.h>

#include "base/limits.h"
#include "operators/sql/sql.h"

#define UNBOUND INT64_MAX

struct join {
  struct sql *s;
  const struct mr_query_from *f;
  const char *prefix;
  enum mr_query_join kind; /* RIGHT is LEFT with the sides changed */
  struct sql_rel sides[2];
  struct key {
    const char *column[2];
    uint32_t off, len;
  } keys[MR_KEYS_MAX];
  uint32_t key_cnt;
  int64_t lo, hi;                            /* right's time minus left's; UNBOUND: not said */
  const struct mr_query_node *time, *window; /* where it is said */
  const struct mr_query_node **rest, **right_only;
  uint32_t rest_cnt, right_only_cnt;
  const struct mr_query *list; /* whose columns it gives, or NULL: all */
  bool ok;
};

/* ---- columns and times ---- */

/* The side of a column, -1: none or (reported) both. */
static int32_t side_of(struct join *j, const struct mr_query_node *n, bool loud) {
  int32_t found = -1;
  for (int32_t i = 0; i < 2; i++) {
    const struct sql_rel *rel = &j->sides[i];
    if (n->of ? strcmp(n->of, rel->alias) != 0
              : mr_schema_find(rel->schema, n->name, strlen(n->name)) < 0)
      continue;
    if (found >= 0) {
      struct mr_diag *d = sql_error(j->s, MR_EXPR_AMBIGUOUS_COLUMN, n->off, n->len,
                                    "\"%s\" is a column of several streams", n->name);
      mr_diag_try(d, "%s.%s", j->sides[0].alias, n->name);
      j->ok = false;
      return -1;
    }
    found = i;
  }
  if (found >= 0 || !loud) return found;
  sql_error(j->s, MR_EXPR_UNKNOWN_COLUMN, n->off, n->len, "no stream of this JOIN has %s%s%s",
            n->of ? n->of : "", n->of ? "." : "", n->name);
  j->ok = false;
  return -1;
}

/* Is it the event time of a side? A hidden one is called event_time or window_time. */
static bool is_time(const struct join *j, const struct mr_query_node *n, int32_t side) {
  const struct mr_schema *in = j->sides[side].schema;
  if (in->event_time < 0) return false;
  const struct mr_field *f = &in->fields[in->event_time];
  if (!strcmp(f->name, n->name)) return true;
  return f->hidden && (!strcmp(n->name, "event_time") || !strcmp(n->name, "window_time"));
}

/* A time of a side, and what is added to it. */
static bool time_term(struct join *j, const struct mr_query_node *n, int32_t *side,
                      int64_t *offset) {
  *offset = 0;
  if (n->kind == MR_QUERY_COLUMN) {
    *side = side_of(j, n, false);
    return *side >= 0 && is_time(j, n, *side);
  }
  if (n->kind != MR_QUERY_ARITH || (n->op != '+' && n->op != '-')) return false;
  const struct mr_query_node *t = n->args[0], *d = n->args[1];
  if (t->kind == MR_QUERY_DURATION && n->op == '+') {
    t = n->args[1];
    d = n->args[0];
  }
  int64_t inner;
  if (d->kind != MR_QUERY_DURATION || !time_term(j, t, side, &inner)) return false;
  *offset = n->op == '+' ? inner + d->i : inner - d->i;
  return true;
}

/* a >= b, by `more` microseconds at least. */
static bool add_bound(struct join *j, const struct mr_query_node *a, const struct mr_query_node *b,
                      int64_t more) {
  int32_t sa, sb;
  int64_t oa, ob;
  if (!time_term(j, a, &sa, &oa) || !time_term(j, b, &sb, &ob) || sa == sb) return false;
  if (sa == 1) {
    int64_t lo = ob - oa + more;
    if (j->lo == UNBOUND || lo > j->lo) j->lo = lo;
  } else {
    int64_t hi = oa - ob - more;
    if (j->hi == UNBOUND || hi < j->hi) j->hi = hi;
  }
  return true;
}

static bool take_time(struct join *j, const struct mr_query_node *n) {
  bool taken = false;
  if (n->kind == MR_QUERY_BETWEEN && !n->negated) {
    bool lower = add_bound(j, n->args[0], n->args[1], 0); /* both, also when one is refused */
    taken = add_bound(j, n->args[2], n->args[0], 0) && lower;
  }
  if (n->kind == MR_QUERY_COMPARE) {
    const struct mr_query_node *a = n->args[0], *b = n->args[1];
    int64_t more = n->op == '<' || n->op == '>';
    if (strchr("=g>", n->op)) taken = add_bound(j, a, b, more);
    if (strchr("=l<", n->op)) taken = add_bound(j, b, a, more);
  }
  if (taken) j->time = n;
  return taken;
}

/* ---- parts of ON ---- */

/* tumble(a.ts, INTERVAL '5m') = tumble(b.ts, INTERVAL '5m') */
static bool take_window(struct join *j, const struct mr_query_node *n) {
  if (n->kind != MR_QUERY_COMPARE || n->op != '=') return false;
  for (int i = 0; i < 2; i++) {
    const struct mr_query_node *w = n->args[i];
    if (w->kind != MR_QUERY_CALL || strcmp(w->name, "tumble") || w->arg_cnt != 2) return false;
    if (w->args[0]->kind != MR_QUERY_COLUMN || w->args[1]->kind != MR_QUERY_DURATION) return false;
  }
  const struct mr_query_node *a = n->args[0], *b = n->args[1];
  int32_t sa = side_of(j, a->args[0], true), sb = side_of(j, b->args[0], true);
  if (sa < 0 || sb < 0) return true;
  bool times = is_time(j, a->args[0], sa) && is_time(j, b->args[0], sb);
  if (sa == sb || a->args[1]->i != b->args[1]->i || !times) {
    sql_error(j->s, MR_EXPR_NOT_SUPPORTED, n->off, n->len,
              "queries do not have a JOIN over windows that differ");
    j->ok = false;
  }
  j->window = a;
  return true;
}

static bool take_key(struct join *j, const struct mr_query_node *n) {
  if (n->kind != MR_QUERY_COMPARE || n->op != '=') return false;
  const struct mr_query_node *a = n->args[0], *b = n->args[1];
  if (a->kind != MR_QUERY_COLUMN || b->kind != MR_QUERY_COLUMN) return false;
  int32_t sa = side_of(j, a, true), sb = side_of(j, b, true);
  if (sa < 0 || sb < 0) return true;
  if (sa == sb || j->key_cnt == MR_KEYS_MAX) return false;
  struct key *key = &j->keys[j->key_cnt++];
  *key = (struct key){.off = n->off, .len = n->len};
  key->column[sa] = a->name;
  key->column[sb] = b->name;
  /* rows of equal windows have equal times */
  bool derived = j->sides[0].schema->event_time >= 0 && j->sides[1].schema->event_time >= 0;
  for (int i = 0; i < 2 && derived; i++)
    derived = j->sides[i].schema->fields[j->sides[i].schema->event_time].hidden;
  bool bound = !strcmp(a->name, b->name) &&
               (!strcmp(a->name, "window_start") || !strcmp(a->name, "window_end"));
  if (derived && bound && j->lo == UNBOUND && j->hi == UNBOUND) {
    j->lo = j->hi = 0;
    j->time = n;
  }
  return true;
}

static bool reads_only(struct join *j, const struct mr_query_node *n, int32_t side) {
  if (n->kind == MR_QUERY_COLUMN) return side_of(j, n, true) == side;
  for (uint32_t i = 0; i < n->arg_cnt; i++)
    if (!reads_only(j, n->args[i], side)) return false;
  return true;
}

static void take_rest(struct join *j, const struct mr_query_node *n) {
  if (j->kind == MR_QUERY_INNER) {
    j->rest[j->rest_cnt++] = n;
  } else if (j->kind == MR_QUERY_LEFT && reads_only(j, n, 1)) {
    j->right_only[j->right_only_cnt++] = n;
  } else if (j->ok) {
    sql_error(j->s, MR_EXPR_NOT_SUPPORTED, n->off, n->len,
              "queries do not have conditions beside key and time in LEFT and FULL JOIN");
    j->ok = false;
  }
}

static void take_using(struct join *j) {
  for (uint32_t i = 0; i < j->f->using_cnt && j->key_cnt < MR_KEYS_MAX; i++) {
    struct key *key = &j->keys[j->key_cnt++];
    *key = (struct key){{j->f->using_[i], j->f->using_[i]}, j->f->off, j->f->len};
  }
}

static void refuse_unbounded(struct join *j) {
  const struct sql_rel *l = &j->sides[0], *r = &j->sides[1];
  struct mr_diag *d =
      sql_error(j->s, MR_EXPR_UNBOUNDED, j->f->off, j->f->len,
                "an unbounded join: without a bound in time it would keep all rows");
  const struct mr_schema *a = l->schema, *b = r->schema;
  const char *at = a->event_time < 0 ? "ts" : a->fields[a->event_time].name;
  const char *bt = b->event_time < 0 ? "ts" : b->fields[b->event_time].name;
  mr_diag_try(d, "ON ... AND %s.%s BETWEEN %s.%s - INTERVAL '5 minutes' AND %s.%s", r->alias, bt,
              l->alias, at, l->alias, at);
  j->ok = false;
}

static void split_on(struct join *j) {
  const struct mr_query_node **parts = NULL;
  uint32_t cnt = j->f->on ? sql_conjuncts(j->s, j->f->on, &parts) : 0;
  j->rest = MR_NEW(j->s->x->arena, const struct mr_query_node *, cnt + 1);
  j->right_only = MR_NEW(j->s->x->arena, const struct mr_query_node *, cnt + 1);
  for (uint32_t i = 0; i < cnt; i++) {
    const struct mr_query_node *n = parts[i];
    if (!take_window(j, n) && !take_time(j, n) && !take_key(j, n)) take_rest(j, n);
  }
  take_using(j);
  if (!j->ok) return;
  if (!j->key_cnt) {
    sql_error(j->s, MR_EXPR_NOT_SUPPORTED, j->f->off, j->f->len,
              "queries do not have a JOIN without equal columns");
    j->ok = false;
  } else if (!j->window && (j->lo == UNBOUND || j->hi == UNBOUND)) {
    refuse_unbounded(j);
  } else if (!j->window && (j->lo > 0 || j->hi < 0)) {
    sql_error(j->s, MR_EXPR_NOT_SUPPORTED, j->time->off, j->time->len,
              "queries do not have a JOIN whose times may not be equal");
    j->ok = false;
  }
}

/* ---- the step ---- */

static bool is_shared(const struct join *j, const char *name) {
  for (uint32_t i = 0; i < j->f->using_cnt; i++)
    if (!strcmp(j->f->using_[i], name)) return true;
  return false;
}

/* Names for all columns: their own where only one side has it, else alias_name. */
static struct sql_side *name_columns(struct join *j, struct mr_tree *select) {
  struct sql *s = j->s;
  static const char *const words[] = {"left", "right"};
  struct sql_side *sides = MR_NEW(s->x->arena, struct sql_side, 2);
  for (int i = 0; i < 2; i++) {
    const struct sql_rel *rel = &j->sides[i];
    sides[i] = (struct sql_side){.alias = rel->alias, .schema = rel->schema};
    sides[i].names = MR_NEW(s->x->arena, const char *, rel->schema->visible_cnt + 1);
    for (uint32_t c = 0; c < rel->schema->visible_cnt; c++) {
      const struct mr_field *f = &rel->schema->fields[c];
      const char *name = f->name;
      bool both = mr_schema_find(j->sides[1 - i].schema, name, strlen(name)) >= 0;
      if (f->outer) continue;
      if (both && !is_shared(j, name))
        name = mr_arena_printf(s->x->arena, "%s_%s", rel->alias, name);
      for (int k = 2; mr_tree_get(select, name) && !is_shared(j, f->name); k++)
        name = mr_arena_printf(s->x->arena, "%s_%s_%d", rel->alias, f->name, k);
      sides[i].names[c] = name;
      if (mr_tree_get(select, name)) continue;
      const char *value = mr_arena_printf(s->x->arena, "%s.\"%s\"", words[i], f->name);
      sql_put(s, select, name, sql_word(s, value, rel->off, rel->len), rel->off, rel->len);
    }
  }
  return sides;
}

/* SELECT's columns; false: reported, or not that simple. */
static bool list_columns(struct join *j, struct mr_tree *select) {
  struct sql *s = j->s;
  static const char *const words[] = {"left", "right"};
  for (uint32_t i = 0; i < j->list->item_cnt; i++) {
    const struct mr_query_item *item = &j->list->items[i];
    const struct mr_query_node *n = item->expr;
    int32_t side = !n->of && is_shared(j, n->name) ? 0 : side_of(j, n, true);
    const char *name = item->name ? item->name : n->name;
    if (side < 0) return false;
    if (mr_tree_get(select, name)) {
      sql_error(s, MR_CODE_DUPLICATE_KEY, item->name ? item->name_off : item->off,
                item->name ? item->name_len : item->len, "two columns are named \"%s\"", name);
      j->ok = false;
      return false;
    }
    const char *value = mr_arena_printf(s->x->arena, "%s.\"%s\"", words[side], n->name);
    sql_put(s, select, name, sql_word(s, value, n->off, n->len),
            item->name ? item->name_off : item->off, item->name ? item->name_len : item->len);
  }
  return true;
}

static void put_keys(struct join *j, struct mr_tree *step) {
  struct sql *s = j->s;
  static const char *const words[] = {"left", "right"};
  struct mr_tree *map = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, j->f->off, j->f->len));
  for (int i = 0; i < 2; i++) {
    struct mr_tree *list =
        mr_tree_new(s->x->arena, MR_TREE_LIST, sql_span(s, j->f->off, j->f->len));
    for (uint32_t k = 0; k < j->key_cnt; k++)
      mr_tree_add(s->x->arena, list, NULL,
                  sql_word(s, j->keys[k].column[i], j->keys[k].off, j->keys[k].len));
    sql_put(s, map, words[i], list, j->f->off, j->f->len);
  }
  sql_put(s, step, "key", map, j->f->off, j->f->len);
}

static void put_time(struct join *j, struct mr_tree *step) {
  struct sql *s = j->s;
  const struct mr_query_node *at = j->window ? j->window : j->time;
  struct mr_tree *map = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, at->off, at->len));
  if (j->window) {
    sql_put(s, map, "tumbling", sql_duration(s, at->args[1]), at->off, at->len);
  } else {
    struct mr_query_node before = *at, after = *at;
    before.i = -j->lo;
    after.i = j->hi;
    sql_put(s, map, "before", sql_duration(s, &before), at->off, at->len);
    sql_put(s, map, "after", sql_duration(s, &after), at->off, at->len);
  }
  sql_put(s, step, j->window ? "window" : "within", map, at->off, at->len);
}

static struct sql_rel add_join(struct join *j) {
  struct sql *s = j->s;
  static const char *const kinds[] = {"inner", "left", "left", "full"};
  uint32_t off = j->f->off, len = j->f->len;
  const struct sql_rel *l = &j->sides[0], *r = &j->sides[1];
  struct mr_tree *step = sql_step(s, "join", NULL, off, len);
  sql_put(s, step, "left", sql_word(s, l->from, l->off, l->len), l->off, l->len);
  sql_put(s, step, "right", sql_word(s, r->from, r->off, r->len), r->off, r->len);
  put_keys(j, step);
  put_time(j, step);
  if (j->kind != MR_QUERY_INNER)
    sql_put(s, step, "kind", sql_word(s, kinds[j->kind], off, len), off, len);
  struct mr_tree *select = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, off, len));
  bool listed = j->list && !j->rest_cnt;
  struct sql_side *sides = NULL;
  if (listed && !list_columns(j, select)) return (struct sql_rel){.off = off, .len = len};
  if (!listed) sides = name_columns(j, select);
  sql_put(s, step, "select", select, off, len);
  sql_hand_on(s, step, SQL_LATE | (l->derived && r->derived ? 0 : SQL_DELAY));
  struct sql_rel rel = sql_add(s, sql_name(s, j->prefix, "join"), step, NULL, l);
  rel.derived = true;
  rel.alias = NULL;
  rel.sides = sides;
  rel.side_cnt = sides ? 2 : 0;
  rel.listed = listed;
  if (!rel.from || !j->rest_cnt) return rel;
  struct sql_scope scope = {s, &rel};
  return sql_where(s, &rel, j->prefix, "on", j->rest, j->rest_cnt, sql_in_scope, &scope);
}

/* One side; its columns must be known. */
static bool read_side(struct join *j, int i, const struct mr_query_from *f) {
  struct sql *s = j->s;
  if (f->kind == MR_QUERY_JOIN) {
    struct mr_diag *d = sql_error(s, MR_EXPR_NOT_SUPPORTED, j->f->off, j->f->len,
                                  "queries do not have more than two streams in one JOIN");
    mr_diag_try(d, "join two of them in a subquery or WITH, and that with the third");
    return false;
  }
  struct sql_rel *rel = &j->sides[i];
  *rel = sql_from(s, f, j->prefix, NULL);
  if (!rel->from) return false;
  if (!rel->alias) {
    sql_error(s, MR_EXPR_NOT_SUPPORTED, f->off, 1,
              "a subquery in JOIN needs a name: (...) AS name");
    return false;
  }
  if (rel->schema) return true;
  struct mr_diag *d = sql_error(s, MR_EXPR_NOT_SUPPORTED, f->off, f->len,
                                "the columns of %s are not known here", rel->alias);
  mr_diag_label(d, "declare them under fields:");
  return false;
}

struct sql_rel sql_join(struct sql *s, const struct mr_query_from *f, const char *prefix) {
  struct sql_rel none = {.off = f->off, .len = f->len};
  struct join j = {.s = s, .f = f, .prefix = prefix, .kind = f->join, .list = s->list, .ok = true};
  s->list = NULL;
  bool turned = f->join == MR_QUERY_RIGHT;
  j.lo = j.hi = UNBOUND;
  if (turned) j.kind = MR_QUERY_LEFT;
  if (!mr_op_expand_has(s->x, "join", NULL)) {
    sql_error(s, MR_CODE_NOT_AVAILABLE, f->off, f->len,
              "JOIN is not available yet: there is no step join");
    return none;
  }
  s->inner++;
  bool read = read_side(&j, turned, f->left);
  read &= read_side(&j, !turned, f->right);
  s->inner--;
  if (!read) return none;
  if (!strcmp(j.sides[0].alias, j.sides[1].alias)) {
    sql_error(s, MR_EXPR_AMBIGUOUS_COLUMN, f->off, f->len,
              "both sides of JOIN are named %s; give one another name", j.sides[0].alias);
    return none;
  }
  if (f->using_cnt && f->join == MR_QUERY_FULL) {
    sql_error(s, MR_EXPR_NOT_SUPPORTED, f->off, f->len, "queries do not have FULL JOIN ... USING");
    return none;
  }
  split_on(&j);
  if (!j.ok) return none;
  if (j.right_only_cnt) {
    struct sql_scope scope = {s, &j.sides[1]};
    const char *name = mr_arena_printf(s->x->arena, "%s.%s", prefix, j.sides[1].alias);
    struct sql_rel right =
        sql_where(s, &j.sides[1], name, "on", j.right_only, j.right_only_cnt, sql_in_scope, &scope);
    if (!right.from) return none;
    j.sides[1] = right;
  }
  return add_join(&j);
}
