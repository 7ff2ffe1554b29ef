/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "attach/report.h"

/* ---- a small JSON reader, for the shape only ---- */

static const char *value(const char *p);

static const char *text(const char *p) {
  if (*p != '"') return NULL;
  for (p++; *p != '"'; p++) {
    if ((unsigned char)*p < 0x20) return NULL;
    if (*p == '\\' && !strchr("\"\\/bfnrtu", *++p)) return NULL;
  }
  return p + 1;
}

static const char *list(const char *p, char end, bool keys) {
  if (*++p == end) return p + 1;
  for (;;) {
    if (keys) {
      p = text(p);
      if (!p || *p++ != ':') return NULL;
    }
    p = value(p);
    if (!p) return NULL;
    if (*p == end) return p + 1;
    if (*p++ != ',') return NULL;
  }
}

static const char *value(const char *p) {
  if (*p == '{') return list(p, '}', true);
  if (*p == '[') return list(p, ']', false);
  if (*p == '"') return text(p);
  const char *const words[] = {"null", "true", "false"};
  for (int i = 0; i < 3; i++)
    if (!strncmp(p, words[i], strlen(words[i]))) return p + strlen(words[i]);
  char *end;
  strtod(p, &end);
  return end == p ? NULL : end;
}

struct view {
  struct rig rig;
  struct mr_attach attach;
  struct mr_snapshot snap;
  struct mr_arena arena;
  struct mr_lines out;
};

static void open_view(struct view *v) {
  memset(v, 0, sizeof *v);
  v->out.arena = &v->arena;
  rig_open(&v->rig, NULL, "city");
  rig_attach(&v->rig, &v->attach);
  mr_segment_set_state(&v->rig.seg, MR_SEGMENT_RUNNING);
  struct mr_stats *s = &v->rig.stats;
  struct mr_node_stat *n = &s->nodes[SEVERE];
  mr_stat_set(&n->rows_in, 100);
  mr_stat_set(&n->rows_out, 24);
  mr_stat_set(&n->filtered, 70);
  mr_stat_set(&n->late, 3);
  mr_stat_set(&n->late_partial, 1);
  mr_stat_set(&n->dropped, 2);
  mr_stat_set(&n->dead_letters, 1);
  mr_stat_set(&n->busy_ns, 1000);
  mr_stat_set(&n->blocked_ns, 200);
  mr_stat_set(&n->idle_ns, 30);
  mr_stat_set_time(&n->watermark_us, INT64_C(1760355000500000));
  for (uint64_t i = 1; i <= 100; i++) mr_hist_record(&n->service_ns, i);
  mr_stat_set(&s->workers[1].cpu, 3);
  mr_stat_set(&s->workers[1].loops, 77);
  mr_stat_set(&s->links[FEED_SEVERE].items_sent, 9);
  mr_stat_set(&s->links[FEED_SEVERE].items_taken, 4);
  mr_stat_set(&s->links[FEED_SEVERE].rows_sent, 900);
  mr_stat_set(&s->links[FEED_SEVERE].rows_taken, 400);
  mr_stat_set(&s->links[FEED_SEVERE].full, 1);
  mr_hist_record_n(&s->paths[0].latency_ns, 200, 7);
  mr_stats_error(s, 0, FEED, "MR3002", "line \"x\"\n is no JSON \x1b[2J \\", 5, 1000000);
  mr_stats_add_counter(s, OUT, "files", MR_STAT_KIND_COUNTER, MR_STAT_UNIT_TIMES);
  mr_stats_add_part(s, "rings", 4096, false);
  mr_stats_add_part(s, "window state", 1 << 28, true);
  mr_stats_add_part(s, "batches", 1 << 20, false);
  assert_int_equal(mr_snapshot_take(&v->attach, &v->snap), MR_OK);
}

static void close_view(struct view *v) {
  mr_arena_free(&v->arena);
  mr_snapshot_free(&v->snap);
  rig_close(&v->rig);
}

static uint32_t times(const char *in, const char *what) {
  uint32_t n = 0;
  for (const char *p = strstr(in, what); p; p = strstr(p + 1, what)) n++;
  return n;
}

MR_TEST(the_json_is_one_well_formed_line_with_the_fields_of_the_contract) {
  MR_UNUSED_STATE;
  struct view v;
  open_view(&v);
  mr_report_json(&v.out, &v.snap);
  const char *end = value(v.out.text);
  assert_non_null(end);
  assert_int_equal(*end, 0);
  assert_null(strchr(v.out.text, '\n'));
  char head[128];
  snprintf(
      head, sizeof head,
      "{\"graph\":\"city\",\"pid\":%ld,\"state\":\"running\",\"uptime_ns\":", (long)v.snap.pid);
  assert_memory_equal(v.out.text, head, strlen(head));
  const char *const keys[] = {"\"nodes\":[",     "\"links\":[",  "\"paths\":[",   "\"workers\":[",
                              "\"partitions\":", "\"errors\":[", "\"counters\":["};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    assert_int_equal(times(v.out.text, keys[i]), 1);
  assert_int_equal(times(v.out.text, "\"service_ns\":"), NODE_CNT - 1);
  assert_int_equal(times(v.out.text, "\"wait_ns\":"), LINK_CNT - 1);
  assert_null(strstr(v.out.text, "dead_letter\"")); /* the planner's own node */
  assert_non_null(strstr(v.out.text, "\"text\":\"line \\\"x\\\"? is no JSON ?[2J \\\\\""));
  close_view(&v);
}

MR_TEST(a_node_has_exactly_these_fields) {
  MR_UNUSED_STATE;
  struct view v;
  open_view(&v);
  mr_report_json_nodes(&v.out, &v.snap);
  assert_non_null(strstr(
      v.out.text,
      "{\"name\":\"severe\",\"instance\":0,\"type\":\"filter\",\"worker\":1,\"cpu\":3,"
      "\"rows_in\":100,\"rows_out\":24,\"absorbed\":0,\"filtered\":70,\"late\":3,"
      "\"late_partial\":1,\"future\":0,\"dropped\":2,\"dead_letters\":1,\"bytes_in\":0,"
      "\"bytes_out\":0,\"nan_null\":0,\"busy_ns\":1000,\"blocked_ns\":200,\"idle_ns\":30,"
      "\"service_ns\":{\"count\":100,\"p50\":50,\"p90\":90,\"p99\":99,\"p99.9\":100,\"max\":100},"
      "\"watermark\":\"2025-10-13T11:30:00.500Z\",\"state_keys\":0,\"state_bytes\":0,"
      "\"cycle_max_ns\":0,\"cycle_over\":0,\"derived_errors\":0}"));
  assert_int_equal(times(v.out.text, "\"watermark\":null"), NODE_CNT - 2);
  assert_int_equal(times(v.out.text, "\"input_bytes_total\":"), 1); /* sources */
  close_view(&v);
}

MR_TEST(a_link_shows_what_lies_in_it) {
  MR_UNUSED_STATE;
  struct view v;
  open_view(&v);
  mr_report_json(&v.out, &v.snap);
  assert_non_null(strstr(
      v.out.text, "{\"from\":\"feed\",\"to\":\"severe\",\"from_instance\":0,\"to_instance\":0,"
                  "\"capacity\":64,\"depth\":5,\"depth_peak\":0,\"depth_rows\":500,"
                  "\"items_sent\":9,\"items_taken\":4,\"rows_sent\":900,\"rows_taken\":400,"
                  "\"full\":1,\"wait_ns\":{\"count\":0,\"p50\":0,\"p90\":0,\"p99\":0,"
                  "\"p99.9\":0,\"max\":0}}"));
  close_view(&v);
}

MR_TEST(the_paths_of_a_sinks_instances_are_one) {
  MR_UNUSED_STATE;
  static const struct mr_stats_path_conf two[] = {
      {FEED, BY_TYPE_0}, {FEED, BY_TYPE_1}, {FEED, OUT}};
  const struct mr_stats_conf conf = {
      .nodes = rig_nodes, .paths = two, .node_cnt = NODE_CNT, .path_cnt = 3, .worker_cnt = 3};
  struct mr_segment seg;
  struct mr_segment_conf seg_conf = {
      .graph = "city", .generation = 1, .body_sz = mr_stats_footprint(&conf)};
  struct mr_stats stats;
  struct mr_attach attach;
  struct mr_snapshot snap = {0};
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  assert_int_equal(mr_segment_create(&seg, &seg_conf, NULL), MR_OK);
  mr_stats_init(&stats, seg.base, seg.head->body_off, &conf);
  assert_int_equal(mr_segment_publish(&seg, mr_stats_layout_hash(&stats), NULL), MR_OK);
  mr_hist_record_n(&stats.paths[0].latency_ns, 10, 3);
  mr_hist_record_n(&stats.paths[1].latency_ns, 200, 5);
  mr_hist_record_n(&stats.paths[2].latency_ns, 7, 2);
  assert_int_equal(mr_attach_memory(&attach, seg.base, seg.sz), MR_ATTACH_OK);
  assert_int_equal(mr_snapshot_take(&attach, &snap), MR_OK);
  mr_report_json(&out, &snap);
  assert_non_null(strstr(
      out.text, "\"paths\":[{\"from\":\"feed\",\"to\":\"by_type\",\"latency_ns\":{\"count\":8,"
                "\"p50\":200,\"p90\":200,\"p99\":200,\"p99.9\":200,\"max\":200}},"
                "{\"from\":\"feed\",\"to\":\"out\",\"latency_ns\":{\"count\":2,"));
  assert_non_null(strstr(out.text, "\"links\":[],"));
  mr_arena_free(&arena);
  mr_snapshot_free(&snap);
  mr_segment_discard(&seg);
}

MR_TEST(the_plain_report_has_a_line_per_thing_and_no_control_bytes) {
  MR_UNUSED_STATE;
  struct view v;
  open_view(&v);
  mr_report_text(&v.out, &v.snap);
  assert_memory_equal(v.out.text, "graph  city pid ", 16);
  assert_int_equal(times(v.out.text, "\nnode  "), NODE_CNT - 1);
  assert_int_equal(times(v.out.text, "\nlink  "), LINK_CNT - 1);
  assert_int_equal(times(v.out.text, "\npath  "), 1);
  assert_int_equal(times(v.out.text, "\nworker "), 3);
  assert_int_equal(times(v.out.text, "\nerror  feed 5 x MR3002"), 1);
  assert_null(strchr(v.out.text, '\x1b'));
  /* the columns of a line are those of its head */
  const char *head = strstr(v.out.text, "#node "), *line = strstr(v.out.text, "\nnode  ");
  uint32_t heads = 0, cells = 0;
  for (const char *p = head; *p != '\n'; p++) heads += *p != ' ' && (p[1] == ' ' || p[1] == '\n');
  for (const char *p = line + 1; *p != '\n'; p++)
    cells += *p != ' ' && (p[1] == ' ' || p[1] == '\n');
  assert_int_equal(heads, cells);
  close_view(&v);
}

MR_TEST(memory_is_listed_largest_first_with_its_sums) {
  MR_UNUSED_STATE;
  struct view v;
  open_view(&v);
  mr_report_mem(&v.out, &v.snap);
  const char *window = strstr(v.out.text, "window state"), *batches = strstr(v.out.text, "batches");
  const char *rings = strstr(v.out.text, "rings");
  assert_true(window && batches && rings && window < batches && batches < rings);
  assert_non_null(strstr(v.out.text, "256.0MiB  when touched"));
  assert_non_null(strstr(v.out.text, " 1052672 ")); /* rings and batches */
  close_view(&v);
}

MR_TEST(short_forms_are_short) {
  MR_UNUSED_STATE;
  char b[MR_LINES_SHORT_SZ];
  assert_string_equal(mr_lines_count(b, 0), "0");
  assert_string_equal(mr_lines_count(b, 0.25), "0.2");
  assert_string_equal(mr_lines_count(b, 7), "7");
  assert_string_equal(mr_lines_count(b, 999), "999");
  assert_string_equal(mr_lines_count(b, 999.7), "1.0k");
  assert_string_equal(mr_lines_count(b, 198400), "198.4k");
  assert_string_equal(mr_lines_count(b, 999970), "1.0M");
  assert_string_equal(mr_lines_count(b, 0.0 / 0.0), "0");
  assert_string_equal(mr_lines_bytes(b, 1023), "1023B");
  assert_string_equal(mr_lines_bytes(b, 1024), "1.0KiB");
  assert_string_equal(mr_lines_bytes(b, UINT64_MAX), "16.0EiB");
  assert_string_equal(mr_lines_time(b, 0), "0ns");
  assert_string_equal(mr_lines_time(b, 999), "999ns");
  assert_string_equal(mr_lines_time(b, 1000), "1.00us");
  assert_string_equal(mr_lines_time(b, 92159), "92.2us");
  assert_string_equal(mr_lines_time(b, 840000), "840us");
  assert_string_equal(mr_lines_time(b, 999600), "1.00ms");
  assert_string_equal(mr_lines_time(b, 100000000000), "100s");
  assert_string_equal(mr_lines_span(b, 0), "0s");
  assert_string_equal(mr_lines_span(b, 600500000), "10m00s");
  assert_string_equal(mr_lines_span(b, INT64_C(183600000000)), "2d03h");
  assert_string_equal(mr_lines_span(b, INT64_MIN), "-106751991d04h");
  assert_string_equal(mr_lines_clock(b, UINT64_C(8047000000000)), "02:14:07");
  assert_string_equal(mr_lines_clock(b, UINT64_C(400000000000000)), "111:06:40");
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_json_is_one_well_formed_line_with_the_fields_of_the_contract),
    MR_CASE(a_node_has_exactly_these_fields),
    MR_CASE(a_link_shows_what_lies_in_it),
    MR_CASE(the_paths_of_a_sinks_instances_are_one),
    MR_CASE(the_plain_report_has_a_line_per_thing_and_no_control_bytes),
    MR_CASE(memory_is_listed_largest_first_with_its_sums),
    MR_CASE(short_forms_are_short),
};
MR_MAIN(cases)
