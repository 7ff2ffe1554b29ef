/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_TEST_ROWS_H
#define MR_TOOLS_TEST_ROWS_H

/* Rows of `tests:` as lines that a source reads, and the comparison of the rows that came with
 * those that were expected. */

#include <stdbool.h>
#include <stdint.h>

#include "base/lines.h"
#include "graph/op.h"
#include "graph/tree.h"

/* Appends a row as one line of JSON. Declared fields are written as their types want them; others
 * as they look: numbers, true, false and null plain, everything else in quotes. */
void mr_test_json_row(struct mr_lines *out, const struct mr_event *event,
                      const struct mr_tree *row);
/* The same as CSV, cells in the order of the event's fields; and the line of their names. */
void mr_test_csv_row(struct mr_lines *out, const struct mr_event *event, const struct mr_tree *row,
                     char delimiter, char quote);
void mr_test_csv_header(struct mr_lines *out, const struct mr_event *event, char delimiter);

/* A value of the file as JSON, for messages. */
void mr_test_show(struct mr_lines *out, const struct mr_tree *value);

/* Pairs expected rows (a list) with actual ones (maps), so that as many as can be are paired; each
 * stands in one pair at most. of[i] becomes the actual row of expected row i, or -1. Returns the
 * number of pairs. `of` has expected->cnt entries. */
uint32_t mr_test_pair(struct mr_arena *arena, const struct mr_tree *expected,
                      struct mr_tree *const *actual, uint32_t actual_cnt, int32_t *of);

/* True when the value came as it was expected: of maps the expected keys count, of lists all
 * elements; numbers by value, times as moments. */
bool mr_test_same(const struct mr_tree *expected, const struct mr_tree *actual);

#endif
