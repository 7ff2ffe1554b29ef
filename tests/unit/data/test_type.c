/* SPDX-License-Identifier: Apache-2.0 */
#include "data_test.h"

MR_TEST(each_type_is_found_by_its_own_name) {
  MR_UNUSED_STATE;
  static const enum mr_type scalars[] = {MR_TYPE_BOOL,   MR_TYPE_INT64,     MR_TYPE_DOUBLE,
                                         MR_TYPE_STRING, MR_TYPE_TIMESTAMP, MR_TYPE_DURATION};
  for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
    enum mr_type elem = MR_TYPE_CNT;
    assert_int_equal(mr_type_by_name(mr_type_name(scalars[i]), &elem), scalars[i]);
    assert_int_equal(elem, MR_TYPE_NONE);
    char list[32];
    snprintf(list, sizeof list, "list<%s>", mr_type_name(scalars[i]));
    assert_int_equal(mr_type_by_name(list, &elem), MR_TYPE_LIST);
    assert_int_equal(elem, scalars[i]);
  }
  assert_string_equal(mr_type_name(MR_TYPE_INT64), "int64");
  assert_string_equal(mr_type_name(MR_TYPE_TIMESTAMP), "timestamp");
}

MR_TEST(what_is_no_type_is_none) {
  MR_UNUSED_STATE;
  static const char *const names[] = {"",
                                      "int",
                                      "int6",
                                      "int640",
                                      "Int64",
                                      "null",
                                      "list",
                                      "list<>",
                                      "list<",
                                      "list<int64",
                                      "<",
                                      "unknown",
                                      "list<list<int64>>",
                                      "list< int64>"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    enum mr_type elem = MR_TYPE_CNT;
    assert_int_equal(mr_type_by_name(names[i], &elem), MR_TYPE_NONE);
    assert_int_equal(elem, MR_TYPE_NONE);
  }
}

MR_TEST(the_full_type_of_a_field_is_readable) {
  MR_UNUSED_STATE;
  char buf[64];
  struct mr_field list_of_codes = {
      .name = "x", .type = MR_TYPE_LIST, .elem = MR_TYPE_STRING, .codes = &codes};
  assert_string_equal(mr_field_type_text(&fields[COL_COUNT], buf, sizeof buf), "int64");
  assert_string_equal(mr_field_type_text(&fields[COL_LIST], buf, sizeof buf), "list<int64>");
  assert_string_equal(mr_field_type_text(&fields[COL_CODE], buf, sizeof buf), "string one_of(3)");
  assert_string_equal(mr_field_type_text(&list_of_codes, buf, sizeof buf),
                      "list<string one_of(3)>");
  assert_string_equal(mr_field_type_text(&fields[COL_CODE], buf, 7), "string");
}

MR_TEST(find_gives_visible_columns_by_their_whole_name) {
  MR_UNUSED_STATE;
  assert_int_equal(mr_schema_find(&schema, "flag", 4), COL_FLAG);
  assert_int_equal(mr_schema_find(&schema, "listing", 4), COL_LIST);
  assert_int_equal(mr_schema_find(&schema, "lis", 3), -1);
  assert_int_equal(mr_schema_find(&schema, "lists", 5), -1);
  assert_int_equal(mr_schema_find(&schema, "", 0), -1);
  assert_int_equal(mr_schema_find(&schema, "pruned", 6), -1);
}

MR_TEST(schemas_are_equal_by_names_types_and_values) {
  MR_UNUSED_STATE;
  static const char *const other_texts[] = {"red", "green", "blew"};
  static const char *const same_texts[] = {"red", "green", "blue"};
  struct mr_enum same = {.cnt = 3, .texts = same_texts, .lens = code_lens};
  struct mr_enum other = {.cnt = 3, .texts = other_texts, .lens = code_lens};
  struct mr_enum fewer = {.cnt = 2, .texts = same_texts, .lens = code_lens};
  struct mr_field copy[COL_CNT];
  struct mr_schema b = schema;
  memcpy(copy, fields, sizeof copy);
  b.fields = copy;
  copy[COL_CODE].codes = &same;
  copy[COL_FLAG].optional = true;
  assert_true(mr_schema_equal(&schema, &b));
  copy[COL_CODE].codes = &other;
  assert_false(mr_schema_equal(&schema, &b));
  copy[COL_CODE].codes = &fewer;
  assert_false(mr_schema_equal(&schema, &b));
  copy[COL_CODE].codes = NULL;
  assert_false(mr_schema_equal(&schema, &b));
  copy[COL_CODE].codes = &codes;
  copy[COL_COUNT].name = "counts";
  assert_false(mr_schema_equal(&schema, &b));
  copy[COL_COUNT].name = "count";
  copy[COL_LIST].elem = MR_TYPE_DOUBLE;
  assert_false(mr_schema_equal(&schema, &b));
  copy[COL_LIST].elem = MR_TYPE_INT64;
  b.cnt--;
  assert_false(mr_schema_equal(&schema, &b));
}

MR_TEST(a_string_is_inline_up_to_12_bytes_and_a_reference_beyond) {
  MR_UNUSED_STATE;
  static const char text[] = "abcdefghijklmnopqrstuvwxyz";
  const uint8_t *base = (const uint8_t *)text;
  for (uint32_t len = 0; len <= 20; len++) {
    struct mr_str s = mr_str_make(text + 3, len, base);
    assert_int_equal(s.len, len);
    assert_memory_equal(mr_str_data(&s, base), text + 3, len);
    if (len <= 12) {
      char padded[12] = {0};
      memcpy(padded, text + 3, len);
      assert_memory_equal(s.u.inl, padded, 12);
    } else {
      assert_ptr_equal(mr_str_data(&s, base), text + 3);
      assert_memory_equal(s.u.ref.prefix, "defg", 4);
    }
  }
}

MR_TEST(a_reference_reaches_beyond_2_gib) {
  MR_UNUSED_STATE;
  struct mr_region region;
  struct mr_error err;
  uint64_t gib = UINT64_C(1) << 30;
  if (mr_region_create(&region, 9 * gib, MR_HUGE_OFF, &err) != MR_OK)
    mr_skip("needs 9 GiB of addresses");
  uint64_t off = mr_region_reserve(&region, 9 * gib - (1 << 20), "lazy");
  assert_int_not_equal(off, 0);
  for (uint64_t at = 2 * gib - 8; at < 8 * gib; at += 2 * gib) {
    char *p = mr_region_ptr(&region, at);
    memcpy(p, "a text that crosses it", 22);
    struct mr_str s = mr_str_make(p, 22, region.base);
    assert_ptr_equal(mr_str_data(&s, region.base), p);
    assert_int_equal(s.u.ref.buf, at / (2 * gib));
    assert_int_equal(s.u.ref.off, at % (2 * gib));
  }
  mr_region_destroy(&region);
}

static int sign(int v) {
  return (v > 0) - (v < 0);
}

MR_TEST(strings_compare_by_bytes_and_then_by_length) {
  MR_UNUSED_STATE;
  static const char pool[] = "|a|ab|abc|abcd|abcde|abcdefghijkl|abcdefghijklm|abcdefghijklmn|"
                             "abcdefghijkln|abcdZfghijklmnop|\x80zzzz|\xc3\xa9|zz|";
  const uint8_t *base = (const uint8_t *)pool;
  struct mr_str strs[32];
  uint32_t cnt = 0;
  for (const char *p = pool; strchr(p + 1, '|'); p = strchr(p + 1, '|'))
    strs[cnt++] = mr_str_make(p + 1, (uint32_t)(strchr(p + 1, '|') - p - 1), base);
  assert_int_equal(cnt, 13);
  for (uint32_t i = 0; i < cnt; i++) {
    for (uint32_t k = 0; k < cnt; k++) {
      const struct mr_str *a = &strs[i], *b = &strs[k];
      uint32_t len = a->len < b->len ? a->len : b->len;
      int want = memcmp(mr_str_data(a, base), mr_str_data(b, base), len);
      if (want == 0) want = (int)a->len - (int)b->len;
      assert_int_equal(sign(mr_str_compare(a, b, base)), sign(want));
      assert_int_equal(mr_str_equal(a, b, base), i == k);
    }
  }
}

MR_TEST(equal_strings_at_two_places_are_equal) {
  MR_UNUSED_STATE;
  static const char two[] = "the same long text/the same long text/the same long tent";
  const uint8_t *base = (const uint8_t *)two;
  struct mr_str a = mr_str_make(two, 18, base), b = mr_str_make(two + 19, 18, base);
  struct mr_str c = mr_str_make(two + 38, 18, base);
  assert_true(mr_str_equal(&a, &b, base));
  assert_int_equal(mr_str_compare(&a, &b, base), 0);
  assert_false(mr_str_equal(&a, &c, base));
}

static const struct CMUnitTest cases[] = {
    MR_CASE(each_type_is_found_by_its_own_name),
    MR_CASE(what_is_no_type_is_none),
    MR_CASE(the_full_type_of_a_field_is_readable),
    MR_CASE(find_gives_visible_columns_by_their_whole_name),
    MR_CASE(schemas_are_equal_by_names_types_and_values),
    MR_CASE(a_string_is_inline_up_to_12_bytes_and_a_reference_beyond),
    MR_CASE(a_reference_reaches_beyond_2_gib),
    MR_CASE(strings_compare_by_bytes_and_then_by_length),
    MR_CASE(equal_strings_at_two_places_are_equal),
};
MR_MAIN(cases)
