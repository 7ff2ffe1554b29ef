/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_OPERATORS_H
#define MR_OPERATORS_OPERATORS_H

/* The operators that come with millrace: one file each, one row each in mr_operators. A host hands
 * the table to the planner; it may hand over another one. */

#include "graph/op.h"

extern const struct mr_op mr_op_generate, mr_op_file_source, mr_op_stdin, mr_op_topic_source;
extern const struct mr_op mr_op_filter, mr_op_map, mr_op_enrich;
extern const struct mr_op mr_op_merge, mr_op_route, mr_op_sample, mr_op_throttle, mr_op_quality;
extern const struct mr_op mr_op_window, mr_op_group;
extern const struct mr_op mr_op_dedup, mr_op_join, mr_op_top_n;
extern const struct mr_op mr_op_sql;
extern const struct mr_op mr_op_file_sink, mr_op_stdout, mr_op_console, mr_op_null, mr_op_latency;
extern const struct mr_op mr_op_topic_sink;
extern const struct mr_op mr_op_dead_letter; /* internal: the writer behind on_error: dead_letter */

extern const struct mr_op_table mr_operators;

#endif
