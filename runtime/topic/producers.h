/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_PRODUCERS_H
#define MR_TOPIC_PRODUCERS_H

/* What idempotent producers have appended to a partition: per producer its epoch, its last
 * sequence, and where its latest records are. Kept over restarts by the batches themselves, and by
 * a note that a segment begins with. Sequences count from 0 to INT32_MAX and then from 0 again. */

#include "base/arena.h"
#include "topic/note.h"

#define MR_TOPIC_PRODUCERS_MAX 256u /* of a partition; then the one silent longest is forgotten */
#define MR_TOPIC_RUNS          4u   /* stretches of records, one after the other, per producer */

struct mr_topic_run {
  int64_t offset; /* of the first record */
  int32_t sequence, cnt;
};

struct mr_topic_producer {
  int64_t id;
  int16_t epoch;
  int32_t last_sequence;
  uint32_t run_cnt;
  struct mr_topic_run runs[MR_TOPIC_RUNS]; /* oldest first */
  uint64_t turn;                           /* grows with every use */
};

struct mr_topic_producers {
  struct mr_topic_producer *items; /* MR_TOPIC_PRODUCERS_MAX */
  uint32_t cnt;
  uint64_t turns;
};

enum mr_topic_verdict {
  MR_TOPIC_NEW,      /* append it */
  MR_TOPIC_REPEATED, /* it is there already */
  MR_TOPIC_GAP,      /* sequences are missing before it */
  MR_TOPIC_FENCED    /* a newer epoch has been here */
};

void mr_topic_producers_take(struct mr_topic_producers *p, struct mr_arena *arena);
/* *offset of a repeated record; -1: not known any more. */
enum mr_topic_verdict mr_topic_producers_judge(const struct mr_topic_producers *p, int64_t id,
                                               int16_t epoch, int32_t sequence, int64_t *offset);
/* cnt records from sequence on are at offset. */
void mr_topic_producers_add(struct mr_topic_producers *p, int64_t id, int16_t epoch,
                            int32_t sequence, int32_t cnt, int64_t offset);
/* The sequence after `sequence` and cnt - 1 more. */
static inline int32_t mr_topic_sequence_add(int32_t sequence, int32_t cnt) {
  return (int32_t)(((uint32_t)sequence + (uint32_t)cnt) & 0x7fffffffu);
}
const struct mr_topic_producer *mr_topic_producers_find(const struct mr_topic_producers *p,
                                                        int64_t id);

/* As lines of a note, and back; what the note does not have is forgotten. Records from offset `end`
 * on are left out: they were appended already and may never reach the disk. */
void mr_topic_producers_save(const struct mr_topic_producers *p, int64_t end, struct mr_note *note);
void mr_topic_producers_load(struct mr_topic_producers *p, const struct mr_note *note);

#endif
