/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "base/bits.h"
#include "base/hash.h"
#include "base/rng.h"

static uint64_t hash_text(const char *s) {
  return mr_hash_bytes(s, strlen(s));
}

MR_TEST(byte_hashes_are_xxh3_so_they_stay_the_same_in_every_version) {
  MR_UNUSED_STATE;
  /* From the reference library, version 0.8.1. */
  assert_true(hash_text("") == UINT64_C(0x2d06800538d394c2));
  assert_true(hash_text("a") == UINT64_C(0xe6c632b61e964e1f));
  assert_true(hash_text("abc") == UINT64_C(0x78af5f94892f3950));
  assert_true(hash_text("the quick brown fox jumps over the lazy dog") ==
              UINT64_C(0xe4541a9cacf545aa));
  unsigned char bytes[1001];
  for (int i = 0; i < 1001; i++) bytes[i] = (unsigned char)((i - 1) * 7 + 3);
  for (int off = 0; off < 2; off++) { /* wherever the bytes stand */
    if (!off) memmove(bytes, bytes + 1, 1000);
    if (off) memmove(bytes + 1, bytes, 1000);
    assert_true(mr_hash_bytes(bytes + off, 200) == UINT64_C(0x746cd0025327bf5b));
    assert_true(mr_hash_bytes(bytes + off, 300) == UINT64_C(0xfd9aa0f0d62e0227));
    assert_true(mr_hash_bytes(bytes + off, 1000) == UINT64_C(0x6c4f14bd97bd9e82));
  }
}

/* The inverse of a xor by a right shift of 33, and of the multiplications modulo 2^64 (Newton). */
static uint64_t invert_odd(uint64_t a) {
  uint64_t x = a;
  for (int i = 0; i < 6; i++) x *= 2 - a * x;
  return x;
}

MR_TEST(the_integer_hash_loses_nothing) {
  MR_UNUSED_STATE;
  for (uint64_t i = 0; i < 100000; i++) {
    uint64_t x = i < 1000 ? i : mr_rng_at(7, i), h = mr_hash_u64(x);
    h ^= h >> 33;
    h *= invert_odd(UINT64_C(0xc4ceb9fe1a85ec53));
    h ^= h >> 33;
    h *= invert_odd(UINT64_C(0xff51afd7ed558ccd));
    h ^= h >> 33;
    assert_true(h == x);
  }
}

MR_TEST(the_hash_of_columns_depends_on_their_order) {
  MR_UNUSED_STATE;
  uint64_t a = mr_hash_u64(1), b = mr_hash_u64(2);
  assert_true(mr_hash_combine(a, b) != mr_hash_combine(b, a));
  assert_true(mr_hash_combine(a, a) != mr_hash_combine(b, b));
}

MR_TEST(small_integers_spread_over_the_key_groups) {
  MR_UNUSED_STATE;
  uint32_t counts[128] = {0};
  for (uint64_t i = 0; i < 128000; i++) counts[mr_hash_u64(i) & 127]++;
  for (int i = 0; i < 128; i++) assert_in_range(counts[i], 800, 1200); /* 1000, 6 sigma is 190 */
}

MR_TEST(powers_of_two_round_up) {
  MR_UNUSED_STATE;
  assert_true(mr_pow2_up(0) == 1 && mr_pow2_up(1) == 1 && mr_pow2_up(2) == 2);
  for (uint64_t x = 2; x < 5000; x++) {
    uint64_t p = 1;
    while (p < x) p *= 2;
    assert_true(mr_pow2_up(x) == p);
    assert_true(mr_is_pow2(x) == (p == x));
    assert_true(mr_align_up(x, 64) == (x + 63) / 64 * 64);
  }
  assert_true(mr_pow2_up((UINT64_C(1) << 62) + 1) == UINT64_C(1) << 63);
  assert_false(mr_is_pow2(0));
}

MR_TEST(a_bitmap_is_filled_counted_and_walked_in_order) {
  MR_UNUSED_STATE;
  for (uint32_t n = 0; n <= 256; n++) {
    uint64_t map[4] = {0};
    mr_bitmap_fill(map, n);
    for (uint32_t i = 0; i < 256; i++) assert_int_equal(mr_bit_get(map, i), i < n);
    assert_int_equal(mr_bitmap_count(map, 4), n);
  }
  uint64_t map[4] = {0};
  uint32_t seen = 0, expected[] = {0, 1, 63, 64, 127, 130, 255};
  for (uint32_t i = 0; i < 7; i++) mr_bit_set(map, expected[i]);
  mr_bit_set(map, 77);
  mr_bit_clear(map, 77);
  MR_BITMAP_EACH(map, 4, row) {
    assert_true(seen < 7);
    assert_int_equal(row, expected[seen]);
    seen++;
  }
  assert_int_equal(seen, 7);
  assert_int_equal(mr_bitmap_words(0), 0);
  assert_int_equal(mr_bitmap_words(64), 1);
  assert_int_equal(mr_bitmap_words(65), 2);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(byte_hashes_are_xxh3_so_they_stay_the_same_in_every_version),
    MR_CASE(the_integer_hash_loses_nothing),
    MR_CASE(the_hash_of_columns_depends_on_their_order),
    MR_CASE(small_integers_spread_over_the_key_groups),
    MR_CASE(powers_of_two_round_up),
    MR_CASE(a_bitmap_is_filled_counted_and_walked_in_order),
};
MR_MAIN(cases)
