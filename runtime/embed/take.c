/* SPDX-License-Identifier: Apache-2.0 */
/* take: rows go to the program that embeds the graph. */
#include <string.h>

#include "base/bits.h"
#include "data/arrow.h"
#include "embed/embed_private.h"
#include "operators/format/row_text.h"

static void take_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct mr_graph *graph = ctx->host;
  struct mr_graph_out *out = ctx->self;
  ctx->counts.rows_out += in->sel_cnt;
  if (!graph->conf.take) return;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  out->row_cnt = 0;
  MR_BITMAP_EACH(sel, mr_bitmap_words(in->row_cnt), row) out->rows[out->row_cnt++] = (uint16_t)row;
  out->schema = ctx->node->op_plan.in;
  out->region = ctx->region;
  out->view = in;
  graph->conf.take(graph->conf.ctx, ctx->node->name, out);
}

const struct mr_op mr_op_take = {
    .name = "take",
    .help = "hands rows to the program that embeds the graph",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .self_sz = sizeof(struct mr_graph_out),
    .process = take_process,
};

/* ---- reading rows ---- */

uint32_t mr_graph_out_rows(const struct mr_graph_out *out) {
  return out->row_cnt;
}

uint32_t mr_graph_out_columns(const struct mr_graph_out *out) {
  return out->schema->visible_cnt;
}

const char *mr_graph_out_name(const struct mr_graph_out *out, uint32_t col) {
  return col < out->schema->visible_cnt ? out->schema->fields[col].name : NULL;
}

int32_t mr_graph_out_column(const struct mr_graph_out *out, const char *name) {
  return mr_schema_find(out->schema, name, strlen(name));
}

/* The column when it has values of that form in it, and the row in the view; else NULL. */
static const void *cell(const struct mr_graph_out *out, uint32_t col, uint32_t row,
                        enum mr_phys phys, uint32_t *at) {
  if (col >= out->schema->visible_cnt || row >= out->row_cnt) return NULL;
  if (mr_field_phys(&out->schema->fields[col]) != phys) return NULL;
  *at = out->rows[row];
  return out->view->cols[col].data;
}

bool mr_graph_out_null(const struct mr_graph_out *out, uint32_t col, uint32_t row) {
  if (col >= out->schema->visible_cnt || row >= out->row_cnt) return true;
  const struct mr_col *c = &out->view->cols[col];
  return !c->data || (c->valid && !mr_bit_get(c->valid, out->rows[row]));
}

int64_t mr_graph_out_int(const struct mr_graph_out *out, uint32_t col, uint32_t row) {
  uint32_t at;
  const int64_t *data = cell(out, col, row, MR_PHYS_W8, &at);
  return data && out->schema->fields[col].type != MR_TYPE_DOUBLE ? data[at] : 0;
}

double mr_graph_out_double(const struct mr_graph_out *out, uint32_t col, uint32_t row) {
  uint32_t at;
  const double *data = cell(out, col, row, MR_PHYS_W8, &at);
  return data && out->schema->fields[col].type == MR_TYPE_DOUBLE ? data[at] : 0;
}

bool mr_graph_out_bool(const struct mr_graph_out *out, uint32_t col, uint32_t row) {
  uint32_t at;
  const uint64_t *data = cell(out, col, row, MR_PHYS_BIT, &at);
  return data && mr_bit_get(data, at);
}

const char *mr_graph_out_str(const struct mr_graph_out *out, uint32_t col, uint32_t row,
                             uint32_t *len) {
  uint32_t at;
  *len = 0;
  if (mr_graph_out_null(out, col, row)) return "";
  const struct mr_str *strs = cell(out, col, row, MR_PHYS_STR, &at);
  if (strs) {
    *len = strs[at].len;
    return mr_str_data(&strs[at], out->region->base);
  }
  const uint8_t *codes = cell(out, col, row, MR_PHYS_CODE, &at);
  if (!codes) return "";
  const struct mr_enum *texts = out->schema->fields[col].codes;
  *len = texts->lens[codes[at]];
  return texts->texts[codes[at]];
}

size_t mr_graph_out_json(const struct mr_graph_out *out, uint32_t row, char *buf, size_t sz) {
  if (row >= out->row_cnt) return 0;
  return mr_format_row_text(out->schema, out->region->base, out->view, out->rows[row], buf, sz);
}

void mr_graph_out_arrow(const struct mr_graph_out *out, struct ArrowSchema *schema,
                        struct ArrowArray *array) {
  mr_arrow_export_schema(out->schema, out->view, schema);
  mr_arrow_export_view(out->schema, out->region, out->view, NULL, NULL, array);
}
