/* SPDX-License-Identifier: Apache-2.0 */
/* halve: passes every second row of a batch. */
#include <worker/ctx.h>
#include <worker/library.h>

struct halve {
  struct mr_view view;
  uint64_t sel[MR_BATCH_WORDS];
};

static void halve_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct halve *self = ctx->self;
  uint64_t all[MR_BATCH_WORDS] = {0};
  const uint64_t *sel = mr_view_sel(in, all);
  self->view = *in;
  self->view.sel = self->sel;
  self->view.sel_cnt = 0;
  for (uint32_t w = 0; w < (in->row_cnt + 63) / 64; w++) {
    self->sel[w] = sel[w] & UINT64_C(0x5555555555555555);
    self->view.sel_cnt += (uint32_t)__builtin_popcountll(self->sel[w]);
  }
  ctx->counts.filtered += in->sel_cnt - self->view.sel_cnt;
  if (self->view.sel_cnt) mr_emit(ctx, MR_OUT_MAIN, &self->view);
}

static const struct mr_op halve = {
    .name = "halve",
    .help = "passes every second row of a batch",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .self_sz = sizeof(struct halve),
    .process = halve_process,
};
MR_OP_LIBRARY("halve", "1.0", &halve);
