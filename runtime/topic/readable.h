/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_READABLE_H
#define MR_TOPIC_READABLE_H

/* The file `readable` of a partition: how far its writer lets readers in other processes go, and
 * what it knows to be on the disk. One record, overwritten in place; it has a checksum because a
 * reader may see half of a new one, and looks again then. All integers are big-endian. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/io.h"

#define MR_TOPIC_READABLE_SZ 64u

struct mr_topic_readable {
  bool held;        /* offset is a checkpoint's: it holds without a writer, too */
  int64_t offset;   /* records below it may be read: ... */
  int64_t end_base; /* ... in this segment (-1: not said) they end ... */
  uint64_t end_pos; /* ... at this byte */
  int64_t synced;   /* records below it were on the disk when this was written, ... */
  int64_t base;     /* ... in this segment up to ... */
  uint64_t pos;     /* ... this byte */
};

void mr_topic_readable_encode(const struct mr_topic_readable *r, uint8_t *p);
/* False: no intact record. */
bool mr_topic_readable_decode(const uint8_t *p, struct mr_topic_readable *r);
/* Reads DIR/readable, waiting. MR_ERR_NOENT: there is none; MR_ERR_DATA: half of one, or damaged.
 */
int mr_topic_readable_load(struct mr_io *io, const char *dir, struct mr_topic_readable *r);

#endif
