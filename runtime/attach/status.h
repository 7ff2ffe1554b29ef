/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_STATUS_H
#define MR_ATTACH_STATUS_H

/* All of a graph as a tree that can be pasted into a report: sources first, below each node who
 * reads it, a line each with what it did since the start. */

#include "attach/topology.h"
#include "base/lines.h"

void mr_status_text(struct mr_lines *out, const struct mr_snapshot *snap,
                    const struct mr_topology *topology);

#endif
