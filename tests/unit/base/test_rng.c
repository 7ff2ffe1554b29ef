/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/rng.h"

/* A second, plain implementation of splitmix64 and xoshiro256++, with its state as published. */
static uint64_t splitmix_next(uint64_t *state) {
  *state += 0x9e3779b97f4a7c15u;
  uint64_t z = *state;
  z ^= z >> 30;
  z *= 0xbf58476d1ce4e5b9u;
  z ^= z >> 27;
  z *= 0x94d049bb133111ebu;
  z ^= z >> 31;
  return z;
}

static uint64_t turn_left(uint64_t x, int k) {
  for (int i = 0; i < k; i++) x = (x * 2) + (x >> 63);
  return x;
}

static uint64_t xoshiro_next(uint64_t s[4]) {
  uint64_t result = turn_left(s[0] + s[3], 23) + s[0];
  uint64_t s0 = s[0], s1 = s[1], s2 = s[2] ^ s0, s3 = s[3] ^ s1;
  s[0] = s0 ^ s3;
  s[1] = s1 ^ s2;
  s[2] = s2 ^ (s1 << 17);
  s[3] = turn_left(s3, 45);
  return result;
}

MR_TEST(splitmix64_gives_its_published_numbers) {
  MR_UNUSED_STATE;
  /* The first outputs for seed 1234567, as many ports of the generator list them. */
  const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                               4593380528125082431u, 16408922859458223821u};
  for (uint64_t k = 0; k < 5; k++) assert_true(mr_rng_at(1234567, k) == expected[k]);
}

MR_TEST(xoshiro256pp_gives_its_published_numbers) {
  MR_UNUSED_STATE;
  /* From the state 1, 2, 3, 4, as listed by ports of the reference code. */
  struct mr_rng rng = {{1, 2, 3, 4}};
  const uint64_t expected[] = {41943041u, 58720359u, 3588806011781223u, 3591011842654386u};
  for (int i = 0; i < 4; i++) assert_true(mr_rng_next(&rng) == expected[i]);
}

MR_TEST(every_seed_gives_the_sequence_of_a_plain_implementation) {
  MR_UNUSED_STATE;
  const uint64_t seeds[] = {0, 1, 42, UINT64_MAX, UINT64_C(1) << 63, 0x123456789abcdefu};
  for (int i = 0; i < 6; i++) {
    uint64_t state = seeds[i], s[4];
    struct mr_rng rng;
    mr_rng_init(&rng, seeds[i]);
    for (int k = 0; k < 4; k++) s[k] = splitmix_next(&state);
    for (int k = 0; k < 10000; k++) assert_true(mr_rng_next(&rng) == xoshiro_next(s));
    state = seeds[i];
    for (uint64_t k = 0; k < 10000; k++)
      assert_true(mr_rng_at(seeds[i], k) == splitmix_next(&state));
  }
}

MR_TEST(bounded_numbers_stay_below_and_are_even) {
  MR_UNUSED_STATE;
  uint32_t counts[10] = {0};
  for (uint64_t k = 0; k < 100000; k++) counts[mr_rng_below(mr_rng_at(9, k), 10)]++;
  for (int i = 0; i < 10; i++) assert_in_range(counts[i], 9400, 10600); /* 6 sigma is 570 */
  assert_int_equal(mr_rng_below(UINT64_MAX, 1), 0);
  assert_int_equal(mr_rng_below(UINT64_MAX, UINT32_MAX), UINT32_MAX - 1);
  assert_int_equal(mr_rng_below(0, UINT32_MAX), 0);
}

MR_TEST(unit_numbers_lie_in_the_half_open_interval) {
  MR_UNUSED_STATE;
  assert_true(mr_rng_unit(0) == 0.0);
  assert_true(mr_rng_unit(UINT64_MAX) == 1.0 - 0x1.0p-53);
  double sum = 0;
  for (uint64_t k = 0; k < 100000; k++) sum += mr_rng_unit(mr_rng_at(11, k));
  assert_true(sum > 49400 && sum < 50600); /* 6 sigma is 550 */
}

static const struct CMUnitTest cases[] = {
    MR_CASE(splitmix64_gives_its_published_numbers),
    MR_CASE(xoshiro256pp_gives_its_published_numbers),
    MR_CASE(every_seed_gives_the_sequence_of_a_plain_implementation),
    MR_CASE(bounded_numbers_stay_below_and_are_even),
    MR_CASE(unit_numbers_lie_in_the_half_open_interval),
};
MR_MAIN(cases)
