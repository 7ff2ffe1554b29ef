/* SPDX-License-Identifier: Apache-2.0 */
/* bench-plain: each baseline alone, beside the figure that it should reach on the reference
 * machine, so that a weak baseline is seen before anything is compared with it. Says what others
 * used meanwhile. bench-plain [DIR [SCALE]] bench-plain list | run ...    the plain sides through
 * the pairs of `millrace bench` */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/rng.h"
#include "lib/bench.h"
#include "plain/plain.h"

#define TIMES 7

static const uint64_t seed = 7;
static double best, others;
static struct mr_share looked;
static uint64_t begun;

static void start(void) {
  mr_share_look(&looked);
  best = 0;
}
static void begin(void) {
  begun = mr_machine_now_ns();
}
static void end(uint64_t events) {
  double rate = (double)events * 1e3 / (double)(mr_machine_now_ns() - begun);
  if (rate > best) best = rate;
}
static void say(const char *what, double figure, const char *unit, double record, bool lower) {
  struct mr_share now;
  mr_share_look(&now);
  others = mr_share_others(&looked, &now, NULL);
  printf("%-34s %9.2f %-14s", what, figure, unit);
  double of = figure > 0 ? lower ? record / figure : figure / record : 0;
  if (record > 0) printf(" record %7.2f  %.2f%s", record, of, of < 0.8 ? "  weak baseline" : "");
  printf("   others %.0f %%\n", others * 100);
  fflush(stdout);
}

static void city(uint64_t rows) {
  static const double record[MR_ISA_CNT] = {1052, 1386, 2069};
  struct mr_city_columns columns;
  struct mr_city_counts counts;
  if (mr_city_columns_make(&columns, seed, rows) != MR_OK) return;
  if (mr_city_counts_make(&counts, columns.ts_min, columns.ts_max) != MR_OK) return;
  uint64_t want = 0;
  for (int kind = 0; kind < 3; kind++)
    for (int isa = 0; isa <= (int)mr_isa_detect(); isa++) {
      static mr_city_fn *(*const by[3])(enum mr_isa) = {mr_plain_city_fused, mr_plain_city_compare,
                                                        mr_plain_city_branchy};
      static const char *const names[3] = {"fused", "compare", "branchy"};
      mr_city_fn *fn = by[kind]((enum mr_isa)isa);
      start();
      for (int i = 0; i < TIMES; i++) {
        mr_city_counts_clear(&counts);
        begin();
        fn(&columns, &counts);
        end(rows);
      }
      uint64_t groups, hash;
      mr_city_counts_hash(&counts, &groups, &hash);
      if (!want) want = hash;
      char what[64];
      snprintf(what, sizeof what, "city %s %s%s", names[kind], mr_isa_name((enum mr_isa)isa),
               hash == want ? "" : " WRONG OUTPUT");
      say(what, best, "M rows/s", kind == 0 ? record[isa] : 0, false);
    }
  mr_city_counts_free(&counts);
  mr_city_columns_free(&columns);
}

static void ysb(uint64_t events) {
  struct mr_ysb y;
  if (mr_ysb_make(&y, seed, events) != MR_OK) return;
  uint64_t want = 0;
  for (int kind = 0; kind < 3; kind++)
    for (int isa = 0; isa <= (int)mr_isa_detect(); isa++) {
      static mr_ysb_fn *(*const by[3])(enum mr_isa) = {mr_plain_ysb_fused, mr_plain_ysb_rows,
                                                       mr_plain_ysb_branchy};
      static const char *const names[3] = {"fused", "rows", "branchy"};
      mr_ysb_fn *fn = by[kind]((enum mr_isa)isa);
      start();
      for (int i = 0; i < 3; i++) {
        mr_ysb_clear(&y);
        begin();
        fn(&y);
        end(events);
      }
      uint64_t groups, hash;
      mr_ysb_hash(&y, &groups, &hash);
      if (!want) want = hash;
      char what[64];
      snprintf(what, sizeof what, "ysb %s %s%s", names[kind], mr_isa_name((enum mr_isa)isa),
               hash == want ? "" : " WRONG OUTPUT");
      say(what, best, "M events/s", kind == 0 ? 195 : 0, false);
    }
  mr_ysb_free(&y);
}

static void ndjson(const char *dir, uint64_t events) {
  char path[512], out[512];
  uint64_t bytes = 0, read = 0;
  snprintf(path, sizeof path, "%.400s/city-%llu.ndjson", dir, (unsigned long long)events);
  snprintf(out, sizeof out, "%.400s/city-plain.ndjson", dir);
  if (mr_city_file_make(path, MR_CITY_NDJSON, seed, events, &bytes) != MR_OK) {
    fprintf(stderr, "cannot write %s\n", path);
    return;
  }
  start();
  for (int i = 0; i < 4; i++) {
    uint64_t cpu = mr_machine_cpu_ns();
    if (mr_plain_ndjson(path, out, &read) != MR_OK || read != events) return;
    double rate = (double)read * 1e3 / (double)(mr_machine_cpu_ns() - cpu);
    if (rate > best) best = rate;
  }
  char what[64];
  snprintf(what, sizeof what, "ndjson simdjson, %.1f B a line", (double)bytes / (double)events);
  say(what, best, "M events/CPU s", 23.2 * 123 * (double)events / (double)bytes, false);
}

static void group(uint64_t rows) {
  for (uint64_t keys = 100; keys <= 1000000; keys *= 100) {
    struct mr_group_columns columns;
    if (mr_group_columns_make(&columns, seed, rows, keys) != MR_OK) return;
    start();
    for (int i = 0; i < 3; i++) {
      struct mr_group_table table;
      if (mr_group_table_make(&table) != MR_OK) return;
      begin();
      if (mr_plain_group(&columns, 0, rows, &table) != MR_OK) return;
      end(rows);
      mr_group_table_free(&table);
    }
    char what[64];
    snprintf(what, sizeof what, "group by int64, %llu keys", (unsigned long long)keys);
    say(what, best, "M rows/s", 0, false);
    mr_group_columns_free(&columns);
  }
}

static void two_threads(void) {
  double trip = mr_machine_round_trip_ns();
  enum mr_placement p = mr_machine_placement(trip);
  printf("CPU 0 and 1 are %s\n", mr_placement_str(p));
  if (p == MR_ONE_CPU) return;
  start();
  say("cache line round trip, p50", trip, "ns", 0, true);
  say("rte_ring 8 B ping-pong, p50", mr_plain_ring_ping_pong_ns(50000), "ns",
      trip * (p == MR_FAR ? 1.36 : 1.6), true); /* 545 at a round trip of 400, 120 at 75 */
  for (uint32_t burst = 32; burst <= 64; burst *= 2) {
    char what[64];
    snprintf(what, sizeof what, "rte_ring 8 B, burst %u, copying", burst);
    say(what, mr_plain_ring_rate(100000000, burst) / 1e6, "M items/s",
        p == MR_NEAR && burst == 64 ? 946 : 0, false);
  }
  struct mr_futex_wake wake;
  (void)mr_machine_futex_wake(200, 500, &wake);
  say("futex wake, p50", wake.p50_ns / 1e3, "us", 0, true);
  say("futex wake there and back, p50", wake.round_trip_p50_ns / 1e3, "us", 0, true);
  struct mr_stall_floor floor;
  (void)mr_machine_stall_floor(2, &floor);
  printf(
      "stall floor: p50 %.0f ns, p99 %.1f us, p99.9 %.1f us, p99.99 %.1f us, max %.1f us, %.0f/s\n",
      floor.p50_ns, floor.p99_ns / 1e3, floor.p999_ns / 1e3, floor.p9999_ns / 1e3,
      floor.max_ns / 1e3, floor.stalls_per_s);
}

static void samples(void) {
  start();
  double hdr = mr_plain_hdr_ns(100000000, seed);
  if (hdr > 0)
    say("HdrHistogram_c record", hdr, "ns", 1.96, true);
  else
    printf("HdrHistogram_c is not built in\n");
  say("clz + add", mr_plain_clz_ns(100000000, seed), "ns", 1.35, true);
}

int main(int argc, char **argv) {
  if (argc > 1 && (!strcmp(argv[1], "list") || !strcmp(argv[1], "run")))
    return mr_bench_main(argc - 1, argv + 1);
  const char *dir = argc > 1 ? argv[1] : "/tmp/millrace-bench";
  double scale = argc > 2 ? strtod(argv[2], NULL) : 1;
  struct mr_machine machine;
  cpu_set_t old;
  if (scale <= 0) scale = 1;
  (void)mkdir(dir, 0777);
  mr_machine_read(&machine);
  mr_machine_json(&machine, stdout);
  putchar('\n');
  bool pinned = mr_machine_pin(0, &old);
  city((uint64_t)((double)(64u << 20) * scale));
  ysb((uint64_t)(100e6 * scale));
  ndjson(dir, (uint64_t)(8e6 * scale));
  group((uint64_t)((double)(16u << 20) * scale));
  samples();
  if (pinned) mr_machine_unpin(&old);
  two_threads();
  return 0;
}
