/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_ENGINE_H
#define MR_BENCH_ENGINE_H

/* The engine's side: a graph file through the normal planner, run as `millrace run` runs it, on
 * pinned threads. */

#include "lib/bench.h"
#include "worker/run.h"

struct mr_suite_call {
  const char *graph; /* text of the graph file */
  enum mr_isa isa;
  bool no_stats;  /* counters and histograms left out */
  bool no_copies; /* rows cross links as views only */
  /* Between building and starting: lends columns. NULL: nothing to do. */
  int (*bind)(struct mr_bench_run *run, struct mr_run *graph);
  /* After the end, when all counts are published: fills the sample. NULL: nothing to do. */
  int (*take)(struct mr_bench_run *run, struct mr_run *graph, struct mr_bench_sample *sample);
};

/* Plans, builds, starts, waits, destroys. sample->wall_ns is from the start of the threads to their
 * end, sample->cpu_ns the process's time meanwhile. Keeps the plan's text in run->engine. 0 or
 * MR_ERR_* with run->error. */
int mr_suite_run(struct mr_bench_run *run, const struct mr_suite_call *call,
                 struct mr_bench_sample *sample);

/* mr_bench.plan and the last step of mr_bench.teardown. */
const char *mr_suite_plan(struct mr_bench_run *run);
void mr_suite_forget(struct mr_bench_run *run);

/* Plans a graph text, for its plan only (the engine's side is a process of its own). */
int mr_suite_plan_only(struct mr_bench_run *run, const char *graph);

/* The first two CPUs that this process may use; the second is -1 when there is one. */
void mr_suite_cpus(int32_t cpus[2]);

/* Runs a program and waits for it; argv[0] is its path. *cpu_ns: its user + system time; *rss_bytes
 * its peak resident memory; each may be NULL. Output goes to /dev/null, input comes from in_path
 * (NULL: /dev/null). 0, MR_ERR_NOENT when it cannot be started, MR_ERR_STATE with run->error when
 * it fails. */
int mr_suite_spawn(struct mr_bench_run *run, char *const argv[], const char *in_path,
                   uint64_t *cpu_ns, uint64_t *rss_bytes);

/* Path of the millrace program: $MR_MILLRACE, else this very program when it is called millrace.
 * NULL with run->error. buf: 4096 bytes. */
const char *mr_suite_program(struct mr_bench_run *run, char *buf);

#endif
