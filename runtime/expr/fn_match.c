/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions. The pattern is compiled once, at load. */
#include "expr/function_private.h"
#include "expr/regex_private.h"

/* ---- the pattern ---- */

struct expr_pattern *fn_pattern(struct compiler *c, const struct expr_node *n,
                                const struct ast_node *at) {
  const struct expr_str *text = fn_constant_text(c, n, at, "the pattern");
  char err[200];
  if (!text) return NULL;
  struct expr_pattern *p = MR_NEW(c->arena, struct expr_pattern, 1);
  struct expr_regex *regex = expr_regex_make(text->text, text->len, err, sizeof err);
  p->regex = regex;
  if (regex) {
    mr_arena_defer(c->arena, expr_regex_free, regex);
    return p;
  }
  struct mr_expr_error *e = EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, at,
                                          "the regular expression is not understood: %s", err);
  if (strstr(err, "(?") || strstr(err, "escape"))
    e->label = "linear-time matching has no look-around and no back references";
  return NULL;
}

/* A group's number that is a constant; -1 and an error: it is none, or the pattern lacks it. */
static int32_t group_of(struct compiler *c, const struct expr_pattern *p, const struct expr_node *n,
                        const struct ast_node *at, int64_t otherwise) {
  uint32_t cnt = expr_regex_groups(p->regex);
  int64_t k = n ? n->i : otherwise;
  if (n && (!n->is_const || n->is_null)) {
    EXPR_ERROR_AT(c->errors, MR_EXPR_ARG_TYPE, at, "the group must be a constant number");
    return -1;
  }
  if (k >= 0 && k <= cnt && k < EXPR_REGEX_GROUPS_MAX) return (int32_t)k;
  struct mr_expr_error *e =
      EXPR_ERROR_AT(c->errors, MR_EXPR_BAD_LITERAL, at,
                    "the pattern has %u group%s in parentheses, and no group %lld", cnt,
                    cnt == 1 ? "" : "s", (long long)k); /* NOLINT: the format's own type */
  if (!n) e->hint = "a third argument of 0 is the whole match";
  return -1;
}

/* ---- the replacement, in Java's form: $1, ${name}, \ before what is meant as it is ---- */

struct pieces {
  struct compiler *c;
  struct expr_pattern *p;
  const struct ast_node *at;
  struct expr_piece *list;
  uint32_t cnt;
};

static void add_text(struct pieces *ps, const char *text, uint32_t len) {
  struct expr_piece *last = ps->cnt ? &ps->list[ps->cnt - 1] : NULL;
  if (last && last->group < 0 && last->text + last->len == text)
    last->len += len;
  else
    ps->list[ps->cnt++] = (struct expr_piece){text, len, -1};
}

static bool bad_replacement(struct pieces *ps, const char *what) {
  struct mr_expr_error *e = EXPR_ERROR_AT(ps->c->errors, MR_EXPR_BAD_LITERAL, ps->at, "%s", what);
  e->hint = "'$1' for a group, '\\$' for a dollar";
  return false;
}

/* A group at s[*at], behind the dollar; digits are taken as long as there is such a group. */
static bool take_group(struct pieces *ps, const struct expr_str *s, uint32_t *at) {
  int64_t cnt = expr_regex_groups(ps->p->regex), k = -1;
  if (*at < s->len && s->text[*at] == '{') {
    const char *name = s->text + *at + 1, *end = memchr(name, '}', s->len - *at - 1);
    if (end) k = expr_regex_group(ps->p->regex, name, (size_t)(end - name));
    if (end) *at += (uint32_t)(end - name) + 2;
  } else {
    while (*at < s->len && s->text[*at] >= '0' && s->text[*at] <= '9') {
      int64_t more = (k < 0 ? 0 : k * 10) + (s->text[*at] - '0');
      if (k >= 0 && more > cnt) break;
      k = more;
      ++*at;
    }
  }
  if (k < 0 || k > cnt || k >= EXPR_REGEX_GROUPS_MAX)
    return bad_replacement(ps, "the replacement names a group that the pattern does not have");
  ps->list[ps->cnt++] = (struct expr_piece){NULL, 0, (int32_t)k};
  if (ps->p->group < (uint32_t)k) ps->p->group = (uint32_t)k;
  return true;
}

static bool take_replacement(struct compiler *c, struct expr_pattern *p, const struct expr_str *s,
                             const struct ast_node *at) {
  struct pieces ps = {.c = c, .p = p, .at = at};
  ps.list = MR_NEW(c->arena, struct expr_piece, s->len + 1);
  for (uint32_t i = 0; i < s->len;) {
    if (s->text[i] == '$') {
      i++;
      if (!take_group(&ps, s, &i)) return false;
      continue;
    }
    if (s->text[i] == '\\' && ++i == s->len)
      return bad_replacement(&ps, "the replacement ends in a lone backslash");
    add_text(&ps, s->text + i, 1);
    i++;
  }
  p->pieces = ps.list;
  p->piece_cnt = ps.cnt;
  return true;
}

/* ---- makers ---- */

static struct expr_node *make_match(struct compiler *c, const struct function *f,
                                    const struct ast_node *ast, struct expr_node **v) {
  const struct expr_pattern *p = fn_pattern(c, v[1], ast->args[1]);
  if (!p) return NULL;
  struct expr_node *n =
      comp_node1(c, f->run, function_letter_type(f->result), ast, comp_string(c, v[0]));
  n->param = p;
  n->maybe_null = f->op != 0;
  return comp_strict(c, n);
}

/* Over the codes of a one_of column the answer is known at load. */
static struct expr_node *make_like(struct compiler *c, const struct function *f,
                                   const struct ast_node *ast, struct expr_node **v) {
  const struct mr_enum *codes = v[0]->run == run_column ? v[0]->codes : NULL;
  if (!codes) return make_match(c, f, ast, v);
  const struct expr_pattern *p = fn_pattern(c, v[1], ast->args[1]);
  struct mr_code_set set = {{0}};
  if (!p) return NULL;
  for (uint32_t i = 0; i < codes->cnt; i++)
    set.has[i] = expr_regex_find(p->regex, codes->texts[i], codes->lens[i], 0, NULL, 0);
  return comp_code_set(c, v[0], &set, ast);
}

struct expr_pattern *fn_pattern_group(struct compiler *c, const struct ast_node *ast,
                                      struct expr_node **v) {
  struct expr_pattern *p = fn_pattern(c, v[1], ast->args[1]);
  if (!p) return NULL;
  const struct expr_node *k = ast->arg_cnt > 2 ? v[2] : NULL;
  int32_t group = group_of(c, p, k, k ? ast->args[2] : ast->args[1], 1);
  if (group < 0) return NULL;
  p->group = (uint32_t)group;
  return p;
}

static struct expr_node *make_extract(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  struct expr_pattern *p = fn_pattern_group(c, ast, v);
  if (!p) return NULL;
  struct expr_node *n = comp_node1(c, f->run, MR_TYPE_STRING, ast, v[0]);
  n->param = p;
  return comp_strict(c, n);
}

/* regexp_replace(text, pattern, by [, from]) */
static struct expr_node *make_replace(struct compiler *c, const struct function *f,
                                      const struct ast_node *ast, struct expr_node **v) {
  struct expr_pattern *p = fn_pattern(c, v[1], ast->args[1]);
  const struct expr_str *by = fn_constant_text(c, v[2], ast->args[2], "the replacement");
  if (!p || !by || !take_replacement(c, p, by, ast->args[2])) return NULL;
  struct expr_node *n = comp_node(c, f->run, MR_TYPE_STRING, ast, ast->arg_cnt > 3 ? 2 : 1);
  n->args[0] = v[0];
  n->code = MR_EXPR_ROW_SCRATCH;
  if (ast->arg_cnt > 3) { /* a position below 1 is an error of its own */
    n->args[1] = v[3];
    n->code = MR_EXPR_ROW_RANGE;
    n->code2 = MR_EXPR_ROW_SCRATCH;
  }
  n->makes_strings = true;
  n->param = p;
  return comp_strict(c, n);
}

static const struct function functions[] = {
    {"regexp_like rlike regexp", "cs", 'b', 2, 2, make_like, run_regexp_like, 0, 0, "text, pattern",
     "does the pattern match anywhere in it?", "regexp_like('order_7', '^order_[0-9]+$')", "true",
     "text ~ pattern and text !~ pattern too"},
    {"regexp_extract", "ssi", 's', 2, 3, make_extract, run_regexp_extract, 0, 0,
     "text, pattern, group", "the text of a group (1) of the first match",
     "regexp_extract('a=1, b=22', 'b=([0-9]+)')", "22",
     "empty where there is no match, as in Spark; group 0 is the whole match"},
    {"regexp_substr", "ss", 's', 2, 2, make_match, run_regexp_substr, 1, 0, "text, pattern",
     "the first match", "regexp_substr('a1b22', '[0-9]+')", "1", "NULL where there is none"},
    {"regexp_instr", "ss", 'i', 2, 2, make_match, run_regexp_instr, 0, 0, "text, pattern",
     "where the first match begins, counted from 1; 0: nowhere", "regexp_instr('ab12', '[0-9]')",
     "3", NULL},
    {"regexp_count", "ss", 'i', 2, 2, make_match, run_regexp_count, 0, 0, "text, pattern",
     "number of matches that do not overlap", "regexp_count('banana', 'an')", "2", NULL},
    {"regexp_replace", "sssi", 's', 3, 4, make_replace, run_regexp_replace, 0, 0,
     "text, pattern, by, from", "every match (from character `from` on) replaced",
     "regexp_replace('2025-10-13', '([0-9]+)-([0-9]+)-([0-9]+)', '$3.$2.$1')", "13.10.2025",
     "all matches and $1 as in Spark; PostgreSQL replaces the first and writes \\1"},
};

const struct function_group fn_group_match = {"Regular expressions", functions,
                                              sizeof functions / sizeof functions[0]};
