/* SPDX-License-Identifier: Apache-2.0 */
#include "ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"

int mr_ask_open(struct mr_ask *ask, const char *verb, const char *name_or_pid) {
  struct mr_error err;
  memset(ask, 0, sizeof *ask);
  ask->wire.fd = -1;
  enum mr_attach_reason reason = mr_attach_find(&ask->attach, name_or_pid, &err);
  if (reason) {
    fprintf(stderr, "millrace %s: %s\n", verb, err.text);
    return reason == MR_ATTACH_NOT_PERMITTED ? MR_EXIT_PERM : MR_EXIT_UNREACHABLE;
  }
  enum mr_attach_state state = mr_attach_state(&ask->attach);
  if (state == MR_GRAPH_DEAD || state == MR_GRAPH_DONE) {
    fprintf(stderr, "millrace %s: graph %s does not run: it is %s\n", verb, ask->attach.graph,
            mr_attach_state_str(state));
    mr_attach_close(&ask->attach);
    return MR_EXIT_UNREACHABLE;
  }
  char dir[MR_ATTACH_PATH_SZ];
  memcpy(dir, ask->attach.path, sizeof dir);
  *strrchr(dir, '/') = 0;
  ask->wire = (struct mr_wire){.arena = &ask->arena};
  ask->wire.fd = mr_wire_connect(dir, ask->attach.graph, &err);
  if (ask->wire.fd >= 0) return MR_EXIT_OK;
  fprintf(stderr, "millrace %s: %s\n", verb, err.text);
  mr_attach_close(&ask->attach);
  return err.code == MR_ERR_PERM ? MR_EXIT_PERM : MR_EXIT_UNREACHABLE;
}

int mr_ask_send(struct mr_ask *ask, const char *verb, const char *bytes, size_t len) {
  if (mr_wire_send(ask->wire.fd, bytes, len)) return MR_EXIT_OK;
  fprintf(stderr, "millrace %s: graph %s does not take the request\n", verb, ask->attach.graph);
  return MR_EXIT_UNREACHABLE;
}

enum mr_ask_result mr_ask_next(struct mr_ask *ask, int timeout_ms, const char **line, size_t *len) {
  static const char last[] = "{\"ok\":"; /* no other line begins like this */
  switch (mr_wire_line(&ask->wire, timeout_ms, line, len)) {
  case MR_WIRE_LINE:
    if (strncmp(*line, last, sizeof last - 1) != 0) return MR_ASK_LINE;
    ask->last = mr_value_parse(&ask->arena, *line, *len);
    return ask->last ? MR_ASK_DONE : MR_ASK_LOST;
  case MR_WIRE_WAIT: return MR_ASK_WAIT;
  default: return MR_ASK_LOST;
  }
}

int mr_ask_exit(const struct mr_ask *ask, const char *verb) {
  if (!ask->last) {
    fprintf(stderr, "millrace %s: graph %s ended without an answer\n", verb, ask->attach.graph);
    return MR_EXIT_UNREACHABLE;
  }
  if (mr_value_bool(ask->last, "ok", false)) return MR_EXIT_OK;
  fprintf(stderr, "millrace %s: %s\n", verb, mr_value_text(ask->last, "error", "refused"));
  int64_t code = mr_value_int(ask->last, "exit", MR_EXIT_FAILED);
  return code > 0 && code < 128 ? (int)code : MR_EXIT_FAILED;
}

void mr_ask_wait_end(struct mr_ask *ask, int timeout_ms) {
  const char *line;
  size_t len;
  while (mr_wire_line(&ask->wire, timeout_ms, &line, &len) == MR_WIRE_LINE) {}
}

void mr_ask_close(struct mr_ask *ask) {
  if (ask->wire.fd >= 0) close(ask->wire.fd);
  mr_attach_close(&ask->attach);
  mr_arena_free(&ask->arena);
}
