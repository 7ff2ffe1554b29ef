/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "cmd.h"
#include "operators/format/row_text.h"

struct log_to {
  enum mr_log_format format;
  bool quiet;
};

static void log_line(void *ctx, const struct mr_log_event *event) {
  const struct log_to *to = ctx;
  if (to->quiet && event->level < MR_LOG_WARN) return;
  char line[2048];
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  int64_t us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
  int len = mr_log_format_line(line, sizeof line - 1, to->format, us, event);
  line[len++] = '\n';
  if (write(STDERR_FILENO, line, (size_t)len) < 0) return; /* nowhere left to say it */
}

void mr_host_conf(struct mr_run_conf *conf, enum mr_log_format format, bool quiet) {
  static struct log_to to; /* of the process: there is one stderr */
  to = (struct log_to){format, quiet};
  memset(conf, 0, sizeof *conf);
  mr_clock_system(&conf->clock);
  conf->log = (struct mr_log){.fn = log_line, .ctx = &to};
  conf->isa = mr_isa_detect();
  mr_isa_pick(getenv("MILLRACE_ISA"), &conf->isa); /* a level that is not there changes nothing */
  conf->pin = true;
  conf->version = MR_VERSION;
  conf->row_text = mr_format_row_text;
}

int mr_host_exit(const struct mr_error *err) {
  switch (err->code) {
  case MR_OK: return MR_EXIT_OK;
  case MR_ERR_IO: return MR_EXIT_IO;
  case MR_ERR_AGAIN: return MR_EXIT_CUT_SHORT;
  case MR_ERR_EXISTS: return MR_EXIT_CUT_SHORT;
  case MR_ERR_NOMEM:
  case MR_ERR_CONF: return MR_EXIT_CONFIG;
  case MR_ERR_PERM: return MR_EXIT_PERM;
  default: return MR_EXIT_FAILED;
  }
}
