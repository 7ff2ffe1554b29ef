/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_OVERRIDE_H
#define MR_GRAPH_OVERRIDE_H

/* `--set path=value`: sets or creates one value of the tree. The path is dotted keys, and numbers
 * for places in lists
 * (`sources.in.rate=5k/s`, `api.routes.0.limit=5`); maps on the way are created. A value that
 * begins with
 * '{' or '[', or stands in quotes, is read as YAML; any other text is taken as it stands.
 * Diagnostics about such a value point into a source named "--set". */

struct mr_arena;
struct mr_diags;
struct mr_tree;

/* Applies one "path=value" to *root (which may be NULL: then it becomes a map). 0, or MR_ERR_CONF
 * with a diagnostic. */
int mr_override_apply(struct mr_arena *arena, struct mr_tree **root, const char *arg,
                      struct mr_diags *diags);

#endif
