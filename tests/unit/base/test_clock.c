/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"

static uint64_t read_kernel(clockid_t id) {
  struct timespec ts;
  clock_gettime(id, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

MR_TEST(the_system_clock_follows_the_kernels_monotonic_clock) {
  MR_UNUSED_STATE;
  struct mr_clock clock;
  mr_clock_system(&clock);
  print_message("tsc %.6f GHz\n", clock.tsc_ghz);
  uint64_t start = read_kernel(CLOCK_MONOTONIC), worst = UINT64_MAX;
  /* 50 ms after the calibration 0.1 % of drift would be 50 us; the best of the brackets counts. */
  while (read_kernel(CLOCK_MONOTONIC) - start < 50000000u) {}
  for (int i = 0; i < 1000; i++) {
    uint64_t before = read_kernel(CLOCK_MONOTONIC), now = mr_clock_mono_ns(&clock);
    uint64_t after = read_kernel(CLOCK_MONOTONIC);
    uint64_t off = now < before ? before - now : now > after ? now - after : 0;
    if (off < worst) worst = off;
  }
  assert_true(worst < 50000);
  uint64_t by_pointer = clock.mono_ns(&clock), inlined = mr_clock_mono_ns(&clock);
  assert_true(inlined >= by_pointer && inlined - by_pointer < 1000000000u);
}

MR_TEST(the_wall_clock_is_microseconds_since_the_epoch) {
  MR_UNUSED_STATE;
  struct mr_clock clock;
  mr_clock_system(&clock);
  int64_t before = (int64_t)(read_kernel(CLOCK_REALTIME) / 1000);
  int64_t now = mr_clock_wall_us(&clock);
  int64_t after = (int64_t)(read_kernel(CLOCK_REALTIME) / 1000);
  assert_true(before <= now && now <= after);
}

MR_TEST(calibration_takes_no_more_than_some_milliseconds) {
  MR_UNUSED_STATE;
  uint64_t best = UINT64_MAX;
  for (int i = 0; i < 5; i++) {
    struct mr_clock clock;
    uint64_t start = read_kernel(CLOCK_MONOTONIC);
    mr_clock_system(&clock);
    uint64_t took = read_kernel(CLOCK_MONOTONIC) - start;
    if (took < best) best = took;
  }
  print_message("calibration %lu us\n", (unsigned long)(best / 1000));
  assert_true(best < 2500000);
}

static struct {
  struct mr_clock clock;
  _Atomic uint64_t last;
  _Atomic uint32_t backwards;
} shared;

static void *pass_times(void *ctx) {
  (void)ctx;
  for (int i = 0; i < 300000; i++) {
    /* acquire pairs with the release below, in the other thread */
    uint64_t seen = atomic_load_explicit(&shared.last, memory_order_acquire);
    uint64_t now = mr_clock_mono_ns(&shared.clock);
    if (now < seen) atomic_fetch_add_explicit(&shared.backwards, 1, memory_order_relaxed);
    /* release pairs with the acquire above */
    atomic_store_explicit(&shared.last, now, memory_order_release);
  }
  return NULL;
}

MR_TEST(time_never_runs_backwards_between_threads) {
  MR_UNUSED_STATE;
  mr_clock_system(&shared.clock);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, pass_times, NULL), 0);
  for (int i = 0; i < 2; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_int_equal(atomic_load_explicit(&shared.backwards, memory_order_relaxed), 0);
}

MR_TEST(the_multiplier_does_not_overflow_after_years) {
  MR_UNUSED_STATE;
  struct mr_clock clock = {.base_ns = 5, .mult = UINT64_C(1) << 31, .shift = 32};
  /* two ticks a nanosecond; the TSC's own value stands for the years since its 0 */
  uint64_t before = mr_clock_tsc(), ns = mr_clock_mono_ns(&clock), after = mr_clock_tsc();
  assert_true(ns >= 5 + before / 2 && ns <= 5 + after / 2);
  clock.base_tsc = mr_clock_tsc() - (UINT64_C(1) << 62); /* 36 years at 4 GHz */
  ns = mr_clock_mono_ns(&clock);
  assert_true(ns >= UINT64_C(1) << 61 && ns < (UINT64_C(1) << 61) + UINT64_C(10000000000));
}

MR_TEST(a_manual_clock_stands_until_it_is_moved) {
  MR_UNUSED_STATE;
  struct mr_clock clock;
  mr_clock_manual(&clock, 1500, 1760355060000000);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(mr_clock_mono_ns(&clock), 1500);
    assert_int_equal(mr_clock_wall_us(&clock), 1760355060000000);
  }
  for (int i = 0; i < 1000; i++) mr_clock_advance(&clock, 1001); /* no fraction gets lost */
  assert_int_equal(mr_clock_mono_ns(&clock), 1500 + 1001000);
  assert_int_equal(mr_clock_wall_us(&clock), 1760355060000000 + 1001);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_system_clock_follows_the_kernels_monotonic_clock),
    MR_CASE(the_wall_clock_is_microseconds_since_the_epoch),
    MR_CASE(calibration_takes_no_more_than_some_milliseconds),
    MR_CASE(time_never_runs_backwards_between_threads),
    MR_CASE(the_multiplier_does_not_overflow_after_years),
    MR_CASE(a_manual_clock_stands_until_it_is_moved),
};
MR_MAIN(cases)
