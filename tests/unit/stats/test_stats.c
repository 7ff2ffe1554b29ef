/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "base/limits.h"
#include "stats/stats.h"

#define OFF 512u

static const struct mr_stats_node_conf nodes[] = {
    {.name = "in", .type = "generate", .worker = 0, .kind = MR_STAT_SOURCE},
    {.name = "big", .type = "filter", .worker = 1, .kind = MR_STAT_STEP, .input = 1},
    {.name = "out", .type = "null", .worker = 1, .kind = MR_STAT_SINK, .input = 2},
};
static const struct mr_stats_link_conf links[] = {{.from = 0, .to = 1, .capacity = 64}};
static const struct mr_stats_path_conf paths[] = {{.from = 0, .to = 2}};
static const struct mr_stats_partition_conf partitions[] = {{.node = 0, .idx = 0}};

static struct mr_stats_conf usual(void) {
  return (struct mr_stats_conf){.nodes = nodes,
                                .links = links,
                                .paths = paths,
                                .partitions = partitions,
                                .node_cnt = 3,
                                .link_cnt = 1,
                                .path_cnt = 1,
                                .partition_cnt = 1,
                                .worker_cnt = 2,
                                .part_max = 3,
                                .counter_max = 2,
                                .plan = "{\"nodes\":[]}",
                                .plan_len = 12};
}

/* The body behind OFF bytes that must stay as they are, and a guard behind it. */
static uint8_t *build(struct mr_stats *stats, const struct mr_stats_conf *conf) {
  uint64_t sz = mr_stats_footprint(conf);
  assert_true(sz > 0);
  assert_int_equal(sz % MR_STAT_ALIGN, 0);
  uint8_t *mem = aligned_alloc(4096, (OFF + sz + 128 + 4095) / 4096 * 4096);
  memset(mem, 0, OFF + sz);
  memset(mem + OFF + sz, 0xa5, 128);
  mr_stats_init(stats, mem, OFF, conf);
  for (int i = 0; i < 128; i++) assert_int_equal(mem[OFF + sz + (uint64_t)i], 0xa5);
  return mem;
}

MR_TEST(footprint_is_zero_for_what_cannot_be_built) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = usual();
  assert_true(mr_stats_footprint(&c) > 0);
  c.worker_cnt = 0;
  assert_int_equal(mr_stats_footprint(&c), 0);
  c.worker_cnt = 1; /* node 1 is on worker 1 */
  assert_int_equal(mr_stats_footprint(&c), 0);
  c = usual();
  c.worker_cnt = MR_WORKERS_MAX + 1;
  assert_int_equal(mr_stats_footprint(&c), 0);
  c = usual();
  c.node_cnt = 2; /* the path ends at node 2 */
  assert_int_equal(mr_stats_footprint(&c), 0);
  c = usual();
  c.links = NULL;
  assert_int_equal(mr_stats_footprint(&c), 0);
  struct mr_stats_link_conf bad = {.from = 0, .to = 3, .capacity = 1};
  c.links = &bad;
  assert_int_equal(mr_stats_footprint(&c), 0);
  bad = (struct mr_stats_link_conf){.from = 0, .to = 1, .capacity = 0};
  assert_int_equal(mr_stats_footprint(&c), 0);
  c = usual();
  c.node_cnt = MR_INSTANCES_MAX + 1;
  assert_int_equal(mr_stats_footprint(&c), 0);
}

MR_TEST(a_graph_without_links_paths_and_plan_has_stats_too) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = {.nodes = nodes, .node_cnt = 1, .worker_cnt = 1};
  struct mr_stats stats;
  uint8_t *mem = build(&stats, &c);
  assert_string_equal(stats.nodes[0].name, "in");
  assert_int_equal(stats.tables[MR_STAT_PLAN].cnt, 0);
  free(mem);
}

MR_TEST(tables_are_aligned_and_do_not_overlap) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = usual();
  struct mr_stats stats;
  uint8_t *mem = build(&stats, &c);
  uint64_t end = OFF + mr_stats_footprint(&c), at = stats.dir->rows_off;
  assert_int_equal(stats.dir->table_cnt, MR_STAT_TABLE_CNT);
  for (uint32_t t = 0; t < MR_STAT_TABLE_CNT; t++) {
    const struct mr_stat_table *table = &stats.tables[t];
    assert_int_equal(table->id, t);
    assert_int_equal(table->off % MR_STAT_ALIGN, 0);
    assert_true(table->off >= at);
    at = table->off + table->cnt * table->stride;
    assert_true(at <= end);
  }
  assert_int_equal(stats.tables[MR_STAT_NODES].cnt, 3);
  assert_int_equal(stats.tables[MR_STAT_ERRORS].cnt, 3 * MR_STAT_ERRORS_PER_WRITER);
  assert_ptr_equal((uint8_t *)stats.links, mem + stats.tables[MR_STAT_LINKS].off);
  assert_memory_equal(mem + stats.tables[MR_STAT_PLAN].off, c.plan, c.plan_len);
  free(mem);
}

MR_TEST(rows_describe_fields_that_lie_in_their_entries_and_do_not_overlap) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = usual();
  struct mr_stats stats;
  uint8_t *mem = build(&stats, &c);
  const struct mr_stat_row *rows = (const void *)(mem + stats.dir->rows_off);
  uint32_t words = 0, hists = 0;
  for (uint32_t i = 0; i < stats.dir->row_cnt; i++) {
    const struct mr_stat_row *row = &rows[i];
    assert_int_equal(atomic_load_explicit(&row->state, memory_order_relaxed), 1);
    assert_int_equal(row->id, i + 1);
    assert_true(row->table < MR_STAT_TABLE_CNT);
    assert_true(row->off + row->sz <= stats.tables[row->table].stride);
    assert_true(row->label[0] && memchr(row->label, 0, sizeof row->label));
    for (uint32_t j = 0; j < i; j++) {
      if (rows[j].table != row->table) continue;
      assert_true(rows[j].off + rows[j].sz <= row->off || row->off + row->sz <= rows[j].off);
    }
    if (row->kind == MR_STAT_KIND_COUNTER || row->kind == MR_STAT_KIND_GAUGE) {
      assert_int_equal(row->sz, 8);
      words++;
    }
    if (row->kind == MR_STAT_KIND_HIST) {
      assert_int_equal(row->sz, sizeof(struct mr_hist));
      hists++;
    }
  }
  assert_true(words > 40);
  assert_int_equal(hists, 4);
  free(mem);
}

MR_TEST(entries_start_with_names_and_with_no_watermark) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = usual();
  struct mr_stats_node_conf wide[3];
  char name[200];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = 0;
  memcpy(wide, nodes, sizeof wide);
  wide[2].name = wide[2].type = name;
  wide[2].internal = true;
  c.nodes = wide;
  struct mr_stats stats;
  uint8_t *mem = build(&stats, &c);
  assert_string_equal(stats.nodes[1].name, "big");
  assert_string_equal(stats.nodes[1].type, "filter");
  assert_int_equal(stats.nodes[1].worker, 1);
  assert_int_equal(stats.nodes[1].input, 1);
  assert_int_equal(strlen(stats.nodes[2].name), MR_STAT_NAME_SZ - 1);
  assert_int_equal(strlen(stats.nodes[2].type), MR_STAT_TYPE_SZ - 1);
  assert_int_equal(stats.nodes[2].flags, MR_STAT_NODE_INTERNAL);
  assert_int_equal((int64_t)mr_stat_get(&stats.nodes[0].watermark_us), INT64_MIN);
  assert_int_equal((int64_t)mr_stat_get(&stats.partitions[0].frontier_us), INT64_MIN);
  assert_int_equal((int64_t)mr_stat_get(&stats.workers[1].cpu), -1);
  assert_int_equal(stats.links[0].capacity, 64);
  free(mem);
}

MR_TEST(the_layout_hash_follows_the_layout_and_nothing_that_changes) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = usual();
  struct mr_stats a, b, other;
  uint8_t *mem_a = build(&a, &c), *mem_b = build(&b, &c);
  assert_int_equal(mr_stats_layout_hash(&a), mr_stats_layout_hash(&b));
  mr_stat_set(&a.nodes[0].rows_in, 7);
  mr_hist_record(&a.nodes[0].service_ns, 100);
  mr_stats_add_part(&a, "rings", 1, false);
  mr_stats_error(&a, 0, 0, "MR1", "text", 1, 5);
  assert_int_equal(mr_stats_layout_hash(&a), mr_stats_layout_hash(&b));
  c.path_cnt = 0;
  uint8_t *mem_other = build(&other, &c);
  assert_int_not_equal(mr_stats_layout_hash(&a), mr_stats_layout_hash(&other));
  free(mem_a);
  free(mem_b);
  free(mem_other);
}

MR_TEST(parts_add_up_by_label_and_overflow_into_other) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = usual();
  struct mr_stats stats;
  uint8_t *mem = build(&stats, &c);
  mr_stats_add_part(&stats, "rings", 10, false);
  mr_stats_add_part(&stats, "rings", 5, false);
  mr_stats_add_part(&stats, "rings", 3, true);
  assert_int_equal(stats.parts[0].bytes, 15);
  assert_int_equal(stats.parts[0].cnt, 2);
  assert_int_equal(stats.parts[1].bytes, 3);
  assert_int_equal(stats.parts[1].lazy, 1);
  mr_stats_add_part(&stats, "a", 100, false);
  mr_stats_add_part(&stats, "b", 200, false);
  mr_stats_add_part(&stats, "c", 400, false);
  assert_string_equal(stats.parts[2].label, "other");
  assert_int_equal(stats.parts[2].bytes, 700);
  assert_int_equal(stats.parts[2].cnt, 3);
  mr_stats_add_part(&stats, "rings", 1, false);
  assert_int_equal(stats.parts[0].bytes, 16);
  free(mem);
}

MR_TEST(counters_are_handed_out_until_there_are_no_more) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = usual();
  struct mr_stats stats;
  uint8_t *mem = build(&stats, &c);
  _Atomic uint64_t *a =
      mr_stats_add_counter(&stats, 2, "files", MR_STAT_KIND_COUNTER, MR_STAT_UNIT_TIMES);
  _Atomic uint64_t *b =
      mr_stats_add_counter(&stats, UINT32_MAX, "open", MR_STAT_KIND_GAUGE, MR_STAT_UNIT_TIMES);
  assert_non_null(a);
  assert_non_null(b);
  assert_ptr_not_equal(a, b);
  assert_null(mr_stats_add_counter(&stats, 0, "more", MR_STAT_KIND_GAUGE, MR_STAT_UNIT_NONE));
  mr_stat_add(a, 3);
  mr_stat_max(b, 9);
  mr_stat_max(b, 4);
  assert_int_equal(mr_stat_get(&stats.counters[0].value), 3);
  assert_int_equal(mr_stat_get(&stats.counters[1].value), 9);
  assert_string_equal(stats.counters[0].label, "files");
  assert_int_equal(stats.counters[0].node, 2);
  assert_int_equal(mr_stat_get(&stats.counters[1].state), 1);
  free(mem);
}

MR_TEST(the_same_error_counts_and_a_new_one_takes_the_oldest_entry) {
  MR_UNUSED_STATE;
  struct mr_stats_conf c = usual();
  struct mr_stats stats;
  uint8_t *mem = build(&stats, &c);
  char text[64];
  for (int i = 0; i < 64; i++) {
    snprintf(text, sizeof text, "error %d", i);
    mr_stats_error(&stats, 1, 0, "MR3002", text, 1, 1000 + i);
  }
  struct mr_error_stat *own = &stats.errors[MR_STAT_ERRORS_PER_WRITER];
  mr_stats_error(&stats, 1, 0, "MR3002", "error 0", 4, 5000);
  assert_int_equal(mr_stat_get(&own[0].count), 5);
  assert_int_equal(mr_stat_get(&own[0].first_us), 1000);
  assert_int_equal(mr_stat_get(&own[0].last_us), 5000);
  mr_stats_error(&stats, 1, 0, "MR3003", "error 0", 1, 6000); /* another code: distinct */
  assert_int_equal(mr_stat_get(&own[1].count), 1);            /* error 1 was seen least recently */
  assert_int_equal(mr_stat_get(&own[1].first_us), 6000);
  assert_int_equal(mr_stat_get(&own[1].done), mr_stat_get(&own[1].begun));
  assert_int_equal(mr_stat_get(&own[1].done), 2);
  assert_int_equal(mr_stat_get(&stats.errors[0].count), 0); /* worker 0 has none */
  memset(text, 'e', sizeof text);
  char longer[400];
  memset(longer, 'y', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  mr_stats_error(&stats, 2, UINT32_MAX, NULL, longer, 1, 1);
  struct mr_error_stat *host = &stats.errors[2 * MR_STAT_ERRORS_PER_WRITER];
  assert_int_equal(strnlen((const char *)host->text, MR_STAT_ERROR_TEXT_SZ),
                   MR_STAT_ERROR_TEXT_SZ - 1);
  assert_int_equal(mr_stat_get(&host->node), UINT64_MAX);
  free(mem);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(footprint_is_zero_for_what_cannot_be_built),
    MR_CASE(a_graph_without_links_paths_and_plan_has_stats_too),
    MR_CASE(tables_are_aligned_and_do_not_overlap),
    MR_CASE(rows_describe_fields_that_lie_in_their_entries_and_do_not_overlap),
    MR_CASE(entries_start_with_names_and_with_no_watermark),
    MR_CASE(the_layout_hash_follows_the_layout_and_nothing_that_changes),
    MR_CASE(parts_add_up_by_label_and_overflow_into_other),
    MR_CASE(counters_are_handed_out_until_there_are_no_more),
    MR_CASE(the_same_error_counts_and_a_new_one_takes_the_oldest_entry),
};
MR_MAIN(cases)
