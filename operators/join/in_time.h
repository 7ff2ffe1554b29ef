/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_OPERATORS_JOIN_IN_TIME_H
#define MR_OPERATORS_JOIN_IN_TIME_H

/* Which rows of a view are in time, for operators whose rows are late when their event time lies
 * before the watermark of their own partition (its frontier before the row, minus the node's
 * delay), or before the node's, where that is higher: a partition that is back from idle. */

#include "state/kernels.h"
#include "worker/ctx.h"

/* Late rows and what becomes of them. */
enum mr_in_time_late { MR_LATE_DROP, MR_LATE_DIVERT };
extern const char *const mr_in_time_late_words[];

#define MR_IN_TIME_US_LEAST (INT64_MIN / 4) /* event times beyond these are taken for them, */
#define MR_IN_TIME_US_MOST  (INT64_MAX / 4) /* so that no sum overflows */

static inline int64_t mr_in_time_clamp(int64_t us) {
  return us < MR_IN_TIME_US_LEAST  ? MR_IN_TIME_US_LEAST
         : us > MR_IN_TIME_US_MOST ? MR_IN_TIME_US_MOST
                                   : us;
}

struct mr_in_time {
  int64_t watermark_us, delay_us; /* the owner's: the node's watermark; its delay */
  const struct mr_state_kernels *kernels;
  uint64_t sel[MR_BATCH_WORDS]; /* rows in time */
  uint32_t sel_cnt;
  uint64_t late[MR_BATCH_WORDS];
  uint32_t late_cnt;
  uint16_t rows[MR_BATCH_ROWS + MR_ROWS_PAD]; /* the rows in time, in order */
};

/* The watermark that decides on a row. */
int64_t mr_in_time_watermark(const struct mr_in_time *t, const struct mr_view *in, uint32_t row);

/* Sorts the selected rows. Rows without event time (column et) leave and count as filtered, late
 * ones leave and count as late. */
void mr_in_time_sort(struct mr_in_time *t, struct mr_op_ctx *ctx, const struct mr_view *in,
                     uint32_t et);

#endif
