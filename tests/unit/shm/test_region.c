/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/region.h"

#define MIB (UINT64_C(1) << 20)

static struct mr_error err;

static struct mr_region make(uint64_t sz, enum mr_huge_pages huge) {
  struct mr_region region;
  mr_error_clear(&err);
  int rc = mr_region_create(&region, sz, huge, &err);
  if (rc != MR_OK) print_error("%s\n", err.text);
  assert_int_equal(rc, MR_OK);
  return region;
}

static bool all_zero(const struct mr_region *region, uint64_t off, uint64_t sz) {
  const uint8_t *p = mr_region_ptr(region, off);
  for (uint64_t i = 0; i < sz; i++)
    if (p[i]) return false;
  return true;
}

static uint64_t bytes_backed(const struct mr_region *region) {
  struct stat st;
  assert_int_equal(fstat(region->fd, &st), 0);
  return (uint64_t)st.st_blocks * 512;
}

MR_TEST(memory_is_zero_and_usable_before_the_commit) {
  MR_UNUSED_STATE;
  struct mr_region region = make(8 * MIB, MR_HUGE_OFF);
  for (uint32_t i = 0; i < 40; i++) {
    uint64_t sz = 1 + i * 1777;
    uint64_t off = mr_region_alloc(&region, sz, 64, "piece");
    assert_int_not_equal(off, 0);
    assert_true(all_zero(&region, off, sz));
    memset(mr_region_ptr(&region, off), 0xa5, sz);
    assert_int_equal(mr_region_off(&region, mr_region_ptr(&region, off)), off);
  }
  mr_region_destroy(&region);
}

MR_TEST(pieces_are_aligned_and_do_not_overlap) {
  MR_UNUSED_STATE;
  struct mr_region region = make(4 * MIB, MR_HUGE_AUTO);
  uint64_t end = 1;
  for (uint64_t align = 1; align <= 4096; align *= 2) {
    uint64_t off = mr_region_alloc(&region, 100 + align, align, "piece");
    assert_int_equal(off % align, 0);
    assert_true(off >= end);
    end = off + 100 + align;
    const struct mr_region_part *part = &region.parts[region.part_cnt - 1];
    assert_int_equal(part->off, off);
    assert_int_equal(part->sz, 100 + align);
    assert_string_equal(part->label, "piece");
    assert_false(part->lazy);
  }
  assert_int_equal(region.hot_sz, end);
  mr_region_destroy(&region);
}

MR_TEST(contents_outlive_later_allocations_and_the_commit) {
  MR_UNUSED_STATE;
  struct mr_region region = make(16 * MIB, MR_HUGE_AUTO);
  uint64_t offs[8];
  for (uint32_t i = 0; i < 8; i++) {
    offs[i] = mr_region_alloc(&region, MIB + 123, 64, "piece");
    memset(mr_region_ptr(&region, offs[i]), (int)i + 1, MIB + 123);
  }
  assert_int_equal(mr_region_commit(&region, &err), MR_OK);
  for (uint32_t i = 0; i < 8; i++) {
    const uint8_t *p = mr_region_ptr(&region, offs[i]);
    for (uint64_t k = 0; k < MIB + 123; k += 61) assert_int_equal(p[k], i + 1);
  }
  mr_region_destroy(&region);
}

MR_TEST(commit_backs_all_hot_memory_with_pages) {
  MR_UNUSED_STATE;
  struct mr_region region = make(32 * MIB, MR_HUGE_OFF);
  assert_int_not_equal(mr_region_alloc(&region, 10 * MIB, 64, "batches"), 0);
  assert_true(bytes_backed(&region) < MIB);
  assert_int_equal(mr_region_commit(&region, &err), MR_OK);
  assert_true(bytes_backed(&region) >= region.hot_sz);
  assert_true(bytes_backed(&region) < region.hot_sz + MIB);
  assert_false(region.huge_used);
  mr_region_destroy(&region);
}

MR_TEST(commit_of_an_empty_region_is_no_error) {
  MR_UNUSED_STATE;
  struct mr_region region = make(MIB, MR_HUGE_AUTO);
  assert_int_equal(mr_region_commit(&region, &err), MR_OK);
  mr_region_destroy(&region);
}

MR_TEST(the_range_asked_for_can_be_handed_out_to_the_last_byte) {
  MR_UNUSED_STATE;
  static const enum mr_huge_pages ways[] = {MR_HUGE_OFF, MR_HUGE_AUTO};
  for (int i = 0; i < 2; i++) {
    struct mr_region region = make(4 * MIB, ways[i]);
    uint64_t hot = mr_region_alloc(&region, 3 * MIB, 64, "hot");
    uint64_t lazy = mr_region_reserve(&region, MIB, "lazy");
    assert_int_not_equal(hot, 0);
    assert_int_not_equal(lazy, 0);
    ((uint8_t *)mr_region_ptr(&region, hot))[3 * MIB - 1] = 1;
    ((uint8_t *)mr_region_ptr(&region, lazy))[MIB - 1] = 1;
    assert_int_equal(mr_region_alloc(&region, 4 * MIB, 64, "too much"), 0);
    assert_int_equal(mr_region_reserve(&region, 4 * MIB, "too much"), 0);
    assert_int_equal(mr_region_alloc(&region, UINT64_MAX - 64, 64, "too much"), 0);
    assert_int_equal(mr_region_reserve(&region, UINT64_MAX, "too much"), 0);
    mr_region_destroy(&region);
  }
}

MR_TEST(lazy_memory_is_zero_and_zero_again_after_a_discard) {
  MR_UNUSED_STATE;
  struct mr_region region = make(64 * MIB, MR_HUGE_AUTO);
  uint64_t off = mr_region_reserve(&region, 8 * MIB, "state");
  assert_int_equal(off % 4096, 0);
  assert_true(region.parts[0].lazy);
  assert_true(all_zero(&region, off, 8 * MIB));
  memset(mr_region_ptr(&region, off), 1, 8 * MIB);
  mr_region_discard(&region, off + MIB, 2 * MIB);
  assert_false(all_zero(&region, off + MIB - 1, 1));
  assert_true(all_zero(&region, off + MIB, 2 * MIB));
  assert_false(all_zero(&region, off + 3 * MIB, 1));
  mr_region_destroy(&region);
}

MR_TEST(more_memory_than_the_machine_has_is_an_error_at_the_commit) {
  MR_UNUSED_STATE;
  struct sysinfo info;
  assert_int_equal(sysinfo(&info), 0);
  uint64_t sz = 2 * (uint64_t)info.totalram * info.mem_unit;
  struct mr_region region = make(sz, MR_HUGE_OFF);
  uint64_t off = mr_region_alloc(&region, sz, 64, "batches");
  assert_int_not_equal(off, 0);
  assert_int_equal(mr_region_commit(&region, &err), MR_ERR_NOMEM);
  assert_int_equal(err.code, MR_ERR_NOMEM);
  assert_non_null(strstr(err.text, " leaves "));
  mr_region_destroy(&region);
}

MR_TEST(addresses_beyond_the_limit_are_an_error_that_names_it) {
  MR_UNUSED_STATE;
#ifdef MR_SANITIZED
  mr_skip("a sanitizer needs more addresses than the limit");
#else
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit limit = {UINT64_C(1) << 30, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(2);
    struct mr_region region;
    int rc = mr_region_create(&region, UINT64_C(4) << 30, MR_HUGE_OFF, &err);
    _exit(rc == MR_ERR_NOMEM && strstr(err.text, "RLIMIT_AS") ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
#endif
}

MR_TEST(required_huge_pages_are_got_or_an_error) {
  MR_UNUSED_STATE;
  struct mr_region region;
  int rc = mr_region_create(&region, 4 * MIB, MR_HUGE_REQUIRE, &err);
  if (rc == MR_OK) {
    assert_true(region.huge_used);
    mr_region_destroy(&region);
  } else {
    assert_int_equal(rc, MR_ERR_NOMEM);
    assert_non_null(strstr(err.text, "huge pages"));
    assert_null(region.base);
  }
}

MR_TEST(a_full_table_of_parts_is_the_end_of_the_range) {
  MR_UNUSED_STATE;
  struct mr_region region = make(MIB, MR_HUGE_OFF);
  for (uint32_t i = 0; i < MR_REGION_PARTS_MAX; i++)
    assert_int_not_equal(mr_region_alloc(&region, 8, 8, "x"), 0);
  assert_int_equal(mr_region_alloc(&region, 8, 8, "x"), 0);
  assert_int_equal(mr_region_reserve(&region, 8, "x"), 0);
  mr_region_destroy(&region);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(memory_is_zero_and_usable_before_the_commit),
    MR_CASE(pieces_are_aligned_and_do_not_overlap),
    MR_CASE(contents_outlive_later_allocations_and_the_commit),
    MR_CASE(commit_backs_all_hot_memory_with_pages),
    MR_CASE(commit_of_an_empty_region_is_no_error),
    MR_CASE(the_range_asked_for_can_be_handed_out_to_the_last_byte),
    MR_CASE(lazy_memory_is_zero_and_zero_again_after_a_discard),
    MR_CASE(more_memory_than_the_machine_has_is_an_error_at_the_commit),
    MR_CASE(addresses_beyond_the_limit_are_an_error_that_names_it),
    MR_CASE(required_huge_pages_are_got_or_an_error),
    MR_CASE(a_full_table_of_parts_is_the_end_of_the_range),
};
MR_MAIN(cases)
