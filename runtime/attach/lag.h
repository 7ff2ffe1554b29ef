/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_LAG_H
#define MR_ATTACH_LAG_H

/* How far behind a graph is: per source and partition its last event time, rows and position, per
 * node with a watermark that watermark and the source partition that holds it. */

#include "attach/topology.h"
#include "base/lines.h"

/* Two tables for people. */
void mr_lag_text(struct mr_lines *out, const struct mr_snapshot *snap,
                 const struct mr_topology *topology);

/* One JSON object on one line, without newline: graph, pid, state, clock, sources[] {source,
 * partition, rows, last_event, lag_ns, seen_ns (ago), idle, ended, position_bytes, total_bytes},
 * nodes[] {name, watermark, lag_ns, delay_ns, held_by: {source, partition} or null}. */
void mr_lag_json(struct mr_lines *out, const struct mr_snapshot *snap,
                 const struct mr_topology *topology);

#endif
