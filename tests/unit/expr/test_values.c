/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "fixture.h"

/* Single values by hand: each expression with its text. The first form is a constant (folded at
 * load), the second the same over columns where the constant part is hidden from folding. */

static struct fixture fx;

static const struct {
  const char *expr, *value; /* "NULL"; "E3021": an error value with this code */
} table[] = {
    /* numbers */
    {"7 / 2", "3.5"},
    {"div(7, 2)", "3"},
    {"div(-7, 2)", "-3"},
    {"-7 % 3", "-1"},
    {"mod(7, -3)", "1"},
    {"7.5 % 2", "1.5"},
    {"9223372036854775807 + 1", "E3021"},
    {"-9223372036854775807 - 2", "E3021"},
    {"3037000500 * 3037000500", "E3021"},
    {"div(-9223372036854775807 - 1, -1)", "E3021"},
    {"(-9223372036854775807 - 1) % -1", "0"},
    {"abs(-9223372036854775807 - 1)", "E3021"},
    {"1 / 0", "E3022"},
    {"1 % 0", "E3022"},
    {"1.5 / 0.0", "E3022"},
    {"div(1, 0)", "E3022"},
    {"NULL / 0", "NULL"},
    {"CAST(NULL AS bigint) % 0", "NULL"},
    {"1e308 * 10", "inf"},
    {"round(2.5)", "3"},
    {"round(-2.5)", "-3"},
    {"round(2.675, 2)", "2.68"},
    {"round(1.005, 2)", "1.01"},
    {"round(-1.005, 2)", "-1.01"},
    {"round(0.1 + 0.2, 1)", "0.3"},
    {"round(9.995, 2)", "10"},
    {"round(1234.5, -2)", "1200"},
    {"round(1250, -2)", "1300"},
    {"round(-1250, -2)", "-1300"},
    {"round(9223372036854775807, -1)", "E3021"},
    {"round(9223372036854775807, -19)", "E3021"},
    {"round(4, -19)", "0"},
    {"floor(-1.5)", "-2"},
    {"ceil(1.2)", "2"},
    {"floor(1e300)", "E3024"},
    {"sqrt(16)", "4"},
    {"sqrt(-1)", "-nan"},
    {"ln(0)", "NULL"},
    {"power(2, 10)", "1024"},
    {"greatest(1, NULL, 3, 2)", "3"},
    {"least('b', 'a', NULL)", "a"},
    {"greatest(1, 2.5)", "2.5"},
    /* casts */
    {"CAST(2.9 AS int)", "2"},
    {"CAST(-2.9 AS bigint)", "-2"},
    {"CAST(1e19 AS bigint)", "E3024"},
    {"CAST(9223372036854775807.0 AS bigint)", "E3024"},
    {"CAST(' 42 ' AS bigint)", "42"},
    {"CAST('+5' AS int)", "5"},
    {"CAST('' AS int)", "E3023"},
    {"CAST('4.0' AS int)", "E3023"},
    {"CAST('9223372036854775808' AS int)", "E3023"},
    {"CAST('1e3' AS double)", "1000"},
    {"CAST('.5' AS double)", "0.5"},
    {"CAST('-5.' AS double)", "-5"},
    {"CAST('007' AS double)", "7"},
    {"CAST('1e400' AS double)", "E3023"},
    {"CAST('inf' AS double)", "inf"},
    {"CAST('1.2.3' AS double)", "E3023"},
    {"CAST('Yes' AS boolean)", "true"},
    {"CAST('off' AS boolean)", "false"},
    {"CAST('maybe' AS boolean)", "E3023"},
    {"CAST(2 AS boolean)", "true"},
    {"CAST(true AS double)", "1"},
    {"CAST(1.5 AS string)", "1.5"},
    {"CAST(-9223372036854775807 AS text)", "-9223372036854775807"},
    {"CAST('2025-10-13T11:30:00+02:00' AS timestamp)", "2025-10-13T09:30:00Z"},
    {"'2025-10-13'::timestamptz", "2025-10-13T00:00:00Z"},
    {"CAST(left('2025-02-30T00:00:00Z', 20) AS timestamp)", "E3023"},
    {"CAST(TIMESTAMP '1969-12-31T23:59:59.5Z' AS bigint)", "-1"},
    {"CAST(TIMESTAMP '1970-01-01T00:00:01.5Z' AS double)", "1.5"},
    {"CAST(1760355000 AS timestamp)", "2025-10-13T11:30:00Z"},
    {"CAST(1e18 AS timestamp)", "E3024"},
    {"CAST(INTERVAL '90 minutes' AS string)", "1h30m"},
    {"CAST('1h30m' AS interval)", "1h30m"},
    {"try_cast('x', 'bigint')", "NULL"},
    {"try_cast('17', 'bigint')", "17"},
    {"try_cast(1e19, 'int64')", "NULL"},
    {"try_cast('2025-10-13T11:30:00.5Z', 'timestamp')", "2025-10-13T11:30:00.500Z"},
    {"try_cast(5, 'double precision')", "5"},
    /* strings */
    {"'a' || NULL", "NULL"},
    {"concat('a', 1, true, 2.5)", "a1true2.5"},
    {"'n=' || 5 || '!'", "n=5!"},
    {"length('\xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80')", "3"},
    {"upper('stra\xc3\x9f"
     "e \xc3\xa4\xc5\x93\xd0\xb6\xc7\x86')",
     "STRA\xc3\x9f"
     "E \xc3\x84\xc5\x92\xd0\x96\xc7\x84"},
    {"lower('\xc3\x84\xc4\xb0\xce\xa3X')", "\xc3\xa4i\xcf\x83x"},
    {"substring('millrace', 1, 4)", "mill"},
    {"substring('millrace', -4, 2)", "ra"},
    {"substring('millrace', -10, 4)", "mi"},
    {"substring('millrace', 0, 2)", "mi"},
    {"substring('millrace', 5)", "race"},
    {"substring('millrace' FROM 5 FOR 2)", "ra"},
    {"substring('millrace', 3, -1)", ""},
    {"substring('millrace', 3, 9223372036854775807)", "llrace"},
    {"substring('millrace', -9223372036854775807, 9223372036854775807)", "millrace"},
    {"left('abc', -1)", ""},
    {"right('abc', 2)", "bc"},
    {"right('abc', -9223372036854775807)", ""},
    {"trim('  x ')", "x"},
    {"trim(BOTH 'x' FROM 'xxaxx')", "a"},
    {"trim(LEADING FROM '  a ')", "a "},
    {"ltrim('\xc3\xa4\xc3\xa4"
     "b', '\xc3\xa4')",
     "b"},
    {"replace('banana', 'an', '<>')", "b<><>a"},
    {"replace('banana', '', 'x')", "banana"},
    {"replace('aaa', 'a', '')", ""},
    {"position('n' IN 'banana')", "3"},
    {"instr('banana', 'x')", "0"},
    {"locate('\xc3\xa4', 'x\xc3\xa4')", "2"},
    {"position('' IN 'abc')", "1"},
    {"contains('abc', '')", "true"},
    {"starts_with('abc', 'ab')", "true"},
    {"endswith('abc', 'bc')", "true"},
    {"'100%' LIKE '100\\%'", "true"},
    {"'1000' LIKE '100\\%'", "false"},
    {"'abc' LIKE '%%'", "true"},
    {"'' LIKE '%'", "true"},
    {"'' LIKE '_'", "false"},
    {"'\xc3\xa4' LIKE '_'", "true"},
    {"'aXbXc' LIKE 'a%X_'", "true"},
    {"'abc' NOT LIKE 'a_c'", "false"},
    {"'a' < 'B'", "false"},
    {"'abc' < 'abcd'", "true"},
    {"'abcdefghijklmnop' < 'abcdefghijklmnoq'", "true"},
    /* regular expressions */
    {"'abc' ~ 'b'", "true"},
    {"'abc' !~ '^b'", "true"},
    {"(severity ~ '^h') = (severity LIKE 'h%')", "true"},
    {"(kind ~ '1[0-9]?$') = (upper(kind) ~ '1[0-9]?$')", "true"},
    {"NULL ~ 'b'", "NULL"},
    {"regexp_replace('aaa', 'a*', 'x')", "xx"},
    {"regexp_replace('abc', '', '-')", "-a-b-c-"},
    {"regexp_replace('\xc3\xa4\xc3\xb6', '', '-')", "-\xc3\xa4-\xc3\xb6-"},
    {"regexp_replace('a.b.c', '[.]', '\\$')", "a$b$c"},
    {"regexp_replace('x1y2', '(?P<d>[0-9])', '<${d}$1>')", "x<11>y<22>"},
    {"regexp_replace('ab', '(a)|(b)', '[$1|$2]')", "[a|][|b]"},
    {"regexp_replace('aaaa', 'a', 'b', 3)", "aabb"},
    {"regexp_replace('aaaa', 'a', 'b', 0)", "E3024"},
    {"regexp_replace('a10', '(a)(1)', '$10')", "a00"},
    {"regexp_extract('x', '(y)?x')", ""},
    {"regexp_extract('none', '([0-9]+)')", ""},
    {"regexp_extract('a7', '[0-9]+', 0)", "7"},
    {"regexp_substr('none', '[0-9]')", "NULL"},
    {"regexp_count('aaaa', 'aa')", "2"},
    {"regexp_count('abc', '')", "4"},
    {"regexp_instr('\xc3\xa4\xc3\xb6x', 'x')", "3"},
    /* logic */
    {"false AND 1 / 0 > 1", "false"},
    {"1 / 0 > 1 AND false", "false"},
    {"true OR 1 / 0 > 1", "true"},
    {"true AND 1 / 0 > 1", "E3022"},
    {"NULL AND 1 / 0 > 1", "E3022"},
    {"NULL AND false", "false"},
    {"NULL OR true", "true"},
    {"NOT CAST(NULL AS boolean)", "NULL"},
    {"NULL = NULL", "NULL"},
    {"NULL IS NOT DISTINCT FROM NULL", "true"},
    {"1 IS DISTINCT FROM NULL", "true"},
    {"3 IN (1, NULL)", "NULL"},
    {"3 NOT IN (1, 2)", "true"},
    {"1 IN (1, NULL)", "true"},
    {"CASE WHEN false THEN 1 / 0 ELSE 2 END", "2"},
    {"CASE 3 WHEN 1 THEN 'a' WHEN 3 THEN 'b' END", "b"},
    {"CASE WHEN NULL THEN 1 END", "NULL"},
    {"CASE WHEN 1 / 0 > 1 THEN 1 ELSE 2 END", "E3022"},
    {"COALESCE(NULL, 2, 1 / 0)", "2"},
    {"COALESCE(1 / 0, 2)", "E3022"},
    {"nullif(3, 3)", "NULL"},
    {"nullif('a', 'b')", "a"},
    {"1 BETWEEN 0 AND NULL", "NULL"},
    {"1 BETWEEN 2 AND NULL", "false"},
    {"CAST('nan' AS double) = CAST('nan' AS double)", "true"},
    {"CAST('nan' AS double) > 1e308", "true"},
    {"0.0 = -0.0", "true"},
    {"9007199254740993 = 9007199254740992.0", "true"},
    /* time */
    {"TIMESTAMP '2025-10-13T11:30:00Z' + INTERVAL '1h'", "2025-10-13T12:30:00Z"},
    {"TIMESTAMP '2025-10-13T11:30:00Z' - INTERVAL '1 day 12 hours'", "2025-10-11T23:30:00Z"},
    {"TIMESTAMP '2025-10-13T11:30:00Z' - '2025-10-13T10:00:00Z'::timestamp", "1h30m"},
    {"TIMESTAMP '9999-12-31T23:59:59Z' + INTERVAL '1s'", "E3024"},
    {"TIMESTAMP '0001-01-01T00:00:00Z' - INTERVAL '1us'", "E3024"},
    {"INTERVAL '1h' * 2.5", "2h30m"},
    {"INTERVAL '1h' / INTERVAL '30m'", "2"},
    {"INTERVAL '1h' / 0", "E3022"},
    {"- INTERVAL '5m'", "-5m"},
    {"INTERVAL '01:30:05.5'", "1h30m5.5s"},
    {"INTERVAL '5' MINUTE", "5m"},
    {"TIMESTAMP '2025-10-13T11:30:00Z' > '2025-10-13T11:29:59.999999Z'", "true"},
    {"year(TIMESTAMP '2024-02-29T23:59:59.25Z')", "2024"},
    {"extract(doy FROM TIMESTAMP '2024-12-31T00:00:00Z')", "366"},
    {"extract(second FROM TIMESTAMP '2024-02-29T23:59:59.25Z')", "59.25"},
    {"second(TIMESTAMP '2024-02-29T23:59:59.25Z')", "59"},
    {"extract(epoch FROM TIMESTAMP '1970-01-01T00:00:01.5Z')", "1.5"},
    {"extract(epoch FROM INTERVAL '90m')", "5400"},
    {"weekofyear(TIMESTAMP '2021-01-03T00:00:00Z')", "53"},
    {"weekofyear(TIMESTAMP '2024-12-30T00:00:00Z')", "1"},
    {"dayofweek(TIMESTAMP '2025-10-12T00:00:00Z')", "1"},
    {"extract(isodow FROM TIMESTAMP '2025-10-12T00:00:00Z')", "7"},
    {"quarter(TIMESTAMP '2025-10-12T00:00:00Z')", "4"},
    {"date_trunc('week', TIMESTAMP '2025-10-13T11:30:00Z')", "2025-10-13T00:00:00Z"},
    {"date_trunc('week', TIMESTAMP '1969-12-31T00:00:00Z')", "1969-12-29T00:00:00Z"},
    {"date_trunc('quarter', TIMESTAMP '2025-11-13T11:30:00Z')", "2025-10-01T00:00:00Z"},
    {"date_trunc('DAY', TIMESTAMP '1969-12-31T23:00:00Z')", "1969-12-31T00:00:00Z"},
    {"date_format(TIMESTAMP '2025-10-13T11:30:00Z', 'yyyy-MM-dd''T''HH:mm:ss')",
     "2025-10-13T11:30:00"},
    {"to_timestamp('13/10/2025 11:30', 'dd/MM/yyyy HH:mm')", "2025-10-13T11:30:00Z"},
    {"to_timestamp('13/13/2025 11:30', 'dd/MM/yyyy HH:mm')", "E3023"},
    {"unix_timestamp(TIMESTAMP '1969-12-31T23:59:59.9Z')", "-1"},
    {"unix_millis(TIMESTAMP '1970-01-01T00:00:01.5Z')", "1500"},
    {"timestamp_millis(1500)", "1970-01-01T00:00:01.500Z"},
    {"timestamp_seconds(9223372036854775807)", "E3024"},
    {"now() = ingest_time()", "true"},
    {"event_time() = tt", "true"},
    {"record_key()", "NULL"},
    {"merchantId = MERCHANTID", "true"},
    {"\"end\" = \"end\"", "true"},
};

static void text_of(const struct mr_expr *e, const struct mr_vec *v, uint32_t row, char *out) {
  size_t n = 0;
  const int64_t *i = v->data;
  if (v->valid && !mr_bit_get(v->valid, row)) {
    strcpy(out, "NULL");
    return;
  }
  switch (e->field.type) {
  case MR_TYPE_NONE: n = (size_t)sprintf(out, "untyped"); break;
  case MR_TYPE_BOOL: n = (size_t)sprintf(out, mr_bit_get(v->data, row) ? "true" : "false"); break;
  case MR_TYPE_DOUBLE: n = (size_t)sprintf(out, "%.15g", ((const double *)v->data)[row]); break;
  case MR_TYPE_TIMESTAMP: n = mr_timestamp_format(out, i[row]); break;
  case MR_TYPE_DURATION: n = mr_duration_format_us(out, i[row]); break;
  case MR_TYPE_STRING: {
    const struct mr_str *s = (const struct mr_str *)v->data + row;
    n = s->len;
    memcpy(out, mr_str_data(s, fx.region.base), n);
    break;
  }
  default: n = (size_t)sprintf(out, "%lld", (long long)i[row]); break;
  }
  out[n] = 0;
}

static void check_value(const char *expr, const char *value) {
  struct mr_expr_errors errors;
  struct mr_expr_scope scope = {.schema = &fx.schema, .name = "rows"};
  struct mr_expr_frame frame;
  struct mr_error err;
  struct mr_vec v;
  char got[256];
  mr_expr_errors_init(&errors, &fx.arena);
  struct mr_expr *e = mr_expr_make(&fx.arena, expr, strlen(expr), &scope, &errors);
  if (!e) print_message("%s: MR%d %s\n", expr, errors.first->code, errors.first->text);
  assert_non_null(e);
  const struct mr_expr *exprs[1] = {e};
  assert_int_equal(
      mr_expr_frame_init(&frame, &fx.arena, &fx.region, exprs, 1, mr_isa_detect(), "t", &err),
      MR_OK);
  frame.now_us = fx.view.now_us;
  uint32_t errs = mr_expr_eval(e, &frame, &fx.view, &v);
  for (uint32_t row = 0; row < fx.view.row_cnt; row++) {
    char cause[MR_EXPR_CAUSE_SZ];
    if (v.err && mr_bit_get(v.err, row))
      sprintf(got, "E%d", mr_expr_cause(e, &frame, row, cause, sizeof cause));
    else
      text_of(e, &v, row, got);
    if (strcmp(got, value) != 0) print_message("%s\n", expr);
    assert_string_equal(got, value);
  }
  assert_int_equal(errs, value[0] == 'E' && value[1] == '3' ? fx.view.row_cnt : 0);
}

MR_TEST(values_are_as_written_down) {
  MR_UNUSED_STATE;
  fx_fill(&fx, 1, 3, false, 16);
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (i % 50 == 0) { /* frames are never given back */
      fx_teardown(&fx);
      assert_int_equal(fx_setup(&fx), 0);
      fx_fill(&fx, 1, 3, false, 16);
    }
    check_value(table[i].expr, table[i].value);
  }
}

MR_TEST(values_hidden_from_folding_are_the_same) {
  MR_UNUSED_STATE;
  char expr[512];
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (i % 50 == 0) {
      fx_teardown(&fx);
      assert_int_equal(fx_setup(&fx), 0);
      fx_fill(&fx, 1, 3, false, 16);
    }
    /* a CASE over a column that is true in every row; a bare NULL has no type of its own */
    snprintf(expr, sizeof expr, "CASE WHEN tt IS NOT NULL AND i = i THEN %s END", table[i].expr);
    check_value(expr, table[i].value);
  }
}

MR_TEST(the_example_of_every_function_gives_what_its_row_says) {
  MR_UNUSED_STATE;
  struct mr_expr_function f;
  uint32_t cnt = 0;
  for (uint32_t i = 0; mr_expr_function_at(&fx.arena, i, &f); i++) {
    if (i % 20 == 0) {
      fx_teardown(&fx);
      assert_int_equal(fx_setup(&fx), 0);
      fx_fill(&fx, 1, 3, false, 16);
      assert_true(mr_expr_function_at(&fx.arena, i, &f));
    }
    assert_true(f.help[0] && f.group[0] && strchr(f.signature, '('));
    if (!f.gives) continue;
    cnt++;
    check_value(f.example, f.gives);
  }
  assert_true(cnt > 140);
}

MR_TEST(constants_are_folded_and_can_be_taken) {
  MR_UNUSED_STATE;
  struct mr_expr_errors errors;
  struct mr_schema none = {0, 0, -1, NULL};
  struct mr_expr_scope scope = {.schema = &none, .name = "nothing"};
  mr_expr_errors_init(&errors, &fx.arena);
  int64_t i = 0;
  double d = 0;
  const char *s = NULL;
  uint32_t len = 0;
  struct mr_expr *e = mr_expr_make(&fx.arena, "2 + 3 * 4", 9, &scope, &errors);
  assert_true(e->constant && !e->can_fail && !e->field.optional);
  assert_true(mr_expr_const(e, &i, &d, &s, &len));
  assert_int_equal(i, 14);
  e = mr_expr_make(&fx.arena, "upper('a long enough text')", 27, &scope, &errors);
  assert_true(e->constant && mr_expr_const(e, &i, &d, &s, &len));
  assert_string_equal(s, "A LONG ENOUGH TEXT");
  e = mr_expr_make(&fx.arena, "NULL", 4, &scope, &errors);
  assert_false(mr_expr_const(e, &i, &d, &s, &len));
  e = mr_expr_make(&fx.arena, "now()", 5, &scope, &errors);
  assert_false(mr_expr_const(e, &i, &d, &s, &len));
  assert_true(e->uses_now);
  assert_int_equal(errors.cnt, 0);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(values_are_as_written_down),
    MR_CASE(values_hidden_from_folding_are_the_same),
    MR_CASE(the_example_of_every_function_gives_what_its_row_says),
    MR_CASE(constants_are_folded_and_can_be_taken),
};

int main(void) {
  if (fx_setup(&fx)) return 77;
  int failed = cmocka_run_group_tests(cases, NULL, NULL);
  fx_teardown(&fx);
  return failed;
}
