/* SPDX-License-Identifier: Apache-2.0 */
/* City filter + 5 min count by (city, event_type) over columns in memory, one thread. */
#include <stdlib.h>

#include "base/cpu.h"
#include "base/error.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define ROWS (UINT64_C(96) << 20) /* 1.1 GB: at least 4 x the last-level cache, checked below */

static int setup(struct mr_bench_run *run) {
  enum mr_isa isa = (enum mr_isa)run->bench->arg;
  if (isa > mr_isa_detect()) {
    snprintf(run->error, sizeof run->error, "this CPU does not have x86-64-%s", mr_isa_name(isa));
    return MR_ERR_NOENT;
  }
  uint64_t rows = (uint64_t)(ROWS * run->scale), least = 4 * run->machine->llc_bytes / 11;
  if (run->scale >= 1 && rows < least) rows = least;
  struct mr_suite_city *city = calloc(1, sizeof *city);
  if (!city || mr_city_columns_make(&city->columns, run->seed, rows) != MR_OK ||
      mr_city_counts_make(&city->counts, city->columns.ts_min, city->columns.ts_max) != MR_OK) {
    if (city) mr_city_columns_free(&city->columns);
    free(city);
    return MR_ERR_NOMEM;
  }
  run->data = city;
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct mr_suite_city *city = run->data;
  mr_suite_forget(run);
  mr_city_columns_free(&city->columns);
  mr_city_counts_free(&city->counts);
  free(city);
}

static int plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_city *city = run->data;
  cpu_set_t old;
  mr_city_counts_clear(&city->counts);
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  mr_plain_city_fused((enum mr_isa)run->bench->arg)(&city->columns, &city->counts);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = city->columns.rows;
  mr_city_counts_hash(&city->counts, &sample->out_rows, &sample->out_hash);
  return MR_OK;
}

/* ---- the engine's side ---- */

static const char graph[] =
    "millrace: 1\n"
    "graph: bench_city\n"
    "runtime: { workers: { count: 1, wait: spin } }\n"
    "events:\n"
    "  city_event:\n"
    "    fields:\n"
    "      city: { type: string, one_of: [SF, NYC, LA, Chicago, Seattle, Boston] }\n"
    "      event_type: { type: string, one_of: [traffic, weather, incident, construction] }\n"
    "      severity: { type: string, one_of: [low, medium, high, critical] }\n"
    "      timestamp: { type: timestamp }\n"
    "    event_time: timestamp\n"
    "sources:\n"
    "  in: { type: columns, event: city_event, rows: %llu }\n"
    "steps:\n"
    "  severe: { type: filter, from: in, where: \"severity IN ('high', 'critical')\" }\n"
    "  counts:\n"
    "    type: window\n"
    "    from: severe\n"
    "    window: { tumbling: 5m }\n"
    "    key: [city, event_type]\n"
    "    select: { event_count: count(*) }\n"
    "sinks:\n"
    "  out: { type: hash, from: counts, columns: [window_start, city, event_type, event_count] }\n";

static int bind(struct mr_bench_run *run, struct mr_run *to) {
  struct mr_suite_city *city = run->data;
  int rc = mr_bench_columns_lend(to, "in", "city", city->columns.city);
  if (!rc) rc = mr_bench_columns_lend(to, "in", "event_type", city->columns.event_type);
  if (!rc) rc = mr_bench_columns_lend(to, "in", "severity", city->columns.severity);
  if (!rc) rc = mr_bench_columns_lend(to, "in", "timestamp", city->columns.ts_us);
  return rc;
}

static int take(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  struct mr_suite_city *city = run->data;
  const struct mr_bench_hash *got = mr_bench_hash_of(from, "out");
  sample->events = city->columns.rows;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash;
  return MR_OK;
}

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_city *city = run->data;
  char text[2048];
  snprintf(text, sizeof text, graph, (unsigned long long)city->columns.rows);
  struct mr_suite_call call = {
      .graph = text, .isa = (enum mr_isa)run->bench->arg, .bind = bind, .take = take};
  return mr_suite_run(run, &call, sample);
}

#define CITY(level, ISA, record)                                                                   \
  const struct mr_bench mr_bench_city_##level = {                                                  \
      .name = "city-" #level,                                                                      \
      .what = "city filter + 5 min count by (city, event_type), columns in memory, one worker, "   \
              "against the fused C loop, both at x86-64-" #level,                                  \
      .unit = "M rows/s",                                                                          \
      .unit_div = 1e6,                                                                             \
      .measure = MR_MEASURE_RATE,                                                                  \
      .engine_cores = 1,                                                                           \
      .arg = ISA,                                                                                  \
      .record_near = record,                                                                       \
      .record_text = "the fused loop, 11 B a row from DRAM, at x86-64-" #level,                    \
      .now = {0.70, 0},                                                                            \
      .later = {0.90, 0},                                                                          \
      .setup = setup,                                                                              \
      .plain = plain,                                                                              \
      .engine = engine,                                                                            \
      .teardown = teardown,                                                                        \
      .plan = mr_suite_plan,                                                                       \
  }

CITY(v2, MR_ISA_V2, 1052);
CITY(v3, MR_ISA_V3, 1386);
CITY(v4, MR_ISA_V4, 2069);
