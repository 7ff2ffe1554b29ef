/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_ARGS_H
#define MR_TOOLS_ARGS_H

#include <stdbool.h>

/* One command line argument at a time: "--flag value", "--flag=value" or a plain word. */
struct mr_args {
  int argc, at;
  char **argv;
  const char *flag;  /* "--set" or "-q", NULL: a plain word */
  const char *value; /* of a flag written with '=', else NULL; a plain word itself */
};
/* False at the end. */
bool mr_args_next(struct mr_args *args);
/* The flag's value: behind '=' or the next argument; NULL with a message when there is none. */
const char *mr_args_value(struct mr_args *args, const char *verb);

#endif
