/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "expr/compile_private.h"

static const char *const agg_names[MR_AGG_CNT] = {
    "count",  "sum",        "avg",          "min",         "max",
    "first",  "last",       "collect_list", "collect_set", "approx_count_distinct",
    "stddev", "stddev_pop", "variance",     "var_pop",
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

static bool check_call(struct take *t, const struct ast_node *n, enum mr_agg_func func) {
  const char *name = agg_names[func];
  bool star = n->star && func == MR_AGG_COUNT;
  const struct ast_node *inner = NULL;
  if (n->star && !star) {
    EXPR_ERROR_AT(t->errors, MR_EXPR_ARG_COUNT, n, "%s(*) means nothing; only count(*) does", name);
    return false;
  }
  if (!star && n->arg_cnt != 1) {
    struct mr_expr_error *e = EXPR_ERROR_AT(t->errors, MR_EXPR_ARG_COUNT, n,
                                            "%s takes 1 argument, not %u", name, n->arg_cnt);
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

static const struct mr_agg_call *find_same(const struct take *t, enum mr_agg_func func,
                                           const struct ast_node *n) {
  const struct ast_node *arg = n->arg_cnt ? n->args[0] : NULL;
  for (uint32_t i = 0; i < t->list->cnt; i++) {
    const struct mr_agg_call *c = &t->list->calls[i];
    if (c->func == func && c->distinct == n->distinct &&
        ast_same(c->arg ? c->arg->root : NULL, arg) &&
        ast_same(c->filter ? c->filter->root : NULL, n->filter))
      return c;
  }
  return NULL;
}

static const struct mr_agg_call *add_call(struct take *t, enum mr_agg_func func,
                                          const struct ast_node *n) {
  struct mr_agg_list *list = t->list;
  if (list->cnt == list->cap) {
    uint32_t cap = list->cap ? list->cap * 2 : 8;
    struct mr_agg_call *grown = MR_NEW(t->arena, struct mr_agg_call, cap);
    if (list->cnt) memcpy(grown, list->calls, list->cnt * sizeof *grown);
    list->calls = grown;
    list->cap = cap;
  }
  struct mr_agg_call *c = &list->calls[list->cnt];
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
  if (!check_call(t, n, (enum mr_agg_func)func)) return false;
  const struct mr_agg_call *c = find_same(t, (enum mr_agg_func)func, n);
  if (!c) c = add_call(t, (enum mr_agg_func)func, n);
  n->kind = AST_COLUMN;
  n->name = mr_arena_strdup(t->arena, c->name);
  n->name_len = (uint32_t)strlen(n->name);
  n->quoted = true;
  n->arg_cnt = 0;
  n->filter = NULL;
  return true;
}

bool mr_ast_aggregates(struct mr_arena *arena, struct mr_ast *ast, struct mr_agg_list *list,
                       struct mr_expr_errors *errors) {
  struct take t = {arena, ast, list, errors};
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
