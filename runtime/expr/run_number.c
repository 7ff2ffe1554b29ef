/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "expr/program_private.h"

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

/* Whole quotient ('/'), rest ('%') or rest not below 0 ('p'); the divisors 0 and -1 are replaced so
 * that no row traps. */
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
      if (n->op == 'p' && r < 0 && y > 0) r += y;
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
    if (n->op != '/') {
      double r = fmod(x, y);
      ((double *)v->out)[row] = n->op == 'p' && r < 0 ? fmod(r + y, y) : r;
    } else if (!to_whole(x / y, &((int64_t *)v->out)[row])) {
      mr_bit_set(far, (uint32_t)row);
    }
  }
  if (n->op == '/') run_raise2(run, n, far);
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

/* ---- time ---- */

/* A timestamp plus or minus a duration: within the years that have a text. */
void run_time_add(struct expr_run *run, const struct expr_node *n) {
  static const int64_t min = EXPR_TIME_US_MIN, max = EXPR_TIME_US_MAX;
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
    bool in = a[i] >= EXPR_TIME_US_MIN / by && a[i] <= EXPR_TIME_US_MAX / by;
    out[i] = in ? a[i] * by : 0;
    bad[i / 64] |= (uint64_t)!in << (i % 64);
  }
  for (uint32_t w = 0; w < run->words; w++) any |= bad[w];
  if (any) run_raise(run, n, bad);
  v->data = out;
}
