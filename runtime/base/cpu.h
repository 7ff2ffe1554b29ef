/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_CPU_H
#define MR_BASE_CPU_H

/* Which kernels this machine can run. Kernels exist for three levels of x86-64 and are picked once,
 * at start, through one function table per room. On other machines only MR_ISA_V2 exists: the plain
 * C of the same source. */

#include "base/api.h"

MR_API_BEGIN

enum mr_isa { MR_ISA_V2, MR_ISA_V3, MR_ISA_V4, MR_ISA_CNT };

/* The highest level that CPU and operating system support. Any thread. */
enum mr_isa mr_isa_detect(void);

/* Picks a level by name: NULL, "" or "auto" is the highest supported, else "v2", "v3" or "v4".
 * MR_ERR_ARG for another word, MR_ERR_NOENT when the machine does not have the level; *out is then
 * untouched. */
int mr_isa_pick(const char *want, enum mr_isa *out);

/* "v2", "v3" or "v4". */
const char *mr_isa_name(enum mr_isa isa);

MR_API_END

#endif
