/* SPDX-License-Identifier: Apache-2.0 */
#include "state/index.h"

#include <string.h>

#include "base/assert.h"
#include "base/bits.h"

#define CAP_LOG2_MIN 6u
#define CAP_LOG2_MAX 13u
_Static_assert(MR_INDEX_SEG_ENTRIES == 1u << CAP_LOG2_MAX, "a full segment is 64 KiB");

static uint32_t seg_class(uint32_t cap_log2) {
  return mr_store_class(8u << cap_log2);
}

static uint32_t take_seg(struct mr_store *store, uint32_t cap_log2) {
  uint32_t ref = mr_store_take(store, seg_class(cap_log2));
  if (ref) memset(mr_store_at(store, ref), 0, 8u << cap_log2);
  if (ref && cap_log2 == CAP_LOG2_MAX) mr_store_mark_derived(store, ref);
  return ref;
}

static struct mr_index_seg *dir_of(const struct mr_store *store, struct mr_index *index) {
  return index->dir_ref ? mr_store_at(store, index->dir_ref) : &index->one;
}

/* mask: of bucket numbers. There is a free place somewhere. */
static void put(struct mr_index_bucket *seg, uint32_t mask, uint32_t tag, uint32_t ref) {
  for (uint32_t at = mr_index_first(tag, mask);; at = (at + 1) & mask) {
    uint32_t room = mr_index_match(&seg[at], 0);
    if (!room) continue;
    uint32_t i = (uint32_t)__builtin_ctz(room);
    seg[at].tags[i] = tag;
    seg[at].refs[i] = ref;
    return;
  }
}

static uint32_t bucket_mask(uint32_t cap_log2) {
  return (1u << cap_log2) / MR_INDEX_BUCKET - 1;
}

bool mr_index_init(struct mr_store *store, struct mr_index *index) {
  MR_DASSERT(!index->one.ref && !index->dir_ref);
  index->cap_log2 = CAP_LOG2_MIN;
  index->one.ref = take_seg(store, CAP_LOG2_MIN);
  return index->one.ref != 0;
}

static bool double_one(struct mr_store *store, struct mr_index *index) {
  uint32_t ref = take_seg(store, index->cap_log2 + 1u);
  if (!ref) return false;
  const struct mr_index_bucket *from = mr_store_at(store, index->one.ref);
  struct mr_index_bucket *to = mr_store_at(store, ref);
  uint32_t mask = bucket_mask(index->cap_log2 + 1u);
  for (uint32_t b = 0; b <= bucket_mask(index->cap_log2); b++)
    for (uint32_t i = 0; i < MR_INDEX_BUCKET; i++)
      if (from[b].tags[i]) put(to, mask, from[b].tags[i], from[b].refs[i]);
  mr_store_give(store, index->one.ref, seg_class(index->cap_log2));
  index->one.ref = ref;
  index->cap_log2++;
  return true;
}

static bool double_dir(struct mr_store *store, struct mr_index *index) {
  if (index->depth == MR_INDEX_DEPTH_MAX) return false;
  uint32_t cnt = 1u << index->depth;
  uint32_t ref = mr_store_take(store, mr_store_class(cnt * 2 * sizeof(struct mr_index_seg)));
  if (!ref) return false;
  const struct mr_index_seg *from = dir_of(store, index);
  struct mr_index_seg *to = mr_store_at(store, ref);
  for (uint32_t i = 0; i < cnt; i++) to[i * 2] = to[i * 2 + 1] = from[i];
  if (index->dir_ref)
    mr_store_give(store, index->dir_ref, mr_store_class(cnt * sizeof(struct mr_index_seg)));
  index->dir_ref = ref;
  index->depth++;
  return true;
}

/* Splits the segment whose first entry of the directory is `first`. */
static bool split(struct mr_store *store, struct mr_index *index, uint32_t first) {
  uint32_t depth = dir_of(store, index)[first].depth;
  if (depth == index->depth) {
    if (!double_dir(store, index)) return false;
    first *= 2;
  }
  uint32_t refs[2] = {take_seg(store, CAP_LOG2_MAX), take_seg(store, CAP_LOG2_MAX)};
  if (!refs[0] || !refs[1]) {
    for (uint32_t i = 0; i < 2; i++)
      if (refs[i]) mr_store_give(store, refs[i], seg_class(CAP_LOG2_MAX));
    return false;
  }
  struct mr_index_seg *dir = dir_of(store, index);
  uint32_t old = dir[first].ref, used[2] = {0};
  const struct mr_index_bucket *from = mr_store_at(store, old);
  struct mr_index_bucket *to[2] = {mr_store_at(store, refs[0]), mr_store_at(store, refs[1])};
  uint32_t mask = bucket_mask(CAP_LOG2_MAX);
  for (uint32_t b = 0; b <= mask; b++)
    for (uint32_t i = 0; i < MR_INDEX_BUCKET; i++) {
      uint32_t tag = from[b].tags[i], half = tag >> (31 - depth) & 1;
      if (!tag) continue;
      put(to[half], mask, tag, from[b].refs[i]);
      used[half]++;
    }
  mr_store_give(store, old, seg_class(CAP_LOG2_MAX));
  uint32_t span = 1u << (index->depth - depth); /* entries that named it */
  for (uint32_t i = 0; i < span; i++) {
    uint32_t half = i >= span / 2;
    dir[first + i] = (struct mr_index_seg){refs[half], (uint16_t)used[half], (uint16_t)(depth + 1)};
  }
  return true;
}

/* The first of the entries of the directory that name the tag's segment. */
static uint32_t first_of(const struct mr_store *store, struct mr_index *index, uint32_t tag) {
  uint32_t i = (uint32_t)((uint64_t)tag >> (32 - index->depth));
  uint32_t depth = dir_of(store, index)[i].depth;
  return i & ~((1u << (index->depth - depth)) - 1);
}

/* Entries that a segment may have: few buckets are full. */
static uint32_t used_max(const struct mr_index *index) {
  return 5u << (index->cap_log2 - 3);
}

bool mr_index_add(struct mr_store *store, struct mr_index *index, uint32_t tag, uint32_t ref) {
  if (!index->one.ref && !index->dir_ref && !mr_index_init(store, index)) return false;
  uint32_t first = first_of(store, index, tag);
  while (dir_of(store, index)[first].used >= used_max(index)) {
    bool grown =
        index->cap_log2 < CAP_LOG2_MAX ? double_one(store, index) : split(store, index, first);
    if (!grown) return false;
    first = first_of(store, index, tag);
  }
  struct mr_index_seg *seg = &dir_of(store, index)[first];
  MR_DASSERT(tag & 1);
  put(mr_store_at(store, seg->ref), bucket_mask(index->cap_log2), tag, ref);
  seg->used++;
  index->cnt++;
  return true;
}

/* ---- removing ---- */

/* The place of an entry. */
static struct mr_index_bucket *find(struct mr_store *store, struct mr_index *index, uint32_t tag,
                                    uint32_t ref, uint32_t *at, uint32_t *place) {
  uint32_t mask = bucket_mask(index->cap_log2);
  struct mr_index_bucket *seg =
      mr_store_at(store, dir_of(store, index)[first_of(store, index, tag)].ref);
  for (*at = mr_index_first(tag, mask);; *at = (*at + 1) & mask) {
    uint32_t match = mr_index_match(&seg[*at], tag);
    for (; match; match &= match - 1) {
      *place = (uint32_t)__builtin_ctz(match);
      if (seg[*at].refs[*place] == ref) return seg;
    }
    MR_ASSERT(!mr_index_match(&seg[*at], 0)); /* it is there */
  }
}

/* Makes the place at[place] free. Where its bucket was full, an entry whose probe went past it
 * comes up, which makes a place free further on. */
static void make_free(struct mr_index_bucket *seg, uint32_t mask, uint32_t at, uint32_t place) {
  for (;;) {
    bool full = !mr_index_match(&seg[at], 0);
    seg[at].tags[place] = 0;
    if (!full) return;
    bool moved = false;
    for (uint32_t b = (at + 1) & mask; b != at && !moved; b = (b + 1) & mask) {
      uint32_t back = (b - at) & mask;
      for (uint32_t i = 0; i < MR_INDEX_BUCKET && !moved; i++) {
        uint32_t tag = seg[b].tags[i];
        if (!tag || ((b - mr_index_first(tag, mask)) & mask) < back) continue;
        seg[at].tags[place] = tag;
        seg[at].refs[place] = seg[b].refs[i];
        at = b;
        place = i;
        moved = true;
      }
      if (!moved && mr_index_match(&seg[b], 0)) return; /* no probe goes further */
    }
    if (!moved) return;
  }
}

/* Makes one segment of the two that have the same first depth - 1 bits, where both have become
 * small. No room: they stay. */
static void join(struct mr_store *store, struct mr_index *index, uint32_t first) {
  struct mr_index_seg *dir = dir_of(store, index);
  uint32_t depth = dir[first].depth, span = 1u << (index->depth - depth);
  uint32_t lower = first & ~(span * 2 - 1), upper = lower + span;
  if (dir[lower].depth != depth || dir[upper].depth != depth ||
      dir[lower].used + dir[upper].used > MR_INDEX_SEG_ENTRIES / 4)
    return;
  uint32_t ref = take_seg(store, CAP_LOG2_MAX), mask = bucket_mask(CAP_LOG2_MAX);
  if (!ref) return;
  const uint32_t olds[2] = {dir[lower].ref, dir[upper].ref};
  uint16_t used = (uint16_t)(dir[lower].used + dir[upper].used);
  for (uint32_t k = 0; k < 2; k++) {
    const struct mr_index_bucket *from = mr_store_at(store, olds[k]);
    for (uint32_t b = 0; b <= mask; b++)
      for (uint32_t i = 0; i < MR_INDEX_BUCKET; i++)
        if (from[b].tags[i]) put(mr_store_at(store, ref), mask, from[b].tags[i], from[b].refs[i]);
    mr_store_give(store, olds[k], seg_class(CAP_LOG2_MAX));
  }
  for (uint32_t i = 0; i < span * 2; i++)
    dir[lower + i] = (struct mr_index_seg){ref, used, (uint16_t)(depth - 1)};
}

void mr_index_remove(struct mr_store *store, struct mr_index *index, uint32_t tag, uint32_t ref) {
  uint32_t at, place, first = first_of(store, index, tag);
  struct mr_index_bucket *seg = find(store, index, tag, ref, &at, &place);
  make_free(seg, bucket_mask(index->cap_log2), at, place);
  if (!--index->cnt) {
    mr_index_drop(store, index);
    return;
  }
  struct mr_index_seg *dir = &dir_of(store, index)[first];
  dir->used--;
  if (dir->depth && dir->used < MR_INDEX_SEG_ENTRIES / 8) join(store, index, first);
}

void mr_index_replace(struct mr_store *store, struct mr_index *index, uint32_t tag, uint32_t ref,
                      uint32_t by) {
  uint32_t at, place;
  find(store, index, tag, ref, &at, &place)[at].refs[place] = by;
}

void mr_index_drop(struct mr_store *store, struct mr_index *index) {
  const struct mr_index_seg *dir = dir_of(store, index);
  for (uint32_t i = 0; i < 1u << index->depth; i += 1u << (index->depth - dir[i].depth))
    if (dir[i].ref) mr_store_give(store, dir[i].ref, seg_class(index->cap_log2));
  if (index->dir_ref)
    mr_store_give(store, index->dir_ref,
                  mr_store_class((UINT64_C(1) << index->depth) * sizeof(struct mr_index_seg)));
  *index = (struct mr_index){0};
}
