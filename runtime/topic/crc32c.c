/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/crc32c.h"

#include <isa-l/crc.h>

#define PIECE_MAX ((size_t)1 << 30) /* the library counts in int */

uint32_t mr_crc32c(uint32_t crc, const void *data, size_t len) {
  unsigned char *p = (unsigned char *)(uintptr_t)data; /* it only reads */
  crc = ~crc;
  while (len > 0) {
    size_t n = len < PIECE_MAX ? len : PIECE_MAX;
    crc = crc32_iscsi(p, (int)n, crc);
    p += n;
    len -= n;
  }
  return ~crc;
}
