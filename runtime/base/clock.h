/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_CLOCK_H
#define MR_BASE_CLOCK_H

/* Time is injected. A clock gives monotonic nanoseconds (durations, latencies) and wall
 * microseconds since the epoch, UTC (data). The system clock reads the TSC where it is invariant
 * and calibrated against CLOCK_MONOTONIC; a manual clock stands still until a test moves it. */

#include <stdint.h>

#include "base/api.h"

MR_API_BEGIN

struct mr_clock {
  uint64_t (*mono_ns)(const struct mr_clock *clock);
  int64_t (*wall_us)(const struct mr_clock *clock);
  /* system clock: nanoseconds = base_ns + ((tsc - base_tsc) * mult) >> shift; mult 0: clock_gettime
   */
  uint64_t base_tsc, base_ns, mult;
  uint32_t shift;
  double tsc_ghz; /* 0 when the TSC is not used */
  /* manual clock */
  uint64_t manual_mono_ns;
  int64_t manual_wall_us;
};

/* Fills *clock with the system clock; calibration takes up to 2 ms. Thread-safe to read afterwards.
 */
void mr_clock_system(struct mr_clock *clock);

/* Fills *clock with a clock that stands at the given times. */
void mr_clock_manual(struct mr_clock *clock, uint64_t mono_ns, int64_t wall_us);

/* Moves a manual clock forward by ns nanoseconds. */
void mr_clock_advance(struct mr_clock *clock, uint64_t ns);

/* The time-stamp counter, 0 on machines without. Read only after all earlier loads: a bare rdtsc
 * runs ahead of them, and time was seen to step back by 160 ns between two threads that pass it on
 * (the fence costs some 6 ns). */
static inline uint64_t mr_clock_tsc(void) {
#if defined(__x86_64__)
  uint32_t lo, hi;
  __asm__ __volatile__("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
  return ((uint64_t)hi << 32) | lo;
#else
  return 0;
#endif
}

/* A pause between two looks at shared memory. */
static inline void mr_clock_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/* Monotonic nanoseconds; about 17 ns a call on the system clock. */
static inline uint64_t mr_clock_mono_ns(const struct mr_clock *clock) {
  if (clock->mult) {
    __extension__ unsigned __int128 ticks = mr_clock_tsc() - clock->base_tsc;
    return clock->base_ns + (uint64_t)((ticks * clock->mult) >> clock->shift);
  }
  return clock->mono_ns(clock);
}

/* The same without ordering against other instructions, half the price: for durations inside one
 * thread and statistics, where a step back of some ten nanoseconds between two threads is clamped
 * by who subtracts. */
static inline uint64_t mr_clock_fast_ns(const struct mr_clock *clock) {
#if defined(__x86_64__)
  if (clock->mult) {
    uint32_t lo, hi;
    __asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi));
    uint64_t tsc = ((uint64_t)hi << 32) | lo;
    __extension__ typedef unsigned __int128 mr_u128;
    return clock->base_ns +
           (uint64_t)(((mr_u128)(tsc - clock->base_tsc) * clock->mult) >> clock->shift);
  }
#endif
  return clock->mono_ns(clock);
}

static inline int64_t mr_clock_wall_us(const struct mr_clock *clock) {
  return clock->wall_us(clock);
}

MR_API_END

#endif
