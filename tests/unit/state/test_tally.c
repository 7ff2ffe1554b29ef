/* SPDX-License-Identifier: Apache-2.0 */
#include "state/tally.h"

#include "state_test.h"

#define SEED   UINT64_C(0x7a11)
#define VALUES 37u

static const char *texts[VALUES];
static uint32_t lens[VALUES];
static char text_buf[VALUES][8];
static struct mr_enum values = {.cnt = VALUES, .texts = texts, .lens = lens};

/* Keys of two enum columns; count(*), and a count of the rows whose first bit of a mask is set. */
MR_TEST(counts_beside_a_table_are_those_of_a_plain_loop_after_a_flush) {
  MR_UNUSED_STATE;
  static struct cols c;
  static uint64_t want[2][VALUES * VALUES];
  struct mr_keys keys;
  struct mr_key_batch batch;
  struct mr_fold items[2] = {{.func = MR_FOLD_COUNT}, {.func = MR_FOLD_COUNT, .maybe_null = true}};
  struct mr_folds folds = {.items = items, .cnt = 2};
  struct mr_space space;
  struct mr_tally tally;
  struct mr_rng rng;
  struct mr_error err;
  const struct mr_state_kernels *k = mr_state_kernels_of(mr_isa_detect());
  const uint32_t cols[] = {0, 1};
  printf("seed %llu\n", (unsigned long long)SEED);
  for (uint32_t i = 0; i < VALUES; i++) {
    lens[i] = (uint32_t)snprintf(text_buf[i], sizeof text_buf[i], "v%u", i);
    texts[i] = text_buf[i];
  }
  for (uint32_t shape = 0; shape < 2; shape++) { /* bytes, and wider numbers */
    memset(want, 0, sizeof want);
    cols_begin(&c, UINT64_C(32) << 20);
    cols_add(&c, MR_TYPE_STRING, &values, false);
    cols_add(&c, MR_TYPE_STRING, &values, false);
    mr_keys_init(&keys, &c.schema, cols, 1 + shape);
    mr_key_batch_init(&batch, &c.arena, &keys, k, c.region.base);
    mr_folds_init(&folds, &c.arena, mr_row_before(&keys));
    assert_int_equal(
        mr_space_init(&space, &c.region, &keys, &folds, UINT64_C(8) << 20, 0, "state", &err), 0);
    assert_true(mr_tally_possible(&space));
    mr_tally_init(&tally, &c.arena, &space);
    uint32_t ref = mr_table_new(&space);
    mr_rng_init(&rng, SEED);
    for (uint32_t round = 0; round < 200; round++) {
      uint64_t sel[MR_BATCH_WORDS] = {0}, pass[MR_BATCH_WORDS];
      uint32_t n = 1 + (uint32_t)(mr_rng_next(&rng) % MR_BATCH_ROWS), sel_cnt = 0;
      cols_clear(&c, n);
      for (uint32_t w = 0; w < MR_BATCH_WORDS; w++) pass[w] = mr_rng_next(&rng);
      for (uint32_t i = 0; i < n; i++) {
        uint32_t a = (uint32_t)(mr_rng_next(&rng) % VALUES), b = (uint32_t)(mr_rng_next(&rng) % 5);
        cols_put(&c, 0, i, a);
        cols_put(&c, 1, i, b);
        if (mr_rng_next(&rng) % 3 == 0) continue;
        mr_bit_set(sel, i);
        sel_cnt++;
        uint32_t g = shape ? a * VALUES + b : a;
        want[0][g]++;
        want[1][g] += mr_bit_get(pass, i);
      }
      struct mr_fold_in ins[2] = {{NULL, NULL, NULL}, {NULL, NULL, pass}};
      assert_true(mr_tally_room(&space));
      mr_keys_begin(&batch, &c.view, NULL, 0);
      mr_tally_add(&tally, k, &batch, ins, sel, sel_cnt, n);
      if (round % 50 == 49) mr_tally_flush(&tally, &space, mr_table_at(&space, ref), true);
    }
    struct mr_row *row[1];
    uint32_t rows = 0, groups = 0;
    while (mr_table_changed(&space, mr_table_at(&space, ref), row, 1)) {
      uint32_t a = row[0]->key[0] & 255, b = row[0]->key[0] >> 8 & 255,
               g = shape ? a * VALUES + b : a;
      for (uint32_t f = 0; f < 2; f++)
        assert_int_equal(*(uint64_t *)(void *)((uint8_t *)row[0] + items[f].off), want[f][g]);
      rows++;
    }
    for (uint32_t g = 0; g < VALUES * VALUES; g++) groups += want[0][g] > 0;
    assert_int_equal(rows, groups);
    assert_int_equal(space.key_cnt, groups);
    cols_end(&c);
  }
}

MR_TEST(bounds_on_keys_or_memory_leave_no_room_for_counting_beside) {
  MR_UNUSED_STATE;
  struct mr_keys keys;
  struct mr_fold item = {.func = MR_FOLD_COUNT};
  struct mr_folds folds = {.items = &item, .cnt = 1};
  struct mr_space space;
  struct mr_error err;
  static struct cols c;
  cols_begin(&c, UINT64_C(32) << 20);
  mr_keys_init(&keys, &c.schema, NULL, 0);
  mr_folds_init(&folds, &c.arena, mr_row_before(&keys));
  assert_int_equal(mr_space_init(&space, &c.region, &keys, &folds, 1 << 20, 5, "state", &err), 0);
  assert_false(mr_tally_room(&space));
  assert_int_equal(mr_space_init(&space, &c.region, &keys, &folds, 1 << 20, 0, "state", &err), 0);
  assert_true(mr_tally_room(&space));
  while (mr_store_take(&space.store, MR_STORE_CLASS_SEG)) continue;
  assert_false(mr_tally_room(&space));
  cols_end(&c);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(counts_beside_a_table_are_those_of_a_plain_loop_after_a_flush),
    MR_CASE(bounds_on_keys_or_memory_leave_no_room_for_counting_beside),
};
MR_MAIN(cases)
