/* SPDX-License-Identifier: Apache-2.0 */
/* What values a whole number can have, as far as its making tells: sums that cannot overflow are no
 * errors, and rows that cannot fail need no columns for their dead letters. */
#include "expr/compile_private.h"

#define SIZE_MAX_BITS (INT64_C(1) << 36) /* length of a text in bits, less than 2^32 bytes */

__extension__ typedef __int128 wide;

struct range {
  int64_t lo, hi;
};

static bool arith_range(uint8_t op, struct range a, struct range b, struct range *out) {
  wide ends[4];
  switch (op) {
  case '+':
    ends[0] = ends[2] = (wide)a.lo + b.lo;
    ends[1] = ends[3] = (wide)a.hi + b.hi;
    break;
  case '-':
    ends[0] = ends[2] = (wide)a.lo - b.hi;
    ends[1] = ends[3] = (wide)a.hi - b.lo;
    break;
  case '*':
    ends[0] = (wide)a.lo * b.lo, ends[1] = (wide)a.lo * b.hi;
    ends[2] = (wide)a.hi * b.lo, ends[3] = (wide)a.hi * b.hi;
    break;
  default: return false;
  }
  wide lo = ends[0], hi = ends[0];
  for (int i = 1; i < 4; i++) {
    if (ends[i] < lo) lo = ends[i];
    if (ends[i] > hi) hi = ends[i];
  }
  *out = (struct range){(int64_t)lo, (int64_t)hi};
  return lo >= INT64_MIN && hi <= INT64_MAX;
}

/* False: any. */
static bool range_of(const struct expr_node *n, struct range *out) {
  struct range a, b;
  if (n->is_const && !n->is_null) {
    *out = (struct range){n->i, n->i};
    return n->type != MR_TYPE_DOUBLE && n->type != MR_TYPE_STRING;
  }
  if (n->type == MR_TYPE_TIMESTAMP) {
    *out = (struct range){EXPR_TIME_US_MIN, EXPR_TIME_US_MAX};
    return true;
  }
  if (n->run == run_time_scale && n->op == '/') {
    *out = (struct range){EXPR_TIME_US_MIN / n->i - 1, EXPR_TIME_US_MAX / n->i};
    return true;
  }
  if (n->run == run_arith_i64 && !n->code)
    return range_of(n->args[0], &a) && range_of(n->args[1], &b) && arith_range(n->op, a, b, out);
  if (n->run == run_extract || n->run == run_length || n->run == run_position ||
      n->run == run_locate || n->run == run_size || n->run == run_array_position ||
      n->run == run_day_count) {
    *out = (struct range){-SIZE_MAX_BITS, SIZE_MAX_BITS};
    return true;
  }
  return false;
}

bool comp_never_overflows(uint8_t op, const struct expr_node *a, const struct expr_node *b) {
  struct range x, y, out;
  return range_of(a, &x) && range_of(b, &y) && arith_range(op, x, y, &out);
}
