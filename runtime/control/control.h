/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CONTROL_CONTROL_H
#define MR_CONTROL_CONTROL_H

/* Steers a running graph from outside: a thread of the host's that waits at the control socket
 * (wire.h), and one more per request that is being answered. They have a lower priority than the
 * workers and cost nothing while nobody asks; workers see flags only.
 *
 *   build the run -> mr_control_open -> start it ... it ends -> mr_control_finish (answers) ->
 *   destroy the run -> mr_control_close (hangs up)
 *
 * All calls are for the host's thread. */

#include "base/cpu.h"
#include "worker/run.h"

#define MR_CONTROL_CLIENTS_MAX 16u /* requests that are answered at a time; more are told so */

struct mr_control;

struct mr_control_conf { /* what it points to outlives the control */
  struct mr_run *run;
  const struct mr_plan *plan;
  const char *run_dir; /* where the segment is */
  enum mr_isa isa;     /* level of kernels that the machine has */
};

/* Makes the socket and begins to answer. An error leaves nothing behind, and *control NULL. */
int mr_control_open(struct mr_control **control, const struct mr_control_conf *conf,
                    struct mr_error *err);

/* Somebody asked for a drain: the run has been told. *timeout_ns is set when they said how long it
 * may take, else left alone. Never false again. */
bool mr_control_drain_asked(const struct mr_control *control, uint64_t *timeout_ns);

/* The run has ended with that exit code (0: drained; text, or NULL: why not): who waits for it is
 * told, other requests are cut short, the socket goes. Nothing touches the run any more. NULL is
 * allowed here and below. */
void mr_control_finish(struct mr_control *control, int exit_code, const char *text);
void mr_control_close(struct mr_control *control);

#endif
