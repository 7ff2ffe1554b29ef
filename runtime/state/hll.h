/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_HLL_H
#define MR_STATE_HLL_H

/* HyperLogLog++ sketches: how many distinct values were added, with 4.6 % relative standard
 * deviation (512 registers, what Spark's 5 % comes to).
 *
 *   nothing --> a set of up to 48 values at a precision of 2^25 (exact but for one in 10^4
 * sketches)
 *           --> 512 registers of a byte
 *
 * The set, the 64-bit hash and the way from one to the other are those of HyperLogLog++ (Heule,
 * Nunkesser, Hall 2013); the estimate is Ertl's ("New cardinality estimation algorithms for
 * HyperLogLog sketches", 2017), which needs no tables and has no bias anywhere. What a sketch
 * holds depends on the set of values alone, not on their order or on how it was merged. Memory is
 * slots of the table that the sketch belongs to. One worker. */

#include "base/hash.h"
#include "state/slots.h"

#define MR_HLL_BITS      9u
#define MR_HLL_REGISTERS (1u << MR_HLL_BITS)
#define MR_HLL_SET_MAX   48u /* values of a set; beyond it there are registers */

struct mr_hll {     /* zeroed: nothing was added */
  uint32_t ref;     /* of the set or the registers; 0: none */
  uint16_t cnt;     /* values in the set */
  uint8_t cap_log2; /* places in the set; 0: none, or registers */
  uint8_t dense;
};

/* Adds to a set. False: the store is full. */
bool mr_hll_add_sparse(struct mr_store *store, struct mr_slots *slots, struct mr_hll *hll,
                       uint64_t hash);

/* The hash of an integer, or of a double's bits: no value that people use has the hash 0. */
static inline uint64_t mr_hll_hash(uint64_t value) {
  return mr_hash_u64(value ^ UINT64_C(0x9e3779b97f4a7c15));
}
/* The register of a hash. */
static inline uint32_t mr_hll_register(uint64_t hash) {
  return (uint32_t)(hash >> (64 - MR_HLL_BITS));
}
/* Adds to registers: the hash's own is at least one more than the zeros behind the bits that name
 * it. */
static inline void mr_hll_raise(uint8_t *registers, uint64_t hash) {
  uint8_t *r = registers + mr_hll_register(hash);
  uint64_t rest = hash << MR_HLL_BITS | UINT64_C(1) << (MR_HLL_BITS - 1);
  uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
  if (__builtin_expect(rank > *r, 0)) *r = rank;
}

/* Adds a value by its hash, of which all bits must be good (mr_hll_hash, mr_hash_bytes). False: the
 * store is full, and the sketch is as before. */
static inline bool mr_hll_add(struct mr_store *store, struct mr_slots *slots, struct mr_hll *hll,
                              uint64_t hash) {
  if (!hll->dense) return mr_hll_add_sparse(store, slots, hll, hash);
  mr_hll_raise(mr_store_at(store, hll->ref), hash);
  return true;
}

/* Adds what another sketch of the store holds. False: the store is full. */
bool mr_hll_merge(struct mr_store *store, struct mr_slots *slots, struct mr_hll *to,
                  const struct mr_hll *from);

/* Gives its memory back; nothing was added. */
void mr_hll_drop(struct mr_store *store, struct mr_slots *slots, struct mr_hll *hll);

/* How many distinct values were added, about. */
uint64_t mr_hll_estimate(const struct mr_store *store, const struct mr_hll *hll);

#endif
