/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles and most frequent values, from values with their counts.
 *
 * Approximate ones count buckets of values: all with the same sign, exponent and upper `bits` bits
 * of the mantissa are one, which is named by its middle. So an answer is off by at most
 * 2^-(bits + 1) of its size, whole numbers below 2^bits are exact, and what a sketch holds depends
 * on the values alone, not on their order or on how it was merged. (DDSketch: Masson, Rim, Lee
 * 2019, with the buckets of HdrHistogram, which are even within a power of two and need no
 * logarithm.) */
#include <math.h>

#include "base/assert.h"
#include "state/fold_private.h"

#define SIGN          (UINT64_C(1) << 63)
#define MANTISSA_BITS 52u

/* A number whose order is that of the doubles. */
static int64_t order_of(double v) {
  int64_t bits;
  v += 0.0; /* -0 */
  if (v != v) v = (double)NAN;
  memcpy(&bits, &v, sizeof bits);
  return bits ^ ((bits >> 63) & INT64_MAX);
}

static double double_of(int64_t order) {
  double v;
  order ^= (order >> 63) & INT64_MAX;
  memcpy(&v, &order, sizeof v);
  return v;
}

int64_t mr_fold_bucket(const struct mr_fold *f, double v) {
  return order_of(v) >> (MANTISSA_BITS - f->bits);
}

/* The value that stands for a bucket. */
static double middle_of(const struct mr_fold *f, int64_t bucket) {
  uint32_t shift = MANTISSA_BITS - f->bits;
  int64_t low = (int64_t)((uint64_t)bucket << shift);
  double a = double_of(low), b = double_of((int64_t)((uint64_t)low | ((UINT64_C(1) << shift) - 1)));
  if (!f->is_double) { /* the whole number in the middle of those that it holds */
    double first = ceil(a < b ? a : b), last = floor(a < b ? b : a);
    return first <= last ? floor((first + last) / 2) : a;
  }
  return isfinite(a) && isfinite(b) ? a + (b - a) / 2 : a;
}

static const struct mr_fold_member *member_at(const struct mr_space *space, uint32_t ref) {
  return mr_store_at(&space->store, ref);
}

/* In the order of the values. */
static uint64_t key_of(const struct mr_fold *f, const struct mr_fold_member *m) {
  bool plain = f->func == MR_FOLD_QUANTILE || !f->is_double;
  return (uint64_t)(plain ? m->value.i : order_of(m->value.d)) ^ SIGN;
}

uint64_t mr_fold_rank_cnt(const struct mr_space *space, const struct mr_fold_chain *c) {
  uint64_t cnt = 0;
  for (uint32_t ref = c->first; ref; ref = member_at(space, ref)->next)
    cnt += mr_fold_member_cnt(member_at(space, ref));
  return cnt;
}

/* The key of the value with this rank (from 0): digit after digit, the highest first. */
static uint64_t key_at(const struct mr_space *space, const struct mr_fold *f,
                       const struct mr_fold_chain *c, uint64_t rank) {
  uint64_t prefix = 0;
  for (uint32_t shift = 56;; shift -= 8) {
    uint64_t cnt[256] = {0}, above = shift == 56 ? 0 : UINT64_MAX << (shift + 8);
    for (uint32_t ref = c->first; ref; ref = member_at(space, ref)->next) {
      const struct mr_fold_member *m = member_at(space, ref);
      uint64_t key = key_of(f, m);
      if ((key & above) == prefix) cnt[key >> shift & 255] += mr_fold_member_cnt(m);
    }
    uint32_t digit = 0;
    for (; digit < 255 && rank >= cnt[digit]; digit++) rank -= cnt[digit];
    prefix |= (uint64_t)digit << shift;
    if (!shift) return prefix;
  }
}

static double number_at(const struct mr_space *space, const struct mr_fold *f,
                        const struct mr_fold_chain *c, uint64_t rank) {
  int64_t v = (int64_t)(key_at(space, f, c, rank) ^ SIGN);
  return f->is_double ? double_of(v) : (double)v;
}

static int64_t bits_of(double v) {
  int64_t bits;
  memcpy(&bits, &v, sizeof bits);
  return bits;
}

int64_t mr_fold_percentile(const struct mr_space *space, const struct mr_fold *f,
                           const struct mr_fold_chain *c, uint64_t cnt, double p) {
  MR_ASSERT(cnt > 0 && p >= 0 && p <= 1);
  if (f->func == MR_FOLD_PERCENTILE) {
    double at = (double)(cnt - 1) * p, below = floor(at);
    double a = number_at(space, f, c, (uint64_t)below), b = a;
    if (at > below) b = number_at(space, f, c, (uint64_t)below + 1);
    return bits_of(at > below ? a + (b - a) * (at - below) : a);
  }
  double rank = ceil(p * (double)cnt);
  uint64_t at = rank < 1 ? 0 : (uint64_t)rank - 1;
  int64_t v = (int64_t)(key_at(space, f, c, at < cnt ? at : cnt - 1) ^ SIGN);
  if (f->func == MR_FOLD_QUANTILE) {
    double middle = middle_of(f, v);
    return f->is_double ? bits_of(middle) : (int64_t)middle;
  }
  return f->is_double ? bits_of(double_of(v)) : v;
}

/* Whether a goes before b: came more often, or as often and is less. */
static bool goes_before(const struct mr_space *space, const struct mr_fold *f,
                        const struct mr_fold_member *a, const struct mr_fold_member *b) {
  uint64_t x = mr_fold_member_cnt(a), y = mr_fold_member_cnt(b);
  if (x != y) return x > y;
  if (f->phys == MR_PHYS_STR) return mr_str_compare(&a->value.s, &b->value.s, space->base) < 0;
  return key_of(f, a) < key_of(f, b);
}

uint32_t mr_fold_top(const struct mr_space *space, const struct mr_fold *f,
                     const struct mr_fold_chain *c, uint32_t k,
                     const struct mr_fold_member **members) {
  uint32_t n = 0;
  for (uint32_t ref = c->first; ref; ref = member_at(space, ref)->next) {
    const struct mr_fold_member *m = member_at(space, ref);
    if (n == k && !goes_before(space, f, m, members[n - 1])) continue;
    uint32_t i = n < k ? n++ : n - 1;
    for (; i > 0 && goes_before(space, f, m, members[i - 1]); i--) members[i] = members[i - 1];
    members[i] = m;
  }
  return n;
}
