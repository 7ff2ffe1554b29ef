/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_AST_PRIVATE_H
#define MR_EXPR_AST_PRIVATE_H

/* The tree of an expression, before types. It is a tree, never a graph: no node has two parents.
 * Its depth is at most a few times MR_EXPR_DEPTH_MAX, so walkers may recurse. */

#include "expr/expr.h"

enum ast_kind {
  AST_COLUMN, /* name */
  AST_NULL,
  AST_BOOL,     /* i */
  AST_INT,      /* i */
  AST_DOUBLE,   /* d */
  AST_STRING,   /* name, name_len */
  AST_DURATION, /* i, us */
  AST_AND,      /* args */
  AST_OR,
  AST_NOT,
  AST_CMP,      /* op: enum cmp_op */
  AST_DISTINCT, /* two args; negated: IS NOT DISTINCT FROM */
  AST_IN,       /* args[0] in the others; negated */
  AST_BETWEEN,  /* three args; negated */
  AST_LIKE,     /* two args; negated */
  AST_IS_NULL,  /* negated */
  AST_IS_BOOL,  /* op: 0 false, 1 true, 2 unknown; negated */
  AST_ARITH,    /* op: the character + - * / % */
  AST_NEG,
  AST_CONCAT, /* two args */
  AST_CASE,   /* [subject if op], when, then, when, then, ..., else (maybe AST_NULL of length 0) */
  AST_COALESCE,
  AST_NULLIF,
  AST_CAST, /* name: the type */
  AST_CALL, /* name: the function in lower case */
  AST_INDEX /* args[0] [ args[1] ] */
};

enum cmp_op { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

struct ast_node {
  uint8_t kind; /* enum ast_kind */
  uint8_t op;
  bool negated;
  bool star;               /* AST_CALL: f(*) */
  bool distinct;           /* AST_CALL: f(DISTINCT x) */
  bool quoted;             /* AST_COLUMN: the name stood in double quotes */
  uint32_t off, len;       /* span in the text */
  uint32_t op_off, op_len; /* of the operator, or the function's name */
  uint32_t tok_lo, tok_hi; /* first and last token, while parsing */
  uint32_t name_len;
  uint32_t arg_cnt;
  const char *name;
  int64_t i;
  double d;
  struct ast_node **args;
  struct ast_node *filter; /* AST_CALL: FILTER (WHERE ...) */
};

struct mr_ast {
  const char *text; /* NUL-terminated */
  uint32_t text_len;
  struct ast_node *root;
};

/* Adds an error at [off, off + len) and returns it for its label, note and hint; never NULL. */
struct mr_expr_error *expr_error(struct mr_expr_errors *errors, int code, uint32_t off,
                                 uint32_t len, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The same at a node. */
#define EXPR_ERROR_AT(errors, code, node, ...)                                                     \
  expr_error((errors), (code), (node)->off, (node)->len, __VA_ARGS__)

/* A node's source text in quotes' stead: at most max bytes, then "...". */
const char *expr_snippet(struct mr_arena *arena, const char *text, uint32_t off, uint32_t len,
                         uint32_t max);

/* enum mr_agg_func of a function's name, or -1. */
int ast_agg_func(const char *name);

/* ---- literal.c: constants as text ---- */

/* A timestamp: RFC 3339, or without offset (then UTC), or a date alone. */
bool literal_timestamp(const char *s, uint32_t len, int64_t *us);
/* A duration: "1h30m", "1 hour 30 minutes", "-5 seconds", "01:30:00". */
bool literal_duration(const char *s, uint32_t len, int64_t *us);
/* Microseconds of a unit's name, singular, plural or short; 0: none. */
int64_t literal_unit(const char *s, uint32_t len);
/* A type by PostgreSQL's, Spark's or our own name; MR_TYPE_NONE: not one. */
enum mr_type literal_type(const char *s, uint32_t len);

/* ---- convert.c ---- */

struct ast_token {
  uint32_t off, end; /* bytes of the text */
  int32_t token;
  int32_t keyword; /* PgQuery__KeywordKind */
};

struct ast_source {
  struct mr_arena *arena;
  struct mr_expr_errors *errors;
  const char *text;
  uint32_t text_len;
  const struct ast_token *tokens;
  uint32_t token_cnt;
};

struct PgQuery__Node;
/* The tree of a parsed expression whose locations are bytes of "SELECT " + text; NULL: errors. */
struct ast_node *ast_convert(const struct ast_source *src, const struct PgQuery__Node *node);

#define AST_WRAP       "SELECT "
#define AST_WRAP_LEN   7u
#define AST_ARRAY_NAME "ar_ay" /* what the grammar reads for `array` before a bracket */

#endif
