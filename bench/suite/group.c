/* SPDX-License-Identifier: Apache-2.0 */
/* count, sum, min, max by int64 key over columns in memory, against the row loop with the same
 * table. */
#include <stdlib.h>

#include "base/error.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define ROWS (UINT64_C(32) << 20) /* 512 MiB */

static int setup(struct mr_bench_run *run) {
  struct mr_suite_group *group = calloc(1, sizeof *group);
  uint64_t rows = (uint64_t)(ROWS * run->scale), least = 4 * run->machine->llc_bytes / 16;
  if (run->scale >= 1 && rows < least) rows = least;
  if (!group ||
      mr_group_columns_make(&group->columns, run->seed, rows, (uint64_t)run->bench->arg) != MR_OK) {
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

static int plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  struct mr_group_table table;
  cpu_set_t old;
  if (mr_group_table_make(&table) != MR_OK) return MR_ERR_NOMEM;
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  int rc = mr_plain_group(&group->columns, 0, group->columns.rows, &table);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = group->columns.rows;
  mr_group_table_hash(&table, &sample->out_rows, &sample->out_hash);
  mr_group_table_free(&table);
  return rc;
}

/* ---- the engine's side ---- */

/* `every` is longer than any run, so that rows come out at the end only, as they do of the loop. */
static const char graph[] =
    "millrace: 1\n"
    "graph: bench_group\n"
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

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  char text[2048];
  snprintf(text, sizeof text, graph, (unsigned long long)group->columns.rows);
  struct mr_suite_call call = {.graph = text, .isa = mr_isa_detect(), .bind = bind, .take = take};
  return mr_suite_run(run, &call, sample);
}

#define GROUP(suffix, keys, now_ratio, later_ratio)                                                \
  const struct mr_bench mr_bench_group_##suffix = {                                                \
      .name = "group-" #suffix,                                                                    \
      .what =                                                                                      \
          "count, sum, min, max by int64 key, " #suffix " keys, columns in memory, one worker, "   \
          "against the row loop with the same table",                                              \
      .unit = "M rows/s",                                                                          \
      .unit_div = 1e6,                                                                             \
      .measure = MR_MEASURE_RATE,                                                                  \
      .engine_cores = 1,                                                                           \
      .arg = keys,                                                                                 \
      .now = {now_ratio, 0},                                                                       \
      .later = {later_ratio, 0},                                                                   \
      .setup = setup,                                                                              \
      .plain = plain,                                                                              \
      .engine = engine,                                                                            \
      .teardown = teardown,                                                                        \
      .plan = mr_suite_plan,                                                                       \
  }

GROUP(1e2, 100, 0.6, 0.7);
GROUP(1e4, 10000, 0.6, 0.7);
GROUP(1e6, 1000000, 1.1, 1.3);
