/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that make lists. Their values lie in the scratch; strings are views of what they were
 * made from. */
#include "expr/list_private.h"
#include "expr/regex_private.h"

/* ---- making one ---- */

bool list_begin(struct list_maker *m, struct expr_run *run, enum mr_type elem, uint64_t cap) {
  *m = (struct list_maker){.elem_sz = list_elem_sz(elem)};
  if (cap > MR_EXPR_SCRATCH_SZ / 16) return false;
  uint64_t pad = (8 - run->scratch_used % 8) % 8; /* the scratch begins at a page */
  uint64_t words = mr_bitmap_words((uint32_t)cap);
  m->taken = pad + words * 8 + cap * m->elem_sz;
  char *p = run_scratch(run, m->taken);
  if (!p) return false;
  m->valid = (uint64_t *)(void *)(p + pad);
  m->values = (uint8_t *)(m->valid + words);
  m->cap = (uint32_t)cap;
  memset(m->valid, 0, words * 8);
  return true;
}

void list_add(struct list_maker *m, const void *p) {
  uint8_t *to = m->values + (uint64_t)m->cnt * m->elem_sz;
  if (p) {
    memcpy(to, p, m->elem_sz);
    mr_bit_set(m->valid, m->cnt);
  } else {
    memset(to, 0, m->elem_sz);
    m->has_nulls = true;
  }
  m->cnt++;
}

struct mr_list list_end(struct list_maker *m, struct expr_run *run) {
  uint64_t spare = (uint64_t)(m->cap - m->cnt) * m->elem_sz;
  uint32_t words = mr_bitmap_words(m->cnt), room = mr_bitmap_words(m->cap);
  if (!m->cnt) {
    run->scratch_used -= m->taken;
    return (struct mr_list){0};
  }
  run->scratch_used -= spare;
  memmove(m->valid + (room - words), m->valid, words * 8ul); /* directly before the values */
  return (struct mr_list){m->cnt, m->has_nulls, (uint64_t)(m->values - run->base)};
}

/* Appends element i of a list. */
static void copy_element(struct list_maker *m, struct expr_run *run, const struct expr_node *list,
                         const struct mr_list *l, uint32_t i) {
  if (!element_valid(run, l, i)) {
    list_add(m, NULL);
  } else if (list->elem == MR_TYPE_STRING) {
    struct mr_str s = element_str(run, list, l, i);
    list_add(m, &s);
  } else {
    int64_t word = element_word(run, list, l, i);
    uint8_t byte = (uint8_t)word;
    list_add(m, m->elem_sz == 1 ? (const void *)&byte : &word);
  }
}

/* Appends operand k of this row. */
static void copy_operand(struct list_maker *m, struct expr_run *run, const struct expr_node *n,
                         uint32_t k, uint32_t row) {
  const struct vec *v = run_arg(run, n, k);
  uint8_t byte;
  const void *p = (const uint8_t *)v->data + (uint64_t)row * m->elem_sz;
  if (m->elem_sz == 1) {
    byte = mr_bit_get(v->data, row);
    p = &byte;
  }
  list_add(m, vec_bit(v->valid, row, true) ? p : NULL);
}

/* ---- array(a, b, ...): never NULL, its elements may be ---- */

void run_array(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  struct mr_list *out = v->out;
  struct row_marks marks = {0};
  run_strict(run, n);
  v->valid = NULL;
  v->data = out;
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(run->active, run->words, row) {
    struct list_maker m;
    if (vec_bit(v->err, (uint32_t)row, false)) continue;
    if (!list_begin(&m, run, n->elem, n->arg_cnt)) {
      row_mark(&marks, ROW_FULL, (uint32_t)row);
      continue;
    }
    for (uint32_t k = 0; k < n->arg_cnt; k++) copy_operand(&m, run, n, k, (uint32_t)row);
    out[row] = list_end(&m, run);
  }
  row_marks_put(run, n, &marks);
}

/* ---- from texts ---- */

/* Parts between matches, at most `limit` of them above 0; all, the empty ones at the end too,
 * otherwise. As Spark: an empty match at the start parts nothing, of an empty pattern (op 1) nor at
 * the end. */
static inline enum row_result split_row(struct expr_run *run, const struct expr_node *n,
                                        uint32_t row, struct mr_list *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const struct expr_pattern *p = n->param;
  const char *s = row_text(run, a);
  uint64_t len = a->len, lo = 0, from = 0;
  int64_t limit = n->arg_cnt > 1 ? row_i64(run, n, 1, row) : -1;
  struct list_maker m;
  struct expr_span hit;
  uint64_t cap = limit > 0 && (uint64_t)limit < len + 2 ? (uint64_t)limit : len + 2;
  if (!list_begin(&m, run, MR_TYPE_STRING, cap)) return ROW_FULL;
  while (m.cnt + 1 < cap && from <= len && expr_regex_find(p->regex, s, len, from, &hit, 1)) {
    uint64_t at = (uint64_t)hit.off, end = at + (uint64_t)hit.len;
    from = hit.len ? end : end < len ? row_next_char(s, len, end) : len + 1;
    if (!hit.len && (at == 0 || (at == len && n->op))) continue;
    struct mr_str part = row_part(run, s + lo, at - lo);
    list_add(&m, &part);
    lo = end;
  }
  struct mr_str rest = row_part(run, s + lo, len - lo);
  list_add(&m, &rest);
  *out = list_end(&m, run);
  return ROW_OK;
}
RUN_ROWS(run_split, struct mr_list, split_row)

/* The group's text of every match. */
static inline enum row_result extract_all_row(struct expr_run *run, const struct expr_node *n,
                                              uint32_t row, struct mr_list *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const struct expr_pattern *p = n->param;
  const char *s = row_text(run, a);
  uint64_t len = a->len;
  struct list_maker m;
  struct expr_span groups[EXPR_REGEX_GROUPS_MAX];
  if (!list_begin(&m, run, MR_TYPE_STRING, len + 1)) return ROW_FULL;
  for (uint64_t from = 0; from <= len;) {
    if (!expr_regex_find(p->regex, s, len, from, groups, p->group + 1)) break;
    const struct expr_span *g = &groups[p->group];
    struct mr_str part = row_part(run, s + (g->off < 0 ? 0 : g->off), (uint64_t)g->len);
    list_add(&m, &part);
    uint64_t end = (uint64_t)(groups[0].off + groups[0].len);
    from = groups[0].len ? end : end < len ? row_next_char(s, len, end) : len + 1;
  }
  *out = list_end(&m, run);
  return ROW_OK;
}
RUN_ROWS(run_regexp_extract_all, struct mr_list, extract_all_row)

/* ---- from a list ---- */

/* Are elements i and k the same? NULL is the same as NULL. */
static bool same_elements(struct expr_run *run, const struct expr_node *list,
                          const struct mr_list *l, uint32_t i, uint32_t k) {
  bool there = element_valid(run, l, i);
  if (there != element_valid(run, l, k)) return false;
  if (!there) return true;
  if (list->elem == MR_TYPE_STRING) {
    struct mr_str a = element_str(run, list, l, i), b = element_str(run, list, l, k);
    return mr_str_equal(&a, &b, run->base);
  }
  int64_t a = element_word(run, list, l, i), b = element_word(run, list, l, k);
  double x, y;
  memcpy(&x, &a, 8);
  memcpy(&y, &b, 8);
  return list->elem == MR_TYPE_DOUBLE ? expr_double_key(x) == expr_double_key(y) : a == b;
}

/* op: enum array_op; which elements of the list stay. */
static inline enum row_result filter_row(struct expr_run *run, const struct expr_node *n,
                                         uint32_t row, struct mr_list *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  const struct expr_node *list = n->args[0];
  struct list_maker m;
  if (!list_begin(&m, run, list->elem, l->cnt)) return ROW_FULL;
  for (uint32_t i = 0; i < l->cnt; i++) {
    bool keep = true, there = element_valid(run, l, i);
    switch (n->op) {
    case ARRAY_COMPACT: keep = there; break;
    case ARRAY_REMOVE:
      keep = !there || !element_is(run, n, l, i, run_arg(run, n, 1)->data, row);
      break;
    default: /* ARRAY_DISTINCT: the first of each */
      for (uint32_t k = 0; k < i && keep; k++) keep = !same_elements(run, list, l, i, k);
      break;
    }
    if (keep) copy_element(&m, run, list, l, i);
  }
  *out = list_end(&m, run);
  return ROW_OK;
}
RUN_ROWS(run_array_filter, struct mr_list, filter_row)

static inline enum row_result reverse_list_row(struct expr_run *run, const struct expr_node *n,
                                               uint32_t row, struct mr_list *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  struct list_maker m;
  if (!list_begin(&m, run, n->elem, l->cnt)) return ROW_FULL;
  for (uint32_t i = l->cnt; i-- > 0;) copy_element(&m, run, n->args[0], l, i);
  *out = list_end(&m, run);
  return ROW_OK;
}
RUN_ROWS(run_reverse_list, struct mr_list, reverse_list_row)

/* slice(list, start, length): start counted from 1, below 0 from the end. */
static inline enum row_result slice_row(struct expr_run *run, const struct expr_node *n,
                                        uint32_t row, struct mr_list *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  int64_t start = row_i64(run, n, 1, row), cnt = row_i64(run, n, 2, row), total = l->cnt;
  if (!start || cnt < 0) return ROW_BAD;
  int64_t lo = start > 0 ? start - 1 : total + start;
  if (start < -total || lo >= total) return ROW_OK;
  if (cnt > total - lo) cnt = total - lo;
  struct list_maker m;
  if (!list_begin(&m, run, n->elem, (uint64_t)cnt)) return ROW_FULL;
  for (int64_t i = lo; i < lo + cnt; i++) copy_element(&m, run, n->args[0], l, (uint32_t)i);
  *out = list_end(&m, run);
  return ROW_OK;
}
RUN_ROWS(run_slice, struct mr_list, slice_row)

static inline enum row_result concat_lists_row(struct expr_run *run, const struct expr_node *n,
                                               uint32_t row, struct mr_list *out) {
  struct list_maker m;
  uint64_t cap = 0;
  for (uint32_t k = 0; k < n->arg_cnt; k++) cap += row_list(run, n, k, row)->cnt;
  if (!list_begin(&m, run, n->elem, cap)) return ROW_FULL;
  for (uint32_t k = 0; k < n->arg_cnt; k++) {
    const struct mr_list *l = row_list(run, n, k, row);
    for (uint32_t i = 0; i < l->cnt; i++) copy_element(&m, run, n->args[k], l, i);
  }
  *out = list_end(&m, run);
  return ROW_OK;
}
RUN_ROWS(run_concat_lists, struct mr_list, concat_lists_row)

/* op 0: the value behind the list, 1: before it. Strict in the list only: the value may be NULL. */
void run_array_add(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  struct mr_list *out = v->out;
  struct row_marks marks = {0};
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  v->valid = run_arg(run, n, 0)->valid;
  v->data = out;
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(work, run->words, row) {
    const struct mr_list *l = row_list(run, n, 0, (uint32_t)row);
    struct list_maker m;
    if (!list_begin(&m, run, n->elem, (uint64_t)l->cnt + 1)) {
      row_mark(&marks, ROW_FULL, (uint32_t)row);
      continue;
    }
    if (n->op) copy_operand(&m, run, n, 1, (uint32_t)row);
    for (uint32_t i = 0; i < l->cnt; i++) copy_element(&m, run, n->args[0], l, i);
    if (!n->op) copy_operand(&m, run, n, 1, (uint32_t)row);
    out[row] = list_end(&m, run);
  }
  row_marks_put(run, n, &marks);
}

/* ---- sort: a bottom-up merge of places, so that equal elements keep their order ---- */

static int compare_elements(struct expr_run *run, const struct expr_node *n,
                            const struct mr_list *l, uint32_t i, uint32_t k) {
  const struct expr_node *list = n->args[0];
  bool a_there = element_valid(run, l, i), b_there = element_valid(run, l, k);
  bool nulls_first = n->op == SORT_UP;
  if (!a_there || !b_there) return a_there == b_there ? 0 : a_there == nulls_first ? 1 : -1;
  int order;
  if (list->elem == MR_TYPE_STRING) {
    struct mr_str a = element_str(run, list, l, i), b = element_str(run, list, l, k);
    order = mr_str_compare(&a, &b, run->base);
  } else {
    int64_t a = element_word(run, list, l, i), b = element_word(run, list, l, k);
    if (list->elem == MR_TYPE_DOUBLE) {
      double x, y;
      memcpy(&x, &a, 8);
      memcpy(&y, &b, 8);
      a = expr_double_key(x);
      b = expr_double_key(y);
    }
    order = (a > b) - (a < b);
  }
  return n->op == SORT_DOWN ? -order : order;
}

static void merge(struct expr_run *run, const struct expr_node *n, const struct mr_list *l,
                  const uint32_t *from, uint32_t *to, uint32_t lo, uint32_t mid, uint32_t hi) {
  uint32_t i = lo, k = mid;
  for (uint32_t at = lo; at < hi; at++) {
    bool left = i < mid && (k >= hi || compare_elements(run, n, l, from[i], from[k]) <= 0);
    to[at] = left ? from[i++] : from[k++];
  }
}

static inline enum row_result sort_row(struct expr_run *run, const struct expr_node *n,
                                       uint32_t row, struct mr_list *out) {
  const struct mr_list *l = row_list(run, n, 0, row);
  uint32_t cnt = l->cnt;
  struct list_maker m;
  if (!list_begin(&m, run, n->elem, cnt)) return ROW_FULL;
  uint64_t sz = (uint64_t)cnt * 2 * sizeof(uint32_t), pad = (4 - run->scratch_used % 4) % 4;
  char *p = run_scratch(run, sz + pad);
  if (!p) {
    run->scratch_used -= m.taken;
    return ROW_FULL;
  }
  uint32_t *from = (uint32_t *)(void *)(p + pad), *to = from + cnt;
  for (uint32_t i = 0; i < cnt; i++) from[i] = i;
  for (uint32_t width = 1; width < cnt; width *= 2) {
    for (uint32_t lo = 0; lo < cnt; lo += 2 * width) {
      uint32_t mid = lo + width < cnt ? lo + width : cnt;
      uint32_t hi = lo + 2 * width < cnt ? lo + 2 * width : cnt;
      merge(run, n, l, from, to, lo, mid, hi);
    }
    uint32_t *swap = from;
    from = to;
    to = swap;
  }
  for (uint32_t i = 0; i < cnt; i++) copy_element(&m, run, n->args[0], l, from[i]);
  run->scratch_used -= sz + pad;
  *out = list_end(&m, run);
  return ROW_OK;
}
RUN_ROWS(run_sort_list, struct mr_list, sort_row)

/* ---- sequence ---- */

static inline enum row_result sequence_row(struct expr_run *run, const struct expr_node *n,
                                           uint32_t row, struct mr_list *out) {
  int64_t from = row_i64(run, n, 0, row), to = row_i64(run, n, 1, row);
  int64_t step = n->arg_cnt > 2 ? row_i64(run, n, 2, row) : from <= to ? 1 : -1;
  if (from == to) step = 1;
  if (!step || (step > 0) != (from <= to)) return ROW_BAD;
  uint64_t far = step > 0 ? (uint64_t)to - (uint64_t)from : (uint64_t)from - (uint64_t)to;
  uint64_t size = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
  struct list_maker m;
  if (far / size >= MR_EXPR_SCRATCH_SZ) return ROW_FULL;
  if (!list_begin(&m, run, MR_TYPE_INT64, far / size + 1)) return ROW_FULL;
  for (uint64_t i = 0; i <= far / size; i++) {
    int64_t x = (int64_t)((uint64_t)from + i * (uint64_t)step);
    list_add(&m, &x);
  }
  *out = list_end(&m, run);
  return ROW_OK;
}
RUN_ROWS(run_sequence, struct mr_list, sequence_row)

/* ---- overlap: NULL where no element is shared and one list holds a NULL ---- */

static inline enum row_result overlap_row(struct expr_run *run, const struct expr_node *n,
                                          uint32_t row, bool *out) {
  const struct mr_list *a = row_list(run, n, 0, row), *b = row_list(run, n, 1, row);
  bool null = false;
  for (uint32_t i = 0; i < a->cnt && !*out; i++) {
    if (!element_valid(run, a, i)) null = true;
    for (uint32_t k = 0; k < b->cnt && !*out; k++) {
      if (!element_valid(run, b, k)) null = true;
      if (!element_valid(run, a, i) || !element_valid(run, b, k)) continue;
      if (n->args[0]->elem == MR_TYPE_STRING) {
        struct mr_str x = element_str(run, n->args[0], a, i);
        struct mr_str y = element_str(run, n->args[1], b, k);
        *out = mr_str_equal(&x, &y, run->base);
      } else {
        int64_t x = element_word(run, n->args[0], a, i), y = element_word(run, n->args[1], b, k);
        double d, e;
        memcpy(&d, &x, 8);
        memcpy(&e, &y, 8);
        *out =
            n->args[0]->elem == MR_TYPE_DOUBLE ? expr_double_key(d) == expr_double_key(e) : x == y;
      }
    }
  }
  return *out || !null || !a->cnt || !b->cnt ? ROW_OK : ROW_NULL;
}
RUN_ROWS_BOOL(run_arrays_overlap, overlap_row)
