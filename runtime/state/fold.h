/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_FOLD_H
#define MR_STATE_FOLD_H

/* Aggregates: how one lies in a row of state, how values are added, and how it becomes a column.
 * NULLs are left out by all of them (count(*) has no argument). Doubles are added row by row in the
 * order of the rows.
 *
 *   count                      8   rows
 *   sum of integers           16   128 bits
 *   sum of doubles             8
 *   avg                     sum + 8 rows
 *   min, max               8, 16   strings by bytes, enum by the order of their texts
 *   first, last           24, 32   by event time, then partition, then arrival
 *   collect_list              16   a chain of pieces, in order of arrival
 *   collect_set, distinct 16, 32   a chain of members, in order of arrival; of codes and bools a
 * bitmap
 *   approx_count_distinct      8   a sketch (hll.h)
 *   percentiles, top, mode    16   a chain of values with counts; percentile_approx: of buckets
 *   stddev, variance          24   rows, mean, sum of squared distances from it (Welford 1962)
 *
 * sum, avg, min, max, first and last of no value are NULL: a bit of the row says so where that can
 * be. */

#include "base/arena.h"
#include "data/batch.h"
#include "data/type.h"

struct mr_space;
struct mr_table;
struct mr_row;

enum mr_fold_func {
  MR_FOLD_COUNT,
  MR_FOLD_SUM,
  MR_FOLD_AVG,
  MR_FOLD_MIN,
  MR_FOLD_MAX,
  MR_FOLD_FIRST,
  MR_FOLD_LAST,
  MR_FOLD_LIST,
  MR_FOLD_SET,
  MR_FOLD_DISTINCT, /* count(DISTINCT x) */
  MR_FOLD_HLL,      /* approx_count_distinct(x); of codes and bools use MR_FOLD_DISTINCT */
  MR_FOLD_STDDEV,   /* of numbers, these four; the first and third over n - 1, NULL of one row */
  MR_FOLD_STDDEV_POP,
  MR_FOLD_VARIANCE,
  MR_FOLD_VAR_POP,
  /* of values with their counts; from here on all share that layout */
  MR_FOLD_PERCENTILE,      /* of numbers, between the two values next to the rank */
  MR_FOLD_PERCENTILE_DISC, /* of numbers, one of the values */
  MR_FOLD_QUANTILE,        /* of numbers, by buckets (fold_rank.c) */
  MR_FOLD_TOP,             /* the k values that came most often */
  MR_FOLD_MODE             /* the one */
};

#define MR_FOLD_PS_MAX 16u /* percentiles of one call */

struct mr_fold {
  enum mr_fold_func func;
  bool has_arg;        /* false: count(*) */
  bool maybe_null;     /* the argument may be NULL, or rows may be filtered out */
  struct mr_field arg; /* of the argument; name unused */
  struct mr_field out; /* of the result */
  const double *ps;    /* percentiles: shares of the rows, p_cnt of them; a list out: all of them */
  uint32_t p_cnt, k;   /* k: of MR_FOLD_TOP */
  uint32_t bits;       /* MR_FOLD_QUANTILE: of a number's mantissa that tell buckets apart */
  uint32_t shares;     /* index + 1 of a fold before it that has the state; 0: its own */
  /* set by mr_folds_init */
  enum mr_phys phys;
  bool is_double;
  bool ordered;         /* lists: elements know when they came */
  uint32_t off;         /* in the row */
  uint32_t bit;         /* of the row's bits: it has a value; UINT32_MAX: always */
  const uint16_t *rank; /* enum: by code, from 1 */
  const uint8_t *by_rank;
};

struct mr_folds {
  struct mr_fold *items;
  uint32_t cnt;
  uint32_t row_sz;   /* bytes of a row */
  uint32_t bits_off; /* of the row's bits */
  uint32_t bit_cnt;
  bool grows;  /* rows of keys that are there may take more memory */
  bool merges; /* set before mr_folds_init: rows will be merged (mr_folds_merge) */
  /* The common sets, added in one pass: count(*), sum, avg, min, max of one integer column, each at
   * most once. */
  uint32_t fused_set;    /* bits of enum mr_fold_func; 0: not so */
  uint32_t fused_off[5]; /* by enum mr_fold_func */
};

/* What a batch brings for one fold. */
struct mr_fold_in {
  const void *data;      /* by phys of arg; NULL: count(*) */
  const uint64_t *valid; /* NULL: no row is NULL */
  const uint64_t *pass;  /* FILTER: rows that count; NULL: all */
};
struct mr_fold_batch {
  const struct mr_fold_in *ins; /* by fold */
  const int64_t *et;            /* event time by row; NULL: none */
  uint32_t partition;
  uint64_t seq; /* of the first row's arrival; goes up by one a row */
};

/* Sets what depends on types, and where each lies in a row that begins with `before` bytes. The
 * arena's memory. */
void mr_folds_init(struct mr_folds *folds, struct mr_arena *arena, uint32_t before);
/* Makes a row's aggregates those of no rows. The row is zeroed. */
void mr_folds_clear(const struct mr_folds *folds, struct mr_row *row);

/* Adds rows[i] of the batch to state[i]. Sets space->full when there is no room; the values are
 * then not right. */
void mr_folds_add(struct mr_space *space, struct mr_table *table, const struct mr_fold_batch *batch,
                  const uint16_t *rows, struct mr_row *const *state, uint32_t cnt);

/* Adds what from[i] holds to to[i], a row of `table`; from[i] is another row, of any table of the
 * space, and stays as it is. by_time: merged lists are by event time, then arrival, from now on;
 * else by arrival. Sets space->full when there is no room. folds->merges must be set. */
void mr_folds_merge(struct mr_space *space, struct mr_table *table, struct mr_row *const *to,
                    struct mr_row *const *from, uint32_t cnt, bool by_time);
/* Puts merged lists in order that more was added to: before the rows are read. */
void mr_folds_settle(struct mr_space *space, struct mr_table *table, struct mr_row *const *rows,
                     uint32_t cnt);
/* Gives back what a row of `table` holds outside of itself; the row is not to be used again. */
void mr_folds_release(struct mr_space *space, struct mr_table *table, struct mr_row *row);
/* Makes *to, in memory of space->row_sz bytes, a row of `table` with the key and aggregates of
 * `from`. The bytes of the key's strings stay those of from. */
void mr_folds_copy(struct mr_space *space, struct mr_table *table, struct mr_row *to,
                   struct mr_row *from);

/* A result column: both buffers have room for MR_BATCH_ROWS rows and are fully written up to cnt;
 * err has the rows whose sum is beyond 64 bits (the value is then zero). */
struct mr_fold_out {
  void *data;
  uint64_t *valid, *err;
  bool has_null, has_err;
  struct mr_pool *pool; /* lists: the open batch whose heap takes the elements */
  struct mr_batch *batch;
  bool too_large; /* set: a list alone is larger than any batch can hold */
};
/* Results of state[0..cnt). Returns cnt, or less where the batch's heap is full: the rows before
 * are written. A string's bytes stay the table's. */
uint32_t mr_fold_column(const struct mr_space *space, const struct mr_fold *fold,
                        struct mr_row *const *state, uint32_t cnt, struct mr_fold_out *out);

#endif
