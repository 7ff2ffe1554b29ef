/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_FILL_H
#define MR_FORMAT_FILL_H

/* What the decoders of all formats share: how each column is read, and the batch that is being
 * filled. The values of a row are put where they belong as they are read; what is not certain to
 * stay (strings for the heap, NULLs) waits for mr_fill_commit. Private to the room. */

#include "format/codes.h"
#include "format/decoder.h"

enum mr_value_kind {
  MR_VALUE_BOOL,
  MR_VALUE_INT64,
  MR_VALUE_DOUBLE,
  MR_VALUE_STR,
  MR_VALUE_CODE, /* one_of */
  MR_VALUE_RFC3339,
  MR_VALUE_PATTERN,
  MR_VALUE_UNIX,
  MR_VALUE_TIMES, /* a time in one of several formats */
  MR_VALUE_DURATION,
  MR_VALUE_LIST,
  MR_VALUE_CNT
};

struct mr_fill_col {
  const struct mr_field *field;
  const struct mr_decode_field *conf;
  uint8_t kind, elem; /* enum mr_value_kind; elem: of a list */
  bool needed;        /* decoded */
  bool checked;       /* its type and presence are checked: needed, or check_declared */
  bool null_ok;       /* a row may have none */
  bool event_time;
  int64_t unix_us;                       /* MR_VALUE_UNIX: microseconds per unit */
  const struct mr_time_pattern *pattern; /* MR_VALUE_PATTERN */
  uint32_t pattern_len; /* where it is yyyy-MM-dd, a sign, HH:mm:ss and maybe .SSS: of its texts */
  struct mr_codes *codes;
};

struct mr_fill_pend { /* a string beyond 12 bytes, for the heap */
  struct mr_str *dst;
  const char *p;
  uint32_t len;
};

/* Loops of all formats, for one x86-64 level. */
struct mr_fill_kernels {
  /* The least and the greatest of cnt times, at least one. */
  void (*bounds)(const int64_t *t, uint32_t cnt, int64_t *lo, int64_t *hi);
};
extern const struct mr_fill_kernels mr_fill_kernels_v2, mr_fill_kernels_v3, mr_fill_kernels_v4;

struct mr_fill {
  struct mr_decode_conf conf;
  uint32_t col_cnt; /* visible ones */
  struct mr_fill_col *cols;
  const struct mr_fill_kernels *kernels;

  /* the batch being filled */
  struct mr_pool *pool;
  struct mr_batch *batch;
  const uint8_t *base;
  void **dst; /* column data; for columns that are only checked: the bin */
  void *bin;
  uint64_t *row_pos, *row_line;

  /* the row being made */
  uint32_t pend_cnt, null_cnt;
  struct mr_fill_pend *pend;
  uint16_t *nulls;

  struct mr_decode_bad bad;
};

/* MR_ERR_ARG: the description contradicts itself. */
int mr_fill_init(struct mr_fill *fill, struct mr_arena *arena, const struct mr_decode_conf *conf,
                 struct mr_error *err);

/* Rows from_row on of the batch are to be filled. */
void mr_fill_begin(struct mr_fill *fill, struct mr_pool *pool, struct mr_batch *batch,
                   uint32_t from_row);
/* Rows from .. to - 1 are filled: the batch's head. */
void mr_fill_end(struct mr_fill *fill, uint32_t from, uint32_t to);

/* Puts down what waited for the row to be good, and the line into the raw column. False: room for
 * the row's strings ran out. */
bool mr_fill_commit(struct mr_fill *fill, uint32_t row, const char *line, uint32_t len);
/* The column of the row is NULL: its bit; the value stays. */
void mr_fill_null(struct mr_fill *fill, uint32_t col, uint32_t row);
/* The column's value for a row that has none: its default, else NULL. */
void mr_fill_missing(struct mr_fill *fill, uint32_t col, uint32_t row);
/* Where the row begins in the input. */
void mr_fill_place(struct mr_fill *fill, uint32_t row, const struct mr_line *line);

/* ---- why a line is no row: each returns false, fill->bad says it ---- */

__attribute__((format(printf, 3, 4))) bool mr_fill_bad(struct mr_fill *fill, const char *code,
                                                       const char *fmt, ...);
/* The value, as it is shown, is no text of one_of. */
bool mr_fill_bad_code(struct mr_fill *fill, const struct mr_fill_col *col, const char *found);
bool mr_fill_bad_missing(struct mr_fill *fill, const struct mr_fill_col *col, const char *how);
/* The text as a time in this one format. */
bool mr_fill_time(const struct mr_decode_format *format, const char *p, size_t len, int64_t *us);
/* A time of the column in one of its formats that are texts, or that are numbers; false: in none.
 */
bool mr_fill_time_text(const struct mr_fill_col *col, const char *p, size_t len, int64_t *us);
bool mr_fill_time_number(const struct mr_fill_col *col, int64_t v, int64_t *us);

/* "a whole number (int64)" */
const char *mr_value_kind_text(uint8_t kind);
/* The longest part of a text of at most max bytes that does not cut a character. */
uint32_t mr_text_clip(const char *p, uint32_t len, uint32_t max);

/* US_MIN and US_MAX of all times: 0001-01-01T00:00:00Z and the end of 9999. */
#define MR_FILL_US_MIN (INT64_C(-62135596800) * 1000000)
#define MR_FILL_US_MAX (INT64_C(253402300800) * 1000000 - 1)

static inline bool mr_fill_unix_us(int64_t unit_us, int64_t v, int64_t *us) {
  return !__builtin_mul_overflow(v, unit_us, us) && *us >= MR_FILL_US_MIN && *us <= MR_FILL_US_MAX;
}

/* Bytes of a list's element. */
static inline uint32_t mr_value_elem_sz(uint8_t kind) {
  return kind == MR_VALUE_STR ? 16 : kind == MR_VALUE_BOOL || kind == MR_VALUE_CODE ? 1 : 8;
}

static inline void mr_fill_bit(uint64_t *map, uint32_t row, bool v) {
  uint64_t bit = UINT64_C(1) << (row % 64), w = map[row / 64];
  map[row / 64] = v ? w | bit : w & ~bit;
}

/* A string of the row: at once when it lies in the view, else at the commit. */
static inline void mr_fill_str(struct mr_fill *fill, struct mr_str *dst, const char *p,
                               uint32_t len) {
  if (len <= MR_STR_INLINE)
    *dst = mr_str_make(p, len, NULL);
  else
    fill->pend[fill->pend_cnt++] = (struct mr_fill_pend){dst, p, len};
}

#endif
