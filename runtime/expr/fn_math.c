/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/function_private.h"

/* ---- makers ---- */

static struct expr_node *make_abs(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  bool whole = v[0]->type == MR_TYPE_INT64;
  struct expr_node *n = comp_node1(c, whole ? run_abs_i64 : run_math_f64, v[0]->type, ast, v[0]);
  n->op = MATH_ABS;
  n->code = whole ? MR_EXPR_ROW_OVERFLOW : 0;
  return comp_strict(c, n);
}

/* round and its kin: the type stays; of whole numbers only digits below 0 do anything. */
static struct expr_node *make_round(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  bool whole = v[0]->type == MR_TYPE_INT64;
  if (whole && ast->arg_cnt == 1) return v[0];
  struct expr_node *n =
      comp_node(c, whole ? run_round_i64 : run_round_f64, v[0]->type, ast, ast->arg_cnt);
  memcpy(n->args, v, ast->arg_cnt * sizeof *v);
  n->op = f->op;
  if (whole) n->code = MR_EXPR_ROW_OVERFLOW;
  return comp_strict(c, n);
}

/* floor(x), ceil(x): whole numbers; with digits as round. */
static struct expr_node *make_floor(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  if (ast->arg_cnt > 1) return make_round(c, f, ast, v);
  if (v[0]->type == MR_TYPE_INT64) return v[0];
  struct expr_node *n = comp_node1(c, run_whole_f64, MR_TYPE_INT64, ast, v[0]);
  n->op = f->op == ROUND_FLOOR ? MATH_FLOOR : MATH_CEIL;
  n->code = MR_EXPR_ROW_RANGE;
  return comp_strict(c, n);
}

static bool all_whole(struct expr_node **v, uint32_t cnt) {
  for (uint32_t i = 0; i < cnt; i++)
    if (v[i]->type != MR_TYPE_INT64) return false;
  return true;
}

/* div and mod: of two whole numbers, or of doubles. */
static struct expr_node *make_div(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  if (f->op == '%') return comp_arith(c, '%', v[0], v[1], ast);
  bool whole = all_whole(v, 2);
  if (!whole && !fn_to_doubles(c, v, ast)) return NULL;
  struct expr_node *n =
      comp_node2(c, whole ? run_div_i64 : run_div_f64, MR_TYPE_INT64, ast, v[0], v[1]);
  n->op = '/';
  n->code = MR_EXPR_ROW_DIVISION;
  n->code2 = whole ? MR_EXPR_ROW_OVERFLOW : MR_EXPR_ROW_RANGE;
  return comp_strict(c, n);
}

/* pmod: the rest that has the divisor's sign: ((a % b) + b) % b. */
static struct expr_node *make_pmod(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  bool whole = all_whole(v, 2);
  if (!whole && !fn_to_doubles(c, v, ast)) return NULL;
  struct expr_node *n = comp_node2(c, whole ? run_div_i64 : run_div_f64,
                                   whole ? MR_TYPE_INT64 : MR_TYPE_DOUBLE, ast, v[0], v[1]);
  n->op = 'p';
  n->code = MR_EXPR_ROW_DIVISION;
  return comp_strict(c, n);
}

/* An operation whose own errors are NULL; those of its operands stay errors. */
static struct expr_node *make_try(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  struct ast_node at = *ast;
  at.op_off = ast->off;
  at.op_len = ast->len;
  struct expr_node *n = comp_arith(c, f->op, v[0], v[1], &at);
  if (!n || n->is_const || !n->code) return n;
  n->try_it = true;
  n->code = n->code2 = 0;
  n->maybe_null = true;
  n->can_fail = false;
  return comp_done(c, n);
}

static struct expr_node *make_negative(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  (void)f;
  bool real = v[0]->type == MR_TYPE_DOUBLE;
  struct expr_node *n = comp_node1(c, real ? run_neg_f64 : run_neg_i64, v[0]->type, ast, v[0]);
  if (!real) n->code = MR_EXPR_ROW_OVERFLOW;
  return comp_strict(c, n);
}

static struct expr_node *make_positive(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  (void)c, (void)f, (void)ast;
  return v[0];
}

static struct expr_node *make_log(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = fn_node(c, f, ast, v, 0);
  if (ast->arg_cnt == 2) n->op = LOG_BASE;
  n->maybe_null = true;
  return comp_strict(c, n);
}

static struct expr_node *make_constant(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  (void)v;
  struct expr_node *n = comp_const(c, MR_TYPE_DOUBLE, ast);
  n->d = f->op ? 2.71828182845904523536 : 3.14159265358979323846;
  return n;
}

/* ---- the table ---- */

#define LOG_NOTE "NULL where there is none, as in Spark; an error in PostgreSQL"
#define NAN_NOTE "NaN outside of its domain, as in Spark; an error in PostgreSQL"

/* A function of one double. */
#define OF_ONE(names, op, help, example, gives, note)                                              \
  { names, "f", 'f', 1, 1, fn_plain, run_math_f64, op, 0, "x", help, example, gives, note }

static const struct function functions[] = {
    {"abs", "n", 'n', 1, 1, make_abs, NULL, 0, 0, "x", "the value without its sign", "abs(-3)", "3",
     "of the least int64 an error value"},
    OF_ONE("sign signum", MATH_SIGN, "-1, 0 or 1", "sign(-2.5)", "-1", NULL),
    {"negative", "n", 'n', 1, 1, make_negative, NULL, 0, 0, "x", "-x", "negative(3)", "-3", NULL},
    {"positive", "n", 'n', 1, 1, make_positive, NULL, 0, 0, "x", "x", "positive(3)", "3", NULL},
    {"round", "ni", 'n', 1, 2, make_round, NULL, ROUND_HALF_UP, 0, "x, digits",
     "to so many digits behind the point, a half away from 0", "round(2.675, 2)", "2.68",
     "works on the shortest decimal text of a double, as Spark; digits may be below 0"},
    {"bround", "ni", 'n', 1, 2, make_round, NULL, ROUND_HALF_EVEN, 0, "x, digits",
     "as round, a half to the even neighbour", "bround(2.5)", "2", NULL},
    OF_ONE("rint", MATH_RINT, "to a whole number, a half to the even neighbour", "rint(2.5)", "2",
           NULL),
    {"truncate", "ni", 'n', 1, 2, make_round, NULL, ROUND_DOWN, 0, "x, digits",
     "as round, always towards 0", "truncate(-2.678, 2)", "-2.67", "ours; trunc in PostgreSQL"},
    {"floor", "ni", 'i', 1, 2, make_floor, NULL, ROUND_FLOOR, 0, "x, digits",
     "the next whole number below, or with digits as round", "floor(-1.5)", "-2",
     "an error value beyond int64; with digits the type of x"},
    {"ceil ceiling", "ni", 'i', 1, 2, make_floor, NULL, ROUND_CEIL, 0, "x, digits",
     "the next whole number above, or with digits as round", "ceil(1.2)", "2", "as floor"},
    {"div", "nn", 'i', 2, 2, make_div, NULL, '/', 0, "a, b", "whole quotient, cut towards 0",
     "div(-7, 2)", "-3", "by 0 an error value; the operator / gives a double"},
    {"mod", "nn", 'n', 2, 2, make_div, NULL, '%', 0, "a, b", "rest, with the sign of a",
     "mod(-7, 3)", "-1", "by 0 an error value; the operator % is the same"},
    {"pmod", "nn", 'n', 2, 2, make_pmod, NULL, 'p', 0, "a, b", "rest, not below 0 for b above 0",
     "pmod(-7, 3)", "2", "by 0 an error value"},
    {"try_add", "mm", 'n', 2, 2, make_try, NULL, '+', 0, "a, b",
     "a + b, NULL where that is an error value", "try_add(9223372036854775807, 1)", "NULL", NULL},
    {"try_subtract", "mm", 'n', 2, 2, make_try, NULL, '-', 0, "a, b",
     "a - b, NULL where that is an error value", "try_subtract(5, 3)", "2", NULL},
    {"try_multiply", "mm", 'n', 2, 2, make_try, NULL, '*', 0, "a, b",
     "a * b, NULL where that is an error value", "try_multiply(9223372036854775807, 2)", "NULL",
     NULL},
    {"try_divide", "mm", 'n', 2, 2, make_try, NULL, '/', 0, "a, b",
     "a / b, NULL where that is an error value", "try_divide(1, 0)", "NULL", NULL},
    {"try_mod", "mm", 'n', 2, 2, make_try, NULL, '%', 0, "a, b",
     "a % b, NULL where that is an error value", "try_mod(7, 0)", "NULL", NULL},
    OF_ONE("sqrt", MATH_SQRT, "square root", "sqrt(16)", "4", NAN_NOTE),
    OF_ONE("cbrt", MATH_CBRT, "cube root", "cbrt(-27)", "-3", NULL),
    {"power pow", "ff", 'f', 2, 2, fn_plain, run_math_f64, MATH_POW, 0, "x, y",
     "x to the power of y", "power(2, 10)", "1024", NULL},
    OF_ONE("exp", MATH_EXP, "e to the power of x", "exp(0)", "1", NULL),
    OF_ONE("expm1", MATH_EXPM1, "exp(x) - 1, exact near 0", "expm1(0)", "0", NULL),
    {"ln", "f", 'f', 1, 1, make_log, run_log_f64, LOG_E, 0, "x", "natural logarithm", "ln(1)", "0",
     LOG_NOTE},
    {"log", "ff", 'f', 1, 2, make_log, run_log_f64, LOG_E, 0, "base, x",
     "logarithm of x to a base; of one argument the natural one", "log(2, 8)", "3",
     "one argument: natural, as in Spark; to base 10 in PostgreSQL. " LOG_NOTE},
    {"log10", "f", 'f', 1, 1, make_log, run_log_f64, LOG_10, 0, "x", "logarithm to base 10",
     "log10(1000)", "3", LOG_NOTE},
    {"log2", "f", 'f', 1, 1, make_log, run_log_f64, LOG_2, 0, "x", "logarithm to base 2", "log2(8)",
     "3", LOG_NOTE},
    {"log1p", "f", 'f', 1, 1, make_log, run_log_f64, LOG_1P, 0, "x", "ln(1 + x), exact near 0",
     "log1p(0)", "0", LOG_NOTE},
    OF_ONE("sin", MATH_SIN, "sine", "sin(0)", "0", NULL),
    OF_ONE("cos", MATH_COS, "cosine", "cos(0)", "1", NULL),
    OF_ONE("tan", MATH_TAN, "tangent", "tan(0)", "0", NULL),
    OF_ONE("cot", MATH_COT, "cotangent", "round(cot(1), 6)", "0.642093", NULL),
    OF_ONE("sec", MATH_SEC, "secant", "sec(0)", "1", NULL),
    OF_ONE("csc", MATH_CSC, "cosecant", "round(csc(1), 6)", "1.188395", NULL),
    OF_ONE("asin", MATH_ASIN, "arc sine", "asin(0)", "0", NAN_NOTE),
    OF_ONE("acos", MATH_ACOS, "arc cosine", "acos(1)", "0", NAN_NOTE),
    OF_ONE("atan", MATH_ATAN, "arc tangent", "atan(0)", "0", NULL),
    {"atan2", "ff", 'f', 2, 2, fn_plain, run_math_f64, MATH_ATAN2, 0, "y, x",
     "angle of the point (x, y)", "round(atan2(1, 1), 6)", "0.785398",
     "-0 counts as 0, as in Spark"},
    OF_ONE("sinh", MATH_SINH, "hyperbolic sine", "sinh(0)", "0", NULL),
    OF_ONE("cosh", MATH_COSH, "hyperbolic cosine", "cosh(0)", "1", NULL),
    OF_ONE("tanh", MATH_TANH, "hyperbolic tangent", "tanh(0)", "0", NULL),
    OF_ONE("asinh", MATH_ASINH, "inverse hyperbolic sine", "asinh(0)", "0", NULL),
    OF_ONE("acosh", MATH_ACOSH, "inverse hyperbolic cosine", "acosh(1)", "0", NAN_NOTE),
    OF_ONE("atanh", MATH_ATANH, "inverse hyperbolic tangent", "atanh(0)", "0", NAN_NOTE),
    OF_ONE("degrees", MATH_DEGREES, "radians as degrees", "degrees(pi())", "180", NULL),
    OF_ONE("radians", MATH_RADIANS, "degrees as radians", "radians(180) = pi()", "true", NULL),
    {"hypot", "ff", 'f', 2, 2, fn_plain, run_math_f64, MATH_HYPOT, 0, "x, y", "sqrt(x*x + y*y)",
     "hypot(3, 4)", "5", NULL},
    {"pi", "", 'f', 0, 0, make_constant, NULL, 0, 0, "", "the ratio of a circle's circumference",
     "round(pi(), 6)", "3.141593", NULL},
    {"e", "", 'f', 0, 0, make_constant, NULL, 1, 0, "", "Euler's number", "round(e(), 6)",
     "2.718282", NULL},
    {"factorial", "i", 'i', 1, 1, fn_nullable, run_factorial, 0, 0, "n", "1 * 2 * ... * n",
     "factorial(5)", "120", "NULL for n outside 0 to 20, as in Spark"},
    {"width_bucket", "fffi", 'i', 4, 4, fn_nullable, run_width_bucket, 0, 0, "x, from, to, count",
     "which of count equal buckets between from and to; 0 below, count + 1 above",
     "width_bucket(5.3, 0, 10, 5)", "3", "NULL where there are no buckets, as in Spark"},
    {"bit_and", "ii", 'i', 2, 2, fn_plain, run_bits_i64, BIT_AND, 0, "a, b", "bits set in both",
     "6 & 3", "2", "written a & b"},
    {"bit_or", "ii", 'i', 2, 2, fn_plain, run_bits_i64, BIT_OR, 0, "a, b", "bits set in either",
     "6 | 3", "7", "written a | b"},
    {"bit_xor", "ii", 'i', 2, 2, fn_plain, run_bits_i64, BIT_XOR, 0, "a, b", "bits set in one",
     "6 ^ 3", "5", "written a ^ b, as in Spark; in PostgreSQL ^ is power and # is this"},
    {"bit_not", "i", 'i', 1, 1, fn_plain, run_bits_i64, BIT_NOT, 0, "a", "all bits turned", "~5",
     "-6", "written ~a"},
    {"shiftleft", "ii", 'i', 2, 2, fn_plain, run_bits_i64, BIT_LEFT, 0, "a, n",
     "bits moved n places up", "shiftleft(1, 10)", "1024", "n modulo 64, as Spark on bigint"},
    {"shiftright", "ii", 'i', 2, 2, fn_plain, run_bits_i64, BIT_RIGHT, 0, "a, n",
     "bits moved n places down, the sign kept", "shiftright(-8, 1)", "-4", "as shiftleft"},
    {"shiftrightunsigned", "ii", 'i', 2, 2, fn_plain, run_bits_i64, BIT_RIGHT_ZERO, 0, "a, n",
     "bits moved n places down, zeros come in", "shiftrightunsigned(-1, 60)", "15", "as shiftleft"},
    {"bit_count", "i", 'i', 1, 1, fn_plain, run_bits_i64, BIT_COUNT, 0, "a", "number of set bits",
     "bit_count(255)", "8", NULL},
    {"getbit bit_get", "ii", 'i', 2, 2, fn_ranged, run_bits_i64, BIT_GET, 0, "a, n",
     "bit n, counted from 0", "getbit(4, 2)", "1", "n outside 0 to 63 is an error value"},
};

const struct function_group fn_group_math = {"Numbers", functions,
                                             sizeof functions / sizeof functions[0]};
