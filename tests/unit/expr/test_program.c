/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* What the rest of the engine relies on: inference of columns, aggregates, frames, and the form of
 * results. */

static struct fixture fx;
static struct mr_expr_errors errors;

static struct mr_ast *parse(const char *text) {
  mr_expr_errors_init(&errors, &fx.arena);
  return mr_expr_parse(&fx.arena, text, strlen(text), &errors);
}

static struct mr_expr *make_as(const char *text, enum mr_type want) {
  struct mr_expr_scope scope = {.schema = &fx.schema, .name = "rows", .want = want};
  mr_expr_errors_init(&errors, &fx.arena);
  struct mr_expr *e = mr_expr_make(&fx.arena, text, strlen(text), &scope, &errors);
  if (!e) print_message("%s: MR%d %s\n", text, errors.first->code, errors.first->text);
  assert_non_null(e);
  return e;
}

static struct mr_expr *make(const char *text) {
  return make_as(text, MR_TYPE_NONE);
}

static void init_frame(struct mr_expr_frame *frame, const struct mr_expr *const *exprs,
                       uint32_t cnt) {
  struct mr_error err;
  assert_int_equal(
      mr_expr_frame_init(frame, &fx.arena, &fx.region, exprs, cnt, mr_isa_detect(), "test", &err),
      MR_OK);
}

/* ---- columns ---- */

static char seen[1024];

static void note(void *ctx, const char *name, uint32_t off, uint32_t len, enum mr_type use) {
  size_t n = strlen(seen);
  (void)ctx;
  sprintf(seen + n, "%s%s@%u+%u:%s", n ? " " : "", name, off, len,
          use == MR_TYPE_NONE ? "any" : mr_type_name(use));
}

MR_TEST(columns_are_told_with_the_type_their_place_asks_for) {
  MR_UNUSED_STATE;
  static const struct {
    const char *text;
    enum mr_type want;
    const char *seen;
  } rows[] = {
      {"amount > 100", MR_TYPE_BOOL, "amount@0+6:double"},
      {"100 < Amount", MR_TYPE_BOOL, "Amount@6+6:double"},
      {"city = 'NYC' AND ok", MR_TYPE_BOOL, "city@0+4:string ok@17+2:bool"},
      {"city", MR_TYPE_NONE, "city@0+4:any"},
      {"city", MR_TYPE_STRING, "city@0+4:string"},
      {"a = b", MR_TYPE_BOOL, "a@0+1:any b@4+1:any"},
      {"ts > now() - INTERVAL '1h'", MR_TYPE_BOOL, "ts@0+2:timestamp"},
      {"ts - INTERVAL '1h' < '2025-01-01'", MR_TYPE_BOOL, "ts@0+2:timestamp"},
      {"now() - ts > INTERVAL '5m'", MR_TYPE_BOOL, "ts@8+2:timestamp"},
      {"upper(x) || y", MR_TYPE_NONE, "x@6+1:string y@12+1:any"},
      {"x + y * 2", MR_TYPE_NONE, "x@0+1:double y@4+1:double"},
      {"x IN ('a', 'b')", MR_TYPE_BOOL, "x@0+1:string"},
      {"x BETWEEN 1 AND y", MR_TYPE_BOOL, "x@0+1:double y@16+1:double"},
      {"x LIKE 'a%'", MR_TYPE_BOOL, "x@0+1:string"},
      {"x IS NULL", MR_TYPE_BOOL, "x@0+1:any"},
      {"CASE WHEN p THEN x ELSE 1 END", MR_TYPE_NONE, "p@10+1:bool x@17+1:double"},
      {"CASE k WHEN 'a' THEN x END = 'z'", MR_TYPE_BOOL, "k@5+1:string x@21+1:string"},
      {"COALESCE(x, 'none')", MR_TYPE_NONE, "x@9+1:string"},
      {"CAST(x AS int) > y", MR_TYPE_BOOL, "x@5+1:any y@17+1:double"},
      {"extract(hour FROM x) = 3", MR_TYPE_BOOL, "x@18+1:timestamp"},
      {"date_trunc('hour', x)", MR_TYPE_NONE, "x@19+1:timestamp"},
      {"sum(x) FILTER (WHERE p)", MR_TYPE_NONE, "x@4+1:double p@21+1:bool"},
      {"count(DISTINCT user_id)", MR_TYPE_NONE, "user_id@15+7:any"},
      {"size(l) > l[1]", MR_TYPE_BOOL, "l@5+1:list l@10+1:list"},
      {"\"end\" = 'x'", MR_TYPE_BOOL, "end@0+5:string"},
      {"greatest(x, 3)", MR_TYPE_NONE, "x@9+1:double"},
      {"NOT x", MR_TYPE_BOOL, "x@4+1:bool"},
      {"-x", MR_TYPE_NONE, "x@1+1:double"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct mr_ast *ast = parse(rows[i].text);
    assert_non_null(ast);
    seen[0] = 0;
    mr_ast_columns(ast, rows[i].want, note, NULL);
    assert_string_equal(seen, rows[i].seen);
  }
  assert_string_equal(mr_ast_column(parse("(a)")), "a");
  assert_null(mr_ast_column(parse("a + 1")));
}

/* ---- aggregates ---- */

MR_TEST(aggregates_are_taken_out_and_the_rest_compiles_over_them) {
  MR_UNUSED_STATE;
  struct mr_agg_list list = {0};
  struct mr_ast *one = parse("sum(a) / count(*) + max(a + b) FILTER (WHERE severity = 'high')");
  struct mr_ast *two = parse("count(*) > 10 AND city = 'NYC'");
  assert_true(mr_ast_aggregates(&fx.arena, one, &list, &errors));
  assert_true(mr_ast_aggregates(&fx.arena, two, &list, &errors));
  assert_int_equal(list.cnt, 3); /* count(*) once */
  assert_int_equal(list.calls[0].func, MR_AGG_SUM);
  assert_int_equal(list.calls[1].func, MR_AGG_COUNT);
  assert_null(list.calls[1].arg);
  assert_int_equal(list.calls[2].func, MR_AGG_MAX);
  assert_non_null(list.calls[2].filter);
  assert_int_equal(list.calls[2].off, 20);
  assert_int_equal(list.calls[2].len, 43);
  assert_string_equal(list.calls[2].name, "$2");
  struct mr_expr_scope in = {.schema = &fx.schema, .name = "rows"};
  struct mr_field fields[5] = {
      {"window_start", MR_TYPE_TIMESTAMP, MR_TYPE_NONE, NULL, false, false},
      {"city", MR_TYPE_STRING, MR_TYPE_NONE, NULL, false, false}};
  for (uint32_t i = 0; i < list.cnt; i++) {
    struct mr_expr *arg = NULL;
    if (list.calls[i].arg) arg = mr_expr_compile(&fx.arena, list.calls[i].arg, &in, &errors);
    assert_true(
        mr_expr_agg_type(&list.calls[i], arg ? &arg->field : NULL, &fields[2 + i], &errors));
    fields[2 + i].name = list.calls[i].name;
  }
  assert_int_equal(fields[2].type, MR_TYPE_INT64);
  assert_true(fields[2].optional && !fields[3].optional);
  struct mr_schema outer = {5, 5, -1, fields};
  struct mr_expr_scope out = {.schema = &outer, .name = "steps.w", .input = &fx.schema};
  struct mr_expr *e = mr_expr_compile(&fx.arena, one, &out, &errors);
  assert_non_null(e);
  assert_int_equal(e->field.type, MR_TYPE_DOUBLE);
  assert_true(e->reads[2] && e->reads[3] && e->reads[4] && !e->reads[0]);
  out.want = MR_TYPE_BOOL;
  assert_non_null(mr_expr_compile(&fx.arena, two, &out, &errors));
  assert_int_equal(errors.cnt, 0);
  struct mr_ast *bad = parse("a + 1");
  out.want = MR_TYPE_NONE;
  assert_null(mr_expr_compile(&fx.arena, bad, &out, &errors));
  assert_int_equal(errors.first->code, MR_EXPR_NOT_GROUPED);
  assert_string_equal(errors.first->hint, "last(a)");
}

MR_TEST(aggregates_in_the_wrong_place_are_errors) {
  MR_UNUSED_STATE;
  static const struct {
    const char *text;
    int code;
    uint32_t off;
  } rows[] = {
      {"sum(max(a))", MR_EXPR_AGGREGATE, 4},
      {"sum(a) FILTER (WHERE count(*) > 1)", MR_EXPR_AGGREGATE, 21},
      {"sum(a, b)", MR_EXPR_ARG_COUNT, 0},
      {"1 + count()", MR_EXPR_ARG_COUNT, 4},
      {"sum(*)", MR_EXPR_ARG_COUNT, 0},
      {"collect_list(DISTINCT a)", MR_EXPR_NOT_SUPPORTED, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct mr_agg_list list = {0};
    struct mr_ast *ast = parse(rows[i].text);
    assert_non_null(ast);
    assert_false(mr_ast_aggregates(&fx.arena, ast, &list, &errors));
    assert_int_equal(errors.first->code, rows[i].code);
    assert_int_equal(errors.first->off, rows[i].off);
  }
}

MR_TEST(aggregates_have_the_types_of_sql) {
  MR_UNUSED_STATE;
  static const struct {
    enum mr_agg_func func;
    uint32_t arg;
    enum mr_type type; /* MR_TYPE_NONE: an error */
  } rows[] = {
      {MR_AGG_COUNT, COL_S, MR_TYPE_INT64},
      {MR_AGG_SUM, COL_A, MR_TYPE_INT64},
      {MR_AGG_SUM, COL_X, MR_TYPE_DOUBLE},
      {MR_AGG_SUM, COL_D, MR_TYPE_DURATION},
      {MR_AGG_SUM, COL_S, MR_TYPE_NONE},
      {MR_AGG_AVG, COL_A, MR_TYPE_DOUBLE},
      {MR_AGG_AVG, COL_D, MR_TYPE_DURATION},
      {MR_AGG_AVG, COL_TS, MR_TYPE_NONE},
      {MR_AGG_MIN, COL_S, MR_TYPE_STRING},
      {MR_AGG_MAX, COL_TS, MR_TYPE_TIMESTAMP},
      {MR_AGG_FIRST, COL_P, MR_TYPE_BOOL},
      {MR_AGG_LAST, COL_LI, MR_TYPE_NONE},
      {MR_AGG_COLLECT_LIST, COL_SEV, MR_TYPE_LIST},
      {MR_AGG_COLLECT_SET, COL_LI, MR_TYPE_NONE},
      {MR_AGG_APPROX_COUNT_DISTINCT, COL_S, MR_TYPE_INT64},
  };
  struct mr_ast *arg = parse("s");
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct mr_agg_call call = {.func = rows[i].func, .arg = arg, .len = 6};
    struct mr_field out;
    mr_expr_errors_init(&errors, &fx.arena);
    bool ok = mr_expr_agg_type(&call, &fx.fields[rows[i].arg], &out, &errors);
    assert_int_equal(ok, rows[i].type != MR_TYPE_NONE);
    assert_int_equal(errors.cnt, ok ? 0 : 1);
    if (ok) assert_int_equal(out.type, rows[i].type);
    if (ok && rows[i].type == MR_TYPE_LIST) {
      assert_int_equal(out.elem, MR_TYPE_STRING);
      assert_ptr_equal(out.codes, &fx.sev);
    }
  }
}

/* ---- programs ---- */

MR_TEST(a_program_tells_what_it_reads_and_needs) {
  MR_UNUSED_STATE;
  struct mr_expr *e = make("a + b > 3 OR severity = 'low'");
  for (uint32_t c = 0; c < COL_CNT; c++)
    assert_int_equal(e->reads[c], c == COL_A || c == COL_B || c == COL_SEV);
  assert_true(e->can_fail && !e->constant && e->column == -1 && e->field.optional);
  e = make("severity");
  assert_int_equal(e->column, COL_SEV);
  assert_ptr_equal(e->field.codes, &fx.sev);
  e = make("upper(severity)");
  assert_null(e->field.codes);
  e = make("event_time()");
  assert_int_equal(e->column, COL_TT);
  assert_true(make("record_offset() > 3")->uses_pos);
  assert_true(make("ingest_time() < tt")->uses_ingest);
  assert_false(make("CASE WHEN true THEN a ELSE b END")->reads[COL_B]);
  assert_int_equal(make_as("'2025-01-01'", MR_TYPE_TIMESTAMP)->field.type, MR_TYPE_TIMESTAMP);
  assert_int_equal(make_as("NULL", MR_TYPE_BOOL)->field.type, MR_TYPE_BOOL);
  struct mr_expr_scope scope = {.schema = &fx.schema, .name = "rows", .want = MR_TYPE_BOOL};
  assert_null(mr_expr_make(&fx.arena, "a", 1, &scope, &errors));
  assert_int_equal(errors.last->code, MR_EXPR_WRONG_RESULT);
}

MR_TEST(results_of_several_programs_stand_side_by_side) {
  MR_UNUSED_STATE;
  const struct mr_expr *e[4] = {make("i + 0"), make("s || '-' || t"), make("i = i"),
                                make("s || '!'")};
  struct mr_expr_frame frame;
  struct mr_vec v[4];
  fx_fill(&fx, 3, 200, true, 16);
  init_frame(&frame, e, 4);
  assert_true(mr_expr_frame_footprint(e, 4) > 0);
  for (int k = 0; k < 4; k++) mr_expr_eval(e[k], &frame, &fx.view, &v[k]);
  for (uint32_t row = 0; row < 200; row++) {
    assert_int_equal(((const int64_t *)v[0].data)[row], ((const int64_t *)fx.data[COL_I])[row]);
    assert_true(mr_bit_get(v[2].data, row));
    const struct mr_str *s = (const struct mr_str *)fx.data[COL_S] + row;
    const struct mr_str *x = (const struct mr_str *)v[3].data + row;
    bool null = !mr_bit_get(fx.valid[COL_S], row);
    assert_int_equal(x->len, null ? 0 : s->len + 1);
    assert_int_equal(mr_bit_get(v[3].valid, row), !null);
    const struct mr_str *both = (const struct mr_str *)v[1].data + row;
    if (both->len)
      assert_memory_equal(mr_str_data(both, fx.region.base), mr_str_data(s, fx.region.base),
                          s->len);
  }
}

MR_TEST(rows_that_are_null_or_wrong_are_zero_bytes_and_bits_end_at_the_last_row) {
  MR_UNUSED_STATE;
  static const char *const texts[] = {
      "a * b",          "x / y",          "NOT p", "s || t", "p OR a / 0 > 1", "a IS NULL",
      "CAST(s AS int)", "COALESCE(a, b)", "true",  "NULL",   "severity < 'm'"};
  static const uint64_t zero[2];
  for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
    const struct mr_expr *e[1] = {make(texts[k])};
    struct mr_expr_frame frame;
    struct mr_vec v;
    init_frame(&frame, e, 1);
    for (uint32_t rows = 1; rows <= 70; rows += 23) {
      fx_fill(&fx, rows + k, rows, true, 16);
      mr_expr_frame_reset(&frame);
      mr_expr_eval(e[0], &frame, &fx.view, &v);
      enum mr_phys phys = mr_field_phys(&e[0]->field);
      for (uint32_t row = 0; row < mr_bitmap_words(rows) * 64; row++) {
        bool none = (v.valid && !mr_bit_get(v.valid, row)) || (v.err && mr_bit_get(v.err, row));
        if (row >= rows) {
          if (v.valid) assert_false(mr_bit_get(v.valid, row));
          if (v.err) assert_false(mr_bit_get(v.err, row));
          if (phys == MR_PHYS_BIT) assert_false(mr_bit_get(v.data, row));
        } else if (none && phys == MR_PHYS_BIT) {
          assert_false(mr_bit_get(v.data, row));
        } else if (none) {
          uint32_t sz = phys == MR_PHYS_STR ? 16 : 8;
          assert_memory_equal((const uint8_t *)v.data + row * sz, zero, sz);
        }
      }
    }
  }
}

MR_TEST(an_error_in_a_row_that_is_not_selected_does_not_exist) {
  MR_UNUSED_STATE;
  const struct mr_expr *e[1] = {make_as("1 / (i - i) > 0", MR_TYPE_BOOL)};
  struct mr_expr_frame frame;
  uint64_t sel[MR_BATCH_WORDS], err[MR_BATCH_WORDS];
  fx_fill(&fx, 9, 1000, false, 3);
  init_frame(&frame, e, 1);
  struct mr_expr_counts c = mr_expr_where(e[0], &frame, &fx.view, sel, err);
  assert_int_equal(c.pass, 0);
  assert_int_equal(c.err, fx.view.sel_cnt);
  assert_memory_equal(err, fx.sel, 16 * 8);
}

MR_TEST(strings_beyond_the_scratch_are_error_values) {
  MR_UNUSED_STATE;
  static char text[MR_EXPR_TEXT_MAX];
  size_t n = (size_t)sprintf(text, "replace('xx', 'x', concat(t, '");
  memset(text + n, 'y', 60000);
  n += 60000;
  n += (size_t)sprintf(text + n, "'))");
  struct mr_expr_scope scope = {.schema = &fx.schema, .name = "rows"};
  const struct mr_expr *e[1] = {mr_expr_make(&fx.arena, text, n, &scope, &errors)};
  assert_non_null(e[0]);
  struct mr_expr_frame frame;
  struct mr_vec v;
  char cause[MR_EXPR_CAUSE_SZ];
  fx_fill(&fx, 5, 1024, false, 16);
  init_frame(&frame, e, 1);
  for (int again = 0; again < 2; again++) {
    mr_expr_frame_reset(&frame);
    uint32_t cnt = mr_expr_eval(e[0], &frame, &fx.view, &v), good = 0;
    assert_true(cnt > 0 && cnt < 1024);
    assert_true(frame.scratch_used <= frame.scratch_sz);
    for (uint32_t row = 0; row < 1024; row++) {
      const struct mr_str *s = (const struct mr_str *)v.data + row;
      if (mr_bit_get(v.err, row)) {
        assert_int_equal(mr_expr_cause(e[0], &frame, row, cause, sizeof cause),
                         MR_EXPR_ROW_SCRATCH);
        continue;
      }
      good++;
      assert_int_equal(s->len, 2 * (60000 + ((const struct mr_str *)fx.data[COL_T])[row].len));
    }
    assert_int_equal(good + cnt, 1024);
  }
}

MR_TEST(the_cause_of_an_error_names_the_part_that_failed) {
  MR_UNUSED_STATE;
  static const struct {
    const char *text, *cause;
  } rows[] = {
      {"1 + (i - i + 9223372036854775807) * 2",
       "integer overflow in (i - i + 9223372036854775807) * 2"},
      {"upper(CAST(CAST('x' || i AS int) AS string))",
       "the text cannot be cast in CAST('x' || i AS int)"},
      {"CASE WHEN i = i THEN 1 % (i - i) ELSE CAST('x' || i AS int) END",
       "division by zero in 1 % (i - i)"},
      {"CASE WHEN i <> i THEN 1 % (i - i) ELSE CAST('x' || i AS int) END",
       "the text cannot be cast in CAST('x' || i AS int)"},
      {"div(i - i - 9223372036854775807 - 1, -1)",
       "integer overflow in div(i - i - 9223372036854775807 - 1, -1)"},
      {"COALESCE(nullif(i, i), 5 % (i - i))", "division by zero in 5 % (i - i)"},
      {"i = i AND 5 % (i - i) = 1", "division by zero in 5 % (i - i)"},
      {"s LIKE 'x' || '\\' || left(s, 0)", "bad LIKE pattern in s LIKE 'x' || '\\' || left(s, 0)"},
  };
  fx_fill(&fx, 8, 5, false, 16);
  for (uint32_t r = 0; r < 5; r++) ((int64_t *)fx.data[COL_I])[r] = 40 + r;
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    const struct mr_expr *e[1] = {make(rows[k].text)};
    struct mr_expr_frame frame;
    struct mr_vec v;
    char cause[MR_EXPR_CAUSE_SZ];
    init_frame(&frame, e, 1);
    assert_int_equal(mr_expr_eval(e[0], &frame, &fx.view, &v), 5);
    assert_true(mr_expr_cause(e[0], &frame, 4, cause, sizeof cause) > 3000);
    assert_string_equal(cause, rows[k].cause);
    assert_int_equal(mr_expr_cause(e[0], &frame, 5, cause, sizeof cause), 0);
  }
}

MR_TEST(clocks_come_per_row_when_the_view_has_them) {
  MR_UNUSED_STATE;
  const struct mr_expr *e[3] = {make("now()"), make("ingest_time()"), make("record_offset()")};
  struct mr_expr_frame frame;
  struct mr_vec v;
  static int64_t row_now[MR_BATCH_ROWS];
  static uint64_t row_pos[MR_BATCH_ROWS];
  fx_fill(&fx, 8, 100, false, 16);
  init_frame(&frame, e, 3);
  frame.now_us = 77;
  fx.view.now_us = 55;
  fx.view.pos = 1000;
  mr_expr_eval(e[0], &frame, &fx.view, &v);
  assert_int_equal(((const int64_t *)v.data)[99], 77);
  mr_expr_eval(e[1], &frame, &fx.view, &v);
  assert_int_equal(((const int64_t *)v.data)[99], 55);
  mr_expr_eval(e[2], &frame, &fx.view, &v);
  assert_int_equal(((const int64_t *)v.data)[0], 1000);
  assert_true(mr_bit_get(v.valid, 0) && !mr_bit_get(v.valid, 1));
  for (int i = 0; i < 100; i++) row_now[i] = 5000 + i, row_pos[i] = 10 * (uint64_t)i;
  fx.view.row_now = row_now;
  fx.view.row_pos = row_pos;
  mr_expr_eval(e[0], &frame, &fx.view, &v);
  assert_int_equal(((const int64_t *)v.data)[99], 5099);
  mr_expr_eval(e[2], &frame, &fx.view, &v);
  assert_int_equal(((const int64_t *)v.data)[99], 990);
  assert_null(v.valid);
  fx.view.row_now = NULL;
  fx.view.row_pos = NULL;
}

MR_TEST(enum_columns_compare_by_text_for_any_list_length) {
  MR_UNUSED_STATE;
  static const char *const ops[] = {"=", "<>", "<", "<=", ">", ">="};
  static const char *const with[] = {"kind0", "kind39", "kind2", "a kind whose name is long",
                                     "zzz",   "",       "kind15"};
  uint64_t sel[MR_BATCH_WORDS], err[MR_BATCH_WORDS];
  for (int isa = MR_ISA_V2; isa <= (int)mr_isa_detect(); isa++)
    for (size_t k = 0; k < 42; k++) {
      char text[128];
      struct mr_error e_;
      snprintf(text, sizeof text, "kind %s '%s'", ops[k % 6], with[k / 6]);
      const struct mr_expr *e[1] = {make_as(text, MR_TYPE_BOOL)};
      struct mr_expr_frame frame;
      assert_int_equal(
          mr_expr_frame_init(&frame, &fx.arena, &fx.region, e, 1, (enum mr_isa)isa, "t", &e_),
          MR_OK);
      fx_fill(&fx, k, 1024, false, 16);
      mr_expr_where(e[0], &frame, &fx.view, sel, err);
      for (uint32_t row = 0; row < 1024; row++) {
        int d = strcmp(fx.kind.texts[((const uint8_t *)fx.data[COL_KIND])[row]], with[k / 6]);
        bool want[6] = {d == 0, d != 0, d<0, d <= 0, d> 0, d >= 0};
        assert_int_equal(mr_bit_get(sel, row), want[k % 6]);
      }
    }
}

MR_TEST(lists_have_sizes_elements_and_members) {
  MR_UNUSED_STATE;
  const struct mr_expr *e[4] = {make("size(li)"), make("li[2]"), make("array_contains(li, 2)"),
                                make("ls[1] || '!'")};
  struct mr_expr_frame frame;
  struct mr_vec v[4];
  fx_fill(&fx, 11, 300, true, 16);
  init_frame(&frame, e, 4);
  for (int k = 0; k < 4; k++) mr_expr_eval(e[k], &frame, &fx.view, &v[k]);
  for (uint32_t row = 0; row < 300; row++) {
    const struct mr_list *l = (const struct mr_list *)fx.data[COL_LI] + row;
    const int64_t *x = (const int64_t *)(const void *)(fx.region.base + l->off);
    if (!mr_bit_get(fx.valid[COL_LI], row)) {
      for (int k = 0; k < 3; k++) assert_false(mr_bit_get(v[k].valid, row));
      continue;
    }
    uint64_t there = l->has_nulls ? (uint64_t)x[-1] : UINT64_MAX;
    assert_int_equal(((const int64_t *)v[0].data)[row], l->cnt);
    bool second = l->cnt > 1 && ((there >> 1) & 1), found = false, null = false;
    assert_int_equal(mr_bit_get(v[1].valid, row), second);
    if (second) assert_int_equal(((const int64_t *)v[1].data)[row], x[1]);
    for (uint32_t i = 0; i < l->cnt; i++) {
      bool is = (there >> i) & 1;
      found |= is && x[i] == 2;
      null |= !is;
    }
    assert_int_equal(mr_bit_get(v[2].valid, row), found || !null);
    assert_int_equal(mr_bit_get(v[2].data, row), found);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(columns_are_told_with_the_type_their_place_asks_for),
    MR_CASE(aggregates_are_taken_out_and_the_rest_compiles_over_them),
    MR_CASE(aggregates_in_the_wrong_place_are_errors),
    MR_CASE(aggregates_have_the_types_of_sql),
    MR_CASE(a_program_tells_what_it_reads_and_needs),
    MR_CASE(results_of_several_programs_stand_side_by_side),
    MR_CASE(rows_that_are_null_or_wrong_are_zero_bytes_and_bits_end_at_the_last_row),
    MR_CASE(an_error_in_a_row_that_is_not_selected_does_not_exist),
    MR_CASE(strings_beyond_the_scratch_are_error_values),
    MR_CASE(the_cause_of_an_error_names_the_part_that_failed),
    MR_CASE(clocks_come_per_row_when_the_view_has_them),
    MR_CASE(enum_columns_compare_by_text_for_any_list_length),
    MR_CASE(lists_have_sizes_elements_and_members),
};

int main(void) {
  if (fx_setup(&fx)) return 77;
  int failed = cmocka_run_group_tests(cases, NULL, NULL);
  fx_teardown(&fx);
  return failed;
}
