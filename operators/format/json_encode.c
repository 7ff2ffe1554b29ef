/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/text.h"
#include "format/json_encode.h"
#include "format/scan.h"

#define SCALAR_MAX 64u /* bytes of a value that is no text */
#define SLACK      16u /* bytes that a copy may write beyond its text */
#define PIECE_MAX  (2 * MR_NAME_MAX + SCALAR_MAX + 24u)

_Static_assert(SCALAR_MAX >= MR_TEXT_DURATION_SZ + 2 && SCALAR_MAX >= MR_TEXT_TIMESTAMP_SZ + 2 &&
                   SCALAR_MAX >= MR_TEXT_DOUBLE_SZ && SCALAR_MAX >= MR_TEXT_INT64_SZ,
               "every scalar fits");
_Static_assert(PIECE_MAX <= MR_JSON_ENCODE_MIN, "the smallest buffer takes a key and a scalar");

enum stage { WHOLE, FIELD, IN_STRING, IN_LIST, IN_LIST_STRING, IN_RAW };

struct column {
  char key[MR_NAME_MAX + 5]; /* ,"name": */
  uint32_t key_len;
  uint32_t open_len; /* the first member of a struct: what comes before its key; else 0 */
  const char *open;  /* ,"struct":{ */
  bool inner, last;  /* a member of a struct; its last one */
  uint32_t idx;
  enum mr_type type, elem;
  const struct mr_enum *codes;
  const char *const *code_texts; /* escaped, with quotes */
  const uint32_t *code_lens;
};

struct mr_json_encoder {
  struct column *cols;
  uint32_t col_cnt;
  bool nulls_omit;
  const struct mr_kinds *kinds; /* whose columns alone are written; NULL: all are */
  int32_t raw_col;
  size_t fixed_max; /* bytes of a row without texts and lists */
};

/* What is being written: the row's view and where it goes. */
struct writer {
  const struct mr_json_encoder *enc;
  const struct mr_view *view;
  const uint8_t *base;
  struct mr_json_cursor *cursor;
};

/* ---- texts ---- */

/* One byte as JSON writes it inside quotes; at most six bytes. */
static char *put_byte(char *out, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  static const char names[] = "btn fr"; /* 8, 9, 10, 12, 13 */
  if (c >= 0x20 && c != '"' && c != '\\') {
    *out = (char)c;
    return out + 1;
  }
  *out++ = '\\';
  if (c >= 0x20) {
    *out = (char)c;
    return out + 1;
  }
  if (c >= 8 && c <= 13 && c != 11) {
    *out = names[c - 8];
    return out + 1;
  }
  memcpy(out, "u00", 3);
  out[3] = hex[c >> 4];
  out[4] = hex[c & 15];
  return out + 5;
}

static char *put_bytes(char *out, const char *p, uint32_t len) {
  for (uint32_t i = 0; i < len; i++) out = put_byte(out, (unsigned char)p[i]);
  return out;
}

/* len bytes, escaped where they must be. out has room for 6 * len + SLACK. */
static char *put_text(char *out, const char *p, uint32_t len) {
  if (len < 8) return put_bytes(out, p, len);
  if (len < 16) {
    uint64_t a = mr_scan_load8(p), b = mr_scan_load8(p + len - 8);
    if (mr_scan_word_escaped(a) || mr_scan_word_escaped(b)) return put_bytes(out, p, len);
    memcpy(out, &a, 8);
    memcpy(out + len - 8, &b, 8);
    return out + len;
  }
  uint32_t i = 0;
  bool plain = true; /* so far */
  for (; i + 16 <= len; i += 16) {
    if (mr_scan_copy16(out, p + i)) {
      out = put_bytes(out, p + i, 16);
      plain = false;
    } else {
      out += 16;
    }
  }
  /* the last 16 bytes once more: the first of them are there already, the same */
  if (i < len && plain && !mr_scan_copy16(out - (16 - (len - i)), p + len - 16))
    return out + (len - i);
  return put_bytes(out, p + i, len - i);
}

char *mr_json_escape(char *out, const char *p, uint32_t len) {
  return put_text(out, p, len);
}

/* A view's bytes in quotes. */
static inline char *put_str(char *out, const struct mr_str *s, const uint8_t *base) {
  *out++ = '"';
  if (s->len <= MR_STR_INLINE) { /* zero-padded, so eight bytes at a time are there */
    uint64_t w[2] = {0, 0};
    memcpy(w, s->u.inl, MR_STR_INLINE);
    uint64_t blanks = UINT64_C(0x2020202020202020);
    uint32_t n = s->len, low = n < 8 ? n : 8, high = n - low;
    uint64_t a = low < 8 ? w[0] | blanks << (8 * low) : w[0];
    if (!mr_scan_word_escaped(a) && !mr_scan_word_escaped(w[1] | blanks << (8 * high))) {
      memcpy(out, w, 16);
      out += n;
    } else {
      out = put_bytes(out, s->u.inl, n);
    }
  } else {
    out = put_text(out, mr_str_data(s, base), s->len);
  }
  *out++ = '"';
  return out;
}

/* ---- scalars ---- */

static char *put_null(char *out) {
  memcpy(out, "null", 4);
  return out + 4;
}

static char *put_double(char *out, double v, uint64_t *nan_null) {
  if (!isfinite(v)) {
    ++*nan_null;
    return put_null(out);
  }
  if (v == 0 && signbit(v)) { /* "-0" would be read as a whole number, which has no sign there */
    memcpy(out, "-0.0", 4);
    return out + 4;
  }
  return out + mr_double_format(out, v);
}

static char *put_bool(char *out, bool v) {
  memcpy(out, v ? "true " : "false", 5);
  return out + 5 - v;
}

/* A value of eight bytes. */
static char *put_w8(char *out, enum mr_type type, const void *at, uint64_t *nan_null) {
  int64_t v;
  double d;
  memcpy(&v, at, 8);
  switch (type) {
  case MR_TYPE_DOUBLE: memcpy(&d, at, 8); return put_double(out, d, nan_null);
  case MR_TYPE_TIMESTAMP:
    *out++ = '"';
    out += mr_timestamp_format(out, v);
    break;
  case MR_TYPE_DURATION:
    *out++ = '"';
    out += mr_duration_format_us(out, v);
    break;
  default: return out + mr_int64_format(out, v);
  }
  *out++ = '"';
  return out;
}

/* ---- lists ---- */

static inline bool elem_null(const struct mr_list *l, const uint8_t *base, uint32_t e) {
  if (!l->has_nulls) return false;
  const uint64_t *valid = (const uint64_t *)(const void *)(base + l->off) - mr_bitmap_words(l->cnt);
  return !mr_bit_get(valid, e);
}

static const struct mr_str *elem_str(const struct mr_list *l, const uint8_t *base, uint32_t e) {
  return (const struct mr_str *)(const void *)(base + l->off) + e;
}

/* Element e, which is no plain string. */
static char *put_elem(char *out, const struct column *col, const struct mr_list *l,
                      const uint8_t *base, uint32_t e, uint64_t *nan_null) {
  const uint8_t *data = base + l->off;
  if (elem_null(l, base, e)) return put_null(out);
  if (col->elem == MR_TYPE_BOOL) return put_bool(out, data[e]);
  if (col->codes) {
    memcpy(out, col->code_texts[data[e]], col->code_lens[data[e]]);
    return out + col->code_lens[data[e]];
  }
  return put_w8(out, col->elem, data + (size_t)e * 8, nan_null);
}

static char *put_list(char *out, const struct column *col, const struct mr_list *l,
                      const uint8_t *base, uint64_t *nan_null) {
  *out++ = '[';
  for (uint32_t e = 0; e < l->cnt; e++) {
    if (e) *out++ = ',';
    if (col->elem == MR_TYPE_STRING && !col->codes && !elem_null(l, base, e))
      out = put_str(out, elem_str(l, base, e), base);
    else
      out = put_elem(out, col, l, base, e, nan_null);
  }
  *out++ = ']';
  return out;
}

static uint32_t longest_code(const struct column *col) {
  uint32_t max = 4;
  for (uint32_t c = 0; c < col->codes->cnt; c++)
    if (col->code_lens[c] > max) max = col->code_lens[c];
  return max;
}

static size_t list_max(const struct column *col, const struct mr_list *l, const uint8_t *base) {
  size_t sz = 2;
  if (col->codes) return sz + (size_t)l->cnt * (longest_code(col) + 1);
  if (col->elem != MR_TYPE_STRING) return sz + (size_t)l->cnt * (SCALAR_MAX + 1);
  for (uint32_t e = 0; e < l->cnt; e++) sz += 8 + (size_t)elem_str(l, base, e)->len * 6;
  return sz;
}

/* ---- rows ---- */

static inline bool is_null(const struct mr_col *c, uint32_t row) {
  return !c->data || (c->valid && !mr_bit_get(c->valid, row));
}

/* The row is a line already. */
static inline bool is_raw(const struct writer *w, uint32_t row) {
  int32_t col = w->enc->raw_col;
  return col >= 0 && !is_null(&w->view->cols[col], row);
}

/* The columns below 64 that a row has. */
static inline uint64_t columns_of(const struct writer *w, uint32_t row) {
  const struct mr_kinds *kinds = w->enc->kinds;
  return kinds ? kinds->fields[MR_COL(w->view, kinds->col, uint8_t)[row]] : UINT64_MAX;
}

static inline bool left_out(const struct writer *w, const struct column *col, uint64_t columns,
                            bool null) {
  return null && (w->enc->nulls_omit || (col->idx < 64 && !(columns >> col->idx & 1)));
}

static char *put_value(char *out, const struct writer *w, const struct column *col,
                       const struct mr_col *c, uint32_t row) {
  uint32_t code;
  switch (col->type) {
  case MR_TYPE_BOOL: return put_bool(out, mr_bit_get(c->data, row));
  case MR_TYPE_STRING:
    if (!col->codes) return put_str(out, (const struct mr_str *)c->data + row, w->base);
    code = ((const uint8_t *)c->data)[row];
    memcpy(out, col->code_texts[code], col->code_lens[code]);
    return out + col->code_lens[code];
  case MR_TYPE_LIST:
    return put_list(out, col, (const struct mr_list *)c->data + row, w->base, &w->cursor->nan_null);
  default: return put_w8(out, col->type, (const int64_t *)c->data + row, &w->cursor->nan_null);
  }
}

static size_t row_max(const struct writer *w, uint32_t row) {
  const struct mr_json_encoder *enc = w->enc;
  size_t sz = enc->fixed_max + SLACK;
  if (is_raw(w, row)) return sz + MR_COL(w->view, enc->raw_col, struct mr_str)[row].len;
  for (uint32_t i = 0; i < enc->col_cnt; i++) {
    const struct column *col = &enc->cols[i];
    const void *data = w->view->cols[col->idx].data;
    if (!data) continue;
    if (col->type == MR_TYPE_STRING && !col->codes)
      sz += (size_t)((const struct mr_str *)data)[row].len * 6;
    else if (col->type == MR_TYPE_LIST)
      sz += list_max(col, (const struct mr_list *)data + row, w->base);
  }
  return sz;
}

/* The key of a member, without the comma where it is the first one of its struct. */
static char *put_member_key(char *out, const struct column *col, bool first) {
  memcpy(out, col->key + first, col->key_len - first);
  return out + col->key_len - first;
}

static char *put_member(char *out, const struct writer *w, const struct column *col, uint32_t row,
                        bool leave_out) {
  const struct mr_col *c = &w->view->cols[col->idx];
  memcpy(out, col->open, col->open_len);
  out += col->open_len;
  if (!leave_out) {
    out = put_member_key(out, col, out[-1] == '{');
    out = is_null(c, row) ? put_null(out) : put_value(out, w, col, c, row);
  }
  if (col->last) *out++ = '}';
  return out;
}

static char *put_row(char *out, const struct writer *w, uint32_t row) {
  const struct mr_json_encoder *enc = w->enc;
  if (is_raw(w, row)) {
    const struct mr_str *s = &MR_COL(w->view, enc->raw_col, struct mr_str)[row];
    memcpy(out, mr_str_data(s, w->base), s->len);
    out[s->len] = '\n';
    return out + s->len + 1;
  }
  char *start = out;
  uint64_t columns = columns_of(w, row);
  for (uint32_t i = 0; i < enc->col_cnt; i++) {
    const struct column *col = &enc->cols[i];
    const struct mr_col *c = &w->view->cols[col->idx];
    bool null = is_null(c, row);
    if (__builtin_expect(col->inner, 0)) {
      out = put_member(out, w, col, row, left_out(w, col, columns, null));
      continue;
    }
    if (left_out(w, col, columns, null)) continue;
    memcpy(out, col->key, sizeof col->key);
    out += col->key_len;
    out = null ? put_null(out) : put_value(out, w, col, c, row);
  }
  if (out == start) out++;
  *start = '{';
  *out++ = '}';
  *out++ = '\n';
  return out;
}

/* ---- a row that is larger than the buffer, in pieces ---- */

/* A part of a text from cursor->off on; true when all of it and its quote are written. */
static bool put_part(char **out, const char *end, struct mr_json_cursor *cur, const char *p,
                     uint32_t len) {
  size_t room = (size_t)(end - *out) / 6;
  uint32_t n = len - cur->off;
  if (n > room) n = (uint32_t)room;
  *out = put_bytes(*out, p + cur->off, n);
  cur->off += n;
  if (cur->off < len || *out == end) return false;
  *(*out)++ = '"';
  cur->off = 0;
  return true;
}

/* Key and value, or what comes before the parts of a text or list. */
static void begin_field(char **out, const struct writer *w, const struct column *col) {
  struct mr_json_cursor *cur = w->cursor;
  const struct mr_col *c = &w->view->cols[col->idx];
  bool null = is_null(c, cur->row);
  uint32_t next = cur->col + 1;
  cur->col = next;
  if (col->open_len) {
    memcpy(*out, col->open, col->open_len);
    if (!cur->some) **out = '{';
    *out += col->open_len;
    cur->some = cur->open = true;
    cur->inner_some = false;
  }
  if (left_out(w, col, columns_of(w, cur->row), null)) return;
  if (col->inner) {
    *out = put_member_key(*out, col, !cur->inner_some);
    cur->inner_some = true;
  } else {
    memcpy(*out, col->key, col->key_len);
    if (!cur->some) **out = '{';
    *out += col->key_len;
  }
  cur->some = true;
  if (null) {
    *out = put_null(*out);
  } else if (col->type == MR_TYPE_STRING) {
    *(*out)++ = '"';
    cur->col = next - 1;
    cur->stage = IN_STRING;
  } else if (col->type == MR_TYPE_LIST) {
    *(*out)++ = '[';
    cur->col = next - 1;
    cur->elem = 0;
    cur->stage = IN_LIST;
  } else {
    *out = put_value(*out, w, col, c, cur->row);
  }
}

static const char *text_of(const struct writer *w, const struct column *col, uint32_t code,
                           const struct mr_str *s, uint32_t *len) {
  *len = col->codes ? col->codes->lens[code] : s->len;
  return col->codes ? col->codes->texts[code] : mr_str_data(s, w->base);
}

static void step_string(char **out, const char *end, const struct writer *w,
                        const struct column *col) {
  struct mr_json_cursor *cur = w->cursor;
  const void *data = w->view->cols[col->idx].data;
  uint32_t len, code = col->codes ? ((const uint8_t *)data)[cur->row] : 0;
  const char *p = text_of(w, col, code, (const struct mr_str *)data + cur->row, &len);
  if (!put_part(out, end, cur, p, len)) return;
  cur->stage = FIELD;
  cur->col++;
}

static void step_list(char **out, const char *end, const struct writer *w,
                      const struct column *col) {
  struct mr_json_cursor *cur = w->cursor;
  const struct mr_list *l = (const struct mr_list *)w->view->cols[col->idx].data + cur->row;
  const uint8_t *data = w->base + l->off;
  if (cur->stage == IN_LIST_STRING) {
    uint32_t len, code = col->codes ? data[cur->elem] : 0;
    const char *p = text_of(w, col, code, elem_str(l, w->base, cur->elem), &len);
    if (!put_part(out, end, cur, p, len)) return;
    cur->stage = IN_LIST;
    cur->elem++;
    return;
  }
  if (cur->elem == l->cnt) {
    *(*out)++ = ']';
    cur->stage = FIELD;
    cur->col++;
    return;
  }
  if (cur->elem) *(*out)++ = ',';
  if (col->elem == MR_TYPE_STRING && !elem_null(l, w->base, cur->elem)) {
    *(*out)++ = '"';
    cur->stage = IN_LIST_STRING;
    return;
  }
  *out = put_elem(*out, col, l, w->base, cur->elem, &cur->nan_null);
  cur->elem++;
}

static void step_raw(char **out, const char *end, const struct writer *w) {
  struct mr_json_cursor *cur = w->cursor;
  const struct mr_str *s = &MR_COL(w->view, w->enc->raw_col, struct mr_str)[cur->row];
  uint32_t n = s->len - cur->off;
  if (n > (size_t)(end - *out)) n = (uint32_t)(end - *out);
  memcpy(*out, mr_str_data(s, w->base) + cur->off, n);
  *out += n;
  cur->off += n;
  if (cur->off < s->len || *out == end) return;
  *(*out)++ = '\n';
  cur->off = 0;
  cur->stage = WHOLE;
}

/* Goes on with the cut row until it is whole (stage WHOLE, next row) or the buffer is full. */
static char *put_cut(char *out, const char *end, const struct writer *w) {
  struct mr_json_cursor *cur = w->cursor;
  const struct mr_json_encoder *enc = w->enc;
  while (cur->stage != WHOLE) {
    const char *before = out;
    if (cur->stage == IN_RAW) {
      step_raw(&out, end, w);
    } else if (cur->stage == IN_STRING) {
      step_string(&out, end, w, &enc->cols[cur->col]);
    } else if (cur->stage == IN_LIST_STRING) {
      step_list(&out, end, w, &enc->cols[cur->col]);
    } else if ((size_t)(end - out) < PIECE_MAX) {
      return out;
    } else if (cur->stage == IN_LIST) {
      step_list(&out, end, w, &enc->cols[cur->col]);
    } else if (cur->open && enc->cols[cur->col - 1].last) {
      *out++ = '}';
      cur->open = false;
    } else if (cur->col < enc->col_cnt) {
      begin_field(&out, w, &enc->cols[cur->col]);
      continue;
    } else {
      if (!cur->some) *out++ = '{';
      *out++ = '}';
      *out++ = '\n';
      cur->stage = WHOLE;
    }
    if (out == before) return out;
  }
  cur->row++;
  cur->rows++;
  return out;
}

static char *begin_cut(char *out, const char *end, const struct writer *w) {
  struct mr_json_cursor *cur = w->cursor;
  cur->stage = is_raw(w, cur->row) ? IN_RAW : FIELD;
  cur->col = cur->elem = cur->off = 0;
  cur->some = cur->open = false;
  return put_cut(out, end, w);
}

static uint32_t next_selected(const struct mr_view *view, uint32_t row) {
  if (!view->sel || row >= view->row_cnt) return row;
  uint32_t w = row / 64;
  uint64_t word = view->sel[w] & (UINT64_MAX << (row % 64));
  while (!word) {
    if (++w * 64 >= view->row_cnt) return view->row_cnt;
    word = view->sel[w];
  }
  return w * 64 + (uint32_t)__builtin_ctzll(word);
}

size_t mr_json_encode(const struct mr_json_encoder *enc, const struct mr_view *view,
                      const uint8_t *base, struct mr_json_cursor *cursor, char *buf, size_t sz) {
  MR_ASSERT(sz >= MR_JSON_ENCODE_MIN);
  struct writer w = {enc, view, base, cursor};
  char *out = buf, *end = buf + sz;
  if (cursor->stage != WHOLE) out = put_cut(out, end, &w);
  while (cursor->stage == WHOLE) {
    cursor->row = next_selected(view, cursor->row);
    if (cursor->row >= view->row_cnt) break;
    size_t max = row_max(&w, cursor->row);
    if (max > sz) {
      out = begin_cut(out, end, &w);
      continue;
    }
    if (max > (size_t)(end - out)) break;
    out = put_row(out, &w, cursor->row);
    cursor->row++;
    cursor->rows++;
  }
  return (size_t)(out - buf);
}

/* ---- create ---- */

static void init_codes(struct mr_arena *arena, struct column *col) {
  char **texts = MR_NEW(arena, char *, col->codes->cnt);
  uint32_t *lens = MR_NEW(arena, uint32_t, col->codes->cnt);
  for (uint32_t c = 0; c < col->codes->cnt; c++) {
    texts[c] = mr_arena_alloc(arena, (size_t)col->codes->lens[c] * 6 + 2);
    char *end = put_bytes(texts[c] + 1, col->codes->texts[c], col->codes->lens[c]);
    texts[c][0] = *end = '"';
    lens[c] = (uint32_t)(end + 1 - texts[c]);
  }
  col->code_texts = (const char *const *)texts;
  col->code_lens = lens;
}

/* What a column is in the struct of its field; outer: of the column before. Returns the field's. */
static const char *init_struct(struct mr_arena *arena, const struct mr_field *f, const char *outer,
                               struct column *col) {
  bool goes_on = f->outer && outer && strcmp(f->outer, outer) == 0;
  col->open = "";
  if (outer && !goes_on) col[-1].last = true;
  if (!f->outer) return NULL;
  col->inner = true;
  if (!goes_on) {
    col->open = mr_arena_printf(arena, ",\"%s\":{", f->outer);
    col->open_len = (uint32_t)strlen(col->open);
  }
  return f->outer;
}

const struct mr_json_encoder *mr_json_encoder_create(struct mr_arena *arena,
                                                     const struct mr_json_encode_conf *conf,
                                                     struct mr_error *err) {
  const struct mr_schema *schema = conf->schema;
  if (conf->raw_col >= 0) {
    const struct mr_field *f = &schema->fields[conf->raw_col];
    if ((uint32_t)conf->raw_col >= schema->cnt || f->type != MR_TYPE_STRING || f->codes) {
      mr_error_set(err, MR_ERR_ARG, "the raw column must be a plain string column");
      return NULL;
    }
  }
  struct mr_json_encoder *enc = MR_NEW(arena, struct mr_json_encoder, 1);
  enc->cols = MR_NEW(arena, struct column, schema->visible_cnt + 1);
  enc->nulls_omit = conf->nulls_omit;
  enc->kinds = conf->nulls_own ? schema->kinds : NULL;
  enc->raw_col = conf->raw_col;
  enc->fixed_max = sizeof enc->cols->key + 4;
  const char *outer = NULL; /* the struct of the column before */
  for (uint32_t i = 0; i < schema->visible_cnt; i++) {
    const struct mr_field *f = &schema->fields[i];
    if (conf->skip && conf->skip[i]) continue;
    struct column *col = &enc->cols[enc->col_cnt++];
    uint32_t len = (uint32_t)strlen(f->name);
    MR_ASSERT(len <= MR_NAME_MAX);
    memcpy(col->key, ",\"", 2);
    memcpy(col->key + 2, f->name, len);
    memcpy(col->key + 2 + len, "\":", 2);
    col->key_len = len + 4;
    col->idx = i;
    col->type = f->type;
    col->elem = f->elem;
    col->codes = f->codes;
    if (f->codes) init_codes(arena, col);
    outer = init_struct(arena, f, outer, col);
    enc->fixed_max +=
        col->open_len + 1 + col->key_len + (f->codes ? longest_code(col) : SCALAR_MAX);
  }
  if (outer) enc->cols[enc->col_cnt - 1].last = true;
  return enc;
}
