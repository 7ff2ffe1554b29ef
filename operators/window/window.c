/* SPDX-License-Identifier: Apache-2.0 */
/* window: groups of rows by event time and keys. Windows are [start, end), aligned to the epoch in
 * UTC (plus offset).
 *
 * One table of state per open window. A window closes when the node's watermark reaches its end:
 * its rows go out. Its table is kept until the watermark reaches its end plus allowed_lateness; a
 * row that comes meanwhile changes it, and the changed groups go out anew after the batch, whole. A
 * row is late when the end of its window plus allowed_lateness is not after the watermark of the
 * row's own partition (its frontier before the row, minus delay), or when the table is gone. Rows
 * without event time enter no window and count as filtered. */
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "operators/operators.h"
#include "operators/window/output.h"

#define OUT_LATE MR_OUT_EXTRA
#define SPAN_MAX                                                                                   \
  4 /* windows that one batch may reach over before its rows are listed by window                  \
     */

/* ---- options ---- */

enum { LATE_DROP, LATE_DIVERT };
enum { ON_EVENT_TIME };

struct shape_conf {
  int64_t tumbling, hopping, slide, session, cumulating, step, offset;
  int kind, on;
};

struct window_conf {
  struct mr_keyed_conf keyed;
  struct shape_conf window;
  int64_t delay, allowed_lateness;
  bool delay_given;
  int emit, late;
};

static const char *const emit_words[] = {"final", "update", "complete", NULL};
static const char *const late_words[] = {"drop", "divert", NULL};
static const char *const on_words[] = {"event_time", NULL};
static const char *const on_later[] = {"processing_time", NULL};

#define AT(member)    MR_OPT_AT(struct window_conf, member)
#define SHAPE(member) MR_OPT_AT(struct shape_conf, member)
#define LENGTH        .min = 1000, .max = 3.2e15

static const struct mr_opt shape_opts[] = {
    {"tumbling", MR_OPT_DURATION_US, SHAPE(tumbling), .alt = 1, LENGTH,
     .help = "windows of this length, one after another", .example = "5m"},
    {"hopping", MR_OPT_DURATION_US, SHAPE(hopping), .alt = 2, LENGTH, .since = MR_OPT_LATER,
     .help = "windows of this length, one begins every slide", .example = "5m"},
    {"session", MR_OPT_DURATION_US, SHAPE(session), .alt = 3, LENGTH, .since = MR_OPT_LATER,
     .help = "a window ends when nothing came for this time", .example = "30m"},
    {"cumulating", MR_OPT_DURATION_US, SHAPE(cumulating), .alt = 4, LENGTH, .since = MR_OPT_LATER,
     .help = "windows that begin together and grow by step up to this length", .example = "1d"},
    {"slide", MR_OPT_DURATION_US, SHAPE(slide), .with = "hopping", LENGTH, .required = true,
     .help = "time from one window's start to the next", .example = "1m"},
    {"step", MR_OPT_DURATION_US, SHAPE(step), .with = "cumulating", LENGTH, .required = true,
     .help = "time that a window is longer than the one before", .example = "1h"},
    {"offset", MR_OPT_DURATION_US, SHAPE(offset), .def = "0s", .min = -3.2e15, .max = 3.2e15,
     .help = "windows start at multiples of their length plus this"},
    {"on", MR_OPT_ENUM, SHAPE(on), .def = "event_time", .words = on_words, .words_later = on_later,
     .help = "the time that decides"},
    MR_OPT_END};

static const struct mr_opt window_opts[] = {
    {"window", MR_OPT_UNION, AT(window), .sub = shape_opts,
     .kind = MR_OPT_REF(struct window_conf, window.kind), .required = true, .help = "which windows",
     .example = "{ tumbling: 5m }"},
    MR_KEYED_OPTS(struct window_conf),
    {"delay", MR_OPT_DURATION_US, AT(delay), .min = 0, .max = 3.2e15,
     .given = MR_OPT_REF(struct window_conf, delay_given),
     .help =
         "watermark delay of this node; without it the source's, or 0 behind a window or group"},
    {"emit", MR_OPT_ENUM, AT(emit), .def = "final", .words = emit_words,
     .help = "a row once, when its window closes; changed rows; or the whole table"},
    {"allowed_lateness", MR_OPT_DURATION_US, AT(allowed_lateness), .def = "0s", .min = 0,
     .max = 3.2e15, .help = "how long a closed window takes rows that correct it"},
    {"late", MR_OPT_ENUM, AT(late), .words = late_words,
     .help = "rows that are late: dropped, or sent to NODE.late; without it divert when something "
             "reads NODE.late"},
    MR_OPT_END};

/* ---- plan ---- */

struct window_data {
  struct mr_keyed_plan *keyed;
  int64_t size_us, offset_us, delay_us, lateness_us;
  enum mr_keyed_emit emit;
  bool divert;
  uint32_t et; /* column */
};

static int window_plan(struct mr_op_plan *p) {
  const struct window_conf *conf = p->conf;
  struct window_data *data = MR_NEW(p->arena, struct window_data, 1);
  p->delay_us = conf->delay_given ? conf->delay : p->in_derived ? 0 : p->source_delay_us;
  p->allowed_lateness_us = conf->allowed_lateness;
  data->emit = (enum mr_keyed_emit)conf->emit;
  data->keyed = mr_keyed_plan(p, &conf->keyed, data->emit, true);
  if (p->in->event_time < 0)
    return mr_op_error(p, NULL, MR_CODE_UNKNOWN_COLUMN,
                       "the rows of this input have no event time, so no window can be found for "
                       "them: name it as event_time in the event");
  if (!data->keyed) return MR_ERR_CONF;
  data->size_us = conf->window.tumbling;
  data->offset_us = conf->window.offset % data->size_us;
  data->delay_us = p->delay_us;
  data->lateness_us = p->allowed_lateness_us;
  data->et = (uint32_t)p->in->event_time;
  data->divert = conf->late == LATE_DIVERT || (conf->late < 0 && p->late_read);
  p->outs[OUT_LATE].schema = p->in;
  p->data = data;
  return MR_OK;
}

static void window_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                        bool *in_need) {
  const struct window_data *data = p->data;
  mr_keyed_need(p, data->keyed, in_need);
  in_need[data->et] = true;
  for (uint32_t c = 0; out_need[OUT_LATE] && c < p->in->cnt; c++)
    in_need[c] |= out_need[OUT_LATE][c];
}

/* ---- an instance ---- */

struct pane { /* a window that has state */
  int64_t start_us;
  uint32_t table;
  uint32_t dirty; /* it may have rows that changed since they were last read */
};

enum reading { READ_NOTHING, READ_CLOSING, READ_CHANGED, READ_ALL };

struct window {
  struct mr_keyed keyed; /* first: mr_keyed.c finds it by ctx->self */
  struct mr_output out;
  const struct window_data *data;
  /* open windows in the order of time, in a block of the store */
  uint32_t panes_ref, panes_class;
  uint32_t first, cnt, cap;
  uint32_t last;       /* index from first of the pane found last */
  uint32_t closed_cnt; /* of the first panes: their rows have gone out, and may be corrected */
  uint64_t closed_all; /* windows that have closed so far */
  int64_t watermark_us;
  uint64_t view_ns; /* when the last view was processed */
  bool changed;     /* something changed since the tables were last written */
  bool corrected;   /* a closed window among it */
  /* what is being read out */
  enum reading reading;
  uint32_t read_pane;
  struct mr_table_walk walk;
  uint32_t done_cnt; /* closing: of the first panes: read to their end, and to be dropped */
  struct mr_view late_view;
  uint64_t late[MR_BATCH_WORDS];
  uint32_t by_row[MR_BATCH_ROWS]; /* straddling: pane's place in `starts`, by selected row */
  int64_t starts[MR_BATCH_ROWS];
  uint16_t row_list[MR_BATCH_ROWS];
};

static int window_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct window *self = ctx->self;
  const struct window_data *data = ctx->data;
  self->data = data;
  self->watermark_us = MR_TIME_NONE;
  int rc = mr_keyed_init(&self->keyed, ctx, data->keyed, data->emit, err);
  if (!rc) rc = mr_output_init(&self->out, ctx, data->keyed, data->size_us, err);
  return rc;
}

/* ---- windows ---- */

static int64_t end_of(const struct window *self, int64_t start_us) {
  return start_us + self->data->size_us;
}

/* Whether the window's rows are to go out, or have gone. */
static bool closes(const struct window *self, int64_t start_us) {
  return end_of(self, start_us) <= self->watermark_us;
}

/* Whether the window's state is to go. */
static bool expires(const struct window *self, int64_t start_us) {
  return end_of(self, start_us) + self->data->lateness_us <= self->watermark_us;
}

static struct pane *pane_at(const struct window *self, uint32_t i) {
  struct pane *panes = mr_store_at(&self->keyed.space.store, self->panes_ref);
  return &panes[self->first + i];
}

/* Room for one more pane behind the last; false: none. */
static bool grow_panes(struct window *self) {
  struct mr_store *store = &self->keyed.space.store;
  if (self->first + self->cnt < self->cap) return true;
  if (self->first > self->cap / 2) { /* closed ones have left room in front */
    struct pane *panes = mr_store_at(store, self->panes_ref);
    memmove(panes, panes + self->first, self->cnt * sizeof *panes);
    self->first = 0;
    return true;
  }
  uint32_t class_idx = self->panes_ref ? self->panes_class + 1 : 0;
  if (class_idx == MR_STORE_CLASS_CNT) return false;
  uint32_t ref = mr_store_take(store, class_idx);
  if (!ref) return false;
  if (self->cnt) memcpy(mr_store_at(store, ref), pane_at(self, 0), self->cnt * sizeof(struct pane));
  if (self->panes_ref) mr_store_give(store, self->panes_ref, self->panes_class);
  self->panes_ref = ref;
  self->panes_class = class_idx;
  self->first = 0;
  self->cap = mr_store_class_sz(class_idx) / (uint32_t)sizeof(struct pane);
  return true;
}

/* The first pane that does not start before start_us. */
static uint32_t lower_bound(const struct window *self, int64_t start_us) {
  uint32_t lo = 0, hi = self->cnt;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (pane_at(self, mid)->start_us < start_us)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* The window's pane, opened if need be; NULL: no room. Valid until the next call. */
static struct pane *find_pane(struct window *self, int64_t start_us) {
  if (self->last < self->cnt && pane_at(self, self->last)->start_us == start_us)
    return pane_at(self, self->last);
  uint32_t i = lower_bound(self, start_us);
  if (i < self->cnt && pane_at(self, i)->start_us == start_us) {
    self->last = i;
    return pane_at(self, i);
  }
  if (mr_store_tight(&self->keyed.space.store) || !grow_panes(self)) return NULL;
  uint32_t table = mr_table_new(&self->keyed.space);
  if (!table) return NULL;
  struct pane *to = pane_at(self, i);
  memmove(to + 1, to, (self->cnt - i) * sizeof *to);
  *to = (struct pane){.start_us = start_us, .table = table};
  self->cnt++;
  self->last = i;
  if (self->data->emit != MR_EMIT_COMPLETE && closes(self, start_us)) self->closed_cnt++;
  return to;
}

static void drop_first(struct window *self) {
  mr_table_drop(&self->keyed.space, pane_at(self, 0)->table);
  self->first++;
  self->cnt--;
  if (self->last) self->last--;
  if (self->closed_cnt) self->closed_cnt--;
}

/* ---- event time of rows ---- */

#define US_LEAST (INT64_MIN / 4) /* so that no sum below overflows */
#define US_MOST  (INT64_MAX / 4)

static int64_t window_of(const struct window_data *data, int64_t us) {
  us = us < US_LEAST ? US_LEAST : us > US_MOST ? US_MOST : us;
  int64_t from = us - data->offset_us, rem = from % data->size_us;
  return us - (rem < 0 ? rem + data->size_us : rem);
}

/* Rows without event time leave the selection. */
static void leave_out_timeless(struct window *self, struct mr_op_ctx *ctx,
                               const struct mr_view *in) {
  struct mr_keyed *k = &self->keyed;
  const uint64_t *valid = in->cols[self->data->et].valid;
  uint32_t words = mr_bitmap_words(in->row_cnt), cnt;
  if (!valid) return;
  for (uint32_t w = 0; w < words; w++) k->sel[w] &= valid[w];
  cnt = mr_bitmap_count(k->sel, words);
  ctx->counts.filtered += k->sel_cnt - cnt;
  k->sel_cnt = cnt;
}

/* The row's own watermark. */
static int64_t own_watermark(const struct window *self, const struct mr_view *in, uint32_t row) {
  int64_t f = in->row_frontier ? in->row_frontier[row] : MR_TIME_NONE;
  if (f == MR_TIME_NONE || f < US_LEAST) return self->watermark_us;
  f -= self->data->delay_us;
  return f > self->watermark_us ? f : self->watermark_us;
}

/* That no row's own watermark is above. */
static int64_t highest_watermark(const struct window *self, const struct mr_view *in) {
  return own_watermark(self, in, in->row_cnt - 1); /* a partition's frontier never goes back */
}

/* Late rows leave the selection, are counted, and go to NODE.late. */
static void leave_out_late(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_keyed *k = &self->keyed;
  const struct window_data *data = self->data;
  const int64_t *et = in->cols[data->et].data;
  uint32_t words = mr_bitmap_words(in->row_cnt), late = 0;
  memset(self->late, 0, sizeof self->late);
  MR_BITMAP_EACH(k->sel, words, row) {
    int64_t wm = own_watermark(self, in, (uint32_t)row);
    if (et[row] >= wm || window_of(data, et[row]) + data->size_us + data->lateness_us > wm)
      continue;
    mr_bit_set(self->late, (uint32_t)row);
    late++;
  }
  if (!late) return;
  for (uint32_t w = 0; w < words; w++) k->sel[w] &= ~self->late[w];
  k->sel_cnt -= late;
  ctx->counts.late += late;
  if (!data->divert) return;
  self->late_view = *in;
  self->late_view.sel = self->late;
  self->late_view.sel_cnt = late;
  mr_emit(ctx, OUT_LATE, &self->late_view);
}

/* ---- adding ---- */

/* The pane that rows are to be added to; NULL: no room. */
static struct pane *pane_to_change(struct window *self, int64_t start_us) {
  struct pane *pane = find_pane(self, start_us);
  if (!pane) return NULL;
  bool corrects = self->last < self->closed_cnt;
  pane->dirty = 1;
  self->keyed.touch = self->data->emit == MR_EMIT_UPDATE || corrects;
  self->corrected |= corrects;
  return pane;
}

/* Adds the selected rows, which are part of k->sel, to one window. */
static void add_selected(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in,
                         int64_t start_us, const uint64_t *sel, uint32_t cnt) {
  struct mr_keyed *k = &self->keyed;
  if (!cnt) return;
  struct pane *pane = pane_to_change(self, start_us);
  if (pane) {
    mr_keyed_add(k, ctx, in, pane->table, sel, cnt);
    return;
  }
  k->kernels->rows(sel, mr_bitmap_words(in->row_cnt), k->rows);
  mr_keyed_no_room(k, ctx, k->rows, cnt);
}

/* The batch's rows are in a few windows next to each other: one selection for each. */
static void add_by_span(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in,
                        int64_t lo, int64_t hi) {
  struct mr_keyed *k = &self->keyed;
  uint32_t words = mr_bitmap_words(in->row_cnt);
  uint64_t all[MR_BATCH_WORDS], some[MR_BATCH_WORDS];
  memcpy(all, k->sel, words * sizeof *all); /* rows without room leave k->sel meanwhile */
  for (int64_t start = lo; start <= hi && !k->failed; start += self->data->size_us) {
    uint32_t cnt =
        k->kernels->within(k->et, start, start + self->data->size_us - 1, all, some, words);
    add_selected(self, ctx, in, start, some, cnt);
  }
}

static void add_listed(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in,
                       int64_t start_us, const uint16_t *rows, uint32_t cnt) {
  struct pane *pane = pane_to_change(self, start_us);
  if (!pane) {
    mr_keyed_no_room(&self->keyed, ctx, rows, cnt);
    return;
  }
  mr_keyed_add_rows(&self->keyed, ctx, in, pane->table, rows, cnt);
}

/* The batch's rows are in many windows: lists them by window, in the order of their first rows.
 */
static void add_by_window(struct window *self, struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_keyed *k = &self->keyed;
  const struct window_data *data = self->data;
  const int64_t *et = in->cols[data->et].data;
  uint32_t n = k->kernels->rows(k->sel, mr_bitmap_words(in->row_cnt), k->rows), starts = 0, s = 0;
  uint32_t at[MR_BATCH_ROWS + 1];
  for (uint32_t i = 0; i < n; i++) {
    int64_t us = et[k->rows[i]];
    if (!starts || us < self->starts[s] || us - self->starts[s] >= data->size_us) {
      int64_t start = window_of(data, us);
      for (s = starts; s-- > 0;)
        if (self->starts[s] == start) break;
      if (s == UINT32_MAX) {
        s = starts++;
        self->starts[s] = start;
        at[s] = 0;
      }
    }
    self->by_row[i] = s;
    at[s]++;
  }
  for (uint32_t i = 0, sum = 0; i < starts; i++) { /* counts become places */
    uint32_t cnt = at[i];
    at[i] = sum;
    sum += cnt;
  }
  for (uint32_t i = 0; i < n; i++) self->row_list[at[self->by_row[i]]++] = k->rows[i];
  mr_keys_begin(&k->keys, in, k->rows, n);
  for (uint32_t i = 0; i < starts && !k->failed; i++) {
    uint32_t from = i ? at[i - 1] : 0;
    add_listed(self, ctx, in, self->starts[i], self->row_list + from, at[i] - from);
  }
}

/* ---- reading out ---- */

/* Rows of one pane; sets *all when there are no more. */
static uint32_t read_pane(struct window *self, struct pane *pane, struct mr_row **rows,
                          uint32_t max, bool *all) {
  struct mr_space *space = &self->keyed.space;
  struct mr_table *t = mr_table_at(space, pane->table);
  uint32_t n;
  if (self->reading == READ_CHANGED || self->data->emit == MR_EMIT_UPDATE ||
      self->read_pane < self->closed_cnt) {
    n = pane->dirty ? mr_table_changed(space, t, rows, max) : 0;
    *all = n < max;
    if (*all) pane->dirty = 0;
    return n;
  }
  n = mr_table_next(space, t, &self->walk, rows, max);
  *all = n < max;
  if (*all) {
    self->walk = (struct mr_table_walk){0};
    pane->dirty = 0;
  }
  return n;
}

/* The pane at hand has been read to its end. */
static void pane_is_read(struct window *self) {
  uint32_t i = self->read_pane++;
  if (self->reading != READ_CLOSING) return;
  if (i >= self->closed_cnt) {
    self->closed_cnt = i + 1;
    self->closed_all++;
  }
  self->done_cnt += expires(self, pane_at(self, i)->start_us);
}

/* Rows of as many panes as fit. */
static uint32_t read_rows(struct window *self, struct mr_row **rows, int64_t *start_us,
                          uint32_t max) {
  uint32_t n = 0;
  while (n < max && self->reading != READ_NOTHING) {
    struct pane *pane = self->read_pane < self->cnt ? pane_at(self, self->read_pane) : NULL;
    if (!pane || (self->reading == READ_CLOSING && !closes(self, pane->start_us))) {
      self->reading = READ_NOTHING;
      break;
    }
    bool all;
    uint32_t got = read_pane(self, pane, rows + n, max - n, &all);
    for (uint32_t i = 0; i < got; i++) start_us[n + i] = pane->start_us;
    n += got;
    if (!all) break;
    pane_is_read(self);
  }
  return n;
}

/* Called when all rows handed out before are written: tables that were read to their end can go. */
static uint32_t more_rows(struct mr_op_ctx *ctx, struct mr_row **rows, int64_t *start_us,
                          uint32_t max) {
  struct window *self = ctx->self;
  uint32_t n = 0;
  do {
    for (; self->done_cnt; self->done_cnt--) {
      drop_first(self);
      self->read_pane--;
    }
    n = read_rows(self, rows, start_us, max);
  } while (!n && self->done_cnt);
  return n;
}

static void start_reading(struct window *self, struct mr_op_ctx *ctx, enum reading what) {
  mr_keyed_flush(&self->keyed, ctx);
  self->reading = what;
  self->read_pane = 0;
  self->walk = (struct mr_table_walk){0};
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

/* Windows of the first and last event time in the view. */
static void find_span(const struct window *self, const struct mr_view *in, int64_t *lo,
                      int64_t *hi) {
  const struct mr_keyed *k = &self->keyed;
  int64_t min = in->et_min, max = in->et_max;
  if (min == MR_TIME_NONE) { /* not known: look */
    min = INT64_MAX;
    MR_BITMAP_EACH(k->sel, mr_bitmap_words(in->row_cnt), row) {
      if (k->et[row] < min) min = k->et[row];
      if (k->et[row] > max) max = k->et[row];
    }
  }
  *lo = window_of(self->data, min);
  *hi = window_of(self->data, max);
}

/* For those who look: how many windows are open, and which one closes next. */
static void tell_open(const struct window *self, struct mr_op_ctx *ctx) {
  struct mr_counts *c = &ctx->counts;
  c->windows_open = self->cnt - self->closed_cnt;
  c->windows_closed = self->closed_all;
  if (!c->windows_open) return;
  const struct pane *next = pane_at(self, self->closed_cnt);
  c->next_start_us = next->start_us;
  c->next_end_us = next->start_us + self->data->size_us;
  c->next_keys = mr_table_at(&self->keyed.space, next->table)->row_cnt;
}

static void window_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct window *self = ctx->self;
  const struct window_data *data = self->data;
  struct mr_keyed *k = &self->keyed;
  self->view_ns = ctx->now_ns;
  mr_output_because(&self->out, ctx, in);
  mr_keyed_begin(k, ctx, in);
  leave_out_timeless(self, ctx, in);
  if (k->sel_cnt) {
    int64_t lo, hi;
    find_span(self, in, &lo, &hi);
    if (lo + data->size_us + data->lateness_us <= highest_watermark(self, in))
      leave_out_late(self, ctx, in);
    mr_keyed_values(k, ctx, in);
    if (lo == hi)
      add_selected(self, ctx, in, lo, k->sel, k->sel_cnt);
    else if (hi - lo < SPAN_MAX * data->size_us)
      add_by_span(self, ctx, in, lo, hi);
    else
      add_by_window(self, ctx, in);
  }
  mr_keyed_end(k, ctx, in);
  self->changed |= k->sel_cnt > 0;
  tell_open(self, ctx);
  if (!ctx->node->op_plan.every_us) write_changes(self, ctx, in);
}

static void window_drain(struct mr_op_ctx *ctx) {
  struct window *self = ctx->self;
  if (self->keyed.failed) return;
  ctx->more = mr_output_emit(&self->out, ctx, &self->keyed.space, more_rows);
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
  if (self->data->emit == MR_EMIT_COMPLETE || !self->cnt) return;
  bool expired = expires(self, pane_at(self, 0)->start_us);
  uint32_t open = self->closed_cnt;
  if (!expired && (open == self->cnt || !closes(self, pane_at(self, open)->start_us))) return;
  if (self->view_ns != ctx->now_ns) mr_output_because(&self->out, ctx, NULL);
  self->out.frontier_us = before;
  self->out.frontier_end_us = watermark_us;
  start_reading(self, ctx, READ_CLOSING);
  if (!expired) self->read_pane = open;
}

static void window_tick(struct mr_op_ctx *ctx, int64_t at_us) {
  (void)at_us;
  write_changes(ctx->self, ctx, NULL);
}

static void window_finish(struct mr_op_ctx *ctx) {
  write_changes(ctx->self, ctx, NULL);
}

static const char *const window_outputs[] = {"late", NULL};

const struct mr_op mr_op_window = {
    .name = "window",
    .help = "aggregates rows by event-time window and keys",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_KEYED | MR_OP_TIMED | MR_OP_DERIVES | MR_OP_ABSORBS,
    .opts = window_opts,
    .conf_sz = sizeof(struct window_conf),
    .outputs = window_outputs,
    .self_sz = sizeof(struct window),
    .plan = window_plan,
    .need = window_need,
    .init = window_init,
    .process = window_process,
    .drain = window_drain,
    .advance = window_advance,
    .tick = window_tick,
    .finish = window_finish,
};
