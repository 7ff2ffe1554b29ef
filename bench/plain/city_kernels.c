/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/levels.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* 128 rows a block and prefetching 1,024 rows ahead: 1.82 / 2.05 / 2.20 G rows/s at v2 / v3 / v4
 * from DRAM. Without prefetching 1.59 / 1.59 / 1.18; blocks of 1,024 rows 1.09 / 1.21 / 0.95 (with
 * it 1.15 / 1.30 / 1.43). */
#define BLOCK    128u
#define AHEAD    1024u
#define STEP     64u /* rows between two rounds of prefetching */
#define HIGH     2u
#define CRITICAL 3u
#define SKIPPED  31u /* the counter of rows that the filter drops */

#if defined(__AVX512BW__)
#define VEC_SZ 64
#elif defined(__AVX2__)
#define VEC_SZ 32
#else
#define VEC_SZ 16
#endif
typedef int64_t times __attribute__((vector_size(VEC_SZ), aligned(8)));
typedef uint8_t bytes __attribute__((vector_size(VEC_SZ)));
#define LANES (VEC_SZ / 8)

/* Counters of the open window: four tables, so that equal keys in a row do not wait for each other.
 */
struct open_window {
  int64_t start_us;
  uint32_t cnt[4][MR_CITY_KEYS];
};

static void close_window(struct open_window *open, struct mr_city_counts *counts) {
  int64_t w = (open->start_us - counts->first_us) / MR_CITY_WINDOW_US;
  uint64_t *out = counts->counts + (uint64_t)w * MR_CITY_KEYS;
  for (uint32_t key = 0; key < SKIPPED; key++)
    for (uint32_t t = 0; t < 4; t++) out[key] += open->cnt[t][key];
  memset(open->cnt, 0, sizeof open->cnt);
}

/* Asks for the 64 rows that come AHEAD rows later; an address past the end is harmless. A macro,
 * because gcc 12 takes a function that only prefetches for one without effect and drops its calls.
 */
#define FETCH(p, i) __builtin_prefetch((const void *)((uintptr_t)(p) + (i)))
#define FETCH_AHEAD(c, at)                                                                         \
  do {                                                                                             \
    for (uint32_t f = 0; f < 8; f++) FETCH((c)->ts_us, ((at) + AHEAD) * 8u + f * 64u);             \
    FETCH((c)->severity, (at) + AHEAD);                                                            \
    FETCH((c)->city, (at) + AHEAD);                                                                \
    FETCH((c)->event_type, (at) + AHEAD);                                                          \
  } while (0)

/* Whether all n times are in [start, start + window): no difference has its sign bit set. */
static inline bool all_in(const int64_t *ts, uint32_t n, int64_t start) {
  int64_t last = start + MR_CITY_WINDOW_US - 1, any = 0;
  uint32_t i = 0;
  times a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
  for (; i + 4 * LANES <= n; i += 4 * LANES) {
    const times *t = (const times *)(const void *)(ts + i);
    a0 |= (t[0] - start) | (last - t[0]);
    a1 |= (t[1] - start) | (last - t[1]);
    a2 |= (t[2] - start) | (last - t[2]);
    a3 |= (t[3] - start) | (last - t[3]);
  }
  a0 |= a1 | a2 | a3;
  for (int j = 0; j < LANES; j++) any |= a0[j];
  for (; i < n; i++) any |= (ts[i] - start) | (last - ts[i]);
  return any >= 0;
}

static int64_t window_start(int64_t ts) {
  return ts - ts % MR_CITY_WINDOW_US;
}

/* Whether all n times are in one window; *start takes its start. */
static bool one_window(const int64_t *ts, uint32_t n, int64_t *start) {
  int64_t lo = ts[0], hi = ts[0];
  for (uint32_t i = 1; i < n; i++) {
    lo = ts[i] < lo ? ts[i] : lo;
    hi = ts[i] > hi ? ts[i] : hi;
  }
  *start = window_start(lo);
  return window_start(hi) == *start;
}

static inline void make_keys(const uint8_t *restrict severity, const uint8_t *restrict city,
                             const uint8_t *restrict type, uint32_t n, uint8_t *restrict key) {
  for (uint32_t i = 0; i < n; i++) {
    uint8_t k = (uint8_t)(city[i] * MR_CITY_TYPES + type[i]);
    key[i] = severity[i] == HIGH || severity[i] == CRITICAL ? k : SKIPPED;
  }
}

static inline void count_keys(const uint8_t *key, uint32_t n, uint32_t (*cnt)[MR_CITY_KEYS]) {
  uint32_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t k;
    memcpy(&k, key + i, 8);
    cnt[0][k & 31]++;
    cnt[1][k >> 8 & 31]++;
    cnt[2][k >> 16 & 31]++;
    cnt[3][k >> 24 & 31]++;
    cnt[0][k >> 32 & 31]++;
    cnt[1][k >> 40 & 31]++;
    cnt[2][k >> 48 & 31]++;
    cnt[3][k >> 56]++;
  }
  for (; i < n; i++) cnt[0][key[i]]++;
}

static uint32_t sum_bytes(bytes v) {
#if defined(__AVX512BW__)
  return (uint32_t)_mm512_reduce_add_epi64(_mm512_sad_epu8((__m512i)v, _mm512_setzero_si512()));
#elif defined(__AVX2__)
  __m256i s = _mm256_sad_epu8((__m256i)v, _mm256_setzero_si256());
  __m128i t = _mm_add_epi64(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
  return (uint32_t)(_mm_extract_epi64(t, 0) + _mm_extract_epi64(t, 1));
#else
  uint32_t sum = 0;
  for (int i = 0; i < VEC_SZ; i++) sum += v[i];
  return sum;
#endif
}

/* Counts by comparing all n keys (room for VEC_SZ more behind them) with each of the 24. */
static inline void compare_keys(uint8_t *key, uint32_t n, uint32_t *cnt) {
  enum { AT_ONCE = 8 };
  memset(key + n, SKIPPED, VEC_SZ);
  for (uint32_t k = 0; k < MR_CITY_CITIES * MR_CITY_TYPES; k += AT_ONCE) {
    bytes acc[AT_ONCE];
    for (uint32_t j = 0; j < AT_ONCE; j++) acc[j] = (bytes){0};
    for (uint32_t i = 0; i < n; i += VEC_SZ) {
      bytes v;
      memcpy(&v, key + i, VEC_SZ);
      for (uint32_t j = 0; j < AT_ONCE; j++) acc[j] -= (bytes)(v == (uint8_t)(k + j));
    }
    for (uint32_t j = 0; j < AT_ONCE; j++) cnt[k + j] += sum_bytes(acc[j]);
  }
}

static void count_rows(const struct mr_city_columns *c, uint64_t at, uint32_t n,
                       struct mr_city_counts *counts) {
  for (uint64_t i = at; i < at + n; i++) {
    if (c->severity[i] != HIGH && c->severity[i] != CRITICAL) continue;
    int64_t w = (c->ts_us[i] - counts->first_us) / MR_CITY_WINDOW_US;
    counts->counts[(uint64_t)w * MR_CITY_KEYS + c->city[i] * MR_CITY_TYPES + c->event_type[i]]++;
  }
}

static inline __attribute__((always_inline)) void
run_fused(const struct mr_city_columns *c, struct mr_city_counts *counts, bool compare) {
  struct open_window open = {.start_us = counts->first_us};
  uint8_t key[BLOCK + VEC_SZ] __attribute__((aligned(64)));
  for (uint64_t at = 0; at < c->rows; at += BLOCK) {
    uint32_t n = c->rows - at < BLOCK ? (uint32_t)(c->rows - at) : BLOCK;
    if (!all_in(c->ts_us + at, n, open.start_us)) {
      int64_t start;
      if (!one_window(c->ts_us + at, n, &start)) {
        count_rows(c, at, n, counts);
        continue;
      }
      close_window(&open, counts);
      open.start_us = start;
    }
    uint32_t i = 0;
    for (; i + STEP <= n; i += STEP) {
      FETCH_AHEAD(c, at + i);
      make_keys(c->severity + at + i, c->city + at + i, c->event_type + at + i, STEP, key + i);
      if (!compare) count_keys(key + i, STEP, open.cnt);
    }
    make_keys(c->severity + at + i, c->city + at + i, c->event_type + at + i, n - i, key + i);
    if (compare) {
      compare_keys(key, n, open.cnt[0]);
    } else {
      count_keys(key + i, n - i, open.cnt);
    }
  }
  close_window(&open, counts);
}

void MR_PLAIN_NAME(mr_plain_city_fused)(const struct mr_city_columns *c,
                                        struct mr_city_counts *counts) {
  run_fused(c, counts, false);
}

void MR_PLAIN_NAME(mr_plain_city_compare)(const struct mr_city_columns *c,
                                          struct mr_city_counts *counts) {
  run_fused(c, counts, true);
}

void MR_PLAIN_NAME(mr_plain_city_branchy)(const struct mr_city_columns *c,
                                          struct mr_city_counts *counts) {
  for (uint64_t at = 0; at < c->rows; at += 1u << 30) {
    uint64_t n = c->rows - at < 1u << 30 ? c->rows - at : 1u << 30;
    count_rows(c, at, (uint32_t)n, counts);
  }
}
