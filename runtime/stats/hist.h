/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATS_HIST_H
#define MR_STATS_HIST_H

/* Recording into a histogram of the stats segment. One writer per histogram, any number of readers.
 * The bucket of a value is HdrHistogram's for (1, 100 s, 2 digits): values below 256 have one
 * bucket each, then 128 buckets per power of two. Source of the algorithm: Gil Tene's HdrHistogram,
 * the index by count of leading zeros. */

#include <stdatomic.h>
#include <stdint.h>

#include "stats/stats_abi.h"

/* Index of the bucket, 0..MR_HIST_CNT-1; values above 100 s count as 100 s. */
static inline uint32_t mr_hist_index(uint64_t value_ns) {
  uint64_t v = value_ns < MR_HIST_HIGHEST ? value_ns : MR_HIST_HIGHEST;
  uint32_t shift = 56u - (uint32_t)__builtin_clzll(v | 255u);
  return (shift << 7) + (uint32_t)(v >> shift);
}

/* Smallest and largest value that count in bucket idx. */
static inline uint64_t mr_hist_value_lo(uint32_t idx) {
  uint32_t shift = idx < 256u ? 0 : (idx >> 7) - 1u;
  return (uint64_t)(idx - (shift << 7)) << shift;
}
static inline uint64_t mr_hist_value_hi(uint32_t idx) {
  uint32_t shift = idx < 256u ? 0 : (idx >> 7) - 1u;
  return mr_hist_value_lo(idx) + (UINT64_C(1) << shift) - 1u;
}

/* Counts `n` samples of value_ns nanoseconds. Wait-free; no ordering. */
static inline void mr_hist_record_n(struct mr_hist *hist, uint64_t value_ns, uint64_t n) {
  _Atomic uint64_t *word = &hist->counts[mr_hist_index(value_ns)];
  atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + n,
                        memory_order_relaxed);
}
static inline void mr_hist_record(struct mr_hist *hist, uint64_t value_ns) {
  mr_hist_record_n(hist, value_ns, 1);
}

#endif
