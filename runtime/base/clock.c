/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdbool.h>
#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define CALIBRATE_NS UINT64_C(1800000) /* the rest of the 2 ms is for the samples */
#define SAMPLES      16
#define SHIFT        32

struct sample {
  uint64_t tsc, ns;
};

static uint64_t read_monotonic(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

static uint64_t read_system_mono(const struct mr_clock *clock) {
  return clock->mult ? mr_clock_mono_ns(clock) : read_monotonic();
}

static int64_t read_system_wall(const struct mr_clock *clock) {
  (void)clock;
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static uint64_t read_manual_mono(const struct mr_clock *clock) {
  return clock->manual_mono_ns;
}

static int64_t read_manual_wall(const struct mr_clock *clock) {
  return clock->manual_wall_us;
}

/* Invariant TSC: CPUID leaf 0x80000007, EDX bit 8. */
static bool has_invariant_tsc(void) {
#if defined(__x86_64__)
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(0x80000007u, &eax, &ebx, &ecx, &edx) && (edx & (1u << 8));
#else
  return false;
#endif
}

/* Both clocks at one moment: the narrowest of some brackets of the kernel's clock by two TSC reads.
 */
static struct sample take_sample(void) {
  struct sample best = {0};
  uint64_t width_min = UINT64_MAX;
  for (int i = 0; i < SAMPLES; i++) {
    uint64_t before = mr_clock_tsc(), ns = read_monotonic(), width = mr_clock_tsc() - before;
    if (width < width_min) {
      width_min = width;
      best = (struct sample){before + width / 2, ns};
    }
  }
  return best;
}

static void calibrate(struct mr_clock *clock) {
  struct sample first = take_sample();
  uint64_t end_ns = first.ns + CALIBRATE_NS;
  while (read_monotonic() < end_ns) {}
  struct sample last = take_sample();
  uint64_t ticks = last.tsc - first.tsc, ns = last.ns - first.ns;
  if (last.tsc <= first.tsc || ns < CALIBRATE_NS || ns > UINT64_C(2000000000)) return;
  double ghz = (double)ticks / (double)ns;
  if (ghz < 0.1 || ghz > 20.0) return; /* no TSC ticks like this: use the kernel's clock */
  clock->base_tsc = first.tsc;
  clock->base_ns = first.ns;
  clock->mult = (ns << SHIFT) / ticks;
  clock->shift = SHIFT;
  clock->tsc_ghz = ghz;
}

void mr_clock_system(struct mr_clock *clock) {
  *clock = (struct mr_clock){.mono_ns = read_system_mono, .wall_us = read_system_wall};
  if (has_invariant_tsc()) calibrate(clock);
}

void mr_clock_manual(struct mr_clock *clock, uint64_t mono_ns, int64_t wall_us) {
  *clock = (struct mr_clock){.mono_ns = read_manual_mono,
                             .wall_us = read_manual_wall,
                             .manual_mono_ns = mono_ns,
                             .manual_wall_us = wall_us};
}

void mr_clock_advance(struct mr_clock *clock, uint64_t ns) {
  uint64_t us_before = clock->manual_mono_ns / 1000;
  clock->manual_mono_ns += ns;
  clock->manual_wall_us += (int64_t)(clock->manual_mono_ns / 1000 - us_before);
}
