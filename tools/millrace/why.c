/* SPDX-License-Identifier: Apache-2.0 */
/* why: why a node does not emit, is slow, or loses rows. */
#include "attach/why.h"

#include <stdio.h>

#include "cmd.h"
#include "observe.h"

#define LOOK_NS UINT64_C(300000000) /* shares and rates are of this time */

struct why {
  struct mr_observe_args args;
  bool unknown;
};

static void draw(void *ctx, struct mr_lines *out, struct mr_observe *obs,
                 const struct mr_topology *topology) {
  struct why *why = ctx;
  const char *node = why->args.words[0];
  if (!obs->has_before && mr_observe_live(obs)) { /* the first time: a second look */
    uint64_t until = mr_process_mono_ns() + LOOK_NS;
    while (mr_process_mono_ns() < until) mr_observe_wait(until, false);
    if (mr_observe_next(obs, "why")) return;
  }
  const struct mr_snapshot *part = mr_observe_part(obs);
  bool known = why->args.json ? mr_why_json(out, &obs->now, part, topology, node)
                              : mr_why_text(out, &obs->now, part, topology, node);
  if (known && why->args.json) mr_lines_add(out, "\n");
  if (known) return;
  why->unknown = true;
  fprintf(stderr, "millrace why: graph %s has no node \"%s\"; it has", obs->now.graph, node);
  for (uint32_t i = 0; i < topology->node_cnt; i++)
    if (!topology->nodes[i].internal)
      fprintf(stderr, "%s %s", i ? "," : "", topology->nodes[i].name);
  fprintf(stderr, "\n");
  why->args.watch_ns = 0;
}

static int run_why(int argc, char **argv) {
  struct why why = {.args = {.word_max = 1}};
  int rc = mr_observe_args(&why.args, "why", argc, argv, NULL, NULL);
  if (rc) return rc;
  if (!why.args.word_cnt) return mr_cmd_usage("why", "which node of %s?", why.args.name);
  rc = mr_observe_run(&why.args, "why", draw, &why);
  return !rc && why.unknown ? MR_EXIT_USAGE : rc;
}

const struct mr_cmd mr_cmd_why = {
    "why", "[--json] [--watch SEC] GRAPH|PID NODE",
    "tells why a node does not emit, is slow, or loses rows",
    "  --json       one JSON object on one line: findings[] {kind, text, details[]}\n"
    "  --watch SEC  again every SEC seconds until the graph ends\n\n"
    "It names the source partition that holds a watermark back, the node that others wait for, and "
    "where rows went that are\n"
    "late, in error or dropped. Of a graph that was killed it tells how it was at its end.\n",
    run_why};
