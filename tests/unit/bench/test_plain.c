/* SPDX-License-Identifier: Apache-2.0 */
/* The plain loops against simple recounts: a wrong baseline would make every ratio wrong. */
#include "test.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/rng.h"
#include "lib/bench.h"
#include "plain/gen.h"
#include "plain/plain.h"

#define SEED 20251013u

/* Rows whose times jump about, so that blocks straddle windows and windows come back. */
static void shuffle_times(struct mr_city_columns *c) {
  for (uint64_t i = 0; i < c->rows; i++)
    if (i / 700 % 3 == 1) c->ts_us[i] += (int64_t)mr_rng_below(mr_rng_at(SEED, i), 900) * 1000000;
  for (uint64_t i = 0; i < c->rows; i++)
    if (c->ts_us[i] > c->ts_max) c->ts_max = c->ts_us[i];
}

static void recount_city(const struct mr_city_columns *c, struct mr_city_counts *counts) {
  for (uint64_t i = 0; i < c->rows; i++) {
    const char *severity = mr_city_severities[c->severity[i]];
    if (strcmp(severity, "high") != 0 && strcmp(severity, "critical") != 0) continue;
    for (uint32_t w = 0; w < counts->windows; w++) {
      int64_t start = counts->first_us + w * MR_CITY_WINDOW_US;
      if (c->ts_us[i] < start || c->ts_us[i] >= start + MR_CITY_WINDOW_US) continue;
      counts->counts[w * MR_CITY_KEYS + c->city[i] * MR_CITY_TYPES + c->event_type[i]]++;
    }
  }
}

static void check_city(uint64_t rows, bool shuffled) {
  struct mr_city_columns c;
  struct mr_city_counts want, got;
  assert_int_equal(mr_city_columns_make(&c, SEED, rows), MR_OK);
  if (shuffled) shuffle_times(&c);
  assert_int_equal(mr_city_counts_make(&want, c.ts_min, c.ts_max), MR_OK);
  assert_int_equal(mr_city_counts_make(&got, c.ts_min, c.ts_max), MR_OK);
  recount_city(&c, &want);
  size_t sz = (size_t)want.windows * MR_CITY_KEYS * sizeof(uint64_t);
  mr_city_fn *(*const kinds[])(enum mr_isa) = {mr_plain_city_fused, mr_plain_city_branchy,
                                               mr_plain_city_compare};
  for (size_t k = 0; k < 3; k++)
    for (int isa = 0; isa <= (int)mr_isa_detect(); isa++) {
      mr_city_counts_clear(&got);
      kinds[k]((enum mr_isa)isa)(&c, &got);
      assert_memory_equal(got.counts, want.counts, sz);
    }
  mr_city_counts_free(&want);
  mr_city_counts_free(&got);
  mr_city_columns_free(&c);
}

MR_TEST(city_loops_count_what_a_row_by_row_recount_counts_at_every_level) {
  MR_UNUSED_STATE;
  print_message("seed %u\n", SEED);
  check_city(100000, false);
  check_city(100000, true);
}

MR_TEST(city_loops_take_blocks_that_are_not_full) {
  MR_UNUSED_STATE;
  for (uint64_t rows = 1; rows < 300; rows += 7) check_city(rows, rows % 2 == 0);
}

MR_TEST(ysb_loops_count_what_a_row_by_row_recount_counts_at_every_level) {
  MR_UNUSED_STATE;
  const uint64_t events = 20000 + 2 * (uint64_t)MR_YSB_WINDOW_US; /* three windows */
  struct mr_ysb y;
  assert_int_equal(mr_ysb_make(&y, SEED, events), MR_OK);
  size_t cnt = (size_t)y.windows * MR_YSB_CAMPAIGNS;
  assert_int_equal(y.windows, 3);
  uint64_t *want = calloc(cnt, sizeof *want), views = 0, sum = 0;
  for (uint64_t k = 0; k < events; k++) {
    uint64_t r = mr_rng_at(SEED, k), low = r & UINT32_MAX;
    if (low >= UINT64_C(0x55555556)) continue; /* a third of 2^32 */
    views++;
    want[k / 10000000 * MR_YSB_CAMPAIGNS + y.campaign[((r >> 32) * 1000) >> 32]]++;
  }
  mr_ysb_fn *(*const kinds[])(enum mr_isa) = {mr_plain_ysb_fused, mr_plain_ysb_branchy,
                                              mr_plain_ysb_rows};
  for (size_t k = 0; k < 3; k++)
    for (int isa = 0; isa <= (int)mr_isa_detect(); isa++) {
      mr_ysb_clear(&y);
      kinds[k]((enum mr_isa)isa)(&y);
      assert_memory_equal(y.counts, want, cnt * sizeof *want);
    }
  for (size_t i = 0; i < cnt; i++) sum += want[i];
  assert_int_equal(sum, views);
  free(want);
  mr_ysb_free(&y);
}

MR_TEST(every_ysb_campaign_has_ten_ads) {
  MR_UNUSED_STATE;
  struct mr_ysb y;
  uint32_t ads[MR_YSB_CAMPAIGNS] = {0};
  assert_int_equal(mr_ysb_make(&y, SEED, 1), MR_OK);
  for (uint32_t ad = 0; ad < MR_YSB_ADS; ad++) ads[y.campaign[ad]]++;
  for (uint32_t c = 0; c < MR_YSB_CAMPAIGNS; c++) assert_int_equal(ads[c], 10);
  mr_ysb_free(&y);
}

static char *temp_path(const char *name) {
  static char path[2][256];
  static int turn;
  const char *dir = getenv("TMPDIR");
  turn ^= 1;
  snprintf(path[turn], sizeof path[turn], "%.150s/mr-%d-%.50s", dir ? dir : "/tmp", (int)getpid(),
           name);
  return path[turn];
}

MR_TEST(the_ndjson_loop_counts_what_the_columns_of_the_same_seed_hold) {
  MR_UNUSED_STATE;
  const uint64_t rows = 200000; /* 30 MB: several buffers */
  char in[256], out[256], line[512];
  uint64_t bytes = 0, events = 0, lines = 0;
  snprintf(in, sizeof in, "%s", temp_path("in.ndjson"));
  snprintf(out, sizeof out, "%s", temp_path("out.ndjson"));
  assert_int_equal(mr_city_file_make(in, MR_CITY_NDJSON, SEED, rows, &bytes), MR_OK);
  assert_true(bytes > rows * 100);
  int rc = mr_plain_ndjson(in, out, &events);
  if (rc == MR_ERR_STATE) skip();
  assert_int_equal(rc, MR_OK);
  assert_int_equal(events, rows);

  struct mr_city_columns c;
  struct mr_city_counts want;
  assert_int_equal(mr_city_columns_make(&c, SEED, rows), MR_OK);
  for (uint64_t i = 0; i < rows; i++) c.ts_us[i] -= c.ts_us[i] % 1000000; /* as the file has them */
  assert_int_equal(mr_city_counts_make(&want, c.ts_min, c.ts_max), MR_OK);
  recount_city(&c, &want);
  uint64_t groups, hash;
  mr_city_counts_hash(&want, &groups, &hash);
  FILE *f = fopen(out, "r");
  assert_non_null(f);
  while (fgets(line, sizeof line, f)) {
    unsigned day, hour, minute;
    char city[16], type[16];
    unsigned long long cnt;
    int got = sscanf(line,
                     "{\"window_start\":\"2025-10-%uT%u:%u:00Z\",\"city\":\"%15[^\"]\","
                     "\"event_type\":\"%15[^\"]\",\"event_count\":%llu}",
                     &day, &hour, &minute, city, type, &cnt);
    assert_int_equal(got, 6);
    uint32_t w = ((day - 13) * 1440 + hour * 60 + minute) / 5, key = 0;
    while (strcmp(mr_city_names[key / MR_CITY_TYPES], city) != 0 ||
           strcmp(mr_city_types[key % MR_CITY_TYPES], type) != 0)
      assert_true(++key < MR_CITY_CITIES * MR_CITY_TYPES);
    assert_int_equal(cnt, want.counts[w * MR_CITY_KEYS + key]);
    lines++;
  }
  fclose(f);
  assert_int_equal(lines, groups);
  mr_city_counts_free(&want);
  mr_city_columns_free(&c);
  (void)remove(in);
  (void)remove(out);
  char side[300];
  snprintf(side, sizeof side, "%s.made", in);
  (void)remove(side);
}

MR_TEST(the_group_loop_agrees_with_a_scan_per_key_across_growth) {
  MR_UNUSED_STATE;
  const uint64_t rows = 20000, keys = 3000;
  struct mr_group_columns c;
  struct mr_group_table t;
  assert_int_equal(mr_group_columns_make(&c, SEED, rows, keys), MR_OK);
  assert_int_equal(mr_group_table_make(&t), MR_OK);
  assert_int_equal(mr_plain_group(&c, 0, rows / 3, &t), MR_OK);
  assert_int_equal(mr_plain_group(&c, rows / 3, rows - rows / 3, &t), MR_OK);
  assert_true(t.mask + 1 > 1024);
  uint64_t total = 0, used = 0;
  for (uint64_t i = 0; i <= t.mask; i++) {
    const struct mr_group_slot *s = &t.slots[i];
    if (!s->cnt) continue;
    used++;
    total += s->cnt;
    if (used % 50) continue;
    uint64_t cnt = 0;
    int64_t sum = 0, min = INT64_MAX, max = INT64_MIN;
    for (uint64_t r = 0; r < rows; r++) {
      if (c.key[r] != s->key) continue;
      cnt++;
      sum += c.value[r];
      min = c.value[r] < min ? c.value[r] : min;
      max = c.value[r] > max ? c.value[r] : max;
    }
    assert_int_equal(s->cnt, cnt);
    assert_int_equal((int64_t)s->sum, sum);
    assert_int_equal(s->min, min);
    assert_int_equal(s->max, max);
  }
  assert_int_equal(total, rows);
  assert_int_equal(used, t.used);
  mr_group_table_free(&t);
  mr_group_columns_free(&c);
}

MR_TEST(rings_carry_every_element) {
  MR_UNUSED_STATE;
  if (mr_plain_ring_ping_pong_ns(1000) == 0) {
    print_message("one CPU only\n");
    skip();
  }
  assert_true(mr_plain_ring_rate(200000, 32) > 0); /* 0 when the sum of what arrives is wrong */
}

MR_TEST(a_histogram_sample_has_a_cost) {
  MR_UNUSED_STATE;
  assert_true(mr_plain_clz_ns(1000000, SEED) > 0);
}

MR_TEST(generated_events_are_the_same_at_every_level_and_those_of_their_seed) {
  MR_UNUSED_STATE;
  for (int system = 0; system < MR_PLAIN_SYSTEMS; system++) {
    uint64_t sum = 0, hash = 0;
    struct mr_plain_gen gen;
    for (int isa = 0; isa <= (int)mr_isa_detect(); isa++) {
      assert_int_equal(
          mr_plain_gen_make(&gen, (enum mr_plain_system)system, (enum mr_isa)isa, SEED), MR_OK);
      uint64_t s = mr_plain_gen_sum(&gen, 10000), h = mr_plain_gen_hash(&gen, 3333);
      if (isa == 0) {
        sum = s;
        hash = h;
      }
      assert_true(s == sum && h == hash);
      assert_true(mr_plain_gen_hash(&gen, 3332) != h);
      mr_plain_gen_free(&gen);
    }
    assert_int_equal(
        mr_plain_gen_make(&gen, (enum mr_plain_system)system, mr_isa_detect(), SEED + 1), MR_OK);
    assert_true(mr_plain_gen_sum(&gen, 10000) != sum);
    mr_plain_gen_free(&gen);
  }
}

static const struct CMUnitTest cases[] = {
    MR_CASE(generated_events_are_the_same_at_every_level_and_those_of_their_seed),
    MR_CASE(city_loops_count_what_a_row_by_row_recount_counts_at_every_level),
    MR_CASE(city_loops_take_blocks_that_are_not_full),
    MR_CASE(ysb_loops_count_what_a_row_by_row_recount_counts_at_every_level),
    MR_CASE(every_ysb_campaign_has_ten_ads),
    MR_CASE(the_ndjson_loop_counts_what_the_columns_of_the_same_seed_hold),
    MR_CASE(the_group_loop_agrees_with_a_scan_per_key_across_growth),
    MR_CASE(rings_carry_every_element),
    MR_CASE(a_histogram_sample_has_a_cost),
};
MR_MAIN(cases)
