/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include <hdr_histogram.h>
#include <hdr_histogram_log.h>

#include "attach/percentile.h"
#include "base/error.h"
#include "base/rng.h"
#include "stats/hist.h"

#define SAMPLES 50000u

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Within the 2 digits of a bucket: 1 part in 128. */
static void assert_near(uint64_t got, uint64_t want) {
  if (got < want || got - want > want / 128)
    fail_msg("got %llu, want %llu", (unsigned long long)got, (unsigned long long)want);
}

MR_TEST(percentiles_agree_with_a_sorted_array) {
  MR_UNUSED_STATE;
  static uint64_t values[SAMPLES];
  const double points[] = {0.1, 1, 10, 50, 90, 99, 99.9, 99.99, 100};
  for (uint64_t seed = 1; seed <= 5; seed++) {
    static struct mr_hist hist;
    memset(&hist, 0, sizeof hist);
    printf("seed %llu\n", (unsigned long long)seed);
    for (uint32_t i = 0; i < SAMPLES; i++) {
      /* from nanoseconds to seconds, a few per power of two */
      values[i] = 1 + (mr_rng_at(seed, i) >> (30 + mr_rng_at(seed + 100, i) % 30));
      mr_hist_record(&hist, values[i]);
    }
    qsort(values, SAMPLES, sizeof values[0], by_value);
    for (size_t p = 0; p < sizeof points / sizeof points[0]; p++) {
      uint64_t rank = (uint64_t)(points[p] / 100 * SAMPLES + 0.5);
      assert_near(mr_percentile(&hist, points[p]), values[rank ? rank - 1 : 0]);
    }
    struct mr_percentiles all;
    mr_percentiles_of(&hist, &all);
    assert_int_equal(all.count, SAMPLES);
    assert_near(all.p50, values[SAMPLES / 2 - 1]);
    assert_near(all.p99_9, values[(size_t)(0.999 * SAMPLES + 0.5) - 1]);
    assert_near(all.max, values[SAMPLES - 1]);
    assert_true(all.min <= values[0] && values[0] - all.min <= values[0] / 128);
    double sum = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) sum += (double)values[i];
    assert_true(all.mean > sum / SAMPLES * 0.99 && all.mean < sum / SAMPLES * 1.01);
  }
}

MR_TEST(an_empty_histogram_has_only_zeros) {
  MR_UNUSED_STATE;
  static struct mr_hist hist;
  struct mr_percentiles p, zero = {0};
  mr_percentiles_of(&hist, &p);
  assert_memory_equal(&p, &zero, sizeof p);
  assert_int_equal(mr_percentile(&hist, 99), 0);
  mr_hist_record(&hist, 0);
  mr_percentiles_of(&hist, &p);
  assert_int_equal(p.count, 1);
  assert_int_equal(p.max, 0);
}

MR_TEST(counts_beyond_all_reason_do_not_overflow) {
  MR_UNUSED_STATE;
  static struct mr_hist hist;
  struct mr_percentiles p;
  for (uint32_t i = 0; i < MR_HIST_CNT; i++)
    atomic_store_explicit(&hist.counts[i], UINT64_MAX, memory_order_relaxed);
  mr_percentiles_of(&hist, &p);
  assert_true(p.count < UINT64_C(1) << 62);
  assert_true(p.max >= MR_HIST_HIGHEST);
  assert_true(p.p50 < p.p99);
  char *text = NULL;
  size_t len = 0;
  FILE *file = open_memstream(&text, &len);
  assert_int_equal(mr_percentile_write_hgrm(file, &hist, 1), 0);
  assert_int_equal(mr_percentile_write_hlog(file, "x", 0, 1, &hist), 0);
  fclose(file);
  free(text);
}

MR_TEST(merged_histograms_are_those_of_all_samples) {
  MR_UNUSED_STATE;
  static struct mr_hist a, b, both;
  for (uint32_t i = 0; i < 1000; i++) {
    mr_hist_record(i % 3 ? &a : &b, i * 977);
    mr_hist_record(&both, i * 977);
  }
  mr_percentile_merge(&a, &b);
  assert_memory_equal(&a, &both, sizeof a);
}

static void fill(struct mr_hist *hist, struct hdr_histogram *h) {
  for (uint32_t i = 0; i < 5000; i++) {
    uint64_t value = mr_rng_at(11, i) % 3000000;
    mr_hist_record(hist, value);
    hdr_record_value(h, (int64_t)value);
  }
}

MR_TEST(hgrm_files_are_hdrhistograms_own_text) {
  MR_UNUSED_STATE;
  static struct mr_hist hist;
  struct hdr_histogram *h = NULL;
  assert_int_equal(hdr_init(1, 100000000000, 2, &h), 0);
  fill(&hist, h);
  char *ours = NULL, *theirs = NULL;
  size_t our_len = 0, their_len = 0;
  FILE *file = open_memstream(&ours, &our_len);
  assert_int_equal(mr_percentile_write_hgrm(file, &hist, 1000), 0);
  fclose(file);
  file = open_memstream(&theirs, &their_len);
  assert_int_equal(hdr_percentiles_print(h, file, 5, 1000, CLASSIC), 0);
  fclose(file);
  assert_string_equal(ours, theirs);
  free(ours);
  free(theirs);
  hdr_close(h);
}

MR_TEST(hlog_files_are_read_back_by_hdrhistogram) {
  MR_UNUSED_STATE;
  static struct mr_hist hist;
  struct hdr_histogram *h = NULL, *back = NULL;
  assert_int_equal(hdr_init(1, 100000000000, 2, &h), 0);
  fill(&hist, h);
  FILE *file = tmpfile();
  assert_non_null(file);
  assert_int_equal(mr_percentile_write_hlog_head(file, "millrace city", 1760355000250000), 0);
  assert_int_equal(mr_percentile_write_hlog(file, "feed->out", 1500000000, 1000000000, &hist), 0);
  assert_int_equal(mr_percentile_write_hlog(file, "feed->out", 2500000000, 1000000000, &hist), 0);
  rewind(file);
  char line[256];
  assert_non_null(fgets(line, sizeof line, file));
  assert_string_equal(line, "#[millrace city]\n");
  assert_non_null(fgets(line, sizeof line, file));
  assert_string_equal(line, "#[Histogram log format version 1.2]\n");
  assert_non_null(fgets(line, sizeof line, file));
  assert_memory_equal(line, "#[StartTime: 1760355000.250 (seconds since epoch)", 49);
  rewind(file);
  struct hdr_log_reader reader;
  struct hdr_log_entry entry;
  char tag[64] = "";
  hdr_log_reader_init(&reader);
  assert_int_equal(hdr_log_read_header(&reader, file), 0);
  memset(&entry, 0, sizeof entry);
  entry.tag = tag;
  entry.tag_len = sizeof tag;
  for (int i = 0; i < 2; i++) {
    assert_int_equal(hdr_log_read_entry(&reader, file, &entry, &back), 0);
    assert_string_equal(tag, "feed->out");
    assert_int_equal(entry.start_timestamp.tv_sec, 1 + i);
    assert_int_equal(back->total_count, h->total_count);
    assert_memory_equal(back->counts, h->counts, sizeof hist);
    hdr_close(back);
    back = NULL;
  }
  fclose(file);
  hdr_close(h);
}

MR_TEST(a_file_that_takes_no_more_is_an_error) {
  MR_UNUSED_STATE;
  static struct mr_hist hist;
  mr_hist_record(&hist, 1);
  FILE *file = fopen("/dev/full", "w");
  if (!file) mr_skip("no /dev/full");
  setvbuf(file, NULL, _IONBF, 0);
  assert_int_equal(mr_percentile_write_hgrm(file, &hist, 1), MR_ERR_IO);
  assert_int_equal(mr_percentile_write_hlog(file, NULL, 0, 1, &hist), MR_ERR_IO);
  fclose(file);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(percentiles_agree_with_a_sorted_array),
    MR_CASE(an_empty_histogram_has_only_zeros),
    MR_CASE(counts_beyond_all_reason_do_not_overflow),
    MR_CASE(merged_histograms_are_those_of_all_samples),
    MR_CASE(hgrm_files_are_hdrhistograms_own_text),
    MR_CASE(hlog_files_are_read_back_by_hdrhistogram),
    MR_CASE(a_file_that_takes_no_more_is_an_error),
};
MR_MAIN(cases)
