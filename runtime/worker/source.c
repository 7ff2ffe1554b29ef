/* SPDX-License-Identifier: Apache-2.0 */
/* What every source needs: event time bounds, the frontier of its partition, the virtual clock,
 * counts. */
#include "worker/worker_private.h"

#include <string.h>

#include "base/assert.h"

/* Least and largest event time of n rows; NULL rows have none. */
static void event_time_bounds(const int64_t *et, const uint64_t *valid, uint32_t n, int64_t *min,
                              int64_t *max) {
  int64_t lo = INT64_MAX, hi = INT64_MIN;
  if (!valid) {
    for (uint32_t i = 0; i < n; i++) {
      lo = et[i] < lo ? et[i] : lo;
      hi = et[i] > hi ? et[i] : hi;
    }
  } else {
    for (uint32_t i = 0; i < n; i++) {
      if (!mr_bit_get(valid, i)) continue;
      lo = et[i] < lo ? et[i] : lo;
      hi = et[i] > hi ? et[i] : hi;
    }
  }
  *min = lo == INT64_MAX && hi == INT64_MIN ? MR_TIME_NONE : lo;
  *max = *min == MR_TIME_NONE ? MR_TIME_NONE : hi;
}

/* F before each row: the running maximum of event time. True when some row is behind F minus delay.
 */
static bool fill_frontier(const int64_t *et, const uint64_t *valid, uint32_t n, int64_t f,
                          int64_t delay, int64_t *out) {
  bool late = false;
  for (uint32_t i = 0; i < n; i++) {
    out[i] = f;
    if (valid && !mr_bit_get(valid, i)) continue;
    late |= et[i] < mr_time_sub(f, delay);
    if (et[i] > f) f = et[i];
  }
  return late;
}

/* True when no row is before the one before it. Most input is like this, and this look costs a
 * tenth of the running maximum. */
static bool in_order(const int64_t *et, const uint64_t *valid, uint32_t n) {
  uint64_t back = valid != NULL;
  for (uint32_t i = 1; i < n; i++) back |= (uint64_t)(et[i] < et[i - 1]);
  return !back;
}

/* Rows so far ahead that they say nothing about time: ahead of the clock, or under the virtual
 * clock of the largest event time before them. Leaves in `timed` the rows that do, and sets *max to
 * the largest event time of these and f. Returns how many are too far ahead. */
static uint32_t leave_out_future(const struct mr_instance *inst, const struct mr_batch *b,
                                 const int64_t *et, const uint64_t *valid, int64_t f,
                                 uint64_t *timed, int64_t *max) {
  int64_t skew = inst->source->max_future_skew_us, wall = 0;
  bool by_rows = inst->ctx.virtual_clock;
  uint32_t cnt = 0, n = b->msg.row_cnt;
  if (!by_rows && __builtin_add_overflow(b->msg.now_us, skew, &wall)) wall = INT64_MAX;
  memset(timed, 0, MR_BATCH_WORDS * sizeof *timed);
  for (uint32_t i = 0; i < n; i++) {
    if (valid && !mr_bit_get(valid, i)) continue;
    int64_t most = by_rows ? mr_time_sub(f, -skew) : wall;
    if (et[i] > most && most != MR_TIME_NONE) {
      cnt++;
      continue;
    }
    mr_bit_set(timed, i);
    if (et[i] > f) f = et[i];
  }
  *max = f;
  return cnt;
}

/* Whether a row of the batch may be too far ahead. */
static bool may_be_future(const struct mr_instance *inst, const struct mr_batch *b) {
  int64_t skew = inst->source->max_future_skew_us, most;
  if (skew == MR_TIME_MAX || b->et_max == MR_TIME_NONE) return false;
  int64_t from = inst->ctx.virtual_clock ? inst->part->frontier_us : b->msg.now_us;
  if (from == MR_TIME_NONE) return true;
  return !__builtin_add_overflow(from, skew, &most) && b->et_max > most;
}

/* No row can be late by its own partition when even the oldest is not behind the final frontier
 * minus the smallest delay downstream, or when none is behind those before it. */
static bool may_be_late(const struct mr_instance *inst, const struct mr_batch *b, int64_t f_out,
                        const int64_t *et, const uint64_t *valid, enum mr_et known) {
  int64_t delay = inst->source->delay_min_us;
  if (delay == MR_TIME_MAX || b->et_min == MR_TIME_NONE || f_out == MR_TIME_NONE) return false;
  if (b->et_min >= mr_time_sub(f_out, delay)) return false;
  if (delay < 0) return true; /* rows of one time are enough: see op_plan.uses_time */
  if (b->et_min < inst->part->frontier_us) return true;
  return known != MR_ET_ORDERED && !in_order(et, valid, b->msg.row_cnt);
}

/* The graph's virtual time, by which silent sources are found out. */
static void note_virtual(struct mr_run *run, int64_t first, int64_t now) {
  /* relaxed: an old value only delays the verdict */
  int64_t was = atomic_load_explicit(&run->vtime_us, memory_order_relaxed), none = MR_TIME_NONE;
  if (was == MR_TIME_NONE)
    atomic_compare_exchange_strong_explicit(&run->vtime_first_us, &none, first,
                                            memory_order_relaxed, memory_order_relaxed);
  while (now > was && !atomic_compare_exchange_weak_explicit(
                          &run->vtime_us, &was, now, memory_order_relaxed, memory_order_relaxed))
    ;
}

/* et_max: of the rows that valid names. */
static void stamp_virtual(struct mr_instance *inst, struct mr_batch *b, struct mr_pool *pool,
                          const int64_t *et, const uint64_t *valid, int64_t et_max,
                          const int64_t *vtime) {
  uint32_t n = b->msg.row_cnt;
  int64_t now = inst->vtime_us;
  int64_t *row_now = pool && pool->now_off ? (int64_t *)((uint8_t *)b + pool->now_off) : NULL;
  if (!row_now) { /* nobody asks row by row: planned times rise, event time's maximum is known */
    int64_t first = vtime ? vtime[0] : et && (!valid || mr_bit_get(valid, 0)) ? et[0] : now;
    int64_t last = vtime ? vtime[n - 1] : et_max;
    b->msg.now_us = first > now ? first : now;
    inst->vtime_us = last > b->msg.now_us ? last : b->msg.now_us;
    note_virtual(inst->run, b->msg.now_us, inst->vtime_us);
    return;
  }
  for (uint32_t i = 0; i < n; i++) {
    if (vtime)
      now = vtime[i] > now ? vtime[i] : now;
    else if (et && (!valid || mr_bit_get(valid, i)) && et[i] > now)
      now = et[i];
    row_now[i] = now;
  }
  b->msg.now_us = row_now[0];
  b->row_now_off = mr_region_off(&inst->run->region, row_now);
  inst->vtime_us = now;
  note_virtual(inst->run, b->msg.now_us, now);
}

/* The event times of a batch; NULL: it has none. *valid is NULL where all rows have one. */
static const int64_t *event_times(const struct mr_instance *inst, const struct mr_batch *b,
                                  const uint64_t **valid) {
  const struct mr_schema *schema = inst->source->outs[MR_OUT_MAIN].schema;
  *valid = NULL;
  if (schema->event_time < 0 || !b->cols[schema->event_time].data_off) return NULL;
  struct mr_col_off col = b->cols[schema->event_time];
  if (col.valid_off) *valid = mr_region_ptr(&inst->run->region, col.valid_off);
  return mr_region_ptr(&inst->run->region, col.data_off);
}

void mr_source_order(struct mr_instance *inst, struct mr_batch *b, enum mr_et known,
                     const int64_t *vtime) {
  const struct mr_region *region = &inst->run->region;
  struct mr_pool *pool = &inst->run->pools[b->pool];
  const uint64_t *valid;
  const int64_t *et = event_times(inst, b, &valid);
  uint32_t n = b->msg.row_cnt;
  int64_t f_in = inst->part->frontier_us, f_out = f_in;
  uint64_t timed[MR_BATCH_WORDS];
  if (et && may_be_future(inst, b)) {
    inst->ctx.counts.future += leave_out_future(inst, b, et, valid, f_in, timed, &f_out);
    valid = timed;
  } else if (b->et_max != MR_TIME_NONE && b->et_max > f_out) {
    f_out = b->et_max;
  }
  b->msg.frontier_in = f_in;
  b->msg.frontier_out = f_out;
  mr_keep_u64(&b->row_frontier_off, 0);
  if (et && may_be_late(inst, b, f_out, et, valid, known)) {
    MR_ASSERT(pool->frontier_off);
    int64_t *row_frontier = (int64_t *)((uint8_t *)b + pool->frontier_off);
    if (fill_frontier(et, valid, n, f_in, inst->source->delay_min_us, row_frontier))
      b->row_frontier_off = mr_region_off(region, row_frontier);
  }
  inst->part->frontier_us = f_out;
  if (inst->ctx.virtual_clock) stamp_virtual(inst, b, pool, et, valid, f_out, vtime);
}

/* What an instance that takes turns leaves to the merger: planned times go with the batch. */
static void leave_order(struct mr_instance *inst, struct mr_batch *b, const int64_t *vtime) {
  uint32_t n = b->msg.row_cnt;
  b->msg.frontier_in = b->msg.frontier_out = MR_TIME_NONE;
  mr_keep_u64(&b->row_frontier_off, 0);
  mr_keep_u64(&b->row_now_off, 0);
  mr_merge_stamp(inst, b);
  if (!inst->ctx.virtual_clock || !n) return;
  struct mr_pool *pool = &inst->run->pools[b->pool];
  int64_t last = vtime ? vtime[n - 1] : b->et_max;
  if (last > inst->vtime_us) inst->vtime_us = last;
  if (!vtime) return;
  MR_ASSERT(pool->now_off);
  int64_t *row_now = (int64_t *)((uint8_t *)b + pool->now_off);
  memcpy(row_now, vtime, n * sizeof *row_now);
  b->row_now_off = mr_region_off(&inst->run->region, row_now);
}

void mr_source_emit(struct mr_op_ctx *ctx, struct mr_batch *b, enum mr_et known,
                    const int64_t *row_vtime_us) {
  struct mr_instance *inst = ctx->inst;
  uint32_t n = b->msg.row_cnt;
  MR_ASSERT(n <= ctx->row_max);
  const uint64_t *valid;
  const int64_t *et = event_times(inst, b, &valid);
  if (!et || !n) {
    mr_keep_i64(&b->et_min, MR_TIME_NONE);
    mr_keep_i64(&b->et_max, MR_TIME_NONE);
  } else if (known == MR_ET_UNKNOWN) {
    event_time_bounds(et, valid, n, &b->et_min, &b->et_max);
  }
  b->msg.source = (uint16_t)(inst->node - inst->run->plan->nodes);
  b->msg.partition = inst->part->partition;
  if (!ctx->virtual_clock) b->msg.now_us = ctx->now_us;
  if (!b->row_t0_off && !b->msg.t0_ns) b->msg.t0_ns = ctx->now_ns;
  bool last = inst->turn_flags & MR_TURN_LAST;
  if (inst->front == inst)
    mr_source_order(inst, b, known, row_vtime_us);
  else
    leave_order(inst, b, row_vtime_us);
  ctx->counts.rows_in += n;
  inst->rows_taken += n;
  if (n) {
    inst->part->rows += n;
    inst->part->last_row_ns = ctx->now_ns;
    inst->part->vtime_us = inst->vtime_us;
    inst->part->idle = false;
  }
  if (last) mr_instance_reject_emit(inst); /* they are of this turn, and go before its end */
  if (n || last)
    mr_emit_batch(ctx, MR_OUT_MAIN, b, NULL);
  else
    mr_emit_cancel(ctx, MR_OUT_MAIN, b);
}

void mr_source_progress(struct mr_op_ctx *ctx, uint64_t bytes_done, uint64_t bytes_total) {
  struct mr_instance *inst = ctx->inst;
  inst->progress_done = bytes_done;
  inst->progress_total = bytes_total;
}

static struct mr_source_part *part_of(struct mr_op_ctx *ctx, uint32_t partition) {
  uint32_t cnt = ctx->node->instance_cnt, k = partition / cnt;
  MR_ASSERT(partition % cnt == ctx->instance && k < ctx->inst->part_cnt);
  return &ctx->inst->parts[k];
}

void mr_source_partition(struct mr_op_ctx *ctx, uint32_t partition) {
  ctx->inst->part = part_of(ctx, partition);
}

void mr_source_position(struct mr_op_ctx *ctx, uint32_t partition, uint64_t next, uint64_t end) {
  struct mr_source_part *part = part_of(ctx, partition);
  part->next = next;
  part->end = end;
}
