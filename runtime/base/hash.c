/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

/* Inline, so that short keys cost no call through the shared library. */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t mr_hash_bytes(const void *data, size_t len) {
  return XXH3_64bits(data, len);
}

uint64_t mr_hash_xxh64(const void *data, size_t len, uint64_t seed) {
  return XXH64(data, len, seed);
}
