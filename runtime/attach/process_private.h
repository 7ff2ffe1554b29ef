/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_PROCESS_PRIVATE_H
#define MR_ATTACH_PROCESS_PRIVATE_H

/* What /proc tells of the observed process. */

#include <stdbool.h>
#include <stdint.h>

struct mr_process_numbers { /* below 0: not to be had */
  double cpu_s, start_s, resident_bytes, virtual_bytes, open_fds, max_fds;
};

/* False: no such process. */
bool mr_process_read_numbers(uint64_t pid, struct mr_process_numbers *numbers);
/* Context switches of a thread: it waited, or another one was to run. */
bool mr_process_switches(uint64_t pid, uint64_t tid, double *voluntary, double *involuntary);

#endif
