/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_LOAD_H
#define MR_TOOLS_LOAD_H

/* From command line to plan, shared by every verb that reads a graph file. */

#include "args.h"
#include "graph/plan.h"
#include "worker/library.h"

#define MR_LOAD_SETS_MAX 256u
#define MR_LOAD_OPS_MAX  512u

struct mr_load {
  struct mr_arena arena;
  struct mr_diags diags;
  struct mr_plan_conf conf;
  const char *sets[MR_LOAD_SETS_MAX];
  int32_t cpus[MR_WORKERS_MAX];
  const struct mr_op *ops[MR_LOAD_OPS_MAX]; /* of libraries, then millrace's; NULL-terminated */
  struct mr_op_table table;
  const char *libraries; /* --operators: paths of operator libraries, split by colons */
  bool loaded;
  const struct mr_plan *plan; /* NULL: errors were printed */
  bool json;                  /* diagnostics as JSON lines */
  bool deny_warnings;
};

/* Zeroes it and looks up the CPUs that this process may use (affinity mask and cgroup quota). */
void mr_load_init(struct mr_load *load);
/* Takes one of the flags --set, --seed, --clock, --no-env, --no-inputs, --operators; value is its
 * argument or NULL. 1: taken, 0: not one of these, -1: wrong value (said on stderr). */
int mr_load_flag(struct mr_load *load, const char *verb, const char *flag, const char *value);
/* Loads the operator libraries (those of MILLRACE_OPERATORS too) and plans the file; prints
 * diagnostics to stderr. MR_EXIT_OK, MR_EXIT_CONFIG, or MR_EXIT_PERM for a library that others may
 * write. */
int mr_load_plan(struct mr_load *load, const char *file);
void mr_load_free(struct mr_load *load);

#endif
