/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_LOG_H
#define MR_TOPIC_LOG_H

/* One partition for its writer: a folder of segments that grows at its end.
 *
 *   append --> open batch --(full, or flush)--> buffer --(full, or nothing in flight)--> written
 *          --> synced, as the policy says --> acknowledged --> readable
 *
 * Everything happens in calls of the one worker that owns the log: append and flush fill buffers
 * and submit writes, poll looks at what has finished. None of the three allocates or blocks.
 * Several writes are in flight while the next buffer fills; buffers are of 256 KiB, at most 8 of
 * them. With direct I/O no two writes in flight touch one block: the block that the end of the log
 * is in is written again by the next write, and only after the last one has completed.
 *
 * What was acknowledged under `always` is on the disk. Under `interval` a power cut may take what
 * was acknowledged in the last sync_every_ns (or sync_bytes), under `never` whatever the system has
 * not written yet; a process that is killed loses nothing acknowledged under any policy.
 *
 * A full disk is waited for: what is acknowledged stays, append says MR_ERR_AGAIN once all buffers
 * are full, and the writes are tried again until there is room. Any other error of a write, and any
 * of a sync, fails the log for good: nothing is acknowledged after it, and what is on the disk is
 * looked at by the next one that opens it. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/io.h"
#include "topic/record_batch.h"

enum mr_topic_sync { MR_TOPIC_SYNC_ALWAYS, MR_TOPIC_SYNC_INTERVAL, MR_TOPIC_SYNC_NEVER };

#define MR_TOPIC_BUFFER_SZ (256u << 10)
#define MR_TOPIC_BUFFERS   8u
#define MR_TOPIC_SEGMENT_SZ                                                                        \
  (UINT64_C(256) << 20) /* of a segment, unless the topic says otherwise */
#define MR_TOPIC_SEGMENT_MAX ((UINT64_C(1) << 31) - 1) /* an index has 31 bits for a place */
#define MR_TOPIC_BATCH_SZ    (64u << 10)

struct mr_topic_log_conf {
  enum mr_topic_sync sync;
  int64_t sync_every_ns; /* INTERVAL: longest time between syncs; 0: 1 s */
  uint64_t sync_bytes;   /* INTERVAL: bytes at which a sync does not wait for its time; 0: none */
  uint64_t segment_sz;   /* 0: MR_TOPIC_SEGMENT_SZ */
  uint32_t batch_sz;     /* bytes of a batch before packing; 0: MR_TOPIC_BATCH_SZ */
  enum mr_codec codec;
  int64_t retention_age_ms; /* segments whose newest record is older go; 0: none does */
  uint64_t retention_sz; /* oldest segments go while the rest has this many bytes; 0: none does */
  bool held;             /* readers see what mr_topic_log_publish says, not what is acknowledged */
  bool buffered;         /* through the page cache even where direct I/O works */
  /* The log goes on at this offset, and what lies behind it is cut, as a sink that goes back to its
   * checkpoint needs it; -1: at its end. MR_ERR_DATA at open when the log is shorter. */
  int64_t roll_back_to;
  uint64_t allocate_sz; /* bytes of space taken ahead of the writes; 0: 32 MiB */
  uint32_t buffer_cnt;  /* 2..MR_TOPIC_BUFFERS; 0: MR_TOPIC_BUFFERS */
  uint32_t buffer_sz;   /* a multiple of MR_IO_ALIGN; 0: MR_TOPIC_BUFFER_SZ */
  void *buffers; /* buffer_cnt * buffer_sz bytes at MR_IO_ALIGN for them; NULL: the log's own */
};

/* What opening found and did. */
struct mr_topic_recovery {
  bool clean;          /* the last writer had closed it */
  int64_t start, end;  /* first offset, and the one that the next record gets */
  uint64_t bytes_read; /* of the last segment */
  uint64_t bytes_cut;  /* a torn tail, or what was rolled back */
};

struct mr_topic_log;

/* Opens the partition in the folder dir (made if it is not there) and repairs its tail. The caller
 * holds the topic's lock (topic.h). Control plane: waits, allocates. MR_ERR_DATA: damage, with file
 * and byte, that is no torn tail; MR_ERR_IO: the disk. */
int mr_topic_log_open(struct mr_topic_log **log, struct mr_io *io, const char *dir,
                      const struct mr_topic_log_conf *conf, struct mr_topic_recovery *found,
                      struct mr_error *err);

/* Flushes, syncs, cuts the segment to its exact length, writes the indexes and leaves the mark of a
 * clean close; then frees the log, whatever happens. Control plane: waits. A disk that stays full
 * for full_wait_ns, or a log that had failed, is an error: then there is no mark. */
int mr_topic_log_close(struct mr_topic_log *log, int64_t full_wait_ns, struct mr_error *err);
/* Frees the log as a crash would leave it: waits for requests in flight, no more. */
void mr_topic_log_abandon(struct mr_topic_log *log);

/* Appends a record: its offset; MR_ERR_AGAIN: no room now, poll and try again; MR_ERR_LIMIT: larger
 * than a batch may be; MR_ERR_IO: the log has failed. */
int64_t mr_topic_log_append(struct mr_topic_log *log, const struct mr_record *rec);

/* The same from an idempotent producer: sequence counts this producer's records of this partition
 * from 0 (INT32_MAX is followed by 0). One that was appended before is not appended again:
 * *repeated is set, and the result is its offset where that is still known, else the end of the
 * log. MR_ERR_STATE: a sequence that leaves some out, or an epoch older than one seen. */
int64_t mr_topic_log_append_as(struct mr_topic_log *log, const struct mr_record *rec,
                               int64_t producer_id, int16_t epoch, int32_t sequence,
                               bool *repeated);
/* The next sequence that a producer's append may have; 0: it has never been here. */
int32_t mr_topic_log_next_sequence(const struct mr_topic_log *log, int64_t producer_id);

/* What was appended so far need not wait for more: it is written as soon as the write before it is
 * done. Cheap; call it when no input is left, at most once per step. */
void mr_topic_log_flush(struct mr_topic_log *log, uint64_t now_ns);

/* Looks for what has finished, goes on with what follows, and does what is due by the clock: syncs,
 * a full disk tried again, retention (wall_ms since the epoch). Cheap when there is nothing.
 * Returns MR_OK, or MR_ERR_IO once the log has failed. */
int mr_topic_log_poll(struct mr_topic_log *log, uint64_t now_ns, int64_t wall_ms);

/* All records below this offset are acknowledged under the policy. */
int64_t mr_topic_log_acked(const struct mr_topic_log *log);
/* Readers in other processes have been told of all records below this offset: it follows acked, by
 * one small write. */
int64_t mr_topic_log_told(const struct mr_topic_log *log);
/* All records below this offset are on the disk: a sync that covers them has returned. */
int64_t mr_topic_log_synced(const struct mr_topic_log *log);
/* The offset that the next record gets. */
int64_t mr_topic_log_end(const struct mr_topic_log *log);
/* The first offset that is kept. */
int64_t mr_topic_log_start(const struct mr_topic_log *log);
/* Bytes of all segments, up to the last batch. */
uint64_t mr_topic_log_bytes(const struct mr_topic_log *log);

/* Wants everything appended so far on the disk, whatever the policy: done when synced reaches
 * end as it was at the call. */
void mr_topic_log_sync(struct mr_topic_log *log, uint64_t now_ns);

/* conf.held: readers see the records below offset, which must be synced; kept over a crash. Waits
 * until it is durable. Control plane. */
int mr_topic_log_publish(struct mr_topic_log *log, int64_t offset, struct mr_error *err);

/* Segments that lie below offset whole are removed, and readers start at offset. Control plane. */
int mr_topic_log_trim(struct mr_topic_log *log, int64_t offset, struct mr_error *err);

/* Why nothing goes on: a full disk. *path lives as long as the log. */
bool mr_topic_log_waits(const struct mr_topic_log *log, const char **path, uint64_t *bytes_needed);
/* The error that failed the log, or NULL. */
const struct mr_error *mr_topic_log_failed(const struct mr_topic_log *log);
/* One line when files are not written directly, with the reason; NULL: they are. */
const char *mr_topic_log_io_note(const struct mr_topic_log *log);

/* Counts since the open. */
struct mr_topic_log_stats {
  uint64_t records, batches, bytes; /* appended, as packed */
  uint64_t writes, syncs, full_waits, segments_removed;
};
void mr_topic_log_stats(const struct mr_topic_log *log, struct mr_topic_log_stats *out);

#endif
