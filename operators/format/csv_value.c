/* SPDX-License-Identifier: Apache-2.0 */
#include "format/csv_private.h"
#include "format/json_private.h"

int mr_csv_take_double(const char *p, uint32_t len, double *out) {
  if (mr_json_take_double(p, out) == p + len) return 0;
  return mr_double_parse(p, len, out);
}

bool mr_csv_take_bool(const char *p, uint32_t len, bool *out) {
  char text[5];
  if (len != 4 && len != 5) return false;
  for (uint32_t i = 0; i < len; i++) text[i] = (char)(p[i] | 0x20);
  *out = len == 4;
  return memcmp(text, *out ? "true" : "false", len) == 0;
}

bool mr_csv_take_other_time(struct mr_day *day, const char *p, uint32_t len, int64_t *out) {
  if (mr_timestamp_parse(p, len, out) != 0) return false;
  if (p[len - 1] == 'Z') mr_day_learn(day, p, *out);
  return true;
}

bool mr_csv_take_other_pattern(const struct mr_fill_col *col, struct mr_day *day, const char *p,
                               uint32_t len, int64_t *out) {
  if (mr_time_pattern_parse(col->pattern, p, len, out) != 0) return false;
  if (len == col->pattern_len) mr_day_learn(day, p, *out);
  return true;
}

bool mr_csv_take_time(const struct mr_fill_col *col, const char *p, uint32_t len, int64_t *out) {
  const struct mr_decode_field *f = col->conf;
  if (col->kind == MR_VALUE_DURATION) return mr_duration_parse_us(p, len, out) == 0;
  if (!f->format_cnt) return mr_timestamp_parse(p, len, out) == 0;
  for (uint32_t i = 0; i < f->format_cnt; i++)
    if (mr_fill_time(&f->formats[i], p, len, out)) return true;
  return false;
}
