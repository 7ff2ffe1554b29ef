/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/console_text.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"

/* Bytes of a value that are looked at when it is cut anyway: more than 20 units of any kind, and an
 * ellipsis. */
#define CUT_LOOK (MR_CONSOLE_CUT_SZ - 4u)

struct out {
  char *p;
  uint32_t len, cap;
  bool full; /* something did not fit */
};

static void put(struct out *o, const char *p, uint32_t len) {
  if (o->full || len > o->cap - o->len) {
    o->full = true;
    return;
  }
  memcpy(o->p + o->len, p, len);
  o->len += len;
}

/* ---- characters ---- */

/* Bytes of the character that begins with c; its code point is read from valid UTF-8. */
static uint32_t char_len(unsigned char c) {
  return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static uint32_t code_point(const char *p, uint32_t len) {
  uint32_t c = (unsigned char)p[0];
  if (len == 1) return c;
  c &= 0xffu >> (len + 1);
  for (uint32_t i = 1; i < len; i++) c = c << 6 | ((unsigned char)p[i] & 0x3f);
  return c;
}

static bool is_wide(uint32_t c) {
  static const struct {
    uint32_t lo, hi;
  } wide[] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff},
              {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}};
  for (uint32_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
    if (c >= wide[i].lo && c <= wide[i].hi) return true;
  return false;
}

uint32_t mr_console_width(const char *p, uint32_t len) {
  uint32_t width = 0;
  for (uint32_t i = 0; i < len;) {
    uint32_t n = char_len((unsigned char)p[i]);
    if (n > len - i) n = len - i;
    width += n == 4 || is_wide(code_point(p + i, n)) ? 2 : 1;
    i += n;
  }
  return width;
}

/* A text with control characters as Spark shows them, whole characters only. */
static void put_text(struct out *o, const char *p, uint32_t len) {
  static const char shown[] = "abtnvfr"; /* 7 to 13 */
  for (uint32_t i = 0; i < len && !o->full;) {
    unsigned char c = (unsigned char)p[i];
    uint32_t n = char_len(c);
    if (n > len - i) n = len - i;
    if (c >= 7 && c <= 13)
      put(o, (char[]){'\\', shown[c - 7]}, 2);
    else
      put(o, p + i, n);
    i += n;
  }
}

/* ---- values ---- */

/* The digits of a shortest text, without point, leading and trailing zeros; *exp10: value =
 * 0.DIGITS * 10^exp10. */
static uint32_t read_digits(const char *s, size_t len, char *digits, int *exp10) {
  uint32_t cnt = 0;
  int point = 0, exp = 0;
  bool after = false, begun = false;
  size_t i = s[0] == '-';
  for (; i < len && s[i] != 'e'; i++) {
    if (s[i] == '.') {
      after = true;
      continue;
    }
    begun |= s[i] != '0';
    if (begun) digits[cnt++] = s[i];
    if (begun && !after) point++;
    if (!begun && after) point--;
  }
  if (i < len) {
    bool minus = s[i + 1] == '-';
    for (i += 1 + (s[i + 1] == '-' || s[i + 1] == '+'); i < len; i++) exp = exp * 10 + (s[i] - '0');
    if (minus) exp = -exp;
  }
  while (cnt > 1 && digits[cnt - 1] == '0') cnt--;
  *exp10 = point + exp;
  return cnt;
}

uint32_t mr_console_double(char *buf, double v) {
  char s[MR_TEXT_DOUBLE_SZ], digits[MR_TEXT_DOUBLE_SZ];
  struct out o = {.p = buf, .cap = MR_TEXT_DOUBLE_SZ};
  if (isnan(v)) {
    put(&o, "NaN", 3);
    return o.len;
  }
  if (signbit(v)) put(&o, "-", 1);
  v = fabs(v);
  if (isinf(v) || v == 0) {
    if (v == 0)
      put(&o, "0.0", 3);
    else
      put(&o, "Infinity", 8);
    return o.len;
  }
  int exp10;
  uint32_t cnt = read_digits(s, mr_double_format(s, v), digits, &exp10);
  if (v < 1e-3 || v >= 1e7) { /* d.dddEn */
    put(&o, digits, 1);
    put(&o, ".", 1);
    put(&o, cnt > 1 ? digits + 1 : "0", cnt > 1 ? cnt - 1 : 1);
    put(&o, "E", 1);
    o.len += (uint32_t)mr_int64_format(o.p + o.len, exp10 - 1);
    return o.len;
  }
  if (exp10 <= 0) {
    put(&o, "0.00", 2 + (uint32_t)-exp10);
    put(&o, digits, cnt);
    return o.len;
  }
  uint32_t whole = (uint32_t)exp10;
  put(&o, digits, whole < cnt ? whole : cnt);
  if (whole > cnt) put(&o, "0000000", whole - cnt);
  put(&o, ".", 1);
  put(&o, whole < cnt ? digits + whole : "0", whole < cnt ? cnt - whole : 1);
  return o.len;
}

/* 2025-10-13 11:30:00.5 */
static void put_timestamp(struct out *o, int64_t us) {
  char s[MR_TEXT_TIMESTAMP_SZ];
  uint32_t len = (uint32_t)mr_timestamp_format(s, us) - 1; /* without Z */
  char *t = memchr(s, 'T', len);
  if (t) *t = ' ';
  if (memchr(s, '.', len)) {
    while (s[len - 1] == '0') len--;
    if (s[len - 1] == '.') len--;
  }
  put(o, s, len);
}

static void put_int64(struct out *o, enum mr_type type, int64_t v) {
  char s[MR_TEXT_DURATION_SZ];
  if (type == MR_TYPE_TIMESTAMP)
    put_timestamp(o, v);
  else if (type == MR_TYPE_DURATION)
    put(o, s, (uint32_t)mr_duration_format_us(s, v));
  else
    put(o, s, (uint32_t)mr_int64_format(s, v));
}

/* Value idx of an array: dense bits for a column of bool, bytes for the elements of a list. */
static void put_value(struct out *o, enum mr_type type, const struct mr_enum *codes,
                      const void *data, const uint8_t *base, uint32_t idx, bool elem) {
  char s[MR_TEXT_DOUBLE_SZ];
  switch (type) {
  case MR_TYPE_BOOL: {
    bool v = elem ? ((const uint8_t *)data)[idx] != 0 : mr_bit_get(data, idx);
    put(o, v ? "true" : "false", v ? 4 : 5);
    break;
  }
  case MR_TYPE_DOUBLE: put(o, s, mr_console_double(s, ((const double *)data)[idx])); break;
  case MR_TYPE_STRING:
    if (codes) {
      uint8_t code = ((const uint8_t *)data)[idx];
      put_text(o, codes->texts[code], codes->lens[code]);
    } else {
      const struct mr_str *str = (const struct mr_str *)data + idx;
      put_text(o, mr_str_data(str, base), str->len);
    }
    break;
  default: put_int64(o, type, ((const int64_t *)data)[idx]); break;
  }
}

static void put_list(struct out *o, const struct mr_field *field, const struct mr_list *list,
                     const uint8_t *base) {
  const void *data = base + list->off;
  const uint64_t *valid =
      list->has_nulls ? (const uint64_t *)data - mr_bitmap_words(list->cnt) : NULL;
  put(o, "[", 1);
  for (uint32_t i = 0; i < list->cnt && !o->full; i++) {
    if (i) put(o, ", ", 2);
    if (valid && !mr_bit_get(valid, i))
      put(o, "NULL", 4);
    else
      put_value(o, field->elem, field->codes, data, base, i, true);
  }
  put(o, "]", 1);
}

/* Cuts a text of more than MR_CONSOLE_CUT_CHARS units. */
static uint32_t cut_text(char *p, uint32_t len, bool full) {
  uint32_t units = 0, keep = 0, i = 0;
  while (i < len) {
    uint32_t n = char_len((unsigned char)p[i]);
    units += n == 4 ? 2 : 1;
    i += n;
    if (units <= MR_CONSOLE_CUT_CHARS - 3) keep = i;
  }
  if (units <= MR_CONSOLE_CUT_CHARS && !full) return len;
  memcpy(p + keep, "...", 3);
  return keep + 3;
}

static void put_column(struct out *o, const struct mr_field *field, const struct mr_col *col,
                       const uint8_t *base, uint32_t row) {
  if (col->valid && !mr_bit_get(col->valid, row))
    put(o, "NULL", 4);
  else if (field->type == MR_TYPE_LIST)
    put_list(o, field, (const struct mr_list *)col->data + row, base);
  else
    put_value(o, field->type, field->codes, col->data, base, row, false);
}

uint32_t mr_console_cell(const struct mr_field *fields, const struct mr_col *cols, uint32_t cnt,
                         const uint8_t *base, uint32_t row, bool cut, char *buf, uint32_t cap) {
  struct out o = {.p = buf, .cap = (cut && cap > CUT_LOOK ? CUT_LOOK : cap) - 3};
  if (fields->outer) put(&o, "{", 1);
  for (uint32_t i = 0; i < cnt && !o.full; i++) {
    if (i) put(&o, ", ", 2);
    put_column(&o, &fields[i], &cols[i], base, row);
  }
  if (fields->outer) put(&o, "}", 1);
  if (cut) return cut_text(buf, o.len, o.full);
  if (o.full) {
    memcpy(buf + o.len, "...", 3);
    o.len += 3;
  }
  return o.len;
}
