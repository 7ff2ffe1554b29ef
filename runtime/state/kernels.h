/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_KERNELS_H
#define MR_STATE_KERNELS_H

/* Loops over the rows of a batch that are compiled for each level of x86-64, in one table per
 * level. Whole words of 64 rows: columns have room for MR_BATCH_ROWS rows, so what lies behind the
 * last row may be read. Results are the same at every level. Any thread. */

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"
#include "base/limits.h"

#define MR_TALLY_GROUPS_MAX 4096u /* groups that are counted in tables of their own */
/* Tables of counters that a kernel adds to in turn, so that equal keys do not wait for each other.
 */
#define MR_TALLY_TABLES 4u
#define MR_ROWS_PAD     16u /* entries of an index list that may be written behind the last */

struct mr_state_kernels {
  /* out[i] = sum of codes[k][i] * mul[k], modulo 2^8 or 2^16. A column of which there is one with
   * factor 1 may be used as it is. */
  void (*keys8)(const uint8_t *const *codes, const uint32_t *mul, uint32_t cnt, uint8_t *out,
                uint32_t words);
  void (*keys16)(const uint8_t *const *codes, const uint32_t *mul, uint32_t cnt, uint16_t *out,
                 uint32_t words);
  /* Adds the selected rows' keys (all below `groups`, at most 256) to cnt[table * stride + key]. */
  void (*count8)(const uint8_t *keys, const uint64_t *sel, uint32_t words, uint32_t sel_cnt,
                 uint32_t groups, uint32_t stride, uint32_t *cnt);
  void (*count16)(const uint16_t *keys, const uint64_t *sel, uint32_t words, uint32_t stride,
                  uint32_t *cnt);
  /* The selected rows' numbers, in order; writes up to MR_ROWS_PAD entries behind them. */
  uint32_t (*rows)(const uint64_t *sel, uint32_t words, uint16_t *rows);
  /* The selected rows with lo <= v <= hi; returns how many. */
  uint32_t (*within)(const int64_t *v, int64_t lo, int64_t hi, const uint64_t *sel, uint64_t *out,
                     uint32_t words);
  /* out[i] = bit ? codes[i] : null_code */
  void (*null_codes)(const uint8_t *codes, const uint64_t *valid, uint8_t null_code, uint8_t *out,
                     uint32_t words);
  /* out[i] = bit ? 1 : 0 */
  void (*bit_codes)(const uint64_t *bits, uint8_t *out, uint32_t words);
  /* out[i] = mr_index_tag(mr_hash_u64(keys[i])) */
  void (*tags)(const uint64_t *keys, uint32_t *out, uint32_t words);
  /* Adds values[rows[i]] to the sketch (struct mr_hll) at `off` of state[i], for i from `from` on,
   * while sketches have registers; returns the first i that has none, or cnt. mem: where reference
   * 0 of the store would be. */
  uint32_t (*hll)(uint8_t *mem, void *const *state, uint32_t off, const int64_t *values,
                  const uint16_t *rows, uint32_t from, uint32_t cnt);
};

const struct mr_state_kernels *mr_state_kernels_of(enum mr_isa isa);

#endif
