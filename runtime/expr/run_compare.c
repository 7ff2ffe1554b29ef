/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/hash.h"
#include "expr/program_private.h"

/* ---- numbers ---- */

/* Every comparison is =, < or > and maybe its opposite. */
static bool is_opposite(uint8_t op) {
  return op == CMP_NE || op == CMP_GE || op == CMP_LE;
}

static void finish(struct expr_run *run, const struct expr_node *n, bool flip) {
  struct vec *v = run_vec(run, n);
  uint64_t *out = v->out;
  if (flip)
    for (uint32_t w = 0; w < run->words; w++) out[w] = ~out[w];
  v->data = out;
}

void run_cmp_i64(struct expr_run *run, const struct expr_node *n) {
  const struct mr_expr_kernels *k = run->k;
  mr_cmp_i64_fn fn = n->op == CMP_EQ || n->op == CMP_NE   ? k->eq_i64
                     : n->op == CMP_LT || n->op == CMP_GE ? k->lt_i64
                                                          : k->gt_i64;
  run_strict(run, n);
  fn(run_arg(run, n, 0)->data, run_arg(run, n, 1)->data, n->args[1]->is_const, run_vec(run, n)->out,
     run->words);
  finish(run, n, is_opposite(n->op));
}

void run_cmp_f64(struct expr_run *run, const struct expr_node *n) {
  const struct mr_expr_kernels *k = run->k;
  mr_cmp_f64_fn fn = n->op == CMP_EQ || n->op == CMP_NE   ? k->eq_f64
                     : n->op == CMP_LT || n->op == CMP_GE ? k->lt_f64
                                                          : k->gt_f64;
  run_strict(run, n);
  fn(run_arg(run, n, 0)->data, run_arg(run, n, 1)->data, n->args[1]->is_const, run_vec(run, n)->out,
     run->words);
  finish(run, n, is_opposite(n->op));
}

void run_cmp_bool(struct expr_run *run, const struct expr_node *n) {
  const uint64_t *a = run_arg(run, n, 0)->data, *b = run_arg(run, n, 1)->data;
  uint64_t *out = run_vec(run, n)->out;
  run_strict(run, n);
  for (uint32_t w = 0; w < run->words; w++) {
    bool equal = n->op == CMP_EQ || n->op == CMP_NE, less = n->op == CMP_LT || n->op == CMP_GE;
    out[w] = equal ? ~(a[w] ^ b[w]) : less ? ~a[w] & b[w] : a[w] & ~b[w];
  }
  finish(run, n, is_opposite(n->op));
}

/* ---- strings ---- */

/* Rows with equal strings: the 16 bytes of the views decide but for long ones that begin alike. */
static void equal_strings(struct expr_run *run, const struct mr_str *a, const struct mr_str *b,
                          bool b_const, const uint64_t *work, uint64_t *out) {
  uint64_t maybe[MR_BATCH_WORDS];
  run->k->str_eq(a, b, b_const, out, maybe, run->words);
  for (uint32_t w = 0; w < run->words; w++) maybe[w] &= work[w];
  MR_BITMAP_EACH(maybe, run->words, row) {
    const struct mr_str *x = &a[row], *y = &b[b_const ? 0 : row];
    if (memcmp(mr_str_data(x, run->base), mr_str_data(y, run->base), x->len) == 0)
      mr_bit_set(out, (uint32_t)row);
  }
}

static uint32_t big_endian(const struct mr_str *s) {
  uint32_t x;
  memcpy(&x, s->u.inl, 4);
  return __builtin_bswap32(x);
}

/* Rows with a < b (less) or a > b: the first four bytes decide but where they are the same. */
static void order_strings(struct expr_run *run, const struct mr_str *a, const struct mr_str *b,
                          bool b_const, bool less, const uint64_t *work, uint64_t *out) {
  uint32_t step = b_const ? 0 : 1;
  uint64_t alike[MR_BATCH_WORDS];
  for (uint32_t w = 0; w < run->words; w++) {
    uint64_t bits = 0, same = 0;
    for (uint32_t i = 0; i < 64; i++) {
      uint32_t row = w * 64 + i, x = big_endian(&a[row]), y = big_endian(&b[row * step]);
      bits |= (uint64_t)(less ? x < y : x > y) << i;
      same |= (uint64_t)(x == y) << i;
    }
    out[w] = bits;
    alike[w] = same & work[w];
  }
  MR_BITMAP_EACH(alike, run->words, row) {
    int c = mr_str_compare(&a[row], &b[row * step], run->base);
    if (less ? c < 0 : c > 0) mr_bit_set(out, (uint32_t)row);
  }
}

void run_cmp_str(struct expr_run *run, const struct expr_node *n) {
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const struct mr_str *a = run_arg(run, n, 0)->data, *b = run_arg(run, n, 1)->data;
  bool b_const = n->args[1]->is_const;
  const uint64_t *work = run_work(run, n, buf);
  if (n->op == CMP_EQ || n->op == CMP_NE)
    equal_strings(run, a, b, b_const, work, run_vec(run, n)->out);
  else
    order_strings(run, a, b, b_const, n->op == CMP_LT || n->op == CMP_GE, work,
                  run_vec(run, n)->out);
  finish(run, n, is_opposite(n->op));
}

/* ---- codes ---- */

void run_cmp_code(struct expr_run *run, const struct expr_node *n) {
  run_strict(run, n);
  run->k->code_eq(run_arg(run, n, 0)->data, run_arg(run, n, 1)->data, run_vec(run, n)->out,
                  run->words);
  finish(run, n, n->op == CMP_NE);
}

void run_code_set(struct expr_run *run, const struct expr_node *n) {
  run_strict(run, n);
  run->k->code_set(run_arg(run, n, 0)->data, n->param, run_vec(run, n)->out, run->words);
  finish(run, n, false);
}

void mr_code_set_finish(struct mr_code_set *set, uint32_t cnt) {
  set->is_small = cnt <= 16;
  memset(set->small, 0, sizeof set->small);
  memset(set->lo, 0, sizeof set->lo);
  memset(set->hi, 0, sizeof set->hi);
  for (uint32_t c = 0; c < cnt; c++) {
    if (!set->has[c]) continue;
    uint8_t h = (uint8_t)(c >> 4), bit = (uint8_t)(1u << (h & 7));
    if (c < 16) set->small[c] = 0xff;
    if (h < 8)
      set->lo[c & 15] |= bit;
    else
      set->hi[c & 15] |= bit;
  }
}

/* ---- IN ---- */

static int by_number(const void *a, const void *b) {
  int64_t x, y;
  memcpy(&x, a, 8);
  memcpy(&y, b, 8);
  return (x > y) - (x < y);
}

struct expr_set *expr_set_numbers(struct mr_arena *arena, const int64_t *keys, uint32_t cnt) {
  struct expr_set *set = MR_NEW(arena, struct expr_set, 1);
  int64_t *sorted = MR_NEW(arena, int64_t, cnt + 1);
  memcpy(sorted, keys, cnt * sizeof *keys);
  qsort(sorted, cnt, sizeof *sorted, by_number);
  set->keys = sorted;
  set->cnt = cnt;
  return set;
}

struct expr_set *expr_set_strings(struct mr_arena *arena, const struct expr_str *strs,
                                  uint32_t cnt) {
  struct expr_set *set = MR_NEW(arena, struct expr_set, 1);
  uint32_t slots = (uint32_t)mr_pow2_up(cnt * 2 + 1);
  struct expr_str *table = MR_NEW(arena, struct expr_str, slots);
  uint64_t *hashes = MR_NEW(arena, uint64_t, slots);
  set->mask = slots - 1;
  for (uint32_t i = 0; i < cnt; i++) {
    uint64_t h = mr_hash_bytes(strs[i].text, strs[i].len);
    uint32_t at = (uint32_t)h & set->mask;
    while (table[at].text) at = (at + 1) & set->mask;
    table[at] = strs[i];
    hashes[at] = h;
  }
  set->strs = table;
  set->hashes = hashes;
  set->cnt = cnt;
  return set;
}

static bool set_has(const struct expr_set *set, int64_t key) {
  uint32_t lo = 0, n = set->cnt;
  while (n > 1) { /* without branches: n does not depend on the key */
    uint32_t half = n / 2;
    lo += set->keys[lo + half] <= key ? half : 0;
    n -= half;
  }
  return set->cnt && set->keys[lo] == key;
}

static bool set_has_str(const struct expr_set *set, const char *s, uint32_t len) {
  uint64_t h = mr_hash_bytes(s, len);
  for (uint32_t at = (uint32_t)h & set->mask; set->strs[at].text; at = (at + 1) & set->mask)
    if (set->hashes[at] == h && set->strs[at].len == len && memcmp(set->strs[at].text, s, len) == 0)
      return true;
  return false;
}

/* NULL in the list: what is not found is unknown. */
static void finish_in(struct expr_run *run, const struct expr_node *n) {
  const struct expr_set *set = n->param;
  const uint64_t *found = run_vec(run, n)->out;
  uint64_t unknown[MR_BATCH_WORDS];
  if (set->has_null) {
    for (uint32_t w = 0; w < run->words; w++) unknown[w] = ~found[w];
    run_nullify(run, n, unknown);
  }
  finish(run, n, false);
}

void run_in_i64(struct expr_run *run, const struct expr_node *n) {
  const struct expr_set *set = n->param;
  const int64_t *a = run_arg(run, n, 0)->data;
  uint64_t *out = run_vec(run, n)->out, one[MR_BATCH_WORDS];
  run_strict(run, n);
  memset(out, 0, run->words * sizeof *out);
  if (set->cnt <= 8) {
    for (uint32_t i = 0; i < set->cnt; i++) {
      run->k->eq_i64(a, &set->keys[i], true, one, run->words);
      for (uint32_t w = 0; w < run->words; w++) out[w] |= one[w];
    }
  } else {
    for (uint32_t i = 0; i < run->rows64; i++)
      out[i / 64] |= (uint64_t)set_has(set, a[i]) << (i % 64);
  }
  finish_in(run, n);
}

void run_in_f64(struct expr_run *run, const struct expr_node *n) {
  const struct expr_set *set = n->param;
  const double *a = run_arg(run, n, 0)->data;
  uint64_t *out = run_vec(run, n)->out;
  run_strict(run, n);
  memset(out, 0, run->words * sizeof *out);
  for (uint32_t i = 0; i < run->rows64; i++)
    out[i / 64] |= (uint64_t)set_has(set, expr_double_key(a[i])) << (i % 64);
  finish_in(run, n);
}

void run_in_str(struct expr_run *run, const struct expr_node *n) {
  const struct expr_set *set = n->param;
  const struct mr_str *a = run_arg(run, n, 0)->data;
  uint64_t *out = run_vec(run, n)->out, buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->words * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    if (set_has_str(set, mr_str_data(&a[row], run->base), a[row].len))
      mr_bit_set(out, (uint32_t)row);
  }
  finish_in(run, n);
}

/* ---- patterns ---- */

void run_like(struct expr_run *run, const struct expr_node *n) {
  const struct mr_str *a = run_arg(run, n, 0)->data;
  const struct mr_str *p = n->arg_cnt > 1 ? run_arg(run, n, 1)->data : NULL;
  uint64_t *out = run_vec(run, n)->out, buf[MR_BATCH_WORDS], bad[MR_BATCH_WORDS] = {0};
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->words * sizeof *out);
  bool any_bad = false;
  MR_BITMAP_EACH(work, run->words, row) {
    const char *s = mr_str_data(&a[row], run->base);
    bool match;
    if (p) {
      const char *text = mr_str_data(&p[row], run->base);
      uint32_t len = p[row].len, tail = 0;
      while (tail < len && text[len - 1 - tail] == '\\') tail++;
      if (tail % 2) mr_bit_set(bad, (uint32_t)row), any_bad = true;
      match = !(tail % 2) && expr_like_text(text, len, s, a[row].len);
    } else {
      match = expr_like_match(n->param, s, a[row].len);
    }
    if (match) mr_bit_set(out, (uint32_t)row);
  }
  if (any_bad) run_raise(run, n, bad);
  finish(run, n, n->negated);
}

void run_text_test(struct expr_run *run, const struct expr_node *n) {
  const struct mr_str *a = run_arg(run, n, 0)->data, *b = run_arg(run, n, 1)->data;
  uint64_t *out = run_vec(run, n)->out, buf[MR_BATCH_WORDS];
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->words * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    const char *s = mr_str_data(&a[row], run->base), *t = mr_str_data(&b[row], run->base);
    uint32_t s_len = a[row].len, t_len = b[row].len;
    bool yes = t_len <= s_len;
    if (yes && n->op == TEXT_STARTS) yes = memcmp(s, t, t_len) == 0;
    if (yes && n->op == TEXT_ENDS) yes = memcmp(s + s_len - t_len, t, t_len) == 0;
    if (yes && n->op == TEXT_CONTAINS) yes = expr_find(s, s_len, t, t_len) >= 0;
    if (yes) mr_bit_set(out, (uint32_t)row);
  }
  finish(run, n, false);
}
