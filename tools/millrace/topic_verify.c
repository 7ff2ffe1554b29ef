/* SPDX-License-Identifier: Apache-2.0 */
/* topic verify and topic describe: what is in a topic's files. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "sink/topic_conf.h"
#include "topic.h"
#include "topic/group.h"
#include "topic/verify.h"

/* ---- every topic, or one ---- */

struct names {
  struct mr_arena *arena;
  const char **names;
  uint32_t cnt, cap;
};

static void add_name(void *ctx, const char *name, uint32_t partitions) {
  struct names *n = ctx;
  (void)partitions;
  if (n->cnt == n->cap) {
    const char **grown = MR_NEW(n->arena, const char *, n->cap * 2 + 16);
    if (n->cnt) memcpy(grown, n->names, n->cnt * sizeof *grown);
    n->names = grown;
    n->cap = n->cap * 2 + 16;
  }
  n->names[n->cnt++] = mr_arena_strndup(n->arena, name, strlen(name));
}

/* Calls fn for the topic of the command line, or for all of them; the worst exit code. */
static int each_topic(struct mr_topic_cmd *cmd, int (*fn)(struct mr_topic_cmd *cmd, bool first)) {
  struct names n = {.arena = &cmd->arena};
  struct mr_error err = {0};
  if (cmd->name) return fn(cmd, true);
  int rc = mr_topic_list(cmd->io, cmd->dir, add_name, &n, &err);
  if (rc && rc != MR_ERR_NOENT) return mr_topic_failed(cmd, &err, false);
  int worst = MR_EXIT_OK;
  for (uint32_t i = 0; i < n.cnt; i++) {
    cmd->name = n.names[i];
    int code = fn(cmd, i == 0);
    if (code > worst) worst = code;
  }
  return worst;
}

/* ---- verify ---- */

struct verifying {
  const struct mr_topic_cmd *cmd;
  struct mr_lines findings;
};

static void tell_finding(void *ctx, enum mr_topic_finding kind, const char *path, uint64_t byte,
                         const char *what) {
  static const char *const kinds[] = {"damage", "tail", "index"};
  struct verifying *v = ctx;
  if (!v->cmd->json) {
    printf("%s:%" PRIu64 ": %s: %s\n", path, byte, kinds[kind], what);
    return;
  }
  mr_lines_add(&v->findings, "%s{\"kind\":\"%s\",\"file\":", v->findings.len ? "," : "",
               kinds[kind]);
  mr_lines_json(&v->findings, path);
  mr_lines_add(&v->findings, ",\"byte\":%" PRIu64 ",\"what\":", byte);
  mr_lines_json(&v->findings, what);
  mr_lines_add(&v->findings, "}");
}

static int verify_partition(struct mr_topic_cmd *cmd, uint32_t p) {
  struct verifying v = {.cmd = cmd, .findings = {.arena = &cmd->arena}};
  struct mr_topic_verified out = {0};
  struct mr_error err = {0};
  if (mr_topic_verify(cmd->io, cmd->dir, cmd->name, p, tell_finding, &v, &out, &err))
    return mr_topic_failed(cmd, &err, false);
  uint64_t damage = out.findings[MR_TOPIC_FOUND_DAMAGE];
  if (cmd->json)
    printf("{\"topic\":\"%s\",\"partition\":%u,\"segments\":%" PRIu64 ",\"batches\":%" PRIu64
           ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"start\":%" PRId64 ",\"end\":%" PRId64
           ",\"damage\":%" PRIu64 ",\"torn_tail\":%" PRIu64 ",\"index\":%" PRIu64
           ",\"findings\":[%s]}\n",
           cmd->name, p, out.segments, out.batches, out.records, out.bytes, out.start, out.end,
           damage, out.findings[MR_TOPIC_FOUND_TAIL], out.findings[MR_TOPIC_FOUND_INDEX],
           v.findings.text ? v.findings.text : "");
  else
    printf("%s-%u: %" PRIu64 " segments, %" PRIu64 " batches, %" PRIu64 " records %" PRId64
           " to %" PRId64 ", %" PRIu64 " bytes: %s\n",
           cmd->name, p, out.segments, out.batches, out.records, out.start, out.end, out.bytes,
           damage                               ? "damaged"
           : out.findings[MR_TOPIC_FOUND_TAIL]  ? "good up to a torn end"
           : out.findings[MR_TOPIC_FOUND_INDEX] ? "good, with an index that does not fit"
                                                : "good");
  return damage ? MR_EXIT_DATA : MR_EXIT_OK;
}

static int verify_topic(struct mr_topic_cmd *cmd, bool first) {
  struct mr_topic_conf conf;
  struct mr_error err = {0};
  int worst = MR_EXIT_OK;
  (void)first;
  if (mr_topic_read_conf(cmd->io, cmd->dir, cmd->name, &conf, &err))
    return mr_topic_failed(cmd, &err, false);
  for (uint32_t p = 0; p < conf.partitions; p++) {
    if (cmd->partition >= 0 && cmd->partition != p) continue;
    int code = verify_partition(cmd, p);
    if (code > worst) worst = code;
  }
  return worst;
}

int mr_topic_verify_all(struct mr_topic_cmd *cmd) {
  return each_topic(cmd, verify_topic);
}

/* ---- describe ---- */

/* Bytes of the partition's segments. */
static uint64_t size_of(const struct mr_topic_cmd *cmd, uint32_t p) {
  char path[4096];
  uint64_t bytes = 0;
  int len = snprintf(path, sizeof path, "%s/%s-%u", cmd->dir, cmd->name, p);
  DIR *dir = len > 0 && (size_t)len < sizeof path ? opendir(path) : NULL;
  for (struct dirent *e; dir && (e = readdir(dir));) {
    struct stat st;
    size_t n = strlen(e->d_name);
    if (n < 4 || strcmp(e->d_name + n - 4, ".log") != 0) continue;
    if (!fstatat(dirfd(dir), e->d_name, &st, 0)) bytes += (uint64_t)st.st_size;
  }
  if (dir) closedir(dir);
  return bytes;
}

struct described {
  struct mr_topic_cmd *cmd;
  struct mr_topic_conf conf;
  int64_t start[MR_TOPIC_PARTITIONS_MAX], end[MR_TOPIC_PARTITIONS_MAX];
  struct mr_lines out;
  uint32_t groups;
};

static int look(struct described *d) {
  struct mr_topic_cmd *cmd = d->cmd;
  struct mr_error err = {0};
  if (mr_topic_read_conf(cmd->io, cmd->dir, cmd->name, &d->conf, &err))
    return mr_topic_failed(cmd, &err, false);
  for (uint32_t p = 0; p < d->conf.partitions; p++) {
    struct mr_topic_reader *reader;
    struct mr_topic_reader_conf conf = {
        .dir = cmd->dir, .topic = cmd->name, .partition = p, .start = MR_TOPIC_LATEST};
    if (mr_topic_reader_open(&reader, cmd->io, &conf, &err))
      return mr_topic_failed(cmd, &err, false);
    d->start[p] = mr_topic_reader_start(reader);
    d->end[p] = mr_topic_reader_end(reader);
    mr_topic_reader_close(reader);
  }
  return MR_EXIT_OK;
}

static void add_configs(struct described *d) {
  const struct mr_topic_log_conf *log = &d->conf.log;
  uint64_t segment_sz = log->segment_sz ? log->segment_sz : MR_TOPIC_SEGMENT_SZ;
  if (d->cmd->json) {
    mr_lines_add(&d->out,
                 "\"sync\":\"%s\",\"compression\":\"%s\",\"segment_bytes\":%" PRIu64
                 ",\"retention_ms\":%" PRId64 ",\"retention_bytes\":%" PRIu64 ",",
                 mr_topic_syncs[log->sync], mr_codec_name(log->codec), segment_sz,
                 log->retention_age_ms, log->retention_sz);
    return;
  }
  mr_lines_add(&d->out, "sync=%s,compression.type=%s,segment.bytes=%" PRIu64,
               mr_topic_syncs[log->sync], mr_codec_name(log->codec), segment_sz);
  if (log->retention_age_ms) mr_lines_add(&d->out, ",retention.ms=%" PRId64, log->retention_age_ms);
  if (log->retention_sz) mr_lines_add(&d->out, ",retention.bytes=%" PRIu64, log->retention_sz);
}

static void add_group(void *ctx, const char *group) {
  struct described *d = ctx;
  int64_t offsets[MR_TOPIC_PARTITIONS_MAX];
  struct mr_error err = {0};
  if (mr_topic_group_read(d->cmd->io, d->cmd->dir, group, d->cmd->name, offsets,
                          MR_TOPIC_PARTITIONS_MAX, &err))
    return;
  if (!d->cmd->json && !d->groups)
    mr_lines_add(&d->out, "\t%-24s %9s %15s %15s %9s\n", "GROUP", "PARTITION", "CURRENT-OFFSET",
                 "LOG-END-OFFSET", "LAG");
  for (uint32_t p = 0; p < d->conf.partitions; p++) {
    int64_t from = offsets[p] >= 0 ? offsets[p] : d->start[p];
    int64_t lag = d->end[p] > from ? d->end[p] - from : 0;
    if (d->cmd->json) {
      mr_lines_add(&d->out, "%s{\"group\":", d->groups++ ? "," : "");
      mr_lines_json(&d->out, group);
      mr_lines_add(&d->out, ",\"partition\":%u,\"offset\":%" PRId64 ",\"lag\":%" PRId64 "}", p,
                   offsets[p], lag);
    } else {
      d->groups++;
      mr_lines_add(&d->out, "\t%-24s %9u %15" PRId64 " %15" PRId64 " %9" PRId64 "\n", group, p,
                   offsets[p], d->end[p], lag);
    }
  }
}

static void add_text(struct described *d) {
  struct mr_topic_cmd *cmd = d->cmd;
  mr_lines_add(&d->out, "Topic: %s\tPartitionCount: %u\tReplicationFactor: 1\tConfigs: ", cmd->name,
               d->conf.partitions);
  add_configs(d);
  mr_lines_add(&d->out, "\n");
  for (uint32_t p = 0; p < d->conf.partitions; p++)
    mr_lines_add(&d->out,
                 "\tTopic: %s\tPartition: %u\tLeader: 0\tReplicas: 0\tIsr: 0\tOffsets: %" PRId64
                 "-%" PRId64 "\tSize: %" PRIu64 "\n",
                 cmd->name, p, d->start[p], d->end[p], size_of(cmd, p));
}

static void add_json(struct described *d) {
  struct mr_topic_cmd *cmd = d->cmd;
  mr_lines_add(
      &d->out,
      "{\"topic\":\"%s\",\"partition_count\":%u,\"replication_factor\":1,\"writer\":%" PRId64 ",",
      cmd->name, d->conf.partitions, mr_topic_writer(cmd->io, cmd->dir, cmd->name));
  add_configs(d);
  mr_lines_add(&d->out, "\"partitions\":[");
  for (uint32_t p = 0; p < d->conf.partitions; p++)
    mr_lines_add(&d->out,
                 "%s{\"partition\":%u,\"leader\":0,\"isr\":[0],\"start\":%" PRId64
                 ",\"end\":%" PRId64 ",\"bytes\":%" PRIu64 "}",
                 p ? "," : "", p, d->start[p], d->end[p], size_of(cmd, p));
  mr_lines_add(&d->out, "],\"groups\":[");
}

static int describe_topic(struct mr_topic_cmd *cmd, bool first) {
  static struct described d;
  struct mr_error err = {0};
  d = (struct described){.cmd = cmd, .out = {.arena = &cmd->arena}};
  (void)first;
  int rc = look(&d);
  if (rc) return rc;
  if (cmd->json)
    add_json(&d);
  else
    add_text(&d);
  rc = mr_topic_group_list(cmd->io, cmd->dir, cmd->name, add_group, &d, &err);
  if (rc && rc != MR_ERR_NOENT) return mr_topic_failed(cmd, &err, false);
  if (cmd->json) mr_lines_add(&d.out, "]}\n");
  fputs(d.out.text, stdout);
  return MR_EXIT_OK;
}

int mr_topic_describe(struct mr_topic_cmd *cmd) {
  return each_topic(cmd, describe_topic);
}
