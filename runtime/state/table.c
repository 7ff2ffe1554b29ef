/* SPDX-License-Identifier: Apache-2.0 */
#include "state/table.h"

#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/hash.h"

#define RANGE_MIN   256u                /* references of the first array by distance */
#define CACHE_SZ    (UINT64_C(1) << 20) /* beyond this a lookup is worth a prefetch */
#define FETCH_ROWS  MR_TABLE_FETCH      /* rows that are prefetched at a time */
#define RESERVE_MAX (UINT64_C(16) << 20)

/* Rows of at most a cache line do not cross one. */
static uint32_t round_row(uint32_t sz) {
  if (sz <= 16) return 16;
  if (sz <= 32) return 32;
  if (sz <= 64) return 64;
  return (sz + 15) & ~15u;
}

int mr_space_init(struct mr_space *space, struct mr_region *region, const struct mr_keys *keys,
                  const struct mr_folds *folds, uint64_t max_bytes, uint64_t key_max,
                  const char *label, struct mr_error *err) {
  *space =
      (struct mr_space){.keys = keys, .folds = folds, .base = region->base, .key_max = key_max};
  space->row_sz = round_row(folds->row_sz);
  if (space->row_sz + sizeof(struct mr_rows) > MR_STATE_SEGMENT_SZ)
    return mr_error_set(err, MR_ERR_LIMIT, "a row of state takes %u bytes", space->row_sz);
  uint64_t reserve = folds->grows || folds->merges ? max_bytes / 8 : 0;
  if (reserve > RESERVE_MAX) reserve = RESERVE_MAX;
  return mr_store_init(&space->store, region, max_bytes, reserve, label, err);
}

/* ---- tables ---- */

static bool take_array(struct mr_space *space, struct mr_table *t, uint32_t cap) {
  uint32_t ref = mr_store_take(&space->store, mr_store_class(cap * sizeof(uint32_t)));
  if (!ref) return false;
  memset(mr_store_at(&space->store, ref), 0, cap * sizeof(uint32_t));
  t->array_ref = ref;
  t->array_cap = cap;
  return true;
}

static void give_array(struct mr_space *space, struct mr_table *t) {
  if (!t->array_ref) return;
  mr_store_give(&space->store, t->array_ref, mr_store_class(t->array_cap * sizeof(uint32_t)));
  t->array_ref = t->array_cap = 0;
}

uint32_t mr_table_new(struct mr_space *space) {
  uint32_t class_idx = mr_store_class(sizeof(struct mr_table));
  uint32_t ref = mr_store_take(&space->store, class_idx);
  if (!ref) return 0;
  struct mr_table *t = mr_table_at(space, ref);
  memset(t, 0, sizeof *t);
  t->class_idx = class_idx;
  if (space->keys->dense) {
    t->mode = MR_TABLE_ARRAY;
    if (!take_array(space, t, space->keys->groups)) {
      mr_store_give(&space->store, ref, class_idx);
      return 0;
    }
  } else {
    t->mode = space->keys->one_w8 ? MR_TABLE_RANGE : MR_TABLE_HASH;
  }
  return ref;
}

void mr_table_drop(struct mr_space *space, uint32_t ref) {
  struct mr_table *t = mr_table_at(space, ref);
  struct mr_store *store = &space->store;
  for (uint32_t b = t->rows_first; b;) {
    const struct mr_rows *rows = mr_store_at(store, b);
    uint32_t next = rows->next, class_idx = rows->class_idx;
    mr_store_give(store, b, class_idx);
    b = next;
  }
  give_array(space, t);
  mr_index_drop(store, &t->index);
  mr_index_drop(store, &t->members);
  mr_slots_drop(store, &t->slots);
  space->key_cnt -= t->row_cnt;
  mr_store_give(store, ref, t->class_idx);
}

/* ---- new rows ---- */

/* Blocks of rows grow with the table: 512 B, 2 KiB, 8 KiB, 32 KiB, then 64 KiB. */
static struct mr_rows *add_block(struct mr_space *space, struct mr_table *t) {
  const struct mr_rows *last = t->rows_last ? mr_store_at(&space->store, t->rows_last) : NULL;
  uint32_t want = last ? last->class_idx + 2 : 0;
  uint32_t least = mr_store_class(sizeof(struct mr_rows) + space->row_sz);
  if (want > MR_STORE_CLASS_SEG) want = MR_STORE_CLASS_SEG;
  if (want < least) want = least;
  uint32_t ref = mr_store_take(&space->store, want);
  if (!ref) return NULL;
  struct mr_rows *rows = mr_store_at(&space->store, ref);
  *rows = (struct mr_rows){.class_idx = want};
  rows->cap = (mr_store_class_sz(want) - (uint32_t)sizeof *rows) / space->row_sz;
  if (t->rows_last)
    ((struct mr_rows *)mr_store_at(&space->store, t->rows_last))->next = ref;
  else
    t->rows_first = ref;
  t->rows_last = ref;
  return rows;
}

/* A row for a key that is new, without its key; NULL: no room. The row counts once `keep` is
 * called. */
static struct mr_row *next_row(struct mr_space *space, struct mr_table *t, struct mr_rows **block) {
  if (space->key_max && space->key_cnt >= space->key_max) return NULL;
  if (mr_store_tight(&space->store)) return NULL;
  struct mr_rows *rows = t->rows_last ? mr_store_at(&space->store, t->rows_last) : NULL;
  if (!rows || rows->cnt == rows->cap) rows = add_block(space, t);
  if (!rows) return NULL;
  struct mr_row *row = (void *)((uint8_t *)(rows + 1) + (size_t)rows->cnt * space->row_sz);
  memset(row, 0, space->row_sz);
  *block = rows;
  return row;
}

static void keep(struct mr_space *space, struct mr_table *t, struct mr_rows *block,
                 struct mr_row *row) {
  block->cnt++;
  t->row_cnt++;
  space->key_cnt++;
  mr_folds_clear(space->folds, row);
}

/* Copies a key into the row; strings into slots. False: no room. */
static bool set_key(struct mr_space *space, struct mr_table *t, struct mr_row *row,
                    const uint64_t *key) {
  const struct mr_keys *keys = space->keys;
  memcpy(row->key, key, keys->words * sizeof *key);
  for (uint32_t w = keys->str_word; w < keys->words; w += 2) {
    struct mr_str from, to;
    memcpy(&from, key + w, sizeof from);
    if (mr_slots_str(&space->store, &t->slots, space->base, &from, &to)) {
      memcpy(row->key + w, &to, sizeof to);
      continue;
    }
    while (w > keys->str_word) { /* what was copied goes back */
      w -= 2;
      memcpy(&to, row->key + w, sizeof to);
      mr_slots_str_give(&space->store, &t->slots, &to);
    }
    return false;
  }
  return true;
}

static void give_key(struct mr_space *space, struct mr_table *t, const struct mr_row *row) {
  for (uint32_t w = space->keys->str_word; w < space->keys->words; w += 2) {
    struct mr_str s;
    memcpy(&s, row->key + w, sizeof s);
    mr_slots_str_give(&space->store, &t->slots, &s);
  }
}

static uint32_t *array_of(const struct mr_space *space, const struct mr_table *t) {
  return mr_store_at(&space->store, t->array_ref);
}

struct mr_row *mr_table_number(struct mr_space *space, struct mr_table *table, uint32_t number) {
  MR_DASSERT(table->mode == MR_TABLE_ARRAY && number < table->array_cap);
  uint32_t *refs = array_of(space, table);
  if (refs[number]) return mr_row_at(space, refs[number]);
  struct mr_rows *block;
  struct mr_row *row = next_row(space, table, &block);
  if (!row) return NULL;
  mr_keys_of_number(space->keys, number, row->key);
  keep(space, table, block, row);
  refs[number] = mr_store_ref(&space->store, row);
  return row;
}

/* ---- by hash ---- */

static struct mr_row *probe(const struct mr_space *space, const struct mr_table *t, uint32_t tag,
                            const uint64_t *key) {
  if (!t->index.cnt) return NULL;
  struct mr_index_look look = mr_index_look(&space->store, &t->index);
  uint32_t ref;
  MR_INDEX_EACH(&look, tag, ref,
                mr_keys_equal(space->keys, space->base, mr_row_at(space, ref)->key, key));
  return ref ? mr_row_at(space, ref) : NULL;
}

static struct mr_row *find_or_make(struct mr_space *space, struct mr_table *t, uint32_t tag,
                                   const uint64_t *key) {
  struct mr_row *row = probe(space, t, tag, key);
  if (row) return row;
  struct mr_rows *block;
  row = next_row(space, t, &block);
  if (!row || !set_key(space, t, row, key)) return NULL;
  if (!mr_index_add(&space->store, &t->index, tag, mr_store_ref(&space->store, row))) {
    give_key(space, t, row);
    return NULL;
  }
  keep(space, t, block, row);
  return row;
}

/* Asks for the buckets where the probes of up to FETCH_ROWS rows begin. The index has an entry. */
static void fetch_buckets(const struct mr_space *space, const struct mr_table *t,
                          const uint32_t *tags, const uint16_t *rows, uint32_t cnt) {
  struct mr_index_look look = mr_index_look(&space->store, &t->index);
  if (cnt > FETCH_ROWS) cnt = FETCH_ROWS;
  for (uint32_t i = 0; i < cnt; i++) {
    uint32_t tag = tags[rows[i]];
    mr_prefetch(mr_index_seg_of(&look, tag) + mr_index_first(tag, look.mask));
  }
}

/* Asks for the rows that these buckets name. */
static void fetch_rows(const struct mr_space *space, const struct mr_table *t, const uint32_t *tags,
                       const uint16_t *rows, uint32_t cnt) {
  struct mr_index_look look = mr_index_look(&space->store, &t->index);
  if (cnt > FETCH_ROWS) cnt = FETCH_ROWS;
  for (uint32_t i = 0; i < cnt; i++) {
    uint32_t tag = tags[rows[i]];
    const struct mr_index_bucket *b = mr_index_seg_of(&look, tag) + mr_index_first(tag, look.mask);
    uint32_t match = mr_index_match(b, tag) | 0x80;
    mr_prefetch(mr_row_at(space, b->refs[__builtin_ctz(match)])); /* 0 may be asked for */
  }
}

/* A batch's rows go through three stages, FETCH_ROWS at a time: buckets, rows, look-up. This asks
 * for what the next look-ups need while those at `at` are done. */
static void fetch_ahead(const struct mr_space *space, const struct mr_table *t,
                        const uint32_t *tags, const uint16_t *rows, uint32_t at, uint32_t cnt) {
  uint32_t one = at + FETCH_ROWS, two = one + FETCH_ROWS;
  if (at == 0) {
    fetch_buckets(space, t, tags, rows, cnt);
    if (one < cnt) fetch_buckets(space, t, tags, rows + one, cnt - one);
    fetch_rows(space, t, tags, rows, cnt);
  }
  if (two < cnt) fetch_buckets(space, t, tags, rows + two, cnt - two);
  if (one < cnt) fetch_rows(space, t, tags, rows + one, cnt - one);
}

/* The rows of keys of one word that are there; NULL for the others. one: the index is one segment.
 * One branch a row, which is nearly always right: 7 cycles at 100 keys and 14 at 1,000 with single
 * entries become 5 and 6. */
static inline __attribute__((always_inline)) uint32_t
look_up_words(const struct mr_space *space, const struct mr_table *t,
              const struct mr_key_batch *batch, const uint16_t *rows, uint32_t cnt,
              struct mr_row **out, bool one) {
  struct mr_index_look look = mr_index_look(&space->store, &t->index);
  const struct mr_index_bucket *seg = mr_index_seg_of(&look, 0);
  const uint64_t *words = batch->words;
  const uint32_t *tags = batch->tags;
  uint32_t missing = 0, mask = look.mask;
  for (uint32_t i = 0; i < cnt; i++) {
    uint32_t tag = tags[rows[i]];
    if (!one) seg = mr_index_seg_of(&look, tag);
    const struct mr_index_bucket *b = &seg[mr_index_first(tag, mask)];
    uint32_t match = mr_index_match(b, tag);
    struct mr_row *row = mr_row_at(space, b->refs[__builtin_ctz(match | 0x80)]);
    bool hit = (match != 0) & (row->key[0] == words[rows[i]]); /* reference 0 can be read */
    if (__builtin_expect(!hit, 0)) row = probe(space, t, tag, &words[rows[i]]);
    out[i] = row;
    missing += !row;
  }
  return missing;
}

static uint32_t look_up(const struct mr_space *space, const struct mr_table *t,
                        const struct mr_key_batch *batch, const uint16_t *rows, uint32_t cnt,
                        struct mr_row **out) {
  uint32_t words = space->keys->words, missing = 0;
  if (words == 1 && space->keys->str_word == 1)
    return t->index.dir_ref ? look_up_words(space, t, batch, rows, cnt, out, false)
                            : look_up_words(space, t, batch, rows, cnt, out, true);
  for (uint32_t i = 0; i < cnt; i++) {
    out[i] = probe(space, t, batch->tags[rows[i]], batch->words + rows[i] * words);
    missing += !out[i];
  }
  return missing;
}

static uint32_t find_hash(struct mr_space *space, struct mr_table *t,
                          const struct mr_key_batch *batch, const uint16_t *rows, uint32_t cnt,
                          struct mr_row **out) {
  uint32_t words = space->keys->words, missing = 0;
  bool far = t->row_cnt * (space->row_sz + 16u) > CACHE_SZ;
  for (uint32_t at = 0; at < cnt; at += FETCH_ROWS) {
    uint32_t n = cnt - at < FETCH_ROWS ? cnt - at : FETCH_ROWS;
    if (far) fetch_ahead(space, t, batch->tags, rows, at, cnt);
    if (!t->index.cnt)
      memset(out + at, 0, n * sizeof *out);
    else if (!look_up(space, t, batch, rows + at, n, out + at))
      continue;
    for (uint32_t i = at; i < at + n; i++) {
      if (out[i]) continue;
      out[i] = find_or_make(space, t, batch->tags[rows[i]], batch->words + rows[i] * words);
      missing += !out[i];
    }
  }
  return missing;
}

/* ---- by distance ---- */

/* Makes the array cover [lo, hi] of the keys; false: the range is too large, or there is no room.
 */
static bool cover(struct mr_space *space, struct mr_table *t, int64_t lo, int64_t hi) {
  struct mr_table old = *t;
  if (t->array_ref) {
    int64_t last = t->range_lo + (int64_t)t->array_cap - 1;
    if (t->range_lo < lo) lo = t->range_lo;
    if (last > hi) hi = last;
  }
  uint64_t span = (uint64_t)hi - (uint64_t)lo;
  if (span >= MR_TABLE_RANGE_MAX) return false;
  uint32_t cap = (uint32_t)mr_pow2_up(span + 1);
  if (cap < RANGE_MIN) cap = RANGE_MIN;
  if (!t->array_ref || lo < t->range_lo) { /* room on the side where keys came */
    uint64_t slack = cap - 1 - span;
    int64_t less = (int64_t)(slack / 2);
    lo = lo < INT64_MIN + less ? INT64_MIN : lo - less;
  }
  if (lo > INT64_MAX - (int64_t)(cap - 1)) lo = INT64_MAX - (int64_t)(cap - 1);
  if (!take_array(space, t, cap)) return false;
  t->range_lo = lo;
  uint32_t *refs = array_of(space, t);
  if (!old.array_ref) return true;
  const uint32_t *from = array_of(space, &old);
  memcpy(refs + (old.range_lo - lo), from, old.array_cap * sizeof *from);
  give_array(space, &old);
  return true;
}

/* From the array to the index. False: no room; then nothing has changed. */
static bool leave_range(struct mr_space *space, struct mr_table *t) {
  struct mr_table_walk walk = {0};
  struct mr_row *rows[64];
  uint32_t n;
  do {
    n = mr_table_next(space, t, &walk, rows, 64);
    for (uint32_t i = 0; i < n; i++) {
      uint32_t tag = mr_keys_tag(space->keys, space->base, rows[i]->key);
      if (mr_index_add(&space->store, &t->index, tag, mr_store_ref(&space->store, rows[i])))
        continue;
      mr_index_drop(&space->store, &t->index);
      return false;
    }
  } while (n == 64);
  give_array(space, t);
  t->null_ref = 0;
  t->mode = MR_TABLE_HASH;
  return true;
}

/* A row for a key of one 8-byte column, whose reference goes to *ref. */
static struct mr_row *make_w8(struct mr_space *space, struct mr_table *t, uint64_t value, bool null,
                              uint32_t *ref) {
  struct mr_rows *block;
  struct mr_row *row = next_row(space, t, &block);
  if (!row) return NULL;
  mr_keys_of_w8(space->keys, value, null, row->key);
  keep(space, t, block, row);
  *ref = mr_store_ref(&space->store, row);
  return row;
}

static struct mr_row *find_null(struct mr_space *space, struct mr_table *t) {
  if (t->null_ref) return mr_row_at(space, t->null_ref);
  return make_w8(space, t, 0, true, &t->null_ref);
}

/* Smallest and largest of the values that are not NULL; false: all are. */
static bool find_bounds(const struct mr_col *col, const uint16_t *rows, uint32_t cnt, int64_t *lo,
                        int64_t *hi) {
  const int64_t *v = col->data;
  int64_t a = INT64_MAX, b = INT64_MIN;
  if (!col->valid) {
    for (uint32_t i = 0; i < cnt; i++) {
      int64_t k = v[rows[i]];
      a = k < a ? k : a;
      b = k > b ? k : b;
    }
  } else {
    for (uint32_t i = 0; i < cnt; i++) {
      bool there = mr_bit_get(col->valid, rows[i]);
      int64_t k = v[rows[i]];
      a = there && k < a ? k : a;
      b = there && k > b ? k : b;
    }
  }
  *lo = a;
  *hi = b;
  return a <= b;
}

/* UINT32_MAX: the keys are not in a small range. */
static uint32_t find_range(struct mr_space *space, struct mr_table *t, const struct mr_col *col,
                           const uint16_t *rows, uint32_t cnt, struct mr_row **out) {
  const uint64_t *keys = col->data;
  int64_t lo, hi;
  if (find_bounds(col, rows, cnt, &lo, &hi)) {
    bool inside =
        t->array_ref && lo >= t->range_lo && (uint64_t)hi - (uint64_t)t->range_lo < t->array_cap;
    if (!inside && !cover(space, t, lo, hi)) return UINT32_MAX;
  }
  uint32_t *refs = t->array_ref ? array_of(space, t) : NULL, missing = 0;
  uint64_t first = (uint64_t)t->range_lo;
  for (uint32_t i = 0; i < cnt; i++) {
    if (col->valid && !mr_bit_get(col->valid, rows[i])) {
      out[i] = find_null(space, t);
    } else {
      uint64_t key = keys[rows[i]];
      uint32_t ref = refs[key - first];
      out[i] = ref ? mr_row_at(space, ref) : make_w8(space, t, key, false, &refs[key - first]);
    }
    missing += !out[i];
  }
  return missing;
}

/* ---- find ---- */

static uint32_t find_array(struct mr_space *space, struct mr_table *t,
                           const struct mr_key_batch *batch, const uint16_t *rows, uint32_t cnt,
                           struct mr_row **out) {
  const uint32_t *refs = array_of(space, t);
  uint32_t missing = 0;
  for (uint32_t i = 0; i < cnt; i++) {
    uint32_t number = mr_key_number(batch, rows[i]), ref = refs[number];
    out[i] = ref ? mr_row_at(space, ref) : mr_table_number(space, t, number);
    missing += !out[i];
  }
  return missing;
}

uint32_t mr_table_find(struct mr_space *space, struct mr_table *table, struct mr_key_batch *batch,
                       const uint16_t *rows, uint32_t cnt, struct mr_row **out) {
  if (table->mode == MR_TABLE_ARRAY) return find_array(space, table, batch, rows, cnt, out);
  if (table->mode == MR_TABLE_RANGE) {
    const struct mr_col *col = &batch->view->cols[space->keys->cols[0].col];
    uint32_t missing = find_range(space, table, col, rows, cnt, out);
    if (missing != UINT32_MAX) return missing;
    if (!leave_range(space, table)) {
      memset(out, 0, cnt * sizeof *out);
      return cnt;
    }
  }
  mr_keys_pack(batch);
  return find_hash(space, table, batch, rows, cnt, out);
}

/* ---- rows that come and go ---- */

struct mr_row *mr_table_add(struct mr_space *space, struct mr_table *table, const uint64_t *key) {
  if (space->key_max && space->key_cnt >= space->key_max) return NULL;
  if (mr_store_tight(&space->store)) return NULL;
  uint32_t ref = mr_slots_take(&space->store, &table->slots, space->row_sz);
  if (!ref) return NULL;
  struct mr_row *made = mr_row_at(space, ref);
  memset(made, 0, space->row_sz);
  if (!set_key(space, table, made, key)) {
    mr_slots_give(&space->store, &table->slots, ref, space->row_sz);
    return NULL;
  }
  mr_folds_clear(space->folds, made);
  table->row_cnt++;
  space->key_cnt++;
  return made;
}

void mr_table_end(struct mr_space *space, struct mr_table *table, struct mr_row *row) {
  mr_folds_release(space, table, row);
  give_key(space, table, row);
  table->row_cnt--;
  space->key_cnt--;
}

void mr_table_free(struct mr_space *space, struct mr_table *table, struct mr_row *row) {
  mr_slots_give(&space->store, &table->slots, mr_store_ref(&space->store, row), space->row_sz);
}

void mr_table_look_ahead(const struct mr_space *space, const struct mr_table *table,
                         const struct mr_key_batch *batch, const uint16_t *rows, uint32_t at,
                         uint32_t cnt, struct mr_row **out) {
  uint32_t n = cnt - at < FETCH_ROWS ? cnt - at : FETCH_ROWS;
  if (!table->index.cnt) {
    memset(out, 0, n * sizeof *out);
    return;
  }
  if (table->row_cnt * (space->row_sz + 16u) > CACHE_SZ)
    fetch_ahead(space, table, batch->tags, rows, at, cnt);
  look_up(space, table, batch, rows + at, n, out);
}

/* ---- by the keys of other rows ---- */

void mr_row_keys_init(struct mr_row_keys *keys, struct mr_arena *arena, const struct mr_keys *of) {
  keys->words = MR_NEW(arena, uint64_t, (size_t)MR_BATCH_ROWS * of->words + 1);
  keys->tags = MR_NEW(arena, uint32_t, MR_BATCH_ROWS);
}

void mr_row_keys_set(struct mr_row_keys *keys, const struct mr_space *space,
                     struct mr_row *const *rows, uint32_t cnt) {
  uint32_t words = space->keys->words;
  bool one = words == 1 && space->keys->str_word == 1;
  for (uint32_t i = 0; i < cnt; i++) {
    memcpy(keys->words + (size_t)i * words, rows[i]->key, words * sizeof(uint64_t));
    if (!space->keys->dense)
      keys->tags[i] = one ? mr_index_tag(mr_hash_u64(rows[i]->key[0]))
                          : mr_keys_tag(space->keys, space->base, rows[i]->key);
  }
}

static uint32_t ref_of_key(const struct mr_space *space, const struct mr_table *t,
                           const uint64_t *key) {
  const struct mr_keys *keys = space->keys;
  if (t->mode == MR_TABLE_ARRAY) return array_of(space, t)[mr_keys_number(keys, key)];
  if (keys->nulls && key[0]) return t->null_ref;
  uint64_t at = key[keys->words - 1] - (uint64_t)t->range_lo;
  return t->array_ref && at < t->array_cap ? array_of(space, t)[at] : 0;
}

/* The rows that the first buckets of up to FETCH_ROWS tags name, which mostly are those of the
 * keys; NULL: the bucket has not the tag. They are asked for. */
static void fetch_candidates(const struct mr_space *space, const struct mr_table *t,
                             const uint32_t *tags, uint32_t cnt, struct mr_row **out) {
  struct mr_index_look look = mr_index_look(&space->store, &t->index);
  for (uint32_t i = 0; i < cnt; i++) {
    const struct mr_index_bucket *b =
        mr_index_seg_of(&look, tags[i]) + mr_index_first(tags[i], look.mask);
    uint32_t match = mr_index_match(b, tags[i]);
    struct mr_row *row = mr_row_at(space, b->refs[__builtin_ctz(match | 0x80)]);
    mr_prefetch(row);
    out[i] = match ? row : NULL;
  }
}

/* Three stages, FETCH_ROWS at a time: buckets, rows, keys. */
static void look_hashed(const struct mr_space *space, const struct mr_table *t,
                        const struct mr_row_keys *keys, uint32_t cnt, struct mr_row **out) {
  uint32_t words = space->keys->words, ahead = cnt < FETCH_ROWS ? cnt : FETCH_ROWS;
  bool one = words == 1 && space->keys->str_word == 1;
  struct mr_index_look look = mr_index_look(&space->store, &t->index);
  for (uint32_t i = 0; i < cnt; i++)
    mr_prefetch(mr_index_seg_of(&look, keys->tags[i]) + mr_index_first(keys->tags[i], look.mask));
  fetch_candidates(space, t, keys->tags, ahead, out);
  for (uint32_t at = 0; at < cnt; at += FETCH_ROWS) {
    uint32_t end = cnt - at < FETCH_ROWS ? cnt : at + FETCH_ROWS;
    ahead = cnt - end < FETCH_ROWS ? cnt - end : FETCH_ROWS;
    fetch_candidates(space, t, keys->tags + end, ahead, out + end);
    for (uint32_t i = at; i < end; i++) {
      const uint64_t *key = keys->words + (size_t)i * words;
      bool hit = out[i] && (one ? out[i]->key[0] == *key
                                : mr_keys_equal(space->keys, space->base, out[i]->key, key));
      if (__builtin_expect(!hit, 0)) out[i] = probe(space, t, keys->tags[i], key);
    }
  }
}

void mr_table_look(const struct mr_space *space, const struct mr_table *table,
                   const struct mr_row_keys *keys, uint32_t cnt, struct mr_row **out) {
  if (!table->row_cnt) {
    memset(out, 0, cnt * sizeof *out);
    return;
  }
  if (table->mode == MR_TABLE_HASH) {
    look_hashed(space, table, keys, cnt, out);
    return;
  }
  for (uint32_t i = 0; i < cnt; i++) {
    uint32_t ref = ref_of_key(space, table, keys->words + (size_t)i * space->keys->words);
    out[i] = ref ? mr_row_at(space, ref) : NULL;
  }
}

static struct mr_row *row_in_range(struct mr_space *space, struct mr_table *t,
                                   const uint64_t *key) {
  const struct mr_keys *keys = space->keys;
  if (keys->nulls && key[0]) return find_null(space, t);
  int64_t value = (int64_t)key[keys->words - 1];
  bool inside = t->array_ref && value >= t->range_lo &&
                (uint64_t)value - (uint64_t)t->range_lo < t->array_cap;
  if (!inside && !cover(space, t, value, value)) return NULL;
  uint32_t *ref = &array_of(space, t)[(uint64_t)value - (uint64_t)t->range_lo];
  return *ref ? mr_row_at(space, *ref) : make_w8(space, t, (uint64_t)value, false, ref);
}

struct mr_row *mr_table_row(struct mr_space *space, struct mr_table *table, const uint64_t *key) {
  if (table->mode == MR_TABLE_ARRAY)
    return mr_table_number(space, table, mr_keys_number(space->keys, key));
  if (table->mode == MR_TABLE_RANGE) {
    struct mr_row *row = row_in_range(space, table, key);
    if (row || !leave_range(space, table)) return row;
  }
  return find_or_make(space, table, mr_keys_tag(space->keys, space->base, key), key);
}

/* ---- changes ---- */

void mr_table_touch(struct mr_space *space, struct mr_table *table, struct mr_row *const *rows,
                    uint32_t cnt) {
  for (uint32_t i = 0; i < cnt; i++) {
    if (rows[i]->dirty_next) continue;
    uint32_t ref = mr_store_ref(&space->store, rows[i]);
    rows[i]->dirty_next = MR_TABLE_DIRTY_LAST;
    if (table->dirty_last)
      mr_row_at(space, table->dirty_last)->dirty_next = ref;
    else
      table->dirty_first = ref;
    table->dirty_last = ref;
  }
}

uint32_t mr_table_changes(const struct mr_space *space, const struct mr_table *table, uint32_t *at,
                          struct mr_row **out, uint32_t max) {
  uint32_t n = 0;
  if (!*at) *at = table->dirty_first ? table->dirty_first : MR_TABLE_DIRTY_LAST;
  for (; n < max && *at != MR_TABLE_DIRTY_LAST; n++) {
    out[n] = mr_row_at(space, *at);
    *at = out[n]->dirty_next;
  }
  return n;
}

uint32_t mr_table_changed(const struct mr_space *space, struct mr_table *table, struct mr_row **out,
                          uint32_t max) {
  uint32_t n = 0;
  while (n < max && table->dirty_first) {
    struct mr_row *row = mr_row_at(space, table->dirty_first);
    table->dirty_first = row->dirty_next == MR_TABLE_DIRTY_LAST ? 0 : row->dirty_next;
    if (!table->dirty_first) table->dirty_last = 0;
    row->dirty_next = 0;
    out[n++] = row;
  }
  return n;
}

uint32_t mr_table_next(const struct mr_space *space, const struct mr_table *table,
                       struct mr_table_walk *walk, struct mr_row **out, uint32_t max) {
  if (!walk->begun) *walk = (struct mr_table_walk){.block = table->rows_first, .begun = true};
  uint32_t n = 0;
  while (n < max && walk->block) {
    struct mr_rows *rows = mr_store_at(&space->store, walk->block);
    uint8_t *first = (uint8_t *)(rows + 1);
    for (; n < max && walk->pos < rows->cnt; walk->pos++)
      out[n++] = (void *)(first + (size_t)walk->pos * space->row_sz);
    if (walk->pos < rows->cnt || !rows->next) break;
    walk->block = rows->next;
    walk->pos = 0;
  }
  return n;
}

/* ---- check ---- */

static bool row_found(const struct mr_space *space, const struct mr_table *t,
                      const struct mr_row *row) {
  if (t->mode == MR_TABLE_HASH) {
    uint32_t tag = mr_keys_tag(space->keys, space->base, row->key);
    struct mr_index_look look = mr_index_look(&space->store, &t->index);
    uint32_t ref;
    MR_INDEX_EACH(&look, tag, ref, ref == mr_store_ref(&space->store, row));
    return ref != 0;
  }
  const uint32_t *refs = array_of(space, t);
  uint32_t cnt = t->null_ref == mr_store_ref(&space->store, row);
  for (uint32_t i = 0; i < t->array_cap; i++) cnt += refs[i] == mr_store_ref(&space->store, row);
  return cnt == 1;
}

bool mr_table_valid(const struct mr_space *space, const struct mr_table *table) {
  struct mr_table_walk walk = {0};
  struct mr_row *row;
  uint64_t cnt = 0;
  while (mr_table_next(space, table, &walk, &row, 1)) {
    if (!row_found(space, table, row)) return false;
    cnt++;
  }
  return cnt == table->row_cnt && (table->mode != MR_TABLE_HASH || table->index.cnt == cnt);
}
