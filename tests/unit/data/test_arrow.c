/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what was exported by the rules of the Arrow C Data Interface alone: no header of ours but
 * the structs. */
#include "data_test.h"

#include "base/bits.h"
#include "data/arrow.h"

#define ROWS 130

static int done_cnt;
static void done(void *ctx) {
  assert_ptr_equal(ctx, &done_cnt);
  done_cnt++;
}

static void text_of(char *buf, uint32_t i) {
  snprintf(buf, 64, i % 2 ? "t%u" : "a longer text, number %u", i);
}

static struct mr_batch *filled(struct fixture *f) {
  struct mr_batch *b = mr_pool_take(&f->pool);
  uint64_t *flag = mr_pool_column(&f->pool, b, COL_FLAG), *valid;
  int64_t *count = mr_pool_column(&f->pool, b, COL_COUNT);
  struct mr_str *text = mr_pool_column(&f->pool, b, COL_TEXT);
  uint8_t *code = mr_pool_column(&f->pool, b, COL_CODE);
  struct mr_list *list = mr_pool_column(&f->pool, b, COL_LIST);
  char buf[64];
  memset(flag, 0, MR_BATCH_ROWS / 8);
  memset(valid = mr_pool_valid(&f->pool, b, COL_COUNT), 0, MR_BATCH_ROWS / 8);
  for (uint32_t i = 0; i < ROWS; i++) {
    if (i % 3 == 0) mr_bit_set(flag, i);
    if (i % 5) mr_bit_set(valid, i);
    count[i] = i % 5 ? 1000 + i : 0;
    text_of(buf, i);
    assert_true(mr_batch_str(&f->pool, b, buf, (uint32_t)strlen(buf), &text[i]));
    code[i] = (uint8_t)(i % 3);
    list[i] = (struct mr_list){.cnt = i % 4};
    if (i % 4 == 0) continue;
    list[i].has_nulls = i % 2;
    uint64_t *p = mr_batch_heap(&f->pool, b, 8 * (list[i].has_nulls + list[i].cnt));
    if (list[i].has_nulls) *p++ = 1; /* the first element is there, the others are NULL */
    for (uint32_t k = 0; k < i % 4; k++) p[k] = i * 10 + k;
    list[i].off = mr_region_off(&f->region, p);
  }
  mr_batch_set_valid(&f->pool, b, COL_COUNT);
  b->msg.row_cnt = b->msg.sel_cnt = ROWS;
  b->msg.kind = MR_MSG_VIEW;
  return b;
}

static struct fixture f;
static struct mr_batch *batch;
static struct mr_col cols[COL_CNT];
static struct mr_view view;
static struct ArrowArray array;
static struct ArrowSchema types;

static int set_up_view(void **state) {
  (void)state;
  set_up(&f, usual_conf());
  batch = filled(&f);
  mr_view_of_batch(&f.region, batch, cols, &view);
  done_cnt = 0;
  mr_arrow_export_schema(&schema, &view, &types);
  mr_arrow_export_view(&schema, &f.region, &view, done, &done_cnt, &array);
  return 0;
}

static int tear_down_view(void **state) {
  (void)state;
  if (array.release) array.release(&array);
  if (types.release) types.release(&types);
  tear_down(&f);
  return 0;
}

static bool bit(const void *map, int64_t i) {
  return (((const uint8_t *)map)[i / 8] >> (i % 8)) & 1;
}

MR_TEST(the_schema_names_each_column_and_its_type) {
  MR_UNUSED_STATE;
  static const char *const want[][2] = {{"flag", "b"}, {"count", "l"}, {"text", "vu"},
                                        {"code", "C"}, {"list", "+l"}, {"_selected", "b"}};
  assert_string_equal(types.format, "+s");
  assert_int_equal(types.n_children, 6);
  assert_int_equal(array.n_children, 6);
  for (int i = 0; i < 6; i++) {
    assert_string_equal(types.children[i]->name, want[i][0]);
    assert_string_equal(types.children[i]->format, want[i][1]);
    assert_int_equal(array.children[i]->length, ROWS);
  }
  assert_string_equal(types.children[3]->dictionary->format, "u");
  assert_string_equal(types.children[4]->children[0]->format, "l");
}

MR_TEST(fixed_columns_are_the_memory_of_the_batch) {
  MR_UNUSED_STATE;
  assert_ptr_equal(array.children[1]->buffers[1], cols[COL_COUNT].data);
  assert_ptr_equal(array.children[1]->buffers[0], cols[COL_COUNT].valid);
  assert_int_equal(array.children[1]->null_count, -1);
  assert_int_equal(array.children[0]->null_count, 0);
  assert_null(array.children[0]->buffers[0]);
  for (int64_t i = 0; i < ROWS; i++) {
    assert_int_equal(bit(array.children[0]->buffers[1], i), i % 3 == 0);
    assert_int_equal(bit(array.children[1]->buffers[0], i), i % 5 != 0);
  }
}

MR_TEST(strings_are_views_into_buffers_of_stated_size) {
  MR_UNUSED_STATE;
  const struct ArrowArray *a = array.children[2];
  const int64_t *sizes = a->buffers[a->n_buffers - 1];
  char want[64];
  assert_ptr_equal(a->buffers[1], cols[COL_TEXT].data);
  for (uint32_t i = 0; i < ROWS; i++) {
    const uint8_t *v = (const uint8_t *)a->buffers[1] + 16 * i;
    int32_t head[4];
    memcpy(head, v, 16);
    text_of(want, i);
    assert_int_equal(head[0], strlen(want));
    if (head[0] <= 12) {
      assert_memory_equal(v + 4, want, (size_t)head[0]);
      continue;
    }
    assert_true(head[2] >= 0 && head[2] < a->n_buffers - 3);
    assert_true((int64_t)head[3] + head[0] <= sizes[head[2]]);
    assert_memory_equal(v + 4, want, 4);
    assert_memory_equal((const char *)a->buffers[2 + head[2]] + head[3], want, (size_t)head[0]);
  }
}

MR_TEST(an_enum_column_is_a_dictionary_of_its_values) {
  MR_UNUSED_STATE;
  const struct ArrowArray *a = array.children[3], *d = a->dictionary;
  const int32_t *ends = d->buffers[1];
  const char *bytes = d->buffers[2];
  assert_int_equal(d->length, 3);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ends[i + 1] - ends[i], code_lens[i]);
    assert_memory_equal(bytes + ends[i], code_texts[i], code_lens[i]);
  }
  for (int i = 0; i < ROWS; i++) assert_int_equal(((const uint8_t *)a->buffers[1])[i], i % 3);
}

MR_TEST(lists_are_joined_and_keep_their_null_elements) {
  MR_UNUSED_STATE;
  const struct ArrowArray *a = array.children[4], *e = a->children[0];
  const int32_t *ends = a->buffers[1];
  const int64_t *values = e->buffers[1];
  assert_int_equal(ends[0], 0);
  assert_int_equal(e->length, ends[ROWS]);
  for (int i = 0; i < ROWS; i++) {
    assert_int_equal(ends[i + 1] - ends[i], i % 4);
    for (int k = 0; k < i % 4; k++) {
      assert_int_equal(bit(e->buffers[0], ends[i] + k), i % 2 == 0 || k == 0);
      if (i % 2 == 0 || k == 0) assert_int_equal(values[ends[i] + k], i * 10 + k);
    }
  }
}

MR_TEST(the_selection_is_the_last_column) {
  MR_UNUSED_STATE;
  for (int64_t i = 0; i < ROWS; i++) assert_true(bit(array.children[5]->buffers[1], i));
  struct ArrowArray other;
  uint64_t sel[MR_BATCH_WORDS] = {0x8000000000000005u};
  view.sel = sel;
  view.sel_cnt = 3;
  mr_arrow_export_view(&schema, &f.region, &view, NULL, NULL, &other);
  for (int64_t i = 0; i < ROWS; i++)
    assert_int_equal(bit(other.children[5]->buffers[1], i), i == 0 || i == 2 || i == 63);
  other.release(&other);
}

MR_TEST(the_batch_is_free_when_the_last_part_is_released) {
  MR_UNUSED_STATE;
  struct ArrowArray moved = *array.children[2], item = *array.children[4]->children[0];
  array.children[2]->release = NULL;
  array.children[4]->children[0]->release = NULL;
  array.release(&array);
  assert_null(array.release);
  assert_int_equal(done_cnt, 0);
  moved.release(&moved);
  assert_int_equal(done_cnt, 0);
  assert_int_equal(item.length, ((ROWS / 4) * 6) + 1);
  item.release(&item);
  assert_int_equal(done_cnt, 1);
}

#define WITH_VIEW(sentence) cmocka_unit_test_setup_teardown(sentence, set_up_view, tear_down_view)

static const struct CMUnitTest cases[] = {
    WITH_VIEW(the_schema_names_each_column_and_its_type),
    WITH_VIEW(fixed_columns_are_the_memory_of_the_batch),
    WITH_VIEW(strings_are_views_into_buffers_of_stated_size),
    WITH_VIEW(an_enum_column_is_a_dictionary_of_its_values),
    WITH_VIEW(lists_are_joined_and_keep_their_null_elements),
    WITH_VIEW(the_selection_is_the_last_column),
    WITH_VIEW(the_batch_is_free_when_the_last_part_is_released),
};
MR_MAIN(cases)
