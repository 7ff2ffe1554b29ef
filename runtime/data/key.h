/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_DATA_KEY_H
#define MR_DATA_KEY_H

/* Canonical hashes of keys, with a fixed seed: the same key has the same hash in every run, on
 * every worker and for every way of storing it. An enum column hashes as its text, -0 as 0, every
 * NaN alike, and NULL has a tag of its own. The exchange splits rows by it, and keyed tables may
 * use it. */

#include <stdint.h>

#include "base/arena.h"
#include "data/type.h"
#include "data/view.h"

struct mr_key_hasher {
  uint32_t cnt;
  uint32_t cols[MR_KEYS_MAX];
  enum mr_phys phys[MR_KEYS_MAX];
  bool is_double[MR_KEYS_MAX];
  const uint64_t *code_hash[MR_KEYS_MAX]; /* enum columns: by code */
};

/* cols: columns of the schema, cnt of them (1..MR_KEYS_MAX); no lists. Tables live in the arena. */
void mr_key_hasher_init(struct mr_key_hasher *hasher, struct mr_arena *arena,
                        const struct mr_schema *schema, const uint32_t *cols, uint32_t cnt);

/* Hashes of all row_cnt rows, selected or not. base is the region's. Any thread. */
void mr_key_hash(const struct mr_key_hasher *hasher, const uint8_t *base,
                 const struct mr_view *view, uint64_t *hashes);

/* The key group of a hash, 0..MR_KEY_GROUPS-1, and the instance of N that owns a group: ranges of
 * groups. */
static inline uint32_t mr_key_group(uint64_t hash) {
  return (uint32_t)(hash >> 57);
}
static inline uint32_t mr_key_owner(uint32_t group, uint32_t instance_cnt) {
  return group * instance_cnt / MR_KEY_GROUPS;
}
_Static_assert(MR_KEY_GROUPS == 128, "mr_key_group takes the hash's top 7 bits");

#endif
