/* SPDX-License-Identifier: Apache-2.0 */
/* A full disk, a disk that fails, producers that repeat themselves, and what is removed with age.
 */
#include "rig.h"

#include <errno.h>

#include "io/sim.h"
#include "topic/producers.h"
#include "topic/reader.h"
#include "topic/topic.h"

static const struct mr_topic_log_conf small = {.sync = MR_TOPIC_SYNC_ALWAYS,
                                               .segment_sz = 60000,
                                               .batch_sz = 2000,
                                               .buffer_cnt = 4,
                                               .buffer_sz = 16384,
                                               .allocate_sz = 8192,
                                               .roll_back_to = -1};

struct on_disk {
  struct mr_io_sim *disk;
  struct rig r;
  uint64_t now_ns;
};

static void attach(struct on_disk *d, uint64_t seed, bool no_direct) {
  struct mr_io_sim_conf conf = {.seed = seed, .delay = 3, .no_direct = no_direct};
  *d = (struct on_disk){.r = {.in_memory = true}};
  mr_io_sim_create(&d->disk, &conf);
  mr_io_sim_attach(&d->r.io, d->disk);
  snprintf(d->r.dir, sizeof d->r.dir, "d/t-0");
}

static void detach(struct on_disk *d) {
  mr_io_destroy(d->r.io);
  mr_io_sim_destroy(d->disk);
}

/* Appends records from *n on until there is no room or `to` is reached; polls as a worker does. */
static void push(struct on_disk *d, struct mr_topic_log *log, int64_t *n, int64_t to,
                 uint32_t polls) {
  struct rig_record m;
  for (uint32_t i = 0; i < polls; i++) {
    while (*n < to && mr_topic_log_append(log, rig_record(&m, *n)) >= 0) ++*n;
    mr_topic_log_flush(log, d->now_ns += 10000000);
    mr_topic_log_poll(log, d->now_ns, 0);
  }
}

MR_TEST(a_full_disk_is_waited_for_and_nothing_is_lost) {
  MR_UNUSED_STATE;
  struct on_disk d;
  attach(&d, 1, true); /* this disk counts single bytes, direct writes count blocks */
  struct mr_topic_log *log = rig_log(&d.r, &small, NULL);
  const char *path = NULL;
  uint64_t needs = 0;
  int64_t n = 0, acked_when_full = 0;
  push(&d, log, &n, 500, 100);
  assert_int_equal(mr_topic_log_acked(log), 500);
  for (int round = 0; round < 5; round++) {
    mr_io_sim_space(d.disk, 20000);
    push(&d, log, &n, 100000, 300);
    assert_true(mr_topic_log_waits(log, &path, &needs));
    assert_non_null(strstr(path, ".log"));
    assert_true(needs > 0);
    acked_when_full = mr_topic_log_acked(log);
    push(&d, log, &n, 100000, 50);
    assert_int_equal(mr_topic_log_acked(log), acked_when_full); /* no acknowledgement */
    assert_null(mr_topic_log_failed(log));
    struct rig_record m;
    assert_int_equal(mr_topic_log_append(log, rig_record(&m, n)), MR_ERR_AGAIN);
  }
  mr_io_sim_space(d.disk, 100000000);
  push(&d, log, &n, n, 300);
  assert_false(mr_topic_log_waits(log, &path, &needs));
  assert_int_equal(mr_topic_log_acked(log), n);
  rig_close_log(log);
  assert_int_equal(rig_check(&d.r, 0), n);
  detach(&d);
}

MR_TEST(nothing_is_acknowledged_after_a_sync_that_failed) {
  MR_UNUSED_STATE;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    struct on_disk d;
    attach(&d, seed, seed % 3 == 0);
    struct mr_topic_log *log = rig_log(&d.r, &small, NULL);
    int64_t n = 0;
    push(&d, log, &n, 300, 100);
    struct mr_io_sim_conf faults = {.delay = 3, .sync_error = 300, .write_error = seed % 2 * 100u};
    mr_io_sim_faults(d.disk, &faults);
    while (!mr_topic_log_failed(log)) push(&d, log, &n, n + 50, 1);
    int64_t acked = mr_topic_log_acked(log);
    mr_io_sim_faults(d.disk, &(struct mr_io_sim_conf){.delay = 3}); /* too late */
    push(&d, log, &n, n + 50, 50);
    struct rig_record m;
    assert_int_equal(mr_topic_log_append(log, rig_record(&m, n)), MR_ERR_IO);
    assert_int_equal(mr_topic_log_poll(log, 0, 0), MR_ERR_IO);
    assert_int_equal(mr_topic_log_acked(log), acked);
    struct mr_error err = {0};
    assert_int_equal(mr_topic_log_close(log, 0, &err), MR_ERR_IO);
    assert_non_null(strstr(err.text, "cannot "));
    mr_io_destroy(d.r.io);
    mr_io_sim_cut(d.disk); /* what was acknowledged before is there */
    mr_io_sim_attach(&d.r.io, d.disk);
    struct mr_topic_recovery found;
    log = rig_log(&d.r, &small, &found);
    assert_false(found.clean);
    assert_in_range(found.end, acked, n);
    rig_close_log(log);
    assert_int_equal(rig_check(&d.r, 0), found.end);
    detach(&d);
  }
}

/* ---- producers ---- */

static int64_t append_as(struct mr_topic_log *log, int64_t id, int16_t epoch, int32_t sequence,
                         bool *repeated) {
  struct rig_record m;
  for (;;) {
    int64_t at = mr_topic_log_append_as(log, rig_record(&m, mr_topic_log_end(log)), id, epoch,
                                        sequence, repeated);
    if (at != MR_ERR_AGAIN) return at;
    mr_topic_log_poll(log, rig_now_ns(), 0);
  }
}

MR_TEST(a_repeated_sequence_is_not_appended_again_not_even_after_a_crash) {
  MR_UNUSED_STATE;
  struct rig r;
  rig_open(&r, true);
  int32_t next[3] = {0, 0, 0};
  int64_t end = 0;
  for (int round = 0; round < 6; round++) {
    struct mr_topic_recovery found;
    struct mr_topic_log *log = rig_log(&r, &small, &found);
    bool repeated;
    assert_int_equal(found.end, end);
    for (int p = 0; p < 3; p++) {
      assert_int_equal(mr_topic_log_next_sequence(log, 100 + p), next[p]);
      if (!next[p]) continue;
      assert_true(append_as(log, 100 + p, 0, next[p] - 1, &repeated) >= 0);
      assert_true(repeated);
      assert_int_equal(append_as(log, 100 + p, 0, next[p] + 1, &repeated), MR_ERR_STATE);
      assert_true(append_as(log, 100 + p, 0, 0, &repeated) >= 0);
      assert_true(repeated);
    }
    if (round) { /* the last one is where it was */
      assert_int_equal(append_as(log, 102, 0, next[2] - 1, &repeated), end - 1);
      assert_true(repeated);
    }
    for (int i = 0; i < 700; i++) {
      int p = round * 700 + i < 3 ? i : (i * 7 + i / 50) % 3;
      if (i == 699) p = 2;
      assert_int_equal(append_as(log, 100 + p, 0, next[p]++, &repeated), end++);
      assert_false(repeated);
    }
    rig_acked(log, end);
    if (round % 2)
      mr_topic_log_abandon(log);
    else
      rig_close_log(log);
  }
  struct mr_topic_log *log = rig_log(&r, &small, NULL);
  bool repeated;
  assert_int_equal(append_as(log, 100, 1, 0, &repeated), end); /* a newer epoch begins anew */
  assert_int_equal(append_as(log, 100, 0, next[0], &repeated), MR_ERR_STATE); /* the old is out */
  rig_acked(log, end + 1);
  rig_close_log(log);
  assert_int_equal(rig_check(&r, 0), end + 1);
  rig_close(&r);
}

MR_TEST(sequences_go_round_at_the_end_of_31_bits) {
  MR_UNUSED_STATE;
  struct rig r;
  rig_open(&r, true);
  struct mr_topic_log *log = rig_log(&r, &small, NULL);
  bool repeated;
  for (int i = 0; i < 10; i++)
    assert_int_equal(append_as(log, 5, 0, mr_topic_sequence_add(INT32_MAX - 4, i), &repeated), i);
  assert_int_equal(mr_topic_log_next_sequence(log, 5), 5);
  assert_int_equal(append_as(log, 5, 0, INT32_MAX - 1, &repeated), 3);
  assert_true(repeated);
  rig_close_log(log);
  rig_close(&r);
}

/* ---- retention ---- */

MR_TEST(old_segments_go_by_size_and_by_age_and_readers_are_told) {
  MR_UNUSED_STATE;
  for (int by_age = 0; by_age < 2; by_age++) {
    struct rig r;
    rig_open(&r, true);
    struct mr_topic_conf conf = {.partitions = 1, .log = small};
    if (by_age)
      conf.log.retention_age_ms = 100;
    else
      conf.log.retention_sz = 150000;
    assert_int_equal(mr_topic_create(r.io, r.root, "t", &conf, NULL), MR_OK);
    struct mr_topic *t = NULL;
    struct mr_topic_open how = {.dir = r.root, .name = "t"};
    assert_int_equal(mr_topic_open(&t, r.io, &how, NULL, NULL), MR_OK);
    struct mr_topic_log *log = mr_topic_log_at(t, 0);
    rig_append(log, 0, 10);
    rig_acked(log, 10);
    struct mr_topic_reader *slow = NULL, *late = NULL;
    struct mr_topic_reader_conf from = {.dir = r.root, .topic = "t"};
    assert_int_equal(mr_topic_reader_open(&slow, r.io, &from, NULL), MR_OK);
    from.on_data_loss_continue = true;
    assert_int_equal(mr_topic_reader_open(&late, r.io, &from, NULL), MR_OK);
    struct mr_record rec;
    for (int i = 0; i < 10; i++) {
      while (mr_topic_reader_take(slow, &rec, 1, NULL) == 0) mr_topic_log_poll(log, 0, 0);
      assert_int_equal(rec.offset, i);
    }
    rig_append(log, 10, 6000);
    rig_acked(log, 6000);
    int64_t wall = 1700000000000 + (by_age ? 5000 : 0);
    uint64_t now = rig_now_ns();
    for (int i = 0; i < 3000; i++) mr_topic_log_poll(log, now += 1000000000, wall);
    int64_t first = mr_topic_log_start(log);
    assert_true(first > 1000 && first < 6000);
    if (by_age)
      assert_true(first <= 4900);
    else
      assert_in_range(mr_topic_log_bytes(log), 150000, 150000 + 65000);
    struct mr_error err = {0};
    int got;
    while ((got = mr_topic_reader_take(slow, &rec, 1, &err)) == 1) {}
    assert_int_equal(got, MR_ERR_LIMIT);
    assert_non_null(strstr(err.text, "is not kept any more"));
    int64_t seen = 0, last = -1;
    while ((got = mr_topic_reader_take(late, &rec, 1, &err)) >= 0) {
      if (got == 0 && mr_topic_reader_at_end(late)) break;
      seen += got;
      if (got) last = rec.offset;
    }
    assert_int_equal(last, 5999);
    struct mr_topic_loss loss;
    mr_topic_reader_loss(late, &loss);
    assert_int_equal(seen + (int64_t)loss.records, 6000);
    assert_true(loss.records > 0);
    mr_topic_reader_close(slow);
    mr_topic_reader_close(late);
    assert_int_equal(mr_topic_log_trim(log, 5990, &err), MR_OK);
    assert_int_equal(mr_topic_log_start(log), 5990);
    assert_int_equal(mr_topic_close(t, 0, NULL), MR_OK);
    from.start = MR_TOPIC_EARLIEST;
    assert_int_equal(mr_topic_reader_open(&late, r.io, &from, NULL), MR_OK);
    assert_int_equal(mr_topic_reader_position(late), 5990);
    assert_int_equal(mr_topic_reader_take(late, &rec, 1, &err), 1);
    assert_int_equal(rec.offset, 5990);
    mr_topic_reader_close(late);
    rig_close(&r);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_full_disk_is_waited_for_and_nothing_is_lost),
    MR_CASE(nothing_is_acknowledged_after_a_sync_that_failed),
    MR_CASE(a_repeated_sequence_is_not_appended_again_not_even_after_a_crash),
    MR_CASE(sequences_go_round_at_the_end_of_31_bits),
    MR_CASE(old_segments_go_by_size_and_by_age_and_readers_are_told),
};
MR_MAIN(cases)
