/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_COMPILE_PRIVATE_H
#define MR_EXPR_COMPILE_PRIVATE_H

/* From the tree to the program: every comp_* returns a node whose operands are in the program
 * before it, or NULL when an error was added. */

#include "expr/program_private.h"

struct compiler {
  struct mr_arena *arena;
  const struct mr_ast *ast;
  const struct mr_expr_scope *scope;
  struct mr_expr_errors *errors;
  struct mr_expr *expr;
  bool *reads;
  struct expr_node **nodes;
  uint32_t node_cnt, node_cap;
  uint8_t *fold; /* memory for folding constants, made at the first use */
  struct vec *fold_vecs;
  uint32_t fold_cap;
};

/* ---- compile.c ---- */

/* A node of the program with room for arg_cnt operands, spanning `at`. */
struct expr_node *comp_node(struct compiler *c, expr_run_fn run, enum mr_type type,
                            const struct ast_node *at, uint32_t arg_cnt);
/* The same with one to three operands. */
struct expr_node *comp_node1(struct compiler *c, expr_run_fn run, enum mr_type type,
                             const struct ast_node *at, struct expr_node *a);
struct expr_node *comp_node2(struct compiler *c, expr_run_fn run, enum mr_type type,
                             const struct ast_node *at, struct expr_node *a, struct expr_node *b);
struct expr_node *comp_node3(struct compiler *c, expr_run_fn run, enum mr_type type,
                             const struct ast_node *at, struct expr_node *a, struct expr_node *b,
                             struct expr_node *d);
/* Finishes a node: a strict function is NULL where an operand is, and fails where one does or by
 * its own code. Folds it when all operands are constants. */
struct expr_node *comp_strict(struct compiler *c, struct expr_node *n);
/* The same for nodes that set maybe_null themselves. */
struct expr_node *comp_done(struct compiler *c, struct expr_node *n);

struct expr_node *comp_const(struct compiler *c, enum mr_type type, const struct ast_node *at);
struct expr_node *comp_null(struct compiler *c, enum mr_type type, const struct ast_node *at);
struct expr_node *comp_bool(struct compiler *c, bool value, const struct ast_node *at);

/* ---- type.c ---- */

struct expr_node *comp_expr(struct compiler *c, const struct ast_node *ast);
/* Makes a value of `type` where no information is lost: NULL literals, int64 to double, codes to
 * strings, text literals to timestamps and durations. NULL without an error when it cannot; *bad is
 * set when an error was added. */
struct expr_node *comp_coerce(struct compiler *c, struct expr_node *n, enum mr_type type,
                              const struct ast_node *at, bool *bad);
/* The string itself: codes decoded. */
struct expr_node *comp_string(struct compiler *c, struct expr_node *n);
struct expr_node *comp_not(struct compiler *c, struct expr_node *n, const struct ast_node *at);
/* One type for all values (CASE, COALESCE, greatest); coerces them. */
bool comp_common(struct compiler *c, struct expr_node **values, uint32_t cnt,
                 struct ast_node *const *asts, const char *what);
struct expr_node *comp_is_null(struct compiler *c, struct expr_node *a, bool negated,
                               const struct ast_node *at);
/* IS DISTINCT FROM, negated IS NOT; at has the two operands. */
struct expr_node *comp_distinct(struct compiler *c, struct expr_node *a, struct expr_node *b,
                                bool negated, const struct ast_node *at);
struct expr_node *comp_select(struct compiler *c, struct expr_node *cond, struct expr_node *a,
                              struct expr_node *b, const struct ast_node *at);
struct expr_node *comp_coalesce(struct compiler *c, struct expr_node **values, uint32_t cnt,
                                const struct ast_node *at);
struct expr_node *comp_arith(struct compiler *c, uint8_t op, struct expr_node *a,
                             struct expr_node *b, const struct ast_node *at);

/* ---- comp_range.c ---- */

/* Is a op b ('+', '-', '*') of whole numbers within int64 whatever the rows are? */
bool comp_never_overflows(uint8_t op, const struct expr_node *a, const struct expr_node *b);

/* ---- comp_compare.c ---- */

struct expr_node *comp_compare(struct compiler *c, enum cmp_op op, struct expr_node *a,
                               struct expr_node *b, const struct ast_node *at,
                               const struct ast_node *a_ast, const struct ast_node *b_ast);
/* Is the column's code in the set? has[] is filled, the rest is made. */
struct expr_node *comp_code_set(struct compiler *c, struct expr_node *col,
                                const struct mr_code_set *has, const struct ast_node *at);
struct expr_node *comp_in(struct compiler *c, const struct ast_node *ast);
struct expr_node *comp_like(struct compiler *c, const struct ast_node *ast);

/* ---- comp_cast.c ---- */

struct expr_node *comp_cast(struct compiler *c, struct expr_node *n, enum mr_type type, bool try_it,
                            const struct ast_node *at);
struct expr_node *comp_cast_ast(struct compiler *c, const struct ast_node *ast);
/* A time cut to its day; NULL of NULL. */
struct expr_node *comp_midnight(struct compiler *c, struct expr_node *time,
                                const struct ast_node *at);
/* An error for a type's name that is none. */
void comp_bad_type(struct compiler *c, const char *name, uint32_t off, uint32_t len);

/* ---- function.c ---- */

struct expr_node *comp_call(struct compiler *c, const struct ast_node *ast);
/* For inference: the letters of a function's parameters and of its result; NULL: no such function.
 * Letters: s string, c string or codes, n number, i int64, f double, t timestamp, d duration, T
 * timestamp or duration, m number, timestamp or duration, b bool, l list, u a unit of time (a bare
 * word or a text), v any, a any but the same type for all; the last one repeats. */
const char *function_letters(const char *name, uint32_t arg_cnt, char *result);
enum mr_type function_letter_type(char letter);

/* ---- eval.c ---- */

/* Gives a constant a vector of `rows` rows at `to`. */
void expr_const_vec(const struct expr_node *n, struct vec *v, uint8_t *to, uint32_t rows,
                    const uint8_t *base);

/* "severity is string (events.city_event, line 17)" for a column, "upper(x) is string" else. */
const char *comp_describe(struct compiler *c, const struct expr_node *n, const struct ast_node *at);
/* Turns the error just added into a warning. */
void expr_warn(struct mr_expr_errors *errors, struct mr_expr_error *e);
/* The closest of cnt names within a distance that looks like a slip, or NULL. */
const char *comp_closest(const char *name, const char *const *names, uint32_t cnt);

#endif
