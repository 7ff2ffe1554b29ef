/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdbool.h>
#include <string.h>

#include "base/rng.h"
#include "base/value.h"

static const struct mr_value *parse(struct mr_arena *arena, const char *json) {
  return mr_value_parse(arena, json, strlen(json));
}

MR_TEST(members_of_an_object_have_their_types) {
  MR_UNUSED_STATE;
  struct mr_arena a = {0};
  const struct mr_value *v =
      parse(&a, " {\"t\":\"x\\n\\u00e9\\ud83d\\ude00\\\"\", \"i\": -12, \"d\":1.5e3, \"b\":true,"
                "\"f\":false,\"n\":null,\"l\":[1,[],{}],\"big\":18446744073709551615} ");
  assert_non_null(v);
  assert_string_equal(mr_value_text(v, "t", "?"), "x\n\xc3\xa9\xf0\x9f\x98\x80\"");
  assert_int_equal(mr_value_int(v, "i", 0), -12);
  assert_true(mr_value_double(v, "d", 0) == 1500);
  assert_true(mr_value_double(v, "i", 0) == -12);
  assert_true(mr_value_bool(v, "b", false));
  assert_false(mr_value_bool(v, "f", true));
  assert_int_equal(mr_value_get(v, "n")->kind, MR_VALUE_NULL);
  assert_int_equal(mr_value_list(v, "l")->cnt, 3);
  assert_int_equal(mr_value_get(v, "big")->kind, MR_VALUE_DOUBLE);
  mr_arena_free(&a);
}

MR_TEST(what_is_not_there_or_of_another_type_is_what_was_given) {
  MR_UNUSED_STATE;
  struct mr_arena a = {0};
  const struct mr_value *v = parse(&a, "{\"t\":7,\"i\":\"7\",\"twice\":1,\"twice\":2}");
  assert_string_equal(mr_value_text(v, "t", "no"), "no");
  assert_int_equal(mr_value_int(v, "i", 3), 3);
  assert_int_equal(mr_value_int(v, "none", 4), 4);
  assert_int_equal(mr_value_int(v, "twice", 0), 2);
  assert_int_equal(mr_value_list(v, "none")->cnt, 0);
  assert_null(mr_value_get(NULL, "t"));
  assert_null(mr_value_get(mr_value_get(v, "t"), "t"));
  mr_arena_free(&a);
}

MR_TEST(what_is_no_json_value_is_refused) {
  MR_UNUSED_STATE;
  static const char *const bad[] = {"",           " ",
                                    "{",          "}",
                                    "{\"a\"}",    "{\"a\":}",
                                    "{a:1}",      "[1,]",
                                    "[1 2]",      "01",
                                    "1.",         "+1",
                                    "tru",        "nul",
                                    "\"",         "\"\\x\"",
                                    "\"\\u12\"",  "\"\\ud800\"",
                                    "\"\n\"",     "1 2",
                                    "{\"a\":1}}", "\"\\udc00\"",
                                    "[1e999]",    "\"\\ud800\\u0041\"",
                                    "{\"a\":1,}", "{\"a\\u0000\":1}",
                                    "'a'",        "NaN"};
  struct mr_arena a = {0};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (parse(&a, bad[i])) fail_msg("%s was taken", bad[i]);
  assert_null(mr_value_parse(&a, "\"\xff\"", 3));
  mr_arena_free(&a);
}

MR_TEST(nesting_is_bounded) {
  MR_UNUSED_STATE;
  struct mr_arena a = {0};
  char text[2 * MR_VALUE_DEPTH_MAX + 4];
  for (uint32_t depth = 1; depth <= MR_VALUE_DEPTH_MAX + 1; depth++) {
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    const struct mr_value *v = mr_value_parse(&a, text, 2 * (size_t)depth);
    assert_int_equal(v != NULL, depth <= MR_VALUE_DEPTH_MAX);
  }
  mr_arena_free(&a);
}

MR_TEST(any_bytes_may_be_parsed) {
  MR_UNUSED_STATE;
  static const char good[] =
      "{\"a\":[1,2.5,{\"b\":\"\\u00e9x\\ud83d\\ude00\"}],\"c\":null,\"d\":true}";
  struct mr_rng rng;
  mr_rng_init(&rng, 20);
  for (uint32_t round = 0; round < 50000; round++) {
    struct mr_arena a = {0};
    size_t len = mr_rng_below(mr_rng_next(&rng), sizeof good);
    char *text = malloc(len + 1); /* of exactly that size, for the address sanitizer */
    memcpy(text, good, len);
    for (uint32_t n = mr_rng_below(mr_rng_next(&rng), (uint32_t)4); n && len; n--)
      text[mr_rng_below(mr_rng_next(&rng), (uint32_t)len)] =
          (char)mr_rng_below(mr_rng_next(&rng), (uint32_t)256);
    mr_value_parse(&a, text, len);
    free(text);
    mr_arena_free(&a);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(members_of_an_object_have_their_types),
    MR_CASE(what_is_not_there_or_of_another_type_is_what_was_given),
    MR_CASE(what_is_no_json_value_is_refused),
    MR_CASE(nesting_is_bounded),
    MR_CASE(any_bytes_may_be_parsed),
};

MR_MAIN(cases)
