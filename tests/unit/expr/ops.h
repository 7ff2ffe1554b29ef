/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_OPS_H
#define MR_EXPR_OPS_H

/* Every operator and function of the random test: its form in SQL, its types, what it means. */

#include "ref.h"

/* Types of the generator: one letter each, as in the signatures below. */
enum gen_type {
  T_BOOL = 'b',
  T_INT = 'i',
  T_DOUBLE = 'f',
  T_TEXT = 's',
  T_TIME = 't',
  T_SPAN = 'd'
};

typedef struct ref (*gen_eval_fn)(const struct ref *v);
struct gen_op {
  const char *form; /* $1 to $4 are the arguments */
  char result;
  const char *args;
  gen_eval_fn eval;
  bool lazy; /* sees errors and NULLs itself */
};

/* ---- what operators mean ---- */

#define EVAL(name) static struct ref name(const struct ref *v)

EVAL(e_add) {
  return ref_whole(REF_INT, (long double)v[0].i + v[1].i);
}
EVAL(e_sub) {
  return ref_whole(REF_INT, (long double)v[0].i - v[1].i);
}
EVAL(e_mul) {
  int64_t r;
  return __builtin_mul_overflow(v[0].i, v[1].i, &r) ? ref_error() : ref_int(r);
}
EVAL(e_div) {
  return v[1].i == 0 ? ref_error() : ref_double((double)v[0].i / (double)v[1].i);
}
EVAL(e_whole_div) {
  if (v[1].i == 0 || (v[0].i == INT64_MIN && v[1].i == -1)) return ref_error();
  return ref_int(v[0].i / v[1].i);
}
EVAL(e_mod) {
  if (v[1].i == 0) return ref_error();
  return ref_int(v[1].i == -1 ? 0 : v[0].i % v[1].i);
}
EVAL(e_neg) {
  return v[0].i == INT64_MIN ? ref_error() : ref_int(-v[0].i);
}
EVAL(e_abs) {
  return v[0].i == INT64_MIN ? ref_error() : ref_int(v[0].i < 0 ? -v[0].i : v[0].i);
}
EVAL(e_fadd) {
  return ref_double(v[0].d + v[1].d);
}
EVAL(e_fsub) {
  return ref_double(v[0].d - v[1].d);
}
EVAL(e_fmul) {
  return ref_double(v[0].d * v[1].d);
}
EVAL(e_fdiv) {
  return v[1].d == 0 ? ref_error() : ref_double(v[0].d / v[1].d);
}
EVAL(e_fmod) {
  return v[1].d == 0 ? ref_error() : ref_double(fmod(v[0].d, v[1].d));
}
EVAL(e_fneg) {
  return ref_double(-v[0].d);
}
EVAL(e_fabs) {
  return ref_double(fabs(v[0].d));
}
EVAL(e_mixed) {
  return ref_double((double)v[0].i + v[1].d);
}
EVAL(e_round) {
  return ref_double(round(v[0].d));
}
static struct ref to_int(double d) {
  return d >= -0x1p63 && d < 0x1p63 ? ref_int((int64_t)d) : ref_error();
}
EVAL(e_floor) {
  return to_int(floor(v[0].d));
}
EVAL(e_ceil) {
  return to_int(ceil(v[0].d));
}
EVAL(e_trunc) {
  return to_int(v[0].d);
}
EVAL(e_to_double) {
  return ref_double((double)v[0].i);
}
EVAL(e_bool_int) {
  return ref_int(v[0].i);
}
EVAL(e_int_bool) {
  return ref_bool(v[0].i != 0);
}

EVAL(e_eq) {
  return ref_bool(ref_order(&v[0], &v[1]) == 0);
}
EVAL(e_ne) {
  return ref_bool(ref_order(&v[0], &v[1]) != 0);
}
EVAL(e_lt) {
  return ref_bool(ref_order(&v[0], &v[1]) < 0);
}
EVAL(e_le) {
  return ref_bool(ref_order(&v[0], &v[1]) <= 0);
}
EVAL(e_gt) {
  return ref_bool(ref_order(&v[0], &v[1]) > 0);
}
EVAL(e_ge) {
  return ref_bool(ref_order(&v[0], &v[1]) >= 0);
}

static bool is_true(const struct ref *r) {
  return r->kind == REF_BOOL && r->i;
}
static bool is_false(const struct ref *r) {
  return r->kind == REF_BOOL && !r->i;
}
EVAL(e_and) {
  if (is_false(&v[0]) || is_false(&v[1])) return ref_bool(false);
  if (v[0].kind == REF_ERROR || v[1].kind == REF_ERROR) return ref_error();
  return v[0].kind == REF_NULL || v[1].kind == REF_NULL ? ref_null() : ref_bool(true);
}
EVAL(e_or) {
  if (is_true(&v[0]) || is_true(&v[1])) return ref_bool(true);
  if (v[0].kind == REF_ERROR || v[1].kind == REF_ERROR) return ref_error();
  return v[0].kind == REF_NULL || v[1].kind == REF_NULL ? ref_null() : ref_bool(false);
}
EVAL(e_not) {
  return ref_bool(!v[0].i);
}
EVAL(e_is_null) {
  return v[0].kind == REF_ERROR ? v[0] : ref_bool(v[0].kind == REF_NULL);
}
EVAL(e_not_null) {
  return v[0].kind == REF_ERROR ? v[0] : ref_bool(v[0].kind != REF_NULL);
}
EVAL(e_is_true) {
  return v[0].kind == REF_ERROR ? v[0] : ref_bool(is_true(&v[0]));
}
EVAL(e_not_false) {
  return v[0].kind == REF_ERROR ? v[0] : ref_bool(!is_false(&v[0]));
}
EVAL(e_case) {
  if (v[0].kind == REF_ERROR) return v[0];
  return is_true(&v[0]) ? v[1] : v[2];
}
EVAL(e_coalesce) {
  return v[0].kind == REF_NULL ? v[1] : v[0];
}
EVAL(e_nullif) {
  if (v[0].kind == REF_ERROR || v[1].kind == REF_ERROR) return ref_error();
  if (v[0].kind == REF_NULL || v[1].kind == REF_NULL) return v[0];
  return ref_order(&v[0], &v[1]) == 0 ? ref_null() : v[0];
}
EVAL(e_distinct) {
  if (v[0].kind == REF_ERROR || v[1].kind == REF_ERROR) return ref_error();
  if (v[0].kind == REF_NULL || v[1].kind == REF_NULL) return ref_bool(v[0].kind != v[1].kind);
  return ref_bool(ref_order(&v[0], &v[1]) != 0);
}
static struct ref extreme(const struct ref *v, int sign) {
  if (v[0].kind == REF_ERROR || v[1].kind == REF_ERROR) return ref_error();
  if (v[0].kind == REF_NULL) return v[1];
  if (v[1].kind == REF_NULL) return v[0];
  return ref_order(&v[0], &v[1]) * sign >= 0 ? v[0] : v[1];
}
EVAL(e_greatest) {
  return extreme(v, 1);
}
EVAL(e_least) {
  return extreme(v, -1);
}
static struct ref compared(const struct ref *a, const struct ref *b, gen_eval_fn fn) {
  struct ref two[2] = {*a, *b};
  if (a->kind == REF_ERROR || b->kind == REF_ERROR) return ref_error();
  if (a->kind == REF_NULL || b->kind == REF_NULL) return ref_null();
  return fn(two);
}
EVAL(e_between) {
  struct ref two[2] = {compared(&v[0], &v[1], e_ge), compared(&v[0], &v[2], e_le)};
  return e_and(two);
}
EVAL(e_not_between) {
  struct ref r = e_between(v);
  return r.kind == REF_BOOL ? ref_bool(!r.i) : r;
}
EVAL(e_in) {
  struct ref two[2] = {compared(&v[0], &v[1], e_eq), compared(&v[0], &v[2], e_eq)};
  return e_or(two);
}
EVAL(e_in_ints) {
  return ref_bool(v[0].i == 1 || v[0].i == -100 || v[0].i == 3);
}
EVAL(e_in_many) {
  static const int64_t set[] = {0, 1, 2, 3, 7, 10, 100, 1000000, INT64_MAX, -1, -2};
  for (size_t i = 0; i < sizeof set / sizeof set[0]; i++)
    if (v[0].i == set[i]) return ref_bool(true);
  return ref_bool(false);
}
EVAL(e_in_null) {
  return v[0].i == 1 ? ref_bool(true) : ref_null();
}
EVAL(e_in_texts) {
  return ref_bool((v[0].len == 2 && memcmp(v[0].s, "ab", 2) == 0) ||
                  (v[0].len == 26 && memcmp(v[0].s, "abcdefghijklmnopqrstuvwxyz", 26) == 0));
}
EVAL(e_in_doubles) {
  return ref_bool(v[0].d == 0 || v[0].d == 2.5 || v[0].d == 100);
}

EVAL(e_concat) {
  struct ref r = v[0];
  memcpy(r.s + r.len, v[1].s, v[1].len);
  r.len += v[1].len;
  return r;
}
EVAL(e_concat_int) {
  char buf[32];
  struct ref two[2] = {v[0],
                       ref_text(buf, (size_t)snprintf(buf, sizeof buf, "%lld", (long long)v[1].i))};
  return e_concat(two);
}
EVAL(e_length) {
  uint32_t at[REF_TEXT_MAX + 1];
  return ref_int(ref_chars(&v[0], at));
}
EVAL(e_bytes) {
  return ref_int(v[0].len);
}
EVAL(e_substring) {
  uint32_t at[REF_TEXT_MAX + 1];
  long double n = ref_chars(&v[0], at), k = v[1].i, from = k > 0 ? k - 1 : k < 0 ? n + k : 0;
  long double to = v[2].i < 0 ? -1 : from + v[2].i;
  if (from > n) from = n;
  if (to > n) to = n;
  return ref_slice(&v[0], from < 0 ? 0 : (int64_t)from, to < 0 ? 0 : (int64_t)to);
}
EVAL(e_left) {
  uint32_t at[REF_TEXT_MAX + 1];
  long double n = ref_chars(&v[0], at), to = v[1].i;
  return ref_slice(&v[0], 0, to < 0 ? 0 : to > n ? (int64_t)n : (int64_t)to);
}
EVAL(e_right) {
  uint32_t at[REF_TEXT_MAX + 1];
  long double n = ref_chars(&v[0], at), from = v[1].i < 0 ? n : n - v[1].i;
  return ref_slice(&v[0], from < 0 ? 0 : from > n ? (int64_t)n : (int64_t)from, (int64_t)n);
}
EVAL(e_trim) {
  uint32_t lo = 0, hi = v[0].len;
  while (lo < hi && v[0].s[lo] == ' ') lo++;
  while (hi > lo && v[0].s[hi - 1] == ' ') hi--;
  return ref_text(v[0].s + lo, hi - lo);
}
EVAL(e_ltrim_ab) {
  uint32_t lo = 0;
  while (lo < v[0].len && (v[0].s[lo] == 'a' || v[0].s[lo] == 'b')) lo++;
  return ref_text(v[0].s + lo, v[0].len - lo);
}
EVAL(e_replace) {
  struct ref c = ref_slice(&v[2], 0, 4);
  return ref_replace(&v[0], &v[1], &c);
}
EVAL(e_starts) {
  return ref_bool(v[1].len <= v[0].len && memcmp(v[0].s, v[1].s, v[1].len) == 0);
}
EVAL(e_ends) {
  return ref_bool(v[1].len <= v[0].len &&
                  memcmp(v[0].s + v[0].len - v[1].len, v[1].s, v[1].len) == 0);
}
EVAL(e_contains) {
  return ref_bool(ref_find(&v[0], &v[1]) >= 0);
}
EVAL(e_position) {
  int64_t at = ref_find(&v[0], &v[1]), n = 0;
  if (at < 0) return ref_int(0);
  for (int64_t i = 0; i < at; i++) n += ((unsigned char)v[0].s[i] & 0xc0) != 0x80;
  return ref_int(n + 1);
}
static struct ref like(const struct ref *s, const char *p) {
  return ref_bool(ref_like(p, p + strlen(p), s->s, s->s + s->len));
}
EVAL(e_like_prefix) {
  return like(&v[0], "ab%");
}
EVAL(e_like_suffix) {
  return like(&v[0], "%c");
}
EVAL(e_like_part) {
  return like(&v[0], "%fox%");
}
EVAL(e_like_general) {
  return like(&v[0], "%a_c%d%");
}
EVAL(e_not_like) {
  return ref_bool(!like(&v[0], "_b%").i);
}
EVAL(e_like_escape) {
  return like(&v[0], "a\\%_");
}
EVAL(e_like_rows) {
  uint32_t tail = 0;
  while (tail < v[1].len && v[1].s[v[1].len - 1 - tail] == '\\') tail++;
  if (tail % 2) return ref_error();
  return ref_bool(ref_like(v[1].s, v[1].s + v[1].len, v[0].s, v[0].s + v[0].len));
}
EVAL(e_to_text) {
  char buf[32];
  return ref_text(buf, (size_t)snprintf(buf, sizeof buf, "%lld", (long long)v[0].i));
}
EVAL(e_bool_text) {
  return v[0].i ? ref_text("true", 4) : ref_text("false", 5);
}
EVAL(e_parse_int) { /* digits only are generated */
  struct ref t = e_trim(v);
  int64_t r = 0;
  uint32_t i = t.len && (t.s[0] == '-' || t.s[0] == '+');
  if (i == t.len) return ref_error();
  for (; i < t.len; i++) {
    if (!isdigit((unsigned char)t.s[i])) return ref_error();
    if (__builtin_mul_overflow(r, 10, &r) || __builtin_sub_overflow(r, t.s[i] - '0', &r))
      return ref_error();
  }
  if (t.s[0] == '-') return ref_int(r);
  return r == INT64_MIN ? ref_error() : ref_int(-r);
}
EVAL(e_try_int) {
  struct ref r = e_parse_int(v);
  return r.kind == REF_ERROR ? ref_null() : r;
}

#define YEAR_MIN_US (-62135596800000000LL)
#define YEAR_MAX_US 253402300799999999LL
static struct ref in_years(long double us) {
  return us < YEAR_MIN_US || us > YEAR_MAX_US ? ref_error() : ref_make(REF_TIME, (int64_t)us);
}
EVAL(e_time_add) {
  return in_years((long double)v[0].i + v[1].i);
}
EVAL(e_time_sub) {
  return in_years((long double)v[0].i - v[1].i);
}
EVAL(e_time_diff) {
  return ref_whole(REF_SPAN, (long double)v[0].i - v[1].i);
}
EVAL(e_span_add) {
  return ref_whole(REF_SPAN, (long double)v[0].i + v[1].i);
}
EVAL(e_span_mul) {
  int64_t r;
  return __builtin_mul_overflow(v[0].i, v[1].i, &r) ? ref_error() : ref_make(REF_SPAN, r);
}
EVAL(e_span_half) {
  return ref_make(REF_SPAN, (int64_t)round((double)v[0].i / 2));
}
EVAL(e_time_text) {
  return ref_time_text(v[0].i);
}
EVAL(e_year) {
  int64_t us;
  return ref_int(ref_tm(v[0].i, &us).tm_year + 1900);
}
EVAL(e_month) {
  int64_t us;
  return ref_int(ref_tm(v[0].i, &us).tm_mon + 1);
}
EVAL(e_doy) {
  int64_t us;
  return ref_int(ref_tm(v[0].i, &us).tm_yday + 1);
}
EVAL(e_hour) {
  int64_t us;
  return ref_int(ref_tm(v[0].i, &us).tm_hour);
}
EVAL(e_dow) {
  int64_t us;
  return ref_int(ref_tm(v[0].i, &us).tm_wday);
}
EVAL(e_week) {
  int64_t us;
  struct tm tm = ref_tm(v[0].i, &us);
  char buf[8];
  strftime(buf, sizeof buf, "%V", &tm);
  return ref_int(atoi(buf));
}
EVAL(e_second) {
  int64_t us;
  struct tm tm = ref_tm(v[0].i, &us);
  return ref_double((double)(tm.tm_sec * 1000000 + us) / 1e6);
}
EVAL(e_unix) {
  int64_t us;
  struct tm tm = ref_tm(v[0].i, &us);
  return ref_int((int64_t)timegm(&tm));
}
EVAL(e_trunc_month) {
  int64_t us;
  struct tm tm = ref_tm(v[0].i, &us);
  tm.tm_mday = 1;
  tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
  return ref_make(REF_TIME, (int64_t)timegm(&tm) * 1000000);
}
EVAL(e_trunc_hour) {
  int64_t us;
  struct tm tm = ref_tm(v[0].i, &us);
  tm.tm_min = tm.tm_sec = 0;
  return ref_make(REF_TIME, (int64_t)timegm(&tm) * 1000000);
}
EVAL(e_format) {
  int64_t us;
  struct tm tm = ref_tm(v[0].i, &us);
  char buf[64];
  int n = snprintf(buf, sizeof buf, "%04d/%02d/%02d %02dh", tm.tm_year + 1900, tm.tm_mon + 1,
                   tm.tm_mday, tm.tm_hour);
  return ref_text(buf, (size_t)n);
}

/* ---- what there is ---- */

#define COMPARISONS(t)                                                                             \
  {"($1 = $2)", 'b', t t, e_eq, false}, {"($1 <> $2)", 'b', t t, e_ne, false},                     \
      {"($1 < $2)", 'b', t t, e_lt, false}, {"($1 <= $2)", 'b', t t, e_le, false},                 \
      {"($1 > $2)", 'b', t t, e_gt, false}, {"($1 >= $2)", 'b', t t, e_ge, false},                 \
      {"($1 BETWEEN $2 AND $3)", 'b', t t t, e_between, true},                                     \
      {"($1 NOT BETWEEN $2 AND $3)", 'b', t t t, e_not_between, true},                             \
      {"($1 IN ($2, $3))", 'b', t t t, e_in, true},                                                \
      {"($1 IS DISTINCT FROM $2)", 'b', t t, e_distinct, true},                                    \
      {"($1 IS NULL)", 'b', t, e_is_null, true}, {                                                 \
    "($1 IS NOT NULL)", 'b', t, e_not_null, true                                                   \
  }
#define CHOICES(c, t)                                                                              \
  {"CASE WHEN $1 THEN $2 ELSE $3 END", c, "b" t t, e_case, true},                                  \
      {"if($1, $2, $3)", c, "b" t t, e_case, true},                                                \
      {"COALESCE($1, $2)", c, t t, e_coalesce, true}, {"NULLIF($1, $2)", c, t t, e_nullif, true},  \
      {"greatest($1, $2)", c, t t, e_greatest, true}, {                                            \
    "least($1, $2)", c, t t, e_least, true                                                         \
  }

static const struct gen_op ops[] = {
    COMPARISONS("i"),
    COMPARISONS("f"),
    COMPARISONS("s"),
    COMPARISONS("t"),
    COMPARISONS("d"),
    {"($1 = $2)", 'b', "bb", e_eq, false},
    {"($1 < $2)", 'b', "bb", e_lt, false},
    {"($1 >= $2)", 'b', "if", e_ge, false},
    {"($1 < $2)", 'b', "fi", e_lt, false},
    CHOICES('i', "i"),
    CHOICES('f', "f"),
    CHOICES('s', "s"),
    CHOICES('t', "t"),
    CHOICES('d', "d"),
    CHOICES('b', "b"),
    {"($1 AND $2)", 'b', "bb", e_and, true},
    {"($1 OR $2)", 'b', "bb", e_or, true},
    {"(NOT $1)", 'b', "b", e_not, false},
    {"($1 IS TRUE)", 'b', "b", e_is_true, true},
    {"($1 IS NOT FALSE)", 'b', "b", e_not_false, true},
    {"($1 IS UNKNOWN)", 'b', "b", e_is_null, true},
    {"($1 IN (1, -100, 3))", 'b', "i", e_in_ints, false},
    {"($1 IN (0,1,2,3,7,10,100,1000000,9223372036854775807,-1,-2))", 'b', "i", e_in_many, false},
    {"($1 IN (1, NULL))", 'b', "i", e_in_null, false},
    {"($1 IN (0, 2.5, 100))", 'b', "f", e_in_doubles, false},
    {"($1 IN ('ab', 'abcdefghijklmnopqrstuvwxyz'))", 'b', "s", e_in_texts, false},
    {"($1 + $2)", 'i', "ii", e_add, false},
    {"($1 - $2)", 'i', "ii", e_sub, false},
    {"($1 * $2)", 'i', "ii", e_mul, false},
    {"($1 / $2)", 'f', "ii", e_div, false},
    {"($1 % $2)", 'i', "ii", e_mod, false},
    {"mod($1, $2)", 'i', "ii", e_mod, false},
    {"div($1, $2)", 'i', "ii", e_whole_div, false},
    {"(- $1)", 'i', "i", e_neg, false},
    {"abs($1)", 'i', "i", e_abs, false},
    {"($1 + $2)", 'f', "ff", e_fadd, false},
    {"($1 - $2)", 'f', "ff", e_fsub, false},
    {"($1 * $2)", 'f', "ff", e_fmul, false},
    {"($1 / $2)", 'f', "ff", e_fdiv, false},
    {"($1 % $2)", 'f', "ff", e_fmod, false},
    {"($1 + $2)", 'f', "if", e_mixed, false},
    {"(- $1)", 'f', "f", e_fneg, false},
    {"abs($1)", 'f', "f", e_fabs, false},
    {"round($1)", 'f', "f", e_round, false},
    {"floor($1)", 'i', "f", e_floor, false},
    {"ceil($1)", 'i', "f", e_ceil, false},
    {"CAST($1 AS bigint)", 'i', "f", e_trunc, false},
    {"$1::double precision", 'f', "i", e_to_double, false},
    {"$1::int", 'i', "b", e_bool_int, false},
    {"CAST($1 AS boolean)", 'b', "i", e_int_bool, false},
    {"CAST($1 AS string)", 's', "i", e_to_text, false},
    {"CAST($1 AS text)", 's', "b", e_bool_text, false},
    {"CAST($1 AS int8)", 'i', "s", e_parse_int, false},
    {"try_cast($1, 'int64')", 'i', "s", e_try_int, false},
    {"($1 || $2)", 's', "ss", e_concat, false},
    {"concat($1, $2)", 's', "ss", e_concat, false},
    {"($1 || $2)", 's', "si", e_concat_int, false},
    {"length($1)", 'i', "s", e_length, false},
    {"octet_length($1)", 'i', "s", e_bytes, false},
    {"substring($1, $2, $3)", 's', "sii", e_substring, false},
    {"left($1, $2)", 's', "si", e_left, false},
    {"right($1, $2)", 's', "si", e_right, false},
    {"trim($1)", 's', "s", e_trim, false},
    {"ltrim($1, 'ab')", 's', "s", e_ltrim_ab, false},
    {"replace($1, $2, left($3, 4))", 's', "sss", e_replace, false},
    {"starts_with($1, $2)", 'b', "ss", e_starts, false},
    {"endswith($1, $2)", 'b', "ss", e_ends, false},
    {"contains($1, $2)", 'b', "ss", e_contains, false},
    {"position($2 IN $1)", 'i', "ss", e_position, false},
    {"locate($2, $1)", 'i', "ss", e_position, false},
    {"($1 LIKE 'ab%')", 'b', "s", e_like_prefix, false},
    {"($1 LIKE '%c')", 'b', "s", e_like_suffix, false},
    {"($1 LIKE '%fox%')", 'b', "s", e_like_part, false},
    {"($1 LIKE '%a_c%d%')", 'b', "s", e_like_general, false},
    {"($1 NOT LIKE '_b%')", 'b', "s", e_not_like, false},
    {"($1 LIKE 'a\\%_')", 'b', "s", e_like_escape, false},
    {"($1 LIKE $2)", 'b', "ss", e_like_rows, false},
    {"($1 + $2)", 't', "td", e_time_add, false},
    {"($2 + $1)", 't', "td", e_time_add, false},
    {"($1 - $2)", 't', "td", e_time_sub, false},
    {"($1 - $2)", 'd', "tt", e_time_diff, false},
    {"($1 + $2)", 'd', "dd", e_span_add, false},
    {"($1 * $2)", 'd', "di", e_span_mul, false},
    {"($1 / 2)", 'd', "d", e_span_half, false},
    {"CAST($1 AS string)", 's', "t", e_time_text, false},
    {"year($1)", 'i', "t", e_year, false},
    {"extract(month FROM $1)", 'i', "t", e_month, false},
    {"extract(doy FROM $1)", 'i', "t", e_doy, false},
    {"hour($1)", 'i', "t", e_hour, false},
    {"date_part('dow', $1)", 'i', "t", e_dow, false},
    {"extract(week FROM $1)", 'i', "t", e_week, false},
    {"extract(second FROM $1)", 'f', "t", e_second, false},
    {"unix_timestamp($1)", 'i', "t", e_unix, false},
    {"date_trunc('month', $1)", 't', "t", e_trunc_month, false},
    {"date_trunc('hour', $1)", 't', "t", e_trunc_hour, false},
    {"date_format($1, 'yyyy/MM/dd HH''h''')", 's', "t", e_format, false},
};
#define OP_CNT (sizeof ops / sizeof ops[0])

#endif
