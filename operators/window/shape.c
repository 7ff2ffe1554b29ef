/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/window/session.h"

#include "base/bits.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/plan.h"
#include "graph/tree.h"

/* ---- options ---- */

static const char *const emit_words[] = {"final", "update", "complete", NULL};
static const char *const late_words[] = {"drop", "divert", NULL};
static const char *const on_words[] = {"event_time", "processing_time", NULL};

#define AT(member)    MR_OPT_AT(struct mr_window_conf, member)
#define SHAPE(member) MR_OPT_AT(struct mr_window_shape, member)
#define LENGTH        .min = 1000, .max = 3.2e15

static const struct mr_opt shape_opts[] = {
    {"tumbling", MR_OPT_DURATION_US, SHAPE(tumbling), .alt = 1, LENGTH,
     .help = "windows of this length, one after another", .example = "5m"},
    {"hopping", MR_OPT_DURATION_US, SHAPE(hopping), .alt = 2, LENGTH,
     .help = "windows of this length, one begins every slide", .example = "5m"},
    {"session", MR_OPT_DURATION_US, SHAPE(session), .alt = 3, LENGTH,
     .help = "a window ends when nothing came for this time", .example = "30m"},
    {"cumulating", MR_OPT_DURATION_US, SHAPE(cumulating), .alt = 4, LENGTH,
     .help = "windows that begin together and grow by step up to this length", .example = "1d"},
    {"slide", MR_OPT_DURATION_US, SHAPE(slide), .with = "hopping", LENGTH, .required = true,
     .help = "time from one window's start to the next", .example = "1m"},
    {"step", MR_OPT_DURATION_US, SHAPE(step), .with = "cumulating", LENGTH, .required = true,
     .help = "time that a window is longer than the one before", .example = "1h"},
    {"offset", MR_OPT_DURATION_US, SHAPE(offset), .def = "0s", .min = -3.2e15, .max = 3.2e15,
     .help = "windows start at multiples of their length (hopping: of the slide) plus this"},
    {"on", MR_OPT_ENUM, SHAPE(on), .def = "event_time", .words = on_words,
     .help = "the time that decides: of the event, or at which the row was read (then the clock "
             "closes windows, and no row is late)"},
    MR_OPT_END};

const struct mr_opt mr_window_opts[] = {
    {"window", MR_OPT_UNION, AT(window), .sub = shape_opts,
     .kind = MR_OPT_REF(struct mr_window_conf, window.kind), .required = true,
     .help = "which windows", .example = "{ tumbling: 5m }"},
    MR_KEYED_OPTS(struct mr_window_conf),
    {"delay", MR_OPT_DURATION_US, AT(delay), .min = 0, .max = 3.2e15,
     .given = MR_OPT_REF(struct mr_window_conf, delay_given),
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

static int wrong(struct mr_op_plan *p, const char *text) {
  return mr_op_error(p, NULL, MR_CODE_OUT_OF_RANGE, "%s", text);
}

static int plan_slices(struct mr_op_plan *p, const struct mr_window_shape *shape,
                       struct mr_slices *s) {
  *s = (struct mr_slices){.size_us = shape->tumbling, .stride_us = shape->tumbling, .single = true};
  if (shape->hopping) {
    if (shape->slide > shape->hopping)
      return wrong(p,
                   "the slide is longer than the window, so rows between two windows would be in "
                   "none; at most the window's length is possible");
    *s = (struct mr_slices){.size_us = shape->hopping, .stride_us = shape->slide};
    s->rest_us = shape->hopping % shape->slide;
    s->single = shape->hopping == shape->slide;
  }
  if (shape->cumulating) {
    if (shape->cumulating % shape->step)
      return wrong(p, "the length of the longest window is not a multiple of the step");
    *s = (struct mr_slices){
        .size_us = shape->cumulating, .stride_us = shape->step, .cumulating = true};
  }
  if (shape->session) {
    if (shape->offset)
      return wrong(p, "a session begins with its first row, so there is nothing to move by offset");
    *s = (struct mr_slices){0};
    return MR_OK;
  }
  s->offset_us = shape->offset % (s->cumulating ? s->size_us : s->stride_us);
  return MR_OK;
}

static int64_t common(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a < 0 ? -a : a;
}

#define TICK_LEAST 1000 /* us */
#define TICK_MOST  1000000

/* Processing time: timers at all ends of windows, and at `every`. Sessions end anywhere: an eighth
 * of the gap, at most a second. */
static void plan_ticks(struct mr_op_plan *p, struct mr_window_data *data) {
  const struct mr_slices *s = &data->slices;
  int64_t tick = s->stride_us ? common(s->stride_us, s->offset_us + s->rest_us) : data->gap_us / 8;
  if (data->gap_us && tick > TICK_MOST) tick = TICK_MOST;
  if (data->gap_us) tick -= tick % TICK_LEAST;
  if (p->every_us) tick = common(tick, p->every_us);
  p->every_us = tick < TICK_LEAST ? TICK_LEAST : tick;
  p->uses_now = true;
  p->delay_us = p->allowed_lateness_us = 0;
}

int mr_window_plan(struct mr_op_plan *p) {
  const struct mr_window_conf *conf = p->conf;
  struct mr_window_data *data = MR_NEW(p->arena, struct mr_window_data, 1);
  p->delay_us = conf->delay_given ? conf->delay : p->in_derived ? 0 : p->source_delay_us;
  p->allowed_lateness_us = conf->allowed_lateness;
  data->emit = (enum mr_keyed_emit)conf->emit;
  int rc = plan_slices(p, &conf->window, &data->slices);
  data->gap_us = conf->window.session;
  struct mr_keyed_kind kind = {.windowed = true, .merges = !data->slices.single};
  if (data->gap_us) {
    kind.hashed = true;
    p->uses_time = conf->window.on == 0; /* whether a row joins a session that ends as it comes */
    kind.extra_sz = sizeof(struct mr_session_row);
  }
  data->keyed = mr_keyed_plan(p, &conf->keyed, data->emit, kind);
  data->processing = conf->window.on == 1;
  if (data->processing && (conf->delay_given || conf->allowed_lateness))
    return mr_op_error(p, NULL, MR_CODE_KEYS_CLASH,
                       "on: processing_time knows no late rows: delay and allowed_lateness go with "
                       "event_time");
  if (p->in->event_time < 0 && !data->processing)
    return mr_op_error(p, NULL, MR_CODE_UNKNOWN_COLUMN,
                       "the rows of this input have no event time, so no window can be found for "
                       "them: name it as event_time in the event");
  if (!data->keyed || rc) return MR_ERR_CONF;
  data->every_us = p->every_us;
  if (data->processing) plan_ticks(p, data);
  data->delay_us = p->delay_us;
  data->lateness_us = p->allowed_lateness_us;
  data->et = p->in->event_time < 0 ? 0 : (uint32_t)p->in->event_time;
  data->divert = conf->late == 1 || (conf->late < 0 && p->late_read);
  p->outs[MR_WINDOW_OUT_LATE].schema = p->in;
  p->data = data;
  return MR_OK;
}

void mr_window_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                    bool *in_need) {
  const struct mr_window_data *data = p->data;
  mr_keyed_need(p, data->keyed, in_need);
  if (p->in->event_time >= 0) in_need[data->et] = true;
  for (uint32_t c = 0; out_need[MR_WINDOW_OUT_LATE] && c < p->in->cnt; c++)
    in_need[c] |= out_need[MR_WINDOW_OUT_LATE][c];
}

/* ---- rows ---- */

void mr_window_leave_out_timeless(const struct mr_window_data *data, struct mr_keyed *k,
                                  struct mr_op_ctx *ctx, const struct mr_view *in) {
  const uint64_t *valid = data->processing ? NULL : in->cols[data->et].valid;
  uint32_t words = mr_bitmap_words(in->row_cnt), cnt;
  if (!valid) return;
  for (uint32_t w = 0; w < words; w++) k->sel[w] &= valid[w];
  cnt = mr_bitmap_count(k->sel, words);
  ctx->counts.filtered += k->sel_cnt - cnt;
  k->sel_cnt = cnt;
}

const int64_t *mr_window_times(const struct mr_window_data *data, const struct mr_keyed *k,
                               const struct mr_view *in, int64_t least_us, int64_t *buf) {
  if (!data->processing) return k->et;
  for (uint32_t r = 0; r < in->row_cnt; r++) {
    int64_t us = in->row_now ? in->row_now[r] : in->now_us;
    buf[r] = us > least_us ? us : least_us;
  }
  return buf;
}
