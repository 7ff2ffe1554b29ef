/* SPDX-License-Identifier: Apache-2.0 */
/* From the rows of a view to the rows of a table. */
#include "operators/window/keyed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"

/* Counts beside the tables are brought into them at least this often, so that state_keys is about
 * right. */
#define TALLY_BATCHES 256u
/* Groups up to which counting beside the table pays when every batch is followed by a look at all
 * of them. */
#define TALLY_UPDATE_GROUPS 128u

int mr_keyed_init(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_keyed_plan *plan,
                  enum mr_keyed_emit emit, struct mr_error *err) {
  uint32_t folds = plan->folds.cnt;
  k->plan = plan;
  k->touch = emit == MR_EMIT_UPDATE;
  k->kernels = mr_state_kernels_of(ctx->isa);
  k->ins = MR_NEW(ctx->arena, struct mr_fold_in, folds + 1);
  k->done = MR_NEW(ctx->arena, bool, plan->inner_expr_cnt + 1);
  k->pass = mr_arena_alloc(ctx->arena, sizeof *k->pass * (folds + 1));
  int rc = mr_expr_frame_init(&k->frame, ctx->arena, ctx->region_rw, plan->inner_exprs,
                              plan->inner_expr_cnt, ctx->isa, "expressions", err);
  if (rc) return rc;
  rc = mr_space_init(&k->space, ctx->region_rw, &plan->keys, &plan->folds, plan->max_state,
                     plan->max_keys, "state", err);
  if (rc) return rc;
  k->space.kernels = k->kernels;
  mr_key_batch_init(&k->keys, ctx->arena, &plan->keys, k->kernels, ctx->region->base);
  k->can_tally = mr_tally_possible(&k->space);
  if (emit != MR_EMIT_FINAL && !ctx->node->op_plan.every_us)
    k->can_tally &= plan->keys.groups <= TALLY_UPDATE_GROUPS;
  if (k->can_tally) mr_tally_init(&k->tally, ctx->arena, &k->space);
  return MR_OK;
}

/* ---- which rows ---- */

void mr_keyed_begin(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in) {
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  uint32_t words = mr_bitmap_words(in->row_cnt);
  k->err_cnt = 0;
  k->frame.now_us = ctx->now_us;
  k->frame.now_alone = !ctx->virtual_clock;
  mr_expr_frame_reset(&k->frame);
  int32_t et = ctx->node->op_plan.in->event_time;
  k->et = et >= 0 ? in->cols[et].data : NULL;
  memset(k->full, 0, sizeof k->full);
  memset(k->done, k->plan->where != NULL, 1); /* where is the first */
  memset(k->done + 1, 0, k->plan->inner_expr_cnt);
  if (!k->plan->where) {
    memset(k->err, 0, sizeof k->err);
    memcpy(k->sel, sel, words * sizeof *sel);
    k->sel_cnt = in->sel_cnt;
    return;
  }
  struct mr_expr_counts n = mr_expr_where(k->plan->where, &k->frame, in, k->sel, k->err);
  ctx->counts.filtered += in->sel_cnt - n.pass - n.err;
  k->sel_cnt = n.pass;
  k->err_cnt = n.err;
}

/* ---- arguments ---- */

/* Rows of `err` leave k->sel. */
static void take_errors(struct mr_keyed *k, const uint64_t *err, uint32_t words) {
  for (uint32_t w = 0; w < words; w++) k->err[w] |= err[w];
}

static void fold_value(struct mr_keyed *k, const struct mr_view *rows, uint32_t c) {
  static const uint64_t nothing[MR_BATCH_WORDS];
  const struct mr_keyed_call *call = &k->plan->calls[c];
  struct mr_fold_in *in = &k->ins[c];
  struct mr_view view = *rows;
  uint32_t words = mr_bitmap_words(rows->row_cnt);
  *in = (struct mr_fold_in){NULL, NULL, NULL};
  if (call->filter) {
    uint64_t err[MR_BATCH_WORDS];
    k->done[call->filter_idx] = true;
    struct mr_expr_counts n = mr_expr_where(call->filter, &k->frame, rows, k->pass[c], err);
    if (n.err) take_errors(k, err, words);
    k->err_cnt += n.err;
    in->pass = view.sel = k->pass[c];
    view.sel_cnt = n.pass;
    in->data = nothing;
    if (!n.pass) return;
  }
  if (!call->arg) return;
  struct mr_vec vec;
  k->done[call->arg_idx] = true;
  uint32_t errors = mr_expr_eval(call->arg, &k->frame, &view, &vec);
  in->data = vec.data;
  in->valid = vec.valid;
  if (errors) take_errors(k, vec.err, words);
  k->err_cnt += errors;
}

void mr_keyed_values(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in) {
  uint32_t words = mr_bitmap_words(in->row_cnt), before = k->err_cnt;
  struct mr_view rows = *in;
  (void)ctx;
  rows.sel = k->sel;
  rows.sel_cnt = k->sel_cnt;
  if (!k->sel_cnt) return;
  for (uint32_t c = 0; c < k->plan->folds.cnt; c++)
    if (!k->plan->folds.items[c].shares) fold_value(k, &rows, c);
  if (k->err_cnt == before) return;
  for (uint32_t w = 0; w < words; w++) k->sel[w] &= ~k->err[w];
  k->sel_cnt = mr_bitmap_count(k->sel, words);
}

/* ---- adding ---- */

static void fail_full(struct mr_keyed *k, struct mr_op_ctx *ctx) {
  if (k->failed) return;
  k->failed = true;
  if (k->space.key_max && k->space.key_cnt >= k->space.key_max)
    mr_op_fail(ctx, MR_ERR_LIMIT,
               "%s: no room for a new key: max_keys is %" PRIu64 " and %" PRIu64 " are open",
               ctx->node->name, k->space.key_max, k->space.key_cnt);
  else
    mr_op_fail(ctx, MR_ERR_LIMIT,
               "%s: no room for a new key: max_state is %" PRIu64 " bytes, %" PRIu64
               " are used, %" PRIu64 " keys are open",
               ctx->node->name, k->plan->max_state, k->space.store.used_bytes, k->space.key_cnt);
}

void mr_keyed_no_room(struct mr_keyed *k, struct mr_op_ctx *ctx, const uint16_t *rows,
                      uint32_t cnt) {
  if (!k->plan->dead_letter) {
    fail_full(k, ctx);
    return;
  }
  for (uint32_t i = 0; i < cnt; i++) {
    mr_bit_set(k->full, rows[i]);
    mr_bit_set(k->err, rows[i]);
    mr_bit_clear(k->sel, rows[i]);
  }
  k->err_cnt += cnt;
  k->sel_cnt -= cnt;
}

/* Leaves the rows for which there is a row of state. */
static uint32_t with_room(struct mr_keyed *k, struct mr_op_ctx *ctx, const uint16_t *rows,
                          uint32_t cnt, uint16_t *rows_out) {
  uint16_t none[MR_BATCH_ROWS];
  uint32_t n = 0, none_cnt = 0;
  for (uint32_t i = 0; i < cnt; i++) {
    if (!k->state[i]) {
      none[none_cnt++] = rows[i];
      continue;
    }
    rows_out[n] = rows[i];
    k->state[n++] = k->state[i];
  }
  mr_keyed_no_room(k, ctx, none, none_cnt);
  return n;
}

void mr_keyed_add_rows(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in,
                       uint32_t table, const uint16_t *rows, uint32_t cnt) {
  struct mr_table *t = mr_table_at(&k->space, table);
  uint16_t some[MR_BATCH_ROWS];
  if (!cnt || k->failed) return;
  if (k->plan->folds.grows && mr_store_tight(&k->space.store)) {
    mr_keyed_no_room(k, ctx, rows, cnt);
    return;
  }
  if (mr_table_find(&k->space, t, &k->keys, rows, cnt, k->state)) {
    cnt = with_room(k, ctx, rows, cnt, some);
    rows = some;
  }
  if (!cnt || k->failed) return;
  struct mr_fold_batch batch = {k->ins, k->et, in->partition, k->seq};
  mr_folds_add(&k->space, t, &batch, rows, k->state, cnt);
  if (k->touch) mr_table_touch(&k->space, t, k->state, cnt);
  if (k->space.full) fail_full(k, ctx);
}

void mr_keyed_flush(struct mr_keyed *k, struct mr_op_ctx *ctx) {
  k->tally_batches = 0;
  if (!k->tally_table) return;
  mr_tally_flush(&k->tally, &k->space, mr_table_at(&k->space, k->tally_table), k->tally_touch);
  k->tally_table = 0;
  if (k->space.full) fail_full(k, ctx);
}

void mr_keyed_check_room(struct mr_keyed *k, struct mr_op_ctx *ctx) {
  if (k->space.full) fail_full(k, ctx);
}

void mr_keyed_check_complete(struct mr_keyed *k, struct mr_op_ctx *ctx) {
  if (k->failed || k->space.key_cnt <= MR_KEYED_COMPLETE_ROWS_MAX) return;
  k->failed = true;
  mr_op_fail(ctx, MR_ERR_LIMIT,
             "%s: emit: complete writes the whole table, at most %u rows, and has %" PRIu64
             "; use emit: update",
             ctx->node->name, MR_KEYED_COMPLETE_ROWS_MAX, k->space.key_cnt);
}

void mr_keyed_add(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in,
                  uint32_t table, const uint64_t *sel, uint32_t cnt) {
  if (!cnt || k->failed) return;
  if (k->can_tally) {
    bool room = mr_tally_room(&k->space);
    if (k->tally_table != table || !room || mr_tally_full(&k->tally) ||
        ++k->tally_batches == TALLY_BATCHES)
      mr_keyed_flush(k, ctx);
    if (room) {
      mr_keys_begin(&k->keys, in, NULL, 0);
      mr_tally_add(&k->tally, k->kernels, &k->keys, k->ins, sel, cnt, in->row_cnt);
      k->tally_table = table;
      k->tally_touch = k->touch;
      return;
    }
  }
  uint32_t n = k->kernels->rows(sel, mr_bitmap_words(in->row_cnt), k->rows);
  MR_DASSERT(n == cnt);
  mr_keys_begin(&k->keys, in, k->rows, n);
  mr_keyed_add_rows(k, ctx, in, table, k->rows, n);
}

/* ---- the end of a view ---- */

static int cause_of(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  const struct mr_keyed *k = ctx->self; /* the first member of both operators */
  const struct mr_keyed_plan *plan = k->plan;
  if (mr_bit_get(k->full, row)) {
    bool keys = k->space.key_max && k->space.key_cnt >= k->space.key_max;
    if (keys)
      snprintf(text, sz, "no room for a new key: max_keys is %" PRIu64, k->space.key_max);
    else
      snprintf(text, sz, "no room: max_state is %" PRIu64 " bytes", plan->max_state);
    return MR_KEYED_CODE_FULL;
  }
  for (uint32_t i = 0; i < plan->inner_expr_cnt; i++) {
    if (!k->done[i]) continue;
    int code = mr_expr_cause(plan->inner_exprs[i], &k->frame, row, text, sz);
    if (code) return code;
  }
  return 0;
}

void mr_keyed_end(struct mr_keyed *k, struct mr_op_ctx *ctx, const struct mr_view *in) {
  k->seq += in->row_cnt;
  ctx->counts.absorbed += k->sel_cnt;
  ctx->counts.state_keys = k->space.key_cnt;
  ctx->counts.state_bytes = k->space.store.used_bytes;
  if (k->err_cnt && !k->failed) mr_reject_rows(ctx, in, k->err, cause_of);
}
