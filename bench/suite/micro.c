/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the engine alone: a link, one histogram sample, a filter. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "lib/two.h"
#include "op/bench_op.h"
#include "ring/ring.h"
#include "stats/hist.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define ELEMENTS UINT64_C(200000000)
#define BURST    32u
#define CAPACITY 1024u
#define SAMPLES  UINT64_C(100000000)
#define ROWS     (UINT64_C(128) << 20)

/* ---- ring ---- */

static int ring_rate(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  sample->events = (uint64_t)(ELEMENTS * run->scale);
  sample->figure = mr_plain_ring_rate(sample->events, BURST) / 1e6;
  if (sample->figure > 0) return MR_OK;
  snprintf(run->error, sizeof run->error, "two CPUs are needed");
  return MR_ERR_STATE;
}

struct link_pair {
  struct mr_link *link;
  uint64_t elements, wall_ns, sum;
};

static void link_send(void *ctx) {
  struct link_pair *p = ctx;
  for (uint64_t at = 0; at < p->elements; at += BURST) {
    while (!mr_link_has_room(p->link, BURST)) mr_clock_relax();
    for (uint32_t i = 0; i < BURST; i++) mr_link_send(p->link, (at + i + 1) * 64);
  }
}

static void link_take(void *ctx) {
  struct link_pair *p = ctx;
  uint64_t offs[BURST], begin = mr_machine_now_ns(), sum = 0;
  for (uint64_t at = 0; at < p->elements;) {
    uint32_t n = mr_link_take(p->link, offs, BURST);
    if (!n) mr_clock_relax();
    for (uint32_t i = 0; i < n; i++) sum += offs[i] / 64;
    at += n;
  }
  p->wall_ns = mr_machine_now_ns() - begin;
  p->sum = sum;
}

static int link_rate(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_region region;
  struct mr_error err = {0};
  uint64_t n = (uint64_t)(ELEMENTS * run->scale);
  struct link_pair p = {.elements = n - n % BURST};
  int rc = mr_region_create(&region, UINT64_C(64) << 20, MR_HUGE_OFF, &err);
  if (rc) return rc;
  p.link = mr_link_new(&region, CAPACITY, "link", &err);
  rc = p.link ? mr_region_commit(&region, &err) : err.code;
  if (!rc && !mr_two_run(link_send, link_take, &p)) rc = MR_ERR_STATE;
  if (!rc && p.sum != p.elements / 2 * (p.elements + 1)) rc = MR_ERR_DATA;
  mr_region_destroy(&region);
  sample->events = p.elements;
  if (!rc) sample->figure = (double)p.elements * 1e3 / (double)p.wall_ns;
  return rc;
}

const struct mr_bench mr_bench_ring = {
    .name = "ring",
    .what =
        "a link's messages per second, against rte_ring with 8 B elements, 32 at a time, copied",
    .unit = "M items/s",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .no_output = true,
    .plain = ring_rate,
    .engine = link_rate,
};

/* ---- one histogram sample ---- */

static int clz(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  cpu_set_t old;
  bool pinned = mr_machine_pin(0, &old);
  sample->events = (uint64_t)(SAMPLES * run->scale);
  sample->figure = mr_plain_clz_ns(sample->events, run->seed);
  if (pinned) mr_machine_unpin(&old);
  return MR_OK;
}

static int hist(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  cpu_set_t old;
  struct mr_hist *h = calloc(1, sizeof *h);
  int64_t *v = mr_plain_sample_values(run->seed);
  uint64_t n = (uint64_t)(SAMPLES * run->scale), all = 0;
  bool pinned = mr_machine_pin(0, &old);
  if (h && v) {
    uint64_t begin = mr_machine_now_ns();
    for (uint64_t i = 0; i < n; i++) mr_hist_record(h, (uint64_t)v[i & (MR_SAMPLE_VALUES - 1)]);
    sample->figure = (double)(mr_machine_now_ns() - begin) / (double)n;
    for (uint32_t i = 0; i < MR_HIST_CNT; i++)
      all += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
  }
  if (pinned) mr_machine_unpin(&old);
  sample->events = n;
  free(h);
  free(v);
  return all == n ? MR_OK : MR_ERR_STATE;
}

const struct mr_bench mr_bench_sample_cost = {
    .name = "sample",
    .what = "one histogram sample, against clz + add over the same values",
    .unit = "ns",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .record_near = 1.35,
    .record_text = "clz + add; HdrHistogram_c 1.96",
    .limit_now = 2,
    .limit_later = 1.4,
    .no_output = true,
    .plain = clz,
    .engine = hist,
};

/* ---- filters ---- */

static const char filter_graph[] =
    "millrace: 1\n"
    "graph: bench_filter\n"
    "runtime: { workers: { count: 1, wait: spin } }\n"
    "sources:\n"
    "  in: { type: columns, rows: %llu, batch: %lld, fields: { severity: { type: string, one_of: "
    "[low, medium, high, critical] } } }\n"
    "steps:\n"
    "  severe: { type: filter, from: in, where: \"severity IN ('high', 'critical')\" }\n"
    "sinks:\n"
    "  out: { type: hash, from: severe }\n";

static const char between_graph[] =
    "millrace: 1\n"
    "graph: bench_between\n"
    "runtime: { workers: { count: 1, wait: spin } }\n"
    "sources:\n"
    "  in: { type: columns, rows: %llu, batch: %lld, fields: { key: { type: int64 }, value: { "
    "type: "
    "int64 } } }\n"
    "steps:\n"
    "  some: { type: filter, from: in, where: value BETWEEN -500000 AND 500000 AND key > 0 }\n"
    "sinks:\n"
    "  out: { type: hash, from: some }\n";

static int severity_setup(struct mr_bench_run *run) {
  struct mr_suite_city *city = calloc(1, sizeof *city);
  uint64_t rows = (uint64_t)(ROWS * run->scale);
  if (!city || mr_city_columns_make(&city->columns, run->seed, rows) != MR_OK) {
    free(city);
    return MR_ERR_NOMEM;
  }
  run->data = city;
  return MR_OK;
}

static void severity_teardown(struct mr_bench_run *run) {
  struct mr_suite_city *city = run->data;
  mr_suite_forget(run);
  mr_city_columns_free(&city->columns);
  free(city);
}

static int severity_plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_city *city = run->data;
  cpu_set_t old;
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  sample->out_rows = mr_plain_severe(mr_isa_detect())(city->columns.severity, city->columns.rows);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = city->columns.rows;
  return MR_OK;
}

static int severity_bind(struct mr_bench_run *run, struct mr_run *to) {
  struct mr_suite_city *city = run->data;
  return mr_bench_columns_lend(to, "in", "severity", city->columns.severity);
}

static int take_rows(struct mr_bench_run *run, struct mr_run *from,
                     struct mr_bench_sample *sample) {
  (void)run;
  sample->out_rows = mr_bench_hash_of(from, "out")->rows;
  return MR_OK;
}

static int severity_run(struct mr_bench_run *run, uint64_t rows, int64_t batch, bool no_stats,
                        struct mr_bench_sample *sample) {
  char text[1024];
  snprintf(text, sizeof text, filter_graph, (unsigned long long)rows, (long long)batch);
  struct mr_suite_call call = {.graph = text,
                               .isa = mr_isa_detect(),
                               .no_stats = no_stats,
                               .bind = severity_bind,
                               .take = take_rows};
  sample->events = rows;
  return mr_suite_run(run, &call, sample);
}

static int severity_engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_city *city = run->data;
  return severity_run(run, city->columns.rows, 1024, false, sample);
}

const struct mr_bench mr_bench_filter = {
    .name = "filter",
    .what = "severity IN ('high', 'critical') over one column in memory, rows counted, against a C "
            "loop",
    .unit = "M rows/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .setup = severity_setup,
    .plain = severity_plain,
    .engine = severity_engine,
    .teardown = severity_teardown,
    .plan = mr_suite_plan,
};

/* ---- counters and histograms on and off ---- */

/* Rows of a run with batches of bench->arg rows. */
static uint64_t stats_rows(const struct mr_bench_run *run) {
  const struct mr_suite_city *city = run->data;
  uint64_t rows = (uint64_t)run->bench->arg * (uint64_t)(4000000 * run->scale);
  return rows < city->columns.rows ? rows : city->columns.rows;
}
static int stats_off(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return severity_run(run, stats_rows(run), run->bench->arg, true, sample);
}
static int stats_on(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return severity_run(run, stats_rows(run), run->bench->arg, false, sample);
}

#define STATS(rows, near_now, near_later)                                                          \
  const struct mr_bench mr_bench_stats_##rows = {                                                  \
      .name = "stats-" #rows,                                                                      \
      .what = "counters and histograms on, against the same loop without them (both the "          \
              "engine's): a filter, batches of " #rows,                                            \
      .unit = "M rows/s",                                                                          \
      .unit_div = 1e6,                                                                             \
      .measure = MR_MEASURE_RATE,                                                                  \
      .arg = rows,                                                                                 \
      .now = {near_now, 0},                                                                        \
      .later = {near_later, 0},                                                                    \
      .setup = severity_setup,                                                                     \
      .plain = stats_off,                                                                          \
      .engine = stats_on,                                                                          \
      .teardown = severity_teardown,                                                               \
      .plan = mr_suite_plan,                                                                       \
  }

STATS(1, 0, 0);
STATS(32, 0.95, 0.97);
STATS(1024, 0.95, 0.97);

/* ---- an expression over wide columns ---- */

static int between_setup(struct mr_bench_run *run) {
  struct mr_suite_group *group = calloc(1, sizeof *group);
  uint64_t rows = (uint64_t)(ROWS / 4 * run->scale);
  if (!group || mr_group_columns_make(&group->columns, run->seed, rows, 1000) != MR_OK) {
    free(group);
    return MR_ERR_NOMEM;
  }
  run->data = group;
  return MR_OK;
}

static void between_teardown(struct mr_bench_run *run) {
  struct mr_suite_group *group = run->data;
  mr_suite_forget(run);
  mr_group_columns_free(&group->columns);
  free(group);
}

static int between_plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  const struct mr_group_columns *c = &group->columns;
  cpu_set_t old;
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  sample->out_rows = mr_plain_between(mr_isa_detect())(c->key, c->value, c->rows);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = c->rows;
  return MR_OK;
}

static int between_bind(struct mr_bench_run *run, struct mr_run *to) {
  struct mr_suite_group *group = run->data;
  int rc = mr_bench_columns_lend(to, "in", "key", group->columns.key);
  return rc ? rc : mr_bench_columns_lend(to, "in", "value", group->columns.value);
}

static int between_engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_group *group = run->data;
  char text[1024];
  snprintf(text, sizeof text, between_graph, (unsigned long long)group->columns.rows, 1024LL);
  struct mr_suite_call call = {
      .graph = text, .isa = mr_isa_detect(), .bind = between_bind, .take = take_rows};
  sample->events = group->columns.rows;
  return mr_suite_run(run, &call, sample);
}

const struct mr_bench mr_bench_expression = {
    .name = "expression",
    .what = "value BETWEEN -500000 AND 500000 AND key > 0 over two int64 columns in memory, rows "
            "counted, against a C loop",
    .unit = "M rows/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .setup = between_setup,
    .plain = between_plain,
    .engine = between_engine,
    .teardown = between_teardown,
    .plan = mr_suite_plan,
};
