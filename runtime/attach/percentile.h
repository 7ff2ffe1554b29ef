/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_PERCENTILE_H
#define MR_ATTACH_PERCENTILE_H

/* Percentiles and histogram files of snapshots, by HdrHistogram_c. A value stands for its bucket,
 * so it is right to 2 digits; percentiles and max are the largest value of the bucket. Counts above
 * 2^50 in one bucket are cut to that. Any thread. */

#include <stdint.h>
#include <stdio.h>

#include "stats/stats_abi.h"

struct mr_percentiles {
  uint64_t count;
  uint64_t min, p50, p90, p99, p99_9, p99_99, max; /* nanoseconds; all 0 when count is 0 */
  double mean;
};
void mr_percentiles_of(const struct mr_hist *hist, struct mr_percentiles *out);

/* The value that `percentile` (0..100) of the samples do not exceed, 0 without samples. */
uint64_t mr_percentile(const struct mr_hist *hist, double percentile);

/* sum += hist, bucket by bucket. */
void mr_percentile_merge(struct mr_hist *sum, const struct mr_hist *hist);

#define MR_HGRM_SCALE 1000.0 /* the project's .hgrm files are in microseconds */

/* Writes the percentile spectrum of HdrHistogram's .hgrm files, 5 lines per half distance; values
 * are divided by `scale` (1000: microseconds). 0 or MR_ERR_IO. */
int mr_percentile_write_hgrm(FILE *file, const struct mr_hist *hist, double scale);

/* Writes the head of a histogram log (format 1.2), then one line per interval: start after
 * start_wall_us in seconds, length, max and the V2 compressed counts; tag without comma or blank,
 * NULL: none. 0, MR_ERR_IO or MR_ERR_NOMEM. */
int mr_percentile_write_hlog_head(FILE *file, const char *comment, int64_t start_wall_us);
int mr_percentile_write_hlog(FILE *file, const char *tag, uint64_t start_ns, uint64_t length_ns,
                             const struct mr_hist *hist);

#endif
