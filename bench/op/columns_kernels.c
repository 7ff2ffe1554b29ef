/* SPDX-License-Identifier: Apache-2.0 */
#include "op/columns.h"

#include "data/view.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define STEP        64u /* rows between two rounds of prefetching: a line of one-byte values */

#if defined(__AVX512BW__)
#define VEC_SZ 64
#elif defined(__AVX2__)
#define VEC_SZ 32
#else
#define VEC_SZ 16
#endif
typedef int64_t times __attribute__((vector_size(VEC_SZ), aligned(8)));
#define LANES (VEC_SZ / 8)

/* A macro, because gcc 12 takes a function that only prefetches for one without effect. */
#define ASK(p) __builtin_prefetch((const void *)(p), 0, 1)

/* STEP times and the one before them: `back` gets a bit set where one is before its predecessor.
 * Without that the bounds are the first and the last. */
static inline void look_step(const int64_t *ts, times back[2]) {
  for (uint32_t i = 0; i < STEP; i += 2 * LANES) {
    const times *at = (const times *)(const void *)(ts + i);
    const times *before = (const times *)(const void *)(ts + i - 1);
    back[0] |= at[0] < before[0];
    back[1] |= at[1] < before[1];
  }
}

static struct mr_bench_bounds look_again(const int64_t *ts, uint32_t n) {
  struct mr_bench_bounds r = {INT64_MAX, INT64_MIN, false};
  for (uint32_t i = 0; i < n; i++) {
    r.min = ts[i] < r.min ? ts[i] : r.min;
    r.max = ts[i] > r.max ? ts[i] : r.max;
  }
  return r;
}

/* Asks for rows i..i+STEP-1 of the columns. */
static inline void ask(const struct mr_bench_ahead *ahead, uint32_t cnt, uint32_t i) {
  for (uint32_t c = 0; c < cnt; c++) {
    const uint8_t *p = ahead[c].at + (uint64_t)i * ahead[c].width;
    for (uint32_t w = 0; w < ahead[c].width; w++) ASK(p + w * 64u);
  }
}

struct mr_bench_bounds JOIN(mr_bench_look, MR_ISA)(const int64_t *ts, uint32_t n,
                                                   const struct mr_bench_ahead *ahead,
                                                   uint32_t cnt) {
  times back[2] = {{0}, {0}};
  int64_t any = 0;
  if (!ts) {
    for (uint32_t i = 0; i < n; i += STEP) ask(ahead, cnt, i);
    return (struct mr_bench_bounds){MR_TIME_NONE, MR_TIME_NONE, true};
  }
  ask(ahead, cnt, 0);
  uint32_t i = 1; /* row 0 has none before it here */
  for (; i + STEP <= n; i += STEP) {
    look_step(ts + i, back);
    ask(ahead, cnt, i + STEP - 1);
  }
  back[0] |= back[1];
  for (int k = 0; k < LANES; k++) any |= back[0][k];
  for (; i < n; i++) any |= ts[i] < ts[i - 1];
  if (any) return look_again(ts, n);
  return (struct mr_bench_bounds){ts[0], ts[n - 1], true};
}
