/* SPDX-License-Identifier: Apache-2.0 */
/* When generate's rows are planned, and by which instance each is made. With `workers: N` the rows
 * are parted into turns, which the instances make in rotation: at a rate on the wall clock a turn
 * is one row, so that row k is made by instance k mod N; without one, or at a rate that no single
 * rows could carry, it is as many rows as a batch holds. */
#include <stdatomic.h>

#include "base/rng.h"
#include "producer/generate.h"

#define POISSON_STREAM UINT64_C(0x706f6973736f6e) /* of the gaps */
#define SINGLE_MAX     100000.0 /* rows per second up to which a turn is one row */
#define START_WAIT_NS  100000u  /* between two looks whether the start is known */

/* ---- planned times ---- */

/* The gap behind row k, ns. */
static uint64_t gap_ns(const struct mr_gen *gen, uint64_t k) {
  double u = mr_rng_unit(mr_rng_at(gen->seeds[0] ^ POISSON_STREAM, k));
  return (uint64_t)(mr_gen_neg_ln(1 - u) * gen->period_ns + 0.5);
}

static uint64_t planned_ns(const struct mr_gen *gen, uint64_t k) {
  return (uint64_t)((double)(k - gen->row_base) * gen->period_ns + 0.5);
}

/* Planned times of up to max rows that are not planned after `until` (ns after the start); their
 * number. */
static uint32_t plan_rows(struct mr_gen *gen, bool poisson, uint64_t until, uint32_t max) {
  uint32_t n = 0;
  if (!poisson) {
    for (; n < max; n++) {
      gen->planned_ns[n] = planned_ns(gen, gen->row + n);
      if (gen->planned_ns[n] > until) break;
    }
    return n;
  }
  for (; n < max && gen->next_ns <= until; n++) {
    gen->planned_ns[n] = gen->next_ns;
    gen->next_ns += gap_ns(gen, gen->row + n);
  }
  return n;
}

static uint64_t next_planned_ns(const struct mr_gen *gen, bool poisson) {
  return poisson ? gen->next_ns : planned_ns(gen, gen->row);
}

/* Rows under the virtual clock: nothing waits, vtime_us has their planned times. */
static uint32_t due_virtual(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t max) {
  const struct mr_gen_conf *conf = ctx->conf;
  bool ends = conf->duration_ns > 0;
  uint64_t last = ends ? (uint64_t)conf->duration_ns - 1 : UINT64_MAX / 2;
  if (gen->period_ns > 0) max = plan_rows(gen, conf->poisson, last, max);
  if (conf->clock.kind == 1) {
    gen->kernels->ramp(mr_gen_stamp(&conf->clock, gen->row), conf->clock.step_us, gen->vtime_us,
                       max);
    if (gen->period_ns == 0 && ends && conf->clock.step_us > 0) {
      uint64_t rows = last / 1000 / (uint64_t)conf->clock.step_us + 1;
      uint64_t left = rows > gen->row ? rows - gen->row : 0;
      max = left < max ? (uint32_t)left : max;
    }
    return max;
  }
  int64_t now = gen->period_ns > 0 ? 0 : mr_clock_wall_us(ctx->clock);
  if (gen->period_ns == 0 && ends && now - gen->start_us > (int64_t)(last / 1000)) return 0;
  for (uint32_t i = 0; i < max; i++)
    gen->vtime_us[i] =
        gen->period_ns > 0 ? gen->start_us + (int64_t)(gen->planned_ns[i] / 1000) : now;
  return max;
}

/* Rows under the wall clock that are due now. Sets *end when no row is due ever again. */
static uint32_t due_wall(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t max, bool *end) {
  const struct mr_gen_conf *conf = ctx->conf;
  uint64_t last = conf->duration_ns > 0 ? (uint64_t)conf->duration_ns - 1 : UINT64_MAX;
  *end = conf->duration_ns > 0 && last < gen->spent_ns;
  if (*end) return 0;
  if (conf->duration_ns > 0) last -= gen->spent_ns;
  if (ctx->now_ns < gen->start_ns) {
    ctx->wake_ns = gen->start_ns;
    return 0;
  }
  uint64_t passed = ctx->now_ns - gen->start_ns;
  if (gen->period_ns == 0) {
    *end = passed > last;
    return *end ? 0 : max;
  }
  uint32_t n = plan_rows(gen, conf->poisson, passed < last ? passed : last, max);
  if (n) return n;
  uint64_t next = next_planned_ns(gen, conf->poisson);
  *end = next > last;
  ctx->wake_ns = gen->start_ns + next;
  return 0;
}

uint64_t mr_gen_spent_ns(const struct mr_op_ctx *ctx, const struct mr_gen *gen) {
  const struct mr_gen_conf *conf = ctx->conf;
  if (!gen->started || gen->virtual_clock || ctx->now_ns < gen->start_ns) return gen->spent_ns;
  return gen->spent_ns +
         (gen->period_ns > 0 ? next_planned_ns(gen, conf->poisson) : ctx->now_ns - gen->start_ns);
}

uint32_t mr_gen_due(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t max, bool *end) {
  if (!gen->virtual_clock) return due_wall(ctx, gen, max, end);
  uint32_t n = due_virtual(ctx, gen, max);
  *end = n == 0;
  return n;
}

/* ---- turns ---- */

/* The instance that comes first says from when on rows are planned. False: it has not yet. */
static bool agree_on_start(struct mr_op_ctx *ctx, struct mr_gen *gen) {
  const struct mr_gen_conf *conf = ctx->conf;
  struct mr_gen_shared *shared = ctx->shared;
  uint32_t none = MR_GEN_START_UNKNOWN;
  /* acquire: pairs with the release below of the instance that sets it */
  uint32_t state = atomic_load_explicit(&shared->state, memory_order_acquire);
  if (state == none &&
      /* relaxed: who wins writes the times; nobody reads them before the release below */
      atomic_compare_exchange_strong_explicit(&shared->state, &none, MR_GEN_START_CHOSEN,
                                              memory_order_relaxed, memory_order_relaxed)) {
    uint64_t after_ns = gen->virtual_clock || gen->resumed ? 0 : (uint64_t)conf->after_ns;
    shared->start_ns = ctx->now_ns + after_ns;
    shared->start_us = mr_clock_wall_us(ctx->clock) + conf->after_ns / 1000;
    /* release: pairs with the acquire above; the times are written */
    atomic_store_explicit(&shared->state, MR_GEN_START_KNOWN, memory_order_release);
    state = MR_GEN_START_KNOWN;
  }
  if (state != MR_GEN_START_KNOWN) {
    ctx->wake_ns = ctx->now_ns + START_WAIT_NS;
    return false;
  }
  gen->start_ns = shared->start_ns;
  if (!gen->resumed || !gen->virtual_clock) gen->start_us = shared->start_us;
  return true;
}

/* True when stamps hang on when a row is made, so that only who made a row knows its stamp. */
static bool stamped_now(const struct mr_gen *gen) {
  if (gen->conf->clock.kind == 1) return false;
  return !gen->virtual_clock || gen->period_ns == 0;
}

/* Rows that other instances make: what hangs on all rows before is carried on. */
static void pass_over(struct mr_op_ctx *ctx, struct mr_gen *gen, uint64_t to) {
  const struct mr_gen_conf *conf = ctx->conf;
  if (conf->poisson || conf->duplicates > 0)
    for (; gen->row < to; gen->row++) {
      int64_t stamp = conf->clock.kind == 1 ? mr_gen_stamp(&conf->clock, gen->row) : gen->start_us;
      uint64_t planned = next_planned_ns(gen, conf->poisson);
      if (conf->clock.kind == 0) stamp += (int64_t)(planned / 1000);
      if (conf->duplicates > 0) mr_gen_note_row(gen, gen->row, mr_gen_row_stamp(gen, stamp));
      if (conf->poisson) gen->next_ns += gap_ns(gen, gen->row);
    }
  gen->row = to;
}

static void go_to_turn(struct mr_op_ctx *ctx, struct mr_gen *gen, uint64_t turn) {
  uint64_t first = turn > gen->row_end / gen->turn_rows ? gen->row_end : turn * gen->turn_rows;
  if (first > gen->row_end) first = gen->row_end;
  gen->turn = turn;
  gen->turn_end = gen->row_end - first < gen->turn_rows ? gen->row_end : first + gen->turn_rows;
  if (first < gen->row_end) pass_over(ctx, gen, first);
  gen->row = first;
}

bool mr_gen_start(struct mr_op_ctx *ctx, struct mr_gen *gen) {
  const struct mr_gen_conf *conf = ctx->conf;
  if (!agree_on_start(ctx, gen)) return false;
  gen->started = true;
  gen->said_ns = gen->start_ns;
  gen->turns = ctx->node->instance_cnt > 1;
  gen->turn_end = gen->row_end;
  if (!gen->turns) return true;
  bool single = !gen->virtual_clock && conf->rate_given && conf->rate <= SINGLE_MAX;
  gen->turn_rows = single ? 1 : MR_BATCH_ROWS;
  /* what is repeated carries a stamp that only its maker knows */
  gen->takers = conf->duplicates > 0 && stamped_now(gen) ? 1 : ctx->takers;
  if (ctx->instance < gen->takers)
    go_to_turn(ctx, gen, ctx->instance);
  else
    gen->row = gen->row_end;
  return true;
}

bool mr_gen_begin_turn(struct mr_op_ctx *ctx, struct mr_gen *gen) {
  if (!gen->turns || gen->in_turn) return true;
  gen->in_turn = mr_source_turn(ctx, gen->turn);
  return gen->in_turn;
}

void mr_gen_end_turn(struct mr_op_ctx *ctx, struct mr_gen *gen) {
  if (gen->turns && gen->row == gen->turn_end) mr_source_turn_end(ctx, 0);
}

void mr_gen_next_turn(struct mr_op_ctx *ctx, struct mr_gen *gen) {
  if (!gen->turns) return;
  gen->in_turn = false;
  go_to_turn(ctx, gen, gen->turn + gen->takers);
}
