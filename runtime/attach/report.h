/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_REPORT_H
#define MR_ATTACH_REPORT_H

/* What `stat` prints of a snapshot. Fields are only ever added. Nodes and links that the planner
 * made are left out; the paths of a sink's instances are added up. */

#include "attach/snapshot.h"
#include "base/lines.h"

/* One JSON object on one line, without newline: graph, pid, state, uptime_ns, nodes, links, paths,
 * workers, and more. */
void mr_report_json(struct mr_lines *out, const struct mr_snapshot *snap);

/* Only the array of `nodes`, or of `workers`, as in mr_report_json; for a run's own summary. */
void mr_report_json_nodes(struct mr_lines *out, const struct mr_snapshot *snap);
void mr_report_json_workers(struct mr_lines *out, const struct mr_snapshot *snap);

/* {"count":..,"p50":..,"p90":..,"p99":..,"p99.9":..,"max":..} */
void mr_report_json_hist(struct mr_lines *out, const struct mr_hist *hist);

/* The same as columns with raw numbers, one line per node, link, path and worker, each beginning
 * with its kind. */
void mr_report_text(struct mr_lines *out, const struct mr_snapshot *snap);

/* Memory: one line per part, largest first, and the sum. */
void mr_report_mem(struct mr_lines *out, const struct mr_snapshot *snap);
/* The same as one JSON object without newline: graph, parts[] {label, count, bytes, lazy},
 * committed_bytes, lazy_bytes. */
void mr_report_mem_json(struct mr_lines *out, const struct mr_snapshot *snap);

/* Distinct paths, source's and sink's name: calls fn with the sum over the sink's instances, which
 * is valid during the call. */
typedef void (*mr_report_path_fn)(void *ctx, const char *from, const char *to,
                                  const struct mr_hist *latency_ns);
void mr_report_paths(const struct mr_snapshot *snap, mr_report_path_fn fn, void *ctx);

#endif
