/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "expr/function_private.h"

#define US_SECOND INT64_C(1000000)
#define US_DAY    (86400 * US_SECOND)

/* ---- units and patterns ---- */

static const struct mr_time_pattern *time_pattern(struct compiler *c, const struct expr_node *n,
                                                  const struct ast_node *at) {
  const struct expr_str *text = fn_constant_text(c, n, at, "the pattern");
  if (!text) return NULL;
  struct mr_time_pattern *p = MR_NEW(c->arena, struct mr_time_pattern, 1);
  size_t bad = 0;
  if (mr_time_pattern_compile(text->text, text->len, p, &bad) == MR_OK) return p;
  struct mr_expr_error *e = EXPR_ERROR_AT(
      c->errors, MR_EXPR_BAD_LITERAL, at, "the pattern is not understood from \"%s\" on",
      expr_snippet(c->arena, text->text, (uint32_t)bad,
                   bad < text->len ? text->len - (uint32_t)bad : 0, 20));
  e->hint = "'yyyy-MM-dd HH:mm:ss'";
  return NULL;
}

static int field_of(struct compiler *c, const struct expr_node *n, const struct ast_node *at) {
  static const char *const names[] = {"year", "quarter", "month",  "week",        "day",
                                      "hour", "minute",  "second", "millisecond", "epoch"};
  const struct expr_str *text = fn_constant_text(c, n, at, "the unit");
  if (!text) return -1;
  int field = expr_time_field(text->text, text->len);
  if (field >= 0) return field;
  struct mr_expr_error *e =
      EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, at, "\"%s\" is no unit of time", text->text);
  const char *close = comp_closest(text->text, names, sizeof names / sizeof names[0]);
  if (close) e->label = mr_arena_printf(c->arena, "did you mean \"%s\"?", close);
  return -1;
}

/* A unit that times are counted in: *months of it, or *us. */
static bool counted_unit(struct compiler *c, const struct expr_node *n, const struct ast_node *at,
                         int64_t *months, int64_t *us) {
  int field = field_of(c, n, at);
  *months = *us = 0;
  switch (field) {
  case FIELD_YEAR: *months = 12; break;
  case FIELD_QUARTER: *months = 3; break;
  case FIELD_MONTH: *months = 1; break;
  case FIELD_WEEK: *us = 7 * US_DAY; break;
  case FIELD_DAY:
  case FIELD_DAYOFYEAR: *us = US_DAY; break;
  case FIELD_HOUR: *us = 3600 * US_SECOND; break;
  case FIELD_MINUTE: *us = 60 * US_SECOND; break;
  case FIELD_SECOND: *us = US_SECOND; break;
  case FIELD_MILLISECOND: *us = 1000; break;
  case FIELD_MICROSECOND: *us = 1; break;
  case -1: return false;
  default:
    EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, at, "times are not counted in this unit");
    return false;
  }
  return true;
}

/* ---- to and from text ---- */

static struct expr_node *make_date_format(struct compiler *c, const struct function *f,
                                          const struct ast_node *ast, struct expr_node **v) {
  const struct mr_time_pattern *p = time_pattern(c, v[1], ast->args[1]);
  if (!p) return NULL;
  struct expr_node *n = comp_node1(c, f->run, MR_TYPE_STRING, ast, v[0]);
  n->param = p;
  n->code = MR_EXPR_ROW_SCRATCH;
  n->makes_strings = true;
  return comp_strict(c, n);
}

static struct expr_node *parse_time(struct compiler *c, const struct ast_node *ast,
                                    struct expr_node **v, bool try_it) {
  bool bad = false;
  struct expr_node *text = comp_coerce(c, v[0], MR_TYPE_STRING, ast->args[0], &bad);
  if (!text) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[0], "a pattern reads strings, this is %s",
                  mr_type_name(v[0]->type));
    return NULL;
  }
  const struct mr_time_pattern *p = time_pattern(c, v[1], ast->args[1]);
  if (!p) return NULL;
  struct expr_node *n = comp_node1(c, run_parse_time, MR_TYPE_TIMESTAMP, ast, text);
  n->param = p;
  n->try_it = n->maybe_null = try_it;
  n->code = try_it ? 0 : MR_EXPR_ROW_BAD_CAST;
  return comp_strict(c, n);
}

/* to_timestamp(x), (text, pattern); op 1: NULL in place of an error value. */
static struct expr_node *make_to_timestamp(struct compiler *c, const struct function *f,
                                           const struct ast_node *ast, struct expr_node **v) {
  if (ast->arg_cnt == 2) return parse_time(c, ast, v, f->op != 0);
  return comp_cast(c, v[0], MR_TYPE_TIMESTAMP, f->op != 0, ast);
}

static struct expr_node *make_to_date(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  return comp_midnight(c, make_to_timestamp(c, f, ast, v), ast);
}

/* unix_timestamp(time), (text, pattern), (): seconds. */
static struct expr_node *make_unix(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *time;
  if (ast->arg_cnt == 0) {
    time = comp_node(c, run_now, MR_TYPE_TIMESTAMP, ast, 0);
    time->is_volatile = true;
  } else {
    time = ast->arg_cnt == 2 ? parse_time(c, ast, v, false)
                             : comp_cast(c, v[0], MR_TYPE_TIMESTAMP, false, ast);
  }
  if (!time) return NULL;
  struct expr_node *n = comp_node1(c, run_time_scale, MR_TYPE_INT64, ast, time);
  n->op = f->op;
  n->i = f->i;
  return comp_strict(c, n);
}

/* timestamp_seconds and the like: of whole numbers, seconds of doubles too. */
static struct expr_node *make_from_number(struct compiler *c, const struct function *f,
                                          const struct ast_node *ast, struct expr_node **v) {
  if (v[0]->type == MR_TYPE_DOUBLE) return comp_cast(c, v[0], MR_TYPE_TIMESTAMP, false, ast);
  return fn_ranged(c, f, ast, v);
}

/* from_unixtime(seconds [, pattern]) */
static struct expr_node *make_from_unixtime(struct compiler *c, const struct function *f,
                                            const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *time = comp_node1(c, run_time_scale, MR_TYPE_TIMESTAMP, ast, v[0]);
  time->op = '*';
  time->i = US_SECOND;
  time->code = MR_EXPR_ROW_RANGE;
  struct expr_node *pattern = ast->arg_cnt > 1 ? v[1] : comp_const(c, MR_TYPE_STRING, ast);
  if (ast->arg_cnt < 2) pattern->s = (struct expr_str){"yyyy-MM-dd HH:mm:ss", 19};
  const struct mr_time_pattern *p = time_pattern(c, pattern, ast->arg_cnt > 1 ? ast->args[1] : ast);
  if (!p) return NULL;
  struct expr_node *n = comp_node1(c, f->run, MR_TYPE_STRING, ast, comp_strict(c, time));
  n->param = p;
  n->code = MR_EXPR_ROW_SCRATCH;
  n->makes_strings = true;
  return comp_strict(c, n);
}

/* ---- parts ---- */

/* date_trunc(unit, time); op 1: trunc(time, unit). */
static struct expr_node *make_date_trunc(struct compiler *c, const struct function *f,
                                         const struct ast_node *ast, struct expr_node **v) {
  uint32_t unit = f->op ? 1 : 0;
  int field = field_of(c, v[unit], ast->args[unit]);
  if (field < 0) return NULL;
  if (field > FIELD_MICROSECOND) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, ast->args[unit],
                  "a time cannot be cut to this unit");
    return NULL;
  }
  struct expr_node *n = comp_node1(c, run_date_trunc, MR_TYPE_TIMESTAMP, ast, v[1 - unit]);
  n->op = (uint8_t)field;
  return comp_strict(c, n);
}

/* Parts of a duration: days, and the rest in hours, minutes, seconds. */
static struct expr_node *extract_duration(struct compiler *c, int field, const struct ast_node *ast,
                                          struct expr_node *x) {
  bool real = field == FIELD_SECOND || field == FIELD_EPOCH;
  if (!real && field != FIELD_DAY && field != FIELD_HOUR && field != FIELD_MINUTE) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[0],
                  "a duration has day, hour, minute, second and epoch");
    return NULL;
  }
  struct expr_node *n = comp_node1(c, real ? run_extract : run_extract_duration,
                                   real ? MR_TYPE_DOUBLE : MR_TYPE_INT64, ast, x);
  n->op = (uint8_t)(field == FIELD_SECOND ? FIELD_SECOND_EXACT : field);
  n->negated = true; /* seconds keep the sign */
  return comp_strict(c, n);
}

/* extract(field FROM x): int64, but second and epoch are doubles. */
static struct expr_node *make_extract(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  int field = field_of(c, v[0], ast->args[0]);
  if (field < 0) return NULL;
  if (v[1]->type == MR_TYPE_DURATION) return extract_duration(c, field, ast, v[1]);
  if (field == FIELD_SECOND) field = FIELD_SECOND_EXACT;
  bool real = field == FIELD_SECOND_EXACT || field == FIELD_EPOCH;
  struct expr_node *n = comp_node1(c, f->run, real ? MR_TYPE_DOUBLE : MR_TYPE_INT64, ast, v[1]);
  n->op = (uint8_t)field;
  return comp_strict(c, n);
}

static struct expr_node *make_epoch(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = comp_node1(c, f->run, MR_TYPE_DOUBLE, ast, v[0]);
  n->op = FIELD_EPOCH;
  return comp_strict(c, n);
}

/* ---- arithmetic ---- */

static struct expr_node *make_today(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  (void)f, (void)v;
  struct expr_node *now = comp_node(c, run_now, MR_TYPE_TIMESTAMP, ast, 0);
  now->is_volatile = true;
  return comp_midnight(c, now, ast);
}

/* date_add(time, days): a date; date_add(time, duration): a time. */
static struct expr_node *make_date_add(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n;
  if (v[1]->type == MR_TYPE_DURATION) {
    n = comp_node2(c, run_time_add, MR_TYPE_TIMESTAMP, ast, v[0], v[1]);
  } else if (v[1]->type == MR_TYPE_INT64 || v[1]->type == MR_TYPE_NONE) {
    if (v[1]->type == MR_TYPE_NONE) v[1] = comp_null(c, MR_TYPE_INT64, ast->args[1]);
    n = comp_node2(c, run_add_days, MR_TYPE_TIMESTAMP, ast, v[0], v[1]);
  } else {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[1],
                  "%s wants days as an int64, or a duration, this is %s", ast->name,
                  mr_type_name(v[1]->type));
    return NULL;
  }
  n->op = f->op;
  n->code = MR_EXPR_ROW_RANGE;
  return comp_strict(c, n);
}

/* timestampadd(unit, count, time) */
static struct expr_node *make_add_units(struct compiler *c, const struct function *f,
                                        const struct ast_node *ast, struct expr_node **v) {
  int64_t months, us;
  (void)f;
  if (!counted_unit(c, v[0], ast->args[0], &months, &us)) return NULL;
  struct expr_node *n =
      comp_node2(c, months ? run_add_months : run_add_units, MR_TYPE_TIMESTAMP, ast, v[2], v[1]);
  n->op = 1;
  n->i = months ? months : us;
  n->code = MR_EXPR_ROW_RANGE;
  return comp_strict(c, n);
}

/* timestampdiff(unit, start, end) */
static struct expr_node *make_unit_count(struct compiler *c, const struct function *f,
                                         const struct ast_node *ast, struct expr_node **v) {
  int64_t months, us;
  (void)f;
  if (!counted_unit(c, v[0], ast->args[0], &months, &us)) return NULL;
  struct expr_node *n =
      comp_node2(c, months ? run_month_count : run_unit_count, MR_TYPE_INT64, ast, v[1], v[2]);
  n->i = months ? months : us;
  n->code = months ? 0 : MR_EXPR_ROW_RANGE;
  return comp_strict(c, n);
}

static struct expr_node *make_next_day(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  const struct expr_node *day = v[1];
  if (day->is_const && !day->is_null && expr_weekday(day->s.text, day->s.len) < 0) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, ast->args[1], "\"%s\" is no weekday",
                  day->s.text);
    return NULL;
  }
  return fn_ranged(c, f, ast, v);
}

/* ---- the table ---- */

#define T       "TIMESTAMP '2025-10-13T11:31:25.5Z'"
#define AT_DATE "a date is the timestamp of its midnight"

static const struct function functions[] = {
    {"to_timestamp", "vs", 't', 1, 2, make_to_timestamp, NULL, 0, 0, "x, pattern",
     "a text as a time, by RFC 3339 or a pattern; a number as seconds",
     "to_timestamp('13/10/2025 11:30', 'dd/MM/yyyy HH:mm')", "2025-10-13T11:30:00Z",
     "Spark's pattern letters y M d H h m s S a E X x Z; other text is an error value"},
    {"try_to_timestamp", "vs", 't', 1, 2, make_to_timestamp, NULL, 1, 0, "x, pattern",
     "as to_timestamp, NULL where the text is none", "try_to_timestamp('soon')", "NULL", NULL},
    {"to_date", "vs", 't', 1, 2, make_to_date, NULL, 0, 0, "x, pattern",
     "as to_timestamp, cut to midnight", "to_date('2025-10-13 11:30:00')", "2025-10-13T00:00:00Z",
     AT_DATE},
    {"date_format", "ts", 's', 2, 2, make_date_format, run_date_format, 0, 0, "time, pattern",
     "a time as text, by Spark's pattern letters", "date_format(" T ", 'yyyy-MM-dd HH:mm')",
     "2025-10-13 11:31", "PostgreSQL's to_char has other letters"},
    {"from_unixtime", "is", 's', 1, 2, make_from_unixtime, run_date_format, 0, 0,
     "seconds, pattern", "seconds since the epoch as text", "from_unixtime(1760355000)",
     "2025-10-13 11:30:00", NULL},
    {"date_trunc", "st", 't', 2, 2, make_date_trunc, NULL, 0, 0, "unit, time",
     "cut to the begin of its year, quarter, month, week, day, hour, minute, second, ...",
     "date_trunc('hour', " T ")", "2025-10-13T11:00:00Z", "a week begins on Monday"},
    {"trunc", "ts", 't', 2, 2, make_date_trunc, NULL, 1, 0, "time, unit", "date_trunc(unit, time)",
     "trunc(" T ", 'month')", "2025-10-01T00:00:00Z", "of numbers: truncate"},
    {"extract date_part datepart", "sT", 'f', 2, 2, make_extract, run_extract, 0, 0, "unit, x",
     "one part of a time or duration", "extract(minute FROM " T ")", "31",
     "int64; second and epoch are doubles. dow is 0 (Sunday) to 6 as in PostgreSQL, dayofweek 1 "
     "to 7 as in Spark. Written extract(unit FROM x)"},
    {"year", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_YEAR, 0, "time", "year", "year(" T ")",
     "2025", NULL},
    {"quarter", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_QUARTER, 0, "time", "quarter, 1 to 4",
     "quarter(" T ")", "4", NULL},
    {"month", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_MONTH, 0, "time", "month, 1 to 12",
     "month(" T ")", "10", NULL},
    {"weekofyear week", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_WEEK, 0, "time",
     "week of ISO 8601, 1 to 53", "weekofyear(" T ")", "42", NULL},
    {"day dayofmonth", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_DAY, 0, "time",
     "day of the month, 1 to 31", "day(" T ")", "13", NULL},
    {"dayofweek", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_DAYOFWEEK, 0, "time",
     "1 Sunday to 7 Saturday", "dayofweek(" T ")", "2", "as in Spark; in DuckDB 0 to 6"},
    {"weekday", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_WEEKDAY, 0, "time",
     "0 Monday to 6 Sunday", "weekday(" T ")", "0", "as in Spark"},
    {"dayofyear", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_DAYOFYEAR, 0, "time",
     "day of the year, 1 to 366", "dayofyear(" T ")", "286", NULL},
    {"hour", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_HOUR, 0, "time", "hour, 0 to 23",
     "hour(" T ")", "11", NULL},
    {"minute", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_MINUTE, 0, "time", "minute, 0 to 59",
     "minute(" T ")", "31", NULL},
    {"second", "t", 'i', 1, 1, fn_plain, run_extract, FIELD_SECOND, 0, "time",
     "whole second, 0 to 59", "second(" T ")", "25", "extract(second FROM x) has the fraction"},
    {"dayname", "t", 's', 1, 1, fn_plain, run_name_of_day, 0, 0, "time",
     "name of the day in 3 letters", "dayname(" T ")", "Mon", NULL},
    {"monthname", "t", 's', 1, 1, fn_plain, run_name_of_month, 0, 0, "time",
     "name of the month in 3 letters", "monthname(" T ")", "Oct", NULL},
    {"epoch", "t", 'f', 1, 1, make_epoch, run_extract, 0, 0, "time",
     "seconds since the epoch with their fraction", "epoch(TIMESTAMP '1970-01-01T00:00:01.5Z')",
     "1.5", NULL},
    {"unix_timestamp to_unix_timestamp unix", "vs", 'i', 0, 2, make_unix, NULL, '/', US_SECOND,
     "x, pattern", "whole seconds since the epoch of a time, of a text, or of now()",
     "unix_timestamp('2025-10-13 11:30', 'yyyy-MM-dd HH:mm')", "1760355000", "rounds down"},
    {"unix_seconds", "t", 'i', 1, 1, fn_plain, run_time_scale, '/', US_SECOND, "time",
     "whole seconds since the epoch", "unix_seconds(" T ")", "1760355085", "rounds down"},
    {"unix_millis", "t", 'i', 1, 1, fn_plain, run_time_scale, '/', 1000, "time",
     "whole milliseconds since the epoch", "unix_millis(" T ")", "1760355085500", "rounds down"},
    {"unix_micros", "t", 'i', 1, 1, fn_plain, run_time_scale, '/', 1, "time",
     "microseconds since the epoch", "unix_micros(" T ")", "1760355085500000", NULL},
    {"unix_date", "t", 'i', 1, 1, fn_plain, run_time_scale, '/', US_DAY, "time",
     "whole days since the epoch", "unix_date(" T ")", "20374", "rounds down"},
    {"timestamp_seconds", "n", 't', 1, 1, make_from_number, run_time_scale, '*', US_SECOND, "n",
     "the time n seconds after the epoch", "timestamp_seconds(1760355000)", "2025-10-13T11:30:00Z",
     NULL},
    {"timestamp_millis", "i", 't', 1, 1, fn_ranged, run_time_scale, '*', 1000, "n",
     "the time n milliseconds after the epoch", "timestamp_millis(1500)",
     "1970-01-01T00:00:01.500Z", NULL},
    {"timestamp_micros", "i", 't', 1, 1, fn_ranged, run_time_scale, '*', 1, "n",
     "the time n microseconds after the epoch", "timestamp_micros(1)",
     "1970-01-01T00:00:00.000001Z", NULL},
    {"date_from_unix_date", "i", 't', 1, 1, fn_ranged, run_time_scale, '*', US_DAY, "n",
     "the date n days after the epoch", "date_from_unix_date(20374)", "2025-10-13T00:00:00Z",
     AT_DATE},
    {"make_timestamp", "iiiiif", 't', 6, 6, fn_ranged, run_make_timestamp, 0, 0,
     "year, month, day, hour, minute, second", "a time from its parts",
     "make_timestamp(2025, 10, 13, 11, 30, 5.5)", "2025-10-13T11:30:05.500Z",
     "an error value where there is no such time"},
    {"make_date", "iii", 't', 3, 3, fn_ranged, run_make_timestamp, 0, 0, "year, month, day",
     "a date from its parts", "make_date(2024, 2, 29)", "2024-02-29T00:00:00Z", AT_DATE},
    {"make_dt_interval", "iiif", 'd', 1, 4, fn_ranged, run_make_duration, 0, 0,
     "days, hours, minutes, seconds", "a duration from its parts", "make_dt_interval(1, 2, 3, 4.5)",
     "26h3m4.5s", "a literal is INTERVAL '1h30m'"},
    {"curdate today", "", 't', 0, 0, make_today, NULL, 0, 0, "",
     "today's date on the graph's clock", "curdate()", NULL, "also CURRENT_DATE; " AT_DATE},
    {"date_add dateadd", "tm", 't', 2, 2, make_date_add, NULL, '+', 0, "time, n",
     "the date n days later, or the time a duration later", "date_add(" T ", 20)",
     "2025-11-02T00:00:00Z", AT_DATE "; with a duration the time of day counts"},
    {"date_sub datesub", "tm", 't', 2, 2, make_date_add, NULL, '-', 0, "time, n",
     "the date n days before, or the time a duration before", "date_sub(" T ", INTERVAL '1h')",
     "2025-10-13T10:31:25.500Z", "as date_add"},
    {"timestampadd dateadd date_add", "uit", 't', 3, 3, make_add_units, NULL, 0, 0, "unit, n, time",
     "the time n units later", "timestampadd(month, 1, " T ")", "2025-11-13T11:31:25.500Z",
     "a day that the month lacks becomes its last"},
    {"datediff date_diff", "tt", 'i', 2, 2, fn_plain, run_day_count, 0, 0, "end, start",
     "days from date to date", "datediff(" T ", '2025-10-01')", "12",
     "the end comes first, as in Spark"},
    {"timestampdiff datediff date_diff", "utt", 'i', 3, 3, make_unit_count, NULL, 0, 0,
     "unit, start, end", "whole units from start to end",
     "timestampdiff(hour, '2025-10-13T00:00:00Z', " T ")", "11",
     "as in Spark; DuckDB's datediff counts borders that are crossed"},
    {"add_months", "ti", 't', 2, 2, fn_ranged, run_add_months, 0, 1, "time, n",
     "the date n months later", "add_months('2025-01-31', 1)", "2025-02-28T00:00:00Z",
     AT_DATE "; timestampadd keeps the time of day"},
    {"months_between", "ttb", 'f', 2, 3, fn_plain, run_months_between, 0, 0, "end, start, rounded",
     "months from start to end, the rest in months of 31 days",
     "months_between('2025-03-15', '2025-01-15')", "2",
     "rounded to 8 digits unless the third argument is false"},
    {"last_day", "t", 't', 1, 1, fn_plain, run_last_day, 0, 0, "time", "the last day of its month",
     "last_day('2024-02-10')", "2024-02-29T00:00:00Z", AT_DATE},
    {"next_day", "ts", 't', 2, 2, make_next_day, run_next_day, 0, 0, "time, weekday",
     "the first such weekday behind it", "next_day(" T ", 'Fri')", "2025-10-17T00:00:00Z",
     "names in English, in 2 or 3 letters or whole; others are an error value"},
    {"date_bin", "dtt", 't', 2, 3, fn_ranged, run_date_bin, 0, 0, "width, time, origin",
     "the begin of the interval of that width, from the origin (the epoch) on, that holds the time",
     "date_bin(INTERVAL '15m', " T ")", "2025-10-13T11:30:00Z",
     "as PostgreSQL's; a width of 0 or less is an error value"},
};

const struct function_group fn_group_time = {"Time", functions,
                                             sizeof functions / sizeof functions[0]};
