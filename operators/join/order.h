/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_JOIN_ORDER_H
#define MR_OPERATORS_JOIN_ORDER_H

/* Which of two rows stands first by "a DESC, b": columns with a direction, then all other kept
 * columns upwards, so that only rows with the same values are equal (lists are left out). Numbers
 * by value, NaN the greatest; strings by bytes, codes by their texts; NULL is the least, unless
 * NULLS FIRST or LAST says where it stands. */

#include "graph/op.h"
#include "graph/opt.h"
#include "state/held.h"

struct mr_order_col {
  uint32_t col; /* of the input */
  enum mr_phys phys;
  bool is_double, down, nulls_last;
  const uint8_t *rank; /* codes: their places by text */
};

struct mr_order {
  struct mr_order_col *cols;
  uint32_t cnt;
};

/* Reads the option; its columns. MR_ERR_CONF when errors were reported. */
int mr_order_plan(struct mr_order *order, struct mr_op_plan *p, const struct mr_opt_strings *text);
/* Adds those columns of the input that are kept and not among them. The arena's memory. */
void mr_order_rest(struct mr_order *order, struct mr_arena *arena, const struct mr_schema *in,
                   const bool *keep);

/* A row of a view, or a held one; kept: by column of the input, index among the form's. */
struct mr_order_row {
  const struct mr_view *view;
  uint32_t row;
  const struct mr_held_row *held;
};
/* Below 0: a stands before b. */
int mr_order_compare(const struct mr_order *order, const struct mr_held_form *form,
                     const int32_t *kept, const uint8_t *base, struct mr_order_row a,
                     struct mr_order_row b);

#endif
