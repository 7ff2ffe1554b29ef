/* SPDX-License-Identifier: Apache-2.0 */
/* Topics: reading a partition from its beginning against a loop over the same files, and appending
 * against fio and against itself. Records of 100 B without a key. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "suite/suite.h"
#include "topic/bytes.h"
#include "topic/crc32c.h"
#include "topic/reader.h"
#include "topic/topic.h"

#define RECORDS    UINT64_C(5000000)
#define VALUE_SZ   100u
#define READ_SZ    (256u << 10)
#define SYNC_BYTES (4u << 20)
#define TAKE       1024u

struct data {
  char dir[900]; /* the topics' folder */
  uint64_t records;
};

static int failed(struct mr_bench_run *run, const struct mr_error *err) {
  snprintf(run->error, sizeof run->error, "%.250s", err->text);
  return err->code ? err->code : MR_ERR_STATE;
}

/* ---- appending ---- */

struct appending {
  struct mr_io *io;
  struct mr_topic *topic;
  void *buffers;
  struct mr_error err;
};

static int open_topic(struct mr_bench_run *run, struct appending *a, const char *name,
                      const struct mr_topic_conf *conf) {
  const struct data *d = run->data;
  size_t sz = mr_topic_buffers_sz(conf->partitions);
  struct mr_topic_open how = {.dir = d->dir, .name = name};
  int rc = mr_io_create(&a->io, MR_IO_BEST, NULL, NULL, &a->err);
  if (rc) return failed(run, &a->err);
  a->buffers = aligned_alloc(MR_IO_ALIGN, sz);
  if (!a->buffers) return MR_ERR_NOMEM;
  memset(a->buffers, 0, sz);
  how.buffers = a->buffers;
  rc = mr_io_add_buffers(a->io, a->buffers, sz, &a->err);
  mr_topic_delete(a->io, d->dir, name, NULL); /* of the call before */
  if (!rc) rc = mr_topic_create(a->io, d->dir, name, conf, &a->err);
  if (!rc) rc = mr_topic_open(&a->topic, a->io, &how, NULL, &a->err);
  return rc ? failed(run, &a->err) : MR_OK;
}

static int close_topic(struct mr_bench_run *run, struct appending *a, int rc) {
  if (a->topic) {
    int closed = mr_topic_close(a->topic, 0, &a->err);
    if (!rc && closed) rc = failed(run, &a->err);
  }
  mr_io_destroy(a->io);
  free(a->buffers);
  return rc;
}

static int append_all(struct mr_bench_run *run, struct appending *a, uint64_t records) {
  struct mr_topic_log *log = mr_topic_log_at(a->topic, 0);
  char value[VALUE_SZ];
  memset(value, 'v', sizeof value);
  struct mr_record rec = {.value = value, .value_sz = sizeof value};
  for (uint64_t n = 0; n < records;) {
    rec.timestamp_ms = 1700000000000 + (int64_t)(n / 1000);
    memcpy(value, &n, sizeof n);
    int64_t at = mr_topic_log_append(log, &rec);
    if (at >= 0) {
      n++;
      continue;
    }
    if (at != MR_ERR_AGAIN || mr_topic_log_poll(log, mr_machine_now_ns(), 0) != MR_OK)
      return failed(run, mr_topic_log_failed(log));
  }
  mr_topic_log_sync(log, mr_machine_now_ns());
  while (mr_topic_log_synced(log) < (int64_t)records)
    if (mr_topic_log_poll(log, mr_machine_now_ns(), 0) != MR_OK)
      return failed(run, mr_topic_log_failed(log));
  return MR_OK;
}

/* Appends to a topic of its own and syncs it at the end; bytes of the disk per second, in GB. */
static int append(struct mr_bench_run *run, struct mr_bench_sample *sample, uint64_t sync_bytes) {
  const struct data *d = run->data;
  struct mr_topic_conf conf = {
      .partitions = 1, .log = {.sync = MR_TOPIC_SYNC_NEVER, .segment_sz = UINT64_C(1) << 30}};
  if (sync_bytes) {
    conf.log.sync = MR_TOPIC_SYNC_INTERVAL;
    conf.log.sync_every_ns = INT64_C(3600000000000);
    conf.log.sync_bytes = sync_bytes;
  }
  struct appending a = {0};
  int rc = open_topic(run, &a, "append", &conf);
  if (!rc) {
    uint64_t begin = mr_machine_now_ns();
    rc = append_all(run, &a, d->records);
    sample->wall_ns = mr_machine_now_ns() - begin;
    struct mr_topic_log_stats stats;
    mr_topic_log_stats(mr_topic_log_at(a.topic, 0), &stats);
    sample->events = d->records;
    sample->figure = (double)stats.bytes / (double)sample->wall_ns;
  }
  return close_topic(run, &a, rc);
}

static int append_never(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return append(run, sample, 0);
}
static int append_synced(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  return append(run, sample, SYNC_BYTES);
}

/* fio writes as many bytes in one file: io_uring, direct, 256 KiB, 8 in flight, one sync. */
static int fio(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  const struct data *d = run->data;
  char command[2200], text[65536];
  snprintf(command, sizeof command,
           "fio --name=w --filename='%s/fio' --ioengine=io_uring --direct=1 --rw=write --bs=256k "
           "--iodepth=8 --size=%llu --end_fsync=1 --output-format=json 2>/dev/null",
           d->dir, (unsigned long long)(d->records * (VALUE_SZ + 10)));
  FILE *p = popen(command, "r");
  size_t n = p ? fread(text, 1, sizeof text - 1, p) : 0;
  text[n] = 0;
  int status = p ? pclose(p) : -1;
  const char *write = strstr(text, "\"write\" : {"),
             *bw = write ? strstr(write, "\"bw_bytes\" : ") : NULL;
  if (status != 0 || !bw) {
    snprintf(run->error, sizeof run->error, "fio does not run here");
    return MR_ERR_STATE;
  }
  sample->events = d->records;
  sample->figure = strtod(bw + strlen("\"bw_bytes\" : "), NULL) / 1e9;
  return MR_OK;
}

/* ---- reading ---- */

/* Both sides find every record, check every batch, and sum what the records' values begin with. */
static int read_engine(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  const struct data *d = run->data;
  static struct mr_record recs[TAKE];
  struct mr_io *io = NULL;
  struct mr_topic_reader *r = NULL;
  struct mr_error err = {0};
  struct mr_topic_reader_conf conf = {.dir = d->dir, .topic = "read"};
  int rc = mr_io_create(&io, MR_IO_BEST, NULL, NULL, &err), n = 0;
  if (!rc) rc = mr_topic_reader_open(&r, io, &conf, &err);
  uint64_t begin = mr_machine_now_ns(), cnt = 0, sum = 0;
  while (!rc) {
    n = mr_topic_reader_take(r, recs, TAKE, &err);
    if (n < 0) rc = n;
    if (n == 0 && mr_topic_reader_at_end(r)) break;
    if (n == 0) mr_io_poll(io);
    for (int i = 0; i < n; i++) {
      uint64_t v;
      memcpy(&v, recs[i].value, sizeof v);
      sum += v;
    }
    if (n > 0) cnt += (uint64_t)n;
  }
  sample->wall_ns = mr_machine_now_ns() - begin;
  sample->events = sample->out_rows = cnt;
  sample->out_hash = sum;
  mr_topic_reader_close(r);
  mr_io_destroy(io);
  return rc ? failed(run, &err) : MR_OK;
}

/* The records of a batch: a loop that trusts the checksum. */
static const uint8_t *plain_records(const uint8_t *p, uint32_t cnt, uint64_t *sum) {
  for (uint32_t i = 0; i < cnt; i++) {
    const uint8_t *end = p + MR_RECORD_BATCH_MAX;
    int64_t len = 0, skip = 0, value_sz;
    p = mr_varint_get(p, end, &len);
    const uint8_t *next = p + len;
    p = mr_varint_get(p + 1, end, &skip);
    p = mr_varint_get(p, end, &skip);
    p = mr_varint_get(p, end, &skip);
    if (skip > 0) p += skip;
    p = mr_varint_get(p, end, &value_sz);
    uint64_t v;
    memcpy(&v, p, sizeof v);
    *sum += v;
    p = next;
  }
  return p;
}

static int plain_file(const char *path, uint8_t *buf, uint64_t *cnt, uint64_t *sum) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : MR_ERR_IO;
  size_t have = 0;
  for (ssize_t n; (n = read(fd, buf + have, READ_SZ - have)) > 0;) {
    size_t at = 0;
    have += (size_t)n;
    while (have - at >= MR_RECORD_BATCH_HEAD_SZ) {
      const uint8_t *p = buf + at;
      size_t sz = mr_be32(p + 8) + MR_RECORD_BATCH_MIN_SZ;
      if (sz > have - at) break;
      if (mr_crc32c(0, p + 21, sz - 21) != mr_be32(p + 17)) {
        close(fd);
        return MR_ERR_DATA;
      }
      uint32_t records = mr_be32(p + 57);
      plain_records(p + MR_RECORD_BATCH_HEAD_SZ, records, sum);
      *cnt += records;
      at += sz;
    }
    memmove(buf, buf + at, have - at);
    have -= at;
  }
  close(fd);
  return 1;
}

static int read_plain(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  const struct data *d = run->data;
  uint8_t *buf = malloc(READ_SZ + MR_VARLONG_MAX);
  uint64_t begin = mr_machine_now_ns(), cnt = 0, sum = 0;
  int rc = buf ? 1 : MR_ERR_NOMEM;
  while (rc == 1) { /* each segment begins with the record behind the one before it */
    char path[1000];
    snprintf(path, sizeof path, "%s/read-0/%020llu.log", d->dir, (unsigned long long)cnt);
    uint64_t before = cnt;
    rc = plain_file(path, buf, &cnt, &sum);
    if (rc == 1 && cnt == before) rc = 0;
  }
  sample->wall_ns = mr_machine_now_ns() - begin;
  sample->events = sample->out_rows = cnt;
  sample->out_hash = sum;
  free(buf);
  return rc;
}

/* ---- recovery ---- */

/* What a child process of its own says of opening the topic that a crash left. */
struct recovered {
  int rc;
  uint64_t ns, kib; /* kib: by how much its memory grew at most */
};

static void recover_in_child(const struct data *d, struct recovered *out) {
  struct rusage before, after;
  struct mr_io *io = NULL;
  struct mr_topic *t = NULL;
  struct mr_topic_open how = {.dir = d->dir, .name = "crashed"};
  getrusage(RUSAGE_SELF, &before);
  uint64_t begin = mr_machine_now_ns();
  out->rc = mr_io_create(&io, MR_IO_BEST, NULL, NULL, NULL);
  if (!out->rc) out->rc = mr_topic_open(&t, io, &how, NULL, NULL);
  out->ns = mr_machine_now_ns() - begin;
  getrusage(RUSAGE_SELF, &after);
  out->kib = (uint64_t)(after.ru_maxrss - before.ru_maxrss);
  mr_topic_abandon(t);
  mr_io_destroy(io);
}

static int recover(struct mr_bench_run *run, struct mr_bench_sample *sample) {
  struct recovered r = {.rc = MR_ERR_STATE};
  int ends[2], status;
  if (pipe(ends) != 0) return MR_ERR_SYS;
  pid_t child = fork();
  if (child == 0) {
    recover_in_child(run->data, &r);
    _exit(write(ends[1], &r, sizeof r) == sizeof r ? 0 : 1);
  }
  close(ends[1]);
  bool heard = child > 0 && read(ends[0], &r, sizeof r) == sizeof r;
  close(ends[0]);
  if (child > 0) waitpid(child, &status, 0);
  if (!heard || r.rc) {
    snprintf(run->error, sizeof run->error, "the topic cannot be opened");
    return MR_ERR_STATE;
  }
  sample->figure = run->bench->arg ? (double)r.kib / 1024 : (double)r.ns / 1e9;
  return MR_OK;
}

/* ---- set-up ---- */

static int setup(struct mr_bench_run *run) {
  struct data *d = calloc(1, sizeof *d);
  if (!d) return MR_ERR_NOMEM;
  run->data = d;
  snprintf(d->dir, sizeof d->dir, "%.800s/topics", run->dir);
  d->records = (uint64_t)((double)RECORDS * run->scale);
  return MR_OK;
}

static int setup_read(struct mr_bench_run *run) {
  struct mr_topic_conf conf = {.partitions = 1, .log = {.sync = MR_TOPIC_SYNC_NEVER}};
  struct appending a = {0};
  int rc = setup(run);
  if (rc) return rc;
  rc = open_topic(run, &a, "read", &conf);
  if (!rc) rc = append_all(run, &a, ((struct data *)run->data)->records);
  return close_topic(run, &a, rc);
}

/* 1 GiB in segments of the usual size, and a writer that went away. */
static int setup_crashed(struct mr_bench_run *run) {
  struct mr_topic_conf conf = {.partitions = 1, .log = {.sync = MR_TOPIC_SYNC_NEVER}};
  struct appending a = {0};
  int rc = setup(run);
  if (rc) return rc;
  rc = open_topic(run, &a, "crashed", &conf);
  if (!rc) rc = append_all(run, &a, ((struct data *)run->data)->records * 2);
  mr_topic_abandon(a.topic);
  a.topic = NULL;
  return close_topic(run, &a, rc);
}

static void teardown(struct mr_bench_run *run) {
  const struct data *d = run->data;
  struct mr_io *io = NULL;
  char path[1000];
  snprintf(path, sizeof path, "%s/fio", d->dir);
  unlink(path);
  if (mr_io_create(&io, MR_IO_PLAIN, NULL, NULL, NULL) == MR_OK) {
    mr_topic_delete(io, d->dir, "append", NULL);
    mr_topic_delete(io, d->dir, "read", NULL);
    mr_topic_delete(io, d->dir, "crashed", NULL);
  }
  mr_io_destroy(io);
  free(run->data);
}

const struct mr_bench mr_bench_topic_read = {
    .name = "topic-read",
    .what = "records of 100 B from the beginning of a topic in the page cache, against a loop that "
            "reads, checks and takes apart the same files",
    .unit = "M records/s",
    .unit_div = 1e6,
    .measure = MR_MEASURE_RATE,
    .engine_cores = 1,
    .now = {.near = 0.75, .far = 0.75},
    .later = {.near = 0.90, .far = 0.90},
    .anywhere = true,
    .setup = setup_read,
    .plain = read_plain,
    .engine = read_engine,
    .teardown = teardown,
};

const struct mr_bench mr_bench_topic_append = {
    .name = "topic-append",
    .what = "100 B records appended without syncs, and one at the end, against fio (io_uring, "
            "direct, 256 KiB, depth 8)",
    .unit = "GB/s",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .engine_cores = 1,
    .now = {.near = 0.85, .far = 0.85},
    .later = {.near = 0.95, .far = 0.95},
    .anywhere = true,
    .no_output = true,
    .setup = setup,
    .plain = fio,
    .engine = append_never,
    .teardown = teardown,
};

const struct mr_bench mr_bench_topic_sync = {
    .name = "topic-sync",
    .what = "100 B records appended with a sync every 4 MiB, against the same with one at the end",
    .unit = "GB/s",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .engine_cores = 1,
    .now = {.near = 0.80, .far = 0.80},
    .later = {.near = 0.85, .far = 0.85},
    .anywhere = true,
    .no_output = true,
    .setup = setup,
    .plain = append_never,
    .engine = append_synced,
    .teardown = teardown,
};

const struct mr_bench mr_bench_topic_recover = {
    .name = "topic-recover",
    .what = "opening a topic of 1 GiB after a crash",
    .unit = "s",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .engine_cores = 1,
    .lower_is_better = true,
    .limit_now = 2,
    .limit_later = 1,
    .anywhere = true,
    .no_output = true,
    .setup = setup_crashed,
    .engine = recover,
    .teardown = teardown,
};

const struct mr_bench mr_bench_topic_recover_memory = {
    .name = "topic-recover-memory",
    .what = "memory that opening a topic of 1 GiB after a crash takes",
    .unit = "MiB",
    .unit_div = 1,
    .measure = MR_MEASURE_GIVEN,
    .engine_cores = 1,
    .lower_is_better = true,
    .arg = 1,
    .limit_now = 64,
    .limit_later = 32,
    .anywhere = true,
    .no_output = true,
    .setup = setup_crashed,
    .engine = recover,
    .teardown = teardown,
};
