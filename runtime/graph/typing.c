/* SPDX-License-Identifier: Apache-2.0 */
/* Types along the edges, pruning backwards, and what rows carry about time. */
#include <string.h>

#include "graph/plan_private.h"

#define NODES_MAX (MR_NODES_MAX / 2 * 3) /* a node, its merger, its dead-letter writer */

/* ---- the rows of NODE.errors ---- */

const struct mr_schema *mr_error_schema(struct mr_arena *arena) {
  static const struct {
    const char *name;
    enum mr_type type;
  } cols[] = {
      {"node", MR_TYPE_STRING},     {"code", MR_TYPE_STRING},    {"cause", MR_TYPE_STRING},
      {"source", MR_TYPE_STRING},   {"position", MR_TYPE_INT64}, {"line", MR_TYPE_INT64},
      {"time", MR_TYPE_TIMESTAMP},  {"raw", MR_TYPE_STRING},     {"raw_base64", MR_TYPE_STRING},
      {"raw_bytes", MR_TYPE_INT64}, {"row", MR_TYPE_STRING}};
  uint32_t cnt = sizeof cols / sizeof *cols;
  struct mr_schema *s = MR_NEW(arena, struct mr_schema, 1);
  s->fields = MR_NEW(arena, struct mr_field, cnt);
  s->cnt = s->visible_cnt = cnt;
  s->event_time = -1;
  for (uint32_t i = 0; i < cnt; i++)
    s->fields[i] = (struct mr_field){.name = cols[i].name, .type = cols[i].type, .optional = true};
  return s;
}

/* ---- building the node list ---- */

/* Brings the turns of a source's instances in order; the worker room does what it stands for. */
static const struct mr_op in_order = {
    .name = "in_order",
    .help = "brings the rows of a source's instances in order",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_INTERNAL,
};

static bool is_merger(const struct mr_planner *pl, uint32_t order) {
  return order > 0 && order < pl->sorted_cnt && pl->sorted[order] == pl->sorted[order - 1];
}

/* The node behind source `order - 1`: others read it in the source's place. */
static void fill_merger(struct mr_planner *pl, uint32_t order) {
  struct mr_plan_node *n = &pl->plan->nodes[order];
  *n = n[-1];
  n->op = &in_order;
  n->internal = n->merges = true;
  n->owner = order - 1;
  n->instance_cnt = 1;
  n->inputs = MR_NEW(pl->arena, struct mr_plan_input, 2);
  n->inputs[0] = (struct mr_plan_input){order - 1, MR_OUT_MAIN, 0};
  n->input_cnt = 1;
}

static void fill_node(struct mr_planner *pl, uint32_t order) {
  const struct mr_draft *d = &pl->drafts[pl->sorted[order]];
  struct mr_plan_node *n = &pl->plan->nodes[order];
  n->name = d->name;
  n->op = d->op;
  n->conf = d->conf;
  n->tree = d->tree;
  struct mr_span at = mr_tree_name_span(d->tree);
  if (at.src) mr_source_locate(at.src, at.off, &n->line, &n->col);
  n->on_error = (enum mr_on_error)d->common.on_error;
  n->instance_cnt = (uint32_t)d->common.workers;
  n->delay_us = d->common.watermark.delay_us;
  if (d->common.full == MR_FULL_DROP_OLDEST) n->keep_rows = (uint32_t)d->common.queue;
  n->idle_after_us = d->common.watermark.idle_after_us;
  n->max_future_skew_us =
      d->common.watermark.skew_given ? d->common.watermark.max_future_skew_us : MR_TIME_MAX;
  n->delay_min_us = MR_TIME_MAX;
  n->input_cnt = d->input_cnt;
  n->inputs = MR_NEW(pl->arena, struct mr_plan_input, d->input_cnt + 1);
  for (uint32_t i = 0; i < d->input_cnt; i++)
    n->inputs[i] = (struct mr_plan_input){pl->drafts[d->inputs[i].node].order, d->inputs[i].output,
                                          d->inputs[i].port};
  n->out_cnt = MR_OUT_EXTRA;
  n->outs[MR_OUT_MAIN].name = "";
  n->outs[MR_OUT_ERRORS].name = "errors";
  for (uint32_t i = 0; d->outputs && d->outputs[i]; i++) n->outs[n->out_cnt++].name = d->outputs[i];
}

static void add_reader(struct mr_planner *pl, struct mr_plan_out *out, uint32_t node,
                       uint32_t input) {
  struct mr_plan_reader *grown = MR_NEW(pl->arena, struct mr_plan_reader, out->reader_cnt + 1);
  if (out->reader_cnt) memcpy(grown, out->readers, out->reader_cnt * sizeof *grown);
  grown[out->reader_cnt++] = (struct mr_plan_reader){node, input};
  out->readers = grown;
}

static void link_readers(struct mr_planner *pl) {
  for (uint32_t i = 0; i < pl->plan->node_cnt; i++)
    for (uint32_t k = 0; k < pl->plan->nodes[i].input_cnt; k++) {
      struct mr_plan_input in = pl->plan->nodes[i].inputs[k];
      add_reader(pl, &pl->plan->nodes[in.node].outs[in.output], i, k);
    }
}

/* ---- forward: types ---- */

/* "city": what two inputs that ought to be alike differ in, as text. */
static const char *difference(struct mr_planner *pl, const struct mr_schema *a, const char *a_name,
                              const struct mr_schema *b, const char *b_name) {
  char x[64], y[64];
  for (uint32_t c = 0; c < a->visible_cnt; c++) {
    const struct mr_field *f = &a->fields[c];
    int32_t at = -1;
    for (uint32_t k = 0; k < b->visible_cnt && at < 0; k++)
      if (!strcmp(b->fields[k].name, f->name)) at = (int32_t)k;
    if (at < 0) return mr_arena_printf(pl->arena, "%s has no column %s", b_name, f->name);
    mr_field_type_text(f, x, sizeof x);
    mr_field_type_text(&b->fields[at], y, sizeof y);
    if (strcmp(x, y) != 0)
      return mr_arena_printf(pl->arena, "%s is %s in %s, %s in %s", f->name, x, a_name, y, b_name);
  }
  for (uint32_t k = 0; k < b->visible_cnt; k++) {
    bool there = false;
    for (uint32_t c = 0; c < a->visible_cnt; c++)
      there |= !strcmp(b->fields[k].name, a->fields[c].name);
    if (!there) return mr_arena_printf(pl->arena, "%s has no column %s", a_name, b->fields[k].name);
  }
  for (uint32_t c = 0; c < a->visible_cnt; c++)
    if (strcmp(a->fields[c].name, b->fields[c].name) != 0)
      return mr_arena_printf(pl->arena, "column %u is %s in %s, %s in %s", c + 1, a->fields[c].name,
                             a_name, b->fields[c].name, b_name);
  if (a->event_time == b->event_time)
    return mr_arena_printf(pl->arena, "%s and %s differ in the values of a column", a_name, b_name);
  const char *at = a->event_time < 0 ? "none" : a->fields[a->event_time].name;
  const char *bt = b->event_time < 0 ? "none" : b->fields[b->event_time].name;
  return mr_arena_printf(pl->arena, "the event time is %s in %s, %s in %s", at, a_name, bt, b_name);
}

static const char *input_name(struct mr_planner *pl, const struct mr_plan_node *n, uint32_t i) {
  const struct mr_plan_node *up = &pl->plan->nodes[n->inputs[i].node];
  const char *out = up->outs[n->inputs[i].output].name;
  return *out ? mr_arena_printf(pl->arena, "%s.%s", up->name, out) : up->name;
}

static void report_difference(struct mr_planner *pl, const struct mr_plan_node *n, uint32_t i,
                              const struct mr_schema *s) {
  uint32_t port = n->inputs[i].port, first = 0;
  while (n->inputs[first].port != port) first++;
  struct mr_tree *from = mr_tree_get(n->tree, n->op->ports ? n->op->ports[port] : "from");
  struct mr_diag *diag = mr_diag_error(
      pl->diags, MR_CODE_SCHEMA_MISMATCH, from ? mr_tree_span(from) : mr_tree_name_span(n->tree),
      "the inputs of %s have different columns: %s", n->name,
      difference(pl, n->op_plan.ports[port].in, input_name(pl, n, first), s, input_name(pl, n, i)));
  mr_diag_try(diag, "bring them to the same columns with a map");
}

/* A port's columns may be NULL where those of any input may: the schema itself, or a copy of it. */
static const struct mr_schema *join_optional(struct mr_arena *arena, const struct mr_schema *in,
                                             const struct mr_schema *other) {
  struct mr_schema *out = NULL;
  for (uint32_t c = 0; c < in->cnt; c++) {
    if (in->fields[c].optional || !other->fields[c].optional) continue;
    if (!out) {
      out = MR_NEW(arena, struct mr_schema, 1);
      *out = *in;
      out->fields = MR_NEW(arena, struct mr_field, in->cnt);
      memcpy(out->fields, in->fields, in->cnt * sizeof *in->fields);
    }
    out->fields[c].optional = true;
  }
  return out ? out : in;
}

static void set_input(struct mr_planner *pl, struct mr_plan_node *n, bool *ok) {
  struct mr_op_plan *p = &n->op_plan;
  bool derived = true;
  for (uint32_t i = 0; i < n->input_cnt; i++) {
    const struct mr_plan_node *up = &pl->plan->nodes[n->inputs[i].node];
    uint32_t output = n->inputs[i].output;
    const struct mr_schema *s = up->outs[output].schema;
    if (!s) {
      *ok = false;
      return;
    }
    bool own = up->op->flags & MR_OP_DERIVES && output == MR_OUT_MAIN;
    bool up_derived = own || (up->op->kind != MR_OP_SOURCE && up->op_plan.in_derived);
    int64_t delay = up->op->kind == MR_OP_SOURCE ? up->delay_us : up->op_plan.source_delay_us;
    if (!up_derived) derived = false;
    if (!own && delay > p->source_delay_us) p->source_delay_us = delay;
    struct mr_op_port *port = &p->ports[n->inputs[i].port];
    if (!port->in) {
      *port = (struct mr_op_port){.name = input_name(pl, n, i), .in = s};
      continue;
    }
    port->name = NULL;
    if (!mr_schema_equal(port->in, s) || port->in->event_time != s->event_time) {
      report_difference(pl, n, i, s);
      *ok = false;
      return;
    }
    port->in = join_optional(pl->arena, port->in, s);
  }
  p->in = p->ports[0].in;
  p->in_derived = derived && n->input_cnt > 0;
}

static void check_workers(struct mr_planner *pl, const struct mr_plan_node *n) {
  if (n->instance_cnt == 1 || n->op_plan.key_cnt || n->op->flags & (MR_OP_TURNS | MR_OP_PARTS))
    return;
  mr_diag_error(pl->diags, MR_CODE_BAD_PLACEMENT, mr_tree_span(mr_tree_get(n->tree, "workers")),
                "%s has no key: its rows cannot be split among workers", n->name);
}

static void type_merger(struct mr_planner *pl, uint32_t order) {
  struct mr_plan_node *n = &pl->plan->nodes[order];
  const struct mr_plan_node *source = n - 1;
  n->op_plan = (struct mr_op_plan){.arena = pl->arena,
                                   .diags = pl->diags,
                                   .plan = pl->plan,
                                   .node = n,
                                   .tree = source->tree,
                                   .in = source->outs[MR_OUT_MAIN].schema,
                                   .source_delay_us = source->delay_us};
  n->outs[MR_OUT_MAIN].schema = n->op_plan.in;
  n->outs[MR_OUT_ERRORS].schema = pl->plan->error_schema;
}

/* The column that a query takes for the time must be the event time. */
static bool check_time(struct mr_planner *pl, const struct mr_draft *d,
                       const struct mr_schema *in) {
  if (!d->time) return true;
  const char *name = in->event_time < 0 ? NULL : in->fields[in->event_time].name;
  if (name && !strcmp(name, d->time->text)) return true;
  struct mr_diag *diag = mr_diag_error(pl->diags, MR_CODE_UNKNOWN_COLUMN, mr_tree_span(d->time),
                                       "%s is not the event time of its rows", d->time->text);
  if (name && in->fields[in->event_time].hidden)
    mr_diag_label(diag, "write event_time()");
  else if (name)
    mr_diag_label(diag, "that is %s", name);
  else
    mr_diag_label(diag, "they have none: name it as event_time in the event");
  return false;
}

static void type_node(struct mr_planner *pl, uint32_t order) {
  struct mr_plan *plan = pl->plan;
  struct mr_plan_node *n = &plan->nodes[order];
  const struct mr_draft *d = &pl->drafts[pl->sorted[order]];
  struct mr_op_plan *p = &n->op_plan;
  bool ok = !d->broken;
  *p = (struct mr_op_plan){.arena = pl->arena,
                           .diags = pl->diags,
                           .plan = plan,
                           .node = n,
                           .tree = d->tree,
                           .conf = d->conf};
  if (!ok) return;
  if (n->op->kind == MR_OP_SOURCE) {
    p->event = mr_planner_source_event(pl, pl->sorted[order]);
    ok = p->event != NULL;
    if (ok) p->in = mr_planner_event_schema(pl, p->event);
    p->source_delay_us = n->delay_us;
  } else {
    set_input(pl, n, &ok);
    ok = ok && (!p->in || check_time(pl, d, p->in));
  }
  if (!ok) return;
  for (uint32_t o = MR_OUT_EXTRA; o < n->out_cnt; o++)
    if (!strcmp(n->outs[o].name, "late")) p->late_read = n->outs[o].reader_cnt > 0;
  p->every_us = d->common.every_us;
  uint32_t errors = pl->diags->error_cnt;
  if (n->op->kind == MR_OP_STEP) p->outs[MR_OUT_MAIN].schema = p->in; /* what plan may replace */
  int rc = n->op->plan ? n->op->plan(p) : MR_OK;
  if (rc || pl->diags->error_cnt != errors) return;
  check_workers(pl, n);
  if (n->op->kind != MR_OP_SINK) {
    n->outs[MR_OUT_MAIN].schema = p->outs[MR_OUT_MAIN].schema;
    for (uint32_t o = MR_OUT_EXTRA; o < n->out_cnt; o++)
      n->outs[o].schema = p->outs[o].schema ? p->outs[o].schema : p->in;
  }
  n->outs[MR_OUT_ERRORS].schema = plan->error_schema;
}

void mr_planner_type_draft(struct mr_planner *pl, uint32_t order) {
  fill_node(pl, order);
  type_node(pl, order);
}

/* ---- dead-letter writers ---- */

static void add_dead_letters(struct mr_planner *pl, uint32_t owner) {
  struct mr_plan *plan = pl->plan;
  struct mr_plan_node *up = &plan->nodes[owner];
  const struct mr_op *op = mr_op_find(pl->conf->ops, MR_OP_SINK, "dead_letter");
  if (!op || plan->node_cnt == NODES_MAX) return;
  uint32_t idx = plan->node_cnt++;
  struct mr_plan_node *n = &plan->nodes[idx];
  const char *path = mr_arena_printf(pl->arena, "%s/dead_letters/%s/%s.ndjson",
                                     plan->runtime.data_dir, plan->graph, up->name);
  struct mr_span none = {0};
  struct mr_tree *map = mr_tree_new(pl->arena, MR_TREE_MAP, none);
  mr_tree_add(pl->arena, map, mr_tree_new_text(pl->arena, "path", 4, none),
              mr_tree_new_text(pl->arena, path, strlen(path), none));
  void *conf = mr_arena_alloc(pl->arena, op->conf_sz + 16);
  struct mr_opt_reader rd = {pl->arena, pl->diags, "type dead_letter"};
  struct mr_opt_part part = {op->opts, conf};
  mr_opt_read(&rd, map, none, &part, 1);
  *n = (struct mr_plan_node){.name = mr_arena_printf(pl->arena, "%s.dead_letters", up->name),
                             .op = op,
                             .conf = conf,
                             .tree = map,
                             .internal = true,
                             .owner = owner,
                             .instance_cnt = 1,
                             .out_cnt = MR_OUT_EXTRA,
                             .on_error = MR_ON_ERROR_DROP,
                             .delay_min_us = MR_TIME_MAX};
  n->outs[MR_OUT_MAIN].name = "";
  n->outs[MR_OUT_ERRORS].name = "errors";
  n->inputs = MR_NEW(pl->arena, struct mr_plan_input, 1);
  n->inputs[0] = (struct mr_plan_input){owner, MR_OUT_ERRORS, 0};
  n->input_cnt = 1;
  n->op_plan = (struct mr_op_plan){.arena = pl->arena,
                                   .diags = pl->diags,
                                   .plan = plan,
                                   .node = n,
                                   .tree = map,
                                   .conf = conf,
                                   .in = plan->error_schema};
  n->op->plan(&n->op_plan);
  add_reader(pl, &up->outs[MR_OUT_ERRORS], idx, 0);
}

/* A merger reads its source's errors too when somebody reads them behind it. */
static void read_errors(struct mr_planner *pl, uint32_t merger) {
  struct mr_plan_node *n = &pl->plan->nodes[merger];
  if (!n->outs[MR_OUT_ERRORS].reader_cnt) return;
  n->inputs[n->input_cnt++] = (struct mr_plan_input){n->owner, MR_OUT_ERRORS, 0};
  add_reader(pl, &pl->plan->nodes[n->owner].outs[MR_OUT_ERRORS], merger, 1);
}

/* ---- backward: pruning ---- */

/* A dead letter holds all columns of the row, or of an untyped one the line itself. */
static void need_whole_rows(const struct mr_schema *in, bool *need) {
  for (uint32_t c = 0; c < in->cnt; c++)
    if (c < in->visible_cnt || strcmp(in->fields[c].name, "raw") == 0) need[c] = true;
}

/* What the framework itself needs of a port's columns. */
static void need_of_framework(const struct mr_plan_node *n, uint32_t port) {
  const struct mr_op_plan *p = &n->op_plan;
  const struct mr_schema *in = mr_plan_schema(n, port);
  bool *need = mr_plan_need(n, port);
  if (n->op->flags & MR_OP_TIMED && in->event_time >= 0) need[in->event_time] = true;
  if (p->rejects_input && n->on_error == MR_ON_ERROR_DEAD_LETTER) need_whole_rows(in, need);
}

static void prune_node(struct mr_planner *pl, struct mr_plan_node *n) {
  struct mr_op_plan *p = &n->op_plan;
  const bool *needs[MR_OUTS_MAX] = {0};
  for (uint32_t o = 0; o < n->out_cnt; o++) {
    struct mr_plan_out *out = &n->outs[o];
    if (!out->schema) continue;
    out->need = MR_NEW(pl->arena, bool, out->schema->cnt + 1);
    for (uint32_t r = 0; r < out->reader_cnt && o != MR_OUT_ERRORS; r++) {
      const struct mr_plan_node *to = &pl->plan->nodes[out->readers[r].node];
      const bool *in_need = mr_plan_need(to, to->inputs[out->readers[r].input].port);
      for (uint32_t c = 0; c < out->schema->cnt; c++) out->need[c] |= in_need[c];
    }
    if (o == MR_OUT_ERRORS)
      for (uint32_t c = 0; c < out->schema->cnt; c++) out->need[c] = true;
    if (out->reader_cnt) needs[o] = out->need;
  }
  uint32_t ports = mr_plan_ports(n), in_cnt = 0;
  for (uint32_t k = 0; p->in && k < ports; k++) in_cnt += mr_plan_schema(n, k)->cnt;
  n->in_need = MR_NEW(pl->arena, bool, in_cnt + 1);
  if (n->merges && p->in)
    memcpy(n->in_need, n->outs[MR_OUT_MAIN].need, p->in->cnt * sizeof(bool));
  else if (n->op->need)
    n->op->need(p, needs, n->in_need);
  else if (p->in && n->op->kind != MR_OP_SOURCE)
    for (uint32_t c = 0; c < p->in->cnt; c++)
      n->in_need[c] = !p->in->fields[c].hidden || (needs[MR_OUT_MAIN] && needs[MR_OUT_MAIN][c]);
  for (uint32_t k = 0; p->in && k < ports; k++) need_of_framework(n, k);
  for (uint32_t o = MR_OUT_EXTRA; o < n->out_cnt; o++) /* NODE.late is the input row */
    if (needs[o] && n->outs[o].schema == p->in)
      for (uint32_t c = 0; c < p->in->cnt; c++) n->in_need[c] |= n->outs[o].need[c];
}

/* ---- what sources must make ---- */

static void look_downstream(struct mr_planner *pl, struct mr_plan_node *source, uint32_t node,
                            bool *seen) {
  struct mr_plan_node *n = &pl->plan->nodes[node];
  if (seen[node]) return;
  seen[node] = true;
  const struct mr_op_plan *p = &n->op_plan;
  bool virtual_clock = pl->plan->runtime.virtual_clock;
  if (n != source) {
    /* one that asks for it also knows of rows that are exactly at their watermark */
    int64_t delay = p->delay_us - p->uses_time;
    if (n->op->flags & MR_OP_TIMED && delay < source->delay_min_us) source->delay_min_us = delay;
    if (p->can_fail || p->uses_pos) source->need_pos = true;
  }
  if (virtual_clock && (p->uses_now || p->every_us)) source->need_now = true;
  if (source->op->flags & MR_OP_STAMPED && p->uses_now) source->need_now = true;
  for (uint32_t o = 0; o < n->out_cnt; o++) {
    if (o == MR_OUT_ERRORS || (o == MR_OUT_MAIN && n->op->flags & MR_OP_DERIVES)) continue;
    for (uint32_t r = 0; r < n->outs[o].reader_cnt; r++)
      look_downstream(pl, source, n->outs[o].readers[r].node, seen);
  }
}

static void finish_source(struct mr_planner *pl, uint32_t node) {
  struct mr_plan_node *n = &pl->plan->nodes[node];
  bool *seen = MR_NEW(pl->arena, bool, pl->plan->node_cnt + 1);
  n->need_t0 = true;
  /* planned times cross to the merger row by row */
  if (n->instance_cnt > 1 && pl->plan->runtime.virtual_clock) n->need_now = true;
  look_downstream(pl, n, node, seen);
  struct mr_plan_out *out = &n->outs[MR_OUT_MAIN];
  if (out->schema->event_time >= 0 &&
      (n->delay_min_us != MR_TIME_MAX || pl->plan->runtime.virtual_clock || n->op_plan.uses_time))
    out->need[out->schema->event_time] = true;
}

/* ---- partitions and paths ---- */

static void set_partitions(struct mr_planner *pl, struct mr_plan_node *n, uint32_t node) {
  struct mr_plan *plan = pl->plan;
  for (uint32_t i = 0; i < n->input_cnt; i++) {
    const struct mr_plan_node *up = &plan->nodes[n->inputs[i].node];
    if (n->inputs[i].output == MR_OUT_ERRORS) continue;
    bool own = up->op->kind == MR_OP_SOURCE ||
               (up->op->flags & MR_OP_DERIVES && n->inputs[i].output == MR_OUT_MAIN);
    for (uint32_t w = 0; w < MR_PARTITIONS_MAX / 64; w++)
      if (!own) n->partitions[w] |= up->partitions[w];
    for (uint32_t k = 0; own && k < up->partition_cnt; k++) {
      uint32_t p = up->partition_first + k;
      n->partitions[p / 64] |= UINT64_C(1) << (p % 64);
    }
  }
  if (n->op->kind != MR_OP_SOURCE && !(n->op->flags & MR_OP_DERIVES)) return;
  uint32_t cnt = n->op->flags & MR_OP_PARTS ? n->op_plan.partition_cnt : 1;
  if (cnt > MR_PARTITIONS_MAX - plan->partition_cnt) {
    mr_diag_error(pl->diags, MR_CODE_TOO_MANY_NODES, mr_tree_name_span(n->tree),
                  "a graph has at most %u partitions", MR_PARTITIONS_MAX);
    return;
  }
  n->partition_first = plan->partition_cnt;
  n->partition_cnt = cnt;
  while (cnt--) plan->partitions[plan->partition_cnt++].node = node;
}

static void mark_upstream(const struct mr_plan *plan, uint32_t node, bool *seen) {
  if (seen[node]) return;
  seen[node] = true;
  for (uint32_t i = 0; i < plan->nodes[node].input_cnt; i++)
    mark_upstream(plan, plan->nodes[node].inputs[i].node, seen);
}

static void find_paths(struct mr_planner *pl) {
  struct mr_plan *plan = pl->plan;
  plan->paths = MR_NEW(pl->arena, struct mr_plan_path, plan->node_cnt * plan->node_cnt + 1);
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    if (plan->nodes[i].op->kind != MR_OP_SINK || plan->nodes[i].internal) continue;
    bool *seen = MR_NEW(pl->arena, bool, plan->node_cnt + 1);
    mark_upstream(plan, i, seen);
    for (uint32_t s = 0; s < plan->node_cnt; s++)
      if (seen[s] && plan->nodes[s].op->kind == MR_OP_SOURCE)
        plan->paths[plan->path_cnt++] = (struct mr_plan_path){s, i};
  }
}

void mr_planner_type(struct mr_planner *pl) {
  struct mr_plan *plan = pl->plan;
  uint32_t most = 2 * pl->sorted_cnt < NODES_MAX ? 2 * pl->sorted_cnt : NODES_MAX;
  plan->nodes = MR_NEW(pl->arena, struct mr_plan_node, most + 1); /* with dead-letter writers */
  plan->partitions = MR_NEW(pl->arena, struct mr_plan_partition, MR_PARTITIONS_MAX);
  plan->error_schema = mr_error_schema(pl->arena);
  plan->node_cnt = pl->sorted_cnt;
  for (uint32_t i = 0; i < pl->sorted_cnt; i++) {
    if (is_merger(pl, i))
      fill_merger(pl, i);
    else
      fill_node(pl, i);
  }
  link_readers(pl);
  for (uint32_t i = 0; i < pl->sorted_cnt; i++)
    if (is_merger(pl, i))
      type_merger(pl, i);
    else
      type_node(pl, i);
  if (pl->diags->error_cnt) return;
  for (uint32_t i = 0; i < pl->sorted_cnt; i++) {
    const struct mr_plan_node *n = &plan->nodes[i];
    if (n->op_plan.can_fail && n->on_error == MR_ON_ERROR_DEAD_LETTER)
      add_dead_letters(pl, i + is_merger(pl, i + 1));
  }
  for (uint32_t i = 0; i < pl->sorted_cnt; i++)
    if (is_merger(pl, i)) read_errors(pl, i);
  for (uint32_t i = plan->node_cnt; i-- > 0;) prune_node(pl, &plan->nodes[i]);
  for (uint32_t i = 0; i < plan->node_cnt; i++) set_partitions(pl, &plan->nodes[i], i);
  for (uint32_t i = 0; i < plan->node_cnt; i++)
    if (plan->nodes[i].op->kind == MR_OP_SOURCE) finish_source(pl, i);
  find_paths(pl);
}
