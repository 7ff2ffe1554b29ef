/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "expr/compile_private.h"

/* What can be cast to what. `can` says whether a row may be refused. */
static const struct {
  enum mr_type from, to;
  enum cast_op op;
  int code; /* of a row that is refused; 0: none is */
} casts[] = {
    {MR_TYPE_STRING, MR_TYPE_INT64, CAST_STR_INT, MR_EXPR_ROW_BAD_CAST},
    {MR_TYPE_STRING, MR_TYPE_DOUBLE, CAST_STR_DOUBLE, MR_EXPR_ROW_BAD_CAST},
    {MR_TYPE_STRING, MR_TYPE_BOOL, CAST_STR_BOOL, MR_EXPR_ROW_BAD_CAST},
    {MR_TYPE_STRING, MR_TYPE_TIMESTAMP, CAST_STR_TIMESTAMP, MR_EXPR_ROW_BAD_CAST},
    {MR_TYPE_STRING, MR_TYPE_DURATION, CAST_STR_DURATION, MR_EXPR_ROW_BAD_CAST},
    {MR_TYPE_DOUBLE, MR_TYPE_INT64, CAST_DOUBLE_INT, MR_EXPR_ROW_RANGE},
    {MR_TYPE_BOOL, MR_TYPE_INT64, CAST_BOOL_INT, 0},
    {MR_TYPE_BOOL, MR_TYPE_DOUBLE, CAST_BOOL_DOUBLE, 0},
    {MR_TYPE_INT64, MR_TYPE_BOOL, CAST_INT_BOOL, 0},
    {MR_TYPE_DOUBLE, MR_TYPE_BOOL, CAST_DOUBLE_BOOL, 0},
    {MR_TYPE_INT64, MR_TYPE_STRING, CAST_INT_STR, MR_EXPR_ROW_SCRATCH},
    {MR_TYPE_DOUBLE, MR_TYPE_STRING, CAST_DOUBLE_STR, MR_EXPR_ROW_SCRATCH},
    {MR_TYPE_BOOL, MR_TYPE_STRING, CAST_BOOL_STR, 0},
    {MR_TYPE_TIMESTAMP, MR_TYPE_STRING, CAST_TIMESTAMP_STR, MR_EXPR_ROW_SCRATCH},
    {MR_TYPE_DURATION, MR_TYPE_STRING, CAST_DURATION_STR, MR_EXPR_ROW_SCRATCH},
    {MR_TYPE_TIMESTAMP, MR_TYPE_INT64, CAST_TIMESTAMP_INT, 0},
    {MR_TYPE_TIMESTAMP, MR_TYPE_DOUBLE, CAST_TIMESTAMP_DOUBLE, 0},
    {MR_TYPE_INT64, MR_TYPE_TIMESTAMP, CAST_INT_TIMESTAMP, MR_EXPR_ROW_RANGE},
    {MR_TYPE_DOUBLE, MR_TYPE_TIMESTAMP, CAST_DOUBLE_TIMESTAMP, MR_EXPR_ROW_RANGE},
};

struct expr_node *comp_cast(struct compiler *c, struct expr_node *n, enum mr_type type, bool try_it,
                            const struct ast_node *at) {
  if (n->type == MR_TYPE_NONE) return comp_null(c, type, at);
  n = comp_string(c, n);
  if (n->type == type) return n;
  if (n->type == MR_TYPE_INT64 && type == MR_TYPE_DOUBLE)
    return comp_strict(c, comp_node1(c, run_i64_to_f64, type, at, n));
  for (size_t i = 0; i < sizeof casts / sizeof casts[0]; i++) {
    if (casts[i].from != n->type || casts[i].to != type) continue;
    struct expr_node *r = comp_node1(c, run_cast, type, at, n);
    r->op = (uint8_t)casts[i].op;
    r->makes_strings = type == MR_TYPE_STRING;
    bool null_instead = try_it && casts[i].code && type != MR_TYPE_STRING;
    r->negated = null_instead;
    r->maybe_null = null_instead;
    if (!null_instead) r->code = casts[i].code;
    return comp_strict(c, r);
  }
  EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_CAST, at, "%s cannot be cast to %s", mr_type_name(n->type),
                mr_type_name(type));
  return NULL;
}

void comp_bad_type(struct compiler *c, const char *name, uint32_t off, uint32_t len) {
  static const char *const names[] = {"int64", "bigint", "integer",   "double",   "string",
                                      "text",  "bool",   "timestamp", "duration", "boolean"};
  struct mr_expr_error *e =
      expr_error(c->errors, MR_EXPR_BAD_CAST, off, len, "no type \"%s\"", name);
  if (strcasecmp(name, "numeric") == 0 || strcasecmp(name, "decimal") == 0)
    e->hint = "double, or int64 of the smallest unit";
  else if (strcasecmp(name, "bpchar") == 0)
    e->hint = "string";
  else {
    const char *close = comp_closest(name, names, sizeof names / sizeof names[0]);
    if (close) e->label = mr_arena_printf(c->arena, "did you mean \"%s\"?", close);
  }
}

struct expr_node *comp_midnight(struct compiler *c, struct expr_node *time,
                                const struct ast_node *at) {
  if (!time) return NULL;
  struct expr_node *n = comp_node1(c, run_date_trunc, MR_TYPE_TIMESTAMP, at, time);
  n->op = FIELD_DAY;
  return comp_strict(c, n);
}

struct expr_node *comp_cast_ast(struct compiler *c, const struct ast_node *ast) {
  struct expr_node *n = comp_expr(c, ast->args[0]);
  enum mr_type type = literal_type(ast->name, (uint32_t)strlen(ast->name));
  if (type == MR_TYPE_NONE) {
    comp_bad_type(c, ast->name, ast->op_off, ast->op_len);
    return NULL;
  }
  if (!n) return NULL;
  bool literal = ast->args[0]->kind == AST_STRING, bad = false;
  bool date = strcasecmp(ast->name, "date") == 0;
  if (literal && (type == MR_TYPE_TIMESTAMP || type == MR_TYPE_DURATION))
    n = comp_coerce(c, n, type, ast->args[0], &bad); /* TIMESTAMP '...' */
  else
    n = comp_cast(c, n, type, false, ast);
  return date ? comp_midnight(c, n, ast) : n;
}
