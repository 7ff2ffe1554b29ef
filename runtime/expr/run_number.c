/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "expr/program_private.h"

/* 0001-01-01 to 9999-12-31T23:59:59.999999: what a timestamp can be written as. */
#define TIME_US_MIN (INT64_C(-62135596800) * 1000000)
#define TIME_US_MAX (INT64_C(253402300800) * 1000000 - 1)

/* ---- int64 ---- */

void run_arith_i64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_expr_kernels *k = run->k;
  mr_arith_i64_fn fn = n->op == '+' ? k->add_i64 : n->op == '-' ? k->sub_i64 : k->mul_i64;
  uint64_t over[MR_BATCH_WORDS];
  run_strict(run, n);
  if (fn(run_arg(run, n, 0)->data, run_arg(run, n, 1)->data, n->args[1]->is_const, v->out, over,
         run->words))
    run_raise(run, n, over);
  v->data = v->out;
}

/* Whole quotient ('/') or rest ('%'); the divisors 0 and -1 are replaced so that no row traps. */
void run_div_i64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data, *b = run_arg(run, n, 1)->data;
  uint32_t step = n->args[1]->is_const ? 0 : 1;
  int64_t *out = v->out;
  uint64_t zero[MR_BATCH_WORDS] = {0}, over[MR_BATCH_WORDS] = {0}, any_zero = 0, any_over = 0;
  run_strict(run, n);
  for (uint32_t i = 0; i < run->rows64; i++) {
    int64_t x = a[i], y = b[i * step];
    bool is_zero = y == 0, minus = y == -1;
    int64_t safe = is_zero || minus ? 1 : y;
    if (n->op == '/') {
      over[i / 64] |= (uint64_t)(minus & (x == INT64_MIN)) << (i % 64);
      int64_t q = x / safe;
      out[i] = minus ? (int64_t)(0 - (uint64_t)x) : q;
    } else {
      int64_t r = x % safe;
      out[i] = minus ? 0 : r;
    }
    zero[i / 64] |= (uint64_t)is_zero << (i % 64);
  }
  for (uint32_t w = 0; w < run->words; w++) any_zero |= zero[w], any_over |= over[w];
  if (any_over) run_raise2(run, n, over);
  if (any_zero) run_raise(run, n, zero);
  v->data = out;
}

void run_neg_i64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data;
  int64_t *out = v->out;
  uint64_t over[MR_BATCH_WORDS], any = 0;
  run_strict(run, n);
  for (uint32_t w = 0; w < run->words; w++) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 64; i++) {
      int64_t x = a[w * 64 + i];
      bits |= (uint64_t)(x == INT64_MIN) << i;
      out[w * 64 + i] = (int64_t)(0 - (uint64_t)x);
    }
    over[w] = bits;
    any |= bits;
  }
  if (any) run_raise(run, n, over);
  v->data = out;
}

void run_abs_i64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data;
  int64_t *out = v->out;
  uint64_t over[MR_BATCH_WORDS] = {0}, any = 0;
  run_strict(run, n);
  for (uint32_t i = 0; i < run->rows64; i++) {
    uint64_t x = (uint64_t)a[i], m = 0 - (x >> 63);
    over[i / 64] |= (uint64_t)(a[i] == INT64_MIN) << (i % 64);
    out[i] = (int64_t)((x ^ m) - m);
  }
  for (uint32_t w = 0; w < run->words; w++) any |= over[w];
  if (any) run_raise(run, n, over);
  v->data = out;
}

void run_i64_to_f64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  run_strict(run, n);
  run->k->i64_to_f64(run_arg(run, n, 0)->data, v->out, run->words);
  v->data = v->out;
}

/* ---- double ---- */

static void raise_zero(struct expr_run *run, const struct expr_node *n) {
  static const double zero = 0;
  uint64_t bits[MR_BATCH_WORDS], any = 0;
  if (n->args[1]->is_const && *(const double *)run_arg(run, n, 1)->data != 0) return;
  if (n->args[1]->is_const)
    for (uint32_t w = 0; w < run->words; w++) bits[w] = UINT64_MAX;
  else
    run->k->eq_f64(run_arg(run, n, 1)->data, &zero, true, bits, run->words);
  for (uint32_t w = 0; w < run->words; w++) any |= bits[w];
  if (any) run_raise(run, n, bits);
}

void run_arith_f64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_expr_kernels *k = run->k;
  mr_arith_f64_fn fn = n->op == '+'   ? k->add_f64
                       : n->op == '-' ? k->sub_f64
                       : n->op == '*' ? k->mul_f64
                                      : k->div_f64;
  run_strict(run, n);
  fn(run_arg(run, n, 0)->data, run_arg(run, n, 1)->data, n->args[1]->is_const, v->out, run->words);
  if (n->op == '/') raise_zero(run, n);
  v->data = v->out;
}

/* A double as int64; false beyond its range. */
static bool to_whole(double d, int64_t *out) {
  if (!(d >= -0x1p63 && d < 0x1p63)) return false;
  *out = (int64_t)d;
  return true;
}

void run_div_f64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const double *a = run_arg(run, n, 0)->data, *b = run_arg(run, n, 1)->data;
  uint32_t step = n->args[1]->is_const ? 0 : 1;
  uint64_t buf[MR_BATCH_WORDS], far[MR_BATCH_WORDS] = {0};
  run_strict(run, n);
  raise_zero(run, n);
  memset(v->out, 0, run->rows64 * 8);
  const uint64_t *work = run_work(run, n, buf);
  MR_BITMAP_EACH(work, run->words, row) {
    double x = a[row], y = b[row * step];
    if (n->op == '%')
      ((double *)v->out)[row] = fmod(x, y);
    else if (!to_whole(x / y, &((int64_t *)v->out)[row]))
      mr_bit_set(far, (uint32_t)row);
  }
  if (n->op != '%') run_raise2(run, n, far);
  v->data = v->out;
}

void run_neg_f64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const double *a = run_arg(run, n, 0)->data;
  double *out = v->out;
  run_strict(run, n);
  for (uint32_t i = 0; i < run->rows64; i++) out[i] = -a[i];
  v->data = out;
}

void run_math_f64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const double *a = run_arg(run, n, 0)->data;
  const double *b = n->arg_cnt > 1 ? run_arg(run, n, 1)->data : NULL;
  double *out = v->out;
  uint64_t buf[MR_BATCH_WORDS], far[MR_BATCH_WORDS] = {0}, any = 0;
  run_strict(run, n);
  if (n->op == MATH_ABS) {
    for (uint32_t i = 0; i < run->rows64; i++) out[i] = fabs(a[i]);
    v->data = out;
    return;
  }
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    double x = a[row];
    bool whole = n->op == MATH_FLOOR || n->op == MATH_CEIL;
    if (whole) {
      if (!to_whole(n->op == MATH_FLOOR ? floor(x) : ceil(x), &((int64_t *)v->out)[row]))
        mr_bit_set(far, (uint32_t)row);
      continue;
    }
    switch (n->op) {
    case MATH_SQRT: out[row] = sqrt(x); break;
    case MATH_EXP: out[row] = exp(x); break;
    case MATH_LN: out[row] = log(x); break;
    default: out[row] = pow(x, b[row]); break;
    }
    if (n->op == MATH_SQRT && x < 0) mr_bit_set(far, (uint32_t)row);
    if (n->op == MATH_LN && x <= 0) mr_bit_set(far, (uint32_t)row);
  }
  for (uint32_t w = 0; w < run->words; w++) any |= far[w];
  if (any) run_raise(run, n, far);
  v->data = out;
}

/* ---- round: half away from zero, on the shortest decimal text ---- */

static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

static double round_digits(double x, int64_t digits) {
  if (x != x || digits > 15) return x;
  if (digits < -15) return x == x + x ? x : 0;
  if (digits == 0) return round(x);
  if (digits < 0) return round(x / powers[-digits]) * powers[-digits];
  if (fabs(x) >= 1e15) return x;
  char buf[MR_TEXT_DOUBLE_SZ + 8];
  size_t len = mr_double_format(buf, x);
  const char *dot = memchr(buf, '.', len);
  if (!dot || memchr(buf, 'e', len))
    return memchr(buf, 'e', len) ? round(x * powers[digits]) / powers[digits] : x;
  size_t keep = (size_t)(dot - buf) + 1 + (size_t)digits;
  if (keep >= len) return x;
  bool up = buf[keep] >= '5';
  double cut;
  if (mr_double_parse(buf, keep, &cut) != MR_OK) return x;
  if (!up) return cut;
  /* the cut text plus one in its last digit, again as text */
  double scaled = (x < 0 ? -1 : 1) * (floor(fabs(cut) * powers[digits] + 0.5) + 1);
  return scaled / powers[digits];
}

void run_round_f64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const double *a = run_arg(run, n, 0)->data;
  const int64_t *digits = n->arg_cnt > 1 ? run_arg(run, n, 1)->data : NULL;
  double *out = v->out;
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    out[row] = round_digits(a[row], digits ? digits[row] : 0);
  }
  v->data = out;
}

/* Rounds to a negative number of digits; false on overflow. */
static bool round_whole(int64_t x, int64_t digits, int64_t *out) {
  *out = x;
  if (digits >= 0) return true;
  *out = 0;
  if (digits < -19) return true;
  uint64_t unit = 1; /* at most 10^19, which still fits with half of it added */
  for (int64_t i = 0; i < -digits; i++) unit *= 10;
  uint64_t size = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
  uint64_t r = (size + unit / 2) / unit * unit;
  if (r > (uint64_t)INT64_MAX + (x < 0)) return false;
  *out = (int64_t)(x < 0 ? 0 - r : r);
  return true;
}

void run_round_i64(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data, *digits = run_arg(run, n, 1)->data;
  int64_t *out = v->out;
  uint64_t buf[MR_BATCH_WORDS], over[MR_BATCH_WORDS] = {0};
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    if (!round_whole(a[row], digits[row], &out[row])) mr_bit_set(over, (uint32_t)row);
  }
  run_raise(run, n, over);
  v->data = out;
}

/* ---- time ---- */

/* A timestamp plus or minus a duration: within the years that have a text. */
void run_time_add(struct expr_run *run, const struct expr_node *n) {
  static const int64_t min = TIME_US_MIN, max = TIME_US_MAX;
  struct vec *v = run_vec(run, n);
  const struct mr_expr_kernels *k = run->k;
  uint64_t bad[MR_BATCH_WORDS], bits[MR_BATCH_WORDS], any = 0;
  run_strict(run, n);
  (n->op == '+' ? k->add_i64 : k->sub_i64)(run_arg(run, n, 0)->data, run_arg(run, n, 1)->data,
                                           n->args[1]->is_const, v->out, bad, run->words);
  k->lt_i64(v->out, &min, true, bits, run->words);
  for (uint32_t w = 0; w < run->words; w++) bad[w] |= bits[w];
  k->gt_i64(v->out, &max, true, bits, run->words);
  for (uint32_t w = 0; w < run->words; w++) any |= bad[w] |= bits[w];
  if (any) run_raise(run, n, bad);
  v->data = v->out;
}

/* duration * double, duration / double: a duration, rounded to whole microseconds. */
void run_scale_duration(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data;
  const double *b = run_arg(run, n, 1)->data;
  int64_t *out = v->out;
  uint64_t buf[MR_BATCH_WORDS], far[MR_BATCH_WORDS] = {0};
  run_strict(run, n);
  if (n->op == '/') raise_zero(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    double x = (double)a[row], y = b[row];
    if (!to_whole(round(n->op == '*' ? x * y : x / y), &out[row])) mr_bit_set(far, (uint32_t)row);
  }
  run_raise2(run, n, far);
  v->data = out;
}

/* op '*' or '/' by the constant n->i: seconds to microseconds and back, rounding down. */
void run_time_scale(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data;
  int64_t *out = v->out, by = n->i;
  uint64_t bad[MR_BATCH_WORDS] = {0}, any = 0;
  run_strict(run, n);
  for (uint32_t i = 0; i < run->rows64; i++) {
    if (n->op == '/') {
      int64_t q = a[i] / by;
      out[i] = q - (a[i] % by < 0);
      continue;
    }
    bool in = a[i] >= TIME_US_MIN / by && a[i] <= TIME_US_MAX / by;
    out[i] = in ? a[i] * by : 0;
    bad[i / 64] |= (uint64_t)!in << (i % 64);
  }
  for (uint32_t w = 0; w < run->words; w++) any |= bad[w];
  if (any) run_raise(run, n, bad);
  v->data = out;
}
