/* SPDX-License-Identifier: Apache-2.0 */
/* A HyperLogLog by hand: 512 registers, one sketch. */
#include "plain/plain.h"

#include <stdlib.h>
#include <string.h>

#define BITS 9

void mr_plain_hll(const int64_t *values, uint64_t rows, uint8_t registers[1 << BITS]) {
  memset(registers, 0, 1 << BITS);
  for (uint64_t i = 0; i < rows; i++) {
    uint64_t h = (uint64_t)values[i];
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    uint8_t rank = (uint8_t)(__builtin_clzll(h << BITS | 1 << (BITS - 1)) + 1);
    uint8_t *r = &registers[h >> (64 - BITS)];
    if (rank > *r) *r = rank;
  }
}
