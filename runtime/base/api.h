/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_API_H
#define MR_BASE_API_H

/* Everything is compiled with hidden visibility. What stands between these two in a header is what
 * libmillrace.so and the program show to others: hosts that embed the engine and operator libraries
 * that are loaded into it. */
#if defined(__GNUC__)
#define MR_API_BEGIN _Pragma("GCC visibility push(default)")
#define MR_API_END   _Pragma("GCC visibility pop")
#else
#define MR_API_BEGIN
#define MR_API_END
#endif

#endif
