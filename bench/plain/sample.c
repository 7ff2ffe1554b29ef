/* SPDX-License-Identifier: Apache-2.0 */
/* What one histogram sample costs: HdrHistogram_c's call, and clz + add. */
#include "plain/plain.h"

#include <stdlib.h>

#ifdef MR_HAVE_HDR
#include <hdr_histogram.h>
#endif

#include "base/rng.h"
#include "lib/machine.h"

#define VALUES    MR_SAMPLE_VALUES /* of 8 bytes, random: the buckets cannot be guessed */
#define SUB_BITS  7u
#define BUCKETS   (64u << SUB_BITS)
#define VALUE_MAX UINT64_C(1000000000)

/* Values spread evenly over the powers of two from 64 ns to 1 s. */
int64_t *mr_plain_sample_values(uint64_t seed) {
  int64_t *v = malloc(VALUES * sizeof *v);
  for (uint32_t i = 0; v && i < VALUES; i++) {
    uint64_t r = mr_rng_at(seed, i), top = UINT64_C(64) << mr_rng_below(r, 23);
    v[i] = (int64_t)(top + (r & (top - 1)));
    if (v[i] > (int64_t)VALUE_MAX) v[i] = (int64_t)VALUE_MAX;
  }
  return v;
}

double mr_plain_hdr_ns(uint64_t n, uint64_t seed) {
#ifdef MR_HAVE_HDR
  struct hdr_histogram *h = NULL;
  int64_t *v = mr_plain_sample_values(seed);
  double ns = 0;
  if (v && n && hdr_init(1, INT64_C(100000000000), 2, &h) == 0) {
    uint64_t begin = mr_machine_now_ns();
    for (uint64_t i = 0; i < n; i++) hdr_record_value(h, v[i & (VALUES - 1)]);
    ns = (double)(mr_machine_now_ns() - begin) / (double)n;
    hdr_close(h);
  }
  free(v);
  return ns;
#else
  (void)n;
  (void)seed;
  return 0;
#endif
}

/* SUB_BITS of precision below the highest bit. */
static inline uint32_t bucket_of(uint64_t v) {
  uint32_t shift = 63u - (uint32_t)__builtin_clzll(v | (1u << SUB_BITS)) - SUB_BITS;
  return (shift << SUB_BITS) + (uint32_t)(v >> shift);
}

double mr_plain_clz_ns(uint64_t n, uint64_t seed) {
  uint64_t *cnt = calloc(BUCKETS, sizeof *cnt);
  int64_t *v = mr_plain_sample_values(seed);
  double ns = 0;
  if (v && cnt && n) {
    uint64_t begin = mr_machine_now_ns(), all = 0;
    for (uint64_t i = 0; i < n; i++) cnt[bucket_of((uint64_t)v[i & (VALUES - 1)])]++;
    ns = (double)(mr_machine_now_ns() - begin) / (double)n;
    for (uint32_t i = 0; i < BUCKETS; i++) all += cnt[i];
    if (all != n) ns = 0; /* also keeps the loop from being left out */
  }
  free(v);
  free(cnt);
  return ns;
}
