/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_TIMERS_H
#define MR_STATE_TIMERS_H

/* What is to happen when: references that come out once time has reached theirs, whose time only
 * goes on. A radix heap (Ahuja, Mehlhorn, Orlin, Tarjan 1990): entries lie in the bucket of the
 * highest bit in which their time differs from the lowest there can be, so adding one is a store,
 * and each moves down a few times at most. Entries that come out together do so in no order.
 * Nothing is removed before its time. Memory is chunks of 4 KiB of the store. */

#include "state/store.h"

#define MR_TIMERS_BITS   6u
#define MR_TIMERS_DIGITS 64u
#define MR_TIMERS_LEVELS 11u

struct mr_timers { /* zeroed: empty */
  uint64_t low;    /* no entry is below; times as unsigned numbers in their order */
  uint64_t cnt;
  uint64_t filled[MR_TIMERS_LEVELS];                  /* bits: digits that have entries */
  uint32_t heads[MR_TIMERS_LEVELS][MR_TIMERS_DIGITS]; /* chunks; the first is being filled */
  uint32_t drain;                                     /* chunks of the bucket that is taken apart */
};

struct mr_timer {
  int64_t at_us;
  uint32_t ref;
};

/* False: no room. */
bool mr_timers_add(struct mr_store *store, struct mr_timers *timers, int64_t at_us, uint32_t ref);
/* Takes up to max entries whose time is not after until_us, and looks at no more than a few
 * thousand, so that it never takes long; *more: call again. *full is set when there was no room to
 * move entries. */
uint32_t mr_timers_take(struct mr_store *store, struct mr_timers *timers, int64_t until_us,
                        struct mr_timer *out, uint32_t max, bool *more, bool *full);
/* One of the entries that come first, for who wants to tell about it: the first of those that lie
 * together. False: there is none. */
bool mr_timers_peek(const struct mr_store *store, const struct mr_timers *timers,
                    struct mr_timer *out);
/* A time that no entry is before; INT64_MAX: there is none. */
int64_t mr_timers_least(const struct mr_timers *timers);

#endif
