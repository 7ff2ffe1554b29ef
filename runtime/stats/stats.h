/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATS_STATS_H
#define MR_STATS_STATS_H

/* The stats of a running graph, writer side: lays the directory and all entries out in a segment's
 * body and gives typed pointers to them. Workers write through those with mr_stat_set, mr_stat_add
 * and mr_hist_record, one writer per word as stats_abi.h says. Nothing here waits, and nothing
 * allocates after init.
 *
 *   sz = mr_stats_footprint(&conf);               0: conf is out of range
 *   mr_segment_create(&seg, body_sz = sz, ...);
 *   mr_stats_init(&stats, seg.base, seg.head->body_off, &conf);
 *   mr_stats_add_part(...), mr_stats_add_counter(...)
 *   mr_segment_publish(&seg, mr_stats_layout_hash(&stats), ...); */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "stats/hist.h"
#include "stats/stats_abi.h"

struct mr_stats_node_conf {
  const char *name, *type; /* cut at MR_STAT_NAME_SZ - 1, MR_STAT_TYPE_SZ - 1 bytes */
  uint32_t instance, worker;
  enum mr_stat_node_kind kind;
  uint32_t input; /* index + 1 into nodes: an instance of its first input, for paths; 0: none */
  bool internal;  /* made by the planner: tools leave it and its links out */
};
struct mr_stats_link_conf {
  uint32_t from, to; /* indices into nodes */
  uint32_t capacity; /* items with rows */
};
struct mr_stats_path_conf {
  uint32_t from, to; /* indices into nodes: the source's instance 0, one instance of the sink */
};
struct mr_stats_partition_conf {
  uint32_t node, idx; /* index into nodes; number of the partition in the graph */
};

struct mr_stats_conf {                    /* read during the call only */
  const struct mr_stats_node_conf *nodes; /* one per instance */
  const struct mr_stats_link_conf *links;
  const struct mr_stats_path_conf *paths;
  const struct mr_stats_partition_conf *partitions;
  uint32_t node_cnt; /* at most MR_INSTANCES_MAX */
  uint32_t link_cnt;
  uint32_t path_cnt;
  uint32_t partition_cnt;
  uint32_t worker_cnt;  /* 1..MR_WORKERS_MAX */
  uint32_t part_max;    /* room for mr_stats_add_part; 0: 64 */
  uint32_t counter_max; /* room for mr_stats_add_counter; 0: 64 */
  bool virtual_clock;
  const char *plan; /* JSON, or NULL */
  uint32_t plan_len;
};

struct mr_stats {
  uint8_t *base; /* offset 0 */
  struct mr_stat_directory *dir;
  struct mr_stat_table *tables;
  struct mr_node_stat *nodes; /* arrays with the conf's indices */
  struct mr_worker_stat *workers;
  struct mr_link_stat *links;
  struct mr_path_stat *paths;
  struct mr_partition_stat *partitions;
  struct mr_error_stat
      *errors; /* worker w: [w * MR_STAT_ERRORS_PER_WRITER ..); host: w = worker_cnt */
  struct mr_part_stat *parts;
  struct mr_counter_stat *counters;
  uint32_t node_cnt, worker_cnt, link_cnt, path_cnt, partition_cnt, part_max, counter_max;
  _Atomic uint32_t part_cnt, counter_cnt;
};

/* Bytes of the body, a multiple of MR_STAT_ALIGN, or 0 when conf is out of range: an index beyond
 * its table, a count beyond its limit, a NULL array of a count above 0. */
uint64_t mr_stats_footprint(const struct mr_stats_conf *conf);

/* Builds the body at base + off (128-aligned, zeroed, mr_stats_footprint(conf) bytes). conf was
 * accepted by mr_stats_footprint. Watermarks and frontiers start at INT64_MIN, cpus at -1. */
void mr_stats_init(struct mr_stats *stats, uint8_t *base, uint64_t off,
                   const struct mr_stats_conf *conf);

/* A hash over what never changes after init; the same for the same conf in the same build. */
uint64_t mr_stats_layout_hash(const struct mr_stats *stats);

/* Adds bytes of memory under a label (cut at MR_STAT_LABEL_SZ - 1 bytes); the same label and
 * laziness add up, beyond part_max everything goes under "other". Before the start, one thread. */
void mr_stats_add_part(struct mr_stats *stats, const char *label, uint64_t bytes, bool lazy);

/* A number of an operator's own: returns its word, which the caller alone writes, or NULL when
 * counter_max are there. node: index, UINT32_MAX: the graph's. Any thread, also while running. */
_Atomic uint64_t *mr_stats_add_counter(struct mr_stats *stats, uint32_t node, const char *label,
                                       enum mr_stat_kind kind, enum mr_stat_unit unit);

/* Counts an error that is distinct by node, code and text: the first one takes the writer's least
 * recently seen entry, later ones count. text and code are copied, cut. writer: the calling
 * worker's index, or worker_cnt for the host. Cold path: compares up to 64 hashes. node: index,
 * UINT32_MAX: none. code: at most 15 bytes, or NULL. */
void mr_stats_error(struct mr_stats *stats, uint32_t writer, uint32_t node, const char *code,
                    const char *text, uint64_t count, int64_t wall_us);

/* Sets a word of the calling worker. */
static inline void mr_stat_set(_Atomic uint64_t *word, uint64_t value) {
  atomic_store_explicit(word, value, memory_order_relaxed);
}
static inline void mr_stat_set_time(_Atomic uint64_t *word, int64_t us) {
  atomic_store_explicit(word, (uint64_t)us, memory_order_relaxed);
}
/* Adds to a word of the calling worker: no locked instruction, one writer. */
static inline void mr_stat_add(_Atomic uint64_t *word, uint64_t n) {
  atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + n,
                        memory_order_relaxed);
}
static inline void mr_stat_max(_Atomic uint64_t *word, uint64_t value) {
  if (value > atomic_load_explicit(word, memory_order_relaxed))
    atomic_store_explicit(word, value, memory_order_relaxed);
}
static inline uint64_t mr_stat_get(const _Atomic uint64_t *word) {
  return atomic_load_explicit(word, memory_order_relaxed);
}

#endif
