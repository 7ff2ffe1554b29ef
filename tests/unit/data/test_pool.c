/* SPDX-License-Identifier: Apache-2.0 */
#include "data_test.h"

MR_TEST(the_newest_free_batch_is_taken_first) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b[4];
  for (int i = 0; i < 4; i++) assert_non_null(b[i] = mr_pool_take(&f.pool));
  assert_null(mr_pool_take(&f.pool));
  static const int order[] = {2, 0, 3, 1};
  for (int i = 0; i < 4; i++) mr_pool_put(&f.pool, b[order[i]]);
  for (int i = 3; i >= 0; i--) assert_ptr_equal(mr_pool_take(&f.pool), b[order[i]]);
  tear_down(&f);
}

MR_TEST(the_pool_counts_what_is_free_and_its_low_water) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *a = mr_pool_take(&f.pool), *b = mr_pool_take(&f.pool);
  assert_non_null(mr_batch_heap(&f.pool, a, 60000));
  assert_non_null(mr_batch_heap(&f.pool, a, 60000));
  assert_int_equal(f.pool.free_cnt, 2);
  assert_int_equal(f.pool.block_free, 6);
  assert_true(mr_pool_ready(&f.pool, 2));
  assert_false(mr_pool_ready(&f.pool, 3));
  mr_pool_put(&f.pool, a);
  mr_pool_put(&f.pool, b);
  assert_int_equal(f.pool.free_cnt, 4);
  assert_int_equal(f.pool.block_free, 8);
  assert_int_equal(f.pool.free_cnt_min, 2);
  assert_int_equal(f.pool.block_free_min, 6);
  assert_true(mr_pool_ready(&f.pool, 4));
  tear_down(&f);
}

MR_TEST(a_pool_is_not_ready_while_all_large_blocks_are_out) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *a = mr_pool_take(&f.pool);
  assert_non_null(mr_batch_heap(&f.pool, a, 70000));
  assert_false(mr_pool_ready(&f.pool, 1));
  mr_pool_put(&f.pool, a);
  assert_true(mr_pool_ready(&f.pool, 1));
  tear_down(&f);
}

MR_TEST(a_taken_batch_is_as_new_whatever_it_was_before) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = mr_pool_take(&f.pool), *other = mr_pool_take(&f.pool);
  struct mr_col_off cols[COL_CNT];
  memcpy(cols, b->cols, sizeof cols);
  b->msg.row_cnt = 7;
  b->msg.kind = MR_MSG_VIEW;
  b->et_min = b->et_max = 5;
  b->row_t0_off = 8;
  mr_batch_set_valid(&f.pool, b, COL_COUNT);
  b->cols[COL_TEXT].data_off = other->cols[COL_TEXT].data_off;
  mr_batch_add_base(&f.region, b, other);
  mr_batch_heap(&f.pool, b, 10);
  mr_pool_put(&f.pool, b);
  assert_ptr_equal(mr_pool_take(&f.pool), b);
  assert_memory_equal(cols, b->cols, sizeof cols);
  assert_int_equal(b->msg.row_cnt, 0);
  assert_int_equal(b->msg.kind, 0);
  assert_int_equal(b->base_cnt, 0);
  assert_int_equal(b->heap_cnt, 0);
  assert_int_equal(b->row_t0_off, 0);
  assert_true(b->et_min == MR_TIME_NONE && b->et_max == MR_TIME_NONE);
  assert_int_equal(atomic_load_explicit(&b->refs, memory_order_relaxed), 1);
  assert_true(mr_batch_valid(&f.region, b));
  tear_down(&f);
}

/* Marks [off, off + sz) of the bytes as used; each may be used once. */
static void claim(uint8_t *used, uint64_t from, uint64_t off, uint64_t sz) {
  for (uint64_t i = off; i < off + sz; i++) {
    assert_int_equal(used[i - from], 0);
    used[i - from] = 1;
  }
}

MR_TEST(nothing_in_a_pool_overlaps) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  uint64_t from = f.region.parts[0].off, sz = f.region.parts[0].sz;
  assert_int_equal(sz, mr_pool_footprint(&f.pool.conf));
  uint8_t *used = calloc(sz, 1);
  for (int i = 0; i < 4; i++) {
    struct mr_batch *b = mr_pool_take(&f.pool);
    uint64_t off = mr_region_off(&f.region, b);
    claim(used, from, off, sizeof *b + COL_CNT * sizeof b->cols[0]);
    for (uint32_t c = 0; c < COL_CNT; c++) {
      if (!own[c]) continue;
      assert_int_equal(b->cols[c].data_off % 64, 0);
      assert_ptr_equal(mr_pool_column(&f.pool, b, c),
                       mr_region_ptr(&f.region, b->cols[c].data_off));
      claim(used, from, b->cols[c].data_off, mr_phys_column_sz(mr_field_phys(&fields[c])));
      uint64_t valid = mr_region_off(&f.region, mr_pool_valid(&f.pool, b, c));
      claim(used, from, valid, MR_BATCH_WORDS * 8);
      mr_batch_set_valid(&f.pool, b, c);
      assert_int_equal(b->cols[c].valid_off, valid);
    }
    claim(used, from, off + f.pool.t0_off, MR_BATCH_ROWS * 8);
    claim(used, from, off + f.pool.pos_off, MR_BATCH_ROWS * 8);
    claim(used, from, off + f.pool.line_off, MR_BATCH_ROWS * 8);
    assert_int_equal(f.pool.frontier_off, 0);
    for (int k = 0; k < 2; k++)
      claim(used, from, mr_region_off(&f.region, mr_batch_heap(&f.pool, b, 65536)), 65536);
    if (i == 0)
      claim(used, from, mr_region_off(&f.region, mr_batch_heap(&f.pool, b, 1 << 20)), 1 << 20);
  }
  free(used);
  tear_down(&f);
}

MR_TEST(a_pruned_column_has_no_memory) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = mr_pool_take(&f.pool);
  assert_int_equal(b->cols[COL_PRUNED].data_off, 0);
  assert_int_equal(b->cols[COL_PRUNED].valid_off, 0);
  struct mr_batch *shell = mr_pool_take(&f.shells);
  for (uint32_t c = 0; c < COL_CNT; c++) assert_int_equal(shell->cols[c].data_off, 0);
  tear_down(&f);
}

MR_TEST(the_heap_chains_blocks_and_stops_where_the_pool_is_empty) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = mr_pool_take(&f.pool);
  char *last = NULL;
  uint32_t cnt = 0;
  for (char *p; (p = mr_batch_heap(&f.pool, b, 20000)); last = p, cnt++) {
    assert_int_equal((uintptr_t)p % 8, 0);
    memset(p, (int)cnt + 1, 20000);
    if (last) assert_int_equal(last[19999], (char)cnt);
  }
  assert_int_equal(cnt, 8 * 3);
  assert_int_equal(b->heap_cnt, 8);
  assert_true(mr_batch_valid(&f.region, b));
  assert_null(mr_batch_heap(&f.pool, b, 20000));
  assert_non_null(mr_batch_heap(&f.pool, b, 100));
  mr_pool_put(&f.pool, b);
  assert_int_equal(f.pool.block_free, 8);
  tear_down(&f);
}

MR_TEST(a_batch_chains_no_more_blocks_than_the_limit) {
  MR_UNUSED_STATE;
  struct fixture f;
  struct mr_pool_conf conf = usual_conf();
  conf.block_cnt = MR_HEAP_BLOCKS_MAX + 2;
  set_up(&f, conf);
  struct mr_batch *b = mr_pool_take(&f.pool);
  for (uint32_t i = 0; i < MR_HEAP_BLOCKS_MAX; i++)
    assert_non_null(mr_batch_heap(&f.pool, b, MR_HEAP_BLOCK_SZ));
  assert_null(mr_batch_heap(&f.pool, b, 1));
  tear_down(&f);
}

MR_TEST(large_values_have_blocks_of_their_own) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  assert_int_equal(mr_pool_value_max(&f.pool), 1 << 20);
  struct mr_batch *a = mr_pool_take(&f.pool), *b = mr_pool_take(&f.pool);
  assert_non_null(mr_batch_heap(&f.pool, a, 100));
  char *p = mr_batch_heap(&f.pool, a, 1 << 20);
  assert_non_null(p);
  memset(p, 1, 1 << 20);
  assert_null(mr_batch_heap(&f.pool, b, 65537));
  assert_non_null(mr_batch_heap(&f.pool, b, 65536));
  assert_null(mr_batch_heap(&f.pool, b, (1 << 20) + 1));
  assert_true(mr_batch_valid(&f.region, a));
  mr_pool_put(&f.pool, a);
  assert_non_null(mr_batch_heap(&f.pool, b, 65537));
  assert_null(mr_batch_heap(&f.pool, b, UINT32_MAX));
  mr_pool_put(&f.pool, b);
  assert_int_equal(f.pool.large_free, 1);
  assert_int_equal(f.pool.block_free, 8);
  tear_down(&f);
}

MR_TEST(a_pool_without_a_heap_holds_inline_strings_only) {
  MR_UNUSED_STATE;
  struct fixture f;
  struct mr_pool_conf conf = usual_conf();
  conf.block_cnt = conf.large_cnt = conf.large_sz = 0;
  set_up(&f, conf);
  struct mr_batch *b = mr_pool_take(&f.pool);
  struct mr_str s;
  assert_int_equal(mr_pool_value_max(&f.pool), 12);
  assert_true(mr_pool_ready(&f.pool, 3));
  assert_true(mr_batch_str(&f.pool, b, "twelve bytes", 12, &s));
  assert_memory_equal(mr_str_data(&s, f.region.base), "twelve bytes", 12);
  assert_false(mr_batch_str(&f.pool, b, "thirteen byte", 13, &s));
  assert_null(mr_batch_heap(&f.pool, b, 1));
  tear_down(&f);
}

MR_TEST(what_is_trimmed_is_handed_out_again) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = mr_pool_take(&f.pool);
  char *p = mr_batch_heap(&f.pool, b, 1000);
  mr_batch_heap_trim(b, 984);
  assert_ptr_equal(mr_batch_heap(&f.pool, b, 8), p + 16);
  char *q = mr_batch_heap(&f.pool, b, 100);
  mr_batch_heap_trim(b, 63);
  assert_ptr_equal(mr_batch_heap(&f.pool, b, 8), q + 40);
  mr_batch_heap_trim(b, 8);
  assert_ptr_equal(mr_batch_heap(&f.pool, b, 8), q + 40);
  tear_down(&f);
}

MR_TEST(strings_of_all_lengths_come_back) {
  MR_UNUSED_STATE;
  struct fixture f;
  set_up(&f, usual_conf());
  struct mr_batch *b = mr_pool_take(&f.pool);
  struct mr_str strs[600];
  char text[600];
  for (uint32_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7 + 3);
  for (uint32_t len = 0; len < 600; len++)
    assert_true(mr_batch_str(&f.pool, b, text, len, &strs[len]));
  for (uint32_t len = 0; len < 600; len++) {
    assert_int_equal(strs[len].len, len);
    assert_memory_equal(mr_str_data(&strs[len], f.region.base), text, len);
  }
  tear_down(&f);
}

MR_TEST(a_region_that_is_too_small_is_an_error) {
  MR_UNUSED_STATE;
  struct mr_region region;
  struct mr_pool pool;
  struct mr_error err = {0};
  struct mr_pool_conf conf = usual_conf();
  conf.block_cnt = 1000;
  assert_int_equal(mr_region_create(&region, 1 << 20, MR_HUGE_OFF, &err), MR_OK);
  assert_int_equal(mr_pool_init(&pool, &region, &conf, 0, 0, "source.out", &err), MR_ERR_NOMEM);
  assert_non_null(strstr(err.text, "source.out"));
  mr_region_destroy(&region);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_newest_free_batch_is_taken_first),
    MR_CASE(the_pool_counts_what_is_free_and_its_low_water),
    MR_CASE(a_pool_is_not_ready_while_all_large_blocks_are_out),
    MR_CASE(a_taken_batch_is_as_new_whatever_it_was_before),
    MR_CASE(nothing_in_a_pool_overlaps),
    MR_CASE(a_pruned_column_has_no_memory),
    MR_CASE(the_heap_chains_blocks_and_stops_where_the_pool_is_empty),
    MR_CASE(a_batch_chains_no_more_blocks_than_the_limit),
    MR_CASE(large_values_have_blocks_of_their_own),
    MR_CASE(a_pool_without_a_heap_holds_inline_strings_only),
    MR_CASE(what_is_trimmed_is_handed_out_again),
    MR_CASE(strings_of_all_lengths_come_back),
    MR_CASE(a_region_that_is_too_small_is_an_error),
};
MR_MAIN(cases)
