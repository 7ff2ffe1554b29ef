/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_SOLO_H
#define MR_WORKER_SOLO_H

/* Operators without threads: a graph whose rows come from the caller and go to the caller, stepped
 * in the caller's thread with the caller's clock. It is the same plan, the same instances and the
 * same loop body as in a run; for unit tests, simulation and people's own performance tests.
 *
 *   sources: { in:  { type: feed, fields: {...} } }       rows come from conf.feed
 *   steps:   { op:  { type: filter, from: in, where: ... } }
 *   sinks:   { out: { type: take, from: op } }            views go to conf.take
 *
 * Workers are stepped in the order that conf.seed draws (one worker: always it), so a schedule is
 * replayed from its seed. One thread. */

#include "worker/run.h"

struct mr_solo;

/* What a feed fills: an open batch of a source. */
struct mr_feed {
  const char *node; /* name of the source */
  const struct mr_schema *schema;
  const bool *need; /* per column: is there memory for it? others are pruned */
  struct mr_pool *pool;
  struct mr_batch *batch;
  uint32_t row_max; /* at most this many rows now */
};

/* Fills rows 0..n-1 and returns n; 0: nothing now; -1: the end. */
typedef int32_t (*mr_feed_fn)(void *ctx, struct mr_feed *feed);
/* Gets a view that arrived at a sink; it is valid during the call. */
typedef void (*mr_take_fn)(void *ctx, const char *node, const struct mr_schema *schema,
                           const uint8_t *base, const struct mr_view *view);

struct mr_solo_conf {
  const struct mr_op_table *ops; /* besides feed and take, which are added */
  const char *graph;             /* text of a graph file */
  mr_feed_fn feed;
  mr_take_fn take;
  void *ctx;
  struct mr_clock clock; /* zeroed: the system's */
  enum mr_isa isa;
  uint64_t seed; /* of the schedule */
  bool stats;    /* keep histograms and counters, as a run does */
};

/* NULL when the graph is wrong or memory is missing: err has the first diagnostics as text. */
struct mr_solo *mr_solo_open(const struct mr_solo_conf *conf, struct mr_error *err);

/* One step of one worker; false when all have ended. */
bool mr_solo_step(struct mr_solo *solo);
/* Steps until all have ended, or until `idle` rounds over all workers did nothing. True when they
 * have ended. */
bool mr_solo_run(struct mr_solo *solo, uint32_t idle);
/* Asks for a drain, as a signal would. */
void mr_solo_drain(struct mr_solo *solo);

struct mr_run *mr_solo_inner(struct mr_solo *solo);
/* The run's own copy of the clock, for mr_clock_advance. */
struct mr_clock *mr_solo_clock(struct mr_solo *solo);
const struct mr_plan *mr_solo_plan(struct mr_solo *solo);
/* Counts of one instance of a node, as they are now. */
struct mr_counts mr_solo_counts(struct mr_solo *solo, const char *node, uint32_t instance);
void mr_solo_close(struct mr_solo *solo);

/* Setting values of an open batch by column and row; pruned columns are left alone. Rows must be
 * set in order from 0, every column of every row. False: the string does not fit into the batch's
 * heap. */
void mr_feed_null(struct mr_feed *feed, uint32_t col, uint32_t row);
void mr_feed_int(struct mr_feed *feed, uint32_t col, uint32_t row, int64_t v);
void mr_feed_double(struct mr_feed *feed, uint32_t col, uint32_t row, double v);
void mr_feed_bool(struct mr_feed *feed, uint32_t col, uint32_t row, bool v);
void mr_feed_code(struct mr_feed *feed, uint32_t col, uint32_t row, uint8_t code);
bool mr_feed_str(struct mr_feed *feed, uint32_t col, uint32_t row, const char *s, uint32_t len);

#endif
