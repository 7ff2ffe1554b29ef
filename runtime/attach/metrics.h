/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_METRICS_H
#define MR_ATTACH_METRICS_H

/* A snapshot as Prometheus text, format 0.0.4. Names, kinds, help and labels come from one table,
 * from which documents and dashboards can be made too. Every metric of millrace has the label
 * graph; values of labels come from the graph file only, so there are as many series as nodes,
 * links, paths and partitions. Instances of a node are added up. */

#include "attach/topology.h"
#include "base/lines.h"

enum mr_metric_kind { MR_METRIC_COUNTER, MR_METRIC_GAUGE, MR_METRIC_HISTOGRAM };

struct mr_metric { /* rows of one name stand together; the first one has help and labels */
  const char *name, *help;
  enum mr_metric_kind kind;
  const char *labels; /* beside graph, for documents: "node, type, output" */
};

/* Row idx of the table, NULL behind the last. */
const struct mr_metric *mr_metric_at(uint32_t idx);
/* "counter", "gauge", "histogram". */
const char *mr_metric_kind_str(enum mr_metric_kind kind);

/* Buckets of histograms: powers of two from 256 ns to about 17 s. */
#define MR_METRIC_BUCKET_LO  8u /* 2^8 ns */
#define MR_METRIC_BUCKET_CNT 27u

/* All metrics of a snapshot whose topology was read (an empty one gives what needs none). Numbers
 * of the process and its threads are read from /proc while it lives. */
void mr_metrics_text(struct mr_lines *out, const struct mr_snapshot *snap,
                     const struct mr_topology *topology);

#endif
