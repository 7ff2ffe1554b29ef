/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_TOPOLOGY_H
#define MR_ATTACH_TOPOLOGY_H

/* What the plan in a segment says of the graph, beside the numbers of a snapshot: who reads whom,
 * delays, which source partition holds which node's watermark back. Works on a dead graph too. One
 * thread at a time. */

#include <stdbool.h>
#include <stdint.h>

#include "attach/snapshot.h"
#include "base/value.h"

struct mr_topology_node {
  const char *name, *type, *kind, *on_error;
  bool internal;
  uint32_t first, cnt;        /* instances: indices into the snapshot's nodes */
  bool timed;                 /* has a watermark of its own */
  int64_t delay_us;           /* of a source: watermark.delay; timed: its own delay */
  int64_t idle_after_us;      /* sources; 0: off */
  uint64_t state_max;         /* bytes per instance; 0: none */
  const uint32_t *partitions; /* that reach its input */
  uint32_t partition_cnt;
  const uint32_t *inputs;     /* nodes */
  const char *const *outputs; /* by input: the output's name, "" for the main one */
  uint32_t input_cnt;
  const struct mr_value *plan; /* all that the plan says */
};

struct mr_topology {
  const char *data_dir, *file;    /* absolute; as given */
  const char *checkpoint_dir;     /* absolute; "": it takes no checkpoints */
  struct mr_topology_node *nodes; /* in the order of the flow: inputs before their readers */
  uint32_t node_cnt;
  const uint32_t *makers; /* by partition: the node whose rows it is */
  uint32_t partition_cnt;
};

/* Reads the plan of a snapshot into the arena. False: the graph was run by a program that keeps no
 * plan there, or the plan does not fit the snapshot's tables; the node list is then empty. */
bool mr_topology_read(struct mr_topology *t, struct mr_arena *arena,
                      const struct mr_snapshot *snap);
/* NULL: no node has that name. */
const struct mr_topology_node *mr_topology_find(const struct mr_topology *t, const char *name);

/* The number of a partition among those of its node. */
uint32_t mr_topology_partition(const struct mr_topology *t, uint32_t partition);
/* Some node reads that output ("" is the main one). */
bool mr_topology_output_read(const struct mr_topology_node *node, const char *output);

/* The time that a node's watermark is compared with: the wall clock, under a virtual clock the
 * furthest source; INT64_MIN: none yet. */
int64_t mr_topology_clock_us(const struct mr_snapshot *snap);

/* How far a partition's event time is: of a source its frontier, of a node's derived rows that
 * node's watermark; INT64_MIN: nothing yet, INT64_MAX: it has ended. */
int64_t mr_topology_frontier_us(const struct mr_topology *t, const struct mr_snapshot *snap,
                                uint32_t partition);
/* The partition is left out of the minimum: its source is silent beyond idle_after, or, of derived
 * rows, all partitions behind them are. */
bool mr_topology_idle(const struct mr_topology *t, const struct mr_snapshot *snap,
                      uint32_t partition);
/* The partition that a node's watermark waits for: the one that is least far of those that are not
 * idle; UINT32_MAX: there is none, all are idle or have ended. */
uint32_t mr_topology_holder(const struct mr_topology *t, const struct mr_snapshot *snap,
                            const struct mr_topology_node *node);
/* The same followed back through derived rows to a source's partition. */
uint32_t mr_topology_source_holder(const struct mr_topology *t, const struct mr_snapshot *snap,
                                   const struct mr_topology_node *node);
/* A node's watermark: the least of its instances'. */
int64_t mr_topology_watermark_us(const struct mr_snapshot *snap,
                                 const struct mr_topology_node *node);

#endif
