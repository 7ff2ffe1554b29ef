/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_DIAG_H
#define MR_GRAPH_DIAG_H

/* Diagnostics: what is wrong with a graph file, all of it at once, each with a stable code and a
 * position. Whoever finds a mistake adds it and goes on; whoever started the work looks at
 * error_cnt and renders the list.
 *
 *   struct mr_diag *d = mr_diag_error(diags, MR_CODE_UNKNOWN_KEY, span, "unknown key \"%s\"", key);
 *   mr_diag_label(d, "did you mean \"%s\"?", near);
 *
 * One diagnostic as text (a span of length 0 prints the first line only):
 *
 *   city.yaml:42:5: error[MR1002]: unknown key "windw" in steps.by_type_5m (type window)
 *      |
 *   42 |     windw: { tumbling: 5m }
 *      |     ^^^^^ did you mean "window"?        <- the label, or the note's text
 *      = try: ...                               <- the hint
 *
 * A note's span on the same line gets carets of its own in the same row; on another line, that line
 * is printed below. Texts may hold whatever users wrote: renderers replace control characters and
 * malformed bytes. Memory belongs to the list's arena. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "graph/codes.h"
#include "graph/source.h"

MR_API_BEGIN

struct mr_arena;
struct mr_secrets;

#define MR_DIAG_SHOWN_MAX 100u  /* printed as text; then "and N more" */
#define MR_DIAG_KEPT_MAX  1000u /* kept; those beyond are only counted */
#define MR_DIAG_TEXT_MAX  1000u /* bytes of one message, label, note or hint; longer is cut */

enum mr_severity { MR_SEVERITY_ERROR, MR_SEVERITY_WARNING };

struct mr_diag {
  enum mr_severity severity;
  int code;            /* 1002 for MR1002 */
  struct mr_span span; /* src NULL: no file at all */
  uint32_t line, col;  /* from 1, col in bytes; 0 when the span has no source */
  const char *message;
  const char *label; /* behind the carets, or NULL */
  const char *note;  /* or NULL */
  struct mr_span note_span;
  const char *hint; /* behind "= try: ", or NULL */
  struct mr_diags *list;
  uint32_t seq; /* order of arrival */
};

struct mr_diags {
  struct mr_arena *arena;
  struct mr_diag **items; /* cnt of them, in order of arrival until mr_diags_sort */
  uint32_t cnt, cap;
  uint32_t error_cnt, warning_cnt;  /* all, also those not kept */
  struct mr_diag spare;             /* takes what is not kept */
  const struct mr_secrets *secrets; /* scrubbed from every text; NULL: none are known */
};

/* An empty list whose texts live in arena. */
void mr_diags_init(struct mr_diags *list, struct mr_arena *arena);

/* Adds one and returns it, never NULL, for the setters below. span may be zeroed. */
struct mr_diag *mr_diag_error(struct mr_diags *list, int code, struct mr_span span, const char *fmt,
                              ...) __attribute__((format(printf, 4, 5)));
struct mr_diag *mr_diag_warning(struct mr_diags *list, int code, struct mr_span span,
                                const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Each sets one text; returns d so that calls can be chained. */
struct mr_diag *mr_diag_label(struct mr_diag *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct mr_diag *mr_diag_note(struct mr_diag *d, struct mr_span span, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
struct mr_diag *mr_diag_try(struct mr_diag *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* True when further diagnostics are only counted, so that costly hints need not be made. */
bool mr_diags_full(const struct mr_diags *list);

/* By source, line, column, then arrival. Renderers do it themselves. */
void mr_diags_sort(struct mr_diags *list);

/* The list as text or as JSON lines (one object per diagnostic), NUL-terminated, in `arena`; *len
 * (may be NULL) is its length. An empty list is "". The text ends with the line of
 * mr_diags_summary. */
const char *mr_diags_text(struct mr_diags *list, struct mr_arena *arena, size_t *len);
const char *mr_diags_json(struct mr_diags *list, struct mr_arena *arena, size_t *len);

/* "2 errors, 1 warning; nothing was started" without newline; "; nothing was started" only with
 * errors. */
const char *mr_diags_summary(const struct mr_diags *list, struct mr_arena *arena);

MR_API_END

#endif
