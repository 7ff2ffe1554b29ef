/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "base/text_private.h"

#define ITEMS_MAX (sizeof(((struct mr_time_pattern *)0)->items) / sizeof(struct mr_time_item))

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

#define SHORT_NAME 3

static uint32_t width_max(char letter) {
  switch (letter) {
  case 'y': return 6;
  case 'M':
  case 'E': return 4;
  case 'd':
  case 'H':
  case 'h':
  case 'm':
  case 's': return 2;
  case 'S': return 9;
  case 'a': return 1;
  case 'X':
  case 'x': return 3;
  case 'Z': return 5;
  default: return 0;
  }
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool put_item(struct mr_time_pattern *out, char letter, uint32_t width) {
  if (out->cnt == ITEMS_MAX) return false;
  out->items[out->cnt++] = (struct mr_time_item){letter, (uint8_t)width};
  return true;
}

/* Quoted text from the opening quote at s[off]; the offset behind it, 0 when it does not end or
 * fit. */
static size_t take_quoted(const char *s, size_t len, size_t off, struct mr_time_pattern *out) {
  size_t i = off + 1;
  if (i < len && s[i] == '\'') return put_item(out, 0, '\'') ? i + 1 : 0; /* '' is a quote */
  for (; i < len; i++) {
    if (s[i] == '\'') {
      if (i + 1 == len || s[i + 1] != '\'') return i + 1;
      i++;
    }
    if (!put_item(out, 0, (unsigned char)s[i])) return 0;
  }
  return 0;
}

int mr_time_pattern_compile(const char *s, size_t len, struct mr_time_pattern *out,
                            size_t *bad_off) {
  memset(out, 0, sizeof *out);
  size_t i = 0;
  *bad_off = 0;
  if (!len) return MR_ERR_DATA;
  while (i < len) {
    size_t start = *bad_off = i;
    char c = s[i];
    if (c == '\'') {
      i = take_quoted(s, len, i, out);
      if (!i) return MR_ERR_DATA;
    } else if (is_letter(c)) {
      while (i < len && s[i] == c) i++;
      if (i - start > width_max(c)) return MR_ERR_DATA;
      if (!put_item(out, c, (uint32_t)(i - start))) return MR_ERR_DATA;
    } else {
      if (!c || strchr("[]{}#", c)) return MR_ERR_DATA; /* Spark keeps these for itself */
      if (!put_item(out, 0, (unsigned char)c)) return MR_ERR_DATA;
      i++;
    }
  }
  return 0;
}

/* Output that counts past the end of its buffer. */
struct sink {
  char *buf;
  size_t sz, len;
};

static void put_bytes(struct sink *sink, const char *s, size_t len) {
  if (sink->len < sink->sz) {
    size_t room = sink->sz - sink->len;
    memcpy(sink->buf + sink->len, s, len < room ? len : room);
  }
  sink->len += len;
}

static void put_text(struct sink *sink, const char *s) {
  put_bytes(sink, s, strlen(s));
}

static void put_number(struct sink *sink, uint32_t v, uint32_t width) {
  char digits[20];
  size_t n = mr_text_put_u64(digits, v);
  for (size_t i = n; i < width; i++) put_bytes(sink, "0", 1);
  put_bytes(sink, digits, n);
}

static void put_year(struct sink *sink, int32_t year, uint32_t width) {
  uint32_t y = (uint32_t)(year < 0 ? -year : year);
  if (width == 2) {
    put_number(sink, y % 100, 2);
    return;
  }
  if (year < 0) put_bytes(sink, "-", 1);
  if (year > 9999 && width == 4) put_bytes(sink, "+", 1);
  put_number(sink, y, width);
}

static void put_fraction(struct sink *sink, uint32_t us, uint32_t width) {
  char digits[9] = "000000000";
  mr_text_put2(digits, us / 10000);
  mr_text_put2(digits + 2, us / 100 % 100);
  mr_text_put2(digits + 4, us % 100);
  put_bytes(sink, digits, width);
}

static void put_name(struct sink *sink, const char *name, uint32_t width) {
  put_bytes(sink, name, width == 4 ? strlen(name) : SHORT_NAME);
}

/* The offset of UTC in the letters' forms. */
static void put_zone(struct sink *sink, char letter, uint32_t width) {
  static const char *const plain[] = {"+00", "+0000", "+00:00"};
  if (letter == 'X')
    put_text(sink, "Z");
  else if (letter == 'x')
    put_text(sink, plain[width - 1]);
  else
    put_text(sink, width < 4 ? "+0000" : width == 4 ? "GMT" : "Z");
}

static uint32_t find_weekday(int64_t us) {
  const int64_t day_us = INT64_C(86400000000);
  int64_t days = us / day_us - (us % day_us < 0);
  return (uint32_t)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

size_t mr_time_pattern_format(const struct mr_time_pattern *p, int64_t us, char *buf, size_t sz) {
  struct sink sink = {buf, sz, 0};
  struct mr_civil c;
  mr_civil_from_us(us, &c);
  for (uint32_t i = 0; i < p->cnt; i++) {
    uint32_t width = p->items[i].width;
    char letter = p->items[i].letter, byte = (char)width;
    switch (letter) {
    case 0: put_bytes(&sink, &byte, 1); break;
    case 'y': put_year(&sink, c.year, width); break;
    case 'M':
      if (width < 3)
        put_number(&sink, c.month, width);
      else
        put_name(&sink, months[c.month - 1], width);
      break;
    case 'd': put_number(&sink, c.day, width); break;
    case 'H': put_number(&sink, c.hour, width); break;
    case 'h': put_number(&sink, (c.hour + 11u) % 12 + 1, width); break;
    case 'm': put_number(&sink, c.minute, width); break;
    case 's': put_number(&sink, c.second, width); break;
    case 'S': put_fraction(&sink, c.us, width); break;
    case 'a': put_text(&sink, c.hour < 12 ? "AM" : "PM"); break;
    case 'E': put_name(&sink, weekdays[find_weekday(us)], width); break;
    default: put_zone(&sink, letter, width); break;
    }
  }
  return sink.len;
}

#define NONE UINT32_MAX

/* What a text has said so far; NONE where it said nothing. */
struct fields {
  const char *p, *end;
  uint32_t year, month, day, hour, hour12, pm, minute, second, us, weekday;
  int32_t offset_s;
};

/* Between min and max digits. */
static bool take_number(struct fields *f, uint32_t min, uint32_t max, uint32_t *out) {
  uint32_t v = 0, n = 0;
  for (; n < max && f->p < f->end && mr_text_is_digit(*f->p); n++, f->p++)
    v = v * 10 + (uint32_t)(*f->p - '0');
  *out = v;
  return n >= min;
}

static bool take_fraction(struct fields *f, uint32_t min, uint32_t max) {
  uint32_t n = 0, unit = 100000;
  f->us = 0;
  for (; n < max && f->p < f->end && mr_text_is_digit(*f->p); n++, f->p++, unit /= 10)
    f->us += unit * (uint32_t)(*f->p - '0');
  return n >= min;
}

/* One of the names, whatever the case of its letters: its index. */
static bool take_name(struct fields *f, const char *const *names, uint32_t cnt, uint32_t width,
                      uint32_t *out) {
  for (uint32_t i = 0; i < cnt; i++) {
    size_t len = width == 4 ? strlen(names[i]) : SHORT_NAME;
    if ((size_t)(f->end - f->p) < len || strncasecmp(f->p, names[i], len)) continue;
    f->p += len;
    *out = i;
    return true;
  }
  return false;
}

static bool take_literal(struct fields *f, const char *text) {
  size_t len = strlen(text);
  if ((size_t)(f->end - f->p) < len || strncasecmp(f->p, text, len)) return false;
  f->p += len;
  return true;
}

/* An offset: Z where the letter allows it, else a sign, hours, and minutes as the width says. */
static bool take_zone(struct fields *f, char letter, uint32_t width) {
  f->offset_s = 0;
  bool named = letter == 'Z' && width == 4;
  if (named && !take_literal(f, "GMT")) return false;
  if (named && (f->p == f->end || (*f->p != '+' && *f->p != '-'))) return true;
  bool zulu = letter == 'X' || (letter == 'Z' && width == 5);
  if (zulu && take_literal(f, "Z")) return true;
  if (f->p == f->end || (*f->p != '+' && *f->p != '-')) return false;
  bool negative = *f->p++ == '-', colon = letter == 'Z' ? width >= 4 : width == 3;
  uint32_t hours, minutes = 0;
  if (!take_number(f, 2, 2, &hours)) return false;
  bool optional = letter != 'Z' && width == 1; /* X is +hh or +hhmm */
  if (!optional || (f->p < f->end && mr_text_is_digit(*f->p))) {
    if (colon && !take_literal(f, ":")) return false;
    if (!take_number(f, 2, 2, &minutes)) return false;
  }
  if (hours > 18 || minutes > 59) return false; /* java.time's range */
  f->offset_s = (int32_t)(hours * 3600 + minutes * 60);
  if (negative) f->offset_s = -f->offset_s;
  return true;
}

static bool is_numeric(const struct mr_time_item *item) {
  if (item->letter == 'M') return item->width < 3;
  return item->letter && strchr("ydHhmsS", item->letter);
}

static bool take_item(struct fields *f, const struct mr_time_item *item, bool digits_follow) {
  uint32_t width = item->width, min = width, max = width > 1 || digits_follow ? width : 2;
  switch (item->letter) {
  case 0: return f->p < f->end && (unsigned char)*f->p++ == width;
  case 'y':
    if (width == 1 && !digits_follow) max = 4;
    if (!take_number(f, min, max, &f->year)) return false;
    if (width == 2) f->year += 2000;
    return true;
  case 'M':
    if (width < 3) return take_number(f, min, max, &f->month);
    if (!take_name(f, months, 12, width, &f->month)) return false;
    f->month++;
    return true;
  case 'd': return take_number(f, min, max, &f->day);
  case 'H': return take_number(f, min, max, &f->hour);
  case 'h': return take_number(f, min, max, &f->hour12) && f->hour12 >= 1 && f->hour12 <= 12;
  case 'm': return take_number(f, min, max, &f->minute);
  case 's': return take_number(f, min, max, &f->second);
  case 'S': return take_fraction(f, digits_follow ? width : 1, width);
  case 'a': f->pm = take_literal(f, "PM"); return f->pm || take_literal(f, "AM");
  case 'E': return take_name(f, weekdays, 7, width, &f->weekday);
  default: return take_zone(f, item->letter, width);
  }
}

/* The clock's hour from H, or from h and a; false when they contradict each other. */
static bool resolve_hour(const struct fields *f, uint32_t *hour) {
  *hour = f->hour != NONE ? f->hour : 0;
  if (f->hour != NONE) {
    if (f->hour12 != NONE && f->hour12 % 12 != f->hour % 12) return false;
    return f->pm == NONE || f->pm == (f->hour >= 12);
  }
  if (f->hour12 != NONE) *hour = f->hour12 % 12;
  if (f->pm == 1) *hour += 12;
  return true;
}

int mr_time_pattern_parse(const struct mr_time_pattern *p, const char *s, size_t len, int64_t *us) {
  struct fields f = {.p = s,
                     .end = s + len,
                     .year = 1970,
                     .month = 1,
                     .day = 1,
                     .hour = NONE,
                     .hour12 = NONE,
                     .pm = NONE,
                     .weekday = NONE};
  for (uint32_t i = 0; i < p->cnt; i++) {
    bool digits_follow = i + 1u < p->cnt && is_numeric(&p->items[i + 1]);
    if (!take_item(&f, &p->items[i], digits_follow)) return MR_ERR_DATA;
  }
  uint32_t hour;
  if (f.p != f.end || !resolve_hour(&f, &hour)) return MR_ERR_DATA;
  if (!f.year || f.year > 9999 || hour > 23) return MR_ERR_DATA;
  struct mr_civil c = {(int32_t)f.year,
                       (uint8_t)f.month,
                       (uint8_t)f.day,
                       (uint8_t)hour,
                       (uint8_t)f.minute,
                       (uint8_t)f.second,
                       f.us};
  int64_t value;
  if (!mr_civil_to_us(&c, &value)) return MR_ERR_DATA;
  if (f.weekday != NONE && f.weekday != find_weekday(value)) return MR_ERR_DATA;
  *us = value - f.offset_s * INT64_C(1000000);
  return 0;
}
