/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/window/output.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"

#define ERRORS_AT_ONCE 128u /* whose texts fit in one block of a batch's heap */

/* ---- init ---- */

/* Which inner columns somebody reads: output columns that are needed, as they are or through
 * select. */
static void find_used(struct mr_output *o) {
  const struct mr_keyed_plan *plan = o->plan;
  for (uint32_t c = 0; c < plan->head_cnt; c++) o->inner[c].used = o->need[c];
  for (uint32_t i = 0; i < plan->select_cnt; i++) {
    if (!o->need[plan->head_cnt + i]) continue;
    for (uint32_t c = 0; c < plan->inner->cnt; c++) o->inner[c].used |= plan->selects[i]->reads[c];
  }
}

int mr_output_init(struct mr_output *o, struct mr_op_ctx *ctx, const struct mr_keyed_plan *plan,
                   struct mr_error *err) {
  uint32_t cnt = plan->inner->cnt;
  o->plan = plan;
  o->frontier_us = o->frontier_end_us = MR_TIME_NONE;
  o->need = ctx->node->outs[MR_OUT_MAIN].need;
  o->inner = MR_NEW(ctx->arena, struct mr_output_col, cnt + 1);
  o->cols = MR_NEW(ctx->arena, struct mr_col, cnt + 1);
  o->vecs = MR_NEW(ctx->arena, struct mr_vec, plan->select_cnt + 1);
  for (uint32_t c = 0; c < cnt; c++) {
    uint64_t sz = mr_phys_column_sz(mr_field_phys(&plan->inner->fields[c]));
    uint64_t off = mr_region_alloc(ctx->region_rw, sz + 2 * (MR_BATCH_ROWS / 8), MR_CACHE_LINE,
                                   "rows of groups");
    if (!off)
      return mr_error_set(err, MR_ERR_NOMEM, "%s: no memory for rows of groups", ctx->node->name);
    o->inner[c].data = mr_region_ptr(ctx->region, off);
    o->inner[c].valid = mr_region_ptr(ctx->region, off + sz);
    o->inner[c].err = mr_region_ptr(ctx->region, off + sz + MR_BATCH_ROWS / 8);
  }
  find_used(o);
  return mr_expr_frame_init(&o->frame, ctx->arena, ctx->region_rw, plan->selects, plan->select_cnt,
                            ctx->isa, "select", err);
}

void mr_output_because(struct mr_output *o, struct mr_op_ctx *ctx, const struct mr_view *in) {
  if (!in) {
    o->now_us = ctx->now_us;
    o->t0_ns = ctx->now_ns;
    return;
  }
  uint32_t last = in->row_cnt - 1;
  o->source = in->source;
  o->now_us = in->row_now ? in->row_now[last] : in->now_us;
  o->t0_ns = in->row_t0 ? in->row_t0[last] : in->t0_ns;
}

/* ---- inner rows ---- */

static void fill_times(struct mr_output *o, uint32_t n) {
  memcpy(o->inner[0].data, o->start_us + o->pos, n * sizeof *o->start_us);
  memcpy(o->inner[1].data, o->end_us + o->pos, n * sizeof *o->end_us);
}

static void fill_keys(struct mr_output *o, uint32_t n) {
  const uint64_t *keys[MR_BATCH_ROWS];
  for (uint32_t i = 0; i < n; i++) keys[i] = o->rows[o->pos + i]->key;
  for (uint32_t k = 0; k < o->plan->keys.cnt; k++) {
    struct mr_output_col *col = &o->inner[o->plan->first_key + k];
    if (col->used)
      col->has_null = mr_keys_column(&o->plan->keys, k, keys, n, col->data, col->valid);
  }
}

/* Makes the inner columns of n rows; returns how many fit into the batch's heap. */
static uint32_t fill_inner(struct mr_output *o, struct mr_op_ctx *ctx, const struct mr_space *space,
                           struct mr_batch *b, uint32_t n) {
  const struct mr_keyed_plan *plan = o->plan;
  if (plan->windowed) fill_times(o, n);
  fill_keys(o, n);
  memset(o->err, 0, sizeof o->err);
  uint32_t first = plan->first_key + plan->keys.cnt;
  for (uint32_t c = 0; c < plan->folds.cnt; c++) {
    struct mr_output_col *col = &o->inner[first + c];
    if (!col->used) continue;
    struct mr_fold_out out = {.data = col->data,
                              .valid = col->valid,
                              .err = col->err,
                              .pool = ctx->pools[MR_OUT_MAIN],
                              .batch = b};
    n = mr_fold_column(space, &plan->folds.items[c], o->rows + o->pos, n, &out);
    col->has_null = out.has_null;
    for (uint32_t w = 0; out.has_err && w < MR_BATCH_WORDS; w++) o->err[w] |= col->err[w];
    if (!n) return 0;
  }
  for (uint32_t c = 0; c < plan->inner->cnt; c++)
    o->cols[c] = (struct mr_col){.data = o->inner[c].used ? o->inner[c].data : NULL,
                                 .valid = o->inner[c].has_null ? o->inner[c].valid : NULL};
  return n;
}

static void evaluate(struct mr_output *o, struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t n) {
  struct mr_view view = {.cols = o->cols,
                         .row_cnt = n,
                         .sel_cnt = n,
                         .batch = b,
                         .source = o->source,
                         .partition = ctx->node->partition_first,
                         .et_min = MR_TIME_NONE,
                         .et_max = MR_TIME_NONE,
                         .now_us = o->now_us,
                         .t0_ns = o->t0_ns};
  uint64_t all[MR_BATCH_WORDS];
  memset(all, 0, sizeof all);
  mr_bitmap_fill(all, n);
  for (uint32_t w = 0; w < MR_BATCH_WORDS; w++) o->err[w] &= all[w];
  o->frame.now_us = ctx->now_us;
  o->frame.now_alone = !ctx->virtual_clock;
  mr_expr_frame_reset(&o->frame);
  for (uint32_t i = 0; i < o->plan->select_cnt; i++) {
    if (!o->need[o->plan->head_cnt + i]) continue;
    uint32_t errors = mr_expr_eval(o->plan->selects[i], &o->frame, &view, &o->vecs[i]);
    for (uint32_t w = 0; errors && w < mr_bitmap_words(n); w++) o->err[w] |= o->vecs[i].err[w];
  }
}

/* ---- rows in error ---- */

static int describe(const struct mr_output *o, uint32_t row, char *text, size_t sz) {
  const struct mr_keyed_plan *plan = o->plan;
  uint32_t first = plan->first_key + plan->keys.cnt;
  for (uint32_t c = 0; c < plan->folds.cnt; c++) {
    if (!o->inner[first + c].used || !mr_bit_get(o->inner[first + c].err, row)) continue;
    snprintf(text, sz, "the %s is beyond 64 bits",
             plan->folds.items[c].func == MR_FOLD_AVG ? "avg" : "sum");
    return MR_EXPR_ROW_OVERFLOW;
  }
  for (uint32_t i = 0; i < plan->select_cnt; i++) {
    if (!o->need[plan->head_cnt + i]) continue;
    int code = mr_expr_cause(plan->selects[i], &o->frame, row, text, sz);
    if (code) return code;
  }
  return 0;
}

static void take_out(struct mr_output *o, uint32_t at) {
  memmove(o->rows + at, o->rows + at + 1, (o->cnt - at - 1) * sizeof *o->rows);
  memmove(o->start_us + at, o->start_us + at + 1, (o->cnt - at - 1) * sizeof *o->start_us);
  memmove(o->end_us + at, o->end_us + at + 1, (o->cnt - at - 1) * sizeof *o->end_us);
  o->cnt--;
}

/* Reports some of the rows in error and takes them out of those that wait. */
static void report(struct mr_output *o, struct mr_op_ctx *ctx, uint32_t n) {
  struct mr_error_row rows[ERRORS_AT_ONCE];
  char texts[ERRORS_AT_ONCE][MR_EXPR_CAUSE_SZ];
  uint32_t cnt = 0, places[ERRORS_AT_ONCE];
  for (uint32_t i = 0; i < n && cnt < ERRORS_AT_ONCE; i++) {
    if (!mr_bit_get(o->err, i)) continue;
    rows[cnt] = (struct mr_error_row){describe(o, i, texts[cnt], sizeof texts[cnt]), texts[cnt]};
    places[cnt++] = i;
  }
  MR_ASSERT(cnt > 0);
  mr_error_rows(ctx, o, rows, cnt);
  while (cnt-- > 0) take_out(o, o->pos + places[cnt]);
}

/* The first row alone does not fit into a batch. */
static void report_large(struct mr_output *o, struct mr_op_ctx *ctx) {
  struct mr_error_row row = {MR_KEYED_CODE_LARGE,
                             "the lists and strings of one row are larger than a batch can hold"};
  mr_error_rows(ctx, o, &row, 1);
  take_out(o, o->pos);
}

/* ---- output columns ---- */

static struct mr_col source_of(const struct mr_output *o, uint32_t c) {
  if (c < o->plan->head_cnt) return o->cols[c];
  const struct mr_vec *vec = &o->vecs[c - o->plan->head_cnt];
  return (struct mr_col){vec->data, vec->valid};
}

/* Copies n strings; returns how many found room. */
static uint32_t put_strings(struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t c,
                            const struct mr_str *from, uint32_t n) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  struct mr_str *to = mr_pool_column(pool, b, c);
  const uint8_t *base = ctx->region->base;
  memcpy(to, from, n * sizeof *to);
  for (uint32_t i = 0; i < n; i++)
    if (to[i].len > MR_STR_INLINE &&
        !mr_batch_str(pool, b, mr_str_data(&from[i], base), from[i].len, &to[i]))
      return i;
  return n;
}

/* The same for lists that select made; those that aggregates made are in the heap already. */
static uint32_t put_lists(struct mr_output *o, struct mr_op_ctx *ctx, struct mr_batch *b,
                          uint32_t c, const struct mr_list *from, uint32_t n) {
  static const struct mr_range all = {0, UINT64_MAX};
  struct mr_list *to = mr_pool_column(ctx->pools[MR_OUT_MAIN], b, c);
  uint32_t sz = mr_field_elem_sz(&o->plan->out->fields[c]);
  struct mr_range made = mr_expr_frame_range(&o->frame);
  for (uint32_t i = 0; i < n; i++)
    if (!mr_batch_list(ctx->pools[MR_OUT_MAIN], b, &from[i], sz, made, all, &to[i])) return i;
  return n;
}

static void put_bits(uint64_t *to, const uint64_t *from, uint32_t n) {
  uint32_t words = mr_bitmap_words(n);
  memcpy(to, from, words * sizeof *to);
  if (n % 64) to[words - 1] &= (UINT64_C(1) << n % 64) - 1;
}

static void put_values(struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t c,
                       const struct mr_col *from, enum mr_phys phys, uint32_t n) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  void *to = mr_pool_column(pool, b, c);
  switch (phys) {
  case MR_PHYS_BIT: put_bits(to, from->data, n); break;
  case MR_PHYS_CODE: memcpy(to, from->data, n); break;
  case MR_PHYS_W8: memcpy(to, from->data, n * sizeof(int64_t)); break;
  case MR_PHYS_LIST:
  case MR_PHYS_STR: break; /* put_strings and put_lists have been there */
  }
  if (!from->valid) return;
  put_bits(mr_pool_valid(pool, b, c), from->valid, n);
  mr_batch_set_valid(pool, b, c);
}

/* Fills the batch's columns with n rows; returns how many found room for their strings. */
static uint32_t fill_batch(struct mr_output *o, struct mr_op_ctx *ctx, struct mr_batch *b,
                           uint32_t n) {
  const struct mr_schema *out = o->plan->out;
  const struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  for (uint32_t c = 0; c < out->visible_cnt && n; c++) {
    enum mr_phys phys = mr_field_phys(&out->fields[c]);
    if (!pool->col_data_off[c]) continue;
    if (phys == MR_PHYS_STR) n = put_strings(ctx, b, c, source_of(o, c).data, n);
    if (phys == MR_PHYS_LIST) n = put_lists(o, ctx, b, c, source_of(o, c).data, n);
  }
  for (uint32_t c = 0; c < out->visible_cnt && n; c++) {
    if (!pool->col_data_off[c]) continue;
    struct mr_col from = source_of(o, c);
    put_values(ctx, b, c, &from, mr_field_phys(&out->fields[c]), n);
  }
  return n;
}

static void set_head(struct mr_output *o, struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t n) {
  const struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  int32_t et = o->plan->out->event_time;
  b->msg.row_cnt = n;
  b->msg.source = o->source;
  b->msg.partition = ctx->node->partition_first;
  b->msg.now_us = o->now_us;
  b->msg.t0_ns = o->t0_ns;
  b->msg.frontier_in = b->msg.frontier_out = o->frontier_us;
  b->et_min = b->et_max = MR_TIME_NONE;
  if (et < 0) return;
  int64_t *to = pool->col_data_off[et] ? mr_pool_column(pool, b, (uint32_t)et) : NULL;
  int64_t lo = INT64_MAX, hi = INT64_MIN;
  for (uint32_t i = 0; i < n; i++) {
    int64_t us = o->end_us[o->pos + i] - 1;
    lo = us < lo ? us : lo;
    hi = us > hi ? us : hi;
    if (to) to[i] = us;
  }
  b->et_min = lo;
  b->et_max = hi;
}

static void refill(struct mr_output *o, struct mr_op_ctx *ctx, mr_output_more_fn more) {
  if (o->pos < o->cnt) return;
  o->pos = 0;
  o->cnt = more(ctx, o->rows, o->start_us, o->end_us, MR_BATCH_ROWS);
}

/* Fills a batch with rows that wait, from want down to what its heap holds. Sets *batch to NULL
 * when there are rows in error, or (returning 0) when one row alone is too large. */
static uint32_t make_batch(struct mr_output *o, struct mr_op_ctx *ctx, const struct mr_space *space,
                           struct mr_batch **batch) {
  uint32_t want = o->cnt - o->pos;
  for (;;) {
    struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
    uint32_t n = fill_inner(o, ctx, space, b, want), sent = 0;
    *batch = b;
    if (n) {
      evaluate(o, ctx, b, n);
      if (!mr_bitmap_count(o->err, MR_BATCH_WORDS))
        sent = fill_batch(o, ctx, b, n);
      else
        *batch = NULL;
    }
    if (sent) return sent;
    mr_emit_cancel(ctx, MR_OUT_MAIN, b);
    if (!*batch) return n;
    *batch = NULL;
    if (want == 1) return 0;
    want = n > 1 ? n / 2 : 1; /* lists of all rows have taken the room of the first row's strings */
  }
}

bool mr_output_emit(struct mr_output *o, struct mr_op_ctx *ctx, const struct mr_space *space,
                    mr_output_more_fn more) {
  struct mr_batch *b;
  refill(o, ctx, more);
  if (o->pos == o->cnt) return false;
  uint32_t n = make_batch(o, ctx, space, &b);
  if (!b) {
    if (n)
      report(o, ctx, n);
    else
      report_large(o, ctx);
    return true;
  }
  set_head(o, ctx, b, n);
  o->pos += n;
  refill(o, ctx, more);
  bool last = o->pos == o->cnt;
  if (last) b->msg.frontier_out = o->frontier_end_us;
  mr_emit_batch(ctx, MR_OUT_MAIN, b, NULL);
  return !last;
}
