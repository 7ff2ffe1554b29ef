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

/* ---- functions that make lists ---- */

static struct expr_node *list_node(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v,
                                   enum mr_type elem) {
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->elem = elem;
  n->makes_strings = true;
  return n;
}

/* A list of the same type as the first argument. */
static struct expr_node *make_alike(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  return comp_strict(c, list_node(c, f, ast, v, v[0]->elem));
}

/* array(a, b, ...): of one type; never NULL. */
static struct expr_node *make_array(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  if (!comp_common(c, v, ast->arg_cnt, ast->args, "a list")) return NULL;
  if (v[0]->type == MR_TYPE_LIST) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[0], "a list of lists is not possible");
    return NULL;
  }
  return comp_done(c, list_node(c, f, ast, v, v[0]->type));
}

static struct expr_node *make_split(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  struct expr_pattern *p = fn_pattern(c, v[1], ast->args[1]);
  if (!p) return NULL;
  struct expr_node *args[2] = {v[0], ast->arg_cnt > 2 ? v[2] : NULL};
  struct ast_node at = *ast;
  at.arg_cnt = ast->arg_cnt - 1;
  struct expr_node *n = list_node(c, f, &at, args, MR_TYPE_STRING);
  n->param = p;
  n->op = v[1]->s.len == 0;
  return comp_strict(c, n);
}

static struct expr_node *make_extract_all(struct compiler *c, const struct function *f,
                                          const struct ast_node *ast, struct expr_node **v) {
  struct expr_pattern *p = fn_pattern_group(c, ast, v);
  if (!p) return NULL;
  struct ast_node at = *ast;
  at.arg_cnt = 1;
  struct expr_node *n = list_node(c, f, &at, v, MR_TYPE_STRING);
  n->param = p;
  return comp_strict(c, n);
}

/* A value as the list's elements are; NULL and an error: it is of another type. */
static struct expr_node *as_element(struct compiler *c, const struct ast_node *ast,
                                    struct expr_node **v) {
  bool bad = false;
  struct expr_node *x = comp_coerce(c, v[1], v[0]->elem, ast->args[1], &bad);
  if (!x && !bad)
    EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_COMPARABLE, ast->args[1],
                  "%s does not go with the list's %s", mr_type_name(v[1]->type),
                  mr_type_name(v[0]->elem));
  return x;
}

static struct expr_node *make_remove(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  v[1] = as_element(c, ast, v);
  return v[1] ? make_alike(c, f, ast, v) : NULL;
}

static struct expr_node *make_add(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  v[1] = as_element(c, ast, v);
  if (!v[1]) return NULL;
  struct expr_node *n = list_node(c, f, ast, v, v[0]->elem);
  n->maybe_null = v[0]->maybe_null;
  return comp_done(c, n);
}

/* sort_array(list [, ascending]) */
static struct expr_node *make_sort(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  struct ast_node at = *ast;
  at.arg_cnt = 1;
  if (ast->arg_cnt > 1 && (!v[1]->is_const || v[1]->is_null)) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[1], "the order must be true or false");
    return NULL;
  }
  struct expr_node *n = list_node(c, f, &at, v, v[0]->elem);
  if (ast->arg_cnt > 1 && !v[1]->i) n->op = SORT_DOWN;
  return comp_strict(c, n);
}

static struct expr_node *make_slice(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = list_node(c, f, ast, v, v[0]->elem);
  n->code = MR_EXPR_ROW_RANGE;
  n->code2 = MR_EXPR_ROW_SCRATCH;
  return comp_strict(c, n);
}

static struct expr_node *make_sequence(struct compiler *c, const struct function *f,
                                       const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = list_node(c, f, ast, v, MR_TYPE_INT64);
  n->code = MR_EXPR_ROW_RANGE;
  n->code2 = MR_EXPR_ROW_SCRATCH;
  return comp_strict(c, n);
}

static struct expr_node *make_overlap(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  if (v[0]->elem == v[1]->elem) return fn_nullable(c, f, ast, v);
  EXPR_ERROR_AT(c->errors, MR_EXPR_NOT_COMPARABLE, ast->args[1],
                "cannot compare a list of %s with a list of %s", mr_type_name(v[1]->elem),
                mr_type_name(v[0]->elem));
  return NULL;
}

static const struct function functions[] = {
    {"array", "a", 'l', 1, FN_ANY, make_array, run_array, 0, 0, "value, ...",
     "a list of the values", "array_join(array(1, NULL, 3), ',', '-')", "1,-,3",
     "written ARRAY[a, b] too"},
    {"split", "ssi", 'l', 2, 3, make_split, run_split, 0, 0, "text, pattern, limit",
     "the parts between matches of a regular expression, at most limit of them",
     "array_join(split('a1b22c', '[0-9]+'), '|')", "a|b|c",
     "without a limit (or below 1) empty parts at the end stay, as in Spark"},
    {"regexp_extract_all", "ssi", 'l', 2, 3, make_extract_all, run_regexp_extract_all, 0, 0,
     "text, pattern, group", "the text of a group (1) of every match",
     "array_join(regexp_extract_all('a1b22', '([0-9]+)'), ',')", "1,22",
     "group 0 is the whole match"},
    {"sequence", "iii", 'l', 2, 3, make_sequence, run_sequence, 0, 0, "from, to, step",
     "the whole numbers from .. to .. by step (1, or -1 downwards)",
     "array_join(sequence(1, 9, 3), ',')", "1,4,7", "a step that leads away is an error value"},
    {"array_append", "lv", 'l', 2, 2, make_add, run_array_add, 0, 0, "list, x",
     "the list with x behind it", "array_join(array_append(array(1), 2), ',')", "1,2", NULL},
    {"array_prepend", "lv", 'l', 2, 2, make_add, run_array_add, 1, 0, "list, x",
     "the list with x before it", "array_join(array_prepend(array(1), 2), ',')", "2,1", NULL},
    {"array_remove", "lv", 'l', 2, 2, make_remove, run_array_filter, ARRAY_REMOVE, 0, "list, x",
     "the list without elements equal to x", "array_join(array_remove(array(1, 2, 1), 1), ',')",
     "2", NULL},
    {"array_compact", "l", 'l', 1, 1, make_alike, run_array_filter, ARRAY_COMPACT, 0, "list",
     "the list without NULLs", "size(array_compact(array(1, NULL)))", "1", NULL},
    {"array_distinct", "l", 'l', 1, 1, make_alike, run_array_filter, ARRAY_DISTINCT, 0, "list",
     "the first of each value", "array_join(array_distinct(array(2, 1, 2)), ',')", "2,1", NULL},
    {"array_sort", "l", 'l', 1, 1, make_sort, run_sort_list, SORT_UP_NULLS_LAST, 0, "list",
     "the elements in order, NULLs last", "array_join(array_sort(array(3, 1, 2)), ',')", "1,2,3",
     "as in Spark"},
    {"sort_array", "lb", 'l', 1, 2, make_sort, run_sort_list, SORT_UP, 0, "list, ascending",
     "the elements in order, NULLs first; downwards with false, NULLs last",
     "array_join(sort_array(array(3, 1, 2), false), ',')", "3,2,1", "as in Spark"},
    {"slice", "lii", 'l', 3, 3, make_slice, run_slice, 0, 0, "list, start, count",
     "count elements from element start on, counted from 1; below 0 from the end",
     "array_join(slice(array(1, 2, 3), -2, 2), ',')", "2,3",
     "start 0 and a count below 0 are error values, as in Spark"},
    {"arrays_overlap", "ll", 'b', 2, 2, make_overlap, run_arrays_overlap, 0, 0, "a, b",
     "have they a value in common?", "arrays_overlap(array(1, 2), array(2, 3))", "true",
     "NULL where they have not and one holds a NULL, as in Spark"},
    {"size cardinality array_size", "l", 'i', 1, 1, fn_plain, run_size, 0, 0, "list",
     "number of elements", "size(array(1, NULL))", "2", "NULL of NULL"},
    {"element_at", "li", 'e', 2, 2, make_element, run_element, 0, 0, "list, n",
     "element n, counted from 1; below 0 from the end", "element_at(array('a', 'b'), -1)", "b",
     "NULL where there is none (Spark: an error for 0); written list[n] too"},
    {"get", "li", 'e', 2, 2, make_element, run_element, 0, 1, "list, n",
     "element n, counted from 0", "get(array('a', 'b'), 0)", "a", "NULL where there is none"},
    {"array_contains", "lv", 'b', 2, 2, make_find, run_array_contains, 0, 0, "list, x",
     "is x among the elements?", "array_contains(array('a', 'b'), 'a')", "true",
     "NULL where it is not and the list holds a NULL, as IN"},
    {"array_position", "lv", 'i', 2, 2, make_find, run_array_position, 0, 0, "list, x",
     "where x is first, counted from 1; 0: nowhere", "array_position(array('a', 'b'), 'b')", "2",
     "0 where there is none, as in Spark; NULL in PostgreSQL"},
    {"array_min", "l", 'e', 1, 1, make_extreme, NULL, '<', 0, "list",
     "the least element, NULLs left out", "array_min(array(3, NULL, 2))", "2", NULL},
    {"array_max", "l", 'e', 1, 1, make_extreme, NULL, '>', 0, "list",
     "the greatest element, NULLs left out", "array_max(array(3, NULL, 2))", "3", NULL},
    {"array_sum", "l", 'e', 1, 1, make_sum, NULL, 0, 0, "list",
     "the sum of the elements, NULLs left out", "array_sum(array(3, NULL, 2))", "5",
     "ours, as DuckDB's list_sum"},
    {"array_join", "lss", 's', 2, 3, fn_string, run_array_join, 0, 0, "list, separator, null",
     "the elements' texts with the separator between", "array_join(array('a', NULL, 'b'), ',')",
     "a,b", "NULLs are left out, or written as the third argument"},
};

const struct function_group fn_group_list = {"Lists", functions,
                                             sizeof functions / sizeof functions[0]};
