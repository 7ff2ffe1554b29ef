/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_RNG_H
#define MR_BASE_RNG_H

/* Seeded random numbers. The sequence of a seed is part of the contract (seeded graphs give the
 * same bytes in every version). xoshiro256++ 1.0 by Blackman and Vigna, seeded by splitmix64. For
 * columns, number k of a stream is mr_rng_at(seed, k): a counter-based generator, so that rows can
 * be made in any order and by vector code. */

#include <stdint.h>

struct mr_rng {
  uint64_t s[4];
};

void mr_rng_init(struct mr_rng *rng, uint64_t seed);

static inline uint64_t mr_rng_rotl(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

static inline uint64_t mr_rng_next(struct mr_rng *rng) {
  uint64_t *s = rng->s;
  uint64_t result = mr_rng_rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = mr_rng_rotl(s[3], 45);
  return result;
}

/* splitmix64's output function over seed + k * golden ratio: number k of stream `seed`. */
static inline uint64_t mr_rng_at(uint64_t seed, uint64_t k) {
  uint64_t z = seed + (k + 1) * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* Uniform in [0, n), n < 2^32, by Lemire's multiplication (bias below n / 2^32). */
static inline uint32_t mr_rng_below(uint64_t bits, uint32_t n) {
  return (uint32_t)(((bits >> 32) * n) >> 32);
}
/* Uniform in [0, 1) with 53 bits. */
static inline double mr_rng_unit(uint64_t bits) {
  return (double)(bits >> 11) * 0x1.0p-53;
}

#endif
