/* SPDX-License-Identifier: Apache-2.0 */
/* merge, route, sample, throttle and quality over whole graphs without threads: rows in, rows out,
 * against plain C over the same rows. */
#include "test.h"

#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "operators/operators.h"
#include "worker/ctx.h"
#include "worker/solo.h"

#define SEED  UINT64_C(20260117)
#define TOTAL 20000u
#define SINKS 24u

static const char graph_head[] =
    "millrace: 1\ngraph: t\nruntime: { workers: { count: 1 }%s }\n"
    "events: { e: { fields: { a: { type: int64, optional: true }, b: { type: int64 },\n"
    "  s: { type: string }, t: { type: timestamp } }, event_time: t } }\n"
    "sources: { in: { type: feed, event: e } }\n";

struct row {
  bool null_a;
  int64_t a, b;
  char s[40];
};

struct sink { /* what arrived, by number of the row */
  char name[32];
  uint32_t rows[TOTAL + 8], cnt;
  char rules[TOTAL + 8][8]; /* quarantine: the first letters of its rules */
  int64_t sums[16];         /* of integer columns, by column */
};

struct world {
  uint32_t next, batch;
  struct sink sinks[SINKS];
  uint32_t sink_cnt;
  struct mr_counts op;
};

static struct world world;

static struct row make_row(uint32_t k) {
  struct row row;
  uint64_t r = mr_rng_at(SEED, k);
  row.null_a = r % 7 == 0;
  row.a = (int64_t)(r % 2000) - 1000;
  row.b = (int64_t)((r >> 20) % 5);
  snprintf(row.s, sizeof row.s, (r >> 41) & 1 ? "s%llu" : "a longer string, number %llu",
           (unsigned long long)(r >> 42) % 50);
  return row;
}

static int32_t feed(void *ctx, struct mr_feed *f) {
  struct world *w = ctx;
  if (w->next == TOTAL) return -1;
  uint32_t n = w->batch < f->row_max ? w->batch : f->row_max, i = 0;
  for (; i < n && w->next < TOTAL; i++, w->next++) {
    struct row row = make_row(w->next);
    if (row.null_a)
      mr_feed_null(f, 0, i);
    else
      mr_feed_int(f, 0, i, row.a);
    mr_feed_int(f, 1, i, row.b);
    assert_true(mr_feed_str(f, 2, i, row.s, (uint32_t)strlen(row.s)));
    mr_feed_int(f, 3, i, (int64_t)w->next * 1000);
  }
  return (int32_t)i;
}

static struct sink *sink_of(const char *name) {
  for (uint32_t i = 0; i < world.sink_cnt; i++)
    if (!strcmp(world.sinks[i].name, name)) return &world.sinks[i];
  assert_true(world.sink_cnt < SINKS);
  struct sink *s = &world.sinks[world.sink_cnt++];
  snprintf(s->name, sizeof s->name, "%s", name);
  return s;
}

static void take_rules(struct sink *s, const uint8_t *base, const struct mr_view *v, uint32_t col,
                       uint32_t r) {
  const struct mr_list *list = &MR_COL(v, col, struct mr_list)[r];
  const struct mr_str *items = (const struct mr_str *)(const void *)(base + list->off);
  assert_true(list->cnt > 0 && list->cnt < 8);
  for (uint32_t i = 0; i < list->cnt; i++) s->rules[s->cnt][i] = mr_str_data(&items[i], base)[0];
}

static void take(void *ctx, const char *node, const struct mr_schema *schema, const uint8_t *base,
                 const struct mr_view *v) {
  (void)ctx;
  struct sink *s = sink_of(node);
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(v, all);
  int32_t t = mr_schema_find(schema, "t", 1), rules = mr_schema_find(schema, "rules", 5);
  MR_BITMAP_EACH(sel, mr_bitmap_words(v->row_cnt), row) {
    if (t >= 0) s->rows[s->cnt] = (uint32_t)(MR_COL(v, t, int64_t)[row] / 1000);
    if (rules >= 0) take_rules(s, base, v, (uint32_t)rules, (uint32_t)row);
    for (uint32_t c = 0; c < schema->visible_cnt && c < 16; c++)
      if (schema->fields[c].type == MR_TYPE_INT64) s->sums[c] += MR_COL(v, c, int64_t)[row];
    s->cnt++;
  }
}

static struct mr_solo *open_graph(const char *runtime, const char *rest, uint32_t batch) {
  static char graph[8192];
  memset(&world, 0, sizeof world);
  world.batch = batch;
  int n = snprintf(graph, sizeof graph, graph_head, runtime);
  snprintf(graph + n, sizeof graph - (size_t)n, "%s", rest);
  struct mr_solo_conf conf = {.ops = &mr_operators,
                              .graph = graph,
                              .feed = feed,
                              .take = take,
                              .ctx = &world,
                              .seed = SEED};
  if (strstr(runtime, "manual")) mr_clock_manual(&conf.clock, 1000000000, 1700000000000000);
  struct mr_error err = {0};
  struct mr_solo *solo = mr_solo_open(&conf, &err);
  if (!solo) fail_msg("%s", err.text);
  return solo;
}

static void close_graph(struct mr_solo *solo) {
  world.op = mr_solo_counts(solo, "op", 0);
  assert_int_equal(world.op.rows_in, TOTAL);
  assert_int_equal(world.op.rows_in, world.op.rows_out + world.op.filtered + world.op.dead_letters +
                                         world.op.dropped);
  mr_solo_close(solo);
}

static void run(const char *runtime, const char *rest, uint32_t batch) {
  struct mr_solo *solo = open_graph(runtime, rest, batch);
  assert_true(mr_solo_run(solo, 10000000)); /* dead letters wait for an I/O thread */
  close_graph(solo);
}

static void is_refused(const char *rest, const char *says) {
  static char graph[8192];
  int n = snprintf(graph, sizeof graph, graph_head, "");
  snprintf(graph + n, sizeof graph - (size_t)n, "%s", rest);
  struct mr_solo_conf conf = {.ops = &mr_operators, .graph = graph, .feed = feed, .take = take};
  struct mr_error err = {0};
  struct mr_solo *solo = mr_solo_open(&conf, &err);
  assert_null(solo);
  if (!strstr(err.text, says)) fail_msg("no \"%s\" in: %s", says, err.text);
}

static const uint32_t batches[] = {1, 7, 64, 1000, 1024};
#define EACH_BATCH(i) for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)

/* The sink has exactly the rows for which `in` holds, in order. */
static void sink_has(const char *name, bool (*in)(uint32_t k)) {
  const struct sink *s = sink_of(name);
  uint32_t at = 0;
  for (uint32_t k = 0; k < TOTAL; k++) {
    if (!in(k)) continue;
    assert_true(at < s->cnt);
    assert_int_equal(s->rows[at++], k);
  }
  assert_int_equal(at, s->cnt);
}

/* ---- merge ---- */

static bool below(uint32_t k) {
  struct row row = make_row(k);
  return !row.null_a && row.a < 0;
}

static bool high(uint32_t k) {
  struct row row = make_row(k);
  return !row.null_a && row.a >= 900;
}

MR_TEST(merge_has_the_rows_of_all_its_inputs) {
  MR_UNUSED_STATE;
  EACH_BATCH(i) {
    struct mr_solo *solo = open_graph(
        "",
        "steps:\n  low: { type: filter, from: in, where: a < 0 }\n"
        "  high: { type: filter, from: in, where: a >= 900 }\n"
        "  op: { type: merge, from: [low, high] }\nsinks: { out: { type: take, from: op } }\n",
        batches[i]);
    assert_true(mr_solo_run(solo, 100));
    static uint8_t seen[TOTAL];
    memset(seen, 0, sizeof seen);
    const struct sink *s = sink_of("out");
    for (uint32_t k = 0; k < s->cnt; k++) seen[s->rows[k]]++;
    for (uint32_t k = 0; k < TOTAL; k++) assert_int_equal(seen[k], below(k) || high(k));
    mr_solo_close(solo);
  }
}

MR_TEST(inputs_that_differ_are_refused_with_the_column) {
  MR_UNUSED_STATE;
#define MERGE(select)                                                                              \
  "steps:\n  m: { type: map, from: in, " select " }\n"                                             \
  "  op: { type: merge, from: [in, m] }\nsinks: { out: { type: take, from: op } }\n"
  is_refused(MERGE("drop: [b]"), "m has no column b");
  is_refused(MERGE("set: { more: 1 }"), "in has no column more");
  is_refused(MERGE("set: { b: a + 0.5 }"), "b is int64 in in, double in m");
  is_refused(MERGE("select: { b: b, a: a, s: s, t: t }"), "column 1 is a in in, b in m");
#undef MERGE
}

/* ---- route ---- */

static int route_of(uint32_t k) { /* 0: low, 1: few, 2: odd, 3: other, 4: an error */
  struct row row = make_row(k);
  if (!row.null_a && row.a < 0) return 0;
  if (row.b == 0) return 4; /* div(6, b) > 2 */
  if (6 / row.b > 2) return 1;
  if (!row.null_a && row.a % 2 != 0) return 2;
  return 3;
}
static bool is_low(uint32_t k) {
  return route_of(k) == 0;
}
static bool is_few(uint32_t k) {
  return route_of(k) == 1;
}
static bool is_odd(uint32_t k) {
  return route_of(k) == 2;
}
static bool is_other(uint32_t k) {
  return route_of(k) == 3;
}

#define ROUTE                                                                                      \
  "steps:\n  op: { type: route, from: in, routes: { low: a < 0, few: \"div(6, b) > 2\", "          \
  "odd: \"mod(a, 2) <> 0\" } }\n"

MR_TEST(a_row_goes_to_the_first_route_whose_condition_is_true) {
  MR_UNUSED_STATE;
  EACH_BATCH(i) {
    run("",
        ROUTE "sinks:\n  l: { type: take, from: op.low }\n  f: { type: take, from: op.few }\n"
              "  o: { type: take, from: op.odd }\n  r: { type: take, from: op.other }\n"
              "  e: { type: take, from: op.errors }\n",
        batches[i]);
    sink_has("l", is_low);
    sink_has("f", is_few);
    sink_has("o", is_odd);
    sink_has("r", is_other);
    uint32_t errors = 0;
    for (uint32_t k = 0; k < TOTAL; k++) errors += route_of(k) == 4;
    assert_true(errors > 100);
    assert_int_equal(sink_of("e")->cnt, errors);
    assert_int_equal(world.op.dead_letters, errors);
    assert_int_equal(world.op.rows_out, TOTAL - errors);
  }
}

MR_TEST(routes_that_nobody_reads_take_their_rows_all_the_same) {
  MR_UNUSED_STATE;
  run("", ROUTE "sinks: { r: { type: take, from: op.other } }\n", 1000);
  sink_has("r", is_other);
  run("", ROUTE "sinks: { f: { type: take, from: op.few } }\n", 1000);
  sink_has("f", is_few);
}

static bool is_third(uint32_t k) {
  struct row row = make_row(k);
  return !row.null_a && row.a >= -700 && row.a < -600;
}

MR_TEST(there_may_be_many_routes) {
  MR_UNUSED_STATE;
  char graph[4096];
  size_t n = (size_t)sprintf(graph, "steps:\n  op: { type: route, from: in, routes: {");
  for (int i = 0; i < 20; i++)
    n += (size_t)sprintf(graph + n, "%s r%d: a < %d", i ? "," : "", i, -900 + 100 * i);
  n += (size_t)sprintf(graph + n, " } }\nsinks:\n");
  for (int i = 0; i < 20; i++)
    n += (size_t)sprintf(graph + n, "  s%d: { type: take, from: op.r%d }\n", i, i);
  run("", graph, 1024);
  sink_has("s3", is_third);
  uint32_t sum = 0, nulls = 0;
  for (uint32_t i = 0; i < world.sink_cnt; i++) sum += world.sinks[i].cnt;
  for (uint32_t k = 0; k < TOTAL; k++) nulls += make_row(k).null_a;
  assert_int_equal(sum, TOTAL - nulls);
}

MR_TEST(what_is_wrong_with_a_route_is_said) {
  MR_UNUSED_STATE;
  is_refused("steps:\n  op: { type: route, from: in, routes: { late: a < 0 } }\n"
             "sinks: { o: { type: take, from: op.late } }\n",
             "a route cannot be named \"late\"");
  is_refused(ROUTE "sinks: { o: { type: take, from: op.fev } }\n", "op has no output \"fev\"");
  is_refused(ROUTE "sinks: { o: { type: take, from: op } }\n", "read op.other or another one");
}

/* ---- sample ---- */

MR_TEST(a_sample_by_key_has_all_rows_of_its_keys) {
  MR_UNUSED_STATE;
  uint32_t cnt = 0;
  EACH_BATCH(i) {
    run("",
        "steps:\n  op: { type: sample, from: in, share: 40%, key: [s] }\n"
        "sinks: { out: { type: take, from: op } }\n",
        batches[i]);
    const struct sink *s = sink_of("out");
    static bool in[TOTAL];
    memset(in, 0, sizeof in);
    for (uint32_t k = 0; k < s->cnt; k++) in[s->rows[k]] = true;
    static char keys[128][40];
    static bool verdict[128];
    uint32_t key_cnt = 0, kept = 0;
    for (uint32_t k = 0; k < TOTAL; k++) {
      struct row row = make_row(k);
      uint32_t at = 0;
      while (at < key_cnt && strcmp(keys[at], row.s) != 0) at++;
      if (at == key_cnt) {
        strcpy(keys[key_cnt], row.s);
        verdict[key_cnt++] = in[k];
        kept += in[k];
      }
      assert_true(in[k] == verdict[at]);
    }
    assert_int_equal(key_cnt, 100);
    assert_in_range(kept, 25, 55);
    if (!i) cnt = s->cnt;
    assert_int_equal(s->cnt, cnt);
  }
}

MR_TEST(a_sample_without_key_is_drawn_by_the_seed) {
  MR_UNUSED_STATE;
  static uint32_t first[TOTAL], cnt;
  EACH_BATCH(i) {
    run("",
        "steps:\n  op: { type: sample, from: in, share: 0.25, seed: 5 }\n"
        "sinks: { out: { type: take, from: op } }\n",
        batches[i]);
    const struct sink *s = sink_of("out");
    assert_in_range(s->cnt, TOTAL / 4 - 300, TOTAL / 4 + 300);
    if (!i) memcpy(first, s->rows, (cnt = s->cnt) * sizeof *first);
    assert_int_equal(s->cnt, cnt);
    assert_memory_equal(first, s->rows, cnt * sizeof *first);
  }
  run("",
      "steps:\n  op: { type: sample, from: in, share: 0.25, seed: 6 }\n"
      "sinks: { out: { type: take, from: op } }\n",
      1024);
  assert_true(memcmp(first, sink_of("out")->rows, 1000 * sizeof *first) != 0);
}

/* ---- throttle ---- */

MR_TEST(throttle_drops_what_comes_faster_by_the_times_of_the_rows) {
  MR_UNUSED_STATE;
  EACH_BATCH(i) {
    run(", clock: virtual", /* a row per millisecond */
        "steps:\n  op: { type: throttle, from: in, rate: 130/s, excess: drop }\n"
        "sinks: { out: { type: take, from: op } }\n",
        batches[i]);
    const struct sink *s = sink_of("out");
    double credit = 1;
    uint32_t at = 0;
    for (uint32_t k = 0; k < TOTAL; k++) {
      if (k) credit += 1000.0 * 130 / 1e6;
      if (credit > 130) credit = 130;
      if (credit < 1) continue;
      credit -= 1;
      assert_true(at < s->cnt);
      assert_int_equal(s->rows[at++], k);
    }
    assert_int_equal(at, s->cnt);
    assert_in_range(s->cnt, 2595, 2605);
    assert_int_equal(world.op.dropped, TOTAL - s->cnt);
  }
}

static bool any_row(uint32_t k) {
  (void)k;
  return true;
}

MR_TEST(throttle_lets_rows_wait_and_loses_none) {
  MR_UNUSED_STATE;
  static const uint64_t passes[] = {100, 1000, 50000};
  for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
    struct mr_solo *solo =
        open_graph(" # manual\n", /* 100k/s: a row each 10 us */
                   "steps:\n  op: { type: throttle, from: in, rate: 100k/s, burst: 10ms }\n"
                   "sinks: { out: { type: take, from: op } }\n",
                   1000);
    uint64_t ns = 0;
    for (uint32_t steps = 0; mr_solo_step(solo); steps++) {
      assert_true(steps < 10000000);
      mr_clock_advance(mr_solo_clock(solo), passes[i]);
      ns += passes[i];
      /* never ahead of the rate, and not far behind it */
      const struct sink *s = sink_of("out");
      assert_true(s->cnt <= ns / 10000 + 1);
      if (ns > 10000000 && s->cnt < TOTAL) assert_true(s->cnt + 300 > ns / 10000);
    }
    close_graph(solo);
    sink_has("out", any_row);
    assert_in_range(ns, (TOTAL - 10) * UINT64_C(10000), TOTAL * UINT64_C(11000));
  }
}

MR_TEST(a_drain_does_not_wait_for_a_throttle) {
  MR_UNUSED_STATE;
  struct mr_solo *solo = open_graph(" # manual\n",
                                    "steps:\n  op: { type: throttle, from: in, rate: 1/s }\n"
                                    "sinks: { out: { type: take, from: op } }\n",
                                    1000);
  for (int i = 0; i < 100; i++) {
    assert_true(mr_solo_step(solo));
    mr_clock_advance(mr_solo_clock(solo), 1000);
  }
  assert_int_equal(sink_of("out")->cnt, 1);
  mr_solo_drain(solo);
  uint32_t steps = 0;
  for (; mr_solo_step(solo); steps++) {
    assert_true(steps < 10000);
    mr_clock_advance(mr_solo_clock(solo), 1000000);
  }
  world.op = mr_solo_counts(solo, "op", 0);
  assert_int_equal(world.op.rows_in, world.op.rows_out);
  assert_int_equal(world.op.rows_in, sink_of("out")->cnt);
  mr_solo_close(solo);
}

MR_TEST(under_the_virtual_clock_nothing_waits) {
  MR_UNUSED_STATE;
  run(", clock: virtual",
      "steps:\n  op: { type: throttle, from: in, rate: 1/s }\n"
      "sinks: { out: { type: take, from: op } }\n",
      1000);
  sink_has("out", any_row);
}

/* ---- quality ---- */

/* Letters of the rules that a row breaks, "" for none, "!" for an error. */
static const char *breaks(uint32_t k) {
  struct row row = make_row(k);
  if (row.b == 0) return "!";
  bool n = row.null_a, p = row.null_a || row.a < -500, f = row.b == 4;
  static const char *const words[] = {"", "f", "p", "pf", "n", "nf", "np", "npf"};
  return words[n * 4 + p * 2 + f];
}
static bool is_good(uint32_t k) {
  return !*breaks(k);
}
static bool is_bad(uint32_t k) {
  return *breaks(k) && *breaks(k) != '!';
}

#define QUALITY                                                                                    \
  "steps:\n  op: { type: quality, from: in, every: 1s, rules: { n_not_null: a IS NOT NULL, "       \
  "p_which_has_a_long_name: a >= -500, f: \"div(12, b) > 3\" } }\n"

MR_TEST(rows_that_break_a_rule_are_in_quarantine_with_its_name) {
  MR_UNUSED_STATE;
  EACH_BATCH(i) {
    run(", clock: virtual",
        QUALITY
        "sinks:\n  good: { type: take, from: op }\n"
        "  bad: { type: take, from: op.quarantine }\n"
        "  sums: { type: take, from: op.summary }\n  err: { type: take, from: op.errors }\n",
        batches[i]);
    sink_has("good", is_good);
    sink_has("bad", is_bad);
    const struct sink *bad = sink_of("bad"), *sums = sink_of("sums");
    int64_t want[3] = {0};
    for (uint32_t k = 0; k < bad->cnt; k++)
      assert_string_equal(bad->rules[k], breaks(bad->rows[k]));
    for (uint32_t k = 0; k < TOTAL; k++)
      for (const char *p = breaks(k); *p && *p != '!'; p++)
        want[*p == 'n' ? 0 : *p == 'p' ? 1 : 2]++;
    assert_int_equal(sums->cnt, TOTAL / 1000); /* a row per millisecond, a summary per second */
    assert_int_equal(sums->sums[2], TOTAL);
    for (int r = 0; r < 3; r++) assert_int_equal(sums->sums[3 + r], want[r]);
    assert_int_equal(sink_of("err")->cnt, world.op.dead_letters);
    assert_true(world.op.dead_letters > 100);
    assert_int_equal(world.op.filtered, bad->cnt);
  }
}

MR_TEST(quality_needs_no_reader_of_its_quarantine) {
  MR_UNUSED_STATE;
  run(", clock: virtual", QUALITY "sinks: { good: { type: take, from: op } }\n", 1024);
  sink_has("good", is_good);
  run(", clock: virtual", QUALITY "sinks: { bad: { type: take, from: op.quarantine } }\n", 1024);
  sink_has("bad", is_bad);
}

MR_TEST(silent_intervals_have_a_summary_with_heartbeat) {
  MR_UNUSED_STATE;
  struct mr_solo *solo =
      open_graph(" # manual\n",
                 "steps:\n  slow: { type: throttle, from: in, rate: 1/s }\n"
                 "  op: { type: quality, from: slow, every: 100ms, heartbeat: true,\n"
                 "        rules: { n: a IS NOT NULL } }\n"
                 "sinks: { sums: { type: take, from: op.summary } }\n",
                 1000);
  for (int i = 0; i < 5000; i++) {
    assert_true(mr_solo_step(solo));
    mr_clock_advance(mr_solo_clock(solo), 1000000);
  }
  const struct sink *sums = sink_of("sums");
  assert_in_range(sums->cnt, 48, 51); /* five seconds */
  assert_in_range(sums->sums[2], 4, 5);
  mr_solo_drain(solo);
  while (mr_solo_step(solo)) mr_clock_advance(mr_solo_clock(solo), 1000000);
  mr_solo_close(solo);
}

MR_TEST(what_is_wrong_with_rules_is_said) {
  MR_UNUSED_STATE;
  is_refused("steps:\n  op: { type: quality, from: in, rules: { rows: a < 0 } }\n"
             "sinks: { o: { type: take, from: op } }\n",
             "a rule cannot be named \"rows\"");
  is_refused("steps:\n  m: { type: map, from: in, set: { rules: 1 } }\n"
             "  op: { type: quality, from: m, rules: { n: a < 0 } }\n"
             "sinks: { o: { type: take, from: op } }\n",
             "the input has a column named \"rules\"");
}

static const struct CMUnitTest cases[] = {
    MR_CASE(merge_has_the_rows_of_all_its_inputs),
    MR_CASE(inputs_that_differ_are_refused_with_the_column),
    MR_CASE(a_row_goes_to_the_first_route_whose_condition_is_true),
    MR_CASE(routes_that_nobody_reads_take_their_rows_all_the_same),
    MR_CASE(there_may_be_many_routes),
    MR_CASE(what_is_wrong_with_a_route_is_said),
    MR_CASE(a_sample_by_key_has_all_rows_of_its_keys),
    MR_CASE(a_sample_without_key_is_drawn_by_the_seed),
    MR_CASE(throttle_drops_what_comes_faster_by_the_times_of_the_rows),
    MR_CASE(throttle_lets_rows_wait_and_loses_none),
    MR_CASE(a_drain_does_not_wait_for_a_throttle),
    MR_CASE(under_the_virtual_clock_nothing_waits),
    MR_CASE(rows_that_break_a_rule_are_in_quarantine_with_its_name),
    MR_CASE(quality_needs_no_reader_of_its_quarantine),
    MR_CASE(silent_intervals_have_a_summary_with_heartbeat),
    MR_CASE(what_is_wrong_with_rules_is_said),
};
MR_MAIN(cases)
