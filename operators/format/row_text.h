/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_ROW_TEXT_H
#define MR_FORMAT_ROW_TEXT_H

/* One row as one JSON object, for dead letters: the value of mr_run_conf.row_text. */

#include <stddef.h>
#include <stdint.h>

#include "data/view.h"

/* Writes the visible columns of a row as one JSON object without newline, the way sinks write rows;
 * columns that nobody reads are left out. A row of an untyped event is its line. Returns its
 * length, or 0 when it does not fit into sz bytes. No allocation, any thread. */
size_t mr_format_row_text(const struct mr_schema *schema, const uint8_t *base,
                          const struct mr_view *view, uint32_t row, char *buf, size_t sz);

/* The same of one value: row `row` of a column of that field. */
size_t mr_format_value_text(const struct mr_field *field, const uint8_t *base,
                            const struct mr_col *col, uint32_t row, char *buf, size_t sz);

#endif
