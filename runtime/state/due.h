/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_DUE_H
#define MR_STATE_DUE_H

/* References in the order of the times at which they are due: a binary heap in pages of a store.
 * Times that come in order cost one comparison each. One worker. */

#include "state/store.h"

#define MR_DUE_PAGE 4096u /* entries of a page, 64 KiB */

struct mr_due_entry {
  int64_t us;
  uint32_t ref, zero;
};

struct mr_due { /* zeroed: empty */
  uint32_t dir_ref, dir_class;
  uint32_t page_cnt, page_cap;
  uint64_t cnt;
};

/* Makes room for one more; false: the store is full. */
bool mr_due_room(struct mr_due *due, struct mr_store *store);
/* Adds a reference; there is room. */
void mr_due_add(struct mr_due *due, struct mr_store *store, int64_t us, uint32_t ref);
/* The one that is due first; there is one. */
struct mr_due_entry mr_due_first(const struct mr_due *due, const struct mr_store *store);
/* Takes it out. */
void mr_due_take(struct mr_due *due, struct mr_store *store);

#endif
