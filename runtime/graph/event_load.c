/* SPDX-License-Identifier: Apache-2.0 */
/* One event of a graph file, without the graph: for tools that read rows of its shape. */
#include <string.h>

#include "expr/expr.h"
#include "graph/event_load.h"
#include "graph/plan_private.h"

const struct mr_event *mr_event_load(struct mr_arena *arena, const char *file, const char *name,
                                     struct mr_diags *diags, const struct mr_schema **schema) {
  struct mr_plan plan = {.arena = arena, .file = file};
  struct mr_planner pl = {.arena = arena, .diags = diags, .plan = &plan};
  pl.root = mr_tree_load_file(arena, file, diags, NULL);
  if (!pl.root) return NULL;
  plan.tree = pl.root;
  pl.events_tree = mr_tree_get(pl.root, "events");
  mr_planner_read_events(&pl);
  if (diags->error_cnt) return NULL;
  const char **names = MR_NEW(arena, const char *, pl.event_cnt + 1);
  for (uint32_t i = 0; i < pl.event_cnt; i++) {
    names[i] = pl.events[i].name;
    if (strcmp(pl.events[i].name, name) != 0) continue;
    *schema = mr_planner_event_schema(&pl, &pl.events[i]);
    return &pl.events[i];
  }
  struct mr_tree *at = pl.events_tree ? pl.events_tree : pl.root;
  struct mr_diag *d = mr_diag_error(diags, MR_CODE_BAD_EVENT, mr_tree_name_span(at),
                                    "no event is named \"%s\"", name);
  const char *near = mr_planner_nearest(name, names, pl.event_cnt);
  if (near) mr_diag_label(d, "did you mean \"%s\"?", near);
  return NULL;
}

/* ---- any ---- */

struct any {
  struct mr_planner pl;
  struct mr_event *event;
  const struct mr_source *src;
};

static void take_use(void *ctx, const char *name, uint32_t off, uint32_t len, enum mr_type use) {
  struct any *any = ctx;
  mr_planner_any_column(&any->pl, any->event, name, use, mr_span_make(any->src, off, len));
}

const struct mr_event *mr_event_any(struct mr_arena *arena, const struct mr_ast *ast,
                                    const struct mr_source *src, struct mr_diags *diags,
                                    const struct mr_schema **schema) {
  struct any any = {.pl = {.arena = arena, .diags = diags}, .src = src};
  any.event = mr_planner_any_event(&any.pl);
  mr_ast_columns(ast, MR_TYPE_NONE, take_use, &any);
  if (diags->error_cnt) return NULL;
  mr_planner_any_done(any.event);
  *schema = mr_planner_event_schema(&any.pl, any.event);
  return any.event;
}
