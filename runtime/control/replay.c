/* SPDX-License-Identifier: Apache-2.0 */
/* {"verb":"replay","node":"in","bytes":120} and then 120 bytes of whole lines.
 *
 * Answers {"ok":true,"rows":2,"errors":1} once the source has taken all lines, or what was wrong
 * with the rows and errors up to there: so many of the lines, from the first on, were taken. */
#include <inttypes.h>

#include "control/control_private.h"
#include "worker/replay.h"

#define BYTES_MAX  (INT64_C(64) << 20)
#define READ_MS    10000
#define EXIT_USAGE 64

static bool has_ended(void *ctx) {
  return mr_control_ended(ctx);
}

void mr_control_replay(struct mr_client *client, const struct mr_value *request) {
  struct mr_control *control = client->control;
  const char *node = mr_value_text(request, "node", "");
  int64_t len = mr_value_int(request, "bytes", -1);
  struct mr_replay_result result;
  struct mr_error err = {0};
  struct mr_lines answer = {.arena = &client->arena};
  size_t off;
  if (len < 1 || len > BYTES_MAX) {
    mr_client_refuse(client, EXIT_USAGE, "bytes is from 1 to %" PRId64, BYTES_MAX);
    return;
  }
  char *buffer = mr_arena_alloc(&client->arena, mr_replay_buffer_sz((size_t)len, &off));
  if (!mr_wire_bytes(&client->wire, READ_MS, buffer + off, (size_t)len)) return;
  int rc = mr_run_replay(control->conf.run, node, buffer, (size_t)len, has_ended, control, &result,
                         &err);
  mr_lines_add(&answer, "{\"ok\":%s,\"exit\":%d", rc ? "false" : "true", rc ? 1 : 0);
  if (rc) {
    mr_lines_add(&answer, ",\"error\":");
    mr_lines_json(&answer, err.text);
  }
  mr_lines_add(&answer, ",\"rows\":%" PRIu64 ",\"errors\":%" PRIu64 "}\n", result.rows,
               result.errors);
  mr_wire_send(client->wire.fd, answer.text, answer.len);
}
