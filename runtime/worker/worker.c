/* SPDX-License-Identifier: Apache-2.0 */
/* The one loop of a worker: housekeeping, what is unfinished (downstream first), then each head
 * once. The time of every step is charged to one regime: busy, blocked, idle or housekeeping. */
#include "worker/worker_private.h"

#include "base/assert.h"
#include "io/io.h"
#include "worker/checkpoint_private.h"

#define HOUSE_NS    UINT64_C(1000000)     /* housekeeping at least this far apart */
#define ERRORS_NS   UINT64_C(10000000000) /* rows in error are reported this far apart */
#define PARK_MAX_NS UINT64_C(100000000)   /* a parked worker still beats its heart */
#define SPIN_NS     UINT64_C(25000)       /* adaptive: polls this long before it parks */
#define BLOCKED_NS  UINT64_C(100000)      /* parked for want of room: looks again after this */
/* An item that takes less than QUICK_NS is timed one time in SAMPLE, at a random place among them:
 * the clock is read twice for each step of it, which would be a good part of what is measured. (It
 * waits for stores to lines that another CPU has: a fifth of 4 us where rows go over a link.) */
#define QUICK_NS    UINT64_C(16000)
#define SAMPLE_LOG2 4u
#define SAMPLE      (1u << SAMPLE_LOG2)

void mr_worker_begin(struct mr_worker *w) {
  const struct mr_clock *clock = &w->run->conf.clock;
  w->now_ns = w->last_ns = mr_clock_fast_ns(clock);
  w->wall_base_us = (uint64_t)mr_clock_wall_us(clock);
  w->wall_base_ns = w->now_ns;
  w->now_us = (int64_t)w->wall_base_us;
  w->next_house_ns = w->now_ns;
  w->next_wall_ns = w->now_ns + UINT64_C(1000000000);
  for (uint32_t i = 0; i < w->inst_cnt; i++)
    for (uint32_t k = 0; k < w->insts[i]->part_cnt; k++)
      w->insts[i]->parts[k].last_row_ns = w->now_ns;
}

/* ---- housekeeping ---- */

static void wall_timers(struct mr_worker *w, struct mr_instance *inst) {
  int64_t every = inst->node->op_plan.every_us;
  if (!every || inst->ctx.virtual_clock || inst->ended || !inst->op->tick) return;
  if (inst->next_tick_us == MR_TIME_NONE)
    inst->next_tick_us = mr_time_floor(w->now_us, every) + every;
  if (w->now_us < inst->next_tick_us || inst->phase != MR_PHASE_IDLE) return;
  if (!mr_instance_ready(inst)) return;
  int64_t at = mr_time_floor(w->now_us, every);
  inst->next_tick_us = at + every;
  mr_instance_give_tick(inst, at);
}

/* How long a source's partition has been silent, by the graph's clock, us. One that never sent a
 * row is silent from the start. */
static int64_t silent_us(struct mr_worker *w, const struct mr_source_part *part) {
  if (!w->run->plan->runtime.virtual_clock)
    return (int64_t)((w->now_ns - part->last_row_ns) / 1000);
  /* relaxed: an old value only delays the verdict */
  int64_t now = atomic_load_explicit(&w->run->vtime_us, memory_order_relaxed);
  int64_t last = part->vtime_us;
  if (last == MR_TIME_NONE)
    last = atomic_load_explicit(&w->run->vtime_first_us, memory_order_relaxed); /* as above */
  return now == MR_TIME_NONE || last == MR_TIME_NONE ? 0 : mr_time_sub(now, last);
}

/* A silent source partition is left out of the minimum after idle_after. */
static void source_idleness(struct mr_worker *w, struct mr_instance *inst) {
  int64_t after = inst->node->idle_after_us;
  if (inst->op->kind != MR_OP_SOURCE || !after || inst->source_ended) return;
  for (uint32_t k = 0; k < inst->part_cnt && inst->phase == MR_PHASE_IDLE; k++) {
    struct mr_source_part *part = &inst->parts[k];
    if (part->idle || silent_us(w, part) < after) continue;
    w->did = true;
    mr_instance_idle_source(inst, part);
  }
}

static bool abort_asked(struct mr_run *run) {
  /* acquire: pairs with the release in mr_run_abort */
  return atomic_load_explicit(&run->abort, memory_order_acquire) != 0;
}

/* A drain, or a failure, after which the sources end just the same. */
static bool stop_asked(struct mr_run *run) {
  /* acquire: pairs with the release in mr_run_drain; what the host wrote before is seen */
  return atomic_load_explicit(&run->stop, memory_order_acquire) || mr_run_failed(run);
}

/* Says that rows are in error: the first time at once, then their number every ten seconds. */
static void report_errors(struct mr_worker *w, struct mr_instance *inst) {
  uint64_t cnt = inst->ctx.counts.dead_letters + inst->ctx.counts.derived_errors;
  if (cnt == inst->errors_said) return;
  if (inst->errors_said && w->now_ns - inst->errors_said_ns < ERRORS_NS && !inst->ended) return;
  mr_log_write(&w->run->conf.log, MR_LOG_WARN, "MR3000", inst->node->name,
               "%llu rows in error, %llu since the last word", (unsigned long long)cnt,
               (unsigned long long)(cnt - inst->errors_said));
  mr_stats_error(&w->run->stats, w->idx, inst->idx, "MR3000", "rows in error",
                 cnt - inst->errors_said, w->now_us);
  inst->errors_said = cnt;
  inst->errors_said_ns = w->now_ns;
}

/* In a millisecond, or when a timer is due before that. */
static uint64_t next_housekeeping(const struct mr_worker *w) {
  uint64_t ns = HOUSE_NS;
  for (uint32_t i = 0; i < w->inst_cnt; i++) {
    const struct mr_instance *inst = w->insts[i];
    if (inst->ctx.virtual_clock || inst->ended || inst->next_tick_us == MR_TIME_NONE) continue;
    int64_t left = inst->next_tick_us - w->now_us;
    if (left > 0 && (uint64_t)left * 1000 < ns) ns = (uint64_t)left * 1000;
  }
  return w->now_ns + ns;
}

/* The wall clock at now_ns, us. */
static int64_t wall_now(const struct mr_worker *w) {
  return (int64_t)(w->wall_base_us + (w->now_ns - w->wall_base_ns) / 1000);
}

static void housekeeping(struct mr_worker *w) {
  if (w->now_ns >= w->next_wall_ns) {
    const struct mr_clock *clock = &w->run->conf.clock;
    w->wall_base_us = (uint64_t)mr_clock_wall_us(clock);
    w->wall_base_ns = w->now_ns;
    w->next_wall_ns = w->now_ns + UINT64_C(1000000000);
  }
  w->now_us = wall_now(w);
  bool stop = stop_asked(w->run);
  for (uint32_t i = 0; i < w->inst_cnt; i++) {
    struct mr_instance *inst = w->insts[i];
    if (stop) inst->ctx.stop = true;
    wall_timers(w, inst);
    if (!inst->ctx.virtual_clock) source_idleness(w, inst);
    report_errors(w, inst);
    if (inst->phase == MR_PHASE_IDLE) mr_barrier_publish(inst);
  }
  mr_checkpoint_drive(w->run, w->now_ns);
  mr_worker_take_returns(w);
  mr_worker_publish(w);
  w->next_house_ns = next_housekeeping(w);
}

static void flush_sends(struct mr_worker *w) {
  for (uint32_t i = 0; i < w->inst_cnt && w->dirty_sends; i++) {
    struct mr_instance *inst = w->insts[i];
    for (uint32_t o = 0; o < inst->out_cnt; o++)
      for (uint32_t k = 0; k < inst->outs[o].send_cnt; k++) {
        struct mr_send *send = &inst->outs[o].sends[k];
        if (send->dirty || (send->end_pending && !send->ended)) {
          uint32_t before = w->dirty_sends;
          mr_send_flush(inst, send);
          if (w->dirty_sends != before) w->did = true;
        }
      }
  }
}

/* ---- heads ---- */

static void start_clock(struct mr_worker *w, struct mr_instance *inst, uint32_t weight) {
  w->timed = !w->run->conf.no_stats;
  if (!w->timed) return;
  w->weight = weight;
  w->cur = inst;
  w->mark_ns = mr_clock_fast_ns(&w->run->conf.clock);
}

/* Whether the next quick item is the one of SAMPLE that stands for all. */
static bool pick_sample(struct mr_worker *w) {
  if (w->sample == SAMPLE) {
    w->sample = 0;
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    w->sample_at = (uint32_t)(w->random >> (64 - SAMPLE_LOG2));
  }
  return w->sample++ == w->sample_at;
}

/* Starts the clock of an item, or leaves it out. What the last one of this head took decides, so
 * that the choice does not depend on what this one will take. */
static void item_begin(struct mr_worker *w, struct mr_head *head) {
  bool quick = head->item_ns < QUICK_NS;
  w->timed = false;
  if (!quick || pick_sample(w)) start_clock(w, head->inst, quick ? SAMPLE : 1);
}

/* Charges what each instance took since start_clock; nothing when nothing was done. Returns the
 * sum, ns. */
static uint64_t charge(struct mr_worker *w, bool did) {
  uint64_t all = 0;
  mr_worker_switch(w, NULL);
  w->timed = false;
  for (uint32_t i = 0; i < w->inst_cnt; i++) {
    struct mr_instance *inst = w->insts[i];
    if (!inst->mark_ns) continue;
    all += inst->mark_ns;
    if (did) inst->busy_ns += inst->mark_ns * w->weight;
    if (did && inst->stat) mr_hist_record_n(inst->service, inst->mark_ns, w->weight);
    if (did && inst->mark_ns > inst->cycle_max_ns) inst->cycle_max_ns = inst->mark_ns;
    if (did && inst->mark_ns > MR_STAT_CYCLE_NS) inst->cycle_over += w->weight;
    inst->mark_ns = 0;
  }
  return all;
}

static void item_end(struct mr_worker *w, struct mr_head *head, bool did) {
  if (w->timed) head->item_ns = charge(w, did);
}

void mr_worker_note_blocked(struct mr_worker *w, struct mr_instance *inst) {
  w->blocked = true;
  if (!w->blocked_inst) w->blocked_inst = inst;
}

/* Goes on with an item that had to stop. */
static void go_on(struct mr_worker *w, struct mr_instance *inst) {
  bool did = w->did;
  w->did = false;
  start_clock(w, inst, 1);
  if (mr_instance_run(inst))
    w->did = true;
  else
    mr_worker_note_blocked(w, inst);
  if (w->timed) charge(w, w->did);
  w->did |= did;
}

void mr_worker_take_control(struct mr_instance *inst, uint32_t in, const struct mr_msg *msg) {
  struct mr_link *link = inst->ins[in].link;
  if (msg->kind == MR_MSG_END) {
    mr_link_control_done(link);
    mr_instance_give_end(inst, in);
    return;
  }
  if (msg->kind == MR_MSG_BARRIER) {
    uint64_t number = (uint64_t)msg->frontier_out;
    mr_link_control_done(link);
    mr_barrier_arrive(inst, in, number);
    return;
  }
  uint32_t partition = msg->partition;
  int64_t frontier = msg->frontier_out, now_us = msg->now_us;
  bool idle = msg->idle;
  mr_link_control_done(link);
  mr_instance_give_frontier(inst, in, partition, frontier, idle, now_us);
}

void mr_worker_take_view(struct mr_worker *w, struct mr_head *head, uint32_t in,
                         struct mr_msg *msg) {
  struct mr_instance *inst = head->inst;
  struct mr_in *edge = &inst->ins[in];
  struct mr_batch *batch = (struct mr_batch *)msg;
  mr_view_of_batch(&w->run->region, batch, edge->cols, &edge->view);
  item_begin(w, head);
  if (edge->wait && !w->run->conf.no_stats) {
    uint64_t now = w->timed ? w->mark_ns : w->now_ns;
    mr_hist_record(edge->wait, now > msg->sent_tsc ? now - msg->sent_tsc : 0);
  }
  edge->rows_taken += edge->view.sel_cnt;
  edge->items_taken++;
  if (inst->keep) {
    mr_instance_keep(inst, in, &edge->view);
    mr_batch_release(w, batch);
  } else {
    mr_instance_give_view(inst, in, &edge->view, batch);
  }
  item_end(w, head, true);
}

static void take_link(struct mr_worker *w, struct mr_head *head) {
  struct mr_instance *inst = head->inst;
  struct mr_in *in = &inst->ins[head->in];
  if (in->queue_head == in->queue_cnt) {
    in->queue_head = 0;
    in->queue_cnt = mr_link_take(in->link, in->queue, MR_LINK_BURST);
    if (!in->queue_cnt) return;
  }
  while (in->queue_head < in->queue_cnt) {
    if (mr_instance_busy(inst) || (in->barred && !inst->keep)) {
      mr_worker_note_blocked(w, inst);
      return;
    }
    struct mr_msg *msg = mr_region_ptr(&w->run->region, in->queue[in->queue_head++]);
    w->did = true;
    if (msg->kind == MR_MSG_VIEW)
      mr_worker_take_view(w, head, (uint32_t)head->in, msg);
    else
      mr_worker_take_control(inst, (uint32_t)head->in, msg);
  }
}

/* ---- sources ---- */

/* --count: asks for the rows of one poll. False: other sources have asked for all that are left. */
static bool claim_rows(struct mr_worker *w, struct mr_instance *inst) {
  inst->rows_left = MR_BATCH_ROWS;
  if (!w->run->conf.count) return true;
  _Atomic uint64_t *pool = &w->run->count_free;
  /* relaxed: only the number matters */
  uint64_t was = atomic_load_explicit(pool, memory_order_relaxed), cnt;
  do {
    cnt = was < MR_BATCH_ROWS ? was : MR_BATCH_ROWS;
  } while (!atomic_compare_exchange_weak_explicit(pool, &was, was - cnt, memory_order_relaxed,
                                                  memory_order_relaxed)); /* as above */
  inst->rows_left = cnt;
  return cnt > 0;
}

static void settle_rows(struct mr_worker *w, struct mr_instance *inst, uint64_t taken) {
  if (!w->run->conf.count) return;
  /* relaxed: only the numbers matter */
  atomic_fetch_sub_explicit(&w->run->count_left, taken, memory_order_relaxed);
  atomic_fetch_add_explicit(&w->run->count_free, inst->rows_left - taken, memory_order_relaxed);
}

static bool count_spent(struct mr_run *run) {
  /* relaxed: only the number matters */
  return run->conf.count && !atomic_load_explicit(&run->count_left, memory_order_relaxed);
}

static void ask_source(struct mr_worker *w, struct mr_head *head) {
  struct mr_instance *inst = head->inst;
  item_begin(w, head);
  uint64_t taken = inst->rows_taken;
  enum mr_poll result = mr_instance_poll(inst);
  item_end(w, head, result != MR_POLL_IDLE);
  settle_rows(w, inst, inst->rows_taken - taken);
  if (result != MR_POLL_IDLE)
    w->did = true;
  else if (inst->ctx.wake_ns && (!w->wake_ns || inst->ctx.wake_ns < w->wake_ns))
    w->wake_ns = inst->ctx.wake_ns;
  bool stays = inst->draining && result == MR_POLL_IDLE && !inst->in_turn;
  if (result == MR_POLL_END || stays) inst->source_done = true;
  if (result == MR_POLL_IDLE && inst->ctx.virtual_clock) source_idleness(w, inst);
}

/* A drain lets an instance go on until what comes before the turns of others is through. */
static bool goes_on(struct mr_instance *inst) {
  if (inst->front == inst || inst->failed || inst->source_done) return false;
  inst->ctx.stop = true;
  inst->draining = true;
  mr_merge_close(inst->front);
  return true;
}

static void take_source(struct mr_worker *w, struct mr_head *head) {
  struct mr_instance *inst = head->inst;
  if (inst->source_ended) return;
  if (inst->phase != MR_PHASE_IDLE) {
    mr_worker_note_blocked(w, inst);
    return;
  }
  if (mr_barrier_due(inst) && !inst->error_batch) {
    w->did = true;
    mr_barrier_inject(inst);
    return;
  }
  bool stop = stop_asked(w->run);
  bool all = inst->source_done || count_spent(w->run);
  if ((stop && !goes_on(inst)) || all) {
    w->did = true;
    bool flush = w->run->plan->runtime.at_end == MR_AT_END_FLUSH;
    /* --count is no end of what is read: with checkpoints, the next run goes on */
    bool cut = !all || inst->draining || (w->run->checkpoint && !inst->source_done);
    mr_instance_end_source(inst, cut ? MR_SOURCE_STOP : flush ? MR_SOURCE_FLUSH : MR_SOURCE_HOLD);
    return;
  }
  if (mr_instance_ready(inst) && claim_rows(w, inst))
    ask_source(w, head);
  else
    mr_worker_note_blocked(w, inst);
}

/* Sinks with something on its way. */
static void poll_sinks(struct mr_worker *w) {
  for (uint32_t i = 0; i < w->polled_cnt; i++) {
    struct mr_instance *inst = w->polled[i];
    struct mr_op_ctx *ctx = &inst->ctx;
    if (!ctx->polls || inst->phase != MR_PHASE_IDLE || inst->failed || inst->ended) continue;
    ctx->now_ns = w->now_ns;
    if (!ctx->virtual_clock) ctx->now_us = w->now_us;
    ctx->wake_ns = 0;
    inst->op->poll(ctx);
    if (ctx->wake_ns && (!w->wake_ns || ctx->wake_ns < w->wake_ns)) w->wake_ns = ctx->wake_ns;
  }
}

/* The hiccup meter: a loop without work that took long was held up by the host. */
static void note_gap(struct mr_worker *w, uint64_t ns) {
  if (ns > w->gap_max_ns) w->gap_max_ns = ns;
  if (w->stat && !w->run->conf.no_stats) mr_hist_record(&w->stat->gap_ns, ns);
}

bool mr_worker_step(struct mr_worker *w) {
  w->did = w->blocked = false;
  w->blocked_inst = NULL;
  w->wake_ns = 0;
  w->loops++;
  if (w->io) mr_io_poll(w->io);
  if (w->now_ns >= w->next_house_ns) {
    housekeeping(w);
    uint64_t now = mr_clock_fast_ns(&w->run->conf.clock);
    w->house_ns += now - w->last_ns;
    w->now_ns = w->last_ns = now;
  }
  w->now_us = wall_now(w);
  if (w->dirty_sends) flush_sends(w);
  if (w->busy_cnt)
    for (uint32_t i = w->inst_cnt; i-- > 0;)
      if (w->insts[i]->phase != MR_PHASE_IDLE) go_on(w, w->insts[i]);
  for (uint32_t i = 0; i < w->head_cnt; i++) {
    struct mr_head *head = &w->heads[i];
    if (head->in >= 0)
      take_link(w, head);
    else if (head->in == MR_HEAD_SOURCE)
      take_source(w, head);
    else
      mr_merge_take(w, head);
  }
  if (w->open_cnt) mr_gather_step(w);
  if (w->polled_cnt) poll_sinks(w);
  uint64_t now = mr_clock_fast_ns(&w->run->conf.clock), dt = now - w->last_ns;
  if (w->arrival.hist) mr_worker_arrived(w, now);
  if (!w->did && dt > MR_STAT_GAP_NS) note_gap(w, dt);
  if (w->did) {
    w->busy_ns += dt;
  } else if (w->blocked || w->busy_cnt) {
    w->blocked_ns += dt;
    if (w->blocked_inst) w->blocked_inst->blocked_ns += dt;
  } else {
    w->idle_ns += dt;
  }
  w->now_ns = w->last_ns = now;
  return w->did;
}

/* ---- waiting ---- */

static uint64_t park_ns(struct mr_worker *w) {
  uint64_t ns = PARK_MAX_NS;
  if (w->blocked || w->busy_cnt || w->dirty_sends || w->open_cnt) ns = BLOCKED_NS;
  uint64_t soon = mr_checkpoint_sleep_ns(w->run, w->now_ns);
  if (soon < ns) ns = soon;
  if (w->wake_ns) {
    uint64_t left = w->wake_ns > w->now_ns ? w->wake_ns - w->now_ns : 0;
    if (left < ns) ns = left;
  }
  for (uint32_t i = 0; i < w->inst_cnt; i++) {
    struct mr_instance *inst = w->insts[i];
    if (inst->ctx.virtual_clock || inst->ended) continue;
    int64_t left = INT64_MAX, after = inst->node->idle_after_us;
    if (inst->next_tick_us != MR_TIME_NONE) left = inst->next_tick_us - w->now_us;
    for (uint32_t k = 0; after && k < inst->part_cnt; k++)
      if (!inst->parts[k].idle && after - silent_us(w, &inst->parts[k]) < left)
        left = after - silent_us(w, &inst->parts[k]);
    if (left < (int64_t)(ns / 1000)) ns = left > 0 ? (uint64_t)left * 1000 : 0;
  }
  return ns;
}

static void wait_for_work(struct mr_worker *w) {
  enum mr_wait how = w->run->plan->runtime.wait;
  if (!w->idle_steps++) w->idle_since_ns = w->now_ns;
  uint64_t ns = how == MR_WAIT_SPIN ? 0 : park_ns(w);
  uint64_t quiet = w->now_ns - w->idle_since_ns;
  if (how == MR_WAIT_SPIN || (how == MR_WAIT_ADAPTIVE && quiet < SPIN_NS) || ns < 2 * SPIN_NS) {
    uint32_t spins = w->idle_steps < 64 ? 0 : how == MR_WAIT_SPIN || w->idle_steps < 1024 ? 1 : 4;
    for (uint32_t i = 0; i < spins; i++) mr_clock_relax();
    return;
  }
  mr_worker_publish(w);
  mr_wake_announce(w->wake);
  /* One more look at everything: what came before the announcement has woken nobody. */
  if (mr_worker_step(w) || abort_asked(w->run)) {
    w->idle_steps = 0;
    mr_wake_cancel(w->wake);
    return;
  }
  bool blocked = w->blocked || w->busy_cnt || w->dirty_sends || w->open_cnt;
  ns = park_ns(w);
  if (ns > SPIN_NS)
    mr_wake_wait(w->wake, ns - SPIN_NS);
  else
    mr_wake_cancel(w->wake);
  uint64_t now = mr_clock_fast_ns(&w->run->conf.clock), dt = now - w->last_ns;
  if (blocked && w->blocked_inst) w->blocked_inst->blocked_ns += dt;
  *(blocked ? &w->blocked_ns : &w->idle_ns) += dt;
  w->now_ns = w->last_ns = now;
}

void mr_worker_loop(struct mr_worker *w) {
  mr_worker_begin(w);
  while (w->live_cnt || w->dirty_sends) {
    if (abort_asked(w->run)) break;
    if (mr_worker_step(w))
      w->idle_steps = 0;
    else
      wait_for_work(w);
  }
  mr_worker_publish(w);
}
