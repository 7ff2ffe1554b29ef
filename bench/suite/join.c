/* SPDX-License-Identifier: Apache-2.0 */
/* An interval join of two inputs with 1e6 rows that wait on each side, beside a plain hash join.
 * Both inputs come in the order of time, 1e5 rows a second of event time each; a row matches about
 * one of the other side. */
#include <stdlib.h>

#include "base/error.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define ROWS    (UINT64_C(5) << 20) /* of each side: five times what waits */
#define STEP_US 10
#define BASE_US INT64_C(1760313600000000)
#define NEAR_US INT64_C(10000000)
#define LIVE    1000000u
#define KEYS    2000000u

struct join {
  struct mr_group_columns sides[2];
};

static void teardown(struct mr_bench_run *run) {
  struct join *join = run->data;
  mr_suite_forget(run);
  for (int s = 0; s < 2; s++) mr_group_columns_free(&join->sides[s]);
  free(join);
}

static int setup(struct mr_bench_run *run) {
  struct join *join = run->data = calloc(1, sizeof *join);
  uint64_t rows = (uint64_t)(ROWS * run->scale);
  int rc = join ? MR_OK : MR_ERR_NOMEM;
  for (uint64_t s = 0; s < 2 && !rc; s++) {
    rc = mr_group_columns_make(&join->sides[s], run->seed + s, rows, KEYS);
    for (uint64_t i = 0; i < rows && !rc; i++)
      join->sides[s].value[i] = BASE_US + (int64_t)i * STEP_US + (int64_t)s * (STEP_US / 2);
  }
  if (rc && join) teardown(run);
  return rc;
}

static const char graph[] =
    "millrace: 1\n"
    "graph: bench_join\n"
    "runtime: { workers: { count: 1, wait: spin } }\n"
    "events: { e: { fields: { key: { type: int64 }, value: { type: timestamp } }, event_time: "
    "value } }\n"
    "sources:\n"
    "  a: { type: columns, rows: %llu, event: e }\n"
    "  b: { type: columns, rows: %llu, event: e }\n"
    "steps:\n"
    "  j: { type: join, left: a, right: b, key: key, within: { before: 10s, after: 10s },\n"
    "       max_state: 1GiB, select: { key: a.key, l: a.value, r: b.value } }\n"
    "sinks: { out: { type: hash, from: j, columns: [key, l, r] } }\n";

static int plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct join *join = run->data;
  cpu_set_t old;
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  int rc = mr_plain_join(&join->sides[0], &join->sides[1], NEAR_US, LIVE, &sample->out_rows,
                         &sample->out_hash);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = 2 * join->sides[0].rows;
  return rc;
}

static int bind(struct mr_bench_run *run, struct mr_run *to) {
  static const char *const names[] = {"a", "b"};
  struct join *join = run->data;
  int rc = MR_OK;
  for (int s = 0; s < 2 && !rc; s++) {
    rc = mr_bench_columns_lend(to, names[s], "key", join->sides[s].key);
    if (!rc) rc = mr_bench_columns_lend(to, names[s], "value", join->sides[s].value);
  }
  return rc;
}

static int take(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  struct join *join = run->data;
  const struct mr_bench_hash *got = mr_bench_hash_of(from, "out");
  sample->events = 2 * join->sides[0].rows;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash;
  return MR_OK;
}

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct join *join = run->data;
  char text[2048];
  unsigned long long rows = join->sides[0].rows;
  snprintf(text, sizeof text, graph, rows, rows);
  struct mr_suite_call call = {.graph = text, .isa = mr_isa_detect(), .bind = bind, .take = take};
  return mr_suite_run(run, &call, sample);
}

const struct mr_bench mr_bench_join = {
    .name = "join-1e6",
    .what = "interval join, 1e6 rows that wait on each side, about one match for each row, columns "
            "in memory, one worker, against a plain hash join",
    .unit = "M rows/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .engine_cores = 1,
    .now = {0.4, 0.4},
    .later = {0.7, 0.7},
    .anywhere = true,
    .setup = setup,
    .plain = plain,
    .engine = engine,
    .teardown = teardown,
    .plan = mr_suite_plan,
};
