/* SPDX-License-Identifier: Apache-2.0 */
/* group: running aggregates by key, without windows. Its rows have no event time. */
#include <string.h>

#include "base/bits.h"
#include "base/lines.h"
#include "operators/operators.h"
#include "operators/window/output.h"

struct group_conf {
  struct mr_keyed_conf keyed;
  int emit;
};

static const char *const emit_words[] = {"update", "complete", NULL};

static const struct mr_opt group_opts[] = {MR_KEYED_OPTS(struct group_conf),
                                           {"emit", MR_OPT_ENUM, MR_OPT_AT(struct group_conf, emit),
                                            .def = "update", .words = emit_words,
                                            .help = "the rows that changed, or the whole table"},
                                           MR_OPT_END};

struct group_data {
  struct mr_keyed_plan *keyed;
  enum mr_keyed_emit emit;
};

static int group_plan(struct mr_op_plan *p) {
  const struct group_conf *conf = p->conf;
  struct group_data *data = MR_NEW(p->arena, struct group_data, 1);
  data->emit = conf->emit == 1 ? MR_EMIT_COMPLETE : MR_EMIT_UPDATE;
  data->keyed = mr_keyed_plan(p, &conf->keyed, data->emit, (struct mr_keyed_kind){0});
  p->data = data;
  return data->keyed ? MR_OK : MR_ERR_CONF;
}

static bool has_order(const struct mr_keyed_plan *plan) {
  for (uint32_t i = 0; i < plan->folds.cnt; i++)
    if (plan->folds.items[i].func == MR_FOLD_FIRST || plan->folds.items[i].func == MR_FOLD_LAST)
      return true;
  return false;
}

static void group_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                       bool *in_need) {
  const struct group_data *data = p->data;
  (void)out_need;
  mr_keyed_need(p, data->keyed, in_need);
  if (p->in->event_time >= 0 && has_order(data->keyed)) in_need[p->in->event_time] = true;
}

struct group {
  struct mr_keyed keyed; /* first: keyed.c finds it by ctx->self */
  struct mr_output out;
  const struct group_data *data;
  uint32_t table; /* 0: none yet */
  bool changed, reading;
  struct mr_table_walk walk;
};

static int group_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct group *self = ctx->self;
  self->data = ctx->data;
  int rc = mr_keyed_init(&self->keyed, ctx, self->data->keyed, self->data->emit, err);
  if (!rc) rc = mr_output_init(&self->out, ctx, self->data->keyed, err);
  return rc;
}

static uint32_t more_rows(struct mr_op_ctx *ctx, struct mr_row **rows, int64_t *start_us,
                          int64_t *end_us, uint32_t max) {
  struct group *self = ctx->self;
  struct mr_space *space = &self->keyed.space;
  if (!self->reading) return 0;
  struct mr_table *t = mr_table_at(space, self->table);
  memset(start_us, 0, max * sizeof *start_us); /* none has times */
  memset(end_us, 0, max * sizeof *end_us);
  uint32_t n = self->data->emit == MR_EMIT_UPDATE ? mr_table_changed(space, t, rows, max)
                                                  : mr_table_next(space, t, &self->walk, rows, max);
  self->reading = n == max;
  return n;
}

/* in is the view that changed something, NULL: a timer or the end. */
static void write_changes(struct group *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  if (!self->changed) return;
  self->changed = false;
  self->reading = true;
  self->walk = (struct mr_table_walk){0};
  mr_output_because(&self->out, ctx, in);
  mr_keyed_flush(&self->keyed, ctx);
  if (self->data->emit == MR_EMIT_COMPLETE) mr_keyed_check_complete(&self->keyed, ctx);
  ctx->more = !self->keyed.failed;
}

static void group_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct group *self = ctx->self;
  struct mr_keyed *k = &self->keyed;
  mr_keyed_begin(k, ctx, in);
  mr_keyed_values(k, ctx, in);
  if (k->sel_cnt && !self->table) self->table = mr_table_new(&k->space);
  if (k->sel_cnt && !self->table) {
    uint32_t cnt = k->kernels->rows(k->sel, mr_bitmap_words(in->row_cnt), k->rows);
    mr_keyed_no_room(k, ctx, k->rows, cnt);
  }
  if (k->sel_cnt) mr_keyed_add(k, ctx, in, self->table, k->sel, k->sel_cnt);
  mr_keyed_end(k, ctx, in);
  self->changed |= k->sel_cnt > 0;
  if (!ctx->node->op_plan.every_us) write_changes(self, ctx, in);
}

static void group_drain(struct mr_op_ctx *ctx) {
  struct group *self = ctx->self;
  if (self->keyed.failed) return;
  ctx->more = mr_output_emit(&self->out, ctx, &self->keyed.space, more_rows);
  ctx->counts.state_keys = self->keyed.space.key_cnt;
}

static void group_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  (void)at_us;
  write_changes(ctx->self, ctx, NULL);
}

static void group_finish(struct mr_op_ctx *ctx) {
  write_changes(ctx->self, ctx, NULL);
}

/* ---- checkpoints ---- */

static const char *group_shape(const struct mr_op_plan *p) {
  const struct group_conf *conf = p->conf;
  struct mr_lines out = {.arena = p->arena};
  mr_keyed_shape(p, &conf->keyed, &out);
  return out.text;
}

struct frozen { /* what encode reads */
  struct mr_space space;
  uint32_t table;
};

static const char *const row_cols[] = {"changed"};

static void group_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  struct group *self = ctx->self;
  struct frozen frozen = {.table = self->table};
  mr_keyed_snapshot(&self->keyed, ctx, to);
  mr_save_int(to, "changed", self->changed);
  if (!mr_space_freeze(&self->keyed.space, to, &frozen.space)) return;
  mr_save_frozen(to, mr_save_keep(to, &frozen, sizeof frozen));
}

static void group_encode(const struct mr_op_ctx *ctx, const void *from, struct mr_save *to) {
  const struct frozen *f = from;
  const struct mr_schema *in = ctx->node->op_plan.in;
  const int64_t lead[] = {0};
  mr_table_save_begin(to, "rows", &f->space, in, row_cols, 1);
  if (f->table) mr_table_save(to, &f->space, in, f->table, lead, 1, 0);
  mr_table_save_end(to);
}

static int group_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct group *self = ctx->self;
  struct mr_space *space = &self->keyed.space;
  struct mr_table_loader *l = MR_NEW(ctx->arena, struct mr_table_loader, 1);
  int64_t changed = 0;
  mr_load_int(from, "changed", &changed);
  self->changed = changed != 0;
  mr_keyed_restore(&self->keyed, from);
  int rc = mr_table_loader_init(l, ctx->region_rw, space, ctx->node->op_plan.in, from, "rows",
                                row_cols, 1, err);
  if (!rc && !self->table) self->table = mr_table_new(space);
  if (!rc && !self->table) return mr_error_set(err, MR_ERR_LIMIT, "max_state is too small");
  while (!rc && mr_load_next(&l->rows)) {
    struct mr_table *t = mr_table_at(space, self->table);
    struct mr_row *row = mr_table_load(l, t);
    if (!row) break;
    if (l->rows.values[0].i) mr_table_touch(space, t, &row, 1);
  }
  ctx->counts.state_keys = space->key_cnt;
  return rc ? rc : mr_keyed_load_failed(l, err);
}

const struct mr_op mr_op_group = {
    .name = "group",
    .help = "running aggregates by key, without windows",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_KEYED | MR_OP_DERIVES | MR_OP_ABSORBS,
    .opts = group_opts,
    .conf_sz = sizeof(struct group_conf),
    .self_sz = sizeof(struct group),
    .plan = group_plan,
    .need = group_need,
    .init = group_init,
    .process = group_process,
    .drain = group_drain,
    .tick = group_tick,
    .finish = group_finish,
    .shape = group_shape,
    .snapshot = group_snapshot,
    .encode = group_encode,
    .restore = group_restore,
};
