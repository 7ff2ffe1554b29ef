/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_CSV_H
#define MR_FORMAT_CSV_H

/* CSV rows into columns, by RFC 4180 with what users' files have besides. Two paths give the same
 * verdict and the same values on every row:
 *
 *   group   the places of delimiters and line ends are found 64 bytes at a time, quotes included,
 *           for up to 64 rows; then each column that is read is taken in all those rows;
 *   single  one row by a state machine, cell by cell; every row that the other path leaves.
 *
 * A row ends with \n, \r\n or \r outside quotes; the last one may lack it. Rows of blanks only are
 * skipped. A cell that begins with a quote ends with one, holds delimiters and line ends, and two
 * quotes for one; anywhere else a quote is a plain character. A row is a row when its quotes are
 * closed and followed by the cell's end, it has as many cells as the header (without header: as
 * there are fields), is valid UTF-8 without NUL, and when the fields that are needed (with
 * check_declared: all declared ones) have their types.
 *
 * The header says by name which cell belongs to which field; of equal names the last one counts,
 * other cells are not read. A field whose name is not there is missing in every row. An empty cell
 * is "" for a string; for any other type and for one_of (unless "" is one of it) it is a missing
 * value. int64 is digits with an optional sign; double is a number as JSON writes it; bool is true
 * or false, in any letters; times and durations are texts, unix times whole numbers. Blanks around
 * a value belong to it. There are no lists.
 *
 * The raw column takes the row as a JSON object of texts, by the names of the header. */

#include "format/decoder.h"

#define MR_CSV_CELLS_MAX 4096u /* cells of a row */

struct mr_csv_counts {
  uint64_t group_rows, single_rows, bad_rows;
};

struct mr_csv;

/* As mr_decoder_create; takes about 2 bytes of addresses per byte of max_line, touched as rows need
 * it. A list among the fields that are read, a raw column without a header, or a delimiter or quote
 * that cannot be one is MR_ERR_ARG. */
struct mr_csv *mr_csv_create(struct mr_arena *arena, const struct mr_decode_conf *conf,
                             struct mr_error *err);

/* As mr_decoder_run and mr_decoder_bad. A header that is no good row is the first bad line, and
 * every row behind it is one. */
uint32_t mr_csv_decode_batch(struct mr_csv *csv, struct mr_lines *lines, struct mr_pool *pool,
                             struct mr_batch *batch, uint32_t from_row, uint32_t row_max,
                             enum mr_decode_stop *stop);
/* As mr_decoder_header. */
void mr_csv_header(struct mr_csv *csv, char *header, uint32_t len);
const struct mr_decode_bad *mr_csv_bad(const struct mr_csv *csv);
const struct mr_csv_counts *mr_csv_counts(const struct mr_csv *csv);

#endif
