/* SPDX-License-Identifier: Apache-2.0 */
#include "ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/rng.h"
#include "graph/compile.h"

enum { COL_ID, COL_KEY, COL_T, COL_S, COL_CNT };

uint64_t rig_hash(uint64_t x) {
  return mr_rng_at(0x5eed, x);
}

bool rig_make_row(int64_t seed, int64_t bad, int64_t n, struct rig_row *row) {
  uint64_t h = rig_hash((uint64_t)(seed << 32 | n));
  row->id = seed << 32 | n;
  row->key = (int64_t)(h % 17);
  row->t =
      INT64_C(1700000000000000) + n * RIG_STEP_US + (int64_t)((h >> 20) % (uint64_t)RIG_JITTER_US);
  return !bad || (h >> 40) % (uint64_t)bad != 0;
}

uint32_t rig_text(int64_t id, bool heap, char *buf) {
  int len = snprintf(buf, 64, "%" PRIx64, rig_hash((uint64_t)id) >> (heap ? 0 : 16));
  uint32_t more = heap ? (uint32_t)(rig_hash((uint64_t)id) % 24) : 0;
  memset(buf + len, 'x', more);
  return (uint32_t)len + more;
}

bool rig_keeps(int64_t id, int64_t salt, int64_t mod) {
  return rig_hash((uint64_t)(id + salt * 1000003)) % (uint64_t)mod != 0;
}

bool rig_spoils(int64_t id, int64_t every) {
  return rig_hash((uint64_t)id * 31) % (uint64_t)every == 0;
}

struct conf {
  int64_t rows, seed, max, bad, pause, salt, mod, parts, piece, every, drains, heap, fault, raw,
      delay_us, size_us, turn, grab, mute;
  const char *path;
};
#define C(member) MR_OPT_AT(struct conf, member)
#define NUM(name, def_)                                                                            \
  { #name, MR_OPT_INT64, C(name), .def = def_, .help = "a number" }
static const struct mr_opt none_opts[] = {MR_OPT_END};

static int same_plan(struct mr_op_plan *p) {
  p->outs[MR_OUT_MAIN].schema = p->in;
  return MR_OK;
}

static void all_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                     bool *in_need) {
  (void)out_need;
  for (uint32_t c = 0; c < p->in->cnt; c++) in_need[c] = true;
}

/* Own batches; with heap, texts are too long to stand in the column itself. */
static void own_heap(struct mr_op_plan *p) {
  const struct conf *conf = p->conf;
  struct mr_op_out *out = &p->outs[MR_OUT_MAIN];
  out->own_batches = true;
  out->heap = conf->heap;
  out->value_max = 256;
}

/* ---- gen ---- */

static const struct mr_opt gen_opts[] = {
    NUM(rows, "100"), NUM(seed, "1"), NUM(max, "1024"), NUM(bad, "0"),  NUM(pause, "0"),
    NUM(heap, "0"),   NUM(raw, "3"),  NUM(turn, "7"),   NUM(grab, "0"), MR_OPT_END};

static int gen_plan(struct mr_op_plan *p) {
  const struct conf *conf = p->conf;
  p->outs[MR_OUT_MAIN].schema = p->in;
  own_heap(p);
  p->outs[MR_OUT_MAIN].value_max = conf->raw > 256 ? (uint32_t)conf->raw : 256;
  p->can_fail = true;
  return MR_OK;
}

static void put_text(struct mr_pool *pool, struct mr_batch *b, uint32_t r, int64_t id) {
  char text[64];
  uint32_t len = rig_text(id, pool->conf.block_cnt > 0, text);
  struct mr_str *to = (struct mr_str *)mr_pool_column(pool, b, COL_S) + r;
  MR_ASSERT(mr_batch_str(pool, b, text, len, to));
}

static void put_row(struct mr_pool *pool, struct mr_batch *b, uint32_t r,
                    const struct rig_row *row) {
  const bool *own = pool->conf.own;
  if (own[COL_ID]) ((int64_t *)mr_pool_column(pool, b, COL_ID))[r] = row->id;
  if (own[COL_KEY]) ((int64_t *)mr_pool_column(pool, b, COL_KEY))[r] = row->key;
  if (own[COL_T]) ((int64_t *)mr_pool_column(pool, b, COL_T))[r] = row->t;
  if (own[COL_S]) put_text(pool, b, r, row->id);
}

/* Begins the turn that comes next; false: there is none. */
static bool gen_turn(struct mr_op_ctx *ctx) {
  const struct conf *conf = ctx->conf;
  struct rig_gen *self = ctx->self;
  uint64_t turn;
  if (conf->grab) {
    turn = mr_source_next_turn(ctx);
    if (turn == MR_TURN_NONE) return false;
  } else {
    turn = self->turn + ctx->instance;
    if (!mr_source_turn(ctx, turn)) return false;
    self->turn += ctx->takers;
  }
  if (turn > (uint64_t)conf->rows / (uint64_t)conf->turn) return false;
  self->next = (int64_t)turn * conf->turn;
  self->end = self->next + conf->turn < conf->rows ? self->next + conf->turn : conf->rows;
  return self->begun = true;
}

static void gen_rows(struct mr_op_ctx *ctx, struct mr_batch *b, uint32_t want) {
  const struct conf *conf = ctx->conf;
  struct rig_gen *self = ctx->self;
  static const char raw[65536] = "raw";
  bool turns = ctx->node->instance_cnt > 1;
  int64_t line = 1 + (turns ? self->next % conf->turn : self->next);
  uint32_t n = 0;
  for (; n < want && self->next < self->end; self->next++, self->made++, line++) {
    struct rig_row row;
    if (rig_make_row(conf->seed, conf->bad, self->next, &row)) {
      put_row(ctx->pools[MR_OUT_MAIN], b, n++, &row);
    } else {
      if (!mr_source_reject(ctx, 3001, "malformed", "gen", (uint64_t)self->next, (uint64_t)line,
                            raw, (uint32_t)conf->raw, (uint64_t)conf->raw))
        break;
      self->bad++;
    }
  }
  b->msg.row_cnt = n;
}

static enum mr_poll gen_poll(struct mr_op_ctx *ctx) {
  const struct conf *conf = ctx->conf;
  struct rig_gen *self = ctx->self;
  bool turns = ctx->node->instance_cnt > 1;
  if (!turns) self->end = conf->rows;
  if (!turns && self->next == self->end) return MR_POLL_END;
  self->rng = rig_hash(self->rng + (uint64_t)conf->seed + ctx->instance);
  if (conf->pause && self->rng % (uint64_t)conf->pause == 0 && !ctx->stop) {
    ctx->wake_ns = ctx->now_ns + self->rng % 50000;
    return MR_POLL_IDLE;
  }
  if (turns && !self->begun && !gen_turn(ctx)) return MR_POLL_END;
  uint32_t want = 1 + (uint32_t)(self->rng >> 16) % (uint32_t)conf->max;
  if (want > ctx->row_max) want = ctx->row_max;
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  gen_rows(ctx, b, want);
  /* now and then it does not know yet that this is the end, and sends an empty batch after it */
  bool ends = turns && self->next == self->end && (!b->msg.row_cnt || self->rng >> 60);
  if (ends) mr_source_turn_end(ctx, (uint64_t)conf->turn);
  if (ends) self->begun = false;
  if (b->msg.row_cnt || ends)
    mr_source_emit(ctx, b, MR_ET_UNKNOWN, NULL);
  else
    mr_emit_cancel(ctx, MR_OUT_MAIN, b);
  return MR_POLL_ROWS;
}

/* ---- spread ---- */

static const struct mr_opt spread_opts[] = {NUM(rows, "100"), NUM(seed, "1"), NUM(max, "1024"),
                                            NUM(parts, "3"),  NUM(mute, "0"), NUM(heap, "0"),
                                            MR_OPT_END};

static int spread_plan(struct mr_op_plan *p) {
  const struct conf *conf = p->conf;
  p->outs[MR_OUT_MAIN].schema = p->in;
  own_heap(p);
  p->partition_cnt = (uint32_t)conf->parts;
  return MR_OK;
}

/* Row n of the source is in partition n mod parts. The last partition has none with `mute`, and
 * then the source goes on for ever. */
static enum mr_poll spread_poll(struct mr_op_ctx *ctx) {
  const struct conf *conf = ctx->conf;
  struct rig_spread *self = ctx->self;
  uint32_t parts = (uint32_t)conf->parts, own = 0, live[RIG_PARTS_MAX];
  for (uint32_t p = ctx->instance; p < parts; p += ctx->node->instance_cnt) {
    bool mute = conf->mute && p + 1 == parts;
    if (!mute && (int64_t)self->next[p] * parts + p < conf->rows) live[own++] = p;
  }
  if (!own) return conf->mute ? MR_POLL_IDLE : MR_POLL_END;
  self->rng = rig_hash(self->rng + (uint64_t)conf->seed + ctx->instance);
  uint32_t p = live[self->rng % own], n = 0,
           want = 1 + (uint32_t)((self->rng >> 16) % (uint64_t)conf->max);
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  for (; n < want && n < ctx->row_max; self->next[p]++) {
    struct rig_row row;
    int64_t at = (int64_t)self->next[p] * parts + p;
    if (at >= conf->rows) break;
    rig_make_row(conf->seed, 0, at, &row);
    put_row(ctx->pools[MR_OUT_MAIN], b, n++, &row);
  }
  b->msg.row_cnt = n;
  mr_source_partition(ctx, p);
  mr_source_position(ctx, p, self->next[p], (uint64_t)conf->rows / parts);
  mr_source_emit(ctx, b, MR_ET_UNKNOWN, NULL);
  return MR_POLL_ROWS;
}

/* ---- pass, kpass, split ---- */

struct pass {
  struct mr_view view;
  uint64_t sel[MR_BATCH_WORDS];
  uint32_t views;
};

static const struct mr_opt pass_opts[] = {NUM(fault, "0"), MR_OPT_END};

/* Every third view goes on with something wrong: see rig_fault. */
static void pass_wrongly(struct mr_op_ctx *ctx, const struct mr_view *in, int64_t fault) {
  struct pass *self = ctx->self;
  uint64_t all[MR_BATCH_WORDS];
  self->view = *in;
  if (fault == RIG_LOSES) {
    memcpy(self->sel, mr_view_sel(in, all), mr_bitmap_words(in->row_cnt) * 8);
    uint32_t row = 0;
    while (!mr_bit_get(self->sel, row)) row++;
    mr_bit_clear(self->sel, row);
    self->view.sel = self->sel;
    self->view.sel_cnt--;
    ctx->counts.filtered++;
  }
  if (fault == RIG_HURRIES) self->view.frontier_out += 1000 * RIG_STEP_US;
  if (fault == RIG_LEAKS) mr_batch_ref(in->batch);
  if (fault == RIG_MISCOUNTS) ctx->counts.filtered++;
  ctx->more = fault == RIG_REPEATS && self->views == 3;
  mr_emit(ctx, MR_OUT_MAIN, &self->view);
}

static void pass_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct conf *conf = ctx->conf;
  struct pass *self = ctx->self;
  if (conf->fault && ++self->views % 3 == 0)
    pass_wrongly(ctx, in, conf->fault);
  else
    mr_emit(ctx, MR_OUT_MAIN, in);
}

static void pass_drain(struct mr_op_ctx *ctx) {
  struct pass *self = ctx->self;
  ctx->counts.rows_in += self->view.sel_cnt;
  mr_emit(ctx, MR_OUT_MAIN, &self->view);
}

static void kpass_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  mr_emit(ctx, MR_OUT_MAIN, in);
}

static int kpass_plan(struct mr_op_plan *p) {
  static const uint32_t key[] = {COL_KEY};
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->key_cols = key;
  p->key_cnt = 1;
  return MR_OK;
}

struct split {
  struct mr_view keep, rest;
  uint64_t keep_sel[MR_BATCH_WORDS], rest_sel[MR_BATCH_WORDS];
};

static const struct mr_opt split_opts[] = {NUM(salt, "0"), NUM(mod, "2"), MR_OPT_END};
static const char *const split_outputs[] = {"rest", NULL};

static void part(const struct mr_view *in, struct mr_view *out, uint64_t *sel) {
  *out = *in;
  out->sel = sel;
  out->sel_cnt = mr_bitmap_count(sel, mr_bitmap_words(in->row_cnt));
}

static void split_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct conf *conf = ctx->conf;
  struct split *self = ctx->self;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  memset(self->keep_sel, 0, sizeof self->keep_sel);
  memset(self->rest_sel, 0, sizeof self->rest_sel);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row) {
    bool keep = rig_keeps(MR_COL(in, COL_ID, int64_t)[row], conf->salt, conf->mod);
    mr_bit_set(keep ? self->keep_sel : self->rest_sel, (uint32_t)row);
  }
  part(in, &self->keep, self->keep_sel);
  part(in, &self->rest, self->rest_sel);
  ctx->counts.filtered += self->rest.sel_cnt;
  mr_emit(ctx, MR_OUT_MAIN, &self->keep);
  mr_emit(ctx, MR_OUT_EXTRA, &self->rest);
}

/* ---- shift: an own column beside the input's, in parts ---- */

struct shift {
  const struct mr_view *in;
  uint32_t row;
  struct mr_col cols[COL_CNT];
  struct mr_view view;
  uint64_t sel[MR_BATCH_WORDS];
};

static const struct mr_opt shift_opts[] = {NUM(parts, "1"), MR_OPT_END};

static int shift_plan(struct mr_op_plan *p) {
  struct mr_op_out *out = &p->outs[MR_OUT_MAIN];
  out->schema = p->in;
  out->own_batches = true;
  out->own = MR_NEW(p->arena, bool, p->in->cnt);
  out->own[COL_KEY] = true;
  return MR_OK;
}

static void shift_drain(struct mr_op_ctx *ctx) {
  const struct conf *conf = ctx->conf;
  struct shift *self = ctx->self;
  const struct mr_view *in = self->in;
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  uint32_t to = self->row + (in->row_cnt + (uint32_t)conf->parts - 1) / (uint32_t)conf->parts;
  if (to > in->row_cnt) to = in->row_cnt;
  memcpy(self->cols, in->cols, sizeof self->cols);
  if (pool->conf.own[COL_KEY]) {
    int64_t *key = mr_pool_column(pool, b, COL_KEY);
    for (uint32_t r = 0; r < in->row_cnt; r++) key[r] = MR_COL(in, COL_KEY, int64_t)[r] + 1;
    self->cols[COL_KEY].data = key;
  }
  mr_batch_add_base(ctx->inst ? (struct mr_region *)(uintptr_t)ctx->region : NULL, b, in->batch);
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  memset(self->sel, 0, sizeof self->sel);
  for (uint32_t r = self->row; r < to; r++)
    if (mr_bit_get(sel, r)) mr_bit_set(self->sel, r);
  part(in, &self->view, self->sel);
  self->view.cols = self->cols;
  self->view.batch = b;
  self->row = to;
  ctx->more = to < in->row_cnt;
  mr_emit_mixed(ctx, MR_OUT_MAIN, b, &self->view);
}

static void shift_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct shift *self = ctx->self;
  self->in = in;
  self->row = 0;
  shift_drain(ctx);
}

/* ---- copy: own batches ---- */

struct copy {
  const struct mr_view *in;
  uint32_t row;
};

static const struct mr_opt copy_opts[] = {NUM(piece, "1024"), NUM(heap, "0"), MR_OPT_END};

static int copy_plan(struct mr_op_plan *p) {
  p->outs[MR_OUT_MAIN].schema = p->in;
  own_heap(p);
  return MR_OK;
}

static void copy_drain(struct mr_op_ctx *ctx) {
  const struct conf *conf = ctx->conf;
  struct copy *self = ctx->self;
  const struct mr_view *in = self->in;
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  uint32_t n = 0;
  for (; self->row < in->row_cnt && n < conf->piece; self->row++) {
    if (!mr_bit_get(sel, self->row)) continue;
    uint32_t r = self->row;
    struct rig_row row = {MR_COL(in, COL_ID, int64_t)[r], MR_COL(in, COL_KEY, int64_t)[r],
                          MR_COL(in, COL_T, int64_t)[r]};
    put_row(ctx->pools[MR_OUT_MAIN], b, n++, &row);
  }
  while (self->row < in->row_cnt && !mr_bit_get(sel, self->row)) self->row++;
  ctx->more = self->row < in->row_cnt;
  b->msg.row_cnt = n;
  mr_emit_batch(ctx, MR_OUT_MAIN, b, in);
}

static void copy_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct copy *self = ctx->self;
  self->in = in;
  self->row = 0;
  copy_drain(ctx);
}

/* ---- spoil: rejects ---- */

static const struct mr_opt spoil_opts[] = {NUM(every, "3"), MR_OPT_END};

static int spoil_plan(struct mr_op_plan *p) {
  p->can_fail = true;
  return same_plan(p);
}

static int spoil_cause(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  (void)ctx;
  snprintf(text, sz, "row %u is spoilt", row);
  return 3021;
}

static void spoil_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct conf *conf = ctx->conf;
  struct split *self = ctx->self;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  memset(self->keep_sel, 0, sizeof self->keep_sel);
  memset(self->rest_sel, 0, sizeof self->rest_sel);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row) {
    bool bad = rig_spoils(MR_COL(in, COL_ID, int64_t)[row], conf->every);
    mr_bit_set(bad ? self->rest_sel : self->keep_sel, (uint32_t)row);
  }
  part(in, &self->keep, self->keep_sel);
  mr_reject_rows(ctx, in, self->rest_sel, spoil_cause);
  mr_emit(ctx, MR_OUT_MAIN, &self->keep);
}

/* ---- tally ---- */

static const struct mr_opt tally_opts[] = {
    {"delay", MR_OPT_DURATION_US, C(delay_us), .def = "20ms", .help = "of the watermark"},
    {"size", MR_OPT_DURATION_US, C(size_us), .def = "64ms", .min = 1, .max = 1e12,
     .help = "of a window"},
    NUM(piece, "1024"),
    NUM(heap, "0"),
    MR_OPT_END};

static int tally_plan(struct mr_op_plan *p) {
  const struct conf *conf = p->conf;
  kpass_plan(p);
  own_heap(p);
  p->delay_us = conf->delay_us;
  return MR_OK;
}

static int tally_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct rig_tally *self = ctx->self;
  (void)err;
  self->watermark = MR_TIME_NONE;
  return MR_OK;
}

static void tally_add(struct rig_tally *self, int64_t end, int64_t key, int64_t id) {
  size_t i = 0;
  while (i < self->cnt && (self->cells[i].end != end || self->cells[i].key != key)) i++;
  if (i == self->cap) {
    self->cap = self->cap ? self->cap * 2 : 64;
    self->cells = realloc(self->cells, self->cap * sizeof *self->cells);
  }
  if (i == self->cnt) self->cells[self->cnt++] = (struct rig_cell){end, key, 0};
  self->cells[i].sum = (int64_t)((uint64_t)self->cells[i].sum + (uint64_t)id);
}

static void tally_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct conf *conf = ctx->conf;
  struct rig_tally *self = ctx->self;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), r) {
    int64_t t = MR_COL(in, COL_T, int64_t)[r], end = (t / conf->size_us + 1) * conf->size_us;
    if (end <= self->watermark) {
      self->late++;
      ctx->counts.late++;
      continue;
    }
    ctx->counts.absorbed++;
    tally_add(self, end, MR_COL(in, COL_KEY, int64_t)[r], MR_COL(in, COL_ID, int64_t)[r]);
  }
}

static void tally_drain(struct mr_op_ctx *ctx) {
  const struct conf *conf = ctx->conf;
  struct rig_tally *self = ctx->self;
  struct mr_batch *b = NULL;
  size_t i = 0;
  while (i < self->cnt) {
    struct rig_cell *cell = &self->cells[i];
    if (cell->end > self->watermark) {
      i++;
      continue;
    }
    if (!b) {
      b = mr_emit_open(ctx, MR_OUT_MAIN);
      b->msg.row_cnt = 0;
    }
    if (b->msg.row_cnt == conf->piece) {
      ctx->more = true;
      break;
    }
    struct rig_row row = {cell->sum, cell->key, cell->end - 1};
    put_row(ctx->pools[MR_OUT_MAIN], b, b->msg.row_cnt++, &row);
    *cell = self->cells[--self->cnt];
  }
  if (b) mr_emit_batch(ctx, MR_OUT_MAIN, b, NULL);
}

static void tally_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct rig_tally *self = ctx->self;
  if (watermark_us <= self->watermark) self->backward++;
  self->watermark = watermark_us;
  tally_drain(ctx);
}

static void tally_fini(struct mr_op_ctx *ctx) {
  struct rig_tally *self = ctx->self;
  free(self->cells);
}

/* ---- sinks ---- */

static const struct mr_opt collect_opts[] = {
    {"delay", MR_OPT_DURATION_US, C(delay_us), .def = "20ms", .help = "of the watermark"},
    NUM(drains, "0"),
    NUM(heap, "0"),
    MR_OPT_END};

static int collect_plan(struct mr_op_plan *p) {
  const struct conf *conf = p->conf;
  p->delay_us = conf->delay_us;
  return MR_OK;
}

static int collect_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct rig_collect *self = ctx->self;
  (void)err;
  self->watermark = MR_TIME_NONE;
  return MR_OK;
}

static void collect_row(struct rig_collect *self, const struct mr_view *in, uint32_t r,
                        const uint8_t *base, bool heap) {
  if (self->cnt == self->cap) {
    self->cap = self->cap ? self->cap * 2 : 256;
    self->rows = realloc(self->rows, self->cap * sizeof *self->rows);
  }
  struct rig_row row = {MR_COL(in, COL_ID, int64_t)[r], MR_COL(in, COL_KEY, int64_t)[r],
                        MR_COL(in, COL_T, int64_t)[r]};
  const struct mr_str *s = &MR_COL(in, COL_S, struct mr_str)[r];
  char text[64];
  uint32_t len = rig_text(row.id, heap, text);
  if (s->len != len || memcmp(mr_str_data(s, base), text, len) != 0) self->torn++;
  if (row.t < self->watermark) self->behind++;
  self->rows[self->cnt++] = (struct rig_seen){row, in->partition};
}

static void collect_take(struct mr_op_ctx *ctx) {
  const struct conf *conf = ctx->conf;
  struct rig_collect *self = ctx->self;
  const struct mr_view *in = self->view;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  if (self->finished) self->after_end++;
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), r)
  collect_row(self, in, (uint32_t)r, ctx->region->base, conf->heap);
  ctx->counts.rows_out += in->sel_cnt;
  self->view = NULL;
}

static void collect_drain(struct mr_op_ctx *ctx) {
  struct rig_collect *self = ctx->self;
  ctx->more = self->drains_left-- > 0;
  if (!ctx->more) collect_take(ctx);
}

static void collect_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct conf *conf = ctx->conf;
  struct rig_collect *self = ctx->self;
  self->view = in;
  self->drains_left = conf->drains;
  collect_drain(ctx);
}

static void collect_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct rig_collect *self = ctx->self;
  if (watermark_us <= self->watermark) self->backward++;
  self->watermark = watermark_us;
}

static void collect_finish(struct mr_op_ctx *ctx) {
  struct rig_collect *self = ctx->self;
  self->finished++;
}

static void collect_fini(struct mr_op_ctx *ctx) {
  struct rig_collect *self = ctx->self;
  free(self->rows);
}

static const struct mr_opt dead_opts[] = {
    {"path", MR_OPT_STRING, C(path), .required = true, .help = "a file"}, MR_OPT_END};

static int errs_plan(struct mr_op_plan *p) {
  (void)p;
  return MR_OK;
}

static void errs_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct rig_errs *self = ctx->self;
  const int64_t *pos = MR_COL(in, 4, int64_t), *line = MR_COL(in, 5, int64_t);
  const uint64_t *has = in->cols[5].valid;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row)
  if (!has || mr_bit_get(has, (uint32_t)row)) self->misplaced += line[row] != pos[row] + 1;
  self->rows += in->sel_cnt;
  ctx->counts.rows_out += in->sel_cnt;
}

static void errs_finish(struct mr_op_ctx *ctx) {
  struct rig_errs *self = ctx->self;
  self->finished++;
}

/* ---- the table ---- */

#define STEP(name_, flags_, opts_, self_)                                                          \
  .name = name_, .help = "a test's step", .abi = MR_OP_ABI, .kind = MR_OP_STEP, .flags = flags_,   \
  .opts = opts_, .conf_sz = sizeof(struct conf), .need = all_need, .self_sz = self_
#define SINK(name_, flags_, opts_, self_)                                                          \
  .name = name_, .help = "a test's sink", .abi = MR_OP_ABI, .kind = MR_OP_SINK, .flags = flags_,   \
  .opts = opts_, .conf_sz = sizeof(struct conf), .need = all_need, .self_sz = self_

static const struct mr_op gen_op = {.name = "gen",
                                    .help = "a test's source",
                                    .abi = MR_OP_ABI,
                                    .kind = MR_OP_SOURCE,
                                    .flags = MR_OP_TURNS,
                                    .opts = gen_opts,
                                    .conf_sz = sizeof(struct conf),
                                    .self_sz = sizeof(struct rig_gen),
                                    .plan = gen_plan,
                                    .poll = gen_poll};
static const struct mr_op spread_op = {.name = "spread",
                                       .help = "a test's source of several partitions",
                                       .abi = MR_OP_ABI,
                                       .kind = MR_OP_SOURCE,
                                       .flags = MR_OP_PARTS,
                                       .opts = spread_opts,
                                       .conf_sz = sizeof(struct conf),
                                       .self_sz = sizeof(struct rig_spread),
                                       .plan = spread_plan,
                                       .poll = spread_poll};
static const struct mr_op pass_op = {STEP("pass", 0, pass_opts, sizeof(struct pass)),
                                     .plan = same_plan, .process = pass_process,
                                     .drain = pass_drain};
static const struct mr_op kpass_op = {STEP("kpass", MR_OP_KEYED, none_opts, 0), .plan = kpass_plan,
                                      .process = kpass_process};
static const struct mr_op split_op = {STEP("split", 0, split_opts, sizeof(struct split)),
                                      .outputs = split_outputs, .plan = same_plan,
                                      .process = split_process};
static const struct mr_op shift_op = {STEP("shift", 0, shift_opts, sizeof(struct shift)),
                                      .plan = shift_plan, .process = shift_process,
                                      .drain = shift_drain};
static const struct mr_op copy_op = {STEP("copy", 0, copy_opts, sizeof(struct copy)),
                                     .plan = copy_plan, .process = copy_process,
                                     .drain = copy_drain};
static const struct mr_op spoil_op = {STEP("spoil", 0, spoil_opts, sizeof(struct split)),
                                      .plan = spoil_plan, .process = spoil_process};
static const struct mr_op tally_op = {
    STEP("tally", MR_OP_KEYED | MR_OP_TIMED | MR_OP_DERIVES | MR_OP_ABSORBS, tally_opts,
         sizeof(struct rig_tally)),
    .plan = tally_plan,
    .init = tally_init,
    .process = tally_process,
    .drain = tally_drain,
    .advance = tally_advance,
    .fini = tally_fini};
static const struct mr_op collect_op = {
    SINK("collect", MR_OP_TIMED, collect_opts, sizeof(struct rig_collect)),
    .plan = collect_plan,
    .init = collect_init,
    .process = collect_process,
    .drain = collect_drain,
    .advance = collect_advance,
    .finish = collect_finish,
    .fini = collect_fini};
static const struct mr_op errs_op = {SINK("errs", 0, none_opts, sizeof(struct rig_errs)),
                                     .plan = errs_plan, .process = errs_process,
                                     .finish = errs_finish};
static const struct mr_op dead_op = {
    SINK("dead_letter", MR_OP_INTERNAL, dead_opts, sizeof(struct rig_errs)), .plan = errs_plan,
    .process = errs_process, .finish = errs_finish};

static const struct mr_op *const ops[] = {&gen_op,   &spread_op, &pass_op,  &kpass_op, &split_op,
                                          &shift_op, &copy_op,   &spoil_op, &tally_op, &collect_op,
                                          &errs_op,  &dead_op,   NULL};
const struct mr_op_table rig_ops = {ops};
