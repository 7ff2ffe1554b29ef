/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/bits.h"
#include "data/batch.h"

/* Where things lie: in a pool's memory, and in one batch. */
struct layout {
  uint64_t batch_sz;
  uint64_t frontier, now, t0, pos, line; /* from the batch's start; 0: absent */
  uint64_t batches, blocks, large, free_stack, block_stack, large_stack, data_off,
      valid_off; /* from the pool's */
  uint64_t sz;
};

static uint64_t take(uint64_t *at, uint64_t sz) {
  uint64_t off = *at;
  *at = mr_align_up(off + sz, MR_CACHE_LINE);
  return off;
}

static uint64_t large_sz(const struct mr_pool_conf *conf) {
  return mr_align_up(conf->large_sz, MR_CACHE_LINE);
}

/* A column's data and validity follow each other, so that the same row of two columns does not fall
 * into the same set of the first-level cache. */
static void lay_out_columns(const struct mr_pool_conf *conf, uint64_t *at, uint64_t *data_off,
                            uint64_t *valid_off) {
  for (uint32_t i = 0; i < conf->schema->cnt; i++) {
    bool own = conf->own && conf->own[i];
    uint64_t data = 0, valid = 0;
    if (own) {
      data = take(at, mr_phys_column_sz(mr_field_phys(&conf->schema->fields[i])));
      valid = take(at, MR_BATCH_ROWS / 8);
    }
    if (data_off) {
      data_off[i] = data;
      valid_off[i] = valid;
    }
  }
}

static void lay_out(const struct mr_pool_conf *conf, struct layout *l) {
  const uint64_t hidden_sz = MR_BATCH_ROWS * 8;
  uint64_t at = 0;
  *l = (struct layout){0};
  take(&at, sizeof(struct mr_batch) + conf->schema->cnt * sizeof(struct mr_col_off));
  lay_out_columns(conf, &at, NULL, NULL);
  if (conf->hidden & MR_HAS_FRONTIER) l->frontier = take(&at, hidden_sz);
  if (conf->hidden & MR_HAS_NOW) l->now = take(&at, hidden_sz);
  if (conf->hidden & MR_HAS_T0) l->t0 = take(&at, hidden_sz);
  if (conf->hidden & MR_HAS_POS) {
    l->pos = take(&at, hidden_sz);
    l->line = take(&at, hidden_sz);
  }
  /* An odd number of lines: the heads of all batches spread over the sets of the cache. */
  l->batch_sz = at | MR_CACHE_LINE;

  at = 0;
  l->batches = take(&at, l->batch_sz * conf->batch_cnt);
  l->blocks = take(&at, (uint64_t)MR_HEAP_BLOCK_SZ * conf->block_cnt);
  l->large = take(&at, large_sz(conf) * conf->large_cnt);
  l->free_stack = take(&at, sizeof(uint32_t) * (uint64_t)conf->batch_cnt);
  l->block_stack = take(&at, sizeof(uint32_t) * (uint64_t)conf->block_cnt);
  l->large_stack = take(&at, sizeof(uint32_t) * (uint64_t)conf->large_cnt);
  l->data_off = take(&at, sizeof(uint64_t) * conf->schema->cnt);
  l->valid_off = take(&at, sizeof(uint64_t) * conf->schema->cnt);
  l->sz = at;
}

uint64_t mr_pool_footprint(const struct mr_pool_conf *conf) {
  struct layout l;
  lay_out(conf, &l);
  return l.sz;
}

static struct mr_batch *batch_at(const struct mr_pool *pool, uint32_t i) {
  return mr_region_ptr(pool->region, pool->batches_off + (uint64_t)i * pool->batch_sz);
}

int mr_pool_init(struct mr_pool *pool, struct mr_region *region, const struct mr_pool_conf *conf,
                 uint32_t idx, uint32_t worker, const char *label, struct mr_error *err) {
  MR_ASSERT(conf->schema->cnt <= MR_COLUMNS_MAX && conf->batch_cnt > 0);
  struct layout l;
  lay_out(conf, &l);
  MR_ASSERT(l.batch_sz <= UINT32_MAX);
  uint64_t off = mr_region_alloc(region, l.sz, MR_CACHE_LINE, label);
  if (off == 0)
    return mr_error_set(err, MR_ERR_NOMEM,
                        "%s: no room for %u batches, %" PRIu64 " bytes, in the graph's memory",
                        label, conf->batch_cnt, l.sz);
  *pool = (struct mr_pool){.region = region,
                           .conf = *conf,
                           .idx = idx,
                           .worker = worker,
                           .batch_sz = (uint32_t)l.batch_sz,
                           .batches_off = off + l.batches,
                           .free_stack = mr_region_ptr(region, off + l.free_stack),
                           .free_cnt = conf->batch_cnt,
                           .free_cnt_min = conf->batch_cnt,
                           .blocks_off = off + l.blocks,
                           .large_off = off + l.large,
                           .block_stack = mr_region_ptr(region, off + l.block_stack),
                           .block_free = conf->block_cnt,
                           .block_free_min = conf->block_cnt,
                           .large_stack = mr_region_ptr(region, off + l.large_stack),
                           .large_free = conf->large_cnt,
                           .col_data_off = mr_region_ptr(region, off + l.data_off),
                           .col_valid_off = mr_region_ptr(region, off + l.valid_off),
                           .frontier_off = l.frontier,
                           .now_off = l.now,
                           .t0_off = l.t0,
                           .pos_off = l.pos,
                           .line_off = l.line};
  pool->conf.large_sz = (uint32_t)large_sz(conf);
  uint64_t at = mr_align_up(sizeof(struct mr_batch) + conf->schema->cnt * sizeof(struct mr_col_off),
                            MR_CACHE_LINE);
  lay_out_columns(conf, &at, pool->col_data_off, pool->col_valid_off);
  /* The first of each is on top of its stack. */
  for (uint32_t i = 0; i < conf->block_cnt; i++) pool->block_stack[i] = conf->block_cnt - 1 - i;
  for (uint32_t i = 0; i < conf->large_cnt; i++) pool->large_stack[i] = conf->large_cnt - 1 - i;
  for (uint32_t i = 0; i < conf->batch_cnt; i++) {
    struct mr_batch *b = batch_at(pool, i);
    b->pool = idx;
    b->col_cnt = conf->schema->cnt;
    pool->free_stack[i] = conf->batch_cnt - 1 - i;
  }
  return MR_OK;
}

void mr_pool_fini(struct mr_pool *pool) {
  *pool = (struct mr_pool){0}; /* the memory is the region's */
}

struct mr_batch *mr_pool_peek(const struct mr_pool *pool) {
  return pool->free_cnt ? batch_at(pool, pool->free_stack[pool->free_cnt - 1]) : NULL;
}

struct mr_batch *mr_pool_take(struct mr_pool *pool) {
  if (pool->free_cnt == 0) return NULL;
  uint32_t at = pool->free_stack[--pool->free_cnt];
  if (pool->free_cnt < pool->free_cnt_min) pool->free_cnt_min = pool->free_cnt;
  uint64_t off = pool->batches_off + (uint64_t)at * pool->batch_sz;
  struct mr_batch *b = mr_region_ptr(pool->region, off);
  b->msg = (struct mr_msg){0};
  /* relaxed: nobody else has the batch; it is handed on through a ring */
  if (atomic_load_explicit(&b->refs, memory_order_relaxed) != 1)
    atomic_store_explicit(&b->refs, 1, memory_order_relaxed);
  mr_keep_u32(&b->base_cnt, 0);
  mr_keep_u32(&b->heap_cnt, 0);
  mr_keep_u32(&b->heap_used, 0);
  mr_keep_u32(&b->heap_last_sz, 0);
  mr_keep_i64(&b->et_min, MR_TIME_NONE);
  mr_keep_i64(&b->et_max, MR_TIME_NONE);
  mr_keep_u64(&b->pos, 0);
  mr_keep_u64(&b->line, 0);
  mr_keep_u32(&b->input, 0);
  mr_keep_u64(&b->row_frontier_off, 0);
  mr_keep_u64(&b->row_now_off, 0);
  mr_keep_u64(&b->row_t0_off, 0);
  mr_keep_u64(&b->row_pos_off, 0);
  mr_keep_u64(&b->row_line_off, 0);
  for (uint32_t i = 0; i < b->col_cnt; i++) {
    uint64_t data = pool->conf.own ? pool->col_data_off[i] : 0;
    mr_keep_u64(&b->cols[i].data_off, data ? off + data : 0);
    mr_keep_u64(&b->cols[i].valid_off, 0);
  }
  return b;
}

void mr_pool_put(struct mr_pool *pool, struct mr_batch *batch) {
  uint64_t from_start = mr_region_off(pool->region, batch) - pool->batches_off;
  uint32_t i = (uint32_t)(from_start / pool->batch_sz);
  MR_ASSERT(i < pool->conf.batch_cnt && batch->pool == pool->idx);
  MR_DASSERT(from_start % pool->batch_sz == 0 && pool->free_cnt < pool->conf.batch_cnt);
  for (uint32_t k = 0; k < batch->heap_cnt; k++) {
    uint64_t off = batch->heap[k];
    if (off >= pool->large_off)
      pool->large_stack[pool->large_free++] =
          (uint32_t)((off - pool->large_off) / pool->conf.large_sz);
    else
      pool->block_stack[pool->block_free++] =
          (uint32_t)((off - pool->blocks_off) / MR_HEAP_BLOCK_SZ);
  }
  mr_keep_u32(&batch->heap_cnt, 0);
  pool->free_stack[pool->free_cnt++] = i;
}

void mr_batch_set_valid(const struct mr_pool *pool, struct mr_batch *b, uint32_t col) {
  b->cols[col].valid_off = mr_region_off(pool->region, b) + pool->col_valid_off[col];
}

uint32_t mr_pool_value_max(const struct mr_pool *pool) {
  uint32_t max = pool->conf.block_cnt ? MR_HEAP_BLOCK_SZ : MR_STR_INLINE;
  return pool->conf.large_cnt && pool->conf.large_sz > max ? pool->conf.large_sz : max;
}

/* Chains one more block that holds len bytes, false when there is none. */
static bool chain(struct mr_pool *pool, struct mr_batch *b, uint32_t len) {
  if (b->heap_cnt == MR_HEAP_BLOCKS_MAX) return false;
  uint64_t off;
  if (len <= MR_HEAP_BLOCK_SZ && pool->conf.block_cnt) {
    if (pool->block_free == 0) return false;
    off = pool->blocks_off + (uint64_t)pool->block_stack[--pool->block_free] * MR_HEAP_BLOCK_SZ;
    b->heap_last_sz = MR_HEAP_BLOCK_SZ;
    if (pool->block_free < pool->block_free_min) pool->block_free_min = pool->block_free;
  } else {
    if (pool->large_free == 0 || len > pool->conf.large_sz) return false;
    off = pool->large_off + (uint64_t)pool->large_stack[--pool->large_free] * pool->conf.large_sz;
    b->heap_last_sz = pool->conf.large_sz;
  }
  b->heap[b->heap_cnt++] = off;
  b->heap_used = 0;
  return true;
}

static void *heap_take(struct mr_pool *pool, struct mr_batch *b, uint32_t len, uint32_t align) {
  uint64_t at = mr_align_up(b->heap_used, align);
  if (b->heap_cnt == 0 || at + len > b->heap_last_sz) {
    if (!chain(pool, b, len)) return NULL;
    at = 0;
  }
  b->heap_used = (uint32_t)at + len;
  return mr_region_ptr(pool->region, b->heap[b->heap_cnt - 1] + at);
}

void *mr_batch_heap(struct mr_pool *pool, struct mr_batch *b, uint32_t len) {
  return heap_take(pool, b, len, 8);
}

void mr_batch_heap_trim(struct mr_batch *b, uint32_t len) {
  MR_DASSERT(len <= b->heap_used);
  b->heap_used -= len;
}

bool mr_batch_str(struct mr_pool *pool, struct mr_batch *b, const char *p, uint32_t len,
                  struct mr_str *out) {
  if (len > MR_STR_INLINE) {
    char *place = heap_take(pool, b, len, 1);
    if (!place) return false;
    memcpy(place, p, len);
    p = place;
  }
  *out = mr_str_make(p, len, pool->region->base);
  return true;
}

bool mr_batch_list(struct mr_pool *pool, struct mr_batch *b, const struct mr_list *list,
                   uint32_t elem_sz, struct mr_range from, struct mr_range strings,
                   struct mr_list *out) {
  const uint8_t *base = pool->region->base;
  *out = *list;
  if (!list->cnt || !mr_range_has(from, list->off)) return true;
  uint64_t words = list->has_nulls ? mr_bitmap_words(list->cnt) : 0;
  uint64_t sz = words * 8 + (uint64_t)list->cnt * elem_sz;
  uint8_t *to = sz <= UINT32_MAX ? mr_batch_heap(pool, b, (uint32_t)sz) : NULL;
  if (!to) return false;
  memcpy(to, base + list->off - words * 8, sz);
  out->off = mr_region_off(pool->region, to + words * 8);
  if (elem_sz != sizeof(struct mr_str)) return true;
  struct mr_str *s = (struct mr_str *)(void *)(to + words * 8);
  for (uint32_t i = 0; i < list->cnt; i++) {
    uint64_t off = ((uint64_t)s[i].u.ref.buf << 31) + s[i].u.ref.off;
    if (s[i].len <= MR_STR_INLINE || !mr_range_has(strings, off)) continue;
    struct mr_str copy = s[i];
    if (!mr_batch_str(pool, b, mr_str_data(&copy, base), copy.len, &s[i])) return false;
  }
  return true;
}
