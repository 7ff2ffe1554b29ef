/* SPDX-License-Identifier: Apache-2.0 */
#include "state/slots.h"

#include "base/assert.h"
#include "base/bits.h"

/* Before a chunk's slots, and before a block of its own. */
struct chunk {
  uint32_t next, prev, class_idx, pad;
};
_Static_assert(sizeof(struct chunk) == MR_STORE_UNIT, "one unit, so that slots stay aligned");

/* 16, 32, 48, 64, 96, 128, 192, ... : two classes per power of two from 32 on. */
static const uint16_t class_sz[MR_SLOTS_CLASS_CNT] = {16,   32,   48,   64,   96,    128,  192,
                                                      256,  384,  512,  768,  1024,  1536, 2048,
                                                      3072, 4096, 6144, 8192, 12288, 16384};

static uint32_t class_of(uint64_t sz) {
  if (sz <= 16) return 0;
  if (sz <= 32) return 1;
  uint32_t up = (uint32_t)(64 - __builtin_clzll(sz - 1)); /* sz <= 1 << up */
  uint32_t full = 1 + (up - 5) * 2;
  return sz <= (UINT64_C(3) << (up - 2)) ? full - 1 : full;
}

static uint32_t take_large(struct mr_store *store, struct mr_slots *slots, uint64_t sz) {
  if (sz > MR_SLOT_MAX) return 0;
  uint32_t class_idx = mr_store_class(sz + sizeof(struct chunk));
  uint32_t ref = mr_store_take(store, class_idx);
  if (!ref) return 0;
  struct chunk *c = mr_store_at(store, ref);
  *c = (struct chunk){.next = slots->large_first, .class_idx = class_idx};
  if (c->next) ((struct chunk *)mr_store_at(store, c->next))->prev = ref;
  slots->large_first = ref;
  return ref + 1;
}

static void give_large(struct mr_store *store, struct mr_slots *slots, uint32_t ref) {
  struct chunk *c = mr_store_at(store, ref - 1);
  if (c->prev)
    ((struct chunk *)mr_store_at(store, c->prev))->next = c->next;
  else
    slots->large_first = c->next;
  if (c->next) ((struct chunk *)mr_store_at(store, c->next))->prev = c->prev;
  mr_store_give(store, ref - 1, c->class_idx);
}

static bool add_chunk(struct mr_store *store, struct mr_slots *slots, uint32_t sz) {
  uint32_t want = slots->chunk_first ? slots->chunk_class + 1 : 0;
  uint32_t least = mr_store_class(sz + sizeof(struct chunk));
  if (want > MR_STORE_CLASS_SEG) want = MR_STORE_CLASS_SEG;
  if (want < least) want = least;
  uint32_t ref = mr_store_take(store, want);
  if (!ref) return false;
  struct chunk *c = mr_store_at(store, ref);
  *c = (struct chunk){.next = slots->chunk_first, .class_idx = want};
  slots->chunk_first = ref;
  slots->chunk_class = want;
  slots->at = ref + 1;
  slots->end = ref + mr_store_class_sz(want) / MR_STORE_UNIT;
  return true;
}

/* ---- chunks that go back ---- */

#define SEG_UNITS (MR_STATE_SEGMENT_SZ / MR_STORE_UNIT)

struct cells {         /* at the beginning of a segment */
  uint32_t next, prev; /* of those with free slots */
  uint32_t used, fresh;
  uint32_t free_head; /* a slot */
  uint32_t pad[11];
};
_Static_assert(sizeof(struct cells) == 64, "slots of a cache line do not cross one");

static struct cells *cells_at(const struct mr_store *store, uint32_t ref) {
  return mr_store_at(store, ref);
}

static uint32_t cells_cap(uint32_t c) {
  return (MR_STATE_SEGMENT_SZ - (uint32_t)sizeof(struct cells)) / class_sz[c];
}

static void link_cells(struct mr_store *store, uint32_t *head, uint32_t ref) {
  cells_at(store, ref)->prev = 0;
  cells_at(store, ref)->next = *head;
  if (*head) cells_at(store, *head)->prev = ref;
  *head = ref;
}

static void unlink_cells(struct mr_store *store, uint32_t *head, uint32_t ref) {
  struct cells *s = cells_at(store, ref);
  if (s->prev)
    cells_at(store, s->prev)->next = s->next;
  else
    *head = s->next;
  if (s->next) cells_at(store, s->next)->prev = s->prev;
}

static uint32_t take_cell(struct mr_store *store, uint32_t *head, uint32_t c) {
  if (!*head) {
    uint32_t made = mr_store_take(store, MR_STORE_CLASS_SEG);
    if (!made) return 0;
    *cells_at(store, made) = (struct cells){0};
    link_cells(store, head, made);
  }
  uint32_t seg = *head, ref;
  struct cells *s = cells_at(store, seg);
  if (s->free_head) {
    ref = s->free_head;
    s->free_head = *(uint32_t *)mr_store_at(store, ref);
  } else {
    ref = seg + ((uint32_t)sizeof(struct cells) + s->fresh++ * class_sz[c]) / MR_STORE_UNIT;
  }
  if (++s->used == cells_cap(c)) unlink_cells(store, head, seg);
  return ref;
}

static void give_cell(struct mr_store *store, uint32_t *head, uint32_t c, uint32_t ref) {
  uint32_t seg = ref / SEG_UNITS * SEG_UNITS;
  struct cells *s = cells_at(store, seg);
  *(uint32_t *)mr_store_at(store, ref) = s->free_head;
  s->free_head = ref;
  if (s->used-- == cells_cap(c)) link_cells(store, head, seg);
  if (s->used) return;
  unlink_cells(store, head, seg);
  mr_store_give(store, seg, MR_STORE_CLASS_SEG);
}

/* ---- any ---- */

uint32_t mr_slots_take(struct mr_store *store, struct mr_slots *slots, uint64_t sz) {
  MR_DASSERT(sz > 0);
  if (sz > MR_SLOT_SMALL_MAX) return take_large(store, slots, sz);
  uint32_t c = class_of(sz), ref = slots->heads[c];
  if (slots->reclaims) return take_cell(store, &slots->heads[c], c);
  if (ref) {
    slots->heads[c] = *(uint32_t *)mr_store_at(store, ref);
    return ref;
  }
  uint32_t units = class_sz[c] / MR_STORE_UNIT;
  if (slots->end - slots->at < units && !add_chunk(store, slots, class_sz[c])) return 0;
  ref = slots->at;
  slots->at += units;
  return ref;
}

void mr_slots_give(struct mr_store *store, struct mr_slots *slots, uint32_t ref, uint64_t sz) {
  if (sz > MR_SLOT_SMALL_MAX) {
    give_large(store, slots, ref);
    return;
  }
  uint32_t c = class_of(sz);
  if (slots->reclaims) {
    give_cell(store, &slots->heads[c], c, ref);
    return;
  }
  *(uint32_t *)mr_store_at(store, ref) = slots->heads[c];
  slots->heads[c] = ref;
}

static void drop_list(struct mr_store *store, uint32_t ref) {
  while (ref) {
    const struct chunk *c = mr_store_at(store, ref);
    uint32_t next = c->next, class_idx = c->class_idx;
    mr_store_give(store, ref, class_idx);
    ref = next;
  }
}

void mr_slots_drop(struct mr_store *store, struct mr_slots *slots) {
  MR_ASSERT(!slots->reclaims);
  drop_list(store, slots->chunk_first);
  drop_list(store, slots->large_first);
  *slots = (struct mr_slots){0};
}

bool mr_slots_str(struct mr_store *store, struct mr_slots *slots, const uint8_t *base,
                  const struct mr_str *from, struct mr_str *to) {
  if (from->len <= MR_STR_INLINE) {
    *to = *from;
    return true;
  }
  uint32_t ref = mr_slots_take(store, slots, from->len);
  if (!ref) return false;
  char *p = mr_store_at(store, ref);
  memcpy(p, mr_str_data(from, base), from->len);
  *to = mr_str_make(p, from->len, base);
  return true;
}

void mr_slots_str_give(struct mr_store *store, struct mr_slots *slots, const struct mr_str *str) {
  if (str->len <= MR_STR_INLINE) return;
  uint64_t off = ((uint64_t)str->u.ref.buf << 31) + str->u.ref.off;
  mr_slots_give(store, slots, (uint32_t)((off - store->off) / MR_STORE_UNIT), str->len);
}
