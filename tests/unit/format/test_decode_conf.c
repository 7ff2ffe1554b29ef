/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "format/decode_conf.h"
#include "test.h"

static const char *const texts[] = {"low", "high"};
static const uint32_t lens[] = {3, 4};
static const struct mr_enum codes = {2, texts, lens, NULL};

static int read_field(struct mr_field field, const char *format, const char *default_text,
                      struct mr_decode_field *out, struct mr_error *err) {
  static struct mr_arena arena;
  struct mr_event_field f = {.field = field,
                             .formats = &format,
                             .format_cnt = format != NULL,
                             .default_text = default_text};
  f.field.name = "f";
  return mr_decode_field_read(&arena, &f, out, err);
}

MR_TEST(formats_of_timestamps_are_known_by_name) {
  MR_UNUSED_STATE;
  static const struct {
    const char *format;
    enum mr_decode_time time;
  } cases[] = {{NULL, MR_DECODE_RFC3339},      {"rfc3339", MR_DECODE_RFC3339},
               {"unix_s", MR_DECODE_UNIX_S},   {"unix_ms", MR_DECODE_UNIX_MS},
               {"unix_us", MR_DECODE_UNIX_US}, {"yyyy-MM-dd", MR_DECODE_PATTERN}};
  struct mr_decode_field out;
  struct mr_error err;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct mr_field field = {.type = MR_TYPE_TIMESTAMP};
    assert_int_equal(read_field(field, cases[i].format, NULL, &out, &err), 0);
    assert_int_equal(out.format_cnt, cases[i].format != NULL);
    if (!out.format_cnt) continue;
    assert_int_equal(out.formats[0].time, cases[i].time);
    assert_int_equal(out.formats[0].pattern != NULL, cases[i].time == MR_DECODE_PATTERN);
  }
}

MR_TEST(a_wrong_format_is_an_error_that_names_the_field) {
  MR_UNUSED_STATE;
  struct mr_decode_field out;
  struct mr_error err;
  struct mr_field stamp = {.type = MR_TYPE_TIMESTAMP}, number = {.type = MR_TYPE_INT64};
  assert_int_equal(read_field(stamp, "yyyy-QQQ", NULL, &out, &err), MR_ERR_CONF);
  assert_non_null(strstr(err.text, "field \"f\": the format is not understood at byte 5"));
  assert_int_equal(read_field(number, "unix_s", NULL, &out, &err), MR_ERR_CONF);
  assert_non_null(strstr(err.text, "only a timestamp has a format"));
}

MR_TEST(defaults_are_values_of_their_type) {
  MR_UNUSED_STATE;
  struct mr_decode_field out;
  struct mr_error err;
  assert_int_equal(read_field((struct mr_field){.type = MR_TYPE_INT64}, NULL, "-5", &out, &err), 0);
  assert_true(out.def.given && out.def.i64 == -5);
  assert_int_equal(read_field((struct mr_field){.type = MR_TYPE_DOUBLE}, NULL, "0.5", &out, &err),
                   0);
  assert_true(out.def.f64 == 0.5);
  assert_int_equal(read_field((struct mr_field){.type = MR_TYPE_BOOL}, NULL, "true", &out, &err),
                   0);
  assert_true(out.def.b);
  assert_int_equal(read_field((struct mr_field){.type = MR_TYPE_STRING}, NULL, "x", &out, &err), 0);
  assert_true(out.def.str_len == 1 && out.def.str[0] == 'x');
  assert_int_equal(read_field((struct mr_field){.type = MR_TYPE_STRING, .codes = &codes}, NULL,
                              "high", &out, &err),
                   0);
  assert_int_equal(out.def.code, 1);
  assert_int_equal(read_field((struct mr_field){.type = MR_TYPE_DURATION}, NULL, "1m", &out, &err),
                   0);
  assert_int_equal(out.def.i64, 60000000);
  struct mr_field stamp = {.type = MR_TYPE_TIMESTAMP};
  assert_int_equal(read_field(stamp, "unix_ms", "1500", &out, &err), 0);
  assert_int_equal(out.def.i64, 1500000);
  assert_int_equal(read_field(stamp, NULL, "1970-01-01T00:00:01Z", &out, &err), 0);
  assert_int_equal(out.def.i64, 1000000);
  assert_int_equal(read_field(stamp, "yyyy/MM/dd", "1970/01/02", &out, &err), 0);
  assert_int_equal(out.def.i64, INT64_C(86400000000));
}

MR_TEST(a_default_of_another_type_is_an_error) {
  MR_UNUSED_STATE;
  static const struct {
    struct mr_field field;
    const char *text;
  } cases[] = {
      {{.type = MR_TYPE_INT64}, "1.5"},   {{.type = MR_TYPE_DOUBLE}, "x"},
      {{.type = MR_TYPE_BOOL}, "yes"},    {{.type = MR_TYPE_STRING, .codes = &codes}, "medium"},
      {{.type = MR_TYPE_TIMESTAMP}, "5"}, {{.type = MR_TYPE_LIST, .elem = MR_TYPE_INT64}, "[1]"}};
  struct mr_decode_field out;
  struct mr_error err;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(read_field(cases[i].field, NULL, cases[i].text, &out, &err), MR_ERR_CONF);
    assert_non_null(strstr(err.text, "field \"f\": the default"));
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(formats_of_timestamps_are_known_by_name),
    MR_CASE(a_wrong_format_is_an_error_that_names_the_field),
    MR_CASE(defaults_are_values_of_their_type),
    MR_CASE(a_default_of_another_type_is_an_error),
};
MR_MAIN(cases)
