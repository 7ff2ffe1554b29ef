/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_TEST_OPS_H
#define MR_TOOLS_TEST_OPS_H

/* The operators of a graph under test: sources take lines from memory in place of their own input,
 * sinks keep rows as text. Steps are the graph's own. Options are read and checked as ever, so the
 * graph file needs no change. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "graph/plan.h"

struct mr_test_input { /* of one source */
  const char *node;
  char *text; /* whole lines that have not been taken */
  size_t len, cap;
  bool header_sent, ended;
  struct mr_test_input *next;
};

struct mr_test_row {
  const char *text; /* one JSON object */
  size_t len;
};

struct mr_test_output { /* of one sink */
  const char *node;
  struct mr_test_row *rows;
  uint32_t cnt, cap;
  struct mr_test_output *next;
};

/* The host of a run under test: mr_run_conf.host. All memory is the arena. */
struct mr_test_host {
  struct mr_arena *arena;
  struct mr_test_input *inputs;
  struct mr_test_output *outputs;
};

/* A table with every source and sink of `ops` replaced, in the arena. */
const struct mr_op_table *mr_test_table(struct mr_arena *arena, const struct mr_op *const *ops);

/* How a source of the plan reads its lines: true for CSV. *delimiter, *quote and *header say how.
 * And its event, with the columns of a generator for one. */
bool mr_test_reads_csv(const struct mr_plan_node *source, char *delimiter, char *quote,
                       bool *header);

struct mr_test_input *mr_test_input_of(struct mr_test_host *host, const char *node);
struct mr_test_output *mr_test_output_of(struct mr_test_host *host, const char *node);
/* Appends bytes to what a source reads. */
void mr_test_put(struct mr_test_host *host, struct mr_test_input *in, const char *text, size_t len);

#endif
