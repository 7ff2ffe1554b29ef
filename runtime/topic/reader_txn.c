/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a transaction: the marker that ends it stands behind its records, so the reader
 * looks ahead, from head to head, once per transaction. */
#include <fcntl.h>

#include "topic/reader_private.h"

/* The verdict of the control batch at pos; -1: none that is known. */
static int read_marker(struct mr_topic_reader *r, int fd, uint64_t pos, uint32_t sz) {
  uint8_t bytes[256];
  struct mr_record_batch head;
  struct mr_record_cursor c;
  struct mr_record rec;
  if (sz > sizeof bytes || mr_note_read_at(r->io, fd, bytes, sz, pos) != (int64_t)sz) return -1;
  if (mr_record_batch_head(bytes, &head) != MR_OK || !mr_record_batch_intact(bytes, &head) ||
      mr_record_cursor_begin(&c, bytes, &head, NULL, NULL, 0) != MR_OK ||
      mr_record_cursor_next(&c, &rec) != 1)
    return -1;
  return mr_record_control_type(&rec);
}

/* Looks in one segment, from pos on, for the marker that ends the producer's transaction: its
 * verdict and its offset; -1: it is not there. */
static int find_marker(struct mr_topic_reader *r, int64_t base, uint64_t pos, int64_t producer_id,
                       int64_t *until) {
  char path[MR_TOPIC_PATH_SZ];
  mr_topic_segment_path(path, r->dir, base, "log");
  int64_t fd = mr_note_open(r->io, path, O_RDONLY, NULL);
  if (fd < 0) return -1;
  struct mr_topic_scan scan;
  struct mr_record_batch head;
  const void *bytes;
  const char *why;
  int sys_errno, verdict = -1;
  mr_topic_scan_begin(&scan, r->io, (int)fd, pos);
  scan.heads_only = true;
  while (verdict < 0 && mr_topic_scan_next(&scan, &head, &bytes, &why, &sys_errno) == 1) {
    if (!(head.attributes & MR_RECORD_BATCH_CONTROL) || head.producer_id != producer_id) continue;
    verdict = read_marker(r, (int)fd, scan.pos - head.sz, head.sz);
    *until = head.base_offset;
  }
  mr_topic_scan_end(&scan);
  mr_note_close(r->io, (int)fd);
  return verdict;
}

int mr_topic_reader_outcome(struct mr_topic_reader *r, const struct mr_record_batch *b) {
  uint32_t known = r->outcome_cnt < MR_TOPIC_OUTCOMES ? r->outcome_cnt : MR_TOPIC_OUTCOMES;
  for (uint32_t i = 0; i < known; i++) {
    const struct mr_topic_outcome *o = &r->outcomes[i];
    if (o->producer_id == b->producer_id && b->base_offset >= o->from && b->base_offset < o->until)
      return o->committed;
  }
  int64_t until = -1, base = r->base;
  int verdict = find_marker(r, base, r->pos + b->sz, b->producer_id, &until);
  while (verdict < 0) {
    int rc = mr_topic_reader_next_base(r, base, &base);
    if (rc) return rc;
    if (base < 0) return -1;
    verdict = find_marker(r, base, 0, b->producer_id, &until);
  }
  r->outcomes[r->outcome_cnt++ % MR_TOPIC_OUTCOMES] =
      (struct mr_topic_outcome){b->producer_id, b->base_offset, until, verdict == 1};
  return verdict == 1;
}
