/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include <string.h>

#define HEAD 61u

static uint64_t be(const uint8_t *p, int bytes) {
  uint64_t v = 0;
  for (int i = 0; i < bytes; i++) v = v << 8 | p[i];
  return v;
}

static uint32_t crc32c(const uint8_t *p, size_t len) {
  static uint32_t table[256];
  if (!table[1])
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = i;
      for (int k = 0; k < 8; k++) c = c & 1 ? 0x82f63b78u ^ c >> 1 : c >> 1;
      table[i] = c;
    }
  uint32_t c = ~0u;
  while (len--) c = table[(c ^ *p++) & 255] ^ c >> 8;
  return ~c;
}

/* A zigzag varint; false: there is none. */
static bool varint(const uint8_t **p, const uint8_t *end, int64_t *out) {
  uint64_t v = 0;
  for (int shift = 0; shift < 64 && *p < end; shift += 7) {
    uint8_t byte = *(*p)++;
    v |= (uint64_t)(byte & 127) << shift;
    if (byte & 128) continue;
    *out = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
    return true;
  }
  return false;
}

/* One record behind *p, which moves behind it. */
static bool take(const uint8_t **p, const uint8_t *end, struct oracle_record *rec, int64_t base) {
  int64_t len, skip, delta, key, value, headers;
  if (!varint(p, end, &len) || len < 1 || len > end - *p) return false;
  const uint8_t *stop = *p + len;
  (*p)++; /* attributes */
  if (!varint(p, stop, &skip) || !varint(p, stop, &delta) || !varint(p, stop, &key)) return false;
  if (key > stop - *p) return false;
  if (key > 0) *p += key;
  if (!varint(p, stop, &value) || value < 0 || value > stop - *p) return false;
  rec->offset = base + delta;
  rec->value = *p;
  rec->value_sz = (size_t)value;
  *p += value;
  return varint(p, stop, &headers) && headers == 0 && *p == stop;
}

size_t oracle_read(const uint8_t *data, size_t len, int64_t *next,
                   void (*each)(void *ctx, const struct oracle_record *rec), void *ctx) {
  size_t at = 0;
  while (len - at >= HEAD) {
    const uint8_t *b = data + at;
    uint64_t sz = be(b + 8, 4) + 12;
    if (b[16] != 2 || sz < HEAD || sz > len - at) break;
    if (be(b + 17, 4) != crc32c(b + 21, sz - 21) || (int64_t)be(b, 8) != *next) break;
    const uint8_t *p = b + HEAD, *end = b + sz;
    uint32_t cnt = (uint32_t)be(b + 57, 4);
    struct oracle_record rec = {.producer = (int64_t)be(b + 43, 8)};
    bool fine = (be(b + 21, 2) & 7) == 0;
    for (uint32_t i = 0; fine && i < cnt; i++) {
      fine = take(&p, end, &rec, *next) && rec.offset == *next + i;
      if (fine) each(ctx, &rec);
    }
    if (!fine || p != end) break;
    *next += cnt;
    at += sz;
  }
  return at;
}
