/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions by key, a row at a time, over rows in the order of time. */
#include "plain/plain.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "lib/bench.h"

struct slot {
  int64_t key, first, last;
  uint64_t cnt; /* 0: empty */
};

struct table {
  struct slot *slots;
  uint64_t mask, used;
};

static int grow(struct table *t) {
  uint64_t cnt = t->slots ? (t->mask + 1) * 2 : 1024, mask = cnt - 1;
  struct slot *slots = calloc(cnt, sizeof *slots);
  if (!slots) return MR_ERR_NOMEM;
  for (uint64_t i = 0; t->slots && i <= t->mask; i++) {
    if (!t->slots[i].cnt) continue;
    uint64_t at = mr_hash_u64((uint64_t)t->slots[i].key) & mask;
    while (slots[at].cnt) at = (at + 1) & mask;
    slots[at] = t->slots[i];
  }
  free(t->slots);
  t->slots = slots;
  t->mask = mask;
  return MR_OK;
}

static void write_out(const struct slot *s, int64_t gap_us, uint64_t *rows, uint64_t *hash) {
  int64_t row[4] = {s->first, s->last + gap_us, s->key, (int64_t)s->cnt};
  ++*rows;
  *hash += mr_bench_row_hash(row, 4);
}

int mr_plain_session(const struct mr_group_columns *columns, int64_t gap_us, uint64_t *rows,
                     uint64_t *hash) {
  struct table t = {0};
  *rows = *hash = 0;
  if (grow(&t) != MR_OK) return MR_ERR_NOMEM;
  for (uint64_t i = 0; i < columns->rows; i++) {
    int64_t key = columns->key[i], us = columns->value[i];
    uint64_t at = mr_hash_u64((uint64_t)key) & t.mask;
    while (t.slots[at].cnt && t.slots[at].key != key) at = (at + 1) & t.mask;
    struct slot *s = &t.slots[at];
    if (s->cnt && us <= s->last + gap_us) {
      s->last = us;
      s->cnt++;
      continue;
    }
    bool made = !s->cnt;
    if (!made) write_out(s, gap_us, rows, hash);
    *s = (struct slot){.key = key, .first = us, .last = us, .cnt = 1};
    if (made && ++t.used * 2 > t.mask + 1 && grow(&t) != MR_OK) {
      free(t.slots);
      return MR_ERR_NOMEM;
    }
  }
  for (uint64_t i = 0; i <= t.mask; i++)
    if (t.slots[i].cnt) write_out(&t.slots[i], gap_us, rows, hash);
  free(t.slots);
  return MR_OK;
}
