/* SPDX-License-Identifier: Apache-2.0 */
/* route: each row goes to the output of the first condition that is true for it. It writes
 * selections and moves no data; a condition is looked at only for the rows that no earlier one has
 * taken, so an error value in it is none for the others. */
#include <string.h>

#include "base/bits.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "operators/operators.h"
#include "worker/ctx.h"

#define OUT_OTHER  MR_OUT_EXTRA /* rows for which no condition is true */
#define OUT_ROUTES (MR_OUT_EXTRA + 1)
#define ROUTES_MAX (MR_OUTS_MAX - OUT_ROUTES)

struct route_conf {
  struct mr_opt_exprs routes;
};

struct route_data {
  const struct mr_expr **conditions; /* by route */
  uint32_t cnt;
};

struct route {
  struct mr_expr_frame frame;
  struct mr_view *views;            /* by route, then the rest */
  uint64_t (*sels)[MR_BATCH_WORDS]; /* of the views */
  uint64_t err[MR_BATCH_WORDS];
  uint8_t err_route[MR_BATCH_ROWS]; /* of rows in err: whose condition it was */
};

static const struct mr_opt route_opts[] = {
    {"routes", MR_OPT_EXPRS, MR_OPT_AT(struct route_conf, routes), .required = true,
     .help = "conditions by the name of their output; the first true one wins",
     .example = "{ alerts: severity = 'critical', slow: took > 2000 }"},
    MR_OPT_END};

static const char *const route_outputs[] = {"other", NULL};

static const char *const *route_names(const void *config, struct mr_arena *arena) {
  const struct route_conf *conf = config;
  const char **names = MR_NEW(arena, const char *, conf->routes.cnt + 1);
  for (uint32_t i = 0; i < conf->routes.cnt; i++) names[i] = conf->routes.items[i].name;
  return names;
}

static bool name_is_free(struct mr_op_plan *p, const struct mr_opt_named_expr *route) {
  static const char *const taken[] = {"errors", "late", "other"};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    if (!strcmp(route->name, taken[i])) {
      mr_op_error(p, route->name_at, MR_CODE_BAD_NAME,
                  "a route cannot be named \"%s\": that output is another", route->name);
      return false;
    }
  return true;
}

static int route_plan(struct mr_op_plan *p) {
  const struct route_conf *conf = p->conf;
  if (!conf->routes.cnt)
    return mr_op_error(p, NULL, MR_CODE_MISSING_KEY, "routes has no condition");
  if (conf->routes.cnt > ROUTES_MAX)
    return mr_op_error(p, conf->routes.items[ROUTES_MAX].name_at, MR_CODE_TOO_MANY_VALUES,
                       "a route has at most %u conditions", ROUTES_MAX);
  struct route_data *data = MR_NEW(p->arena, struct route_data, 1);
  data->cnt = conf->routes.cnt;
  data->conditions = MR_NEW(p->arena, const struct mr_expr *, data->cnt);
  bool ok = true;
  for (uint32_t i = 0; i < data->cnt; i++) {
    ok &= name_is_free(p, &conf->routes.items[i]);
    data->conditions[i] = mr_op_expr(p, &conf->routes.items[i].expr, MR_TYPE_BOOL);
    ok &= data->conditions[i] != NULL;
  }
  p->data = data;
  return ok ? MR_OK : MR_ERR_CONF;
}

static void route_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                       bool *in_need) {
  const struct route_data *data = p->data;
  for (uint32_t i = 0; i < data->cnt; i++)
    for (uint32_t c = 0; c < p->in->cnt; c++) in_need[c] |= data->conditions[i]->reads[c];
  for (uint32_t o = OUT_OTHER; o < OUT_ROUTES + data->cnt; o++)
    for (uint32_t c = 0; out_need[o] && c < p->in->cnt; c++) in_need[c] |= out_need[o][c];
}

static int route_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct route *self = ctx->self;
  const struct route_data *data = ctx->data;
  self->views = MR_NEW(ctx->arena, struct mr_view, data->cnt + 1);
  self->sels = mr_arena_alloc(ctx->arena, (data->cnt + 1) * sizeof *self->sels);
  return mr_expr_frame_init(&self->frame, ctx->arena, ctx->region_rw, data->conditions, data->cnt,
                            ctx->isa, "expressions", err);
}

static int route_cause(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  struct route *self = ctx->self;
  const struct route_data *data = ctx->data;
  return mr_expr_cause(data->conditions[self->err_route[row]], &self->frame, row, text, sz);
}

static void send_rows(struct mr_op_ctx *ctx, const struct mr_view *in, uint32_t route,
                      uint32_t output, uint32_t cnt) {
  struct route *self = ctx->self;
  if (!cnt) return;
  ctx->counts.rows_out += cnt;
  struct mr_view *view = &self->views[route];
  *view = *in;
  view->sel = self->sels[route];
  view->sel_cnt = cnt;
  mr_emit(ctx, output, view);
}

/* Rows whose condition is an error value are none of the rest. */
static void note_errors(struct route *self, const uint64_t *err, uint32_t words, uint32_t route) {
  for (uint32_t w = 0; w < words; w++) self->err[w] |= err[w];
  MR_BITMAP_EACH(err, words, row) self->err_route[row] = (uint8_t)route;
}

static void route_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct route *self = ctx->self;
  const struct route_data *data = ctx->data;
  uint32_t words = mr_bitmap_words(in->row_cnt), bad = 0;
  uint64_t all[MR_BATCH_WORDS], err[MR_BATCH_WORDS], *rest = self->sels[data->cnt];
  struct mr_view left = *in;
  memcpy(rest, mr_view_sel(in, all), words * 8);
  left.sel = rest;
  self->frame.now_us = ctx->now_us;
  self->frame.now_alone = !ctx->virtual_clock;
  mr_expr_frame_reset(&self->frame);
  memset(self->err, 0, sizeof self->err);
  for (uint32_t i = 0; i < data->cnt && left.sel_cnt; i++) {
    struct mr_expr_counts n =
        mr_expr_where(data->conditions[i], &self->frame, &left, self->sels[i], err);
    if (n.err) note_errors(self, err, words, i);
    bad += n.err;
    left.sel_cnt -= n.pass + n.err;
    if (n.pass || n.err)
      for (uint32_t w = 0; w < words; w++) rest[w] &= ~(self->sels[i][w] | (n.err ? err[w] : 0));
    send_rows(ctx, in, i, OUT_ROUTES + i, n.pass);
  }
  send_rows(ctx, in, data->cnt, OUT_OTHER, left.sel_cnt);
  if (bad) mr_reject_rows(ctx, in, self->err, route_cause);
}

const struct mr_op mr_op_route = {
    .name = "route",
    .help = "sends each row to the output of the first condition that is true for it",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_NO_MAIN | MR_OP_PASSES,
    .opts = route_opts,
    .conf_sz = sizeof(struct route_conf),
    .outputs = route_outputs,
    .named_outputs = route_names,
    .self_sz = sizeof(struct route),
    .plan = route_plan,
    .need = route_need,
    .init = route_init,
    .process = route_process,
};
