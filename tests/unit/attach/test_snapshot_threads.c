/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <pthread.h>

/* Writers write as workers do, a reader takes snapshots: every word is whole, what only rises never
 * falls, errors are never torn, and the taken side of a link never runs ahead. */

#define ROUNDS 240000u

#define COUNTER_EVERY (ROUNDS / 60)

struct shared {
  struct rig rig;
  _Atomic uint32_t left;
};

static void *write_sender(void *ctx) {
  struct shared *s = ctx;
  struct mr_stats *stats = &s->rig.stats;
  for (uint64_t i = 1; i <= ROUNDS; i++) {
    mr_stat_add(&stats->links[FEED_SEVERE].items_sent, 1);
    mr_stat_set(&stats->nodes[FEED].rows_in, i << 32 | i); /* both halves the same */
    mr_hist_record(&stats->nodes[FEED].service_ns, i % 5000);
    if (i % 16 == 0) {
      char text[64]; /* the same letter throughout, so that a torn text shows */
      memset(text, 'a' + (int)(i / 16 % 26), 60);
      snprintf(text + 60, 4, "%03u", (unsigned)(i / 16 % 512));
      mr_stats_error(stats, 0, FEED, "MR3002", text, 1, (int64_t)i);
    }
    if (i % COUNTER_EVERY == 0)
      mr_stats_add_counter(stats, FEED, "made while running", MR_STAT_KIND_GAUGE,
                           MR_STAT_UNIT_NONE);
  }
  atomic_fetch_sub_explicit(&s->left, 1, memory_order_release); /* the loop of the reader */
  return NULL;
}

static void *write_reader_side(void *ctx) {
  struct shared *s = ctx;
  struct mr_link_stat *link = &s->rig.stats.links[FEED_SEVERE];
  /* takes only what was sent, as a ring would have it; acquire here stands for the ring's own order
   */
  for (uint64_t taken = 0; taken < ROUNDS;) {
    if (taken == atomic_load_explicit(&link->items_sent, memory_order_acquire)) continue;
    mr_stat_set(&link->items_taken, ++taken);
    mr_hist_record(&link->wait_ns, taken);
    mr_segment_beat(&s->rig.seg);
  }
  atomic_fetch_sub_explicit(&s->left, 1, memory_order_release); /* the loop of the reader */
  return NULL;
}

static uint64_t total(const struct mr_hist *hist) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < MR_HIST_CNT; i++) n += mr_snapshot_word(&hist->counts[i]);
  return n;
}

static void check_errors(const struct mr_snapshot *snap) {
  char text[MR_STAT_ERROR_TEXT_SZ];
  for (uint32_t i = 0; i < snap->error_cnt; i++) {
    mr_snapshot_error_text(&snap->errors[i], text);
    assert_int_equal(strlen(text), 63);
    for (int c = 1; c < 60; c++) assert_int_equal(text[c], text[0]);
    assert_int_equal(mr_snapshot_word(&snap->errors[i].node), FEED);
  }
}

MR_TEST(a_reader_beside_writers_sees_whole_words_that_only_rise) {
  MR_UNUSED_STATE;
  static struct shared s;
  struct mr_attach attach;
  struct mr_snapshot now = {0}, before = {0}, part = {0};
  pthread_t a, b;
  rig_open(&s.rig, NULL, "city");
  rig_attach(&s.rig, &attach);
  atomic_store_explicit(&s.left, 2, memory_order_relaxed);
  assert_int_equal(mr_snapshot_take(&attach, &before), MR_OK);
  assert_int_equal(pthread_create(&a, NULL, write_sender, &s), 0);
  assert_int_equal(pthread_create(&b, NULL, write_reader_side, &s), 0);
  bool more = true;
  uint64_t sum = 0, looks = 0;
  while (more) {
    more = atomic_load_explicit(&s.left, memory_order_acquire) != 0; /* the ends of the writers */
    assert_int_equal(mr_snapshot_take(&attach, &now), MR_OK);
    uint64_t word = mr_snapshot_word(&now.nodes[FEED].rows_in);
    assert_int_equal(word >> 32, word & UINT32_MAX);
    assert_true(word >= mr_snapshot_word(&before.nodes[FEED].rows_in));
    const struct mr_link_stat *link = &now.links[FEED_SEVERE];
    assert_true(mr_snapshot_word(&link->items_taken) <= mr_snapshot_word(&link->items_sent));
    check_errors(&now);
    assert_int_equal(mr_snapshot_subtract(&attach, &now, &before, &part), MR_OK);
    sum += total(&part.nodes[FEED].service_ns);
    for (uint32_t i = 0; i < now.counter_cnt; i++)
      assert_string_equal(now.counters[i].label, "made while running");
    struct mr_snapshot swap = before;
    before = now;
    now = swap;
    looks++;
  }
  assert_int_equal(pthread_join(a, NULL), 0);
  assert_int_equal(pthread_join(b, NULL), 0);
  printf("%llu snapshots\n", (unsigned long long)looks);
  assert_int_equal(sum, ROUNDS); /* the intervals add up to all */
  assert_int_equal(mr_snapshot_word(&before.links[FEED_SEVERE].items_taken), ROUNDS);
  assert_int_equal(before.counter_cnt, ROUNDS / COUNTER_EVERY);
  mr_snapshot_free(&now);
  mr_snapshot_free(&before);
  mr_snapshot_free(&part);
  rig_close(&s.rig);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_reader_beside_writers_sees_whole_words_that_only_rise),
};
MR_MAIN(cases)
