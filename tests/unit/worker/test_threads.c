/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs on real threads: the same random graphs as on the stepper, waiting, waking, stopping and
 * failing. MR_GRAPHS says how many graphs; MR_SEED where to begin. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "graph/opt.h"
#include "graphs.h"
#include "test.h"

#define S  UINT64_C(1000000000)
#define MS UINT64_C(1000000)

static uint64_t env(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 0) : otherwise;
}

static void start(struct rig_run *r) {
  struct mr_error err = {0};
  if (mr_run_start(r->run, &err)) fail_msg("%s", err.text);
}

static void nap(uint64_t ns) {
  struct timespec ts = {(time_t)(ns / S), (long)(ns % S)};
  nanosleep(&ts, NULL);
}

static uint64_t cpu_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (uint64_t)ts.tv_sec * S + (uint64_t)ts.tv_nsec;
}

/* ---- random graphs ---- */

static void run_graphs(const char *wait, uint64_t first, uint64_t cnt, bool drain) {
  static struct rig_graph g;
  for (uint64_t seed = first; seed < first + cnt; seed++) {
    struct rig_run r;
    /* spinning workers that share a CPU lose it for whole time slices: few rows are slow enough */
    rig_graph_make(&g, seed, strcmp(wait, "spin") ? 3000 : 300, wait);
    rig_run_build(&r, g.text);
    start(&r);
    if (drain) {
      nap(rig_pick(&g.rng, 3000) * UINT64_C(1000));
      mr_run_drain(r.run);
      g.drained = true;
    }
    if (!mr_run_wait(r.run, 60 * S))
      fail_msg("seed %llu hangs\n%s", (unsigned long long)seed, g.text);
    struct mr_error err = {0};
    if (mr_run_result(r.run, &err)) fail_msg("seed %llu: %s", (unsigned long long)seed, err.text);
    const char *wrong = rig_check(&g, &r);
    if (wrong) fail_msg("seed %llu: %s\n%s", (unsigned long long)seed, wrong, g.text);
    rig_run_free(&r);
    rig_graph_free(&g);
  }
}

static void run_each(bool drain) {
  static const char *const waits[] = {"adaptive", "block", "spin"};
  uint64_t first = env("MR_SEED", 1), cnt = env("MR_GRAPHS", 4);
  printf("seeds from %llu\n", (unsigned long long)first);
  for (uint32_t w = 0; w < 3; w++)
    run_graphs(waits[w], first + w * cnt, w == 2 ? (cnt + 3) / 4 : cnt, drain);
}

MR_TEST(threads_deliver_what_the_stepper_does_with_every_way_of_waiting) {
  MR_UNUSED_STATE;
  run_each(false);
}

MR_TEST(a_drain_from_another_thread_loses_nothing) {
  MR_UNUSED_STATE;
  run_each(true);
}

/* ---- waiting ---- */

struct bell { /* self of bell: a source that rings when another thread says so */
  _Atomic uint32_t *rings;
  uint32_t rung;
  int64_t period_ns;
};
static _Atomic uint32_t bell_rings;
static _Atomic uint64_t bell_polls;
static _Atomic uint64_t heard;

struct bell_conf {
  int64_t period_us, fail_at;
};
#define C(member) MR_OPT_AT(struct bell_conf, member)
static const struct mr_opt bell_opts[] = {
    {"period", MR_OPT_DURATION_US, C(period_us), .def = "0s",
     .help = "a row that often; 0s: when asked"},
    {"fail_at", MR_OPT_INT64, C(fail_at), .def = "0", .help = "this row is the end of it"},
    MR_OPT_END};

static int bell_plan(struct mr_op_plan *p) {
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->outs[MR_OUT_MAIN].own_batches = true;
  return MR_OK;
}

static enum mr_poll bell_poll(struct mr_op_ctx *ctx) {
  const struct bell_conf *conf = ctx->conf;
  struct bell *self = ctx->self;
  atomic_fetch_add(&bell_polls, 1);
  if (conf->period_us) {
    uint64_t at = (uint64_t)self->period_ns;
    if (!at) self->period_ns = (int64_t)(ctx->now_ns + (uint64_t)conf->period_us * 1000);
    if (!at || ctx->now_ns < at) {
      ctx->wake_ns = (uint64_t)self->period_ns;
      return MR_POLL_IDLE;
    }
    self->period_ns += conf->period_us * 1000;
  } else if (self->rung == atomic_load(&bell_rings)) {
    return MR_POLL_IDLE;
  }
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  for (uint32_t c = 0; c < 3; c++)
    if (ctx->pools[MR_OUT_MAIN]->conf.own[c])
      ((int64_t *)mr_pool_column(ctx->pools[MR_OUT_MAIN], b, c))[0] = self->rung;
  if (ctx->pools[MR_OUT_MAIN]->conf.own[3])
    memset(mr_pool_column(ctx->pools[MR_OUT_MAIN], b, 3), 0, 16);
  self->rung++;
  b->msg.row_cnt = 1;
  mr_source_emit(ctx, b, 0, NULL);
  return MR_POLL_ROWS;
}

static int ear_plan(struct mr_op_plan *p) {
  (void)p;
  return MR_OK;
}

static void ear_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                     bool *in_need) {
  (void)out_need;
  for (uint32_t c = 0; c < p->in->cnt; c++) in_need[c] = true;
}

static void ear_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct bell_conf *conf = ctx->conf;
  uint64_t n = atomic_fetch_add(&heard, in->sel_cnt) + in->sel_cnt;
  ctx->counts.rows_out += in->sel_cnt;
  if (conf->fail_at && n >= (uint64_t)conf->fail_at)
    mr_op_fail(ctx, MR_ERR_IO, "the disk is full at row %llu", (unsigned long long)n);
}

/* A sink that never gets on, as one whose disk hangs. */
static void stuck_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  (void)in;
  ctx->more = true;
}

static void stuck_drain(struct mr_op_ctx *ctx) {
  ctx->more = true;
}

static const struct mr_op bell_op = {.name = "bell",
                                     .help = "rings",
                                     .abi = MR_OP_ABI,
                                     .kind = MR_OP_SOURCE,
                                     .opts = bell_opts,
                                     .conf_sz = sizeof(struct bell_conf),
                                     .self_sz = sizeof(struct bell),
                                     .plan = bell_plan,
                                     .poll = bell_poll};
static const struct mr_op ear_op = {.name = "ear",
                                    .help = "counts",
                                    .abi = MR_OP_ABI,
                                    .kind = MR_OP_SINK,
                                    .opts = bell_opts,
                                    .conf_sz = sizeof(struct bell_conf),
                                    .plan = ear_plan,
                                    .need = ear_need,
                                    .process = ear_process};
static const struct mr_op stuck_op = {.name = "stuck",
                                      .help = "hangs",
                                      .abi = MR_OP_ABI,
                                      .kind = MR_OP_SINK,
                                      .opts = bell_opts,
                                      .conf_sz = sizeof(struct bell_conf),
                                      .plan = ear_plan,
                                      .need = ear_need,
                                      .process = stuck_process,
                                      .drain = stuck_drain};

static void build(struct rig_run *r, const char *wait, uint64_t count, const char *rest) {
  static const struct mr_op *ops[32];
  static const struct mr_op_table table = {ops};
  static const int32_t cpus[] = {0, 1, 2, 3};
  static char text[4096];
  uint32_t n = 0;
  ops[n++] = &bell_op;
  ops[n++] = &ear_op;
  ops[n++] = &stuck_op;
  for (const struct mr_op *const *op = rig_ops.ops; *op; op++) ops[n++] = *op;
  ops[n] = NULL;
  snprintf(text, sizeof text,
           "millrace: 1\ngraph: t\nruntime: { huge_pages: off, workers: {cpus: 0-3, wait: %s}, "
           "link_items: 4 }\n"
           "events: { e: { fields: { id: {type: int64}, key: {type: int64}, t: {type: timestamp}, "
           "s: {type: string} }, event_time: t } }\n%s",
           wait, rest);
  *r = (struct rig_run){0};
  mr_diags_init(&r->diags, &r->arena);
  struct mr_plan_conf pc = {.ops = &table, .clock = -1, .cpus = cpus, .cpu_cnt = 4};
  r->plan = mr_plan_load(&r->arena, "g.yaml", text, strlen(text), &pc, &r->diags);
  if (!r->plan) fail_msg("%s", mr_diags_text(&r->diags, &r->arena, NULL));
  struct mr_run_conf rc = {.count = count};
  mr_clock_system(&rc.clock);
  struct mr_error err = {0};
  if (mr_run_build(&r->run, r->plan, &rc, &err)) fail_msg("%s", err.text);
  atomic_store(&bell_rings, 0);
  atomic_store(&bell_polls, 0);
  atomic_store(&heard, 0);
}

static bool wait_heard(uint64_t want, uint64_t ns) {
  struct mr_clock clock;
  mr_clock_system(&clock);
  uint64_t until = mr_clock_mono_ns(&clock) + ns;
  while (atomic_load(&heard) < want && mr_clock_mono_ns(&clock) < until) nap(50000);
  return atomic_load(&heard) >= want;
}

static const char *const bell_graph = "sources: { a: {type: bell, event: e, cpus: 0} }\n"
                                      "steps: { p: {type: pass, from: a, cpus: 1} }\n"
                                      "sinks: { out: {type: ear, from: p, cpus: 2} }\n";

MR_TEST(an_idle_graph_sleeps_and_wakes) {
  MR_UNUSED_STATE;
  static const char *const waits[] = {"adaptive", "block"};
  for (uint32_t w = 0; w < 2; w++) {
    struct rig_run r;
    build(&r, waits[w], 0, bell_graph);
    start(&r);
    nap(50 * MS);
    uint64_t cpu = cpu_ns(), polls = atomic_load(&bell_polls);
    nap(1 * S);
    uint64_t used = cpu_ns() - cpu;
    if (used > S / 20)
      fail_msg("%s: %llu ns of CPU in an idle second", waits[w], (unsigned long long)used);
    assert_true(atomic_load(&bell_polls) - polls < 10000);
    for (uint32_t i = 1; i <= 3; i++) { /* through three workers, all asleep */
      atomic_store(&bell_rings, i);
      mr_wake_signal(&r.run->wakes[0]);
      assert_true(wait_heard(i, 5 * S));
      nap(20 * MS);
    }
    mr_run_drain(r.run);
    assert_true(mr_run_wait(r.run, 10 * S));
    rig_run_free(&r);
  }
}

MR_TEST(a_source_is_asked_again_when_it_said) {
  MR_UNUSED_STATE;
  struct rig_run r;
  build(&r, "adaptive", 0,
        "sources: { a: {type: bell, event: e, period: 5ms} }\n"
        "sinks: { out: {type: ear, from: a} }\n");
  start(&r);
  nap(1 * S);
  mr_run_drain(r.run);
  assert_true(mr_run_wait(r.run, 10 * S));
  uint64_t rows = atomic_load(&heard);
  if (rows < 100 || rows > 201)
    fail_msg("%llu rows in a second, not 200", (unsigned long long)rows);
  rig_run_free(&r);
}

MR_TEST(workers_that_wait_for_a_stuck_sink_sleep_too) {
  MR_UNUSED_STATE;
  struct rig_run r;
  build(&r, "block", 0,
        "sources: { a: {type: gen, event: e, rows: 1000000000, max: 1, cpus: 0} }\n"
        "sinks: { out: {type: stuck, from: a, cpus: 1} }\n");
  start(&r);
  nap(100 * MS);
  uint64_t cpu = cpu_ns();
  nap(1 * S);
  uint64_t used = cpu_ns() - cpu;
  mr_run_drain(r.run); /* asks, and cannot */
  assert_false(mr_run_wait(r.run, 200 * MS));
  mr_run_abort(r.run);
  assert_true(mr_run_wait(r.run, 10 * S));
  struct mr_error err = {0};
  assert_int_equal(mr_run_result(r.run, &err), MR_ERR_AGAIN);
  uint64_t blocked = r.run->workers[0].blocked_ns;
  rig_run_free(&r);
  if (used > S / 2) fail_msg("%llu ns of CPU in a blocked second", (unsigned long long)used);
  if (blocked < S / 2)
    fail_msg("the source's worker counts %llu ns as blocked", (unsigned long long)blocked);
}

/* ---- stopping ---- */

MR_TEST(an_abort_ends_a_busy_graph_at_once) {
  MR_UNUSED_STATE;
  struct rig_run r;
  build(&r, "adaptive", 0,
        "sources: { a: {type: gen, event: e, rows: 1000000000, cpus: 0} }\n"
        "steps: { p: {type: copy, from: a, cpus: 1} }\n"
        "sinks: { out: {type: ear, from: p, cpus: 2} }\n");
  start(&r);
  assert_true(wait_heard(1000, 10 * S));
  mr_run_abort(r.run);
  assert_true(mr_run_wait(r.run, 5 * S));
  struct mr_error err = {0};
  assert_int_equal(mr_run_result(r.run, &err), MR_ERR_AGAIN);
  rig_run_free(&r);
}

MR_TEST(an_operator_that_fails_stops_the_graph_with_its_text) {
  MR_UNUSED_STATE;
  for (uint32_t i = 0; i < 20; i++) {
    struct rig_run r;
    build(&r, i % 2 ? "adaptive" : "block", 0,
          "sources: { a: {type: gen, event: e, rows: 1000000000, max: 7, cpus: 0} }\n"
          "steps: { w: {type: tally, from: a, workers: 2} }\n"
          "sinks: { bad: {type: ear, from: w, cpus: 2, fail_at: 100}, good: {type: ear, from: a} "
          "}\n");
    start(&r);
    assert_true(mr_run_wait(r.run, 20 * S));
    struct mr_error err = {0};
    assert_int_equal(mr_run_result(r.run, &err), MR_ERR_IO);
    assert_non_null(strstr(err.text, ": the disk is full at row "));
    rig_run_free(&r);
  }
}

MR_TEST(count_takes_exactly_that_many_rows_from_all_sources_together) {
  MR_UNUSED_STATE;
  static const uint64_t counts[] = {1, 1000, 4999, 20000, 60000};
  for (uint32_t i = 0; i < 5; i++) {
    struct rig_run r;
    build(&r, "adaptive", counts[i],
          "sources:\n"
          "  a: {type: gen, event: e, rows: 20000, seed: 1, max: 33, cpus: 0}\n"
          "  b: {type: gen, event: e, rows: 20000, seed: 2, max: 7, cpus: 1}\n"
          "  c: {type: gen, event: e, rows: 20000, seed: 3, max: 256, cpus: 2}\n"
          "sinks: { out: {type: ear, from: [a, b, c], cpus: 3} }\n");
    start(&r);
    assert_true(mr_run_wait(r.run, 20 * S));
    assert_int_equal(atomic_load(&heard), counts[i]);
    rig_run_free(&r);
  }
}

MR_TEST(an_error_batch_whose_heap_is_full_goes_out) {
  MR_UNUSED_STATE;
  struct rig_run r;
  build(&r, "adaptive", 0,
        "sources: { a: {type: gen, event: e, rows: 3000, bad: 1, raw: 4000} }\n"
        "sinks: { out: {type: ear, from: a}, errs: {type: errs, from: a.errors} }\n");
  start(&r);
  assert_true(mr_run_wait(r.run, 20 * S));
  const struct rig_errs *e = mr_run_self(r.run, "errs", 0);
  assert_int_equal(e->rows, 3000);
  rig_run_free(&r);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(threads_deliver_what_the_stepper_does_with_every_way_of_waiting),
    MR_CASE(a_drain_from_another_thread_loses_nothing),
    MR_CASE(an_idle_graph_sleeps_and_wakes),
    MR_CASE(a_source_is_asked_again_when_it_said),
    MR_CASE(workers_that_wait_for_a_stuck_sink_sleep_too),
    MR_CASE(an_abort_ends_a_busy_graph_at_once),
    MR_CASE(an_operator_that_fails_stops_the_graph_with_its_text),
    MR_CASE(count_takes_exactly_that_many_rows_from_all_sources_together),
    MR_CASE(an_error_batch_whose_heap_is_full_goes_out),
};
MR_MAIN(cases)
