/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies over rings, and of a worker that sleeps. Each side says its figure. */
#include "base/error.h"
#include "op/bench_op.h"
#include "stats/stats.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define ROUNDS      1000000u
#define FLOOR_S     2.0
#define WAKE_ROUNDS 5u
#define IDLE_US     1000000u

static int need(struct mr_bench_run *run, double figure, struct mr_bench_sample *sample) {
  sample->figure = figure;
  if (figure > 0) return MR_OK;
  snprintf(run->error, sizeof run->error, "two CPUs are needed");
  return MR_ERR_STATE;
}

static int ping_pong(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  sample->events = ROUNDS;
  return need(run, mr_plain_ring_ping_pong_ns((uint32_t)(ROUNDS * run->scale)), sample);
}

static int stall_floor(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_stall_floor floor;
  (void)mr_machine_stall_floor(FLOOR_S * run->scale, &floor);
  return need(run, floor.p999_ns / 1e3, sample);
}

static int futex(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_futex_wake wake;
  (void)mr_machine_futex_wake((uint32_t)(IDLE_US * run->scale), WAKE_ROUNDS, &wake);
  return need(run, wake.p50_ns / 1e3, sample);
}

/* ---- the engine's side ---- */

#define RATE      UINT64_C(1000000) /* rows a second */
#define SECONDS   2.0
#define IDLE_ROWS 6

static const char graph[] =
    "millrace: 1\n"
    "graph: bench_latency\n"
    "runtime: { workers: { count: 2, wait: %s } }\n"
    "sources:\n"
    "  in: { type: ping, period: %s, count: %llu, after: %s, stamp: %s, cpus: %d }\n"
    "steps:\n"
    "  op: { type: filter, from: in, where: n >= 0, cpus: %d }\n"
    "sinks:\n"
    "  out: { type: hash, from: op, cpus: %d }\n";

static int two_cpus(struct mr_bench_run *run, int32_t cpus[2]) {
  mr_suite_cpus(cpus);
  if (cpus[1] >= 0) return MR_OK;
  snprintf(run->error, sizeof run->error, "two CPUs are needed");
  return MR_ERR_STATE;
}

/* All rows came out; the figure is the latency at the quantile, ns. */
static int take_quantile(struct mr_run *from, double q, struct mr_bench_sample *sample) {
  const struct mr_stats *stats = mr_run_stats(from);
  sample->out_rows = mr_bench_hash_of(from, "out")->rows;
  sample->figure = stats->path_cnt ? (double)mr_bench_hist_at(&stats->paths[0].latency_ns, q) : 0;
  return MR_OK;
}
static int take_p50(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  (void)run;
  return take_quantile(from, 0.5, sample);
}
static int take_p999(struct mr_bench_run *run, struct mr_run *from,
                     struct mr_bench_sample *sample) {
  (void)run;
  int rc = take_quantile(from, 0.999, sample);
  sample->figure /= 1e3;
  return rc;
}
static int take_wake(struct mr_bench_run *run, struct mr_run *from,
                     struct mr_bench_sample *sample) {
  (void)run;
  int rc = take_quantile(from, 0.5, sample);
  sample->figure /= 1e3;
  return rc;
}

static int run_latency(struct mr_bench_run *run, struct mr_suite_call *call,
                       struct mr_bench_sample *sample) {
  char text[1024];
  int32_t cpus[2];
  int rc = two_cpus(run, cpus);
  if (rc) return rc;
  uint64_t rows = (uint64_t)(SECONDS * run->scale * (double)RATE);
  snprintf(text, sizeof text, graph, "spin", "1us", (unsigned long long)rows, "20ms", "planned",
           cpus[0], cpus[1], cpus[0]);
  call->graph = text;
  call->isa = mr_isa_detect();
  rc = mr_suite_run(run, call, sample);
  sample->events = rows;
  if (rc || sample->out_rows == rows) return rc;
  snprintf(run->error, sizeof run->error, "rows are missing");
  return MR_ERR_DATA;
}

static int engine_p50(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_call call = {.take = take_p50};
  return run_latency(run, &call, sample);
}
static int engine_p999(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_call call = {.take = take_p999};
  return run_latency(run, &call, sample);
}

/* The source's worker is woken by its timer; what is measured is from the moment that it sends to
 * the sink behind the sleeping worker: one wake. */
static int run_idle(struct mr_bench_run *run, uint64_t rows, struct mr_suite_call *call,
                    struct mr_bench_sample *sample) {
  char text[1024], period[32];
  int32_t cpus[2];
  int rc = two_cpus(run, cpus);
  if (rc) return rc;
  snprintf(period, sizeof period, "%lluus", (unsigned long long)(IDLE_US * run->scale));
  snprintf(text, sizeof text, graph, "adaptive", period, (unsigned long long)rows, period, "sent",
           cpus[0], cpus[1], cpus[1]);
  call->graph = text;
  call->isa = mr_isa_detect();
  sample->events = rows;
  return mr_suite_run(run, call, sample);
}

static int engine_wake(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_call call = {.take = take_wake};
  return run_idle(run, WAKE_ROUNDS, &call, sample);
}

static int engine_idle(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_call call = {.take = NULL};
  int rc = run_idle(run, IDLE_ROWS, &call, sample);
  if (sample->wall_ns) sample->figure = 100.0 * (double)sample->cpu_ns / (double)sample->wall_ns;
  return rc;
}

static void teardown(struct mr_bench_run *run) {
  mr_suite_forget(run);
}

const struct mr_bench mr_bench_latency_p50 = {
    .name = "latency-p50",
    .what = "batch of one, source -> operator -> sink on 2 workers at 1 M events/s, p50, against "
            "rte_ring's 8 B "
            "ping-pong",
    .unit = "ns",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .record_near = 190,
    .record_far = 545,
    .record_text =
        "rte_ring ping-pong p50: 1.6 x the round trip NEAR (75 to 120 ns), 510 to 580 ns FAR",
    .now = {3, 3},
    .later = {2, 2},
    .no_output = true,
    .plain = ping_pong,
    .engine = engine_p50,
    .teardown = teardown,
    .plan = mr_suite_plan,
};

const struct mr_bench mr_bench_latency_p999 = {
    .name = "latency-p99.9",
    .what = "the same, p99.9 against the stall floor of the same run",
    .unit = "us",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .now = {2, 2},
    .later = {1.5, 1.5},
    .no_output = true,
    .plain = stall_floor,
    .engine = engine_p999,
    .teardown = teardown,
    .plan = mr_suite_plan,
};

const struct mr_bench mr_bench_wake = {
    .name = "wake",
    .what = "first event after an idle second, wait: adaptive, p50, against a futex wake after an "
            "idle second",
    .unit = "us",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .now = {1.5, 1.5},
    .later = {1.15, 1.15},
    .anywhere = true,
    .no_output = true,
    .plain = futex,
    .engine = engine_wake,
    .teardown = teardown,
    .plan = mr_suite_plan,
};

const struct mr_bench mr_bench_idle = {
    .name = "idle",
    .what = "CPU that a graph on 2 workers uses, wait: adaptive, one row a second",
    .unit = "% of a CPU",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .lower_is_better = true,
    .limit_now = 1,
    .limit_later = 1,
    .anywhere = true,
    .no_output = true,
    .engine = engine_idle,
    .teardown = teardown,
    .plan = mr_suite_plan,
};
