/* SPDX-License-Identifier: Apache-2.0 */
/* topic produce: lines of stdin as records. What is acknowledged is what the topic's sync policy
 * says; --acked is written after that, never before. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "cmd.h"
#include "topic.h"

#define BUF_SZ       (1u << 20)
#define LINE_MAX     (16u << 20)
#define HEADERS_MAX  64u
#define CLOSE_NS     INT64_C(60000000000) /* that a close waits for a full disk */
#define PRODUCER_MAX INT64_C(0x3fffffffffffffff)

struct ack { /* a line on its way */
  uint64_t line;
  int64_t offset;
  int64_t until; /* acknowledged when the log has acknowledged all below */
};

struct lane { /* a partition */
  struct ack *acks;
  size_t first, cnt, cap;
  int32_t sequence; /* of the next record */
};

struct produce {
  struct mr_topic_cmd *cmd;
  struct mr_topic *topic;
  uint32_t part_cnt;
  struct lane *lanes;
  FILE *acked;
  char *buf;
  size_t at, end, cap;
  bool eof;
  uint64_t line, repeated;
  int64_t producer; /* -1: none */
  int rc;
};

/* ---- acknowledgements ---- */

static void put_acks(void *ctx) {
  struct produce *p = ctx;
  bool any = false;
  for (uint32_t i = 0; p->acked && i < p->part_cnt; i++) {
    struct lane *lane = &p->lanes[i];
    /* readers know of it, too: whoever looks behind a kill finds it */
    int64_t acked = mr_topic_log_told(mr_topic_log_at(p->topic, i));
    for (; lane->cnt && lane->acks[lane->first].until <= acked; lane->first++, lane->cnt--) {
      const struct ack *a = &lane->acks[lane->first];
      fprintf(p->acked, "%" PRIu64 " %u %" PRId64 "\n", a->line, i, a->offset);
      any = true;
    }
    if (!lane->cnt) lane->first = 0;
  }
  if (any && fflush(p->acked) && !p->rc) {
    fprintf(stderr, "millrace topic produce: cannot write %s: %s\n", p->cmd->acked,
            strerror(errno));
    p->rc = MR_EXIT_IO;
  }
}

static void note_ack(struct produce *p, uint32_t partition, int64_t offset, bool repeated) {
  struct lane *lane = &p->lanes[partition];
  if (!p->acked) return;
  if (lane->first + lane->cnt == lane->cap) {
    if (lane->first > lane->cap / 2) {
      memmove(lane->acks, lane->acks + lane->first, lane->cnt * sizeof *lane->acks);
      lane->first = 0;
    } else {
      lane->cap = lane->cap ? lane->cap * 2 : 1024;
      lane->acks = realloc(lane->acks, lane->cap * sizeof *lane->acks);
      if (!lane->acks) abort();
    }
  }
  int64_t end = mr_topic_log_end(mr_topic_log_at(p->topic, partition));
  int64_t until = repeated && offset >= end ? end : offset + 1;
  lane->acks[lane->first + lane->cnt++] = (struct ack){p->line, offset, until};
}

/* ---- a line ---- */

/* name:value,name:value up to a tab. False: there is no tab, or a header without a colon. */
static bool take_headers(char **p, char *end, struct mr_record *rec, struct mr_record_header *out) {
  char *tab = memchr(*p, '\t', (size_t)(end - *p));
  if (!tab) return false;
  rec->headers = out;
  for (char *at = *p; at < tab;) {
    char *comma = memchr(at, ',', (size_t)(tab - at)), *stop = comma ? comma : tab;
    char *colon = memchr(at, ':', (size_t)(stop - at));
    if (!colon || rec->header_cnt == HEADERS_MAX) return false;
    out[rec->header_cnt++] = (struct mr_record_header){
        .key = at,
        .key_sz = (uint32_t)(colon - at),
        .value = colon + 1,
        .value_sz = (uint32_t)(stop - colon - 1),
    };
    at = stop + (comma != NULL);
  }
  if (!rec->header_cnt) rec->headers = NULL;
  *p = tab + 1;
  return true;
}

static uint32_t pick(struct produce *p, const struct mr_record *rec) {
  if (p->cmd->partition >= 0) return (uint32_t)p->cmd->partition;
  /* the same line goes to the same partition when it comes again */
  if (p->producer >= 0 && !rec->key) return (uint32_t)((p->line - 1) % p->part_cnt);
  return mr_topic_pick(p->topic, rec);
}

static bool step(struct produce *p) {
  if (!p->rc) p->rc = mr_topic_step(p->cmd, p->topic);
  put_acks(p);
  return !p->rc;
}

static bool append(struct produce *p, const struct mr_record *rec) {
  uint32_t partition = pick(p, rec);
  struct mr_topic_log *log = mr_topic_log_at(p->topic, partition);
  struct lane *lane = &p->lanes[partition];
  bool repeated = false;
  for (;;) {
    int64_t offset = p->producer < 0 ? mr_topic_log_append(log, rec)
                                     : mr_topic_log_append_as(log, rec, p->producer, 0,
                                                              lane->sequence, &repeated);
    if (offset >= 0) {
      note_ack(p, partition, offset, repeated);
      p->repeated += repeated;
      lane->sequence = lane->sequence == INT32_MAX ? 0 : lane->sequence + 1;
      return true;
    }
    if (offset != MR_ERR_AGAIN) {
      if (offset == MR_ERR_IO) return step(p) && false;
      fprintf(stderr, "millrace topic produce: line %" PRIu64 ": %s\n", p->line,
              offset == MR_ERR_LIMIT ? "the record is too large"
                                     : "the producer's records before it are not in the topic");
      p->rc = MR_EXIT_DATA;
      return false;
    }
    mr_topic_flush(p->topic, mr_topic_mono_ns());
    mr_topic_wait(p->cmd, -1, 10000);
    if (!step(p)) return false;
  }
}

static bool take_line(struct produce *p, char *at, char *end) {
  struct mr_record_header headers[HEADERS_MAX];
  struct mr_record rec = {.timestamp_ms = mr_topic_wall_ms()};
  const char *sep = p->cmd->key_separator;
  p->line++;
  if (p->cmd->headers && !take_headers(&at, end, &rec, headers)) {
    fprintf(stderr,
            "millrace topic produce: line %" PRIu64
            " does not begin with headers (name:value,name:value) and a tab\n",
            p->line);
    p->rc = MR_EXIT_DATA;
    return false;
  }
  char *key_end = sep ? memmem(at, (size_t)(end - at), sep, strlen(sep)) : NULL;
  if (key_end) {
    rec.key = at;
    rec.key_sz = (uint32_t)(key_end - at);
    at = key_end + strlen(sep);
  }
  rec.value = at;
  rec.value_sz = (uint32_t)(end - at);
  return append(p, &rec);
}

/* All whole lines of the buffer. False: it is over. */
static bool take_lines(struct produce *p) {
  while (p->at < p->end) {
    char *from = p->buf + p->at;
    char *nl = memchr(from, '\n', p->end - p->at);
    if (!nl && !p->eof) return true;
    char *end = nl ? nl : p->buf + p->end;
    p->at = (size_t)(end - p->buf) + (nl != NULL);
    if (!take_line(p, from, end)) return false;
  }
  return true;
}

/* ---- reading ---- */

static bool make_room(struct produce *p) {
  memmove(p->buf, p->buf + p->at, p->end - p->at);
  p->end -= p->at;
  p->at = 0;
  if (p->end < p->cap / 2) return true;
  char *larger = p->cap < LINE_MAX ? realloc(p->buf, p->cap * 2) : NULL;
  if (!larger) {
    fprintf(stderr, "millrace topic produce: line %" PRIu64 " is longer than 16 MiB\n",
            p->line + 1);
    p->rc = MR_EXIT_DATA;
    return false;
  }
  p->buf = larger;
  p->cap *= 2;
  return true;
}

static bool read_more(struct produce *p) {
  if (!make_room(p)) return false;
  ssize_t n = read(STDIN_FILENO, p->buf + p->end, p->cap - p->end);
  if (n < 0 && errno == EINTR) return true;
  if (n < 0) {
    fprintf(stderr, "millrace topic produce: cannot read stdin: %s\n", strerror(errno));
    p->rc = MR_EXIT_IO;
    return false;
  }
  p->eof = n == 0;
  p->end += (size_t)n;
  return true;
}

static bool waits(struct produce *p) {
  for (uint32_t i = 0; i < p->part_cnt; i++) {
    const struct mr_topic_log *log = mr_topic_log_at(p->topic, i);
    if (mr_topic_log_acked(log) < mr_topic_log_end(log) || p->lanes[i].cnt) return true;
  }
  return false;
}

static void produce_lines(struct produce *p) {
  while (!p->rc && !p->eof && !mr_topic_stopped) {
    bool ready = mr_topic_wait(p->cmd, STDIN_FILENO, 0);
    if (!ready) { /* no input is there: what came need not wait for company */
      mr_topic_flush(p->topic, mr_topic_mono_ns());
      if (!step(p)) break;
      ready = mr_topic_wait(p->cmd, STDIN_FILENO, waits(p) ? 1000 : 200000);
    }
    if (ready && (!read_more(p) || !take_lines(p))) break;
    if (!step(p)) break;
  }
}

/* ---- the verb ---- */

static int64_t producer_of(const char *text) {
  int64_t id;
  if (!mr_int64_parse(text, strlen(text), &id) && id >= 0) return id;
  return (int64_t)(mr_hash_bytes(text, strlen(text)) & (uint64_t)PRODUCER_MAX);
}

static int open_all(struct produce *p) {
  struct mr_topic_cmd *cmd = p->cmd;
  int rc = mr_topic_open_writer(cmd, &p->topic);
  if (rc) return rc;
  p->part_cnt = mr_topic_conf(p->topic)->partitions;
  if (cmd->partition >= (int64_t)p->part_cnt) {
    fprintf(stderr, "millrace topic produce: topic %s has %u partitions\n", cmd->name, p->part_cnt);
    return MR_EXIT_CONFIG;
  }
  p->lanes = calloc(p->part_cnt, sizeof *p->lanes);
  p->buf = malloc(BUF_SZ);
  p->cap = BUF_SZ;
  if (!p->lanes || !p->buf) return MR_EXIT_CONFIG;
  p->producer = cmd->producer ? producer_of(cmd->producer) : -1;
  if (!cmd->acked) return MR_EXIT_OK;
  p->acked = strcmp(cmd->acked, "-") ? fopen(cmd->acked, "ae") : stdout;
  if (p->acked) return MR_EXIT_OK;
  fprintf(stderr, "millrace topic produce: cannot write %s: %s\n", cmd->acked, strerror(errno));
  return MR_EXIT_IO;
}

int mr_topic_produce(struct mr_topic_cmd *cmd) {
  struct produce p = {.cmd = cmd};
  struct mr_error err = {0};
  p.rc = open_all(&p);
  mr_topic_catch_signals();
  produce_lines(&p);
  if (p.topic) {
    int rc = p.lanes ? mr_topic_finish(cmd, p.topic, put_acks, &p) : MR_EXIT_OK;
    if (!p.rc) p.rc = rc;
    while (!p.rc && p.lanes && waits(&p)) {
      mr_topic_wait(cmd, -1, 1000);
      step(&p);
    }
    rc = mr_topic_close(p.topic, CLOSE_NS, &err);
    if (rc && !p.rc) p.rc = mr_topic_failed(cmd, &err, true);
  }
  if (p.repeated)
    fprintf(stderr, "millrace topic produce: %" PRIu64 " of %" PRIu64 " lines were there already\n",
            p.repeated, p.line);
  if (p.acked && p.acked != stdout) fclose(p.acked);
  for (uint32_t i = 0; p.lanes && i < p.part_cnt; i++) free(p.lanes[i].acks);
  free(p.lanes);
  free(p.buf);
  return p.rc;
}
