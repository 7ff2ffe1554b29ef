/* SPDX-License-Identifier: Apache-2.0 */
/* An interval join of two inputs in the order of time, a row at a time: each side has a ring of its
 * newest rows and chains of them by hash, the newest first. What is too old is never taken out: a
 * chain ends where it becomes too old. */
#include "plain/plain.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "lib/bench.h"

struct entry {
  int64_t key, us;
  uint64_t next; /* number of the row before it in the chain, from 1; 0: none */
};

struct side {
  struct entry *ring;
  uint64_t *heads;
  uint64_t mask; /* of both */
};

static int make_side(struct side *s, uint64_t live) {
  uint64_t cnt = 1024;
  while (cnt < live + live / 4) cnt *= 2;
  s->mask = cnt - 1;
  s->ring = malloc(cnt * sizeof *s->ring);
  s->heads = calloc(cnt, sizeof *s->heads);
  if (!s->ring || !s->heads) return MR_ERR_NOMEM;
  memset(s->ring, 0, cnt * sizeof *s->ring);
  return MR_OK;
}

static void free_side(struct side *s) {
  free(s->ring);
  free(s->heads);
}

static inline void add_row(struct side *s, uint64_t row, int64_t key, int64_t us) {
  uint64_t *head = &s->heads[mr_hash_u64((uint64_t)key) & s->mask];
  s->ring[row & s->mask] = (struct entry){key, us, *head};
  *head = row + 1;
}

/* Rows of the other side with the key that are not before lo_us. swap: the row at hand is right's.
 */
static inline void find_rows(const struct side *s, int64_t key, int64_t us, int64_t lo_us,
                             bool swap, uint64_t *rows, uint64_t *hash) {
  uint64_t at = s->heads[mr_hash_u64((uint64_t)key) & s->mask];
  while (at) {
    const struct entry *e = &s->ring[(at - 1) & s->mask];
    if (e->us < lo_us) break;
    if (e->key == key) {
      int64_t row[3] = {key, swap ? e->us : us, swap ? us : e->us};
      ++*rows;
      *hash += mr_bench_row_hash(row, 3);
    }
    at = e->next;
  }
}

int mr_plain_join(const struct mr_group_columns *left, const struct mr_group_columns *right,
                  int64_t near_us, uint64_t live, uint64_t *rows, uint64_t *hash) {
  struct side l = {0}, r = {0};
  *rows = *hash = 0;
  int rc = make_side(&l, live);
  if (!rc) rc = make_side(&r, live);
  for (uint64_t i = 0; !rc && i < left->rows; i++) {
    find_rows(&r, left->key[i], left->value[i], left->value[i] - near_us, false, rows, hash);
    add_row(&l, i, left->key[i], left->value[i]);
    find_rows(&l, right->key[i], right->value[i], right->value[i] - near_us, true, rows, hash);
    add_row(&r, i, right->key[i], right->value[i]);
  }
  free_side(&l);
  free_side(&r);
  return rc;
}
