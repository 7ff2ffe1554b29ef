/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_STORE_H
#define MR_STATE_STORE_H

/* The memory of one keyed operator instance: max_bytes of lazy region memory, cut into segments of
 * 64 KiB. A block is a power of two of bytes: small ones (512 B to 32 KiB) share a segment with
 * others of their size, one of 64 KiB is a segment, larger ones (to 2 MiB) are segments in a row. A
 * segment without blocks goes back to the store, so what a closed window held can be used by any
 * other.
 *
 * Everything is named by a reference: (region offset - store offset) / 16 in 32 bits; 0 is none. A
 * store belongs to one instance and to the worker that runs it. Nothing here calls the system. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "shm/region.h"

#define MR_STORE_UNIT      16u /* bytes per step of a reference */
#define MR_STORE_BLOCK_MIN 512u
#define MR_STORE_BLOCK_MAX (UINT32_C(2) << 20)
#define MR_STORE_CLASS_CNT 13u /* 512 B << class */
#define MR_STORE_SMALL_CNT 7u  /* classes that share a segment */
#define MR_STORE_CLASS_SEG 7u  /* 64 KiB */
#define MR_STORE_BYTES_MIN (UINT64_C(1) << 20)
#define MR_STORE_BYTES_MAX (UINT64_C(64) << 30) /* what 32-bit references reach */

struct mr_save;

struct mr_store_seg {  /* one segment; segments are named by index + 1, 0 is none */
  uint32_t next, prev; /* in the list of its class or of free segments */
  uint16_t used;       /* blocks in use; 1 for the first segment of a larger block */
  uint16_t fresh;      /* blocks never handed out since the segment was cut; 1 of a larger block:
                          it is derived */
  uint16_t free_head;  /* index + 1 of a free block */
  uint8_t class_idx;
  uint8_t state;
};

struct mr_store {
  uint8_t *mem; /* where reference 0 would be */
  uint64_t off; /* of the same, in the region */
  struct mr_store_seg *segs;
  uint32_t seg_cnt;   /* segments there are */
  uint32_t seg_fresh; /* segments ever used; the rest has never been touched */
  uint32_t free_head, free_cnt;
  uint32_t part_head[MR_STORE_SMALL_CNT]; /* segments with free blocks, by class */
  uint32_t run_head[MR_STORE_CLASS_CNT];  /* free larger blocks, by class */
  uint64_t used_bytes; /* in blocks handed out, and what is left over of their segments */
  uint64_t used_bytes_max;
  uint64_t admit_bytes; /* beyond this, mr_store_tight */
};

/* Bytes of lazy region memory that a store of max_bytes takes. */
uint64_t mr_store_footprint(uint64_t max_bytes);

/* Reserves the memory. max_bytes is rounded to segments. reserve_bytes of them are kept for the
 * rows of a batch that has been let in (mr_store_tight). label lives as long as the region.
 * MR_ERR_NOMEM, MR_ERR_ARG. */
int mr_store_init(struct mr_store *store, struct mr_region *region, uint64_t max_bytes,
                  uint64_t reserve_bytes, const char *label, struct mr_error *err);

static inline void *mr_store_at(const struct mr_store *store, uint32_t ref) {
  return store->mem + (uint64_t)ref * MR_STORE_UNIT;
}
static inline uint32_t mr_store_ref(const struct mr_store *store, const void *p) {
  return (uint32_t)((uint64_t)((const uint8_t *)p - store->mem) / MR_STORE_UNIT);
}

/* The class of the smallest block of at least sz bytes; sz is at most MR_STORE_BLOCK_MAX. */
uint32_t mr_store_class(uint64_t sz);
static inline uint32_t mr_store_class_sz(uint32_t class_idx) {
  return MR_STORE_BLOCK_MIN << class_idx;
}

/* A block, not zeroed, aligned to its size up to 4 KiB; 0 when the store is full. */
uint32_t mr_store_take(struct mr_store *store, uint32_t class_idx);
void mr_store_give(struct mr_store *store, uint32_t ref, uint32_t class_idx);

/* True when no new rows should be let in: what is left is for those that are in. */
static inline bool mr_store_tight(const struct mr_store *store) {
  return store->used_bytes >= store->admit_bytes;
}

/* Says of a block of 64 KiB that what is in it can be made anew from the others. */
void mr_store_mark_derived(struct mr_store *store, uint32_t ref);

/* A copy of all blocks in use (whole: also of those marked as derived), in memory of the snapshot
 * (save.h), at the same references: for reading only, through mr_store_at. frozen->off stays that
 * of the store. False: no room. */
bool mr_store_freeze(const struct mr_store *store, struct mr_save *to, struct mr_store *frozen,
                     bool whole);

/* Every invariant that can be checked: lists, counts, no block in two of them. */
bool mr_store_valid(const struct mr_store *store);

#endif
