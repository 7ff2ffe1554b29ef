/* SPDX-License-Identifier: Apache-2.0 */
/* tap: rows of any output of a running graph, as they go by. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ask.h"
#include "base/text.h"
#include "cmd.h"
#include "load.h"

struct tap {
  const char *graph, *output, *where;
  int64_t limit;
  double share;
};

static volatile sig_atomic_t stop_fd = -1;

/* The graph is told that it is enough, and answers with the counts; a second one ends the program.
 */
static void ask_stop(int sig) {
  if (stop_fd >= 0) shutdown(stop_fd, SHUT_WR);
  signal(sig, SIG_DFL);
}

static void catch_signals(int fd) {
  struct sigaction action = {.sa_handler = ask_stop, .sa_flags = SA_RESTART};
  stop_fd = fd;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

/* {"row":X} as X; false: nobody reads stdout any more. */
static bool print_row(const char *line, size_t len) {
  static const char head[] = "{\"row\":";
  if (strncmp(line, head, sizeof head - 1) != 0) return true; /* an event */
  size_t at = sizeof head - 1;
  return fwrite(line + at, 1, len - at - 1, stdout) == len - at - 1 && putchar('\n') != EOF &&
         fflush(stdout) == 0;
}

static int show_rows(struct mr_ask *ask) {
  const char *line;
  size_t len;
  enum mr_ask_result result;
  bool reads = true;
  while ((result = mr_ask_next(ask, -1, &line, &len)) == MR_ASK_LINE && reads) {
    reads = print_row(line, len);
    if (!reads) shutdown(ask->wire.fd, SHUT_WR);
  }
  if (!reads) return MR_EXIT_OK; /* `| head` has seen enough */
  int rc = mr_ask_exit(ask, "tap");
  if (rc) return rc;
  fprintf(stderr, "shown %" PRId64 " of %" PRId64 " seen, %" PRId64 " skipped",
          mr_value_int(ask->last, "shown", 0), mr_value_int(ask->last, "seen", 0),
          mr_value_int(ask->last, "skipped", 0));
  int64_t errors = mr_value_int(ask->last, "errors", 0);
  if (errors) fprintf(stderr, ", where is an error in %" PRId64, errors);
  fputc('\n', stderr);
  return MR_EXIT_OK;
}

static int tap_graph(const struct tap *tap) {
  struct mr_ask ask;
  char share[MR_TEXT_DOUBLE_SZ];
  int rc = mr_ask_open(&ask, "tap", tap->graph);
  if (rc) return rc;
  struct mr_lines request = {.arena = &ask.arena};
  mr_lines_add(&request, "{\"verb\":\"tap\",\"output\":");
  mr_lines_json(&request, tap->output);
  if (tap->where) {
    mr_lines_add(&request, ",\"where\":");
    mr_lines_json(&request, tap->where);
  }
  mr_lines_add(&request, ",\"limit\":%" PRId64 ",\"share\":%.*s}\n", tap->limit,
               (int)mr_double_format(share, tap->share), share);
  rc = mr_ask_send(&ask, "tap", request.text, request.len);
  catch_signals(ask.wire.fd);
  if (!rc) rc = show_rows(&ask);
  stop_fd = -1;
  mr_ask_close(&ask);
  return rc;
}

/* "0.1" or "10%". */
static bool parse_share(const char *text, double *share) {
  size_t len = strlen(text);
  bool percent = len && text[len - 1] == '%';
  if (mr_double_parse(text, percent ? len - 1 : len, share)) return false;
  if (percent) *share /= 100;
  return *share > 0 && *share <= 1;
}

static int take_flag(struct tap *tap, struct mr_args *args) {
  const char *flag = args->flag;
  if (strcmp(flag, "--where") != 0 && strcmp(flag, "--limit") != 0 && strcmp(flag, "--sample") != 0)
    return mr_cmd_usage("tap", "unknown flag %s", flag);
  const char *value = mr_args_value(args, "tap");
  if (!value) return MR_EXIT_USAGE;
  if (!strcmp(flag, "--where")) {
    tap->where = value;
  } else if (!strcmp(flag, "--limit")) {
    if (mr_int64_parse(value, strlen(value), &tap->limit) || tap->limit < 1)
      return mr_cmd_usage("tap", "--limit is a number of rows from 1, not \"%s\"", value);
  } else if (!parse_share(value, &tap->share)) {
    return mr_cmd_usage("tap", "--sample is a share like 0.1 or 10%%, not \"%s\"", value);
  }
  return MR_EXIT_OK;
}

static int run_tap(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  struct tap tap = {.share = 1};
  while (mr_args_next(&args)) {
    int rc = MR_EXIT_OK;
    if (args.flag)
      rc = take_flag(&tap, &args);
    else if (!tap.graph)
      tap.graph = args.value;
    else if (!tap.output)
      tap.output = args.value;
    else
      rc = mr_cmd_usage("tap", "one output at a time");
    if (rc) return rc;
  }
  if (!tap.graph || !tap.output)
    return mr_cmd_usage("tap", "which graph and which output? NODE, NODE.late or NODE.errors");
  return tap_graph(&tap);
}

const struct mr_cmd mr_cmd_tap = {
    "tap", "[--where EXPR] [--limit N] [--sample SHARE] GRAPH|PID OUTPUT",
    "shows rows of any output of a running graph as they go by",
    "  --where EXPR    only rows for which this is true, as in a filter\n"
    "  --limit N       so many rows\n"
    "  --sample SHARE  a random share of the rows, 0.1 or 10%\n\n"
    "OUTPUT is NODE, NODE.late or NODE.errors. Rows are JSON lines with the columns that something "
    "in the graph reads.\n"
    "A row that the tap is too slow for is counted as skipped: the graph never waits for it. Ends "
    "with the limit, the graph\n"
    "or Ctrl-C, and says on stderr: shown 20 of 913 seen, 0 skipped.\n",
    run_tap};
