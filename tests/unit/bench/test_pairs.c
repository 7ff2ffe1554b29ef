/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "lib/bench.h"
#include "lib/pairs.h"
#include "lib/two.h"

/* Two sides that say what they are told to. */
struct fake {
  double plain, engine;
  uint64_t engine_hash;
  int engine_rc;
  uint32_t plain_calls, engine_calls;
  char order[256];
};

static int fake_plain(struct mr_bench_run *run, struct mr_bench_sample *s) {
  struct fake *f = run->data;
  if (strlen(f->order) + 1 < sizeof f->order) strcat(f->order, "A");
  f->plain_calls++;
  *s = (struct mr_bench_sample){.events = 1, .figure = f->plain, .out_rows = 2, .out_hash = 42};
  return MR_OK;
}
static int fake_engine(struct mr_bench_run *run, struct mr_bench_sample *s) {
  struct fake *f = run->data;
  if (strlen(f->order) + 1 < sizeof f->order) strcat(f->order, "B");
  f->engine_calls++;
  *s = (struct mr_bench_sample){
      .events = 1, .figure = f->engine, .out_rows = 2, .out_hash = f->engine_hash};
  return f->engine_rc;
}
static const char *fake_plan(struct mr_bench_run *run) {
  (void)run;
  return "plan \"x\"\n";
}

static const struct mr_bench fake_bench = {
    .name = "fake",
    .what = "two sides that say what they are told",
    .unit = "M/s",
    .measure = MR_MEASURE_GIVEN,
    .record_near = 100,
    .now = {0.7, 0},
    .later = {0.9, 0},
    .plain = fake_plain,
    .engine = fake_engine,
    .plan = fake_plan,
};

/* Others and moving CPUs do not spoil these runs: any use is allowed, and what moved is tried
 * again. */
static const struct mr_pairs_opt opt = {.pairs = 3, .tries_max = 60, .others_max = 100};

static const struct mr_pairs_class *only_class(const struct mr_pairs_result *r) {
  for (int p = 0; p < MR_PLACEMENT_CNT; p++)
    if (r->by[p].cnt >= 3) return &r->by[p];
  return NULL;
}

static int run_fake(struct fake *f, struct mr_pairs_result *r, const struct mr_bench *bench) {
  struct mr_machine machine = {.cpu_cnt = 2};
  struct mr_bench_run run = {.bench = bench, .machine = &machine, .scale = 1, .data = f};
  return mr_pairs_run(&run, &opt, r);
}

MR_TEST(sides_alternate_and_the_ratio_is_engine_over_plain) {
  MR_UNUSED_STATE;
  struct fake f = {.plain = 100, .engine = 80, .engine_hash = 42};
  static struct mr_pairs_result r;
  assert_int_equal(run_fake(&f, &r, &fake_bench), MR_OK);
  const struct mr_pairs_class *c = only_class(&r);
  assert_non_null(c);
  assert_true(c->ratio.median > 0.799 && c->ratio.median < 0.801);
  assert_true(c->ratio.min > 0.799 && c->ratio.max < 0.801);
  assert_true(c->met);
  assert_false(c->weak);
  assert_memory_equal(f.order, "ABABABAB", 8);
  assert_int_equal(f.plain_calls, f.engine_calls);
  assert_int_equal(f.plain_calls, r.tries + 1); /* the first pair warms up */
}

MR_TEST(a_ratio_below_the_goal_is_not_met) {
  MR_UNUSED_STATE;
  struct fake f = {.plain = 100, .engine = 69, .engine_hash = 42};
  static struct mr_pairs_result r;
  assert_int_equal(run_fake(&f, &r, &fake_bench), MR_OK);
  assert_false(only_class(&r)->met);
}

MR_TEST(a_latency_goal_is_met_from_below) {
  MR_UNUSED_STATE;
  struct mr_bench bench = fake_bench;
  struct fake f = {.plain = 100, .engine = 250, .engine_hash = 42};
  static struct mr_pairs_result r;
  bench.lower_is_better = true;
  bench.now.near = 3;
  assert_int_equal(run_fake(&f, &r, &bench), MR_OK);
  assert_true(only_class(&r)->met);
  f.engine = 301;
  assert_int_equal(run_fake(&f, &r, &bench), MR_OK);
  assert_false(only_class(&r)->met);
}

MR_TEST(a_weak_baseline_does_not_count) {
  MR_UNUSED_STATE;
  struct fake f = {.plain = 79, .engine = 79, .engine_hash = 42};
  static struct mr_pairs_result r;
  char text[4096] = "";
  assert_int_equal(run_fake(&f, &r, &fake_bench), MR_OK);
  assert_true(only_class(&r)->weak);
  assert_false(only_class(&r)->met);
  FILE *out = fmemopen(text, sizeof text, "w");
  mr_pairs_print(&r, &opt, out);
  fclose(out);
  assert_non_null(strstr(text, "weak baseline: does not count"));
}

MR_TEST(outputs_that_differ_give_no_ratio) {
  MR_UNUSED_STATE;
  struct fake f = {.plain = 100, .engine = 80, .engine_hash = 43};
  static struct mr_pairs_result r;
  char text[4096] = "";
  assert_int_equal(run_fake(&f, &r, &fake_bench), MR_ERR_DATA);
  assert_false(r.outputs_equal);
  FILE *out = fmemopen(text, sizeof text, "w");
  mr_pairs_print(&r, &opt, out);
  fclose(out);
  assert_non_null(strstr(text, "outputs differ"));
  assert_null(strstr(text, "ratio"));
}

MR_TEST(a_side_that_fails_is_named) {
  MR_UNUSED_STATE;
  struct fake f = {.plain = 100, .engine = 80, .engine_hash = 42, .engine_rc = MR_ERR_LIMIT};
  static struct mr_pairs_result r;
  assert_int_equal(run_fake(&f, &r, &fake_bench), MR_ERR_STATE);
  assert_non_null(strstr(r.error, "engine's side"));
}

MR_TEST(a_rate_is_events_over_the_time_the_side_names) {
  MR_UNUSED_STATE;
  struct mr_bench bench = fake_bench;
  struct fake f = {.plain = 0, .engine = 0, .engine_hash = 42};
  static struct mr_pairs_result r;
  bench.measure = MR_MEASURE_RATE;
  bench.engine = NULL;
  bench.record_near = 0;
  struct mr_pairs_opt quick = opt;
  quick.sample_ms = 1;
  struct mr_machine machine = {.cpu_cnt = 2};
  struct mr_bench_run run = {.bench = &bench, .machine = &machine, .scale = 1, .data = &f};
  assert_int_equal(mr_pairs_run(&run, &quick, &r), MR_OK);
  assert_false(r.has_engine);
  assert_true(only_class(&r)->plain.median > 0);
  assert_true(f.plain_calls > r.tries); /* called again until a sample is long enough */
}

MR_TEST(the_json_object_closes_and_quotes_its_texts) {
  MR_UNUSED_STATE;
  struct fake f = {.plain = 100, .engine = 80, .engine_hash = 42};
  static struct mr_pairs_result r;
  static char text[65536];
  struct mr_machine machine = {.cpu_cnt = 2, .cpu_model = "a \"b\""};
  struct mr_bench_run run = {.bench = &fake_bench, .machine = &machine, .scale = 1, .data = &f};
  assert_int_equal(mr_pairs_run(&run, &opt, &r), MR_OK);
  memset(text, 0, sizeof text);
  FILE *out = fmemopen(text, sizeof text, "w");
  mr_pairs_json(&r, &run, &opt, out);
  fclose(out);
  assert_non_null(strstr(text, "\"plan\":\"plan \\\"x\\\"\\n\"}"));
  assert_non_null(strstr(text, "\"cpu_model\":\"a \\\"b\\\"\""));
  assert_non_null(strstr(text, "\"outputs_equal\":true"));
  int depth = 0;
  bool quoted = false;
  for (char *p = text; *p; p++) {
    if (*p == '\\')
      p++;
    else if (*p == '"')
      quoted = !quoted;
    else if (!quoted)
      depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
  }
  assert_int_equal(depth, 0);
  assert_false(quoted);
}

MR_TEST(an_output_hash_does_not_depend_on_row_order_but_on_every_column) {
  MR_UNUSED_STATE;
  int64_t a[2] = {1, 2}, b[2] = {3, 4}, swapped[2] = {2, 1}, longer[3] = {1, 2, 0};
  uint64_t h = mr_bench_row_hash(a, 2) + mr_bench_row_hash(b, 2);
  assert_int_equal(h, mr_bench_row_hash(b, 2) + mr_bench_row_hash(a, 2));
  assert_int_not_equal(mr_bench_row_hash(a, 2), mr_bench_row_hash(swapped, 2));
  assert_int_not_equal(mr_bench_row_hash(a, 2), mr_bench_row_hash(longer, 3));
}

MR_TEST(quantiles_interpolate_between_sorted_values) {
  MR_UNUSED_STATE;
  double v[4] = {4, 1, 3, 2}, one[1] = {7};
  assert_true(mr_quantile(v, 4, 0.5) == 2.5);
  assert_true(mr_quantile(v, 4, 0) == 1 && mr_quantile(v, 4, 1) == 4);
  assert_true(mr_quantile(one, 1, 0.99) == 7);
  assert_true(mr_quantile(NULL, 0, 0.5) == 0);
}

MR_TEST(a_round_trip_has_its_class) {
  MR_UNUSED_STATE;
  assert_int_equal(mr_machine_placement(0), MR_ONE_CPU);
  assert_int_equal(mr_machine_placement(70), MR_NEAR);
  assert_int_equal(mr_machine_placement(120), MR_NEAR);
  assert_int_equal(mr_machine_placement(250), MR_BETWEEN);
  assert_int_equal(mr_machine_placement(350), MR_FAR);
}

MR_TEST(others_share_is_busy_time_that_is_not_ours) {
  MR_UNUSED_STATE;
  struct mr_share from = {.wall_ns = 0, .busy_ns = 1000000000, .own_ns = 500000000};
  struct mr_share to = {.wall_ns = 1000000000, .busy_ns = 2500000000, .own_ns = 1500000000};
  double tick = 0;
  double others = mr_share_others(&from, &to, &tick);
  assert_true(others > 0.499 && others < 0.501);
  assert_true(tick > 0 && tick < 0.1);
  to.busy_ns = 1000000000;
  assert_true(mr_share_others(&from, &to, NULL) == 0);
}

MR_TEST(probes_of_two_cpus_give_figures) {
  MR_UNUSED_STATE;
  struct mr_machine machine;
  mr_machine_read(&machine);
  if (machine.cpu_cnt < 2) {
    print_message("one CPU only: nothing to probe\n");
    skip();
  }
  double trip_ns = 0; /* 0: another process had one of the CPUs, so the trips say nothing */
  for (int i = 0; i < 50 && trip_ns == 0; i++) trip_ns = mr_machine_round_trip_ns();
  if (trip_ns == 0) mr_skip("others use both CPUs");
  struct mr_stall_floor floor;
  assert_int_equal(mr_machine_stall_floor(0.05, &floor), MR_OK);
  assert_true(floor.p99_ns <= floor.p999_ns && floor.p999_ns <= floor.max_ns);
  struct mr_futex_wake wake;
  assert_int_equal(mr_machine_futex_wake(100, 20, &wake), MR_OK);
  assert_true(wake.p50_ns > 0 && wake.p50_ns <= wake.p99_ns);
  assert_true(wake.round_trip_p50_ns >= wake.p50_ns);
}

MR_TEST(machine_facts_are_filled) {
  MR_UNUSED_STATE;
  struct mr_machine machine;
  mr_machine_read(&machine);
  assert_true(machine.clock[0] && machine.cpu_model[0] && machine.kernel[0] && machine.commit[0]);
  assert_true(machine.llc_bytes >= 256u << 10 && machine.cpu_cnt >= 1);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(sides_alternate_and_the_ratio_is_engine_over_plain),
    MR_CASE(a_ratio_below_the_goal_is_not_met),
    MR_CASE(a_latency_goal_is_met_from_below),
    MR_CASE(a_weak_baseline_does_not_count),
    MR_CASE(outputs_that_differ_give_no_ratio),
    MR_CASE(a_side_that_fails_is_named),
    MR_CASE(a_rate_is_events_over_the_time_the_side_names),
    MR_CASE(the_json_object_closes_and_quotes_its_texts),
    MR_CASE(an_output_hash_does_not_depend_on_row_order_but_on_every_column),
    MR_CASE(quantiles_interpolate_between_sorted_values),
    MR_CASE(a_round_trip_has_its_class),
    MR_CASE(others_share_is_busy_time_that_is_not_ours),
    MR_CASE(probes_of_two_cpus_give_figures),
    MR_CASE(machine_facts_are_filled),
};
MR_MAIN(cases)
