/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SHM_REGION_H
#define MR_SHM_REGION_H

/* The memory of one running graph: one reserved range of addresses, in which everything is named by
 * its offset from the base. Two kinds of memory live in it: hot   batches, heaps, rings, tables of
 * constants: a private memfd, whole pages, huge where allowed; committed (really there) by
 * mr_region_commit before the start, so a lack of memory is an error then and never later; lazy
 * state and scratch: reserved addresses, backed when touched. Allocation is a bump at layout time
 * and is never undone; nothing allocates after the start. One thread allocates; afterwards any
 * thread reads and writes what it owns. Offset 0 is never handed out: 0 is "none". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum mr_huge_pages { MR_HUGE_AUTO, MR_HUGE_OFF, MR_HUGE_REQUIRE };

#define MR_REGION_PARTS_MAX 4096u

struct mr_region_part { /* one allocation, for `mem` and `show layout` */
  const char *label;    /* static or living as long as the region */
  uint64_t off, sz;
  bool lazy;
};

struct mr_region {
  uint8_t *base;
  uint64_t reserved_sz; /* addresses */
  uint64_t hot_sz;      /* bytes of hot memory handed out, from base */
  uint64_t lazy_off;    /* lazy memory is handed out downwards from the end of the range */
  int fd;
  enum mr_huge_pages huge;
  bool huge_used; /* what was got */
  struct mr_region_part *parts;
  uint32_t part_cnt;
};

/* Reserves sz bytes of addresses (a multiple of 2 MiB is made of it). MR_ERR_NOMEM. */
int mr_region_create(struct mr_region *region, uint64_t sz, enum mr_huge_pages huge,
                     struct mr_error *err);

/* Hands out sz bytes aligned to `align` (a power of two, at most 4096), zero-filled. Returns the
 * offset, or 0 when the reserved range is used up. */
uint64_t mr_region_alloc(struct mr_region *region, uint64_t sz, uint64_t align, const char *label);
/* The same of lazy memory, page-aligned. */
uint64_t mr_region_reserve(struct mr_region *region, uint64_t sz, const char *label);

/* Backs all hot memory with pages. MR_ERR_NOMEM names the bytes asked and the limit that refused.
 */
int mr_region_commit(struct mr_region *region, struct mr_error *err);

/* Gives lazy pages [off, off + sz) back to the system; their next read is zero. Both page-aligned.
 */
void mr_region_discard(struct mr_region *region, uint64_t off, uint64_t sz);

void mr_region_destroy(struct mr_region *region);

static inline void *mr_region_ptr(const struct mr_region *region, uint64_t off) {
  return region->base + off;
}
static inline uint64_t mr_region_off(const struct mr_region *region, const void *p) {
  return (uint64_t)((const uint8_t *)p - region->base);
}

#endif
