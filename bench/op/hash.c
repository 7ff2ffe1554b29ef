/* SPDX-License-Identifier: Apache-2.0 */
/* hash: counts rows and adds up their hashes, so that two outputs can be compared in any order. */
#include <string.h>

#include "base/bits.h"
#include "base/hash.h"
#include "graph/compile.h"
#include "graph/opt.h"
#include "lib/bench.h"
#include "op/bench_op.h"
#include "plain/gen.h"
#include "worker/ctx.h"
#include "worker/run.h"

#define COLS_MAX 32u

struct hash_conf {
  struct mr_opt_strings columns;
};
struct hash_data {
  uint32_t cols[COLS_MAX], cnt;
};
struct hash {
  struct mr_bench_hash got;
};

static const struct mr_opt hash_opts[] = {
    {"columns", MR_OPT_NAMES, MR_OPT_AT(struct hash_conf, columns), .def = "",
     .help = "columns of the row that is hashed, in this order; none: rows are only counted; all: "
             "every column"},
    MR_OPT_END};

static int hash_plan(struct mr_op_plan *p) {
  const struct hash_conf *conf = p->conf;
  struct hash_data *data = MR_NEW(p->arena, struct hash_data, 1);
  if (conf->columns.cnt > COLS_MAX)
    return mr_op_error(p, NULL, MR_CODE_OUT_OF_RANGE, "at most %u columns", COLS_MAX);
  bool all = conf->columns.cnt == 1 && !strcmp(conf->columns.items[0].text, "all");
  for (uint32_t c = 0; all && c < p->in->visible_cnt && c < COLS_MAX; c++)
    data->cols[data->cnt++] = c;
  for (uint32_t i = 0; !all && i < conf->columns.cnt; i++) {
    int32_t c = mr_op_column(p, &conf->columns.items[i]);
    if (c < 0) return MR_ERR_CONF;
    data->cols[data->cnt++] = (uint32_t)c;
  }
  p->data = data;
  return MR_OK;
}

static void hash_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                      bool *in_need) {
  const struct hash_data *data = p->data;
  (void)out_need;
  for (uint32_t i = 0; i < data->cnt; i++) in_need[data->cols[i]] = true;
}

static int64_t number_of_list(const struct mr_op_ctx *ctx, const struct mr_list *list,
                              const struct mr_field *field) {
  const uint8_t *base = ctx->region->base, *data = base + list->off;
  uint64_t hash = list->cnt;
  for (uint32_t e = 0; e < list->cnt; e++) {
    const struct mr_str *s = (const struct mr_str *)(const void *)data + e;
    bool text = field->elem == MR_TYPE_STRING;
    hash = mr_plain_list_hash(hash, text ? mr_hash_bytes(mr_str_data(s, base), s->len)
                                         : ((const uint64_t *)(const void *)data)[e]);
  }
  return (int64_t)hash;
}

/* A value as a number: an enum's code, a string's hash; NULL is the least number. */
static int64_t number_of(const struct mr_op_ctx *ctx, const struct mr_view *v, uint32_t c,
                         uint32_t row) {
  const struct mr_col *col = &v->cols[c];
  if (col->valid && !mr_bit_get(col->valid, row)) return INT64_MIN;
  switch (mr_field_phys(&ctx->node->op_plan.in->fields[c])) {
  case MR_PHYS_BIT: return mr_bit_get(col->data, row);
  case MR_PHYS_CODE: return ((const uint8_t *)col->data)[row];
  case MR_PHYS_W8: return ((const int64_t *)col->data)[row];
  case MR_PHYS_STR: {
    const struct mr_str *s = &((const struct mr_str *)col->data)[row];
    return (int64_t)mr_hash_bytes(mr_str_data(s, ctx->region->base), s->len);
  }
  default:
    return number_of_list(ctx, (const struct mr_list *)col->data + row,
                          &ctx->node->op_plan.in->fields[c]);
  }
}

static void hash_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct hash *self = ctx->self;
  const struct hash_data *data = ctx->data;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  for (uint32_t w = 0; data->cnt && w < mr_bitmap_words(in->row_cnt); w++)
    for (uint64_t m = sel[w]; m; m &= m - 1) {
      uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(m);
      int64_t values[COLS_MAX];
      for (uint32_t i = 0; i < data->cnt; i++) values[i] = number_of(ctx, in, data->cols[i], row);
      self->got.hash += mr_bench_row_hash(values, data->cnt);
    }
  self->got.rows += in->sel_cnt;
  ctx->counts.rows_out += in->sel_cnt;
}

const struct mr_bench_hash *mr_bench_hash_of(struct mr_run *run, const char *node) {
  const struct hash *self = mr_run_self(run, node, 0);
  return self ? &self->got : NULL;
}

const struct mr_op mr_bench_op_hash = {
    .name = "hash",
    .help = "counts rows and adds up their hashes",
    .abi = MR_OP_ABI,
    .kind = MR_OP_SINK,
    .opts = hash_opts,
    .conf_sz = sizeof(struct hash_conf),
    .self_sz = sizeof(struct hash),
    .plan = hash_plan,
    .need = hash_need,
    .process = hash_process,
};
