/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CONTROL_WIRE_H
#define MR_CONTROL_WIRE_H

/* The control socket of a running graph as both sides see it: NAME.sock beside its segment, mode
 * 0660, a stream of lines. The client writes one request, a JSON object on one line (for some verbs
 * bytes follow); the graph writes JSON lines and ends with the one that has "ok", when the thing
 * that was asked for is done. One request per connection.
 *
 *   {"verb":"ping"}                          {"ok":true,"graph":"city","pid":4121}
 *   {"verb":"drain","timeout_ns":5000000000} {"ok":true,"exit":0} or
 * {"ok":false,"exit":75,"error":..}
 *   {"verb":"tap","output":"severe"}        {"row":{...}} ... {"ok":true,"shown":20,...}, see tap.c
 *   {"verb":"replay","node":"in","bytes":9} {"ok":true,"rows":1,"errors":0}, see replay.c
 *   {"verb":"nonsense"}                      {"ok":false,"exit":64,"error":"..."}
 *
 * After its last line the graph closes the connection, after that of `drain` when the process ends.
 * Nothing here allocates but from the arena that is given. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define MR_WIRE_LINE_MAX (UINT32_C(4) << 20) /* bytes of one line */

/* Makes DIR/GRAPH.sock and listens; what a dead graph left under that name is replaced. The caller
 * holds the graph's name in that directory (shm/segment.h). The descriptor, or an error. */
int mr_wire_listen(const char *dir, const char *graph, struct mr_error *err);
/* Removes it. */
void mr_wire_unlink(const char *dir, const char *graph);
/* Connects. MR_ERR_NOENT: nobody listens there; MR_ERR_PERM; MR_ERR_SYS. The descriptor is >= 0. */
int mr_wire_connect(const char *dir, const char *graph, struct mr_error *err);

/* Writes all of it; false: the other side is gone or does not read for ten seconds. No SIGPIPE. */
bool mr_wire_send(int fd, const char *bytes, size_t len);

struct mr_wire { /* what was received and not yet looked at */
  int fd;
  struct mr_arena *arena;
  char *buf;
  size_t from, used, cap;
};

enum mr_wire_result {
  MR_WIRE_LINE,
  MR_WIRE_WAIT,  /* not within timeout_ms */
  MR_WIRE_END,   /* the other side has closed it */
  MR_WIRE_FAILED /* an error, or a line that is too long */
};

/* The next line, NUL-terminated without its newline, valid until the next call. timeout_ms < 0: for
 * ever. */
enum mr_wire_result mr_wire_line(struct mr_wire *wire, int timeout_ms, const char **line,
                                 size_t *len);
/* Exactly len bytes into `to`. False: they did not come within timeout_ms of each other. */
bool mr_wire_bytes(struct mr_wire *wire, int timeout_ms, char *to, size_t len);

#endif
