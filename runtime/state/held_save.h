/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_HELD_SAVE_H
#define MR_STATE_HELD_SAVE_H

/* Held rows in checkpoints: a row as columns, whose values owe nothing to this run. Enums are
 * texts. Each row has `time` and `flags`, its key as "key.NAME", and the kept columns as
 * "value.NAME".
 *
 *   snapshot  mr_held_freeze
 *   encode    mr_held_save
 *   restore   mr_held_loader_init, then per row mr_held_load: a view of one row, which the operator
 *             takes as it takes those of its input */

#include "state/held.h"
#include "state/save.h"

/* Which columns of the input a key is, and what it was made of: the fields that the keys are
 * columns of (mr_key_col.col). */
struct mr_held_key {
  const struct mr_schema *in;     /* of the rows */
  const struct mr_schema *fields; /* of the keys */
  const uint32_t *cols;           /* of in, by key */
};

/* A copy of a store of held rows, which can be read while rows come and go; of an instance that
 * has ended the store itself. False: no room. */
bool mr_held_freeze(const struct mr_store *store, struct mr_save *to, struct mr_store *frozen);
/* The rows as they were then: held is a copy of the struct from that moment. */
struct mr_held mr_held_frozen(const struct mr_held *held, const struct mr_store *store);

void mr_held_save(struct mr_save *to, const char *name, const struct mr_held *held,
                  const struct mr_held_key *key);

struct mr_held_loader {
  const struct mr_held_form *form;
  const struct mr_held_key *key;
  const uint8_t *base;
  struct mr_load_rows rows;
  uint8_t *scratch; /* texts and lists on their way, in the region */
  size_t scratch_used;
  struct mr_col *cols; /* of view */
  const char *why;     /* what is wrong with the row; static text */
  /* the row: */
  struct mr_view view;
  int64_t us;
  uint32_t flags;
};
/* Finds rows `name` and checks that they are such as mr_held_save writes. Layout time. MR_ERR_IO,
 * MR_ERR_NOMEM. */
int mr_held_loader_init(struct mr_held_loader *l, struct mr_arena *arena, struct mr_region *region,
                        const struct mr_held_form *form, const struct mr_held_key *key,
                        const struct mr_load *from, const char *name, struct mr_error *err);
/* The next row. False: that was the last, or it is damaged. */
bool mr_held_load(struct mr_held_loader *l);
/* MR_OK when all rows were read; why: what the operator found, or NULL. */
int mr_held_load_end(const struct mr_held_loader *l, const char *why, struct mr_error *err);

/* Lines "key: NAME TYPE" and "column: NAME TYPE" for an operator's shape. keep as of
 * mr_held_form_init. */
struct mr_lines;
void mr_held_shape(struct mr_lines *out, const char *side, const struct mr_schema *in,
                   const uint32_t *key_cols, uint32_t key_cnt, const bool *keep);

#endif
