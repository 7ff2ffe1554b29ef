/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_STATE_TEST_H
#define MR_TESTS_STATE_TEST_H

/* Columns of random values in a region, as a view: what a batch would bring. */

#include <string.h>

#include "base/arena.h"
#include "base/bits.h"
#include "base/rng.h"
#include "state/table.h"
#include "test.h"

#define COLS_MAX 8u

struct cols {
  struct mr_region region;
  struct mr_arena arena;
  struct mr_field fields[COLS_MAX];
  struct mr_schema schema;
  struct mr_col cols[COLS_MAX];
  uint8_t *data[COLS_MAX];
  uint64_t *valid[COLS_MAX];
  char *heap;
  uint32_t heap_used;
  struct mr_view view;
};

#define HEAP_SZ (1u << 20)

static inline void cols_begin(struct cols *c, uint64_t region_sz) {
  struct mr_error err;
  memset(c, 0, sizeof *c);
  assert_int_equal(mr_region_create(&c->region, region_sz, MR_HUGE_OFF, &err), 0);
  c->schema.fields = c->fields;
  c->schema.event_time = -1;
  c->heap = mr_region_ptr(&c->region, mr_region_alloc(&c->region, HEAP_SZ, 8, "heap"));
  c->view.cols = c->cols;
}

static inline uint32_t cols_add(struct cols *c, enum mr_type type, const struct mr_enum *codes,
                                bool optional) {
  uint32_t i = c->schema.cnt++;
  c->schema.visible_cnt = c->schema.cnt;
  c->fields[i] = (struct mr_field){.name = "c", .type = type, .codes = codes, .optional = optional};
  c->data[i] = mr_region_ptr(&c->region, mr_region_alloc(&c->region, MR_BATCH_ROWS * 16, 64, "c"));
  c->valid[i] =
      mr_region_ptr(&c->region, mr_region_alloc(&c->region, MR_BATCH_ROWS / 8, 64, "valid"));
  c->cols[i].data = c->data[i];
  return i;
}

static inline void cols_end(struct cols *c) {
  mr_arena_free(&c->arena);
  mr_region_destroy(&c->region);
}

/* Row r of column i becomes value number k: the same number gives the same value, different ones
 * different values. */
static inline void cols_put(struct cols *c, uint32_t i, uint32_t r, uint64_t k) {
  const struct mr_field *f = &c->fields[i];
  switch (mr_field_phys(f)) {
  case MR_PHYS_BIT:
    mr_bit_clear((uint64_t *)(void *)c->data[i], r);
    if (k & 1) mr_bit_set((uint64_t *)(void *)c->data[i], r);
    break;
  case MR_PHYS_CODE: c->data[i][r] = (uint8_t)k; break;
  case MR_PHYS_STR: {
    char text[96];
    int len = snprintf(text, sizeof text, "%.*s%llu", (int)(k % 30),
                       "a text that is not very short", (unsigned long long)k);
    char *p = c->heap + c->heap_used;
    memcpy(p, text, (size_t)len);
    c->heap_used += (uint32_t)len;
    ((struct mr_str *)(void *)c->data[i])[r] = mr_str_make(p, (uint32_t)len, c->region.base);
    break;
  }
  default:
    if (f->type == MR_TYPE_DOUBLE)
      ((double *)(void *)c->data[i])[r] = (double)k - 3.0;
    else
      ((int64_t *)(void *)c->data[i])[r] = (int64_t)k - 3;
  }
}

static inline void cols_put_null(struct cols *c, uint32_t i, uint32_t r) {
  mr_bit_clear(c->valid[i], r);
  c->cols[i].valid = c->valid[i];
  switch (mr_field_phys(&c->fields[i])) {
  case MR_PHYS_BIT: mr_bit_clear((uint64_t *)(void *)c->data[i], r); break;
  case MR_PHYS_CODE: c->data[i][r] = 0; break;
  case MR_PHYS_STR: memset((struct mr_str *)(void *)c->data[i] + r, 0, 16); break;
  default: ((int64_t *)(void *)c->data[i])[r] = 0;
  }
}

/* A new batch of n rows, without NULLs. */
static inline void cols_clear(struct cols *c, uint32_t n) {
  c->heap_used = 0;
  c->view.row_cnt = c->view.sel_cnt = n;
  for (uint32_t i = 0; i < c->schema.cnt; i++) {
    memset(c->valid[i], 0, MR_BATCH_ROWS / 8);
    mr_bitmap_fill(c->valid[i], n);
    c->cols[i].valid = NULL;
  }
}

#endif
