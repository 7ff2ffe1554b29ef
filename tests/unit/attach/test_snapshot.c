/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

MR_TEST(the_difference_of_two_snapshots_is_the_interval) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  struct mr_snapshot a = {0}, b = {0}, d = {0};
  rig_open(&rig, NULL, "city");
  rig_attach(&rig, &attach);
  struct mr_stats *s = &rig.stats;
  _Atomic uint64_t *files =
      mr_stats_add_counter(s, OUT, "files", MR_STAT_KIND_COUNTER, MR_STAT_UNIT_TIMES);
  _Atomic uint64_t *open =
      mr_stats_add_counter(s, OUT, "open", MR_STAT_KIND_GAUGE, MR_STAT_UNIT_TIMES);
  mr_stat_set(&s->nodes[SEVERE].rows_in, 100);
  mr_stat_set(&s->nodes[SEVERE].state_keys, 10);
  mr_stat_set(&s->workers[2].loops, 5);
  mr_stat_set(&s->links[SEVERE_1].full, 7);
  mr_stat_set(files, 3);
  mr_stat_set(open, 3);
  mr_stat_set_time(&s->nodes[SEVERE].watermark_us, 1000);
  mr_hist_record_n(&s->paths[0].latency_ns, 5000, 4);
  mr_stats_error(s, 0, FEED, "MR3002", "bad line", 2, 10);
  assert_int_equal(mr_snapshot_take(&attach, &a), MR_OK);
  mr_stat_set(&s->nodes[SEVERE].rows_in, 250);
  mr_stat_set(&s->nodes[SEVERE].state_keys, 4);
  mr_stat_set(&s->workers[2].loops, 6);
  mr_stat_set(&s->links[SEVERE_1].full, 9);
  mr_stat_set(files, 10);
  mr_stat_set(open, 2);
  mr_stat_set_time(&s->nodes[SEVERE].watermark_us, 900);
  mr_hist_record_n(&s->paths[0].latency_ns, 5000, 1);
  mr_hist_record_n(&s->paths[0].latency_ns, 90, 2);
  mr_stats_error(s, 0, FEED, "MR3002", "bad line", 1, 20);
  assert_int_equal(mr_snapshot_take(&attach, &b), MR_OK);
  assert_int_equal(mr_snapshot_subtract(&attach, &b, &a, &d), MR_OK);
  assert_int_equal(mr_snapshot_word(&d.nodes[SEVERE].rows_in), 150);
  assert_int_equal(mr_snapshot_word(&d.nodes[SEVERE].state_keys), 4); /* gauge: the later one */
  assert_int_equal(mr_snapshot_word(&d.nodes[SEVERE].watermark_us), 900);
  assert_int_equal(mr_snapshot_word(&d.workers[2].loops), 1);
  assert_int_equal(mr_snapshot_word(&d.links[SEVERE_1].full), 2);
  assert_int_equal(mr_snapshot_word(&d.counters[0].value), 7);
  assert_int_equal(mr_snapshot_word(&d.counters[1].value), 2);
  assert_int_equal(mr_snapshot_word(&d.paths[0].latency_ns.counts[mr_hist_index(5000)]), 1);
  assert_int_equal(mr_snapshot_word(&d.paths[0].latency_ns.counts[mr_hist_index(90)]), 2);
  assert_int_equal(mr_snapshot_word(&d.errors[0].count), 3);
  assert_string_equal(d.nodes[SEVERE].name, "severe");
  assert_int_equal(d.links[SEVERE_1].capacity, 64);
  assert_int_equal(d.interval_ns, b.taken_mono_ns - a.taken_mono_ns);
  /* the two are as they were */
  assert_int_equal(mr_snapshot_word(&b.nodes[SEVERE].rows_in), 250);
  assert_int_equal(mr_snapshot_word(&a.nodes[SEVERE].rows_in), 100);
  /* and backwards nothing is negative */
  assert_int_equal(mr_snapshot_subtract(&attach, &a, &b, &d), MR_OK);
  assert_int_equal(mr_snapshot_word(&d.nodes[SEVERE].rows_in), 0);
  assert_int_equal(d.interval_ns, 0);
  mr_snapshot_free(&a);
  mr_snapshot_free(&b);
  mr_snapshot_free(&d);
  rig_close(&rig);
}

MR_TEST(snapshots_of_different_runs_are_not_subtracted) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  struct mr_snapshot a = {0}, b = {0}, d = {0};
  rig_open(&rig, NULL, "city");
  rig_attach(&rig, &attach);
  assert_int_equal(mr_snapshot_take(&attach, &a), MR_OK);
  assert_int_equal(mr_snapshot_take(&attach, &b), MR_OK);
  b.generation++;
  assert_int_equal(mr_snapshot_subtract(&attach, &b, &a, &d), MR_ERR_STATE);
  b.generation--;
  b.pid++;
  assert_int_equal(mr_snapshot_subtract(&attach, &b, &a, &d), MR_ERR_STATE);
  mr_snapshot_free(&a);
  mr_snapshot_free(&b);
  mr_snapshot_free(&d);
  rig_close(&rig);
}

MR_TEST(errors_of_all_workers_come_last_seen_first_and_at_most_64) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  char text[64], buf[MR_STAT_ERROR_TEXT_SZ];
  rig_open(&rig, NULL, "city");
  rig_attach(&rig, &attach);
  for (uint32_t i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "error %u", i);
    mr_stats_error(&rig.stats, i % 4, i % 2 ? FEED : UINT32_MAX, "MR3002", text, i + 1,
                   (i * 37) % 100);
  }
  assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
  assert_int_equal(snap.error_cnt, 64);
  for (uint32_t i = 0; i < 64; i++) {
    assert_int_equal(mr_snapshot_word(&snap.errors[i].last_us), 99 - i);
    uint32_t number = 0;
    while ((number * 37) % 100 != 99 - i) number++;
    snprintf(text, sizeof text, "error %u", number);
    assert_string_equal(mr_snapshot_error_text(&snap.errors[i], buf), text);
    assert_string_equal(mr_snapshot_error_code(&snap.errors[i], buf), "MR3002");
    assert_int_equal(mr_snapshot_word(&snap.errors[i].count), number + 1);
  }
  mr_snapshot_free(&snap);
  rig_close(&rig);
}

MR_TEST(depth_lies_between_zero_and_the_capacity) {
  MR_UNUSED_STATE;
  struct mr_link_stat link = {.capacity = 64};
  assert_int_equal(mr_snapshot_depth_items(&link), 0);
  mr_stat_set(&link.items_sent, 10);
  mr_stat_set(&link.items_taken, 3);
  mr_stat_set(&link.rows_sent, 1000);
  mr_stat_set(&link.rows_taken, 300);
  assert_int_equal(mr_snapshot_depth_items(&link), 7);
  assert_int_equal(mr_snapshot_depth_rows(&link), 700);
  mr_stat_set(&link.items_sent, 200); /* looked at while it was moving */
  assert_int_equal(mr_snapshot_depth_items(&link), 64);
  mr_stat_set(&link.items_taken, 201);
  assert_int_equal(mr_snapshot_depth_items(&link), 0);
  assert_int_equal(mr_snapshot_depth_rows(&link), 0);
}

MR_TEST(uptime_counts_from_the_workers_begin_to_the_last_heartbeat) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  rig_open(&rig, NULL, "city");
  rig_attach(&rig, &attach);
  assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
  assert_int_equal(snap.uptime_ns, 0);
  mr_segment_set_state(&rig.seg, MR_SEGMENT_RUNNING);
  uint64_t now = mr_process_mono_ns();
  atomic_store_explicit(&rig.seg.head->running_ns, now - 9000000000u, memory_order_relaxed);
  atomic_store_explicit(&rig.seg.head->heartbeat_ns, now - 4000000000u, memory_order_relaxed);
  assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
  assert_int_equal(snap.uptime_ns, 5000000000u);
  assert_true(snap.stalled); /* it lives, but its heart does not beat */
  assert_int_equal(snap.state, MR_GRAPH_RUNNING);
  mr_segment_beat(&rig.seg);
  assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
  assert_false(snap.stalled);
  mr_snapshot_free(&snap);
  rig_close(&rig);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_difference_of_two_snapshots_is_the_interval),
    MR_CASE(snapshots_of_different_runs_are_not_subtracted),
    MR_CASE(errors_of_all_workers_come_last_seen_first_and_at_most_64),
    MR_CASE(depth_lies_between_zero_and_the_capacity),
    MR_CASE(uptime_counts_from_the_workers_begin_to_the_last_heartbeat),
};
MR_MAIN(cases)
