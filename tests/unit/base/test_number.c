/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"

#define ROUNDS 100000

static int parse_int(const char *s, int64_t *out) {
  return mr_int64_parse(s, strlen(s), out);
}

MR_TEST(integers_have_an_optional_sign_and_only_digits) {
  MR_UNUSED_STATE;
  const struct {
    const char *text;
    int result;
    int64_t value;
  } table[] = {{"0", 0, 0},
               {"-0", 0, 0},
               {"+7", 0, 7},
               {"-1", 0, -1},
               {"007", 0, 7},
               {"12345678", 0, 12345678},
               {"123456789", 0, 123456789},
               {"1234567890123456", 0, 1234567890123456},
               {"999999999999999999", 0, 999999999999999999},
               {"1000000000000000000", 0, 1000000000000000000},
               {"9223372036854775807", 0, INT64_MAX},
               {"-9223372036854775808", 0, INT64_MIN},
               {"0000000000000000000000000000001", 0, 1},
               {"9223372036854775808", MR_ERR_LIMIT, 0},
               {"-9223372036854775809", MR_ERR_LIMIT, 0},
               {"18446744073709551616", MR_ERR_LIMIT, 0},
               {"100000000000000000000000000", MR_ERR_LIMIT, 0},
               {"10000000000000000000000000x", MR_ERR_DATA, 0},
               {"", MR_ERR_DATA, 0},
               {"-", MR_ERR_DATA, 0},
               {"+", MR_ERR_DATA, 0},
               {"--1", MR_ERR_DATA, 0},
               {" 1", MR_ERR_DATA, 0},
               {"1 ", MR_ERR_DATA, 0},
               {"1.0", MR_ERR_DATA, 0},
               {"1e3", MR_ERR_DATA, 0},
               {"1234567:", MR_ERR_DATA, 0},
               {"/2345678", MR_ERR_DATA, 0},
               {"1234\xb5"
                "678",
                MR_ERR_DATA, 0},
               {"12345678-", MR_ERR_DATA, 0}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    int64_t v = 99;
    if (parse_int(table[i].text, &v) != table[i].result) fail_msg("'%s'", table[i].text);
    if (!table[i].result && v != table[i].value) fail_msg("'%s' is %" PRId64, table[i].text, v);
  }
}

/* A number of every length. */
static int64_t random_int(uint64_t seed, uint64_t k) {
  return (int64_t)mr_rng_at(seed, 2 * k) >> (mr_rng_at(seed, 2 * k + 1) % 64);
}

MR_TEST(integers_are_formatted_as_printf_does_and_read_back) {
  MR_UNUSED_STATE;
  const uint64_t seed = 20251013;
  print_message("seed %" PRIu64 "\n", seed);
  int64_t edge = 1;
  for (uint64_t k = 0; k < ROUNDS; k++) {
    int64_t v = random_int(seed, k), back = 0;
    if (k < 57) v = edge - 1 + (int64_t)(k % 3), edge = k % 3 == 2 && k < 54 ? edge * 10 : edge;
    if (k == 57) v = INT64_MIN;
    char expected[32], text[MR_TEXT_INT64_SZ];
    int len = snprintf(expected, sizeof expected, "%" PRId64, v);
    assert_int_equal(mr_int64_format(text, v), len);
    assert_memory_equal(text, expected, (size_t)len);
    assert_int_equal(mr_int64_parse(text, (size_t)len, &back), 0);
    assert_true(back == v);
  }
}

MR_TEST(every_byte_that_is_no_digit_spoils_an_integer) {
  MR_UNUSED_STATE;
  for (size_t len = 1; len <= 20; len++)
    for (size_t at = 0; at < len; at++)
      for (int byte = 0; byte < 256; byte++) {
        char text[20];
        memset(text, '1', sizeof text);
        text[at] = (char)byte;
        bool good =
            (byte >= '0' && byte <= '9') || (!at && len > 1 && (byte == '+' || byte == '-'));
        int64_t v;
        int result = mr_int64_parse(text, len, &v);
        if (good ? result == MR_ERR_DATA : result != MR_ERR_DATA)
          fail_msg("byte %d at %zu of %zu: %d", byte, at, len, result);
      }
}

static int parse_double(const char *s, double *out) {
  return mr_double_parse(s, strlen(s), out);
}

MR_TEST(doubles_are_read_by_jsons_grammar) {
  MR_UNUSED_STATE;
  const char *const good[] = {"0",
                              "-0",
                              "1",
                              "-1.5",
                              "0.1",
                              "1e5",
                              "1E+5",
                              "1e-5",
                              "10.25e2",
                              "0e0",
                              "-0.0e-0",
                              "123456789012345678901234567890",
                              "0.000001",
                              "9007199254740993",
                              "1e22",
                              "1e23",
                              "5e-324",
                              "2.5e-324",
                              "1.7976931348623157e308",
                              "2.2250738585072011e-308",
                              "1e-400",
                              "-1e-400",
                              "0e99999999999999999999",
                              "0.0000000000000000000000000000000000001e37"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    double v = 99, expected = strtod(good[i], NULL);
    if (parse_double(good[i], &v)) fail_msg("'%s'", good[i]);
    if (memcmp(&v, &expected, sizeof v)) fail_msg("'%s' is %a", good[i], v);
  }
  const char *const bad[] = {"",      "-",        "+1", ".5",    "5.",   "-.5",  "01",
                             "-01",   "00",       "1e", "1e+",   "1.e5", "0x10", "inf",
                             "nan",   "Infinity", "1 ", " 1",    "1,5",  "1e5.", "--1",
                             "1e5e5", "1.2.3",    "e5", "1_000", "-"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    double v;
    if (parse_double(bad[i], &v) != MR_ERR_DATA) fail_msg("'%s'", bad[i]);
  }
  const char *const beyond[] = {"1e400",
                                "-1e400",
                                "1e309",
                                "1.7976931348623159e308",
                                "1e99999999999999999999",
                                "1000000000000000000000e300"};
  for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
    double v;
    if (parse_double(beyond[i], &v) != MR_ERR_LIMIT) fail_msg("'%s'", beyond[i]);
  }
}

MR_TEST(very_long_numbers_keep_their_magnitude) {
  MR_UNUSED_STATE;
  char text[2000];
  double v;
  int n = snprintf(text, sizeof text, "0.%0*d1e1000", 999, 0); /* 1e-1000 times 1e1000 */
  assert_int_equal(mr_double_parse(text, (size_t)n, &v), 0);
  assert_true(v == 1.0);
  n = snprintf(text, sizeof text, "1%0*d", 1000, 0);
  assert_int_equal(mr_double_parse(text, (size_t)n, &v), MR_ERR_LIMIT);
  n = snprintf(text, sizeof text, "1%0*de-1000", 1000, 0);
  assert_int_equal(mr_double_parse(text, (size_t)n, &v), 0);
  assert_true(v == 1.0);
  n = snprintf(text, sizeof text, "-0.%0*d1", 999, 0);
  assert_int_equal(mr_double_parse(text, (size_t)n, &v), 0);
  assert_true(v == 0 && signbit(v));
}

/* Any double that is a number: any bits, money, small decimals, integers, in turn. */
static double random_double(uint64_t seed, uint64_t k) {
  uint64_t bits = mr_rng_at(seed, 2 * k), pick = mr_rng_at(seed, 2 * k + 1);
  double v;
  switch (pick % 4) {
  case 0: memcpy(&v, &bits, sizeof v); return isfinite(v) ? v : 1.5;
  case 1: return (double)(int64_t)(bits >> (pick >> 32 & 31) >> 20) / 100.0;
  case 2: return (double)(bits % 100000000) / 1e7 * ((pick & 8) ? -1 : 1);
  default: return (double)(random_int(seed + 1, k));
  }
}

/* The length of the shortest text, by trying printf's digits one after another; the plain notation
 * wins a draw. */
static size_t shortest_length(double v, bool *scientific) {
  char text[64];
  int precision = 0, digits = 1, exp10;
  do snprintf(text, sizeof text, "%.*e", precision, fabs(v));
  while (strtod(text, NULL) != fabs(v) && ++precision <= 16);
  for (int i = 2; text[i] >= '0' && text[i] <= '9'; i++)
    if (text[i] != '0') digits = i;
  exp10 = atoi(strchr(text, 'e') + 1);
  int science = digits + (digits > 1) + 2 + (abs(exp10) > 99 ? 3 : 2);
  int plain = exp10 < 0 ? digits - exp10 + 1 : digits > exp10 + 1 ? digits + 1 : exp10 + 1;
  *scientific = science < plain;
  return (size_t)((signbit(v) != 0) + (*scientific ? science : plain));
}

MR_TEST(doubles_are_the_shortest_text_that_reads_back_the_same) {
  MR_UNUSED_STATE;
  const uint64_t seed = 4711;
  print_message("seed %" PRIu64 "\n", seed);
  for (uint64_t k = 0; k < ROUNDS; k++) {
    double v = random_double(seed, k), back = 0;
    char text[MR_TEXT_DOUBLE_SZ + 1];
    size_t len = mr_double_format(text, v);
    assert_true(len <= MR_TEXT_DOUBLE_SZ);
    text[len] = 0;
    assert_int_equal(mr_double_parse(text, len, &back), 0);
    if (memcmp(&back, &v, sizeof v)) fail_msg("%a as %s", v, text);
    back = strtod(text, NULL);
    if (memcmp(&back, &v, sizeof v)) fail_msg("%a as %s for strtod", v, text);
    bool scientific;
    size_t least = shortest_length(v, &scientific);
    if (len > least || (strchr(text, 'e') != NULL) != scientific)
      fail_msg("%s, not %zu", text, least);
  }
}

MR_TEST(doubles_that_are_read_equal_strtod_on_any_text) {
  MR_UNUSED_STATE;
  const uint64_t seed = 815;
  print_message("seed %" PRIu64 "\n", seed);
  for (uint64_t k = 0; k < ROUNDS; k++) {
    char text[80];
    uint64_t a = mr_rng_at(seed, 3 * k), b = mr_rng_at(seed, 3 * k + 1),
             c = mr_rng_at(seed, 3 * k + 2);
    int len;
    if (c % 3 == 0)
      len = snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64, a >> (c >> 8 & 63),
                     b >> (c >> 16 & 63));
    else if (c % 3 == 1)
      len =
          snprintf(text, sizeof text, "-%" PRIu64 "e%d", a >> (c >> 8 & 63), (int)(b % 340) - 340);
    else
      len = snprintf(text, sizeof text, "%" PRIu64 ".%" PRIu64 "E+%d", a >> (c >> 8 & 63),
                     b >> (c >> 16 & 63), (int)(b % 280));
    double v = 0, expected = strtod(text, NULL);
    int result = mr_double_parse(text, (size_t)len, &v);
    if (result || memcmp(&v, &expected, sizeof v)) fail_msg("%s: %d, %a", text, result, v);
  }
}

MR_TEST(special_doubles_have_names) {
  MR_UNUSED_STATE;
  const struct {
    double v;
    const char *text;
  } table[] = {{NAN, "nan"},
               {-NAN, "nan"},
               {INFINITY, "inf"},
               {-INFINITY, "-inf"},
               {0.0, "0"},
               {-0.0, "-0"},
               {100000.0, "1e+05"},
               {123456.0, "123456"},
               {0.1, "0.1"},
               {-2.5, "-2.5"},
               {1e-7, "1e-07"},
               {0.001, "0.001"},
               {0.0005, "5e-04"},
               {1e21, "1e+21"},
               {0.30000000000000004, "0.30000000000000004"},
               {9007199254740993.0, "9007199254740992"},
               {1200000.0, "1200000"}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char text[MR_TEXT_DOUBLE_SZ + 1];
    text[mr_double_format(text, table[i].v)] = 0;
    assert_string_equal(text, table[i].text);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(integers_have_an_optional_sign_and_only_digits),
    MR_CASE(integers_are_formatted_as_printf_does_and_read_back),
    MR_CASE(every_byte_that_is_no_digit_spoils_an_integer),
    MR_CASE(doubles_are_read_by_jsons_grammar),
    MR_CASE(very_long_numbers_keep_their_magnitude),
    MR_CASE(doubles_are_the_shortest_text_that_reads_back_the_same),
    MR_CASE(doubles_that_are_read_equal_strtod_on_any_text),
    MR_CASE(special_doubles_have_names),
};
MR_MAIN(cases)
