/* SPDX-License-Identifier: Apache-2.0 */
#include "state/store.h"

#include <string.h>

#include "base/rng.h"
#include "test.h"

#define SEED UINT64_C(0x51a7e)
#define MAX  (UINT64_C(8) << 20)

struct block {
  uint32_t ref, class_idx;
  uint8_t fill;
};

static void make(struct mr_region *region, struct mr_store *store, uint64_t max, uint64_t reserve) {
  struct mr_error err;
  assert_int_equal(mr_region_create(region, max * 2 + (UINT64_C(4) << 20), MR_HUGE_OFF, &err), 0);
  assert_int_equal(mr_store_init(store, region, max, reserve, "state", &err), 0);
}

MR_TEST(a_class_is_the_smallest_block_that_holds_a_size) {
  MR_UNUSED_STATE;
  for (uint64_t sz = 1; sz <= MR_STORE_BLOCK_MAX; sz = sz < 3000 ? sz + 1 : sz * 5 / 4) {
    uint32_t c = mr_store_class(sz);
    assert_true(mr_store_class_sz(c) >= sz);
    assert_true(c == 0 || mr_store_class_sz(c - 1) < sz);
  }
  assert_int_equal(mr_store_class(MR_STORE_BLOCK_MAX), MR_STORE_CLASS_CNT - 1);
}

MR_TEST(a_store_below_one_mebibyte_is_refused) {
  MR_UNUSED_STATE;
  struct mr_region region;
  struct mr_store store;
  struct mr_error err;
  assert_int_equal(mr_region_create(&region, MAX, MR_HUGE_OFF, &err), 0);
  assert_int_equal(mr_store_init(&store, &region, MR_STORE_BYTES_MIN - 1, 0, "s", &err),
                   MR_ERR_ARG);
  assert_int_equal(mr_store_init(&store, &region, MAX * 4, 0, "s", &err), MR_ERR_NOMEM);
  mr_region_destroy(&region);
}

static void fill(const struct mr_store *store, const struct block *b) {
  memset(mr_store_at(store, b->ref), b->fill, mr_store_class_sz(b->class_idx));
}
static bool is_whole(const struct mr_store *store, const struct block *b) {
  const uint8_t *p = mr_store_at(store, b->ref);
  for (uint32_t i = 0; i < mr_store_class_sz(b->class_idx); i++)
    if (p[i] != b->fill) return false;
  return true;
}

MR_TEST(blocks_of_all_sizes_never_overlap_and_all_memory_comes_back) {
  MR_UNUSED_STATE;
  enum { CNT = 2000 };
  static struct block blocks[CNT];
  struct mr_region region;
  struct mr_store store;
  struct mr_rng rng;
  make(&region, &store, MAX, 0);
  mr_rng_init(&rng, SEED);
  printf("seed %llu\n", (unsigned long long)SEED);
  uint32_t refused = 0;
  for (uint32_t step = 0; step < 30000; step++) {
    struct block *b = &blocks[mr_rng_next(&rng) % CNT];
    if (b->ref) {
      assert_true(is_whole(&store, b));
      mr_store_give(&store, b->ref, b->class_idx);
      b->ref = 0;
    } else {
      uint64_t r = mr_rng_next(&rng);
      b->class_idx = r % 8 ? r / 8 % 6 : r / 8 % MR_STORE_CLASS_CNT;
      b->fill = (uint8_t)(r >> 32);
      b->ref = mr_store_take(&store, b->class_idx);
      if (b->ref)
        fill(&store, b);
      else
        refused++;
    }
    if (step % 1000 == 0) assert_true(mr_store_valid(&store));
  }
  assert_true(refused > 0); /* it was full at times */
  for (uint32_t i = 0; i < CNT; i++)
    if (blocks[i].ref) mr_store_give(&store, blocks[i].ref, blocks[i].class_idx);
  assert_true(mr_store_valid(&store));
  assert_int_equal(store.used_bytes, 0);
  /* every segment can be had again as small blocks: larger ones were broken up */
  uint32_t cnt = 0;
  while (mr_store_take(&store, MR_STORE_CLASS_SEG)) cnt++;
  assert_int_equal(cnt, MAX / MR_STATE_SEGMENT_SZ);
  mr_region_destroy(&region);
}

MR_TEST(a_segment_goes_back_when_its_last_block_does) {
  MR_UNUSED_STATE;
  struct mr_region region;
  struct mr_store store;
  make(&region, &store, MR_STORE_BYTES_MIN, 0);
  uint32_t refs[128];
  for (uint32_t i = 0; i < 128; i++) refs[i] = mr_store_take(&store, 0);
  assert_int_equal(store.used_bytes, MR_STATE_SEGMENT_SZ);
  uint32_t next = mr_store_take(&store, 0);
  assert_int_equal(store.used_bytes, 2 * MR_STATE_SEGMENT_SZ);
  mr_store_give(&store, next, 0);
  assert_int_equal(store.used_bytes, MR_STATE_SEGMENT_SZ);
  for (uint32_t i = 0; i < 127; i++) mr_store_give(&store, refs[i], 0);
  assert_int_equal(store.used_bytes, MR_STATE_SEGMENT_SZ);
  mr_store_give(&store, refs[127], 0);
  assert_int_equal(store.used_bytes, 0);
  assert_int_equal(store.used_bytes_max, 2 * MR_STATE_SEGMENT_SZ);
  mr_region_destroy(&region);
}

MR_TEST(a_store_is_tight_before_its_reserve_is_touched) {
  MR_UNUSED_STATE;
  struct mr_region region;
  struct mr_store store;
  make(&region, &store, MR_STORE_BYTES_MIN, 4 * MR_STATE_SEGMENT_SZ);
  uint32_t cnt = 0;
  while (!mr_store_tight(&store)) cnt += mr_store_take(&store, MR_STORE_CLASS_SEG) != 0;
  assert_int_equal(cnt, 12);
  while (mr_store_take(&store, MR_STORE_CLASS_SEG)) cnt++;
  assert_int_equal(cnt, 16);
  mr_region_destroy(&region);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_class_is_the_smallest_block_that_holds_a_size),
    MR_CASE(a_store_below_one_mebibyte_is_refused),
    MR_CASE(blocks_of_all_sizes_never_overlap_and_all_memory_comes_back),
    MR_CASE(a_segment_goes_back_when_its_last_block_does),
    MR_CASE(a_store_is_tight_before_its_reserve_is_touched),
};
MR_MAIN(cases)
