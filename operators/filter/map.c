/* SPDX-License-Identifier: Apache-2.0 */
/* map: adds, replaces, drops or re-makes columns. Columns that are only carried are references into
 * the input; computed ones are its own. Rows whose expressions are error values go to NODE.errors,
 * whole. */
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "graph/compile.h"
#include "operators/operators.h"
#include "worker/ctx.h"

struct map_conf {
  struct mr_opt_exprs set, select;
  struct mr_opt_strings drop;
};

struct map_col {              /* one output column */
  int32_t from;               /* column of the input that it is, or -1 */
  const struct mr_expr *expr; /* else what computes it */
};

struct map_data {
  struct map_col *cols;
  uint32_t col_cnt;
  const struct mr_expr **exprs;
  uint32_t expr_cnt;
  bool strings; /* some computed column is a string or a list */
};

struct map {
  struct mr_expr_frame frame;
  struct mr_col *cols;
  struct mr_vec *vecs; /* by output column */
  uint64_t err[MR_BATCH_WORDS], sel[MR_BATCH_WORDS];
  uint64_t large[MR_BATCH_WORDS]; /* errors because no batch can hold the row */
  struct mr_view view;
  const struct mr_view *in;
  uint32_t row; /* rows before it have gone out (heap full) */
};

static const struct mr_opt map_opts[] = {
    {"set", MR_OPT_EXPRS, MR_OPT_AT(struct map_conf, set),
     .help = "columns that are added or replaced", .example = "{ total: price * quantity }"},
    {"select", MR_OPT_EXPRS, MR_OPT_AT(struct map_conf, select),
     .help = "columns that make the row anew", .example = "{ city: city, n: 1 }"},
    {"drop", MR_OPT_NAMES, MR_OPT_AT(struct map_conf, drop), .help = "columns that are left out"},
    MR_OPT_END};

/* ---- plan ---- */

struct map_item { /* one expression of set or select, and its columns */
  const struct mr_opt_named_expr *of;
  struct mr_op_member *members;
  uint32_t cnt;
};

struct map_maker {
  struct mr_op_plan *p;
  struct map_data *data;
  struct mr_schema *schema;
  const struct map_item *set, *select;
  uint32_t set_cnt, select_cnt;
};

static void add_column(struct map_maker *m, const char *name, int32_t from,
                       const struct mr_expr *expr, bool hidden) {
  uint32_t c = m->schema->cnt++;
  struct mr_field *f = &m->schema->fields[c];
  *f = from >= 0 ? m->p->in->fields[from] : expr->field;
  f->name = name;
  f->hidden = hidden;
  m->data->cols[c] = (struct map_col){from, from >= 0 ? NULL : expr};
  if (from >= 0) return;
  m->data->exprs[m->data->expr_cnt++] = expr;
  enum mr_phys phys = mr_field_phys(f);
  if (phys == MR_PHYS_STR || phys == MR_PHYS_LIST) m->data->strings = true;
}

static bool is_dropped(const struct map_conf *conf, const char *name) {
  for (uint32_t i = 0; i < conf->drop.cnt; i++)
    if (!strcmp(conf->drop.items[i].text, name)) return true;
  return false;
}

static const struct map_item *find_set(const struct map_maker *m, const char *name) {
  for (uint32_t i = 0; i < m->set_cnt; i++)
    if (!strcmp(m->set[i].of->name, name)) return &m->set[i];
  return NULL;
}

static bool add_member(struct map_maker *m, const struct mr_opt_named_expr *item,
                       const struct mr_op_member *member) {
  struct mr_expr_scope scope = {.schema = m->p->in, .name = m->p->node->name};
  const struct mr_expr *e = mr_op_compile(m->p, &item->expr, member->ast, &scope);
  if (!e) return false;
  if (e->field.type == MR_TYPE_NONE) {
    mr_op_error(m->p, item->expr.at, 2001, "%s is NULL in every row and has no type; cast it",
                member->name);
    return false;
  }
  add_column(m, member->name, e->column, e, false);
  m->schema->fields[m->schema->cnt - 1].outer = member->outer;
  return true;
}

static bool add_expression(struct map_maker *m, const struct map_item *item) {
  for (uint32_t i = 0; i < item->cnt; i++)
    if (!add_member(m, item->of, &item->members[i])) return false;
  return item->cnt > 0;
}

/* Parses the expressions and takes structs apart. */
static struct map_item *parse_items(struct mr_op_plan *p, const struct mr_opt_exprs *exprs,
                                    uint32_t *col_cnt) {
  struct map_item *items = MR_NEW(p->arena, struct map_item, exprs->cnt + 1);
  for (uint32_t i = 0; i < exprs->cnt; i++) {
    items[i].of = &exprs->items[i];
    struct mr_ast *ast = mr_op_parse(p, &exprs->items[i].expr);
    if (ast) items[i].cnt = mr_op_members(p, items[i].of, ast, &items[i].members);
    *col_cnt += items[i].cnt;
  }
  return items;
}

static bool plan_set(struct map_maker *m, const struct map_conf *conf) {
  const struct mr_schema *in = m->p->in;
  bool ok = true;
  for (uint32_t c = 0; c < in->visible_cnt; c++) {
    const struct mr_field *f = &in->fields[c];
    const char *name = f->outer ? f->outer : f->name;
    const struct map_item *item = find_set(m, name);
    if (item && f->outer && !mr_schema_opens(in, c)) continue;
    if (item)
      ok &= add_expression(m, item);
    else if (!is_dropped(conf, name))
      add_column(m, f->name, (int32_t)c, NULL, false);
  }
  for (uint32_t i = 0; i < m->set_cnt; i++) {
    const char *name = m->set[i].of->name;
    if (mr_schema_find(in, name, strlen(name)) < 0 && !mr_schema_has_struct(in, name))
      ok &= add_expression(m, &m->set[i]);
  }
  for (uint32_t i = 0; i < conf->drop.cnt; i++)
    ok &= mr_schema_has_struct(in, conf->drop.items[i].text) ||
          mr_op_column(m->p, &conf->drop.items[i]) >= 0;
  return ok;
}

/* Event time is carried, as a hidden column when no visible one is it. */
static void carry_event_time(struct map_maker *m) {
  int32_t et = m->p->in->event_time;
  m->schema->visible_cnt = m->schema->cnt;
  m->schema->event_time = -1;
  if (et < 0) return;
  for (uint32_t c = 0; c < m->schema->cnt; c++)
    if (m->data->cols[c].from == et) m->schema->event_time = (int32_t)c;
  if (m->schema->event_time >= 0) return;
  m->schema->event_time = (int32_t)m->schema->cnt;
  add_column(m, m->p->in->fields[et].name, et, NULL, true);
}

static int map_plan(struct mr_op_plan *p) {
  const struct map_conf *conf = p->conf;
  if (conf->select.cnt && (conf->set.cnt || conf->drop.cnt))
    return mr_op_error(p, NULL, 1009,
                       "select makes the row anew; it cannot stand beside set or drop");
  if (!conf->select.cnt && !conf->set.cnt && !conf->drop.cnt)
    return mr_op_error(p, NULL, 1004, "map needs set, select or drop");
  uint32_t max = p->in->cnt + 1;
  struct map_item *set = parse_items(p, &conf->set, &max);
  struct map_item *select = parse_items(p, &conf->select, &max);
  struct map_data *data = MR_NEW(p->arena, struct map_data, 1);
  data->cols = MR_NEW(p->arena, struct map_col, max);
  data->exprs = MR_NEW(p->arena, const struct mr_expr *, max);
  struct map_maker m = {.p = p,
                        .data = data,
                        .schema = mr_op_schema(p, max),
                        .set = set,
                        .select = select,
                        .set_cnt = conf->set.cnt,
                        .select_cnt = conf->select.cnt};
  m.schema->cnt = 0;
  bool ok = true;
  if (conf->select.cnt)
    for (uint32_t i = 0; i < m.select_cnt; i++) ok &= add_expression(&m, &select[i]);
  else
    ok = plan_set(&m, conf);
  if (!ok) return MR_ERR_CONF;
  carry_event_time(&m);
  data->col_cnt = m.schema->cnt;
  struct mr_op_out *out = &p->outs[MR_OUT_MAIN];
  out->schema = m.schema;
  out->own_batches = true;
  out->own = MR_NEW(p->arena, bool, data->col_cnt + 1);
  for (uint32_t c = 0; c < data->col_cnt; c++) out->own[c] = data->cols[c].from < 0;
  out->heap = data->strings;
  p->data = data;
  return MR_OK;
}

static void map_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                     bool *in_need) {
  const struct map_data *data = p->data;
  for (uint32_t c = 0; c < data->col_cnt; c++) {
    if (data->cols[c].from >= 0) {
      if (out_need[MR_OUT_MAIN] && out_need[MR_OUT_MAIN][c]) in_need[data->cols[c].from] = true;
      continue;
    }
    for (uint32_t i = 0; i < p->in->cnt; i++)
      if (data->cols[c].expr->reads[i]) in_need[i] = true;
  }
}

/* ---- run ---- */

static int map_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct map *self = ctx->self;
  const struct map_data *data = ctx->data;
  self->cols = MR_NEW(ctx->arena, struct mr_col, data->col_cnt + 1);
  self->vecs = MR_NEW(ctx->arena, struct mr_vec, data->col_cnt + 1);
  return mr_expr_frame_init(&self->frame, ctx->arena, ctx->region_rw, data->exprs, data->expr_cnt,
                            ctx->isa, "expressions", err);
}

static int map_cause(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  struct map *self = ctx->self;
  const struct map_data *data = ctx->data;
  if (mr_bit_get(self->large, row)) {
    snprintf(text, sz, "the strings and lists of the row are larger than a batch can hold");
    return 3010;
  }
  for (uint32_t i = 0; i < data->expr_cnt; i++) {
    int code = mr_expr_cause(data->exprs[i], &self->frame, row, text, sz);
    if (code) return code;
  }
  return 0;
}

/* True when the string lies in the frame's scratch, which the next batch overwrites. */
static bool in_scratch(const struct map *self, const struct mr_str *s) {
  uint64_t off = ((uint64_t)s->u.ref.buf << 31) + s->u.ref.off;
  return s->len > MR_STR_INLINE && mr_range_has(mr_expr_frame_range(&self->frame), off);
}

/* The same for lists, whose strings may lie there too. */
static uint32_t copy_lists(struct mr_op_ctx *ctx, struct mr_batch *b, const struct mr_expr *expr,
                           const struct mr_list *from, struct mr_list *to, uint32_t row,
                           uint32_t n) {
  struct map *self = ctx->self;
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  struct mr_range scratch = mr_expr_frame_range(&self->frame);
  uint32_t sz = mr_field_elem_sz(&expr->field);
  memcpy(to + row, from + row, (n - row) * sizeof *to);
  for (uint32_t r = row; r < n; r++) {
    if (!mr_bit_get(self->sel, r)) continue;
    if (!mr_batch_list(pool, b, &from[r], sz, scratch, scratch, &to[r])) return r;
  }
  return n;
}

/* Copies strings of rows [from, n) out of the scratch; returns the row where the heap was full. */
static uint32_t copy_strings(struct mr_op_ctx *ctx, struct mr_batch *b, const struct mr_vec *vec,
                             struct mr_str *to, uint32_t from, uint32_t n) {
  struct map *self = ctx->self;
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  const struct mr_str *s = vec->data;
  const uint8_t *base = ctx->region->base;
  memcpy(to + from, s + from, (n - from) * sizeof *to);
  for (uint32_t r = from; r < n; r++) {
    if (!in_scratch(self, &s[r]) || !mr_bit_get(self->sel, r)) continue;
    if (!mr_batch_str(pool, b, mr_str_data(&s[r], base), s[r].len, &to[r])) return r;
  }
  return n;
}

static void place_column(struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t c, uint32_t *end) {
  struct map *self = ctx->self;
  const struct map_data *data = ctx->data;
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  const struct mr_vec *vec = &self->vecs[c];
  void *to = mr_pool_column(pool, b, c);
  uint32_t n = self->in->row_cnt;
  switch (mr_field_phys(&data->cols[c].expr->field)) {
  case MR_PHYS_STR: *end = copy_strings(ctx, b, vec, to, self->row, *end); break;
  case MR_PHYS_BIT: memcpy(to, vec->data, (n + 63) / 64 * 8); break;
  case MR_PHYS_CODE: memcpy(to, vec->data, n); break;
  case MR_PHYS_LIST:
    *end = copy_lists(ctx, b, data->cols[c].expr, vec->data, to, self->row, *end);
    break;
  default: memcpy(to, vec->data, n * 8ul); break;
  }
  self->cols[c].data = to;
  self->cols[c].valid = NULL;
  if (!vec->valid) return;
  uint64_t *valid = mr_pool_valid(pool, b, c);
  memcpy(valid, vec->valid, mr_bitmap_words(n) * 8);
  mr_batch_set_valid(pool, b, c);
  self->cols[c].valid = valid;
}

/* Leaves only the selected rows of [from, to). */
static uint32_t clip(uint64_t *sel, uint32_t row_cnt, uint32_t from, uint32_t to) {
  for (uint32_t w = 0; w < mr_bitmap_words(row_cnt); w++) {
    uint32_t lo = w * 64, hi = lo + 64;
    if (from >= hi || to <= lo)
      sel[w] = 0;
    else {
      if (from > lo) sel[w] &= UINT64_MAX << (from - lo);
      if (to < hi) sel[w] &= (UINT64_C(1) << (to - lo)) - 1;
    }
  }
  return mr_bitmap_count(sel, mr_bitmap_words(row_cnt));
}

/* Places all columns of rows [row, limit); returns the row where the heap was full. */
static uint32_t place_rows(struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t limit) {
  struct map *self = ctx->self;
  const struct map_data *data = ctx->data;
  const bool *need = ctx->node->outs[MR_OUT_MAIN].need;
  uint32_t end = limit;
  for (uint32_t c = 0; c < data->col_cnt; c++) {
    if (data->cols[c].from >= 0)
      self->cols[c] = self->in->cols[data->cols[c].from];
    else if (need[c])
      place_column(ctx, b, c, &end);
    else
      self->cols[c] = (struct mr_col){NULL, NULL};
  }
  return end;
}

/* Opens a batch and fills it with rows from self->row on; *end is behind the last one. A row that
 * no batch can hold is an error. NULL: no row is left. */
static struct mr_batch *fill_batch(struct mr_op_ctx *ctx, uint32_t *end) {
  struct map *self = ctx->self;
  uint32_t row_cnt = self->in->row_cnt, limit = row_cnt;
  while (self->row < row_cnt) {
    struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
    *end = place_rows(ctx, b, limit);
    if (*end > self->row) return b;
    mr_emit_cancel(ctx, MR_OUT_MAIN, b); /* one column has taken what another one needs */
    if (limit - self->row > 1) {
      limit = self->row + (limit - self->row) / 2;
      continue;
    }
    mr_bit_set(self->large, self->row);
    mr_bit_set(self->err, self->row);
    self->row++;
    limit = row_cnt;
  }
  return NULL;
}

static void select_rows(struct map *self) {
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(self->in, all);
  for (uint32_t w = 0; w < mr_bitmap_words(self->in->row_cnt); w++)
    self->sel[w] = sel[w] & ~self->err[w];
}

static void emit_rows(struct mr_op_ctx *ctx) {
  struct map *self = ctx->self;
  const struct mr_view *in = self->in;
  uint32_t end = in->row_cnt, words = mr_bitmap_words(in->row_cnt);
  select_rows(self);
  struct mr_batch *b = fill_batch(ctx, &end);
  ctx->more = b && end < in->row_cnt;
  if (b) {
    mr_batch_add_base((struct mr_region *)(uintptr_t)ctx->region, b, in->batch);
    select_rows(self);
    self->view = *in;
    self->view.cols = self->cols;
    self->view.batch = b;
    self->view.sel_cnt = clip(self->sel, in->row_cnt, self->row, end);
    self->view.sel = self->view.sel_cnt == in->row_cnt ? NULL : self->sel;
    self->row = end;
    mr_emit_mixed(ctx, MR_OUT_MAIN, b, &self->view);
  }
  if (!ctx->more && mr_bitmap_count(self->err, words))
    mr_reject_rows(ctx, in, self->err, map_cause);
}

static void map_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct map *self = ctx->self;
  const struct map_data *data = ctx->data;
  uint32_t words = mr_bitmap_words(in->row_cnt), bad = 0;
  self->in = in;
  self->row = 0;
  self->frame.now_us = ctx->now_us;
  self->frame.now_alone = !ctx->virtual_clock;
  mr_expr_frame_reset(&self->frame);
  memset(self->err, 0, sizeof self->err);
  memset(self->large, 0, sizeof self->large);
  for (uint32_t c = 0; c < data->col_cnt; c++) {
    if (!data->cols[c].expr) continue;
    uint32_t n = mr_expr_eval(data->cols[c].expr, &self->frame, in, &self->vecs[c]);
    bad += n;
    for (uint32_t w = 0; n && w < words; w++) self->err[w] |= self->vecs[c].err[w];
  }
  if (bad) {
    uint64_t all[MR_BATCH_WORDS];
    const uint64_t *sel = mr_view_sel(in, all);
    for (uint32_t w = 0; w < words; w++) self->err[w] &= sel[w];
  }
  emit_rows(ctx);
}

static void map_drain(struct mr_op_ctx *ctx) {
  emit_rows(ctx);
}

const struct mr_op mr_op_map = {
    .name = "map",
    .help = "adds, replaces, drops or re-makes columns",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .opts = map_opts,
    .conf_sz = sizeof(struct map_conf),
    .self_sz = sizeof(struct map),
    .plan = map_plan,
    .need = map_need,
    .init = map_init,
    .process = map_process,
    .drain = map_drain,
};
