/* SPDX-License-Identifier: Apache-2.0 */
/* How generate fills batches, and single events as text. */
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/rng.h"
#include "format/row_text.h"
#include "producer/generate.h"

/* ---- numbered names ---- */

static uint32_t put_name(char *to, const struct mr_gen_names *names, uint32_t idx) {
  char digits[12];
  uint32_t cnt = 0, v = names->first + idx, len = (uint32_t)strlen(names->prefix);
  memcpy(to, names->prefix, len);
  for (; v || cnt < names->width || !cnt; v /= 10) digits[cnt++] = (char)('0' + v % 10);
  while (cnt) to[len++] = digits[--cnt];
  to[len] = '\0';
  return len;
}

struct mr_field mr_gen_numbered(struct mr_op_plan *p, const char *name,
                                const struct mr_gen_names *names, uint32_t cnt) {
  if (cnt > MR_ENUM_MAX) return (struct mr_field){.name = name, .type = MR_TYPE_STRING};
  const char **texts = MR_NEW(p->arena, const char *, cnt);
  for (uint32_t i = 0; i < cnt; i++) {
    char *text = mr_arena_alloc(p->arena, strlen(names->prefix) + 12);
    put_name(text, names, i);
    texts[i] = text;
  }
  return mr_gen_enum(p, name, texts, cnt);
}

int mr_gen_names_init(struct mr_gen *gen, struct mr_op_ctx *ctx, uint32_t col,
                      const struct mr_gen_names *names, uint32_t cnt, struct mr_error *err) {
  enum { TEXT_SZ = 24 };
  MR_ASSERT(strlen(names->prefix) + 11 <= TEXT_SZ);
  uint64_t off =
      mr_region_alloc(ctx->region_rw, cnt * (sizeof(struct mr_str) + TEXT_SZ), 16, "names");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for %u names", cnt);
  struct mr_str *views = mr_region_ptr(ctx->region, off);
  char *text = (char *)(views + cnt);
  for (uint32_t i = 0; i < cnt; i++, text += TEXT_SZ)
    views[i] = mr_str_make(text, put_name(text, names, i), ctx->region->base);
  gen->names[col] = views;
  return MR_OK;
}

int mr_gen_numbered_init(struct mr_gen *gen, struct mr_op_ctx *ctx, uint32_t col,
                         const struct mr_gen_names *names, uint32_t cnt, struct mr_error *err) {
  return cnt <= MR_ENUM_MAX ? MR_OK : mr_gen_names_init(gen, ctx, col, names, cnt, err);
}

/* ---- a batch ---- */

#define LINES_OF_BLOCK (MR_HEAP_BLOCK_SZ / MR_GEN_TEXT_SZ) /* broken lines: these at least */

uint32_t mr_gen_rows_max(const struct mr_op_ctx *ctx, const struct mr_gen *gen, uint32_t n) {
  const struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  if ((!gen->heap && gen->line_col < 0) || !pool->conf.block_cnt) return n;
  MR_DASSERT(gen->system->heap_row_max * MR_GEN_BLOCK <= MR_HEAP_BLOCK_SZ);
  uint64_t max = (uint64_t)pool->block_free * MR_GEN_BLOCK;
  if (gen->line_col >= 0) max = max > MR_GEN_BLOCK ? (max / MR_GEN_BLOCK - 1) * LINES_OF_BLOCK : 1;
  return n < max ? n : (uint32_t)max;
}

static void take_columns(struct mr_op_ctx *ctx, struct mr_gen *gen, struct mr_batch *b) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  for (uint32_t c = 0; c < gen->schema->cnt; c++) {
    bool own = b->cols[c].data_off != 0;
    gen->cols[c] = own ? mr_region_ptr(ctx->region, b->cols[c].data_off) : NULL;
    gen->valid[c] = NULL;
    if (!own || !gen->schema->fields[c].optional) continue;
    gen->valid[c] = mr_pool_valid(pool, b, c);
    mr_batch_set_valid(pool, b, c);
  }
}

static void draw(struct mr_gen *gen, struct mr_gen_block *block, const uint64_t *event) {
  for (uint32_t s = 0; s < MR_GEN_STREAMS; s++) {
    if (!(gen->streams >> s & 1)) continue;
    block->draws[s] = gen->draws[s];
    if (!event)
      gen->kernels->bits(gen->seeds[s], gen->row + block->at, gen->draws[s], block->n);
    else
      for (uint32_t i = 0; i < block->n; i++)
        gen->draws[s][i] = mr_rng_at(gen->seeds[s], event[block->at + i]);
  }
}

/* Fills the block; takes the next piece of the batch's heap when what is left of the last one is
 * too small. */
static void fill_block(struct mr_op_ctx *ctx, struct mr_gen *gen, struct mr_batch *b,
                       struct mr_gen_block *block) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  uint32_t used = gen->fill(gen, block);
  if (used == MR_GEN_FULL) {
    block->heap = mr_batch_heap(pool, b, MR_HEAP_BLOCK_SZ);
    block->heap_sz = MR_HEAP_BLOCK_SZ;
    MR_ASSERT(block->heap); /* mr_gen_rows_max */
    used = gen->fill(gen, block);
    MR_ASSERT(used <= MR_HEAP_BLOCK_SZ);
  }
  used = (used + 7) & ~7u;
  if (used > block->heap_sz) used = block->heap_sz;
  block->heap += used;
  block->heap_sz -= used;
}

static void fill_t0(struct mr_op_ctx *ctx, const struct mr_gen *gen, struct mr_batch *b,
                    uint32_t n) {
  struct mr_pool *pool = ctx->pools[MR_OUT_MAIN];
  if (!pool->t0_off || !n) return;
  uint64_t *t0 = (uint64_t *)((uint8_t *)b + pool->t0_off);
  for (uint32_t i = 0; i < n; i++) t0[i] = gen->start_ns + gen->planned_ns[i];
  b->row_t0_off = mr_region_off(ctx->region, t0);
  b->msg.t0_ns = t0[0];
}

/* The broken lines among the rows, where they are faults of this batch. */
static void fill_lines(struct mr_op_ctx *ctx, struct mr_gen *gen, struct mr_batch *b, uint32_t n) {
  struct mr_str *to = gen->cols[gen->line_col];
  uint64_t *valid = gen->valid[gen->line_col];
  char text[MR_GEN_TEXT_SZ];
  memset(to, 0, n * sizeof *to);
  memset(valid, 0, mr_bitmap_words(n) * sizeof *valid);
  for (uint32_t i = 0; i < n; i++) {
    if (!gen->broken[i]) continue;
    uint32_t len = mr_gen_broken_text(gen, gen->event[i], gen->stamp_us[i], text);
    bool fits = mr_batch_str(ctx->pools[MR_OUT_MAIN], b, text, len, &to[i]);
    MR_ASSERT(fits); /* mr_gen_rows_max */
    mr_bit_set(valid, i);
  }
}

struct mr_batch *mr_gen_fill_batch(struct mr_op_ctx *ctx, struct mr_gen *gen, uint32_t n,
                                   const uint64_t *event) {
  struct mr_batch *b = mr_emit_open(ctx, MR_OUT_MAIN);
  struct mr_gen_block block = {.events = event};
  take_columns(ctx, gen, b);
  for (; block.at < n; block.at += MR_GEN_BLOCK) {
    block.n = n - block.at < MR_GEN_BLOCK ? n - block.at : MR_GEN_BLOCK;
    block.first = gen->row + block.at;
    draw(gen, &block, event);
    fill_block(ctx, gen, b, &block);
  }
  if (block.heap_sz) mr_batch_heap_trim(b, block.heap_sz);
  if (gen->line_col >= 0 && gen->cols[gen->line_col]) fill_lines(ctx, gen, b, n);
  fill_t0(ctx, gen, b, n);
  b->msg.row_cnt = n;
  return b;
}

int64_t *mr_gen_times(struct mr_gen *gen) {
  if (!gen->time_wanted) return NULL;
  int64_t *column = gen->cols[gen->schema->event_time];
  return column ? column : gen->stamp_us;
}

void mr_gen_put_times(const struct mr_gen *gen, const int64_t *et, uint32_t n) {
  if (gen->system->derive && gen->cols[gen->system->time_of]) gen->system->derive(gen, et, n);
}

/* ---- one event as text ---- */

#define PLACE_STREAM UINT64_C(0x706c616365) /* where a record is cut */

#define SCRATCH_HEAP 1024u /* bytes; more than any system's row takes */

struct mr_gen_scratch {
  void *cols[MR_GEN_COLS];
  uint64_t *valid[MR_GEN_COLS];
  uint8_t *heap;
};

int mr_gen_scratch_init(struct mr_gen *gen, struct mr_op_ctx *ctx, struct mr_error *err) {
  enum { VALUE_SZ = 64 * 16, VALID_SZ = 8 }; /* fill writes 64 rows at a time */
  const struct mr_schema *schema = gen->schema;
  MR_ASSERT(schema->cnt <= MR_GEN_COLS && gen->system->heap_row_max <= SCRATCH_HEAP);
  uint64_t off =
      mr_region_alloc(ctx->region_rw, schema->cnt * (VALUE_SZ + VALID_SZ) + (uint64_t)SCRATCH_HEAP,
                      16, "an event as text");
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "no room for an event as text");
  uint8_t *at = mr_region_ptr(ctx->region, off);
  struct mr_gen_scratch *scratch = MR_NEW(ctx->arena, struct mr_gen_scratch, 1);
  for (uint32_t c = 0; c < schema->cnt; c++, at += VALUE_SZ) scratch->cols[c] = at;
  for (uint32_t c = 0; c < schema->cnt; c++, at += VALID_SZ)
    if (schema->fields[c].optional) scratch->valid[c] = (uint64_t *)(void *)at;
  scratch->heap = at;
  gen->scratch = scratch;
  return MR_OK;
}

static void swap_columns(struct mr_gen *gen) {
  void *cols[MR_GEN_COLS];
  uint64_t *valid[MR_GEN_COLS];
  memcpy(cols, gen->cols, sizeof cols);
  memcpy(valid, gen->valid, sizeof valid);
  memcpy(gen->cols, gen->scratch->cols, sizeof cols);
  memcpy(gen->valid, gen->scratch->valid, sizeof valid);
  memcpy(gen->scratch->cols, cols, sizeof cols);
  memcpy(gen->scratch->valid, valid, sizeof valid);
}

static bool kind_has(const struct mr_gen *gen, uint32_t col) {
  const struct mr_kinds *kinds = gen->schema->kinds;
  return !kinds || kinds->fields[*(const uint8_t *)gen->cols[kinds->col]] >> col & 1;
}

uint32_t mr_gen_text(struct mr_gen *gen, uint64_t k, int64_t stamp_us, char *out) {
  struct mr_gen_block block = {
      .first = k, .n = 1, .heap = gen->scratch->heap, .heap_sz = SCRATCH_HEAP};
  struct mr_col cols[MR_GEN_COLS] = {0};
  bool heap = gen->heap;
  swap_columns(gen);
  gen->heap = true;
  for (uint32_t s = 0; s < MR_GEN_STREAMS; s++) {
    gen->draws[s][0] = mr_rng_at(gen->seeds[s], k);
    block.draws[s] = gen->draws[s];
  }
  uint32_t streams = gen->streams;
  gen->streams = (1u << MR_GEN_STREAMS) - 1;
  uint32_t used = gen->fill(gen, &block);
  MR_ASSERT(used <= SCRATCH_HEAP);
  gen->streams = streams;
  int64_t *et = gen->cols[gen->schema->event_time];
  *et = stamp_us;
  mr_gen_put_times(gen, et, 1);
  for (uint32_t c = 0; c < gen->schema->visible_cnt; c++)
    if (kind_has(gen, c)) cols[c] = (struct mr_col){gen->cols[c], gen->valid[c]};
  struct mr_view view = {.cols = cols, .row_cnt = 1, .sel_cnt = 1};
  size_t len = mr_format_row_text(gen->schema, gen->base, &view, 0, out, MR_GEN_TEXT_SZ);
  MR_ASSERT(len > 0);
  swap_columns(gen);
  gen->heap = heap;
  return (uint32_t)len;
}

uint32_t mr_gen_broken_text(struct mr_gen *gen, uint64_t k, int64_t stamp_us, char *out) {
  uint32_t len = mr_gen_text(gen, k, stamp_us, out), cell = 0;
  uint32_t cut = 1 + mr_rng_below(mr_rng_at(gen->seeds[0] ^ PLACE_STREAM, k), len - 1);
  if (gen->conf->malformed_as != MR_GEN_CSV_LINE) return cut;
  for (uint32_t i = 0; i < cut && out[i] != ','; i++)
    if (out[i] != '"') out[cell++] = out[i];
  return cell;
}
