/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/plain.h"

#include <stdlib.h>
#include <string.h>

/* As the engine builds it. */
#define RTE_USE_C11_MEM_MODEL 1
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include "base/clock.h"
#include "lib/machine.h"
#include "lib/two.h"

#define RING_ITEMS 1024u
#define BURST_MAX  256u
#define AT_ONCE    10u /* round trips per clock read: the TSC moves in steps of up to 10 ns */

static struct rte_ring *make_ring(void) {
  ssize_t sz = rte_ring_get_memsize_elem(8, RING_ITEMS);
  struct rte_ring *ring = sz > 0 ? aligned_alloc(128, ((size_t)sz + 127) & ~(size_t)127) : NULL;
  if (ring && rte_ring_init(ring, "plain", RING_ITEMS, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
    free(ring);
    return NULL;
  }
  return ring;
}

struct pair {
  struct rte_ring *there, *back;
  struct mr_clock clock;
  double *ns;
  uint32_t rounds, burst;
  uint64_t elements, wall_ns, sum;
};

static void ping(void *ctx) {
  struct pair *p = ctx;
  uint64_t before = mr_clock_mono_ns(&p->clock);
  for (uint32_t i = 0; i < p->rounds; i++) {
    uint64_t v = i;
    rte_ring_sp_enqueue_bulk_elem(p->there, &v, 8, 1, NULL);
    while (!rte_ring_sc_dequeue_bulk_elem(p->back, &v, 8, 1, NULL))
      ;
    if ((i + 1) % AT_ONCE) continue;
    uint64_t now = mr_clock_mono_ns(&p->clock);
    p->ns[i / AT_ONCE] = (double)(now - before) / AT_ONCE;
    before = now;
  }
}

static void pong(void *ctx) {
  struct pair *p = ctx;
  for (uint32_t i = 0; i < p->rounds; i++) {
    uint64_t v;
    while (!rte_ring_sc_dequeue_bulk_elem(p->there, &v, 8, 1, NULL))
      ;
    rte_ring_sp_enqueue_bulk_elem(p->back, &v, 8, 1, NULL);
  }
}

double mr_plain_ring_ping_pong_ns(uint32_t rounds) {
  struct pair p = {.rounds = rounds, .there = make_ring(), .back = make_ring()};
  double ns = 0;
  p.ns = calloc(rounds / AT_ONCE + 1, sizeof *p.ns);
  mr_clock_system(&p.clock);
  if (p.there && p.back && p.ns && mr_two_run(ping, pong, &p)) {
    uint32_t cnt = rounds / AT_ONCE, dropped = cnt / 20;
    ns = mr_quantile(p.ns + dropped, cnt - dropped, 0.5);
  }
  free(p.ns);
  free(p.there);
  free(p.back);
  return ns;
}

static void send(void *ctx) {
  struct pair *p = ctx;
  uint64_t v[BURST_MAX];
  for (uint64_t at = 0; at < p->elements; at += p->burst) {
    for (uint32_t i = 0; i < p->burst; i++) v[i] = at + i;
    while (!rte_ring_sp_enqueue_bulk_elem(p->there, v, 8, p->burst, NULL)) mr_clock_relax();
  }
}

static void receive(void *ctx) {
  struct pair *p = ctx;
  uint64_t v[BURST_MAX], begin = mr_clock_mono_ns(&p->clock), sum = 0;
  for (uint64_t at = 0; at < p->elements; at += p->burst) {
    while (!rte_ring_sc_dequeue_bulk_elem(p->there, v, 8, p->burst, NULL)) mr_clock_relax();
    for (uint32_t i = 0; i < p->burst; i++) sum += v[i];
  }
  p->wall_ns = mr_clock_mono_ns(&p->clock) - begin;
  p->sum = sum;
}

double mr_plain_ring_rate(uint64_t elements, uint32_t burst) {
  if (!burst || burst > BURST_MAX) return 0;
  struct pair p = {.burst = burst, .elements = elements - elements % burst, .there = make_ring()};
  double rate = 0;
  mr_clock_system(&p.clock);
  if (p.there && mr_two_run(send, receive, &p) && p.wall_ns &&
      p.sum == (p.elements - 1) * (p.elements / 2) + (p.elements % 2 ? (p.elements - 1) / 2 : 0))
    rate = (double)p.elements * 1e9 / (double)p.wall_ns;
  free(p.there);
  return rate;
}
