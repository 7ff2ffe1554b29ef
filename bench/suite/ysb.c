/* SPDX-License-Identifier: Apache-2.0 */
/* The Yahoo streaming benchmark with generation: keep views, look the campaign up, count per 10 s.
 */
#include <stdlib.h>

#include "base/cpu.h"
#include "base/error.h"
#include "op/bench_op.h"
#include "suite/engine.h"
#include "suite/suite.h"

#define EVENTS UINT64_C(200000000)

/* bench->arg: workers, and which loop stands beside them. */
#define ROWS    0
#define FUSED   16
#define BRANCHY 32
#define WORKERS 15

static int setup(struct mr_bench_run *run) {
  struct mr_suite_ysb *ysb = calloc(1, sizeof *ysb);
  if (!ysb || mr_ysb_make(&ysb->ysb, run->seed, (uint64_t)(EVENTS * run->scale)) != MR_OK) {
    free(ysb);
    return MR_ERR_NOMEM;
  }
  run->data = ysb;
  return MR_OK;
}

static void teardown(struct mr_bench_run *run) {
  struct mr_suite_ysb *ysb = run->data;
  mr_suite_forget(run);
  mr_ysb_free(&ysb->ysb);
  free(ysb);
}

static int plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_ysb *ysb = run->data;
  cpu_set_t old;
  mr_ysb_clear(&ysb->ysb);
  bool pinned = mr_machine_pin(0, &old);
  uint64_t begin = mr_machine_now_ns();
  mr_ysb_fn *fn = mr_plain_ysb_rows(mr_isa_detect());
  if (run->bench->arg & FUSED) fn = mr_plain_ysb_fused(mr_isa_detect());
  if (run->bench->arg & BRANCHY) fn = mr_plain_ysb_branchy(mr_isa_detect());
  fn(&ysb->ysb);
  sample->wall_ns = mr_machine_now_ns() - begin;
  if (pinned) mr_machine_unpin(&old);
  sample->events = ysb->ysb.events;
  mr_ysb_hash(&ysb->ysb, &sample->out_rows, &sample->out_hash);
  return MR_OK;
}

/* ---- the engine's side ---- */

static const char graph[] =
    "millrace: 1\n"
    "graph: bench_ysb\n"
    "runtime: { workers: { count: %d, wait: spin } }\n"
    "sources:\n"
    "  in:\n"
    "    type: generate\n"
    "    of: ysb\n"
    "    count: %llu\n"
    "    seed: %llu\n"
    "    clock: { start: 2025-10-13T00:00:00Z, step: 1us }\n"
    "%s"
    "steps:\n"
    "  views: { type: filter, from: in, where: \"event_type = 'view'\"%s }\n"
    "  joined: { type: enrich, from: views, table: \"%s\", key: ad_id, fields: [campaign_id]%s }\n"
    "  counts:\n"
    "    type: window\n"
    "    from: joined\n"
    "    window: { tumbling: 10s }\n"
    "    key: [campaign_id]\n"
    "    select: { views: count(*) }\n"
    "%s"
    "sinks:\n"
    "  out: { type: hash, from: counts, columns: [window_start, campaign_id, views]%s }\n";

static int write_table(struct mr_bench_run *run, const char *path) {
  struct mr_suite_ysb *ysb = run->data;
  FILE *f = fopen(path, "we");
  for (uint32_t ad = 0; f && ad < MR_YSB_ADS; ad++)
    fprintf(f, "{\"ad_id\":%u,\"campaign_id\":%u}\n", ad, (unsigned)ysb->ysb.campaign[ad]);
  if (f && fclose(f) == 0) return MR_OK;
  snprintf(run->error, sizeof run->error, "cannot write %.200s", path);
  return MR_ERR_IO;
}

static int take(struct mr_bench_run *run, struct mr_run *from, struct mr_bench_sample *sample) {
  const struct mr_bench_hash *got = mr_bench_hash_of(from, "out");
  (void)run;
  sample->out_rows = got->rows;
  sample->out_hash = got->hash;
  return MR_OK;
}

static int run_ysb(struct mr_bench_run *run, uint64_t events, int workers,
                   struct mr_bench_sample *sample) {
  char text[4096], path[1024], here[64] = "", there[64] = "", near_[64] = "", far_[64] = "";
  int32_t cpus[2];
  snprintf(path, sizeof path, "%.900s/ysb-campaigns.ndjson", run->dir);
  int rc = write_table(run, path);
  if (rc) return rc;
  mr_suite_cpus(cpus);
  if (workers > 1) { /* source and filter on one, the table and the counting on the other */
    if (cpus[1] < 0) {
      snprintf(run->error, sizeof run->error, "two CPUs are needed");
      return MR_ERR_NOENT;
    }
    snprintf(here, sizeof here, "    cpus: %d\n", cpus[0]);
    snprintf(there, sizeof there, "    cpus: %d\n", cpus[1]);
    snprintf(near_, sizeof near_, ", cpus: %d", cpus[0]);
    snprintf(far_, sizeof far_, ", cpus: %d", cpus[1]);
  }
  snprintf(text, sizeof text, graph, workers, (unsigned long long)events,
           (unsigned long long)run->seed, here, near_, path, far_, there, far_);
  struct mr_suite_call call = {.graph = text, .isa = mr_isa_detect(), .take = take};
  rc = mr_suite_run(run, &call, sample);
  sample->events = events;
  return rc;
}

static int engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_suite_ysb *ysb = run->data;
  return run_ysb(run, ysb->ysb.events, (int)(run->bench->arg & WORKERS), sample);
}

#define YSB(id, bench_name, text, kind, near_now, near_later)                                      \
  const struct mr_bench mr_bench_##id = {                                                          \
      .name = bench_name,                                                                          \
      .what = text,                                                                                \
      .unit = "M events/s",                                                                        \
      .unit_div = 1e6,                                                                             \
      .measure = MR_MEASURE_RATE,                                                                  \
      .engine_cores = 1,                                                                           \
      .arg = 1 | kind,                                                                             \
      .record_near = 195,                                                                          \
      .record_text = "the fused loop with generation, one core",                                   \
      .now = {near_now, 0},                                                                        \
      .later = {near_later, 0},                                                                    \
      .setup = setup,                                                                              \
      .plain = plain,                                                                              \
      .engine = engine,                                                                            \
      .teardown = teardown,                                                                        \
      .plan = mr_suite_plan,                                                                       \
  }

YSB(ysb, "ysb",
    "YSB in process with generation, one worker, against the fused C loop over rows of 64 B", ROWS,
    0.65, 0.85);
YSB(ysb_fused, "ysb-fused",
    "the same against the loop that makes no rows and has no branch, for information", FUSED, 0, 0);
YSB(ysb_branchy, "ysb-branchy",
    "the same against the loop that makes no rows and branches on the type, for information",
    BRANCHY, 0, 0);

const struct mr_bench mr_bench_ysb_rings = {
    .name = "ysb-rings",
    .what = "YSB over rings on 2 workers, per core, against the fused C loop over rows of 64 B on "
            "one",
    .unit = "M events/s/core",
    .unit_div = 1e6,
    .measure = MR_MEASURE_CORE_RATE,
    .engine_cores = 2,
    .arg = 2,
    .record_near = 195,
    .record_text = "the fused loop with generation, one core",
    .now = {0.50, 0.25},
    .later = {0.75, 0.40},
    .setup = setup,
    .plain = plain,
    .engine = engine,
    .teardown = teardown,
    .plan = mr_suite_plan,
};

/* ---- cost per event at two sizes ---- */

#define SMALL UINT64_C(1000000)
#define LARGE UINT64_C(100000000)

/* Some milliseconds, of which threads that start, pages that are touched first and the end are a
 * part: a run of a thousandth is taken off. */
static int small(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct mr_bench_sample empty = {0};
  int rc = run_ysb(run, SMALL / 1000, 1, &empty);
  if (!rc) rc = run_ysb(run, SMALL + SMALL / 1000, 1, sample);
  sample->events = SMALL;
  if (sample->wall_ns > empty.wall_ns) sample->wall_ns -= empty.wall_ns;
  return rc;
}
static int large(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return run_ysb(run, (uint64_t)(LARGE * run->scale), 1, sample);
}

const struct mr_bench mr_bench_linear = {
    .name = "linear",
    .what = "YSB, one worker: events per second in runs of 10^8 events against runs of 10^6, less "
            "their start and end (both the engine's)",
    .unit = "M events/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .now = {0.90, 0},
    .later = {0.90, 0},
    .no_output = true,
    .setup = setup,
    .plain = small,
    .engine = large,
    .teardown = teardown,
    .plan = mr_suite_plan,
};
