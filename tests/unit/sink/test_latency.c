/* SPDX-License-Identifier: Apache-2.0 */
/* The sink latency: its histogram and the file that it leaves. */
#include <math.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "op_rig.h"
#include "operators/operators.h"
#include "sink/latency.h"

MR_TEST(every_value_is_kept_to_three_digits) {
  MR_UNUSED_STATE;
  struct mr_rng rng;
  mr_rng_init(&rng, 1);
  uint32_t last = 0;
  for (uint64_t v = 0; v < 5000; v++) {
    uint32_t idx = mr_latency_index(v);
    assert_true(idx >= last && idx <= last + 1);
    assert_true(mr_latency_value(idx) >= v);
    last = idx;
  }
  for (int i = 0; i < 100000; i++) {
    uint64_t v = mr_rng_next(&rng) >> (mr_rng_next(&rng) % 64);
    uint32_t idx = mr_latency_index(v);
    assert_true(idx < MR_LATENCY_CNT);
    if (v > MR_LATENCY_MAX_NS) v = MR_LATENCY_MAX_NS;
    assert_true(mr_latency_value(idx) >= v && mr_latency_value(idx) - v <= v / 1000);
    assert_true(idx == 0 || mr_latency_value(idx - 1) < v);
  }
  assert_int_equal(mr_latency_index(UINT64_MAX), mr_latency_index(MR_LATENCY_MAX_NS));
}

MR_TEST(each_line_of_the_spectrum_is_a_percentile_of_the_sorted_values) {
  MR_UNUSED_STATE;
  enum { CNT = 10000 };
  static struct mr_latency l;
  static char text[MR_LATENCY_TEXT + 1];
  struct mr_rng rng;
  mr_rng_init(&rng, 2);
  memset(&l, 0, sizeof l);
  uint64_t at = 500;
  static uint64_t sorted[CNT];
  for (int i = 0; i < CNT; i++) { /* rising values, so that they are sorted as they come */
    at += mr_rng_below(mr_rng_next(&rng), 40) + (uint64_t)i / 50;
    sorted[i] = at;
    mr_latency_record(&l, at, 1);
  }
  size_t len = mr_latency_text(&l, text);
  assert_true(len < MR_LATENCY_TEXT / 2);
  text[len] = '\0';
  int lines = 0;
  double last = -1;
  char *save = NULL;
  for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
    double us, share, inverse;
    unsigned long long cnt;
    if (lines++ == 0) {
      assert_non_null(strstr(line, "Value"));
      continue;
    }
    if (*line == '#') break;
    assert_int_equal(sscanf(line, "%lf %lf %llu %lf", &us, &share, &cnt, &inverse), 4);
    assert_true(share > last && cnt >= 1 && cnt <= CNT);
    last = share;
    assert_true((double)cnt >= share * CNT - 1e-6);
    double want = (double)sorted[cnt - 1] / 1000;
    assert_true(fabs(us - want) <= want / 1000 + 0.001);
    uint64_t rank = (uint64_t)ceil(share * CNT);
    double exact = (double)sorted[rank ? rank - 1 : 0] / 1000;
    assert_true(us >= exact - 0.001 && us - exact <= exact / 1000 + 0.001);
  }
  assert_true(last == 1 && lines > 40);
}

MR_TEST(an_empty_spectrum_has_no_lines) {
  MR_UNUSED_STATE;
  static struct mr_latency l;
  static char text[MR_LATENCY_TEXT];
  memset(&l, 0, sizeof l);
  text[mr_latency_text(&l, text)] = '\0';
  assert_non_null(strstr(text, "Total count    =            0]"));
}

MR_TEST(a_graph_leaves_the_latencies_of_its_rows_in_the_file) {
  MR_UNUSED_STATE;
  static const struct mr_op *const list[] = {&mr_op_generate, &mr_op_latency, NULL};
  static const struct mr_op_table ops = {list};
  char dir[] = "/tmp/test-latency-XXXXXX", path[64], text[1024];
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/a.hgrm", dir);
  snprintf(text, sizeof text,
           "millrace: 1\ngraph: g\n"
           "sources: { in: { type: generate, of: city, rate: 1000/s, count: 5000 } }\n"
           "sinks: { out: { type: latency, from: in, hgrm: %s } }\n",
           path);
  struct op_rig rig;
  op_rig_plan(&rig, &ops, text, NULL);
  op_rig_build(&rig, mr_isa_detect());
  op_rig_run(&rig, 10000000); /* looks every 10 ms: latencies are 0, 1, .. 9 ms and one look more */
  op_rig_free(&rig);
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  char line[256], all[8192] = "";
  double median = -1;
  while (fgets(line, sizeof line, f)) {
    double us, share;
    if (sscanf(line, "%lf %lf", &us, &share) == 2 && share == 0.5) median = us;
    assert_true(strlen(all) + strlen(line) < sizeof all);
    memcpy(all + strlen(all), line, strlen(line) + 1);
  }
  fclose(f);
  assert_non_null(strstr(all, "Total count    =         5000]"));
  if (median < 4000 || median > 15100) fail_msg("median %f us in\n%s", median, all);
  unlink(path);
  rmdir(dir);
}

MR_TEST(a_file_that_cannot_be_written_is_an_error_before_the_start) {
  MR_UNUSED_STATE;
  static const struct mr_op *const list[] = {&mr_op_generate, &mr_op_latency, NULL};
  static const struct mr_op_table ops = {list};
  struct op_rig rig;
  op_rig_plan(&rig, &ops,
              "millrace: 1\ngraph: g\nsources: { in: { type: generate, of: city } }\n"
              "sinks: { out: { type: latency, from: in, hgrm: /dev/null/a.hgrm } }\n",
              NULL);
  assert_non_null(rig.plan);
  struct mr_run_conf conf = {.clock = {.mono_ns = op_rig_mono, .wall_us = op_rig_wall}};
  struct mr_error err;
  assert_int_equal(mr_run_build(&rig.run, rig.plan, &conf, &err), MR_ERR_IO);
  assert_non_null(strstr(err.text, "cannot write /dev/null/a.hgrm"));
  rig.run = NULL;
  op_rig_free(&rig);
}

static const struct CMUnitTest cases_all[] = {
    MR_CASE(every_value_is_kept_to_three_digits),
    MR_CASE(each_line_of_the_spectrum_is_a_percentile_of_the_sorted_values),
    MR_CASE(an_empty_spectrum_has_no_lines),
    MR_CASE(a_graph_leaves_the_latencies_of_its_rows_in_the_file),
    MR_CASE(a_file_that_cannot_be_written_is_an_error_before_the_start),
};
MR_MAIN(cases_all)
