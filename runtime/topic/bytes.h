/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_BYTES_H
#define MR_TOPIC_BYTES_H

/* Integers as Kafka's format has them: big-endian ones, and zigzag varints of seven bits a byte,
 * lowest first. Any thread. */

#include <stdint.h>
#include <string.h>

#define MR_VARINT_MAX  5u /* bytes of an int32 */
#define MR_VARLONG_MAX 10u

static inline uint16_t mr_be16(const void *p) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
  return __builtin_bswap16(v);
}
static inline uint32_t mr_be32(const void *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return __builtin_bswap32(v);
}
static inline uint64_t mr_be64(const void *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return __builtin_bswap64(v);
}
static inline void mr_be16_put(void *p, uint16_t v) {
  v = __builtin_bswap16(v);
  memcpy(p, &v, sizeof v);
}
static inline void mr_be32_put(void *p, uint32_t v) {
  v = __builtin_bswap32(v);
  memcpy(p, &v, sizeof v);
}
static inline void mr_be64_put(void *p, uint64_t v) {
  v = __builtin_bswap64(v);
  memcpy(p, &v, sizeof v);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bytes are swapped");

static inline uint64_t mr_zigzag(int64_t v) {
  return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}
static inline uint32_t mr_varint_sz(int64_t v) {
  uint64_t z = mr_zigzag(v) | 1;
  return (uint32_t)(63 - __builtin_clzll(z)) / 7 + 1;
}
/* Writes v, returns the place behind it. */
static inline uint8_t *mr_varint_put(uint8_t *p, int64_t v) {
  uint64_t z = mr_zigzag(v);
  for (; z >= 0x80; z >>= 7) *p++ = (uint8_t)(z | 0x80);
  *p++ = (uint8_t)z;
  return p;
}
/* Reads v from [p, end), returns the place behind it; NULL: it does not end there, or has more
 * bytes than the widest. */
static inline const uint8_t *mr_varint_get(const uint8_t *p, const uint8_t *end, int64_t *v) {
  uint64_t z = 0;
  if (__builtin_expect(p < end && *p < 0x80, 1)) {
    *v = (int64_t)(*p >> 1) ^ -(int64_t)(*p & 1);
    return p + 1;
  }
  for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
    uint8_t b = *p++;
    if (shift == 63 && b > 1) return NULL;
    z |= (uint64_t)(b & 0x7f) << shift;
    if (b < 0x80) {
      *v = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
      return p;
    }
  }
  return NULL;
}

#endif
