/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_INDEX_H
#define MR_STATE_INDEX_H

/* Open addressing from the 32 upper bits of a hash (the tag) to references. Entries lie in buckets
 * of eight, one cache line each, whose tags are compared at once; a key that does not find room in
 * its bucket goes into the next. Buckets lie in segments of at most 64 KiB: the tag's upper bits
 * pick a segment through a directory, its lower bits the bucket. A segment that is five eighths
 * full is split in two by the next bit (extendible hashing: Fagin, Nievergelt, Pippenger, Strong
 * 1979), so growth moves one segment at a time. Small indexes are one segment that doubles from 64
 * entries on.
 *
 * Several entries may have one tag: the caller compares what the references name. An entry that is
 * removed makes room at once, without marks: those that lie behind for want of it move up. Two
 * segments that split once, and have become nearly empty, are one again; of an index without
 * entries nothing is left. */

#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "state/store.h"

#define MR_INDEX_SEG_ENTRIES 8192u
#define MR_INDEX_DEPTH_MAX   18u

struct mr_index_seg { /* an entry of the directory */
  uint32_t ref;
  uint16_t used;  /* right in the first entry of those that name the segment */
  uint16_t depth; /* upper bits that all its tags share */
};

struct mr_index {          /* zeroed: empty */
  struct mr_index_seg one; /* when there is no directory */
  uint32_t dir_ref;
  uint16_t depth;    /* of the directory: 1 << depth entries */
  uint16_t cap_log2; /* of a segment: 6..13 */
  uint32_t cnt;
};

#define MR_INDEX_BUCKET 8u
struct mr_index_bucket {
  uint32_t tags[MR_INDEX_BUCKET]; /* 0: free */
  uint32_t refs[MR_INDEX_BUCKET];
};
_Static_assert(sizeof(struct mr_index_bucket) == 64, "a bucket is a cache line");

/* The tag of a hash; never 0. */
static inline uint32_t mr_index_tag(uint64_t hash) {
  return (uint32_t)(hash >> 32) | 1u;
}

/* Segments of the index as the loops below want them; to be taken anew after mr_index_add. */
struct mr_index_look {
  const struct mr_index_seg *dir;
  const uint8_t *mem;
  uint32_t shift, mask; /* mask of bucket numbers */
};
static inline struct mr_index_look mr_index_look(const struct mr_store *store,
                                                 const struct mr_index *index) {
  struct mr_index_look look = {&index->one, store->mem, 32u - index->depth,
                               (1u << index->cap_log2) / MR_INDEX_BUCKET - 1};
  if (index->dir_ref) look.dir = mr_store_at(store, index->dir_ref);
  return look;
}
static inline const struct mr_index_bucket *mr_index_seg_of(const struct mr_index_look *look,
                                                            uint32_t tag) {
  /* A shift by 32 of the 64-bit value is what a directory of one entry needs. */
  uint32_t ref = look->dir[(uint64_t)tag >> look->shift].ref;
  return (const struct mr_index_bucket *)(const void *)(look->mem + (uint64_t)ref * MR_STORE_UNIT);
}
/* The number of the bucket in its segment where a tag's probe begins. */
static inline uint32_t mr_index_first(uint32_t tag, uint32_t mask) {
  return tag >> 1 & mask;
}
/* Bits of the places of a bucket that have this tag. */
static inline uint32_t mr_index_match(const struct mr_index_bucket *b, uint32_t tag) {
#if defined(__SSE2__)
  __m128i t = _mm_set1_epi32((int)tag);
  __m128i lo = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(const void *)b->tags), t);
  __m128i hi = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(const void *)(b->tags + 4)), t);
  __m128i both = _mm_packs_epi32(lo, hi);
  return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(both, _mm_setzero_si128()));
#else
  uint32_t bits = 0;
  for (uint32_t i = 0; i < MR_INDEX_BUCKET; i++) bits |= (uint32_t)(b->tags[i] == tag) << i;
  return bits;
#endif
}

/* Sets ref to the entries of a tag one after another until `body`, an expression, is true; to 0
 * when there are no more. The index has at least one segment. */
#define MR_INDEX_EACH(look, tag, ref, body)                                                        \
  do {                                                                                             \
    const struct mr_index_bucket *seg_ = mr_index_seg_of((look), (tag));                           \
    uint32_t at_ = mr_index_first((tag), (look)->mask);                                            \
    bool found_ = false;                                                                           \
    for (;; at_ = (at_ + 1) & (look)->mask) {                                                      \
      uint32_t match_ = mr_index_match(&seg_[at_], (tag));                                         \
      for (; match_ && !found_; match_ &= match_ - 1) {                                            \
        (ref) = seg_[at_].refs[__builtin_ctz(match_)];                                             \
        if (body) found_ = true;                                                                   \
      }                                                                                            \
      if (found_ || mr_index_match(&seg_[at_], 0)) break;                                          \
    }                                                                                              \
    if (!found_) (ref) = 0;                                                                        \
  } while (0)

/* Makes the index ready for its first entry. False: the store is full. */
bool mr_index_init(struct mr_store *store, struct mr_index *index);
/* Adds an entry; the tag is one of mr_index_tag. False: no room to grow; the index is as before. */
bool mr_index_add(struct mr_store *store, struct mr_index *index, uint32_t tag, uint32_t ref);
/* Removes an entry that is there. */
void mr_index_remove(struct mr_store *store, struct mr_index *index, uint32_t tag, uint32_t ref);
/* Puts another reference into an entry that is there. */
void mr_index_replace(struct mr_store *store, struct mr_index *index, uint32_t tag, uint32_t ref,
                      uint32_t by);
/* Gives its memory back; the index is empty. */
void mr_index_drop(struct mr_store *store, struct mr_index *index);

#endif
