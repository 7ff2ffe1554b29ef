/* SPDX-License-Identifier: Apache-2.0 */
#include "state/kernels.h"

#include <string.h>

#include "base/bits.h"
#include "base/hash.h"
#include "base/rng.h"
#include "test.h"

#define SEED UINT64_C(0xc0de)

struct rows {
  uint8_t a[MR_BATCH_ROWS], b[MR_BATCH_ROWS];
  uint64_t sel[MR_BATCH_WORDS], words64[MR_BATCH_ROWS];
  uint32_t n, sel_cnt, words;
};

static void make(struct rows *r, struct mr_rng *rng, uint32_t groups, uint32_t share) {
  memset(r, 0, sizeof *r);
  r->n = 1 + (uint32_t)(mr_rng_next(rng) % MR_BATCH_ROWS);
  r->words = mr_bitmap_words(r->n);
  for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) {
    r->a[i] = (uint8_t)(mr_rng_next(rng) % groups);
    r->b[i] = (uint8_t)(mr_rng_next(rng) % 4);
    r->words64[i] = mr_rng_next(rng);
  }
  for (uint32_t i = 0; i < r->n; i++)
    if (mr_rng_next(rng) % 100 < share) {
      mr_bit_set(r->sel, i);
      r->sel_cnt++;
    } else {
      r->a[i] = 255; /* an unselected row may hold anything */
    }
}

static void check_counts(const struct mr_state_kernels *k, const struct rows *r, uint32_t groups) {
  enum { STRIDE = 272 };
  static uint32_t got[MR_TALLY_TABLES * STRIDE], want[256];
  memset(got, 0, sizeof got);
  memset(want, 0, sizeof want);
  for (uint32_t i = 0; i < r->n; i++)
    if (mr_bit_get(r->sel, i)) want[r->a[i]]++;
  k->count8(r->a, r->sel, r->words, r->sel_cnt, groups, STRIDE, got);
  for (uint32_t g = 0; g < groups; g++) {
    uint32_t sum = 0;
    for (uint32_t t = 0; t < MR_TALLY_TABLES; t++) sum += got[t * STRIDE + g];
    assert_int_equal(sum, want[g]);
  }
  uint16_t wide[MR_BATCH_ROWS];
  for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) wide[i] = r->a[i];
  memset(got, 0, sizeof got);
  k->count16(wide, r->sel, r->words, STRIDE, got);
  for (uint32_t g = 0; g < groups; g++) {
    uint32_t sum = 0;
    for (uint32_t t = 0; t < MR_TALLY_TABLES; t++) sum += got[t * STRIDE + g];
    assert_int_equal(sum, want[g]);
  }
}

static void check_rows(const struct mr_state_kernels *k, const struct rows *r) {
  uint16_t rows[MR_BATCH_ROWS + MR_ROWS_PAD];
  uint32_t n = k->rows(r->sel, r->words, rows), at = 0;
  assert_int_equal(n, r->sel_cnt);
  for (uint32_t i = 0; i < r->n; i++)
    if (mr_bit_get(r->sel, i)) assert_int_equal(rows[at++], i);
}

static void check_codes(const struct mr_state_kernels *k, const struct rows *r) {
  uint8_t out[MR_BATCH_ROWS], keys8[MR_BATCH_ROWS];
  uint16_t keys16[MR_BATCH_ROWS];
  uint32_t tags[MR_BATCH_ROWS];
  const uint8_t *codes[] = {r->a, r->b};
  const uint32_t mul[] = {4, 1}, mul3[] = {7, 1000};
  k->null_codes(r->a, r->sel, 77, out, r->words);
  for (uint32_t i = 0; i < r->n; i++)
    assert_int_equal(out[i], mr_bit_get(r->sel, i) ? r->a[i] : 77);
  k->bit_codes(r->sel, out, r->words);
  for (uint32_t i = 0; i < r->n; i++) assert_int_equal(out[i], mr_bit_get(r->sel, i));
  k->keys8(codes, mul, 2, keys8, r->words);
  for (uint32_t i = 0; i < r->n; i++) assert_int_equal(keys8[i], (uint8_t)(r->a[i] * 4 + r->b[i]));
  k->keys16(codes, mul3, 2, keys16, r->words);
  for (uint32_t i = 0; i < r->n; i++)
    assert_int_equal(keys16[i], (uint16_t)(r->a[i] * 7 + r->b[i] * 1000));
  k->tags(r->words64, tags, r->words);
  for (uint32_t i = 0; i < r->n; i++)
    assert_int_equal(tags[i], (uint32_t)(mr_hash_u64(r->words64[i]) >> 32) | 1);
}

static void check_within(const struct mr_state_kernels *k, const struct rows *r) {
  static const int64_t bounds[][2] = {
      {0, INT64_MAX}, {INT64_MIN, -1}, {-(INT64_C(1) << 61), INT64_C(1) << 61}, {5, 4}};
  const int64_t *v = (const int64_t *)r->words64;
  for (uint32_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
    uint64_t out[MR_BATCH_WORDS];
    uint32_t n = 0;
    uint32_t got = k->within(v, bounds[b][0], bounds[b][1], r->sel, out, r->words);
    for (uint32_t i = 0; i < r->words * 64; i++) {
      bool in = mr_bit_get(r->sel, i) && v[i] >= bounds[b][0] && v[i] <= bounds[b][1];
      assert_int_equal(mr_bit_get(out, i), in);
      n += in;
    }
    assert_int_equal(got, n);
  }
}

MR_TEST(every_level_does_what_a_plain_loop_does) {
  MR_UNUSED_STATE;
  static const uint32_t groups[] = {1, 5, 8, 13, 24, 40, 64, 200, 256};
  static const uint32_t shares[] = {0, 3, 50, 97, 100};
  static struct rows r;
  struct mr_rng rng;
  mr_rng_init(&rng, SEED);
  printf("seed %llu\n", (unsigned long long)SEED);
  for (enum mr_isa isa = MR_ISA_V2; isa <= mr_isa_detect(); isa++) {
    const struct mr_state_kernels *k = mr_state_kernels_of(isa);
    for (uint32_t round = 0; round < 20; round++)
      for (uint32_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (uint32_t s = 0; s < sizeof shares / sizeof *shares; s++) {
          make(&r, &rng, groups[g], shares[s]);
          check_counts(k, &r, groups[g]);
          check_rows(k, &r);
          check_codes(k, &r);
          check_within(k, &r);
        }
  }
}

static const struct CMUnitTest cases[] = {MR_CASE(every_level_does_what_a_plain_loop_does)};
MR_MAIN(cases)
