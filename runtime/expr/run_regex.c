/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that match a regular expression, which is a constant: n->param. */
#include "expr/regex_private.h"
#include "expr/rows_private.h"

static const struct expr_pattern *pattern_of(const struct expr_node *n) {
  return n->param;
}

/* Where the next match may begin behind [off, off + len): behind it, or one character on when it is
 * empty. */
static uint64_t behind(const char *s, uint64_t len, const struct expr_span *m) {
  uint64_t end = (uint64_t)(m->off + m->len);
  return m->len ? end : end < len ? row_next_char(s, len, end) : len + 1;
}

static inline enum row_result regexp_like_row(struct expr_run *run, const struct expr_node *n,
                                              uint32_t row, bool *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  *out = expr_regex_find(pattern_of(n)->regex, row_text(run, a), a->len, 0, NULL, 0);
  return ROW_OK;
}
RUN_ROWS_BOOL(run_regexp_like, regexp_like_row)

/* The group's text of the first match; empty where there is none. */
static inline enum row_result regexp_extract_row(struct expr_run *run, const struct expr_node *n,
                                                 uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const struct expr_pattern *p = pattern_of(n);
  struct expr_span groups[EXPR_REGEX_GROUPS_MAX];
  const char *s = row_text(run, a);
  if (!expr_regex_find(p->regex, s, a->len, 0, groups, p->group + 1)) return ROW_OK;
  const struct expr_span *g = &groups[p->group];
  if (g->off >= 0) *out = row_part(run, s + g->off, (uint64_t)g->len);
  return ROW_OK;
}
RUN_ROWS(run_regexp_extract, struct mr_str, regexp_extract_row)

static inline enum row_result regexp_substr_row(struct expr_run *run, const struct expr_node *n,
                                                uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  struct expr_span m;
  if (!expr_regex_find(pattern_of(n)->regex, s, a->len, 0, &m, 1)) return ROW_NULL;
  *out = row_part(run, s + m.off, (uint64_t)m.len);
  return ROW_OK;
}
RUN_ROWS(run_regexp_substr, struct mr_str, regexp_substr_row)

static inline enum row_result regexp_instr_row(struct expr_run *run, const struct expr_node *n,
                                               uint32_t row, int64_t *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  struct expr_span m;
  if (expr_regex_find(pattern_of(n)->regex, s, a->len, 0, &m, 1))
    *out = (int64_t)mr_utf8_length(s, (size_t)m.off) + 1;
  return ROW_OK;
}
RUN_ROWS(run_regexp_instr, int64_t, regexp_instr_row)

static inline enum row_result regexp_count_row(struct expr_run *run, const struct expr_node *n,
                                               uint32_t row, int64_t *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  struct expr_span m;
  for (uint64_t from = 0;
       from <= a->len && expr_regex_find(pattern_of(n)->regex, s, a->len, from, &m, 1);
       from = behind(s, a->len, &m))
    ++*out;
  return ROW_OK;
}
RUN_ROWS(run_regexp_count, int64_t, regexp_count_row)

/* ---- replace ---- */

/* Bytes of the replacement for one match; writes them when p is not NULL. */
static uint64_t put_replacement(const struct expr_pattern *pat, const char *s,
                                const struct expr_span *groups, char *p) {
  uint64_t at = 0;
  for (uint32_t i = 0; i < pat->piece_cnt; i++) {
    const struct expr_piece *piece = &pat->pieces[i];
    const char *from = piece->text;
    uint64_t len = piece->len;
    if (piece->group >= 0) {
      const struct expr_span *g = &groups[piece->group];
      from = s + (g->off < 0 ? 0 : g->off);
      len = (uint64_t)g->len;
    }
    if (p) memcpy(p + at, from, len);
    at += len;
  }
  return at;
}

/* Bytes of the text with every match from byte `lo` on replaced; writes them when p is not NULL.
 * As Java's replaceAll: an empty match may follow directly behind another one. */
static uint64_t replace_all(const struct expr_pattern *pat, const char *s, uint64_t len,
                            uint64_t lo, char *p) {
  struct expr_span groups[EXPR_REGEX_GROUPS_MAX];
  uint64_t at = lo, done = lo; /* bytes written, bytes of s that they stand for */
  if (p) memcpy(p, s, lo);
  for (uint64_t from = lo; from <= len; from = behind(s, len, &groups[0])) {
    if (!expr_regex_find(pat->regex, s, len, from, groups, pat->group + 1)) break;
    uint64_t gap = (uint64_t)groups[0].off - done;
    if (p) memcpy(p + at, s + done, gap);
    at += gap;
    at += put_replacement(pat, s, groups, p ? p + at : NULL);
    done = (uint64_t)(groups[0].off + groups[0].len);
  }
  if (p) memcpy(p + at, s + done, len - done);
  return at + (len - done);
}

static inline enum row_result regexp_replace_row(struct expr_run *run, const struct expr_node *n,
                                                 uint32_t row, struct mr_str *out) {
  const struct mr_str *a = row_str(run, n, 0, row);
  const char *s = row_text(run, a);
  int64_t from = n->arg_cnt > 1 ? row_i64(run, n, 1, row) : 1;
  if (from < 1) return ROW_BAD;
  uint64_t lo = row_skip_chars(s, a->len, 0, from - 1);
  uint64_t sz = replace_all(pattern_of(n), s, a->len, lo, NULL);
  char *p = sz <= UINT32_MAX ? run_scratch(run, sz) : NULL;
  if (!p) return ROW_FULL;
  replace_all(pattern_of(n), s, a->len, lo, p);
  *out = row_made(run, p, sz, sz);
  return ROW_OK;
}
RUN_ROWS(run_regexp_replace, struct mr_str, regexp_replace_row)
