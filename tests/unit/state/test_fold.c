/* SPDX-License-Identifier: Apache-2.0 */
/* What windows in tests/unit/window do not reach: the bounds of sums, memory of values that are
 * replaced. */
#include <math.h>

#include "state_test.h"

#define SEED UINT64_C(0xf01d)

struct world {
  struct cols c;
  struct mr_keys keys;
  struct mr_fold folds_[4];
  struct mr_folds folds;
  struct mr_space space;
  uint32_t table;
  uint64_t valid[MR_BATCH_WORDS], err[MR_BATCH_WORDS];
  union {
    int64_t i[MR_BATCH_ROWS];
    double d[MR_BATCH_ROWS];
    struct mr_str s[MR_BATCH_ROWS];
  } data;
};

/* A world without keys: one row of state. Column 0 is the argument of all folds. */
static void begin(struct world *w, enum mr_type type, const enum mr_fold_func *funcs,
                  uint32_t cnt) {
  struct mr_error err;
  memset(w, 0, sizeof *w);
  cols_begin(&w->c, UINT64_C(64) << 20);
  cols_add(&w->c, type, NULL, false);
  mr_keys_init(&w->keys, &w->c.schema, NULL, 0);
  for (uint32_t i = 0; i < cnt; i++)
    w->folds_[i] = (struct mr_fold){
        .func = funcs[i], .has_arg = true, .arg = w->c.fields[0], .out = w->c.fields[0]};
  w->folds = (struct mr_folds){.items = w->folds_, .cnt = cnt};
  mr_folds_init(&w->folds, &w->c.arena, mr_row_before(&w->keys));
  assert_int_equal(mr_space_init(&w->space, &w->c.region, &w->keys, &w->folds, UINT64_C(8) << 20, 0,
                                 "state", &err),
                   0);
  w->table = mr_table_new(&w->space);
}

static struct mr_row *add(struct world *w, uint32_t n) {
  static uint16_t rows[MR_BATCH_ROWS];
  static struct mr_row *state[MR_BATCH_ROWS];
  struct mr_fold_in ins[4];
  struct mr_table *t = mr_table_at(&w->space, w->table);
  struct mr_row *row = mr_table_number(&w->space, t, 0);
  for (uint32_t i = 0; i < n; i++) {
    rows[i] = (uint16_t)i;
    state[i] = row;
  }
  for (uint32_t i = 0; i < 4; i++) ins[i] = (struct mr_fold_in){w->c.cols[0].data, NULL, NULL};
  struct mr_fold_batch batch = {ins, NULL, 0};
  mr_folds_add(&w->space, t, &batch, rows, state, n);
  return row;
}

/* One value of a fold; true: it is an error. */
static bool read(struct world *w, uint32_t fold, struct mr_row *row) {
  struct mr_fold_out out = {.data = &w->data, .valid = w->valid, .err = w->err};
  assert_int_equal(mr_fold_column(&w->space, &w->folds_[fold], &row, 1, &out), 1);
  return out.has_err;
}

static int64_t *ints(struct world *w) {
  return (int64_t *)(void *)w->c.data[0];
}

MR_TEST(sums_pass_64_bits_on_the_way_and_are_errors_only_at_the_end) {
  MR_UNUSED_STATE;
  static const enum mr_fold_func funcs[] = {MR_FOLD_SUM, MR_FOLD_AVG};
  struct world w;
  begin(&w, MR_TYPE_INT64, funcs, 2);
  w.folds_[1].out.type = MR_TYPE_DOUBLE;
  for (uint32_t i = 0; i < 1000; i++) ints(&w)[i] = INT64_MAX;
  struct mr_row *row = add(&w, 1000);
  assert_true(read(&w, 0, row));
  assert_false(read(&w, 1, row));
  assert_true(w.data.d[0] == 9223372036854775807.0);
  for (uint32_t i = 0; i < 1000; i++) ints(&w)[i] = INT64_MIN;
  add(&w, 1000);
  assert_false(read(&w, 0, row));
  assert_int_equal(w.data.i[0], -1000);
  ints(&w)[0] = INT64_MIN + 1000;
  add(&w, 1);
  assert_false(read(&w, 0, row));
  assert_true(w.data.i[0] == INT64_MIN);
  ints(&w)[0] = -1;
  add(&w, 1);
  assert_true(read(&w, 0, row));
  cols_end(&w.c);
}

MR_TEST(the_mean_of_durations_is_rounded_half_away_from_zero) {
  MR_UNUSED_STATE;
  static const enum mr_fold_func funcs[] = {MR_FOLD_AVG};
  static const int64_t sets[][4] = {{1, 2, 0, 2}, {-1, -2, 0, -2}, {1, 1, 2, 1}, {-3, -4, -4, -4}};
  for (uint32_t s = 0; s < 4; s++) { /* two, two, three, three values; the last is the answer */
    struct world w;
    uint32_t n = s < 2 ? 2 : 3;
    begin(&w, MR_TYPE_DURATION, funcs, 1);
    memcpy(ints(&w), sets[s], n * sizeof(int64_t));
    struct mr_row *row = add(&w, n);
    assert_false(read(&w, 0, row));
    assert_int_equal(w.data.i[0], sets[s][3]);
    cols_end(&w.c);
  }
}

MR_TEST(nan_is_the_greatest_double) {
  MR_UNUSED_STATE;
  static const enum mr_fold_func funcs[] = {MR_FOLD_MIN, MR_FOLD_MAX};
  struct world w;
  begin(&w, MR_TYPE_DOUBLE, funcs, 2);
  double *d = (double *)(void *)w.c.data[0];
  d[0] = NAN;
  struct mr_row *row = add(&w, 1);
  read(&w, 0, row);
  assert_true(isnan(w.data.d[0]));
  d[0] = INFINITY;
  d[1] = -5;
  add(&w, 2);
  read(&w, 0, row);
  assert_true(w.data.d[0] == -5);
  read(&w, 1, row);
  assert_true(isnan(w.data.d[0]));
  cols_end(&w.c);
}

MR_TEST(texts_that_are_replaced_take_no_more_memory) {
  MR_UNUSED_STATE;
  static const enum mr_fold_func funcs[] = {MR_FOLD_LAST, MR_FOLD_MAX, MR_FOLD_MIN};
  struct world w;
  struct mr_rng rng;
  begin(&w, MR_TYPE_STRING, funcs, 3);
  mr_rng_init(&rng, SEED);
  struct mr_row *row = NULL;
  uint64_t used = 0;
  for (uint32_t round = 0; round < 300; round++) {
    cols_clear(&w.c, MR_BATCH_ROWS);
    for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) cols_put(&w.c, 0, i, mr_rng_next(&rng) % 100000);
    row = add(&w, MR_BATCH_ROWS);
    if (round == 10) used = w.space.store.used_bytes;
  }
  assert_int_equal(w.space.store.used_bytes, used);
  const struct mr_str *s = (const struct mr_str *)(void *)w.c.data[0] + (MR_BATCH_ROWS - 1);
  read(&w, 0, row);
  assert_true(mr_str_equal(&w.data.s[0], s, w.c.region.base));
  mr_table_drop(&w.space, w.table);
  assert_int_equal(w.space.store.used_bytes, 0);
  cols_end(&w.c);
}

MR_TEST(a_set_of_many_values_keeps_each_once) {
  MR_UNUSED_STATE;
  static const enum mr_fold_func funcs[] = {MR_FOLD_DISTINCT};
  static const enum mr_type types[] = {MR_TYPE_INT64, MR_TYPE_STRING, MR_TYPE_DOUBLE, MR_TYPE_BOOL};
  for (uint32_t t = 0; t < 4; t++) {
    struct world w;
    struct mr_rng rng;
    static bool seen[20000];
    uint32_t distinct = 0;
    begin(&w, types[t], funcs, 1);
    memset(seen, 0, sizeof seen);
    mr_rng_init(&rng, SEED);
    struct mr_row *row = NULL;
    for (uint32_t round = 0; round < 30; round++) {
      cols_clear(&w.c, MR_BATCH_ROWS);
      for (uint32_t i = 0; i < MR_BATCH_ROWS; i++) {
        uint64_t v = mr_rng_next(&rng) % (t == 3 ? 2 : 20000);
        cols_put(&w.c, 0, i, v);
        distinct += !seen[v];
        seen[v] = true;
      }
      row = add(&w, MR_BATCH_ROWS);
    }
    read(&w, 0, row);
    assert_int_equal(w.data.i[0], distinct);
    mr_table_drop(&w.space, w.table);
    assert_int_equal(w.space.store.used_bytes, 0);
    cols_end(&w.c);
  }
}

MR_TEST(a_list_that_finds_no_room_says_so) {
  MR_UNUSED_STATE;
  static const enum mr_fold_func funcs[] = {MR_FOLD_LIST};
  struct world w;
  begin(&w, MR_TYPE_INT64, funcs, 1);
  uint32_t rounds = 0;
  while (!w.space.full && rounds < 2000) {
    add(&w, MR_BATCH_ROWS);
    rounds++;
  }
  assert_in_range(rounds, 800, 1100); /* 8 MiB of 8 bytes */
  mr_table_drop(&w.space, w.table);
  assert_int_equal(w.space.store.used_bytes, 0);
  cols_end(&w.c);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(sums_pass_64_bits_on_the_way_and_are_errors_only_at_the_end),
    MR_CASE(the_mean_of_durations_is_rounded_half_away_from_zero),
    MR_CASE(nan_is_the_greatest_double),
    MR_CASE(texts_that_are_replaced_take_no_more_memory),
    MR_CASE(a_set_of_many_values_keeps_each_once),
    MR_CASE(a_list_that_finds_no_room_says_so),
};
MR_MAIN(cases)
