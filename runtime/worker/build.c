/* SPDX-License-Identifier: Apache-2.0 */
/* From plan to run: memory, links, instances and what each may need downstream. Nothing here runs
 * rows. */
#include <string.h>

#include "base/assert.h"
#include "worker/checkpoint_private.h"
#include "worker/run_private.h"

#define RESERVE_SZ     (UINT64_C(64) << 30) /* addresses; backed only where used */
#define RESERVE_SZ_MIN (UINT64_C(8) << 30)

/* ---- enums ---- */

static int place_enum(struct mr_run *run, const struct mr_enum *codes, struct mr_error *err) {
  struct mr_enum *e = (struct mr_enum *)(uintptr_t)codes; /* the plan leaves views to the run */
  uint64_t text_sz = 0;
  for (uint32_t i = 0; i < e->cnt; i++) text_sz += e->lens[i];
  uint64_t off =
      mr_region_alloc(&run->region, e->cnt * sizeof(struct mr_str) + text_sz, 16, "enums");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for enum texts");
  struct mr_str *views = mr_region_ptr(&run->region, off);
  char *text = (char *)(views + e->cnt);
  for (uint32_t i = 0; i < e->cnt; i++) {
    memcpy(text, e->texts[i], e->lens[i]);
    views[i] = mr_str_make(text, e->lens[i], run->region.base);
    text += e->lens[i];
  }
  e->views = views;
  return MR_OK;
}

static int place_schema_enums(struct mr_run *run, const struct mr_schema *schema,
                              struct mr_error *err) {
  for (uint32_t i = 0; schema && i < schema->cnt; i++) {
    const struct mr_enum *codes = schema->fields[i].codes;
    if (!codes) continue;
    const uint8_t *views = (const uint8_t *)codes->views;
    if (views && views >= run->region.base && views < run->region.base + run->region.hot_sz)
      continue;
    int rc = place_enum(run, codes, err);
    if (rc) return rc;
  }
  return MR_OK;
}

static int place_enums(struct mr_run *run, struct mr_error *err) {
  const struct mr_plan *plan = run->plan;
  for (uint32_t n = 0; n < plan->node_cnt; n++) {
    int rc = MR_OK;
    for (uint32_t k = 0; !rc && k < mr_plan_ports(&plan->nodes[n]); k++)
      rc = place_schema_enums(run, mr_plan_schema(&plan->nodes[n], k), err);
    for (uint32_t o = 0; !rc && o < plan->nodes[n].out_cnt; o++)
      rc = place_schema_enums(run, plan->nodes[n].outs[o].schema, err);
    if (rc) return rc;
  }
  return MR_OK;
}

/* ---- topology ---- */

static const struct mr_plan_link *find_link(const struct mr_plan *plan, uint32_t from,
                                            uint32_t output, uint32_t to, uint32_t input,
                                            uint32_t *idx) {
  for (uint32_t i = 0; i < plan->link_cnt; i++) {
    const struct mr_plan_link *l = &plan->links[i];
    if (l->from == from && l->output == output && l->to == to && l->input == input) {
      *idx = i;
      return l;
    }
  }
  return NULL;
}

/* Whether the instance reads partition p of its node, of a source. */
static bool reads_partition(const struct mr_plan_node *n, uint32_t instance, uint32_t p) {
  if (p < n->partition_first || p >= n->partition_first + n->partition_cnt) return false;
  return !(n->op->flags & MR_OP_PARTS) || (p - n->partition_first) % n->instance_cnt == instance;
}

/* Marks the partitions that rows of an output belong to. */
static void mark_partitions(const struct mr_instance *from, uint32_t output,
                            struct mr_front *fronts) {
  const struct mr_plan *plan = from->run->plan;
  const struct mr_plan_node *n = from->node;
  bool own =
      n->op->kind == MR_OP_SOURCE || ((n->op->flags & MR_OP_DERIVES) && output == MR_OUT_MAIN);
  if (output == MR_OUT_ERRORS) return; /* error rows have no event time */
  for (uint32_t p = 0; p < plan->partition_cnt; p++) {
    bool has =
        own ? reads_partition(n, from->ctx.instance, p) : (n->partitions[p / 64] >> (p % 64)) & 1;
    if (has) fronts[p].carried = true;
  }
}

static struct mr_front *new_fronts(struct mr_run *run) {
  uint32_t cnt = run->plan->partition_cnt;
  struct mr_front *fronts = MR_NEW(&run->arena, struct mr_front, cnt + 1);
  for (uint32_t p = 0; p < cnt; p++) fronts[p].us = MR_TIME_NONE;
  return fronts;
}

static void add_edge(struct mr_run *run, struct mr_outp *out, struct mr_instance *to, uint32_t in) {
  struct mr_edge *grown = MR_NEW(&run->arena, struct mr_edge, out->edge_cnt + 1);
  if (out->edge_cnt) memcpy(grown, out->edges, out->edge_cnt * sizeof *grown);
  grown[out->edge_cnt++] = (struct mr_edge){to, in};
  out->edges = grown;
}

static void add_to_group(struct mr_run *run, struct mr_outp *out, const struct mr_plan_node *to,
                         uint32_t port, uint32_t send) {
  struct mr_group *last = out->group_cnt ? &out->groups[out->group_cnt - 1] : NULL;
  if (last && last->to == to && last->port == port) {
    last->cnt++;
    return;
  }
  struct mr_group *grown = MR_NEW(&run->arena, struct mr_group, out->group_cnt + 1);
  if (out->group_cnt) memcpy(grown, out->groups, out->group_cnt * sizeof *grown);
  grown[out->group_cnt++] = (struct mr_group){.to = to, .port = port, .first = send, .cnt = 1};
  out->groups = grown;
}

static int add_send(struct mr_run *run, struct mr_outp *out, uint32_t link_idx,
                    struct mr_instance *to, uint32_t port, struct mr_error *err) {
  struct mr_send *grown = MR_NEW(&run->arena, struct mr_send, out->send_cnt + 1);
  if (out->send_cnt) memcpy(grown, out->sends, out->send_cnt * sizeof *grown);
  struct mr_send *send = &grown[out->send_cnt];
  out->sends = grown;
  add_to_group(run, out, to->node, port, out->send_cnt++);
  send->plan_link = link_idx;
  send->want = new_fronts(run);
  send->told = new_fronts(run);
  send->wake = &run->wakes[to->worker->idx];
  for (uint32_t i = 0; i < MR_LINK_CONTROL; i++) {
    send->ctl_off[i] = mr_region_alloc(&run->region, sizeof(struct mr_msg), 64, "control messages");
    if (!send->ctl_off[i]) return mr_error_set(err, MR_ERR_NOMEM, "no room for control messages");
  }
  return MR_OK;
}

static int connect_input(struct mr_run *run, struct mr_instance *to, uint32_t in_idx,
                         struct mr_instance *from, uint32_t input, struct mr_error *err) {
  struct mr_in *in = &to->ins[in_idx];
  uint32_t link_idx = 0, output = to->node->inputs[input].output;
  const struct mr_plan_link *l = find_link(run->plan, from->idx, output, to->idx, input, &link_idx);
  in->from = from;
  in->from_output = output;
  in->port = to->node->inputs[input].port;
  in->fronts = new_fronts(run);
  mark_partitions(from, output, in->fronts);
  struct mr_outp *out = &from->outs[output];
  if (!l) {
    MR_ASSERT(from->worker == to->worker);
    add_edge(run, out, to, in_idx);
    return MR_OK;
  }
  in->plan_link = (int32_t)link_idx;
  in->cols = MR_NEW(&run->arena, struct mr_col, out->col_cnt + 1);
  return add_send(run, out, link_idx, to, in->port, err);
}

static void init_outputs(struct mr_run *run, struct mr_instance *inst) {
  inst->out_cnt = inst->node->out_cnt;
  inst->outs = MR_NEW(&run->arena, struct mr_outp, inst->out_cnt);
  for (uint32_t o = 0; o < inst->out_cnt; o++) {
    struct mr_outp *out = &inst->outs[o];
    const struct mr_schema *schema = inst->node->outs[o].schema;
    out->col_cnt = schema ? schema->cnt : 0;
    out->cols = MR_NEW(&run->arena, struct mr_col, out->col_cnt + 1);
  }
}

static void make_inputs(struct mr_run *run, struct mr_instance *to) {
  const struct mr_plan *plan = run->plan;
  for (uint32_t i = 0; i < to->node->input_cnt; i++)
    to->in_cnt += plan->nodes[to->node->inputs[i].node].instance_cnt;
  to->ins = MR_NEW(&run->arena, struct mr_in, to->in_cnt + 1);
  for (uint32_t k = 0; k < to->in_cnt; k++) to->ins[k].plan_link = -1;
  to->parts_us = MR_NEW(&run->arena, int64_t, plan->partition_cnt + 1);
  to->parts_idle = MR_NEW(&run->arena, bool, plan->partition_cnt + 1);
  to->parts_carried = MR_NEW(&run->arena, bool, plan->partition_cnt + 1);
  for (uint32_t p = 0; p < plan->partition_cnt; p++) to->parts_us[p] = MR_TIME_NONE;
}

static void carry_partitions(struct mr_instance *to) {
  for (uint32_t p = 0; p < to->run->plan->partition_cnt; p++)
    for (uint32_t k = 0; k < to->in_cnt; k++) to->parts_carried[p] |= to->ins[k].fronts[p].carried;
}

/* Input by input, so that what one output sends to one port stands together. */
static int connect_node(struct mr_run *run, const struct mr_plan_node *n, struct mr_error *err) {
  struct mr_instance *insts = &run->insts[n->first_instance];
  uint32_t at = 0;
  for (uint32_t t = 0; t < n->instance_cnt; t++) make_inputs(run, &insts[t]);
  for (uint32_t i = 0; i < n->input_cnt; i++) {
    const struct mr_plan_node *up = &run->plan->nodes[n->inputs[i].node];
    for (uint32_t t = 0; t < n->instance_cnt; t++)
      for (uint32_t j = 0; j < up->instance_cnt; j++) {
        int rc = connect_input(run, &insts[t], at + j, &run->insts[up->first_instance + j], i, err);
        if (rc) return rc;
      }
    at += up->instance_cnt;
  }
  for (uint32_t t = 0; t < n->instance_cnt; t++) carry_partitions(&insts[t]);
  return MR_OK;
}

/* The partitions that a source's instance reads; others have one that says nothing. */
static void init_parts(struct mr_instance *inst) {
  const struct mr_plan_node *n = inst->node;
  uint32_t source = inst->op->kind == MR_OP_SOURCE ? n->partition_cnt : 0;
  inst->parts = MR_NEW(&inst->run->arena, struct mr_source_part, source + 1);
  for (uint32_t k = 0; k < source; k++)
    if (reads_partition(n, inst->ctx.instance, n->partition_first + k))
      inst->parts[inst->part_cnt++].partition = n->partition_first + k;
  if (!inst->part_cnt) inst->parts->partition = n->partition_first;
  for (uint32_t k = 0; k <= source; k++)
    inst->parts[k].frontier_us = inst->parts[k].vtime_us = MR_TIME_NONE;
  inst->part = inst->parts;
}

static void init_instance(struct mr_run *run, uint32_t idx) {
  const struct mr_plan *plan = run->plan;
  struct mr_instance *inst = &run->insts[idx];
  const struct mr_plan_instance *pi = &plan->instances[idx];
  inst->idx = idx;
  inst->run = run;
  inst->node = &plan->nodes[pi->node];
  inst->op = inst->node->op;
  inst->worker = &run->workers[pi->worker];
  inst->watermark_us = MR_TIME_NONE;
  inst->next_tick_us = MR_TIME_NONE;
  inst->vtime_us = MR_TIME_NONE;
  inst->rows_left = UINT64_MAX;
  inst->front = inst;
  inst->source = inst->node;
  struct mr_op_ctx *ctx = &inst->ctx;
  ctx->self = mr_arena_alloc(&run->arena, inst->op->self_sz + 64);
  ctx->conf = inst->node->conf;
  ctx->data = inst->node->op_plan.data;
  ctx->region = ctx->region_rw = &run->region;
  ctx->arena = &run->arena;
  ctx->clock = &run->conf.clock;
  ctx->log = &run->conf.log;
  ctx->plan = plan;
  ctx->node = inst->node;
  ctx->instance = pi->idx;
  ctx->takers = inst->node->instance_cnt;
  init_parts(inst);
  if (inst->op->shared_sz)
    ctx->shared = pi->idx ? run->insts[inst->node->first_instance].ctx.shared
                          : mr_arena_alloc(&run->arena, inst->op->shared_sz);
  ctx->isa = run->conf.isa;
  ctx->io = run->ios ? run->ios[pi->worker] : NULL;
  ctx->virtual_clock = plan->runtime.virtual_clock;
  ctx->host = run->conf.host;
  ctx->inst = inst;
  init_outputs(run, inst);
  struct mr_worker *w = inst->worker;
  w->insts[w->inst_cnt++] = inst;
  if (inst->op->kind == MR_OP_SINK && inst->op->poll) w->polled[w->polled_cnt++] = inst;
  w->live_cnt++;
}

/* ---- what one item may need ---- */

static void add_pool_need(struct mr_instance *inst, struct mr_pool *pool, uint32_t cnt) {
  inst->needs[inst->need_cnt++] = (struct mr_need){.pool = pool, .cnt = cnt, .look = UINT32_MAX};
}

/* Room for one view on each output. The plan's links and pools are never smaller than that. */
static void compute_needs(struct mr_run *run, struct mr_instance *inst) {
  uint32_t cnt = 3 * inst->out_cnt;
  for (uint32_t o = 0; o < inst->out_cnt; o++) cnt += inst->outs[o].send_cnt;
  inst->needs = MR_NEW(&run->arena, struct mr_need, cnt);
  for (uint32_t o = 0; o < inst->out_cnt; o++) {
    struct mr_outp *out = &inst->outs[o];
    if (out->pool) add_pool_need(inst, out->pool, 1);
    if (out->shells) add_pool_need(inst, out->shells, out->send_cnt);
    if (out->copies) add_pool_need(inst, out->copies, out->send_cnt);
    for (uint32_t i = 0; i < out->send_cnt; i++)
      inst->needs[inst->need_cnt++] = (struct mr_need){.send = &out->sends[i]};
  }
}

/* ---- memory ---- */

static const char *node_label(struct mr_run *run, uint32_t instance, const char *what) {
  const struct mr_plan_instance *pi = &run->plan->instances[instance];
  return mr_arena_printf(&run->arena, "%s.%s", run->plan->nodes[pi->node].name, what);
}

static int make_pools(struct mr_run *run, struct mr_error *err) {
  const struct mr_plan *plan = run->plan;
  for (uint32_t i = 0; i < plan->pool_cnt; i++) {
    const struct mr_plan_pool *pp = &plan->pools[i];
    uint32_t worker = plan->instances[pp->instance].worker;
    int rc = mr_pool_init(&run->pools[i], &run->region, &pp->conf, i, worker,
                          node_label(run, pp->instance,
                                     pp->shell    ? "views"
                                     : pp->copies ? "copies"
                                                  : "batches"),
                          err);
    if (rc) return mr_error_append(err, "pool of %s", node_label(run, pp->instance, "output"));
  }
  return MR_OK;
}

/* Memory of sinks that keep the newest rows. */
static int make_keeps(struct mr_run *run, struct mr_error *err) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    struct mr_instance *inst = &run->insts[i];
    const struct mr_plan_node *n = inst->node;
    if (!n->keep_rows) continue;
    int rc = mr_keep_init(&inst->keep, &run->arena, &run->region, n->op_plan.in, n->in_need,
                          n->keep_rows, node_label(run, i, "queue"), err);
    if (rc) return rc;
    inst->fronts_wait =
        MR_NEW(&run->arena, struct mr_front, inst->in_cnt * run->plan->partition_cnt);
  }
  return MR_OK;
}

static int make_links(struct mr_run *run, struct mr_error *err) {
  const struct mr_plan *plan = run->plan;
  for (uint32_t i = 0; i < plan->link_cnt; i++) {
    run->links[i] = mr_link_new(&run->region, plan->links[i].items,
                                node_label(run, plan->links[i].from, "link"), err);
    if (!run->links[i]) return err->code;
  }
  for (uint32_t i = 0; i < plan->instance_cnt; i++) {
    struct mr_instance *inst = &run->insts[i];
    for (uint32_t k = 0; k < inst->in_cnt; k++)
      if (inst->ins[k].plan_link >= 0) inst->ins[k].link = run->links[inst->ins[k].plan_link];
    for (uint32_t o = 0; o < inst->out_cnt; o++)
      for (uint32_t k = 0; k < inst->outs[o].send_cnt; k++)
        inst->outs[o].sends[k].link = run->links[inst->outs[o].sends[k].plan_link];
  }
  return MR_OK;
}

/* One return ring per pair of workers, large enough for all batches of the owner. */
static int make_returns(struct mr_run *run, struct mr_error *err) {
  for (uint32_t owner = 0; owner < run->worker_cnt; owner++) {
    uint32_t batches = 0;
    for (uint32_t i = 0; i < run->plan->pool_cnt; i++)
      if (run->pools[i].worker == owner) batches += run->pools[i].conf.batch_cnt;
    for (uint32_t from = 0; from < run->worker_cnt && batches; from++) {
      if (from == owner) continue;
      struct mr_return *ring = mr_return_new(&run->region, batches, "return rings", err);
      if (!ring) return err->code;
      run->workers[from].returns_out[owner] = ring;
      run->workers[owner].returns_in[from] = ring;
    }
  }
  return MR_OK;
}

static struct mr_copy_col copy_col(const struct mr_field *field, uint32_t idx) {
  enum mr_phys phys = mr_field_phys(field);
  return (struct mr_copy_col){idx, phys, (uint32_t)(mr_phys_column_sz(phys) / MR_BATCH_ROWS)};
}

/* Rows of an output may be copied for its links. */
static void set_copies(struct mr_run *run, struct mr_outp *out, const struct mr_plan_out *plan_out,
                       struct mr_pool *pool) {
  if (run->conf.no_copies) return;
  out->copies = pool;
  out->copy_cols = MR_NEW(&run->arena, struct mr_copy_col, out->col_cnt + 1);
  for (uint32_t c = 0; c < out->col_cnt; c++)
    if (plan_out->need[c])
      out->copy_cols[out->copy_cnt++] = copy_col(&plan_out->schema->fields[c], c);
}

/* Links know their outputs, workers have a place for each link that they write. */
static void find_sends(struct mr_run *run) {
  for (uint32_t i = 0; i < run->worker_cnt; i++) {
    struct mr_worker *w = &run->workers[i];
    uint32_t cnt = 0;
    for (uint32_t k = 0; k < w->inst_cnt; k++)
      for (uint32_t o = 0; o < w->insts[k]->out_cnt; o++) {
        struct mr_outp *out = &w->insts[k]->outs[o];
        for (uint32_t s = 0; s < out->send_cnt; s++) {
          out->sends[s].from = w->insts[k];
          out->sends[s].out = out;
        }
        cnt += out->send_cnt;
      }
    w->open_sends = MR_NEW(&run->arena, struct mr_send *, cnt + 1);
  }
  for (uint32_t i = 0; i < run->plan->node_cnt; i++) {
    run->reads_now |= run->plan->nodes[i].op_plan.uses_now;
    run->reads_pos |= run->plan->nodes[i].op_plan.uses_pos;
  }
  run->reads_now |= run->plan->runtime.virtual_clock;
}

static void assign_pools(struct mr_run *run) {
  for (uint32_t i = 0; i < run->plan->pool_cnt; i++) {
    const struct mr_plan_pool *pp = &run->plan->pools[i];
    struct mr_instance *inst = &run->insts[pp->instance];
    if (pp->shell)
      inst->outs[pp->output].shells = &run->pools[i];
    else if (pp->copies)
      set_copies(run, &inst->outs[pp->output], &inst->node->outs[pp->output], &run->pools[i]);
    else
      inst->outs[pp->output].pool = inst->ctx.pools[pp->output] = &run->pools[i];
  }
}

static void make_exchanges(struct mr_run *run) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++)
    for (uint32_t o = 0; o < run->insts[i].out_cnt; o++) {
      struct mr_outp *out = &run->insts[i].outs[o];
      for (uint32_t g = 0; g < out->group_cnt; g++) {
        const struct mr_plan_node *to = out->groups[g].to;
        uint32_t port = out->groups[g].port;
        if (to->instance_cnt == 1) continue;
        struct mr_key_hasher *hasher = MR_NEW(&run->arena, struct mr_key_hasher, 1);
        mr_key_hasher_init(hasher, &run->arena, mr_plan_schema(to, port), mr_plan_key(to, port),
                           to->op_plan.key_cnt);
        out->groups[g].hasher = hasher;
        if (out->hashes) continue;
        out->hashes = MR_NEW(&run->arena, uint64_t, MR_BATCH_ROWS);
        out->shares = MR_NEW(&run->arena, uint16_t, MR_BATCH_ROWS * MR_WORKERS_MAX);
      }
    }
}

/* Outputs whose batches go with their reference: see struct mr_outp. */
static void find_lone(struct mr_instance *inst) {
  uint32_t read = 0;
  for (uint32_t o = 0; o < inst->out_cnt; o++) {
    struct mr_outp *out = &inst->outs[o];
    out->lone = out->send_cnt + out->edge_cnt == 1 && !(out->send_cnt && out->groups[0].hasher);
    read += o != MR_OUT_ERRORS && (out->send_cnt || out->edge_cnt);
  }
  for (uint32_t o = 0; o < inst->out_cnt; o++)
    inst->outs[o].whole = inst->outs[o].lone && o != MR_OUT_ERRORS && read == 1;
}

static void make_heads(struct mr_run *run) {
  for (uint32_t i = 0; i < run->worker_cnt; i++) {
    struct mr_worker *w = &run->workers[i];
    uint32_t cnt = 0;
    for (uint32_t k = 0; k < w->inst_cnt; k++) cnt += 1 + w->insts[k]->in_cnt;
    w->heads = MR_NEW(&run->arena, struct mr_head, cnt + 1);
    for (uint32_t k = w->inst_cnt;
         k-- > 0;) { /* downstream first: what is on its way goes before new input */
      struct mr_instance *inst = w->insts[k];
      if (inst->merge) w->heads[w->head_cnt++] = (struct mr_head){inst, MR_HEAD_MERGER, UINT64_MAX};
      for (uint32_t j = 0; j < inst->in_cnt && !inst->merge; j++)
        if (inst->ins[j].link)
          w->heads[w->head_cnt++] = (struct mr_head){inst, (int32_t)j, UINT64_MAX};
      if (inst->op->kind == MR_OP_SOURCE)
        w->heads[w->head_cnt++] = (struct mr_head){inst, MR_HEAD_SOURCE, UINT64_MAX};
    }
  }
}

static void make_row_texts(struct mr_run *run) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    struct mr_instance *inst = &run->insts[i];
    if (inst->op->kind != MR_OP_SOURCE && inst->outs[MR_OUT_ERRORS].pool)
      inst->row_text = mr_arena_alloc(&run->arena, MR_ROW_TEXT_MAX);
  }
}

static void make_workers(struct mr_run *run) {
  const struct mr_plan *plan = run->plan;
  run->worker_cnt = plan->worker_cnt;
  run->workers = MR_NEW(&run->arena, struct mr_worker, plan->worker_cnt);
  run->wakes = mr_region_ptr(
      &run->region, mr_region_alloc(&run->region, sizeof(struct mr_wake) * plan->worker_cnt,
                                    MR_CACHE_LINE_PAIR, "wake words"));
  for (uint32_t i = 0; i < plan->worker_cnt; i++) {
    struct mr_worker *w = &run->workers[i];
    w->run = run;
    w->idx = i;
    w->cpu = plan->workers[i].cpu;
    w->insts = MR_NEW(&run->arena, struct mr_instance *, plan->instance_cnt + 1);
    w->polled = MR_NEW(&run->arena, struct mr_instance *, plan->instance_cnt + 1);
    w->returns_in = MR_NEW(&run->arena, struct mr_return *, plan->worker_cnt);
    w->returns_out = MR_NEW(&run->arena, struct mr_return *, plan->worker_cnt);
    w->wake = &run->wakes[i];
    mr_wake_init(w->wake, plan->runtime.wait != MR_WAIT_SPIN);
  }
}

static int build_topology(struct mr_run *run, struct mr_error *err) {
  const struct mr_plan *plan = run->plan;
  make_workers(run);
  run->insts = MR_NEW(&run->arena, struct mr_instance, plan->instance_cnt + 1);
  run->pools = MR_NEW(&run->arena, struct mr_pool, plan->pool_cnt + 1);
  run->links = MR_NEW(&run->arena, struct mr_link *, plan->link_cnt + 1);
  run->labels = MR_NEW(&run->arena, const char *const *, plan->partition_cnt + 1);
  int rc = mr_run_make_io(run, err);
  for (uint32_t i = 0; i < plan->instance_cnt && !rc; i++) init_instance(run, i);
  for (uint32_t i = 0; i < plan->node_cnt && !rc; i++) rc = connect_node(run, &plan->nodes[i], err);
  if (rc) return rc;
  for (uint32_t i = 0; i < plan->instance_cnt; i++)
    if (run->insts[i].node->merges) mr_merge_init(run, &run->insts[i]);
  assign_pools(run);
  for (uint32_t i = 0; i < plan->instance_cnt; i++) compute_needs(run, &run->insts[i]);
  make_exchanges(run);
  find_sends(run);
  for (uint32_t i = 0; i < plan->instance_cnt; i++) find_lone(&run->insts[i]);
  make_row_texts(run);
  return MR_OK;
}

static void set_labels(struct mr_run *run, struct mr_instance *inst) {
  const char *const **at = &run->labels[inst->node->partition_first];
  if (inst->ctx.source_labels) *at = inst->ctx.source_labels;
  if (*at) return;
  const char **one = MR_NEW(&run->arena, const char *, 1);
  *one = inst->ctx.source_label ? inst->ctx.source_label : inst->node->name;
  *at = one;
}

static int init_operators(struct mr_run *run, struct mr_error *err) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    struct mr_instance *inst = &run->insts[i];
    run->init_cnt = i + 1;
    int rc = inst->op->init ? inst->op->init(&inst->ctx, err) : MR_OK;
    if (rc) return mr_error_append(err, "%s", inst->node->name);
    if (inst->op->kind == MR_OP_SOURCE) set_labels(run, inst);
  }
  return MR_OK;
}

/* There is nothing to do: all had been read before. */
static void end_all(struct mr_run *run) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    run->insts[i].ended = run->insts[i].source_done = run->insts[i].source_ended = true;
    run->insts[i].worker->live_cnt = 0;
  }
}

int mr_run_lay_out(struct mr_run *run, struct mr_error *err) {
  int rc = mr_region_create(&run->region, RESERVE_SZ, run->plan->runtime.huge_pages, err);
  if (rc == MR_ERR_NOMEM)
    rc = mr_region_create(&run->region, RESERVE_SZ_MIN, run->plan->runtime.huge_pages, err);
  if (!rc) rc = place_enums(run, err);
  if (!rc) rc = build_topology(run, err);
  if (!rc) rc = make_pools(run, err);
  if (!rc) rc = make_keeps(run, err);
  if (!rc) rc = make_links(run, err);
  if (!rc) rc = make_returns(run, err);
  if (rc) return rc;
  make_heads(run);
  rc = mr_checkpoint_open(run, err);
  if (!rc) rc = init_operators(run, err);
  if (!rc) rc = mr_checkpoint_reserve(run, err);
  if (!rc) rc = mr_recover_restore(run, err);
  if (!rc && !run->conf.lazy) rc = mr_region_commit(&run->region, err);
  /* sinks have published what the last checkpoint holds, and that is all */
  if (!rc && run->checkpoint && run->checkpoint->had_ended) end_all(run);
  return rc;
}
