/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_KEYS_H
#define MR_STATE_KEYS_H

/* Group columns of a batch as packed keys. A key is a few 64-bit words: first codes, bools and the
 * bits that say which columns are NULL (if there are any), then 8-byte columns, then strings as
 * their 16-byte views. Two rows are of one group when their words are equal, where of long strings
 * the text counts. -0 is 0, all NaN are one, NULL equals NULL.
 *
 * Where all columns are codes or bools and few, a key also has a number below groups: dense keys.
 */

#include "base/arena.h"
#include "data/type.h"
#include "data/view.h"
#include "state/kernels.h"

enum mr_key_kind { MR_KEY_BIT, MR_KEY_CODE, MR_KEY_W8, MR_KEY_DOUBLE, MR_KEY_STR };

struct mr_key_col {
  uint32_t col; /* of the view */
  enum mr_key_kind kind;
  bool nullable;
  uint32_t word, byte; /* where it lies in a key; byte for bits and codes */
  uint32_t radix, mul; /* dense: values with NULL, and the factor of its code */
};

struct mr_keys { /* read-only */
  uint32_t cnt, words;
  uint32_t str_word; /* words from here on are strings */
  bool nulls;        /* word 0 begins with 16 bits: column k is NULL */
  bool dense;        /* `groups` numbers; also of no columns: one */
  bool one_w8;       /* a single 8-byte column that is no double */
  uint32_t groups;
  struct mr_key_col cols[MR_KEYS_MAX];
};

/* cols: cnt (0..MR_KEYS_MAX) columns of the schema, none a list. */
void mr_keys_init(struct mr_keys *keys, const struct mr_schema *schema, const uint32_t *cols,
                  uint32_t cnt);

/* The keys of one batch: numbers at once, words and tags when a table asks for them. */
struct mr_key_batch {
  const struct mr_keys *keys;
  const uint8_t *base; /* of the region */
  const struct mr_state_kernels *kernels;
  const struct mr_view *view;
  const uint16_t *rows; /* cnt rows that count; of the others strings are left out */
  uint32_t cnt;
  const uint8_t *idx8;   /* dense, groups <= 256: the group's number by row */
  const uint16_t *idx16; /* dense, more groups */
  bool has_words;
  const uint64_t *words; /* row r's key: keys->words words from words + r * keys->words */
  const uint32_t *tags;  /* 32 bits of the key's hash, by row */
  /* memory */
  uint64_t *word_buf;
  uint32_t *tag_buf;
  uint16_t *idx_buf;
  uint8_t *code_buf; /* a column each */
};

/* Memory for any batch. The arena's, control plane. */
void mr_key_batch_init(struct mr_key_batch *batch, struct mr_arena *arena,
                       const struct mr_keys *keys, const struct mr_state_kernels *kernels,
                       const uint8_t *base);

/* Begins a batch: dense keys get their numbers, of all rows; others wait for mr_keys_pack. rows
 * (may be NULL where keys are dense) is kept. */
void mr_keys_begin(struct mr_key_batch *batch, const struct mr_view *view, const uint16_t *rows,
                   uint32_t cnt);
/* Makes the words of keys that are not dense, and their tags, unless they are there. */
void mr_keys_pack(struct mr_key_batch *batch);
/* The tag of a key, as mr_keys_pack makes it. */
uint32_t mr_keys_tag(const struct mr_keys *keys, const uint8_t *base, const uint64_t *key);
/* The words of a dense key. */
void mr_keys_of_number(const struct mr_keys *keys, uint32_t number, uint64_t *key);
/* The number of a dense key. */
uint32_t mr_keys_number(const struct mr_keys *keys, const uint64_t *key);
/* The words of a key of one 8-byte column; null: it is NULL. */
static inline void mr_keys_of_w8(const struct mr_keys *keys, uint64_t value, bool null,
                                 uint64_t *key) {
  if (keys->nulls) key[0] = null;
  key[keys->words - 1] = value;
}

static inline uint32_t mr_key_number(const struct mr_key_batch *batch, uint32_t row) {
  return batch->idx8 ? batch->idx8[row] : batch->idx16[row];
}

/* Equal? Strings are compared by text. */
bool mr_keys_equal(const struct mr_keys *keys, const uint8_t *base, const uint64_t *a,
                   const uint64_t *b);

/* Writes column k of n keys at key[i] as a column (mr_field_phys) with its validity bits; returns
 * whether one is NULL. Both have room for MR_BATCH_ROWS rows; valid's words are all written. */
bool mr_keys_column(const struct mr_keys *keys, uint32_t k, const uint64_t *const *key, uint32_t n,
                    void *data, uint64_t *valid);

#endif
