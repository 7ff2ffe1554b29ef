/* SPDX-License-Identifier: Apache-2.0 */
/* A query as a sql step beside the steps that it stands for: a filter, a window, a filter over its
 * rows and a map. The plans are the same, so what is measured is that nothing else differs. */
#include <stdlib.h>

#include "base/error.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define ROWS    (UINT64_C(32) << 20) /* 512 MiB */
#define STEP_US 30
#define BASE_US INT64_C(1760313600000000)
#define KEYS    1000

static int setup(struct mr_bench_run *run) {
  struct mr_suite_group *group = calloc(1, sizeof *group);
  uint64_t rows = (uint64_t)(ROWS * run->scale), least = 4 * run->machine->llc_bytes / 16;
  if (run->scale >= 1 && rows < least) rows = least;
  if (!group || mr_group_columns_make(&group->columns, run->seed, rows, KEYS) != MR_OK) {
    free(group);
    return MR_ERR_NOMEM;
  }
  for (uint64_t i = 0; i < rows; i++) group->columns.value[i] = BASE_US + (int64_t)i * STEP_US;
  run->data = group;
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct mr_suite_group *group = run->data;
  mr_suite_forget(run);
  mr_group_columns_free(&group->columns);
  free(group);
}

#define GRAPH(steps)                                                                               \
  "millrace: 1\n"                                                                                  \
  "graph: bench_sql\n"                                                                             \
  "runtime: { workers: { count: 1, wait: spin } }\n"                                               \
  "events: { e: { fields: { key: { type: int64 }, value: { type: timestamp } }, event_time: "      \
  "value } }\n"                                                                                    \
  "sources: { events: { type: columns, event: e, rows: %llu } }\n"                                 \
  "steps:\n" steps "sinks: { out: { type: hash, from: q, columns: [key, n, last] } }\n"

static const char query[] =
    GRAPH("  q:\n"
          "    type: sql\n"
          "    query: |\n"
          "      SELECT key, count(*) AS n, max(value) AS last FROM events\n"
          "      WHERE key %% 8 <> 3\n"
          "      GROUP BY tumble(value, INTERVAL '1 minute'), key\n"
          "      HAVING count(*) > 1000\n");
static const char steps[] =
    GRAPH("  some: { type: filter, from: events, where: key %% 8 <> 3 }\n"
          "  w: { type: window, from: some, window: { tumbling: 1m }, key: [key],\n"
          "       select: { n: count(*), last: max(value) } }\n"
          "  many: { type: filter, from: w, where: n > 1000 }\n"
          "  q: { type: map, from: many, select: { key: key, n: n, last: last } }\n");

static int bind(struct mr_bench_run *run, struct mr_run *to) {
  struct mr_suite_group *group = run->data;
  int rc = mr_bench_columns_lend(to, "events", "key", group->columns.key);
  return rc ? rc : mr_bench_columns_lend(to, "events", "value", group->columns.value);
}

static int take(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  const struct mr_bench_hash *got = mr_bench_hash_of(from, "out");
  sample->events = group->columns.rows;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash;
  return MR_OK;
}

static int run_graph(struct mr_bench_run *run, struct mr_bench_sample *sample, const char *graph) {
  struct mr_suite_group *group = run->data;
  char text[2048];
  snprintf(text, sizeof text, graph, (unsigned long long)group->columns.rows);
  struct mr_suite_call call = {.graph = text, .isa = mr_isa_detect(), .bind = bind, .take = take};
  return mr_suite_run(run, &call, sample);
}

static int with_steps(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_graph(run, sample, steps);
}

static int with_query(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_graph(run, sample, query);
}

const struct mr_bench mr_bench_sql = {
    .name = "sql",
    .what =
        "a query with WHERE, GROUP BY tumble, HAVING as a sql step, per CPU second, against the "
        "steps that it stands for: int64 key, 1e3 keys, columns in memory, one worker",
    .unit = "M rows/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_CPU_RATE,
    .engine_cores = 1,
    .now = {0.98, 0.98},
    .later = {0.98, 0.98},
    .anywhere = true,
    .setup = setup,
    .plain = with_steps,
    .engine = with_query,
    .teardown = teardown,
    .plan = mr_suite_plan,
};
