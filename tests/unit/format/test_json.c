/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"
#include "test.h"

#define T    "\"t\":\"2025-10-13T00:17:02Z\""
#define T_US "1760314622000000"

static struct rig *open_rig(bool general) {
  struct rig *r = calloc(1, sizeof *r);
  rig_fields(r);
  r->conf.general_only = general;
  return r;
}
static void close_rig(struct rig *r) {
  rig_close(r);
  free(r);
}

/* Both paths; the template path sees the line after a good one of the same beginning, and alone. */
static void expect(const char *line, const char *wanted) {
  for (int general = 0; general < 2; general++) {
    struct rig *r = open_rig(general);
    rig_open(r, 8, 1);
    rig_run(r, line, strlen(line), 1000, 100);
    if (!strstr(r->out, wanted)) printf("line: %s\ngot: %s\nwanted: %s\n", line, r->out, wanted);
    assert_non_null(strstr(r->out, wanted));
    assert_int_equal(r->rows + r->bad, 1);
    close_rig(r);
  }
}

MR_TEST(good_values_have_their_columns) {
  MR_UNUSED_STATE;
  static const char *const cases[][2] = {
      {"{" T "}", "t=" T_US " s=null"},
      {" { " T " } ", "t=" T_US},
      {"{\"t\":\"2025-10-13T00:17:02.1234567+02:00\"}", "t=1760307422123456"},
      {"{" T ",\"s\":\"\"}", " s= e"},
      {"{" T ",\"s\":\"\\u00e4\\n\\ud83d\\ude00\"}", " s=%c3%a4%0a%f0%9f%98%80 "},
      {"{" T ",\"s\":\"\\u0000x\"}", " s=%00x "},
      {"{" T ",\"e\":\"critical\"}", " e=#3 "},
      {"{" T ",\"e\":\"cr\\u0069tical\"}", " e=#3 "},
      {"{" T ",\"i\":-9223372036854775808}", " i=-9223372036854775808 "},
      {"{" T ",\"i\":-0}", " i=0 "},
      {"{" T ",\"d\":1}", " d=0x1p+0 "},
      {"{" T ",\"d\":-0}", " d=0x0p+0 "},
      {"{" T ",\"d\":-0.0}", " d=-0x0p+0 "},
      {"{" T ",\"d\":18446744073709551616}", " d=0x1p+64 "},
      {"{" T ",\"d\":1e-400}", " d=0x0p+0 "},
      {"{" T ",\"b\":true}", " b=1 "},
      {"{" T ",\"ms\":1760314622123}", " ms=1760314622123000 "},
      {"{" T ",\"p\":\"2025-10-13 00:17:02\"}", " p=" T_US " "},
      {"{" T ",\"du\":\"1h2m3.5s\"}", " du=3723500000 "},
      {"{" T ",\"li\":[1,null,3]}", " li=[1,null,3] "},
      {"{" T ",\"ls\":[\"a\",\"more than twelve bytes\"]}",
       " ls=[a,more%20than%20twelve%20bytes] "},
      {"{" T ",\"le\":[\"high\",\"low\"]}", " le=[#2,#0] "},
      {"{" T ",\"li\":[]}", " li=[] "},
      {"{" T ",\"def\":null}", " def=7 "},
      {"{" T "}", " def=7 sdef=a%20default%20on%20the%20heap"},
      {"{\"i\":\"x\"," T ",\"i\":1,\"i\":2}", " i=2 "},
      {"{\"\\u0069\":5," T "}", " i=5 "},
      {"{" T ",\"unread\":\"x\",\"other\":18446744073709551616}", "t=" T_US},
      {"{" T ",\"other\":[[[]],{\"t\":1,\"t\":2}]}", "t=" T_US},
      {"{" T ",\"tt\":\"2025-10-13T02:17:02.000+02:00\"}", " tt=" T_US},
      {"{" T ",\"tt\":\"2025-10-13 00:17:02\"}", " tt=" T_US},
      {"{" T ",\"tt\":1760314622}", " tt=" T_US},
      {"{" T ",\"tt\":1760314622000}", " tt=" T_US},
      {"{" T ",\"tt2\":0,\"tt\":1760314622}", " tt=" T_US},
      {"{" T ",\"tt\":1760314622,\"tt2\":\"x\"}", " tt=" T_US},
      {"{" T ",\"tt3\":1760314622,\"tt\":null}", " tt=" T_US},
      {"{" T ",\"tt\":null,\"tt3\":null}", " tt=null"},
      {"{" T ",\"tt\":0,\"tt\":1760314622}", " tt=" T_US},
      {"{" T ",\"n1\":1760314622000}", " tn=" T_US},
      {"{" T ",\"n1\":null,\"tn\":\"2025-10-13 00:17:02\"}", " tn=" T_US},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect(cases[i][0], cases[i][1]);
}

MR_TEST(bad_lines_say_why) {
  MR_UNUSED_STATE;
  static const char *const cases[][2] = {
      {"{" T ",\"e\":\"urgent\"}", "MR3008 field \"e\": expected one of low, medium, high, "
                                   "critical, \xc3\xbcnder, a text of more "
                                   "than fifteen bytes, found \"urgent\""},
      {"{" T ",\"i\":1.0}", "MR3006 field \"i\": expected a whole number (int64), found 1"},
      {"{" T ",\"i\":\"12\"}", "MR3006 field \"i\": expected a whole number (int64), found \"12\""},
      {"{" T ",\"i\":9223372036854775808}",
       "MR3007 field \"i\": expected a whole number of 64 bits"},
      {"{" T ",\"i\":123456789012345678901234}",
       "MR3007 field \"i\": expected a whole number of 64"},
      {"{" T ",\"d\":\"1\"}", "MR3006 field \"d\": expected a number (double), found \"1\""},
      {"{" T ",\"b\":1}", "MR3006 field \"b\": expected true or false, found 1"},
      {"{" T ",\"s\":{}}", "MR3006 field \"s\": expected a string, found an object"},
      {"{" T ",\"li\":[1,\"x\"]}",
       "MR3006 field \"li\": expected a whole number (int64), found \"x\""},
      {"{" T ",\"li\":3}", "MR3006 field \"li\": expected a list, found 3"},
      {"{\"t\":\"2025-02-29T00:00:00Z\"}", "MR3007 field \"t\": expected a time as RFC 3339 text"},
      {"{\"t\":\"2025-10-13T00:17:60Z\"}", "MR3007 field \"t\""},
      {"{\"t\":17}", "MR3006 field \"t\": expected a time as RFC 3339 text, found 17"},
      {"{}", "MR3009 field \"t\", the event time, is missing"},
      {"{\"t\":null}", "MR3009 field \"t\", the event time, is null"},
      {"{" T ",\"ms\":253402300800000}", "MR3007 field \"ms\": expected a time in the years 1 to"},
      {"{" T ",\"p\":\"2025-10-13\"}",
       "MR3007 field \"p\": expected a time of the declared pattern"},
      {"{" T ",\"du\":\"soon\"}", "MR3007 field \"du\": expected a duration"},
      {"{" T ",\"tt\":\"2025-10-13\"}",
       "MR3007 field \"tt\": expected a time in one of the declared formats, found \"2025-10-13\""},
      {"{" T ",\"tt\":\"\",\"tt2\":0}", "MR3007 field \"tt\": expected a time"},
      {"{" T ",\"tt\":253402300800000000}", "MR3007 field \"tt\": expected a time"},
      {"{" T ",\"tt\":true}",
       "MR3006 field \"tt\": expected a time in one of the declared formats"},
      {"{" T ",\"n1\":\"2025-10-13T00:17:02Z\"}", "MR3007 field \"tn\": expected a time"},
      {"{" T ",\"other\":1e400}", "MR3003 a number is malformed, or no double can hold it"},
      {"{" T ",\"other\":[{\"x\":-1e400}]}", "MR3003 a number"},
      {"{" T ",\"other\":\"\\ud800\"}", "MR3003 a string has a "},
      {"{" T ",\"\\udfff\":1}", "MR3003 a string has a "},
      {"{" T "} x", "MR3003"},
      {"{" T "}{}", "MR3003"},
      {"{" T, "MR3003"},
      {"{" T ",\"other\":tru}", "MR3003"},
      {"{" T ",,\"x\":1}", "MR3003"},
      {"{" T ",\"s\":\"a\x01\"}", "MR3003"},
      {"{" T ",\"s\":\"\xff\"}", "MR3002 the line is not valid UTF-8"},
      {"{" T ",\"s\":\"\xed\xa0\x80\"}", "MR3002"},
      {"[1]", "MR3003 expected a JSON object, found a list"},
      {"12", "MR3003 expected a JSON object, found 12"},
      {"hello", "MR3003"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect(cases[i][0], cases[i][1]);
}

MR_TEST(a_line_with_a_nul_byte_is_bad) {
  MR_UNUSED_STATE;
  static const char text[] = "{" T "}\0\n{" T ",\"s\":\"\0\"}\n{" T "}\n";
  struct rig *r = open_rig(false);
  rig_open(r, 8, 1);
  rig_run(r, text, sizeof text - 1, 1000, 100);
  assert_int_equal(r->rows, 1);
  assert_int_equal(r->bad, 2);
  close_rig(r);
}

static void nest(char *out, uint32_t depth) {
  char *p = out + sprintf(out, "{" T ",\"other\":");
  memset(p, '[', depth - 1);
  memset(p + depth - 1, ']', depth - 1);
  memcpy(p + 2 * (size_t)(depth - 1), "}", 2);
}
MR_TEST(objects_nest_64_deep_and_no_deeper) {
  MR_UNUSED_STATE;
  static char line[30000];
  nest(line, 64);
  expect(line, "t=" T_US);
  nest(line, 65);
  expect(line, "MR3004 nested more than 64 deep");
  nest(line, 10000);
  expect(line, "MR3004 nested more than 64 deep");
}

MR_TEST(a_line_beyond_the_limit_is_bad_and_the_next_is_read) {
  MR_UNUSED_STATE;
  for (int general = 0; general < 2; general++) {
    struct rig *r = open_rig(general);
    r->conf.max_line = 40;
    rig_open(r, 8, 1);
    const char *text = "{" T "}\n{" T ",\"other\":\"123456789\"}\n{" T "}\n";
    rig_run(r, text, strlen(text), 1000, 100);
    assert_int_equal(r->rows, 2);
    assert_non_null(strstr(r->out, "@29:2 MR3001 the line has 48 bytes, more than max_line"));
    assert_non_null(strstr(r->out, "@78:3 t="));
    close_rig(r);
  }
}

MR_TEST(the_limit_holds_for_lines_that_fit_a_template_too) {
  MR_UNUSED_STATE;
  struct rig *r = open_rig(false);
  r->conf.max_line = 40;
  rig_open(r, 8, 1);
  const char *text = "{" T ",\"s\":\"x\"}\n{" T ",\"s\":\"12345\"}\n{" T ",\"s\":\"123456\"}\n";
  rig_run(r, text, strlen(text), 1000, 100);
  assert_int_equal(mr_json_counts(r->json)->template_rows, 1);
  assert_int_equal(r->rows, 2);
  assert_non_null(strstr(r->out, ":3 MR3001 the line has 41 bytes, more than max_line"));
  close_rig(r);
}

MR_TEST(check_declared_looks_at_fields_that_nothing_reads) {
  MR_UNUSED_STATE;
  static const char *const lines[][3] = {
      {"{" T ",\"unread\":\"x\"}", "t=", "MR3006 field \"unread\""},
      {"{" T "}", "t=", "MR3005 field \"unread\" is missing"},
      {"{" T ",\"unread\":5}", "t=", "t="}};
  for (int declared = 0; declared < 2; declared++) {
    struct rig *r = open_rig(false);
    r->conf.check_declared = declared;
    r->fields[RIG_UNREAD].optional = false;
    rig_open(r, 8, 1);
    for (int i = 0; i < 3; i++) {
      rig_run(r, lines[i][0], strlen(lines[i][0]), 1000, 100);
      assert_non_null(strstr(r->out, lines[i][1 + declared]));
    }
    close_rig(r);
  }
}

MR_TEST(rows_without_time_pass_when_they_may) {
  MR_UNUSED_STATE;
  struct rig *r = open_rig(false);
  r->conf.missing_time_keep = true;
  rig_open(r, 8, 1);
  const char *text = "{\"i\":1}\n{\"i\":2,\"t\":null}\n{\"i\":3," T "}\n{\"i\":4}\n";
  rig_run(r, text, strlen(text), 1000, 100);
  assert_int_equal(r->rows, 4);
  assert_non_null(strstr(r->out, "@0:1 t=null s=null e=null i=1"));
  close_rig(r);
}

/* One batch, not rendered. */
static struct mr_batch *decode(struct rig *r, const char *text, uint32_t rows) {
  enum mr_decode_stop stop;
  struct mr_batch *b = mr_pool_take(&r->pool);
  char *data = r->block + MR_LINES_HEAD(r->conf.max_line);
  mr_lines_start(&r->lines, 0, 1);
  mr_lines_move(&r->lines, data);
  memcpy(data, text, strlen(text));
  mr_lines_fill(&r->lines, strlen(text));
  assert_int_equal(mr_json_decode_batch(r->json, &r->lines, &r->pool, b, 0, MR_BATCH_ROWS, &stop),
                   rows);
  assert_int_equal(stop, MR_DECODE_MORE);
  return b;
}

MR_TEST(the_smallest_and_largest_time_leave_out_rows_without_one) {
  MR_UNUSED_STATE;
  struct rig *r = open_rig(false);
  r->conf.missing_time_keep = true;
  rig_open(r, 8, 1);
  struct mr_batch *b =
      decode(r,
             "{}\n{\"t\":\"2025-10-13T00:00:05Z\"}\n{\"t\":\"2025-10-13T00:00:03Z\"}\n"
             "{}\n{\"t\":\"2025-10-13T00:00:04Z\"}\n",
             5);
  assert_int_equal(b->et_min, INT64_C(1760313603000000));
  assert_int_equal(b->et_max, INT64_C(1760313605000000));
  assert_int_equal(b->msg.row_cnt, 5);
  b = decode(r, "{}\n{}\n", 2);
  assert_true(b->et_min == MR_TIME_NONE && b->et_max == MR_TIME_NONE);
  close_rig(r);
}

MR_TEST(a_full_heap_sends_the_batch_and_loses_no_row) {
  MR_UNUSED_STATE;
  for (int general = 0; general < 2; general++) {
    struct rig *r = open_rig(general);
    rig_open(r, 1, 0); /* one block of 64 KiB for both batches */
    char *text = malloc(1 << 20), *p = text;
    for (int i = 0; i < 300; i++) {
      p += sprintf(p, "{" T ",\"i\":%d,\"s\":\"", i);
      memset(p, 'a' + i % 26, 1000);
      p += 1000;
      p += sprintf(p, "\",\"sdef\":\"x\"}\n");
    }
    rig_run(r, text, (size_t)(p - text), 1 << 19, MR_BATCH_ROWS);
    assert_int_equal(r->rows, 300);
    assert_int_equal(r->bad, 0);
    const char *at = r->out;
    for (int i = 0; i < 300; i++) {
      char wanted[32];
      snprintf(wanted, sizeof wanted, " i=%d ", i);
      at = strstr(at, wanted);
      assert_non_null(at);
    }
    free(text);
    close_rig(r);
  }
}

MR_TEST(a_row_that_fits_no_batch_is_a_dead_letter_and_the_next_is_read) {
  MR_UNUSED_STATE;
  for (int general = 0; general < 2; general++) {
    struct rig *r = open_rig(general);
    r->conf.max_line = 1u << 18;
    rig_open(r, 1, 0);
    char *text = calloc(1, 1 << 20), *p = text;
    for (int i = 0; i < 6; i++) {
      uint32_t len = i % 2 ? 70000 : 40000;
      p += sprintf(p, "{" T ",\"i\":%d,\"s\":\"", i);
      memset(p, 'x', len);
      p += len;
      p += sprintf(p, "\",\"sdef\":\"x\"}\n");
    }
    rig_run(r, text, (size_t)(p - text), 1 << 19, MR_BATCH_ROWS);
    assert_int_equal(r->rows, 3);
    assert_int_equal(r->bad, 3);
    assert_non_null(strstr(r->out, "MR3010 the row's strings and lists fit no batch"));
    free(text);
    close_rig(r);
  }
}

MR_TEST(the_first_of_several_keys_wins) {
  MR_UNUSED_STATE;
  static const char *const keys[] = {"id", "ident"};
  static const char *const lines[][2] = {{"{" T ",\"ident\":2}", " i=2 "},
                                         {"{" T ",\"ident\":2,\"id\":1}", " i=1 "},
                                         {"{\"id\":1," T ",\"ident\":2}", " i=1 "},
                                         {"{" T ",\"i\":2}", " i=null "}};
  struct rig *r = open_rig(false);
  r->json_fields[RIG_I].keys = keys;
  r->json_fields[RIG_I].key_cnt = 2;
  rig_open(r, 8, 1);
  for (int turn = 0; turn < 2; turn++) {
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
      rig_run(r, lines[i][0], strlen(lines[i][0]), 1000, 100);
      assert_non_null(strstr(r->out, lines[i][1]));
    }
  }
  close_rig(r);
}

MR_TEST(a_decoder_refuses_two_columns_of_one_key) {
  MR_UNUSED_STATE;
  struct rig *r = open_rig(false);
  struct mr_error err;
  static const char *const keys[] = {"s"};
  r->json_fields[RIG_I].keys = keys;
  r->json_fields[RIG_I].key_cnt = 1;
  assert_null(mr_json_create(&r->arena, &r->conf, &err));
  assert_int_equal(err.code, MR_ERR_ARG);
  mr_arena_free(&r->arena);
  free(r);
}

MR_TEST(lines_in_one_shape_are_read_by_its_template) {
  MR_UNUSED_STATE;
  struct rig *r = open_rig(false);
  rig_open(r, 8, 1);
  char *text = calloc(1, 1 << 20), *p = text;
  for (int i = 0; i < 5000; i++)
    p += sprintf(p, i % 2 ? "{" T ",\"i\":%d}\n" : "{\"i\": %d, \"s\": null, " T "}\n", i);
  rig_run(r, text, (size_t)(p - text), 1 << 19, MR_BATCH_ROWS);
  assert_int_equal(r->rows, 5000);
  assert_int_equal(mr_json_counts(r->json)->template_rows, 4998);
  assert_int_equal(mr_json_counts(r->json)->learned, 2);
  free(text);
  close_rig(r);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(good_values_have_their_columns),
    MR_CASE(bad_lines_say_why),
    MR_CASE(a_line_with_a_nul_byte_is_bad),
    MR_CASE(objects_nest_64_deep_and_no_deeper),
    MR_CASE(a_line_beyond_the_limit_is_bad_and_the_next_is_read),
    MR_CASE(the_limit_holds_for_lines_that_fit_a_template_too),
    MR_CASE(check_declared_looks_at_fields_that_nothing_reads),
    MR_CASE(rows_without_time_pass_when_they_may),
    MR_CASE(the_smallest_and_largest_time_leave_out_rows_without_one),
    MR_CASE(a_full_heap_sends_the_batch_and_loses_no_row),
    MR_CASE(a_row_that_fits_no_batch_is_a_dead_letter_and_the_next_is_read),
    MR_CASE(the_first_of_several_keys_wins),
    MR_CASE(a_decoder_refuses_two_columns_of_one_key),
    MR_CASE(lines_in_one_shape_are_read_by_its_template),
};
MR_MAIN(cases)
