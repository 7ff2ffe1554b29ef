/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/join/in_time.h"

#include <string.h>

#include "base/bits.h"

const char *const mr_in_time_late_words[] = {"drop", "divert", NULL};

int64_t mr_in_time_watermark(const struct mr_in_time *t, const struct mr_view *in, uint32_t row) {
  int64_t f = in->row_frontier ? in->row_frontier[row] : MR_TIME_NONE;
  if (f < MR_IN_TIME_US_LEAST) return t->watermark_us;
  f -= t->delay_us;
  return f > t->watermark_us ? f : t->watermark_us;
}

/* Whether a row may be late. A partition's frontier never goes back: the last row's is the highest.
 */
static bool may_be_late(const struct mr_in_time *t, const struct mr_view *in) {
  int64_t highest = mr_in_time_watermark(t, in, in->row_cnt - 1);
  return highest != MR_TIME_NONE && (in->et_min == MR_TIME_NONE || in->et_min < highest);
}

static void leave_out_late(struct mr_in_time *t, const struct mr_view *in, const int64_t *et) {
  uint32_t words = mr_bitmap_words(in->row_cnt);
  memset(t->late, 0, sizeof t->late);
  MR_BITMAP_EACH(t->sel, words, row) {
    if (et[row] >= mr_in_time_watermark(t, in, (uint32_t)row)) continue;
    mr_bit_set(t->late, (uint32_t)row);
    t->late_cnt++;
  }
  for (uint32_t w = 0; w < words; w++) t->sel[w] &= ~t->late[w];
  t->sel_cnt -= t->late_cnt;
}

void mr_in_time_sort(struct mr_in_time *t, struct mr_op_ctx *ctx, const struct mr_view *in,
                     uint32_t et) {
  uint64_t all[MR_BATCH_WORDS];
  uint32_t words = mr_bitmap_words(in->row_cnt);
  const uint64_t *valid = in->cols[et].valid;
  memcpy(t->sel, mr_view_sel(in, all), words * sizeof *all);
  t->sel_cnt = in->sel_cnt;
  t->late_cnt = 0;
  if (valid) {
    for (uint32_t w = 0; w < words; w++) t->sel[w] &= valid[w];
    t->sel_cnt = mr_bitmap_count(t->sel, words);
    ctx->counts.filtered += in->sel_cnt - t->sel_cnt;
  }
  if (t->sel_cnt && may_be_late(t, in)) leave_out_late(t, in, in->cols[et].data);
  ctx->counts.late += t->late_cnt;
  t->kernels->rows(t->sel, words, t->rows);
}
