/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"

#define ROUNDS 100000
#define US_MIN (INT64_C(-62135596800) * 1000000)
#define US_MAX (INT64_C(253402300800) * 1000000 - 1)

/* On an exact copy, so that the address sanitizer sees a read past the end. */
static int parse(const char *s, int64_t *us) {
  size_t len = strlen(s);
  char *exact = malloc(len ? len : 1);
  memcpy(exact, s, len);
  int result = mr_timestamp_parse(exact, len, us);
  free(exact);
  return result;
}

static int64_t floor_seconds(int64_t us) {
  return us / 1000000 - (us % 1000000 < 0);
}

MR_TEST(a_timestamp_reads_as_rfc_3339_says) {
  MR_UNUSED_STATE;
  const struct {
    const char *text;
    int64_t us;
  } table[] = {{"1970-01-01T00:00:00Z", 0},
               {"2025-10-13T11:31:00Z", 1760355060000000},
               {"2025-10-13T11:31:00.5Z", 1760355060500000},
               {"2025-10-13T11:31:00.123Z", 1760355060123000},
               {"2025-10-13T11:31:00.123456Z", 1760355060123456},
               {"2025-10-13T11:31:00.123456789Z", 1760355060123456},
               {"2025-10-13T11:31:00.9999999999999999999999999999Z", 1760355060999999},
               {"2025-10-13t11:31:00z", 1760355060000000},
               {"2025-10-13 11:31:00Z", 1760355060000000},
               {"2025-10-13 11:31:00.250z", 1760355060250000},
               {"2025-10-13T13:31:00+02:00", 1760355060000000},
               {"2025-10-13T11:31:00+00:00", 1760355060000000},
               {"2025-10-13T11:31:00-00:00", 1760355060000000},
               {"2025-10-13T06:01:00.000001-05:30", 1760355060000001},
               {"1969-12-31T23:59:59.999999Z", -1},
               {"2000-02-29T00:00:00Z", 951782400000000},
               {"0001-01-01T00:00:00Z", US_MIN},
               {"9999-12-31T23:59:59.999999Z", US_MAX}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    int64_t us = 1;
    if (parse(table[i].text, &us)) fail_msg("'%s'", table[i].text);
    if (us != table[i].us) fail_msg("'%s' is %" PRId64, table[i].text, us);
  }
}

MR_TEST(what_is_no_timestamp_is_refused) {
  MR_UNUSED_STATE;
  const char *const bad[] = {"",
                             "2025-10-13",
                             "2025-10-13T11:31Z",
                             "2025-10-13T11:31:00",
                             "2025-10-13T11:31:00.Z",
                             "2025-10-13T11:31:00.123",
                             "2025-10-13T11:31:00,123Z",
                             "2025-10-13T11:31:00Zx",
                             "2025-10-13T11:31:00 Z",
                             "2025-10-13T11:31:60Z",
                             "2025-10-13T11:60:00Z",
                             "2025-10-13T24:00:00Z",
                             "2025-02-29T00:00:00Z",
                             "1900-02-29T00:00:00Z",
                             "2025-04-31T00:00:00Z",
                             "2025-13-01T00:00:00Z",
                             "2025-16-01T00:00:00Z",
                             "2025-00-01T00:00:00Z",
                             "2025-01-00T00:00:00Z",
                             "2025-01-32T00:00:00Z",
                             "0000-01-01T00:00:00Z",
                             "0000-12-31T23:00:00-01:00",
                             "0001-01-01T00:00:00+00:01",
                             "9999-12-31T23:59:59-00:01",
                             "2025-10-13T11:31:00+0200",
                             "2025-10-13T11:31:00+02",
                             "2025-10-13T11:31:00+24:00",
                             "2025-10-13T11:31:00+02:60",
                             "2025-10-13T11:31:00+02:0x",
                             "2025-10-13_11:31:00Z",
                             "+025-10-13T11:31:00Z",
                             "20251013T113100Z0000",
                             "10000-01-01T00:00:00Z"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t us;
    if (parse(bad[i], &us) != MR_ERR_DATA) fail_msg("'%s'", bad[i]);
  }
}

/* Is byte allowed at this place of "2111-11-11T11:11:11.111111Z" (or a shorter fraction)? */
static bool may_stand(const char *shape, size_t at, int byte) {
  switch (shape[at]) {
  case 'T': return byte == 'T' || byte == 't' || byte == ' ';
  case 'Z': return byte == 'Z' || byte == 'z';
  case '.': return byte == '.';
  case '-':
  case ':': return byte == shape[at];
  default: return byte >= '0' && byte <= '9';
  }
}

MR_TEST(every_wrong_byte_at_every_place_is_refused) {
  MR_UNUSED_STATE;
  const char *const shapes[] = {"2111-11-11T11:11:11Z", "2111-11-11T11:11:11.111Z",
                                "2111-11-11T11:11:11.111111Z", "2111-11-11T11:11:11.1111Z"};
  for (int k = 0; k < 4; k++)
    for (size_t at = 0; at < strlen(shapes[k]); at++)
      for (int byte = 1; byte < 256; byte++) {
        char text[40];
        snprintf(text, sizeof text, "%s", shapes[k]);
        text[at] = (char)byte;
        bool good = may_stand(shapes[k], at, byte);
        /* a digit may still make no date: 2111-91-11, 2111-11-91, 91:11:11 and so on */
        bool tens = at == 5 || at == 8 || at == 11 || at == 14 || at == 17;
        if (tens && byte > '0' + (at == 5 ? 1 : at == 8 || at == 11 ? 2 : 5)) good = false;
        if (at == 6) good = byte >= '0' && byte <= '2';
        int64_t us;
        if ((parse(text, &us) == 0) != good) fail_msg("'%s' byte %d at %zu", text, byte, at);
      }
}

MR_TEST(every_day_of_all_years_is_where_gmtime_puts_it) {
  MR_UNUSED_STATE;
  for (int64_t day = -719162; day < 2932897; day++) {
    time_t seconds = (time_t)(day * 86400);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    struct mr_civil c;
    mr_civil_from_us(day * 86400 * 1000000, &c);
    if (c.year != tm.tm_year + 1900 || c.month != tm.tm_mon + 1 || c.day != tm.tm_mday)
      fail_msg("day %" PRId64 ": %d-%d-%d", day, c.year, c.month, c.day);
    int64_t us = 1;
    assert_true(mr_civil_to_us(&c, &us));
    assert_true(us == day * 86400 * 1000000);
  }
}

MR_TEST(random_timestamps_have_gmtimes_text_and_read_back) {
  MR_UNUSED_STATE;
  const uint64_t seed = 1013;
  print_message("seed %" PRIu64 "\n", seed);
  for (uint64_t k = 0; k < ROUNDS; k++) {
    uint64_t span = (uint64_t)(US_MAX - US_MIN);
    int64_t us = US_MIN + (int64_t)(mr_rng_at(seed, k) % span);
    if (k % 3 == 1) us = floor_seconds(us) * 1000000;
    if (k % 3 == 2) us = floor_seconds(us) * 1000000 + (int64_t)(k % 1000) * 1000;
    if (k % 5 == 0) us = (int64_t)(mr_rng_at(seed, k) % 4000000000000000);
    time_t seconds = (time_t)floor_seconds(us);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    int micros = (int)(us - (int64_t)seconds * 1000000);
    char expected[64], text[MR_TEXT_TIMESTAMP_SZ + 1];
    int len =
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (micros && micros % 1000)
      snprintf(expected + len, 16, ".%06dZ", micros);
    else if (micros)
      snprintf(expected + len, 16, ".%03dZ", micros / 1000);
    else
      snprintf(expected + len, 16, "Z");
    text[mr_timestamp_format(text, us)] = 0;
    assert_string_equal(text, expected);
    int64_t back = 0;
    assert_int_equal(parse(text, &back), 0);
    assert_true(back == us);
    tm.tm_isdst = 0;
    assert_true(timegm(&tm) == seconds);
  }
}

MR_TEST(offsets_move_the_time_by_themselves) {
  MR_UNUSED_STATE;
  for (int minutes = -23 * 60 - 59; minutes <= 23 * 60 + 59; minutes++) {
    char text[64];
    int m = minutes < 0 ? -minutes : minutes;
    snprintf(text, sizeof text, "2025-10-13T11:31:00.75%c%02d:%02d", minutes < 0 ? '-' : '+',
             m / 60, m % 60);
    int64_t us = 0;
    assert_int_equal(parse(text, &us), 0);
    assert_true(us == 1760355060750000 - (int64_t)minutes * 60000000);
  }
}

MR_TEST(all_64_bits_are_dates_and_fit_the_buffer) {
  MR_UNUSED_STATE;
  const uint64_t seed = 64;
  print_message("seed %" PRIu64 "\n", seed);
  for (uint64_t k = 0; k < ROUNDS; k++) {
    int64_t us = (int64_t)mr_rng_at(seed, k), back = 0;
    if (k == 0) us = INT64_MIN;
    if (k == 1) us = INT64_MAX;
    struct mr_civil c;
    mr_civil_from_us(us, &c);
    assert_true(mr_civil_to_us(&c, &back));
    assert_true(back == us);
    time_t seconds = (time_t)floor_seconds(us);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    assert_int_equal(c.year, tm.tm_year + 1900);
    assert_int_equal(c.month, tm.tm_mon + 1);
    assert_int_equal(c.day, tm.tm_mday);
    assert_int_equal(c.hour, tm.tm_hour);
    assert_int_equal(c.minute, tm.tm_min);
    assert_int_equal(c.second, tm.tm_sec);
    char text[MR_TEXT_TIMESTAMP_SZ];
    assert_true(mr_timestamp_format(text, us) <= MR_TEXT_TIMESTAMP_SZ);
  }
  char text[MR_TEXT_TIMESTAMP_SZ + 1];
  text[mr_timestamp_format(text, INT64_MIN)] = 0;
  assert_string_equal(text, "-290308-12-21T19:59:05.224192Z");
  text[mr_timestamp_format(text, INT64_MAX)] = 0;
  assert_string_equal(text, "+294247-01-10T04:00:54.775807Z");
  text[mr_timestamp_format(text, US_MIN - 1)] = 0;
  assert_string_equal(text, "0000-12-31T23:59:59.999999Z");
  text[mr_timestamp_format(text, INT64_C(-62167219200) * 1000000 - 1)] = 0;
  assert_string_equal(text, "-0001-12-31T23:59:59.999999Z");
}

MR_TEST(dates_that_do_not_exist_are_refused) {
  MR_UNUSED_STATE;
  const struct mr_civil bad[] = {{2025, 2, 29, 0, 0, 0, 0},
                                 {2025, 0, 1, 0, 0, 0, 0},
                                 {2025, 13, 1, 0, 0, 0, 0},
                                 {2025, 1, 0, 0, 0, 0, 0},
                                 {2025, 1, 32, 0, 0, 0, 0},
                                 {2025, 1, 1, 24, 0, 0, 0},
                                 {2025, 1, 1, 0, 60, 0, 0},
                                 {2025, 1, 1, 0, 0, 60, 0},
                                 {2025, 1, 1, 0, 0, 0, 1000000},
                                 {2100, 2, 29, 0, 0, 0, 0},
                                 {294248, 1, 1, 0, 0, 0, 0},
                                 {294247, 1, 10, 4, 0, 54, 775808},
                                 {-290308, 12, 21, 19, 59, 5, 224191},
                                 {-290309, 1, 1, 0, 0, 0, 0},
                                 {INT32_MAX, 1, 1, 0, 0, 0, 0},
                                 {INT32_MIN, 1, 1, 0, 0, 0, 0}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t us;
    if (mr_civil_to_us(&bad[i], &us)) fail_msg("case %zu", i);
  }
  int64_t us = 0;
  const struct mr_civil good = {2000, 2, 29, 23, 59, 59, 999999};
  assert_true(mr_civil_to_us(&good, &us));
  assert_true(us == INT64_C(951868800000000) - 1);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_timestamp_reads_as_rfc_3339_says),
    MR_CASE(what_is_no_timestamp_is_refused),
    MR_CASE(every_wrong_byte_at_every_place_is_refused),
    MR_CASE(every_day_of_all_years_is_where_gmtime_puts_it),
    MR_CASE(random_timestamps_have_gmtimes_text_and_read_back),
    MR_CASE(offsets_move_the_time_by_themselves),
    MR_CASE(all_64_bits_are_dates_and_fit_the_buffer),
    MR_CASE(dates_that_do_not_exist_are_refused),
};
MR_MAIN(cases)
