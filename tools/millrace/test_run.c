/* SPDX-License-Identifier: Apache-2.0 */
#include "test_run.h"

#include <string.h>

#include "base/lines.h"
#include "host.h"
#include "test_ops.h"
#include "test_rows.h"

#define QUIET_ROUNDS 4u /* steps of all workers on end without work: nothing is left to do */
#define SHOWN_ROWS   20u

struct test_run {
  const struct mr_load *load;
  const struct mr_plan_test *test;
  struct mr_arena *arena;
  struct mr_test_host host;
  struct mr_plan *plan;
  struct mr_run *run;
  struct mr_run_conf conf;
  const char **taps; /* per expectation: the sink that has its rows */
  struct mr_lines why;
};

/* ---- the clock: of the test that runs, as a run keeps a copy of its clock ---- */

static struct {
  uint64_t mono_ns;
  int64_t wall_us;
} test_now;

static uint64_t test_mono_ns(const struct mr_clock *clock) {
  (void)clock;
  return test_now.mono_ns;
}

static int64_t test_wall_us(const struct mr_clock *clock) {
  (void)clock;
  return test_now.wall_us;
}

static void set_clock(struct mr_clock *clock, int64_t wall_us) {
  test_now.mono_ns = 1000000000;
  test_now.wall_us = wall_us;
  *clock = (struct mr_clock){.mono_ns = test_mono_ns, .wall_us = test_wall_us};
}

/* ---- the graph ---- */

/* An output that is no sink's gets one. Sources have one instance: what is sent has an order. */
static void make_sets(struct test_run *t, const char **sets, uint32_t *cnt) {
  const struct mr_load *load = t->load;
  for (uint32_t i = 0; i < load->conf.set_cnt; i++) sets[(*cnt)++] = load->sets[i];
  t->taps = MR_NEW(t->arena, const char *, t->test->expect_cnt + 1);
  for (uint32_t i = 0; i < t->test->expect_cnt; i++) {
    const struct mr_test_expect *expect = &t->test->expects[i];
    t->taps[i] = expect->output;
    if (expect->is_sink) continue;
    t->taps[i] = mr_arena_printf(t->arena, "millrace_test_%u", i);
    sets[(*cnt)++] = mr_arena_printf(t->arena, "sinks.%s={ type: \"null\", from: %s }", t->taps[i],
                                     expect->output);
  }
  for (uint32_t i = 0; i < load->plan->node_cnt; i++) {
    const struct mr_plan_node *n = &load->plan->nodes[i];
    if (n->op->kind == MR_OP_SOURCE && !n->internal && n->instance_cnt > 1)
      sets[(*cnt)++] = mr_arena_printf(t->arena, "sources.%s.workers=1", n->name);
  }
}

static bool make_plan(struct test_run *t, const char *file) {
  const struct mr_plan_test *test = t->test;
  struct mr_plan_conf conf = t->load->conf;
  const char **sets =
      MR_NEW(t->arena, const char *, conf.set_cnt + test->expect_cnt + t->load->plan->node_cnt + 1);
  uint32_t cnt = 0;
  struct mr_diags diags;
  mr_diags_init(&diags, t->arena);
  make_sets(t, sets, &cnt);
  conf.ops = mr_test_table(t->arena, t->load->ops);
  conf.sets = sets;
  conf.set_cnt = cnt;
  conf.no_inputs = true;
  conf.clock = test->clock_given ? 0 : 1;
  if (!conf.seed_given) {
    conf.seed = (uint64_t)test->seed;
    conf.seed_given = test->seed_given;
  }
  t->plan = mr_plan_load(t->arena, file, NULL, 0, &conf, &diags);
  if (!t->plan) mr_lines_add(&t->why, "%s", mr_diags_text(&diags, t->arena, NULL));
  if (t->plan) t->plan->runtime.checkpoint.dir = NULL; /* a test begins anew */
  return t->plan != NULL;
}

static bool make_run(struct test_run *t) {
  struct mr_error err = {0};
  mr_host_conf(&t->conf, &(struct mr_host_log){.least = MR_LOG_ERROR});
  t->conf.pin = false;
  t->conf.lazy = true;
  t->conf.host = &t->host;
  if (t->test->clock_given) set_clock(&t->conf.clock, t->test->clock_us);
  if (!mr_run_build(&t->run, t->plan, &t->conf, &err)) return true;
  mr_lines_add(&t->why, "%s\n", err.text);
  return false;
}

/* ---- sending ---- */

static const struct mr_plan_node *source_of(const struct test_run *t, const char *name) {
  for (uint32_t i = 0; i < t->plan->node_cnt; i++)
    if (!strcmp(t->plan->nodes[i].name, name)) return &t->plan->nodes[i];
  return NULL;
}

static void send_line(struct test_run *t, const char *source, const struct mr_test_item *item) {
  const struct mr_plan_node *node = source_of(t, source);
  const struct mr_event *event = node->op_plan.event;
  struct mr_test_input *in = mr_test_input_of(&t->host, source);
  struct mr_lines line = {.arena = t->arena};
  char delimiter, quote;
  bool header, csv = mr_test_reads_csv(node, &delimiter, &quote, &header);
  bool typed = event && event->field_cnt;
  if (csv && header && !in->header_sent && typed) {
    mr_test_csv_header(&line, event, delimiter);
    in->header_sent = true;
  }
  if (item->kind == MR_TEST_RAW)
    mr_lines_add(&line, "%s\n", item->value->text);
  else if (csv && typed)
    mr_test_csv_row(&line, event, item->value, delimiter, quote);
  else
    mr_test_json_row(&line, event, item->value);
  mr_test_put(&t->host, in, line.text, line.len);
}

static void step_all(struct test_run *t) {
  bool live = true;
  for (uint32_t quiet = 0; live && quiet < QUIET_ROUNDS;) {
    bool did = false;
    for (uint32_t w = 0; w < t->plan->worker_cnt; w++) did |= mr_run_step(t->run, w, &live);
    quiet = did ? 0 : quiet + 1;
  }
}

/* Sends what stands before the next advance of each source, in the order of the file, then moves
 * the clock by each source's advance in turn. */
static void send_all(struct test_run *t) {
  const struct mr_plan_test *test = t->test;
  uint32_t *at = MR_NEW(t->arena, uint32_t, test->send_cnt + 1);
  bool left = test->send_cnt > 0;
  step_all(t);
  while (left) {
    left = false;
    for (uint32_t s = 0; s < test->send_cnt; s++) {
      const struct mr_test_send *send = &test->sends[s];
      for (; at[s] < send->item_cnt && send->items[at[s]].kind != MR_TEST_ADVANCE; at[s]++) {
        const struct mr_test_item *item = &send->items[at[s]];
        if (item->kind == MR_TEST_END)
          mr_test_input_of(&t->host, send->source)->ended = true;
        else
          send_line(t, send->source, item);
      }
      step_all(t);
    }
    for (uint32_t s = 0; s < test->send_cnt; s++) {
      const struct mr_test_send *send = &test->sends[s];
      if (at[s] == send->item_cnt) continue;
      left = true;
      int64_t by_us = send->items[at[s]++].advance_us;
      test_now.wall_us += by_us;
      test_now.mono_ns += (uint64_t)by_us * 1000u;
      step_all(t);
    }
  }
}

/* ---- what came ---- */

static void show_row(struct test_run *t, const char *sign, const char *what, const char *text) {
  mr_lines_add(&t->why, "  %s %-10s %s\n", sign, what, text);
}

static void show_missing(struct test_run *t, const struct mr_tree *row) {
  struct mr_lines text = {.arena = t->arena};
  mr_test_show(&text, row);
  show_row(t, "-", "missing", text.text);
}

static bool compare_rows(struct test_run *t, const struct mr_test_expect *expect,
                         const struct mr_test_output *out) {
  struct mr_tree **actual = MR_NEW(t->arena, struct mr_tree *, out->cnt + 1);
  struct mr_diags diags;
  mr_diags_init(&diags, t->arena);
  for (uint32_t i = 0; i < out->cnt; i++) {
    const struct mr_source *src =
        mr_source_make(t->arena, "row", out->rows[i].text, out->rows[i].len);
    actual[i] = mr_tree_load(t->arena, src, &diags);
    if (!actual[i]) actual[i] = mr_tree_new(t->arena, MR_TREE_MAP, (struct mr_span){0});
  }
  int32_t *of = MR_NEW(t->arena, int32_t, expect->rows->cnt + 1);
  uint32_t pairs = mr_test_pair(t->arena, expect->rows, actual, out->cnt, of);
  if (pairs == out->cnt && pairs == expect->rows->cnt) return true;
  mr_lines_add(&t->why, "%s: %u %s expected, %u came\n", expect->output, expect->rows->cnt,
               expect->rows->cnt == 1 ? "row" : "rows", out->cnt);
  bool *paired = MR_NEW(t->arena, bool, out->cnt + 1);
  uint32_t shown = 0;
  for (uint32_t i = 0; i < expect->rows->cnt; i++) {
    if (of[i] >= 0)
      paired[of[i]] = true;
    else if (shown++ < SHOWN_ROWS)
      show_missing(t, expect->rows->items[i]);
  }
  for (uint32_t k = 0; k < out->cnt; k++)
    if (!paired[k] && shown++ < 2 * SHOWN_ROWS) show_row(t, "+", "unexpected", out->rows[k].text);
  if (shown > 2 * SHOWN_ROWS) mr_lines_add(&t->why, "  ... and more\n");
  return false;
}

static bool compare(struct test_run *t, uint32_t idx) {
  const struct mr_test_expect *expect = &t->test->expects[idx];
  const struct mr_test_output *out = mr_test_output_of(&t->host, t->taps[idx]);
  if (expect->rows) return compare_rows(t, expect, out);
  if ((uint64_t)expect->count == out->cnt) return true;
  mr_lines_add(&t->why, "%s: %lld rows expected, %u came\n", expect->output,
               (long long)expect->count, out->cnt);
  for (uint32_t k = 0; k < out->cnt && k < SHOWN_ROWS; k++)
    show_row(t, "+", "came", out->rows[k].text);
  return false;
}

/* A test that fails is often a row that was none. */
static void show_dead_letters(struct test_run *t) {
  uint32_t shown = 0;
  for (const struct mr_test_output *out = t->host.outputs; out; out = out->next) {
    const char *dot = strrchr(out->node, '.');
    if (!dot || strcmp(dot, ".dead_letters")) continue;
    for (uint32_t i = 0; i < out->cnt && shown < SHOWN_ROWS; i++, shown++)
      mr_lines_add(&t->why, "dead letter: %s\n", out->rows[i].text);
  }
}

bool mr_test_run(const struct mr_load *load, const char *file, uint32_t idx, struct mr_arena *arena,
                 const char **why) {
  struct test_run t = {.load = load,
                       .test = &load->plan->tests[idx],
                       .arena = arena,
                       .host = {.arena = arena},
                       .why = {.arena = arena}};
  struct mr_error err = {0};
  bool ok = make_plan(&t, file) && make_run(&t);
  if (ok) {
    send_all(&t);
    int rc = mr_run_result(t.run, &err);
    ok = !rc || rc == MR_ERR_AGAIN;
    if (!ok) mr_lines_add(&t.why, "%s\n", err.text);
    for (uint32_t i = 0; i < t.test->expect_cnt; i++) ok &= compare(&t, i);
    if (!ok) show_dead_letters(&t);
    mr_run_abort(t.run);
    mr_run_close(t.run);
  }
  mr_run_destroy(t.run);
  *why = t.why.text ? t.why.text : "";
  return ok;
}
