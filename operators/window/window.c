/* SPDX-License-Identifier: Apache-2.0 */
/* window: groups of rows by event time and keys. Windows are [start, end), aligned to the epoch in
 * UTC (plus offset).
 *
 * One table of state per slice of time (slices.h), which is a window where they are tumbling. A
 * window closes when the node's watermark reaches its end: its rows go out. The tables of its
 * slices are kept until the watermark reaches the end of their last window plus allowed_lateness; a
 * row that comes meanwhile changes one, and the changed groups of closed windows go out anew after
 * the batch, whole. A row is late for a window when its end plus allowed_lateness is not after the
 * watermark of the row's own partition (its frontier before the row, minus delay), or when it is
 * past the node's. (Sessions: session.h.) A row that is late for all its windows is late; one that
 * is late for some counts as late_partial. Rows without event time enter no window and count as
 * filtered. */
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/lines.h"
#include "operators/operators.h"
#include "operators/window/output.h"
#include "operators/window/panes.h"
#include "operators/window/session.h"

#define SPAN_MAX                                                                                   \
  4 /* slides that one batch may reach over before its rows are listed by slice                    \
     */

enum reading { READ_NOTHING, READ_CLOSING, READ_CHANGED, READ_ALL };

struct window {
  struct mr_keyed keyed; /* first: mr_keyed.c finds it by ctx->self */
  struct mr_output out;
  const struct mr_window_data *data;
  struct mr_panes panes;
  struct mr_fire fire;
  uint64_t closed_all; /* windows that have closed so far */
  int64_t watermark_us;
  uint64_t view_ns; /* when the last view was processed */
  bool changed;     /* something changed since the tables were last written */
  bool corrected;   /* a closed window among it */
  /* what is being read out */
  enum reading reading;
  bool in_window;      /* fire is in the middle of one */
  int64_t read_us;     /* end of the window read last */
  int64_t advanced_us; /* closing: the watermark before */
  /* rows of the view */
  const int64_t *time;
  int64_t read_at_us[MR_BATCH_ROWS]; /* processing time */
  bool then_write;                   /* what changed, when what closes is written */
  struct mr_view late_view;
  uint64_t late[MR_BATCH_WORDS];
  uint32_t partial_cnt; /* rows that are late for some windows: */
  uint64_t partial[MR_BATCH_WORDS];
  int64_t from_us[MR_BATCH_ROWS]; /* and from which one on they count */
  /* straddling: the slices, with `from`, of the rows; and the place among them by selected row */
  struct mr_pane slots[MR_BATCH_ROWS];
  uint32_t by_row[MR_BATCH_ROWS];
  uint16_t row_list[MR_BATCH_ROWS];
};

static int window_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct window *self = ctx->self;
  const struct mr_window_data *data = ctx->data;
  self->data = data;
  self->watermark_us = MR_TIME_NONE;
  int rc = mr_keyed_init(&self->keyed, ctx, data->keyed, data->emit, err);
  if (!rc) rc = mr_output_init(&self->out, ctx, data->keyed, err);
  if (!rc &&
      !mr_fire_init(&self->fire, ctx->arena, &data->slices, &self->panes, &self->keyed.space))
    rc = mr_error_set(err, MR_ERR_LIMIT, "%s: max_state is too small", ctx->node->name);
  return rc;
}

/* ---- windows ---- */

/* Whether the window's rows are to go out, or have gone. */
static bool closes(const struct window *self, int64_t end_us) {
  return end_us <= self->watermark_us;
}

/* Whether the window's state is to go. */
static bool expires(const struct window *self, int64_t end_us) {
  return end_us + self->data->lateness_us <= self->watermark_us;
}

static struct mr_pane *pane_at(const struct window *self, uint32_t i) {
  return mr_pane_at(&self->panes, &self->keyed.space, i);
}

static int64_t first_end(const struct window *self, int64_t start_us) {
  return mr_slices_first_end(&self->data->slices, start_us);
}
static int64_t last_end(const struct window *self, int64_t start_us) {
  return mr_slices_last_end(&self->data->slices, start_us);
}

/* ---- event time of rows ---- */

static int64_t own_watermark(const struct window *self, const struct mr_view *in, uint32_t row) {
  return mr_window_own_watermark(self->data, in, row, self->watermark_us);
}

/* That no row's own watermark is above. */
static int64_t highest_watermark(const struct window *self, const struct mr_view *in) {
  return own_watermark(self, in, in->row_cnt - 1); /* a partition's frontier never goes back */
}

static void divert_late(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in,
                        uint32_t late) {
  struct mr_keyed *k = &self->keyed;
  uint32_t words = mr_bitmap_words(in->row_cnt);
  for (uint32_t w = 0; w < words; w++) k->sel[w] &= ~self->late[w];
  k->sel_cnt -= late;
  ctx->counts.late += late;
  if (!self->data->divert) return;
  self->late_view = *in;
  self->late_view.sel = self->late;
  self->late_view.sel_cnt = late;
  mr_emit(ctx, MR_WINDOW_OUT_LATE, &self->late_view);
}

/* Late rows leave the selection, are counted, and go to NODE.late. Those that are late for some
 * windows are noted. */
static void find_late(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_keyed *k = &self->keyed;
  const struct mr_window_data *data = self->data;
  const int64_t *et = self->time;
  uint32_t words = mr_bitmap_words(in->row_cnt), late = 0;
  memset(self->late, 0, sizeof self->late);
  memset(self->partial, 0, sizeof self->partial);
  MR_BITMAP_EACH(k->sel, words, row) {
    int64_t wm = own_watermark(self, in, (uint32_t)row);
    if (et[row] >= wm) continue;
    int64_t start = mr_slice_of(&data->slices, et[row]).start_us;
    int64_t first = first_end(self, start);
    if (first + data->lateness_us > wm) continue;
    if (last_end(self, start) + data->lateness_us <= wm) {
      mr_bit_set(self->late, (uint32_t)row);
      late++;
      continue;
    }
    mr_bit_set(self->partial, (uint32_t)row);
    self->from_us[row] = mr_slices_end_after(&data->slices, first, wm - data->lateness_us);
    self->partial_cnt++;
  }
  ctx->counts.late_partial += self->partial_cnt;
  if (late) divert_late(self, ctx, in, late);
}

/* ---- adding ---- */

/* The pane that rows are to be added to; NULL: no room. */
static struct mr_pane *pane_to_change(struct window *self, int64_t start_us, int64_t from_us) {
  struct mr_pane *pane = mr_panes_find(&self->panes, &self->keyed.space, start_us, from_us);
  if (!pane) return NULL;
  bool corrects = self->data->emit != MR_EMIT_COMPLETE && closes(self, from_us);
  pane->dirty = 1;
  pane->corrects |= corrects;
  self->keyed.touch = self->data->emit == MR_EMIT_UPDATE || corrects;
  self->corrected |= corrects;
  return pane;
}

/* Adds the selected rows, which are part of k->sel, to one slice. */
static void add_selected(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in,
                         int64_t start_us, const uint64_t *sel, uint32_t cnt) {
  struct mr_keyed *k = &self->keyed;
  if (!cnt) return;
  struct mr_pane *pane = pane_to_change(self, start_us, first_end(self, start_us));
  if (pane) {
    mr_keyed_add(k, ctx, in, pane->table, sel, cnt);
    return;
  }
  k->kernels->rows(sel, mr_bitmap_words(in->row_cnt), k->rows);
  mr_keyed_no_room(k, ctx, k->rows, cnt);
}

/* The batch's rows are in a few slices next to each other: one selection for each. */
static void add_by_span(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in,
                        int64_t lo, int64_t hi) {
  struct mr_keyed *k = &self->keyed;
  uint32_t words = mr_bitmap_words(in->row_cnt);
  uint64_t all[MR_BATCH_WORDS], some[MR_BATCH_WORDS];
  memcpy(all, k->sel, words * sizeof *all); /* rows without room leave k->sel meanwhile */
  while (lo <= hi && !k->failed) {
    struct mr_slice slice = mr_slice_of(&self->data->slices, lo);
    uint32_t cnt =
        k->kernels->within(self->time, slice.start_us, slice.end_us - 1, all, some, words);
    add_selected(self, ctx, in, slice.start_us, some, cnt);
    lo = slice.end_us;
  }
}

static void add_listed(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in,
                       const struct mr_pane *slot, const uint16_t *rows, uint32_t cnt) {
  struct mr_pane *pane = pane_to_change(self, slot->start_us, slot->from_us);
  if (!pane) {
    mr_keyed_no_room(&self->keyed, ctx, rows, cnt);
    return;
  }
  mr_keyed_add_rows(&self->keyed, ctx, in, pane->table, rows, cnt);
}

/* The place of the row's slice among the slots; one more if need be. */
static uint32_t slot_of(struct window *self, uint32_t row, uint32_t *slot_cnt, uint32_t *at) {
  struct mr_slice slice = mr_slice_of(&self->data->slices, self->time[row]);
  bool partial = self->partial_cnt && mr_bit_get(self->partial, row);
  int64_t from = partial ? self->from_us[row] : first_end(self, slice.start_us);
  for (uint32_t s = *slot_cnt; s-- > 0;)
    if (self->slots[s].start_us == slice.start_us && self->slots[s].from_us == from) return s;
  self->slots[*slot_cnt] = (struct mr_pane){.start_us = slice.start_us, .from_us = from};
  at[*slot_cnt] = 0;
  return (*slot_cnt)++;
}

/* The batch's rows are in many slices: lists them by slice, in the order of their first rows. */
static void add_by_slice(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_keyed *k = &self->keyed;
  uint32_t n = k->kernels->rows(k->sel, mr_bitmap_words(in->row_cnt), k->rows), slots = 0, s = 0;
  uint32_t at[MR_BATCH_ROWS + 1];
  for (uint32_t i = 0; i < n; i++) {
    s = slot_of(self, k->rows[i], &slots, at);
    self->by_row[i] = s;
    at[s]++;
  }
  for (uint32_t i = 0, sum = 0; i < slots; i++) { /* counts become places */
    uint32_t cnt = at[i];
    at[i] = sum;
    sum += cnt;
  }
  for (uint32_t i = 0; i < n; i++) self->row_list[at[self->by_row[i]]++] = k->rows[i];
  mr_keys_begin(&k->keys, in, k->rows, n);
  for (uint32_t i = 0; i < slots && !k->failed; i++) {
    uint32_t from = i ? at[i - 1] : 0;
    add_listed(self, ctx, in, &self->slots[i], self->row_list + from, at[i] - from);
  }
}

/* ---- reading out ---- */

/* Panes that were read to their end for the last time can go. The rows handed out are written. */
static void drop_expired(struct window *self) {
  while (self->panes.cnt && self->data->emit != MR_EMIT_COMPLETE) {
    int64_t last = last_end(self, pane_at(self, 0)->start_us);
    if (!expires(self, last) || (self->reading == READ_CLOSING && last > self->read_us)) return;
    mr_panes_drop_first(&self->panes, &self->keyed.space);
  }
}

/* Rows that changed are written: they are unchanged. closed: only those of panes all of whose
 * windows have closed, where no correction waits. */
static void settle(struct window *self, bool closed) {
  struct mr_row *rows[256];
  for (uint32_t i = 0; i < self->panes.cnt; i++) {
    struct mr_pane *pane = pane_at(self, i);
    if (closed && !closes(self, last_end(self, pane->start_us))) break;
    if (!pane->dirty || (closed && pane->corrects)) continue;
    struct mr_table *t = mr_table_at(&self->keyed.space, pane->table);
    while (mr_table_changed(&self->keyed.space, t, rows, 256) == 256) continue;
    pane->dirty = pane->corrects = 0;
  }
}

/* Whether a window is to be read, and whether only what changed. */
static bool is_due(const struct window *self, int64_t end_us, bool *changes) {
  bool final = self->data->emit == MR_EMIT_FINAL, closed = closes(self, end_us);
  *changes = self->reading == READ_CHANGED || !final;
  switch (self->reading) {
  case READ_ALL: *changes = false; return true;
  case READ_CHANGED:
    return (closed || !final) && !(closed && expires(self, end_us)) &&
           mr_fire_is_due(&self->fire, end_us, closed);
  default:
    if (end_us > self->advanced_us) return final || mr_fire_is_due(&self->fire, end_us, false);
    return !final && expires(self, end_us) &&
           end_us + self->data->lateness_us > self->advanced_us &&
           mr_fire_is_due(&self->fire, end_us, true);
  }
}

/* Begins the next window that is due; false: there is none. */
static bool next_window(struct window *self) {
  for (;;) {
    int64_t end = mr_fire_next_end(&self->fire, self->read_us);
    if (end == INT64_MAX || (self->reading == READ_CLOSING && !closes(self, end))) return false;
    self->read_us = end;
    self->closed_all += self->reading == READ_CLOSING && end > self->advanced_us;
    bool changes;
    if (!is_due(self, end, &changes)) continue;
    mr_fire_begin(&self->fire, end, changes);
    return true;
  }
}

/* All windows are read, and written. */
static void end_reading(struct window *self) {
  if (self->reading == READ_CHANGED) settle(self, false);
  if (self->reading == READ_CLOSING) settle(self, true);
  self->read_us = INT64_MAX;
  drop_expired(self);
  self->reading = READ_NOTHING;
  if (!self->then_write) return;
  self->then_write = self->changed = self->corrected = false;
  self->reading = self->data->emit == MR_EMIT_COMPLETE ? READ_ALL : READ_CHANGED;
  self->read_us = INT64_MIN;
}

/* Called when all rows handed out before are written. */
static uint32_t more_rows(struct mr_op_ctx *ctx, struct mr_row **rows, int64_t *start_us,
                          int64_t *end_us, uint32_t max) {
  struct window *self = ctx->self;
  uint32_t n = 0;
  mr_fire_clear(&self->fire);
  if (!self->in_window) drop_expired(self);
  while (self->reading != READ_NOTHING) {
    if (!self->in_window && !next_window(self)) {
      if (!n) end_reading(self);
      break;
    }
    self->in_window = true;
    int64_t end = self->fire.end_us, start = mr_slices_start(&self->data->slices, end);
    bool all;
    uint32_t got = mr_fire_rows(&self->fire, rows + n, max - n, &all);
    for (uint32_t i = n; i < n + got; i++) {
      start_us[i] = start;
      end_us[i] = end;
    }
    n += got;
    self->in_window = !all;
    if (!all) break;
    if (!n) drop_expired(self);
  }
  return n;
}

static void start_reading(struct window *self, struct mr_op_ctx *ctx, enum reading what) {
  mr_keyed_flush(&self->keyed, ctx);
  self->reading = what;
  self->in_window = false;
  self->read_us = INT64_MIN;
  ctx->more = !self->keyed.failed;
}

/* What changed since it was last written: corrections, with update all of it, with complete the
 * whole table. in is the view that changed something, NULL: a timer or the end. */
static void write_changes(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  bool all = self->data->emit == MR_EMIT_COMPLETE;
  bool due = self->data->emit == MR_EMIT_FINAL ? self->corrected : self->changed;
  self->changed = self->corrected = false;
  if (!due) return;
  mr_output_because(&self->out, ctx, in);
  start_reading(self, ctx, all ? READ_ALL : READ_CHANGED);
  if (all) mr_keyed_check_complete(&self->keyed, ctx);
  self->out.frontier_us = self->out.frontier_end_us = self->watermark_us;
  ctx->more = !self->keyed.failed;
}

/* ---- the hot half ---- */

/* The first and last event time in the view. */
static void find_span(const struct window *self, const struct mr_view *in, int64_t *lo,
                      int64_t *hi) {
  const struct mr_keyed *k = &self->keyed;
  int64_t min = in->et_min, max = in->et_max;
  if (min == MR_TIME_NONE || self->data->processing) { /* not known: look */
    min = INT64_MAX;
    max = INT64_MIN;
    MR_BITMAP_EACH(k->sel, mr_bitmap_words(in->row_cnt), row) {
      if (self->time[row] < min) min = self->time[row];
      if (self->time[row] > max) max = self->time[row];
    }
  }
  *lo = min;
  *hi = max;
}

/* For those who look: how many windows are open, and which one closes next. Of hopping and
 * cumulating windows those between the first and the last are counted, with rows or without, and
 * the keys are those of the slice that has most. */
static void tell_open(const struct window *self, struct mr_op_ctx *ctx) {
  struct mr_counts *c = &ctx->counts;
  const struct mr_slices *s = &self->data->slices;
  int64_t next = mr_fire_next_end(&self->fire, self->watermark_us);
  c->windows_open = 0;
  c->windows_closed = self->closed_all;
  if (next == INT64_MAX) return;
  int64_t last = last_end(self, pane_at(self, self->panes.cnt - 1)->start_us);
  uint32_t lo = mr_panes_lower(&self->panes, &self->keyed.space, mr_slices_start(s, next));
  c->windows_open = s->single ? self->panes.cnt - lo : (uint64_t)((last - next) / s->stride_us) + 1;
  c->next_start_us = mr_slices_start(s, next);
  c->next_end_us = next;
  c->next_keys = 0;
  for (; lo < self->panes.cnt && pane_at(self, lo)->start_us < next; lo++) {
    uint64_t keys = mr_table_at(&self->keyed.space, pane_at(self, lo)->table)->row_cnt;
    if (keys > c->next_keys) c->next_keys = keys;
  }
}

static void add_rows(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  const struct mr_window_data *data = self->data;
  struct mr_keyed *k = &self->keyed;
  int64_t lo, hi;
  find_span(self, in, &lo, &hi);
  struct mr_slice slice = mr_slice_of(&data->slices, lo);
  self->partial_cnt = 0;
  if (first_end(self, slice.start_us) + data->lateness_us <= highest_watermark(self, in))
    find_late(self, ctx, in);
  mr_keyed_values(k, ctx, in);
  if (self->partial_cnt)
    add_by_slice(self, ctx, in);
  else if (hi < slice.end_us)
    add_selected(self, ctx, in, slice.start_us, k->sel, k->sel_cnt);
  else if (hi - slice.start_us < SPAN_MAX * data->slices.stride_us)
    add_by_span(self, ctx, in, lo, hi);
  else
    add_by_slice(self, ctx, in);
}

static void window_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct window *self = ctx->self;
  struct mr_keyed *k = &self->keyed;
  self->view_ns = ctx->now_ns;
  mr_output_because(&self->out, ctx, in);
  mr_keyed_begin(k, ctx, in);
  self->time = mr_window_times(self->data, k, in, self->watermark_us, self->read_at_us);
  mr_window_leave_out_timeless(self->data, k, ctx, in);
  if (k->sel_cnt) add_rows(self, ctx, in);
  mr_keyed_end(k, ctx, in);
  self->changed |= k->sel_cnt > 0;
  tell_open(self, ctx);
  if (!self->data->every_us) write_changes(self, ctx, in);
}

static void window_drain(struct mr_op_ctx *ctx) {
  struct window *self = ctx->self;
  if (self->keyed.failed) return;
  ctx->more = mr_output_emit(&self->out, ctx, &self->keyed.space, more_rows);
  mr_keyed_check_room(&self->keyed, ctx);
  ctx->counts.state_keys = self->keyed.space.key_cnt;
  ctx->counts.state_bytes = self->keyed.space.store.used_bytes;
  tell_open(self, ctx);
}

/* ---- time ---- */

static void window_advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  struct window *self = ctx->self;
  int64_t before = self->watermark_us;
  MR_DASSERT(watermark_us > before);
  self->watermark_us = watermark_us;
  if (self->data->emit == MR_EMIT_COMPLETE || !self->panes.cnt) return;
  int64_t kept = before < MR_SLICES_LEAST ? before : before - self->data->lateness_us;
  int64_t next = mr_fire_next_end(&self->fire, kept); /* the first that had not expired */
  bool expired = next < INT64_MAX && expires(self, next);
  if (!expired && !closes(self, mr_fire_next_end(&self->fire, before))) return;
  if (self->view_ns != ctx->now_ns) mr_output_because(&self->out, ctx, NULL);
  self->out.frontier_us = before;
  self->out.frontier_end_us = watermark_us;
  self->advanced_us = before;
  start_reading(self, ctx, READ_CLOSING);
  if (!self->changed) self->read_us = before; /* nothing waits in windows that closed before */
}

/* Processing time: the clock closes windows, and writes what changed behind them. */
static void window_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  struct window *self = ctx->self;
  bool writes = mr_window_writes_at(self->data, at_us);
  if (self->data->processing && at_us > self->watermark_us) window_advance(ctx, at_us);
  if (!ctx->more && writes)
    write_changes(self, ctx, NULL);
  else
    self->then_write = writes && self->changed;
}

/* ---- checkpoints ---- */

static const char *window_shape(const struct mr_op_plan *p) {
  const struct mr_window_conf *conf = p->conf;
  const struct mr_window_data *data = p->data;
  const struct mr_slices *s = &data->slices;
  struct mr_lines out = {.arena = p->arena};
  if (data->gap_us)
    mr_lines_add(&out, "window: session, gap %lld us\n", (long long)data->gap_us);
  else
    mr_lines_add(&out, "window: size %lld us, step %lld us, offset %lld us%s\n",
                 (long long)s->size_us, (long long)s->stride_us, (long long)s->offset_us,
                 s->cumulating ? ", cumulating" : "");
  if (data->processing) mr_lines_add(&out, "on: processing_time\n");
  mr_keyed_shape(p, &conf->keyed, &out);
  return out.text;
}

struct frozen { /* what encode reads */
  struct mr_space space;
  struct mr_panes panes;
};

/* Before each row of state. */
static const char *const pane_cols[] = {"slice_start_us", "from_us", "dirty", "corrects",
                                        "changed"};
#define PANE_COLS   ((uint32_t)(sizeof pane_cols / sizeof *pane_cols))
#define CHANGED_COL 4u

static void window_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  struct window *self = ctx->self;
  struct frozen frozen = {.panes = self->panes};
  mr_keyed_snapshot(&self->keyed, ctx, to);
  mr_save_int(to, "watermark_us", self->watermark_us);
  mr_save_int(to, "windows_closed", (int64_t)self->closed_all);
  mr_save_int(to, "changed", self->changed);
  mr_save_int(to, "corrected", self->corrected);
  if (!mr_space_freeze(&self->keyed.space, to, &frozen.space)) return;
  mr_save_frozen(to, mr_save_keep(to, &frozen, sizeof frozen));
}

static void window_encode(const struct mr_op_ctx *ctx, const void *from, struct mr_save *to) {
  const struct frozen *f = from;
  const struct mr_schema *in = ctx->node->op_plan.in;
  mr_table_save_begin(to, "rows", &f->space, in, pane_cols, PANE_COLS);
  for (uint32_t i = 0; i < f->panes.cnt; i++) {
    const struct mr_pane *pane = mr_pane_at(&f->panes, &f->space, i);
    int64_t lead[] = {pane->start_us, pane->from_us, pane->dirty, pane->corrects, 0};
    mr_table_save(to, &f->space, in, pane->table, lead, PANE_COLS, CHANGED_COL);
  }
  mr_table_save_end(to);
}

static bool load_row(struct window *self, struct mr_table_loader *l) {
  struct mr_space *space = &self->keyed.space;
  const struct mr_load_value *v = l->rows.values;
  struct mr_pane *pane = mr_panes_find(&self->panes, space, v[0].i, v[1].i);
  if (!pane) {
    l->why = "no room: max_state is too small";
    return false;
  }
  pane->dirty = v[2].i != 0;
  pane->corrects = v[3].i != 0;
  struct mr_table *table = mr_table_at(space, pane->table);
  struct mr_row *row = mr_table_load(l, table);
  if (row && v[CHANGED_COL].i) mr_table_touch(space, table, &row, 1);
  return row != NULL;
}

static int window_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct window *self = ctx->self;
  struct mr_table_loader *l = MR_NEW(ctx->arena, struct mr_table_loader, 1);
  int64_t closed, changed, corrected;
  if (!mr_load_int(from, "watermark_us", &self->watermark_us) ||
      !mr_load_int(from, "windows_closed", &closed) || !mr_load_int(from, "changed", &changed) ||
      !mr_load_int(from, "corrected", &corrected))
    return mr_error_set(err, MR_ERR_IO, "the window's time is missing");
  self->closed_all = (uint64_t)closed;
  self->changed = changed != 0;
  self->corrected = corrected != 0;
  mr_keyed_restore(&self->keyed, from);
  int rc = mr_table_loader_init(l, ctx->region_rw, &self->keyed.space, ctx->node->op_plan.in, from,
                                "rows", pane_cols, PANE_COLS, err);
  if (rc) return rc;
  while (mr_load_next(&l->rows) && load_row(self, l)) {}
  ctx->counts.state_keys = self->keyed.space.key_cnt;
  ctx->counts.state_bytes = self->keyed.space.store.used_bytes;
  return mr_keyed_load_failed(l, err);
}

/* ---- slices or sessions ---- */

static bool is_session(const struct mr_op_ctx *ctx) {
  const struct mr_window_data *data = ctx->data;
  return data->gap_us > 0;
}

static int init(struct mr_op_ctx *ctx, struct mr_error *err) {
  return is_session(ctx) ? mr_session_init(ctx, err) : window_init(ctx, err);
}

static void process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  is_session(ctx) ? mr_session_process(ctx, in) : window_process(ctx, in);
}

static void drain(struct mr_op_ctx *ctx) {
  is_session(ctx) ? mr_session_drain(ctx) : window_drain(ctx);
}

static void advance(struct mr_op_ctx *ctx, int64_t watermark_us) {
  const struct mr_window_data *data = ctx->data;
  if (data->processing && watermark_us != MR_TIME_MAX) return; /* the clock's is another */
  is_session(ctx) ? mr_session_advance(ctx, watermark_us) : window_advance(ctx, watermark_us);
}

static void tick(struct mr_op_ctx *ctx, int64_t at_us) {
  is_session(ctx) ? mr_session_tick(ctx, at_us) : window_tick(ctx, at_us);
}

static void finish(struct mr_op_ctx *ctx) {
  is_session(ctx) ? mr_session_write(ctx) : write_changes(ctx->self, ctx, NULL);
}

static void snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  is_session(ctx) ? mr_session_snapshot(ctx, to) : window_snapshot(ctx, to);
}

static void encode(const struct mr_op_ctx *ctx, const void *from, struct mr_save *to) {
  is_session(ctx) ? mr_session_encode(ctx, from, to) : window_encode(ctx, from, to);
}

static int restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  return is_session(ctx) ? mr_session_restore(ctx, from, err) : window_restore(ctx, from, err);
}

union any_window {
  struct window slices;
  struct mr_session session;
};

static const char *const window_outputs[] = {"late", NULL};

const struct mr_op mr_op_window = {
    .name = "window",
    .help = "aggregates rows by event-time window and keys",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_KEYED | MR_OP_TIMED | MR_OP_DERIVES | MR_OP_ABSORBS,
    .opts = mr_window_opts,
    .conf_sz = sizeof(struct mr_window_conf),
    .outputs = window_outputs,
    .self_sz = sizeof(union any_window),
    .plan = mr_window_plan,
    .need = mr_window_need,
    .init = init,
    .process = process,
    .drain = drain,
    .advance = advance,
    .tick = tick,
    .finish = finish,
    .shape = window_shape,
    .snapshot = snapshot,
    .encode = encode,
    .restore = restore,
};
