/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SINK_LATENCY_H
#define MR_SINK_LATENCY_H

/* A histogram of nanoseconds with 3 significant digits, 1 ns to 100 s, and its percentile spectrum
 * in the text form of HdrHistogram's .hgrm files. Buckets as HdrHistogram's: values below 2048 have
 * one each, then 1,024 per power of two (Gil Tene). One thread. */

#include <stddef.h>
#include <stdint.h>

#define MR_LATENCY_MAX_NS UINT64_C(100000000000)
#define MR_LATENCY_CNT    28672u      /* 2,048 and 26 times 1,024 buckets */
#define MR_LATENCY_TEXT   (64u << 10) /* bytes of a spectrum, at most */

struct mr_latency {
  uint64_t count, max_ns; /* of what was recorded; values above 100 s count as 100 s */
  uint64_t counts[MR_LATENCY_CNT];
};

static inline uint32_t mr_latency_index(uint64_t ns) {
  uint64_t v = ns < MR_LATENCY_MAX_NS ? ns : MR_LATENCY_MAX_NS;
  uint32_t shift = 53u - (uint32_t)__builtin_clzll(v | 2047u);
  return (shift << 10) + (uint32_t)(v >> shift);
}

static inline void mr_latency_record(struct mr_latency *latency, uint64_t ns, uint64_t cnt) {
  uint64_t v = ns < MR_LATENCY_MAX_NS ? ns : MR_LATENCY_MAX_NS;
  latency->counts[mr_latency_index(v)] += cnt;
  latency->count += cnt;
  if (v > latency->max_ns) latency->max_ns = v;
}

/* Largest value that counts in a bucket. */
static inline uint64_t mr_latency_value(uint32_t idx) {
  uint32_t shift = idx < 2048u ? 0 : (idx >> 10) - 1u;
  return ((uint64_t)(idx - (shift << 10)) << shift) + (UINT64_C(1) << shift) - 1u;
}

/* Writes the spectrum with 5 lines per half distance, values in microseconds; returns its length,
 * at most MR_LATENCY_TEXT. */
size_t mr_latency_text(const struct mr_latency *latency, char *text);

#endif
