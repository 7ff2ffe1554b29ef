/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/plain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/rng.h"
#include "lib/bench.h"

const char *const mr_city_names[MR_CITY_CITIES] = {"SF",      "NYC",     "LA",
                                                   "Chicago", "Seattle", "Boston"};
const char *const mr_city_types[MR_CITY_TYPES] = {"traffic", "weather", "incident", "construction"};
const char *const mr_city_severities[MR_CITY_SEVERITIES] = {"low", "medium", "high", "critical"};

struct mr_city_event mr_city_event_at(uint64_t seed, uint64_t k) {
  uint64_t r = mr_rng_at(seed, k);
  return (struct mr_city_event){
      .city = (uint8_t)mr_rng_below(r, MR_CITY_CITIES),
      .event_type = (uint8_t)(r & 3),
      .severity = (uint8_t)((r >> 2) & 3),
      .ts_us = MR_CITY_START_US + (int64_t)k * MR_CITY_STEP_US,
  };
}

static void *column(uint64_t bytes) {
  uint64_t huge = UINT64_C(2) << 20;
  void *p = aligned_alloc(huge, (bytes + huge - 1) & ~(huge - 1));
  if (p) (void)madvise(p, bytes, MADV_HUGEPAGE);
  return p;
}

int mr_city_columns_make(struct mr_city_columns *columns, uint64_t seed, uint64_t rows) {
  *columns = (struct mr_city_columns){.rows = rows};
  columns->city = column(rows);
  columns->event_type = column(rows);
  columns->severity = column(rows);
  columns->ts_us = column(rows * sizeof(int64_t));
  if (!columns->city || !columns->event_type || !columns->severity || !columns->ts_us) {
    mr_city_columns_free(columns);
    return MR_ERR_NOMEM;
  }
  for (uint64_t k = 0; k < rows; k++) {
    struct mr_city_event e = mr_city_event_at(seed, k);
    columns->city[k] = e.city;
    columns->event_type[k] = e.event_type;
    columns->severity[k] = e.severity;
    columns->ts_us[k] = e.ts_us;
  }
  columns->ts_min = MR_CITY_START_US;
  columns->ts_max = rows ? columns->ts_us[rows - 1] : MR_CITY_START_US;
  return MR_OK;
}

void mr_city_columns_free(struct mr_city_columns *columns) {
  free(columns->city);
  free(columns->event_type);
  free(columns->severity);
  free(columns->ts_us);
  *columns = (struct mr_city_columns){0};
}

int mr_city_counts_make(struct mr_city_counts *counts, int64_t ts_min, int64_t ts_max) {
  int64_t first = ts_min / MR_CITY_WINDOW_US, last = ts_max / MR_CITY_WINDOW_US;
  counts->first_us = first * MR_CITY_WINDOW_US;
  counts->windows = (uint32_t)(last - first + 1);
  counts->counts = calloc((size_t)counts->windows * MR_CITY_KEYS, sizeof(uint64_t));
  return counts->counts ? MR_OK : MR_ERR_NOMEM;
}

void mr_city_counts_clear(struct mr_city_counts *counts) {
  memset(counts->counts, 0, (size_t)counts->windows * MR_CITY_KEYS * sizeof(uint64_t));
}

void mr_city_counts_free(struct mr_city_counts *counts) {
  free(counts->counts);
  *counts = (struct mr_city_counts){0};
}

void mr_city_counts_hash(const struct mr_city_counts *counts, uint64_t *rows, uint64_t *hash) {
  *rows = *hash = 0;
  for (uint32_t w = 0; w < counts->windows; w++)
    for (uint32_t key = 0; key < MR_CITY_CITIES * MR_CITY_TYPES; key++) {
      uint64_t cnt = counts->counts[(size_t)w * MR_CITY_KEYS + key];
      if (!cnt) continue;
      int64_t row[4] = {counts->first_us + w * MR_CITY_WINDOW_US, key / MR_CITY_TYPES,
                        key % MR_CITY_TYPES, (int64_t)cnt};
      ++*rows;
      *hash += mr_bench_row_hash(row, 4);
    }
}
