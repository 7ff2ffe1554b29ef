/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that are not uniform: Zipf's law for skewed keys, exponential gaps for Poisson arrivals.
 */
#include <math.h>
#include <string.h>

#include "producer/generate_fill.h"

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

double mr_gen_neg_ln(double u) {
  return neg_ln(u);
}
