/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_MILLRACE_STAT_H
#define MR_ATTACH_MILLRACE_STAT_H

/* libmillrace-stat: reads what a running or crashed graph tells, from another process and without
 * touching it. The graph's segment is mapped read-only; a look copies all counters at one moment,
 * and everything asked afterwards is of the last look.
 *
 *   struct mr_observer *o = mr_observer_open("city", &err);
 *   while (mr_observer_look(o, &err) == MR_OK)
 *     for (uint32_t i = 0; i < mr_observer_nodes(o); i++)
 *       printf("%s %llu\n", mr_observer_node_name(o, i), mr_observer_node_value(o, i, "rows_in"));
 *   mr_observer_close(o);
 *
 * C and C++; the Python module millrace_stat is made of it. One thread per observer. Texts belong
 * to the observer and are valid until its next look. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "base/api.h"
#include "base/error.h"

MR_API_BEGIN

struct mr_observer;

/* Calls fn for each graph that can be found, until it returns false: its name, pid, and state
 * ("starting", "running", "draining", "done", "dead"). */
typedef bool (*mr_observer_graph_fn)(void *ctx, const char *graph, uint64_t pid, const char *state);
void mr_observer_each(mr_observer_graph_fn fn, void *ctx);

/* By name or pid; takes the first look. NULL: *err (may be NULL) says what was looked for and why
 * it cannot be read: there is none, it is not permitted, it is of another version, it is damaged.
 */
struct mr_observer *mr_observer_open(const char *name_or_pid, struct mr_error *err);
/* A new look. MR_ERR_DATA when the segment is damaged, MR_ERR_NOMEM. */
int mr_observer_look(struct mr_observer *observer, struct mr_error *err);
void mr_observer_close(struct mr_observer *observer);

const char *mr_observer_graph(const struct mr_observer *observer);
const char *mr_observer_state(const struct mr_observer *observer);
uint64_t mr_observer_pid(const struct mr_observer *observer);
uint64_t mr_observer_uptime_ns(const struct mr_observer *observer);
/* Time between the last two looks; the uptime after the first. */
uint64_t mr_observer_interval_ns(const struct mr_observer *observer);

/* Nodes: one entry per instance, those of the planner left out. */
uint32_t mr_observer_nodes(const struct mr_observer *observer);
const char *mr_observer_node_name(const struct mr_observer *observer, uint32_t node);
const char *mr_observer_node_type(const struct mr_observer *observer, uint32_t node);
uint32_t mr_observer_node_instance(const struct mr_observer *observer, uint32_t node);
/* rows_in, rows_out, absorbed, filtered, late, late_partial, future, dropped, dead_letters,
 * bytes_in, bytes_out, busy_ns, blocked_ns, idle_ns: since the start. 0 for another name; which are
 * known: mr_observer_value_name(0..), NULL beyond the last. */
uint64_t mr_observer_node_value(const struct mr_observer *observer, uint32_t node,
                                const char *name);
/* The same, what was added between the last two looks. */
uint64_t mr_observer_node_delta(const struct mr_observer *observer, uint32_t node,
                                const char *name);
const char *mr_observer_value_name(uint32_t idx);

/* Time of one call of the node's operator that `percentile` (0..100) of the calls do not exceed,
 * nanoseconds, right to 2 digits; number of calls. */
uint64_t mr_observer_node_percentile_ns(const struct mr_observer *observer, uint32_t node,
                                        double percentile);
uint64_t mr_observer_node_calls(const struct mr_observer *observer, uint32_t node);
/* Latency from a source to a sink, the same way. False: no such path. */
bool mr_observer_path_percentile_ns(const struct mr_observer *observer, const char *source,
                                    const char *sink, double percentile, uint64_t *ns,
                                    uint64_t *count);

/* Everything as `millrace stat --json` prints it, NUL-terminated. The length; MR_ERR_LIMIT when it
 * needs more than sz bytes. */
int64_t mr_observer_json(const struct mr_observer *observer, char *buf, size_t sz);

MR_API_END

#ifdef __cplusplus
}
#endif

#endif
