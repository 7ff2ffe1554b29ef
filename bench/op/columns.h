/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_COLUMNS_H
#define MR_BENCH_COLUMNS_H

/* Looks at the event times of a batch, and asks for what comes after it. Once per x86-64 level. */

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"

struct mr_bench_ahead { /* a column to be asked for: the rows from `at` on, as many as the batch has
                         */
  const uint8_t *at;
  uint32_t width;
};
struct mr_bench_bounds {
  int64_t min, max;
  bool ordered; /* no time is before the one before it */
};

typedef struct mr_bench_bounds mr_bench_look_fn(const int64_t *ts, uint32_t n,
                                                const struct mr_bench_ahead *ahead, uint32_t cnt);
mr_bench_look_fn mr_bench_look_v2, mr_bench_look_v3, mr_bench_look_v4;

#endif
