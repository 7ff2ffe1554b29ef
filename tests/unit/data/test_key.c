/* SPDX-License-Identifier: Apache-2.0 */
#include "data_test.h"

#include <math.h>

#include "data/key.h"

static struct mr_field key_fields[] = {
    {.name = "number", .type = MR_TYPE_INT64},
    {.name = "real", .type = MR_TYPE_DOUBLE},
    {.name = "text", .type = MR_TYPE_STRING},
    {.name = "code", .type = MR_TYPE_STRING, .codes = &codes},
    {.name = "flag", .type = MR_TYPE_BOOL},
};
static const struct mr_schema key_schema = {
    .cnt = 5, .visible_cnt = 5, .event_time = -1, .fields = key_fields};

/* The hashes of one column, of row_cnt rows. */
static void hash_of(uint32_t col, const void *data, const uint64_t *valid, uint32_t row_cnt,
                    const uint8_t *base, uint64_t *hashes) {
  struct mr_arena arena = {0};
  struct mr_key_hasher hasher;
  struct mr_col cols[5] = {0};
  struct mr_view view = {.cols = cols, .row_cnt = row_cnt, .sel_cnt = row_cnt};
  cols[col] = (struct mr_col){.data = data, .valid = valid};
  mr_key_hasher_init(&hasher, &arena, &key_schema, &col, 1);
  mr_key_hash(&hasher, base, &view, hashes);
  mr_arena_free(&arena);
}

MR_TEST(zero_has_one_hash_and_so_have_all_nan) {
  MR_UNUSED_STATE;
  uint64_t odd_nan_bits = UINT64_C(0xfff0000000000123), h[6];
  double values[6] = {0.0, -0.0, NAN, -NAN, 0, 1.0};
  memcpy(&values[4], &odd_nan_bits, 8);
  hash_of(1, values, NULL, 6, NULL, h);
  assert_int_equal(h[0], h[1]);
  assert_int_equal(h[2], h[3]);
  assert_int_equal(h[2], h[4]);
  assert_int_not_equal(h[0], h[2]);
  assert_int_not_equal(h[0], h[5]);
}

MR_TEST(an_enum_value_hashes_as_its_text) {
  MR_UNUSED_STATE;
  static const uint8_t values[3] = {2, 0, 1};
  struct mr_str strs[3] = {mr_str_make("blue", 4, NULL), mr_str_make("red", 3, NULL),
                           mr_str_make("green", 5, NULL)};
  uint64_t by_code[3], by_text[3];
  hash_of(3, values, NULL, 3, NULL, by_code);
  hash_of(2, strs, NULL, 3, NULL, by_text);
  assert_memory_equal(by_code, by_text, sizeof by_code);
  assert_int_not_equal(by_code[0], by_code[1]);
}

MR_TEST(null_is_neither_zero_nor_the_empty_text) {
  MR_UNUSED_STATE;
  int64_t numbers[2] = {0, 0};
  struct mr_str strs[2] = {mr_str_make("", 0, NULL), mr_str_make("", 0, NULL)};
  uint64_t valid = 1, n[2], s[2];
  hash_of(0, numbers, &valid, 2, NULL, n);
  hash_of(2, strs, &valid, 2, NULL, s);
  assert_int_not_equal(n[0], n[1]);
  assert_int_not_equal(s[0], s[1]);
  assert_int_equal(n[1], s[1]);
}

MR_TEST(long_texts_hash_by_their_bytes_wherever_they_lie) {
  MR_UNUSED_STATE;
  static const char text[] = "one long text of bytes|one long text of bytes|one long text of bites";
  const uint8_t *base = (const uint8_t *)text;
  struct mr_str strs[3] = {mr_str_make(text, 22, base), mr_str_make(text + 23, 22, base),
                           mr_str_make(text + 46, 22, base)};
  uint64_t h[3];
  hash_of(2, strs, NULL, 3, base, h);
  assert_int_equal(h[0], h[1]);
  assert_int_not_equal(h[0], h[2]);
}

MR_TEST(the_order_of_key_columns_matters) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  struct mr_key_hasher ab, ba;
  int64_t number[1] = {7};
  uint64_t flag[1] = {1}, x, y;
  struct mr_col cols[5] = {{.data = number}, {0}, {0}, {0}, {.data = flag}};
  struct mr_view view = {.cols = cols, .row_cnt = 1, .sel_cnt = 1};
  mr_key_hasher_init(&ab, &arena, &key_schema, (const uint32_t[]){0, 4}, 2);
  mr_key_hasher_init(&ba, &arena, &key_schema, (const uint32_t[]){4, 0}, 2);
  mr_key_hash(&ab, NULL, &view, &x);
  mr_key_hash(&ba, NULL, &view, &y);
  assert_int_not_equal(x, y);
  mr_arena_free(&arena);
}

MR_TEST(the_hash_of_a_number_never_changes_between_versions) {
  MR_UNUSED_STATE;
  int64_t numbers[2] = {42, -1};
  uint64_t h[2];
  hash_of(0, numbers, NULL, 2, NULL, h);
  assert_int_equal(h[0], UINT64_C(0xffd8ec048cf56a79));
  assert_int_equal(h[1], UINT64_C(0xbe9b5e7e547da0ac));
}

MR_TEST(groups_are_evenly_used_and_instances_own_ranges_of_them) {
  MR_UNUSED_STATE;
  static int64_t numbers[MR_BATCH_ROWS];
  static uint64_t h[MR_BATCH_ROWS];
  uint32_t used[MR_KEY_GROUPS] = {0};
  for (uint32_t r = 0; r < 64; r++) {
    for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) numbers[i] = (int64_t)r * MR_BATCH_ROWS + i;
    hash_of(0, numbers, NULL, MR_BATCH_ROWS, NULL, h);
    for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) used[mr_key_group(h[i])]++;
  }
  for (uint32_t g = 0; g < MR_KEY_GROUPS; g++) assert_in_range(used[g], 400, 640); /* mean 512 */
  for (uint32_t n = 1; n <= MR_KEY_GROUPS; n++) {
    uint32_t last = 0;
    for (uint32_t g = 0; g < MR_KEY_GROUPS; g++) {
      uint32_t owner = mr_key_owner(g, n);
      assert_true(owner == last || owner == last + 1);
      last = owner;
    }
    assert_int_equal(last, n - 1);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(zero_has_one_hash_and_so_have_all_nan),
    MR_CASE(an_enum_value_hashes_as_its_text),
    MR_CASE(null_is_neither_zero_nor_the_empty_text),
    MR_CASE(long_texts_hash_by_their_bytes_wherever_they_lie),
    MR_CASE(the_order_of_key_columns_matters),
    MR_CASE(the_hash_of_a_number_never_changes_between_versions),
    MR_CASE(groups_are_evenly_used_and_instances_own_ranges_of_them),
};
MR_MAIN(cases)
