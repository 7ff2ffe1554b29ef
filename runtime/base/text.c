/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <math.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/assert.h"
#include "base/error.h"
#include "base/text_private.h"

/* Eight digits at once: true and their value, or false. Pairs, then fours, then all by
 * multiplication. */
static inline bool take_digits8(const char *s, uint32_t *out) {
  uint64_t x = mr_text_load8(s) ^ (MR_TEXT_ONES * '0');
  if (((x + MR_TEXT_ONES * 0x76) | x) & MR_TEXT_HIGHS) return false;
  x = (x * 10 + (x >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
  x = (x * 100 + (x >> 16)) & UINT64_C(0x0000ffff0000ffff);
  *out = (uint32_t)((x * 10000 + (x >> 32)) & UINT64_C(0xffffffff));
  return true;
}

/* A number of 19 digits or more, or a bad one. */
static int parse_long_int(const char *s, size_t len, bool negative, int64_t *out) {
  uint64_t limit = (uint64_t)INT64_MAX + negative, v = 0;
  bool over = false;
  for (size_t i = 0; i < len; i++) {
    if (!mr_text_is_digit(s[i])) return MR_ERR_DATA;
    uint64_t digit = (uint64_t)(s[i] - '0');
    if (v > (limit - digit) / 10)
      over = true;
    else
      v = v * 10 + digit;
  }
  if (over) return MR_ERR_LIMIT;
  *out = negative ? (int64_t)(0 - v) : (int64_t)v;
  return 0;
}

int mr_int64_parse(const char *s, size_t len, int64_t *out) {
  bool negative = false;
  if (len && (*s == '-' || *s == '+')) {
    negative = *s == '-';
    s++;
    len--;
  }
  if (__builtin_expect(len - 1 > 17, 0))
    return len ? parse_long_int(s, len, negative, out) : MR_ERR_DATA;
  uint64_t v = 0;
  while (len >= 8) {
    uint32_t eight;
    if (!take_digits8(s, &eight)) return MR_ERR_DATA;
    v = v * 100000000 + eight;
    s += 8;
    len -= 8;
  }
  uint32_t bad = 0;
  for (; len; len--, s++) {
    uint32_t digit = (unsigned char)(*s - '0');
    bad |= digit > 9;
    v = v * 10 + digit;
  }
  if (bad) return MR_ERR_DATA;
  *out = negative ? -(int64_t)v : (int64_t)v;
  return 0;
}

static uint32_t count_digits(uint64_t v) {
  uint32_t n = 1;
  for (;;) {
    if (v < 10) return n;
    if (v < 100) return n + 1;
    if (v < 1000) return n + 2;
    if (v < 10000) return n + 3;
    v /= 10000;
    n += 4;
  }
}

size_t mr_text_put_u64(char *buf, uint64_t v) {
  size_t n = count_digits(v);
  char *p = buf + n;
  while (v >= 100) {
    p -= 2;
    mr_text_put2(p, (uint32_t)(v % 100));
    v /= 100;
  }
  if (v >= 10)
    mr_text_put2(p - 2, (uint32_t)v);
  else
    p[-1] = (char)('0' + v);
  return n;
}

size_t mr_int64_format(char *buf, int64_t v) {
  if (v >= 0) return mr_text_put_u64(buf, (uint64_t)v);
  *buf = '-';
  return 1 + mr_text_put_u64(buf + 1, 0 - (uint64_t)v);
}

/* What a scan of JSON's number grammar finds. The number is digits * 10^exp10 when exact. */
struct scan {
  uint64_t digits;   /* the digits as an integer, without leading zeros */
  int64_t exp10;     /* power of ten that digits stands at */
  int64_t magnitude; /* power of ten above the first digit that is not 0 */
  bool negative, exact;
};

/* Reads digits into *v and counts those from the first that is not 0 on; returns the end. */
static const char *take_digits(const char *p, const char *end, uint64_t *v, int64_t *cnt) {
  for (; p < end && mr_text_is_digit(*p); p++) {
    *v = *v * 10 + (uint64_t)(*p - '0'); /* wraps past 19 digits; then it is not used */
    *cnt += *cnt || *p != '0';
  }
  return p;
}

static bool scan_number(const char *p, const char *end, struct scan *out) {
  int64_t cnt = 0, fraction_len = 0, exp10 = 0;
  uint64_t v = 0;
  out->negative = p < end && *p == '-';
  p += out->negative;
  const char *start = p;
  p = take_digits(p, end, &v, &cnt);
  if (p == start || (*start == '0' && p - start > 1)) return false;
  if (p < end && *p == '.') {
    start = ++p;
    p = take_digits(p, end, &v, &cnt);
    fraction_len = p - start;
    if (!fraction_len) return false;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    p++;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    start = p;
    for (; p < end && mr_text_is_digit(*p); p++)
      if (exp10 < INT64_C(1000000000000)) exp10 = exp10 * 10 + (*p - '0');
    if (p == start) return false;
    if (negative) exp10 = -exp10;
  }
  out->digits = v;
  out->exp10 = exp10 - fraction_len;
  out->magnitude = out->exp10 + cnt;
  out->exact = cnt <= 19;
  return p == end;
}

static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

int mr_double_parse(const char *s, size_t len, double *out) {
  struct scan scan;
  if (!scan_number(s, s + len, &scan)) return MR_ERR_DATA;
  double v;
  if (scan.exact && scan.digits <= (UINT64_C(1) << 53) && scan.exp10 >= -22 && scan.exp10 <= 22) {
    /* Both are exact doubles, so one operation rounds once and right (Clinger 1990). */
    v = (double)scan.digits;
    v = scan.exp10 < 0 ? v / powers_of_ten[-scan.exp10] : v * powers_of_ten[scan.exp10];
    *out = scan.negative ? -v : v;
    return 0;
  }
  if (!mr_text_from_chars(s, len, &v)) {
    if (scan.magnitude > 0) return MR_ERR_LIMIT;
    v = scan.negative ? -0.0 : 0.0; /* below the smallest */
  }
  if (isinf(v)) return MR_ERR_LIMIT;
  *out = v;
  return 0;
}

/* Writes k / 10^6 without trailing zeros. */
static size_t put_millionths(char *buf, uint64_t k) {
  size_t n = mr_text_put_u64(buf, k / 1000000);
  uint32_t fraction = (uint32_t)(k % 1000000);
  if (!fraction) return n;
  buf[n++] = '.';
  mr_text_put2(buf + n, fraction / 10000);
  mr_text_put2(buf + n + 2, fraction / 100 % 100);
  mr_text_put2(buf + n + 4, fraction % 100);
  n += 6;
  while (buf[n - 1] == '0') n--;
  return n;
}

size_t mr_double_format(char *buf, double v) {
  if (v != v) {
    memcpy(buf, "nan", 3);
    return 3;
  }
  /* A decimal of at most 15 digits that reads back as v is the only one, so it is the shortest, and
   * k / 1e6 rounds as a reader does. Where the scientific form could be shorter, to_chars decides.
   */
  double a = fabs(v);
  size_t sign = v < 0;
  if (a < 1e15 && (double)(uint64_t)a == a && (uint64_t)a % 100000) {
    *buf = '-';
    return sign + mr_text_put_u64(buf + sign, (uint64_t)a);
  }
  if (a >= 0.001 && a < 1e9) {
    uint64_t k = (uint64_t)(a * 1e6 + 0.5);
    if ((double)k / 1e6 == a && k % UINT64_C(100000000000)) {
      *buf = '-';
      return sign + put_millionths(buf + sign, k);
    }
  }
  return mr_text_to_chars(buf, MR_TEXT_DOUBLE_SZ, v);
}

size_t mr_double_format_fixed(char *buf, double v, int digits, bool scientific) {
  return mr_text_to_chars_fixed(buf, MR_TEXT_FIXED_SZ, v, digits, scientific);
}

/* Bytes of the ASCII text at s, in steps of 16 or 8, at most len. */
static inline size_t skip_ascii(const char *s, size_t len) {
  size_t i = 0;
#if defined(__SSE2__)
  for (; i + 16 <= len; i += 16) {
    int high = _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(s + i)));
    if (high) return i + (size_t)__builtin_ctz((unsigned)high);
  }
#endif
  for (; i + 8 <= len; i += 8) {
    uint64_t high = mr_text_load8(s + i) & MR_TEXT_HIGHS;
    if (high) return i + (size_t)__builtin_ctzll(high) / 8;
  }
  while (i < len && (unsigned char)s[i] < 0x80) i++;
  return i;
}

static inline bool is_continuation(unsigned char c) {
  return (c & 0xc0) == 0x80;
}

/* Bytes of the code point at p, which does not begin with ASCII; 0 when it is ill-formed (Unicode
 * 15, table 3-7). */
static inline size_t take_code_point(const unsigned char *p, size_t len) {
  unsigned char c = p[0];
  if (c < 0xe0) return c >= 0xc2 && len >= 2 && is_continuation(p[1]) ? 2 : 0;
  if (c < 0xf0) {
    if (len < 3 || !is_continuation(p[1]) || !is_continuation(p[2])) return 0;
    if (c == 0xe0 && p[1] < 0xa0) return 0; /* overlong */
    if (c == 0xed && p[1] > 0x9f) return 0; /* surrogate */
    return 3;
  }
  if (c > 0xf4 || len < 4) return 0;
  if (!is_continuation(p[1]) || !is_continuation(p[2]) || !is_continuation(p[3])) return 0;
  if (c == 0xf0 && p[1] < 0x90) return 0; /* overlong */
  if (c == 0xf4 && p[1] > 0x8f) return 0; /* beyond U+10FFFF */
  return 4;
}

bool mr_utf8_valid(const char *s, size_t len) {
  size_t i = 0;
  while (i < len) {
    i += skip_ascii(s + i, len - i);
    while (i < len && (unsigned char)s[i] >= 0x80) {
      size_t n = take_code_point((const unsigned char *)s + i, len - i);
      if (!n) return false;
      i += n;
    }
  }
  return true;
}

size_t mr_utf8_length(const char *s, size_t len) {
  size_t i = 0, continuations = 0;
  for (; i + 8 <= len; i += 8) {
    uint64_t w = mr_text_load8(s + i);
    continuations += (size_t)__builtin_popcountll(w & ~(w << 1) & MR_TEXT_HIGHS);
  }
  for (; i < len; i++) continuations += is_continuation((unsigned char)s[i]);
  return len - continuations;
}

int mr_text_distance(const char *a, const char *b, int max) {
  MR_ASSERT(max >= 0 && max <= MR_TEXT_DISTANCE_MAX);
  int len_a = (int)strlen(a), len_b = (int)strlen(b), none = max + 1;
  if (len_a - len_b > max || len_b - len_a > max) return none;
  /* Wagner and Fischer's table, only the diagonal band that can stay within max: row[j - i + max +
   * 1]. */
  int row[2 * MR_TEXT_DISTANCE_MAX + 3];
  for (int k = 0; k < 2 * max + 3; k++) row[k] = none;
  for (int j = 0; j <= max; j++) row[j + max + 1] = j;
  for (int i = 1; i <= len_a; i++) {
    row[0] = none;
    for (int k = 1; k < 2 * max + 2; k++) {
      int j = i + k - max - 1;
      if (j < 0 || j > len_b) {
        row[k] = none;
        continue;
      }
      int best = row[k + 1] + 1; /* a loses a letter */
      if (j > 0) {
        int swap = row[k] + (a[i - 1] != b[j - 1]);
        if (swap < best) best = swap;
        if (row[k - 1] + 1 < best) best = row[k - 1] + 1; /* a gains one */
      }
      row[k] = best < none ? best : none;
    }
  }
  int d = row[len_b - len_a + max + 1];
  return d < none ? d : none;
}
