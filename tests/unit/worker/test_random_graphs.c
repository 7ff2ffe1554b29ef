/* SPDX-License-Identifier: Apache-2.0 */
/* Random graphs on the stepper: each graph, each schedule and each moment of a drain comes from a
 * seed, which is printed when something is wrong. MR_GRAPHS says how many; MR_SEED where to begin.
 */
#include "graphs.h"
#include "test.h"

#define STEPS_MAX UINT64_C(3000000)

static uint64_t env(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 0) : otherwise;
}

static const char *run_one(uint64_t seed, bool drain, struct rig_graph *g) {
  struct rig_run r;
  rig_graph_make(g, seed, 600, "spin");
  rig_run_build(&r, g->text);
  const char *wrong = NULL;
  if (drain) {
    rig_run_steps(&r, &g->rng, rig_pick(&g->rng, 200));
    mr_run_drain(r.run);
    g->drained = true;
  }
  if (!rig_run_steps(&r, &g->rng, STEPS_MAX)) wrong = "the graph did not end";
  if (!wrong) wrong = rig_check(g, &r);
  rig_run_free(&r);
  rig_graph_free(g);
  return wrong;
}

static void run_all(bool drain) {
  static struct rig_graph g;
  uint64_t first = env("MR_SEED", 1), cnt = env("MR_GRAPHS", 120);
  if (drain) cnt = (cnt + 1) / 2;
  printf("seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)(first + cnt - 1));
  for (uint64_t seed = first; seed < first + cnt; seed++) {
    const char *wrong = run_one(seed, drain, &g);
    if (wrong) fail_msg("seed %llu: %s\n%s", (unsigned long long)seed, wrong, g.text);
  }
}

MR_TEST(every_row_arrives_once_per_path_in_order_and_in_time) {
  MR_UNUSED_STATE;
  run_all(false);
}

MR_TEST(a_drain_in_the_middle_loses_nothing_and_closes_no_window_early) {
  MR_UNUSED_STATE;
  run_all(true);
}

MR_TEST(the_checks_find_what_is_planted) {
  MR_UNUSED_STATE;
  static const char *const says[RIG_FAULTS] = {
      NULL,
      [RIG_LOSES] = "rows were lost",
      [RIG_REPEATS] = "a row came that should not, or came twice",
      [RIG_HURRIES] = "a row was late",
      [RIG_LEAKS] = "a batch did not come home",
      [RIG_MISCOUNTS] = "the accounts of a node do not add up",
  };
  static struct rig_graph g;
  for (int fault = 0; fault < RIG_FAULTS; fault++) {
    struct rig_run r;
    rig_graph_make_faulty(&g, fault);
    rig_run_build(&r, g.text);
    assert_true(rig_run_steps(&r, &g.rng, STEPS_MAX));
    const char *wrong = rig_check(&g, &r);
    if (says[fault]) assert_non_null(wrong);
    if (says[fault])
      assert_string_equal(wrong, says[fault]);
    else
      assert_null(wrong);
    rig_run_free(&r);
    rig_graph_free(&g);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_checks_find_what_is_planted),
    MR_CASE(every_row_arrives_once_per_path_in_order_and_in_time),
    MR_CASE(a_drain_in_the_middle_loses_nothing_and_closes_no_window_early),
};
MR_MAIN(cases)
