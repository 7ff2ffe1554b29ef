/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_REGEX_PRIVATE_H
#define MR_EXPR_REGEX_PRIVATE_H

/* Regular expressions: RE2 behind C (decision 0006). Matching takes time linear in the text
 * whatever the pattern is. A compiled pattern may be used by several threads. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct expr_regex;

#define EXPR_REGEX_GROUPS_MAX 32u /* groups that can be asked for, the whole match among them */

struct expr_span {
  int64_t off; /* bytes of the text; -1: the group took no part */
  int64_t len;
};

/* NULL, and in err what is wrong, NUL-terminated, when the pattern is not understood. To be freed
 * with expr_regex_free. */
struct expr_regex *expr_regex_make(const char *pattern, size_t len, char *err, size_t err_sz);
void expr_regex_free(void *regex);

/* Groups in parentheses, the whole match not counted. */
uint32_t expr_regex_groups(const struct expr_regex *regex);
/* Number of a named group, -1: there is none. */
int32_t expr_regex_group(const struct expr_regex *regex, const char *name, size_t len);

/* Finds the leftmost match that begins at or behind byte `from`; the first cnt groups (0 the whole
 * match) into groups. cnt 0 only tells whether there is one. */
bool expr_regex_find(const struct expr_regex *regex, const char *s, size_t len, size_t from,
                     struct expr_span *groups, uint32_t cnt);

#ifdef __cplusplus
}
#endif

#endif
