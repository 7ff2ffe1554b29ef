/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <stdlib.h>

const char *const harness_cities[4] = {"SF", "NYC", "LA", "Boston"};
static const uint32_t city_lens[4] = {2, 3, 2, 6};
static const struct mr_enum cities = {.cnt = 4, .texts = harness_cities, .lens = city_lens};
static struct harness *running; /* the operator calls back without it */

/* ---- lines ---- */

void lines_add(struct lines *l, const char *fmt, ...) {
  char text[4096];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  if (l->cnt == l->cap) {
    l->cap = l->cap ? l->cap * 2 : 64;
    l->items = realloc(l->items, l->cap * sizeof *l->items);
  }
  l->items[l->cnt++] = strdup(text);
}

static int compare_lines(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void lines_sort(struct lines *l) {
  if (l->cnt) qsort(l->items, l->cnt, sizeof *l->items, compare_lines);
}

void lines_free(struct lines *l) {
  for (uint32_t i = 0; i < l->cnt; i++) free(l->items[i]);
  free(l->items);
  *l = (struct lines){0};
}

void lines_equal(const struct lines *a, const struct lines *b) {
  for (uint32_t i = 0; i < a->cnt && i < b->cnt; i++)
    if (strcmp(a->items[i], b->items[i]) != 0)
      fail_msg("line %u:\n  %s\n  %s", i, a->items[i], b->items[i]);
  if (a->cnt != b->cnt) {
    const struct lines *more = a->cnt > b->cnt ? a : b;
    uint32_t i = a->cnt < b->cnt ? a->cnt : b->cnt;
    fail_msg("%u and %u lines; the first only on one side: %s", a->cnt, b->cnt, more->items[i]);
  }
}

/* ---- what the worker room would do ---- */

static void text_of(const struct mr_field *f, const struct mr_batch *b, uint32_t c, uint32_t row,
                    char *out, size_t sz) {
  const struct mr_region *region = &running->region;
  const uint64_t *valid = b->cols[c].valid_off ? mr_region_ptr(region, b->cols[c].valid_off) : NULL;
  const uint8_t *data = mr_region_ptr(region, b->cols[c].data_off);
  if (valid && !mr_bit_get(valid, row)) {
    snprintf(out, sz, "null");
    return;
  }
  switch (mr_field_phys(f)) {
  case MR_PHYS_BIT:
    snprintf(out, sz, "%s",
             mr_bit_get((const uint64_t *)(const void *)data, row) ? "true" : "false");
    break;
  case MR_PHYS_CODE: snprintf(out, sz, "%s", f->codes->texts[data[row]]); break;
  case MR_PHYS_STR: {
    const struct mr_str *s = (const struct mr_str *)(const void *)data + row;
    snprintf(out, sz, "%.*s", (int)s->len, mr_str_data(s, region->base));
    break;
  }
  case MR_PHYS_LIST: {
    const struct mr_list *l = (const struct mr_list *)(const void *)data + row;
    const uint8_t *from = mr_region_ptr(region, l->off);
    size_t at = (size_t)snprintf(out, sz, "[");
    for (uint32_t i = 0; i < l->cnt && at + 64 < sz; i++) {
      const char *sep = i ? "," : "";
      if (f->codes)
        at += (size_t)snprintf(out + at, sz - at, "%s%s", sep, f->codes->texts[from[i]]);
      else if (f->elem == MR_TYPE_STRING) {
        const struct mr_str *s = (const struct mr_str *)(const void *)from + i;
        at += (size_t)snprintf(out + at, sz - at, "%s%.*s", sep, (int)s->len,
                               mr_str_data(s, region->base));
      } else if (f->elem == MR_TYPE_BOOL)
        at += (size_t)snprintf(out + at, sz - at, "%s%u", sep, from[i]);
      else
        at += (size_t)snprintf(out + at, sz - at, "%s%lld", sep,
                               (long long)((const int64_t *)(const void *)from)[i]);
    }
    snprintf(out + at, sz - at, "]");
    break;
  }
  default:
    if (f->type == MR_TYPE_DOUBLE)
      snprintf(out, sz, "%.17g", ((const double *)(const void *)data)[row]);
    else
      snprintf(out, sz, "%lld", (long long)((const int64_t *)(const void *)data)[row]);
  }
}

static void note_rows(const struct mr_batch *b, const struct mr_schema *schema, struct lines *to) {
  for (uint32_t r = 0; r < b->msg.row_cnt; r++) {
    char line[4000] = "";
    size_t at = 0;
    for (uint32_t c = 0; c < schema->visible_cnt; c++) {
      char text[3000];
      text_of(&schema->fields[c], b, c, r, text, sizeof text);
      at += (size_t)snprintf(line + at, sizeof line - at, "%s%s=%s", c ? " " : "",
                             schema->fields[c].name, text);
      if (at > sizeof line - 1) at = sizeof line - 1;
    }
    lines_add(to, "%s", line);
  }
}

static void release(struct harness *h, uint32_t output) {
  if (!h->held[output]) return;
  assert_true(mr_batch_unref(h->held[output]));
  mr_pool_put(&h->pools[output], h->held[output]);
  h->held[output] = NULL;
}

struct mr_batch *mr_emit_open(struct mr_op_ctx *ctx, uint32_t output) {
  struct mr_batch *b = mr_pool_take(ctx->pools[output]);
  assert_non_null(b);
  return b;
}

void mr_emit_cancel(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch) {
  assert_true(mr_batch_unref(batch));
  mr_pool_put(ctx->pools[output], batch);
}

void mr_emit_batch(struct mr_op_ctx *ctx, uint32_t output, struct mr_batch *batch,
                   const struct mr_view *like) {
  struct harness *h = running;
  assert_null(like);
  assert_int_equal(h->emitted[output]++, 0);
  assert_in_range(batch->msg.row_cnt, 1, MR_BATCH_ROWS);
  assert_int_equal(batch->msg.partition, h->node.partition_first);
  batch->msg.kind = MR_MSG_VIEW;
  batch->msg.sel_cnt = batch->msg.row_cnt;
  assert_true(mr_batch_valid(&h->region, batch));
  h->held[output] = batch;
  h->batch_cnt++;
  if (output == MR_OUT_MAIN) {
    const struct mr_schema *s = h->node.op_plan.outs[MR_OUT_MAIN].schema;
    ctx->counts.rows_out += batch->msg.row_cnt;
    note_rows(batch, s, &h->main);
    if (s->event_time < 0) return;
    assert_true(batch->msg.frontier_out >= batch->msg.frontier_in);
    /* no row is late for whoever reads it: its event time is not behind the node's watermark before
     * it */
    const int64_t *et = mr_region_ptr(&h->region, batch->cols[s->event_time].data_off);
    for (uint32_t r = 0; r < batch->msg.row_cnt; r++) {
      assert_true(et[r] >= batch->et_min && et[r] <= batch->et_max);
      if (batch->msg.frontier_in != MR_TIME_NONE && !h->writes_closed)
        assert_true(et[r] >= batch->msg.frontier_in);
    }
    return;
  }
  const struct mr_schema *s = h->pools[1].conf.schema;
  for (uint32_t r = 0; r < batch->msg.row_cnt; r++) {
    char code[64], cause[512];
    text_of(&s->fields[1], batch, 1, r, code, sizeof code);
    text_of(&s->fields[2], batch, 2, r, cause, sizeof cause);
    lines_add(&h->errors, "%s %s", code, cause);
  }
}

void mr_emit(struct mr_op_ctx *ctx, uint32_t output, const struct mr_view *view) {
  struct harness *h = running;
  (void)ctx;
  assert_int_equal(output, MR_OUT_EXTRA);
  assert_int_equal(h->emitted[output]++, 0);
  uint32_t cnt = 0;
  MR_BITMAP_EACH(view->sel, mr_bitmap_words(view->row_cnt), row) {
    lines_add(&h->late, "%06llu", (unsigned long long)h->ids[row]);
    cnt++;
  }
  assert_int_equal(cnt, view->sel_cnt);
}

void mr_reject_rows(struct mr_op_ctx *ctx, const struct mr_view *in, const uint64_t *rows,
                    mr_cause_fn cause) {
  struct harness *h = running;
  MR_BITMAP_EACH(rows, mr_bitmap_words(in->row_cnt), row) {
    char text[512] = "";
    int code = cause(ctx, (uint32_t)row, text, sizeof text);
    assert_true(code > 0 && text[0]);
    lines_add(&h->errors, "MR%04d %s", code, text);
    ctx->counts.dead_letters++;
    mr_bit_set(h->rejected, (uint32_t)h->ids[row]);
  }
}

void mr_op_fail(struct mr_op_ctx *ctx, int code, const char *fmt, ...) {
  struct harness *h = running;
  va_list args;
  (void)ctx;
  (void)code;
  h->failed = true;
  va_start(args, fmt);
  vsnprintf(h->fail_text, sizeof h->fail_text, fmt, args);
  va_end(args);
}

/* ---- begin and end ---- */

static void make_input(struct harness *h) {
  static const struct mr_field fields[COL_CNT] = {
      {.name = "ts", .type = MR_TYPE_TIMESTAMP, .optional = true},
      {.name = "city", .type = MR_TYPE_STRING, .codes = &cities},
      {.name = "name", .type = MR_TYPE_STRING},
      {.name = "v", .type = MR_TYPE_INT64, .optional = true},
      {.name = "d", .type = MR_TYPE_DOUBLE},
      {.name = "ok", .type = MR_TYPE_BOOL}};
  h->in = (struct mr_schema){.cnt = COL_CNT, .visible_cnt = COL_CNT, .event_time = COL_TS};
  h->in.fields = MR_NEW(&h->arena, struct mr_field, COL_CNT);
  memcpy(h->in.fields, fields, sizeof fields);
  for (uint32_t c = 0; c < COL_CNT; c++) {
    h->data[c] =
        mr_region_ptr(&h->region, mr_region_alloc(&h->region, MR_BATCH_ROWS * 16, 64, "column"));
    h->valid[c] = mr_region_ptr(&h->region, mr_region_alloc(&h->region, 128, 64, "valid"));
  }
  h->sel = mr_region_ptr(&h->region, mr_region_alloc(&h->region, 128, 64, "selection"));
  h->row_frontier =
      mr_region_ptr(&h->region, mr_region_alloc(&h->region, MR_BATCH_ROWS * 8, 64, "frontier"));
  h->heap = mr_region_ptr(&h->region, mr_region_alloc(&h->region, MR_BATCH_ROWS * 40, 64, "heap"));
}

static int make_pool(struct harness *h, uint32_t output, const struct mr_schema *schema) {
  struct mr_error err;
  bool *own = MR_NEW(&h->arena, bool, schema->cnt);
  memset(own, true, schema->cnt);
  struct mr_pool_conf conf = {.schema = schema,
                              .own = own,
                              .batch_cnt = 3,
                              .block_cnt = h->heap_blocks ? h->heap_blocks : 24,
                              .large_cnt = 2,
                              .large_sz = 1 << 20};
  h->ctx.pools[output] = &h->pools[output];
  return mr_pool_init(&h->pools[output], &h->region, &conf, output, 0, "pool", &err);
}

static bool make_plan(struct harness *h, const char *yaml) {
  struct mr_source *src = mr_source_make(&h->arena, "g.yaml", yaml, strlen(yaml));
  struct mr_tree *tree = mr_tree_load(&h->arena, src, &h->diags);
  h->conf = mr_arena_alloc(&h->arena, h->op->conf_sz);
  struct mr_opt_reader rd = {&h->arena, &h->diags, "type"};
  mr_opt_read_one(&rd, tree, h->op->opts, h->conf);
  if (h->diags.error_cnt) return false;
  struct mr_op_plan *p = &h->node.op_plan;
  p->arena = &h->arena;
  p->diags = &h->diags;
  p->plan = &h->plan;
  p->node = &h->node;
  p->tree = tree;
  p->conf = h->conf;
  p->in = &h->in;
  return h->op->plan(p) == MR_OK && !h->diags.error_cnt;
}

static void begin_ctx(struct harness *h) {
  struct mr_op_ctx *ctx = &h->ctx;
  ctx->self = aligned_alloc(64, (h->op->self_sz + 63) & ~(size_t)63);
  memset(ctx->self, 0, h->op->self_sz);
  ctx->conf = h->conf;
  ctx->data = h->node.op_plan.data;
  ctx->region = ctx->region_rw = &h->region;
  ctx->arena = &h->arena;
  ctx->plan = &h->plan;
  ctx->node = &h->node;
  ctx->isa = mr_isa_detect();
  ctx->now_ns = 1;
}

bool harness_begin(struct harness *h, const struct mr_op *op, const char *yaml, int64_t delay_us,
                   bool late_read) {
  struct mr_error err;
  uint32_t blocks = h->heap_blocks;
  memset(h, 0, sizeof *h);
  h->heap_blocks = blocks;
  running = h;
  h->op = op;
  h->delay_us = delay_us;
  h->watermark_us = MR_TIME_NONE;
  h->partition_cnt = 1;
  for (uint32_t p = 0; p < PARTITIONS_MAX; p++) h->frontier_us[p] = MR_TIME_NONE;
  assert_int_equal(mr_region_create(&h->region, UINT64_C(1) << 30, MR_HUGE_OFF, &err), 0);
  mr_diags_init(&h->diags, &h->arena);
  make_input(h);
  h->node.name = "w";
  h->node.op = op;
  h->node.partition_first = 3;
  h->node.op_plan.source_delay_us = delay_us;
  h->node.op_plan.late_read = late_read;
  h->plan.nodes = &h->node;
  if (!make_plan(h, yaml)) {
    snprintf(h->fail_text, sizeof h->fail_text, "%s", mr_diags_text(&h->diags, &h->arena, NULL));
    return false;
  }
  const struct mr_schema *out = h->node.op_plan.outs[MR_OUT_MAIN].schema;
  h->node.outs[MR_OUT_MAIN].need = MR_NEW(&h->arena, bool, out->cnt);
  memset(h->node.outs[MR_OUT_MAIN].need, true, out->cnt);
  assert_int_equal(make_pool(h, 0, out), 0);
  assert_int_equal(make_pool(h, 1, mr_error_schema(&h->arena)), 0);
  begin_ctx(h);
  assert_int_equal(op->init(&h->ctx, &err), 0);
  return true;
}

void harness_end(struct harness *h) {
  lines_free(&h->main);
  lines_free(&h->late);
  lines_free(&h->errors);
  free(h->ctx.self);
  mr_arena_free(&h->arena);
  mr_region_destroy(&h->region);
}

/* ---- driving ---- */

static void drain(struct harness *h) {
  for (;;) {
    memset(h->emitted, 0, sizeof h->emitted);
    release(h, 0);
    release(h, 1);
    if (!h->ctx.more || h->failed) return;
    h->ctx.more = false;
    h->op->drain(&h->ctx);
  }
}

static void move_time(struct harness *h) {
  int64_t least = MR_TIME_MAX;
  bool any = false;
  for (uint32_t p = 0; p < h->partition_cnt; p++) {
    if (h->idle[p]) continue;
    any = true;
    if (h->frontier_us[p] < least) least = h->frontier_us[p];
  }
  if (!any || least == MR_TIME_NONE || h->failed || !h->op->advance) return;
  int64_t wm = least == MR_TIME_MAX ? least : least - h->delay_us;
  if (wm <= h->watermark_us) return;
  h->watermark_us = wm;
  h->ctx.more = false;
  h->op->advance(&h->ctx, wm);
  drain(h);
}

static void put_row(struct harness *h, uint32_t i, const struct row *r, uint32_t *heap) {
  uint32_t len = (uint32_t)strlen(r->name);
  ((int64_t *)(void *)h->data[COL_TS])[i] = r->ts == MR_TIME_NONE ? 0 : r->ts;
  if (r->ts == MR_TIME_NONE) mr_bit_clear(h->valid[COL_TS], i);
  h->data[COL_CITY][i] = r->city;
  memcpy(h->heap + *heap, r->name, len);
  ((struct mr_str *)(void *)h->data[COL_NAME])[i] =
      mr_str_make(h->heap + *heap, len, h->region.base);
  *heap += len;
  ((int64_t *)(void *)h->data[COL_V])[i] = r->v_null ? 0 : r->v;
  if (r->v_null) mr_bit_clear(h->valid[COL_V], i);
  ((double *)(void *)h->data[COL_D])[i] = r->d;
  if (r->ok)
    mr_bit_set((uint64_t *)(void *)h->data[COL_OK], i);
  else
    mr_bit_clear((uint64_t *)(void *)h->data[COL_OK], i);
  h->ids[i] = r->id;
}

/* One view of the partition's pending rows. */
static void process_view(struct harness *h, uint32_t partition) {
  uint32_t n = h->pending_cnt[partition], heap = 0;
  const struct row *rows = h->pending[partition];
  struct mr_view view = {.cols = h->cols,
                         .row_cnt = n,
                         .sel_cnt = n,
                         .partition = partition,
                         .et_min = MR_TIME_MAX,
                         .et_max = MR_TIME_NONE,
                         .t0_ns = 5};
  bool has_null[COL_CNT] = {false}, behind = false;
  for (uint32_t c = 0; c < COL_CNT; c++) mr_bitmap_fill(h->valid[c], n);
  view.frontier_in = h->frontier_us[partition];
  for (uint32_t i = 0; i < n; i++) {
    int64_t f = h->frontier_us[partition];
    put_row(h, i, &rows[i], &heap);
    has_null[COL_TS] |= rows[i].ts == MR_TIME_NONE;
    has_null[COL_V] |= rows[i].v_null;
    h->row_frontier[i] = f;
    if (rows[i].ts == MR_TIME_NONE) continue;
    if (rows[i].ts < view.et_min) view.et_min = rows[i].ts;
    if (rows[i].ts > view.et_max) view.et_max = rows[i].ts;
    behind |= f != MR_TIME_NONE && rows[i].ts <= f - h->delay_us;
    if (rows[i].ts > f) h->frontier_us[partition] = rows[i].ts;
  }
  if (view.et_min == MR_TIME_MAX) view.et_min = MR_TIME_NONE;
  for (uint32_t c = 0; c < COL_CNT; c++)
    h->cols[c] = (struct mr_col){h->data[c], has_null[c] ? h->valid[c] : NULL};
  view.frontier_out = h->frontier_us[partition];
  if (behind) view.row_frontier = h->row_frontier;
  h->pending_cnt[partition] = 0;
  h->ctx.now_ns++;
  h->ctx.more = false;
  h->ctx.counts.rows_in += n;
  h->op->process(&h->ctx, &view);
  drain(h);
}

void harness_flush(struct harness *h, uint32_t partition) {
  if (!h->pending_cnt[partition] || h->failed) return;
  process_view(h, partition);
  h->idle[partition] = false;
  move_time(h);
}

void harness_row(struct harness *h, const struct row *row, uint32_t batch) {
  uint32_t p = row->partition;
  h->pending[p][h->pending_cnt[p]++] = *row;
  if (h->pending_cnt[p] >= batch) harness_flush(h, p);
}

void harness_idle(struct harness *h, uint32_t partition, bool idle) {
  h->idle[partition] = idle;
  move_time(h);
}

void harness_tick(struct harness *h, int64_t at_us) {
  h->ctx.now_us = at_us;
  h->ctx.more = false;
  h->op->tick(&h->ctx, at_us);
  drain(h);
}

void harness_finish(struct harness *h, bool close) {
  for (uint32_t p = 0; p < h->partition_cnt; p++) harness_flush(h, p);
  for (uint32_t p = 0; close && p < h->partition_cnt; p++) {
    h->frontier_us[p] = MR_TIME_MAX;
    h->idle[p] = false;
  }
  if (close) move_time(h);
  if (h->failed) return;
  h->ctx.more = false;
  if (h->op->finish) h->op->finish(&h->ctx);
  drain(h);
}
