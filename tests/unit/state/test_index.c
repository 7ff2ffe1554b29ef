/* SPDX-License-Identifier: Apache-2.0 */
#include "state/index.h"

#include "base/hash.h"
#include "base/rng.h"
#include "test.h"

#define MAX (UINT64_C(64) << 20)

static void make(struct mr_region *region, struct mr_store *store, uint64_t max) {
  struct mr_error err;
  assert_int_equal(mr_region_create(region, max * 2 + (UINT64_C(4) << 20), MR_HUGE_OFF, &err), 0);
  assert_int_equal(mr_store_init(store, region, max, 0, "state", &err), 0);
}

static uint32_t tag_of(uint32_t k) {
  return mr_index_tag(mr_hash_u64(k));
}

static bool has(const struct mr_store *store, const struct mr_index *index, uint32_t tag,
                uint32_t ref) {
  struct mr_index_look look = mr_index_look(store, index);
  uint32_t found;
  MR_INDEX_EACH(&look, tag, found, found == ref);
  return found == ref;
}

MR_TEST(every_entry_is_found_at_every_size_from_one_to_a_million) {
  MR_UNUSED_STATE;
  struct mr_region region;
  struct mr_store store;
  struct mr_index index = {0};
  make(&region, &store, MAX);
  uint32_t cnt = 1000000, check = 1;
  for (uint32_t k = 1; k <= cnt; k++) {
    assert_true(mr_index_add(&store, &index, tag_of(k), k));
    if (k != check && k != cnt) continue;
    check = check * 2 + 1;
    for (uint32_t i = 1; i <= k; i += k < 10000 ? 1 : 37)
      assert_true(has(&store, &index, tag_of(i), i));
    assert_false(has(&store, &index, tag_of(k + 1), k + 1));
  }
  assert_int_equal(index.cnt, cnt);
  assert_true(index.depth >= 7);
  assert_true(mr_store_valid(&store));
  mr_index_drop(&store, &index);
  assert_int_equal(store.used_bytes, 0);
  mr_region_destroy(&region);
}

MR_TEST(equal_tags_stand_beside_each_other) {
  MR_UNUSED_STATE;
  struct mr_region region;
  struct mr_store store;
  struct mr_index index = {0};
  make(&region, &store, MAX);
  for (uint32_t k = 1; k <= 5000; k++)
    assert_true(mr_index_add(&store, &index, tag_of(k % 300), k));
  for (uint32_t k = 1; k <= 5000; k++) assert_true(has(&store, &index, tag_of(k % 300), k));
  mr_index_drop(&store, &index);
  mr_region_destroy(&region);
}

MR_TEST(an_index_that_finds_no_room_stays_as_it_was) {
  MR_UNUSED_STATE;
  struct mr_region region;
  struct mr_store store;
  struct mr_index index = {0};
  make(&region, &store, MR_STORE_BYTES_MIN);
  uint32_t k = 1;
  while (mr_index_add(&store, &index, tag_of(k), k)) k++;
  assert_true(k > 35000); /* 16 segments of 8192, a third to five eighths full */
  for (uint32_t i = 1; i < k; i++) assert_true(has(&store, &index, tag_of(i), i));
  assert_int_equal(index.cnt, k - 1);
  mr_index_drop(&store, &index);
  assert_int_equal(store.used_bytes, 0);
  mr_region_destroy(&region);
}

MR_TEST(entries_that_are_removed_are_gone_the_others_are_found_and_nothing_is_left) {
  MR_UNUSED_STATE;
  enum { CNT = 300000, TAGS = 200000 };
  static uint32_t live[CNT + 1];
  struct mr_region region;
  struct mr_store store;
  struct mr_index index = {0};
  struct mr_rng rng;
  make(&region, &store, MAX);
  mr_rng_init(&rng, 0x1de);
  uint32_t cnt = 0, most = 0;
  for (uint32_t step = 0; step < 4; step++) { /* grows, shrinks to a tenth, and so on */
    while (cnt < (step % 2 ? CNT / 2 : CNT)) {
      uint32_t k = (uint32_t)mr_rng_below(mr_rng_next(&rng), CNT) + 1;
      if (live[k]) continue;
      assert_true(mr_index_add(&store, &index, tag_of(k % TAGS), k));
      live[k] = 1;
      cnt++;
    }
    uint64_t used = store.used_bytes;
    while (cnt > CNT / 10) {
      uint32_t k = (uint32_t)mr_rng_below(mr_rng_next(&rng), CNT) + 1;
      if (!live[k]) continue;
      mr_index_remove(&store, &index, tag_of(k % TAGS), k);
      live[k] = 0;
      cnt--;
    }
    for (uint32_t k = 1; k <= CNT; k++)
      assert_int_equal(has(&store, &index, tag_of(k % TAGS), k), live[k]);
    if (step % 2 == 0) assert_true(store.used_bytes < used / 2); /* segments became one again */
    most = index.depth > most ? index.depth : most;
  }
  assert_true(most >= 5);
  for (uint32_t k = 1; k <= CNT; k++) {
    if (!live[k]) continue;
    mr_index_replace(&store, &index, tag_of(k % TAGS), k, k + CNT);
    assert_true(has(&store, &index, tag_of(k % TAGS), k + CNT));
    mr_index_remove(&store, &index, tag_of(k % TAGS), k + CNT);
  }
  assert_int_equal(store.used_bytes, 0);
  assert_true(mr_store_valid(&store));
  mr_region_destroy(&region);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(every_entry_is_found_at_every_size_from_one_to_a_million),
    MR_CASE(equal_tags_stand_beside_each_other),
    MR_CASE(an_index_that_finds_no_room_stays_as_it_was),
    MR_CASE(entries_that_are_removed_are_gone_the_others_are_found_and_nothing_is_left),
};
MR_MAIN(cases)
