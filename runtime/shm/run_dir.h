/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SHM_RUN_DIR_H
#define MR_SHM_RUN_DIR_H

/* Where the segments and sockets of running graphs live. In this order: $MILLRACE_RUN_DIR (then no
 * other), /run/millrace, $XDG_RUNTIME_DIR/millrace, /dev/shm/millrace-UID, /tmp/millrace-UID. Reads
 * the environment; any thread. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define MR_RUN_DIR_CNT_MAX 4u
#define MR_RUN_DIR_SZ      2048u

struct mr_run_dir {
  char path[MR_RUN_DIR_SZ]; /* absolute or as MILLRACE_RUN_DIR gives it, no '/' at the end */
  bool tmpfs; /* false: a stats page faults after each write-back; the host warns in one line */
};

/* Picks the directory for a new graph and makes it (mode 0700) where it is missing: the first that
 * is writable with at least need_bytes free. MR_ERR_PERM or MR_ERR_NOMEM when there is none. A
 * directory below /dev/shm or /tmp that belongs to somebody else, or is a symbolic link, is passed
 * over. */
int mr_run_dir_choose(struct mr_run_dir *dir, uint64_t need_bytes, struct mr_error *err);

/* The directories that exist and can be read, in the order above, for whoever looks for a graph.
 * Returns how many, at most MR_RUN_DIR_CNT_MAX; dirs has room for that many. */
uint32_t mr_run_dir_list(struct mr_run_dir *dirs);

#endif
