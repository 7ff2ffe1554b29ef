/* SPDX-License-Identifier: Apache-2.0 */
/* A SELECT statement: from the grammar's tree to ours. The grammar gives few places of clauses, so
 * they are found among the tokens, from an expression of the clause backwards to its word. */
#include "expr/query.h"

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "expr/ast_private.h"

#define ALIASES_MAX 64u /* subqueries without a name in one query */

struct parser {
  struct ast_source src;
  const char *text;
};

static struct mr_query *make_select(struct parser *ps, const PgQuery__SelectStmt *s, uint32_t from);

/* ---- tokens ---- */

/* The last token of this kind at or before token i; i itself if there is none. */
static uint32_t back_to(const struct parser *ps, uint32_t i, int32_t token) {
  for (uint32_t k = i;; k--) {
    if (ast_token_is(&ps->src, k, token)) return k;
    if (!k) return i;
  }
}

/* The first token of this kind at or behind token i; i itself if there is none. */
static uint32_t ahead_to(const struct parser *ps, uint32_t i, int32_t token) {
  for (uint32_t k = i; k < ps->src.token_cnt; k++)
    if (ast_token_is(&ps->src, k, token)) return k;
  return i;
}

static void span(const struct parser *ps, uint32_t lo, uint32_t hi, uint32_t *off, uint32_t *len) {
  *off = ps->src.tokens[lo].off;
  *len = ps->src.tokens[hi].end - *off;
}

static void refuse(const struct parser *ps, uint32_t at, const char *what, const char *hint) {
  ast_refuse(&ps->src, at < ps->src.token_cnt ? at : ps->src.token_cnt - 1, what, hint);
}

/* ---- expressions ---- */

static enum mr_query_kind kind_of(const struct ast_node *n) {
  switch ((enum ast_kind)n->kind) {
  case AST_COLUMN: return MR_QUERY_COLUMN;
  case AST_INT: return MR_QUERY_INT;
  case AST_STRING: return MR_QUERY_STRING;
  case AST_DURATION: return MR_QUERY_DURATION;
  case AST_AND: return MR_QUERY_AND;
  case AST_CMP: return MR_QUERY_COMPARE;
  case AST_BETWEEN: return MR_QUERY_BETWEEN;
  case AST_ARITH: return MR_QUERY_ARITH;
  case AST_CALL: return !n->over && ast_agg_func(n->name) >= 0 ? MR_QUERY_AGGREGATE : MR_QUERY_CALL;
  default: return MR_QUERY_OTHER;
  }
}

static struct mr_query_node *make_expr(struct parser *ps, const PgQuery__Node *pg);

static struct mr_query_order *make_order(struct parser *ps, PgQuery__Node **list, size_t cnt) {
  struct mr_query_order *out = MR_NEW(ps->src.arena, struct mr_query_order, cnt + 1);
  for (size_t i = 0; i < cnt; i++) {
    const PgQuery__SortBy *by = list[i]->sort_by;
    out[i].expr = make_expr(ps, by->node);
    out[i].descending = by->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
    if (by->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST) out[i].nulls = 1;
    if (by->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST) out[i].nulls = 2;
  }
  return out;
}

static const struct mr_query_over *make_over(struct parser *ps, const struct ast_node *n) {
  static const int32_t plain_frame = 0x422; /* what the grammar sets when no frame is written */
  const PgQuery__WindowDef *w = n->over;
  struct mr_query_over *over = MR_NEW(ps->src.arena, struct mr_query_over, 1);
  if (*w->name || *w->refname) refuse(ps, n->tok_hi, "WINDOW names", "OVER (PARTITION BY ...)");
  if (w->frame_options & ~plain_frame) refuse(ps, n->tok_hi, "frames of OVER", NULL);
  over->partition = MR_NEW(ps->src.arena, struct mr_query_node *, w->n_partition_clause + 1);
  over->partition_cnt = (uint32_t)w->n_partition_clause;
  for (size_t i = 0; i < w->n_partition_clause; i++)
    over->partition[i] = make_expr(ps, w->partition_clause[i]);
  over->order_cnt = (uint32_t)w->n_order_clause;
  over->order = make_order(ps, w->order_clause, w->n_order_clause);
  return over;
}

static struct mr_query_node *mirror(struct parser *ps, const struct ast_node *n) {
  static const char ops[] = {'=', '!', '<', 'l', '>', 'g'};
  struct mr_query_node *q = MR_NEW(ps->src.arena, struct mr_query_node, 1);
  q->kind = kind_of(n);
  q->off = n->off;
  q->len = n->len;
  q->name = n->name;
  q->of = n->of;
  q->i = n->i;
  q->op = n->kind == AST_CMP ? ops[n->op] : (char)n->op;
  q->negated = n->negated;
  q->ast = n;
  q->args = MR_NEW(ps->src.arena, struct mr_query_node *, n->arg_cnt + 2);
  for (uint32_t i = 0; i < n->arg_cnt; i++) q->args[q->arg_cnt++] = mirror(ps, n->args[i]);
  if (n->filter) q->args[q->arg_cnt++] = mirror(ps, n->filter);
  if (n->over) q->over = make_over(ps, n);
  return q;
}

static struct mr_query_node *make_expr(struct parser *ps, const PgQuery__Node *pg) {
  if (!pg) return NULL;
  const struct ast_node *n = ast_convert(&ps->src, pg);
  return n ? mirror(ps, n) : NULL;
}

bool mr_query_same(const struct mr_query_node *a, const struct mr_query_node *b) {
  return ast_same(a->ast, b->ast);
}

/* ---- the list of SELECT ---- */

static bool has_star(const PgQuery__Node *val) {
  if (!val || val->node_case != PG_QUERY__NODE__NODE_COLUMN_REF) return false;
  const PgQuery__ColumnRef *c = val->column_ref;
  return c->n_fields && c->fields[c->n_fields - 1]->node_case == PG_QUERY__NODE__NODE_A_STAR;
}

/* AS name: behind the value, its closing brackets and the word. */
static void name_item(struct parser *ps, struct mr_query_item *item, const char *name) {
  uint32_t k = item->expr->ast->tok_hi + 1;
  while (ast_token_is(&ps->src, k, ')')) k++;
  if (ast_token_is(&ps->src, k, PG_QUERY__TOKEN__AS)) k++;
  if (k >= ps->src.token_cnt) k = ps->src.token_cnt - 1;
  item->name = ast_name_at(&ps->src, k, name);
  span(ps, k, k, &item->name_off, &item->name_len);
}

static void make_item(struct parser *ps, const PgQuery__ResTarget *t, struct mr_query_item *item) {
  uint32_t at = ast_token_at(&ps->src, t->location);
  span(ps, at, at, &item->off, &item->len);
  item->star = has_star(t->val);
  if (item->star) {
    const PgQuery__ColumnRef *c = t->val->column_ref;
    if (c->n_fields > 2) refuse(ps, at, "names of more than two parts", NULL);
    if (c->n_fields == 2) {
      item->star_of = ast_name_at(&ps->src, at, c->fields[0]->string->sval);
      span(ps, at, at + 2 < ps->src.token_cnt ? at + 2 : at, &item->off, &item->len);
    }
    return;
  }
  item->expr = make_expr(ps, t->val);
  if (!item->expr) return;
  item->off = item->expr->off;
  item->len = item->expr->len;
  if (t->name && *t->name) name_item(ps, item, t->name);
}

/* ---- FROM ---- */

static struct mr_query_from *make_from(struct parser *ps, const PgQuery__Node *pg, uint32_t behind);

/* An alias behind token k; its columns are refused. */
static const char *alias_at(struct parser *ps, const PgQuery__Alias *alias, uint32_t k) {
  if (!alias) return NULL;
  if (ast_token_is(&ps->src, k, PG_QUERY__TOKEN__AS)) k++;
  if (k >= ps->src.token_cnt) return alias->aliasname;
  if (alias->n_colnames) refuse(ps, k, "names of columns behind an alias", NULL);
  return ast_name_at(&ps->src, k, alias->aliasname);
}

static struct mr_query_from *make_table(struct parser *ps, const PgQuery__RangeVar *r) {
  struct mr_query_from *f = MR_NEW(ps->src.arena, struct mr_query_from, 1);
  uint32_t at = ast_token_at(&ps->src, r->location), last = at;
  f->kind = MR_QUERY_TABLE;
  if (r->catalogname && *r->catalogname) refuse(ps, at, "names of three parts", NULL);
  if (r->schemaname && *r->schemaname) {
    last = at + 2 < ps->src.token_cnt ? at + 2 : at;
    f->node = ast_name_at(&ps->src, at, r->schemaname);
    f->output = ast_name_at(&ps->src, last, r->relname);
  } else {
    f->node = ast_name_at(&ps->src, at, r->relname);
  }
  span(ps, at, last, &f->off, &f->len);
  f->alias = alias_at(ps, r->alias, last + 1);
  return f;
}

static struct mr_query_from *make_sub(struct parser *ps, const PgQuery__RangeSubselect *r,
                                      uint32_t behind) {
  struct mr_query_from *f = MR_NEW(ps->src.arena, struct mr_query_from, 1);
  uint32_t open = ahead_to(ps, behind, '('), close = ast_closing(&ps->src, open);
  f->kind = MR_QUERY_SUBQUERY;
  span(ps, open, close, &f->off, &f->len);
  if (r->lateral) refuse(ps, open ? open - 1 : 0, "LATERAL", NULL);
  if (r->subquery && r->subquery->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
    f->sub = make_select(ps, r->subquery->select_stmt, open);
  if (!f->sub) return NULL;
  bool named = true;
  for (uint32_t i = 0; i < ps->src.insert_cnt; i++)
    named &= ps->src.inserts[i] != ps->src.tokens[close].end;
  if (named) f->alias = alias_at(ps, r->alias, close + 1);
  return f;
}

/* The word JOIN that stands before the right side: JOINs of one FROM nest to the left. */
static uint32_t find_join(const struct parser *ps, const struct mr_query_from *left) {
  uint32_t i = 0, end = left->off + left->len, nest = 0;
  while (i + 1 < ps->src.token_cnt && ps->src.tokens[i].off < end) i++;
  for (; i < ps->src.token_cnt; i++) {
    if (ast_token_is(&ps->src, i, '(')) nest++;
    if (ast_token_is(&ps->src, i, ')') && nest) nest--;
    if (!nest && ast_token_is(&ps->src, i, PG_QUERY__TOKEN__JOIN)) return i;
  }
  return 0;
}

static void make_using(struct parser *ps, const PgQuery__JoinExpr *j, struct mr_query_from *f,
                       uint32_t at) {
  const char **names = MR_NEW(ps->src.arena, const char *, j->n_using_clause + 1);
  uint32_t k = ahead_to(ps, at, PG_QUERY__TOKEN__USING) + 2;
  for (size_t i = 0; i < j->n_using_clause; i++, k += 2)
    names[i] = k < ps->src.token_cnt ? ast_name_at(&ps->src, k, j->using_clause[i]->string->sval)
                                     : j->using_clause[i]->string->sval;
  f->using_ = names;
  f->using_cnt = (uint32_t)j->n_using_clause;
}

/* Bytes up to which a tree of FROM reaches, so that the next JOIN is found behind them. */
static uint32_t end_of(const struct mr_query_from *f) {
  if (f->kind != MR_QUERY_JOIN) return f->off + f->len;
  return f->on ? f->on->off + f->on->len : end_of(f->right);
}

static struct mr_query_from *make_join(struct parser *ps, const PgQuery__JoinExpr *j,
                                       uint32_t behind) {
  struct mr_query_from *f = MR_NEW(ps->src.arena, struct mr_query_from, 1);
  f->kind = MR_QUERY_JOIN;
  f->left = make_from(ps, j->larg, behind);
  if (!f->left) return NULL;
  struct mr_query_from upto = {.off = end_of(f->left)};
  uint32_t at = find_join(ps, &upto);
  span(ps, at, at, &f->off, &f->len);
  f->right = make_from(ps, j->rarg, at + 1);
  if (!f->right) return NULL;
  if (j->is_natural) refuse(ps, at, "NATURAL JOIN", "JOIN ... ON a.key = b.key AND ...");
  if (j->alias) refuse(ps, at, "a name for a whole JOIN", NULL);
  switch (j->jointype) {
  case PG_QUERY__JOIN_TYPE__JOIN_LEFT: f->join = MR_QUERY_LEFT; break;
  case PG_QUERY__JOIN_TYPE__JOIN_RIGHT: f->join = MR_QUERY_RIGHT; break;
  case PG_QUERY__JOIN_TYPE__JOIN_FULL: f->join = MR_QUERY_FULL; break;
  default: f->join = MR_QUERY_INNER; break;
  }
  f->on = make_expr(ps, j->quals);
  if (j->n_using_clause) make_using(ps, j, f, at);
  return f;
}

/* Token `behind` stands before what is made. */
static struct mr_query_from *make_from(struct parser *ps, const PgQuery__Node *pg,
                                       uint32_t behind) {
  switch (pg->node_case) {
  case PG_QUERY__NODE__NODE_RANGE_VAR: return make_table(ps, pg->range_var);
  case PG_QUERY__NODE__NODE_RANGE_SUBSELECT: return make_sub(ps, pg->range_subselect, behind);
  case PG_QUERY__NODE__NODE_JOIN_EXPR: return make_join(ps, pg->join_expr, behind);
  case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE:
    refuse(ps, behind, "TABLESAMPLE", "a step of type sample");
    return NULL;
  default:
    refuse(ps, behind, "functions in FROM",
           "GROUP BY tumble(time, INTERVAL '5 minutes'), ... for windows");
    return NULL;
  }
}

/* ---- one SELECT ---- */

/* The first token of a SELECT that begins behind token i. */
static uint32_t find_select(const struct parser *ps, uint32_t i) {
  return ahead_to(ps, i, PG_QUERY__TOKEN__SELECT);
}

/* What stands behind the rows: nothing of it makes sense for a stream without an end. */
static void refuse_tail(struct parser *ps, const PgQuery__SelectStmt *s, uint32_t at) {
  if (s->n_sort_clause) {
    const struct mr_query_order *o = make_order(ps, s->sort_clause, 1);
    uint32_t k = o->expr ? back_to(ps, o->expr->ast->tok_lo, PG_QUERY__TOKEN__ORDER) : at;
    refuse(ps, k, s->limit_count ? "ORDER BY ... LIMIT over a stream" : "ORDER BY without LIMIT",
           "ROW_NUMBER() OVER (PARTITION BY window_start, ... ORDER BY ...) <= n");
  } else if (s->limit_count) {
    const struct mr_query_node *n = make_expr(ps, s->limit_count);
    refuse(ps, n ? back_to(ps, n->ast->tok_lo, PG_QUERY__TOKEN__LIMIT) : at, "LIMIT over a stream",
           "millrace run --count N");
  }
  if (s->limit_offset) {
    const struct mr_query_node *n = make_expr(ps, s->limit_offset);
    refuse(ps, n ? back_to(ps, n->ast->tok_lo, PG_QUERY__TOKEN__OFFSET) : at, "OFFSET", NULL);
  }
  if (s->n_locking_clause) refuse(ps, ahead_to(ps, at, PG_QUERY__TOKEN__FOR), "FOR UPDATE", NULL);
}

static void make_withs(struct parser *ps, const PgQuery__WithClause *w, struct mr_query *q) {
  uint32_t at = ast_token_at(&ps->src, w->location);
  if (w->recursive) refuse(ps, at, "WITH RECURSIVE", NULL);
  q->withs = MR_NEW(ps->src.arena, struct mr_query_with, w->n_ctes + 1);
  for (size_t i = 0; i < w->n_ctes; i++) {
    const PgQuery__CommonTableExpr *c = w->ctes[i]->common_table_expr;
    uint32_t name_at = ast_token_at(&ps->src, c->location);
    struct mr_query_with *out = &q->withs[q->with_cnt];
    out->name = ast_name_at(&ps->src, name_at, c->ctename);
    span(ps, name_at, name_at, &out->off, &out->len);
    if (c->n_aliascolnames) refuse(ps, name_at, "names of columns behind a WITH", NULL);
    if (c->ctequery && c->ctequery->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
      out->query = make_select(ps, c->ctequery->select_stmt, name_at);
    else
      refuse(ps, name_at, "anything but SELECT in WITH", NULL);
    if (out->query) q->with_cnt++;
  }
}

static void make_distinct(struct parser *ps, const PgQuery__SelectStmt *s, struct mr_query *q,
                          uint32_t at) {
  uint32_t k = ahead_to(ps, at, PG_QUERY__TOKEN__DISTINCT);
  q->distinct = true;
  span(ps, k, k, &q->distinct_off, &q->distinct_len);
  if (s->distinct_clause[0]->node_case != PG_QUERY__NODE__NODE__NOT_SET)
    refuse(ps, k, "DISTINCT ON", "ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) = 1");
}

static void make_groups(struct parser *ps, const PgQuery__SelectStmt *s, struct mr_query *q,
                        uint32_t at) {
  q->groups = MR_NEW(ps->src.arena, struct mr_query_node *, s->n_group_clause + 1);
  uint32_t word = ahead_to(ps, at, PG_QUERY__TOKEN__GROUP_P);
  for (size_t i = 0; i < s->n_group_clause; i++) {
    if (s->group_clause[i]->node_case == PG_QUERY__NODE__NODE_GROUPING_SET) {
      refuse(ps, ast_token_at(&ps->src, s->group_clause[i]->grouping_set->location),
             "GROUPING SETS, ROLLUP and CUBE", NULL);
      continue;
    }
    struct mr_query_node *n = make_expr(ps, s->group_clause[i]);
    if (!n) continue;
    if (!q->group_cnt) word = back_to(ps, n->ast->tok_lo, PG_QUERY__TOKEN__GROUP_P);
    q->groups[q->group_cnt++] = n;
  }
  if (s->n_group_clause)
    span(ps, word, word + 1 < ps->src.token_cnt ? word + 1 : word, &q->group_off, &q->group_len);
}

/* The token UNION between two SELECTs. */
static uint32_t find_union(const struct parser *ps, const struct mr_query *right) {
  uint32_t i = 0;
  while (i + 1 < ps->src.token_cnt && ps->src.tokens[i].off < right->off) i++;
  for (; i; i--)
    if (ast_token_is(&ps->src, i, PG_QUERY__TOKEN__UNION) ||
        ast_token_is(&ps->src, i, PG_QUERY__TOKEN__INTERSECT) ||
        ast_token_is(&ps->src, i, PG_QUERY__TOKEN__EXCEPT))
      return i;
  return 0;
}

/* Where the text of a query ends that was made, so that the next SELECT is found behind it. */
static uint32_t behind(const struct parser *ps, const struct mr_query *q) {
  while (q->right) q = q->right;
  uint32_t i = 0;
  while (i + 1 < ps->src.token_cnt && ps->src.tokens[i].off <= q->off) i++;
  uint32_t nest = 0;
  for (; i < ps->src.token_cnt; i++) { /* its UNION: the first one outside brackets of its own */
    if (ast_token_is(&ps->src, i, '(')) nest++;
    if (ast_token_is(&ps->src, i, ')') && nest) nest--;
    if (!nest && (ast_token_is(&ps->src, i, PG_QUERY__TOKEN__UNION) ||
                  ast_token_is(&ps->src, i, PG_QUERY__TOKEN__INTERSECT) ||
                  ast_token_is(&ps->src, i, PG_QUERY__TOKEN__EXCEPT)))
      return i;
  }
  return ps->src.token_cnt - 1;
}

static struct mr_query *make_set(struct parser *ps, const PgQuery__SelectStmt *s,
                                 struct mr_query *q, uint32_t from) {
  q->left = make_select(ps, s->larg, from);
  if (!q->left) return NULL;
  q->right = make_select(ps, s->rarg, behind(ps, q->left));
  if (!q->right) return NULL;
  uint32_t at = find_union(ps, q->right);
  span(ps, at, at, &q->off, &q->len);
  if (s->op == PG_QUERY__SET_OPERATION__SETOP_INTERSECT)
    refuse(ps, at, "INTERSECT", NULL);
  else if (s->op == PG_QUERY__SET_OPERATION__SETOP_EXCEPT)
    refuse(ps, at, "EXCEPT", NULL);
  else if (!s->all)
    refuse(ps, at, "UNION without ALL", "UNION ALL");
  refuse_tail(ps, s, at);
  return q;
}

static struct mr_query *make_select(struct parser *ps, const PgQuery__SelectStmt *s,
                                    uint32_t from) {
  struct mr_query *q = MR_NEW(ps->src.arena, struct mr_query, 1);
  q->text = ps->text;
  q->text_len = ps->src.text_len;
  if (s->with_clause) make_withs(ps, s->with_clause, q);
  for (uint32_t i = 0; i < q->with_cnt; i++) { /* its own SELECT is behind those of WITH */
    uint32_t k = from;
    while (k + 1 < ps->src.token_cnt && ps->src.tokens[k].off <= q->withs[i].off) k++;
    from = ast_closing(&ps->src, ahead_to(ps, k, '('));
  }
  if (s->larg && s->rarg) return make_set(ps, s, q, from);
  if (s->n_values_lists) {
    refuse(ps, ahead_to(ps, from, PG_QUERY__TOKEN__VALUES), "VALUES", NULL);
    return NULL;
  }
  uint32_t at = find_select(ps, from);
  span(ps, at, at, &q->off, &q->len);
  if (s->into_clause) refuse(ps, ahead_to(ps, at, PG_QUERY__TOKEN__INTO), "SELECT INTO", "a sink");
  if (s->n_window_clause) refuse(ps, ahead_to(ps, at, PG_QUERY__TOKEN__WINDOW), "WINDOW", NULL);
  if (s->n_distinct_clause) make_distinct(ps, s, q, at);
  q->items = MR_NEW(ps->src.arena, struct mr_query_item, s->n_target_list + 1);
  for (size_t i = 0; i < s->n_target_list; i++)
    make_item(ps, s->target_list[i]->res_target, &q->items[q->item_cnt++]);
  uint32_t word = at;
  if (s->n_target_list) {
    const struct mr_query_item *last = &q->items[q->item_cnt - 1];
    while (word + 1 < ps->src.token_cnt && ps->src.tokens[word].off < last->off + last->len) word++;
  }
  word = ahead_to(ps, word, PG_QUERY__TOKEN__FROM);
  if (!s->n_from_clause)
    refuse(ps, at, "a SELECT without FROM", NULL);
  else
    q->from = make_from(ps, s->from_clause[0], word);
  if (s->n_from_clause > 1) {
    const PgQuery__Node *second = s->from_clause[1];
    uint32_t k = second->node_case == PG_QUERY__NODE__NODE_RANGE_VAR
                     ? ast_token_at(&ps->src, second->range_var->location)
                     : word;
    refuse(ps, k, "a list of streams in FROM (an unbounded join)", "JOIN ... ON ...");
  }
  q->where = make_expr(ps, s->where_clause);
  if (s->n_group_clause) make_groups(ps, s, q, at);
  q->having = make_expr(ps, s->having_clause);
  if (q->having) {
    uint32_t k = back_to(ps, q->having->ast->tok_lo, PG_QUERY__TOKEN__HAVING);
    span(ps, k, k, &q->having_off, &q->having_len);
  }
  refuse_tail(ps, s, at);
  return q;
}

/* ---- the whole ---- */

static struct mr_query *make_query(struct parser *ps, const PgQuery__ParseResult *r) {
  const PgQuery__Node *stmt = r->n_stmts ? r->stmts[0]->stmt : NULL;
  if (r->n_stmts > 1) {
    refuse(ps, ahead_to(ps, 0, ';'), "a second statement", NULL);
    return NULL;
  }
  if (!stmt || stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT) {
    refuse(ps, 0, "anything but SELECT", NULL);
    return NULL;
  }
  return make_select(ps, stmt->select_stmt, 0);
}

/* The bracket that closes the subquery at byte off; the count of tokens: there is none. */
static uint32_t end_of_sub(const struct ast_source *src, uint32_t off) {
  for (uint32_t i = 0; i < src->token_cnt; i++) {
    if (src->tokens[i].off != off || !ast_token_is(src, i, '(')) continue;
    uint32_t close = ast_closing(src, i);
    return close == i ? src->token_cnt : close;
  }
  return src->token_cnt;
}

/* Puts an alias before byte `at` of the text into what the grammar sees. */
static char *insert_alias(struct ast_source *src, uint32_t *inserts, const char *seen,
                          uint32_t at) {
  uint32_t i = src->insert_cnt, before = 0;
  while (i && inserts[i - 1] > at) {
    inserts[i] = inserts[i - 1];
    i--;
  }
  inserts[i] = at;
  src->insert_cnt++;
  src->inserts = inserts;
  before = at + i * AST_ALIAS_LEN;
  return mr_arena_printf(src->arena, "%.*s" AST_ALIAS "%s", (int)before, seen, seen + before);
}

/* Parses, and gives subqueries in FROM the alias that the grammar wants. */
static PgQueryProtobufParseResult parse(struct ast_source *src, char *seen, const char **last) {
  uint32_t *inserts = MR_NEW(src->arena, uint32_t, ALIASES_MAX + 1);
  for (;;) {
    PgQueryProtobufParseResult r = pg_query_parse_protobuf(seen);
    *last = seen;
    if (!r.error || src->insert_cnt == ALIASES_MAX ||
        !strstr(r.error->message, "must have an alias"))
      return r;
    uint32_t close = end_of_sub(src, ast_error_byte(src, seen, r.error->cursorpos));
    if (close == src->token_cnt) return r;
    for (uint32_t i = 0; i < src->insert_cnt; i++)
      if (inserts[i] == src->tokens[close].end) return r;
    seen = insert_alias(src, inserts, seen, src->tokens[close].end);
    pg_query_free_protobuf_parse_result(r);
  }
}

struct mr_query *mr_query_parse(struct mr_arena *arena, const char *text, size_t len,
                                struct mr_expr_errors *errors) {
  if (!ast_check_text(text, len, errors, true)) return NULL;
  struct parser ps = {
      {.arena = arena, .errors = errors, .text_len = (uint32_t)len, .is_query = true}};
  ps.text = ps.src.text = mr_arena_strndup(arena, text, len);
  char *seen = mr_arena_strndup(arena, text, len);
  if (!ast_scan(&ps.src, seen)) return NULL;
  if (!ps.src.token_cnt) {
    expr_error(errors, MR_EXPR_SYNTAX, 0, (uint32_t)len, "the query is empty");
    return NULL;
  }
  ast_rename_arrays(&ps.src, seen);
  if (!ast_check_depth(&ps.src)) return NULL;
  const char *last;
  PgQueryProtobufParseResult r = parse(&ps.src, seen, &last);
  struct mr_query *q = NULL;
  if (r.error) {
    ast_syntax_error(&ps.src, ast_error_byte(&ps.src, last, r.error->cursorpos), r.error->message);
  } else {
    PgQuery__ParseResult *parsed =
        pg_query__parse_result__unpack(NULL, r.parse_tree.len, (const uint8_t *)r.parse_tree.data);
    if (parsed) q = make_query(&ps, parsed);
    if (!parsed) expr_error(errors, MR_EXPR_TOO_LARGE, 0, 0, "the query is too large");
    if (parsed) pg_query__parse_result__free_unpacked(parsed, NULL);
  }
  pg_query_free_protobuf_parse_result(r);
  return q;
}
