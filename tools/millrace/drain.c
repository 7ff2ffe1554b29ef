/* SPDX-License-Identifier: Apache-2.0 */
/* drain: asks a running graph to take nothing more and to end once all it took has gone through. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "attach/snapshot.h"
#include "base/text.h"
#include "cmd.h"
#include "load.h"

#define LOOK_MS 500
#define END_MS  10000 /* from the answer to the end of the process */
#define GONE_NS UINT64_C(1000000000)

struct drain {
  struct mr_ask ask;
  struct mr_snapshot snap;
  uint64_t since_ns;
  bool terminal, said;
};

static double seconds(const struct drain *d) {
  return (double)(mr_process_mono_ns() - d->since_ns) / 1e9;
}

/* Rows that lie on links and who still works, as far as the segment tells. */
static void show_progress(struct drain *d) {
  uint64_t rows = 0;
  char count[MR_LINES_SHORT_SZ];
  if (mr_snapshot_take(&d->ask.attach, &d->snap)) return;
  for (uint32_t i = 0; i < d->snap.link_cnt; i++) rows += mr_snapshot_depth_rows(&d->snap.links[i]);
  fprintf(stderr, "%sdraining %s: %s rows on links, %.1f s%s", d->terminal ? "\r" : "",
          d->ask.attach.graph, mr_lines_count(count, (double)rows), seconds(d),
          d->terminal ? "\033[K" : "\n");
  d->said = true;
}

static int wait_for_answer(struct drain *d) {
  const char *line;
  size_t len;
  enum mr_ask_result result;
  do {
    result = mr_ask_next(&d->ask, LOOK_MS, &line, &len);
    if (result == MR_ASK_WAIT) show_progress(d);
  } while (result == MR_ASK_WAIT || result == MR_ASK_LINE);
  if (d->terminal && d->said) fputc('\n', stderr);
  int rc = mr_ask_exit(&d->ask, "drain");
  if (!rc) fprintf(stderr, "%s drained in %.2f s\n", d->ask.attach.graph, seconds(d));
  if (!d->ask.last) return rc;
  mr_ask_wait_end(&d->ask, END_MS);
  /* the last thing it does is to hang up; of a host that goes on with something else, not for long
   */
  uint64_t until_ns = mr_process_mono_ns() + GONE_NS;
  while (mr_process_alive(&d->ask.attach.process, 0) && mr_process_mono_ns() < until_ns)
    poll(NULL, 0, 1);
  return rc;
}

static int drain_graph(const char *name, int64_t timeout_ns) {
  struct drain d = {.since_ns = mr_process_mono_ns(), .terminal = isatty(STDERR_FILENO)};
  int rc = mr_ask_open(&d.ask, "drain", name);
  if (rc) return rc;
  struct mr_lines request = {.arena = &d.ask.arena};
  mr_lines_add(&request, "{\"verb\":\"drain\"");
  if (timeout_ns >= 0) mr_lines_add(&request, ",\"timeout_ns\":%" PRId64, timeout_ns);
  mr_lines_add(&request, "}\n");
  rc = mr_ask_send(&d.ask, "drain", request.text, request.len);
  if (!rc) rc = wait_for_answer(&d);
  mr_snapshot_free(&d.snap);
  mr_ask_close(&d.ask);
  return rc;
}

static int run_drain(int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  const char *name = NULL;
  int64_t timeout_ns = -1;
  while (mr_args_next(&args)) {
    if (!args.flag) {
      if (name) return mr_cmd_usage("drain", "one graph at a time");
      name = args.value;
    } else if (!strcmp(args.flag, "--timeout")) {
      const char *value = mr_args_value(&args, "drain");
      if (!value) return MR_EXIT_USAGE;
      if (mr_duration_parse_ns(value, strlen(value), &timeout_ns) || timeout_ns < 0)
        return mr_cmd_usage("drain", "--timeout takes a time like 25s, not \"%s\"", value);
    } else {
      return mr_cmd_usage("drain", "unknown flag %s", args.flag);
    }
  }
  if (!name) return mr_cmd_usage("drain", "which graph? Give its name or pid");
  return drain_graph(name, timeout_ns);
}

const struct mr_cmd mr_cmd_drain = {
    "drain", "[--timeout D] GRAPH|PID", "ends a running graph once all it took has gone through",
    "  --timeout D  cut it short after this time; without it after the graph's drain_timeout\n\n"
    "Ends when the graph has ended: 0 drained, 75 cut short, else with the graph's own exit code. "
    "Progress is on stderr.\n"
    "Windows do not close early.\n",
    run_drain};
