/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "format/json_private.h"

static inline bool is_digit(char c) {
  return (unsigned char)(c - '0') <= 9;
}

/* Digits at p, at most 18 of them; their number, 0 when there are none, more or a leading zero. */
static inline uint32_t take_digits(const char *p, uint64_t *out) {
  uint64_t v = 0;
  uint32_t n = 0;
  while (n < 19 && is_digit(p[n])) v = v * 10 + (uint64_t)(p[n++] - '0');
  if (n > 18 || (n > 1 && *p == '0')) return 0;
  *out = v;
  return n;
}

const char *mr_json_take_int64(const char *p, int64_t *out) {
  bool minus = *p == '-';
  uint64_t v;
  p += minus;
  uint32_t n = take_digits(p, &v);
  if (!n) return NULL;
  *out = minus ? -(int64_t)v : (int64_t)v;
  return p + n;
}

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The end of a number's exponent, p being behind its e; NULL: none there. */
static const char *skip_exponent(const char *p) {
  if (*p == '+' || *p == '-') p++;
  if (!is_digit(*p)) return NULL;
  while (is_digit(*p)) p++;
  return p;
}

const char *mr_json_take_double(const char *p, double *out) {
  const char *start = p;
  bool minus = *p == '-';
  uint64_t m;
  p += minus;
  uint32_t n = take_digits(p, &m);
  if (!n) return NULL;
  p += n;
  if (*p != '.' && (*p | 0x20) != 'e') { /* as whole numbers are read: no minus zero */
    *out = (double)(minus ? -(int64_t)m : (int64_t)m);
    return p;
  }
  uint32_t fraction = 0;
  bool exact = true;
  if (*p == '.') {
    const char *dot = p++;
    for (; is_digit(*p); p++) {
      if (n + (uint32_t)(p - dot) <= 19) m = m * 10 + (uint64_t)(*p - '0');
    }
    fraction = (uint32_t)(p - dot - 1);
    if (!fraction) return NULL;
    exact = n + fraction <= 19;
  }
  if ((*p | 0x20) == 'e') {
    p = skip_exponent(p + 1);
    if (!p) return NULL;
    exact = false;
  }
  /* both exact in a double, so one rounding: Clinger, How to read floating point numbers, 1990 */
  if (exact && m <= (UINT64_C(1) << 53) && fraction <= 22) {
    double d = (double)m / powers[fraction];
    *out = minus ? -d : d;
    return p;
  }
  return mr_double_parse(start, (size_t)(p - start), out) == 0 ? p : NULL;
}

static const char *skip_number(const char *p) {
  const char *start = p;
  if (*p == '-') p++;
  if (!is_digit(*p)) return NULL;
  if (*p++ != '0') {
    while (is_digit(*p)) p++;
  }
  if (*p == '.') {
    if (!is_digit(*++p)) return NULL;
    while (is_digit(*p)) p++;
  }
  bool far = p - start > 200; /* with two digits of exponent still below 1e300 */
  if ((*p | 0x20) == 'e') {
    const char *e = p + 1;
    p = skip_exponent(e);
    if (!p) return NULL;
    far |= p - e > 2;
  }
  double d;
  if (far && mr_double_parse(start, (size_t)(p - start), &d) != 0) return NULL;
  return is_digit(*p) ? NULL : p;
}

static inline int32_t hex4(const char *p) {
  int32_t v = 0;
  for (uint32_t i = 0; i < 4; i++) {
    unsigned char c = (unsigned char)p[i], d = (unsigned char)(c - '0');
    if (d > 9) {
      d = (unsigned char)((c | 0x20) - 'a');
      if (d > 5) return -1;
      d = (unsigned char)(d + 10);
    }
    v = v * 16 + d;
  }
  return v;
}

/* The bytes of the escape at p, a backslash; 0 when it is none. *code is its character. */
static uint32_t read_escape(const char *p, uint32_t *code) {
  switch (p[1]) {
  case '"':
  case '\\':
  case '/': *code = (uint32_t)p[1]; return 2;
  case 'b': *code = '\b'; return 2;
  case 'f': *code = '\f'; return 2;
  case 'n': *code = '\n'; return 2;
  case 'r': *code = '\r'; return 2;
  case 't': *code = '\t'; return 2;
  case 'u': break;
  default: return 0;
  }
  int32_t v = hex4(p + 2);
  if (v < 0) return 0;
  *code = (uint32_t)v;
  if (v < 0xd800 || v > 0xdfff) return 6;
  if (v > 0xdbff || p[6] != '\\' || p[7] != 'u') return 0;
  int32_t low = hex4(p + 8);
  if (low < 0xdc00 || low > 0xdfff) return 0;
  *code = 0x10000 + (((uint32_t)v - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
  return 12;
}

const char *mr_json_skip_string(const char *p, bool *escaped) {
  const char *start = p;
  bool wide = false;
  *escaped = false;
  for (;;) {
    p = mr_scan_string(p);
    if (*p == '"') break;
    if (*p == '\\') {
      uint32_t code, n = read_escape(p, &code);
      if (!n) return NULL;
      p += n;
      *escaped = true;
    } else if ((signed char)*p < 0) {
      wide = true;
      p++;
    } else {
      return NULL;
    }
  }
  if (wide && !mr_utf8_valid(start, (size_t)(p - start))) return NULL;
  return p;
}

static uint32_t put_utf8(char *out, uint32_t code) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 0x3f));
  out[2] = (char)(0x80 | (code >> 6 & 0x3f));
  out[3] = (char)(0x80 | (code & 0x3f));
  return 4;
}

uint32_t mr_json_unescape(const char *p, const char *end, char *out) {
  char *o = out;
  while (p < end) {
    const char *q = memchr(p, '\\', (size_t)(end - p));
    if (!q) q = end;
    memcpy(o, p, (size_t)(q - p));
    o += q - p;
    p = q;
    if (p < end) {
      uint32_t code = 0;
      p += read_escape(p, &code);
      o += put_utf8(o, code);
    }
  }
  return (uint32_t)(o - out);
}

bool mr_json_surrogates_ok(const char *p, size_t len) {
  const char *end = p + len;
  while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
    uint32_t code, n = read_escape(p, &code);
    if (!n) return false;
    p += n;
  }
  return true;
}

static const char *skip_blanks(const char *p) {
  while (*p == ' ' || *p == '\t' || *p == '\r') p++;
  return p;
}

/* tidy:recursion at most MR_JSON_DEPTH_MAX deep */
static const char *skip_object(const char *p, uint32_t depth) {
  bool escaped;
  p = skip_blanks(p + 1);
  if (*p == '}') return p + 1;
  for (;;) {
    if (*p != '"' || !(p = mr_json_skip_string(p + 1, &escaped))) return NULL;
    p = skip_blanks(p + 1);
    if (*p != ':') return NULL;
    p = mr_json_skip(skip_blanks(p + 1), depth);
    if (!p) return NULL;
    p = skip_blanks(p);
    if (*p == '}') return p + 1;
    if (*p != ',') return NULL;
    p = skip_blanks(p + 1);
  }
}

static const char *skip_array(const char *p, uint32_t depth) {
  p = skip_blanks(p + 1);
  if (*p == ']') return p + 1;
  for (;;) {
    p = mr_json_skip(p, depth);
    if (!p) return NULL;
    p = skip_blanks(p);
    if (*p == ']') return p + 1;
    if (*p != ',') return NULL;
    p = skip_blanks(p + 1);
  }
}

const char *mr_json_skip(const char *p, uint32_t depth) {
  bool escaped;
  switch (*p) {
  case '"': p = mr_json_skip_string(p + 1, &escaped); return p ? p + 1 : NULL;
  case 't': return memcmp(p, "true", 4) == 0 ? p + 4 : NULL;
  case 'f': return memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
  case 'n': return memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
  case '{': return depth < MR_JSON_DEPTH_MAX ? skip_object(p, depth + 1) : NULL;
  case '[': return depth < MR_JSON_DEPTH_MAX ? skip_array(p, depth + 1) : NULL;
  default: return skip_number(p);
  }
}
