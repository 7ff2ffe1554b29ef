/* SPDX-License-Identifier: Apache-2.0 */
#include "state/save.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static uint8_t memory[1 << 16], spare[1 << 12], file[1 << 20];
static size_t file_len;

static bool to_file(void *ctx, const uint8_t *bytes, size_t len) {
  (void)ctx;
  if (file_len + len > sizeof file) return false;
  memcpy(file + file_len, bytes, len);
  file_len += len;
  return true;
}

static struct mr_save begin(size_t sz) {
  file_len = 0;
  return (struct mr_save){.mem = memory,
                          .sz = sz,
                          .spare = spare,
                          .spare_sz = sizeof spare,
                          .spare_ready = sizeof spare};
}

static struct mr_load all_of(const struct mr_save *s) {
  return (struct mr_load){s->mem, s->mem + s->used};
}

MR_TEST(values_and_groups_are_found_by_name_and_type) {
  MR_UNUSED_STATE;
  struct mr_save s = begin(sizeof memory);
  mr_save_int(&s, "row", -7);
  mr_save_begin(&s, "inner");
  mr_save_int(&s, "row", 8);
  mr_save_begin(&s, "deep");
  mr_save_end(&s);
  mr_save_end(&s);
  mr_save_double(&s, "x", 0.5);
  mr_save_text(&s, "name", "hello");
  struct mr_load l = all_of(&s), inner;
  int64_t i;
  double d;
  const uint8_t *p;
  uint32_t len;
  assert_false(s.full);
  assert_true(mr_load_int(&l, "row", &i) && i == -7);
  assert_true(mr_load_double(&l, "x", &d) && d == 0.5);
  assert_true(mr_load_bytes(&l, "name", &p, &len) && len == 5 && !memcmp(p, "hello", 5));
  assert_true(mr_load_group(&l, "inner", &inner));
  assert_true(mr_load_int(&inner, "row", &i) && i == 8);
  assert_false(mr_load_int(&inner, "x", &i));
  assert_false(mr_load_double(&l, "row", &d));
  assert_false(mr_load_group(&l, "row", &inner));
}

MR_TEST(rows_come_back_with_nulls_and_lists_through_a_small_buffer) {
  MR_UNUSED_STATE;
  static const struct mr_save_col cols[] = {
      {"key", MR_SAVE_BYTES}, {"sum", MR_SAVE_DOUBLE}, {"all", MR_SAVE_INT | MR_SAVE_LIST}};
  struct mr_save s = begin(64); /* every few values are taken away */
  s.flush = to_file;
  mr_save_rows(&s, "keys", cols, 3);
  for (uint32_t r = 0; r < 100; r++) {
    char key[100];
    memset(key, 'k', sizeof key);
    mr_save_row(&s);
    if (r % 7)
      mr_save_put_bytes(&s, key, r);
    else
      mr_save_put_null(&s);
    mr_save_put_double(&s, r / 4.0);
    mr_save_put_list(&s, r % 5);
    for (uint32_t i = 0; i < r % 5; i++) {
      if (i == 2)
        mr_save_put_null(&s);
      else
        mr_save_put_int(&s, r + i);
    }
  }
  mr_save_rows_end(&s);
  mr_save_int(&s, "behind", 1);
  assert_false(s.full);
  assert_true(to_file(NULL, s.mem, s.used));
  struct mr_load l = {file, file + file_len};
  static struct mr_load_rows rows;
  int64_t behind;
  assert_true(mr_load_int(&l, "behind", &behind) && behind == 1);
  assert_true(mr_load_rows(&l, "keys", &rows));
  assert_int_equal(mr_load_col(&rows, "sum", MR_SAVE_DOUBLE), 1);
  assert_int_equal(mr_load_col(&rows, "sum", MR_SAVE_INT), -1);
  for (uint32_t r = 0; r < 100; r++) {
    struct mr_load_value e;
    assert_true(mr_load_next(&rows));
    assert_int_equal(rows.values[0].present, r % 7 != 0);
    if (r % 7) assert_int_equal(rows.values[0].len, r);
    assert_true(rows.values[1].d == r / 4.0);
    for (uint32_t i = 0; i < r % 5; i++) {
      assert_true(mr_load_element(&rows.values[2], rows.end, &e));
      assert_int_equal(e.present, i != 2);
      if (i != 2) assert_int_equal(e.i, r + i);
    }
    assert_false(mr_load_element(&rows.values[2], rows.end, &e));
  }
  assert_false(mr_load_next(&rows));
  assert_false(rows.bad);
}

MR_TEST(what_does_not_fit_makes_it_void) {
  MR_UNUSED_STATE;
  struct mr_save s = begin(16);
  mr_save_int(&s, "a", 1);
  assert_false(s.full);
  mr_save_int(&s, "b", 2);
  assert_true(s.full);
}

MR_TEST(frozen_bytes_stay_and_need_room) {
  MR_UNUSED_STATE;
  struct mr_save s = begin(16);
  char now[100] = "then";
  const char *kept = mr_save_freeze(&s, now, sizeof now);
  memcpy(now, "now", 4);
  assert_string_equal(kept, "then");
  assert_null(mr_save_freeze(&s, memory, sizeof spare));
  assert_true(s.full);
  s.in_place = true;
  assert_ptr_equal(mr_save_freeze(&s, now, sizeof now), now);
}

static void read_all(struct mr_load l, int depth) {
  struct mr_load_field f;
  static struct mr_load_rows rows;
  while (mr_load_field(&l, &f)) {
    if (f.type == MR_SAVE_GROUP && depth < 20) read_all(f.group, depth + 1);
    if (f.type == MR_SAVE_ROWS && mr_load_rows_of(&f.group, &rows))
      while (mr_load_next(&rows)) {}
  }
}

MR_TEST(damaged_bytes_are_never_read_beyond_their_end) {
  MR_UNUSED_STATE;
  static const struct mr_save_col cols[] = {{"k", MR_SAVE_BYTES}, {"l", 1 | MR_SAVE_LIST}};
  struct mr_save s = begin(sizeof memory);
  mr_save_begin(&s, "g");
  mr_save_rows(&s, "rows", cols, 2);
  for (uint32_t r = 0; r < 3; r++) {
    mr_save_row(&s);
    mr_save_put_bytes(&s, "abc", 3);
    mr_save_put_list(&s, 2);
    mr_save_put_int(&s, 1);
    mr_save_put_null(&s);
  }
  mr_save_rows_end(&s);
  mr_save_end(&s);
  mr_save_text(&s, "t", "text");
  for (size_t bit = 0; bit < s.used * 8; bit++) {
    /* on the heap and exact, so that a sanitizer sees a byte too many */
    uint8_t *copy = malloc(s.used);
    memcpy(copy, s.mem, s.used);
    copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    read_all((struct mr_load){copy, copy + s.used}, 0);
    read_all((struct mr_load){copy, copy + bit / 8}, 0);
    free(copy);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(values_and_groups_are_found_by_name_and_type),
    MR_CASE(rows_come_back_with_nulls_and_lists_through_a_small_buffer),
    MR_CASE(what_does_not_fit_makes_it_void),
    MR_CASE(frozen_bytes_stay_and_need_room),
    MR_CASE(damaged_bytes_are_never_read_beyond_their_end),
};
MR_MAIN(cases)
