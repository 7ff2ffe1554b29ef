/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bits.h"
#include "op/read.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)

static inline uint64_t text_sum(const struct mr_str *s, const uint8_t *base) {
  uint64_t sum = s->len, word = 0, over = s->len % 8;
  if (s->len <= MR_STR_INLINE) { /* zero behind its end */
    uint64_t w[2] = {0, 0};
    memcpy(w, s->u.inl, MR_STR_INLINE);
    return sum + w[0] + w[1];
  }
  const char *p = mr_str_data(s, base);
  for (uint32_t at = 0; at + 8 <= s->len; at += 8) {
    memcpy(&word, p + at, 8);
    sum += word;
  }
  if (!over) return sum;
  memcpy(&word, p + s->len - 8, 8);
  return sum + (word >> (64 - 8 * over));
}

static uint64_t list_sum(const struct mr_field *field, const struct mr_list *list,
                         const uint8_t *base) {
  const uint8_t *data = base + list->off;
  uint64_t sum = list->cnt;
  for (uint32_t e = 0; e < list->cnt; e++) {
    if (field->elem == MR_TYPE_STRING)
      sum += text_sum((const struct mr_str *)(const void *)data + e, base);
    else
      sum += ((const uint64_t *)(const void *)data)[e];
  }
  return sum;
}

static uint64_t bits_sum(const uint64_t *words, uint32_t n) {
  return mr_bitmap_count(words, mr_bitmap_words(n));
}

static uint64_t bytes_sum(const uint8_t *restrict p, uint32_t n) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += p[i];
  return sum;
}

static uint64_t words_sum(const uint64_t *restrict p, uint32_t n) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += p[i];
  return sum;
}

uint64_t JOIN(mr_bench_read, MR_ISA)(const struct mr_field *field, const struct mr_col *col,
                                     uint32_t n, const uint8_t *base) {
  uint64_t sum = col->valid ? bits_sum(col->valid, n) : n;
  switch (mr_field_phys(field)) {
  case MR_PHYS_BIT: return sum + bits_sum(col->data, n);
  case MR_PHYS_CODE: return sum + bytes_sum(col->data, n);
  case MR_PHYS_W8: return sum + words_sum(col->data, n);
  case MR_PHYS_STR:
    for (uint32_t i = 0; i < n; i++) sum += text_sum((const struct mr_str *)col->data + i, base);
    return sum;
  default:
    for (uint32_t i = 0; i < n; i++)
      sum += list_sum(field, (const struct mr_list *)col->data + i, base);
    return sum;
  }
}
