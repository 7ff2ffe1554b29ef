/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/rng.h"
#include "base/text.h"

/* The slow reference: decodes one code point by its lead byte's count of ones and checks the value.
 */
static bool decode_all(const unsigned char *s, size_t len, size_t *cnt) {
  *cnt = 0;
  for (size_t i = 0; i < len; ++*cnt) {
    int ones = 0;
    while (ones < 8 && (s[i] & (0x80 >> ones))) ones++;
    if (ones == 1 || ones > 4) return false;
    size_t extra = ones ? (size_t)ones - 1 : 0;
    uint32_t v = s[i] & (0xffu >> (ones + 1));
    if (extra > len - i - 1) return false;
    for (size_t k = 1; k <= extra; k++) {
      if (s[i + k] >> 6 != 2) return false;
      v = v << 6 | (s[i + k] & 0x3f);
    }
    const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (v < least[extra] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) return false;
    i += extra + 1;
  }
  return true;
}

/* Compares on an exact copy, so that the address sanitizer sees a read past the end. */
static void check_utf8(const unsigned char *s, size_t len) {
  char *exact = malloc(len ? len : 1);
  memcpy(exact, s, len);
  size_t cnt;
  bool valid = decode_all(s, len, &cnt);
  assert_int_equal(mr_utf8_valid(exact, len), valid);
  if (valid) assert_int_equal(mr_utf8_length(exact, len), cnt);
  free(exact);
}

MR_TEST(utf8_is_judged_as_a_slow_decoder_does_on_random_bytes) {
  MR_UNUSED_STATE;
  const uint64_t seed = 77;
  print_message("seed %" PRIu64 "\n", seed);
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  static const unsigned char often[] = {0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1,
                                        0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
                                        0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff, 'a',  0x7f};
  for (int round = 0; round < 100000; round++) {
    unsigned char s[48];
    size_t len = mr_rng_below(mr_rng_next(&rng), 48);
    bool mostly_ascii = mr_rng_next(&rng) & 1;
    for (size_t i = 0; i < len; i++) {
      uint64_t bits = mr_rng_next(&rng);
      if (mostly_ascii && bits % 8)
        s[i] = (unsigned char)('a' + (bits >> 8) % 26);
      else
        s[i] = often[(bits >> 8) % sizeof often];
    }
    check_utf8(s, len);
  }
}

MR_TEST(utf8_is_judged_right_on_valid_texts_and_one_changed_byte) {
  MR_UNUSED_STATE;
  const uint64_t seed = 78;
  print_message("seed %" PRIu64 "\n", seed);
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  for (int round = 0; round < 50000; round++) {
    unsigned char s[128];
    size_t len = 0, cnt;
    for (int i = 0; i < 24; i++) {
      static const uint32_t range[] = {0x80, 0x800, 0x10000, 0x110000};
      uint64_t bits = mr_rng_next(&rng);
      uint32_t v = (uint32_t)(bits >> 8) % range[bits % 4];
      if (v >= 0xd800 && v <= 0xdfff) v = 'x';
      if (v < 0x80) {
        s[len++] = (unsigned char)v;
      } else if (v < 0x800) {
        s[len++] = (unsigned char)(0xc0 | v >> 6);
      } else if (v < 0x10000) {
        s[len++] = (unsigned char)(0xe0 | v >> 12);
        s[len++] = (unsigned char)(0x80 | (v >> 6 & 0x3f));
      } else {
        s[len++] = (unsigned char)(0xf0 | v >> 18);
        s[len++] = (unsigned char)(0x80 | (v >> 12 & 0x3f));
        s[len++] = (unsigned char)(0x80 | (v >> 6 & 0x3f));
      }
      if (v >= 0x80) s[len++] = (unsigned char)(0x80 | (v & 0x3f));
    }
    assert_true(decode_all(s, len, &cnt));
    assert_int_equal(cnt, 24);
    check_utf8(s, len);
    s[mr_rng_below(mr_rng_next(&rng), (uint32_t)len)] = (unsigned char)mr_rng_next(&rng);
    check_utf8(s, len);
    check_utf8(s, mr_rng_below(mr_rng_next(&rng), (uint32_t)len));
  }
}

MR_TEST(every_text_of_two_and_three_bytes_is_judged_right) {
  MR_UNUSED_STATE;
  for (uint32_t v = 0; v < 0x10000; v++) {
    unsigned char s[3] = {(unsigned char)(v >> 8), (unsigned char)v, 0x80};
    size_t cnt;
    assert_int_equal(mr_utf8_valid((const char *)s, 2), decode_all(s, 2, &cnt));
    assert_int_equal(mr_utf8_valid((const char *)s, 3), decode_all(s, 3, &cnt));
  }
}

MR_TEST(a_bad_byte_is_found_at_every_place) {
  MR_UNUSED_STATE;
  for (size_t len = 1; len < 70; len++)
    for (size_t at = 0; at < len; at++) {
      unsigned char s[70];
      memset(s, 'a', sizeof s);
      assert_true(mr_utf8_valid((const char *)s, len));
      s[at] = 0x80;
      assert_false(mr_utf8_valid((const char *)s, len));
    }
}

/* The textbook's recursion, for short words. */
static int slow_distance(const char *a, const char *b) {
  if (!*a) return (int)strlen(b);
  if (!*b) return (int)strlen(a);
  if (*a == *b) return slow_distance(a + 1, b + 1);
  int lose = slow_distance(a + 1, b), gain = slow_distance(a, b + 1);
  int swap = slow_distance(a + 1, b + 1);
  int best = lose < gain ? lose : gain;
  return 1 + (swap < best ? swap : best);
}

MR_TEST(the_edit_distance_is_the_textbooks_up_to_its_limit) {
  MR_UNUSED_STATE;
  const uint64_t seed = 5;
  print_message("seed %" PRIu64 "\n", seed);
  struct mr_rng rng;
  mr_rng_init(&rng, seed);
  for (int round = 0; round < 5000; round++) {
    char a[8], b[8];
    uint32_t len_a = mr_rng_below(mr_rng_next(&rng), 7), len_b = mr_rng_below(mr_rng_next(&rng), 7);
    for (uint32_t i = 0; i < 7; i++) {
      a[i] = (char)('a' + mr_rng_below(mr_rng_next(&rng), 3));
      b[i] = (char)('a' + mr_rng_below(mr_rng_next(&rng), 3));
    }
    a[len_a] = b[len_b] = 0;
    int expected = slow_distance(a, b);
    for (int max = 0; max <= 8; max++) {
      int d = mr_text_distance(a, b, max);
      if (d != (expected <= max ? expected : max + 1))
        fail_msg("'%s' '%s' max %d: %d, not %d", a, b, max, d, expected);
    }
  }
}

MR_TEST(names_have_the_distances_that_help_texts_need) {
  MR_UNUSED_STATE;
  assert_int_equal(mr_text_distance("filter", "fliter", 3), 2);
  assert_int_equal(mr_text_distance("windw", "window", 2), 1);
  assert_int_equal(mr_text_distance("", "", 0), 0);
  assert_int_equal(mr_text_distance("abc", "", 2), 3);
  char a[301], b[301];
  memset(a, 'a', 300);
  memset(b, 'b', 300);
  a[300] = b[300] = 0;
  assert_int_equal(mr_text_distance(a, b, MR_TEXT_DISTANCE_MAX), MR_TEXT_DISTANCE_MAX + 1);
  memcpy(b, a, 300);
  b[0] = 'x';
  b[299] = 'y';
  assert_int_equal(mr_text_distance(a, b, MR_TEXT_DISTANCE_MAX), 2);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(utf8_is_judged_as_a_slow_decoder_does_on_random_bytes),
    MR_CASE(utf8_is_judged_right_on_valid_texts_and_one_changed_byte),
    MR_CASE(every_text_of_two_and_three_bytes_is_judged_right),
    MR_CASE(a_bad_byte_is_found_at_every_place),
    MR_CASE(the_edit_distance_is_the_textbooks_up_to_its_limit),
    MR_CASE(names_have_the_distances_that_help_texts_need),
};
MR_MAIN(cases)
