/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "graph/secret.h"
#include "graph/utf8_private.h"

#define VIEW_LEN  120u /* bytes of a source line that are shown */
#define VIEW_LEAD 48u  /* of these, before the span when the line is longer */

const char *mr_code_title(int code) {
  switch (code) {
#define MR_CODE_TITLE(number, name, title)                                                         \
  case number: return title;
    MR_CODES(MR_CODE_TITLE)
#undef MR_CODE_TITLE
  default: return NULL;
  }
}

/* --- texts ---------------------------------------------------------------------------------- */

/* True for what a terminal or a log may show as it stands. */
static bool is_shown(uint32_t code) {
  return code >= 0x20 && code != 0x7f && !(code >= 0x80 && code < 0xa0) && code != 0xfeff &&
         !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

/* Replaces in place: control characters and malformed bytes by '?', tabs and newlines by a blank.
 * Never grows. */
static size_t clean(char *text, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < len;) {
    uint32_t code, step = mr_utf8_step(text + i, len - i, &code);
    if (step && is_shown(code)) {
      memmove(text + n, text + i, step);
      n += step;
    } else {
      text[n++] = step == 1 && (code == '\t' || code == '\n') ? ' ' : '?';
    }
    i += step ? step : 1;
  }
  text[n] = '\0';
  return n;
}

/* Scrubbed before it is cut: half a secret would not be found. */
static const char *format_text(const struct mr_diags *list, const char *fmt, va_list ap) {
  char buf[MR_DIAG_TEXT_MAX + 8], *text = buf;
  va_list again;
  va_copy(again, ap);
  int want = vsnprintf(buf, sizeof buf, fmt, ap);
  size_t len = want < 0 ? 0 : (size_t)want;
  if (list->secrets && len >= sizeof buf) {
    text = mr_arena_alloc(list->arena, len + 8);
    vsnprintf(text, len + 1, fmt, again);
  }
  va_end(again);
  if (list->secrets) len = strlen(mr_secrets_scrub(list->secrets, text));
  if (len > MR_DIAG_TEXT_MAX) {
    len = mr_utf8_cut(text, MR_DIAG_TEXT_MAX);
    memcpy(text + len, "...", 3);
    len += 3;
  }
  text[len] = '\0';
  len = clean(text, len);
  return mr_arena_strndup(list->arena, text, len);
}

/* --- the list ------------------------------------------------------------------------------- */

void mr_diags_init(struct mr_diags *list, struct mr_arena *arena) {
  *list = (struct mr_diags){.arena = arena};
}

bool mr_diags_full(const struct mr_diags *list) {
  return list->cnt >= MR_DIAG_KEPT_MAX;
}

static struct mr_diag *add(struct mr_diags *list, enum mr_severity severity, int code,
                           struct mr_span span) {
  if (severity == MR_SEVERITY_ERROR) {
    list->error_cnt++;
  } else {
    list->warning_cnt++;
  }
  struct mr_diag *d = &list->spare;
  if (!mr_diags_full(list)) {
    if (list->cnt == list->cap) {
      uint32_t cap = list->cap ? list->cap * 2 : 16;
      struct mr_diag **items = MR_NEW(list->arena, struct mr_diag *, cap);
      if (list->cnt) memcpy(items, list->items, list->cnt * sizeof *items);
      list->items = items;
      list->cap = cap;
    }
    d = MR_NEW(list->arena, struct mr_diag, 1);
    list->items[list->cnt++] = d;
  }
  *d = (struct mr_diag){.severity = severity, .code = code, .span = span, .list = list};
  d->seq = list->cnt;
  if (span.src && span.src->len) mr_source_locate(span.src, span.off, &d->line, &d->col);
  return d;
}

struct mr_diag *mr_diag_error(struct mr_diags *list, int code, struct mr_span span, const char *fmt,
                              ...) {
  struct mr_diag *d = add(list, MR_SEVERITY_ERROR, code, span);
  if (d == &list->spare) return d;
  va_list ap;
  va_start(ap, fmt);
  d->message = format_text(list, fmt, ap);
  va_end(ap);
  return d;
}

struct mr_diag *mr_diag_warning(struct mr_diags *list, int code, struct mr_span span,
                                const char *fmt, ...) {
  struct mr_diag *d = add(list, MR_SEVERITY_WARNING, code, span);
  if (d == &list->spare) return d;
  va_list ap;
  va_start(ap, fmt);
  d->message = format_text(list, fmt, ap);
  va_end(ap);
  return d;
}

struct mr_diag *mr_diag_label(struct mr_diag *d, const char *fmt, ...) {
  if (d == &d->list->spare) return d;
  va_list ap;
  va_start(ap, fmt);
  d->label = format_text(d->list, fmt, ap);
  va_end(ap);
  return d;
}

struct mr_diag *mr_diag_note(struct mr_diag *d, struct mr_span span, const char *fmt, ...) {
  if (d == &d->list->spare) return d;
  va_list ap;
  va_start(ap, fmt);
  d->note = format_text(d->list, fmt, ap);
  va_end(ap);
  d->note_span = span;
  return d;
}

struct mr_diag *mr_diag_try(struct mr_diag *d, const char *fmt, ...) {
  if (d == &d->list->spare) return d;
  va_list ap;
  va_start(ap, fmt);
  d->hint = format_text(d->list, fmt, ap);
  va_end(ap);
  return d;
}

static int compare(const void *a, const void *b) {
  const struct mr_diag *x = *(struct mr_diag *const *)a, *y = *(struct mr_diag *const *)b;
  uint32_t xs = x->span.src ? x->span.src->order : 0, ys = y->span.src ? y->span.src->order : 0;
  if (xs != ys) return xs < ys ? -1 : 1;
  if (x->line != y->line) return x->line < y->line ? -1 : 1;
  if (x->col != y->col) return x->col < y->col ? -1 : 1;
  return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void mr_diags_sort(struct mr_diags *list) {
  if (list->cnt) qsort(list->items, list->cnt, sizeof *list->items, compare);
}

/* --- rendering: a growing text -------------------------------------------------------------- */

struct out {
  struct mr_arena *arena;
  char *text;
  size_t len, cap;
};

static void put_n(struct out *o, const char *s, size_t n) {
  if (o->len + n + 1 > o->cap) {
    size_t cap = (o->cap ? o->cap * 2 : 512) + n;
    char *text = mr_arena_alloc(o->arena, cap);
    if (o->len) memcpy(text, o->text, o->len);
    o->text = text;
    o->cap = cap;
  }
  if (n) memcpy(o->text + o->len, s, n);
  o->len += n;
  o->text[o->len] = '\0';
}

static void put(struct out *o, const char *s) {
  put_n(o, s, strlen(s));
}

static void put_pad(struct out *o, uint32_t n) {
  while (n--) put_n(o, " ", 1);
}

static void put_u32(struct out *o, uint32_t v) {
  char buf[12];
  int n = snprintf(buf, sizeof buf, "%u", v);
  put_n(o, buf, (size_t)n);
}

static void put_clean(struct out *o, const char *s) {
  size_t len = strlen(s);
  char *copy = mr_arena_strndup(o->arena, s, len);
  put_n(o, copy, clean(copy, len));
}

static uint32_t digits(uint32_t v) {
  uint32_t n = 1;
  for (; v >= 10; v /= 10) n++;
  return n;
}

/* --- rendering: a source line and its carets ------------------------------------------------ */

/* The part of a line that is shown: bytes [from, to) of it. */
struct view {
  const char *line;
  uint32_t len, from, to;
};

static struct view make_view(const struct mr_source *src, uint32_t line, uint32_t col) {
  struct view v = {0};
  v.line = mr_source_line(src, line, &v.len);
  v.to = v.len;
  if (v.len > VIEW_LEN) {
    uint32_t at = col - 1 < v.len ? col - 1 : v.len;
    if (at > VIEW_LEAD) v.from = (uint32_t)mr_utf8_cut(v.line, at - VIEW_LEAD);
    if (v.len - v.from > VIEW_LEN) v.to = (uint32_t)mr_utf8_cut(v.line, v.from + VIEW_LEN);
  }
  return v;
}

static void put_view(struct out *o, const struct view *v) {
  if (v->from) put(o, "...");
  for (uint32_t i = v->from; i < v->to;) {
    uint32_t code, step = mr_utf8_step(v->line + i, v->to - i, &code);
    if (step && (is_shown(code) || code == '\t')) {
      put_n(o, v->line + i, step);
    } else {
      put_n(o, "?", 1);
    }
    i += step ? step : 1;
  }
  if (v->to < v->len) put(o, "...");
}

/* A caret under each character of [a0, a1) and [b0, b1) (bytes of the line; an empty range is one
 * caret at its place, both b's UINT32_MAX: none). Tabs stay tabs so that the columns agree. */
static void put_carets(struct out *o, const struct view *v, uint32_t a0, uint32_t a1, uint32_t b0,
                       uint32_t b1) {
  size_t keep = o->len;
  if (v->from) put_pad(o, 3);
  for (uint32_t i = v->from; i <= v->to;) {
    bool mark = (i >= a0 && i < a1) || (i >= b0 && i < b1) || (i == a0 && a0 >= a1) ||
                (i == b0 && b0 >= b1);
    if (i == v->to && !(i == a0 || i == b0)) break;
    uint32_t code = 0, step = i < v->to ? mr_utf8_step(v->line + i, v->to - i, &code) : 0;
    put_n(o, mark ? "^" : code == '\t' ? "\t" : " ", 1);
    if (mark) keep = o->len;
    i += step ? step : 1;
  }
  o->len = keep;
  o->text[keep] = '\0';
}

static void put_gutter(struct out *o, uint32_t width, uint32_t line) {
  if (line) {
    put_pad(o, width - digits(line));
    put_u32(o, line);
  } else {
    put_pad(o, width);
  }
  put(o, " |");
}

/* Bytes [*from, *to) of `line` that a span covers, cut at the line's end. */
static void clip(struct mr_span span, uint32_t line, uint32_t *from, uint32_t *to) {
  uint32_t len;
  const char *begin = mr_source_line(span.src, line, &len);
  uint32_t off = (uint32_t)(begin - span.src->text);
  *from = span.off - off;
  *to = *from + span.len < len ? *from + span.len : len;
  if (*to < *from) *to = *from;
}

/* "   |", the line, the carets with their texts. */
static void put_snippet(struct out *o, uint32_t width, uint32_t line, uint32_t col,
                        struct mr_span span, const struct mr_span *second, const char *label,
                        const char *label2) {
  struct view v = make_view(span.src, line, col);
  uint32_t a0, a1, b0 = UINT32_MAX, b1 = UINT32_MAX;
  clip(span, line, &a0, &a1);
  if (second) clip(*second, line, &b0, &b1);
  put_gutter(o, width, 0);
  put(o, "\n");
  put_gutter(o, width, line);
  if (v.to > v.from) put(o, " ");
  put_view(o, &v);
  put(o, "\n");
  put_gutter(o, width, 0);
  put(o, " ");
  put_carets(o, &v, a0, a1, b0, b1);
  if (label) {
    put(o, " ");
    put(o, label);
  }
  if (label2) {
    put(o, label ? "; " : " ");
    put(o, label2);
  }
  put(o, "\n");
}

/* --- rendering: text ------------------------------------------------------------------------ */

static void put_place(struct out *o, const struct mr_source *src, uint32_t line, uint32_t col) {
  put_clean(o, src->name);
  if (line) {
    put(o, ":");
    put_u32(o, line);
    put(o, ":");
    put_u32(o, col);
  }
}

static void put_code(struct out *o, int code) {
  char buf[24];
  int n = snprintf(buf, sizeof buf, "MR%04d", code);
  put_n(o, buf, (size_t)n);
}

/* "   = note: text" or "   = try: text". */
static void put_tail(struct out *o, uint32_t width, const char *what, const char *text) {
  put_pad(o, width);
  put(o, " = ");
  put(o, what);
  put(o, ": ");
  put(o, text);
}

static void put_text(struct out *o, const struct mr_diag *d) {
  if (d->span.src) {
    put_place(o, d->span.src, d->line, d->col);
    put(o, ": ");
  }
  put(o, d->severity == MR_SEVERITY_ERROR ? "error[" : "warning[");
  put_code(o, d->code);
  put(o, "]: ");
  put(o, d->message);
  put(o, "\n");

  bool snippet = d->line && d->span.len;
  bool near = d->note && d->note_span.len && d->note_span.src == d->span.src && snippet;
  uint32_t note_line = 0, note_col = 0, width = snippet ? digits(d->line) : 2;
  if (d->note && d->note_span.src)
    mr_source_locate(d->note_span.src, d->note_span.off, &note_line, &note_col);
  /* one row of carets when the note stands behind; its text is at the row's end */
  bool same = near && note_line == d->line && note_col > d->col;
  if (same) {
    struct view v = make_view(d->span.src, d->line, d->col);
    same = note_col - 1 >= v.from && note_col - 1 < v.to;
  }
  if (near && digits(note_line) > width) width = digits(note_line);
  if (width < 2) width = 2;

  if (snippet)
    put_snippet(o, width, d->line, d->col, d->span, same ? &d->note_span : NULL, d->label,
                same ? d->note : NULL);
  if (!snippet && d->label) {
    put_tail(o, width, "note", d->label);
    put(o, "\n");
  }
  if (d->note && !same) {
    if (near) {
      put_snippet(o, width, note_line, note_col, d->note_span, NULL, d->note, NULL);
    } else {
      put_tail(o, width, "note", d->note);
      if (d->note_span.src && d->note_span.src->len) {
        put(o, " (");
        put_place(o, d->note_span.src, note_line, note_col);
        put(o, ")");
      }
      put(o, "\n");
    }
  }
  if (d->hint) {
    put_tail(o, width, "try", d->hint);
    put(o, "\n");
  }
}

const char *mr_diags_summary(const struct mr_diags *list, struct mr_arena *arena) {
  struct out o = {.arena = arena};
  put(&o, "");
  if (list->error_cnt) {
    put_u32(&o, list->error_cnt);
    put(&o, list->error_cnt == 1 ? " error" : " errors");
  }
  if (list->warning_cnt) {
    if (list->error_cnt) put(&o, ", ");
    put_u32(&o, list->warning_cnt);
    put(&o, list->warning_cnt == 1 ? " warning" : " warnings");
  }
  if (list->error_cnt) put(&o, "; nothing was started");
  return o.text;
}

const char *mr_diags_text(struct mr_diags *list, struct mr_arena *arena, size_t *len) {
  struct out o = {.arena = arena};
  put(&o, "");
  mr_diags_sort(list);
  uint32_t total = list->error_cnt + list->warning_cnt;
  uint32_t shown = list->cnt < MR_DIAG_SHOWN_MAX ? list->cnt : MR_DIAG_SHOWN_MAX;
  for (uint32_t i = 0; i < shown; i++) put_text(&o, list->items[i]);
  if (shown < total) {
    put(&o, "and ");
    put_u32(&o, total - shown);
    put(&o, " more\n");
  }
  if (total) {
    put(&o, mr_diags_summary(list, arena));
    put(&o, "\n");
  }
  if (len) *len = o.len;
  return o.text;
}

/* --- rendering: JSON ------------------------------------------------------------------------ */

/* ,"name":"text" with the comma unless first; nothing for NULL. The text is clean already. */
static void json_text(struct out *o, const char *name, const char *text) {
  if (!text) return;
  if (o->text[o->len - 1] != '{') put(o, ",");
  put(o, "\"");
  put(o, name);
  put(o, "\":\"");
  for (const char *s = text; *s; s++) {
    if (*s == '"' || *s == '\\') put_n(o, "\\", 1);
    put_n(o, s, 1);
  }
  put(o, "\"");
}

static void json_number(struct out *o, const char *name, uint32_t v) {
  put(o, ",\"");
  put(o, name);
  put(o, "\":");
  put_u32(o, v);
}

static void json_place(struct out *o, struct mr_span span, uint32_t line, uint32_t col) {
  if (!span.src) return;
  size_t len = strlen(span.src->name);
  char *name = mr_arena_strndup(o->arena, span.src->name, len);
  clean(name, len);
  json_text(o, "file", name);
  if (!line) return;
  json_number(o, "line", line);
  json_number(o, "column", col);
  json_number(o, "length", span.len);
}

static void put_json(struct out *o, const struct mr_diag *d) {
  char code[24];
  snprintf(code, sizeof code, "MR%04d", d->code);
  put(o, "{");
  json_text(o, "severity", d->severity == MR_SEVERITY_ERROR ? "error" : "warning");
  json_text(o, "code", code);
  json_place(o, d->span, d->line, d->col);
  json_text(o, "message", d->message);
  json_text(o, "label", d->label);
  if (d->note) {
    put(o, ",\"note\":{");
    json_text(o, "message", d->note);
    uint32_t line = 0, col = 0;
    if (d->note_span.src && d->note_span.src->len)
      mr_source_locate(d->note_span.src, d->note_span.off, &line, &col);
    json_place(o, d->note_span, line, col);
    put(o, "}");
  }
  json_text(o, "try", d->hint);
  put(o, "}\n");
}

const char *mr_diags_json(struct mr_diags *list, struct mr_arena *arena, size_t *len) {
  struct out o = {.arena = arena};
  put(&o, "");
  mr_diags_sort(list);
  for (uint32_t i = 0; i < list->cnt; i++) put_json(&o, list->items[i]);
  if (len) *len = o.len;
  return o.text;
}
