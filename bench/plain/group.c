/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/plain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "lib/bench.h"

#define SLOTS_FIRST 1024u
#define VALUE_MAX   1000000

static void *big(uint64_t bytes) {
  uint64_t huge = UINT64_C(2) << 20;
  void *p = aligned_alloc(huge, (bytes + huge - 1) & ~(huge - 1));
  if (p) (void)madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

int mr_group_columns_make(struct mr_group_columns *columns, uint64_t seed, uint64_t rows,
                          uint64_t keys) {
  *columns = (struct mr_group_columns){.rows = rows};
  columns->key = big(rows * sizeof(int64_t));
  columns->value = big(rows * sizeof(int64_t));
  if (!columns->key || !columns->value) {
    mr_group_columns_free(columns);
    return MR_ERR_NOMEM;
  }
  for (uint64_t k = 0; k < rows; k++) {
    uint64_t r = mr_rng_at(seed, k), which = mr_rng_below(r, (uint32_t)keys);
    columns->key[k] = (int64_t)mr_hash_u64(which + 1);
    columns->value[k] = (int64_t)((r & UINT32_MAX) % (2 * VALUE_MAX + 1)) - VALUE_MAX;
  }
  return MR_OK;
}

void mr_group_columns_free(struct mr_group_columns *columns) {
  free(columns->key);
  free(columns->value);
  *columns = (struct mr_group_columns){0};
}

static struct mr_group_slot *make_slots(uint64_t cnt) {
  struct mr_group_slot *slots = big(cnt * sizeof *slots);
  if (slots) memset(slots, 0, cnt * sizeof *slots);
  return slots;
}

int mr_group_table_make(struct mr_group_table *table) {
  *table = (struct mr_group_table){.mask = SLOTS_FIRST - 1};
  table->slots = calloc(SLOTS_FIRST, sizeof *table->slots);
  return table->slots ? MR_OK : MR_ERR_NOMEM;
}

void mr_group_table_free(struct mr_group_table *table) {
  free(table->slots);
  *table = (struct mr_group_table){0};
}

static int grow(struct mr_group_table *table) {
  uint64_t cnt = (table->mask + 1) * 2, mask = cnt - 1;
  struct mr_group_slot *slots = make_slots(cnt);
  if (!slots) return MR_ERR_NOMEM;
  for (uint64_t i = 0; i <= table->mask; i++) {
    if (!table->slots[i].cnt) continue;
    uint64_t at = mr_hash_u64((uint64_t)table->slots[i].key) & mask;
    while (slots[at].cnt) at = (at + 1) & mask;
    slots[at] = table->slots[i];
  }
  free(table->slots);
  table->slots = slots;
  table->mask = mask;
  return MR_OK;
}

int mr_plain_group(const struct mr_group_columns *columns, uint64_t first, uint64_t cnt,
                   struct mr_group_table *table) {
  const int64_t *key = columns->key, *value = columns->value;
  struct mr_group_slot *slots = table->slots;
  uint64_t mask = table->mask;
  for (uint64_t i = first; i < first + cnt; i++) {
    int64_t k = key[i], v = value[i];
    uint64_t at = mr_hash_u64((uint64_t)k) & mask;
    while (slots[at].cnt && slots[at].key != k) at = (at + 1) & mask;
    struct mr_group_slot *s = &slots[at];
    if (s->cnt) {
      s->cnt++;
      s->sum += v;
      s->min = v < s->min ? v : s->min;
      s->max = v > s->max ? v : s->max;
      continue;
    }
    *s = (struct mr_group_slot){.key = k, .cnt = 1, .sum = v, .min = v, .max = v};
    if (++table->used * 2 <= mask + 1) continue;
    if (grow(table) != MR_OK) return MR_ERR_NOMEM;
    slots = table->slots;
    mask = table->mask;
  }
  return MR_OK;
}

void mr_group_table_hash(const struct mr_group_table *table, uint64_t *rows, uint64_t *hash) {
  *rows = *hash = 0;
  for (uint64_t i = 0; i <= table->mask; i++) {
    const struct mr_group_slot *s = &table->slots[i];
    if (!s->cnt) continue;
    int64_t row[5] = {s->key, (int64_t)s->cnt, (int64_t)s->sum, s->min, s->max};
    ++*rows;
    *hash += mr_bench_row_hash(row, 5);
  }
}
