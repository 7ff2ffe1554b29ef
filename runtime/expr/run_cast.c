/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "base/text.h"
#include "expr/program_private.h"

#define TIME_SECONDS_MIN (-62135596800.0)
#define TIME_SECONDS_MAX 253402300800.0

uint32_t expr_value_text(enum mr_type type, const void *data, uint32_t row, char *buf) {
  switch (type) {
  case MR_TYPE_BOOL: {
    bool yes = mr_bit_get(data, row);
    memcpy(buf, yes ? "true" : "false", yes ? 4 : 5);
    return yes ? 4 : 5;
  }
  case MR_TYPE_DOUBLE: return (uint32_t)mr_double_format(buf, ((const double *)data)[row]);
  case MR_TYPE_TIMESTAMP: return (uint32_t)mr_timestamp_format(buf, ((const int64_t *)data)[row]);
  case MR_TYPE_DURATION: return (uint32_t)mr_duration_format_us(buf, ((const int64_t *)data)[row]);
  default: return (uint32_t)mr_int64_format(buf, ((const int64_t *)data)[row]);
  }
}

/* ---- text to values ---- */

static void trim(const char **s, uint32_t *len) {
  while (*len && (**s == ' ' || (**s >= '\t' && **s <= '\r'))) (*s)++, (*len)--;
  while (*len && ((*s)[*len - 1] == ' ' || ((*s)[*len - 1] >= '\t' && (*s)[*len - 1] <= '\r')))
    (*len)--;
}

static int parse_bool(const char *s, uint32_t len) {
  static const struct {
    const char *word;
    int value;
  } words[] = {{"true", 1},  {"t", 1}, {"yes", 1}, {"y", 1}, {"1", 1}, {"on", 1},
               {"false", 0}, {"f", 0}, {"no", 0},  {"n", 0}, {"0", 0}, {"off", 0}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strlen(words[i].word) == len && strncasecmp(words[i].word, s, len) == 0)
      return words[i].value;
  return -1;
}

/* JSON's grammar and what SQL adds: a leading +, a missing digit beside the point, leading zeros,
 * nan, inf. */
static bool parse_double(const char *s, uint32_t len, double *out) {
  char buf[64];
  if (mr_double_parse(s, len, out) == MR_OK) return true;
  bool neg = len && *s == '-';
  if (len && (*s == '-' || *s == '+')) s++, len--;
  if (len == 3 && strncasecmp(s, "nan", 3) == 0) {
    *out = __builtin_nan("");
    return true;
  }
  if ((len == 3 && strncasecmp(s, "inf", 3) == 0) ||
      (len == 8 && strncasecmp(s, "infinity", 8) == 0)) {
    *out = neg ? -__builtin_inf() : __builtin_inf();
    return true;
  }
  if (len == 0 || len > sizeof buf - 4) return false;
  while (len > 1 && s[0] == '0' && s[1] >= '0' && s[1] <= '9') s++, len--;
  uint32_t at = 0;
  if (*s == '.') buf[at++] = '0';
  bool digits = false;
  for (uint32_t i = 0; i < len; i++) {
    if (s[i] >= '0' && s[i] <= '9') digits = true;
    buf[at++] = s[i];
    if (s[i] == '.' && digits && (i + 1 == len || (s[i + 1] | 32) == 'e')) buf[at++] = '0';
  }
  if (mr_double_parse(buf, at, out) != MR_OK) return false;
  if (neg) *out = -*out;
  return true;
}

static bool from_text(uint8_t op, const char *s, uint32_t len, void *out, uint32_t row) {
  int64_t *i64 = (int64_t *)out + row;
  trim(&s, &len);
  switch (op) {
  case CAST_STR_INT: {
    bool plus = len > 1 && s[0] == '+' && s[1] != '-' && s[1] != '+';
    return mr_int64_parse(s + plus, len - plus, i64) == MR_OK;
  }
  case CAST_STR_DOUBLE: return parse_double(s, len, (double *)out + row);
  case CAST_STR_TIMESTAMP: return literal_timestamp(s, len, i64);
  case CAST_STR_DURATION: return literal_duration(s, len, i64);
  default: {
    int yes = parse_bool(s, len);
    if (yes == 1) mr_bit_set(out, row);
    return yes >= 0;
  }
  }
}

static bool from_double(uint8_t op, double d, int64_t *out) {
  if (op == CAST_DOUBLE_TIMESTAMP) {
    if (!(d >= TIME_SECONDS_MIN && d < TIME_SECONDS_MAX)) return false;
    d = __builtin_floor(d * 1e6 + 0.5);
  }
  if (!(d >= -0x1p63 && d < 0x1p63)) return false;
  *out = (int64_t)d;
  return true;
}

/* ---- the node ---- */

static bool cast_row(struct expr_run *run, const struct expr_node *n, const void *a, uint32_t row) {
  struct vec *v = run_vec(run, n);
  const int64_t *ai = (const int64_t *)a + row;
  int64_t *oi = (int64_t *)v->out + row;
  switch (n->op) {
  case CAST_STR_INT:
  case CAST_STR_DOUBLE:
  case CAST_STR_BOOL:
  case CAST_STR_TIMESTAMP:
  case CAST_STR_DURATION: {
    const struct mr_str *s = (const struct mr_str *)a + row;
    return from_text(n->op, mr_str_data(s, run->base), s->len, v->out, row);
  }
  case CAST_DOUBLE_INT:
  case CAST_DOUBLE_TIMESTAMP: return from_double(n->op, ((const double *)a)[row], oi);
  case CAST_BOOL_INT: *oi = mr_bit_get(a, row); return true;
  case CAST_BOOL_DOUBLE: ((double *)v->out)[row] = mr_bit_get(a, row); return true;
  case CAST_INT_BOOL:
    if (*ai) mr_bit_set(v->out, row);
    return true;
  case CAST_DOUBLE_BOOL:
    if (((const double *)a)[row] != 0) mr_bit_set(v->out, row);
    return true;
  case CAST_TIMESTAMP_INT: *oi = *ai / 1000000 - (*ai % 1000000 < 0); return true;
  case CAST_TIMESTAMP_DOUBLE: ((double *)v->out)[row] = (double)*ai / 1e6; return true;
  case CAST_INT_TIMESTAMP:
    if (*ai < (int64_t)TIME_SECONDS_MIN || *ai >= (int64_t)TIME_SECONDS_MAX) return false;
    *oi = *ai * 1000000;
    return true;
  default: return false;
  }
}

static void cast_to_text(struct expr_run *run, const struct expr_node *n, const uint64_t *work) {
  struct vec *v = run_vec(run, n);
  const void *a = run_arg(run, n, 0)->data;
  enum mr_type type = n->args[0]->type;
  struct mr_str *out = v->out;
  uint64_t full[MR_BATCH_WORDS] = {0};
  MR_BITMAP_EACH(work, run->words, row) {
    char buf[64];
    uint32_t len = expr_value_text(type, a, (uint32_t)row, buf);
    char *p = buf;
    if (len > MR_STR_INLINE) {
      p = run_scratch(run, len);
      if (p) memcpy(p, buf, len);
    }
    if (p)
      out[row] = mr_str_make(p, len, run->base);
    else
      mr_bit_set(full, (uint32_t)row);
  }
  run_raise(run, n, full);
}

void run_cast(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  const void *a = run_arg(run, n, 0)->data;
  uint64_t buf[MR_BATCH_WORDS], bad[MR_BATCH_WORDS] = {0}, any = 0;
  run_strict(run, n);
  const uint64_t *work = run_work(run, n, buf);
  size_t sz = n->type == MR_TYPE_BOOL ? run->words * 8 : run->rows64 * 8;
  if (n->type == MR_TYPE_STRING) sz = run->rows64 * sizeof(struct mr_str);
  memset(v->out, 0, sz);
  v->data = v->out;
  if (n->type == MR_TYPE_STRING) {
    cast_to_text(run, n, work);
    return;
  }
  MR_BITMAP_EACH(work, run->words, row) {
    if (cast_row(run, n, a, (uint32_t)row)) continue;
    mr_bit_set(bad, (uint32_t)row);
    if (n->type != MR_TYPE_BOOL) ((int64_t *)v->out)[row] = 0;
  }
  for (uint32_t w = 0; w < run->words; w++) any |= bad[w];
  if (!any) return;
  if (n->negated)
    run_nullify(run, n, bad);
  else
    run_raise(run, n, bad);
}
