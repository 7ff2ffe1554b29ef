/* SPDX-License-Identifier: Apache-2.0 */
/* Partitions on the simulated disk: killed and cut at any request, again and again, with requests
 * that take their time, fail and transfer less. The ledger is what was acknowledged; what is there
 * afterwards must be a beginning of what was appended, and hold at least that. `test_topic_crash
 * SEED COUNT` runs more seeds. */
#include "rig.h"

#include "base/rng.h"
#include "io/sim.h"
#include "topic/reader.h"
#include "topic/topic.h"
#include "topic/verify.h"

#define SEEDS 100u

static uint64_t first_seed = 1, seed_cnt = SEEDS;

struct world {
  struct mr_rng rng;
  struct mr_io_sim *disk;
  struct mr_io *io;
  struct mr_topic_log_conf conf;
  int64_t appended,
      acked; /* the ledger; appended: numbers used up so far in this life of the log */
  uint64_t now_ns;
  uint32_t restarts;
};

static uint32_t roll(struct world *w, uint32_t n) {
  return mr_rng_below(mr_rng_next(&w->rng), n);
}

static void start(struct world *w, uint64_t seed) {
  static const enum mr_codec codecs[] = {MR_CODEC_NONE, MR_CODEC_NONE, MR_CODEC_LZ4, MR_CODEC_ZSTD};
  *w = (struct world){0};
  mr_rng_init(&w->rng, seed);
  struct mr_io_sim_conf disk = {.seed = seed, .no_direct = roll(w, 4) == 0, .delay = roll(w, 6)};
  if (roll(w, 3) == 0) disk.shortness = disk.interruption = 20;
  mr_io_sim_create(&w->disk, &disk);
  w->conf = (struct mr_topic_log_conf){
      .sync = (enum mr_topic_sync)roll(w, 3),
      .sync_every_ns = 1 + roll(w, 50),
      .sync_bytes = roll(w, 2) * 4000u,
      .segment_sz = 20000 + roll(w, roll(w, 2) ? 60000 : 4000000),
      .batch_sz = 200 + roll(w, 4000),
      .codec = codecs[roll(w, 4)],
      .allocate_sz = 1 + roll(w, 200000),
      .buffer_cnt = 2 + roll(w, 7),
      .buffer_sz = MR_IO_ALIGN << roll(w, 4),
      .roll_back_to = -1,
  };
}

/* Opens the log; a crash may come in the middle. NULL: it did. */
static struct mr_topic_log *open_log(struct world *w, uint64_t seed) {
  struct mr_topic_log *log = NULL;
  struct mr_topic_recovery found;
  struct mr_error err = {0};
  mr_io_sim_attach(&w->io, w->disk);
  int rc = mr_topic_log_open(&log, w->io, "d/t-0", &w->conf, &found, &err);
  if (rc == MR_OK) {
    if (found.end < w->acked || found.end > w->appended)
      print_message("seed %llu, restart %u: %lld records, %lld acknowledged, %lld appended\n",
                    (unsigned long long)seed, w->restarts, (long long)found.end,
                    (long long)w->acked, (long long)w->appended);
    assert_in_range(found.end, w->acked, w->appended);
    w->appended = w->acked = found.end;
    return log;
  }
  if (!mr_io_sim_stopped(w->disk))
    print_message("seed %llu, restart %u: %s\n", (unsigned long long)seed, w->restarts, err.text);
  assert_true(mr_io_sim_stopped(w->disk));
  return NULL;
}

/* Appends and polls until the crash, or a clean close. */
static bool live(struct world *w, struct mr_topic_log *log) {
  uint32_t steps = roll(w, 400);
  struct rig_record m;
  for (uint32_t s = 0; s < steps && !mr_io_sim_stopped(w->disk); s++) {
    w->now_ns += roll(w, 10);
    for (uint32_t n = roll(w, 30); n > 0; n--) {
      int64_t at = mr_topic_log_append(log, rig_record(&m, w->appended));
      if (at < 0) break;
      assert_int_equal(at, w->appended++);
    }
    if (roll(w, 3) == 0) mr_topic_log_flush(log, w->now_ns);
    mr_topic_log_poll(log, w->now_ns, 0);
    int64_t acked = mr_topic_log_acked(log);
    assert_true(acked >= w->acked);
    /* Under the other policies only a process that ends loses nothing. */
    w->acked = acked;
  }
  if (mr_io_sim_stopped(w->disk) || roll(w, 3)) return false;
  struct mr_error err = {0};
  if (mr_topic_log_close(log, 0, &err) == MR_OK) w->acked = w->appended;
  return true;
}

static void check_records(struct world *w, uint64_t seed) {
  struct rig r = {.io = w->io, .in_memory = true};
  snprintf(r.dir, sizeof r.dir, "d/t-0");
  int64_t n = rig_check(&r, 0);
  if (n != w->appended) print_message("seed %llu\n", (unsigned long long)seed);
  assert_int_equal(n, w->appended);
}

static void run_seed(uint64_t seed) {
  struct world w;
  start(&w, seed);
  for (w.restarts = 0; w.restarts < 6; w.restarts++) {
    if (roll(&w, 2)) mr_io_sim_stop_after(w.disk, 1 + roll(&w, 60)); /* while it recovers */
    struct mr_topic_log *log = open_log(&w, seed);
    bool closed = false;
    if (log && !mr_io_sim_stopped(w.disk)) {
      mr_io_sim_stop_after(w.disk, 0);
      check_records(&w, seed);
      if (roll(&w, 4)) mr_io_sim_stop_after(w.disk, 1 + roll(&w, 600));
      closed = live(&w, log);
    }
    bool cut = roll(&w, 2);
    if (cut && w.conf.sync != MR_TOPIC_SYNC_ALWAYS && !(closed && !mr_io_sim_stopped(w.disk))) {
      int64_t synced = log && !closed ? mr_topic_log_synced(log) : 0;
      w.acked = synced; /* this is what the policies without a sync promise */
    }
    if (cut)
      mr_io_sim_cut(w.disk);
    else
      mr_io_sim_kill(w.disk);
    if (log && !closed) mr_topic_log_abandon(log);
    mr_io_destroy(w.io);
    mr_io_sim_stop_after(w.disk, 0);
  }
  mr_io_sim_destroy(w.disk);
}

MR_TEST(what_was_acknowledged_outlives_kills_and_power_cuts_at_any_request) {
  MR_UNUSED_STATE;
  print_message("seeds %llu to %llu\n", (unsigned long long)first_seed,
                (unsigned long long)(first_seed + seed_cnt - 1));
  for (uint64_t i = 0; i < seed_cnt; i++) run_seed(first_seed + i);
}

int main(int argc, char **argv) {
  if (argc > 2) {
    first_seed = strtoull(argv[1], NULL, 10);
    seed_cnt = strtoull(argv[2], NULL, 10);
  }
  const struct CMUnitTest cases[] = {
      MR_CASE(what_was_acknowledged_outlives_kills_and_power_cuts_at_any_request),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
