/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <pthread.h>

#include "base/clock.h"
#include "ring/wake.h"

#define S_NS UINT64_C(1000000000)

MR_TEST(a_waiter_without_a_signal_sleeps_until_its_time_is_up) {
  MR_UNUSED_STATE;
  struct mr_clock clock;
  struct mr_wake wake;
  mr_clock_system(&clock);
  mr_wake_init(&wake, true);
  uint64_t from = mr_clock_mono_ns(&clock);
  mr_wake_announce(&wake);
  assert_false(mr_wake_wait(&wake, 2000000));
  assert_true(mr_clock_mono_ns(&clock) - from >= 1900000);
  assert_int_equal(wake.sleep_cnt, 1);
}

MR_TEST(a_signal_after_the_announcement_is_not_lost) {
  MR_UNUSED_STATE;
  struct mr_wake wake;
  mr_wake_init(&wake, true);
  mr_wake_announce(&wake);
  mr_wake_signal(&wake);
  assert_true(mr_wake_wait(&wake, UINT64_MAX)); /* would not come back */
}

MR_TEST(a_signal_before_the_announcement_leaves_nothing_behind) {
  MR_UNUSED_STATE;
  struct mr_wake wake;
  mr_wake_init(&wake, true);
  mr_wake_signal(&wake);
  mr_wake_announce(&wake);
  assert_false(mr_wake_wait(&wake, 1000000));
}

MR_TEST(an_announcement_can_be_taken_back) {
  MR_UNUSED_STATE;
  struct mr_wake wake;
  mr_wake_init(&wake, true);
  mr_wake_announce(&wake);
  mr_wake_cancel(&wake);
  mr_wake_signal(&wake);
  mr_wake_announce(&wake);
  assert_false(mr_wake_wait(&wake, 1000000));
}

static void *wait_long(void *arg) {
  struct mr_wake *wake = arg;
  mr_wake_announce(wake);
  return mr_wake_wait(wake, 20 * S_NS) ? wake : NULL;
}

MR_TEST(a_sleeping_thread_is_woken) {
  MR_UNUSED_STATE;
  struct mr_wake wake;
  mr_wake_init(&wake, true);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, wait_long, &wake), 0);
  while (atomic_load_explicit(&wake.parked, memory_order_relaxed) == 0) {}
  mr_wake_signal(&wake);
  void *woken;
  assert_int_equal(pthread_join(thread, &woken), 0);
  assert_ptr_equal(woken, &wake);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_waiter_without_a_signal_sleeps_until_its_time_is_up),
    MR_CASE(a_signal_after_the_announcement_is_not_lost),
    MR_CASE(a_signal_before_the_announcement_leaves_nothing_behind),
    MR_CASE(an_announcement_can_be_taken_back),
    MR_CASE(a_sleeping_thread_is_woken),
};
MR_MAIN(cases)
