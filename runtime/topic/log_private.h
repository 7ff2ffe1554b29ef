/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_LOG_PRIVATE_H
#define MR_TOPIC_LOG_PRIVATE_H

/* What the parts of a log share. log.c: appending and what is asked of it; log_write.c: buffers,
 * writes, syncs, the readable mark; log_roll.c: the end of a segment, and the removal of old ones;
 * log_open.c: recovery; log_close.c: the clean close, trim and publish. */

#include "base/arena.h"
#include "topic/log.h"
#include "topic/note.h"
#include "topic/producers.h"
#include "topic/readable.h"
#include "topic/segment.h"

#define MR_TOPIC_ALLOCATE_SZ   (UINT64_C(32) << 20) /* bytes of space taken ahead of the writes */
#define MR_TOPIC_FULL_RETRY_NS UINT64_C(100000000)
#define MR_TOPIC_RETENTION_NS  UINT64_C(1000000000) /* between two looks */

/* A place where a batch ends: records below offset lie before pos in the segment base. */
struct mr_topic_mark {
  int64_t offset, base;
  uint64_t pos;
};

enum mr_topic_buffer_state {
  MR_TOPIC_BUFFER_FILLING,
  MR_TOPIC_BUFFER_READY,  /* to be written, once it may */
  MR_TOPIC_BUFFER_WRITING /* in flight, or finished and not looked at */
};

struct mr_topic_buffer {
  uint8_t *mem;
  struct mr_io_req req;
  uint64_t off;     /* place of mem in the file */
  uint32_t used;    /* bytes that count */
  uint32_t kept;    /* of them, bytes that the buffer before it writes, too: the open block */
  uint32_t segment; /* number of its segment since the open */
  enum mr_topic_buffer_state state;
  struct mr_topic_mark end; /* batches up to here are whole once this one is written */
};

struct mr_topic_sealed {
  int64_t base, max_timestamp;
  uint64_t sz;
};

enum mr_topic_roll {
  MR_TOPIC_ROLL_NONE,
  MR_TOPIC_ROLL_WRITES, /* waits for the writes of the old segment */
  MR_TOPIC_ROLL_CUT,
  MR_TOPIC_ROLL_SYNC,
  MR_TOPIC_ROLL_CLOSE,
  MR_TOPIC_ROLL_FILE_OPEN, /* index, time index, producers */
  MR_TOPIC_ROLL_FILE_WRITE,
  MR_TOPIC_ROLL_FILE_CLOSE,
  MR_TOPIC_ROLL_OPEN,
  MR_TOPIC_ROLL_ALLOCATE,
  MR_TOPIC_ROLL_SYNC_DIR
};

struct mr_topic_log {
  struct mr_arena arena;
  struct mr_io *io;
  const char *dir;
  struct mr_topic_log_conf conf;
  struct mr_error failed; /* code MR_OK: it has not */
  bool direct;
  uint32_t align;  /* of writes: MR_IO_ALIGN, or 1 */
  uint64_t now_ns; /* of the last call that told */

  /* the open batch */
  struct mr_record_builder *builder;
  int64_t batch_base; /* offset of its first record */
  int64_t producer_id;
  int16_t producer_epoch;
  int32_t base_sequence;
  /* a finished batch on its way into buffers */
  const uint8_t *pending;
  size_t pending_at;
  struct mr_record_batch head;
  bool want_flush;

  /* buffers in use: first is the oldest, the last one fills (unless all are in use) */
  struct mr_topic_buffer buffers[MR_TOPIC_BUFFERS];
  uint32_t first, cnt;
  struct mr_topic_buffer *filling;
  uint64_t fill_off; /* where the next byte goes */
  int64_t fill_base; /* in this segment */
  uint32_t fill_segment;
  struct mr_topic_mark placed, written, synced;

  /* the segment that is written */
  int fd;
  uint32_t open_segment;
  uint64_t allocated;
  bool no_allocate; /* refused: not asked again for this segment */
  struct mr_io_req allocate;
  struct mr_io_req sync;
  struct mr_topic_mark sync_mark; /* what the sync in flight covers */
  int64_t sync_wanted;            /* an offset that somebody wants on the disk */
  uint64_t synced_at_ns;
  bool full;
  uint64_t full_retry_ns, full_needs;

  struct mr_topic_index indexes[2];
  uint32_t index; /* the one of the segment that fills */
  struct mr_topic_producers producers;

  /* the end of a segment */
  enum mr_topic_roll roll;
  struct mr_io_req roll_req;
  struct mr_topic_mark roll_end;
  int64_t roll_next_base;
  uint32_t roll_file;
  int roll_fd;
  char roll_path[MR_TOPIC_PATH_SZ], path[MR_TOPIC_PATH_SZ];
  struct mr_note roll_note;

  /* what is sealed */
  struct mr_topic_sealed *sealed; /* oldest at sealed_first */
  uint32_t sealed_first, sealed_cnt, sealed_cap;
  uint64_t sealed_bytes;
  int64_t start; /* trimmed to */
  struct mr_io_req drop_req;
  int64_t drop_base; /* of the segment being removed; -1: none */
  uint32_t drop_step;
  char drop_path[MR_TOPIC_PATH_SZ];
  uint64_t retention_ns;

  /* what readers are told */
  int readable_fd;
  struct mr_io_req readable_req;
  uint8_t readable_buf[MR_TOPIC_READABLE_SZ];
  int64_t readable, readable_synced; /* last told, or being told */
  int64_t told;                      /* whose write has ended */
  int64_t published;                 /* conf.held */

  struct mr_topic_log_stats stats;
};

/* log.c */
int mr_topic_log_fail(struct mr_topic_log *log, int64_t result, const char *what, const char *path);
/* Closes the open batch and moves it to buffers as far as there is room; true: all of it. */
bool mr_topic_log_close_batch(struct mr_topic_log *log);
bool mr_topic_log_place(struct mr_topic_log *log);
static inline bool mr_topic_disk_full(int64_t result) {
  return result == -28 /* ENOSPC */ || result == -122 /* EDQUOT */ || result == -27 /* EFBIG */;
}

/* log_write.c */
void mr_topic_log_start_filling(struct mr_topic_log *log);
void mr_topic_log_seal_buffer(struct mr_topic_log *log);
/* Goes on with everything that can go on. */
void mr_topic_log_advance(struct mr_topic_log *log);
int64_t mr_topic_log_readable(const struct mr_topic_log *log);
void mr_topic_log_readable_record(const struct mr_topic_log *log, struct mr_topic_readable *out);

/* log_roll.c */
void mr_topic_log_begin_roll(struct mr_topic_log *log, int64_t next_base);
void mr_topic_log_advance_roll(struct mr_topic_log *log);
void mr_topic_log_advance_drop(struct mr_topic_log *log);
void mr_topic_log_retain(struct mr_topic_log *log, int64_t wall_ms);
void mr_topic_log_add_sealed(struct mr_topic_log *log, int64_t base, uint64_t sz,
                             int64_t max_timestamp);
/* Removes the oldest sealed segment from the list and its files, in the background. */
void mr_topic_log_drop_oldest(struct mr_topic_log *log);

#endif
