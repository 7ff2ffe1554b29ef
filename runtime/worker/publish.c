/* SPDX-License-Identifier: Apache-2.0 */
/* Where the counts of a run go: the stats segment, laid out at build time, written by each worker
 * with plain stores. */
#include <string.h>

#include "worker/run_private.h"

static void describe_nodes(struct mr_run *run, struct mr_stats_node_conf *nodes) {
  static const enum mr_stat_node_kind kinds[] = {
      [MR_OP_SOURCE] = MR_STAT_SOURCE, [MR_OP_STEP] = MR_STAT_STEP, [MR_OP_SINK] = MR_STAT_SINK};
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    const struct mr_plan_instance *pi = &run->plan->instances[i];
    const struct mr_plan_node *n = &run->plan->nodes[pi->node];
    nodes[i] = (struct mr_stats_node_conf){.name = n->name,
                                           .type = n->op->name,
                                           .instance = pi->idx,
                                           .worker = pi->worker,
                                           .kind = kinds[n->op->kind],
                                           .internal = n->internal};
    if (n->input_cnt) nodes[i].input = run->plan->nodes[n->inputs[0].node].first_instance + 1;
  }
}

/* One path per source and sink instance. */
static uint32_t describe_paths(struct mr_run *run, struct mr_stats_path_conf *paths) {
  const struct mr_plan *plan = run->plan;
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < plan->path_cnt; i++) {
    const struct mr_plan_node *sink = &plan->nodes[plan->paths[i].sink];
    for (uint32_t k = 0; k < sink->instance_cnt; k++) {
      if (paths)
        paths[cnt] = (struct mr_stats_path_conf){plan->nodes[plan->paths[i].source].first_instance,
                                                 sink->first_instance + k};
      cnt++;
    }
  }
  return cnt;
}

static void attach_paths(struct mr_run *run) {
  const struct mr_plan *plan = run->plan;
  uint32_t at = 0;
  if (run->conf.no_stats) return;
  for (uint32_t i = 0; i < plan->path_cnt; i++) {
    const struct mr_plan_node *sink = &plan->nodes[plan->paths[i].sink];
    for (uint32_t k = 0; k < sink->instance_cnt; k++, at++) {
      struct mr_instance *inst = &run->insts[sink->first_instance + k];
      if (!inst->path_hist)
        inst->path_hist = MR_NEW(&run->arena, struct mr_hist *, plan->node_cnt + 1);
      inst->path_hist[plan->paths[i].source] = &run->stats.paths[at].latency_ns;
    }
  }
}

static void attach_words(struct mr_run *run) {
  for (uint32_t i = 0; i < run->plan->instance_cnt; i++) {
    struct mr_instance *inst = &run->insts[i];
    inst->stat = &run->stats.nodes[i];
    inst->service = &inst->stat->service_ns;
    for (uint32_t k = 0; k < inst->in_cnt; k++)
      if (inst->ins[k].plan_link >= 0) {
        inst->ins[k].stat = &run->stats.links[inst->ins[k].plan_link];
        inst->ins[k].wait = &inst->ins[k].stat->wait_ns;
      }
    for (uint32_t o = 0; o < inst->out_cnt; o++)
      for (uint32_t k = 0; k < inst->outs[o].send_cnt; k++)
        inst->outs[o].sends[k].stat = &run->stats.links[inst->outs[o].sends[k].plan_link];
  }
  for (uint32_t i = 0; i < run->worker_cnt; i++) run->workers[i].stat = &run->stats.workers[i];
  attach_paths(run);
}

static int make_segment(struct mr_run *run, const struct mr_stats_conf *conf,
                        struct mr_error *err) {
  uint64_t sz = mr_stats_footprint(conf);
  if (!sz) return mr_error_set(err, MR_ERR_LIMIT, "too many nodes, links or paths for the stats");
  struct mr_segment_conf seg = {.dir = run->conf.run_dir,
                                .graph = run->plan->graph,
                                .version = run->conf.version,
                                .generation = 1,
                                .body_sz = sz,
                                .config_hash = run->plan->config_hash};
  int rc = mr_segment_create(&run->segment, &seg, err);
  if (rc) return rc;
  mr_stats_init(&run->stats, run->segment.base, run->segment.head->body_off, conf);
  for (uint32_t i = 0; i < run->region.part_cnt; i++)
    mr_stats_add_part(&run->stats, run->region.parts[i].label, run->region.parts[i].sz,
                      run->region.parts[i].lazy);
  mr_stats_add_part(&run->stats, "stats segment", run->segment.sz, false);
  return mr_segment_publish(&run->segment, mr_stats_layout_hash(&run->stats), err);
}

/* The instance that a partition's rows come from; of turns the first. */
static uint32_t reader_of(const struct mr_plan *plan, uint32_t partition) {
  const struct mr_plan_node *n = &plan->nodes[plan->partitions[partition].node];
  bool spread = n->op->flags & MR_OP_PARTS;
  return n->first_instance + (spread ? (partition - n->partition_first) % n->instance_cnt : 0);
}

int mr_run_make_stats(struct mr_run *run, struct mr_error *err) {
  const struct mr_plan *plan = run->plan;
  struct mr_arena scratch = {0};
  uint32_t path_cnt = describe_paths(run, NULL);
  struct mr_stats_node_conf *nodes =
      MR_NEW(&scratch, struct mr_stats_node_conf, plan->instance_cnt + 1);
  struct mr_stats_path_conf *paths = MR_NEW(&scratch, struct mr_stats_path_conf, path_cnt + 1);
  struct mr_stats_link_conf *links =
      MR_NEW(&scratch, struct mr_stats_link_conf, plan->link_cnt + 1);
  struct mr_stats_partition_conf *parts =
      MR_NEW(&scratch, struct mr_stats_partition_conf, plan->partition_cnt + 1);
  describe_nodes(run, nodes);
  describe_paths(run, paths);
  for (uint32_t i = 0; i < plan->link_cnt; i++)
    links[i] =
        (struct mr_stats_link_conf){plan->links[i].from, plan->links[i].to, plan->links[i].items};
  for (uint32_t i = 0; i < plan->partition_cnt; i++)
    parts[i] = (struct mr_stats_partition_conf){reader_of(plan, i), i};
  struct mr_stats_conf conf = {.nodes = nodes,
                               .links = links,
                               .paths = paths,
                               .partitions = parts,
                               .node_cnt = plan->instance_cnt,
                               .link_cnt = plan->link_cnt,
                               .path_cnt = path_cnt,
                               .partition_cnt = plan->partition_cnt,
                               .worker_cnt = run->worker_cnt,
                               .part_max = 1024,
                               .virtual_clock = plan->runtime.virtual_clock,
                               .plan = mr_plan_json(plan, &scratch)};
  conf.plan_len = (uint32_t)strlen(conf.plan);
  int rc = make_segment(run, &conf, err);
  if (!rc) attach_words(run);
  mr_arena_free(&scratch);
  return rc;
}

/* ---- publishing ---- */

static void publish_links(struct mr_instance *inst) {
  for (uint32_t k = 0; k < inst->in_cnt; k++) {
    struct mr_in *in = &inst->ins[k];
    if (!in->stat) continue;
    mr_stat_set(&in->stat->items_taken, in->items_taken);
    mr_stat_set(&in->stat->rows_taken, in->rows_taken);
  }
  for (uint32_t o = 0; o < inst->out_cnt; o++)
    for (uint32_t k = 0; k < inst->outs[o].send_cnt; k++) {
      struct mr_send *send = &inst->outs[o].sends[k];
      if (!send->stat) continue;
      uint32_t depth = mr_link_depth(send->link);
      mr_stat_set(&send->stat->items_sent, send->items_sent);
      mr_stat_set(&send->stat->rows_sent, send->rows_sent);
      mr_stat_set(&send->stat->full, send->full);
      mr_stat_max(&send->stat->depth_peak, depth);
    }
}

/* What a merger knows of the instances of its source. Returns their rows. */
static uint64_t publish_merged(struct mr_run *run, const struct mr_instance *inst) {
  uint64_t rows = 0;
  for (uint32_t i = 0; i < inst->source->instance_cnt; i++) {
    struct mr_node_stat *s = &run->stats.nodes[inst->source->first_instance + i];
    mr_stat_set_time(&s->watermark_us, inst->part->frontier_us);
    mr_stat_set(&s->future, i ? 0 : inst->ctx.counts.future);
    rows += mr_stat_get(&s->rows_in);
  }
  return rows;
}

/* A source's partition, by who keeps its time. */
static void publish_partition(struct mr_worker *w, const struct mr_instance *inst,
                              const struct mr_source_part *part) {
  struct mr_partition_stat *p = &w->run->stats.partitions[part->partition];
  uint64_t rows = inst->merge                           ? publish_merged(w->run, inst)
                  : inst->node->op->flags & MR_OP_PARTS ? part->rows
                                                        : inst->ctx.counts.rows_in;
  bool idle = part->idle, flushed = inst->source_flushed;
  if (inst->merge) flushed = mr_merge_frontier(inst, &idle) == MR_TIME_MAX;
  mr_stat_set_time(&p->frontier_us, flushed ? MR_TIME_MAX : part->frontier_us);
  mr_stat_set(&p->next, part->next);
  mr_stat_set(&p->end, part->end);
  mr_stat_set(&p->idle, idle);
  if (mr_stat_get(&p->rows) != rows) mr_stat_set_time(&p->last_us, w->now_us);
  mr_stat_set(&p->rows, rows);
}

/* The least frontier of a source's partitions that are not idle, or the largest there is. */
static int64_t source_frontier(const struct mr_instance *inst) {
  int64_t least = MR_TIME_MAX, most = MR_TIME_NONE;
  for (uint32_t k = 0; k < inst->part_cnt; k++) {
    int64_t us = inst->parts[k].frontier_us;
    if (us > most) most = us;
    if (!inst->parts[k].idle && us < least) least = us;
  }
  return least == MR_TIME_MAX ? most : least;
}

static void publish_instance(struct mr_worker *w, struct mr_instance *inst) {
  struct mr_node_stat *s = inst->stat;
  const struct mr_counts *c = &inst->ctx.counts;
  if (!s) return;
  mr_stat_set(&s->rows_in, c->rows_in);
  mr_stat_set(&s->rows_out, c->rows_out);
  mr_stat_set(&s->absorbed, c->absorbed);
  mr_stat_set(&s->filtered, c->filtered);
  mr_stat_set(&s->late, c->late);
  mr_stat_set(&s->late_partial, c->late_partial);
  if (inst->front == inst) mr_stat_set(&s->future, c->future);
  mr_stat_set(&s->dropped, c->dropped);
  mr_stat_set(&s->dead_letters, c->dead_letters);
  mr_stat_set(&s->bytes_in, c->bytes_in);
  mr_stat_set(&s->bytes_out, c->bytes_out);
  mr_stat_set(&s->nan_null, c->nan_null);
  mr_stat_set(&s->state_keys, c->state_keys);
  mr_stat_set(&s->state_bytes, c->state_bytes);
  mr_stat_set(&s->windows_open, c->windows_open);
  mr_stat_set(&s->windows_closed, c->windows_closed);
  mr_stat_set(&s->next_keys, c->next_keys);
  mr_stat_set(&s->derived_errors, c->derived_errors);
  mr_stat_set(&s->cycle_max_ns, inst->cycle_max_ns);
  mr_stat_set(&s->cycle_over, inst->cycle_over);
  mr_stat_set_time(&s->next_start_us, c->next_start_us);
  mr_stat_set_time(&s->next_end_us, c->next_end_us);
  /* Sampled busy time may overshoot: what the worker was busy, by its own clock, is the bound. */
  uint64_t wall = w->busy_ns + w->blocked_ns + w->idle_ns + w->house_ns;
  uint64_t busy = inst->busy_ns < w->busy_ns ? inst->busy_ns : w->busy_ns;
  uint64_t blocked = inst->blocked_ns < wall - busy ? inst->blocked_ns : wall - busy;
  mr_stat_set(&s->busy_ns, busy);
  mr_stat_set(&s->blocked_ns, blocked);
  mr_stat_set(&s->idle_ns, wall - busy - blocked);
  bool source = inst->op->kind == MR_OP_SOURCE;
  if (inst->front == inst)
    mr_stat_set_time(&s->watermark_us, source ? source_frontier(inst) : inst->watermark_us);
  mr_stat_set(&s->input_bytes, inst->progress_done);
  mr_stat_set(&s->input_bytes_total, inst->progress_total);
  publish_links(inst);
  if (inst->merge) publish_partition(w, inst, inst->part);
  for (uint32_t k = 0; source && inst->front == inst && k < inst->part_cnt; k++)
    publish_partition(w, inst, &inst->parts[k]);
}

void mr_worker_publish(struct mr_worker *w) {
  for (uint32_t i = 0; i < w->inst_cnt; i++) publish_instance(w, w->insts[i]);
  if (w->stat) {
    mr_stat_set(&w->stat->busy_ns, w->busy_ns);
    mr_stat_set(&w->stat->blocked_ns, w->blocked_ns);
    mr_stat_set(&w->stat->idle_ns, w->idle_ns);
    mr_stat_set(&w->stat->housekeeping_ns, w->house_ns);
    mr_stat_set(&w->stat->loops, w->loops);
    mr_stat_set(&w->stat->gap_max_ns, w->gap_max_ns);
    mr_stat_set(&w->stat->waits, w->wake->sleep_cnt);
  }
  if (w->idx == 0 && w->run->segment.base) mr_segment_beat(&w->run->segment);
}

void mr_run_publish(struct mr_run *run) {
  for (uint32_t i = 0; i < run->worker_cnt; i++) mr_worker_publish(&run->workers[i]);
}
