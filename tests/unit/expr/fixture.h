/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_FIXTURE_H
#define MR_EXPR_FIXTURE_H

/* A table with a column of every type, in a region, filled with random rows that love the edges. */

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/bits.h"
#include "base/rng.h"
#include "data/type.h"
#include "data/view.h"
#include "expr/expr.h"
#include "shm/region.h"
#include "test.h"

enum {
  COL_A,     /* int64, optional */
  COL_B,     /* int64, optional */
  COL_I,     /* int64, never NULL */
  COL_X,     /* double, optional */
  COL_Y,     /* double, optional */
  COL_S,     /* string, optional */
  COL_T,     /* string, optional */
  COL_P,     /* bool, optional */
  COL_Q,     /* bool, optional */
  COL_TS,    /* timestamp, optional */
  COL_TT,    /* timestamp, event time, never NULL */
  COL_D,     /* duration, optional */
  COL_SEV,   /* one_of low medium high critical, optional */
  COL_KIND,  /* one_of of 40 values, never NULL */
  COL_LI,    /* list<int64>, optional */
  COL_LS,    /* list<string>, optional */
  COL_MIXED, /* camelCase name, int64 */
  COL_END,   /* "end": a reserved word, string */
  COL_CNT
};

struct fixture {
  struct mr_region region;
  struct mr_arena arena;
  struct mr_schema schema;
  struct mr_field fields[COL_CNT];
  struct mr_col cols[COL_CNT];
  struct mr_col full[COL_CNT]; /* with every validity map */
  uint64_t *valid[COL_CNT];
  void *data[COL_CNT];
  struct mr_enum sev, kind;
  struct mr_view view;
  uint64_t sel[MR_BATCH_WORDS];
  uint8_t *heap; /* for long strings and lists */
  uint32_t heap_used;
  const char *origins[COL_CNT];
};

#define HEAP_SZ (1u << 20)

__attribute__((unused, noinline)) static struct mr_str fx_str(struct fixture *f, const char *s,
                                                              size_t len) {
  uint8_t *p = f->heap + f->heap_used;
  if (len > MR_STR_INLINE) {
    assert_true(f->heap_used + len <= HEAP_SZ);
    memcpy(p, s, len);
    f->heap_used += (uint32_t)len;
    return mr_str_make((const char *)p, (uint32_t)len, f->region.base);
  }
  return mr_str_make(s, (uint32_t)len, f->region.base);
}

static void fx_enum(struct fixture *f, struct mr_enum *e, const char *const *texts, uint32_t cnt) {
  uint32_t *lens = MR_NEW(&f->arena, uint32_t, cnt);
  uint64_t off = mr_region_alloc(&f->region, cnt * sizeof(struct mr_str), 16, "enum");
  struct mr_str *views = mr_region_ptr(&f->region, off);
  for (uint32_t i = 0; i < cnt; i++) {
    lens[i] = (uint32_t)strlen(texts[i]);
    views[i] = fx_str(f, texts[i], lens[i]);
  }
  *e = (struct mr_enum){cnt, texts, lens, views};
}

static void fx_schema(struct fixture *f) {
  static const char *const sevs[] = {"low", "medium", "high", "critical"};
  static const struct mr_field fields[COL_CNT] = {
      [COL_A] = {"a", MR_TYPE_INT64, MR_TYPE_NONE, NULL, true, false},
      [COL_B] = {"b", MR_TYPE_INT64, MR_TYPE_NONE, NULL, true, false},
      [COL_I] = {"i", MR_TYPE_INT64, MR_TYPE_NONE, NULL, false, false},
      [COL_X] = {"x", MR_TYPE_DOUBLE, MR_TYPE_NONE, NULL, true, false},
      [COL_Y] = {"y", MR_TYPE_DOUBLE, MR_TYPE_NONE, NULL, true, false},
      [COL_S] = {"s", MR_TYPE_STRING, MR_TYPE_NONE, NULL, true, false},
      [COL_T] = {"t", MR_TYPE_STRING, MR_TYPE_NONE, NULL, true, false},
      [COL_P] = {"p", MR_TYPE_BOOL, MR_TYPE_NONE, NULL, true, false},
      [COL_Q] = {"q", MR_TYPE_BOOL, MR_TYPE_NONE, NULL, true, false},
      [COL_TS] = {"ts", MR_TYPE_TIMESTAMP, MR_TYPE_NONE, NULL, true, false},
      [COL_TT] = {"tt", MR_TYPE_TIMESTAMP, MR_TYPE_NONE, NULL, false, false},
      [COL_D] = {"d", MR_TYPE_DURATION, MR_TYPE_NONE, NULL, true, false},
      [COL_SEV] = {"severity", MR_TYPE_STRING, MR_TYPE_NONE, NULL, true, false},
      [COL_KIND] = {"kind", MR_TYPE_STRING, MR_TYPE_NONE, NULL, false, false},
      [COL_LI] = {"li", MR_TYPE_LIST, MR_TYPE_INT64, NULL, true, false},
      [COL_LS] = {"ls", MR_TYPE_LIST, MR_TYPE_STRING, NULL, true, false},
      [COL_MIXED] = {"merchantId", MR_TYPE_INT64, MR_TYPE_NONE, NULL, false, false},
      [COL_END] = {"end", MR_TYPE_STRING, MR_TYPE_NONE, NULL, false, false},
  };
  const char **kinds = MR_NEW(&f->arena, const char *, 40);
  for (uint32_t i = 0; i < 40; i++)
    kinds[i] = i == 7 ? "a kind whose name is long" : mr_arena_printf(&f->arena, "kind%u", i);
  memcpy(f->fields, fields, sizeof fields);
  fx_enum(f, &f->sev, sevs, 4);
  fx_enum(f, &f->kind, kinds, 40);
  f->fields[COL_SEV].codes = &f->sev;
  f->fields[COL_KIND].codes = &f->kind;
  f->schema = (struct mr_schema){COL_CNT, COL_CNT, COL_TT, f->fields};
  f->origins[COL_SEV] = "events.city_event, line 17";
}

static int fx_setup(struct fixture *f) {
  struct mr_error err;
  memset(f, 0, sizeof *f);
  if (mr_region_create(&f->region, UINT64_C(1) << 32, MR_HUGE_OFF, &err) != MR_OK) return -1;
  f->heap = mr_region_ptr(&f->region, mr_region_alloc(&f->region, HEAP_SZ, 64, "heap"));
  fx_schema(f);
  for (uint32_t c = 0; c < COL_CNT; c++) {
    uint64_t sz = mr_phys_column_sz(mr_field_phys(&f->fields[c]));
    f->data[c] = mr_region_ptr(&f->region, mr_region_alloc(&f->region, sz, 64, "column"));
    f->valid[c] = mr_region_ptr(&f->region, mr_region_alloc(&f->region, 128, 64, "valid"));
    f->cols[c].data = f->full[c].data = f->data[c];
    f->full[c].valid = f->valid[c];
  }
  f->view.cols = f->cols;
  return 0;
}

static void fx_teardown(struct fixture *f) {
  mr_region_destroy(&f->region);
  mr_arena_free(&f->arena);
}

/* ---- random rows ---- */

static int64_t fx_int(struct mr_rng *r) {
  static const int64_t edges[] = {0,
                                  1,
                                  -1,
                                  2,
                                  -2,
                                  3,
                                  7,
                                  10,
                                  100,
                                  -100,
                                  1000000,
                                  INT64_MAX,
                                  INT64_MIN,
                                  INT64_MAX - 1,
                                  INT64_MIN + 1,
                                  INT64_C(1) << 53,
                                  (INT64_C(1) << 53) + 1,
                                  INT64_C(3037000500)};
  uint64_t k = mr_rng_next(r);
  if (k % 4) return edges[(k >> 8) % (sizeof edges / sizeof edges[0])];
  return (int64_t)(k >> 8) % 2000 - 1000;
}

static double fx_double(struct mr_rng *r) {
  static const double edges[] = {0.0,   -0.0,  1.0,     -1.0,   0.5,  1.5,  2.5,
                                 -2.5,  1e300, -1e300,  1e-300, 1e18, 1e19, 9.3e18,
                                 2.675, 1.005, 123.456, 100,    3};
  uint64_t k = mr_rng_next(r);
  if (k % 16 == 1) return NAN;
  if (k % 16 == 2) return INFINITY;
  if (k % 16 == 3) return -INFINITY;
  if (k % 2) return edges[(k >> 8) % (sizeof edges / sizeof edges[0])];
  return (double)((int64_t)(k >> 8) % 2000000 - 1000000) / 1000.0;
}

static const char *const fx_texts[] = {"",
                                       "a",
                                       "b",
                                       "ab",
                                       "abc",
                                       "abd",
                                       "ABC",
                                       "Abc",
                                       " abc ",
                                       "abcdefghijkl",
                                       "abcdefghijklm",
                                       "abcdefghijklmnopqrstuvwxyz",
                                       "abcdefghijklmnopqrstuvwxyZ",
                                       "high",
                                       "low",
                                       "100%",
                                       "a_b",
                                       "a%b",
                                       "\xc3\xa4\xc3\x96\xc3\xbc",
                                       "stra\xc3\x9f\145 mit Umlaut \xc3\xa4",
                                       "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
                                       "\xf0\x9f\x98\x80 smile",
                                       "12",
                                       "-7",
                                       "3.5",
                                       "1e3",
                                       "true",
                                       "no",
                                       "2025-10-13T11:30:00Z",
                                       "2025-10-13 11:30:00.250+02:00",
                                       "2025-02-30T00:00:00Z",
                                       "1h30m",
                                       "9223372036854775807",
                                       "9223372036854775808",
                                       " 42 ",
                                       "x\\y",
                                       "aaaaaaaaaaaaaaaaaaaaaaaab",
                                       "the quick brown fox jumps over the lazy dog"};
#define FX_TEXT_CNT (sizeof fx_texts / sizeof fx_texts[0])

static int64_t fx_time(struct mr_rng *r) {
  static const int64_t edges[] = {0,
                                  -1,
                                  1,
                                  -62135596800000000,
                                  253402300799999999,
                                  1760355000000000,
                                  1760355000123456,
                                  951782400000000,
                                  -86400000000};
  uint64_t k = mr_rng_next(r);
  if (k % 3 == 0) return edges[(k >> 8) % (sizeof edges / sizeof edges[0])];
  return 1700000000000000 + (int64_t)((k >> 8) % 100000000000000);
}

static struct mr_list fx_list(struct fixture *f, struct mr_rng *r, bool strings) {
  uint32_t cnt = (uint32_t)(mr_rng_next(r) % 5);
  struct mr_list l = {cnt, 0, 0};
  if (!cnt) return l;
  f->heap_used = (uint32_t)mr_align_up(f->heap_used, 16);
  l.has_nulls = mr_rng_next(r) % 2;
  uint8_t *p = f->heap + f->heap_used;
  if (l.has_nulls) {
    *(uint64_t *)(void *)p = mr_rng_next(r) & 31;
    p += 8;
  }
  l.off = mr_region_off(&f->region, p);
  f->heap_used += 8 + cnt * 16;
  for (uint32_t i = 0; i < cnt; i++) {
    if (strings)
      ((struct mr_str *)(void *)p)[i] =
          mr_str_make(fx_texts[1 + mr_rng_next(r) % 4], 1, f->region.base);
    else
      ((int64_t *)(void *)p)[i] = (int64_t)(mr_rng_next(r) % 4);
  }
  return l;
}

static void fx_cell(struct fixture *f, struct mr_rng *r, uint32_t c, uint32_t row) {
  const struct mr_field *field = &f->fields[c];
  const char *text = fx_texts[mr_rng_next(r) % FX_TEXT_CNT];
  void *data = f->data[c];
  switch (field->type) {
  case MR_TYPE_INT64: ((int64_t *)data)[row] = fx_int(r); break;
  case MR_TYPE_DOUBLE: ((double *)data)[row] = fx_double(r); break;
  case MR_TYPE_TIMESTAMP: ((int64_t *)data)[row] = fx_time(r); break;
  case MR_TYPE_DURATION:
    ((int64_t *)data)[row] =
        mr_rng_next(r) % 8 ? (int64_t)(mr_rng_next(r) % 100000000000) - 50000000000 : fx_int(r);
    break;
  case MR_TYPE_BOOL:
    if (mr_rng_next(r) % 2) mr_bit_set(data, row);
    break;
  case MR_TYPE_LIST: ((struct mr_list *)data)[row] = fx_list(f, r, c == COL_LS); break;
  default:
    if (field->codes)
      ((uint8_t *)data)[row] = (uint8_t)(mr_rng_next(r) % field->codes->cnt);
    else
      ((struct mr_str *)data)[row] = fx_str(f, text, strlen(text));
    break;
  }
}

/* New rows; with_nulls: optional columns have NULLs; sel_share of 16: the rows selected, 16 for
 * all. */
__attribute__((unused)) static void fx_fill(struct fixture *f, uint64_t seed, uint32_t rows,
                                            bool with_nulls, uint32_t sel_share) {
  struct mr_rng r;
  mr_rng_init(&r, seed);
  f->heap_used = 64 * 1024; /* behind what the enums took */
  for (uint32_t c = 0; c < COL_CNT; c++) {
    bool nulls = with_nulls && f->fields[c].optional;
    memset(f->data[c], 0, mr_phys_column_sz(mr_field_phys(&f->fields[c])));
    memset(f->valid[c], 0, 128);
    for (uint32_t i = 0; i < rows; i++) {
      if (nulls && mr_rng_next(&r) % 4 == 0) continue;
      mr_bit_set(f->valid[c], i);
      fx_cell(f, &r, c, i);
    }
    f->cols[c].valid = nulls ? f->valid[c] : NULL;
  }
  f->view.row_cnt = rows;
  f->view.sel = NULL;
  f->view.sel_cnt = rows;
  f->view.now_us = 1760355600000000;
  if (sel_share >= 16) return;
  memset(f->sel, 0, sizeof f->sel);
  for (uint32_t i = 0; i < rows; i++)
    if (mr_rng_next(&r) % 16 < sel_share) mr_bit_set(f->sel, i);
  if (!mr_bitmap_count(f->sel, MR_BATCH_WORDS)) mr_bit_set(f->sel, rows - 1);
  f->view.sel = f->sel;
  f->view.sel_cnt = mr_bitmap_count(f->sel, MR_BATCH_WORDS);
}

static inline bool fx_selected(const struct fixture *f, uint32_t row) {
  return !f->view.sel || mr_bit_get(f->view.sel, row);
}

#endif
