/* SPDX-License-Identifier: Apache-2.0 */
/* filter and map over whole graphs without threads: rows in, rows out, against plain C. */
#include "test.h"

#include <string.h>

#include "base/rng.h"
#include "operators/operators.h"
#include "worker/ctx.h"
#include "worker/solo.h"

#define SEED UINT64_C(20251013)

static const char graph_head[] =
    "millrace: 1\ngraph: t\nruntime: { workers: { count: 1 } }\n"
    "events: { e: { fields: { a: { type: int64, optional: true }, b: { type: int64 },\n"
    "  s: { type: string }, lvl: { type: string, one_of: [low, high] }, t: { type: timestamp } },\n"
    "  event_time: t } }\nsources: { in: { type: feed, event: e } }\n";

struct row {
  bool null_a;
  int64_t a, b;
  char s[40];
  uint8_t lvl;
};

struct world {
  uint64_t next, total;
  uint32_t batch;
  void (*check)(struct world *w, const struct mr_schema *schema, const uint8_t *base,
                const struct mr_view *v, uint32_t row);
  uint64_t seen, errors;
  uint64_t expect; /* number of the row that must come next */
  bool (*passes)(const struct row *row);
};

static struct row make_row(uint64_t k) {
  struct row row;
  uint64_t r = mr_rng_at(SEED, k);
  row.null_a = r % 7 == 0;
  row.a = (int64_t)(r % 2000) - 1000;
  row.b = (int64_t)((r >> 20) % 5);
  row.lvl = (r >> 40) & 1;
  snprintf(row.s, sizeof row.s, (r >> 41) & 1 ? "s%llu" : "a longer string, number %llu",
           (unsigned long long)k);
  return row;
}

static int32_t feed(void *ctx, struct mr_feed *f) {
  struct world *w = ctx;
  if (w->next == w->total) return -1;
  uint32_t n = w->batch < f->row_max ? w->batch : f->row_max, i = 0;
  for (; i < n && w->next < w->total; i++, w->next++) {
    struct row row = make_row(w->next);
    if (row.null_a)
      mr_feed_null(f, 0, i);
    else
      mr_feed_int(f, 0, i, row.a);
    mr_feed_int(f, 1, i, row.b);
    assert_true(mr_feed_str(f, 2, i, row.s, (uint32_t)strlen(row.s)));
    mr_feed_code(f, 3, i, row.lvl);
    mr_feed_int(f, 4, i, (int64_t)w->next * 1000);
  }
  return (int32_t)i;
}

static void take(void *ctx, const char *node, const struct mr_schema *schema, const uint8_t *base,
                 const struct mr_view *v) {
  struct world *w = ctx;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(v, all);
  if (!strcmp(node, "bad")) {
    w->errors += v->sel_cnt;
    return;
  }
  for (uint32_t r = 0; r < v->row_cnt; r++) {
    if (!((sel[r / 64] >> (r % 64)) & 1)) continue;
    w->check(w, schema, base, v, r);
    w->seen++;
  }
}

static void run(struct world *w, const char *rest) {
  char graph[4096];
  snprintf(graph, sizeof graph, "%s%s", graph_head, rest);
  struct mr_solo_conf conf = {
      .ops = &mr_operators, .graph = graph, .feed = feed, .take = take, .ctx = w, .seed = SEED};
  struct mr_error err = {0};
  struct mr_solo *solo = mr_solo_open(&conf, &err);
  if (!solo) fail_msg("%s", err.text);
  assert_true(mr_solo_run(solo, 10000000)); /* dead letters wait for an I/O thread */
  struct mr_counts op = mr_solo_counts(solo, "op", 0);
  assert_int_equal(op.rows_in, w->total);
  assert_int_equal(op.rows_in, op.rows_out + op.filtered + op.dead_letters + op.dropped);
  mr_solo_close(solo);
}

static const uint32_t batches[] = {1, 7, 64, 1000, 1024};

/* ---- filter ---- */

static void check_next(struct world *w, const struct mr_schema *schema, const uint8_t *base,
                       const struct mr_view *v, uint32_t r) {
  (void)schema;
  struct row row = make_row(w->expect);
  while (!w->passes(&row)) row = make_row(++w->expect);
  assert_int_equal(MR_COL(v, 4, int64_t)[r], (int64_t)w->expect * 1000);
  const struct mr_str *s = &MR_COL(v, 2, struct mr_str)[r];
  assert_int_equal(s->len, strlen(row.s));
  assert_memory_equal(mr_str_data(s, base), row.s, s->len);
  w->expect++;
}

static bool above_and_high(const struct row *row) {
  return !row->null_a && row->a > 10 && row->lvl == 1;
}

MR_TEST(filter_passes_exactly_the_rows_for_which_the_condition_is_true) {
  MR_UNUSED_STATE;
  for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
    struct world w = {
        .total = 20000, .batch = batches[i], .check = check_next, .passes = above_and_high};
    run(&w, "steps: { op: { type: filter, from: in, where: \"a > 10 AND lvl = 'high'\" } }\n"
            "sinks: { out: { type: take, from: op } }\n");
    uint64_t want = 0;
    for (uint64_t k = 0; k < w.total; k++) {
      struct row row = make_row(k);
      want += above_and_high(&row);
    }
    assert_int_equal(w.seen, want);
  }
}

MR_TEST(filter_sends_error_values_to_its_error_output) {
  MR_UNUSED_STATE;
  struct world w = {.total = 20000, .batch = 1024, .check = check_next, .passes = above_and_high};
  w.passes = above_and_high;
  run(&w, "steps: { op: { type: filter, from: in, on_error: dead_letter,\n"
          "  where: \"CASE WHEN a > 10 AND lvl = 'high' THEN true ELSE div(1, b) < 0 END\" } }\n"
          "sinks: { out: { type: take, from: op }, bad: { type: take, from: op.errors } }\n"
          "# the dead-letter file goes to the test's folder\n");
  uint64_t want = 0;
  for (uint64_t k = 0; k < w.total; k++) {
    struct row row = make_row(k);
    want += !above_and_high(&row) && row.b == 0;
  }
  assert_int_equal(w.errors, want);
}

/* ---- map ---- */

static void check_map(struct world *w, const struct mr_schema *schema, const uint8_t *base,
                      const struct mr_view *v, uint32_t r) {
  struct row row = make_row(w->expect);
  char text[128];
  int32_t twice = mr_schema_find(schema, "twice", 5), tag = mr_schema_find(schema, "tag", 3);
  assert_true(twice >= 0 && tag >= 0);
  assert_int_equal(mr_schema_find(schema, "b", 1), -1);
  const uint64_t *valid = v->cols[twice].valid;
  bool there = !valid || ((valid[r / 64] >> (r % 64)) & 1);
  assert_int_equal(there, !row.null_a);
  if (there) assert_int_equal(MR_COL(v, twice, int64_t)[r], row.a * 2);
  snprintf(text, sizeof text, "%s/%s", row.s, row.lvl ? "high" : "low");
  const struct mr_str *s = &MR_COL(v, tag, struct mr_str)[r];
  assert_int_equal(s->len, strlen(text));
  assert_memory_equal(mr_str_data(s, base), text, s->len);
  w->expect++;
}

MR_TEST(map_adds_and_drops_columns_and_keeps_the_order) {
  MR_UNUSED_STATE;
  for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
    struct world w = {.total = 20000, .batch = batches[i], .check = check_map};
    run(&w, "steps: { op: { type: map, from: in, drop: [b],\n"
            "  set: { twice: a * 2, tag: \"s || '/' || lvl\" } } }\n"
            "sinks: { out: { type: take, from: op } }\n");
    assert_int_equal(w.seen, w.total);
  }
}

static void check_whole(struct world *w, const struct mr_schema *schema, const uint8_t *base,
                        const struct mr_view *v, uint32_t r) {
  (void)base;
  struct row row = make_row(w->expect);
  while (row.b == 0) row = make_row(++w->expect);
  int32_t q = mr_schema_find(schema, "q", 1);
  assert_int_equal(MR_COL(v, q, int64_t)[r], 100 / row.b);
  w->expect++;
}

MR_TEST(map_sends_rows_with_an_error_value_to_its_error_output_whole) {
  MR_UNUSED_STATE;
  struct world w = {.total = 5000, .batch = 1000, .check = check_whole};
  run(&w, "steps: { op: { type: map, from: in, set: { q: \"div(100, b)\" } } }\n"
          "sinks: { out: { type: take, from: op }, bad: { type: take, from: op.errors } }\n");
  assert_int_equal(w.seen + w.errors, w.total);
  assert_true(w.errors > 0);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(filter_passes_exactly_the_rows_for_which_the_condition_is_true),
    MR_CASE(filter_sends_error_values_to_its_error_output),
    MR_CASE(map_adds_and_drops_columns_and_keeps_the_order),
    MR_CASE(map_sends_rows_with_an_error_value_to_its_error_output_whole),
};
MR_MAIN(cases)
