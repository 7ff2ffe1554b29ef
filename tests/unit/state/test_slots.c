/* SPDX-License-Identifier: Apache-2.0 */
#include "state/slots.h"

#include <string.h>

#include "base/rng.h"
#include "test.h"

#define SEED UINT64_C(0x57f1)
#define MAX  (UINT64_C(64) << 20)

struct world {
  struct mr_region region;
  struct mr_store store;
  struct mr_slots slots;
};

static void begin(struct world *w, uint64_t max) {
  struct mr_error err;
  memset(w, 0, sizeof *w);
  assert_int_equal(mr_region_create(&w->region, max * 2 + (UINT64_C(4) << 20), MR_HUGE_OFF, &err),
                   0);
  assert_int_equal(mr_store_init(&w->store, &w->region, max, 0, "state", &err), 0);
}

struct slot {
  uint32_t ref, sz;
  uint8_t fill;
};

MR_TEST(slots_of_all_sizes_keep_their_bytes_and_go_with_their_table) {
  MR_UNUSED_STATE;
  enum { CNT = 3000 };
  static struct slot slots[CNT];
  struct world w;
  struct mr_rng rng;
  begin(&w, MAX);
  mr_rng_init(&rng, SEED);
  printf("seed %llu\n", (unsigned long long)SEED);
  for (uint32_t step = 0; step < 60000; step++) {
    struct slot *s = &slots[mr_rng_next(&rng) % CNT];
    if (s->ref) {
      const uint8_t *p = mr_store_at(&w.store, s->ref);
      for (uint32_t i = 0; i < s->sz; i++) assert_int_equal(p[i], s->fill);
      mr_slots_give(&w.store, &w.slots, s->ref, s->sz);
      s->ref = 0;
      continue;
    }
    uint64_t r = mr_rng_next(&rng);
    s->sz = 1 + (uint32_t)(r >> 8) % (r % 50 == 0 ? 100000u : r % 5 == 0 ? 5000u : 120u);
    s->fill = (uint8_t)(r >> 40);
    s->ref = mr_slots_take(&w.store, &w.slots, s->sz);
    assert_true(s->ref != 0);
    memset(mr_store_at(&w.store, s->ref), s->fill, s->sz);
  }
  assert_true(mr_store_valid(&w.store));
  mr_slots_drop(&w.store, &w.slots);
  assert_int_equal(w.store.used_bytes, 0);
  assert_true(mr_store_valid(&w.store));
  mr_region_destroy(&w.region);
}

MR_TEST(a_slot_that_is_given_back_is_used_for_the_next_value_of_its_size) {
  MR_UNUSED_STATE;
  struct world w;
  begin(&w, MR_STORE_BYTES_MIN);
  for (uint32_t sz = 1; sz <= 60000; sz += sz < 300 ? 7 : 997) {
    uint32_t a = mr_slots_take(&w.store, &w.slots, sz);
    mr_slots_give(&w.store, &w.slots, a, sz);
    uint64_t before = w.store.used_bytes;
    for (uint32_t i = 0; i < 1000; i++) {
      uint32_t b = mr_slots_take(&w.store, &w.slots, sz);
      assert_int_equal(a, b);
      mr_slots_give(&w.store, &w.slots, b, sz);
    }
    assert_true(w.store.used_bytes <= before + 2 * MR_STATE_SEGMENT_SZ);
  }
  mr_slots_drop(&w.store, &w.slots);
  assert_int_equal(w.store.used_bytes, 0);
  mr_region_destroy(&w.region);
}

MR_TEST(a_string_in_state_does_not_need_the_one_it_was_copied_from) {
  MR_UNUSED_STATE;
  struct world w;
  begin(&w, MR_STORE_BYTES_MIN);
  uint64_t off = mr_region_alloc(&w.region, 65536, 8, "strings");
  char *text = mr_region_ptr(&w.region, off);
  for (uint32_t len = 0; len <= 40000; len = len * 3 / 2 + 1) {
    memset(text, 'a' + (int)(len % 26), len);
    struct mr_str from = mr_str_make(text, len, w.region.base), copy;
    assert_true(mr_slots_str(&w.store, &w.slots, w.region.base, &from, &copy));
    memset(text, '!', len);
    assert_int_equal(copy.len, len);
    const char *p = mr_str_data(&copy, w.region.base);
    for (uint32_t i = 0; i < len; i++) assert_int_equal(p[i], 'a' + (int)(len % 26));
    mr_slots_str_give(&w.store, &w.slots, &copy);
  }
  mr_slots_drop(&w.store, &w.slots);
  mr_region_destroy(&w.region);
}

MR_TEST(a_full_store_and_a_value_beyond_the_largest_slot_are_refused) {
  MR_UNUSED_STATE;
  struct world w;
  begin(&w, MR_STORE_BYTES_MIN);
  assert_int_equal(mr_slots_take(&w.store, &w.slots, (uint64_t)MR_SLOT_MAX + 1), 0);
  uint32_t cnt = 0;
  while (mr_slots_take(&w.store, &w.slots, 8000)) cnt++;
  assert_in_range(cnt, 100, 131);
  mr_slots_drop(&w.store, &w.slots);
  assert_int_equal(w.store.used_bytes, 0);
  mr_region_destroy(&w.region);
}

MR_TEST(slots_that_reclaim_keep_their_bytes_and_give_back_what_is_empty) {
  MR_UNUSED_STATE;
  enum { CNT = 20000 };
  static struct slot slots[CNT];
  struct world w;
  struct mr_rng rng;
  begin(&w, MAX);
  w.slots.reclaims = true;
  mr_rng_init(&rng, SEED + 1);
  memset(slots, 0, sizeof slots);
  for (uint32_t step = 0; step < 300000; step++) {
    struct slot *s = &slots[mr_rng_below(mr_rng_next(&rng), CNT)];
    if (s->ref) {
      const uint8_t *p = mr_store_at(&w.store, s->ref);
      for (uint32_t i = 0; i < s->sz; i += 7) assert_int_equal(p[i], s->fill);
      mr_slots_give(&w.store, &w.slots, s->ref, s->sz);
      s->ref = 0;
      continue;
    }
    s->sz = 1 + (uint32_t)mr_rng_below(mr_rng_next(&rng), step % 50 ? 300 : 20000);
    s->fill = (uint8_t)step;
    s->ref = mr_slots_take(&w.store, &w.slots, s->sz);
    assert_int_not_equal(s->ref, 0);
    memset(mr_store_at(&w.store, s->ref), s->fill, s->sz);
  }
  assert_true(mr_store_valid(&w.store));
  for (uint32_t i = 0; i < CNT; i++)
    if (slots[i].ref) mr_slots_give(&w.store, &w.slots, slots[i].ref, slots[i].sz);
  assert_int_equal(w.store.used_bytes, 0);
  mr_region_destroy(&w.region);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(slots_of_all_sizes_keep_their_bytes_and_go_with_their_table),
    MR_CASE(a_slot_that_is_given_back_is_used_for_the_next_value_of_its_size),
    MR_CASE(a_string_in_state_does_not_need_the_one_it_was_copied_from),
    MR_CASE(a_full_store_and_a_value_beyond_the_largest_slot_are_refused),
    MR_CASE(slots_that_reclaim_keep_their_bytes_and_give_back_what_is_empty),
};
MR_MAIN(cases)
