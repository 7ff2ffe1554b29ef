/* SPDX-License-Identifier: Apache-2.0 */
/* Turns: the instances of one source make rows side by side, and a merger, which the planner puts
 * behind them, takes their batches in the order of turns, settles what hangs on the order, and
 * hands them on. Its inputs are the main outputs of the instances, then, where errors are read,
 * their error outputs. */
#include "worker/worker_private.h"

#include "base/assert.h"

#define NOBODY     UINT32_MAX
#define CLOSED     (UINT64_C(1) << 63) /* of begun */
#define ERROR_LINE 5u                  /* column of mr_error_schema */

struct mr_merge {
  uint32_t cnt; /* instances */
  bool errors;
  uint32_t from; /* instance whose turn it is, NOBODY: not yet chosen */
  bool closing;  /* its last batch has come */
  uint64_t turn, next;
  uint64_t line_base, turn_lines;
  /* the instances' */
  alignas(MR_CACHE_LINE_PAIR) _Atomic uint64_t begun; /* the last turn begun + 1, | CLOSED */
};

/* ---- the instances' side ---- */

static struct mr_merge *merge_of(struct mr_op_ctx *ctx) {
  struct mr_instance *inst = ctx->inst;
  return inst->front == inst ? NULL : inst->front->merge;
}

static void begin_turn(struct mr_instance *inst, uint64_t turn) {
  MR_ASSERT(!inst->in_turn);
  inst->in_turn = true;
  inst->turn = turn;
  inst->turn_flags = 0;
}

bool mr_source_turn(struct mr_op_ctx *ctx, uint64_t turn) {
  struct mr_merge *m = merge_of(ctx);
  if (!m) return true;
  /* relaxed: only the numbers matter; rows are ordered by the links */
  uint64_t was = atomic_load_explicit(&m->begun, memory_order_relaxed);
  for (;;) {
    if (turn < (was & ~CLOSED)) break;
    if (was & CLOSED) return false;
    if (atomic_compare_exchange_weak_explicit(&m->begun, &was, turn + 1, memory_order_relaxed,
                                              memory_order_relaxed)) /* as above */
      break;
  }
  begin_turn(ctx->inst, turn);
  return true;
}

uint64_t mr_source_next_turn(struct mr_op_ctx *ctx) {
  struct mr_merge *m = merge_of(ctx);
  if (!m) return ctx->inst->turn++;
  /* relaxed: as in mr_source_turn */
  uint64_t was = atomic_load_explicit(&m->begun, memory_order_relaxed);
  do
    if (was & CLOSED) return MR_TURN_NONE;
  while (!atomic_compare_exchange_weak_explicit(&m->begun, &was, was + 1, memory_order_relaxed,
                                                memory_order_relaxed)); /* as above */
  begin_turn(ctx->inst, was);
  return was;
}

void mr_source_turn_fresh(struct mr_op_ctx *ctx) {
  ctx->inst->turn_flags |= MR_TURN_FRESH;
}

void mr_source_turn_end(struct mr_op_ctx *ctx, uint64_t lines) {
  struct mr_instance *inst = ctx->inst;
  if (inst->front == inst) return;
  MR_ASSERT(inst->in_turn);
  inst->turn_flags |= MR_TURN_LAST;
  inst->turn_lines = lines;
}

void mr_source_wake(struct mr_op_ctx *ctx) {
  const struct mr_instance *inst = ctx->inst;
  struct mr_instance *first = &inst->run->insts[inst->node->first_instance];
  for (uint32_t i = 0; i < inst->node->instance_cnt; i++)
    if (first[i].worker != inst->worker) mr_wake_signal(first[i].worker->wake);
}

void mr_merge_stamp(struct mr_instance *inst, struct mr_batch *batch) {
  MR_ASSERT(inst->in_turn);
  batch->turn = inst->turn;
  batch->turn_flags = inst->turn_flags;
  batch->turn_lines = inst->turn_lines;
  if (!(inst->turn_flags & MR_TURN_LAST)) return;
  inst->in_turn = false;
  inst->turn_flags = 0;
}

void mr_merge_close(struct mr_instance *merger) {
  _Atomic uint64_t *begun = &merger->merge->begun;
  /* relaxed: as in mr_source_turn */
  if (!(atomic_load_explicit(begun, memory_order_relaxed) & CLOSED))
    atomic_fetch_or_explicit(begun, CLOSED, memory_order_relaxed); /* as above */
}

/* ---- the merger's side ---- */

void mr_merge_init(struct mr_run *run, struct mr_instance *merger) {
  const struct mr_plan_node *source = &run->plan->nodes[merger->node->owner];
  char *raw = mr_arena_alloc(&run->arena, sizeof(struct mr_merge) + MR_CACHE_LINE_PAIR);
  raw += -(uintptr_t)raw & (uintptr_t)(MR_CACHE_LINE_PAIR - 1);
  struct mr_merge *m = merger->merge = (struct mr_merge *)(void *)raw;
  m->cnt = source->instance_cnt;
  m->errors = merger->node->input_cnt > 1;
  m->from = NOBODY;
  merger->source = source;
  merger->parts->partition = source->partition_first;
  for (uint32_t i = 0; i < m->cnt; i++) {
    struct mr_instance *inst = &run->insts[source->first_instance + i];
    inst->front = merger;
    if (run->conf.count) inst->ctx.takers = 1;
    inst->source_done = i >= inst->ctx.takers;
  }
}

int64_t mr_merge_frontier(const struct mr_instance *merger, bool *idle) {
  const struct mr_merge *m = merger->merge;
  uint32_t p = merger->source->partition_first;
  bool all = true;
  *idle = true;
  for (uint32_t i = 0; i < m->cnt; i++) {
    const struct mr_front *f = &merger->ins[i].fronts[p];
    bool ended = f->us == MR_TIME_MAX;
    all &= ended;
    if (!ended && !f->idle) *idle = false;
  }
  if (!all) return merger->part->frontier_us;
  *idle = false;
  return MR_TIME_MAX;
}

/* The next item of an input, or NULL. */
static struct mr_msg *peek(struct mr_instance *merger, uint32_t i) {
  struct mr_in *in = &merger->ins[i];
  if (in->queue_head == in->queue_cnt) {
    in->queue_head = 0;
    in->queue_cnt = mr_link_take(in->link, in->queue, MR_MERGE_BURST);
    if (!in->queue_cnt) return NULL;
  }
  return mr_region_ptr(&merger->run->region, in->queue[in->queue_head]);
}

/* Rows at the head of input i, or NULL; what stands before them is dealt with, which may leave the
 * merger at work: then NULL says nothing. */
static struct mr_batch *peek_rows(struct mr_worker *w, struct mr_instance *merger, uint32_t i) {
  struct mr_msg *msg;
  while ((msg = peek(merger, i)) && msg->kind != MR_MSG_VIEW) {
    if (merger->phase != MR_PHASE_IDLE) return NULL;
    merger->ins[i].queue_head++;
    w->did = true;
    if (merger->ctx.virtual_clock && msg->now_us < merger->vtime_us) msg->now_us = merger->vtime_us;
    mr_worker_take_control(merger, i, msg);
  }
  return merger->phase == MR_PHASE_IDLE ? (struct mr_batch *)msg : NULL;
}

/* Chooses whose turn is next. False: that is not known yet. Like take_turn, true where control
 * items have put the merger to work: look again. */
static bool choose(struct mr_worker *w, struct mr_instance *merger) {
  struct mr_merge *m = merger->merge;
  bool all = true;
  const struct mr_batch *first = NULL;
  for (uint32_t i = 0; i < m->cnt; i++) {
    const struct mr_batch *b = peek_rows(w, merger, i);
    if (!b) {
      all &= merger->ins[i].ended;
    } else if (!first || b->turn < first->turn) {
      first = b;
      m->from = i;
    }
  }
  if (merger->phase != MR_PHASE_IDLE || !first || (first->turn != m->next && !all)) {
    m->from = NOBODY;
    return merger->phase != MR_PHASE_IDLE;
  }
  m->turn = first->turn;
  m->turn_lines = 0;
  m->closing = false;
  if (first->turn_flags & MR_TURN_FRESH) m->line_base = 0;
  return true;
}

static void add_lines(uint64_t *lines, uint32_t n, uint64_t base) {
  for (uint32_t i = 0; i < n; i++) lines[i] += base;
}

/* Lines are counted within the turn until here. */
static void settle_lines(struct mr_instance *merger, struct mr_batch *b, bool errors) {
  uint64_t base = merger->merge->line_base;
  const struct mr_region *region = &merger->run->region;
  if (!base) return;
  if (errors) { /* where there is none, the value does not matter */
    add_lines(mr_region_ptr(region, b->cols[ERROR_LINE].data_off), b->msg.row_cnt, base);
    return;
  }
  if (b->line) b->line += base;
  if (b->row_line_off) add_lines(mr_region_ptr(region, b->row_line_off), b->msg.row_cnt, base);
}

static void take(struct mr_worker *w, struct mr_head *head, uint32_t i, struct mr_batch *b) {
  struct mr_instance *merger = head->inst;
  bool errors = i >= merger->merge->cnt;
  merger->ins[i].queue_head++;
  w->did = true;
  if (!b->msg.row_cnt) {
    merger->ins[i].items_taken++;
    mr_batch_release(w, b);
    return;
  }
  settle_lines(merger, b, errors);
  if (!errors) {
    int64_t *vtime = b->row_now_off ? mr_region_ptr(&merger->run->region, b->row_now_off) : NULL;
    mr_source_order(merger, b, MR_ET_BOUNDS, vtime);
  }
  mr_worker_take_view(w, head, i, &b->msg);
}

/* Takes one batch of the turn; false: none is there. */
static bool take_turn(struct mr_worker *w, struct mr_head *head) {
  struct mr_instance *merger = head->inst;
  struct mr_merge *m = merger->merge;
  struct mr_batch *b = m->errors ? peek_rows(w, merger, m->cnt + m->from) : NULL;
  if (merger->phase != MR_PHASE_IDLE) return true;
  if (b && b->turn <= m->turn) {
    take(w, head, m->cnt + m->from, b);
    return true;
  }
  if (m->closing) {
    m->line_base += m->turn_lines;
    m->next = m->turn + 1;
    m->from = NOBODY;
    return true;
  }
  b = peek_rows(w, merger, m->from);
  if (merger->phase != MR_PHASE_IDLE) return true;
  if (!b && !merger->ins[m->from].ended) return false;
  if (!b || b->turn != m->turn) { /* it was cut short */
    m->closing = true;
    return true;
  }
  if (b->turn_flags & MR_TURN_LAST) {
    m->closing = true;
    m->turn_lines = b->turn_lines;
  }
  take(w, head, m->from, b);
  return true;
}

void mr_merge_take(struct mr_worker *w, struct mr_head *head) {
  struct mr_instance *merger = head->inst;
  struct mr_merge *m = merger->merge;
  bool more = true;
  while (more) {
    if (merger->phase != MR_PHASE_IDLE || merger->pending_cnt) {
      mr_worker_note_blocked(w, merger);
      return;
    }
    for (uint32_t i = m->cnt; m->errors && i < 2 * m->cnt; i++) peek_rows(w, merger, i);
    more = m->from == NOBODY ? choose(w, merger) : take_turn(w, head);
  }
}

void mr_merge_pass(struct mr_instance *merger, const struct mr_view *view) {
  bool errors = merger->item_in >= merger->merge->cnt;
  if (!errors) merger->ctx.counts.rows_in += view->sel_cnt;
  mr_emit(&merger->ctx, errors ? MR_OUT_ERRORS : MR_OUT_MAIN, view);
}
