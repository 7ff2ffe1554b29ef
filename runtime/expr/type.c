/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "expr/compile_private.h"

/* ---- columns ---- */

static int32_t find_column(const struct mr_schema *s, const struct ast_node *ast) {
  int32_t found = mr_schema_find(s, ast->name, ast->name_len), alike = -1;
  if (found >= 0) return found;
  for (uint32_t i = 0; i < s->visible_cnt && !ast->quoted; i++) {
    if (s->fields[i].outer || strcasecmp(s->fields[i].name, ast->name) != 0) continue;
    if (alike >= 0) return -1; /* two that differ in case only */
    alike = (int32_t)i;
  }
  return alike;
}

static void unknown_column(struct compiler *c, const struct ast_node *ast) {
  const struct mr_schema *s = c->scope->schema;
  const char *where = c->scope->name ? c->scope->name : "the input";
  struct mr_expr_error *e;
  if (c->scope->input && find_column(c->scope->input, ast) >= 0) {
    e = EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_GROUPED, ast,
                      "\"%s\" is neither a key nor inside an aggregate", ast->name);
    e->hint = mr_arena_printf(c->arena, "last(%s)", ast->name);
    return;
  }
  if (mr_schema_has_struct(s, ast->name)) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_SUPPORTED, ast,
                  "\"%s\" is a struct: it is written, and no expression reads it", ast->name);
    return;
  }
  e = EXPR_ERROR_AT(c->errors, MR_EXPR_UNKNOWN_COLUMN, ast, "no column \"%s\" in %s", ast->name,
                    where);
  const char **names = MR_NEW(c->arena, const char *, s->visible_cnt + 1);
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < s->visible_cnt; i++)
    if (s->fields[i].name[0] != '$' && !s->fields[i].outer) names[cnt++] = s->fields[i].name;
  const char *close = comp_closest(ast->name, names, cnt);
  if (close)
    e->label = mr_arena_printf(c->arena, "did you mean \"%s\"?", close);
  else if (ast->quoted)
    e->hint =
        mr_arena_printf(c->arena, "'%s' for a text: double quotes are for columns", ast->name);
}

/* One node per column and program, however often it is named. */
static struct expr_node *column_node(struct compiler *c, uint32_t col, const struct ast_node *ast) {
  const struct mr_field *f = &c->scope->schema->fields[col];
  struct expr_node *n = comp_node(c, run_column, f->type, ast, 0);
  n->col = (int32_t)col;
  n->elem = f->elem;
  n->codes = f->codes;
  n->maybe_null = f->optional;
  n->is_volatile = true;
  return n;
}

static struct expr_node *comp_column(struct compiler *c, const struct ast_node *ast) {
  int32_t col = find_column(c->scope->schema, ast);
  if (col >= 0) return column_node(c, (uint32_t)col, ast);
  unknown_column(c, ast);
  return NULL;
}

/* ---- coercion ---- */

struct expr_node *comp_string(struct compiler *c, struct expr_node *n) {
  if (n->type != MR_TYPE_STRING || !n->codes) return n;
  struct ast_node at = {.off = n->off, .len = n->len};
  struct expr_node *d = comp_node1(c, run_decode, MR_TYPE_STRING, &at, n);
  d->param = n->codes;
  return comp_strict(c, d);
}

static struct expr_node *literal_of_time(struct compiler *c, struct expr_node *n, enum mr_type type,
                                         const struct ast_node *at, bool *bad) {
  struct expr_node *r = comp_const(c, type, at);
  bool ok = type == MR_TYPE_TIMESTAMP ? literal_timestamp(n->s.text, n->s.len, &r->i)
                                      : literal_duration(n->s.text, n->s.len, &r->i);
  if (ok) return r;
  struct mr_expr_error *e =
      EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, at, "%s is not a %s",
                    expr_snippet(c->arena, c->ast->text, at->off, at->len, 60), mr_type_name(type));
  e->hint = type == MR_TYPE_TIMESTAMP ? "'2025-10-13T11:30:00Z'" : "INTERVAL '1h30m'";
  *bad = true;
  return NULL;
}

struct expr_node *comp_coerce(struct compiler *c, struct expr_node *n, enum mr_type type,
                              const struct ast_node *at, bool *bad) {
  if (n->type == type) return comp_string(c, n);
  if (n->type == MR_TYPE_NONE) return comp_null(c, type, at);
  if (n->type == MR_TYPE_INT64 && type == MR_TYPE_DOUBLE)
    return comp_strict(c, comp_node1(c, run_i64_to_f64, MR_TYPE_DOUBLE, at, n));
  bool literal = n->type == MR_TYPE_STRING && n->is_const && !n->is_null;
  if (literal && (type == MR_TYPE_TIMESTAMP || type == MR_TYPE_DURATION))
    return literal_of_time(c, n, type, at, bad);
  return NULL;
}

/* The type that all values can take; MR_TYPE_CNT: there is none, *odd is the value that does not
 * fit. */
static enum mr_type common_type(struct expr_node **values, uint32_t cnt, uint32_t *odd) {
  enum mr_type type = MR_TYPE_NONE;
  for (uint32_t i = 0; i < cnt; i++) {
    enum mr_type t = values[i]->type;
    bool literal = t == MR_TYPE_STRING && values[i]->is_const;
    if (t == MR_TYPE_NONE || t == type) continue;
    if (type == MR_TYPE_NONE) {
      type = t;
    } else if ((t == MR_TYPE_INT64 && type == MR_TYPE_DOUBLE) ||
               (t == MR_TYPE_DOUBLE && type == MR_TYPE_INT64)) {
      type = MR_TYPE_DOUBLE;
    } else if (literal && (type == MR_TYPE_TIMESTAMP || type == MR_TYPE_DURATION)) {
      continue;
    } else if (type == MR_TYPE_STRING && (t == MR_TYPE_TIMESTAMP || t == MR_TYPE_DURATION)) {
      bool all_literal = true;
      for (uint32_t k = 0; k < i; k++)
        if (values[k]->type == MR_TYPE_STRING && !values[k]->is_const) all_literal = false;
      *odd = i;
      if (!all_literal) return MR_TYPE_CNT;
      type = t;
    } else {
      *odd = i;
      return MR_TYPE_CNT;
    }
  }
  return type;
}

bool comp_common(struct compiler *c, struct expr_node **values, uint32_t cnt,
                 struct ast_node *const *asts, const char *what) {
  uint32_t odd = 0, first = 0;
  enum mr_type type = common_type(values, cnt, &odd);
  while (first + 1 < cnt && values[first]->type == MR_TYPE_NONE) first++;
  bool same_lists = true;
  for (uint32_t i = first; i < cnt && type == MR_TYPE_LIST; i++)
    if (values[i]->type == MR_TYPE_LIST &&
        (values[i]->elem != values[first]->elem || values[i]->codes != values[first]->codes))
      same_lists = false, odd = i;
  if (type == MR_TYPE_CNT || !same_lists) {
    struct mr_expr_error *e =
        EXPR_ERROR_AT(c->errors, MR_EXPR_MIXED_TYPES, asts[odd], "%s has %s here and %s elsewhere",
                      what, mr_type_name(values[odd]->type), mr_type_name(values[first]->type));
    e->note_off = asts[first]->off;
    e->note_len = asts[first]->len;
    e->note = comp_describe(c, values[first], asts[first]);
    return false;
  }
  if (type == MR_TYPE_NONE) type = MR_TYPE_STRING; /* all NULL */
  bool ok = true;
  for (uint32_t i = 0; i < cnt; i++) {
    bool bad = false;
    struct expr_node *list = values[first];
    values[i] = comp_coerce(c, values[i], type, asts[i], &bad);
    if (!values[i]) ok = false;
    if (values[i] && type == MR_TYPE_LIST) {
      values[i]->elem = list->elem;
      values[i]->codes = list->codes;
    }
  }
  return ok;
}

/* ---- logic ---- */

struct expr_node *comp_not(struct compiler *c, struct expr_node *n, const struct ast_node *at) {
  return n ? comp_strict(c, comp_node1(c, run_not, MR_TYPE_BOOL, at, n)) : NULL;
}

/* An operand that must be a condition. */
static struct expr_node *condition(struct compiler *c, const struct ast_node *ast,
                                   const char *what) {
  struct expr_node *n = comp_expr(c, ast);
  if (!n || n->type == MR_TYPE_BOOL) return n;
  if (n->type == MR_TYPE_NONE) return comp_null(c, MR_TYPE_BOOL, ast);
  struct mr_expr_error *e =
      EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast, "%s wants conditions, this is %s", what,
                    mr_type_name(n->type));
  e->label = comp_describe(c, n, ast);
  return NULL;
}

static struct expr_node *comp_chain(struct compiler *c, const struct ast_node *ast) {
  bool all = ast->kind == AST_AND, ok = true;
  struct expr_node **args = MR_NEW(c->arena, struct expr_node *, ast->arg_cnt);
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    args[i] = condition(c, ast->args[i], all ? "AND" : "OR");
    if (!args[i]) ok = false;
  }
  if (!ok) return NULL;
  struct expr_node *n = comp_node(c, all ? run_and : run_or, MR_TYPE_BOOL, ast, ast->arg_cnt);
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    n->args[i] = args[i];
    n->maybe_null |= args[i]->maybe_null;
  }
  return comp_done(c, n);
}

struct expr_node *comp_is_null(struct compiler *c, struct expr_node *a, bool negated,
                               const struct ast_node *at) {
  if (a->type == MR_TYPE_NONE) return comp_bool(c, !negated, at);
  if (!a->maybe_null && !a->can_fail) return comp_bool(c, negated, at);
  struct expr_node *n = comp_node1(c, run_is_null, MR_TYPE_BOOL, at, a);
  n->negated = negated;
  return comp_done(c, n);
}

static struct expr_node *comp_is_bool(struct compiler *c, const struct ast_node *ast) {
  struct expr_node *a = condition(c, ast->args[0], "IS TRUE");
  if (!a) return NULL;
  struct expr_node *n = comp_node1(c, run_is_bool, MR_TYPE_BOOL, ast, a);
  n->op = ast->op;
  n->negated = ast->negated;
  return comp_done(c, n);
}

struct expr_node *comp_distinct(struct compiler *c, struct expr_node *a, struct expr_node *b,
                                bool negated, const struct ast_node *ast) {
  const struct ast_node *x = ast->args[0], *y = ast->args[1];
  struct expr_node *eq = comp_compare(c, CMP_EQ, a, b, ast, x, y);
  if (!eq) return NULL;
  if (a->type == MR_TYPE_NONE) a = comp_null(c, MR_TYPE_STRING, x);
  if (b->type == MR_TYPE_NONE) b = comp_null(c, MR_TYPE_STRING, y);
  struct expr_node *n = comp_node3(c, run_distinct, MR_TYPE_BOOL, ast, eq, a, b);
  n->negated = negated;
  return comp_done(c, n);
}

static struct expr_node *comp_between(struct compiler *c, const struct ast_node *ast) {
  struct expr_node *a = comp_expr(c, ast->args[0]), *lo = comp_expr(c, ast->args[1]);
  struct expr_node *hi = comp_expr(c, ast->args[2]);
  if (!a || !lo || !hi) return NULL;
  struct expr_node *from = comp_compare(c, CMP_GE, a, lo, ast, ast->args[0], ast->args[1]);
  struct expr_node *to = comp_compare(c, CMP_LE, a, hi, ast, ast->args[0], ast->args[2]);
  if (!from || !to) return NULL;
  struct expr_node *n = comp_node2(c, run_and, MR_TYPE_BOOL, ast, from, to);
  n->maybe_null = from->maybe_null | to->maybe_null;
  n = comp_done(c, n);
  return ast->negated ? comp_not(c, n, ast) : n;
}

/* ---- choice ---- */

struct expr_node *comp_select(struct compiler *c, struct expr_node *cond, struct expr_node *a,
                              struct expr_node *b, const struct ast_node *at) {
  if (cond->is_const) return !cond->is_null && cond->i ? a : b;
  struct expr_node *n = comp_node3(c, run_select, a->type, at, cond, a, b);
  n->maybe_null = a->maybe_null | b->maybe_null;
  n->elem = a->elem;
  if (a->type == MR_TYPE_LIST) n->codes = a->codes;
  return comp_done(c, n);
}

struct expr_node *comp_coalesce(struct compiler *c, struct expr_node **values, uint32_t cnt,
                                const struct ast_node *at) {
  struct expr_node *acc = values[cnt - 1];
  for (uint32_t i = cnt - 1; i-- > 0;) {
    struct expr_node *a = values[i];
    if (a->is_const && a->is_null) continue;
    if (!a->maybe_null) {
      acc = a; /* what stands behind it is never reached */
      continue;
    }
    struct expr_node *n = comp_node2(c, run_coalesce, a->type, at, a, acc);
    n->maybe_null = acc->maybe_null;
    n->elem = a->elem;
    if (a->type == MR_TYPE_LIST) n->codes = a->codes;
    acc = comp_done(c, n);
  }
  return acc;
}

static struct expr_node *comp_case(struct compiler *c, const struct ast_node *ast) {
  uint32_t from = ast->op ? 1 : 0, cnt = (ast->arg_cnt - from) / 2;
  struct expr_node *subject = from ? comp_expr(c, ast->args[0]) : NULL;
  struct expr_node **conds = MR_NEW(c->arena, struct expr_node *, cnt);
  struct expr_node **values = MR_NEW(c->arena, struct expr_node *, cnt + 1);
  struct ast_node **asts = MR_NEW(c->arena, struct ast_node *, cnt + 1);
  bool ok = !from || subject;
  for (uint32_t i = 0; i <= cnt; i++) {
    struct ast_node *when = ast->args[from + 2 * i];
    asts[i] = i < cnt ? ast->args[from + 2 * i + 1] : when;
    values[i] = comp_expr(c, asts[i]);
    ok = ok && values[i];
    if (i == cnt) break;
    if (!from) {
      conds[i] = condition(c, when, "WHEN");
    } else if (subject) {
      struct expr_node *w = comp_expr(c, when);
      conds[i] = w ? comp_compare(c, CMP_EQ, subject, w, when, ast->args[0], when) : NULL;
    }
    ok = ok && conds[i];
  }
  if (!ok || !comp_common(c, values, cnt + 1, asts, "CASE")) return NULL;
  struct expr_node *acc = values[cnt];
  for (uint32_t i = cnt; i-- > 0;) acc = comp_select(c, conds[i], values[i], acc, ast);
  return acc;
}

static bool comp_args(struct compiler *c, const struct ast_node *ast, struct expr_node **out) {
  bool ok = true;
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    out[i] = comp_expr(c, ast->args[i]);
    if (!out[i]) ok = false;
  }
  return ok;
}

static struct expr_node *comp_nullif(struct compiler *c, const struct ast_node *ast) {
  struct expr_node *v[2];
  if (!comp_args(c, ast, v)) return NULL;
  if (v[0]->type == MR_TYPE_NONE) return v[0];
  struct expr_node *eq = comp_compare(c, CMP_EQ, v[0], v[1], ast, ast->args[0], ast->args[1]);
  if (!eq) return NULL;
  struct expr_node *a = comp_string(c, v[0]);
  struct expr_node *n = comp_node2(c, run_nullif, a->type, ast, eq, a);
  n->maybe_null = true;
  return comp_done(c, n);
}

/* ---- arithmetic ---- */

static struct expr_node *arith(struct compiler *c, expr_run_fn run, uint8_t op, enum mr_type type,
                               struct expr_node *a, struct expr_node *b, int code, int code2,
                               const struct ast_node *at) {
  bool swap = a->is_const && !b->is_const && (op == '+' || op == '*');
  struct expr_node *n = comp_node2(c, run, type, at, swap ? b : a, swap ? a : b);
  n->op = op;
  n->code = run == run_arith_i64 && comp_never_overflows(op, a, b) ? 0 : code;
  n->code2 = code2;
  return comp_strict(c, n);
}

static struct expr_node *to_double(struct compiler *c, struct expr_node *n) {
  struct ast_node at = {.off = n->off, .len = n->len};
  if (n->type == MR_TYPE_DOUBLE) return n;
  return comp_strict(c, comp_node1(c, run_i64_to_f64, MR_TYPE_DOUBLE, &at, n));
}

static bool is_number(const struct expr_node *n) {
  return n->type == MR_TYPE_INT64 || n->type == MR_TYPE_DOUBLE;
}

static struct expr_node *arith_numbers(struct compiler *c, uint8_t op, struct expr_node *a,
                                       struct expr_node *b, const struct ast_node *at) {
  bool whole = a->type == MR_TYPE_INT64 && b->type == MR_TYPE_INT64;
  if (op == '%' && whole)
    return arith(c, run_div_i64, op, MR_TYPE_INT64, a, b, MR_EXPR_ROW_DIVISION, 0, at);
  if (op == '/' || !whole) {
    a = to_double(c, a);
    b = to_double(c, b);
    bool divides = op == '/' || op == '%';
    return arith(c, op == '%' ? run_div_f64 : run_arith_f64, op, MR_TYPE_DOUBLE, a, b,
                 divides ? MR_EXPR_ROW_DIVISION : 0, 0, at);
  }
  return arith(c, run_arith_i64, op, MR_TYPE_INT64, a, b, MR_EXPR_ROW_OVERFLOW, 0, at);
}

/* NULL: no such operation; no error is added. */
static struct expr_node *arith_times(struct compiler *c, uint8_t op, struct expr_node *a,
                                     struct expr_node *b, const struct ast_node *at) {
  enum mr_type x = a->type, y = b->type, T = MR_TYPE_TIMESTAMP, D = MR_TYPE_DURATION;
  int range = MR_EXPR_ROW_RANGE;
  if (x == T && y == D && (op == '+' || op == '-'))
    return arith(c, run_time_add, op, T, a, b, range, 0, at);
  if (x == D && y == T && op == '+') return arith(c, run_time_add, op, T, b, a, range, 0, at);
  if (x == T && y == T && op == '-') return arith(c, run_arith_i64, op, D, a, b, range, 0, at);
  if (x == D && y == D && (op == '+' || op == '-'))
    return arith(c, run_arith_i64, op, D, a, b, range, 0, at);
  if (x == D && y == D && op == '/')
    return arith(c, run_arith_f64, op, MR_TYPE_DOUBLE, to_double(c, a), to_double(c, b),
                 MR_EXPR_ROW_DIVISION, 0, at);
  if (op == '*' && y == D) {
    struct expr_node *swap = a;
    a = b;
    b = swap;
    x = D;
    y = b->type;
  }
  if (op == '*' && x == D && y == MR_TYPE_INT64)
    return arith(c, run_arith_i64, op, D, a, b, range, 0, at);
  if (x != D || !is_number(b) || (op != '*' && op != '/')) return NULL;
  struct expr_node *n = comp_node2(c, run_scale_duration, D, at, a, to_double(c, b));
  n->op = op;
  n->code = MR_EXPR_ROW_DIVISION;
  n->code2 = range;
  return comp_strict(c, n);
}

struct expr_node *comp_arith(struct compiler *c, uint8_t op, struct expr_node *a,
                             struct expr_node *b, const struct ast_node *at) {
  if (a->type == MR_TYPE_NONE && b->type == MR_TYPE_NONE) return comp_null(c, MR_TYPE_INT64, at);
  struct expr_node *null = a->type == MR_TYPE_NONE ? a : b->type == MR_TYPE_NONE ? b : NULL;
  struct expr_node *other = null == a ? b : a, *n = NULL;
  bool time = other->type == MR_TYPE_TIMESTAMP || other->type == MR_TYPE_DURATION;
  if (null && (is_number(other) || time)) {
    bool divides = op == '/' && other->type == MR_TYPE_INT64;
    return comp_null(c, divides ? MR_TYPE_DOUBLE : other->type, at);
  }
  if (is_number(a) && is_number(b)) n = arith_numbers(c, op, a, b, at);
  if (!n && !null) n = arith_times(c, op, a, b, at);
  if (n) return n;
  struct mr_expr_error *e = expr_error(
      c->errors, MR_EXPR_ARG_TYPE, at->op_off, at->op_len, "%s %c %s is not possible",
      null == a ? "NULL" : mr_type_name(a->type), op, null == b ? "NULL" : mr_type_name(b->type));
  bool text = a->type == MR_TYPE_STRING || b->type == MR_TYPE_STRING;
  const struct ast_node *x = at->arg_cnt > 1 ? at->args[0] : at, *y = x == at ? at : at->args[1];
  const struct ast_node *column = a->col >= 0 ? x : y;
  if (a->col >= 0 || b->col >= 0) {
    e->note = comp_describe(c, a->col >= 0 ? a : b, column);
    e->note_off = column->off;
    e->note_len = column->len;
  }
  if (text && op == '+')
    e->hint = mr_arena_printf(c->arena, "%s || %s",
                              expr_snippet(c->arena, c->ast->text, x->off, x->len, 60),
                              expr_snippet(c->arena, c->ast->text, y->off, y->len, 60));
  return NULL;
}

static struct expr_node *comp_neg(struct compiler *c, const struct ast_node *ast) {
  struct expr_node *a = comp_expr(c, ast->args[0]);
  if (!a) return NULL;
  if (a->type == MR_TYPE_NONE) return comp_null(c, MR_TYPE_INT64, ast);
  bool ok = is_number(a) || a->type == MR_TYPE_DURATION;
  if (!ok) {
    struct mr_expr_error *e =
        EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[0],
                      "minus wants a number or a duration, this is %s", mr_type_name(a->type));
    e->label = comp_describe(c, a, ast->args[0]);
    return NULL;
  }
  bool real = a->type == MR_TYPE_DOUBLE;
  struct expr_node *n = comp_node1(c, real ? run_neg_f64 : run_neg_i64, a->type, ast, a);
  if (!real) n->code = MR_EXPR_ROW_OVERFLOW;
  return comp_strict(c, n);
}

/* || of any scalar values; a || b || c is one node. */
static void gather_concat(const struct ast_node *ast, const struct ast_node **out, uint32_t *cnt) {
  if (ast->kind != AST_CONCAT) {
    out[(*cnt)++] = ast;
    return;
  }
  gather_concat(ast->args[0], out, cnt);
  gather_concat(ast->args[1], out, cnt);
}

static uint32_t count_concat(const struct ast_node *ast) {
  return ast->kind == AST_CONCAT ? count_concat(ast->args[0]) + count_concat(ast->args[1]) : 1;
}

static struct expr_node *comp_concat(struct compiler *c, const struct ast_node *ast) {
  const struct ast_node **parts = MR_NEW(c->arena, const struct ast_node *, count_concat(ast));
  uint32_t cnt = 0;
  gather_concat(ast, parts, &cnt);
  struct ast_node call = *ast;
  call.kind = AST_CALL;
  call.name = "concat";
  call.arg_cnt = cnt;
  call.args = MR_NEW(c->arena, struct ast_node *, cnt);
  memcpy(call.args, parts, cnt * sizeof *parts);
  return comp_call(c, &call);
}

/* ---- leaves and the switch ---- */

static struct expr_node *comp_literal(struct compiler *c, const struct ast_node *ast) {
  static const enum mr_type types[] = {[AST_BOOL] = MR_TYPE_BOOL,
                                       [AST_INT] = MR_TYPE_INT64,
                                       [AST_DOUBLE] = MR_TYPE_DOUBLE,
                                       [AST_STRING] = MR_TYPE_STRING,
                                       [AST_DURATION] = MR_TYPE_DURATION};
  struct expr_node *n = comp_const(c, types[ast->kind], ast);
  n->i = ast->i;
  n->d = ast->d;
  n->s.text = ast->name;
  n->s.len = ast->name_len;
  return n;
}

struct expr_node *comp_expr(struct compiler *c, const struct ast_node *ast) {
  struct expr_node *v[2], **list;
  switch ((enum ast_kind)ast->kind) {
  case AST_COLUMN: return comp_column(c, ast);
  case AST_NULL: return comp_null(c, MR_TYPE_NONE, ast);
  case AST_BOOL:
  case AST_INT:
  case AST_DOUBLE:
  case AST_STRING:
  case AST_DURATION: return comp_literal(c, ast);
  case AST_AND:
  case AST_OR: return comp_chain(c, ast);
  case AST_NOT: return comp_not(c, condition(c, ast->args[0], "NOT"), ast);
  case AST_CMP:
    if (!comp_args(c, ast, v)) return NULL;
    return comp_compare(c, (enum cmp_op)ast->op, v[0], v[1], ast, ast->args[0], ast->args[1]);
  case AST_DISTINCT:
    if (!comp_args(c, ast, v)) return NULL;
    return comp_distinct(c, v[0], v[1], ast->negated, ast);
  case AST_IN: return comp_in(c, ast);
  case AST_BETWEEN: return comp_between(c, ast);
  case AST_LIKE: return comp_like(c, ast);
  case AST_IS_NULL:
    if (!comp_args(c, ast, v)) return NULL;
    return comp_is_null(c, v[0], ast->negated, ast);
  case AST_IS_BOOL: return comp_is_bool(c, ast);
  case AST_ARITH:
    if (!comp_args(c, ast, v)) return NULL;
    return comp_arith(c, ast->op, v[0], v[1], ast);
  case AST_NEG: return comp_neg(c, ast);
  case AST_CONCAT: return comp_concat(c, ast);
  case AST_CASE: return comp_case(c, ast);
  case AST_COALESCE:
    list = MR_NEW(c->arena, struct expr_node *, ast->arg_cnt);
    if (!comp_args(c, ast, list) || !comp_common(c, list, ast->arg_cnt, ast->args, "COALESCE"))
      return NULL;
    return comp_coalesce(c, list, ast->arg_cnt, ast);
  case AST_NULLIF: return comp_nullif(c, ast);
  case AST_CAST: return comp_cast_ast(c, ast);
  case AST_CALL:
  case AST_INDEX: return comp_call(c, ast);
  }
  return NULL;
}
