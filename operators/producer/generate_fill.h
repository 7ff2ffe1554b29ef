/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_GENERATE_FILL_H
#define MR_PRODUCER_GENERATE_FILL_H

/* What the loops that fill a system's columns have in common. For files that are compiled once per
 * level (MR_ISA), each of which gives its functions the level's name: MR_GEN_ISA_NAME(fill). */

#include <string.h>

#include "base/rng.h"
#include "producer/generate.h"

#define MR_GEN_JOIN_(a, b)    a##_##b
#define MR_GEN_JOIN(a, b)     MR_GEN_JOIN_(a, b)
#define MR_GEN_ISA_NAME(name) MR_GEN_JOIN(name, MR_ISA)

/* ---- numbers ---- */

static inline uint32_t high_half(uint64_t draw) {
  return (uint32_t)(draw >> 32);
}
static inline uint32_t low_half(uint64_t draw) {
  return (uint32_t)draw;
}

/* Takes a value below m off 32 random bits; what is left of them is as random, so the next one may
 * be taken off the rest. Together a few thousand values have a bias below one in a million. */
static inline uint32_t take_below(uint32_t *rest, uint32_t m) {
  uint64_t product = (uint64_t)*rest * m;
  *rest = (uint32_t)product;
  return (uint32_t)(product >> 32);
}

/* A whole number as a double, in a form that vectorises at every level. */
static inline double unsigned_double(uint32_t v) {
  uint64_t raw = v | UINT64_C(0x4330000000000000); /* 2^52 + v */
  double d;
  memcpy(&d, &raw, sizeof d);
  return d - 0x1p52;
}

/* -ln(u), u in (0, 1]. u = m * 2^e with m in [sqrt(1/2), sqrt(2)); ln m by the series of atanh((m -
 * 1) / (m + 1)). */
static inline double neg_ln(double u) {
  uint64_t raw;
  memcpy(&raw, &u, sizeof raw);
  double e = unsigned_double((uint32_t)(raw >> 52)) - 1023, m;
  raw = (raw & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
  memcpy(&m, &raw, sizeof m);
  bool high = m > 1.4142135623730951;
  m = high ? m / 2 : m;
  e = high ? e + 1 : e;
  double s = (m - 1) / (m + 1), s2 = s * s, sum = 1.0 / 19;
  sum = sum * s2 + 1.0 / 17;
  sum = sum * s2 + 1.0 / 15;
  sum = sum * s2 + 1.0 / 13;
  sum = sum * s2 + 1.0 / 11;
  sum = sum * s2 + 1.0 / 9;
  sum = sum * s2 + 1.0 / 7;
  sum = sum * s2 + 1.0 / 5;
  sum = sum * s2 + 1.0 / 3;
  sum = sum * s2 + 1;
  return -(2 * s * sum + e * 0.6931471805599453);
}

/* ---- columns ---- */

/* A loop's bound is a local of its own: stores to a column may alias what the block holds, and then
 * the loop is not vectorised. */

/* Where a column's block begins, or `spare` when nobody reads it. */
static inline uint8_t *codes_at(const struct mr_gen *gen, const struct mr_gen_block *b,
                                uint32_t col, uint8_t *spare) {
  uint8_t *codes = gen->cols[col];
  return codes ? codes + b->at : spare;
}

/* The key of each row, from the high half of its draw. */
static inline void fill_keys(const struct mr_gen *gen, const uint64_t *draws, uint32_t n,
                             uint32_t *keys) {
  uint32_t cnt = gen->key_values;
  if (!gen->zipf)
    for (uint32_t i = 0; i < n; i++) keys[i] = mr_rng_below(draws[i], cnt);
  else
    for (uint32_t i = 0; i < n; i++) keys[i] = mr_gen_zipf_draw(gen->zipf, cnt, draws[i]);
}

/* A column of numbered names: codes, or views where there are too many for codes. */
static inline void fill_names(const struct mr_gen *gen, const struct mr_gen_block *b, uint32_t col,
                              const uint32_t *restrict idx) {
  const struct mr_str *names = gen->names[col];
  uint32_t n = b->n;
  if (!gen->cols[col]) return;
  if (!names) {
    uint8_t *restrict codes = (uint8_t *)gen->cols[col] + b->at;
    for (uint32_t i = 0; i < n; i++) codes[i] = (uint8_t)idx[i];
  } else {
    struct mr_str *restrict to = (struct mr_str *)gen->cols[col] + b->at;
    for (uint32_t i = 0; i < n; i++) to[i] = names[idx[i]];
  }
}

/* Flags of 0 and 1 as bits. flags has room for MR_GEN_BLOCK of them and is zero from n on, up to
 * the next multiple of 64. */
static inline void fill_bits(uint64_t *restrict words, const uint8_t *restrict flags, uint32_t n) {
  for (uint32_t w = 0; w < (n + 63) / 64; w++) {
    uint64_t word = 0;
    for (uint32_t k = 0; k < 8; k++) { /* eight flags at a time, gathered in the top byte */
      uint64_t eight;
      memcpy(&eight, flags + w * 64 + k * 8, 8);
      word |= (eight * UINT64_C(0x0102040810204080) >> 56) << (8 * k);
    }
    words[w] = word;
  }
}

/* ---- long strings ---- */

/* A view of len > MR_STR_INLINE bytes at `at` in the region. Word by word: of a struct made on the
 * stack gcc copies 16 bytes at once, which wait for the 8-byte stores before them (half the time of
 * a UUID). */
static inline void put_long(const struct mr_gen *gen, struct mr_str *to, const uint8_t *at,
                            uint32_t len) {
  uint64_t off = (uint64_t)(at - gen->base), words[2];
  uint32_t prefix;
  memcpy(&prefix, at, sizeof prefix);
  words[0] = len | (uint64_t)prefix << 32;
  words[1] = off >> 31 | (off & 0x7fffffff) << 32;
  memcpy(&to->len, &words[0], 8);
  memcpy((char *)to + 8, &words[1], 8);
}

/* ---- identifiers ---- */

#define UUID_LEN 36u

/* The eight hexadecimal digits of four bytes, the first byte in front. */
static inline uint64_t hex_of(uint32_t bytes) {
  uint64_t x = bytes;
  x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
  x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
  x = (x >> 4 & UINT64_C(0x000f000f000f000f)) | (x & UINT64_C(0x000f000f000f000f)) << 8;
  uint64_t letters = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
  return x + UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
}

/* Random UUIDs (version 4): the bytes of the two draws, in the order in which they lie in memory,
 * with version and variant set; their texts go to `at`, UUID_LEN bytes each. */
static inline void fill_uuids(const struct mr_gen *gen, struct mr_str *restrict to,
                              const uint64_t *restrict low, const uint64_t *restrict high,
                              uint32_t n, uint8_t *restrict at) {
  uint64_t hex[4][MR_GEN_BLOCK];
  for (uint32_t i = 0; i < n; i++) {
    uint64_t a = (low[i] & ~(UINT64_C(0xf0) << 48)) | UINT64_C(0x40) << 48;
    uint64_t b = (high[i] & ~UINT64_C(0xc0)) | 0x80;
    hex[0][i] = hex_of((uint32_t)a);
    hex[1][i] = hex_of((uint32_t)(a >> 32));
    hex[2][i] = hex_of((uint32_t)b);
    hex[3][i] = hex_of((uint32_t)(b >> 32));
  }
  for (uint32_t i = 0; i < n; i++, at += UUID_LEN) { /* 8-4-4-4-12 */
    uint64_t h1 = hex[1][i], h2 = hex[2][i], h3 = hex[3][i];
    uint64_t w1 = '-' | (h1 & UINT32_MAX) << 8 | UINT64_C(0x2d) << 40 | (h1 >> 32) << 48;
    uint64_t w2 = h1 >> 48 | UINT64_C(0x2d) << 16 | (h2 & UINT32_MAX) << 24 | UINT64_C(0x2d) << 56;
    uint64_t w3 = h2 >> 32 | h3 << 32;
    uint32_t last = (uint32_t)(h3 >> 32);
    memcpy(at, &hex[0][i], 8);
    memcpy(at + 8, &w1, 8);
    memcpy(at + 16, &w2, 8);
    memcpy(at + 24, &w3, 8);
    memcpy(at + 32, &last, 4);
    put_long(gen, &to[i], at, UUID_LEN);
  }
}

#endif
