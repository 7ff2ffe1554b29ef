/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per x86-64 level with MR_ISA=v2|v3|v4 (mr_kernels in rooms.cmake). */
#include "format/fill.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)

static void bounds(const int64_t *t, uint32_t cnt, int64_t *lo, int64_t *hi) {
  int64_t least = t[0], most = t[0];
  for (uint32_t i = 0; i < cnt; i++) {
    least = t[i] < least ? t[i] : least;
    most = t[i] > most ? t[i] : most;
  }
  *lo = least;
  *hi = most;
}

const struct mr_fill_kernels JOIN(mr_fill_kernels_, MR_ISA) = {bounds};
