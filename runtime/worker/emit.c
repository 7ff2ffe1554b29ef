/* SPDX-License-Identifier: Apache-2.0 */
/* Emission: from an operator's output to its readers, on the same worker by a call, on others
 * through links. */
#include "worker/worker_private.h"

#include <string.h>

#include "base/assert.h"
#include "worker/checkpoint_private.h"

void mr_batch_release(struct mr_worker *worker, struct mr_batch *batch) {
  struct mr_run *run = worker->run;
  if (!mr_batch_unref(batch)) return;
  for (uint32_t i = 0; i < batch->base_cnt; i++)
    mr_batch_release(worker, mr_region_ptr(&run->region, batch->bases[i]));
  struct mr_pool *pool = &run->pools[batch->pool];
  if (pool->worker == worker->idx)
    mr_pool_put(pool, batch);
  else
    mr_return_send(worker->returns_out[pool->worker], mr_region_off(&run->region, batch));
}

void mr_worker_take_returns(struct mr_worker *worker) {
  struct mr_run *run = worker->run;
  for (uint32_t w = 0; w < run->worker_cnt; w++) {
    struct mr_return *ring = worker->returns_in[w];
    if (!ring) continue;
    uint64_t offs[32];
    uint32_t cnt;
    while ((cnt = mr_return_take(ring, offs, 32)) > 0)
      for (uint32_t i = 0; i < cnt; i++) {
        struct mr_batch *batch = mr_region_ptr(&run->region, offs[i]);
        mr_pool_put(&run->pools[batch->pool], batch);
      }
  }
}

/* ---- links ---- */

void mr_send_batch(struct mr_instance *inst, struct mr_send *send, struct mr_batch *batch) {
  struct mr_msg *msg = &batch->msg;
  struct mr_front *told = &send->told[msg->partition], *want = &send->want[msg->partition];
  if (msg->frontier_out > told->us) told->us = msg->frontier_out;
  if (want->us < told->us) want->us = told->us;
  told->idle = want->idle = false;
  send->items_sent++;
  send->rows_sent += msg->sel_cnt;
  msg->sent_tsc = mr_clock_fast_ns(inst->ctx.clock);
  mr_link_send(send->link, mr_region_off(&inst->run->region, batch));
  mr_wake_signal(send->wake);
}

static void send_shell(struct mr_instance *inst, struct mr_outp *out, struct mr_send *send,
                       const struct mr_view *view) {
  struct mr_batch *head = mr_pool_take(out->shells);
  MR_ASSERT(head);
  mr_view_to_batch(&inst->run->region, view, out->col_cnt, head);
  mr_batch_add_base(&inst->run->region, head, view->batch);
  mr_send_batch(inst, send, head);
}

/* Puts a view on a link: in the head of its own batch when nobody else needs that head, else in a
 * shell; or copies its rows, where they are few. */
static void send_view(struct mr_instance *inst, struct mr_outp *out, struct mr_send *send,
                      const struct mr_view *view, struct mr_batch *own) {
  if (mr_gather(send, view, NULL, view->sel_cnt)) {
    if (own && out->lone) mr_batch_release(inst->worker, own);
    return;
  }
  if (!own) {
    send_shell(inst, out, send, view);
    return;
  }
  if (!out->lone) mr_batch_ref(own);
  mr_send_batch(inst, send, own);
}

/* Puts a view on a link together with the reference on its batch. Whoever holds the only one may
 * write the view into the batch's own head; else a shell takes the reference along. */
static void send_given(struct mr_instance *inst, struct mr_outp *out, struct mr_send *send,
                       const struct mr_view *view, struct mr_batch *given) {
  const struct mr_region *region = &inst->run->region;
  struct mr_batch *head = given;
  if (mr_gather(send, view, NULL, view->sel_cnt)) {
    mr_batch_release(inst->worker, given);
    return;
  }
  if (!mr_batch_sole(given) || out->col_cnt > given->col_cnt) {
    head = mr_pool_take(out->shells);
    MR_ASSERT(head);
    head->bases[head->base_cnt++] = mr_region_off(region, given);
  }
  mr_view_to_batch(region, view, out->col_cnt, head);
  mr_send_batch(inst, send, head);
}

static void want_front(struct mr_instance *inst, struct mr_send *send, uint32_t partition,
                       int64_t frontier_us, bool idle, int64_t now_us) {
  struct mr_front *want = &send->want[partition], *told = &send->told[partition];
  if (frontier_us > want->us) want->us = frontier_us;
  want->idle = idle;
  send->now_us = now_us;
  if (mr_gather_tells(send, partition, frontier_us, idle)) return;
  if (want->us > told->us || want->idle != told->idle) {
    if (!send->dirty) inst->worker->dirty_sends++;
    send->dirty = true;
  }
}

/* A message of the link's that its reader is done with, or NULL. */
static struct mr_msg *free_message(struct mr_instance *inst, struct mr_send *send) {
  int32_t i = mr_link_control_next(send->link);
  return i < 0 ? NULL : mr_region_ptr(&inst->run->region, send->ctl_off[i]);
}

static void send_control(struct mr_instance *inst, struct mr_send *send, struct mr_msg *msg) {
  msg->sent_tsc = inst->worker->now_ns;
  bool sent = mr_link_send_control(send->link, mr_region_off(&inst->run->region, msg));
  MR_ASSERT(sent); /* a free message is a free slot */
  mr_wake_signal(send->wake);
}

bool mr_send_flush(struct mr_instance *inst, struct mr_send *send) {
  uint32_t cnt = inst->run->plan->partition_cnt;
  if (send->open && (send->dirty || send->end_pending || send->barrier_pending)) {
    if (!mr_link_has_room(send->link, 1)) return false;
    mr_gather_flush(send);
  }
  for (uint32_t p = 0; send->dirty && p < cnt; p++) {
    struct mr_front *want = &send->want[p], *told = &send->told[p];
    if (want->us <= told->us && want->idle == told->idle) continue;
    struct mr_msg *msg = free_message(inst, send);
    if (!msg) return false;
    msg->kind = MR_MSG_FRONTIER;
    msg->partition = p;
    msg->frontier_out = want->us;
    msg->idle = want->idle;
    msg->now_us = send->now_us;
    send_control(inst, send, msg);
    *told = *want;
  }
  if (send->dirty) {
    send->dirty = false;
    inst->worker->dirty_sends--;
  }
  if (send->barrier_pending) {
    struct mr_msg *msg = free_message(inst, send);
    if (!msg) return false;
    msg->kind = MR_MSG_BARRIER;
    msg->partition = 0;
    msg->frontier_out = (int64_t)inst->barrier_next;
    send_control(inst, send, msg);
    send->barrier = inst->barrier_next;
    send->barrier_pending = false;
  }
  if (send->end_pending && !send->ended) {
    struct mr_msg *msg = free_message(inst, send);
    if (!msg) return false;
    msg->kind = MR_MSG_END;
    msg->partition = 0;
    send_control(inst, send, msg);
    send->ended = true;
    inst->worker->dirty_sends--;
  }
  return true;
}

/* ---- exchange ---- */

/* Splits a view by the key groups of its rows: to each instance of the reader a view of its share,
 * or copies of these rows, where they are few. */
static void exchange(struct mr_instance *inst, struct mr_outp *out, const struct mr_group *group,
                     const struct mr_view *view) {
  uint32_t cnt[MR_WORKERS_MAX] = {0}, words = mr_bitmap_words(view->row_cnt);
  mr_key_hash(group->hasher, inst->run->region.base, view, out->hashes);
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(view, all);
  MR_BITMAP_EACH(sel, words, row) {
    uint32_t to = mr_key_owner(mr_key_group(out->hashes[row]), group->cnt);
    out->shares[to * MR_BATCH_ROWS + cnt[to]++] = (uint16_t)row;
  }
  for (uint32_t i = 0; i < group->cnt; i++) {
    const uint16_t *rows = out->shares + i * MR_BATCH_ROWS;
    struct mr_send *send = &out->sends[group->first + i];
    if (!cnt[i] || mr_gather(send, view, rows, cnt[i])) continue;
    uint64_t share[MR_BATCH_WORDS] = {0};
    for (uint32_t k = 0; k < cnt[i]; k++) mr_bit_set(share, rows[k]);
    struct mr_view part = *view;
    part.sel = share;
    part.sel_cnt = cnt[i];
    send_shell(inst, out, send, &part);
  }
}

/* ---- emission ---- */

/* given: the view's batch, when the reference on it goes to the reader; else NULL. */
static void deliver(struct mr_instance *from, const struct mr_edge *edge,
                    const struct mr_view *view, struct mr_batch *given) {
  struct mr_instance *to = edge->to;
  struct mr_in *in = &to->ins[edge->input];
  if (to->keep) {
    mr_worker_switch(from->worker, to);
    mr_instance_keep(to, edge->input, view);
    if (given) mr_batch_release(from->worker, given); /* its rows are copied */
    mr_worker_switch(from->worker, from);
    return;
  }
  if (mr_instance_busy(to) || in->barred) {
    MR_ASSERT(!in->pending);
    in->pending = view;
    in->pending_batch = given;
    if (in->barred)
      mr_barrier_park(to);
    else
      to->pending_cnt++;
    return;
  }
  mr_worker_switch(from->worker, to);
  mr_instance_give_view(to, edge->input, view, given);
  mr_worker_switch(from->worker, from);
}

/* own: a whole batch of this output whose head may carry the view over one link, and which goes to
 * a lone reader for good. */
static void publish(struct mr_instance *inst, uint32_t output, const struct mr_view *view,
                    struct mr_batch *own) {
  struct mr_outp *out = &inst->outs[output];
  for (uint32_t i = 0; i < out->group_cnt; i++) {
    const struct mr_group *group = &out->groups[i];
    if (group->hasher) {
      exchange(inst, out, group, view);
    } else {
      send_view(inst, out, &out->sends[group->first], view, own);
      own = NULL; /* one link has its head now */
    }
  }
  for (uint32_t i = 0; i < out->edge_cnt; i++)
    deliver(inst, &out->edges[i], view, out->lone ? own : NULL);
}

void mr_emit_deferred(struct mr_instance *inst) {
  struct mr_outp *out = inst->deferred_out;
  const struct mr_view *view = inst->deferred;
  if (!view) return;
  bool last = !inst->ctx.more && !inst->reject_rows && inst->slice_row >= inst->view->row_cnt;
  struct mr_batch *given = last ? inst->view_batch : NULL;
  inst->deferred = NULL;
  if (given) inst->view_batch = NULL;
  if (out->edge_cnt)
    deliver(inst, &out->edges[0], view, given);
  else if (given)
    send_given(inst, out, &out->sends[0], view, given);
  else
    send_view(inst, out, &out->sends[0], view, NULL);
}

/* What emitted rows may say about time: while more of the same input is to come, only what was
 * known before it; and no more than all inputs that carry the partition have said. */
static void limit_frontiers(const struct mr_instance *inst, uint32_t partition, int64_t *in_us,
                            int64_t *out_us) {
  int64_t most = inst->in_cnt > 1 && !inst->merge ? inst->parts_us[partition] : MR_TIME_MAX;
  if (*in_us > most) *in_us = most;
  if (inst->ctx.more) *out_us = *in_us;
  if (*out_us > most) *out_us = most;
}

/* While nobody looks at the output this is one load per view. */
static inline void show(struct mr_instance *inst, struct mr_outp *out, const struct mr_view *view) {
  /* relaxed: mr_tap_offer looks again, ordered; a late look costs a view */
  if (atomic_load_explicit(&out->tap.open, memory_order_relaxed)) mr_tap_offer(inst, out, view);
}

void mr_emit(struct mr_op_ctx *ctx, uint32_t output, const struct mr_view *view) {
  struct mr_instance *inst = ctx->inst;
  struct mr_outp *out = &inst->outs[output];
  if (!view->sel_cnt) return;
  show(inst, out, view);
  if (output == MR_OUT_MAIN) ctx->counts.rows_out += view->sel_cnt;
  int64_t in_us = view->frontier_in, out_us = view->frontier_out;
  limit_frontiers(inst, view->partition, &in_us, &out_us);
  if (in_us != view->frontier_in || out_us != view->frontier_out) {
    out->view = *view;
    out->view.frontier_in = in_us;
    out->view.frontier_out = out_us;
    view = &out->view;
  }
  if (out->whole && inst->view_batch && view->batch == inst->view_batch) {
    MR_ASSERT(!inst->deferred);
    inst->deferred = view;
    inst->deferred_out = out;
    return;
  }
  publish(inst, output, view, NULL);
}

struct mr_batch *mr_emit_open(struct mr_op_ctx *ctx, uint32_t output) {
  struct mr_outp *out = &ctx->inst->outs[output];
  MR_ASSERT(out->pool);
  struct mr_batch *batch = mr_pool_take(out->pool);
  if (!batch) {
    mr_worker_take_returns(ctx->inst->worker);
    batch = mr_pool_take(out->pool);
  }
  MR_ASSERT(batch); /* the credits of the plan promise one */
  return batch;
}

void mr_emit_cancel(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch) {
  (void)output;
  mr_batch_release(ctx->inst->worker, batch);
}

static void like_input(struct mr_batch *batch, const struct mr_view *like) {
  batch->msg.source = like->source;
  batch->msg.partition = like->partition;
  batch->msg.frontier_in = like->frontier_in;
  batch->msg.frontier_out = like->frontier_out;
  batch->msg.now_us = like->now_us;
  batch->msg.t0_ns = like->t0_ns;
  batch->et_min = like->et_min;
  batch->et_max = like->et_max;
  batch->pos = like->pos;
  batch->line = like->line;
  batch->input = like->input;
}

/* Derived rows are a partition of their own, whose frontier is the node's watermark and follows
 * them. */
static void stamp_derived(struct mr_instance *inst, struct mr_batch *batch) {
  const struct mr_view *view = inst->view;
  batch->msg.partition = inst->node->partition_first;
  batch->msg.frontier_in = batch->msg.frontier_out = MR_TIME_NONE;
  batch->msg.now_us = inst->ctx.now_us;
  if (view) inst->last_source = view->source;
  batch->msg.source = inst->last_source;
  if (!batch->msg.t0_ns) batch->msg.t0_ns = view ? view->t0_ns : inst->worker->now_ns;
}

/* Holds an emitted batch until its readers on this worker are done; a lone reader has it for good.
 */
static void keep(struct mr_instance *inst, struct mr_outp *out, struct mr_batch *batch) {
  if (out->lone) return;
  out->held = batch;
  inst->held_cnt++;
}

void mr_emit_batch(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch,
                   const struct mr_view *like) {
  struct mr_instance *inst = ctx->inst;
  struct mr_outp *out = &inst->outs[output];
  struct mr_msg *msg = &batch->msg;
  MR_ASSERT(msg->row_cnt > 0 || (output == MR_OUT_MAIN && batch->turn_flags & MR_TURN_LAST));
  MR_ASSERT(msg->row_cnt <= MR_BATCH_ROWS);
  MR_ASSERT(!out->held);
  if (like) like_input(batch, like);
  if (output == MR_OUT_MAIN && inst->op->flags & MR_OP_DERIVES)
    stamp_derived(inst, batch);
  else if (like)
    limit_frontiers(inst, msg->partition, &msg->frontier_in, &msg->frontier_out);
  msg->kind = MR_MSG_VIEW;
  msg->sel_cnt = msg->row_cnt;
  msg->sel_off = 0;
  keep(inst, out, batch);
  if (output == MR_OUT_MAIN) ctx->counts.rows_out += msg->row_cnt;
  mr_view_of_batch(&inst->run->region, batch, out->cols, &out->view);
  show(inst, out, &out->view);
  publish(inst, output, &out->view, batch);
}

void mr_emit_mixed(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch,
                   const struct mr_view *view) {
  struct mr_instance *inst = ctx->inst;
  struct mr_outp *out = &inst->outs[output];
  if (!view->sel_cnt) {
    mr_batch_release(inst->worker, batch);
    return;
  }
  MR_ASSERT(!out->held && view->batch == batch);
  keep(inst, out, batch);
  if (output == MR_OUT_MAIN) ctx->counts.rows_out += view->sel_cnt;
  out->view = *view;
  limit_frontiers(inst, view->partition, &out->view.frontier_in, &out->view.frontier_out);
  if (out->send_cnt) mr_view_to_batch(&inst->run->region, &out->view, out->col_cnt, batch);
  show(inst, out, &out->view);
  publish(inst, output, &out->view, batch);
}

/* ---- time and the end ---- */

bool mr_out_frontier(struct mr_instance *inst, struct mr_outp *out, uint32_t partition,
                     int64_t frontier_us, bool idle, int64_t now_us) {
  bool all = true;
  for (uint32_t i = 0; i < out->send_cnt; i++) {
    want_front(inst, &out->sends[i], partition, frontier_us, idle, now_us);
    if (out->sends[i].dirty) mr_send_flush(inst, &out->sends[i]);
  }
  for (uint32_t i = 0; i < out->edge_cnt; i++) {
    struct mr_instance *to = out->edges[i].to;
    const struct mr_in *in = &to->ins[out->edges[i].input];
    const struct mr_front *f = &in->fronts[partition];
    if (!f->carried || (f->us >= frontier_us && f->idle == idle)) continue;
    if (mr_instance_busy(to) || (in->barred && !to->keep)) {
      all = false;
      continue;
    }
    if (mr_instance_only_notes_time(to)) {
      mr_instance_note_frontier(to, out->edges[i].input, partition, frontier_us, idle);
      continue;
    }
    mr_worker_switch(inst->worker, to);
    mr_instance_give_frontier(to, out->edges[i].input, partition, frontier_us, idle, now_us);
    mr_worker_switch(inst->worker, inst);
  }
  return all;
}

void mr_out_end(struct mr_instance *inst, struct mr_outp *out) {
  for (uint32_t i = 0; i < out->send_cnt; i++) {
    out->sends[i].end_pending = true;
    inst->worker->dirty_sends++;
    mr_send_flush(inst, &out->sends[i]);
  }
  for (uint32_t i = 0; i < out->edge_cnt; i++)
    mr_instance_give_end(out->edges[i].to, out->edges[i].input);
}
