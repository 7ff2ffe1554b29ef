/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_TEST_RUN_H
#define MR_TOOLS_TEST_RUN_H

/* Runs one test of a graph file: the whole graph, stepped in this thread. */

#include "graph/graph_test.h"
#include "load.h"

/* Runs test number idx of load->plan, from the file `file`. True when all came as expected; else
 * *why is a text of lines that say what did not, in the arena. */
bool mr_test_run(const struct mr_load *load, const char *file, uint32_t idx, struct mr_arena *arena,
                 const char **why);

#endif
