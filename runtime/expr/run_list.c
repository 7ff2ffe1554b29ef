/* SPDX-License-Identifier: Apache-2.0 */
/* Functions over lists. */
#include <math.h>

#include "expr/list_private.h"

void run_size(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_list *a = run_arg(run, n, 0)->data;
  int64_t *out = v->out;
  run_strict(run, n);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(run->active, run->words, row) {
    out[row] = a[row].cnt;
  }
  v->data = out;
}

/* Element x of cnt, counted from 1 less shift, below 0 from the end: its place counted from 1; 0:
 * there is none. */
static int64_t element_place(int64_t x, uint32_t cnt, int64_t shift) {
  if (x > (int64_t)cnt || (x < 0 && shift)) return 0;
  int64_t place = x < 0 ? x + cnt + 1 : x + shift;
  return place < 0 || place > (int64_t)cnt ? 0 : place;
}

void run_element(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct expr_node *list = n->args[0];
  const struct mr_list *a = run_arg(run, n, 0)->data;
  const int64_t *x = run_arg(run, n, 1)->data;
  uint64_t buf[MR_BATCH_WORDS], none[MR_BATCH_WORDS] = {0};
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  bool is_str = n->type == MR_TYPE_STRING;
  memset(v->out, 0, n->type == MR_TYPE_BOOL ? run->words * 8 : run->rows64 * (is_str ? 16u : 8u));
  MR_BITMAP_EACH(work, run->words, row) {
    const struct mr_list *l = &a[row];
    int64_t place = element_place(x[row], l->cnt, n->i);
    uint32_t i = (uint32_t)(place - 1);
    if (!place || !element_valid(run, l, i)) {
      mr_bit_set(none, (uint32_t)row);
    } else if (is_str) {
      ((struct mr_str *)v->out)[row] = element_str(run, list, l, i);
    } else if (n->type == MR_TYPE_BOOL) {
      if (element_word(run, list, l, i)) mr_bit_set(v->out, (uint32_t)row);
    } else {
      ((int64_t *)v->out)[row] = element_word(run, list, l, i);
    }
  }
  run_nullify(run, n, none);
  v->data = v->out;
}

/* true if found; else NULL if the list holds a NULL, as IN does. */
void run_array_contains(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const struct mr_list *a = run_arg(run, n, 0)->data;
  const void *what = run_arg(run, n, 1)->data;
  uint64_t buf[MR_BATCH_WORDS], unknown[MR_BATCH_WORDS] = {0}, *out = v->out;
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->words * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    bool found = false, null = false;
    for (uint32_t i = 0; i < a[row].cnt && !found; i++) {
      if (!element_valid(run, &a[row], i))
        null = true;
      else
        found = element_is(run, n, &a[row], i, what, (uint32_t)row);
    }
    if (found)
      mr_bit_set(out, (uint32_t)row);
    else if (null)
      mr_bit_set(unknown, (uint32_t)row);
  }
  run_nullify(run, n, unknown);
  v->data = out;
}

/* ---- the place of a value, least, greatest, sum ---- */

static inline enum row_result array_position_row(struct expr_run *run, const struct expr_node *n,
                                                 uint32_t row, int64_t *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  const void *what = run_arg(run, n, 1)->data;
  for (uint32_t i = 0; i < l->cnt && !*out; i++)
    if (element_valid(run, l, i) && element_is(run, n, l, i, what, row)) *out = i + 1;
  return ROW_OK;
}
RUN_ROWS(run_array_position, int64_t, array_position_row)

/* Does element i come before (op '<') or behind (op '>') the word best? */
static bool word_wins(const struct expr_node *n, int64_t x, int64_t best) {
  if (n->args[0]->elem == MR_TYPE_DOUBLE) {
    double a, b;
    memcpy(&a, &x, 8);
    memcpy(&b, &best, 8);
    x = expr_double_key(a);
    best = expr_double_key(b);
  }
  return n->op == '<' ? x < best : x > best;
}

/* The least or greatest element that is not NULL. */
static inline enum row_result extreme_word_row(struct expr_run *run, const struct expr_node *n,
                                               uint32_t row, int64_t *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  bool any = false;
  for (uint32_t i = 0; i < l->cnt; i++) {
    if (!element_valid(run, l, i)) continue;
    int64_t x = element_word(run, n->args[0], l, i);
    if (!any || word_wins(n, x, *out)) *out = x;
    any = true;
  }
  return any ? ROW_OK : ROW_NULL;
}
RUN_ROWS(run_extreme_word, int64_t, extreme_word_row)

static inline enum row_result extreme_str_row(struct expr_run *run, const struct expr_node *n,
                                              uint32_t row, struct mr_str *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  bool any = false;
  for (uint32_t i = 0; i < l->cnt; i++) {
    if (!element_valid(run, l, i)) continue;
    struct mr_str s = element_str(run, n->args[0], l, i);
    int order = any ? mr_str_compare(&s, out, run->base) : 0;
    if (!any || (n->op == '<' ? order < 0 : order > 0)) *out = s;
    any = true;
  }
  return any ? ROW_OK : ROW_NULL;
}
RUN_ROWS(run_extreme_str, struct mr_str, extreme_str_row)

static inline enum row_result sum_whole_row(struct expr_run *run, const struct expr_node *n,
                                            uint32_t row, int64_t *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  bool any = false;
  row_wide sum = 0;
  for (uint32_t i = 0; i < l->cnt; i++) {
    if (!element_valid(run, l, i)) continue;
    sum += element_word(run, n->args[0], l, i);
    any = true;
  }
  if (!any) return ROW_NULL;
  *out = (int64_t)sum;
  return sum == *out ? ROW_OK : ROW_BAD;
}
RUN_ROWS(run_sum_whole, int64_t, sum_whole_row)

static inline enum row_result sum_double_row(struct expr_run *run, const struct expr_node *n,
                                             uint32_t row, double *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  const double *values = (const double *)(const void *)(run->base + l->off);
  bool any = false;
  for (uint32_t i = 0; i < l->cnt; i++) {
    if (!element_valid(run, l, i)) continue;
    *out += values[i];
    any = true;
  }
  return any ? ROW_OK : ROW_NULL;
}
RUN_ROWS(run_sum_double, double, sum_double_row)

/* ---- as text ---- */

/* Bytes of the joined elements; writes them when p is not NULL. */
static uint64_t join_list(struct expr_run *run, const struct expr_node *n, uint32_t row, char *p) {
  const struct expr_node *list = n->args[0];
  const struct mr_list *l = row_list(run, n, 0, row);
  const struct mr_str *sep = row_str(run, n, 1, row);
  const struct mr_str *none = n->arg_cnt > 2 ? row_str(run, n, 2, row) : NULL;
  const char *by = row_text(run, sep);
  uint64_t at = 0;
  bool first = true;
  for (uint32_t i = 0; i < l->cnt; i++) {
    struct mr_str s;
    char buf[64];
    const char *text = buf;
    uint64_t len, word;
    if (!element_valid(run, l, i)) {
      if (!none) continue;
      text = row_text(run, none);
      len = none->len;
    } else if (list->elem == MR_TYPE_STRING) {
      s = element_str(run, list, l, i);
      text = row_text(run, &s);
      len = s.len;
    } else {
      word = (uint64_t)element_word(run, list, l, i);
      len = expr_value_text(list->elem, &word, 0, buf);
    }
    if (!first && p) memcpy(p + at, by, sep->len);
    if (!first) at += sep->len;
    if (p) memcpy(p + at, text, len);
    at += len;
    first = false;
  }
  return at;
}

static inline enum row_result array_join_row(struct expr_run *run, const struct expr_node *n,
                                             uint32_t row, struct mr_str *out) {
  uint64_t sz = join_list(run, n, row, NULL);
  char *p = sz <= UINT32_MAX ? run_scratch(run, sz) : NULL;
  if (!p) return ROW_FULL;
  join_list(run, n, row, p);
  *out = row_made(run, p, sz, sz);
  return ROW_OK;
}
RUN_ROWS(run_array_join, struct mr_str, array_join_row)
