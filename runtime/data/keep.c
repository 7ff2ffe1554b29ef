/* SPDX-License-Identifier: Apache-2.0 */
#include "data/keep.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/bits.h"

#define HEAP_PER_VALUE 256u                /* bytes of a string or list, on average */
#define HEAP_MIN       (UINT64_C(2) << 20) /* of a block: a line of the default max_line fits */
#define NO_BLOCK       UINT32_MAX
#define VALID_SZ       (MR_BATCH_ROWS / 8u)

struct block { /* up to MR_BATCH_ROWS rows, of which those before `from` are gone */
  uint32_t from, cnt;
  struct mr_col *cols; /* as a view wants them; `valid` only once a row is NULL */
  uint64_t **valid;    /* by column, always kept up */
  int64_t *now, *frontier;
  uint64_t *t0, *pos, *line;
  uint32_t *partition;
  uint16_t *source, *tag, *input;
  uint8_t *heap;
  uint64_t heap_used;
};

struct mr_keep {
  const uint8_t *base;
  const struct mr_schema *schema;
  const bool *need;
  uint32_t row_max, waiting;
  uint64_t heap_sz; /* of a block */
  struct block *blocks;
  uint32_t block_cnt;
  uint32_t *free; /* stack of blocks */
  uint32_t free_cnt;
  uint32_t *queue; /* ring of blocks, the oldest first */
  uint32_t first, cnt;
  uint32_t taken; /* the block whose rows are in the sink's hands */
  struct mr_view view;
  uint32_t run_end; /* of the rows in the sink's hands */
  uint64_t sel[MR_BATCH_WORDS];
};

/* ---- layout ---- */

static bool has_heap(const struct mr_field *f) {
  enum mr_phys phys = mr_field_phys(f);
  return phys == MR_PHYS_STR || phys == MR_PHYS_LIST;
}

static uint64_t heap_sz_of(const struct mr_schema *schema, const bool *need) {
  uint64_t sz = 0;
  for (uint32_t c = 0; c < schema->cnt; c++)
    if (need[c] && has_heap(&schema->fields[c])) sz += HEAP_PER_VALUE * MR_BATCH_ROWS;
  return sz && sz < HEAP_MIN ? HEAP_MIN : sz;
}

static uint64_t block_sz(const struct mr_schema *schema, const bool *need) {
  uint64_t sz = heap_sz_of(schema, need);
  for (uint32_t c = 0; c < schema->cnt; c++)
    if (need[c]) sz += mr_phys_column_sz(mr_field_phys(&schema->fields[c])) + VALID_SZ;
  sz += MR_BATCH_ROWS * (5 * sizeof(uint64_t) + sizeof(uint32_t) + 3 * sizeof(uint16_t));
  return mr_align_up(sz, 4096);
}

/* Those that wait, of which the oldest and the newest may be parts, and one in the sink's hands. */
static uint32_t block_cnt_of(uint32_t row_max) {
  return (row_max + MR_BATCH_ROWS - 1) / MR_BATCH_ROWS + 2;
}

uint64_t mr_keep_footprint(const struct mr_schema *schema, const bool *need, uint32_t row_max) {
  return block_cnt_of(row_max) * block_sz(schema, need);
}

static void *cut(uint8_t **at, uint64_t sz) {
  void *p = *at;
  *at += sz;
  return p;
}

static void lay_out_block(const struct mr_keep *k, struct mr_arena *arena, struct block *b,
                          uint8_t *at) {
  uint32_t cnt = k->schema->cnt;
  b->cols = MR_NEW(arena, struct mr_col, cnt + 1);
  b->valid = MR_NEW(arena, uint64_t *, cnt + 1);
  b->heap = cut(&at, k->heap_sz);
  b->now = cut(&at, MR_BATCH_ROWS * sizeof *b->now);
  b->frontier = cut(&at, MR_BATCH_ROWS * sizeof *b->frontier);
  b->t0 = cut(&at, MR_BATCH_ROWS * sizeof *b->t0);
  b->pos = cut(&at, MR_BATCH_ROWS * sizeof *b->pos);
  b->line = cut(&at, MR_BATCH_ROWS * sizeof *b->line);
  for (uint32_t c = 0; c < cnt; c++) {
    if (!k->need[c]) continue;
    b->cols[c].data = cut(&at, mr_phys_column_sz(mr_field_phys(&k->schema->fields[c])));
    b->valid[c] = cut(&at, VALID_SZ);
  }
  b->partition = cut(&at, MR_BATCH_ROWS * sizeof *b->partition);
  b->source = cut(&at, MR_BATCH_ROWS * sizeof *b->source);
  b->tag = cut(&at, MR_BATCH_ROWS * sizeof *b->tag);
  b->input = cut(&at, MR_BATCH_ROWS * sizeof *b->input);
}

int mr_keep_init(struct mr_keep **keep, struct mr_arena *arena, struct mr_region *region,
                 const struct mr_schema *schema, const bool *need, uint32_t row_max,
                 const char *label, struct mr_error *err) {
  struct mr_keep *k = MR_NEW(arena, struct mr_keep, 1);
  MR_ASSERT(row_max > 0);
  *k = (struct mr_keep){.base = region->base,
                        .schema = schema,
                        .need = need,
                        .row_max = row_max,
                        .heap_sz = heap_sz_of(schema, need),
                        .block_cnt = block_cnt_of(row_max),
                        .taken = NO_BLOCK};
  uint64_t sz = mr_keep_footprint(schema, need, row_max);
  uint64_t off = mr_region_reserve(region, sz, label);
  if (!off) return mr_error_set(err, MR_ERR_NOMEM, "%s: no room for %" PRIu64 " bytes", label, sz);
  k->blocks = MR_NEW(arena, struct block, k->block_cnt);
  k->free = MR_NEW(arena, uint32_t, k->block_cnt);
  k->queue = MR_NEW(arena, uint32_t, k->block_cnt);
  uint8_t *at = mr_region_ptr(region, off);
  for (uint32_t i = 0; i < k->block_cnt; i++) {
    lay_out_block(k, arena, &k->blocks[i], at + i * block_sz(schema, need));
    k->free[k->free_cnt++] = k->block_cnt - 1 - i;
  }
  *keep = k;
  return MR_OK;
}

/* ---- blocks ---- */

static void give_back(struct mr_keep *k, uint32_t idx) {
  struct block *b = &k->blocks[idx];
  b->from = b->cnt = 0;
  b->heap_used = 0;
  for (uint32_t c = 0; c < k->schema->cnt; c++) {
    if (!k->need[c]) continue;
    b->cols[c].valid = NULL;
    memset(b->valid[c], 0, VALID_SZ);
    if (mr_field_phys(&k->schema->fields[c]) == MR_PHYS_BIT)
      memset((void *)(uintptr_t)b->cols[c].data, 0, MR_BATCH_ROWS / 8);
  }
  k->free[k->free_cnt++] = idx;
}

static uint32_t pop_first(struct mr_keep *k) {
  uint32_t idx = k->queue[k->first];
  k->first = (k->first + 1) % k->block_cnt;
  k->cnt--;
  return idx;
}

/* Drops up to n of the oldest waiting rows of the oldest block; returns how many. */
static uint32_t drop_oldest(struct mr_keep *k, uint32_t n) {
  struct block *b = &k->blocks[k->queue[k->first]];
  uint32_t cnt = b->cnt - b->from;
  if (cnt > n) cnt = n;
  b->from += cnt;
  k->waiting -= cnt;
  if (b->from == b->cnt) give_back(k, pop_first(k));
  return cnt;
}

static struct block *newest(struct mr_keep *k) {
  return k->cnt ? &k->blocks[k->queue[(k->first + k->cnt - 1) % k->block_cnt]] : NULL;
}

static struct block *add_block(struct mr_keep *k, uint32_t *dropped) {
  if (!k->free_cnt) *dropped += drop_oldest(k, MR_BATCH_ROWS);
  MR_ASSERT(k->free_cnt > 0);
  uint32_t idx = k->free[--k->free_cnt];
  k->queue[(k->first + k->cnt++) % k->block_cnt] = idx;
  return &k->blocks[idx];
}

/* ---- values ---- */

static uint64_t list_sz(const struct mr_list *l, const struct mr_field *f) {
  uint64_t elem = f->elem == MR_TYPE_STRING && !f->codes ? sizeof(struct mr_str)
                  : f->elem == MR_TYPE_BOOL || f->codes  ? 1
                                                         : 8;
  uint64_t words = l->has_nulls ? mr_bitmap_words(l->cnt) : 0;
  return mr_align_up(l->cnt * elem, 8) + words * 8;
}

static uint64_t str_sz(const struct mr_str *s) {
  return s->len > MR_STR_INLINE ? mr_align_up(s->len, 8) : 0;
}

static bool is_list_of_texts(const struct mr_field *f) {
  return f->elem == MR_TYPE_STRING && !f->codes;
}

/* Bytes that the rows' strings and lists take in a block's heap. */
static uint64_t heap_need(const struct mr_keep *k, const struct mr_view *view, const uint16_t *rows,
                          uint32_t n) {
  uint64_t sz = 0;
  for (uint32_t c = 0; c < k->schema->cnt; c++) {
    const struct mr_field *f = &k->schema->fields[c];
    if (!k->need[c] || !has_heap(f)) continue;
    if (mr_field_phys(f) == MR_PHYS_STR) {
      const struct mr_str *s = view->cols[c].data;
      for (uint32_t i = 0; i < n; i++) sz += str_sz(&s[rows[i]]);
      continue;
    }
    const struct mr_list *l = view->cols[c].data;
    for (uint32_t i = 0; i < n; i++) {
      const struct mr_list *v = &l[rows[i]];
      if (!v->cnt) continue;
      sz += list_sz(v, f);
      const struct mr_str *s = (const void *)(k->base + v->off);
      for (uint32_t e = 0; is_list_of_texts(f) && e < v->cnt; e++) sz += str_sz(&s[e]);
    }
  }
  return sz;
}

static void *heap_take(struct block *b, uint64_t sz) {
  void *p = b->heap + b->heap_used;
  b->heap_used += mr_align_up(sz, 8);
  return p;
}

static void copy_str(const struct mr_keep *k, struct block *b, const struct mr_str *from,
                     struct mr_str *to) {
  *to = *from;
  if (from->len <= MR_STR_INLINE) return;
  char *p = heap_take(b, from->len);
  memcpy(p, mr_str_data(from, k->base), from->len);
  *to = mr_str_make(p, from->len, k->base);
}

static void copy_list(const struct mr_keep *k, struct block *b, const struct mr_field *f,
                      const struct mr_list *from, struct mr_list *to) {
  *to = *from;
  if (!from->cnt) return;
  uint64_t sz = list_sz(from, f), before = from->has_nulls ? mr_bitmap_words(from->cnt) * 8u : 0;
  uint8_t *p = heap_take(b, sz);
  memcpy(p, k->base + from->off - before, before);
  const struct mr_str *s = (const void *)(k->base + from->off);
  struct mr_str *out = (void *)(p + before);
  if (is_list_of_texts(f))
    for (uint32_t e = 0; e < from->cnt; e++) copy_str(k, b, &s[e], &out[e]);
  else
    memcpy(p + before, s, list_sz(&(struct mr_list){.cnt = from->cnt}, f));
  to->off = (uint64_t)(p + before - k->base);
}

static void copy_column(const struct mr_keep *k, struct block *b, uint32_t c,
                        const struct mr_col *col, const uint16_t *rows, uint32_t n) {
  const struct mr_field *f = &k->schema->fields[c];
  void *data = (void *)(uintptr_t)b->cols[c].data;
  uint32_t at = b->cnt;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t r = rows[i];
    switch (mr_field_phys(f)) {
    case MR_PHYS_BIT:
      if (mr_bit_get(col->data, r)) mr_bit_set(data, at + i);
      break;
    case MR_PHYS_CODE: ((uint8_t *)data)[at + i] = ((const uint8_t *)col->data)[r]; break;
    case MR_PHYS_W8: ((int64_t *)data)[at + i] = ((const int64_t *)col->data)[r]; break;
    case MR_PHYS_STR:
      copy_str(k, b, (const struct mr_str *)col->data + r, (struct mr_str *)data + at + i);
      break;
    case MR_PHYS_LIST:
      copy_list(k, b, f, (const struct mr_list *)col->data + r, (struct mr_list *)data + at + i);
      break;
    }
  }
  for (uint32_t i = 0; i < n; i++) {
    if (!col->valid || mr_bit_get(col->valid, rows[i]))
      mr_bit_set(b->valid[c], at + i);
    else
      b->cols[c].valid = b->valid[c];
  }
}

/* The rows fit into the block. */
static void copy_rows(const struct mr_keep *k, struct block *b, const struct mr_view *view,
                      uint16_t tag, const uint16_t *rows, uint32_t n) {
  for (uint32_t c = 0; c < k->schema->cnt; c++)
    if (k->need[c]) copy_column(k, b, c, &view->cols[c], rows, n);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t r = rows[i], to = b->cnt + i;
    b->now[to] = view->row_now ? view->row_now[r] : view->now_us;
    b->t0[to] = view->row_t0 ? view->row_t0[r] : view->t0_ns;
    b->pos[to] = view->row_pos ? view->row_pos[r] : view->pos;
    b->line[to] = view->row_line ? view->row_line[r] : view->line;
    b->partition[to] = view->partition;
    b->source[to] = view->source;
    b->tag[to] = tag;
    b->input[to] = view->input;
    b->frontier[to] = view->frontier_out;
  }
  b->cnt += n;
}

/* ---- in ---- */

static uint32_t list_rows(const struct mr_view *view, uint16_t *rows) {
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(view, all);
  uint32_t n = 0;
  MR_BITMAP_EACH(sel, mr_bitmap_words(view->row_cnt), row) rows[n++] = (uint16_t)row;
  return n;
}

/* Copies as many of the n rows as the newest block takes; 0: none. */
static uint32_t put_some(struct mr_keep *k, struct block *b, const struct mr_view *view,
                         uint16_t tag, const uint16_t *rows, uint32_t n) {
  if (n > MR_BATCH_ROWS - b->cnt) n = MR_BATCH_ROWS - b->cnt;
  while (n && heap_need(k, view, rows, n) > k->heap_sz - b->heap_used) n /= 2;
  if (n) copy_rows(k, b, view, tag, rows, n);
  k->waiting += n;
  return n;
}

uint32_t mr_keep_put(struct mr_keep *k, const struct mr_view *view, uint16_t tag) {
  uint16_t rows[MR_BATCH_ROWS];
  uint32_t n = list_rows(view, rows), at = 0, dropped = 0;
  while (at < n) {
    struct block *b = newest(k);
    if (!b || b->cnt == MR_BATCH_ROWS) b = add_block(k, &dropped);
    uint32_t cnt = put_some(k, b, view, tag, rows + at, n - at);
    at += cnt;
    if (cnt) continue;
    if (b->cnt) {
      add_block(k, &dropped);
    } else { /* one row is larger than an empty block */
      dropped++;
      at++;
    }
  }
  while (k->waiting > k->row_max) dropped += drop_oldest(k, k->waiting - k->row_max);
  return dropped;
}

uint32_t mr_keep_waiting(const struct mr_keep *k) {
  return k->waiting;
}

/* ---- out ---- */

static bool same_run(const struct block *b, uint32_t x, uint32_t y) {
  return b->partition[x] == b->partition[y] && b->source[x] == b->source[y] &&
         b->tag[x] == b->tag[y] && b->input[x] == b->input[y];
}

/* The rows from `from` on that are of one run, as a view. */
static const struct mr_view *view_run(struct mr_keep *k, const struct block *b) {
  uint32_t from = b->from, to = from + 1;
  while (to < b->cnt && same_run(b, from, to)) to++;
  memset(k->sel, 0, sizeof k->sel);
  for (uint32_t r = from; r < to; r++) mr_bit_set(k->sel, r);
  k->run_end = to;
  k->view = (struct mr_view){.cols = b->cols,
                             .sel = k->sel,
                             .row_cnt = b->cnt,
                             .sel_cnt = to - from,
                             .source = b->source[from],
                             .input = b->input[from],
                             .partition = b->partition[from],
                             .et_min = MR_TIME_NONE,
                             .et_max = MR_TIME_NONE,
                             .frontier_in = MR_TIME_NONE,
                             .frontier_out = b->frontier[to - 1],
                             .now_us = b->now[from],
                             .row_now = b->now,
                             .t0_ns = b->t0[from],
                             .row_t0 = b->t0,
                             .pos = b->pos[from],
                             .row_pos = b->pos,
                             .line = b->line[from],
                             .row_line = b->line};
  return &k->view;
}

const struct mr_view *mr_keep_take(struct mr_keep *k, uint16_t *tag) {
  if (k->taken == NO_BLOCK) {
    while (k->cnt && k->blocks[k->queue[k->first]].cnt == 0) give_back(k, pop_first(k));
    if (!k->waiting) return NULL;
    k->taken = pop_first(k);
    k->waiting -= k->blocks[k->taken].cnt - k->blocks[k->taken].from;
  }
  struct block *b = &k->blocks[k->taken];
  *tag = b->tag[b->from];
  return view_run(k, b);
}

void mr_keep_done(struct mr_keep *k) {
  struct block *b = &k->blocks[k->taken];
  b->from = k->run_end;
  if (b->from < b->cnt) return;
  give_back(k, k->taken);
  k->taken = NO_BLOCK;
}
