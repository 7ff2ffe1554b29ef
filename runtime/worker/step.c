/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/worker_private.h"

#include <string.h>

#include "base/assert.h"
#include "worker/checkpoint_private.h"

#define LOOK_EVERY 8u

/* ---- readiness ---- */

/* Readers of the output on this worker have nothing of it any more. */
static bool readers_idle(const struct mr_outp *out) {
  for (uint32_t e = 0; e < out->edge_cnt; e++) {
    const struct mr_instance *to = out->edges[e].to;
    if (to->keep) continue; /* it has copies */
    if (to->phase != MR_PHASE_IDLE || to->ins[out->edges[e].input].pending) return false;
  }
  return true;
}

bool mr_instance_clear(struct mr_instance *inst) {
  /* The usual case: nobody is at work but those who called each other down to here. */
  bool alone = inst->worker->busy_cnt == inst->worker->call_cnt;
  if (alone && !inst->held_cnt) return true;
  for (uint32_t o = 0; o < inst->out_cnt; o++) {
    struct mr_outp *out = &inst->outs[o];
    if (!alone && !readers_idle(out)) return false;
    if (out->held) {
      mr_batch_release(inst->worker, out->held);
      out->held = NULL;
      inst->held_cnt--;
    }
  }
  return true;
}

/* Batches that came home are looked for each LOOK_EVERY batches, so that few of a large pool are in
 * use, and stay in cache. */
static bool pool_has_room(struct mr_worker *w, struct mr_need *need) {
  const struct mr_pool *pool = need->pool;
  if (pool->free_cnt <= need->look) {
    mr_worker_take_returns(w);
    need->look = pool->free_cnt > LOOK_EVERY ? pool->free_cnt - LOOK_EVERY : 0;
  }
  if (mr_pool_ready(pool, need->cnt)) return true;
  mr_worker_take_returns(w);
  return mr_pool_ready(pool, need->cnt);
}

static bool has_room(struct mr_instance *inst) {
  for (uint32_t i = 0; i < inst->need_cnt; i++) {
    struct mr_need *need = &inst->needs[i];
    if (need->send) {
      bool room = mr_link_has_room(need->send->link, need->send->open ? 2 : 1);
      if (!room && !need->send->is_full) need->send->full++;
      need->send->is_full = !room;
      if (!room) return false;
    } else if (inst->error_batch && need->pool == inst->outs[MR_OUT_ERRORS].pool) {
      continue; /* it is open, and may have taken the pool's last heap block */
    } else if (!pool_has_room(inst->worker, need)) {
      return false;
    }
  }
  return true;
}

bool mr_instance_ready(struct mr_instance *inst) {
  return mr_instance_clear(inst) && has_room(inst);
}

/* ---- taking items ---- */

static void set_phase(struct mr_instance *inst, enum mr_phase phase) {
  inst->worker->busy_cnt += (phase != MR_PHASE_IDLE) - (inst->phase != MR_PHASE_IDLE);
  inst->phase = phase;
}

static void begin_view(struct mr_instance *inst, uint32_t in, const struct mr_view *view,
                       struct mr_batch *release) {
  inst->item = MR_ITEM_VIEW;
  inst->item_in = in;
  inst->view = view;
  inst->view_batch = release;
  inst->partition = view->partition;
  inst->frontier_us = view->frontier_out;
  inst->item_idle = false;
  inst->item_now_us = view->row_now ? view->row_now[view->row_cnt - 1] : view->now_us;
  inst->slice_row = 0;
  set_phase(inst, MR_PHASE_START);
}

void mr_instance_give_view(struct mr_instance *inst, uint32_t in, const struct mr_view *view,
                           struct mr_batch *release) {
  begin_view(inst, in, view, release);
  mr_instance_run(inst);
}

/* The frontier of a partition is the minimum over the inputs that carry it. */
static void combine_partition(struct mr_instance *inst, uint32_t p) {
  int64_t us = MR_TIME_MAX;
  bool idle = true;
  if (inst->merge) {
    us = mr_merge_frontier(inst, &idle);
    inst->parts_us[p] = us;
    inst->parts_idle[p] = idle;
    return;
  }
  for (uint32_t i = 0; i < inst->in_cnt; i++) {
    const struct mr_front *f = &inst->ins[i].fronts[p];
    if (!f->carried || f->idle) continue;
    idle = false;
    if (f->us < us) us = f->us;
  }
  inst->parts_idle[p] = idle;
  if (!idle && us > inst->parts_us[p]) inst->parts_us[p] = us;
}

/* Notes what an input says of a partition. */
static void note_front(struct mr_instance *inst, uint32_t in, uint32_t partition,
                       int64_t frontier_us, bool idle) {
  struct mr_front *f = &inst->ins[in].fronts[partition];
  f->idle = idle;
  if (frontier_us > f->us) f->us = frontier_us;
  combine_partition(inst, partition);
}

/* Puts what is said of time behind the rows that wait. */
static void front_to_wait(struct mr_instance *inst, uint32_t in, uint32_t partition,
                          int64_t frontier_us, bool idle, int64_t now_us) {
  if (!inst->parts_carried[partition]) return;
  inst->fronts_wait[in * inst->run->plan->partition_cnt + partition] =
      (struct mr_front){frontier_us, true, idle};
  inst->front_waits = true;
  inst->front_partition = partition;
  inst->front_now_us = now_us;
}

void mr_instance_give_frontier(struct mr_instance *inst, uint32_t in, uint32_t partition,
                               int64_t frontier_us, bool idle, int64_t now_us) {
  if (inst->keep && inst->phase != MR_PHASE_IDLE) {
    front_to_wait(inst, in, partition, frontier_us, idle, now_us);
    return;
  }
  inst->item = MR_ITEM_FRONTIER;
  inst->item_in = in;
  inst->view = NULL;
  inst->partition = partition;
  inst->frontier_us = frontier_us;
  inst->item_idle = idle;
  inst->item_now_us = now_us;
  set_phase(inst, MR_PHASE_START);
  mr_instance_run(inst);
}

static void begin_end(struct mr_instance *inst, uint32_t in) {
  struct mr_in *edge = &inst->ins[in];
  MR_ASSERT(!edge->ended);
  edge->ended = true;
  if (++inst->in_ended < inst->in_cnt) {
    mr_barrier_align(inst);
    return;
  }
  inst->item = MR_ITEM_END;
  inst->view = NULL;
  set_phase(inst, MR_PHASE_START);
}

void mr_instance_give_end(struct mr_instance *inst, uint32_t in) {
  struct mr_in *edge = &inst->ins[in];
  if (inst->phase != MR_PHASE_IDLE || edge->pending || edge->barred) {
    if (edge->barred && !edge->end_pending)
      mr_barrier_park(inst);
    else if (!edge->end_pending)
      inst->pending_cnt++;
    edge->end_pending = true;
    return;
  }
  begin_end(inst, in);
  mr_instance_run(inst);
}

void mr_instance_give_tick(struct mr_instance *inst, int64_t at_us) {
  inst->item = MR_ITEM_TICK;
  inst->view = NULL;
  inst->tick_at_us = at_us;
  set_phase(inst, MR_PHASE_START);
  mr_instance_run(inst);
}

/* ---- sinks that keep rows ---- */

void mr_instance_drop_kept(struct mr_instance *inst) {
  struct mr_counts *c = &inst->ctx.counts;
  uint16_t in;
  while (mr_keep_take(inst->keep, &in)) mr_keep_done(inst->keep);
  uint64_t done = c->rows_out + c->filtered + c->late + c->dead_letters;
  if (c->rows_in > done + c->dropped) c->dropped = c->rows_in - done;
}

void mr_instance_keep(struct mr_instance *inst, uint32_t in, const struct mr_view *view) {
  struct mr_counts *c = &inst->ctx.counts;
  c->rows_in += view->sel_cnt;
  c->dropped += mr_keep_put(inst->keep, view, (uint16_t)in);
  /* rows that are dropped have said it too */
  front_to_wait(inst, in, view->partition, view->frontier_out, false,
                view->row_now ? view->row_now[view->row_cnt - 1] : view->now_us);
  if (inst->phase == MR_PHASE_IDLE) mr_instance_run(inst);
}

/* True when that is news. */
static bool note_waiting_fronts(struct mr_instance *inst) {
  uint32_t cnt = inst->run->plan->partition_cnt;
  bool news = false;
  for (uint32_t i = 0; i < inst->in_cnt * cnt; i++) {
    struct mr_front *f = &inst->fronts_wait[i], *known = &inst->ins[i / cnt].fronts[i % cnt];
    if (!f->carried) continue;
    f->carried = false;
    news |= f->us > known->us || f->idle != known->idle;
    note_front(inst, i / cnt, i % cnt, f->us, f->idle);
  }
  inst->front_waits = false;
  return news;
}

/* The oldest rows that wait, or the time that went on behind them. */
static bool next_kept(struct mr_instance *inst) {
  uint16_t in;
  if (inst->failed) mr_instance_drop_kept(inst);
  const struct mr_view *view = mr_keep_take(inst->keep, &in);
  if (view) {
    inst->kept = true;
    begin_view(inst, in, view, NULL);
    return true;
  }
  if (!inst->front_waits || !note_waiting_fronts(inst)) return false;
  inst->kept = true;
  inst->item = MR_ITEM_FRONTIER;
  inst->view = NULL;
  inst->partition = inst->front_partition;
  inst->item_now_us = inst->front_now_us;
  set_phase(inst, MR_PHASE_START);
  return true;
}

/* Takes what came on direct edges meanwhile: views first. False: nothing. */
static bool next_pending(struct mr_instance *inst) {
  if (inst->barrier_due) {
    inst->barrier_due = false;
    inst->item = MR_ITEM_BARRIER;
    inst->view = NULL;
    set_phase(inst, MR_PHASE_SNAPSHOT);
    return true;
  }
  if (inst->keep && next_kept(inst)) return true;
  if (!inst->pending_cnt) return false;
  for (uint32_t i = 0; i < inst->in_cnt; i++) {
    struct mr_in *in = &inst->ins[i];
    if (!in->pending || in->barred) continue;
    const struct mr_view *view = in->pending;
    in->pending = NULL;
    inst->pending_cnt--;
    begin_view(inst, i, view, in->pending_batch);
    return true;
  }
  for (uint32_t i = 0; i < inst->in_cnt; i++) {
    if (!inst->ins[i].end_pending || inst->ins[i].barred) continue;
    inst->ins[i].end_pending = false;
    inst->pending_cnt--;
    begin_end(inst, i);
    return true;
  }
  return false;
}

/* ---- virtual timers ---- */

/* Under the virtual clock a timer fires before the first row at or after it, so a view is processed
 * in slices between timers. Returns the end of the slice that starts at slice_row; *at is the timer
 * before it, MR_TIME_NONE: none. */
static uint32_t slice_end(struct mr_instance *inst, int64_t *at) {
  int64_t every = inst->node->op_plan.every_us;
  const struct mr_view *v = inst->view;
  uint32_t cnt = v ? v->row_cnt : 0, row = inst->slice_row;
  const int64_t *row_now = v ? v->row_now : NULL;
  int64_t first = row_now ? row_now[row] : inst->item_now_us;
  *at = MR_TIME_NONE;
  if (first == MR_TIME_NONE) { /* rows before time begins */
    while (row_now && row < cnt && row_now[row] == MR_TIME_NONE) row++;
    return row_now ? row : cnt;
  }
  if (inst->next_tick_us == MR_TIME_NONE) inst->next_tick_us = mr_time_floor(first, every) + every;
  if (first >= inst->next_tick_us) {
    *at = inst->next_tick_us;
    inst->next_tick_us = mr_time_floor(first, every) + every;
    return row;
  }
  if (!row_now) return cnt;
  while (row < cnt && row_now[row] < inst->next_tick_us) row++;
  return row;
}

/* The rows [from, to) of the item's view as a view of their own. Its frontier goes on only with the
 * last rows. */
static const struct mr_view *slice_view(struct mr_instance *inst, uint32_t from, uint32_t to) {
  const struct mr_view *v = inst->view;
  if (from == 0 && to == v->row_cnt) return v;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(v, all);
  uint64_t *mask = inst->slice_sel;
  memset(mask, 0, sizeof inst->slice_sel);
  for (uint32_t r = from; r < to; r++) mr_bit_set(mask, r);
  for (uint32_t w = 0; w < mr_bitmap_words(v->row_cnt); w++) mask[w] &= sel[w];
  inst->slice = *v;
  inst->slice.sel = mask;
  inst->slice.sel_cnt = mr_bitmap_count(mask, mr_bitmap_words(v->row_cnt));
  if (to < v->row_cnt) inst->slice.frontier_out = v->frontier_in;
  return &inst->slice;
}

/* ---- the phases ---- */

static void call_process(struct mr_instance *inst, const struct mr_view *view) {
  inst->worker->did = true;
  inst->ctx.more = false;
  if (inst->merge) {
    mr_merge_pass(inst, view);
  } else {
    if (!inst->kept) inst->ctx.counts.rows_in += view->sel_cnt;
    inst->ctx.port = inst->ins[inst->item_in].port;
    if (view->sel_cnt) inst->op->process(&inst->ctx, view);
  }
  mr_emit_deferred(inst);
}

static void start_timed(struct mr_instance *inst) {
  int64_t at;
  uint32_t from = inst->slice_row, to = slice_end(inst, &at);
  if (at != MR_TIME_NONE) {
    inst->ctx.more = false;
    inst->ctx.now_us = at;
    inst->op->tick(&inst->ctx, at);
    mr_emit_deferred(inst);
    inst->phase = MR_PHASE_TICK;
    return;
  }
  if (!inst->view) {
    inst->phase = MR_PHASE_TIME;
    return;
  }
  inst->slice_row = to;
  inst->ctx.now_us = inst->view->row_now ? inst->view->row_now[to - 1] : inst->item_now_us;
  call_process(inst, slice_view(inst, from, to));
  inst->phase = MR_PHASE_WORK;
}

static void start(struct mr_instance *inst) {
  struct mr_op_ctx *ctx = &inst->ctx;
  ctx->now_ns = inst->worker->now_ns;
  ctx->now_us = ctx->virtual_clock ? inst->item_now_us : inst->worker->now_us;
  if (inst->failed) { /* the others go on until what is on its way has gone through */
    if (inst->view && !inst->kept) {
      ctx->counts.rows_in += inst->view->sel_cnt;
      ctx->counts.dropped += inst->view->sel_cnt;
    }
    inst->phase = inst->item == MR_ITEM_END ? MR_PHASE_FORWARD : MR_PHASE_CLEAR;
    return;
  }
  if (ctx->virtual_clock && inst->node->op_plan.every_us && inst->op->tick &&
      (inst->item == MR_ITEM_VIEW || inst->item == MR_ITEM_FRONTIER)) {
    start_timed(inst);
    return;
  }
  ctx->more = false;
  switch (inst->item) {
  case MR_ITEM_VIEW:
    inst->slice_row = inst->view->row_cnt;
    call_process(inst, inst->view);
    inst->phase = MR_PHASE_WORK;
    break;
  case MR_ITEM_TICK:
    inst->op->tick(ctx, inst->tick_at_us);
    mr_emit_deferred(inst);
    inst->phase = MR_PHASE_WORK;
    break;
  case MR_ITEM_END:
    if (inst->op->finish) inst->op->finish(ctx);
    mr_emit_deferred(inst);
    inst->phase = MR_PHASE_WORK;
    break;
  default: inst->phase = MR_PHASE_TIME; break;
  }
}

/* Whether a step waits for its time to come. */
static bool waits(const struct mr_instance *inst) {
  return inst->op->kind == MR_OP_STEP && inst->ctx.wake_ns > inst->worker->now_ns;
}

/* Calls drain until there is no more; false when room is missing downstream, a step waits for its
 * time, or a sink for its I/O. */
static bool drained(struct mr_instance *inst) {
  while (inst->ctx.more) {
    if (inst->failed) return true;
    if (waits(inst) && !inst->ctx.stop) return false;
    if (!mr_instance_ready(inst)) return false;
    inst->ctx.more = false;
    inst->ctx.wake_ns = 0;
    inst->ctx.now_ns = inst->worker->now_ns;
    inst->op->drain(&inst->ctx);
    mr_emit_deferred(inst);
    if (inst->ctx.more && inst->op->kind == MR_OP_SINK) return false;
    inst->worker->did = true;
  }
  return true;
}

static void record_latency(struct mr_instance *inst) {
  const struct mr_view *v = inst->view;
  struct mr_worker *w = inst->worker;
  struct mr_hist *hist = inst->path_hist[v->source];
  if (!hist) return;
  if (!v->row_t0) {
    if (w->arrival.hist) mr_worker_arrived(w, mr_clock_fast_ns(inst->ctx.clock));
    w->arrival = (struct mr_arrival){hist, v->t0_ns, v->sel_cnt};
    /* With one source and nothing else to ask, the step ends next, and its clock is this one. */
    if (w->head_cnt != 1 || w->heads[0].in >= 0)
      mr_worker_arrived(w, mr_clock_fast_ns(inst->ctx.clock));
    return;
  }
  uint64_t now = mr_clock_fast_ns(inst->ctx.clock);
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(v, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(v->row_cnt), row)
  mr_hist_record(hist, now > v->row_t0[row] ? now - v->row_t0[row] : 0);
}

/* The minimum over the partitions that are not idle. False: there is none, or those that are left
 * have all ended, which says nothing while an idle one may come back. */
static bool combined_frontier(const struct mr_instance *inst, int64_t *frontier_us) {
  int64_t us = MR_TIME_MAX;
  bool any = false, silent = false;
  for (uint32_t p = 0; p < inst->run->plan->partition_cnt; p++) {
    if (!inst->parts_carried[p]) continue;
    if (inst->parts_idle[p]) {
      silent = true;
      continue;
    }
    any = true;
    if (inst->parts_us[p] < us) us = inst->parts_us[p];
  }
  *frontier_us = us;
  return any && !(silent && us == MR_TIME_MAX);
}

/* The watermark as the partitions have it now, not below the one there is. */
static int64_t rising_watermark(struct mr_instance *inst) {
  int64_t frontier;
  inst->quiet = !combined_frontier(inst, &frontier);
  if (inst->quiet || frontier == MR_TIME_NONE) return inst->watermark_us;
  int64_t wm = mr_time_sub(frontier, inst->node->op_plan.delay_us);
  return wm > inst->watermark_us ? wm : inst->watermark_us;
}

bool mr_instance_only_notes_time(const struct mr_instance *inst) {
  const struct mr_op *op = inst->op;
  bool ticks = inst->ctx.virtual_clock && inst->node->op_plan.every_us && op->tick;
  return op->kind == MR_OP_SINK && !op->advance && !ticks && !inst->failed && !inst->keep;
}

void mr_instance_note_frontier(struct mr_instance *inst, uint32_t in, uint32_t partition,
                               int64_t frontier_us, bool idle) {
  if (!inst->parts_carried[partition]) return;
  note_front(inst, in, partition, frontier_us, idle);
  inst->watermark_us = rising_watermark(inst);
}

/* Takes the item's frontier; calls advance when the watermark rises. False: no room for what
 * advance may emit; call again. */
static bool take_time(struct mr_instance *inst) {
  inst->phase = MR_PHASE_FORWARD;
  if (inst->item != MR_ITEM_VIEW && inst->item != MR_ITEM_FRONTIER) return true;
  if (!inst->parts_carried[inst->partition]) return true; /* error rows have no time */
  if (inst->merge && inst->item_in >= inst->source->instance_cnt) return true; /* as above */
  if (!inst->kept || inst->view) /* else it is noted */
    note_front(inst, inst->item_in, inst->partition, inst->frontier_us, inst->item_idle);
  int64_t wm = rising_watermark(inst);
  if (wm <= inst->watermark_us) return true;
  bool calls = inst->op->advance && !inst->failed;
  if (calls && !mr_instance_ready(inst)) {
    inst->phase = MR_PHASE_TIME;
    return false;
  }
  inst->watermark_us = wm;
  if (!calls) return true;
  inst->ctx.more = false;
  inst->worker->did = true;
  inst->op->advance(&inst->ctx, wm);
  mr_emit_deferred(inst);
  inst->phase = MR_PHASE_ADVANCE;
  return true;
}

/* Tells the readers of a source about one of its partitions, at its end about all. */
static bool forward_source(struct mr_instance *inst) {
  bool end = inst->item == MR_ITEM_END, all = true;
  if (inst->item == MR_ITEM_TICK) return true;
  for (uint32_t o = 0; o < inst->out_cnt; o++) {
    struct mr_outp *out = &inst->outs[o];
    if (o == MR_OUT_ERRORS) continue;
    if (!end)
      all &= mr_out_frontier(inst, out, inst->partition, inst->frontier_us, inst->item_idle,
                             inst->item_now_us);
    for (uint32_t k = 0; end && k < inst->part_cnt; k++) {
      const struct mr_source_part *part = &inst->parts[k];
      int64_t us = inst->source_flushed ? MR_TIME_MAX : part->frontier_us;
      all &= mr_out_frontier(inst, out, part->partition, us, part->idle, inst->item_now_us);
    }
  }
  return all;
}

/* Tells readers what the item says about time, where a view has not told them already. False: a
 * reader is at work, call again. */
static bool forward(struct mr_instance *inst) {
  if (inst->item == MR_ITEM_BARRIER) return mr_barrier_forward(inst);
  bool derives = inst->op->flags & MR_OP_DERIVES;
  uint32_t p = inst->partition;
  if (inst->op->kind == MR_OP_SOURCE) return forward_source(inst);
  bool timed =
      (inst->item == MR_ITEM_VIEW || inst->item == MR_ITEM_FRONTIER) && inst->parts_carried[p];
  bool all = true;
  for (uint32_t o = 0; o < inst->out_cnt; o++) {
    struct mr_outp *out = &inst->outs[o];
    if (o == MR_OUT_ERRORS) continue;
    if (derives && o == MR_OUT_MAIN) {
      if (timed)
        all &= mr_out_frontier(inst, out, inst->node->partition_first,
                               mr_time_sub(inst->watermark_us, inst->node->op_plan.hold_us),
                               inst->quiet, inst->item_now_us);
    } else if (timed) {
      all &=
          mr_out_frontier(inst, out, p, inst->parts_us[p], inst->parts_idle[p], inst->item_now_us);
    }
  }
  return all;
}

static void finish_item(struct mr_instance *inst) {
  if (inst->view_batch) {
    mr_batch_release(inst->worker, inst->view_batch);
    inst->view_batch = NULL;
  }
  bool end = inst->item == MR_ITEM_END;
  if (inst->item == MR_ITEM_BARRIER) mr_barrier_done(inst);
  if (inst->kept && inst->view) mr_keep_done(inst->keep);
  inst->kept = false;
  inst->view = NULL;
  inst->item = MR_ITEM_NONE;
  set_phase(inst, MR_PHASE_IDLE);
  inst->worker->call_cnt--;
  if (!end) return;
  inst->ended = true;
  inst->worker->live_cnt--;
  for (uint32_t o = 0; o < inst->out_cnt; o++) mr_out_end(inst, &inst->outs[o]);
}

/* After process and its drains: the next slice, or the error rows. */
static void after_work(struct mr_instance *inst) {
  if (inst->item == MR_ITEM_VIEW) {
    if (inst->path_hist && inst->slice_row >= inst->view->row_cnt) record_latency(inst);
  }
  inst->phase = MR_PHASE_REJECT;
}

static bool reject_done(struct mr_instance *inst) {
  if (inst->reject_rows && !mr_instance_reject(inst)) return false;
  if (inst->error_batch && inst->item == MR_ITEM_END && !mr_instance_reject_flush(inst))
    return false;
  if (inst->item == MR_ITEM_VIEW && inst->slice_row < inst->view->row_cnt) {
    inst->phase = MR_PHASE_SLICE;
    return true;
  }
  inst->phase = MR_PHASE_TIME;
  return true;
}

/* Goes through the phases; true when the instance is idle. */
static bool run_phases(struct mr_instance *inst) {
  for (;;) {
    switch (inst->phase) {
    case MR_PHASE_IDLE:
      if (!next_pending(inst)) return true;
      inst->worker->call_cnt += inst->phase != MR_PHASE_IDLE;
      break;
    case MR_PHASE_START:
      if (!inst->failed && !mr_instance_ready(inst)) return false;
      start(inst);
      break;
    case MR_PHASE_TICK:
    case MR_PHASE_SLICE:
      if (!drained(inst)) return false;
      inst->phase = MR_PHASE_START;
      break;
    case MR_PHASE_WORK:
      if (!drained(inst)) return false;
      after_work(inst);
      break;
    case MR_PHASE_REJECT:
      if (!reject_done(inst)) return false;
      break;
    case MR_PHASE_TIME:
      if (!take_time(inst)) return false;
      break;
    case MR_PHASE_ADVANCE:
      if (!drained(inst)) return false;
      inst->phase = MR_PHASE_FORWARD;
      break;
    case MR_PHASE_FORWARD:
      if (!mr_instance_clear(inst) || !forward(inst)) return false;
      inst->phase = MR_PHASE_CLEAR;
      break;
    case MR_PHASE_SNAPSHOT:
      if (!inst->failed && !mr_barrier_snapshot(inst)) return false;
      inst->phase = inst->item == MR_ITEM_END ? MR_PHASE_CLEAR : MR_PHASE_FORWARD;
      break;
    case MR_PHASE_CLEAR:
      if (!mr_instance_clear(inst)) return false;
      if (inst->item == MR_ITEM_END && inst->piece && !inst->last_taken) {
        inst->last_taken = true;
        inst->phase = MR_PHASE_SNAPSHOT;
        break;
      }
      finish_item(inst);
      break;
    }
  }
}

bool mr_instance_run(struct mr_instance *inst) {
  struct mr_worker *w = inst->worker;
  w->call_cnt += inst->phase != MR_PHASE_IDLE;
  bool idle = run_phases(inst);
  if (!idle) w->call_cnt--; /* it has stopped, and is at work without being called */
  return idle;
}

/* ---- sources ---- */

/* What the item of a source says about a partition. */
static void set_source_time(struct mr_instance *inst, enum mr_item_kind item,
                            const struct mr_source_part *part) {
  inst->item = item;
  inst->view = NULL;
  inst->partition = part->partition;
  inst->frontier_us = part->frontier_us;
  inst->item_idle = part->idle;
  inst->item_now_us = inst->ctx.virtual_clock ? inst->vtime_us : inst->worker->now_us;
}

enum mr_poll mr_instance_poll(struct mr_instance *inst) {
  struct mr_op_ctx *ctx = &inst->ctx;
  ctx->now_ns = inst->worker->now_ns;
  if (!ctx->virtual_clock)
    ctx->now_us = inst->worker->now_us;
  else if (inst->vtime_us != MR_TIME_NONE)
    ctx->now_us = inst->vtime_us; /* what is no row has the time of the row before it */
  ctx->row_max = inst->rows_left < MR_BATCH_ROWS ? (uint32_t)inst->rows_left : MR_BATCH_ROWS;
  ctx->wake_ns = 0;
  enum mr_poll result = MR_POLL_ROWS;
  uint64_t before = ctx->counts.rows_out;
  set_phase(inst, MR_PHASE_CLEAR);
  inst->item = MR_ITEM_POLL;
  inst->view = NULL;
  inst->worker->call_cnt++;
  if (inst->error_batch)
    mr_instance_reject_flush(inst);
  else if (mr_instance_replays(inst))
    mr_instance_replay(inst);
  else
    result = inst->op->poll(ctx);
  inst->worker->call_cnt--;
  if (ctx->counts.rows_out != before) { /* instances that got none of the rows hear of time too */
    set_source_time(inst, MR_ITEM_POLL, inst->part);
    inst->phase = MR_PHASE_FORWARD;
  }
  mr_instance_run(inst);
  return result;
}

void mr_instance_idle_source(struct mr_instance *inst, struct mr_source_part *part) {
  part->idle = true;
  set_source_time(inst, MR_ITEM_FRONTIER, part);
  set_phase(inst, MR_PHASE_FORWARD);
  mr_instance_run(inst);
}

void mr_instance_end_source(struct mr_instance *inst, enum mr_source_end how) {
  inst->source_ended = true;
  inst->source_flushed = how == MR_SOURCE_FLUSH;
  /* release: pairs with the acquire in is_over of replay.c */
  atomic_store_explicit(&inst->replay.over, 1, memory_order_release);
  for (uint32_t k = 0; k < inst->part_cnt; k++) inst->parts[k].idle &= how != MR_SOURCE_FLUSH;
  for (uint32_t k = 0; k < inst->part_cnt; k++) inst->parts[k].idle |= how == MR_SOURCE_HOLD;
  set_source_time(inst, MR_ITEM_END, inst->part);
  set_phase(inst, MR_PHASE_START);
  mr_instance_run(inst);
}
