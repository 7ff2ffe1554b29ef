/* SPDX-License-Identifier: Apache-2.0 */
/* A partition's folder of hostile bytes: recovery, a reader and verify end without a crash, agree
 * on where the records end, and a reader reads after the recovery what it read before it. The first
 * byte says which other files there are; the rest is the segment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/memory.h"
#include "topic/reader.h"
#include "topic/topic.h"
#include "topic/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The records that a reader gives: how many, and a sum of their bytes. */
static int64_t read_all(struct mr_io *io, uint64_t *sum) {
  struct mr_topic_reader *r = NULL;
  struct mr_topic_reader_conf conf = {.dir = "d", .topic = "t"};
  struct mr_record recs[64];
  int64_t cnt = 0;
  *sum = 0;
  if (mr_topic_reader_open(&r, io, &conf, NULL) != MR_OK) return -1;
  for (;;) {
    int n = mr_topic_reader_take(r, recs, 64, NULL);
    if (n < 0 || (n == 0 && mr_topic_reader_at_end(r))) break;
    for (int i = 0; i < n; i++) {
      for (uint32_t k = 0; k < recs[i].value_sz; k++) *sum += (uint8_t)recs[i].value[k];
      *sum += (uint64_t)recs[i].offset * 31 + recs[i].header_cnt;
    }
    cnt += n;
  }
  mr_topic_reader_close(r);
  return cnt;
}

static void put_conf(struct mr_io *io) {
  struct mr_topic_conf conf = {.partitions = 1,
                               .log = {.segment_sz = 1 << 20, .buffer_cnt = 2, .buffer_sz = 4096}};
  if (mr_topic_create(io, "d", "t", &conf, NULL) != MR_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > (1u << 16)) return 0;
  struct mr_io *io = NULL;
  if (mr_io_create(&io, MR_IO_MEMORY, NULL, NULL, NULL) != MR_OK) return 0;
  size_t len = size - 1;
  if (data[0] & 1) put_conf(io);
  mr_io_memory_put(io, "d/t-0/00000000000000000000.log", data + 1, len);
  if (data[0] & 2) mr_io_memory_put(io, "d/t-0/closed", data + 1, len);
  if (data[0] & 4) mr_io_memory_put(io, "d/t-0/readable", data + 1, len);
  if (data[0] & 8) mr_io_memory_put(io, "d/t-0/00000000000000000000.index", data + 1, len);
  if (data[0] & 16) mr_io_memory_put(io, "d/t-0/00000000000000000000.timeindex", data + 1, len);
  uint64_t before, after;
  int64_t cnt = read_all(io, &before);
  struct mr_topic_verified v;
  mr_topic_verify(io, "d", "t", 0, NULL, NULL, &v, NULL);
  struct mr_topic_log *log = NULL;
  struct mr_topic_recovery found;
  struct mr_topic_log_conf conf = {.segment_sz = 1 << 20,
                                   .allocate_sz = 4096,
                                   .buffer_cnt = 2,
                                   .buffer_sz = 4096,
                                   .roll_back_to = -1};
  if (mr_topic_log_open(&log, io, "d/t-0", &conf, &found, NULL) == MR_OK) {
    if (mr_topic_log_close(log, 0, NULL) != MR_OK) abort();
    int64_t again = read_all(io, &after);
    /* What breaks off a reader breaks off the recovery, but for what only a writer asks for. */
    if (again > cnt) {
      printf("%lld records before the recovery, %lld after it\n", (long long)cnt, (long long)again);
      abort();
    }
    if (again == cnt && after != before) abort();
  }
  mr_io_destroy(io);
  return 0;
}
