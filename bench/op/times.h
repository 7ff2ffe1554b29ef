/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_TIMES_H
#define MR_BENCH_TIMES_H

/* The sink `latency` of load tests, and what the host reads of it. */

#include <stdatomic.h>
#include <stdint.h>

#include "graph/op.h"
#include "operators/sink/latency.h"
#include "stats/stats_abi.h"

struct mr_times {
  struct mr_latency response, service, delay; /* the worker's; read after the end */
  struct mr_hist live;   /* of response; may be read at any time: counts only grow */
  _Atomic uint64_t rows; /* recorded so far */
};

/* An instance's own struct: mr_run_self. */
struct mr_times_self {
  struct mr_times *times;
  _Atomic uint64_t
      from_ns; /* rows planned before are not recorded, monotonic; UINT64_MAX: none is */
  int64_t wall_off_ns;
};

extern const struct mr_op mr_bench_op_times;

#endif
