/* SPDX-License-Identifier: Apache-2.0 */
/* ping: one row a batch, at planned times: row k is planned at start + k * period, whatever became
 * of the rows before it. */
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
  return MR_OK;
}

static enum mr_poll ping_poll(struct mr_op_ctx *ctx) {
  const struct ping_conf *conf = ctx->conf;
  struct ping *self = ctx->self;
  if (!self->next_ns) self->next_ns = ctx->now_ns + (uint64_t)conf->after_ns;
  if (self->row == (uint64_t)conf->count) return MR_POLL_END;
  if (ctx->now_ns < self->next_ns) {
    ctx->wake_ns = self->next_ns;
    return MR_POLL_IDLE;
  }
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  if (b->cols[0].data_off) *(int64_t *)mr_pool_column(pool, b, 0) = (int64_t)self->row;
  b->msg.row_cnt = 1;
  b->msg.t0_ns = conf->stamp == 0 ? self->next_ns : mr_clock_fast_ns(ctx->clock);
  self->row++;
  self->next_ns += (uint64_t)conf->period_ns;
  mr_source_emit(ctx, b, MR_ET_BOUNDS, NULL);
  return MR_POLL_ROWS;
}

const struct mr_op mr_bench_op_ping = {
    .name = "ping",
    .help = "one row a batch, at planned times",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .opts = ping_opts,
    .conf_sz = sizeof(struct ping_conf),
    .self_sz = sizeof(struct ping),
    .plan = ping_plan,
    .poll = ping_poll,
};
