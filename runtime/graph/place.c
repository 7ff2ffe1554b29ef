/* SPDX-License-Identifier: Apache-2.0 */
/* Where instances run, what joins them, and how many batches that takes. */
#include <string.h>

#include "base/text.h"
#include "data/keep.h"
#include "graph/plan_private.h"

/* ---- CPUs and workers ---- */

static bool cpu_allowed(const struct mr_planner *pl, int64_t cpu) {
  for (uint32_t i = 0; i < pl->conf->cpu_cnt; i++)
    if (pl->conf->cpus[i] == cpu) return true;
  return false;
}

static void add_cpu(struct mr_planner *pl, struct mr_tree *at, int64_t cpu, int32_t *cpus,
                    uint32_t *cnt) {
  if (!cpu_allowed(pl, cpu)) {
    mr_diag_error(pl->diags, MR_CODE_BAD_PLACEMENT, mr_tree_span(at),
                  "cpu %lld is none that this process may use", (long long)cpu);
    return;
  }
  if (*cnt < MR_WORKERS_MAX) cpus[(*cnt)++] = (int32_t)cpu;
}

/* A CPU or a range of them: "3", "2-5". */
static void read_cpu(struct mr_planner *pl, struct mr_tree *at, int32_t *cpus, uint32_t *cnt) {
  int64_t lo, hi;
  const char *dash = at->kind == MR_TREE_SCALAR ? memchr(at->text, '-', at->len) : NULL;
  size_t len = dash ? (size_t)(dash - at->text) : at->len;
  if (at->kind != MR_TREE_SCALAR || mr_int64_parse(at->text, len, &lo) || lo < 0 ||
      (dash && (mr_int64_parse(dash + 1, at->len - len - 1, &hi) || hi < lo || hi - lo > 4096))) {
    mr_diag_error(pl->diags, MR_CODE_WRONG_TYPE, mr_tree_span(at),
                  "cpus is auto, a CPU, a range like 2-5, or a list of these");
    return;
  }
  if (!dash) hi = lo;
  for (int64_t c = lo; c <= hi; c++) {
    uint32_t errors = pl->diags->error_cnt;
    add_cpu(pl, at, c, cpus, cnt);
    if (pl->diags->error_cnt != errors) return;
  }
}

static uint32_t read_cpus(struct mr_planner *pl, struct mr_tree *tree, int32_t *cpus) {
  uint32_t cnt = 0;
  if (!tree || mr_tree_is_null(tree) || mr_tree_text_is(tree, "auto")) return 0;
  if (tree->kind != MR_TREE_LIST)
    read_cpu(pl, tree, cpus, &cnt);
  else
    for (uint32_t i = 0; i < tree->cnt; i++) read_cpu(pl, tree->items[i], cpus, &cnt);
  return cnt;
}

static void make_workers(struct mr_planner *pl) {
  struct mr_plan *plan = pl->plan;
  int32_t *cpus = MR_NEW(pl->arena, int32_t, MR_WORKERS_MAX);
  uint32_t given = read_cpus(pl, pl->worker_cpus, cpus), nodes = 0;
  for (uint32_t i = 0; i < plan->node_cnt; i++) nodes += !plan->nodes[i].internal;
  for (uint32_t i = 0; i < plan->node_cnt; i++)
    if (plan->nodes[i].instance_cnt > nodes) nodes = plan->nodes[i].instance_cnt;
  uint32_t cnt = given ? given : pl->conf->cpu_cnt ? pl->conf->cpu_cnt : 1;
  if (pl->worker_count)
    cnt = (uint32_t)pl->worker_count;
  else if (!given && cnt > nodes)
    cnt = nodes;
  if (cnt > MR_WORKERS_MAX) cnt = MR_WORKERS_MAX;
  plan->worker_cnt = cnt;
  plan->workers = MR_NEW(pl->arena, struct mr_plan_worker, cnt);
  for (uint32_t i = 0; i < cnt; i++) {
    int32_t cpu = -1;
    if (given)
      cpu = cpus[i % given];
    else if (pl->conf->cpu_cnt && cnt <= pl->conf->cpu_cnt)
      cpu = pl->conf->cpus[i];
    plan->workers[i].cpu = cpu;
  }
}

/* ---- instances ---- */

/* How much work a node is, roughly, in units of a filter: decoding is the most, then keyed state.
 */
static uint32_t node_weight(const struct mr_plan_node *n) {
  if (n->op->kind == MR_OP_SOURCE) return n->op_plan.event && n->op_plan.can_fail ? 8 : 4;
  if (n->op->flags & MR_OP_KEYED) return 3;
  return n->op_plan.can_fail || n->op->kind == MR_OP_SINK ? 2 : 1;
}

static int32_t worker_on_cpu(const struct mr_plan *plan, int32_t cpu) {
  for (uint32_t i = 0; i < plan->worker_cnt; i++)
    if (plan->workers[i].cpu == cpu) return (int32_t)i;
  return -1;
}

static uint32_t place_instance(struct mr_planner *pl, const struct mr_plan_node *n, uint32_t base,
                               uint32_t idx) {
  struct mr_plan *plan = pl->plan;
  if (n->internal && !n->merges)
    return plan->instances[plan->nodes[n->owner].first_instance].worker;
  if (!n->cpu_cnt) return n->instance_cnt > 1 ? idx % plan->worker_cnt : base;
  int32_t w = worker_on_cpu(plan, n->cpus[idx % n->cpu_cnt]);
  if (w >= 0) return (uint32_t)w;
  mr_diag_error(pl->diags, MR_CODE_BAD_PLACEMENT, mr_tree_span(mr_tree_get(n->tree, "cpus")),
                "no worker runs on cpu %d", n->cpus[idx % n->cpu_cnt]);
  return 0;
}

/* A merger runs where the first node that reads it does: its views need not cross again. */
static void place_merger(struct mr_plan *plan, const struct mr_plan_node *reader) {
  if (!reader->input_cnt) return;
  struct mr_plan_input in = reader->inputs[0];
  const struct mr_plan_node *up = &plan->nodes[in.node];
  if (!up->merges || in.output != MR_OUT_MAIN) return;
  const struct mr_plan_reader *first = up->outs[MR_OUT_MAIN].readers;
  if (&plan->nodes[first->node] == reader)
    plan->instances[up->first_instance].worker = plan->instances[reader->first_instance].worker;
}

static void make_instances(struct mr_planner *pl) {
  struct mr_plan *plan = pl->plan;
  uint32_t total = 0, sum = 0, cnt = 0;
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    cnt += plan->nodes[i].instance_cnt;
    if (!plan->nodes[i].internal) total += node_weight(&plan->nodes[i]);
  }
  if (cnt > MR_INSTANCES_MAX) {
    mr_diag_error(pl->diags, MR_CODE_TOO_MANY_NODES, mr_tree_span(pl->root),
                  "the graph has %u instances; at most %u are possible", cnt, MR_INSTANCES_MAX);
    return;
  }
  plan->instances = MR_NEW(pl->arena, struct mr_plan_instance, cnt);
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    struct mr_plan_node *n = &plan->nodes[i];
    if (!n->internal) {
      int32_t *cpus = MR_NEW(pl->arena, int32_t, MR_WORKERS_MAX);
      n->cpu_cnt = read_cpus(pl, mr_tree_get(n->tree, "cpus"), cpus);
      n->cpus = cpus;
    }
    /* contiguous stretches of about equal weight, in topological order: few links, no zigzag */
    uint32_t w = n->internal ? 0 : node_weight(n);
    uint32_t base = total ? (sum + w / 2) * plan->worker_cnt / total : 0;
    if (base >= plan->worker_cnt) base = plan->worker_cnt - 1;
    sum += w;
    n->first_instance = plan->instance_cnt;
    for (uint32_t k = 0; k < n->instance_cnt; k++) {
      uint32_t worker = place_instance(pl, n, base, k);
      plan->instances[plan->instance_cnt++] = (struct mr_plan_instance){i, k, worker};
    }
    place_merger(plan, n);
  }
}

/* ---- links ---- */

/* Links beyond the limit are only counted. */
static void add_link(struct mr_plan *plan, struct mr_plan_link link) {
  if (plan->link_cnt < MR_LINKS_MAX) plan->links[plan->link_cnt] = link;
  plan->link_cnt++;
}

/* A link to a merger is short: memory that is not used costs start-up time and cache. */
static uint32_t items_of(const struct mr_plan *plan, uint32_t output,
                         const struct mr_plan_node *to) {
  uint32_t items = plan->runtime.link_items;
  uint32_t most = output == MR_OUT_ERRORS ? MR_MERGE_ERROR_ITEMS : MR_MERGE_ITEMS;
  return to->merges && items > most ? most : items;
}

static void join_instances(struct mr_plan *plan, const struct mr_plan_node *up, uint32_t output,
                           const struct mr_plan_node *to, uint32_t input) {
  bool exchange = to->instance_cnt > 1, always = exchange || to->merges;
  for (uint32_t i = 0; i < up->instance_cnt; i++)
    for (uint32_t k = 0; k < to->instance_cnt; k++) {
      uint32_t from = up->first_instance + i, into = to->first_instance + k;
      if (!always && plan->instances[from].worker == plan->instances[into].worker) continue;
      add_link(plan, (struct mr_plan_link){from, output, into, input, items_of(plan, output, to),
                                           exchange});
    }
}

static void make_links(struct mr_planner *pl) {
  struct mr_plan *plan = pl->plan;
  plan->links = MR_NEW(pl->arena, struct mr_plan_link, MR_LINKS_MAX);
  for (uint32_t i = 0; i < plan->node_cnt; i++)
    for (uint32_t k = 0; k < plan->nodes[i].input_cnt; k++) {
      struct mr_plan_input in = plan->nodes[i].inputs[k];
      join_instances(plan, &plan->nodes[in.node], in.output, &plan->nodes[i], k);
    }
  if (plan->link_cnt > MR_LINKS_MAX)
    mr_diag_error(pl->diags, MR_CODE_TOO_MANY_NODES, mr_tree_name_span(pl->root),
                  "the graph has %u links between workers; at most %u are possible", plan->link_cnt,
                  MR_LINKS_MAX);
}

/* ---- pools ---- */

#define VALUE_MAX (1u << 20) /* largest string or list where an operator says nothing else */

/* Per node and output: batches that its links hold. A link holds its capacity, what its reader has
 * taken off it, and the one that the reader is looking at. */
static uint32_t *held_by_links(struct mr_planner *pl) {
  const struct mr_plan *plan = pl->plan;
  uint32_t *held = MR_NEW(pl->arena, uint32_t, plan->node_cnt * MR_OUTS_MAX);
  for (uint32_t l = 0; l < plan->link_cnt; l++) {
    const struct mr_plan_link *link = &plan->links[l];
    bool merges = plan->nodes[plan->instances[link->to].node].merges;
    if (merges && plan->instances[link->from].idx) continue; /* each is another instance's */
    held[plan->instances[link->from].node * MR_OUTS_MAX + link->output] +=
        link->items + (merges ? MR_MERGE_BURST : MR_LINK_BURST) + 1;
  }
  return held;
}

/* Batches of an output that may be held downstream: by its links, and one where a node calls the
 * next one; and so on wherever views of them go. */
static uint32_t held_from(const struct mr_plan *plan, const uint32_t *links, uint32_t node,
                          uint32_t output, bool *seen) {
  const struct mr_plan_out *out = &plan->nodes[node].outs[output];
  uint32_t at = node * MR_OUTS_MAX + output, cnt = 1 + links[at];
  if (seen[at]) return 0;
  seen[at] = true;
  for (uint32_t r = 0; r < out->reader_cnt; r++) {
    const struct mr_plan_node *to = &plan->nodes[out->readers[r].node];
    for (uint32_t o = 0; o < to->out_cnt; o++) {
      bool own_rows = o == MR_OUT_ERRORS || (o == MR_OUT_MAIN && to->op->flags & MR_OP_DERIVES);
      if (to->merges) own_rows = o != output; /* its errors are those of its source */
      if (!own_rows && to->outs[o].reader_cnt)
        cnt += held_from(plan, links, out->readers[r].node, o, seen);
    }
  }
  return cnt;
}

/* True when some column with memory of its own is a string or a list. */
static bool has_heap_column(const struct mr_pool_conf *conf) {
  for (uint32_t c = 0; c < conf->schema->cnt; c++) {
    enum mr_phys phys = mr_field_phys(&conf->schema->fields[c]);
    if (conf->own[c] && (phys == MR_PHYS_STR || phys == MR_PHYS_LIST)) return true;
  }
  return false;
}

/* Links of an output; *exchange: one of them carries a share of the rows. */
static uint32_t links_of(const struct mr_plan *plan, uint32_t instance, uint32_t output,
                         bool *exchange) {
  uint32_t cnt = 0;
  *exchange = false;
  for (uint32_t l = 0; l < plan->link_cnt; l++) {
    const struct mr_plan_link *link = &plan->links[l];
    if (link->from != instance || link->output != output) continue;
    cnt++;
    *exchange |= link->exchange;
  }
  return cnt;
}

static void add_pool(struct mr_planner *pl, struct mr_plan_pool pool) {
  struct mr_pool_conf conf = pool.conf;
  struct mr_plan *plan = pl->plan;
  if (conf.block_cnt) {
    uint64_t blocks = conf.batch_cnt * 2ull;
    conf.block_cnt = (uint32_t)(blocks < 8 ? 8 : blocks);
    conf.large_cnt = conf.large_sz > MR_HEAP_BLOCK_SZ ? 2 : 0; /* smaller ones fit into a block */
  }
  pool.conf = conf;
  plan->pools[plan->pool_cnt++] = pool;
  plan->hot_bytes += mr_pool_footprint(&conf);
}

/* A dead letter of a source holds the line, as base64 at worst; one of a step a row's text. */
static uint32_t error_value_max(const struct mr_plan_node *n) {
  uint64_t line = n->op_plan.outs[MR_OUT_MAIN].value_max;
  if (n->op->kind != MR_OP_SOURCE) return MR_HEAP_BLOCK_SZ;
  if (!line) line = VALUE_MAX;
  return (uint32_t)(line / 3 * 4 + 4096);
}

/* The hidden arrays that rows may bring along, from whichever source they are. */
static uint32_t hidden_of_sources(const struct mr_plan *plan) {
  uint32_t hidden = 0;
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    const struct mr_plan_node *n = &plan->nodes[i];
    hidden |= n->op_plan.outs[MR_OUT_MAIN].hidden;
    if (n->op->kind != MR_OP_SOURCE) continue;
    if (n->delay_min_us != MR_TIME_MAX) hidden |= MR_HAS_FRONTIER;
    if (n->need_now) hidden |= MR_HAS_NOW;
    if (n->need_pos) hidden |= MR_HAS_POS;
  }
  return hidden;
}

/* Batches for rows that are copied for the links of an output: not of lists, and not where a link
 * is too small to be sent the open batch and a view. (A source's rows all go, but for an exchange.)
 */
static void add_copies(struct mr_planner *pl, uint32_t instance, uint32_t output, uint32_t links) {
  const struct mr_plan *plan = pl->plan;
  const struct mr_plan_out *out = &plan->nodes[plan->instances[instance].node].outs[output];
  struct mr_pool_conf conf = {.schema = out->schema,
                              .own = out->need,
                              .hidden = hidden_of_sources(plan),
                              .batch_cnt = links * (MR_COPY_BATCHES + 1) + 1};
  if (output == MR_OUT_ERRORS || plan->runtime.link_items < 2) return;
  for (uint32_t c = 0; c < out->schema->cnt; c++)
    if (out->need[c] && mr_field_phys(&out->schema->fields[c]) == MR_PHYS_LIST) return;
  add_pool(pl, (struct mr_plan_pool){instance, output, .copies = true, .conf = conf});
}

static void pools_of_output(struct mr_planner *pl, const uint32_t *links, uint32_t node,
                            uint32_t output) {
  struct mr_plan *plan = pl->plan;
  const struct mr_plan_node *n = &plan->nodes[node];
  const struct mr_op_out *decl = &n->op_plan.outs[output];
  bool errors = output == MR_OUT_ERRORS;
  if (!n->outs[output].schema) return;
  if (errors && !n->outs[output].reader_cnt) return;
  bool *seen = MR_NEW(pl->arena, bool, plan->node_cnt *MR_OUTS_MAX);
  uint32_t held = held_from(plan, links, node, output, seen);
  for (uint32_t k = 0; k < n->instance_cnt; k++) {
    uint32_t instance = n->first_instance + k;
    if ((errors && !n->merges) || decl->own_batches) {
      struct mr_pool_conf conf = {.schema = n->outs[output].schema,
                                  .hidden = decl->hidden,
                                  .batch_cnt = held + decl->open_cnt + 2};
      bool *own = MR_NEW(pl->arena, bool, conf.schema->cnt + 1);
      for (uint32_t c = 0; c < conf.schema->cnt; c++)
        own[c] = n->outs[output].need[c] && (!decl->own || decl->own[c]);
      if (errors) conf.batch_cnt++;
      if (n->op->kind == MR_OP_SOURCE && output == MR_OUT_MAIN) {
        if (n->delay_min_us != MR_TIME_MAX) conf.hidden |= MR_HAS_FRONTIER;
        if (n->need_now) conf.hidden |= MR_HAS_NOW;
        if (n->need_pos) conf.hidden |= MR_HAS_POS;
      }
      conf.own = own;
      conf.block_cnt = errors || (decl->heap && has_heap_column(&conf));
      conf.large_sz = decl->value_max ? decl->value_max : VALUE_MAX;
      if (errors) conf.large_sz = error_value_max(n);
      add_pool(pl, (struct mr_plan_pool){instance, output, .conf = conf});
    }
    bool exchange;
    uint32_t out_links = links_of(plan, instance, output, &exchange);
    if (!out_links) continue;
    struct mr_pool_conf heads = {.schema = n->outs[output].schema, .batch_cnt = held + 2};
    add_pool(pl, (struct mr_plan_pool){instance, output, .shell = true, .conf = heads});
    if (n->op->kind != MR_OP_SOURCE || exchange) add_copies(pl, instance, output, out_links);
  }
}

static void make_pools(struct mr_planner *pl) {
  struct mr_plan *plan = pl->plan;
  const uint32_t *links = held_by_links(pl);
  plan->pools = MR_NEW(pl->arena, struct mr_plan_pool, plan->instance_cnt * MR_OUTS_MAX * 3 + 1);
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    for (uint32_t o = 0; o < plan->nodes[i].out_cnt; o++) pools_of_output(pl, links, i, o);
    const struct mr_plan_node *n = &plan->nodes[i];
    plan->state_bytes += n->op_plan.state_max * n->instance_cnt;
    if (n->keep_rows)
      plan->state_bytes += mr_keep_footprint(n->op_plan.in, n->in_need, n->keep_rows);
  }
  for (uint32_t l = 0; l < plan->link_cnt; l++)
    plan->hot_bytes += plan->links[l].items * 16ull + 1024;
}

void mr_planner_place(struct mr_planner *pl) {
  make_workers(pl);
  make_instances(pl);
  if (pl->diags->error_cnt) return;
  make_links(pl);
  if (pl->diags->error_cnt) return;
  make_pools(pl);
}
