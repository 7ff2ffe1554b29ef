/* SPDX-License-Identifier: Apache-2.0 */
#include "test_ops.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "graph/opt.h"
#include "operators/format/csv_conf.h"
#include "operators/format/row_text.h"
#include "operators/operators.h"
#include "operators/producer/reader.h"
#include "worker/ctx.h"

#define ROW_TEXT_MAX (UINT32_C(4) << 20) /* bytes of one captured row */

/* ---- what the host keeps ---- */

struct mr_test_input *mr_test_input_of(struct mr_test_host *host, const char *node) {
  for (struct mr_test_input *in = host->inputs; in; in = in->next)
    if (!strcmp(in->node, node)) return in;
  struct mr_test_input *in = MR_NEW(host->arena, struct mr_test_input, 1);
  *in = (struct mr_test_input){.node = node, .next = host->inputs};
  return host->inputs = in;
}

struct mr_test_output *mr_test_output_of(struct mr_test_host *host, const char *node) {
  for (struct mr_test_output *out = host->outputs; out; out = out->next)
    if (!strcmp(out->node, node)) return out;
  struct mr_test_output *out = MR_NEW(host->arena, struct mr_test_output, 1);
  *out = (struct mr_test_output){.node = node, .next = host->outputs};
  return host->outputs = out;
}

void mr_test_put(struct mr_test_host *host, struct mr_test_input *in, const char *text,
                 size_t len) {
  if (len > in->cap - in->len) {
    size_t cap = 2 * (in->len + len) + 4096;
    char *bigger = mr_arena_alloc(host->arena, cap);
    if (in->len) memcpy(bigger, in->text, in->len);
    in->text = bigger;
    in->cap = cap;
  }
  memcpy(in->text + in->len, text, len);
  in->len += len;
}

/* ---- sources ---- */

struct feed {
  struct mr_decoder *decoder;
  struct mr_lines lines;
  bool has_lines, bad;
};

/* A generator's rows, as an event of the same columns in JSON; a test names those that it needs. */
static int plan_generator(struct mr_op_plan *p) {
  int rc = mr_op_generate.plan(p);
  if (rc) return rc;
  struct mr_schema *schema = MR_NEW(p->arena, struct mr_schema, 1);
  *schema = *p->outs[MR_OUT_MAIN].schema;
  schema->fields = MR_NEW(p->arena, struct mr_field, schema->cnt + 1);
  memcpy(schema->fields, p->outs[MR_OUT_MAIN].schema->fields, schema->cnt * sizeof *schema->fields);
  for (uint32_t c = 0; c < schema->visible_cnt; c++) {
    if ((int32_t)c != schema->event_time) schema->fields[c].optional = true;
    schema->fields[c].codes = NULL; /* a test has names of its own */
  }
  struct mr_event *event = MR_NEW(p->arena, struct mr_event, 1);
  *event = (struct mr_event){
      .name = "generated", .event_time = schema->event_time, .field_cnt = schema->visible_cnt};
  event->fields = MR_NEW(p->arena, struct mr_event_field, schema->visible_cnt + 1);
  for (uint32_t c = 0; c < schema->visible_cnt; c++) event->fields[c].field = schema->fields[c];
  p->event = event;
  p->in = schema;
  p->every_us = 0;
  return MR_OK;
}

static int feed_plan(struct mr_op_plan *p) {
  const struct mr_op *own = p->node->op;
  bool lines = !strcmp(own->name, "file") || !strcmp(own->name, "stdin");
  if (lines) {
    int rc = (!strcmp(own->name, "file") ? &mr_op_file_source : &mr_op_stdin)->plan(p);
    p->outs[MR_OUT_MAIN].hidden = 0;
    return rc;
  }
  if (!strcmp(own->name, "generate")) {
    int rc = plan_generator(p);
    if (rc) return rc;
  }
  struct mr_reader_opts opts = {.format = -1, .max_line = 1 << 20};
  struct mr_opt_reader rd = {p->arena, p->diags, NULL};
  mr_opt_read_one(&rd, NULL, mr_csv_opts, &opts.csv);
  memset(p->outs, 0, sizeof p->outs);
  return mr_reader_plan(p, &opts);
}

bool mr_test_reads_csv(const struct mr_plan_node *source, char *delimiter, char *quote,
                       bool *header) {
  const struct mr_reader_plan *plan = source->op_plan.data;
  *delimiter = plan->csv.delimiter;
  *quote = plan->csv.quote;
  *header = plan->csv.header;
  return plan->kind == MR_DECODE_CSV;
}

static int feed_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  struct feed *f = ctx->self;
  const struct mr_reader_plan *plan = ctx->data;
  f->decoder = mr_reader_decoder(ctx, err);
  if (!f->decoder) return err->code;
  mr_lines_init(&f->lines, plan->max_line);
  mr_lines_start(&f->lines, 0, 1);
  ctx->source_label = ctx->node->name;
  return MR_OK;
}

/* Hands the lines that came to the decoder: in memory of their own, as it writes into them. */
static void take_lines(struct mr_op_ctx *ctx, struct feed *f, struct mr_test_input *in) {
  struct mr_test_host *host = ctx->host;
  const struct mr_reader_plan *plan = ctx->data;
  size_t head = MR_LINES_HEAD(plan->max_line);
  char *block = mr_arena_alloc(host->arena, head + in->len + MR_LINES_PAD);
  mr_lines_move(&f->lines, block + head);
  memcpy(block + head, in->text, in->len);
  mr_lines_fill(&f->lines, in->len);
  ctx->counts.bytes_in += in->len;
  in->len = 0;
  f->has_lines = true;
}

static bool offer_bad(struct mr_op_ctx *ctx, struct feed *f) {
  const struct mr_decode_bad *bad = mr_decoder_bad(f->decoder);
  int code = atoi(bad->code + 2);
  f->bad = !mr_source_reject(ctx, code, bad->cause, ctx->node->name, bad->line.pos, bad->line.line,
                             bad->line.p, bad->line.len, bad->line.bytes);
  return !f->bad && ctx->node->on_error != MR_ON_ERROR_FAIL;
}

static enum mr_poll feed_poll(struct mr_op_ctx *ctx) {
  struct feed *f = ctx->self;
  struct mr_test_input *in = mr_test_input_of(ctx->host, ctx->node->name);
  if (ctx->stop) return MR_POLL_END;
  if (f->bad && !offer_bad(ctx, f)) return MR_POLL_ROWS;
  if (!f->has_lines) {
    if (!in->len) return in->ended ? MR_POLL_END : MR_POLL_IDLE;
    take_lines(ctx, f, in);
  }
  struct mr_batch *batch = mr_emit_open(ctx, MR_OUT_MAIN);
  enum mr_decode_stop stop;
  uint32_t rows = 0;
  batch->msg.row_cnt = 0;
  do
    rows = mr_decoder_run(f->decoder, &f->lines, ctx->pools[MR_OUT_MAIN], batch, rows, ctx->row_max,
                          &stop);
  while (stop == MR_DECODE_BAD && offer_bad(ctx, f));
  if (stop == MR_DECODE_MORE) f->has_lines = false;
  if (rows)
    mr_source_emit(ctx, batch, MR_ET_BOUNDS, NULL);
  else
    mr_emit_cancel(ctx, MR_OUT_MAIN, batch);
  return MR_POLL_ROWS;
}

static void feed_fini(struct mr_op_ctx *ctx) {
  struct feed *f = ctx->self;
  mr_decoder_destroy(f->decoder);
  f->decoder = NULL;
}

/* ---- sinks ---- */

static void keep_row(struct mr_test_host *host, struct mr_test_output *out, const char *text,
                     size_t len) {
  if (out->cnt == out->cap) {
    uint32_t cap = 2 * out->cap + 16;
    struct mr_test_row *bigger = MR_NEW(host->arena, struct mr_test_row, cap);
    if (out->cnt) memcpy(bigger, out->rows, out->cnt * sizeof *bigger);
    out->rows = bigger;
    out->cap = cap;
  }
  out->rows[out->cnt++] = (struct mr_test_row){mr_arena_strndup(host->arena, text, len), len};
}

static void keep_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_test_host *host = ctx->host;
  struct mr_test_output *out = mr_test_output_of(host, ctx->node->name);
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  ctx->counts.rows_out += in->sel_cnt;
  char *text = malloc(ROW_TEXT_MAX);
  if (!text) {
    mr_op_fail(ctx, MR_ERR_NOMEM, "no memory for a row");
    return;
  }
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row) {
    size_t len = mr_format_row_text(ctx->node->op_plan.in, ctx->region->base, in, (uint32_t)row,
                                    text, ROW_TEXT_MAX);
    keep_row(host, out, len ? text : "{}", len ? len : 2);
  }
  free(text);
}

/* ---- the table ---- */

static struct mr_op feed_in_place_of(const struct mr_op *op) {
  return (struct mr_op){.name = op->name,
                        .help = op->help,
                        .abi = op->abi,
                        .kind = op->kind,
                        .opts = op->opts,
                        .conf_sz = op->conf_sz,
                        .self_sz = sizeof(struct feed),
                        .plan = feed_plan,
                        .init = feed_init,
                        .poll = feed_poll,
                        .fini = feed_fini};
}

/* Also of writers of dead letters: sinks of the name NODE.dead_letters. */
static struct mr_op keep_in_place_of(const struct mr_op *op) {
  return (struct mr_op){.name = op->name,
                        .help = op->help,
                        .abi = op->abi,
                        .kind = op->kind,
                        .flags = op->flags & MR_OP_INTERNAL,
                        .opts = op->opts,
                        .conf_sz = op->conf_sz,
                        .plan = op->plan,
                        .need = op->need,
                        .process = keep_process};
}

const struct mr_op_table *mr_test_table(struct mr_arena *arena, const struct mr_op *const *ops) {
  uint32_t cnt = 0;
  while (ops[cnt]) cnt++;
  const struct mr_op **copies = MR_NEW(arena, const struct mr_op *, cnt + 1);
  for (uint32_t i = 0; i < cnt; i++) {
    copies[i] = ops[i];
    if (ops[i]->kind == MR_OP_STEP) continue;
    struct mr_op *op = MR_NEW(arena, struct mr_op, 1);
    *op = ops[i]->kind == MR_OP_SOURCE ? feed_in_place_of(ops[i]) : keep_in_place_of(ops[i]);
    copies[i] = op;
  }
  copies[cnt] = NULL;
  struct mr_op_table *table = MR_NEW(arena, struct mr_op_table, 1);
  table->ops = copies;
  return table;
}
