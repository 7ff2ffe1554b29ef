/* SPDX-License-Identifier: Apache-2.0 */
#include "state/tally.h"

#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "state/fold_private.h"

/* Counters of one lane are kept in MR_TALLY_TABLES tables, whose sum it is. */
static uint32_t *lane_of(const struct mr_tally *tally, uint32_t lane) {
  return tally->cnt + (size_t)lane * MR_TALLY_TABLES * tally->stride;
}

bool mr_tally_possible(const struct mr_space *space) {
  if (!space->keys->dense || space->keys->groups > MR_TALLY_GROUPS_MAX) return false;
  for (uint32_t k = 0; k < space->folds->cnt; k++)
    if (space->folds->items[k].func != MR_FOLD_COUNT) return false;
  return true;
}

void mr_tally_init(struct mr_tally *tally, struct mr_arena *arena, const struct mr_space *space) {
  *tally = (struct mr_tally){.groups = space->keys->groups, .lane_cnt = 1 + space->folds->cnt};
  /* Not a power of two: the same group of two tables must not fall into one place of the cache. */
  tally->own_lane = MR_NEW(arena, bool, space->folds->cnt + 1);
  for (uint32_t k = 0; k < space->folds->cnt; k++)
    tally->own_lane[k] = space->folds->items[k].maybe_null;
  tally->stride = (space->keys->groups + 15u) / 16u * 16u + 16u;
  tally->cnt = MR_NEW(arena, uint32_t, (size_t)tally->lane_cnt * MR_TALLY_TABLES * tally->stride);
}

static void count(struct mr_tally *tally, uint32_t lane, const struct mr_state_kernels *kernels,
                  const struct mr_key_batch *keys, const uint64_t *sel, uint32_t sel_cnt,
                  uint32_t words) {
  uint32_t *cnt = lane_of(tally, lane);
  if (keys->idx8)
    kernels->count8(keys->idx8, sel, words, sel_cnt, tally->groups, tally->stride, cnt);
  else
    kernels->count16(keys->idx16, sel, words, tally->stride, cnt);
}

void mr_tally_add(struct mr_tally *tally, const struct mr_state_kernels *kernels,
                  const struct mr_key_batch *keys, const struct mr_fold_in *ins,
                  const uint64_t *sel, uint32_t sel_cnt, uint32_t row_cnt) {
  uint32_t words = mr_bitmap_words(row_cnt);
  MR_DASSERT(!mr_tally_full(tally));
  count(tally, 0, kernels, keys, sel, sel_cnt, words);
  for (uint32_t k = 0; k + 1 < tally->lane_cnt; k++) {
    uint64_t some[MR_BATCH_WORDS];
    if (!tally->own_lane[k]) continue;
    for (uint32_t w = 0; w < words; w++)
      some[w] = sel[w] & (ins[k].pass ? ins[k].pass[w] : UINT64_MAX) &
                (ins[k].valid ? ins[k].valid[w] : UINT64_MAX);
    uint32_t n = mr_bitmap_count(some, words);
    count(tally, k + 1, kernels, keys, some, n, words);
  }
  tally->row_cnt += sel_cnt;
}

/* Takes a group's count out of a lane. */
static uint64_t take(const struct mr_tally *tally, uint32_t lane, uint32_t group) {
  uint32_t *cnt = lane_of(tally, lane) + group;
  uint64_t sum = 0;
  for (uint32_t t = 0; t < MR_TALLY_TABLES; t++) {
    sum += cnt[t * tally->stride];
    cnt[t * tally->stride] = 0;
  }
  return sum;
}

bool mr_tally_room(const struct mr_space *space) {
  uint64_t most = (uint64_t)space->keys->groups * (space->row_sz + sizeof(uint32_t)) * 2;
  return !space->key_max &&
         space->store.used_bytes + most + MR_STORE_BYTES_MIN / 2 < space->store.admit_bytes;
}

void mr_tally_flush(struct mr_tally *tally, struct mr_space *space, struct mr_table *table,
                    bool touch) {
  if (!tally->row_cnt) return;
  tally->row_cnt = 0;
  for (uint32_t g = 0; g < tally->groups; g++) {
    uint64_t all = take(tally, 0, g);
    if (!all) continue;
    struct mr_row *row = mr_table_number(space, table, g);
    if (!row) {
      space->full = true;
      return;
    }
    for (uint32_t k = 0; k + 1 < tally->lane_cnt; k++)
      *(uint64_t *)mr_fold_at(&space->folds->items[k], row) +=
          tally->own_lane[k] ? take(tally, k + 1, g) : all;
    if (touch) mr_table_touch(space, table, &row, 1);
  }
}
