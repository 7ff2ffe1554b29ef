/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_UTF8_PRIVATE_H
#define MR_GRAPH_UTF8_PRIVATE_H

/* One step through text that may be malformed, for the loader (which byte is bad) and the renderer.
 */

#include <stddef.h>
#include <stdint.h>

/* Bytes (1 to 4) of the well-formed UTF-8 character at s, 0 when there is none; *code is its code
 * point. len is at least 1. Well-formed as in the Unicode standard's table 3-7. */
static inline uint32_t mr_utf8_step(const char *s, size_t len, uint32_t *code) {
  const uint8_t *b = (const uint8_t *)s;
  if (b[0] < 0x80) {
    *code = b[0];
    return 1;
  }
  uint32_t n = b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : b[0] < 0xf5 ? 4 : 0;
  if (n == 0 || len < n) return 0;
  uint32_t c = b[0] & (0x7fu >> n);
  for (uint32_t i = 1; i < n; i++) {
    if ((b[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (b[i] & 0x3fu);
  }
  if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
      (n == 4 && (c < 0x10000 || c > 0x10ffff)))
    return 0;
  *code = c;
  return n;
}

/* The largest cut <= max that does not split a character of s (max <= len of s). */
static inline size_t mr_utf8_cut(const char *s, size_t max) {
  size_t n = max;
  while (n > 0 && max - n < 4 && ((uint8_t)s[n] & 0xc0) == 0x80) n--;
  return n;
}

#endif
