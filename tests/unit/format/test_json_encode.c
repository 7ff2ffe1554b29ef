/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/rng.h"
#include "format/json_encode.h"
#include "rig.h"
#include "test.h"

#define ROWS 6

static const char *const code_texts[] = {"plain", "with \"quotes\"", "tab\t"};
static const uint32_t code_lens[] = {5, 13, 4};
static const struct mr_enum codes = {3, code_texts, code_lens, NULL};

/* A region of memory and a view of hand-made columns. */
struct bench {
  struct mr_arena arena;
  uint8_t *base;
  size_t used;
  struct mr_field fields[10];
  struct mr_schema schema;
  struct mr_col cols[10];
  struct mr_view view;
  bool bools[ROWS];
};

static void *memory(struct bench *b, size_t sz) {
  void *p = b->base + b->used;
  b->used = (b->used + sz + 15) & ~(size_t)15;
  return p;
}

static struct mr_str str(struct bench *b, const char *text, size_t len) {
  char *p = memory(b, len + 1);
  memcpy(p, text, len);
  return mr_str_make(p, (uint32_t)len, b->base);
}

static void open_bench(struct bench *b) {
  memset(b, 0, sizeof *b);
  b->base = calloc(1, 8 << 20);
  b->used = 64;
  b->schema = (struct mr_schema){0, 0, -1, b->fields};
  b->view = (struct mr_view){.cols = b->cols, .row_cnt = ROWS, .sel_cnt = ROWS};
}
static void close_bench(struct bench *b) {
  mr_arena_free(&b->arena);
  free(b->base);
}
static void *add(struct bench *b, struct mr_field field) {
  uint32_t c = b->schema.cnt++;
  b->fields[c] = field;
  b->schema.visible_cnt = b->schema.cnt;
  return (void *)(uintptr_t)(b->cols[c].data = memory(b, 1024 * 16));
}

/* All that the encoder writes with buffers of sz bytes. */
static char *encode(struct bench *b, struct mr_json_encode_conf conf, size_t sz,
                    struct mr_json_cursor *cur) {
  static char text[16 << 20];
  struct mr_error err;
  conf.schema = &b->schema;
  const struct mr_json_encoder *enc = mr_json_encoder_create(&b->arena, &conf, &err);
  assert_non_null(enc);
  char *buf = malloc(sz);
  size_t len = 0;
  memset(cur, 0, sizeof *cur);
  while (!mr_json_encode_done(&b->view, cur)) {
    size_t n = mr_json_encode(enc, &b->view, b->base, cur, buf, sz);
    assert_true(n <= sz);
    assert_true(n > 0 || mr_json_encode_done(&b->view, cur));
    memcpy(text + len, buf, n);
    len += n;
  }
  text[len] = 0;
  free(buf);
  return text;
}
static const struct mr_json_encode_conf plain = {.raw_col = -1};

MR_TEST(columns_keep_their_order_and_types_their_text) {
  MR_UNUSED_STATE;
  struct bench b;
  struct mr_json_cursor cur;
  open_bench(&b);
  b.view.row_cnt = 1;
  ((struct mr_str *)add(&b, (struct mr_field){"s", MR_TYPE_STRING}))[0] = str(&b, "a \"b\"", 5);
  ((uint8_t *)add(&b, (struct mr_field){"e", MR_TYPE_STRING, .codes = &codes}))[0] = 1;
  ((int64_t *)add(&b, (struct mr_field){"i", MR_TYPE_INT64}))[0] = INT64_MIN;
  ((double *)add(&b, (struct mr_field){"d", MR_TYPE_DOUBLE}))[0] = 0.1;
  ((uint64_t *)add(&b, (struct mr_field){"b", MR_TYPE_BOOL}))[0] = 1;
  ((int64_t *)add(&b, (struct mr_field){"t", MR_TYPE_TIMESTAMP}))[0] = 1760314622500000;
  ((int64_t *)add(&b, (struct mr_field){"du", MR_TYPE_DURATION}))[0] = 3723500000;
  assert_string_equal(
      encode(&b, plain, 4096, &cur),
      "{\"s\":\"a \\\"b\\\"\",\"e\":\"with \\\"quotes\\\"\",\"i\":-9223372036854775808,"
      "\"d\":0.1,\"b\":true,\"t\":\"2025-10-13T00:17:02.500Z\",\"du\":\"1h2m3.5s\"}\n");
  assert_int_equal(cur.rows, 1);
  close_bench(&b);
}

MR_TEST(nulls_are_kept_or_left_out) {
  MR_UNUSED_STATE;
  struct bench b;
  struct mr_json_cursor cur;
  uint64_t valid_i[1] = {5}, valid_s[1] = {3};
  open_bench(&b);
  b.view.row_cnt = 4;
  int64_t *i = add(&b, (struct mr_field){"i", MR_TYPE_INT64});
  struct mr_str *s = add(&b, (struct mr_field){"s", MR_TYPE_STRING});
  for (int r = 0; r < 4; r++) i[r] = r;
  s[0] = s[1] = str(&b, "x", 1);
  b.cols[0].valid = valid_i;
  b.cols[1].valid = valid_s;
  assert_string_equal(encode(&b, plain, 4096, &cur),
                      "{\"i\":0,\"s\":\"x\"}\n{\"i\":null,\"s\":\"x\"}\n{\"i\":2,\"s\":null}\n"
                      "{\"i\":null,\"s\":null}\n");
  struct mr_json_encode_conf omit = {.raw_col = -1, .nulls_omit = true};
  assert_string_equal(encode(&b, omit, 4096, &cur),
                      "{\"i\":0,\"s\":\"x\"}\n{\"s\":\"x\"}\n{\"i\":2}\n{}\n");
  bool skip[2] = {true, false};
  struct mr_json_encode_conf part = {.raw_col = -1, .skip = skip};
  assert_string_equal(encode(&b, part, 4096, &cur),
                      "{\"s\":\"x\"}\n{\"s\":\"x\"}\n{\"s\":null}\n{\"s\":null}\n");
  close_bench(&b);
}

MR_TEST(nan_and_infinities_become_null_and_are_counted) {
  MR_UNUSED_STATE;
  struct bench b;
  struct mr_json_cursor cur;
  open_bench(&b);
  double *d = add(&b, (struct mr_field){"d", MR_TYPE_DOUBLE});
  const double values[ROWS] = {NAN, INFINITY, -INFINITY, -0.0, 1e300, 5e-324};
  memcpy(d, values, sizeof values);
  assert_string_equal(encode(&b, plain, 4096, &cur),
                      "{\"d\":null}\n{\"d\":null}\n{\"d\":null}\n{\"d\":-0.0}\n{\"d\":1e+300}\n"
                      "{\"d\":5e-324}\n");
  assert_int_equal(cur.nan_null, 3);
  close_bench(&b);
}

MR_TEST(only_selected_rows_are_written) {
  MR_UNUSED_STATE;
  struct bench b;
  struct mr_json_cursor cur;
  uint64_t sel[MR_BATCH_WORDS] = {0};
  open_bench(&b);
  b.view.row_cnt = 1000;
  int64_t *i = add(&b, (struct mr_field){"i", MR_TYPE_INT64});
  for (int r = 0; r < 1000; r++) i[r] = r;
  mr_bit_set(sel, 3);
  mr_bit_set(sel, 64);
  mr_bit_set(sel, 999);
  b.view.sel = sel;
  assert_string_equal(encode(&b, plain, 4096, &cur), "{\"i\":3}\n{\"i\":64}\n{\"i\":999}\n");
  assert_int_equal(cur.rows, 3);
  close_bench(&b);
}

MR_TEST(lists_have_their_elements_and_nulls) {
  MR_UNUSED_STATE;
  struct bench b;
  struct mr_json_cursor cur;
  open_bench(&b);
  b.view.row_cnt = 3;
  struct mr_list *li = add(&b, (struct mr_field){"li", MR_TYPE_LIST, MR_TYPE_INT64});
  struct mr_list *ls = add(&b, (struct mr_field){"ls", MR_TYPE_LIST, MR_TYPE_STRING});
  struct mr_list *le =
      add(&b, (struct mr_field){"le", MR_TYPE_LIST, MR_TYPE_STRING, .codes = &codes});
  uint64_t *p = memory(&b, 64);
  p[0] = 5; /* the second of three is null */
  p[1] = 1;
  p[3] = 3;
  li[0] = (struct mr_list){3, 1, (uint64_t)((uint8_t *)(p + 1) - b.base)};
  struct mr_str *s = memory(&b, 64);
  s[0] = str(&b, "a", 1);
  s[1] = str(&b, "more than \x01 twelve", 18);
  ls[0] = (struct mr_list){2, 0, (uint64_t)((uint8_t *)s - b.base)};
  uint8_t *e = memory(&b, 8);
  e[0] = 2;
  le[1] = (struct mr_list){1, 0, (uint64_t)(e - b.base)};
  assert_string_equal(
      encode(&b, plain, 4096, &cur),
      "{\"li\":[1,null,3],\"ls\":[\"a\",\"more than \\u0001 twelve\"],\"le\":[]}\n"
      "{\"li\":[],\"ls\":[],\"le\":[\"tab\\t\"]}\n{\"li\":[],\"ls\":[],\"le\":[]}\n");
  close_bench(&b);
}

MR_TEST(members_of_a_struct_stand_in_one_object) {
  MR_UNUSED_STATE;
  struct bench b;
  struct mr_json_cursor cur;
  uint64_t valid_a[1] = {1}, valid_b[1] = {2};
  open_bench(&b);
  b.view.row_cnt = 2;
  int64_t *a = add(&b, (struct mr_field){"a", MR_TYPE_INT64, .outer = "s"});
  int64_t *c = add(&b, (struct mr_field){"b", MR_TYPE_INT64, .outer = "s"});
  int64_t *d = add(&b, (struct mr_field){"a", MR_TYPE_INT64, .outer = "t"});
  int64_t *e = add(&b, (struct mr_field){"e", MR_TYPE_INT64});
  for (int r = 0; r < 2; r++) a[r] = 1, c[r] = 2, d[r] = 3, e[r] = 4;
  b.cols[0].valid = valid_a;
  b.cols[1].valid = valid_b;
  assert_string_equal(encode(&b, plain, 4096, &cur),
                      "{\"s\":{\"a\":1,\"b\":null},\"t\":{\"a\":3},\"e\":4}\n"
                      "{\"s\":{\"a\":null,\"b\":2},\"t\":{\"a\":3},\"e\":4}\n");
  struct mr_json_encode_conf omit = {.raw_col = -1, .nulls_omit = true};
  valid_b[0] = 0;
  assert_string_equal(encode(&b, omit, 4096, &cur), "{\"s\":{\"a\":1},\"t\":{\"a\":3},\"e\":4}\n"
                                                    "{\"s\":{},\"t\":{\"a\":3},\"e\":4}\n");
  bool skip[4] = {true, false, false, true};
  struct mr_json_encode_conf part = {.raw_col = -1, .skip = skip};
  assert_string_equal(encode(&b, part, 4096, &cur), "{\"s\":{\"b\":null},\"t\":{\"a\":3}}\n"
                                                    "{\"s\":{\"b\":null},\"t\":{\"a\":3}}\n");
  close_bench(&b);
}

MR_TEST(raw_lines_come_out_as_they_went_in) {
  MR_UNUSED_STATE;
  struct bench b;
  struct mr_json_cursor cur;
  open_bench(&b);
  b.view.row_cnt = 2;
  struct mr_str *raw = add(&b, (struct mr_field){"raw", MR_TYPE_STRING, .hidden = true});
  b.schema.visible_cnt = 0;
  char *large = malloc(100000);
  memset(large, 'x', 100000);
  raw[0] = str(&b, "{ \"a\" : 1 }", 11);
  raw[1] = str(&b, large, 100000);
  struct mr_json_encode_conf conf = {.raw_col = 0};
  char *out = encode(&b, conf, 1024, &cur);
  assert_memory_equal(out, "{ \"a\" : 1 }\nxxx", 15);
  assert_int_equal(strlen(out), 12 + 100001);
  free(large);
  close_bench(&b);
}

/* A second, simple escaper. */
static size_t escape(char *out, const char *p, size_t len) {
  char *o = out;
  *o++ = '"';
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)p[i];
    const char *short_form = strchr("\bb\tt\nn\ff\rr", c);
    if (c == '"' || c == '\\')
      o += sprintf(o, "\\%c", c);
    else if (c && short_form && (short_form - "\bb\tt\nn\ff\rr") % 2 == 0 && c < 0x20)
      o += sprintf(o, "\\%c", short_form[1]);
    else if (c < 0x20)
      o += sprintf(o, "\\u%04x", c);
    else
      *o++ = (char)c;
  }
  *o++ = '"';
  return (size_t)(o - out);
}

MR_TEST(texts_are_escaped_at_any_length_and_place) {
  MR_UNUSED_STATE;
  struct mr_rng rng;
  char text[100], wanted[1000], *out;
  struct bench b;
  struct mr_json_cursor cur;
  printf("seed 9\n");
  mr_rng_init(&rng, 9);
  open_bench(&b);
  b.view.row_cnt = 1;
  struct mr_str *s = add(&b, (struct mr_field){"s", MR_TYPE_STRING});
  size_t used = b.used;
  for (int i = 0; i < 30000; i++) {
    size_t len = mr_rng_below(mr_rng_next(&rng), sizeof text);
    uint32_t hurt = 1 + mr_rng_below(mr_rng_next(&rng), 60);
    for (size_t k = 0; k < len; k++) {
      uint64_t bits = mr_rng_next(&rng);
      text[k] = (char)(mr_rng_below(bits, hurt) ? 'a' + (bits & 15) : bits & 0x3f);
      if (!(bits >> 4 & 63)) text[k] = '\\';
      if ((bits >> 4 & 63) == 1) text[k] = (char)0xc3;
    }
    b.used = used;
    s[0] = str(&b, text, len);
    size_t n = (size_t)sprintf(wanted, "{\"s\":");
    n += escape(wanted + n, text, len);
    strcpy(wanted + n, "}\n");
    out = encode(&b, plain, 4096, &cur);
    assert_string_equal(out, wanted);
  }
  close_bench(&b);
}

MR_TEST(rows_larger_than_the_buffer_come_out_the_same_in_pieces) {
  MR_UNUSED_STATE;
  struct mr_rng rng;
  struct bench b;
  struct mr_json_cursor cur;
  printf("seed 10\n");
  mr_rng_init(&rng, 10);
  open_bench(&b);
  struct mr_str *s = add(&b, (struct mr_field){"s", MR_TYPE_STRING, .outer = "first"});
  uint8_t *e = add(&b, (struct mr_field){"e", MR_TYPE_STRING, .codes = &codes});
  struct mr_list *ls =
      add(&b, (struct mr_field){"ls", MR_TYPE_LIST, MR_TYPE_STRING, .outer = "last"});
  struct mr_list *li = add(&b, (struct mr_field){"li", MR_TYPE_LIST, MR_TYPE_INT64});
  struct mr_list *le = add(
      &b, (struct mr_field){"le", MR_TYPE_LIST, MR_TYPE_STRING, .codes = &codes, .outer = "last"});
  b.fields[3].outer = "last";
  char *text = malloc(20000);
  for (int r = 0; r < ROWS; r++) {
    size_t len = r % 2 ? mr_rng_below(mr_rng_next(&rng), 20000) : 5;
    for (size_t k = 0; k < len; k++) text[k] = "ab\"\\\n\x01"[mr_rng_below(mr_rng_next(&rng), 6)];
    s[r] = str(&b, text, len);
    e[r] = (uint8_t)(r % 3);
    uint32_t cnt = mr_rng_below(mr_rng_next(&rng), 400);
    struct mr_str *elems = memory(&b, cnt * sizeof *elems + 8);
    int64_t *numbers = memory(&b, cnt * 8 + 8);
    uint8_t *list_codes = memory(&b, cnt + 8);
    for (uint32_t k = 0; k < cnt; k++) {
      elems[k] = str(&b, text, mr_rng_below(mr_rng_next(&rng), len < 30 ? (uint32_t)len : 30));
      numbers[k] = (int64_t)mr_rng_next(&rng);
      list_codes[k] = (uint8_t)(k % 3);
    }
    ls[r] = (struct mr_list){cnt, 0, (uint64_t)((uint8_t *)elems - b.base)};
    li[r] = (struct mr_list){cnt, 0, (uint64_t)((uint8_t *)numbers - b.base)};
    le[r] = (struct mr_list){cnt, 0, (uint64_t)(list_codes - b.base)};
  }
  char *whole = strdup(encode(&b, plain, 8 << 20, &cur));
  assert_int_equal(cur.rows, ROWS);
  for (size_t sz = MR_JSON_ENCODE_MIN; sz < 200000; sz += sz / 3 + 7) {
    assert_string_equal(encode(&b, plain, sz, &cur), whole);
    assert_int_equal(cur.rows, ROWS);
  }
  free(whole);
  free(text);
  close_bench(&b);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(columns_keep_their_order_and_types_their_text),
    MR_CASE(nulls_are_kept_or_left_out),
    MR_CASE(nan_and_infinities_become_null_and_are_counted),
    MR_CASE(only_selected_rows_are_written),
    MR_CASE(lists_have_their_elements_and_nulls),
    MR_CASE(members_of_a_struct_stand_in_one_object),
    MR_CASE(raw_lines_come_out_as_they_went_in),
    MR_CASE(texts_are_escaped_at_any_length_and_place),
    MR_CASE(rows_larger_than_the_buffer_come_out_the_same_in_pieces),
};
MR_MAIN(cases)
