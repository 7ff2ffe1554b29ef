/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/wake.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

void mr_wake_init(struct mr_wake *wake, bool sleeps) {
  atomic_init(&wake->parked, 0);
  wake->sleeps = sleeps;
  wake->sleep_cnt = 0;
}

void mr_wake_announce(struct mr_wake *wake) {
  atomic_store_explicit(&wake->parked, 1, memory_order_relaxed);
  /* seq_cst: pairs with the fence of mr_wake_signal_slow; one of the two sees the other's store */
  atomic_thread_fence(memory_order_seq_cst);
}

void mr_wake_cancel(struct mr_wake *wake) {
  atomic_store_explicit(&wake->parked, 0, memory_order_relaxed);
}

bool mr_wake_wait(struct mr_wake *wake, uint64_t timeout_ns) {
  struct timespec ts, *limit = NULL;
  if (timeout_ns != UINT64_MAX) {
    ts.tv_sec = (time_t)(timeout_ns / NS_PER_S);
    ts.tv_nsec = (long)(timeout_ns % NS_PER_S);
    limit = &ts;
  }
  wake->sleep_cnt++;
  /* The kernel looks at the word again under its own lock: a signal since the announcement has
   * cleared it. */
  syscall(SYS_futex, &wake->parked, FUTEX_WAIT_PRIVATE, 1, limit, NULL, 0);
  /* relaxed: items are ordered by their ring */
  return atomic_exchange_explicit(&wake->parked, 0, memory_order_relaxed) == 0;
}

void mr_wake_signal_slow(struct mr_wake *wake) {
  /* seq_cst: pairs with the fence of mr_wake_announce */
  atomic_thread_fence(memory_order_seq_cst);
  if (atomic_load_explicit(&wake->parked, memory_order_relaxed) == 0) return;
  /* relaxed: one of several signallers makes the call; the waiter's items are ordered by their
   * rings */
  if (atomic_exchange_explicit(&wake->parked, 0, memory_order_relaxed) == 1)
    syscall(SYS_futex, &wake->parked, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
