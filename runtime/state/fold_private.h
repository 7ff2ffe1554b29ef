/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_FOLD_PRIVATE_H
#define MR_STATE_FOLD_PRIVATE_H

/* How aggregates lie in a row; shared by what adds to them and what reads them. */

#include <string.h>

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
struct mr_fold_order { /* before the elements of an ordered list */
  int64_t et;
  uint64_t seq; /* of arrival, within the operator's instance */
};
enum mr_fold_chain_flags {
  MR_FOLD_BY_TIME = 1, /* ordered list: by event time, then arrival; else by arrival */
  MR_FOLD_UNSORTED = 2 /* it was; elements came behind */
};
struct mr_fold_chain {  /* collect_list; collect_set and distinct of 8- and 16-byte values */
  uint32_t first, last; /* pieces or members */
  uint32_t cnt;
  uint16_t room; /* list: elements that the last piece still takes */
  uint16_t flags;
};
struct mr_fold_piece { /* of a list; the elements follow */
  uint32_t next, cnt, cap, sz;
};
struct mr_fold_member {  /* of a set */
  uint32_t next, owner;  /* row */
  uint16_t fold, cnt_hi; /* how often it came, where that counts: 48 bits */
  uint32_t cnt_lo;
  union mr_fold_value value;
};
#define MR_FOLD_CODES_WORDS 4u /* a set of codes: one bit each */

static inline void *mr_fold_at(const struct mr_fold *f, struct mr_row *row) {
  return (uint8_t *)row + f->off;
}
static inline uint64_t *mr_fold_bits(const struct mr_folds *folds, struct mr_row *row) {
  return (uint64_t *)(void *)((uint8_t *)row + folds->bits_off);
}
static inline uint64_t mr_fold_member_cnt(const struct mr_fold_member *m) {
  return (uint64_t)m->cnt_hi << 32 | m->cnt_lo;
}
/* Whether the fold keeps values with their counts. */
static inline bool mr_fold_is_counted(const struct mr_fold *f) {
  return f->func >= MR_FOLD_PERCENTILE;
}
static inline bool mr_fold_is_small(const struct mr_fold *f) {
  return f->phys == MR_PHYS_CODE || f->phys == MR_PHYS_BIT;
}
/* Whether a fold keeps its members as a bitmap of codes. */
static inline bool mr_fold_is_bitmap(const struct mr_fold *f) {
  return (f->func == MR_FOLD_SET || f->func == MR_FOLD_DISTINCT) && mr_fold_is_small(f);
}
/* Bytes of one element of a list as a column has it. */
static inline uint32_t mr_fold_elem_sz(const struct mr_fold *f) {
  switch (f->phys) {
  case MR_PHYS_STR: return sizeof(struct mr_str);
  case MR_PHYS_W8: return 8;
  default: return 1;
  }
}
/* The same as a piece has it, and where the value lies in it. */
static inline uint32_t mr_fold_stored_off(const struct mr_fold *f) {
  return f->ordered ? (uint32_t)sizeof(struct mr_fold_order) : 0;
}
static inline uint32_t mr_fold_stored_sz(const struct mr_fold *f) {
  uint32_t sz = mr_fold_elem_sz(f);
  return f->ordered ? mr_fold_stored_off(f) + (sz < 8 ? 8 : sz) : sz;
}
/* Total order of doubles: NaN is the greatest, -0 = 0. */
static inline bool mr_fold_less(double a, double b) {
  return a < b || (b != b && a == a);
}
static inline void mr_fold_add_sum(struct mr_fold_sum *s, int64_t v) {
  uint64_t lo = s->lo + (uint64_t)v;
  s->hi += (v >> 63) + (lo < s->lo);
  s->lo = lo;
}
static inline void mr_fold_add_double(struct mr_fold_sum *s, double v) {
  double sum;
  memcpy(&sum, &s->lo, sizeof sum);
  sum += v;
  memcpy(&s->lo, &sum, sizeof sum);
}
/* first, last: whether a value of this time and partition, which came later, takes p's place. */
static inline bool mr_fold_goes(const struct mr_fold *f, int64_t et, uint32_t partition,
                                const struct mr_fold_pick *p) {
  if (f->func == MR_FOLD_FIRST) return et < p->et || (et == p->et && partition < p->partition);
  return et > p->et || (et == p->et && partition >= p->partition);
}

/* Puts a copy of v in the place of *to, whose slot goes back when it has one. No room: sets
 * space->full. */
void mr_fold_replace_str(struct mr_space *space, struct mr_table *table, const struct mr_str *v,
                         bool had, struct mr_str *to);

/* ---- fold_chain.c ---- */

struct mr_fold_place { /* where the values of a fold lie */
  struct mr_space *space;
  struct mr_table *table;
  const struct mr_fold *f;
  uint32_t idx; /* of the fold */
};
/* These return false when there is no room. Strings are copied. */
bool mr_fold_list_add(const struct mr_fold_place *p, struct mr_fold_chain *c,
                      const union mr_fold_value *v, const struct mr_fold_order *order);
/* v in its one form; owner: the row's reference. */
bool mr_fold_set_add(const struct mr_fold_place *p, struct mr_fold_chain *c, uint32_t owner,
                     const union mr_fold_value *v);
/* The same of a value that came cnt times. */
bool mr_fold_set_count(const struct mr_fold_place *p, struct mr_fold_chain *c, uint32_t owner,
                       const union mr_fold_value *v, uint64_t cnt);
/* Adds what another row's list or set holds, which stays as it is (by_time: but for its
 * order). Lists: see mr_folds_merge. */
bool mr_fold_list_merge(const struct mr_fold_place *p, struct mr_fold_chain *to,
                        struct mr_fold_chain *from, bool by_time);
/* Puts a list that is by time in order again. */
bool mr_fold_list_settle(const struct mr_fold_place *p, struct mr_fold_chain *c);
/* Gives the list's memory back. */
void mr_fold_list_drop(const struct mr_fold_place *p, struct mr_fold_chain *c);
bool mr_fold_set_merge(const struct mr_fold_place *p, struct mr_fold_chain *to, uint32_t owner,
                       const struct mr_fold_chain *from);
/* ---- fold_rank.c ---- */

/* MR_FOLD_QUANTILE: the number of the bucket of a value. */
int64_t mr_fold_bucket(const struct mr_fold *f, double v);
/* How many values were counted. */
uint64_t mr_fold_rank_cnt(const struct mr_space *space, const struct mr_fold_chain *c);
/* Percentile p (0..1) of cnt > 0 values: a double's or an integer's bits, as the result has it. */
int64_t mr_fold_percentile(const struct mr_space *space, const struct mr_fold *f,
                           const struct mr_fold_chain *c, uint64_t cnt, double p);
/* The k (at most MR_FOLD_TOP_MAX) values that came most often, first the most frequent, of equal
 * ones the least; returns how many there are. */
#define MR_FOLD_TOP_MAX 100u
uint32_t mr_fold_top(const struct mr_space *space, const struct mr_fold *f,
                     const struct mr_fold_chain *c, uint32_t k,
                     const struct mr_fold_member **members);

/* Gives the set's members back. */
void mr_fold_set_drop(const struct mr_fold_place *p, struct mr_fold_chain *c, uint32_t owner);

#endif
