/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are copied for links: what comes out is the same for any number of instances and any
 * batch size, and few rows of many batches cross in few messages. */
#include <stdio.h>

#include "graphs.h"
#include "test.h"

#define ROWS      6000
#define STEPS_MAX UINT64_C(1000000)

/* gen on CPU 0 -> split there, a fifth of the rows (or 4 in 5) -> tally on any -> collect. */
static void make(struct rig_graph *g, uint32_t batch, uint32_t instances, bool few) {
  *g = (struct rig_graph){.seed = batch, .cnt = 4, .wait = "spin"};
  mr_rng_init(&g->rng, batch * 8 + instances);
  g->nodes[0] = (struct rig_node){.kind = RIG_GEN, .rows = ROWS, .instances = 1, .paths = 1};
  g->nodes[1] = (struct rig_node){
      .kind = RIG_SPLIT, .in = {0}, .in_cnt = 1, .salt = 3, .mod = 5, .instances = 1};
  g->nodes[2] = (struct rig_node){
      .kind = RIG_TALLY, .in = {1}, .out = {few ? 2 : 0}, .in_cnt = 1, .instances = instances};
  g->nodes[3] = (struct rig_node){.kind = RIG_COLLECT, .in = {2}, .in_cnt = 1, .instances = 1};
  snprintf(g->text, sizeof g->text,
           "millrace: 1\ngraph: g\n"
           "runtime: { workers: { cpus: 0-3 }, link_items: 8, huge_pages: off }\n"
           "events: { e: { fields: { id: {type: int64}, key: {type: int64}, t: {type: timestamp}, "
           "s: {type: string} }, event_time: t } }\n"
           "sources:\n  n0: { type: gen, event: e, rows: %d, seed: 1, max: %u, cpus: 0 }\n"
           "steps:\n  n1: { type: split, from: n0, salt: 3, mod: 5, cpus: 0 }\n"
           "  n2: { type: tally, from: n1%s, workers: %u%s }\n"
           "sinks:\n  n3: { type: collect, from: n2, cpus: 0 }\n",
           ROWS, batch, few ? ".rest" : "", instances, instances == 1 ? ", cpus: 1" : "");
}

/* Messages with rows, and rows, that split sent. */
static uint64_t sent(const struct rig_run *r, uint64_t *rows) {
  uint64_t items = 0;
  *rows = 0;
  for (uint32_t i = 0; i < r->plan->instance_cnt; i++) {
    const struct mr_instance *inst = &r->run->insts[i];
    if (strcmp(inst->node->name, "n1") != 0) continue;
    for (uint32_t o = 0; o < inst->out_cnt; o++)
      for (uint32_t s = 0; s < inst->outs[o].send_cnt; s++) {
        items += inst->outs[o].sends[s].items_sent;
        *rows += inst->outs[o].sends[s].rows_sent;
      }
  }
  return items;
}

MR_TEST(the_result_is_the_same_for_any_number_of_instances_and_any_batch_size) {
  MR_UNUSED_STATE;
  static const uint32_t sizes[] = {1, 7, 1024}, counts[] = {1, 2, 4};
  static struct rig_graph g;
  for (uint32_t i = 0; i < 18; i++) {
    struct rig_run r;
    uint32_t size = sizes[i % 3], count = counts[i / 3 % 3];
    make(&g, size, count, i < 9);
    rig_run_build_still(&r, g.text, false);
    assert_true(rig_run_steps(&r, &g.rng, STEPS_MAX));
    const char *wrong = rig_check(&g, &r);
    if (wrong) fail_msg("batches of %u, %u instances: %s", size, count, wrong);
    rig_run_free(&r);
    rig_graph_free(&g);
  }
}

/* Runs the graph with copies or without; the messages, and rows, of split. */
static uint64_t messages(uint32_t instances, bool few, bool views, uint64_t *rows) {
  static struct rig_graph g;
  struct rig_run r;
  make(&g, 100, instances, few);
  rig_run_build_still(&r, g.text, views);
  assert_true(rig_run_steps(&r, &g.rng, STEPS_MAX));
  assert_null(rig_check(&g, &r));
  uint64_t items = sent(&r, rows);
  rig_run_free(&r);
  rig_graph_free(&g);
  return items;
}

MR_TEST(few_rows_of_many_batches_cross_together) {
  MR_UNUSED_STATE;
  uint64_t rows, same_rows;
  uint64_t copied = messages(1, true, false, &rows);
  assert_true(rows > ROWS / 6 && rows < ROWS / 4);
  uint64_t views = messages(1, true, true, &same_rows);
  assert_int_equal(same_rows, rows);
  assert_true(views > ROWS / 100); /* one from each batch, */
  assert_true(copied * 5 < views); /* where a small one, more than few of which pass, may be one */
}

MR_TEST(an_exchange_to_many_copies_too) {
  MR_UNUSED_STATE;
  uint64_t rows, same_rows;
  uint64_t copied = messages(4, false, false, &rows), views = messages(4, false, true, &same_rows);
  assert_int_equal(same_rows, rows);
  assert_true(views > 2 * (ROWS / 100));
  assert_true(copied * 3 < views);
}

MR_TEST(most_rows_of_a_batch_cross_as_a_view) {
  MR_UNUSED_STATE;
  uint64_t rows;
  uint64_t items = messages(1, false, false, &rows);
  assert_int_equal(items, messages(1, false, true, &rows));
  assert_true(rows > ROWS / 4 * 3);
}

MR_TEST(rows_do_not_wait_for_more_when_the_input_is_empty) {
  MR_UNUSED_STATE;
  static struct rig_graph g;
  struct rig_run r;
  bool live;
  uint64_t rows = 0;
  make(&g, 1024, 1, true);
  /* a source that has nothing every second time it is asked, so that steps without input come */
  char *max = strstr(g.text, "max: 1024");
  memcpy(max, "pause: 2 ", 9);
  rig_run_build_still(&r, g.text, false);
  const struct mr_worker *w = &r.run->workers[0];
  bool waited = false;
  for (int i = 0; i < 1000 && !(waited && !w->open_cnt); i++) {
    mr_run_step(r.run, 0, &live);
    waited |= w->open_cnt > 0;
  }
  assert_true(waited && !w->open_cnt);
  assert_int_equal(sent(&r, &rows), 1);
  assert_true(rows > 0 && rows < MR_BATCH_ROWS);
  assert_true(rig_run_steps(&r, &g.rng, STEPS_MAX));
  assert_null(rig_check(&g, &r));
  rig_run_free(&r);
  rig_graph_free(&g);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_result_is_the_same_for_any_number_of_instances_and_any_batch_size),
    MR_CASE(few_rows_of_many_batches_cross_together),
    MR_CASE(an_exchange_to_many_copies_too),
    MR_CASE(most_rows_of_a_batch_cross_as_a_view),
    MR_CASE(rows_do_not_wait_for_more_when_the_input_is_empty),
};
MR_MAIN(cases)
