/* SPDX-License-Identifier: Apache-2.0 */
/* columns: rows from columns that lie in memory already. Its batches own nothing: their columns
 * point into the lent ones. */
#include "op/columns.h"

#include <string.h>
#include <sys/mman.h>

#include "base/bits.h"
#include "graph/opt.h"
#include "op/bench_op.h"
#include "worker/ctx.h"
#include "worker/run.h"

#define HUGE     (UINT64_C(2) << 20)
#define COLS_MAX 16u
#define AHEAD    2048 /* rows between what is looked at and what is asked for */

struct columns_conf {
  int64_t rows, batch;
};

struct lent {
  uint64_t off; /* in the region, aligned to 2 MiB; 0: nobody reads it */
  uint64_t sz;
  uint32_t width; /* bytes of a value */
  void *data;     /* where the pages came from; NULL: they have not */
};

struct columns {
  const struct mr_region *region;
  const struct mr_schema *schema;
  mr_bench_look_fn *look;
  uint64_t at, rows;
  uint32_t batch, col_cnt, ask_cnt;
  int32_t time_col;
  uint32_t ask[COLS_MAX]; /* columns that somebody reads */
  struct lent cols[COLS_MAX];
};

#define AT(member) MR_OPT_AT(struct columns_conf, member)
static const struct mr_opt columns_opts[] = {{"rows", MR_OPT_INT64, AT(rows), .required = true,
                                              .min = 1, .max = 1e12, .help = "rows of each column"},
                                             {"batch", MR_OPT_INT64, AT(batch), .def = "1024",
                                              .min = 1, .max = MR_BATCH_ROWS,
                                              .help = "rows of a batch"},
                                             MR_OPT_END};

static int columns_plan(struct mr_op_plan *p) {
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->outs[MR_OUT_MAIN].own_batches = true;
  p->outs[MR_OUT_MAIN].own = MR_NEW(p->arena, bool, p->in->cnt + 1);
  return MR_OK;
}

static int columns_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  static mr_bench_look_fn *const looks[MR_ISA_CNT] = {mr_bench_look_v2, mr_bench_look_v3,
                                                      mr_bench_look_v4};
  const struct columns_conf *conf = ctx->conf;
  struct columns *self = ctx->self;
  const struct mr_plan_out *out = &ctx->node->outs[MR_OUT_MAIN];
  self->region = ctx->region;
  self->schema = out->schema;
  self->look = looks[ctx->isa];
  self->rows = (uint64_t)conf->rows;
  self->batch = (uint32_t)conf->batch;
  self->time_col = out->schema->event_time;
  self->col_cnt = out->schema->cnt;
  if (self->col_cnt > COLS_MAX)
    return mr_error_set(err, MR_ERR_LIMIT, "more than %u columns", COLS_MAX);
  for (uint32_t c = 0; c < self->col_cnt; c++) {
    struct lent *col = &self->cols[c];
    col->width = mr_phys_column_sz(mr_field_phys(&out->schema->fields[c])) / MR_BATCH_ROWS;
    if (!out->need[c] || !col->width) continue;
    col->sz = mr_align_up(self->rows * col->width, 4096);
    uint64_t off = mr_region_reserve(ctx->region_rw, col->sz + HUGE, "columns");
    if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for a column");
    col->off = mr_align_up(off, HUGE); /* the region's base is aligned to 2 MiB */
    self->ask[self->ask_cnt++] = c;
  }
  return MR_OK;
}

static enum mr_poll columns_poll(struct mr_op_ctx *ctx) {
  struct columns *self = ctx->self;
  uint64_t left = self->rows - self->at;
  if (!left) return MR_POLL_END;
  uint32_t n = self->batch < ctx->row_max ? self->batch : ctx->row_max;
  if (left < n) n = (uint32_t)left;
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  struct mr_bench_ahead ahead[COLS_MAX];
  for (uint32_t i = 0; i < self->ask_cnt; i++) {
    const struct lent *col = &self->cols[self->ask[i]];
    uint64_t off = col->off + self->at * col->width;
    b->cols[self->ask[i]].data_off = off;
    ahead[i] = (struct mr_bench_ahead){(const uint8_t *)mr_region_ptr(self->region, off) +
                                           AHEAD * (uint64_t)col->width,
                                       col->width};
  }
  const int64_t *ts = NULL;
  if (self->time_col >= 0 && self->cols[self->time_col].off)
    ts = mr_region_ptr(self->region, b->cols[self->time_col].data_off);
  struct mr_bench_bounds r = self->look(ts, n, ahead, self->ask_cnt);
  if (ts) {
    b->et_min = r.min;
    b->et_max = r.max;
  }
  b->msg.row_cnt = n;
  self->at += n;
  mr_source_emit(ctx, b, r.ordered ? MR_ET_ORDERED : MR_ET_BOUNDS, NULL);
  return MR_POLL_ROWS;
}

/* Moves pages and leaves the place that they leave mapped, so that nothing else comes to lie there.
 */
static bool move_pages_to(void *from, uint64_t sz, void *to) {
  return mremap(from, sz, sz, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}

int mr_bench_columns_lend(struct mr_run *run, const char *node, const char *column, void *data) {
  struct columns *self = mr_run_self(run, node, 0);
  int32_t c = self ? mr_schema_find(self->schema, column, strlen(column)) : -1;
  if (c < 0) return MR_ERR_NOENT;
  struct lent *col = &self->cols[c];
  if (!col->off) return MR_OK;
  if (!move_pages_to(data, col->sz, mr_region_ptr(self->region, col->off))) return MR_ERR_NOMEM;
  col->data = data;
  return MR_OK;
}

static void columns_fini(struct mr_op_ctx *ctx) {
  struct columns *self = ctx->self;
  for (uint32_t c = 0; c < self->col_cnt && c < COLS_MAX; c++) {
    struct lent *col = &self->cols[c];
    if (col->data) (void)move_pages_to(mr_region_ptr(self->region, col->off), col->sz, col->data);
    col->data = NULL;
  }
}

const struct mr_op mr_bench_op_columns = {
    .name = "columns",
    .help = "rows from columns in memory",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .opts = columns_opts,
    .conf_sz = sizeof(struct columns_conf),
    .self_sz = sizeof(struct columns),
    .plan = columns_plan,
    .init = columns_init,
    .poll = columns_poll,
    .fini = columns_fini,
};
