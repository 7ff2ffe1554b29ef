/* SPDX-License-Identifier: Apache-2.0 */
/* ping: row k is planned at start + k * period, whatever became of the rows before it. What is due
 * goes at once, as any source does it: one row a batch while the graph keeps up, several when it is
 * late. */
#include "graph/compile.h"
#include "graph/opt.h"
#include "op/bench_op.h"
#include "worker/ctx.h"

struct ping_conf {
  int64_t period_ns, count, after_ns;
  int stamp;
};

struct ping {
  uint64_t next_ns; /* planned time of the next row; 0: not started */
  uint64_t row;
};

#define AT(member) MR_OPT_AT(struct ping_conf, member)
static const char *const stamp_words[] = {"planned", "sent", NULL};
static const struct mr_opt ping_opts[] = {
    {"period", MR_OPT_DURATION_NS, AT(period_ns), .required = true, .min = 1, .max = 1e18,
     .help = "time from one row to the next"},
    {"count", MR_OPT_INT64, AT(count), .required = true, .min = 1, .max = 1e15,
     .help = "ends after so many rows"},
    {"after", MR_OPT_DURATION_NS, AT(after_ns), .def = "1ms", .min = 0, .max = 1e18,
     .help = "time before the first row"},
    {"stamp", MR_OPT_ENUM, AT(stamp), .def = "planned", .words = stamp_words,
     .help = "what latencies count from: the row's planned time, or when it was sent"},
    MR_OPT_END};

static int ping_plan(struct mr_op_plan *p) {
  struct mr_schema *schema = mr_op_schema(p, 1);
  schema->fields[0] = (struct mr_field){.name = "n", .type = MR_TYPE_INT64};
  p->outs[MR_OUT_MAIN].schema = schema;
  p->outs[MR_OUT_MAIN].own_batches = true;
  p->outs[MR_OUT_MAIN].hidden = MR_HAS_T0;
  return MR_OK;
}

/* The rows that are due, one at least; their number. */
static uint32_t fill(struct mr_op_ctx *ctx, struct mr_batch *b, uint64_t now) {
  const struct ping_conf *conf = ctx->conf;
  struct ping *self = ctx->self;
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  int64_t *numbers = b->cols[0].data_off ? mr_pool_column(pool, b, 0) : NULL;
  uint64_t *t0 = (uint64_t *)(void *)((uint8_t *)b + pool->t0_off);
  uint64_t left = (uint64_t)conf->count - self->row, first_ns = self->next_ns;
  uint32_t n = 0;
  do {
    if (numbers) numbers[n] = (int64_t)self->row;
    if (n == 1) t0[0] = first_ns; /* a lone row's time is in the head */
    if (n) t0[n] = self->next_ns;
    self->row++;
    self->next_ns += (uint64_t)conf->period_ns;
  } while (++n < ctx->row_max && n < left && self->next_ns <= now);
  b->msg.t0_ns = first_ns;
  if (conf->stamp != 0)
    b->msg.t0_ns = mr_clock_fast_ns(ctx->clock);
  else if (n > 1)
    b->row_t0_off = mr_region_off(ctx->region, t0);
  return n;
}

static enum mr_poll ping_poll(struct mr_op_ctx *ctx) {
  const struct ping_conf *conf = ctx->conf;
  struct ping *self = ctx->self;
  if (!self->next_ns) self->next_ns = ctx->now_ns + (uint64_t)conf->after_ns;
  if (self->row == (uint64_t)conf->count) return MR_POLL_END;
  uint64_t now = mr_clock_fast_ns(ctx->clock);
  if (now < self->next_ns) {
    ctx->wake_ns = self->next_ns;
    return MR_POLL_IDLE;
  }
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  b->msg.row_cnt = fill(ctx, b, now);
  mr_source_emit(ctx, b, MR_ET_BOUNDS, NULL);
  return MR_POLL_ROWS;
}

const struct mr_op mr_bench_op_ping = {
    .name = "ping",
    .help = "rows at planned times, one a batch while the graph keeps up",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .opts = ping_opts,
    .conf_sz = sizeof(struct ping_conf),
    .self_sz = sizeof(struct ping),
    .plan = ping_plan,
    .poll = ping_poll,
};
