/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_MACHINE_H
#define MR_BENCH_MACHINE_H

/* Facts about the machine that stand beside every figure: what it is, how far apart CPU 0 and CPU 1
 * are right now, what others use of it, how long it stalls when nothing runs, what a futex wake
 * costs. */

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Round trips up to NEAR_MAX are NEAR (one core complex), from FAR_MIN on FAR (two of them). */
#define MR_ROUND_TRIP_NEAR_MAX_NS 200.0
#define MR_ROUND_TRIP_FAR_MIN_NS  300.0

enum mr_placement { MR_NEAR, MR_FAR, MR_BETWEEN, MR_ONE_CPU, MR_PLACEMENT_CNT };

struct mr_machine {
  char clock[32]; /* the kernel's clock source: "tsc" */
  char cpu_model[96];
  char governor[32]; /* "none" where the kernel has no frequency scaling */
  char kernel[96];   /* "Linux 6.18.0 x86_64" */
  char compiler[64]; /* what compiled this program */
  char commit[64];   /* MR_COMMIT of the build, else the environment's MR_COMMIT, else git's HEAD */
  char isa[8];       /* best x86-64 level here: "v2", "v3", "v4", or "none" */
  uint32_t cpu_cnt;  /* CPUs that this process may use */
  uint64_t llc_bytes; /* last-level cache; 32 MiB when unknown */
  uint64_t memory_bytes;
};

/* Fills *machine; unknown texts are "unknown". Not for hot code: reads files, may run git. */
void mr_machine_read(struct mr_machine *machine);
/* One JSON object, no newline. */
void mr_machine_json(const struct mr_machine *machine, FILE *out);

/* Monotonic nanoseconds, process CPU time (user + system, waited-for children included). */
uint64_t mr_machine_now_ns(void);
uint64_t mr_machine_cpu_ns(void);

/* Pins the calling thread to the idx-th CPU of those allowed; *old takes what was before. False
 * when there is no such CPU or pinning is refused; nothing has changed then. */
bool mr_machine_pin(uint32_t idx, cpu_set_t *old);
void mr_machine_unpin(const cpu_set_t *old);

/* Median round trip of a cache line between the first two CPUs: two pinned threads pass a number
 * back and forth, 2,000 trips, below 5 ms. 0 when there is one CPU only, or the trips took too long
 * to mean anything. */
double mr_machine_round_trip_ns(void);
enum mr_placement mr_machine_placement(double round_trip_ns);
/* "NEAR", "FAR", "BETWEEN", "ONE-CPU". */
const char *mr_placement_str(enum mr_placement placement);

/* What others used between two looks, as a share of one CPU (0.03 = 3 %): busy time of all CPUs in
 * /proc/stat less this process's own. /proc/stat counts in ticks of 10 ms, so below a wall time of
 * 0.3 s it says little; *tick_share (may be NULL) is one tick as a share of the time between. */
struct mr_share {
  uint64_t wall_ns, busy_ns, own_ns, steal_ns;
};
void mr_share_look(struct mr_share *share);
double mr_share_others(const struct mr_share *from, const struct mr_share *to, double *tick_share);

/* The stall floor: two pinned threads only read the clock for `seconds`; what an event that comes
 * at a random moment waits until its thread reads the clock again. P(wait > x) = sum of (gap - x)+
 * / time. */
struct mr_stall_floor {
  double p50_ns, p99_ns, p999_ns, p9999_ns, max_ns;
  double stalls_per_s; /* gaps above 1 us, per thread */
};
/* 0, or MR_ERR_STATE when there is one CPU only. */
int mr_machine_stall_floor(double seconds, struct mr_stall_floor *floor);

/* One-way wake of a thread that sleeps in a futex on another CPU, from the waker's clock read
 * before the call to the sleeper's first read after it. The sleeper has slept idle_us before. */
struct mr_futex_wake {
  double p50_ns, p99_ns,
      round_trip_p50_ns; /* the last: there and back, both sides sleeping in between */
};
int mr_machine_futex_wake(uint32_t idle_us, uint32_t rounds, struct mr_futex_wake *wake);

/* The q-quantile (0..1) of v[0..n), which is sorted in place. 0 for n = 0. */
double mr_quantile(double *v, size_t n, double q);

#endif
