/* SPDX-License-Identifier: Apache-2.0 */
#include "state/held.h"

#include <string.h>

#include "base/assert.h"
#include "base/bits.h"

#define PANE_MIN_US 100000 /* narrower panes cost more than they save */
#define CHUNK       64u    /* rows whose cache lines are asked for at a time */

struct pane_at { /* the directory */
  int64_t no;
  uint32_t ref, zero;
};

struct mr_held_pane {
  struct mr_index index;
  struct mr_slots slots;
  uint32_t rows_last; /* block that is being filled */
  uint32_t zero;
  uint64_t row_cnt;
};

struct rows { /* before the rows of a block */
  uint32_t prev, class_idx, cnt, cap;
};
_Static_assert(sizeof(struct rows) == MR_STORE_UNIT, "one unit, so that rows stay aligned");
_Static_assert(sizeof(struct mr_held_pane) <= MR_STORE_BLOCK_MIN, "a pane is a small block");

/* ---- how a row lies ---- */

static void set_width(struct mr_held_form *form, int64_t span_us, int64_t horizon_us) {
  form->pane_us = (span_us + 1) / 2;
  if (form->pane_us < horizon_us / MR_HELD_PANES) form->pane_us = horizon_us / MR_HELD_PANES;
  if (form->pane_us < PANE_MIN_US) form->pane_us = PANE_MIN_US;
}

static uint32_t width_of(enum mr_phys phys) {
  switch (phys) {
  case MR_PHYS_BIT:
  case MR_PHYS_CODE: return 1;
  case MR_PHYS_W8: return 8;
  default: return 16;
  }
}

void mr_held_form_init(struct mr_held_form *form, struct mr_arena *arena,
                       const struct mr_keys *keys, const struct mr_schema *schema, const bool *keep,
                       int64_t span_us, int64_t horizon_us) {
  *form = (struct mr_held_form){.keys = keys};
  set_width(form, span_us, horizon_us);
  form->cols = MR_NEW(arena, struct mr_held_col, schema->cnt + 1);
  uint32_t bits = 0;
  for (uint32_t c = 0; keep && c < schema->cnt; c++) {
    const struct mr_field *f = &schema->fields[c];
    if (!keep[c]) continue;
    struct mr_held_col *col = &form->cols[form->col_cnt++];
    *col = (struct mr_held_col){.col = c, .phys = mr_field_phys(f), .bit = UINT32_MAX};
    if (f->optional) col->bit = bits++;
    if (col->phys != MR_PHYS_LIST) continue;
    col->elem_sz = mr_field_elem_sz(f);
    col->strs = f->elem == MR_TYPE_STRING && !f->codes;
  }
  form->bits_off = (uint32_t)(sizeof(struct mr_held_row) + keys->words * sizeof(uint64_t));
  form->bit_words = (bits + 63) / 64;
  uint32_t off = form->bits_off + form->bit_words * (uint32_t)sizeof(uint64_t);
  for (uint32_t narrow = 0; narrow < 2; narrow++) /* single bytes behind the others */
    for (uint32_t i = 0; i < form->col_cnt; i++) {
      uint32_t width = width_of(form->cols[i].phys);
      if ((width == 1) != (narrow == 1)) continue;
      form->cols[i].off = off;
      off += width;
    }
  form->row_sz = (uint32_t)mr_align_up(off, MR_STORE_UNIT);
}

void mr_held_form_windows(struct mr_held_form *form, int64_t size_us, int64_t offset_us) {
  form->pane_us = size_us;
  form->offset_us = offset_us % size_us;
}

void mr_held_init(struct mr_held *held, const struct mr_held_form *form, struct mr_store *store,
                  const uint8_t *base) {
  MR_ASSERT(form->row_sz <= MR_HELD_ROW_MAX);
  *held = (struct mr_held){.form = form, .store = store, .base = base, .version = 1};
}

/* ---- panes ---- */

static int64_t clamp(int64_t us) {
  return us < MR_HELD_US_LEAST ? MR_HELD_US_LEAST : us > MR_HELD_US_MOST ? MR_HELD_US_MOST : us;
}

static int64_t number_of(const struct mr_held_form *form, int64_t us) {
  int64_t from = clamp(us) - form->offset_us, no = from / form->pane_us;
  return no - (from % form->pane_us < 0);
}

static int64_t start_of(const struct mr_held_form *form, int64_t no) {
  return form->offset_us + no * form->pane_us;
}

int64_t mr_held_window(const struct mr_held_form *form, int64_t us) {
  return start_of(form, number_of(form, us));
}

static struct pane_at *panes_of(const struct mr_held *held) {
  struct pane_at *dir = mr_store_at(held->store, held->dir_ref);
  return dir + held->first;
}

static struct mr_held_pane *pane_of(const struct mr_held *held, uint32_t ref) {
  return mr_store_at(held->store, ref);
}

/* The first open pane whose number is not below no. */
static uint32_t lower_bound(const struct mr_held *held, int64_t no) {
  const struct pane_at *panes = panes_of(held);
  uint32_t lo = 0, hi = held->cnt;
  if (hi && panes[hi - 1].no < no) return hi; /* the usual cases first */
  if (hi && panes[hi - 1].no == no) return hi - 1;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (panes[mid].no < no)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

static bool grow_dir(struct mr_held *held) {
  if (held->first + held->cnt < held->cap) return true;
  if (held->first > held->cap / 2) { /* dropped ones have left room in front */
    struct pane_at *panes = panes_of(held);
    memmove(panes - held->first, panes, held->cnt * sizeof *panes);
    held->first = 0;
    return true;
  }
  uint32_t class_idx = held->dir_ref ? held->dir_class + 1 : 0;
  if (class_idx == MR_STORE_CLASS_CNT) return false;
  uint32_t ref = mr_store_take(held->store, class_idx);
  if (!ref) return false;
  if (held->cnt)
    memcpy(mr_store_at(held->store, ref), panes_of(held), held->cnt * sizeof(struct pane_at));
  if (held->dir_ref) mr_store_give(held->store, held->dir_ref, held->dir_class);
  held->dir_ref = ref;
  held->dir_class = class_idx;
  held->first = 0;
  held->cap = mr_store_class_sz(class_idx) / (uint32_t)sizeof(struct pane_at);
  return true;
}

/* The pane of a number, opened if need be; NULL: no room. */
static struct mr_held_pane *pane_for(struct mr_held *held, int64_t no) {
  uint32_t i = held->cnt ? lower_bound(held, no) : 0;
  if (i < held->cnt && panes_of(held)[i].no == no) return pane_of(held, panes_of(held)[i].ref);
  if (!grow_dir(held)) return NULL;
  uint32_t ref = mr_store_take(held->store, 0);
  if (!ref) return NULL;
  struct mr_held_pane *pane = pane_of(held, ref);
  *pane = (struct mr_held_pane){.rows_last = 0};
  if (!mr_index_init(held->store, &pane->index)) {
    mr_store_give(held->store, ref, 0);
    return NULL;
  }
  struct pane_at *to = panes_of(held) + i;
  memmove(to + 1, to, (held->cnt - i) * sizeof *to);
  *to = (struct pane_at){no, ref, 0};
  held->cnt++;
  held->version++;
  return pane;
}

static void drop_pane(struct mr_held *held, uint32_t ref) {
  struct mr_held_pane *pane = pane_of(held, ref);
  held->row_cnt -= pane->row_cnt;
  mr_index_drop(held->store, &pane->index);
  mr_slots_drop(held->store, &pane->slots);
  for (uint32_t at = pane->rows_last; at;) {
    const struct rows *rows = mr_store_at(held->store, at);
    uint32_t prev = rows->prev, class_idx = rows->class_idx;
    mr_store_give(held->store, at, class_idx);
    at = prev;
  }
  mr_store_give(held->store, ref, 0);
}

void mr_held_evict(struct mr_held *held, int64_t before_us) {
  int64_t no = number_of(held->form, before_us); /* panes before this one */
  while (held->cnt && panes_of(held)->no < no) {
    drop_pane(held, panes_of(held)->ref);
    held->first++;
    held->cnt--;
    held->version++;
  }
}

/* ---- finding ---- */

static void look_for(const struct mr_held *held, struct mr_held_span span, struct mr_held_look *l) {
  if (span.lo >= l->lo_from && span.lo < l->lo_to && span.hi >= l->hi_from && span.hi < l->hi_to &&
      l->version == held->version)
    return;
  const struct mr_held_form *form = held->form;
  int64_t lo = number_of(form, span.lo), hi = number_of(form, span.hi);
  *l = (struct mr_held_look){.lo_from = start_of(form, lo),
                             .lo_to = start_of(form, lo + 1),
                             .hi_from = start_of(form, hi),
                             .hi_to = start_of(form, hi + 1),
                             .version = held->version};
  if (!held->cnt) return;
  const struct pane_at *panes = panes_of(held);
  for (uint32_t i = lower_bound(held, lo); i < held->cnt && panes[i].no <= hi; i++) {
    MR_ASSERT(l->cnt < MR_HELD_LOOK);
    l->refs[l->cnt] = panes[i].ref;
    l->looks[l->cnt++] = mr_index_look(held->store, &pane_of(held, panes[i].ref)->index);
  }
}

static void fetch_buckets(const struct mr_held *held, const struct mr_key_batch *keys,
                          const uint16_t *rows, uint32_t cnt, const struct mr_held_span *spans,
                          struct mr_held_look *l) {
  for (uint32_t i = 0; i < cnt; i++) {
    uint32_t tag = keys->tags[rows[i]];
    look_for(held, spans[i], l);
    for (uint32_t p = 0; p < l->cnt; p++)
      mr_prefetch(mr_index_seg_of(&l->looks[p], tag) + mr_index_first(tag, l->looks[p].mask));
  }
}

void mr_held_fetch(const struct mr_held *held, const struct mr_key_batch *keys,
                   const uint16_t *rows, uint32_t cnt, const struct mr_held_span *spans) {
  struct mr_held_look l = {0};
  fetch_buckets(held, keys, rows, cnt, spans, &l);
}

static const uint64_t *key_of(const struct mr_held *held, uint32_t ref) {
  return mr_held_at(held, ref)->key;
}

static uint32_t find_key(const struct mr_held *held, const struct mr_index_look *look,
                         const uint64_t *key, uint32_t tag) {
  uint32_t ref;
  MR_INDEX_EACH(look, tag, ref,
                mr_keys_equal(held->form->keys, held->base, key_of(held, ref), key));
  return ref;
}

void mr_held_find_one(const struct mr_held *held, const uint64_t *key, uint32_t tag,
                      struct mr_held_span span, struct mr_held_look *look,
                      uint32_t heads[MR_HELD_LOOK]) {
  look_for(held, span, look);
  for (uint32_t p = 0; p < MR_HELD_LOOK; p++) {
    heads[p] = 0;
    if (p >= look->cnt) continue;
    struct mr_index_look at = mr_index_look(held->store, &pane_of(held, look->refs[p])->index);
    heads[p] = find_key(held, &at, key, tag);
  }
}

/* What has the tags, whose lines are on their way: asks for the rows. */
static void find_tags(const struct mr_held *held, const struct mr_key_batch *keys,
                      const uint16_t *rows, uint32_t cnt, const struct mr_held_span *spans,
                      struct mr_held_look *l, uint32_t (*heads)[MR_HELD_LOOK]) {
  bool wide = held->form->row_sz > MR_CACHE_LINE;
  for (uint32_t i = 0; i < cnt; i++) {
    uint32_t tag = keys->tags[rows[i]];
    look_for(held, spans[i], l);
    for (uint32_t p = 0; p < MR_HELD_LOOK; p++) {
      heads[i][p] = 0;
      if (p >= l->cnt) continue;
      MR_INDEX_EACH(&l->looks[p], tag, heads[i][p], true);
      if (!heads[i][p]) continue;
      const char *row = (const char *)mr_held_at(held, heads[i][p]);
      mr_prefetch(row);
      if (wide) mr_prefetch(row + MR_CACHE_LINE);
    }
  }
}

void mr_held_find(const struct mr_held *held, const struct mr_key_batch *keys, const uint16_t *rows,
                  uint32_t cnt, const struct mr_held_span *spans, uint32_t (*heads)[MR_HELD_LOOK]) {
  const struct mr_keys *form = held->form->keys;
  struct mr_held_look l = {0};
  for (uint32_t at = 0; at < cnt; at += CHUNK) {
    uint32_t n = cnt - at < CHUNK ? cnt - at : CHUNK;
    fetch_buckets(held, keys, rows + at, n, spans + at, &l);
    find_tags(held, keys, rows + at, n, spans + at, &l, heads + at);
    for (uint32_t i = at; i < at + n; i++) {
      const uint64_t *key = keys->words + (size_t)rows[i] * form->words;
      look_for(held, spans[i], &l);
      for (uint32_t p = 0; p < l.cnt; p++)
        if (heads[i][p] && !mr_keys_equal(form, held->base, key_of(held, heads[i][p]), key))
          heads[i][p] = find_key(held, &l.looks[p], key, keys->tags[rows[i]]);
    }
  }
}

/* ---- adding ---- */

/* Room for one more row in the pane; NULL: none. It counts once `rows->cnt` does. */
static struct mr_held_row *next_row(struct mr_held *held, struct mr_held_pane *pane,
                                    struct rows **block) {
  struct rows *rows = pane->rows_last ? mr_store_at(held->store, pane->rows_last) : NULL;
  if (!rows || rows->cnt == rows->cap) {
    uint32_t want = rows ? rows->class_idx + 1 : 0;
    uint32_t least = mr_store_class(sizeof *rows + held->form->row_sz);
    if (want > MR_STORE_CLASS_SEG) want = MR_STORE_CLASS_SEG;
    if (want < least) want = least;
    uint32_t ref = mr_store_take(held->store, want);
    if (!ref) return NULL;
    rows = mr_store_at(held->store, ref);
    *rows = (struct rows){.prev = pane->rows_last, .class_idx = want};
    rows->cap = (mr_store_class_sz(want) - (uint32_t)sizeof *rows) / held->form->row_sz;
    pane->rows_last = ref;
  }
  *block = rows;
  return (void *)((uint8_t *)(rows + 1) + (size_t)rows->cnt * held->form->row_sz);
}

static bool keep_str(struct mr_held *held, struct mr_held_pane *pane, const void *from, void *to) {
  struct mr_str s, kept;
  memcpy(&s, from, sizeof s);
  if (!mr_slots_str(held->store, &pane->slots, held->base, &s, &kept)) return false;
  memcpy(to, &kept, sizeof kept);
  return true;
}

struct list_bytes { /* what the elements of a list take in one slot */
  uint64_t nulls, values, texts;
};

static struct list_bytes list_bytes(const struct mr_held *held, const struct mr_held_col *col,
                                    const struct mr_list *list) {
  struct list_bytes sz = {.values = mr_align_up((uint64_t)list->cnt * col->elem_sz, 8)};
  if (list->has_nulls) sz.nulls = mr_bitmap_words(list->cnt) * 8ull;
  const struct mr_str *strs = (const struct mr_str *)(const void *)(held->base + list->off);
  for (uint32_t i = 0; col->strs && i < list->cnt; i++)
    if (strs[i].len > MR_STR_INLINE) sz.texts += strs[i].len;
  return sz;
}

/* The elements, what says which are NULL, and their texts lie in one slot. */
static bool keep_list(struct mr_held *held, struct mr_held_pane *pane,
                      const struct mr_held_col *col, const struct mr_list *from, void *to) {
  struct mr_list list = *from;
  if (list.cnt) {
    struct list_bytes sz = list_bytes(held, col, from);
    uint32_t ref = mr_slots_take(held->store, &pane->slots, sz.nulls + sz.values + sz.texts);
    if (!ref) return false;
    const uint8_t *at = held->base + list.off;
    uint8_t *bytes = mr_store_at(held->store, ref), *text = bytes + sz.nulls + sz.values;
    memcpy(bytes, at - sz.nulls, sz.nulls + (uint64_t)list.cnt * col->elem_sz);
    struct mr_str *kept = (struct mr_str *)(void *)(bytes + sz.nulls);
    for (uint32_t i = 0; col->strs && i < list.cnt; i++) {
      if (kept[i].len <= MR_STR_INLINE) continue;
      uint32_t len = kept[i].len;
      memcpy(text, mr_str_data(&kept[i], held->base), len);
      kept[i] = mr_str_make((char *)text, len, held->base);
      text += len;
    }
    list.off = (uint64_t)(bytes + sz.nulls - held->base);
  }
  memcpy(to, &list, sizeof list);
  return true;
}

/* Gives back what a value has in slots. */
static void give_value(struct mr_held *held, struct mr_held_pane *pane,
                       const struct mr_held_col *col, const void *at) {
  if (col->phys == MR_PHYS_STR) {
    struct mr_str s;
    memcpy(&s, at, sizeof s);
    mr_slots_str_give(held->store, &pane->slots, &s);
  } else if (col->phys == MR_PHYS_LIST) {
    struct mr_list list;
    memcpy(&list, at, sizeof list);
    if (!list.cnt) return;
    struct list_bytes sz = list_bytes(held, col, &list);
    uint32_t ref = mr_store_ref(held->store, held->base + list.off - sz.nulls);
    mr_slots_give(held->store, &pane->slots, ref, sz.nulls + sz.values + sz.texts);
  }
}

static bool keep_value(struct mr_held *held, struct mr_held_pane *pane,
                       const struct mr_held_col *col, const void *data, uint32_t row, uint8_t *to) {
  switch (col->phys) {
  case MR_PHYS_BIT: *to = mr_bit_get(data, row); return true;
  case MR_PHYS_CODE: *to = ((const uint8_t *)data)[row]; return true;
  case MR_PHYS_W8: memcpy(to, (const uint64_t *)data + row, 8); return true;
  case MR_PHYS_STR: return keep_str(held, pane, (const struct mr_str *)data + row, to);
  default: return keep_list(held, pane, col, (const struct mr_list *)data + row, to);
  }
}

static bool keep_columns(struct mr_held *held, struct mr_held_pane *pane,
                         const struct mr_view *view, uint32_t row, struct mr_held_row *to) {
  const struct mr_held_form *form = held->form;
  uint8_t *bytes = (uint8_t *)to;
  uint64_t *nulls = (uint64_t *)(void *)(bytes + form->bits_off);
  memset(nulls, 0, form->bit_words * sizeof *nulls);
  for (uint32_t i = 0; i < form->col_cnt; i++) {
    const struct mr_held_col *c = &form->cols[i];
    const struct mr_col *col = &view->cols[c->col];
    if (col->valid && !mr_bit_get(col->valid, row)) {
      MR_DASSERT(c->bit != UINT32_MAX);
      nulls[c->bit / 64] |= UINT64_C(1) << c->bit % 64;
      memset(bytes + c->off, 0, width_of(c->phys));
    } else if (!keep_value(held, pane, c, col->data, row, bytes + c->off)) {
      return false;
    }
  }
  return true;
}

static bool keep_key(struct mr_held *held, struct mr_held_pane *pane, const uint64_t *key,
                     struct mr_held_row *to) {
  const struct mr_keys *keys = held->form->keys;
  memcpy(to->key, key, keys->words * sizeof *key);
  for (uint32_t w = keys->str_word; w < keys->words; w += 2)
    if (!keep_str(held, pane, key + w, to->key + w)) return false;
  return true;
}

/* Puts the row behind the first of its key, or makes it the first. */
static bool chain(struct mr_held *held, struct mr_held_pane *pane, struct mr_held_row *row,
                  uint32_t tag) {
  struct mr_index_look look = mr_index_look(held->store, &pane->index);
  uint32_t ref = find_key(held, &look, row->key, tag), own = mr_store_ref(held->store, row);
  if (!ref) return mr_index_add(held->store, &pane->index, tag, own);
  struct mr_held_row *first = mr_held_at(held, ref);
  row->next = first->next;
  first->next = own;
  return true;
}

uint32_t mr_held_add(struct mr_held *held, const struct mr_view *view, uint32_t row, int64_t us,
                     const uint64_t *key, uint32_t tag, bool chained) {
  /* What is left beyond `tight` is enough for any row but one with very long texts: then the texts
   * that were taken stay with the pane. */
  if (mr_store_tight(held->store)) return 0;
  struct mr_held_pane *pane = pane_for(held, number_of(held->form, us));
  struct rows *block;
  if (!pane) return 0;
  struct mr_held_row *to = next_row(held, pane, &block);
  if (!to) return 0;
  to->next = 0;
  to->flags = chained ? 0 : MR_HELD_LOOSE;
  to->us = us;
  if (!keep_key(held, pane, key, to) || !keep_columns(held, pane, view, row, to) ||
      (chained && !chain(held, pane, to, tag)))
    return 0;
  block->cnt++;
  pane->row_cnt++;
  held->row_cnt++;
  return mr_store_ref(held->store, to);
}

bool mr_held_replace(struct mr_held *held, struct mr_held_row *at, const struct mr_view *view,
                     uint32_t row) {
  const struct mr_held_form *form = held->form;
  uint8_t fresh[MR_COLUMNS_MAX][16], *bytes = (uint8_t *)at;
  uint32_t done = 0;
  if (mr_store_tight(held->store)) return false;
  struct mr_held_pane *pane = pane_for(held, number_of(form, at->us));
  for (; done < form->col_cnt; done++) { /* all new values before an old one goes */
    const struct mr_held_col *c = &form->cols[done];
    const struct mr_col *col = &view->cols[c->col];
    memset(fresh[done], 0, sizeof fresh[done]);
    if (col->valid && !mr_bit_get(col->valid, row)) continue;
    if (!keep_value(held, pane, c, col->data, row, fresh[done])) break;
  }
  if (done < form->col_cnt) {
    while (done-- > 0) give_value(held, pane, &form->cols[done], fresh[done]);
    return false;
  }
  uint64_t *nulls = (uint64_t *)(void *)(bytes + form->bits_off);
  memset(nulls, 0, form->bit_words * sizeof *nulls);
  for (uint32_t i = 0; i < form->col_cnt; i++) {
    const struct mr_held_col *c = &form->cols[i];
    const struct mr_col *col = &view->cols[c->col];
    give_value(held, pane, c, bytes + c->off);
    memcpy(bytes + c->off, fresh[i], width_of(c->phys));
    if (col->valid && !mr_bit_get(col->valid, row))
      nulls[c->bit / 64] |= UINT64_C(1) << c->bit % 64;
  }
  return true;
}

void mr_held_swap(const struct mr_held *held, struct mr_held_row *a, struct mr_held_row *b) {
  uint32_t words = (held->form->row_sz - held->form->bits_off) / (uint32_t)sizeof(uint64_t);
  uint64_t *x = (uint64_t *)(void *)((uint8_t *)a + held->form->bits_off);
  uint64_t *y = (uint64_t *)(void *)((uint8_t *)b + held->form->bits_off);
  for (uint32_t i = 0; i < words; i++) {
    uint64_t word = x[i];
    x[i] = y[i];
    y[i] = word;
  }
}

void mr_held_each(const struct mr_held *held, mr_held_fn fn, void *ctx) {
  for (uint32_t p = 0; p < held->cnt; p++)
    for (uint32_t ref = pane_of(held, panes_of(held)[p].ref)->rows_last; ref;) {
      const struct rows *rows = mr_store_at(held->store, ref);
      for (uint32_t i = 0; i < rows->cnt; i++) {
        const uint8_t *row = (const uint8_t *)(rows + 1) + (size_t)i * held->form->row_sz;
        fn(held, (const void *)row, ctx);
      }
      ref = rows->prev;
    }
}

/* ---- checks ---- */

static bool pane_valid(const struct mr_held *held, const struct pane_at *at) {
  const struct mr_held_pane *pane = pane_of(held, at->ref);
  uint64_t cnt = 0;
  struct mr_index_look look = mr_index_look(held->store, &pane->index);
  for (uint32_t ref = pane->rows_last; ref;) {
    const struct rows *rows = mr_store_at(held->store, ref);
    if (rows->cnt > rows->cap) return false;
    for (uint32_t i = 0; i < rows->cnt; i++) {
      const uint8_t *bytes = (const uint8_t *)(rows + 1) + (size_t)i * held->form->row_sz;
      const struct mr_held_row *row = (const void *)bytes;
      if (number_of(held->form, row->us) != at->no) return false;
      if (row->flags & MR_HELD_LOOSE) continue;
      uint32_t own = mr_store_ref(held->store, row);
      uint32_t tag = mr_keys_tag(held->form->keys, held->base, row->key);
      uint32_t link = find_key(held, &look, row->key, tag);
      while (link && link != own) link = mr_held_at(held, link)->next;
      if (!link) return false;
    }
    cnt += rows->cnt;
    ref = rows->prev;
  }
  return cnt == pane->row_cnt;
}

bool mr_held_valid(const struct mr_held *held) {
  uint64_t cnt = 0;
  for (uint32_t i = 0; i < held->cnt; i++) {
    const struct pane_at *at = panes_of(held) + i;
    if (i && at[-1].no >= at->no) return false;
    if (!pane_valid(held, at)) return false;
    cnt += pane_of(held, at->ref)->row_cnt;
  }
  return cnt == held->row_cnt;
}
