/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SHM_PROCESS_H
#define MR_SHM_PROCESS_H

/* Who a process is, so that it can be told from another one that got its pid later, and whether it
 * lives. Reads /proc; any thread. */

#include <stdbool.h>
#include <stdint.h>

#define MR_PROCESS_BOOT_ID_SZ 40u

/* A heartbeat older than this is stalled; of a process in another pid namespace: dead. */
#define MR_PROCESS_BEAT_OLD_NS UINT64_C(3000000000)

struct mr_process {
  uint64_t pid;
  uint64_t pid_ns;      /* inode of the pid namespace, 0: unknown */
  uint64_t start_ticks; /* clock ticks after boot, 0: unknown */
  char boot_id[MR_PROCESS_BOOT_ID_SZ];
};

/* The calling process. */
void mr_process_self(struct mr_process *self);

/* Whether `process` still runs. Another boot: no. Same pid namespace: a process with that pid
 * exists, is no zombie and started at start_ticks. Another pid namespace: by the age of its
 * heartbeat (ns of CLOCK_MONOTONIC). */
bool mr_process_alive(const struct mr_process *process, uint64_t beat_age_ns);

/* CLOCK_MONOTONIC in nanoseconds, the clock of heartbeats. */
uint64_t mr_process_mono_ns(void);

#endif
