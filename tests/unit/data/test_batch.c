/* SPDX-License-Identifier: Apache-2.0 */
#include "data_test.h"

#include "base/bits.h"

static uint32_t refs(struct mr_batch *b) {
  return atomic_load_explicit(&b->refs, memory_order_relaxed);
}

/* A batch with row_cnt rows and something in each part of its head. */
static struct mr_batch *filled(struct fixture *f, uint32_t row_cnt) {
  struct mr_batch *b = mr_pool_take(&f->pool);
  int64_t *count = mr_pool_column(&f->pool, b, COL_COUNT);
  uint64_t *valid = mr_pool_valid(&f->pool, b, COL_COUNT);
  struct mr_str *text = mr_pool_column(&f->pool, b, COL_TEXT);
  char long_text[64];
  memset(valid, 0, MR_BATCH_WORDS * 8);
  for (uint32_t i = 0; i < row_cnt; i++) {
    if (i % 3) mr_bit_set(valid, i);
    count[i] = i % 3 ? i * 11 : 0;
    int len = snprintf(long_text, sizeof long_text, "row number %u of the batch", i);
    assert_true(mr_batch_str(&f->pool, b, long_text, (uint32_t)len, &text[i]));
  }
  mr_batch_set_valid(&f->pool, b, COL_COUNT);
  uint64_t off = mr_region_off(&f->region, b);
  b->row_t0_off = off + f->pool.t0_off;
  b->row_pos_off = off + f->pool.pos_off;
  b->row_line_off = off + f->pool.line_off;
  b->et_min = -5;
  b->et_max = 1000;
  b->pos = 77;
  b->line = 3;
  b->msg = (struct mr_msg){.kind = MR_MSG_VIEW,
                           .source = 9,
                           .partition = 4,
                           .row_cnt = row_cnt,
                           .sel_cnt = row_cnt,
                           .frontier_in = 100,
                           .frontier_out = 1000,
                           .now_us = 123456,
                           .t0_ns = 42};
  return b;
}

static void assert_same_view(const struct mr_view *a, const struct mr_view *b) {
  for (uint32_t i = 0; i < COL_CNT; i++) {
    assert_ptr_equal(a->cols[i].data, b->cols[i].data);
    assert_ptr_equal(a->cols[i].valid, b->cols[i].valid);
  }
  assert_int_equal(a->row_cnt, b->row_cnt);
  assert_int_equal(a->sel_cnt, b->sel_cnt);
  assert_int_equal(a->source, b->source);
  assert_int_equal(a->partition, b->partition);
  assert_int_equal(a->et_min, b->et_min);
  assert_int_equal(a->et_max, b->et_max);
  assert_int_equal(a->frontier_in, b->frontier_in);
  assert_int_equal(a->frontier_out, b->frontier_out);
  assert_ptr_equal(a->row_frontier, b->row_frontier);
  assert_int_equal(a->now_us, b->now_us);
  assert_ptr_equal(a->row_now, b->row_now);
  assert_int_equal(a->t0_ns, b->t0_ns);
  assert_ptr_equal(a->row_t0, b->row_t0);
  assert_int_equal(a->pos, b->pos);
  assert_ptr_equal(a->row_pos, b->row_pos);
  assert_int_equal(a->line, b->line);
  assert_ptr_equal(a->row_line, b->row_line);
  assert_int_equal(!a->sel, !b->sel);
  if (a->sel) assert_memory_equal(a->sel, b->sel, MR_BATCH_WORDS * 8);
}

MR_TEST(the_view_of_a_whole_batch_shows_all_of_its_head) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = filled(&f, 100);
  struct mr_col cols[COL_CNT];
  struct mr_view v;
  assert_true(mr_batch_valid(&f.region, b));
  mr_view_of_batch(&f.region, b, cols, &v);
  assert_ptr_equal(v.batch, b);
  assert_null(v.sel);
  assert_int_equal(v.row_cnt, 100);
  assert_int_equal(v.sel_cnt, 100);
  assert_int_equal(v.source, 9);
  assert_int_equal(v.partition, 4);
  assert_int_equal(v.frontier_in, 100);
  assert_int_equal(v.frontier_out, 1000);
  assert_int_equal(v.et_min, -5);
  assert_int_equal(v.et_max, 1000);
  assert_int_equal(v.now_us, 123456);
  assert_int_equal(v.t0_ns, 42);
  assert_int_equal(v.pos, 77);
  assert_int_equal(v.line, 3);
  assert_null(v.row_frontier);
  assert_null(v.row_now);
  assert_ptr_equal(v.row_t0, (uint8_t *)b + f.pool.t0_off);
  assert_ptr_equal(v.row_line, (uint8_t *)b + f.pool.line_off);
  assert_null(v.cols[COL_PRUNED].data);
  assert_null(v.cols[COL_TEXT].valid);
  assert_int_equal(MR_COL(&v, COL_COUNT, int64_t)[50], 550);
  assert_false(mr_bit_get(v.cols[COL_COUNT].valid, 51));
  const struct mr_str *s = &MR_COL(&v, COL_TEXT, struct mr_str)[99];
  assert_memory_equal(mr_str_data(s, f.region.base), "row number 99 of the batch", s->len);
  tear_down(&f);
}

MR_TEST(a_filtered_view_crosses_a_link_in_a_shell) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = filled(&f, 200), *shell = mr_pool_take(&f.shells);
  struct mr_col cols[COL_CNT], cols_there[COL_CNT];
  struct mr_view v, there;
  mr_view_of_batch(&f.region, b, cols, &v);
  uint64_t sel[MR_BATCH_WORDS] = {0};
  v.sel_cnt = 0;
  for (uint32_t i = 0; i < 200; i += 7, v.sel_cnt++) mr_bit_set(sel, i);
  v.sel = sel;
  mr_batch_add_base(&f.region, shell, b);
  mr_view_to_batch(&f.region, &v, COL_CNT, shell);
  memset(sel, 0xff, sizeof sel); /* the filter's own memory is used again */
  assert_true(mr_batch_valid(&f.region, shell));
  assert_int_equal(shell->msg.kind, MR_MSG_VIEW);
  mr_view_of_batch(&f.region, shell, cols_there, &there);
  memset(sel, 0, sizeof sel);
  for (uint32_t i = 0; i < 200; i += 7) mr_bit_set(sel, i);
  assert_same_view(&v, &there);
  assert_ptr_equal(there.batch, shell);
  assert_int_equal(refs(b), 2);
  tear_down(&f);
}

MR_TEST(a_batch_can_carry_a_view_of_itself) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = filled(&f, MR_BATCH_ROWS);
  struct mr_col cols[COL_CNT], cols_there[COL_CNT];
  struct mr_view v, there;
  mr_view_of_batch(&f.region, b, cols, &v);
  mr_view_to_batch(&f.region, &v, COL_CNT, b);
  mr_view_of_batch(&f.region, b, cols_there, &there);
  assert_same_view(&v, &there);
  memset(b->sel, 0x0f, sizeof b->sel);
  v.sel = b->sel;
  v.sel_cnt = MR_BATCH_ROWS / 2;
  mr_view_to_batch(&f.region, &v, COL_CNT, b);
  assert_true(mr_batch_valid(&f.region, b));
  mr_view_of_batch(&f.region, b, cols_there, &there);
  assert_same_view(&v, &there);
  tear_down(&f);
}

MR_TEST(a_view_with_fewer_columns_leaves_the_rest_empty) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = filled(&f, 10), *shell = mr_pool_take(&f.shells);
  struct mr_col cols[COL_CNT];
  struct mr_view v;
  memset(shell->cols, 0xff, COL_CNT * sizeof shell->cols[0]);
  mr_view_of_batch(&f.region, b, cols, &v);
  mr_view_to_batch(&f.region, &v, 2, shell);
  assert_int_equal(shell->cols[COL_COUNT].data_off, b->cols[COL_COUNT].data_off);
  for (uint32_t i = 2; i < COL_CNT; i++) {
    assert_int_equal(shell->cols[i].data_off, 0);
    assert_int_equal(shell->cols[i].valid_off, 0);
  }
  tear_down(&f);
}

MR_TEST(only_the_last_release_is_the_last) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = mr_pool_take(&f.pool);
  for (int i = 0; i < 3; i++) mr_batch_ref(b);
  assert_int_equal(refs(b), 4);
  for (int i = 0; i < 3; i++) assert_false(mr_batch_unref(b));
  assert_true(mr_batch_unref(b));
  mr_pool_put(&f.pool, b);
  assert_ptr_equal(mr_pool_take(&f.pool), b);
  assert_true(mr_batch_unref(b));
  tear_down(&f);
}

/* What the worker room does with a batch whose last reference is dropped, all on one worker. */
static void release(struct fixture *f, struct mr_batch *b) {
  if (!mr_batch_unref(b)) return;
  for (uint32_t i = 0; i < b->base_cnt; i++) release(f, mr_region_ptr(&f->region, b->bases[i]));
  mr_pool_put(b->pool == 0 ? &f->pool : &f->shells, b);
}

MR_TEST(a_base_stays_until_all_that_point_into_it_are_released) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *base = filled(&f, 5), *map = mr_pool_take(&f.pool);
  struct mr_batch *a = mr_pool_take(&f.shells), *b = mr_pool_take(&f.shells);
  mr_batch_add_base(&f.region, map, base);
  mr_batch_add_base(&f.region, map, base); /* once is enough */
  assert_int_equal(map->base_cnt, 1);
  assert_int_equal(refs(base), 2);
  mr_batch_add_base(&f.region, a, map);
  mr_batch_add_base(&f.region, b, map);
  assert_int_equal(refs(map), 3);
  release(&f, base);
  release(&f, map);
  assert_int_equal(f.pool.free_cnt, 2);
  release(&f, b);
  assert_int_equal(f.pool.free_cnt, 2);
  assert_int_equal(f.shells.free_cnt, 7);
  assert_int_equal(refs(base), 1);
  release(&f, a);
  assert_int_equal(f.pool.free_cnt, 4);
  assert_int_equal(f.shells.free_cnt, 8);
  assert_int_equal(f.pool.block_free, 8);
  tear_down(&f);
}

MR_TEST(a_broken_batch_is_not_valid) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = filled(&f, 100);
  uint64_t *valid = mr_pool_valid(&f.pool, b, COL_COUNT);
#define BROKEN(change, repair)                                                                     \
  do {                                                                                             \
    assert_true(mr_batch_valid(&f.region, b));                                                     \
    change;                                                                                        \
    assert_false(mr_batch_valid(&f.region, b));                                                    \
    repair;                                                                                        \
  } while (0)
  BROKEN(b->msg.row_cnt = 0, b->msg.row_cnt = 100);
  BROKEN(b->msg.row_cnt = MR_BATCH_ROWS + 1, b->msg.row_cnt = 100);
  BROKEN(b->msg.sel_cnt = 99, b->msg.sel_cnt = 100);
  BROKEN(b->msg.sel_off = 12, b->msg.sel_off = 0);
  BROKEN(b->msg.kind = MR_MSG_BARRIER, b->msg.kind = MR_MSG_VIEW);
  BROKEN(b->et_min = 1001, b->et_min = -5);
  BROKEN(b->et_min = MR_TIME_NONE, b->et_min = -5);
  BROKEN(mr_bit_set(valid, 100), mr_bit_clear(valid, 100));
  BROKEN(b->cols[0].data_off += f.region.reserved_sz, b->cols[0].data_off -= f.region.reserved_sz);
  BROKEN(b->row_pos_off = 0, b->row_pos_off = b->row_line_off); /* lines have positions */
  BROKEN(b->heap_used = b->heap_last_sz + 1, b->heap_used = 1);
  BROKEN(b->heap_cnt = MR_HEAP_BLOCKS_MAX + 1, b->heap_cnt = 1);
  BROKEN(b->base_cnt = MR_BASES_MAX + 1, b->base_cnt = 0);
  BROKEN(atomic_store_explicit(&b->refs, 0, memory_order_relaxed),
         atomic_store_explicit(&b->refs, 1, memory_order_relaxed));
#undef BROKEN
  memset(b->sel, 0, sizeof b->sel);
  mr_bit_set(b->sel, 99);
  b->msg.sel_off = mr_region_off(&f.region, b->sel);
  b->msg.sel_cnt = 1;
  assert_true(mr_batch_valid(&f.region, b));
  mr_bit_set(b->sel, 100);
  assert_false(mr_batch_valid(&f.region, b));
  tear_down(&f);
}

MR_TEST(a_view_without_selection_selects_all_its_rows) {
  MR_UNUSED_STATE;
  uint64_t words[MR_BATCH_WORDS];
  static const uint32_t cnts[] = {1, 63, 64, 65, 1000, 1023, 1024};
  for (size_t i = 0; i < sizeof cnts / sizeof cnts[0]; i++) {
    memset(words, 0x5a, sizeof words);
    struct mr_view v = {.row_cnt = cnts[i]};
    const uint64_t *sel = mr_view_sel(&v, words);
    uint32_t seen = 0, next = 0;
    MR_BITMAP_EACH(sel, mr_bitmap_words(cnts[i]), row) {
      assert_int_equal(row, next);
      next++;
      seen++;
    }
    assert_int_equal(seen, cnts[i]);
  }
}

MR_TEST(each_set_bit_of_a_bitmap_is_visited_once_in_order) {
  MR_UNUSED_STATE;
  static const uint32_t bits[] = {0, 1, 63, 64, 127, 200, 511, 512, 1023};
  uint64_t map[MR_BATCH_WORDS] = {0};
  uint32_t k = 0, cnt = sizeof bits / sizeof bits[0];
  for (uint32_t i = 0; i < cnt; i++) mr_bit_set(map, bits[i]);
  MR_BITMAP_EACH(map, MR_BATCH_WORDS, row) {
    assert_true(k < cnt);
    assert_int_equal(row, bits[k]);
    k++;
  }
  assert_int_equal(k, cnt);
  assert_int_equal(mr_bitmap_count(map, MR_BATCH_WORDS), cnt);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_view_of_a_whole_batch_shows_all_of_its_head),
    MR_CASE(a_filtered_view_crosses_a_link_in_a_shell),
    MR_CASE(a_batch_can_carry_a_view_of_itself),
    MR_CASE(a_view_with_fewer_columns_leaves_the_rest_empty),
    MR_CASE(only_the_last_release_is_the_last),
    MR_CASE(a_base_stays_until_all_that_point_into_it_are_released),
    MR_CASE(a_broken_batch_is_not_valid),
    MR_CASE(a_view_without_selection_selects_all_its_rows),
    MR_CASE(each_set_bit_of_a_bitmap_is_visited_once_in_order),
};
MR_MAIN(cases)
