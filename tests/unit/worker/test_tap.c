/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at the rows of outputs, on the stepper (exact counts) and beside real threads. */
#include <string.h>

#include "graphs.h"
#include "test.h"
#include "worker/tap.h"

#define SEED     INT64_C(7)
#define ID_OF(n) ((SEED << 32) + (int64_t)(n)) /* as gen makes it */

static const char text_of[] =
    "millrace: 1\ngraph: tapped\nruntime: { workers: { cpus: 0-1, wait: block }, huge_pages: off "
    "}\n"
    "events: { e: { fields: { id: {type: int64}, key: {type: int64}, t: {type: timestamp}, "
    "s: {type: string} }, event_time: t } }\n"
    "sources:\n  n0: { type: gen, event: e, rows: %u, seed: 7, max: 50 }\n"
    "steps:\n  n1: { type: pass, from: n0 }\n  n2: { type: split, from: n1, salt: 3, mod: 4 }\n"
    "  n4: { type: spoil, from: n1, every: 10 }\n"
    "sinks:\n  n3: { type: collect, from: n2 }\n  n5: { type: collect, from: n4 }\n";

struct tapped {
  struct rig_run r;
  struct mr_tap *tap;
  int64_t *ids;
  size_t cnt;
};

static void open_graph(struct tapped *t, uint32_t rows) {
  char text[2048];
  memset(t, 0, sizeof *t);
  snprintf(text, sizeof text, text_of, rows);
  rig_run_build(&t->r, text);
  t->ids = calloc(rows + 1, sizeof *t->ids);
}

static void tap_output(struct tapped *t, const char *name, double share) {
  struct mr_error err = {0};
  if (mr_tap_open(&t->tap, t->r.run, name, &err) || mr_tap_start(t->tap, share, &err))
    fail_msg("%s: %s", name, err.text);
}

static void close_graph(struct tapped *t) {
  mr_tap_close(t->tap);
  rig_run_free(&t->r);
  free(t->ids);
}

static int32_t column(const struct mr_tap *tap, const char *name) {
  int32_t c = mr_schema_find(mr_tap_schema(tap), name, strlen(name));
  assert_true(c >= 0);
  return c;
}

/* The row's text is that of its id, wherever it lies: nothing was written over. */
static void check_row(const struct mr_tap *tap, const struct mr_view *view, uint32_t row) {
  char want[2][64];
  int64_t id = MR_COL(view, column(tap, "id"), int64_t)[row];
  const struct mr_str *s = &MR_COL(view, column(tap, "s"), struct mr_str)[row];
  const uint8_t *base = mr_tap_region((struct mr_tap *)(uintptr_t)tap)->base;
  uint32_t len[2] = {rig_text(id, false, want[0]), rig_text(id, true, want[1])};
  bool same = false;
  for (int heap = 0; heap < 2; heap++)
    same |= s->len == len[heap] && !memcmp(mr_str_data(s, base), want[heap], len[heap]);
  assert_true(same);
}

/* Takes what is there; the rows taken. */
static size_t take_all(struct tapped *t) {
  const struct mr_view *view;
  size_t n = 0;
  while ((view = mr_tap_take(t->tap))) {
    for (uint32_t row = 0; row < view->row_cnt; row++) {
      check_row(t->tap, view, row);
      t->ids[t->cnt++] = MR_COL(view, column(t->tap, "id"), int64_t)[row];
    }
    n += view->row_cnt;
    mr_tap_done(t->tap);
  }
  return n;
}

static void step_all(struct tapped *t, bool take) {
  bool live = true;
  for (uint64_t i = 0; live && i < 10000000; i++) {
    mr_run_step(t->r.run, (uint32_t)(i % t->r.plan->worker_cnt), &live);
    if (take) take_all(t);
  }
  assert_false(live);
}

static struct mr_tap_counts counts_now(const struct tapped *t) {
  struct mr_tap_counts c;
  mr_tap_count(t->tap, UINT32_MAX, &c);
  return c;
}

MR_TEST(every_row_is_seen_in_order_when_the_looker_keeps_up) {
  MR_UNUSED_STATE;
  struct tapped t;
  open_graph(&t, 20000);
  tap_output(&t, "n2", 1);
  step_all(&t, true);
  const struct rig_collect *sink = mr_run_self(t.r.run, "n3", 0);
  assert_int_equal(t.cnt, sink->cnt);
  for (size_t i = 0; i < sink->cnt; i++) assert_int_equal(t.ids[i], sink->rows[i].row.id);
  struct mr_tap_counts c = counts_now(&t);
  assert_int_equal(c.seen, sink->cnt);
  assert_int_equal(c.skipped, 0);
  close_graph(&t);
}

MR_TEST(rows_beyond_the_ring_are_skipped_and_counted_exactly) {
  MR_UNUSED_STATE;
  struct tapped t;
  open_graph(&t, 60000);
  tap_output(&t, "n1", 1);
  step_all(&t, false);
  struct mr_tap_counts c = counts_now(&t);
  size_t taken = take_all(&t);
  assert_int_equal(c.seen, 60000);
  assert_true(taken > 1000 && taken < 60000);
  assert_int_equal(taken + c.skipped, c.seen);
  for (size_t i = 0; i < taken; i++) assert_int_equal(t.ids[i], ID_OF(i)); /* the first ones */
  close_graph(&t);
}

MR_TEST(the_counts_of_a_row_are_those_of_its_moment) {
  MR_UNUSED_STATE;
  struct tapped t;
  struct mr_tap_counts c, before = {0};
  open_graph(&t, 60000);
  tap_output(&t, "n0", 1);
  bool live = true;
  for (uint64_t i = 0; live; i++) {
    mr_run_step(t.r.run, (uint32_t)(i % t.r.plan->worker_cnt), &live);
    bool full = counts_now(&t).skipped > before.skipped; /* taken from only when it was too full */
    const struct mr_view *view = full ? mr_tap_take(t.tap) : NULL;
    for (uint32_t row = 0; view && row < view->row_cnt; row++) {
      mr_tap_count(t.tap, row, &c);
      assert_int_equal(ID_OF(c.seen - 1), MR_COL(view, column(t.tap, "id"), int64_t)[row]);
      t.cnt++;
      assert_int_equal(c.skipped + t.cnt, c.seen);
      assert_true(c.skipped >= before.skipped);
      before = c;
    }
    if (view) mr_tap_done(t.tap);
  }
  assert_true(before.skipped > 0);
  close_graph(&t);
}

MR_TEST(a_sample_takes_about_its_share_and_skips_nothing) {
  MR_UNUSED_STATE;
  struct tapped t;
  open_graph(&t, 60000);
  tap_output(&t, "n0", 0.1);
  step_all(&t, true);
  struct mr_tap_counts c = counts_now(&t);
  assert_int_equal(c.seen, 60000);
  assert_int_equal(c.skipped, 0);
  assert_true(t.cnt > 5500 && t.cnt < 6500); /* 6000, 73 is one standard deviation */
  close_graph(&t);
}

MR_TEST(other_outputs_are_tapped_by_name_and_what_is_none_is_said) {
  MR_UNUSED_STATE;
  struct tapped t;
  struct mr_error err = {0};
  struct mr_tap *second;
  open_graph(&t, 1000);
  assert_int_equal(mr_tap_open(&t.tap, t.r.run, "n9", &err), MR_ERR_NOENT);
  assert_int_equal(mr_tap_open(&t.tap, t.r.run, "n3", &err), MR_ERR_NOENT);
  assert_non_null(strstr(err.text, "tap n2"));
  assert_int_equal(mr_tap_open(&t.tap, t.r.run, "n2.rest", &err), MR_ERR_STATE);
  assert_int_equal(mr_tap_open(&t.tap, t.r.run, "n2.late", &err), MR_ERR_NOENT);
  assert_non_null(strstr(err.text, "n2.rest"));
  assert_int_equal(mr_tap_open(&t.tap, t.r.run, "n4.errors", &err), MR_OK);
  assert_int_equal(mr_tap_open(&second, t.r.run, "n4.errors", &err), MR_ERR_EXISTS);
  assert_int_equal(mr_tap_start(t.tap, 1, &err), MR_OK);
  bool live = true;
  for (uint64_t i = 0; live; i++) mr_run_step(t.r.run, (uint32_t)(i % t.r.plan->worker_cnt), &live);
  uint64_t errors = 0, taken = 0;
  for (int64_t n = 0; n < 1000; n++) errors += rig_spoils(ID_OF(n), 10);
  const struct mr_view *view;
  while ((view = mr_tap_take(t.tap))) {
    taken += view->row_cnt;
    mr_tap_done(t.tap);
  }
  assert_int_equal(taken, errors);
  mr_tap_close(t.tap);
  t.tap = NULL;
  assert_int_equal(mr_tap_open(&t.tap, t.r.run, "n4.errors", &err), MR_OK); /* free again */
  close_graph(&t);
}

MR_TEST(taps_come_and_go_beside_running_threads) {
  MR_UNUSED_STATE;
  static const char *const outputs[] = {"n0", "n1", "n2", "n4"};
  struct tapped t;
  struct mr_error err = {0};
  uint64_t taken = 0;
  open_graph(&t, 200000);
  assert_int_equal(mr_run_start(t.r.run, &err), MR_OK);
  uint32_t rounds = 0;
  for (bool done = false; !done; rounds++) {
    tap_output(&t, outputs[rounds % 4], rounds % 3 ? 1 : 0.2);
    for (uint32_t i = 0; i < 50 && !done; i++) {
      t.cnt = 0;
      taken += take_all(&t);
      done = mr_run_wait(t.r.run, 100000);
    }
    mr_tap_close(t.tap);
    t.tap = NULL;
  }
  printf("%u taps, %llu rows\n", rounds, (unsigned long long)taken);
  assert_true(rounds > 1 && taken > 0);
  const struct rig_collect *sink = mr_run_self(t.r.run, "n3", 0);
  size_t want = 0;
  for (int64_t n = 0; n < 200000; n++) want += rig_keeps(ID_OF(n), 3, 4);
  assert_int_equal(sink->cnt, want);
  close_graph(&t);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(every_row_is_seen_in_order_when_the_looker_keeps_up),
    MR_CASE(rows_beyond_the_ring_are_skipped_and_counted_exactly),
    MR_CASE(the_counts_of_a_row_are_those_of_its_moment),
    MR_CASE(a_sample_takes_about_its_share_and_skips_nothing),
    MR_CASE(other_outputs_are_tapped_by_name_and_what_is_none_is_said),
    MR_CASE(taps_come_and_go_beside_running_threads),
};

MR_MAIN(cases)
