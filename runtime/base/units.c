/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/text_private.h"

struct unit {
  const char *name;
  uint64_t size;
};

#define MINUTE_NS UINT64_C(60000000000)
#define HOUR_NS   (60 * MINUTE_NS)
#define DAY_NS    (24 * HOUR_NS)

static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", MINUTE_NS},
    {"h", HOUR_NS},
    {"d", DAY_NS},
    {"w", 7 * DAY_NS},
    {"microsecond", 1000},
    {"microseconds", 1000},
    {"millisecond", 1000000},
    {"milliseconds", 1000000},
    {"second", 1000000000},
    {"seconds", 1000000000},
    {"minute", MINUTE_NS},
    {"minutes", MINUTE_NS},
    {"hour", HOUR_NS},
    {"hours", HOUR_NS},
    {"day", DAY_NS},
    {"days", DAY_NS},
    {"week", 7 * DAY_NS},
    {"weeks", 7 * DAY_NS},
};

static const struct unit size_units[] = {
    {"B", 1},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
};

static const struct unit rate_factors[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}};
static const struct unit rate_seconds[] = {{"s", 1}, {"m", 60}, {"h", 3600}};

/* A product that 64 bits may not hold; ns or bytes. */
struct wide {
  __extension__ unsigned __int128 v;
};

#define CNT(table) (sizeof(table) / sizeof *(table))

size_t mr_text_take_decimal(const char *s, size_t len, struct mr_text_decimal *out) {
  size_t i = 0;
  *out = (struct mr_text_decimal){.scale = 1};
  for (; i < len && mr_text_is_digit(s[i]); i++) {
    if (i >= 19) return 0;
    out->whole = out->whole * 10 + (uint64_t)(s[i] - '0');
  }
  if (!i) return 0;
  if (i + 1 >= len || s[i] != '.' || !mr_text_is_digit(s[i + 1])) return i;
  size_t start = ++i;
  for (; i < len && mr_text_is_digit(s[i]); i++) {
    if (i - start >= 18) return 0;
    out->fraction = out->fraction * 10 + (uint64_t)(s[i] - '0');
    out->scale *= 10;
  }
  return i;
}

static const struct unit *find_unit(const struct unit *units, size_t cnt, const char *s,
                                    size_t len) {
  for (size_t i = 0; i < cnt; i++)
    if (strlen(units[i].name) == len && !memcmp(units[i].name, s, len)) return &units[i];
  return NULL;
}

/* Nanoseconds of the durations in a row, of 128 bits: 19 digits times a week fit. */
static bool parse_duration(const char *s, size_t len, bool *negative, struct wide *out) {
  size_t i = 0;
  *negative = false;
  if (len && (*s == '-' || *s == '+')) *negative = s[i++] == '-';
  if (i == len) return false;
  out->v = 0;
  while (i < len) {
    struct mr_text_decimal number;
    size_t n = mr_text_take_decimal(s + i, len - i, &number);
    if (!n) return false;
    i += n;
    while (i < len && s[i] == ' ') i++;
    size_t start = i;
    while (i < len && s[i] >= 'a' && s[i] <= 'z') i++;
    const struct unit *unit = find_unit(duration_units, CNT(duration_units), s + start, i - start);
    if (!unit) return false;
    struct wide fraction = {.v = number.fraction};
    fraction.v *= unit->size;
    if (fraction.v % number.scale) return false; /* finer than a nanosecond */
    struct wide part = {.v = number.whole};
    out->v += part.v * unit->size + fraction.v / number.scale;
    if (out->v >> 120) return false;
    if (i < len && s[i] == ' ' && ++i == len) return false;
  }
  return true;
}

static int narrow(const struct wide *wide, bool negative, int64_t *out) {
  if (wide->v > (uint64_t)INT64_MAX + negative) return MR_ERR_DATA;
  uint64_t v = (uint64_t)wide->v;
  *out = (int64_t)(negative ? 0 - v : v);
  return 0;
}

int mr_duration_parse_ns(const char *s, size_t len, int64_t *ns) {
  struct wide wide;
  bool negative;
  if (!parse_duration(s, len, &negative, &wide)) return MR_ERR_DATA;
  return narrow(&wide, negative, ns);
}

int mr_duration_parse_us(const char *s, size_t len, int64_t *us) {
  struct wide wide;
  bool negative;
  if (!parse_duration(s, len, &negative, &wide) || wide.v % 1000) return MR_ERR_DATA;
  wide.v /= 1000;
  return narrow(&wide, negative, us);
}

/* v with its fraction of unit (a power of ten), without trailing zeros. */
static size_t put_fraction(char *buf, uint64_t v, uint64_t unit) {
  size_t n = mr_text_put_u64(buf, v / unit);
  uint64_t rest = v % unit;
  if (!rest) return n;
  buf[n++] = '.';
  for (; rest; rest = rest * 10 % unit) buf[n++] = (char)('0' + rest * 10 / unit);
  return n;
}

size_t mr_duration_format_us(char *buf, int64_t us) {
  size_t n = 0;
  uint64_t v = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
  if (!v) {
    memcpy(buf, "0s", 2);
    return 2;
  }
  if (us < 0) buf[n++] = '-';
  if (v < 1000000) {
    n += put_fraction(buf + n, v, v < 1000 ? 1 : 1000);
    buf[n++] = v < 1000 ? 'u' : 'm';
    buf[n++] = 's';
    return n;
  }
  uint64_t hours = v / UINT64_C(3600000000), minutes = v / 60000000 % 60, rest = v % 60000000;
  if (hours) {
    n += mr_text_put_u64(buf + n, hours);
    buf[n++] = 'h';
  }
  if (minutes) {
    n += mr_text_put_u64(buf + n, minutes);
    buf[n++] = 'm';
  }
  if (rest) {
    n += put_fraction(buf + n, rest, 1000000);
    buf[n++] = 's';
  }
  return n;
}

int mr_size_parse(const char *s, size_t len, uint64_t *bytes) {
  struct mr_text_decimal number;
  size_t n = mr_text_take_decimal(s, len, &number);
  if (!n) return MR_ERR_DATA;
  const struct unit *unit = &size_units[0];
  if (n < len) unit = find_unit(size_units, CNT(size_units), s + n, len - n);
  if (!unit) return MR_ERR_DATA;
  struct wide whole = {.v = number.whole}, fraction = {.v = number.fraction};
  fraction.v *= unit->size;
  if (fraction.v % number.scale) return MR_ERR_DATA; /* not whole bytes */
  whole.v = whole.v * unit->size + fraction.v / number.scale;
  if (whole.v > UINT64_MAX) return MR_ERR_DATA;
  *bytes = (uint64_t)whole.v;
  return 0;
}

int mr_rate_parse(const char *s, size_t len, double *per_s) {
  const char *slash = memchr(s, '/', len);
  if (!slash) return MR_ERR_DATA;
  size_t number_len = (size_t)(slash - s);
  struct mr_text_decimal number;
  size_t n = mr_text_take_decimal(s, number_len, &number);
  if (!n) return MR_ERR_DATA;
  const struct unit *factor = find_unit(rate_factors, CNT(rate_factors), s + n, number_len - n);
  const struct unit *seconds =
      find_unit(rate_seconds, CNT(rate_seconds), slash + 1, len - number_len - 1);
  if (!factor || !seconds) return MR_ERR_DATA;
  double v;
  if (mr_double_parse(s, n, &v)) return MR_ERR_DATA; /* also leading zeros */
  *per_s = v * (double)factor->size / (double)seconds->size;
  return 0;
}
