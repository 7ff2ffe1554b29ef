/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_DRIVE_H
#define MR_BENCH_DRIVE_H

/* Load tests of whole graphs: a suite file names a graph, where rows enter and leave, and how it is
 * driven. `open` sends at a planned rate whatever happens (Poisson arrivals), and times every row
 * from its planned send time, so that a stall counts for all rows that it delays; `max` runs as
 * fast as the graph can.
 *
 *   response    from the planned send time to the sink (no coordinated omission)
 *   service     from the actual send time
 *   send delay  between the two, to a microsecond
 *
 * A run is warm-up, then the measured time in intervals of one second. Control plane, one thread
 * per run. */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "lib/machine.h"
#include "operators/sink/latency.h"
#include "stats/stats_abi.h"

#define MR_DRIVE_INTERVALS_MAX 3600u
#define MR_DRIVE_REPEATS_MAX   32u

enum mr_drive_mode { MR_DRIVE_OPEN, MR_DRIVE_MAX };

/* A suite file, and what the command line changes of it. */
struct mr_drive_suite {
  const char *file;  /* of the suite */
  const char *name;  /* suite: */
  const char *what;  /* about: one line */
  const char *graph; /* path of the graph file, relative to the suite's folder unless absolute */
  const char *source, *sink; /* nodes: where rows enter; a `latency` sink */
  int mode;                  /* enum mr_drive_mode */
  double rate;               /* rows per second, MR_DRIVE_OPEN */
  bool poisson;
  int64_t for_ns, warmup_ns;
  int64_t seed;
  int64_t repeats;         /* whole runs, for the spread between them */
  const char *const *sets; /* "path=value" for the graph */
  uint32_t set_cnt;
};

/* Reads a suite file: NULL with all that is wrong with it as text on stderr. */
const struct mr_drive_suite *mr_drive_suite_load(struct mr_arena *arena, const char *path);

struct mr_drive_interval {
  uint64_t rows; /* that arrived at the sink */
  uint64_t ns;   /* how long it was */
  struct mr_hist response;
};

/* What one run measured, warm-up left out. */
struct mr_drive_run {
  struct mr_latency response, service, delay;
  struct mr_drive_interval *intervals;
  uint32_t interval_cnt;
  uint64_t sent, received; /* rows that left the source, that arrived; over the whole run */
  uint64_t dead_letters, late, dropped, filtered;
  uint64_t wall_ns, cpu_ns, rss_bytes; /* measured time; CPU of the process in it; peak */
  double slope;         /* of the rows per second over the measured time, share per second */
  double others;        /* share of a CPU that other processes used */
  double round_trip_ns; /* of a cache line between the first two CPUs, before the run */
  uint64_t config_hash, involuntary; /* context switches that the kernel forced */
};

/* Runs the graph once in this process. The run is the caller's and freed with mr_drive_run_free. */
int mr_drive_once(const struct mr_drive_suite *suite, struct mr_drive_run *run,
                  struct mr_error *err);
void mr_drive_run_free(struct mr_drive_run *run);

/* ---- percentiles ---- */

/* The value that the share q (0..1) does not exceed, ns. False: fewer than 100 samples lie beyond
 * it, so the sample cannot carry it. */
bool mr_drive_percentile(const struct mr_latency *l, double q, uint64_t *ns);

/* ---- results ---- */

struct mr_drive_result {
  const struct mr_drive_suite *suite;
  struct mr_machine machine;
  struct mr_drive_run *runs; /* suite->repeats of them */
  uint32_t run_cnt;
};

/* Why the figures should not be trusted: others used the machine, the sender was late, the
 * throughput moved; NULL: nothing known. buf has room for the text. */
const char *mr_drive_doubt(const struct mr_drive_run *run, char *buf, size_t sz);
/* The whole result as one line of JSON. */
void mr_drive_json(const struct mr_drive_result *result, FILE *out);
/* The table for people, of all runs added up. */
void mr_drive_print(const struct mr_drive_result *result);
/* result.json, response.hgrm, service.hgrm, intervals.hlog, env.json, report.html in the folder,
 * which is made. */
int mr_drive_write(const struct mr_drive_result *result, const char *dir, struct mr_error *err);
/* report.html anew from the folder's result.json. */
int mr_drive_report(const char *dir, struct mr_error *err);

/* ---- verbs: argv[0] is the verb; the exit code ---- */

/* bench run FILE.yaml [--rate R] [--for D] [--warmup D] [--seed N] [--repeat N] [--out DIR]
 * [--json] [--set PATH=VALUE] */
int mr_drive_main(int argc, char **argv);
/* bench find --slo "p99 < 1ms" [--from R] [--hold N] FILE.yaml */
int mr_drive_find_main(int argc, char **argv);
/* bench compare DIR DIR */
int mr_drive_compare_main(int argc, char **argv);
/* bench report DIR */
int mr_drive_report_main(int argc, char **argv);

#endif
