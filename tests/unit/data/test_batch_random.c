/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations on a pool against a plain account of what must be so: which batches are out,
 * who refers to whom, and what bytes each string has. The seed is printed; MR_SEED runs one again.
 */
#include "data_test.h"

#include "base/bits.h"
#include "base/rng.h"

#define BATCHES  6
#define STRS_MAX 40
#define STEPS    4000

struct account { /* of one batch that is out */
  struct mr_batch *b;
  int refs, held; /* all references; those of the test, the rest are of batches above it */
  struct account *base;
  uint32_t str_cnt, heap_bytes_min;
  struct mr_str strs[STRS_MAX];
  uint64_t str_seeds[STRS_MAX];
};

struct world {
  struct fixture f;
  struct mr_rng rng;
  struct account out[BATCHES];
  uint8_t text[200000];
};

static uint32_t below(struct world *w, uint32_t n) {
  return mr_rng_below(mr_rng_next(&w->rng), n);
}

static void fill_text(struct world *w, uint64_t seed, uint32_t len) {
  for (uint32_t i = 0; i < len; i += 8) {
    uint64_t word = mr_rng_at(seed, i);
    memcpy(w->text + i, &word, 8);
  }
}

static struct account *pick(struct world *w, bool is_out) {
  uint32_t first = below(w, BATCHES);
  for (uint32_t i = 0; i < BATCHES; i++) {
    struct account *a = &w->out[(first + i) % BATCHES];
    if ((a->b != NULL) == is_out) return a;
  }
  return NULL;
}

static uint32_t out_cnt(const struct world *w) {
  uint32_t cnt = 0;
  for (uint32_t i = 0; i < BATCHES; i++) cnt += w->out[i].b != NULL;
  return cnt;
}

static void do_take(struct world *w) {
  struct account *a = pick(w, false);
  struct mr_batch *b = mr_pool_take(&w->f.pool);
  assert_int_equal(b == NULL, a == NULL);
  if (!b) return;
  for (uint32_t i = 0; i < BATCHES; i++) assert_ptr_not_equal(w->out[i].b, b);
  *a = (struct account){.b = b, .refs = 1, .held = 1};
}

static void do_release(struct world *w, struct account *a) {
  bool last = mr_batch_unref(a->b);
  assert_int_equal(last, --a->refs == 0);
  if (!last) return;
  struct account *base = a->base;
  assert_int_equal(a->b->base_cnt, base ? 1 : 0);
  mr_pool_put(&w->f.pool, a->b);
  a->b = NULL;
  if (base) do_release(w, base);
}

static void do_add_base(struct world *w) {
  struct account *a = pick(w, true), *base = pick(w, true);
  if (!a || a->base) return;
  for (struct account *up = base; up; up = up->base)
    if (up == a) return;
  mr_batch_add_base(&w->f.region, a->b, base->b);
  a->base = base;
  base->refs++;
}

static void do_str(struct world *w) {
  struct account *a = pick(w, true);
  if (!a || a->str_cnt == STRS_MAX) return;
  static const uint32_t bounds[] = {13, 30, 3000, 65537, 150000};
  uint32_t len = below(w, bounds[below(w, 5)]);
  uint64_t seed = mr_rng_next(&w->rng);
  fill_text(w, seed, len);
  uint32_t blocks = w->f.pool.block_free, large = w->f.pool.large_free;
  if (mr_batch_str(&w->f.pool, a->b, (const char *)w->text, len, &a->strs[a->str_cnt])) {
    a->str_seeds[a->str_cnt++] = seed;
    return;
  }
  assert_true(len > MR_STR_INLINE);
  assert_true(len <= MR_HEAP_BLOCK_SZ ? blocks == 0 : large == 0 || len > w->f.pool.conf.large_sz);
}

static void do_heap_and_trim(struct world *w) {
  struct account *a = pick(w, true);
  uint32_t len = below(w, 5000);
  char *p = a ? mr_batch_heap(&w->f.pool, a->b, len) : NULL;
  if (!p) return;
  uint32_t cut = below(w, len + 1);
  memset(p, 0xee, len);
  mr_batch_heap_trim(a->b, cut);
}

static void do_view(struct world *w) {
  struct account *a = pick(w, true);
  if (!a) return;
  struct mr_col cols[COL_CNT];
  struct mr_view v;
  uint64_t sel[MR_BATCH_WORDS] = {0};
  mr_view_of_batch(&w->f.region, a->b, cols, &v);
  v.row_cnt = 1 + below(w, MR_BATCH_ROWS);
  v.sel_cnt = v.row_cnt;
  v.sel = NULL;
  if (below(w, 2)) {
    v.sel = sel;
    mr_bit_set(sel, below(w, v.row_cnt));
    for (uint32_t i = 0; i < 50; i++) mr_bit_set(sel, below(w, v.row_cnt));
    v.sel_cnt = mr_bitmap_count(sel, MR_BATCH_WORDS);
  }
  mr_view_to_batch(&w->f.region, &v, COL_CNT, a->b);
}

static void check(struct world *w, bool all) {
  uint32_t blocks = 0, large = 0, cnt = out_cnt(w);
  for (uint32_t i = 0; i < BATCHES; i++) {
    struct account *a = &w->out[i];
    if (!a->b) continue;
    assert_true(mr_batch_valid(&w->f.region, a->b));
    assert_int_equal(atomic_load_explicit(&a->b->refs, memory_order_relaxed), a->refs);
    for (uint32_t k = 0; k < a->b->heap_cnt; k++) {
      bool is_large = a->b->heap[k] >= w->f.pool.large_off;
      blocks += !is_large;
      large += is_large;
    }
    for (uint32_t k = 0; all && k < a->str_cnt; k++) {
      fill_text(w, a->str_seeds[k], a->strs[k].len);
      assert_memory_equal(mr_str_data(&a->strs[k], w->f.region.base), w->text, a->strs[k].len);
    }
  }
  assert_int_equal(w->f.pool.free_cnt, BATCHES - cnt);
  assert_int_equal(w->f.pool.block_free, w->f.pool.conf.block_cnt - blocks);
  assert_int_equal(w->f.pool.large_free, w->f.pool.conf.large_cnt - large);
}

static void run(uint64_t seed) {
  static struct world w;
  print_message("seed %llu\n", (unsigned long long)seed);
  memset(&w, 0, sizeof w);
  mr_rng_init(&w.rng, seed);
  struct mr_pool_conf conf = usual_conf();
  conf.batch_cnt = BATCHES;
  conf.block_cnt = 6 + below(&w, 10);
  conf.large_cnt = below(&w, 3);
  conf.large_sz = conf.large_cnt ? 65537 + below(&w, 70000) : 0;
  set_up(&w.f, conf);
  for (uint32_t step = 0; step < STEPS; step++) {
    struct account *a;
    switch (below(&w, 8)) {
    case 0: do_take(&w); break;
    case 1:
      if ((a = pick(&w, true)) != NULL && a->held > 0) {
        a->held--;
        do_release(&w, a);
      }
      break;
    case 2: do_add_base(&w); break;
    case 3:
      if ((a = pick(&w, true)) != NULL && a->refs < 5) {
        mr_batch_ref(a->b);
        a->refs++;
        a->held++;
      }
      break;
    case 4: do_heap_and_trim(&w); break;
    case 5: do_view(&w); break;
    default: do_str(&w); break;
    }
    check(&w, step % 64 == 0);
  }
  check(&w, true);
  tear_down(&w.f);
}

MR_TEST(a_pool_keeps_its_invariants_under_random_operations) {
  MR_UNUSED_STATE;
  const char *given = getenv("MR_SEED");
  if (given) {
    run(strtoull(given, NULL, 10));
    return;
  }
  for (uint64_t seed = 1; seed <= 20; seed++) run(seed);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(a_pool_keeps_its_invariants_under_random_operations),
};
MR_MAIN(cases)
