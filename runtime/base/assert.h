/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_ASSERT_H
#define MR_BASE_ASSERT_H

/* Assertions for programmer errors. MR_ASSERT is always on: use it in cold code and at most once
 * per batch. MR_DASSERT is on in debug and sanitizer builds only: use it per row. */

_Noreturn void mr_assert_fail(const char *file, int line, const char *text);

#define MR_ASSERT(cond)                                                                            \
  (__builtin_expect(!!(cond), 1) ? (void)0 : mr_assert_fail(__FILE__, __LINE__, #cond))

#if defined(NDEBUG) && !defined(MR_SANITIZED)
#define MR_DASSERT(cond) ((void)sizeof(!!(cond)))
#else
#define MR_DASSERT(cond) MR_ASSERT(cond)
#endif

#endif
