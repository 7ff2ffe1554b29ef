/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* What is said about wrong expressions, word for word, with the bytes it is said about. */

static struct fixture fx;

/* "CODE OFF+LEN text; label: ...; note OFF+LEN: ...; try: ...", one line per error; warnings have a
 * W. */
static const struct {
  const char *text, *said;
} golden[] = {
    {"severity > 3", "2007 0+8 cannot compare string with int64; note 11+1: severity is string "
                     "(events.city_event, line 17); try: severity IN ('high', 'critical')"},
    {"3 < severity", "2007 0+1 cannot compare int64 with string; note 4+8: severity is string "
                     "(events.city_event, line 17); try: severity IN ('high', 'critical')"},
    {"a > '5'", "2007 0+1 cannot compare int64 with string; note 4+3: a is int64; try: a > 5"},
    {"a > 'x'", "2007 0+1 cannot compare int64 with string; note 4+3: a is int64"},
    {"s > 5",
     "2007 0+1 cannot compare string with int64; note 4+1: s is string; try: CAST(s AS double) > "
     "5"},
    {"s = 5", "2007 0+1 cannot compare string with int64; note 4+1: s is string; try: s = '5'"},
    {"p = 1", "2007 0+1 cannot compare bool with int64; note 4+1: p is bool; try: p IS TRUE"},
    {"ts > 'yesterday'", "2009 5+11 'yesterday' is not a timestamp; try: '2025-10-13T11:30:00Z'"},
    {"ts = 5", "2007 0+2 cannot compare timestamp with int64; note 5+1: ts is timestamp"},
    {"(((a))) = (((s)))",
     "2007 3+1 cannot compare int64 with string; note 13+1: a is int64; try: CAST(s AS double) = "
     "a"},
    {"a BETWEEN 1 AND 'x'", "2007 0+1 cannot compare int64 with string; note 16+3: a is int64"},
    {"severity IN ('high', 5)",
     "2007 0+8 cannot compare string with int64; note 21+1: severity is string "
     "(events.city_event, line 17); try: severity IN ('high', 'critical')"},
    {"CASE a WHEN 'x' THEN 1 END",
     "2007 5+1 cannot compare int64 with string; note 12+3: a is int64"},
    {"severity = 'hihg'",
     "W2017 11+6 'hihg' is none of the values of severity; label: did you mean 'high'?"},
    {"severity NOT IN ('hihg', 'low')",
     "W2017 17+6 'hihg' is none of the values of severity; label: did you mean 'high'?"},
    {"sevrity = 'low'",
     "2002 0+7 no column \"sevrity\" in events.city_event; label: did you mean \"severity\"?"},
    {"nowhere = 1", "2002 0+7 no column \"nowhere\" in events.city_event"},
    {"\"high\" = s",
     "2002 0+6 no column \"high\" in events.city_event; try: 'high' for a text: double quotes "
     "are for columns"},
    {"severity = \"high\"",
     "2002 11+6 no column \"high\" in events.city_event; try: 'high' for a text: double quotes "
     "are for columns"},
    {"uper(s)", "2003 0+4 no function \"uper\"; label: did you mean \"upper\"?"},
    {"nosuch(s)", "2003 0+6 no function \"nosuch\""},
    {"rand()",
     "2003 0+4 no function \"rand\"; label: the same row has to give the same value in every run"},
    {"upper(a)",
     "2005 6+1 upper wants a string, this is int64; label: a is int64; try: CAST(a AS string)"},
    {"sqrt(s)",
     "2005 5+1 sqrt wants a number, this is string; label: s is string; try: CAST(s AS double)"},
    {"left(s, 'x')", "2005 8+3 left wants an int64, this is string"},
    {"size(a)", "2005 5+1 size wants a list, this is int64; label: a is int64"},
    {"substring(s)", "2004 0+12 substring takes 2 to 3 arguments, not 1"},
    {"concat()", "2004 0+8 concat takes at least 1 argument, not 0"},
    {"now(1)", "2004 0+6 now takes 0 arguments, not 1"},
    {"a + s", "2005 2+1 int64 + string is not possible; note 0+1: a is int64; try: a || s"},
    {"(a + b) * s > 3", "2005 8+1 int64 * string is not possible; note 10+1: s is string"},
    {"ts + 1", "2005 3+1 timestamp + int64 is not possible; note 0+2: ts is timestamp"},
    {"-s", "2005 1+1 minus wants a number or a duration, this is string; label: s is string"},
    {"NOT s", "2005 4+1 NOT wants conditions, this is string; label: s is string"},
    {"p AND (s OR a > 1)", "2005 7+1 OR wants conditions, this is string; label: s is string"},
    {"CASE WHEN a THEN 1 END", "2005 10+1 WHEN wants conditions, this is int64; label: a is int64"},
    {"CASE WHEN p THEN 'x' WHEN q THEN 3 END",
     "2018 33+1 CASE has int64 here and string elsewhere; note 17+3: 'x' is string"},
    {"COALESCE(a, s)",
     "2018 12+1 COALESCE has string here and int64 elsewhere; note 9+1: a is int64"},
    {"s LIKE 5", "2005 7+1 LIKE wants strings, this is int64; label: 5 is int64"},
    {"s LIKE 'abc\\'",
     "2009 7+6 a LIKE pattern cannot end in a backslash: it stands before what it escapes"},
    {"date_format(tt, 'qqqq')",
     "2009 16+6 the pattern is not understood from \"qqqq\" on; try: 'yyyy-MM-dd HH:mm:ss'"},
    {"date_trunc('minutee', tt)",
     "2009 11+9 \"minutee\" is no unit of time; label: did you mean \"minute\"?"},
    {"date_trunc(s, tt)", "2005 11+1 the unit must be a constant text"},
    {"CAST(a AS strng)", "2013 10+5 no type \"strng\"; label: did you mean \"string\"?"},
    {"CAST(a AS numeric)",
     "2013 10+7 no type \"numeric\"; try: double, or int64 of the smallest unit"},
    {"try_cast(a, 'nonsense')", "2013 12+10 no type \"nonsense\""},
    {"CAST(ts AS boolean)", "2013 0+19 timestamp cannot be cast to bool"},
    {"a::varchar(3)", "2006 3+7 expressions do not have types with a length or precision"},
    {"INTERVAL '1 month'",
     "2009 9+9 \"1 month\" is not a duration; try: INTERVAL '90 minutes'; months and years have "
     "no fixed length"},
    {"INTERVAL 1 hour",
     "2001 9+1 the expression is not understood from \"1\" on; try: INTERVAL '1 hour'"},
    {"1e400", "2009 0+5 no double can hold the number"},
    {"99999999999999999999", "2009 0+20 the number does not fit 64 bits"},
    {"1 / 0", "W2016 0+5 1 / 0 is an error in every row"},
    {"CASE WHEN p THEN 10 / 0 ELSE 1 END", "W2016 17+6 10 / 0 is an error in every row"},
    {"count(*) > 3",
     "2011 0+8 count is an aggregate: it stands in the select of a window or group"},
    {"sum(a)", "2011 0+6 sum is an aggregate: it stands in the select of a window or group"},
    {"record_offset()", "2006 0+15 rows here are not records of a source"},
    {"user = 'x'",
     "2015 0+4 \"user\" is a reserved word of SQL; as a column it stands in double quotes; try: "
     "\"user\""},
    {"end = 'x'",
     "2015 0+3 \"end\" is a reserved word of SQL; as a column it stands in double quotes; try: "
     "\"end\""},
    {"a > end",
     "2015 4+3 \"end\" is a reserved word of SQL; as a column it stands in double quotes; try: "
     "\"end\""},
    {"window > 3",
     "2015 0+6 \"window\" is a reserved word of SQL; as a column it stands in double quotes; "
     "try: \"window\""},
    {"limit - 5",
     "2015 0+5 \"limit\" is a reserved word of SQL; as a column it stands in double quotes; try: "
     "\"limit\""},
    {"left > 3",
     "2015 0+4 \"left\" is a reserved word of SQL; as a column it stands in double quotes; try: "
     "\"left\""},
    {"current_user",
     "2015 0+12 \"current_user\" is a reserved word of SQL; as a column it stands in double "
     "quotes; try: \"current_user\""},
    {"a FROM b", "2001 2+4 one expression is wanted, and it ends before \"FROM\""},
    {"a; DROP TABLE x", "2001 1+1 one expression is wanted, and it ends before \";\""},
    {"a;", "2001 1+1 one expression is wanted, and it ends before \";\""},
    {"*", "2006 0+1 expressions do not have \"*\" outside count(*)"},
    {"a, b", "2001 1+1 one expression is wanted, and it ends before \",\""},
    {"a AS x", "2001 5+1 one expression is wanted, and it ends before \"x\""},
    {"a b", "2001 2+1 one expression is wanted, and it ends before \"b\""},
    {"a AND", "2001 5+0 the expression ends too early"},
    {"a +", "2001 3+0 the expression ends too early"},
    {"(a", "2001 2+0 the expression ends too early"},
    {"a)", "2001 1+1 the expression is not understood from \")\" on"},
    {"a = = b", "2001 4+1 the expression is not understood from \"=\" on; try: ="},
    {"a == b", "2006 2+2 expressions do not have the operator ==; try: ="},
    {"'abc", "2001 0+4 unterminated quoted string"},
    {"\"abc", "2001 0+4 unterminated quoted identifier"},
    {"s ~* 'b'", "2006 2+2 expressions do not have the operator ~*; try: x ~ '(?i)pattern'"},
    {"a ~ 'b'",
     "2005 0+1 regexp_like wants a string, this is int64; label: a is int64; try: CAST(a AS "
     "string)"},
    {"s ~ t", "2005 4+1 the pattern must be a constant text"},
    {"s ~ '(b'", "2009 4+4 the regular expression is not understood: missing ): (b"},
    {"s ~ '(?=b)'",
     "2009 4+7 the regular expression is not understood: invalid perl operator: (?=; label: "
     "linear-time matching has no look-around and no back references"},
    {"s ~ '(a)\\1'",
     "2009 4+7 the regular expression is not understood: invalid escape sequence: \\1; label: "
     "linear-time matching has no look-around and no back references"},
    {"regexp_extract(s, 'a')",
     "2009 18+3 the pattern has 0 groups in parentheses, and no group 1; try: a third argument of "
     "0 is the whole match"},
    {"regexp_extract(s, '(a)', 2)",
     "2009 25+1 the pattern has 1 group in parentheses, and no group 2"},
    {"regexp_replace(s, '(a)', '$2')",
     "2009 25+4 the replacement names a group that the pattern does not have; try: '$1' for a "
     "group, '\\$' for a dollar"},
    {"a # b", "2006 2+1 expressions do not have the operator #; try: x ^ y"},
    {"a | b & i",
     "2001 0+5 operators of bits beside other operators need parentheses; try: (a | b)"},
    {"a + b ^ i",
     "2001 4+5 operators of bits beside other operators need parentheses; try: (b ^ i)"},
    {"~a + b", "2001 1+5 operators of bits beside other operators need parentheses; try: (a + b)"},
    {"x & 1", "2005 0+1 bit_and wants an int64, this is double; label: x is double"},
    {"a ILIKE 'b'",
     "2005 0+1 lower wants a string, this is int64; label: a is int64; try: CAST(a AS string)"},
    {"array(1, 'x')", "2018 9+3 a list has string here and int64 elsewhere; note 6+1: 1 is int64"},
    {"array(li)", "2005 6+2 a list of lists is not possible"},
    {"concat(li, ls)", "2005 11+2 concat of a list wants lists of int64, this is list"},
    {"array_append(li, s)", "2007 17+1 string does not go with the list's int64"},
    {"s SIMILAR TO 'x'", "2006 2+7 expressions do not have SIMILAR TO; try: x LIKE 'pattern'"},
    {"(SELECT 1)", "2006 0+1 expressions do not have subqueries"},
    {"a IN (SELECT 1)", "2006 2+2 expressions do not have subqueries"},
    {"a.b = 1", "2006 0+1 expressions do not have names with a dot"},
    {"$1 = 1", "2006 0+2 expressions do not have parameters"},
    {"x'ff' = 1", "2006 0+5 expressions do not have bit strings"},
    {"a COLLATE \"C\"", "2006 2+7 expressions do not have COLLATE: strings compare by bytes"},
    {"ts AT TIME ZONE 'UTC'", "2006 3+2 expressions do not have AT TIME ZONE"},
    {"sum(a) OVER ()", "2006 0+3 expressions do not have OVER; try: a window step"},
    {"a = ANY(li)", "2006 2+1 expressions do not have ANY and ALL; try: array_contains(list, x)"},
    {"ALL a", "2001 0+3 one expression is wanted, and it ends before \"ALL\""},
    {"a LIMIT 1", "2001 2+5 one expression is wanted, and it ends before \"LIMIT\""},
    {"a UNION SELECT b", "2001 2+5 one expression is wanted, and it ends before \"UNION\""},
    {"WITH x AS (SELECT 1) SELECT 2",
     "2015 0+4 \"WITH\" is a reserved word of SQL; as a column it stands in double quotes; try: "
     "\"WITH\""},
    {"upper(DISTINCT s)", "2004 0+17 upper is no aggregate: no *, DISTINCT or FILTER"},
    {"uper(s) = 1 AND nowhere > 2",
     "2003 0+4 no function \"uper\"; label: did you mean \"upper\"?\n"
     "2002 16+7 no column \"nowhere\" in events.city_event"},
    {"häuser = 1", "2002 0+7 no column \"häuser\" in events.city_event"},
    {"s = 'ä' AND nowhere", "2002 13+7 no column \"nowhere\" in events.city_event"},
    {"s = 'ä' AND AND", "2001 13+3 the expression is not understood from \"AND\" on"},
};

static void render(const struct mr_expr_errors *errors, char *out) {
  size_t n = 0;
  out[0] = 0;
  for (const struct mr_expr_error *e = errors->first; e; e = e->next) {
    n += (size_t)sprintf(out + n, "%s%s%d %u+%u %s", n ? "\n" : "", e->warning ? "W" : "", e->code,
                         e->off, e->len, e->text);
    if (e->label) n += (size_t)sprintf(out + n, "; label: %s", e->label);
    if (e->note)
      n += (size_t)sprintf(out + n, "; note %u+%u: %s", e->note_off, e->note_len, e->note);
    if (e->hint) n += (size_t)sprintf(out + n, "; try: %s", e->hint);
  }
}

static struct mr_expr *make(const char *text, size_t len, struct mr_expr_errors *errors) {
  struct mr_expr_scope scope = {.schema = &fx.schema,
                                .name = "events.city_event",
                                .origins = fx.origins,
                                .flags = MR_EXPR_NO_RECORD};
  mr_expr_errors_init(errors, &fx.arena);
  return mr_expr_make(&fx.arena, text, len, &scope, errors);
}

MR_TEST(every_mistake_is_told_in_its_own_words) {
  MR_UNUSED_STATE;
  char said[4096];
  for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
    struct mr_expr_errors errors;
    struct mr_expr *e = make(golden[i].text, strlen(golden[i].text), &errors);
    render(&errors, said);
    assert_string_equal(said, golden[i].said);
    assert_int_equal(e != NULL, errors.cnt == 0);
  }
}

static int first_code(const char *text, size_t len, uint32_t *off) {
  struct mr_expr_errors errors;
  struct mr_expr *e = make(text, len, &errors);
  assert_int_equal(e != NULL, errors.cnt == 0);
  if (e) return 0;
  assert_non_null(errors.first);
  *off = errors.first->off;
  for (const struct mr_expr_error *x = errors.first; x; x = x->next) {
    assert_true(x->off <= len && x->len <= len - x->off);
    assert_true(x->note_off <= len && x->note_len <= len - x->note_off);
    assert_true(x->text && x->text[0]);
  }
  return errors.first->code;
}

static char *repeat(const char *before, const char *part, uint32_t cnt, const char *after,
                    size_t *len) {
  size_t n = strlen(part), b = strlen(before), a = strlen(after);
  char *out = MR_NEW(&fx.arena, char, b + n * cnt + a + 1), *p = out;
  memcpy(p, before, b);
  p += b;
  for (uint32_t i = 0; i < cnt; i++, p += n) memcpy(p, part, n);
  memcpy(p, after, a + 1);
  *len = b + n * cnt + a;
  return out;
}

/* before, part repeated cnt times, after; the first error's code, 0: none */
static const struct {
  const char *before, *part;
  uint32_t cnt;
  const char *after;
  int code;
} large[] = {
    {"", "1+", 200000, "1", MR_EXPR_TOO_LARGE},
    {"", "1+", 2047, "1", MR_EXPR_TOO_LARGE},
    {"", "1+", 399, "1", 0},
    {"", "1+", 401, "1", MR_EXPR_TOO_LARGE},
    {"", "NOT ", 4090, "p", MR_EXPR_TOO_LARGE},
    {"", "NOT ", 300, "p", 0},
    {"", "(", 2000, "a", MR_EXPR_TOO_LARGE},
    {"", "- ", 4000, "a", MR_EXPR_TOO_LARGE},
    {"", "upper(", 1000, "s", MR_EXPR_TOO_LARGE},
    {"", "CASE WHEN ", 1500, "p", MR_EXPR_TOO_LARGE},
    {"a IN (1", ",1", 2000, ")", 0},
    {"a IN (1", ",1", 2100, ")", MR_EXPR_TOO_LARGE},
    {"p", " OR p", 2000, "", 0},
    {"p", " AND q", 2000, "", 0},
    {"'", "x", 65534, "' = s", MR_EXPR_TOO_LARGE},
    {"'", "x", 65000, "' = s", 0},
    {"s", "||s", 390, "", 0},
    {"li", "[1]", 1000, "", MR_EXPR_TOO_LARGE},
    {"a", "::int", 1000, "", MR_EXPR_TOO_LARGE},
    {"a = ", "\"", 60001, "", MR_EXPR_SYNTAX},
    {"", "CASE p WHEN ", 350, "p", MR_EXPR_SYNTAX},
    {"concat(s", ",s", 2000, ")", 0},
    {"", "/*", 30000, "", MR_EXPR_SYNTAX},
    {"", " ", 65536, "", MR_EXPR_SYNTAX},
};

MR_TEST(texts_beyond_the_limits_are_errors_with_a_position) {
  MR_UNUSED_STATE;
  for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
    size_t len;
    uint32_t off = 0;
    const char *text = repeat(large[i].before, large[i].part, large[i].cnt, large[i].after, &len);
    int code = first_code(text, len, &off);
    if (code != large[i].code) print_message("%s x %u: %d\n", large[i].part, large[i].cnt, code);
    assert_int_equal(code, large[i].code);
  }
}

MR_TEST(bytes_that_are_no_text_are_errors_at_the_byte) {
  MR_UNUSED_STATE;
  uint32_t off = 0;
  assert_int_equal(first_code("a = \0 1", 7, &off), MR_EXPR_BAD_TEXT);
  assert_int_equal(off, 4);
  assert_int_equal(first_code("s = '\xc3\xa4\xff'", 9, &off), MR_EXPR_BAD_TEXT);
  assert_int_equal(off, 7);
  assert_int_equal(first_code("\x80", 1, &off), MR_EXPR_BAD_TEXT);
  assert_int_equal(off, 0);
  assert_int_equal(first_code("s = '\xed\xa0\x80'", 9, &off), MR_EXPR_BAD_TEXT);
  assert_int_equal(off, 5);
  assert_int_equal(first_code("s = '\xf0\x9f\x98", 8, &off), MR_EXPR_BAD_TEXT);
  assert_int_equal(off, 5);
  assert_int_equal(first_code("", 0, &off), MR_EXPR_SYNTAX);
  assert_int_equal(first_code(" \n\t", 3, &off), MR_EXPR_SYNTAX);
  assert_int_equal(first_code("-- nothing", 10, &off), MR_EXPR_SYNTAX);
}

/* clang-format off */
static const char *const pieces[] = {
    "a", "b", "s", "p", "ts", "d", "severity", "li", "(", ")", "(", ")", ",", "+", "-", "*",
    "/", "%", "=", "<>", "<", ">=", "||", "::", "AND", "OR", "NOT", "IS", "NULL", "IN",
    "BETWEEN", "LIKE", "CASE", "WHEN", "THEN", "ELSE", "END", "'x'", "'2025-01-01'", "1", "2.5",
    "1e3", "INTERVAL '1h'", "INTERVAL", "upper(", "coalesce(", "count(", "*", "DISTINCT",
    "FROM", "FILTER (WHERE", "[", "]", "CAST(", "AS", "int", "text", "true", ";", "--", "/*",
    "*/", "\"", "'", "$1", "$$", "now()", "extract(", "hour", "SELECT", "\xc3\xa4", "E'\\'",
    ".", ":=", "=>", "..", "OVER ()", "LIMIT", "substring(",
};
/* clang-format on */

/* Pieces of real expressions put together at random: most are nonsense, none may crash, each error
 * has its place. */
MR_TEST(random_token_soup_never_crashes) {
  MR_UNUSED_STATE;
  uint64_t seed = 20251013;
  struct mr_rng r;
  mr_rng_init(&r, seed);
  print_message("seed %llu\n", (unsigned long long)seed);
  uint32_t good = 0;
  for (uint32_t i = 0; i < 20000; i++) {
    char text[512];
    size_t len = 0, cnt = 1 + mr_rng_next(&r) % 12;
    uint32_t off = 0;
    for (size_t k = 0; k < cnt; k++)
      len += (size_t)sprintf(text + len, "%s ",
                             pieces[mr_rng_next(&r) % (sizeof pieces / sizeof pieces[0])]);
    good += first_code(text, len, &off) == 0;
    if (i % 500 == 0)
      mr_arena_free(&fx.arena), fx_teardown(&fx), assert_int_equal(fx_setup(&fx), 0);
  }
  assert_true(good > 20);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(every_mistake_is_told_in_its_own_words),
    MR_CASE(texts_beyond_the_limits_are_errors_with_a_position),
    MR_CASE(bytes_that_are_no_text_are_errors_at_the_byte),
    MR_CASE(random_token_soup_never_crashes),
};

int main(void) {
  if (fx_setup(&fx)) return 77;
  int failed = cmocka_run_group_tests(cases, NULL, NULL);
  fx_teardown(&fx);
  return failed;
}
