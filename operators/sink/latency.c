/* SPDX-License-Identifier: Apache-2.0 */
/* latency: the time of every row from its planned send to here, as a histogram that is written at
 * the end. */
#include "sink/latency.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/tree.h"
#include "io/io.h"
#include "operators/operators.h"
#include "worker/ctx.h"

#define TICKS 5 /* lines per half of the distance to 100 % */

struct latency_conf {
  const char *hgrm;
  int columns;
};

struct latency {
  struct mr_latency *latency;
  char *text;
  struct mr_io_req req;
  int fd; /* -1: none */
};

static const char *const columns_words[] = {"all", "none", NULL};
static const struct mr_opt latency_opts[] = {
    {"hgrm", MR_OPT_STRING, MR_OPT_AT(struct latency_conf, hgrm),
     .help = "file that the percentiles are written to at the end, in HdrHistogram's text format",
     .example = "latency.hgrm"},
    {"columns", MR_OPT_ENUM, MR_OPT_AT(struct latency_conf, columns), .def = "all",
     .words = columns_words, .help = "which columns are made for it; none prunes them"},
    MR_OPT_END};

/* ---- the spectrum ---- */

static double mean_of(const struct mr_latency *l, double *deviation) {
  double sum = 0, squares = 0, n = (double)l->count;
  *deviation = 0;
  if (!l->count) return 0;
  for (uint32_t i = 0; i < MR_LATENCY_CNT; i++)
    sum += (double)l->counts[i] * (double)mr_latency_value(i);
  for (uint32_t i = 0; i < MR_LATENCY_CNT; i++) {
    double d = (double)mr_latency_value(i) - sum / n;
    squares += (double)l->counts[i] * d * d;
  }
  *deviation = sqrt(squares / n);
  return sum / n;
}

/* The percentile of the next line: TICKS steps in each half of what is left to 100. */
static double next_percentile(double percentile) {
  double halves = floor(log2(100 / (100 - percentile))) + 1;
  return percentile + 100 / (TICKS * exp2(halves));
}

static size_t spectrum_line(char *to, uint64_t ns, double percentile, uint64_t cnt) {
  double share = percentile / 100;
  return (size_t)snprintf(to, 128, "%12.3f %14.12f %12llu %14.2f\n", (double)ns / 1000, share,
                          (unsigned long long)cnt, 1 / (1 - share));
}

size_t mr_latency_text(const struct mr_latency *l, char *text) {
  double percentile = 0, deviation, mean = mean_of(l, &deviation);
  size_t len = (size_t)snprintf(text, 256, "%12s %14s %12s %14s\n\n", "Value", "Percentile",
                                "TotalCount", "1/(1-Percentile)");
  uint64_t below = 0;
  for (uint32_t i = 0; i < MR_LATENCY_CNT && below < l->count; i++) {
    if (!l->counts[i]) continue;
    below += l->counts[i];
    uint64_t ns = mr_latency_value(i) < l->max_ns ? mr_latency_value(i) : l->max_ns;
    while (below < l->count && percentile <= 100 * (double)below / (double)l->count) {
      len += spectrum_line(text + len, ns, percentile, below);
      percentile = next_percentile(percentile);
    }
  }
  if (l->count) len += spectrum_line(text + len, l->max_ns, 100, l->count);
  return len + (size_t)snprintf(text + len, 512,
                                "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n"
                                "#[Max     = %12.3f, Total count    = %12llu]\n"
                                "#[Buckets = %12u, SubBuckets     = %12u]\n",
                                mean / 1000, deviation / 1000, (double)l->max_ns / 1000,
                                (unsigned long long)l->count, MR_LATENCY_CNT / 1024 - 1, 2048u);
}

/* ---- the sink ---- */

static int latency_plan(struct mr_op_plan *p) {
  (void)p;
  return MR_OK;
}

static void latency_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                         bool *in_need) {
  const struct latency_conf *conf = p->conf;
  (void)out_need;
  for (uint32_t c = 0; c < p->in->visible_cnt; c++) in_need[c] = conf->columns == 0;
}

static int latency_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct latency *self = ctx->self;
  const struct latency_conf *conf = ctx->conf;
  self->fd = -1;
  uint64_t sz = mr_align_up(sizeof *self->latency, 4096) + MR_LATENCY_TEXT;
  uint64_t off = mr_region_reserve(ctx->region_rw, sz, "latency");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for the histogram");
  self->latency = mr_region_ptr(ctx->region, off);
  self->text = (char *)self->latency + mr_align_up(sizeof *self->latency, 4096);
  if (!conf->hgrm) return MR_OK;
  struct mr_io_req req = {.kind = MR_IO_PARENTS, .path = conf->hgrm};
  int64_t rc = mr_io_wait(ctx->io, &req);
  req = (struct mr_io_req){.kind = MR_IO_OPEN,
                           .path = conf->hgrm,
                           .mode = 0644,
                           .flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC};
  if (rc >= 0) rc = mr_io_wait(ctx->io, &req);
  if (rc < 0) {
    mr_error_set_sys(err, (int)-rc, "cannot write %s", conf->hgrm);
    return err->code = MR_ERR_IO;
  }
  self->fd = (int)rc;
  return MR_OK;
}

static void latency_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct latency *self = ctx->self;
  uint64_t now = mr_clock_fast_ns(ctx->clock);
  ctx->counts.rows_out += in->sel_cnt;
  if (!in->row_t0) {
    mr_latency_record(self->latency, now > in->t0_ns ? now - in->t0_ns : 0, in->sel_cnt);
    return;
  }
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row)
  mr_latency_record(self->latency, now > in->row_t0[row] ? now - in->row_t0[row] : 0, 1);
}

/* The text is written by one request, which the drains wait for. */
static void latency_finish(struct mr_op_ctx *ctx) {
  struct latency *self = ctx->self;
  if (self->fd < 0) return;
  self->req = (struct mr_io_req){.kind = MR_IO_WRITE,
                                 .fd = self->fd,
                                 .buf = self->text,
                                 .len = mr_latency_text(self->latency, self->text)};
  mr_io_submit(ctx->io, &self->req);
  ctx->more = true;
}

static void latency_drain(struct mr_op_ctx *ctx) {
  struct latency *self = ctx->self;
  const struct latency_conf *conf = ctx->conf;
  if (!mr_io_done(&self->req)) {
    mr_io_poll(ctx->io);
    ctx->more = true;
    return;
  }
  if (self->req.result >= 0) return;
  struct mr_error err;
  mr_error_set_sys(&err, (int)-self->req.result, "cannot write %s", conf->hgrm);
  mr_op_fail(ctx, MR_ERR_IO, "%s", err.text);
}

static void latency_fini(struct mr_op_ctx *ctx) {
  struct latency *self = ctx->self;
  if (!self->latency || self->fd < 0) return;
  mr_io_finish(ctx->io, &self->req);
  struct mr_io_req req = {.kind = MR_IO_CLOSE, .fd = self->fd};
  mr_io_wait(ctx->io, &req);
  self->fd = -1;
}

const struct mr_op mr_op_latency = {
    .name = "latency",
    .help = "records the latency of every row, from its planned send time",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = latency_opts,
    .conf_sz = sizeof(struct latency_conf),
    .self_sz = sizeof(struct latency),
    .plan = latency_plan,
    .need = latency_need,
    .init = latency_init,
    .process = latency_process,
    .drain = latency_drain,
    .finish = latency_finish,
    .fini = latency_fini,
};
