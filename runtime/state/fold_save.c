/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregates as columns of a checkpoint, and back. */
#include <string.h>

#include "base/assert.h"
#include "state/fold_private.h"
#include "state/table_save.h"

/* How a value of the argument is written. */
static uint32_t value_type(const struct mr_fold *f) {
  if (f->phys == MR_PHYS_STR || f->phys == MR_PHYS_CODE) return MR_SAVE_BYTES;
  return f->is_double ? MR_SAVE_DOUBLE : MR_SAVE_INT;
}

uint32_t mr_fold_cols(const struct mr_fold *f, struct mr_save_col cols[MR_FOLD_COLS_MAX]) {
  uint32_t n = 0, list = value_type(f) | MR_SAVE_LIST, ints = MR_SAVE_INT | MR_SAVE_LIST;
#define COL(NAME, TYPE)                                                                            \
  cols[n++] = (struct mr_save_col) {                                                               \
    NAME, TYPE                                                                                     \
  }
  if (f->shares) return 0;
  if (mr_fold_is_counted(f)) {
    COL("values", f->func == MR_FOLD_QUANTILE ? ints : list);
    COL("counts", ints);
    return n;
  }
  switch (f->func) {
  case MR_FOLD_COUNT: COL("count", MR_SAVE_INT); break;
  case MR_FOLD_SUM:
  case MR_FOLD_AVG:
    if (f->is_double) {
      COL("sum", MR_SAVE_DOUBLE);
    } else {
      COL("lo", MR_SAVE_INT);
      COL("hi", MR_SAVE_INT);
    }
    if (f->func == MR_FOLD_AVG) COL("count", MR_SAVE_INT);
    break;
  case MR_FOLD_MIN:
  case MR_FOLD_MAX: COL("value", value_type(f)); break;
  case MR_FOLD_FIRST:
  case MR_FOLD_LAST:
    COL("value", value_type(f));
    COL("time", MR_SAVE_INT);
    COL("partition", MR_SAVE_INT);
    break;
  case MR_FOLD_HLL: COL("sketch", MR_SAVE_BYTES); break;
  case MR_FOLD_STDDEV:
  case MR_FOLD_STDDEV_POP:
  case MR_FOLD_VARIANCE:
  case MR_FOLD_VAR_POP:
    COL("count", MR_SAVE_INT);
    COL("mean", MR_SAVE_DOUBLE);
    COL("squares", MR_SAVE_DOUBLE);
    break;
  default:
    COL("values", list);
    if (f->func != MR_FOLD_LIST || !f->ordered) break;
    COL("times", ints);
    COL("order", ints);
    COL("by_time", MR_SAVE_INT);
  }
#undef COL
  return n;
}

/* ---- writing ---- */

/* v as it was added: a code by its rank where the fold has ranks. */
static void put_value(struct mr_save *to, const struct mr_space *space, const struct mr_fold *f,
                      const union mr_fold_value *v) {
  if (f->phys == MR_PHYS_STR) {
    mr_save_put_bytes(to, mr_str_data(&v->s, space->base), v->s.len);
  } else if (f->phys == MR_PHYS_CODE) {
    uint32_t code = f->by_rank ? f->by_rank[v->i] : (uint8_t)v->i;
    mr_save_put_bytes(to, f->arg.codes->texts[code], f->arg.codes->lens[code]);
  } else if (f->is_double) {
    mr_save_put_double(to, v->d);
  } else {
    mr_save_put_int(to, v->i);
  }
}

static void save_sum(struct mr_save *to, const struct mr_fold *f, const struct mr_fold_sum *sum) {
  double d;
  if (f->is_double) {
    memcpy(&d, &sum->lo, sizeof d);
    mr_save_put_double(to, d);
    return;
  }
  mr_save_put_int(to, (int64_t)sum->lo);
  mr_save_put_int(to, sum->hi);
}

static union mr_fold_value elem_value(const struct mr_fold *f, const uint8_t *elem) {
  union mr_fold_value v = {.s = {0}};
  elem += mr_fold_stored_off(f);
  if (f->phys == MR_PHYS_STR)
    memcpy(&v.s, elem, sizeof v.s);
  else if (f->phys == MR_PHYS_W8)
    memcpy(&v.i, elem, sizeof v.i);
  else
    v.i = *elem;
  return v;
}

enum list_part { LIST_VALUES, LIST_TIMES, LIST_ORDER };

static void save_list(struct mr_save *to, const struct mr_space *space, const struct mr_fold *f,
                      const struct mr_fold_chain *c, enum list_part part) {
  mr_save_put_list(to, c->cnt);
  for (uint32_t ref = c->first; ref;) {
    const struct mr_fold_piece *p = mr_store_at(&space->store, ref);
    const uint8_t *elem = (const uint8_t *)(p + 1);
    for (uint32_t i = 0; i < p->cnt; i++, elem += mr_fold_stored_sz(f)) {
      struct mr_fold_order order;
      union mr_fold_value v = elem_value(f, elem);
      if (part != LIST_VALUES) memcpy(&order, elem, sizeof order);
      if (part == LIST_VALUES)
        put_value(to, space, f, &v);
      else
        mr_save_put_int(to, part == LIST_TIMES ? order.et : (int64_t)order.seq);
    }
    ref = p->next;
  }
}

static void save_set(struct mr_save *to, const struct mr_space *space, const struct mr_fold *f,
                     const void *at) {
  if (mr_fold_is_bitmap(f)) {
    mr_save_put_list(to, mr_bitmap_count(at, MR_FOLD_CODES_WORDS));
    MR_BITMAP_EACH((const uint64_t *)at, MR_FOLD_CODES_WORDS, code) {
      union mr_fold_value v = {.i = (int64_t)code};
      put_value(to, space, f, &v);
    }
    return;
  }
  const struct mr_fold_chain *c = at;
  mr_save_put_list(to, c->cnt);
  for (uint32_t ref = c->first; ref;) {
    const struct mr_fold_member *m = mr_store_at(&space->store, ref);
    put_value(to, space, f, &m->value);
    ref = m->next;
  }
}

static void save_counted(struct mr_save *to, const struct mr_space *space, const struct mr_fold *f,
                         const struct mr_fold_chain *c) {
  for (uint32_t part = 0; part < 2; part++) {
    mr_save_put_list(to, c->cnt);
    for (uint32_t ref = c->first; ref;) {
      const struct mr_fold_member *m = mr_store_at(&space->store, ref);
      if (part)
        mr_save_put_int(to, (int64_t)mr_fold_member_cnt(m));
      else if (f->func == MR_FOLD_QUANTILE)
        mr_save_put_int(to, m->value.i);
      else
        put_value(to, space, f, &m->value);
      ref = m->next;
    }
  }
}

static void save_sketch(struct mr_save *to, const struct mr_space *space, const struct mr_hll *h) {
  uint32_t sz = h->dense ? MR_HLL_REGISTERS : (uint32_t)sizeof(uint32_t) << h->cap_log2;
  mr_save_put_bytes(to, h->ref ? mr_store_at(&space->store, h->ref) : NULL, h->ref ? sz : 0);
}

static void save_pick(struct mr_save *to, const struct mr_space *space, const struct mr_fold *f,
                      const struct mr_fold_pick *p) {
  put_value(to, space, f, &p->value);
  mr_save_put_int(to, p->et);
  mr_save_put_int(to, p->partition);
}

static void save_bound(struct mr_save *to, const struct mr_space *space, const struct mr_fold *f,
                       const void *at) {
  union mr_fold_value v = {.s = {0}};
  memcpy(&v, at, f->phys == MR_PHYS_STR ? sizeof v.s : sizeof v.i);
  bool none = f->phys == MR_PHYS_CODE && f->by_rank && (v.i < 1 || v.i > f->arg.codes->cnt);
  if (none)
    mr_save_put_null(to);
  else
    put_value(to, space, f, &v);
}

static bool has_value(const struct mr_space *space, const struct mr_fold *f, struct mr_row *row) {
  return f->bit == UINT32_MAX || mr_bit_get(mr_fold_bits(space->folds, row), f->bit);
}

void mr_fold_save(struct mr_save *to, const struct mr_space *space, const struct mr_fold *f,
                  struct mr_row *row) {
  struct mr_save_col cols[MR_FOLD_COLS_MAX];
  const void *at = mr_fold_at(f, row);
  if (f->shares) return;
  if (mr_fold_is_counted(f)) {
    save_counted(to, space, f, at);
    return;
  }
  if (!has_value(space, f, row)) {
    for (uint32_t n = mr_fold_cols(f, cols); n; n--) mr_save_put_null(to);
    return;
  }
  switch (f->func) {
  case MR_FOLD_COUNT: mr_save_put_int(to, *(const int64_t *)at); break;
  case MR_FOLD_SUM: save_sum(to, f, at); break;
  case MR_FOLD_AVG:
    save_sum(to, f, &((const struct mr_fold_avg *)at)->sum);
    mr_save_put_int(to, (int64_t)((const struct mr_fold_avg *)at)->cnt);
    break;
  case MR_FOLD_MIN:
  case MR_FOLD_MAX: save_bound(to, space, f, at); break;
  case MR_FOLD_FIRST:
  case MR_FOLD_LAST: save_pick(to, space, f, at); break;
  case MR_FOLD_HLL: save_sketch(to, space, at); break;
  case MR_FOLD_STDDEV:
  case MR_FOLD_STDDEV_POP:
  case MR_FOLD_VARIANCE:
  case MR_FOLD_VAR_POP:
    mr_save_put_int(to, (int64_t)((const struct mr_fold_spread *)at)->cnt);
    mr_save_put_double(to, ((const struct mr_fold_spread *)at)->mean);
    mr_save_put_double(to, ((const struct mr_fold_spread *)at)->squares);
    break;
  case MR_FOLD_LIST:
    save_list(to, space, f, at, LIST_VALUES);
    if (!f->ordered) break;
    save_list(to, space, f, at, LIST_TIMES);
    save_list(to, space, f, at, LIST_ORDER);
    mr_save_put_int(to, (int64_t)((const struct mr_fold_chain *)at)->flags);
    break;
  default: save_set(to, space, f, at);
  }
}

/* ---- reading ---- */

static bool no_room(struct mr_table_loader *l) {
  l->why = "no room: max_state is too small";
  return false;
}

int32_t mr_enum_code(const struct mr_enum *codes, const uint8_t *text, uint32_t len) {
  for (uint32_t i = 0; i < codes->cnt; i++)
    if (codes->lens[i] == len && !memcmp(codes->texts[i], text, len)) return (int32_t)i;
  return -1;
}

/* The value as it is added; strings lie in the scratch memory. */
static bool get_value(struct mr_table_loader *l, const struct mr_fold *f,
                      const struct mr_load_value *v, union mr_fold_value *to) {
  *to = (union mr_fold_value){.s = {0}};
  if (f->phys == MR_PHYS_STR) return mr_table_loader_str(l, v, &to->s);
  if (f->phys == MR_PHYS_CODE) {
    int32_t code = mr_enum_code(f->arg.codes, v->bytes, v->len);
    if (code < 0) l->why = "a value is none of one_of any more";
    to->i = code < 0 ? 0 : f->rank ? f->rank[code] : code;
    return code >= 0;
  }
  if (f->is_double)
    to->d = v->d;
  else
    to->i = v->i;
  return true;
}

static bool load_sum(const struct mr_fold *f, const struct mr_load_value *v,
                     struct mr_fold_sum *to) {
  if (f->is_double) {
    memcpy(&to->lo, &v[0].d, sizeof to->lo);
    return true;
  }
  *to = (struct mr_fold_sum){(uint64_t)v[0].i, v[1].i};
  return v[1].present;
}

/* A string of its own in the table. */
static bool keep_str(struct mr_table_loader *l, struct mr_table *t, struct mr_str *s) {
  struct mr_str kept;
  if (!mr_slots_str(&l->space->store, &t->slots, l->space->base, s, &kept)) return no_room(l);
  *s = kept;
  return true;
}

static bool load_list(struct mr_table_loader *l, const struct mr_fold_place *at,
                      struct mr_fold_chain *c, struct mr_load_value *v) {
  struct mr_load_value one, time, order;
  const uint8_t *end = l->rows.p;
  while (mr_load_element(&v[0], end, &one)) {
    union mr_fold_value value;
    struct mr_fold_order in = {0, 0};
    if (at->f->ordered) {
      if (!mr_load_element(&v[1], end, &time) || !mr_load_element(&v[2], end, &order)) return false;
      in = (struct mr_fold_order){time.i, (uint64_t)order.i};
    }
    l->scratch_used = 0;
    if (!get_value(l, at->f, &one, &value)) return false;
    if (!mr_fold_list_add(at, c, &value, &in)) return no_room(l);
  }
  if (at->f->ordered) c->flags = (uint16_t)v[3].i;
  return true;
}

static bool load_set(struct mr_table_loader *l, const struct mr_fold_place *at, void *to,
                     uint32_t owner, struct mr_load_value *v) {
  struct mr_load_value one;
  while (mr_load_element(&v[0], l->rows.p, &one)) {
    union mr_fold_value value;
    l->scratch_used = 0;
    if (!get_value(l, at->f, &one, &value)) return false;
    if (mr_fold_is_bitmap(at->f))
      mr_bit_set(to, (uint32_t)value.i);
    else if (!mr_fold_set_add(at, to, owner, &value))
      return no_room(l);
  }
  return true;
}

static bool load_counted(struct mr_table_loader *l, const struct mr_fold_place *at,
                         struct mr_fold_chain *to, uint32_t owner, struct mr_load_value *v) {
  struct mr_load_value one, cnt;
  while (mr_load_element(&v[0], l->rows.p, &one)) {
    union mr_fold_value value = {.s = {0}};
    l->scratch_used = 0;
    if (!mr_load_element(&v[1], l->rows.p, &cnt) || cnt.i < 1) return false;
    if (at->f->func == MR_FOLD_QUANTILE)
      value.i = one.i;
    else if (!get_value(l, at->f, &one, &value))
      return false;
    if (!mr_fold_set_count(at, to, owner, &value, (uint64_t)cnt.i)) return no_room(l);
  }
  return true;
}

static bool load_sketch(struct mr_table_loader *l, struct mr_table *t, struct mr_hll *to,
                        const struct mr_load_value *v) {
  *to = (struct mr_hll){0};
  if (!v->len) return true;
  bool dense = v->len == MR_HLL_REGISTERS, pow2 = !(v->len & (v->len - 1));
  if (!dense && (!pow2 || v->len < 4 || v->len > MR_HLL_REGISTERS / 2)) return false;
  to->ref = mr_slots_take(&l->space->store, &t->slots, v->len);
  if (!to->ref) return no_room(l);
  uint8_t *words = mr_store_at(&l->space->store, to->ref);
  memcpy(words, v->bytes, v->len);
  to->dense = dense;
  if (dense) return true;
  to->cap_log2 = (uint8_t)__builtin_ctz(v->len / 4);
  for (uint32_t i = 0; i < v->len; i += 4) {
    uint32_t word;
    memcpy(&word, words + i, sizeof word);
    to->cnt += word != 0;
  }
  return true;
}

static bool load_bound(struct mr_table_loader *l, struct mr_table *t, const struct mr_fold *f,
                       void *to, const struct mr_load_value *v) {
  union mr_fold_value value;
  if (!get_value(l, f, v, &value)) return false;
  if (f->phys == MR_PHYS_STR && !keep_str(l, t, &value.s)) return false;
  memcpy(to, &value, f->phys == MR_PHYS_STR ? sizeof value.s : sizeof value.i);
  return true;
}

static bool load_pick(struct mr_table_loader *l, struct mr_table *t, const struct mr_fold *f,
                      struct mr_fold_pick *to, const struct mr_load_value *v) {
  if (!v[1].present || !v[2].present || !get_value(l, f, &v[0], &to->value)) return false;
  to->et = v[1].i;
  to->partition = (uint32_t)v[2].i;
  return f->phys != MR_PHYS_STR || keep_str(l, t, &to->value.s);
}

static bool load_spread(struct mr_fold_spread *to, const struct mr_load_value *v) {
  *to = (struct mr_fold_spread){(uint64_t)v[0].i, v[1].d, v[2].d};
  return v[1].present && v[2].present;
}

bool mr_fold_load(struct mr_table_loader *l, struct mr_table *t, uint32_t idx, struct mr_row *row,
                  struct mr_load_value *v) {
  const struct mr_fold *f = &l->space->folds->items[idx];
  const struct mr_fold_place place = {l->space, t, f, idx};
  void *at = mr_fold_at(f, row);
  if (f->shares) return true;
  l->why = "a value is not as it must be";
  l->scratch_used = 0;
  if (!v[0].present) return true; /* as of a row that is new */
  if (f->bit != UINT32_MAX) mr_bit_set(mr_fold_bits(l->space->folds, row), f->bit);
  if (mr_fold_is_counted(f))
    return load_counted(l, &place, at, mr_store_ref(&l->space->store, row), v);
  switch (f->func) {
  case MR_FOLD_COUNT: *(int64_t *)at = v[0].i; return true;
  case MR_FOLD_SUM: {
    struct mr_fold_sum sum = {0, 0};
    if (!load_sum(f, v, &sum)) return false;
    memcpy(at, &sum, f->is_double ? sizeof sum.lo : sizeof sum);
    return true;
  }
  case MR_FOLD_AVG:
    ((struct mr_fold_avg *)at)->cnt = (uint64_t)v[f->is_double ? 1 : 2].i;
    return load_sum(f, v, &((struct mr_fold_avg *)at)->sum);
  case MR_FOLD_MIN:
  case MR_FOLD_MAX: return load_bound(l, t, f, at, v);
  case MR_FOLD_FIRST:
  case MR_FOLD_LAST: return load_pick(l, t, f, at, v);
  case MR_FOLD_HLL: return load_sketch(l, t, at, v);
  case MR_FOLD_STDDEV:
  case MR_FOLD_STDDEV_POP:
  case MR_FOLD_VARIANCE:
  case MR_FOLD_VAR_POP: return load_spread(at, v);
  case MR_FOLD_LIST: return load_list(l, &place, at, v);
  default: return load_set(l, &place, at, mr_store_ref(&l->space->store, row), v);
  }
}
