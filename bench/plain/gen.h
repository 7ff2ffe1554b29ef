/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_BENCH_GEN_H
#define MR_BENCH_GEN_H

/* The events of five systems made by plain loops, block by block into arrays that are used again,
 * and every column read. One thread. Which event has which number is what operators/producer
 * defines; what makes it here is written anew, row by row where that is the natural way. */

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"

enum mr_plain_system {
  MR_PLAIN_CITY,
  MR_PLAIN_TRANSACTIONS,
  MR_PLAIN_TRANSACTIONS_JAVA,
  MR_PLAIN_ECOMMERCE,
  MR_PLAIN_SENSORS,
  MR_PLAIN_SYSTEMS
};

#define MR_PLAIN_ROWS     1024u /* of a block */
#define MR_PLAIN_COLS     26u
#define MR_PLAIN_STREAMS  6u
#define MR_PLAIN_CHARS    (192u * MR_PLAIN_ROWS)    /* bytes of a block's long texts and lists */
#define MR_PLAIN_START_US INT64_C(1755671700000000) /* 2025-08-20T06:35:00Z */
#define MR_PLAIN_STEP_US  1000

struct mr_plain_text {
  const char *p;
  uint64_t len;
};
struct mr_plain_list {
  const void *p; /* texts or int64s */
  uint64_t cnt;
};

enum mr_plain_kind {
  MR_PLAIN_CODE,  /* uint8_t: which of a few words */
  MR_PLAIN_FLAG,  /* uint8_t: 0 or 1 */
  MR_PLAIN_WORD,  /* int64_t or double */
  MR_PLAIN_TEXT,  /* struct mr_plain_text */
  MR_PLAIN_TEXTS, /* struct mr_plain_list of texts */
  MR_PLAIN_WORDS, /* struct mr_plain_list of int64_t */
};

/* A column of a block. Rows that have no value are zero. */
struct mr_plain_col {
  enum mr_plain_kind kind;
  void *data;
  uint8_t *there; /* 1 where the row has a value; NULL: every row has */
};

struct mr_plain_gen {
  enum mr_plain_system system;
  enum mr_isa isa;
  uint64_t seeds[MR_PLAIN_STREAMS];
  uint32_t col_cnt;
  struct mr_plain_col cols[MR_PLAIN_COLS];
  struct mr_plain_text words[1000], items[500]; /* users; city: descriptions */
  char *chars;
  void *memory; /* all of the above point into it */
};

/* 0 or MR_ERR_NOMEM. */
int mr_plain_gen_make(struct mr_plain_gen *gen, enum mr_plain_system system, enum mr_isa isa,
                      uint64_t seed);
void mr_plain_gen_free(struct mr_plain_gen *gen);

/* Makes the rows and reads every column of them: the sum over columns c (from 0) of (2c + 1) times
 * the sum of its values, where a text counts as its length and its bytes taken eight at a time, a
 * list as its length and its elements, and a row that has a value as one more. */
uint64_t mr_plain_gen_sum(struct mr_plain_gen *gen, uint64_t rows);
/* The sum of mr_bench_row_hash over the rows: INT64_MIN where there is no value, the hash of a
 * text, mr_plain_list_hash of a list. */
uint64_t mr_plain_gen_hash(struct mr_plain_gen *gen, uint64_t rows);
/* One more element of a list, beginning with its length. */
static inline uint64_t mr_plain_list_hash(uint64_t hash, uint64_t element) {
  return hash * 31 + element;
}

/* Kernels, once per level. n is at most MR_PLAIN_ROWS. */
typedef void mr_plain_make_fn(struct mr_plain_gen *gen, uint64_t first, uint32_t n);
typedef uint64_t mr_plain_sum_fn(const struct mr_plain_gen *gen, uint32_t n);

#endif
