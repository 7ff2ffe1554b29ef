/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of state added to rows of state. */
#include "base/assert.h"
#include "state/fold.h"
#include "state/fold_private.h"

struct merger {
  struct mr_space *space;
  struct mr_table *table;
  const struct mr_fold *f;
  uint32_t idx;
  struct mr_row *const *to, *const *from;
  uint32_t cnt;
  bool by_time;
};

#define TO(i, T)   ((T *)mr_fold_at(m->f, m->to[i]))
#define FROM(i, T) ((T *)mr_fold_at(m->f, m->from[i]))

static bool has_value(const struct merger *m, struct mr_row *row) {
  return m->f->bit == UINT32_MAX || mr_bit_get(mr_fold_bits(m->space->folds, row), m->f->bit);
}

/* ---- numbers ---- */

static void merge_sum(const struct mr_fold *f, struct mr_fold_sum *to,
                      const struct mr_fold_sum *from) {
  if (f->is_double) {
    double v;
    memcpy(&v, &from->lo, sizeof v);
    mr_fold_add_double(to, v);
    return;
  }
  uint64_t lo = to->lo + from->lo;
  to->hi = (int64_t)((uint64_t)to->hi + (uint64_t)from->hi + (lo < to->lo));
  to->lo = lo;
}

static void merge_sums(const struct merger *m) {
  for (uint32_t i = 0; i < m->cnt; i++) {
    if (m->f->is_double)
      *TO(i, double) += *FROM(i, double);
    else
      merge_sum(m->f, TO(i, struct mr_fold_sum), FROM(i, struct mr_fold_sum));
  }
}

static void merge_avgs(const struct merger *m) {
  for (uint32_t i = 0; i < m->cnt; i++) {
    merge_sum(m->f, &TO(i, struct mr_fold_avg)->sum, &FROM(i, struct mr_fold_avg)->sum);
    TO(i, struct mr_fold_avg)->cnt += FROM(i, struct mr_fold_avg)->cnt;
  }
}

static void merge_bounds(const struct merger *m) {
  bool min = m->f->func == MR_FOLD_MIN;
  for (uint32_t i = 0; i < m->cnt; i++) {
    if (m->f->is_double) {
      double *to = TO(i, double), v = *FROM(i, double);
      if (min ? mr_fold_less(v, *to) : mr_fold_less(*to, v)) *to = v;
    } else {
      int64_t *to = TO(i, int64_t), v = *FROM(i, int64_t);
      if (min ? v < *to : v > *to) *to = v;
    }
  }
}

/* Of two parts (Chan, Golub, LeVeque 1979). */
static void merge_spreads(const struct merger *m) {
  for (uint32_t i = 0; i < m->cnt; i++) {
    struct mr_fold_spread *a = TO(i, struct mr_fold_spread);
    const struct mr_fold_spread *b = FROM(i, struct mr_fold_spread);
    if (!b->cnt) continue;
    double n = (double)a->cnt + (double)b->cnt, apart = b->mean - a->mean;
    a->squares += b->squares + apart * apart * ((double)a->cnt * (double)b->cnt / n);
    a->mean += apart * ((double)b->cnt / n);
    a->cnt += b->cnt;
  }
}

/* ---- values with slots ---- */

static void merge_texts(const struct merger *m) {
  for (uint32_t i = 0; i < m->cnt; i++) {
    const struct mr_str *v = FROM(i, struct mr_str);
    struct mr_str *to = TO(i, struct mr_str);
    if (!has_value(m, m->from[i])) continue;
    bool had = has_value(m, m->to[i]);
    int order = had ? mr_str_compare(v, to, m->space->base) : 0;
    if (!had || (m->f->func == MR_FOLD_MIN ? order < 0 : order > 0))
      mr_fold_replace_str(m->space, m->table, v, had, to);
  }
}

static void merge_picks(const struct merger *m) {
  for (uint32_t i = 0; i < m->cnt; i++) {
    const struct mr_fold_pick *v = FROM(i, struct mr_fold_pick);
    struct mr_fold_pick *to = TO(i, struct mr_fold_pick);
    if (!has_value(m, m->from[i])) continue;
    bool had = has_value(m, m->to[i]);
    if (had && !mr_fold_goes(m->f, v->et, v->partition, to)) continue;
    to->et = v->et;
    to->partition = v->partition;
    if (m->f->phys == MR_PHYS_STR)
      mr_fold_replace_str(m->space, m->table, &v->value.s, had, &to->value.s);
    else
      to->value = v->value;
  }
}

static void merge_sets(const struct merger *m) {
  struct mr_fold_place place = {m->space, m->table, m->f, m->idx};
  for (uint32_t i = 0; i < m->cnt; i++) {
    if (mr_fold_is_bitmap(m->f)) {
      for (uint32_t w = 0; w < MR_FOLD_CODES_WORDS; w++) TO(i, uint64_t)[w] |= FROM(i, uint64_t)[w];
      continue;
    }
    uint32_t owner = mr_store_ref(&m->space->store, m->to[i]);
    if (!mr_fold_set_merge(&place, TO(i, struct mr_fold_chain), owner,
                           FROM(i, struct mr_fold_chain)))
      m->space->full = true;
  }
}

static void merge_lists(const struct merger *m) {
  struct mr_fold_place place = {m->space, m->table, m->f, m->idx};
  for (uint32_t i = 0; i < m->cnt; i++)
    if (!mr_fold_list_merge(&place, TO(i, struct mr_fold_chain), FROM(i, struct mr_fold_chain),
                            m->by_time))
      m->space->full = true;
}

static void merge_sketches(const struct merger *m) {
  for (uint32_t i = 0; i < m->cnt; i++)
    if (!mr_hll_merge(&m->space->store, &m->table->slots, TO(i, struct mr_hll),
                      FROM(i, struct mr_hll)))
      m->space->full = true;
}

/* ---- all folds ---- */

static void note_values(const struct merger *m) {
  if (m->f->bit == UINT32_MAX) return;
  for (uint32_t i = 0; i < m->cnt; i++)
    if (has_value(m, m->from[i])) mr_bit_set(mr_fold_bits(m->space->folds, m->to[i]), m->f->bit);
}

static void merge_fold(const struct merger *m) {
  bool text = m->f->phys == MR_PHYS_STR;
  switch (m->f->func) {
  case MR_FOLD_COUNT:
    for (uint32_t i = 0; i < m->cnt; i++) *TO(i, uint64_t) += *FROM(i, uint64_t);
    break;
  case MR_FOLD_SUM: merge_sums(m); break;
  case MR_FOLD_AVG: merge_avgs(m); break;
  case MR_FOLD_MIN:
  case MR_FOLD_MAX: (text ? merge_texts : merge_bounds)(m); break;
  case MR_FOLD_FIRST:
  case MR_FOLD_LAST: merge_picks(m); break;
  case MR_FOLD_LIST: merge_lists(m); break;
  case MR_FOLD_SET:
  case MR_FOLD_DISTINCT:
  case MR_FOLD_PERCENTILE:
  case MR_FOLD_PERCENTILE_DISC:
  case MR_FOLD_QUANTILE:
  case MR_FOLD_TOP:
  case MR_FOLD_MODE: merge_sets(m); break;
  case MR_FOLD_HLL: merge_sketches(m); break;
  case MR_FOLD_STDDEV:
  case MR_FOLD_STDDEV_POP:
  case MR_FOLD_VARIANCE:
  case MR_FOLD_VAR_POP: merge_spreads(m); break;
  }
  note_values(m);
}

void mr_folds_merge(struct mr_space *space, struct mr_table *table, struct mr_row *const *to,
                    struct mr_row *const *from, uint32_t cnt, bool by_time) {
  const struct mr_folds *folds = space->folds;
  MR_ASSERT(folds->merges);
  for (uint32_t k = 0; k < folds->cnt; k++) {
    struct merger m = {space, table, &folds->items[k], k, to, from, cnt, by_time};
    if (!m.f->shares) merge_fold(&m);
  }
}

void mr_folds_copy(struct mr_space *space, struct mr_table *table, struct mr_row *to,
                   struct mr_row *from) {
  if (!space->folds->grows) { /* nothing outside of the row */
    memcpy(to, from, space->row_sz);
    return;
  }
  memset(to, 0, space->row_sz);
  memcpy(to->key, from->key, space->keys->words * sizeof *to->key);
  mr_folds_clear(space->folds, to);
  mr_folds_merge(space, table, &to, &from, 1, false);
}

void mr_folds_settle(struct mr_space *space, struct mr_table *table, struct mr_row *const *rows,
                     uint32_t cnt) {
  for (uint32_t k = 0; k < space->folds->cnt; k++) {
    const struct mr_fold *f = &space->folds->items[k];
    struct mr_fold_place place = {space, table, f, k};
    for (uint32_t i = 0; f->func == MR_FOLD_LIST && i < cnt; i++)
      if (!mr_fold_list_settle(&place, mr_fold_at(f, rows[i]))) space->full = true;
  }
}

/* ---- giving back ---- */

static void release_text(struct mr_space *space, struct mr_table *table, const struct mr_fold *f,
                         struct mr_row *row, const struct mr_str *s) {
  if (mr_bit_get(mr_fold_bits(space->folds, row), f->bit))
    mr_slots_str_give(&space->store, &table->slots, s);
}

void mr_folds_release(struct mr_space *space, struct mr_table *table, struct mr_row *row) {
  if (!space->folds->grows) return;
  for (uint32_t k = 0; k < space->folds->cnt; k++) {
    const struct mr_fold *f = &space->folds->items[k];
    struct mr_fold_place place = {space, table, f, k};
    void *at = mr_fold_at(f, row);
    bool text = f->phys == MR_PHYS_STR;
    if (f->shares) continue;
    switch (f->func) {
    case MR_FOLD_MIN:
    case MR_FOLD_MAX:
      if (text) release_text(space, table, f, row, at);
      break;
    case MR_FOLD_FIRST:
    case MR_FOLD_LAST:
      if (text) release_text(space, table, f, row, &((struct mr_fold_pick *)at)->value.s);
      break;
    case MR_FOLD_LIST: mr_fold_list_drop(&place, at); break;
    case MR_FOLD_SET:
    case MR_FOLD_DISTINCT:
    case MR_FOLD_PERCENTILE:
    case MR_FOLD_PERCENTILE_DISC:
    case MR_FOLD_QUANTILE:
    case MR_FOLD_TOP:
    case MR_FOLD_MODE:
      if (!mr_fold_is_bitmap(f)) mr_fold_set_drop(&place, at, mr_store_ref(&space->store, row));
      break;
    case MR_FOLD_HLL: mr_hll_drop(&space->store, &table->slots, at); break;
    default: break;
    }
  }
}
