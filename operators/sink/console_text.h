/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SINK_CONSOLE_TEXT_H
#define MR_SINK_CONSOLE_TEXT_H

/* Values as Spark's show() writes them: NULL, true, 1.0E7, 2025-10-13 11:30:00, [a, b], {a, b};
 * control characters as \n and the like; durations as 1h2m3.5s, which Spark has no short form for.
 * Any thread. */

#include <stdbool.h>
#include <stdint.h>

#include "data/view.h"

#define MR_CONSOLE_CUT_CHARS 20u /* UTF-16 units, as Spark counts */
#define MR_CONSOLE_CUT_SZ    96u /* bytes that are always enough for a cut cell */

/* Writes one value, of a struct its cnt members; returns its length, at most cap (at least
 * MR_CONSOLE_CUT_SZ). With cut, more than MR_CONSOLE_CUT_CHARS become three fewer and "...";
 * without it, a value beyond cap ends in
 * "...". */
uint32_t mr_console_cell(const struct mr_field *fields, const struct mr_col *cols, uint32_t cnt,
                         const uint8_t *base, uint32_t row, bool cut, char *buf, uint32_t cap);

/* Columns that a text takes on a screen: wide East Asian characters take two. */
uint32_t mr_console_width(const char *p, uint32_t len);

/* The text of Java's Double.toString, at most MR_TEXT_DOUBLE_SZ bytes; returns its length. */
uint32_t mr_console_double(char *buf, double v);

#endif
