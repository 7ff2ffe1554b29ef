/* SPDX-License-Identifier: Apache-2.0 */
/* latency, as load tests have it: the sink of that name with three histograms in place of one, and
 * rows of the warm-up left out. */
#include <string.h>

#include "base/bits.h"
#include "graph/opt.h"
#include "op/times.h"
#include "stats/hist.h"
#include "worker/ctx.h"

struct times_conf {
  const char *hgrm;
  int columns;
};

static const char *const columns_words[] = {"all", "none", NULL};
static const struct mr_opt times_opts[] = {
    {"hgrm", MR_OPT_STRING, MR_OPT_AT(struct times_conf, hgrm),
     .help = "not written by a load test, which writes files of its own"},
    {"columns", MR_OPT_ENUM, MR_OPT_AT(struct times_conf, columns), .def = "all",
     .words = columns_words, .help = "which columns are made for it; none prunes them"},
    MR_OPT_END};

static void times_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                       bool *in_need) {
  const struct times_conf *conf = p->conf;
  (void)out_need;
  for (uint32_t c = 0; c < p->in->visible_cnt; c++) in_need[c] = conf->columns == 0;
}

static int times_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct mr_times_self *self = ctx->self;
  uint64_t off = mr_region_reserve(ctx->region_rw, sizeof *self->times, "latencies");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for the histograms");
  self->times = mr_region_ptr(ctx->region, off);
  /* both clocks at one moment: what the wall clock says is turned into monotonic time */
  self->wall_off_ns = mr_clock_wall_us(ctx->clock) * 1000 - (int64_t)mr_clock_mono_ns(ctx->clock);
  self->from_ns = UINT64_MAX;
  return MR_OK;
}

static void record(struct mr_times_self *self, uint64_t now, uint64_t t0, uint64_t sent,
                   uint64_t cnt) {
  /* relaxed: the host sets it once, and a row more or less does not matter */
  if (t0 < atomic_load_explicit(&self->from_ns, memory_order_relaxed)) return;
  struct mr_times *t = self->times;
  if (sent < t0) sent = t0; /* the wall clock is read to a microsecond */
  uint64_t response = now > t0 ? now - t0 : 0;
  mr_latency_record(&t->response, response, cnt);
  mr_latency_record(&t->service, now > sent ? now - sent : 0, cnt);
  mr_latency_record(&t->delay, sent - t0, cnt);
  mr_hist_record_n(&t->live, response, cnt);
  /* relaxed: a counter that one thread adds to */
  atomic_store_explicit(&t->rows, t->response.count, memory_order_relaxed);
}

static void times_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_times_self *self = ctx->self;
  uint64_t now = mr_clock_fast_ns(ctx->clock);
  ctx->counts.rows_out += in->sel_cnt;
  uint64_t sent = (uint64_t)(in->now_us * 1000 - self->wall_off_ns);
  if (!in->row_t0) {
    record(self, now, in->t0_ns, sent, in->sel_cnt);
    return;
  }
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row)
  record(self, now, in->row_t0[row], sent, 1);
}

static int times_plan(struct mr_op_plan *p) {
  p->uses_now = true;
  return MR_OK;
}

const struct mr_op mr_bench_op_times = {
    .name = "latency",
    .help = "records response, service and send delay of every row",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = times_opts,
    .conf_sz = sizeof(struct times_conf),
    .self_sz = sizeof(struct mr_times_self),
    .plan = times_plan,
    .need = times_need,
    .init = times_init,
    .process = times_process,
};
