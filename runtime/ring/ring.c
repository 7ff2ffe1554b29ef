/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/ring.h"

#include <stddef.h>

/* The default rings of x86 order by plain accesses, which a race detector cannot follow. */
#define RTE_USE_C11_MEM_MODEL 1
#include <rte_ring.h>

#include "base/assert.h"

#define ITEM_SZ 8u
/* Rings start shortly before their index wraps, so that every run and every test passes the wrap.
 */
#define INDEX_FIRST (UINT32_MAX - 100u)

_Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "a tail is read as an atomic");
_Static_assert(MR_RETURN_ITEMS_MAX < RTE_RING_SZ_MASK / 2, "a ring holds that many");

struct mr_return {
  alignas(MR_CACHE_LINE_PAIR) uint32_t next; /* the writer's: ring index of the next batch */
  alignas(MR_CACHE_LINE_PAIR) struct rte_ring ring;
};

/* Sizes of a ring that holds exactly cnt items: slots are the next power of two above. */
static uint64_t ring_sz(uint32_t cnt) {
  return mr_align_up(sizeof(struct rte_ring) + mr_pow2_up((uint64_t)cnt + 1) * ITEM_SZ,
                     MR_CACHE_LINE);
}

static void ring_init(struct rte_ring *ring, uint32_t cnt) {
  int rc = rte_ring_init(ring, "millrace", cnt, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
  MR_ASSERT(rc == 0);
  MR_ASSERT(rte_ring_get_memsize_elem(ITEM_SZ, ring->size) <= (ssize_t)ring_sz(cnt));
  ring->prod.head = ring->prod.tail = INDEX_FIRST;
  ring->cons.head = ring->cons.tail = INDEX_FIRST;
}

/* The tail that the other side publishes: __rte_ring_update_tail stores it with release order. */
static uint32_t load_tail(const struct rte_ring_headtail *side) {
  /* acquire: pairs with the store of __rte_ring_update_tail in the other side's take or send */
  return atomic_load_explicit((const _Atomic uint32_t *)&side->tail, memory_order_acquire);
}

/* Puts an item at ring index `at`, which is the writer's. Who sends has counted that there is a
 * slot, and keeps the index elsewhere, so neither the reader's line nor the one that the reader
 * polls is looked at: rte_ring's own enqueue looks at both each time, trips between the CPUs. A
 * slot is used again only after its reader's next word to the writer: the cons.tail that the room
 * was counted by, or the batch that came back in another way. */
static void put(struct rte_ring *ring, uint32_t at, uint64_t off) {
  MR_DASSERT(at == ring->prod.tail && at - load_tail(&ring->cons) < ring->capacity);
  __rte_ring_enqueue_elems(ring, at, &off, ITEM_SZ, 1);
  ring->prod.head = at + 1;
  /* release: pairs with the acquire of rte_ring's dequeue and of load_tail */
  atomic_store_explicit((_Atomic uint32_t *)&ring->prod.tail, at + 1, memory_order_release);
}

uint64_t mr_link_footprint(uint32_t capacity) {
  if (capacity < 1 || capacity > MR_LINK_ITEMS_MAX) return 0;
  return mr_align_up(sizeof(struct mr_link) + ring_sz(capacity + MR_LINK_CONTROL),
                     MR_CACHE_LINE_PAIR);
}

struct mr_link *mr_link_new(struct mr_region *region, uint32_t capacity, const char *label,
                            struct mr_error *err) {
  uint64_t sz = mr_link_footprint(capacity);
  if (sz == 0) {
    mr_error_set(err, MR_ERR_ARG, "%s: a link of %u items: it holds 1 to %u", label, capacity,
                 MR_LINK_ITEMS_MAX);
    return NULL;
  }
  uint64_t off = mr_region_alloc(region, sz, MR_CACHE_LINE_PAIR, label);
  if (off == 0) {
    mr_error_set(err, MR_ERR_NOMEM, "%s: no room for a link of %u items in the graph's memory",
                 label, capacity);
    return NULL;
  }
  struct mr_link *link = mr_region_ptr(region, off);
  link->ring = (struct rte_ring *)(link + 1);
  link->capacity = capacity;
  ring_init(link->ring, capacity + MR_LINK_CONTROL);
  link->room = capacity;
  link->next = INDEX_FIRST;
  atomic_init(&link->control_done, 0);
  return link;
}

/* Number of the oldest item that the reader has not taken. */
static uint64_t first_left(const struct mr_link *link) {
  return link->next - (uint32_t)((uint32_t)link->next - load_tail(&link->ring->cons));
}

uint32_t mr_link_room(struct mr_link *link) {
  uint64_t first = first_left(link);
  uint32_t data = (uint32_t)(link->next - first);
  for (uint32_t i = 0; i < MR_LINK_CONTROL; i++) data -= link->control_at[i] >= first;
  link->room = link->capacity - data;
  return link->room;
}

void mr_link_send(struct mr_link *link, uint64_t off) {
  MR_ASSERT(mr_link_has_room(link, 1));
  put(link->ring, (uint32_t)link->next, off);
  link->next++;
  link->room--;
}

bool mr_link_send_control(struct mr_link *link, uint64_t off) {
  uint64_t *at = &link->control_at[link->control_sent % MR_LINK_CONTROL];
  if (*at >= first_left(link)) return false;
  put(link->ring, (uint32_t)link->next, off);
  *at = link->next++;
  link->control_sent++;
  return true;
}

int32_t mr_link_control_next(struct mr_link *link) {
  if (link->control_sent - link->control_seen >= MR_LINK_CONTROL) {
    /* acquire: pairs with mr_link_control_done; the reader's look at the message is over */
    link->control_seen = atomic_load_explicit(&link->control_done, memory_order_acquire);
    if (link->control_sent - link->control_seen >= MR_LINK_CONTROL) return -1;
  }
  return (int32_t)(link->control_sent % MR_LINK_CONTROL);
}

void mr_link_control_done(struct mr_link *link) {
  uint32_t done = atomic_load_explicit(&link->control_done, memory_order_relaxed);
  /* release: pairs with mr_link_control_next */
  atomic_store_explicit(&link->control_done, done + 1, memory_order_release);
}

uint32_t mr_link_take(struct mr_link *link, uint64_t *offs, uint32_t n) {
  return rte_ring_sc_dequeue_burst_elem(link->ring, offs, ITEM_SZ, n, NULL);
}

uint32_t mr_link_depth(const struct mr_link *link) {
  /* The reader's first: what is sent in between only makes the result larger. */
  uint32_t taken = load_tail(&link->ring->cons), sent = load_tail(&link->ring->prod);
  uint32_t depth = sent - taken, most = link->capacity + MR_LINK_CONTROL;
  return depth < most ? depth : most;
}

uint64_t mr_return_footprint(uint32_t batch_cnt) {
  if (batch_cnt < 1 || batch_cnt > MR_RETURN_ITEMS_MAX) return 0;
  return mr_align_up(offsetof(struct mr_return, ring) + ring_sz(batch_cnt), MR_CACHE_LINE_PAIR);
}

struct mr_return *mr_return_new(struct mr_region *region, uint32_t batch_cnt, const char *label,
                                struct mr_error *err) {
  uint64_t sz = mr_return_footprint(batch_cnt);
  if (sz == 0) {
    mr_error_set(err, MR_ERR_ARG, "%s: a return ring of %u batches: it holds 1 to %u", label,
                 batch_cnt, MR_RETURN_ITEMS_MAX);
    return NULL;
  }
  uint64_t off = mr_region_alloc(region, sz, MR_CACHE_LINE_PAIR, label);
  if (off == 0) {
    mr_error_set(err, MR_ERR_NOMEM,
                 "%s: no room for a return ring of %u batches in the graph's memory", label,
                 batch_cnt);
    return NULL;
  }
  struct mr_return *ret = mr_region_ptr(region, off);
  ring_init(&ret->ring, batch_cnt);
  ret->next = INDEX_FIRST;
  return ret;
}

void mr_return_send(struct mr_return *ret, uint64_t batch_off) {
  put(&ret->ring, ret->next++, batch_off);
}

uint32_t mr_return_take(struct mr_return *ret, uint64_t *batch_offs, uint32_t n) {
  return rte_ring_sc_dequeue_burst_elem(&ret->ring, batch_offs, ITEM_SZ, n, NULL);
}
