/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_FAKE_OP_H
#define MR_TESTS_FAKE_OP_H

/* One operator instance without a worker: what the framework offers to it is faked here, so that a
 * test sees each call. A program that includes this must not link the worker room. */

#include "test.h"

#include <string.h>
#include <time.h>

#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/tree.h"
#include "io/memory.h"
#include "worker/ctx.h"

struct fake {
  struct mr_region region;
  struct mr_arena arena;
  struct mr_io *io;
  struct mr_pool pool;
  bool has_pool;
  struct mr_plan plan;
  struct mr_plan_node node;
  struct mr_op_ctx ctx;
  const struct mr_op *op;
  /* what the operator said */
  int fail_code, error_cnt, error_code;
  char fail_text[512], error_text[512];
  uint32_t emit_cnt, reject_cnt,
      reject_refuse; /* reject_refuse: so many offers are put off first */
  uint64_t done_bytes, total_bytes;
  void (*on_emit)(struct fake *f, struct mr_batch *batch);
  void (*on_reject)(struct fake *f, int code, const char *cause, uint64_t pos, uint64_t line,
                    const char *raw, uint32_t len, uint64_t raw_bytes);
  void *user;
};

static struct fake fake;

/* ---- the framework ---- */

void mr_op_fail(struct mr_op_ctx *ctx, int code, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  if (!fake.fail_code) vsnprintf(fake.fail_text, sizeof fake.fail_text, fmt, args);
  va_end(args);
  fake.fail_code = code;
  ctx->more = false;
}

int mr_op_error(struct mr_op_plan *p, struct mr_tree *at, int code, const char *fmt, ...) {
  (void)p;
  (void)at;
  va_list args;
  va_start(args, fmt);
  vsnprintf(fake.error_text, sizeof fake.error_text, fmt, args);
  va_end(args);
  fake.error_code = code;
  fake.error_cnt++;
  return MR_ERR_CONF;
}

struct mr_batch *mr_emit_open(struct mr_op_ctx *ctx, uint32_t output) {
  struct mr_batch *batch = mr_pool_take(ctx->pools[output]);
  assert_non_null(batch);
  return batch;
}

void mr_emit_cancel(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch) {
  mr_pool_put(ctx->pools[output], batch);
}

void mr_source_emit(struct mr_op_ctx *ctx, struct mr_batch *batch, enum mr_et known,
                    const int64_t *row_vtime_us) {
  (void)row_vtime_us;
  assert_true(known != MR_ET_UNKNOWN);
  fake.emit_cnt++;
  ctx->counts.rows_in += batch->msg.row_cnt;
  ctx->counts.rows_out += batch->msg.row_cnt;
  if (fake.on_emit) fake.on_emit(&fake, batch);
  mr_pool_put(ctx->pools[MR_OUT_MAIN], batch);
}

bool mr_source_reject(struct mr_op_ctx *ctx, int code, const char *cause, const char *source,
                      uint64_t pos, uint64_t line, const char *raw, uint32_t len,
                      uint64_t raw_bytes) {
  (void)source;
  if (fake.reject_refuse) {
    fake.reject_refuse--;
    return false;
  }
  fake.reject_cnt++;
  ctx->counts.rows_in++;
  ctx->counts.dead_letters++;
  if (fake.on_reject) fake.on_reject(&fake, code, cause, pos, line, raw, len, raw_bytes);
  return true;
}

bool mr_source_turn(struct mr_op_ctx *ctx, uint64_t turn) {
  (void)ctx;
  (void)turn;
  return true;
}
uint64_t mr_source_next_turn(struct mr_op_ctx *ctx) {
  (void)ctx;
  return 0;
}
void mr_source_turn_fresh(struct mr_op_ctx *ctx) {
  (void)ctx;
}
void mr_source_turn_end(struct mr_op_ctx *ctx, uint64_t lines) {
  (void)ctx;
  (void)lines;
}

void mr_source_wake(struct mr_op_ctx *ctx) {
  (void)ctx;
}

void mr_source_progress(struct mr_op_ctx *ctx, uint64_t bytes_done, uint64_t bytes_total) {
  (void)ctx;
  fake.done_bytes = bytes_done;
  fake.total_bytes = bytes_total;
}

/* ---- one instance ---- */

/* Plans and lays out, without init. event is a source's, schema a sink's input or a source's
 * output. */
__attribute__((unused)) static void fake_begin(const struct mr_op *op, const void *conf,
                                               const struct mr_schema *schema,
                                               const struct mr_event *event,
                                               enum mr_io_backend backend) {
  struct mr_error err = {0};
  memset(&fake, 0, sizeof fake);
  assert_int_equal(mr_region_create(&fake.region, UINT64_C(1) << 30, MR_HUGE_OFF, &err), MR_OK);
  assert_int_equal(mr_io_create(&fake.io, backend, NULL, NULL, &err), MR_OK);
  fake.op = op;
  fake.plan.runtime.data_dir = "/nowhere";
  fake.node = (struct mr_plan_node){.name = "node", .op = op, .conf = conf, .instance_cnt = 1};
  fake.node.op_plan = (struct mr_op_plan){.arena = &fake.arena,
                                          .plan = &fake.plan,
                                          .node = &fake.node,
                                          .conf = conf,
                                          .event = event,
                                          .in = schema};
  fake.ctx = (struct mr_op_ctx){.conf = conf,
                                .row_max = MR_BATCH_ROWS,
                                .region = &fake.region,
                                .region_rw = &fake.region,
                                .arena = &fake.arena,
                                .plan = &fake.plan,
                                .node = &fake.node,
                                .takers = 1,
                                .io = fake.io};
  fake.ctx.self = mr_arena_alloc(&fake.arena, op->self_sz);
}

/* A pool of whole batches, for a source's output or to make views from. */
__attribute__((unused)) static void fake_pool(const struct mr_schema *schema, uint32_t hidden) {
  struct mr_error err = {0};
  bool *own = MR_NEW(&fake.arena, bool, schema->cnt);
  memset(own, 1, schema->cnt);
  struct mr_pool_conf conf = {.schema = schema,
                              .own = own,
                              .hidden = hidden,
                              .batch_cnt = 4,
                              .block_cnt = 256,
                              .large_cnt = 2,
                              .large_sz = 1u << 20};
  assert_int_equal(mr_pool_init(&fake.pool, &fake.region, &conf, 0, 0, "pool", &err), MR_OK);
  fake.has_pool = true;
  fake.ctx.pools[MR_OUT_MAIN] = &fake.pool;
}

__attribute__((unused)) static int fake_plan(void) {
  int rc = fake.op->plan(&fake.node.op_plan);
  fake.ctx.data = fake.node.op_plan.data;
  return rc;
}

__attribute__((unused)) static int fake_init(struct mr_error *err) {
  return fake.op->init ? fake.op->init(&fake.ctx, err) : MR_OK;
}

/* Drains until there is no more, at most limit times; returns how often. */
__attribute__((unused)) static uint32_t fake_drain(uint32_t limit) {
  uint32_t cnt = 0;
  while (fake.ctx.more && cnt < limit) {
    mr_io_poll(fake.io);
    fake.ctx.more = false;
    fake.op->drain(&fake.ctx);
    cnt++;
    if (fake.ctx.more) { /* threads may be at work */
      struct timespec ts = {0, 20000};
      nanosleep(&ts, NULL);
    }
  }
  assert_false(fake.ctx.more);
  return cnt;
}

__attribute__((unused)) static void fake_process(const struct mr_view *view) {
  fake.ctx.counts.rows_in += view->sel_cnt;
  fake.ctx.more = false;
  fake.op->process(&fake.ctx, view);
  fake_drain(1000000);
}

__attribute__((unused)) static void fake_finish(void) {
  fake.ctx.more = false;
  if (!fake.fail_code) fake.op->finish(&fake.ctx);
  fake_drain(1000000);
}

__attribute__((unused)) static void fake_end(void) {
  mr_io_cancel(fake.io);
  if (fake.op->fini) fake.op->fini(&fake.ctx);
  mr_io_destroy(fake.io);
  if (fake.has_pool) mr_pool_fini(&fake.pool);
  mr_region_destroy(&fake.region);
  mr_arena_free(&fake.arena);
}

#endif
