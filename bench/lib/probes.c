/* SPDX-License-Identifier: Apache-2.0 */
/* The measurements of machine.h that need two pinned threads. */
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "lib/machine.h"
#include "lib/two.h"

/* --- round trip of a cache line ----------------------------------------------------------------
 */

#define TRIPS          2000u
#define TRIPS_AT_ONCE  10u /* the TSC moves in steps of up to 10 ns */
#define GROUPS         (TRIPS / TRIPS_AT_ONCE)
#define TRIPS_MAX_NS   5000000u
#define GROUPS_DROPPED 20u /* at the start */

struct line {
  _Alignas(128) _Atomic uint32_t value;
};
struct trips {
  struct line there, back;
  struct mr_clock clock;
  uint32_t cnt;
  double ns[GROUPS];
};

static void trip_ask(void *ctx) {
  struct trips *t = ctx;
  uint64_t begin = mr_clock_mono_ns(&t->clock), before = begin;
  for (uint32_t i = 1; i <= TRIPS; i++) {
    atomic_store_explicit(&t->there.value, i, memory_order_release); /* for trip_answer's load */
    while (atomic_load_explicit(&t->back.value, memory_order_acquire) !=
           i) /* trip_answer's store */
      ;
    if (i % TRIPS_AT_ONCE) continue;
    uint64_t now = mr_clock_mono_ns(&t->clock);
    t->ns[t->cnt++] = (double)(now - before) / TRIPS_AT_ONCE;
    before = now;
    if (now - begin > TRIPS_MAX_NS) break;
  }
  atomic_store_explicit(&t->there.value, UINT32_MAX, memory_order_release); /* for trip_answer */
}

static void trip_answer(void *ctx) {
  struct trips *t = ctx;
  uint32_t seen = 0;
  while (seen != UINT32_MAX) {
    uint32_t v = atomic_load_explicit(&t->there.value, memory_order_acquire); /* trip_ask's store */
    if (v == seen) continue;
    seen = v;
    atomic_store_explicit(&t->back.value, v, memory_order_release); /* for trip_ask's load */
  }
}

double mr_machine_round_trip_ns(void) {
  struct trips *t = aligned_alloc(128, (sizeof *t + 127) & ~(size_t)127);
  if (!t) return 0;
  memset(t, 0, sizeof *t);
  mr_clock_system(&t->clock);
  double ns = 0;
  if (mr_two_run(trip_ask, trip_answer, t) && t->cnt > 2 * GROUPS_DROPPED)
    ns = mr_quantile(t->ns + GROUPS_DROPPED, t->cnt - GROUPS_DROPPED, 0.5);
  free(t);
  return ns;
}

/* --- stall floor --------------------------------------------------------------------------------
 */

#define GAPS_MAX     (1u << 20) /* kept per thread */
#define GAP_MIN_NS   200.0      /* shorter gaps are the loop itself */
#define STALL_MIN_NS 1000.0

struct gaps {
  struct mr_clock clock;
  uint64_t for_ns;
  double time_ns[2];
  uint32_t cnt[2], stalls[2];
  double *ns[2];
};

static void read_clock(struct gaps *g, int side) {
  uint64_t begin = mr_clock_mono_ns(&g->clock), before = begin, now = begin;
  while (now - begin < g->for_ns) {
    now = mr_clock_mono_ns(&g->clock);
    double gap = (double)(now - before);
    before = now;
    if (gap < GAP_MIN_NS || g->cnt[side] == GAPS_MAX) continue;
    g->ns[side][g->cnt[side]++] = gap;
    if (gap > STALL_MIN_NS) g->stalls[side]++;
  }
  g->time_ns[side] = (double)(now - begin);
}
static void read_clock_0(void *ctx) {
  read_clock(ctx, 0);
}
static void read_clock_1(void *ctx) {
  read_clock(ctx, 1);
}

/* P(wait > x). */
static double beyond(const double *gaps, size_t cnt, double time_ns, double x) {
  double sum = 0;
  for (size_t i = 0; i < cnt; i++)
    if (gaps[i] > x) sum += gaps[i] - x;
  return sum / time_ns;
}

static double wait_quantile(const double *gaps, size_t cnt, double time_ns, double max, double q) {
  double lo = 0, hi = max;
  if (beyond(gaps, cnt, time_ns, 0) <= 1 - q) return 0; /* between two reads of the clock */
  for (int i = 0; i < 60 && hi - lo > 0.5; i++) {
    double mid = (lo + hi) / 2;
    if (beyond(gaps, cnt, time_ns, mid) > 1 - q)
      lo = mid;
    else
      hi = mid;
  }
  return hi;
}

int mr_machine_stall_floor(double seconds, struct mr_stall_floor *floor) {
  memset(floor, 0, sizeof *floor);
  struct gaps g = {.for_ns = (uint64_t)(seconds * 1e9)};
  mr_clock_system(&g.clock);
  double *all = malloc(2 * GAPS_MAX * sizeof *all);
  if (!all) return MR_ERR_NOMEM;
  g.ns[0] = all;
  g.ns[1] = all + GAPS_MAX;
  if (!mr_two_run(read_clock_0, read_clock_1, &g)) {
    free(all);
    return MR_ERR_STATE;
  }
  memmove(all + g.cnt[0], g.ns[1], g.cnt[1] * sizeof *all);
  size_t cnt = (size_t)g.cnt[0] + g.cnt[1];
  double time = g.time_ns[0] + g.time_ns[1], max = 0;
  for (size_t i = 0; i < cnt; i++) max = all[i] > max ? all[i] : max;
  floor->p50_ns = wait_quantile(all, cnt, time, max, 0.5);
  floor->p99_ns = wait_quantile(all, cnt, time, max, 0.99);
  floor->p999_ns = wait_quantile(all, cnt, time, max, 0.999);
  floor->p9999_ns = wait_quantile(all, cnt, time, max, 0.9999);
  floor->max_ns = max;
  floor->stalls_per_s = (double)(g.stalls[0] + g.stalls[1]) / time * 1e9;
  free(all);
  return MR_OK;
}

/* --- futex wake ----------------------------------------------------------------------------------
 */

struct wakes {
  struct line ask, answer;
  struct mr_clock clock;
  uint32_t rounds, idle_us;
  _Atomic uint64_t sent_ns;
  double *one_way, *there_back;
};

static void futex_sleep(_Atomic uint32_t *word, uint32_t while_value) {
  while (atomic_load_explicit(word, memory_order_acquire) == while_value) /* futex_wake's store */
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, uint32_t value) {
  atomic_store_explicit(word, value, memory_order_release); /* for futex_sleep's load */
  (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void wake_ask(void *ctx) {
  struct wakes *w = ctx;
  for (uint32_t i = 1; i <= w->rounds; i++) {
    struct timespec idle = {w->idle_us / 1000000, (long)(w->idle_us % 1000000) * 1000};
    nanosleep(&idle, NULL); /* the other side goes to sleep meanwhile, which is what is measured */
    uint64_t before = mr_clock_mono_ns(&w->clock);
    atomic_store_explicit(&w->sent_ns, before, memory_order_relaxed);
    futex_wake(&w->ask.value, i);
    futex_sleep(&w->answer.value, i - 1);
    w->there_back[i - 1] = (double)(mr_clock_mono_ns(&w->clock) - before);
  }
}

static void wake_answer(void *ctx) {
  struct wakes *w = ctx;
  for (uint32_t i = 1; i <= w->rounds; i++) {
    futex_sleep(&w->ask.value, i - 1);
    uint64_t now = mr_clock_mono_ns(&w->clock);
    w->one_way[i - 1] = (double)(now - atomic_load_explicit(&w->sent_ns, memory_order_relaxed));
    futex_wake(&w->answer.value, i);
  }
}

int mr_machine_futex_wake(uint32_t idle_us, uint32_t rounds, struct mr_futex_wake *wake) {
  memset(wake, 0, sizeof *wake);
  if (!rounds) return MR_ERR_ARG;
  struct wakes *w = aligned_alloc(128, (sizeof *w + 127) & ~(size_t)127);
  double *ns = calloc((size_t)rounds * 2, sizeof *ns);
  int rc = MR_ERR_NOMEM;
  if (w && ns) {
    memset(w, 0, sizeof *w);
    mr_clock_system(&w->clock);
    w->rounds = rounds;
    w->idle_us = idle_us;
    w->one_way = ns;
    w->there_back = ns + rounds;
    rc = mr_two_run(wake_ask, wake_answer, w) ? MR_OK : MR_ERR_STATE;
    if (rc == MR_OK) {
      wake->p50_ns = mr_quantile(ns, rounds, 0.5);
      wake->p99_ns = mr_quantile(ns, rounds, 0.99);
      wake->round_trip_p50_ns = mr_quantile(ns + rounds, rounds, 0.5);
    }
  }
  free(w);
  free(ns);
  return rc;
}
