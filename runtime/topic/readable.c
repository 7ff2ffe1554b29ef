/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/readable.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "topic/bytes.h"
#include "topic/crc32c.h"
#include "topic/note.h"
#include "topic/segment.h"

static const char magic[8] = {'m', 'r', 't', 'o', 'p', 'i', 'c', '1'};

#define AT_CRC 60u

void mr_topic_readable_encode(const struct mr_topic_readable *r, uint8_t *p) {
  memset(p, 0, MR_TOPIC_READABLE_SZ);
  memcpy(p, magic, sizeof magic);
  mr_be64_put(p + 8, (uint64_t)r->offset);
  mr_be64_put(p + 16, (uint64_t)r->synced);
  mr_be64_put(p + 24, (uint64_t)r->base);
  mr_be64_put(p + 32, r->pos);
  mr_be32_put(p + 40, r->held);
  mr_be64_put(p + 44, (uint64_t)r->end_base);
  mr_be64_put(p + 52, r->end_pos);
  mr_be32_put(p + AT_CRC, mr_crc32c(0, p, AT_CRC));
}

bool mr_topic_readable_decode(const uint8_t *p, struct mr_topic_readable *r) {
  if (memcmp(p, magic, sizeof magic) != 0 || mr_be32(p + AT_CRC) != mr_crc32c(0, p, AT_CRC))
    return false;
  *r = (struct mr_topic_readable){
      .held = mr_be32(p + 40) & 1,
      .offset = (int64_t)mr_be64(p + 8),
      .synced = (int64_t)mr_be64(p + 16),
      .base = (int64_t)mr_be64(p + 24),
      .pos = mr_be64(p + 32),
      .end_base = (int64_t)mr_be64(p + 44),
      .end_pos = mr_be64(p + 52),
  };
  return true;
}

int mr_topic_readable_load(struct mr_io *io, const char *dir, struct mr_topic_readable *r) {
  char path[MR_TOPIC_PATH_SZ];
  uint8_t buf[MR_TOPIC_READABLE_SZ];
  snprintf(path, sizeof path, "%s/readable", dir);
  int64_t fd = mr_note_open(io, path, O_RDONLY, NULL);
  if (fd < 0) return (int)fd;
  int64_t n = mr_note_read_at(io, (int)fd, buf, sizeof buf, 0);
  mr_note_close(io, (int)fd);
  if (n < 0) return MR_ERR_IO;
  return n == sizeof buf && mr_topic_readable_decode(buf, r) ? MR_OK : MR_ERR_DATA;
}
