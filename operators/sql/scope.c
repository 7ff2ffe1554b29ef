/* SPDX-License-Identifier: Apache-2.0 */
/* Which column of which stream a name means, and what may stand in an expression. */
#include <string.h>

#include "operators/sql/sql.h"

/* ---- names ---- */

static const struct sql_side *find_side(const struct sql_rel *rel, const char *alias) {
  for (uint32_t i = 0; i < rel->side_cnt; i++)
    if (!strcmp(rel->sides[i].alias, alias)) return &rel->sides[i];
  return NULL;
}

static const char *column_of(const struct sql_side *side, const char *name) {
  int32_t c = mr_schema_find(side->schema, name, strlen(name));
  return c < 0 ? NULL : side->names[c];
}

static void report_stream(struct sql *s, const struct sql_rel *rel, const struct mr_query_node *n) {
  struct mr_diag *d = sql_error(s, MR_EXPR_UNKNOWN_COLUMN, n->off, (uint32_t)strlen(n->of),
                                "no stream of this FROM is named \"%s\"", n->of);
  const char *names[MR_NODES_MAX + 1] = {0};
  uint32_t cnt = 0;
  for (; cnt < rel->side_cnt && cnt < MR_NODES_MAX; cnt++) names[cnt] = rel->sides[cnt].alias;
  if (!rel->sides) names[0] = rel->alias;
  const char *near = mr_opt_nearest(n->of, names);
  if (near) mr_diag_label(d, "did you mean \"%s\"?", near);
}

static const char *report_column(struct sql *s, const struct sql_rel *rel,
                                 const struct mr_query_node *n) {
  const char *names[MR_COLUMNS_MAX * 2 + 1] = {0};
  uint32_t cnt = 0;
  struct mr_diag *d =
      sql_error(s, MR_EXPR_UNKNOWN_COLUMN, n->off, n->len, "no column is named \"%s\"", n->name);
  for (uint32_t i = 0; i < rel->side_cnt; i++) {
    const struct sql_side *side = &rel->sides[i];
    if (n->of && strcmp(side->alias, n->of)) continue;
    for (uint32_t c = 0; c < side->schema->visible_cnt && cnt < MR_COLUMNS_MAX * 2; c++)
      names[cnt++] = side->schema->fields[c].name;
  }
  const char *near = mr_opt_nearest(n->name, names);
  if (near) mr_diag_label(d, "did you mean \"%s\"?", near);
  return NULL;
}

/* Behind a join a name without a stream must be in one of them alone. */
static const char *side_column(struct sql *s, const struct sql_rel *rel,
                               const struct mr_query_node *n, bool loud) {
  const char *found = NULL;
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < rel->side_cnt; i++) {
    const char *name = column_of(&rel->sides[i], n->name);
    if (!name) continue;
    cnt += !found || strcmp(found, name); /* a column of USING is one */
    found = name;
  }
  if (!cnt) return loud ? report_column(s, rel, n) : NULL;
  if (cnt == 1) return found;
  if (!loud) return NULL;
  struct mr_diag *d = sql_error(s, MR_EXPR_AMBIGUOUS_COLUMN, n->off, n->len,
                                "\"%s\" is a column of several streams", n->name);
  mr_diag_try(d, "%s.%s", rel->sides[0].alias, n->name);
  return NULL;
}

static const char *find_column(struct sql *s, const struct sql_rel *rel,
                               const struct mr_query_node *n, bool loud) {
  if (rel->sides && !n->of) return side_column(s, rel, n, loud);
  if (!n->of) return n->name;
  if (!rel->sides && rel->alias && !strcmp(rel->alias, n->of)) return n->name;
  const struct sql_side *side = rel->sides ? find_side(rel, n->of) : NULL;
  if (!side) {
    if (loud) report_stream(s, rel, n);
    return NULL;
  }
  const char *name = column_of(side, n->name);
  return name || !loud ? name : report_column(s, rel, n);
}

const char *sql_column(struct sql *s, const struct sql_rel *rel, const struct mr_query_node *n) {
  return find_column(s, rel, n, false);
}

const char *sql_in_scope(void *scope, const struct mr_query_node *n) {
  const struct sql_scope *sc = scope;
  if (n->kind != MR_QUERY_COLUMN) return NULL;
  const char *name = find_column(sc->s, sc->rel, n, false);
  if (!name || (!n->of && !strcmp(name, n->name))) return NULL;
  return sql_quoted(sc->s, name);
}

/* ---- what may stand there ---- */

const struct mr_query_node *sql_find_aggregate(const struct mr_query_node *n) {
  if (n->kind == MR_QUERY_AGGREGATE) return n;
  const struct mr_query_node *found = NULL;
  for (uint32_t i = 0; i < n->arg_cnt && !found; i++) found = sql_find_aggregate(n->args[i]);
  return found;
}

const struct mr_query_node *sql_find_over(const struct mr_query_node *n) {
  if (n->over) return n;
  const struct mr_query_node *found = NULL;
  for (uint32_t i = 0; i < n->arg_cnt && !found; i++) found = sql_find_over(n->args[i]);
  return found;
}

static bool check_columns(struct sql *s, const struct sql_rel *rel, const struct mr_query_node *n) {
  if (n->kind == MR_QUERY_COLUMN) return find_column(s, rel, n, true) != NULL;
  bool ok = true;
  for (uint32_t i = 0; i < n->arg_cnt; i++) ok &= check_columns(s, rel, n->args[i]);
  return ok;
}

bool sql_check(struct sql *s, const struct sql_rel *rel, const struct mr_query_node *n,
               const char *clause, bool aggregates) {
  const struct mr_query_node *over = sql_find_over(n), *agg = sql_find_aggregate(n);
  if (over) {
    struct mr_diag *d = sql_error(s, MR_EXPR_NOT_SUPPORTED, over->off, over->len,
                                  "queries do not have the window function %s here", over->name);
    if (!strcmp(over->name, "row_number"))
      mr_diag_try(d, "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start "
                     "ORDER BY n DESC) AS rn FROM ...) WHERE rn <= 3");
    return false;
  }
  if (agg && !aggregates) {
    struct mr_diag *d = sql_error(s, MR_EXPR_AGGREGATE, agg->off, agg->len,
                                  "the aggregate %s is not possible in %s", agg->name, clause);
    if (!strcmp(clause, "WHERE")) mr_diag_try(d, "HAVING ...");
    return false;
  }
  return check_columns(s, rel, n);
}

uint32_t sql_conjuncts(struct sql *s, const struct mr_query_node *n,
                       const struct mr_query_node ***parts) {
  uint32_t cnt = n->kind == MR_QUERY_AND ? n->arg_cnt : 1, total = 0;
  const struct mr_query_node ***lists = MR_NEW(s->x->arena, const struct mr_query_node **, cnt + 1);
  uint32_t *cnts = MR_NEW(s->x->arena, uint32_t, cnt + 1);
  if (n->kind != MR_QUERY_AND) {
    *parts = MR_NEW(s->x->arena, const struct mr_query_node *, 1);
    (*parts)[0] = n;
    return 1;
  }
  for (uint32_t i = 0; i < cnt; i++) total += cnts[i] = sql_conjuncts(s, n->args[i], &lists[i]);
  *parts = MR_NEW(s->x->arena, const struct mr_query_node *, total + 1);
  uint32_t at = 0;
  for (uint32_t i = 0; i < cnt; i++)
    for (uint32_t k = 0; k < cnts[i]; k++) (*parts)[at++] = lists[i][k];
  return total;
}

const char *sql_item_name(struct sql *s, const struct mr_query_item *item) {
  if (item->name) return item->name;
  const struct mr_query_node *n = item->expr;
  bool named = n->kind == MR_QUERY_COLUMN || n->kind == MR_QUERY_AGGREGATE ||
               (n->kind == MR_QUERY_CALL && !n->over && n->name[0] >= 'a' && n->name[0] <= 'z');
  if (named) return n->name;
  if (s->nameless) return mr_arena_printf(s->x->arena, "column_%u", item->off);
  struct mr_diag *d =
      sql_error(s, MR_EXPR_SYNTAX, item->off, item->len, "a column that is computed needs a name");
  mr_diag_try(d, "%.*s AS name", (int)(item->len > 60 ? 60 : item->len), s->text + item->off);
  return NULL;
}
