/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of several partitions: each has a frontier and an idleness of its own, whatever instance
 * reads it. */
#include <stdio.h>
#include <string.h>

#include "graphs.h"
#include "test.h"

#define ROWS      4000
#define PARTS     5
#define WINDOW_US INT64_C(64000)
#define STEPS_MAX UINT64_C(2000000)

static void make(char *text, size_t sz, uint32_t instances, uint32_t max, const char *more) {
  snprintf(text, sz,
           "millrace: 1\ngraph: g\n"
           "runtime: { workers: { cpus: 0-3 }, link_items: 8, huge_pages: off }\n"
           "events: { e: { fields: { id: {type: int64}, key: {type: int64}, t: {type: timestamp}, "
           "s: {type: string} }, event_time: t } }\n"
           "sources:\n  in: { type: spread, event: e, rows: %d, parts: %d, max: %u, workers: "
           "%u%s }\n"
           "steps:\n  pass: { type: pass, from: in }\n"
           "  sums: { type: tally, from: pass, workers: 2 }\n"
           "sinks:\n  out: { type: collect, from: sums }\n  seen: { type: collect, from: in }\n",
           ROWS, PARTS, max, instances, more);
}

static struct mr_instance *instance_of(struct rig_run *r, const char *name, uint32_t idx) {
  for (uint32_t i = 0; i < r->plan->instance_cnt; i++)
    if (!strcmp(r->run->insts[i].node->name, name) && !idx--) return &r->run->insts[i];
  fail_msg("no %s", name);
  return NULL;
}

/* A sum as a plain loop makes it. */
static int64_t want_sum(int64_t end, int64_t key) {
  uint64_t sum = 0;
  for (int64_t n = 0; n < ROWS; n++) {
    struct rig_row row;
    rig_make_row(1, 0, n, &row);
    if (row.key == key && (row.t / WINDOW_US + 1) * WINDOW_US == end) sum += (uint64_t)row.id;
  }
  return (int64_t)sum;
}

static void check_sums(struct rig_run *r) {
  const struct rig_collect *out = instance_of(r, "out", 0)->ctx.self;
  for (uint32_t i = 0; i < 2; i++) {
    const struct rig_tally *sums = instance_of(r, "sums", i)->ctx.self;
    assert_int_equal(sums->late, 0);
    assert_int_equal(sums->backward, 0);
  }
  for (size_t i = 0; i < out->cnt; i++) {
    const struct rig_row *row = &out->rows[i].row;
    assert_int_equal(row->id, want_sum(row->t + 1, row->key));
  }
  assert_true(out->cnt > 100);
}

MR_TEST(partitions_that_run_apart_make_no_row_late_and_no_window_partial) {
  MR_UNUSED_STATE;
  static const uint32_t counts[] = {1, 2, 5, 7}, sizes[] = {1, 900};
  for (uint32_t i = 0; i < 8; i++) {
    struct rig_run r;
    struct mr_rng rng;
    char text[2048];
    mr_rng_init(&rng, i);
    make(text, sizeof text, counts[i % 4], sizes[i / 4], "");
    rig_run_build(&r, text);
    assert_true(rig_run_steps(&r, &rng, STEPS_MAX));
    check_sums(&r);
    const struct rig_collect *seen = instance_of(&r, "seen", 0)->ctx.self;
    assert_int_equal(seen->cnt, ROWS);
    assert_int_equal(seen->behind, 0);
    for (size_t k = 0; k < seen->cnt; k++)
      assert_int_equal(seen->rows[k].partition, (seen->rows[k].row.id & 0xffffffff) % PARTS);
    rig_run_free(&r);
  }
}

/* Rows of windows that came out while one partition says nothing, on a clock that stands still
 * until all rows of the others are through; then it is as if half a second had passed for the
 * silent one. */
static uint64_t closed_beside_a_silent_one(const char *more) {
  struct rig_run r;
  struct mr_rng rng;
  char text[2048];
  mr_rng_init(&rng, 7);
  make(text, sizeof text, 2, 50, more);
  rig_run_build_still(&r, text, false);
  const struct rig_collect *seen = instance_of(&r, "seen", 0)->ctx.self;
  const struct rig_collect *out = instance_of(&r, "out", 0)->ctx.self;
  assert_false(rig_run_steps(&r, &rng, 200000));
  assert_int_equal(seen->cnt, ROWS - ROWS / PARTS);
  assert_int_equal(out->cnt, 0);
  struct mr_source_part *silent = &instance_of(&r, "in", 0)->parts[2];
  assert_int_equal(silent->rows, 0);
  silent->last_row_ns -= 500000000;
  mr_clock_advance(&r.run->conf.clock, 2000000);
  assert_false(rig_run_steps(&r, &rng, 200000));
  uint64_t cnt = out->cnt;
  mr_run_drain(r.run);
  mr_clock_advance(&r.run->conf.clock, 2000000);
  assert_true(rig_run_steps(&r, &rng, STEPS_MAX));
  assert_int_equal(out->cnt, cnt); /* a drain closes none */
  rig_run_free(&r);
  return cnt;
}

MR_TEST(a_silent_partition_holds_the_watermark_until_idle_after) {
  MR_UNUSED_STATE;
  assert_int_equal(closed_beside_a_silent_one(", mute: 1"), 0);
  assert_true(closed_beside_a_silent_one(", mute: 1, watermark: {idle_after: 300ms}") > 100);
}

MR_TEST(the_partitions_are_shared_out_among_the_instances) {
  MR_UNUSED_STATE;
  struct rig_run r;
  char text[2048];
  make(text, sizeof text, 7, 10, "");
  rig_run_build(&r, text);
  for (uint32_t i = 0; i < 7; i++)
    assert_int_equal(instance_of(&r, "in", i)->part_cnt, i < PARTS ? 1 : 0);
  rig_run_free(&r);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(partitions_that_run_apart_make_no_row_late_and_no_window_partial),
    MR_CASE(a_silent_partition_holds_the_watermark_until_idle_after),
    MR_CASE(the_partitions_are_shared_out_among_the_instances),
};
MR_MAIN(cases)
