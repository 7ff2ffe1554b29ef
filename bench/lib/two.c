/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/two.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "lib/machine.h"

struct two {
  void (*fn[2])(void *ctx);
  void *ctx;
  _Atomic int ready, failed;
};

struct side {
  struct two *two;
  uint32_t idx;
};

static void *run_side(void *arg) {
  struct side *side = arg;
  struct two *two = side->two;
  cpu_set_t old;
  if (!mr_machine_pin(side->idx, &old))
    atomic_store_explicit(&two->failed, 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&two->ready, 1, memory_order_acq_rel); /* pairs with the load below */
  while (atomic_load_explicit(&two->ready, memory_order_acquire) < 2) /* with the add above */
    mr_clock_relax();
  if (!atomic_load_explicit(&two->failed, memory_order_relaxed)) two->fn[side->idx](two->ctx);
  return NULL;
}

bool mr_two_run(void (*a)(void *ctx), void (*b)(void *ctx), void *ctx) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2) return false;
  struct two two = {.fn = {a, b}, .ctx = ctx};
  struct side sides[2] = {{&two, 0}, {&two, 1}};
  pthread_t threads[2];
  if (pthread_create(&threads[0], NULL, run_side, &sides[0]) != 0) return false;
  if (pthread_create(&threads[1], NULL, run_side, &sides[1]) != 0) {
    atomic_store_explicit(&two.failed, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&two.ready, 1, memory_order_acq_rel); /* pairs with run_side's load */
    pthread_join(threads[0], NULL);
    return false;
  }
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  return !atomic_load_explicit(&two.failed, memory_order_relaxed);
}
