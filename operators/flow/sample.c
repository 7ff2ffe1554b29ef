/* SPDX-License-Identifier: Apache-2.0 */
/* sample: passes a share of the rows. With a key, all rows of a part of the keys: whether a key is
 * in hangs on its hash and the seed alone, so it is the same for any batch size and number of
 * workers, and samples of one seed over two streams have the same keys. Without a key, number n of
 * the rows that come in is drawn by n and the seed. */
#include "base/bits.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/key.h"
#include "graph/codes.h"
#include "graph/compile.h"
#include "operators/operators.h"
#include "state/save.h"
#include "worker/ctx.h"

struct sample_conf {
  double share;
  struct mr_opt_strings key;
  int64_t seed;
  bool seed_given;
};

struct sample_data {
  double share;
  uint64_t seed;
  uint32_t key_cols[MR_KEYS_MAX], key_cnt;
};

struct sample {
  struct mr_key_hasher hasher;
  struct mr_view view;
  uint64_t sel[MR_BATCH_WORDS], hashes[MR_BATCH_ROWS];
  uint64_t row; /* number of the next one, without a key */
};

static const struct mr_opt sample_opts[] = {
    {"share", MR_OPT_SHARE, MR_OPT_AT(struct sample_conf, share), .required = true,
     .help = "share of the rows, or with a key of the keys, that pass"},
    {"key", MR_OPT_NAMES, MR_OPT_AT(struct sample_conf, key),
     .help = "columns whose rows pass or stay together"},
    {"seed", MR_OPT_INT64, MR_OPT_AT(struct sample_conf, seed),
     .given = MR_OPT_REF(struct sample_conf, seed_given),
     .help = "another choice with the same share; by default that of the run"},
    MR_OPT_END};

static int sample_plan(struct mr_op_plan *p) {
  const struct sample_conf *conf = p->conf;
  struct sample_data *data = MR_NEW(p->arena, struct sample_data, 1);
  data->share = conf->share;
  data->seed = conf->seed_given ? (uint64_t)conf->seed : p->plan->seed;
  if (conf->key.cnt > MR_KEYS_MAX)
    return mr_op_error(p, conf->key.items[MR_KEYS_MAX].at, MR_CODE_TOO_MANY_VALUES,
                       "a key has at most %u columns", MR_KEYS_MAX);
  for (uint32_t i = 0; i < conf->key.cnt; i++) {
    int32_t c = mr_op_column(p, &conf->key.items[i]);
    if (c < 0) return MR_ERR_CONF;
    if (p->in->fields[c].type == MR_TYPE_LIST)
      return mr_op_error(p, conf->key.items[i].at, MR_CODE_WRONG_TYPE, "%s is a list, and no key",
                         conf->key.items[i].text);
    data->key_cols[data->key_cnt++] = (uint32_t)c;
  }
  p->key_cols = data->key_cols;
  p->key_cnt = data->key_cnt;
  p->data = data;
  return MR_OK;
}

static void sample_need(const struct mr_op_plan *p, const bool *const out_need[MR_OUTS_MAX],
                        bool *in_need) {
  const struct sample_data *data = p->data;
  for (uint32_t c = 0; out_need[MR_OUT_MAIN] && c < p->in->cnt; c++)
    in_need[c] = out_need[MR_OUT_MAIN][c];
  for (uint32_t i = 0; i < data->key_cnt; i++) in_need[data->key_cols[i]] = true;
}

static int sample_init(struct mr_op_ctx *ctx, struct mr_error *err) {
  (void)err;
  struct sample *self = ctx->self;
  const struct sample_data *data = ctx->data;
  if (data->key_cnt)
    mr_key_hasher_init(&self->hasher, ctx->arena, ctx->node->op_plan.in, data->key_cols,
                       data->key_cnt);
  return MR_OK;
}

static void sample_process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  struct sample *self = ctx->self;
  const struct sample_data *data = ctx->data;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(in, all);
  uint32_t words = mr_bitmap_words(in->row_cnt), pass = 0;
  if (data->key_cnt) mr_key_hash(&self->hasher, ctx->region->base, in, self->hashes);
  for (uint32_t w = 0; w < words; w++) {
    uint64_t kept = 0;
    for (uint64_t left = sel[w]; left; left &= left - 1) {
      uint64_t bit = left & -left, row = w * 64ul + (uint32_t)__builtin_ctzll(left);
      uint64_t draw = data->key_cnt ? mr_hash_combine(data->seed, self->hashes[row])
                                    : mr_rng_at(data->seed, self->row++);
      if (mr_rng_unit(draw) < data->share) kept |= bit;
    }
    self->sel[w] = kept;
    pass += (uint32_t)__builtin_popcountll(kept);
  }
  ctx->counts.filtered += in->sel_cnt - pass;
  if (!pass) return;
  self->view = *in;
  self->view.sel = self->sel;
  self->view.sel_cnt = pass;
  mr_emit(ctx, MR_OUT_MAIN, &self->view);
}

/* ---- checkpoints ---- */

static const char *sample_shape(const struct mr_op_plan *p) {
  const struct sample_data *data = p->data;
  return mr_arena_printf(p->arena, "seed: %llu\nkeyed: %d\n", (unsigned long long)data->seed,
                         data->key_cnt > 0);
}

static void sample_snapshot(struct mr_op_ctx *ctx, struct mr_save *to) {
  const struct sample *self = ctx->self;
  mr_save_int(to, "row", (int64_t)self->row);
}

static int sample_restore(struct mr_op_ctx *ctx, struct mr_load *from, struct mr_error *err) {
  struct sample *self = ctx->self;
  int64_t row;
  if (!mr_load_int(from, "row", &row)) return mr_error_set(err, MR_ERR_IO, "the row is missing");
  self->row = (uint64_t)row;
  return MR_OK;
}

const struct mr_op mr_op_sample = {
    .name = "sample",
    .help = "passes a share of the rows, or all rows of a share of the keys",
    .abi = MR_OP_ABI,
    .kind = MR_OP_STEP,
    .flags = MR_OP_KEYED | MR_OP_PASSES,
    .opts = sample_opts,
    .conf_sz = sizeof(struct sample_conf),
    .self_sz = sizeof(struct sample),
    .plan = sample_plan,
    .need = sample_need,
    .init = sample_init,
    .process = sample_process,
    .shape = sample_shape,
    .snapshot = sample_snapshot,
    .restore = sample_restore,
};
