/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_CSV_ENCODE_H
#define MR_FORMAT_CSV_ENCODE_H

/* Columns into CSV rows by RFC 4180, rows ending with \n: a cell is in quotes where it holds a
 * delimiter, a quote or a line end, and where it is the empty string; NULL is an empty cell.
 * Timestamps are RFC 3339 with Z, durations "1h2m3.5s", doubles the shortest text that reads back
 * the same, NaN and infinities as NULL and counted. The member m of a struct s is the column s.m.
 * An encoder is read-only after create: any number of threads may use it, each with its own cursor.
 *
 * A row of one column that is NULL is an empty line, which readers of CSV skip. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/view.h"
#include "format/decoder.h"

#define MR_CSV_ENCODE_MIN 1024u /* bytes of the smallest buffer that always makes progress */

/* Where the next call goes on inside a view. Zeroed: the view's first row. */
struct mr_csv_cursor {
  uint32_t row;      /* next row to look at; view->row_cnt: all is written */
  uint32_t col;      /* inside a row that is larger than the buffer: column, */
  uint32_t off;      /* byte of its string */
  uint8_t stage;     /* part of the row, 0 when no row is cut */
  uint64_t nan_null; /* NaN and infinities written as NULL, added up */
  uint64_t rows;     /* rows written whole, added up */
};

struct mr_csv_encoder;

/* Of the visible columns. Rows in which the hidden, optional column `raw` is not NULL are written
 * as it is: it holds no quote and at most MR_CSV_ENCODE_MIN / 2 bytes. MR_ERR_ARG: there is none, a
 * column is a list, or csv has no quote. Memory is the arena's. */
const struct mr_csv_encoder *mr_csv_encoder_create(struct mr_arena *arena,
                                                   const struct mr_schema *schema,
                                                   const struct mr_decode_csv *csv,
                                                   struct mr_error *err);

/* The first row, its line end too. */
const char *mr_csv_encode_header(const struct mr_csv_encoder *enc, uint32_t *len);

/* Writes selected rows from the cursor while they fit, base being the region's. Returns the bytes
 * written; the cursor stands behind what they hold. A row is cut only when it may be larger than
 * the whole buffer. sz must be at least MR_CSV_ENCODE_MIN. The view is all written when
 * mr_csv_encode_done. */
size_t mr_csv_encode(const struct mr_csv_encoder *enc, const struct mr_view *view,
                     const uint8_t *base, struct mr_csv_cursor *cursor, char *buf, size_t sz);

static inline bool mr_csv_encode_done(const struct mr_view *view,
                                      const struct mr_csv_cursor *cursor) {
  return cursor->row >= view->row_cnt;
}
/* Whether what is written next is inside quotes. */
bool mr_csv_encode_inside(const struct mr_csv_cursor *cursor);

/* The rows that end in a piece of what an encoder wrote, and in *len what is behind the last one's
 * end; inside: the piece begins inside quotes. */
uint64_t mr_csv_encoded_rows(const struct mr_csv_encoder *enc, const char *p, size_t *len,
                             bool inside);

#endif
