/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_ERROR_H
#define MR_BASE_ERROR_H

/* Operating errors of the control plane: a negative code and a causal chain of text, in a buffer
 * that the caller owns. The function where the error arises calls mr_error_set; each caller on the
 * way up may add what it was doing with mr_error_append. The data plane counts instead (stats
 * room). */

#include <stddef.h>

#include "base/api.h"

MR_API_BEGIN

#define MR_ERROR_TEXT_SZ 1024

enum mr_err {
  MR_OK = 0,
  MR_ERR_NOMEM = -1,  /* memory or address space */
  MR_ERR_SYS = -2,    /* a system call failed; sys_errno says which way */
  MR_ERR_ARG = -3,    /* an argument is out of range */
  MR_ERR_CONF = -4,   /* the configuration is wrong; diagnostics say where */
  MR_ERR_IO = -5,     /* reading or writing data failed (exit 74) */
  MR_ERR_EXISTS = -6, /* the thing is there already, or in use */
  MR_ERR_NOENT = -7,  /* the thing is not there */
  MR_ERR_LIMIT = -8,  /* a declared limit is reached */
  MR_ERR_PERM = -9,   /* not permitted (exit 77) */
  MR_ERR_DATA = -10,  /* input data are malformed */
  MR_ERR_AGAIN = -11, /* not now; ask again */
  MR_ERR_STATE = -12, /* the call does not fit the state of the thing */
};

struct mr_error {
  int code;      /* MR_OK or an MR_ERR_* value */
  int sys_errno; /* errno of the failed system call, else 0 */
  char text[MR_ERROR_TEXT_SZ];
};

/* Resets *err to MR_OK with an empty text. */
void mr_error_clear(struct mr_error *err);

/* Sets code and text (printf form) and returns code, so that `return mr_error_set(...)` reads well.
 * err may be NULL: then only the code is returned. */
int mr_error_set(struct mr_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of sys_errno behind it. */
int mr_error_set_sys(struct mr_error *err, int sys_errno, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "what: " before the text; returns err->code. */
int mr_error_append(struct mr_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The name of a code, "no memory" for MR_ERR_NOMEM. Never NULL. */
const char *mr_err_str(int code);

MR_API_END

#endif
