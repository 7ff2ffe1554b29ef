/* SPDX-License-Identifier: Apache-2.0 */
/* join against nested loops over all rows in time. */
#include "rig.h"

static const struct mr_op *const ops_list[] = {&mr_op_join, &mr_op_window, NULL};
static const struct mr_op_table ops = {ops_list};

/* The other side's event: the colours have other codes there. */
#define EVENT_F                                                                                    \
  "  f:\n    event_time: t\n    missing_time: keep\n    fields:\n      t: { type: timestamp }\n"   \
  "      k: { type: int64, optional: true }\n      s: string\n"                                    \
  "      c: { type: string, one_of: [blue, red, green, white] }\n      v: int64\n"
static const char *const right_colors[] = {"blue", "red", "green"};

enum key { BY_NUMBER, BY_TEXT, BY_COLOR, BY_BOTH, KEY_CNT };
static const char *const key_texts[] = {"k", "s", "[c]", "{ left: [k, c], right: [k, c] }"};
enum kind { INNER, LEFT, FULL };
static const char *const kind_texts[] = {"inner", "left", "full"};

struct query {
  enum key key;
  enum kind kind;
  int64_t before, after, window; /* window 0: within */
  int64_t delay;
};

static bool matches(const struct query *q, const struct rig_row *l, const struct rig_row *r) {
  bool k = !l->k_null && !r->k_null && l->k == r->k;
  bool c = !strcmp(rig_colors[l->c], right_colors[r->c]);
  if (q->key == BY_NUMBER && !k) return false;
  if (q->key == BY_TEXT && strcmp(l->s, r->s)) return false;
  if (q->key == BY_COLOR && !c) return false;
  if (q->key == BY_BOTH && !(k && c)) return false;
  if (q->window) return l->t / q->window == r->t / q->window;
  return r->t >= l->t - q->before && r->t <= l->t + q->after;
}

static size_t half(const struct rig_row *row, const char *const *colors, char *to) {
  if (!row) return (size_t)sprintf(to, "NULL|NULL|NULL|NULL|NULL");
  size_t len = mr_timestamp_format(to, row->t);
  if (row->k_null)
    len += (size_t)sprintf(to + len, "|NULL");
  else
    len += (size_t)sprintf(to + len, "|%lld", (long long)row->k);
  return len + (size_t)sprintf(to + len, "|%s|%s|%lld", row->s, colors[row->c], (long long)row->v);
}

static void put(struct rig_lines *out, const struct rig_row *l, const struct rig_row *r) {
  char line[512];
  size_t len = half(l, rig_colors, line);
  line[len++] = '|';
  half(r, right_colors, line + len);
  rig_line(out, line);
}

struct want {
  struct rig_lines out;
  uint32_t filtered, late;
};

/* Which rows of a side are in time. */
static bool *find_in_time(const struct rig_side *side, int64_t delay, struct want *want) {
  bool *in = calloc(side->cnt + 1, sizeof *in);
  int64_t front = MR_TIME_NONE;
  for (uint32_t i = 0; i < side->cnt; i++) {
    int64_t t = side->rows[i].t;
    bool late = t != MR_TIME_NONE && front != MR_TIME_NONE && t < front - delay;
    in[i] = t != MR_TIME_NONE && !late;
    want->filtered += t == MR_TIME_NONE;
    want->late += late;
    if (t > front) front = t;
  }
  return in;
}

static void recount(const struct rig *rig, const struct query *q, struct want *want) {
  const struct rig_side *l = &rig->sides[0], *r = &rig->sides[1];
  memset(want, 0, sizeof *want);
  bool *l_in = find_in_time(l, q->delay, want), *r_in = find_in_time(r, q->delay, want);
  bool *r_met = calloc(r->cnt + 1, sizeof *r_met);
  for (uint32_t i = 0; i < l->cnt; i++) {
    bool met = false;
    for (uint32_t j = 0; l_in[i] && j < r->cnt; j++) {
      if (!r_in[j] || !matches(q, &l->rows[i], &r->rows[j])) continue;
      put(&want->out, &l->rows[i], &r->rows[j]);
      met = r_met[j] = true;
    }
    if (l_in[i] && !met && q->kind != INNER) put(&want->out, &l->rows[i], NULL);
  }
  for (uint32_t j = 0; j < r->cnt; j++)
    if (r_in[j] && !r_met[j] && q->kind == FULL) put(&want->out, NULL, &r->rows[j]);
  free(l_in);
  free(r_in);
  free(r_met);
}

static const char *graph_of(const struct query *q, uint32_t workers) {
  static char text[4096], bound[128];
  if (q->window)
    snprintf(bound, sizeof bound, "window: { tumbling: %llds }",
             (long long)(q->window / RIG_SECOND));
  else
    snprintf(bound, sizeof bound, "within: { before: %lldms, after: %lldms }",
             (long long)(q->before / 1000), (long long)(q->after / 1000));
  snprintf(text, sizeof text,
           RIG_EVENT EVENT_F
           "runtime: { workers: { count: %u }, link_items: 4, huge_pages: \"off\" }\n"
           "sources:\n  a: { type: feed, event: e, watermark: { delay: %llds } }\n"
           "  b: { type: feed, event: f }\n"
           "steps:\n  j: { type: join, left: a, right: b, key: %s, %s, kind: %s, workers: %u,\n"
           "       max_state: 4MiB,\n"
           "       select: { lt: a.t, lk: a.k, ls: left.s, lc: a.c, lv: a.v,\n"
           "                 rt: b.t, rk: right.k, rs: b.s, rc: b.c, rv: b.v } }\n"
           "  w: { type: window, from: j, window: { tumbling: 10s } }\n"
           "sinks:\n  out: { type: take, from: j }\n  sums: { type: take, from: w }\n",
           workers, (long long)(q->delay / RIG_SECOND), key_texts[q->key], bound,
           kind_texts[q->kind], workers);
  return text;
}

static void check(uint64_t seed) {
  struct rig rig = {0};
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  struct query q = {.key = (enum key)(seed % KEY_CNT), .kind = (enum kind)(seed / KEY_CNT % 3)};
  q.before = (int64_t)(mr_rng_next(&rng) % 6) * 700000;
  q.after = (int64_t)(mr_rng_next(&rng) % 6) * 1100000;
  q.delay = (int64_t)(mr_rng_next(&rng) % 3) * 3 * RIG_SECOND;
  if (mr_rng_next(&rng) % 3 == 0) q.window = (1 + (int64_t)(mr_rng_next(&rng) % 9)) * RIG_SECOND;
  uint32_t keys = q.key == BY_COLOR ? 3 : 1 + (uint32_t)(mr_rng_next(&rng) % 200);
  uint32_t cnt = keys < 10 ? 300 : 1500;
  rig_make(&rig.sides[0], seed, cnt, RIG_SECOND / 10, 2 * RIG_SECOND, keys);
  rig_make(&rig.sides[1], seed + 1000, cnt, RIG_SECOND / 10, 2 * RIG_SECOND, keys);
  struct want want;
  recount(&rig, &q, &want);
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    rig.batch = 1 + (uint32_t)(mr_rng_next(&rng) % (seed % 2 ? 1024 : 40));
    rig.pace = mr_rng_next(&rng) % 8;
    struct mr_counts c = rig_run(&rig, &ops, graph_of(&q, workers), "j", workers, seed);
    rig_equal(rig_sink(&rig, "out"), &want.out, seed);
    assert_int_equal(c.rows_in, c.absorbed + c.filtered + c.late);
    assert_int_equal(c.filtered, want.filtered);
    assert_int_equal(c.late, want.late);
    assert_int_equal(c.rows_out, want.out.cnt);
    assert_int_equal(c.state_keys, 0); /* the end of time has passed */
    uint64_t sum = 0;                  /* no row that goes out is late for those behind */
    struct rig_lines *sums = rig_sink(&rig, "sums");
    for (uint32_t i = 0; i < sums->cnt; i++)
      sum += strtoull(strrchr(sums->items[i], '|') + 1, NULL, 10);
    if (sum != want.out.cnt)
      fail_msg("seed %llu: %llu of %u rows in windows", (unsigned long long)seed,
               (unsigned long long)sum, want.out.cnt);
  }
  rig_lines_free(&want.out);
  rig_free(&rig);
}

MR_TEST(what_goes_out_is_what_nested_loops_find) {
  MR_UNUSED_STATE;
  for (uint64_t seed = 1; seed <= 16; seed++) check(seed);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(what_goes_out_is_what_nested_loops_find),
};
MR_MAIN(cases)
