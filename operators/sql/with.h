/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_SQL_WITH_H
#define MR_OPERATORS_SQL_WITH_H

/* The names of WITH clauses around a part of a query. */

#include "operators/sql/sql.h"

struct sql_with {
  const char *name;
  const struct mr_query *query;
  const char *prefix; /* of its steps' names */
  bool planned;
  struct sql_rel rel; /* once it is planned */
  struct sql_with *next;
};

/* The innermost WITH of that name, or NULL. */
struct sql_with *sql_find_with(const struct sql *s, const char *name);

#endif
