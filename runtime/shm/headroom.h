/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SHM_HEADROOM_H
#define MR_SHM_HEADROOM_H

/* How much memory this process may still take, so that a lack of it is an error before the start
 * and not an end by the kernel later: what the machine has available, and what the memory
 * controllers of the process's control groups (version 1 or 2, at every level) leave. Page cache
 * that is not in use counts as available. */

#include <stdint.h>

struct mr_headroom {
  uint64_t bytes;  /* the smallest of all; UINT64_MAX: nothing could be read */
  char limit[192]; /* whose it is: "MemAvailable of the machine", or the control group's file;
                      empty: none */
};

/* Reads the files under root ("" for the system's own; tests give a folder that stands for "/").
 * Never fails: what cannot be read does not limit. Control plane; any thread. */
void mr_headroom_read(const char *root, struct mr_headroom *out);

/* The CPUs that this process may use, in rising order: its affinity mask, cut to as many as the
 * quota of its control group is worth, rounded up. Returns how many, at most max; 0: unknown. */
uint32_t mr_headroom_cpus(int32_t *cpus, uint32_t max);

#endif
