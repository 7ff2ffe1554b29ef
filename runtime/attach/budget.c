/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/budget.h"

#include <string.h>

#include "attach/percentile.h"
#include "attach/report.h"
#include "base/value.h"

static const struct {
  const char *name;
  double percentile;
} quantiles[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"max", 100}};

/* One path of all that a snapshot has. */
struct look {
  struct mr_budget *budget;
};

static void look_at(void *ctx, const char *from, const char *to, const struct mr_hist *latency) {
  struct mr_budget *b = ((struct look *)ctx)->budget;
  struct mr_percentiles p;
  if (strcmp(from, b->from) != 0 || strcmp(to, b->to) != 0) return;
  mr_percentiles_of(latency, &p);
  b->rows = p.count;
  for (uint32_t i = 0; i < b->limit_cnt; i++) {
    struct mr_budget_limit *limit = &b->limits[i];
    for (size_t k = 0; k < sizeof quantiles / sizeof *quantiles; k++)
      if (!strcmp(quantiles[k].name, limit->quantile))
        limit->value_ns = mr_percentile(latency, quantiles[k].percentile);
    b->met &= limit->value_ns <= limit->limit_ns;
  }
}

static void read_limits(struct mr_budget *b, const struct mr_value *limits) {
  for (size_t k = 0; k < sizeof quantiles / sizeof *quantiles; k++) {
    int64_t ns = mr_value_int(limits, quantiles[k].name, 0);
    if (ns > 0)
      b->limits[b->limit_cnt++] = (struct mr_budget_limit){quantiles[k].name, (uint64_t)ns, 0};
  }
}

uint32_t mr_budgets_read(struct mr_arena *arena, const struct mr_snapshot *snap,
                         struct mr_budget **budgets) {
  const struct mr_value *plan =
      snap->plan ? mr_value_parse(arena, snap->plan, snap->plan_len) : NULL;
  const struct mr_value *list = mr_value_list(plan, "budgets");
  *budgets = MR_NEW(arena, struct mr_budget, list->cnt + 1);
  for (uint32_t i = 0; i < list->cnt; i++) {
    struct mr_budget *b = &(*budgets)[i];
    *b = (struct mr_budget){.name = mr_value_text(&list->items[i], "name", ""),
                            .from = mr_value_text(&list->items[i], "from", ""),
                            .to = mr_value_text(&list->items[i], "to", ""),
                            .met = true};
    read_limits(b, mr_value_get(&list->items[i], "limits"));
    mr_report_paths(snap, look_at, &(struct look){b});
  }
  return list->cnt;
}
