/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_INTERP_H
#define MR_GRAPH_INTERP_H

/* Variables in graph files, replaced in scalar values after parsing, so that a variable never
 * creates structure:
 *
 *   ${NAME}           the variable; an error when it is not set
 *   ${NAME:-default}  default when it is not set or empty (the default is plain text up to the next
 * '}')
 *   ${NAME:?message}  an error with this message when it is not set or empty
 *   ${file:PATH}      the bytes of a file, without a newline at their end: a secret
 *   ${cred:NAME}      the same of $CREDENTIALS_DIRECTORY/NAME, where systemd puts credentials
 *   $$                one $
 *
 * A $ before anything else stays. Keys are left alone. A name is [A-Za-z_][A-Za-z0-9_]*. Names that
 * `lookup` knows come first (data_dir), then the environment. One thread at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_arena;
struct mr_diags;
struct mr_tree;
struct mr_secrets;

#define MR_INTERP_SECRET_MAX (UINT64_C(64) << 10) /* bytes of one secret's file */
#define MR_INTERP_TOTAL_MAX                                                                        \
  (UINT64_C(8) << 20) /* bytes that all replaced scalars may have together */

struct mr_interp {
  /* The value of a name (NUL-terminated; the result must outlive the call only), NULL if it knows
   * none. May be NULL. */
  const char *(*lookup)(void *ctx, const char *name);
  void *ctx;
  /* Do not look into the environment: a default is taken as it is; a scalar with a variable that
   * then has no value becomes opaque (its options are not checked), and is no error. */
  bool no_env;
  struct mr_secrets *secrets; /* gets the values of secrets; they are not read with no_env */
  uint64_t total_bytes;       /* kept by the functions below; begin with 0 */
};

/* Replaces in every scalar value below and including `tree` that has not been done yet. So the
 * planner can do `runtime` first, read data_dir from it, and do the root with a lookup that knows
 * data_dir. */
void mr_interp_apply(struct mr_interp *interp, struct mr_arena *arena, struct mr_tree *tree,
                     struct mr_diags *diags);

#endif
