/* SPDX-License-Identifier: Apache-2.0 */
#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "base/text.h"
#include "expr/ast_private.h"

/* From the grammar's tree to ours. The grammar gives the byte where a node begins, of an operator
 * where the operator is; spans come from the tokens. */

static struct ast_node *convert(const struct ast_source *src, const PgQuery__Node *pg);

/* ---- spans ---- */

uint32_t ast_token_at(const struct ast_source *src, int32_t location) {
  uint32_t off =
      location < (int32_t)src->wrap_len ? 0 : ast_byte(src, (uint32_t)location - src->wrap_len);
  uint32_t lo = 0, hi = src->token_cnt;
  while (hi - lo > 1) {
    uint32_t mid = (lo + hi) / 2;
    if (src->tokens[mid].off <= off)
      lo = mid;
    else
      hi = mid;
  }
  return lo;
}

bool ast_token_is(const struct ast_source *src, uint32_t i, int32_t token) {
  return i < src->token_cnt && src->tokens[i].token == token;
}

uint32_t ast_closing(const struct ast_source *src, uint32_t i) {
  uint32_t nest = 0;
  for (uint32_t k = i; k < src->token_cnt; k++) {
    if (ast_token_is(src, k, '(') || ast_token_is(src, k, '[')) nest++;
    if ((ast_token_is(src, k, ')') || ast_token_is(src, k, ']')) && nest && --nest == 0) return k;
  }
  return i;
}

static void set_span(const struct ast_source *src, struct ast_node *n, uint32_t lo, uint32_t hi) {
  n->tok_lo = lo;
  n->tok_hi = hi;
  n->off = src->tokens[lo].off;
  n->len = src->tokens[hi].end - n->off;
}

static void set_op(const struct ast_source *src, struct ast_node *n, uint32_t lo, uint32_t hi) {
  n->op_off = src->tokens[lo].off;
  n->op_len = src->tokens[hi].end - n->op_off;
}

static struct ast_node *new_node(const struct ast_source *src, enum ast_kind kind, uint32_t arg_cnt,
                                 int32_t location) {
  struct ast_node *n = MR_NEW(src->arena, struct ast_node, 1);
  n->kind = (uint8_t)kind;
  n->arg_cnt = arg_cnt;
  n->args = MR_NEW(src->arena, struct ast_node *, arg_cnt + 1);
  uint32_t at = ast_token_at(src, location);
  set_span(src, n, at, at);
  set_op(src, n, at, at);
  return n;
}

/* Takes the parentheses around an operand into the span: what stands between it and its operator.
 */
static void span_operands(const struct ast_source *src, struct ast_node *n, struct ast_node *left,
                          struct ast_node *right, uint32_t op) {
  uint32_t lo = op, hi = op;
  if (left) {
    lo = left->tok_lo;
    for (uint32_t k = left->tok_hi + 1; k < op && ast_token_is(src, k, ')'); k++)
      if (lo && ast_token_is(src, lo - 1, '(')) lo--;
  }
  if (right) {
    hi = right->tok_hi;
    for (uint32_t k = right->tok_lo; k > op + 1 && ast_token_is(src, k - 1, '('); k--)
      if (ast_token_is(src, hi + 1, ')')) hi++;
  }
  set_span(src, n, lo, hi);
}

/* From token i, which names a function, to the end of its arguments. */
static uint32_t end_of_call(const struct ast_source *src, uint32_t i) {
  uint32_t k = i;
  while (k < src->token_cnt && k < i + 4 && !ast_token_is(src, k, '(')) k++;
  return ast_token_is(src, k, '(') ? ast_closing(src, k) : i;
}

struct ast_node *ast_refuse(const struct ast_source *src, uint32_t at, const char *what,
                            const char *hint) {
  const struct ast_token *t = &src->tokens[at];
  struct mr_expr_error *e =
      expr_error(src->errors, MR_EXPR_NOT_SUPPORTED, t->off, t->end - t->off, "%s do not have %s",
                 src->is_query ? "queries" : "expressions", what);
  e->hint = hint;
  return NULL;
}

static struct ast_node *refuse(const struct ast_source *src, int32_t location, const char *what,
                               const char *hint) {
  return ast_refuse(src, ast_token_at(src, location), what, hint);
}

const char *ast_name_at(const struct ast_source *src, uint32_t at, const char *value) {
  const struct ast_token *t = &src->tokens[at];
  bool quoted = src->text[t->off] == '"' || t->token == PG_QUERY__TOKEN__UIDENT;
  /* the grammar folds to lower case, we keep what was written */
  if (quoted) return mr_arena_strdup(src->arena, value);
  return mr_arena_strndup(src->arena, src->text + t->off, t->end - t->off);
}

/* ---- leaves ---- */

static struct ast_node *convert_number(const struct ast_source *src, struct ast_node *n,
                                       const char *text) {
  size_t len = strlen(text);
  bool whole = !strpbrk(text, ".eE");
  int rc = whole ? mr_int64_parse(text, len, &n->i) : MR_OK;
  if (whole) {
    n->kind = AST_INT;
  } else {
    char buf[512]; /* ".5" and "5." are SQL's, not JSON's */
    size_t neg = text[0] == '-', at = 0;
    if (len > sizeof buf - 4) len = sizeof buf - 4;
    if (neg) buf[at++] = '-';
    if (text[neg] == '.') buf[at++] = '0';
    for (size_t i = neg; i < len; i++) {
      buf[at++] = text[i];
      bool digit = i + 1 < len && text[i + 1] >= '0' && text[i + 1] <= '9';
      if (text[i] == '.' && !digit) buf[at++] = '0';
    }
    size_t from = neg; /* no leading zeros in JSON's grammar */
    while (from + 1 < at && buf[from] == '0' && buf[from + 1] >= '0' && buf[from + 1] <= '9')
      from++;
    if (neg) buf[--from] = '-';
    n->kind = AST_DOUBLE;
    rc = mr_double_parse(buf + from, at - from, &n->d);
  }
  if (rc == MR_OK) return n;
  EXPR_ERROR_AT(src->errors, MR_EXPR_BAD_LITERAL, n,
                whole ? "the number does not fit 64 bits" : "no double can hold the number");
  return NULL;
}

static struct ast_node *convert_const(const struct ast_source *src, const PgQuery__AConst *c) {
  struct ast_node *n = new_node(src, AST_NULL, 0, c->location);
  while (ast_token_is(src, n->tok_hi, '-') && n->tok_hi + 1 < src->token_cnt)
    set_span(src, n, n->tok_lo, n->tok_hi + 1);
  if (c->isnull) return n;
  switch (c->val_case) {
  case PG_QUERY__A__CONST__VAL_IVAL:
    n->kind = AST_INT;
    n->i = c->ival->ival;
    return n;
  case PG_QUERY__A__CONST__VAL_FVAL: return convert_number(src, n, c->fval->fval);
  case PG_QUERY__A__CONST__VAL_BOOLVAL:
    n->kind = AST_BOOL;
    n->i = c->boolval->boolval;
    return n;
  case PG_QUERY__A__CONST__VAL_SVAL:
    n->kind = AST_STRING;
    n->name_len = (uint32_t)strlen(c->sval->sval);
    n->name = mr_arena_strndup(src->arena, c->sval->sval, n->name_len);
    return n;
  default: return refuse(src, c->location, "bit strings", NULL);
  }
}

/* stream.column in a query: three tokens. */
static struct ast_node *convert_dotted(const struct ast_source *src, const PgQuery__ColumnRef *c) {
  uint32_t at = ast_token_at(src, c->location);
  if (c->n_fields != 2 || c->fields[1]->node_case != PG_QUERY__NODE__NODE_STRING)
    return refuse(src, c->location, "names of more than two parts, or \"*\" in a value", NULL);
  if (at + 2 >= src->token_cnt) return NULL;
  struct ast_node *n = new_node(src, AST_COLUMN, 0, c->location);
  n->of = ast_name_at(src, at, c->fields[0]->string->sval);
  n->name = ast_name_at(src, at + 2, c->fields[1]->string->sval);
  n->name_len = (uint32_t)strlen(n->name);
  n->quoted = src->text[src->tokens[at + 2].off] == '"';
  set_span(src, n, at, at + 2);
  return n;
}

static struct ast_node *convert_column(const struct ast_source *src, const PgQuery__ColumnRef *c) {
  uint32_t at = ast_token_at(src, c->location);
  if (c->n_fields != 1 && src->is_query) return convert_dotted(src, c);
  if (c->n_fields != 1) return refuse(src, c->location, "names with a dot", NULL);
  if (c->fields[0]->node_case != PG_QUERY__NODE__NODE_STRING)
    return refuse(src, c->location, "\"*\" outside count(*)", NULL);
  struct ast_node *n = new_node(src, AST_COLUMN, 0, c->location);
  const struct ast_token *t = &src->tokens[at];
  n->quoted = src->text[t->off] == '"' || t->token == PG_QUERY__TOKEN__UIDENT;
  n->name = ast_name_at(src, at, c->fields[0]->string->sval);
  n->name_len = (uint32_t)strlen(n->name);
  return n;
}

static struct ast_node *convert_value_function(const struct ast_source *src,
                                               const PgQuery__SQLValueFunction *f) {
  struct ast_node *n = new_node(src, AST_CALL, 0, f->location);
  if (f->op == PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP ||
      f->op == PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP) {
    n->name = "now";
    return n;
  }
  if (f->op == PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE) {
    n->name = "curdate";
    return n;
  }
  struct mr_expr_error *e =
      EXPR_ERROR_AT(src->errors, MR_EXPR_RESERVED_WORD, n,
                    "\"%.*s\" is a reserved word of SQL; as a column it stands in double quotes",
                    (int)n->len, src->text + n->off);
  e->hint = mr_arena_printf(src->arena, "\"%.*s\"", (int)n->len, src->text + n->off);
  return NULL;
}

/* ---- lists of arguments ---- */

static bool convert_args(const struct ast_source *src, struct ast_node *n, PgQuery__Node **pg,
                         size_t cnt, uint32_t from) {
  bool ok = true;
  for (size_t i = 0; i < cnt; i++) {
    n->args[from + i] = convert(src, pg[i]);
    if (!n->args[from + i]) ok = false;
  }
  return ok;
}

static const char *last_name(PgQuery__Node **names, size_t cnt) {
  if (!cnt || names[cnt - 1]->node_case != PG_QUERY__NODE__NODE_STRING) return "";
  return names[cnt - 1]->string->sval;
}

static struct ast_node *convert_call(const struct ast_source *src, const PgQuery__FuncCall *f) {
  if (f->over && !src->is_query) return refuse(src, f->location, "OVER", "a window step");
  if (f->n_agg_order || f->agg_within_group)
    return refuse(src, f->location, "ORDER BY inside a call", NULL);
  if (f->func_variadic) return refuse(src, f->location, "VARIADIC", NULL);
  struct ast_node *n = new_node(src, AST_CALL, (uint32_t)f->n_args, f->location);
  uint32_t at = n->tok_lo, end = end_of_call(src, at);
  n->name = mr_arena_strdup(src->arena, last_name(f->funcname, f->n_funcname));
  if (strcmp(n->name, AST_ARRAY_NAME) == 0) n->name = "array";
  n->star = f->agg_star;
  n->distinct = f->agg_distinct;
  if (strcmp(n->name, "timezone") == 0 && f->n_funcname > 1)
    return refuse(src, f->location, "AT TIME ZONE", NULL);
  if (strcmp(n->name, "like_escape") == 0 && f->n_funcname > 1)
    return refuse(src, f->location, "ESCAPE: the escape character is the backslash", NULL);
  bool ok = convert_args(src, n, f->args, f->n_args, 0);
  if (f->agg_filter) {
    n->filter = convert(src, f->agg_filter);
    if (!n->filter) ok = false;
    if (ast_token_is(src, end + 1, PG_QUERY__TOKEN__FILTER)) end = ast_closing(src, end + 2);
  }
  if (f->over) {
    n->over = f->over;
    if (ast_token_is(src, end + 1, PG_QUERY__TOKEN__OVER))
      end = ast_token_is(src, end + 2, '(') ? ast_closing(src, end + 2) : end + 2;
  }
  set_span(src, n, at, end);
  return ok ? n : NULL;
}

/* ---- operators ---- */

static struct ast_node *binary(const struct ast_source *src, enum ast_kind kind, uint8_t op,
                               const PgQuery__AExpr *x) {
  struct ast_node *n = new_node(src, kind, 2, x->location);
  uint32_t at = n->tok_lo;
  n->op = op;
  n->args[0] = convert(src, x->lexpr);
  n->args[1] = convert(src, x->rexpr);
  if (!n->args[0] || !n->args[1]) return NULL;
  span_operands(src, n, n->args[0], n->args[1], at);
  return n;
}

/* Operators of bits are calls, with the operator in `op`. */
static const char *bit_function(const char *op) {
  static const char *const names[][2] = {{"&", "bit_and"},    {"|", "bit_or"},
                                         {"^", "bit_xor"},    {"~", "bit_not"},
                                         {"<<", "shiftleft"}, {">>", "shiftright"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i][0], op) == 0) return names[i][1];
  return NULL;
}

static bool in_parentheses(const struct ast_source *src, const struct ast_node *n) {
  return n->tok_lo && ast_token_is(src, n->tok_lo - 1, '(') &&
         ast_token_is(src, n->tok_hi + 1, ')');
}

/* Does the grammar bind these two operators otherwise than Spark? `op` is the outer one, '+' any of
 * arithmetic. Then parentheses have to say what is meant. */
static bool is_ambiguous(const struct ast_source *src, char op, const struct ast_node *inner) {
  uint8_t in = inner->kind == AST_CALL ? inner->op : inner->kind == AST_ARITH ? '+' : 0;
  if (!in || in_parentheses(src, inner)) return false;
  if (op == '+') return in == '^';
  if (op == '~') return true;
  return in != op && in != '+' && in != '~';
}

static struct ast_node *check_operands(const struct ast_source *src, struct ast_node *n, char op) {
  for (uint32_t i = 0; n && i < n->arg_cnt; i++) {
    const struct ast_node *in = n->args[i];
    if (!is_ambiguous(src, op, in)) continue;
    struct mr_expr_error *e = EXPR_ERROR_AT(src->errors, MR_EXPR_SYNTAX, in,
                                            "operators of bits beside other operators "
                                            "need parentheses");
    e->hint = mr_arena_printf(src->arena, "(%s)",
                              expr_snippet(src->arena, src->text, in->off, in->len, 60));
    return NULL;
  }
  return n;
}

static struct ast_node *convert_bits(const struct ast_source *src, const PgQuery__AExpr *x,
                                     const char *op) {
  struct ast_node *n;
  if (x->lexpr) {
    n = binary(src, AST_CALL, (uint8_t)op[0], x);
  } else {
    n = new_node(src, AST_CALL, 1, x->location);
    n->op = (uint8_t)op[0];
    n->args[0] = convert(src, x->rexpr);
    if (!n->args[0]) return NULL;
    span_operands(src, n, NULL, n->args[0], n->tok_lo);
  }
  if (n) n->name = bit_function(op);
  return check_operands(src, n, op[0]);
}

/* x ~ 'pattern', x !~ 'pattern' */
static struct ast_node *convert_match(const struct ast_source *src, const PgQuery__AExpr *x,
                                      bool negated) {
  struct ast_node *n = binary(src, AST_CALL, 0, x);
  if (!n) return NULL;
  n->name = "regexp_like";
  if (!negated) return n;
  struct ast_node *no = new_node(src, AST_NOT, 1, x->location);
  no->args[0] = n;
  set_span(src, no, n->tok_lo, n->tok_hi);
  return no;
}

static struct ast_node *convert_op(const struct ast_source *src, const PgQuery__AExpr *x) {
  static const struct {
    const char *name;
    enum ast_kind kind;
    uint8_t op;
  } ops[] = {{"=", AST_CMP, CMP_EQ},  {"<>", AST_CMP, CMP_NE}, {"<", AST_CMP, CMP_LT},
             {"<=", AST_CMP, CMP_LE}, {">", AST_CMP, CMP_GT},  {">=", AST_CMP, CMP_GE},
             {"+", AST_ARITH, '+'},   {"-", AST_ARITH, '-'},   {"*", AST_ARITH, '*'},
             {"/", AST_ARITH, '/'},   {"%", AST_ARITH, '%'},   {"||", AST_CONCAT, 0}};
  const char *name = last_name(x->name, x->n_name);
  if (!x->lexpr && x->rexpr && (strcmp(name, "-") == 0 || strcmp(name, "+") == 0)) {
    struct ast_node *n = new_node(src, AST_NEG, 1, x->location);
    struct ast_node *arg = convert(src, x->rexpr);
    if (!arg || name[0] == '+') return arg;
    n->args[0] = arg;
    span_operands(src, n, NULL, arg, n->tok_lo);
    return n;
  }
  if (x->lexpr && x->rexpr)
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
      if (strcmp(name, ops[i].name) == 0) {
        struct ast_node *n = binary(src, ops[i].kind, ops[i].op, x);
        return ops[i].kind == AST_ARITH ? check_operands(src, n, '+') : n;
      }
  if (bit_function(name) && x->rexpr && (!x->lexpr) == (name[0] == '~'))
    return convert_bits(src, x, name);
  if (x->lexpr && x->rexpr && (strcmp(name, "~") == 0 || strcmp(name, "!~") == 0))
    return convert_match(src, x, name[0] == '!');
  const char *what = mr_arena_printf(src->arena, "the operator %s", name);
  static const char *const others[][2] = {
      {"#", "x ^ y"}, {"==", "="}, {"&&", "AND"}, {"!", "NOT x"}, {"~*", "x ~ '(?i)pattern'"}};
  const char *hint = NULL;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (strcmp(name, others[i][0]) == 0) hint = others[i][1];
  return refuse(src, x->location, what, hint);
}

static struct ast_node *convert_in(const struct ast_source *src, const PgQuery__AExpr *x) {
  if (x->rexpr->node_case != PG_QUERY__NODE__NODE_LIST)
    return refuse(src, x->location, "subqueries", NULL);
  const PgQuery__List *list = x->rexpr->list;
  struct ast_node *n = new_node(src, AST_IN, 1 + (uint32_t)list->n_items, x->location);
  uint32_t at = n->tok_lo;
  n->negated = strcmp(last_name(x->name, x->n_name), "<>") == 0;
  n->args[0] = convert(src, x->lexpr);
  bool ok = convert_args(src, n, list->items, list->n_items, 1);
  if (!ok || !n->args[0]) return NULL;
  span_operands(src, n, n->args[0], NULL, at);
  set_span(src, n, n->tok_lo, end_of_call(src, at));
  return n;
}

static struct ast_node *convert_between(const struct ast_source *src, const PgQuery__AExpr *x,
                                        bool negated) {
  if (x->rexpr->node_case != PG_QUERY__NODE__NODE_LIST || x->rexpr->list->n_items != 2) return NULL;
  struct ast_node *n = new_node(src, AST_BETWEEN, 3, x->location);
  uint32_t at = n->tok_lo;
  n->negated = negated;
  n->args[0] = convert(src, x->lexpr);
  bool ok = convert_args(src, n, x->rexpr->list->items, 2, 1);
  if (!ok || !n->args[0]) return NULL;
  uint32_t and_at = n->args[2]->tok_lo;
  while (and_at > at && !ast_token_is(src, and_at, PG_QUERY__TOKEN__AND)) and_at--;
  span_operands(src, n, NULL, n->args[2], and_at);
  uint32_t hi = n->tok_hi;
  span_operands(src, n, n->args[0], NULL, at);
  set_span(src, n, n->tok_lo, hi);
  return n;
}

/* lower(x), at x's place. */
static struct ast_node *lowered(const struct ast_source *src, struct ast_node *x) {
  struct ast_node *n = MR_NEW(src->arena, struct ast_node, 1);
  *n = *x;
  n->kind = AST_CALL;
  n->op = 0;
  n->star = n->distinct = false;
  n->filter = NULL;
  n->name = "lower";
  n->arg_cnt = 1;
  n->args = MR_NEW(src->arena, struct ast_node *, 2);
  n->args[0] = x;
  return n;
}

static struct ast_node *convert_expr(const struct ast_source *src, const PgQuery__AExpr *x) {
  struct ast_node *n;
  switch (x->kind) {
  case PG_QUERY__A__EXPR__KIND__AEXPR_OP: return convert_op(src, x);
  case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT: return binary(src, AST_DISTINCT, 0, x);
  case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
    n = binary(src, AST_DISTINCT, 0, x);
    if (n) n->negated = true;
    return n;
  case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
    n = binary(src, AST_NULLIF, 0, x);
    if (n) {
      uint32_t at = ast_token_at(src, x->location);
      set_span(src, n, at, end_of_call(src, at));
    }
    return n;
  case PG_QUERY__A__EXPR__KIND__AEXPR_IN: return convert_in(src, x);
  case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
    n = binary(src, AST_LIKE, 0, x);
    if (n) n->negated = last_name(x->name, x->n_name)[0] == '!';
    return n;
  case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN: return convert_between(src, x, false);
  case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN: return convert_between(src, x, true);
  case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
    n = binary(src, AST_LIKE, 0, x);
    if (!n) return NULL;
    n->negated = last_name(x->name, x->n_name)[0] == '!';
    n->args[0] = lowered(src, n->args[0]);
    n->args[1] = lowered(src, n->args[1]);
    return n;
  case PG_QUERY__A__EXPR__KIND__AEXPR_SIMILAR:
    return refuse(src, x->location, "SIMILAR TO", "x LIKE 'pattern'");
  default: return refuse(src, x->location, "ANY and ALL", "array_contains(list, x)");
  }
}

static struct ast_node *convert_bool(const struct ast_source *src, const PgQuery__BoolExpr *b) {
  static const enum ast_kind kinds[] = {AST_AND, AST_AND, AST_OR, AST_NOT};
  struct ast_node *n = new_node(src, kinds[b->boolop & 3], (uint32_t)b->n_args, b->location);
  uint32_t at = n->tok_lo;
  if (!convert_args(src, n, b->args, b->n_args, 0) || !b->n_args) return NULL;
  struct ast_node *last = n->args[b->n_args - 1];
  uint32_t op = last->tok_lo;
  int32_t word = n->kind == AST_AND ? PG_QUERY__TOKEN__AND : PG_QUERY__TOKEN__OR;
  while (n->kind != AST_NOT && op > at && !ast_token_is(src, op, word)) op--;
  span_operands(src, n, NULL, last, n->kind == AST_NOT ? at : op);
  if (n->kind == AST_NOT) return n;
  uint32_t hi = n->tok_hi;
  span_operands(src, n, n->args[0], NULL, n->args[1]->tok_lo);
  set_span(src, n, n->tok_lo, hi);
  return n;
}

static struct ast_node *convert_test(const struct ast_source *src, enum ast_kind kind,
                                     const PgQuery__Node *arg, int32_t location, uint8_t op,
                                     bool negated) {
  struct ast_node *n = new_node(src, kind, 1, location);
  uint32_t at = n->tok_lo, hi = at;
  n->op = op;
  n->negated = negated;
  n->args[0] = convert(src, arg);
  if (!n->args[0]) return NULL;
  if (ast_token_is(src, at, PG_QUERY__TOKEN__IS)) hi = at + 1 + negated;
  span_operands(src, n, n->args[0], NULL, at);
  set_span(src, n, n->tok_lo, hi < src->token_cnt ? hi : src->token_cnt - 1);
  return n;
}

/* ---- the rest ---- */

static struct ast_node *convert_case(const struct ast_source *src, const PgQuery__CaseExpr *c) {
  uint32_t cnt = (uint32_t)c->n_args * 2 + 1 + (c->arg != NULL), at = 0;
  struct ast_node *n = new_node(src, AST_CASE, cnt, c->location);
  bool ok = true;
  n->op = c->arg != NULL;
  if (c->arg) ok = (n->args[at++] = convert(src, c->arg)) != NULL;
  for (size_t i = 0; i < c->n_args; i++) {
    if (c->args[i]->node_case != PG_QUERY__NODE__NODE_CASE_WHEN) return NULL;
    const PgQuery__CaseWhen *w = c->args[i]->case_when;
    n->args[at] = convert(src, w->expr);
    n->args[at + 1] = convert(src, w->result);
    ok = ok && n->args[at] && n->args[at + 1];
    at += 2;
  }
  uint32_t nest = 0, hi = n->tok_lo;
  for (uint32_t k = n->tok_lo; k < src->token_cnt; k++) {
    if (ast_token_is(src, k, PG_QUERY__TOKEN__CASE)) nest++;
    if (ast_token_is(src, k, PG_QUERY__TOKEN__END_P) && --nest == 0) {
      hi = k;
      break;
    }
  }
  set_span(src, n, n->tok_lo, hi);
  if (c->defresult) {
    n->args[at] = convert(src, c->defresult);
  } else {
    n->args[at] = new_node(src, AST_NULL, 0, (int32_t)(src->tokens[hi].off + src->wrap_len));
  }
  return ok && n->args[at] ? n : NULL;
}

/* INTERVAL '5' MINUTE: the unit of the one bit of the grammar's mask. */
static const char *interval_unit(const PgQuery__TypeName *t) {
  if (t->n_typmods < 1 || t->typmods[0]->node_case != PG_QUERY__NODE__NODE_A_CONST) return "";
  const PgQuery__AConst *c = t->typmods[0]->a_const;
  if (c->val_case != PG_QUERY__A__CONST__VAL_IVAL) return "";
  switch (c->ival->ival) {
  case 1 << 3: return "day";
  case 1 << 10: return "hour";
  case 1 << 11: return "minute";
  case 1 << 12: return "second";
  default: return "";
  }
}

static struct ast_node *convert_interval(const struct ast_source *src, struct ast_node *n,
                                         const PgQuery__TypeName *t) {
  const struct ast_node *arg = n->args[0];
  const char *unit = interval_unit(t);
  const char *text = mr_arena_printf(src->arena, *unit ? "%s %s" : "%s%s", arg->name, unit);
  n->kind = AST_DURATION;
  n->arg_cnt = 0;
  bool plain = t->n_typmods == 0 || *unit;
  if (plain && literal_duration(text, (uint32_t)strlen(text), &n->i)) return n;
  struct mr_expr_error *e =
      EXPR_ERROR_AT(src->errors, MR_EXPR_BAD_LITERAL, arg, "\"%s\" is not a duration", text);
  e->hint = "INTERVAL '90 minutes'; months and years have no fixed length";
  return NULL;
}

static struct ast_node *convert_cast(const struct ast_source *src, const PgQuery__TypeCast *c) {
  const PgQuery__TypeName *t = c->type_name;
  struct ast_node *n = new_node(src, AST_CAST, 1, c->location);
  uint32_t at = n->tok_lo, type_at = ast_token_at(src, t->location), type_end = type_at;
  n->args[0] = convert(src, c->arg);
  if (!n->args[0]) return NULL;
  n->name = mr_arena_strdup(src->arena, last_name(t->names, t->n_names));
  while (type_end + 1 < src->token_cnt && /* DOUBLE PRECISION, TIMESTAMP WITH TIME ZONE */
         (ast_token_is(src, type_end + 1, PG_QUERY__TOKEN__PRECISION) ||
          ast_token_is(src, type_end + 1, PG_QUERY__TOKEN__VARYING)))
    type_end++;
  set_op(src, n, type_at, type_end);
  if (ast_token_is(src, at, PG_QUERY__TOKEN__TYPECAST)) {
    span_operands(src, n, n->args[0], NULL, at);
    set_span(src, n, n->tok_lo, type_end);
  } else if (ast_token_is(src, at, PG_QUERY__TOKEN__CAST)) {
    set_span(src, n, at, end_of_call(src, at));
  } else { /* TIMESTAMP '...' */
    uint32_t hi = n->args[0]->tok_hi;
    set_span(src, n, at < hi ? at : hi, hi > at ? hi : at);
  }
  if (t->n_array_bounds || t->setof) return refuse(src, t->location, "arrays as types", NULL);
  if (strcmp(n->name, "interval") == 0 && n->args[0]->kind == AST_STRING)
    return convert_interval(src, n, t);
  if (t->n_typmods && strcmp(n->name, "bpchar") != 0)
    return refuse(src, t->location, "types with a length or precision", NULL);
  return n;
}

static struct ast_node *convert_indirection(const struct ast_source *src,
                                            const PgQuery__AIndirection *x) {
  struct ast_node *arg = convert(src, x->arg);
  for (size_t i = 0; arg && i < x->n_indirection; i++) {
    const PgQuery__Node *step = x->indirection[i];
    int32_t location = (int32_t)(arg->off + src->wrap_len);
    if (step->node_case != PG_QUERY__NODE__NODE_A_INDICES || step->a_indices->is_slice ||
        !step->a_indices->uidx)
      return refuse(src, location, "fields or slices of a value", NULL);
    struct ast_node *n = new_node(src, AST_INDEX, 2, location);
    n->args[0] = arg;
    n->args[1] = convert(src, step->a_indices->uidx);
    if (!n->args[1]) return NULL;
    uint32_t hi = n->args[1]->tok_hi;
    while (hi + 1 < src->token_cnt && !ast_token_is(src, hi, ']')) hi++;
    uint32_t lo = arg->tok_lo;
    for (uint32_t k = arg->tok_hi + 1; lo && ast_token_is(src, k, ')'); k++) lo--;
    set_span(src, n, lo, hi);
    arg = n;
  }
  return arg;
}

static struct ast_node *convert_list_call(const struct ast_source *src, enum ast_kind kind,
                                          const char *name, PgQuery__Node **args, size_t cnt,
                                          int32_t location) {
  struct ast_node *n = new_node(src, kind, (uint32_t)cnt, location);
  n->name = name;
  set_span(src, n, n->tok_lo, end_of_call(src, n->tok_lo));
  return convert_args(src, n, args, cnt, 0) ? n : NULL;
}

static struct ast_node *convert_array(const struct ast_source *src, const PgQuery__AArrayExpr *a) {
  struct ast_node *n = new_node(src, AST_CALL, (uint32_t)a->n_elements, a->location);
  uint32_t open = n->tok_lo;
  n->name = "array";
  while (open < src->token_cnt && !ast_token_is(src, open, '[')) open++;
  set_span(src, n, n->tok_lo, ast_closing(src, open));
  return convert_args(src, n, a->elements, a->n_elements, 0) ? n : NULL;
}

static struct ast_node *convert_boolean_test(const struct ast_source *src,
                                             const PgQuery__BooleanTest *t) {
  uint8_t op = 2;
  bool negated = false;
  switch (t->booltesttype) {
  case PG_QUERY__BOOL_TEST_TYPE__IS_TRUE: op = 1; break;
  case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE: op = 1, negated = true; break;
  case PG_QUERY__BOOL_TEST_TYPE__IS_FALSE: op = 0; break;
  case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE: op = 0, negated = true; break;
  case PG_QUERY__BOOL_TEST_TYPE__IS_NOT_UNKNOWN: negated = true; break;
  default: break;
  }
  return convert_test(src, AST_IS_BOOL, t->arg, t->location, op, negated);
}

static struct ast_node *refuse_subquery(const struct ast_source *src, const PgQuery__SubLink *s) {
  if (!src->is_query) return refuse(src, s->location, "subqueries", NULL);
  switch (s->sub_link_type) {
  case PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK:
    return refuse(src, s->location, "EXISTS (SELECT ...)", "JOIN ... ON with a time bound");
  case PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK:
  case PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK:
    return refuse(src, s->location, "IN, ANY or ALL of a subquery",
                  "JOIN ... ON with a time bound");
  default: return refuse(src, s->location, "a scalar subquery", "JOIN ... ON with a time bound");
  }
}

static struct ast_node *convert(const struct ast_source *src, const PgQuery__Node *pg) {
  if (!pg) return NULL;
  switch (pg->node_case) {
  case PG_QUERY__NODE__NODE_A_CONST: return convert_const(src, pg->a_const);
  case PG_QUERY__NODE__NODE_COLUMN_REF: return convert_column(src, pg->column_ref);
  case PG_QUERY__NODE__NODE_A_EXPR: return convert_expr(src, pg->a_expr);
  case PG_QUERY__NODE__NODE_BOOL_EXPR: return convert_bool(src, pg->bool_expr);
  case PG_QUERY__NODE__NODE_FUNC_CALL: return convert_call(src, pg->func_call);
  case PG_QUERY__NODE__NODE_TYPE_CAST: return convert_cast(src, pg->type_cast);
  case PG_QUERY__NODE__NODE_CASE_EXPR: return convert_case(src, pg->case_expr);
  case PG_QUERY__NODE__NODE_NULL_TEST:
    return convert_test(src, AST_IS_NULL, pg->null_test->arg, pg->null_test->location, 0,
                        pg->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NOT_NULL);
  case PG_QUERY__NODE__NODE_BOOLEAN_TEST: return convert_boolean_test(src, pg->boolean_test);
  case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
    return convert_value_function(src, pg->sqlvalue_function);
  case PG_QUERY__NODE__NODE_COALESCE_EXPR:
    return convert_list_call(src, AST_COALESCE, "coalesce", pg->coalesce_expr->args,
                             pg->coalesce_expr->n_args, pg->coalesce_expr->location);
  case PG_QUERY__NODE__NODE_MIN_MAX_EXPR: {
    const PgQuery__MinMaxExpr *m = pg->min_max_expr;
    const char *name = m->op == PG_QUERY__MIN_MAX_OP__IS_LEAST ? "least" : "greatest";
    return convert_list_call(src, AST_CALL, name, m->args, m->n_args, m->location);
  }
  case PG_QUERY__NODE__NODE_A_INDIRECTION: return convert_indirection(src, pg->a_indirection);
  case PG_QUERY__NODE__NODE_SUB_LINK: return refuse_subquery(src, pg->sub_link);
  case PG_QUERY__NODE__NODE_ROW_EXPR: return refuse(src, pg->row_expr->location, "rows", NULL);
  case PG_QUERY__NODE__NODE_PARAM_REF:
    return refuse(src, pg->param_ref->location, "parameters", NULL);
  case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
    return refuse(src, pg->collate_clause->location, "COLLATE: strings compare by bytes", NULL);
  case PG_QUERY__NODE__NODE_A_ARRAY_EXPR: return convert_array(src, pg->a_array_expr);
  default: return refuse(src, 0, "this part of SQL", NULL);
  }
}

struct ast_node *ast_convert(const struct ast_source *src, const struct PgQuery__Node *node) {
  return convert(src, node);
}
