/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "fixture.h"
#include "ops.h"

/* Random expressions over random rows against the reference: every operator and function of the
 * table below, with NULLs, error values, selections, batch sizes around the word, and all kernels
 * that the machine has. */

#define DEPTH_MAX 4
#define TEXT_MAX  8192

struct tree {
  const struct gen_op *op; /* NULL: a column or a constant */
  int32_t col;             /* -1: the constant */
  struct ref value;
  struct tree *args[4];
};

static const struct {
  int32_t col;
  char type;
} leaves[] = {{COL_A, 'i'},  {COL_B, 'i'}, {COL_I, 'i'},   {COL_X, 'f'},   {COL_Y, 'f'},
              {COL_S, 's'},  {COL_T, 's'}, {COL_P, 'b'},   {COL_Q, 'b'},   {COL_TS, 't'},
              {COL_TT, 't'}, {COL_D, 'd'}, {COL_SEV, 's'}, {COL_KIND, 's'}};
#define LEAF_CNT (sizeof leaves / sizeof leaves[0])

/* ---- making trees ---- */

static struct fixture fx;

static struct ref random_const(struct mr_rng *r, char type) {
  const char *text = fx_texts[mr_rng_next(r) % FX_TEXT_CNT];
  double d;
  switch (type) {
  case 'b': return ref_bool(mr_rng_next(r) % 2);
  case 'i': return ref_int(fx_int(r));
  case 't': return ref_make(REF_TIME, fx_time(r));
  case 'd': return ref_make(REF_SPAN, (int64_t)(mr_rng_next(r) % 10000000000) - 5000000000);
  case 'f':
    do d = fx_double(r);
    while (!isfinite(d));
    return ref_double(d);
  default: return ref_text(text, strlen(text));
  }
}

static struct tree *make_tree(struct mr_arena *arena, struct mr_rng *r, char type, int depth);

static struct tree *make_op(struct mr_arena *arena, struct mr_rng *r, const struct gen_op *op,
                            int depth) {
  struct tree *t = MR_NEW(arena, struct tree, 1);
  t->col = -1;
  t->op = op;
  for (uint32_t a = 0; op->args[a]; a++) t->args[a] = make_tree(arena, r, op->args[a], depth - 1);
  return t;
}

static struct tree *make_tree(struct mr_arena *arena, struct mr_rng *r, char type, int depth) {
  struct tree *t = MR_NEW(arena, struct tree, 1);
  t->col = -1;
  uint64_t k = mr_rng_next(r) % 8;
  while (depth > 0 && k > 0) {
    uint32_t i = (uint32_t)(mr_rng_next(r) % OP_CNT);
    if (ops[i].result == type) return make_op(arena, r, &ops[i], depth);
  }
  if (k == 0 || (depth == 0 && mr_rng_next(r) % 3 == 0)) {
    t->value = mr_rng_next(r) % 6 ? random_const(r, type) : ref_null();
    if (t->value.kind == REF_NULL) t->col = -2 - (type == 'b' ? 0 : 1);
    return t;
  }
  do t->col = leaves[k = mr_rng_next(r) % LEAF_CNT].col;
  while (leaves[k].type != type);
  return t;
}

static size_t put_const(char *out, const struct tree *t, char type) {
  static const char *const casts[] = {
      ['b'] = "boolean", ['i'] = "bigint",    ['f'] = "double precision",
      ['s'] = "text",    ['t'] = "timestamp", ['d'] = "interval"};
  const struct ref *v = &t->value;
  size_t n = 0;
  switch (v->kind) {
  case REF_NULL: return (size_t)sprintf(out, "CAST(NULL AS %s)", casts[(int)type]);
  case REF_BOOL: return (size_t)sprintf(out, v->i ? "true" : "false");
  case REF_INT: /* the grammar takes a sign into a number, so - (-2^63) is no number */
    if (v->i == INT64_MIN) return (size_t)sprintf(out, "(-9223372036854775807 - 1)");
    return (size_t)sprintf(out, "(%lld)", (long long)v->i);
  case REF_DOUBLE: return (size_t)sprintf(out, "(%.17e)", v->d);
  case REF_TIME: {
    struct ref text = ref_time_text(v->i);
    return (size_t)sprintf(out, "TIMESTAMP '%.*s'", (int)text.len, text.s);
  }
  case REF_SPAN: return (size_t)sprintf(out, "INTERVAL '%lldus'", (long long)v->i);
  default:
    out[n++] = '\'';
    for (uint32_t i = 0; i < v->len; i++) {
      if (v->s[i] == '\'') out[n++] = '\'';
      out[n++] = v->s[i];
    }
    out[n++] = '\'';
    return n;
  }
}

static size_t put_tree(char *out, const struct tree *t, char type) {
  size_t n = 0;
  if (!t->op && t->col >= 0) return (size_t)sprintf(out, "%s", fx.fields[t->col].name);
  if (!t->op) return put_const(out, t, type);
  for (const char *f = t->op->form; *f; f++) {
    if (*f == '$') {
      int i = *++f - '1';
      n += put_tree(out + n, t->args[i], t->op->args[i]);
    } else {
      out[n++] = *f;
    }
  }
  out[n] = 0;
  return n;
}

/* ---- running both ---- */

static struct ref cell(int32_t c, uint32_t row) {
  const struct mr_field *f = &fx.fields[c];
  const void *data = fx.data[c];
  if (fx.cols[c].valid && !mr_bit_get(fx.cols[c].valid, row)) return ref_null();
  switch (f->type) {
  case MR_TYPE_BOOL: return ref_bool(mr_bit_get(data, row));
  case MR_TYPE_DOUBLE: return ref_double(((const double *)data)[row]);
  case MR_TYPE_TIMESTAMP: return ref_make(REF_TIME, ((const int64_t *)data)[row]);
  case MR_TYPE_DURATION: return ref_make(REF_SPAN, ((const int64_t *)data)[row]);
  case MR_TYPE_STRING: {
    if (f->codes) {
      const char *text = f->codes->texts[((const uint8_t *)data)[row]];
      return ref_text(text, strlen(text));
    }
    const struct mr_str *s = (const struct mr_str *)data + row;
    return ref_text(mr_str_data(s, fx.region.base), s->len);
  }
  default: return ref_int(((const int64_t *)data)[row]);
  }
}

static struct ref eval_tree(const struct tree *t, uint32_t row) {
  struct ref v[4];
  if (!t->op) return t->col >= 0 ? cell(t->col, row) : t->value;
  bool null = false, error = false;
  for (uint32_t i = 0; t->op->args[i]; i++) {
    v[i] = eval_tree(t->args[i], row);
    null |= v[i].kind == REF_NULL;
    error |= v[i].kind == REF_ERROR;
    /* what the reference's own buffers could not hold does not come up: operands are short */
    if (v[i].kind == REF_TEXT && v[i].len > 240) v[i].len = 240;
  }
  if (!t->op->lazy && error) return ref_error();
  if (!t->op->lazy && null) return ref_null();
  return t->op->eval(v);
}

/* Are all texts in the tree short enough for the reference at this row? */
static bool fits(const struct tree *t, uint32_t row) {
  if (!t->op) return true;
  for (uint32_t i = 0; t->op->args[i]; i++) {
    if (!fits(t->args[i], row)) return false;
    struct ref v = eval_tree(t->args[i], row);
    if (v.kind == REF_TEXT && v.len > 230) return false;
  }
  return true;
}

static bool same(const struct ref *want, const struct mr_field *f, const struct mr_vec *v,
                 uint32_t row) {
  bool err = v->err && mr_bit_get(v->err, row);
  bool null = v->valid && !mr_bit_get(v->valid, row);
  if (want->kind == REF_ERROR || err) return want->kind == REF_ERROR && err;
  if (want->kind == REF_NULL || null) return want->kind == REF_NULL && null;
  double d;
  switch (f->type) {
  case MR_TYPE_BOOL: return mr_bit_get(v->data, row) == (bool)want->i;
  case MR_TYPE_DOUBLE:
    d = ((const double *)v->data)[row];
    return (isnan(d) && isnan(want->d)) || memcmp(&d, &want->d, 8) == 0;
  case MR_TYPE_STRING: {
    if (f->codes) {
      const char *text = f->codes->texts[((const uint8_t *)v->data)[row]];
      return strlen(text) == want->len && memcmp(text, want->s, want->len) == 0;
    }
    const struct mr_str *s = (const struct mr_str *)v->data + row;
    return s->len == want->len && memcmp(mr_str_data(s, fx.region.base), want->s, s->len) == 0;
  }
  default: return ((const int64_t *)v->data)[row] == want->i;
  }
}

static void show_errors(const char *text, const struct mr_expr_errors *errors) {
  for (const struct mr_expr_error *e = errors->first; e; e = e->next)
    if (!e->warning)
      print_message("%s\n  MR%d [%u, %u] %s\n", text, e->code, e->off, e->len, e->text);
}

static void check_rows(const struct tree *t, const char *text, const struct mr_expr *e,
                       struct mr_expr_frame *frame, uint64_t seed, enum mr_isa isa) {
  struct mr_vec v;
  mr_expr_frame_reset(frame);
  uint32_t errs = mr_expr_eval(e, frame, &fx.view, &v);
  for (uint32_t row = 0; row < fx.view.row_cnt; row++) {
    if (!fx_selected(&fx, row)) continue;
    struct ref want = eval_tree(t, row);
    if (same(&want, &e->field, &v, row) || !fits(t, row)) continue;
    print_message("seed %llu, %s, row %u of %u, reference kind %d value %lld %.17g '%.*s'\n%s\n",
                  (unsigned long long)seed, mr_isa_name(isa), row, fx.view.row_cnt, (int)want.kind,
                  (long long)want.i, want.d, (int)want.len, want.s, text);
    fail();
  }
  char cause[MR_EXPR_CAUSE_SZ];
  uint32_t caused = 0;
  for (uint32_t row = 0; row < fx.view.row_cnt; row++) {
    bool err = v.err && mr_bit_get(v.err, row);
    if (err) assert_true(fx_selected(&fx, row));
    if (fx_selected(&fx, row))
      assert_int_equal(mr_expr_cause(e, frame, row, cause, sizeof cause) != 0, err);
    caused += err;
  }
  assert_int_equal(caused, errs);
}

/* The condition's split of the selected rows must be the evaluation's. */
static void check_where(const struct mr_expr *e, struct mr_expr_frame *frame) {
  struct mr_vec v;
  uint64_t sel[MR_BATCH_WORDS], err[MR_BATCH_WORDS];
  mr_expr_frame_reset(frame);
  mr_expr_eval(e, frame, &fx.view, &v);
  uint64_t data[MR_BATCH_WORDS], errs[MR_BATCH_WORDS] = {0};
  uint32_t words = mr_bitmap_words(fx.view.row_cnt), n = 0;
  for (uint32_t w = 0; w < words; w++) {
    errs[w] = v.err ? v.err[w] : 0;
    data[w] = ((const uint64_t *)v.data)[w];
  }
  struct mr_expr_counts c = mr_expr_where(e, frame, &fx.view, sel, err);
  for (uint32_t row = 0; row < words * 64; row++) {
    bool in = row < fx.view.row_cnt && fx_selected(&fx, row);
    assert_int_equal(mr_bit_get(err, row), in && mr_bit_get(errs, row));
    assert_int_equal(mr_bit_get(sel, row), in && mr_bit_get(data, row) && !mr_bit_get(errs, row));
    n += mr_bit_get(sel, row);
  }
  assert_int_equal(c.pass, n);
}

static void run_seed(uint64_t seed, int depth, const struct gen_op *root) {
  static const uint32_t sizes[] = {1, 63, 64, 65, 127, 1023, 1024};
  static const char types[] = "bifstd";
  struct mr_rng r;
  struct mr_arena arena = {0};
  char text[TEXT_MAX * 4];
  mr_rng_init(&r, seed);
  char type = types[mr_rng_next(&r) % 6];
  if (root) type = root->result;
  struct tree *t = root ? make_op(&arena, &r, root, depth) : make_tree(&arena, &r, type, depth);
  size_t len = put_tree(text, t, type);
  assert_true(len < sizeof text);
  struct mr_expr_errors errors;
  mr_expr_errors_init(&errors, &arena);
  struct mr_expr_scope scope = {.schema = &fx.schema, .name = "rows"};
  struct mr_expr *e = mr_expr_make(&arena, text, len, &scope, &errors);
  if (!e) show_errors(text, &errors);
  assert_non_null(e);
  uint32_t rows = sizes[mr_rng_next(&r) % 7];
  fx_fill(&fx, seed * 31 + 7, rows, mr_rng_next(&r) % 4 != 0, mr_rng_next(&r) % 2 ? 16 : 5);
  const struct mr_expr *exprs[1] = {e};
  for (int isa = MR_ISA_V2; isa <= (int)mr_isa_detect(); isa++) {
    struct mr_expr_frame frame;
    struct mr_error err;
    assert_int_equal(
        mr_expr_frame_init(&frame, &arena, &fx.region, exprs, 1, (enum mr_isa)isa, "test", &err),
        MR_OK);
    frame.now_us = 1;
    check_rows(t, text, e, &frame, seed, (enum mr_isa)isa);
    if (e->field.type == MR_TYPE_BOOL) check_where(e, &frame);
  }
  mr_arena_free(&arena);
}

static void run_seeds(uint64_t from, uint64_t cnt, int depth) {
  for (uint64_t s = from; s < from + cnt; s++) {
    if (s % 8 == 0) { /* registers and scratch are never given back: a new region now and then */
      fx_teardown(&fx);
      assert_int_equal(fx_setup(&fx), 0);
    }
    run_seed(s, depth, depth == 1 ? &ops[s % OP_CNT] : NULL);
  }
}

#if defined(SEEDS)
#elif defined(MR_SANITIZED)
#define SEEDS 500
#else
#define SEEDS 2000
#endif

MR_TEST(every_operator_agrees_with_the_reference) {
  MR_UNUSED_STATE;
  run_seeds(1000, SEEDS, 1);
}
MR_TEST(nested_expressions_agree_with_the_reference) {
  MR_UNUSED_STATE;
  run_seeds(100000, SEEDS, 2);
  run_seeds(200000, SEEDS, DEPTH_MAX);
}
static const struct CMUnitTest cases[] = {
    MR_CASE(every_operator_agrees_with_the_reference),
    MR_CASE(nested_expressions_agree_with_the_reference),
};

int main(void) {
  print_message("seeds from 1000, 100000, 200000\n");
  if (fx_setup(&fx)) return 77;
  int failed = cmocka_run_group_tests(cases, NULL, NULL);
  fx_teardown(&fx);
  return failed;
}
