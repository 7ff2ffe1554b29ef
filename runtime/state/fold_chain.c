/* SPDX-License-Identifier: Apache-2.0 */
/* Lists as chains of pieces, sets as chains of members that an index finds. */
#include "base/hash.h"
#include "state/fold_private.h"

#define PIECE_FIRST_SZ 64u
#define PIECE_SZ       4096u
#define BIN_CNT        32u /* of the sort below: chains of 1, 2, 4, ... pieces */

/* ---- pieces ---- */

static struct mr_fold_piece *piece_at(const struct mr_fold_place *p, uint32_t ref) {
  return mr_store_at(&p->space->store, ref);
}

static uint8_t *elem_at(const struct mr_fold_place *p, struct mr_fold_piece *piece, uint32_t i) {
  return (uint8_t *)(piece + 1) + (size_t)i * mr_fold_stored_sz(p->f);
}

/* Pieces double from 64 bytes to 4 KiB. */
static bool add_piece(const struct mr_fold_place *p, struct mr_fold_chain *c) {
  uint32_t sz = c->last ? piece_at(p, c->last)->sz * 2 : PIECE_FIRST_SZ;
  if (sz > PIECE_SZ) sz = PIECE_SZ;
  uint32_t ref = mr_slots_take(&p->space->store, &p->table->slots, sz);
  if (!ref) return false;
  uint32_t cap = (sz - (uint32_t)sizeof(struct mr_fold_piece)) / mr_fold_stored_sz(p->f);
  *piece_at(p, ref) = (struct mr_fold_piece){.cap = cap, .sz = sz};
  if (c->last)
    piece_at(p, c->last)->next = ref;
  else
    c->first = ref;
  c->last = ref;
  c->room = (uint16_t)cap;
  return true;
}

/* Room for one more element behind the last, or NULL. */
static uint8_t *next_elem(const struct mr_fold_place *p, struct mr_fold_chain *c) {
  if (c->cnt == UINT32_MAX || (!c->room && !add_piece(p, c))) return NULL;
  struct mr_fold_piece *piece = piece_at(p, c->last);
  return elem_at(p, piece, piece->cnt);
}

static void keep_elem(const struct mr_fold_place *p, struct mr_fold_chain *c) {
  piece_at(p, c->last)->cnt++;
  c->cnt++;
  c->room--;
}

bool mr_fold_list_add(const struct mr_fold_place *p, struct mr_fold_chain *c,
                      const union mr_fold_value *v, const struct mr_fold_order *order) {
  uint8_t *to = next_elem(p, c);
  if (!to) return false;
  if (p->f->ordered) memcpy(to, order, sizeof *order);
  to += mr_fold_stored_off(p->f);
  switch (p->f->phys) {
  case MR_PHYS_STR: {
    struct mr_str copy;
    if (!mr_slots_str(&p->space->store, &p->table->slots, p->space->base, &v->s, &copy))
      return false;
    memcpy(to, &copy, sizeof copy);
    break;
  }
  case MR_PHYS_W8: memcpy(to, &v->i, sizeof v->i); break;
  default: *to = (uint8_t)v->i;
  }
  keep_elem(p, c);
  if (c->flags & MR_FOLD_BY_TIME) c->flags |= MR_FOLD_UNSORTED;
  return true;
}

/* ---- merging lists ---- */

struct reader { /* of a chain */
  struct mr_fold_piece *piece;
  uint32_t at;
};

static struct reader read_from(const struct mr_fold_place *p, const struct mr_fold_chain *c) {
  return (struct reader){c->first ? piece_at(p, c->first) : NULL, 0};
}

static const uint8_t *peek(const struct mr_fold_place *p, struct reader *r) {
  while (r->piece && r->at == r->piece->cnt) {
    r->piece = r->piece->next ? piece_at(p, r->piece->next) : NULL;
    r->at = 0;
  }
  return r->piece ? elem_at(p, r->piece, r->at) : NULL;
}

static bool before(const uint8_t *a, const uint8_t *b, bool by_time) {
  struct mr_fold_order x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  if (by_time && x.et != y.et) return x.et < y.et;
  return x.seq < y.seq;
}

/* Appends an element as it is stored; copies a string's bytes when asked. */
static bool append(const struct mr_fold_place *p, struct mr_fold_chain *c, const uint8_t *elem,
                   bool copy) {
  uint8_t *to = next_elem(p, c);
  if (!to) return false;
  memcpy(to, elem, mr_fold_stored_sz(p->f));
  if (copy && p->f->phys == MR_PHYS_STR) {
    struct mr_str from, made;
    memcpy(&from, to + mr_fold_stored_off(p->f), sizeof from);
    if (!mr_slots_str(&p->space->store, &p->table->slots, p->space->base, &from, &made))
      return false;
    memcpy(to + mr_fold_stored_off(p->f), &made, sizeof made);
  }
  keep_elem(p, c);
  return true;
}

static void give_pieces(const struct mr_fold_place *p, const struct mr_fold_chain *c) {
  for (uint32_t ref = c->first; ref;) {
    uint32_t next = piece_at(p, ref)->next;
    mr_slots_give(&p->space->store, &p->table->slots, ref, piece_at(p, ref)->sz);
    ref = next;
  }
}

static bool all_before(const struct mr_fold_place *p, const struct mr_fold_chain *a,
                       const struct mr_fold_chain *b, bool by_time) {
  struct mr_fold_piece *last = piece_at(p, a->last);
  return before(elem_at(p, last, last->cnt - 1), elem_at(p, piece_at(p, b->first), 0), by_time);
}

/* Merges b into a, both in order. own: b's pieces and strings are the table's, and become a's. */
static bool merge(const struct mr_fold_place *p, struct mr_fold_chain *a,
                  const struct mr_fold_chain *b, bool by_time, bool own) {
  if (!b->cnt) return true;
  struct mr_fold_chain out = {.flags = a->flags}, old = *a;
  struct reader ra = read_from(p, a), rb = read_from(p, b);
  const uint8_t *x = peek(p, &ra), *y = peek(p, &rb);
  if (!x || all_before(p, a, b, by_time)) { /* the usual case: b goes behind a */
    out = old;
    old = (struct mr_fold_chain){0};
    x = NULL;
  }
  while (x || y) {
    bool from_a = x && (!y || !before(y, x, by_time));
    if (!append(p, &out, from_a ? x : y, !from_a && !own)) return false;
    struct reader *r = from_a ? &ra : &rb;
    r->at++;
    if (from_a)
      x = peek(p, r);
    else
      y = peek(p, r);
  }
  give_pieces(p, &old);
  if (own) give_pieces(p, b);
  *a = out;
  return true;
}

/* A piece's elements, which nearly are in order. */
static void sort_piece(const struct mr_fold_place *p, struct mr_fold_piece *piece) {
  uint8_t held[sizeof(struct mr_fold_order) + sizeof(struct mr_str)];
  uint32_t sz = mr_fold_stored_sz(p->f);
  for (uint32_t i = 1; i < piece->cnt; i++) {
    uint32_t k = i;
    memcpy(held, elem_at(p, piece, i), sz);
    for (; k > 0 && before(held, elem_at(p, piece, k - 1), true); k--) continue;
    if (k == i) continue;
    memmove(elem_at(p, piece, k + 1), elem_at(p, piece, k), (size_t)(i - k) * sz);
    memcpy(elem_at(p, piece, k), held, sz);
  }
}

/* Merge sort by event time, from the bottom: pieces, then chains of pieces. */
static bool sort_by_time(const struct mr_fold_place *p, struct mr_fold_chain *c) {
  struct mr_fold_chain bins[BIN_CNT] = {{0}}, all = {0};
  for (uint32_t ref = c->first, next; ref; ref = next) {
    struct mr_fold_piece *piece = piece_at(p, ref);
    struct mr_fold_chain one = {ref, ref, piece->cnt, (uint16_t)(piece->cap - piece->cnt), 0};
    next = piece->next;
    piece->next = 0;
    sort_piece(p, piece);
    uint32_t b = 0;
    for (; b + 1 < BIN_CNT && bins[b].cnt; b++) {
      if (!merge(p, &one, &bins[b], true, true)) return false;
      bins[b] = (struct mr_fold_chain){0};
    }
    if (!merge(p, &bins[b], &one, true, true)) return false;
  }
  for (uint32_t b = 0; b < BIN_CNT; b++)
    if (!merge(p, &all, &bins[b], true, true)) return false;
  all.flags = MR_FOLD_BY_TIME;
  *c = all;
  return true;
}

bool mr_fold_list_settle(const struct mr_fold_place *p, struct mr_fold_chain *c) {
  return !(c->flags & MR_FOLD_UNSORTED) || sort_by_time(p, c);
}

bool mr_fold_list_merge(const struct mr_fold_place *p, struct mr_fold_chain *to,
                        struct mr_fold_chain *from, bool by_time) {
  if (!by_time) return merge(p, to, from, false, false);
  if (to->flags != MR_FOLD_BY_TIME && !sort_by_time(p, to)) return false;
  if (from->flags != MR_FOLD_BY_TIME && !sort_by_time(p, from)) return false;
  return merge(p, to, from, true, false);
}

void mr_fold_list_drop(const struct mr_fold_place *p, struct mr_fold_chain *c) {
  struct reader r = read_from(p, c);
  const uint8_t *elem;
  while (p->f->phys == MR_PHYS_STR && (elem = peek(p, &r))) {
    struct mr_str s;
    memcpy(&s, elem + mr_fold_stored_off(p->f), sizeof s);
    mr_slots_str_give(&p->space->store, &p->table->slots, &s);
    r.at++;
  }
  give_pieces(p, c);
  *c = (struct mr_fold_chain){0};
}

/* ---- sets ---- */

static bool same_value(const struct mr_fold_place *p, const union mr_fold_value *x,
                       const union mr_fold_value *y) {
  return p->f->phys == MR_PHYS_STR ? mr_str_equal(&x->s, &y->s, p->space->base) : x->i == y->i;
}

static uint32_t member_tag(const struct mr_fold_place *p, uint32_t owner,
                           const union mr_fold_value *v) {
  uint64_t h = (uint64_t)v->i;
  if (p->f->phys == MR_PHYS_STR) h = mr_hash_bytes(mr_str_data(&v->s, p->space->base), v->s.len);
  h = mr_hash_combine(mr_hash_u64((uint64_t)owner << 16 | p->idx), h);
  return mr_index_tag(h);
}

static struct mr_fold_member *member_at(const struct mr_fold_place *p, uint32_t ref) {
  return mr_store_at(&p->space->store, ref);
}

static bool is_member(const struct mr_fold_place *p, uint32_t ref, uint32_t owner,
                      const union mr_fold_value *v) {
  const struct mr_fold_member *m = member_at(p, ref);
  return m->owner == owner && m->fold == p->idx && same_value(p, &m->value, v);
}

static struct mr_fold_member *find_member(const struct mr_fold_place *p, uint32_t tag,
                                          uint32_t owner, const union mr_fold_value *v) {
  if (!p->table->members.cnt) return NULL;
  struct mr_index_look look = mr_index_look(&p->space->store, &p->table->members);
  uint32_t ref;
  MR_INDEX_EACH(&look, tag, ref, is_member(p, ref, owner, v));
  return ref ? member_at(p, ref) : NULL;
}

static void add_cnt(struct mr_fold_member *m, uint64_t cnt) {
  cnt += mr_fold_member_cnt(m);
  m->cnt_lo = (uint32_t)cnt;
  m->cnt_hi = (uint16_t)(cnt >> 32);
}

bool mr_fold_set_count(const struct mr_fold_place *p, struct mr_fold_chain *c, uint32_t owner,
                       const union mr_fold_value *v, uint64_t cnt) {
  struct mr_store *store = &p->space->store;
  uint32_t tag = member_tag(p, owner, v);
  struct mr_fold_member *m = find_member(p, tag, owner, v);
  if (m) {
    add_cnt(m, cnt);
    return true;
  }
  uint32_t ref = mr_slots_take(store, &p->table->slots, sizeof(struct mr_fold_member));
  if (!ref) return false;
  m = member_at(p, ref);
  *m = (struct mr_fold_member){.owner = owner, .fold = (uint16_t)p->idx, .value = *v};
  add_cnt(m, cnt);
  if (p->f->phys == MR_PHYS_STR &&
      !mr_slots_str(store, &p->table->slots, p->space->base, &v->s, &m->value.s))
    return false;
  if (!mr_index_add(store, &p->table->members, tag, ref)) return false;
  if (c->last)
    member_at(p, c->last)->next = ref;
  else
    c->first = ref;
  c->last = ref;
  c->cnt++;
  return true;
}

bool mr_fold_set_add(const struct mr_fold_place *p, struct mr_fold_chain *c, uint32_t owner,
                     const union mr_fold_value *v) {
  return mr_fold_set_count(p, c, owner, v, 1);
}

bool mr_fold_set_merge(const struct mr_fold_place *p, struct mr_fold_chain *to, uint32_t owner,
                       const struct mr_fold_chain *from) {
  for (uint32_t ref = from->first; ref; ref = member_at(p, ref)->next) {
    const struct mr_fold_member *m = member_at(p, ref);
    if (!mr_fold_set_count(p, to, owner, &m->value, mr_fold_member_cnt(m))) return false;
  }
  return true;
}

void mr_fold_set_drop(const struct mr_fold_place *p, struct mr_fold_chain *c, uint32_t owner) {
  struct mr_store *store = &p->space->store;
  for (uint32_t ref = c->first; ref;) {
    struct mr_fold_member *m = member_at(p, ref);
    uint32_t next = m->next;
    mr_index_remove(store, &p->table->members, member_tag(p, owner, &m->value), ref);
    if (p->f->phys == MR_PHYS_STR) mr_slots_str_give(store, &p->table->slots, &m->value.s);
    mr_slots_give(store, &p->table->slots, ref, sizeof *m);
    ref = next;
  }
  *c = (struct mr_fold_chain){0};
}
