/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_ASK_H
#define MR_TOOLS_ASK_H

/* What the verbs that steer a running graph share: finding its control socket, asking, reading the
 * answer. */

#include "attach/attach.h"
#include "base/lines.h"
#include "base/value.h"
#include "control/wire.h"

struct mr_ask {
  struct mr_arena arena;
  struct mr_attach attach; /* the graph's segment, to look at it meanwhile */
  struct mr_wire wire;
  const struct mr_value *last; /* the line that ended the answer */
};

/* Attaches to the running graph of that name or pid and connects to its socket; says on stderr what
 * is wrong. An exit code: 69 when there is none that runs, 77 when it may not be asked. */
int mr_ask_open(struct mr_ask *ask, const char *verb, const char *name_or_pid);
/* Writes a request, which ends with a newline. An exit code. */
int mr_ask_send(struct mr_ask *ask, const char *verb, const char *bytes, size_t len);

enum mr_ask_result { MR_ASK_LINE, MR_ASK_DONE, MR_ASK_WAIT, MR_ASK_LOST };
/* The next line of the answer: a line on the way, the last one (in ask->last), none within
 * timeout_ms, or the graph has hung up before the last. */
enum mr_ask_result mr_ask_next(struct mr_ask *ask, int timeout_ms, const char **line, size_t *len);
/* After the last line: what it says is wrong, on stderr; its exit code, 0 when it says ok. */
int mr_ask_exit(const struct mr_ask *ask, const char *verb);
/* Waits until the graph hangs up, at most timeout_ms. */
void mr_ask_wait_end(struct mr_ask *ask, int timeout_ms);
void mr_ask_close(struct mr_ask *ask);

#endif
