/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_PAIRS_H
#define MR_BENCH_PAIRS_H

/* Two sides measured in one run: plain, engine, plain, engine, ... A pair is clean when others used
 * little of the machine and the distance between the CPUs stayed in one class before, between and
 * after. Ratios are taken inside a pair, and medians inside a class. The outputs of both sides are
 * compared before any ratio is shown. */

#include "lib/bench.h"
#include "lib/machine.h"

#define MR_PAIRS_MAX 256u

struct mr_pairs_opt {
  uint32_t pairs;     /* clean pairs wanted in one class; 0: 9 */
  uint32_t tries_max; /* pairs tried at most, <= MR_PAIRS_MAX; 0: 4 * pairs */
  uint32_t sample_ms; /* a side is called again until it has run this long; 0: 300 */
  double others_max;  /* share of one CPU that others may use; 0: 0.03 */
};

/* One pair, clean or not. */
struct mr_pair {
  enum mr_placement placement; /* of the pair; MR_BETWEEN also when it changed */
  double round_trip_ns;        /* median of the three looks */
  double plain, engine, ratio; /* figures in the benchmark's unit; engine / plain */
  double others;               /* larger share of the two samples, less one tick per CPU */
  bool clean;
};

struct mr_spread {
  double median, min, max, q1, q3;
};

/* The clean pairs of one class. */
struct mr_pairs_class {
  uint32_t cnt;
  double round_trip_ns;
  struct mr_spread plain, engine, ratio;
  double of_record; /* plain median / record (for a latency: record / median); 0 without record */
  bool weak;        /* of_record below 0.8: the ratio does not count */
  bool met;         /* ratio median meets the goal that is due now, and counts */
  bool limit_met;   /* engine's median meets limit_now */
};

struct mr_pairs_result {
  const struct mr_bench *bench;
  struct mr_pairs_class by[MR_PLACEMENT_CNT];
  struct mr_pair pairs[MR_PAIRS_MAX];
  uint32_t tries, dropped_others, dropped_moved;
  bool has_engine;    /* false: only the plain side was measured */
  bool has_plain;     /* false: only the engine's side was measured */
  bool outputs_equal; /* rows and hash of both sides agree, in every call */
  struct mr_bench_sample plain_out, engine_out; /* of the first call */
  char error[256];
};

/* Runs bench's two sides (run is set up already). 0; MR_ERR_DATA when the outputs differ (no ratios
 * then); MR_ERR_STATE when a side failed; both with result->error. Too few clean pairs is not an
 * error: see by[].cnt. */
int mr_pairs_run(struct mr_bench_run *run, const struct mr_pairs_opt *opt,
                 struct mr_pairs_result *result);

/* One line per class that has clean pairs (or one that says why there is none). */
void mr_pairs_print(const struct mr_pairs_result *result, const struct mr_pairs_opt *opt,
                    FILE *out);
/* One JSON object: benchmark, machine, goals, classes, every pair, the engine's plan and its hash.
 */
void mr_pairs_json(const struct mr_pairs_result *result, struct mr_bench_run *run,
                   const struct mr_pairs_opt *opt, FILE *out);

#endif
