/* SPDX-License-Identifier: Apache-2.0 */
/* How a run goes on with a checkpoint: whether it fits the graph, and what each instance gets back.
 */
#include "worker/checkpoint_private.h"

#include <inttypes.h>
#include <string.h>

#include "base/lines.h"
#include "worker/worker_private.h"

/* ---- does it fit ---- */

static const struct mr_plan_node *node_named(const struct mr_plan *plan, const char *name) {
  for (uint32_t i = 0; i < plan->node_cnt; i++)
    if (!strcmp(plan->nodes[i].name, name)) return &plan->nodes[i];
  return NULL;
}

/* Length of the line at p, without its end. */
static int line_len(const char *p) {
  return (int)strcspn(p, "\n");
}

/* The first line in which two shapes differ, of each; "" where one has no more. */
static void first_difference(const char **a, const char **b) {
  while (**a && line_len(*a) == line_len(*b) && !strncmp(*a, *b, (size_t)line_len(*a))) {
    *a += line_len(*a);
    *b += line_len(*b);
    *a += **a == '\n';
    *b += **b == '\n';
  }
}

/* What keeps the node from going on with its old state; false: nothing. */
static bool differs(const struct mr_plan *plan, const struct mr_manifest_entry *e,
                    struct mr_lines *why) {
  const struct mr_plan_node *n = node_named(plan, e->node);
  if (!n) {
    mr_lines_add(why, "%s (%s) is gone", e->node, e->type);
    return true;
  }
  if (strcmp(n->op->name, e->type)) {
    mr_lines_add(why, "%s was of type %s and is of type %s", e->node, e->type, n->op->name);
    return true;
  }
  if (n->instance_cnt != e->of) {
    mr_lines_add(why, "%s had workers: %u and has %u", e->node, e->of, n->instance_cnt);
    return true;
  }
  const char *was = e->shape, *is = n->op->shape ? n->op->shape(&n->op_plan) : NULL;
  if (!is) is = "";
  if (!strcmp(was, is)) return false;
  first_difference(&was, &is);
  mr_lines_add(why, "%s had \"%.*s\" and has \"%.*s\"", e->node, line_len(was), was, line_len(is),
               is);
  return true;
}

int mr_recover_check(const struct mr_plan *plan, const struct mr_manifest *m,
                     struct mr_error *err) {
  struct mr_arena arena = {0};
  struct mr_lines why = {.arena = &arena}, one;
  uint32_t cnt = 0;
  if (strcmp(m->graph, plan->graph)) {
    mr_lines_add(&why, "it is of the graph %s", m->graph);
    cnt++;
  }
  for (uint32_t i = 0; i < m->cnt; i++) {
    one = (struct mr_lines){.arena = &arena};
    if (m->entries[i].instance || !m->entries[i].shape || !differs(plan, &m->entries[i], &one))
      continue;
    mr_lines_add(&why, "%s%s", cnt++ ? "; " : "", one.text);
  }
  int rc = MR_OK;
  if (cnt)
    rc = mr_error_set(err, MR_ERR_CONF,
                      "the graph does not fit checkpoint %" PRIu64 " in %s, whose state would be "
                      "lost: %.700s. Change the graph back, or remove the folder to start from the "
                      "beginning",
                      m->number, plan->runtime.checkpoint.dir, why.text);
  mr_arena_free(&arena);
  return rc;
}

/* ---- time ---- */

static bool read_int(const struct mr_load *from, const char *name, int64_t *v) {
  return mr_load_int(from, name, v);
}

/* The graph's index of a partition of a node; -1: there is none any more. */
static int32_t partition_of(const struct mr_plan *plan, const struct mr_load_value *node,
                            int64_t at) {
  for (uint32_t i = 0; i < plan->node_cnt; i++) {
    const struct mr_plan_node *n = &plan->nodes[i];
    if (strlen(n->name) == node->len && !memcmp(n->name, node->bytes, node->len))
      return at >= 0 && at < n->partition_cnt ? (int32_t)(n->partition_first + at) : -1;
  }
  return -1;
}

static void restore_part(struct mr_instance *inst, uint32_t p, const struct mr_load_value *v) {
  struct mr_run *run = inst->run;
  if (inst->op->kind != MR_OP_SOURCE) {
    inst->parts_us[p] = v[2].i;
    inst->parts_idle[p] = v[3].i != 0;
    return;
  }
  for (uint32_t k = 0; k < inst->part_cnt; k++) {
    struct mr_source_part *part = &inst->parts[k];
    if (part->partition != p) continue;
    part->frontier_us = v[2].i;
    part->idle = v[3].i != 0;
    part->vtime_us = v[4].i;
    int64_t now = atomic_load_explicit(&run->vtime_us, memory_order_relaxed); /* one thread */
    if (part->vtime_us > now)
      atomic_store_explicit(&run->vtime_us, part->vtime_us, memory_order_relaxed); /* as above */
  }
}

static void restore_time(struct mr_instance *inst, const struct mr_load *time) {
  static const uint32_t types[] = {MR_SAVE_BYTES, MR_SAVE_INT, MR_SAVE_INT, MR_SAVE_INT,
                                   MR_SAVE_INT};
  struct mr_load_rows *rows = MR_NEW(&inst->run->checkpoint->arena, struct mr_load_rows, 1);
  int64_t v;
  if (read_int(time, "watermark_us", &v)) inst->watermark_us = v;
  if (read_int(time, "quiet", &v)) inst->quiet = v != 0;
  if (read_int(time, "vtime_us", &v)) inst->vtime_us = v;
  if (read_int(time, "last_source", &v) && v < inst->run->plan->node_cnt)
    inst->last_source = (uint16_t)v;
  if (inst->ctx.virtual_clock && read_int(time, "next_tick_us", &v)) inst->next_tick_us = v;
  if (!mr_load_rows(time, "partitions", rows) || rows->cnt != sizeof types / sizeof *types) return;
  for (uint32_t i = 0; i < rows->cnt; i++)
    if (rows->cols[i].type != types[i]) return;
  while (mr_load_next(rows)) {
    bool there = true;
    for (uint32_t i = 0; i < rows->cnt; i++) there &= rows->values[i].present;
    int32_t p = there ? partition_of(inst->run->plan, &rows->values[0], rows->values[1].i) : -1;
    if (p >= 0) restore_part(inst, (uint32_t)p, rows->values);
  }
}

/* What a sender has told its readers of a partition. */
static struct mr_front told_by(const struct mr_instance *from, uint32_t output, uint32_t p) {
  const struct mr_plan_node *n = from->node;
  for (uint32_t k = 0; from->op->kind == MR_OP_SOURCE && k < from->part_cnt; k++)
    if (from->parts[k].partition == p)
      return (struct mr_front){from->parts[k].frontier_us, true, from->parts[k].idle};
  bool own = (from->op->flags & MR_OP_DERIVES) && output == MR_OUT_MAIN &&
             p >= n->partition_first && p < n->partition_first + n->partition_cnt;
  if (own) return (struct mr_front){from->watermark_us, true, from->quiet};
  return (struct mr_front){from->parts_us[p], true, from->parts_idle[p]};
}

/* Readers know what their senders have told them: before a barrier is through, all of it has come.
 */
static void restore_fronts(struct mr_instance *inst) {
  uint32_t cnt = inst->run->plan->partition_cnt;
  for (uint32_t i = 0; i < inst->in_cnt; i++) {
    struct mr_in *in = &inst->ins[i];
    for (uint32_t p = 0; p < cnt; p++)
      if (in->fronts[p].carried) in->fronts[p] = told_by(in->from, in->from_output, p);
  }
  for (uint32_t o = 0; o < inst->out_cnt; o++)
    for (uint32_t k = 0; o != MR_OUT_ERRORS && k < inst->outs[o].send_cnt; k++)
      for (uint32_t p = 0; p < cnt; p++) {
        struct mr_send *send = &inst->outs[o].sends[k];
        struct mr_front now = told_by(inst, o, p);
        now.carried = send->told[p].carried;
        send->told[p] = send->want[p] = now;
      }
}

/* ---- state ---- */

static int32_t entry_of(const struct mr_manifest *m, const struct mr_instance *inst) {
  int32_t same = -1;
  for (uint32_t i = 0; i < m->cnt; i++) {
    if (strcmp(m->entries[i].node, inst->node->name)) continue;
    if (m->entries[i].instance == inst->ctx.instance) return (int32_t)i;
    same = (int32_t)i;
  }
  return same;
}

static int restore_instance(struct mr_instance *inst, struct mr_error *err) {
  struct mr_checkpoint *c = inst->run->checkpoint;
  int32_t i = entry_of(c->from, inst);
  struct mr_load group, record;
  if (i < 0) return MR_OK; /* it is new */
  mr_manifest_record(c->from, c->state_bytes, (uint32_t)i, &record);
  if (mr_load_group(&record, "time", &group)) restore_time(inst, &group);
  if (!inst->op->restore || !c->from->entries[i].shape) return MR_OK;
  if (!mr_load_group(&record, "state", &group))
    return mr_error_set(err, MR_ERR_IO, "%s: its record in checkpoint %" PRIu64 " has no state",
                        inst->node->name, c->restored);
  int rc = inst->op->restore(&inst->ctx, &group, err);
  return rc ? mr_error_append(err, "%s: checkpoint %" PRIu64, inst->node->name, c->restored) : rc;
}

int mr_recover_restore(struct mr_run *run, struct mr_error *err) {
  struct mr_checkpoint *c = run->checkpoint;
  int rc = MR_OK;
  if (!c || !c->from) return MR_OK;
  for (uint32_t i = 0; i < run->plan->instance_cnt && !rc; i++)
    rc = restore_instance(&run->insts[i], err);
  for (uint32_t i = 0; i < run->plan->instance_cnt && !rc; i++) restore_fronts(&run->insts[i]);
  if (!rc && !c->had_ended)
    mr_log_write(&run->conf.log, MR_LOG_INFO, NULL, NULL,
                 "going on at checkpoint %" PRIu64 " of %s", c->restored, c->dir);
  mr_arena_free(&c->arena);
  c->from = NULL;
  c->state_bytes = NULL;
  return rc;
}
