/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_IO_URING_PRIVATE_H
#define MR_IO_URING_PRIVATE_H

/* What tests put between the backend and the kernel: results that a kernel gives too seldom. */

#include "io/io_private.h"

#define MR_IO_RING 64u /* requests on the ring at a time; its completion queue holds twice that */

struct mr_io_inject {
  /* Before each call that submits: 0, or the -errno that it fails with, nothing submitted. */
  int (*enter)(void *ctx);
  /* What a completion says in place of result. */
  int32_t (*result)(void *ctx, const struct mr_io_req *req, int32_t result);
  void *ctx;
};

/* For every ring of this io from here on; NULL: none. */
void mr_io_uring_inject(struct mr_io *io, const struct mr_io_inject *inject);
/* Features and set-up flags as io_uring_setup returned them; in flight, those that wait for room,
 * and buffer pools registered. */
struct mr_io_uring_facts {
  uint32_t features, flags, in_flight, held, pools, files;
};
struct mr_io_uring_facts mr_io_uring_facts(const struct mr_io *io);

#endif
