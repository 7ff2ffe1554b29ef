/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_KERNELS_H
#define MR_EXPR_KERNELS_H

/* The loops that are compiled for each level of x86-64, in one table per level. All work on whole
 * words of 64 rows: columns have room for MR_BATCH_ROWS rows, so what lies behind the last row may
 * be read and computed. Results are the same bits at every level. b_const: b has one value, for all
 * rows. Any thread. */

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "data/type.h"

/* A set of enum codes. */
struct mr_code_set {
  uint8_t has[256];  /* 1: in the set */
  uint8_t small[16]; /* 0xff in the set; codes below 16 */
  uint8_t lo[16];    /* by low nibble: bit h set: code (h << 4 | nibble) is in, h < 8 */
  uint8_t hi[16];    /* the same for h >= 8 */
  bool is_small;     /* all codes are below 16 */
};
/* Fills the tables from has[] for codes below cnt. */
void mr_code_set_finish(struct mr_code_set *set, uint32_t cnt);

typedef void (*mr_cmp_i64_fn)(const int64_t *a, const int64_t *b, bool b_const, uint64_t *out,
                              uint32_t words);
typedef void (*mr_cmp_f64_fn)(const double *a, const double *b, bool b_const, uint64_t *out,
                              uint32_t words);
/* Rows with overflow are set in over; their values wrap. Returns whether there is any. */
typedef bool (*mr_arith_i64_fn)(const int64_t *a, const int64_t *b, bool b_const, int64_t *out,
                                uint64_t *over, uint32_t words);
typedef void (*mr_arith_f64_fn)(const double *a, const double *b, bool b_const, double *out,
                                uint32_t words);

struct mr_expr_kernels {
  mr_cmp_i64_fn eq_i64, lt_i64, gt_i64;
  mr_cmp_f64_fn eq_f64, lt_f64, gt_f64; /* NaN = NaN, above all others */
  mr_arith_i64_fn add_i64, sub_i64, mul_i64;
  mr_arith_f64_fn add_f64, sub_f64, mul_f64, div_f64;
  void (*code_set)(const uint8_t *codes, const struct mr_code_set *set, uint64_t *out,
                   uint32_t words);
  void (*code_eq)(const uint8_t *a, const uint8_t *b, uint64_t *out, uint32_t words);
  /* equal in the 16 bytes of the view, and (maybe) longer strings that begin alike */
  void (*str_eq)(const struct mr_str *a, const struct mr_str *b, bool b_const, uint64_t *same,
                 uint64_t *maybe, uint32_t words);
  void (*i64_to_f64)(const int64_t *a, double *out, uint32_t words);
  /* out = bit of c ? a : b */
  void (*select8)(const uint64_t *c, const void *a, const void *b, void *out, uint32_t words);
  void (*select16)(const uint64_t *c, const void *a, const void *b, void *out, uint32_t words);
  /* out = bit of c ? a : zero bytes */
  void (*keep8)(const uint64_t *c, const void *a, void *out, uint32_t words);
  void (*keep16)(const uint64_t *c, const void *a, void *out, uint32_t words);
};

const struct mr_expr_kernels *mr_expr_kernels_of(enum mr_isa isa);

#endif
