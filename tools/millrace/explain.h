/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_EXPLAIN_H
#define MR_TOOLS_EXPLAIN_H

/* The pages of `explain`: one per code that a diagnostic, a dead letter or a log line may carry. */

struct mr_explain {
  int code;          /* 1002 for MR1002 */
  const char *title; /* NULL: the title of the code's own table */
  const char *means; /* what happened */
  const char *fix;   /* what to do */
};

/* By code, ended by code 0. */
extern const struct mr_explain mr_explains[];

#endif
