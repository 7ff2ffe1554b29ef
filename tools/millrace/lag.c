/* SPDX-License-Identifier: Apache-2.0 */
/* lag: how far behind sources and watermarks are, and what holds them. */
#include "attach/lag.h"

#include "cmd.h"
#include "observe.h"

static void draw(void *ctx, struct mr_lines *out, struct mr_observe *obs,
                 const struct mr_topology *topology) {
  const struct mr_observe_args *args = ctx;
  if (args->json) {
    mr_lag_json(out, &obs->now, topology);
    mr_lines_add(out, "\n");
  } else {
    mr_lag_text(out, &obs->now, topology);
  }
}

static int run_lag(int argc, char **argv) {
  struct mr_observe_args args = {0};
  int rc = mr_observe_args(&args, "lag", argc, argv, NULL, NULL);
  return rc ? rc : mr_observe_run(&args, "lag", draw, &args);
}

const struct mr_cmd mr_cmd_lag = {
    "lag", "[--json] [--watch SEC] GRAPH|PID",
    "shows how far behind sources and watermarks are, and what holds them",
    "  --json       one JSON object on one line\n"
    "  --watch SEC  again every SEC seconds until the graph ends\n\n"
    "LAG is the time from the last event (of a node: its watermark) to the graph's clock, SEEN how "
    "long ago the last\n"
    "row came. HELD BY is the source partition that the watermark waits for.\n",
    run_lag};
