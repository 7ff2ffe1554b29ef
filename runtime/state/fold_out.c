/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregates as columns. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "state/fold.h"
#include "state/fold_private.h"

struct reader {
  const struct mr_space *space;
  const struct mr_fold *f;
  struct mr_row *const *state;
  uint32_t cnt;
  struct mr_fold_out *out;
};

#define AT(i, T) ((const T *)mr_fold_at(r->f, r->state[i]))

static void set_null(const struct reader *r, uint32_t i) {
  mr_bit_clear(r->out->valid, i);
  r->out->has_null = true;
}

static void set_error(const struct reader *r, uint32_t i) {
  mr_bit_set(r->out->err, i);
  r->out->has_err = true;
}

/* ---- numbers ---- */

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

static wide wide_of(const struct mr_fold_sum *s) {
  return (wide)(((unsigned_wide)(uint64_t)s->hi << 64) | s->lo);
}

/* Half away from zero. */
static wide divide_rounded(wide sum, uint64_t cnt) {
  wide half = (wide)(cnt / 2), n = (wide)cnt;
  return sum >= 0 ? (sum + half) / n : (sum - half) / n;
}

static void put_wide(const struct reader *r, uint32_t i, wide v) {
  int64_t *out = r->out->data;
  bool fits = v >= INT64_MIN && v <= INT64_MAX;
  out[i] = fits ? (int64_t)v : 0;
  if (!fits) set_error(r, i);
}

static void read_sums(const struct reader *r) {
  for (uint32_t i = 0; i < r->cnt; i++) {
    if (r->f->is_double)
      ((double *)r->out->data)[i] = *AT(i, double);
    else
      put_wide(r, i, wide_of(AT(i, struct mr_fold_sum)));
  }
}

static void read_avgs(const struct reader *r) {
  bool whole = r->f->out.type != MR_TYPE_DOUBLE;
  for (uint32_t i = 0; i < r->cnt; i++) {
    const struct mr_fold_avg *avg = AT(i, struct mr_fold_avg);
    if (!avg->cnt) {
      ((int64_t *)r->out->data)[i] = 0;
      set_null(r, i);
    } else if (whole) {
      put_wide(r, i, divide_rounded(wide_of(&avg->sum), avg->cnt));
    } else {
      double sum = (double)wide_of(&avg->sum);
      if (r->f->is_double) memcpy(&sum, &avg->sum.lo, sizeof sum);
      ((double *)r->out->data)[i] = sum / (double)avg->cnt;
    }
  }
}

static void read_spreads(const struct reader *r) {
  enum mr_fold_func func = r->f->func;
  bool sample = func == MR_FOLD_STDDEV || func == MR_FOLD_VARIANCE;
  bool root = func == MR_FOLD_STDDEV || func == MR_FOLD_STDDEV_POP;
  double *out = r->out->data;
  for (uint32_t i = 0; i < r->cnt; i++) {
    const struct mr_fold_spread *s = AT(i, struct mr_fold_spread);
    out[i] = 0;
    if (s->cnt < 1u + sample) {
      set_null(r, i);
      continue;
    }
    double v = s->squares / (double)(s->cnt - sample);
    out[i] = root ? sqrt(v) : v;
  }
}

/* ---- values of the argument's type ---- */

/* v as it was added: a code by its rank where the fold has ranks. */
static void put_value(const struct reader *r, uint32_t i, const union mr_fold_value *v) {
  void *out = r->out->data;
  switch (r->f->phys) {
  case MR_PHYS_BIT:
    if (v->i) mr_bit_set(out, i);
    break;
  case MR_PHYS_CODE:
    ((uint8_t *)out)[i] = r->f->by_rank ? r->f->by_rank[v->i] : (uint8_t)v->i;
    break;
  case MR_PHYS_STR: ((struct mr_str *)out)[i] = v->s; break;
  default: memcpy((int64_t *)out + i, v, sizeof(int64_t));
  }
}

static bool has_value(const struct reader *r, uint32_t i) {
  return r->f->bit == UINT32_MAX ||
         mr_bit_get(mr_fold_bits(r->space->folds, r->state[i]), r->f->bit);
}

static void read_values(const struct reader *r) {
  static const union mr_fold_value none = {.s = {0}};
  bool pick = r->f->func == MR_FOLD_FIRST || r->f->func == MR_FOLD_LAST;
  if (r->f->phys == MR_PHYS_BIT) memset(r->out->data, 0, MR_BATCH_ROWS / 8);
  for (uint32_t i = 0; i < r->cnt; i++) {
    union mr_fold_value v = none;
    if (!has_value(r, i)) {
      if (r->f->phys != MR_PHYS_CODE)
        put_value(r, i, &v);
      else
        ((uint8_t *)r->out->data)[i] = 0;
      set_null(r, i);
      continue;
    }
    if (pick)
      v = AT(i, struct mr_fold_pick)->value;
    else if (r->f->phys == MR_PHYS_STR)
      v.s = *AT(i, struct mr_str);
    else
      memcpy(&v, AT(i, int64_t), sizeof(int64_t));
    put_value(r, i, &v);
  }
}

/* ---- lists ---- */

static uint32_t members_of(const struct reader *r, uint32_t i) {
  if (mr_fold_is_bitmap(r->f)) return mr_bitmap_count(AT(i, uint64_t), MR_FOLD_CODES_WORDS);
  return AT(i, struct mr_fold_chain)->cnt;
}

/* Copies an element; a string's bytes too. False: the heap is full. */
static bool copy_elem(const struct reader *r, const void *from, uint8_t *to, uint32_t elem) {
  memcpy(to, from, elem);
  if (r->f->phys != MR_PHYS_STR) return true;
  struct mr_str s;
  memcpy(&s, from, sizeof s);
  if (s.len <= MR_STR_INLINE) return true;
  return mr_batch_str(r->out->pool, r->out->batch, mr_str_data(&s, r->space->base), s.len,
                      (struct mr_str *)(void *)to);
}

static bool copy_list(const struct reader *r, const struct mr_fold_chain *c, uint8_t *to) {
  uint32_t elem = mr_fold_elem_sz(r->f), step = mr_fold_stored_sz(r->f);
  for (uint32_t ref = c->first; ref;) {
    const struct mr_fold_piece *p = mr_store_at(&r->space->store, ref);
    const uint8_t *from = (const uint8_t *)(p + 1) + mr_fold_stored_off(r->f);
    if (r->f->phys != MR_PHYS_STR && step == elem) {
      memcpy(to, from, (size_t)p->cnt * elem);
    } else {
      for (uint32_t k = 0; k < p->cnt; k++)
        if (!copy_elem(r, from + (size_t)k * step, to + (size_t)k * elem, elem)) return false;
    }
    to += (size_t)p->cnt * elem;
    ref = p->next;
  }
  return true;
}

static bool copy_set(const struct reader *r, uint32_t i, uint8_t *to) {
  uint32_t elem = mr_fold_elem_sz(r->f);
  if (mr_fold_is_bitmap(r->f)) {
    MR_BITMAP_EACH(AT(i, uint64_t), MR_FOLD_CODES_WORDS, code) *to++ = (uint8_t)code;
    return true;
  }
  for (uint32_t ref = AT(i, struct mr_fold_chain)->first; ref; to += elem) {
    const struct mr_fold_member *m = mr_store_at(&r->space->store, ref);
    if (!copy_elem(r, &m->value, to, elem)) return false;
    ref = m->next;
  }
  return true;
}

/* False: the heap is full. */
static bool read_list(const struct reader *r, uint32_t i) {
  struct mr_list *list = (struct mr_list *)r->out->data + i;
  uint32_t cnt = members_of(r, i);
  uint64_t sz = (uint64_t)cnt * mr_fold_elem_sz(r->f);
  *list = (struct mr_list){0};
  if (!cnt) return true;
  if (sz > mr_pool_value_max(r->out->pool)) {
    r->out->too_large = true;
    return false;
  }
  uint8_t *to = mr_batch_heap(r->out->pool, r->out->batch, (uint32_t)sz);
  if (!to) return false;
  list->cnt = cnt;
  list->off = mr_region_off(r->out->pool->region, to);
  return r->f->func == MR_FOLD_LIST ? copy_list(r, AT(i, struct mr_fold_chain), to)
                                    : copy_set(r, i, to);
}

/* ---- ranks ---- */

/* Room for a list of cnt elements; NULL: the heap is full. */
static uint8_t *new_list(const struct reader *r, uint32_t i, uint32_t cnt, uint32_t elem) {
  struct mr_list *list = (struct mr_list *)r->out->data + i;
  *list = (struct mr_list){0};
  uint8_t *to = mr_batch_heap(r->out->pool, r->out->batch, cnt * elem);
  if (!to) return NULL;
  list->cnt = cnt;
  list->off = mr_region_off(r->out->pool->region, to);
  return to;
}

/* False: the heap is full. */
static bool read_percentiles(const struct reader *r, uint32_t i) {
  const struct mr_fold_chain *c = AT(i, struct mr_fold_chain);
  uint64_t cnt = mr_fold_rank_cnt(r->space, c);
  bool list = r->f->out.type == MR_TYPE_LIST;
  int64_t values[MR_FOLD_PS_MAX] = {0};
  for (uint32_t k = 0; cnt && k < r->f->p_cnt; k++)
    values[k] = mr_fold_percentile(r->space, r->f, c, cnt, r->f->ps[k]);
  if (!cnt) set_null(r, i);
  if (!list) {
    memcpy((int64_t *)r->out->data + i, values, sizeof values[0]);
    return true;
  }
  if (!cnt) {
    ((struct mr_list *)r->out->data)[i] = (struct mr_list){0};
    return true;
  }
  uint8_t *to = new_list(r, i, r->f->p_cnt, sizeof values[0]);
  if (to) memcpy(to, values, r->f->p_cnt * sizeof values[0]);
  return to != NULL;
}

static bool read_top(const struct reader *r, uint32_t i) {
  const struct mr_fold_member *members[MR_FOLD_TOP_MAX];
  uint32_t n = mr_fold_top(r->space, r->f, AT(i, struct mr_fold_chain), r->f->k, members);
  uint32_t elem = mr_fold_elem_sz(r->f);
  ((struct mr_list *)r->out->data)[i] = (struct mr_list){0};
  if (!n) return true;
  uint8_t *to = new_list(r, i, n, elem);
  if (!to) return false;
  for (uint32_t k = 0; k < n; k++, to += elem)
    if (!copy_elem(r, &members[k]->value, to, elem)) return false;
  return true;
}

static void read_modes(const struct reader *r) {
  static const union mr_fold_value none = {.s = {0}};
  if (r->f->phys == MR_PHYS_BIT) memset(r->out->data, 0, MR_BATCH_ROWS / 8);
  for (uint32_t i = 0; i < r->cnt; i++) {
    const struct mr_fold_member *most;
    uint32_t n = mr_fold_top(r->space, r->f, AT(i, struct mr_fold_chain), 1, &most);
    put_value(r, i, n ? &most->value : &none);
    if (!n) set_null(r, i);
  }
}

/* ---- a column ---- */

uint32_t mr_fold_column(const struct mr_space *space, const struct mr_fold *fold,
                        struct mr_row *const *state, uint32_t cnt, struct mr_fold_out *out) {
  struct reader reader = {space, fold, state, cnt, out}, *r = &reader;
  MR_ASSERT(cnt <= MR_BATCH_ROWS);
  memset(out->valid, 0, MR_BATCH_ROWS / 8);
  memset(out->err, 0, MR_BATCH_ROWS / 8);
  mr_bitmap_fill(out->valid, cnt);
  out->has_null = out->has_err = out->too_large = false;
  switch (fold->func) {
  case MR_FOLD_COUNT:
    for (uint32_t i = 0; i < cnt; i++) ((uint64_t *)out->data)[i] = *AT(i, uint64_t);
    break;
  case MR_FOLD_SUM:
    read_sums(r);
    for (uint32_t i = 0; fold->bit != UINT32_MAX && i < cnt; i++)
      if (!has_value(r, i)) set_null(r, i);
    break;
  case MR_FOLD_AVG: read_avgs(r); break;
  case MR_FOLD_STDDEV:
  case MR_FOLD_STDDEV_POP:
  case MR_FOLD_VARIANCE:
  case MR_FOLD_VAR_POP: read_spreads(r); break;
  case MR_FOLD_DISTINCT:
    for (uint32_t i = 0; i < cnt; i++) ((uint64_t *)out->data)[i] = members_of(r, i);
    break;
  case MR_FOLD_HLL:
    for (uint32_t i = 0; i < cnt; i++)
      ((uint64_t *)out->data)[i] = mr_hll_estimate(&space->store, AT(i, struct mr_hll));
    break;
  case MR_FOLD_PERCENTILE:
  case MR_FOLD_PERCENTILE_DISC:
  case MR_FOLD_QUANTILE:
    for (uint32_t i = 0; i < cnt; i++)
      if (!read_percentiles(r, i)) return i;
    break;
  case MR_FOLD_TOP:
    for (uint32_t i = 0; i < cnt; i++)
      if (!read_top(r, i)) return i;
    break;
  case MR_FOLD_MODE: read_modes(r); break;
  case MR_FOLD_LIST:
  case MR_FOLD_SET:
    for (uint32_t i = 0; i < cnt; i++)
      if (!read_list(r, i)) return i;
    break;
  default: read_values(r); break;
  }
  return cnt;
}
