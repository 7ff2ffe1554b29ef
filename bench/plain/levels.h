/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_LEVELS_H
#define MR_BENCH_LEVELS_H

/* What the kernels of the plain side, compiled once per x86-64 level, show to the rest of it. */

#include "plain/plain.h"

#define MR_PLAIN_JOIN_(a, b) a##_##b
#define MR_PLAIN_JOIN(a, b)  MR_PLAIN_JOIN_(a, b)
/* The name of a kernel with the level that this file is compiled for behind it. */
#define MR_PLAIN_NAME(x) MR_PLAIN_JOIN(x, MR_ISA)

#define MR_PLAIN_DECLARE(level)                                                                    \
  mr_city_fn mr_plain_city_fused_##level, mr_plain_city_branchy_##level,                           \
      mr_plain_city_compare_##level;                                                               \
  mr_ysb_fn mr_plain_ysb_fused_##level, mr_plain_ysb_branchy_##level, mr_plain_ysb_rows_##level;   \
  mr_severe_fn mr_plain_severe_##level;                                                            \
  mr_between_fn mr_plain_between_##level

MR_PLAIN_DECLARE(v2);
MR_PLAIN_DECLARE(v3);
MR_PLAIN_DECLARE(v4);

#endif
