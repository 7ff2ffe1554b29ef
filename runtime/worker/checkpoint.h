/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_CHECKPOINT_H
#define MR_WORKER_CHECKPOINT_H

/* Checkpoints of a run, for its host. The workers make them by themselves, every interval, and one
 * behind the end or a drain; see docs/decisions/0010-checkpoints.md. */

#include <stdbool.h>
#include <stdint.h>

struct mr_run;

struct mr_checkpoint_info {
  uint64_t restored;    /* the number that the run began with; 0: a fresh start */
  uint64_t durable;     /* the number of the last one that is durable; 0: none */
  uint64_t stop_ns_max; /* the longest that a snapshot has held up a worker; of durable ones */
  bool had_ended;       /* all input had been read before this run: there was nothing to do */
};
/* False: the graph takes no checkpoints. Any thread. */
bool mr_run_checkpoint_info(const struct mr_run *run, struct mr_checkpoint_info *info);

/* Asks for a checkpoint now and returns a ticket, 0: the graph takes none. Any thread. */
uint64_t mr_run_checkpoint_ask(struct mr_run *run);
/* What became of it: MR_OK durable; MR_ERR_AGAIN not yet; another: it failed (the graph tries again
 * at the next interval). Any thread. */
int mr_run_checkpoint_answer(const struct mr_run *run, uint64_t ticket);

#endif
