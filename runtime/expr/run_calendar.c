/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of the calendar: months, days, weekdays, and counts of them. Proleptic Gregorian, UTC;
 * a date is the timestamp of its midnight. */
#include <math.h>
#include <strings.h>

#include "expr/rows_private.h"

#define US_SECOND INT64_C(1000000)
#define US_DAY    (86400 * US_SECOND)

static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}
static int64_t day_of(int64_t us) {
  return floor_div(us, US_DAY);
}
static int64_t weekday(int64_t us) { /* 0 Monday; day 0 of the epoch was a Thursday */
  return ((day_of(us) + 3) % 7 + 7) % 7;
}
static uint32_t days_in_month(int32_t year, uint32_t month) {
  static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : days[month - 1];
}
static enum row_result in_range(int64_t us) {
  return us >= EXPR_TIME_US_MIN && us <= EXPR_TIME_US_MAX ? ROW_OK : ROW_BAD;
}

/* ---- names and parts ---- */

int expr_weekday(const char *s, uint32_t len) {
  for (int i = 0; i < 7; i++) /* two letters, three, or all */
    if ((len == 2 || len == 3 || len == strlen(weekdays[i])) &&
        strncasecmp(weekdays[i], s, len) == 0)
      return i;
  return -1;
}

static inline enum row_result name_of_day_row(struct expr_run *run, const struct expr_node *n,
                                              uint32_t row, struct mr_str *out) {
  *out = row_part(run, weekdays[weekday(row_i64(run, n, 0, row))], 3);
  return ROW_OK;
}
RUN_ROWS(run_name_of_day, struct mr_str, name_of_day_row)

static inline enum row_result name_of_month_row(struct expr_run *run, const struct expr_node *n,
                                                uint32_t row, struct mr_str *out) {
  struct mr_civil c;
  mr_civil_from_us(row_i64(run, n, 0, row), &c);
  *out = row_part(run, months[c.month - 1], 3);
  return ROW_OK;
}
RUN_ROWS(run_name_of_month, struct mr_str, name_of_month_row)

/* As Spark's day-time intervals: days, and what is left of hours, minutes, seconds; all with the
 * sign. */
static inline enum row_result part_row(struct expr_run *run, const struct expr_node *n,
                                       uint32_t row, int64_t *out) {
  int64_t us = row_i64(run, n, 0, row);
  switch (n->op) {
  case FIELD_DAY: *out = us / US_DAY; break;
  case FIELD_HOUR: *out = us % US_DAY / (3600 * US_SECOND); break;
  default: *out = us % (3600 * US_SECOND) / (60 * US_SECOND); break;
  }
  return ROW_OK;
}
RUN_ROWS(run_extract_duration, int64_t, part_row)

/* ---- from parts ---- */

static inline enum row_result make_timestamp_row(struct expr_run *run, const struct expr_node *n,
                                                 uint32_t row, int64_t *out) {
  static const int64_t least[] = {1, 1, 1, 0, 0}, most[] = {9999, 12, 31, 23, 59};
  int64_t part[5] = {0, 0, 0, 0, 0}, us = 0;
  for (uint32_t i = 0; i < 5 && i < n->arg_cnt; i++) {
    part[i] = row_i64(run, n, i, row);
    if (part[i] < least[i] || part[i] > most[i]) return ROW_BAD;
  }
  if (n->arg_cnt == 6) {
    double seconds = row_f64(run, n, 5, row);
    if (!(seconds >= 0 && seconds <= 60)) return ROW_BAD;
    us = (int64_t)floor(seconds * 1e6 + 0.5);
    if (us > 60 * US_SECOND) return ROW_BAD; /* 60 itself is the next minute, as in Spark */
  }
  struct mr_civil c = {.year = (int32_t)part[0],
                       .month = (uint8_t)part[1],
                       .day = (uint8_t)part[2],
                       .hour = (uint8_t)part[3],
                       .minute = (uint8_t)part[4]};
  if (!mr_civil_to_us(&c, out)) return ROW_BAD;
  *out += us;
  return in_range(*out);
}
RUN_ROWS(run_make_timestamp, int64_t, make_timestamp_row)

static inline enum row_result make_duration_row(struct expr_run *run, const struct expr_node *n,
                                                uint32_t row, int64_t *out) {
  static const int64_t units[] = {US_DAY, 3600 * US_SECOND, 60 * US_SECOND};
  row_wide sum = 0;
  for (uint32_t i = 0; i < 3 && i < n->arg_cnt; i++)
    sum += (row_wide)row_i64(run, n, i, row) * units[i];
  if (n->arg_cnt == 4) {
    double us = round(row_f64(run, n, 3, row) * 1e6);
    if (!(us > -0x1p63 && us < 0x1p63)) return ROW_BAD;
    sum += (int64_t)us;
  }
  *out = (int64_t)sum;
  return sum == *out ? ROW_OK : ROW_BAD;
}
RUN_ROWS(run_make_duration, int64_t, make_duration_row)

/* ---- sums ---- */

static inline enum row_result add_days_row(struct expr_run *run, const struct expr_node *n,
                                           uint32_t row, int64_t *out) {
  int64_t days = row_i64(run, n, 1, row);
  if (days < -4000000 || days > 4000000) return ROW_BAD; /* 9999 years are 3.7 million days */
  *out = (day_of(row_i64(run, n, 0, row)) + (n->op == '+' ? days : -days)) * US_DAY;
  return in_range(*out);
}
RUN_ROWS(run_add_days, int64_t, add_days_row)

static inline enum row_result add_units_row(struct expr_run *run, const struct expr_node *n,
                                            uint32_t row, int64_t *out) {
  int64_t by;
  if (__builtin_mul_overflow(row_i64(run, n, 1, row), n->i, &by)) return ROW_BAD;
  if (__builtin_add_overflow(row_i64(run, n, 0, row), by, out)) return ROW_BAD;
  return in_range(*out);
}
RUN_ROWS(run_add_units, int64_t, add_units_row)

/* The same day of another month, or that month's last. */
static inline enum row_result add_months_row(struct expr_run *run, const struct expr_node *n,
                                             uint32_t row, int64_t *out) {
  int64_t us = row_i64(run, n, 0, row), cnt = row_i64(run, n, 1, row);
  if (cnt < -120000 || cnt > 120000) return ROW_BAD;
  struct mr_civil c;
  mr_civil_from_us(us, &c);
  int64_t month = (int64_t)c.year * 12 + (c.month - 1) + cnt * n->i, year = floor_div(month, 12);
  if (year < 1 || year > 9999) return ROW_BAD;
  uint32_t of_year = (uint32_t)(month - year * 12) + 1;
  uint32_t last = days_in_month((int32_t)year, of_year);
  struct mr_civil to = {.year = (int32_t)year,
                        .month = (uint8_t)of_year,
                        .day = (uint8_t)(c.day < last ? c.day : last)};
  if (!mr_civil_to_us(&to, out)) return ROW_BAD;
  if (n->op) *out += us - day_of(us) * US_DAY;
  return ROW_OK;
}
RUN_ROWS(run_add_months, int64_t, add_months_row)

/* ---- counts ---- */

static inline enum row_result day_count_row(struct expr_run *run, const struct expr_node *n,
                                            uint32_t row, int64_t *out) {
  *out = day_of(row_i64(run, n, 0, row)) - day_of(row_i64(run, n, 1, row));
  return ROW_OK;
}
RUN_ROWS(run_day_count, int64_t, day_count_row)

static inline enum row_result unit_count_row(struct expr_run *run, const struct expr_node *n,
                                             uint32_t row, int64_t *out) {
  int64_t us;
  if (__builtin_sub_overflow(row_i64(run, n, 1, row), row_i64(run, n, 0, row), &us)) return ROW_BAD;
  *out = us / n->i;
  return ROW_OK;
}
RUN_ROWS(run_unit_count, int64_t, unit_count_row)

/* Whole months between two times: the day and the time of day must be reached again. */
static int64_t whole_months(int64_t start, int64_t end) {
  int64_t end_day = day_of(end), start_day = day_of(start);
  int64_t end_time = end - end_day * US_DAY, start_time = start - start_day * US_DAY;
  if (end_day > start_day && end_time < start_time) end_day--;
  if (end_day < start_day && end_time > start_time) end_day++;
  struct mr_civil a, b;
  mr_civil_from_us(start_day * US_DAY, &a);
  mr_civil_from_us(end_day * US_DAY, &b);
  int64_t x = ((int64_t)a.year * 12 + a.month) * 32 + a.day;
  int64_t y = ((int64_t)b.year * 12 + b.month) * 32 + b.day;
  return (y - x) / 32;
}

static inline enum row_result month_count_row(struct expr_run *run, const struct expr_node *n,
                                              uint32_t row, int64_t *out) {
  *out = whole_months(row_i64(run, n, 0, row), row_i64(run, n, 1, row)) / n->i;
  return ROW_OK;
}
RUN_ROWS(run_month_count, int64_t, month_count_row)

/* As Spark: whole where both are the same day of their months or both the last; else with the rest
 * in months of 31 days, rounded to 8 digits unless the third operand is false. */
static inline enum row_result months_between_row(struct expr_run *run, const struct expr_node *n,
                                                 uint32_t row, double *out) {
  int64_t x = row_i64(run, n, 0, row), y = row_i64(run, n, 1, row);
  struct mr_civil a, b;
  mr_civil_from_us(x, &a);
  mr_civil_from_us(y, &b);
  int64_t whole = ((int64_t)a.year - b.year) * 12 + a.month - b.month;
  bool last = a.day == days_in_month(a.year, a.month) && b.day == days_in_month(b.year, b.month);
  *out = (double)whole;
  if (a.day == b.day || last) return ROW_OK;
  int64_t seconds = ((int64_t)a.day - b.day) * 86400;
  seconds += (x - day_of(x) * US_DAY) / US_SECOND - (y - day_of(y) * US_DAY) / US_SECOND;
  *out = (double)whole + (double)seconds / (31 * 86400.0);
  bool exact = n->arg_cnt > 2 && !mr_bit_get(run_arg(run, n, 2)->data, row);
  if (!exact) *out = floor(*out * 1e8 + 0.5) / 1e8;
  return ROW_OK;
}
RUN_ROWS(run_months_between, double, months_between_row)

/* ---- certain days ---- */

static inline enum row_result last_day_row(struct expr_run *run, const struct expr_node *n,
                                           uint32_t row, int64_t *out) {
  int64_t us = row_i64(run, n, 0, row);
  struct mr_civil c;
  mr_civil_from_us(us, &c);
  *out = (day_of(us) + days_in_month(c.year, c.month) - c.day) * US_DAY;
  return ROW_OK;
}
RUN_ROWS(run_last_day, int64_t, last_day_row)

/* The first day of that name behind the given one. */
static inline enum row_result next_day_row(struct expr_run *run, const struct expr_node *n,
                                           uint32_t row, int64_t *out) {
  int64_t us = row_i64(run, n, 0, row);
  const struct mr_str *s = row_str(run, n, 1, row);
  int want = expr_weekday(row_text(run, s), s->len);
  if (want < 0) return ROW_BAD;
  int64_t ahead = (want - weekday(us) + 7) % 7;
  *out = (day_of(us) + (ahead ? ahead : 7)) * US_DAY;
  return in_range(*out);
}
RUN_ROWS(run_next_day, int64_t, next_day_row)

/* The begin of the interval of that width, counted from an origin, that holds the time. */
static inline enum row_result date_bin_row(struct expr_run *run, const struct expr_node *n,
                                           uint32_t row, int64_t *out) {
  int64_t width = row_i64(run, n, 0, row), us = row_i64(run, n, 1, row);
  int64_t origin = n->arg_cnt > 2 ? row_i64(run, n, 2, row) : 0;
  if (width <= 0) return ROW_BAD;
  int64_t off = floor_div(us - origin, width); /* both lie within 10,000 years */
  if (__builtin_mul_overflow(off, width, &off)) return ROW_BAD;
  if (__builtin_add_overflow(off, origin, out)) return ROW_BAD;
  return in_range(*out);
}
RUN_ROWS(run_date_bin, int64_t, date_bin_row)
