/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"
#include "test.h"

#define T    "2025-10-13T00:17:02Z"
#define T_US "1760314622000000"

static struct rig *open_rig(bool general) {
  struct rig *r = calloc(1, sizeof *r);
  rig_csv_fields(r);
  r->conf.general_only = general;
  return r;
}
static void close_rig(struct rig *r) {
  rig_close(r);
  free(r);
}

/* What comes out of a text, read at once and in small pieces, by both paths, is `wanted`: rows and
 * bad ones with their places. */
static void expect_all(const char *text, size_t len, const char *wanted, struct mr_decode_csv csv,
                       uint32_t max_line) {
  for (int general = 0; general < 2; general++) {
    for (size_t chunk = 1; chunk <= 64; chunk += chunk < 8 ? 1 : 28) {
      struct rig *r = open_rig(general);
      r->conf.csv = csv;
      r->conf.max_line = max_line;
      for (int i = RIG_P; i < RIG_RAW; i++) r->json_fields[i].needed = false;
      rig_open(r, 8, 1);
      rig_run(r, text, len, chunk == 64 ? 4096 : chunk, 100);
      if (strcmp(r->out, wanted) != 0)
        printf("general %d, chunk %zu\ngot:\n%s\nwanted:\n%s\n", general, chunk, r->out, wanted);
      assert_string_equal(r->out, wanted);
      close_rig(r);
    }
  }
}
static const struct mr_decode_csv usual = {true, ',', '"'};
#define EXPECT(text, wanted) expect_all(text, sizeof(text) - 1, wanted, usual, RIG_MAX_LINE)

/* One row with a time and one more cell, by both paths. */
static void expect_cell(const char *name, const char *cell, const char *wanted, bool raw) {
  for (int general = 0; general < 2; general++) {
    struct rig *r = open_rig(general);
    char text[4096];
    if (raw) r->conf.raw_col = RIG_RAW;
    rig_open(r, 8, 1);
    int len = snprintf(text, sizeof text, "%s,t\n%s," T "\n", name, cell);
    rig_run(r, text, (size_t)len, 4096, 100);
    if (!strstr(r->out, wanted)) printf("cell: %s\ngot: %s\nwanted: %s\n", cell, r->out, wanted);
    assert_non_null(strstr(r->out, wanted));
    assert_int_equal(r->rows + r->bad, 1);
    close_rig(r);
  }
}

MR_TEST(good_cells_have_their_values) {
  MR_UNUSED_STATE;
  static const char *const cases[][3] = {
      {"s", "x",
       " s=x e=null i=null d=null b=null ms=null p=null du=null li=null ls=null le=null "
       "def=7 sdef=a%20default%20on%20the%20heap tt=null tn=null"},
      {"s", "", " s= e"},
      {"s", "\"\"", " s= e"},
      {"s", " x ", " s=%20x%20 "},
      {"s", "exactly12byt", " s=exactly12byt "},
      {"s", "thirteen byte", " s=thirteen%20byte "},
      {"s", "\"a, b\"", " s=a,%20b "},
      {"s", "\"a\n\r\nb\"", " s=a%0a%0d%0ab "},
      {"s", "\"say \"\"hello\"\" twice\"", " s=say%20\"hello\"%20twice "},
      {"s", "\"\"\"\"", " s=\" "},
      {"s", "5\" pipe", " s=5\"%20pipe "},
      {"s", "a\"b\"c", " s=a\"b\"c "},
      {"s", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", " s=%c3%a4%e2%82%ac%f0%9f%98%80 "},
      {"s", "tab\there\x01", " s=tab%09here%01 "},
      {"e", "critical", " e=#3 "},
      {"e", "\"critical\"", " e=#3 "},
      {"e", "a text of more than fifteen bytes", " e=#5 "},
      {"e", "", " e=null "},
      {"i", "12345678", " i=12345678 "},
      {"i", "-1234567890123456", " i=-1234567890123456 "},
      {"i", "9223372036854775807", " i=9223372036854775807 "},
      {"i", "-9223372036854775808", " i=-9223372036854775808 "},
      {"i", "+5", " i=5 "},
      {"i", "007", " i=7 "},
      {"i", "-0", " i=0 "},
      {"i", "\"42\"", " i=42 "},
      {"i", "\"4\"\"2\"", "MR3006 field \"i\": expected a whole number (int64), found \"4\"2\""},
      {"i", "", " i=null "},
      {"i", "\"\"", " i=null "},
      {"d", "1", " d=0x1p+0 "},
      {"d", "-0.0", " d=-0x0p+0 "},
      {"d", "18446744073709551616", " d=0x1p+64 "},
      {"d", "1e-400", " d=0x0p+0 "},
      {"d", "2.5E+1", " d=0x1.9p+4 "},
      {"b", "true", " b=1 "},
      {"b", "False", " b=0 "},
      {"b", "TRUE", " b=1 "},
      {"ms", "1760314622123", " ms=1760314622123000 "},
      {"p", "2025-10-13 00:17:02", " p=" T_US " "},
      {"du", "1h2m3.5s", " du=3723500000 "},
      {"def", "", " def=7 "},
      {"def", "3", " def=3 "},
      {"sdef", "", " sdef= "},
      {"sdef", "a text on the heap", " sdef=a%20text%20on%20the%20heap "},
      {"tt", "2025-10-13T02:17:02.000+02:00", " tt=" T_US},
      {"tt", "2025-10-13 00:17:02", " tt=" T_US},
      {"tt", "1760314622", " tt=" T_US},
      {"tt", "1760314622000", " tt=" T_US},
      {"tt2,tt", "x,1760314622", " tt=" T_US},
      {"tt2,tt", "1760314622,", " tt=" T_US},
      {"tt3", "1760314622", " tt=" T_US},
      {"n1,tn", ",1760314622000", " tn=" T_US},
      {"other,s", "\"x\",y", " s=y "},
      {"s,s", "x,y", " s=y "},
      {"\"s\"", "y", " s=y "},
      {"unread", "x", "t=" T_US},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_cell(cases[i][0], cases[i][1], cases[i][2], false);
}

MR_TEST(bad_cells_say_why) {
  MR_UNUSED_STATE;
  static const char *const cases[][3] = {
      {"e", "urgent",
       "@4:2 MR3008 field \"e\": expected one of low, medium, high, critical, "
       "\xc3\xbcnder, a text of more than fifteen bytes, found \"urgent\""},
      {"e", "LOW", "MR3008 field \"e\""},
      {"i", "1.0", "MR3006 field \"i\": expected a whole number (int64), found \"1.0\""},
      {"i", "-", "MR3006 field \"i\""},
      {"i", " 1", "MR3006 field \"i\""},
      {"i", "12345678x", "MR3006 field \"i\""},
      {"i", "9223372036854775808", "MR3007 field \"i\": expected a whole number of 64 bits"},
      {"d", ".5", "MR3006 field \"d\": expected a number (double), found \".5\""},
      {"d", "nan", "MR3006 field \"d\""},
      {"d", "1e400", "MR3007 field \"d\": expected a number that a double can hold"},
      {"b", "yes", "MR3006 field \"b\": expected true or false, found \"yes\""},
      {"b", "1", "MR3006 field \"b\""},
      {"ms", "253402300800000", "MR3007 field \"ms\": expected a time in the years 1 to 9999"},
      {"ms", "soon", "MR3006 field \"ms\": expected a time as a whole number since 1970"},
      {"p", "2025-10-13", "MR3007 field \"p\": expected a time of the declared pattern"},
      {"du", "soon", "MR3007 field \"du\": expected a duration"},
      {"tt", "2025-10-13", "MR3007 field \"tt\": expected a time in one of the declared formats"},
      {"s", "\"x\"y", "MR3003 cell 1 goes on behind its closing quote"},
      {"s", "\"x\" ", "MR3003 cell 1 goes on behind its closing quote"},
      {"s", "\"x", "MR3003 the quote that cell 1 begins with is not closed before the input ends"},
      {"s", "\xff", "MR3002 the row is not valid UTF-8"},
      {"unread", "\xed\xa0\x80", "MR3002 the row is not valid UTF-8"},
      {"s", "x,y", "MR3011 expected 2 cells, found 3"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    expect_cell(cases[i][0], cases[i][1], cases[i][2], false);
}

MR_TEST(the_raw_column_is_the_row_as_an_object_of_texts) {
  MR_UNUSED_STATE;
  expect_cell("s,\"a \"\"name\"\"\"", "\"x \"\"y\"\"\",5",
              "raw={\"s\":\"x%20\\\"y\\\"\",\"a%20\\\"name\\\"\":\"5\",\"t\":\"" T "\"}", true);
  expect_cell("i", "", "raw={\"i\":\"\",\"t\":\"" T "\"}", true);
}

#define ROW(pos, line, i, s)                                                                       \
  "@" pos ":" line " t=" T_US " s=" s " e=null i=" i " d=null b=null ms=null\n"

MR_TEST(rows_end_with_any_line_end_and_keep_their_places) {
  MR_UNUSED_STATE;
  static const char *const ends[] = {"\n", "\r\n", "\r"};
  for (int e = 0; e < 3; e++) {
    char text[512], wanted[1024];
    const char *n = ends[e];
    size_t k = strlen(n), at = 5 + k;
    int len = snprintf(text, sizeof text, "t,i,s%s" T ",1,x%s%s \t%s" T ",2,\"a%sb\"%s" T ",3,y", n,
                       n, n, n, n, n);
    int out = snprintf(wanted, sizeof wanted,
                       "@%zu:2 t=" T_US " s=x e=null i=1 d=null b=null ms=null\n", at);
    at += 24 + 3 * k + 2;
    out += snprintf(wanted + out, sizeof wanted - (size_t)out,
                    "@%zu:5 t=" T_US " s=a%sb e=null i=2 d=null b=null ms=null\n", at,
                    e == 0   ? "%0a"
                    : e == 1 ? "%0d%0a"
                             : "%0d");
    at += 27 + 2 * k;
    snprintf(wanted + out, sizeof wanted - (size_t)out,
             "@%zu:7 t=" T_US " s=y e=null i=3 d=null b=null ms=null\n", at);
    expect_all(text, (size_t)len, wanted, usual, RIG_MAX_LINE);
  }
}

MR_TEST(ragged_and_broken_rows_leave_the_others_alone) {
  MR_UNUSED_STATE;
  EXPECT(
      "t,i,s\n" T ",1,x\n" T ",1\n" T ",1,x,y\n,2,x\n" T ",3,\"x\"y\n" T ",4,\0\n" T ",5,z\n",
      ROW("6", "2", "1", "x") "@31:3 MR3011 expected 3 cells, found 2\n"
                              "@54:4 MR3011 expected 3 cells, found 4\n"
                              "@81:5 MR3009 field \"t\", the event time, is empty\n"
                              "@86:6 MR3003 cell 3 goes on behind its closing quote\n"
                              "@114:7 MR3003 the row has a NUL byte\n" ROW("139", "8", "5", "z"));
}

MR_TEST(a_quote_that_is_not_closed_takes_all_that_follows) {
  MR_UNUSED_STATE;
  EXPECT("t,i,s\n" T ",1,x\n" T ",2,\"x\n" T ",3,z\n",
         ROW("6", "2", "1", "x") "@31:3 MR3003 the quote that cell 3 begins with is not closed "
                                 "before the input ends\n");
  EXPECT("t,i,s\n" T ",1,x\n" T ",2,\"x\n" T ",3,\"z\n" T ",4,y\n",
         ROW("6", "2", "1", "x") "@31:3 MR3003 cell 3 goes on behind its closing quote\n" ROW(
             "83", "5", "4", "y"));
}

MR_TEST(without_header_cells_are_the_fields_in_order) {
  MR_UNUSED_STATE;
  static const char text[] = T ";x;;1;;;;;;;;;;;;;\n" T ";;;;;\n";
  static const struct mr_decode_csv csv = {false, ';', '\''};
  expect_all(text, sizeof text - 1,
             "@0:1 t=" T_US " s=x e=null i=1 d=null b=null ms=null\n"
             "@39:2 MR3011 expected 17 cells, found 6\n",
             csv, RIG_MAX_LINE);
}

MR_TEST(other_signs_can_stand_between_and_around_cells) {
  MR_UNUSED_STATE;
  static const char text[] = "t\ti\ts\n" T "\t1\t'a\t''b'''\n" T "\t2\t\"\n";
  static const struct mr_decode_csv tabs = {true, '\t', '\''}, none = {true, '\t', 0};
  expect_all(text, sizeof text - 1, ROW("6", "2", "1", "a%09'b'") ROW("39", "3", "2", "\""), tabs,
             RIG_MAX_LINE);
  expect_all(text, sizeof text - 1,
             "@6:2 MR3011 expected 3 cells, found 4\n" ROW("39", "3", "2", "\""), none,
             RIG_MAX_LINE);
}

MR_TEST(rows_beyond_max_line_are_skipped_to_their_end) {
  MR_UNUSED_STATE;
  static const char text[] = "t,i,s\n" T ",1,x\n" T ",2,\"a long\n\n\"\"text\"\" in, quotes\"\n" T
                             ",3,1234567\n" T ",4,12345678\r\n" T ",5,y\n";
  expect_all(text, sizeof text - 1,
             ROW("6", "2", "1", "x") "@31:3 MR3001 the row has 52 bytes, more than max_line\n" ROW(
                 "84", "6", "3",
                 "1234567") "@115:7 MR3001 the row has 31 bytes, more than max_line\n" ROW("148",
                                                                                           "8", "5",
                                                                                           "y"),
             usual, 30);
}

MR_TEST(a_header_that_cannot_be_read_makes_every_row_bad) {
  MR_UNUSED_STATE;
  EXPECT("t,\"i\"x,s\n" T ",1,x\n\n" T ",2,y\n",
         "@0:1 MR3003 cell 2 goes on behind its closing quote\n"
         "@9:2 MR3011 the header of the input could not be read\n"
         "@35:4 MR3011 the header of the input could not be read\n");
  EXPECT("", "");
  EXPECT("\xef\xbb\xbf", "");
  EXPECT("\n \r\n", "");
  EXPECT("t,i,s", "");
  EXPECT("\xef\xbb\xbft,i,s\n" T ",1,x", ROW("9", "2", "1", "x"));
}

MR_TEST(a_column_that_the_header_does_not_name_is_missing) {
  MR_UNUSED_STATE;
  EXPECT("i,s\n1,x\n", "@4:2 MR3009 field \"t\", the event time, is missing\n");
  EXPECT("T,t\n1," T "\n", "@4:2 t=" T_US " s=null e=null i=null d=null b=null ms=null\n");
}

/* Patterns that are read by the day of the time before, and others; both paths agree on all. */
MR_TEST(times_of_a_pattern_are_read_whatever_it_is) {
  MR_UNUSED_STATE;
  static const struct {
    const char *pattern, *texts[6], *us[6];
  } cases[] = {
      {"yyyy-MM-dd'T'HH:mm:ss.SSS",
       {"2025-10-13T00:17:02.001", "2025-10-13T23:59:59.999", "2025-10-14T00:00:00.500",
        "2025-10-14T00:00:0a.500", "2025-10-14T00:00:00.5x0", "2025-10-14T25:00:00.500"},
       {"1760314622001000", "1760399999999000", "1760400000500000"}},
      {"yyyy-MM-dd HH:mm:ss",
       {"2025-10-13 00:17:02", "2025-10-13 00:17:03", "2024-02-29 00:00:00", "2025-10-13T00:17:02",
        "2025-10-13 00:17:02.5", "2025-02-29 00:00:00"},
       {"1760314622000000", "1760314623000000", "1709164800000000"}},
      {"dd.MM.yyyy HH:mm",
       {"13.10.2025 00:17", "13.10.2025 00:18", "29.02.2024 00:00", "2025-10-13 00:17",
        "31.02.2025 00:00", "13.10.2025 00:17:02"},
       {"1760314620000000", "1760314680000000", "1709164800000000"}},
  };
  for (size_t k = 0; k < 3 * 2; k++) {
    struct rig *r = open_rig(k % 2);
    char text[1024], want[64];
    size_t bad;
    int len = snprintf(text, sizeof text, "t,p\n");
    r->conf.general_only = k % 2;
    assert_int_equal(mr_time_pattern_compile(cases[k / 2].pattern, strlen(cases[k / 2].pattern),
                                             &r->pattern, &bad),
                     0);
    for (int i = 0; i < 6; i++)
      len += snprintf(text + len, sizeof text - (size_t)len, T ",%s\n", cases[k / 2].texts[i]);
    rig_open(r, 8, 1);
    rig_run(r, text, (size_t)len, 4096, 100);
    assert_int_equal(r->rows, 3);
    assert_int_equal(r->bad, 3);
    for (int i = 0; i < 3; i++) {
      snprintf(want, sizeof want, " p=%s ", cases[k / 2].us[i]);
      assert_non_null(strstr(r->out, want));
    }
    close_rig(r);
  }
}

MR_TEST(blank_lines_count_wherever_reads_cut_them) {
  MR_UNUSED_STATE;
  EXPECT("t,i,s\r\n\r\n\n\r\n\r\r\n" T ",1,x\r\n\n" T ",2,y\r\r" T ",3,z",
         ROW("15", "7", "1", "x") ROW("42", "9", "2", "y") ROW("68", "11", "3", "z"));
}

/* A decoder reads one input after another: each has a header of its own. */
MR_TEST(each_input_has_its_own_header) {
  MR_UNUSED_STATE;
  struct rig *r = open_rig(false);
  rig_open(r, 8, 1);
  rig_run(r, "t,i\n" T ",1\r", 27, 7, 100);
  assert_non_null(strstr(r->out, " i=1 "));
  rig_run(r, "\ni,t\n2," T "\n", 28, 7, 100);
  assert_non_null(strstr(r->out, "@5:3 t=" T_US));
  assert_non_null(strstr(r->out, " i=2 "));
  close_rig(r);
}

MR_TEST(check_declared_looks_at_columns_that_nobody_reads) {
  MR_UNUSED_STATE;
  for (int general = 0; general < 2; general++) {
    struct rig *r = open_rig(general);
    r->conf.check_declared = true;
    rig_open(r, 8, 1);
    rig_run(r, "t,unread\n" T ",x\n" T ",5\n" T ",\n", 77, 4096, 100);
    assert_non_null(strstr(r->out, "@9:2 MR3006 field \"unread\""));
    assert_int_equal(r->rows, 2);
    close_rig(r);
  }
}

MR_TEST(long_strings_fill_batches_and_nothing_is_lost) {
  MR_UNUSED_STATE;
  enum { ROWS = 3000, SZ = 400 };
  for (int general = 0; general < 2; general++) {
    struct rig *r = open_rig(general);
    char *text = malloc(ROWS * (SZ + 80)), *p = text;
    rig_open(r, 4, 1); /* 256 KiB of heap for rows of 800 bytes */
    p += sprintf(p, "i,s,ls,t\n");
    for (int i = 0; i < ROWS; i++) {
      p += sprintf(p, "%d,\"", i);
      memset(p, 'a' + i % 26, SZ);
      p += SZ;
      p += sprintf(p, "%s\",x\xc3\xa4" T ",2025-10-13T00:%02d:%02d.%03dZ\n", i % 7 ? "" : "\"\"",
                   i / 60 % 60, i % 60, i % 1000);
    }
    rig_run(r, text, (size_t)(p - text), 100000, MR_BATCH_ROWS);
    assert_int_equal(r->rows, ROWS);
    assert_int_equal(r->bad, 0);
    char want[64];
    const char *at = r->out;
    for (int i = 0; i < ROWS; i++) {
      snprintf(want, sizeof want, " i=%d ", i);
      at = strstr(at, want);
      assert_non_null(at);
    }
    free(text);
    close_rig(r);
  }
}

MR_TEST(a_value_that_no_batch_can_hold_is_a_dead_letter) {
  MR_UNUSED_STATE;
  for (int general = 0; general < 2; general++) {
    struct rig *r = open_rig(general);
    char *text = malloc(1 << 18), *p = text;
    r->conf.max_line = 1 << 17;
    rig_open(r, 1, 0); /* no blocks for values beyond 64 KiB */
    p += sprintf(p, "s,t\nx," T "\n");
    memset(p, 'a', 100000);
    p += 100000;
    p += sprintf(p, "," T "\ny," T "\n");
    rig_run(r, text, (size_t)(p - text), 1 << 17, MR_BATCH_ROWS);
    assert_int_equal(r->rows, 2);
    assert_non_null(strstr(r->out, "@27:3 MR3010 the row's strings fit no batch"));
    free(text);
    close_rig(r);
  }
}

MR_TEST(descriptions_that_contradict_themselves_are_refused) {
  MR_UNUSED_STATE;
  static const struct {
    struct mr_decode_csv csv;
    bool raw, list;
    const char *says;
  } cases[] = {{{true, 'a', '"'}, false, false, NULL},
               {{true, '\n', '"'}, false, false, "the delimiter cannot be this character"},
               {{true, '5', '"'}, false, false, "the delimiter cannot be this character"},
               {{true, '\x80', '"'}, false, false, "the delimiter cannot be this character"},
               {{true, ',', ','}, false, false, "delimiter and quote are the same"},
               {{true, ',', '\n'}, false, false, "the quote cannot be this character"},
               {{false, ',', '"'}, true, false, "whole rows of CSV need the names of a header"},
               {{true, ',', '"'}, false, true, "field \"i\": CSV has no lists"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct rig *r = open_rig(false);
    struct mr_error err;
    r->conf.csv = cases[i].csv;
    if (cases[i].raw) r->conf.raw_col = RIG_RAW;
    if (cases[i].list) r->fields[RIG_I].type = MR_TYPE_LIST;
    struct mr_csv *csv = mr_csv_create(&r->arena, &r->conf, &err);
    if (cases[i].says) {
      assert_null(csv);
      assert_int_equal(err.code, MR_ERR_ARG);
      assert_non_null(strstr(err.text, cases[i].says));
    } else {
      assert_non_null(csv);
    }
    mr_arena_free(&r->arena);
    free(r);
  }
}

int main(void) {
  const struct CMUnitTest cases[] = {MR_CASE(good_cells_have_their_values),
                                     MR_CASE(bad_cells_say_why),
                                     MR_CASE(the_raw_column_is_the_row_as_an_object_of_texts),
                                     MR_CASE(rows_end_with_any_line_end_and_keep_their_places),
                                     MR_CASE(ragged_and_broken_rows_leave_the_others_alone),
                                     MR_CASE(a_quote_that_is_not_closed_takes_all_that_follows),
                                     MR_CASE(without_header_cells_are_the_fields_in_order),
                                     MR_CASE(other_signs_can_stand_between_and_around_cells),
                                     MR_CASE(rows_beyond_max_line_are_skipped_to_their_end),
                                     MR_CASE(a_header_that_cannot_be_read_makes_every_row_bad),
                                     MR_CASE(a_column_that_the_header_does_not_name_is_missing),
                                     MR_CASE(times_of_a_pattern_are_read_whatever_it_is),
                                     MR_CASE(blank_lines_count_wherever_reads_cut_them),
                                     MR_CASE(each_input_has_its_own_header),
                                     MR_CASE(check_declared_looks_at_columns_that_nobody_reads),
                                     MR_CASE(long_strings_fill_batches_and_nothing_is_lost),
                                     MR_CASE(a_value_that_no_batch_can_hold_is_a_dead_letter),
                                     MR_CASE(descriptions_that_contradict_themselves_are_refused)};
  return cmocka_run_group_tests(cases, NULL, NULL);
}
