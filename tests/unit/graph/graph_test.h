/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_GRAPH_TEST_H
#define MR_TESTS_GRAPH_TEST_H

/* A graph file given as text, its tree and its diagnostics, for the tests of the room graph. */

#include <string.h>

#include "base/arena.h"
#include "graph/diag.h"
#include "graph/tree.h"
#include "test.h"

struct graph_test {
  struct mr_arena arena;
  struct mr_diags diags;
  struct mr_tree *root;
};

static inline void graph_load_n(struct graph_test *t, const void *text, size_t len) {
  *t = (struct graph_test){0};
  mr_diags_init(&t->diags, &t->arena);
  struct mr_source *src = mr_source_make(&t->arena, "g.yaml", text, len);
  t->root = mr_tree_load(&t->arena, src, &t->diags);
}

static inline void graph_load(struct graph_test *t, const char *text) {
  graph_load_n(t, text, strlen(text));
}

/* The diagnostics as text are exactly `want`. */
static inline void graph_says(struct graph_test *t, const char *want) {
  assert_string_equal(mr_diags_text(&t->diags, &t->arena, NULL), want);
}

/* One diagnostic of this code stands at line:col. */
static inline void graph_says_at(struct graph_test *t, int code, uint32_t line, uint32_t col) {
  for (uint32_t i = 0; i < t->diags.cnt; i++) {
    const struct mr_diag *d = t->diags.items[i];
    if (d->code == code && d->line == line && d->col == col) return;
  }
  fail_msg("no MR%04d at %u:%u in:\n%s", code, line, col,
           mr_diags_text(&t->diags, &t->arena, NULL));
}

static inline void graph_free(struct graph_test *t) {
  mr_arena_free(&t->arena);
}

#endif
