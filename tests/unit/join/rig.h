/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_JOIN_RIG_H
#define MR_JOIN_RIG_H

/* A graph over the sources `a` and `b` whose rows a test makes, in batches of any size and on any
 * number of workers; what arrives at sinks is kept as lines "value|value|...". */

#include "base/cpu.h"
#include "base/rng.h"
#include "op_rig.h"
#include "operators/operators.h"
#include "worker/solo.h"

#define RIG_SECOND INT64_C(1000000)
#define RIG_BASE   INT64_C(1760313600000000) /* 2025-10-13 */

struct rig_row { /* columns t, k, s, c, v */
  int64_t t;     /* MR_TIME_NONE: NULL */
  int64_t k;
  bool k_null;
  char s[40];
  uint8_t c;
  int64_t v;
};

struct rig_side {
  struct rig_row *rows;
  uint32_t cnt, at;
};

struct rig_lines { /* of one sink */
  char name[16];
  char **items;
  uint32_t cnt, cap;
};

struct rig {
  struct rig_side sides[2];
  struct rig_lines sinks[4];
  uint32_t batch;
  uint64_t pace; /* of 8 polls of a source, which bring rows; 0: all */
  uint64_t polls;
  struct mr_rng rng;
};

#define RIG_EVENT                                                                                  \
  "millrace: 1\ngraph: g\nevents:\n  e:\n    event_time: t\n    missing_time: keep\n    fields:\n" \
  "      t: { type: timestamp }\n      k: { type: int64, optional: true }\n"                       \
  "      s: string\n      c: { type: string, one_of: [red, green, blue] }\n      v: int64\n"

static const char *const rig_colors[] = {"red", "green", "blue"};

/* ---- lines ---- */

static inline void rig_line(struct rig_lines *l, const char *text) {
  if (l->cnt == l->cap) {
    l->cap = l->cap ? l->cap * 2 : 256;
    l->items = realloc(l->items, l->cap * sizeof *l->items);
  }
  l->items[l->cnt++] = strdup(text);
}

static inline int rig_compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline void rig_sort(struct rig_lines *l) {
  if (l->cnt) qsort(l->items, l->cnt, sizeof *l->items, rig_compare);
}

static inline void rig_lines_free(struct rig_lines *l) {
  for (uint32_t i = 0; i < l->cnt; i++) free(l->items[i]);
  free(l->items);
  *l = (struct rig_lines){0};
}

/* Fails with the first line that only one of them has; both are sorted. */
static inline void rig_equal(struct rig_lines *got, struct rig_lines *want, uint64_t seed) {
  rig_sort(got);
  rig_sort(want);
  for (uint32_t i = 0; i < got->cnt || i < want->cnt; i++) {
    const char *g = i < got->cnt ? got->items[i] : "(nothing)";
    const char *w = i < want->cnt ? want->items[i] : "(nothing)";
    if (strcmp(g, w))
      fail_msg("seed %llu, line %u of %u and %u:\n  got  %s\n  want %s", (unsigned long long)seed,
               i, got->cnt, want->cnt, g, w);
  }
}

static inline struct rig_lines *rig_sink(struct rig *rig, const char *name) {
  for (uint32_t i = 0; i < 4; i++) {
    struct rig_lines *l = &rig->sinks[i];
    if (!l->name[0]) snprintf(l->name, sizeof l->name, "%s", name);
    if (!strcmp(l->name, name)) return l;
  }
  fail_msg("too many sinks");
  return NULL;
}

/* ---- rows ---- */

static int32_t rig_feed(void *ctx, struct mr_feed *to) {
  struct rig *rig = ctx;
  struct rig_side *side = &rig->sides[to->node[0] - 'a'];
  if (side->at == side->cnt) return -1;
  if (rig->pace && mr_rng_next(&rig->rng) % 8 >= rig->pace && rig->polls++ % 64) return 0;
  uint32_t n = 0;
  for (; n < rig->batch && n < to->row_max && side->at < side->cnt; n++, side->at++) {
    const struct rig_row *row = &side->rows[side->at];
    if (row->t == MR_TIME_NONE)
      mr_feed_null(to, 0, n);
    else
      mr_feed_int(to, 0, n, row->t);
    if (row->k_null)
      mr_feed_null(to, 1, n);
    else
      mr_feed_int(to, 1, n, row->k);
    if (!mr_feed_str(to, 2, n, row->s, (uint32_t)strlen(row->s))) break;
    mr_feed_code(to, 3, n, row->c);
    mr_feed_int(to, 4, n, row->v);
  }
  return (int32_t)n;
}

static void rig_take(void *ctx, const char *node, const struct mr_schema *s, const uint8_t *base,
                     const struct mr_view *v) {
  struct rig *rig = ctx;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(v, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(v->row_cnt), row) {
    char line[4096];
    size_t len = 0;
    for (uint32_t c = 0; c < s->visible_cnt; c++) {
      if (c) line[len++] = '|';
      len += op_put_value(&s->fields[c], v, c, row, base, line + len);
    }
    line[len] = '\0';
    rig_line(rig_sink(rig, node), line);
  }
}

/* "t|k|s|c|v" as a sink writes it. */
static inline size_t rig_row_text(const struct rig_row *row, char *to) {
  size_t len;
  if (row->t == MR_TIME_NONE)
    len = (size_t)sprintf(to, "NULL|");
  else {
    len = mr_timestamp_format(to, row->t);
    to[len++] = '|';
  }
  if (row->k_null)
    len += (size_t)sprintf(to + len, "NULL");
  else
    len += (size_t)sprintf(to + len, "%lld", (long long)row->k);
  return len +
         (size_t)sprintf(to + len, "|%s|%s|%lld", row->s, rig_colors[row->c], (long long)row->v);
}

/* Rows that go on by step_us on average, shuffled by up to spread_us; some are late by more, some
 * have no time or no key, some come twice. */
static inline void rig_make(struct rig_side *side, uint64_t seed, uint32_t cnt, int64_t step_us,
                            int64_t spread_us, uint32_t keys) {
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  side->rows = calloc(cnt + 1, sizeof *side->rows);
  side->cnt = cnt;
  side->at = 0;
  for (uint32_t i = 0; i < cnt; i++) {
    struct rig_row *row = &side->rows[i];
    uint64_t r = mr_rng_next(&rng);
    if (i && r % 23 == 0) { /* again */
      *row = side->rows[i - 1 - (uint32_t)(r >> 32) % (i < 50 ? i : 50)];
      continue;
    }
    row->t =
        RIG_BASE + (int64_t)i * step_us - (int64_t)(mr_rng_next(&rng) % (uint64_t)(spread_us + 1));
    if (r % 19 == 1) row->t -= 3 * spread_us;
    if (r % 101 == 2) row->t = MR_TIME_NONE;
    row->k = (int64_t)(mr_rng_next(&rng) % keys);
    row->k_null = r % 29 == 3;
    if (row->k_null) row->k = 0;
    snprintf(row->s, sizeof row->s, row->k % 2 ? "k%lld" : "a key of more than twelve bytes %lld",
             (long long)row->k);
    row->c = (uint8_t)(row->k % 3);
    row->v = i;
  }
}

/* Runs the graph; the counts of `node` summed over its instances. */
static inline struct mr_counts rig_run(struct rig *rig, const struct mr_op_table *ops,
                                       const char *graph, const char *node, uint32_t instances,
                                       uint64_t seed) {
  rig->sides[0].at = rig->sides[1].at = 0;
  for (uint32_t i = 0; i < 4; i++) rig_lines_free(&rig->sinks[i]);
  mr_rng_init(&rig->rng, seed);
  struct mr_solo_conf conf = {.ops = ops,
                              .graph = graph,
                              .feed = rig_feed,
                              .take = rig_take,
                              .ctx = rig,
                              .isa = mr_isa_detect(),
                              .seed = seed};
  struct mr_error err;
  struct mr_solo *solo = mr_solo_open(&conf, &err);
  if (!solo) fail_msg("%s\n%s", err.text, graph);
  if (!mr_solo_run(solo, 100000)) fail_msg("seed %llu does not end", (unsigned long long)seed);
  if (mr_run_result(mr_solo_inner(solo), &err)) fail_msg("%s", err.text);
  struct mr_counts sum = {0};
  for (uint32_t i = 0; i < instances; i++) {
    struct mr_counts c = mr_solo_counts(solo, node, i);
    sum.rows_in += c.rows_in;
    sum.rows_out += c.rows_out;
    sum.absorbed += c.absorbed;
    sum.filtered += c.filtered;
    sum.late += c.late;
    sum.dropped += c.dropped;
    sum.dead_letters += c.dead_letters;
    sum.state_keys += c.state_keys;
  }
  mr_solo_close(solo);
  return sum;
}

static inline void rig_free(struct rig *rig) {
  for (uint32_t i = 0; i < 4; i++) rig_lines_free(&rig->sinks[i]);
  for (uint32_t i = 0; i < 2; i++) free(rig->sides[i].rows);
}

#endif
