/* SPDX-License-Identifier: Apache-2.0 */
/* top_n: the first n rows of each window and key by an order.
 *
 * Windows are those of the input: its columns window_start and window_end. A group's rows are a
 * chain of held rows whose first one is the last by the order, so a row that does not belong to the
 * first n is told from it alone. Equal rows are put in order by their other columns, so which rows
 * come out does not hang on the order in which they came. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/lines.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/diag.h"
#include "graph/tree.h"
#include "operators/join/join.h"
#include "operators/join/order.h"
#include "operators/operators.h"
#include "state/held_save.h"

#define OUT_LATE MR_OUT_EXTRA
#define N_MAX    10000u
#define CHUNK    64u /* rows whose cache lines are asked for at a time */

/* Flags of a group's first row. */
#define CNT_MASK UINT32_C(0xffff)  /* rows in the chain */
#define CHANGED  UINT32_C(0x10000) /* since they were last written */
_Static_assert(N_MAX <= CNT_MASK, "a group's size fits into its flags");

/* ---- options ---- */

struct top_n_conf {
  int64_t n;
  struct mr_opt_strings order_by, key;
  const char *rank;
  int emit, late, on_full;
  int64_t every, delay, max_keys;
  bool every_given, delay_given;
  uint64_t max_state;
};

enum { EMIT_FINAL, EMIT_UPDATE };
static const char *const emit_words[] = {"final", "update", NULL};

#define AT(member) MR_OPT_AT(struct top_n_conf, member)

static const struct mr_opt top_n_opts[] = {
    {"n", MR_OPT_INT64, AT(n), .required = true, .min = 1, .max = N_MAX,
     .help = "rows of each window and key", .example = "10"},
    {"order_by", MR_OPT_STRINGS, AT(order_by), .required = true,
     .help = "columns by which rows are put in order, each with ASC or DESC, and NULLS FIRST or "
             "LAST (NULL is the least)",
     .example = "\"bids DESC, auction\""},
    {"key", MR_OPT_NAMES, AT(key),
     .help = "columns whose values make a group; without it one group", .example = "[city]"},
    {"rank", MR_OPT_NAME, AT(rank), .help = "adds a column of this name: the row's place, from 1",
     .example = "place"},
    {"emit", MR_OPT_ENUM, AT(emit), .words = emit_words,
     .help = "final: once, when the watermark passes window_end; update: all rows of groups that "
             "changed; without it final behind windows, else update"},
    {"every", MR_OPT_DURATION_US, AT(every), .min = 1000, .max = 3.2e15,
     .given = MR_OPT_REF(struct top_n_conf, every_given),
     .help = "emit update: at most once in this time; without it after every batch"},
    {"delay", MR_OPT_DURATION_US, AT(delay), .min = 0, .max = 3.2e15,
     .given = MR_OPT_REF(struct top_n_conf, delay_given),
     .help = "watermark delay of this node; without it 0 behind a window, else the source's"},
    {"late", MR_OPT_ENUM, AT(late), .words = mr_in_time_late_words,
     .help = "rows of windows that have ended: dropped, or sent to NODE.late; without it divert "
             "when something reads NODE.late"},
    {"max_keys", MR_OPT_INT64, AT(max_keys), .def = "0", .min = 0, .max = 4e9,
     .help = "groups that may be open at a time in one instance; 0: no bound"},
    {"max_state", MR_OPT_SIZE, AT(max_state), .def = "256MiB", .min = 1 << 20, .max = 6.4e10,
     .help = "memory that they may take in one instance"},
    {"on_full", MR_OPT_ENUM, AT(on_full), .def = "fail", .words = mr_keyed_full_words,
     .help = "rows of new groups beyond max_keys or max_state: stop the graph, or dead letters"},
    MR_OPT_END};

/* ---- plan ---- */

struct top_n_data {
  struct mr_join_plan out; /* the output's columns, all of the left side */
  struct mr_keys keys;
  struct mr_order order;
  int32_t end; /* column window_end, -1: no windows */
  uint32_t n;
  bool update, divert, dead_letter;
  uint64_t max_keys, max_state;
};

static int32_t time_column(const struct mr_op_plan *p, const char *name) {
  int32_t c = mr_schema_find(p->in, name, strlen(name));
  return c >= 0 && p->in->fields[c].type == MR_TYPE_TIMESTAMP ? c : -1;
}

/* The window's columns, then those of key. */
static int plan_keys(struct mr_op_plan *p, struct top_n_data *data) {
  const struct top_n_conf *conf = p->conf;
  uint32_t *cols = MR_NEW(p->arena, uint32_t, conf->key.cnt + 2), cnt = 0;
  int32_t start = time_column(p, "window_start");
  data->end = start >= 0 ? time_column(p, "window_end") : -1;
  if (data->end >= 0) {
    cols[cnt++] = (uint32_t)start;
    cols[cnt++] = (uint32_t)data->end;
  }
  if (conf->key.cnt > MR_KEYS_MAX - 2)
    return mr_op_error(p, conf->key.items[0].at, MR_CODE_OUT_OF_RANGE, "at most %u key columns",
                       MR_KEYS_MAX - 2);
  int rc = MR_OK;
  for (uint32_t k = 0; k < conf->key.cnt; k++) {
    int32_t c = mr_op_column(p, &conf->key.items[k]);
    if (c < 0) {
      rc = MR_ERR_CONF;
      continue;
    }
    bool there = false;
    for (uint32_t i = 0; i < cnt; i++) there |= cols[i] == (uint32_t)c;
    if (p->in->fields[c].type == MR_TYPE_LIST)
      rc = mr_op_error(p, conf->key.items[k].at, MR_CODE_WRONG_TYPE, "a list cannot be a key");
    if (!there) cols[cnt++] = (uint32_t)c;
  }
  if (rc) return rc;
  mr_keys_init(&data->keys, p->in, cols, cnt);
  data->keys.dense = false; /* keys are packed, and those of one group are one word */
  if (!cnt) data->keys.words = data->keys.str_word = 1;
  p->key_cols = cols;
  p->key_cnt = cnt;
  return MR_OK;
}

static int plan_output(struct mr_op_plan *p, struct top_n_data *data) {
  const struct top_n_conf *conf = p->conf;
  struct mr_schema *out = mr_op_schema(p, p->in->visible_cnt + 2);
  data->out.cols = MR_NEW(p->arena, struct mr_join_col, out->cnt + 1);
  for (out->cnt = 0; out->cnt < p->in->visible_cnt; out->cnt++) {
    out->fields[out->cnt] = p->in->fields[out->cnt];
    data->out.cols[out->cnt] = (struct mr_join_col){MR_JOIN_OF_LEFT, out->cnt};
  }
  if (conf->rank && mr_schema_find(p->in, conf->rank, strlen(conf->rank)) >= 0)
    return mr_op_error(p, mr_tree_get(p->tree, "rank"), MR_CODE_KEYS_CLASH,
                       "the input has a column %s too", conf->rank);
  if (out->cnt + 2 >= MR_COLUMNS_MAX)
    return mr_op_error(p, NULL, MR_CODE_OUT_OF_RANGE, "more than %u columns", MR_COLUMNS_MAX - 2);
  if (conf->rank) {
    out->fields[out->cnt] = (struct mr_field){.name = conf->rank, .type = MR_TYPE_INT64};
    data->out.cols[out->cnt++] = (struct mr_join_col){MR_JOIN_NUMBER, 0};
  }
  out->visible_cnt = out->cnt;
  out->event_time = -1; /* a group has none */
  if (data->end >= 0) {
    out->event_time = (int32_t)out->cnt;
    out->fields[out->cnt++] =
        (struct mr_field){.name = "event_time", .type = MR_TYPE_TIMESTAMP, .hidden = true};
  }
  data->out.out = out;
  struct mr_op_out *decl = &p->outs[MR_OUT_MAIN];
  decl->schema = out;
  decl->own_batches = true;
  for (uint32_t c = 0; c < out->cnt; c++) {
    enum mr_phys phys = mr_field_phys(&out->fields[c]);
    decl->heap |= phys == MR_PHYS_STR || phys == MR_PHYS_LIST;
  }
  return MR_OK;
}

static int top_n_plan(struct mr_op_plan *p) {
  const struct top_n_conf *conf = p->conf;
  struct top_n_data *data = MR_NEW(p->arena, struct top_n_data, 1);
  int rc = plan_keys(p, data);
  if (mr_order_plan(&data->order, p, &conf->order_by)) rc = MR_ERR_CONF;
  if (plan_output(p, data)) rc = MR_ERR_CONF;
  if (conf->emit == EMIT_FINAL && data->end < 0)
    rc = mr_op_error(p, mr_tree_get(p->tree, "emit"), MR_CODE_KEYS_CLASH,
                     "emit: final needs windows: an input with the columns window_start and "
                     "window_end");
  data->update = conf->emit == EMIT_UPDATE || (conf->emit < 0 && data->end < 0);
  if (conf->every_given && !data->update)
    rc = mr_op_error(p, mr_tree_get(p->tree, "every"), MR_CODE_KEYS_CLASH,
                     "every goes with emit: update; emit: final writes rows once, when their "
                     "window closes");
  if (rc) return rc;
  p->delay_us = conf->delay_given ? conf->delay : p->in_derived ? 0 : p->source_delay_us;
  p->every_us = conf->every_given ? conf->every : 0;
  data->n = (uint32_t)conf->n;
  data->max_keys = (uint64_t)conf->max_keys;
  data->max_state = conf->max_state;
  data->divert = conf->late == MR_LATE_DIVERT || (conf->late < 0 && p->late_read);
  data->dead_letter = conf->on_full == MR_ON_FULL_DEAD_LETTER;
  p->can_fail = p->rejects_input = data->dead_letter;
  p->state_max = mr_store_footprint(conf->max_state);
  p->outs[OUT_LATE].schema = p->in;
  p->data = data;
  return MR_OK;
}

static void top_n_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                       bool *in_need) {
  const struct top_n_data *data = p->data;
  for (uint32_t k = 0; k < p->key_cnt; k++) in_need[p->key_cols[k]] = true;
  for (uint32_t i = 0; i < data->order.cnt; i++) in_need[data->order.cols[i].col] = true;
  for (uint32_t c = 0; c < p->in->visible_cnt; c++)
    in_need[c] |= (out_need[MR_OUT_MAIN] && out_need[MR_OUT_MAIN][c]) ||
                  (out_need[OUT_LATE] && out_need[OUT_LATE][c]);
}

/* ---- an instance ---- */

struct top_n {
  struct mr_in_time in_time;
  const struct top_n_data *data;
  struct mr_key_batch keys;
  struct mr_store store;
  struct mr_held_form form;
  struct mr_held held;
  struct mr_held_look look;
  struct mr_order order; /* with the columns that decide between equal rows */
  struct mr_due open;    /* groups by the end of their window */
  struct mr_due changed; /* groups that are to be written, in the order of their changes */
  int64_t changes;
  uint64_t group_cnt;
  struct mr_join_out *out;
  /* closing: what goes out are windows that have ended; then_close: first what has changed */
  bool failed, closing, then_close;
  bool quiet; /* rows come from a checkpoint: they are no changes */
  /* the group that goes out: its rows in order, from `at` on */
  const struct mr_held_row **sorted;
  uint32_t at, cnt;
  struct mr_view late_view;
  uint64_t full[MR_BATCH_WORDS];
  uint32_t full_cnt, absorbed, filtered;
};

/* The columns that are read behind it, and those that order rows. */
static bool *kept_columns(const struct mr_op_plan *p, struct mr_arena *arena) {
  const struct top_n_data *data = p->data;
  bool *keep = MR_NEW(arena, bool, p->in->cnt + 1);
  for (uint32_t c = 0; c < p->in->visible_cnt; c++) keep[c] = p->node->outs[MR_OUT_MAIN].need[c];
  for (uint32_t i = 0; i < data->order.cnt; i++) keep[data->order.cols[i].col] = true;
  return keep;
}

static int top_n_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct top_n *self = ctx->self;
  const struct top_n_data *data = self->data = ctx->data;
  const struct mr_schema *in = ctx->node->op_plan.in;
  self->in_time.watermark_us = MR_TIME_NONE;
  self->in_time.delay_us = ctx->node->op_plan.delay_us;
  self->in_time.kernels = mr_state_kernels_of(ctx->isa);
  mr_key_batch_init(&self->keys, ctx->arena, &data->keys, self->in_time.kernels, ctx->region->base);
  const bool *keep = kept_columns(&ctx->node->op_plan, ctx->arena);
  self->order = data->order;
  mr_order_rest(&self->order, ctx->arena, in, keep);
  mr_held_form_init(&self->form, ctx->arena, &data->keys, in, keep, 0, ctx->node->op_plan.delay_us);
  self->out = MR_NEW(ctx->arena, struct mr_join_out, 1);
  self->out->plan = &data->out;
  int32_t *kept = self->out->kept[0] = MR_NEW(ctx->arena, int32_t, in->cnt + 1);
  for (uint32_t i = 0; i < self->form.col_cnt; i++) kept[self->form.cols[i].col] = (int32_t)i;
  self->sorted = MR_NEW(ctx->arena, const struct mr_held_row *, data->n + 1);
  if (self->form.row_sz > MR_HELD_ROW_MAX)
    return mr_error_set(err, MR_ERR_LIMIT, "%s: a row takes %u bytes", ctx->node->name,
                        self->form.row_sz);
  int rc = mr_store_init(&self->store, ctx->region_rw, data->max_state, data->max_state / 16,
                         "state", err);
  if (!rc) mr_held_init(&self->held, &self->form, &self->store, ctx->region->base);
  return rc;
}

/* ---- one row ---- */

static int compare(const struct top_n *self, struct mr_order_row a, struct mr_order_row b) {
  return mr_order_compare(&self->order, &self->form, self->out->kept[0], self->held.base, a, b);
}

static int compare_held(const struct top_n *self, const struct mr_held_row *a,
                        const struct mr_held_row *b) {
  return compare(self, (struct mr_order_row){.held = a}, (struct mr_order_row){.held = b});
}

/* Puts the last of the group's rows in the first place of the chain. */
static void find_last(struct top_n *self, struct mr_held_row *first) {
  struct mr_held_row *last = first;
  for (uint32_t ref = first->next; ref;) {
    struct mr_held_row *row = mr_held_at(&self->held, ref);
    if (compare_held(self, row, last) > 0) last = row;
    ref = row->next;
  }
  if (last != first) mr_held_swap(&self->held, first, last);
}

static void note_change(struct top_n *self, struct mr_held_row *first) {
  if (!self->data->update || self->quiet || first->flags & CHANGED) return;
  first->flags |= CHANGED;
  mr_due_add(&self->changed, &self->store, self->changes++, mr_store_ref(&self->store, first));
}

static bool groups_full(const struct top_n *self) {
  return self->data->max_keys && self->group_cnt >= self->data->max_keys;
}

/* A group of one row. False: no room. */
static bool open_group(struct top_n *self, const struct mr_view *in, uint32_t row, int64_t us,
                       const uint64_t *key, uint32_t tag) {
  if (groups_full(self)) return false;
  uint32_t ref = mr_held_add(&self->held, in, row, us, key, tag, true);
  if (!ref) return false;
  struct mr_held_row *first = mr_held_at(&self->held, ref);
  first->flags = 1;
  if (self->data->end >= 0) mr_due_add(&self->open, &self->store, us + 1, ref);
  self->group_cnt++;
  self->absorbed++;
  note_change(self, first);
  return true;
}

/* One more row of a group that is not full: the new row is the second of the chain. */
static bool add_to_group(struct top_n *self, const struct mr_view *in, uint32_t row,
                         struct mr_held_row *first, uint32_t tag, const uint64_t *key) {
  uint32_t ref = mr_held_add(&self->held, in, row, first->us, key, tag, true);
  if (!ref) return false;
  struct mr_held_row *added = mr_held_at(&self->held, ref);
  MR_DASSERT(first->next == ref);
  first->flags++;
  if (compare_held(self, added, first) > 0) mr_held_swap(&self->held, first, added);
  self->absorbed++;
  note_change(self, first);
  return true;
}

/* False: no room. */
static bool take_row(struct top_n *self, const struct mr_view *in, uint32_t row, int64_t us) {
  const struct top_n_data *data = self->data;
  const uint64_t *key = self->keys.words + (size_t)row * data->keys.words;
  uint32_t tag = self->keys.tags[row], heads[MR_HELD_LOOK];
  /* whatever the row does, it may have to be noted twice */
  if (!mr_due_room(&self->open, &self->store) || !mr_due_room(&self->changed, &self->store))
    return false;
  mr_held_find_one(&self->held, key, tag, (struct mr_held_span){us, us}, &self->look, heads);
  if (!heads[0]) return open_group(self, in, row, us, key, tag);
  struct mr_held_row *first = mr_held_at(&self->held, heads[0]);
  if ((first->flags & CNT_MASK) < data->n) return add_to_group(self, in, row, first, tag, key);
  struct mr_order_row mine = {.view = in, .row = row}, last = {.held = first};
  if (compare(self, mine, last) < 0) {
    if (!mr_held_replace(&self->held, first, in, row)) return false;
    find_last(self, first);
    note_change(self, first);
  }
  self->filtered++; /* this row, or the one whose place it took */
  return true;
}

/* ---- the rows of a view ---- */

static void no_room(struct top_n *self, struct mr_op_ctx *ctx, uint32_t row) {
  const struct top_n_data *data = self->data;
  if (data->dead_letter) {
    mr_bit_set(self->full, row);
    self->full_cnt++;
    return;
  }
  self->failed = true;
  if (groups_full(self))
    mr_op_fail(ctx, MR_ERR_LIMIT,
               "%s: no room for a new key: max_keys is %" PRIu64 " and %" PRIu64 " are open",
               ctx->node->name, data->max_keys, self->group_cnt);
  else
    mr_op_fail(ctx, MR_ERR_LIMIT,
               "%s: no room for a new row: max_state is %" PRIu64 " bytes, %" PRIu64
               " are used, %" PRIu64 " groups are open",
               ctx->node->name, data->max_state, self->store.used_bytes, self->group_cnt);
}

static int cause_of(struct mr_op_ctx *ctx, uint32_t row, char *text, size_t sz) {
  const struct top_n *self = ctx->self;
  (void)row;
  if (groups_full(self))
    snprintf(text, sz, "no room for a new key: max_keys is %" PRIu64, self->data->max_keys);
  else
    snprintf(text, sz, "no room: max_state is %" PRIu64 " bytes", self->data->max_state);
  return MR_KEYED_CODE_FULL;
}

static void emit_late(struct top_n *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  self->late_view = *in;
  self->late_view.sel = self->in_time.late;
  self->late_view.sel_cnt = self->in_time.late_cnt;
  mr_emit(ctx, OUT_LATE, &self->late_view);
}

/* The rows whose window has not ended; those without one count as filtered. */
static void sort_rows(struct top_n *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_in_time *t = &self->in_time;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  const struct mr_col *end = self->data->end >= 0 ? &in->cols[self->data->end] : NULL;
  t->sel_cnt = t->late_cnt = 0;
  memset(t->late, 0, sizeof t->late);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row) {
    if (end && end->valid && !mr_bit_get(end->valid, (uint32_t)row)) {
      ctx->counts.filtered++;
    } else if (end &&
               ((const int64_t *)end->data)[row] <= mr_in_time_watermark(t, in, (uint32_t)row)) {
      mr_bit_set(t->late, (uint32_t)row);
      t->late_cnt++;
    } else {
      t->rows[t->sel_cnt++] = (uint16_t)row;
    }
  }
  ctx->counts.late += t->late_cnt;
  if (t->late_cnt && self->data->divert) emit_late(self, ctx, in);
}

/* The time by which a row's group is held: the last microsecond of its window. */
static int64_t held_time(const struct top_n *self, const struct mr_view *in, uint32_t row) {
  if (self->data->end < 0) return 0;
  return mr_in_time_clamp(MR_COL(in, self->data->end, int64_t)[row]) - 1;
}

static void take_rows(struct top_n *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_in_time *t = &self->in_time;
  struct mr_held_span spans[CHUNK];
  for (uint32_t at = 0; at < t->sel_cnt; at += CHUNK) {
    uint32_t n = t->sel_cnt - at < CHUNK ? t->sel_cnt - at : CHUNK;
    for (uint32_t i = 0; i < n; i++)
      spans[i].lo = spans[i].hi = held_time(self, in, t->rows[at + i]);
    mr_held_fetch(&self->held, &self->keys, t->rows + at, n, spans);
    for (uint32_t i = 0; i < n && !self->failed; i++)
      if (!take_row(self, in, t->rows[at + i], spans[i].lo)) no_room(self, ctx, t->rows[at + i]);
  }
}

static void tell(const struct top_n *self, struct mr_op_ctx *ctx) {
  ctx->counts.state_keys = self->group_cnt;
  ctx->counts.state_bytes = self->store.used_bytes;
}

static void write_changes(struct top_n *self, struct mr_op_ctx *ctx) {
  self->closing = false;
  ctx->more = self->changed.cnt > 0;
}

static void top_n_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct top_n *self = ctx->self;
  struct mr_in_time *t = &self->in_time;
  if (self->failed) return;
  memset(self->full, 0, sizeof self->full);
  self->full_cnt = self->absorbed = self->filtered = 0;
  self->out->t0_ns = in->row_t0 ? in->row_t0[in->row_cnt - 1] : in->t0_ns;
  sort_rows(self, ctx, in);
  if (t->sel_cnt) {
    mr_keys_begin(&self->keys, in, t->rows, t->sel_cnt);
    mr_keys_pack(&self->keys);
    take_rows(self, ctx, in);
  }
  ctx->counts.absorbed += self->absorbed;
  ctx->counts.filtered += self->filtered;
  if (self->failed) /* those that were not looked at */
    ctx->counts.dropped += t->sel_cnt - self->absorbed - self->filtered - self->full_cnt;
  tell(self, ctx);
  if (self->full_cnt && !self->failed) mr_reject_rows(ctx, in, self->full, cause_of);
  if (self->data->update && !ctx->node->op_plan.every_us && !self->failed) write_changes(self, ctx);
}

/* ---- output ---- */

/* Sorts the group's rows. */
static void sort_group(struct top_n *self, struct mr_held_row *first) {
  self->at = self->cnt = 0;
  for (const struct mr_held_row *row = first; row;
       row = row->next ? mr_held_at(&self->held, row->next) : NULL)
    self->sorted[self->cnt++] = row;
  for (uint32_t gap = self->cnt / 2; gap; gap /= 2) /* Shell's sort: groups are small */
    for (uint32_t i = gap; i < self->cnt; i++) {
      const struct mr_held_row *row = self->sorted[i];
      uint32_t k = i;
      for (; k >= gap && compare_held(self, row, self->sorted[k - gap]) < 0; k -= gap)
        self->sorted[k] = self->sorted[k - gap];
      self->sorted[k] = row;
    }
}

/* The next group that is to go out; false: none. */
static bool next_group(struct top_n *self) {
  struct mr_due *from = self->closing ? &self->open : &self->changed;
  while (from->cnt) {
    struct mr_due_entry next = mr_due_first(from, &self->store);
    if (self->closing && next.us > self->in_time.watermark_us) return false;
    mr_due_take(from, &self->store);
    struct mr_held_row *first = mr_held_at(&self->held, next.ref);
    if (self->closing) self->group_cnt--;
    if (self->closing && self->data->update) continue; /* its last rows have gone out */
    first->flags &= ~CHANGED;
    sort_group(self, first);
    return true;
  }
  return false;
}

/* Lists rows of as many groups as fit. */
static void list_rows(struct top_n *self) {
  struct mr_join_out *out = self->out;
  struct mr_join_rows *rows = &out->rows[0];
  rows->view = NULL;
  rows->form = &self->form;
  out->pos = out->cnt = 0;
  while (out->cnt < MR_BATCH_ROWS) {
    if (self->at == self->cnt && !next_group(self)) break;
    rows->held[out->cnt] = self->sorted[self->at++];
    out->numbers[out->cnt++] = self->at;
  }
}

static void top_n_drain(struct mr_op_ctx *ctx) {
  struct top_n *self = ctx->self;
  struct mr_join_out *out = self->out;
  if (self->failed) return;
  if (out->pos == out->cnt) list_rows(self);
  bool some = out->cnt > 0;
  ctx->more = mr_join_emit(out, ctx) || some;
  if (ctx->more) return;
  if (self->then_close) {
    self->then_close = false;
    self->closing = ctx->more = true;
    return;
  }
  if (!self->closing) return;
  mr_held_evict(&self->held, mr_in_time_clamp(self->in_time.watermark_us));
  tell(self, ctx);
}

/* ---- time ---- */

static void top_n_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct top_n *self = ctx->self;
  self->in_time.watermark_us = watermark_us;
  if (!self->open.cnt || mr_due_first(&self->open, &self->store).us > watermark_us) return;
  self->then_close = self->data->update;
  self->closing = !self->then_close;
  ctx->more = true;
}

static void top_n_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  (void)at_us;
  write_changes(ctx->self, ctx);
}

static void top_n_finish(struct mr_op_ctx *ctx) {
  write_changes(ctx->self, ctx);
}

/* ---- checkpoints ---- */

static const char *top_n_shape(const struct mr_op_plan *p) {
  const struct top_n_data *data = p->data;
  const struct top_n_conf *conf = p->conf;
  struct mr_lines out = {.arena = p->arena};
  mr_lines_add(&out, "n: %u\nemit: %s\n", data->n, emit_words[data->update]);
  for (uint32_t i = 0; i < conf->order_by.cnt; i++)
    mr_lines_add(&out, "order_by: %s\n", conf->order_by.items[i].text);
  mr_held_shape(&out, "", p->in, p->key_cols, p->key_cnt, kept_columns(p, p->arena));
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

static void top_n_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  const struct top_n *self = ctx->self;
  struct frozen frozen = {.held = self->held};
  mr_save_int(to, "watermark_us", self->in_time.watermark_us);
  if (!mr_held_freeze(&self->store, to, &frozen.store)) return;
  mr_save_frozen(to, mr_save_keep(to, &frozen, sizeof frozen));
}

static void top_n_encode(const struct mr_op_ctx *ctx, const void *from, struct mr_save *to) {
  const struct frozen *f = from;
  struct mr_held_key key = saved_key(ctx);
  struct mr_held held = mr_held_frozen(&f->held, &f->store);
  mr_held_save(to, "rows", &held, &key);
}

/* A saved row, whichever of its group; marks groups that were to be written. False: no room. */
static bool restore_row(struct top_n *self, struct mr_held_loader *l) {
  uint16_t row = 0;
  mr_keys_begin(&self->keys, &l->view, &row, 1);
  mr_keys_pack(&self->keys);
  self->quiet = !(l->flags & CHANGED);
  bool ok = take_row(self, &l->view, 0, l->us);
  self->quiet = false;
  return ok;
}

static int top_n_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct top_n *self = ctx->self;
  struct mr_held_key key = saved_key(ctx);
  struct mr_held_loader *l = MR_NEW(ctx->arena, struct mr_held_loader, 1);
  const char *why = NULL;
  if (!mr_load_int(from, "watermark_us", &self->in_time.watermark_us))
    return mr_error_set(err, MR_ERR_IO, "the watermark is missing");
  int rc = mr_held_loader_init(l, ctx->arena, ctx->region_rw, &self->form, &key, from, "rows", err);
  if (rc) return rc;
  while (!why && mr_held_load(l)) {
    if (self->data->end >= 0 && l->us < self->in_time.watermark_us) continue; /* it has ended */
    if (!restore_row(self, l)) why = "no room: max_keys or max_state is too small";
  }
  tell(self, ctx);
  return mr_held_load_end(l, why, err);
}

static const char *const top_n_outputs[] = {"late", NULL};

const struct mr_op mr_op_top_n = {
    .name = "top_n",
    .help = "keeps the first n rows of each window and key by an order",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_KEYED | MR_OP_TIMED | MR_OP_DERIVES | MR_OP_ABSORBS,
    .opts = top_n_opts,
    .conf_sz = sizeof(struct top_n_conf),
    .outputs = top_n_outputs,
    .self_sz = sizeof(struct top_n),
    .plan = top_n_plan,
    .need = top_n_need,
    .init = top_n_init,
    .process = top_n_process,
    .drain = top_n_drain,
    .advance = top_n_advance,
    .tick = top_n_tick,
    .finish = top_n_finish,
    .shape = top_n_shape,
    .snapshot = top_n_snapshot,
    .encode = top_n_encode,
    .restore = top_n_restore,
};
