/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/plain.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "lib/bench.h"

#define TABLE_STREAM UINT64_C(0x79736261647461) /* apart from the events' numbers */

int mr_ysb_make(struct mr_ysb *ysb, uint64_t seed, uint64_t events) {
  *ysb = (struct mr_ysb){.seed = seed, .events = events};
  uint64_t per_window = (uint64_t)MR_YSB_WINDOW_US / MR_YSB_STEP_US;
  ysb->windows = (uint32_t)((events + per_window - 1) / per_window);
  ysb->counts = calloc((size_t)ysb->windows * MR_YSB_CAMPAIGNS, sizeof(uint64_t));
  if (!ysb->counts && events) return MR_ERR_NOMEM;
  for (uint32_t ad = 0; ad < MR_YSB_ADS; ad++) ysb->campaign[ad] = (uint8_t)(ad % MR_YSB_CAMPAIGNS);
  for (uint32_t ad = MR_YSB_ADS - 1; ad > 0; ad--) {
    uint32_t other = mr_rng_below(mr_rng_at(seed ^ TABLE_STREAM, ad), ad + 1);
    uint8_t t = ysb->campaign[ad];
    ysb->campaign[ad] = ysb->campaign[other];
    ysb->campaign[other] = t;
  }
  return MR_OK;
}

void mr_ysb_clear(struct mr_ysb *ysb) {
  memset(ysb->counts, 0, (size_t)ysb->windows * MR_YSB_CAMPAIGNS * sizeof(uint64_t));
}

void mr_ysb_free(struct mr_ysb *ysb) {
  free(ysb->counts);
  *ysb = (struct mr_ysb){0};
}

void mr_ysb_hash(const struct mr_ysb *ysb, uint64_t *rows, uint64_t *hash) {
  *rows = *hash = 0;
  for (uint32_t w = 0; w < ysb->windows; w++)
    for (uint32_t c = 0; c < MR_YSB_CAMPAIGNS; c++) {
      uint64_t cnt = ysb->counts[(size_t)w * MR_YSB_CAMPAIGNS + c];
      if (!cnt) continue;
      int64_t row[3] = {MR_YSB_START_US + w * MR_YSB_WINDOW_US, c, (int64_t)cnt};
      ++*rows;
      *hash += mr_bench_row_hash(row, 3);
    }
}
