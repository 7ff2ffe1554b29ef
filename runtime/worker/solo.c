/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/solo.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "graph/opt.h"
#include "worker/ctx.h"
#include "worker/worker_private.h"

#define OPS_MAX 128

struct mr_solo {
  struct mr_solo_conf conf;
  struct mr_arena arena;
  struct mr_diags diags;
  const struct mr_op *ops[OPS_MAX];
  struct mr_op_table table;
  const struct mr_plan *plan;
  struct mr_run *run;
  struct mr_rng rng;
};

/* ---- feed ---- */

static int feed_plan(struct mr_op_plan *p) {
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->outs[MR_OUT_MAIN].own_batches = true;
  p->outs[MR_OUT_MAIN].heap = true;
  return MR_OK;
}

static enum mr_poll feed_poll(struct mr_op_ctx *ctx) {
  struct mr_solo *solo = ctx->host;
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  struct mr_feed feed = {.node = ctx->node->name,
                         .schema = ctx->node->outs[MR_OUT_MAIN].schema,
                         .need = ctx->pools[MR_OUT_MAIN]->conf.own,
                         .pool = ctx->pools[MR_OUT_MAIN],
                         .batch = b,
                         .row_max = ctx->row_max};
  int32_t n = solo->conf.feed(solo->conf.ctx, &feed);
  if (n <= 0) {
    mr_emit_cancel(ctx, MR_OUT_MAIN, b);
    return n < 0 ? MR_POLL_END : MR_POLL_IDLE;
  }
  b->msg.row_cnt = (uint32_t)n;
  mr_source_emit(ctx, b, MR_ET_UNKNOWN, NULL);
  return MR_POLL_ROWS;
}

static void mark_valid(struct mr_feed *f, uint32_t col, uint32_t row, bool valid) {
  uint64_t *words = mr_pool_valid(f->pool, f->batch, col);
  if (row % 64 == 0) words[row / 64] = 0;
  if (valid) {
    mr_bit_set(words, row);
    return;
  }
  mr_batch_set_valid(f->pool, f->batch, col);
}

static void *cell(struct mr_feed *f, uint32_t col, uint32_t row, uint32_t sz) {
  return (uint8_t *)mr_pool_column(f->pool, f->batch, col) + (size_t)row * sz;
}

static void set_bit(struct mr_feed *f, uint32_t col, uint32_t row, bool v) {
  uint64_t *words = mr_pool_column(f->pool, f->batch, col);
  if (row % 64 == 0) words[row / 64] = 0;
  if (v) mr_bit_set(words, row);
}

void mr_feed_null(struct mr_feed *f, uint32_t col, uint32_t row) {
  if (!f->need[col]) return;
  switch (mr_field_phys(&f->schema->fields[col])) {
  case MR_PHYS_BIT: set_bit(f, col, row, false); break;
  case MR_PHYS_CODE: memset(cell(f, col, row, 1), 0, 1); break;
  case MR_PHYS_W8: memset(cell(f, col, row, 8), 0, 8); break;
  default: memset(cell(f, col, row, 16), 0, 16); break;
  }
  mark_valid(f, col, row, false);
}

void mr_feed_int(struct mr_feed *f, uint32_t col, uint32_t row, int64_t v) {
  if (!f->need[col]) return;
  memcpy(cell(f, col, row, 8), &v, 8);
  mark_valid(f, col, row, true);
}

void mr_feed_double(struct mr_feed *f, uint32_t col, uint32_t row, double v) {
  if (!f->need[col]) return;
  memcpy(cell(f, col, row, 8), &v, 8);
  mark_valid(f, col, row, true);
}

void mr_feed_bool(struct mr_feed *f, uint32_t col, uint32_t row, bool v) {
  if (!f->need[col]) return;
  set_bit(f, col, row, v);
  mark_valid(f, col, row, true);
}

void mr_feed_code(struct mr_feed *f, uint32_t col, uint32_t row, uint8_t code) {
  if (!f->need[col]) return;
  memcpy(cell(f, col, row, 1), &code, 1);
  mark_valid(f, col, row, true);
}

bool mr_feed_str(struct mr_feed *f, uint32_t col, uint32_t row, const char *s, uint32_t len) {
  if (!f->need[col]) return true;
  struct mr_str *to = cell(f, col, row, 16);
  if (!mr_batch_str(f->pool, f->batch, s, len, to)) return false;
  mark_valid(f, col, row, true);
  return true;
}

static const struct mr_op feed_op = {
    .name = "feed",
    .help = "rows come from the caller",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .plan = feed_plan,
    .poll = feed_poll,
};

/* ---- take ---- */

static int take_plan(struct mr_op_plan *p) {
  (void)p;
  return MR_OK;
}

static void take_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                      bool *in_need) {
  (void)out_need;
  for (uint32_t c = 0; c < p->in->cnt; c++) in_need[c] = true;
}

static void take_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_solo *solo = ctx->host;
  ctx->counts.rows_out += in->sel_cnt;
  if (solo->conf.take)
    solo->conf.take(solo->conf.ctx, ctx->node->name, ctx->node->op_plan.in, ctx->region->base, in);
}

static const struct mr_op take_op = {
    .name = "take",
    .help = "rows go to the caller",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .plan = take_plan,
    .need = take_need,
    .process = take_process,
};

/* ---- open, step, close ---- */

static void make_table(struct mr_solo *solo, const struct mr_op_table *ops) {
  uint32_t cnt = 0;
  solo->ops[cnt++] = &feed_op;
  solo->ops[cnt++] = &take_op;
  for (const struct mr_op *const *op = ops ? ops->ops : NULL; op && *op && cnt < OPS_MAX - 1; op++)
    solo->ops[cnt++] = *op;
  solo->table.ops = solo->ops;
}

static int plan_and_build(struct mr_solo *solo, struct mr_error *err) {
  struct mr_plan_conf pc = {.ops = &solo->table, .clock = -1, .seed = solo->conf.seed};
  mr_diags_init(&solo->diags, &solo->arena);
  solo->plan = mr_plan_load(&solo->arena, "solo", solo->conf.graph, strlen(solo->conf.graph), &pc,
                            &solo->diags);
  if (!solo->plan)
    return mr_error_set(err, MR_ERR_CONF, "%s", mr_diags_text(&solo->diags, &solo->arena, NULL));
  struct mr_run_conf rc = {.clock = solo->conf.clock,
                           .isa = solo->conf.isa,
                           .host = solo,
                           .no_stats = !solo->conf.stats};
  if (!rc.clock.mono_ns) mr_clock_system(&rc.clock);
  return mr_run_build(&solo->run, solo->plan, &rc, err);
}

struct mr_solo *mr_solo_open(const struct mr_solo_conf *conf, struct mr_error *err) {
  struct mr_solo *solo = calloc(1, sizeof *solo);
  if (!solo) {
    mr_error_set(err, MR_ERR_NOMEM, "no memory");
    return NULL;
  }
  solo->conf = *conf;
  mr_rng_init(&solo->rng, conf->seed);
  make_table(solo, conf->ops);
  if (plan_and_build(solo, err)) {
    mr_solo_close(solo);
    return NULL;
  }
  return solo;
}

static bool step_worker(struct mr_solo *solo, bool *live) {
  uint32_t cnt = solo->plan->worker_cnt;
  uint32_t w = cnt == 1 ? 0 : mr_rng_below(mr_rng_next(&solo->rng), cnt);
  return mr_run_step(solo->run, w, live);
}

bool mr_solo_step(struct mr_solo *solo) {
  bool live;
  step_worker(solo, &live);
  return live;
}

bool mr_solo_run(struct mr_solo *solo, uint32_t idle) {
  uint32_t quiet = 0, round = solo->plan->worker_cnt * 8;
  bool live = true;
  while (live && quiet < idle * round) quiet = step_worker(solo, &live) ? 0 : quiet + 1;
  return !live;
}

void mr_solo_drain(struct mr_solo *solo) {
  mr_run_drain(solo->run);
}
struct mr_run *mr_solo_inner(struct mr_solo *solo) {
  return solo->run;
}
struct mr_clock *mr_solo_clock(struct mr_solo *solo) {
  return &solo->run->conf.clock;
}
const struct mr_plan *mr_solo_plan(struct mr_solo *solo) {
  return solo->plan;
}

struct mr_counts mr_solo_counts(struct mr_solo *solo, const char *node, uint32_t instance) {
  struct mr_counts none = {0};
  for (uint32_t i = 0; i < solo->plan->instance_cnt; i++)
    if (solo->plan->instances[i].idx == instance && !strcmp(solo->run->insts[i].node->name, node))
      return solo->run->insts[i].ctx.counts;
  return none;
}

void mr_solo_close(struct mr_solo *solo) {
  if (!solo) return;
  mr_run_destroy(solo->run);
  mr_arena_free(&solo->arena);
  free(solo);
}
