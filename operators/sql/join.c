/* SPDX-License-Identifier: Apache-2.0 */
/* JOIN ... ON: rows of two streams with the same key and times near each other. */
#include "operators/sql/sql.h"

struct sql_rel sql_join(struct sql *s, const struct mr_query_from *f, const char *prefix) {
  struct sql_rel none = {.off = f->off, .len = f->len};
  (void)prefix;
  sql_error(s, MR_CODE_NOT_AVAILABLE, f->off, f->len, "JOIN is not available yet");
  return none;
}
