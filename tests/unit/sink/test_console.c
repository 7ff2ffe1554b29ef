/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sink/fake_op.h"

#include <math.h>

#include "base/bits.h"
#include "base/text.h"
#include "format/row_text.h"
#include "operators/operators.h"
#include "sink/console_text.h"
#include "sink/writer.h"

enum { COL_CITY, COL_COUNT, COL_AVG, COL_AT, COL_OK, COL_LIST, COL_TOOK, COL_LEVEL, COL_CNT };

static const char *const level_texts[] = {"low", "high"};
static const uint32_t level_lens[] = {3, 4};
static const struct mr_enum levels = {.cnt = 2, .texts = level_texts, .lens = level_lens};

static struct mr_field fields[COL_CNT] = {
    [COL_CITY] = {.name = "city", .type = MR_TYPE_STRING, .optional = true},
    [COL_COUNT] = {.name = "event_count", .type = MR_TYPE_INT64},
    [COL_AVG] = {.name = "a", .type = MR_TYPE_DOUBLE},
    [COL_AT] = {.name = "window_start", .type = MR_TYPE_TIMESTAMP},
    [COL_OK] = {.name = "ok", .type = MR_TYPE_BOOL},
    [COL_LIST] = {.name = "severities", .type = MR_TYPE_LIST, .elem = MR_TYPE_STRING},
    [COL_TOOK] = {.name = "took", .type = MR_TYPE_DURATION},
    [COL_LEVEL] = {.name = "level", .type = MR_TYPE_STRING, .codes = &levels},
};
static const struct mr_schema schema = {
    .cnt = COL_CNT, .visible_cnt = COL_CNT, .event_time = -1, .fields = fields};
static const struct mr_schema narrow = {
    .cnt = 2, .visible_cnt = 2, .event_time = -1, .fields = fields};

struct console_conf { /* as the option table fills it */
  int64_t rows;
  bool truncate;
};

static struct mr_batch *batch;
static struct mr_col cols[COL_CNT];
static struct mr_view view;

static void begin(const struct console_conf *conf, const struct mr_schema *in) {
  struct mr_error err = {0};
  fake_begin(&mr_op_console, conf, in, NULL, MR_IO_MEMORY);
  fake_pool(in, 0);
  assert_int_equal(fake_plan(), MR_OK);
  assert_int_equal(fake_init(&err), MR_OK);
  batch = mr_pool_take(&fake.pool);
  batch->msg.row_cnt = 0;
}

static void put_str(uint32_t col, const char *text) {
  uint32_t row = batch->msg.row_cnt;
  struct mr_str *to = (struct mr_str *)mr_pool_column(&fake.pool, batch, col) + row;
  memset(to, 0, sizeof *to);
  uint64_t *valid = mr_pool_valid(&fake.pool, batch, col);
  if (row == 0) {
    memset(valid, 0, MR_BATCH_WORDS * 8);
    mr_batch_set_valid(&fake.pool, batch, col);
  }
  if (!text) return;
  mr_bit_set(valid, row);
  assert_true(mr_batch_str(&fake.pool, batch, text, (uint32_t)strlen(text), to));
}

static void put_row(const char *city, int64_t count) {
  put_str(COL_CITY, city);
  ((int64_t *)mr_pool_column(&fake.pool, batch, COL_COUNT))[batch->msg.row_cnt] = count;
  batch->msg.row_cnt++;
}

static const struct mr_view *the_view(void) {
  batch->msg.sel_cnt = batch->msg.row_cnt;
  mr_view_of_batch(&fake.region, batch, cols, &view);
  return &view;
}

static void tick(void) {
  fake.ctx.more = false;
  fake.op->tick(&fake.ctx, 0);
  fake_drain(100000);
}

static void assert_printed(const char *want) {
  size_t len;
  const char *got = mr_io_memory_get(fake.io, "stdout", &len);
  if (len != strlen(want) || memcmp(got, want, len) != 0) {
    printf("printed:\n%.*s<\nwanted:\n%s<\n", (int)len, got, want);
    fail();
  }
}

#define HEAD(n)                                                                                    \
  "-------------------------------------------\n"                                                  \
  "Batch: " #n "\n"                                                                                \
  "-------------------------------------------\n"

MR_TEST(a_batch_is_spark_s_table) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  begin(&conf, &narrow);
  put_row("New York", 3);
  put_row(NULL, -12);
  fake_process(the_view());
  assert_printed("");
  tick();
  assert_printed(HEAD(0) "+--------+-----------+\n"
                         "|    city|event_count|\n"
                         "+--------+-----------+\n"
                         "|New York|          3|\n"
                         "|    NULL|        -12|\n"
                         "+--------+-----------+\n"
                         "\n");
  assert_int_equal(fake.ctx.counts.rows_out, 2);
  fake_end();
}

MR_TEST(without_truncation_cells_stand_left_and_whole) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, false};
  begin(&conf, &narrow);
  put_row("a text of more than twenty characters", 1);
  put_row("b", 22);
  fake_process(the_view());
  tick();
  assert_printed(HEAD(0) "+-------------------------------------+-----------+\n"
                         "|city                                 |event_count|\n"
                         "+-------------------------------------+-----------+\n"
                         "|a text of more than twenty characters|1          |\n"
                         "|b                                    |22         |\n"
                         "+-------------------------------------+-----------+\n"
                         "\n");
  fake_end();
}

MR_TEST(long_cells_are_cut_to_twenty_characters) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  begin(&conf, &narrow);
  put_row("12345678901234567890", 1);
  put_row("123456789012345678901", 1);
  fake_process(the_view());
  tick();
  assert_printed(HEAD(0) "+--------------------+-----------+\n"
                         "|                city|event_count|\n"
                         "+--------------------+-----------+\n"
                         "|12345678901234567890|          1|\n"
                         "|12345678901234567...|          1|\n"
                         "+--------------------+-----------+\n"
                         "\n");
  fake_end();
}

MR_TEST(rows_beyond_the_limit_are_counted_and_not_shown) {
  MR_UNUSED_STATE;
  struct console_conf conf = {2, true};
  begin(&conf, &narrow);
  for (int i = 0; i < 3; i++) put_row("x", i);
  fake_process(the_view());
  fake_process(the_view());
  tick();
  assert_printed(HEAD(0) "+----+-----------+\n"
                         "|city|event_count|\n"
                         "+----+-----------+\n"
                         "|   x|          0|\n"
                         "|   x|          1|\n"
                         "+----+-----------+\n"
                         "only showing top 2 rows\n"
                         "\n");
  assert_int_equal(fake.ctx.counts.rows_out, 6);
  fake_end();
}

MR_TEST(one_row_is_a_row) {
  MR_UNUSED_STATE;
  struct console_conf conf = {1, true};
  begin(&conf, &narrow);
  put_row("x", 0);
  put_row("x", 1);
  fake_process(the_view());
  tick();
  size_t len;
  const char *got = mr_io_memory_get(fake.io, "stdout", &len);
  assert_non_null(memmem(got, len, "only showing top 1 row\n", 23));
  fake_end();
}

#define EMPTY                                                                                      \
  "+----+-----------+\n"                                                                           \
  "|city|event_count|\n"                                                                           \
  "+----+-----------+\n"                                                                           \
  "+----+-----------+\n"                                                                           \
  "\n"

MR_TEST(an_empty_batch_prints_its_head_when_input_came) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  begin(&conf, &narrow);
  tick(); /* nothing happened */
  assert_printed("");
  fake.op->advance(&fake.ctx, 1000);
  tick();
  assert_printed(HEAD(0) EMPTY);
  fake.ctx.virtual_clock = true;
  tick();
  assert_printed(HEAD(0) EMPTY HEAD(1) EMPTY);
  fake_finish();
  assert_printed(HEAD(0) EMPTY HEAD(1) EMPTY);
  fake_end();
}

MR_TEST(the_end_prints_what_is_left_or_one_empty_batch) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  begin(&conf, &narrow);
  fake_finish();
  assert_printed(HEAD(0) EMPTY);
  fake_end();
  begin(&conf, &narrow);
  put_row("x", 7);
  fake_process(the_view());
  fake_finish();
  assert_printed(HEAD(0) "+----+-----------+\n"
                         "|city|event_count|\n"
                         "+----+-----------+\n"
                         "|   x|          7|\n"
                         "+----+-----------+\n"
                         "\n");
  fake_end();
}

static void put_wide_row(uint32_t row) {
  struct mr_pool *pool = &fake.pool;
  put_str(COL_CITY, "a\tb\nc");
  ((int64_t *)mr_pool_column(pool, batch, COL_COUNT))[row] = INT64_MIN;
  ((double *)mr_pool_column(pool, batch, COL_AVG))[row] = 10;
  int64_t us;
  assert_int_equal(mr_timestamp_parse("2025-10-13T11:30:00.250Z", 24, &us), 0);
  ((int64_t *)mr_pool_column(pool, batch, COL_AT))[row] = us;
  memset(mr_pool_column(pool, batch, COL_OK), 0, MR_BATCH_ROWS / 8);
  mr_bit_set(mr_pool_column(pool, batch, COL_OK), row);
  ((int64_t *)mr_pool_column(pool, batch, COL_TOOK))[row] = 3723500000;
  ((uint8_t *)mr_pool_column(pool, batch, COL_LEVEL))[row] = 1;
  struct mr_list *list = (struct mr_list *)mr_pool_column(pool, batch, COL_LIST) + row;
  uint64_t *mem = mr_batch_heap(pool, batch, 8 + 3 * sizeof(struct mr_str));
  *mem = 5; /* the second is NULL */
  struct mr_str *elems = (struct mr_str *)(mem + 1);
  elems[0] = mr_str_make("low", 3, fake.region.base);
  memset(&elems[1], 0, sizeof elems[1]);
  elems[2] = mr_str_make("high", 4, fake.region.base);
  *list = (struct mr_list){3, 1, mr_region_off(&fake.region, elems)};
  batch->msg.row_cnt = row + 1;
}

MR_TEST(values_of_all_types_look_as_in_spark) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  begin(&conf, &schema);
  put_wide_row(0);
  fake_process(the_view());
  tick();
  assert_printed(HEAD(
      0) "+-------+--------------------+----+--------------------+----+-----------------+--------+"
         "-----+\n"
         "|   city|         event_count|   a|        window_start|  ok|       severities|    took|"
         "level|\n"
         "+-------+--------------------+----+--------------------+----+-----------------+--------+"
         "-----+\n"
         "|a\\tb\\nc|-9223372036854775808|10.0|2025-10-13 11:30:...|true|[low, NULL, "
         "high]|1h2m3.5s|"
         " high|\n"
         "+-------+--------------------+----+--------------------+----+-----------------+--------+"
         "-----+\n"
         "\n");
  fake_end();
}

MR_TEST(a_row_is_one_json_object_for_dead_letters) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  begin(&conf, &schema);
  put_wide_row(0);
  static const char want[] =
      "{\"city\":\"a\\tb\\nc\",\"event_count\":-9223372036854775808,\"a\":10,"
      "\"window_start\":\"2025-10-13T11:30:00.250Z\",\"ok\":true,"
      "\"severities\":[\"low\",null,\"high\"],\"took\":\"1h2m3.5s\",\"level\":\"high\"}";
  char buf[512];
  size_t len = mr_format_row_text(&schema, fake.region.base, the_view(), 0, buf, sizeof buf);
  assert_int_equal(len, strlen(want));
  assert_memory_equal(buf, want, len);
  for (size_t sz = 0; sz < strlen(want); sz++)
    assert_int_equal(mr_format_row_text(&schema, fake.region.base, the_view(), 0, buf, sz), 0);
  assert_int_equal(mr_format_row_text(&schema, fake.region.base, the_view(), 0, buf, len), len);
  fake_end();
}

MR_TEST(large_tables_come_out_whole_through_small_pieces) {
  MR_UNUSED_STATE;
  struct console_conf conf = {1000, false};
  static char want[8 << 20], text[3001];
  begin(&conf, &narrow);
  mr_io_memory_delay(fake.io, 2);
  for (uint32_t i = 0; i < 1000; i++) {
    memset(text, 'a' + (int)(i % 26), i);
    text[i] = 0;
    put_row(text, i);
  }
  fake_process(the_view());
  tick();
  char *p = want;
  char line[1100];
  memset(line, '-', 999);
  line[999] = 0;
  p += sprintf(p, HEAD(0) "+%s+-----------+\n|%-999s|event_count|\n+%s+-----------+\n", line,
               "city", line);
  for (uint32_t i = 0; i < 1000; i++) {
    memset(text, 'a' + (int)(i % 26), i);
    text[i] = 0;
    p += sprintf(p, "|%-999s|%-11u|\n", text, i);
  }
  p += sprintf(p, "+%s+-----------+\n\n", line);
  assert_printed(want);
  assert_true((size_t)(p - want) > 3 * MR_WRITER_BUF_SZ);
  fake_end();
}

MR_TEST(a_closed_reader_fails_the_sink_with_right_accounts) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  begin(&conf, &narrow);
  mr_io_memory_fault(fake.io, &(struct mr_io_fault){MR_IO_WRITE, 0, 1, 32 /* EPIPE */, 0});
  put_row("x", 7);
  fake_process(the_view());
  tick();
  assert_int_equal(fake.fail_code, MR_ERR_IO);
  assert_string_equal(fake.fail_text, "cannot write standard output: Broken pipe");
  assert_int_equal(fake.ctx.counts.rows_out, 0);
  assert_int_equal(fake.ctx.counts.dropped, 1);
  fake_end();
}

MR_TEST(a_virtual_timer_never_prints_at_once) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  for (int virtual_clock = 0; virtual_clock < 2; virtual_clock++) {
    begin(&conf, &narrow);
    fake.ctx.virtual_clock = virtual_clock != 0;
    put_row("x", 7);
    fake.op->process(&fake.ctx, the_view());
    fake.op->tick(&fake.ctx, 0);
    size_t len;
    assert_true(fake.ctx.more);
    mr_io_memory_get(fake.io, "stdout", &len);
    assert_int_equal(len, 0);
    assert_true(fake_drain(1000) >= (virtual_clock ? 10u : 1u));
    mr_io_memory_get(fake.io, "stdout", &len);
    assert_true(len > 0);
    fake_end();
  }
}

MR_TEST(consoles_take_turns) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  struct mr_error err = {0};
  begin(&conf, &narrow);
  struct mr_op_ctx second = fake.ctx;
  second.self = mr_arena_alloc(&fake.arena, fake.op->self_sz);
  assert_int_equal(fake.op->init(&second, &err), MR_OK);
  put_row("x", 7);
  fake.op->process(&fake.ctx, the_view());
  fake.op->process(&second, the_view());
  mr_io_memory_delay(fake.io, 3);
  fake.op->tick(&fake.ctx, 0);
  fake.op->tick(&second, 0);
  assert_true(fake.ctx.more && second.more);
  for (int i = 0; i < 20 && (fake.ctx.more || second.more); i++) {
    second.more = false; /* the second one is asked first, and waits */
    fake.op->drain(&second);
    if (fake.ctx.more) {
      fake.ctx.more = false;
      fake.op->drain(&fake.ctx);
      assert_true(second.more);
    }
    mr_io_poll(fake.io);
  }
  assert_false(fake.ctx.more || second.more);
#define TABLE                                                                                      \
  "+----+-----------+\n"                                                                           \
  "|city|event_count|\n"                                                                           \
  "+----+-----------+\n"                                                                           \
  "|   x|          7|\n"                                                                           \
  "+----+-----------+\n"                                                                           \
  "\n"
  assert_printed(HEAD(0) TABLE HEAD(0) TABLE);
  fake.op->fini(&second);
  fake_end();
}

/* ---- texts ---- */

MR_TEST(doubles_are_written_as_java_does) {
  MR_UNUSED_STATE;
  const struct {
    double v;
    const char *text;
  } cases[] = {{0, "0.0"},
               {-0.0, "-0.0"},
               {1, "1.0"},
               {-1.5, "-1.5"},
               {100, "100.0"},
               {9999999, "9999999.0"},
               {1e7, "1.0E7"},
               {12345678, "1.2345678E7"},
               {0.001, "0.001"},
               {0.0012, "0.0012"},
               {0.01, "0.01"},
               {0.0009, "9.0E-4"},
               {0.25, "0.25"},
               {1.7976931348623157e308, "1.7976931348623157E308"},
               {123456.789, "123456.789"},
               {1e21, "1.0E21"},
               {1000000, "1000000.0"},
               {INFINITY, "Infinity"},
               {-INFINITY, "-Infinity"},
               {NAN, "NaN"},
               {1.0 / 3, "0.3333333333333333"},
               {200000.5, "200000.5"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char buf[MR_TEXT_DOUBLE_SZ + 1];
    buf[mr_console_double(buf, cases[i].v)] = 0;
    assert_string_equal(buf, cases[i].text);
  }
}

static void check_cut(const char *text, const char *want) {
  struct mr_str s[1];
  uint8_t *base = fake.region.base;
  char *copy = mr_region_ptr(&fake.region, mr_region_alloc(&fake.region, 4096, 8, "text"));
  memcpy(copy, text, strlen(text));
  s[0] = mr_str_make(copy, (uint32_t)strlen(text), base);
  struct mr_col col = {.data = s};
  char buf[MR_CONSOLE_CUT_SZ + 1];
  buf[mr_console_cell(&fields[COL_CITY], &col, 1, base, 0, true, buf, MR_CONSOLE_CUT_SZ)] = 0;
  assert_string_equal(buf, want);
}

MR_TEST(a_struct_is_one_cell) {
  MR_UNUSED_STATE;
  static const int64_t a[] = {7}, d[] = {0};
  static const uint64_t none[MR_BATCH_WORDS] = {0};
  const struct mr_field members[] = {{.name = "a", .type = MR_TYPE_INT64, .outer = "s"},
                                     {.name = "b", .type = MR_TYPE_INT64, .outer = "s"},
                                     {.name = "t", .type = MR_TYPE_TIMESTAMP, .outer = "s"}};
  const struct mr_col of[] = {{a, NULL}, {a, none}, {d, NULL}};
  char buf[200];
  buf[mr_console_cell(members, of, 3, NULL, 0, false, buf, sizeof buf - 1)] = 0;
  assert_string_equal(buf, "{7, NULL, 1970-01-01 00:00:00}");
  buf[mr_console_cell(members, of, 3, NULL, 0, true, buf, MR_CONSOLE_CUT_SZ)] = 0;
  assert_string_equal(buf, "{7, NULL, 1970-01...");
}

MR_TEST(characters_are_cut_whole_and_wide_ones_take_two_columns) {
  MR_UNUSED_STATE;
  struct console_conf conf = {20, true};
  begin(&conf, &narrow);
#define E5 "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"                     /* five e acute */
#define W5 "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad" /* five wide ones */
#define S2 "\xf0\x9f\x98\x80\xf0\x9f\x98\x80" /* two of two units each */
  check_cut(E5 E5 E5 E5, E5 E5 E5 E5);
  check_cut(E5 E5 E5 E5 "x", E5 E5 E5 "\xc3\xa9\xc3\xa9...");
  check_cut(W5 W5 W5 W5 "x", W5 W5 W5 "\xe4\xb8\xad\xe4\xb8\xad...");
  check_cut(S2 S2 S2 S2 S2, S2 S2 S2 S2 S2);
  check_cut(S2 S2 S2 S2 S2 "x", S2 S2 S2 S2 "...");
  check_cut(W5 W5 W5 W5 W5 W5 W5 W5 W5, W5 W5 W5 "\xe4\xb8\xad\xe4\xb8\xad...");
  check_cut("", "");
  assert_int_equal(mr_console_width(E5, 10), 5);
  assert_int_equal(mr_console_width(W5, 15), 10);
  assert_int_equal(mr_console_width(S2, 8), 4);
  fake_end();
}

int main(void) {
  const struct CMUnitTest cases[] = {
      MR_CASE(a_batch_is_spark_s_table),
      MR_CASE(without_truncation_cells_stand_left_and_whole),
      MR_CASE(long_cells_are_cut_to_twenty_characters),
      MR_CASE(rows_beyond_the_limit_are_counted_and_not_shown),
      MR_CASE(one_row_is_a_row),
      MR_CASE(an_empty_batch_prints_its_head_when_input_came),
      MR_CASE(the_end_prints_what_is_left_or_one_empty_batch),
      MR_CASE(values_of_all_types_look_as_in_spark),
      MR_CASE(a_row_is_one_json_object_for_dead_letters),
      MR_CASE(large_tables_come_out_whole_through_small_pieces),
      MR_CASE(a_closed_reader_fails_the_sink_with_right_accounts),
      MR_CASE(a_virtual_timer_never_prints_at_once),
      MR_CASE(consoles_take_turns),
      MR_CASE(doubles_are_written_as_java_does),
      MR_CASE(a_struct_is_one_cell),
      MR_CASE(characters_are_cut_whole_and_wide_ones_take_two_columns),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
