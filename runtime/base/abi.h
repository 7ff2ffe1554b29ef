/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_ABI_H
#define MR_BASE_ABI_H

/* Checks that stand behind every struct of an *_abi.h file: its size, and where a field lies, are
 * part of a layout that another process or another build reads. */

#include <stddef.h>

#define MR_ABI_SIZE(type, n) _Static_assert(sizeof(type) == (n), #type ": its size is published")
#define MR_ABI_AT(type, field, n)                                                                  \
  _Static_assert(offsetof(type, field) == (n), #type "." #field ": its place is published")

#endif
