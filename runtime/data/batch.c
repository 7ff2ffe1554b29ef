/* SPDX-License-Identifier: Apache-2.0 */
#include "data/batch.h"

#include "base/assert.h"
#include "base/bits.h"

void mr_batch_add_base(struct mr_region *region, struct mr_batch *b, struct mr_batch *base) {
  uint64_t off = mr_region_off(region, base);
  for (uint32_t i = 0; i < b->base_cnt; i++)
    if (b->bases[i] == off) return;
  MR_ASSERT(b->base_cnt < MR_BASES_MAX && b != base);
  b->bases[b->base_cnt++] = off;
  mr_batch_ref(base);
}

static const void *at_or_null(const struct mr_region *region, uint64_t off) {
  return off ? mr_region_ptr(region, off) : NULL;
}
static uint64_t off_or_none(const struct mr_region *region, const void *p) {
  return p ? mr_region_off(region, p) : 0;
}

void mr_view_of_batch(const struct mr_region *region, struct mr_batch *b, struct mr_col *cols,
                      struct mr_view *view) {
  const struct mr_msg *m = &b->msg;
  for (uint32_t i = 0; i < b->col_cnt; i++) {
    cols[i].data = at_or_null(region, b->cols[i].data_off);
    cols[i].valid = at_or_null(region, b->cols[i].valid_off);
  }
  *view = (struct mr_view){.cols = cols,
                           .sel = at_or_null(region, m->sel_off),
                           .row_cnt = m->row_cnt,
                           .sel_cnt = m->sel_cnt,
                           .batch = b,
                           .source = m->source,
                           .input = (uint16_t)b->input,
                           .partition = m->partition,
                           .et_min = b->et_min,
                           .et_max = b->et_max,
                           .frontier_in = m->frontier_in,
                           .frontier_out = m->frontier_out,
                           .row_frontier = at_or_null(region, b->row_frontier_off),
                           .now_us = m->now_us,
                           .row_now = at_or_null(region, b->row_now_off),
                           .t0_ns = m->t0_ns,
                           .row_t0 = at_or_null(region, b->row_t0_off),
                           .pos = b->pos,
                           .row_pos = at_or_null(region, b->row_pos_off),
                           .line = b->line,
                           .row_line = at_or_null(region, b->row_line_off)};
}

void mr_view_to_batch(const struct mr_region *region, const struct mr_view *view, uint32_t col_cnt,
                      struct mr_batch *b) {
  MR_ASSERT(col_cnt <= b->col_cnt);
  for (uint32_t i = 0; i < col_cnt; i++) {
    mr_keep_u64(&b->cols[i].data_off, off_or_none(region, view->cols[i].data));
    mr_keep_u64(&b->cols[i].valid_off, off_or_none(region, view->cols[i].valid));
  }
  for (uint32_t i = col_cnt; i < b->col_cnt; i++) {
    mr_keep_u64(&b->cols[i].data_off, 0);
    mr_keep_u64(&b->cols[i].valid_off, 0);
  }
  uint64_t sel_off = 0;
  if (view->sel) {
    uint32_t words = mr_bitmap_words(view->row_cnt);
    for (uint32_t w = 0; w < MR_BATCH_WORDS; w++)
      mr_keep_u64(&b->sel[w], w < words ? view->sel[w] : 0);
    sel_off = mr_region_off(region, b->sel);
  }
  b->msg = (struct mr_msg){.kind = MR_MSG_VIEW,
                           .source = view->source,
                           .partition = view->partition,
                           .row_cnt = view->row_cnt,
                           .sel_cnt = view->sel_cnt,
                           .frontier_out = view->frontier_out,
                           .frontier_in = view->frontier_in,
                           .now_us = view->now_us,
                           .t0_ns = view->t0_ns,
                           .sel_off = sel_off};
  mr_keep_i64(&b->et_min, view->et_min);
  mr_keep_i64(&b->et_max, view->et_max);
  mr_keep_u64(&b->row_frontier_off, off_or_none(region, view->row_frontier));
  mr_keep_u64(&b->row_now_off, off_or_none(region, view->row_now));
  mr_keep_u64(&b->row_t0_off, off_or_none(region, view->row_t0));
  mr_keep_u64(&b->row_pos_off, off_or_none(region, view->row_pos));
  mr_keep_u64(&b->row_line_off, off_or_none(region, view->row_line));
  mr_keep_u64(&b->pos, view->pos);
  mr_keep_u64(&b->line, view->line);
  mr_keep_u32(&b->input, view->input);
}

/* sz bytes at off, aligned to 8, in memory that the region has handed out. */
static bool inside(const struct mr_region *region, uint64_t off, uint64_t sz) {
  if (off % 8 != 0 || sz > region->reserved_sz) return false;
  if (off >= region->lazy_off) return off <= region->reserved_sz - sz;
  return off > 0 && off + sz <= region->hot_sz;
}

/* A bitmap of row_cnt rows: in the region, and zero beyond them in the last word. */
static bool bitmap_valid(const struct mr_region *region, uint64_t off, uint32_t row_cnt) {
  uint32_t words = mr_bitmap_words(row_cnt);
  if (!inside(region, off, words * 8u)) return false;
  if (row_cnt % 64 == 0) return true;
  const uint64_t *map = mr_region_ptr(region, off);
  return map[words - 1] >> (row_cnt % 64) == 0;
}

static bool columns_valid(const struct mr_region *region, const struct mr_batch *b) {
  uint32_t row_cnt = b->msg.row_cnt;
  for (uint32_t i = 0; i < b->col_cnt; i++) {
    const struct mr_col_off *c = &b->cols[i];
    if (c->data_off && !inside(region, c->data_off, (row_cnt + 7) / 8)) return false;
    if (c->valid_off && (!c->data_off || !bitmap_valid(region, c->valid_off, row_cnt)))
      return false;
  }
  const uint64_t hidden[] = {b->row_frontier_off, b->row_now_off, b->row_t0_off, b->row_pos_off,
                             b->row_line_off};
  for (uint32_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
    if (hidden[i] && !inside(region, hidden[i], row_cnt * 8u)) return false;
  return b->row_pos_off || !b->row_line_off;
}

/* The rows that are selected, of a batch that was sent. */
static bool selection_valid(const struct mr_region *region, const struct mr_batch *b) {
  const struct mr_msg *m = &b->msg;
  if (m->row_cnt == 0 || m->sel_cnt == 0 || m->sel_cnt > m->row_cnt) return false;
  if (m->sel_off == 0) return m->sel_cnt == m->row_cnt;
  if (!bitmap_valid(region, m->sel_off, m->row_cnt)) return false;
  const uint64_t *sel = mr_region_ptr(region, m->sel_off);
  return mr_bitmap_count(sel, mr_bitmap_words(m->row_cnt)) == m->sel_cnt;
}

static bool heap_valid(const struct mr_region *region, const struct mr_batch *b) {
  if (b->heap_cnt > MR_HEAP_BLOCKS_MAX || b->heap_used > b->heap_last_sz) return false;
  if (b->heap_cnt == 0) return b->heap_last_sz == 0;
  for (uint32_t i = 0; i < b->heap_cnt; i++)
    for (uint32_t k = 0; k < i; k++)
      if (b->heap[i] == b->heap[k]) return false;
  for (uint32_t i = 0; i + 1 < b->heap_cnt; i++)
    if (!inside(region, b->heap[i], MR_HEAP_BLOCK_SZ)) return false;
  return inside(region, b->heap[b->heap_cnt - 1], b->heap_last_sz);
}

static bool bases_valid(const struct mr_region *region, const struct mr_batch *b) {
  if (b->base_cnt > MR_BASES_MAX) return false;
  for (uint32_t i = 0; i < b->base_cnt; i++) {
    if (!inside(region, b->bases[i], sizeof(struct mr_batch))) return false;
    const struct mr_batch *base = mr_region_ptr(region, b->bases[i]);
    /* relaxed: a look only; the reference that b holds keeps the count above zero */
    if (base == b || atomic_load_explicit(&base->refs, memory_order_relaxed) == 0) return false;
  }
  return true;
}

bool mr_batch_valid(const struct mr_region *region, const struct mr_batch *b) {
  const struct mr_msg *m = &b->msg;
  if (!inside(region, mr_region_off(region, b), sizeof *b)) return false;
  if (b->col_cnt > MR_COLUMNS_MAX || m->row_cnt > MR_BATCH_ROWS) return false;
  /* relaxed: the caller holds a reference */
  if (atomic_load_explicit(&b->refs, memory_order_relaxed) == 0) return false;
  if (b->et_min > b->et_max || (b->et_min == MR_TIME_NONE) != (b->et_max == MR_TIME_NONE))
    return false;
  if (m->kind != 0 && (m->kind != MR_MSG_VIEW || !selection_valid(region, b))) return false;
  return columns_valid(region, b) && heap_valid(region, b) && bases_valid(region, b);
}
