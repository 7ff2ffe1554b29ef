/* SPDX-License-Identifier: Apache-2.0 */
/* topic: creates, lists, describes, fills, reads, measures, checks, trims and deletes topics. */
#include "topic.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd.h"
#include "load.h"
#include "sink/topic_conf.h"

#define FULL_WAIT_NS INT64_C(1000000000)

/* ---- shared ---- */

volatile sig_atomic_t mr_topic_stopped;

static void on_signal(int sig) {
  mr_topic_stopped = 1;
  signal(sig, SIG_DFL); /* a second one ends the program */
}

void mr_topic_catch_signals(void) {
  static const int sigs[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction sa = {.sa_handler = on_signal};
  for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) sigaction(sigs[i], &sa, NULL);
}

uint64_t mr_topic_mono_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int64_t mr_topic_wall_ms(void) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int mr_topic_failed(const struct mr_topic_cmd *cmd, const struct mr_error *err, bool writer) {
  fprintf(stderr, "millrace %s: %s\n", cmd->verb, err->text);
  switch (err->code) {
  case MR_ERR_EXISTS:
  case MR_ERR_AGAIN: return MR_EXIT_CUT_SHORT;
  case MR_ERR_DATA: return writer ? MR_EXIT_IO : MR_EXIT_DATA;
  case MR_ERR_LIMIT: return writer ? MR_EXIT_CONFIG : MR_EXIT_DATA;
  case MR_ERR_IO:
  case MR_ERR_SYS: return MR_EXIT_IO;
  case MR_ERR_PERM: return MR_EXIT_PERM;
  default: return MR_EXIT_CONFIG;
  }
}

static void wake(void *ctx) {
  const struct mr_topic_cmd *cmd = ctx;
  uint64_t one = 1;
  ssize_t n = write(cmd->wake_fd, &one, sizeof one);
  (void)n; /* full is awake */
}

bool mr_topic_wait(struct mr_topic_cmd *cmd, int fd, int64_t us) {
  struct pollfd fds[2] = {{.fd = cmd->wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
  uint64_t cnt;
  struct timespec most = {us / 1000000, us % 1000000 * 1000};
  int n = ppoll(fds, fd < 0 ? 1 : 2, &most, NULL);
  if (n > 0 && fds[0].revents && read(cmd->wake_fd, &cnt, sizeof cnt) < 0) cnt = 0;
  mr_io_poll(cmd->io);
  return n > 0 && fd >= 0 && fds[1].revents;
}

static int open_io(struct mr_topic_cmd *cmd, struct mr_error *err) {
  cmd->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (cmd->wake_fd < 0) return mr_error_set_sys(err, errno, "no event descriptor");
  return mr_io_create(&cmd->io, MR_IO_BEST, wake, cmd, err);
}

int mr_topic_open_writer(struct mr_topic_cmd *cmd, struct mr_topic **topic) {
  struct mr_error err = {0};
  struct mr_topic_open how = {.dir = cmd->dir, .name = cmd->name};
  struct mr_topic_recovery found[MR_TOPIC_PARTITIONS_MAX];
  if (mr_topic_open(topic, cmd->io, &how, found, &err)) return mr_topic_failed(cmd, &err, true);
  if (!mr_io_is_best(cmd->io))
    fprintf(stderr, "millrace %s: io: %s\n", cmd->verb, mr_io_mode(cmd->io));
  for (uint32_t p = 0; p < mr_topic_conf(*topic)->partitions; p++)
    if (found[p].bytes_cut)
      fprintf(stderr,
              "millrace %s: %s-%u was not closed: %" PRIu64 " bytes of a torn end were cut, it "
              "goes on at %" PRId64 "\n",
              cmd->verb, cmd->name, p, found[p].bytes_cut, found[p].end);
  return MR_EXIT_OK;
}

int mr_topic_step(struct mr_topic_cmd *cmd, struct mr_topic *topic) {
  static bool said;
  const char *path;
  uint64_t bytes;
  int rc = mr_topic_poll(topic, mr_topic_mono_ns(), mr_topic_wall_ms());
  for (uint32_t p = 0; p < mr_topic_conf(topic)->partitions; p++) {
    struct mr_topic_log *log = mr_topic_log_at(topic, p);
    if (rc && mr_topic_log_failed(log)) return mr_topic_failed(cmd, mr_topic_log_failed(log), true);
    if (said || !mr_topic_log_waits(log, &path, &bytes)) continue;
    said = true;
    fprintf(stderr, "millrace %s: the disk is full: %s needs %" PRIu64 " bytes; waiting for room\n",
            cmd->verb, path, bytes);
  }
  return rc ? MR_EXIT_IO : MR_EXIT_OK;
}

static bool all_acked(struct mr_topic *topic) {
  for (uint32_t p = 0; p < mr_topic_conf(topic)->partitions; p++) {
    struct mr_topic_log *log = mr_topic_log_at(topic, p);
    if (mr_topic_log_acked(log) < mr_topic_log_end(log)) return false;
  }
  return true;
}

int mr_topic_finish(struct mr_topic_cmd *cmd, struct mr_topic *topic, void (*acks)(void *ctx),
                    void *ctx) {
  int rc = mr_topic_step(cmd, topic);
  while (!rc && !all_acked(topic)) {
    mr_topic_flush(topic, mr_topic_mono_ns());
    mr_topic_wait(cmd, -1, 1000);
    rc = mr_topic_step(cmd, topic);
    if (acks) acks(ctx);
  }
  if (acks) acks(ctx);
  return rc;
}

/* ---- list, create, trim, delete ---- */

struct listing {
  struct mr_lines out;
  bool json, any;
};

static void list_one(void *ctx, const char *name, uint32_t partitions) {
  struct listing *l = ctx;
  if (!l->json) {
    mr_lines_add(&l->out, "%s\n", name);
    return;
  }
  mr_lines_add(&l->out, "%s{\"topic\":", l->any ? "," : "");
  mr_lines_json(&l->out, name);
  mr_lines_add(&l->out, ",\"partitions\":%u}", partitions);
  l->any = true;
}

static int run_list(struct mr_topic_cmd *cmd) {
  struct listing l = {.out = {.arena = &cmd->arena}, .json = cmd->json};
  struct mr_error err = {0};
  if (l.json) mr_lines_add(&l.out, "{\"topics\":[");
  int rc = mr_topic_list(cmd->io, cmd->dir, list_one, &l, &err);
  if (rc && rc != MR_ERR_NOENT) return mr_topic_failed(cmd, &err, false);
  if (l.json) mr_lines_add(&l.out, "]}\n");
  if (l.out.text) fputs(l.out.text, stdout);
  return MR_EXIT_OK;
}

static int run_create(struct mr_topic_cmd *cmd) {
  struct mr_error err = {0};
  int rc = mr_topic_create(cmd->io, cmd->dir, cmd->name, &cmd->make, &err);
  if (rc == MR_ERR_EXISTS) {
    fprintf(stderr, "millrace topic create: topic %s already exists\n", cmd->name);
    return cmd->if_not_exists ? MR_EXIT_OK : MR_EXIT_CONFIG;
  }
  if (rc) return mr_topic_failed(cmd, &err, true);
  printf("Created topic %s.\n", cmd->name);
  return MR_EXIT_OK;
}

static int run_trim(struct mr_topic_cmd *cmd) {
  struct mr_topic *topic;
  struct mr_error err = {0};
  if (cmd->before < 0) return mr_cmd_usage("topic", "trim: --before which offset?");
  int rc = mr_topic_open_writer(cmd, &topic);
  if (rc) return rc;
  uint32_t cnt = mr_topic_conf(topic)->partitions;
  if (cmd->partition >= (int64_t)cnt)
    rc = mr_error_set(&err, MR_ERR_ARG, "topic %s has %u partitions", cmd->name, cnt);
  for (uint32_t p = 0; p < cnt && !rc; p++) {
    struct mr_topic_log *log = mr_topic_log_at(topic, p);
    if (cmd->partition >= 0 && cmd->partition != p) continue;
    int64_t to = cmd->before < mr_topic_log_end(log) ? cmd->before : mr_topic_log_end(log);
    rc = mr_topic_log_trim(log, to, &err);
    if (!rc) printf("%s-%u begins at %" PRId64 "\n", cmd->name, p, mr_topic_log_start(log));
  }
  int code = rc ? mr_topic_failed(cmd, &err, true) : MR_EXIT_OK;
  rc = mr_topic_close(topic, FULL_WAIT_NS, &err);
  return !code && rc ? mr_topic_failed(cmd, &err, true) : code;
}

static int run_delete(struct mr_topic_cmd *cmd) {
  struct mr_error err = {0};
  if (mr_topic_delete(cmd->io, cmd->dir, cmd->name, &err)) return mr_topic_failed(cmd, &err, true);
  printf("Deleted topic %s.\n", cmd->name);
  return MR_EXIT_OK;
}

/* ---- the command line ---- */

#define PLACE  "--dir --data-dir "
#define CREATE "--partitions --sync --sync-every --compression --segment --retention "
static const struct sub {
  const char *name, *verb;
  int (*run)(struct mr_topic_cmd *cmd);
  bool needs_name;
  const char *flags; /* that it takes, each with a blank behind it */
} subs[] = {
    {"list", "topic list", run_list, false, PLACE "--json "},
    {"create", "topic create", run_create, true, PLACE CREATE "--if-not-exists "},
    {"describe", "topic describe", mr_topic_describe, false, PLACE "--json "},
    {"produce", "topic produce", mr_topic_produce, true,
     PLACE "--partition --key-separator --headers --acked --producer-id "},
    {"consume", "topic consume", mr_topic_consume, true,
     PLACE "--partition --from-beginning --start --until-end --max-messages --timeout --group "
           "--print --where --json --on-data-loss "},
    {"perf", "topic perf", mr_topic_perf, true, PLACE CREATE "--records --size --json "},
    {"verify", "topic verify", mr_topic_verify_all, false, PLACE "--partition --json "},
    {"trim", "topic trim", run_trim, true, PLACE "--partition --before "},
    {"delete", "topic delete", run_delete, true, PLACE},
};

static int word_of(const char *const *words, const char *text) {
  for (int i = 0; words[i]; i++)
    if (!strcmp(words[i], text)) return i;
  return -1;
}

static bool parse_cnt(const char *text, int64_t least, int64_t most, int64_t *out) {
  return !mr_int64_parse(text, strlen(text), out) && *out >= least && *out <= most;
}

/* How a topic is made. 1: taken, 0: another flag, -1: wrong. */
static int take_create(struct mr_topic_cmd *cmd, const char *flag, const char *value) {
  struct mr_topic_log_conf *log = &cmd->make.log;
  size_t len = strlen(value);
  int64_t n, ns;
  int word;
  if (!strcmp(flag, "--partitions")) {
    if (!parse_cnt(value, 1, MR_TOPIC_PARTITIONS_MAX, &n)) return -1;
    cmd->make.partitions = (uint32_t)n;
  } else if (!strcmp(flag, "--sync")) {
    if ((word = word_of(mr_topic_syncs, value)) < 0) return -1;
    log->sync = (enum mr_topic_sync)word;
  } else if (!strcmp(flag, "--sync-every")) {
    if (mr_duration_parse_ns(value, len, &log->sync_every_ns) || log->sync_every_ns < 1000000)
      return -1;
  } else if (!strcmp(flag, "--compression")) {
    if ((word = word_of(mr_topic_codecs, value)) < 0) return -1;
    log->codec = (enum mr_codec)word;
  } else if (!strcmp(flag, "--segment")) {
    if (mr_size_parse(value, len, &log->segment_sz) || log->segment_sz < 4096 ||
        log->segment_sz > MR_TOPIC_SEGMENT_MAX)
      return -1;
  } else if (!strcmp(flag, "--retention")) { /* an age or a size */
    if (!mr_duration_parse_ns(value, len, &ns) && ns >= 1000000)
      log->retention_age_ms = ns / 1000000;
    else if (mr_size_parse(value, len, &log->retention_sz) || !log->retention_sz)
      return -1;
  } else {
    return 0;
  }
  return 1;
}

/* earliest | latest | offset:N | timestamp:T */
static bool parse_start(struct mr_topic_cmd *cmd, const char *value) {
  int64_t us;
  if (!strcmp(value, "earliest")) {
    cmd->start = MR_TOPIC_EARLIEST;
  } else if (!strcmp(value, "latest")) {
    cmd->start = MR_TOPIC_LATEST;
  } else if (!strncmp(value, "offset:", 7)) {
    cmd->start = MR_TOPIC_OFFSET;
    return parse_cnt(value + 7, 0, INT64_MAX, &cmd->start_at);
  } else if (!strncmp(value, "timestamp:", 10)) {
    cmd->start = MR_TOPIC_TIMESTAMP;
    if (parse_cnt(value + 10, 0, INT64_MAX, &cmd->start_at)) return true; /* milliseconds */
    if (mr_timestamp_parse(value + 10, strlen(value + 10), &us)) return false;
    cmd->start_at = us / 1000 + (us % 1000 > 0);
  } else {
    return false;
  }
  return true;
}

/* 1: taken, 0: another flag, -1: wrong. */
static int take_consume(struct mr_topic_cmd *cmd, const char *flag, const char *value) {
  if (!strcmp(flag, "--start")) return parse_start(cmd, value) ? 1 : -1;
  if (!strcmp(flag, "--max-messages"))
    return parse_cnt(value, 0, INT64_MAX, &cmd->messages_max) ? 1 : -1;
  if (!strcmp(flag, "--timeout"))
    return !mr_duration_parse_ns(value, strlen(value), &cmd->timeout_ns) && cmd->timeout_ns > 0
               ? 1
               : -1;
  if (!strcmp(flag, "--on-data-loss")) {
    cmd->loss_continue = !strcmp(value, "continue");
    return cmd->loss_continue || !strcmp(value, "fail") ? 1 : -1;
  }
  if (!strcmp(flag, "--group"))
    cmd->group = value;
  else if (!strcmp(flag, "--print"))
    cmd->print = value;
  else if (!strcmp(flag, "--where"))
    cmd->where = value;
  else
    return 0;
  return 1;
}

/* The others. 1: taken, -1: wrong. */
static int take_other(struct mr_topic_cmd *cmd, const char *flag, const char *value) {
  uint64_t sz;
  if (!strcmp(flag, "--dir")) {
    cmd->dir = value;
  } else if (!strcmp(flag, "--data-dir")) {
    if (!cmd->dir) cmd->dir = mr_arena_printf(&cmd->arena, "%s/topics", value);
  } else if (!strcmp(flag, "--partition")) {
    return parse_cnt(value, 0, MR_TOPIC_PARTITIONS_MAX - 1, &cmd->partition) ? 1 : -1;
  } else if (!strcmp(flag, "--key-separator")) {
    cmd->key_separator = value;
    return value[0] ? 1 : -1;
  } else if (!strcmp(flag, "--acked")) {
    cmd->acked = value;
  } else if (!strcmp(flag, "--producer-id")) {
    cmd->producer = value;
    return value[0] ? 1 : -1;
  } else if (!strcmp(flag, "--records")) {
    return parse_cnt(value, 1, INT64_C(1) << 40, &cmd->records) ? 1 : -1;
  } else if (!strcmp(flag, "--size")) {
    if (mr_size_parse(value, strlen(value), &sz) || sz > (16u << 20)) return -1;
    cmd->record_sz = (int64_t)sz;
  } else { /* --before */
    return parse_cnt(value, 0, INT64_MAX, &cmd->before) ? 1 : -1;
  }
  return 1;
}

static bool take_bare(struct mr_topic_cmd *cmd, const char *flag) {
  if (!strcmp(flag, "--json"))
    cmd->json = true;
  else if (!strcmp(flag, "--if-not-exists"))
    cmd->if_not_exists = true;
  else if (!strcmp(flag, "--headers"))
    cmd->headers = true;
  else if (!strcmp(flag, "--from-beginning"))
    cmd->start = MR_TOPIC_EARLIEST;
  else if (!strcmp(flag, "--until-end"))
    cmd->until_end = true;
  else
    return false;
  return true;
}

static int take_flag(struct mr_topic_cmd *cmd, const struct sub *sub, struct mr_args *args) {
  const char *flag = args->flag;
  const char *padded = mr_arena_printf(&cmd->arena, "%s ", flag);
  if (!strstr(sub->flags, padded))
    return mr_cmd_usage("topic", "%s does not take %s", sub->verb, flag);
  if (take_bare(cmd, flag)) return MR_EXIT_OK;
  const char *value = mr_args_value(args, "topic");
  if (!value) return MR_EXIT_USAGE;
  int taken = take_create(cmd, flag, value);
  if (!taken) taken = take_consume(cmd, flag, value);
  if (!taken) taken = take_other(cmd, flag, value);
  if (taken < 0) return mr_cmd_usage("topic", "%s does not take \"%s\"", flag, value);
  return MR_EXIT_OK;
}

static int read_args(struct mr_topic_cmd *cmd, const struct sub *sub, int argc, char **argv) {
  struct mr_args args = {.argc = argc, .argv = argv};
  const char *env = getenv("MILLRACE_DATA_DIR");
  while (mr_args_next(&args)) {
    int rc = MR_EXIT_OK;
    if (args.flag)
      rc = take_flag(cmd, sub, &args);
    else if (!cmd->name)
      cmd->name = args.value;
    else
      rc = mr_cmd_usage("topic", "one topic at a time");
    if (rc) return rc;
  }
  if (sub->needs_name && !cmd->name) return mr_cmd_usage("topic", "%s which topic?", sub->name);
  if (cmd->name && !mr_topic_name_valid(cmd->name)) {
    fprintf(stderr,
            "millrace %s: \"%s\" is no name of a topic: letters, digits, '.', '_' and '-'\n",
            sub->verb, cmd->name);
    return MR_EXIT_CONFIG;
  }
  if (!cmd->dir)
    cmd->dir = mr_topic_dir(&cmd->arena, env && env[0] ? env : "./millrace-data", NULL);
  return MR_EXIT_OK;
}

static int run_topic(int argc, char **argv) {
  struct mr_topic_cmd cmd = {.wake_fd = -1,
                             .partition = -1,
                             .start = MR_TOPIC_LATEST,
                             .messages_max = -1,
                             .before = -1,
                             .records = 1000000,
                             .record_sz = 100};
  cmd.make = (struct mr_topic_conf){.partitions = 1, .log = {.roll_back_to = -1}};
  const struct sub *sub = NULL;
  struct mr_error err = {0};
  for (size_t i = 0; argc > 1 && i < sizeof subs / sizeof *subs; i++)
    if (!strcmp(argv[1], subs[i].name)) sub = &subs[i];
  if (!sub)
    return mr_cmd_usage("topic", "list, create, describe, produce, consume, perf, verify, trim or "
                                 "delete?");
  cmd.verb = sub->verb;
  int rc = read_args(&cmd, sub, argc - 1, argv + 1);
  if (!rc && open_io(&cmd, &err)) rc = mr_topic_failed(&cmd, &err, true);
  if (!rc) rc = sub->run(&cmd);
  if (fflush(stdout) && !rc && errno != EPIPE) rc = MR_EXIT_IO;
  if (cmd.io) mr_io_destroy(cmd.io);
  if (cmd.wake_fd >= 0) close(cmd.wake_fd);
  mr_arena_free(&cmd.arena);
  return rc;
}

const struct mr_cmd mr_cmd_topic = {
    "topic", "list|create|describe|produce|consume|perf|verify|trim|delete [FLAGS] [TOPIC]",
    "creates, fills, reads and checks durable topics",
    "Topics are in DATA_DIR/topics, in Kafka's format; a broker's log folder can be read.\n"
    "  --dir DIR         folder of topics, or a broker's log folder\n"
    "  --data-dir DIR    its topics folder; also MILLRACE_DATA_DIR, else ./millrace-data\n"
    "  --json            list, describe, consume, perf, verify: for programs\n"
    "  --partition N     produce, consume, verify, trim: this partition only\n"
    "create: what the topic has for all its life\n"
    "  --partitions N  --sync always|interval|never  --sync-every D  --segment SIZE\n"
    "  --compression none|gzip|snappy|lz4|zstd  --retention AGE or SIZE (may be given twice)\n"
    "  --if-not-exists   one that is there is no error\n"
    "describe: partitions, offsets, size, and the lag of each consumer group\n"
    "produce: a line of stdin is a record, acknowledged as the topic's sync says\n"
    "  --key-separator S   what stands before it is the key; a line without it has none\n"
    "  --headers           a line is HEADERS, a tab, the rest; headers are name:value,name:value\n"
    "  --acked FILE        appends LINE PARTITION OFFSET for each record that is acknowledged\n"
    "  --producer-id ID    a line that this producer has appended before is not appended again\n"
    "consume: values on stdout, the number of messages on stderr\n"
    "  --from-beginning  --start earliest|latest|offset:N|timestamp:T   (latest)\n"
    "  --until-end         stops at what is the end at the start\n"
    "  --max-messages N    --timeout D: stops when nothing came for so long\n"
    "  --group G           goes on behind what the group has printed\n"
    "  --print LIST        before each value: key, offset, timestamp (ms), partition, headers\n"
    "  --where EXPR        only values for which it is true, as JSON\n"
    "  --on-data-loss fail|continue\n"
    "perf: appends --records N of --size B each, and says how fast that was\n"
    "verify: checks every batch, record and index, of all topics without a name\n"
    "trim --before OFFSET: what lies before it is not kept any more\n"
    "Exit 65: damage, with file and byte; 74: the disk; 75: another process writes the topic, or "
    "is in\nthe group; 78: no such topic, or one that is there already.\n",
    run_topic};
