/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "base/text.h"
#include "expr/program_private.h"

#define US_SECOND INT64_C(1000000)
#define US_DAY    (86400 * US_SECOND)

/* Every unit by its names: PostgreSQL's, Spark's, and the letters of Spark's trunc. */
static const struct {
  const char *name;
  enum time_field field;
} fields[] = {
    {"year", FIELD_YEAR},
    {"y", FIELD_YEAR},
    {"yr", FIELD_YEAR},
    {"yy", FIELD_YEAR},
    {"yyyy", FIELD_YEAR},
    {"quarter", FIELD_QUARTER},
    {"qtr", FIELD_QUARTER},
    {"month", FIELD_MONTH},
    {"mon", FIELD_MONTH},
    {"mm", FIELD_MONTH},
    {"week", FIELD_WEEK},
    {"weekofyear", FIELD_WEEK},
    {"w", FIELD_WEEK},
    {"day", FIELD_DAY},
    {"dayofmonth", FIELD_DAY},
    {"d", FIELD_DAY},
    {"dd", FIELD_DAY},
    {"hour", FIELD_HOUR},
    {"hr", FIELD_HOUR},
    {"h", FIELD_HOUR},
    {"minute", FIELD_MINUTE},
    {"min", FIELD_MINUTE},
    {"m", FIELD_MINUTE},
    {"second", FIELD_SECOND},
    {"sec", FIELD_SECOND},
    {"s", FIELD_SECOND},
    {"millisecond", FIELD_MILLISECOND},
    {"microsecond", FIELD_MICROSECOND},
    {"dayofweek", FIELD_DAYOFWEEK},
    {"dow", FIELD_DOW},
    {"isodow", FIELD_ISODOW},
    {"dayofweek_iso", FIELD_ISODOW},
    {"dow_iso", FIELD_ISODOW},
    {"doy", FIELD_DAYOFYEAR},
    {"dayofyear", FIELD_DAYOFYEAR},
    {"isoyear", FIELD_ISOYEAR},
    {"yearofweek", FIELD_ISOYEAR},
    {"epoch", FIELD_EPOCH},
};

int expr_time_field(const char *s, uint32_t len) {
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    size_t n = strlen(fields[i].name);
    bool plural = len == n + 1 && (s[n] | 32) == 's';
    if ((len == n || plural) && strncasecmp(fields[i].name, s, n) == 0) return (int)fields[i].field;
  }
  return -1;
}

static int64_t floor_div(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}
static int64_t floor_mod(int64_t a, int64_t b) {
  return a - floor_div(a, b) * b;
}

/* 0 Monday; day 0 of the epoch was a Thursday. */
static int64_t weekday(int64_t us) {
  return floor_mod(floor_div(us, US_DAY) + 3, 7);
}

static int64_t year_start(int32_t year) {
  struct mr_civil c = {.year = year, .month = 1, .day = 1};
  int64_t us = 0;
  mr_civil_to_us(&c, &us);
  return us;
}

/* The ISO week and its year: those of the Thursday in it. */
static int64_t iso_week(int64_t us, int32_t *year) {
  int64_t thursday = us + (3 - weekday(us)) * US_DAY;
  struct mr_civil c;
  mr_civil_from_us(thursday, &c);
  *year = c.year;
  return floor_div(thursday - year_start(c.year), 7 * US_DAY) + 1;
}

static int64_t extract(uint8_t field, int64_t us) {
  struct mr_civil c;
  switch (field) { /* those that need no date */
  case FIELD_HOUR: return floor_mod(floor_div(us, 3600 * US_SECOND), 24);
  case FIELD_MINUTE: return floor_mod(floor_div(us, 60 * US_SECOND), 60);
  case FIELD_SECOND: return floor_mod(floor_div(us, US_SECOND), 60);
  case FIELD_MILLISECOND: return floor_mod(us, 60 * US_SECOND) / 1000;
  case FIELD_MICROSECOND: return floor_mod(us, 60 * US_SECOND);
  case FIELD_DOW: return (weekday(us) + 1) % 7;
  case FIELD_DAYOFWEEK: return (weekday(us) + 1) % 7 + 1;
  case FIELD_ISODOW: return weekday(us) + 1;
  case FIELD_WEEKDAY: return weekday(us);
  case FIELD_WEEK: return iso_week(us, &c.year);
  case FIELD_ISOYEAR: iso_week(us, &c.year); return c.year;
  default: break;
  }
  mr_civil_from_us(us, &c);
  switch (field) {
  case FIELD_YEAR: return c.year;
  case FIELD_QUARTER: return (c.month - 1) / 3 + 1;
  case FIELD_MONTH: return c.month;
  case FIELD_DAY: return c.day;
  default: return floor_div(us - year_start(c.year), US_DAY) + 1;
  }
}

void run_extract(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data;
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  v->data = v->out;
  if (n->type == MR_TYPE_DOUBLE) {
    double *out = v->out;
    int64_t per = n->op == FIELD_EPOCH ? INT64_MAX : 60 * US_SECOND;
    bool sign = n->negated; /* a duration's seconds */
    for (uint32_t i = 0; i < run->rows64; i++)
      out[i] = (double)(per == INT64_MAX ? a[i] : sign ? a[i] % per : floor_mod(a[i], per)) / 1e6;
    return;
  }
  int64_t *out = v->out;
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    out[row] = extract(n->op, a[row]);
  }
}

static int64_t truncate(uint8_t field, int64_t us) {
  struct mr_civil c;
  switch (field) {
  case FIELD_MICROSECOND: return us;
  case FIELD_MILLISECOND: return floor_div(us, 1000) * 1000;
  case FIELD_SECOND: return floor_div(us, US_SECOND) * US_SECOND;
  case FIELD_MINUTE: return floor_div(us, 60 * US_SECOND) * 60 * US_SECOND;
  case FIELD_HOUR: return floor_div(us, 3600 * US_SECOND) * 3600 * US_SECOND;
  case FIELD_DAY: return floor_div(us, US_DAY) * US_DAY;
  case FIELD_WEEK: return (floor_div(us, US_DAY) - weekday(us)) * US_DAY;
  default: break;
  }
  mr_civil_from_us(us, &c);
  c.day = 1;
  c.hour = c.minute = c.second = 0;
  c.us = 0;
  if (field == FIELD_QUARTER) c.month = (uint8_t)((c.month - 1) / 3 * 3 + 1);
  if (field == FIELD_YEAR) c.month = 1;
  mr_civil_to_us(&c, &us);
  return us;
}

void run_date_trunc(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data;
  int64_t *out = v->out;
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    out[row] = truncate(n->op, a[row]);
  }
  v->data = out;
}

void run_date_format(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const int64_t *a = run_arg(run, n, 0)->data;
  struct mr_str *out = v->out;
  uint64_t buf[MR_BATCH_WORDS], full[MR_BATCH_WORDS] = {0}, any = 0;
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    char small[128];
    size_t len = mr_time_pattern_format(n->param, a[row], small, sizeof small);
    char *p = small;
    if (len > MR_STR_INLINE) p = run_scratch(run, len);
    if (!p) {
      mr_bit_set(full, (uint32_t)row);
      any = 1;
      continue;
    }
    if (len > sizeof small)
      mr_time_pattern_format(n->param, a[row], p, len);
    else if (p != small)
      memcpy(p, small, len);
    out[row] = mr_str_make(p, (uint32_t)len, run->base);
  }
  if (any) run_raise(run, n, full);
  v->data = out;
}

/* to_timestamp(text, pattern) */
void run_parse_time(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_str *a = run_arg(run, n, 0)->data;
  int64_t *out = v->out;
  uint64_t buf[MR_BATCH_WORDS], bad[MR_BATCH_WORDS] = {0};
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    int64_t us = 0;
    if (mr_time_pattern_parse(n->param, mr_str_data(&a[row], run->base), a[row].len, &us) == MR_OK)
      out[row] = us;
    else
      mr_bit_set(bad, (uint32_t)row);
  }
  run_raise(run, n, bad);
  v->data = out;
}
