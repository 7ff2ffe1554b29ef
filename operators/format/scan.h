/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_SCAN_H
#define MR_FORMAT_SCAN_H

/* Sixteen bytes at a time, or as many as the level that is compiled for has. All loads may read up
 * to 63 bytes beyond what they look for. Each has a plain form for machines without SSE4.1. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE4_1__)
#include <immintrin.h>
#endif

#define MR_SCAN_TEXT 32u

/* A text to compare with: bytes beyond its length do not count. */
struct mr_scan_text {
  _Alignas(16) uint8_t bytes[MR_SCAN_TEXT];
  uint8_t mask[MR_SCAN_TEXT];
};

/* Texts whose byte i is bytes[i] .. bytes[i] + over[i]. */
struct mr_scan_range {
  uint8_t bytes[MR_SCAN_TEXT], over[MR_SCAN_TEXT];
};

static inline uint64_t mr_scan_load8(const char *p) {
  uint64_t w;
  memcpy(&w, p, 8);
  return w;
}

static inline void mr_scan_text_set(struct mr_scan_text *t, const char *p, uint32_t len) {
  memset(t, 0, sizeof *t);
  if (len > MR_SCAN_TEXT) len = MR_SCAN_TEXT;
  memcpy(t->bytes, p, len);
  memset(t->mask, 0xff, len);
}

#if defined(__SSE4_1__)

/* Bits of the bytes among 16 that a string cannot simply hold: quote, backslash, below 0x20, above
 * 0x7f. */
static inline uint32_t mr_scan_stops(const char *p) {
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  __m128i stop =
      _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
  stop = _mm_or_si128(stop, _mm_cmpgt_epi8(_mm_set1_epi8(0x20), v));
  return (uint32_t)_mm_movemask_epi8(stop);
}

struct mr_scan_entry {
  __m128i v;
};

/* The first len bytes (at most 15) and zeros behind them, len in the last byte; *low: the first
 * eight. */
static inline struct mr_scan_entry mr_scan_entry(const char *p, uint32_t len, uint64_t *low) {
  static const uint8_t masks[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                    255, 255, 255, 255, 255, 255, 255, 255};
  __m128i v = _mm_and_si128(_mm_loadu_si128((const __m128i *)p),
                            _mm_loadu_si128((const __m128i *)(masks + 16 - len)));
  *low = (uint64_t)_mm_cvtsi128_si64(v);
  return (struct mr_scan_entry){_mm_insert_epi8(v, (int)len, 15)};
}
static inline bool mr_scan_entry_equal(struct mr_scan_entry e, const uint8_t entry[16]) {
  __m128i x = _mm_xor_si128(e.v, _mm_load_si128((const __m128i *)entry));
  return _mm_testz_si128(x, x);
}

/* The 16 bytes at p are those of text where mask has bits. */
static inline bool mr_scan_masked_equal(const char *p, const uint8_t text[16],
                                        const uint8_t mask[16]) {
  __m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)p),
                            _mm_loadu_si128((const __m128i *)(const void *)text));
  return _mm_testz_si128(x, _mm_loadu_si128((const __m128i *)(const void *)mask));
}

/* Bits of the quotes among 16 bytes. */
static inline uint32_t mr_scan_quotes(const char *p) {
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
}

/* Bits of the bytes among 16 that JSON writes as an escape: quote, backslash, below 0x20. */
static inline uint32_t mr_scan_bits_escaped(__m128i v) {
  __m128i stop =
      _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
  stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
  return (uint32_t)_mm_movemask_epi8(stop);
}

/* Copies 16 bytes; true when one of them has to be escaped. */
static inline bool mr_scan_copy16(char *out, const char *p) {
  __m128i v = _mm_loadu_si128((const __m128i *)p);
  _mm_storeu_si128((__m128i *)out, v);
  return mr_scan_bits_escaped(v) != 0;
}

#else

static inline bool mr_scan_copy16(char *out, const char *p) {
  memcpy(out, p, 16);
  bool escaped = false;
  for (uint32_t i = 0; i < 16; i++)
    escaped |= p[i] == '"' || p[i] == '\\' || (unsigned char)p[i] < 0x20;
  return escaped;
}
static inline uint32_t mr_scan_stops(const char *p) {
  uint32_t bits = 0;
  for (uint32_t i = 0; i < 16; i++)
    bits |= (uint32_t)(p[i] == '"' || p[i] == '\\' || (signed char)p[i] < 0x20) << i;
  return bits;
}
struct mr_scan_entry {
  uint8_t bytes[16];
};
static inline struct mr_scan_entry mr_scan_entry(const char *p, uint32_t len, uint64_t *low) {
  struct mr_scan_entry e = {{0}};
  memcpy(e.bytes, p, len);
  memcpy(low, e.bytes, 8);
  e.bytes[15] = (uint8_t)len;
  return e;
}
static inline bool mr_scan_entry_equal(struct mr_scan_entry e, const uint8_t entry[16]) {
  return memcmp(e.bytes, entry, 16) == 0;
}
static inline bool mr_scan_masked_equal(const char *p, const uint8_t text[16],
                                        const uint8_t mask[16]) {
  uint8_t diff = 0;
  for (uint32_t i = 0; i < 16; i++) diff |= (uint8_t)(((uint8_t)p[i] ^ text[i]) & mask[i]);
  return !diff;
}
static inline uint32_t mr_scan_quotes(const char *p) {
  uint32_t bits = 0;
  for (uint32_t i = 0; i < 16; i++) bits |= (uint32_t)(p[i] == '"') << i;
  return bits;
}

#endif

/* True when one of eight bytes is below 0x20, a quote or a backslash. */
static inline bool mr_scan_word_escaped(uint64_t w) {
  const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
  uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\';
  uint64_t hit = ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
  return (hit & highs) != 0;
}

/* The first byte from p on that a string cannot simply hold. There must be one. */
static inline const char *mr_scan_string(const char *p) {
  for (;; p += 16) {
    uint32_t stops = mr_scan_stops(p);
    if (stops) return p + __builtin_ctz(stops);
  }
}

/* The lowest bit's place; of no bits some number up to 64. */
static inline uint32_t mr_scan_low_bit(uint64_t bits) {
#if defined(__BMI__)
  return (uint32_t)_tzcnt_u64(bits);
#else
  return (uint32_t)__builtin_ctzll(bits | UINT64_C(1) << 63);
#endif
}

/* ---- 32 and 64 bytes ---- */

/* A text in registers. */
#if defined(__AVX2__)
struct mr_scan_want {
  __m256i bytes, mask;
};
static inline struct mr_scan_want mr_scan_want(const struct mr_scan_text *t) {
  return (struct mr_scan_want){_mm256_loadu_si256((const __m256i *)(const void *)t->bytes),
                               _mm256_loadu_si256((const __m256i *)(const void *)t->mask)};
}
static inline bool mr_scan_want_equal(const struct mr_scan_want *w, const char *p) {
  __m256i x = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)p), w->bytes);
  return _mm256_testz_si256(x, w->mask);
}
static inline bool mr_scan_in_range(const struct mr_scan_range *r, const char *p) {
  __m256i x = _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *)(const void *)p),
                              _mm256_loadu_si256((const __m256i *)(const void *)r->bytes));
  x = _mm256_subs_epu8(x, _mm256_loadu_si256((const __m256i *)(const void *)r->over));
  return _mm256_testz_si256(x, x);
}
#elif defined(__SSE4_1__)
struct mr_scan_want {
  __m128i bytes[2], mask[2];
};
static inline struct mr_scan_want mr_scan_want(const struct mr_scan_text *t) {
  const __m128i *bytes = (const __m128i *)(const void *)t->bytes;
  const __m128i *mask = (const __m128i *)(const void *)t->mask;
  return (struct mr_scan_want){{_mm_load_si128(bytes), _mm_load_si128(bytes + 1)},
                               {_mm_load_si128(mask), _mm_load_si128(mask + 1)}};
}
static inline bool mr_scan_want_equal(const struct mr_scan_want *w, const char *p) {
  const __m128i *q = (const __m128i *)(const void *)p;
  __m128i x = _mm_and_si128(_mm_xor_si128(_mm_loadu_si128(q), w->bytes[0]), w->mask[0]);
  __m128i y = _mm_and_si128(_mm_xor_si128(_mm_loadu_si128(q + 1), w->bytes[1]), w->mask[1]);
  x = _mm_or_si128(x, y);
  return _mm_testz_si128(x, x);
}
static inline bool mr_scan_in_range(const struct mr_scan_range *r, const char *p) {
  const __m128i *q = (const __m128i *)(const void *)p;
  const __m128i *bytes = (const __m128i *)(const void *)r->bytes;
  const __m128i *over = (const __m128i *)(const void *)r->over;
  __m128i x = _mm_sub_epi8(_mm_loadu_si128(q), _mm_loadu_si128(bytes));
  __m128i y = _mm_sub_epi8(_mm_loadu_si128(q + 1), _mm_loadu_si128(bytes + 1));
  x = _mm_or_si128(_mm_subs_epu8(x, _mm_loadu_si128(over)),
                   _mm_subs_epu8(y, _mm_loadu_si128(over + 1)));
  return _mm_testz_si128(x, x);
}
#else
struct mr_scan_want {
  struct mr_scan_text text;
};
static inline struct mr_scan_want mr_scan_want(const struct mr_scan_text *t) {
  return (struct mr_scan_want){*t};
}
static inline bool mr_scan_want_equal(const struct mr_scan_want *w, const char *p) {
  uint8_t diff = 0;
  for (uint32_t i = 0; i < MR_SCAN_TEXT; i++)
    diff |= (uint8_t)(((uint8_t)p[i] ^ w->text.bytes[i]) & w->text.mask[i]);
  return !diff;
}
static inline bool mr_scan_in_range(const struct mr_scan_range *r, const char *p) {
  bool out = false;
  for (uint32_t i = 0; i < MR_SCAN_TEXT; i++)
    out |= (uint8_t)((uint8_t)p[i] - r->bytes[i]) > r->over[i];
  return !out;
}
#endif

/* mr_scan_stops of 64 bytes, and the bits of their newlines. */
#if defined(__AVX512BW__)
static inline uint64_t mr_scan_stops64(const char *p) {
  __m512i v = _mm512_loadu_si512(p);
  return _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"')) |
         _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\')) |
         _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(0x20));
}
static inline uint64_t mr_scan_lines64(const char *p) {
  return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8('\n'));
}
#elif defined(__AVX2__)
static inline uint32_t mr_scan_stops32(const char *p) {
  __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
  __m256i stop = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')),
                                 _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
  stop = _mm256_or_si256(stop, _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v));
  return (uint32_t)_mm256_movemask_epi8(stop);
}
static inline uint64_t mr_scan_stops64(const char *p) {
  return mr_scan_stops32(p) | (uint64_t)mr_scan_stops32(p + 32) << 32;
}
static inline uint32_t mr_scan_lines32(const char *p) {
  __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
  return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n')));
}
static inline uint64_t mr_scan_lines64(const char *p) {
  return mr_scan_lines32(p) | (uint64_t)mr_scan_lines32(p + 32) << 32;
}
#else
static inline uint64_t mr_scan_stops64(const char *p) {
  uint64_t near = mr_scan_stops(p) | (uint64_t)mr_scan_stops(p + 16) << 16;
  uint64_t far = mr_scan_stops(p + 32) | (uint64_t)mr_scan_stops(p + 48) << 16;
  return near | far << 32;
}
#if defined(__SSE4_1__)
static inline uint64_t mr_scan_lines16(const char *p) {
  __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
  return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')));
}
#else
static inline uint64_t mr_scan_lines16(const char *p) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < 16; i++) bits |= (uint64_t)(p[i] == '\n') << i;
  return bits;
}
#endif
static inline uint64_t mr_scan_lines64(const char *p) {
  uint64_t near = mr_scan_lines16(p) | mr_scan_lines16(p + 16) << 16;
  uint64_t far = mr_scan_lines16(p + 32) | mr_scan_lines16(p + 48) << 16;
  return near | far << 32;
}
#endif

/* mr_scan_string for strings that are rarely short: 64 bytes at a time, so that no branch depends
 * on how long exactly they are (2 ns less for 36 to 67 bytes). */
static inline const char *mr_scan_string_far(const char *p) {
  for (;; p += 64) {
    uint64_t stops = mr_scan_stops64(p);
    if (stops) return p + __builtin_ctzll(stops);
  }
}

#endif
