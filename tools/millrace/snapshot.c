/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: has a running graph take a checkpoint now, and answers when it is durable. */
#include <inttypes.h>
#include <stdio.h>

#include "ask.h"
#include "cmd.h"
#include "load.h"

static int snapshot_graph(const char *name) {
  static const char request[] = "{\"verb\":\"snapshot\"}\n";
  struct mr_ask ask = {0};
  const char *line;
  size_t len;
  int rc = mr_ask_open(&ask, "snapshot", name);
  if (rc) return rc;
  rc = mr_ask_send(&ask, "snapshot", request, sizeof request - 1);
  if (!rc) {
    enum mr_ask_result result;
    do result = mr_ask_next(&ask, -1, &line, &len);
    while (result == MR_ASK_LINE || result == MR_ASK_WAIT);
    rc = mr_ask_exit(&ask, "snapshot");
  }
  if (!rc) printf("checkpoint %" PRId64 "\n", mr_value_int(ask.last, "checkpoint", 0));
  mr_ask_close(&ask);
  return rc;
}

static int run_snapshot(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  const char *name = NULL;
  while (mr_args_next(&args)) {
    if (args.flag) return mr_cmd_usage("snapshot", "unknown flag %s", args.flag);
    if (name) return mr_cmd_usage("snapshot", "one graph at a time");
    name = args.value;
  }
  if (!name) return mr_cmd_usage("snapshot", "which graph? Give its name or pid");
  return snapshot_graph(name);
}

const struct mr_cmd mr_cmd_snapshot = {
    "snapshot", "GRAPH|PID", "has a running graph take a checkpoint now",
    "Prints its number once it is on the disk: whatever the graph took before the request is in "
    "it.\n"
    "Ends 78 when the graph takes no checkpoints, 1 when the checkpoint failed.\n",
    run_snapshot};
