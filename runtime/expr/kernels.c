/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per level with MR_ISA=v2|v3|v4 (mr_kernels in rooms.cmake). */
#include "expr/kernels.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define JOIN2(a, b) a##b
#define JOIN(a, b)  JOIN2(a, b)
#define INLINE      static inline __attribute__((always_inline))

/* ---- lanes: one register's worth of rows to as many bits ---- */

#if defined(__AVX512BW__) && defined(__AVX512DQ__)
#define LANES8 8
INLINE uint64_t eq_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  __m512i y = c ? _mm512_set1_epi64(*b) : _mm512_loadu_si512(b);
  return _mm512_cmpeq_epi64_mask(_mm512_loadu_si512(a), y);
}
INLINE uint64_t lt_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  __m512i y = c ? _mm512_set1_epi64(*b) : _mm512_loadu_si512(b);
  return _mm512_cmplt_epi64_mask(_mm512_loadu_si512(a), y);
}
INLINE uint64_t gt_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  __m512i y = c ? _mm512_set1_epi64(*b) : _mm512_loadu_si512(b);
  return _mm512_cmpgt_epi64_mask(_mm512_loadu_si512(a), y);
}
INLINE uint64_t eq_f64_lanes(const double *a, const double *b, bool c) {
  __m512d x = _mm512_loadu_pd(a), y = c ? _mm512_set1_pd(*b) : _mm512_loadu_pd(b);
  unsigned nan = _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q) & _mm512_cmp_pd_mask(y, y, _CMP_UNORD_Q);
  return _mm512_cmp_pd_mask(x, y, _CMP_EQ_OQ) | nan;
}
INLINE uint64_t less_f64(__m512d x, __m512d y) {
  unsigned xn = _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q), yn = _mm512_cmp_pd_mask(y, y, _CMP_UNORD_Q);
  return (_mm512_cmp_pd_mask(x, y, _CMP_LT_OQ) | (yn & ~xn)) & 0xff;
}
INLINE uint64_t lt_f64_lanes(const double *a, const double *b, bool c) {
  return less_f64(_mm512_loadu_pd(a), c ? _mm512_set1_pd(*b) : _mm512_loadu_pd(b));
}
INLINE uint64_t gt_f64_lanes(const double *a, const double *b, bool c) {
  return less_f64(c ? _mm512_set1_pd(*b) : _mm512_loadu_pd(b), _mm512_loadu_pd(a));
}
INLINE uint64_t sign_lanes(const int64_t *a) {
  return _mm512_movepi64_mask(_mm512_loadu_si512(a));
}
#elif defined(__AVX2__)
#define LANES8 4
INLINE uint64_t bits_of(__m256i m) {
  return (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(m));
}
INLINE __m256i load_i64(const int64_t *p, bool c) {
  return c ? _mm256_set1_epi64x(*p) : _mm256_loadu_si256((const __m256i *)(const void *)p);
}
INLINE uint64_t eq_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  return bits_of(_mm256_cmpeq_epi64(load_i64(a, false), load_i64(b, c)));
}
INLINE uint64_t lt_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  return bits_of(_mm256_cmpgt_epi64(load_i64(b, c), load_i64(a, false)));
}
INLINE uint64_t gt_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  return bits_of(_mm256_cmpgt_epi64(load_i64(a, false), load_i64(b, c)));
}
INLINE __m256d load_f64(const double *p, bool c) {
  return c ? _mm256_set1_pd(*p) : _mm256_loadu_pd(p);
}
INLINE uint64_t eq_f64_lanes(const double *a, const double *b, bool c) {
  __m256d x = load_f64(a, false), y = load_f64(b, c);
  __m256d nan = _mm256_and_pd(_mm256_cmp_pd(x, x, _CMP_UNORD_Q), _mm256_cmp_pd(y, y, _CMP_UNORD_Q));
  return (uint64_t)_mm256_movemask_pd(_mm256_or_pd(_mm256_cmp_pd(x, y, _CMP_EQ_OQ), nan));
}
INLINE uint64_t less_f64(__m256d x, __m256d y) {
  __m256d xn = _mm256_cmp_pd(x, x, _CMP_UNORD_Q), yn = _mm256_cmp_pd(y, y, _CMP_UNORD_Q);
  return (uint64_t)_mm256_movemask_pd(
      _mm256_or_pd(_mm256_cmp_pd(x, y, _CMP_LT_OQ), _mm256_andnot_pd(xn, yn)));
}
INLINE uint64_t lt_f64_lanes(const double *a, const double *b, bool c) {
  return less_f64(load_f64(a, false), load_f64(b, c));
}
INLINE uint64_t gt_f64_lanes(const double *a, const double *b, bool c) {
  return less_f64(load_f64(b, c), load_f64(a, false));
}
INLINE uint64_t sign_lanes(const int64_t *a) {
  return bits_of(load_i64(a, false));
}
#elif defined(__SSE4_2__)
#define LANES8 2
INLINE uint64_t bits_of(__m128i m) {
  return (uint64_t)_mm_movemask_pd(_mm_castsi128_pd(m));
}
INLINE __m128i load_i64(const int64_t *p, bool c) {
  return c ? _mm_set1_epi64x(*p) : _mm_loadu_si128((const __m128i *)(const void *)p);
}
INLINE uint64_t eq_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  return bits_of(_mm_cmpeq_epi64(load_i64(a, false), load_i64(b, c)));
}
INLINE uint64_t lt_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  return bits_of(_mm_cmpgt_epi64(load_i64(b, c), load_i64(a, false)));
}
INLINE uint64_t gt_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  return bits_of(_mm_cmpgt_epi64(load_i64(a, false), load_i64(b, c)));
}
INLINE __m128d load_f64(const double *p, bool c) {
  return c ? _mm_set1_pd(*p) : _mm_loadu_pd(p);
}
INLINE uint64_t eq_f64_lanes(const double *a, const double *b, bool c) {
  __m128d x = load_f64(a, false), y = load_f64(b, c);
  __m128d nan = _mm_and_pd(_mm_cmpunord_pd(x, x), _mm_cmpunord_pd(y, y));
  return (uint64_t)_mm_movemask_pd(_mm_or_pd(_mm_cmpeq_pd(x, y), nan));
}
INLINE uint64_t less_f64(__m128d x, __m128d y) {
  __m128d xn = _mm_cmpunord_pd(x, x), yn = _mm_cmpunord_pd(y, y);
  return (uint64_t)_mm_movemask_pd(_mm_or_pd(_mm_cmplt_pd(x, y), _mm_andnot_pd(xn, yn)));
}
INLINE uint64_t lt_f64_lanes(const double *a, const double *b, bool c) {
  return less_f64(load_f64(a, false), load_f64(b, c));
}
INLINE uint64_t gt_f64_lanes(const double *a, const double *b, bool c) {
  return less_f64(load_f64(b, c), load_f64(a, false));
}
INLINE uint64_t sign_lanes(const int64_t *a) {
  return bits_of(load_i64(a, false));
}
#else
#define LANES8 1
INLINE uint64_t eq_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  (void)c;
  return *a == *b;
}
INLINE uint64_t lt_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  (void)c;
  return *a < *b;
}
INLINE uint64_t gt_i64_lanes(const int64_t *a, const int64_t *b, bool c) {
  (void)c;
  return *a > *b;
}
INLINE uint64_t eq_f64_lanes(const double *a, const double *b, bool c) {
  (void)c;
  return (*a == *b) | ((*a != *a) & (*b != *b));
}
INLINE uint64_t lt_f64_lanes(const double *a, const double *b, bool c) {
  (void)c;
  return (*a < *b) | ((*b != *b) & (*a == *a));
}
INLINE uint64_t gt_f64_lanes(const double *a, const double *b, bool c) {
  return lt_f64_lanes(b, a, c);
}
INLINE uint64_t sign_lanes(const int64_t *a) {
  return *a < 0;
}
#endif

/* ---- comparisons ---- */

/* Two loops: b by rows, b one value. */
#define CMP_KERNEL(name, T)                                                                        \
  static void name(const T *a, const T *b, bool b_const, uint64_t *out, uint32_t words) {          \
    if (b_const) {                                                                                 \
      for (uint32_t w = 0; w < words; w++, a += 64) {                                              \
        uint64_t bits = 0;                                                                         \
        for (uint32_t i = 0; i < 64; i += LANES8) bits |= name##_lanes(a + i, b, true) << i;       \
        out[w] = bits;                                                                             \
      }                                                                                            \
      return;                                                                                      \
    }                                                                                              \
    for (uint32_t w = 0; w < words; w++, a += 64, b += 64) {                                       \
      uint64_t bits = 0;                                                                           \
      for (uint32_t i = 0; i < 64; i += LANES8) bits |= name##_lanes(a + i, b + i, false) << i;    \
      out[w] = bits;                                                                               \
    }                                                                                              \
  }

CMP_KERNEL(eq_i64, int64_t)
CMP_KERNEL(lt_i64, int64_t)
CMP_KERNEL(gt_i64, int64_t)
CMP_KERNEL(eq_f64, double)
CMP_KERNEL(lt_f64, double)
CMP_KERNEL(gt_f64, double)

/* ---- enum codes ---- */

/* A code's nibbles select a table entry and a bit of it: the set is looked up by shuffles. */
#if defined(__AVX512BW__) && defined(__AVX512DQ__)
static void code_set(const uint8_t *codes, const struct mr_code_set *set, uint64_t *out,
                     uint32_t words) {
  __m512i low = _mm512_set1_epi8(15);
  if (set->is_small) {
    __m512i table =
        _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)set->small));
    for (uint32_t w = 0; w < words; w++, codes += 64)
      out[w] = _mm512_movepi8_mask(_mm512_shuffle_epi8(table, _mm512_loadu_si512(codes)));
    return;
  }
  __m512i lo = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)set->lo));
  __m512i hi = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)set->hi));
  __m512i bit = _mm512_set1_epi64((int64_t)UINT64_C(0x8040201008040201));
  for (uint32_t w = 0; w < words; w++, codes += 64) {
    __m512i c = _mm512_loadu_si512(codes), nib = _mm512_and_si512(c, low);
    __m512i h = _mm512_and_si512(_mm512_srli_epi16(c, 4), low);
    __m512i in_lo = _mm512_shuffle_epi8(lo, nib), in_hi = _mm512_shuffle_epi8(hi, nib);
    __m512i sel = _mm512_mask_blend_epi8(_mm512_movepi8_mask(c), in_lo, in_hi);
    out[w] = _mm512_test_epi8_mask(sel, _mm512_shuffle_epi8(bit, h));
  }
}
static void code_eq(const uint8_t *a, const uint8_t *b, uint64_t *out, uint32_t words) {
  for (uint32_t w = 0; w < words; w++)
    out[w] = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(a + w * 64), _mm512_loadu_si512(b + w * 64));
}
#elif defined(__AVX2__)
INLINE __m256i table32(const uint8_t *p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p));
}
INLINE __m256i load32(const uint8_t *p) {
  return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
INLINE uint32_t in_set(__m256i c, __m256i lo, __m256i hi, __m256i bit) {
  __m256i low = _mm256_set1_epi8(15), nib = _mm256_and_si256(c, low);
  __m256i h = _mm256_and_si256(_mm256_srli_epi16(c, 4), low);
  __m256i sel = _mm256_blendv_epi8(_mm256_shuffle_epi8(lo, nib), _mm256_shuffle_epi8(hi, nib), c);
  __m256i none =
      _mm256_cmpeq_epi8(_mm256_and_si256(sel, _mm256_shuffle_epi8(bit, h)), _mm256_setzero_si256());
  return ~(uint32_t)_mm256_movemask_epi8(none);
}
static void code_set(const uint8_t *codes, const struct mr_code_set *set, uint64_t *out,
                     uint32_t words) {
  if (set->is_small) {
    __m256i table = table32(set->small);
    for (uint32_t w = 0; w < words; w++, codes += 64) {
      uint32_t x = (uint32_t)_mm256_movemask_epi8(_mm256_shuffle_epi8(table, load32(codes)));
      uint32_t y = (uint32_t)_mm256_movemask_epi8(_mm256_shuffle_epi8(table, load32(codes + 32)));
      out[w] = x | (uint64_t)y << 32;
    }
    return;
  }
  __m256i lo = table32(set->lo), hi = table32(set->hi);
  __m256i bit = _mm256_set1_epi64x((int64_t)UINT64_C(0x8040201008040201));
  for (uint32_t w = 0; w < words; w++, codes += 64)
    out[w] = in_set(load32(codes), lo, hi, bit) | (uint64_t)in_set(load32(codes + 32), lo, hi, bit)
                                                      << 32;
}
static void code_eq(const uint8_t *a, const uint8_t *b, uint64_t *out, uint32_t words) {
  for (uint32_t w = 0; w < words; w++, a += 64, b += 64) {
    uint32_t x = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(load32(a), load32(b)));
    uint32_t y = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(load32(a + 32), load32(b + 32)));
    out[w] = x | (uint64_t)y << 32;
  }
}
#elif defined(__SSE4_2__)
INLINE __m128i load16(const uint8_t *p) {
  return _mm_loadu_si128((const __m128i *)(const void *)p);
}
static void code_set(const uint8_t *codes, const struct mr_code_set *set, uint64_t *out,
                     uint32_t words) {
  __m128i small = load16(set->small), lo = load16(set->lo), hi = load16(set->hi);
  __m128i bit = _mm_set1_epi64x((int64_t)UINT64_C(0x8040201008040201)), low = _mm_set1_epi8(15);
  for (uint32_t w = 0; w < words; w++) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 64; i += 16, codes += 16) {
      __m128i c = load16(codes);
      if (set->is_small) {
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_shuffle_epi8(small, c)) << i;
        continue;
      }
      __m128i nib = _mm_and_si128(c, low), h = _mm_and_si128(_mm_srli_epi16(c, 4), low);
      __m128i sel = _mm_blendv_epi8(_mm_shuffle_epi8(lo, nib), _mm_shuffle_epi8(hi, nib), c);
      __m128i none =
          _mm_cmpeq_epi8(_mm_and_si128(sel, _mm_shuffle_epi8(bit, h)), _mm_setzero_si128());
      bits |= (uint64_t)(~(uint32_t)_mm_movemask_epi8(none) & 0xffff) << i;
    }
    out[w] = bits;
  }
}
static void code_eq(const uint8_t *a, const uint8_t *b, uint64_t *out, uint32_t words) {
  for (uint32_t w = 0; w < words; w++) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 64; i += 16, a += 16, b += 16)
      bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(load16(a), load16(b))) << i;
    out[w] = bits;
  }
}
#else
static void code_set(const uint8_t *codes, const struct mr_code_set *set, uint64_t *out,
                     uint32_t words) {
  for (uint32_t w = 0; w < words; w++) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 64; i++) bits |= (uint64_t)set->has[*codes++] << i;
    out[w] = bits;
  }
}
static void code_eq(const uint8_t *a, const uint8_t *b, uint64_t *out, uint32_t words) {
  for (uint32_t w = 0; w < words; w++) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < 64; i++) bits |= (uint64_t)(*a++ == *b++) << i;
    out[w] = bits;
  }
}
#endif

/* ---- strings ---- */

INLINE void str_eq_word(const struct mr_str *a, const struct mr_str *b, uint32_t step,
                        uint64_t *same, uint64_t *maybe) {
  uint64_t whole = 0, begin = 0;
  for (uint32_t i = 0; i < 64; i++) {
    uint64_t x[2], y[2];
    memcpy(x, &a[i], 16);
    memcpy(y, &b[i * step], 16);
    uint64_t first = x[0] == y[0], second = x[1] == y[1], is_long = a[i].len > MR_STR_INLINE;
    whole |= (first & second) << i;
    begin |= (first & is_long & (second ^ 1)) << i;
  }
  *same = whole;
  *maybe = begin;
}

static void str_eq(const struct mr_str *a, const struct mr_str *b, bool b_const, uint64_t *same,
                   uint64_t *maybe, uint32_t words) {
  if (b_const) {
    for (uint32_t w = 0; w < words; w++) str_eq_word(a + w * 64, b, 0, &same[w], &maybe[w]);
    return;
  }
  for (uint32_t w = 0; w < words; w++) str_eq_word(a + w * 64, b + w * 64, 1, &same[w], &maybe[w]);
}

/* ---- arithmetic ---- */

INLINE bool add_word(const int64_t *a, const int64_t *b, uint32_t step, int64_t *out, bool sub,
                     uint64_t *over) {
  int64_t wrong[64];
  uint64_t bits = 0;
  for (uint32_t i = 0; i < 64; i++) {
    uint64_t x = (uint64_t)a[i], y = (uint64_t)b[i * step], r = sub ? x - y : x + y;
    wrong[i] = (int64_t)(sub ? (x ^ y) & (x ^ r) : (x ^ r) & (y ^ r));
    out[i] = (int64_t)r;
  }
  for (uint32_t i = 0; i < 64; i += LANES8) bits |= sign_lanes(wrong + i) << i;
  *over = bits;
  return bits != 0;
}
INLINE bool mul_word(const int64_t *a, const int64_t *b, uint32_t step, int64_t *out, bool unused,
                     uint64_t *over) {
  uint64_t bits = 0;
  (void)unused;
  for (uint32_t i = 0; i < 64; i++) {
    long long r; /* NOLINT: the builtin's own type */
    bits |= (uint64_t)__builtin_mul_overflow((long long)a[i], (long long)b[i * step], &r) << i;
    out[i] = r;
  }
  *over = bits;
  return bits != 0;
}
#define ARITH_I64(name, word, flag)                                                                \
  static bool name(const int64_t *a, const int64_t *b, bool b_const, int64_t *out, uint64_t *over, \
                   uint32_t words) {                                                               \
    bool any = false;                                                                              \
    if (b_const) {                                                                                 \
      for (uint32_t w = 0; w < words; w++)                                                         \
        any |= word(a + w * 64, b, 0, out + w * 64, flag, &over[w]);                               \
      return any;                                                                                  \
    }                                                                                              \
    for (uint32_t w = 0; w < words; w++)                                                           \
      any |= word(a + w * 64, b + w * 64, 1, out + w * 64, flag, &over[w]);                        \
    return any;                                                                                    \
  }
ARITH_I64(add_i64, add_word, false)
ARITH_I64(sub_i64, add_word, true)
ARITH_I64(mul_i64, mul_word, false)

#define ARITH_F64(name, op)                                                                        \
  static void name(const double *a, const double *b, bool b_const, double *out, uint32_t words) {  \
    if (b_const) {                                                                                 \
      double c = *b;                                                                               \
      for (uint32_t i = 0; i < words * 64; i++) out[i] = a[i] op c;                                \
      return;                                                                                      \
    }                                                                                              \
    for (uint32_t i = 0; i < words * 64; i++) out[i] = a[i] op b[i];                               \
  }
ARITH_F64(add_f64, +)
ARITH_F64(sub_f64, -)
ARITH_F64(mul_f64, *)
ARITH_F64(div_f64, /)

static void i64_to_f64(const int64_t *a, double *out, uint32_t words) {
  for (uint32_t i = 0; i < words * 64; i++) out[i] = (double)a[i];
}

/* ---- choice by bits ---- */

static void select8(const uint64_t *c, const void *a, const void *b, void *out, uint32_t words) {
  const uint64_t *x = a, *y = b;
  uint64_t *o = out;
  for (uint32_t w = 0; w < words; w++)
    for (uint32_t i = 0; i < 64; i++) {
      uint64_t m = (uint64_t)0 - ((c[w] >> i) & 1);
      o[w * 64 + i] = (x[w * 64 + i] & m) | (y[w * 64 + i] & ~m);
    }
}
static void select16(const uint64_t *c, const void *a, const void *b, void *out, uint32_t words) {
  const uint64_t *x = a, *y = b;
  uint64_t *o = out;
  for (uint32_t w = 0; w < words; w++)
    for (uint32_t i = 0; i < 64; i++) {
      uint64_t m = (uint64_t)0 - ((c[w] >> i) & 1);
      uint32_t k = (w * 64 + i) * 2;
      uint64_t first = (x[k] & m) | (y[k] & ~m), second = (x[k + 1] & m) | (y[k + 1] & ~m);
      o[k] = first;
      o[k + 1] = second;
    }
}
static void keep8(const uint64_t *c, const void *a, void *out, uint32_t words) {
  const uint64_t *x = a;
  uint64_t *o = out;
  for (uint32_t w = 0; w < words; w++)
    for (uint32_t i = 0; i < 64; i++)
      o[w * 64 + i] = x[w * 64 + i] & ((uint64_t)0 - ((c[w] >> i) & 1));
}
static void keep16(const uint64_t *c, const void *a, void *out, uint32_t words) {
  const uint64_t *x = a;
  uint64_t *o = out;
  for (uint32_t w = 0; w < words; w++)
    for (uint32_t i = 0; i < 64; i++) {
      uint64_t m = (uint64_t)0 - ((c[w] >> i) & 1);
      uint32_t k = (w * 64 + i) * 2;
      o[k] = x[k] & m;
      o[k + 1] = x[k + 1] & m;
    }
}

extern const struct mr_expr_kernels JOIN(mr_expr_kernels_, MR_ISA);
const struct mr_expr_kernels JOIN(mr_expr_kernels_, MR_ISA) = {
    .eq_i64 = eq_i64,
    .lt_i64 = lt_i64,
    .gt_i64 = gt_i64,
    .eq_f64 = eq_f64,
    .lt_f64 = lt_f64,
    .gt_f64 = gt_f64,
    .add_i64 = add_i64,
    .sub_i64 = sub_i64,
    .mul_i64 = mul_i64,
    .add_f64 = add_f64,
    .sub_f64 = sub_f64,
    .mul_f64 = mul_f64,
    .div_f64 = div_f64,
    .code_set = code_set,
    .code_eq = code_eq,
    .str_eq = str_eq,
    .i64_to_f64 = i64_to_f64,
    .select8 = select8,
    .select16 = select16,
    .keep8 = keep8,
    .keep16 = keep16,
};
