/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/window/panes.h"

#include <string.h>

#include "base/bits.h"

/* ---- panes ---- */

uint32_t mr_panes_lower(const struct mr_panes *panes, const struct mr_space *space,
                        int64_t start_us) {
  uint32_t lo = 0, hi = panes->cnt;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (mr_pane_at(panes, space, mid)->start_us < start_us)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

/* Room for one more pane behind the last; false: none. */
static bool grow(struct mr_panes *panes, struct mr_space *space) {
  struct mr_store *store = &space->store;
  if (panes->first + panes->cnt < panes->cap) return true;
  if (panes->first > panes->cap / 2) { /* closed ones have left room in front */
    struct mr_pane *all = mr_store_at(store, panes->ref);
    memmove(all, all + panes->first, panes->cnt * sizeof *all);
    panes->first = 0;
    return true;
  }
  uint32_t class_idx = panes->ref ? panes->class_idx + 1 : 0;
  if (class_idx == MR_STORE_CLASS_CNT) return false;
  uint32_t ref = mr_store_take(store, class_idx);
  if (!ref) return false;
  if (panes->cnt)
    memcpy(mr_store_at(store, ref), mr_pane_at(panes, space, 0),
           panes->cnt * sizeof(struct mr_pane));
  if (panes->ref) mr_store_give(store, panes->ref, panes->class_idx);
  panes->ref = ref;
  panes->class_idx = class_idx;
  panes->first = 0;
  panes->cap = mr_store_class_sz(class_idx) / (uint32_t)sizeof(struct mr_pane);
  return true;
}

static bool is_pane(const struct mr_pane *pane, int64_t start_us, int64_t from_us) {
  return pane->start_us == start_us && pane->from_us == from_us;
}

struct mr_pane *mr_panes_find(struct mr_panes *panes, struct mr_space *space, int64_t start_us,
                              int64_t from_us) {
  if (panes->last < panes->cnt && is_pane(mr_pane_at(panes, space, panes->last), start_us, from_us))
    return mr_pane_at(panes, space, panes->last);
  uint32_t i = mr_panes_lower(panes, space, start_us);
  for (; i < panes->cnt; i++) {
    const struct mr_pane *pane = mr_pane_at(panes, space, i);
    if (pane->start_us != start_us || pane->from_us >= from_us) break;
  }
  if (i < panes->cnt && is_pane(mr_pane_at(panes, space, i), start_us, from_us)) {
    panes->last = i;
    return mr_pane_at(panes, space, i);
  }
  if (mr_store_tight(&space->store) || !grow(panes, space)) return NULL;
  uint32_t table = mr_table_new(space);
  if (!table) return NULL;
  struct mr_pane *to = mr_pane_at(panes, space, i);
  memmove(to + 1, to, (panes->cnt - i) * sizeof *to);
  *to = (struct mr_pane){.start_us = start_us, .from_us = from_us, .table = table};
  panes->cnt++;
  panes->last = i;
  return to;
}

void mr_panes_drop_first(struct mr_panes *panes, struct mr_space *space) {
  mr_table_drop(space, mr_pane_at(panes, space, 0)->table);
  panes->first++;
  panes->cnt--;
  if (panes->last) panes->last--;
}

/* ---- reading ---- */

bool mr_fire_init(struct mr_fire *fire, struct mr_arena *arena, const struct mr_slices *slices,
                  const struct mr_panes *panes, struct mr_space *space) {
  *fire = (struct mr_fire){.slices = slices, .panes = panes, .space = space};
  if (slices->single) return true;
  mr_row_keys_init(&fire->keys, arena, space->keys);
  fire->merged_ref = mr_store_take(&space->store, MR_STORE_CLASS_SEG);
  fire->merged_max = MR_STATE_SEGMENT_SZ / space->row_sz;
  return fire->merged_ref != 0;
}

static int64_t last_end(const struct mr_fire *fire, const struct mr_pane *pane) {
  return mr_slices_last_end(fire->slices, pane->start_us);
}

int64_t mr_fire_next_end(const struct mr_fire *fire, int64_t after_us) {
  uint32_t lo = 0, hi = fire->panes->cnt;
  while (lo < hi) { /* the first pane of which a window is left */
    uint32_t mid = (lo + hi) / 2;
    if (last_end(fire, mr_pane_at(fire->panes, fire->space, mid)) <= after_us)
      lo = mid + 1;
    else
      hi = mid;
  }
  int64_t end = INT64_MAX;
  for (; lo < fire->panes->cnt; lo++) {
    const struct mr_pane *pane = mr_pane_at(fire->panes, fire->space, lo);
    if (pane->start_us >= end) break;
    int64_t next = mr_slices_end_after(fire->slices, pane->from_us, after_us);
    if (next < end) end = next;
    if (end <= after_us + fire->slices->stride_us) break; /* none is nearer */
  }
  return end;
}

static bool counts(const struct mr_fire *fire, uint32_t i) {
  return mr_pane_at(fire->panes, fire->space, i)->from_us <= fire->end_us;
}

static void find_range(const struct mr_fire *fire, int64_t end_us, uint32_t *lo, uint32_t *hi) {
  *lo = mr_panes_lower(fire->panes, fire->space, mr_slices_start(fire->slices, end_us));
  *hi = mr_panes_lower(fire->panes, fire->space, end_us);
}

void mr_fire_begin(struct mr_fire *fire, int64_t end_us, bool changes) {
  fire->end_us = end_us;
  fire->changes = changes;
  find_range(fire, end_us, &fire->lo, &fire->hi);
  fire->pane_cnt = 0;
  for (uint32_t i = fire->lo; i < fire->hi; i++) fire->pane_cnt += counts(fire, i);
  fire->at = fire->lo;
  fire->walk = (struct mr_table_walk){0};
  fire->change = 0;
  fire->stamp++;
}

bool mr_fire_is_due(const struct mr_fire *fire, int64_t end_us, bool corrects) {
  uint32_t lo, hi;
  find_range(fire, end_us, &lo, &hi);
  for (; lo < hi; lo++) {
    const struct mr_pane *pane = mr_pane_at(fire->panes, fire->space, lo);
    if (pane->from_us <= end_us && (corrects ? pane->corrects : pane->dirty)) return true;
  }
  return false;
}

void mr_fire_clear(struct mr_fire *fire) {
  if (!fire->merged_cnt) return;
  mr_index_drop(&fire->space->store, &fire->merged.members);
  mr_slots_drop(&fire->space->store, &fire->merged.slots);
  fire->merged_cnt = 0;
}

/* Makes *first, which stands in a table, a row of its own. */
static void set_apart(struct mr_fire *fire, struct mr_row **first) {
  uint8_t *rows = mr_store_at(&fire->space->store, fire->merged_ref);
  struct mr_row *to = (void *)(rows + (size_t)fire->merged_cnt++ * fire->space->row_sz);
  mr_folds_copy(fire->space, &fire->merged, to, *first);
  *first = to;
}

/* Puts together what the panes have for the groups of rows[0..n), which are rows of the pane at
 * hand, in the order of the panes. */
static void merge_rows(struct mr_fire *fire, struct mr_row **rows, uint32_t n) {
  struct mr_row *found[MR_BATCH_ROWS], *first[MR_BATCH_ROWS];
  struct mr_row *to[MR_BATCH_ROWS], *from[MR_BATCH_ROWS];
  uint64_t apart[MR_BATCH_WORDS] = {0};
  mr_row_keys_set(&fire->keys, fire->space, rows, n);
  memset(first, 0, n * sizeof *first);
  /* when all is read, what is in earlier panes has been seen there */
  for (uint32_t p = fire->changes ? fire->lo : fire->at; p < fire->hi; p++) {
    uint32_t m = 0;
    if (!counts(fire, p)) continue;
    if (p == fire->at)
      memcpy(found, rows, n * sizeof *found);
    else
      mr_table_look(fire->space,
                    mr_table_at(fire->space, mr_pane_at(fire->panes, fire->space, p)->table),
                    &fire->keys, n, found);
    for (uint32_t i = 0; i < n; i++) {
      if (!found[i]) continue;
      found[i]->stamp = fire->stamp;
      if (!first[i]) {
        first[i] = found[i];
        continue;
      }
      if (!mr_bit_get(apart, i)) {
        mr_bit_set(apart, i);
        set_apart(fire, &first[i]);
      }
      to[m] = first[i];
      from[m++] = found[i];
    }
    mr_folds_merge(fire->space, &fire->merged, to, from, m, false);
  }
  memcpy(rows, first, n * sizeof *rows);
}

/* Rows of the pane at hand; *all: there are no more. */
static uint32_t take_rows(struct mr_fire *fire, struct mr_row **rows, uint32_t max, bool *all) {
  const struct mr_pane *pane = mr_pane_at(fire->panes, fire->space, fire->at);
  struct mr_table *t = mr_table_at(fire->space, pane->table);
  uint32_t n = 0;
  if (!fire->changes)
    n = mr_table_next(fire->space, t, &fire->walk, rows, max);
  else if (pane->dirty)
    n = mr_table_changes(fire->space, t, &fire->change, rows, max);
  *all = n < max;
  return n;
}

uint32_t mr_fire_rows(struct mr_fire *fire, struct mr_row **rows, uint32_t max, bool *all) {
  uint32_t n = 0;
  *all = false;
  while (fire->at < fire->hi) {
    uint32_t room = max - n;
    bool merges = fire->pane_cnt > 1, pane_read = true;
    if (merges && room > fire->merged_max - fire->merged_cnt)
      room = fire->merged_max - fire->merged_cnt;
    if (!room) return n;
    if (counts(fire, fire->at)) {
      uint32_t got = take_rows(fire, rows + n, room, &pane_read), kept = 0;
      for (uint32_t i = 0; merges && i < got; i++)
        if (rows[n + i]->stamp != fire->stamp) rows[n + kept++] = rows[n + i];
      if (!merges) kept = got;
      if (merges && kept) merge_rows(fire, rows + n, kept);
      n += kept;
    }
    if (!pane_read) continue;
    fire->at++;
    fire->walk = (struct mr_table_walk){0};
    fire->change = 0;
  }
  *all = true;
  return n;
}
