/* SPDX-License-Identifier: Apache-2.0 */
/* dedup against a list of the rows that have passed. */
#include "rig.h"

static const struct mr_op *const ops_list[] = {&mr_op_dedup, NULL};
static const struct mr_op_table ops = {ops_list};

enum key { BY_NUMBER, BY_TEXT, BY_CODE, BY_ALL, KEY_CNT };
static const char *const key_texts[] = {"k", "s", "c", "c, s, k"};

static bool same_key(enum key key, const struct rig_row *a, const struct rig_row *b) {
  bool k = a->k_null == b->k_null && a->k == b->k;
  switch (key) {
  case BY_NUMBER: return k;
  case BY_TEXT: return !strcmp(a->s, b->s);
  case BY_CODE: return a->c == b->c;
  default: return k && !strcmp(a->s, b->s) && a->c == b->c;
  }
}

struct want {
  struct rig_lines out, late;
  uint32_t filtered;
};

static void recount(const struct rig_side *side, enum key key, int64_t within, int64_t delay,
                    struct want *want) {
  const struct rig_row **passed = calloc(side->cnt + 1, sizeof *passed);
  uint32_t cnt = 0;
  int64_t front = MR_TIME_NONE;
  memset(want, 0, sizeof *want);
  for (uint32_t i = 0; i < side->cnt; i++) {
    const struct rig_row *row = &side->rows[i];
    char line[256];
    rig_row_text(row, line);
    if (row->t == MR_TIME_NONE) {
      want->filtered++;
      continue;
    }
    bool late = front != MR_TIME_NONE && row->t < front - delay, repeat = false;
    for (uint32_t p = 0; p < cnt && !repeat && !late; p++)
      repeat = same_key(key, passed[p], row) && llabs(passed[p]->t - row->t) <= within;
    if (late)
      rig_line(&want->late, line);
    else if (repeat)
      want->filtered++;
    else {
      rig_line(&want->out, line);
      passed[cnt++] = row;
    }
    if (row->t > front) front = row->t;
  }
  free(passed);
}

static void check(uint64_t seed) {
  struct rig rig = {0};
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  enum key key = (enum key)(seed % KEY_CNT);
  int64_t within = (int64_t)(mr_rng_next(&rng) % 30) * RIG_SECOND;
  int64_t delay = (int64_t)(mr_rng_next(&rng) % 3) * 5 * RIG_SECOND;
  rig_make(&rig.sides[0], seed, 3000, RIG_SECOND / 10, 4 * RIG_SECOND, 1 + seed % 300);
  struct want want;
  recount(&rig.sides[0], key, within, delay, &want);
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    char graph[2048];
    snprintf(graph, sizeof graph,
             RIG_EVENT "runtime: { workers: { count: %u }, link_items: 4, huge_pages: \"off\" }\n"
                       "sources: { a: { type: feed, event: e, watermark: { delay: %llds } } }\n"
                       "steps: { d: { type: dedup, from: a, key: [%s], within: %llds, workers: %u,"
                       " max_state: 4MiB } }\nsinks: { out: { type: take, from: d },"
                       " late: { type: take, from: d.late } }\n",
             workers, (long long)(delay / RIG_SECOND), key_texts[key],
             (long long)(within / RIG_SECOND), workers);
    rig.batch = 1 + mr_rng_next(&rng) % 1024;
    rig.pace = mr_rng_next(&rng) % 8;
    struct mr_counts c = rig_run(&rig, &ops, graph, "d", workers, seed);
    rig_equal(rig_sink(&rig, "out"), &want.out, seed);
    rig_equal(rig_sink(&rig, "late"), &want.late, seed);
    assert_int_equal(c.rows_in, c.rows_out + c.filtered + c.late);
    assert_int_equal(c.filtered, want.filtered);
    assert_int_equal(c.late, want.late.cnt);
    assert_int_equal(c.state_keys, 0); /* the end of time has passed */
  }
  assert_true(want.out.cnt > 0);
  rig_lines_free(&want.out);
  rig_lines_free(&want.late);
  rig_free(&rig);
}

MR_TEST(what_passes_is_what_a_list_of_passed_rows_lets_pass) {
  MR_UNUSED_STATE;
  for (uint64_t seed = 1; seed <= 16; seed++) check(seed);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(what_passes_is_what_a_list_of_passed_rows_lets_pass),
};
MR_MAIN(cases)
