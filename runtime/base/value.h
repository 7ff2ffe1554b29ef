/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_VALUE_H
#define MR_BASE_VALUE_H

/* JSON of the control plane as a tree: messages of the control socket, the plan in the stats
 * segment, lines of a dead-letter file. Any bytes may be parsed. Rows of a graph never come this
 * way. A tree is immutable; any thread may read it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define MR_VALUE_DEPTH_MAX 32u /* objects and arrays inside each other */

enum mr_value_kind {
  MR_VALUE_NULL,
  MR_VALUE_BOOL,
  MR_VALUE_INT,    /* written without fraction and exponent, and within 64 bits */
  MR_VALUE_DOUBLE, /* any other number */
  MR_VALUE_TEXT,
  MR_VALUE_LIST,
  MR_VALUE_OBJECT
};

struct mr_value {
  enum mr_value_kind kind;
  bool b;
  int64_t i;
  double d;         /* of a MR_VALUE_INT too */
  const char *text; /* MR_VALUE_TEXT: len bytes of UTF-8, then a NUL; it may hold NULs (\u0000) */
  size_t len;
  const struct mr_value *items; /* list and object: cnt values, in order */
  const char *const *keys;      /* object: cnt names, NUL-terminated, not checked for repeats */
  uint32_t cnt;
};

/* Parses exactly one JSON value in len bytes of UTF-8, blanks around it allowed. NULL when it is
 * none. Texts are copies in the arena. */
const struct mr_value *mr_value_parse(struct mr_arena *arena, const char *json, size_t len);

/* The member of an object; NULL when v is NULL, no object, or has none of that name. Of equal names
 * the last one. */
const struct mr_value *mr_value_get(const struct mr_value *v, const char *key);

/* A member's value when it has that type, else what is given. */
const char *mr_value_text(const struct mr_value *v, const char *key, const char *otherwise);
int64_t mr_value_int(const struct mr_value *v, const char *key, int64_t otherwise);
double mr_value_double(const struct mr_value *v, const char *key, double otherwise);
bool mr_value_bool(const struct mr_value *v, const char *key, bool otherwise);

/* A member that is a list; an empty list when there is none. Never NULL. */
const struct mr_value *mr_value_list(const struct mr_value *v, const char *key);

#endif
