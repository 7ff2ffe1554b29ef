/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_LINES_H
#define MR_FORMAT_LINES_H

/* Splits a stream of bytes into lines, in the caller's memory, without a copy except for the line
 * that two reads cut apart. A block is the caller's: MR_LINES_HEAD(max_line) bytes in front of the
 * place where data is read to, the data, and MR_LINES_PAD bytes behind. One block or several in
 * turn:
 *
 *   mr_lines_init, mr_lines_start
 *   loop: mr_lines_move(lines, data)   the unread rest goes in front of data (of this or of another
 * block) n = pread(fd, data, sz, off) (with a second block this may have been done long before)
 *         mr_lines_fill(lines, n)      or mr_lines_end(lines) at the end of the input
 *         mr_lines_next ... until MR_LINE_MORE
 *
 * A line ends with \n or \r\n; the last one may lack it. Lines of blanks only are skipped (they
 * keep their number). A byte order mark at the start is skipped. One thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_LINES_PAD     128u  /* bytes behind the data; they are overwritten */
#define MR_LINE_HEAD_MAX 4096u /* bytes kept of a line beyond max_line */
/* Bytes in front of the data: a whole line and its \r. */
#define MR_LINES_HEAD(max_line) (((size_t)(max_line) + 66u) & ~(size_t)63u)

enum mr_line_result {
  MR_LINE_GOT,  /* *out is a line */
  MR_LINE_MORE, /* no whole line left: move and fill, or at the end of the input: nothing left */
  MR_LINE_LONG  /* *out is the beginning of a line beyond max_line; the rest of it is skipped */
};

/* A line without its end. p is valid until the next mr_lines_move, of a long line until the next
 * long one. The bytes behind it may be read (MR_LINES_PAD of them). */
struct mr_line {
  const char *p;
  uint32_t len;
  uint64_t pos;   /* byte where it begins */
  uint64_t line;  /* its number, from 1 */
  uint64_t bytes; /* its whole length: more than len for a long line */
};

struct mr_lines {
  char *p, *end; /* unread bytes; *end is a \n that is not data */
  char *data;    /* where mr_lines_move put the end of the rest */
  uint64_t pos;  /* position of p */
  uint64_t line; /* number of the line at p */
  uint32_t max_line;
  bool eof;
  bool first;     /* at the start of the input: a byte order mark may come */
  bool skipping;  /* inside a long line */
  size_t scanned; /* bytes from p that hold no \n */
  uint64_t long_pos, long_bytes;
  uint32_t long_len;
  bool long_cr; /* the last byte skipped was \r */
  char long_head[MR_LINE_HEAD_MAX];
};

/* max_line: 1 .. 2^31 - 1 bytes without the line's end. */
void mr_lines_init(struct mr_lines *lines, uint32_t max_line);
/* The next byte filled is byte `pos` of the input and begins line number `line` (0 and 1 for a new
 * file; only at pos 0 a byte order mark is skipped). What is unread is forgotten. */
void mr_lines_start(struct mr_lines *lines, uint64_t pos, uint64_t line);
/* Moves the unread rest (at most MR_LINES_HEAD bytes) directly in front of data; lines got before
 * are invalid. To be called only after MR_LINE_MORE or mr_lines_start. */
void mr_lines_move(struct mr_lines *lines, char *data);
/* len bytes are at the data of the last mr_lines_move now; overwrites the MR_LINES_PAD bytes behind
 * them. */
void mr_lines_fill(struct mr_lines *lines, size_t len);
/* The input has ended: the rest is a line. Call it after mr_lines_move in place of mr_lines_fill,
 * or after mr_lines_fill with the last bytes. */
void mr_lines_end(struct mr_lines *lines);
enum mr_line_result mr_lines_next(struct mr_lines *lines, struct mr_line *out);

/* ---- for formats whose rows may have several lines: in place of mr_lines_next they move p, pos
 * and line themselves, and `scanned` stays 0 ---- */

/* Skips a byte order mark at the start of the input; false: the next bytes decide. */
bool mr_lines_skip_bom(struct mr_lines *lines);
/* What begins at p is beyond max_line. */
void mr_lines_long_begin(struct mr_lines *lines);
/* The bytes up to q belong to it: counts them and keeps the first ones. */
void mr_lines_long_take(struct mr_lines *lines, const char *q);
/* p is behind its end, and *out what remains of it (a \r at its end is none of it); counts one
 * line. Returns MR_LINE_LONG. */
enum mr_line_result mr_lines_long_end(struct mr_lines *lines, struct mr_line *out);

#endif
