/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and reads topics for tests in other languages: `topic_drive write DIR TOPIC CODEC FROM TO`
 * appends the records FROM..TO-1, known by their numbers (the topic is made on first use),
 * `topic_drive read DIR TOPIC PARTITION [uncommitted]` prints one JSON object per record. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "topic/reader.h"
#include "topic/topic.h"

static _Noreturn void die(const char *what, const struct mr_error *err) {
  fprintf(stderr, "topic_drive: %s: %s\n", what, err->text);
  exit(err->code == MR_ERR_DATA ? 65 : 1);
}

static uint64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- write ---- */

struct made {
  char key[32], value[512];
  struct mr_record_header headers[2];
  struct mr_record rec;
};

/* Every third without a key, every seventh without a value, every fifth with headers. */
static void make(struct made *m, long n) {
  *m = (struct made){0};
  m->rec.timestamp_ms = 1700000000000 + n * 10;
  if (n % 3) {
    m->rec.key = m->key;
    m->rec.key_sz = (uint32_t)snprintf(m->key, sizeof m->key, "key-%ld", n % 23);
  }
  if (n % 7) {
    int len = snprintf(m->value, sizeof m->value, "value %ld ", n);
    for (long k = 0; k < n % 200; k++) m->value[len++] = (char)('a' + k % 26);
    m->rec.value = m->value;
    m->rec.value_sz = (uint32_t)len;
  }
  if (n % 5 == 0) {
    m->headers[0] = (struct mr_record_header){"number", m->key, 6, m->rec.key_sz};
    m->headers[1] = (struct mr_record_header){"none", NULL, 4, 0};
    m->rec.headers = m->headers;
    m->rec.header_cnt = 2;
  }
}

static void write_topic(struct mr_io *io, char **argv) {
  struct mr_error err = {0};
  struct mr_topic_conf conf = {.partitions = 1, .log = {.segment_sz = 200000, .batch_sz = 4000}};
  if (mr_codec_parse(argv[4], &conf.log.codec) != MR_OK) exit(64);
  int rc = mr_topic_create(io, argv[2], argv[3], &conf, &err);
  if (rc != MR_OK && rc != MR_ERR_EXISTS) die("create", &err);
  struct mr_topic *t;
  struct mr_topic_open how = {.dir = argv[2], .name = argv[3]};
  if (mr_topic_open(&t, io, &how, NULL, &err) != MR_OK) die("open", &err);
  struct mr_topic_log *log = mr_topic_log_at(t, 0);
  for (long n = atol(argv[5]), to = atol(argv[6]); n < to;) {
    struct made m;
    make(&m, n);
    int64_t at = mr_topic_log_append(log, &m.rec);
    if (at == MR_ERR_AGAIN && mr_topic_poll(t, now_ns(), 0) == MR_OK) continue;
    if (at < 0) die("append", mr_topic_log_failed(log));
    n++;
  }
  if (mr_topic_close(t, 0, &err) != MR_OK) die("close", &err);
}

/* ---- read ---- */

static void print_hex(const char *name, const char *bytes, uint32_t sz) {
  printf(",\"%s\":", name);
  if (!bytes) {
    printf("null");
    return;
  }
  putchar('"');
  for (uint32_t i = 0; i < sz; i++) printf("%02x", (unsigned char)bytes[i]);
  putchar('"');
}

static void print_record(const struct mr_record *rec) {
  struct mr_record_header h[16];
  uint32_t cnt = mr_record_headers(rec, h, 16);
  printf("{\"offset\":%lld,\"timestamp\":%lld", (long long)rec->offset,
         (long long)rec->timestamp_ms);
  print_hex("key", rec->key, rec->key_sz);
  print_hex("value", rec->value, rec->value_sz);
  printf(",\"headers\":[");
  for (uint32_t i = 0; i < cnt && i < 16; i++) {
    printf("%s{\"n\":%u", i ? "," : "", i);
    print_hex("key", h[i].key, h[i].key_sz);
    print_hex("value", h[i].value, h[i].value_sz);
    putchar('}');
  }
  printf("]}\n");
}

static void read_topic(struct mr_io *io, int argc, char **argv) {
  struct mr_error err = {0};
  struct mr_topic_reader *r;
  struct mr_record recs[256];
  struct mr_topic_reader_conf conf = {.dir = argv[2],
                                      .topic = argv[3],
                                      .partition = (uint32_t)atoi(argv[4]),
                                      .uncommitted = argc > 5};
  if (mr_topic_reader_open(&r, io, &conf, &err) != MR_OK) die("open", &err);
  for (;;) {
    int n = mr_topic_reader_take(r, recs, 256, &err);
    if (n < 0) {
      fflush(stdout);
      die("read", &err);
    }
    for (int i = 0; i < n; i++) print_record(&recs[i]);
    if (n == 0 && mr_topic_reader_at_end(r)) break;
    if (n == 0) mr_io_poll(io);
  }
  mr_topic_reader_close(r);
}

int main(int argc, char **argv) {
  struct mr_error err = {0};
  struct mr_io *io;
  if (mr_io_create(&io, MR_IO_BEST, NULL, NULL, &err) != MR_OK) die("io", &err);
  if (argc == 7 && strcmp(argv[1], "write") == 0)
    write_topic(io, argv);
  else if ((argc == 5 || argc == 6) && strcmp(argv[1], "read") == 0)
    read_topic(io, argc, argv);
  else
    return 64;
  mr_io_destroy(io);
  return 0;
}
