/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_PLAIN_H
#define MR_BENCH_PLAIN_H

/* The plain side of the benchmarks: the same work as ordinary loops, written as well as we can.
 * Kernels exist once per x86-64 level; ask for one only up to mr_isa_detect(). Nothing here uses
 * the engine (runtime/base apart). One thread unless said. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- city events as columns ------------------------------------------------------------------- */

#define MR_CITY_CITIES     6u
#define MR_CITY_TYPES      4u
#define MR_CITY_SEVERITIES 4u
#define MR_CITY_KEYS       32u /* counters per window: city * 4 + type, 24 of them used */
#define MR_CITY_STEP_US    20000
#define MR_CITY_WINDOW_US  INT64_C(300000000)
#define MR_CITY_START_US   INT64_C(1760313600000000) /* 2025-10-13T00:00:00Z, a multiple of 5 min */

/* The codes' texts: SF NYC LA Chicago Seattle Boston; traffic weather incident construction; low
 * medium high critical. */
extern const char *const mr_city_names[MR_CITY_CITIES];
extern const char *const mr_city_types[MR_CITY_TYPES];
extern const char *const mr_city_severities[MR_CITY_SEVERITIES];

/* Event k of a stream, for columns and file alike: city, type and severity uniform and independent,
 * event time MR_CITY_START_US + k * 20 ms. */
struct mr_city_event {
  uint8_t city, event_type, severity;
  int64_t ts_us;
};
struct mr_city_event mr_city_event_at(uint64_t seed, uint64_t k);

/* Columns of `rows` events, 11 bytes a row, each array aligned to 4 KiB and owned by the struct. */
struct mr_city_columns {
  uint64_t rows;
  uint8_t *city, *event_type, *severity;
  int64_t *ts_us;
  int64_t ts_min, ts_max;
};
/* 0 or MR_ERR_NOMEM. */
int mr_city_columns_make(struct mr_city_columns *columns, uint64_t seed, uint64_t rows);
void mr_city_columns_free(struct mr_city_columns *columns);

/* Counts by (window, city, event_type): counts[w * MR_CITY_KEYS + city * 4 + type] for the window
 * that starts at first_us + w * MR_CITY_WINDOW_US. */
struct mr_city_counts {
  int64_t first_us;
  uint32_t windows;
  uint64_t *counts;
};
/* Zeroed counts for every window that the columns touch. 0 or MR_ERR_NOMEM. */
int mr_city_counts_make(struct mr_city_counts *counts, int64_t ts_min, int64_t ts_max);
void mr_city_counts_clear(struct mr_city_counts *counts);
void mr_city_counts_free(struct mr_city_counts *counts);
/* Rows with a count above 0 and their order-independent hash over (window start us, city code, type
 * code, count), as mr_bench_row_hash makes it. */
void mr_city_counts_hash(const struct mr_city_counts *counts, uint64_t *rows, uint64_t *hash);

/* severity IN ('high', 'critical'), count per 5 min, city and event_type. */
typedef void mr_city_fn(const struct mr_city_columns *columns, struct mr_city_counts *counts);
/* The best fused loop: blocks of 1,024 rows, SIMD predicate, one window per block in the usual
 * case. */
mr_city_fn *mr_plain_city_fused(enum mr_isa isa);
/* The ordinary loop with a branch and a division per row. */
mr_city_fn *mr_plain_city_branchy(enum mr_isa isa);
/* Fused, counting by comparing the whole block with each of the 24 keys: for information. */
mr_city_fn *mr_plain_city_compare(enum mr_isa isa);

/* --- filters alone ---------------------------------------------------------------------------- */

/* Rows whose severity is 2 or 3. */
typedef uint64_t mr_severe_fn(const uint8_t *severity, uint64_t rows);
mr_severe_fn *mr_plain_severe(enum mr_isa isa);
/* Rows with -500,000 <= value <= 500,000 and key > 0. */
typedef uint64_t mr_between_fn(const int64_t *key, const int64_t *value, uint64_t rows);
mr_between_fn *mr_plain_between(enum mr_isa isa);

/* --- YSB with generation ---------------------------------------------------------------------- */

#define MR_YSB_ADS       1000u
#define MR_YSB_CAMPAIGNS 100u
#define MR_YSB_STEP_US   1
#define MR_YSB_WINDOW_US INT64_C(10000000)
#define MR_YSB_START_US  INT64_C(1760313600000000)

/* Event k: r = mr_rng_at(seed, k); ad_id = mr_rng_below(r, 1000) (r's high half), event_type = (low
 * half * 3) >> 32 (0 view, 1 click, 2 purchase), event_time = MR_YSB_START_US + k * MR_YSB_STEP_US.
 */
struct mr_ysb {
  uint64_t seed, events;
  uint8_t campaign[MR_YSB_ADS]; /* ad -> campaign, random, 10 ads each */
  uint32_t windows;
  uint64_t *counts; /* [windows][MR_YSB_CAMPAIGNS] */
};
/* 0 or MR_ERR_NOMEM. */
int mr_ysb_make(struct mr_ysb *ysb, uint64_t seed, uint64_t events);
void mr_ysb_clear(struct mr_ysb *ysb);
void mr_ysb_free(struct mr_ysb *ysb);
/* Over (window start us, campaign, count) of counts above 0. */
void mr_ysb_hash(const struct mr_ysb *ysb, uint64_t *rows, uint64_t *hash);
typedef void mr_ysb_fn(struct mr_ysb *ysb);
mr_ysb_fn *mr_plain_ysb_fused(enum mr_isa isa);
/* With the branch on the event type that one would write first. */
mr_ysb_fn *mr_plain_ysb_branchy(enum mr_isa isa);
/* Each event first written as a row of 64 bytes into a block of 1,024, then read from it. */
mr_ysb_fn *mr_plain_ysb_rows(enum mr_isa isa);

/* --- city files ------------------------------------------------------------------------------- */

enum mr_city_text {
  MR_CITY_NDJSON, /* about 150 bytes a line */
  MR_CITY_CSV     /* about 90 bytes a row, with a header; every fourth description is in quotes */
};

/* Writes `rows` events from number 0 on, a line each (keys city, severity, timestamp, description,
 * event_type; times in whole seconds), unless path is already such a file of the same seed and rows
 * (by size and a side file PATH.made). *bytes takes its size. 0 or MR_ERR_IO. */
int mr_city_file_make(const char *path, enum mr_city_text text, uint64_t seed, uint64_t rows,
                      uint64_t *bytes);

/* Reads path with pread into a reused buffer of 4 MiB, simdjson on-demand (iterate_many), keeps
 * severity high or critical, counts per (5 min, city, event_type), writes one line per group to
 * out_path:
 * {"window_start":"2025-10-13T00:00:00Z","city":"SF","event_type":"traffic","event_count":123}
 * Aborts on a malformed line. *events takes the lines read. 0, MR_ERR_IO, or MR_ERR_STATE when this
 * CPU lacks AVX2. */
int mr_plain_ndjson(const char *path, const char *out_path, uint64_t *events);

/* --- group by int64 --------------------------------------------------------------------------- */

struct mr_group_columns {
  uint64_t rows;
  int64_t *key, *value;
};
/* Keys uniform over `keys` values (spread over 64 bits by a hash), values uniform in +-10^6. */
int mr_group_columns_make(struct mr_group_columns *columns, uint64_t seed, uint64_t rows,
                          uint64_t keys);
void mr_group_columns_free(struct mr_group_columns *columns);

struct mr_group_slot {
  int64_t key;
  uint64_t cnt; /* 0: empty */
  __extension__ __int128 sum;
  int64_t min, max;
};
/* Open addressing, linear probing, power of two, grown by doubling at half full (3/4 full costs a
 * third of the rate at 10^4 keys); starts at 1,024 slots. */
struct mr_group_table {
  struct mr_group_slot *slots;
  uint64_t mask, used;
};
/* 0 or MR_ERR_NOMEM. */
int mr_group_table_make(struct mr_group_table *table);
void mr_group_table_free(struct mr_group_table *table);
/* count, sum, min, max of value by key, a row at a time. rows from first on, cnt of them. 0 or
 * MR_ERR_NOMEM. */
int mr_plain_group(const struct mr_group_columns *columns, uint64_t first, uint64_t cnt,
                   struct mr_group_table *table);
/* Over (key, count, sum low, min, max). */
void mr_group_table_hash(const struct mr_group_table *table, uint64_t *rows, uint64_t *hash);

/* Sessions by key: value is the event time, in order. rows and hash of the output: start, end, key,
 * count. 0 or MR_ERR_NOMEM. */
int mr_plain_session(const struct mr_group_columns *columns, int64_t gap_us, uint64_t *rows,
                     uint64_t *hash);

/* Pairs of rows of left and right (value: event time, in order; as many rows on each side) with the
 * same key and at most near_us apart. live: rows that near_us covers. Rows: key, left's and right's
 * time. 0 or MR_ERR_NOMEM. */
int mr_plain_join(const struct mr_group_columns *left, const struct mr_group_columns *right,
                  int64_t near_us, uint64_t live, uint64_t *rows, uint64_t *hash);

/* --- rings: two pinned threads (CPU 0 and 1 of those allowed) -----------------------------------
 */

/* p50 of the round trip of one 8-byte element through two rte_ring rings. 0 when there is one CPU.
 */
double mr_plain_ring_ping_pong_ns(uint32_t rounds);
/* Elements of 8 bytes per second through one rte_ring, `burst` at a time, copying; 0 when there is
 * one CPU. */
double mr_plain_ring_rate(uint64_t elements, uint32_t burst);

/* --- one histogram sample -----------------------------------------------------------------------
 */

/* Nanoseconds per sample over n random values of 64 B..1 s: HdrHistogram_c's hdr_record_value (0
 * when not built in) and clz + add. */
double mr_plain_hdr_ns(uint64_t n, uint64_t seed);
double mr_plain_clz_ns(uint64_t n, uint64_t seed);
/* The values of both: MR_SAMPLE_VALUES of them, a power of two; the caller frees them. */
#define MR_SAMPLE_VALUES 65536u
int64_t *mr_plain_sample_values(uint64_t seed);

/* --- a HyperLogLog ------------------------------------------------------------------------------
 */

/* Adds all values to one sketch of 512 registers, which is cleared first. */
void mr_plain_hll(const int64_t *values, uint64_t rows, uint8_t registers[512]);

#ifdef __cplusplus
}
#endif

#endif
