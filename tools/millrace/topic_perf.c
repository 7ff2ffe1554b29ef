/* SPDX-License-Identifier: Apache-2.0 */
/* topic perf: how fast records are appended, without parsing anything. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/rng.h"
#include "cmd.h"
#include "sink/topic_conf.h"
#include "topic.h"

#define CLOSE_NS   INT64_C(60000000000)
#define STEP_EVERY 256u /* records between looks at what has finished */

/* Bytes that do not pack to nothing: letters by a seed. */
static char *make_value(size_t sz) {
  char *value = malloc(sz + 8);
  for (size_t i = 0; value && i < sz; i++) value[i] = (char)('a' + mr_rng_at(1, i) % 26);
  return value;
}

static double cpu_s(void) {
  struct rusage ru;
  getrusage(RUSAGE_SELF, &ru);
  return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
         (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1e-6;
}

static int append_all(struct mr_topic_cmd *cmd, struct mr_topic *topic, char *value) {
  uint32_t cnt = mr_topic_conf(topic)->partitions;
  struct mr_record rec = {.value = value, .value_sz = (uint32_t)cmd->record_sz};
  int rc = MR_EXIT_OK;
  for (int64_t i = 0; i < cmd->records && !rc && !mr_topic_stopped; i++) {
    if (i % STEP_EVERY == 0) {
      rec.timestamp_ms = mr_topic_wall_ms();
      mr_io_poll(cmd->io);
      rc = mr_topic_step(cmd, topic);
    }
    if (cmd->record_sz >= 8) memcpy(value, &i, sizeof i);
    struct mr_topic_log *log = mr_topic_log_at(topic, cnt == 1 ? 0 : mr_topic_pick(topic, &rec));
    int64_t offset;
    while (!rc && (offset = mr_topic_log_append(log, &rec)) < 0) {
      if (offset != MR_ERR_AGAIN && offset != MR_ERR_IO) {
        fprintf(stderr, "millrace topic perf: the record is too large\n");
        return MR_EXIT_CONFIG;
      }
      mr_topic_wait(cmd, -1, 10000);
      rc = mr_topic_step(cmd, topic);
    }
  }
  return rc ? rc : mr_topic_finish(cmd, topic, NULL, NULL);
}

static void report(const struct mr_topic_cmd *cmd, const struct mr_topic *topic, double s,
                   double cpu) {
  double bytes = (double)cmd->records * (double)cmd->record_sz;
  const char *sync = mr_topic_syncs[mr_topic_conf(topic)->log.sync];
  const char *codec = mr_codec_name(mr_topic_conf(topic)->log.codec);
  if (cmd->json)
    printf("{\"topic\":\"%s\",\"records\":%" PRId64 ",\"record_bytes\":%" PRId64
           ",\"bytes\":%.0f,\"partitions\":%u,\"sync\":\"%s\",\"compression\":\"%s\","
           "\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"records_per_s\":%.1f,\"bytes_per_s\":%.1f,"
           "\"io\":\"%s\"}\n",
           cmd->name, cmd->records, cmd->record_sz, bytes, mr_topic_conf(topic)->partitions, sync,
           codec, s, cpu, (double)cmd->records / s, bytes / s,
           mr_io_is_best(cmd->io) ? "best" : "fallback");
  else
    printf("%" PRId64 " records of %" PRId64 " bytes, sync %s, compression %s: %.3f s, "
           "%.0f records/s, %.1f MB/s, %.2f s of CPU\n",
           cmd->records, cmd->record_sz, sync, codec, s, (double)cmd->records / s, bytes / s / 1e6,
           cpu);
}

int mr_topic_perf(struct mr_topic_cmd *cmd) {
  struct mr_topic *topic;
  struct mr_topic_conf made;
  struct mr_error err = {0};
  int rc = mr_topic_read_conf(cmd->io, cmd->dir, cmd->name, &made, &err);
  if (rc == MR_ERR_NOENT) rc = mr_topic_create(cmd->io, cmd->dir, cmd->name, &cmd->make, &err);
  if (rc) return mr_topic_failed(cmd, &err, true);
  rc = mr_topic_open_writer(cmd, &topic);
  if (rc) return rc;
  char *value = make_value((size_t)cmd->record_sz);
  double cpu = cpu_s();
  uint64_t from = mr_topic_mono_ns();
  mr_topic_catch_signals();
  if (value) rc = append_all(cmd, topic, value);
  double s = (double)(mr_topic_mono_ns() - from) / 1e9;
  cpu = cpu_s() - cpu;
  if (!rc && value && !mr_topic_stopped) report(cmd, topic, s, cpu);
  free(value);
  if (mr_topic_close(topic, CLOSE_NS, &err) && !rc) rc = mr_topic_failed(cmd, &err, true);
  return rc;
}
