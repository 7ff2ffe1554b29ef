/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/operators.h"

/* One per line. */
/* clang-format off */
static const struct mr_op *const table[] = {
  &mr_op_generate,
  &mr_op_file_source,
  &mr_op_stdin,
  &mr_op_topic_source,
  &mr_op_filter,
  &mr_op_map,
  &mr_op_enrich,
  &mr_op_merge,
  &mr_op_route,
  &mr_op_sample,
  &mr_op_throttle,
  &mr_op_quality,
  &mr_op_dedup,
  &mr_op_join,
  &mr_op_top_n,
  &mr_op_window,
  &mr_op_group,
  &mr_op_sql,
  &mr_op_file_sink,
  &mr_op_topic_sink,
  &mr_op_stdout,
  &mr_op_console,
  &mr_op_null,
  &mr_op_latency,
  &mr_op_dead_letter,
  NULL};
/* clang-format on */

const struct mr_op_table mr_operators = {table};
