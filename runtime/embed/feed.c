/* SPDX-License-Identifier: Apache-2.0 */
/* feed: rows come from the program that embeds the graph. */
#include <string.h>

#include "base/bits.h"
#include "embed/embed_private.h"

static int feed_plan(struct mr_op_plan *p) {
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->outs[MR_OUT_MAIN].own_batches = true;
  p->outs[MR_OUT_MAIN].heap = true;
  return MR_OK;
}

static enum mr_poll feed_poll(struct mr_op_ctx *ctx) {
  struct mr_graph *graph = ctx->host;
  if (!graph->conf.feed) return MR_POLL_END;
  struct mr_batch *batch = mr_emit_open(ctx, MR_OUT_MAIN);
  struct mr_graph_in in = {.schema = ctx->node->outs[MR_OUT_MAIN].schema,
                           .pool = ctx->pools[MR_OUT_MAIN],
                           .batch = batch,
                           .row_max = ctx->row_max};
  int32_t n = graph->conf.feed(graph->conf.ctx, ctx->node->name, &in);
  if (n <= 0 || (uint32_t)n > in.row_max) {
    mr_emit_cancel(ctx, MR_OUT_MAIN, batch);
    if (n > 0)
      mr_op_fail(ctx, MR_ERR_ARG, "the host fed %d rows where %u were asked for", n, in.row_max);
    return n ? MR_POLL_END : MR_POLL_IDLE;
  }
  batch->msg.row_cnt = (uint32_t)n;
  mr_source_emit(ctx, batch, MR_ET_UNKNOWN, NULL);
  return MR_POLL_ROWS;
}

const struct mr_op mr_op_feed = {
    .name = "feed",
    .help = "takes rows from the program that embeds the graph",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .plan = feed_plan,
    .poll = feed_poll,
};

/* ---- filling rows ---- */

uint32_t mr_graph_in_max(const struct mr_graph_in *in) {
  return in->row_max;
}

uint32_t mr_graph_in_columns(const struct mr_graph_in *in) {
  return in->schema->visible_cnt;
}

int32_t mr_graph_in_column(const struct mr_graph_in *in, const char *name) {
  return mr_schema_find(in->schema, name, strlen(name));
}

bool mr_graph_in_needed(const struct mr_graph_in *in, uint32_t col) {
  return col < in->schema->visible_cnt && in->pool->conf.own[col];
}

static enum mr_phys phys_of(const struct mr_graph_in *in, uint32_t col) {
  return mr_field_phys(&in->schema->fields[col]);
}

static void mark_valid(struct mr_graph_in *in, uint32_t col, uint32_t row, bool valid) {
  uint64_t *words = mr_pool_valid(in->pool, in->batch, col);
  if (row % 64 == 0) words[row / 64] = 0;
  if (valid)
    mr_bit_set(words, row);
  else
    mr_batch_set_valid(in->pool, in->batch, col);
}

static void *cell(struct mr_graph_in *in, uint32_t col, uint32_t row, uint32_t sz) {
  return (uint8_t *)mr_pool_column(in->pool, in->batch, col) + (size_t)row * sz;
}

static void set_bit(struct mr_graph_in *in, uint32_t col, uint32_t row, bool value) {
  uint64_t *words = mr_pool_column(in->pool, in->batch, col);
  if (row % 64 == 0) words[row / 64] = 0;
  if (value) mr_bit_set(words, row);
}

/* True when a value of that form may be set there. */
static bool takes(const struct mr_graph_in *in, uint32_t col, uint32_t row, enum mr_phys phys) {
  return row < in->row_max && mr_graph_in_needed(in, col) && phys_of(in, col) == phys;
}

void mr_graph_in_null(struct mr_graph_in *in, uint32_t col, uint32_t row) {
  if (row >= in->row_max || !mr_graph_in_needed(in, col)) return;
  switch (phys_of(in, col)) {
  case MR_PHYS_BIT: set_bit(in, col, row, false); break;
  case MR_PHYS_CODE: memset(cell(in, col, row, 1), 0, 1); break;
  case MR_PHYS_W8: memset(cell(in, col, row, 8), 0, 8); break;
  default: memset(cell(in, col, row, 16), 0, 16); break;
  }
  mark_valid(in, col, row, false);
}

void mr_graph_in_int(struct mr_graph_in *in, uint32_t col, uint32_t row, int64_t value) {
  if (!takes(in, col, row, MR_PHYS_W8)) return;
  memcpy(cell(in, col, row, 8), &value, 8);
  mark_valid(in, col, row, true);
}

void mr_graph_in_double(struct mr_graph_in *in, uint32_t col, uint32_t row, double value) {
  if (!takes(in, col, row, MR_PHYS_W8)) return;
  memcpy(cell(in, col, row, 8), &value, 8);
  mark_valid(in, col, row, true);
}

void mr_graph_in_bool(struct mr_graph_in *in, uint32_t col, uint32_t row, bool value) {
  if (!takes(in, col, row, MR_PHYS_BIT)) return;
  set_bit(in, col, row, value);
  mark_valid(in, col, row, true);
}

void mr_graph_in_code(struct mr_graph_in *in, uint32_t col, uint32_t row, uint8_t code) {
  if (!takes(in, col, row, MR_PHYS_CODE) || code >= in->schema->fields[col].codes->cnt) return;
  memcpy(cell(in, col, row, 1), &code, 1);
  mark_valid(in, col, row, true);
}

static bool set_code_of(struct mr_graph_in *in, uint32_t col, uint32_t row, const char *text,
                        uint32_t len) {
  const struct mr_enum *codes = in->schema->fields[col].codes;
  for (uint32_t i = 0; i < codes->cnt; i++)
    if (codes->lens[i] == len && memcmp(codes->texts[i], text, len) == 0) {
      mr_graph_in_code(in, col, row, (uint8_t)i);
      return true;
    }
  return false;
}

bool mr_graph_in_str(struct mr_graph_in *in, uint32_t col, uint32_t row, const char *text,
                     uint32_t len) {
  if (row >= in->row_max || !mr_graph_in_needed(in, col)) return true;
  if (phys_of(in, col) == MR_PHYS_CODE) return set_code_of(in, col, row, text, len);
  if (phys_of(in, col) != MR_PHYS_STR) return false;
  if (!mr_batch_str(in->pool, in->batch, text, len, cell(in, col, row, 16))) return false;
  mark_valid(in, col, row, true);
  return true;
}

void *mr_graph_in_values(struct mr_graph_in *in, uint32_t col) {
  if (!mr_graph_in_needed(in, col)) return NULL;
  enum mr_phys phys = phys_of(in, col);
  if (phys != MR_PHYS_W8 && phys != MR_PHYS_CODE) return NULL;
  return mr_pool_column(in->pool, in->batch, col);
}
