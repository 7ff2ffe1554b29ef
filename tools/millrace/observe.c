/* SPDX-License-Identifier: Apache-2.0 */
#include "observe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd.h"
#include "load.h"

int mr_observe_open(struct mr_observe *obs, const char *verb, const char *name_or_pid) {
  struct mr_error err;
  memset(obs, 0, sizeof *obs);
  enum mr_attach_reason reason = mr_attach_find(&obs->attach, name_or_pid, &err);
  if (!reason) return mr_observe_next(obs, verb);
  fprintf(stderr, "millrace %s: %s\n", verb, err.text);
  return reason == MR_ATTACH_NOT_PERMITTED ? MR_EXIT_PERM : MR_EXIT_UNREACHABLE;
}

int mr_observe_next(struct mr_observe *obs, const char *verb) {
  struct mr_snapshot spare = obs->before;
  if (obs->now.mem) {
    obs->before = obs->now;
    obs->now = spare;
    obs->has_before = true;
  }
  int rc = mr_snapshot_take(&obs->attach, &obs->now);
  if (!rc) return MR_EXIT_OK;
  fprintf(stderr, "millrace %s: %s: %s\n", verb, obs->attach.path,
          rc == MR_ERR_NOMEM ? "no memory for a snapshot" : "the stats segment is damaged");
  return rc == MR_ERR_NOMEM ? MR_EXIT_FAILED : MR_EXIT_UNREACHABLE;
}

const struct mr_snapshot *mr_observe_part(struct mr_observe *obs) {
  if (!obs->has_before ||
      mr_snapshot_subtract(&obs->attach, &obs->now, &obs->before, &obs->part) != MR_OK)
    return &obs->now;
  return &obs->part;
}

bool mr_observe_live(const struct mr_observe *obs) {
  return obs->now.state != MR_GRAPH_DEAD && obs->now.state != MR_GRAPH_DONE;
}

void mr_observe_close(struct mr_observe *obs) {
  mr_snapshot_free(&obs->now);
  mr_snapshot_free(&obs->before);
  mr_snapshot_free(&obs->part);
  mr_attach_close(&obs->attach);
}

uint64_t mr_observe_interval(const char *verb, const char *flag, const char *text) {
  double seconds;
  int64_t ns = 0;
  if (!mr_double_parse(text, strlen(text), &seconds) && seconds > 0 && seconds < 1e9)
    ns = (int64_t)(seconds * 1e9);
  else if (mr_duration_parse_ns(text, strlen(text), &ns))
    ns = 0;
  if (ns >= 10000000) return (uint64_t)ns;
  mr_cmd_usage(verb, "%s is seconds or a duration, at least 10ms, not \"%s\"", flag, text);
  return 0;
}

int mr_observe_wait(uint64_t until_ns, bool keys) {
  for (;;) {
    uint64_t now = mr_process_mono_ns();
    if (now >= until_ns) return -1;
    struct timespec left = {.tv_sec = (time_t)((until_ns - now) / 1000000000),
                            .tv_nsec = (long)((until_ns - now) % 1000000000)};
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    int n = ppoll(&fd, keys ? 1 : 0, &left, NULL);
    if (n < 0 && errno == EINTR) return -1;
    if (n <= 0) continue;
    unsigned char key;
    if (read(STDIN_FILENO, &key, 1) == 1) return key;
    keys = false; /* stdin has ended */
  }
}

bool mr_observe_print(const struct mr_lines *lines) {
  if (lines->len && fwrite(lines->text, 1, lines->len, stdout) != lines->len) return false;
  return fflush(stdout) == 0;
}

/* ---- verbs that print a graph again and again ---- */

int mr_observe_args(struct mr_observe_args *to, const char *verb, int argc, char **argv,
                    int (*more)(void *ctx, struct mr_args *args), void *ctx) {
  struct mr_args args = {.argc = argc, .argv = argv};
  while (mr_args_next(&args)) {
    if (!args.flag && !to->name) {
      to->name = args.value;
    } else if (!args.flag) {
      if (to->word_cnt == to->word_max)
        return mr_cmd_usage(verb, to->word_max ? "too many words: \"%s\"" : "one graph at a time",
                            args.value);
      to->words[to->word_cnt++] = args.value;
    } else if (!strcmp(args.flag, "--json")) {
      to->json = true;
    } else if (!strcmp(args.flag, "--watch")) {
      const char *value = mr_args_value(&args, verb);
      if (!value || !(to->watch_ns = mr_observe_interval(verb, "--watch", value)))
        return MR_EXIT_USAGE;
    } else {
      int taken = more ? more(ctx, &args) : 0;
      if (taken < 0) return MR_EXIT_USAGE;
      if (!taken) return mr_cmd_usage(verb, "unknown flag %s", args.flag);
    }
  }
  return to->name ? MR_EXIT_OK : mr_cmd_usage(verb, "which graph? Give its name or pid");
}

static bool print_now(struct mr_observe *obs, const struct mr_observe_args *args, bool apart,
                      mr_observe_draw draw, void *ctx) {
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  struct mr_topology topology;
  mr_topology_read(&topology, &arena, &obs->now);
  if (apart && !args->json) mr_lines_add(&out, "\n");
  draw(ctx, &out, obs, &topology);
  bool printed = mr_observe_print(&out);
  mr_arena_free(&arena);
  return printed;
}

int mr_observe_run(const struct mr_observe_args *args, const char *verb, mr_observe_draw draw,
                   void *ctx) {
  struct mr_observe obs;
  int rc = mr_observe_open(&obs, verb, args->name);
  if (rc) return rc;
  bool printed = print_now(&obs, args, false, draw, ctx);
  uint64_t next_ns = obs.now.taken_mono_ns + args->watch_ns;
  for (; printed && !rc && args->watch_ns && mr_observe_live(&obs); next_ns += args->watch_ns) {
    while (mr_process_mono_ns() < next_ns) mr_observe_wait(next_ns, false);
    rc = mr_observe_next(&obs, verb);
    if (!rc) printed = print_now(&obs, args, true, draw, ctx);
  }
  mr_observe_close(&obs);
  return rc;
}
