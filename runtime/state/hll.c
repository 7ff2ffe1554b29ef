/* SPDX-License-Identifier: Apache-2.0 */
#include "state/hll.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"

/* A set is open addressing over words: the upper 25 bits of the hash and, in the lower 6, one more
 * than the zeros that follow them. Never 0. */
#define SET_BITS     25u
#define RANK_MASK    63u
#define CAP_LOG2_MIN 4u
#define CAP_LOG2_MAX 6u
#define RANK_MAX     (64 - MR_HLL_BITS + 1)

static uint32_t encode(uint64_t hash) {
  uint64_t rest = hash << SET_BITS | UINT64_C(1) << (SET_BITS - 1);
  uint32_t rank = (uint32_t)__builtin_clzll(rest) + 1;
  return (uint32_t)(hash >> (64 - SET_BITS)) << 6 | rank;
}

static uint32_t *words_of(const struct mr_store *store, const struct mr_hll *hll) {
  return mr_store_at(store, hll->ref);
}

static uint64_t set_sz(uint32_t cap_log2) {
  return sizeof(uint32_t) << cap_log2;
}

/* The place of a word, or where it is to go. */
static uint32_t *find(uint32_t *words, uint32_t cap_log2, uint32_t word) {
  uint32_t mask = (1u << cap_log2) - 1, at = (word >> 6) & mask;
  while (words[at] && words[at] >> 6 != word >> 6) at = (at + 1) & mask;
  return &words[at];
}

/* ---- growing ---- */

static void set_register(uint8_t *registers, uint32_t word) {
  uint32_t prefix = word >> 6, low = SET_BITS - MR_HLL_BITS;
  uint32_t rest = prefix & ((1u << low) - 1), rank;
  if (rest)
    rank = (uint32_t)__builtin_clz(rest) - (32 - low) + 1;
  else
    rank = low + (word & RANK_MASK);
  uint8_t *r = registers + (prefix >> low);
  if (rank > *r) *r = (uint8_t)rank;
}

static bool to_registers(struct mr_store *store, struct mr_slots *slots, struct mr_hll *hll) {
  uint32_t ref = mr_slots_take(store, slots, MR_HLL_REGISTERS);
  if (!ref) return false;
  uint8_t *registers = mr_store_at(store, ref);
  memset(registers, 0, MR_HLL_REGISTERS);
  if (hll->ref) {
    const uint32_t *words = words_of(store, hll);
    for (uint32_t i = 0; i < 1u << hll->cap_log2; i++)
      if (words[i]) set_register(registers, words[i]);
    mr_slots_give(store, slots, hll->ref, set_sz(hll->cap_log2));
  }
  *hll = (struct mr_hll){.ref = ref, .dense = 1};
  return true;
}

/* Room for one more word: a set stays at most three quarters full. */
static bool grow(struct mr_store *store, struct mr_slots *slots, struct mr_hll *hll) {
  uint32_t cap_log2 = hll->ref ? hll->cap_log2 + 1u : CAP_LOG2_MIN;
  MR_DASSERT(cap_log2 <= CAP_LOG2_MAX);
  uint32_t ref = mr_slots_take(store, slots, set_sz(cap_log2));
  if (!ref) return false;
  uint32_t *words = mr_store_at(store, ref);
  memset(words, 0, set_sz(cap_log2));
  if (hll->ref) {
    const uint32_t *old = words_of(store, hll);
    for (uint32_t i = 0; i < 1u << hll->cap_log2; i++)
      if (old[i]) *find(words, cap_log2, old[i]) = old[i];
    mr_slots_give(store, slots, hll->ref, set_sz(hll->cap_log2));
  }
  hll->ref = ref;
  hll->cap_log2 = (uint8_t)cap_log2;
  return true;
}

/* Adds a word; the sketch may turn into registers. */
static bool add_word(struct mr_store *store, struct mr_slots *slots, struct mr_hll *hll,
                     uint32_t word) {
  if (!hll->dense && hll->ref) {
    uint32_t *at = find(words_of(store, hll), hll->cap_log2, word);
    if (*at) {
      if ((word & RANK_MASK) > (*at & RANK_MASK)) *at = word;
      return true;
    }
  }
  if (!hll->dense && hll->cnt == MR_HLL_SET_MAX && !to_registers(store, slots, hll)) return false;
  if (hll->dense) {
    set_register(mr_store_at(store, hll->ref), word);
    return true;
  }
  bool full = !hll->ref || hll->cnt == (3u << hll->cap_log2) / 4;
  if (full && !grow(store, slots, hll)) return false;
  *find(words_of(store, hll), hll->cap_log2, word) = word;
  hll->cnt++;
  return true;
}

bool mr_hll_add_sparse(struct mr_store *store, struct mr_slots *slots, struct mr_hll *hll,
                       uint64_t hash) {
  return add_word(store, slots, hll, encode(hash));
}

/* ---- merging ---- */

bool mr_hll_merge(struct mr_store *store, struct mr_slots *slots, struct mr_hll *to,
                  const struct mr_hll *from) {
  if (!from->ref) return true;
  if (!from->dense) {
    for (uint32_t i = 0; i < 1u << from->cap_log2; i++) {
      uint32_t word = words_of(store, from)[i];
      if (word && !add_word(store, slots, to, word)) return false;
    }
    return true;
  }
  if (!to->dense && !to_registers(store, slots, to)) return false;
  uint8_t *a = mr_store_at(store, to->ref);
  const uint8_t *b = mr_store_at(store, from->ref);
  for (uint32_t i = 0; i < MR_HLL_REGISTERS; i++) a[i] = b[i] > a[i] ? b[i] : a[i];
  return true;
}

void mr_hll_drop(struct mr_store *store, struct mr_slots *slots, struct mr_hll *hll) {
  if (hll->ref)
    mr_slots_give(store, slots, hll->ref, hll->dense ? MR_HLL_REGISTERS : set_sz(hll->cap_log2));
  *hll = (struct mr_hll){0};
}

/* ---- the estimate ---- */

static double sigma(double x) {
  double y = 1, z = x, before;
  if (x == 1) return INFINITY;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (z != before);
  return z;
}

static double tau(double x) {
  double y = 1, z = 1 - x, before;
  if (x == 0 || x == 1) return 0;
  do {
    x = sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  } while (z != before);
  return z / 3;
}

uint64_t mr_hll_estimate(const struct mr_store *store, const struct mr_hll *hll) {
  if (!hll->dense) return hll->cnt;
  const uint8_t *registers = mr_store_at(store, hll->ref);
  const double m = MR_HLL_REGISTERS, alpha = 0.5 / 0.69314718055994530942; /* 1 / (2 ln 2) */
  uint32_t cnt[RANK_MAX + 1] = {0};
  for (uint32_t i = 0; i < MR_HLL_REGISTERS; i++) cnt[registers[i]]++;
  double z = m * tau(1 - cnt[RANK_MAX] / m);
  for (uint32_t k = RANK_MAX - 1; k >= 1; k--) z = 0.5 * (z + cnt[k]);
  z += m * sigma(cnt[0] / m);
  return (uint64_t)(alpha * m * m / z + 0.5);
}
