/* SPDX-License-Identifier: Apache-2.0 */
#include "state/keys.h"

#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/hash.h"
#include "state/index.h"

#define BITS_NAN   UINT64_C(0x7ff8000000000000)
#define NULL_BYTES 2u /* of word 0 */

static enum mr_key_kind kind_of(const struct mr_field *f) {
  switch (mr_field_phys(f)) {
  case MR_PHYS_BIT: return MR_KEY_BIT;
  case MR_PHYS_CODE: return MR_KEY_CODE;
  case MR_PHYS_W8: return f->type == MR_TYPE_DOUBLE ? MR_KEY_DOUBLE : MR_KEY_W8;
  default: return MR_KEY_STR;
  }
}

static bool is_code(const struct mr_key_col *c) {
  return c->kind == MR_KEY_BIT || c->kind == MR_KEY_CODE;
}

static void number_groups(struct mr_keys *keys) {
  uint64_t groups = 1;
  keys->dense = true;
  for (uint32_t k = keys->cnt; k-- > 0;) {
    struct mr_key_col *c = &keys->cols[k];
    keys->dense &= is_code(c);
    c->mul = (uint32_t)groups;
    groups *= is_code(c) ? c->radix : 1;
    if (groups > MR_DENSE_GROUPS_MAX) keys->dense = false;
    if (!keys->dense) return;
  }
  keys->groups = (uint32_t)groups;
}

void mr_keys_init(struct mr_keys *keys, const struct mr_schema *schema, const uint32_t *cols,
                  uint32_t cnt) {
  MR_ASSERT(cnt <= MR_KEYS_MAX);
  *keys = (struct mr_keys){.cnt = cnt};
  uint32_t bytes = 0;
  for (uint32_t k = 0; k < cnt; k++) {
    const struct mr_field *f = &schema->fields[cols[k]];
    MR_ASSERT(f->type != MR_TYPE_LIST);
    uint32_t values = f->codes ? f->codes->cnt : 2;
    keys->cols[k] = (struct mr_key_col){
        .col = cols[k], .kind = kind_of(f), .nullable = f->optional, .radix = values + f->optional};
    keys->nulls |= f->optional;
  }
  if (keys->nulls) bytes = NULL_BYTES;
  for (uint32_t k = 0; k < cnt; k++) {
    struct mr_key_col *c = &keys->cols[k];
    if (!is_code(c)) continue;
    c->word = bytes / 8;
    c->byte = bytes % 8;
    bytes++;
  }
  keys->words = (bytes + 7) / 8;
  for (uint32_t k = 0; k < cnt; k++)
    if (keys->cols[k].kind == MR_KEY_W8 || keys->cols[k].kind == MR_KEY_DOUBLE)
      keys->cols[k].word = keys->words++;
  keys->str_word = keys->words;
  for (uint32_t k = 0; k < cnt; k++) {
    if (keys->cols[k].kind != MR_KEY_STR) continue;
    keys->cols[k].word = keys->words;
    keys->words += 2;
  }
  keys->one_w8 = cnt == 1 && keys->cols[0].kind == MR_KEY_W8;
  number_groups(keys);
}

void mr_key_batch_init(struct mr_key_batch *batch, struct mr_arena *arena,
                       const struct mr_keys *keys, const struct mr_state_kernels *kernels,
                       const uint8_t *base) {
  *batch = (struct mr_key_batch){.keys = keys, .base = base, .kernels = kernels};
  batch->code_buf = MR_NEW(arena, uint8_t, MR_BATCH_ROWS * (keys->cnt + 1));
  if (keys->dense) {
    batch->idx_buf = MR_NEW(arena, uint16_t, MR_BATCH_ROWS);
    return;
  }
  batch->word_buf = MR_NEW(arena, uint64_t, (size_t)MR_BATCH_ROWS * keys->words);
  batch->tag_buf = MR_NEW(arena, uint32_t, MR_BATCH_ROWS);
}

/* ---- dense ---- */

/* The column's codes as bytes, NULL as its own code where dense. */
static const uint8_t *codes_of(const struct mr_key_batch *batch, uint32_t k) {
  const struct mr_key_col *c = &batch->keys->cols[k];
  const struct mr_col *col = &batch->view->cols[c->col];
  uint8_t *buf = batch->code_buf + (size_t)k * MR_BATCH_ROWS;
  const uint8_t *codes = col->data;
  uint32_t words = mr_bitmap_words(batch->view->row_cnt);
  if (c->kind == MR_KEY_BIT) {
    batch->kernels->bit_codes(col->data, buf, words);
    codes = buf;
  }
  if (!col->valid) return codes;
  MR_DASSERT(c->nullable);
  batch->kernels->null_codes(codes, col->valid, (uint8_t)(c->radix - 1), buf, words);
  return buf;
}

static void number_rows(struct mr_key_batch *batch) {
  const struct mr_keys *keys = batch->keys;
  const uint8_t *codes[MR_KEYS_MAX];
  uint32_t mul[MR_KEYS_MAX], words = mr_bitmap_words(batch->view->row_cnt);
  for (uint32_t k = 0; k < keys->cnt; k++) {
    codes[k] = codes_of(batch, k);
    mul[k] = keys->cols[k].mul;
  }
  if (keys->groups > 256) {
    batch->kernels->keys16(codes, mul, keys->cnt, batch->idx_buf, words);
    batch->idx16 = batch->idx_buf;
  } else if (keys->cnt == 1) {
    batch->idx8 = codes[0];
  } else {
    batch->kernels->keys8(codes, mul, keys->cnt, (uint8_t *)batch->idx_buf, words);
    batch->idx8 = (const uint8_t *)batch->idx_buf;
  }
}

void mr_keys_begin(struct mr_key_batch *batch, const struct mr_view *view, const uint16_t *rows,
                   uint32_t cnt) {
  batch->view = view;
  batch->rows = rows;
  batch->cnt = cnt;
  batch->has_words = false;
  if (batch->keys->dense) number_rows(batch);
}

static void put_byte(uint64_t *key, const struct mr_key_col *c, uint8_t byte) {
  key[c->word] |= (uint64_t)byte << 8 * c->byte;
}

static void put_null(uint64_t *key, uint32_t k) {
  key[0] |= UINT64_C(1) << k;
}

void mr_keys_of_number(const struct mr_keys *keys, uint32_t number, uint64_t *key) {
  memset(key, 0, keys->words * sizeof *key);
  for (uint32_t k = 0; k < keys->cnt; k++) {
    const struct mr_key_col *c = &keys->cols[k];
    uint32_t code = number / c->mul % c->radix;
    if (c->nullable && code == c->radix - 1)
      put_null(key, k);
    else
      put_byte(key, c, (uint8_t)code);
  }
}

uint32_t mr_keys_number(const struct mr_keys *keys, const uint64_t *key) {
  uint32_t number = 0;
  for (uint32_t k = 0; k < keys->cnt; k++) {
    const struct mr_key_col *c = &keys->cols[k];
    bool null = c->nullable && key[0] >> k & 1;
    number += (null ? c->radix - 1 : (uint32_t)(key[c->word] >> 8 * c->byte & 255)) * c->mul;
  }
  return number;
}

/* ---- packed ---- */

static uint64_t double_bits(double v) {
  uint64_t bits;
  if (v != v) return BITS_NAN;
  v += 0.0; /* -0 */
  memcpy(&bits, &v, sizeof bits);
  return bits;
}

static void pack_codes(struct mr_key_batch *batch, uint32_t k) {
  const struct mr_key_col *c = &batch->keys->cols[k];
  const struct mr_view *view = batch->view;
  const uint8_t *codes = view->cols[c->col].data;
  uint32_t step = batch->keys->words;
  if (c->kind == MR_KEY_BIT) {
    uint8_t *buf = batch->code_buf + (size_t)k * MR_BATCH_ROWS;
    batch->kernels->bit_codes(view->cols[c->col].data, buf, mr_bitmap_words(view->row_cnt));
    codes = buf;
  }
  for (uint32_t r = 0; r < view->row_cnt; r++) put_byte(batch->word_buf + r * step, c, codes[r]);
}

static void pack_strings(struct mr_key_batch *batch, uint32_t k) {
  const struct mr_key_col *c = &batch->keys->cols[k];
  const struct mr_str *s = batch->view->cols[c->col].data;
  for (uint32_t i = 0; i < batch->cnt; i++) {
    uint32_t row = batch->rows[i];
    memcpy(batch->word_buf + row * batch->keys->words + c->word, &s[row], sizeof *s);
  }
}

static void pack_nulls(struct mr_key_batch *batch, uint32_t k, const uint64_t *valid) {
  const struct mr_key_col *c = &batch->keys->cols[k];
  for (uint32_t i = 0; i < batch->cnt; i++) {
    uint32_t row = batch->rows[i];
    if (mr_bit_get(valid, row)) continue;
    uint64_t *key = batch->word_buf + row * batch->keys->words;
    if (is_code(c))
      key[c->word] &= ~(UINT64_C(255) << 8 * c->byte);
    else
      memset(key + c->word, 0, (c->kind == MR_KEY_STR ? 2 : 1) * sizeof *key);
    put_null(key, k);
  }
}

static void pack_column(struct mr_key_batch *batch, uint32_t k) {
  const struct mr_key_col *c = &batch->keys->cols[k];
  const struct mr_col *col = &batch->view->cols[c->col];
  uint32_t step = batch->keys->words, n = batch->view->row_cnt;
  uint64_t *out = batch->word_buf + c->word;
  switch (c->kind) {
  case MR_KEY_W8:
    for (uint32_t r = 0; r < n; r++) out[r * step] = ((const uint64_t *)col->data)[r];
    break;
  case MR_KEY_DOUBLE:
    for (uint32_t r = 0; r < n; r++) out[r * step] = double_bits(((const double *)col->data)[r]);
    break;
  case MR_KEY_STR: pack_strings(batch, k); break;
  default: pack_codes(batch, k);
  }
  if (col->valid) pack_nulls(batch, k, col->valid);
}

uint32_t mr_keys_tag(const struct mr_keys *keys, const uint8_t *base, const uint64_t *key) {
  uint64_t h = mr_hash_u64(key[0]);
  if (keys->str_word == 0) h = 0;
  for (uint32_t w = 1; w < keys->str_word; w++) h = mr_hash_combine(h, key[w]);
  for (uint32_t w = keys->str_word; w < keys->words; w += 2) {
    struct mr_str s;
    memcpy(&s, key + w, sizeof s);
    uint64_t text = s.len > MR_STR_INLINE ? mr_hash_bytes(mr_str_data(&s, base), s.len)
                                          : key[w] ^ mr_hash_u64(key[w + 1]);
    h = mr_hash_combine(h, text);
  }
  return mr_index_tag(h);
}

static void make_tags(struct mr_key_batch *batch) {
  const struct mr_keys *keys = batch->keys;
  batch->tags = batch->tag_buf;
  if (keys->words == 1 && keys->str_word == 1) {
    batch->kernels->tags(batch->words, batch->tag_buf, mr_bitmap_words(batch->view->row_cnt));
    return;
  }
  for (uint32_t i = 0; i < batch->cnt; i++)
    batch->tag_buf[batch->rows[i]] =
        mr_keys_tag(keys, batch->base, batch->words + batch->rows[i] * keys->words);
}

void mr_keys_pack(struct mr_key_batch *batch) {
  const struct mr_keys *keys = batch->keys;
  if (batch->has_words) return;
  batch->has_words = true;
  if (keys->one_w8 && keys->words == 1) {
    batch->words = batch->view->cols[keys->cols[0].col].data;
  } else {
    size_t sz = (size_t)batch->view->row_cnt * keys->words * sizeof *batch->word_buf;
    batch->words = batch->word_buf;
    memset(batch->word_buf, 0, sz); /* bytes are ORed in */
    for (uint32_t k = 0; k < keys->cnt; k++) pack_column(batch, k);
  }
  make_tags(batch);
}

bool mr_keys_equal(const struct mr_keys *keys, const uint8_t *base, const uint64_t *a,
                   const uint64_t *b) {
  for (uint32_t w = 0; w < keys->str_word; w++)
    if (a[w] != b[w]) return false;
  for (uint32_t w = keys->str_word; w < keys->words; w += 2) {
    struct mr_str x, y;
    memcpy(&x, a + w, sizeof x);
    memcpy(&y, b + w, sizeof y);
    if (!mr_str_equal(&x, &y, base)) return false;
  }
  return true;
}

/* ---- columns ---- */

static void column_bits(const struct mr_key_col *c, const uint64_t *const *key, uint32_t n,
                        uint64_t *bits) {
  memset(bits, 0, MR_BATCH_ROWS / 8);
  for (uint32_t i = 0; i < n; i++)
    if (key[i][c->word] >> 8 * c->byte & 1) mr_bit_set(bits, i);
}

bool mr_keys_column(const struct mr_keys *keys, uint32_t k, const uint64_t *const *key, uint32_t n,
                    void *data, uint64_t *valid) {
  const struct mr_key_col *c = &keys->cols[k];
  switch (c->kind) {
  case MR_KEY_BIT: column_bits(c, key, n, data); break;
  case MR_KEY_CODE:
    for (uint32_t i = 0; i < n; i++)
      ((uint8_t *)data)[i] = (uint8_t)(key[i][c->word] >> 8 * c->byte);
    break;
  case MR_KEY_STR:
    for (uint32_t i = 0; i < n; i++)
      memcpy((struct mr_str *)data + i, key[i] + c->word, sizeof(struct mr_str));
    break;
  default:
    for (uint32_t i = 0; i < n; i++) ((uint64_t *)data)[i] = key[i][c->word];
  }
  memset(valid, 0, MR_BATCH_ROWS / 8);
  mr_bitmap_fill(valid, n);
  bool null = false;
  for (uint32_t i = 0; c->nullable && i < n; i++) {
    if (!(key[i][0] >> k & 1)) continue;
    mr_bit_clear(valid, i);
    null = true;
  }
  return null;
}
