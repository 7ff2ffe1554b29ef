/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_EXPR_ROWS_PRIVATE_H
#define MR_EXPR_ROWS_PRIVATE_H

/* Node functions whose work is dear per row are written as the value of one row; the loops around
 * it are made here, once per function, so that nothing is decided per row. */

#include "base/text.h"
#include "expr/program_private.h"

__extension__ typedef __int128 row_wide; /* for sums that may leave 64 bits */

enum row_result {
  ROW_OK,
  ROW_NULL,
  ROW_BAD, /* an error value, the node's `code`; NULL where the node is `negated` (try_...) */
  ROW_FULL /* no room in the scratch: an error value, always */
};

/* ---- operands: number i of n, row */

static inline int64_t row_i64(struct expr_run *run, const struct expr_node *n, uint32_t i,
                              uint32_t row) {
  return ((const int64_t *)run_arg(run, n, i)->data)[row];
}
static inline double row_f64(struct expr_run *run, const struct expr_node *n, uint32_t i,
                             uint32_t row) {
  return ((const double *)run_arg(run, n, i)->data)[row];
}
static inline const struct mr_str *row_str(struct expr_run *run, const struct expr_node *n,
                                           uint32_t i, uint32_t row) {
  return (const struct mr_str *)run_arg(run, n, i)->data + row;
}
static inline const struct mr_list *row_list(struct expr_run *run, const struct expr_node *n,
                                             uint32_t i, uint32_t row) {
  return (const struct mr_list *)run_arg(run, n, i)->data + row;
}
/* The bytes of a string; valid as long as its struct. */
static inline const char *row_text(struct expr_run *run, const struct mr_str *s) {
  return mr_str_data(s, run->base);
}

/* ---- strings that are made */

/* A new string of `len` of the `taken` bytes that run_scratch gave last; the rest goes back, all of
 * it when the string fits into its view. */
static inline struct mr_str row_made(struct expr_run *run, const char *p, uint64_t len,
                                     uint64_t taken) {
  run->scratch_used -= len <= MR_STR_INLINE ? taken : taken - len;
  return mr_str_make(p, (uint32_t)len, run->base);
}
/* A part of an operand's bytes. */
static inline struct mr_str row_part(struct expr_run *run, const char *p, uint64_t len) {
  return mr_str_make(p, (uint32_t)len, run->base);
}
/* A copy of a few bytes; false: the scratch is full. */
static inline bool row_copied(struct expr_run *run, const char *p, uint64_t len,
                              struct mr_str *out) {
  char *to = len > MR_STR_INLINE ? run_scratch(run, len) : NULL;
  if (len > MR_STR_INLINE && !to) return false;
  if (to) memcpy(to, p, len);
  *out = mr_str_make(to ? to : p, (uint32_t)len, run->base);
  return true;
}

/* ---- UTF-8 */

/* Byte behind the character at off; len when it is the last. */
static inline uint64_t row_next_char(const char *s, uint64_t len, uint64_t off) {
  do off++;
  while (off < len && ((unsigned char)s[off] & 0xc0) == 0x80);
  return off;
}
/* Byte behind cnt characters from off on, at most len. */
static inline uint64_t row_skip_chars(const char *s, uint64_t len, uint64_t off, int64_t cnt) {
  for (; cnt > 0 && off < len; cnt--) off = row_next_char(s, len, off);
  return off;
}

/* ---- the loops */

struct row_marks { /* rows that are errors, NULL, errors of the second kind */
  uint64_t bad[MR_BATCH_WORDS], null[MR_BATCH_WORDS], full[MR_BATCH_WORDS];
  bool any_bad, any_null, any_full;
};
static inline void row_mark(struct row_marks *m, enum row_result what, uint32_t row) {
  if (what == ROW_BAD) {
    mr_bit_set(m->bad, row);
    m->any_bad = true;
  } else if (what == ROW_NULL) {
    mr_bit_set(m->null, row);
    m->any_null = true;
  } else {
    mr_bit_set(m->full, row);
    m->any_full = true;
  }
}
/* Writes the marks into n's result. */
void row_marks_put(struct expr_run *run, const struct expr_node *n, struct row_marks *m);

/* Defines the node function `name` of a strict function: each(run, n, row, T *out) gives a row's
 * value. */
#define RUN_ROWS(name, T, each)                                                                    \
  void name(struct expr_run *run, const struct expr_node *n) {                                     \
    struct vec *v = run_vec(run, n);                                                               \
    struct row_marks marks = {0};                                                                  \
    uint64_t buf[MR_BATCH_WORDS];                                                                  \
    T *out = v->out;                                                                               \
    run_strict(run, n);                                                                            \
    const uint64_t *work = run_work(run, n, buf);                                                  \
    memset(out, 0, run->rows64 * sizeof *out);                                                     \
    v->data = out;                                                                                 \
    MR_BITMAP_EACH(work, run->words, row) {                                                        \
      enum row_result what = each(run, n, (uint32_t)row, &out[row]);                               \
      if (what != ROW_OK) row_mark(&marks, what, (uint32_t)row);                                   \
    }                                                                                              \
    row_marks_put(run, n, &marks);                                                                 \
  }

/* The same for conditions: each(run, n, row, bool *out). */
#define RUN_ROWS_BOOL(name, each)                                                                  \
  void name(struct expr_run *run, const struct expr_node *n) {                                     \
    struct vec *v = run_vec(run, n);                                                               \
    struct row_marks marks = {0};                                                                  \
    uint64_t buf[MR_BATCH_WORDS], *out = v->out;                                                   \
    run_strict(run, n);                                                                            \
    const uint64_t *work = run_work(run, n, buf);                                                  \
    memset(out, 0, run->words * sizeof *out);                                                      \
    v->data = out;                                                                                 \
    MR_BITMAP_EACH(work, run->words, row) {                                                        \
      bool yes = false;                                                                            \
      enum row_result what = each(run, n, (uint32_t)row, &yes);                                    \
      if (what != ROW_OK) row_mark(&marks, what, (uint32_t)row);                                   \
      if (yes) mr_bit_set(out, (uint32_t)row);                                                     \
    }                                                                                              \
    row_marks_put(run, n, &marks);                                                                 \
  }

#endif
