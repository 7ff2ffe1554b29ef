/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_REF_H
#define MR_EXPR_REF_H

/* The reference: SQL values one at a time, written for clearness. Nothing of the expr room is used.
 */

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REF_TEXT_MAX 1024

enum ref_kind { REF_NULL, REF_ERROR, REF_BOOL, REF_INT, REF_DOUBLE, REF_TEXT, REF_TIME, REF_SPAN };

struct ref {
  enum ref_kind kind;
  int64_t i; /* bool, int, time, span */
  double d;
  uint32_t len;
  char s[REF_TEXT_MAX];
};

static inline struct ref ref_make(enum ref_kind kind, int64_t i) {
  struct ref r;
  memset(&r, 0, offsetof(struct ref, s));
  r.kind = kind;
  r.i = i;
  return r;
}
static inline struct ref ref_null(void) {
  return ref_make(REF_NULL, 0);
}
static inline struct ref ref_error(void) {
  return ref_make(REF_ERROR, 0);
}
static inline struct ref ref_bool(bool b) {
  return ref_make(REF_BOOL, b);
}
static inline struct ref ref_int(int64_t i) {
  return ref_make(REF_INT, i);
}
static inline struct ref ref_double(double d) {
  struct ref r = ref_make(REF_DOUBLE, 0);
  r.d = d;
  return r;
}
static inline struct ref ref_text(const char *s, size_t len) {
  struct ref r = ref_make(REF_TEXT, 0);
  r.len = (uint32_t)len;
  memcpy(r.s, s, len);
  return r;
}

/* An integer of any size as int64, or an error. */
static inline struct ref ref_whole(enum ref_kind kind, long double v) {
  return v < -0x1p63L || v >= 0x1p63L ? ref_error() : ref_make(kind, (int64_t)v);
}

static inline double ref_number(const struct ref *r) {
  return r->kind == REF_DOUBLE ? r->d : (double)r->i;
}

/* <0, 0, >0; NaN is the greatest and equal to itself. */
static inline int ref_order(const struct ref *a, const struct ref *b) {
  if (a->kind == REF_TEXT) {
    uint32_t n = a->len < b->len ? a->len : b->len;
    for (uint32_t i = 0; i < n; i++)
      if (a->s[i] != b->s[i]) return (unsigned char)a->s[i] < (unsigned char)b->s[i] ? -1 : 1;
    return a->len < b->len ? -1 : a->len > b->len;
  }
  if (a->kind == REF_DOUBLE || b->kind == REF_DOUBLE) {
    double x = ref_number(a), y = ref_number(b);
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y) ? 0 : isnan(x) ? 1 : -1;
    return x < y ? -1 : x > y;
  }
  return a->i < b->i ? -1 : a->i > b->i;
}

/* Does the text match the LIKE pattern? By recursion. */
static inline bool ref_like(const char *p, const char *pe, const char *s, const char *se) {
  if (p == pe) return s == se;
  if (*p == '%') {
    for (const char *k = s; k <= se; k++)
      if ((k == se || (*k & 0xc0) != 0x80) && ref_like(p + 1, pe, k, se)) return true;
    return false;
  }
  if (s == se) return false;
  if (*p == '_') {
    s++;
    while (s < se && ((unsigned char)*s & 0xc0) == 0x80) s++;
    return ref_like(p + 1, pe, s, se);
  }
  if (*p == '\\') p++;
  return *p == *s && ref_like(p + 1, pe, s + 1, se);
}

/* Byte offsets of the characters, and the length behind them; returns how many characters. */
static inline uint32_t ref_chars(const struct ref *r, uint32_t *at) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < r->len; i++)
    if (((unsigned char)r->s[i] & 0xc0) != 0x80) at[n++] = i;
  at[n] = r->len;
  return n;
}

static inline struct ref ref_slice(const struct ref *r, int64_t lo, int64_t hi) {
  uint32_t at[REF_TEXT_MAX + 1];
  int64_t n = ref_chars(r, at);
  if (lo < 0) lo = 0;
  if (hi > n) hi = n;
  if (lo >= hi) return ref_text("", 0);
  return ref_text(r->s + at[lo], at[hi] - at[lo]);
}

static inline int64_t ref_find(const struct ref *r, const struct ref *part) {
  for (uint32_t i = 0; i + part->len <= r->len; i++)
    if (memcmp(r->s + i, part->s, part->len) == 0) return i;
  return -1;
}

static inline struct ref ref_replace(const struct ref *r, const struct ref *a,
                                     const struct ref *b) {
  struct ref out = ref_text("", 0);
  if (!a->len) return *r;
  for (uint32_t i = 0; i < r->len;) {
    if (i + a->len <= r->len && memcmp(r->s + i, a->s, a->len) == 0) {
      memcpy(out.s + out.len, b->s, b->len);
      out.len += b->len;
      i += a->len;
    } else {
      out.s[out.len++] = r->s[i++];
    }
  }
  return out;
}

/* Calendar by the C library. */
static inline struct tm ref_tm(int64_t us, int64_t *micro) {
  int64_t s = us / 1000000, rest = us % 1000000;
  if (rest < 0) s--, rest += 1000000;
  time_t t = (time_t)s;
  struct tm tm;
  gmtime_r(&t, &tm);
  *micro = rest;
  return tm;
}

static inline struct ref ref_time_text(int64_t us) {
  char buf[64];
  int64_t micro;
  struct tm tm = ref_tm(us, &micro);
  int n = snprintf(buf, sizeof buf, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
  if (micro % 1000)
    n += snprintf(buf + n, sizeof buf - (size_t)n, ".%06d", (int)micro);
  else if (micro)
    n += snprintf(buf + n, sizeof buf - (size_t)n, ".%03d", (int)micro / 1000);
  buf[n++] = 'Z';
  return ref_text(buf, (size_t)n);
}

#endif
