/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_SUITE_H
#define MR_BENCH_SUITE_H

/* The benchmarks, and what their set-up leaves in run->data for both sides. */

#include "lib/bench.h"
#include "plain/plain.h"

/* bench->arg: the x86-64 level, enum mr_isa. */
extern const struct mr_bench mr_bench_city_v2, mr_bench_city_v3, mr_bench_city_v4;
struct mr_suite_city {
  struct mr_city_columns columns;
  struct mr_city_counts counts; /* the plain side's */
};

/* bench->arg: workers of the engine's side, and which loop is the plain one. */
extern const struct mr_bench mr_bench_ysb, mr_bench_ysb_rings, mr_bench_ysb_fused,
    mr_bench_ysb_branchy, mr_bench_linear;
struct mr_suite_ysb {
  struct mr_ysb ysb; /* seed, events, the table; counts are the plain side's */
};

/* bench->arg: 0 beside the simdjson loop, 1 beside DuckDB, 2 beside DuckDB from CSV, 3 two workers
 * beside one. */
extern const struct mr_bench mr_bench_ndjson, mr_bench_duckdb, mr_bench_csv_duckdb,
    mr_bench_ndjson_workers;
struct mr_suite_ndjson {
  char path[1024];                        /* the input, from mr_city_file_make */
  char plain_out[1024], engine_out[1024]; /* result files: lines as mr_plain_ndjson writes them */
  char graph[1024];                       /* the engine's graph file */
  uint64_t events, bytes;
};

/* No argument. */
extern const struct mr_bench mr_bench_ecommerce_duckdb, mr_bench_solo, mr_bench_sql;
extern const struct mr_bench mr_bench_checkpoint, mr_bench_checkpoint_stop;

/* bench->arg: number of keys. Output rows: key, count, sum, min, max through mr_bench_row_hash. */
extern const struct mr_bench mr_bench_group_1e2, mr_bench_group_1e4, mr_bench_group_1e6;
struct mr_suite_group {
  struct mr_group_columns columns;
};

/* bench->arg: number of keys; columns' value is the event time. */
extern const struct mr_bench mr_bench_join;
extern const struct mr_bench mr_bench_hop_1e2, mr_bench_hop_1e5, mr_bench_session;

/* bench->arg: instances. */
extern const struct mr_bench mr_bench_exchange_4, mr_bench_exchange_16;

/* bench->arg: enum mr_plain_system. */
extern const struct mr_bench mr_bench_gen_city, mr_bench_gen_transactions, mr_bench_gen_java,
    mr_bench_gen_ecommerce, mr_bench_gen_sensors;

/* No data. */
extern const struct mr_bench mr_bench_latency_p50, mr_bench_latency_p999, mr_bench_wake;
extern const struct mr_bench mr_bench_idle, mr_bench_ring, mr_bench_sample_cost;
extern const struct mr_bench mr_bench_hello, mr_bench_hello_memory, mr_bench_io_append;

/* Of topics. */
extern const struct mr_bench mr_bench_topic_read, mr_bench_topic_append, mr_bench_topic_sync,
    mr_bench_topic_recover, mr_bench_topic_recover_memory;

/* Columns in memory. stats_*: batches of bench->arg rows. */
extern const struct mr_bench mr_bench_filter, mr_bench_expression;
extern const struct mr_bench mr_bench_hll_add;
extern const struct mr_bench mr_bench_stats_1, mr_bench_stats_32, mr_bench_stats_1024;

#endif
