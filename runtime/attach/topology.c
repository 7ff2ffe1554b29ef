/* SPDX-License-Identifier: Apache-2.0 */
#include "attach/topology.h"

#include <string.h>

/* ---- reading ---- */

static uint32_t node_index(const struct mr_value *nodes, const char *name) {
  for (uint32_t i = 0; i < nodes->cnt; i++)
    if (!strcmp(mr_value_text(&nodes->items[i], "name", ""), name)) return i;
  return UINT32_MAX;
}

/* Whole numbers below `limit`; false: another one. */
static bool read_indices(struct mr_arena *arena, const struct mr_value *list, uint32_t limit,
                         const uint32_t **out, uint32_t *cnt) {
  uint32_t *to = MR_NEW(arena, uint32_t, list->cnt + 1);
  for (uint32_t i = 0; i < list->cnt; i++) {
    const struct mr_value *v = &list->items[i];
    if (v->kind != MR_VALUE_INT || v->i < 0 || v->i >= limit) return false;
    to[i] = (uint32_t)v->i;
  }
  *out = to;
  *cnt = list->cnt;
  return true;
}

static bool read_inputs(struct mr_arena *arena, struct mr_topology_node *n,
                        const struct mr_value *nodes, uint32_t self) {
  const struct mr_value *from = mr_value_list(n->plan, "from");
  uint32_t *inputs = MR_NEW(arena, uint32_t, from->cnt + 1);
  const char **outputs = MR_NEW(arena, const char *, from->cnt + 1);
  for (uint32_t i = 0; i < from->cnt; i++) {
    inputs[i] = node_index(nodes, mr_value_text(&from->items[i], "node", ""));
    outputs[i] = mr_value_text(&from->items[i], "output", "");
    if (inputs[i] >= self) return false; /* inputs stand before their readers */
  }
  n->inputs = inputs;
  n->outputs = outputs;
  n->input_cnt = from->cnt;
  return true;
}

/* Where the node's instances lie in the snapshot: the plan's order. */
static bool find_instances(struct mr_topology_node *n, const struct mr_snapshot *snap,
                           uint32_t *at) {
  int64_t cnt = mr_value_int(n->plan, "instances", 0);
  if (cnt < 1 || cnt > snap->node_cnt - *at || strcmp(snap->nodes[*at].name, n->name) != 0)
    return false;
  n->first = *at;
  n->cnt = (uint32_t)cnt;
  *at += n->cnt;
  return true;
}

static bool read_node(struct mr_topology *t, struct mr_arena *arena, const struct mr_value *nodes,
                      uint32_t i, const struct mr_snapshot *snap, uint32_t *at) {
  struct mr_topology_node *n = &t->nodes[i];
  const struct mr_value *plan = n->plan = &nodes->items[i];
  n->name = mr_value_text(plan, "name", "");
  n->type = mr_value_text(plan, "type", "");
  n->kind = mr_value_text(plan, "kind", "");
  n->on_error = mr_value_text(plan, "on_error", "");
  n->internal = mr_value_bool(plan, "internal", false);
  n->timed = mr_value_get(plan, "allowed_lateness_us") != NULL;
  n->delay_us = mr_value_int(plan, "delay_us", 0);
  n->idle_after_us = mr_value_int(plan, "idle_after_us", 0);
  n->state_max = (uint64_t)mr_value_int(plan, "state_max", 0);
  const uint32_t *makes;
  uint32_t makes_cnt;
  if (!find_instances(n, snap, at) || !read_inputs(arena, n, nodes, i) ||
      !read_indices(arena, mr_value_list(plan, "partitions"), snap->partition_cnt, &n->partitions,
                    &n->partition_cnt) ||
      !read_indices(arena, mr_value_list(plan, "makes"), snap->partition_cnt, &makes, &makes_cnt))
    return false;
  for (uint32_t k = 0; k < makes_cnt; k++) ((uint32_t *)(uintptr_t)t->makers)[makes[k]] = i;
  return true;
}

bool mr_topology_read(struct mr_topology *t, struct mr_arena *arena,
                      const struct mr_snapshot *snap) {
  memset(t, 0, sizeof *t);
  t->data_dir = t->file = t->checkpoint_dir = "";
  const struct mr_value *plan =
      snap->plan ? mr_value_parse(arena, snap->plan, snap->plan_len) : NULL;
  const struct mr_value *nodes = mr_value_list(plan, "nodes");
  t->data_dir = mr_value_text(plan, "data_dir", "");
  t->file = mr_value_text(plan, "file", "");
  t->checkpoint_dir = mr_value_text(plan, "checkpoint_dir", "");
  if (!nodes->cnt) return false;
  t->nodes = MR_NEW(arena, struct mr_topology_node, nodes->cnt);
  uint32_t *makers = MR_NEW(arena, uint32_t, snap->partition_cnt + 1), at = 0;
  t->makers = makers;
  bool fits = true;
  for (uint32_t i = 0; i < nodes->cnt && fits; i++)
    fits = at < snap->node_cnt && read_node(t, arena, nodes, i, snap, &at);
  if (!fits || at != snap->node_cnt) return false;
  t->node_cnt = nodes->cnt;
  t->partition_cnt = snap->partition_cnt;
  return true;
}

const struct mr_topology_node *mr_topology_find(const struct mr_topology *t, const char *name) {
  for (uint32_t i = 0; i < t->node_cnt; i++)
    if (!strcmp(t->nodes[i].name, name)) return &t->nodes[i];
  return NULL;
}

uint32_t mr_topology_partition(const struct mr_topology *t, uint32_t partition) {
  uint32_t first = partition;
  while (first && t->partition_cnt && t->makers[first - 1] == t->makers[partition]) first--;
  return partition - first;
}

bool mr_topology_output_read(const struct mr_topology_node *node, const char *output) {
  const struct mr_value *outputs = mr_value_list(node->plan, "outputs");
  for (uint32_t i = 0; i < outputs->cnt; i++)
    if (!strcmp(mr_value_text(&outputs->items[i], "name", "?"), output))
      return mr_value_bool(&outputs->items[i], "read", false);
  return false;
}

/* ---- time ---- */

int64_t mr_topology_clock_us(const struct mr_snapshot *snap) {
  if (!snap->virtual_clock) return snap->taken_wall_us;
  int64_t clock = INT64_MIN;
  for (uint32_t i = 0; i < snap->partition_cnt; i++) {
    int64_t us = (int64_t)mr_snapshot_word(&snap->partitions[i].frontier_us);
    if (us != INT64_MAX && us > clock) clock = us;
  }
  return clock;
}

int64_t mr_topology_watermark_us(const struct mr_snapshot *snap,
                                 const struct mr_topology_node *node) {
  int64_t least = INT64_MAX;
  for (uint32_t i = 0; i < node->cnt; i++) {
    int64_t us = (int64_t)mr_snapshot_word(&snap->nodes[node->first + i].watermark_us);
    if (us < least) least = us;
  }
  return least;
}

static const struct mr_topology_node *maker_of(const struct mr_topology *t, uint32_t partition) {
  return &t->nodes[t->makers[partition]];
}

static bool is_source(const struct mr_topology_node *n) {
  return !strcmp(n->kind, "source");
}

int64_t mr_topology_frontier_us(const struct mr_topology *t, const struct mr_snapshot *snap,
                                uint32_t partition) {
  const struct mr_topology_node *maker = maker_of(t, partition);
  if (is_source(maker)) return (int64_t)mr_snapshot_word(&snap->partitions[partition].frontier_us);
  return mr_topology_watermark_us(snap, maker);
}

/* Derived rows are idle when all that is behind them is. Nodes stand in the order of the flow, so
 * this ends. */
bool mr_topology_idle(const struct mr_topology *t, const struct mr_snapshot *snap,
                      uint32_t partition) {
  const struct mr_topology_node *maker = maker_of(t, partition);
  if (is_source(maker)) return mr_snapshot_word(&snap->partitions[partition].idle) != 0;
  for (uint32_t i = 0; i < maker->partition_cnt; i++)
    if (t->makers[maker->partitions[i]] >= t->makers[partition] ||
        !mr_topology_idle(t, snap, maker->partitions[i]))
      return false;
  return maker->partition_cnt > 0;
}

uint32_t mr_topology_holder(const struct mr_topology *t, const struct mr_snapshot *snap,
                            const struct mr_topology_node *node) {
  uint32_t best = UINT32_MAX;
  int64_t best_us = INT64_MAX;
  for (uint32_t i = 0; i < node->partition_cnt; i++) {
    uint32_t p = node->partitions[i];
    int64_t us = mr_topology_frontier_us(t, snap, p);
    if (us == INT64_MAX || mr_topology_idle(t, snap, p)) continue;
    if (best != UINT32_MAX && us >= best_us) continue;
    best = p;
    best_us = us;
  }
  return best;
}

uint32_t mr_topology_source_holder(const struct mr_topology *t, const struct mr_snapshot *snap,
                                   const struct mr_topology_node *node) {
  for (uint32_t depth = 0; depth <= t->node_cnt; depth++) {
    uint32_t p = mr_topology_holder(t, snap, node);
    if (p == UINT32_MAX || is_source(maker_of(t, p))) return p;
    node = maker_of(t, p);
  }
  return UINT32_MAX;
}
