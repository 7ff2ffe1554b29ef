/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "expr/function_private.h"

static const struct function_group *const groups[] = {
    &fn_group_text, &fn_group_match, &fn_group_code,   &fn_group_format, &fn_group_math,
    &fn_group_time, &fn_group_list,  &fn_group_choice, &fn_group_record,
};
#define GROUP_CNT (sizeof groups / sizeof groups[0])

enum mr_type function_letter_type(char letter) {
  switch (letter) {
  case 's':
  case 'c': return MR_TYPE_STRING;
  case 'i': return MR_TYPE_INT64;
  case 'n':
  case 'f': return MR_TYPE_DOUBLE;
  case 't':
  case 'T': return MR_TYPE_TIMESTAMP;
  case 'd': return MR_TYPE_DURATION;
  case 'b': return MR_TYPE_BOOL;
  case 'l': return MR_TYPE_LIST;
  default: return MR_TYPE_NONE;
  }
}

/* ---- makers ---- */

struct expr_node *fn_node(struct compiler *c, const struct function *f, const struct ast_node *ast,
                          struct expr_node **v, int code) {
  struct expr_node *n = comp_node(c, f->run, function_letter_type(f->result), ast, ast->arg_cnt);
  memcpy(n->args, v, ast->arg_cnt * sizeof *v);
  n->op = f->op;
  n->i = f->i;
  n->code = code;
  return n;
}

struct expr_node *fn_plain(struct compiler *c, const struct function *f, const struct ast_node *ast,
                           struct expr_node **v) {
  return comp_strict(c, fn_node(c, f, ast, v, 0));
}

struct expr_node *fn_nullable(struct compiler *c, const struct function *f,
                              const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = fn_node(c, f, ast, v, 0);
  n->maybe_null = true;
  return comp_strict(c, n);
}

struct expr_node *fn_ranged(struct compiler *c, const struct function *f,
                            const struct ast_node *ast, struct expr_node **v) {
  return comp_strict(c, fn_node(c, f, ast, v, MR_EXPR_ROW_RANGE));
}

struct expr_node *fn_string(struct compiler *c, const struct function *f,
                            const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->makes_strings = true;
  return comp_strict(c, n);
}

const struct expr_str *fn_constant_text(struct compiler *c, const struct expr_node *n,
                                        const struct ast_node *at, const char *what) {
  if (n->is_const && !n->is_null && n->type == MR_TYPE_STRING) return &n->s;
  EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, at, "%s must be a constant text", what);
  return NULL;
}

bool fn_to_doubles(struct compiler *c, struct expr_node **v, const struct ast_node *ast) {
  bool bad = false;
  for (uint32_t i = 0; i < ast->arg_cnt; i++)
    v[i] = comp_coerce(c, v[i], MR_TYPE_DOUBLE, ast->args[i], &bad);
  return !bad;
}

/* ---- by name ---- */

/* The next of the names at *names, which moves on; its length, 0: there is none. */
static size_t next_name(const char **names, const char **name) {
  *name = *names;
  size_t len = strcspn(*names, " ");
  *names += len + ((*names)[len] == ' ');
  return len;
}

static bool is_named(const struct function *f, const char *name) {
  size_t want = strlen(name), len;
  const char *names = f->names, *at;
  while ((len = next_name(&names, &at)))
    if (len == want && memcmp(at, name, len) == 0) return true;
  return false;
}

/* Of several with one name, the one that takes so many arguments; else the first. */
static const struct function *find(const char *name, uint32_t arg_cnt) {
  const struct function *first = NULL;
  for (size_t g = 0; g < GROUP_CNT; g++)
    for (uint32_t i = 0; i < groups[g]->cnt; i++) {
      const struct function *f = &groups[g]->functions[i];
      if (!is_named(f, name)) continue;
      if (arg_cnt >= f->min && (f->max == FN_ANY || arg_cnt <= f->max)) return f;
      if (!first) first = f;
    }
  return first;
}

const char *function_letters(const char *name, uint32_t arg_cnt, char *result) {
  const struct function *f = find(name, arg_cnt);
  if (f) *result = f->result;
  return f ? f->args : NULL;
}

/* ---- for people ---- */

static const char *letter_name(char letter) {
  switch (letter) {
  case 'n': return "number";
  case 'T': return "timestamp or duration";
  case 'm': return "number, timestamp or duration";
  case 'u': return "unit";
  case 'a':
  case 'v': return "any";
  default: return mr_type_name(function_letter_type(letter));
  }
}

static const char *result_name(const struct function *f) {
  if (f->result == 'a' || f->result == 'n') return "as its arguments";
  if (f->result == 'e') return "as the elements";
  if (f->result == 'v') return "that type";
  return mr_type_name(function_letter_type(f->result));
}

/* "left(text: string, n: int64) -> string" */
static const char *signature(struct mr_arena *arena, const struct function *f, const char *name) {
  const char *out = mr_arena_printf(arena, "%s(", name), *at = f->usage;
  size_t letters = strlen(f->args);
  uint32_t open = 0;
  for (uint32_t i = 0; *at; i++) {
    size_t len = strcspn(at, ",");
    bool rest = len == 3 && memcmp(at, "...", 3) == 0, optional = i >= f->min && !rest;
    const char *comma = i ? ", " : "", *bracket = optional ? (i ? " [" : "[") : "";
    open += optional;
    if (rest)
      out = mr_arena_printf(arena, "%s%s...", out, comma);
    else
      out = mr_arena_printf(arena, "%s%s%s%.*s: %s", out, bracket, comma, (int)len, at,
                            letter_name(f->args[i < letters ? i : letters - 1]));
    at += len;
    at += strspn(at, ", ");
  }
  return mr_arena_printf(arena, "%s%.*s) -> %s", out, (int)open, "]]]]]]]]", result_name(f));
}

bool mr_expr_function_at(struct mr_arena *arena, uint32_t i, struct mr_expr_function *out) {
  size_t g = 0;
  while (g < GROUP_CNT && i >= groups[g]->cnt) i -= groups[g++]->cnt;
  if (g == GROUP_CNT) return false;
  const struct function *f = &groups[g]->functions[i];
  const char *names = f->names, *name;
  size_t len = next_name(&names, &name);
  out->group = groups[g]->title;
  out->name = mr_arena_strndup(arena, name, len);
  out->aliases = names;
  out->signature = len ? signature(arena, f, out->name) : f->usage;
  out->help = f->help;
  out->example = f->example;
  out->gives = f->gives;
  out->note = f->note;
  return true;
}

/* ---- a call ---- */

/* The function's name closest to a wrong one, or NULL. */
static const char *closest(struct compiler *c, const char *wrong) {
  static const char *const forms[] = {"coalesce", "nullif", "cast"}; /* of the grammar */
  const char *best = comp_closest(wrong, forms, sizeof forms / sizeof forms[0]), *at;
  int most = best ? mr_text_distance(wrong, best, 4) : 4;
  char buf[64];
  const char *name = buf;
  size_t len;
  for (size_t g = 0; g < GROUP_CNT; g++)
    for (uint32_t i = 0; i < groups[g]->cnt; i++) {
      const char *names = groups[g]->functions[i].names;
      while ((len = next_name(&names, &at))) {
        memcpy(buf, at, len);
        buf[len] = 0;
        if (!comp_closest(wrong, &name, 1)) continue;
        int d = mr_text_distance(wrong, buf, 4);
        if (d < most) best = mr_arena_strdup(c->arena, buf);
        if (d < most) most = d;
      }
    }
  return best;
}

/* Why a function that people know from Spark is not here; NULL: it is none of those. */
static const char *why_not(const char *name) {
  static const char *const reasons[][2] = {
      {"from_utc_timestamp", "all times are UTC"},
      {"to_utc_timestamp", "all times are UTC"},
      {"convert_timezone", "all times are UTC"},
      {"rand", "the same row has to give the same value in every run"},
      {"random", "the same row has to give the same value in every run"},
      {"uuid", "the same row has to give the same value in every run"},
      {"explode", "an expression gives one value per row"},
      {"get_json_object", "a field that is declared is read from the row's JSON"},
      {"from_json", "a field that is declared is read from the row's JSON"},
      {"to_char", "date_format and format_number write texts"},
  };
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
    if (strcmp(reasons[i][0], name) == 0) return reasons[i][1];
  return NULL;
}

static struct expr_node *unknown(struct compiler *c, const struct ast_node *ast) {
  if (ast_agg_func(ast->name) >= 0) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_AGGREGATE, ast,
                  "%s is an aggregate: it stands in the select of a window or group", ast->name);
    return NULL;
  }
  if (strcmp(ast->name, "named_struct") == 0) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_SUPPORTED, ast,
                  "named_struct makes a whole column of select; no expression reads a struct");
    return NULL;
  }
  struct mr_expr_error *e = expr_error(c->errors, MR_EXPR_UNKNOWN_FUNCTION, ast->op_off,
                                       ast->op_len, "no function \"%s\"", ast->name);
  e->label = why_not(ast->name);
  if (e->label) return NULL;
  const char *close = closest(c, ast->name);
  if (close) e->label = mr_arena_printf(c->arena, "did you mean \"%s\"?", close);
  return NULL;
}

static bool check_count(struct compiler *c, const struct function *f, const struct ast_node *ast) {
  if (ast->star || ast->distinct || ast->filter) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_COUNT, ast, "%s is no aggregate: no *, DISTINCT or FILTER",
                  ast->name);
    return false;
  }
  if (ast->arg_cnt >= f->min && (f->max == FN_ANY || ast->arg_cnt <= f->max)) return true;
  const char *wants = f->max == FN_ANY   ? mr_arena_printf(c->arena, "at least %u", f->min)
                      : f->min == f->max ? mr_arena_printf(c->arena, "%u", f->min)
                                         : mr_arena_printf(c->arena, "%u to %u", f->min, f->max);
  bool one = f->max == 1 || (f->max == FN_ANY && f->min == 1);
  EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_COUNT, ast, "%s takes %s argument%s, not %u", ast->name,
                wants, one ? "" : "s", ast->arg_cnt);
  return false;
}

/* Makes an argument what its letter says, or adds an error. */
static struct expr_node *fit(struct compiler *c, const char *name, char letter, struct expr_node *n,
                             const struct ast_node *at) {
  bool bad = false, number = n->type == MR_TYPE_INT64 || n->type == MR_TYPE_DOUBLE;
  enum mr_type want = function_letter_type(letter);
  if (strchr("avmu", letter))
    return n->type == MR_TYPE_STRING && !n->is_const ? comp_string(c, n) : n;
  if (letter == 'c' && n->type == MR_TYPE_STRING) return n; /* codes are kept */
  if (letter == 'n' && number) return n;
  if (letter == 'l' && n->type == MR_TYPE_LIST) return n;
  if (letter == 'T' && n->type == MR_TYPE_DURATION) return n;
  if (letter != 'l') {
    struct expr_node *r = comp_coerce(c, n, want, at, &bad);
    if (r || bad) return r;
  }
  const char *what = letter == 'n' || letter == 'f' ? "a number"
                     : letter == 'i'                ? "an int64"
                     : letter == 'b'                ? "a condition"
                     : letter == 'l'                ? "a list"
                                                    : NULL;
  if (!what) what = mr_arena_printf(c->arena, "a %s", mr_type_name(want));
  struct mr_expr_error *e =
      EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, at, "%s wants %s, this is %s", name, what,
                    n->type == MR_TYPE_NONE ? "NULL" : mr_type_name(n->type));
  if (n->col >= 0) e->label = comp_describe(c, n, at);
  const char *text = expr_snippet(c->arena, c->ast->text, at->off, at->len, 40);
  if (n->is_const) return NULL;
  if (want == MR_TYPE_STRING && n->type != MR_TYPE_LIST)
    e->hint = mr_arena_printf(c->arena, "CAST(%s AS string)", text);
  else if (n->type == MR_TYPE_STRING && (number || letter == 'n' || letter == 'f' || letter == 'i'))
    e->hint = mr_arena_printf(c->arena, "CAST(%s AS %s)", text, letter == 'i' ? "int64" : "double");
  else if (n->type == MR_TYPE_STRING && want == MR_TYPE_TIMESTAMP)
    e->hint = mr_arena_printf(c->arena, "to_timestamp(%s)", text);
  return NULL;
}

/* A unit of time may stand there as a bare word: datediff(day, a, b). */
static struct expr_node *comp_unit(struct compiler *c, const struct ast_node *ast) {
  if (ast->kind != AST_COLUMN || ast->quoted) return comp_expr(c, ast);
  struct expr_node *n = comp_const(c, MR_TYPE_STRING, ast);
  n->s.text = ast->name;
  n->s.len = ast->name_len;
  return n;
}

struct expr_node *comp_call(struct compiler *c, const struct ast_node *ast) {
  const char *name = ast->kind == AST_INDEX ? "element_at" : ast->name;
  const struct function *f = find(name, ast->arg_cnt);
  struct expr_node **v = MR_NEW(c->arena, struct expr_node *, ast->arg_cnt + 1);
  bool ok = true;
  if (!f) return unknown(c, ast);
  size_t letters = strlen(f->args);
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    bool unit = i < letters && f->args[i] == 'u';
    v[i] = unit ? comp_unit(c, ast->args[i]) : comp_expr(c, ast->args[i]);
    if (!v[i]) ok = false;
  }
  if (!check_count(c, f, ast)) return NULL;
  for (uint32_t i = 0; ok && i < ast->arg_cnt; i++) {
    char letter = f->args[i < letters ? i : letters - 1];
    v[i] = fit(c, name, letter, v[i], ast->args[i]);
    if (!v[i]) ok = false;
  }
  return ok ? f->make(c, f, ast, v) : NULL;
}
