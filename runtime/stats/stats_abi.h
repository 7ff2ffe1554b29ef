/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_STATS_STATS_ABI_H
#define MR_STATS_STATS_ABI_H

/* The body of a ctl segment: what a running graph tells about itself.
 *
 *   directory -> tables: nodes, workers, links, paths, partitions, errors, parts, counters, plan
 *             -> rows: one per field of the tables' entries, so that a tool of another build can
 * list them all
 *
 * Offsets count from the start of the segment. A table is `cnt` entries, one each `stride` bytes; a
 * reader takes what it knows of an entry and leaves the rest, so that entries grow in their
 * reserved bytes.
 *
 * All numbers that change are 8-byte words with one writer each, stored relaxed and never torn.
 * They only rise, except gauges. Who writes is said per struct. The time words hold an int64_t;
 * INT64_MIN: none yet, INT64_MAX: the end of time. The words of different writers lie on different
 * pairs of cache lines.
 *
 * Histograms: HdrHistogram's buckets for 1 ns to 100 s with 2 significant digits, so a copy of the
 * counts is the counts array of hdr_init(1, 100000000000, 2). They only rise: the difference of two
 * copies is the interval between. */

#include <stdint.h>

#include "base/abi.h"

#define MR_STAT_NAME_SZ  64u
#define MR_STAT_TYPE_SZ  32u
#define MR_STAT_LABEL_SZ 64u
#define MR_STAT_ALIGN    128u

/* ---- histogram ---- */

#define MR_HIST_LOWEST  UINT64_C(1)
#define MR_HIST_HIGHEST UINT64_C(100000000000)
#define MR_HIST_DIGITS  2
#define MR_HIST_CNT     3968u /* 31 powers of two (256 and up) of 128 buckets each */

struct mr_hist {
  _Atomic uint64_t counts[MR_HIST_CNT];
};
MR_ABI_SIZE(struct mr_hist, 31744);

/* ---- directory ---- */

enum mr_stat_table_id { /* index into the tables */
                        MR_STAT_NODES,
                        MR_STAT_WORKERS,
                        MR_STAT_LINKS,
                        MR_STAT_PATHS,
                        MR_STAT_PARTITIONS,
                        MR_STAT_ERRORS,
                        MR_STAT_PARTS,
                        MR_STAT_COUNTERS,
                        MR_STAT_PLAN,
                        MR_STAT_TABLE_CNT
};

struct mr_stat_directory {
  uint32_t table_cnt, row_cnt;
  uint64_t tables_off; /* struct mr_stat_table each */
  uint64_t rows_off;   /* struct mr_stat_row each */
  uint32_t table_stride, row_stride;
  uint32_t flags; /* enum mr_stat_flags */
  uint32_t worker_cnt;
  uint8_t reserved[88];
};
MR_ABI_SIZE(struct mr_stat_directory, 128);

enum mr_stat_flags { MR_STAT_VIRTUAL_CLOCK = 1 };

struct mr_stat_table {
  uint32_t id, cnt; /* enum mr_stat_table_id; entries */
  uint64_t off;     /* of the first entry */
  uint64_t stride;  /* bytes from one entry to the next; plan: 1, cnt is its length */
  char name[32];    /* "nodes" */
  uint8_t reserved[8];
};
MR_ABI_SIZE(struct mr_stat_table, 64);

enum mr_stat_kind {
  MR_STAT_KIND_TEXT,    /* bytes, NUL-terminated */
  MR_STAT_KIND_NUMBER,  /* fixed at the start: 4 or 8 bytes */
  MR_STAT_KIND_COUNTER, /* a word that only rises */
  MR_STAT_KIND_GAUGE,   /* a word */
  MR_STAT_KIND_HIST     /* struct mr_hist */
};
enum mr_stat_unit {
  MR_STAT_UNIT_NONE,
  MR_STAT_UNIT_ROWS,
  MR_STAT_UNIT_ITEMS,
  MR_STAT_UNIT_BYTES,
  MR_STAT_UNIT_NS,
  MR_STAT_UNIT_US_EPOCH, /* microseconds since the epoch, UTC, signed */
  MR_STAT_UNIT_KEYS,
  MR_STAT_UNIT_TIMES, /* how often */
  MR_STAT_UNIT_INDEX  /* into a table, or a number of a CPU; signed */
};

struct mr_stat_row {      /* one field of a table's entries */
  _Atomic uint64_t state; /* 1: valid, stored with release after the rest */
  uint32_t id;            /* 1.., never reused */
  uint16_t kind, unit;
  uint32_t table, sz; /* bytes of the field */
  uint64_t off;       /* from the start of the entry */
  char label[32];     /* "rows_in" */
};
MR_ABI_SIZE(struct mr_stat_row, 64);

/* ---- entries ---- */

enum mr_stat_node_kind { MR_STAT_SOURCE, MR_STAT_STEP, MR_STAT_SINK };
enum mr_stat_node_flags { MR_STAT_NODE_INTERNAL = 1 }; /* made by the planner; tools leave it out */

struct mr_node_stat { /* one instance of a node; the words' writer: its worker */
  char name[MR_STAT_NAME_SZ];
  char type[MR_STAT_TYPE_SZ];
  uint32_t instance, worker; /* 0..N-1 of its node; index into workers */
  uint32_t kind, flags;      /* enum mr_stat_node_kind, mr_stat_node_flags */
  uint32_t input;            /* index + 1 of an instance of its first input, 0: none or not told */
  uint8_t reserved_0[12];
  _Atomic uint64_t rows_in, rows_out, absorbed, filtered, late, late_partial, future, dropped;
  _Atomic uint64_t dead_letters, bytes_in, bytes_out, nan_null;
  _Atomic uint64_t busy_ns, blocked_ns, idle_ns;
  _Atomic uint64_t watermark_us;             /* gauge, time */
  _Atomic uint64_t state_keys, state_bytes;  /* gauges */
  _Atomic uint64_t cycle_max_ns, cycle_over; /* longest call; calls over MR_STAT_CYCLE_NS: of those
                                                that are timed, as in service_ns */
  _Atomic uint64_t input_bytes, input_bytes_total; /* sources: read so far; gauge, 0: unknown */
  /* since 1.1: windows; the three of the one that closes next count while windows_open is not 0 */
  _Atomic uint64_t windows_open, windows_closed; /* gauge */
  _Atomic uint64_t next_start_us, next_end_us;   /* gauges, time */
  _Atomic uint64_t next_keys;                    /* gauge */
  _Atomic uint64_t derived_errors; /* rows that the node made and that are in error: in no other
                                      count, for they are no rows of its input */
  uint8_t reserved_1[32];
  struct mr_hist service_ns; /* time of one call of the operator */
};
MR_ABI_SIZE(struct mr_node_stat, 32128);
MR_ABI_AT(struct mr_node_stat, rows_in, 128);
MR_ABI_AT(struct mr_node_stat, service_ns, 384);

#define MR_STAT_CYCLE_NS UINT64_C(1000000) /* a call that takes longer keeps others waiting */
#define MR_STAT_GAP_NS   UINT64_C(1000) /* a loop without work takes less: the rest is the host's */

struct mr_worker_stat { /* the words' writer: the worker */
  _Atomic uint64_t cpu; /* signed: where it is pinned, -1: nowhere */
  _Atomic uint64_t tid; /* 0: not started */
  _Atomic uint64_t busy_ns, blocked_ns, idle_ns, housekeeping_ns; /* sum: its wall clock */
  _Atomic uint64_t loops;
  _Atomic uint64_t gap_max_ns; /* longest of gap_ns */
  _Atomic uint64_t waits;      /* how often it slept */
  uint8_t reserved[56];
  struct mr_hist
      gap_ns; /* "hiccup": time of a loop that found nothing to do, above MR_STAT_GAP_NS */
};
MR_ABI_SIZE(struct mr_worker_stat, 31872);

struct mr_link_stat {
  uint32_t from, to; /* indices into nodes */
  uint32_t capacity; /* items */
  uint32_t flags;
  uint8_t reserved_0[112];
  /* writer: the reading worker. Before the sender's words: a copy that goes upwards sees taken <=
   * sent */
  _Atomic uint64_t items_taken, rows_taken;
  uint8_t reserved_1[112];
  /* writer: the sending worker; items with rows only, both sides */
  _Atomic uint64_t items_sent, rows_sent;
  _Atomic uint64_t full;       /* times that it became full */
  _Atomic uint64_t depth_peak; /* gauge, items: the most that lay in it when something was sent */
  uint8_t reserved_2[96];
  struct mr_hist wait_ns; /* writer: the reading worker; from sent to taken, one sample per item */
};
MR_ABI_SIZE(struct mr_link_stat, 32128);
MR_ABI_AT(struct mr_link_stat, items_taken, 128);
MR_ABI_AT(struct mr_link_stat, items_sent, 256);

struct mr_path_stat { /* source to one instance of a sink; writer: the sink's worker */
  uint32_t from, to;  /* indices into nodes: the source's instance 0, the sink's instance */
  uint8_t reserved[120];
  struct mr_hist latency_ns; /* from ingest to the sink, one sample per row */
};
MR_ABI_SIZE(struct mr_path_stat, 31872);

struct mr_partition_stat { /* writer: the worker of the source */
  uint32_t node, idx;      /* index into nodes; number of the partition in the graph */
  uint8_t reserved_0[56];
  _Atomic uint64_t frontier_us; /* gauge, time */
  _Atomic uint64_t idle;        /* gauge: 1 while left out of the minimum */
  _Atomic uint64_t rows;        /* decoded */
  _Atomic uint64_t last_us; /* since 1.1. Gauge, time: wall clock of the last row; 0: none yet */
  /* since 1.2, of sources with records: gauges, records from the partition's start */
  _Atomic uint64_t next; /* that is read next, */
  _Atomic uint64_t end;  /* behind the last one that can be read; 0: no records */
  uint8_t reserved_1[16];
};
MR_ABI_SIZE(struct mr_partition_stat, 128);

#define MR_STAT_ERRORS_PER_WRITER 64u
#define MR_STAT_ERROR_CODE_SZ     16u
#define MR_STAT_ERROR_TEXT_SZ     176u

/* A distinct error. Writer: a worker, each in its own run of MR_STAT_ERRORS_PER_WRITER entries; the
 * host has the last run. An entry is whole when done == begun; a copy that goes upwards reads done
 * first and begun last. */
struct mr_error_stat {
  _Atomic uint64_t done;
  _Atomic uint64_t count;             /* 0: free */
  _Atomic uint64_t first_us, last_us; /* wall clock */
  _Atomic uint64_t node;              /* index into nodes; UINT64_MAX: none */
  _Atomic uint64_t hash;              /* of node, code and text */
  _Atomic uint64_t code[MR_STAT_ERROR_CODE_SZ / 8];
  _Atomic uint64_t text[MR_STAT_ERROR_TEXT_SZ / 8]; /* NUL-terminated, cut */
  _Atomic uint64_t begun;
  uint8_t reserved[8];
};
MR_ABI_SIZE(struct mr_error_stat, 256);

struct mr_part_stat { /* what the graph's memory is; writer: the host, before the start */
  char label[MR_STAT_LABEL_SZ];
  uint64_t bytes;
  uint32_t lazy; /* 1: addresses only, backed when touched */
  uint32_t cnt;  /* allocations under this label */
  uint8_t reserved[48];
};
MR_ABI_SIZE(struct mr_part_stat, 128);

struct mr_counter_stat {  /* a number of an operator's own; added before the start or while running
                           */
  _Atomic uint64_t state; /* 1: valid, stored with release after the rest */
  uint32_t id;            /* index + 1 */
  uint16_t kind, unit;
  uint32_t node; /* index into nodes, UINT32_MAX: the graph's */
  uint32_t reserved_0;
  char label[40];
  _Atomic uint64_t value; /* writer: whoever added it */
  uint8_t reserved_1[56];
};
MR_ABI_SIZE(struct mr_counter_stat, 128);

#endif
