/* SPDX-License-Identifier: Apache-2.0 */
#include "format/cut.h"

#include <string.h>

void mr_cut_init(struct mr_cut *cut, enum mr_decode_kind kind, const struct mr_decode_csv *csv) {
  *cut = (struct mr_cut){.kind = kind, .delimiter = csv->delimiter, .quote = csv->quote};
  mr_cut_start(cut);
}

void mr_cut_start(struct mr_cut *cut) {
  cut->quoted = cut->closed = false;
  cut->start = true;
}

static bool ends_cell(const struct mr_cut *cut, char c) {
  return c == cut->delimiter || c == '\n' || c == '\r';
}

/* Goes on to the next stretch that is outside of quotes: from *at to the byte returned, which is
 * the quote behind it or the end. */
static const char *next_plain(struct mr_cut *cut, const char **at, const char *end) {
  const char *p = *at;
  while (p < end && (cut->quoted || cut->closed)) {
    if (cut->closed) { /* a second quote stands for itself */
      cut->closed = false;
      cut->start = false;
      cut->quoted = *p == cut->quote;
      p += cut->quoted;
      continue;
    }
    const char *q = memchr(p, cut->quote, (size_t)(end - p));
    cut->quoted = !q;
    cut->closed = q != NULL;
    p = q ? q + 1 : end;
  }
  *at = p;
  const char *q = p < end && cut->quote ? memchr(p, cut->quote, (size_t)(end - p)) : NULL;
  return q ? q : end;
}

/* Behind the stretch: a quote at the start of a cell opens it. */
static const char *step_over(struct mr_cut *cut, const char *at, const char *to, const char *end) {
  if (to > at) cut->start = ends_cell(cut, to[-1]);
  if (to == end) return end;
  cut->quoted = cut->start;
  cut->start = false;
  return to + 1;
}

size_t mr_cut_last(struct mr_cut *cut, const char *p, size_t len) {
  const char *last = NULL, *end = p + len;
  if (cut->kind == MR_DECODE_JSON) {
    last = memrchr(p, '\n', len);
    return last ? (size_t)(last + 1 - p) : 0;
  }
  for (const char *at = p; at < end;) {
    const char *to = next_plain(cut, &at, end), *q = memrchr(at, '\n', (size_t)(to - at));
    if (q) last = q;
    at = step_over(cut, at, to, end);
  }
  return last ? (size_t)(last + 1 - p) : 0;
}

size_t mr_cut_first(struct mr_cut *cut, const char *p, size_t len) {
  const char *end = p + len;
  for (const char *at = p; at < end;) {
    const char *to = cut->kind == MR_DECODE_CSV ? next_plain(cut, &at, end) : end;
    const char *q = memchr(at, '\n', (size_t)(to - at));
    if (q) return (size_t)(q + 1 - p);
    at = step_over(cut, at, to, end);
  }
  return 0;
}
