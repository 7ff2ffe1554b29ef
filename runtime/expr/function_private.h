/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_FUNCTION_PRIVATE_H
#define MR_EXPR_FUNCTION_PRIVATE_H

/* The functions by name, one row each, in one table per group: what a function takes, what it
 * gives, how a node of it is made, and what is said about it. Parser, type checks, "did you mean",
 * help and docs/functions.md all come from these rows. */

#include "expr/compile_private.h"

struct function;
/* Makes the node; arguments have been counted, checked and coerced by the letters. */
typedef struct expr_node *(*fn_make)(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v);

struct function {
  const char *names; /* the name and its other names, blanks between: "length len"; several rows
                        may have one name and take different numbers of arguments */
  const char *args;  /* a letter per argument, compile_private.h; the last one repeats */
  char result;       /* a letter too; 'a': the type of its arguments */
  uint8_t min, max;  /* arguments; max FN_ANY: any number */
  fn_make make;
  expr_run_fn run;
  uint8_t op; /* parameters of run */
  int64_t i;
  /* for people */
  const char *usage;   /* names of the arguments: "text, n" */
  const char *help;    /* what it gives */
  const char *example; /* an expression, */
  const char *gives;   /* and its value as text; NULL: it depends on the row */
  const char *note;    /* where it differs from Spark or PostgreSQL, and edges; or NULL */
};
#define FN_ANY 255u

struct function_group {
  const char *title;
  const struct function *functions;
  uint32_t cnt;
};

/* fn_text.c, fn_match.c, fn_code.c, fn_format.c, fn_math.c, fn_time.c, fn_list.c, fn_other.c; forms
 * have no names, only a usage */
extern const struct function_group fn_group_text, fn_group_match, fn_group_code, fn_group_format,
    fn_group_math, fn_group_time, fn_group_list, fn_group_choice, fn_group_record, fn_group_forms;

/* ---- function.c: makers that several groups share ---- */

/* A node of f->run over v, with f's op and i; not yet finished. code: of its rows' own errors, 0:
 * none. */
struct expr_node *fn_node(struct compiler *c, const struct function *f, const struct ast_node *ast,
                          struct expr_node **v, int code);
/* A strict function that cannot fail. */
struct expr_node *fn_plain(struct compiler *c, const struct function *f, const struct ast_node *ast,
                           struct expr_node **v);
/* The same, and rows may be NULL though the arguments are not. */
struct expr_node *fn_nullable(struct compiler *c, const struct function *f,
                              const struct ast_node *ast, struct expr_node **v);
/* A strict function whose results may be out of range (MR3024). */
struct expr_node *fn_ranged(struct compiler *c, const struct function *f,
                            const struct ast_node *ast, struct expr_node **v);
/* A strict function that makes strings. */
struct expr_node *fn_string(struct compiler *c, const struct function *f,
                            const struct ast_node *ast, struct expr_node **v);

/* A text that has to be known at load; NULL and an error: it is none. */
const struct expr_str *fn_constant_text(struct compiler *c, const struct expr_node *n,
                                        const struct ast_node *at, const char *what);
/* fn_match.c: a constant regular expression; with the group that the third argument names, 1
 * without. NULL and an error: it is none. */
struct expr_pattern *fn_pattern(struct compiler *c, const struct expr_node *n,
                                const struct ast_node *at);
struct expr_pattern *fn_pattern_group(struct compiler *c, const struct ast_node *ast,
                                      struct expr_node **v);
bool fn_to_doubles(struct compiler *c, struct expr_node **v, const struct ast_node *ast);

#endif
