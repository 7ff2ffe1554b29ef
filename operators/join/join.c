/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/join/join.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/lines.h"
#include "operators/operators.h"
#include "state/held_save.h"

#define OUT_LATE MR_OUT_EXTRA
#define CHUNK    64u /* rows whose cache lines are asked for at a time */

struct side {
  struct mr_held_form form;
  struct mr_held held;
  struct mr_due due; /* outer: rows by the time from which nothing can match them */
};

struct join {
  struct mr_in_time in_time;
  const struct mr_join_plan *plan;
  struct mr_store store;
  struct side sides[2];
  struct mr_key_batch keys;
  struct mr_view key_view; /* the view with its key columns alone */
  struct mr_col key_cols[MR_KEYS_MAX];
  struct mr_str *texts[MR_KEYS_MAX]; /* of codes that are compared as texts */
  struct mr_join_out *out;
  bool failed, waits; /* waits: rows without a match are going out */
  /* the view at hand: its rows in time that found room, */
  uint32_t side, cnt;
  const struct mr_view *view;
  uint16_t rows[MR_BATCH_ROWS];
  uint32_t refs[MR_BATCH_ROWS];
  struct mr_held_span spans[MR_BATCH_ROWS];
  uint32_t heads[MR_BATCH_ROWS][MR_HELD_LOOK];
  uint32_t at, look; /* and where the next pair is looked for: row, chain */
  uint64_t full[MR_BATCH_WORDS];
  uint32_t full_cnt;
  struct mr_view late_view;
  struct mr_col *late_cols;
  const void *zeros; /* a column of NULLs */
};

/* ---- init ---- */

/* The columns of a side that the output reads. */
static bool *kept_columns(const struct mr_op_plan *p, struct mr_arena *arena, uint32_t s) {
  const struct mr_join_plan *plan = p->data;
  const bool *need = p->node->outs[MR_OUT_MAIN].need;
  bool *keep = MR_NEW(arena, bool, plan->sides[s].in->cnt + 1);
  for (uint32_t c = 0; c < plan->out->visible_cnt; c++)
    if (need[c] && (uint32_t)plan->cols[c].from == s) keep[plan->cols[c].col] = true;
  return keep;
}

/* How rows of a side are held, and where their columns lie. */
static void find_kept(struct join *self, struct mr_op_ctx *ctx, uint32_t s) {
  const struct mr_join_plan *plan = self->plan;
  const struct mr_join_side *side = &plan->sides[s];
  bool *keep = kept_columns(&ctx->node->op_plan, ctx->arena, s);
  int64_t span = side->ahead_us + side->behind_us;
  mr_held_form_init(&self->sides[s].form, ctx->arena, &plan->keys, side->in, keep, span,
                    ctx->node->op_plan.delay_us + span);
  if (plan->window_us) mr_held_form_windows(&self->sides[s].form, plan->window_us, plan->offset_us);
  int32_t *kept = self->out->kept[s] = MR_NEW(ctx->arena, int32_t, side->in->cnt + 1);
  for (uint32_t i = 0; i < self->sides[s].form.col_cnt; i++)
    kept[self->sides[s].form.cols[i].col] = (int32_t)i;
}

static int make_zeros(struct join *self, struct mr_op_ctx *ctx, struct mr_error *err) {
  uint64_t off = mr_region_alloc(ctx->region_rw, MR_BATCH_ROWS * 16, MR_CACHE_LINE, "late rows");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "%s: no memory for late rows", ctx->node->name);
  self->zeros = mr_region_ptr(ctx->region, off);
  self->late_cols = MR_NEW(ctx->arena, struct mr_col, self->plan->late->cnt + 1);
  return MR_OK;
}

static int join_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct join *self = ctx->self;
  const struct mr_join_plan *plan = self->plan = ctx->data;
  self->in_time.watermark_us = MR_TIME_NONE;
  self->in_time.delay_us = ctx->node->op_plan.delay_us;
  self->in_time.kernels = mr_state_kernels_of(ctx->isa);
  self->out = MR_NEW(ctx->arena, struct mr_join_out, 1);
  self->out->plan = plan;
  mr_key_batch_init(&self->keys, ctx->arena, &plan->keys, self->in_time.kernels, ctx->region->base);
  for (uint32_t k = 0; k < plan->keys.cnt; k++)
    if (plan->key_text[0][k] || plan->key_text[1][k])
      self->texts[k] = MR_NEW(ctx->arena, struct mr_str, MR_BATCH_ROWS);
  int rc = mr_store_init(&self->store, ctx->region_rw, plan->max_state, plan->max_state / 16,
                         "state", err);
  if (!rc && plan->late) rc = make_zeros(self, ctx, err);
  if (rc) return rc;
  for (uint32_t s = 0; s < 2; s++) {
    find_kept(self, ctx, s);
    if (self->sides[s].form.row_sz > MR_HELD_ROW_MAX)
      return mr_error_set(err, MR_ERR_LIMIT, "%s: a row takes %u bytes", ctx->node->name,
                          self->sides[s].form.row_sz);
    mr_held_init(&self->sides[s].held, &self->sides[s].form, &self->store, ctx->region->base);
  }
  return MR_OK;
}

/* ---- keys and times of the view ---- */

static void find_texts(struct join *self, uint32_t k, const struct mr_enum *codes) {
  const uint8_t *code = self->key_cols[k].data;
  struct mr_str *to = self->texts[k];
  for (uint32_t i = 0; i < self->in_time.sel_cnt; i++) {
    uint32_t row = self->in_time.rows[i];
    to[row] = codes->views[code[row]];
  }
  self->key_cols[k].data = to;
}

static void pack_keys(struct join *self, const struct mr_view *in) {
  const struct mr_join_plan *plan = self->plan;
  const struct mr_join_side *side = &plan->sides[self->side];
  self->key_view = *in;
  self->key_view.cols = self->key_cols;
  for (uint32_t k = 0; k < plan->keys.cnt; k++) {
    uint32_t c = side->key_cols[k];
    self->key_cols[k] = in->cols[c];
    if (plan->key_text[self->side][k]) find_texts(self, k, side->in->fields[c].codes);
  }
  mr_keys_begin(&self->keys, &self->key_view, self->in_time.rows, self->in_time.sel_cnt);
  mr_keys_pack(&self->keys);
}

static const uint64_t *key_of(const struct join *self, uint32_t row) {
  return self->keys.words + (size_t)row * self->plan->keys.words;
}

/* NULL equals nothing. */
static bool has_null(const struct join *self, const uint64_t *key) {
  return self->plan->keys.nulls && key[0] & 0xffff;
}

/* Event times of the other side's rows that a row of this side matches. */
static struct mr_held_span span_of(const struct join *self, int64_t us) {
  const struct mr_join_side *side = &self->plan->sides[self->side];
  if (!self->plan->window_us)
    return (struct mr_held_span){us - side->behind_us, us + side->ahead_us};
  int64_t start = mr_held_window(&self->sides[0].form, us);
  return (struct mr_held_span){start, start + self->plan->window_us - 1};
}

/* ---- keeping ---- */

static void no_room(struct join *self, struct mr_op_ctx *ctx, uint32_t row) {
  if (self->plan->dead_letter) {
    mr_bit_set(self->full, row);
    self->full_cnt++;
    return;
  }
  self->failed = true;
  mr_op_fail(ctx, MR_ERR_LIMIT,
             "%s: no room for a new row: max_state is %" PRIu64 " bytes, %" PRIu64
             " are used, %" PRIu64 " rows of left and %" PRIu64 " of right are open",
             ctx->node->name, self->plan->max_state, self->store.used_bytes,
             self->sides[0].held.row_cnt, self->sides[1].held.row_cnt);
}

static int cause_of(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  const struct join *self = ctx->self;
  (void)row;
  snprintf(text, sz, "no room: max_state is %" PRIu64 " bytes", self->plan->max_state);
  return MR_KEYED_CODE_FULL;
}

/* Keeps a row for those that come later; 0: no room. */
static uint32_t keep_row(struct join *self, const struct mr_view *in, uint32_t row, int64_t us,
                         struct mr_held_span span) {
  struct side *side = &self->sides[self->side];
  const uint64_t *key = key_of(self, row);
  bool outer = self->plan->sides[self->side].outer;
  if (outer && !mr_due_room(&side->due, &self->store)) return 0;
  uint32_t ref =
      mr_held_add(&side->held, in, row, us, key, self->keys.tags[row], !has_null(self, key));
  if (ref && outer) mr_due_add(&side->due, &self->store, span.hi + 1, ref);
  return ref;
}

/* Asks for the lines of the index that the next rows are entered in. */
static void fetch_own(const struct join *self, const int64_t *et, uint32_t from) {
  const uint16_t *rows = self->in_time.rows + from;
  uint32_t left = self->in_time.sel_cnt - from, n = left < CHUNK ? left : CHUNK;
  struct mr_held_span own[CHUNK];
  for (uint32_t i = 0; i < n; i++) own[i].lo = own[i].hi = mr_in_time_clamp(et[rows[i]]);
  mr_held_fetch(&self->sides[self->side].held, &self->keys, rows, n, own);
}

/* Keeps the rows in time, and lists those that found room. */
static void keep_rows(struct join *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  const int64_t *et = in->cols[self->plan->sides[self->side].et].data;
  for (uint32_t i = 0; i < self->in_time.sel_cnt && !self->failed; i++) {
    uint32_t row = self->in_time.rows[i];
    int64_t us = mr_in_time_clamp(et[row]);
    struct mr_held_span span = span_of(self, us);
    if (i % CHUNK == 0) fetch_own(self, et, i);
    uint32_t ref = keep_row(self, in, row, us, span);
    if (!ref) {
      no_room(self, ctx, row);
      continue;
    }
    self->rows[self->cnt] = (uint16_t)row;
    self->refs[self->cnt] = ref;
    self->spans[self->cnt++] = span;
  }
}

/* ---- pairs ---- */

/* Where the chains begin that the rows may match. */
static void find_chains(struct join *self) {
  mr_held_find(&self->sides[1 - self->side].held, &self->keys, self->rows, self->cnt, self->spans,
               self->heads);
  self->at = self->look = 0;
  if (!self->plan->keys.nulls) return;
  for (uint32_t i = 0; i < self->cnt; i++)
    if (has_null(self, key_of(self, self->rows[i]))) memset(self->heads[i], 0, sizeof *self->heads);
}

/* The next held row that the row at hand matches; NULL: no more of any row. */
static struct mr_held_row *next_match(struct join *self) {
  const struct mr_held *held = &self->sides[1 - self->side].held;
  for (; self->at < self->cnt; self->at++, self->look = 0) {
    struct mr_held_span span = self->spans[self->at];
    for (; self->look < MR_HELD_LOOK; self->look++) {
      uint32_t *next = &self->heads[self->at][self->look];
      while (*next) {
        struct mr_held_row *row = mr_held_at(held, *next);
        *next = row->next;
        if (row->us >= span.lo && row->us <= span.hi) return row;
      }
    }
  }
  return NULL;
}

/* Lists pairs until a batch of them is full, or there are no more. */
static void list_pairs(struct join *self) {
  struct mr_join_out *out = self->out;
  struct mr_join_rows *own = &out->rows[self->side], *other = &out->rows[1 - self->side];
  const struct mr_join_side *sides = self->plan->sides;
  bool own_outer = sides[self->side].outer, other_outer = sides[1 - self->side].outer;
  own->view = self->view;
  own->form = NULL;
  other->view = NULL;
  other->form = &self->sides[1 - self->side].form;
  out->pos = out->cnt = 0;
  while (out->cnt < MR_BATCH_ROWS) {
    struct mr_held_row *match = next_match(self);
    if (!match) break;
    own->idx[out->cnt] = self->rows[self->at];
    other->held[out->cnt++] = match;
    if (other_outer) match->flags |= MR_JOIN_MATCHED;
    if (own_outer)
      mr_held_at(&self->sides[self->side].held, self->refs[self->at])->flags |= MR_JOIN_MATCHED;
  }
}

/* Emits a batch of pairs, and says whether there may be more. */
static bool emit_pairs(struct join *self, struct mr_op_ctx *ctx) {
  struct mr_join_out *out = self->out;
  if (out->pos == out->cnt) list_pairs(self);
  bool full = out->cnt == MR_BATCH_ROWS;
  return mr_join_emit(out, ctx) || full;
}

/* ---- late rows ---- */

static void emit_late(struct join *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct mr_join_plan *plan = self->plan;
  const int32_t *from = plan->sides[self->side].late;
  const bool *need = ctx->node->outs[OUT_LATE].need;
  for (uint32_t c = 0; c < plan->late->cnt; c++) {
    self->late_cols[c] = (struct mr_col){self->zeros, self->zeros};
    if (from[c] >= 0) self->late_cols[c] = in->cols[from[c]];
    if (!need[c]) self->late_cols[c] = (struct mr_col){NULL, NULL};
  }
  self->late_view = *in;
  self->late_view.cols = self->late_cols;
  self->late_view.sel = self->in_time.late;
  self->late_view.sel_cnt = self->in_time.late_cnt;
  mr_emit(ctx, OUT_LATE, &self->late_view);
}

/* ---- the hot half ---- */

static void tell(const struct join *self, struct mr_op_ctx *ctx) {
  ctx->counts.state_keys = self->sides[0].held.row_cnt + self->sides[1].held.row_cnt;
  ctx->counts.state_bytes = self->store.used_bytes;
}

static void join_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct join *self = ctx->self;
  struct mr_in_time *t = &self->in_time;
  if (self->failed) return;
  self->side = ctx->port;
  self->view = in;
  self->cnt = self->full_cnt = 0;
  memset(self->full, 0, sizeof self->full);
  self->out->t0_ns = in->row_t0 ? in->row_t0[in->row_cnt - 1] : in->t0_ns;
  mr_in_time_sort(t, ctx, in, self->plan->sides[self->side].et);
  if (self->plan->divert && t->late_cnt) emit_late(self, ctx, in);
  if (!t->sel_cnt) return;
  pack_keys(self, in);
  keep_rows(self, ctx, in);
  ctx->counts.absorbed += self->cnt;
  if (self->failed) { /* those that were not looked at */
    ctx->counts.dropped += t->sel_cnt - self->cnt - self->full_cnt;
    return;
  }
  tell(self, ctx);
  if (self->full_cnt) mr_reject_rows(ctx, in, self->full, cause_of);
  find_chains(self);
  ctx->more = emit_pairs(self, ctx);
}

/* Lists rows that have waited for long enough and matched nothing. */
static void list_alone(struct join *self) {
  struct mr_join_out *out = self->out;
  out->pos = out->cnt = 0;
  for (uint32_t s = 0; s < 2 && !out->cnt; s++) {
    struct side *side = &self->sides[s];
    struct mr_join_rows *rows = &out->rows[s], *none = &out->rows[1 - s];
    rows->view = none->view = NULL;
    rows->form = &side->form;
    none->form = NULL;
    while (side->due.cnt && out->cnt < MR_BATCH_ROWS) {
      struct mr_due_entry first = mr_due_first(&side->due, &self->store);
      if (first.us > self->in_time.watermark_us) break;
      mr_due_take(&side->due, &self->store);
      const struct mr_held_row *row = mr_held_at(&side->held, first.ref);
      if (!(row->flags & MR_JOIN_MATCHED)) rows->held[out->cnt++] = row;
    }
  }
}

static bool emit_alone(struct join *self, struct mr_op_ctx *ctx) {
  struct mr_join_out *out = self->out;
  if (out->pos == out->cnt) list_alone(self);
  bool some = out->cnt > 0;
  return mr_join_emit(out, ctx) || some;
}

/* Rows that no row in time of the other side can match any more go. */
static void evict(struct join *self, struct mr_op_ctx *ctx) {
  int64_t us = mr_in_time_clamp(self->in_time.watermark_us);
  for (uint32_t s = 0; s < 2; s++) {
    int64_t ahead = self->plan->window_us ? 0 : self->plan->sides[s].ahead_us;
    mr_held_evict(&self->sides[s].held, us - ahead);
  }
  tell(self, ctx);
}

static void join_drain(struct mr_op_ctx *ctx) {
  struct join *self = ctx->self;
  if (self->failed) return;
  if (!self->waits) {
    ctx->more = emit_pairs(self, ctx);
    return;
  }
  ctx->more = emit_alone(self, ctx);
  if (ctx->more) return;
  self->waits = false;
  evict(self, ctx);
}

static bool is_due(const struct join *self, uint32_t s) {
  const struct mr_due *due = &self->sides[s].due;
  return due->cnt && mr_due_first(due, &self->store).us <= self->in_time.watermark_us;
}

static void join_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct join *self = ctx->self;
  self->in_time.watermark_us = watermark_us;
  self->out->pos = self->out->cnt = 0;
  self->out->t0_ns = 0;
  self->waits = is_due(self, 0) || is_due(self, 1);
  ctx->more = self->waits;
  if (!self->waits) evict(self, ctx);
}

/* ---- checkpoints ---- */

static const char *const side_names[] = {"left", "right"};

static const char *join_shape(const struct mr_op_plan *p) {
  const struct mr_join_plan *plan = p->data;
  struct mr_lines out = {.arena = p->arena};
  if (plan->window_us)
    mr_lines_add(&out, "window: size %lld us, offset %lld us\n", (long long)plan->window_us,
                 (long long)plan->offset_us);
  else
    mr_lines_add(&out, "within: before %lld us, after %lld us\n",
                 (long long)plan->sides[0].behind_us, (long long)plan->sides[0].ahead_us);
  for (uint32_t s = 0; s < 2; s++) {
    const struct mr_join_side *side = &plan->sides[s];
    const char *name = mr_arena_printf(p->arena, "%s ", side_names[s]);
    if (side->outer) mr_lines_add(&out, "%salone: yes\n", name);
    mr_held_shape(&out, name, side->in, side->key_cols, p->key_cnt, kept_columns(p, p->arena, s));
  }
  return out.text;
}

static struct mr_held_key saved_key(const struct mr_op_ctx *ctx, uint32_t s) {
  const struct mr_join_plan *plan = ctx->data;
  return (struct mr_held_key){plan->sides[s].in, plan->key_schema, plan->sides[s].key_cols};
}

struct frozen { /* what encode reads */
  struct mr_store store;
  struct mr_held held[2];
};

static void join_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  const struct join *self = ctx->self;
  struct frozen frozen = {.held = {self->sides[0].held, self->sides[1].held}};
  mr_save_int(to, "watermark_us", self->in_time.watermark_us);
  if (!mr_held_freeze(&self->store, to, &frozen.store)) return;
  mr_save_frozen(to, mr_save_keep(to, &frozen, sizeof frozen));
}

static void join_encode(const struct mr_op_ctx *ctx, const void *from, struct mr_save *to) {
  const struct frozen *f = from;
  for (uint32_t s = 0; s < 2; s++) {
    struct mr_held_key key = saved_key(ctx, s);
    struct mr_held held = mr_held_frozen(&f->held[s], &f->store);
    mr_held_save(to, side_names[s], &held, &key);
  }
}

static int restore_side(struct mr_op_ctx *ctx, const struct mr_load *from, uint32_t s,
                        struct mr_error *err) {
  struct join *self = ctx->self;
  struct mr_held_key key = saved_key(ctx, s);
  struct mr_held_loader *l = MR_NEW(ctx->arena, struct mr_held_loader, 1);
  const char *why = NULL;
  int rc = mr_held_loader_init(l, ctx->arena, ctx->region_rw, &self->sides[s].form, &key, from,
                               side_names[s], err);
  if (rc) return rc;
  self->side = s;
  self->in_time.rows[0] = 0;
  self->in_time.sel_cnt = 1;
  while (!why && mr_held_load(l)) {
    struct mr_held_span span = span_of(self, l->us);
    if (span.hi < self->in_time.watermark_us) continue; /* nothing matches it any more */
    pack_keys(self, &l->view);
    uint32_t ref = keep_row(self, &l->view, 0, l->us, span);
    if (ref)
      mr_held_at(&self->sides[s].held, ref)->flags |= l->flags & MR_JOIN_MATCHED;
    else
      why = "no room: max_state is too small";
  }
  tell(self, ctx);
  return mr_held_load_end(l, why, err);
}

static int join_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct join *self = ctx->self;
  if (!mr_load_int(from, "watermark_us", &self->in_time.watermark_us))
    return mr_error_set(err, MR_ERR_IO, "the watermark is missing");
  int rc = restore_side(ctx, from, 0, err);
  return rc ? rc : restore_side(ctx, from, 1, err);
}

static const char *const join_ports[] = {"left", "right", NULL};
static const char *const join_outputs[] = {"late", NULL};

const struct mr_op mr_op_join = {
    .name = "join",
    .help = "joins rows of two inputs by key and event time",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_KEYED | MR_OP_TIMED | MR_OP_DERIVES | MR_OP_ABSORBS,
    .opts = mr_join_opts,
    .conf_sz = sizeof(struct mr_join_conf),
    .ports = join_ports,
    .outputs = join_outputs,
    .self_sz = sizeof(struct join),
    .plan = mr_join_plan,
    .need = mr_join_need,
    .init = join_init,
    .process = join_process,
    .drain = join_drain,
    .advance = join_advance,
    .shape = join_shape,
    .snapshot = join_snapshot,
    .encode = join_encode,
    .restore = join_restore,
};
