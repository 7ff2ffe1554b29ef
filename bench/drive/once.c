/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a suite: warm-up, measured intervals, drain. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/cpu.h"
#include "drive/drive.h"
#include "graph/diag.h"
#include "graph/plan.h"
#include "op/bench_op.h"
#include "op/times.h"
#include "operators/format/row_text.h"
#include "shm/headroom.h"
#include "stats/stats.h"
#include "worker/run.h"

#define INTERVAL_NS UINT64_C(1000000000)
#define DRAIN_NS    UINT64_C(30000000000)

struct once {
  const struct mr_drive_suite *suite;
  struct mr_arena arena;
  const struct mr_plan *plan;
  struct mr_run *graph;
  struct mr_times_self *sink;
  struct mr_clock clock;
};

static const struct mr_plan *load(struct once *o, struct mr_error *err) {
  const struct mr_drive_suite *s = o->suite;
  const struct mr_op **ops = MR_NEW(&o->arena, const struct mr_op *, MR_BENCH_OPERATORS_MAX + 1);
  struct mr_op_table *table = MR_NEW(&o->arena, struct mr_op_table, 1), others;
  ops[0] = &mr_bench_op_times; /* before the sink of the same name */
  mr_bench_operators(ops + 1, MR_BENCH_OPERATORS_MAX, &others);
  table->ops = ops;
  const char **sets = MR_NEW(&o->arena, const char *, s->set_cnt + 4);
  uint32_t cnt = 0;
  if (s->mode == MR_DRIVE_OPEN) {
    sets[cnt++] = mr_arena_printf(&o->arena, "sources.%s.rate=%.3f/s", s->source, s->rate);
    sets[cnt++] = mr_arena_printf(&o->arena, "sources.%s.poisson=%s", s->source,
                                  s->poisson ? "true" : "false");
  }
  for (uint32_t i = 0; i < s->set_cnt; i++) sets[cnt++] = s->sets[i];
  int32_t *cpus = MR_NEW(&o->arena, int32_t, MR_WORKERS_MAX);
  struct mr_plan_conf conf = {.ops = table,
                              .sets = sets,
                              .set_cnt = cnt,
                              .seed = (uint64_t)s->seed,
                              .seed_given = true,
                              .clock = -1,
                              .cpus = cpus,
                              .cpu_cnt = mr_headroom_cpus(cpus, MR_WORKERS_MAX)};
  struct mr_diags diags;
  mr_diags_init(&diags, &o->arena);
  const struct mr_plan *plan = mr_plan_load(&o->arena, s->graph, NULL, 0, &conf, &diags);
  if (!plan) mr_error_set(err, MR_ERR_CONF, "%s", mr_diags_text(&diags, &o->arena, NULL));
  return plan;
}

static int build(struct once *o, struct mr_error *err) {
  o->plan = load(o, err);
  if (!o->plan) return err->code;
  mr_clock_system(&o->clock);
  struct mr_run_conf conf = {.clock = o->clock,
                             .isa = mr_isa_detect(),
                             .pin = true,
                             .version = "bench",
                             .row_text = mr_format_row_text};
  int rc = mr_run_build(&o->graph, o->plan, &conf, err);
  if (rc) return rc;
  const struct mr_op *op = NULL;
  for (uint32_t n = 0; n < o->plan->node_cnt; n++)
    if (!strcmp(o->plan->nodes[n].name, o->suite->sink)) op = o->plan->nodes[n].op;
  if (op != &mr_bench_op_times)
    return mr_error_set(err, MR_ERR_CONF, "%s of %s is no latency sink", o->suite->sink,
                        o->suite->graph);
  o->sink = mr_run_self(o->graph, o->suite->sink, 0);
  return MR_OK;
}

/* Sleeps until the monotonic time, or until the graph has ended: true. */
static bool ended_by(struct once *o, uint64_t at_ns) {
  uint64_t now = mr_machine_now_ns();
  return mr_run_wait(o->graph, at_ns > now ? at_ns - now : 0);
}

/* What came since the last look goes into the interval. */
static void take_interval(struct once *o, struct mr_drive_interval *it, struct mr_hist *before,
                          uint64_t *rows_before) {
  const struct mr_times *t = o->sink->times;
  uint64_t rows = atomic_load_explicit(&t->rows, memory_order_relaxed);
  it->rows = rows - *rows_before;
  *rows_before = rows;
  for (uint32_t i = 0; i < MR_HIST_CNT; i++) {
    uint64_t now = atomic_load_explicit(&t->live.counts[i], memory_order_relaxed);
    uint64_t was = atomic_load_explicit(&before->counts[i], memory_order_relaxed);
    atomic_store_explicit(&it->response.counts[i], now - was, memory_order_relaxed);
    atomic_store_explicit(&before->counts[i], now, memory_order_relaxed);
  }
}

/* Least squares over the intervals' rates, as a share of their mean per second. */
static double slope_of(const struct mr_drive_run *run) {
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, x = 0;
  for (uint32_t i = 0; i < run->interval_cnt; i++) {
    double seconds = (double)run->intervals[i].ns / 1e9;
    double y = (double)run->intervals[i].rows / seconds;
    n++, sx += x, sy += y, sxx += x * x, sxy += x * y;
    x += seconds;
  }
  double d = n * sxx - sx * sx;
  return n > 2 && d > 0 && sy > 0 ? (n * sxy - sx * sy) / d / (sy / n) : 0;
}

static int measure(struct once *o, struct mr_drive_run *run, struct mr_error *err) {
  const struct mr_drive_suite *s = o->suite;
  uint32_t max = (uint32_t)((uint64_t)s->for_ns / INTERVAL_NS) + 2;
  run->intervals = calloc(max, sizeof *run->intervals);
  struct mr_hist *before = calloc(1, sizeof *before);
  if (!run->intervals || !before) {
    free(before);
    return mr_error_set(err, MR_ERR_NOMEM, "no memory for %u intervals", max);
  }
  uint64_t start = mr_machine_now_ns(), from = start + (uint64_t)s->warmup_ns;
  uint64_t rows_before = 0;
  bool ended = ended_by(o, from);
  from = mr_machine_now_ns();
  /* relaxed: the sink may see it a row later */
  atomic_store_explicit(&o->sink->from_ns, mr_clock_mono_ns(&o->clock), memory_order_relaxed);
  struct mr_share share[2];
  struct rusage use[2];
  mr_share_look(&share[0]);
  getrusage(RUSAGE_SELF, &use[0]);
  uint64_t cpu = mr_machine_cpu_ns(), at = from, to = from + (uint64_t)s->for_ns;
  while (!ended && at < to && run->interval_cnt < max) {
    struct mr_drive_interval *it = &run->intervals[run->interval_cnt++];
    ended = ended_by(o, at + INTERVAL_NS < to ? at + INTERVAL_NS : to);
    uint64_t now = mr_machine_now_ns();
    take_interval(o, it, before, &rows_before);
    it->ns = now - at;
    at = now;
  }
  run->wall_ns = at - from;
  run->cpu_ns = mr_machine_cpu_ns() - cpu;
  mr_share_look(&share[1]);
  getrusage(RUSAGE_SELF, &use[1]);
  run->involuntary = (uint64_t)(use[1].ru_nivcsw - use[0].ru_nivcsw);
  run->rss_bytes = (uint64_t)use[1].ru_maxrss * 1024;
  run->others = mr_share_others(&share[0], &share[1], NULL);
  run->slope = slope_of(run);
  free(before);
  if (!ended) mr_run_drain(o->graph);
  if (!ended && !mr_run_wait(o->graph, DRAIN_NS))
    return mr_error_set(err, MR_ERR_AGAIN, "the graph did not drain");
  return mr_run_result(o->graph, err);
}

static void take_counts(struct once *o, struct mr_drive_run *run) {
  mr_run_publish(o->graph);
  const struct mr_stats *stats = mr_run_stats(o->graph);
  for (uint32_t i = 0; i < stats->node_cnt; i++) {
    const struct mr_node_stat *n = &stats->nodes[i];
    if (!strcmp(n->name, o->suite->source)) run->sent += mr_stat_get(&n->rows_out);
    if (!strcmp(n->name, o->suite->sink)) run->received += mr_stat_get(&n->rows_in);
    run->filtered += mr_stat_get(&n->filtered);
    run->late += mr_stat_get(&n->late);
    run->dropped += mr_stat_get(&n->dropped);
    run->dead_letters += mr_stat_get(&n->dead_letters);
  }
  const struct mr_times *t = o->sink->times;
  run->response = t->response;
  run->service = t->service;
  run->delay = t->delay;
  run->config_hash = o->plan->config_hash;
}

int mr_drive_once(const struct mr_drive_suite *suite, struct mr_drive_run *run,
                  struct mr_error *err) {
  struct once o = {.suite = suite};
  memset(run, 0, sizeof *run);
  mr_error_clear(err);
  run->round_trip_ns = mr_machine_round_trip_ns();
  int rc = build(&o, err);
  if (!rc) rc = mr_run_start(o.graph, err);
  if (!rc) rc = measure(&o, run, err);
  if (o.sink) take_counts(&o, run);
  mr_run_destroy(o.graph);
  mr_arena_free(&o.arena);
  return rc;
}

void mr_drive_run_free(struct mr_drive_run *run) {
  free(run->intervals);
  run->intervals = NULL;
}

bool mr_drive_percentile(const struct mr_latency *l, double q, uint64_t *ns) {
  *ns = 0;
  if (!l->count) return false;
  double beyond = (1 - q) * (double)l->count;
  uint64_t want = (uint64_t)(q * (double)l->count + 0.5), seen = 0;
  for (uint32_t i = 0; i < MR_LATENCY_CNT; i++) {
    seen += l->counts[i];
    if (seen < want || !seen) continue;
    *ns = mr_latency_value(i) < l->max_ns ? mr_latency_value(i) : l->max_ns;
    break;
  }
  return beyond >= 100;
}
