/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_TAP_PRIVATE_H
#define MR_WORKER_TAP_PRIVATE_H

/* The worker's side of a tap. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mr_instance;
struct mr_outp;
struct mr_view;
struct mr_tap_ring;

/* In every output of every instance. The worker enters the ring only between two stores to `busy`,
 * the looker takes the ring away only after it closed the port and saw it not busy: each side first
 * writes its own word and then reads the other's, so at least one of them sees the other. */
struct mr_tap_port {
  _Atomic uint32_t open, busy;
  struct mr_tap_ring *ring; /* written before open is 1 */
  bool taken;               /* by a tap; under the run's lock */
};

/* Copies what is emitted into the ring of the port, as far as there is room. */
void mr_tap_offer(struct mr_instance *inst, struct mr_outp *out, const struct mr_view *view);

#endif
