/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FILTER_SHEET_H
#define MR_FILTER_SHEET_H

/* A small static table that is read whole before the start: a CSV file with a header (RFC 4180), or
 * NDJSON of flat objects. Which one is told by the name (.csv; .json, .ndjson, .jsonl), else by the
 * first byte. Control plane, one thread. */

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/type.h"

#define MR_SHEET_BYTES_MAX (UINT64_C(256) << 20) /* of the file */

enum mr_sheet_cell_kind {
  MR_SHEET_NULL,
  MR_SHEET_TEXT,
  MR_SHEET_INT64,
  MR_SHEET_DOUBLE,
  MR_SHEET_BOOL
};

struct mr_sheet_cell {
  uint32_t len;
  uint8_t kind; /* enum mr_sheet_cell_kind; of CSV: TEXT, or NULL when empty in a column that is no
                   string */
  union {
    const char *text;
    int64_t i64; /* INT64, BOOL */
    double f64;
  } u;
};

/* A column's type: int64 when all its cells are whole numbers (in CSV without leading zeros or
 * plus), double when all are numbers, bool when all are true or false (NDJSON only), else string. A
 * column without any value is string. */
struct mr_sheet_column {
  const char *name;
  enum mr_type type;
  struct mr_sheet_cell *cells; /* row_cnt of them; DOUBLE columns may hold INT64 cells */
  bool csv;                    /* cells are texts; parse by type */
};

struct mr_sheet {
  struct mr_sheet_column *columns;
  uint32_t column_cnt, row_cnt;
  const uint32_t *lines; /* where each row begins, from 1 */
};

/* Reads path into the arena. MR_ERR_IO (cannot be read), MR_ERR_LIMIT (too large), MR_ERR_DATA (not
 * understood): the text in *err names file and line. */
int mr_sheet_read(struct mr_arena *arena, const char *path, struct mr_sheet *table,
                  struct mr_error *err);

/* The column of that name, or -1. */
int32_t mr_sheet_find(const struct mr_sheet *table, const char *name);

/* The cell as a number of the column's type; false: NULL. */
bool mr_sheet_int64(const struct mr_sheet_column *column, uint32_t row, int64_t *out);
bool mr_sheet_double(const struct mr_sheet_column *column, uint32_t row, double *out);
/* The cell's text; false: NULL, or no text (a number of NDJSON). */
bool mr_sheet_text(const struct mr_sheet_column *column, uint32_t row, const char **text,
                   uint32_t *len);

/* ---- the two readers, for tests; text has 64 readable bytes behind len and is overwritten ---- */

int mr_sheet_read_csv(struct mr_arena *arena, char *text, size_t len, const char *name,
                      struct mr_sheet *table, struct mr_error *err);
int mr_sheet_read_ndjson(struct mr_arena *arena, char *text, size_t len, const char *name,
                         struct mr_sheet *table, struct mr_error *err);

#endif
