/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SINK_DEAD_LETTER_H
#define MR_SINK_DEAD_LETTER_H

/* The options of the writer that the planner puts behind `on_error: dead_letter`. */
struct mr_dead_letter_conf {
  const char *path; /* made with its folders at the first row; appended to */
};

#endif
