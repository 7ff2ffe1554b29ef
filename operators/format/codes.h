/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_CODES_H
#define MR_FORMAT_CODES_H

/* The texts of one_of by their bytes, for decoders: text -> code. Read-only after create. */

#include "base/arena.h"
#include "data/type.h"
#include "format/scan.h"

/* A text; bytes behind do not count. */
struct mr_codes_quick {
  _Alignas(16) uint8_t text[16];
  uint8_t mask[16];
  uint8_t code, len;
};

/* Where the bytes that every text has (at most eight) tell all texts apart: each is found without
 * knowing first where it ends. */
struct mr_codes_table {
  const struct mr_codes_quick *texts; /* NULL: they do not */
  uint64_t bytes, factor;
  uint32_t shift;
};

/* Texts of at most 15 bytes are found by hash in one compare: entry = text, zeros, length in byte
 * 15 (255: empty entry). */
struct mr_codes {
  const struct mr_enum *texts;
  bool plain;     /* no text needs an escape in JSON */
  uint32_t shift; /* 64 - log2 of the table's size */
  uint64_t factor;
  uint8_t (*entries)[16];
  uint8_t *codes;
  uint32_t mask;
  struct mr_codes_table bare, quoted; /* quoted: with the closing quote of JSON */
};

struct mr_codes *mr_codes_create(struct mr_arena *arena, const struct mr_enum *texts);
/* The code of a text, or -1. 16 bytes at p must be readable. */
int32_t mr_codes_find(const struct mr_codes *codes, const char *p, uint32_t len);

/* The only text that may begin with these eight bytes. */
static inline const struct mr_codes_quick *mr_codes_quick(const struct mr_codes_table *table,
                                                          uint64_t first) {
  return &table->texts[(first & table->bytes) * table->factor >> table->shift];
}

/* Where a text with these first eight bytes is looked for first. */
static inline uint64_t mr_codes_slot(const struct mr_codes *codes, uint64_t low) {
  return (low * codes->factor) >> codes->shift;
}

#endif
