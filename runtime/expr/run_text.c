/* SPDX-License-Identifier: Apache-2.0 */
/* Functions over text that work row by row: padding, parts, replacement by characters, distance. */
#include "expr/rows_private.h"

/* ---- pad, repeat ---- */

/* op: 0 left, 1 right. As Spark: a text that is too long is cut, an empty pad adds nothing. */
static inline enum row_result pad_row(struct expr_run *run, const struct expr_node *n, uint32_t row,
                                      struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const struct mr_str *b = n->arg_cnt > 2 ? row_str(run, n, 2, row) : NULL;
  const char *s = row_text(run, a), *pad = b ? row_text(run, b) : " ";
  uint64_t len = a->len, pad_len = b ? b->len : 1;
  int64_t want = row_i64(run, n, 1, row), have = (int64_t)mr_utf8_length(s, len);
  if (want <= have || !pad_len) {
    *out = row_part(run, s, row_skip_chars(s, len, 0, want));
    return ROW_OK;
  }
  uint64_t need = (uint64_t)(want - have), unit = mr_utf8_length(pad, pad_len);
  if (need > MR_EXPR_SCRATCH_SZ) return ROW_FULL;
  uint64_t rest = row_skip_chars(pad, pad_len, 0, (int64_t)(need % unit));
  uint64_t fill = need / unit * pad_len + rest;
  char *p = run_scratch(run, len + fill), *at = p;
  if (!p) return ROW_FULL;
  if (n->op) memcpy(at, s, len), at += len;
  for (uint64_t i = 0; i < need / unit; i++, at += pad_len) memcpy(at, pad, pad_len);
  memcpy(at, pad, rest);
  if (!n->op) memcpy(at + rest, s, len);
  *out = row_made(run, p, len + fill, len + fill);
  return ROW_OK;
}
RUN_ROWS(run_pad, struct mr_str, pad_row)

static inline enum row_result repeated(struct expr_run *run, const char *s, uint64_t len,
                                       int64_t times, struct mr_str *out) {
  if (times <= 0 || !len) return ROW_OK; /* zero bytes: the empty text */
  if ((uint64_t)times > MR_EXPR_SCRATCH_SZ) return ROW_FULL;
  uint64_t sz = len * (uint64_t)times;
  char *p = run_scratch(run, sz);
  if (!p) return ROW_FULL;
  for (uint64_t i = 0; i < (uint64_t)times; i++) memcpy(p + i * len, s, len);
  *out = row_made(run, p, sz, sz);
  return ROW_OK;
}

static inline enum row_result repeat_row(struct expr_run *run, const struct expr_node *n,
                                         uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  return repeated(run, row_text(run, a), a->len, row_i64(run, n, 1, row), out);
}
RUN_ROWS(run_repeat, struct mr_str, repeat_row)

static inline enum row_result space_row(struct expr_run *run, const struct expr_node *n,
                                        uint32_t row, struct mr_str *out) {
  return repeated(run, " ", 1, row_i64(run, n, 0, row), out);
}
RUN_ROWS(run_space, struct mr_str, space_row)

/* ---- reverse, initcap ---- */

static inline enum row_result reverse_row(struct expr_run *run, const struct expr_node *n,
                                          uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  char *p = run_scratch(run, a->len);
  if (!p) return ROW_FULL;
  uint64_t at = a->len;
  for (uint64_t i = 0; i < a->len;) {
    uint64_t next = row_next_char(s, a->len, i);
    at -= next - i;
    memcpy(p + at, s + i, next - i);
    i = next;
  }
  *out = row_made(run, p, a->len, a->len);
  return ROW_OK;
}
RUN_ROWS(run_reverse, struct mr_str, reverse_row)

static inline enum row_result initcap_row(struct expr_run *run, const struct expr_node *n,
                                          uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a), *end = s + a->len;
  uint64_t sz = (uint64_t)a->len * 3, at = 0; /* a mapping may need 3 bytes for 2 */
  char *p = run_scratch(run, sz);
  bool first = true;
  if (!p) return ROW_FULL;
  while (s < end) {
    uint32_t cp = expr_utf8_next(&s, end);
    at += expr_utf8_put(p + at, first ? expr_upper(cp) : expr_lower(cp));
    first = cp == ' ';
  }
  *out = row_made(run, p, at, sz);
  return ROW_OK;
}
RUN_ROWS(run_initcap, struct mr_str, initcap_row)

/* ---- translate, overlay ---- */

/* Index of the character at c among those of set, or -1; *off its byte. */
static int64_t char_index(const char *set, uint64_t set_len, const char *c, uint64_t c_len) {
  int64_t at = 0;
  for (uint64_t i = 0; i < set_len; at++) {
    uint64_t next = row_next_char(set, set_len, i);
    if (next - i == c_len && memcmp(set + i, c, c_len) == 0) return at;
    i = next;
  }
  return -1;
}

static inline enum row_result translate_row(struct expr_run *run, const struct expr_node *n,
                                            uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row), *b = row_str(run, n, 1, row);
  const struct mr_str *c = row_str(run, n, 2, row);
  const char *s = row_text(run, a), *from = row_text(run, b), *to = row_text(run, c);
  uint64_t sz = (uint64_t)a->len * 4, at = 0;
  char *p = run_scratch(run, sz);
  if (!p) return ROW_FULL;
  for (uint64_t i = 0; i < a->len;) {
    uint64_t next = row_next_char(s, a->len, i);
    int64_t k = char_index(from, b->len, s + i, next - i);
    const char *put = s + i;
    uint64_t put_len = next - i;
    if (k >= 0) {
      uint64_t lo = row_skip_chars(to, c->len, 0, k);
      put = to + lo;
      put_len = lo < c->len ? row_next_char(to, c->len, lo) - lo : 0;
    }
    memcpy(p + at, put, put_len);
    at += put_len;
    i = next;
  }
  *out = row_made(run, p, at, sz);
  return ROW_OK;
}
RUN_ROWS(run_translate, struct mr_str, translate_row)

/* Bytes of the characters before position `to` (from 1; below 1 from the end), and where those
 * behind `to + cnt` begin, as Spark's substring counts. */
static uint64_t before_char(const char *s, uint64_t len, int64_t pos) {
  if (pos > 0) return row_skip_chars(s, len, 0, pos - 1);
  if (pos == 0) return 0;
  int64_t total = (int64_t)mr_utf8_length(s, len);
  return row_skip_chars(s, len, 0, total + pos);
}

static inline enum row_result overlay_row(struct expr_run *run, const struct expr_node *n,
                                          uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row), *b = row_str(run, n, 1, row);
  const char *s = row_text(run, a), *by = row_text(run, b);
  int64_t pos = row_i64(run, n, 2, row), cnt = n->arg_cnt > 3 ? row_i64(run, n, 3, row) : -1;
  if (cnt < 0) cnt = (int64_t)mr_utf8_length(by, b->len);
  int64_t behind;
  if (__builtin_add_overflow(pos, cnt, &behind)) behind = INT64_MAX;
  uint64_t head = pos > 0 ? before_char(s, a->len, pos) : 0;
  uint64_t tail = before_char(s, a->len, behind), sz = head + b->len + (a->len - tail);
  char *p = run_scratch(run, sz);
  if (!p) return ROW_FULL;
  memcpy(p, s, head);
  memcpy(p + head, by, b->len);
  memcpy(p + head + b->len, s + tail, a->len - tail);
  *out = row_made(run, p, sz, sz);
  return ROW_OK;
}
RUN_ROWS(run_overlay, struct mr_str, overlay_row)

/* ---- parts ---- */

/* First occurrence of part in s from byte `from` on, or -1. */
static int64_t find_from(const char *s, uint64_t len, uint64_t from, const struct mr_str *part,
                         const char *p) {
  if (from > len) return -1;
  int64_t hit = expr_find(s + from, (uint32_t)(len - from), p, part->len);
  return hit < 0 ? -1 : hit + (int64_t)from;
}

/* Part k of s between delimiters, counted from 1; below 0 from the end. */
static inline enum row_result split_part_row(struct expr_run *run, const struct expr_node *n,
                                             uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row), *d = row_str(run, n, 1, row);
  const char *s = row_text(run, a), *by = row_text(run, d);
  int64_t k = row_i64(run, n, 2, row), parts = 1;
  if (k == 0) return ROW_BAD;
  if (!d->len) {
    if (k == 1 || k == -1) *out = *a;
    return ROW_OK;
  }
  if (k < 0) {
    for (int64_t at = find_from(s, a->len, 0, d, by); at >= 0; parts++)
      at = find_from(s, a->len, (uint64_t)at + d->len, d, by);
    k = k < -parts ? 0 : parts + k + 1;
    if (!k) return ROW_OK;
  }
  uint64_t lo = 0;
  for (;; k--) {
    int64_t at = find_from(s, a->len, lo, d, by);
    uint64_t hi = at < 0 ? a->len : (uint64_t)at;
    if (k == 1) {
      *out = row_part(run, s + lo, hi - lo);
      return ROW_OK;
    }
    if (at < 0) return ROW_OK;
    lo = hi + d->len;
  }
}
RUN_ROWS(run_split_part, struct mr_str, split_part_row)

/* What stands before the count-th delimiter; count below 0: behind it, from the end. Occurrences
 * may overlap, as in Spark. */
static inline enum row_result substring_index_row(struct expr_run *run, const struct expr_node *n,
                                                  uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row), *d = row_str(run, n, 1, row);
  const char *s = row_text(run, a), *by = row_text(run, d);
  int64_t cnt = row_i64(run, n, 2, row), at = cnt > 0 ? -1 : (int64_t)a->len - d->len + 1;
  if (!d->len || !cnt) return ROW_OK;
  for (; cnt > 0; cnt--) {
    at = find_from(s, a->len, (uint64_t)(at + 1), d, by);
    if (at < 0) {
      *out = *a;
      return ROW_OK;
    }
    if (cnt == 1) *out = row_part(run, s, (uint64_t)at);
  }
  for (; cnt < 0; cnt++) {
    do at--;
    while (at >= 0 && memcmp(s + at, by, d->len) != 0);
    if (at < 0) {
      *out = *a;
      return ROW_OK;
    }
    uint64_t lo = (uint64_t)at + d->len;
    if (cnt == -1) *out = row_part(run, s + lo, a->len - lo);
  }
  return ROW_OK;
}
RUN_ROWS(run_substring_index, struct mr_str, substring_index_row)

/* Where part begins at or behind character `from`, counted from 1; 0: nowhere. */
static inline enum row_result locate_row(struct expr_run *run, const struct expr_node *n,
                                         uint32_t row, int64_t *out) {
  const struct mr_str *part = row_str(run, n, 0, row), *a = row_str(run, n, 1, row);
  const char *s = row_text(run, a), *p = row_text(run, part);
  int64_t from = row_i64(run, n, 2, row);
  if (from < 1) return ROW_OK;
  if (!part->len) { /* as Spark: the empty text is at the start */
    *out = 1;
    return ROW_OK;
  }
  uint64_t lo = row_skip_chars(s, a->len, 0, from - 1);
  if (lo == a->len && from - 1 > (int64_t)mr_utf8_length(s, a->len)) return ROW_OK;
  int64_t hit = find_from(s, a->len, lo, part, p);
  if (hit >= 0) *out = (int64_t)mr_utf8_length(s, (size_t)hit) + 1;
  return ROW_OK;
}
RUN_ROWS(run_locate, int64_t, locate_row)

/* ---- characters and numbers ---- */

static inline enum row_result ascii_row(struct expr_run *run, const struct expr_node *n,
                                        uint32_t row, int64_t *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  if (a->len) *out = expr_utf8_next(&s, s + a->len);
  return ROW_OK;
}
RUN_ROWS(run_ascii, int64_t, ascii_row)

/* As Spark: of 256 characters, the number modulo 256. */
static inline enum row_result chr_row(struct expr_run *run, const struct expr_node *n, uint32_t row,
                                      struct mr_str *out) {
  int64_t k = row_i64(run, n, 0, row);
  char buf[4];
  if (k >= 0) *out = row_part(run, buf, expr_utf8_put(buf, (uint32_t)(k & 0xff)));
  return ROW_OK;
}
RUN_ROWS(run_chr, struct mr_str, chr_row)

/* ---- levenshtein ---- */

static uint32_t decode(const char *s, uint64_t len, uint32_t *out) {
  uint32_t cnt = 0;
  for (const char *end = s + len; s < end;) out[cnt++] = expr_utf8_next(&s, end);
  return cnt;
}

/* Edit distance in characters, row by row of the matrix (Wagner and Fischer). */
static int64_t distance(const uint32_t *a, uint32_t a_cnt, const uint32_t *b, uint32_t b_cnt,
                        uint32_t *line) {
  for (uint32_t k = 0; k <= b_cnt; k++) line[k] = k;
  for (uint32_t i = 0; i < a_cnt; i++) {
    uint32_t corner = line[0];
    line[0] = i + 1;
    for (uint32_t k = 0; k < b_cnt; k++) {
      uint32_t up = line[k + 1], change = corner + (a[i] != b[k]);
      uint32_t least = up < line[k] ? up + 1 : line[k] + 1;
      line[k + 1] = change < least ? change : least;
      corner = up;
    }
  }
  return line[b_cnt];
}

static inline enum row_result levenshtein_row(struct expr_run *run, const struct expr_node *n,
                                              uint32_t row, int64_t *out) {
  const struct mr_str *a = row_str(run, n, 0, row), *b = row_str(run, n, 1, row);
  uint64_t sz = ((uint64_t)a->len + 2 * (uint64_t)b->len + 2) * sizeof(uint32_t);
  uint64_t pad = (4 - run->scratch_used % 4) % 4; /* the scratch begins at a page */
  char *p = run_scratch(run, sz + pad);
  if (!p) return ROW_FULL;
  uint32_t *x = (uint32_t *)(void *)(p + pad), *y = x + a->len, *line = y + b->len;
  uint32_t x_cnt = decode(row_text(run, a), a->len, x);
  uint32_t y_cnt = decode(row_text(run, b), b->len, y);
  *out = distance(x, x_cnt, y, y_cnt, line);
  run->scratch_used -= sz + pad;
  if (n->arg_cnt > 2 && *out > row_i64(run, n, 2, row)) *out = -1;
  return ROW_OK;
}
RUN_ROWS(run_levenshtein, int64_t, levenshtein_row)

/* ---- concat_ws: NULLs are left out, so it is strict in the separator only ---- */

/* Appends a value's text behind the separator; p NULL: only counts. */
static uint64_t joined(char *p, uint64_t at, bool first, const char *sep, uint64_t sep_len,
                       const char *s, uint64_t len) {
  if (!first && p) memcpy(p + at, sep, sep_len);
  if (!first) at += sep_len;
  if (p) memcpy(p + at, s, len);
  return at + len;
}

static uint64_t join_row(struct expr_run *run, const struct expr_node *n, uint32_t row, char *p) {
  const struct mr_str *sep = row_str(run, n, 0, row);
  const char *by = row_text(run, sep);
  uint64_t at = 0;
  bool first = true;
  for (uint32_t i = 1; i < n->arg_cnt; i++) {
    const struct vec *a = run_arg(run, n, i);
    char buf[64];
    if (!vec_bit(a->valid, row, true)) continue;
    if (n->args[i]->type == MR_TYPE_STRING) {
      const struct mr_str *s = row_str(run, n, i, row);
      at = joined(p, at, first, by, sep->len, row_text(run, s), s->len);
    } else {
      uint32_t len = expr_value_text(n->args[i]->type, a->data, row, buf);
      at = joined(p, at, first, by, sep->len, buf, len);
    }
    first = false;
  }
  return at;
}

void run_concat_ws(struct expr_run *run, const struct expr_node *n) {
  struct vec *v = run_vec(run, n);
  struct mr_str *out = v->out;
  struct row_marks marks = {0};
  uint64_t buf[MR_BATCH_WORDS];
  run_strict(run, n);
  v->valid = run_arg(run, n, 0)->valid;
  const uint64_t *work = run_work(run, n, buf);
  memset(out, 0, run->rows64 * sizeof *out);
  v->data = out;
  MR_BITMAP_EACH(work, run->words, row) {
    uint64_t sz = join_row(run, n, (uint32_t)row, NULL);
    char *p = sz <= UINT32_MAX ? run_scratch(run, sz) : NULL;
    if (p) {
      join_row(run, n, (uint32_t)row, p);
      out[row] = row_made(run, p, sz, sz);
    } else {
      row_mark(&marks, ROW_FULL, (uint32_t)row);
    }
  }
  row_marks_put(run, n, &marks);
}
