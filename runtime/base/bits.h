/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_BITS_H
#define MR_BASE_BITS_H

/* Cache lines, powers of two, and bitmaps of 64-bit words: bit i of word i / 64 is row i. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_CACHE_LINE      64
#define MR_CACHE_LINE_PAIR 128

/* Asks for the cache line at p; p may be anything. The empty statement is for gcc 12, which takes a
 * function that only prefetches for one without effect, and drops its calls. */
static inline void mr_prefetch(const void *p) {
  __builtin_prefetch(p);
  __asm__ __volatile__("");
}

static inline uint64_t mr_align_up(uint64_t x, uint64_t align) {
  return (x + align - 1) & ~(align - 1);
}
static inline bool mr_is_pow2(uint64_t x) {
  return x && !(x & (x - 1));
}
static inline uint64_t mr_pow2_up(uint64_t x) {
  return x <= 1 ? 1 : UINT64_C(1) << (64 - __builtin_clzll(x - 1));
}
static inline uint32_t mr_bitmap_words(uint32_t bits) {
  return (bits + 63) / 64;
}
static inline bool mr_bit_get(const uint64_t *map, uint32_t i) {
  return (map[i / 64] >> (i % 64)) & 1;
}
static inline void mr_bit_set(uint64_t *map, uint32_t i) {
  map[i / 64] |= UINT64_C(1) << (i % 64);
}
static inline void mr_bit_clear(uint64_t *map, uint32_t i) {
  map[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* Sets bits 0..n-1 and clears the rest of the last word. */
static inline void mr_bitmap_fill(uint64_t *map, uint32_t n) {
  uint32_t w = n / 64;
  for (uint32_t i = 0; i < w; i++) map[i] = UINT64_MAX;
  if (n % 64) map[w] = (UINT64_C(1) << (n % 64)) - 1;
}
static inline uint32_t mr_bitmap_count(const uint64_t *map, uint32_t words) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < words; i++) n += (uint32_t)__builtin_popcountll(map[i]);
  return n;
}

/* Asks for the cache line of p to write to it, so that a store that follows some time later need
 * not wait for another CPU to give it up. (As text: the builtin makes a prefetch for reading of it
 * below the levels that promise the instruction; processors without it do nothing.) */
static inline void mr_prefetch_write(void *p) {
#if defined(__x86_64__)
  __asm__ __volatile__("prefetchw %0" : : "m"(*(char *)p));
#else
  __builtin_prefetch(p, 1);
#endif
}

/* Runs body for each set bit: MR_BITMAP_EACH(map, words, row) { use(row); } */
#define MR_BITMAP_EACH(map, words, row)                                                            \
  for (uint32_t row##_w = 0; row##_w < (words); row##_w++)                                         \
    for (uint64_t row##_m = (map)[row##_w], row = 0;                                               \
         row##_m && ((row = row##_w * 64u + (uint32_t)__builtin_ctzll(row##_m)), 1);               \
         row##_m &= row##_m - 1)

#endif
