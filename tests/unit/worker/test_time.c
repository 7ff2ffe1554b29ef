/* SPDX-License-Identifier: Apache-2.0 */
/* Time: virtual timers, frontiers, idle sources, lateness and the end, each against a simple
 * computation, for several batch sizes. */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "graph/opt.h"
#include "test.h"
#include "worker/ctx.h"
#include "worker/solo.h"

#define MS        INT64_C(1000)
#define EVENT_MAX 20000

/* ---- what the test operators saw ---- */

enum { SAW_ROW, SAW_TICK, SAW_MARK, SAW_END };
struct event {
  int what;
  int64_t value; /* id, time of the timer, watermark */
};

struct seen {
  struct event events[EVENT_MAX];
  size_t cnt;
};

struct rows { /* of one source */
  const int64_t *t;
  int64_t cnt, next, pause_at; /* pause_at: answers "nothing now" there */
};

struct rig {
  struct rows rows[3];
  uint32_t size;
  uint64_t seed;
  struct mr_solo *solo;
  struct mr_clock clock;
};

struct note_conf {
  int64_t every_us, delay_us, mod;
};
#define C(member) MR_OPT_AT(struct note_conf, member)
static const struct mr_opt note_opts[] = {
    {"tick", MR_OPT_DURATION_US, C(every_us), .def = "0s", .help = "timer"},
    {"lag", MR_OPT_DURATION_US, C(delay_us), .def = "0s", .help = "of the watermark"},
    {"mod", MR_OPT_INT64, C(mod), .def = "1", .help = "passes every mod-th row"},
    MR_OPT_END};

static void see(struct mr_op_ctx *ctx, int what, int64_t value) {
  struct seen *s = ctx->self;
  assert_true(s->cnt < EVENT_MAX);
  s->events[s->cnt++] = (struct event){what, value};
}

static int note_plan(struct mr_op_plan *p) {
  const struct note_conf *conf = p->conf;
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->every_us = conf->every_us;
  p->delay_us = conf->delay_us;
  return MR_OK;
}

static void all_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                     bool *in_need) {
  (void)out_need;
  for (uint32_t c = 0; c < p->in->cnt; c++) in_need[c] = true;
}

static void note_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), r)
  see(ctx, SAW_ROW, MR_COL(in, 0, int64_t)[r]);
  ctx->counts.rows_out += in->sel_cnt;
}

static void note_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  assert_int_equal(ctx->now_us, at_us);
  see(ctx, SAW_TICK, at_us);
}

static void note_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  see(ctx, SAW_MARK, watermark_us);
}

static void note_finish(struct mr_op_ctx *ctx) {
  see(ctx, SAW_END, 0);
}

static const struct mr_op note_op = {.name = "note",
                                     .help = "writes down what it is told",
                                     .abi = MR_OP_ABI,
                                     .kind = MR_OP_SINK,
                                     .flags = MR_OP_TIMED,
                                     .opts = note_opts,
                                     .conf_sz = sizeof(struct note_conf),
                                     .self_sz = sizeof(struct seen),
                                     .plan = note_plan,
                                     .need = all_need,
                                     .process = note_process,
                                     .tick = note_tick,
                                     .advance = note_advance,
                                     .finish = note_finish};

/* Late rows by the row's own partition: the event time is before F - lag. */
static void verdict_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct note_conf *conf = ctx->conf;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), r) {
    int64_t f = in->row_frontier ? in->row_frontier[r] : MR_TIME_NONE;
    if (f != MR_TIME_NONE && MR_COL(in, 1, int64_t)[r] < f - conf->delay_us)
      see(ctx, SAW_ROW, MR_COL(in, 0, int64_t)[r]);
  }
  ctx->counts.rows_out += in->sel_cnt;
}

static const struct mr_op verdict_op = {.name = "verdict",
                                        .help = "writes down late rows",
                                        .abi = MR_OP_ABI,
                                        .kind = MR_OP_SINK,
                                        .flags = MR_OP_TIMED,
                                        .opts = note_opts,
                                        .conf_sz = sizeof(struct note_conf),
                                        .self_sz = sizeof(struct seen),
                                        .plan = note_plan,
                                        .need = all_need,
                                        .process = verdict_process};

struct sieve {
  struct mr_view view;
  uint64_t sel[MR_BATCH_WORDS];
};

static void sieve_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct note_conf *conf = ctx->conf;
  struct sieve *self = ctx->self;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  memset(self->sel, 0, sizeof self->sel);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), r)
  if (MR_COL(in, 0, int64_t)[r] % conf->mod == 0) mr_bit_set(self->sel, (uint32_t)r);
  self->view = *in;
  self->view.sel = self->sel;
  self->view.sel_cnt = mr_bitmap_count(self->sel, mr_bitmap_words(in->row_cnt));
  ctx->counts.filtered += in->sel_cnt - self->view.sel_cnt;
  mr_emit(ctx, MR_OUT_MAIN, &self->view);
}

static const struct mr_op sieve_op = {.name = "sieve",
                                      .help = "passes every mod-th row",
                                      .abi = MR_OP_ABI,
                                      .kind = MR_OP_STEP,
                                      .opts = note_opts,
                                      .conf_sz = sizeof(struct note_conf),
                                      .self_sz = sizeof(struct sieve),
                                      .plan = note_plan,
                                      .need = all_need,
                                      .process = sieve_process};

/* Derives one row per watermark: what comes out of it is a partition of its own. */
static int echo_plan(struct mr_op_plan *p) {
  note_plan(p);
  p->outs[MR_OUT_MAIN].own_batches = true;
  return MR_OK;
}

static void echo_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  ctx->counts.absorbed += in->sel_cnt;
}

static void echo_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  ((int64_t *)mr_pool_column(pool, b, 0))[0] = watermark_us;
  ((int64_t *)mr_pool_column(pool, b, 1))[0] = watermark_us;
  b->msg.row_cnt = 1;
  mr_emit_batch(ctx, MR_OUT_MAIN, b, NULL);
}

static const struct mr_op echo_op = {.name = "echo",
                                     .help = "a row per watermark",
                                     .abi = MR_OP_ABI,
                                     .kind = MR_OP_STEP,
                                     .flags = MR_OP_TIMED | MR_OP_DERIVES | MR_OP_ABSORBS,
                                     .opts = note_opts,
                                     .conf_sz = sizeof(struct note_conf),
                                     .plan = echo_plan,
                                     .need = all_need,
                                     .process = echo_process,
                                     .advance = echo_advance};

static const struct mr_op *const ops[] = {&note_op, &verdict_op, &sieve_op, &echo_op, NULL};
static const struct mr_op_table table = {ops};

/* ---- running ---- */

static int32_t feed(void *ctx, struct mr_feed *f) {
  struct rig *rig = ctx;
  struct rows *rows = &rig->rows[f->node[0] - 'a'];
  if (rows->next == rows->pause_at) return 0;
  if (rows->next == rows->cnt) return -1;
  uint32_t n = 0, max = rig->size < f->row_max ? rig->size : f->row_max;
  for (; n < max && rows->next < rows->cnt && rows->next != rows->pause_at; n++, rows->next++) {
    mr_feed_int(f, 0, n, rows->next);
    mr_feed_int(f, 1, n, rows->t[rows->next]);
  }
  return (int32_t)n;
}

static void rig_open(struct rig *rig, const char *runtime, const char *rest) {
  char text[4096];
  snprintf(text, sizeof text,
           "millrace: 1\ngraph: t\nruntime: { huge_pages: off, %s }\n"
           "events: { e: { fields: { id: {type: int64}, t: {type: timestamp} }, event_time: t } }\n"
           "%s",
           runtime, rest);
  struct mr_solo_conf conf = {.ops = &table,
                              .graph = text,
                              .feed = feed,
                              .ctx = rig,
                              .clock = rig->clock,
                              .seed = rig->seed};
  struct mr_error err = {0};
  rig->solo = mr_solo_open(&conf, &err);
  if (!rig->solo) fail_msg("%s", err.text);
}

static struct seen *seen(struct rig *rig, const char *node) {
  return mr_run_self(mr_solo_inner(rig->solo), node, 0);
}

static void set_rows(struct rig *rig, char name, const int64_t *t, int64_t cnt) {
  rig->rows[name - 'a'] = (struct rows){t, cnt, 0, -1};
}

/* The last watermark that a note was told. */
static int64_t watermark(struct rig *rig, const char *node) {
  const struct seen *s = seen(rig, node);
  for (size_t i = s->cnt; i-- > 0;)
    if (s->events[i].what == SAW_MARK) return s->events[i].value;
  return MR_TIME_NONE;
}

static size_t count(const struct seen *s, int what) {
  size_t n = 0;
  for (size_t i = 0; i < s->cnt; i++) n += s->events[i].what == what;
  return n;
}

static void assert_marks_rise(const struct seen *s) {
  int64_t last = MR_TIME_NONE;
  for (size_t i = 0; i < s->cnt; i++) {
    if (s->events[i].what != SAW_MARK) continue;
    assert_true(s->events[i].value > last);
    last = s->events[i].value;
  }
}

static const uint32_t sizes[] = {1, 2, 7, 64, 1024};
#define SIZES (sizeof sizes / sizeof *sizes)

/* Rows about 3 ms apart with jitter, holes and, from `late` of 0, rows that are behind. */
static void make_times(int64_t *t, size_t cnt, uint64_t seed, int64_t start, int64_t late) {
  for (size_t i = 0; i < cnt; i++) {
    uint64_t h = mr_rng_at(seed, i);
    t[i] = start + (int64_t)i * 3 * MS + (int64_t)(h % 7) * MS + (h % 50 == 0 ? 40 * MS : 0);
    if (late && (h >> 32) % 5 == 0) t[i] -= (int64_t)((h >> 40) % (uint64_t)late);
  }
}

/* ---- virtual timers ---- */

static void expect_ticks(struct seen *want, const int64_t *t, size_t cnt, int64_t every,
                         int64_t mod) {
  int64_t now = MR_TIME_NONE, next = MR_TIME_NONE;
  want->cnt = 0;
  for (size_t i = 0; i < cnt; i++) {
    if (t[i] > now) now = t[i];
    int64_t floor = now - ((now % every) + every) % every;
    if (next == MR_TIME_NONE) next = floor + every;
    if (now >= next) {
      want->events[want->cnt++] = (struct event){SAW_TICK, next};
      next = floor + every;
    }
    if ((int64_t)i % mod == 0) want->events[want->cnt++] = (struct event){SAW_ROW, (int64_t)i};
  }
}

static void check_ticks(const int64_t *t, int64_t cnt, const char *graph, int64_t mod) {
  static struct seen want;
  expect_ticks(&want, t, (size_t)cnt, 10 * MS, mod);
  for (size_t s = 0; s < SIZES; s++) {
    struct rig rig = {.size = sizes[s]};
    set_rows(&rig, 'a', t, cnt);
    rig_open(&rig, "clock: virtual, workers: {count: 2}", graph);
    assert_true(mr_solo_run(rig.solo, 100));
    const struct seen *got = seen(&rig, "out");
    size_t k = 0;
    for (size_t i = 0; i < got->cnt; i++) {
      struct event e = got->events[i];
      if (e.what == SAW_MARK || e.what == SAW_END) continue;
      if (k >= want.cnt || e.what != want.events[k].what || e.value != want.events[k].value)
        fail_msg("batches of %u: event %zu is %d %" PRId64 ", not %d %" PRId64, sizes[s], k, e.what,
                 e.value, k < want.cnt ? want.events[k].what : -1,
                 k < want.cnt ? want.events[k].value : 0);
      k++;
    }
    assert_int_equal(k, want.cnt);
    mr_solo_close(rig.solo);
  }
}

MR_TEST(a_virtual_timer_fires_before_the_first_row_at_or_after_it) {
  MR_UNUSED_STATE;
  static int64_t t[3000];
  make_times(t, 3000, 11, INT64_C(1700000000000000), 0);
  check_ticks(t, 3000,
              "sources: { a: {type: feed, event: e} }\n"
              "sinks: { out: {type: note, from: a, tick: 10ms} }\n",
              1);
}

MR_TEST(virtual_timers_work_before_the_epoch_too) {
  MR_UNUSED_STATE;
  static int64_t t[1000];
  make_times(t, 1000, 12, -900 * MS, 0);
  check_ticks(t, 1000,
              "sources: { a: {type: feed, event: e} }\n"
              "sinks: { out: {type: note, from: a, tick: 10ms} }\n",
              1);
}

MR_TEST(rows_that_a_filter_took_move_virtual_timers_too) {
  MR_UNUSED_STATE;
  static int64_t t[1000];
  for (int64_t i = 0; i < 1000; i++) t[i] = (1000 + i) * MS; /* no two timers between passed rows */
  check_ticks(t, 1000,
              "sources: { a: {type: feed, event: e} }\n"
              "steps: { s: {type: sieve, from: a, mod: 3} }\n"
              "sinks: { out: {type: note, from: s, tick: 10ms} }\n",
              3);
}

MR_TEST(a_sink_with_an_interval_and_no_timer_is_left_alone) {
  MR_UNUSED_STATE;
  static const int64_t t[] = {1 * MS, 2 * MS, 5000 * MS};
  struct rig rig = {.size = 1};
  set_rows(&rig, 'a', t, 3);
  rig_open(&rig, "clock: virtual",
           "sources: { a: {type: feed, event: e} }\n"
           "sinks: { out: {type: take, from: a, every: 1s} }\n");
  assert_true(mr_solo_run(rig.solo, 100));
  assert_int_equal(mr_solo_counts(rig.solo, "out", 0).rows_out, 3);
  mr_solo_close(rig.solo);
}

/* ---- lateness ---- */

MR_TEST(the_frontier_before_each_row_tells_late_rows_for_any_batch_size) {
  MR_UNUSED_STATE;
  static int64_t t[4000];
  static int64_t late[4000];
  make_times(t, 4000, 13, INT64_C(1700000000000000), 90 * MS);
  int64_t f = MR_TIME_NONE;
  size_t want = 0;
  for (int64_t i = 0; i < 4000; i++) {
    if (f != MR_TIME_NONE && t[i] < f - 30 * MS && i % 2 == 0) late[want++] = i;
    if (t[i] > f) f = t[i];
  }
  assert_true(want > 100);
  for (size_t s = 0; s < SIZES; s++) {
    struct rig rig = {.size = sizes[s]};
    set_rows(&rig, 'a', t, 4000);
    rig_open(&rig, "workers: {count: 3}",
             "sources: { a: {type: feed, event: e} }\n"
             "steps: { s: {type: sieve, from: a, mod: 2} }\n"
             "sinks: { out: {type: verdict, from: s, lag: 30ms},\n"
             "         big: {type: verdict, from: s, lag: 10s} }\n");
    assert_true(mr_solo_run(rig.solo, 100));
    const struct seen *got = seen(&rig, "out");
    assert_int_equal(got->cnt, want);
    for (size_t i = 0; i < want; i++) assert_int_equal(got->events[i].value, late[i]);
    assert_int_equal(seen(&rig, "big")->cnt, 0);
    mr_solo_close(rig.solo);
  }
}

/* ---- frontiers of several sources ---- */

static const char *const two = "sources: { a: {type: feed, event: e}, b: {type: feed, event: e} }\n"
                               "sinks: { out: {type: note, from: [a, b], lag: 5ms} }\n";
static const char *const two_idle =
    "sources: { a: {type: feed, event: e, watermark: {idle_after: 2s}},\n"
    "           b: {type: feed, event: e, watermark: {idle_after: 2s}} }\n"
    "sinks: { out: {type: note, from: [a, b], lag: 5ms} }\n";

static void run_quiet(struct rig *rig) {
  mr_solo_run(rig->solo, 20);
}

/* ---- rows too far ahead ---- */

/* Under the virtual clock a row is measured against the largest event time before it, else against
 * the wall clock. */
static void check_future(bool by_rows, int64_t skew, int64_t wall_us) {
  static int64_t t[3000], late[3000];
  make_times(t, 3000, 14, INT64_C(1700000000000000), 60 * MS);
  for (int64_t i = 700; i < 3000; i += 97) t[i] += INT64_C(3600000000) * (1 + i % 3);
  int64_t f = MR_TIME_NONE;
  size_t want = 0;
  uint64_t future = 0;
  for (int64_t i = 0; i < 3000; i++) {
    if (f != MR_TIME_NONE && t[i] < f - 30 * MS) late[want++] = i;
    if (by_rows ? f != MR_TIME_NONE && t[i] > f + skew : t[i] > wall_us + skew)
      future++;
    else if (t[i] > f)
      f = t[i];
  }
  assert_true(future > 20 && want > 100);
  for (size_t s = 0; s < SIZES; s++) {
    struct rig rig = {.size = sizes[s]};
    char graph[400];
    snprintf(graph, sizeof graph,
             "sources: { a: {type: feed, event: e, watermark: {max_future_skew: %" PRId64 "ms}} }\n"
             "sinks: { out: {type: verdict, from: a, lag: 30ms}, all: {type: note, from: a} }\n",
             skew / MS);
    mr_clock_manual(&rig.clock, 1, wall_us);
    set_rows(&rig, 'a', t, 3000);
    rig_open(&rig, by_rows ? "clock: virtual, at_end: hold" : "at_end: hold", graph);
    assert_true(mr_solo_run(rig.solo, 100));
    struct mr_counts counts = mr_solo_counts(rig.solo, "a", 0);
    assert_int_equal(counts.future, future);
    assert_int_equal(counts.rows_out, 3000);
    const struct seen *got = seen(&rig, "out");
    assert_int_equal(got->cnt, want);
    for (size_t i = 0; i < want; i++) assert_int_equal(got->events[i].value, late[i]);
    assert_int_equal(watermark(&rig, "all"), f);
    mr_solo_close(rig.solo);
  }
}

MR_TEST(rows_too_far_ahead_pass_and_do_not_move_the_watermark) {
  MR_UNUSED_STATE;
  check_future(true, 500 * MS, 0);
  check_future(false, 5000 * MS, INT64_C(1700000000000000) + 4000 * MS);
}

MR_TEST(rows_too_far_ahead_do_not_move_the_virtual_clock) {
  MR_UNUSED_STATE;
  static const int64_t t[] = {1 * MS, 90000 * MS, 5 * MS, 12 * MS, 95000 * MS, 21 * MS};
  for (size_t s = 0; s < SIZES; s++) {
    struct rig rig = {.size = sizes[s]};
    set_rows(&rig, 'a', t, 6);
    rig_open(&rig, "clock: virtual",
             "sources: { a: {type: feed, event: e, watermark: {max_future_skew: 10s}} }\n"
             "sinks: { out: {type: note, from: a, tick: 10ms} }\n");
    assert_true(mr_solo_run(rig.solo, 100));
    const struct seen *got = seen(&rig, "out");
    int64_t ticks[4] = {0};
    size_t n = 0;
    for (size_t i = 0; i < got->cnt; i++)
      if (got->events[i].what == SAW_TICK && n < 4) ticks[n++] = got->events[i].value;
    assert_int_equal(n, 2);
    assert_int_equal(ticks[0], 10 * MS);
    assert_int_equal(ticks[1], 20 * MS);
    mr_solo_close(rig.solo);
  }
}

MR_TEST(the_watermark_is_the_least_of_the_sources_minus_the_delay) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {100 * MS, 200 * MS, 300 * MS}, tb[] = {50 * MS, 250 * MS};
  struct rig rig = {.size = 1};
  set_rows(&rig, 'a', ta, 3);
  set_rows(&rig, 'b', tb, 2);
  rig.rows[0].pause_at = 2;
  rig.rows[1].pause_at = 0;
  rig_open(&rig, "workers: {count: 2}", two);
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), MR_TIME_NONE); /* b has said nothing */
  rig.rows[1].pause_at = 1;
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 45 * MS);
  rig.rows[1].pause_at = 2;
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 195 * MS);
  rig.rows[0].pause_at = rig.rows[1].pause_at = -1;
  assert_true(mr_solo_run(rig.solo, 100));
  assert_int_equal(watermark(&rig, "out"), MR_TIME_MAX);
  assert_marks_rise(seen(&rig, "out"));
  mr_solo_close(rig.solo);
}

MR_TEST(an_idle_source_is_left_out_until_it_comes_back) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {100 * MS, 200 * MS, 900 * MS}, tb[] = {50 * MS, 250 * MS, 950 * MS};
  struct rig rig = {.size = 1};
  mr_clock_manual(&rig.clock, UINT64_C(5000000000), INT64_C(1700000000000000));
  set_rows(&rig, 'a', ta, 3);
  set_rows(&rig, 'b', tb, 3);
  rig.rows[0].pause_at = 1;
  rig.rows[1].pause_at = 0;
  rig_open(&rig, "workers: {count: 2}", two_idle);
  struct mr_clock *clock = mr_solo_clock(rig.solo);
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), MR_TIME_NONE);
  mr_clock_advance(clock, UINT64_C(1500000000));
  run_quiet(&rig);
  rig.rows[0].pause_at = 2; /* a speaks again after 1.5 s, b has been silent from the start */
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), MR_TIME_NONE);
  mr_clock_advance(clock, UINT64_C(600000000));
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 195 * MS); /* b is idle */
  rig.rows[1].pause_at = 1;                           /* b comes back, behind */
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 195 * MS);
  rig.rows[0].pause_at = 3;
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 195 * MS); /* and is waited for */
  mr_clock_advance(clock, UINT64_C(1000000000));
  rig.rows[1].pause_at = 2;
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 245 * MS);
  mr_clock_advance(clock, UINT64_C(1500000000)); /* a is idle */
  run_quiet(&rig);
  mr_clock_advance(clock, UINT64_C(1000000000)); /* both are: nothing moves */
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 245 * MS);
  rig.rows[0].pause_at = rig.rows[1].pause_at = -1;
  assert_true(mr_solo_run(rig.solo, 100));
  assert_int_equal(watermark(&rig, "out"), MR_TIME_MAX);
  assert_marks_rise(seen(&rig, "out"));
  mr_solo_close(rig.solo);
}

MR_TEST(under_the_virtual_clock_a_source_is_idle_by_the_time_of_the_rows) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {100 * MS, 1900 * MS, 2150 * MS}, tb[] = {100 * MS};
  struct rig rig = {.size = 1};
  set_rows(&rig, 'a', ta, 3);
  set_rows(&rig, 'b', tb, 1);
  rig.rows[0].pause_at = 2;
  rig.rows[1].pause_at = 1;
  rig_open(&rig, "clock: virtual, workers: {count: 2}", two_idle);
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 95 * MS);
  rig.rows[0].pause_at = 3;
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 2145 * MS);
  mr_solo_drain(rig.solo);
  assert_true(mr_solo_run(rig.solo, 100));
  assert_int_equal(watermark(&rig, "out"), 2145 * MS);
  mr_solo_close(rig.solo);
}

/* ---- the end ---- */

MR_TEST(at_end_hold_leaves_the_watermark_where_it_is) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {100 * MS}, tb[] = {50 * MS};
  struct rig rig = {.size = 1};
  set_rows(&rig, 'a', ta, 1);
  set_rows(&rig, 'b', tb, 1);
  rig_open(&rig, "at_end: hold, workers: {count: 2}", two);
  assert_true(mr_solo_run(rig.solo, 100));
  const struct seen *s = seen(&rig, "out");
  assert_true(watermark(&rig, "out") <= 95 * MS);
  assert_int_equal(count(s, SAW_END), 1);
  assert_int_equal(s->events[s->cnt - 1].what, SAW_END);
  mr_solo_close(rig.solo);
}

MR_TEST(a_source_that_ended_does_not_close_windows_while_another_is_idle) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {100 * MS}, tb[] = {50 * MS, 60 * MS};
  struct rig rig = {.size = 1};
  mr_clock_manual(&rig.clock, UINT64_C(5000000000), INT64_C(1700000000000000));
  set_rows(&rig, 'a', ta, 1);
  set_rows(&rig, 'b', tb, 2);
  rig.rows[1].pause_at = 1;
  rig_open(&rig, "workers: {count: 2}", two_idle);
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 45 * MS);
  mr_clock_advance(mr_solo_clock(rig.solo), UINT64_C(9000000000));
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 45 * MS); /* a has ended, b may come back */
  rig.rows[1].pause_at = 2;
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 55 * MS);
  mr_solo_drain(rig.solo); /* a drain closes no window */
  assert_true(mr_solo_run(rig.solo, 100));
  assert_int_equal(watermark(&rig, "out"), 55 * MS);
  mr_solo_close(rig.solo);
}

MR_TEST(a_drain_lets_no_window_close_for_want_of_its_source) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {900 * MS}, tb[] = {50 * MS, 60 * MS};
  for (uint32_t seed = 0; seed < 8; seed++) { /* whichever is drained first */
    struct rig rig = {.size = 1, .seed = seed};
    set_rows(&rig, 'a', ta, 1);
    set_rows(&rig, 'b', tb, 2);
    rig.rows[0].pause_at = rig.rows[1].pause_at = 1;
    rig_open(&rig, "workers: {count: 2}", two);
    run_quiet(&rig);
    mr_solo_drain(rig.solo);
    assert_true(mr_solo_run(rig.solo, 100));
    assert_int_equal(watermark(&rig, "out"), 45 * MS);
    mr_solo_close(rig.solo);
  }
}

static const char *const chained = "sources: { a: {type: feed, event: e, watermark: {idle_after: "
                                   "2s}}, b: {type: feed, event: e} }\n"
                                   "steps: { w: {type: echo, from: a, lag: 5ms} }\n"
                                   "sinks: { out: {type: note, from: [w, b]} }\n";

MR_TEST(derived_rows_come_before_the_frontier_that_made_them) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {100 * MS, 200 * MS, 300 * MS}, tb[] = {1000 * MS};
  struct rig rig = {.size = 1};
  set_rows(&rig, 'a', ta, 3);
  set_rows(&rig, 'b', tb, 1);
  rig_open(&rig, "workers: {count: 3}", chained);
  assert_true(mr_solo_run(rig.solo, 100));
  const struct seen *s = seen(&rig, "out");
  int64_t mark = MR_TIME_NONE;
  for (size_t i = 0; i < s->cnt; i++) {
    if (s->events[i].what == SAW_MARK) mark = s->events[i].value;
    if (s->events[i].what == SAW_ROW && s->events[i].value >= 95 * MS) /* a derived row: its time */
      assert_true(s->events[i].value > mark);
  }
  assert_int_equal(mark, MR_TIME_MAX);
  mr_solo_close(rig.solo);
}

MR_TEST(a_derived_partition_is_idle_when_all_it_comes_from_is) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {100 * MS, 200 * MS}, tb[] = {400 * MS, 500 * MS};
  struct rig rig = {.size = 1};
  mr_clock_manual(&rig.clock, UINT64_C(5000000000), INT64_C(1700000000000000));
  set_rows(&rig, 'a', ta, 2);
  set_rows(&rig, 'b', tb, 2);
  rig.rows[0].pause_at = 1;
  rig.rows[1].pause_at = 1;
  rig_open(&rig, "workers: {count: 3}", chained);
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 95 * MS);
  mr_clock_advance(mr_solo_clock(rig.solo), UINT64_C(3000000000));
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 400 * MS);
  rig.rows[0].pause_at = rig.rows[1].pause_at = -1;
  assert_true(mr_solo_run(rig.solo, 100));
  mr_solo_close(rig.solo);
}

MR_TEST(a_derived_partition_that_ended_without_a_flush_holds_nothing_back) {
  MR_UNUSED_STATE;
  static const int64_t ta[] = {100 * MS}, tb[] = {400 * MS, 500 * MS};
  struct rig rig = {.size = 1};
  set_rows(&rig, 'a', ta, 1);
  set_rows(&rig, 'b', tb, 2);
  rig.rows[1].pause_at = 1;
  rig_open(&rig, "at_end: hold, workers: {count: 3}", chained);
  run_quiet(&rig);
  assert_int_equal(watermark(&rig, "out"), 400 * MS);
  rig.rows[1].pause_at = -1;
  assert_true(mr_solo_run(rig.solo, 100));
  mr_solo_close(rig.solo);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_virtual_timer_fires_before_the_first_row_at_or_after_it),
    MR_CASE(virtual_timers_work_before_the_epoch_too),
    MR_CASE(rows_that_a_filter_took_move_virtual_timers_too),
    MR_CASE(a_sink_with_an_interval_and_no_timer_is_left_alone),
    MR_CASE(the_frontier_before_each_row_tells_late_rows_for_any_batch_size),
    MR_CASE(rows_too_far_ahead_pass_and_do_not_move_the_watermark),
    MR_CASE(rows_too_far_ahead_do_not_move_the_virtual_clock),
    MR_CASE(the_watermark_is_the_least_of_the_sources_minus_the_delay),
    MR_CASE(an_idle_source_is_left_out_until_it_comes_back),
    MR_CASE(under_the_virtual_clock_a_source_is_idle_by_the_time_of_the_rows),
    MR_CASE(at_end_hold_leaves_the_watermark_where_it_is),
    MR_CASE(a_source_that_ended_does_not_close_windows_while_another_is_idle),
    MR_CASE(a_drain_lets_no_window_close_for_want_of_its_source),
    MR_CASE(derived_rows_come_before_the_frontier_that_made_them),
    MR_CASE(a_derived_partition_is_idle_when_all_it_comes_from_is),
    MR_CASE(a_derived_partition_that_ended_without_a_flush_holds_nothing_back),
};
MR_MAIN(cases)
