/* SPDX-License-Identifier: Apache-2.0 */
/* Error rows: what an operator reports becomes rows on NODE.errors, from where the dead-letter
 * writer and whoever reads that output take them. Errors are counted exactly, and never pass
 * through. */
#include "worker/worker_private.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/text.h"
#include "graph/secret.h"

enum error_col {
  COL_NODE,
  COL_CODE,
  COL_CAUSE,
  COL_SOURCE,
  COL_POSITION,
  COL_LINE,
  COL_TIME,
  COL_RAW,
  COL_RAW_BASE64,
  COL_RAW_BYTES,
  COL_ROW,
  COL_CNT
};

struct error_row {
  int code;
  const char *cause, *source;
  bool has_pos, has_line, has_raw_bytes;
  uint64_t pos, line, raw_bytes;
  const char *raw, *row;
  uint32_t raw_len, row_len;
};

#define CODE_LONG 3001 /* MR3001, longer than max_line: says raw_bytes always */

static struct mr_batch *open_batch(struct mr_instance *inst) {
  struct mr_outp *out = &inst->outs[MR_OUT_ERRORS];
  struct mr_batch *b = mr_emit_open(&inst->ctx, MR_OUT_ERRORS);
  b->msg.row_cnt = 0;
  for (uint32_t c = 0; c < COL_CNT; c++) {
    memset(mr_pool_valid(out->pool, b, c), 0, MR_BATCH_ROWS / 8);
    mr_batch_set_valid(out->pool, b, c);
  }
  return b;
}

static bool put_str(struct mr_pool *pool, struct mr_batch *b, uint32_t col, uint32_t row,
                    const char *p, uint32_t len) {
  struct mr_str *to = (struct mr_str *)mr_pool_column(pool, b, col) + row;
  memset(to, 0, sizeof *to);
  if (!p) return true;
  if (!mr_batch_str(pool, b, p, len, to)) return false;
  mr_bit_set(mr_pool_valid(pool, b, col), row);
  return true;
}

static void put_int(struct mr_pool *pool, struct mr_batch *b, uint32_t col, uint32_t row, bool is,
                    uint64_t v) {
  ((int64_t *)mr_pool_column(pool, b, col))[row] = is ? (int64_t)v : 0;
  if (is) mr_bit_set(mr_pool_valid(pool, b, col), row);
}

static bool put_base64(struct mr_pool *pool, struct mr_batch *b, uint32_t row, const char *raw,
                       uint32_t len) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t out_len = (len + 2) / 3 * 4, o = 0;
  char *out = mr_batch_heap(pool, b, out_len);
  if (!out) return false;
  for (uint32_t i = 0; i < len; i += 3) {
    uint32_t left = len - i;
    uint32_t v = (uint32_t)(uint8_t)raw[i] << 16;
    if (left > 1) v |= (uint32_t)(uint8_t)raw[i + 1] << 8;
    if (left > 2) v |= (uint8_t)raw[i + 2];
    out[o++] = digits[v >> 18];
    out[o++] = digits[(v >> 12) & 63];
    out[o++] = left > 1 ? digits[(v >> 6) & 63] : '=';
    out[o++] = left > 2 ? digits[v & 63] : '=';
  }
  struct mr_str *to = (struct mr_str *)mr_pool_column(pool, b, COL_RAW_BASE64) + row;
  *to = mr_str_make(out, out_len, pool->region->base);
  mr_bit_set(mr_pool_valid(pool, b, COL_RAW_BASE64), row);
  return true;
}

static bool put_raw(struct mr_pool *pool, struct mr_batch *b, uint32_t row,
                    const struct error_row *e) {
  bool text = e->raw && mr_utf8_valid(e->raw, e->raw_len);
  if (!put_str(pool, b, COL_RAW, row, text ? e->raw : NULL, e->raw_len)) return false;
  if (!e->raw || text) return put_str(pool, b, COL_RAW_BASE64, row, NULL, 0);
  return put_base64(pool, b, row, e->raw, e->raw_len);
}

/* Clears what was written of a row that did not fit. */
static void undo_row(struct mr_pool *pool, struct mr_batch *b, uint32_t row) {
  for (uint32_t c = 0; c < COL_CNT; c++) mr_bit_clear(mr_pool_valid(pool, b, c), row);
}

/* Appends one error row; false: the batch is full. */
static bool put_row(struct mr_instance *inst, struct mr_batch *b, const struct error_row *e) {
  struct mr_pool *pool = inst->outs[MR_OUT_ERRORS].pool;
  uint32_t row = b->msg.row_cnt;
  if (row >= MR_BATCH_ROWS) return false;
  const char *name = inst->node->name;
  char code[16];
  int code_len = snprintf(code, sizeof code, "MR%04d", e->code);
  bool ok =
      put_str(pool, b, COL_NODE, row, name, (uint32_t)strlen(name)) &&
      put_str(pool, b, COL_CODE, row, code, (uint32_t)code_len) &&
      put_str(pool, b, COL_CAUSE, row, e->cause, (uint32_t)strlen(e->cause)) &&
      put_str(pool, b, COL_SOURCE, row, e->source, e->source ? (uint32_t)strlen(e->source) : 0) &&
      put_raw(pool, b, row, e) && put_str(pool, b, COL_ROW, row, e->row, e->row_len);
  if (!ok) {
    undo_row(pool, b, row);
    return false;
  }
  put_int(pool, b, COL_POSITION, row, e->has_pos, e->pos);
  put_int(pool, b, COL_LINE, row, e->has_line, e->line);
  put_int(pool, b, COL_TIME, row, true, (uint64_t)inst->ctx.now_us);
  put_int(pool, b, COL_RAW_BYTES, row, e->has_raw_bytes, e->raw_bytes);
  b->msg.row_cnt++;
  return true;
}

static void emit_errors(struct mr_instance *inst, struct mr_batch *b) {
  b->msg.source = (uint16_t)(inst->op->kind == MR_OP_SOURCE ? inst->node - inst->run->plan->nodes
                             : inst->view                   ? inst->view->source
                                                            : 0);
  b->msg.partition = inst->view ? inst->view->partition : inst->node->partition_first;
  b->msg.frontier_in = b->msg.frontier_out = MR_TIME_NONE;
  b->msg.now_us = inst->ctx.now_us;
  b->msg.t0_ns = inst->view ? inst->view->t0_ns : inst->worker->now_ns;
  b->et_min = b->et_max = MR_TIME_NONE;
  b->turn = inst->turn;
  mr_emit_batch(&inst->ctx, MR_OUT_ERRORS, b, NULL);
}

/* Counts n error rows as the node's on_error says; true: they are to be made dead letters. */
static bool count_errors(struct mr_instance *inst, uint64_t n, int code, const char *cause) {
  switch (inst->node->on_error) {
  case MR_ON_ERROR_DROP: inst->ctx.counts.dropped += n; return false;
  case MR_ON_ERROR_FAIL:
    inst->ctx.counts.dead_letters += n;
    mr_op_fail(&inst->ctx, MR_ERR_DATA, "MR%04d: %s (on_error: fail)", code, cause);
    return false;
  default: inst->ctx.counts.dead_letters += n; return inst->outs[MR_OUT_ERRORS].pool != NULL;
  }
}

void mr_reject_rows(struct mr_op_ctx *ctx, const struct mr_view *in, const uint64_t *rows,
                    mr_cause_fn cause) {
  struct mr_instance *inst = ctx->inst;
  uint32_t words = mr_bitmap_words(in->row_cnt);
  uint64_t cnt = mr_bitmap_count(rows, words);
  if (!cnt) return;
  int code = 0;
  char text[256] = "";
  if (inst->node->on_error == MR_ON_ERROR_FAIL) {
    MR_BITMAP_EACH(rows, words, row) {
      code = cause(ctx, (uint32_t)row, text, sizeof text);
      break;
    }
  }
  if (!count_errors(inst, cnt, code, text)) return;
  MR_ASSERT(!inst->reject_rows);
  memcpy(inst->reject_left, rows, words * 8);
  memset(inst->reject_left + words, 0, (MR_BATCH_WORDS - words) * 8);
  inst->reject_rows = inst->reject_left;
  inst->reject_cause = cause;
}

static void describe_row(struct mr_instance *inst, uint32_t row, struct error_row *e, char *text,
                         size_t text_sz) {
  const struct mr_view *v = inst->view;
  memset(e, 0, sizeof *e);
  e->code = inst->reject_cause(&inst->ctx, row, text, text_sz);
  mr_secrets_scrub(inst->run->plan->secrets, text);
  e->cause = text;
  const char *const *labels = inst->run->labels[v->partition]; /* derived rows have none */
  e->source = labels ? labels[v->input] : NULL;
  e->has_pos = v->row_pos != NULL;
  e->pos = v->row_pos ? v->row_pos[row] : 0;
  e->has_line = v->row_line != NULL;
  e->line = v->row_line ? v->row_line[row] : 0;
  if (inst->run->conf.row_text && inst->row_text) {
    const struct mr_schema *in = mr_plan_schema(inst->node, inst->ctx.port);
    size_t len = inst->run->conf.row_text(in, inst->run->region.base, v, row, inst->row_text,
                                          MR_ROW_TEXT_MAX);
    e->row = len ? inst->row_text : NULL;
    e->row_len = (uint32_t)len;
  }
}

bool mr_instance_reject(struct mr_instance *inst) {
  while (inst->reject_rows) {
    if (inst->failed) break;
    if (!mr_instance_ready(inst)) return false;
    struct mr_batch *b = open_batch(inst);
    bool left = false;
    MR_BITMAP_EACH(inst->reject_left, MR_BATCH_WORDS, row) {
      struct error_row e;
      char text[512];
      describe_row(inst, (uint32_t)row, &e, text, sizeof text);
      left = !put_row(inst, b, &e);
      if (left && b->msg.row_cnt == 0) { /* larger than a batch can hold: without the row's text */
        e.row = NULL;
        e.row_len = 0;
        left = !put_row(inst, b, &e);
        MR_ASSERT(!left);
      }
      if (left) break;
      mr_bit_clear(inst->reject_left, (uint32_t)row);
    }
    if (!left) inst->reject_rows = NULL;
    emit_errors(inst, b);
  }
  inst->reject_rows = NULL;
  return true;
}

/* ---- sources ---- */

void mr_instance_reject_emit(struct mr_instance *inst) {
  struct mr_batch *b = inst->error_batch;
  inst->error_batch = NULL;
  if (b && b->msg.row_cnt)
    emit_errors(inst, b);
  else if (b)
    mr_batch_release(inst->worker, b);
}

bool mr_instance_reject_flush(struct mr_instance *inst) {
  if (!inst->error_batch) return true;
  if (!mr_instance_ready(inst)) return false;
  mr_instance_reject_emit(inst);
  return true;
}

bool mr_source_reject(struct mr_op_ctx *ctx, int code, const char *cause, const char *source,
                      uint64_t pos, uint64_t line, const char *raw, uint32_t len,
                      uint64_t raw_bytes) {
  struct mr_instance *inst = ctx->inst;
  if (inst->node->on_error == MR_ON_ERROR_DEAD_LETTER && inst->outs[MR_OUT_ERRORS].pool) {
    if (!inst->error_batch) inst->error_batch = open_batch(inst);
    struct error_row e = {.code = code,
                          .cause = cause,
                          .source = source,
                          .has_pos = true,
                          .pos = pos,
                          .has_line = line != 0,
                          .line = line,
                          .raw = raw,
                          .raw_len = len,
                          .has_raw_bytes = raw_bytes > len || code == CODE_LONG,
                          .raw_bytes = raw_bytes};
    if (!put_row(inst, inst->error_batch, &e)) {
      if (inst->error_batch->msg.row_cnt) return false;
      e.raw_len = len > 4096 ? 4096 : len;
      e.has_raw_bytes = true;
      bool fits = put_row(inst, inst->error_batch, &e);
      MR_ASSERT(fits);
    }
  }
  ctx->counts.rows_in++;
  inst->rows_taken++; /* --count counts it too, so this poll may take one row less */
  if (inst->run->conf.count && ctx->row_max) ctx->row_max--;
  inst->part->last_row_ns = ctx->now_ns;
  count_errors(inst, 1, code, cause);
  return true;
}
