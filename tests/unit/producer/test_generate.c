/* SPDX-License-Identifier: Apache-2.0 */
/* generate: which rows come out, when, and with which faults. */
#include <math.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "op_rig.h"
#include "operators/operators.h"
#include "producer/generate.h"

static const struct mr_op *const ops_list[] = {&mr_op_generate, &mr_op_map, &op_take_op, NULL};
static const struct mr_op_table ops = {ops_list};

#define GRAPH(options)                                                                             \
  "millrace: 1\ngraph: g\nsources:\n  in: { type: generate, " options " }\n"                       \
  "sinks:\n  out: { type: take, from: in }\n"
#define CITY(options)                                                                              \
  GRAPH("of: city, clock: { start: 2025-10-13T00:00:00Z, step: 20ms }, " options)
#define START_US INT64_C(1760313600000000)

static void run_text(struct op_rig *rig, const char *text, uint64_t pass_ns) {
  op_rig_plan(rig, &ops, text, NULL);
  op_rig_build(rig, mr_isa_detect());
  op_rig_run(rig, pass_ns);
}

/* Field `idx` of a line, in a buffer of its own. */
static const char *field(const char *line, int idx) {
  static char buf[4][1024];
  static int next;
  char *to = buf[next++ % 4];
  for (; idx > 0; idx--) line = strchr(line, '|') + 1;
  size_t len = strcspn(line, "|");
  memcpy(to, line, len);
  to[len] = '\0';
  return to;
}

static int64_t stamp(const char *line, int idx) {
  int64_t us;
  const char *text = field(line, idx);
  assert_int_equal(mr_timestamp_parse(text, strlen(text), &us), 0);
  return us;
}

/* The definition of event k, written down once more. */
static const char *const cities[] = {"SF", "NYC", "LA", "Chicago", "Seattle", "Boston"};
static const char *const types[] = {"traffic", "weather", "incident", "construction"};
static const char *const severities[] = {"low", "medium", "high", "critical"};
static const char *const reports[] = {"traffic congestion detected", "weather condition reported",
                                      "incident reported, emergency services notified",
                                      "construction work in progress"};

static void city_line(uint64_t seed, uint64_t k, int64_t stamp_us, char *to) {
  uint64_t r = mr_rng_at(seed, k);
  char time[MR_TEXT_TIMESTAMP_SZ + 1];
  time[mr_timestamp_format(time, stamp_us)] = '\0';
  const char *s = severities[(r >> 2) & 3];
  sprintf(to, "%s|%s|%s|%s %s|%s", cities[(r >> 32) * 6 >> 32], s, time, s, reports[r & 3],
          types[r & 3]);
}

MR_TEST(every_level_makes_the_numbers_of_the_generator) {
  MR_UNUSED_STATE;
  for (int isa = 0; isa <= (int)mr_isa_detect(); isa++) {
    const struct mr_gen_kernels *k = mr_gen_kernels_of((enum mr_isa)isa);
    static uint64_t bits[1024];
    static int64_t wide[1024];
    static uint8_t narrow[1024];
    for (uint32_t n = 1; n <= 1024; n += n < 70 ? 1 : 477) {
      uint64_t seed = 7 + n, first = UINT64_MAX - 500;
      k->bits(seed, first, bits, n);
      for (uint32_t i = 0; i < n; i++) assert_true(bits[i] == mr_rng_at(seed, first + i));
      k->high_i64(bits, 1000, wide, n);
      for (uint32_t i = 0; i < n; i++) assert_true(wide[i] == mr_rng_below(bits[i], 1000));
      k->high_u8(bits, 6, narrow, n);
      for (uint32_t i = 0; i < n; i++) assert_true(narrow[i] == mr_rng_below(bits[i], 6));
      k->low_u8(bits, 3, narrow, n);
      for (uint32_t i = 0; i < n; i++)
        assert_true(narrow[i] == (uint8_t)((bits[i] & UINT32_MAX) * 3 >> 32));
      k->field_u8(bits, 2, 3, narrow, n);
      for (uint32_t i = 0; i < n; i++) assert_true(narrow[i] == ((bits[i] >> 2) & 3));
      k->ramp(-5, 20000, wide, n);
      for (uint32_t i = 0; i < n; i++) assert_true(wide[i] == -5 + 20000 * (int64_t)i);
    }
  }
}

/* Rows of a system at one level, all columns. */
static void rows_at(struct op_rig *rig, const char *text, enum mr_isa isa) {
  op_rig_plan(rig, &ops, text, NULL);
  op_rig_build(rig, isa);
  op_rig_run(rig, 1000);
}

#define CLOCK "clock: { start: 2025-08-20T06:35:00Z, step: 20ms }, "

MR_TEST(every_level_makes_the_same_rows_of_every_system) {
  MR_UNUSED_STATE;
  static const char *const texts[] = {
      GRAPH(CLOCK "of: transactions, count: 3001, skew: 0.7"),
      GRAPH(CLOCK "of: transactions, count: 3001, users: 300, merchants: 251, locations: 1000"),
      GRAPH(CLOCK "of: transactions_java, count: 3001"),
      GRAPH(CLOCK "of: ecommerce, count: 30001"),
      GRAPH(CLOCK "of: ecommerce, count: 3001, users: 1000000, items: 5, malformed: 5%, late: {"
                  " share: 5%, by: 1h }, duplicates: 5%"),
      GRAPH(CLOCK "of: nexmark, count: 30001"),
      GRAPH(CLOCK "of: nexmark, count: 3001, malformed: 5%, duplicates: 20%"),
      GRAPH(CLOCK "of: sensors, count: 30001"),
      GRAPH(CLOCK "of: sensors, count: 3001, devices: 300, p_hot: 1, p_vib: 0"),
  };
  for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
    struct op_rig rigs[MR_ISA_CNT];
    for (int isa = 0; isa <= (int)mr_isa_detect(); isa++) {
      rows_at(&rigs[isa], texts[t], (enum mr_isa)isa);
      struct op_take *first = op_rig_taken(&rigs[0], "out"), *out = op_rig_taken(&rigs[isa], "out");
      assert_int_equal(out->cnt, first->cnt);
      for (size_t k = 0; k < out->cnt; k++)
        assert_string_equal(out->rows[k].text, first->rows[k].text);
    }
    for (int isa = 0; isa <= (int)mr_isa_detect(); isa++) op_rig_free(&rigs[isa]);
  }
}

/* With some columns read, the others are as if all were. */
MR_TEST(columns_do_not_depend_on_which_others_are_read) {
  MR_UNUSED_STATE;
  static const struct {
    const char *system, *column;
    int idx;
  } cases[] = {
      {"ecommerce", "event_id", 0},
      {"ecommerce", "event_type", 1},
      {"ecommerce", "user_id", 2},
      {"ecommerce", "session_id", 6},
      {"ecommerce", "success", 8},
      {"ecommerce", "item_id", 12},
      {"ecommerce", "price", 16},
      {"ecommerce", "order_id", 17},
      {"ecommerce", "items", 18},
      {"ecommerce", "quantities", 19},
      {"ecommerce", "total_amount", 20},
      {"ecommerce", "clicked_position", 25},
      {"transactions", "transactionId", 0},
      {"transactions", "transactionTime", 3},
      {"transactions", "amount", 2},
      {"transactions", "isInternational", 7},
      {"transactions_java", "userId", 1},
      {"transactions_java", "transactionTime", 3},
      {"sensors", "status", 4},
      {"sensors", "vibration_g", 3},
      {"sensors", "line", 6},
      {"city", "description", 3},
      {"ysb", "ip_address", 6},
      {"nexmark", "id", 1},
      {"nexmark", "expires", 11},
      {"nexmark", "bidder", 15},
      {"nexmark", "price", 16},
      {"nexmark", "url", 18},
      {"nexmark", "extra", 20},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[512];
    struct op_rig all, one;
    snprintf(text, sizeof text, GRAPH(CLOCK "count: 2100, malformed: 2%%, of: %s"),
             cases[i].system);
    rows_at(&all, text, mr_isa_detect());
    snprintf(text, sizeof text,
             "millrace: 1\ngraph: g\nsources:\n  in: { type: generate, " CLOCK
             "count: 2100, malformed: 2%%, of: %s }\nsteps:\n  m: { type: map, from: in, select: "
             "{ it: '\"%s\"' } }\nsinks:\n  out: { type: take, from: m }\n",
             cases[i].system, cases[i].column);
    rows_at(&one, text, mr_isa_detect());
    struct op_take *want = op_rig_taken(&all, "out"), *got = op_rig_taken(&one, "out");
    assert_int_equal(got->cnt, want->cnt);
    assert_in_range(got->cnt, 2000, 2099);
    for (size_t k = 0; k < got->cnt; k++)
      assert_string_equal(got->rows[k].text, field(want->rows[k].text, cases[i].idx));
    op_rig_free(&all);
    op_rig_free(&one);
  }
}

/* The readings by the machine's own logarithm and circular functions. */
MR_TEST(sensor_readings_are_box_and_mullers_normal_numbers) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, GRAPH(CLOCK "of: sensors, count: 20000, p_hot: 0, p_vib: 0, seed: 12"), 1000);
  struct op_take *out = op_rig_taken(&rig, "out");
  uint64_t seed = mr_rng_at(12 ^ UINT64_C(0x6578747261), 0);
  uint32_t on_the_edge = 0;
  for (uint64_t k = 0; k < 20000; k++) {
    uint64_t draw = mr_rng_at(seed, k);
    double u = ((double)(draw >> 32) + 0.5) / 4294967296.0;
    double angle = ((double)(draw & UINT32_MAX) + 0.5) / 4294967296.0 * 2 * acos(-1);
    double r = sqrt(-2 * log(u)), t = 75 + 4 * r * cos(angle), v = 0.12 + 0.05 * r * sin(angle);
    double got_t = atof(field(out->rows[k].text, 2)), got_v = atof(field(out->rows[k].text, 3));
    assert_true(fabs(got_t - t) < 0.005 + 1e-9);
    assert_true(fabs(got_v - fmax(v, 0.01)) < 0.0005 + 1e-9);
    const char *status = t > 85 ? v > 0.5 ? "HOT_VIB" : "HOT" : v > 0.5 ? "VIB" : "OK";
    on_the_edge += strcmp(field(out->rows[k].text, 4), status) != 0;
  }
  assert_int_equal(on_the_edge, 0);
  op_rig_free(&rig);
}

MR_TEST(city_rows_are_those_of_their_number) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, CITY("count: 3000, seed: 42"), 1000);
  struct op_take *out = op_rig_taken(&rig, "out");
  assert_int_equal(out->cnt, 3000);
  for (uint64_t k = 0; k < 3000; k++) {
    char want[256];
    city_line(42, k, START_US + (int64_t)k * 20000, want);
    assert_string_equal(out->rows[k].text, want);
    assert_true(out->rows[k].pos == k || out->rows[k].pos == UINT64_MAX);
  }
  op_rig_free(&rig);
}

MR_TEST(ysb_rows_are_those_of_their_number) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, GRAPH("of: ysb, count: 5000, clock: { start: 2025-10-13T00:00:00Z, step: 1us }"),
           1000);
  static const char *const kinds[] = {"view", "click", "purchase"};
  struct op_take *out = op_rig_taken(&rig, "out");
  assert_int_equal(out->cnt, 5000);
  for (uint64_t k = 0; k < 5000; k++) {
    uint64_t r = mr_rng_at(1, k);
    const char *line = out->rows[k].text;
    assert_int_equal(atoll(field(line, 2)), (r >> 32) * 1000 >> 32);
    assert_string_equal(field(line, 4), kinds[(r & UINT32_MAX) * 3 >> 32]);
    assert_true(stamp(line, 5) == START_US + (int64_t)k);
    assert_in_range(atoll(field(line, 0)), 0, 99999);
    assert_in_range(atoll(field(line, 1)), 0, 9999);
    assert_memory_equal(field(line, 6), "10.0.0.", 7);
  }
  op_rig_free(&rig);
}

MR_TEST(the_96_combinations_are_equally_likely) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, CITY("count: 96000, seed: 3"), 1000);
  struct op_take *out = op_rig_taken(&rig, "out");
  double seen[6][4][4] = {{{0}}}, chi = 0;
  for (size_t i = 0; i < out->cnt; i++) {
    int at[3] = {-1, -1, -1};
    for (int v = 0; v < 6; v++) {
      if (!strcmp(field(out->rows[i].text, 0), cities[v])) at[0] = v;
      if (v < 4 && !strcmp(field(out->rows[i].text, 1), severities[v])) at[1] = v;
      if (v < 4 && !strcmp(field(out->rows[i].text, 4), types[v])) at[2] = v;
    }
    assert_true(at[0] >= 0 && at[1] >= 0 && at[2] >= 0);
    seen[at[0]][at[1]][at[2]]++;
  }
  for (int i = 0; i < 96; i++) {
    double d = (&seen[0][0][0])[i] - 1000;
    chi += d * d / 1000;
  }
  print_message("seed 3: chi-square of 95 degrees of freedom: %.1f\n", chi);
  assert_true(chi > 55 && chi < 145); /* each side one time in a thousand */
  op_rig_free(&rig);
}

static uint64_t hash_rows(const struct op_take *out) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < out->cnt; i++)
    for (const char *p = out->rows[i].text;; p++) {
      h = (h ^ (uint8_t)*p) * UINT64_C(1099511628211);
      if (!*p) break;
    }
  return h;
}

MR_TEST(a_seed_gives_the_same_rows_for_batches_of_1_and_7_and_1024) {
  MR_UNUSED_STATE;
#define FAULTS "late: { share: 10%, by: 2h }, duplicates: 5%, malformed: 3%, skew: 0.8"
  static const char *const texts[] = {CITY("count: 4000, rate: 1000/s"),
                                      CITY("count: 4000, rate: 1000/s, " FAULTS)};
  for (int t = 0; t < 2; t++) {
    uint64_t want = 0;
    static const uint32_t sizes[] = {1, 7, 1024};
    for (int s = 0; s < 3; s++) {
      struct op_rig rig;
      run_text(&rig, texts[t], sizes[s] * UINT64_C(1000000));
      struct op_take *out = op_rig_taken(&rig, "out");
      uint64_t got = hash_rows(out);
      if (s == 0) want = got;
      assert_true(got == want);
      assert_true(s > 0 || out->view_cnt + 2 >= out->cnt);
      assert_true(s < 2 || out->view_cnt < 8);
      op_rig_free(&rig);
    }
  }
}

MR_TEST(late_rows_are_exactly_so_far_behind_their_turn) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, CITY("count: 20000, late: { share: 5%, by: 2h }, seed: 9"), 1000);
  struct op_take *out = op_rig_taken(&rig, "out");
  assert_int_equal(out->cnt, 20000);
  uint32_t late = 0;
  for (uint64_t k = 0; k < 20000; k++) {
    int64_t behind = START_US + (int64_t)k * 20000 - stamp(out->rows[k].text, 2);
    assert_true(behind == 0 || behind == INT64_C(7200000000));
    late += behind != 0;
    char want[256];
    city_line(9, k, START_US + (int64_t)k * 20000 - behind, want);
    assert_string_equal(out->rows[k].text, want);
  }
  assert_in_range(late, 850, 1150); /* five deviations of 31 */
  op_rig_free(&rig);
}

MR_TEST(a_duplicate_is_an_earlier_row_again_with_its_stamp) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, CITY("count: 20000, duplicates: 3%"), 1000);
  struct op_take *out = op_rig_taken(&rig, "out");
  assert_int_equal(out->cnt, 20000);
  uint32_t again = 0;
  for (uint64_t k = 0; k < 20000; k++) {
    int64_t n = (stamp(out->rows[k].text, 2) - START_US) / 20000;
    assert_in_range(n, 0, k);
    char want[256];
    city_line(1, (uint64_t)n, START_US + n * 20000, want);
    assert_string_equal(out->rows[k].text, want);
    if (n < (int64_t)k) {
      assert_string_equal(out->rows[n].text, out->rows[k].text);
      again++;
    }
  }
  assert_in_range(again, 480, 720);
  op_rig_free(&rig);
}

MR_TEST(malformed_rows_are_dead_letters_and_count) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig,
           CITY("count: 10000, malformed: 10%, seed: 5") "  bad: { type: take, from: in.errors }\n",
           1000);
  struct op_take *out = op_rig_taken(&rig, "out"), *bad = op_rig_taken(&rig, "bad");
  assert_int_equal(out->cnt + bad->cnt, 10000);
  assert_in_range(bad->cnt, 850, 1150);
  size_t next = 0;
  for (size_t i = 0; i < bad->cnt; i++) {
    const char *line = bad->rows[i].text; /* node code cause source position line time raw ... */
    uint64_t k = (uint64_t)atoll(field(line, 4));
    assert_string_equal(field(line, 0), "in");
    assert_string_equal(field(line, 1), "MR3003");
    const char *raw = field(line, 7);
    char city[128];
    sprintf(city, "{\"city\":\"%s\",\"severity\"", cities[(mr_rng_at(5, k) >> 32) * 6 >> 32]);
    size_t len = strlen(raw) < strlen(city) ? strlen(raw) : strlen(city);
    assert_memory_equal(raw, city, len);
    assert_true(raw[strlen(raw) - 1] != '}');
    next++;
  }
  assert_int_equal(next, bad->cnt);
  op_rig_free(&rig);
}

MR_TEST(malformed_rows_can_come_among_the_others_with_a_broken_line) {
  MR_UNUSED_STATE;
  static const char *const systems[] = {"city", "ecommerce", "transactions"};
  for (int s = 0; s < 3; s++)
    for (int cnt = 1; cnt <= 3; cnt += 2) {
      char text[512];
      struct op_rig clean, rig;
      snprintf(text, sizeof text, GRAPH(CLOCK "count: 5000, of: %s"), systems[s]);
      run_text(&clean, text, 1000);
      snprintf(text, sizeof text,
               GRAPH(CLOCK "count: 5000, malformed: 60%%, malformed_as: json, workers: %d, of: %s"),
               cnt, systems[s]);
      run_text(&rig, text, 1000); /* the sink does not ask for the hidden column */
      struct op_take *want = op_rig_taken(&clean, "out"), *got = op_rig_taken(&rig, "out");
      assert_int_equal(got->cnt, 5000);
      for (size_t k = 0; k < 5000; k++) assert_string_equal(got->rows[k].text, want->rows[k].text);
      op_rig_free(&clean);
      op_rig_free(&rig);
    }
}

MR_TEST(rows_of_a_rate_come_when_they_are_due_and_carry_their_planned_time) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  op_rig_plan(&rig, &ops, CITY("count: 100, rate: 1000/s, after: 50ms"), NULL);
  op_rig_build(&rig, mr_isa_detect());
  struct op_take *out = op_rig_taken(&rig, "out");
  op_rig_look(&rig);
  uint64_t start = op_rig_ns + 50000000;
  static const struct {
    uint64_t pass_ns;
    size_t cnt;
  } looks[] = {{49999999, 0}, {1, 1}, {2999999, 3}, {1, 4}};
  for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
    op_rig_pass(looks[i].pass_ns);
    op_rig_look(&rig);
    assert_int_equal(out->cnt, looks[i].cnt);
  }
  op_rig_run(&rig, 5000000);
  assert_int_equal(out->cnt, 100);
  for (uint64_t k = 0; k < 100; k++) assert_true(out->rows[k].t0_ns == start + k * 1000000);
  op_rig_free(&rig);
}

MR_TEST(without_clock_rows_are_stamped_now) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  op_rig_plan(&rig, &ops, GRAPH("of: city, count: 20, rate: 1000/s"), NULL);
  op_rig_build(&rig, mr_isa_detect());
  op_rig_run(&rig, 1000000);
  struct op_take *out = op_rig_taken(&rig, "out");
  assert_int_equal(out->cnt, 20);
  for (int i = 0; i < 20; i++) assert_true(stamp(out->rows[i].text, 2) == out->rows[i].now_us);
  assert_true(stamp(out->rows[19].text, 2) - stamp(out->rows[0].text, 2) == 19000);
  op_rig_free(&rig);
}

MR_TEST(poisson_gaps_are_exponential_and_do_not_depend_on_polls) {
  MR_UNUSED_STATE;
  struct op_rig a, b;
  const char *text = CITY("count: 20000, rate: 1000/s, poisson: true, malformed: 1%");
  run_text(&a, text, 700000);
  struct op_take *out = op_rig_taken(&a, "out");
  size_t cnt = out->cnt;
  uint64_t *t0 = malloc(cnt * sizeof *t0);
  double sum = 0, squares = 0;
  uint32_t above = 0;
  for (size_t i = 0; i < cnt; i++) {
    t0[i] = out->rows[i].t0_ns;
    if (i == 0) continue;
    double gap = (double)(t0[i] - t0[i - 1]) / 1e6; /* ms */
    sum += gap;
    squares += gap * gap;
    above += gap > 1.0101;
  }
  op_rig_free(&a);
  double n = (double)cnt - 1, mean = sum / n, spread = sqrt(squares / n - mean * mean);
  print_message("seed 1: mean %.4f, spread %.4f, above the mean %.4f\n", mean, spread, above / n);
  assert_true(fabs(mean - 1.0101) < 0.04);
  assert_true(fabs(spread / mean - 1) < 0.04);
  assert_true(fabs(above / n - exp(-1)) < 0.02);
  run_text(&b, text, 5300000);
  out = op_rig_taken(&b, "out");
  assert_int_equal(out->cnt, cnt);
  for (size_t i = 0; i < cnt; i++)
    assert_true(out->rows[i].t0_ns - out->rows[0].t0_ns == t0[i] - t0[0]);
  op_rig_free(&b);
  free(t0);
}

MR_TEST(the_natural_logarithm_is_right) {
  MR_UNUSED_STATE;
  for (double u = 1; u > 1e-16; u *= 0.97)
    assert_true(fabs(mr_gen_neg_ln(u) + log(u)) <= 1e-13 + 1e-14 * fabs(log(u)));
}

MR_TEST(under_the_virtual_clock_nothing_waits_and_rows_carry_their_planned_time) {
  MR_UNUSED_STATE;
  struct mr_plan_conf conf = {.clock = 1};
  struct op_rig rig;
  op_rig_plan(&rig, &ops, CITY("count: 5000, rate: 10/s"), &conf);
  op_rig_build(&rig, mr_isa_detect());
  op_rig_run(&rig, 0);
  struct op_take *out = op_rig_taken(&rig, "out");
  assert_int_equal(out->cnt, 5000);
  for (uint64_t k = 0; k < 5000; k++)
    assert_true(out->rows[k].now_us == START_US + (int64_t)k * 20000);
  op_rig_free(&rig);
  op_rig_plan(&rig, &ops, GRAPH("of: city, duration: 100s, rate: 10/s"), &conf);
  op_rig_build(&rig, mr_isa_detect());
  op_rig_run(&rig, 0);
  out = op_rig_taken(&rig, "out");
  assert_int_equal(out->cnt, 1000);
  for (uint64_t k = 0; k < 1000; k++) {
    assert_true(out->rows[k].now_us == op_rig_wall_us + (int64_t)k * 100000);
    assert_true(stamp(out->rows[k].text, 2) == out->rows[k].now_us);
  }
  op_rig_free(&rig);
}

MR_TEST(duration_ends_before_the_first_row_that_is_planned_after_it) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, CITY("duration: 1s, rate: 100/s"), 3000000);
  assert_int_equal(op_rig_taken(&rig, "out")->cnt, 100);
  op_rig_free(&rig);
  struct mr_plan_conf conf = {.clock = 1};
  for (int rate = 1; rate <= 1000;
       rate += rate < 50 ? 1 : 31) { /* thirds of a second and the like */
    char text[512];
    snprintf(text, sizeof text, CITY("duration: 60s, rate: %d/s"), rate);
    op_rig_plan(&rig, &ops, text, &conf);
    op_rig_build(&rig, mr_isa_detect());
    op_rig_run(&rig, 0);
    assert_int_equal(op_rig_taken(&rig, "out")->cnt, 60 * rate);
    op_rig_free(&rig);
  }
  op_rig_plan(&rig, &ops, CITY("duration: 10s"), &conf);
  op_rig_build(&rig, mr_isa_detect());
  op_rig_run(&rig, 0);
  assert_int_equal(op_rig_taken(&rig, "out")->cnt, 500);
  op_rig_free(&rig);
}

MR_TEST(skew_follows_the_law_of_zipf_on_the_key) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, CITY("count: 60000, skew: 1, seed: 11"), 1000);
  struct op_take *out = op_rig_taken(&rig, "out");
  double seen[6] = {0}, sum = 0, chi = 0;
  for (size_t i = 0; i < out->cnt; i++)
    for (int v = 0; v < 6; v++) seen[v] += !strcmp(field(out->rows[i].text, 0), cities[v]);
  for (int v = 0; v < 6; v++) sum += 1.0 / (v + 1);
  for (int v = 0; v < 6; v++) {
    double want = 60000 / sum / (v + 1);
    chi += (seen[v] - want) * (seen[v] - want) / want;
  }
  print_message("seed 11: chi-square of 5 degrees of freedom: %.2f\n", chi);
  assert_true(chi < 20.5); /* one time in a thousand */
  op_rig_free(&rig);
  run_text(&rig, GRAPH("of: ysb, skew: 0.5, count: 50000"), 1000);
  out = op_rig_taken(&rig, "out");
  uint32_t first = 0, top = 0;
  for (size_t i = 0; i < out->cnt; i++) {
    long long ad = atoll(field(out->rows[i].text, 2));
    assert_in_range(ad, 0, 999);
    first += ad == 0;
    top = ad > top ? (uint32_t)ad : top;
  }
  double weights = 0;
  for (int v = 1; v <= 1000; v++) weights += 1 / sqrt(v);
  assert_true(fabs(first - 50000 / weights) < 5 * sqrt(50000 / weights));
  assert_true(top > 980);
  op_rig_free(&rig);
}

MR_TEST(any_number_of_instances_makes_the_same_rows_in_the_same_order) {
  MR_UNUSED_STATE;
#define MIXED "late: { share: 10%, by: 2h }, duplicates: 5%, malformed: 3%, "
  static const char *const systems[] = {
      "city, skew: 1", "ysb",     "transactions", "transactions_java",
      "ecommerce",     "sensors", "nexmark"};
  static const char *const options[] = {CLOCK, CLOCK MIXED, CLOCK "rate: 5000/s, ",
                                        CLOCK "rate: 5000/s, poisson: true, " MIXED,
                                        CLOCK "rate: 500000/s, poisson: true, " MIXED};
  for (size_t i = 0; i < sizeof systems / sizeof *systems * 5; i++) {
    uint64_t want = 0;
    static const int cnts[] = {1, 3, 10};
    for (int c = 0; c < 3; c++) {
      char text[512];
      struct op_rig rig;
      snprintf(text, sizeof text, GRAPH("%s count: 5003, workers: %d, of: %s"), options[i % 5],
               cnts[c], systems[i / 5]);
      run_text(&rig, text, 100000);
      struct op_take *out = op_rig_taken(&rig, "out");
      uint64_t got = hash_rows(out);
      if (c == 0) want = got;
      if (got != want) print_message("%s", text);
      assert_true(got == want);
      op_rig_free(&rig);
    }
  }
}

MR_TEST(at_a_rate_row_k_is_made_by_instance_k_mod_n_when_it_is_due) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  op_rig_plan(&rig, &ops, GRAPH("of: city, workers: 3, rate: 1000/s, count: 100, after: 5ms"),
              NULL);
  op_rig_build(&rig, mr_isa_detect());
  struct op_take *out = op_rig_taken(&rig, "out");
  for (int ms = 0; ms < 60; ms++) {
    for (int step = 0; step < 20; step++) op_rig_look(&rig); /* each of them looks */
    if (ms == 4) assert_int_equal(out->cnt, 0);
    if (ms > 5) assert_in_range(out->cnt, ms - 6, ms - 4);
    op_rig_pass(1000000);
  }
  op_rig_run(&rig, 1000000);
  assert_int_equal(out->cnt, 100);
  for (uint64_t k = 1; k < 100; k++) {
    assert_true(out->rows[k].t0_ns - out->rows[k - 1].t0_ns == 1000000);
    assert_true(out->rows[k].view != out->rows[k - 1].view); /* a row is a turn */
  }
  for (uint32_t i = 0; i < 3; i++) {
    const struct mr_gen *gen = mr_run_self(rig.run, "in", i);
    assert_int_equal(gen->made, i == 0 ? 34 : 33);
  }
  op_rig_free(&rig);
}

MR_TEST(repeated_rows_with_the_time_of_day_come_from_one_instance) {
  MR_UNUSED_STATE;
  struct op_rig rig;
  run_text(&rig, GRAPH("of: city, workers: 3, count: 9000, duplicates: 30%"), 1000);
  struct op_take *out = op_rig_taken(&rig, "out");
  assert_int_equal(out->cnt, 9000);
  uint32_t again = 0;
  for (size_t k = 1; k < 9000; k++) again += stamp(out->rows[k].text, 2) < out->rows[k].now_us;
  assert_in_range(again, 1, 9000);
  const struct mr_gen *gen = mr_run_self(rig.run, "in", 0);
  assert_int_equal(gen->made, 9000);
  op_rig_free(&rig);
}

MR_TEST(the_seed_of_the_command_line_goes_before_the_files) {
  MR_UNUSED_STATE;
  struct mr_plan_conf conf = {.clock = -1, .seed = 77, .seed_given = true};
  struct op_rig rig;
  op_rig_plan(&rig, &ops, CITY("count: 50, seed: 5"), &conf);
  op_rig_build(&rig, mr_isa_detect());
  op_rig_run(&rig, 1000);
  for (uint64_t k = 0; k < 50; k++) {
    char want[256];
    city_line(77, k, START_US + (int64_t)k * 20000, want);
    assert_string_equal(op_rig_taken(&rig, "out")->rows[k].text, want);
  }
  op_rig_free(&rig);
}

MR_TEST(options_that_do_not_fit_are_refused_with_their_place) {
  MR_UNUSED_STATE;
  static const struct {
    const char *text;
    int code;
    uint32_t col;
  } cases[] = {
      {GRAPH("of: nexmark, skew: 1"), 1009, 3},
      {GRAPH("of: cty"), 1007, 29},
      {GRAPH("of: city, fields: { a: int64 }"), 1009, 43},
      {GRAPH("of: city, poisson: true"), 1009, 44},
      {GRAPH("of: city, late: { share: 60%, by: 1s }, duplicates: 50%"), 1004, 3},
      {GRAPH("of: city, late: { share: 60% }"), 1005, 35},
      {GRAPH("of: city, rate: -5/s"), 1003, 41},
      {GRAPH("rate: 5/s"), 1005, 3},
      {GRAPH("of: city, devices: 5"), 1009, 44},
      {GRAPH("of: sensors, users: 5"), 1009, 45},
      {GRAPH("of: sensors, sites: [a, b, a]"), 1004, 52},
      {GRAPH("of: sensors, p_hot: 120%"), 1004, 45},
      {GRAPH("of: ecommerce, items: 4"), 1004, 47},
      {GRAPH("of: transactions_java, locations: 5"), 1009, 59},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct op_rig rig;
    op_rig_plan(&rig, &ops, cases[i].text, NULL);
    assert_null(rig.plan);
    op_rig_says_at(&rig, cases[i].code, 4, cases[i].col);
    op_rig_free(&rig);
  }
}

static const struct CMUnitTest cases_all[] = {
    MR_CASE(every_level_makes_the_numbers_of_the_generator),
    MR_CASE(every_level_makes_the_same_rows_of_every_system),
    MR_CASE(columns_do_not_depend_on_which_others_are_read),
    MR_CASE(sensor_readings_are_box_and_mullers_normal_numbers),
    MR_CASE(city_rows_are_those_of_their_number),
    MR_CASE(ysb_rows_are_those_of_their_number),
    MR_CASE(the_96_combinations_are_equally_likely),
    MR_CASE(a_seed_gives_the_same_rows_for_batches_of_1_and_7_and_1024),
    MR_CASE(late_rows_are_exactly_so_far_behind_their_turn),
    MR_CASE(a_duplicate_is_an_earlier_row_again_with_its_stamp),
    MR_CASE(malformed_rows_are_dead_letters_and_count),
    MR_CASE(malformed_rows_can_come_among_the_others_with_a_broken_line),
    MR_CASE(rows_of_a_rate_come_when_they_are_due_and_carry_their_planned_time),
    MR_CASE(without_clock_rows_are_stamped_now),
    MR_CASE(poisson_gaps_are_exponential_and_do_not_depend_on_polls),
    MR_CASE(the_natural_logarithm_is_right),
    MR_CASE(under_the_virtual_clock_nothing_waits_and_rows_carry_their_planned_time),
    MR_CASE(duration_ends_before_the_first_row_that_is_planned_after_it),
    MR_CASE(skew_follows_the_law_of_zipf_on_the_key),
    MR_CASE(any_number_of_instances_makes_the_same_rows_in_the_same_order),
    MR_CASE(at_a_rate_row_k_is_made_by_instance_k_mod_n_when_it_is_due),
    MR_CASE(repeated_rows_with_the_time_of_day_come_from_one_instance),
    MR_CASE(the_seed_of_the_command_line_goes_before_the_files),
    MR_CASE(options_that_do_not_fit_are_refused_with_their_place),
};
MR_MAIN(cases_all)
