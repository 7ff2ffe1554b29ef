/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EMBED_EMBED_PRIVATE_H
#define MR_EMBED_EMBED_PRIVATE_H

/* What the files of libmillrace's face share. */

#include "base/arena.h"
#include "base/clock.h"
#include "embed/millrace.h"
#include "graph/op.h"
#include "worker/ctx.h"
#include "worker/run.h"

#define MR_GRAPH_OPS_MAX 256u

/* Text on its way to a feed: a pipe, which the source reads as it would standard input. */
struct mr_graph_pipe {
  const char *source;
  int to, from; /* descriptors; -1: closed */
  struct mr_graph_pipe *next;
};

struct mr_graph {
  struct mr_graph_conf conf;
  struct mr_arena arena;
  const struct mr_op *ops[MR_GRAPH_OPS_MAX];
  struct mr_op_table table;
  struct mr_clock clock;
  const struct mr_plan *plan;
  struct mr_run *run;
  bool started;
  struct mr_graph_pipe *pipes; /* of the feeds that get text */
};

struct mr_graph_in {
  const struct mr_schema *schema;
  struct mr_pool *pool;
  struct mr_batch *batch;
  uint32_t row_max;
};

struct mr_graph_out {
  const struct mr_schema *schema;
  const struct mr_region *region;
  const struct mr_view *view;
  uint32_t row_cnt;
  uint16_t rows[MR_BATCH_ROWS]; /* of the view, the selected ones */
};

/* The operators `feed` and `take`; their host (mr_op_ctx.host) is a struct mr_graph. */
extern const struct mr_op mr_op_feed, mr_op_take;

#endif
