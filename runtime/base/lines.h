/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_LINES_H
#define MR_BASE_LINES_H

/* Text that is put together from pieces, in an arena: what tools print, JSON, messages of the
 * control socket. One thread at a time. */

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct mr_lines { /* {.arena = a} is empty */
  struct mr_arena *arena;
  char *text; /* NUL-terminated once something was added; else NULL */
  size_t len, cap;
};

void mr_lines_add(struct mr_lines *lines, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; bytes below blank are escaped, text is UTF-8. */
void mr_lines_json(struct mr_lines *lines, const char *text);
/* A text in at least `width` columns: left-aligned, right-aligned when width is negative; not cut.
 */
void mr_lines_cell(struct mr_lines *lines, int width, const char *text);

/* Copies a text of at most src_sz bytes into dst as NUL-terminated printable UTF-8: control bytes
 * become '?', and all bytes beyond ASCII when the text is not valid. So nothing of a damaged
 * segment reaches a terminal. dst may be src. */
void mr_text_clean(char *dst, size_t dst_sz, const char *src, size_t src_sz);

/* Short forms for people, in a buffer of MR_LINES_SHORT_SZ bytes; return buf.
 * count "198.4k"; bytes "21.0MiB"; time "74ns", "0.84ms", "1.2s"; span "10m00s", "2d03h"; clock
 * "02:14:07". */
#define MR_LINES_SHORT_SZ 32
const char *mr_lines_count(char *buf, double n);
const char *mr_lines_bytes(char *buf, uint64_t bytes);
const char *mr_lines_time(char *buf, uint64_t ns);
const char *mr_lines_span(char *buf, int64_t us);
const char *mr_lines_clock(char *buf, uint64_t ns);

#endif
