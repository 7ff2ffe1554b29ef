/* SPDX-License-Identifier: Apache-2.0 */
/* Four bytes at a time by four tables: slicing, Kounavis and Berry 2005. */
#include "base/crc32.h"

#include <string.h>

#define POLY UINT32_C(0xedb88320)

/* Made anew by each call, which is of many bytes: no state of the process. */
static void make_tables(uint32_t t[4][256]) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = c & 1u ? POLY ^ (c >> 1) : c >> 1;
    t[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int k = 1; k < 4; k++) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 255u];
}

uint32_t mr_crc32(uint32_t crc, const void *bytes, size_t len) {
  const uint8_t *p = bytes;
  uint32_t t[4][256];
  make_tables(t);
  crc = ~crc;
  for (; len >= 4; len -= 4, p += 4) {
    uint32_t word;
    memcpy(&word, p, 4);
    crc ^= word;
    crc = t[3][crc & 255u] ^ t[2][crc >> 8 & 255u] ^ t[1][crc >> 16 & 255u] ^ t[0][crc >> 24];
  }
  for (; len; len--) crc = (crc >> 8) ^ t[0][(crc ^ *p++) & 255u];
  return ~crc;
}
