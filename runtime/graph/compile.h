/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_COMPILE_H
#define MR_GRAPH_COMPILE_H

/* Expressions of options, for operators' plan(): what the expression room finds wrong becomes
 * diagnostics at the right place of the graph file. Control plane, one thread. */

#include "base/api.h"
#include "expr/expr.h"
#include "graph/op.h"
#include "graph/opt.h"

MR_API_BEGIN

/* Parses. NULL when errors were reported. */
struct mr_ast *mr_op_parse(struct mr_op_plan *p, const struct mr_opt_expr *text);

/* Reports what an expression call found; true when there was an error (not only warnings). */
bool mr_op_report(struct mr_op_plan *p, const struct mr_opt_expr *text,
                  const struct mr_expr_errors *errors);

/* Compiles a tree over the scope. NULL when errors were reported. */
struct mr_expr *mr_op_compile(struct mr_op_plan *p, const struct mr_opt_expr *text,
                              const struct mr_ast *ast, const struct mr_expr_scope *scope);

/* Parses and compiles over the node's input schema; want MR_TYPE_BOOL for a condition, else
 * MR_TYPE_NONE. Sets p->can_fail, rejects_input, uses_now, uses_pos as the expression does. NULL
 * when errors were reported. */
struct mr_expr *mr_op_expr(struct mr_op_plan *p, const struct mr_opt_expr *text, enum mr_type want);

/* What one named expression of select or set makes: a column, or the members of a struct. */
struct mr_op_member {
  const char *name, *outer; /* outer: the struct, NULL: none */
  struct mr_ast *ast;
};
/* Takes named_struct(...) apart; any other expression is one column of the item's name. Returns how
 * many there are, 0 when errors were reported. */
uint32_t mr_op_members(struct mr_op_plan *p, const struct mr_opt_named_expr *item,
                       struct mr_ast *ast, struct mr_op_member **members);

/* Index of a column of the input by an option's name, or -1 with an error ("did you mean"). */
int32_t mr_op_column(struct mr_op_plan *p, const struct mr_opt_string *name);

/* A new schema in the plan's arena with room for cnt fields, none set (event_time -1). */
struct mr_schema *mr_op_schema(struct mr_op_plan *p, uint32_t cnt);

/* Reports an error at a value of the node's options (at NULL: at the node's name). Always returns
 * MR_ERR_CONF. */
int mr_op_error(struct mr_op_plan *p, struct mr_tree *at, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

MR_API_END

#endif
