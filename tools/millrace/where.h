/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_WHERE_H
#define MR_TOOLS_WHERE_H

/* A condition over values that are JSON objects, one at a time, with the engine's own decoder and
 * compiler. Columns have the type that the condition asks for. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_where;

/* Compiles the condition; what is wrong with it is printed to stderr. An exit code. */
int mr_where_open(struct mr_where **where, const char *verb, const char *text);
void mr_where_close(struct mr_where *where);

/* 1: true; 0: false or NULL; -1: the value is no row, or the condition an error there. */
int mr_where_test(struct mr_where *where, const char *value, size_t len);

#endif
