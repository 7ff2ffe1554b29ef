/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "attach/top.h"

#define SECOND UINT64_C(1000000000)

struct table {
  struct rig rig;
  struct mr_attach attach;
  struct mr_snapshot now, before, part;
  struct mr_arena arena;
};

static void open_table(struct table *t) {
  memset(t, 0, sizeof *t);
  rig_open(&t->rig, NULL, "city");
  rig_attach(&t->rig, &t->attach);
  mr_segment_set_state(&t->rig.seg, MR_SEGMENT_RUNNING);
  assert_int_equal(mr_snapshot_take(&t->attach, &t->before), MR_OK);
}

static void busy_node(struct table *t, uint32_t node, uint64_t in, uint64_t out, uint64_t busy,
                      uint64_t blocked) {
  struct mr_node_stat *n = &t->rig.stats.nodes[node];
  mr_stat_set(&n->rows_in, in);
  mr_stat_set(&n->rows_out, out);
  mr_stat_set(&n->busy_ns, busy);
  mr_stat_set(&n->blocked_ns, blocked);
  mr_stat_set(&n->idle_ns, 2 * SECOND - busy - blocked);
}

static void busy_link(struct table *t, uint32_t link, uint64_t taken, uint64_t depth,
                      uint64_t full) {
  struct mr_link_stat *l = &t->rig.stats.links[link];
  mr_stat_set(&l->items_taken, taken);
  mr_stat_set(&l->items_sent, taken + depth);
  mr_stat_set(&l->rows_taken, taken * 100);
  mr_stat_set(&l->rows_sent, (taken + depth) * 100);
  mr_stat_set(&l->depth_peak, depth + 1 < 64 ? depth + 1 : 64);
  mr_stat_set(&l->full, full);
}

/* Takes the second snapshot two seconds after the first, at a known time, and draws. */
static const char *draw(struct table *t, const struct mr_top_conf *conf, bool totals) {
  struct mr_lines out = {.arena = &t->arena};
  t->before.taken_mono_ns = 5 * SECOND;
  assert_int_equal(mr_snapshot_take(&t->attach, &t->now), MR_OK);
  t->now.taken_mono_ns = 7 * SECOND;
  t->now.taken_wall_us = INT64_C(1760355000000000);
  t->now.uptime_ns = t->now.interval_ns = 8047 * SECOND;
  t->now.stalled = false;
  assert_int_equal(mr_snapshot_subtract(&t->attach, &t->now, &t->before, &t->part), MR_OK);
  mr_top_draw(&out, &t->now, totals ? &t->now : &t->part, conf);
  return out.text;
}

static void close_table(struct table *t) {
  mr_arena_free(&t->arena);
  mr_snapshot_free(&t->now);
  mr_snapshot_free(&t->before);
  mr_snapshot_free(&t->part);
  rig_close(&t->rig);
}

/* A graph whose sink is too slow for its input. */
static void fill(struct table *t) {
  struct mr_stats *s = &t->rig.stats;
  busy_node(t, FEED, 396800, 396800, SECOND, SECOND / 2);
  busy_node(t, SEVERE, 396000, 99000, SECOND / 2, SECOND);
  busy_node(t, BY_TYPE_0, 50000, 40, SECOND, SECOND);
  busy_node(t, BY_TYPE_1, 49000, 3, SECOND / 4, 0);
  busy_node(t, OUT, 43, 43, 2 * SECOND - 1000000, 0);
  busy_node(t, DEAD, 9, 9, SECOND, SECOND);
  mr_stat_set(&s->nodes[FEED].dead_letters, 4);
  mr_stat_set(&s->nodes[BY_TYPE_0].late, 12);
  mr_stat_set(&s->nodes[FEED].input_bytes, 250 << 20);
  mr_stat_set(&s->nodes[FEED].input_bytes_total, 1000 << 20);
  mr_stat_set(&s->workers[0].cpu, 2);
  mr_stat_set(&s->workers[1].cpu, 3);
  mr_stat_set_time(&s->nodes[BY_TYPE_0].watermark_us, INT64_C(1760355000000000) - 600500000);
  mr_stat_set_time(&s->nodes[BY_TYPE_1].watermark_us, INT64_MAX);
  busy_link(t, FEED_SEVERE, 3960, 64, 10);
  busy_link(t, SEVERE_0, 500, 12, 0);
  busy_link(t, SEVERE_1, 490, 0, 0);
  busy_link(t, ZERO_OUT, 40, 64, 884);
  busy_link(t, ONE_OUT, 3, 1, 0);
  busy_link(t, FEED_DEAD, 3, 64, 999);
  mr_hist_record_n(&s->nodes[FEED].service_ns, 900, 3960);
  mr_hist_record_n(&s->nodes[SEVERE].service_ns, 74, 980);
  mr_hist_record_n(&s->nodes[SEVERE].service_ns, 190, 20);
  mr_hist_record_n(&s->nodes[BY_TYPE_0].service_ns, 310, 990);
  mr_hist_record_n(&s->nodes[BY_TYPE_0].service_ns, 1100000, 10);
  mr_hist_record(&s->nodes[OUT].service_ns, 31000000);
  mr_hist_record_n(&s->links[FEED_SEVERE].wait_ns, 300, 100);
  mr_hist_record_n(&s->links[SEVERE_0].wait_ns, 2200, 100);
  mr_hist_record_n(&s->links[ZERO_OUT].wait_ns, 120000000, 40);
  mr_hist_record_n(&s->paths[0].latency_ns, 92000, 30);
  mr_hist_record_n(&s->paths[0].latency_ns, 4000000000u, 10);
}

/* Written down once and read by a person; each figure follows from fill(). */
static const char golden[] =
    "city gen 1  up 02:14:07   in 198.4k/s  out 22/s  dlq 4  late 12   read 25.0% of "
    "1000.0MiB\n"
    "NODE              TYPE     CPU    in/s   out/s busy% blk%  idle%     p50     p99   "
    "p99.9     max  wm lag  err\n"
    "feed              generate   2  198.4k  198.4k    50   25     25   903ns   903ns   "
    "903ns   903ns       -    4\n"
    "severe            filter     3  198.0k   49.5k    25   50     25    74ns   190ns   "
    "190ns   190ns       -    0\n"
    "by_type/0         window     2   25.0k      20    50   50      0   311ns   311ns  "
    "1.11ms  1.11ms  10m00s    0\n"
    "by_type/1         window     3   24.5k     1.5    13    0     87       -       -    "
    "   -       -     end    0\n"
    "out               file       -      22      22   100    0      0  31.1ms  31.1ms  "
    "31.1ms  31.1ms       -    0\n"
    "LINK                             rate   depth  peak/cap        wait p50     p99   "
    "full\n"
    "feed->severe                   198.0k      64     64/64           301ns   301ns     "
    "10\n"
    "severe->by_type/0               25.0k      12     13/64          2.21us  2.21us     "
    " 0\n"
    "severe->by_type/1               24.5k       0      1/64               -       -     "
    " 0\n"
    "by_type/0->out                   2.0k      64     64/64           120ms   120ms    "
    "884  << back-pressure starts here\n"
    "by_type/1->out                    150       1      2/64               -       -     "
    " 0\n"
    "PATH feed->out   p50 92.2us  p99 4.01s  max 4.01s = feed 903ns + ring 301ns + "
    "severe 74ns + ring 2.21us + by_type 311ns + ring 120ms + out 31.1ms\n";

MR_TEST(the_table_of_an_interval_is_the_golden_one) {
  MR_UNUSED_STATE;
  struct table t;
  struct mr_top_conf conf = {0};
  open_table(&t);
  fill(&t);
  const char *text = draw(&t, &conf, false);
  assert_string_equal(text, golden);
  close_table(&t);
}

MR_TEST(back_pressure_starts_at_the_last_full_link_whose_reader_is_not_blocked) {
  MR_UNUSED_STATE;
  struct table t;
  struct mr_top_conf conf = {0};
  open_table(&t);
  fill(&t);
  const char *text = draw(&t, &conf, false);
  assert_int_equal(mr_top_pressure(&t.now, &t.part), ZERO_OUT);
  const char *mark = strstr(text, "<< back-pressure starts here");
  assert_non_null(mark);
  assert_null(strstr(mark + 1, "<<"));
  /* the sink is quick, the filter is slow: its own input is the place */
  busy_link(&t, ZERO_OUT, 104, 0, 0);
  busy_node(&t, SEVERE, 396000, 99000, 2 * SECOND, 0);
  draw(&t, &conf, false);
  assert_int_equal(mr_top_pressure(&t.now, &t.part), FEED_SEVERE);
  /* nothing is full any more */
  busy_link(&t, FEED_SEVERE, 4024, 3, 0);
  text = draw(&t, &conf, false);
  assert_int_equal(mr_top_pressure(&t.now, &t.part), UINT32_MAX);
  assert_null(strstr(text, "<<"));
  close_table(&t);
}

MR_TEST(a_link_that_was_full_before_the_interval_is_not_marked) {
  MR_UNUSED_STATE;
  struct table t;
  struct mr_top_conf conf = {0};
  open_table(&t);
  busy_node(&t, SEVERE, 10, 10, SECOND, 0);
  busy_link(&t, FEED_SEVERE, 10, 0, 5);
  assert_int_equal(mr_snapshot_take(&t.attach, &t.before), MR_OK);
  draw(&t, &conf, false);
  assert_int_equal(mr_top_pressure(&t.now, &t.part), UINT32_MAX);
  assert_int_equal(mr_top_pressure(&t.now, &t.now), FEED_SEVERE); /* since the start it was */
  close_table(&t);
}

MR_TEST(sorting_and_leaving_out_links_changes_lines_only) {
  MR_UNUSED_STATE;
  struct table t;
  open_table(&t);
  fill(&t);
  struct mr_top_conf conf = {.sort = MR_TOP_BY_BUSY, .no_links = true};
  const char *text = draw(&t, &conf, false);
  assert_null(strstr(text, "LINK"));
  assert_true(strstr(text, "\nout ") < strstr(text, "\nfeed "));
  assert_true(strstr(text, "\nfeed ") < strstr(text, "\nby_type/0"));
  assert_true(strstr(text, "\nby_type/0") < strstr(text, "\nby_type/1"));
  conf.sort = MR_TOP_BY_NAME;
  text = draw(&t, &conf, false);
  assert_true(strstr(text, "\nby_type/0") < strstr(text, "\nfeed "));
  assert_true(strstr(text, "\nfeed ") < strstr(text, "\nout "));
  conf.sort = MR_TOP_BY_RATE;
  text = draw(&t, &conf, false);
  assert_true(strstr(text, "\nfeed ") < strstr(text, "\nsevere "));
  close_table(&t);
}

MR_TEST(the_shares_of_a_node_are_100_together) {
  MR_UNUSED_STATE;
  struct table t;
  struct mr_top_conf conf = {.no_links = true};
  for (uint64_t k = 0; k < 50; k++) {
    open_table(&t);
    busy_node(&t, SEVERE, 1, 1, k * 40000000, (50 - k) * 39506172);
    const char *line = strstr(draw(&t, &conf, false), "\nsevere");
    unsigned busy, blocked, idle;
    char type[32], cpu[32], in[32], out[32];
    assert_int_equal(sscanf(line, " severe %31s %31s %31s %31s %u %u %u", type, cpu, in, out, &busy,
                            &blocked, &idle),
                     7);
    assert_int_equal(busy + blocked + idle, 100);
    close_table(&t);
  }
}

MR_TEST(a_virtual_clock_lags_behind_the_furthest_source) {
  MR_UNUSED_STATE;
  struct table t;
  struct mr_top_conf conf = {.no_links = true};
  open_table(&t);
  mr_stat_set_time(&t.rig.stats.partitions[0].frontier_us, INT64_C(1000000000));
  mr_stat_set_time(&t.rig.stats.nodes[BY_TYPE_0].watermark_us, INT64_C(940000000));
  draw(&t, &conf, false);
  t.now.virtual_clock = true;
  struct mr_lines out = {.arena = &t.arena};
  mr_top_draw(&out, &t.now, &t.part, &conf);
  assert_non_null(strstr(out.text, " 1m00s "));
  close_table(&t);
}

MR_TEST(an_idle_graph_without_uptime_draws_too) {
  MR_UNUSED_STATE;
  struct table t;
  struct mr_top_conf conf = {0};
  struct mr_lines out = {0};
  open_table(&t);
  out.arena = &t.arena;
  t.before.uptime_ns = t.before.interval_ns = 0;
  mr_top_draw(&out, &t.before, &t.before, &conf);
  assert_null(strstr(out.text, "nan"));
  assert_null(strstr(out.text, "inf"));
  assert_null(strstr(out.text, "dead_letter"));
  close_table(&t);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_table_of_an_interval_is_the_golden_one),
    MR_CASE(back_pressure_starts_at_the_last_full_link_whose_reader_is_not_blocked),
    MR_CASE(a_link_that_was_full_before_the_interval_is_not_marked),
    MR_CASE(sorting_and_leaving_out_links_changes_lines_only),
    MR_CASE(the_shares_of_a_node_are_100_together),
    MR_CASE(a_virtual_clock_lags_behind_the_furthest_source),
    MR_CASE(an_idle_graph_without_uptime_draws_too),
};
MR_MAIN(cases)
