/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of rows, and rows without a match, as output batches. */
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "operators/join/join.h"

/* A column of one side, wherever its rows come from. */
struct source {
  const void *data; /* of a view */
  const uint64_t *valid;
  const uint32_t *idx;
  const struct mr_held_row *const *held; /* or of held rows */
  uint32_t off, bit, bits_off;
};

/* False: all rows are NULL. */
static bool find_source(const struct mr_join_out *o, uint32_t side, uint32_t col,
                        struct source *s) {
  const struct mr_join_rows *rows = &o->rows[side];
  *s = (struct source){.bit = UINT32_MAX};
  if (rows->view) {
    s->data = rows->view->cols[col].data;
    s->valid = rows->view->cols[col].valid;
    s->idx = rows->idx + o->pos;
    return true;
  }
  if (!rows->form) return false;
  const struct mr_held_col *c = &rows->form->cols[o->kept[side][col]];
  s->held = rows->held + o->pos;
  s->off = c->off;
  s->bit = c->bit;
  s->bits_off = rows->form->bits_off;
  return true;
}

static bool is_null(const struct source *s, uint32_t i) {
  if (!s->held) return s->valid && !mr_bit_get(s->valid, s->idx[i]);
  if (s->bit == UINT32_MAX) return false;
  const uint8_t *row = (const uint8_t *)s->held[i];
  return ((const uint64_t *)(const void *)(row + s->bits_off))[s->bit / 64] >> s->bit % 64 & 1;
}

static const void *cell(const struct source *s, uint32_t i, uint32_t sz) {
  if (s->held) return (const uint8_t *)s->held[i] + s->off;
  return (const uint8_t *)s->data + (size_t)s->idx[i] * sz;
}

/* ---- columns ---- */

static void fill_w8(const struct source *s, uint64_t *to, uint32_t n) {
  if (!s->held) {
    for (uint32_t i = 0; i < n; i++) to[i] = ((const uint64_t *)s->data)[s->idx[i]];
    return;
  }
  for (uint32_t i = 0; i < n; i++) memcpy(&to[i], (const uint8_t *)s->held[i] + s->off, 8);
}

static void fill_bits(const struct source *s, uint64_t *to, uint32_t n) {
  memset(to, 0, MR_BATCH_ROWS / 8);
  for (uint32_t i = 0; i < n; i++) {
    bool bit = s->held ? *(const uint8_t *)cell(s, i, 1) : mr_bit_get(s->data, s->idx[i]);
    if (bit) mr_bit_set(to, i);
  }
}

static void fill_codes(const struct source *s, uint8_t *to, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) to[i] = *(const uint8_t *)cell(s, i, 1);
}

/* Both return how many found room in the batch's heap. */
static uint32_t fill_strs(const struct source *s, struct mr_op_ctx *ctx, struct mr_batch *b,
                          struct mr_str *to, uint32_t n) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  for (uint32_t i = 0; i < n; i++) {
    memcpy(&to[i], cell(s, i, sizeof *to), sizeof *to);
    if (to[i].len <= MR_STR_INLINE) continue;
    const char *text = mr_str_data(&to[i], ctx->region->base);
    if (is_null(s, i))
      memset(&to[i], 0, sizeof *to);
    else if (!mr_batch_str(pool, b, text, to[i].len, &to[i]))
      return i;
  }
  return n;
}

static uint32_t fill_lists(const struct source *s, struct mr_op_ctx *ctx, struct mr_batch *b,
                           const struct mr_field *field, struct mr_list *to, uint32_t n) {
  static const struct mr_range all = {0, UINT64_MAX};
  for (uint32_t i = 0; i < n; i++) {
    struct mr_list list;
    memset(&to[i], 0, sizeof *to);
    if (is_null(s, i)) continue;
    memcpy(&list, cell(s, i, sizeof list), sizeof list);
    if (!mr_batch_list(ctx->pools[MR_OUT_MAIN], b, &list, mr_field_elem_sz(field), all, all,
                       &to[i]))
      return i;
  }
  return n;
}

static void fill_nulls(struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t c, enum mr_phys phys) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  memset(mr_pool_column(pool, b, c), 0, mr_phys_column_sz(phys));
  memset(mr_pool_valid(pool, b, c), 0, MR_BATCH_ROWS / 8);
  mr_batch_set_valid(pool, b, c);
}

static void fill_valid(const struct source *s, struct mr_op_ctx *ctx, struct mr_batch *b,
                       uint32_t c, uint32_t n) {
  if (s->held ? s->bit == UINT32_MAX : !s->valid) return;
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  uint64_t *valid = mr_pool_valid(pool, b, c);
  memset(valid, 0, MR_BATCH_ROWS / 8);
  for (uint32_t i = 0; i < n; i++)
    if (!is_null(s, i)) mr_bit_set(valid, i);
  mr_batch_set_valid(pool, b, c);
}

/* Values of a column whose rows take no room in the heap. */
static void fill_plain(const struct mr_join_out *o, struct mr_op_ctx *ctx, struct mr_batch *b,
                       uint32_t c, uint32_t n) {
  const struct mr_join_col *col = &o->plan->cols[c];
  enum mr_phys phys = mr_field_phys(&o->plan->out->fields[c]);
  void *to = mr_pool_column(ctx->pools[MR_OUT_MAIN], b, c);
  struct source s;
  if (!find_source(o, col->from, col->col, &s)) {
    fill_nulls(ctx, b, c, phys);
    return;
  }
  if (phys == MR_PHYS_W8) fill_w8(&s, to, n);
  if (phys == MR_PHYS_CODE) fill_codes(&s, to, n);
  if (phys == MR_PHYS_BIT) fill_bits(&s, to, n);
  fill_valid(&s, ctx, b, c, n);
}

/* ---- time ---- */

static int64_t time_of(const struct mr_join_out *o, uint32_t side, uint32_t i) {
  const struct mr_join_rows *rows = &o->rows[side];
  if (rows->view) return MR_COL(rows->view, o->plan->sides[side].et, int64_t)[rows->idx[i]];
  return rows->form ? rows->held[i]->us : MR_TIME_NONE;
}

static void fill_windows(const struct mr_join_out *o, struct mr_op_ctx *ctx, struct mr_batch *b,
                         uint32_t c, const int64_t *et, uint32_t n) {
  const struct mr_join_plan *plan = o->plan;
  int64_t *to = mr_pool_column(ctx->pools[MR_OUT_MAIN], b, c), offset = plan->offset_us;
  int64_t more = plan->cols[c].from == MR_JOIN_WINDOW_END ? plan->window_us : 0;
  for (uint32_t i = 0; i < n; i++) {
    int64_t rem = (et[i] - offset) % plan->window_us;
    to[i] = et[i] - (rem < 0 ? rem + plan->window_us : rem) + more;
  }
}

/* Event times of n rows: the later one of the two. */
static void find_times(const struct mr_join_out *o, int64_t *et, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    int64_t left = time_of(o, 0, o->pos + i), right = time_of(o, 1, o->pos + i);
    et[i] = mr_in_time_clamp(left > right ? left : right);
  }
}

static void set_head(const struct mr_join_out *o, struct mr_op_ctx *ctx, struct mr_batch *b,
                     const int64_t *et, uint32_t n) {
  const struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  int32_t c = o->plan->out->event_time;
  b->msg.row_cnt = n;
  b->msg.t0_ns = o->t0_ns;
  b->et_min = b->et_max = MR_TIME_NONE;
  if (c < 0) return;
  b->et_min = INT64_MAX;
  b->et_max = INT64_MIN;
  for (uint32_t i = 0; i < n; i++) {
    b->et_min = et[i] < b->et_min ? et[i] : b->et_min;
    b->et_max = et[i] > b->et_max ? et[i] : b->et_max;
  }
  if (pool->col_data_off[c]) memcpy(mr_pool_column(pool, b, (uint32_t)c), et, n * sizeof *et);
}

/* ---- batches ---- */

/* Strings and lists first: they may not find room for all rows. Returns for how many. */
static uint32_t fill_heap(const struct mr_join_out *o, struct mr_op_ctx *ctx, struct mr_batch *b,
                          uint32_t n) {
  const struct mr_schema *out = o->plan->out;
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  for (uint32_t c = 0; c < out->visible_cnt && n; c++) {
    const struct mr_field *f = &out->fields[c];
    enum mr_phys phys = mr_field_phys(f);
    struct source s;
    if (!pool->col_data_off[c] || (phys != MR_PHYS_STR && phys != MR_PHYS_LIST)) continue;
    void *to = mr_pool_column(pool, b, c);
    if (!find_source(o, o->plan->cols[c].from, o->plan->cols[c].col, &s)) continue;
    n = phys == MR_PHYS_STR ? fill_strs(&s, ctx, b, to, n) : fill_lists(&s, ctx, b, f, to, n);
  }
  return n;
}

static void fill_rest(const struct mr_join_out *o, struct mr_op_ctx *ctx, struct mr_batch *b,
                      const int64_t *et, uint32_t n) {
  for (uint32_t c = 0; c < o->plan->out->visible_cnt; c++) {
    if (!ctx->pools[MR_OUT_MAIN]->col_data_off[c]) continue;
    if (o->plan->cols[c].from == MR_JOIN_NUMBER)
      memcpy(mr_pool_column(ctx->pools[MR_OUT_MAIN], b, c), o->numbers + o->pos,
             n * sizeof *o->numbers);
    else if (o->plan->cols[c].from <= MR_JOIN_OF_RIGHT)
      fill_plain(o, ctx, b, c, n);
    else
      fill_windows(o, ctx, b, c, et, n);
  }
}

/* The row at hand is larger than any batch. */
static void report_large(struct mr_join_out *o, struct mr_op_ctx *ctx) {
  struct mr_error_row row = {MR_KEYED_CODE_LARGE,
                             "the strings and lists of one row are larger than a batch can hold"};
  o->errors.t0_ns = o->t0_ns;
  mr_error_rows(ctx, &o->errors, &row, 1);
  o->pos++;
}

bool mr_join_emit(struct mr_join_out *o, struct mr_op_ctx *ctx) {
  int64_t et[MR_BATCH_ROWS];
  uint32_t want = o->cnt - o->pos, n = 0;
  if (!want) return false;
  struct mr_batch *b = NULL;
  /* Columns fill the heap one after another: when the first has taken all of it, again with fewer
   * rows. */
  for (; want && !n; want /= 2) {
    b = mr_emit_open(ctx, MR_OUT_MAIN);
    n = fill_heap(o, ctx, b, want);
    if (!n) mr_emit_cancel(ctx, MR_OUT_MAIN, b);
  }
  if (!n) {
    report_large(o, ctx);
    return o->pos < o->cnt;
  }
  find_times(o, et, n);
  fill_rest(o, ctx, b, et, n);
  set_head(o, ctx, b, et, n);
  o->pos += n;
  if (o->pos < o->cnt) ctx->more = true;
  mr_emit_batch(ctx, MR_OUT_MAIN, b, NULL);
  return o->pos < o->cnt;
}
