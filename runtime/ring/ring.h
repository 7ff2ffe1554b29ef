/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RING_RING_H
#define MR_RING_RING_H

/* What joins two workers: rings with one writer and one reader, in the region. An item is the
 * region offset of a message (8 bytes, never 0). Two kinds:
 *
 *   struct mr_link    carries views and control items from an operator to the next. Lossless: the
 * writer asks for room before it takes input, so a send cannot fail. Beside its capacity for data
 * it keeps MR_LINK_CONTROL slots, so a control item never waits behind data for room. struct
 * mr_return  carries released batches home, from one releasing worker to the owner. It has a slot
 * for every batch that can come, so it never blocks.
 *
 * Both are DPDK's rte_ring on memory of the region (no environment layer is started); nobody
 * outside this room sees that. The index of the other side is on another cache line pair and is
 * read only when the one remembered does not do; see each function.
 *
 * What the writer wrote before a send, the reader sees after the take. All functions are wait-free.
 * "Writer" and "reader" name the one thread that may call a function. */

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/limits.h"
#include "shm/region.h"

#define MR_LINK_ITEMS_MAX   4096u      /* capacity of a link, data items */
#define MR_RETURN_ITEMS_MAX (1u << 24) /* capacity of a return ring */

struct rte_ring;

/* Fields are visible for mr_link_has_room only. */
struct mr_link {
  struct rte_ring *ring;
  uint32_t capacity; /* data items, 1..MR_LINK_ITEMS_MAX */
  /* The writer's. */
  alignas(MR_CACHE_LINE_PAIR)
      uint32_t room; /* data items that fitted when last looked, less those sent since */
  uint64_t next;     /* number of the next item; its low half is its ring index */
  uint64_t control_at[MR_LINK_CONTROL]; /* number of the control item sent last from each message */
  uint32_t control_sent, control_seen;  /* control items sent; of these known as done */
  /* The reader's. */
  alignas(MR_CACHE_LINE_PAIR) _Atomic uint32_t control_done;
};

/* Bytes of region memory that a link of this capacity takes, 0 when the capacity is out of range.
 */
uint64_t mr_link_footprint(uint32_t capacity);

/* A new, empty link in the region, which owns it. capacity: data items, 1..MR_LINK_ITEMS_MAX. The
 * label is kept. NULL: *err says why (MR_ERR_ARG, MR_ERR_NOMEM). Layout time, before the threads
 * start. */
struct mr_link *mr_link_new(struct mr_region *region, uint32_t capacity, const char *label,
                            struct mr_error *err);

/* Writer: the number of data items that surely fit now, 0..capacity. Looks at the reader's index.
 */
uint32_t mr_link_room(struct mr_link *link);

/* Writer: whether cnt data items fit now. Looks at the reader's index only when what is remembered
 * does not do: the credit check before each input. */
static inline bool mr_link_has_room(struct mr_link *link, uint32_t cnt) {
  return link->room >= cnt || mr_link_room(link) >= cnt;
}

/* Writer: sends a data item. There must be room (checked; a programmer error). */
void mr_link_send(struct mr_link *link, uint64_t off);

/* Writer: sends a control item, in order with the data. False: MR_LINK_CONTROL control items are in
 * the ring. */
bool mr_link_send_control(struct mr_link *link, uint64_t off);

/* A link has MR_LINK_CONTROL messages for control items, which are used in turn. Writer: index of
 * the message to fill and send next, or -1: its last item was not read yet. When it is not -1,
 * mr_link_send_control succeeds. */
int32_t mr_link_control_next(struct mr_link *link);
/* Reader: it has taken a control item and is done with its message. Once per control item, in
 * order. */
void mr_link_control_done(struct mr_link *link);

/* Reader: takes up to n items into offs, oldest first; returns how many, 0 when the ring is empty.
 * Their slots are free for the writer at once, so whoever takes more than one holds more than the
 * plan counts, unless it said so. Poll an empty link with growing spacing: each call reads the
 * writer's index. */
uint32_t mr_link_take(struct mr_link *link, uint64_t *offs, uint32_t n);

/* Items in the ring, control items too, about now. Any thread. */
uint32_t mr_link_depth(const struct mr_link *link);

/* ---- return rings ---- */

struct mr_return;

/* Bytes of region memory for batch_cnt batches, 0 when out of range (1..MR_RETURN_ITEMS_MAX). */
uint64_t mr_return_footprint(uint32_t batch_cnt);

/* A new, empty return ring in the region, which owns it. batch_cnt: all batches that can be on
 * their way from the releaser to the owner at once, that is at most all batches of the owner's
 * pools. NULL as in mr_link_new. */
struct mr_return *mr_return_new(struct mr_region *region, uint32_t batch_cnt, const char *label,
                                struct mr_error *err);

/* Releasing worker: sends a batch home. There is always a slot (checked in debug builds only: it
 * would cost a look at the owner's index). */
void mr_return_send(struct mr_return *ret, uint64_t batch_off);

/* Owning worker: takes up to n batches; returns how many. */
uint32_t mr_return_take(struct mr_return *ret, uint64_t *batch_offs, uint32_t n);

#endif
