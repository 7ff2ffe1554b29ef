/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_VERSION_H
#define MR_BASE_VERSION_H

/* The project's version; the build checks that CMakeLists.txt says the same. */
#define MR_VERSION "0.1.0"

#endif
