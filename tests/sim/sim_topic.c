/* SPDX-License-Identifier: Apache-2.0 */
/* A topic's writer on the simulated disk, from one start to the next: it appends, the process is
 * killed or the power cut at any request, also while it recovers, and starts again. Everything
 * comes from one number, on one thread.
 *
 *   sim_topic [--seeds N] [--from SEED] [--bug N | --bugs] [--trace]
 *
 * The ledger knows what each offset was appended with, what was acknowledged and what was said to
 * be on the disk. After each start: nothing of that is missing, there is no hole, no record twice,
 * none that was not appended, and an idempotent producer goes on where the log ends. A writer that
 * is left in peace comes to an end, and after a failed sync or write acknowledges nothing. Exit 0:
 * every seed held; 1: the first that did not is named. With --bug the program has that bug (a
 * number of base/bug.h); it must be found: 0 when it is. --bugs: each in turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/rng.h"
#include "io/sim.h"
#include "oracle.h"
#include "topic/log.h"
#include "topic/topic.h"

#define RECORDS_MAX 20000
#define LOGS_MAX    2u
#define VALUE_MAX   400u
#define PRODUCER    INT64_C(7)
#define SETTLE_MAX  20000
#define TWICE       20 /* seeds that are run again, to see that they are the same */

int mr_bug; /* of base/bug.h */
static bool trace;

/* What one partition must have. */
struct ledger {
  struct mr_topic_log *log;
  uint32_t ids[RECORDS_MAX]; /* by offset: what was appended there last */
  int64_t end;               /* appended so far */
  int64_t acked, synced;     /* the most that this log said */
  int64_t must;              /* the next start has at least this */
};

struct world {
  struct mr_rng rng;
  struct mr_io_sim *disk;
  struct mr_io *io;
  struct mr_topic *topic; /* NULL: a log by itself */
  struct mr_topic_conf conf;
  struct ledger logs[LOGS_MAX];
  uint32_t next_id;
  uint64_t now_ns, hash;
  bool whole_topic, idempotent, uniform, faulty, clean; /* uniform: all batches have one size */
  char broken[1400];                                    /* what did not hold */
};

static struct world world;

static uint32_t below(uint32_t n) {
  return mr_rng_below(mr_rng_next(&world.rng), n);
}
static bool chance(uint32_t per_100) {
  return below(100) < per_100;
}

#define BREAK(...)                                                                                 \
  do {                                                                                             \
    if (!world.broken[0]) snprintf(world.broken, sizeof world.broken, __VA_ARGS__);                \
  } while (0)
#define TRACE(...)                                                                                 \
  do {                                                                                             \
    if (trace) printf(__VA_ARGS__);                                                                \
  } while (0)

static void note(int64_t n) {
  world.hash = (world.hash ^ (uint64_t)n) * UINT64_C(1099511628211);
}

/* ---- records ---- */

static uint32_t make_value(uint32_t id, char *value) {
  uint32_t len = world.uniform ? 100 : 4 + id * 2654435761u % (id % 16 ? 60 : VALUE_MAX - 4);
  memcpy(value, &id, 4);
  for (uint32_t i = 4; i < len; i++) value[i] = (char)(id + i * 7);
  return len;
}

struct reading {
  uint32_t p;
  int64_t producers; /* records of the idempotent producer */
};

static void check_record(void *ctx, const struct oracle_record *rec) {
  struct reading *r = ctx;
  const struct ledger *l = &world.logs[r->p];
  char want[VALUE_MAX];
  if (rec->offset >= l->end) {
    BREAK("partition %u has offset %lld, which nobody appended", r->p, (long long)rec->offset);
    return;
  }
  uint32_t len = make_value(l->ids[rec->offset], want);
  if (rec->value_sz != len || memcmp(rec->value, want, len) != 0)
    BREAK("partition %u: another record at offset %lld", r->p, (long long)rec->offset);
  if (rec->producer == PRODUCER) r->producers++;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Reads all segments of a partition that begin at or behind `start`; the end of what is whole. */
static int64_t read_partition(uint32_t p, int64_t start, struct reading *r) {
  char dir[64], path[128];
  static char names[65536];
  const char *sorted[2048];
  uint32_t cnt = 0;
  *r = (struct reading){.p = p};
  snprintf(dir, sizeof dir, "/data/t-%u", p);
  int64_t used = mr_io_sim_list(world.disk, dir, names, sizeof names);
  for (int64_t at = 0; at < used && cnt < 2048; at += (int64_t)strlen(names + at) + 1) {
    const char *dot = strchr(names + at, '.');
    if (dot && !strcmp(dot, ".log") && strtoll(names + at, NULL, 10) >= start)
      sorted[cnt++] = names + at;
  }
  qsort(sorted, cnt, sizeof *sorted, by_name);
  int64_t next = start;
  for (uint32_t i = 0; i < cnt; i++) {
    size_t len;
    snprintf(path, sizeof path, "%s/%.40s", dir, sorted[i]);
    const char *data = mr_io_sim_get(world.disk, path, &len);
    if (strtoll(sorted[i], NULL, 10) != next)
      BREAK("partition %u: a hole between %lld and %s", p, (long long)next, sorted[i]);
    oracle_read((const uint8_t *)data, len, &next, check_record, r);
  }
  return next;
}

/* ---- one life of a process ---- */

/* Looks at what a log says of itself; true while it goes on. */
static bool watch(struct ledger *l) {
  int64_t acked = mr_topic_log_acked(l->log), synced = mr_topic_log_synced(l->log);
  if (acked < l->acked || synced < l->synced) BREAK("what was acknowledged went back");
  if (acked > l->end || synced > l->end) BREAK("more is acknowledged than was appended");
  l->acked = acked;
  l->synced = synced;
  return !mr_topic_log_failed(l->log);
}

static void append(struct ledger *l) {
  char value[VALUE_MAX];
  if (l->end == RECORDS_MAX) return;
  uint32_t id = world.next_id + 1;
  struct mr_record rec = {.timestamp_ms = (int64_t)(world.now_ns / 1000000),
                          .value = value,
                          .value_sz = make_value(id, value)};
  if (!world.uniform && chance(50)) {
    rec.key = "key";
    rec.key_sz = 3;
  }
  int64_t at;
  if (world.idempotent) {
    bool repeated;
    int32_t sequence = mr_topic_log_next_sequence(l->log, PRODUCER);
    if (sequence > 0 && chance(10)) { /* again what was appended before */
      at = mr_topic_log_append_as(l->log, &rec, PRODUCER, 0, sequence - 1, &repeated);
      if (at >= 0 && !repeated) BREAK("a repeated sequence was appended again");
    }
    at = mr_topic_log_append_as(l->log, &rec, PRODUCER, 0, sequence, &repeated);
    if (at >= 0 && repeated) BREAK("a new sequence was taken for a repeated one");
  } else {
    at = mr_topic_log_append(l->log, &rec);
  }
  if (at < 0) return; /* no room, or failed */
  if (at != l->end) BREAK("appended at %lld, not at %lld", (long long)at, (long long)l->end);
  world.next_id = id;
  l->ids[l->end++] = id;
}

/* One thing that a writer may do; false: it has failed. */
static bool act(struct ledger *l) {
  uint32_t what = below(10);
  world.now_ns += below(3000000);
  if (what < 4)
    for (uint32_t n = 1 + below(what ? 4 : 40); n > 0; n--) append(l);
  else if (what == 4)
    mr_topic_log_flush(l->log, world.now_ns);
  else if (what == 5 && chance(20))
    mr_topic_log_sync(l->log, world.now_ns);
  else
    mr_topic_log_poll(l->log, world.now_ns, (int64_t)(world.now_ns / 1000000));
  return watch(l);
}

/* A log that has failed stays so. */
static void check_failed(struct ledger *l) {
  int64_t acked = l->acked, synced = l->synced;
  for (int i = 0; i < 30; i++) {
    append(l);
    mr_topic_log_flush(l->log, world.now_ns += 200000000);
    mr_topic_log_poll(l->log, world.now_ns, 0);
  }
  if (mr_topic_log_acked(l->log) != acked || mr_topic_log_synced(l->log) != synced)
    BREAK("a log that had failed acknowledged more");
}

/* Left in peace, everything is acknowledged and, asked for, on the disk. */
static void settle(struct ledger *l) {
  mr_topic_log_sync(l->log, world.now_ns);
  for (int i = 0; i < SETTLE_MAX && !mr_io_sim_stopped(world.disk); i++) {
    if (!watch(l) || l->synced == l->end) return;
    mr_topic_log_poll(l->log, world.now_ns += 10000000, 0);
  }
  if (!mr_io_sim_stopped(world.disk))
    BREAK("the writer does not come to an end: %lld of %lld on the disk", (long long)l->synced,
          (long long)l->end);
}

static int open_logs(struct mr_topic_recovery *found, struct mr_error *err) {
  if (!world.whole_topic) {
    world.conf.log.roll_back_to = -1;
    return mr_topic_log_open(&world.logs[0].log, world.io, "/data/t-0", &world.conf.log, found,
                             err);
  }
  int rc = mr_topic_create(world.io, "/data", "t", &world.conf, err);
  if (rc != MR_OK && rc != MR_ERR_EXISTS) return rc;
  struct mr_topic_open how = {.dir = "/data", .name = "t"};
  rc = mr_topic_open(&world.topic, world.io, &how, found, err);
  for (uint32_t p = 0; !rc && p < world.conf.partitions; p++)
    world.logs[p].log = mr_topic_log_at(world.topic, p);
  return rc;
}

static void check_start(uint32_t p, const struct mr_topic_recovery *found) {
  struct ledger *l = &world.logs[p];
  struct reading r;
  TRACE("  partition %u: start %lld end %lld, must have %lld, appended %lld%s, cut %llu\n", p,
        (long long)found->start, (long long)found->end, (long long)l->must, (long long)l->end,
        found->clean ? ", clean" : "", (unsigned long long)found->bytes_cut);
  if (found->end < l->must)
    BREAK("partition %u: lost: it ends at %lld, and %lld was promised", p, (long long)found->end,
          (long long)l->must);
  if (found->end > l->end) BREAK("partition %u ends behind what was appended", p);
  if (world.clean && !found->clean) BREAK("partition %u was closed and does not know it", p);
  if (found->clean && found->end != l->end)
    BREAK("partition %u says it was closed, and has not all", p);
  int64_t whole = read_partition(p, found->start, &r);
  if (whole != found->end)
    BREAK("partition %u: %lld whole, and it says %lld", p, (long long)whole, (long long)found->end);
  if (world.idempotent && !found->start) {
    int32_t next = mr_topic_log_next_sequence(l->log, PRODUCER);
    if (next != r.producers)
      BREAK("partition %u: the producer goes on at %d and has %lld records", p, next,
            (long long)r.producers);
  }
  note(found->end);
  l->end = l->acked = l->synced = found->end;
}

static void list_files(void) {
  static char names[65536];
  for (uint32_t p = 0; p < world.conf.partitions; p++) {
    char path[128];
    snprintf(path, sizeof path, "/data/t-%u", p);
    int64_t used = mr_io_sim_list(world.disk, path, names, sizeof names);
    for (int64_t at = 0; at < used; at += (int64_t)strlen(names + at) + 1) {
      size_t len;
      snprintf(path, sizeof path, "/data/t-%u/%.60s", p, names + at);
      mr_io_sim_get(world.disk, path, &len);
      printf("    %s %zu\n", path, len);
    }
  }
}

/* The process or the power goes, and what must be there at the next start is known. */
static void crash(bool power, bool untouched) {
  if (power)
    mr_io_sim_cut(world.disk);
  else
    mr_io_sim_kill(world.disk);
  TRACE("  %s\n", power ? "power cut" : "killed");
  if (trace) list_files();
  for (uint32_t p = 0; p < world.conf.partitions; p++) {
    struct ledger *l = &world.logs[p];
    bool acks_last = !power || world.conf.log.sync == MR_TOPIC_SYNC_ALWAYS;
    int64_t must = acks_last && l->acked > l->synced ? l->acked : l->synced;
    if (!untouched || l->must > must) l->must = must;
    if (!world.topic && l->log) mr_topic_log_abandon(l->log);
    l->log = NULL;
  }
  mr_topic_abandon(world.topic);
  world.topic = NULL;
  mr_io_destroy(world.io);
}

static void close_logs(void) {
  struct mr_error err = {0};
  int rc = world.topic ? mr_topic_close(world.topic, 0, &err)
                       : mr_topic_log_close(world.logs[0].log, 0, &err);
  world.topic = NULL;
  bool may_fail = world.faulty || mr_io_sim_stopped(world.disk);
  if (rc && !may_fail) BREAK("the close failed: %s", err.text);
  TRACE("  closed: %s\n", rc ? err.text : "ok");
  for (uint32_t p = 0; p < world.conf.partitions; p++) {
    struct ledger *l = &world.logs[p];
    if (!rc) l->acked = l->synced = l->end;
    l->log = NULL;
  }
  world.clean = !rc;
  crash(rc || chance(50), false);
}

static struct mr_io_sim_conf faults(bool last) {
  struct mr_io_sim_conf f = {.delay = below(4) ? below(8) : 0};
  if (last) return f;
  f.shortness = chance(30) ? below(300) : 0;
  f.interruption = chance(30) ? below(200) : 0;
  world.faulty = chance(25);
  if (world.faulty) {
    f.write_error = below(3) ? 0 : below(60);
    f.sync_error = below(3) ? 0 : below(150);
    f.read_error = below(3) ? 0 : below(100);
  }
  return f;
}

/* From a start to the end of the process. last: nothing gets in its way. */
static void live(bool last) {
  struct mr_error err = {0};
  struct mr_topic_recovery found[LOGS_MAX];
  world.faulty = false;
  struct mr_io_sim_conf f = faults(last);
  mr_io_sim_faults(world.disk, &f);
  mr_io_sim_attach(&world.io, world.disk);
  if (!last && chance(60)) mr_io_sim_stop_after(world.disk, 1 + below(chance(40) ? 40 : 600));
  TRACE(" start: delay %u, errors %u %u %u\n", f.delay, f.write_error, f.sync_error, f.read_error);
  int rc = open_logs(found, &err);
  if (rc) {
    TRACE("  refused: %s\n", err.text);
    if (!mr_io_sim_stopped(world.disk) && !world.faulty) BREAK("a start failed: %s", err.text);
    if (rc == MR_ERR_DATA) BREAK("a start found damage: %s", err.text);
    /* it may have taken the mark of the clean close away, and has promised nothing */
    char path[64];
    size_t len;
    crash(world.faulty || chance(50), true);
    for (uint32_t p = 0; p < world.conf.partitions; p++) {
      snprintf(path, sizeof path, "/data/t-%u/closed", p);
      if (!mr_io_sim_get(world.disk, path, &len)) world.clean = false;
    }
    return;
  }
  for (uint32_t p = 0; p < world.conf.partitions; p++) check_start(p, &found[p]);
  world.clean = false;
  bool tight = !last && chance(15);
  if (tight) mr_io_sim_space(world.disk, below(100000));
  bool alive = true;
  for (uint32_t n = below(400); n > 0 && alive && !world.broken[0]; n--)
    alive = act(&world.logs[below(world.conf.partitions)]) && !mr_io_sim_stopped(world.disk);
  mr_io_sim_space(world.disk, UINT64_MAX / 2); /* room again: it must go on by itself */
  bool failed = false;
  for (uint32_t p = 0; p < world.conf.partitions; p++) {
    struct ledger *l = &world.logs[p];
    bool calm = !mr_io_sim_stopped(world.disk) && !world.faulty;
    if ((calm && (last || chance(50))) || tight) settle(l); /* a close waits for no room here */
    if (watch(l)) continue;
    failed = true;
    if (!mr_io_sim_stopped(world.disk) && !world.faulty)
      BREAK("the log failed: %s", mr_topic_log_failed(l->log)->text);
    check_failed(l);
  }
  if (!failed && !world.broken[0] && (last || chance(40)))
    close_logs();
  else
    crash(failed || chance(60), false); /* what a failed sync left is known after a cut only */
}

static void run_seed(uint64_t seed) {
  memset(&world, 0, sizeof world);
  mr_rng_init(&world.rng, seed);
  struct mr_io_sim_conf disk = {.seed = mr_rng_next(&world.rng), .no_direct = chance(20)};
  mr_io_sim_create(&world.disk, &disk);
  world.whole_topic = chance(15);
  world.idempotent = chance(40);
  world.uniform = chance(20);
  world.conf =
      (struct mr_topic_conf){.partitions = world.whole_topic ? 1 + below(LOGS_MAX) : 1,
                             .log = {.sync = chance(60) ? MR_TOPIC_SYNC_ALWAYS
                                             : below(2) ? MR_TOPIC_SYNC_INTERVAL
                                                        : MR_TOPIC_SYNC_NEVER,
                                     .sync_every_ns = 1000000 + below(50000000),
                                     .segment_sz = chance(70) ? 4096 + below(30000) : 1 << 20,
                                     .batch_sz = world.uniform ? 128 : 128 + below(3000),
                                     .roll_back_to = -1,
                                     .buffered = chance(20),
                                     .buffer_cnt = 2 + below(MR_TOPIC_BUFFERS - 1),
                                     .buffer_sz = 4096 * (1 + below(3))}};
  TRACE("seed %llu: sync %d, segment %llu, batch %u, %u buffers of %u%s%s\n",
        (unsigned long long)seed, world.conf.log.sync,
        (unsigned long long)world.conf.log.segment_sz, world.conf.log.batch_sz,
        world.conf.log.buffer_cnt, world.conf.log.buffer_sz,
        world.whole_topic ? ", a whole topic" : "", world.idempotent ? ", idempotent" : "");
  for (uint32_t n = 1 + below(6); n > 0 && !world.broken[0]; n--) live(false);
  for (int n = 0; n < 2 && !world.broken[0]; n++) live(true);
  mr_io_sim_destroy(world.disk);
}

/* Seeds until one does not hold, 0: all do. */
static uint64_t search(uint64_t from, uint64_t seeds, uint64_t *all) {
  for (uint64_t n = 0; n < seeds; n++) {
    run_seed(from + n);
    uint64_t hash = world.hash;
    if (n < TWICE && !world.broken[0]) {
      run_seed(from + n);
      if (world.hash != hash) BREAK("another run of the seed was not the same");
    }
    *all = (*all ^ world.hash) * UINT64_C(1099511628211);
    if (world.broken[0]) return n + 1;
  }
  return 0;
}

/* Every planted bug must be found. */
static int find_bugs(uint64_t from, uint64_t seeds) {
  int missed = 0;
  uint64_t all = 0;
  for (mr_bug = 1; mr_bug < MR_BUG_END; mr_bug++) {
    uint64_t n = search(from, seeds, &all);
    missed += !n;
    if (n)
      printf("bug %d: found by seed %llu, the %llu. one: %s\n", mr_bug,
             (unsigned long long)(from + n - 1), (unsigned long long)n, world.broken);
    else
      printf("bug %d: not found in %llu seeds\n", mr_bug, (unsigned long long)seeds);
  }
  return missed ? 1 : 0;
}

int main(int argc, char **argv) {
  uint64_t seeds = 2000, from = 1, all = 0;
  bool bugs = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--trace"))
      trace = true;
    else if (!strcmp(argv[i], "--bugs"))
      bugs = true;
    else if (i + 1 < argc && !strcmp(argv[i], "--seeds"))
      seeds = strtoull(argv[++i], NULL, 10);
    else if (i + 1 < argc && !strcmp(argv[i], "--from"))
      from = strtoull(argv[++i], NULL, 10);
    else if (i + 1 < argc && !strcmp(argv[i], "--bug"))
      mr_bug = atoi(argv[++i]);
    else
      return 64;
  }
  if (bugs) return find_bugs(from, seeds);
  uint64_t n = search(from, seeds, &all);
  if (n) printf("seed %llu: %s\n", (unsigned long long)(from + n - 1), world.broken);
  if (!n) printf("%llu seeds held, %016llx\n", (unsigned long long)seeds, (unsigned long long)all);
  if (mr_bug) printf("bug %d was %sfound\n", mr_bug, n ? "" : "not ");
  return (mr_bug != 0) == (n != 0) ? 0 : 1;
}
