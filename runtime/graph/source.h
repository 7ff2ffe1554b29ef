/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_SOURCE_H
#define MR_GRAPH_SOURCE_H

/* A source is one text that users wrote and that messages point into: a graph file, or the argument
 * of one --set. It is kept in a normal form: no byte order mark, every line ends with '\n' alone
 * (CRLF and a lone CR are turned into it), a NUL behind the last byte. Offsets count bytes of that
 * form, and so line and column are those of the file as an editor shows it. A span names a part of
 * a source. Everything lives in the caller's arena; reading is safe from any thread once it is
 * made. */

#include <stddef.h>
#include <stdint.h>

struct mr_arena;
struct mr_error;

struct mr_source {
  const char *name; /* as the user gave it: "city.yaml", "--set" */
  const char *text; /* len bytes and a NUL; may hold any bytes */
  uint32_t len;
  uint32_t order;           /* diagnostics are sorted by order, then position; 0 unless set */
  const uint32_t *line_off; /* byte where line i + 1 begins */
  uint32_t line_cnt;        /* at least 1 */
};

/* Bytes [off, off + len) of src. A zeroed span has no position; len 0 is a point. */
struct mr_span {
  const struct mr_source *src;
  uint32_t off, len;
};

/* Copies len bytes (any bytes, at most MR_GRAPH_FILE_MAX) in normal form. */
struct mr_source *mr_source_make(struct mr_arena *arena, const char *name, const void *bytes,
                                 size_t len);

/* Reads a whole file (or pipe) of at most MR_GRAPH_FILE_MAX bytes. NULL with *err set: MR_ERR_SYS,
 * or MR_ERR_LIMIT as soon as the file is known to be larger. */
struct mr_source *mr_source_read(struct mr_arena *arena, const char *path, struct mr_error *err);

/* Line (from 1) and column (from 1, in bytes) of byte off; off beyond the end is the end. */
void mr_source_locate(const struct mr_source *src, uint32_t off, uint32_t *line, uint32_t *col);

/* The bytes of a line (from 1) without its end; *len is 0 for a line that does not exist. */
const char *mr_source_line(const struct mr_source *src, uint32_t line, uint32_t *len);

/* The span of `len` bytes from byte `off` of src, cut at its end. */
struct mr_span mr_span_make(const struct mr_source *src, size_t off, size_t len);

#endif
