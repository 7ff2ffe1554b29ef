/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_READER_H
#define MR_TOPIC_READER_H

/* Reads one partition while it is written, by this process, another one or a Kafka broker, or after
 * that; any number of readers at once. A reader never changes a file. It sees what the writer has
 * published as readable; where nobody writes, what is whole. Records of aborted transactions and
 * all that follow the start of an open one are left out, as are control records.
 *
 * One worker owns a reader. take and poll do not block: they return 0 while a read is in flight or
 * nothing more is readable. They allocate only where a batch is larger than all before it. */

#include "io/io.h"
#include "topic/record_batch.h"

enum mr_topic_start {
  MR_TOPIC_EARLIEST,
  MR_TOPIC_LATEST,
  MR_TOPIC_OFFSET,   /* at: an offset */
  MR_TOPIC_TIMESTAMP /* at: ms since the epoch: the first record that is not older */
};

struct mr_topic_reader_conf {
  const char *dir, *topic; /* as topic.h */
  uint32_t partition;
  enum mr_topic_start start;
  int64_t at;
  /* A start below the first record kept, records that retention has taken while reading, and
   * damage: go on at the next record that there is, and count. Otherwise they are errors. */
  bool on_data_loss_continue;
  bool uncommitted; /* records of open and aborted transactions, too */
};

struct mr_topic_reader;

/* Control plane: waits, allocates. MR_ERR_NOENT: no such topic or partition; MR_ERR_LIMIT: the
 * start is below the first record kept, or beyond the end. */
int mr_topic_reader_open(struct mr_topic_reader **reader, struct mr_io *io,
                         const struct mr_topic_reader_conf *conf, struct mr_error *err);
void mr_topic_reader_close(struct mr_topic_reader *reader);

/* Up to max records, in order. They point into the reader's memory until the next call. 0: none
 * now, see mr_topic_reader_at_end. MR_ERR_DATA: damage, with file and byte (all records before it
 * have been taken); MR_ERR_LIMIT: the next record is not kept any more; MR_ERR_IO: the disk. An
 * error stays. */
int mr_topic_reader_take(struct mr_topic_reader *reader, struct mr_record *out, uint32_t max,
                         struct mr_error *err);

/* The offset of the next record that take will give, if it is there. */
int64_t mr_topic_reader_position(const struct mr_topic_reader *reader);
/* Everything that was readable when the end was last looked at has been taken, or is hidden. */
bool mr_topic_reader_at_end(const struct mr_topic_reader *reader);
/* The readable end, and the first offset kept, as last looked at. */
int64_t mr_topic_reader_end(const struct mr_topic_reader *reader);
int64_t mr_topic_reader_start(const struct mr_topic_reader *reader);
/* Looks at the end again, from the files. take does so by itself when it comes to the end. */
int mr_topic_reader_refresh(struct mr_topic_reader *reader, struct mr_error *err);
/* Goes on at offset: as open with MR_TOPIC_OFFSET. Control plane. */
int mr_topic_reader_seek(struct mr_topic_reader *reader, int64_t offset, struct mr_error *err);

/* What on_data_loss_continue went over. */
struct mr_topic_loss {
  uint64_t times, records; /* offsets left out */
  int64_t first, last;     /* of the last time */
  uint64_t corrupt;        /* times that were damage */
};
void mr_topic_reader_loss(const struct mr_topic_reader *reader, struct mr_topic_loss *out);

#endif
