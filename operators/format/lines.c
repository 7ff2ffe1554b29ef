/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/assert.h"
#include "format/lines.h"

void mr_lines_init(struct mr_lines *lines, uint32_t max_line) {
  MR_ASSERT(max_line > 0 && max_line < INT32_MAX);
  memset(lines, 0, sizeof *lines);
  lines->max_line = max_line;
}

void mr_lines_start(struct mr_lines *lines, uint64_t pos, uint64_t line) {
  lines->p = lines->end = lines->data = NULL;
  lines->pos = pos;
  lines->line = line;
  lines->first = pos == 0;
  lines->eof = lines->skipping = false;
  lines->scanned = 0;
}

void mr_lines_move(struct mr_lines *lines, char *data) {
  size_t rest = (size_t)(lines->end - lines->p);
  MR_ASSERT(rest <= (size_t)lines->max_line + 1);
  if (rest) memmove(data - rest, lines->p, rest);
  lines->p = data - rest;
  lines->end = lines->data = data;
}

/* What stops every scan: a newline, then zeros. */
static void put_sentinel(struct mr_lines *lines) {
  memset(lines->end, 0, MR_LINES_PAD);
  *lines->end = '\n';
}

void mr_lines_fill(struct mr_lines *lines, size_t len) {
  MR_ASSERT(lines->data && lines->end == lines->data);
  lines->end = lines->data + len;
  put_sentinel(lines);
}

void mr_lines_end(struct mr_lines *lines) {
  MR_ASSERT(lines->data);
  lines->eof = true;
  put_sentinel(lines);
}

bool mr_lines_skip_bom(struct mr_lines *lines) {
  static const char bom[3] = {'\xef', '\xbb', '\xbf'};
  if (!lines->first) return true;
  size_t have = (size_t)(lines->end - lines->p);
  if (have < 3 && !lines->eof && (!have || memcmp(lines->p, bom, have) == 0)) return false;
  lines->first = false;
  if (have >= 3 && memcmp(lines->p, bom, 3) == 0) {
    lines->p += 3;
    lines->pos += 3;
  }
  return true;
}

void mr_lines_long_take(struct mr_lines *lines, const char *q) {
  size_t len = (size_t)(q - lines->p), keep = MR_LINE_HEAD_MAX - lines->long_len;
  if (!len) return;
  if (keep > len) keep = len;
  memcpy(lines->long_head + lines->long_len, lines->p, keep);
  lines->long_len += (uint32_t)keep;
  lines->long_bytes += len;
  lines->long_cr = q[-1] == '\r';
  lines->p += len;
  lines->pos += len;
  lines->scanned = 0;
}

void mr_lines_long_begin(struct mr_lines *lines) {
  lines->skipping = true;
  lines->long_pos = lines->pos;
  lines->long_bytes = 0;
  lines->long_len = 0;
  lines->long_cr = false;
}

enum mr_line_result mr_lines_long_end(struct mr_lines *lines, struct mr_line *out) {
  if (lines->long_cr) {
    lines->long_bytes--;
    if (lines->long_len > lines->long_bytes) lines->long_len--;
  }
  uint32_t len = lines->long_len;
  /* a character that the limit cuts is left out whole */
  for (uint32_t back = 1; back <= 3 && back <= len && len < lines->long_bytes; back++) {
    unsigned char c = (unsigned char)lines->long_head[len - back];
    if (c < 0x80) break;
    if (c < 0xc0) continue;
    if (back < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u)) len -= back;
    break;
  }
  lines->skipping = false;
  *out = (struct mr_line){lines->long_head, len, lines->long_pos, lines->line++, lines->long_bytes};
  return MR_LINE_LONG;
}

/* The rest of a long line; MR_LINE_MORE as long as its end has not come. */
static enum mr_line_result skip_long(struct mr_lines *lines, struct mr_line *out) {
  const char *q = memchr(lines->p, '\n', (size_t)(lines->end - lines->p));
  mr_lines_long_take(lines, q ? q : lines->end);
  if (!q && !lines->eof) return MR_LINE_MORE;
  if (q) {
    lines->p++;
    lines->pos++;
  }
  return mr_lines_long_end(lines, out);
}

static bool is_blank(const char *p, size_t len) {
  while (len && (*p == ' ' || *p == '\t' || *p == '\r')) p++, len--;
  return len == 0;
}

enum mr_line_result mr_lines_next(struct mr_lines *lines, struct mr_line *out) {
  if (!mr_lines_skip_bom(lines)) return MR_LINE_MORE;
  while (lines->p != lines->end || lines->skipping) {
    if (lines->skipping) return skip_long(lines, out);
    size_t have = (size_t)(lines->end - lines->p);
    const char *q = memchr(lines->p + lines->scanned, '\n', have - lines->scanned);
    size_t len = q ? (size_t)(q - lines->p) : have;
    size_t text = len - (len && lines->p[len - 1] == '\r');
    if (text > lines->max_line) {
      mr_lines_long_begin(lines);
      continue;
    }
    if (!q && !lines->eof) {
      lines->scanned = have;
      return MR_LINE_MORE;
    }
    *out = (struct mr_line){lines->p, (uint32_t)text, lines->pos, lines->line++, text};
    size_t step = len + (q != NULL);
    lines->p += step;
    lines->pos += step;
    lines->scanned = 0;
    if (!is_blank(out->p, text)) return MR_LINE_GOT;
  }
  return MR_LINE_MORE;
}
