/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_FOLD_PRIVATE_H
#define MR_STATE_FOLD_PRIVATE_H

/* How aggregates lie in a row; shared by what adds to them and what reads them. */

#include "base/bits.h"
#include "state/hll.h"
#include "state/table.h"

struct mr_fold_sum { /* 128 bits, two's complement */
  uint64_t lo;
  int64_t hi;
};
struct mr_fold_avg {
  struct mr_fold_sum sum; /* of doubles: lo has the bits */
  uint64_t cnt;
};
struct mr_fold_spread {
  uint64_t cnt;
  double mean, squares; /* sum of squared distances from the mean */
};
union mr_fold_value { /* of one row's argument */
  int64_t i;
  double d;
  struct mr_str s;
};
struct mr_fold_pick { /* first, last */
  int64_t et;
  uint32_t partition, zero;
  union mr_fold_value value;
};
struct mr_fold_chain {  /* collect_list; collect_set and distinct of 8- and 16-byte values */
  uint32_t first, last; /* pieces or members */
  uint32_t cnt;
  uint32_t room; /* list: elements that the last piece still takes */
};
struct mr_fold_piece { /* of a list; the elements follow */
  uint32_t next, cnt, cap, zero;
};
struct mr_fold_member { /* of a set */
  uint32_t next, owner; /* row */
  uint32_t fold, zero;
  union mr_fold_value value;
};
#define MR_FOLD_CODES_WORDS 4u /* a set of codes: one bit each */

static inline void *mr_fold_at(const struct mr_fold *f, struct mr_row *row) {
  return (uint8_t *)row + f->off;
}
static inline uint64_t *mr_fold_bits(const struct mr_folds *folds, struct mr_row *row) {
  return (uint64_t *)(void *)((uint8_t *)row + folds->bits_off);
}
/* Bytes of one element of a list. */
static inline uint32_t mr_fold_elem_sz(const struct mr_fold *f) {
  switch (f->phys) {
  case MR_PHYS_STR: return sizeof(struct mr_str);
  case MR_PHYS_W8: return 8;
  default: return 1;
  }
}
/* Total order of doubles: NaN is the greatest, -0 = 0. */
static inline bool mr_fold_less(double a, double b) {
  return a < b || (b != b && a == a);
}

#endif
