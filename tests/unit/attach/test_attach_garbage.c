/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <sys/mman.h>

#include "attach/report.h"
#include "attach/top.h"
#include "base/rng.h"

/* Whatever bytes a segment holds, the reader ends with a reason or with a snapshot that everything
 * can be printed from. The memory ends at a page that may not be touched, and the sanitizers watch.
 */

#define PAGE 4096u

/* sz bytes (rounded up to pages) with a guard page behind them. */
static uint8_t *guarded(size_t sz) {
  uint8_t *mem = mmap(NULL, sz + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(mem != MAP_FAILED);
  assert_int_equal(mprotect(mem + sz, PAGE, PROT_NONE), 0);
  return mem;
}

/* Reads what can be read, prints it all. True when the attach went well. */
static bool read_all(const uint8_t *mem, uint64_t sz, struct mr_snapshot snaps[3]) {
  struct mr_attach attach;
  if (mr_attach_memory(&attach, mem, sz)) return false;
  (void)mr_attach_state(&attach);
  if (mr_snapshot_take(&attach, &snaps[0])) return true;
  if (mr_snapshot_take(&attach, &snaps[1])) return true;
  assert_int_equal(mr_snapshot_subtract(&attach, &snaps[1], &snaps[0], &snaps[2]), MR_OK);
  struct mr_arena arena = {0};
  struct mr_lines out = {.arena = &arena};
  struct mr_top_conf conf = {.sort = MR_TOP_BY_BUSY};
  mr_report_json(&out, &snaps[1]);
  mr_report_text(&out, &snaps[1]);
  mr_report_mem(&out, &snaps[1]);
  mr_top_draw(&out, &snaps[1], &snaps[2], &conf);
  mr_top_draw(&out, &snaps[1], &snaps[1], &conf);
  for (size_t i = 0; i < out.len; i++) {
    unsigned char c = (unsigned char)out.text[i];
    assert_true(c == '\n' || (c >= 0x20 && c != 0x7f)); /* nothing that moves a terminal */
  }
  mr_arena_free(&arena);
  return true;
}

static void free_all(struct mr_snapshot snaps[3]) {
  for (int i = 0; i < 3; i++) mr_snapshot_free(&snaps[i]);
}

/* The hash as the writer makes it, when the bytes allow that. */
static void rehash(const struct rig *rig, uint8_t *mem, uint64_t sz) {
  struct mr_stats stats = rig->stats;
  struct mr_segment_head *head = (void *)mem;
  stats.base = mem;
  stats.dir = (void *)(mem + MR_SEGMENT_HEAD_SZ);
  uint64_t tables = (uint64_t)stats.dir->table_cnt * stats.dir->table_stride;
  uint64_t rows = (uint64_t)stats.dir->row_cnt * stats.dir->row_stride;
  if (stats.dir->tables_off > sz || tables > sz - stats.dir->tables_off ||
      stats.dir->rows_off > sz || rows > sz - stats.dir->rows_off)
    return;
  stats.tables = (void *)(mem + stats.dir->tables_off);
  head->layout_hash = mr_stats_layout_hash(&stats);
}

MR_TEST(flipped_bytes_never_crash_the_reader) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_snapshot snaps[3] = {0};
  rig_open(&rig, NULL, "city");
  size_t sz = rig.seg.sz, front = rig.stats.tables[MR_STAT_NODES].off;
  uint8_t *mem = guarded(sz);
  uint32_t attached = 0;
  const uint64_t seed = 7;
  printf("seed %llu\n", (unsigned long long)seed);
  for (uint64_t round = 0; round < 1200; round++) {
    memcpy(mem, rig.seg.base, sz);
    uint64_t flips = 1 + mr_rng_at(seed, round * 100) % 8;
    for (uint64_t f = 0; f < flips; f++) {
      uint64_t bits = mr_rng_at(seed, round * 100 + f + 1);
      /* most of them in the head, the directory and the rows; the magic stays */
      size_t at = 8 + (size_t)((bits >> 8) % ((bits & 7) ? front - 8 : sz - 8));
      mem[at] = (uint8_t)(mr_rng_at(seed + 1, round * 100 + f) >> 5);
    }
    if (round % 4) rehash(&rig, mem, sz);
    attached += read_all(mem, sz, snaps);
  }
  free_all(snaps);
  assert_true(attached > 100 && attached < 1100); /* both ways were gone */
  munmap(mem, sz + PAGE);
  rig_close(&rig);
}

MR_TEST(extreme_offsets_counts_and_strides_never_crash_the_reader) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_snapshot snaps[3] = {0};
  rig_open(&rig, NULL, "city");
  size_t sz = rig.seg.sz;
  uint8_t *mem = guarded(sz);
  const uint64_t seed = 8;
  printf("seed %llu\n", (unsigned long long)seed);
  const uint64_t odd[] = {0,
                          1,
                          7,
                          8,
                          64,
                          127,
                          128,
                          4096,
                          sz - 1,
                          sz,
                          sz + 1,
                          sz - 8,
                          sz / 2,
                          UINT32_MAX,
                          UINT64_MAX,
                          UINT64_MAX - 7,
                          UINT64_C(1) << 63,
                          UINT64_C(1) << 32,
                          32128,
                          31872,
                          256};
  const size_t odd_cnt = sizeof odd / sizeof odd[0];
  for (uint64_t round = 0; round < 1200; round++) {
    memcpy(mem, rig.seg.base, sz);
    for (uint64_t f = 0; f < 1 + round % 3; f++) {
      uint64_t bits = mr_rng_at(seed, round * 10 + f), value = odd[(bits >> 32) % odd_cnt];
      size_t words = 128 / 8 + rig.stats.dir->table_cnt * sizeof(struct mr_stat_table) / 8;
      size_t at = (bits & 1)
                      ? 16 + 8 * ((bits >> 1) % 6)                      /* the head */
                      : MR_SEGMENT_HEAD_SZ + 8 * ((bits >> 1) % words); /* directory, tables */
      memcpy(mem + at, &value, (bits & 2) ? 8 : 4);
    }
    rehash(&rig, mem, sz);
    read_all(mem, sz, snaps);
  }
  free_all(snaps);
  munmap(mem, sz + PAGE);
  rig_close(&rig);
}

MR_TEST(words_and_texts_of_any_value_can_be_printed) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_snapshot snaps[3] = {0};
  rig_open(&rig, NULL, "city");
  size_t sz = rig.seg.sz, from = rig.stats.tables[MR_STAT_NODES].off;
  uint8_t *mem = guarded(sz);
  const uint64_t seed = 9;
  printf("seed %llu\n", (unsigned long long)seed);
  uint32_t full = 0;
  for (uint64_t round = 0; round < 24; round++) {
    memcpy(mem, rig.seg.base, sz);
    for (size_t at = from; at + 8 <= sz; at += 8) {
      uint64_t bits = mr_rng_at(seed + round, at);
      if (round % 3 == 0) bits = UINT64_MAX;
      memcpy(mem + at, &bits, 8);
    }
    if (round % 3) { /* indices that are right: so it goes on to the words */
      struct mr_stats s = rig.stats;
      ptrdiff_t move = mem - rig.seg.base;
      for (int i = 0; i < NODE_CNT; i++) {
        struct mr_node_stat *n = (void *)((uint8_t *)&s.nodes[i] + move);
        n->worker = 0;
        n->input = 0;
        n->flags = 0;
      }
      for (int i = 0; i < LINK_CNT; i++) {
        struct mr_link_stat *l = (void *)((uint8_t *)&s.links[i] + move);
        l->from = FEED;
        l->to = OUT;
      }
      ((struct mr_path_stat *)(void *)((uint8_t *)s.paths + move))->from = FEED;
      ((struct mr_path_stat *)(void *)((uint8_t *)s.paths + move))->to = OUT;
      ((struct mr_partition_stat *)(void *)((uint8_t *)s.partitions + move))->node = FEED;
      full++;
    }
    assert_true(read_all(mem, sz, snaps));
  }
  free_all(snaps);
  assert_true(full > 12);
  munmap(mem, sz + PAGE);
  rig_close(&rig);
}

MR_TEST(every_truncation_has_a_reason) {
  MR_UNUSED_STATE;
  struct rig rig;
  struct mr_attach attach;
  rig_open(&rig, NULL, "city");
  for (uint64_t sz = 0; sz < rig.seg.sz; sz += sz < 2048 ? 1 : 4093) {
    uint8_t *copy = malloc(sz + 1); /* exactly: the sanitizer sees a byte too many */
    memcpy(copy, rig.seg.base, sz);
    assert_int_equal(mr_attach_memory(&attach, copy, sz), MR_ATTACH_TOO_SHORT);
    free(copy);
  }
  rig_close(&rig);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(flipped_bytes_never_crash_the_reader),
    MR_CASE(extreme_offsets_counts_and_strides_never_crash_the_reader),
    MR_CASE(words_and_texts_of_any_value_can_be_printed),
    MR_CASE(every_truncation_has_a_reason),
};
MR_MAIN(cases)
