/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/operators.h"
#include "oracle.h"

#define SEED        UINT64_C(0x717)
#define ROWS        6000u
#define ROWS_MERGED 2000u /* where a row is in several windows */

static bool is_ok(const struct row *r) {
  return r->ok;
}
static bool is_large(const struct row *r) {
  return !r->v_null && r->v > 20;
}

static const struct query queries[] = {
    {"counts by dense keys", KEY_CITY | KEY_OK, "n", 10 * SECOND, 0, NULL, NULL},
    {"counts with filters", KEY_CITY, "n nok nv twice", 10 * SECOND, 3 * SECOND, NULL, NULL},
    {"numbers by city", KEY_CITY, "n sv minv maxv av sd maxd mint maxt len", 7 * SECOND, 0, NULL,
     NULL},
    {"one pass over a column", KEY_CITY, "n mint maxt", 5 * SECOND, 0, NULL, NULL},
    {"texts by city", KEY_CITY, "minn maxn minc maxc fn ln fv", 10 * SECOND, -2 * SECOND, NULL,
     NULL},
    {"lists by city", KEY_CITY, "cs vs ns set dn", 4 * SECOND, 0, NULL, NULL},
    {"spreads", KEY_CITY, "n sdev vpop", 3 * SECOND, 0, NULL, NULL},
    {"distinct values", KEY_OK | KEY_CITY, "n ad dn", 10 * SECOND, 0, NULL, NULL},
    {"by name", KEY_NAME, "n nok sv ac", 10 * SECOND, 0, "ok", is_ok},
    {"by number", KEY_V, "n minn", MINUTE, 0, NULL, NULL},
    {"by double", KEY_D, "n maxv", MINUTE, 0, "v > 20", is_large},
    {"by four keys", KEY_CITY | KEY_NAME | KEY_V | KEY_OK, "n sd", MINUTE, 0, NULL, NULL},
    {"no key", KEY_NONE, "n sv maxn", SECOND, 0, NULL, NULL},
    {"ranks by city", KEY_CITY, "n med pd p9 pl pa pok mode top", 5 * SECOND, 0, NULL, NULL},
    {"hopping ranks", KEY_CITY | KEY_OK, "n med pd p9 pl pa pok mode top", 6 * SECOND, 0, NULL,
     NULL, .slide_us = 4 * SECOND},
    {"sessions' ranks", KEY_CITY, "n med pd p9 pl pa pok mode top", 1, 0, NULL, NULL,
     .gap_us = SECOND},
    {"hopping by dense keys", KEY_CITY | KEY_OK, "n mint maxt", 10 * SECOND, 0, NULL, NULL,
     .slide_us = 2 * SECOND},
    {"hopping counts", KEY_CITY | KEY_OK, "n nok nv", 10 * SECOND, 0, NULL, NULL,
     .slide_us = 3 * SECOND},
    {"hopping, paired slices", KEY_CITY, "n sv minv maxv av sdr maxd len", 10 * SECOND, 0, NULL,
     NULL, .slide_us = 4 * SECOND},
    {"hopping lists", KEY_CITY, "n cs vs ns sset dn", 6 * SECOND, SECOND, NULL, NULL,
     .slide_us = 2 * SECOND},
    {"hopping texts", KEY_CITY, "n minn maxn minc maxc fn ln fv", 9 * SECOND, -SECOND, NULL, NULL,
     .slide_us = 4 * SECOND},
    {"hopping by name", KEY_NAME, "n nok sv ac ad", 10 * SECOND, 0, "ok", is_ok,
     .slide_us = 5 * SECOND},
    {"hopping by number", KEY_V, "n minn", MINUTE, 0, NULL, NULL, .slide_us = 20 * SECOND},
    {"hopping by four keys", KEY_CITY | KEY_NAME | KEY_V | KEY_OK, "n sdr", MINUTE, 0, NULL, NULL,
     .slide_us = 25 * SECOND},
    {"hopping spreads", KEY_CITY, "n sdev vpop", 6 * SECOND, 0, NULL, NULL, .slide_us = 3 * SECOND},
    {"cumulating", KEY_CITY, "n sv len maxn twice", 20 * SECOND, 3 * SECOND, NULL, NULL,
     .step_us = 4 * SECOND},
    {"cumulating lists", KEY_CITY, "vs n dn", 12 * SECOND, 0, NULL, NULL, .step_us = 4 * SECOND},
    {"cumulating, no key", KEY_NONE, "n sv maxn nv", 10 * SECOND, 0, NULL, NULL, .step_us = SECOND},
    {"sessions by city", KEY_CITY, "n sv minv maxv av sdr maxd len mint maxt", 1, 0, NULL, NULL,
     .gap_us = SECOND},
    {"sessions' lists", KEY_CITY, "n cs vs ns sset dn", 1, 0, NULL, NULL, .gap_us = SECOND / 2},
    {"sessions' texts", KEY_CITY | KEY_OK, "n minn maxn minc maxc fn ln fv", 1, 0, NULL, NULL,
     .gap_us = SECOND},
    {"sessions by name", KEY_NAME, "n nok sv ac ad", 1, 0, "ok", is_ok, .gap_us = SECOND},
    {"sessions by number", KEY_V, "n minn", 1, 0, NULL, NULL, .gap_us = 7 * SECOND},
    {"sessions by four keys", KEY_CITY | KEY_NAME | KEY_V | KEY_OK, "n sdr sdev", 1, 0, NULL, NULL,
     .gap_us = 6 * SECOND},
    {"sessions, no key", KEY_NONE, "n sv maxn nv len", 1, 0, NULL, NULL, .gap_us = SECOND / 4},
};
#define QUERY_CNT (sizeof queries / sizeof *queries)

struct run {
  uint32_t partitions, batch;
  int64_t step_us, delay_us;
  bool idle; /* a partition pauses now and then */
  int64_t lateness_us;
  const char *more; /* options */
};

static void check_accounts(const struct harness *h, const struct oracle *o) {
  const struct mr_counts *c = &h->ctx.counts;
  assert_int_equal(c->rows_in, c->absorbed + c->filtered + c->late + c->dropped + c->dead_letters);
  assert_int_equal(c->absorbed, o->added_cnt);
  assert_int_equal(c->late, o->late_cnt);
  assert_int_equal(c->late_partial, o->partial_cnt);
  assert_int_equal(c->filtered, o->filtered_cnt);
}

static uint32_t merged_cnt; /* sessions of all runs that were made of several */

/* Rows through the operator and through the simple computation. The verdicts of the latter are made
 * as rows are handed over, in the order in which they are processed. */
static void run_query(const struct query *q, const struct run *run, uint64_t seed) {
  static struct harness h;
  struct oracle o = {.q = q, .lateness_us = run->lateness_us};
  char more[256];
  snprintf(more, sizeof more, "allowed_lateness: %lldms\n%s", (long long)run->lateness_us / 1000,
           run->more ? run->more : "");
  if (!harness_begin(&h, &mr_op_window, query_yaml(q, more), run->delay_us, true))
    fail_msg("%s", h.fail_text);
  h.writes_closed = run->lateness_us > 0 || run->more;
  h.partition_cnt = run->partitions;
  struct row pending[PARTITIONS_MAX][MR_BATCH_ROWS];
  uint32_t cnt[PARTITIONS_MAX] = {0};
  int64_t front[PARTITIONS_MAX];
  for (uint32_t p = 0; p < PARTITIONS_MAX; p++) front[p] = MR_TIME_NONE;
  uint64_t rows = q->slide_us || q->step_us || q->gap_us ? ROWS_MERGED : ROWS;
  for (uint64_t id = 0; id <= rows + run->partitions; id++) {
    bool end = id > rows;
    struct row r = make_row(seed, id, run->step_us, run->partitions);
    uint32_t p = end ? (uint32_t)(id - rows - 1) : r.partition;
    if (!end) pending[p][cnt[p]++] = r;
    if (end ? cnt[p] > 0 : cnt[p] == run->batch) {
      for (uint32_t i = 0; i < cnt[p]; i++) {
        const struct row *x = &pending[p][i];
        int64_t wm = front[p] == MR_TIME_NONE ? MR_TIME_NONE : front[p] - run->delay_us;
        if (run->idle && h.watermark_us > wm) wm = h.watermark_us;
        oracle_row(&o, x, wm);
        if (x->ts > front[p]) front[p] = x->ts;
      }
      cnt[p] = 0;
    }
    if (!end) harness_row(&h, &r, run->batch);
    if (run->idle && id % 997 == 500)
      harness_idle(&h, (uint32_t)(id / 997) % run->partitions, true);
  }
  harness_finish(&h, true);
  assert_false(h.failed);
  oracle_lines(&o);
  lines_sort(&o.out);
  uint32_t corrections = run->lateness_us || run->more ? keep_last(&h.main, q) : 0;
  bool complete = run->more && strstr(run->more, "complete"); /* writes once, at the end */
  bool rare = run->more && strstr(run->more, "every");
  if (run->lateness_us && run->batch <= 7 && !rare && !q->gap_us) assert_true(corrections > 0);
  lines_sort(&h.main);
  bool grows = q->gap_us && h.writes_closed; /* a session that was written may have grown */
  (grows ? lines_contain(&h.main, &o.out) : lines_equal(&o.out, &h.main));
  lines_sort(&o.late);
  lines_sort(&h.late);
  lines_equal(&o.late, &h.late);
  check_accounts(&h, &o);
  if (!complete) assert_int_equal(h.ctx.counts.state_keys, 0);
  assert_true(h.ctx.counts.late + h.ctx.counts.late_partial > 0);
  assert_int_equal(h.errors.cnt, 0);
  merged_cnt += o.merged_cnt;
  oracle_end(&o);
  harness_end(&h);
}

MR_TEST(windows_are_what_a_simple_computation_says_for_any_batch_size) {
  MR_UNUSED_STATE;
  static const uint32_t batches[] = {1, 7, 1024};
  printf("seed %llu\n", (unsigned long long)SEED);
  for (uint32_t i = 0; i < QUERY_CNT; i++)
    for (uint32_t b = 0; b < 3; b++) {
      printf("%s, batches of %u\n", queries[i].name, batches[b]);
      struct run run = {.partitions = 1 + i % 3,
                        .batch = batches[b],
                        .step_us = SECOND / 10,
                        .delay_us = (int64_t)(i % 4) * 3 * SECOND};
      run_query(&queries[i], &run, SEED + i);
    }
  assert_true(merged_cnt > 100);
}

MR_TEST(a_batch_that_spans_many_windows_is_taken_apart) {
  MR_UNUSED_STATE;
  for (uint32_t i = 0; i < QUERY_CNT; i++) {
    struct run run = {
        .partitions = 1, .batch = 1000, .step_us = 2 * SECOND, .delay_us = 20 * SECOND};
    run_query(&queries[i], &run, SEED + 100 + i);
  }
}

MR_TEST(rows_of_a_partition_back_from_idle_are_late_where_the_window_is_gone) {
  MR_UNUSED_STATE;
  for (uint32_t i = 0; i < QUERY_CNT; i++) {
    struct run run = {
        .partitions = 2, .batch = 1, .step_us = SECOND / 10, .delay_us = 2 * SECOND, .idle = true};
    run_query(&queries[i], &run, SEED + 200 + i);
  }
}

MR_TEST(corrections_make_the_last_row_of_a_window_what_all_rows_in_time_give) {
  MR_UNUSED_STATE;
  static const uint32_t batches[] = {1, 7, 1024};
  static const char *const modes[] = {"", "emit: update\n", "emit: update\nevery: 1s\n",
                                      "emit: complete\nevery: 1s\n"};
  for (uint32_t i = 0; i < QUERY_CNT; i++)
    for (uint32_t b = 0; b < 3; b++) {
      struct run run = {.partitions = 1 + (i + b) % 3,
                        .batch = batches[b],
                        .step_us = SECOND / 10,
                        .delay_us = (int64_t)(i % 2) * SECOND,
                        .idle = b == 0 && i % 2,
                        .lateness_us = 12 * SECOND,
                        .more = modes[(i + b) % 4]};
      printf("%s, batches of %u, %s", queries[i].name, batches[b], run.more);
      run_query(&queries[i], &run, SEED + 300 + i);
    }
}

/* ---- single rules ---- */

static void begin(struct harness *h, const struct mr_op *op, const char *yaml, int64_t delay_us,
                  bool late_read) {
  if (!harness_begin(h, op, yaml, delay_us, late_read)) fail_msg("%s", h->fail_text);
}

static struct row at(int64_t seconds, uint8_t city, uint64_t id) {
  struct row r = {.ts = BASE + seconds * SECOND, .city = city, .id = id, .v = (int64_t)id};
  strcpy(r.name, "x");
  return r;
}

static void expect(struct lines *l, const char *const *want, uint32_t cnt) {
  for (uint32_t i = 0; i < cnt && i < l->cnt; i++) assert_string_equal(l->items[i], want[i]);
  assert_int_equal(l->cnt, cnt);
  lines_free(l);
}
#define EXPECT(l, ...)                                                                             \
  do {                                                                                             \
    static const char *const want_[] = {__VA_ARGS__};                                              \
    expect(l, want_, sizeof want_ / sizeof *want_);                                                \
  } while (0)
#define W0 "window_start=1760313600000000 window_end=1760313610000000 "
#define W1 "window_start=1760313610000000 window_end=1760313620000000 "

MR_TEST(a_row_is_late_exactly_when_its_window_ends_at_the_watermark) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window, "window: { tumbling: 10s }\nkey: [city]\n",
                            5 * SECOND, true));
  struct row rows[] = {at(1, 0, 1), at(14, 0, 2), at(2, 0, 3), at(15, 0, 4), at(9, 0, 5)};
  rows[1].ts += SECOND - 1; /* watermark 9.999999 */
  for (uint32_t i = 0; i < 3; i++) harness_row(&h, &rows[i], 1);
  assert_int_equal(h.late.cnt, 0);
  assert_int_equal(h.main.cnt, 0);
  harness_row(&h, &rows[3], 1); /* watermark 10: the window closes */
  EXPECT(&h.main, W0 "city=SF count=2");
  harness_row(&h, &rows[4], 1);
  EXPECT(&h.late, "000005");
  harness_finish(&h, false); /* hold */
  assert_int_equal(h.main.cnt, 0);
  harness_end(&h);
}

MR_TEST(a_closed_window_takes_rows_until_its_lateness_is_over_and_writes_whole_rows) {
  MR_UNUSED_STATE;
  static struct harness h;
  begin(&h, &mr_op_window,
        "window: { tumbling: 10s }\nkey: [city]\nselect: { n: count(*), s: sum(v) }\n"
        "allowed_lateness: 5s\n",
        0, true);
  h.writes_closed = true;
  struct row rows[] = {at(1, 0, 1), at(2, 1, 2),  at(12, 0, 3), at(3, 0, 4),
                       at(4, 2, 5), at(15, 0, 6), at(9, 0, 7)};
  rows[5].ts--; /* watermark 14.999999 */
  for (uint32_t i = 0; i < 3; i++) harness_row(&h, &rows[i], 1);
  EXPECT(&h.main, W0 "city=SF n=1 s=1", W0 "city=NYC n=1 s=2");
  harness_row(&h, &rows[3], 1); /* changes a group that was written */
  EXPECT(&h.main, W0 "city=SF n=2 s=5");
  harness_row(&h, &rows[4], 1); /* a group that was not there */
  EXPECT(&h.main, W0 "city=LA n=1 s=5");
  harness_row(&h, &rows[5], 1);
  harness_row(&h, &rows[6], 1);
  EXPECT(&h.main, W0 "city=SF n=3 s=12");
  assert_int_equal(h.ctx.counts.state_keys, 4);
  struct row last[] = {at(15, 1, 8), at(9, 0, 9)}; /* the lateness of the first window is over */
  harness_row(&h, &last[0], 1);
  assert_int_equal(h.ctx.counts.state_keys, 2);
  harness_row(&h, &last[1], 1);
  EXPECT(&h.late, "000009");
  assert_int_equal(h.main.cnt, 0);
  harness_finish(&h, true);
  EXPECT(&h.main, W1 "city=SF n=2 s=9", W1 "city=NYC n=1 s=8");
  assert_int_equal(h.ctx.counts.late, 1);
  assert_int_equal(h.ctx.counts.absorbed, 8);
  harness_end(&h);
}

MR_TEST(update_writes_changed_keys_after_each_batch_and_nothing_at_the_close) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(
      harness_begin(&h, &mr_op_window,
                    "window: { tumbling: 10s }\nkey: [city]\nselect: { n: count(*), s: sum(v) }\n"
                    "emit: update\n",
                    0, false));
  struct row rows[] = {at(1, 0, 1), at(2, 1, 2), at(3, 0, 3), at(12, 2, 4)};
  harness_row(&h, &rows[0], 2);
  harness_row(&h, &rows[1], 2);
  EXPECT(&h.main, W0 "city=SF n=1 s=1", W0 "city=NYC n=1 s=2");
  harness_row(&h, &rows[2], 2);
  harness_row(&h, &rows[3], 2);
  EXPECT(&h.main, W0 "city=SF n=2 s=4", W1 "city=LA n=1 s=4");
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, 0);
  assert_int_equal(h.ctx.counts.state_keys, 0);
  harness_end(&h);
}

MR_TEST(update_with_every_writes_at_ticks_before_a_close_and_at_the_end) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [name]\nemit: update\nevery: 1s\n", 0,
                            false));
  assert_int_equal(h.node.op_plan.every_us, SECOND);
  struct row rows[] = {at(1, 0, 1), at(2, 1, 2), at(3, 0, 3), at(12, 2, 4)};
  harness_row(&h, &rows[0], 1);
  harness_row(&h, &rows[1], 1);
  assert_int_equal(h.main.cnt, 0);
  harness_tick(&h, 1);
  EXPECT(&h.main, W0 "name=x count=2");
  harness_tick(&h, 2);
  assert_int_equal(h.main.cnt, 0);
  harness_row(&h, &rows[2], 1);
  harness_row(&h, &rows[3], 1); /* closes the first: its last values come out */
  EXPECT(&h.main, W0 "name=x count=3");
  harness_finish(&h, false); /* hold: the open one's last values */
  EXPECT(&h.main, W1 "name=x count=1");
  harness_end(&h);
}

MR_TEST(complete_writes_the_whole_table_and_keeps_closed_windows) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [city]\nemit: complete\nevery: 1s\n",
                            0, false));
  h.writes_closed = true;
  struct row rows[] = {at(1, 0, 1), at(12, 1, 2), at(13, 1, 3)};
  harness_row(&h, &rows[0], 1);
  harness_row(&h, &rows[1], 1);
  harness_tick(&h, 1);
  EXPECT(&h.main, W0 "city=SF count=1", W1 "city=NYC count=1");
  harness_tick(&h, 2);
  assert_int_equal(h.main.cnt, 0); /* nothing changed */
  harness_row(&h, &rows[2], 1);
  harness_finish(&h, true);
  EXPECT(&h.main, W0 "city=SF count=1", W1 "city=NYC count=2");
  harness_end(&h);
}

MR_TEST(a_sum_beyond_64_bits_is_an_error_row_and_the_others_come_out) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [city]\n"
                            "select: { s: sum(v), a: avg(v), q: 10 / count(*) }\n",
                            0, false));
  for (uint8_t city = 0; city < 3; city++)
    for (uint64_t i = 0; i < 3; i++) {
      struct row r = at(1, city, i);
      r.v = city == 0 ? 7 : city == 1 || i < 2 ? INT64_MAX : -INT64_MAX;
      harness_row(&h, &r, 1);
    }
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, 2);
  assert_non_null(strstr(h.main.items[0], "city=SF"));
  assert_non_null(strstr(h.main.items[1], "city=LA s=9223372036854775807 a="));
  EXPECT(&h.errors, "MR3021 the sum is beyond 64 bits");
  assert_int_equal(h.ctx.counts.derived_errors, 1);
  assert_int_equal(h.ctx.counts.dead_letters, 0);
  assert_int_equal(h.ctx.counts.rows_in, 9);
  assert_int_equal(h.ctx.counts.absorbed, 9);
  harness_end(&h);
}

MR_TEST(an_error_value_keeps_a_row_out_of_every_aggregate) {
  MR_UNUSED_STATE;
  static struct harness h;
  begin(&h, &mr_op_window,
        "window: { tumbling: 10s }\nkey: [city]\nwhere: \"100 / (v - 5) > 0\"\n"
        "select:\n  n: count(*)\n  q: sum(div(12, v))\n  f: count(*) FILTER "
        "(WHERE div(7, v - 8) <> 0)\n",
        0, false);
  for (int64_t v = 0; v < 12; v++) {
    struct row r = at(1, 0, (uint64_t)v);
    r.v = v;
    harness_row(&h, &r, 12);
  }
  harness_finish(&h, true);
  /* v of 0 to 4: filtered; 5: where fails; 8: the filter fails; 6 7 9 10 11 are left */
  EXPECT(&h.main, W0 "city=SF n=5 q=6 f=5");
  assert_int_equal(h.errors.cnt, 2);
  assert_int_equal(h.ctx.counts.filtered, 5);
  assert_int_equal(h.ctx.counts.absorbed, 5);
  assert_true(mr_bit_get(h.rejected, 5) && mr_bit_get(h.rejected, 8));
  harness_end(&h);
}

MR_TEST(keys_beyond_max_keys_stop_the_graph_or_are_dead_letters) {
  MR_UNUSED_STATE;
  static struct harness h;
  const char *const yaml = "window: { tumbling: 10s }\nkey: [v]\nmax_keys: 3\n";
  assert_true(harness_begin(&h, &mr_op_window, yaml, 0, false));
  for (uint64_t i = 0; i < 4; i++) {
    struct row r = at(1, 0, i);
    harness_row(&h, &r, 1);
  }
  assert_true(h.failed);
  assert_string_equal(h.fail_text, "w: no room for a new key: max_keys is 3 and 3 are open");
  harness_end(&h);
  assert_true(harness_begin(
      &h, &mr_op_window, "window: { tumbling: 10s }\nkey: [v]\nmax_keys: 3\non_full: dead_letter\n",
      0, false));
  for (uint64_t i = 0; i < 10; i++) {
    struct row r = at(1, 0, i);
    r.v = (int64_t)i % 5;
    harness_row(&h, &r, 10);
  }
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, 3);
  assert_int_equal(h.errors.cnt, 4);
  assert_string_equal(h.errors.items[0], "MR3041 no room for a new key: max_keys is 3");
  assert_int_equal(h.ctx.counts.absorbed, 6);
  assert_int_equal(h.ctx.counts.dead_letters, 4);
  harness_end(&h);
}

MR_TEST(a_full_state_refuses_rows_and_works_on_after_a_window_closes) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [v]\nselect: { n: count(*), m: "
                            "max(name), l: collect_list(name) }\nmax_state: 1MiB\non_full: "
                            "dead_letter\n",
                            0, false));
  for (uint32_t round = 0; round < 3; round++) {
    uint64_t before = h.ctx.counts.absorbed;
    for (uint64_t i = 0; i < 12000; i++) {
      struct row r = at(1 + 20 * round, 0, i);
      strcpy(r.name, "a name of some length");
      harness_row(&h, &r, 1024);
    }
    harness_flush(&h, 0);
    assert_in_range(h.ctx.counts.absorbed - before, 2000, 11000);
    assert_false(h.failed);
  }
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, h.ctx.counts.absorbed);
  assert_int_equal(h.ctx.counts.rows_in, h.ctx.counts.absorbed + h.ctx.counts.dead_letters);
  assert_int_equal(h.ctx.counts.state_keys, 0);
  harness_end(&h);
}

MR_TEST(a_window_of_many_keys_comes_out_in_batches_and_lists_that_fill_the_heap_cut_them) {
  MR_UNUSED_STATE;
  static struct harness h;
  h.heap_blocks = 3;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [v]\nselect: { l: collect_list(name), "
                            "m: upper(max(name)) }\n",
                            0, false));
  for (uint64_t i = 0; i < 20000; i++) {
    struct row r = at(1, 0, i % 16384);
    r.v = (int64_t)i % 2500;
    snprintf(r.name, sizeof r.name, "name with number %llu", (unsigned long long)i);
    harness_row(&h, &r, 1000);
  }
  uint32_t before = h.batch_cnt;
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, 2500);
  assert_true(h.batch_cnt - before > 5);
  lines_sort(&h.main);
  assert_non_null(strstr(h.main.items[1], "v=1 l=[name with number 1,name with number 2501,"));
  assert_non_null(strstr(h.main.items[1], "m=NAME WITH NUMBER 7501"));
  h.heap_blocks = 0;
  harness_end(&h);
}

MR_TEST(sessions_beyond_max_keys_are_dead_letters_and_room_comes_back_with_the_gap) {
  MR_UNUSED_STATE;
  static struct harness h;
  begin(&h, &mr_op_window,
        "window: { session: 10s }\nkey: [city]\nmax_keys: 2\non_full: dead_letter\n", 0, false);
  struct row rows[] = {at(1, 0, 1), at(2, 1, 2),  at(3, 2, 3),
                       at(4, 0, 4), at(14, 2, 5), at(15, 0, 6)};
  for (uint32_t i = 0; i < 6; i++) harness_row(&h, &rows[i], 1);
  EXPECT(&h.errors, "MR3041 no room for a new key: max_keys is 2",
         "MR3041 no room for a new key: max_keys is 2");
  /* the third city comes while two are open, and again when they end: one row of its own later */
  assert_int_equal(h.ctx.counts.dead_letters, 2);
  harness_finish(&h, true);
  assert_int_equal(h.ctx.counts.state_keys, 0);
  assert_int_equal(h.ctx.counts.absorbed, 4);
  harness_end(&h);
}

MR_TEST(a_row_between_two_sessions_makes_one_of_them_and_a_closed_one_grows) {
  MR_UNUSED_STATE;
  static struct harness h;
  begin(&h, &mr_op_window,
        "window: { session: 10s }\nkey: [city]\nselect: { n: count(*), l: collect_list(v) }\n"
        "delay: 30s\nallowed_lateness: 60s\n",
        30 * SECOND, true);
  h.writes_closed = true;
  struct row rows[] = {at(0, 0, 1),  at(25, 0, 2), at(15, 0, 3), /* touches the second: 15 + 10 */
                       at(10, 0, 4), /* exactly one gap from the first */
                       at(70, 1, 5), at(40, 0, 6), at(200, 1, 7), at(50, 0, 8)};
  for (uint32_t i = 0; i < 4; i++) harness_row(&h, &rows[i], 1);
  assert_int_equal(h.main.cnt, 0);
  harness_row(&h, &rows[4], 1); /* watermark 40: the session of four rows closes */
  EXPECT(&h.main, "window_start=1760313600000000 window_end=1760313635000000 city=SF n=4 "
                  "l=[1,4,3,2]");
  harness_row(&h, &rows[5], 1); /* its own session: 40 is beyond 35 */
  assert_int_equal(h.main.cnt, 0);
  harness_row(&h, &rows[6], 1); /* watermark 170: the state of the first goes, of 40 too */
  harness_row(&h, &rows[7], 1);
  EXPECT(&h.late, "000008");
  harness_finish(&h, true);
  assert_int_equal(h.ctx.counts.late, 1);
  assert_int_equal(h.ctx.counts.absorbed, 7);
  harness_end(&h);
}

MR_TEST(sessions_of_many_keys_leave_the_state_as_it_was) {
  MR_UNUSED_STATE;
  enum { KEYS = 100000 };
  static struct harness h;
  begin(&h, &mr_op_window,
        "window: { session: 10s }\nkey: [v, name]\nselect: { n: count(*), l: collect_list(name), "
        "s: collect_set(d), m: max(name), a: approx_count_distinct(v) }\n",
        0, false);
  uint64_t before = 0;
  for (uint64_t id = 0; id <= KEYS; id++) {
    struct row r = at(0, 0, id);
    snprintf(r.name, sizeof r.name, "a name that has number %llu", (unsigned long long)id);
    r.v = (int64_t)id * 7919;
    r.ts += (int64_t)id * 50;
    if (id == KEYS) r.ts += 30 * SECOND;
    if (id == 1) before = h.ctx.counts.state_bytes;
    harness_row(&h, &r, id == 0 || id == KEYS ? 1 : 1000);
    if (id == 0) harness_flush(&h, 0);
    if (id == KEYS - 1) harness_flush(&h, 0);
    if (h.main.cnt > 5000) lines_free(&h.main);
  }
  assert_int_equal(h.ctx.counts.state_keys, 1);
  assert_int_equal(h.ctx.counts.windows_closed, KEYS);
  printf("state: %llu bytes, then %llu\n", (unsigned long long)before,
         (unsigned long long)h.ctx.counts.state_bytes);
  assert_true(h.ctx.counts.state_bytes <= before + (256 << 10)); /* a few segments */
  harness_end(&h);
}

MR_TEST(option_tables_are_well_formed) {
  MR_UNUSED_STATE;
  const char *why = NULL;
  uint32_t idx = 0;
  if (!mr_opt_table_valid(mr_op_window.opts, &why, &idx))
    fail_msg("window, option %u: %s", idx, why);
  if (!mr_opt_table_valid(mr_op_group.opts, &why, &idx)) fail_msg("group, option %u: %s", idx, why);
}

MR_TEST(options_that_do_not_exist_yet_and_clashes_are_said_at_load) {
  MR_UNUSED_STATE;
  static const char *const bad[][2] = {
      {"window: { hopping: 5m, slide: 6m }\n", "MR1004"},
      {"window: { cumulating: 5m, step: 2m }\n", "MR1004"},
      {"window: { session: 5m, offset: 1m }\n", "MR1004"},
      {"window: { tumbling: 5m, on: processing_time }\nallowed_lateness: 1m\n", "MR1009"},
      {"window: { tumbling: 5m }\nevery: 5s\n", "MR1009"},
      {"window: { tumbling: 5m }\nkey: [nothing]\n", "MR4011"},
      {"window: { tumbling: 5m }\nkey: [city]\nselect: { city: count(*) }\n", "MR1009"},
      {"window: { tumbling: 5m }\nselect: { a: v + count(*) }\n", "MR2012"},
      {"key: [city]\n", "MR1005"},
  };
  static struct harness h;
  for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(harness_begin(&h, &mr_op_window, bad[i][0], 0, false));
    if (!strstr(h.fail_text, bad[i][1])) fail_msg("%s\n%s", bad[i][0], h.fail_text);
    harness_end(&h);
  }
}

MR_TEST(the_delay_is_the_sources_unless_it_is_given_or_the_input_is_derived) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window, "window: { tumbling: 5m }\n", 7 * SECOND, false));
  assert_int_equal(h.node.op_plan.delay_us, 7 * SECOND);
  harness_end(&h);
  assert_true(
      harness_begin(&h, &mr_op_window, "window: { tumbling: 5m }\ndelay: 2s\n", 7 * SECOND, false));
  assert_int_equal(h.node.op_plan.delay_us, 2 * SECOND);
  harness_end(&h);
}

/* ---- group ---- */

MR_TEST(group_keeps_running_values_and_its_last_rows_are_right) {
  MR_UNUSED_STATE;
  static const uint32_t batches[] = {1, 7, 1024};
  for (uint32_t b = 0; b < 6; b++) {
    static struct harness h;
    struct query q = {"group", KEY_NAME, "n sv minv maxd dn", 0, 0, NULL, NULL};
    struct oracle o = {.q = &q};
    bool complete = b >= 3;
    if (!harness_begin(&h, &mr_op_group, query_yaml(&q, complete ? "emit: complete\n" : ""), 0,
                       false))
      fail_msg("%s", h.fail_text);
    for (uint64_t id = 0; id < 3000; id++) {
      struct row r = make_row(SEED, id, SECOND, 1);
      harness_row(&h, &r, batches[b % 3]);
      oracle_add(&o, &r);
    }
    harness_finish(&h, true);
    oracle_lines(&o);
    /* the last line of each key */
    for (uint32_t i = 0; i < o.out.cnt; i++) {
      const char *key = o.out.items[i], *found = NULL;
      size_t len = (size_t)(strstr(key, " n=") - key) + 3;
      for (uint32_t k = 0; k < h.main.cnt; k++)
        if (!strncmp(h.main.items[k], key, len)) found = h.main.items[k];
      assert_non_null(found);
      assert_string_equal(found, key);
    }
    if (batches[b % 3] == 1024) assert_int_equal(h.main.cnt, 3 * 4);
    assert_int_equal(h.ctx.counts.absorbed, 3000);
    assert_int_equal(h.ctx.counts.state_keys, 4);
    oracle_end(&o);
    harness_end(&h);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(windows_are_what_a_simple_computation_says_for_any_batch_size),
    MR_CASE(a_batch_that_spans_many_windows_is_taken_apart),
    MR_CASE(rows_of_a_partition_back_from_idle_are_late_where_the_window_is_gone),
    MR_CASE(corrections_make_the_last_row_of_a_window_what_all_rows_in_time_give),
    MR_CASE(a_row_is_late_exactly_when_its_window_ends_at_the_watermark),
    MR_CASE(a_closed_window_takes_rows_until_its_lateness_is_over_and_writes_whole_rows),
    MR_CASE(update_writes_changed_keys_after_each_batch_and_nothing_at_the_close),
    MR_CASE(update_with_every_writes_at_ticks_before_a_close_and_at_the_end),
    MR_CASE(complete_writes_the_whole_table_and_keeps_closed_windows),
    MR_CASE(a_sum_beyond_64_bits_is_an_error_row_and_the_others_come_out),
    MR_CASE(an_error_value_keeps_a_row_out_of_every_aggregate),
    MR_CASE(keys_beyond_max_keys_stop_the_graph_or_are_dead_letters),
    MR_CASE(a_full_state_refuses_rows_and_works_on_after_a_window_closes),
    MR_CASE(a_window_of_many_keys_comes_out_in_batches_and_lists_that_fill_the_heap_cut_them),
    MR_CASE(sessions_beyond_max_keys_are_dead_letters_and_room_comes_back_with_the_gap),
    MR_CASE(a_row_between_two_sessions_makes_one_of_them_and_a_closed_one_grows),
    MR_CASE(sessions_of_many_keys_leave_the_state_as_it_was),
    MR_CASE(option_tables_are_well_formed),
    MR_CASE(options_that_do_not_exist_yet_and_clashes_are_said_at_load),
    MR_CASE(the_delay_is_the_sources_unless_it_is_given_or_the_input_is_derived),
    MR_CASE(group_keeps_running_values_and_its_last_rows_are_right),
};
MR_MAIN(cases)
