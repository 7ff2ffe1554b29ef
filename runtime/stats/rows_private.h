/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATS_ROWS_PRIVATE_H
#define MR_STATS_ROWS_PRIVATE_H

#include <stdint.h>

#include "stats/stats_abi.h"

/* One field of a table's entries, as it goes into a directory row. */
struct mr_stat_field {
  uint32_t table; /* enum mr_stat_table_id */
  uint16_t kind, unit;
  uint32_t off, sz;
  const char *label;
};

extern const struct mr_stat_field mr_stat_fields[];
extern const uint32_t mr_stat_field_cnt;

#endif
