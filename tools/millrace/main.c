/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: finds the verb and runs it. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd.h"
#include "color.h"
#include "man.h"

/* In the order of help, one per line. */
/* clang-format off */
const struct mr_cmd *const mr_cmds[] = {
  &mr_cmd_run,
  &mr_cmd_validate,
  &mr_cmd_test,
  &mr_cmd_show,
  &mr_cmd_graph,
  &mr_cmd_expr,
  &mr_cmd_gen,
  &mr_cmd_drain,
  &mr_cmd_snapshot,
  &mr_cmd_plan,
  &mr_cmd_state,
  &mr_cmd_ps,
  &mr_cmd_stat,
  &mr_cmd_top,
  &mr_cmd_lat,
  &mr_cmd_lag,
  &mr_cmd_why,
  &mr_cmd_tap,
  &mr_cmd_topic,
  &mr_cmd_dlq,
  &mr_cmd_metrics,
  &mr_cmd_mem,
  &mr_cmd_bench,
  &mr_cmd_doctor,
  &mr_cmd_explain,
  &mr_cmd_list,
  &mr_cmd_schema,
  &mr_cmd_completion,
  &mr_cmd_version,
  &mr_cmd_help,
  NULL};
/* clang-format on */

const struct mr_cmd *mr_cmd_find(const char *name) {
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++)
    if (!strcmp((*cmd)->name, name)) return *cmd;
  return NULL;
}

int mr_cmd_usage(const char *verb, const char *fmt, ...) {
  va_list args;
  fprintf(stderr, "millrace %s: ", verb);
  va_start(args, fmt);
  vfprintf(stderr, fmt, args);
  va_end(args);
  fprintf(stderr, "\nsee: millrace help %s\n", verb);
  return MR_EXIT_USAGE;
}

static void print_verbs(FILE *to) {
  fprintf(to, "millrace: streams of events through windows and filters, in one process\n\n"
              "usage: millrace VERB [FLAGS] [GRAPH.yaml ...]\n\n");
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++)
    fprintf(to, "  %-9s %s\n", (*cmd)->name, (*cmd)->help);
  fprintf(to, "\nmillrace help VERB tells more\n");
}

static int unknown_verb(const char *name) {
  const char *near = NULL;
  int least = 3;
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++) {
    int d = mr_text_distance(name, (*cmd)->name, 3);
    if (d < least) {
      least = d;
      near = (*cmd)->name;
    }
  }
  fprintf(stderr, "millrace: no verb is named \"%s\"", name);
  if (near) fprintf(stderr, "; did you mean \"%s\"?", near);
  fprintf(stderr, "\nsee: millrace help\n");
  return MR_EXIT_USAGE;
}

/* One page, or the names of all of them. */
static int print_man(const char *page) {
  if (page && mr_man_write(stdout, page) == 0) return MR_EXIT_OK;
  if (page) return mr_cmd_usage("help", "no manual page is named \"%s\"", page);
  puts("millrace\nmillrace-graph-file");
  for (const struct mr_cmd *const *cmd = mr_cmds; *cmd; cmd++)
    printf("millrace-%s\n", (*cmd)->name);
  return MR_EXIT_OK;
}

static int run_help(int argc, char **argv) {
  if (argc < 2) {
    print_verbs(stdout);
    return MR_EXIT_OK;
  }
  if (!strcmp(argv[1], "functions")) return mr_help_functions(argc - 1, argv + 1);
  if (!strcmp(argv[1], "--man")) return print_man(argc > 2 ? argv[2] : NULL);
  if (!strcmp(argv[1], "graph") && argc > 2 && !strcmp(argv[2], "--markdown")) {
    mr_man_reference(stdout);
    return MR_EXIT_OK;
  }
  const struct mr_cmd *cmd = mr_cmd_find(argv[1]);
  if (!cmd) return unknown_verb(argv[1]);
  printf("usage: millrace %s %s\n\n%s\n", cmd->name, cmd->usage, cmd->help);
  if (cmd->more) printf("\n%s", cmd->more);
  return MR_EXIT_OK;
}

static int run_version(int argc, char **argv) {
  (void)argc, (void)argv;
  printf("millrace %s\n", MR_VERSION);
  return MR_EXIT_OK;
}

const struct mr_cmd mr_cmd_help = {
    "help", "[VERB | functions [NAME]]", "tells about a verb, or the functions of expressions",
    "  functions NAME          one function\n"
    "  functions --markdown    all of them as the page docs/functions.md\n"
    "  graph --markdown        the options of graph files as the page docs/graph-file.md\n"
    "  --man [PAGE]            a manual page, or the names of all of them\n",
    run_help};
const struct mr_cmd mr_cmd_version = {"version", "", "prints the version", NULL, run_version};

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of the write, said once */
  signal(SIGXFSZ, SIG_IGN); /* so is a file that may grow no further (ulimit -f) */
  if (!mr_color_take(&argc, argv)) return MR_EXIT_USAGE;
  if (argc < 2) {
    print_verbs(stderr);
    return MR_EXIT_USAGE;
  }
  const char *verb = argv[1];
  if (!strcmp(verb, "--help") || !strcmp(verb, "-h")) verb = "help";
  if (!strcmp(verb, "--version")) verb = "version";
  const struct mr_cmd *cmd = mr_cmd_find(verb);
  if (!cmd) return unknown_verb(verb);
  for (int i = 2; i < argc; i++)
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
      char *args[] = {argv[0], argv[1], NULL};
      return run_help(2, args);
    }
  return cmd->run(argc - 1, argv + 1);
}
