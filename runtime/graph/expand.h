/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_EXPAND_H
#define MR_GRAPH_EXPAND_H

/* Steps that stand for others: an operator with expand() makes, out of one step of the graph file,
 * the steps that a user would have written. Those are planned like all others, under names with a
 * dot ("x.where"), which no user can write; the last of them takes the step's own name. The step's
 * outputs (x.late, x.errors) are those of all of them together; its `workers` go to those that have
 * a key, `cpus` and `on_error` to all.
 *
 * Control plane, one thread; memory is the plan's arena. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/api.h"
#include "graph/op.h"

MR_API_BEGIN

struct mr_planner;
struct mr_source;

struct mr_op_expand {
  struct mr_arena *arena;
  struct mr_diags *diags;
  const char *name;     /* of the step */
  struct mr_tree *tree; /* its own subtree of the graph file */
  const void *conf;     /* options, read by its table */
  struct mr_planner *planner;
  uint32_t draft;
};

/* Is there a step of this type, and with this option (NULL: whatever its options)? */
bool mr_op_expand_has(const struct mr_op_expand *x, const char *type, const char *option);
/* Is `from` ("node" or "node.output") something that a step can read? */
bool mr_op_expand_reads(const struct mr_op_expand *x, const char *from);
/* The name of a source or step that is near to `name`, or NULL. */
const char *mr_op_expand_nearest(const struct mr_op_expand *x, const char *name);
/* Adds a step; `step` is its subtree as the graph file would have it. time: a column that its input
 * must have as event time, as a scalar with its place, or NULL. The flags of its operator, or -1
 * when it was refused (reported). */
int64_t mr_op_expand_add(struct mr_op_expand *x, const char *name, struct mr_tree *step,
                         struct mr_tree *time);
/* The columns of a node or output, as they will be: NULL when they depend on what reads it (an
 * event `any`), or on what is reported elsewhere. */
const struct mr_schema *mr_op_expand_schema(struct mr_op_expand *x, const char *from);
/* Gives the step's own name to a step that was added. */
void mr_op_expand_result(struct mr_op_expand *x, const char *name);

MR_API_END

#endif
