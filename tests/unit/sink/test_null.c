/* SPDX-License-Identifier: Apache-2.0 */
/* null: counts what it takes, and asks for all columns or for none. */
#include "test.h"

#include <string.h>

#include "operators/operators.h"
#include "worker/ctx.h"
#include "worker/solo.h"

struct world {
  int64_t next;
  bool need_a, need_b;
};

static int32_t feed(void *ctx, struct mr_feed *f) {
  struct world *w = ctx;
  w->need_a = f->need[0];
  w->need_b = f->need[1];
  if (w->next == 5000) return -1;
  for (uint32_t i = 0; i < 500; i++) {
    mr_feed_int(f, 0, i, w->next++);
    mr_feed_double(f, 1, i, 0.5);
  }
  return 500;
}

static struct mr_counts run(struct world *w, const char *columns) {
  char graph[512];
  snprintf(graph, sizeof graph,
           "millrace: 1\ngraph: t\nruntime: { workers: { count: 1 } }\n"
           "sources: { in: { type: feed, fields: { a: { type: int64 }, b: { type: double } } } }\n"
           "sinks: { out: { type: null, from: in, columns: %s } }\n",
           columns);
  struct mr_solo_conf conf = {.ops = &mr_operators, .graph = graph, .feed = feed, .ctx = w};
  struct mr_error err = {0};
  struct mr_solo *solo = mr_solo_open(&conf, &err);
  if (!solo) fail_msg("%s", err.text);
  assert_true(mr_solo_run(solo, 1000));
  struct mr_counts counts = mr_solo_counts(solo, "out", 0);
  mr_solo_close(solo);
  return counts;
}

MR_TEST(null_asks_for_all_columns_and_counts_every_row) {
  MR_UNUSED_STATE;
  struct world w = {0};
  struct mr_counts counts = run(&w, "all");
  assert_int_equal(counts.rows_in, 5000);
  assert_int_equal(counts.rows_out, 5000);
  assert_true(w.need_a && w.need_b);
}

MR_TEST(null_without_columns_prunes_them_all) {
  MR_UNUSED_STATE;
  struct world w = {0};
  assert_int_equal(run(&w, "none").rows_out, 5000);
  assert_false(w.need_a || w.need_b);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(null_asks_for_all_columns_and_counts_every_row),
    MR_CASE(null_without_columns_prunes_them_all),
};
MR_MAIN(cases)
