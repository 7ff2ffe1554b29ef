/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "harness.h"
#include "operators/operators.h"

#define SEED   UINT64_C(0x717)
#define BASE   INT64_C(1760313600000000) /* 2025-10-13, a multiple of all sizes below */
#define SECOND INT64_C(1000000)
#define ROWS   6000u

/* ---- the simple computation ---- */

enum key { KEY_NONE = 0, KEY_CITY = 1, KEY_NAME = 2, KEY_V = 4, KEY_OK = 8, KEY_D = 16 };

struct query {
  const char *name;
  uint32_t keys;       /* enum key */
  const char *columns; /* names of the table below, blank between */
  int64_t size_us, offset_us;
  const char *where; /* or NULL; the second is the same in C */
  bool (*pass)(const struct row *r);
};

static bool is_ok(const struct row *r) {
  return r->ok;
}
static bool is_large(const struct row *r) {
  return !r->v_null && r->v > 20;
}

struct column {
  const char *name, *expr;
};
static const struct column columns[] = {
    {"n", "count(*)"},
    {"nv", "count(v)"},
    {"nok", "count(*) FILTER (WHERE ok)"},
    {"sv", "sum(v)"},
    {"sd", "sum(d)"},
    {"av", "avg(v)"},
    {"minv", "min(v)"},
    {"maxv", "max(v)"},
    {"mint", "min(ts)"},
    {"maxt", "max(ts)"},
    {"maxd", "max(d)"},
    {"minc", "min(city)"},
    {"maxc", "max(city)"},
    {"minn", "min(name)"},
    {"maxn", "max(name)"},
    {"fn", "first(name)"},
    {"ln", "last(name)"},
    {"fv", "first(v)"},
    {"cs", "collect_list(city)"},
    {"vs", "collect_list(v)"},
    {"ns", "collect_list(name)"},
    {"set", "collect_set(v)"},
    {"dn", "count(DISTINCT name)"},
    {"len", "window_end - window_start"},
    {"twice", "count(*) + count(*)"},
};

struct group {
  int64_t start;
  struct row *rows;
  uint32_t cnt;
};

static int64_t start_of(const struct query *q, int64_t ts) {
  int64_t from = ts - q->offset_us, n = from / q->size_us;
  if (from < 0 && n * q->size_us != from) n--;
  return n * q->size_us + q->offset_us;
}

static bool same_key(const struct query *q, const struct row *a, const struct row *b) {
  if (q->keys & KEY_CITY && a->city != b->city) return false;
  if (q->keys & KEY_NAME && strcmp(a->name, b->name) != 0) return false;
  if (q->keys & KEY_V && (a->v_null != b->v_null || (!a->v_null && a->v != b->v))) return false;
  if (q->keys & KEY_OK && a->ok != b->ok) return false;
  return !(q->keys & KEY_D) || a->d == b->d;
}

static const char *int_text(char *buf, bool null, int64_t v) {
  if (null) return strcpy(buf, "null");
  sprintf(buf, "%lld", (long long)v);
  return buf;
}

static bool is_repeat(const struct group *g, uint32_t row) {
  for (uint32_t k = 0; k < row; k++)
    if (!g->rows[k].v_null && g->rows[k].v == g->rows[row].v) return true;
  return false;
}

static void list_text(const char *name, const struct group *g, char *out) {
  int at = sprintf(out, "[");
  for (uint32_t i = 0; i < g->cnt; i++) {
    const struct row *r = &g->rows[i];
    const char *sep = at > 1 ? "," : "";
    if (!strcmp(name, "cs"))
      at += sprintf(out + at, "%s%s", sep, harness_cities[r->city]);
    else if (!strcmp(name, "ns"))
      at += sprintf(out + at, "%s%s", sep, r->name);
    else if (!r->v_null && (name[0] == 'v' || !is_repeat(g, i)))
      at += sprintf(out + at, "%s%lld", sep, (long long)r->v);
  }
  sprintf(out + at, "]");
}

/* The value of a column over a group's rows, in their order of arrival. */
/* tidy:long one line per column of the table above */
static void value_text(const char *name, const struct query *q, const struct group *g, char *out) {
  char buf[64];
  int64_t n = 0, nok = 0, sv = 0, minv = 0, maxv = 0, mint = INT64_MAX, maxt = INT64_MIN;
  double sd = 0, maxd = -INFINITY;
  const char *minc = NULL, *maxc = NULL, *minn = NULL, *maxn = NULL;
  const struct row *first = NULL, *last = NULL, *fv = NULL;
  uint32_t nv = 0, dn = 0;
  for (uint32_t i = 0; i < g->cnt; i++) {
    const struct row *r = &g->rows[i];
    const char *city = harness_cities[r->city];
    n++;
    nok += r->ok;
    sd += r->d;
    if (r->d > maxd) maxd = r->d;
    if (r->ts < mint) mint = r->ts;
    if (r->ts > maxt) maxt = r->ts;
    if (!minc || strcmp(city, minc) < 0) minc = city;
    if (!maxc || strcmp(city, maxc) > 0) maxc = city;
    if (!minn || strcmp(r->name, minn) < 0) minn = r->name;
    if (!maxn || strcmp(r->name, maxn) > 0) maxn = r->name;
    if (!first || r->ts < first->ts) first = r;
    if (!last || r->ts >= last->ts) last = r;
    bool known = false;
    for (uint32_t k = 0; k < i; k++) known |= strcmp(g->rows[k].name, r->name) == 0;
    dn += !known;
    if (r->v_null) continue;
    if (!fv || r->ts < fv->ts) fv = r;
    minv = !nv || r->v < minv ? r->v : minv;
    maxv = !nv || r->v > maxv ? r->v : maxv;
    sv += r->v;
    nv++;
  }
  if (!strcmp(name, "n"))
    int_text(out, false, n);
  else if (!strcmp(name, "nv"))
    int_text(out, false, nv);
  else if (!strcmp(name, "nok"))
    int_text(out, false, nok);
  else if (!strcmp(name, "sv"))
    int_text(out, !nv, sv);
  else if (!strcmp(name, "sd"))
    sprintf(out, "%.17g", sd);
  else if (!strcmp(name, "av"))
    nv ? sprintf(out, "%.17g", (double)sv / nv) : sprintf(out, "null");
  else if (!strcmp(name, "minv"))
    int_text(out, !nv, minv);
  else if (!strcmp(name, "maxv"))
    int_text(out, !nv, maxv);
  else if (!strcmp(name, "mint"))
    int_text(out, false, mint);
  else if (!strcmp(name, "maxt"))
    int_text(out, false, maxt);
  else if (!strcmp(name, "maxd"))
    sprintf(out, "%.17g", maxd);
  else if (!strcmp(name, "minc"))
    strcpy(out, minc);
  else if (!strcmp(name, "maxc"))
    strcpy(out, maxc);
  else if (!strcmp(name, "minn"))
    strcpy(out, minn);
  else if (!strcmp(name, "maxn"))
    strcpy(out, maxn);
  else if (!strcmp(name, "fn"))
    strcpy(out, first->name);
  else if (!strcmp(name, "ln"))
    strcpy(out, last->name);
  else if (!strcmp(name, "fv"))
    strcpy(out, int_text(buf, !fv, fv ? fv->v : 0));
  else if (!strcmp(name, "cs") || !strcmp(name, "vs") || !strcmp(name, "ns") ||
           !strcmp(name, "set"))
    list_text(name, g, out);
  else if (!strcmp(name, "dn"))
    int_text(out, false, dn);
  else if (!strcmp(name, "len"))
    int_text(out, false, q->size_us);
  else if (!strcmp(name, "twice"))
    int_text(out, false, 2 * n);
  else
    fail_msg("no column %s", name);
}

static void group_line(const struct query *q, const struct group *g, struct lines *to) {
  char line[8000], text[4000], buf[64], names[400], *save = NULL;
  const struct row *r = &g->rows[0];
  int at = 0;
  if (q->size_us)
    at = sprintf(line, "window_start=%lld window_end=%lld", (long long)g->start,
                 (long long)(g->start + q->size_us));
  if (q->keys & KEY_CITY)
    at += sprintf(line + at, "%scity=%s", at ? " " : "", harness_cities[r->city]);
  if (q->keys & KEY_NAME) at += sprintf(line + at, "%sname=%s", at ? " " : "", r->name);
  if (q->keys & KEY_V)
    at += sprintf(line + at, "%sv=%s", at ? " " : "", int_text(buf, r->v_null, r->v));
  if (q->keys & KEY_OK)
    at += sprintf(line + at, "%sok=%s", at ? " " : "", r->ok ? "true" : "false");
  if (q->keys & KEY_D) at += sprintf(line + at, "%sd=%.17g", at ? " " : "", r->d);
  strcpy(names, q->columns);
  for (char *c = strtok_r(names, " ", &save); c; c = strtok_r(NULL, " ", &save)) {
    value_text(c, q, g, text);
    at += sprintf(line + at, "%s%s=%s", at ? " " : "", c, text);
  }
  lines_add(to, "%s", line);
}

struct oracle {
  const struct query *q;
  struct group *groups;
  uint32_t group_cnt, late_cnt, filtered_cnt, added_cnt;
  struct lines late, out;
};

static void oracle_add(struct oracle *o, const struct row *r) {
  int64_t start = o->q->size_us ? start_of(o->q, r->ts) : 0;
  struct group *g = NULL;
  for (uint32_t i = o->group_cnt; i-- > 0 && !g;)
    if (o->groups[i].start == start && same_key(o->q, &o->groups[i].rows[0], r)) g = &o->groups[i];
  if (!g) {
    o->groups = realloc(o->groups, (o->group_cnt + 1) * sizeof *o->groups);
    g = &o->groups[o->group_cnt++];
    *g = (struct group){.start = start};
  }
  g->rows = realloc(g->rows, (g->cnt + 1) * sizeof *g->rows);
  g->rows[g->cnt++] = *r;
  o->added_cnt++;
}

/* The verdict on one row: wm is the watermark of its own partition before it, or the node's if that
 * is higher. */
static void oracle_row(struct oracle *o, const struct row *r, int64_t wm) {
  if (o->q->pass && !o->q->pass(r))
    o->filtered_cnt++;
  else if (r->ts == MR_TIME_NONE)
    o->filtered_cnt++;
  else if (start_of(o->q, r->ts) + o->q->size_us <= wm) {
    o->late_cnt++;
    lines_add(&o->late, "%06llu", (unsigned long long)r->id);
  } else
    oracle_add(o, r);
}

static void oracle_lines(struct oracle *o) {
  for (uint32_t i = 0; i < o->group_cnt; i++) group_line(o->q, &o->groups[i], &o->out);
}

static void oracle_end(struct oracle *o) {
  for (uint32_t i = 0; i < o->group_cnt; i++) free(o->groups[i].rows);
  free(o->groups);
  lines_free(&o->late);
  lines_free(&o->out);
}

/* ---- rows ---- */

/* Time goes on by step with jitter; one row in 20 is far behind its turn, one in 100 has no time.
 * Rows of one city are of one partition, so that their order of arrival does not depend on batches.
 */
static struct row make_row(uint64_t seed, uint64_t id, int64_t step, uint32_t partitions) {
  static const char *const names[] = {"a", "b", "a longer name than 12",
                                      "zebra and some more text"};
  struct row r = {.id = id};
  uint64_t x = mr_rng_at(seed, id), y = mr_rng_at(seed ^ 1, id);
  r.ts = BASE + (int64_t)id * step + (int64_t)(x % 8) * step - 3 * step;
  if (x >> 8 & 1 && (x >> 9) % 10 == 0) r.ts -= (int64_t)((x >> 20) % 400) * step;
  if ((x >> 40) % 100 == 0) r.ts = MR_TIME_NONE;
  r.city = (uint8_t)(y % 4);
  r.partition = r.city % partitions;
  snprintf(r.name, sizeof r.name, "%s", names[(y >> 4) % 4]);
  r.v = (int64_t)((y >> 8) % 60) - 10;
  r.v_null = (y >> 20) % 7 == 0;
  r.d = (double)(int64_t)((y >> 24) % 1000) * 0.1;
  r.ok = y >> 40 & 1;
  return r;
}

static const char *query_yaml(const struct query *q, const char *more) {
  static char text[4000];
  char names[400], *save = NULL;
  int at = 0;
  if (q->size_us)
    at = sprintf(text, "window: { tumbling: %lldms, offset: %lldms }\n",
                 (long long)(q->size_us / 1000), (long long)(q->offset_us / 1000));
  at += sprintf(text + at, "key: [%s]\n",
                q->keys == 0                     ? ""
                : q->keys == KEY_CITY            ? "city"
                : q->keys == KEY_NAME            ? "name"
                : q->keys == KEY_V               ? "v"
                : q->keys == (KEY_CITY | KEY_OK) ? "city, ok"
                : q->keys == KEY_D               ? "d"
                                                 : "city, name, v, ok");
  if (q->where) at += sprintf(text + at, "where: \"%s\"\n", q->where);
  at += sprintf(text + at, "select:\n");
  strcpy(names, q->columns);
  for (char *c = strtok_r(names, " ", &save); c; c = strtok_r(NULL, " ", &save))
    for (uint32_t i = 0; i < sizeof columns / sizeof *columns; i++)
      if (!strcmp(columns[i].name, c))
        at += sprintf(text + at, "  %s: \"%s\"\n", c, columns[i].expr);
  sprintf(text + at, "%s", more);
  return text;
}

#define MINUTE (60 * SECOND)
static const struct query queries[] = {
    {"counts by dense keys", KEY_CITY | KEY_OK, "n", 10 * SECOND, 0, NULL, NULL},
    {"counts with filters", KEY_CITY, "n nok nv twice", 10 * SECOND, 3 * SECOND, NULL, NULL},
    {"numbers by city", KEY_CITY, "n sv minv maxv av sd maxd mint maxt len", 7 * SECOND, 0, NULL,
     NULL},
    {"one pass over a column", KEY_CITY, "n mint maxt", 5 * SECOND, 0, NULL, NULL},
    {"texts by city", KEY_CITY, "minn maxn minc maxc fn ln fv", 10 * SECOND, -2 * SECOND, NULL,
     NULL},
    {"lists by city", KEY_CITY, "cs vs ns set dn", 4 * SECOND, 0, NULL, NULL},
    {"by name", KEY_NAME, "n nok sv", 10 * SECOND, 0, "ok", is_ok},
    {"by number", KEY_V, "n minn", MINUTE, 0, NULL, NULL},
    {"by double", KEY_D, "n maxv", MINUTE, 0, "v > 20", is_large},
    {"by four keys", KEY_CITY | KEY_NAME | KEY_V | KEY_OK, "n sd", MINUTE, 0, NULL, NULL},
    {"no key", KEY_NONE, "n sv maxn", SECOND, 0, NULL, NULL},
};
#define QUERY_CNT (sizeof queries / sizeof *queries)

struct run {
  uint32_t partitions, batch;
  int64_t step_us, delay_us;
  bool idle; /* a partition pauses now and then */
};

static void check_accounts(const struct harness *h, const struct oracle *o) {
  const struct mr_counts *c = &h->ctx.counts;
  assert_int_equal(c->rows_in, c->absorbed + c->filtered + c->late + c->dropped + c->dead_letters);
  assert_int_equal(c->absorbed, o->added_cnt);
  assert_int_equal(c->late, o->late_cnt);
  assert_int_equal(c->filtered, o->filtered_cnt);
  assert_int_equal(c->state_keys, 0);
}

/* Rows through the operator and through the simple computation. The verdicts of the latter are made
 * as rows are handed over, in the order in which they are processed. */
static void run_query(const struct query *q, const struct run *run, uint64_t seed) {
  static struct harness h;
  struct oracle o = {.q = q};
  if (!harness_begin(&h, &mr_op_window, query_yaml(q, ""), run->delay_us, true))
    fail_msg("%s", h.fail_text);
  h.partition_cnt = run->partitions;
  struct row pending[PARTITIONS_MAX][MR_BATCH_ROWS];
  uint32_t cnt[PARTITIONS_MAX] = {0};
  int64_t front[PARTITIONS_MAX];
  for (uint32_t p = 0; p < PARTITIONS_MAX; p++) front[p] = MR_TIME_NONE;
  for (uint64_t id = 0; id <= ROWS + run->partitions; id++) {
    bool end = id > ROWS;
    struct row r = make_row(seed, id, run->step_us, run->partitions);
    uint32_t p = end ? (uint32_t)(id - ROWS - 1) : r.partition;
    if (!end) pending[p][cnt[p]++] = r;
    if (end ? cnt[p] > 0 : cnt[p] == run->batch) {
      for (uint32_t i = 0; i < cnt[p]; i++) {
        const struct row *x = &pending[p][i];
        int64_t wm = front[p] == MR_TIME_NONE ? MR_TIME_NONE : front[p] - run->delay_us;
        if (run->idle && h.watermark_us > wm) wm = h.watermark_us;
        oracle_row(&o, x, wm);
        if (x->ts > front[p]) front[p] = x->ts;
      }
      cnt[p] = 0;
    }
    if (!end) harness_row(&h, &r, run->batch);
    if (run->idle && id % 997 == 500)
      harness_idle(&h, (uint32_t)(id / 997) % run->partitions, true);
  }
  harness_finish(&h, true);
  assert_false(h.failed);
  oracle_lines(&o);
  lines_sort(&o.out);
  lines_sort(&h.main);
  lines_equal(&o.out, &h.main);
  lines_sort(&o.late);
  lines_sort(&h.late);
  lines_equal(&o.late, &h.late);
  check_accounts(&h, &o);
  assert_true(h.ctx.counts.late > 0);
  assert_int_equal(h.errors.cnt, 0);
  oracle_end(&o);
  harness_end(&h);
}

MR_TEST(windows_are_what_a_simple_computation_says_for_any_batch_size) {
  MR_UNUSED_STATE;
  static const uint32_t batches[] = {1, 7, 1024};
  printf("seed %llu\n", (unsigned long long)SEED);
  for (uint32_t i = 0; i < QUERY_CNT; i++)
    for (uint32_t b = 0; b < 3; b++) {
      printf("%s, batches of %u\n", queries[i].name, batches[b]);
      struct run run = {.partitions = 1 + i % 3,
                        .batch = batches[b],
                        .step_us = SECOND / 10,
                        .delay_us = (int64_t)(i % 4) * 3 * SECOND};
      run_query(&queries[i], &run, SEED + i);
    }
}

MR_TEST(a_batch_that_spans_many_windows_is_taken_apart) {
  MR_UNUSED_STATE;
  for (uint32_t i = 0; i < QUERY_CNT; i++) {
    struct run run = {
        .partitions = 1, .batch = 1000, .step_us = 2 * SECOND, .delay_us = 20 * SECOND};
    run_query(&queries[i], &run, SEED + 100 + i);
  }
}

MR_TEST(rows_of_a_partition_back_from_idle_are_late_where_the_window_is_gone) {
  MR_UNUSED_STATE;
  for (uint32_t i = 0; i < QUERY_CNT; i++) {
    struct run run = {
        .partitions = 2, .batch = 1, .step_us = SECOND / 10, .delay_us = 2 * SECOND, .idle = true};
    run_query(&queries[i], &run, SEED + 200 + i);
  }
}

/* ---- single rules ---- */

static void begin(struct harness *h, const struct mr_op *op, const char *yaml, int64_t delay_us,
                  bool late_read) {
  if (!harness_begin(h, op, yaml, delay_us, late_read)) fail_msg("%s", h->fail_text);
}

static struct row at(int64_t seconds, uint8_t city, uint64_t id) {
  struct row r = {.ts = BASE + seconds * SECOND, .city = city, .id = id, .v = (int64_t)id};
  strcpy(r.name, "x");
  return r;
}

static void expect(struct lines *l, const char *const *want, uint32_t cnt) {
  for (uint32_t i = 0; i < cnt && i < l->cnt; i++) assert_string_equal(l->items[i], want[i]);
  assert_int_equal(l->cnt, cnt);
  lines_free(l);
}
#define EXPECT(l, ...)                                                                             \
  do {                                                                                             \
    static const char *const want_[] = {__VA_ARGS__};                                              \
    expect(l, want_, sizeof want_ / sizeof *want_);                                                \
  } while (0)
#define W0 "window_start=1760313600000000 window_end=1760313610000000 "
#define W1 "window_start=1760313610000000 window_end=1760313620000000 "

MR_TEST(a_row_is_late_exactly_when_its_window_ends_at_the_watermark) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window, "window: { tumbling: 10s }\nkey: [city]\n",
                            5 * SECOND, true));
  struct row rows[] = {at(1, 0, 1), at(14, 0, 2), at(2, 0, 3), at(15, 0, 4), at(9, 0, 5)};
  rows[1].ts += SECOND - 1; /* watermark 9.999999 */
  for (uint32_t i = 0; i < 3; i++) harness_row(&h, &rows[i], 1);
  assert_int_equal(h.late.cnt, 0);
  assert_int_equal(h.main.cnt, 0);
  harness_row(&h, &rows[3], 1); /* watermark 10: the window closes */
  EXPECT(&h.main, W0 "city=SF count=2");
  harness_row(&h, &rows[4], 1);
  EXPECT(&h.late, "000005");
  harness_finish(&h, false); /* hold */
  assert_int_equal(h.main.cnt, 0);
  harness_end(&h);
}

MR_TEST(update_writes_changed_keys_after_each_batch_and_nothing_at_the_close) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(
      harness_begin(&h, &mr_op_window,
                    "window: { tumbling: 10s }\nkey: [city]\nselect: { n: count(*), s: sum(v) }\n"
                    "emit: update\n",
                    0, false));
  struct row rows[] = {at(1, 0, 1), at(2, 1, 2), at(3, 0, 3), at(12, 2, 4)};
  harness_row(&h, &rows[0], 2);
  harness_row(&h, &rows[1], 2);
  EXPECT(&h.main, W0 "city=SF n=1 s=1", W0 "city=NYC n=1 s=2");
  harness_row(&h, &rows[2], 2);
  harness_row(&h, &rows[3], 2);
  EXPECT(&h.main, W0 "city=SF n=2 s=4", W1 "city=LA n=1 s=4");
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, 0);
  assert_int_equal(h.ctx.counts.state_keys, 0);
  harness_end(&h);
}

MR_TEST(update_with_every_writes_at_ticks_before_a_close_and_at_the_end) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [name]\nemit: update\nevery: 1s\n", 0,
                            false));
  assert_int_equal(h.node.op_plan.every_us, SECOND);
  struct row rows[] = {at(1, 0, 1), at(2, 1, 2), at(3, 0, 3), at(12, 2, 4)};
  harness_row(&h, &rows[0], 1);
  harness_row(&h, &rows[1], 1);
  assert_int_equal(h.main.cnt, 0);
  harness_tick(&h, 1);
  EXPECT(&h.main, W0 "name=x count=2");
  harness_tick(&h, 2);
  assert_int_equal(h.main.cnt, 0);
  harness_row(&h, &rows[2], 1);
  harness_row(&h, &rows[3], 1); /* closes the first: its last values come out */
  EXPECT(&h.main, W0 "name=x count=3");
  harness_finish(&h, false); /* hold: the open one's last values */
  EXPECT(&h.main, W1 "name=x count=1");
  harness_end(&h);
}

MR_TEST(complete_writes_the_whole_table_and_keeps_closed_windows) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [city]\nemit: complete\nevery: 1s\n",
                            0, false));
  h.writes_closed = true;
  struct row rows[] = {at(1, 0, 1), at(12, 1, 2), at(13, 1, 3)};
  harness_row(&h, &rows[0], 1);
  harness_row(&h, &rows[1], 1);
  harness_tick(&h, 1);
  EXPECT(&h.main, W0 "city=SF count=1", W1 "city=NYC count=1");
  harness_tick(&h, 2);
  assert_int_equal(h.main.cnt, 0); /* nothing changed */
  harness_row(&h, &rows[2], 1);
  harness_finish(&h, true);
  EXPECT(&h.main, W0 "city=SF count=1", W1 "city=NYC count=2");
  harness_end(&h);
}

MR_TEST(a_sum_beyond_64_bits_is_an_error_row_and_the_others_come_out) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [city]\n"
                            "select: { s: sum(v), a: avg(v), q: 10 / count(*) }\n",
                            0, false));
  for (uint8_t city = 0; city < 3; city++)
    for (uint64_t i = 0; i < 3; i++) {
      struct row r = at(1, city, i);
      r.v = city == 0 ? 7 : city == 1 || i < 2 ? INT64_MAX : -INT64_MAX;
      harness_row(&h, &r, 1);
    }
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, 2);
  assert_non_null(strstr(h.main.items[0], "city=SF"));
  assert_non_null(strstr(h.main.items[1], "city=LA s=9223372036854775807 a="));
  EXPECT(&h.errors, "MR3021 the sum is beyond 64 bits");
  assert_int_equal(h.ctx.counts.dead_letters, 1);
  harness_end(&h);
}

MR_TEST(an_error_value_keeps_a_row_out_of_every_aggregate) {
  MR_UNUSED_STATE;
  static struct harness h;
  begin(&h, &mr_op_window,
        "window: { tumbling: 10s }\nkey: [city]\nwhere: \"100 / (v - 5) > 0\"\n"
        "select:\n  n: count(*)\n  q: sum(div(12, v))\n  f: count(*) FILTER "
        "(WHERE div(7, v - 8) <> 0)\n",
        0, false);
  for (int64_t v = 0; v < 12; v++) {
    struct row r = at(1, 0, (uint64_t)v);
    r.v = v;
    harness_row(&h, &r, 12);
  }
  harness_finish(&h, true);
  /* v of 0 to 4: filtered; 5: where fails; 8: the filter fails; 6 7 9 10 11 are left */
  EXPECT(&h.main, W0 "city=SF n=5 q=6 f=5");
  assert_int_equal(h.errors.cnt, 2);
  assert_int_equal(h.ctx.counts.filtered, 5);
  assert_int_equal(h.ctx.counts.absorbed, 5);
  assert_true(mr_bit_get(h.rejected, 5) && mr_bit_get(h.rejected, 8));
  harness_end(&h);
}

MR_TEST(keys_beyond_max_keys_stop_the_graph_or_are_dead_letters) {
  MR_UNUSED_STATE;
  static struct harness h;
  const char *const yaml = "window: { tumbling: 10s }\nkey: [v]\nmax_keys: 3\n";
  assert_true(harness_begin(&h, &mr_op_window, yaml, 0, false));
  for (uint64_t i = 0; i < 4; i++) {
    struct row r = at(1, 0, i);
    harness_row(&h, &r, 1);
  }
  assert_true(h.failed);
  assert_string_equal(h.fail_text, "w: no room for a new key: max_keys is 3 and 3 are open");
  harness_end(&h);
  assert_true(harness_begin(
      &h, &mr_op_window, "window: { tumbling: 10s }\nkey: [v]\nmax_keys: 3\non_full: dead_letter\n",
      0, false));
  for (uint64_t i = 0; i < 10; i++) {
    struct row r = at(1, 0, i);
    r.v = (int64_t)i % 5;
    harness_row(&h, &r, 10);
  }
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, 3);
  assert_int_equal(h.errors.cnt, 4);
  assert_string_equal(h.errors.items[0], "MR3041 no room for a new key: max_keys is 3");
  assert_int_equal(h.ctx.counts.absorbed, 6);
  assert_int_equal(h.ctx.counts.dead_letters, 4);
  harness_end(&h);
}

MR_TEST(a_full_state_refuses_rows_and_works_on_after_a_window_closes) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [v]\nselect: { n: count(*), m: "
                            "max(name), l: collect_list(name) }\nmax_state: 1MiB\non_full: "
                            "dead_letter\n",
                            0, false));
  for (uint32_t round = 0; round < 3; round++) {
    uint64_t before = h.ctx.counts.absorbed;
    for (uint64_t i = 0; i < 12000; i++) {
      struct row r = at(1 + 20 * round, 0, i);
      strcpy(r.name, "a name of some length");
      harness_row(&h, &r, 1024);
    }
    harness_flush(&h, 0);
    assert_in_range(h.ctx.counts.absorbed - before, 2000, 11000);
    assert_false(h.failed);
  }
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, h.ctx.counts.absorbed);
  assert_int_equal(h.ctx.counts.rows_in, h.ctx.counts.absorbed + h.ctx.counts.dead_letters);
  assert_int_equal(h.ctx.counts.state_keys, 0);
  harness_end(&h);
}

MR_TEST(a_window_of_many_keys_comes_out_in_batches_and_lists_that_fill_the_heap_cut_them) {
  MR_UNUSED_STATE;
  static struct harness h;
  h.heap_blocks = 3;
  assert_true(harness_begin(&h, &mr_op_window,
                            "window: { tumbling: 10s }\nkey: [v]\nselect: { l: collect_list(name), "
                            "m: upper(max(name)) }\n",
                            0, false));
  for (uint64_t i = 0; i < 20000; i++) {
    struct row r = at(1, 0, i % 16384);
    r.v = (int64_t)i % 2500;
    snprintf(r.name, sizeof r.name, "name with number %llu", (unsigned long long)i);
    harness_row(&h, &r, 1000);
  }
  uint32_t before = h.batch_cnt;
  harness_finish(&h, true);
  assert_int_equal(h.main.cnt, 2500);
  assert_true(h.batch_cnt - before > 5);
  lines_sort(&h.main);
  assert_non_null(strstr(h.main.items[1], "v=1 l=[name with number 1,name with number 2501,"));
  assert_non_null(strstr(h.main.items[1], "m=NAME WITH NUMBER 7501"));
  h.heap_blocks = 0;
  harness_end(&h);
}

MR_TEST(option_tables_are_well_formed) {
  MR_UNUSED_STATE;
  const char *why = NULL;
  uint32_t idx = 0;
  if (!mr_opt_table_valid(mr_op_window.opts, &why, &idx))
    fail_msg("window, option %u: %s", idx, why);
  if (!mr_opt_table_valid(mr_op_group.opts, &why, &idx)) fail_msg("group, option %u: %s", idx, why);
}

MR_TEST(options_that_do_not_exist_yet_and_clashes_are_said_at_load) {
  MR_UNUSED_STATE;
  static const char *const bad[][2] = {
      {"window: { hopping: 5m, slide: 1m }\n", "MR1006"},
      {"window: { tumbling: 5m, on: processing_time }\n", "MR1006"},
      {"window: { tumbling: 5m }\nallowed_lateness: 5s\n", "MR1006"},
      {"window: { tumbling: 5m }\nevery: 5s\n", "MR1009"},
      {"window: { tumbling: 5m }\nkey: [nothing]\n", "MR4011"},
      {"window: { tumbling: 5m }\nkey: [city]\nselect: { city: count(*) }\n", "MR1009"},
      {"window: { tumbling: 5m }\nselect: { a: approx_count_distinct(v) }\n", "MR1006"},
      {"window: { tumbling: 5m }\nselect: { a: v + count(*) }\n", "MR2012"},
      {"key: [city]\n", "MR1005"},
  };
  static struct harness h;
  for (uint32_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_false(harness_begin(&h, &mr_op_window, bad[i][0], 0, false));
    if (!strstr(h.fail_text, bad[i][1])) fail_msg("%s\n%s", bad[i][0], h.fail_text);
    harness_end(&h);
  }
}

MR_TEST(the_delay_is_the_sources_unless_it_is_given_or_the_input_is_derived) {
  MR_UNUSED_STATE;
  static struct harness h;
  assert_true(harness_begin(&h, &mr_op_window, "window: { tumbling: 5m }\n", 7 * SECOND, false));
  assert_int_equal(h.node.op_plan.delay_us, 7 * SECOND);
  harness_end(&h);
  assert_true(
      harness_begin(&h, &mr_op_window, "window: { tumbling: 5m }\ndelay: 2s\n", 7 * SECOND, false));
  assert_int_equal(h.node.op_plan.delay_us, 2 * SECOND);
  harness_end(&h);
}

/* ---- group ---- */

MR_TEST(group_keeps_running_values_and_its_last_rows_are_right) {
  MR_UNUSED_STATE;
  static const uint32_t batches[] = {1, 7, 1024};
  for (uint32_t b = 0; b < 6; b++) {
    static struct harness h;
    struct query q = {"group", KEY_NAME, "n sv minv maxd dn", 0, 0, NULL, NULL};
    struct oracle o = {.q = &q};
    bool complete = b >= 3;
    if (!harness_begin(&h, &mr_op_group, query_yaml(&q, complete ? "emit: complete\n" : ""), 0,
                       false))
      fail_msg("%s", h.fail_text);
    for (uint64_t id = 0; id < 3000; id++) {
      struct row r = make_row(SEED, id, SECOND, 1);
      harness_row(&h, &r, batches[b % 3]);
      oracle_add(&o, &r);
    }
    harness_finish(&h, true);
    oracle_lines(&o);
    /* the last line of each key */
    for (uint32_t i = 0; i < o.out.cnt; i++) {
      const char *key = o.out.items[i], *found = NULL;
      size_t len = (size_t)(strstr(key, " n=") - key) + 3;
      for (uint32_t k = 0; k < h.main.cnt; k++)
        if (!strncmp(h.main.items[k], key, len)) found = h.main.items[k];
      assert_non_null(found);
      assert_string_equal(found, key);
    }
    if (batches[b % 3] == 1024) assert_int_equal(h.main.cnt, 3 * 4);
    assert_int_equal(h.ctx.counts.absorbed, 3000);
    assert_int_equal(h.ctx.counts.state_keys, 4);
    oracle_end(&o);
    harness_end(&h);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(windows_are_what_a_simple_computation_says_for_any_batch_size),
    MR_CASE(a_batch_that_spans_many_windows_is_taken_apart),
    MR_CASE(rows_of_a_partition_back_from_idle_are_late_where_the_window_is_gone),
    MR_CASE(a_row_is_late_exactly_when_its_window_ends_at_the_watermark),
    MR_CASE(update_writes_changed_keys_after_each_batch_and_nothing_at_the_close),
    MR_CASE(update_with_every_writes_at_ticks_before_a_close_and_at_the_end),
    MR_CASE(complete_writes_the_whole_table_and_keeps_closed_windows),
    MR_CASE(a_sum_beyond_64_bits_is_an_error_row_and_the_others_come_out),
    MR_CASE(an_error_value_keeps_a_row_out_of_every_aggregate),
    MR_CASE(keys_beyond_max_keys_stop_the_graph_or_are_dead_letters),
    MR_CASE(a_full_state_refuses_rows_and_works_on_after_a_window_closes),
    MR_CASE(a_window_of_many_keys_comes_out_in_batches_and_lists_that_fill_the_heap_cut_them),
    MR_CASE(option_tables_are_well_formed),
    MR_CASE(options_that_do_not_exist_yet_and_clashes_are_said_at_load),
    MR_CASE(the_delay_is_the_sources_unless_it_is_given_or_the_input_is_derived),
    MR_CASE(group_keeps_running_values_and_its_last_rows_are_right),
};
MR_MAIN(cases)
