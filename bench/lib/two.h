/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_TWO_H
#define MR_BENCH_TWO_H

/* Two threads, each pinned to a CPU of its own, that begin together. */

#include <stdbool.h>

/* Runs a(ctx) on the first and b(ctx) on the second allowed CPU and waits for both. False, with
 * nothing run, when there are not two CPUs, pinning is refused or no thread can be had. */
bool mr_two_run(void (*a)(void *ctx), void (*b)(void *ctx), void *ctx);

#endif
