/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATE_TABLE_SAVE_H
#define MR_STATE_TABLE_SAVE_H

/* Tables in checkpoints: a row of state as columns, whose values owe nothing to this run. Enums are
 * texts; a key is its columns; an aggregate K is one to four columns "aK.PART":
 *
 *   count                     count
 *   sum, avg of integers      lo, hi (128 bits)      avg: count
 *   sum, avg of doubles       sum                    avg: count
 *   min, max                  value
 *   first, last               value, time, partition
 *   collect_list              values; where windows share slices also times, order, by_time
 *   collect_set, distinct     values
 *   percentiles, top, mode    values (percentile_approx: numbers of buckets), counts
 *   approx_count_distinct     sketch: 512 registers, or the words of a set (hll.h)
 *   stddev, variance          count, mean, squares
 *
 * The caller puts whole numbers before them (lead), such as the window that a row is of.
 *
 *   snapshot  mr_space_freeze
 *   encode    mr_table_save_begin, per table mr_table_save, mr_table_save_end
 *   restore   mr_table_loader_init, then per row mr_load_next and mr_table_load */

#include "state/save.h"
#include "state/table.h"

#define MR_TABLE_LEAD_MAX 8u

/* A copy of the space that can be read while the space changes; of an instance that has ended the
 * space itself. False: no room. */
bool mr_space_freeze(const struct mr_space *space, struct mr_save *to, struct mr_space *frozen);

/* Begins rows `name`. in: the schema that the keys are columns of. */
void mr_table_save_begin(struct mr_save *to, const char *name, const struct mr_space *space,
                         const struct mr_schema *in, const char *const *lead, uint32_t lead_cnt);
/* All rows of a table, each behind the same leading numbers; `changed` (an index among them, or
 * UINT32_MAX) is 1 in rows that are noted as changed. */
void mr_table_save(struct mr_save *to, const struct mr_space *space, const struct mr_schema *in,
                   uint32_t table, const int64_t *lead, uint32_t lead_cnt, uint32_t changed);
/* One row of a table. */
void mr_table_save_row(struct mr_save *to, const struct mr_space *space, const struct mr_schema *in,
                       struct mr_row *row, const int64_t *lead, uint32_t lead_cnt);
void mr_table_save_end(struct mr_save *to);

struct mr_table_loader {
  struct mr_space *space;
  const struct mr_schema *in;
  struct mr_load_rows rows;
  uint32_t lead_cnt;
  uint8_t *scratch; /* strings on their way, in the region */
  size_t scratch_used;
  const char *why; /* mr_table_load failed; static text */
};
/* Finds rows `name` and checks that they are such as mr_table_save_begin writes. Layout time.
 * MR_ERR_IO, MR_ERR_NOMEM. */
int mr_table_loader_init(struct mr_table_loader *loader, struct mr_region *region,
                         struct mr_space *space, const struct mr_schema *in,
                         const struct mr_load *from, const char *name, const char *const *lead,
                         uint32_t lead_cnt, struct mr_error *err);
/* Puts the row that mr_load_next got into the table (whose rows come and go one by one: without the
 * index). NULL: see why. */
struct mr_row *mr_table_load(struct mr_table_loader *loader, struct mr_table *table);

/* ---- fold_save.c ---- */

#define MR_FOLD_COLS_MAX 4u
/* The columns of a fold: names without "aK.", and types. Their number. */
uint32_t mr_fold_cols(const struct mr_fold *fold, struct mr_save_col cols[MR_FOLD_COLS_MAX]);
void mr_fold_save(struct mr_save *to, const struct mr_space *space, const struct mr_fold *fold,
                  struct mr_row *row);
/* v: the values of its columns. False: see loader->why. */
bool mr_fold_load(struct mr_table_loader *loader, struct mr_table *table, uint32_t fold_idx,
                  struct mr_row *row, struct mr_load_value *v);
/* A string in the scratch memory; false: it is too long. */
bool mr_table_loader_str(struct mr_table_loader *loader, const struct mr_load_value *v,
                         struct mr_str *str);
/* The code of an enum's text, or -1. */
int32_t mr_enum_code(const struct mr_enum *codes, const uint8_t *text, uint32_t len);

#endif
