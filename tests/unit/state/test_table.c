/* SPDX-License-Identifier: Apache-2.0 */
#include "state/table.h"

#include <math.h>

#include "state_test.h"

#define SEED    UINT64_C(0x7ab1e)
#define KEY_MAX 4000u

static const char *const texts[] = {"SF", "NYC", "LA", "Chicago", "Seattle", "Boston"};
static const uint32_t lens[] = {2, 3, 2, 7, 7, 6};
static const struct mr_enum cities = {.cnt = 6, .texts = texts, .lens = lens};

/* One kind of key: columns, and how many values each draws from. */
struct shape {
  const char *name;
  uint32_t cnt;
  enum mr_type type[4];
  bool is_enum[4], optional[4];
  uint32_t values[4];
  enum mr_table_mode mode; /* that the table ends in */
};

static const struct shape shapes[] = {
    {"no key", 0, {0}, {0}, {0}, {0}, MR_TABLE_ARRAY},
    {"an enum", 1, {MR_TYPE_STRING}, {true}, {false}, {6}, MR_TABLE_ARRAY},
    {"two enums and a bool, one optional",
     3,
     {MR_TYPE_STRING, MR_TYPE_BOOL, MR_TYPE_STRING},
     {true, false, true},
     {false, true, false},
     {6, 2, 6},
     MR_TABLE_ARRAY},
    {"four enums",
     4,
     {MR_TYPE_STRING, MR_TYPE_STRING, MR_TYPE_STRING, MR_TYPE_STRING},
     {true, true, true, true},
     {true, true, true, true},
     {6, 6, 6, 6},
     MR_TABLE_ARRAY},
    {"small integers", 1, {MR_TYPE_INT64}, {false}, {false}, {100}, MR_TABLE_RANGE},
    {"optional integers", 1, {MR_TYPE_INT64}, {false}, {true}, {100}, MR_TABLE_RANGE},
    {"spread optional integers", 1, {MR_TYPE_INT64}, {false}, {true}, {900}, MR_TABLE_HASH},
    {"doubles", 1, {MR_TYPE_DOUBLE}, {false}, {false}, {300}, MR_TABLE_HASH},
    {"strings", 1, {MR_TYPE_STRING}, {false}, {false}, {900}, MR_TABLE_HASH},
    {"optional string, enum, timestamp",
     3,
     {MR_TYPE_STRING, MR_TYPE_STRING, MR_TYPE_TIMESTAMP},
     {false, true, false},
     {true, false, true},
     {20, 6, 30},
     MR_TABLE_HASH},
};
#define SHAPE_CNT (sizeof shapes / sizeof *shapes)
enum { SMALL_INTEGERS = 4, SPREAD_INTEGERS = 6, DOUBLES = 7, STRINGS = 8 };

struct world {
  struct cols c;
  struct mr_keys keys;
  struct mr_key_batch batch;
  struct mr_fold fold;
  struct mr_folds folds;
  struct mr_space space;
  uint32_t key_cols[4];
};

static void begin(struct world *w, const struct shape *s, uint64_t max_bytes, uint64_t key_max) {
  struct mr_error err;
  memset(w, 0, sizeof *w);
  cols_begin(&w->c, max_bytes * 2 + (UINT64_C(8) << 20));
  for (uint32_t k = 0; k < s->cnt; k++)
    w->key_cols[k] = cols_add(&w->c, s->type[k], s->is_enum[k] ? &cities : NULL, s->optional[k]);
  mr_keys_init(&w->keys, &w->c.schema, w->key_cols, s->cnt);
  mr_key_batch_init(&w->batch, &w->c.arena, &w->keys, mr_state_kernels_of(mr_isa_detect()),
                    w->c.region.base);
  w->fold = (struct mr_fold){.func = MR_FOLD_COUNT, .out = {.type = MR_TYPE_INT64}};
  w->folds = (struct mr_folds){.items = &w->fold, .cnt = 1};
  mr_folds_init(&w->folds, &w->c.arena, MR_TABLE_HEAD_SZ + w->keys.words * 8);
  assert_int_equal(mr_space_init(&w->space, &w->c.region, &w->keys, &w->folds, max_bytes, key_max,
                                 "state", &err),
                   0);
}

static uint32_t find(struct world *w, uint32_t table, const uint16_t *rows, uint32_t cnt,
                     struct mr_row **out) {
  mr_keys_begin(&w->batch, &w->c.view, rows, cnt);
  return mr_table_find(&w->space, mr_table_at(&w->space, table), &w->batch, rows, cnt, out);
}

/* A key as one number: the values' numbers, 0 for NULL. */
static uint64_t draw(struct world *w, const struct shape *s, struct mr_rng *rng, uint32_t row) {
  uint64_t key = 0;
  for (uint32_t k = 0; k < s->cnt; k++) {
    uint64_t v = mr_rng_next(rng) % s->values[k];
    bool null = s->optional[k] && mr_rng_next(rng) % 5 == 0;
    if (null)
      cols_put_null(&w->c, k, row);
    else
      cols_put(&w->c, k, row, s == &shapes[SPREAD_INTEGERS] ? v * 1000 : v);
    key = key * 1000 + (null ? 0 : v + 1);
  }
  return key;
}

struct seen { /* the simple table: keys in order of arrival */
  uint64_t key, cnt;
  struct mr_row *row;
};

static void run_shape(const struct shape *s, uint64_t seed) {
  static struct seen seen[KEY_MAX];
  struct world w;
  struct mr_rng rng;
  uint32_t seen_cnt = 0;
  begin(&w, s, UINT64_C(8) << 20, 0);
  mr_rng_init(&rng, seed);
  uint32_t table = mr_table_new(&w.space);
  for (uint32_t round = 0; round < 40; round++) {
    uint64_t keys[MR_BATCH_ROWS];
    uint16_t rows[MR_BATCH_ROWS];
    struct mr_row *state[MR_BATCH_ROWS];
    uint32_t n = 1 + (uint32_t)(mr_rng_next(&rng) % MR_BATCH_ROWS), cnt = 0;
    cols_clear(&w.c, n);
    for (uint32_t r = 0; r < n; r++) keys[r] = draw(&w, s, &rng, r);
    for (uint32_t r = 0; r < n; r++)
      if (mr_rng_next(&rng) % 3) rows[cnt++] = (uint16_t)r;
    if (!cnt) continue;
    assert_int_equal(find(&w, table, rows, cnt, state), 0);
    for (uint32_t i = 0; i < cnt; i++) {
      uint32_t at = 0;
      while (at < seen_cnt && seen[at].key != keys[rows[i]]) at++;
      if (at == seen_cnt) seen[seen_cnt++] = (struct seen){keys[rows[i]], 0, state[i]};
      assert_ptr_equal(seen[at].row, state[i]);
      seen[at].cnt++;
    }
  }
  struct mr_table *t = mr_table_at(&w.space, table);
  assert_int_equal(t->row_cnt, seen_cnt);
  assert_int_equal(w.space.key_cnt, seen_cnt);
  assert_int_equal(t->mode, s->mode);
  assert_true(mr_table_valid(&w.space, t));
  struct mr_table_walk walk = {0};
  struct mr_row *row[7];
  uint32_t at = 0, n;
  do {
    n = mr_table_next(&w.space, t, &walk, row, 7);
    for (uint32_t i = 0; i < n; i++) assert_ptr_equal(row[i], seen[at++].row);
  } while (n == 7);
  assert_int_equal(at, seen_cnt);
  mr_table_drop(&w.space, table);
  assert_int_equal(w.space.key_cnt, 0);
  assert_int_equal(w.space.store.used_bytes, 0);
  cols_end(&w.c);
}

MR_TEST(keys_of_every_shape_find_one_row_each_in_the_order_of_their_arrival) {
  MR_UNUSED_STATE;
  printf("seed %llu\n", (unsigned long long)SEED);
  for (uint32_t s = 0; s < SHAPE_CNT; s++) {
    printf("%s\n", shapes[s].name);
    run_shape(&shapes[s], SEED + s);
  }
}

MR_TEST(zeros_of_both_signs_are_one_key_and_so_are_all_nans) {
  MR_UNUSED_STATE;
  struct world w;
  begin(&w, &shapes[DOUBLES], UINT64_C(1) << 20, 0);
  uint32_t table = mr_table_new(&w.space);
  cols_clear(&w.c, 5);
  double *d = (double *)(void *)w.c.data[0];
  d[0] = 0.0;
  d[1] = -0.0;
  d[2] = NAN;
  d[3] = -NAN;
  d[4] = 1.0;
  uint16_t rows[] = {0, 1, 2, 3, 4};
  struct mr_row *state[5];
  assert_int_equal(find(&w, table, rows, 5, state), 0);
  assert_ptr_equal(state[0], state[1]);
  assert_ptr_equal(state[2], state[3]);
  assert_int_equal(mr_table_at(&w.space, table)->row_cnt, 3);
  cols_end(&w.c);
}

MR_TEST(integers_move_from_an_array_to_the_index_when_they_spread) {
  MR_UNUSED_STATE;
  static const int64_t keys[] = {INT64_MAX, INT64_MAX - 10000, 5, INT64_MIN, -1, INT64_MAX};
  struct world w;
  begin(&w, &shapes[SMALL_INTEGERS], UINT64_C(1) << 20, 0);
  uint32_t table = mr_table_new(&w.space);
  struct mr_row *first = NULL, *state;
  for (uint32_t i = 0; i < 6; i++) {
    cols_clear(&w.c, 1);
    ((int64_t *)(void *)w.c.data[0])[0] = keys[i];
    uint16_t row = 0;
    assert_int_equal(find(&w, table, &row, 1, &state), 0);
    assert_int_equal((int64_t)state->key[0], keys[i]);
    if (i == 0) first = state;
    assert_int_equal(mr_table_at(&w.space, table)->mode, i < 2 ? MR_TABLE_RANGE : MR_TABLE_HASH);
    assert_true(mr_table_valid(&w.space, mr_table_at(&w.space, table)));
  }
  assert_ptr_equal(state, first);
  assert_int_equal(mr_table_at(&w.space, table)->row_cnt, 5);
  cols_end(&w.c);
}

MR_TEST(an_array_of_integers_grows_on_both_sides) {
  MR_UNUSED_STATE;
  struct world w;
  struct mr_rng rng;
  begin(&w, &shapes[SMALL_INTEGERS], UINT64_C(2) << 20, 0);
  mr_rng_init(&rng, SEED);
  uint32_t table = mr_table_new(&w.space);
  for (int64_t reach = 1; reach < 4000; reach += 1 + reach / 3) {
    cols_clear(&w.c, 200);
    uint16_t rows[200];
    struct mr_row *state[200];
    int64_t *v = (int64_t *)(void *)w.c.data[0];
    for (uint32_t i = 0; i < 200; i++) {
      rows[i] = (uint16_t)i;
      v[i] = (int64_t)(mr_rng_next(&rng) % (uint64_t)(2 * reach)) - reach;
    }
    assert_int_equal(find(&w, table, rows, 200, state), 0);
    for (uint32_t i = 0; i < 200; i++) assert_int_equal((int64_t)state[i]->key[0], v[i]);
    assert_true(mr_table_valid(&w.space, mr_table_at(&w.space, table)));
  }
  assert_int_equal(mr_table_at(&w.space, table)->mode, MR_TABLE_RANGE);
  mr_table_drop(&w.space, table);
  assert_int_equal(w.space.store.used_bytes, 0);
  cols_end(&w.c);
}

MR_TEST(half_a_million_keys_spread_over_64_bits_are_all_found_again) {
  MR_UNUSED_STATE;
  struct world w;
  begin(&w, &shapes[SMALL_INTEGERS], UINT64_C(64) << 20, 0);
  uint32_t table = mr_table_new(&w.space), cnt = 500000;
  uint16_t rows[MR_BATCH_ROWS];
  struct mr_row *state[MR_BATCH_ROWS];
  for (uint32_t pass = 0; pass < 2; pass++)
    for (uint32_t at = 0; at < cnt; at += MR_BATCH_ROWS) {
      uint32_t n = cnt - at < MR_BATCH_ROWS ? cnt - at : MR_BATCH_ROWS;
      cols_clear(&w.c, n);
      for (uint32_t i = 0; i < n; i++) {
        rows[i] = (uint16_t)i;
        ((uint64_t *)(void *)w.c.data[0])[i] = mr_rng_at(SEED, at + i);
      }
      assert_int_equal(find(&w, table, rows, n, state), 0);
      for (uint32_t i = 0; i < n; i++) {
        uint64_t *count = (uint64_t *)(void *)((uint8_t *)state[i] + w.fold.off);
        assert_int_equal(state[i]->key[0], mr_rng_at(SEED, at + i));
        assert_int_equal((*count)++, pass);
      }
    }
  assert_int_equal(mr_table_at(&w.space, table)->row_cnt, cnt);
  assert_true(w.space.store.used_bytes < (UINT64_C(40) << 20));
  mr_table_drop(&w.space, table);
  assert_int_equal(w.space.store.used_bytes, 0);
  assert_true(mr_store_valid(&w.space.store));
  cols_end(&w.c);
}

MR_TEST(keys_beyond_max_keys_have_no_row_and_the_others_keep_theirs) {
  MR_UNUSED_STATE;
  for (uint32_t s = SMALL_INTEGERS; s < SHAPE_CNT; s++) {
    struct world w;
    struct mr_rng rng;
    begin(&w, &shapes[s], UINT64_C(4) << 20, 50);
    mr_rng_init(&rng, SEED);
    uint32_t table = mr_table_new(&w.space), missing = 0, found = 0;
    for (uint32_t round = 0; round < 5; round++) {
      uint16_t rows[500];
      struct mr_row *state[500];
      cols_clear(&w.c, 500);
      for (uint32_t r = 0; r < 500; r++) {
        rows[r] = (uint16_t)r;
        draw(&w, &shapes[s], &rng, r);
      }
      uint32_t none = 0, said = find(&w, table, rows, 500, state);
      for (uint32_t r = 0; r < 500; r++) none += !state[r];
      assert_int_equal(none, said);
      missing += none;
      found += 500 - none;
    }
    assert_int_equal(mr_table_at(&w.space, table)->row_cnt, 50);
    assert_true(missing > 0 && found > 0);
    assert_true(mr_table_valid(&w.space, mr_table_at(&w.space, table)));
    cols_end(&w.c);
  }
}

MR_TEST(a_full_store_refuses_keys_and_keeps_what_it_has) {
  MR_UNUSED_STATE;
  for (uint32_t s = 0; s < 2; s++) {
    const struct shape *shape = &shapes[s ? STRINGS : SMALL_INTEGERS];
    struct world w;
    begin(&w, shape, UINT64_C(1) << 20, 0);
    uint32_t table = mr_table_new(&w.space), made = 0, round = 0;
    uint16_t rows[500];
    struct mr_row *state[500];
    for (uint32_t none = 0; !none; round++) {
      cols_clear(&w.c, 500);
      for (uint32_t r = 0; r < 500; r++) {
        rows[r] = (uint16_t)r;
        cols_put(&w.c, 0, r, mr_rng_at(SEED, round * 500 + r) >> (s ? 20 : 1));
      }
      none = find(&w, table, rows, 500, state);
      made += 500 - none;
    }
    assert_int_equal(mr_table_at(&w.space, table)->row_cnt, made);
    assert_true(made > 4000);
    assert_true(mr_table_valid(&w.space, mr_table_at(&w.space, table)));
    mr_table_drop(&w.space, table);
    assert_int_equal(w.space.store.used_bytes, 0);
    cols_end(&w.c);
  }
}

MR_TEST(changed_rows_come_once_each_in_the_order_of_their_change) {
  MR_UNUSED_STATE;
  struct world w;
  begin(&w, &shapes[SMALL_INTEGERS], UINT64_C(1) << 20, 0);
  uint32_t ref = mr_table_new(&w.space);
  struct mr_table *t = mr_table_at(&w.space, ref);
  uint16_t rows[10];
  struct mr_row *state[10], *out[10];
  cols_clear(&w.c, 10);
  for (uint32_t i = 0; i < 10; i++) {
    rows[i] = (uint16_t)i;
    cols_put(&w.c, 0, i, i % 4);
  }
  find(&w, ref, rows, 10, state);
  mr_table_touch(&w.space, t, state + 2, 8); /* 2 3 0 1 2 3 0 1 */
  assert_int_equal(mr_table_changed(&w.space, t, out, 3), 3);
  assert_ptr_equal(out[0], state[2]);
  assert_ptr_equal(out[1], state[3]);
  assert_ptr_equal(out[2], state[0]);
  mr_table_touch(&w.space, t, state + 3, 1);
  assert_int_equal(mr_table_changed(&w.space, t, out, 10), 2);
  assert_ptr_equal(out[0], state[1]);
  assert_ptr_equal(out[1], state[3]);
  assert_int_equal(mr_table_changed(&w.space, t, out, 10), 0);
  cols_end(&w.c);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(keys_of_every_shape_find_one_row_each_in_the_order_of_their_arrival),
    MR_CASE(zeros_of_both_signs_are_one_key_and_so_are_all_nans),
    MR_CASE(integers_move_from_an_array_to_the_index_when_they_spread),
    MR_CASE(an_array_of_integers_grows_on_both_sides),
    MR_CASE(half_a_million_keys_spread_over_64_bits_are_all_found_again),
    MR_CASE(keys_beyond_max_keys_have_no_row_and_the_others_keep_theirs),
    MR_CASE(a_full_store_refuses_keys_and_keeps_what_it_has),
    MR_CASE(changed_rows_come_once_each_in_the_order_of_their_change),
};
MR_MAIN(cases)
