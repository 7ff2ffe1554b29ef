/* SPDX-License-Identifier: Apache-2.0 */
/* quality: rows that keep all rules pass; the others come out of NODE.quarantine with the names of
 * the rules that they break, and NODE.summary counts both per interval. A rule is kept when its
 * condition is true: false and NULL break it. An error value is none of the two: the row goes to
 * NODE.errors, and is counted among the rows of the summary. */
#include <string.h>

#include "base/bits.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "operators/operators.h"
#include "state/save.h"
#include "worker/ctx.h"

#define OUT_QUARANTINE MR_OUT_EXTRA
#define OUT_SUMMARY    (MR_OUT_EXTRA + 1)
#define RULES_MAX      64u
#define SUMMARY_START  0u /* columns of the summary */
#define SUMMARY_END    1u
#define SUMMARY_ROWS   2u
#define SUMMARY_RULES  3u

struct quality_conf {
  struct mr_opt_exprs rules;
  int64_t every_us;
  bool heartbeat;
};

struct quality_data {
  const struct mr_expr **rules;
  const char **names;
  uint32_t cnt;
  uint32_t list_col; /* of the quarantine: the names of the rules */
};

struct quality {
  struct mr_expr_frame frame;
  struct mr_str *names;               /* by rule, in the region */
  uint64_t (*broken)[MR_BATCH_WORDS]; /* by rule: rows that break it */
  uint64_t err[MR_BATCH_WORDS], pass[MR_BATCH_WORDS], bad[MR_BATCH_WORDS];
  uint64_t part[MR_BATCH_WORDS]; /* rows of bad in the batch that goes */
  uint32_t row;                  /* rows of bad before it have gone */
  const struct mr_view *in;
  struct mr_view pass_view, bad_view;
  struct mr_col *cols; /* of the quarantine */
  /* the interval */
  uint64_t rows, *breaks; /* by rule */
  int64_t closed_us;      /* end of the last one; MR_TIME_NONE: none yet */
  uint16_t source;        /* of the last row */
  uint32_t partition;
};

static const struct mr_opt quality_opts[] = {
    {"rules", MR_OPT_EXPRS, MR_OPT_AT(struct quality_conf, rules), .required = true,
     .help = "conditions by name that are true for a good row",
     .example = "{ has_key: device IS NOT NULL, sane: celsius BETWEEN -50 AND 150 }"},
    {"every", MR_OPT_DURATION_US, MR_OPT_AT(struct quality_conf, every_us), .def = "10s",
     .min = 1000, .max = 3.2e15, .help = "interval of the summary"},
    {"heartbeat", MR_OPT_BOOL, MR_OPT_AT(struct quality_conf, heartbeat), .def = "false",
     .help = "intervals without rows have a summary too"},
    MR_OPT_END};

static const char *const quality_outputs[] = {"quarantine", "summary", NULL};

/* ---- plan ---- */

static bool plan_rules(struct mr_op_plan *p, struct quality_data *data) {
  const struct quality_conf *conf = p->conf;
  static const char *const taken[] = {"window_start", "window_end", "rows"};
  bool ok = true;
  for (uint32_t i = 0; i < data->cnt; i++) {
    const struct mr_opt_named_expr *rule = &conf->rules.items[i];
    data->names[i] = rule->name;
    data->rules[i] = mr_op_expr(p, &rule->expr, MR_TYPE_BOOL);
    ok &= data->rules[i] != NULL;
    for (size_t k = 0; k < sizeof taken / sizeof *taken; k++) {
      if (strcmp(rule->name, taken[k]) != 0) continue;
      mr_op_error(p, rule->name_at, MR_CODE_BAD_NAME,
                  "a rule cannot be named \"%s\": %s.summary has another column of that name",
                  rule->name, p->node->name);
      ok = false;
    }
  }
  return ok;
}

/* The input's columns, the names of the rules, and what the input carries hidden. */
static bool plan_quarantine(struct mr_op_plan *p, struct quality_data *data) {
  const struct mr_schema *in = p->in;
  struct mr_schema *s = mr_op_schema(p, in->cnt + 1);
  data->list_col = in->visible_cnt;
  s->visible_cnt = in->visible_cnt + 1;
  s->event_time = in->event_time + (in->event_time >= (int32_t)data->list_col);
  for (uint32_t c = 0; c < in->cnt; c++) s->fields[c + (c >= data->list_col)] = in->fields[c];
  s->fields[data->list_col] =
      (struct mr_field){.name = "rules", .type = MR_TYPE_LIST, .elem = MR_TYPE_STRING};
  struct mr_op_out *out = &p->outs[OUT_QUARANTINE];
  out->schema = s;
  out->own_batches = out->heap = true;
  out->own = MR_NEW(p->arena, bool, s->cnt);
  out->own[data->list_col] = true;
  if (mr_schema_find(in, "rules", 5) < 0) return true;
  mr_op_error(p, NULL, MR_CODE_BAD_NAME,
              "the input has a column named \"rules\", as %s.quarantine has; rename it with a map",
              p->node->name);
  return false;
}

static void plan_summary(struct mr_op_plan *p, const struct quality_data *data) {
  struct mr_schema *s = mr_op_schema(p, SUMMARY_RULES + data->cnt);
  s->fields[SUMMARY_START] = (struct mr_field){.name = "window_start", .type = MR_TYPE_TIMESTAMP};
  s->fields[SUMMARY_END] = (struct mr_field){.name = "window_end", .type = MR_TYPE_TIMESTAMP};
  s->fields[SUMMARY_ROWS] = (struct mr_field){.name = "rows", .type = MR_TYPE_INT64};
  for (uint32_t i = 0; i < data->cnt; i++)
    s->fields[SUMMARY_RULES + i] = (struct mr_field){.name = data->names[i], .type = MR_TYPE_INT64};
  p->outs[OUT_SUMMARY].schema = s;
  p->outs[OUT_SUMMARY].own_batches = true;
}

static int quality_plan(struct mr_op_plan *p) {
  const struct quality_conf *conf = p->conf;
  if (!conf->rules.cnt) return mr_op_error(p, NULL, MR_CODE_MISSING_KEY, "rules has no condition");
  if (conf->rules.cnt > RULES_MAX)
    return mr_op_error(p, conf->rules.items[RULES_MAX].name_at, MR_CODE_TOO_MANY_VALUES,
                       "there are at most %u rules", RULES_MAX);
  struct quality_data *data = MR_NEW(p->arena, struct quality_data, 1);
  data->cnt = conf->rules.cnt;
  data->rules = MR_NEW(p->arena, const struct mr_expr *, data->cnt);
  data->names = MR_NEW(p->arena, const char *, data->cnt);
  bool ok = plan_rules(p, data);
  ok &= plan_quarantine(p, data);
  if (!ok) return MR_ERR_CONF;
  plan_summary(p, data);
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->every_us = conf->every_us;
  p->data = data;
  return MR_OK;
}

static void quality_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                         bool *in_need) {
  const struct quality_data *data = p->data;
  const bool *bad = out_need[OUT_QUARANTINE];
  for (uint32_t c = 0; c < p->in->cnt; c++) {
    in_need[c] = out_need[MR_OUT_MAIN] && out_need[MR_OUT_MAIN][c];
    in_need[c] |= bad && bad[c + (c >= data->list_col)];
    for (uint32_t i = 0; i < data->cnt; i++) in_need[c] |= data->rules[i]->reads[c];
  }
}

/* ---- running ---- */

/* The names lie in the region, where lists of them may point. */
static bool place_names(struct mr_op_ctx *ctx) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  uint64_t sz = data->cnt * sizeof(struct mr_str);
  for (uint32_t i = 0; i < data->cnt; i++) sz += strlen(data->names[i]);
  uint64_t off = mr_region_alloc(ctx->region_rw, sz, 16, "names of rules");
  if (!off) return false;
  self->names = mr_region_ptr(ctx->region_rw, off);
  char *text = (char *)(self->names + data->cnt);
  for (uint32_t i = 0; i < data->cnt; i++) {
    uint32_t len = (uint32_t)strlen(data->names[i]);
    memcpy(text, data->names[i], len);
    self->names[i] = mr_str_make(text, len, ctx->region->base);
    text += len;
  }
  return true;
}

static int quality_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  self->broken = mr_arena_alloc(ctx->arena, data->cnt * sizeof *self->broken);
  self->breaks = MR_NEW(ctx->arena, uint64_t, data->cnt);
  self->cols = MR_NEW(ctx->arena, struct mr_col, ctx->node->outs[OUT_QUARANTINE].schema->cnt);
  self->closed_us = MR_TIME_NONE;
  const struct mr_plan *plan = ctx->plan; /* whose row it stands for before the first one */
  for (uint32_t i = plan->partition_cnt; i-- > 0;)
    if (ctx->node->partitions[i / 64] >> (i % 64) & 1) self->partition = i;
  self->source = (uint16_t)plan->partitions[self->partition].node;
  if (!place_names(ctx)) return mr_error_set(err, MR_ERR_NOMEM, "no room for the names of rules");
  return mr_expr_frame_init(&self->frame, ctx->arena, ctx->region_rw, data->rules, data->cnt,
                            ctx->isa, "expressions", err);
}

static int quality_cause(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  int code = 0;
  for (uint32_t i = 0; i < data->cnt && !code; i++)
    code = mr_expr_cause(data->rules[i], &self->frame, row, text, sz);
  return code;
}

/* The list of rules that a row breaks; false: the heap is full. */
static bool put_list(struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t row, struct mr_list *to) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < data->cnt; i++) cnt += mr_bit_get(self->broken[i], row);
  struct mr_str *names =
      mr_batch_heap(ctx->pools[OUT_QUARANTINE], b, cnt * (uint32_t)sizeof *names);
  if (!names) return false;
  *to = (struct mr_list){.cnt = cnt, .off = mr_region_off(ctx->region, names)};
  for (uint32_t i = 0; i < data->cnt; i++)
    if (mr_bit_get(self->broken[i], row)) *names++ = self->names[i];
  return true;
}

/* Puts bad rows from self->row on into the batch's lists and self->part, as far as the heap goes.
 * lists is NULL when nobody reads them. Returns how many. */
static uint32_t list_bad(struct mr_op_ctx *ctx, struct mr_batch *b, struct mr_list *lists) {
  struct quality *self = ctx->self;
  uint32_t row_cnt = self->in->row_cnt, words = mr_bitmap_words(row_cnt), cnt = 0;
  memset(self->part, 0, words * 8);
  if (lists) memset(lists, 0, row_cnt * sizeof *lists);
  MR_BITMAP_EACH(self->bad, words, row) {
    if (row < self->row) continue;
    if (lists && !put_list(ctx, b, (uint32_t)row, &lists[row])) {
      self->row = (uint32_t)row;
      return cnt;
    }
    mr_bit_set(self->part, (uint32_t)row);
    cnt++;
  }
  self->row = row_cnt;
  return cnt;
}

/* The next batch of bad rows, as a view of the input with a list beside it; NULL: nobody reads it,
 * or there are no more. */
static struct mr_batch *next_bad(struct mr_op_ctx *ctx) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  const struct mr_view *in = self->in;
  const struct mr_plan_out *out = &ctx->node->outs[OUT_QUARANTINE];
  if (!out->reader_cnt || self->row >= in->row_cnt) return NULL;
  struct mr_batch *b = mr_emit_open(ctx, OUT_QUARANTINE);
  struct mr_list *lists = NULL;
  if (out->need[data->list_col])
    lists = mr_pool_column(ctx->pools[OUT_QUARANTINE], b, data->list_col);
  self->bad_view = *in;
  self->bad_view.sel_cnt = list_bad(ctx, b, lists);
  self->bad_view.sel = self->part;
  self->bad_view.batch = b;
  self->bad_view.cols = self->cols;
  for (uint32_t c = 0; c + 1 < out->schema->cnt; c++)
    self->cols[c + (c >= data->list_col)] = in->cols[c];
  self->cols[data->list_col] = (struct mr_col){.data = lists};
  mr_batch_add_base((struct mr_region *)(uintptr_t)ctx->region, b, in->batch);
  return b;
}

/* The next of the bad rows; before the first of them those that pass. */
static void emit_rows(struct mr_op_ctx *ctx, bool first) {
  struct quality *self = ctx->self;
  uint32_t words = mr_bitmap_words(self->in->row_cnt);
  struct mr_batch *b = next_bad(ctx);
  ctx->more = b && self->row < self->in->row_cnt;
  if (first) mr_emit(ctx, MR_OUT_MAIN, &self->pass_view);
  if (b) mr_emit_mixed(ctx, OUT_QUARANTINE, b, &self->bad_view);
  if (!ctx->more && mr_bitmap_count(self->err, words))
    mr_reject_rows(ctx, self->in, self->err, quality_cause);
}

/* Splits the selected rows into those that pass, bad ones and errors, and counts them. */
static void judge(struct mr_op_ctx *ctx) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  const struct mr_view *in = self->in;
  uint32_t words = mr_bitmap_words(in->row_cnt);
  uint64_t all[MR_BATCH_WORDS], err[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  memset(self->err, 0, sizeof self->err);
  memset(self->bad, 0, sizeof self->bad);
  for (uint32_t i = 0; i < data->cnt; i++) {
    uint64_t *broken = self->broken[i];
    struct mr_expr_counts n = mr_expr_where(data->rules[i], &self->frame, in, broken, err);
    for (uint32_t w = 0; w < words; w++) {
      broken[w] = sel[w] & ~broken[w];
      self->bad[w] |= broken[w];
      if (n.err) self->err[w] |= err[w];
    }
  }
  uint32_t pass = 0, bad = 0;
  for (uint32_t w = 0; w < words; w++) {
    self->bad[w] &= ~self->err[w];
    self->pass[w] = sel[w] & ~self->bad[w] & ~self->err[w];
    pass += (uint32_t)__builtin_popcountll(self->pass[w]);
    bad += (uint32_t)__builtin_popcountll(self->bad[w]);
    for (uint32_t i = 0; i < data->cnt && self->bad[w]; i++)
      self->breaks[i] += (uint32_t)__builtin_popcountll(self->broken[i][w] & self->bad[w]);
  }
  self->rows += in->sel_cnt;
  ctx->counts.filtered += bad;
  self->pass_view = *in;
  self->pass_view.sel = self->pass;
  self->pass_view.sel_cnt = pass;
  self->row = bad ? 0 : in->row_cnt;
}

static void quality_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct quality *self = ctx->self;
  self->in = in;
  self->source = in->source;
  self->partition = in->partition;
  self->frame.now_us = ctx->now_us;
  self->frame.now_alone = !ctx->virtual_clock;
  mr_expr_frame_reset(&self->frame);
  judge(ctx);
  emit_rows(ctx, true);
}

static void quality_drain(struct mr_op_ctx *ctx) {
  emit_rows(ctx, false);
}

/* ---- summary ---- */

static void put_summary(struct mr_op_ctx *ctx, struct mr_batch *b, int64_t end_us, bool empty) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  const struct quality_conf *conf = ctx->conf;
  const bool *need = ctx->node->outs[OUT_SUMMARY].need;
  uint32_t row = b->msg.row_cnt++;
  for (uint32_t c = 0; c < SUMMARY_RULES + data->cnt; c++) {
    if (!need[c]) continue;
    int64_t value = 0;
    if (c == SUMMARY_START)
      value = end_us - conf->every_us;
    else if (c == SUMMARY_END)
      value = end_us;
    else if (!empty)
      value = (int64_t)(c == SUMMARY_ROWS ? self->rows : self->breaks[c - SUMMARY_RULES]);
    ((int64_t *)mr_pool_column(ctx->pools[OUT_SUMMARY], b, c))[row] = value;
  }
}

/* It stands for no one row: no time, no position. */
static void emit_summary(struct mr_op_ctx *ctx, struct mr_batch *b) {
  struct quality *self = ctx->self;
  b->msg.source = self->source;
  b->msg.partition = self->partition;
  b->msg.frontier_in = b->msg.frontier_out = MR_TIME_NONE;
  b->msg.now_us = ctx->now_us;
  b->msg.t0_ns = ctx->now_ns;
  b->et_min = b->et_max = MR_TIME_NONE;
  mr_emit_batch(ctx, OUT_SUMMARY, b, NULL);
}

/* The interval that ends at end_us is over. With heartbeats those before it that had no rows come
 * first, as many as a batch holds; under the virtual clock nobody asked for them at their time. */
static void close_interval(struct mr_op_ctx *ctx, int64_t end_us) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  const struct quality_conf *conf = ctx->conf;
  if (!self->rows && !conf->heartbeat) return;
  if (ctx->node->outs[OUT_SUMMARY].reader_cnt) {
    struct mr_batch *b = mr_emit_open(ctx, OUT_SUMMARY);
    b->msg.row_cnt = 0;
    int64_t missed = 0;
    if (conf->heartbeat && self->closed_us != MR_TIME_NONE)
      missed = (end_us - self->closed_us) / conf->every_us - 1;
    if (missed > MR_BATCH_ROWS - 1) missed = MR_BATCH_ROWS - 1;
    for (int64_t i = missed; i > 0; i--) put_summary(ctx, b, end_us - i * conf->every_us, true);
    put_summary(ctx, b, end_us, false);
    emit_summary(ctx, b);
  }
  self->closed_us = end_us;
  self->rows = 0;
  memset(self->breaks, 0, data->cnt * sizeof *self->breaks);
}

static void quality_finish(struct mr_op_ctx *ctx) {
  struct quality *self = ctx->self;
  const struct quality_conf *conf = ctx->conf;
  int64_t now = ctx->now_us == MR_TIME_NONE ? 0 : ctx->now_us; /* rows without any time */
  int64_t into = now % conf->every_us;
  if (into < 0) into += conf->every_us;
  if (self->rows) close_interval(ctx, now - into + conf->every_us);
}

/* ---- checkpoints ---- */

static const char *quality_shape(const struct mr_op_plan *p) {
  (void)p;
  return ""; /* counts have the names of their rules */
}

static const char breaks_of[] = "breaks";

static void quality_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  const struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  mr_save_int(to, "rows", (int64_t)self->rows);
  mr_save_int(to, "closed_us", self->closed_us);
  mr_save_begin(to, breaks_of);
  for (uint32_t i = 0; i < data->cnt; i++)
    mr_save_int(to, data->names[i], (int64_t)self->breaks[i]);
  mr_save_end(to);
}

static int quality_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct quality *self = ctx->self;
  const struct quality_data *data = ctx->data;
  struct mr_load breaks;
  int64_t rows;
  if (!mr_load_int(from, "rows", &rows) || !mr_load_int(from, "closed_us", &self->closed_us) ||
      !mr_load_group(from, breaks_of, &breaks))
    return mr_error_set(err, MR_ERR_IO, "the counts are missing");
  self->rows = (uint64_t)rows;
  for (uint32_t i = 0; i < data->cnt; i++) { /* a rule that is new has none yet */
    int64_t cnt;
    if (mr_load_int(&breaks, data->names[i], &cnt)) self->breaks[i] = (uint64_t)cnt;
  }
  return MR_OK;
}

const struct mr_op mr_op_quality = {
    .name = "quality",
    .help = "passes the rows that keep all rules, and counts and shows those that do not",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .opts = quality_opts,
    .conf_sz = sizeof(struct quality_conf),
    .outputs = quality_outputs,
    .self_sz = sizeof(struct quality),
    .plan = quality_plan,
    .need = quality_need,
    .init = quality_init,
    .process = quality_process,
    .drain = quality_drain,
    .tick = close_interval,
    .finish = quality_finish,
    .shape = quality_shape,
    .snapshot = quality_snapshot,
    .restore = quality_restore,
};
