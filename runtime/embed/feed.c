/* SPDX-License-Identifier: Apache-2.0 */
/* feed: rows come from the program that embeds the graph. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "embed/embed_private.h"
#include "graph/opt.h"
#include "operators/producer/reader.h"

struct feed_conf {
  struct mr_reader_opts lines;
};

static const struct mr_opt feed_opts[] = {
    {"format", MR_OPT_ENUM, MR_OPT_AT(struct feed_conf, lines.format), .words = mr_reader_formats,
     .help = "how a line of text is written; json unless the event says it"},
    {"csv", MR_OPT_TABLE, MR_OPT_AT(struct feed_conf, lines.csv), .sub = mr_csv_opts,
     .help = "how CSV is written"},
    {"max_line", MR_OPT_SIZE, MR_OPT_AT(struct feed_conf, lines.max_line), .def = "1MiB", .min = 1,
     .max = 1 << 30, .help = "longest line; a longer one is a dead letter"},
    MR_OPT_END};

static int feed_plan(struct mr_op_plan *p) {
  const struct feed_conf *conf = p->conf;
  int rc = mr_reader_plan(p, &conf->lines);
  if (rc) return rc;
  p->outs[MR_OUT_MAIN].schema = p->in;
  p->outs[MR_OUT_MAIN].own_batches = true;
  p->outs[MR_OUT_MAIN].heap = true;
  return MR_OK;
}

static int feed_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct mr_graph *graph = ctx->host;
  if (graph->conf.feed) return MR_OK;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC))
    return mr_error_set_sys(err, errno, "no pipe for %s", ctx->node->name);
  struct mr_graph_pipe *pipe = MR_NEW(&graph->arena, struct mr_graph_pipe, 1);
  *pipe = (struct mr_graph_pipe){ctx->node->name, ends[1], ends[0], graph->pipes};
  graph->pipes = pipe;
  if (fcntl(pipe->to, F_SETFL, O_NONBLOCK))
    return mr_error_set_sys(err, errno, "no pipe for %s", ctx->node->name);
  struct mr_reader_conf reader = {.name = ctx->node->name, .fd = pipe->from, .stream = true};
  return mr_reader_init(ctx->self, ctx, &reader, err);
}

static struct mr_graph_pipe *pipe_of(struct mr_graph *graph, const char *source) {
  for (struct mr_graph_pipe *p = graph->pipes; p; p = p->next)
    if (!strcmp(p->source, source)) return p;
  return NULL;
}

int64_t mr_graph_feed(struct mr_graph *graph, const char *source, const char *bytes, size_t len) {
  struct mr_graph_pipe *pipe = pipe_of(graph, source);
  if (!pipe) return MR_ERR_NOENT;
  if (pipe->to < 0) return MR_ERR_STATE;
  ssize_t n = len ? write(pipe->to, bytes, len) : 0;
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EINTR ? 0 : MR_ERR_STATE;
}

int mr_graph_feed_end(struct mr_graph *graph, const char *source) {
  struct mr_graph_pipe *pipe = pipe_of(graph, source);
  if (!pipe) return MR_ERR_NOENT;
  if (pipe->to >= 0) close(pipe->to);
  pipe->to = -1;
  return MR_OK;
}

static void feed_fini(struct mr_op_ctx *ctx) {
  struct mr_graph *graph = ctx->host;
  struct mr_graph_pipe *pipe = pipe_of(graph, ctx->node->name);
  if (!pipe) return;
  mr_graph_feed_end(graph, pipe->source); /* a read that waits for more ends */
  mr_reader_fini(ctx->self);
  if (pipe->from >= 0) close(pipe->from);
  pipe->from = -1;
}

static enum mr_poll feed_poll(struct mr_op_ctx *ctx) {
  struct mr_graph *graph = ctx->host;
  if (!graph->conf.feed) return mr_reader_poll(ctx->self, ctx);
  struct mr_batch *batch = mr_emit_open(ctx, MR_OUT_MAIN);
  struct mr_graph_in in = {.schema = ctx->node->outs[MR_OUT_MAIN].schema,
                           .pool = ctx->pools[MR_OUT_MAIN],
                           .batch = batch,
                           .row_max = ctx->row_max};
  int32_t n = graph->conf.feed(graph->conf.ctx, ctx->node->name, &in);
  if (n <= 0 || (uint32_t)n > in.row_max) {
    mr_emit_cancel(ctx, MR_OUT_MAIN, batch);
    if (n > 0)
      mr_op_fail(ctx, MR_ERR_ARG, "the host fed %d rows where %u were asked for", n, in.row_max);
    return n ? MR_POLL_END : MR_POLL_IDLE;
  }
  batch->msg.row_cnt = (uint32_t)n;
  mr_source_emit(ctx, batch, MR_ET_UNKNOWN, NULL);
  return MR_POLL_ROWS;
}

const struct mr_op mr_op_feed = {
    .name = "feed",
    .help = "takes rows from the program that embeds the graph",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SOURCE,
    .opts = feed_opts,
    .conf_sz = sizeof(struct feed_conf),
    .self_sz = sizeof(struct mr_reader),
    .plan = feed_plan,
    .init = feed_init,
    .poll = feed_poll,
    .fini = feed_fini,
};

/* ---- filling rows ---- */

uint32_t mr_graph_in_max(const struct mr_graph_in *in) {
  return in->row_max;
}

uint32_t mr_graph_in_columns(const struct mr_graph_in *in) {
  return in->schema->visible_cnt;
}

int32_t mr_graph_in_column(const struct mr_graph_in *in, const char *name) {
  return mr_schema_find(in->schema, name, strlen(name));
}

bool mr_graph_in_needed(const struct mr_graph_in *in, uint32_t col) {
  return col < in->schema->visible_cnt && in->pool->conf.own[col];
}

static enum mr_phys phys_of(const struct mr_graph_in *in, uint32_t col) {
  return mr_field_phys(&in->schema->fields[col]);
}

static void mark_valid(struct mr_graph_in *in, uint32_t col, uint32_t row, bool valid) {
  uint64_t *words = mr_pool_valid(in->pool, in->batch, col);
  if (row % 64 == 0) words[row / 64] = 0;
  if (valid)
    mr_bit_set(words, row);
  else
    mr_batch_set_valid(in->pool, in->batch, col);
}

static void *cell(struct mr_graph_in *in, uint32_t col, uint32_t row, uint32_t sz) {
  return (uint8_t *)mr_pool_column(in->pool, in->batch, col) + (size_t)row * sz;
}

static void set_bit(struct mr_graph_in *in, uint32_t col, uint32_t row, bool value) {
  uint64_t *words = mr_pool_column(in->pool, in->batch, col);
  if (row % 64 == 0) words[row / 64] = 0;
  if (value) mr_bit_set(words, row);
}

/* True when a value of that form may be set there. */
static bool takes(const struct mr_graph_in *in, uint32_t col, uint32_t row, enum mr_phys phys) {
  return row < in->row_max && mr_graph_in_needed(in, col) && phys_of(in, col) == phys;
}

void mr_graph_in_null(struct mr_graph_in *in, uint32_t col, uint32_t row) {
  if (row >= in->row_max || !mr_graph_in_needed(in, col)) return;
  switch (phys_of(in, col)) {
  case MR_PHYS_BIT: set_bit(in, col, row, false); break;
  case MR_PHYS_CODE: memset(cell(in, col, row, 1), 0, 1); break;
  case MR_PHYS_W8: memset(cell(in, col, row, 8), 0, 8); break;
  default: memset(cell(in, col, row, 16), 0, 16); break;
  }
  mark_valid(in, col, row, false);
}

void mr_graph_in_int(struct mr_graph_in *in, uint32_t col, uint32_t row, int64_t value) {
  if (!takes(in, col, row, MR_PHYS_W8)) return;
  memcpy(cell(in, col, row, 8), &value, 8);
  mark_valid(in, col, row, true);
}

void mr_graph_in_double(struct mr_graph_in *in, uint32_t col, uint32_t row, double value) {
  if (!takes(in, col, row, MR_PHYS_W8)) return;
  memcpy(cell(in, col, row, 8), &value, 8);
  mark_valid(in, col, row, true);
}

void mr_graph_in_bool(struct mr_graph_in *in, uint32_t col, uint32_t row, bool value) {
  if (!takes(in, col, row, MR_PHYS_BIT)) return;
  set_bit(in, col, row, value);
  mark_valid(in, col, row, true);
}

void mr_graph_in_code(struct mr_graph_in *in, uint32_t col, uint32_t row, uint8_t code) {
  if (!takes(in, col, row, MR_PHYS_CODE) || code >= in->schema->fields[col].codes->cnt) return;
  memcpy(cell(in, col, row, 1), &code, 1);
  mark_valid(in, col, row, true);
}

static bool set_code_of(struct mr_graph_in *in, uint32_t col, uint32_t row, const char *text,
                        uint32_t len) {
  const struct mr_enum *codes = in->schema->fields[col].codes;
  for (uint32_t i = 0; i < codes->cnt; i++)
    if (codes->lens[i] == len && memcmp(codes->texts[i], text, len) == 0) {
      mr_graph_in_code(in, col, row, (uint8_t)i);
      return true;
    }
  return false;
}

bool mr_graph_in_str(struct mr_graph_in *in, uint32_t col, uint32_t row, const char *text,
                     uint32_t len) {
  if (row >= in->row_max || !mr_graph_in_needed(in, col)) return true;
  if (phys_of(in, col) == MR_PHYS_CODE) return set_code_of(in, col, row, text, len);
  if (phys_of(in, col) != MR_PHYS_STR) return false;
  if (!mr_batch_str(in->pool, in->batch, text, len, cell(in, col, row, 16))) return false;
  mark_valid(in, col, row, true);
  return true;
}

void *mr_graph_in_values(struct mr_graph_in *in, uint32_t col) {
  if (!mr_graph_in_needed(in, col)) return NULL;
  enum mr_phys phys = phys_of(in, col);
  if (phys != MR_PHYS_W8 && phys != MR_PHYS_CODE) return NULL;
  return mr_pool_column(in->pool, in->batch, col);
}
