/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_JSON_ENCODE_H
#define MR_FORMAT_JSON_ENCODE_H

/* Columns into JSON lines: keys in the order of the columns, timestamps RFC 3339 with Z, durations
 * "1h2m3.5s", doubles as the shortest text that reads back the same, NaN and infinities as null and
 * counted. An encoder is read-only after create: any number of threads may use it, each with its
 * own cursor. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/view.h"

#define MR_JSON_ENCODE_MIN 1024u /* bytes of the smallest buffer that always makes progress */

struct mr_json_encode_conf {
  const struct mr_schema *schema; /* visible columns are written */
  const bool *skip;               /* per column: leave it out; NULL: none */
  bool nulls_omit;                /* nulls: omit */
  bool nulls_own;                 /* nulls: own; columns that the row's kind has not are left out */
  int32_t raw_col; /* rows in which this string column is not NULL are written as it is (`any`,
                      broken lines); -1: none */
};

/* Where the next call goes on inside a view. Zeroed: the view's first row. */
struct mr_json_cursor {
  uint32_t row;      /* next row to look at; view->row_cnt: all is written */
  uint32_t col;      /* inside a row that is larger than the buffer: column, */
  uint32_t elem;     /* element of a list, */
  uint32_t off;      /* byte of a string, */
  uint8_t stage;     /* part of the value, 0 when no row is cut */
  bool some;         /* a field of the cut row is written */
  bool open;         /* a struct of it is open, */
  bool inner_some;   /* and has a member */
  uint64_t nan_null; /* NaN and infinities written as null, added up */
  uint64_t rows;     /* rows written whole, added up */
};

struct mr_json_encoder;

/* NULL and MR_ERR_ARG when raw_col is no string column. Memory is the arena's. */
const struct mr_json_encoder *mr_json_encoder_create(struct mr_arena *arena,
                                                     const struct mr_json_encode_conf *conf,
                                                     struct mr_error *err);

/* Writes selected rows from the cursor while they fit, base being the region's. Returns the bytes
 * written; the cursor stands behind what they hold. A row is cut only when it may be larger than
 * the whole buffer. sz must be at least MR_JSON_ENCODE_MIN. The view is all written when
 * mr_json_encode_done. */
size_t mr_json_encode(const struct mr_json_encoder *enc, const struct mr_view *view,
                      const uint8_t *base, struct mr_json_cursor *cursor, char *buf, size_t sz);

/* len bytes of UTF-8 as JSON has them inside quotes; out has room for 6 * len + 16. What follows
 * the last byte written. */
char *mr_json_escape(char *out, const char *p, uint32_t len);

static inline bool mr_json_encode_done(const struct mr_view *view,
                                       const struct mr_json_cursor *cursor) {
  return cursor->row >= view->row_cnt;
}

#endif
