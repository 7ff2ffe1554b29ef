/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/text_private.h"

#define US_PER_S      INT64_C(1000000)
#define S_PER_DAY     INT64_C(86400)
#define US_PER_DAY    (S_PER_DAY * US_PER_S)
#define DAYS_TO_EPOCH 719162    /* from 0001-01-01 to 1970-01-01 */
#define ERA_DAYS      146097    /* 400 years */
#define ERAS          800       /* moves the years of a 64-bit timestamp above 0 */
#define YEAR_MIN      (-290308) /* of INT64_MIN microseconds */
#define YEAR_MAX      294247

#define US_MIN (INT64_C(-62135596800) * US_PER_S)     /* 0001-01-01T00:00:00Z */
#define US_MAX (INT64_C(253402300800) * US_PER_S - 1) /* the end of 9999 */

static const uint8_t month_days[16] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
static const uint16_t days_before[16] = {0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

static inline bool is_leap(uint32_t year) {
  return !(year & 3) && (year % 100 || !(year % 400));
}

/* Days from 0001-01-01 to a date that exists; year from 1. */
static inline uint32_t count_days(uint32_t year, uint32_t month, uint32_t day) {
  uint32_t y = year - 1;
  return y * 365 + y / 4 - y / 100 + y / 400 + days_before[month & 15] +
         (month > 2 && is_leap(year)) + day - 1;
}

/* The first 19 bytes, YYYY-MM-DDTHH:MM:SS, in seconds since the epoch; false when they are not
 * that. Three overlapping words; a byte that is not the digit or sign that belongs there sets its
 * highest bit. */
static inline bool parse_head(const char *s, int64_t *seconds) {
  uint64_t date = mr_text_load8(s) ^ UINT64_C(0x2d30302d30303030);                 /* 0000-00- */
  uint64_t day = (mr_text_load8(s + 7) & UINT64_C(0xffffff)) ^ UINT64_C(0x30302d); /* -00 */
  uint64_t time = mr_text_load8(s + 11) ^ UINT64_C(0x30303a30303a3030);            /* 00:00:00 */
  uint64_t bad = (date + UINT64_C(0x7f76767f76767676)) | date;
  bad |= (day + UINT64_C(0x76767f)) | day;
  bad |= (time + UINT64_C(0x76767f76767f7676)) | time;
  unsigned char sep = (unsigned char)s[10];
  bool wrong = (bad & MR_TEXT_HIGHS) != 0;
  wrong |= ((sep | 0x20) != 't') & (sep != ' ');
  date = date * 10 + (date >> 8);
  day = day * 10 + (day >> 8);
  time = time * 10 + (time >> 8);
  uint32_t century = date & 0xff, year = century * 100 + (date >> 16 & 0xff);
  uint32_t m = date >> 40 & 0xff, d = day >> 8 & 0xff;
  uint32_t hh = time & 0xff, mm = time >> 24 & 0xff, ss = time >> 48 & 0xff;
  uint32_t month_end = month_days[m & 15] + ((m == 2) & is_leap(year));
  wrong |= (year == 0) | (m - 1 > 11) | (d - 1 >= month_end) | (hh > 23) | (mm > 59) | (ss > 59);
  if (wrong) return false;
  int64_t days = (int64_t)count_days(year, m, d) - DAYS_TO_EPOCH;
  *seconds = days * S_PER_DAY + (int64_t)(hh * 3600 + mm * 60 + ss);
  return true;
}

/* What follows the seconds: an optional fraction, then Z or an offset. */
static bool parse_tail(const char *p, const char *end, int64_t *us, int64_t *offset_s) {
  *us = 0;
  *offset_s = 0;
  if (p < end && *p == '.') {
    const char *start = ++p;
    for (int64_t unit = 100000; p < end && mr_text_is_digit(*p); p++, unit /= 10)
      *us += unit * (*p - '0');
    if (p == start) return false;
  }
  if (end - p == 1) return (*p | 0x20) == 'z';
  if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':') return false;
  if (!mr_text_is_digit(p[1]) || !mr_text_is_digit(p[2])) return false;
  if (!mr_text_is_digit(p[4]) || !mr_text_is_digit(p[5])) return false;
  int hours = (p[1] - '0') * 10 + (p[2] - '0'), minutes = (p[4] - '0') * 10 + (p[5] - '0');
  if (hours > 23 || minutes > 59) return false;
  *offset_s = hours * 3600 + minutes * 60;
  if (*p == '-') *offset_s = -*offset_s;
  return true;
}

/* ".000Z" behind the seconds, by the word ":SS.000Z" around it. */
static inline bool parse_millis(const char *s, int64_t *us) {
  uint64_t x = mr_text_load8(s + 16) ^ UINT64_C(0x5a3030302e303000);
  x &= ~UINT64_C(0xffffff); /* the seconds are read already */
  if (((x + UINT64_C(0x7f7676767f000000)) | x) & MR_TEXT_HIGHS) return false;
  *us = (int64_t)((x >> 32 & 0xff) * 100000 + (x >> 40 & 0xff) * 10000 + (x >> 48 & 0xff) * 1000);
  return true;
}

/* ".000000Z" behind the seconds. */
static inline bool parse_micros(const char *s, int64_t *us) {
  uint64_t x = mr_text_load8(s + 19) ^ UINT64_C(0x5a3030303030302e);
  if (((x + UINT64_C(0x7f7676767676767f)) | x) & MR_TEXT_HIGHS) return false;
  x = x * 10 + (x >> 8);
  *us = (int64_t)((x >> 8 & 0xff) * 10000 + (x >> 24 & 0xff) * 100 + (x >> 40 & 0xff));
  return true;
}

int mr_timestamp_parse(const char *s, size_t len, int64_t *us) {
  int64_t seconds, micros = 0, offset_s = 0;
  if (len < 20 || !parse_head(s, &seconds)) return MR_ERR_DATA;
  if ((len == 20 && s[19] == 'Z') || (len == 27 && parse_micros(s, &micros)) ||
      (len == 24 && parse_millis(s, &micros))) {
    *us = seconds * US_PER_S + micros;
    return 0;
  }
  if (!parse_tail(s + 19, s + len, &micros, &offset_s)) return MR_ERR_DATA;
  int64_t value = (seconds - offset_s) * US_PER_S + micros;
  if (value < US_MIN || value > US_MAX) return MR_ERR_DATA; /* an offset led out of the years */
  *us = value;
  return 0;
}

/* Civil date from days by Euclidean affine functions (Neri and Schneider, Softw. Pract. Exp. 2023).
 */
static inline void split_us(int64_t us, struct mr_civil *out) {
  int64_t days = us / US_PER_DAY, rest = us % US_PER_DAY;
  if (rest < 0) {
    rest += US_PER_DAY;
    days--;
  }
  uint32_t second = (uint32_t)(rest / US_PER_S);
  out->us = (uint32_t)(rest % US_PER_S);
  out->hour = (uint8_t)(second / 3600);
  out->minute = (uint8_t)(second / 60 % 60);
  out->second = (uint8_t)(second % 60);
  /* Days since 0000-03-01, moved up by whole eras. */
  uint32_t n = (uint32_t)(days + DAYS_TO_EPOCH + 306 + (int64_t)ERA_DAYS * ERAS);
  uint32_t n1 = 4 * n + 3, century = n1 / ERA_DAYS, century_day = n1 % ERA_DAYS / 4;
  uint64_t product = UINT64_C(2939745) * (4 * century_day + 3);
  uint32_t year_of_century = (uint32_t)(product >> 32);
  uint32_t year_day = (uint32_t)product / 2939745 / 4;
  uint32_t n3 = 2141 * year_day + 197913, month = n3 >> 16;
  bool next_year = year_day >= 306;
  out->year = (int32_t)(100 * century + year_of_century + next_year) - 400 * ERAS;
  out->month = (uint8_t)(next_year ? month - 12 : month);
  out->day = (uint8_t)((n3 & 0xffff) / 2141 + 1);
}

void mr_civil_from_us(int64_t us, struct mr_civil *out) {
  split_us(us, out);
}

bool mr_civil_to_us(const struct mr_civil *civil, int64_t *us) {
  if (civil->year < YEAR_MIN || civil->year > YEAR_MAX) return false;
  uint32_t year = (uint32_t)(civil->year + 400 * ERAS), month = civil->month, day = civil->day;
  if (month - 1 > 11) return false;
  if (day - 1 >= month_days[month] + (uint32_t)(month == 2 && is_leap(year))) return false;
  if (civil->hour > 23 || civil->minute > 59 || civil->second > 59 || civil->us > 999999)
    return false;
  int64_t days = (int64_t)count_days(year, month, day) - DAYS_TO_EPOCH - (int64_t)ERA_DAYS * ERAS;
  int64_t in_day = (civil->hour * 3600 + civil->minute * 60 + civil->second) * US_PER_S + civil->us;
  if (days < 0) { /* so that the first day of all does not overflow on the way */
    days++;
    in_day -= US_PER_DAY;
  }
  int64_t value;
  if (__builtin_mul_overflow(days, US_PER_DAY, &value)) return false;
  return !__builtin_add_overflow(value, in_day, us);
}

/* Years outside 0000 to 9999, which only arithmetic makes, carry their sign. */
static size_t put_far_year(char *buf, int32_t year) {
  buf[0] = year < 0 ? '-' : '+';
  uint32_t y = (uint32_t)(year < 0 ? -year : year);
  size_t n = 1;
  for (uint32_t unit = 1000; unit > 1 && y < unit; unit /= 10) buf[n++] = '0';
  return n + mr_text_put_u64(buf + n, y);
}

size_t mr_timestamp_format(char *buf, int64_t us) {
  struct mr_civil c;
  split_us(us, &c);
  char *p = buf;
  if (__builtin_expect((uint32_t)c.year <= 9999, 1)) {
    mr_text_put2(p, (uint32_t)c.year / 100);
    mr_text_put2(p + 2, (uint32_t)c.year % 100);
    p += 4;
  } else {
    p += put_far_year(p, c.year);
  }
  p[0] = '-';
  mr_text_put2(p + 1, c.month);
  p[3] = '-';
  mr_text_put2(p + 4, c.day);
  p[6] = 'T';
  mr_text_put2(p + 7, c.hour);
  p[9] = ':';
  mr_text_put2(p + 10, c.minute);
  p[12] = ':';
  mr_text_put2(p + 13, c.second);
  p += 15;
  if (c.us) {
    uint32_t millis = c.us / 1000, micros = c.us % 1000;
    p[0] = '.';
    p[1] = (char)('0' + millis / 100);
    mr_text_put2(p + 2, millis % 100);
    p += 4;
    if (micros) {
      p[0] = (char)('0' + micros / 100);
      mr_text_put2(p + 1, micros % 100);
      p += 3;
    }
  }
  *p++ = 'Z';
  return (size_t)(p - buf);
}
