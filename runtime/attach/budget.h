/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_BUDGET_H
#define MR_ATTACH_BUDGET_H

/* The budgets of a graph file, held against the latencies of its paths in a snapshot. Any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "attach/snapshot.h"
#include "base/arena.h"

#define MR_BUDGET_LIMITS_MAX 5u

struct mr_budget_limit {
  const char *quantile; /* "p50", "p90", "p99", "p99.9", "max" */
  uint64_t limit_ns, value_ns;
};

struct mr_budget {
  const char *name, *from, *to; /* source and sink */
  struct mr_budget_limit limits[MR_BUDGET_LIMITS_MAX];
  uint32_t limit_cnt;
  uint64_t rows; /* that took the path; 0: nothing is known, and the budget is met */
  bool met;      /* no value is above its limit */
};

/* The budgets of the snapshot's plan with the values of its paths, in the arena. Returns how many;
 * 0 when the plan names none. A snapshot may be the difference of two. */
uint32_t mr_budgets_read(struct mr_arena *arena, const struct mr_snapshot *snap,
                         struct mr_budget **budgets);

#endif
