/* SPDX-License-Identifier: Apache-2.0 */
#include "where.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "cmd.h"
#include "expr/expr.h"
#include "format/decode_conf.h"
#include "format/decoder.h"
#include "graph/diag.h"
#include "graph/event_load.h"

#define REGION_SZ (UINT64_C(1) << 30) /* addresses; pages as they are touched */
#define VALUE_MAX MR_LINE_MAX_DEFAULT

struct mr_where {
  struct mr_arena arena;
  struct mr_diags diags;
  const struct mr_event *event;
  const struct mr_schema *schema;
  const struct mr_expr *expr;
  struct mr_region region;
  struct mr_pool pool;
  struct mr_expr_frame frame;
  struct mr_decoder *decoder;
  struct mr_lines lines;
  struct mr_col *cols;
  char *block;
};

static void report(struct mr_where *w, const struct mr_source *src,
                   const struct mr_expr_errors *errors) {
  for (const struct mr_expr_error *e = errors->first; e; e = e->next) {
    struct mr_span at = mr_span_make(src, e->off, e->len);
    struct mr_diag *d = e->warning ? mr_diag_warning(&w->diags, e->code, at, "%s", e->text)
                                   : mr_diag_error(&w->diags, e->code, at, "%s", e->text);
    if (e->label) mr_diag_label(d, "%s", e->label);
    if (e->hint) mr_diag_try(d, "%s", e->hint);
  }
  if (w->diags.cnt) fputs(mr_diags_text(&w->diags, &w->arena, NULL), stderr);
}

static bool compile(struct mr_where *w, const char *text) {
  const struct mr_source *src = mr_source_make(&w->arena, "--where", text, strlen(text));
  struct mr_expr_errors errors;
  mr_expr_errors_init(&errors, &w->arena);
  struct mr_ast *ast = mr_expr_parse(&w->arena, src->text, src->len, &errors);
  if (ast) w->event = mr_event_any(&w->arena, ast, src, &w->diags, &w->schema);
  if (w->event) {
    struct mr_expr_scope scope = {
        .schema = w->schema, .name = "the value", .want = MR_TYPE_BOOL, .flags = MR_EXPR_NO_RECORD};
    w->expr = mr_expr_compile(&w->arena, ast, &scope, &errors);
  }
  report(w, src, &errors);
  return w->expr != NULL;
}

static int open_memory(struct mr_where *w, struct mr_error *err) {
  uint32_t cnt = w->schema->cnt;
  bool *own = MR_NEW(&w->arena, bool, cnt + 1);
  enum mr_isa isa = mr_isa_detect();
  for (uint32_t c = 0; c < cnt; c++) own[c] = w->expr->reads[c] || (int32_t)c == w->expr->column;
  struct mr_pool_conf pool = {.schema = w->schema,
                              .own = own,
                              .batch_cnt = 1,
                              .block_cnt = MR_HEAP_BLOCKS_MAX,
                              .large_cnt = 1,
                              .large_sz = VALUE_MAX};
  int rc = mr_region_create(&w->region, REGION_SZ, MR_HUGE_OFF, err);
  if (!rc) rc = mr_pool_init(&w->pool, &w->region, &pool, 0, 0, "values", err);
  if (!rc)
    rc = mr_expr_frame_init(&w->frame, &w->arena, &w->region, &w->expr, 1, isa, "where", err);
  if (!rc) rc = mr_region_commit(&w->region, err);
  struct mr_decode_field *fields;
  if (!rc) rc = mr_decode_fields_read(&w->arena, w->event, own, &fields, err);
  if (rc) return rc;
  struct mr_decode_conf conf = {.kind = MR_DECODE_JSON,
                                .schema = w->schema,
                                .fields = fields,
                                .raw_col = -1,
                                .missing_time_keep = true,
                                .max_line = VALUE_MAX,
                                .isa = isa};
  w->decoder = mr_decoder_create(&w->arena, &conf, err);
  w->cols = MR_NEW(&w->arena, struct mr_col, cnt + 1);
  w->block = malloc(MR_LINES_HEAD(VALUE_MAX) + VALUE_MAX + 1 + MR_LINES_PAD);
  mr_lines_init(&w->lines, VALUE_MAX);
  return w->decoder && w->block ? MR_OK : MR_ERR_NOMEM;
}

int mr_where_open(struct mr_where **where, const char *verb, const char *text) {
  struct mr_where *w = calloc(1, sizeof *w);
  struct mr_error err = {0};
  *where = w;
  if (!w) return MR_EXIT_CONFIG;
  mr_diags_init(&w->diags, &w->arena);
  if (!compile(w, text)) return MR_EXIT_CONFIG;
  if (!open_memory(w, &err)) return MR_EXIT_OK;
  fprintf(stderr, "millrace %s: %s\n", verb, err.text);
  return MR_EXIT_CONFIG;
}

void mr_where_close(struct mr_where *w) {
  if (!w) return;
  if (w->decoder) mr_decoder_destroy(w->decoder);
  mr_pool_fini(&w->pool);
  if (w->region.base) mr_region_destroy(&w->region);
  free(w->block);
  mr_arena_free(&w->arena);
  free(w);
}

static int test_batch(struct mr_where *w, struct mr_batch *b) {
  uint64_t pass[MR_BATCH_WORDS], bad[MR_BATCH_WORDS];
  struct mr_view view = {0};
  struct mr_clock clock;
  mr_clock_system(&clock);
  mr_view_of_batch(&w->region, b, w->cols, &view);
  w->frame.now_us = view.now_us = mr_clock_wall_us(&clock);
  mr_expr_frame_reset(&w->frame);
  struct mr_expr_counts n = mr_expr_where(w->expr, &w->frame, &view, pass, bad);
  return n.err ? -1 : n.pass ? 1 : 0;
}

int mr_where_test(struct mr_where *w, const char *value, size_t len) {
  char *data = w->block + MR_LINES_HEAD(VALUE_MAX);
  enum mr_decode_stop stop;
  if (len > VALUE_MAX) return -1;
  memcpy(data, value, len);
  for (char *p = data, *end = data + len; (p = memchr(p, '\n', (size_t)(end - p)));) *p++ = '\r';
  data[len] = '\n';
  mr_lines_start(&w->lines, 1, 1);
  mr_lines_move(&w->lines, data);
  mr_lines_fill(&w->lines, len + 1);
  struct mr_batch *b = mr_pool_take(&w->pool);
  uint32_t rows = mr_decoder_run(w->decoder, &w->lines, &w->pool, b, 0, 1, &stop);
  int result = rows ? test_batch(w, b) : -1;
  mr_batch_unref(b);
  mr_pool_put(&w->pool, b);
  return result;
}
