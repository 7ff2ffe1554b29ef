/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_RUN_H
#define MR_WORKER_RUN_H

/* A running graph: built from a plan, started on its workers, drained or stopped, and destroyed.
 * Several runs may live in one process; nothing is shared between them.
 *
 *   build --start--> running --drain--> draining --> done
 *     \--step (one thread, for tests and simulation)--/
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/log.h"
#include "graph/plan.h"

struct mr_run;
struct mr_stats;
struct mr_segment;

/* Writes row `row` of a view as one JSON object (no newline) for dead letters; returns its length,
 * or 0 when it does not fit into sz bytes. Given by the host, so that this room needs no format. */
typedef size_t (*mr_row_text_fn)(const struct mr_schema *schema, const uint8_t *base,
                                 const struct mr_view *view, uint32_t row, char *buf, size_t sz);

struct mr_run_conf {
  struct mr_clock clock;
  struct mr_log log;
  enum mr_isa isa;
  bool pin;            /* pin workers to the plan's CPUs; not being allowed is a warning */
  uint64_t count;      /* rows taken from sources in all, 0: no limit */
  const char *run_dir; /* where the stats segment goes; NULL: no segment, stats in private memory */
  const char *version; /* of the program, into the segment */
  mr_row_text_fn row_text;
  bool no_stats;  /* benchmarks of the instrumentation only */
  bool no_copies; /* rows cross links as views only; benchmarks of the copying */
  bool lazy;      /* hot memory is backed when it is touched: for short runs that measure nothing */
  /* Called at named points of a checkpoint, for tests that end the process there; NULL: none. */
  void (*crash_point)(const char *point);
  bool publish_early; /* a mistake, for tests that must find it: parts before their manifest */
  void *host;         /* for operators of the host's own: mr_op_ctx.host */
};

/* Lays everything out in memory, opens what operators open, creates the stats segment. On an error
 * nothing is left behind. The plan must outlive the run. */
int mr_run_build(struct mr_run **run, const struct mr_plan *plan, const struct mr_run_conf *conf,
                 struct mr_error *err);

/* Starts the workers' threads. */
int mr_run_start(struct mr_run *run, struct mr_error *err);

/* Asks for a drain: sources stop, what was taken goes through, sinks close. Any thread, also a
 * signal handler. */
void mr_run_drain(struct mr_run *run);
/* Shows observers that a drain was asked for; not for a signal handler. */
void mr_run_set_draining(struct mr_run *run);
/* Stops at once; what is in flight is lost. Any thread, also a signal handler. */
void mr_run_abort(struct mr_run *run);

/* Waits until all workers have ended, at most timeout_ns. True when they have. */
bool mr_run_wait(struct mr_run *run, uint64_t timeout_ns);

/* After the end: MR_OK drained or done, MR_ERR_AGAIN cut short by an abort, else what failed. */
int mr_run_result(const struct mr_run *run, struct mr_error *err);

/* Steps worker `worker` once in the caller's thread instead of starting threads. True when it did
 * something; *live is set to whether any worker has work left. */
bool mr_run_step(struct mr_run *run, uint32_t worker, bool *live);

/* Closes what the operators have open: pipes that nobody reads are given up, and what sinks could
 * not write is counted as dropped. Workers that still run are aborted. Counts are published. */
void mr_run_close(struct mr_run *run);

/* Publishes all counts of a run that has ended or is stepped, so that its stats can be read. */
void mr_run_publish(struct mr_run *run);
struct mr_stats *mr_run_stats(struct mr_run *run);
/* The stats segment, for mr_attach_memory. */
const struct mr_segment *mr_run_segment(const struct mr_run *run);
struct mr_region *mr_run_region(struct mr_run *run);
/* How files are accessed and why not better, in one line; the start logs it when it is not the best
 * way there is. Lives as long as the run. */
const char *mr_run_io_mode(const struct mr_run *run);
/* An operator instance's own struct, for tests and bench operators. */
void *mr_run_self(struct mr_run *run, const char *node, uint32_t instance);

void mr_run_destroy(struct mr_run *run);

#endif
