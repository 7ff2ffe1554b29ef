/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are not uniform: Zipf's law for skewed keys, exponential gaps for Poisson arrivals.
 */
#include <math.h>
#include <string.h>

#include "producer/generate.h"

const uint32_t *mr_gen_zipf(struct mr_arena *arena, uint32_t cnt, double exponent) {
  uint32_t *bounds = MR_NEW(arena, uint32_t, cnt);
  double sum = 0, at = 0;
  for (uint32_t v = 0; v < cnt; v++) sum += pow(v + 1.0, -exponent);
  for (uint32_t v = 0; v < cnt; v++) {
    at += pow(v + 1.0, -exponent);
    bounds[v] = (uint32_t)fmin(floor(at / sum * 0x1.0p32), (double)UINT32_MAX);
  }
  bounds[cnt - 1] = UINT32_MAX;
  return bounds;
}

uint32_t mr_gen_zipf_draw(const uint32_t *bounds, uint32_t cnt, uint64_t bits) {
  uint32_t u = (uint32_t)(bits >> 32), lo = 0, hi = cnt - 1;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (u < bounds[mid])
      hi = mid;
    else
      lo = mid + 1;
  }
  return lo;
}

/* u = m * 2^e with m in [sqrt(1/2), sqrt(2)); ln m by the series of atanh((m - 1) / (m + 1)). Plain
 * additions and multiplications, so that planned times do not depend on the machine's libm. */
double mr_gen_neg_ln(double u) {
  uint64_t raw;
  memcpy(&raw, &u, 8);
  int e = (int)(raw >> 52) - 1023;
  raw = (raw & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
  double m;
  memcpy(&m, &raw, 8);
  if (m > 1.4142135623730951) {
    m /= 2;
    e++;
  }
  double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
  for (int i = 19; i >= 1; i -= 2) sum = sum * s2 + 1.0 / i;
  return -(2 * s * sum + e * 0.6931471805599453);
}
