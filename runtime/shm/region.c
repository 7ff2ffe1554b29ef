/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/region.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bits.h"
#include "shm/headroom.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE_SZ UINT64_C(4096)
#define HUGE_SZ (UINT64_C(2) << 20)
/* Bytes at the start that are never handed out, so that offset 0 is "none". */
#define NONE_SZ ((uint64_t)MR_CACHE_LINE_PAIR)
/* Lazy memory of at least this size asks for huge pages. */
#define LAZY_HUGE_SZ (UINT64_C(4) << 20)

static uint64_t min_u64(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* Hot memory is mapped in whole units of this: huge pages want their 2 MiB mapped before the first
 * touch. */
static uint64_t map_unit(const struct mr_region *region) {
  return region->huge == MR_HUGE_OFF ? PAGE_SZ : HUGE_SZ;
}

/* End of the hot memory that is mapped. */
static uint64_t hot_end(const struct mr_region *region) {
  return region->hot_sz == NONE_SZ ? 0 : mr_align_up(region->hot_sz, map_unit(region));
}

static uint64_t huge_pages_free(void) {
  uint64_t cnt = 0;
  FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
  if (!file) return 0;
  if (fscanf(file, "%" SCNu64, &cnt) != 1) cnt = 0;
  fclose(file);
  return cnt;
}

static int no_memory(struct mr_error *err, int sys_errno, const char *what, uint64_t sz) {
  mr_error_set_sys(err, sys_errno, "%s of %" PRIu64 " bytes", what, sz);
  if (err) err->code = MR_ERR_NOMEM;
  return MR_ERR_NOMEM;
}

static int no_addresses(uint64_t sz, struct mr_error *err) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    return mr_error_set(
        err, MR_ERR_NOMEM,
        "%" PRIu64 " bytes of addresses: the limit is RLIMIT_AS (ulimit -v), %" PRIu64 " bytes", sz,
        (uint64_t)limit.rlim_cur);
  return no_memory(err, errno, "addresses", sz);
}

/* A range of sz bytes on a 2 MiB boundary; MAP_FAILED as mmap. */
static uint8_t *reserve_range(uint64_t sz) {
  uint64_t all = sz + HUGE_SZ;
  uint8_t *p = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return p;
  uint64_t before = mr_align_up((uintptr_t)p, HUGE_SZ) - (uintptr_t)p;
  if (before) munmap(p, before);
  if (before < HUGE_SZ) munmap(p + before + sz, HUGE_SZ - before);
  return p + before;
}

/* The file behind hot memory; sparse, as long as the whole range. */
static int open_file(struct mr_region *region, struct mr_error *err) {
  uint64_t pages = huge_pages_free(), want = region->reserved_sz / HUGE_SZ;
  bool huge = region->huge == MR_HUGE_REQUIRE || (region->huge == MR_HUGE_AUTO && pages >= want);
  if (region->huge == MR_HUGE_REQUIRE && pages == 0)
    return mr_error_set(
        err, MR_ERR_NOMEM,
        "huge pages are required and none of 2 MiB is free: set vm.nr_hugepages, or "
        "huge_pages: auto");
  int fd = -1;
  if (huge) fd = memfd_create("millrace", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
  region->huge_used = fd >= 0;
  if (fd < 0 && region->huge != MR_HUGE_REQUIRE) fd = memfd_create("millrace", MFD_CLOEXEC);
  if (fd < 0) return mr_error_set_sys(err, errno, "memfd_create");
  region->fd = fd;
  if (ftruncate(fd, (off_t)region->reserved_sz) != 0)
    return no_memory(err, errno,
                     errno == EFBIG ? "memory file, over RLIMIT_FSIZE (ulimit -f)," : "memory file",
                     region->reserved_sz);
  return MR_OK;
}

int mr_region_create(struct mr_region *region, uint64_t sz, enum mr_huge_pages huge,
                     struct mr_error *err) {
  memset(region, 0, sizeof *region);
  region->fd = -1;
  region->huge = huge;
  if (sz > INT64_MAX / 2)
    return mr_error_set(err, MR_ERR_NOMEM, "%" PRIu64 " bytes of addresses", sz);
  /* One unit more: what the start and the rounding of hot memory take. */
  uint64_t all = mr_align_up(sz, HUGE_SZ) + HUGE_SZ;
  uint64_t parts_sz = mr_align_up(MR_REGION_PARTS_MAX * sizeof *region->parts, PAGE_SZ);
  uint8_t *base = reserve_range(all);
  if (base == MAP_FAILED) return no_addresses(all, err);
  region->base = base;
  region->reserved_sz = all;
  region->hot_sz = NONE_SZ;
  region->lazy_off = all;
  void *parts = mmap(NULL, parts_sz, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  int rc = MR_OK;
  if (parts == MAP_FAILED)
    rc = no_addresses(parts_sz, err);
  else
    region->parts = parts;
  if (rc == MR_OK) rc = open_file(region, err);
  if (rc != MR_OK) mr_region_destroy(region);
  return rc;
}

static void note_part(struct mr_region *region, const char *label, uint64_t off, uint64_t sz,
                      bool lazy) {
  region->parts[region->part_cnt++] =
      (struct mr_region_part){.label = label, .off = off, .sz = sz, .lazy = lazy};
}

uint64_t mr_region_alloc(struct mr_region *region, uint64_t sz, uint64_t align, const char *label) {
  MR_ASSERT(mr_is_pow2(align) && align <= PAGE_SZ);
  uint64_t off = mr_align_up(region->hot_sz, align);
  if (sz > region->reserved_sz || region->part_cnt == MR_REGION_PARTS_MAX) return 0;
  uint64_t mapped = hot_end(region), end = mr_align_up(off + sz, map_unit(region));
  if (end > region->lazy_off) return 0;
  if (end > mapped) {
    void *p = mmap(region->base + mapped, end - mapped, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_FIXED, region->fd, (off_t)mapped);
    if (p == MAP_FAILED) return 0;
    /* Advice only: where it is not taken, pages are small. */
    if (region->huge == MR_HUGE_AUTO && !region->huge_used)
      madvise(region->base + mapped, end - mapped, MADV_HUGEPAGE);
  }
  region->hot_sz = off + sz;
  note_part(region, label, off, sz, false);
  return off;
}

uint64_t mr_region_reserve(struct mr_region *region, uint64_t sz, const char *label) {
  if (sz > region->reserved_sz || region->part_cnt == MR_REGION_PARTS_MAX) return 0;
  uint64_t len = mr_align_up(sz, PAGE_SZ);
  uint64_t taken = mr_align_up(region->hot_sz, map_unit(region));
  if (len > region->lazy_off - taken) return 0;
  uint64_t off = region->lazy_off - len;
  if (len && mprotect(region->base + off, len, PROT_READ | PROT_WRITE) != 0) return 0;
  if (len >= LAZY_HUGE_SZ && region->huge != MR_HUGE_OFF)
    madvise(region->base + off, len, MADV_HUGEPAGE);
  region->lazy_off = off;
  note_part(region, label, off, len, true);
  return off;
}

/* Whether any page of the range is mapped as a huge one, by the kernel's account of the mappings in
 * it. */
static bool has_huge_mapping(const uint8_t *base, uint64_t sz) {
  FILE *file = fopen("/proc/self/smaps", "re");
  if (!file) return false;
  char line[512];
  uint64_t from, to, kib, huge_kib = 0;
  bool inside = false;
  while (fgets(line, sizeof line, file)) {
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2)
      inside = from >= (uintptr_t)base && from < (uintptr_t)base + sz;
    else if (inside && sscanf(line, "ShmemPmdMapped: %" SCNu64, &kib) == 1)
      huge_kib += kib;
  }
  fclose(file);
  return huge_kib > 0;
}

int mr_region_commit(struct mr_region *region, struct mr_error *err) {
  if (region->hot_sz == NONE_SZ) return MR_OK;
  uint64_t sz = mr_align_up(region->hot_sz, region->huge_used ? HUGE_SZ : PAGE_SZ);
  struct stat st;
  uint64_t there = fstat(region->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
  uint64_t need = sz - min_u64(there, sz);
  if (!region->huge_used) { /* pages of the huge pool are reserved since they were mapped */
    struct mr_headroom room;
    mr_headroom_read("", &room);
    if (need > room.bytes)
      return mr_error_set(err, MR_ERR_NOMEM,
                          "the graph's batches and links take %" PRIu64 " bytes, of which %" PRIu64
                          " are still to be had; %s leaves %" PRIu64,
                          region->hot_sz, need, room.limit, room.bytes);
  }
  int rc = madvise(region->base, sz, MADV_POPULATE_WRITE);
  int sys = errno;
  if (rc != 0 && sys == EINVAL) { /* Linux before 5.14 */
    rc = fallocate(region->fd, 0, 0, (off_t)sz);
    sys = errno;
  }
  if (rc != 0) return no_memory(err, sys, "batches and links", region->hot_sz);
  if (region->huge == MR_HUGE_AUTO && !region->huge_used)
    region->huge_used = has_huge_mapping(region->base, sz);
  return MR_OK;
}

void mr_region_discard(struct mr_region *region, uint64_t off, uint64_t sz) {
  MR_ASSERT(off >= region->lazy_off && off % PAGE_SZ == 0);
  MR_ASSERT(sz % PAGE_SZ == 0 && sz <= region->reserved_sz - off);
  if (sz) madvise(region->base + off, sz, MADV_DONTNEED);
}

void mr_region_destroy(struct mr_region *region) {
  if (region->base) munmap(region->base, region->reserved_sz);
  if (region->parts)
    munmap(region->parts, mr_align_up(MR_REGION_PARTS_MAX * sizeof *region->parts, PAGE_SZ));
  if (region->fd >= 0) close(region->fd);
  memset(region, 0, sizeof *region);
  region->fd = -1;
}
