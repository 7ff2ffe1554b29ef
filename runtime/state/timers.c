/* SPDX-License-Identifier: Apache-2.0 */
#include "state/timers.h"

#include "base/assert.h"

#define CHUNK_CLASS 0u /* 512 bytes */
#define LOOK_MAX    4096u

struct entry {
  uint64_t at;
  uint32_t ref, zero;
};
struct chunk {
  uint32_t next, cnt;
  uint64_t zero;
  struct entry entries[];
};
#define CHUNK_ENTRIES                                                                              \
  (((MR_STORE_BLOCK_MIN << CHUNK_CLASS) - (uint32_t)sizeof(struct chunk)) /                        \
   (uint32_t)sizeof(struct entry))

static uint64_t number_of(int64_t us) {
  return (uint64_t)us ^ UINT64_C(1) << 63;
}

static struct chunk *chunk_at(const struct mr_store *store, uint32_t ref) {
  return mr_store_at(store, ref);
}

static bool put(struct mr_store *store, struct mr_timers *timers, uint64_t at, uint32_t ref) {
  uint64_t differs = at ^ timers->low;
  uint32_t level = differs ? (63 - (uint32_t)__builtin_clzll(differs)) / MR_TIMERS_BITS : 0;
  uint32_t digit = (uint32_t)(at >> level * MR_TIMERS_BITS) % MR_TIMERS_DIGITS;
  uint32_t *head = &timers->heads[level][digit];
  if (!*head || chunk_at(store, *head)->cnt == CHUNK_ENTRIES) {
    uint32_t made = mr_store_take(store, CHUNK_CLASS);
    if (!made) return false;
    *chunk_at(store, made) = (struct chunk){.next = *head};
    *head = made;
    timers->filled[level] |= UINT64_C(1) << digit;
  }
  struct chunk *c = chunk_at(store, *head);
  c->entries[c->cnt++] = (struct entry){.at = at, .ref = ref};
  return true;
}

bool mr_timers_add(struct mr_store *store, struct mr_timers *timers, int64_t at_us, uint32_t ref) {
  uint64_t at = number_of(at_us);
  if (!put(store, timers, at < timers->low ? timers->low : at, ref)) return false;
  timers->cnt++;
  return true;
}

/* The lowest bucket, and the least and the greatest time that it can have; false: all are empty.
 * Digits above its own are those of `low`. */
static bool lowest(const struct mr_timers *timers, uint32_t *level, uint32_t *digit, uint64_t *lo,
                   uint64_t *hi) {
  uint32_t l = 0;
  while (l < MR_TIMERS_LEVELS && !timers->filled[l]) l++;
  if (l == MR_TIMERS_LEVELS) return false;
  uint32_t shift = l * MR_TIMERS_BITS, above = shift + MR_TIMERS_BITS;
  uint64_t prefix = above < 64 ? timers->low >> above << above : 0;
  *level = l;
  *digit = (uint32_t)__builtin_ctzll(timers->filled[l]);
  *lo = prefix | (uint64_t)*digit << shift;
  *hi = *lo | ((UINT64_C(1) << shift) - 1);
  return true;
}

/* Begins to take the lowest bucket apart where something of it may be due. */
static bool next_bucket(struct mr_timers *timers, uint64_t until) {
  uint32_t level, digit;
  uint64_t lo, hi;
  if (!lowest(timers, &level, &digit, &lo, &hi) || lo > until) return false;
  timers->low = hi < until ? hi : until;
  timers->drain = timers->heads[level][digit];
  timers->heads[level][digit] = 0;
  timers->filled[level] &= ~(UINT64_C(1) << digit);
  return true;
}

uint32_t mr_timers_take(struct mr_store *store, struct mr_timers *timers, int64_t until_us,
                        struct mr_timer *out, uint32_t max, bool *more, bool *full) {
  uint64_t until = number_of(until_us);
  uint32_t n = 0;
  for (uint32_t looked = 0; looked < LOOK_MAX && n < max; looked++) {
    if (!timers->drain && !next_bucket(timers, until)) {
      *more = false;
      return n;
    }
    struct chunk *c = chunk_at(store, timers->drain);
    struct entry e = c->entries[--c->cnt];
    if (!c->cnt) {
      uint32_t next = c->next;
      mr_store_give(store, timers->drain, CHUNK_CLASS);
      timers->drain = next;
    }
    if (e.at <= until) {
      out[n++] = (struct mr_timer){(int64_t)(e.at ^ UINT64_C(1) << 63), e.ref};
      timers->cnt--;
    } else if (!put(store, timers, e.at, e.ref)) {
      *full = true;
      timers->cnt--;
    }
  }
  *more = true;
  return n;
}

int64_t mr_timers_least(const struct mr_timers *timers) {
  uint32_t level, digit;
  uint64_t lo, hi;
  if (timers->drain) return (int64_t)(timers->low ^ UINT64_C(1) << 63);
  if (!lowest(timers, &level, &digit, &lo, &hi)) return INT64_MAX;
  return (int64_t)(lo ^ UINT64_C(1) << 63);
}

bool mr_timers_peek(const struct mr_store *store, const struct mr_timers *timers,
                    struct mr_timer *out) {
  uint32_t level, digit;
  uint64_t lo, hi;
  if (timers->drain || !lowest(timers, &level, &digit, &lo, &hi)) return false;
  const struct chunk *c = chunk_at(store, timers->heads[level][digit]);
  uint32_t first = 0;
  for (uint32_t i = 1; i < c->cnt; i++)
    if (c->entries[i].at < c->entries[first].at) first = i;
  *out =
      (struct mr_timer){(int64_t)(c->entries[first].at ^ UINT64_C(1) << 63), c->entries[first].ref};
  return true;
}
