/* SPDX-License-Identifier: Apache-2.0 */
/* Every bit of a log of 16 KiB is flipped, and it is cut at every length: a reader never gives a
 * wrong record, and what was acknowledged is never missing without being told. Every hundredth flip
 * here; `test_topic_damage all` tries them all. The control: a reader of batches that does not look
 * at checksums gives wrong records. */
#include "rig.h"

#include "topic/reader.h"
#include "topic/topic.h"
#include "topic/verify.h"

#define LOG_SZ 16384u

static uint32_t step = 101;

static const char *const name = "00000000000000000000.log";

/* A log of about 16 KiB, closed; the records that it has. */
static int64_t make_log(struct rig *r, uint8_t **data, size_t *len) {
  rig_open(r, true);
  struct mr_topic_conf conf = {.partitions = 1, .log = {.batch_sz = 900}};
  assert_int_equal(mr_topic_create(r->io, r->root, "t", &conf, NULL), MR_OK);
  struct mr_topic *t = NULL;
  struct mr_topic_open how = {.dir = r->root, .name = "t"};
  assert_int_equal(mr_topic_open(&t, r->io, &how, NULL, NULL), MR_OK);
  struct mr_topic_log *log = mr_topic_log_at(t, 0);
  int64_t n = 0;
  for (; mr_topic_log_bytes(log) < LOG_SZ - 500; n++) rig_append(log, n, n + 1);
  rig_acked(log, n = mr_topic_log_end(log));
  assert_int_equal(mr_topic_close(t, 0, NULL), MR_OK);
  *data = rig_get(r, name, len);
  return n;
}

/* What a reader gives: the records of a beginning, each as it was appended. The error, or 0. */
static int read_all(struct rig *r, int64_t *next) {
  struct mr_topic_reader *rd = NULL;
  struct mr_topic_reader_conf conf = {.dir = r->root, .topic = "t"};
  struct mr_record rec;
  *next = 0;
  int rc = mr_topic_reader_open(&rd, r->io, &conf, NULL);
  if (rc) return rc;
  for (;;) {
    rc = mr_topic_reader_take(rd, &rec, 1, NULL);
    if (rc < 0 || (rc == 0 && mr_topic_reader_at_end(rd))) break;
    if (rc == 0) continue;
    assert_int_equal(rec.offset, *next);
    rig_assert_record(&rec, (*next)++);
  }
  mr_topic_reader_close(rd);
  return rc;
}

static uint64_t damage_found(struct rig *r) {
  struct mr_topic_verified v;
  assert_int_equal(mr_topic_verify(r->io, r->root, "t", 0, NULL, NULL, &v, NULL), MR_OK);
  return v.findings[MR_TOPIC_FOUND_DAMAGE];
}

/* Does a writer refuse the partition? What it leaves is put right by the caller. */
static int open_writer(struct rig *r, int64_t *end) {
  struct mr_topic *t = NULL;
  struct mr_topic_open how = {.dir = r->root, .name = "t"};
  struct mr_topic_recovery found = {0};
  int rc = mr_topic_open(&t, r->io, &how, &found, NULL);
  *end = found.end;
  if (rc == MR_OK) mr_topic_abandon(t);
  return rc;
}

MR_TEST(every_flipped_bit_is_told_and_no_wrong_record_is_given) {
  MR_UNUSED_STATE;
  struct rig r;
  uint8_t *data;
  size_t len = 0;
  int64_t cnt = make_log(&r, &data, &len), next, end;
  for (size_t bit = 0; bit < len * 8; bit += step) {
    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    rig_put(&r, name, data, len);
    assert_int_equal(read_all(&r, &next), MR_ERR_DATA);
    assert_true(next < cnt);
    if (bit % (step * 10) == 0) assert_int_equal(damage_found(&r), 1);
    if (bit % (step * 10) == 0) assert_int_equal(open_writer(&r, &end), MR_ERR_DATA);
    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  rig_put(&r, name, data, len);
  assert_int_equal(read_all(&r, &next), 0);
  assert_int_equal(next, cnt);
  free(data);
  rig_close(&r);
}

MR_TEST(every_missing_end_is_told) {
  MR_UNUSED_STATE;
  struct rig r;
  uint8_t *data;
  size_t len = 0;
  int64_t cnt = make_log(&r, &data, &len), next, end;
  for (size_t cut = 0; cut < len; cut += step / 4 + 1) {
    rig_put(&r, name, data, cut);
    assert_int_equal(read_all(&r, &next), MR_ERR_DATA);
    assert_true(next < cnt);
    assert_int_equal(damage_found(&r), 1);
    assert_int_equal(open_writer(&r, &end), MR_ERR_DATA);
  }
  free(data);
  rig_close(&r);
}

/* Without the mark of a clean close and with nothing known to be synced, a cut is a torn tail. */
MR_TEST(a_torn_tail_is_cut_at_the_last_whole_batch) {
  MR_UNUSED_STATE;
  struct rig r;
  uint8_t *data;
  size_t len = 0;
  int64_t cnt = make_log(&r, &data, &len), next, end;
  for (size_t cut = 0; cut <= len; cut += step * 3) {
    struct mr_io_req rm = {.kind = MR_IO_UNLINK, .path = "topics/t-0/closed"};
    mr_io_wait(r.io, &rm);
    rm.path = "topics/t-0/readable";
    mr_io_wait(r.io, &rm);
    rig_put(&r, name, data, cut);
    assert_int_equal(read_all(&r, &next), 0);
    assert_true(next <= cnt && (cut < len || next == cnt));
    assert_int_equal(damage_found(&r), 0);
    assert_int_equal(open_writer(&r, &end), MR_OK);
    assert_int_equal(end, next);
  }
  free(data);
  rig_close(&r);
}

MR_TEST(without_checksums_wrong_records_would_be_given) {
  MR_UNUSED_STATE;
  struct rig r;
  uint8_t *data;
  size_t len = 0;
  make_log(&r, &data, &len);
  uint32_t wrong = 0;
  for (size_t bit = 61 * 8; bit < len * 8; bit += 997) {
    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    for (size_t at = 0; at + 61 <= len;) {
      struct mr_record_batch b;
      struct mr_record_cursor c;
      struct mr_record rec;
      struct rig_record m;
      if (mr_record_batch_head(data + at, &b) != MR_OK || b.sz > len - at) break;
      if (mr_record_cursor_begin(&c, data + at, &b, NULL, NULL, 0) != MR_OK) break;
      while (mr_record_cursor_next(&c, &rec) == 1) {
        const struct mr_record *want = rig_record(&m, rec.offset);
        wrong += rec.value_sz != want->value_sz || !rec.value ||
                 memcmp(rec.value, want->value, rec.value_sz) != 0;
      }
      at += b.sz;
    }
    data[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  assert_true(wrong > 50);
  free(data);
  rig_close(&r);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "all") == 0) step = 1;
  const struct CMUnitTest cases[] = {
      MR_CASE(every_flipped_bit_is_told_and_no_wrong_record_is_given),
      MR_CASE(every_missing_end_is_told),
      MR_CASE(a_torn_tail_is_cut_at_the_last_whole_batch),
      MR_CASE(without_checksums_wrong_records_would_be_given),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
