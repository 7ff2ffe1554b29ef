/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/text.h"
#include "expr/compile_private.h"

/* The functions by name: what they take, what they give, how a node of them is made. Arguments have
 * been checked and coerced when make is called. */

struct function;
typedef struct expr_node *(*make_fn)(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v);

struct function {
  const char *name;
  const char *args; /* a letter per argument, compile_private.h */
  char result;
  uint8_t min, max; /* arguments; max 255: any number */
  make_fn make;
  expr_run_fn run;
  uint8_t op;
  int64_t i;
};

enum mr_type function_letter_type(char letter) {
  switch (letter) {
  case 's': return MR_TYPE_STRING;
  case 'i': return MR_TYPE_INT64;
  case 'n':
  case 'f': return MR_TYPE_DOUBLE;
  case 't': return MR_TYPE_TIMESTAMP;
  case 'd': return MR_TYPE_DURATION;
  case 'b': return MR_TYPE_BOOL;
  case 'l': return MR_TYPE_LIST;
  default: return MR_TYPE_NONE;
  }
}

/* ---- makers ---- */

static struct expr_node *make_node(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v, int code) {
  struct expr_node *n = comp_node(c, f->run, function_letter_type(f->result), ast, ast->arg_cnt);
  memcpy(n->args, v, ast->arg_cnt * sizeof *v);
  n->op = f->op;
  n->i = f->i;
  n->code = code;
  return n;
}

/* A strict function that cannot fail. */
static struct expr_node *make_plain(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  return comp_strict(c, make_node(c, f, ast, v, 0));
}

/* A strict function whose results may be out of range. */
static struct expr_node *make_ranged(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  return comp_strict(c, make_node(c, f, ast, v, MR_EXPR_ROW_RANGE));
}

/* A strict function that makes strings. */
static struct expr_node *make_text(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = make_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->makes_strings = true;
  return comp_strict(c, n);
}

static struct expr_node *make_concat(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    if (v[i]->type == MR_TYPE_NONE) v[i] = comp_null(c, MR_TYPE_STRING, ast->args[i]);
    v[i] = comp_string(c, v[i]);
    if (v[i]->type == MR_TYPE_LIST) {
      EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[i], "a list has no text");
      return NULL;
    }
  }
  if (ast->arg_cnt == 1 && v[0]->type == MR_TYPE_STRING) return v[0];
  return make_text(c, f, ast, v);
}

static bool all_whole(struct expr_node **v, uint32_t cnt) {
  for (uint32_t i = 0; i < cnt; i++)
    if (v[i]->type != MR_TYPE_INT64) return false;
  return true;
}

static bool to_doubles(struct compiler *c, struct expr_node **v, const struct ast_node *ast) {
  bool bad = false;
  for (uint32_t i = 0; i < ast->arg_cnt; i++)
    v[i] = comp_coerce(c, v[i], MR_TYPE_DOUBLE, ast->args[i], &bad);
  return !bad;
}

static struct expr_node *make_abs(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  bool whole = v[0]->type == MR_TYPE_INT64;
  struct expr_node *n = comp_node1(c, whole ? run_abs_i64 : run_math_f64, v[0]->type, ast, v[0]);
  n->op = MATH_ABS;
  n->code = whole ? MR_EXPR_ROW_OVERFLOW : 0;
  return comp_strict(c, n);
}

static struct expr_node *make_round(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  bool whole = v[0]->type == MR_TYPE_INT64;
  if (whole && ast->arg_cnt == 1) return v[0];
  struct expr_node *n =
      comp_node(c, whole ? run_round_i64 : run_round_f64, v[0]->type, ast, ast->arg_cnt);
  memcpy(n->args, v, ast->arg_cnt * sizeof *v);
  if (whole) n->code = MR_EXPR_ROW_OVERFLOW;
  return comp_strict(c, n);
}

static struct expr_node *make_floor(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  if (v[0]->type == MR_TYPE_INT64) return v[0];
  return make_ranged(c, f, ast, v);
}

/* div and mod: of two whole numbers, or of doubles. */
static struct expr_node *make_div(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  if (f->op == '%') return comp_arith(c, '%', v[0], v[1], ast);
  bool whole = all_whole(v, 2);
  if (!whole && !to_doubles(c, v, ast)) return NULL;
  struct expr_node *n =
      comp_node2(c, whole ? run_div_i64 : run_div_f64, MR_TYPE_INT64, ast, v[0], v[1]);
  n->op = '/';
  n->code = MR_EXPR_ROW_DIVISION;
  n->code2 = whole ? MR_EXPR_ROW_OVERFLOW : MR_EXPR_ROW_RANGE;
  return comp_strict(c, n);
}

/* greatest, least: pairs from the left; NULLs are left out. */
static struct expr_node *make_extreme(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  if (!comp_common(c, v, ast->arg_cnt, ast->args, f->name)) return NULL;
  struct expr_node *acc = v[0];
  for (uint32_t i = 1; i < ast->arg_cnt; i++) {
    enum cmp_op op = f->op == '>' ? CMP_GE : CMP_LE;
    struct expr_node *wins = comp_compare(c, op, acc, v[i], ast, ast->args[i - 1], ast->args[i]);
    if (!wins) return NULL;
    struct expr_node *n = comp_node3(c, run_extreme, acc->type, ast, wins, acc, v[i]);
    n->maybe_null = acc->maybe_null && v[i]->maybe_null;
    acc = comp_done(c, n);
  }
  return acc;
}

static struct expr_node *make_if(struct compiler *c, const struct function *f,
                                 const struct ast_node *ast, struct expr_node **v) {
  if (!comp_common(c, v + 1, 2, ast->args + 1, f->name)) return NULL;
  return comp_select(c, v[0], v[1], v[2], ast);
}

static struct expr_node *make_coalesce(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  if (!comp_common(c, v, ast->arg_cnt, ast->args, f->name)) return NULL;
  return comp_coalesce(c, v, ast->arg_cnt, ast);
}

/* A text that has to be known at load. */
static const struct expr_str *constant_text(struct compiler *c, const struct expr_node *n,
                                            const struct ast_node *at, const char *what) {
  if (n->is_const && !n->is_null && n->type == MR_TYPE_STRING) return &n->s;
  EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, at, "%s must be a constant text", what);
  return NULL;
}

static struct expr_node *make_try_cast(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  const struct expr_str *name = constant_text(c, v[1], ast->args[1], "the type");
  if (!name) return NULL;
  enum mr_type type = literal_type(name->text, name->len);
  if (type == MR_TYPE_NONE) {
    comp_bad_type(c, name->text, ast->args[1]->off, ast->args[1]->len);
    return NULL;
  }
  return comp_cast(c, v[0], type, true, ast);
}

static const struct mr_time_pattern *time_pattern(struct compiler *c, const struct expr_node *n,
                                                  const struct ast_node *at) {
  const struct expr_str *text = constant_text(c, n, at, "the pattern");
  if (!text) return NULL;
  struct mr_time_pattern *p = MR_NEW(c->arena, struct mr_time_pattern, 1);
  size_t bad = 0;
  if (mr_time_pattern_compile(text->text, text->len, p, &bad) == MR_OK) return p;
  struct mr_expr_error *e = EXPR_ERROR_AT(
      c->errors, MR_EXPR_BAD_LITERAL, at, "the pattern is not understood from \"%s\" on",
      expr_snippet(c->arena, text->text, (uint32_t)bad,
                   bad < text->len ? text->len - (uint32_t)bad : 0, 20));
  e->hint = "'yyyy-MM-dd HH:mm:ss'";
  return NULL;
}

static struct expr_node *make_date_format(struct compiler *c, const struct function *f,
                                          const struct ast_node *ast, struct expr_node **v) {
  const struct mr_time_pattern *p = time_pattern(c, v[1], ast->args[1]);
  if (!p) return NULL;
  struct expr_node *n = comp_node1(c, f->run, MR_TYPE_STRING, ast, v[0]);
  n->param = p;
  n->code = MR_EXPR_ROW_SCRATCH;
  n->makes_strings = true;
  return comp_strict(c, n);
}

/* to_timestamp(text), (text, pattern), (seconds) */
static struct expr_node *make_to_timestamp(struct compiler *c, const struct function *f,
                                           const struct ast_node *ast, struct expr_node **v) {
  if (ast->arg_cnt == 1) return comp_cast(c, v[0], MR_TYPE_TIMESTAMP, false, ast);
  bool bad = false;
  struct expr_node *text = comp_coerce(c, v[0], MR_TYPE_STRING, ast->args[0], &bad);
  if (!text) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[0], "a pattern reads strings, this is %s",
                  mr_type_name(v[0]->type));
    return NULL;
  }
  const struct mr_time_pattern *p = time_pattern(c, v[1], ast->args[1]);
  if (!p) return NULL;
  struct expr_node *n = comp_node1(c, f->run, MR_TYPE_TIMESTAMP, ast, text);
  n->param = p;
  n->code = MR_EXPR_ROW_BAD_CAST;
  return comp_strict(c, n);
}

static int field_of(struct compiler *c, const struct expr_node *n, const struct ast_node *at) {
  static const char *const names[] = {"year", "quarter", "month",  "week",        "day",
                                      "hour", "minute",  "second", "millisecond", "epoch"};
  const struct expr_str *text = constant_text(c, n, at, "the unit");
  if (!text) return -1;
  int field = expr_time_field(text->text, text->len);
  if (field >= 0) return field;
  struct mr_expr_error *e =
      EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, at, "\"%s\" is no unit of time", text->text);
  const char *close = comp_closest(text->text, names, sizeof names / sizeof names[0]);
  if (close) e->label = mr_arena_printf(c->arena, "did you mean \"%s\"?", close);
  return -1;
}

static struct expr_node *make_date_trunc(struct compiler *c, const struct function *f,
                                         const struct ast_node *ast, struct expr_node **v) {
  int field = field_of(c, v[0], ast->args[0]);
  if (field < 0) return NULL;
  if (field > FIELD_MICROSECOND) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, ast->args[0],
                  "a time cannot be cut to this unit");
    return NULL;
  }
  struct expr_node *n = comp_node1(c, f->run, MR_TYPE_TIMESTAMP, ast, v[1]);
  n->op = (uint8_t)field;
  return comp_strict(c, n);
}

/* extract(field FROM x): int64, but second and epoch are doubles. */
static struct expr_node *make_extract(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  int field = field_of(c, v[0], ast->args[0]);
  if (field < 0) return NULL;
  if (field == FIELD_SECOND) field = FIELD_SECOND_EXACT;
  bool real = field == FIELD_SECOND_EXACT || field == FIELD_EPOCH;
  if (v[1]->type == MR_TYPE_DURATION && field != FIELD_EPOCH) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[1],
                  "only epoch can be extracted from a duration");
    return NULL;
  }
  bool bad = false;
  struct expr_node *x = v[1];
  if (x->type != MR_TYPE_DURATION) x = comp_coerce(c, x, MR_TYPE_TIMESTAMP, ast->args[1], &bad);
  if (!x && !bad)
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[1],
                  "extract wants a timestamp, this is %s", mr_type_name(v[1]->type));
  if (!x) return NULL;
  struct expr_node *n = comp_node1(c, f->run, real ? MR_TYPE_DOUBLE : MR_TYPE_INT64, ast, x);
  n->op = (uint8_t)field;
  return comp_strict(c, n);
}

static struct expr_node *make_epoch(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = comp_node1(c, f->run, MR_TYPE_DOUBLE, ast, v[0]);
  n->op = FIELD_EPOCH;
  return comp_strict(c, n);
}

static struct expr_node *make_clock(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  (void)v;
  struct expr_node *n = comp_node(c, f->run, MR_TYPE_TIMESTAMP, ast, 0);
  n->is_volatile = true;
  return n;
}

static struct expr_node *make_event_time(struct compiler *c, const struct function *f,
                                         const struct ast_node *ast, struct expr_node **v) {
  const struct mr_schema *s = c->scope->schema;
  (void)v;
  if (s->event_time < 0) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_SUPPORTED, ast, "rows here have no event time");
    return NULL;
  }
  struct expr_node *n = comp_node(c, f->run, MR_TYPE_TIMESTAMP, ast, 0);
  n->col = s->event_time;
  n->maybe_null = s->fields[s->event_time].optional;
  n->is_volatile = true;
  return n;
}

static struct expr_node *make_record(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  (void)v;
  if (c->scope->flags & MR_EXPR_NO_RECORD) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_SUPPORTED, ast, "rows here are not records of a source");
    return NULL;
  }
  if (!f->run) return comp_null(c, MR_TYPE_STRING, ast); /* record_key(): no source has keys yet */
  struct expr_node *n = comp_node(c, f->run, MR_TYPE_INT64, ast, 0);
  n->is_volatile = true;
  n->maybe_null = true;
  return n;
}

/* list[i] and array_contains(list, x) */
static struct expr_node *make_element(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = comp_node2(c, f->run, v[0]->elem, ast, v[0], v[1]);
  n->maybe_null = true;
  return comp_strict(c, n);
}

static struct expr_node *make_array_contains(struct compiler *c, const struct function *f,
                                             const struct ast_node *ast, struct expr_node **v) {
  bool bad = false;
  struct expr_node *x = comp_coerce(c, v[1], v[0]->elem, ast->args[1], &bad);
  if (!x && !bad)
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_COMPARABLE, ast->args[1],
                  "cannot compare %s with the list's %s", mr_type_name(v[1]->type),
                  mr_type_name(v[0]->elem));
  if (!x) return NULL;
  struct expr_node *n = comp_node2(c, f->run, MR_TYPE_BOOL, ast, v[0], x);
  n->maybe_null = true;
  return comp_strict(c, n);
}

static struct expr_node *make_swapped(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *swapped[2] = {v[1], v[0]};
  return make_plain(c, f, ast, swapped);
}

/* ---- the table ---- */

#define UNARY_TIME(name, field)                                                                    \
  { name, "t", 'i', 1, 1, make_plain, run_extract, field, 0 }

static const struct function functions[] = {
    {"upper", "s", 's', 1, 1, make_text, run_case_map, 1, 0},
    {"ucase", "s", 's', 1, 1, make_text, run_case_map, 1, 0},
    {"lower", "s", 's', 1, 1, make_text, run_case_map, 0, 0},
    {"lcase", "s", 's', 1, 1, make_text, run_case_map, 0, 0},
    {"length", "s", 'i', 1, 1, make_plain, run_length, 0, 0},
    {"len", "s", 'i', 1, 1, make_plain, run_length, 0, 0},
    {"char_length", "s", 'i', 1, 1, make_plain, run_length, 0, 0},
    {"character_length", "s", 'i', 1, 1, make_plain, run_length, 0, 0},
    {"octet_length", "s", 'i', 1, 1, make_plain, run_length, 1, 0},
    {"substring", "sii", 's', 2, 3, make_plain, run_substring, SUBSTRING_FROM, 0},
    {"substr", "sii", 's', 2, 3, make_plain, run_substring, SUBSTRING_FROM, 0},
    {"left", "si", 's', 2, 2, make_plain, run_substring, SUBSTRING_LEFT, 0},
    {"right", "si", 's', 2, 2, make_plain, run_substring, SUBSTRING_RIGHT, 0},
    {"ltrim", "ss", 's', 1, 2, make_plain, run_trim, 1, 0},
    {"rtrim", "ss", 's', 1, 2, make_plain, run_trim, 2, 0},
    {"trim", "ss", 's', 1, 2, make_plain, run_trim, 3, 0},
    {"btrim", "ss", 's', 1, 2, make_plain, run_trim, 3, 0},
    {"replace", "sss", 's', 3, 3, make_text, run_replace, 0, 0},
    {"concat", "a", 's', 1, 255, make_concat, run_concat, 0, 0},
    {"starts_with", "ss", 'b', 2, 2, make_plain, run_text_test, TEXT_STARTS, 0},
    {"startswith", "ss", 'b', 2, 2, make_plain, run_text_test, TEXT_STARTS, 0},
    {"ends_with", "ss", 'b', 2, 2, make_plain, run_text_test, TEXT_ENDS, 0},
    {"endswith", "ss", 'b', 2, 2, make_plain, run_text_test, TEXT_ENDS, 0},
    {"contains", "ss", 'b', 2, 2, make_plain, run_text_test, TEXT_CONTAINS, 0},
    {"position", "ss", 'i', 2, 2, make_plain, run_position, 0, 0},
    {"strpos", "ss", 'i', 2, 2, make_plain, run_position, 0, 0},
    {"instr", "ss", 'i', 2, 2, make_plain, run_position, 0, 0},
    {"locate", "ss", 'i', 2, 2, make_swapped, run_position, 0, 0},
    {"abs", "n", 'n', 1, 1, make_abs, NULL, 0, 0},
    {"round", "ni", 'n', 1, 2, make_round, NULL, 0, 0},
    {"floor", "n", 'i', 1, 1, make_floor, run_math_f64, MATH_FLOOR, 0},
    {"ceil", "n", 'i', 1, 1, make_floor, run_math_f64, MATH_CEIL, 0},
    {"ceiling", "n", 'i', 1, 1, make_floor, run_math_f64, MATH_CEIL, 0},
    {"sqrt", "f", 'f', 1, 1, make_ranged, run_math_f64, MATH_SQRT, 0},
    {"exp", "f", 'f', 1, 1, make_plain, run_math_f64, MATH_EXP, 0},
    {"ln", "f", 'f', 1, 1, make_ranged, run_math_f64, MATH_LN, 0},
    {"power", "ff", 'f', 2, 2, make_plain, run_math_f64, MATH_POW, 0},
    {"pow", "ff", 'f', 2, 2, make_plain, run_math_f64, MATH_POW, 0},
    {"div", "nn", 'i', 2, 2, make_div, NULL, '/', 0},
    {"mod", "nn", 'n', 2, 2, make_div, NULL, '%', 0},
    {"greatest", "a", 'a', 2, 255, make_extreme, NULL, '>', 0},
    {"least", "a", 'a', 2, 255, make_extreme, NULL, '<', 0},
    {"if", "ba", 'a', 3, 3, make_if, NULL, 0, 0},
    {"ifnull", "a", 'a', 2, 2, make_coalesce, NULL, 0, 0},
    {"nvl", "a", 'a', 2, 2, make_coalesce, NULL, 0, 0},
    {"try_cast", "as", 'a', 2, 2, make_try_cast, NULL, 0, 0},
    {"date_format", "ts", 's', 2, 2, make_date_format, run_date_format, 0, 0},
    {"date_trunc", "st", 't', 2, 2, make_date_trunc, run_date_trunc, 0, 0},
    {"extract", "sa", 'i', 2, 2, make_extract, run_extract, 0, 0},
    {"date_part", "sa", 'i', 2, 2, make_extract, run_extract, 0, 0},
    UNARY_TIME("year", FIELD_YEAR),
    UNARY_TIME("quarter", FIELD_QUARTER),
    UNARY_TIME("month", FIELD_MONTH),
    UNARY_TIME("weekofyear", FIELD_WEEK),
    UNARY_TIME("day", FIELD_DAY),
    UNARY_TIME("dayofmonth", FIELD_DAY),
    UNARY_TIME("dayofweek", FIELD_DAYOFWEEK),
    UNARY_TIME("dayofyear", FIELD_DAYOFYEAR),
    UNARY_TIME("hour", FIELD_HOUR),
    UNARY_TIME("minute", FIELD_MINUTE),
    UNARY_TIME("second", FIELD_SECOND),
    {"epoch", "t", 'f', 1, 1, make_epoch, run_extract, 0, 0},
    {"unix", "t", 'i', 1, 1, make_plain, run_time_scale, '/', 1000000},
    {"unix_timestamp", "t", 'i', 1, 1, make_plain, run_time_scale, '/', 1000000},
    {"to_unix_timestamp", "t", 'i', 1, 1, make_plain, run_time_scale, '/', 1000000},
    {"unix_seconds", "t", 'i', 1, 1, make_plain, run_time_scale, '/', 1000000},
    {"unix_millis", "t", 'i', 1, 1, make_plain, run_time_scale, '/', 1000},
    {"unix_micros", "t", 'i', 1, 1, make_plain, run_time_scale, '/', 1},
    {"timestamp_seconds", "i", 't', 1, 1, make_ranged, run_time_scale, '*', 1000000},
    {"timestamp_millis", "i", 't', 1, 1, make_ranged, run_time_scale, '*', 1000},
    {"timestamp_micros", "i", 't', 1, 1, make_ranged, run_time_scale, '*', 1},
    {"to_timestamp", "as", 't', 1, 2, make_to_timestamp, run_parse_time, 0, 0},
    {"now", "", 't', 0, 0, make_clock, run_now, 0, 0},
    {"current_timestamp", "", 't', 0, 0, make_clock, run_now, 0, 0},
    {"ingest_time", "", 't', 0, 0, make_clock, run_ingest_time, 0, 0},
    {"event_time", "", 't', 0, 0, make_event_time, run_column, 0, 0},
    {"record_offset", "", 'i', 0, 0, make_record, run_record_offset, 0, 0},
    {"record_key", "", 's', 0, 0, make_record, NULL, 0, 0},
    {"size", "l", 'i', 1, 1, make_plain, run_size, 0, 0},
    {"cardinality", "l", 'i', 1, 1, make_plain, run_size, 0, 0},
    {"element_at", "li", 'a', 2, 2, make_element, run_element, 0, 0},
    {"array_contains", "la", 'b', 2, 2, make_array_contains, run_array_contains, 0, 0},
};
#define FUNCTION_CNT (sizeof functions / sizeof functions[0])

static const struct function *find(const char *name) {
  for (size_t i = 0; i < FUNCTION_CNT; i++)
    if (strcmp(functions[i].name, name) == 0) return &functions[i];
  return NULL;
}

const char *function_letters(const char *name, char *result) {
  const struct function *f = find(name);
  if (f) *result = f->result;
  return f ? f->args : NULL;
}

/* ---- a call ---- */

static struct expr_node *unknown(struct compiler *c, const struct ast_node *ast) {
  if (ast_agg_func(ast->name) >= 0) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_AGGREGATE, ast,
                  "%s is an aggregate: it stands in the select of a window or group", ast->name);
    return NULL;
  }
  const char *names[FUNCTION_CNT + 3];
  for (size_t i = 0; i < FUNCTION_CNT; i++) names[i] = functions[i].name;
  names[FUNCTION_CNT] = "coalesce";
  names[FUNCTION_CNT + 1] = "nullif";
  names[FUNCTION_CNT + 2] = "cast";
  struct mr_expr_error *e = expr_error(c->errors, MR_EXPR_UNKNOWN_FUNCTION, ast->op_off,
                                       ast->op_len, "no function \"%s\"", ast->name);
  const char *close = comp_closest(ast->name, names, FUNCTION_CNT + 3);
  if (close) e->label = mr_arena_printf(c->arena, "did you mean \"%s\"?", close);
  return NULL;
}

static bool check_count(struct compiler *c, const struct function *f, const struct ast_node *ast) {
  if (ast->star || ast->distinct || ast->filter) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_COUNT, ast, "%s is no aggregate: no *, DISTINCT or FILTER",
                  f->name);
    return false;
  }
  if (ast->arg_cnt >= f->min && (f->max == 255 || ast->arg_cnt <= f->max)) return true;
  const char *wants = f->max == 255      ? mr_arena_printf(c->arena, "at least %u", f->min)
                      : f->min == f->max ? mr_arena_printf(c->arena, "%u", f->min)
                                         : mr_arena_printf(c->arena, "%u to %u", f->min, f->max);
  bool one = f->max == 1 || (f->max == 255 && f->min == 1);
  EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_COUNT, ast, "%s takes %s argument%s, not %u", f->name, wants,
                one ? "" : "s", ast->arg_cnt);
  return false;
}

/* Makes an argument what its letter says, or adds an error. */
static struct expr_node *fit(struct compiler *c, const struct function *f, char letter,
                             struct expr_node *n, const struct ast_node *at) {
  bool bad = false, number = n->type == MR_TYPE_INT64 || n->type == MR_TYPE_DOUBLE;
  enum mr_type want = function_letter_type(letter);
  if (letter == 'a') return n->type == MR_TYPE_STRING && !n->is_const ? comp_string(c, n) : n;
  if (letter == 'n' && number) return n;
  if (letter == 'l' && n->type == MR_TYPE_LIST) return n;
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
      EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, at, "%s wants %s, this is %s", f->name, what,
                    n->type == MR_TYPE_NONE ? "NULL" : mr_type_name(n->type));
  if (n->col >= 0) e->label = comp_describe(c, n, at);
  const char *text = expr_snippet(c->arena, c->ast->text, at->off, at->len, 40);
  if (n->is_const) return NULL;
  if (want == MR_TYPE_STRING && n->type != MR_TYPE_LIST)
    e->hint = mr_arena_printf(c->arena, "CAST(%s AS string)", text);
  else if (n->type == MR_TYPE_STRING && (number || letter == 'n' || letter == 'f' || letter == 'i'))
    e->hint = mr_arena_printf(c->arena, "CAST(%s AS %s)", text, letter == 'i' ? "int64" : "double");
  return NULL;
}

struct expr_node *comp_call(struct compiler *c, const struct ast_node *ast) {
  const char *name = ast->kind == AST_INDEX ? "element_at" : ast->name;
  const struct function *f = find(name);
  struct expr_node **v = MR_NEW(c->arena, struct expr_node *, ast->arg_cnt + 1);
  bool ok = true;
  if (!f) return unknown(c, ast);
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    v[i] = comp_expr(c, ast->args[i]);
    if (!v[i]) ok = false;
  }
  if (!check_count(c, f, ast)) return NULL;
  size_t letters = strlen(f->args);
  for (uint32_t i = 0; ok && i < ast->arg_cnt; i++) {
    char letter = f->args[i < letters ? i : letters - 1];
    v[i] = fit(c, f, letter, v[i], ast->args[i]);
    if (!v[i]) ok = false;
  }
  return ok ? f->make(c, f, ast, v) : NULL;
}
