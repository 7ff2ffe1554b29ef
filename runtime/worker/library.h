/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_LIBRARY_H
#define MR_WORKER_LIBRARY_H

/* Operators from a shared object. It exports one struct mr_op_library by the name mr_op_library:
 *
 *   static const struct mr_op halve = {.name = "halve", .abi = MR_OP_ABI, .kind = MR_OP_STEP, ...};
 *   MR_OP_LIBRARY("mine", "1.0", &halve);
 *
 * and uses what the headers of the engine declare; it is not linked to anything. A library is code
 * of the process, so one that others could have written is refused: the file and its folder must
 * belong to root or to the user and be writable by nobody else. */

#include "base/api.h"
#include "base/error.h"
#include "graph/op.h"

struct mr_op_library {
  uint32_t abi; /* MR_OP_ABI of the headers it was compiled with */
  const char *name, *version;
  const struct mr_op *const *ops; /* NULL-terminated */
};

/* Defines what a library exports; the operators' addresses follow the two texts. */
#define MR_OP_LIBRARY(name_, version_, ...)                                                        \
  MR_API_BEGIN                                                                                     \
  extern const struct mr_op_library mr_op_library;                                                 \
  const struct mr_op_library mr_op_library = {MR_OP_ABI, name_, version_,                          \
                                              (const struct mr_op *const[]){__VA_ARGS__, NULL}};   \
  MR_API_END                                                                                       \
  _Static_assert(MR_OP_ABI != 0, "ends with a semicolon")

/* Loads the shared object. On success *lib is its export, valid until the process ends: a library
 * is never unloaded, for operators may stay in use. MR_ERR_NOENT, MR_ERR_PERM (others may write
 * it), MR_ERR_DATA (no shared object, a symbol is missing, another ABI, an operator without what
 * its kind needs) with the reason. Control plane, one thread. */
int mr_op_library_load(const char *path, const struct mr_op_library **lib, struct mr_error *err);

/* Why the operator cannot be used: its ABI, a missing name or callback; NULL: it can. */
const char *mr_op_unusable(const struct mr_op *op);

#endif
