/* SPDX-License-Identifier: Apache-2.0 */
/* dedup: the first row of a key within a time passes.
 *
 * A row is a repeat when a row of its key that has passed lies at most `within` from it in event
 * time. Repeats count as filtered and leave no trace, so they do not extend the time. Which of two
 * rows is the first is decided by their order in the input, not by their times. A row that has
 * passed is remembered until the watermark is `within` beyond it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/lines.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "operators/join/in_time.h"
#include "operators/operators.h"
#include "operators/window/keyed.h"
#include "state/held_save.h"

#define OUT_LATE MR_OUT_EXTRA
#define CHUNK    64u /* rows whose cache lines are asked for at a time */

/* ---- options ---- */

struct dedup_conf {
  struct mr_opt_strings key;
  int64_t within, delay, max_keys;
  uint64_t max_state;
  bool delay_given;
  int late, on_full;
};

#define AT(member) MR_OPT_AT(struct dedup_conf, member)

static const struct mr_opt dedup_opts[] = {
    {"key", MR_OPT_NAMES, AT(key), .required = true,
     .help = "columns of which two rows have the same values when one repeats the other",
     .example = "[order_id]"},
    {"within", MR_OPT_DURATION_US, AT(within), .required = true, .min = 0, .max = 1.6e15,
     .help = "event time from a row that passed in which rows of its key are repeats",
     .example = "10m"},
    {"delay", MR_OPT_DURATION_US, AT(delay), .min = 0, .max = 3.2e15,
     .given = MR_OPT_REF(struct dedup_conf, delay_given),
     .help =
         "watermark delay of this node; without it the source's, or 0 behind a window or group"},
    {"late", MR_OPT_ENUM, AT(late), .words = mr_in_time_late_words,
     .help = "rows behind the watermark: dropped, or sent to NODE.late; without it divert when "
             "something reads NODE.late"},
    {"max_keys", MR_OPT_INT64, AT(max_keys), .def = "0", .min = 0, .max = 4e9,
     .help = "rows that one instance may remember at a time; 0: no bound"},
    {"max_state", MR_OPT_SIZE, AT(max_state), .def = "256MiB", .min = 1 << 20, .max = 6.4e10,
     .help = "memory that they may take in one instance"},
    {"on_full", MR_OPT_ENUM, AT(on_full), .def = "fail", .words = mr_keyed_full_words,
     .help = "rows beyond max_keys or max_state: stop the graph, or dead letters"},
    MR_OPT_END};

/* ---- plan ---- */

struct dedup_data {
  struct mr_keys keys;
  struct mr_held_form form;
  uint32_t et;
  int64_t within_us, delay_us;
  uint64_t max_keys, max_state;
  bool divert, dead_letter;
};

static int find_keys(struct mr_op_plan *p, struct dedup_data *data) {
  const struct dedup_conf *conf = p->conf;
  const struct mr_opt_strings *names = &conf->key;
  if (!names->cnt)
    return mr_op_error(p, mr_tree_get(p->tree, "key"), MR_CODE_OUT_OF_RANGE,
                       "dedup needs at least one key column");
  if (names->cnt > MR_KEYS_MAX)
    return mr_op_error(p, names->items[0].at, MR_CODE_OUT_OF_RANGE, "at most %u key columns",
                       MR_KEYS_MAX);
  uint32_t *cols = MR_NEW(p->arena, uint32_t, names->cnt);
  int rc = MR_OK;
  for (uint32_t k = 0; k < names->cnt; k++) {
    int32_t c = mr_op_column(p, &names->items[k]);
    if (c < 0)
      rc = MR_ERR_CONF;
    else if (p->in->fields[c].type == MR_TYPE_LIST)
      rc = mr_op_error(p, names->items[k].at, MR_CODE_WRONG_TYPE, "a list cannot be a key");
    else
      cols[k] = (uint32_t)c;
  }
  if (rc) return rc;
  mr_keys_init(&data->keys, p->in, cols, names->cnt);
  data->keys.dense = false; /* keys are packed */
  p->key_cols = cols;
  p->key_cnt = names->cnt;
  return MR_OK;
}

static int dedup_plan(struct mr_op_plan *p) {
  const struct dedup_conf *conf = p->conf;
  struct dedup_data *data = MR_NEW(p->arena, struct dedup_data, 1);
  int rc = find_keys(p, data);
  p->delay_us = conf->delay_given ? conf->delay : p->in_derived ? 0 : p->source_delay_us;
  if (p->in->event_time < 0)
    return mr_op_error(p, NULL, MR_CODE_UNKNOWN_COLUMN,
                       "the rows of this input have no event time, so within says nothing: name "
                       "it as event_time in the event");
  if (rc) return rc;
  data->et = (uint32_t)p->in->event_time;
  data->within_us = conf->within;
  data->delay_us = p->delay_us;
  data->max_keys = (uint64_t)conf->max_keys;
  data->max_state = conf->max_state;
  data->divert = conf->late == MR_LATE_DIVERT || (conf->late < 0 && p->late_read);
  data->dead_letter = conf->on_full == MR_ON_FULL_DEAD_LETTER;
  mr_held_form_init(&data->form, p->arena, &data->keys, p->in, NULL, 2 * conf->within,
                    p->delay_us + 2 * conf->within);
  p->can_fail = p->rejects_input = data->dead_letter;
  p->state_max = mr_store_footprint(conf->max_state);
  p->outs[MR_OUT_MAIN].schema = p->outs[OUT_LATE].schema = p->in;
  p->data = data;
  return MR_OK;
}

static void dedup_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                       bool *in_need) {
  const struct dedup_data *data = p->data;
  for (uint32_t k = 0; k < p->key_cnt; k++) in_need[p->key_cols[k]] = true;
  in_need[data->et] = true;
  for (uint32_t c = 0; c < p->in->cnt; c++)
    in_need[c] |= (out_need[MR_OUT_MAIN] && out_need[MR_OUT_MAIN][c]) ||
                  (out_need[OUT_LATE] && out_need[OUT_LATE][c]);
}

/* ---- an instance ---- */

struct dedup {
  struct mr_in_time in_time;
  struct mr_key_batch keys;
  struct mr_store store;
  struct mr_held held;
  struct mr_held_look look;
  struct mr_view view, late_view;
  uint64_t pass[MR_BATCH_WORDS], full[MR_BATCH_WORDS];
  uint32_t pass_cnt, full_cnt, repeat_cnt;
  bool failed;
};

static int dedup_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct dedup *self = ctx->self;
  const struct dedup_data *data = ctx->data;
  self->in_time.watermark_us = MR_TIME_NONE;
  self->in_time.delay_us = data->delay_us;
  self->in_time.kernels = mr_state_kernels_of(ctx->isa);
  mr_key_batch_init(&self->keys, ctx->arena, &data->keys, self->in_time.kernels, ctx->region->base);
  int rc = mr_store_init(&self->store, ctx->region_rw, data->max_state, data->max_state / 16,
                         "state", err);
  if (rc) return rc;
  mr_held_init(&self->held, &data->form, &self->store, ctx->region->base);
  return MR_OK;
}

/* ---- rows ---- */

static struct mr_held_span span_of(const struct dedup_data *data, int64_t us) {
  return (struct mr_held_span){us - data->within_us, us + data->within_us};
}

static bool is_repeat(struct dedup *self, const uint64_t *key, uint32_t tag,
                      struct mr_held_span span) {
  uint32_t heads[MR_HELD_LOOK];
  mr_held_find_one(&self->held, key, tag, span, &self->look, heads);
  for (uint32_t p = 0; p < MR_HELD_LOOK; p++)
    for (uint32_t ref = heads[p]; ref;) {
      const struct mr_held_row *row = mr_held_at(&self->held, ref);
      if (row->us >= span.lo && row->us <= span.hi) return true;
      ref = row->next;
    }
  return false;
}

static bool keys_full(const struct dedup *self, const struct dedup_data *data) {
  return data->max_keys && self->held.row_cnt >= data->max_keys;
}

static void no_room(struct dedup *self, struct mr_op_ctx *ctx, uint32_t row) {
  const struct dedup_data *data = ctx->data;
  if (data->dead_letter) {
    mr_bit_set(self->full, row);
    self->full_cnt++;
    return;
  }
  self->failed = true;
  if (keys_full(self, data))
    mr_op_fail(ctx, MR_ERR_LIMIT,
               "%s: no room for a new key: max_keys is %" PRIu64 " and %" PRIu64 " are remembered",
               ctx->node->name, data->max_keys, self->held.row_cnt);
  else
    mr_op_fail(ctx, MR_ERR_LIMIT,
               "%s: no room for a new key: max_state is %" PRIu64 " bytes, %" PRIu64
               " are used, %" PRIu64 " keys are remembered",
               ctx->node->name, data->max_state, self->store.used_bytes, self->held.row_cnt);
}

static int cause_of(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  const struct dedup *self = ctx->self;
  const struct dedup_data *data = ctx->data;
  (void)row;
  if (keys_full(self, data))
    snprintf(text, sz, "no room for a new key: max_keys is %" PRIu64, data->max_keys);
  else
    snprintf(text, sz, "no room: max_state is %" PRIu64 " bytes", data->max_state);
  return MR_KEYED_CODE_FULL;
}

/* The verdict on each row in time, in their order: a row's may hang on the one before it. */
static void judge(struct dedup *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct dedup_data *data = ctx->data;
  const int64_t *et = in->cols[data->et].data;
  const uint16_t *rows = self->in_time.rows;
  struct mr_held_span spans[CHUNK];
  for (uint32_t at = 0; at < self->in_time.sel_cnt; at += CHUNK) {
    uint32_t left = self->in_time.sel_cnt - at, n = left < CHUNK ? left : CHUNK;
    for (uint32_t i = 0; i < n; i++) spans[i] = span_of(data, mr_in_time_clamp(et[rows[at + i]]));
    mr_held_fetch(&self->held, &self->keys, rows + at, n, spans);
    for (uint32_t i = 0; i < n && !self->failed; i++) {
      uint32_t row = rows[at + i], tag = self->keys.tags[row];
      const uint64_t *key = self->keys.words + (size_t)row * data->keys.words;
      if (is_repeat(self, key, tag, spans[i])) {
        self->repeat_cnt++;
        continue;
      }
      if (keys_full(self, data) ||
          !mr_held_add(&self->held, in, row, mr_in_time_clamp(et[row]), key, tag, true)) {
        no_room(self, ctx, row);
        continue;
      }
      mr_bit_set(self->pass, row);
      self->pass_cnt++;
    }
  }
}

static void tell(const struct dedup *self, struct mr_op_ctx *ctx) {
  ctx->counts.state_keys = self->held.row_cnt;
  ctx->counts.state_bytes = self->store.used_bytes;
}

static void emit(struct mr_op_ctx *ctx, const struct mr_view *in, uint32_t output,
                 struct mr_view *view, const uint64_t *sel, uint32_t cnt) {
  if (!cnt) return;
  *view = *in;
  view->sel = sel;
  view->sel_cnt = cnt;
  mr_emit(ctx, output, view);
}

static void dedup_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct dedup *self = ctx->self;
  const struct dedup_data *data = ctx->data;
  struct mr_in_time *t = &self->in_time;
  if (self->failed) return;
  mr_in_time_sort(t, ctx, in, data->et);
  memset(self->pass, 0, sizeof self->pass);
  memset(self->full, 0, sizeof self->full);
  self->pass_cnt = self->full_cnt = self->repeat_cnt = 0;
  if (t->sel_cnt) {
    mr_keys_begin(&self->keys, in, t->rows, t->sel_cnt);
    mr_keys_pack(&self->keys);
    judge(self, ctx, in);
  }
  ctx->counts.filtered += self->repeat_cnt;
  if (self->failed) /* those that were not judged */
    ctx->counts.dropped += t->sel_cnt - self->pass_cnt - self->repeat_cnt - self->full_cnt;
  tell(self, ctx);
  if (self->full_cnt && !self->failed) mr_reject_rows(ctx, in, self->full, cause_of);
  if (data->divert) emit(ctx, in, OUT_LATE, &self->late_view, t->late, t->late_cnt);
  emit(ctx, in, MR_OUT_MAIN, &self->view, self->pass, self->pass_cnt);
}

static void dedup_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct dedup *self = ctx->self;
  const struct dedup_data *data = ctx->data;
  self->in_time.watermark_us = watermark_us;
  mr_held_evict(&self->held, mr_in_time_clamp(watermark_us) - data->within_us);
  tell(self, ctx);
}

/* ---- checkpoints ---- */

static const char *dedup_shape(const struct mr_op_plan *p) {
  const struct dedup_data *data = p->data;
  struct mr_lines out = {.arena = p->arena};
  mr_lines_add(&out, "within: %lld us\n", (long long)data->within_us);
  mr_held_shape(&out, "", p->in, p->key_cols, p->key_cnt, NULL);
  return out.text;
}

static struct mr_held_key saved_key(const struct mr_op_ctx *ctx) {
  const struct mr_op_plan *p = &ctx->node->op_plan;
  return (struct mr_held_key){p->in, p->in, p->key_cols};
}

struct frozen { /* what encode reads */
  struct mr_store store;
  struct mr_held held;
};

static void dedup_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  const struct dedup *self = ctx->self;
  struct frozen frozen = {.held = self->held};
  mr_save_int(to, "watermark_us", self->in_time.watermark_us);
  if (!mr_held_freeze(&self->store, to, &frozen.store)) return;
  mr_save_frozen(to, mr_save_keep(to, &frozen, sizeof frozen));
}

static void dedup_encode(const struct mr_op_ctx *ctx, const void *from, struct mr_save *to) {
  const struct frozen *f = from;
  struct mr_held_key key = saved_key(ctx);
  struct mr_held held = mr_held_frozen(&f->held, &f->store);
  mr_held_save(to, "rows", &held, &key);
}

static int dedup_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct dedup *self = ctx->self;
  const struct dedup_data *data = ctx->data;
  struct mr_held_key key = saved_key(ctx);
  struct mr_held_loader *l = MR_NEW(ctx->arena, struct mr_held_loader, 1);
  const char *why = NULL;
  uint16_t row = 0;
  if (!mr_load_int(from, "watermark_us", &self->in_time.watermark_us))
    return mr_error_set(err, MR_ERR_IO, "the watermark is missing");
  int rc = mr_held_loader_init(l, ctx->arena, ctx->region_rw, &data->form, &key, from, "rows", err);
  if (rc) return rc;
  while (!why && mr_held_load(l)) {
    if (l->us + data->within_us < self->in_time.watermark_us) continue; /* nobody asks for it */
    mr_keys_begin(&self->keys, &l->view, &row, 1);
    mr_keys_pack(&self->keys);
    if (!mr_held_add(&self->held, &l->view, 0, l->us, self->keys.words, self->keys.tags[0], true))
      why = "no room: max_state is too small";
  }
  tell(self, ctx);
  return mr_held_load_end(l, why, err);
}

static const char *const dedup_outputs[] = {"late", NULL};

const struct mr_op mr_op_dedup = {
    .name = "dedup",
    .help = "lets the first row of a key within a time pass",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_KEYED | MR_OP_TIMED,
    .opts = dedup_opts,
    .conf_sz = sizeof(struct dedup_conf),
    .outputs = dedup_outputs,
    .self_sz = sizeof(struct dedup),
    .plan = dedup_plan,
    .need = dedup_need,
    .init = dedup_init,
    .process = dedup_process,
    .advance = dedup_advance,
    .shape = dedup_shape,
    .snapshot = dedup_snapshot,
    .encode = dedup_encode,
    .restore = dedup_restore,
};
