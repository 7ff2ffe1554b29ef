/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and values as text for people. */
#include "expr/function_private.h"

#define WIDTH_MAX 10000

static struct expr_node *make_number(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  struct expr_node *n = fn_node(c, f, ast, v, MR_EXPR_ROW_SCRATCH);
  n->makes_strings = n->maybe_null = true;
  return comp_strict(c, n);
}

/* ---- the format ---- */

struct reader {
  struct compiler *c;
  const struct ast_node *ast;
  const char *at, *end;
  struct expr_node **v; /* the values, from 1 on */
  uint32_t next, cnt;   /* value of the next specifier; values there are */
};

static bool bad_format(struct reader *r, const char *what) {
  struct mr_expr_error *e =
      EXPR_ERROR_AT(r->c->errors, MR_EXPR_BAD_LITERAL, r->ast->args[0], "%s", what);
  e->hint = "%s, %d, %x, %o, %f, %e, %b, %c, %n and %%";
  return false;
}

static bool take_number(struct reader *r, int32_t *out) {
  int32_t x = 0;
  if (r->at == r->end || *r->at < '0' || *r->at > '9') return false;
  for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
    if (x <= WIDTH_MAX) x = x * 10 + (*r->at - '0');
  *out = x;
  return x <= WIDTH_MAX;
}

/* Makes a value what its specifier wants. */
static bool fit_value(struct reader *r, struct expr_format_item *item) {
  if (r->next == r->cnt) return bad_format(r, "the format wants more values");
  uint32_t k = r->next++;
  struct expr_node *x = r->v[k];
  const struct ast_node *at = r->ast->args[k];
  bool bad = false, whole = strchr("dxXoc", item->conv), real = strchr("fe", item->conv);
  if (x->type == MR_TYPE_NONE) x = comp_null(r->c, MR_TYPE_STRING, at);
  x = comp_string(r->c, x);
  if (real && x->type == MR_TYPE_INT64) x = comp_coerce(r->c, x, MR_TYPE_DOUBLE, at, &bad);
  enum mr_type want = whole               ? MR_TYPE_INT64
                      : real              ? MR_TYPE_DOUBLE
                      : item->conv == 'b' ? MR_TYPE_BOOL
                                          : MR_TYPE_NONE;
  bool null = x->is_const && x->is_null;
  if (x->type == MR_TYPE_LIST || (want != MR_TYPE_NONE && x->type != want && !null)) {
    EXPR_ERROR_AT(r->c->errors, MR_EXPR_ARG_TYPE, at, "%%%c wants %s, this is %s", item->conv,
                  want == MR_TYPE_NONE ? "no list" : mr_type_name(want), mr_type_name(x->type));
    return false;
  }
  r->v[k] = x;
  item->arg = k - 1; /* of the node, which has no format among its operands */
  return true;
}

/* What stands behind a percent sign. */
static bool take_specifier(struct reader *r, struct expr_format_item *item) {
  *item = (struct expr_format_item){.precision = -1};
  for (bool flag = true; flag && r->at < r->end;) {
    switch (*r->at) {
    case '-': item->left = true; break;
    case '0': item->zero = true; break;
    case '+': item->plus = true; break;
    case ' ': item->blank = true; break;
    case ',': item->comma = true; break;
    default: flag = false; break;
    }
    if (flag) r->at++;
  }
  bool digit = r->at < r->end && *r->at >= '0' && *r->at <= '9';
  if (digit && !take_number(r, &item->width))
    return bad_format(r, "a width of the format is too large");
  if (r->at < r->end && *r->at == '.') {
    r->at++;
    if (!take_number(r, &item->precision) || item->precision > 100)
      return bad_format(r, "a precision of the format is a number up to 100");
  }
  char conv = r->at < r->end ? *r->at++ : 0;
  if (conv == '%' || conv == 'n') {
    item->text = conv == 'n' ? "\n" : "%";
    item->len = 1;
    return true;
  }
  if (!conv || !strchr("sdxXofebc", conv))
    return bad_format(r, "a percent sign of the format is not understood");
  item->conv = conv;
  if (item->left) item->zero = false;
  return fit_value(r, item);
}

static struct expr_node *make_string(struct compiler *c, const struct function *f,
                                     const struct ast_node *ast, struct expr_node **v) {
  const struct expr_str *text = fn_constant_text(c, v[0], ast->args[0], "the format");
  if (!text) return NULL;
  struct reader r = {c, ast, text->text, text->text + text->len, v, 1, ast->arg_cnt};
  struct expr_format_item *items = MR_NEW(c->arena, struct expr_format_item, text->len + 1);
  uint32_t cnt = 0;
  while (r.at < r.end) {
    const char *percent = memchr(r.at, '%', (size_t)(r.end - r.at));
    uint32_t len = (uint32_t)((percent ? percent : r.end) - r.at);
    if (len) items[cnt++] = (struct expr_format_item){.text = r.at, .len = len};
    r.at += len;
    if (!percent) break;
    r.at++;
    if (!take_specifier(&r, &items[cnt++])) return NULL;
  }
  struct expr_format *format = MR_NEW(c->arena, struct expr_format, 1);
  *format = (struct expr_format){items, cnt};
  struct ast_node at = *ast;
  at.arg_cnt = ast->arg_cnt - 1;
  for (uint32_t i = r.next; i < ast->arg_cnt; i++) /* values that no specifier names */
    if (v[i]->type == MR_TYPE_NONE) v[i] = comp_null(c, MR_TYPE_STRING, ast->args[i]);
  struct expr_node *n = fn_node(c, f, &at, v + 1, MR_EXPR_ROW_SCRATCH);
  n->param = format;
  n->makes_strings = true;
  return comp_done(c, n);
}

static const struct function functions[] = {
    {"format_number", "ni", 's', 2, 2, make_number, run_format_number, 0, 0, "x, digits",
     "with commas and so many digits behind the point", "format_number(1234567.891, 2)",
     "1,234,567.89", "a half goes to the even digit; NULL for digits below 0; as in Spark"},
    {"format_string printf", "sv", 's', 1, FN_ANY, make_string, run_format_string, 0, 0,
     "format, value, ...", "the format with %s, %d, %x, %o, %f, %e, %b, %c replaced by the values",
     "format_string('%s: %05.1f (%,d)', 'a', 2.25, 12345)", "a: 002.3 (12,345)",
     "flags - 0 + blank and comma, width, precision, as Java's; a NULL is written null"},
};

const struct function_group fn_group_format = {"Formatting", functions,
                                               sizeof functions / sizeof functions[0]};
