/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_WHY_H
#define MR_ATTACH_WHY_H

/* Why a node does not emit, is slow, or loses rows, as far as the numbers of a segment tell. Each
 * finding is a sentence, with details below it and what could be done. Works on a dead graph too:
 * then over all of its life. */

#include "attach/topology.h"
#include "base/lines.h"

/* Kinds of findings: watermark (windows that do not close yet), no_input, ended, idle (a partition
 * that is left out), slow (blocked by somebody downstream), busy, filtered, late, future,
 * dead_letters, dropped, state (the graph does not run), fine (nothing was found). */

/* Text: a paragraph per finding. `part` is the interval that rates and shares are of, or `now`
 * again. False: the graph has no such node; then nothing was written. */
bool mr_why_text(struct mr_lines *out, const struct mr_snapshot *now,
                 const struct mr_snapshot *part, const struct mr_topology *topology,
                 const char *node);
/* One JSON object on one line, without newline: graph, pid, state, node, type, watermark, clock,
 * in_per_s, out_per_s, findings[] {kind, text, details[] {what, text}}. */
bool mr_why_json(struct mr_lines *out, const struct mr_snapshot *now,
                 const struct mr_snapshot *part, const struct mr_topology *topology,
                 const char *node);

#endif
