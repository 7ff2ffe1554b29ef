/* SPDX-License-Identifier: Apache-2.0 */
/* The first rows of each group: ROW_NUMBER() <= n, and DISTINCT. */
#include "operators/sql/sql.h"

struct sql_rel sql_top(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                       const char *prefix, const struct sql_rank *rank, bool grouped) {
  struct sql_rel none = {.off = in->off, .len = in->len};
  (void)prefix;
  (void)grouped;
  (void)q;
  sql_error(s, MR_CODE_NOT_AVAILABLE, rank->bound->off, rank->bound->len,
            "ROW_NUMBER() is not available yet");
  return none;
}

struct sql_rel sql_distinct(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                            const char *prefix, bool grouped) {
  struct sql_rel none = {.off = in->off, .len = in->len};
  (void)prefix;
  (void)grouped;
  sql_error(s, MR_CODE_NOT_AVAILABLE, q->distinct_off, q->distinct_len,
            "SELECT DISTINCT is not available yet");
  return none;
}
