/* SPDX-License-Identifier: Apache-2.0 */
/* validate: every step that run takes, up to starting the workers. show: prints what was planned.
 */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "load.h"

static int run_validate(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct mr_load load;
  mr_load_init(&load);
  const char *files[64];
  int file_cnt = 0, rc = MR_EXIT_OK;
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (file_cnt < 64) files[file_cnt++] = args.value;
      continue;
    }
    bool bare = !strcmp(args.flag, "--no-env") || !strcmp(args.flag, "--no-inputs") ||
                !strcmp(args.flag, "--deny-warnings");
    const char *value = bare ? NULL : mr_args_value(&args, "validate");
    if (!bare && !value) return MR_EXIT_USAGE;
    if (!strcmp(args.flag, "--format")) {
      load.json = !strcmp(value, "json");
      if (!load.json && strcmp(value, "text"))
        return mr_cmd_usage("validate", "--format is text or json, not \"%s\"", value);
      continue;
    }
    int taken = mr_load_flag(&load, "validate", args.flag, value);
    if (taken < 0) return MR_EXIT_USAGE;
    if (!taken) return mr_cmd_usage("validate", "unknown flag %s", args.flag);
  }
  if (!file_cnt) return mr_cmd_usage("validate", "which graph file?");
  for (int i = 0; i < file_cnt; i++) {
    mr_diags_init(&load.diags, &load.arena);
    int one = mr_load_plan(&load, files[i]);
    if (one)
      rc = one;
    else if (!load.json)
      printf("%s: ok, graph %s, %u nodes, %u workers\n", files[i], load.plan->graph,
             load.plan->node_cnt, load.plan->worker_cnt);
  }
  mr_load_free(&load);
  return rc;
}

const struct mr_cmd mr_cmd_validate = {
    "validate",
    "[--set PATH=VALUE] [--no-env] [--no-inputs] [--deny-warnings] [--format text|json] "
    "GRAPH.yaml...",
    "checks graph files as run would, and starts nothing",
    "Ends 0, or 78 with all errors at once: file:line:col, the field, what was expected.\n"
    "  --no-env         variables need not be set\n"
    "  --no-inputs      input files need not exist\n"
    "  --deny-warnings  a warning ends 78 too\n",
    run_validate};
