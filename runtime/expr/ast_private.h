/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_AST_PRIVATE_H
#define MR_EXPR_AST_PRIVATE_H

/* The tree of an expression, before types. It is a tree, never a graph: no node has two parents.
 * Its depth is at most a few times MR_EXPR_DEPTH_MAX, so walkers may recurse. */

#include "expr/expr.h"

struct PgQuery__WindowDef;

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
  const char *of; /* AST_COLUMN of a query: what stands before the dot, or NULL */
  int64_t i;
  double d;
  struct ast_node **args;
  struct ast_node *filter;               /* AST_CALL: FILTER (WHERE ...) */
  const struct PgQuery__WindowDef *over; /* AST_CALL of a query: OVER (...) of the grammar's tree */
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
  uint32_t wrap_len;       /* bytes before the text in what the grammar sees */
  bool is_query;           /* a whole SELECT: names with a dot, OVER */
  const uint32_t *inserts; /* bytes of the text before which the grammar sees AST_ALIAS, rising */
  uint32_t insert_cnt;
};

struct PgQuery__Node;
/* The tree of a parsed expression whose locations are bytes of the wrapped text; NULL: errors. */
struct ast_node *ast_convert(const struct ast_source *src, const struct PgQuery__Node *node);
/* An error for SQL that is not there, at token `at`. Always NULL. */
struct ast_node *ast_refuse(const struct ast_source *src, uint32_t at, const char *what,
                            const char *hint);
/* The token that begins at the grammar's location, or the last one before it. */
uint32_t ast_token_at(const struct ast_source *src, int32_t location);
bool ast_token_is(const struct ast_source *src, uint32_t i, int32_t token);
/* The bracket that closes the one at token i; i itself if there is none. */
uint32_t ast_closing(const struct ast_source *src, uint32_t i);
/* A name as written at token `at`; `value` is what the grammar made of it. */
const char *ast_name_at(const struct ast_source *src, uint32_t at, const char *value);

/* Are two trees the same expression? A column without `of` is the one with it. */
bool ast_same(const struct ast_node *a, const struct ast_node *b);

/* ---- parse.c: what expressions and queries have in common ---- */

/* Length, NUL bytes, UTF-8. */
bool ast_check_text(const char *text, size_t len, struct mr_expr_errors *errors, bool is_query);
/* Sets tokens; wrapped is what the grammar will see. */
bool ast_scan(struct ast_source *src, const char *wrapped);
/* False, with an error, for brackets and operators nested beyond MR_EXPR_DEPTH_MAX. */
bool ast_check_depth(const struct ast_source *src);
/* ARRAY is reserved, and array(1, 2) is Spark's: the grammar gets another name as long. */
void ast_rename_arrays(const struct ast_source *src, char *wrapped);
/* The byte of the text that the grammar means by its own byte. */
uint32_t ast_byte(const struct ast_source *src, uint32_t seen);
/* The byte of the text of the grammar's character `cursor` of what it has `seen`. */
uint32_t ast_error_byte(const struct ast_source *src, const char *seen, int cursor);
/* What the grammar says is wrong at byte `off`. */
void ast_syntax_error(const struct ast_source *src, uint32_t off, const char *msg);

/* What the grammar wants behind a subquery in FROM, and users need not write. */
#define AST_ALIAS     " _"
#define AST_ALIAS_LEN 2u

#define AST_WRAP       "SELECT "
#define AST_WRAP_LEN   7u
#define AST_ARRAY_NAME "ar_ay" /* what the grammar reads for `array` before a bracket */

#endif
