/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as text, for people and for golden tests. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/keep.h"
#include "graph/plan.h"

struct out {
  struct mr_arena *arena;
  char *text;
  size_t len, cap;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  if (o->len + (size_t)n + 1 > o->cap) {
    size_t cap = (o->cap + (size_t)n + 1) * 2;
    char *grown = mr_arena_alloc(o->arena, cap);
    if (o->len) memcpy(grown, o->text, o->len);
    o->text = grown;
    o->cap = cap;
  }
  va_start(args, fmt);
  vsnprintf(o->text + o->len, (size_t)n + 1, fmt, args);
  va_end(args);
  o->len += (size_t)n;
}

static const char *duration(char *buf, int64_t us) {
  buf[us == MR_TIME_MAX ? 0 : mr_duration_format_us(buf, us)] = 0;
  return buf;
}

static void put_inputs(struct out *o, const struct mr_plan *plan, const struct mr_plan_node *n) {
  for (uint32_t i = 0; i < n->input_cnt; i++) {
    const struct mr_plan_node *up = &plan->nodes[n->inputs[i].node];
    const char *output = up->outs[n->inputs[i].output].name;
    put(o, "%s", i ? ", " : " <- ");
    if (n->op->ports) put(o, "%s ", n->op->ports[n->inputs[i].port]);
    put(o, "%s%s%s", up->name, *output ? "." : "", output);
  }
}

/* Columns with their types; those that nobody reads stand in parentheses. */
static void put_schema(struct out *o, const struct mr_plan_out *out, const char *label) {
  char buf[256];
  if (!out->schema || !out->need) return;
  put(o, "    %s:", label);
  for (uint32_t c = 0; c < out->schema->cnt; c++) {
    const struct mr_field *f = &out->schema->fields[c];
    const char *open = out->need[c] ? "" : "(", *close = out->need[c] ? "" : ")";
    put(o, "%s %s%s%s%s%s %s%s%s", c ? "," : "", open, f->hidden ? "." : "",
        f->outer ? f->outer : "", f->outer ? "." : "", f->name,
        mr_field_type_text(f, buf, sizeof buf), f->optional ? "?" : "", close);
  }
  put(o, "\n");
}

static void put_node(struct out *o, const struct mr_plan *plan, const struct mr_plan_node *n) {
  char buf[MR_TEXT_DURATION_SZ + 1];
  put(o, "  %s (%s)", n->name, n->op->name);
  put_inputs(o, plan, n);
  if (n->instance_cnt > 1) put(o, "  x%u", n->instance_cnt);
  put(o, "\n");
  const struct mr_op_plan *p = &n->op_plan;
  if (n->op->kind == MR_OP_SOURCE && n->delay_min_us != MR_TIME_MAX)
    put(o, "    smallest delay downstream %s\n", duration(buf, n->delay_min_us));
  if (n->op->flags & MR_OP_TIMED) put(o, "    delay %s\n", duration(buf, p->delay_us));
  if (p->key_cnt) {
    put(o, "    key");
    for (uint32_t k = 0; k < p->key_cnt; k++)
      put(o, "%s %s", k ? "," : "", p->in->fields[mr_plan_key(n, 0)[k]].name);
    put(o, "\n");
  }
  if (n->op->kind == MR_OP_SINK) return;
  put_schema(o, &n->outs[MR_OUT_MAIN], "out");
  for (uint32_t k = MR_OUT_EXTRA; k < n->out_cnt; k++)
    if (n->outs[k].reader_cnt) put_schema(o, &n->outs[k], n->outs[k].name);
}

char *mr_plan_print_types(const struct mr_plan *plan, struct mr_arena *arena) {
  struct out o = {.arena = arena};
  put(&o, "nodes\n");
  for (uint32_t i = 0; i < plan->node_cnt; i++) put_node(&o, plan, &plan->nodes[i]);
  return o.text;
}

static void put_workers(struct out *o, const struct mr_plan *plan) {
  put(o, "workers\n");
  for (uint32_t w = 0; w < plan->worker_cnt; w++) {
    put(o, "  %u:", w);
    for (uint32_t i = 0; i < plan->instance_cnt; i++) {
      const struct mr_plan_instance *pi = &plan->instances[i];
      const struct mr_plan_node *n = &plan->nodes[pi->node];
      if (pi->worker != w) continue;
      put(o, " %s", n->name);
      if (n->instance_cnt > 1) put(o, "[%u]", pi->idx);
    }
    put(o, "\n");
  }
}

static void put_memory(struct out *o, const struct mr_plan *plan) {
  put(o, "pools\n");
  for (uint32_t i = 0; i < plan->pool_cnt; i++) {
    const struct mr_plan_pool *pp = &plan->pools[i];
    const struct mr_plan_instance *pi = &plan->instances[pp->instance];
    const struct mr_plan_node *n = &plan->nodes[pi->node];
    const char *output = n->outs[pp->output].name;
    put(o, "  %s[%u]%s%s %s: %u batches", n->name, pi->idx, *output ? "." : "", output,
        pp->shell    ? "views"
        : pp->copies ? "copies"
                     : "rows",
        pp->conf.batch_cnt);
    if (pp->conf.block_cnt) put(o, ", %u heap blocks", pp->conf.block_cnt);
    put(o, ", %llu bytes\n", (unsigned long long)mr_pool_footprint(&pp->conf));
  }
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    const struct mr_plan_node *n = &plan->nodes[i];
    if (!n->keep_rows) continue;
    uint64_t sz = mr_keep_footprint(n->op_plan.in, n->in_need, n->keep_rows);
    put(o, "  %s queue: the newest %u rows, at most %llu bytes\n", n->name, n->keep_rows,
        (unsigned long long)sz);
  }
  put(o, "memory\n  batches and links %llu bytes\n  state at most %llu bytes\n",
      (unsigned long long)plan->hot_bytes, (unsigned long long)plan->state_bytes);
}

char *mr_plan_print_layout(const struct mr_plan *plan, struct mr_arena *arena) {
  struct out o = {.arena = arena};
  put_workers(&o, plan);
  put(&o, "links\n");
  for (uint32_t i = 0; i < plan->link_cnt; i++) {
    const struct mr_plan_link *l = &plan->links[i];
    const struct mr_plan_instance *from = &plan->instances[l->from], *to = &plan->instances[l->to];
    put(&o, "  %s[%u] -> %s[%u] %u items%s\n", plan->nodes[from->node].name, from->idx,
        plan->nodes[to->node].name, to->idx, l->items, l->exchange ? ", by key group" : "");
  }
  put_memory(&o, plan);
  return o.text;
}

char *mr_plan_print(const struct mr_plan *plan, struct mr_arena *arena) {
  static const char *const wait[] = {"spin", "adaptive", "block"};
  struct out o = {.arena = arena};
  put(&o, "graph %s\n  clock %s, at_end %s, wait %s, links of %u items\n", plan->graph,
      plan->runtime.virtual_clock ? "virtual" : "wall",
      plan->runtime.at_end == MR_AT_END_FLUSH ? "flush" : "hold", wait[plan->runtime.wait],
      plan->runtime.link_items);
  put(&o, "%s", mr_plan_print_types(plan, arena));
  put(&o, "%s", mr_plan_print_layout(plan, arena));
  return o.text;
}
