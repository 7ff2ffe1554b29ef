/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include <hdr_histogram.h>

#include "base/rng.h"
#include "stats/hist.h"

static struct hdr_histogram *library(void) {
  struct hdr_histogram *h = NULL;
  assert_int_equal(hdr_init((int64_t)MR_HIST_LOWEST, (int64_t)MR_HIST_HIGHEST, MR_HIST_DIGITS, &h),
                   0);
  return h;
}

static uint64_t count_at(const struct mr_hist *hist, uint32_t i) {
  return atomic_load_explicit(&hist->counts[i], memory_order_relaxed);
}

static void assert_same_counts(const struct mr_hist *hist, const struct hdr_histogram *h) {
  for (uint32_t i = 0; i < MR_HIST_CNT; i++)
    assert_int_equal(count_at(hist, i), (uint64_t)h->counts[i]);
}

MR_TEST(the_layout_has_as_many_counters_as_hdrhistogram) {
  MR_UNUSED_STATE;
  struct hdr_histogram *h = library();
  assert_int_equal(h->counts_len, MR_HIST_CNT);
  assert_int_equal(sizeof(struct mr_hist), MR_HIST_CNT * 8);
  hdr_close(h);
}

MR_TEST(every_edge_of_every_bucket_lands_where_hdrhistogram_puts_it) {
  MR_UNUSED_STATE;
  struct hdr_histogram *h = library();
  static struct mr_hist hist;
  for (uint32_t i = 0; i < MR_HIST_CNT; i++) {
    uint64_t lo = mr_hist_value_lo(i), hi = mr_hist_value_hi(i);
    assert_int_equal(lo, (uint64_t)hdr_value_at_index(h, (int32_t)i));
    assert_true(lo <= hi);
    if (i) assert_int_equal(lo, mr_hist_value_hi(i - 1) + 1);
    const uint64_t values[] = {lo, hi, lo + (hi - lo) / 2};
    for (int v = 0; v < 3; v++) {
      if (values[v] > MR_HIST_HIGHEST) continue;
      assert_int_equal(mr_hist_index(values[v]), i);
      mr_hist_record(&hist, values[v]);
      assert_true(hdr_record_value(h, (int64_t)values[v]));
    }
  }
  assert_same_counts(&hist, h);
  hdr_close(h);
}

MR_TEST(random_values_are_counted_as_hdrhistogram_counts_them) {
  MR_UNUSED_STATE;
  const uint64_t seed = 20251013;
  printf("seed %llu\n", (unsigned long long)seed);
  struct hdr_histogram *h = library();
  static struct mr_hist hist;
  for (uint64_t k = 0; k < 200000; k++) {
    uint64_t bits = mr_rng_at(seed, k), value = bits >> (27 + mr_rng_at(seed + 1, k) % 37);
    if (value > MR_HIST_HIGHEST) continue;
    uint64_t n = 1 + mr_rng_at(seed + 2, k) % 5;
    mr_hist_record_n(&hist, value, n);
    assert_true(hdr_record_values(h, (int64_t)value, (int64_t)n));
  }
  assert_same_counts(&hist, h);
  hdr_close(h);
}

MR_TEST(a_value_above_100_s_counts_as_100_s) {
  MR_UNUSED_STATE;
  uint32_t last = mr_hist_index(MR_HIST_HIGHEST);
  assert_true(last < MR_HIST_CNT);
  assert_int_equal(mr_hist_index(MR_HIST_HIGHEST + 1), last);
  assert_int_equal(mr_hist_index(UINT64_MAX), last);
  assert_int_equal(mr_hist_index(0), 0);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_layout_has_as_many_counters_as_hdrhistogram),
    MR_CASE(every_edge_of_every_bucket_lands_where_hdrhistogram_puts_it),
    MR_CASE(random_values_are_counted_as_hdrhistogram_counts_them),
    MR_CASE(a_value_above_100_s_counts_as_100_s),
};
MR_MAIN(cases)
