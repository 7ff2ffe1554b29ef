/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of a sink that may drop rows, against a plain list of rows that are texts. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/rng.h"
#include "data/keep.h"
#include "data_test.h"

#define SEED     UINT64_C(0x6b656570)
#define TEXT_MAX 40000u

enum { T_BOOL, T_INT, T_TEXT, T_CODE, T_INTS, T_TEXTS, T_PRUNED, T_CNT };

static struct mr_field all_fields[T_CNT] = {
    [T_BOOL] = {.name = "bool", .type = MR_TYPE_BOOL, .optional = true},
    [T_INT] = {.name = "int", .type = MR_TYPE_INT64, .optional = true},
    [T_TEXT] = {.name = "text", .type = MR_TYPE_STRING, .optional = true},
    [T_CODE] = {.name = "code", .type = MR_TYPE_STRING, .codes = &codes},
    [T_INTS] = {.name = "ints", .type = MR_TYPE_LIST, .elem = MR_TYPE_INT64},
    [T_TEXTS] = {.name = "texts", .type = MR_TYPE_LIST, .elem = MR_TYPE_STRING},
    [T_PRUNED] = {.name = "pruned", .type = MR_TYPE_DOUBLE},
};
static const struct mr_schema all_schema = {
    .cnt = T_CNT, .visible_cnt = T_CNT, .event_time = -1, .fields = all_fields};
static const bool all_need[T_CNT] = {true, true, true, true, true, true, false};

struct rig {
  struct mr_region region;
  struct mr_arena arena;
  struct mr_keep *keep;
  struct mr_col cols[T_CNT];
  uint8_t *data[T_CNT], *heap;
  uint64_t *valid[T_CNT], *sel;
  uint64_t heap_used;
  char *lines[200000]; /* all rows ever put, as texts */
  uint32_t put_cnt, taken_cnt;
  uint32_t next; /* of the lines: the first that was not taken */
};

static void begin(struct rig *g, uint32_t row_max) {
  struct mr_error err = {0};
  memset(g, 0, sizeof *g);
  assert_int_equal(mr_region_create(&g->region, UINT64_C(1) << 30, MR_HUGE_OFF, &err), MR_OK);
  for (uint32_t c = 0; c < T_CNT; c++) {
    g->data[c] = mr_region_ptr(
        &g->region, mr_region_reserve(&g->region, MR_BATCH_ROWS * sizeof(struct mr_str), "column"));
    g->valid[c] = mr_region_ptr(&g->region, mr_region_reserve(&g->region, 4096, "valid"));
    g->cols[c].data = g->data[c];
  }
  g->cols[T_PRUNED].data = NULL;
  g->sel = mr_region_ptr(&g->region, mr_region_reserve(&g->region, 4096, "selection"));
  g->heap = mr_region_ptr(&g->region, mr_region_reserve(&g->region, UINT64_C(64) << 20, "heap"));
  uint64_t before = g->region.lazy_off;
  assert_int_equal(
      mr_keep_init(&g->keep, &g->arena, &g->region, &all_schema, all_need, row_max, "queue", &err),
      MR_OK);
  assert_int_equal(before - g->region.lazy_off, mr_keep_footprint(&all_schema, all_need, row_max));
}

static void end(struct rig *g) {
  for (uint32_t i = 0; i < g->put_cnt; i++) free(g->lines[i]);
  mr_arena_free(&g->arena);
  mr_region_destroy(&g->region);
}

static struct mr_str put_text(struct rig *g, uint64_t seed, uint32_t len) {
  char *p = (char *)g->heap + g->heap_used;
  for (uint32_t i = 0; i < len; i++) p[i] = (char)('a' + (seed + i * 7u) % 26);
  g->heap_used += mr_align_up(len, 8);
  return mr_str_make(p, len, g->region.base);
}

/* The row as a text, from a view. */
static char *row_text(const uint8_t *base, const struct mr_view *v, uint32_t r) {
  static char text[200000];
  int at = sprintf(
      text, "%u/%u front %" PRId64 " t0 %" PRIu64 " now %" PRId64 " pos %" PRIu64 " line %" PRIu64,
      v->source, v->partition, v->frontier_out, v->row_t0 ? v->row_t0[r] : v->t0_ns,
      v->row_now ? v->row_now[r] : v->now_us, v->row_pos ? v->row_pos[r] : v->pos,
      v->row_line ? v->row_line[r] : v->line);
  for (uint32_t c = 0; c < T_PRUNED; c++) {
    const struct mr_col *col = &v->cols[c];
    if (col->valid && !mr_bit_get(col->valid, r)) {
      at += sprintf(text + at, " null");
      continue;
    }
    switch (c) {
    case T_BOOL: at += sprintf(text + at, " %d", mr_bit_get(col->data, r)); break;
    case T_INT: at += sprintf(text + at, " %" PRId64, ((const int64_t *)col->data)[r]); break;
    case T_CODE: at += sprintf(text + at, " %u", ((const uint8_t *)col->data)[r]); break;
    case T_TEXT: {
      const struct mr_str *s = (const struct mr_str *)col->data + r;
      at += sprintf(text + at, " %.*s", (int)s->len, mr_str_data(s, base));
      break;
    }
    default: {
      const struct mr_list *l = (const struct mr_list *)col->data + r;
      const uint64_t *there = (const void *)(base + l->off - mr_bitmap_words(l->cnt) * 8u);
      at += sprintf(text + at, " [");
      for (uint32_t e = 0; e < l->cnt; e++) {
        const struct mr_str *s = (const void *)(base + l->off + e * sizeof *s);
        if (l->has_nulls && !mr_bit_get(there, e))
          at += sprintf(text + at, "null,");
        else if (c == T_INTS)
          at += sprintf(text + at, "%" PRId64 ",", ((const int64_t *)(base + l->off))[e]);
        else
          at += sprintf(text + at, "%.*s,", (int)s->len, mr_str_data(s, base));
      }
      at += sprintf(text + at, "]");
    }
    }
  }
  return strdup(text);
}

static void make_list(struct rig *g, uint64_t x, uint32_t c, uint32_t r) {
  struct mr_list *l = (struct mr_list *)(void *)g->data[c] + r;
  *l = (struct mr_list){.cnt = (uint32_t)(x % 5), .has_nulls = x >> 8 & 1};
  if (!l->cnt) return;
  uint64_t before = l->has_nulls ? mr_bitmap_words(l->cnt) * 8u : 0;
  uint8_t *p = g->heap + g->heap_used;
  g->heap_used += before + l->cnt * 16u;
  l->off = mr_region_off(&g->region, p + before);
  if (before) *(uint64_t *)(void *)p = x >> 10;
  for (uint32_t e = 0; e < l->cnt; e++) {
    uint64_t y = mr_rng_at(x, e);
    if (c == T_INTS)
      ((int64_t *)(void *)(p + before))[e] = (int64_t)y;
    else
      ((struct mr_str *)(void *)(p + before))[e] = put_text(g, y, (uint32_t)(y % 30));
  }
}

static void make_row(struct rig *g, uint64_t seed, uint32_t r, uint32_t text_max) {
  uint64_t x = mr_rng_at(seed, 0), y = mr_rng_at(seed, 1);
  struct mr_col *cols = g->cols;
  (x & 1 ? mr_bit_set : mr_bit_clear)((uint64_t *)(void *)g->data[T_BOOL], r);
  ((int64_t *)(void *)g->data[T_INT])[r] = (int64_t)x;
  ((struct mr_str *)(void *)g->data[T_TEXT])[r] = put_text(g, y, (uint32_t)(y % text_max));
  g->data[T_CODE][r] = (uint8_t)(x >> 20) % 3;
  make_list(g, mr_rng_at(seed, 2), T_INTS, r);
  make_list(g, mr_rng_at(seed, 3), T_TEXTS, r);
  for (uint32_t c = 0; c <= T_TEXT; c++) {
    mr_bit_set(g->valid[c], r);
    if ((x >> (30 + c)) % 8) continue;
    mr_bit_clear(g->valid[c], r);
    cols[c].valid = g->valid[c];
    if (c == T_TEXT) ((struct mr_str *)(void *)g->data[T_TEXT])[r] = (struct mr_str){0};
  }
}

/* A view of n rows, some of them selected, into the queue; what it was in is overwritten. */
static uint32_t put_view(struct rig *g, uint64_t seed, uint32_t n, uint32_t text_max) {
  struct mr_view v = {.cols = g->cols,
                      .sel = g->sel,
                      .row_cnt = n,
                      .source = (uint16_t)(seed >> 3 & 1),
                      .partition = (uint32_t)(seed >> 3 & 1),
                      .t0_ns = seed,
                      .now_us = (int64_t)(seed >> 8),
                      .pos = seed >> 5,
                      .line = seed >> 7};
  g->heap_used = 0;
  memset(g->sel, 0, MR_BATCH_WORDS * 8);
  for (uint32_t c = 0; c < T_CNT; c++) g->cols[c].valid = NULL;
  for (uint32_t r = 0; r < n; r++) {
    make_row(g, seed + r * 100, r, text_max);
    if (mr_rng_at(seed, 1000 + r) % 4) mr_bit_set(g->sel, r);
  }
  v.sel_cnt = mr_bitmap_count(g->sel, mr_bitmap_words(n));
  MR_BITMAP_EACH(g->sel, mr_bitmap_words(n), r)
  g->lines[g->put_cnt++] = row_text(g->region.base, &v, (uint32_t)r);
  uint32_t dropped = mr_keep_put(g->keep, &v, (uint16_t)(seed >> 4 & 1));
  memset(g->heap, '#', g->heap_used);
  return dropped;
}

/* The taken rows are the next ones of the list, but for those that were dropped. */
static void check_taken(struct rig *g, const struct mr_view *v) {
  MR_BITMAP_EACH(v->sel, mr_bitmap_words(v->row_cnt), r) {
    char *text = row_text(g->region.base, v, (uint32_t)r);
    while (g->next < g->put_cnt && strcmp(text, g->lines[g->next]) != 0) g->next++;
    assert_true(g->next < g->put_cnt);
    g->next++;
    g->taken_cnt++;
    free(text);
  }
}

static void take_all(struct rig *g) {
  const struct mr_view *v;
  uint16_t tag;
  while ((v = mr_keep_take(g->keep, &tag)) != NULL) {
    check_taken(g, v);
    mr_keep_done(g->keep);
  }
}

MR_TEST(the_newest_rows_are_kept_in_order_and_each_other_row_is_counted) {
  MR_UNUSED_STATE;
  static struct rig g;
  static const uint32_t row_max[] = {1, 10, 1000, 1024, 2500, 6000};
  printf("seed %" PRIu64 "\n", SEED);
  for (uint32_t k = 0; k < sizeof row_max / sizeof *row_max; k++) {
    begin(&g, row_max[k]);
    uint64_t dropped = 0;
    for (uint32_t i = 0; i < 150; i++) {
      uint64_t x = mr_rng_at(SEED + k, i);
      dropped += put_view(&g, x, 1 + (uint32_t)(x % (x & 512 ? 1024 : 9)), 40);
      assert_in_range(mr_keep_waiting(g.keep), 0, row_max[k]);
      if ((x >> 20) % 3) continue;
      uint16_t tag;
      const struct mr_view *v = mr_keep_take(g.keep, &tag);
      if (!v) continue;
      /* while the sink has them, rows come and go; these stay as they are */
      uint32_t last = v->row_cnt - 1;
      char *text = row_text(g.region.base, v, last);
      for (uint32_t j = 0; j < 4; j++)
        dropped += put_view(&g, mr_rng_at(x, j), 1 + (uint32_t)(x >> 30) % 1024, 40);
      char *now = row_text(g.region.base, v, last);
      assert_string_equal(text, now);
      free(text);
      free(now);
      check_taken(&g, v);
      mr_keep_done(g.keep);
    }
    take_all(&g);
    assert_int_equal(g.next, g.put_cnt); /* the newest row is never the one that goes */
    assert_int_equal(g.taken_cnt + dropped, g.put_cnt);
    assert_true(dropped > 0);
    end(&g);
  }
}

MR_TEST(exactly_the_newest_rows_wait_behind_a_sink_that_does_nothing) {
  MR_UNUSED_STATE;
  static struct rig g;
  begin(&g, 3000);
  for (uint32_t i = 0; i < 100; i++) put_view(&g, mr_rng_at(SEED, i) & ~UINT64_C(8), 1000, 20);
  assert_int_equal(mr_keep_waiting(g.keep), 3000);
  g.next = g.put_cnt - 3000;
  take_all(&g);
  assert_int_equal(g.taken_cnt, 3000);
  assert_int_equal(g.next, g.put_cnt);
  end(&g);
}

MR_TEST(long_texts_take_fewer_rows_and_one_beyond_a_block_goes_at_once) {
  MR_UNUSED_STATE;
  static struct rig g;
  uint64_t dropped = 0;
  begin(&g, 2000);
  for (uint32_t i = 0; i < 30; i++) dropped += put_view(&g, mr_rng_at(SEED, i), 100, TEXT_MAX);
  assert_in_range(mr_keep_waiting(g.keep), 50, 1000);
  take_all(&g);
  assert_int_equal(g.taken_cnt + dropped, g.put_cnt);
  assert_int_equal(g.next, g.put_cnt);
  put_view(&g, 1, 8, 20);
  uint32_t waiting = mr_keep_waiting(g.keep);
  assert_true(waiting > 0);
  struct mr_str *s = (struct mr_str *)(void *)g.data[T_TEXT];
  s[0] = put_text(&g, 1, 20u << 20);
  g.cols[T_TEXT].valid = NULL;
  ((struct mr_list *)(void *)g.data[T_INTS])[0] = (struct mr_list){0};
  ((struct mr_list *)(void *)g.data[T_TEXTS])[0] = (struct mr_list){0};
  struct mr_view big = {.cols = g.cols, .row_cnt = 1, .sel_cnt = 1};
  assert_int_equal(mr_keep_put(g.keep, &big, 0), 1);
  assert_int_equal(mr_keep_waiting(g.keep), waiting);
  end(&g);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_newest_rows_are_kept_in_order_and_each_other_row_is_counted),
    MR_CASE(exactly_the_newest_rows_wait_behind_a_sink_that_does_nothing),
    MR_CASE(long_texts_take_fewer_rows_and_one_beyond_a_block_goes_at_once),
};
MR_MAIN(cases)
