/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_PLAN_H
#define MR_GRAPH_PLAN_H

/* The plan: everything that is decided about a graph before anything is started. It is inert: no
 * file, thread or memory of the run belongs to it, it can be printed, and `validate`, `show`, `mem`
 * and `run` build the very same one. Names are indices here. All memory is the plan's arena.
 *
 *   tree -> nodes (typed options) -> types along the edges -> pruning backwards -> partitions and
 * delays
 *        -> instances on workers -> links and pools with computed sizes */

#include "base/arena.h"
#include "data/batch.h"
#include "graph/diag.h"
#include "graph/op.h"
#include "graph/tree.h"

struct mr_plan_test; /* graph/graph_test.h */
struct mr_secrets;

enum mr_at_end { MR_AT_END_FLUSH, MR_AT_END_HOLD };
enum mr_wait { MR_WAIT_SPIN, MR_WAIT_ADAPTIVE, MR_WAIT_BLOCK };
enum mr_on_error { MR_ON_ERROR_DEAD_LETTER, MR_ON_ERROR_DROP, MR_ON_ERROR_FAIL };

struct mr_plan_checkpoint { /* runtime.checkpoint */
  const char *dir;          /* NULL: the graph takes none */
  int64_t interval_ns;
  uint32_t keep; /* how many are kept, at least 1 */
};

struct mr_plan_runtime {
  const char *data_dir;
  uint32_t worker_cnt;
  enum mr_wait wait;
  int64_t drain_timeout_ns;
  enum mr_at_end at_end;
  bool virtual_clock;
  uint32_t link_items;
  enum mr_huge_pages huge_pages;
  struct mr_plan_checkpoint checkpoint;
};

struct mr_plan_input {
  uint32_t node, output;
  uint32_t port; /* which of the operator's ports reads it; 0 where it has none */
};

struct mr_plan_reader {
  uint32_t node, input; /* who reads an output: node and index among its inputs */
};

struct mr_plan_out {
  const char *name; /* "" for MAIN, "errors", "late", ... */
  const struct mr_schema *schema;
  bool *need; /* per column: read downstream; all false when nobody reads it */
  const struct mr_plan_reader *readers;
  uint32_t reader_cnt;
};

struct mr_plan_node {
  const char *name;
  const struct mr_op *op;
  const void *conf;
  struct mr_tree *tree;
  uint32_t line, col; /* of the name in the graph file */
  bool internal;      /* made by the planner (dead-letter writers, mergers): not in stats */
  bool merges;        /* internal: brings the turns of a source's instances in order */
  uint32_t owner;     /* internal: the node that it serves */
  struct mr_op_plan op_plan;
  struct mr_plan_input *inputs;
  uint32_t input_cnt;
  struct mr_plan_out outs[MR_OUTS_MAX];
  uint32_t out_cnt;
  bool *in_need; /* per column of op_plan.in: needed; with ports, of theirs one after another */
  uint32_t instance_cnt, first_instance;
  const int32_t *cpus; /* `cpus:` of the node, cpu_cnt entries; NULL: free */
  uint32_t cpu_cnt;
  enum mr_on_error on_error;
  uint32_t partition_first, partition_cnt; /* that this node makes: sources 1, with MR_OP_PARTS as
                                              many as they have, MR_OP_DERIVES 1, else 0 */
  uint64_t partitions[MR_PARTITIONS_MAX / 64]; /* that reach its input, by index */
  uint32_t
      keep_rows; /* sinks with full: drop_oldest: rows that wait at most (data/keep.h); 0: block */
  /* sources */
  int64_t idle_after_us;      /* 0: off */
  int64_t max_future_skew_us; /* MR_TIME_MAX: off */
  int64_t delay_us;           /* watermark.delay, the default of nodes downstream */
  int64_t delay_min_us; /* smallest delay of a timed node that the rows reach; MR_TIME_MAX: none */
  bool need_now, need_t0, need_pos; /* hidden columns that somebody downstream reads */
};

/* The columns of a port (0: those of the input), its key, and where they begin in in_need. */
static inline const struct mr_schema *mr_plan_schema(const struct mr_plan_node *n, uint32_t port) {
  return port ? n->op_plan.ports[port].in : n->op_plan.in;
}
static inline const uint32_t *mr_plan_key(const struct mr_plan_node *n, uint32_t port) {
  return n->op->ports ? n->op_plan.ports[port].key_cols : n->op_plan.key_cols;
}
static inline bool *mr_plan_need(const struct mr_plan_node *n, uint32_t port) {
  return n->in_need + (port ? n->op_plan.in->cnt : 0);
}
static inline uint32_t mr_plan_ports(const struct mr_plan_node *n) {
  uint32_t cnt = 0;
  while (n->op->ports && n->op->ports[cnt]) cnt++;
  return cnt ? cnt : 1;
}

struct mr_plan_partition {
  uint32_t node; /* source or deriving node */
};

struct mr_plan_instance {
  uint32_t node, idx, worker;
};

/* One instance's output to one instance on another worker (or, at an exchange, one of N). Links of
 * an edge whose reader is keyed with N > 1, and those to a merger, exist on the same worker too. */
struct mr_plan_link {
  uint32_t from, output, to, input; /* instances; index among the reader's inputs */
  uint32_t items;
  bool exchange; /* carries the reader's share of the key groups only */
};

struct mr_plan_pool {
  uint32_t instance, output;
  bool shell;  /* heads for views that cross links; no own columns */
  bool copies; /* rows that are copied for links, where few of a batch go */
  struct mr_pool_conf conf;
};

struct mr_plan_worker {
  int32_t cpu; /* -1: not pinned */
};

/* A latency path: rows that entered at a source and left at a sink. */
struct mr_plan_path {
  uint32_t source, sink; /* nodes */
};

struct mr_plan {
  struct mr_arena *arena;
  const char *file, *graph;
  struct mr_plan_runtime runtime;
  uint64_t seed; /* --seed */
  bool seed_given;
  struct mr_plan_node *nodes; /* in topological order: every input stands before its reader */
  uint32_t node_cnt;
  struct mr_plan_partition *partitions;
  uint32_t partition_cnt;
  struct mr_plan_instance *instances;
  uint32_t instance_cnt;
  struct mr_plan_link *links;
  uint32_t link_cnt;
  struct mr_plan_pool *pools; /* index = mr_pool.idx */
  uint32_t pool_cnt;
  struct mr_plan_worker *workers;
  uint32_t worker_cnt;
  struct mr_plan_path *paths;
  uint32_t path_cnt;
  struct mr_plan_test *tests;
  uint32_t test_cnt;
  bool no_inputs;                       /* input files need not exist */
  const struct mr_schema *error_schema; /* of NODE.errors */
  struct mr_tree *tree;                 /* the file after overrides and variables */
  const struct mr_secrets *secrets;     /* scrubbed from whatever is printed of the graph */
  uint64_t config_hash;                 /* of the effective configuration */
  uint64_t hot_bytes, state_bytes;      /* pools, rings; sum of state_max */
};

struct mr_plan_conf {
  const struct mr_op_table *ops;
  const char *const *sets; /* --set path=value */
  uint32_t set_cnt;
  uint64_t seed;
  bool seed_given;
  bool no_env;         /* validate --no-env */
  bool no_inputs;      /* validate --no-inputs */
  int clock;           /* -1: as the file says; 0 wall, 1 virtual (--clock) */
  const int32_t *cpus; /* CPUs that the process may use; the host looks them up */
  uint32_t cpu_cnt;
};

/* Reads the file (or the text, when text is not NULL; file is then its name) and plans it. All
 * errors and warnings go to diags; returns NULL when there is an error. The plan lives in the
 * arena. */
struct mr_plan *mr_plan_load(struct mr_arena *arena, const char *file, const char *text, size_t len,
                             const struct mr_plan_conf *conf, struct mr_diags *diags);

/* Prints for people and golden tests: nodes, types and pruning, instances and workers, links,
 * pools, memory. Output is appended to a string in the arena. */
char *mr_plan_print(const struct mr_plan *plan, struct mr_arena *arena);
char *mr_plan_print_types(const struct mr_plan *plan, struct mr_arena *arena);
char *mr_plan_print_layout(const struct mr_plan *plan, struct mr_arena *arena);

/* For programs: the plan as one JSON object in the arena, as it lies in the stats segment, so that
 * tools know delays, edges and columns of a graph whose file is gone. Fields are only ever added:
 *   graph, file, data_dir (absolute), checkpoint_dir (absolute; where it takes them),
 *   clock, workers, drain_timeout_ns,
 *   nodes[] {name, type, kind (source | step | sink), internal, owner, instances, on_error,
 *            from[] {node, output, port}, delay_us, allowed_lateness_us, every_us, idle_after_us,
 *            state_max, partitions[] (that reach its input), makes[] (that its rows are),
 *            outputs[] {name, read, columns[] {name, type}}}
 * A column that nobody reads is left out, times that do not apply too. */
const char *mr_plan_json(const struct mr_plan *plan, struct mr_arena *arena);

#endif
