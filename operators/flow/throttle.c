/* SPDX-License-Identifier: Apache-2.0 */
/* throttle: passes at most `rate` rows per second. A bucket holds what may pass: it fills with the
 * graph's clock, up to what comes in `burst`, and has one row in it at the start. Rows beyond it
 * wait, and with them who sends them, or are dropped. Under the virtual clock time passes with the
 * rows only: none waits, and what is dropped hangs on their times alone. */
#include <string.h>

#include "base/bits.h"
#include "graph/opt.h"
#include "operators/operators.h"
#include "state/save.h"
#include "worker/ctx.h"

#define WAIT_NS UINT64_C(1000000) /* rows of about so long go together */

enum throttle_excess { EXCESS_WAIT, EXCESS_DROP };

struct throttle_conf {
  double rate;
  int excess;
  int64_t burst_us;
};

struct throttle {
  double credit, most; /* rows that may pass now, and at most */
  int64_t at;          /* credit is that of this time; MR_TIME_NONE: none yet */
  const struct mr_view *in;
  struct mr_view view;
  uint64_t left[MR_BATCH_WORDS]; /* rows of in that wait */
  uint32_t left_cnt;
  uint64_t sel[MR_BATCH_WORDS];
};

static const char *const excess_words[] = {"wait", "drop", NULL};

static const struct mr_opt throttle_opts[] = {
    {"rate", MR_OPT_RATE, MR_OPT_AT(struct throttle_conf, rate), .required = true, .min = 1e-6,
     .max = 1e12, .help = "rows that pass per second, at most"},
    {"excess", MR_OPT_ENUM, MR_OPT_AT(struct throttle_conf, excess), .def = "wait",
     .words = excess_words, .help = "what becomes of rows beyond the rate"},
    {"burst", MR_OPT_DURATION_US, MR_OPT_AT(struct throttle_conf, burst_us), .def = "1s", .min = 0,
     .max = 3.6e9, .help = "a pause is made up for by the rows of this time at once"},
    MR_OPT_END};

static int throttle_plan(struct mr_op_plan *p) {
  const struct throttle_conf *conf = p->conf;
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->uses_now = conf->excess == EXCESS_DROP;
  return MR_OK;
}

static void throttle_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                          bool *in_need) {
  for (uint32_t c = 0; out_need[MR_OUT_MAIN] && c < p->in->cnt; c++)
    in_need[c] = out_need[MR_OUT_MAIN][c];
}

static int throttle_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  (void)err;
  struct throttle *self = ctx->self;
  const struct throttle_conf *conf = ctx->conf;
  self->at = MR_TIME_NONE;
  self->credit = 1;
  self->most = conf->rate * (double)conf->burst_us / 1e6;
  if (self->most < 1) self->most = 1;
  return MR_OK;
}

/* The bucket at a time of a clock with so many ticks per second. */
static void fill(struct throttle *self, double rate, int64_t now, double ticks) {
  if (self->at != MR_TIME_NONE && now > self->at) {
    self->credit += (double)(now - self->at) * rate / ticks;
    if (self->credit > self->most) self->credit = self->most;
  }
  if (now > self->at) self->at = now;
}

static void pass(struct mr_op_ctx *ctx, const struct mr_view *in, uint32_t cnt) {
  struct throttle *self = ctx->self;
  if (!cnt) return;
  self->view = *in;
  self->view.sel = self->sel;
  self->view.sel_cnt = cnt;
  mr_emit(ctx, MR_OUT_MAIN, &self->view);
}

/* ---- drop ---- */

static void drop_excess(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct throttle *self = ctx->self;
  const struct throttle_conf *conf = ctx->conf;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  uint32_t words = mr_bitmap_words(in->row_cnt), cnt = 0;
  const int64_t *row_now = ctx->virtual_clock ? in->row_now : NULL;
  memset(self->sel, 0, words * 8);
  if (!ctx->virtual_clock)
    fill(self, conf->rate, (int64_t)ctx->now_ns, 1e9);
  else if (!row_now && in->now_us != MR_TIME_NONE)
    fill(self, conf->rate, in->now_us, 1e6);
  MR_BITMAP_EACH(sel, words, row) {
    if (row_now && row_now[row] != MR_TIME_NONE) fill(self, conf->rate, row_now[row], 1e6);
    if (self->credit < 1) continue;
    self->credit -= 1;
    mr_bit_set(self->sel, (uint32_t)row);
    cnt++;
  }
  ctx->counts.dropped += in->sel_cnt - cnt;
  pass(ctx, in, cnt);
}

/* ---- wait ---- */

/* Takes the first cnt of the rows that wait out of them, as the selection that goes. */
static void take_first(struct throttle *self, uint32_t words, uint32_t cnt) {
  memset(self->sel, 0, words * 8);
  for (uint32_t w = 0; w < words && cnt; w++) {
    uint32_t here = (uint32_t)__builtin_popcountll(self->left[w]);
    uint64_t rest = self->left[w];
    for (uint32_t i = 0; i < cnt && i < here; i++) rest &= rest - 1;
    self->sel[w] = self->left[w] & ~rest;
    self->left[w] = rest;
    cnt -= here < cnt ? here : cnt;
  }
}

static void go_on(struct mr_op_ctx *ctx) {
  struct throttle *self = ctx->self;
  const struct throttle_conf *conf = ctx->conf;
  fill(self, conf->rate, (int64_t)ctx->now_ns, 1e9);
  uint32_t cnt = self->left_cnt;
  if (!ctx->stop && self->credit < cnt) cnt = (uint32_t)self->credit;
  self->credit = self->credit > cnt ? self->credit - cnt : 0;
  take_first(self, mr_bitmap_words(self->in->row_cnt), cnt);
  self->left_cnt -= cnt;
  ctx->more = self->left_cnt > 0;
  if (ctx->more) { /* until a row may pass, or as many as come in a while, or those that are left */
    double want = conf->rate * (double)WAIT_NS / 1e9;
    if (want > self->left_cnt) want = self->left_cnt;
    if (want < 1) want = 1;
    if (want > self->most) want = self->most;
    double ns = (want - self->credit) / conf->rate * 1e9;
    ctx->wake_ns = ctx->now_ns + (ns < 1e18 ? (uint64_t)ns + 1 : UINT64_C(1000000000000000000));
  }
  pass(ctx, self->in, cnt);
}

static void throttle_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct throttle *self = ctx->self;
  const struct throttle_conf *conf = ctx->conf;
  if (conf->excess == EXCESS_DROP) {
    drop_excess(ctx, in);
    return;
  }
  if (ctx->virtual_clock) {
    mr_emit(ctx, MR_OUT_MAIN, in);
    return;
  }
  uint64_t all[MR_BATCH_WORDS];
  self->in = in;
  self->left_cnt = in->sel_cnt;
  memcpy(self->left, mr_view_sel(in, all), mr_bitmap_words(in->row_cnt) * 8);
  go_on(ctx);
}

/* ---- checkpoints ---- */

static const char *throttle_shape(const struct mr_op_plan *p) {
  (void)p;
  return "";
}

/* The monotonic clock begins anew with the machine; that of the rows goes on. */
static void throttle_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  const struct throttle *self = ctx->self;
  mr_save_double(to, "credit", self->credit);
  mr_save_int(to, "at_us", ctx->virtual_clock ? self->at : MR_TIME_NONE);
}

static int throttle_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct throttle *self = ctx->self;
  int64_t at;
  if (!mr_load_double(from, "credit", &self->credit) || !mr_load_int(from, "at_us", &at))
    return mr_error_set(err, MR_ERR_IO, "the credit is missing");
  if (ctx->virtual_clock) self->at = at;
  if (self->credit > self->most) self->credit = self->most;
  return MR_OK;
}

const struct mr_op mr_op_throttle = {
    .name = "throttle",
    .help = "passes at most so many rows per second",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_PASSES,
    .opts = throttle_opts,
    .conf_sz = sizeof(struct throttle_conf),
    .self_sz = sizeof(struct throttle),
    .plan = throttle_plan,
    .need = throttle_need,
    .init = throttle_init,
    .process = throttle_process,
    .drain = go_on,
    .shape = throttle_shape,
    .snapshot = throttle_snapshot,
    .restore = throttle_restore,
};
