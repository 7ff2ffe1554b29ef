/* SPDX-License-Identifier: Apache-2.0 */
/* stat: all numbers of a running or crashed graph, once or again and again. */
#include "attach/report.h"
#include "cmd.h"
#include "observe.h"

static void draw(void *ctx, struct mr_lines *out, struct mr_observe *obs,
                 const struct mr_topology *topology) {
  const struct mr_observe_args *args = ctx;
  (void)topology;
  if (args->json) {
    mr_report_json(out, &obs->now);
    mr_lines_add(out, "\n");
  } else {
    mr_report_text(out, &obs->now);
  }
}

static int run_stat(int argc, char **argv) {
  struct mr_observe_args args = {0};
  int rc = mr_observe_args(&args, "stat", argc, argv, NULL, NULL);
  return rc ? rc : mr_observe_run(&args, "stat", draw, &args);
}

const struct mr_cmd mr_cmd_stat = {"stat", "[--json] [--watch SEC] GRAPH|PID",
                                   "prints all numbers of a running or crashed graph",
                                   "  --json       one JSON object on one line\n"
                                   "  --watch SEC  again every SEC seconds until the graph ends\n\n"
                                   "Numbers count from the start, times are nanoseconds, and each "
                                   "line begins with its kind. A graph that was\n"
                                   "killed is shown as it was, its state is dead.\n",
                                   run_stat};
