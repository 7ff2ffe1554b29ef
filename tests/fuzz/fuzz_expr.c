/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions of any bytes: parsed, columns and aggregates taken, typed over a table with every
 * type, run over 70 rows, causes asked for. A first byte '?' wants a condition, '$' takes
 * aggregates out first. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/text.h"
#include "expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS 70

static void check(bool holds) {
  if (!holds) abort();
}

enum { COL_A, COL_X, COL_S, COL_P, COL_TS, COL_D, COL_SEV, COL_LI, COL_CNT };

static struct mr_field fields[COL_CNT] = {
    {"a", MR_TYPE_INT64, MR_TYPE_NONE, NULL, true, false},
    {"x", MR_TYPE_DOUBLE, MR_TYPE_NONE, NULL, true, false},
    {"s", MR_TYPE_STRING, MR_TYPE_NONE, NULL, true, false},
    {"p", MR_TYPE_BOOL, MR_TYPE_NONE, NULL, true, false},
    {"ts", MR_TYPE_TIMESTAMP, MR_TYPE_NONE, NULL, true, false},
    {"d", MR_TYPE_DURATION, MR_TYPE_NONE, NULL, true, false},
    {"severity", MR_TYPE_STRING, MR_TYPE_NONE, NULL, true, false},
    {"li", MR_TYPE_LIST, MR_TYPE_INT64, NULL, true, false},
};
static const char *const sev_texts[] = {"low", "medium", "high", "critical"};
static const uint32_t sev_lens[] = {3, 6, 4, 8};
static struct mr_str sev_views[4];
static const struct mr_enum sev = {4, sev_texts, sev_lens, sev_views};
static const char *const texts[] = {"",
                                    "high",
                                    "abc",
                                    "12",
                                    "2025-10-13T11:30:00Z",
                                    "a text that is longer than twelve bytes",
                                    "\xc3\xa4\xc3\x96",
                                    "1h"};

struct table {
  struct mr_region region;
  struct mr_col cols[COL_CNT];
  uint64_t valid[MR_BATCH_WORDS];
};

static void fill(struct table *t) {
  struct mr_error err;
  check(mr_region_create(&t->region, UINT64_C(256) << 20, MR_HUGE_OFF, &err) == MR_OK);
  char *heap = mr_region_ptr(&t->region, mr_region_alloc(&t->region, 4096, 64, "heap"));
  for (uint32_t i = 0; i < 4; i++)
    sev_views[i] = mr_str_make(sev_texts[i], sev_lens[i], t->region.base);
  fields[COL_SEV].codes = &sev;
  for (uint32_t i = 0; i < 8; i++) memcpy(heap + i * 64, texts[i], strlen(texts[i]));
  for (uint32_t i = 0; i < ROWS; i++)
    if (i % 5) mr_bit_set(t->valid, i);
  for (uint32_t c = 0; c < COL_CNT; c++) {
    enum mr_phys phys = mr_field_phys(&fields[c]);
    uint8_t *p = mr_region_ptr(&t->region,
                               mr_region_alloc(&t->region, mr_phys_column_sz(phys), 64, "column"));
    t->cols[c] = (struct mr_col){p, t->valid};
    for (uint32_t i = 0; i < ROWS; i++) {
      static const int64_t ints[] = {0, 1, -1, 7, INT64_MAX, INT64_MIN, 1000000};
      static const double reals[] = {0, 1.5, -2.5, 1e300, 1e19, 3, -0.0};
      if (i % 5 == 0) continue;
      switch (c) {
      case COL_X: ((double *)(void *)p)[i] = reals[i % 7]; break;
      case COL_S: {
        const char *s = heap + i % 8 * 64;
        ((struct mr_str *)(void *)p)[i] =
            mr_str_make(s, (uint32_t)strlen(texts[i % 8]), t->region.base);
        break;
      }
      case COL_P:
        if (i % 3) mr_bit_set((uint64_t *)(void *)p, i);
        break;
      case COL_TS: ((int64_t *)(void *)p)[i] = 1760355000000000 + i * INT64_C(86399999999); break;
      case COL_SEV: p[i] = (uint8_t)(i % 4); break;
      case COL_LI: break;
      default: ((int64_t *)(void *)p)[i] = ints[i % 7]; break;
      }
    }
  }
}

static void look(const struct mr_expr_errors *errors, size_t size) {
  for (const struct mr_expr_error *e = errors->first; e; e = e->next) {
    check(e->code > 2000 && e->code < 3000 && e->text && *e->text);
    check(e->off <= size && e->len <= size - e->off);
    check(e->note_off <= size && e->note_len <= size - e->note_off);
    check(mr_utf8_valid(e->text, strlen(e->text)));
    if (e->hint) check(mr_utf8_valid(e->hint, strlen(e->hint)));
    if (e->note) check(mr_utf8_valid(e->note, strlen(e->note)));
  }
}

static void count_column(void *ctx, const char *name, uint32_t off, uint32_t len,
                         enum mr_type use) {
  uint32_t *text_len = ctx;
  check(name && off <= *text_len && len <= *text_len - off && use < MR_TYPE_CNT);
}

static void run(struct mr_arena *arena, const struct mr_expr *e) {
  static struct table t; /* of this run alone */
  memset(&t, 0, sizeof t);
  fill(&t);
  struct mr_error err;
  for (int isa = MR_ISA_V2; isa <= (int)mr_isa_detect(); isa++) {
    struct mr_expr_frame frame;
    struct mr_vec v;
    const struct mr_expr *exprs[1] = {e};
    check(mr_expr_frame_init(&frame, arena, &t.region, exprs, 1, (enum mr_isa)isa, "fuzz", &err) ==
          MR_OK);
    struct mr_view view = {.cols = t.cols, .row_cnt = ROWS, .sel_cnt = ROWS};
    uint32_t cnt = mr_expr_eval(e, &frame, &view, &v), seen = 0;
    check(cnt == 0 || e->can_fail);
    for (uint32_t row = 0; row < ROWS; row++) {
      char cause[MR_EXPR_CAUSE_SZ];
      bool bad = v.err && mr_bit_get(v.err, row);
      bool null = v.valid && !mr_bit_get(v.valid, row);
      check(!null || e->field.optional || bad);
      check((mr_expr_cause(e, &frame, row, cause, sizeof cause) != 0) == bad);
      check(mr_utf8_valid(cause, strlen(cause)));
      seen += bad;
      if (e->field.type == MR_TYPE_STRING && !e->field.codes && !null && !bad) {
        const struct mr_str *s = (const struct mr_str *)v.data + row;
        check(mr_utf8_valid(mr_str_data(s, t.region.base), s->len));
      }
    }
    check(seen == cnt);
  }
  mr_region_destroy(&t.region);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct mr_arena arena = {0};
  struct mr_expr_errors errors;
  struct mr_schema schema = {COL_CNT, COL_CNT, COL_TS, fields};
  bool condition = size && data[0] == '?', aggregates = size && data[0] == '$';
  if (condition || aggregates) data++, size--;
  mr_expr_errors_init(&errors, &arena);
  fields[COL_SEV].codes = &sev;
  struct mr_ast *ast = mr_expr_parse(&arena, (const char *)data, size, &errors);
  check(ast || errors.cnt);
  if (ast) {
    uint32_t len = (uint32_t)size;
    mr_ast_columns(ast, condition ? MR_TYPE_BOOL : MR_TYPE_NONE, count_column, &len);
    struct mr_expr_scope scope = {.schema = &schema, .name = "fuzz"};
    if (condition) scope.want = MR_TYPE_BOOL;
    struct mr_agg_list list = {0};
    uint32_t before = errors.cnt;
    if (aggregates && !mr_ast_aggregates(&arena, ast, &list, &errors)) check(errors.cnt > before);
    for (uint32_t i = 0; i < list.cnt; i++)
      if (list.calls[i].arg) mr_expr_compile(&arena, list.calls[i].arg, &scope, &errors);
    before = errors.cnt;
    const struct mr_expr *e = mr_expr_compile(&arena, ast, &scope, &errors);
    check(e || errors.cnt > before);
    if (e) run(&arena, e);
  }
  look(&errors, size);
  mr_arena_free(&arena);
  return 0;
}
