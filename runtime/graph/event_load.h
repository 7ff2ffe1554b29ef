/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_EVENT_LOAD_H
#define MR_GRAPH_EVENT_LOAD_H

/* Events without a graph around them, for tools that read rows: one that a graph file declares, and
 * the untyped one that an expression asks for. Results live in the arena. One thread. */

#include "graph/diag.h"
#include "graph/op.h"

struct mr_ast;

/* The event `name` under `events:` of a graph file, of which nothing else is read. NULL when
 * something was reported. */
const struct mr_event *mr_event_load(struct mr_arena *arena, const char *file, const char *name,
                                     struct mr_diags *diags, const struct mr_schema **schema);

/* The event `any` of an expression: the columns that it names, typed by their use. src is its text,
 * for positions. NULL when something was reported. */
const struct mr_event *mr_event_any(struct mr_arena *arena, const struct mr_ast *ast,
                                    const struct mr_source *src, struct mr_diags *diags,
                                    const struct mr_schema **schema);

#endif
