/* SPDX-License-Identifier: Apache-2.0 */
/* What the CSV encoder writes, and that the decoder reads the same back. */
#include <math.h>

#include "base/rng.h"
#include "format/csv_encode.h"
#include "rig.h"
#include "test.h"

static const struct mr_decode_csv usual = {true, ',', '"'};

/* ---- one row ---- */

struct row {
  struct mr_field fields[8];
  struct mr_schema schema;
  struct mr_arena arena;
  struct mr_view view;
  struct mr_col cols[8];
};

static const struct mr_csv_encoder *encoder(struct row *r, struct mr_decode_csv csv) {
  struct mr_error err;
  r->schema.fields = r->fields;
  r->schema.visible_cnt = r->schema.cnt;
  const struct mr_csv_encoder *enc = mr_csv_encoder_create(&r->arena, &r->schema, &csv, &err);
  assert_non_null(enc);
  return enc;
}

static void expect_row(struct row *r, struct mr_decode_csv csv, const char *header,
                       const char *wanted) {
  char buf[MR_CSV_ENCODE_MIN + 1];
  uint32_t len;
  struct mr_csv_cursor cursor = {0};
  const struct mr_csv_encoder *enc = encoder(r, csv);
  const char *text = mr_csv_encode_header(enc, &len);
  assert_int_equal(len, strlen(header));
  assert_memory_equal(text, header, len);
  r->view.cols = r->cols;
  r->view.row_cnt = r->view.sel_cnt = 1;
  buf[mr_csv_encode(enc, &r->view, NULL, &cursor, buf, MR_CSV_ENCODE_MIN)] = 0;
  assert_string_equal(buf, wanted);
  assert_true(mr_csv_encode_done(&r->view, &cursor));
  assert_int_equal(cursor.rows, 1);
  mr_arena_free(&r->arena);
}

MR_TEST(values_of_every_type_are_cells) {
  MR_UNUSED_STATE;
  static const char *const texts[] = {"low", "hi,gh"};
  static const uint32_t lens[] = {3, 5};
  static const struct mr_enum codes = {2, texts, lens, NULL};
  static const int64_t i = -5, t = 1760314622500000, du = 3723500000;
  static const double d = 0.1;
  static const uint64_t b = 1;
  static const uint8_t code = 1;
  const struct mr_str s = mr_str_make("x", 1, NULL);
  struct row r = {.fields = {{"i", MR_TYPE_INT64},
                             {"d", MR_TYPE_DOUBLE},
                             {"b", MR_TYPE_BOOL},
                             {"s", MR_TYPE_STRING},
                             {"e", MR_TYPE_STRING, .codes = &codes},
                             {"t", MR_TYPE_TIMESTAMP},
                             {"du", MR_TYPE_DURATION},
                             {"end", MR_TYPE_TIMESTAMP, .outer = "window"}},
                  .schema = {.cnt = 8},
                  .cols = {{&i}, {&d}, {&b}, {&s}, {&code}, {&t}, {&du}, {&t}}};
  expect_row(
      &r, usual, "i,d,b,s,e,t,du,window.end\n",
      "-5,0.1,true,x,\"hi,gh\",2025-10-13T00:17:02.500Z,1h2m3.5s,2025-10-13T00:17:02.500Z\n");
  expect_row(&r, (struct mr_decode_csv){true, ':', '\''}, "i:d:b:s:e:t:du:window.end\n",
             "-5:0.1:true:x:hi,gh:'2025-10-13T00:17:02.500Z':1h2m3.5s:"
             "'2025-10-13T00:17:02.500Z'\n");
}

static void expect_texts(const char *a, const char *b, const char *wanted) {
  const struct mr_str s[2] = {mr_str_make(a, (uint32_t)strlen(a), NULL),
                              mr_str_make(b, (uint32_t)strlen(b), NULL)};
  struct row r = {.fields = {{"a", MR_TYPE_STRING}, {"b", MR_TYPE_STRING}},
                  .schema = {.cnt = 2},
                  .cols = {{&s[0]}, {&s[1]}}};
  expect_row(&r, usual, "a,b\n", wanted);
}

MR_TEST(cells_are_in_quotes_where_they_must_be) {
  MR_UNUSED_STATE;
  expect_texts("", " x ", "\"\", x \n");
  expect_texts("a,b", "a;b", "\"a,b\",a;b\n");
  expect_texts("a\nb", "a\rb", "\"a\nb\",\"a\rb\"\n");
  expect_texts("say \"x\"", "\"", "\"say \"\"x\"\"\",\"\"\"\"\n");
  expect_texts("'", "\xc3\xa4", "',\xc3\xa4\n");
}

MR_TEST(a_null_is_an_empty_cell_and_so_is_what_is_no_number) {
  MR_UNUSED_STATE;
  static const double d[2] = {NAN, 0};
  static const uint64_t valid = 0;
  const struct mr_str s = {0};
  struct row r = {.fields = {{"d", MR_TYPE_DOUBLE}, {"s", MR_TYPE_STRING}, {"x", MR_TYPE_INT64}},
                  .schema = {.cnt = 3},
                  .cols = {{d}, {&s, &valid}, {NULL}}};
  char buf[MR_CSV_ENCODE_MIN];
  struct mr_csv_cursor cursor = {0};
  const struct mr_csv_encoder *enc = encoder(&r, usual);
  r.view = (struct mr_view){.cols = r.cols, .row_cnt = 1, .sel_cnt = 1};
  assert_int_equal(mr_csv_encode(enc, &r.view, NULL, &cursor, buf, sizeof buf), 3);
  assert_memory_equal(buf, ",,\n", 3);
  assert_int_equal(cursor.nan_null, 1);
  mr_arena_free(&r.arena);
}

MR_TEST(a_column_alone_is_in_quotes_where_it_is_blank) {
  MR_UNUSED_STATE;
  const struct mr_str s = mr_str_make(" \t", 2, NULL);
  struct row r = {.fields = {{"a", MR_TYPE_STRING}}, .schema = {.cnt = 1}, .cols = {{&s}}};
  expect_row(&r, usual, "a\n", "\" \t\"\n");
}

MR_TEST(what_csv_cannot_hold_is_refused) {
  MR_UNUSED_STATE;
  struct mr_error err;
  struct row r = {.fields = {{"a", MR_TYPE_LIST, MR_TYPE_INT64}}, .schema = {.cnt = 1}};
  struct mr_decode_csv plain = {true, ',', 0};
  r.schema.fields = r.fields;
  assert_null(mr_csv_encoder_create(&r.arena, &r.schema, &usual, &err)); /* no visible column */
  r.schema.visible_cnt = 1;
  assert_null(mr_csv_encoder_create(&r.arena, &r.schema, &usual, &err));
  assert_non_null(strstr(err.text, "column \"a\": CSV has no lists"));
  r.fields[0] = (struct mr_field){"a", MR_TYPE_INT64};
  assert_null(mr_csv_encoder_create(&r.arena, &r.schema, &plain, &err));
  mr_arena_free(&r.arena);
}

/* ---- there and back ---- */

static uint32_t below(struct mr_rng *rng, uint32_t n) {
  return mr_rng_below(mr_rng_next(rng), n);
}

static size_t put_json(struct mr_rng *rng, char *out) {
  static const char *const bits[] = {"a",        ",",    ";", "\\\"",
                                     "\\n",      "\\r",  " ", "\\t",
                                     "\xc3\xa4", "\\\\", "'", "a longer piece of text",
                                     "\\u0001"};
  static const char *const numbers[] = {"0", "-1", "9223372036854775807", "-9223372036854775808"};
  static const char *const doubles[] = {"0", "-0.0", "0.1", "1e300", "5e-324", "-17.25"};
  char *p = out;
  p += sprintf(p, "{\"t\":\"2025-10-13T%02u:%02u:%02u.%03uZ\"", below(rng, 24), below(rng, 60),
               below(rng, 60), below(rng, 3) ? 0 : below(rng, 1000));
  for (int text = 0; text < 3; text++) {
    uint32_t cnt = below(rng, 40) ? below(rng, 6) : below(rng, 3000);
    p += sprintf(p, ",\"%s\":\"", text == 0 ? "s" : text == 1 ? "ls" : "sdef");
    for (uint32_t i = 0; i < cnt; i++) p += sprintf(p, "%s", bits[below(rng, 13)]);
    p += sprintf(p, "\"");
  }
  if (below(rng, 2)) p += sprintf(p, ",\"i\":%s", numbers[below(rng, 4)]);
  if (below(rng, 2)) p += sprintf(p, ",\"d\":%s", doubles[below(rng, 6)]);
  if (below(rng, 2)) p += sprintf(p, ",\"b\":%s", below(rng, 2) ? "true" : "false");
  if (below(rng, 2)) p += sprintf(p, ",\"e\":\"%s\"", rig_texts[below(rng, 6)]);
  if (below(rng, 2)) p += sprintf(p, ",\"du\":\"%us\"", below(rng, 100000));
  if (below(rng, 2)) p += sprintf(p, ",\"def\":%u", below(rng, 10));
  return (size_t)(p + sprintf(p, "}\n") - out);
}

/* Columns whose CSV reads back the same: no NULL strings, times as the encoder writes them. */
static struct rig *open_rig(bool csv, struct mr_decode_csv signs) {
  struct rig *r = calloc(1, sizeof *r);
  rig_csv_fields(r);
  if (!csv) r->conf.kind = MR_DECODE_JSON;
  r->conf.csv = signs;
  for (int i = 0; i < RIG_RAW; i++) r->json_fields[i].formats = NULL;
  for (int i = 0; i < RIG_RAW; i++) r->json_fields[i].format_cnt = 0;
  rig_open(r, 16, 8);
  return r;
}

static void close_rig(struct rig *r) {
  rig_close(r);
  free(r);
}

/* The rows of `out` without their places. */
static void forget_places(char *out) {
  char *o = out;
  for (char *p = out; *p;) {
    if (*p == '@') p += strcspn(p, " \n");
    size_t n = strcspn(p, "\n");
    memmove(o, p, n + (p[n] != 0));
    o += n + (p[n] != 0);
    p += n + (p[n] != 0);
  }
  *o = 0;
}

/* Decodes JSON lines and writes them as CSV in pieces of sz bytes. */
static size_t make_csv(struct rig *r, const char *json, size_t len, struct mr_decode_csv signs,
                       size_t sz, char *csv) {
  struct mr_error err;
  struct mr_schema schema = r->schema;
  const struct mr_csv_encoder *enc = mr_csv_encoder_create(&r->arena, &schema, &signs, &err);
  assert_non_null(enc);
  uint32_t head;
  const char *header = mr_csv_encode_header(enc, &head);
  memcpy(csv, header, head);
  size_t used = head;
  char *data = malloc(MR_LINES_HEAD(RIG_MAX_LINE) + len + MR_LINES_PAD);
  memcpy(data + MR_LINES_HEAD(RIG_MAX_LINE), json, len);
  mr_lines_start(&r->lines, 0, 1);
  mr_lines_move(&r->lines, data + MR_LINES_HEAD(RIG_MAX_LINE));
  mr_lines_fill(&r->lines, len);
  enum mr_decode_stop stop = MR_DECODE_ROWS;
  uint64_t rows = 0, ends = 0;
  while (stop != MR_DECODE_MORE) {
    struct mr_batch *b = mr_pool_take(&r->pool);
    struct mr_col cols[RIG_COLS];
    struct mr_view view;
    struct mr_csv_cursor cursor = {0};
    uint32_t n = rig_decode(r, b, 0, MR_BATCH_ROWS, &stop);
    assert_int_not_equal(stop, MR_DECODE_BAD);
    mr_view_of_batch(&r->region, b, cols, &view);
    while (n && !mr_csv_encode_done(&view, &cursor)) {
      bool inside = mr_csv_encode_inside(&cursor);
      size_t got = mr_csv_encode(enc, &view, r->region.base, &cursor, csv + used, sz), rest = got;
      assert_true(got > 0 && got <= sz);
      ends += mr_csv_encoded_rows(enc, csv + used, &rest, inside);
      assert_true(rest <= got);
      used += got;
    }
    rows += cursor.rows;
    assert_int_equal(rows, ends);
    mr_pool_put(&r->pool, b);
  }
  free(data);
  return used;
}

MR_TEST(what_is_written_reads_back_the_same) {
  MR_UNUSED_STATE;
  static const struct mr_decode_csv signs[] = {
      {true, ',', '"'}, {true, ';', '\''}, {true, '\t', '"'}, {true, ':', '"'}};
  static const size_t sizes[] = {MR_CSV_ENCODE_MIN, 1500, 5000, 1 << 18};
  char *json = malloc(16u << 20), *csv = malloc(32u << 20);
  for (uint64_t seed = 1; seed <= 16; seed++) {
    struct mr_rng rng;
    mr_rng_init(&rng, seed);
    printf("seed %llu\n", (unsigned long long)seed);
    size_t len = 0;
    for (uint32_t i = 0, rows = 1 + below(&rng, 2000); i < rows && len < (8u << 20); i++)
      len += put_json(&rng, json + len);
    struct rig *from = open_rig(false, usual), *back = open_rig(true, signs[seed % 4]);
    size_t csv_len = make_csv(from, json, len, signs[seed % 4], sizes[below(&rng, 4)], csv);
    rig_run(from, json, len, 1u << 19, MR_BATCH_ROWS);
    rig_run(back, csv, csv_len, 1u << 19, MR_BATCH_ROWS);
    assert_int_equal(from->bad, 0);
    assert_int_equal(back->bad, 0);
    forget_places(from->out);
    forget_places(back->out);
    assert_int_equal(strcmp(from->out, back->out), 0);
    close_rig(from);
    close_rig(back);
  }
  free(json);
  free(csv);
}

int main(void) {
  const struct CMUnitTest cases[] = {MR_CASE(values_of_every_type_are_cells),
                                     MR_CASE(cells_are_in_quotes_where_they_must_be),
                                     MR_CASE(a_null_is_an_empty_cell_and_so_is_what_is_no_number),
                                     MR_CASE(a_column_alone_is_in_quotes_where_it_is_blank),
                                     MR_CASE(what_csv_cannot_hold_is_refused),
                                     MR_CASE(what_is_written_reads_back_the_same)};
  return cmocka_run_group_tests(cases, NULL, NULL);
}
