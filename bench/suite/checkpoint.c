/* SPDX-License-Identifier: Apache-2.0 */
/* What checkpoints cost: a group of 10^6 keys with one checkpoint a second beside the same without,
 * and how long a snapshot holds up the worker. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"
#include "worker/checkpoint.h"

#define ROWS (UINT64_C(32) << 20) /* 512 MiB */
#define KEYS 1000000

struct work {
  struct mr_suite_group group;
  char dir[4096];
  double stop_ms;
};

static int setup(struct mr_bench_run *run) {
  struct work *work = calloc(1, sizeof *work);
  uint64_t rows = (uint64_t)(ROWS * run->scale);
  if (!work || mr_group_columns_make(&work->group.columns, run->seed, rows, KEYS) != MR_OK) {
    free(work);
    return MR_ERR_NOMEM;
  }
  snprintf(work->dir, sizeof work->dir, "%s/checkpoints", run->dir);
  run->data = work;
  return MR_OK;
}

/* A run begins anew. */
static void forget(const struct work *work) {
  char path[4096 + 300];
  DIR *dir = opendir(work->dir);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    if (e->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", work->dir, e->d_name);
    unlink(path);
  }
  if (dir) closedir(dir);
}

static void teardown(struct mr_bench_run *run) {
  struct work *work = run->data;
  forget(work);
  mr_suite_forget(run);
  mr_group_columns_free(&work->group.columns);
  free(work);
}

static const char graph[] =
    "millrace: 1\n"
    "graph: bench_checkpoint\n"
    "runtime: { workers: { count: 1, wait: spin }%s%s%s }\n"
    "sources: { events: { type: columns, rows: %llu, fields: { key: { type: int64 }, value: { "
    "type: int64 } } } }\n"
    "steps: { g: { type: group, from: events, key: [key], every: 1h,\n"
    "              select: { n: count(*), total: sum(value) } } }\n"
    "sinks: { out: { type: hash, from: g, columns: [key, n, total] } }\n";

static int bind(struct mr_bench_run *run, struct mr_run *to) {
  struct work *work = run->data;
  int rc = mr_bench_columns_lend(to, "events", "key", work->group.columns.key);
  return rc ? rc : mr_bench_columns_lend(to, "events", "value", work->group.columns.value);
}

static int take(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  struct work *work = run->data;
  struct mr_checkpoint_info info;
  const struct mr_bench_hash *got = mr_bench_hash_of(from, "out");
  sample->events = work->group.columns.rows;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash;
  if (mr_run_checkpoint_info(from, &info)) work->stop_ms = (double)info.stop_ns_max / 1e6;
  return MR_OK;
}

static int run_graph(struct mr_bench_run *run, struct mr_bench_sample *sample, bool checkpoints) {
  struct work *work = run->data;
  char text[8192];
  forget(work);
  snprintf(text, sizeof text, graph, checkpoints ? ", checkpoint: { dir: \"" : "",
           checkpoints ? work->dir : "", checkpoints ? "\", interval: 1s }" : "",
           (unsigned long long)work->group.columns.rows);
  struct mr_suite_call call = {.graph = text, .isa = mr_isa_detect(), .bind = bind, .take = take};
  return mr_suite_run(run, &call, sample);
}

static int without(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_graph(run, sample, false);
}

static int with(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_graph(run, sample, true);
}

static int stop(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  const struct work *work = run->data;
  int rc = run_graph(run, sample, true);
  sample->figure = work->stop_ms;
  return rc;
}

const struct mr_bench mr_bench_checkpoint = {
    .name = "checkpoint",
    .what = "a group of 1e6 int64 keys with a checkpoint each second, the last one included, "
            "against the same without: columns in memory, one worker",
    .unit = "M rows/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .engine_cores = 1,
    .now = {0.95, 0.95},
    .later = {0.98, 0.98},
    .anywhere = true,
    .setup = setup,
    .plain = without,
    .engine = with,
    .teardown = teardown,
    .plan = mr_suite_plan,
};

const struct mr_bench mr_bench_checkpoint_stop = {
    .name = "checkpoint-stop",
    .what = "the longest time that a snapshot of 1e6 int64 keys holds up its worker",
    .unit = "ms",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .limit_now = 20,
    .limit_later = 5,
    .anywhere = true,
    .no_output = true,
    .setup = setup,
    .engine = stop,
    .teardown = teardown,
    .plan = mr_suite_plan,
};
