/* SPDX-License-Identifier: Apache-2.0 */
#include "state/store.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "state/save.h"

enum seg_state {
  SEG_FRESH, /* never used */
  SEG_FREE,  /* in the free list */
  SEG_SMALL, /* cut into small blocks */
  SEG_HEAD,  /* first segment of a block of 64 KiB or more */
  SEG_TAIL,  /* another segment of such a block */
  SEG_RUN    /* first segment of a free larger block */
};

#define SEG_UNITS (MR_STATE_SEGMENT_SZ / MR_STORE_UNIT)

static uint64_t segs_of(uint64_t max_bytes) {
  return (max_bytes + MR_STATE_SEGMENT_SZ - 1) / MR_STATE_SEGMENT_SZ;
}

/* The table of segments lies before them, in whole segments; so reference 0 is never a block's. */
static uint64_t table_sz(uint64_t seg_cnt) {
  return mr_align_up((seg_cnt + 1) * sizeof(struct mr_store_seg), MR_STATE_SEGMENT_SZ);
}

uint64_t mr_store_footprint(uint64_t max_bytes) {
  uint64_t cnt = segs_of(max_bytes);
  return table_sz(cnt) + cnt * MR_STATE_SEGMENT_SZ;
}

int mr_store_init(struct mr_store *store, struct mr_region *region, uint64_t max_bytes,
                  uint64_t reserve_bytes, const char *label, struct mr_error *err) {
  *store = (struct mr_store){0};
  if (max_bytes < MR_STORE_BYTES_MIN || max_bytes > MR_STORE_BYTES_MAX - MR_STATE_SEGMENT_SZ)
    return mr_error_set(err, MR_ERR_ARG, "state of %" PRIu64 " bytes: possible are 1 MiB to 64 GiB",
                        max_bytes);
  uint64_t sz = mr_store_footprint(max_bytes);
  uint64_t off = mr_region_reserve(region, sz, label);
  if (!off)
    return mr_error_set(err, MR_ERR_NOMEM, "%s: no addresses for %" PRIu64 " bytes", label, sz);
  store->seg_cnt = (uint32_t)segs_of(max_bytes);
  uint64_t before = table_sz(store->seg_cnt);
  store->segs = mr_region_ptr(region, off);
  /* Segment i begins at reference (i + 1) * SEG_UNITS. */
  store->off = off + before - MR_STATE_SEGMENT_SZ;
  store->mem = region->base + store->off;
  uint64_t all = (uint64_t)store->seg_cnt * MR_STATE_SEGMENT_SZ;
  store->admit_bytes = reserve_bytes < all ? all - reserve_bytes : 0;
  return MR_OK;
}

uint32_t mr_store_class(uint64_t sz) {
  MR_DASSERT(sz <= MR_STORE_BLOCK_MAX);
  if (sz <= MR_STORE_BLOCK_MIN) return 0;
  return (uint32_t)(64 - __builtin_clzll(sz - 1)) - 9;
}

/* ---- segments ---- */

static uint32_t seg_ref(uint32_t seg) {
  return seg * SEG_UNITS;
}

static struct mr_store_seg *seg_at(const struct mr_store *store, uint32_t seg) {
  return &store->segs[seg - 1];
}

static void push(struct mr_store *store, uint32_t *head, uint32_t seg) {
  struct mr_store_seg *s = seg_at(store, seg);
  s->prev = 0;
  s->next = *head;
  if (*head) seg_at(store, *head)->prev = seg;
  *head = seg;
}

static void unlink_seg(struct mr_store *store, uint32_t *head, uint32_t seg) {
  struct mr_store_seg *s = seg_at(store, seg);
  if (s->prev)
    seg_at(store, s->prev)->next = s->next;
  else
    *head = s->next;
  if (s->next) seg_at(store, s->next)->prev = s->prev;
}

static void free_seg(struct mr_store *store, uint32_t seg) {
  seg_at(store, seg)->state = SEG_FREE;
  push(store, &store->free_head, seg);
  store->free_cnt++;
}

/* Cuts the smallest free larger block into free segments. */
static bool break_run(struct mr_store *store) {
  for (uint32_t c = MR_STORE_CLASS_SEG + 1; c < MR_STORE_CLASS_CNT; c++) {
    uint32_t seg = store->run_head[c], cnt = 1u << (c - MR_STORE_CLASS_SEG);
    if (!seg) continue;
    unlink_seg(store, &store->run_head[c], seg);
    for (uint32_t i = cnt; i-- > 0;) free_seg(store, seg + i);
    return true;
  }
  return false;
}

static uint32_t take_seg(struct mr_store *store) {
  if (!store->free_head && store->seg_fresh < store->seg_cnt) return ++store->seg_fresh;
  if (!store->free_head && !break_run(store)) return 0;
  uint32_t seg = store->free_head;
  unlink_seg(store, &store->free_head, seg);
  store->free_cnt--;
  return seg;
}

static void note_used(struct mr_store *store, uint64_t bytes) {
  store->used_bytes += bytes;
  if (store->used_bytes > store->used_bytes_max) store->used_bytes_max = store->used_bytes;
}

static uint32_t take_run(struct mr_store *store, uint32_t class_idx) {
  uint32_t cnt = 1u << (class_idx - MR_STORE_CLASS_SEG);
  uint32_t seg = store->run_head[class_idx];
  if (seg) {
    unlink_seg(store, &store->run_head[class_idx], seg);
  } else if (cnt == 1) {
    seg = take_seg(store);
  } else if (store->seg_cnt - store->seg_fresh >= cnt) {
    seg = store->seg_fresh + 1;
    store->seg_fresh += cnt;
  }
  if (!seg) return 0;
  for (uint32_t i = 0; i < cnt; i++) seg_at(store, seg + i)->state = i ? SEG_TAIL : SEG_HEAD;
  seg_at(store, seg)->used = 1;
  seg_at(store, seg)->fresh = 0;
  seg_at(store, seg)->class_idx = (uint8_t)class_idx;
  note_used(store, (uint64_t)cnt * MR_STATE_SEGMENT_SZ);
  return seg_ref(seg);
}

/* ---- blocks ---- */

static uint32_t blocks_in(uint32_t class_idx) {
  return MR_STATE_SEGMENT_SZ / mr_store_class_sz(class_idx);
}

/* A free block begins with the index + 1 of the next one. */
static uint16_t *next_of(const struct mr_store *store, uint32_t seg, uint32_t class_idx,
                         uint32_t block) {
  uint32_t units = mr_store_class_sz(class_idx) / MR_STORE_UNIT;
  return mr_store_at(store, seg_ref(seg) + block * units);
}

uint32_t mr_store_take(struct mr_store *store, uint32_t class_idx) {
  MR_DASSERT(class_idx < MR_STORE_CLASS_CNT);
  if (class_idx >= MR_STORE_CLASS_SEG) return take_run(store, class_idx);
  uint32_t seg = store->part_head[class_idx];
  if (!seg) {
    seg = take_seg(store);
    if (!seg) return 0;
    *seg_at(store, seg) =
        (struct mr_store_seg){.class_idx = (uint8_t)class_idx, .state = SEG_SMALL};
    push(store, &store->part_head[class_idx], seg);
    note_used(store, MR_STATE_SEGMENT_SZ);
  }
  struct mr_store_seg *s = seg_at(store, seg);
  uint32_t block;
  if (s->free_head) {
    block = s->free_head - 1u;
    s->free_head = *next_of(store, seg, class_idx, block);
  } else {
    block = s->fresh++;
  }
  s->used++;
  if (s->used == blocks_in(class_idx)) unlink_seg(store, &store->part_head[class_idx], seg);
  return seg_ref(seg) + block * (mr_store_class_sz(class_idx) / MR_STORE_UNIT);
}

void mr_store_give(struct mr_store *store, uint32_t ref, uint32_t class_idx) {
  uint32_t seg = ref / SEG_UNITS;
  MR_ASSERT(seg > 0 && seg <= store->seg_fresh && class_idx < MR_STORE_CLASS_CNT);
  struct mr_store_seg *s = seg_at(store, seg);
  MR_ASSERT(s->class_idx == class_idx && s->used > 0);
  if (class_idx >= MR_STORE_CLASS_SEG) {
    store->used_bytes -= mr_store_class_sz(class_idx);
    s->used = 0;
    if (class_idx == MR_STORE_CLASS_SEG) {
      free_seg(store, seg);
      return;
    }
    s->state = SEG_RUN;
    push(store, &store->run_head[class_idx], seg);
    return;
  }
  uint32_t block = ref % SEG_UNITS / (mr_store_class_sz(class_idx) / MR_STORE_UNIT);
  if (s->used == blocks_in(class_idx)) push(store, &store->part_head[class_idx], seg);
  *next_of(store, seg, class_idx, block) = s->free_head;
  s->free_head = (uint16_t)(block + 1);
  if (--s->used) return;
  unlink_seg(store, &store->part_head[class_idx], seg);
  store->used_bytes -= MR_STATE_SEGMENT_SZ;
  free_seg(store, seg);
}

/* ---- check ---- */

static bool small_valid(const struct mr_store *store, uint32_t seg) {
  const struct mr_store_seg *s = seg_at(store, seg);
  uint32_t cnt = blocks_in(s->class_idx), free_cnt = 0;
  if (s->used == 0 || s->used > cnt || s->fresh > cnt) return false;
  for (uint32_t b = s->free_head; b; b = *next_of(store, seg, s->class_idx, b - 1))
    if (b > s->fresh || ++free_cnt > cnt) return false;
  return s->used + free_cnt == s->fresh;
}

/* Members of a list, or UINT32_MAX when it is broken. */
static uint32_t list_len(const struct mr_store *store, uint32_t head, uint32_t state,
                         uint32_t class_idx) {
  uint32_t cnt = 0, prev = 0;
  for (uint32_t seg = head; seg; prev = seg, seg = seg_at(store, seg)->next) {
    const struct mr_store_seg *s = seg_at(store, seg);
    if (seg > store->seg_fresh || s->prev != prev || s->state != state) return UINT32_MAX;
    if (state != SEG_FREE && s->class_idx != class_idx) return UINT32_MAX;
    if (++cnt > store->seg_cnt) return UINT32_MAX;
  }
  return cnt;
}

void mr_store_mark_derived(struct mr_store *store, uint32_t ref) {
  struct mr_store_seg *seg = seg_at(store, ref / SEG_UNITS);
  MR_ASSERT(seg->state == SEG_HEAD && seg->class_idx == MR_STORE_CLASS_SEG);
  seg->fresh = 1;
}

bool mr_store_freeze(const struct mr_store *store, struct mr_save *to, struct mr_store *frozen,
                     bool whole) {
  const uint8_t *from = store->mem + MR_STATE_SEGMENT_SZ;
  *frozen = *store;
  if (to->in_place) return true;
  uint8_t *copy = mr_save_take(to, (size_t)store->seg_fresh * MR_STATE_SEGMENT_SZ);
  if (!copy) return false;
  for (uint32_t seg = 1; seg <= store->seg_fresh; seg++) {
    const struct mr_store_seg *s = seg_at(store, seg);
    if (s->state == SEG_FREE || (!whole && s->state == SEG_HEAD && s->fresh)) continue;
    size_t off = (size_t)(seg - 1) * MR_STATE_SEGMENT_SZ;
    memcpy(copy + off, from + off, MR_STATE_SEGMENT_SZ);
  }
  frozen->mem = copy - MR_STATE_SEGMENT_SZ;
  frozen->segs = NULL;
  return true;
}

bool mr_store_valid(const struct mr_store *store) {
  uint32_t open[MR_STORE_SMALL_CNT] = {0}, runs[MR_STORE_CLASS_CNT] = {0}, free_cnt = 0;
  uint64_t used = 0;
  if (store->seg_fresh > store->seg_cnt) return false;
  for (uint32_t seg = 1; seg <= store->seg_fresh; seg++) {
    const struct mr_store_seg *s = seg_at(store, seg);
    uint32_t cnt =
        s->state == SEG_HEAD || s->state == SEG_RUN ? 1u << (s->class_idx - MR_STORE_CLASS_SEG) : 1;
    if (s->state == SEG_SMALL) {
      if (!small_valid(store, seg)) return false;
      if (s->used < blocks_in(s->class_idx)) open[s->class_idx]++;
    }
    if (s->state == SEG_FREE) free_cnt++;
    if (s->state == SEG_RUN) runs[s->class_idx]++;
    if (s->state == SEG_SMALL || s->state == SEG_HEAD) used += cnt;
    if (s->state == SEG_FRESH || s->state == SEG_TAIL) return false;
    seg += cnt - 1;
  }
  for (uint32_t c = 0; c < MR_STORE_SMALL_CNT; c++)
    if (list_len(store, store->part_head[c], SEG_SMALL, c) != open[c]) return false;
  for (uint32_t c = MR_STORE_CLASS_SEG + 1; c < MR_STORE_CLASS_CNT; c++)
    if (list_len(store, store->run_head[c], SEG_RUN, c) != runs[c]) return false;
  return list_len(store, store->free_head, SEG_FREE, 0) == free_cnt &&
         free_cnt == store->free_cnt && used * MR_STATE_SEGMENT_SZ == store->used_bytes;
}
