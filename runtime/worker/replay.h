/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_REPLAY_H
#define MR_WORKER_REPLAY_H

/* Feeds lines to a source of a running graph once more, by a thread that is none of its workers:
 * the source's own worker decodes them with the source's own decoder, between two polls. Rows
 * belong to the source's partition like all others: they may be late, and what is in error again is
 * a dead letter again. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mr_run;

#define MR_REPLAY_PAD 4096u /* bytes behind the lines that are the source's */

struct mr_replay_result {
  uint64_t rows, errors; /* lines that were taken, from the first on */
};

/* The buffer that mr_run_replay wants for len bytes, of which the lines are to be put at the
 * returned offset: before and behind them the source needs room. */
size_t mr_replay_buffer_sz(size_t len, size_t *off);

/* Feeds len bytes of whole lines, in such a buffer, to the node's source and waits until all are
 * taken. ended says whether the run is over (it is called now and then). MR_ERR_NOENT: no such
 * source; MR_ERR_STATE: it cannot be replayed to (the text says why), or it has ended and did not
 * take all; MR_ERR_EXISTS: somebody replays to it. The result holds in every case. */
int mr_run_replay(struct mr_run *run, const char *node, char *buffer, size_t len,
                  bool (*ended)(void *ctx), void *ctx, struct mr_replay_result *result,
                  struct mr_error *err);

#endif
