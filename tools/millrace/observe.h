/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_OBSERVE_H
#define MR_TOOLS_OBSERVE_H

/* What the verbs that look at a running or crashed graph share: finding it, snapshots and their
 * differences, waiting. */

#include <stdbool.h>
#include <stdint.h>

#include "attach/snapshot.h"
#include "attach/topology.h"
#include "base/lines.h"

struct mr_observe {
  struct mr_attach attach;
  struct mr_snapshot now, before, part;
  bool has_before;
};

/* What every verb that prints a graph again and again takes: one name or pid (words beyond it are
 * the verb's), --json, --watch SEC. */
struct mr_observe_args {
  const char *name;
  const char *words[4]; /* behind the name */
  uint32_t word_cnt, word_max;
  bool json;
  uint64_t watch_ns;
};

/* Reads them; an exit code. `more` takes other flags: 1 taken, 0 not known, -1 wrong (said); NULL:
 * there are none. */
struct mr_args;
int mr_observe_args(struct mr_observe_args *to, const char *verb, int argc, char **argv,
                    int (*more)(void *ctx, struct mr_args *args), void *ctx);

/* Prints what `draw` makes of the newest snapshot, and with watch_ns again at that distance until
 * the graph ends or nobody reads; texts are a blank line apart, JSON is a line each. topology is of
 * that snapshot. An exit code. */
typedef void (*mr_observe_draw)(void *ctx, struct mr_lines *out, struct mr_observe *obs,
                                const struct mr_topology *topology);
int mr_observe_run(const struct mr_observe_args *args, const char *verb, mr_observe_draw draw,
                   void *ctx);

/* Attaches to a graph by name or pid and takes the first snapshot; says on stderr what is wrong. An
 * exit code. */
int mr_observe_open(struct mr_observe *obs, const char *verb, const char *name_or_pid);
/* Takes the next snapshot. An exit code. */
int mr_observe_next(struct mr_observe *obs, const char *verb);
/* From the snapshot before to the newest, or all since the start when there is one only. */
const struct mr_snapshot *mr_observe_part(struct mr_observe *obs);
/* The graph runs: there will be more to see. */
bool mr_observe_live(const struct mr_observe *obs);
void mr_observe_close(struct mr_observe *obs);

/* Seconds ("2", "0.5") or a duration ("500ms"), at least 10 ms, in nanoseconds; 0 with a message
 * when it is none. */
uint64_t mr_observe_interval(const char *verb, const char *flag, const char *text);

/* Waits until the time (CLOCK_MONOTONIC) or a signal; with `keys` also for a byte on stdin: returns
 * it, or -1. */
int mr_observe_wait(uint64_t until_ns, bool keys);

/* Writes text to stdout at once; false when nobody reads it any more. */
bool mr_observe_print(const struct mr_lines *lines);

#endif
