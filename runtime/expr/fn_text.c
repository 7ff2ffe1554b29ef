/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/function_private.h"

static bool no_list(struct compiler *c, const struct expr_node *n, const struct ast_node *at) {
  if (n->type != MR_TYPE_LIST) return true;
  struct mr_expr_error *e = EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, at, "a list has no text");
  e->hint = mr_arena_printf(c->arena, "array_join(%s, ',')",
                            expr_snippet(c->arena, c->ast->text, at->off, at->len, 40));
  return false;
}

/* Any scalars as what concat and concat_ws take; false: an error was added. */
static bool to_texts(struct compiler *c, const struct ast_node *ast, struct expr_node **v) {
  for (uint32_t i = 0; i < ast->arg_cnt; i++) {
    if (v[i]->type == MR_TYPE_NONE) v[i] = comp_null(c, MR_TYPE_STRING, ast->args[i]);
    v[i] = comp_string(c, v[i]);
    if (!no_list(c, v[i], ast->args[i])) return false;
  }
  return true;
}

static struct expr_node *concat_lists(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  for (uint32_t i = 1; i < ast->arg_cnt; i++) {
    if (v[i]->type == MR_TYPE_LIST && v[i]->elem == v[0]->elem) continue;
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[i],
                  "%s of a list wants lists of %s, this is %s", ast->name, mr_type_name(v[0]->elem),
                  mr_type_name(v[i]->type));
    return NULL;
  }
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->run = run_concat_lists;
  n->type = MR_TYPE_LIST;
  n->elem = v[0]->elem;
  n->makes_strings = true;
  return comp_strict(c, n);
}

static struct expr_node *make_concat(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  if (v[0]->type == MR_TYPE_LIST) return concat_lists(c, f, ast, v);
  if (!to_texts(c, ast, v)) return NULL;
  if (ast->arg_cnt == 1 && v[0]->type == MR_TYPE_STRING) return v[0];
  return fn_string(c, f, ast, v);
}

/* Strict in the separator only. */
static struct expr_node *make_concat_ws(struct compiler *c, const struct function *f,
                                        const struct ast_node *ast, struct expr_node **v) {
  if (!to_texts(c, ast, v)) return NULL;
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->makes_strings = true;
  n->maybe_null = v[0]->maybe_null;
  return comp_done(c, n);
}

/* locate(part, text [, from]) */
static struct expr_node *make_locate(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  if (ast->arg_cnt == 3) return fn_plain(c, f, ast, v);
  struct expr_node *n = comp_node2(c, run_position, MR_TYPE_INT64, ast, v[1], v[0]);
  return comp_strict(c, n);
}

/* replace(text, part [, by]) */
static struct expr_node *make_replace(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *by = ast->arg_cnt > 2 ? v[2] : comp_const(c, MR_TYPE_STRING, ast);
  if (ast->arg_cnt < 3) by->s.text = "";
  struct expr_node *n = comp_node3(c, f->run, MR_TYPE_STRING, ast, v[0], v[1], by);
  n->code = MR_EXPR_ROW_SCRATCH;
  n->makes_strings = true;
  return comp_strict(c, n);
}

/* split_part: part 0 is an error value. */
static struct expr_node *make_split_part(struct compiler *c, const struct function *f,
                                         const struct ast_node *ast, struct expr_node **v) {
  bool zero = !v[2]->is_const || v[2]->is_null || v[2]->i == 0;
  return comp_strict(c, fn_node(c, f, ast, v, zero ? MR_EXPR_ROW_RANGE : 0));
}

static struct expr_node *make_reverse(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  if (v[0]->type == MR_TYPE_NONE) v[0] = comp_null(c, MR_TYPE_STRING, ast->args[0]);
  bool list = v[0]->type == MR_TYPE_LIST;
  if (!list && v[0]->type != MR_TYPE_STRING) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, ast->args[0],
                  "reverse wants a string or a list, this is %s", mr_type_name(v[0]->type));
    return NULL;
  }
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->makes_strings = true;
  if (list) {
    n->run = run_reverse_list;
    n->type = MR_TYPE_LIST;
    n->elem = v[0]->elem;
  }
  return comp_strict(c, n);
}

static struct expr_node *make_chr(struct compiler *c, const struct function *f,
                                  const struct ast_node *ast, struct expr_node **v) {
  return comp_strict(c, fn_node(c, f, ast, v, 0)); /* two bytes: never in the scratch */
}

static const struct function functions[] = {
    {"upper ucase", "s", 's', 1, 1, fn_string, run_case_map, 1, 0, "text",
     "in upper case, by Unicode's simple mapping", "upper('straße')", "STRAßE", NULL},
    {"lower lcase", "s", 's', 1, 1, fn_string, run_case_map, 0, 0, "text",
     "in lower case, by Unicode's simple mapping", "lower('ÄB')", "äb", NULL},
    {"initcap", "s", 's', 1, 1, fn_string, run_initcap, 0, 0, "text",
     "the first letter of each word in upper case, the others in lower case",
     "initcap('new YORK-city')", "New York-city",
     "words are parted by blanks, as in Spark; PostgreSQL parts them at every non-letter"},
    {"length len char_length character_length", "s", 'i', 1, 1, fn_plain, run_length, 0, 0, "text",
     "number of characters", "length('日本')", "2", NULL},
    {"octet_length", "s", 'i', 1, 1, fn_plain, run_length, 1, 0, "text", "number of bytes in UTF-8",
     "octet_length('日本')", "6", NULL},
    {"bit_length", "s", 'i', 1, 1, fn_plain, run_length, 2, 0, "text", "number of bits in UTF-8",
     "bit_length('ab')", "16", NULL},
    {"substring substr", "sii", 's', 2, 3, fn_plain, run_substring, SUBSTRING_FROM, 0,
     "text, from, count", "count characters from position from on, or all",
     "substring('millrace', -4, 2)", "ra",
     "positions count from 1, below 0 from the end (PostgreSQL: before the text); 0 is 1"},
    {"left", "si", 's', 2, 2, fn_plain, run_substring, SUBSTRING_LEFT, 0, "text, n",
     "the first n characters", "left('millrace', 4)", "mill",
     "n below 1 gives the empty text, as in Spark; in PostgreSQL it leaves characters out"},
    {"right", "si", 's', 2, 2, fn_plain, run_substring, SUBSTRING_RIGHT, 0, "text, n",
     "the last n characters", "right('millrace', 4)", "race", "as left"},
    {"trim btrim", "ss", 's', 1, 2, fn_plain, run_trim, 3, 0, "text, chars",
     "without blanks, or any of chars, at both ends", "trim('  a b ')", "a b",
     "also trim(BOTH 'x' FROM text), LEADING, TRAILING"},
    {"ltrim", "ss", 's', 1, 2, fn_plain, run_trim, 1, 0, "text, chars",
     "without blanks, or any of chars, at the start", "ltrim('xxabx', 'x')", "abx",
     "chars come second, as in PostgreSQL and in Spark's btrim"},
    {"rtrim", "ss", 's', 1, 2, fn_plain, run_trim, 2, 0, "text, chars",
     "without blanks, or any of chars, at the end", "rtrim('xabxx', 'x')", "xab", "as ltrim"},
    {"lpad", "sis", 's', 2, 3, fn_string, run_pad, 0, 0, "text, n, pad",
     "filled with pad (a blank) at the start to n characters, or cut to n", "lpad('7', 3, '0')",
     "007", NULL},
    {"rpad", "sis", 's', 2, 3, fn_string, run_pad, 1, 0, "text, n, pad",
     "filled with pad (a blank) at the end to n characters, or cut to n", "rpad('ab', 5, 'xy')",
     "abxyx", NULL},
    {"repeat", "si", 's', 2, 2, fn_string, run_repeat, 0, 0, "text, n", "the text n times",
     "repeat('ab', 3)", "ababab", NULL},
    {"space", "i", 's', 1, 1, fn_string, run_space, 0, 0, "n", "n blanks", "length(space(3))", "3",
     NULL},
    {"reverse", "v", 's', 1, 1, make_reverse, run_reverse, 0, 0, "text",
     "its characters from the last to the first", "reverse('abc')", "cba",
     "of a list its elements"},
    {"replace", "sss", 's', 2, 3, make_replace, run_replace, 0, 0, "text, part, by",
     "each part replaced by `by`, or left out", "replace('banana', 'an', '<>')", "b<><>a",
     "an empty part replaces nothing"},
    {"translate", "sss", 's', 3, 3, fn_string, run_translate, 0, 0, "text, from, to",
     "each character of from replaced by the one at the same place of to",
     "translate('a-b_c', '-_', '+')", "a+bc",
     "characters of from without a partner in to are left out"},
    {"overlay", "ssii", 's', 3, 4, fn_string, run_overlay, 0, 0, "text, by, from, count",
     "count characters (as many as `by` has) from position from on replaced by `by`",
     "overlay('millrace', 'WHEEL', 5)", "millWHEEL",
     "also overlay(text PLACING by FROM from FOR count)"},
    {"concat", "v", 's', 1, FN_ANY, make_concat, run_concat, 0, 0, "value, ...",
     "the texts of all values, one behind the other", "concat('a', 1, true)", "a1true",
     "NULL if any is NULL; the operator || is the same. Of lists their elements"},
    {"concat_ws", "sv", 's', 1, FN_ANY, make_concat_ws, run_concat_ws, 0, 0,
     "separator, value, ...", "the texts of all values with the separator between",
     "concat_ws('-', 'a', NULL, 2)", "a-2", "NULLs are left out"},
    {"starts_with startswith", "ss", 'b', 2, 2, fn_plain, run_text_test, TEXT_STARTS, 0,
     "text, part", "does it begin with part?", "starts_with('abc', 'ab')", "true", NULL},
    {"ends_with endswith", "ss", 'b', 2, 2, fn_plain, run_text_test, TEXT_ENDS, 0, "text, part",
     "does it end with part?", "ends_with('abc', 'bc')", "true", NULL},
    {"contains", "ss", 'b', 2, 2, fn_plain, run_text_test, TEXT_CONTAINS, 0, "text, part",
     "does it hold part?", "contains('abc', 'd')", "false", NULL},
    {"position instr strpos", "ss", 'i', 2, 2, fn_plain, run_position, 0, 0, "text, part",
     "where part begins first, counted from 1; 0: nowhere", "position('n' IN 'banana')", "3",
     "position is written position(part IN text)"},
    {"locate", "ssi", 'i', 2, 3, make_locate, run_locate, 0, 0, "part, text, from",
     "where part begins at or behind position from; 0: nowhere", "locate('a', 'banana', 3)", "4",
     "the part comes first, as in Spark; the empty text is at 1"},
    {"split_part", "ssi", 's', 3, 3, make_split_part, run_split_part, 0, 0, "text, delimiter, n",
     "part n between delimiters; below 0 from the end", "split_part('a.b.c', '.', -1)", "c",
     "empty where there is no such part; part 0 is an error value"},
    {"substring_index", "ssi", 's', 3, 3, fn_plain, run_substring_index, 0, 0, "text, delimiter, n",
     "what stands before the n-th delimiter; n below 0: behind it, from the end",
     "substring_index('www.apache.org', '.', 2)", "www.apache", "as in Spark"},
    {"ascii", "s", 'i', 1, 1, fn_plain, run_ascii, 0, 0, "text",
     "number of the first character; 0 of the empty text", "ascii('A')", "65", NULL},
    {"chr", "i", 's', 1, 1, make_chr, run_chr, 0, 0, "n", "the character with number n modulo 256",
     "chr(65)", "A", "as in Spark; PostgreSQL takes any code point"},
    {"levenshtein", "ssi", 'i', 2, 3, fn_string, run_levenshtein, 0, 0, "a, b, max",
     "edit distance in characters; -1 if it is more than max", "levenshtein('kitten', 'sitting')",
     "3", "PostgreSQL: extension fuzzystrmatch"},
};

const struct function_group fn_group_text = {"Text", functions,
                                             sizeof functions / sizeof functions[0]};
