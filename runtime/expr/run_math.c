/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "expr/rows_private.h"

#define PI 3.14159265358979323846

/* A double as int64; false beyond its range. */
static bool to_whole(double d, int64_t *out) {
  if (!(d >= -0x1p63 && d < 0x1p63)) return false;
  *out = (int64_t)d;
  return true;
}

/* ---- functions of doubles: a loop per function ---- */

typedef void (*math_loop_fn)(const double *a, const double *b, double *out, const uint64_t *work,
                             uint32_t words);

#define LOOP(name, value)                                                                          \
  static void name(const double *a, const double *b, double *out, const uint64_t *work,            \
                   uint32_t words) {                                                               \
    (void)b;                                                                                       \
    MR_BITMAP_EACH(work, words, row) {                                                             \
      double x = a[row];                                                                           \
      out[row] = value;                                                                            \
    }                                                                                              \
  }
#define LOOP2(name, value)                                                                         \
  static void name(const double *a, const double *b, double *out, const uint64_t *work,            \
                   uint32_t words) {                                                               \
    MR_BITMAP_EACH(work, words, row) {                                                             \
      double x = a[row], y = b[row];                                                               \
      out[row] = value;                                                                            \
    }                                                                                              \
  }

LOOP(loop_abs, fabs(x))
LOOP(loop_sign, x > 0 ? 1 : x < 0 ? -1 : x)
LOOP(loop_rint, rint(x))
LOOP(loop_sqrt, sqrt(x))
LOOP(loop_cbrt, cbrt(x))
LOOP(loop_exp, exp(x))
LOOP(loop_expm1, expm1(x))
LOOP(loop_sin, sin(x))
LOOP(loop_cos, cos(x))
LOOP(loop_tan, tan(x))
LOOP(loop_cot, 1 / tan(x))
LOOP(loop_sec, 1 / cos(x))
LOOP(loop_csc, 1 / sin(x))
LOOP(loop_asin, asin(x))
LOOP(loop_acos, acos(x))
LOOP(loop_atan, atan(x))
LOOP(loop_sinh, sinh(x))
LOOP(loop_cosh, cosh(x))
LOOP(loop_tanh, tanh(x))
LOOP(loop_asinh, asinh(x))
LOOP(loop_acosh, acosh(x))
LOOP(loop_atanh, atanh(x))
LOOP(loop_degrees, x *(180 / PI))
LOOP(loop_radians, x *(PI / 180))
LOOP2(loop_pow, pow(x, y))
LOOP2(loop_atan2, atan2(x + 0.0, y + 0.0)) /* as Spark: -0 counts as 0 */
LOOP2(loop_hypot, hypot(x, y))

static const math_loop_fn loops[MATH_CNT] = {
    [MATH_ABS] = loop_abs,     [MATH_SIGN] = loop_sign,       [MATH_RINT] = loop_rint,
    [MATH_SQRT] = loop_sqrt,   [MATH_CBRT] = loop_cbrt,       [MATH_EXP] = loop_exp,
    [MATH_EXPM1] = loop_expm1, [MATH_SIN] = loop_sin,         [MATH_COS] = loop_cos,
    [MATH_TAN] = loop_tan,     [MATH_COT] = loop_cot,         [MATH_SEC] = loop_sec,
    [MATH_CSC] = loop_csc,     [MATH_ASIN] = loop_asin,       [MATH_ACOS] = loop_acos,
    [MATH_ATAN] = loop_atan,   [MATH_SINH] = loop_sinh,       [MATH_COSH] = loop_cosh,
    [MATH_TANH] = loop_tanh,   [MATH_ASINH] = loop_asinh,     [MATH_ACOSH] = loop_acosh,
    [MATH_ATANH] = loop_atanh, [MATH_DEGREES] = loop_degrees, [MATH_RADIANS] = loop_radians,
    [MATH_POW] = loop_pow,     [MATH_ATAN2] = loop_atan2,     [MATH_HYPOT] = loop_hypot,
};

void run_math_f64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(v->out, 0, run->rows64 * sizeof(double));
  loops[n->op](run_arg(run, n, 0)->data, n->arg_cnt > 1 ? run_arg(run, n, 1)->data : NULL, v->out,
               work, run->words);
  v->data = v->out;
}

/* As Spark: NULL where there is no logarithm. */
static inline enum row_result log_row(struct expr_run *run, const struct expr_node *n, uint32_t row,
                                      double *out) {
  double x = row_f64(run, n, n->op == LOG_BASE ? 1 : 0, row);
  if (x <= (n->op == LOG_1P ? -1 : 0)) return ROW_NULL;
  switch (n->op) {
  case LOG_10: *out = log10(x); break;
  case LOG_2: *out = log2(x); break;
  case LOG_1P: *out = log1p(x); break;
  case LOG_BASE: {
    double base = row_f64(run, n, 0, row);
    if (base <= 0) return ROW_NULL;
    *out = log(x) / log(base);
    break;
  }
  default: *out = log(x); break;
  }
  return ROW_OK;
}
RUN_ROWS(run_log_f64, double, log_row)

static inline enum row_result whole_row(struct expr_run *run, const struct expr_node *n,
                                        uint32_t row, int64_t *out) {
  double x = row_f64(run, n, 0, row);
  return to_whole(n->op == MATH_FLOOR ? floor(x) : ceil(x), out) ? ROW_OK : ROW_BAD;
}
RUN_ROWS(run_whole_f64, int64_t, whole_row)

/* ---- round: on the shortest decimal text, so that 2.675 is a tie ---- */

static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

static double round_by(uint8_t op, double x) {
  switch (op) {
  case ROUND_HALF_EVEN: return rint(x);
  case ROUND_DOWN: return trunc(x);
  case ROUND_FLOOR: return floor(x);
  case ROUND_CEIL: return ceil(x);
  default: return round(x);
  }
}

/* Does cutting a decimal text at `keep` digits call for one more in the last digit? */
static bool rounds_away(uint8_t op, const char *text, size_t len, size_t keep) {
  char last = text[keep - 1] == '.' ? text[keep - 2] : text[keep - 1];
  bool minus = text[0] == '-', tie = text[keep] == '5' && keep + 1 == len;
  switch (op) {
  case ROUND_HALF_EVEN: return tie ? (last - '0') % 2 != 0 : text[keep] >= '5';
  case ROUND_DOWN: return false;
  case ROUND_FLOOR: return minus;
  case ROUND_CEIL: return !minus;
  default: return text[keep] >= '5';
  }
}

double expr_round(uint8_t op, double x, int64_t digits) {
  if (x != x || digits > 15 || x == x + x) return x; /* NaN, infinities, 0 */
  if (digits == 0) return round_by(op, x);
  if (digits < 0) {
    double unit = pow(10, -(double)digits);
    return isfinite(unit) ? round_by(op, x / unit) * unit : 0;
  }
  if (fabs(x) >= 1e15) return x;
  char buf[MR_TEXT_DOUBLE_SZ + 8];
  size_t len = mr_double_format(buf, x);
  const char *dot = memchr(buf, '.', len);
  if (memchr(buf, 'e', len)) return round_by(op, x * powers[digits]) / powers[digits];
  if (!dot) return x;
  size_t keep = (size_t)(dot - buf) + 1 + (size_t)digits;
  if (keep >= len) return x;
  double cut;
  if (mr_double_parse(buf, keep, &cut) != MR_OK) return x;
  if (!rounds_away(op, buf, len, keep)) return cut;
  /* the cut text plus one in its last digit, again as text */
  double scaled = (x < 0 ? -1 : 1) * (floor(fabs(cut) * powers[digits] + 0.5) + 1);
  return scaled / powers[digits];
}

static inline enum row_result round_f64_row(struct expr_run *run, const struct expr_node *n,
                                            uint32_t row, double *out) {
  *out = expr_round(n->op, row_f64(run, n, 0, row), n->arg_cnt > 1 ? row_i64(run, n, 1, row) : 0);
  return ROW_OK;
}
RUN_ROWS(run_round_f64, double, round_f64_row)

static bool whole_away(uint8_t op, uint64_t rest, uint64_t unit, uint64_t quotient, bool minus) {
  switch (op) {
  case ROUND_HALF_EVEN: return rest > unit - rest || (rest == unit - rest && quotient % 2 != 0);
  case ROUND_DOWN: return false;
  case ROUND_FLOOR: return minus && rest;
  case ROUND_CEIL: return !minus && rest;
  default: return rest >= unit - rest;
  }
}

/* Rounds to a negative number of digits; false on overflow. */
static inline enum row_result round_i64_row(struct expr_run *run, const struct expr_node *n,
                                            uint32_t row, int64_t *out) {
  int64_t x = row_i64(run, n, 0, row), digits = row_i64(run, n, 1, row);
  bool minus = x < 0;
  *out = x;
  if (digits >= 0 || !x) return ROW_OK;
  *out = 0;
  uint64_t unit = 1, size = minus ? 0 - (uint64_t)x : (uint64_t)x;
  bool away = n->op == (minus ? ROUND_FLOOR : ROUND_CEIL);
  if (digits < -19) return away ? ROW_BAD : ROW_OK;
  for (int64_t i = 0; i < -digits; i++) unit *= 10; /* at most 10^19, which fits 64 bits */
  uint64_t q = size / unit;
  if (whole_away(n->op, size % unit, unit, q, minus)) q++;
  uint64_t r;
  if (__builtin_mul_overflow(q, unit, &r) || r > (uint64_t)INT64_MAX + minus) return ROW_BAD;
  *out = (int64_t)(minus ? 0 - r : r);
  return ROW_OK;
}
RUN_ROWS(run_round_i64, int64_t, round_i64_row)

/* ---- bits ---- */

#define BIT_LOOP(value)                                                                            \
  for (uint32_t i = 0; i < run->rows64; i++) {                                                     \
    uint64_t x = (uint64_t)a[i], y = b ? (uint64_t)b[i] : 0;                                       \
    (void)y;                                                                                       \
    out[i] = (int64_t)(value);                                                                     \
  }                                                                                                \
  break

void run_bits_i64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data;
  const int64_t *b = n->arg_cnt > 1 ? run_arg(run, n, 1)->data : NULL;
  int64_t *out = v->out;
  run_strict(run, n);
  switch (n->op) {
  case BIT_AND: BIT_LOOP(x & y);
  case BIT_OR: BIT_LOOP(x | y);
  case BIT_XOR: BIT_LOOP(x ^ y);
  case BIT_NOT: BIT_LOOP(~x);
  case BIT_LEFT: BIT_LOOP(x << (y & 63));
  case BIT_RIGHT: BIT_LOOP((int64_t)x >> (y & 63));
  case BIT_RIGHT_ZERO: BIT_LOOP(x >> (y & 63));
  case BIT_COUNT: BIT_LOOP((uint64_t)__builtin_popcountll(x));
  default: BIT_LOOP((x >> (y & 63)) & 1);
  }
  v->data = out;
  if (n->op != BIT_GET) return;
  uint64_t bad[MR_BATCH_WORDS] = {0}, any = 0;
  for (uint32_t i = 0; i < run->rows64; i++)
    bad[i / 64] |= (uint64_t)(b[i] < 0 || b[i] > 63) << (i % 64);
  for (uint32_t w = 0; w < run->words; w++) any |= bad[w];
  if (any) run_raise(run, n, bad);
}

/* ---- the rest ---- */

static inline enum row_result factorial_row(struct expr_run *run, const struct expr_node *n,
                                            uint32_t row, int64_t *out) {
  int64_t x = row_i64(run, n, 0, row), r = 1;
  if (x < 0 || x > 20) return ROW_NULL;
  for (int64_t i = 2; i <= x; i++) r *= i;
  *out = r;
  return ROW_OK;
}
RUN_ROWS(run_factorial, int64_t, factorial_row)

/* The bucket of `cnt` equal ones between lo and hi, which may be the other way round; 0 below, cnt
 * + 1 above. NULL where there are no buckets. */
static inline enum row_result bucket_row(struct expr_run *run, const struct expr_node *n,
                                         uint32_t row, int64_t *out) {
  double x = row_f64(run, n, 0, row), from = row_f64(run, n, 1, row), to = row_f64(run, n, 2, row);
  int64_t cnt = row_i64(run, n, 3, row);
  if (cnt <= 0 || cnt == INT64_MAX || x != x || from == to || !isfinite(from) || !isfinite(to))
    return ROW_NULL;
  double lo = from < to ? from : to, hi = from < to ? to : from;
  double share = from < to ? x - lo : hi - x;
  bool below = from < to ? x < lo : x > hi, above = from < to ? x >= hi : x <= lo;
  *out = below ? 0 : above ? cnt + 1 : (int64_t)((double)cnt * share / (hi - lo)) + 1;
  return ROW_OK;
}
RUN_ROWS(run_width_bucket, int64_t, bucket_row)

/* Never NULL: isnan(NULL) is false. */
void run_is_nan(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct vec *arg = run_arg(run, n, 0);
  const double *a = arg->data;
  uint64_t *out = v->out;
  v->valid = NULL;
  v->err = arg->err;
  for (uint32_t w = 0; w < run->words; w++) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 64; i++) bits |= (uint64_t)(a[w * 64 + i] != a[w * 64 + i]) << i;
    out[w] = bits & (arg->valid ? arg->valid[w] : UINT64_MAX);
  }
  v->data = out;
}
