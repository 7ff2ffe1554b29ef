/* SPDX-License-Identifier: Apache-2.0 */
/* The same graph with one operator stepped in the caller's thread, and run on a worker's thread:
 * count, sum, min, max by int64 key, 10,000 keys, columns in memory. */
#include <stdlib.h>

#include "base/error.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"
#include "worker/solo.h"

#define ROWS (UINT64_C(32) << 20) /* 512 MiB */
#define KEYS 10000u

static int setup(struct mr_bench_run *run) {
  struct mr_suite_group *group = calloc(1, sizeof *group);
  uint64_t rows = (uint64_t)((double)ROWS * run->scale);
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
    "graph: bench_solo\n"
    "runtime: { workers: { count: 1, wait: spin } }\n"
    "sources:\n"
    "  in: { type: columns, rows: %llu, fields: { key: { type: int64 }, value: { type: int64 } } "
    "}\n"
    "steps:\n"
    "  sums:\n"
    "    type: group\n"
    "    from: in\n"
    "    key: [key]\n"
    "    select: { cnt: count(*), total: sum(value), least: min(value), most: max(value) }\n"
    "    every: 36500d\n"
    "sinks:\n"
    "  out: { type: hash, from: sums, columns: [key, cnt, total, least, most] }\n";

static int bind(struct mr_bench_run *run, struct mr_run *to) {
  struct mr_suite_group *group = run->data;
  int rc = mr_bench_columns_lend(to, "in", "key", group->columns.key);
  return rc ? rc : mr_bench_columns_lend(to, "in", "value", group->columns.value);
}

static int take(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  const struct mr_bench_hash *got = mr_bench_hash_of(from, "out");
  sample->events = group->columns.rows;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash;
  return MR_OK;
}

static void fill_graph(struct mr_bench_run *run, char *text, size_t sz) {
  struct mr_suite_group *group = run->data;
  snprintf(text, sz, graph, (unsigned long long)group->columns.rows);
}

static int threaded(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  char text[2048];
  fill_graph(run, text, sizeof text);
  struct mr_suite_call call = {.graph = text, .isa = mr_isa_detect(), .bind = bind, .take = take};
  return mr_suite_run(run, &call, sample);
}

static int stepped(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  const struct mr_op *ops[MR_BENCH_OPERATORS_MAX];
  struct mr_op_table table;
  struct mr_error err = {0};
  char text[2048];
  cpu_set_t old;
  fill_graph(run, text, sizeof text);
  mr_bench_operators(ops, MR_BENCH_OPERATORS_MAX, &table);
  struct mr_solo_conf conf = {.ops = &table, .graph = text, .isa = mr_isa_detect(), .stats = true};
  struct mr_solo *solo = mr_solo_open(&conf, &err);
  if (!solo) {
    snprintf(run->error, sizeof run->error, "%.200s", err.text);
    return err.code ? err.code : MR_ERR_STATE;
  }
  int rc = bind(run, mr_solo_inner(solo));
  bool pinned = mr_machine_pin(0, &old);
  uint64_t wall = mr_machine_now_ns(), cpu = mr_machine_cpu_ns();
  if (!rc && !mr_solo_run(solo, UINT32_MAX)) rc = MR_ERR_STATE;
  sample->wall_ns = mr_machine_now_ns() - wall;
  sample->cpu_ns = mr_machine_cpu_ns() - cpu;
  if (pinned) mr_machine_unpin(&old);
  if (!rc) rc = take(run, mr_solo_inner(solo), sample);
  mr_solo_close(solo);
  return rc;
}

const struct mr_bench mr_bench_solo = {
    .name = "solo",
    .what = "a group with 10,000 keys stepped alone in the caller's thread, against the same graph "
            "on one worker's thread; 0.95 to 1.05 is wanted",
    .unit = "M rows/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .engine_cores = 1,
    .now = {0.95, 0},
    .later = {0.95, 0},
    .setup = setup,
    .plain = threaded,
    .engine = stepped,
    .plan = mr_suite_plan,
    .teardown = teardown,
};
