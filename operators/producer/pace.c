/* SPDX-License-Identifier: Apache-2.0 */
/* speed: rows are released as far apart as their event times are, or so many times as fast. A row
 * is decoded to know its time; one that is not due yet is taken back, and decoded again when it is.
 */
#include "producer/reader_private.h"

#include "base/bits.h"

/* Where a line begins. */
struct place {
  char *p;
  uint64_t pos, line;
};

int mr_pace_init(struct mr_reader *r, struct mr_op_ctx *ctx) {
  r->pace.speed = r->conf.speed;
  r->pace.col = ctx->pools[MR_OUT_MAIN]->conf.schema->event_time;
  r->pace.planned_ns = MR_NEW(ctx->arena, uint64_t, MR_BATCH_ROWS);
  r->pace.vtime_us = MR_NEW(ctx->arena, int64_t, MR_BATCH_ROWS);
  return MR_OK;
}

/* When the row is planned, ns after the first one; not before the row before it. A row without
 * event time goes with that one. */
static uint64_t plan_row(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_batch *batch,
                         uint32_t row) {
  struct mr_pace *p = &r->pace;
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  const struct mr_col_off *col = &batch->cols[p->col];
  const int64_t *et = mr_pool_column(pool, batch, (uint32_t)p->col);
  if (col->valid_off && !mr_bit_get(mr_pool_valid(pool, batch, (uint32_t)p->col), row))
    return p->last_ns;
  if (!p->begun) {
    p->begun = true;
    p->first_us = et[row];
    p->start_ns = ctx->now_ns;
  }
  double ns = ((double)et[row] - (double)p->first_us) * 1000 / p->speed;
  if (ns > 9e18) ns = 9e18;
  return ns > (double)p->last_ns ? (uint64_t)ns : p->last_ns;
}

/* Takes row `row` back: its line is the next one again. */
static void take_back(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_batch *batch,
                      const struct place *at, uint32_t row) {
  enum mr_decode_stop stop;
  r->lines.p = at->p;
  r->lines.pos = at->pos;
  r->lines.line = at->line;
  r->lines.scanned = 0;
  /* no more rows: the batch's bits beyond the last one are cleared */
  mr_decoder_run(r->decoder, &r->lines, ctx->pools[MR_OUT_MAIN], batch, row, row, &stop);
}

static bool is_due(const struct mr_reader *r, struct mr_op_ctx *ctx, uint64_t planned_ns) {
  if (ctx->virtual_clock || ctx->now_ns >= r->pace.start_ns + planned_ns) return true;
  ctx->wake_ns = r->pace.start_ns + planned_ns;
  return false;
}

/* The next row of the block. ROWS: it is there; IDLE: it is not due; END: the block holds no more.
 */
static enum mr_poll one_row(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_batch *batch,
                            uint32_t *rows, enum mr_decode_stop *stop) {
  struct mr_pace *p = &r->pace;
  const struct place at = {r->lines.p, r->lines.pos, r->lines.line};
  uint32_t row = *rows;
  uint32_t now =
      mr_decoder_run(r->decoder, &r->lines, ctx->pools[MR_OUT_MAIN], batch, row, row + 1, stop);
  if (now == row) return MR_POLL_END;
  uint64_t planned = plan_row(r, ctx, batch, row);
  if (!is_due(r, ctx, planned)) {
    take_back(r, ctx, batch, &at, row);
    return MR_POLL_IDLE;
  }
  p->last_ns = p->planned_ns[row] = planned;
  p->vtime_us[row] = p->begun ? p->first_us + (int64_t)(planned / 1000) : MR_TIME_NONE;
  *rows = now;
  return MR_POLL_ROWS;
}

enum mr_poll mr_pace_fill(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_batch *batch,
                          uint32_t *rows) {
  bool fails = ctx->node->on_error == MR_ON_ERROR_FAIL;
  while (*rows < ctx->row_max) {
    enum mr_decode_stop stop;
    enum mr_poll got = one_row(r, ctx, batch, rows, &stop);
    if (got == MR_POLL_ROWS) continue;
    if (got == MR_POLL_IDLE) return got;
    if (stop == MR_DECODE_HEAP) return MR_POLL_ROWS;
    if (stop == MR_DECODE_BAD) {
      if (!mr_reader_offer_bad(r, ctx) || fails) return MR_POLL_ROWS;
      continue;
    }
    r->has_lines = false;
    return r->part_ended ? MR_POLL_END : MR_POLL_ROWS;
  }
  return MR_POLL_ROWS;
}

static void fill_t0(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_batch *batch) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  uint32_t n = batch->msg.row_cnt;
  if (!pool->t0_off || !n) return;
  uint64_t *t0 = (uint64_t *)((uint8_t *)batch + pool->t0_off);
  for (uint32_t i = 0; i < n; i++) t0[i] = r->pace.start_ns + r->pace.planned_ns[i];
  batch->row_t0_off = mr_region_off(ctx->region, t0);
  batch->msg.t0_ns = t0[0];
}

void mr_pace_emit(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_batch *batch) {
  fill_t0(r, ctx, batch);
  /* a row that was taken back may have been counted into its bounds */
  mr_source_emit(ctx, batch, MR_ET_UNKNOWN, ctx->virtual_clock ? r->pace.vtime_us : NULL);
}
