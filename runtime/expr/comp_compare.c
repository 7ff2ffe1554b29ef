/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "expr/compile_private.h"

/* ---- texts ---- */

static const char *const op_texts[] = {"=", "<>", "<", "<=", ">", ">="};

static const char *quoted(struct compiler *c, const char *text) {
  char *out = MR_NEW(c->arena, char, strlen(text) * 2 + 3), *p = out;
  *p++ = '\'';
  for (; *text; text++) {
    if (*text == '\'') *p++ = '\'';
    *p++ = *text;
  }
  *p = '\'';
  return out;
}

static const char *source(struct compiler *c, const struct ast_node *at) {
  return expr_snippet(c->arena, c->ast->text, at->off, at->len, 60);
}

/* What one could have meant by comparing a with b. */
static const char *compare_hint(struct compiler *c, enum cmp_op op, const struct expr_node *a,
                                const struct expr_node *b, const struct ast_node *a_ast,
                                const struct ast_node *b_ast) {
  double number;
  if (a->type == MR_TYPE_STRING && a->codes && a->codes->cnt > 0) {
    const struct mr_enum *codes = a->codes;
    const char *last = quoted(c, codes->texts[codes->cnt - 1]);
    if (codes->cnt == 1) return mr_arena_printf(c->arena, "%s = %s", source(c, a_ast), last);
    return mr_arena_printf(c->arena, "%s IN (%s, %s)", source(c, a_ast),
                           quoted(c, codes->texts[codes->cnt - 2]), last);
  }
  if (a->type == MR_TYPE_STRING && !a->is_const &&
      (b->type == MR_TYPE_INT64 || b->type == MR_TYPE_DOUBLE)) {
    if (b->is_const && (op == CMP_EQ || op == CMP_NE))
      return mr_arena_printf(c->arena, "%s %s '%s'", source(c, a_ast), op_texts[op],
                             source(c, b_ast));
    return mr_arena_printf(c->arena, "CAST(%s AS double) %s %s", source(c, a_ast), op_texts[op],
                           source(c, b_ast));
  }
  if (b->type == MR_TYPE_STRING && b->is_const && !b->is_null &&
      (a->type == MR_TYPE_INT64 || a->type == MR_TYPE_DOUBLE) &&
      mr_double_parse(b->s.text, b->s.len, &number) == MR_OK)
    return mr_arena_printf(c->arena, "%s %s %s", source(c, a_ast), op_texts[op], b->s.text);
  if (a->type == MR_TYPE_BOOL && a->col >= 0 && b->is_const)
    return mr_arena_printf(c->arena, "%s IS TRUE", source(c, a_ast));
  return NULL;
}

static enum cmp_op mirrored(enum cmp_op op) {
  static const enum cmp_op other[] = {CMP_EQ, CMP_NE, CMP_GT, CMP_GE, CMP_LT, CMP_LE};
  return other[op];
}

static struct expr_node *not_comparable(struct compiler *c, enum cmp_op op,
                                        const struct expr_node *a, const struct expr_node *b,
                                        const struct ast_node *a_ast,
                                        const struct ast_node *b_ast) {
  struct mr_expr_error *e =
      EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_COMPARABLE, a_ast, "cannot compare %s with %s",
                    mr_type_name(a->type), mr_type_name(b->type));
  e->note_off = b_ast->off;
  e->note_len = b_ast->len;
  bool b_tells = b->col >= 0 && a->col < 0;
  e->note = comp_describe(c, b_tells ? b : a, b_tells ? b_ast : a_ast);
  e->hint = compare_hint(c, op, a, b, a_ast, b_ast);
  if (!e->hint) e->hint = compare_hint(c, mirrored(op), b, a, b_ast, a_ast);
  return NULL;
}

/* ---- sets of codes ---- */

struct expr_node *comp_code_set(struct compiler *c, struct expr_node *col,
                                const struct mr_code_set *has, const struct ast_node *at) {
  struct mr_code_set *set = MR_NEW(c->arena, struct mr_code_set, 1);
  memcpy(set->has, has->has, sizeof set->has);
  mr_code_set_finish(set, col->codes->cnt);
  struct expr_node *n = comp_node1(c, run_code_set, MR_TYPE_BOOL, at, col);
  n->param = set;
  return comp_strict(c, n);
}

static int32_t code_of(const struct mr_enum *codes, const struct expr_str *s) {
  for (uint32_t i = 0; i < codes->cnt; i++)
    if (codes->lens[i] == s->len && memcmp(codes->texts[i], s->text, s->len) == 0)
      return (int32_t)i;
  return -1;
}

/* A constant that is none of the column's values is allowed, but odd. */
static void warn_never(struct compiler *c, const struct expr_node *col, const struct expr_node *b,
                       const struct ast_node *b_ast) {
  struct ast_node at = {.off = col->off, .len = col->len};
  struct mr_expr_error *e =
      EXPR_ERROR_AT(c->errors, MR_EXPR_NEVER_EQUAL, b_ast, "%s is none of the values of %s",
                    source(c, b_ast), source(c, &at));
  const char *close = comp_closest(b->s.text, col->codes->texts, col->codes->cnt);
  if (close) e->label = mr_arena_printf(c->arena, "did you mean %s?", quoted(c, close));
  expr_warn(c->errors, e);
}

static bool holds(enum cmp_op op, int order) {
  switch (op) {
  case CMP_EQ: return order == 0;
  case CMP_NE: return order != 0;
  case CMP_LT: return order < 0;
  case CMP_LE: return order <= 0;
  case CMP_GT: return order > 0;
  default: return order >= 0;
  }
}

static int text_order(const char *a, uint32_t a_len, const char *b, uint32_t b_len) {
  int d = memcmp(a, b, a_len < b_len ? a_len : b_len);
  return d ? d : (a_len > b_len) - (a_len < b_len);
}

static struct expr_node *compare_codes(struct compiler *c, enum cmp_op op, struct expr_node *col,
                                       struct expr_node *b, const struct ast_node *at,
                                       const struct ast_node *b_ast) {
  struct mr_code_set set = {{0}};
  const struct mr_enum *codes = col->codes;
  for (uint32_t i = 0; i < codes->cnt; i++)
    set.has[i] = holds(op, text_order(codes->texts[i], codes->lens[i], b->s.text, b->s.len));
  if ((op == CMP_EQ || op == CMP_NE) && code_of(codes, &b->s) < 0) warn_never(c, col, b, b_ast);
  return comp_code_set(c, col, &set, at);
}

static bool same_codes(const struct mr_enum *a, const struct mr_enum *b) {
  if (a == b) return true;
  if (!a || !b || a->cnt != b->cnt) return false;
  for (uint32_t i = 0; i < a->cnt; i++)
    if (a->lens[i] != b->lens[i] || memcmp(a->texts[i], b->texts[i], a->lens[i]) != 0) return false;
  return true;
}

/* A column by codes whose codes are at hand: decoded ones have none any more. */
static bool has_codes(const struct expr_node *n) {
  return n->type == MR_TYPE_STRING && n->codes && n->run == run_column;
}

static bool is_text_const(const struct expr_node *n) {
  return n->type == MR_TYPE_STRING && n->is_const && !n->is_null;
}

/* ---- one comparison ---- */

static struct expr_node *compare_strings(struct compiler *c, enum cmp_op op, struct expr_node *a,
                                         struct expr_node *b, const struct ast_node *at,
                                         const struct ast_node *a_ast,
                                         const struct ast_node *b_ast) {
  if (has_codes(a) && is_text_const(b)) return compare_codes(c, op, a, b, at, b_ast);
  if (has_codes(b) && is_text_const(a)) return compare_codes(c, mirrored(op), b, a, at, a_ast);
  bool by_code = has_codes(a) && has_codes(b) && (op == CMP_EQ || op == CMP_NE) &&
                 same_codes(a->codes, b->codes);
  if (!by_code) {
    a = comp_string(c, a);
    b = comp_string(c, b);
  }
  struct expr_node *n = comp_node2(c, by_code ? run_cmp_code : run_cmp_str, MR_TYPE_BOOL, at, a, b);
  n->op = (uint8_t)op;
  return comp_strict(c, n);
}

struct expr_node *comp_compare(struct compiler *c, enum cmp_op op, struct expr_node *a,
                               struct expr_node *b, const struct ast_node *at,
                               const struct ast_node *a_ast, const struct ast_node *b_ast) {
  if (a->type == MR_TYPE_NONE && b->type == MR_TYPE_NONE) return comp_null(c, MR_TYPE_BOOL, at);
  if (a->type == MR_TYPE_LIST || b->type == MR_TYPE_LIST)
    return not_comparable(c, op, a, b, a_ast, b_ast);
  bool bad = false;
  if (a->type != b->type) {
    struct expr_node *x = comp_coerce(c, a, b->type, a_ast, &bad);
    struct expr_node *y = x || bad ? NULL : comp_coerce(c, b, a->type, b_ast, &bad);
    if (bad) return NULL;
    if (!x && !y) return not_comparable(c, op, a, b, a_ast, b_ast);
    if (x) a = x;
    if (y) b = y;
  }
  if (a->is_const && !b->is_const) {
    struct expr_node *swap = a;
    const struct ast_node *swap_ast = a_ast;
    a = b;
    b = swap;
    a_ast = b_ast;
    b_ast = swap_ast;
    op = mirrored(op);
  }
  expr_run_fn run = run_cmp_i64;
  if (a->type == MR_TYPE_STRING) return compare_strings(c, op, a, b, at, a_ast, b_ast);
  if (a->type == MR_TYPE_DOUBLE) run = run_cmp_f64;
  if (a->type == MR_TYPE_BOOL) run = run_cmp_bool;
  struct expr_node *n = comp_node2(c, run, MR_TYPE_BOOL, at, a, b);
  n->op = (uint8_t)op;
  return comp_strict(c, n);
}

/* ---- IN ---- */

/* OR of single comparisons: for what is no constant. */
static struct expr_node *in_by_compare(struct compiler *c, const struct ast_node *ast,
                                       struct expr_node **items) {
  uint32_t cnt = ast->arg_cnt - 1;
  struct expr_node **tests = MR_NEW(c->arena, struct expr_node *, cnt);
  bool ok = true;
  for (uint32_t i = 0; i < cnt; i++) {
    tests[i] = comp_compare(c, CMP_EQ, items[0], items[i + 1], ast, ast->args[0], ast->args[i + 1]);
    if (!tests[i]) ok = false;
  }
  if (!ok) return NULL;
  if (cnt == 1) return tests[0];
  struct expr_node *n = comp_node(c, run_or, MR_TYPE_BOOL, ast, cnt);
  for (uint32_t i = 0; i < cnt; i++) {
    n->args[i] = tests[i];
    n->maybe_null |= tests[i]->maybe_null;
  }
  return comp_done(c, n);
}

static struct expr_node *in_codes(struct compiler *c, const struct ast_node *ast,
                                  struct expr_node **items) {
  struct mr_code_set set = {{0}};
  bool null = false;
  for (uint32_t i = 1; i < ast->arg_cnt; i++) {
    if (items[i]->is_null) {
      null = true;
      continue;
    }
    int32_t code = code_of(items[0]->codes, &items[i]->s);
    if (code >= 0)
      set.has[code] = 1;
    else
      warn_never(c, items[0], items[i], ast->args[i]);
  }
  struct expr_node *n = comp_code_set(c, items[0], &set, ast);
  if (!null) return n;
  struct expr_node *both =
      comp_node2(c, run_or, MR_TYPE_BOOL, ast, n, comp_null(c, MR_TYPE_BOOL, ast));
  both->maybe_null = true;
  return comp_done(c, both);
}

static struct expr_node *in_set(struct compiler *c, const struct ast_node *ast,
                                struct expr_node **items, enum mr_type type) {
  uint32_t cnt = 0;
  int64_t *keys = MR_NEW(c->arena, int64_t, ast->arg_cnt);
  struct expr_str *strs = MR_NEW(c->arena, struct expr_str, ast->arg_cnt);
  bool null = false;
  for (uint32_t i = 1; i < ast->arg_cnt; i++) {
    const struct expr_node *n = items[i];
    if (n->is_null) {
      null = true;
      continue;
    }
    keys[cnt] = type == MR_TYPE_DOUBLE ? expr_double_key(n->d) : n->i;
    strs[cnt++] = n->s;
  }
  bool text = type == MR_TYPE_STRING;
  struct expr_set *set =
      text ? expr_set_strings(c->arena, strs, cnt) : expr_set_numbers(c->arena, keys, cnt);
  set->has_null = null;
  expr_run_fn run = text ? run_in_str : type == MR_TYPE_DOUBLE ? run_in_f64 : run_in_i64;
  struct expr_node *n = comp_node1(c, run, MR_TYPE_BOOL, ast, items[0]);
  n->param = set;
  n->maybe_null = null;
  return comp_strict(c, n);
}

static struct expr_node *comp_in_list(struct compiler *c, const struct ast_node *ast,
                                      struct expr_node **items) {
  bool constant = ast->arg_cnt > 2, codes = has_codes(items[0]), any_double = false;
  enum mr_type type = items[0]->type;
  for (uint32_t i = 1; i < ast->arg_cnt; i++) {
    if (!items[i]->is_const) constant = false;
    if (items[i]->type == MR_TYPE_DOUBLE) any_double = true;
  }
  if (type == MR_TYPE_INT64 && any_double) type = MR_TYPE_DOUBLE;
  if (!constant || type == MR_TYPE_BOOL || type == MR_TYPE_NONE || type == MR_TYPE_LIST)
    return in_by_compare(c, ast, items);
  struct expr_node **v = MR_NEW(c->arena, struct expr_node *, ast->arg_cnt);
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    bool bad = false;
    v[i] = i == 0 && codes ? items[0] : comp_coerce(c, items[i], type, ast->args[i], &bad);
    if (bad) return NULL;
    if (!v[i]) return not_comparable(c, CMP_EQ, items[0], items[i], ast->args[0], ast->args[i]);
  }
  return codes ? in_codes(c, ast, v) : in_set(c, ast, v, type);
}

struct expr_node *comp_in(struct compiler *c, const struct ast_node *ast) {
  struct expr_node **items = MR_NEW(c->arena, struct expr_node *, ast->arg_cnt);
  bool ok = true;
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    items[i] = comp_expr(c, ast->args[i]);
    if (!items[i]) ok = false;
  }
  if (!ok) return NULL;
  struct expr_node *n = comp_in_list(c, ast, items);
  return n && ast->negated ? comp_not(c, n, ast) : n;
}

/* ---- LIKE ---- */

static struct expr_node *like_const(struct compiler *c, const struct ast_node *ast,
                                    struct expr_node *a, const struct expr_node *p) {
  struct expr_like *like = MR_NEW(c->arena, struct expr_like, 1);
  if (!expr_like_compile(c->arena, p->s.text, p->s.len, like)) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, ast->args[1],
                  "a LIKE pattern cannot end in a backslash: it stands before what it escapes");
    return NULL;
  }
  if (has_codes(a)) {
    struct mr_code_set set = {{0}};
    for (uint32_t i = 0; i < a->codes->cnt; i++)
      set.has[i] = expr_like_match(like, a->codes->texts[i], a->codes->lens[i]) != ast->negated;
    return comp_code_set(c, a, &set, ast);
  }
  struct expr_node *n = comp_node1(c, run_like, MR_TYPE_BOOL, ast, comp_string(c, a));
  n->param = like;
  n->negated = ast->negated;
  return comp_strict(c, n);
}

struct expr_node *comp_like(struct compiler *c, const struct ast_node *ast) {
  struct expr_node *v[2];
  bool ok = true;
  for (uint32_t i = 0; i < 2; i++) {
    v[i] = comp_expr(c, ast->args[i]);
    if (v[i] && v[i]->type == MR_TYPE_NONE) v[i] = comp_null(c, MR_TYPE_STRING, ast->args[i]);
    if (v[i] && v[i]->type != MR_TYPE_STRING) {
      struct mr_expr_error *e =
          EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[i], "LIKE wants strings, this is %s",
                        mr_type_name(v[i]->type));
      e->label = comp_describe(c, v[i], ast->args[i]);
      ok = false;
    }
    ok = ok && v[i];
  }
  if (!ok) return NULL;
  if (is_text_const(v[1])) return like_const(c, ast, v[0], v[1]);
  struct expr_node *n =
      comp_node2(c, run_like, MR_TYPE_BOOL, ast, comp_string(c, v[0]), comp_string(c, v[1]));
  n->negated = ast->negated;
  n->code = MR_EXPR_ROW_PATTERN;
  return comp_strict(c, n);
}
