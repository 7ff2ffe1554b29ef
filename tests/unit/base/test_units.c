/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"

#define S INT64_C(1000000000)

MR_TEST(durations_are_sums_of_numbers_with_units) {
  MR_UNUSED_STATE;
  const struct {
    const char *text;
    int64_t ns;
  } table[] = {{"0s", 0},
               {"25s", 25 * S},
               {"10m", 600 * S},
               {"1h2m3.5s", 3723 * S + S / 2},
               {"1d", 86400 * S},
               {"2w", 2 * 7 * 86400 * S},
               {"1ns", 1},
               {"250us", 250000},
               {"1.5ms", 1500000},
               {"0.000000001s", 1},
               {"-1m30s", -90 * S},
               {"+5s", 5 * S},
               {"1.50s", S + S / 2},
               {"90m", 5400 * S},
               {"1s1s", 2 * S},
               {"1 minute", 60 * S},
               {"10 minutes", 600 * S},
               {"2 hours 30 minutes", 9000 * S},
               {"1 hour", 3600 * S},
               {"3 days", 3 * 86400 * S},
               {"1 week", 7 * 86400 * S},
               {"500 milliseconds", S / 2},
               {"9223372036854775807ns", INT64_MAX},
               {"-9223372036854775808ns", INT64_MIN}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    int64_t ns = 7;
    if (mr_duration_parse_ns(table[i].text, strlen(table[i].text), &ns))
      fail_msg("'%s'", table[i].text);
    if (ns != table[i].ns) fail_msg("'%s' is %" PRId64, table[i].text, ns);
  }
}

MR_TEST(what_is_no_duration_is_refused) {
  MR_UNUSED_STATE;
  const char *const bad[] = {"",
                             "-",
                             "5",
                             "s",
                             "5 ",
                             "5x",
                             ".5s",
                             "5.s",
                             "1h ",
                             " 1h",
                             "1h-5m",
                             "1H",
                             "1e3s",
                             "1mon",
                             "1,5s",
                             "0.5ns",
                             "0.0000000001s",
                             "9223372036854775808ns",
                             "106752d",
                             "99999999999999999999s",
                             "1  hour  5",
                             "--5s",
                             "1h  2m",
                             "10000000000000000000000w"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int64_t ns;
    if (mr_duration_parse_ns(bad[i], strlen(bad[i]), &ns) != MR_ERR_DATA) fail_msg("'%s'", bad[i]);
  }
  int64_t us = 7;
  assert_int_equal(mr_duration_parse_us("1ns", 3, &us), MR_ERR_DATA);
  assert_int_equal(mr_duration_parse_us("1.0005ms", 8, &us), MR_ERR_DATA);
  assert_int_equal(mr_duration_parse_us("1000ns", 6, &us), 0);
  assert_true(us == 1);
  assert_int_equal(mr_duration_parse_us("500ns500ns", 10, &us), 0);
  assert_true(us == 1);
  assert_int_equal(mr_duration_parse_us("106752d", 7, &us), 0); /* beyond 64 bits of nanoseconds */
  assert_true(us == INT64_C(106752) * 86400 * 1000000);
}

MR_TEST(durations_are_written_short) {
  MR_UNUSED_STATE;
  const struct {
    int64_t us;
    const char *text;
  } table[] = {{0, "0s"},
               {3723500000, "1h2m3.5s"},
               {3600000000, "1h"},
               {90000000, "1m30s"},
               {3600000001, "1h0.000001s"},
               {90000000000, "25h"},
               {-1500000, "-1.5s"},
               {12500, "12.5ms"},
               {7, "7us"},
               {999999, "999.999ms"},
               {INT64_MIN, "-2562047788h54.775808s"}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char text[MR_TEXT_DURATION_SZ + 1];
    text[mr_duration_format_us(text, table[i].us)] = 0;
    assert_string_equal(text, table[i].text);
  }
}

MR_TEST(durations_read_back) {
  MR_UNUSED_STATE;
  const uint64_t seed = 99;
  print_message("seed %" PRIu64 "\n", seed);
  for (uint64_t k = 0; k < 100000; k++) {
    int64_t us = (int64_t)mr_rng_at(seed, 2 * k) >> (mr_rng_at(seed, 2 * k + 1) % 64), back = 0;
    if (k == 0) us = INT64_MIN;
    if (k == 1) us = INT64_MAX;
    if (k % 3 == 0) us = us / 1000000 * 1000000;
    char text[MR_TEXT_DURATION_SZ];
    size_t len = mr_duration_format_us(text, us);
    assert_true(len <= MR_TEXT_DURATION_SZ);
    if (mr_duration_parse_us(text, len, &back) || back != us)
      fail_msg("%" PRId64 " as %.*s", us, (int)len, text);
  }
}

MR_TEST(sizes_have_decimal_and_binary_units) {
  MR_UNUSED_STATE;
  const struct {
    const char *text;
    uint64_t bytes;
  } table[] = {{"0", 0},
               {"65536", 65536},
               {"10B", 10},
               {"64kB", 64000},
               {"2MB", 2000000},
               {"1GB", 1000000000},
               {"4KiB", 4096},
               {"128MiB", 128 << 20},
               {"1.5GiB", UINT64_C(3) << 29},
               {"1TiB", UINT64_C(1) << 40},
               {"0.5KiB", 512},
               {"9999999999999999999", UINT64_C(9999999999999999999)},
               {"16777215TiB", UINT64_C(16777215) << 40}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    uint64_t bytes = 7;
    if (mr_size_parse(table[i].text, strlen(table[i].text), &bytes))
      fail_msg("'%s'", table[i].text);
    if (bytes != table[i].bytes) fail_msg("'%s' is %" PRIu64, table[i].text, bytes);
  }
  const char *const bad[] = {
      "",     "-1",  "MiB",   "1mb",         "1KB",  "1kib",     "1M",
      "1.5B", "0.3", "1MiBx", "16777216TiB", "1 Mi", "0.0001kB", "99999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint64_t bytes;
    if (mr_size_parse(bad[i], strlen(bad[i]), &bytes) != MR_ERR_DATA) fail_msg("'%s'", bad[i]);
  }
}

MR_TEST(rates_are_per_second_minute_or_hour) {
  MR_UNUSED_STATE;
  const struct {
    const char *text;
    double per_s;
  } table[] = {{"50k/s", 50000},
               {"200000/s", 200000},
               {"1.5M/s", 1500000},
               {"60/m", 1},
               {"65000/h", 65000 / 3600.0},
               {"0/s", 0},
               {"0.5/s", 0.5},
               {"1G/s", 1e9}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    double v = 7;
    if (mr_rate_parse(table[i].text, strlen(table[i].text), &v)) fail_msg("'%s'", table[i].text);
    if (v != table[i].per_s) fail_msg("'%s' is %g", table[i].text, v);
  }
  const char *const bad[] = {"",       "50k", "/s",    "50k/",  "50K/s",  "-1/s",  "50k/d",
                             "50k/s ", "k/s", "1e3/s", "1.5/x", "50 k/s", "50k//s"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    double v;
    if (mr_rate_parse(bad[i], strlen(bad[i]), &v) != MR_ERR_DATA) fail_msg("'%s'", bad[i]);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(durations_are_sums_of_numbers_with_units),
    MR_CASE(what_is_no_duration_is_refused),
    MR_CASE(durations_are_written_short),
    MR_CASE(durations_read_back),
    MR_CASE(sizes_have_decimal_and_binary_units),
    MR_CASE(rates_are_per_second_minute_or_hour),
};
MR_MAIN(cases)
