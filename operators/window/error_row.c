/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters of rows that a node made itself: a sum beyond 64 bits, a division by zero in select.
 * They are no input rows, so the framework, which knows the input view, cannot describe them. */
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "operators/window/output.h"

/* Columns of mr_error_schema that such a row has. */
enum { COL_NODE, COL_CODE, COL_CAUSE, COL_TIME = 6, COL_CNT = 11 };

static bool put_text(struct mr_pool *pool, struct mr_batch *b, uint32_t col, uint32_t row,
                     const char *text) {
  struct mr_str *to = (struct mr_str *)mr_pool_column(pool, b, col) + row;
  if (!mr_batch_str(pool, b, text, (uint32_t)strlen(text), to)) return false;
  mr_bit_set(mr_pool_valid(pool, b, col), row);
  return true;
}

static bool put_row(struct mr_op_ctx *ctx, struct mr_batch *b, const struct mr_error_row *e) {
  struct mr_pool *pool = ctx->pools[MR_OUT_ERRORS];
  uint32_t row = b->msg.row_cnt;
  char code[16];
  snprintf(code, sizeof code, "MR%04d", e->code);
  if (!put_text(pool, b, COL_NODE, row, ctx->node->name) ||
      !put_text(pool, b, COL_CODE, row, code) || !put_text(pool, b, COL_CAUSE, row, e->cause))
    return false;
  ((int64_t *)mr_pool_column(pool, b, COL_TIME))[row] = ctx->now_us;
  mr_bit_set(mr_pool_valid(pool, b, COL_TIME), row);
  b->msg.row_cnt++;
  return true;
}

static struct mr_batch *open_batch(struct mr_op_ctx *ctx) {
  struct mr_pool *pool = ctx->pools[MR_OUT_ERRORS];
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_ERRORS);
  for (uint32_t c = 0; c < COL_CNT; c++) {
    memset(mr_pool_column(pool, b, c), 0,
           mr_phys_column_sz(mr_field_phys(&pool->conf.schema->fields[c])));
    memset(mr_pool_valid(pool, b, c), 0, MR_BATCH_ROWS / 8);
    mr_batch_set_valid(pool, b, c);
  }
  return b;
}

void mr_error_rows(struct mr_op_ctx *ctx, const struct mr_output *o,
                   const struct mr_error_row *rows, uint32_t cnt) {
  if (ctx->node->on_error == MR_ON_ERROR_FAIL) {
    mr_op_fail(ctx, MR_ERR_DATA, "%s: MR%04d: %s (on_error: fail)", ctx->node->name, rows[0].code,
               rows[0].cause);
    return;
  }
  ctx->counts.derived_errors += cnt; /* no input rows: the accounts of those are closed */
  if (ctx->node->on_error == MR_ON_ERROR_DROP || !ctx->pools[MR_OUT_ERRORS]) return;
  struct mr_batch *b = open_batch(ctx);
  for (uint32_t i = 0; i < cnt; i++) /* the heap of a batch holds the texts of all */
    if (!put_row(ctx, b, &rows[i])) break;
  b->msg.source = o->source;
  b->msg.partition = ctx->node->partition_first;
  b->msg.frontier_in = b->msg.frontier_out = MR_TIME_NONE;
  b->msg.now_us = ctx->now_us;
  b->msg.t0_ns = o->t0_ns;
  if (b->msg.row_cnt)
    mr_emit_batch(ctx, MR_OUT_ERRORS, b, NULL);
  else
    mr_emit_cancel(ctx, MR_OUT_ERRORS, b);
}
