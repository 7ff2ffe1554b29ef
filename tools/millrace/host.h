/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_HOST_H
#define MR_TOOLS_HOST_H

/* What a host gives a run: clock, log, and how errors become exit codes. */

#include "worker/run.h"

struct mr_host_log {
  enum mr_log_format format;
  enum mr_log_level least; /* levels below it are not written */
  const char *file;        /* appended to; NULL: stderr */
};

/* The system's clock, a log as described, the machine's x86-64 level (MILLRACE_ISA lowers it). The
 * process has one log. */
void mr_host_conf(struct mr_run_conf *conf, const struct mr_host_log *log);
/* What is scrubbed from every line of the log from now on; lives as long as lines are written. */
struct mr_secrets;
void mr_host_hide(const struct mr_secrets *secrets);
/* Opens the log's file, again after it was renamed away; without a file nothing is done. False: it
 * cannot be opened, errno says why, and lines go where they went before. */
bool mr_host_open_log(void);
/* The exit code of an error of a run. */
int mr_host_exit(const struct mr_error *err);

#endif
