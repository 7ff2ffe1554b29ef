/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_LOAD_PRIVATE_H
#define MR_GRAPH_LOAD_PRIVATE_H

/* What the YAML loader shares with --set. */

#include "graph/tree.h"

/* mr_tree_load of the part of src that begins at byte off. */
struct mr_tree *mr_tree_load_from(struct mr_arena *arena, const struct mr_source *src, uint32_t off,
                                  struct mr_diags *diags);

/* What libyaml says went wrong, in our offsets: for mr_load_syntax_error. */
struct mr_load_problem {
  const char *problem, *context; /* libyaml's texts, may be NULL */
  uint32_t at, context_at;       /* bytes of the source */
  bool has_context;              /* context_at is known */
  bool in_flow;                  /* inside braces or brackets */
};

/* Turns it into a diagnostic in our words (load_syntax.c). */
void mr_load_syntax_error(const struct mr_source *src, const struct mr_load_problem *p,
                          struct mr_diags *diags);

#endif
