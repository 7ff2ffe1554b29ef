/* SPDX-License-Identifier: Apache-2.0 */
/* A partition as its writer sees it: what is acknowledged, what a crash leaves, what is refused. */
#include "rig.h"

#include <errno.h>

static void append_close_and_reopen(bool in_memory, enum mr_codec codec, bool buffered) {
  struct rig r;
  rig_open(&r, in_memory);
  struct mr_topic_log_conf conf = {.sync = MR_TOPIC_SYNC_ALWAYS,
                                   .segment_sz = 100000,
                                   .batch_sz = 3000,
                                   .codec = codec,
                                   .buffered = buffered,
                                   .roll_back_to = -1};
  struct mr_topic_recovery found;
  int64_t n = 0;
  for (int round = 0; round < 4; round++) {
    struct mr_topic_log *log = rig_log(&r, &conf, &found);
    assert_int_equal(found.clean, round > 0);
    assert_int_equal(found.end, n);
    assert_int_equal(found.bytes_cut, 0);
    assert_int_equal(mr_topic_log_acked(log), n);
    rig_append(log, n, n + 2000);
    rig_acked(log, n + 2000);
    n += 2000;
    rig_close_log(log);
    assert_int_equal(rig_check(&r, 0), n);
  }
  rig_close(&r);
}

MR_TEST(what_was_appended_is_there_after_a_close) {
  MR_UNUSED_STATE;
  for (int codec = 0; codec < MR_CODEC_CNT; codec++) {
    append_close_and_reopen(true, (enum mr_codec)codec, false);
    append_close_and_reopen(false, (enum mr_codec)codec, codec % 2);
  }
}

MR_TEST(what_was_acknowledged_is_there_after_a_crash) {
  MR_UNUSED_STATE;
  for (int direct = 0; direct < 2; direct++) {
    struct rig r;
    rig_open(&r, false);
    struct mr_topic_log_conf conf = {.sync = MR_TOPIC_SYNC_NEVER,
                                     .segment_sz = 300000,
                                     .batch_sz = 2000,
                                     .buffered = !direct,
                                     .roll_back_to = -1};
    int64_t n = 0;
    for (int round = 0; round < 5; round++) {
      struct mr_topic_recovery found;
      struct mr_topic_log *log = rig_log(&r, &conf, &found);
      assert_false(found.clean);
      assert_true(found.end >= n);
      n = found.end;
      rig_append(log, n, n + 3000);
      rig_acked(log, n + 2500);
      rig_append(log, n + 3000, n + 3100); /* may be lost */
      n += 2500;
      mr_topic_log_abandon(log);
      assert_true(rig_check(&r, 0) >= n);
    }
    rig_close(&r);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(what_was_appended_is_there_after_a_close),
    MR_CASE(what_was_acknowledged_is_there_after_a_crash),
};
MR_MAIN(cases)
