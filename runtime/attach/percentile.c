/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/percentile.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include <hdr_histogram.h>
#include <hdr_histogram_log.h>

#include "base/assert.h"
#include "base/error.h"

#define COUNT_MAX (UINT64_C(1) << 50) /* so that the sum of all buckets stays below 2^62 */

_Static_assert(MR_HIST_CNT < 4096, "the sum of all buckets stays below 2^62");

/* A histogram of the library over its own counts. */
struct view {
  struct hdr_histogram h;
  int64_t counts[MR_HIST_CNT];
};

static void view_open(struct view *v, const struct mr_hist *hist) {
  struct hdr_histogram_bucket_config cfg;
  int rc = hdr_calculate_bucket_config((int64_t)MR_HIST_LOWEST, (int64_t)MR_HIST_HIGHEST,
                                       MR_HIST_DIGITS, &cfg);
  MR_ASSERT(!rc && cfg.counts_len == (int32_t)MR_HIST_CNT);
  memset(&v->h, 0, sizeof v->h);
  v->h.counts = v->counts;
  hdr_init_preallocated(&v->h, &cfg);
  v->h.counts = v->counts;
  for (uint32_t i = 0; i < MR_HIST_CNT; i++) {
    uint64_t n = atomic_load_explicit(&hist->counts[i], memory_order_relaxed);
    v->counts[i] = (int64_t)(n < COUNT_MAX ? n : COUNT_MAX);
  }
  hdr_reset_internal_counters(&v->h);
}

/* Mean and standard deviation in doubles: the library's sums of integers overflow after 292 years
 * of samples. */
static void moments(const struct view *v, double *mean, double *deviation) {
  double sum = 0, squares = 0, n = (double)v->h.total_count;
  for (int32_t i = 0; i < (int32_t)MR_HIST_CNT; i++)
    if (v->counts[i])
      sum += (double)v->counts[i] *
             (double)hdr_median_equivalent_value(&v->h, hdr_value_at_index(&v->h, i));
  *mean = n > 0 ? sum / n : 0;
  for (int32_t i = 0; i < (int32_t)MR_HIST_CNT; i++) {
    double d = (double)hdr_median_equivalent_value(&v->h, hdr_value_at_index(&v->h, i)) - *mean;
    squares += (double)v->counts[i] * d * d;
  }
  *deviation = n > 0 ? sqrt(squares / n) : 0;
}

static uint64_t at(const struct view *v, double percentile) {
  return v->h.total_count ? (uint64_t)hdr_value_at_percentile(&v->h, percentile) : 0;
}

void mr_percentiles_of(const struct mr_hist *hist, struct mr_percentiles *out) {
  struct view v;
  double deviation;
  view_open(&v, hist);
  memset(out, 0, sizeof *out);
  if (!v.h.total_count) return;
  out->count = (uint64_t)v.h.total_count;
  out->min = (uint64_t)hdr_min(&v.h);
  out->p50 = at(&v, 50);
  out->p90 = at(&v, 90);
  out->p99 = at(&v, 99);
  out->p99_9 = at(&v, 99.9);
  out->p99_99 = at(&v, 99.99);
  out->max = (uint64_t)hdr_max(&v.h);
  moments(&v, &out->mean, &deviation);
}

uint64_t mr_percentile(const struct mr_hist *hist, double percentile) {
  struct view v;
  view_open(&v, hist);
  return at(&v, percentile);
}

void mr_percentile_merge(struct mr_hist *sum, const struct mr_hist *hist) {
  for (uint32_t i = 0; i < MR_HIST_CNT; i++) {
    uint64_t a = atomic_load_explicit(&sum->counts[i], memory_order_relaxed);
    uint64_t b = atomic_load_explicit(&hist->counts[i], memory_order_relaxed);
    atomic_store_explicit(&sum->counts[i], a + b < a ? UINT64_MAX : a + b, memory_order_relaxed);
  }
}

/* ---- files ---- */

static int write_text(FILE *file, const char *text, int len) {
  return len > 0 && fwrite(text, 1, (size_t)len, file) == (size_t)len ? 0 : MR_ERR_IO;
}

int mr_percentile_write_hgrm(FILE *file, const struct mr_hist *hist, double scale) {
  struct view v;
  struct hdr_iter iter;
  char line[256];
  double mean, deviation;
  view_open(&v, hist);
  int len = snprintf(line, sizeof line, "%12s %12s %12s %12s\n\n", "Value", "Percentile",
                     "TotalCount", "1/(1-Percentile)");
  int rc = write_text(file, line, len);
  hdr_iter_percentile_init(&iter, &v.h, 5);
  while (!rc && hdr_iter_next(&iter)) {
    double percentile = iter.specifics.percentiles.percentile / 100.0;
    len = snprintf(line, sizeof line, "%12.*f %12f %12" PRId64 " %12.2f\n", MR_HIST_DIGITS,
                   (double)iter.highest_equivalent_value / scale, percentile, iter.cumulative_count,
                   1.0 / (1.0 - percentile));
    rc = write_text(file, line, len);
  }
  moments(&v, &mean, &deviation);
  len = snprintf(line, sizeof line,
                 "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n"
                 "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n"
                 "#[Buckets = %12d, SubBuckets     = %12d]\n",
                 mean / scale, deviation / scale,
                 v.h.total_count ? (double)hdr_max(&v.h) / scale : 0.0, (uint64_t)v.h.total_count,
                 v.h.bucket_count, v.h.sub_bucket_count);
  return rc ? rc : write_text(file, line, len);
}

static int log_error(int rc) {
  return !rc ? 0 : rc == ENOMEM ? MR_ERR_NOMEM : MR_ERR_IO;
}

int mr_percentile_write_hlog_head(FILE *file, const char *comment, int64_t start_wall_us) {
  struct hdr_log_writer writer;
  hdr_timespec start = {.tv_sec = (time_t)(start_wall_us / 1000000),
                        .tv_nsec = (long)(start_wall_us % 1000000) * 1000};
  hdr_log_writer_init(&writer);
  return log_error(hdr_log_write_header(&writer, file, comment, &start));
}

int mr_percentile_write_hlog(FILE *file, const char *tag, uint64_t start_ns, uint64_t length_ns,
                             const struct mr_hist *hist) {
  struct hdr_log_writer writer;
  struct view v;
  char name[256] = "";
  view_open(&v, hist);
  if (tag) memcpy(name, tag, strnlen(tag, sizeof name - 1));
  struct hdr_log_entry entry = {
      .start_timestamp = {(time_t)(start_ns / 1000000000), (long)(start_ns % 1000000000)},
      .interval = {(time_t)(length_ns / 1000000000), (long)(length_ns % 1000000000)},
      .tag = tag ? name : NULL,
      .tag_len = strlen(name)};
  hdr_log_writer_init(&writer);
  return log_error(hdr_log_write_entry(&writer, file, &entry, &v.h));
}
