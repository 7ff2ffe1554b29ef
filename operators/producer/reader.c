/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/reader_private.h"

#include <string.h>

#include "format/decode_conf.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "graph/diag.h"
#include "graph/plan.h"
#include "graph/tree.h"

/* Blocks that one poll may go through: input without rows must not keep the worker. */
#define POLL_BLOCKS 2u

/* ---- plan ---- */

/* Where a field of the source's event is declared, or NULL. */
static struct mr_tree *field_at(const struct mr_op_plan *p, const char *field, const char *key) {
  struct mr_tree *fields = mr_tree_get(p->tree, "fields");
  if (!fields && p->plan && p->plan->tree && p->event->name)
    fields =
        mr_tree_get(mr_tree_get(mr_tree_get(p->plan->tree, "events"), p->event->name), "fields");
  struct mr_tree *at = mr_tree_get(fields, field), *value = mr_tree_get(at, key);
  return value ? value : at;
}

static int read_fields(struct mr_op_plan *p, struct mr_decode_field *fields) {
  int rc = MR_OK;
  for (uint32_t i = 0; i < p->event->field_cnt; i++) {
    const struct mr_event_field *f = &p->event->fields[i];
    struct mr_error err;
    mr_error_clear(&err);
    if (!mr_decode_field_read(p->arena, f, &fields[i], &err)) continue;
    rc = MR_ERR_CONF;
    /* the planner has looked at the patterns of formats already */
    if (!f->default_text && p->diags && p->diags->error_cnt) continue;
    mr_op_error(p, field_at(p, f->field.name, f->default_text ? "default" : "format"),
                MR_CODE_BAD_EVENT, "%s", err.text);
  }
  return rc;
}

const char *const mr_reader_formats[] = {"json", "csv", NULL};

/* What the lines are written in: said by the source, by its event, or by both. */
static int read_format(struct mr_op_plan *p, int given, enum mr_decode_kind *kind) {
  const char *format = given < 0 ? NULL : mr_reader_formats[given];
  const char *declared = p->event->format;
  const char *is = format ? format : declared;
  *kind = is && strcmp(is, "csv") == 0 ? MR_DECODE_CSV : MR_DECODE_JSON;
  if (format && declared && strcmp(format, declared) != 0)
    return mr_op_error(p, mr_tree_get(p->tree, "format"), MR_CODE_KEYS_CLASH,
                       "format is %s here, and %s in the event", format, declared);
  return MR_OK;
}

static int read_csv(struct mr_op_plan *p, const struct mr_csv_conf *conf,
                    struct mr_reader_plan *data) {
  struct mr_tree *at = mr_tree_get(p->tree, "csv");
  struct mr_error err;
  const char *key;
  if (data->kind != MR_DECODE_CSV && at)
    return mr_op_error(p, at, MR_CODE_KEYS_CLASH, "csv is for format: csv");
  if (data->kind != MR_DECODE_CSV) return MR_OK;
  mr_error_clear(&err);
  if (mr_csv_conf_read(conf, &data->csv, &key, &err))
    return mr_op_error(p, mr_tree_get(at, key), MR_CODE_OUT_OF_RANGE, "%s", err.text);
  if (p->event->any && !data->csv.header)
    return mr_op_error(p, mr_tree_get(at, "header"), MR_CODE_KEYS_CLASH,
                       "without a header the columns must be declared: fields or event");
  const struct mr_field *unfit = mr_csv_conf_unfit(p->in);
  if (!unfit) return MR_OK;
  char type[64];
  return mr_op_error(p, field_at(p, unfit->name, "type"), MR_CODE_BAD_EVENT,
                     "%s is %s, which CSV cannot hold", unfit->name,
                     mr_field_type_text(unfit, type, sizeof type));
}

uint64_t mr_reader_block_bytes(uint32_t max_line, uint32_t block_sz) {
  return MR_LINES_HEAD(max_line) + block_sz + MR_LINES_PAD;
}

int mr_reader_plan(struct mr_op_plan *p, const struct mr_reader_opts *opts) {
  struct mr_reader_plan *data = MR_NEW(p->arena, struct mr_reader_plan, 1);
  data->max_line = (uint32_t)opts->max_line;
  data->fields = MR_NEW(p->arena, struct mr_decode_field, p->event->field_cnt + 1);
  int rc = read_format(p, opts->format, &data->kind);
  int fields_rc = read_fields(p, data->fields), csv_rc = read_csv(p, &opts->csv, data);
  if (rc || fields_rc || csv_rc) return MR_ERR_CONF;
  struct mr_op_out *out = &p->outs[MR_OUT_MAIN];
  out->schema = p->in;
  out->own_batches = true;
  for (uint32_t c = 0; c < p->in->cnt; c++) {
    enum mr_phys phys = mr_field_phys(&p->in->fields[c]);
    out->heap |= phys == MR_PHYS_STR || phys == MR_PHYS_LIST;
  }
  out->value_max = data->max_line;
  p->state_max = 2 * mr_reader_block_bytes(data->max_line, MR_READER_BLOCK_SZ);
  p->can_fail = true;
  p->data = data;
  return MR_OK;
}

/* ---- init ---- */

struct mr_decoder *mr_reader_decoder(struct mr_op_ctx *ctx, struct mr_error *err) {
  const struct mr_reader_plan *plan = ctx->data;
  const struct mr_event *event = ctx->node->op_plan.event;
  const struct mr_pool_conf *pool = &ctx->pools[MR_OUT_MAIN]->conf;
  struct mr_schema *schema = MR_NEW(ctx->arena, struct mr_schema, 1);
  *schema = *pool->schema;
  uint32_t cnt = schema->visible_cnt;
  struct mr_decode_field *fields = MR_NEW(ctx->arena, struct mr_decode_field, cnt + 1);
  memcpy(fields, plan->fields, cnt * sizeof *fields);
  for (uint32_t c = 0; c < cnt; c++) fields[c].needed = pool->own && pool->own[c];
  if (schema->event_time >= 0 && !fields[schema->event_time].needed) schema->event_time = -1;
  struct mr_decode_conf conf = {
      .kind = plan->kind,
      .csv = plan->csv,
      .schema = schema,
      .fields = fields,
      .raw_col = -1,
      .check_declared = event->check_declared,
      .missing_time_keep = event->missing_time_keep,
      .max_line = plan->max_line,
      .isa = ctx->isa,
  };
  for (uint32_t c = cnt; event->any && c < schema->cnt; c++)
    if (pool->own && pool->own[c] && strcmp(schema->fields[c].name, "raw") == 0)
      conf.raw_col = (int32_t)c;
  return mr_decoder_create(ctx->arena, &conf, err);
}

int mr_reader_init(struct mr_reader *r, struct mr_op_ctx *ctx, const struct mr_reader_conf *conf,
                   struct mr_error *err) {
  const struct mr_reader_plan *plan = ctx->data;
  r->conf = *conf;
  if (!r->conf.block_sz) r->conf.block_sz = MR_READER_BLOCK_SZ;
  r->io = ctx->io;
  r->decoder = mr_reader_decoder(ctx, err);
  if (!r->decoder) return mr_error_append(err, "%s", conf->name);
  uint64_t sz = mr_reader_block_bytes(plan->max_line, r->conf.block_sz);
  for (uint32_t i = 0; i < 2; i++) {
    uint64_t off = mr_region_reserve(ctx->region_rw, sz, "input buffers");
    if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for input buffers of %s", conf->name);
    r->blocks[i] = (char *)mr_region_ptr(ctx->region_rw, off) + MR_LINES_HEAD(plan->max_line);
  }
  mr_lines_init(&r->lines, plan->max_line);
  mr_lines_start(&r->lines, 0, 1);
  ctx->source_label = conf->name;
  if (conf->speed > 0) return mr_pace_init(r, ctx);
  return MR_OK;
}

void mr_reader_fini(struct mr_reader *r) {
  if (r->asked && !r->conf.stream) mr_io_finish(r->io, &r->req);
  if (r->job_asked) mr_io_finish(r->io, &r->job);
  mr_decoder_destroy(r->decoder);
  r->decoder = NULL;
}

/* ---- rows ---- */

/* "MR3001" -> 3001 */
static int code_number(const char *code) {
  int n = 0;
  for (const char *p = code + 2; *p; p++) n = n * 10 + (*p - '0');
  return n;
}

bool mr_reader_offer_bad(struct mr_reader *r, struct mr_op_ctx *ctx) {
  const struct mr_decode_bad *bad = mr_decoder_bad(r->decoder);
  r->bad = !mr_source_reject(ctx, code_number(bad->code), bad->cause, r->conf.name, bad->line.pos,
                             bad->line.line, bad->line.p, bad->line.len, bad->line.bytes);
  return !r->bad;
}

/* Fills the batch until something stops it. IDLE: input has to be waited for; END: the part, or
 * all of it, is done. */
static enum mr_poll fill_batch(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_batch *batch,
                               uint32_t *rows) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  bool fails = ctx->node->on_error == MR_ON_ERROR_FAIL;
  for (uint32_t blocks = 1;; blocks++) {
    enum mr_decode_stop stop = MR_DECODE_BAD;
    while (stop == MR_DECODE_BAD) {
      *rows = mr_decoder_run(r->decoder, &r->lines, pool, batch, *rows, ctx->row_max, &stop);
      if (stop == MR_DECODE_BAD && (!mr_reader_offer_bad(r, ctx) || fails)) return MR_POLL_ROWS;
    }
    if (stop != MR_DECODE_MORE) return MR_POLL_ROWS;
    r->has_lines = false;
    if (r->part_ended) return MR_POLL_END;
    if (blocks == POLL_BLOCKS) return MR_POLL_ROWS;
    enum mr_next next = mr_reader_next_block(r, ctx);
    if (next == MR_NEXT_WAIT) return MR_POLL_IDLE;
    if (next == MR_NEXT_FAILED) return MR_POLL_END;
  }
}

/* Sees to it that there are lines. ROWS: there are. */
static enum mr_poll get_lines(struct mr_reader *r, struct mr_op_ctx *ctx) {
  static const enum mr_poll polls[] = {[MR_NEXT_LINES] = MR_POLL_ROWS,
                                       [MR_NEXT_WAIT] = MR_POLL_IDLE,
                                       [MR_NEXT_END] = MR_POLL_END,
                                       [MR_NEXT_FAILED] = MR_POLL_END};
  if (r->ended) return MR_POLL_END;
  enum mr_poll result = MR_POLL_ROWS;
  if (!r->in_part) result = polls[mr_reader_next_part(r, ctx)];
  if (result == MR_POLL_ROWS && !r->has_lines) result = polls[mr_reader_next_block(r, ctx)];
  return result;
}

/* Sends the rows; at the end of a part says so, without rows too. */
static void send_batch(struct mr_reader *r, struct mr_op_ctx *ctx, struct mr_batch *batch,
                       uint32_t rows, bool part_done) {
  bool turns = ctx->node->instance_cnt > 1;
  uint64_t done = r->conf.share ? ctx->counts.bytes_in : r->done + r->lines.pos;
  mr_source_progress(ctx, done, r->conf.total);
  if (part_done) {
    r->in_part = false;
    r->done += r->lines.pos;
    if (turns) mr_source_turn_end(ctx, r->lines.line - 1);
  }
  if (!rows && !(part_done && turns)) {
    mr_emit_cancel(ctx, MR_OUT_MAIN, batch);
    return;
  }
  if (r->conf.files) batch->input = r->conf.files->label;
  if (r->conf.share) batch->input = r->part.file->label;
  if (r->pace.speed > 0)
    mr_pace_emit(r, ctx, batch);
  else
    mr_source_emit(ctx, batch, MR_ET_BOUNDS, NULL);
  if (part_done && r->conf.share) mr_share_end_part(r);
}

enum mr_poll mr_reader_poll(struct mr_reader *r, struct mr_op_ctx *ctx) {
  /* of a drain: others may have parts behind this one */
  if (ctx->stop && (!r->conf.share || r->part.holds || !r->in_part)) return MR_POLL_END;
  if (r->bad && !mr_reader_offer_bad(r, ctx)) return MR_POLL_ROWS;
  enum mr_poll result = get_lines(r, ctx);
  if (result != MR_POLL_ROWS) return result;
  struct mr_batch *batch = mr_emit_open(ctx, MR_OUT_MAIN);
  uint32_t rows = 0;
  batch->msg.row_cnt = 0;
  if (r->pace.speed > 0)
    result = mr_pace_fill(r, ctx, batch, &rows);
  else
    result = fill_batch(r, ctx, batch, &rows);
  bool part_done = result == MR_POLL_END && r->part_ended && !r->has_lines;
  send_batch(r, ctx, batch, rows, part_done);
  return rows || part_done ? MR_POLL_ROWS : result;
}
