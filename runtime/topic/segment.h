/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_SEGMENT_H
#define MR_TOPIC_SEGMENT_H

/* A segment of a partition: <base offset>.log, whole batches one behind the other, with two indexes
 * as Kafka lays them out. `.index`: 8 bytes an entry: the last offset of a batch less the base
 * offset, and where that batch begins. `.timeindex`: 12 bytes an entry: the largest timestamp so
 * far, and the last offset of the batch that has it less the base offset. Both have an entry for
 * the first batch after each 4,096 bytes, a time index only where the timestamp grows. A broken or
 * missing index costs time, never records. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/io.h"
#include "topic/record_batch.h"

#define MR_TOPIC_PATH_SZ        4096u
#define MR_TOPIC_INDEX_INTERVAL 4096u /* bytes of batches between two entries */
#define MR_TOPIC_INDEX_ENTRY    8u
#define MR_TOPIC_TIME_ENTRY     12u

/* DIR/00000000000000000042.EXT to path[MR_TOPIC_PATH_SZ]. */
void mr_topic_segment_path(char *path, const char *dir, int64_t base, const char *ext);

/* The base offsets of a folder's segments in order, in arena memory. MR_ERR_NOENT: no such folder.
 */
int mr_topic_segment_list(struct mr_io *io, const char *dir, struct mr_arena *arena,
                          int64_t **bases, uint32_t *cnt, struct mr_error *err);
/* Calls each(ctx, name) for every name in a folder, in name order. */
int mr_topic_segment_names(struct mr_io *io, const char *dir, struct mr_arena *arena,
                           const char ***names, uint32_t *cnt, struct mr_error *err);

/* ---- one batch after the other ---- */

/* Reads a file of batches from a place on, waiting: recovery, look-ups, verify. */
struct mr_topic_scan {
  struct mr_io *io;
  int fd;          /* the caller's */
  uint64_t pos;    /* of the next batch */
  uint64_t limit;  /* bytes of the file that count; UINT64_MAX: all */
  bool heads_only; /* do not check checksums (nor read what is between heads, where it is long) */
  struct mr_arena arena;
  uint8_t *buf;
  uint64_t buf_sz, buf_at, buf_len; /* where in the file buf is, and how much of it */
  uint64_t read;                    /* bytes read so far */
};

void mr_topic_scan_begin(struct mr_topic_scan *scan, struct mr_io *io, int fd, uint64_t pos);
void mr_topic_scan_end(struct mr_topic_scan *scan);
/* The next batch and its bytes (until the next call; NULL with heads_only): 1, and pos is behind
 * it; 0: the file ends here; MR_ERR_DATA: what is at pos is no intact batch, *why says what it is;
 * MR_ERR_IO with -errno in *sys_errno. */
int mr_topic_scan_next(struct mr_topic_scan *scan, struct mr_record_batch *head, const void **bytes,
                       const char **why, int *sys_errno);
/* The place behind the last byte from pos on that is not zero; pos: all are. -errno: reading
 * failed.
 */
int64_t mr_topic_scan_last_byte(struct mr_topic_scan *scan);

/* ---- indexes ---- */

/* The indexes of a segment as it grows, in memory of a fixed size. */
struct mr_topic_index {
  int64_t base;
  uint8_t *entries, *times;
  uint32_t entry_cnt, time_cnt, cap;
  uint64_t bytes_since;
  int64_t max_timestamp, max_timestamp_offset; /* -1: no batch yet */
};

/* Memory for a segment of at most segment_sz bytes. */
void mr_topic_index_take(struct mr_topic_index *ix, struct mr_arena *arena, uint64_t segment_sz);
void mr_topic_index_begin(struct mr_topic_index *ix, int64_t base);
/* Tells it of the batch that begins at pos. */
void mr_topic_index_add(struct mr_topic_index *ix, const struct mr_record_batch *b, uint64_t pos);
/* The segment is complete: its largest timestamp gets an entry. */
void mr_topic_index_seal(struct mr_topic_index *ix);

/* Where to begin to look for an offset in a sealed segment: a place at or before its batch; 0
 * without an index that helps. */
uint64_t mr_topic_index_find(struct mr_io *io, const char *dir, int64_t base, int64_t offset,
                             uint64_t segment_sz);
/* The same for the first record that is not older than ms. */
uint64_t mr_topic_index_find_time(struct mr_io *io, const char *dir, int64_t base, int64_t ms,
                                  uint64_t segment_sz);
/* The largest timestamp of a sealed segment by its time index; -1 without one. */
int64_t mr_topic_index_max_timestamp(struct mr_io *io, const char *dir, int64_t base);

#endif
