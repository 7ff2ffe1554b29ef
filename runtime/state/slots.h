/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_SLOTS_H
#define MR_STATE_SLOTS_H

/* Size-classed slots of one table: strings, pieces of lists, members of sets. A slot that is given
 * back is used again for the next value of its size; all of them go with their table. Slots are cut
 * from chunks, which are blocks of the store that grow from 512 B to 64 KiB; what is larger than 16
 * KiB is a block of its own.
 *
 * Where values come and go and the table stays (reclaims), a chunk is 64 KiB of slots of one size,
 * and goes back to the store with its last slot; then there is no mr_slots_drop. */

#include "data/type.h"
#include "state/store.h"

#define MR_SLOTS_CLASS_CNT 20u
#define MR_SLOT_SMALL_MAX  16384u /* bytes of the largest class */
#define MR_SLOT_MAX        (MR_STORE_BLOCK_MAX - MR_STORE_UNIT)

struct mr_slots {                    /* zeroed: empty */
  uint32_t chunk_first, chunk_class; /* the newest chunk, and its class */
  uint32_t at, end;                  /* what is left of it */
  uint32_t large_first;
  uint32_t heads[MR_SLOTS_CLASS_CNT]; /* free slots by class; reclaims: chunks that have some */
  bool reclaims;                      /* to be set while it is empty */
};

/* sz bytes (1..MR_SLOT_MAX) aligned to 16, not zeroed; 0 when the store is full or sz is too large.
 */
uint32_t mr_slots_take(struct mr_store *store, struct mr_slots *slots, uint64_t sz);
/* sz as it was taken. */
void mr_slots_give(struct mr_store *store, struct mr_slots *slots, uint32_t ref, uint64_t sz);
/* Gives everything back to the store. */
void mr_slots_drop(struct mr_store *store, struct mr_slots *slots);

/* A copy of a string (base is the region's) whose bytes, when they are not inline, lie in a slot;
 * false when the store is full. */
bool mr_slots_str(struct mr_store *store, struct mr_slots *slots, const uint8_t *base,
                  const struct mr_str *from, struct mr_str *to);
/* Gives back the slot of such a copy. */
void mr_slots_str_give(struct mr_store *store, struct mr_slots *slots, const struct mr_str *str);

#endif
