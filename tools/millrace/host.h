/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_HOST_H
#define MR_TOOLS_HOST_H

/* What a host gives a run: clock, log, and how errors become exit codes. */

#include "worker/run.h"

/* The system's clock, a log on stderr, the machine's x86-64 level (MILLRACE_ISA lowers it). */
void mr_host_conf(struct mr_run_conf *conf, enum mr_log_format format, bool quiet);
/* The exit code of an error of a run. */
int mr_host_exit(const struct mr_error *err);

#endif
