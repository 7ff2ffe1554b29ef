/* SPDX-License-Identifier: Apache-2.0 */
#include "data/key.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/hash.h"

/* What stands for a NULL, for every NaN, and where the hash of a key begins: fixed for ever, like
 * the hashes. */
#define HASH_NULL  UINT64_C(0x6e756c6c6e756c6c)
#define HASH_NAN   UINT64_C(0x7ff8000000000000)
#define HASH_FIRST UINT64_C(0x6d696c6c72616365)
#define CODE_CNT   256u /* a code is a byte: whatever it is, it has an entry */

void mr_key_hasher_init(struct mr_key_hasher *hasher, struct mr_arena *arena,
                        const struct mr_schema *schema, const uint32_t *cols, uint32_t cnt) {
  MR_ASSERT(cnt >= 1 && cnt <= MR_KEYS_MAX);
  *hasher = (struct mr_key_hasher){.cnt = cnt};
  for (uint32_t k = 0; k < cnt; k++) {
    MR_ASSERT(cols[k] < schema->cnt);
    const struct mr_field *f = &schema->fields[cols[k]];
    MR_ASSERT(f->type != MR_TYPE_LIST);
    hasher->cols[k] = cols[k];
    hasher->phys[k] = mr_field_phys(f);
    hasher->is_double[k] = f->type == MR_TYPE_DOUBLE;
    if (!f->codes) continue;
    uint64_t *by_code = MR_NEW(arena, uint64_t, CODE_CNT);
    for (uint32_t c = 0; c < f->codes->cnt; c++)
      by_code[c] = mr_hash_bytes(f->codes->texts[c], f->codes->lens[c]);
    hasher->code_hash[k] = by_code;
  }
}

/* One number for all values that are equal: -0 is 0, and all NaN are one. */
static uint64_t double_bits(double v) {
  uint64_t bits;
  if (v != v) return HASH_NAN;
  v += 0.0;
  memcpy(&bits, &v, sizeof bits);
  return bits;
}

/* The column's values, one 64-bit number a row; a NULL gets its own. */
static void hash_values(const struct mr_key_hasher *hasher, uint32_t k, const uint8_t *base,
                        const struct mr_view *view, uint64_t *values) {
  const struct mr_col *col = &view->cols[hasher->cols[k]];
  uint32_t n = view->row_cnt;
  switch (hasher->phys[k]) {
  case MR_PHYS_BIT:
    for (uint32_t i = 0; i < n; i++) values[i] = mr_bit_get(col->data, i);
    break;
  case MR_PHYS_CODE:
    for (uint32_t i = 0; i < n; i++)
      values[i] = hasher->code_hash[k][((const uint8_t *)col->data)[i]];
    break;
  case MR_PHYS_W8:
    if (hasher->is_double[k])
      for (uint32_t i = 0; i < n; i++) values[i] = double_bits(((const double *)col->data)[i]);
    else
      memcpy(values, col->data, n * sizeof *values);
    break;
  default:
    for (uint32_t i = 0; i < n; i++) {
      const struct mr_str *s = &((const struct mr_str *)col->data)[i];
      values[i] = mr_hash_bytes(mr_str_data(s, base), s->len);
    }
  }
  if (!col->valid) return;
  for (uint32_t i = 0; i < n; i++)
    if (!mr_bit_get(col->valid, i)) values[i] = HASH_NULL;
}

void mr_key_hash(const struct mr_key_hasher *hasher, const uint8_t *base,
                 const struct mr_view *view, uint64_t *hashes) {
  uint64_t values[MR_BATCH_ROWS];
  for (uint32_t i = 0; i < view->row_cnt; i++) hashes[i] = HASH_FIRST;
  for (uint32_t k = 0; k < hasher->cnt; k++) {
    hash_values(hasher, k, base, view, values);
    for (uint32_t i = 0; i < view->row_cnt; i++) hashes[i] = mr_hash_combine(hashes[i], values[i]);
  }
}
