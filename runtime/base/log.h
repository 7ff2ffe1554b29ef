/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_LOG_H
#define MR_BASE_LOG_H

/* The library never prints. What it has to say goes to a log that the host hands in: a function
 * that gets one finished event. mr_log_stderr is the host's usual one. Any thread may log; the
 * function must be thread-safe. Never called per row: first, then a count per 10 s. */

#include <stdbool.h>
#include <stdint.h>

#include "base/api.h"

MR_API_BEGIN

enum mr_log_level { MR_LOG_DEBUG, MR_LOG_INFO, MR_LOG_WARN, MR_LOG_ERROR };
enum mr_log_format { MR_LOG_TEXT, MR_LOG_LOGFMT, MR_LOG_JSON };

struct mr_log_event {
  enum mr_log_level level;
  const char *code;  /* "MR5004" or NULL */
  const char *graph; /* or NULL */
  const char *node;  /* or NULL */
  const char *msg;
};

typedef void (*mr_log_fn)(void *ctx, const struct mr_log_event *event);

struct mr_log {
  mr_log_fn fn; /* NULL: silent */
  void *ctx;
  const char *graph;
};

void mr_log_write(const struct mr_log *log, enum mr_log_level level, const char *code,
                  const char *node, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Formats one event as one line without newline into buf (text, logfmt or JSON, timestamp wall_us)
 * and returns its length, at most sz - 1. */
int mr_log_format_line(char *buf, int sz, enum mr_log_format format, int64_t wall_us,
                       const struct mr_log_event *event);

MR_API_END

#endif
