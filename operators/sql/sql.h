/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_SQL_SQL_H
#define MR_OPERATORS_SQL_SQL_H

/* The sql step: a SELECT is rewritten into the steps that a user would have written.
 *
 *   FROM a, WITH, (SELECT ...)   the nodes that are read
 *   JOIN ... ON                  join
 *   WHERE                        filter
 *   GROUP BY, HAVING             [map for keys that are expressions] window or group [filter]
 *   ROW_NUMBER() ... <= n        top_n, or dedup
 *   SELECT                       map, where the columns are not those that are there
 *   UNION ALL                    merge
 *
 * Expressions stay text: the options of the steps are pieces of the query, and each of their bytes
 * knows its place in the graph file, so what the steps find wrong is reported at the query. */

#include "expr/query.h"
#include "graph/codes.h"
#include "graph/diag.h"
#include "graph/expand.h"
#include "graph/opt.h"
#include "graph/tree.h"

struct sql_conf {
  const char *query;
  int64_t delay, every, allowed_lateness, within;
  int emit, late;
};

struct sql_with; /* names of WITH, innermost first */

/* What one step of the graph file is planned with. */
struct sql {
  struct mr_op_expand *x;
  struct mr_tree *at; /* the query's scalar */
  const char *text;
  struct sql_with *withs;
  uint32_t used;  /* options that went to some step: SQL_* */
  uint32_t depth; /* of subqueries */
  bool nameless;  /* columns need no name: the right side of UNION has the left one's */
  const struct mr_query *list; /* whose SELECT the next JOIN may have as its own; or NULL */
  bool keyed;                  /* some step has a key */
  uint32_t inner;              /* > 0: what is made is grouped or joined again */
};
enum {
  SQL_DELAY = 1,
  SQL_EMIT = 2,
  SQL_EVERY = 4,
  SQL_LATE = 8,
  SQL_LATENESS = 16,
  SQL_WITHIN = 32
};

/* Rows that a part of the query gives. */
struct sql_rel {
  const char *from;               /* "node", "node.output", or a step of ours; NULL: reported */
  const char *alias;              /* what its columns may be named by */
  const struct mr_schema *schema; /* NULL: not known before it is read */
  uint32_t off, len;              /* where the query names it */
  bool made;                      /* by a step of ours */
  bool derived;                   /* by a window or join of ours: no delay of their own */
  const struct sql_side *sides;   /* of a join: what its columns are called now; or NULL */
  uint32_t side_cnt;
  bool listed; /* they are those of SELECT already */
};

/* One stream of a join: its alias, and its columns' names behind the join. */
struct sql_side {
  const char *alias;
  const struct mr_schema *schema;
  const char **names; /* by visible column */
};

/* What a select must do for the WHERE around it: keep the first n of each group. */
struct sql_rank {
  const char *name;                  /* of the ROW_NUMBER() column */
  const struct mr_query_node *bound; /* rn <= n: the part of the outer WHERE */
  const struct mr_query_node *n;
  bool read; /* is the number itself a column that the outer query has? */
};

/* ---- sql.c: errors, steps ---- */

/* An error at bytes of the query. */
struct mr_diag *sql_error(struct sql *s, int code, uint32_t off, uint32_t len, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
struct mr_span sql_span(struct sql *s, uint32_t off, uint32_t len);

/* A name for a step that is not taken: "x.where", "x.where2". */
const char *sql_name(struct sql *s, const char *prefix, const char *word);
/* A map with `type` and `from`; off, len: what of the query it stands for. */
struct mr_tree *sql_step(struct sql *s, const char *type, const struct sql_rel *in, uint32_t off,
                         uint32_t len);
/* Text at a place of the query as key, or as value. */
struct mr_tree *sql_word(struct sql *s, const char *text, uint32_t off, uint32_t len);
struct mr_tree *sql_duration(struct sql *s, const struct mr_query_node *n);
void sql_put(struct sql *s, struct mr_tree *map, const char *key, struct mr_tree *value,
             uint32_t off, uint32_t len);
/* Copies those of the sql step's options that are in `which` to a step of it. */
void sql_hand_on(struct sql *s, struct mr_tree *step, uint32_t which);
/* Adds the step; what it gives. */
struct sql_rel sql_add(struct sql *s, const char *name, struct mr_tree *step, struct mr_tree *time,
                       const struct sql_rel *in);

/* ---- text.c: expressions as options ---- */

/* A part of an expression that is written otherwise: the new text, or NULL. */
typedef const char *(*sql_replace_fn)(void *ctx, const struct mr_query_node *n);

/* The text of an expression with the parts that fn replaces; several are joined by AND. */
struct mr_tree *sql_expr(struct sql *s, const struct mr_query_node *const *parts, uint32_t cnt,
                         sql_replace_fn fn, void *ctx);
/* "name" in double quotes. */
const char *sql_quoted(struct sql *s, const char *name);

/* ---- scope.c: which column is meant ---- */

/* The name that a column of the query has in the rows of rel; NULL: reported. */
const char *sql_column(struct sql *s, const struct sql_rel *rel, const struct mr_query_node *n);
/* A replace function for expressions over rel (ctx: struct sql_scope). */
struct sql_scope {
  struct sql *s;
  const struct sql_rel *rel;
};
const char *sql_in_scope(void *scope, const struct mr_query_node *n);
/* Reports columns that the scope does not have and calls that are not possible: aggregates where
 * `aggregates` is false (the clause's word is given), window functions. */
bool sql_check(struct sql *s, const struct sql_rel *rel, const struct mr_query_node *n,
               const char *clause, bool aggregates);
/* Is an aggregate in it? The first one, or NULL. */
const struct mr_query_node *sql_find_aggregate(const struct mr_query_node *n);
const struct mr_query_node *sql_find_over(const struct mr_query_node *n);
/* Splits a condition at its ANDs into *parts; their number. */
uint32_t sql_conjuncts(struct sql *s, const struct mr_query_node *n,
                       const struct mr_query_node ***parts);
/* The name that an item of SELECT gives its column; NULL: reported. */
const char *sql_item_name(struct sql *s, const struct mr_query_item *item);

/* ---- from.c, select.c, group.c, join.c, rank.c ---- */

struct sql_rel sql_from(struct sql *s, const struct mr_query_from *f, const char *prefix,
                        const struct sql_rank *rank);
struct sql_rel sql_query(struct sql *s, const struct mr_query *q, const char *prefix,
                         const struct sql_rank *rank);
struct sql_rel sql_where(struct sql *s, const struct sql_rel *in, const char *prefix,
                         const char *word, const struct mr_query_node *const *parts, uint32_t cnt,
                         sql_replace_fn fn, void *ctx);
/* rank: the first rows of what the step gives, or NULL. */
struct sql_rel sql_group(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                         const char *prefix, const struct sql_rank *rank);
struct sql_rel sql_join(struct sql *s, const struct mr_query_from *f, const char *prefix);
/* The first rows of each group, for the ROW_NUMBER() among the items of q. outs: by item what its
 * column is called behind a GROUP BY; NULL: there is none. */
struct sql_rel sql_top(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                       const char *prefix, const struct sql_rank *rank, const char *const *outs);
struct sql_rel sql_distinct(struct sql *s, const struct mr_query *q, const struct sql_rel *in,
                            const char *prefix, bool grouped);

#endif
