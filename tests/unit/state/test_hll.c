/* SPDX-License-Identifier: Apache-2.0 */
#include "state/hll.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "state/kernels.h"
#include "test.h"

#define SEED     UINT64_C(0x411)
#define MAX      (UINT64_C(16) << 20)
#define SKETCHES 300u

struct world {
  struct mr_region region;
  struct mr_store store;
  struct mr_slots slots;
};

static void begin(struct world *w) {
  struct mr_error err;
  memset(w, 0, sizeof *w);
  assert_int_equal(mr_region_create(&w->region, MAX * 2, MR_HUGE_OFF, &err), 0);
  assert_int_equal(mr_store_init(&w->store, &w->region, MAX, 0, "state", &err), 0);
}

static void end(struct world *w) {
  mr_slots_drop(&w->store, &w->slots);
  assert_true(mr_store_valid(&w->store));
  assert_int_equal(w->store.used_bytes, 0);
  mr_region_destroy(&w->region);
}

static void add(struct world *w, struct mr_hll *h, uint64_t value) {
  assert_true(mr_hll_add(&w->store, &w->slots, h, mr_hll_hash(value)));
}

/* Both hold the same: registers byte by byte, or the same words in any place. */
static void assert_same(const struct world *w, const struct mr_hll *a, const struct mr_hll *b) {
  assert_int_equal(a->dense, b->dense);
  assert_int_equal(a->cnt, b->cnt);
  if (!a->ref) return;
  const uint8_t *x = mr_store_at(&w->store, a->ref), *y = mr_store_at(&w->store, b->ref);
  if (a->dense) {
    assert_memory_equal(x, y, MR_HLL_REGISTERS);
    return;
  }
  for (uint32_t i = 0; i < 1u << a->cap_log2; i++) {
    uint32_t word, other, found = 0;
    memcpy(&word, x + i * 4, 4);
    for (uint32_t k = 0; word && k < 1u << b->cap_log2; k++) {
      memcpy(&other, y + k * 4, 4);
      found += other == word;
    }
    assert_int_equal(found, word != 0);
  }
}

MR_TEST(few_values_are_counted_exactly) {
  MR_UNUSED_STATE;
  static struct world w;
  begin(&w);
  for (uint32_t s = 0; s < 200; s++) {
    struct mr_hll h = {0};
    for (uint32_t n = 1; n <= MR_HLL_SET_MAX; n++) {
      for (uint32_t again = 0; again < 3; again++) add(&w, &h, SEED * s + n);
      add(&w, &h, SEED * s + 1 + n / 2);
      assert_int_equal(mr_hll_estimate(&w.store, &h), n);
    }
    assert_int_equal(h.dense, 0);
  }
  struct mr_hll none = {0};
  assert_int_equal(mr_hll_estimate(&w.store, &none), 0);
  end(&w);
}

/* Over many sketches of n values each: the error spreads by no more than 5 %, and its mean is not
 * far from 0. */
static void check_error(uint64_t n, uint64_t seed) {
  static struct world w;
  double sum = 0, squares = 0, worst = 0;
  begin(&w);
  for (uint32_t s = 0; s < SKETCHES; s++) {
    struct mr_hll h = {0};
    for (uint64_t i = 0; i < n; i++) add(&w, &h, mr_rng_at(seed, s * n + i));
    double e = (double)mr_hll_estimate(&w.store, &h) / (double)n - 1;
    sum += e;
    squares += e * e;
    worst = fabs(e) > worst ? fabs(e) : worst;
  }
  double rms = sqrt(squares / SKETCHES), mean = sum / SKETCHES;
  printf("%8llu values: standard deviation %.4f, mean %+.4f, worst %.4f\n", (unsigned long long)n,
         rms, mean, worst);
  assert_true(rms <= 0.05);
  assert_true(fabs(mean) <= 0.01);
  assert_true(worst <= 0.23); /* five standard deviations */
  end(&w);
}

MR_TEST(the_error_is_within_five_percent_at_every_cardinality) {
  MR_UNUSED_STATE;
  static const uint64_t cnts[] = {10,   48,   49,   60,   100,   200,   400,    700,   1000,
                                  1500, 2000, 2560, 4000, 10000, 30000, 100000, 200000};
  printf("seed %llu\n", (unsigned long long)SEED);
  for (uint32_t i = 0; i < sizeof cnts / sizeof *cnts; i++) check_error(cnts[i], SEED + i);
}

MR_TEST(neither_order_nor_merging_changes_what_a_sketch_holds) {
  MR_UNUSED_STATE;
  static struct world w;
  static const uint32_t cnts[] = {0, 1, 5, 12, 13, 24, 40, 48, 49, 70, 500, 5000};
  begin(&w);
  for (uint32_t i = 0; i < sizeof cnts / sizeof *cnts; i++)
    for (uint32_t parts = 1; parts < 6; parts++) {
      struct mr_hll up = {0}, down = {0}, merged = {0}, part[6] = {{0}};
      uint32_t n = cnts[i];
      for (uint32_t k = 0; k < n; k++) {
        add(&w, &up, SEED + k);
        add(&w, &down, SEED + n - 1 - k);
        add(&w, &part[mr_rng_at(SEED, k) % parts], SEED + k);
        add(&w, &part[mr_rng_at(SEED, k + n) % parts], SEED + k); /* often in two of them */
      }
      for (uint32_t p = 0; p < parts; p++)
        assert_true(mr_hll_merge(&w.store, &w.slots, &merged, &part[p]));
      assert_same(&w, &up, &down);
      assert_same(&w, &up, &merged);
      assert_int_equal(mr_hll_estimate(&w.store, &up), mr_hll_estimate(&w.store, &merged));
    }
  end(&w);
}

MR_TEST(hashes_with_many_zeros_find_the_same_registers_both_ways) {
  MR_UNUSED_STATE;
  static struct world w;
  begin(&w);
  for (uint32_t bit = 0; bit < 65; bit++) {
    uint64_t hash = bit < 64 ? UINT64_C(1) << bit : 0;
    struct mr_hll early = {0}, late = {0};
    assert_true(mr_hll_add(&w.store, &w.slots, &early, hash));
    for (uint32_t k = 0; k < 100; k++) add(&w, &early, k);
    for (uint32_t k = 0; k < 100; k++) add(&w, &late, k);
    assert_true(mr_hll_add(&w.store, &w.slots, &late, hash));
    assert_int_equal(late.dense, 1);
    assert_same(&w, &early, &late);
  }
  end(&w);
}

MR_TEST(every_level_of_the_machine_adds_the_same) {
  MR_UNUSED_STATE;
  static struct world w;
  static int64_t values[MR_BATCH_ROWS];
  static struct mr_hll sketch[7];
  uint16_t rows[MR_BATCH_ROWS];
  void *state[MR_BATCH_ROWS];
  for (enum mr_isa isa = MR_ISA_V2; isa <= mr_isa_detect(); isa++) {
    const struct mr_state_kernels *k = mr_state_kernels_of(isa);
    begin(&w);
    struct mr_hll want[7] = {{0}};
    memset(sketch, 0, sizeof sketch);
    for (uint64_t at = 0; at < 40; at++) {
      for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) {
        uint64_t x = mr_rng_at(SEED + at, i);
        values[i] = (int64_t)(x % 5000) - 100;
        rows[i] = (uint16_t)(i * 3 % MR_BATCH_ROWS);
        state[i] = &sketch[(x >> 32) % 7];
        uint64_t v = mr_rng_at(SEED + at, rows[i]) % 5000 - 100;
        add(&w, &want[(x >> 32) % 7], v);
      }
      for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) {
        i = k->hll(w.store.mem, state, 0, values, rows, i, MR_BATCH_ROWS);
        if (i < MR_BATCH_ROWS)
          add(&w, state[i], (uint64_t)mr_rng_at(SEED + at, rows[i]) % 5000 - 100);
      }
      for (uint32_t s = 0; s < 7; s++) assert_same(&w, &sketch[s], &want[s]);
    }
    end(&w);
  }
}

MR_TEST(a_full_store_is_said_and_leaves_the_sketch_as_it_was) {
  MR_UNUSED_STATE;
  static struct world w;
  begin(&w);
  struct mr_hll h = {0};
  for (uint32_t k = 0; k < 12; k++) add(&w, &h, k);
  while (mr_slots_take(&w.store, &w.slots, 60000)) continue;
  while (mr_slots_take(&w.store, &w.slots, 128)) continue;
  assert_false(mr_hll_add(&w.store, &w.slots, &h, mr_hll_hash(99)));
  assert_int_equal(mr_hll_estimate(&w.store, &h), 12);
  add(&w, &h, 3);
  end(&w);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(few_values_are_counted_exactly),
    MR_CASE(the_error_is_within_five_percent_at_every_cardinality),
    MR_CASE(neither_order_nor_merging_changes_what_a_sketch_holds),
    MR_CASE(hashes_with_many_zeros_find_the_same_registers_both_ways),
    MR_CASE(every_level_of_the_machine_adds_the_same),
    MR_CASE(a_full_store_is_said_and_leaves_the_sketch_as_it_was),
};
MR_MAIN(cases)
