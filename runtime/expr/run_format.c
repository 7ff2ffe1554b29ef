/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and values as text for people. */
#include <math.h>

#include "expr/rows_private.h"

#define DIGITS_MAX 100 /* behind the point */
#define FIELD_SZ   (2 * MR_TEXT_FIXED_SZ)

/* Puts a comma between groups of three digits of the whole part; returns the new length. */
static uint32_t put_commas(const char *s, uint32_t len, char *out) {
  uint32_t sign = len && s[0] == '-', whole = sign, at = 0;
  while (whole < len && s[whole] >= '0' && s[whole] <= '9') whole++;
  for (uint32_t i = 0; i < len; i++) {
    if (i > sign && i < whole && (whole - i) % 3 == 0) out[at++] = ',';
    out[at++] = s[i];
  }
  return at;
}

/* x with so many digits behind the point. From 10^15 on as Java: the digits of its shortest text,
 * then zeros. */
static uint32_t put_fixed(double x, int digits, char *out) {
  char text[MR_TEXT_DOUBLE_SZ];
  size_t len = mr_double_format(text, x);
  const char *e = memchr(text, 'e', len);
  if (!(fabs(x) >= 1e15) || !isfinite(x) || !e)
    return (uint32_t)mr_double_format_fixed(out, x, digits, false);
  int64_t exponent = 0;
  mr_int64_parse(e + 2, len - (size_t)(e + 2 - text), &exponent); /* behind "e+" */
  uint32_t at = 0, behind = 0;
  for (const char *c = text; c < e; c++) {
    if (*c != '.') out[at++] = *c;
    behind += c > text + (text[0] == '-') && *c != '.';
  }
  for (int64_t zeros = exponent - behind; zeros > 0; zeros--) out[at++] = '0';
  if (digits) out[at++] = '.';
  memset(out + at, '0', (size_t)digits);
  return at + (uint32_t)digits;
}

/* Digits below 0: NULL, as Spark. */
static inline enum row_result format_number_row(struct expr_run *run, const struct expr_node *n,
                                                uint32_t row, struct mr_str *out) {
  int64_t digits = row_i64(run, n, 1, row);
  char plain[MR_TEXT_FIXED_SZ + DIGITS_MAX], full[FIELD_SZ];
  if (digits < 0) return ROW_NULL;
  if (digits > DIGITS_MAX) digits = DIGITS_MAX;
  uint32_t len;
  if (n->args[0]->type == MR_TYPE_INT64) {
    len = (uint32_t)mr_int64_format(plain, row_i64(run, n, 0, row));
    if (digits) plain[len++] = '.';
    memset(plain + len, '0', (size_t)digits);
    len += (uint32_t)digits;
  } else {
    len = put_fixed(row_f64(run, n, 0, row), (int)digits, plain);
  }
  len = put_commas(plain, len, full);
  return row_copied(run, full, len, out) ? ROW_OK : ROW_FULL;
}
RUN_ROWS(run_format_number, struct mr_str, format_number_row)

/* ---- format_string ---- */

/* A number without its sign, in digits. */
static uint32_t put_whole(const struct expr_format_item *item, int64_t x, char *out) {
  uint64_t u = (uint64_t)x;
  if (item->conv == 'd') return (uint32_t)mr_int64_format(out, x);
  uint32_t shift = item->conv == 'o' ? 3 : 4, len = 0;
  char digits[24];
  do
    digits[len++] =
        (item->conv == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[u & ((1u << shift) - 1)];
  while ((u >>= shift));
  for (uint32_t i = 0; i < len; i++) out[i] = digits[len - 1 - i];
  return len;
}

static uint32_t put_real(const struct expr_format_item *item, double x, char *out) {
  int digits = item->precision < 0 ? 6 : item->precision;
  if (!isfinite(x)) {
    const char *text = x != x ? "NaN" : x < 0 ? "-Infinity" : "Infinity";
    memcpy(out, text, strlen(text));
    return (uint32_t)strlen(text);
  }
  if (item->conv == 'f') x = expr_round(ROUND_HALF_UP, x, digits); /* as Java rounds */
  if (item->conv == 'f') return put_fixed(x, digits, out);
  return (uint32_t)mr_double_format_fixed(out, x, digits, true);
}

/* One value's text, without padding; strings are given as they are. */
static const char *item_text(struct expr_run *run, const struct expr_node *n,
                             const struct expr_format_item *item, uint32_t row, char *buf,
                             uint32_t *len) {
  const struct vec *v = run_arg(run, n, item->arg);
  enum mr_type type = n->args[item->arg]->type;
  const char *text = buf;
  char plain[MR_TEXT_FIXED_SZ];
  if (!vec_bit(v->valid, row, true)) {
    *len = item->conv == 'b' ? 5 : 4;
    return item->conv == 'b' ? "false" : "null"; /* as Java */
  }
  if (item->conv == 'c') {
    *len = expr_utf8_put(buf, (uint32_t)((const int64_t *)v->data)[row] & 0x1fffff);
  } else if (type == MR_TYPE_STRING) {
    const struct mr_str *s = (const struct mr_str *)v->data + row;
    text = row_text(run, s);
    *len = s->len;
  } else if (strchr("dxXo", item->conv)) {
    *len = put_whole(item, ((const int64_t *)v->data)[row], item->comma ? plain : buf);
  } else if (item->conv == 'f' || item->conv == 'e') {
    *len = put_real(item, ((const double *)v->data)[row], item->comma ? plain : buf);
  } else {
    *len = expr_value_text(type, v->data, row, buf);
  }
  bool number = strchr("dfe", item->conv) && type != MR_TYPE_STRING;
  if (number && item->comma) *len = put_commas(plain, *len, buf);
  if (number && (item->plus || item->blank) && buf[0] != '-') {
    memmove(buf + 1, buf, *len);
    buf[0] = item->plus ? '+' : ' ';
    ++*len;
  }
  if (item->conv == 's' && item->precision >= 0)
    *len = (uint32_t)row_skip_chars(text, *len, 0, item->precision);
  return text;
}

/* Bytes of a row's text; writes them when p is not NULL. */
static uint64_t put_format(struct expr_run *run, const struct expr_node *n, uint32_t row, char *p) {
  const struct expr_format *f = n->param;
  uint64_t at = 0;
  for (uint32_t i = 0; i < f->cnt; i++) {
    const struct expr_format_item *item = &f->items[i];
    char buf[FIELD_SZ];
    uint32_t len = item->len;
    const char *text = item->conv ? item_text(run, n, item, row, buf, &len) : item->text;
    uint64_t chars = item->width > 0 ? mr_utf8_length(text, len) : 0;
    uint64_t pad = item->width > 0 && (uint64_t)item->width > chars ? item->width - chars : 0;
    uint32_t sign = item->zero && len && strchr("+- ", text[0]) ? 1 : 0; /* zeros come behind it */
    if (p) {
      char *to = p + at;
      if (sign) *to++ = text[0];
      if (!item->left) memset(to, item->zero ? '0' : ' ', pad), to += pad;
      memcpy(to, text + sign, len - sign), to += len - sign;
      if (item->left) memset(to, ' ', pad);
    }
    at += pad + len;
  }
  return at;
}

/* Never NULL: a NULL is written "null", as in Spark. */
void run_format_string(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  struct mr_str *out = v->out;
  struct row_marks marks = {0};
  run_strict(run, n);
  v->valid = NULL;
  v->data = out;
  memset(out, 0, run->rows64 * sizeof *out);
  MR_BITMAP_EACH(run->active, run->words, row) {
    if (vec_bit(v->err, (uint32_t)row, false)) continue;
    uint64_t sz = put_format(run, n, (uint32_t)row, NULL);
    char *p = sz <= UINT32_MAX ? run_scratch(run, sz) : NULL;
    if (p) {
      put_format(run, n, (uint32_t)row, p);
      out[row] = row_made(run, p, sz, sz);
    } else {
      row_mark(&marks, ROW_FULL, (uint32_t)row);
    }
  }
  row_marks_put(run, n, &marks);
}
