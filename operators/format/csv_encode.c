/* SPDX-License-Identifier: Apache-2.0 */
#include "format/csv_encode.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/text.h"

#define SCALAR_MAX 64u /* bytes of a value that is no text, in quotes */
#define SLACK      16u

_Static_assert(SCALAR_MAX >= MR_TEXT_DURATION_SZ + 2 && SCALAR_MAX >= MR_TEXT_TIMESTAMP_SZ + 2 &&
                   SCALAR_MAX >= MR_TEXT_DOUBLE_SZ && SCALAR_MAX >= MR_TEXT_INT64_SZ,
               "every scalar fits");
_Static_assert(SCALAR_MAX + 2 <= MR_CSV_ENCODE_MIN, "the smallest buffer takes a scalar");

enum stage { WHOLE, CELL, IN_STRING };

struct column {
  uint32_t idx;
  enum mr_type type;
  bool quoted; /* a time may hold the delimiter */
  const struct mr_enum *codes;
  const char *const *code_texts; /* as cells */
  const uint32_t *code_lens;
};

struct mr_csv_encoder {
  int32_t line_col;
  struct column *cols;
  uint32_t col_cnt;
  char delimiter, quote;
  bool special[256]; /* bytes for which a cell is in quotes */
  const char *header;
  uint32_t header_len;
  size_t fixed_max; /* bytes of a row without its strings */
};

/* What is being written: the row's view and where it goes. */
struct writer {
  const struct mr_csv_encoder *enc;
  const struct mr_view *view;
  const uint8_t *base;
  struct mr_csv_cursor *cursor;
};

/* ---- cells ---- */

/* The text's bytes with their quotes doubled; out has room for 2 * len. */
static char *put_doubled(char *out, const char *p, uint32_t len, char quote) {
  for (uint32_t i = 0; i < len; i++) {
    *out++ = p[i];
    if (p[i] == quote) *out++ = quote;
  }
  return out;
}

static bool is_plain(const struct mr_csv_encoder *enc, const char *p, uint32_t len) {
  bool special = false, blank = true;
  for (uint32_t i = 0; i < len; i++) {
    special |= enc->special[(unsigned char)p[i]];
    blank &= p[i] == ' ' || p[i] == '\t';
  }
  return !special && !(blank && (len == 0 || enc->col_cnt == 1));
}

static char *put_text(char *out, const struct mr_csv_encoder *enc, const char *p, uint32_t len) {
  if (is_plain(enc, p, len)) {
    memcpy(out, p, len);
    return out + len;
  }
  *out++ = enc->quote;
  out = put_doubled(out, p, len, enc->quote);
  *out++ = enc->quote;
  return out;
}

static char *put_double(char *out, double v, uint64_t *nan_null) {
  if (!isfinite(v)) {
    ++*nan_null;
    return out;
  }
  if (v == 0 && signbit(v)) {
    memcpy(out, "-0.0", 4);
    return out + 4;
  }
  return out + mr_double_format(out, v);
}

/* A value that is no string. */
static char *put_scalar(char *out, const struct writer *w, const struct column *col, uint32_t row) {
  const void *data = w->view->cols[col->idx].data;
  const int64_t *w8 = (const int64_t *)data + row;
  if (col->quoted) *out++ = w->enc->quote;
  switch (col->type) {
  case MR_TYPE_BOOL:
    memcpy(out, mr_bit_get(data, row) ? "true " : "false", 5);
    out += 5 - mr_bit_get(data, row);
    break;
  case MR_TYPE_DOUBLE:
    out = put_double(out, ((const double *)data)[row], &w->cursor->nan_null);
    break;
  case MR_TYPE_TIMESTAMP: out += mr_timestamp_format(out, *w8); break;
  case MR_TYPE_DURATION: out += mr_duration_format_us(out, *w8); break;
  default: out += mr_int64_format(out, *w8); break;
  }
  if (col->quoted) *out++ = w->enc->quote;
  return out;
}

static inline bool is_null(const struct mr_col *c, uint32_t row) {
  return !c->data || (c->valid && !mr_bit_get(c->valid, row));
}

static char *put_cell(char *out, const struct writer *w, const struct column *col, uint32_t row) {
  const struct mr_col *c = &w->view->cols[col->idx];
  if (is_null(c, row)) return out;
  if (col->type != MR_TYPE_STRING) return put_scalar(out, w, col, row);
  if (col->codes) {
    uint32_t code = ((const uint8_t *)c->data)[row];
    memcpy(out, col->code_texts[code], col->code_lens[code]);
    return out + col->code_lens[code];
  }
  const struct mr_str *s = (const struct mr_str *)c->data + row;
  return put_text(out, w->enc, mr_str_data(s, w->base), s->len);
}

/* ---- rows ---- */

/* The line that the row is already, or NULL. */
static inline const struct mr_str *line_of(const struct writer *w, uint32_t row) {
  int32_t col = w->enc->line_col;
  return col < 0 || is_null(&w->view->cols[col], row) ? NULL
                                                      : &MR_COL(w->view, col, struct mr_str)[row];
}

static size_t row_max(const struct writer *w, uint32_t row) {
  size_t sz = w->enc->fixed_max + SLACK;
  const struct mr_str *line = line_of(w, row);
  if (line) return line->len + SLACK;
  for (uint32_t i = 0; i < w->enc->col_cnt; i++) {
    const struct column *col = &w->enc->cols[i];
    const struct mr_str *s = w->view->cols[col->idx].data;
    if (col->type == MR_TYPE_STRING && !col->codes && s) sz += (size_t)s[row].len * 2;
  }
  return sz;
}

static char *put_row(char *out, const struct writer *w, uint32_t row) {
  const struct mr_csv_encoder *enc = w->enc;
  const struct mr_str *line = line_of(w, row);
  if (line) {
    memcpy(out, mr_str_data(line, w->base), line->len);
    out[line->len] = '\n';
    return out + line->len + 1;
  }
  for (uint32_t i = 0; i < enc->col_cnt; i++) {
    if (i) *out++ = enc->delimiter;
    out = put_cell(out, w, &enc->cols[i], row);
  }
  *out++ = '\n';
  return out;
}

/* ---- a row that is larger than the buffer, in pieces: its strings are all in quotes ---- */

/* The text from cursor->off on; false: the buffer is full. */
static bool put_part(char **out, const char *end, const struct writer *w,
                     const struct column *col) {
  struct mr_csv_cursor *cur = w->cursor;
  const void *data = w->view->cols[col->idx].data;
  const struct mr_str *s = (const struct mr_str *)data + cur->row;
  uint32_t code = col->codes ? ((const uint8_t *)data)[cur->row] : 0;
  uint32_t len = col->codes ? col->codes->lens[code] : s->len;
  const char *p = col->codes ? col->codes->texts[code] : mr_str_data(s, w->base);
  size_t room = (size_t)(end - *out) / 2;
  uint32_t n = len - cur->off < room ? len - cur->off : (uint32_t)room;
  *out = put_doubled(*out, p + cur->off, n, w->enc->quote);
  cur->off += n;
  if (cur->off < len || *out == end) return false;
  *(*out)++ = w->enc->quote;
  cur->off = 0;
  cur->stage = CELL;
  cur->col++;
  return true;
}

/* Goes on with the cut row until it is whole (stage WHOLE, next row) or the buffer is full. */
static char *put_cut(char *out, const char *end, const struct writer *w) {
  struct mr_csv_cursor *cur = w->cursor;
  const struct mr_csv_encoder *enc = w->enc;
  while (cur->stage != WHOLE) {
    if (cur->stage == IN_STRING) {
      if (!put_part(&out, end, w, &enc->cols[cur->col])) return out;
      continue;
    }
    if ((size_t)(end - out) < SCALAR_MAX + 2) return out;
    if (cur->col == enc->col_cnt) {
      *out++ = '\n';
      cur->stage = WHOLE;
      break;
    }
    const struct column *col = &enc->cols[cur->col];
    if (cur->col) *out++ = enc->delimiter;
    if (col->type == MR_TYPE_STRING && !is_null(&w->view->cols[col->idx], cur->row)) {
      *out++ = enc->quote;
      cur->stage = IN_STRING;
      continue;
    }
    out = put_cell(out, w, col, cur->row);
    cur->col++;
  }
  cur->row++;
  cur->rows++;
  return out;
}

static char *begin_cut(char *out, const char *end, const struct writer *w) {
  w->cursor->stage = CELL;
  w->cursor->col = w->cursor->off = 0;
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

size_t mr_csv_encode(const struct mr_csv_encoder *enc, const struct mr_view *view,
                     const uint8_t *base, struct mr_csv_cursor *cursor, char *buf, size_t sz) {
  MR_ASSERT(sz >= MR_CSV_ENCODE_MIN);
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

bool mr_csv_encode_inside(const struct mr_csv_cursor *cursor) {
  return cursor->stage == IN_STRING;
}

uint64_t mr_csv_encoded_rows(const struct mr_csv_encoder *enc, const char *p, size_t *len,
                             bool inside) {
  uint64_t rows = 0;
  size_t last = 0;
  for (size_t i = 0; i < *len; i++) {
    inside ^= p[i] == enc->quote;
    if (p[i] != '\n' || inside) continue;
    rows++;
    last = i + 1;
  }
  *len -= last;
  return rows;
}

/* ---- create ---- */

static size_t init_codes(struct mr_arena *arena, const struct mr_csv_encoder *enc,
                         struct column *col) {
  char **texts = MR_NEW(arena, char *, col->codes->cnt);
  uint32_t *lens = MR_NEW(arena, uint32_t, col->codes->cnt);
  size_t max = 0;
  for (uint32_t c = 0; c < col->codes->cnt; c++) {
    texts[c] = mr_arena_alloc(arena, (size_t)col->codes->lens[c] * 2 + 2);
    char *end = put_text(texts[c], enc, col->codes->texts[c], col->codes->lens[c]);
    lens[c] = (uint32_t)(end - texts[c]);
    if (lens[c] > max) max = lens[c];
  }
  col->code_texts = (const char *const *)texts;
  col->code_lens = lens;
  return max;
}

static void init_header(struct mr_arena *arena, struct mr_csv_encoder *enc,
                        const struct mr_schema *schema) {
  char *text = mr_arena_alloc(arena, (size_t)enc->col_cnt * (4 * MR_NAME_MAX + 8) + 2), *out = text;
  for (uint32_t i = 0; i < enc->col_cnt; i++) {
    const struct mr_field *f = &schema->fields[enc->cols[i].idx];
    const char *name = f->outer ? mr_arena_printf(arena, "%s.%s", f->outer, f->name) : f->name;
    if (i) *out++ = enc->delimiter;
    out = put_text(out, enc, name, (uint32_t)strlen(name));
  }
  *out++ = '\n';
  enc->header = text;
  enc->header_len = (uint32_t)(out - text);
}

const struct mr_csv_encoder *mr_csv_encoder_create(struct mr_arena *arena,
                                                   const struct mr_schema *schema,
                                                   const struct mr_decode_csv *csv,
                                                   struct mr_error *err) {
  struct mr_csv_encoder *enc = MR_NEW(arena, struct mr_csv_encoder, 1);
  enc->cols = MR_NEW(arena, struct column, schema->visible_cnt + 1);
  enc->col_cnt = schema->visible_cnt;
  enc->delimiter = csv->delimiter;
  enc->quote = csv->quote;
  enc->line_col = -1;
  for (uint32_t c = schema->visible_cnt; c < schema->cnt; c++)
    if (schema->fields[c].optional && !strcmp(schema->fields[c].name, "raw"))
      enc->line_col = (int32_t)c;
  enc->fixed_max = 2;
  if (!enc->col_cnt || !csv->quote) {
    mr_error_set(err, MR_ERR_ARG, enc->col_cnt ? "CSV needs a quote" : "CSV needs a column");
    return NULL;
  }
  enc->special[(unsigned char)csv->delimiter] = enc->special[(unsigned char)csv->quote] = true;
  enc->special['\n'] = enc->special['\r'] = true;
  for (uint32_t i = 0; i < enc->col_cnt; i++) {
    const struct mr_field *f = &schema->fields[i];
    struct column *col = &enc->cols[i];
    if (f->type == MR_TYPE_LIST) {
      mr_error_set(err, MR_ERR_ARG, "column \"%s\": CSV has no lists", f->name);
      return NULL;
    }
    *col = (struct column){.idx = i, .type = f->type, .codes = f->codes};
    col->quoted = f->type == MR_TYPE_TIMESTAMP && enc->special[':'];
    enc->fixed_max += 3 + (f->codes ? init_codes(arena, enc, col) : SCALAR_MAX);
  }
  init_header(arena, enc, schema);
  return enc;
}

const char *mr_csv_encode_header(const struct mr_csv_encoder *enc, uint32_t *len) {
  *len = enc->header_len;
  return enc->header;
}
