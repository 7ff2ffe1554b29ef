/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "cmd.h"
#include "color.h"
#include "graph/secret.h"
#include "operators/format/row_text.h"

/* Of the process: there is one stderr. */
static struct mr_host_log log_to;
static int log_fd = STDERR_FILENO;
static const struct mr_secrets *hidden;

/* The level's word of a line of text in its colour: it stands behind the first blank. */
static int add_color(char *line, int len, size_t sz, enum mr_log_level level) {
  const char *color = level == MR_LOG_ERROR ? MR_COLOR_RED : MR_COLOR_YELLOW;
  size_t on = strlen(color), off = strlen(MR_COLOR_OFF);
  char *word = strchr(line, ' ');
  if (level < MR_LOG_WARN || !word || (size_t)len + on + off + 2 > sz) return len;
  size_t word_len = strcspn(++word, " "), rest = (size_t)(line + len - (word + word_len));
  memmove(word + on + word_len + off, word + word_len, rest);
  memmove(word + on, word, word_len);
  memcpy(word, color, on);
  memcpy(word + on + word_len, MR_COLOR_OFF, off);
  return len + (int)(on + off);
}

static void log_line(void *ctx, const struct mr_log_event *event) {
  (void)ctx;
  if (event->level < log_to.least) return;
  char line[2048 + 32], msg[2048];
  struct mr_log_event scrubbed = *event;
  if (hidden) {
    snprintf(msg, sizeof msg, "%s", event->msg);
    scrubbed.msg = mr_secrets_scrub(hidden, msg);
  }
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  int64_t us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
  int len = mr_log_format_line(line, 2048 - 1, log_to.format, us, &scrubbed);
  if (log_to.format == MR_LOG_TEXT && mr_color_on(log_fd))
    len = add_color(line, len, sizeof line, event->level);
  line[len++] = '\n';
  if (write(log_fd, line, (size_t)len) < 0) return; /* nowhere left to say it */
}

void mr_host_hide(const struct mr_secrets *secrets) {
  hidden = secrets;
}

bool mr_host_open_log(void) {
  if (!log_to.file) return true;
  int fd = open(log_to.file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  if (log_fd == STDERR_FILENO) {
    log_fd = fd;
    return true;
  }
  bool same = dup3(fd, log_fd, O_CLOEXEC) >= 0; /* at once: other threads write meanwhile */
  close(fd);
  return same;
}

void mr_host_conf(struct mr_run_conf *conf, const struct mr_host_log *log) {
  log_to = *log;
  memset(conf, 0, sizeof *conf);
  mr_clock_system(&conf->clock);
  conf->log = (struct mr_log){.fn = log_line};
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
