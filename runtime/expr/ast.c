/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/compile_private.h"

const char *mr_ast_column(const struct mr_ast *ast) {
  return ast->root->kind == AST_COLUMN ? ast->root->name : NULL;
}

/* ---- which columns, used as what ---- */

struct walk {
  mr_ast_column_fn fn;
  void *ctx;
};

static enum mr_type type_of(const struct ast_node *n);

static bool is_time(enum mr_type t) {
  return t == MR_TYPE_TIMESTAMP || t == MR_TYPE_DURATION;
}

static enum mr_type type_of_arith(const struct ast_node *n) {
  enum mr_type a = type_of(n->args[0]), b = type_of(n->args[1]);
  if (a == MR_TYPE_TIMESTAMP && b == MR_TYPE_TIMESTAMP) return MR_TYPE_DURATION;
  if (a == MR_TYPE_TIMESTAMP || b == MR_TYPE_TIMESTAMP)
    return b == MR_TYPE_DURATION || a == MR_TYPE_DURATION ? MR_TYPE_TIMESTAMP : MR_TYPE_NONE;
  if (n->op == '/' && a == MR_TYPE_DURATION && b == MR_TYPE_DURATION) return MR_TYPE_DOUBLE;
  if (a == MR_TYPE_DURATION || b == MR_TYPE_DURATION) {
    bool unknown = a == MR_TYPE_NONE || b == MR_TYPE_NONE;
    bool adds = n->op == '+' || n->op == '-';
    return adds && unknown ? MR_TYPE_TIMESTAMP : MR_TYPE_DURATION; /* ts - INTERVAL '1h' */
  }
  return MR_TYPE_DOUBLE;
}

static enum mr_type type_of_first(const struct ast_node *n, uint32_t from, uint32_t step) {
  for (uint32_t i = from; i < n->arg_cnt; i += step) {
    enum mr_type t = type_of(n->args[i]);
    if (t != MR_TYPE_NONE) return t;
  }
  return MR_TYPE_NONE;
}

/* Branches of CASE: every second argument behind the subject, and the last. */
static enum mr_type type_of_case(const struct ast_node *n) {
  enum mr_type t = type_of_first(n, (n->op ? 1u : 0u) + 1, 2);
  return t != MR_TYPE_NONE ? t : type_of(n->args[n->arg_cnt - 1]);
}

/* Of the arguments with letter a, which are of one type. */
static enum mr_type type_of_alike(const struct ast_node *n, const char *letters, size_t cnt) {
  enum mr_type t = MR_TYPE_NONE;
  for (uint32_t i = 0; i < n->arg_cnt && t == MR_TYPE_NONE; i++)
    if (letters[i < cnt ? i : cnt - 1] == 'a') t = type_of(n->args[i]);
  return t;
}

static enum mr_type type_of_call(const struct ast_node *n) {
  char result = 'v';
  if (strcmp(n->name, "try_cast") == 0 && n->arg_cnt == 2 && n->args[1]->kind == AST_STRING)
    return literal_type(n->args[1]->name, n->args[1]->name_len);
  const char *letters = function_letters(n->name, n->arg_cnt, &result);
  if (letters && result == 'a') return type_of_alike(n, letters, strlen(letters));
  if (letters) return function_letter_type(result == 'i' ? 'f' : result);
  switch (ast_agg_func(n->name)) {
  case MR_AGG_COUNT:
  case MR_AGG_APPROX_COUNT_DISTINCT:
  case MR_AGG_SUM:
  case MR_AGG_AVG:
  case MR_AGG_STDDEV:
  case MR_AGG_STDDEV_POP:
  case MR_AGG_VARIANCE:
  case MR_AGG_VAR_POP:
  case MR_AGG_PERCENTILE:
  case MR_AGG_PERCENTILE_DISC:
  case MR_AGG_PERCENTILE_APPROX: return MR_TYPE_DOUBLE;
  case MR_AGG_APPROX_TOP_K:
  case MR_AGG_COLLECT_LIST:
  case MR_AGG_COLLECT_SET: return MR_TYPE_LIST;
  default: return MR_TYPE_NONE;
  }
}

/* What the tree alone tells about a value; numbers are MR_TYPE_DOUBLE. */
static enum mr_type type_of(const struct ast_node *n) {
  switch ((enum ast_kind)n->kind) {
  case AST_COLUMN:
  case AST_NULL:
  case AST_INDEX: return MR_TYPE_NONE;
  case AST_INT:
  case AST_DOUBLE: return MR_TYPE_DOUBLE;
  case AST_STRING:
  case AST_CONCAT: return MR_TYPE_STRING;
  case AST_DURATION: return MR_TYPE_DURATION;
  case AST_ARITH: return type_of_arith(n);
  case AST_NEG: {
    enum mr_type t = type_of(n->args[0]);
    return t == MR_TYPE_DURATION ? t : MR_TYPE_DOUBLE;
  }
  case AST_CASE: return type_of_case(n);
  case AST_COALESCE:
  case AST_NULLIF: return type_of_first(n, 0, 1);
  case AST_CAST: {
    enum mr_type t = literal_type(n->name, (uint32_t)strlen(n->name));
    return t == MR_TYPE_INT64 ? MR_TYPE_DOUBLE : t;
  }
  case AST_CALL: return type_of_call(n);
  default: return MR_TYPE_BOOL;
  }
}

static void visit(const struct walk *w, const struct ast_node *n, enum mr_type want);

/* All values of one type: a known one tells the others. */
static void visit_alike(const struct walk *w, const struct ast_node *n, uint32_t from,
                        enum mr_type want) {
  for (uint32_t i = from; i < n->arg_cnt && want == MR_TYPE_NONE; i++) want = type_of(n->args[i]);
  for (uint32_t i = from; i < n->arg_cnt; i++) visit(w, n->args[i], want);
}

static void visit_arith(const struct walk *w, const struct ast_node *n, enum mr_type want) {
  enum mr_type a = type_of(n->args[0]), b = type_of(n->args[1]), x = MR_TYPE_DOUBLE;
  enum mr_type y = MR_TYPE_DOUBLE;
  bool adds = n->op == '+' || n->op == '-';
  if (adds && (is_time(a) || is_time(b) || is_time(want))) {
    x = y = MR_TYPE_NONE; /* left unknown unless the other side and the result settle it */
    if (b == MR_TYPE_DURATION) x = want == MR_TYPE_DURATION ? want : MR_TYPE_TIMESTAMP;
    if (a == MR_TYPE_DURATION) y = want == MR_TYPE_DURATION ? want : MR_TYPE_TIMESTAMP;
    if (a == MR_TYPE_TIMESTAMP && want == MR_TYPE_DURATION) y = MR_TYPE_TIMESTAMP;
    if (a == MR_TYPE_TIMESTAMP && want == MR_TYPE_TIMESTAMP) y = MR_TYPE_DURATION;
    if (b == MR_TYPE_TIMESTAMP && n->op == '-') x = MR_TYPE_TIMESTAMP;
    if (b == MR_TYPE_TIMESTAMP && n->op == '+') x = MR_TYPE_DURATION;
    if (a == MR_TYPE_NONE && b == MR_TYPE_NONE && want == MR_TYPE_DURATION && n->op == '-')
      x = y = MR_TYPE_TIMESTAMP;
  } else if (a == MR_TYPE_DURATION || b == MR_TYPE_DURATION) {
    x = y = MR_TYPE_DOUBLE; /* a duration times or by a number */
  }
  visit(w, n->args[0], x);
  visit(w, n->args[1], y);
}

static void visit_case(const struct walk *w, const struct ast_node *n, enum mr_type want) {
  uint32_t from = n->op ? 1 : 0;
  enum mr_type result = want != MR_TYPE_NONE ? want : type_of_case(n);
  enum mr_type test = MR_TYPE_BOOL;
  if (from) {
    test = type_of(n->args[0]);
    for (uint32_t i = from; i + 1 < n->arg_cnt && test == MR_TYPE_NONE; i += 2)
      test = type_of(n->args[i]);
    visit(w, n->args[0], test);
  }
  for (uint32_t i = from; i < n->arg_cnt; i++) {
    bool when = i + 1 < n->arg_cnt && (i - from) % 2 == 0;
    visit(w, n->args[i], when ? test : result);
  }
}

static void visit_call(const struct walk *w, const struct ast_node *n, enum mr_type want) {
  char result = 'v';
  const char *letters = function_letters(n->name, n->arg_cnt, &result);
  size_t cnt = letters ? strlen(letters) : 0;
  int agg = ast_agg_func(n->name);
  bool number = agg == MR_AGG_SUM || agg == MR_AGG_AVG ||
                (agg >= MR_AGG_STDDEV && agg != MR_AGG_APPROX_TOP_K && agg != MR_AGG_MODE);
  enum mr_type same = result == 'a' ? want : MR_TYPE_NONE; /* of all arguments with letter a */
  if (cnt && same == MR_TYPE_NONE) same = type_of_alike(n, letters, cnt);
  for (uint32_t i = 0; i < n->arg_cnt; i++) {
    char letter = cnt ? letters[i < cnt ? i : cnt - 1] : 'v';
    if (letter == 'u' && n->args[i]->kind == AST_COLUMN) continue; /* datediff(day, a, b) */
    enum mr_type t = function_letter_type(letter);
    if (letter == 'a') t = same;
    if (number || letter == 'i' || letter == 'm') t = MR_TYPE_DOUBLE;
    visit(w, n->args[i], t);
  }
  if (n->filter) visit(w, n->filter, MR_TYPE_BOOL);
}

static void visit(const struct walk *w, const struct ast_node *n, enum mr_type want) {
  enum mr_type each = MR_TYPE_NONE;
  switch ((enum ast_kind)n->kind) {
  case AST_COLUMN: /* "$0" stands for an aggregate */
    if (n->name[0] != '$') w->fn(w->ctx, n->name, n->off, n->len, want);
    return;
  case AST_AND:
  case AST_OR:
  case AST_NOT:
  case AST_IS_BOOL: each = MR_TYPE_BOOL; break;
  case AST_LIKE: each = MR_TYPE_STRING; break;
  case AST_CMP:
  case AST_DISTINCT:
  case AST_IN:
  case AST_BETWEEN: visit_alike(w, n, 0, MR_TYPE_NONE); return;
  case AST_COALESCE:
  case AST_NULLIF: visit_alike(w, n, 0, want); return;
  case AST_ARITH: visit_arith(w, n, want); return;
  case AST_NEG: each = want == MR_TYPE_DURATION ? want : MR_TYPE_DOUBLE; break;
  case AST_CASE: visit_case(w, n, want); return;
  case AST_CALL: visit_call(w, n, want); return;
  case AST_INDEX:
    visit(w, n->args[0], MR_TYPE_LIST);
    visit(w, n->args[1], MR_TYPE_DOUBLE);
    return;
  default: break; /* IS NULL, ||, casts take anything */
  }
  for (uint32_t i = 0; i < n->arg_cnt; i++) visit(w, n->args[i], each);
}

void mr_ast_columns(const struct mr_ast *ast, enum mr_type want, mr_ast_column_fn fn, void *ctx) {
  struct walk w = {fn, ctx};
  visit(&w, ast->root, want == MR_TYPE_INT64 ? MR_TYPE_DOUBLE : want);
}

/* ---- structs ---- */

#define STRUCT_NAME "named_struct"

static bool is_struct(const struct ast_node *n) {
  return n->kind == AST_CALL && strcmp(n->name, STRUCT_NAME) == 0;
}

static bool is_name(const struct ast_node *n) {
  if (n->kind != AST_STRING || !n->name_len || n->name_len > MR_NAME_MAX) return false;
  for (uint32_t i = 0; i < n->name_len; i++) {
    char c = n->name[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(i && c >= '0' && c <= '9')) return false;
  }
  return true;
}

static bool check_member(const struct ast_node *call, uint32_t i, struct mr_expr_errors *errors) {
  const struct ast_node *name = call->args[i], *value = call->args[i + 1];
  if (!is_name(name)) {
    struct mr_expr_error *e = EXPR_ERROR_AT(errors, MR_EXPR_ARG_TYPE, name,
                                            "the name of a member is wanted, in single quotes");
    e->hint = STRUCT_NAME "('start', window_start, 'end', window_end)";
    return false;
  }
  for (uint32_t k = 0; k < i; k += 2)
    if (strcmp(call->args[k]->name, name->name) == 0) {
      EXPR_ERROR_AT(errors, MR_EXPR_NOT_SUPPORTED, name, "a second member named %s", name->name);
      return false;
    }
  if (is_struct(value)) {
    EXPR_ERROR_AT(errors, MR_EXPR_NOT_SUPPORTED, value, "a struct inside a struct");
    return false;
  }
  return true;
}

uint32_t mr_ast_members(struct mr_arena *arena, const struct mr_ast *ast,
                        struct mr_ast_member **members, struct mr_expr_errors *errors) {
  const struct ast_node *call = ast->root;
  if (!is_struct(call)) return 0;
  if (!call->arg_cnt || call->arg_cnt % 2) {
    EXPR_ERROR_AT(errors, MR_EXPR_ARG_COUNT, call, STRUCT_NAME " takes pairs of name and value");
    return 0;
  }
  struct mr_ast_member *out = MR_NEW(arena, struct mr_ast_member, call->arg_cnt / 2);
  for (uint32_t i = 0; i < call->arg_cnt; i += 2) {
    if (!check_member(call, i, errors)) return 0;
    out[i / 2].name = call->args[i]->name;
    out[i / 2].ast = MR_NEW(arena, struct mr_ast, 1);
    *out[i / 2].ast = *ast;
    out[i / 2].ast->root = call->args[i + 1];
  }
  *members = out;
  return call->arg_cnt / 2;
}
