/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per level with MR_ISA=v2|v3|v4 (mr_kernels in rooms.cmake). */
#include "state/kernels.h"

#include <string.h>

#include "base/hash.h"
#include "state/hll.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)

#if defined(__AVX512BW__)
#define VEC_SZ     64
#define GROUP_COST 5u /* 1/1000 ns a row for each group that all rows are compared with */
#elif defined(__AVX2__)
#define VEC_SZ     32
#define GROUP_COST 5u
#else
#define VEC_SZ     16
#define GROUP_COST 11u
#endif
typedef uint8_t bytes __attribute__((vector_size(VEC_SZ)));

/* ---- bits to bytes ---- */

/* Which bit of a byte stands for which of 8 rows, and which byte of a word for which 8 rows. */
#define BIT_OF_BYTE UINT64_C(0x8040201008040201)

/* 0xff in the lanes of the rows at + 0.. whose bit is clear. at is a multiple of VEC_SZ. */
static inline bytes clear_lanes(const uint64_t *bits, uint32_t at) {
#if VEC_SZ == 64
  return (bytes)_mm512_movm_epi8(~bits[at / 64]);
#elif VEC_SZ == 32
  const __m256i spread = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2,
                                          2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  __m256i m = _mm256_set1_epi32((int)(uint32_t)(bits[at / 64] >> at % 64));
  m = _mm256_and_si256(_mm256_shuffle_epi8(m, spread), _mm256_set1_epi64x((int64_t)BIT_OF_BYTE));
  return (bytes)_mm256_cmpeq_epi8(m, _mm256_setzero_si256());
#elif defined(__SSSE3__)
  const __m128i spread = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  __m128i m = _mm_cvtsi32_si128((int)(uint32_t)(bits[at / 64] >> at % 64));
  m = _mm_and_si128(_mm_shuffle_epi8(m, spread), _mm_set1_epi64x((int64_t)BIT_OF_BYTE));
  return (bytes)_mm_cmpeq_epi8(m, _mm_setzero_si128());
#else
  bytes out;
  for (uint32_t i = 0; i < VEC_SZ; i++) out[i] = bits[at / 64] >> (at % 64 + i) & 1 ? 0 : UINT8_MAX;
  return out;
#endif
}

static void null_codes(const uint8_t *codes, const uint64_t *valid, uint8_t null_code, uint8_t *out,
                       uint32_t words) {
  for (uint32_t at = 0; at < words * 64; at += VEC_SZ) {
    bytes v, clear = clear_lanes(valid, at), null = clear & null_code;
    memcpy(&v, codes + at, VEC_SZ);
    v = (v & ~clear) | null;
    memcpy(out + at, &v, VEC_SZ);
  }
}

static void bit_codes(const uint64_t *bits, uint8_t *out, uint32_t words) {
  for (uint32_t at = 0; at < words * 64; at += VEC_SZ) {
    bytes v = clear_lanes(bits, at) + 1;
    memcpy(out + at, &v, VEC_SZ);
  }
}

/* ---- keys ---- */

static void keys8(const uint8_t *const *codes, const uint32_t *mul, uint32_t cnt,
                  uint8_t *restrict out, uint32_t words) {
  uint32_t n = words * 64;
  if (cnt == 2 && mul[1] == 1) {
    const uint8_t *restrict a = codes[0], *restrict b = codes[1];
    uint8_t m = (uint8_t)mul[0];
    for (uint32_t i = 0; i < n; i++) out[i] = (uint8_t)(a[i] * m + b[i]);
    return;
  }
  memset(out, 0, n);
  for (uint32_t k = 0; k < cnt; k++) {
    const uint8_t *restrict a = codes[k];
    uint8_t m = (uint8_t)mul[k];
    for (uint32_t i = 0; i < n; i++) out[i] = (uint8_t)(out[i] + a[i] * m);
  }
}

static void keys16(const uint8_t *const *codes, const uint32_t *mul, uint32_t cnt,
                   uint16_t *restrict out, uint32_t words) {
  uint32_t n = words * 64;
  memset(out, 0, n * sizeof *out);
  for (uint32_t k = 0; k < cnt; k++) {
    const uint8_t *restrict a = codes[k];
    uint16_t m = (uint16_t)mul[k];
    for (uint32_t i = 0; i < n; i++) out[i] = (uint16_t)(out[i] + a[i] * m);
  }
}

static void tags(const uint64_t *restrict keys, uint32_t *restrict out, uint32_t words) {
  for (uint32_t i = 0; i < words * 64; i++) out[i] = (uint32_t)(mr_hash_u64(keys[i]) >> 32) | 1;
}

static uint32_t hll(uint8_t *mem, void *const *state, uint32_t off, const int64_t *values,
                    const uint16_t *rows, uint32_t from, uint32_t cnt) {
  for (uint32_t i = from; i < cnt; i++) {
    const struct mr_hll *h = (const void *)((uint8_t *)state[i] + off);
    uint64_t hash = mr_hll_hash((uint64_t)values[rows[i]]);
    if (!h->dense) return i;
    mr_hll_raise(mem + (uint64_t)h->ref * MR_STORE_UNIT, hash);
  }
  return cnt;
}

/* ---- rows ---- */

/* The set bits of four, lowest first, as 16-bit numbers. */
static const uint64_t set4[16] = {UINT64_C(0),
                                  UINT64_C(0),
                                  UINT64_C(1),
                                  UINT64_C(0x00010000),
                                  UINT64_C(2),
                                  UINT64_C(0x00020000),
                                  UINT64_C(0x00020001),
                                  UINT64_C(0x0000000200010000),
                                  UINT64_C(3),
                                  UINT64_C(0x00030000),
                                  UINT64_C(0x00030001),
                                  UINT64_C(0x0000000300010000),
                                  UINT64_C(0x00030002),
                                  UINT64_C(0x0000000300020000),
                                  UINT64_C(0x0000000300020001),
                                  UINT64_C(0x0003000200010000)};

/* Four rows at a time: what is written behind the last is written over by the next. */
static uint32_t rows(const uint64_t *sel, uint32_t words, uint16_t *out) {
  uint32_t n = 0;
  for (uint32_t w = 0; w < words; w++) {
    uint64_t base = UINT64_C(0x0040004000400040) * w;
    for (uint64_t m = sel[w]; m; m >>= 4, base += UINT64_C(0x0004000400040004)) {
      uint64_t four = set4[m & 15] + base;
      memcpy(out + n, &four, 8);
      n += (uint32_t)__builtin_popcountll(m & 15);
    }
  }
  return n;
}

/* Which of the 64 values are in [lo, hi]. */
static inline uint64_t within_word(const int64_t *v, int64_t lo, int64_t hi) {
  uint64_t bits = 0;
#if VEC_SZ == 64
  __m512i a = _mm512_set1_epi64(lo), b = _mm512_set1_epi64(hi);
  for (uint32_t i = 0; i < 64; i += 8) {
    __m512i x = _mm512_loadu_si512(v + i);
    uint64_t m = _mm512_cmpge_epi64_mask(x, a) & _mm512_cmple_epi64_mask(x, b);
    bits |= m << i;
  }
#elif VEC_SZ == 32
  __m256i a = _mm256_set1_epi64x(lo), b = _mm256_set1_epi64x(hi);
  for (uint32_t i = 0; i < 64; i += 4) {
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(v + i));
    __m256i out = _mm256_or_si256(_mm256_cmpgt_epi64(a, x), _mm256_cmpgt_epi64(x, b));
    bits |= (uint64_t)(~_mm256_movemask_pd(_mm256_castsi256_pd(out)) & 15) << i;
  }
#elif defined(__SSE4_2__)
  __m128i a = _mm_set1_epi64x(lo), b = _mm_set1_epi64x(hi);
  for (uint32_t i = 0; i < 64; i += 2) {
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(v + i));
    __m128i out = _mm_or_si128(_mm_cmpgt_epi64(a, x), _mm_cmpgt_epi64(x, b));
    bits |= (uint64_t)(~_mm_movemask_pd(_mm_castsi128_pd(out)) & 3) << i;
  }
#else
  for (uint32_t i = 0; i < 64; i++) bits |= (uint64_t)(v[i] >= lo && v[i] <= hi) << i;
#endif
  return bits;
}

static uint32_t within(const int64_t *v, int64_t lo, int64_t hi, const uint64_t *sel, uint64_t *out,
                       uint32_t words) {
  uint32_t n = 0;
  for (uint32_t w = 0; w < words; w++) {
    out[w] = within_word(v + w * 64, lo, hi) & sel[w];
    n += (uint32_t)__builtin_popcountll(out[w]);
  }
  return n;
}

/* ---- counting ---- */

static inline uint32_t sum_bytes(bytes v) {
#if VEC_SZ == 64
  return (uint32_t)_mm512_reduce_add_epi64(_mm512_sad_epu8((__m512i)v, _mm512_setzero_si512()));
#elif VEC_SZ == 32
  __m256i s = _mm256_sad_epu8((__m256i)v, _mm256_setzero_si256());
  __m128i t = _mm_add_epi64(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
  return (uint32_t)(_mm_extract_epi64(t, 0) + _mm_extract_epi64(t, 1));
#else
  uint32_t sum = 0;
  for (int i = 0; i < VEC_SZ; i++) sum += v[i];
  return sum;
#endif
}

#define AT_ONCE 8u

/* Compares all keys with each group: 0.12 ns a row for 24 groups at v3, where counting one by one
 * takes 0.20. A lane counts at most MR_BATCH_ROWS / 16 = 64 rows. */
static void count_by_compare(const uint8_t *keys, const uint64_t *sel, uint32_t n, uint32_t groups,
                             uint32_t *cnt) {
  uint8_t masked[MR_BATCH_ROWS];
  for (uint32_t at = 0; at < n; at += VEC_SZ) {
    bytes v;
    memcpy(&v, keys + at, VEC_SZ);
    v |= clear_lanes(sel, at);
    memcpy(masked + at, &v, VEC_SZ);
  }
  for (uint32_t g = 0; g < groups; g += AT_ONCE) {
    bytes acc[AT_ONCE];
    for (uint32_t j = 0; j < AT_ONCE; j++) acc[j] = (bytes){0};
    for (uint32_t at = 0; at < n; at += VEC_SZ) {
      bytes v;
      memcpy(&v, masked + at, VEC_SZ);
      for (uint32_t j = 0; j < AT_ONCE; j++) acc[j] -= (bytes)(v == (uint8_t)(g + j));
    }
    uint32_t left = groups - g < AT_ONCE ? groups - g : AT_ONCE;
    for (uint32_t j = 0; j < left; j++) cnt[g + j] += sum_bytes(acc[j]);
  }
}

/* 8 keys with the selected ones brought to the front; what is behind them has no meaning. */
static inline uint64_t pack8(uint64_t x, uint32_t mask) {
#if defined(__BMI2__)
  return _pext_u64(x, _pdep_u64(mask, UINT64_C(0x0101010101010101)) * 255);
#elif defined(__SSSE3__)
  /* By 4 bits: the numbers of those that are set, as bytes. */
  static const uint32_t set[16] = {0,      0,        1,        0x0100,    2,      0x0200,
                                   0x0201, 0x020100, 3,        0x0300,    0x0301, 0x030100,
                                   0x0302, 0x030200, 0x030201, 0x03020100};
  uint32_t lo = mask & 15, hi = mask >> 4;
  uint64_t upper = set[hi] + UINT32_C(0x04040404);
  uint64_t order = set[lo] | upper << 8 * (uint32_t)__builtin_popcount(lo);
  __m128i v = _mm_shuffle_epi8(_mm_cvtsi64_si128((int64_t)x), _mm_cvtsi64_si128((int64_t)order));
  return (uint64_t)_mm_cvtsi128_si64(v);
#else
  uint64_t out = 0;
  for (uint32_t i = 0, k = 0; i < 8; i++)
    if (mask >> i & 1) out |= (x >> 8 * i & 255) << 8 * k++;
  return out;
#endif
}

/* Brings the selected keys to the front; returns their number. Writes up to 8 bytes behind them. */
static uint32_t compress8(const uint8_t *keys, const uint64_t *sel, uint32_t words, uint8_t *out) {
  uint32_t n = 0;
  for (uint32_t w = 0; w < words; w++) {
    uint64_t m = sel[w];
    for (uint32_t b = 0; b < 8; b++, m >>= 8) {
      uint32_t mask = m & 255;
      uint64_t x;
      memcpy(&x, keys + w * 64 + b * 8, 8);
      x = pack8(x, mask);
      memcpy(out + n, &x, 8);
      n += (uint32_t)__builtin_popcount(mask);
    }
  }
  return n;
}

static void count8(const uint8_t *keys, const uint64_t *sel, uint32_t words, uint32_t sel_cnt,
                   uint32_t groups, uint32_t stride, uint32_t *cnt) {
  if (groups * GROUP_COST <= 60 + 250 * sel_cnt / (words * 64)) {
    count_by_compare(keys, sel, words * 64, groups, cnt);
    return;
  }
  uint8_t some[MR_BATCH_ROWS + 8];
  const uint8_t *k = keys;
  uint32_t n = sel_cnt, i = 0;
  if (sel_cnt < words * 64) {
    n = compress8(keys, sel, words, some);
    k = some;
  }
  uint32_t *c1 = cnt + stride, *c2 = c1 + stride, *c3 = c2 + stride;
  for (; i + 8 <= n; i += 8) {
    uint64_t x;
    memcpy(&x, k + i, 8);
    cnt[x & 255]++;
    c1[x >> 8 & 255]++;
    c2[x >> 16 & 255]++;
    c3[x >> 24 & 255]++;
    cnt[x >> 32 & 255]++;
    c1[x >> 40 & 255]++;
    c2[x >> 48 & 255]++;
    c3[x >> 56]++;
  }
  for (; i < n; i++) cnt[k[i]]++;
}

static void count16(const uint16_t *keys, const uint64_t *sel, uint32_t words, uint32_t stride,
                    uint32_t *cnt) {
  uint16_t list[MR_BATCH_ROWS + MR_ROWS_PAD];
  uint32_t n = rows(sel, words, list), i = 0;
  uint32_t *c1 = cnt + stride, *c2 = c1 + stride, *c3 = c2 + stride;
  for (; i + 4 <= n; i += 4) {
    cnt[keys[list[i]]]++;
    c1[keys[list[i + 1]]]++;
    c2[keys[list[i + 2]]]++;
    c3[keys[list[i + 3]]]++;
  }
  for (; i < n; i++) cnt[keys[list[i]]]++;
}

const struct mr_state_kernels *JOIN(mr_state_kernels_, MR_ISA)(void);
const struct mr_state_kernels *JOIN(mr_state_kernels_, MR_ISA)(void) {
  static const struct mr_state_kernels kernels = {.keys8 = keys8,
                                                  .keys16 = keys16,
                                                  .count8 = count8,
                                                  .count16 = count16,
                                                  .rows = rows,
                                                  .within = within,
                                                  .null_codes = null_codes,
                                                  .bit_codes = bit_codes,
                                                  .tags = tags,
                                                  .hll = hll};
  return &kernels;
}
