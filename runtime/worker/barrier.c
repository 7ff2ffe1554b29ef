/* SPDX-License-Identifier: Apache-2.0 */
/* Barriers: Chandy and Lamport 1985, aligned as Carbone et al. 2015 do it. A barrier goes through
 * an instance when it has come on all inputs that have not ended; an input that has brought it is
 * not read meanwhile, and what comes there on a direct edge waits in the edge's slot (parked). So a
 * snapshot holds the effect of exactly the rows before the barrier. */
#include "worker/checkpoint_private.h"

#include <string.h>

#include "base/assert.h"
#include "worker/worker_private.h"

/* ---- arriving ---- */

bool mr_barrier_due(const struct mr_instance *inst) {
  const struct mr_checkpoint *c = inst->run->checkpoint;
  /* acquire: pairs with the release in begin of checkpoint.c */
  return c && atomic_load_explicit(&c->asked, memory_order_acquire) > inst->barrier;
}

void mr_barrier_inject(struct mr_instance *inst) {
  inst->barrier_next =
      atomic_load_explicit(&inst->run->checkpoint->asked, memory_order_acquire); /* as above */
  inst->barrier_due = true;
  mr_instance_run(inst);
}

void mr_barrier_align(struct mr_instance *inst) {
  if (!inst->barred_cnt || inst->barrier_due) return;
  if (inst->barred_cnt + inst->in_ended < inst->in_cnt) return;
  inst->barrier_due = true;
}

void mr_barrier_arrive(struct mr_instance *inst, uint32_t in, uint64_t number) {
  struct mr_in *edge = &inst->ins[in];
  MR_ASSERT(!edge->barred && !edge->ended);
  edge->barred = true;
  inst->barred_cnt++;
  inst->barrier_next = number;
  mr_barrier_align(inst);
  if (inst->barrier_due && inst->phase == MR_PHASE_IDLE) mr_instance_run(inst);
}

void mr_barrier_park(struct mr_instance *inst) {
  if (!inst->parked_cnt++) inst->worker->busy_cnt++; /* its senders are not done */
}

void mr_barrier_done(struct mr_instance *inst) {
  for (uint32_t i = 0; i < inst->in_cnt; i++) {
    struct mr_in *in = &inst->ins[i];
    if (!in->barred) continue;
    in->barred = false;
    inst->pending_cnt += (in->pending != NULL) + in->end_pending;
  }
  if (inst->parked_cnt) inst->worker->busy_cnt--;
  inst->parked_cnt = inst->barred_cnt = 0;
  inst->ctx.checkpoint = inst->barrier + 1;
}

/* ---- the snapshot ---- */

static void save_part(struct mr_instance *inst, struct mr_save *to, uint32_t p, int64_t us,
                      bool idle, int64_t vtime_us) {
  const struct mr_plan *plan = inst->run->plan;
  const struct mr_plan_node *n = &plan->nodes[plan->partitions[p].node];
  mr_save_row(to);
  mr_save_put_bytes(to, n->name, (uint32_t)strlen(n->name));
  mr_save_put_int(to, p - n->partition_first);
  mr_save_put_int(to, us);
  mr_save_put_int(to, idle);
  mr_save_put_int(to, vtime_us);
}

/* What the instance knows of time. */
static void save_time(struct mr_instance *inst, struct mr_save *to) {
  static const struct mr_save_col cols[] = {{"node", MR_SAVE_BYTES},
                                            {"partition", MR_SAVE_INT},
                                            {"frontier_us", MR_SAVE_INT},
                                            {"idle", MR_SAVE_INT},
                                            {"vtime_us", MR_SAVE_INT}};
  mr_save_begin(to, "time");
  mr_save_int(to, "watermark_us", inst->watermark_us);
  mr_save_int(to, "quiet", inst->quiet);
  mr_save_int(to, "vtime_us", inst->vtime_us);
  mr_save_int(to, "next_tick_us", inst->next_tick_us);
  mr_save_int(to, "last_source", inst->last_source);
  mr_save_rows(to, "partitions", cols, sizeof cols / sizeof *cols);
  if (inst->op->kind == MR_OP_SOURCE)
    for (uint32_t k = 0; k < inst->part_cnt; k++)
      save_part(inst, to, inst->parts[k].partition, inst->parts[k].frontier_us, inst->parts[k].idle,
                inst->parts[k].vtime_us);
  else
    for (uint32_t p = 0; p < inst->run->plan->partition_cnt; p++)
      if (inst->parts_carried[p])
        save_part(inst, to, p, inst->parts_us[p], inst->parts_idle[p], MR_TIME_NONE);
  mr_save_rows_end(to);
  mr_save_end(to);
}

bool mr_barrier_snapshot(struct mr_instance *inst) {
  struct mr_piece *piece = inst->piece;
  bool end = inst->item == MR_ITEM_END;
  struct mr_save *to = end ? &piece->last : &piece->save;
  if (!end) inst->barrier = inst->barrier_next;
  to->used = to->spare_used = to->spare_want = 0;
  to->full = false;
  to->frozen = NULL;
  to->checkpoint = end ? inst->barrier + 1 : inst->barrier;
  save_time(inst, to);
  mr_save_begin(to, "state"); /* ended when encode has written the rest */
  inst->ctx.more = false;
  inst->ctx.now_ns = inst->worker->now_ns;
  uint64_t begun_ns = mr_clock_fast_ns(inst->ctx.clock);
  if (inst->op->snapshot && !inst->failed) inst->op->snapshot(&inst->ctx, to);
  uint64_t took_ns = mr_clock_fast_ns(inst->ctx.clock) - begun_ns;
  if (took_ns > piece->stop_ns_max) piece->stop_ns_max = took_ns;
  if (inst->ctx.more && !inst->failed) return false;
  inst->worker->did = true;
  if (inst->failed) return true;
  if (end) /* release: pairs with the acquire in has_ended; the piece is whole */
    atomic_store_explicit(&piece->ended, 1, memory_order_release);
  else /* release: pairs with the acquire in is_taken, as above */
    atomic_store_explicit(&piece->taken, inst->barrier, memory_order_release);
  return true;
}

/* ---- going on ---- */

bool mr_barrier_forward(struct mr_instance *inst) {
  bool all = true;
  for (uint32_t o = 0; o < inst->out_cnt; o++) {
    struct mr_outp *out = &inst->outs[o];
    for (uint32_t i = 0; i < out->send_cnt; i++) {
      struct mr_send *send = &out->sends[i];
      if (send->barrier == inst->barrier_next) continue;
      send->barrier_pending = true;
      mr_send_flush(inst, send);
      all &= send->barrier == inst->barrier_next;
    }
  }
  if (!all) return false;
  for (uint32_t o = 0; o < inst->out_cnt; o++)
    for (uint32_t i = 0; i < inst->outs[o].edge_cnt; i++)
      mr_barrier_arrive(inst->outs[o].edges[i].to, inst->outs[o].edges[i].input,
                        inst->barrier_next);
  return true;
}

void mr_barrier_publish(struct mr_instance *inst) {
  struct mr_checkpoint *c = inst->run->checkpoint;
  if (!c || !inst->op->published || inst->failed) return;
  /* acquire: pairs with the release in checkpoint.c */
  uint64_t durable = atomic_load_explicit(&c->durable, memory_order_acquire);
  if (durable <= inst->published) return;
  inst->published = durable;
  inst->op->published(&inst->ctx, durable);
}
