/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_READER_PRIVATE_H
#define MR_TOPIC_READER_PRIVATE_H

/* What the parts of a reader share. reader.c: batches and records; reader_end.c: how far it may go,
 * and where it begins; reader_txn.c: what became of transactions. */

#include "base/arena.h"
#include "topic/note.h"
#include "topic/readable.h"
#include "topic/reader.h"
#include "topic/segment.h"

enum mr_topic_end {
  MR_TOPIC_END_TOLD,  /* a writer says how far, in `readable` */
  MR_TOPIC_END_KNOWN, /* nobody writes, and what was left says how far */
  MR_TOPIC_END_WHOLE  /* nobody says: as far as batches are whole */
};

struct mr_topic_outcome {
  int64_t producer_id, from, until; /* from: its batch that was asked for; until: its marker */
  bool committed;
};

#define MR_TOPIC_OUTCOMES 64u

struct mr_topic_reader {
  struct mr_arena arena;
  struct mr_io *io;
  struct mr_topic_reader_conf conf;
  const char *dir, *lock_path;
  struct mr_error error; /* stays */
  bool ours;             /* written by millrace: offsets have no gaps */

  enum mr_topic_end mode;
  int64_t end, start; /* as last looked at */
  int64_t synced;     /* below it everything must be there */
  int64_t end_base;   /* where the readable end is, or -1 */
  uint64_t end_pos;
  int readable_fd; /* -1: there is no such file */
  struct mr_io_req end_req;
  uint8_t end_buf[MR_TOPIC_READABLE_SZ];
  uint32_t idle; /* looks at the end that brought nothing, one after another */

  int64_t base; /* of the open segment; -1: none is */
  int fd;
  uint64_t pos; /* of the next batch */
  uint8_t *buf;
  uint64_t buf_sz, buf_at, buf_len;
  struct mr_io_req read;
  bool at_eof;      /* the last read brought nothing behind the buffer */
  bool fresh;       /* what is in the buffer was read after it had been found wanting */
  int64_t expect;   /* offset that the batch at pos begins with; -1: not known */
  uint32_t retries; /* of a batch that should be there */
  bool at_end;

  int64_t position; /* offset of the next record */
  int64_t from_ms;  /* records older than this are left out until the first that is not */
  bool in_batch;
  bool hidden; /* of an aborted transaction */
  struct mr_record_batch head;
  struct mr_record_cursor cursor;
  struct mr_codec_ctx *codec;
  uint8_t *scratch;
  uint64_t scratch_sz;

  struct mr_topic_outcome outcomes[MR_TOPIC_OUTCOMES];
  uint32_t outcome_cnt;
  struct mr_topic_loss loss;
};

int mr_topic_reader_fail(struct mr_topic_reader *r, struct mr_error *err);
/* Goes to the segment with this base, at byte pos. */
int mr_topic_reader_open_segment(struct mr_topic_reader *r, int64_t base, uint64_t pos);
/* The base of the first segment behind `after`; -1: none. Waits. MR_ERR_*. */
int mr_topic_reader_next_base(struct mr_topic_reader *r, int64_t after, int64_t *base);

/* reader_end.c */
int mr_topic_reader_look(struct mr_topic_reader *r);
/* Asks for the end without waiting. */
void mr_topic_reader_ask_end(struct mr_topic_reader *r);
int mr_topic_reader_locate(struct mr_topic_reader *r, int64_t offset);

/* reader_txn.c: what became of the transaction that the batch at pos belongs to: 1 committed, 0
 * aborted, -1 it is open; MR_ERR_IO. Waits where it has to look ahead. */
int mr_topic_reader_outcome(struct mr_topic_reader *r, const struct mr_record_batch *b);

#endif
