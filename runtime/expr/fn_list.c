/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/function_private.h"

/* The type of a list's elements as the result; run by whether they are strings. */
static struct expr_node *of_element(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v,
                                    expr_run_fn words, expr_run_fn strings) {
  bool text = v[0]->elem == MR_TYPE_STRING;
  struct expr_node *n = fn_node(c, f, ast, v, 0);
  n->run = text ? strings : words;
  n->type = v[0]->elem;
  n->maybe_null = true;
  return n;
}

static struct expr_node *make_element(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  return comp_strict(c, of_element(c, f, ast, v, run_element, run_element));
}

/* list, value: the value as the list's elements are. */
static struct expr_node *make_find(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  bool bad = false;
  struct expr_node *x = comp_coerce(c, v[1], v[0]->elem, ast->args[1], &bad);
  if (!x && !bad)
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_COMPARABLE, ast->args[1],
                  "cannot compare %s with the list's %s", mr_type_name(v[1]->type),
                  mr_type_name(v[0]->elem));
  if (!x) return NULL;
  struct expr_node *n = comp_node2(c, f->run, function_letter_type(f->result), ast, v[0], x);
  n->maybe_null = f->result == 'b';
  return comp_strict(c, n);
}

static bool wants_elements(struct compiler *c, const struct ast_node *ast, struct expr_node **v,
                           bool ok, const char *what) {
  if (!ok)
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[0], "%s wants a list of %s, this is of %s",
                  ast->name, what, mr_type_name(v[0]->elem));
  return ok;
}

static struct expr_node *make_extreme(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  bool ok = v[0]->elem != MR_TYPE_BOOL;
  if (!wants_elements(c, ast, v, ok, "numbers, times or strings")) return NULL;
  return comp_strict(c, of_element(c, f, ast, v, run_extreme_word, run_extreme_str));
}

static struct expr_node *make_sum(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  enum mr_type elem = v[0]->elem;
  bool real = elem == MR_TYPE_DOUBLE;
  bool ok = real || elem == MR_TYPE_INT64 || elem == MR_TYPE_DURATION;
  if (!wants_elements(c, ast, v, ok, "numbers or durations")) return NULL;
  struct expr_node *n = of_element(c, f, ast, v, real ? run_sum_double : run_sum_whole, NULL);
  if (!real) n->code = MR_EXPR_ROW_OVERFLOW;
  return comp_strict(c, n);
}

static const struct function functions[] = {
    {"size cardinality array_size", "l", 'i', 1, 1, fn_plain, run_size, 0, 0, "list",
     "number of elements", "size(items)", NULL, "NULL of NULL"},
    {"element_at", "li", 'e', 2, 2, make_element, run_element, 0, 0, "list, n",
     "element n, counted from 1; below 0 from the end", "element_at(items, 1)", NULL,
     "NULL where there is none (Spark: an error for 0); written items[1] too"},
    {"get", "li", 'e', 2, 2, make_element, run_element, 0, 1, "list, n",
     "element n, counted from 0", "get(items, 0)", NULL, "NULL where there is none"},
    {"array_contains", "lv", 'b', 2, 2, make_find, run_array_contains, 0, 0, "list, x",
     "is x among the elements?", "array_contains(items, 'a')", NULL,
     "NULL where it is not and the list holds a NULL, as IN"},
    {"array_position", "lv", 'i', 2, 2, make_find, run_array_position, 0, 0, "list, x",
     "where x is first, counted from 1; 0: nowhere", "array_position(items, 'b')", NULL,
     "0 where there is none, as in Spark; NULL in PostgreSQL"},
    {"array_min", "l", 'e', 1, 1, make_extreme, NULL, '<', 0, "list",
     "the least element, NULLs left out", "array_min(quantities)", NULL, NULL},
    {"array_max", "l", 'e', 1, 1, make_extreme, NULL, '>', 0, "list",
     "the greatest element, NULLs left out", "array_max(quantities)", NULL, NULL},
    {"array_sum", "l", 'e', 1, 1, make_sum, NULL, 0, 0, "list",
     "the sum of the elements, NULLs left out", "array_sum(quantities)", NULL,
     "ours, as DuckDB's list_sum"},
    {"array_join", "lss", 's', 2, 3, fn_string, run_array_join, 0, 0, "list, separator, null",
     "the elements' texts with the separator between", "array_join(items, ',')", NULL,
     "NULLs are left out, or written as the third argument"},
};

const struct function_group fn_group_list = {"Lists", functions,
                                             sizeof functions / sizeof functions[0]};
