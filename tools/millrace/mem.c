/* SPDX-License-Identifier: Apache-2.0 */
/* mem: what the memory of a graph is: of a running or crashed one, or of a graph file before it is
 * started. */
#include <stdio.h>
#include <string.h>

#include "attach/report.h"
#include "cmd.h"
#include "load.h"
#include "observe.h"

static bool is_file(const char *name) {
  return strpbrk(name, "/.") != NULL; /* a graph's name has neither */
}

static int show_plan(struct mr_load *load, const char *file) {
  int rc = mr_load_plan(load, file);
  if (!rc) fputs(mr_plan_print_layout(load->plan, &load->arena), stdout);
  return rc;
}

static int show_graph(const char *name, bool json) {
  struct mr_observe obs;
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  int rc = mr_observe_open(&obs, "mem", name);
  if (rc) return rc;
  if (json) {
    mr_report_mem_json(&out, &obs.now);
    mr_lines_add(&out, "\n");
  } else {
    mr_report_mem(&out, &obs.now);
  }
  mr_observe_print(&out);
  mr_arena_free(&arena);
  mr_observe_close(&obs);
  return rc;
}

static int run_mem(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct mr_load load;
  const char *name = NULL;
  bool json = false;
  mr_load_init(&load);
  load.conf.no_inputs = true;
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (name) return mr_cmd_usage("mem", "one graph at a time");
      name = args.value;
      continue;
    }
    if (!strcmp(args.flag, "--json")) {
      json = true;
      continue;
    }
    bool bare = !strcmp(args.flag, "--no-env") || !strcmp(args.flag, "--no-inputs");
    const char *value = bare ? NULL : mr_args_value(&args, "mem");
    if (!bare && !value) return MR_EXIT_USAGE;
    int taken = mr_load_flag(&load, "mem", args.flag, value);
    if (taken < 0) return MR_EXIT_USAGE;
    if (!taken) return mr_cmd_usage("mem", "unknown flag %s", args.flag);
  }
  if (!name) return mr_cmd_usage("mem", "which graph? Give its name, pid or file");
  if (json && is_file(name)) return mr_cmd_usage("mem", "--json is for a graph, not for a file");
  int rc = is_file(name) ? show_plan(&load, name) : show_graph(name, json);
  mr_load_free(&load);
  return rc;
}

const struct mr_cmd mr_cmd_mem = {"mem", "[--json] [--set PATH=VALUE] GRAPH|PID|GRAPH.yaml",
                                  "prints what the memory of a graph is made of",
                                  "Of a running or crashed graph: every part with its bytes. Of a "
                                  "graph file: the layout that a run would have.\n"
                                  "  --json  of a graph: one JSON object on one line\n",
                                  run_mem};
