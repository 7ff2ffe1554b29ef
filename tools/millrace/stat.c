/* SPDX-License-Identifier: Apache-2.0 */
/* stat: all numbers of a running or crashed graph, once or again and again. */
#include <stdio.h>
#include <string.h>

#include "attach/report.h"
#include "cmd.h"
#include "load.h"
#include "observe.h"

static bool print_once(const struct mr_observe *obs, bool json, bool apart) {
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  if (apart) mr_lines_add(&out, "\n");
  if (json) {
    mr_report_json(&out, &obs->now);
    mr_lines_add(&out, "\n");
  } else {
    mr_report_text(&out, &obs->now);
  }
  bool printed = mr_observe_print(&out);
  mr_arena_free(&arena);
  return printed;
}

static int run_stat(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  const char *name = NULL;
  bool json = false;
  uint64_t watch_ns = 0;
  while (mr_args_next(&args)) {
    if (!args.flag && !name) {
      name = args.value;
    } else if (!args.flag) {
      return mr_cmd_usage("stat", "one graph at a time");
    } else if (!strcmp(args.flag, "--json")) {
      json = true;
    } else if (!strcmp(args.flag, "--watch")) {
      const char *value = mr_args_value(&args, "stat");
      if (!value || !(watch_ns = mr_observe_interval("stat", "--watch", value)))
        return MR_EXIT_USAGE;
    } else {
      return mr_cmd_usage("stat", "unknown flag %s", args.flag);
    }
  }
  if (!name) return mr_cmd_usage("stat", "which graph? Give its name or pid");
  struct mr_observe obs;
  int rc = mr_observe_open(&obs, "stat", name);
  if (rc) return rc;
  bool printed = print_once(&obs, json, false);
  uint64_t next_ns = obs.now.taken_mono_ns + watch_ns;
  for (; printed && !rc && watch_ns && mr_observe_live(&obs); next_ns += watch_ns) {
    while (mr_process_mono_ns() < next_ns) mr_observe_wait(next_ns, false);
    rc = mr_observe_next(&obs, "stat");
    if (!rc) printed = print_once(&obs, json, !json);
  }
  mr_observe_close(&obs);
  return rc;
}

const struct mr_cmd mr_cmd_stat = {"stat", "[--json] [--watch SEC] GRAPH|PID",
                                   "prints all numbers of a running or crashed graph",
                                   "  --json       one JSON object on one line\n"
                                   "  --watch SEC  again every SEC seconds until the graph ends\n\n"
                                   "Numbers count from the start, times are nanoseconds, and each "
                                   "line begins with its kind. A graph that was\n"
                                   "killed is shown as it was, its state is dead.\n",
                                   run_stat};
