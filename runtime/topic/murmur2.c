/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/murmur2.h"

#include <string.h>

#define SEED UINT32_C(0x9747b28c) /* the clients' */
#define MUL  UINT32_C(0x5bd1e995)

static uint32_t load4(const unsigned char *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t mr_murmur2(const void *data, size_t len) {
  const unsigned char *p = data;
  uint32_t h = SEED ^ (uint32_t)len;
  for (; len >= 4; p += 4, len -= 4) {
    uint32_t k = load4(p) * MUL;
    k ^= k >> 24;
    h = h * MUL ^ k * MUL;
  }
  for (size_t i = len; i > 0; i--) h ^= (uint32_t)p[i - 1] << (8 * (i - 1));
  if (len) h *= MUL;
  h ^= h >> 13;
  h *= MUL;
  return h ^ h >> 15;
}
