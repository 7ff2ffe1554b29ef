/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_BENCH_OP_H
#define MR_BENCH_BENCH_OP_H

/* Sources and sinks made for the benchmarks (steps are never). They take part in a graph file like
 * any other operator:
 *
 *   source columns  { rows: N, batch: N }             columns that the host lends, from memory
 *   source ping     { period: D, count: N, after: D } one row a batch at planned times
 *   sink   hash     { columns: [names] | all }        rows and their order-independent hash
 *   sink   read     { }                               the sum of all values of all columns */

#include <stdint.h>

#include "graph/op.h"
#include "stats/stats_abi.h"

struct mr_run;

extern const struct mr_op mr_bench_op_columns, mr_bench_op_ping, mr_bench_op_hash, mr_bench_op_read;

/* The operators of millrace and these, into ops (cap entries), which the table points to. */
#define MR_BENCH_OPERATORS_MAX 128u
void mr_bench_operators(const struct mr_op **ops, uint32_t cap, struct mr_op_table *table);

/* Lends column `col` of a columns source its data, `rows` of the option times the column's width,
 * without nulls, aligned to 2 MiB and in whole pages that nobody else uses: the pages move into the
 * run's region, and come back when the run is destroyed; until then nobody may touch `data`. After
 * mr_run_build, before the start. A column that nobody reads is left alone. 0, MR_ERR_NOENT without
 * such a node or column, or MR_ERR_NOMEM. */
int mr_bench_columns_lend(struct mr_run *run, const char *node, const char *column, void *data);

/* What a hash sink has got. After the end of the run. */
struct mr_bench_hash {
  uint64_t rows, hash; /* the sum of mr_bench_row_hash of the rows */
};
/* NULL when there is no such node. */
const struct mr_bench_hash *mr_bench_hash_of(struct mr_run *run, const char *node);

/* What a read sink has got; its sum is in `hash`. */
const struct mr_bench_hash *mr_bench_read_of(struct mr_run *run, const char *node);

/* Value at quantile q (0..1) of a histogram, ns; 0 when it is empty. */
uint64_t mr_bench_hist_at(const struct mr_hist *hist, double q);

#endif
