/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_QUERY_H
#define MR_EXPR_QUERY_H

/* A SELECT statement as a neutral tree: what the grammar of PostgreSQL found, with the bytes of the
 * text where each part stands, and nothing planned yet. Expressions keep their text, so a planner
 * copies them, byte by byte, into the options of the steps that it makes.
 *
 * Names are as written (the grammar folds them to lower case, streams and columns here are told
 * apart by case); a name in double quotes is its content. What the tree cannot say (recursion,
 * VALUES, LATERAL, ...) is an error with its word. All memory is the caller's arena; control plane,
 * one thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "expr/expr.h"

MR_API_BEGIN

struct ast_node; /* the room's own */

enum mr_query_kind {
  MR_QUERY_OTHER,     /* anything with a value; its parts are args */
  MR_QUERY_COLUMN,    /* name, of */
  MR_QUERY_INT,       /* i */
  MR_QUERY_STRING,    /* name */
  MR_QUERY_DURATION,  /* i: microseconds */
  MR_QUERY_CALL,      /* name in lower case */
  MR_QUERY_AGGREGATE, /* a call of an aggregate */
  MR_QUERY_AND,
  MR_QUERY_COMPARE, /* op: '=' '!' '<' 'l' (<=) '>' 'g' (>=) */
  MR_QUERY_BETWEEN, /* three args; negated */
  MR_QUERY_ARITH    /* op: '+' '-' '*' '/' '%' */
};

struct mr_query_order {
  struct mr_query_node *expr; /* NULL: reported */
  bool descending;
  uint32_t nulls; /* 0: not said, 1: first, 2: last */
};

/* OVER (PARTITION BY ... ORDER BY ...) behind a call. */
struct mr_query_over {
  struct mr_query_node **partition;
  uint32_t partition_cnt;
  struct mr_query_order *order;
  uint32_t order_cnt;
};

struct mr_query_node {
  enum mr_query_kind kind;
  uint32_t off, len; /* in the query's text */
  const char *name;
  const char *of; /* column: what stands before the dot, or NULL */
  int64_t i;
  char op;
  bool negated;
  struct mr_query_node **args; /* all parts, a FILTER's condition last */
  uint32_t arg_cnt;
  const struct mr_query_over *over; /* or NULL */
  const struct ast_node *ast;
};

/* One of SELECT's list. */
struct mr_query_item {
  struct mr_query_node *expr; /* NULL: a star, or reported */
  bool star;
  const char *star_of; /* t.*: t; or NULL */
  const char *name;    /* AS name, or NULL */
  uint32_t off, len, name_off, name_len;
};

enum mr_query_from_kind { MR_QUERY_TABLE, MR_QUERY_SUBQUERY, MR_QUERY_JOIN };
enum mr_query_join { MR_QUERY_INNER, MR_QUERY_LEFT, MR_QUERY_RIGHT, MR_QUERY_FULL };

/* What FROM reads. */
struct mr_query_from {
  enum mr_query_from_kind kind;
  uint32_t off, len;    /* of the name, the subquery in its parentheses, or the word JOIN */
  const char *node;     /* table: a node, or the name of a WITH, */
  const char *output;   /* and its output, or NULL */
  const char *alias;    /* or NULL */
  struct mr_query *sub; /* subquery */
  enum mr_query_join join;
  struct mr_query_from *left, *right;
  struct mr_query_node *on;  /* NULL: none, or reported */
  const char *const *using_; /* USING (a, b) */
  uint32_t using_cnt;
};

struct mr_query_with {
  const char *name;
  struct mr_query *query;
  uint32_t off, len;
};

struct mr_query {
  const char *text; /* NUL-terminated; of the whole statement, for all its parts */
  uint32_t text_len;
  uint32_t off, len; /* of the word SELECT, or UNION */
  struct mr_query_with *withs;
  uint32_t with_cnt;
  struct mr_query *left, *right; /* UNION ALL: all else is empty */
  bool distinct;
  uint32_t distinct_off, distinct_len;
  struct mr_query_item *items;
  uint32_t item_cnt;
  struct mr_query_from *from; /* NULL: reported */
  struct mr_query_node *where, *having;
  struct mr_query_node **groups;
  uint32_t group_cnt;
  uint32_t group_off, group_len;   /* of the words GROUP BY; length 0: none */
  uint32_t having_off, having_len; /* of the word HAVING; length 0: none */
};

/* Parses one SELECT statement (a semicolon may end it). Any bytes are allowed. Always adds an error
 * for what it leaves out; the tree that is returned has NULL in such places, so that a planner may
 * find more. NULL when nothing can be made of the text. */
struct mr_query *mr_query_parse(struct mr_arena *arena, const char *text, size_t len,
                                struct mr_expr_errors *errors);

/* The same expression, blanks, case of functions and a missing `t.` aside? */
bool mr_query_same(const struct mr_query_node *a, const struct mr_query_node *b);

MR_API_END

#endif
