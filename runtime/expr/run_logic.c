/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/program_private.h"

/* Three-valued logic with errors, one word of 64 rows at a time. */

/* The rows in which a bool vector is true, false, an error; the rest is NULL. */
struct truth {
  uint64_t yes, no, err;
};

static struct truth truth_of(const struct vec *v, uint32_t w) {
  uint64_t data = ((const uint64_t *)v->data)[w], valid = v->valid ? v->valid[w] : UINT64_MAX;
  uint64_t err = v->err ? v->err[w] : 0;
  valid &= ~err;
  return (struct truth){data & valid, ~data & valid, err};
}

/* AND (all = true) and OR over all operands. */
static void run_chain(struct expr_run *run, const struct expr_node *n, bool all) {
  struct vec *v = run_vec(run, n);
  uint64_t *out = v->out, any_null = 0, any_err = 0;
  for (uint32_t w = 0; w < run->words; w++) {
    struct truth x = truth_of(run_arg(run, n, 0), w);
    for (uint32_t i = 1; i < n->arg_cnt; i++) {
      struct truth y = truth_of(run_arg(run, n, i), w);
      if (all) {
        x.no |= y.no;
        x.yes &= y.yes;
        x.err = (x.err | y.err) & ~x.no;
      } else {
        x.yes |= y.yes;
        x.no &= y.no;
        x.err = (x.err | y.err) & ~x.yes;
      }
    }
    out[w] = x.yes;
    v->vbuf[w] = x.yes | x.no;
    v->ebuf[w] = x.err;
    any_null |= ~v->vbuf[w];
    any_err |= x.err;
  }
  v->data = out;
  v->valid = any_null ? v->vbuf : NULL;
  v->err = any_err ? v->ebuf : NULL;
}

void run_and(struct expr_run *run, const struct expr_node *n) {
  run_chain(run, n, true);
}
void run_or(struct expr_run *run, const struct expr_node *n) {
  run_chain(run, n, false);
}

void run_not(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const uint64_t *a = run_arg(run, n, 0)->data;
  uint64_t *out = v->out;
  run_strict(run, n);
  for (uint32_t w = 0; w < run->words; w++) out[w] = ~a[w];
  v->data = out;
}

void run_is_null(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct vec *a = run_arg(run, n, 0);
  uint64_t *out = v->out, flip = n->negated ? 0 : UINT64_MAX;
  for (uint32_t w = 0; w < run->words; w++) out[w] = (a->valid ? a->valid[w] : UINT64_MAX) ^ flip;
  v->data = out;
  v->valid = NULL;
  v->err = a->err;
}

void run_is_bool(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct vec *a = run_arg(run, n, 0);
  uint64_t *out = v->out, flip = n->negated ? UINT64_MAX : 0;
  for (uint32_t w = 0; w < run->words; w++) {
    struct truth t = truth_of(a, w);
    uint64_t bits = n->op == 1 ? t.yes : n->op == 0 ? t.no : ~(t.yes | t.no);
    out[w] = bits ^ flip;
  }
  v->data = out;
  v->valid = NULL;
  v->err = a->err;
}

/* ---- choice ---- */

/* Values of a where c is set, else of b. */
static void choose(struct expr_run *run, const struct expr_node *n, const uint64_t *c,
                   const struct vec *a, const struct vec *b) {
  struct vec *v = run_vec(run, n);
  v->data = v->out;
  if (n->type == MR_TYPE_BOOL) {
    const uint64_t *x = a->data, *y = b->data;
    uint64_t *out = v->out;
    for (uint32_t w = 0; w < run->words; w++) out[w] = (x[w] & c[w]) | (y[w] & ~c[w]);
  } else if (n->type == MR_TYPE_STRING || n->type == MR_TYPE_LIST || n->type == MR_TYPE_NONE) {
    run->k->select16(c, a->data, b->data, v->out, run->words);
  } else {
    run->k->select8(c, a->data, b->data, v->out, run->words);
  }
}

/* Validity of a where c is set, else of b; `bad` are errors of c itself. */
static void choose_maps(struct expr_run *run, const struct expr_node *n, const uint64_t *c,
                        const uint64_t *bad, const struct vec *a, const struct vec *b) {
  struct vec *v = run_vec(run, n);
  uint64_t any_null = 0, any_err = 0;
  for (uint32_t w = 0; w < run->words; w++) {
    uint64_t va = a->valid ? a->valid[w] : UINT64_MAX, vb = b->valid ? b->valid[w] : UINT64_MAX;
    uint64_t ea = a->err ? a->err[w] : 0, eb = b->err ? b->err[w] : 0, e = bad ? bad[w] : 0;
    v->vbuf[w] = (va & c[w]) | (vb & ~c[w]);
    v->ebuf[w] = e | (((ea & c[w]) | (eb & ~c[w])) & ~e);
    any_null |= ~v->vbuf[w];
    any_err |= v->ebuf[w];
  }
  v->valid = any_null ? v->vbuf : NULL;
  v->err = any_err ? v->ebuf : NULL;
}

void run_select(struct expr_run *run, const struct expr_node *n) {
  const struct vec *c = run_arg(run, n, 0), *a = run_arg(run, n, 1), *b = run_arg(run, n, 2);
  uint64_t yes[MR_BATCH_WORDS];
  for (uint32_t w = 0; w < run->words; w++) yes[w] = truth_of(c, w).yes;
  choose(run, n, yes, a, b);
  choose_maps(run, n, yes, c->err, a, b);
}

void run_coalesce(struct expr_run *run, const struct expr_node *n) {
  const struct vec *a = run_arg(run, n, 0), *b = run_arg(run, n, 1);
  uint64_t first[MR_BATCH_WORDS]; /* an error of the first is not caught */
  for (uint32_t w = 0; w < run->words; w++)
    first[w] = (a->valid ? a->valid[w] : UINT64_MAX) | (a->err ? a->err[w] : 0);
  choose(run, n, first, a, b);
  choose_maps(run, n, first, NULL, a, b);
}

static void copy_values(struct expr_run *run, const struct expr_node *n, const struct vec *from) {
  struct vec *v = run_vec(run, n);
  size_t row = n->type == MR_TYPE_STRING || n->type == MR_TYPE_LIST ? 16 : 8;
  size_t sz = n->type == MR_TYPE_BOOL ? run->words * 8 : run->rows64 * row;
  memcpy(v->out, from->data, sz);
  v->data = v->out;
}

void run_nullif(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct vec *eq = run_arg(run, n, 0), *a = run_arg(run, n, 1);
  copy_values(run, n, a);
  uint64_t *valid = v->vbuf, *err = v->ebuf, any_err = 0;
  for (uint32_t w = 0; w < run->words; w++) {
    struct truth t = truth_of(eq, w);
    valid[w] = (a->valid ? a->valid[w] : UINT64_MAX) & ~t.yes;
    err[w] = t.err | (a->err ? a->err[w] : 0);
    any_err |= err[w];
  }
  v->valid = valid;
  v->err = any_err ? err : NULL;
}

void run_distinct(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct vec *eq = run_arg(run, n, 0), *a = run_arg(run, n, 1), *b = run_arg(run, n, 2);
  const uint64_t *same = eq->data;
  uint64_t *out = v->out, flip = n->negated ? UINT64_MAX : 0;
  for (uint32_t w = 0; w < run->words; w++) {
    uint64_t va = a->valid ? a->valid[w] : UINT64_MAX, vb = b->valid ? b->valid[w] : UINT64_MAX;
    out[w] = ((va ^ vb) | (va & vb & ~same[w])) ^ flip;
  }
  v->data = out;
  v->valid = NULL;
  v->err = NULL;
  uint64_t any = 0;
  for (uint32_t w = 0; w < run->words; w++) {
    v->ebuf[w] = (a->err ? a->err[w] : 0) | (b->err ? b->err[w] : 0);
    any |= v->ebuf[w];
  }
  if (any) v->err = v->ebuf;
}

/* args: a wins over b; a; b. A NULL loses against any value. */
void run_extreme(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct vec *wins = run_arg(run, n, 0), *a = run_arg(run, n, 1), *b = run_arg(run, n, 2);
  uint64_t first[MR_BATCH_WORDS], any = 0;
  for (uint32_t w = 0; w < run->words; w++) {
    uint64_t va = a->valid ? a->valid[w] : UINT64_MAX, vb = b->valid ? b->valid[w] : UINT64_MAX;
    first[w] = va & (~vb | ((const uint64_t *)wins->data)[w]);
  }
  choose(run, n, first, a, b);
  choose_maps(run, n, first, NULL, a, b);
  v->err = NULL; /* an error of either is one of the result */
  for (uint32_t w = 0; w < run->words; w++) {
    v->ebuf[w] = (a->err ? a->err[w] : 0) | (b->err ? b->err[w] : 0);
    any |= v->ebuf[w];
  }
  if (any) v->err = v->ebuf;
}
