/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_RUN_PRIVATE_H
#define MR_WORKER_RUN_PRIVATE_H

/* Shared by the files that build a run and those that run it. */

#include "shm/segment.h"
#include "worker/worker_private.h"

/* Region, instances, pools, links, operators' init; memory committed. On an error the caller
 * destroys the run. */
int mr_run_lay_out(struct mr_run *run, struct mr_error *err);
/* The stats segment (or private memory) and the pointers into it. */
int mr_run_make_stats(struct mr_run *run, struct mr_error *err);
/* One I/O context per worker, whose completions wake it. */
int mr_run_make_io(struct mr_run *run, struct mr_error *err);

#endif
