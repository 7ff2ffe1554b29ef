/* SPDX-License-Identifier: Apache-2.0 */
/* One row by the state machine, and its values into the batch. */
#include <stdio.h>

#include "base/assert.h"
#include "format/csv_private.h"
#include "format/json_encode.h"

#define CLIP 40u /* bytes of a value shown in a cause */

/* ---- where the row ends ---- */

/* The cell ends before byte `off` of the row. */
static void end_cell(struct mr_csv *csv, uint32_t off) {
  struct mr_csv_look *k = &csv->look;
  if (k->cell_cnt < MR_CSV_CELLS_MAX)
    csv->row[k->cell_cnt] =
        (struct mr_csv_cell){k->cell_off, off - k->cell_off, k->quoted, k->doubled};
  k->cell_cnt++;
}

static const char *skip_class(const struct mr_csv *csv, const char *p, const char *end,
                              unsigned also) {
  while (p < end) {
    unsigned class = csv->classes[(unsigned char)*p];
    if (class != MR_CSV_OTHER && class != also) break;
    p++;
  }
  return p;
}

/* One step inside quotes, at a byte that may end them; the next byte. */
static const char *look_quoted(struct mr_csv *csv, const char *at, bool after_cr) {
  struct mr_csv_look *k = &csv->look;
  switch (csv->classes[(unsigned char)*at]) {
  case MR_CSV_QUOTE: k->state = MR_CSV_QUOTE_SEEN; break;
  case MR_CSV_END: k->newlines += *at == '\r' || !after_cr; break;
  case MR_CSV_NUL: k->nul = true; break;
  default: break;
  }
  return at + 1;
}

/* Goes on with the look at the row at p as far as it is there: the byte that ends it, or NULL. */
static const char *look_on(struct mr_csv *csv, const char *p, const char *end) {
  struct mr_csv_look *k = &csv->look;
  const char *at = p + k->off;
  while (at < end) {
    unsigned class = csv->classes[(unsigned char)*at];
    bool after_cr = at > p ? at[-1] == '\r' : k->cr;
    switch (k->state) {
    case MR_CSV_START:
      k->cell_off = (uint32_t)(at - p);
      k->quoted = class == MR_CSV_QUOTE;
      k->doubled = false;
      k->state = k->quoted ? MR_CSV_QUOTED : MR_CSV_PLAIN;
      at += k->quoted;
      break;
    case MR_CSV_PLAIN:
      at = skip_class(csv, at, end, MR_CSV_QUOTE);
      if (at == end) break;
      class = csv->classes[(unsigned char)*at];
      k->nul |= class == MR_CSV_NUL;
      if (class != MR_CSV_NUL) end_cell(csv, (uint32_t)(at - p));
      if (class == MR_CSV_END) return at;
      if (class == MR_CSV_DELIMITER) k->state = MR_CSV_START;
      at++;
      break;
    case MR_CSV_QUOTED:
      if (class != MR_CSV_OTHER && class != MR_CSV_DELIMITER)
        at = look_quoted(csv, at, after_cr);
      else
        at = skip_class(csv, at, end, MR_CSV_DELIMITER);
      break;
    default:
      k->state = class == MR_CSV_QUOTE ? MR_CSV_QUOTED : MR_CSV_PLAIN;
      k->doubled |= class == MR_CSV_QUOTE;
      if (class == MR_CSV_QUOTE)
        at++;
      else if (class != MR_CSV_DELIMITER && class != MR_CSV_END && !k->junk_cell)
        k->junk_cell = k->cell_cnt + 1;
      break;
    }
  }
  if (at > p) k->cr = at[-1] == '\r';
  k->off = (uint32_t)(at - p);
  return NULL;
}

/* The input ends behind `len` bytes of the row. */
static void look_at_end(struct mr_csv *csv, uint32_t len) {
  struct mr_csv_look *k = &csv->look;
  if (k->state == MR_CSV_START) {
    k->cell_off = len;
    k->quoted = k->doubled = false;
  }
  k->open = k->state == MR_CSV_QUOTED;
  end_cell(csv, len);
}

/* Steps over the row's end at lines->p, if there is one. */
static void take_end(struct mr_csv *csv, struct mr_lines *lines) {
  const char *p = lines->p;
  if (p == lines->end) return;
  bool cr = *p++ == '\r';
  csv->after_cr = cr && p == lines->end;
  if (cr && p < lines->end && *p == '\n') p++;
  lines->pos += (uint64_t)(p - lines->p);
  lines->p = (char *)(uintptr_t)p;
}

bool mr_csv_begin_row(struct mr_csv *csv, struct mr_lines *lines) {
  if (csv->look.whole) memset(&csv->look, 0, sizeof csv->look);
  if (csv->after_cr && lines->p < lines->end) {
    lines->pos += *lines->p == '\n';
    lines->p += *lines->p == '\n';
    csv->after_cr = false;
  }
  return lines->p < lines->end || lines->skipping;
}

static enum mr_line_result skip_long(struct mr_csv *csv, struct mr_lines *lines, const char *q,
                                     struct mr_line *out) {
  mr_lines_long_take(lines, q ? q : lines->end);
  csv->look.off = 0;
  if (!q && !lines->eof) return MR_LINE_MORE;
  take_end(csv, lines);
  mr_lines_long_end(lines, out);
  lines->line += csv->look.newlines;
  csv->look.whole = true;
  return MR_LINE_LONG;
}

bool mr_csv_is_blank(const struct mr_csv *csv, const char *p, size_t len) {
  while (len && (*p == ' ' || *p == '\t') && *p != csv->delimiter) p++, len--;
  return len == 0;
}

enum mr_line_result mr_csv_next_row(struct mr_csv *csv, struct mr_lines *lines,
                                    struct mr_line *out) {
  while (mr_csv_begin_row(csv, lines)) {
    const char *p = lines->p, *q = look_on(csv, p, lines->end);
    size_t len = (size_t)((q ? q : lines->end) - p);
    if (!lines->skipping && len > lines->max_line) mr_lines_long_begin(lines);
    if (lines->skipping) return skip_long(csv, lines, q, out);
    if (!q && !lines->eof) return MR_LINE_MORE;
    if (!q) look_at_end(csv, (uint32_t)len);
    csv->look.whole = true;
    *out = (struct mr_line){p, (uint32_t)len, lines->pos, lines->line, len};
    lines->p += len;
    lines->pos += len;
    lines->line += 1 + csv->look.newlines;
    take_end(csv, lines);
    if (!mr_csv_is_blank(csv, p, len)) return MR_LINE_GOT;
  }
  return MR_LINE_MORE;
}

bool mr_csv_row_check(struct mr_csv *csv, struct mr_line *line) {
  const struct mr_csv_look *k = &csv->look;
  if (k->open) { /* what the input ends with is no part of the row */
    const char *p = line->p;
    line->len -= p[line->len - 1] == '\n';
    line->len -= line->len && p[line->len - 1] == '\r';
    line->bytes = line->len;
  }
  if (!mr_utf8_valid(line->p, line->len))
    return mr_fill_bad(&csv->fill, MR_BAD_UTF8, "the row is not valid UTF-8");
  if (k->nul) return mr_fill_bad(&csv->fill, MR_BAD_SYNTAX, "the row has a NUL byte");
  if (k->open)
    return mr_fill_bad(&csv->fill, MR_BAD_SYNTAX,
                       "the quote that cell %u begins with is not closed before the input ends",
                       k->cell_cnt);
  if (k->junk_cell)
    return mr_fill_bad(&csv->fill, MR_BAD_SYNTAX, "cell %u goes on behind its closing quote",
                       k->junk_cell);
  return true;
}

/* ---- values ---- */

const char *mr_csv_cell_text(struct mr_csv *csv, const char *p, const struct mr_csv_cell *cell,
                             uint32_t *len) {
  p += cell->off + cell->quoted;
  *len = cell->len - 2 * cell->quoted;
  if (!cell->doubled) return p;
  char *out = csv->scratch + csv->scratch_used, *o = out;
  MR_ASSERT(*len <= csv->scratch_sz - csv->scratch_used);
  for (const char *end = p + *len; p < end; p++) {
    *o++ = *p;
    p += *p == csv->quote;
  }
  *len = (uint32_t)(o - out);
  csv->scratch_used += *len;
  return out;
}

static const char *show_text(const char *p, uint32_t len, char *buf, size_t sz) {
  snprintf(buf, sz, "\"%.*s%s\"", (int)mr_text_clip(p, len, CLIP), p, len > CLIP ? "..." : "");
  return buf;
}

static bool bad_type(struct mr_csv *csv, const struct mr_fill_col *col, const char *p,
                     uint32_t len) {
  char buf[64];
  return mr_fill_bad(&csv->fill, MR_BAD_TYPE, "field \"%s\": expected %s, found %s",
                     col->field->name, mr_value_kind_text(col->kind),
                     show_text(p, len, buf, sizeof buf));
}

static bool bad_value(struct mr_csv *csv, const struct mr_fill_col *col, const char *why,
                      const char *p, uint32_t len) {
  char buf[64];
  return mr_fill_bad(&csv->fill, MR_BAD_VALUE, "field \"%s\": %s, found %s", col->field->name, why,
                     show_text(p, len, buf, sizeof buf));
}

static bool bad_time(struct mr_csv *csv, const struct mr_fill_col *col, const char *p,
                     uint32_t len) {
  int64_t v;
  switch (col->kind) {
  case MR_VALUE_RFC3339: return bad_value(csv, col, "expected a time as RFC 3339 text", p, len);
  case MR_VALUE_PATTERN:
    return bad_value(csv, col, "expected a time of the declared pattern", p, len);
  case MR_VALUE_DURATION:
    return bad_value(csv, col, "expected a duration such as \"1h2m3.5s\"", p, len);
  case MR_VALUE_TIMES:
    return bad_value(csv, col, "expected a time in one of the declared formats", p, len);
  default:
    if (mr_int64_parse(p, len, &v) != 0) return bad_type(csv, col, p, len);
    return bad_value(csv, col, "expected a time in the years 1 to 9999", p, len);
  }
}

static bool put_number(struct mr_csv *csv, const struct mr_fill_col *col, const char *p,
                       uint32_t len, void *dst, uint32_t row) {
  int rc;
  if (col->kind == MR_VALUE_INT64) {
    rc = mr_int64_parse(p, len, (int64_t *)dst + row);
    if (rc == MR_ERR_LIMIT)
      return bad_value(csv, col, "expected a whole number of 64 bits with sign", p, len);
  } else {
    rc = mr_csv_take_double(p, len, (double *)dst + row);
    if (rc == MR_ERR_LIMIT)
      return bad_value(csv, col, "expected a number that a double can hold", p, len);
  }
  return rc == 0 || bad_type(csv, col, p, len);
}

static bool put_value(struct mr_csv *csv, uint32_t c, const char *p, uint32_t len, uint32_t row) {
  const struct mr_fill_col *col = &csv->fill.cols[c];
  void *dst = csv->fill.dst[c];
  bool flag;
  char buf[64];
  int32_t code;
  switch (col->kind) {
  case MR_VALUE_STR:
    if (col->needed) mr_fill_str(&csv->fill, (struct mr_str *)dst + row, p, len);
    return true;
  case MR_VALUE_CODE:
    code = mr_codes_find(col->codes, p, len);
    if (code < 0) return mr_fill_bad_code(&csv->fill, col, show_text(p, len, buf, sizeof buf));
    ((uint8_t *)dst)[row] = (uint8_t)code;
    return true;
  case MR_VALUE_INT64:
  case MR_VALUE_DOUBLE: return put_number(csv, col, p, len, dst, row);
  case MR_VALUE_BOOL:
    if (!mr_csv_take_bool(p, len, &flag)) return bad_type(csv, col, p, len);
    mr_fill_bit(dst, row, flag);
    return true;
  default: return mr_csv_take_time(col, p, len, (int64_t *)dst + row) || bad_time(csv, col, p, len);
  }
}

static bool put_col(struct mr_csv *csv, const char *p, uint32_t c, uint32_t row) {
  const struct mr_fill_col *col = &csv->fill.cols[c];
  bool seen = false;
  for (uint32_t n = csv->name_off[c]; n < csv->name_off[c + 1]; n++) {
    uint32_t len;
    if (csv->cells[n] == MR_CSV_NO_CELL) continue;
    const char *text = mr_csv_cell_text(csv, p, &csv->row[csv->cells[n]], &len);
    if (len || col->kind == MR_VALUE_STR || csv->empty_code[c] != MR_CSV_NO_CELL)
      return put_value(csv, c, text, len, row);
    seen = true;
  }
  if (!col->null_ok && !col->conf->def.given)
    return mr_fill_bad_missing(&csv->fill, col, seen ? "is empty" : "is missing");
  mr_fill_missing(&csv->fill, c, row);
  return true;
}

/* The row as a JSON object behind what scratch holds; false: it is too large. */
static bool make_raw(struct mr_csv *csv, const char *p, const char **raw, uint32_t *raw_len) {
  const struct mr_csv_cell *last = &csv->row[csv->cell_cnt - 1];
  size_t from = csv->scratch_used;
  csv->scratch_used += (size_t)last->off + last->len; /* for the texts of cells */
  size_t to = csv->scratch_used;
  char *out = csv->scratch + to, *end = csv->scratch + csv->scratch_sz;
  *raw = out;
  for (uint32_t i = 0; i < csv->cell_cnt; i++) {
    uint32_t len, name_len = csv->names_off[i + 1] - csv->names_off[i];
    csv->scratch_used = from;
    const char *text = mr_csv_cell_text(csv, p, &csv->row[i], &len);
    if ((size_t)(end - out) < (size_t)len * 6 + name_len + 32) {
      mr_fill_bad(&csv->fill, MR_BAD_TOO_LARGE, "the row as a JSON object is too large");
      return false;
    }
    memcpy(out, csv->names + csv->names_off[i], name_len);
    out = mr_json_escape(out + name_len, text, len);
    *out++ = '"';
  }
  *out++ = '}';
  csv->scratch_used = from;
  *raw_len = (uint32_t)(out - *raw);
  return true;
}

bool mr_csv_row_put(struct mr_csv *csv, const char *p, uint32_t row, bool *full) {
  const char *raw = NULL;
  uint32_t raw_len = 0;
  *full = false;
  csv->scratch_used = 0;
  csv->fill.pend_cnt = csv->fill.null_cnt = 0;
  for (uint32_t c = 0; c < csv->fill.col_cnt; c++)
    if (csv->fill.cols[c].checked && !put_col(csv, p, c, row)) return false;
  if (csv->fill.conf.raw_col >= 0 && !make_raw(csv, p, &raw, &raw_len)) return false;
  *full = !mr_fill_commit(&csv->fill, row, raw, raw_len);
  return true;
}
