/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_OP_RIG_H
#define MR_TESTS_OP_RIG_H

/* Runs a graph given as text in the test's thread, on a clock that the test moves, with a sink
 * `take` that keeps what it gets: each row as a line "value|value|...", and what the row carries.
 */

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/bits.h"
#include "base/text.h"
#include "graph/diag.h"
#include "graph/plan.h"
#include "test.h"
#include "worker/ctx.h"
#include "worker/run.h"

struct op_row {
  char *text;
  uint64_t t0_ns, pos;
  int64_t now_us, frontier_us; /* F before the row */
  uint32_t view;               /* number of the view that it came with */
};

struct op_take {
  struct op_row *rows;
  size_t cnt, cap;
  uint32_t view_cnt;
};

static uint64_t op_rig_ns; /* the clock */
static int64_t op_rig_wall_us;

static uint64_t op_rig_mono(const struct mr_clock *clock) {
  (void)clock;
  return op_rig_ns;
}
static int64_t op_rig_wall(const struct mr_clock *clock) {
  (void)clock;
  return op_rig_wall_us;
}
static inline void op_rig_pass(uint64_t ns) {
  op_rig_ns += ns;
  op_rig_wall_us += (int64_t)(ns / 1000);
}

/* ---- the sink ---- */

static int op_take_plan(struct mr_op_plan *p) {
  p->uses_now = p->uses_pos = true;
  return MR_OK;
}

static void op_take_need(const struct mr_op_plan *p, const bool *const out[MR_OUTS_MAX],
                         bool *in_need) {
  (void)out;
  for (uint32_t c = 0; c < p->in->visible_cnt; c++) in_need[c] = true;
}

static size_t op_put_value(const struct mr_field *f, const struct mr_view *v, uint32_t c,
                           uint64_t row, const uint8_t *base, char *to) {
  if (v->cols[c].valid && !mr_bit_get(v->cols[c].valid, (uint32_t)row))
    return (size_t)sprintf(to, "NULL");
  switch (mr_field_phys(f)) {
  case MR_PHYS_BIT: return (size_t)sprintf(to, "%d", mr_bit_get(v->cols[c].data, (uint32_t)row));
  case MR_PHYS_CODE: return (size_t)sprintf(to, "%s", f->codes->texts[MR_COL(v, c, uint8_t)[row]]);
  case MR_PHYS_STR: {
    const struct mr_str *s = &MR_COL(v, c, struct mr_str)[row];
    memcpy(to, mr_str_data(s, base), s->len);
    return s->len;
  }
  case MR_PHYS_W8:
    if (f->type == MR_TYPE_TIMESTAMP) return mr_timestamp_format(to, MR_COL(v, c, int64_t)[row]);
    if (f->type == MR_TYPE_DOUBLE) return mr_double_format(to, MR_COL(v, c, double)[row]);
    return mr_int64_format(to, MR_COL(v, c, int64_t)[row]);
  default: {
    const struct mr_list *l = &MR_COL(v, c, struct mr_list)[row];
    size_t len = (size_t)sprintf(to, "[");
    assert_false(l->has_nulls);
    for (uint32_t e = 0; e < l->cnt; e++) {
      const struct mr_str *s = (const struct mr_str *)(const void *)(base + l->off) + e;
      const int64_t *i = (const int64_t *)(const void *)(base + l->off) + e;
      if (e) to[len++] = ',';
      if (f->elem == MR_TYPE_STRING)
        len += (size_t)sprintf(to + len, "%.*s", (int)s->len, mr_str_data(s, base));
      else
        len += mr_int64_format(to + len, *i);
    }
    to[len++] = ']';
    return len;
  }
  }
}

static void op_take_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct op_take *take = ctx->self;
  const struct mr_schema *s = ctx->node->op_plan.in;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row) {
    static char line[1 << 20];
    size_t len = 0;
    for (uint32_t c = 0; c < s->visible_cnt; c++) {
      if (c) line[len++] = '|';
      len += op_put_value(&s->fields[c], in, c, row, ctx->region->base, line + len);
    }
    if (take->cnt == take->cap) {
      take->cap = take->cap ? take->cap * 2 : 1024;
      take->rows = realloc(take->rows, take->cap * sizeof *take->rows);
    }
    struct op_row *to = &take->rows[take->cnt++];
    to->text = malloc(len + 1);
    memcpy(to->text, line, len);
    to->text[len] = '\0';
    to->t0_ns = in->row_t0 ? in->row_t0[row] : in->t0_ns;
    to->pos = in->row_pos ? in->row_pos[row] : UINT64_MAX;
    to->now_us = in->row_now ? in->row_now[row] : in->now_us;
    to->frontier_us = in->row_frontier ? in->row_frontier[row] : in->frontier_in;
    to->view = take->view_cnt;
  }
  take->view_cnt++;
  ctx->counts.rows_out += in->sel_cnt;
}

static void op_take_fini(struct mr_op_ctx *ctx) {
  struct op_take *take = ctx->self;
  for (size_t i = 0; i < take->cnt; i++) free(take->rows[i].text);
  free(take->rows);
}

static const struct mr_op op_take_op = {
    .name = "take",
    .help = "keeps rows for the test",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .self_sz = sizeof(struct op_take),
    .plan = op_take_plan,
    .need = op_take_need,
    .process = op_take_process,
    .fini = op_take_fini,
};

/* ---- the rig ---- */

struct op_rig {
  struct mr_arena arena;
  struct mr_diags diags;
  struct mr_plan *plan;
  struct mr_run *run;
  uint64_t steps;
};

static const int32_t op_rig_cpus[] = {0};

/* Plans the text over these operators; conf may be NULL. plan is NULL when it has errors. */
static inline void op_rig_plan(struct op_rig *rig, const struct mr_op_table *ops, const char *text,
                               const struct mr_plan_conf *conf) {
  *rig = (struct op_rig){0};
  mr_diags_init(&rig->diags, &rig->arena);
  struct mr_plan_conf c = conf ? *conf : (struct mr_plan_conf){.clock = -1};
  c.ops = ops;
  c.cpus = op_rig_cpus;
  c.cpu_cnt = 1;
  rig->plan = mr_plan_load(&rig->arena, "g.yaml", text, strlen(text), &c, &rig->diags);
}

/* One diagnostic of this code stands at line:col. */
static inline void op_rig_says_at(struct op_rig *rig, int code, uint32_t line, uint32_t col) {
  for (uint32_t i = 0; i < rig->diags.cnt; i++) {
    const struct mr_diag *d = rig->diags.items[i];
    if (d->code == code && d->line == line && d->col == col) return;
  }
  fail_msg("no MR%04d at %u:%u in:\n%s", code, line, col,
           mr_diags_text(&rig->diags, &rig->arena, NULL));
}

static inline void op_rig_build(struct op_rig *rig, enum mr_isa isa) {
  if (!rig->plan) fail_msg("%s", mr_diags_text(&rig->diags, &rig->arena, NULL));
  op_rig_ns = 1000000000;
  op_rig_wall_us = INT64_C(1700000000000000);
  struct mr_run_conf conf = {.isa = isa, .clock = {.mono_ns = op_rig_mono, .wall_us = op_rig_wall}};
  struct mr_error err;
  if (mr_run_build(&rig->run, rig->plan, &conf, &err)) fail_msg("%s", err.text);
}

/* Steps until the graph has ended, letting pass_ns pass before each step; fails after 10 million.
 */
static inline void op_rig_run(struct op_rig *rig, uint64_t pass_ns) {
  for (bool live = true; live; rig->steps++) {
    assert_true(rig->steps < 10000000);
    op_rig_pass(pass_ns);
    mr_run_step(rig->run, 0, &live);
  }
  struct mr_error err;
  if (mr_run_result(rig->run, &err)) fail_msg("%s", err.text);
}

/* Two steps without time passing: a step goes by the time at the end of the one before. */
static inline void op_rig_look(struct op_rig *rig) {
  bool live;
  mr_run_step(rig->run, 0, &live);
  mr_run_step(rig->run, 0, &live);
}

static inline struct op_take *op_rig_taken(struct op_rig *rig, const char *sink) {
  return mr_run_self(rig->run, sink, 0);
}

static inline void op_rig_free(struct op_rig *rig) {
  if (rig->run) mr_run_destroy(rig->run);
  mr_arena_free(&rig->arena);
}

#endif
