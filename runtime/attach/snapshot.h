/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_SNAPSHOT_H
#define MR_ATTACH_SNAPSHOT_H

/* A private copy of everything that a graph tells, taken at one time without stopping it: each word
 * is whole, words of one moment are close but not exact. Texts are NUL-terminated printable UTF-8
 * and indices are in range, whatever the segment held. The difference of two snapshots is the
 * interval between them. One thread at a time. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "attach/attach.h"

struct mr_snapshot {
  char graph[MR_SEGMENT_GRAPH_SZ], version[32];
  uint64_t pid, start_ticks, generation, config_hash, layout_hash;
  int64_t start_wall_us; /* when the process made the segment */
  enum mr_attach_state state;
  bool stalled;           /* alive, but its heartbeat is older than MR_PROCESS_BEAT_OLD_NS */
  uint64_t beat_age_ns;   /* 0 when it is in the future */
  uint64_t uptime_ns;     /* from the workers' begin to the last heartbeat */
  uint64_t taken_mono_ns; /* CLOCK_MONOTONIC when taken */
  int64_t taken_wall_us;
  uint64_t interval_ns; /* time that the counters cover: uptime_ns, or that between two snapshots */
  uint64_t exit_code;   /* when done */
  bool virtual_clock;
  struct mr_node_stat *nodes;
  struct mr_worker_stat *workers;
  struct mr_link_stat *links;
  struct mr_path_stat *paths;
  struct mr_partition_stat *partitions;
  struct mr_error_stat *errors; /* whole ones with a count, last seen first, at most 64 */
  struct mr_part_stat *parts;
  struct mr_counter_stat *counters; /* valid ones */
  const char *plan;                 /* plan_len bytes, or NULL */
  uint32_t node_cnt, worker_cnt, link_cnt, path_cnt, partition_cnt, error_cnt, part_cnt;
  uint32_t counter_cnt, plan_len;
  void *mem; /* one mapping that holds it all */
  size_t mem_sz;
};

/* Takes a snapshot. *snap is zeroed or from an earlier take, whose memory is used again.
 * MR_ERR_NOMEM; MR_ERR_DATA when an index in the segment is out of range. */
int mr_snapshot_take(const struct mr_attach *attach, struct mr_snapshot *snap);

/* *out = what happened from earlier to later: counters and histograms are differences (at least 0),
 * gauges and texts are later's. *out as in take, and neither of the two. MR_ERR_STATE when they are
 * not of the same run; MR_ERR_NOMEM. */
int mr_snapshot_subtract(const struct mr_attach *attach, const struct mr_snapshot *later,
                         const struct mr_snapshot *earlier, struct mr_snapshot *out);

void mr_snapshot_free(struct mr_snapshot *snap);

/* A word of a snapshot: private memory, so no order is needed. */
static inline uint64_t mr_snapshot_word(const _Atomic uint64_t *word) {
  return atomic_load_explicit(word, memory_order_relaxed);
}
/* Items and rows that lie in a link, 0 to its capacity. */
uint64_t mr_snapshot_depth_items(const struct mr_link_stat *link);
uint64_t mr_snapshot_depth_rows(const struct mr_link_stat *link);
/* The texts of an error, copied to buf, which has MR_STAT_ERROR_TEXT_SZ bytes; returns buf. */
const char *mr_snapshot_error_code(const struct mr_error_stat *error, char *buf);
const char *mr_snapshot_error_text(const struct mr_error_stat *error, char *buf);
/* True for a node or link that tools leave out: made by the planner. */
bool mr_snapshot_node_hidden(const struct mr_snapshot *snap, uint32_t node);
bool mr_snapshot_link_hidden(const struct mr_snapshot *snap, uint32_t link);

#endif
