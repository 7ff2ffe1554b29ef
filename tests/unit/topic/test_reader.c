/* SPDX-License-Identifier: Apache-2.0 */
/* Readers beside a writer, after it, from every place, and over damage. */
#include "rig.h"

#include "topic/bytes.h"
#include "topic/reader.h"
#include "topic/topic.h"

static void create(struct rig *r, enum mr_topic_sync sync, uint64_t segment, uint32_t batch) {
  struct mr_topic_conf conf = {.partitions = 1,
                               .log = {.sync = sync, .segment_sz = segment, .batch_sz = batch}};
  struct mr_error err = {0};
  assert_int_equal(mr_topic_create(r->io, r->root, "t", &conf, &err), MR_OK);
}

static struct mr_topic *open_topic(struct rig *r, bool held) {
  struct mr_topic *t = NULL;
  struct mr_error err = {0};
  struct mr_topic_open how = {.dir = r->root, .name = "t", .held = held};
  int rc = mr_topic_open(&t, r->io, &how, NULL, &err);
  if (rc) print_message("%s\n", err.text);
  assert_int_equal(rc, MR_OK);
  return t;
}

static struct mr_topic_reader *open_reader(struct rig *r, enum mr_topic_start start, int64_t at,
                                           bool go_on) {
  struct mr_topic_reader *rd = NULL;
  struct mr_error err = {0};
  struct mr_topic_reader_conf conf = {
      .dir = r->root, .topic = "t", .start = start, .at = at, .on_data_loss_continue = go_on};
  int rc = mr_topic_reader_open(&rd, r->io, &conf, &err);
  if (rc) print_message("%s\n", err.text);
  assert_int_equal(rc, MR_OK);
  return rd;
}

/* Takes records until the end, or an error, which is returned; *next: the number after the last. */
static int take_all(struct mr_topic_reader *rd, int64_t *next, struct mr_error *err) {
  struct mr_record recs[100];
  uint64_t start = rig_now_ns();
  for (;;) {
    int n = mr_topic_reader_take(rd, recs, 100, err);
    if (n < 0) return n;
    for (int i = 0; i < n; i++) {
      assert_int_equal(recs[i].offset, *next);
      rig_assert_record(&recs[i], (*next)++);
    }
    if (n == 0 && mr_topic_reader_at_end(rd)) return 0;
    assert_true(rig_now_ns() - start < 20000000000u);
  }
}

static void follow(bool in_memory, enum mr_topic_sync sync) {
  struct rig r;
  rig_open(&r, in_memory);
  create(&r, sync, 60000, 2000);
  struct mr_topic_reader *early = open_reader(&r, MR_TOPIC_EARLIEST, 0, false);
  int64_t early_next = 0, n = 0;
  assert_int_equal(take_all(early, &early_next, NULL), 0);
  for (int round = 0; round < 3; round++) {
    struct mr_topic *t = open_topic(&r, false);
    struct mr_topic_log *log = mr_topic_log_at(t, 0);
    struct mr_topic_reader *rd = open_reader(&r, MR_TOPIC_EARLIEST, 0, false);
    int64_t next = 0;
    for (int part = 0; part < 40; part++) {
      rig_append(log, n, n + 50);
      rig_acked(log, n += 50);
      while (next < n) { /* what is acknowledged can be read, a moment later */
        mr_topic_log_poll(log, rig_now_ns(), 0);
        assert_int_equal(take_all(rd, &next, NULL), 0);
      }
    }
    mr_topic_reader_close(rd);
    if (round == 1)
      mr_topic_abandon(t);
    else
      assert_int_equal(mr_topic_close(t, 0, NULL), MR_OK);
    next = 0;
    rd = open_reader(&r, MR_TOPIC_EARLIEST, 0, false);
    assert_int_equal(take_all(rd, &next, NULL), 0);
    assert_int_equal(next, n);
    assert_int_equal(mr_topic_reader_end(rd), n);
    mr_topic_reader_close(rd);
  }
  while (early_next < n) assert_int_equal(take_all(early, &early_next, NULL), 0);
  mr_topic_reader_close(early);
  rig_close(&r);
}

MR_TEST(a_reader_follows_the_writer_over_segments_and_restarts) {
  MR_UNUSED_STATE;
  for (int sync = MR_TOPIC_SYNC_ALWAYS; sync <= MR_TOPIC_SYNC_NEVER; sync++) {
    follow(true, (enum mr_topic_sync)sync);
    follow(false, (enum mr_topic_sync)sync);
  }
}

/* A topic with records 0..cnt-1, closed or crashed. */
static void fill(struct rig *r, int64_t cnt, bool clean) {
  create(r, MR_TOPIC_SYNC_NEVER, 50000, 1500);
  struct mr_topic *t = open_topic(r, false);
  rig_append(mr_topic_log_at(t, 0), 0, cnt);
  rig_acked(mr_topic_log_at(t, 0), cnt);
  if (clean)
    assert_int_equal(mr_topic_close(t, 0, NULL), MR_OK);
  else
    mr_topic_abandon(t);
}

MR_TEST(a_reader_begins_at_any_offset_or_time) {
  MR_UNUSED_STATE;
  for (int clean = 0; clean < 2; clean++) {
    struct rig r;
    rig_open(&r, true);
    fill(&r, 3000, clean);
    for (int64_t at = 0; at <= 3000; at += at < 40 ? 1 : 73) {
      struct mr_topic_reader *rd = open_reader(&r, MR_TOPIC_OFFSET, at, false);
      int64_t next = at;
      assert_int_equal(mr_topic_reader_position(rd), at);
      assert_int_equal(take_all(rd, &next, NULL), 0);
      assert_int_equal(next, 3000);
      mr_topic_reader_close(rd);
      rd = open_reader(&r, MR_TOPIC_TIMESTAMP, 1700000000000 + at, false);
      next = at;
      assert_int_equal(take_all(rd, &next, NULL), 0);
      assert_int_equal(next, 3000);
      mr_topic_reader_close(rd);
    }
    struct mr_topic_reader *rd = open_reader(&r, MR_TOPIC_LATEST, 0, false);
    int64_t next = 3000;
    assert_int_equal(take_all(rd, &next, NULL), 0);
    assert_int_equal(mr_topic_reader_position(rd), 3000);
    mr_topic_reader_close(rd);
    struct mr_topic_reader_conf conf = {
        .dir = r.root, .topic = "t", .start = MR_TOPIC_OFFSET, .at = 3001};
    assert_int_equal(mr_topic_reader_open(&rd, r.io, &conf, NULL), MR_ERR_LIMIT);
    conf.topic = "nothing";
    assert_int_equal(mr_topic_reader_open(&rd, r.io, &conf, NULL), MR_ERR_NOENT);
    rig_close(&r);
  }
}

MR_TEST(damage_is_told_after_the_good_records_with_file_and_byte) {
  MR_UNUSED_STATE;
  struct rig r;
  rig_open(&r, true);
  fill(&r, 2000, true);
  size_t len = 0;
  uint8_t *data = rig_get(&r, "00000000000000000000.log", &len);
  struct mr_record_batch b;
  size_t at = 0;
  for (int i = 0; i < 5; i++) {
    assert_int_equal(mr_record_batch_head(data + at, &b), MR_OK);
    at += b.sz;
  }
  int64_t bad = mr_record_batch_last_offset(&b) + 1;
  assert_int_equal(mr_record_batch_head(data + at, &b), MR_OK);
  data[at + 100] ^= 4;
  rig_put(&r, "00000000000000000000.log", data, len);
  struct mr_topic_reader *rd = open_reader(&r, MR_TOPIC_EARLIEST, 0, false);
  struct mr_error err = {0};
  int64_t next = 0;
  assert_int_equal(take_all(rd, &next, &err), MR_ERR_DATA);
  assert_int_equal(next, bad);
  char want[64];
  snprintf(want, sizeof want, "00000000000000000000.log: damaged at byte %zu", at);
  assert_non_null(strstr(err.text, want));
  assert_int_equal(mr_topic_reader_take(rd, &(struct mr_record){0}, 1, &err), MR_ERR_DATA);
  mr_topic_reader_close(rd);
  rd = open_reader(&r, MR_TOPIC_EARLIEST, 0, true); /* told to go on */
  struct mr_record rec;
  int64_t got = 0, last = -1;
  for (int n; (n = mr_topic_reader_take(rd, &rec, 1, &err)) == 1 || !mr_topic_reader_at_end(rd);) {
    assert_true(n >= 0);
    if (n == 0) continue;
    assert_true(rec.offset > last);
    rig_assert_record(&rec, rec.offset);
    last = rec.offset;
    got++;
  }
  struct mr_topic_loss loss;
  mr_topic_reader_loss(rd, &loss);
  assert_int_equal(loss.corrupt, 1);
  assert_int_equal(loss.first, bad);
  assert_int_equal(loss.last, mr_record_batch_last_offset(&b));
  assert_int_equal(got, 2000 - (int64_t)loss.records);
  mr_topic_reader_close(rd);
  free(data);
  rig_close(&r);
}

MR_TEST(held_records_are_seen_once_they_are_published) {
  MR_UNUSED_STATE;
  struct rig r;
  rig_open(&r, false);
  create(&r, MR_TOPIC_SYNC_ALWAYS, 0, 1000);
  struct mr_topic *t = open_topic(&r, true);
  struct mr_topic_log *log = mr_topic_log_at(t, 0);
  struct mr_topic_reader *rd = open_reader(&r, MR_TOPIC_EARLIEST, 0, false);
  int64_t next = 0;
  rig_append(log, 0, 100);
  rig_acked(log, 100);
  assert_int_equal(take_all(rd, &next, NULL), 0);
  assert_int_equal(next, 0);
  assert_int_equal(mr_topic_log_publish(log, 100, NULL), MR_OK);
  assert_int_equal(take_all(rd, &next, NULL), 0);
  assert_int_equal(next, 100);
  rig_append(log, 100, 300);
  rig_acked(log, 300);
  assert_int_equal(mr_topic_log_publish(log, 301, NULL), MR_ERR_STATE);
  mr_topic_abandon(t); /* the checkpoint had 100 */
  assert_int_equal(take_all(rd, &next, NULL), 0);
  assert_int_equal(next, 100);
  struct mr_topic_recovery found;
  int64_t back = 100;
  struct mr_topic_open how = {.dir = r.root, .name = "t", .held = true, .roll_back_to = &back};
  assert_int_equal(mr_topic_open(&t, r.io, &how, &found, NULL), MR_OK);
  assert_int_equal(found.end, 100);
  assert_true(found.bytes_cut > 0);
  log = mr_topic_log_at(t, 0);
  rig_append(log, 100, 200);
  rig_acked(log, 200);
  assert_int_equal(mr_topic_log_publish(log, 200, NULL), MR_OK);
  assert_int_equal(take_all(rd, &next, NULL), 0);
  assert_int_equal(next, 200);
  mr_topic_reader_close(rd);
  assert_int_equal(mr_topic_close(t, 0, NULL), MR_OK);
  rig_close(&r);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_reader_follows_the_writer_over_segments_and_restarts),
    MR_CASE(a_reader_begins_at_any_offset_or_time),
    MR_CASE(damage_is_told_after_the_good_records_with_file_and_byte),
    MR_CASE(held_records_are_seen_once_they_are_published),
};
MR_MAIN(cases)
