/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a graph as the program does, and kills itself at a named point of a checkpoint.
 *
 *   crash_host GRAPH.yaml                     to its end
 *   crash_host GRAPH.yaml POINT N [early]     SIGKILL when POINT is reached for the Nth time;
 * early: with the mistake of publishing before the manifest crash_host --list the points */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "graph/plan.h"
#include "operators/operators.h"
#include "worker/run.h"

static const char *const points[] = {"checkpoint.state_begin",
                                     "checkpoint.state_written",
                                     "checkpoint.manifest_begin",
                                     "checkpoint.manifest_written",
                                     "checkpoint.manifest_renamed",
                                     "checkpoint.durable",
                                     "checkpoint.pruned"};

static const char *wanted;
static atomic_long left;

static void reached(const char *point) {
  if (!wanted || strcmp(point, wanted) != 0) return;
  if (atomic_fetch_sub(&left, 1) == 1) kill(getpid(), SIGKILL);
}

static int run(const struct mr_plan *plan, bool early) {
  struct mr_run_conf conf = {
      .isa = mr_isa_detect(), .version = "test", .crash_point = reached, .publish_early = early};
  struct mr_run *graph = NULL;
  struct mr_error err = {0};
  mr_clock_system(&conf.clock);
  int rc = mr_run_build(&graph, plan, &conf, &err);
  if (!rc) rc = mr_run_start(graph, &err);
  if (!rc) {
    while (!mr_run_wait(graph, UINT64_C(50000000))) continue;
    rc = mr_run_result(graph, &err);
  }
  if (rc) fprintf(stderr, "crash_host: %s\n", err.text);
  mr_run_destroy(graph);
  return rc ? 1 : 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "--list")) {
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) puts(points[i]);
    return 0;
  }
  if (argc != 2 && argc != 4 && argc != 5) return 64;
  if (argc > 3) {
    wanted = argv[2];
    left = strtol(argv[3], NULL, 10);
  }
  struct mr_arena arena = {0};
  struct mr_diags diags;
  mr_diags_init(&diags, &arena);
  struct mr_plan_conf conf = {.ops = &mr_operators, .clock = -1};
  const struct mr_plan *plan = mr_plan_load(&arena, argv[1], NULL, 0, &conf, &diags);
  if (!plan) {
    size_t len;
    const char *text = mr_diags_text(&diags, &arena, &len);
    fwrite(text, 1, len, stderr);
    return 78;
  }
  int rc = run(plan, argc == 5);
  mr_arena_free(&arena);
  return rc;
}
