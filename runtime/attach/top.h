/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_TOP_H
#define MR_ATTACH_TOP_H

/* The live table: who works, who waits, and where back-pressure starts. */

#include <stdbool.h>

#include "attach/snapshot.h"
#include "base/lines.h"

enum mr_top_sort {
  MR_TOP_BY_GRAPH,
  MR_TOP_BY_BUSY,
  MR_TOP_BY_RATE,
  MR_TOP_BY_NAME,
  MR_TOP_SORT_CNT
};

struct mr_top_conf {
  enum mr_top_sort sort;
  bool no_links;      /* leave the LINK lines out */
  bool no_paths;      /* leave the PATH lines out */
  const char *filter; /* only nodes with this in their name, and their links and paths; NULL: all */
};

/* Draws the table of one interval: `now` is a snapshot (totals), `part` its difference to an
 * earlier one, or `now` again for all since the start. */
void mr_top_draw(struct mr_lines *out, const struct mr_snapshot *now,
                 const struct mr_snapshot *part, const struct mr_top_conf *conf);

/* The link where back-pressure starts: of those that were full in the interval and whose reader
 * worked more than it was blocked, the one most downstream. UINT32_MAX: none. */
uint32_t mr_top_pressure(const struct mr_snapshot *now, const struct mr_snapshot *part);

/* "graph", "busy", "rate", "name". */
const char *mr_top_sort_str(enum mr_top_sort sort);

#endif
