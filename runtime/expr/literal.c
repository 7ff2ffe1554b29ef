/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "expr/ast_private.h"

#define US_SECOND INT64_C(1000000)

static const struct {
  const char *name;
  int64_t us;
} units[] = {
    {"us", 1},
    {"microsecond", 1},
    {"ms", 1000},
    {"millisecond", 1000},
    {"s", US_SECOND},
    {"sec", US_SECOND},
    {"second", US_SECOND},
    {"m", 60 * US_SECOND},
    {"min", 60 * US_SECOND},
    {"minute", 60 * US_SECOND},
    {"h", 3600 * US_SECOND},
    {"hr", 3600 * US_SECOND},
    {"hour", 3600 * US_SECOND},
    {"d", 86400 * US_SECOND},
    {"day", 86400 * US_SECOND},
    {"w", 7 * 86400 * US_SECOND},
    {"week", 7 * 86400 * US_SECOND},
};

static const struct {
  const char *name;
  enum mr_type type;
} types[] = {
    {"int8", MR_TYPE_INT64},
    {"int4", MR_TYPE_INT64},
    {"int2", MR_TYPE_INT64},
    {"int", MR_TYPE_INT64},
    {"integer", MR_TYPE_INT64},
    {"bigint", MR_TYPE_INT64},
    {"smallint", MR_TYPE_INT64},
    {"tinyint", MR_TYPE_INT64},
    {"long", MR_TYPE_INT64},
    {"short", MR_TYPE_INT64},
    {"byte", MR_TYPE_INT64},
    {"int64", MR_TYPE_INT64},
    {"float8", MR_TYPE_DOUBLE},
    {"float4", MR_TYPE_DOUBLE},
    {"float", MR_TYPE_DOUBLE},
    {"real", MR_TYPE_DOUBLE},
    {"double", MR_TYPE_DOUBLE},
    {"double precision", MR_TYPE_DOUBLE},
    {"bool", MR_TYPE_BOOL},
    {"boolean", MR_TYPE_BOOL},
    {"text", MR_TYPE_STRING},
    {"varchar", MR_TYPE_STRING},
    {"character varying", MR_TYPE_STRING},
    {"string", MR_TYPE_STRING},
    {"timestamp", MR_TYPE_TIMESTAMP},
    {"date", MR_TYPE_TIMESTAMP}, /* of its midnight */
    {"timestamptz", MR_TYPE_TIMESTAMP},
    {"timestamp_ltz", MR_TYPE_TIMESTAMP},
    {"timestamp_ntz", MR_TYPE_TIMESTAMP},
    {"timestamp with time zone", MR_TYPE_TIMESTAMP},
    {"timestamp without time zone", MR_TYPE_TIMESTAMP},
    {"interval", MR_TYPE_DURATION},
    {"duration", MR_TYPE_DURATION},
};

#define CNT(a) (sizeof(a) / sizeof((a)[0]))

static bool same_word(const char *name, const char *s, uint32_t len) {
  return strlen(name) == len && strncasecmp(name, s, len) == 0;
}

int64_t literal_unit(const char *s, uint32_t len) {
  for (size_t i = 0; i < CNT(units); i++) {
    if (same_word(units[i].name, s, len)) return units[i].us;
    if (len > 3 && (s[len - 1] | 32) == 's' && same_word(units[i].name, s, len - 1))
      return units[i].us;
  }
  return 0;
}

enum mr_type literal_type(const char *s, uint32_t len) {
  for (size_t i = 0; i < CNT(types); i++)
    if (same_word(types[i].name, s, len)) return types[i].type;
  return MR_TYPE_NONE;
}

static void trim(const char **s, uint32_t *len) {
  while (*len && **s == ' ') (*s)++, (*len)--;
  while (*len && (*s)[*len - 1] == ' ') (*len)--;
}

bool literal_timestamp(const char *s, uint32_t len, int64_t *us) {
  char buf[48];
  trim(&s, &len);
  if (mr_timestamp_parse(s, len, us) == MR_OK) return true;
  if (len < 10 || len > sizeof buf - 12) return false;
  memcpy(buf, s, len);
  const char *rest = len == 10 ? "T00:00:00Z" : "Z";
  size_t n = strlen(rest);
  memcpy(buf + len, rest, n);
  return mr_timestamp_parse(buf, len + n, us) == MR_OK;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* "[D] HH:MM:SS[.ffffff]" without sign. */
static bool clock_duration(const char *s, uint32_t len, int64_t *us) {
  int64_t part[3] = {0, 0, 0};
  uint32_t at = 0;
  for (int k = 0; k < 3; k++) {
    uint32_t from = at;
    while (at < len && is_digit(s[at]) && at - from < 6) part[k] = part[k] * 10 + (s[at++] - '0');
    if (at == from) return false;
    if (k == 2) break;
    if (at == len && k == 1) break;
    if (at == len || s[at++] != ':') return false;
  }
  int64_t frac = 0, scale = 100000;
  if (at < len && s[at] == '.') {
    for (at++; at < len && is_digit(s[at]); at++, scale /= 10) frac += (s[at] - '0') * scale;
  }
  if (at != len || part[1] > 59 || part[2] > 59) return false;
  *us = ((part[0] * 60 + part[1]) * 60 + part[2]) * US_SECOND + frac;
  return true;
}

/* A sequence of NUMBER UNIT with blanks anywhere between. */
static bool worded_duration(const char *s, uint32_t len, int64_t *us) {
  uint32_t at = 0;
  int64_t sum = 0;
  bool any = false;
  while (at < len) {
    while (at < len && (s[at] == ' ' || s[at] == ',')) at++;
    if (at == len) break;
    uint32_t from = at;
    if (s[at] == '-' || s[at] == '+') at++;
    while (at < len && (is_digit(s[at]) || s[at] == '.')) at++;
    double number;
    uint32_t skip = s[from] == '+';
    if (mr_double_parse(s + from + skip, at - from - skip, &number) != MR_OK) return false;
    while (at < len && s[at] == ' ') at++;
    uint32_t word = at;
    while (at < len && ((s[at] | 32) >= 'a' && (s[at] | 32) <= 'z')) at++;
    int64_t unit = literal_unit(s + word, at - word);
    double exact = number * (double)unit;
    if (!unit || !(exact > -9.2e18 && exact < 9.2e18)) return false;
    int64_t part = (int64_t)(exact < 0 ? exact - 0.5 : exact + 0.5);
    if (__builtin_add_overflow(sum, part, &sum)) return false;
    any = true;
  }
  *us = sum;
  return any;
}

bool literal_duration(const char *s, uint32_t len, int64_t *us) {
  trim(&s, &len);
  if (mr_duration_parse_us(s, len, us) == MR_OK) return true;
  bool negative = len && s[0] == '-';
  if (clock_duration(s + negative, len - negative, us)) {
    if (negative) *us = -*us;
    return true;
  }
  return worded_duration(s, len, us);
}
