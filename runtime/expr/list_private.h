/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_LIST_PRIVATE_H
#define MR_EXPR_LIST_PRIVATE_H

/* Elements of lists, as they are read and as they are made. */

#include "expr/rows_private.h"

/* Is element i of a list there? */
static inline bool element_valid(struct expr_run *run, const struct mr_list *l, uint32_t i) {
  if (!l->has_nulls) return true;
  const uint64_t *valid =
      (const uint64_t *)(const void *)(run->base + l->off) - mr_bitmap_words(l->cnt);
  return mr_bit_get(valid, i);
}

/* Element i as the type of a column: a bool or code byte becomes what columns hold. */
static inline struct mr_str element_str(struct expr_run *run, const struct expr_node *list,
                                        const struct mr_list *l, uint32_t i) {
  const uint8_t *data = run->base + l->off;
  if (!list->codes) return ((const struct mr_str *)(const void *)data)[i];
  uint32_t code = data[i], last = list->codes->cnt - 1;
  return list->codes->views[code < last ? code : last];
}
static inline int64_t element_word(struct expr_run *run, const struct expr_node *list,
                                   const struct mr_list *l, uint32_t i) {
  const uint8_t *data = run->base + l->off;
  if (list->elem == MR_TYPE_BOOL) return data[i] != 0;
  return ((const int64_t *)(const void *)data)[i];
}

static inline bool element_is(struct expr_run *run, const struct expr_node *n,
                              const struct mr_list *l, uint32_t i, const void *what, uint32_t row) {
  const struct expr_node *list = n->args[0];
  if (list->elem == MR_TYPE_STRING) {
    struct mr_str s = element_str(run, list, l, i);
    return mr_str_equal(&s, (const struct mr_str *)what + row, run->base);
  }
  int64_t x = element_word(run, list, l, i);
  if (list->elem == MR_TYPE_BOOL) return x == mr_bit_get(what, row);
  if (list->elem == MR_TYPE_DOUBLE) {
    double d;
    memcpy(&d, &x, 8);
    return expr_double_key(d) == expr_double_key(((const double *)what)[row]);
  }
  return x == ((const int64_t *)what)[row];
}

/* ---- lists that are made, in the scratch ---- */

/* Room for up to cap elements; what is not used goes back when the list is finished. */
struct list_maker {
  uint64_t *valid; /* in front of the values */
  uint8_t *values;
  uint64_t taken; /* bytes of the scratch */
  uint32_t cap, cnt, elem_sz;
  bool has_nulls;
};

/* Bytes of an element of that type. */
static inline uint32_t list_elem_sz(enum mr_type elem) {
  return elem == MR_TYPE_BOOL ? 1 : elem == MR_TYPE_STRING ? 16 : 8;
}

/* False: the scratch is full. */
bool list_begin(struct list_maker *m, struct expr_run *run, enum mr_type elem, uint64_t cap);
/* Appends a NULL, or a value of elem_sz bytes at p. */
void list_add(struct list_maker *m, const void *p);
/* The list; its values are at their final place. */
struct mr_list list_end(struct list_maker *m, struct expr_run *run);

#endif
