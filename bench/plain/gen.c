/* SPDX-License-Identifier: Apache-2.0 */
#include "plain/gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/rng.h"
#include "lib/bench.h"

#define EXTRA_STREAM UINT64_C(0x6578747261)
#define NAME_SZ      80u /* bytes of a name or description */
#define NAMES        1500u

/* c code, f flag, w word, t text, T list of texts, W list of words; those after a `-` are optional.
 */
static const char *const kinds[MR_PLAIN_SYSTEMS] = {"ccwtc", "tcwwcccfc", "tcwwccccfc",
                                                    "tctwcct-cfccwtwcwwtTWwcccww", "cwwwccc"};

static enum mr_plain_kind kind_of(char c) {
  switch (c) {
  case 'c': return MR_PLAIN_CODE;
  case 'f': return MR_PLAIN_FLAG;
  case 'w': return MR_PLAIN_WORD;
  case 't': return MR_PLAIN_TEXT;
  case 'T': return MR_PLAIN_TEXTS;
  default: return MR_PLAIN_WORDS;
  }
}

/* Columns of 16 bytes a row at most, their marks, the block's texts, the names. */
static void lay_out(struct mr_plain_gen *gen) {
  char *at = gen->memory;
  bool optional = false;
  for (const char *k = kinds[gen->system]; *k; k++) {
    if (*k == '-') {
      optional = true;
      continue;
    }
    struct mr_plain_col *col = &gen->cols[gen->col_cnt++];
    *col = (struct mr_plain_col){.kind = kind_of(*k), .data = at};
    at += 16 * MR_PLAIN_ROWS + 64; /* not the same sets of the cache in every column */
    if (!optional) continue;
    col->there = (uint8_t *)at;
    at += MR_PLAIN_ROWS + 64;
  }
  gen->chars = at;
}

static void name(struct mr_plain_text *text, char *at, const char *prefix, uint32_t number) {
  int len = snprintf(at, NAME_SZ, "%s%04u", prefix, number);
  *text = (struct mr_plain_text){at, (uint64_t)len};
}

static void make_names(struct mr_plain_gen *gen) {
  static const char *const severities[] = {"low", "medium", "high", "critical"};
  static const char *const reports[] = {"traffic congestion detected", "weather condition reported",
                                        "incident reported, emergency services notified",
                                        "construction work in progress"};
  char *at = gen->chars + MR_PLAIN_CHARS;
  for (uint32_t i = 0; gen->system == MR_PLAIN_CITY && i < 16; i++, at += NAME_SZ) {
    int len = snprintf(at, NAME_SZ, "%s %s", severities[i >> 2], reports[i & 3]);
    gen->words[i] = (struct mr_plain_text){at, (uint64_t)len};
  }
  for (uint32_t i = 0; gen->system == MR_PLAIN_ECOMMERCE && i < 1000; i++, at += NAME_SZ)
    name(&gen->words[i], at, "user_", i + 1);
  for (uint32_t i = 0; gen->system == MR_PLAIN_ECOMMERCE && i < 500; i++, at += NAME_SZ)
    name(&gen->items[i], at, "item_", i + 1);
}

int mr_plain_gen_make(struct mr_plain_gen *gen, enum mr_plain_system system, enum mr_isa isa,
                      uint64_t seed) {
  *gen = (struct mr_plain_gen){.system = system, .isa = isa};
  for (uint32_t s = 0; s < MR_PLAIN_STREAMS; s++)
    gen->seeds[s] = s ? mr_rng_at(seed ^ EXTRA_STREAM, s - 1) : seed;
  size_t sz = MR_PLAIN_COLS * (17 * MR_PLAIN_ROWS + 128) + MR_PLAIN_CHARS + NAMES * NAME_SZ;
  gen->memory = aligned_alloc(4096, (sz + 4095) & ~(size_t)4095);
  if (!gen->memory) return MR_ERR_NOMEM;
  memset(gen->memory, 0, sz);
  lay_out(gen);
  make_names(gen);
  return MR_OK;
}

void mr_plain_gen_free(struct mr_plain_gen *gen) {
  free(gen->memory);
  *gen = (struct mr_plain_gen){0};
}

#define LEVEL(level)                                                                               \
  extern mr_plain_make_fn mr_plain_make_city_##level, mr_plain_make_transactions_##level,          \
      mr_plain_make_java_##level, mr_plain_make_ecommerce_##level, mr_plain_make_sensors_##level;  \
  extern mr_plain_sum_fn mr_plain_sum_##level
LEVEL(v2);
LEVEL(v3);
LEVEL(v4);
#define MAKERS(level)                                                                              \
  {                                                                                                \
    mr_plain_make_city_##level, mr_plain_make_transactions_##level, mr_plain_make_java_##level,    \
        mr_plain_make_ecommerce_##level, mr_plain_make_sensors_##level                             \
  }

static mr_plain_make_fn *make_of(const struct mr_plain_gen *gen) {
  static mr_plain_make_fn *const makers[MR_ISA_CNT][MR_PLAIN_SYSTEMS] = {MAKERS(v2), MAKERS(v3),
                                                                         MAKERS(v4)};
  return makers[gen->isa][gen->system];
}

uint64_t mr_plain_gen_sum(struct mr_plain_gen *gen, uint64_t rows) {
  static mr_plain_sum_fn *const sums[MR_ISA_CNT] = {mr_plain_sum_v2, mr_plain_sum_v3,
                                                    mr_plain_sum_v4};
  mr_plain_make_fn *make = make_of(gen);
  uint64_t sum = 0;
  for (uint64_t at = 0; at < rows; at += MR_PLAIN_ROWS) {
    uint32_t n = rows - at < MR_PLAIN_ROWS ? (uint32_t)(rows - at) : MR_PLAIN_ROWS;
    make(gen, at, n);
    sum += sums[gen->isa](gen, n);
  }
  return sum;
}

static uint64_t list_hash(const struct mr_plain_list *list, bool texts) {
  uint64_t hash = list->cnt;
  for (uint64_t e = 0; e < list->cnt; e++) {
    const struct mr_plain_text *text = (const struct mr_plain_text *)list->p + e;
    uint64_t element =
        texts ? mr_hash_bytes(text->p, text->len) : (uint64_t)((const int64_t *)list->p)[e];
    hash = mr_plain_list_hash(hash, element);
  }
  return hash;
}

static int64_t value_hash(const struct mr_plain_col *col, uint32_t i) {
  const struct mr_plain_text *text = (const struct mr_plain_text *)col->data + i;
  if (col->there && !col->there[i]) return INT64_MIN;
  switch (col->kind) {
  case MR_PLAIN_CODE:
  case MR_PLAIN_FLAG: return ((const uint8_t *)col->data)[i];
  case MR_PLAIN_WORD: return ((const int64_t *)col->data)[i];
  case MR_PLAIN_TEXT: return (int64_t)mr_hash_bytes(text->p, text->len);
  default:
    return (int64_t)list_hash((const struct mr_plain_list *)col->data + i,
                              col->kind == MR_PLAIN_TEXTS);
  }
}

uint64_t mr_plain_gen_hash(struct mr_plain_gen *gen, uint64_t rows) {
  uint64_t hash = 0;
  for (uint64_t at = 0; at < rows; at += MR_PLAIN_ROWS) {
    uint32_t n = rows - at < MR_PLAIN_ROWS ? (uint32_t)(rows - at) : MR_PLAIN_ROWS;
    make_of(gen)(gen, at, n);
    for (uint32_t i = 0; i < n; i++) {
      int64_t values[MR_PLAIN_COLS];
      for (uint32_t c = 0; c < gen->col_cnt; c++) values[c] = value_hash(&gen->cols[c], i);
      hash += mr_bench_row_hash(values, gen->col_cnt);
    }
  }
  return hash;
}
