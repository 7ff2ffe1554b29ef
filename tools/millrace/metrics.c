/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: the numbers of a graph as Prometheus text. */
#include "attach/metrics.h"

#include <string.h>

#include "cmd.h"
#include "load.h"
#include "observe.h"

static void draw(void *ctx, struct mr_lines *out, struct mr_observe *obs,
                 const struct mr_topology *topology) {
  (void)ctx;
  mr_metrics_text(out, &obs->now, topology);
}

/* The table itself, for documents: a line per metric. */
static int print_table(void) {
  const struct mr_metric *m, *before = NULL;
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  for (uint32_t i = 0; (m = mr_metric_at(i)); before = m, i++) {
    if (before && !strcmp(before->name, m->name)) continue;
    mr_lines_add(&out, "%s\t%s\t%s\t%s\n", m->name, mr_metric_kind_str(m->kind), m->labels,
                 m->help);
  }
  bool printed = mr_observe_print(&out);
  mr_arena_free(&arena);
  return printed ? MR_EXIT_OK : MR_EXIT_IO;
}

static int take_flag(void *ctx, struct mr_args *args) {
  bool *table = ctx;
  if (strcmp(args->flag, "--list") != 0) return 0;
  return *table = true;
}

static int run_metrics(int argc, char **argv) {
  struct mr_observe_args args = {0};
  bool table = false;
  for (int i = 1; i < argc; i++) table |= !strcmp(argv[i], "--list");
  if (table && argc == 2) return print_table();
  int rc = mr_observe_args(&args, "metrics", argc, argv, take_flag, &table);
  if (!rc && table) rc = mr_cmd_usage("metrics", "--list stands alone");
  if (!rc && args.json) rc = mr_cmd_usage("metrics", "for JSON see millrace stat --json");
  return rc ? rc : mr_observe_run(&args, "metrics", draw, NULL);
}

const struct mr_cmd mr_cmd_metrics = {
    "metrics", "[--watch SEC] GRAPH|PID | --list", "prints the numbers of a graph for Prometheus",
    "  --watch SEC  again every SEC seconds until the graph ends\n"
    "  --list       all metrics: name, kind, labels beside graph, help, with tabs between them\n\n"
    "Prometheus text 0.0.4, read from shared memory: the graph does not notice. From a graph that "
    "was killed the numbers\n"
    "are those of its end. For Prometheus itself, write it into a file of node_exporter's textfile "
    "collector.\n",
    run_metrics};
