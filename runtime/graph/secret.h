/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_SECRET_H
#define MR_GRAPH_SECRET_H

/* Values of ${file:...} and ${cred:...}: whatever is printed of a graph is scrubbed of them. Added
 * to by one thread while a file is loaded; afterwards any thread may scrub. */

#include <stddef.h>
#include <stdint.h>

struct mr_arena;

#define MR_SECRET_LEN_MIN 4u /* shorter ones would be found in every text */

struct mr_secrets {
  struct mr_arena *arena; /* of the copies */
  const char **texts;     /* cnt of them, longest first */
  uint32_t cnt, cap;
};

/* Adds a value, and its lines when it has several. Too short ones are left out. */
void mr_secrets_add(struct mr_secrets *secrets, const char *text, size_t len);

/* Replaces every secret in the text by "***", in place: the text never grows. secrets may be NULL.
 * Returns text. */
char *mr_secrets_scrub(const struct mr_secrets *secrets, char *text);

#endif
