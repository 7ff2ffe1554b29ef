/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_LINES_H
#define MR_ATTACH_LINES_H

/* Text that is put together from pieces, in an arena. One thread at a time. */

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
