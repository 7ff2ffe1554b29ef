/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BASE_BUG_H
#define MR_BASE_BUG_H

/* Bugs planted on purpose, each with a number: whether the simulations of tests/sim would find
 * them. They exist only in objects that tests/sim compiles for itself, with MR_BUGS defined, where
 * mr_bug says which one is there (0: none). Everywhere else MR_BUG is false and costs nothing. */

#include <stdbool.h>

#ifdef MR_BUGS
extern int mr_bug;
#define MR_BUG(number) (mr_bug == (number))
#else
#define MR_BUG(number) false
#endif

enum {
  MR_BUG_SYNC_SKIPPED = 1,       /* says synced, and has not asked */
  MR_BUG_ACK_BEFORE_SYNC = 2,    /* acknowledges what is only written */
  MR_BUG_SEGMENT_NAME = 3,       /* no sync of the folder of a new segment */
  MR_BUG_CHECKSUM = 4,           /* a torn batch counts as whole */
  MR_BUG_SYNC_COVERS_FLIGHT = 5, /* a sync is taken to cover writes in flight */
  MR_BUG_BLOCK_IN_FLIGHT = 6,    /* a block is written again while it is on its way */
  MR_BUG_SYNC_ERROR = 7,         /* goes on after a sync that failed */
  MR_BUG_WRITE_ERROR = 8,        /* goes on after a write that failed */
  MR_BUG_WRITE_ORDER = 9,        /* the newest finished write acknowledges those before it */
  MR_BUG_TAIL_KEPT = 10,         /* the torn tail stays in the file */
  MR_BUG_OFFSET = 11,            /* goes on one offset further */
  MR_BUG_SEGMENT_SYNC = 12,      /* no sync of a segment at its end */
  MR_BUG_MARK_STAYS = 13,        /* the mark of the clean close outlives the start */
  MR_BUG_FULL_IS_WRITTEN = 14,   /* a full disk is taken for a write */
  MR_BUG_FOLDER_NAME = 15,       /* no sync of the folder that a new folder is in */
  MR_BUG_PRODUCERS_AHEAD = 16,   /* what is said of producers counts what may never be written */
  MR_BUG_PRODUCER_MISSING = 17,  /* a batch that fills does not say whose the next one is */
  MR_BUG_RECOVERY_SYNC = 18,     /* what was found at the start counts as synced, and is not */
  MR_BUG_READABLE_AHEAD = 19,    /* says that the disk has what was only appended */
  MR_BUG_NOTE_SYNC = 20,         /* a note is renamed before it is on the disk */
  MR_BUG_END = 21,
};

#endif
