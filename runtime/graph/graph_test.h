/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_GRAPH_TEST_H
#define MR_GRAPH_GRAPH_TEST_H

/* `tests:` of a graph file: rows that are sent to sources, and the rows that have to come out. The
 * planner reads and checks them (names, times, columns), so `validate` finds their mistakes;
 * `millrace test` runs them. All memory is the plan's arena. */

#include <stdbool.h>
#include <stdint.h>

#include "graph/source.h"

struct mr_tree;

enum mr_test_item_kind {
  MR_TEST_ROW,     /* a row: its keys and values */
  MR_TEST_RAW,     /* raw: a line as it stands */
  MR_TEST_ADVANCE, /* advance: the clock moves */
  MR_TEST_END      /* end: the source has ended */
};

struct mr_test_item {
  enum mr_test_item_kind kind;
  struct mr_tree *value; /* ROW: the map; RAW: the text */
  int64_t advance_us;    /* ADVANCE: more than 0 */
};

struct mr_test_send { /* to one source */
  const char *source;
  struct mr_test_item *items;
  uint32_t item_cnt;
};

struct mr_test_expect { /* of one output */
  const char *output;   /* a sink, a node, or node.output */
  bool is_sink;
  struct mr_tree *rows; /* a list of maps; NULL: only their number counts, */
  int64_t count;        /* which is this */
};

struct mr_plan_test {
  const char *name;
  uint32_t line; /* of the graph file */
  int64_t clock_us;
  bool clock_given; /* the clock begins there and goes on by `advance` only; else it is virtual */
  int64_t seed;
  bool seed_given;
  struct mr_test_send *sends;
  uint32_t send_cnt;
  struct mr_test_expect *expects;
  uint32_t expect_cnt;
};

#endif
