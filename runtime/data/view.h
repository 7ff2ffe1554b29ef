/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_DATA_VIEW_H
#define MR_DATA_VIEW_H

/* What travels: a view of a batch, with exactly one reader. It names the columns (own ones of the
 * batch or references into base batches), the rows that are selected, and the hidden columns that
 * say where and when the rows came from. Kernels compute over all row_cnt rows and then mask with
 * the selection; what an unselected row holds does not matter.
 *
 * A struct mr_view holds pointers and belongs to one worker: between workers a view travels as a
 * message and a column table of offsets (batch.h), and the receiving worker makes its own struct
 * mr_view of it. It is read-only to who receives it and lives until the receiver has done with it
 * (process and all drains that follow). */

#include <stdint.h>

#include "data/type.h"

struct mr_batch;

#define MR_TIME_NONE INT64_MIN /* no event time yet */
#define MR_TIME_MAX  INT64_MAX /* the end of time: closes every window */

struct mr_col {
  const void *data;      /* by mr_phys; NULL: the column is pruned, nobody downstream reads it */
  const uint64_t *valid; /* NULL: no row is NULL */
};

struct mr_view {
  const struct mr_col *cols; /* by column of the edge's schema, hidden ones included */
  const uint64_t *sel;       /* MR_BATCH_WORDS words; NULL: all rows are selected */
  uint32_t row_cnt;          /* rows of the columns, 1..MR_BATCH_ROWS */
  uint32_t sel_cnt;          /* rows selected, 1..row_cnt; a view of none is not sent */
  struct mr_batch *batch;    /* one reference on it keeps the whole view alive */

  uint16_t source;    /* the source node that the rows came from, an index of the plan's nodes */
  uint16_t input;     /* which of the source's inputs (files): an index of its labels */
  uint32_t partition; /* the one partition of all rows, an index of the plan's partitions */
  int64_t et_min,
      et_max; /* event time over all rows, selected or not, us; MR_TIME_NONE: no row has one */

  int64_t frontier_in;  /* F of the partition before the first row, us */
  int64_t frontier_out; /* F after the last row, dead letters apart */
  const int64_t
      *row_frontier; /* F before each row; NULL: no row is behind its watermark under the
                        smallest delay downstream, so no row is late by its own partition */

  int64_t now_us;          /* ingest_time(), us: the graph's clock when the source made the batch */
  const int64_t *row_now;  /* per row, with the virtual clock or when rows have a time of their own;
                              NULL: now_us for all */
  uint64_t t0_ns;          /* planned send time of the rows on the monotonic clock, for latencies */
  const uint64_t *row_t0;  /* per row, for open-loop sources; NULL: t0_ns for all */
  uint64_t pos;            /* position of the first row: byte offset or record offset */
  const uint64_t *row_pos; /* per row; NULL: unknown beyond the first */
  uint64_t line;           /* line of the first row, from 1; 0: the source has no lines */
  const uint64_t *row_line; /* per row; NULL without row_pos, or without lines */
};

/* A typed look at a column: MR_COL(view, 2, int64_t)[row]. */
#define MR_COL(view, idx, T) ((const T *)(view)->cols[idx].data)

/* The selection as words, with `all` filled where the view selects all rows. */
static inline const uint64_t *mr_view_sel(const struct mr_view *v, uint64_t all[MR_BATCH_WORDS]) {
  if (v->sel) return v->sel;
  uint32_t n = v->row_cnt, w = n / 64;
  for (uint32_t i = 0; i < w; i++) all[i] = UINT64_MAX;
  if (n % 64) all[w] = (UINT64_C(1) << (n % 64)) - 1;
  return all;
}

#endif
