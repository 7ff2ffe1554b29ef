/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT without groups: WHERE is a filter, the list a map; UNION ALL. */
#include <string.h>

#include "operators/sql/sql.h"
#include "operators/sql/with.h"

#define DEPTH_MAX 32u /* subqueries inside each other */

/* ---- WHERE ---- */

struct sql_rel sql_where(struct sql *s, const struct sql_rel *in, const char *prefix,
                         const char *word, const struct mr_query_node *const *parts, uint32_t cnt,
                         sql_replace_fn fn, void *ctx) {
  uint32_t off = parts[0]->off, len = parts[0]->len;
  struct mr_tree *step = sql_step(s, "filter", in, off, len);
  sql_put(s, step, "where", sql_expr(s, parts, cnt, fn, ctx), off, len);
  struct sql_rel out = sql_add(s, sql_name(s, prefix, word), step, NULL, in);
  out.sides = in->sides; /* the columns are the same */
  out.side_cnt = in->side_cnt;
  return out;
}

/* The parts of WHERE but the one that is the bound of a ROW_NUMBER(). */
static struct sql_rel plan_where(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                                 const char *prefix, const struct mr_query_node *bound) {
  const struct mr_query_node **parts;
  if (!sql_check(s, in, q->where, "WHERE", false))
    return (struct sql_rel){.off = in->off, .len = in->len};
  uint32_t cnt = 1, kept = 0;
  if (bound) {
    cnt = sql_conjuncts(s, q->where, &parts);
    for (uint32_t i = 0; i < cnt; i++)
      if (parts[i] != bound) parts[kept++] = parts[i];
    if (!kept) return *in;
  } else {
    parts = MR_NEW(s->x->arena, const struct mr_query_node *, 1);
    parts[kept++] = q->where;
  }
  struct sql_scope scope = {s, in};
  return sql_where(s, in, prefix, "where", parts, kept, sql_in_scope, &scope);
}

/* ---- the list ---- */

struct list {
  struct sql *s;
  const struct sql_rel *in;
  struct mr_tree *columns; /* name: expression */
  bool ok;
};

static bool has_name(const struct mr_tree *map, const char *name) {
  return mr_tree_get(map, name) != NULL;
}

static void add_column(struct list *l, const char *name, uint32_t off, uint32_t len,
                       struct mr_tree *value) {
  if (!has_name(l->columns, name)) {
    sql_put(l->s, l->columns, name, value, off, len);
    return;
  }
  struct mr_diag *d =
      sql_error(l->s, MR_CODE_DUPLICATE_KEY, off, len, "two columns are named \"%s\"", name);
  mr_diag_label(d, "give one another name with AS");
  l->ok = false;
}

/* Do both sides of a join have it under one name (USING)? */
static bool is_shared(const struct sql_rel *in, const char *name) {
  const struct sql_side *first = &in->sides[0];
  for (uint32_t c = 0; c < first->schema->visible_cnt; c++)
    if (first->names[c] && !strcmp(first->names[c], name)) return true;
  return false;
}

static void add_star(struct list *l, const struct mr_query_item *item) {
  const struct sql_rel *in = l->in;
  bool found = false;
  for (uint32_t i = 0; i < in->side_cnt; i++) {
    const struct sql_side *side = &in->sides[i];
    if (item->star_of && strcmp(side->alias, item->star_of)) continue;
    found = true;
    for (uint32_t c = 0; c < side->schema->visible_cnt; c++)
      if (side->names[c] && !(i && is_shared(in, side->names[c])))
        add_column(l, side->names[c], item->off, item->len,
                   sql_word(l->s, sql_quoted(l->s, side->names[c]), item->off, item->len));
  }
  if (!in->sides && item->star_of && (!in->alias || strcmp(in->alias, item->star_of))) {
    sql_error(l->s, MR_EXPR_UNKNOWN_COLUMN, item->off, item->len,
              "no stream of this FROM is named \"%s\"", item->star_of);
    l->ok = false;
    return;
  }
  if (found || in->sides) return;
  if (!in->schema) {
    struct mr_diag *d = sql_error(l->s, MR_EXPR_NOT_SUPPORTED, item->off, item->len,
                                  "the columns of * are not known here");
    mr_diag_label(d, "declare them under fields:, or let * stand first and alone");
    l->ok = false;
    return;
  }
  for (uint32_t c = 0; c < in->schema->visible_cnt; c++) {
    const struct mr_field *f = &in->schema->fields[c];
    if (f->outer) {
      sql_error(l->s, MR_EXPR_NOT_SUPPORTED, item->off, item->len,
                "* has the struct %s, which is only written", f->outer);
      l->ok = false;
      return;
    }
    add_column(l, f->name, item->off, item->len,
               sql_word(l->s, sql_quoted(l->s, f->name), item->off, item->len));
  }
}

static void add_item(struct list *l, const struct mr_query_item *item) {
  if (item->star) {
    add_star(l, item);
    return;
  }
  const char *name = item->expr ? sql_item_name(l->s, item) : NULL;
  if (!name || !sql_check(l->s, l->in, item->expr, "SELECT without GROUP BY", false)) {
    l->ok = false;
    return;
  }
  struct sql_scope scope = {l->s, l->in};
  const struct mr_query_node *part = item->expr;
  add_column(l, name, item->name ? item->name_off : item->off,
             item->name ? item->name_len : item->len,
             sql_expr(l->s, &part, 1, sql_in_scope, &scope));
}

/* SELECT *, a + b AS c: columns are added, and what is there need not be known. */
static bool only_adds(const struct mr_query *q, const struct sql_rel *in, const char *rank) {
  uint32_t stars = 0;
  for (uint32_t i = 0; i < q->item_cnt; i++) {
    const struct mr_query_item *item = &q->items[i];
    stars += item->star;
    if (item->star && item->star_of && (!in->alias || strcmp(in->alias, item->star_of)))
      return false;
    if (item->star || !in->schema) continue;
    const char *name = item->name ? item->name : item->expr ? item->expr->name : NULL;
    if (name && (!rank || strcmp(name, rank)) &&
        mr_schema_find(in->schema, name, strlen(name)) >= 0)
      return false;
  }
  return !in->sides && stars == 1 && q->items[0].star;
}

/* Are these just the columns that are there, in their order? */
static bool is_same(const struct mr_tree *columns, const struct mr_schema *schema) {
  if (!schema || columns->cnt != schema->visible_cnt) return false;
  for (uint32_t i = 0; i < columns->cnt; i++) {
    const struct mr_field *f = &schema->fields[i];
    const char *name = columns->keys[i]->text, *value = columns->items[i]->text;
    size_t len = strlen(f->name);
    bool quoted = value[0] == '"' && !strncmp(value + 1, f->name, len) && value[len + 1] == '"';
    if (f->outer || strcmp(name, f->name) || (strcmp(value, f->name) && !quoted)) return false;
  }
  return true;
}

/* The number of a ROW_NUMBER() is there already. */
static void add_rank(struct list *l, const struct mr_query_item *item) {
  add_column(l, item->name, item->name_off, item->name_len,
             sql_word(l->s, sql_quoted(l->s, item->name), item->off, item->len));
}

static struct sql_rel plan_list(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                                const char *prefix, const struct sql_rank *rank) {
  struct list l = {.s = s, .in = in, .ok = true};
  bool adds = only_adds(q, in, rank ? rank->name : NULL);
  l.columns = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, q->off, q->len));
  for (uint32_t i = 0; i < q->item_cnt; i++) {
    const struct mr_query_item *item = &q->items[i];
    bool number =
        rank && item->expr && item->expr->over && item->name && !strcmp(item->name, rank->name);
    if (number && rank->read && !adds) add_rank(&l, item);
    if (!number && !(adds && item->star)) add_item(&l, item);
  }
  struct sql_rel none = {.off = in->off, .len = in->len};
  if (!l.ok) return none;
  if (adds ? !l.columns->cnt : !in->sides && is_same(l.columns, in->schema)) return *in;
  struct mr_tree *step = sql_step(s, "map", in, q->off, q->len);
  sql_put(s, step, adds ? "set" : "select", l.columns, q->off, q->len);
  return sql_add(s, sql_name(s, prefix, "select"), step, NULL, in);
}

/* ---- ROW_NUMBER() of the FROM ---- */

/* n of rn <= n, rn < n, rn = 1; NULL: no such bound. */
static const struct mr_query_node *bound_of(const struct mr_query_node *n, const char *rn) {
  if (n->kind != MR_QUERY_COMPARE || !strchr("l<=", n->op)) return NULL;
  if (n->args[0]->kind != MR_QUERY_COLUMN || strcmp(n->args[0]->name, rn)) return NULL;
  if (n->args[1]->kind != MR_QUERY_INT) return NULL;
  return n->op == '=' && n->args[1]->i != 1 ? NULL : n->args[1];
}

static bool names_column(const struct mr_query_node *n, const char *name,
                         const struct mr_query_node *but) {
  if (n == but) return false;
  if (n->kind == MR_QUERY_COLUMN && !strcmp(n->name, name)) return true;
  for (uint32_t i = 0; i < n->arg_cnt; i++)
    if (names_column(n->args[i], name, but)) return true;
  return false;
}

/* Does the query have the number for anything but its bound? */
static bool reads_number(const struct mr_query *q, const char *name,
                         const struct mr_query_node *bound) {
  bool read =
      names_column(q->where, name, bound) || (q->having && names_column(q->having, name, NULL));
  for (uint32_t i = 0; i < q->item_cnt && !read; i++)
    read = q->items[i].star || (q->items[i].expr && names_column(q->items[i].expr, name, NULL));
  for (uint32_t i = 0; i < q->group_cnt && !read; i++)
    read = names_column(q->groups[i], name, NULL);
  return read;
}

/* Does FROM's query number its rows, and WHERE keep the first ones? */
static bool find_rank(struct sql *s, const struct mr_query *q, struct sql_rank *rank) {
  const struct mr_query *sub = NULL;
  struct sql_with *w = NULL;
  if (!q->from || !q->where) return false;
  if (q->from->kind == MR_QUERY_SUBQUERY) sub = q->from->sub;
  if (q->from->kind == MR_QUERY_TABLE && !q->from->output) w = sql_find_with(s, q->from->node);
  if (w) sub = w->query;
  for (uint32_t i = 0; sub && i < sub->item_cnt; i++) {
    const struct mr_query_item *item = &sub->items[i];
    if (!item->expr || !item->expr->over || !item->name) continue;
    if (strcmp(item->expr->name, "row_number")) continue;
    const struct mr_query_node **parts;
    uint32_t cnt = sql_conjuncts(s, q->where, &parts);
    for (uint32_t k = 0; k < cnt; k++) {
      rank->n = bound_of(parts[k], item->name);
      rank->bound = parts[k];
      rank->name = item->name;
      rank->read = reads_number(q, item->name, parts[k]);
      if (rank->n) return true;
    }
  }
  return false;
}

/* ---- UNION ALL ---- */

static bool same_types(struct sql *s, const struct mr_query *q, const struct mr_schema *a,
                       const struct mr_schema *b) {
  if (!a || !b) return true;
  if (a->visible_cnt != b->visible_cnt) {
    sql_error(s, MR_EXPR_MIXED_TYPES, q->off, q->len,
              "the sides of UNION ALL have %u and %u columns", a->visible_cnt, b->visible_cnt);
    return false;
  }
  bool ok = true;
  for (uint32_t c = 0; c < a->visible_cnt; c++) {
    const struct mr_field *x = &a->fields[c], *y = &b->fields[c];
    char xs[256], ys[256];
    if (x->type == y->type && x->elem == y->elem) continue;
    const struct mr_query *right = q->right;
    bool own = right->item_cnt == b->visible_cnt && !right->items[c].star;
    sql_error(s, MR_EXPR_MIXED_TYPES, own ? right->items[c].off : q->off,
              own ? right->items[c].len : q->len,
              "column %u of UNION ALL (%s) is %s on the left and %s on the right", c + 1, x->name,
              mr_field_type_text(x, xs, sizeof xs), mr_field_type_text(y, ys, sizeof ys));
    ok = false;
  }
  return ok;
}

static bool codes_differ(const struct mr_field *a, const struct mr_field *b) {
  struct mr_field x = *a, y = *b;
  x.name = y.name = "";
  struct mr_schema one = {.cnt = 1, .visible_cnt = 1, .fields = &x};
  struct mr_schema two = {.cnt = 1, .visible_cnt = 1, .fields = &y};
  return !mr_schema_equal(&one, &two);
}

/* Gives a side the left one's names, and plain text where the two have different lists of words. */
static struct sql_rel align(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                            const struct sql_rel *left, const struct sql_rel *right,
                            const char *prefix) {
  struct mr_tree *columns = mr_tree_new(s->x->arena, MR_TREE_MAP, sql_span(s, q->off, q->len));
  for (uint32_t c = 0; c < in->schema->visible_cnt; c++) {
    const char *value = sql_quoted(s, in->schema->fields[c].name);
    if (codes_differ(&left->schema->fields[c], &right->schema->fields[c]))
      value = mr_arena_printf(s->x->arena, "%s || ''", value);
    sql_put(s, columns, left->schema->fields[c].name, sql_word(s, value, q->off, q->len), q->off,
            q->len);
  }
  struct mr_tree *step = sql_step(s, "map", in, q->off, q->len);
  sql_put(s, step, "select", columns, q->off, q->len);
  return sql_add(s, sql_name(s, prefix, "columns"), step, NULL, in);
}

/* The rows of a node once more, under a name of their own. */
static struct sql_rel pass(struct sql *s, const struct sql_rel *in, const char *prefix) {
  struct mr_tree *step = sql_step(s, "filter", in, in->off, in->len);
  sql_put(s, step, "where", sql_word(s, "true", in->off, in->len), in->off, in->len);
  return sql_add(s, sql_name(s, prefix, "all"), step, NULL, in);
}

static struct sql_rel plan_union(struct sql *s, const struct mr_query *q, const char *prefix) {
  struct sql_rel none = {.off = q->off, .len = q->len};
  const char *l_prefix = mr_arena_printf(s->x->arena, "%s.left", prefix);
  const char *r_prefix = mr_arena_printf(s->x->arena, "%s.right", prefix);
  struct sql_rel left = sql_query(s, q->left, q->left->left ? prefix : l_prefix, NULL);
  bool nameless = s->nameless;
  s->nameless = true;
  struct sql_rel right = sql_query(s, q->right, r_prefix, NULL);
  s->nameless = nameless;
  if (!left.from || !right.from || !same_types(s, q, left.schema, right.schema)) return none;
  if (left.schema && right.schema && !mr_schema_equal(left.schema, right.schema)) {
    bool words = false;
    for (uint32_t c = 0; c < left.schema->visible_cnt; c++)
      words |= codes_differ(&left.schema->fields[c], &right.schema->fields[c]);
    struct sql_rel l = left, r = right;
    if (words) left = align(s, q, &l, &l, &r, l_prefix);
    right = align(s, q, &r, &l, &r, r_prefix);
    if (!left.from || !right.from) return none;
  }
  struct mr_tree *step = sql_step(s, "merge", NULL, q->off, q->len);
  struct mr_tree *list = mr_tree_new(s->x->arena, MR_TREE_LIST, sql_span(s, q->off, q->len));
  if (!strcmp(left.from, right.from)) right = pass(s, &right, r_prefix); /* its rows twice */
  if (!right.from) return none;
  mr_tree_add(s->x->arena, list, NULL, sql_word(s, left.from, left.off, left.len));
  mr_tree_add(s->x->arena, list, NULL, sql_word(s, right.from, right.off, right.len));
  sql_put(s, step, "from", list, q->off, q->len);
  left.alias = NULL;
  return sql_add(s, sql_name(s, prefix, "union"), step, NULL, &left);
}

/* ---- one SELECT ---- */

static void add_withs(struct sql *s, const struct mr_query *q, const char *prefix) {
  for (uint32_t i = 0; i < q->with_cnt; i++) {
    struct sql_with *w = MR_NEW(s->x->arena, struct sql_with, 1);
    *w = (struct sql_with){.name = q->withs[i].name,
                           .query = q->withs[i].query,
                           .next = s->withs,
                           .prefix =
                               mr_arena_printf(s->x->arena, "%s.%s", prefix, q->withs[i].name)};
    s->withs = w;
  }
}

static bool has_groups(const struct mr_query *q) {
  if (q->group_cnt || q->having) return true;
  for (uint32_t i = 0; i < q->item_cnt; i++)
    if (q->items[i].expr && sql_find_aggregate(q->items[i].expr)) return true;
  return false;
}

/* Is all that a join's rows go through a choice of columns? Then the join makes it. */
static bool only_chooses(const struct mr_query *q) {
  if (q->from->kind != MR_QUERY_JOIN || q->where || q->distinct || has_groups(q)) return false;
  for (uint32_t i = 0; i < q->item_cnt; i++)
    if (!q->items[i].expr || q->items[i].expr->kind != MR_QUERY_COLUMN) return false;
  return true;
}

static struct sql_rel plan_select(struct sql *s, const struct mr_query *q, const char *prefix,
                                  const struct sql_rank *rank) {
  struct sql_rank inner = {0};
  struct sql_rel none = {.off = q->off, .len = q->len};
  if (!q->from) return none;
  bool ranked = find_rank(s, q, &inner);
  bool groups = has_groups(q), regroups = groups || q->distinct || rank;
  s->list = !rank && only_chooses(q) ? q : NULL;
  s->inner += regroups;
  struct sql_rel rel = sql_from(s, q->from, prefix, ranked ? &inner : NULL);
  s->inner -= regroups;
  s->list = NULL;
  if (!rel.from) return rel;
  if (q->where) rel = plan_where(s, q, &rel, prefix, ranked ? inner.bound : NULL);
  if (!rel.from) return rel;
  if (groups) rel = sql_group(s, q, &rel, prefix, rank);
  if (rel.from && rank && !groups) rel = sql_top(s, q, &rel, prefix, rank, NULL);
  if (rel.from && !groups && !rel.listed) rel = plan_list(s, q, &rel, prefix, rank);
  if (rel.from && q->distinct) rel = sql_distinct(s, q, &rel, prefix, groups);
  return rel;
}

struct sql_rel sql_query(struct sql *s, const struct mr_query *q, const char *prefix,
                         const struct sql_rank *rank) {
  struct sql_with *withs = s->withs;
  struct sql_rel rel = {.off = q->off, .len = q->len};
  if (++s->depth > DEPTH_MAX) {
    sql_error(s, MR_EXPR_TOO_LARGE, q->off, q->len, "more than %u queries inside each other",
              DEPTH_MAX);
    return rel;
  }
  add_withs(s, q, prefix);
  rel = q->left ? plan_union(s, q, prefix) : plan_select(s, q, prefix, rank);
  s->withs = withs;
  s->depth--;
  return rel;
}
