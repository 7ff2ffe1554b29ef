/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_GRAPHS_H
#define MR_WORKER_GRAPHS_H

/* Random graphs of the operators of ops.h, and what must come out of them by a computation that
 * knows nothing of batches, workers or time: each node is a list of rows. */

#include <stdbool.h>

#include "base/rng.h"
#include "ops.h"
#include "worker/worker_private.h"

#define RIG_NODES_MAX 16
#define RIG_CPUS      4

enum rig_kind {
  RIG_GEN,
  RIG_PASS,
  RIG_KPASS,
  RIG_SPLIT,
  RIG_SHIFT,
  RIG_COPY,
  RIG_SPOIL,
  RIG_TALLY,
  RIG_COLLECT,
  RIG_ERRS
};

struct rig_list {
  struct rig_row *rows;
  size_t cnt, cap;
};

struct rig_node {
  enum rig_kind kind;
  int64_t rows, bad, salt, mod, every; /* of gen, split, spoil */
  uint32_t in[4], out[4], in_cnt;      /* inputs: node and output (0 main, 2 rest, 1 errors) */
  uint32_t instances;
  bool drops;       /* a sink with a queue too small for its rows */
  bool keeps_order; /* one path, one instance, no derived rows */
  uint32_t paths;
  struct rig_list lists[3]; /* what must come: main (a sink: what arrives), errors (ids), rest */
};

struct rig_graph {
  uint64_t seed;
  struct mr_rng rng;
  struct rig_node nodes[RIG_NODES_MAX];
  uint32_t cnt;
  char text[16384];
  bool drained; /* sources were cut short: derived rows may be missing, none may be wrong */
  bool heap;    /* texts on the heap */
  const char *wait;
};

struct rig_run {
  struct mr_arena arena;
  struct mr_diags diags;
  struct mr_plan *plan;
  struct mr_run *run;
};

/* A graph of a seed; rows_max rows per source at most. */
void rig_graph_make(struct rig_graph *g, uint64_t seed, uint32_t rows_max, const char *wait);
/* gen -> pass (with a fault, 0: none) -> tally -> sink, and gen -> pass -> sink. */
void rig_graph_make_faulty(struct rig_graph *g, int fault);
void rig_graph_free(struct rig_graph *g);
/* Plans and builds; fails the test when that fails. */
void rig_run_build(struct rig_run *r, const char *text);
/* The same, on a clock that stands still; with `views` rows cross links as views only. */
void rig_run_build_still(struct rig_run *r, const char *text, bool views);
void rig_run_free(struct rig_run *r);
/* Steps random workers until all have ended, at most max steps. True when they have. */
bool rig_run_steps(struct rig_run *r, struct mr_rng *rng, uint64_t max);
/* Everything that must hold after the end. NULL, or what is wrong (static text). */
const char *rig_check(struct rig_graph *g, struct rig_run *r);

static inline uint32_t rig_pick(struct mr_rng *rng, uint32_t n) {
  return mr_rng_below(mr_rng_next(rng), n);
}

#endif
