/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_TOPIC_H
#define MR_TOOLS_TOPIC_H

/* What the verbs of `topic` share: the command line, I/O and the words for what went wrong. */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/lines.h"
#include "io/io.h"
#include "topic/reader.h"
#include "topic/topic.h"

struct mr_topic_cmd {
  const char *verb; /* "topic create": for messages */
  const char *name; /* the topic; NULL: all */
  const char *dir;  /* folder of topics */
  struct mr_arena arena;
  struct mr_io *io;
  int wake_fd; /* readable once a request of io has finished */
  bool json;
  int64_t partition; /* -1: all */
  /* create, perf */
  struct mr_topic_conf make;
  bool if_not_exists;
  /* produce */
  const char *key_separator, *acked, *producer;
  bool headers;
  /* consume */
  enum mr_topic_start start;
  int64_t start_at;
  bool until_end, loss_continue;
  int64_t messages_max; /* -1: any */
  int64_t timeout_ns;   /* 0: none */
  const char *group, *print, *where;
  /* perf */
  int64_t records, record_sz;
  /* trim */
  int64_t before; /* an offset, -1: not given */
};

/* Set by INT, TERM and HUP once mr_topic_catch_signals was called. */
extern volatile sig_atomic_t mr_topic_stopped;
void mr_topic_catch_signals(void);

/* Says what went wrong and returns the exit code: 78 no such topic, 75 somebody else writes or
 * consumes, 65 (of a writer 74) damage, 74 the disk. */
int mr_topic_failed(const struct mr_topic_cmd *cmd, const struct mr_error *err, bool writer);

/* Waits until a request has finished, `fd` (-1: none) can be read, or us microseconds are over;
 * then looks for what has finished. True: fd can be read. */
bool mr_topic_wait(struct mr_topic_cmd *cmd, int fd, int64_t us);

/* Opens the topic for writing and says what was repaired, and how it is written when that is not
 * the best way. An exit code. */
int mr_topic_open_writer(struct mr_topic_cmd *cmd, struct mr_topic **topic);
/* Writes and acknowledges all that was appended; acks(ctx) is called when something was. An exit
 * code. */
int mr_topic_finish(struct mr_topic_cmd *cmd, struct mr_topic *topic, void (*acks)(void *ctx),
                    void *ctx);
/* Goes on with what is on its way; an exit code. Says once that a disk is full. */
int mr_topic_step(struct mr_topic_cmd *cmd, struct mr_topic *topic);
uint64_t mr_topic_mono_ns(void);
int64_t mr_topic_wall_ms(void);

int mr_topic_produce(struct mr_topic_cmd *cmd);
int mr_topic_consume(struct mr_topic_cmd *cmd);
int mr_topic_perf(struct mr_topic_cmd *cmd);
int mr_topic_verify_all(struct mr_topic_cmd *cmd);
int mr_topic_describe(struct mr_topic_cmd *cmd);

#endif
