/* SPDX-License-Identifier: Apache-2.0 */
#include "state/due.h"

#include <string.h>

#include "base/assert.h"

#define SPARE_PAGES 2u /* empty ones that are kept */

_Static_assert(MR_DUE_PAGE * sizeof(struct mr_due_entry) == MR_STATE_SEGMENT_SZ,
               "a page is a segment");

static uint32_t *pages_of(const struct mr_due *due, const struct mr_store *store) {
  return mr_store_at(store, due->dir_ref);
}

static struct mr_due_entry *entry(const struct mr_due *due, const struct mr_store *store,
                                  uint64_t i) {
  struct mr_due_entry *page = mr_store_at(store, pages_of(due, store)[i / MR_DUE_PAGE]);
  return &page[i % MR_DUE_PAGE];
}

static bool grow_dir(struct mr_due *due, struct mr_store *store) {
  if (due->page_cnt < due->page_cap) return true;
  uint32_t class_idx = due->dir_ref ? due->dir_class + 1 : 0;
  if (class_idx == MR_STORE_CLASS_CNT) return false;
  uint32_t ref = mr_store_take(store, class_idx);
  if (!ref) return false;
  if (due->dir_ref) {
    memcpy(mr_store_at(store, ref), pages_of(due, store), due->page_cnt * sizeof(uint32_t));
    mr_store_give(store, due->dir_ref, due->dir_class);
  }
  due->dir_ref = ref;
  due->dir_class = class_idx;
  due->page_cap = mr_store_class_sz(class_idx) / (uint32_t)sizeof(uint32_t);
  return true;
}

bool mr_due_room(struct mr_due *due, struct mr_store *store) {
  if (due->cnt < (uint64_t)due->page_cnt * MR_DUE_PAGE) return true;
  if (!grow_dir(due, store)) return false;
  uint32_t ref = mr_store_take(store, MR_STORE_CLASS_SEG);
  if (!ref) return false;
  pages_of(due, store)[due->page_cnt++] = ref;
  return true;
}

void mr_due_add(struct mr_due *due, struct mr_store *store, int64_t us, uint32_t ref) {
  MR_DASSERT(due->cnt < (uint64_t)due->page_cnt * MR_DUE_PAGE);
  uint64_t at = due->cnt++;
  while (at) {
    uint64_t up = (at - 1) / 2;
    const struct mr_due_entry *parent = entry(due, store, up);
    if (parent->us <= us) break;
    *entry(due, store, at) = *parent;
    at = up;
  }
  *entry(due, store, at) = (struct mr_due_entry){us, ref, 0};
}

struct mr_due_entry mr_due_first(const struct mr_due *due, const struct mr_store *store) {
  MR_DASSERT(due->cnt);
  return *entry(due, store, 0);
}

void mr_due_take(struct mr_due *due, struct mr_store *store) {
  MR_DASSERT(due->cnt);
  struct mr_due_entry last = *entry(due, store, --due->cnt);
  uint64_t at = 0;
  for (uint64_t down = 1; down < due->cnt; down = 2 * at + 1) {
    if (down + 1 < due->cnt && entry(due, store, down + 1)->us < entry(due, store, down)->us)
      down++;
    const struct mr_due_entry *child = entry(due, store, down);
    if (child->us >= last.us) break;
    *entry(due, store, at) = *child;
    at = down;
  }
  if (due->cnt) *entry(due, store, at) = last;
  while (due->page_cnt > SPARE_PAGES &&
         (uint64_t)(due->page_cnt - SPARE_PAGES) * MR_DUE_PAGE > due->cnt)
    mr_store_give(store, pages_of(due, store)[--due->page_cnt], MR_STORE_CLASS_SEG);
}
