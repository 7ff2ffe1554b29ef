/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"

#define MORNING INT64_C(1760355060123456) /* Monday 2025-10-13T11:31:00.123456Z */
#define EVENING INT64_C(1709251505000000) /* Friday 2024-03-01T00:05:05Z */

static struct mr_time_pattern compile(const char *s) {
  struct mr_time_pattern p;
  size_t bad_off;
  if (mr_time_pattern_compile(s, strlen(s), &p, &bad_off)) fail_msg("'%s' at %zu", s, bad_off);
  return p;
}

static void check_format(const char *pattern, int64_t us, const char *expected) {
  struct mr_time_pattern p = compile(pattern);
  char text[256];
  size_t len = mr_time_pattern_format(&p, us, text, sizeof text - 1);
  text[len] = 0;
  if (strcmp(text, expected)) fail_msg("'%s' gives '%s', not '%s'", pattern, text, expected);
}

MR_TEST(patterns_format_as_sparks_do) {
  MR_UNUSED_STATE;
  check_format("yyyy-MM-dd'T'HH:mm:ss", MORNING, "2025-10-13T11:31:00");
  check_format("yyyy-MM-dd HH:mm:ss.SSS", MORNING, "2025-10-13 11:31:00.123");
  check_format("yyyyMMddHHmmssSSSSSS", MORNING, "20251013113100123456");
  check_format("SSSSSSSSS S", MORNING, "123456000 1");
  check_format("yy/M/d h:m:s a", EVENING, "24/3/1 12:5:5 AM");
  check_format("hh a, H, HH", MORNING + INT64_C(7200000000), "01 PM, 13, 13");
  check_format("EEE, dd MMM yyyy HH:mm:ss Z", MORNING, "Mon, 13 Oct 2025 11:31:00 +0000");
  check_format("EEEE d MMMM y", EVENING, "Friday 1 March 2024");
  check_format("X XX XXX x xx xxx Z ZZZZ ZZZZZ", MORNING, "Z Z Z +00 +0000 +00:00 +0000 GMT Z");
  check_format("'it''s' yyyy '' 'T'", MORNING, "it's 2025 ' T");
  check_format("yyyy", INT64_C(-62135596800000000), "0001");
  check_format("E", INT64_C(-1), "Wed"); /* 1969-12-31 */
}

MR_TEST(bad_patterns_are_refused_with_their_place) {
  MR_UNUSED_STATE;
  const struct {
    const char *text;
    size_t off;
  } table[] = {{"", 0},       {"yyyy-QQ", 5}, {"yyyy-MM-dd'T", 10}, {"HH:mm:sss", 6}, {"MMMMM", 0},
               {"[yyyy]", 0}, {"yyyy u", 5},  {"dd bb", 3},         {"yyyyyyyyy", 0}, {"EEEEE", 0},
               {"hh aa", 3},  {"HH XXXX", 3}, {"yyyy#", 4},         {"SSSSSSSSSS", 0}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    struct mr_time_pattern p;
    size_t off = 99;
    if (mr_time_pattern_compile(table[i].text, strlen(table[i].text), &p, &off) != MR_ERR_DATA)
      fail_msg("'%s'", table[i].text);
    if (off != table[i].off) fail_msg("'%s' at %zu", table[i].text, off);
  }
  char text[80];
  memset(text, '-', sizeof text);
  struct mr_time_pattern p;
  size_t off;
  assert_int_equal(mr_time_pattern_compile(text, 64, &p, &off), 0);
  assert_int_equal(mr_time_pattern_compile(text, 65, &p, &off), MR_ERR_DATA);
  assert_int_equal(off, 64);
}

MR_TEST(output_stops_at_the_buffers_end_and_says_what_it_needs) {
  MR_UNUSED_STATE;
  struct mr_time_pattern p = compile("EEEE, yyyy-MM-dd");
  for (size_t sz = 0; sz <= 18; sz++) {
    char *buf = malloc(sz ? sz : 1); /* exact, for the address sanitizer */
    assert_int_equal(mr_time_pattern_format(&p, MORNING, buf, sz), 18);
    assert_memory_equal(buf, "Monday, 2025-10-13", sz);
    free(buf);
  }
}

static void check_parse(const char *pattern, const char *text, int result, int64_t expected) {
  struct mr_time_pattern p = compile(pattern);
  size_t len = strlen(text);
  char *exact = malloc(len ? len : 1);
  memcpy(exact, text, len);
  int64_t us = 0;
  int got = mr_time_pattern_parse(&p, exact, len, &us);
  free(exact);
  if (got != result) fail_msg("'%s' on '%s': %d", pattern, text, got);
  if (!got && us != expected) fail_msg("'%s' on '%s': %" PRId64, pattern, text, us);
}

MR_TEST(patterns_read_what_they_describe) {
  MR_UNUSED_STATE;
  const int64_t minute = MORNING - 123456;
  check_parse("yyyy-MM-dd HH:mm:ss", "2025-10-13 11:31:00", 0, minute);
  check_parse("yyyyMMddHHmmss", "20251013113100", 0, minute);
  check_parse("yyyyMMddHHmmssSSS", "20251013113100123", 0, MORNING - 456);
  check_parse("yyyy-MM-dd HH:mm:ss.SSSSSS", "2025-10-13 11:31:00.5", 0, minute + 500000);
  check_parse("yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "2025-10-13 11:31:00.123456789", 0, MORNING);
  check_parse("d/M/y H:m:s", "13/10/2025 11:31:0", 0, minute);
  check_parse("d/M/yy h:m a", "13/10/25 11:31 am", 0, minute);
  check_parse("d/M/yy h:m a", "13/10/25 11:31 PM", 0, minute + INT64_C(43200000000));
  check_parse("h a", "12 AM", 0, 0);
  check_parse("h a", "12 pm", 0, INT64_C(43200000000));
  check_parse("EEE, dd MMM yyyy HH:mm:ss Z", "Mon, 13 oct 2025 13:31:00 +0200", 0, minute);
  check_parse("EEEE dd MMMM yyyy HH:mm", "monday 13 OCTOBER 2025 11:31", 0, minute);
  check_parse("yyyy-MM-dd'T'HH:mm:ssXXX", "2025-10-13T11:31:00Z", 0, minute);
  check_parse("yyyy-MM-dd'T'HH:mm:ssXXX", "2025-10-13T06:01:00-05:30", 0, minute);
  check_parse("yyyy-MM-dd'T'HH:mm:ssX", "2025-10-13T13:31:00+02", 0, minute);
  check_parse("yyyy-MM-dd'T'HH:mm:ssX", "2025-10-13T17:01:00+0530", 0, minute);
  check_parse("HH:mm", "11:31", 0, INT64_C(41460000000));
  check_parse("yyyy", "1970", 0, 0);
}

MR_TEST(what_does_not_fit_the_pattern_is_refused) {
  MR_UNUSED_STATE;
  const char *const table[][2] = {{"yyyy-MM-dd", "2025-10-13 "},
                                  {"yyyy-MM-dd", "2025-10-1"},
                                  {"yyyy-MM-dd", "2025-1-13"},
                                  {"yyyy-MM-dd", "2025/10/13"},
                                  {"yyyy-MM-dd", "2025-02-29"},
                                  {"yyyy-MM-dd", "2025-13-01"},
                                  {"yyyy-MM-dd", "0000-01-01"},
                                  {"yyyy-MM-dd", "12025-01-01"},
                                  {"yyyy-MM-dd", ""},
                                  {"HH:mm", "24:00"},
                                  {"HH:mm", "11:60"},
                                  {"HH:mm:ss", "11:31:60"},
                                  {"h a", "13 AM"},
                                  {"h a", "0 AM"},
                                  {"h a", "1 XM"},
                                  {"H a", "13 AM"},
                                  {"EEE yyyy-MM-dd", "Tue 2025-10-13"},
                                  {"MMM", "Okt"},
                                  {"XXX", "+0200"},
                                  {"XXX", "02:00"},
                                  {"xxx", "Z"},
                                  {"XXX", "+19:00"},
                                  {"yyyy.SSS", "2025."},
                                  {"'T'yyyy", "X2025"}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    check_parse(table[i][0], table[i][1], MR_ERR_DATA, 0);
}

MR_TEST(formatted_times_agree_with_strftime_and_read_back) {
  MR_UNUSED_STATE;
  const uint64_t seed = 303;
  print_message("seed %" PRIu64 "\n", seed);
  struct mr_time_pattern p = compile("EEEE dd MMMM yyyy hh:mm:ss a Z");
  struct mr_time_pattern fine = compile("EEE yyyyMMdd HHmmssSSSSSS XXX");
  for (uint64_t k = 0; k < 100000; k++) {
    int64_t us = (int64_t)(mr_rng_at(seed, k) % 253402300800000000);
    int64_t seconds = us / 1000000, back = 0;
    time_t t = (time_t)seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    char expected[128], text[128];
    size_t want = strftime(expected, sizeof expected, "%A %d %B %Y %I:%M:%S %p +0000", &tm);
    size_t len = mr_time_pattern_format(&p, us, text, sizeof text);
    assert_int_equal(len, want);
    assert_memory_equal(text, expected, len);
    assert_int_equal(mr_time_pattern_parse(&p, text, len, &back), 0);
    assert_true(back == seconds * 1000000);
    len = mr_time_pattern_format(&fine, us, text, sizeof text);
    assert_int_equal(mr_time_pattern_parse(&fine, text, len, &back), 0);
    assert_true(back == us);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(patterns_format_as_sparks_do),
    MR_CASE(bad_patterns_are_refused_with_their_place),
    MR_CASE(output_stops_at_the_buffers_end_and_says_what_it_needs),
    MR_CASE(patterns_read_what_they_describe),
    MR_CASE(what_does_not_fit_the_pattern_is_refused),
    MR_CASE(formatted_times_agree_with_strftime_and_read_back),
};
MR_MAIN(cases)
