/* SPDX-License-Identifier: Apache-2.0 */
#include "state/fold.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "state/fold_private.h"

#define NO_BIT UINT32_MAX

/* ---- layout ---- */

/* Ranks of the texts of an enum column, from 1. */
static void rank_codes(struct mr_fold *f, struct mr_arena *arena) {
  const struct mr_enum *e = f->arg.codes;
  uint16_t *rank = MR_NEW(arena, uint16_t, 256);
  uint8_t *by_rank = MR_NEW(arena, uint8_t, e->cnt + 1);
  for (uint32_t a = 0; a < e->cnt; a++) {
    uint32_t less = 0;
    for (uint32_t b = 0; b < e->cnt; b++) {
      uint32_t len = e->lens[a] < e->lens[b] ? e->lens[a] : e->lens[b];
      int order = memcmp(e->texts[b], e->texts[a], len);
      less += order < 0 || (order == 0 && e->lens[b] < e->lens[a]);
    }
    rank[a] = (uint16_t)(less + 1);
    by_rank[less + 1] = (uint8_t)a;
  }
  f->rank = rank;
  f->by_rank = by_rank;
}

static uint32_t state_sz(const struct mr_fold *f) {
  switch (f->func) {
  case MR_FOLD_COUNT: return 8;
  case MR_FOLD_SUM: return f->is_double ? 8 : sizeof(struct mr_fold_sum);
  case MR_FOLD_AVG: return sizeof(struct mr_fold_avg);
  case MR_FOLD_MIN:
  case MR_FOLD_MAX: return f->phys == MR_PHYS_STR ? sizeof(struct mr_str) : 8;
  case MR_FOLD_FIRST:
  case MR_FOLD_LAST: return sizeof(struct mr_fold_pick);
  case MR_FOLD_LIST: return sizeof(struct mr_fold_chain);
  case MR_FOLD_HLL: return sizeof(struct mr_hll);
  case MR_FOLD_STDDEV:
  case MR_FOLD_STDDEV_POP:
  case MR_FOLD_VARIANCE:
  case MR_FOLD_VAR_POP: return sizeof(struct mr_fold_spread);
  case MR_FOLD_PERCENTILE:
  case MR_FOLD_PERCENTILE_DISC:
  case MR_FOLD_QUANTILE:
  case MR_FOLD_TOP:
  case MR_FOLD_MODE: return sizeof(struct mr_fold_chain);
  default: return mr_fold_is_small(f) ? MR_FOLD_CODES_WORDS * 8 : sizeof(struct mr_fold_chain);
  }
}

/* Whether a row must remember that the fold has a value. */
static bool needs_bit(const struct mr_fold *f) {
  switch (f->func) {
  case MR_FOLD_SUM: return f->maybe_null;
  case MR_FOLD_MIN:
  case MR_FOLD_MAX: return f->maybe_null || f->phys == MR_PHYS_STR;
  case MR_FOLD_FIRST:
  case MR_FOLD_LAST: return true;
  default: return false;
  }
}

static void find_fused(struct mr_folds *folds) {
  folds->fused_set = 0;
  for (uint32_t i = 0; i < folds->cnt; i++) {
    const struct mr_fold *f = &folds->items[i];
    bool fits = f->func <= MR_FOLD_MAX && !f->maybe_null && !(folds->fused_set >> f->func & 1);
    if (f->func == MR_FOLD_COUNT)
      fits &= !f->has_arg;
    else
      fits &= f->phys == MR_PHYS_W8 && !f->is_double;
    if (!fits) {
      folds->fused_set = 0;
      return;
    }
    folds->fused_set |= 1u << f->func;
    folds->fused_off[f->func] = f->off;
  }
}

void mr_folds_init(struct mr_folds *folds, struct mr_arena *arena, uint32_t before) {
  folds->bits_off = (before + 7) & ~7u;
  folds->bit_cnt = 0;
  folds->grows = false;
  for (uint32_t i = 0; i < folds->cnt; i++) {
    struct mr_fold *f = &folds->items[i];
    f->phys = f->has_arg ? mr_field_phys(&f->arg) : MR_PHYS_W8;
    f->is_double = f->has_arg && f->arg.type == MR_TYPE_DOUBLE;
    f->bit = needs_bit(f) ? folds->bit_cnt++ : NO_BIT;
    bool ordered = f->func == MR_FOLD_MIN || f->func == MR_FOLD_MAX;
    if (f->has_arg && f->arg.codes && ordered) rank_codes(f, arena);
    bool chain = f->func >= MR_FOLD_SET && f->func <= MR_FOLD_HLL && !mr_fold_is_small(f);
    bool text = f->phys == MR_PHYS_STR && f->func >= MR_FOLD_MIN && f->func <= MR_FOLD_LAST;
    folds->grows |= f->func == MR_FOLD_LIST || chain || text || mr_fold_is_counted(f);
    f->ordered = folds->merges && f->func == MR_FOLD_LIST;
  }
  uint32_t off = folds->bits_off + (folds->bit_cnt + 63) / 64 * 8;
  for (uint32_t i = 0; i < folds->cnt; i++) {
    struct mr_fold *f = &folds->items[i];
    f->off = f->shares ? folds->items[f->shares - 1].off : off;
    if (!f->shares) off += state_sz(f);
  }
  folds->row_sz = off;
  find_fused(folds);
}

/* What no value is greater (min) or less (max) than. */
static void clear_bound(const struct mr_fold *f, struct mr_row *row) {
  bool min = f->func == MR_FOLD_MIN;
  if (f->is_double) {
    *(double *)mr_fold_at(f, row) = min ? (double)NAN : -(double)INFINITY;
  } else {
    *(int64_t *)mr_fold_at(f, row) = min ? INT64_MAX : INT64_MIN;
  }
}

void mr_folds_clear(const struct mr_folds *folds, struct mr_row *row) {
  for (uint32_t i = 0; i < folds->cnt; i++) {
    const struct mr_fold *f = &folds->items[i];
    if (f->phys == MR_PHYS_STR) continue;
    if (f->func == MR_FOLD_MIN || f->func == MR_FOLD_MAX) clear_bound(f, row);
  }
}

/* ---- one fold over many rows ---- */

struct adder {
  struct mr_space *space;
  struct mr_table *table;
  const struct mr_fold *f;
  uint32_t idx; /* of the fold */
  const struct mr_fold_in *in;
  const struct mr_fold_batch *batch;
  const uint16_t *rows;
  struct mr_row *const *state;
  uint32_t cnt;
};

#define AT(i, T) ((T *)mr_fold_at(a->f, a->state[i]))

static inline int64_t int_of(const struct mr_fold *f, const struct mr_fold_in *in, uint32_t row) {
  switch (f->phys) {
  case MR_PHYS_BIT: return mr_bit_get(in->data, row);
  case MR_PHYS_CODE: {
    uint8_t code = ((const uint8_t *)in->data)[row];
    return f->rank ? f->rank[code] : code;
  }
  default: return ((const int64_t *)in->data)[row];
  }
}

static void add_sums(const struct adder *a) {
  const double *d = a->in->data;
  if (a->f->is_double) {
    for (uint32_t i = 0; i < a->cnt; i++) *AT(i, double) += d[a->rows[i]];
    return;
  }
  for (uint32_t i = 0; i < a->cnt; i++)
    mr_fold_add_sum(AT(i, struct mr_fold_sum), int_of(a->f, a->in, a->rows[i]));
}

static void add_avgs(const struct adder *a) {
  const double *d = a->in->data;
  for (uint32_t i = 0; i < a->cnt; i++) {
    struct mr_fold_avg *avg = AT(i, struct mr_fold_avg);
    if (a->f->is_double)
      mr_fold_add_double(&avg->sum, d[a->rows[i]]);
    else
      mr_fold_add_sum(&avg->sum, int_of(a->f, a->in, a->rows[i]));
    avg->cnt++;
  }
}

static void add_spreads(const struct adder *a) {
  const double *d = a->in->data;
  const int64_t *v = a->in->data;
  for (uint32_t i = 0; i < a->cnt; i++) {
    struct mr_fold_spread *s = AT(i, struct mr_fold_spread);
    double x = a->f->is_double ? d[a->rows[i]] : (double)v[a->rows[i]], before = x - s->mean;
    s->mean += before / (double)++s->cnt;
    s->squares += before * (x - s->mean);
  }
}

static void add_min(const struct adder *a) {
  const double *d = a->in->data;
  if (a->f->is_double) {
    for (uint32_t i = 0; i < a->cnt; i++)
      if (mr_fold_less(d[a->rows[i]], *AT(i, double))) *AT(i, double) = d[a->rows[i]];
    return;
  }
  for (uint32_t i = 0; i < a->cnt; i++) {
    int64_t v = int_of(a->f, a->in, a->rows[i]), *min = AT(i, int64_t);
    *min = v < *min ? v : *min;
  }
}

static void add_max(const struct adder *a) {
  const double *d = a->in->data;
  if (a->f->is_double) {
    for (uint32_t i = 0; i < a->cnt; i++)
      if (mr_fold_less(*AT(i, double), d[a->rows[i]])) *AT(i, double) = d[a->rows[i]];
    return;
  }
  for (uint32_t i = 0; i < a->cnt; i++) {
    int64_t v = int_of(a->f, a->in, a->rows[i]), *max = AT(i, int64_t);
    *max = v > *max ? v : *max;
  }
}

/* ---- strings ---- */

void mr_fold_replace_str(struct mr_space *space, struct mr_table *table, const struct mr_str *v,
                         bool had, struct mr_str *to) {
  struct mr_str copy;
  if (!mr_slots_str(&space->store, &table->slots, space->base, v, &copy)) {
    space->full = true;
    return;
  }
  if (had) mr_slots_str_give(&space->store, &table->slots, to);
  *to = copy;
}

static bool test_and_set(const struct adder *a, uint32_t i) {
  uint64_t *bits = mr_fold_bits(a->space->folds, a->state[i]);
  bool had = mr_bit_get(bits, a->f->bit);
  mr_bit_set(bits, a->f->bit);
  return had;
}

static void add_str_minmax(const struct adder *a) {
  const struct mr_str *s = a->in->data;
  for (uint32_t i = 0; i < a->cnt && !a->space->full; i++) {
    const struct mr_str *v = &s[a->rows[i]];
    struct mr_str *to = AT(i, struct mr_str);
    bool had = test_and_set(a, i);
    int order = had ? mr_str_compare(v, to, a->space->base) : 0;
    if (!had || (a->f->func == MR_FOLD_MIN ? order < 0 : order > 0))
      mr_fold_replace_str(a->space, a->table, v, had, to);
  }
}

/* ---- first, last ---- */

static void add_picks(const struct adder *a) {
  for (uint32_t i = 0; i < a->cnt && !a->space->full; i++) {
    uint32_t row = a->rows[i];
    int64_t et = a->batch->et ? a->batch->et[row] : 0;
    uint32_t partition = a->batch->et ? a->batch->partition : 0;
    struct mr_fold_pick *p = AT(i, struct mr_fold_pick);
    bool had = test_and_set(a, i);
    if (had && !mr_fold_goes(a->f, et, partition, p)) continue;
    p->et = et;
    p->partition = partition;
    if (a->f->phys == MR_PHYS_STR)
      mr_fold_replace_str(a->space, a->table, (const struct mr_str *)a->in->data + row, had,
                          &p->value.s);
    else if (a->f->is_double)
      p->value.d = ((const double *)a->in->data)[row];
    else
      p->value.i = int_of(a->f, a->in, row);
  }
}

/* ---- lists and sets ---- */

/* The value in its one form: -0 as 0, one NaN. */
static union mr_fold_value value_of(const struct adder *a, uint32_t row) {
  union mr_fold_value v = {.s = {0}};
  if (a->f->phys == MR_PHYS_STR) {
    v.s = ((const struct mr_str *)a->in->data)[row];
  } else if (a->f->is_double) {
    double d = ((const double *)a->in->data)[row];
    v.d = d != d ? (double)NAN : d + 0.0;
  } else {
    v.i = int_of(a->f, a->in, row);
  }
  return v;
}

static struct mr_fold_place place_of(const struct adder *a) {
  return (struct mr_fold_place){a->space, a->table, a->f, a->idx};
}

/* As it is to come out: doubles as they came. */
static union mr_fold_value elem_of(const struct adder *a, uint32_t row) {
  union mr_fold_value v = {.s = {0}};
  switch (a->f->phys) {
  case MR_PHYS_STR: v.s = ((const struct mr_str *)a->in->data)[row]; break;
  case MR_PHYS_W8: v.i = ((const int64_t *)a->in->data)[row]; break;
  case MR_PHYS_CODE: v.i = ((const uint8_t *)a->in->data)[row]; break;
  default: v.i = mr_bit_get(a->in->data, row);
  }
  return v;
}

static void add_lists(const struct adder *a) {
  struct mr_fold_place place = place_of(a);
  for (uint32_t i = 0; i < a->cnt; i++) {
    uint32_t row = a->rows[i];
    union mr_fold_value v = elem_of(a, row);
    struct mr_fold_order order = {a->batch->et ? a->batch->et[row] : 0, a->batch->seq + row};
    if (mr_fold_list_add(&place, AT(i, struct mr_fold_chain), &v, &order)) continue;
    a->space->full = true;
    return;
  }
}

static void add_sets(const struct adder *a) {
  struct mr_fold_place place = place_of(a);
  for (uint32_t i = 0; i < a->cnt; i++) {
    uint32_t row = a->rows[i];
    if (mr_fold_is_small(a->f)) {
      mr_bit_set(AT(i, uint64_t), (uint32_t)int_of(a->f, a->in, row));
      continue;
    }
    union mr_fold_value v = value_of(a, row);
    uint32_t owner = mr_store_ref(&a->space->store, a->state[i]);
    if (mr_fold_set_add(&place, AT(i, struct mr_fold_chain), owner, &v)) continue;
    a->space->full = true;
    return;
  }
}

/* Values with their counts. */
static void add_counted(const struct adder *a) {
  struct mr_fold_place place = place_of(a);
  bool buckets = a->f->func == MR_FOLD_QUANTILE;
  const double *d = a->in->data;
  for (uint32_t i = 0; i < a->cnt; i++) {
    uint32_t row = a->rows[i];
    union mr_fold_value v = {.s = {0}};
    if (buckets)
      v.i = mr_fold_bucket(a->f, a->f->is_double ? d[row] : (double)int_of(a->f, a->in, row));
    else
      v = value_of(a, row);
    uint32_t owner = mr_store_ref(&a->space->store, a->state[i]);
    if (mr_fold_set_count(&place, AT(i, struct mr_fold_chain), owner, &v, 1)) continue;
    a->space->full = true;
    return;
  }
}

/* ---- sketches ---- */

static void hash_values(const struct adder *a, uint64_t *hashes) {
  const int64_t *v = a->in->data;
  const struct mr_str *s = a->in->data;
  if (a->f->phys == MR_PHYS_STR) {
    for (uint32_t i = 0; i < a->cnt; i++)
      hashes[i] = mr_hash_bytes(mr_str_data(&s[a->rows[i]], a->space->base), s[a->rows[i]].len);
  } else if (a->f->is_double) {
    for (uint32_t i = 0; i < a->cnt; i++)
      hashes[i] = mr_hll_hash((uint64_t)value_of(a, a->rows[i]).i);
  } else {
    for (uint32_t i = 0; i < a->cnt; i++) hashes[i] = mr_hll_hash((uint64_t)v[a->rows[i]]);
  }
}

/* Sketches of more groups than this do not stay in the cache, and are worth a prefetch. */
#define HLL_FETCH_ROWS 512u

static void fetch_sketches(const struct adder *a, const uint64_t *hashes) {
  for (uint32_t i = 0; i < a->cnt; i++) {
    const struct mr_hll *hll = AT(i, struct mr_hll);
    uint32_t at = hll->dense ? mr_hll_register(hashes[i]) : 0;
    __builtin_prefetch((uint8_t *)mr_store_at(&a->space->store, hll->ref) + at);
  }
}

static void add_hashes(const struct adder *a) {
  uint64_t hashes[MR_BATCH_ROWS];
  hash_values(a, hashes);
  if (a->table->row_cnt > HLL_FETCH_ROWS) fetch_sketches(a, hashes);
  for (uint32_t i = 0; i < a->cnt; i++) {
    if (mr_hll_add(&a->space->store, &a->table->slots, AT(i, struct mr_hll), hashes[i])) continue;
    a->space->full = true;
    return;
  }
}

static void add_hlls(const struct adder *a) {
  struct mr_store *store = &a->space->store;
  const struct mr_state_kernels *kernels = a->space->kernels;
  if (!kernels || a->f->phys != MR_PHYS_W8 || a->f->is_double ||
      a->table->row_cnt > HLL_FETCH_ROWS) {
    add_hashes(a);
    return;
  }
  const int64_t *v = a->in->data;
  for (uint32_t i = 0; i < a->cnt; i++) { /* from one sketch that is a set to the next */
    i = kernels->hll(store->mem, (void *const *)a->state, a->f->off, v, a->rows, i, a->cnt);
    if (i == a->cnt) return;
    uint64_t hash = mr_hll_hash((uint64_t)v[a->rows[i]]);
    if (mr_hll_add(store, &a->table->slots, AT(i, struct mr_hll), hash)) continue;
    a->space->full = true;
    return;
  }
}

/* ---- all folds ---- */

static void note_values(const struct adder *a) {
  if (a->f->bit == NO_BIT) return;
  for (uint32_t i = 0; i < a->cnt; i++)
    mr_bit_set(mr_fold_bits(a->space->folds, a->state[i]), a->f->bit);
}

static void add_fold(const struct adder *a) {
  switch (a->f->func) {
  case MR_FOLD_COUNT:
    for (uint32_t i = 0; i < a->cnt; i++) ++*AT(i, uint64_t);
    break;
  case MR_FOLD_SUM: add_sums(a); break;
  case MR_FOLD_AVG: add_avgs(a); break;
  case MR_FOLD_MIN:
  case MR_FOLD_MAX:
    if (a->f->phys == MR_PHYS_STR) {
      add_str_minmax(a);
      return;
    }
    (a->f->func == MR_FOLD_MIN ? add_min : add_max)(a);
    break;
  case MR_FOLD_FIRST:
  case MR_FOLD_LAST: add_picks(a); return;
  case MR_FOLD_LIST: add_lists(a); break;
  case MR_FOLD_HLL: add_hlls(a); break;
  case MR_FOLD_STDDEV:
  case MR_FOLD_STDDEV_POP:
  case MR_FOLD_VARIANCE:
  case MR_FOLD_VAR_POP: add_spreads(a); break;
  case MR_FOLD_PERCENTILE:
  case MR_FOLD_PERCENTILE_DISC:
  case MR_FOLD_QUANTILE:
  case MR_FOLD_TOP:
  case MR_FOLD_MODE: add_counted(a); break;
  default: add_sets(a); break;
  }
  note_values(a);
}

/* The rows that count for a fold: those that pass and are not NULL. */
static uint32_t narrow(const struct mr_fold_in *in, const uint16_t *rows,
                       struct mr_row *const *state, uint32_t cnt, uint16_t *rows_out,
                       struct mr_row **state_out) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < cnt; i++) {
    bool keep = (!in->pass || mr_bit_get(in->pass, rows[i])) &&
                (!in->valid || mr_bit_get(in->valid, rows[i]));
    rows_out[n] = rows[i];
    state_out[n] = state[i];
    n += keep;
  }
  return n;
}

/* ---- the common sets in one pass ---- */

#define HAS(func)      (set >> (func)&1)
#define PLACE(T, func) ((T *)(void *)((uint8_t *)state[i] + folds->fused_off[func]))

static inline __attribute__((always_inline)) void
add_set(const struct mr_folds *folds, const int64_t *values, const uint16_t *rows,
        struct mr_row *const *state, uint32_t cnt, uint32_t set) {
  for (uint32_t i = 0; i < cnt; i++) {
    int64_t v = values[rows[i]];
    if (HAS(MR_FOLD_COUNT)) ++*PLACE(uint64_t, MR_FOLD_COUNT);
    if (HAS(MR_FOLD_SUM)) mr_fold_add_sum(PLACE(struct mr_fold_sum, MR_FOLD_SUM), v);
    if (HAS(MR_FOLD_AVG)) {
      mr_fold_add_sum(&PLACE(struct mr_fold_avg, MR_FOLD_AVG)->sum, v);
      PLACE(struct mr_fold_avg, MR_FOLD_AVG)->cnt++;
    }
    if (HAS(MR_FOLD_MIN)) {
      int64_t *min = PLACE(int64_t, MR_FOLD_MIN);
      *min = v < *min ? v : *min;
    }
    if (HAS(MR_FOLD_MAX)) {
      int64_t *max = PLACE(int64_t, MR_FOLD_MAX);
      *max = v > *max ? v : *max;
    }
  }
}

#define BIT(func)   (1u << (func))
#define COUNT_SUM   (BIT(MR_FOLD_COUNT) | BIT(MR_FOLD_SUM))
#define SUM_MIN_MAX (BIT(MR_FOLD_SUM) | BIT(MR_FOLD_MIN) | BIT(MR_FOLD_MAX))
#define ALL_BUT_AVG (COUNT_SUM | SUM_MIN_MAX)

static void add_fused(const struct mr_folds *folds, const int64_t *values, const uint16_t *rows,
                      struct mr_row *const *state, uint32_t cnt) {
  switch (folds->fused_set) {
  case BIT(MR_FOLD_SUM): add_set(folds, values, rows, state, cnt, BIT(MR_FOLD_SUM)); break;
  case BIT(MR_FOLD_MAX): add_set(folds, values, rows, state, cnt, BIT(MR_FOLD_MAX)); break;
  case COUNT_SUM: add_set(folds, values, rows, state, cnt, COUNT_SUM); break;
  case SUM_MIN_MAX: add_set(folds, values, rows, state, cnt, SUM_MIN_MAX); break;
  case ALL_BUT_AVG: add_set(folds, values, rows, state, cnt, ALL_BUT_AVG); break;
  default: add_set(folds, values, rows, state, cnt, folds->fused_set); break;
  }
}

/* The one column that all folds read, or NULL when they read more, or not all rows. */
static const int64_t *one_column(const struct mr_folds *folds, const struct mr_fold_in *ins) {
  const int64_t *data = NULL;
  for (uint32_t k = 0; k < folds->cnt; k++) {
    if (ins[k].pass || ins[k].valid) return NULL;
    if (!ins[k].data) continue;
    if (data && ins[k].data != data) return NULL;
    data = ins[k].data;
  }
  return data;
}

void mr_folds_add(struct mr_space *space, struct mr_table *table, const struct mr_fold_batch *batch,
                  const uint16_t *rows, struct mr_row *const *state, uint32_t cnt) {
  const struct mr_folds *folds = space->folds;
  uint16_t some_rows[MR_BATCH_ROWS];
  struct mr_row *some_state[MR_BATCH_ROWS];
  const int64_t *column = folds->fused_set ? one_column(folds, batch->ins) : NULL;
  if (column) {
    add_fused(folds, column, rows, state, cnt);
    return;
  }
  for (uint32_t k = 0; k < folds->cnt; k++) {
    const struct mr_fold_in *in = &batch->ins[k];
    struct adder a = {.space = space,
                      .table = table,
                      .f = &folds->items[k],
                      .idx = k,
                      .in = in,
                      .batch = batch,
                      .rows = rows,
                      .state = state,
                      .cnt = cnt};
    if (a.f->shares) continue;
    if (in->pass || in->valid) {
      a.cnt = narrow(in, rows, state, cnt, some_rows, some_state);
      a.rows = some_rows;
      a.state = some_state;
    }
    add_fold(&a);
  }
}
