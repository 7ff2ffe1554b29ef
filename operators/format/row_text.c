/* SPDX-License-Identifier: Apache-2.0 */
#include "format/row_text.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"

struct out {
  char *p;
  size_t len, sz;
  bool full;
};

static void put(struct out *o, const char *p, size_t len) {
  if (o->full || len > o->sz - o->len) {
    o->full = true;
    return;
  }
  memcpy(o->p + o->len, p, len);
  o->len += len;
}

static void put_char(struct out *o, unsigned char c) {
  static const char hex[] = "0123456789abcdef", names[] = "btn-fr"; /* 8 to 13; 11 has no name */
  if (c == '"' || c == '\\')
    put(o, (char[]){'\\', (char)c}, 2);
  else if (c >= 0x20)
    put(o, (char *)&c, 1);
  else if (c >= 8 && c <= 13 && c != 11)
    put(o, (char[]){'\\', names[c - 8]}, 2);
  else
    put(o, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

static void put_string(struct out *o, const char *p, size_t len) {
  put(o, "\"", 1);
  for (size_t i = 0; i < len && !o->full; i++) put_char(o, (unsigned char)p[i]);
  put(o, "\"", 1);
}

static void put_double(struct out *o, double v) {
  char s[MR_TEXT_DOUBLE_SZ];
  if (isfinite(v))
    put(o, s, mr_double_format(s, v));
  else
    put(o, "null", 4);
}

static void put_word(struct out *o, enum mr_type type, int64_t v) {
  char s[MR_TEXT_DURATION_SZ];
  if (type == MR_TYPE_TIMESTAMP)
    put_string(o, s, mr_timestamp_format(s, v));
  else if (type == MR_TYPE_DURATION)
    put_string(o, s, mr_duration_format_us(s, v));
  else
    put(o, s, mr_int64_format(s, v));
}

/* Value idx of a column, or of a list's elements, where a bool is a byte. */
static void put_value(struct out *o, enum mr_type type, const struct mr_enum *codes,
                      const void *data, const uint8_t *base, uint32_t idx, bool elem) {
  if (type == MR_TYPE_BOOL) {
    bool v = elem ? ((const uint8_t *)data)[idx] != 0 : mr_bit_get(data, idx);
    put(o, v ? "true" : "false", v ? 4 : 5);
  } else if (type == MR_TYPE_STRING && codes) {
    uint8_t code = ((const uint8_t *)data)[idx];
    put_string(o, codes->texts[code], codes->lens[code]);
  } else if (type == MR_TYPE_STRING) {
    const struct mr_str *s = (const struct mr_str *)data + idx;
    put_string(o, mr_str_data(s, base), s->len);
  } else if (type == MR_TYPE_DOUBLE) {
    put_double(o, ((const double *)data)[idx]);
  } else {
    put_word(o, type, ((const int64_t *)data)[idx]);
  }
}

static void put_list(struct out *o, const struct mr_field *field, const struct mr_list *list,
                     const uint8_t *base) {
  const void *data = base + list->off;
  const uint64_t *valid =
      list->has_nulls ? (const uint64_t *)data - mr_bitmap_words(list->cnt) : NULL;
  put(o, "[", 1);
  for (uint32_t i = 0; i < list->cnt && !o->full; i++) {
    if (i) put(o, ",", 1);
    if (valid && !mr_bit_get(valid, i))
      put(o, "null", 4);
    else
      put_value(o, field->elem, field->codes, data, base, i, true);
  }
  put(o, "]", 1);
}

static void put_field(struct out *o, const struct mr_field *field, const struct mr_col *col,
                      const uint8_t *base, uint32_t row) {
  if (col->valid && !mr_bit_get(col->valid, row))
    put(o, "null", 4);
  else if (field->type == MR_TYPE_LIST)
    put_list(o, field, (const struct mr_list *)col->data + row, base);
  else
    put_value(o, field->type, field->codes, col->data, base, row, false);
}

size_t mr_format_value_text(const struct mr_field *field, const uint8_t *base,
                            const struct mr_col *col, uint32_t row, char *buf, size_t sz) {
  struct out o = {.p = buf, .sz = sz};
  put_field(&o, field, col, base, row);
  return o.full ? 0 : o.len;
}

/* The line of an untyped row, where it is JSON and was carried along; NULL: not. */
static const struct mr_str *raw_line(const struct mr_schema *schema, const uint8_t *base,
                                     const struct mr_view *view, uint32_t row) {
  for (uint32_t c = schema->visible_cnt; c < schema->cnt; c++) {
    const struct mr_str *s = view->cols[c].data;
    if (!s || strcmp(schema->fields[c].name, "raw") != 0) continue;
    s += row;
    const char *p = mr_str_data(s, base), *end = p + s->len;
    while (p < end && (*p == ' ' || *p == '\t')) p++;
    return p < end && *p == '{' ? s : NULL;
  }
  return NULL;
}

/* Ends the struct that is open and begins the next, where they differ. */
static void put_struct(struct out *o, const char **outer, const char *next, bool *some) {
  if (*outer && (!next || strcmp(*outer, next) != 0)) {
    put(o, "}", 1);
    *outer = NULL;
  }
  if (*outer || !next) return;
  if (*some) put(o, ",", 1);
  put_string(o, next, strlen(next));
  put(o, ":{", 2);
  *outer = next;
  *some = false;
}

size_t mr_format_row_text(const struct mr_schema *schema, const uint8_t *base,
                          const struct mr_view *view, uint32_t row, char *buf, size_t sz) {
  struct out o = {.p = buf, .sz = sz};
  const char *outer = NULL;
  bool some = false;
  const struct mr_str *raw = raw_line(schema, base, view, row);
  if (raw) {
    put(&o, mr_str_data(raw, base), raw->len);
    return o.full ? 0 : o.len;
  }
  put(&o, "{", 1);
  for (uint32_t c = 0; c < schema->visible_cnt && !o.full; c++) {
    const struct mr_field *field = &schema->fields[c];
    const struct mr_col *col = &view->cols[c];
    if (!col->data) continue;
    put_struct(&o, &outer, field->outer, &some);
    if (some) put(&o, ",", 1);
    some = true;
    put_string(&o, field->name, strlen(field->name));
    put(&o, ":", 1);
    put_field(&o, field, col, base, row);
  }
  put_struct(&o, &outer, NULL, &some);
  put(&o, "}", 1);
  return o.full ? 0 : o.len;
}
