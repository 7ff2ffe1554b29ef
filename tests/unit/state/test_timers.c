/* SPDX-License-Identifier: Apache-2.0 */
#include "state/timers.h"

#include <string.h>

#include "base/rng.h"
#include "test.h"

#define SEED UINT64_C(0x71)
#define MAX  (UINT64_C(16) << 20)

struct world {
  struct mr_region region;
  struct mr_store store;
  struct mr_timers timers;
};

static void begin(struct world *w, uint64_t max) {
  struct mr_error err;
  memset(w, 0, sizeof *w);
  assert_int_equal(mr_region_create(&w->region, max * 2 + (UINT64_C(4) << 20), MR_HUGE_OFF, &err),
                   0);
  assert_int_equal(mr_store_init(&w->store, &w->region, max, 0, "state", &err), 0);
}

enum { CNT = 50000 };
static int64_t due[CNT + 1]; /* by reference; INT64_MIN: not there */

/* All that is due until then comes out, in portions, and nothing else does. */
static void take(struct world *w, int64_t until) {
  bool more = true, full = false;
  while (more) {
    struct mr_timer out[100];
    uint32_t n = mr_timers_take(&w->store, &w->timers, until, out, 100, &more, &full);
    for (uint32_t i = 0; i < n; i++) {
      assert_in_range(out[i].ref, 1, CNT);
      assert_true(due[out[i].ref] != INT64_MIN && due[out[i].ref] <= until);
      due[out[i].ref] = INT64_MIN;
    }
  }
  assert_false(full);
  for (uint32_t k = 1; k <= CNT; k++) assert_true(due[k] == INT64_MIN || due[k] > until);
}

MR_TEST(timers_come_out_when_time_has_reached_them_and_not_before) {
  MR_UNUSED_STATE;
  struct world w;
  struct mr_rng rng;
  begin(&w, MAX);
  mr_rng_init(&rng, SEED);
  printf("seed %llu\n", (unsigned long long)SEED);
  for (uint32_t k = 1; k <= CNT; k++) due[k] = INT64_MIN;
  int64_t now = -5000000;
  for (uint32_t round = 0; round < 120; round++) {
    for (uint32_t i = 0; i < 2000; i++) {
      uint32_t k = (uint32_t)mr_rng_below(mr_rng_next(&rng), CNT) + 1;
      if (due[k] != INT64_MIN) continue;
      uint32_t bits = (uint32_t)mr_rng_below(mr_rng_next(&rng), 30);
      due[k] = now + 1 + (int64_t)mr_rng_below(mr_rng_next(&rng), 1u << bits);
      assert_true(mr_timers_add(&w.store, &w.timers, due[k], k));
    }
    now += (int64_t)mr_rng_below(mr_rng_next(&rng), 1u << mr_rng_below(mr_rng_next(&rng), 24));
    int64_t least = INT64_MAX;
    for (uint32_t k = 1; k <= CNT; k++)
      if (due[k] != INT64_MIN && due[k] < least) least = due[k];
    assert_true(mr_timers_least(&w.timers) <= least);
    struct mr_timer peek;
    if (mr_timers_peek(&w.store, &w.timers, &peek)) assert_int_equal(due[peek.ref], peek.at_us);
    take(&w, now);
  }
  take(&w, INT64_MAX - 1);
  assert_int_equal(w.timers.cnt, 0);
  assert_int_equal(w.store.used_bytes, 0);
  assert_true(mr_timers_least(&w.timers) == INT64_MAX);
  mr_region_destroy(&w.region);
}

MR_TEST(a_timer_whose_time_has_passed_comes_at_once) {
  MR_UNUSED_STATE;
  struct world w;
  begin(&w, MAX);
  for (uint32_t k = 1; k <= CNT; k++) due[k] = INT64_MIN;
  due[1] = 1000;
  assert_true(mr_timers_add(&w.store, &w.timers, due[1], 1));
  take(&w, 2000);
  due[2] = 500;
  assert_true(mr_timers_add(&w.store, &w.timers, due[2], 2));
  take(&w, 2000);
  assert_int_equal(w.timers.cnt, 0);
  mr_region_destroy(&w.region);
}

MR_TEST(a_million_timers_are_looked_at_in_portions) {
  MR_UNUSED_STATE;
  struct world w;
  begin(&w, UINT64_C(64) << 20);
  for (uint32_t k = 1; k <= 1000000; k++)
    assert_true(mr_timers_add(&w.store, &w.timers, INT64_C(1) << 40 | k, k));
  uint32_t calls = 0, got = 0;
  bool more = true, full = false;
  struct mr_timer out[1024];
  for (; more; calls++)
    got += mr_timers_take(&w.store, &w.timers, INT64_C(1) << 40 | 500000, out, 1024, &more, &full);
  assert_int_equal(got, 500000);
  assert_true(calls >= 1000000 / 4096);
  assert_false(full);
  mr_region_destroy(&w.region);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(timers_come_out_when_time_has_reached_them_and_not_before),
    MR_CASE(a_timer_whose_time_has_passed_comes_at_once),
    MR_CASE(a_million_timers_are_looked_at_in_portions),
};
MR_MAIN(cases)
