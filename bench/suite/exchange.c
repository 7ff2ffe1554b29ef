/* SPDX-License-Identifier: Apache-2.0 */
/* An exchange to several instances of a group: few rows of each batch copied into open batches,
 * against views of the batch alone. Both sides are the engine's. */
#include <stdlib.h>

#include "base/error.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define ROWS (UINT64_C(8) << 20)
#define KEYS 1000u

static int setup(struct mr_bench_run *run) {
  struct mr_suite_group *group = calloc(1, sizeof *group);
  uint64_t rows = (uint64_t)(ROWS * run->scale);
  if (!group || mr_group_columns_make(&group->columns, run->seed, rows, KEYS) != MR_OK) {
    free(group);
    return MR_ERR_NOMEM;
  }
  run->data = group;
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct mr_suite_group *group = run->data;
  mr_suite_forget(run);
  mr_group_columns_free(&group->columns);
  free(group);
}

static const char graph[] =
    "millrace: 1\n"
    "graph: bench_exchange\n"
    "runtime: { workers: { count: 2, wait: spin } }\n"
    "sources:\n"
    "  in: { type: columns, rows: %llu, fields: { key: { type: int64 }, value: { type: int64 } }, "
    "cpus: %d }\n"
    "steps:\n"
    "  sums:\n"
    "    type: group\n"
    "    from: in\n"
    "    key: [key]\n"
    "    select: { cnt: count(*), total: sum(value) }\n"
    "    every: 36500d\n"
    "    workers: %u\n"
    "    cpus: %d\n"
    "sinks:\n"
    "  out: { type: hash, from: sums, columns: [key, cnt, total], cpus: %d }\n";

static int bind(struct mr_bench_run *run, struct mr_run *to) {
  struct mr_suite_group *group = run->data;
  int rc = mr_bench_columns_lend(to, "in", "key", group->columns.key);
  return rc ? rc : mr_bench_columns_lend(to, "in", "value", group->columns.value);
}

static int take(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  const struct mr_bench_hash *got = mr_bench_hash_of(from, "out");
  (void)run;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash;
  return MR_OK;
}

static int run_exchange(struct mr_bench_run *run, bool no_copies, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  char text[2048];
  int32_t cpus[2];
  mr_suite_cpus(cpus);
  if (cpus[1] < 0) {
    snprintf(run->error, sizeof run->error, "two CPUs are needed");
    return MR_ERR_STATE;
  }
  snprintf(text, sizeof text, graph, (unsigned long long)group->columns.rows, cpus[0],
           (unsigned)run->bench->arg, cpus[1], cpus[1]);
  struct mr_suite_call call = {
      .graph = text, .isa = mr_isa_detect(), .no_copies = no_copies, .bind = bind, .take = take};
  sample->events = group->columns.rows;
  return mr_suite_run(run, &call, sample);
}

static int views(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_exchange(run, true, sample);
}
static int copies(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_exchange(run, false, sample);
}

#define EXCHANGE(cnt)                                                                              \
  const struct mr_bench mr_bench_exchange_##cnt = {                                                \
      .name = "exchange-" #cnt,                                                                    \
      .what = "an exchange to " #cnt                                                               \
              " instances on another worker, few rows copied, against views alone (both the "      \
              "engine's)",                                                                         \
      .unit = "M rows/s",                                                                          \
      .unit_div = 1e6,                                                                             \
      .measure = MR_MEASURE_RATE,                                                                  \
      .arg = cnt,                                                                                  \
      .setup = setup,                                                                              \
      .plain = views,                                                                              \
      .engine = copies,                                                                            \
      .teardown = teardown,                                                                        \
      .plan = mr_suite_plan,                                                                       \
  }

EXCHANGE(4);
EXCHANGE(16);
