/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_CONTROL_CONTROL_PRIVATE_H
#define MR_CONTROL_CONTROL_PRIVATE_H

/* Shared by the files that answer requests. */

#include <pthread.h>
#include <stdatomic.h>

#include "base/lines.h"
#include "base/value.h"
#include "control/control.h"
#include "control/wire.h"

enum mr_client_state { MR_CLIENT_FREE, MR_CLIENT_BUSY, MR_CLIENT_ANSWERED };

struct mr_client { /* one connection; belongs to its thread while it is busy */
  struct mr_control *control;
  pthread_t thread;
  enum mr_client_state state; /* under the control's lock */
  bool stays;                 /* hung up on at the very end only */
  struct mr_arena arena;
  struct mr_wire wire;
};

struct mr_control {
  struct mr_control_conf conf;
  struct mr_arena arena; /* of itself */
  int listen_fd, stop_fd;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t change;
  struct mr_client clients[MR_CONTROL_CLIENTS_MAX];
  bool ended; /* under the lock: exit_code and text are there */
  int exit_code;
  char text[MR_ERROR_TEXT_SZ];
  _Atomic uint64_t drain_timeout_ns; /* 0: as the graph says */
  _Atomic uint32_t drain_asked;
};

/* Answers; the exit code that a command line gives (64: the request makes no sense). */
struct mr_verb {
  const char *name;
  void (*answer)(struct mr_client *client, const struct mr_value *request);
};

/* The verbs that have a file of their own. */
void mr_control_tap(struct mr_client *client, const struct mr_value *request);
void mr_control_replay(struct mr_client *client, const struct mr_value *request);

/* Writes the last line: {"ok":false,"exit":N,"error":"..."}. */
void mr_client_refuse(struct mr_client *client, int exit_code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes a line; false: nobody reads it any more. */
bool mr_client_say(struct mr_client *client, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The run has ended, and requests are to be cut short. Any thread. */
bool mr_control_ended(struct mr_control *control);
/* The other side has hung up, or said that it wants no more. Does not wait. */
bool mr_client_gone(struct mr_client *client);

#endif
