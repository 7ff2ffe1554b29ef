/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_RING_WAKE_H
#define MR_RING_WAKE_H

/* How a worker sleeps when it has nothing to do, and how those who give it work wake it. One struct
 * mr_wake per worker; any number of threads signal, one waits. A worker that never sleeps (`spin`)
 * costs its writers nothing.
 *
 *   waiter                                   signaller
 *   mr_wake_announce(w)                      put the item on the link
 *   look at all inputs once more             mr_wake_signal(w)
 *     something there: mr_wake_cancel(w)
 *     nothing:         mr_wake_wait(w, ns)
 *
 * Whichever of the two comes second sees the other, so no item is left lying: both have a
 * sequentially consistent fence between their store (the announcement; the item) and their look at
 * the other's. How long to spin before the announcement is the worker's choice. */

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"

struct mr_wake {
  /* Read by every signaller, written by the waiter only when it goes to sleep or gets up. */
  alignas(MR_CACHE_LINE_PAIR) _Atomic uint32_t parked; /* 1: announced or asleep */
  bool sleeps;        /* false: the worker spins, nobody need look */
  uint64_t sleep_cnt; /* waiter's count of sleeps, for its statistics */
};

/* sleeps: whether mr_wake_announce will ever be called. Before the threads start. */
void mr_wake_init(struct mr_wake *wake, bool sleeps);

/* Waiter: says that it is about to sleep. It must look at its inputs after this. */
void mr_wake_announce(struct mr_wake *wake);

/* Waiter: takes the announcement back. */
void mr_wake_cancel(struct mr_wake *wake);

/* Waiter, after mr_wake_announce: sleeps until a signal or until timeout_ns nanoseconds have passed
 * (UINT64_MAX: no limit). May return early. The announcement is over. True: it was woken by a
 * signal. */
bool mr_wake_wait(struct mr_wake *wake, uint64_t timeout_ns);

/* The part of mr_wake_signal that fences and looks. */
void mr_wake_signal_slow(struct mr_wake *wake);

/* Signaller: after it has put something where the waiter looks. A system call only when the waiter
 * sleeps. Any thread, wait-free but for that. */
static inline void mr_wake_signal(struct mr_wake *wake) {
  if (wake->sleeps) mr_wake_signal_slow(wake);
}

#endif
