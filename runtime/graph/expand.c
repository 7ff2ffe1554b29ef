/* SPDX-License-Identifier: Apache-2.0 */
/* Steps that stand for others. Steps that are made are drafts like all others, behind those of the
 * file. To tell the columns of a node before the graph is typed, its draft and those upstream are
 * typed once beside the plan, with their mistakes kept back: the planner finds them again. */
#include "graph/expand.h"

#include <string.h>

#include "graph/plan_private.h"

#define DRAFTS_MAX (MR_NODES_MAX / 2)

/* ---- names ---- */

/* The draft that `from` reads, and its output; -1: none. Expands it where that is due. */
static int32_t find_from(struct mr_planner *pl, const char *from, uint32_t *output) {
  *output = MR_OUT_MAIN;
  int32_t d = mr_planner_find(pl, from, strlen(from));
  if (d >= 0) {
    mr_planner_expand(pl, (uint32_t)d);
    return pl->drafts[d].section == MR_SECTION_SINKS ? -1 : d;
  }
  const char *dot = strchr(from, '.');
  d = dot ? mr_planner_find(pl, from, (size_t)(dot - from)) : -1;
  if (d < 0) return -1;
  mr_planner_expand(pl, (uint32_t)d);
  if (mr_planner_output(pl, (uint32_t)d, dot + 1, output)) return d;
  for (uint32_t i = 0; i < pl->draft_cnt; i++)
    if (pl->drafts[i].step == pl->drafts[d].name && mr_planner_output(pl, i, dot + 1, output))
      return (int32_t)i;
  return -1;
}

bool mr_op_expand_has(const struct mr_op_expand *x, const char *type, const char *option) {
  const struct mr_op *op = mr_op_find(x->planner->conf->ops, MR_OP_STEP, type);
  if (!op || !option) return op != NULL;
  for (const struct mr_opt *o = op->opts; o && o->name; o++)
    if (!strcmp(o->name, option)) return o->since == MR_OPT_NOW;
  return false;
}

bool mr_op_expand_reads(const struct mr_op_expand *x, const char *from) {
  uint32_t output;
  return find_from(x->planner, from, &output) >= 0;
}

const char *mr_op_expand_nearest(const struct mr_op_expand *x, const char *name) {
  const char *names[MR_NODES_MAX] = {0};
  uint32_t cnt = 0;
  const struct mr_planner *pl = x->planner;
  for (uint32_t i = 0; i < pl->draft_cnt; i++)
    if (pl->drafts[i].section != MR_SECTION_SINKS && !pl->drafts[i].step && i != x->draft)
      names[cnt++] = pl->drafts[i].name;
  return mr_planner_nearest(name, names, cnt);
}

/* ---- steps ---- */

/* Options that every node has go on to the step that is made. */
static void hand_on(struct mr_op_expand *x, struct mr_tree *step, const char *key) {
  struct mr_tree *value = mr_tree_get(x->tree, key);
  if (!value || value->kind != MR_TREE_SCALAR) return;
  struct mr_tree *copy = MR_NEW(x->arena, struct mr_tree, 1);
  *copy = *value;
  mr_tree_add(x->arena, step, value->key, copy);
}

int64_t mr_op_expand_add(struct mr_op_expand *x, const char *name, struct mr_tree *step,
                         struct mr_tree *time) {
  struct mr_planner *pl = x->planner;
  const struct mr_tree *type = mr_tree_get(step, "type");
  const struct mr_op *op = type ? mr_op_find(pl->conf->ops, MR_OP_STEP, type->text) : NULL;
  if (pl->draft_cnt == DRAFTS_MAX) {
    mr_diag_error(pl->diags, MR_CODE_TOO_MANY_NODES, mr_tree_name_span(x->tree),
                  "a graph has at most %u nodes", DRAFTS_MAX);
    return -1;
  }
  hand_on(x, step, "on_error");
  hand_on(x, step, "cpus");
  if (op && op->flags & MR_OP_KEYED) hand_on(x, step, "workers");
  step->parent = x->tree->parent;
  step->key = x->tree->key;
  struct mr_draft *d = &pl->drafts[pl->draft_cnt++];
  *d = (struct mr_draft){
      .name = name, .step = x->name, .section = MR_SECTION_STEPS, .tree = step, .time = time};
  mr_planner_read_options(pl, d);
  return d->broken ? -1 : (int64_t)op->flags;
}

void mr_op_expand_result(struct mr_op_expand *x, const char *name) {
  struct mr_planner *pl = x->planner;
  int32_t i = mr_planner_find(pl, name, strlen(name));
  if (i < 0) return;
  struct mr_draft *own = &pl->drafts[x->draft], *made = &pl->drafts[i];
  struct mr_tree *tree = own->tree;
  const char *step = own->name;
  *own = *made;
  own->name = step;
  own->step = NULL;
  own->expanded = tree;
  own->typed = false; /* as another draft */
  made->name = "";    /* it is taken out when all are expanded */
  made->gone = true;
}

/* ---- columns ---- */

/* Types a draft and what it reads, once. */
static void type_early(struct mr_planner *pl, uint32_t i) {
  struct mr_draft *d = &pl->drafts[i];
  if (d->typed || d->broken || !d->op || d->op->expand) return;
  d->typed = true; /* also in a cycle */
  bool broken = d->broken;
  mr_planner_resolve(pl, d);
  for (uint32_t k = 0; k < d->input_cnt; k++) type_early(pl, d->inputs[k].node);
  mr_planner_type_draft(pl, i);
  d->broken = broken;
}

const struct mr_schema *mr_op_expand_schema(struct mr_op_expand *x, const char *from) {
  struct mr_planner *pl = x->planner;
  uint32_t output;
  int32_t i = find_from(pl, from, &output);
  if (i < 0) return NULL;
  if (!pl->early) {
    pl->early = MR_NEW(pl->arena, struct mr_plan, 1);
    *pl->early = *pl->plan;
    pl->early->nodes = MR_NEW(pl->arena, struct mr_plan_node, DRAFTS_MAX + 1);
    pl->early->error_schema = mr_error_schema(pl->arena);
  }
  struct mr_diags kept_back, *diags = pl->diags;
  struct mr_plan *plan = pl->plan;
  uint32_t *sorted = pl->sorted;
  mr_diags_init(&kept_back, pl->arena);
  kept_back.secrets = diags->secrets;
  pl->diags = &kept_back;
  pl->plan = pl->early;
  pl->sorted = MR_NEW(pl->arena, uint32_t, DRAFTS_MAX + 1);
  for (uint32_t k = 0; k < pl->draft_cnt; k++) pl->sorted[k] = pl->drafts[k].order = k;
  type_early(pl, (uint32_t)i);
  pl->diags = diags;
  pl->plan = plan;
  pl->sorted = sorted;
  const struct mr_schema *schema = pl->early->nodes[i].outs[output].schema;
  return schema && schema->visible_cnt ? schema : NULL; /* `any` has none yet */
}

/* ---- all of them ---- */

void mr_planner_expand(struct mr_planner *pl, uint32_t draft) {
  struct mr_draft *d = &pl->drafts[draft];
  if (!d->op || !d->op->expand || d->broken || d->expanding) return;
  d->expanding = true; /* a cycle of queries is found among the edges */
  struct mr_op_expand x = {.arena = pl->arena,
                           .diags = pl->diags,
                           .name = d->name,
                           .tree = d->tree,
                           .conf = d->conf,
                           .planner = pl,
                           .draft = draft};
  if (d->op->expand(&x)) d->broken = true;
}

void mr_planner_expand_all(struct mr_planner *pl) {
  uint32_t cnt = pl->draft_cnt;
  for (uint32_t i = 0; i < cnt; i++) mr_planner_expand(pl, i);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < pl->draft_cnt; i++)
    if (!pl->drafts[i].gone) pl->drafts[kept++] = pl->drafts[i];
  pl->draft_cnt = kept;
}
