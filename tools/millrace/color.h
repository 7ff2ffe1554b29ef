/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_COLOR_H
#define MR_TOOLS_COLOR_H

/* Colour on terminals: --color auto | always | never of every verb; auto is a terminal and no
 * NO_COLOR in the environment. */

#include <stdbool.h>

#define MR_COLOR_RED    "\033[1;31m"
#define MR_COLOR_YELLOW "\033[1;33m"
#define MR_COLOR_BOLD   "\033[1m"
#define MR_COLOR_OFF    "\033[0m"

/* Takes --color out of the arguments; false: its value is none of the three (said). */
bool mr_color_take(int *argc, char **argv);
/* Whether what is written to the descriptor may have colour. */
bool mr_color_on(int fd);
/* Diagnostics of graph files to stderr, coloured where that is on. Text ends with a newline. */
void mr_color_diags(const char *text);

#endif
