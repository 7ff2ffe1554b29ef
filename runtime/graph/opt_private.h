/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_GRAPH_OPT_PRIVATE_H
#define MR_GRAPH_OPT_PRIVATE_H

/* What the reader of maps (opt.c) and the one of single values (opt_value.c) share. */

#include "graph/opt.h"

enum mr_opt_verdict {
  MR_OPT_FITS,
  MR_OPT_BAD_TYPE,   /* the text is no such value */
  MR_OPT_BAD_RANGE,  /* it is, but out of range */
  MR_OPT_BAD_WORD,   /* none of the words */
  MR_OPT_LATER_WORD, /* one of words_later */
  MR_OPT_BAD_NAME,   /* not a name */
  MR_OPT_TOO_LONG    /* longer than an expression may be */
};

/* True for types that are one scalar and need no tree: BOOL to SHARE, and ENUM. */
bool mr_opt_is_number_like(enum mr_opt_type type);
/* Parses text as a value of such a type into dst (bool, int64_t, uint64_t, double or int). */
enum mr_opt_verdict mr_opt_parse(const struct mr_opt *opt, const char *text, size_t len, void *dst);
/* Bytes of such a type's value. */
size_t mr_opt_size(enum mr_opt_type type);
/* Index in a NULL-terminated list, or -1. */
int mr_opt_word(const char *const *words, const char *text, size_t len);
uint32_t mr_opt_word_cnt(const char *const *words);
/* "from 1 to 64 workers", "at least 1ms": for an option that has a range. */
const char *mr_opt_range_text(const struct mr_opt *opt, struct mr_arena *arena);
/* "final, update, complete". */
const char *mr_opt_words_text(const char *const *words, struct mr_arena *arena);

#endif
