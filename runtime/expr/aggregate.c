/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "expr/compile_private.h"

static const char *const agg_names[MR_AGG_CNT] = {
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "first",
    "last",
    "collect_list",
    "collect_set",
    "approx_count_distinct",
    "stddev",
    "stddev_pop",
    "variance",
    "var_pop",
    "percentile",
    "percentile_disc",
    "percentile_approx",
    "approx_top_k",
    "mode",
    "hdr",
};

/* Other names of the same. */
static const struct {
  const char *name;
  enum mr_agg_func func;
} agg_aliases[] = {
    {"mean", MR_AGG_AVG},
    {"std", MR_AGG_STDDEV},
    {"stddev_samp", MR_AGG_STDDEV},
    {"var_samp", MR_AGG_VARIANCE},
    {"first_value", MR_AGG_FIRST},
    {"last_value", MR_AGG_LAST},
    {"array_agg", MR_AGG_COLLECT_LIST},
    {"percentile_cont", MR_AGG_PERCENTILE},
    {"quantile_cont", MR_AGG_PERCENTILE},
    {"median", MR_AGG_PERCENTILE},
    {"quantile", MR_AGG_PERCENTILE_DISC},
    {"quantile_disc", MR_AGG_PERCENTILE_DISC},
    {"approx_percentile", MR_AGG_PERCENTILE_APPROX},
    {"approx_quantile", MR_AGG_PERCENTILE_APPROX},
    {"top_k", MR_AGG_APPROX_TOP_K},
};

const char *mr_agg_name(enum mr_agg_func func) {
  return agg_names[func];
}

int ast_agg_func(const char *name) {
  for (int i = 0; i < MR_AGG_CNT; i++)
    if (strcmp(agg_names[i], name) == 0) return i;
  for (size_t i = 0; i < sizeof agg_aliases / sizeof agg_aliases[0]; i++)
    if (strcmp(agg_aliases[i].name, name) == 0) return (int)agg_aliases[i].func;
  return -1;
}

struct take {
  struct mr_arena *arena;
  struct mr_ast *ast;
  struct mr_agg_list *list;
  struct mr_expr_errors *errors;
};

/* The first aggregate in a tree, or NULL. */
static const struct ast_node *find_aggregate(const struct ast_node *n) {
  if (n->kind == AST_CALL && ast_agg_func(n->name) >= 0) return n;
  const struct ast_node *found = NULL;
  for (uint32_t i = 0; i < n->arg_cnt && !found; i++) found = find_aggregate(n->args[i]);
  return found;
}

/* How many arguments a call may have. */
static void arg_bounds(const struct ast_node *n, enum mr_agg_func func, uint32_t *least,
                       uint32_t *most) {
  *least = *most = 1;
  if (!strcmp(n->name, "median")) return;
  if (func == MR_AGG_PERCENTILE || func == MR_AGG_PERCENTILE_DISC) *least = *most = 2;
  if (func == MR_AGG_PERCENTILE_APPROX) *least = 2, *most = 3;
  if (func == MR_AGG_APPROX_TOP_K) *most = 2;
}

/* ---- constants ---- */

static bool is_number(const struct ast_node *n, double *v) {
  if (n->kind != AST_INT && n->kind != AST_DOUBLE) return false;
  *v = n->kind == AST_INT ? (double)n->i : n->d;
  return true;
}

static bool add_share(struct take *t, const struct ast_node *n, struct mr_agg_call *c) {
  double v = -1;
  if (is_number(n, &v) && v >= 0 && v <= 1 && c->p_cnt < MR_AGG_PS_MAX) {
    c->ps[c->p_cnt++] = v;
    return true;
  }
  if (c->p_cnt == MR_AGG_PS_MAX)
    EXPR_ERROR_AT(t->errors, MR_EXPR_ARG_COUNT, n, "at most %u percentiles", MR_AGG_PS_MAX);
  else
    EXPR_ERROR_AT(t->errors, MR_EXPR_ARG_TYPE, n,
                  "a percentile is a constant from 0 to 1, or array(...) of them");
  return false;
}

static bool take_whole(struct take *t, const struct ast_node *n, int64_t most, const char *what,
                       int64_t *v) {
  *v = n->kind == AST_INT ? n->i : 0;
  if (*v >= 1 && *v <= most) return true;
  EXPR_ERROR_AT(t->errors, MR_EXPR_ARG_TYPE, n, "%s is a constant from 1 to %lld", what,
                (long long)most);
  return false;
}

/* What stands behind the argument. */
static bool take_constants(struct take *t, const struct ast_node *n, enum mr_agg_func func,
                           struct mr_agg_call *c) {
  if (func == MR_AGG_APPROX_TOP_K) {
    c->k = 5;
    return n->arg_cnt < 2 || take_whole(t, n->args[1], MR_AGG_TOP_K_MAX, "k", &c->k);
  }
  if (func < MR_AGG_PERCENTILE || func > MR_AGG_PERCENTILE_APPROX) return true;
  if (n->arg_cnt == 1) { /* median */
    c->ps[c->p_cnt++] = 0.5;
    return true;
  }
  const struct ast_node *share = n->args[1];
  c->p_list = share->kind == AST_CALL && !strcmp(share->name, "array") && share->arg_cnt;
  for (uint32_t i = 0; c->p_list && i < share->arg_cnt; i++)
    if (!add_share(t, share->args[i], c)) return false;
  if (!c->p_list && !add_share(t, share, c)) return false;
  return n->arg_cnt < 3 || take_whole(t, n->args[2], 1000000, "the accuracy", &c->accuracy);
}

/* ---- calls ---- */

static bool check_call(struct take *t, const struct ast_node *n, enum mr_agg_func func) {
  const char *name = agg_names[func];
  bool star = n->star && func == MR_AGG_COUNT;
  const struct ast_node *inner = NULL;
  if (n->star && !star) {
    EXPR_ERROR_AT(t->errors, MR_EXPR_ARG_COUNT, n, "%s(*) means nothing; only count(*) does", name);
    return false;
  }
  uint32_t least, most;
  arg_bounds(n, func, &least, &most);
  if (!star && (n->arg_cnt < least || n->arg_cnt > most)) {
    char range[32];
    snprintf(range, sizeof range, least == most ? "%u" : "%u to %u", least, most);
    struct mr_expr_error *e =
        EXPR_ERROR_AT(t->errors, MR_EXPR_ARG_COUNT, n, "%s takes %s argument%s, not %u", n->name,
                      range, most == 1 ? "" : "s", n->arg_cnt);
    if (func == MR_AGG_COUNT && n->arg_cnt == 0) e->hint = "count(*)";
    return false;
  }
  if (n->distinct && func != MR_AGG_COUNT && func != MR_AGG_MIN && func != MR_AGG_MAX) {
    struct mr_expr_error *e =
        EXPR_ERROR_AT(t->errors, MR_EXPR_NOT_SUPPORTED, n, "%s has no DISTINCT", name);
    if (func == MR_AGG_COLLECT_LIST) e->hint = "collect_set(x)";
    return false;
  }
  for (uint32_t i = 0; i < n->arg_cnt && !inner; i++) inner = find_aggregate(n->args[i]);
  if (!inner && n->filter) inner = find_aggregate(n->filter);
  if (inner) {
    EXPR_ERROR_AT(t->errors, MR_EXPR_AGGREGATE, inner, "an aggregate inside the aggregate %s",
                  name);
    return false;
  }
  return true;
}

static struct mr_ast *part(struct take *t, struct ast_node *n) {
  struct mr_ast *ast = MR_NEW(t->arena, struct mr_ast, 1);
  *ast = *t->ast;
  ast->root = n;
  return ast;
}

bool ast_same(const struct ast_node *a, const struct ast_node *b) {
  if (!a || !b) return a == b;
  if (a->kind != b->kind || a->op != b->op || a->negated != b->negated || a->star != b->star ||
      a->distinct != b->distinct || a->i != b->i || memcmp(&a->d, &b->d, sizeof a->d) != 0 ||
      a->arg_cnt != b->arg_cnt)
    return false;
  if (!a->name != !b->name || (a->name && strcmp(a->name, b->name) != 0)) return false;
  if (a->of && b->of && strcmp(a->of, b->of) != 0) return false;
  for (uint32_t i = 0; i < a->arg_cnt; i++)
    if (!ast_same(a->args[i], b->args[i])) return false;
  return ast_same(a->filter, b->filter);
}

bool mr_agg_same_input(const struct mr_agg_call *a, const struct mr_agg_call *b) {
  return a->distinct == b->distinct &&
         ast_same(a->arg ? a->arg->root : NULL, b->arg ? b->arg->root : NULL) &&
         ast_same(a->filter ? a->filter->root : NULL, b->filter ? b->filter->root : NULL);
}

static const struct mr_agg_call *find_same(const struct take *t, enum mr_agg_func func,
                                           const struct ast_node *n,
                                           const struct mr_agg_call *like) {
  const struct ast_node *arg = n->arg_cnt ? n->args[0] : NULL;
  for (uint32_t i = 0; i < t->list->cnt; i++) {
    const struct mr_agg_call *c = &t->list->calls[i];
    if (c->func == func && c->distinct == n->distinct && c->p_cnt == like->p_cnt &&
        c->p_list == like->p_list && c->k == like->k && c->accuracy == like->accuracy &&
        memcmp(c->ps, like->ps, sizeof c->ps) == 0 && ast_same(c->arg ? c->arg->root : NULL, arg) &&
        ast_same(c->filter ? c->filter->root : NULL, n->filter))
      return c;
  }
  return NULL;
}

static const struct mr_agg_call *add_call(struct take *t, enum mr_agg_func func,
                                          const struct ast_node *n,
                                          const struct mr_agg_call *like) {
  struct mr_agg_list *list = t->list;
  if (list->cnt == list->cap) {
    uint32_t cap = list->cap ? list->cap * 2 : 8;
    struct mr_agg_call *grown = MR_NEW(t->arena, struct mr_agg_call, cap);
    if (list->cnt) memcpy(grown, list->calls, list->cnt * sizeof *grown);
    list->calls = grown;
    list->cap = cap;
  }
  struct mr_agg_call *c = &list->calls[list->cnt];
  *c = *like;
  c->func = func;
  c->distinct = n->distinct;
  c->arg = n->arg_cnt ? part(t, n->args[0]) : NULL;
  c->filter = n->filter ? part(t, n->filter) : NULL;
  c->off = n->off;
  c->len = n->len;
  snprintf(c->name, sizeof c->name, "$%u", list->cnt % 100000);
  list->cnt++;
  return c;
}

static bool take_aggregates(struct take *t, struct ast_node *n) {
  int func = n->kind == AST_CALL ? ast_agg_func(n->name) : -1;
  bool ok = true;
  if (func < 0) {
    for (uint32_t i = 0; i < n->arg_cnt; i++)
      if (!take_aggregates(t, n->args[i])) ok = false;
    return ok;
  }
  struct mr_agg_call like = {0};
  if (func == MR_AGG_HDR) {
    EXPR_ERROR_AT(t->errors, MR_EXPR_NOT_SUPPORTED, n,
                  "hdr gives a struct, which is a column by itself; percentile_approx(x, 0.99) "
                  "gives a number");
    return false;
  }
  if (!check_call(t, n, (enum mr_agg_func)func) ||
      !take_constants(t, n, (enum mr_agg_func)func, &like))
    return false;
  const struct mr_agg_call *c = find_same(t, (enum mr_agg_func)func, n, &like);
  if (!c) c = add_call(t, (enum mr_agg_func)func, n, &like);
  n->kind = AST_COLUMN;
  n->name = mr_arena_strdup(t->arena, c->name);
  n->name_len = (uint32_t)strlen(n->name);
  n->quoted = true;
  n->arg_cnt = 0;
  n->filter = NULL;
  return true;
}

/* ---- hdr ---- */

static struct ast_node *new_node(struct take *t, const struct ast_node *at, enum ast_kind kind,
                                 uint32_t arg_cnt) {
  struct ast_node *n = MR_NEW(t->arena, struct ast_node, 1);
  n->kind = kind;
  n->off = at->off;
  n->len = at->len;
  n->arg_cnt = arg_cnt;
  n->args = MR_NEW(t->arena, struct ast_node *, arg_cnt + 1);
  return n;
}

/* hdr(x) becomes named_struct('count', count(x), ..., 'p99', percentile_approx(x, 0.99), ...),
 * whose percentiles read one sketch. */
static void expand_hdr(struct take *t, struct ast_node *n) {
  static const struct {
    const char *name, *call;
    double p;
  } members[] = {{"count", "count", 0},
                 {"min", "min", 0},
                 {"mean", "avg", 0},
                 {"p50", "percentile_approx", 0.5},
                 {"p90", "percentile_approx", 0.9},
                 {"p95", "percentile_approx", 0.95},
                 {"p99", "percentile_approx", 0.99},
                 {"p99_9", "percentile_approx", 0.999},
                 {"max", "max", 0}};
  uint32_t cnt = sizeof members / sizeof *members;
  struct ast_node *all = new_node(t, n, AST_CALL, cnt * 2);
  for (uint32_t i = 0; i < cnt; i++) {
    struct ast_node *name = new_node(t, n, AST_STRING, 0);
    name->name = members[i].name;
    name->name_len = (uint32_t)strlen(name->name);
    struct ast_node *call = new_node(t, n, AST_CALL, members[i].p > 0 ? 2 : 1);
    call->name = members[i].call;
    call->name_len = (uint32_t)strlen(call->name);
    call->args[0] = n->args[0];
    call->filter = n->filter;
    if (members[i].p > 0) {
      call->args[1] = new_node(t, n, AST_DOUBLE, 0);
      call->args[1]->d = members[i].p;
    }
    all->args[i * 2] = name;
    all->args[i * 2 + 1] = call;
  }
  all->name = "named_struct";
  all->name_len = (uint32_t)strlen(all->name);
  *n = *all;
}

bool mr_ast_aggregates(struct mr_arena *arena, struct mr_ast *ast, struct mr_agg_list *list,
                       struct mr_expr_errors *errors) {
  struct take t = {arena, ast, list, errors};
  struct ast_node *n = ast->root;
  bool hdr = n->kind == AST_CALL && ast_agg_func(n->name) == MR_AGG_HDR;
  if (hdr && !check_call(&t, n, MR_AGG_HDR)) return false;
  if (hdr) expand_hdr(&t, n);
  return take_aggregates(&t, ast->root);
}

bool mr_expr_agg_type(const struct mr_agg_call *call, const struct mr_field *arg,
                      struct mr_field *out, struct mr_expr_errors *errors) {
  const char *wants = NULL;
  enum mr_type type = arg ? arg->type : MR_TYPE_NONE;
  bool number = type == MR_TYPE_INT64 || type == MR_TYPE_DOUBLE || type == MR_TYPE_DURATION;
  memset(out, 0, sizeof *out);
  out->optional = true;
  switch (call->func) {
  case MR_AGG_COUNT:
  case MR_AGG_APPROX_COUNT_DISTINCT:
    out->type = MR_TYPE_INT64;
    out->optional = false;
    if (type == MR_TYPE_LIST && (call->distinct || call->func != MR_AGG_COUNT)) wants = "no list";
    break;
  case MR_AGG_SUM:
    out->type = type;
    if (!number) wants = "numbers or durations";
    break;
  case MR_AGG_AVG:
    out->type = type == MR_TYPE_DURATION ? type : MR_TYPE_DOUBLE;
    if (!number) wants = "numbers or durations";
    break;
  case MR_AGG_STDDEV:
  case MR_AGG_STDDEV_POP:
  case MR_AGG_VARIANCE:
  case MR_AGG_VAR_POP:
    out->type = MR_TYPE_DOUBLE;
    if (!number || type == MR_TYPE_DURATION) wants = "numbers";
    break;
  case MR_AGG_PERCENTILE:
  case MR_AGG_PERCENTILE_DISC:
  case MR_AGG_PERCENTILE_APPROX:
    out->type = call->func == MR_AGG_PERCENTILE ? MR_TYPE_DOUBLE : type;
    if (!number || type == MR_TYPE_DURATION) wants = "numbers";
    if (!call->p_list) break;
    out->elem = out->type;
    out->type = MR_TYPE_LIST;
    break;
  case MR_AGG_APPROX_TOP_K:
  case MR_AGG_COLLECT_LIST:
  case MR_AGG_COLLECT_SET:
    out->type = MR_TYPE_LIST;
    out->elem = type;
    out->codes = arg ? arg->codes : NULL;
    out->optional = false; /* an empty list */
    if (type == MR_TYPE_LIST) wants = "no list";
    break;
  default:
    out->type = type;
    out->codes = arg ? arg->codes : NULL;
    if (type == MR_TYPE_LIST) wants = "no list";
    break;
  }
  if (!wants && arg && type == MR_TYPE_NONE) wants = "a value with a type, not a bare NULL";
  if (!wants) return true;
  const struct ast_node *at = call->arg ? call->arg->root : NULL;
  struct mr_expr_error *e =
      expr_error(errors, MR_EXPR_ARG_TYPE, at ? at->off : call->off, at ? at->len : call->len,
                 "%s wants %s, this is %s", agg_names[call->func], wants,
                 type == MR_TYPE_NONE ? "NULL" : mr_type_name(type));
  if (type == MR_TYPE_STRING && call->func <= MR_AGG_AVG && at)
    e->hint = mr_arena_printf(errors->arena, "%s(CAST(%s AS double))", agg_names[call->func],
                              expr_snippet(errors->arena, call->arg->text, at->off, at->len, 40));
  return false;
}
