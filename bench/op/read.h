/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_READ_H
#define MR_BENCH_READ_H

/* Reads every value of a column. Once per x86-64 level. */

#include <stdint.h>

#include "data/view.h"

/* The sum of the rows' values, where a text counts as its length and its bytes taken eight at a
 * time, a list as its length and its elements, and a row that has a value as one more. All rows are
 * selected. */
typedef uint64_t mr_bench_read_fn(const struct mr_field *field, const struct mr_col *col,
                                  uint32_t n, const uint8_t *base);
mr_bench_read_fn mr_bench_read_v2, mr_bench_read_v3, mr_bench_read_v4;

#endif
