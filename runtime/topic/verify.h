/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_VERIFY_H
#define MR_TOPIC_VERIFY_H

/* Checks all that a partition's files say: every batch (checksum, version, offsets one after the
 * other from the name of the file on, leader epoch, counts), every record in it, every index entry,
 * the mark of a clean close. Works while the partition is written and after a crash; changes
 * nothing. Control plane. */

#include "topic/topic.h"

enum mr_topic_finding {
  MR_TOPIC_FOUND_DAMAGE, /* what was readable or durable is not as it was written */
  MR_TOPIC_FOUND_TAIL,   /* a torn end that the next writer cuts: no damage */
  MR_TOPIC_FOUND_INDEX   /* an index that does not fit its segment: readers do without it */
};

/* path, byte: where; what: one line. */
typedef void (*mr_topic_finding_fn)(void *ctx, enum mr_topic_finding kind, const char *path,
                                    uint64_t byte, const char *what);

struct mr_topic_verified {
  uint64_t segments, batches, records, bytes;
  uint64_t findings[MR_TOPIC_FOUND_INDEX + 1];
  int64_t start, end;
};

/* MR_OK even with findings; MR_ERR_NOENT: no such partition; MR_ERR_IO. */
int mr_topic_verify(struct mr_io *io, const char *dir, const char *topic, uint32_t partition,
                    mr_topic_finding_fn found, void *ctx, struct mr_topic_verified *out,
                    struct mr_error *err);

#endif
