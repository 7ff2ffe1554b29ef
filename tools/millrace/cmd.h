/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_CMD_H
#define MR_TOOLS_CMD_H

/* The verbs of the command line, one file each. A verb gets its own arguments (argv[0] is its name)
 * and returns the exit code. */

#include "base/version.h"

enum mr_exit { /* after sysexits.h */
               MR_EXIT_OK = 0,
               MR_EXIT_FAILED = 1,
               MR_EXIT_USAGE = 64,
               MR_EXIT_DATA = 65,
               MR_EXIT_UNREACHABLE = 69,
               MR_EXIT_BUG = 70,
               MR_EXIT_IO = 74,
               MR_EXIT_CUT_SHORT = 75,
               MR_EXIT_PERM = 77,
               MR_EXIT_CONFIG = 78
};

struct mr_cmd {
  const char *name;
  const char *usage; /* arguments */
  const char *help;  /* one line */
  const char *more;  /* flags and examples, for `help VERB` */
  int (*run)(int argc, char **argv);
};

/* One per line. */
extern const struct mr_cmd mr_cmd_bench;
extern const struct mr_cmd mr_cmd_completion;
extern const struct mr_cmd mr_cmd_dlq;
extern const struct mr_cmd mr_cmd_doctor;
extern const struct mr_cmd mr_cmd_drain;
extern const struct mr_cmd mr_cmd_explain;
extern const struct mr_cmd mr_cmd_expr;
extern const struct mr_cmd mr_cmd_gen;
extern const struct mr_cmd mr_cmd_graph;
extern const struct mr_cmd mr_cmd_help;
extern const struct mr_cmd mr_cmd_lag;
extern const struct mr_cmd mr_cmd_lat;
extern const struct mr_cmd mr_cmd_list;
extern const struct mr_cmd mr_cmd_mem;
extern const struct mr_cmd mr_cmd_metrics;
extern const struct mr_cmd mr_cmd_plan;
extern const struct mr_cmd mr_cmd_ps;
extern const struct mr_cmd mr_cmd_run;
extern const struct mr_cmd mr_cmd_schema;
extern const struct mr_cmd mr_cmd_show;
extern const struct mr_cmd mr_cmd_snapshot;
extern const struct mr_cmd mr_cmd_stat;
extern const struct mr_cmd mr_cmd_state;
extern const struct mr_cmd mr_cmd_tap;
extern const struct mr_cmd mr_cmd_test;
extern const struct mr_cmd mr_cmd_top;
extern const struct mr_cmd mr_cmd_topic;
extern const struct mr_cmd mr_cmd_validate;
extern const struct mr_cmd mr_cmd_version;
extern const struct mr_cmd mr_cmd_why;

/* NULL-terminated, in the order of help. */
extern const struct mr_cmd *const mr_cmds[];
const struct mr_cmd *mr_cmd_find(const char *name);

/* help functions [NAME | --markdown]; the exit code. */
int mr_help_functions(int argc, char **argv);

struct mr_plan;
/* Runs a plan to its end as `run` does, quietly and without a stats segment; the exit code. */
int mr_cmd_run_plan(const struct mr_plan *plan);

/* Prints "millrace VERB: text" and where help is, to stderr; returns MR_EXIT_USAGE. */
int mr_cmd_usage(const char *verb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
