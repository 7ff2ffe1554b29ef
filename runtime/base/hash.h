/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_HASH_H
#define MR_BASE_HASH_H

/* Fixed-seed hashes: the same key has the same hash in every run, so key groups are stable. */

#include <stddef.h>
#include <stdint.h>

/* XXH3-64 of len bytes. */
uint64_t mr_hash_bytes(const void *data, size_t len);

/* XXH64 of len bytes with a seed: of values that others hash in the same way. */
uint64_t mr_hash_xxh64(const void *data, size_t len, uint64_t seed);

/* A 64-bit finalizer (murmur3's fmix64) for fixed-width values. */
static inline uint64_t mr_hash_u64(uint64_t x) {
  x ^= x >> 33;
  x *= UINT64_C(0xff51afd7ed558ccd);
  x ^= x >> 33;
  x *= UINT64_C(0xc4ceb9fe1a85ec53);
  return x ^ (x >> 33);
}
/* Adds the hash of one more key column. */
static inline uint64_t mr_hash_combine(uint64_t h, uint64_t column) {
  return mr_hash_u64(h * UINT64_C(0x9e3779b97f4a7c15) + column);
}

#endif
