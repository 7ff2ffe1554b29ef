/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_MAN_H
#define MR_TOOLS_MAN_H

/* Documents that are made from the program's own tables. */

#include <stdio.h>

/* Writes a manual page in mdoc: "millrace", "millrace-VERB" (or VERB), "millrace-graph-file". -1:
 * there is no such page. */
int mr_man_write(FILE *to, const char *page);

/* The graph file's reference as Markdown: docs/graph-file.md. */
void mr_man_reference(FILE *to);

#endif
