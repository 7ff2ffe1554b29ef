/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_DECODER_H
#define MR_FORMAT_DECODER_H

/* Lines into columns, whatever they are written in: what a source needs to know of a format. The
 * formats themselves are json.h and csv.h; each takes the same description and stops for the same
 * reasons.
 *
 * A decoder reads ahead of nothing: all bytes it has not made rows of stay in the lines. It keeps
 * what belongs to one input, such as the columns that a CSV header names, until the lines start
 * anew at byte 0 (mr_lines_start), so one decoder may read several inputs one after another.
 *
 * A decoder belongs to one thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/text.h"
#include "data/batch.h"
#include "format/bad.h"
#include "format/lines.h"

enum mr_decode_kind { MR_DECODE_JSON, MR_DECODE_CSV };

enum mr_decode_time {
  MR_DECODE_RFC3339,
  MR_DECODE_UNIX_S,
  MR_DECODE_UNIX_MS,
  MR_DECODE_UNIX_US,
  MR_DECODE_PATTERN
};

/* A constant for a field that is missing or null. Strings need not be NUL-terminated. */
struct mr_decode_default {
  bool given;
  bool b;          /* bool */
  uint8_t code;    /* one_of */
  int64_t i64;     /* int64, timestamp, duration */
  double f64;      /* double */
  const char *str; /* string */
  uint32_t str_len;
};

/* One way in which times are written. */
struct mr_decode_format {
  enum mr_decode_time time;
  const struct mr_time_pattern *pattern; /* MR_DECODE_PATTERN */
};

/* How the column of the same index is read. */
struct mr_decode_field {
  /* Names in the input: the first one that has a value wins. NULL: the column's name. */
  const char *const *keys;
  uint32_t key_cnt;
  /* Of timestamps and lists of them: the first one that fits counts. NULL: RFC 3339. */
  const struct mr_decode_format *formats;
  uint32_t format_cnt;
  struct mr_decode_default def;
  bool needed; /* decode it; must be an own column of the pool */
};

/* How CSV is written. */
struct mr_decode_csv {
  bool header;           /* the first row names the columns; else they are the fields in order */
  char delimiter, quote; /* quote 0: no cell is quoted */
};

struct mr_decode_conf {
  enum mr_decode_kind kind;
  struct mr_decode_csv csv;             /* MR_DECODE_CSV */
  const struct mr_schema *schema;       /* type, optional, one_of and event_time of the columns */
  const struct mr_decode_field *fields; /* schema->visible_cnt of them */
  int32_t raw_col;                      /* string column that takes the line itself, -1: none */
  bool check_declared;                  /* check: declared */
  bool missing_time_keep;               /* a row without event time is no dead letter */
  bool general_only;                    /* no fast path: for tests */
  uint32_t max_line;                    /* as of the lines */
  enum mr_isa isa;                      /* level of the kernels; the machine must have it */
};

enum mr_decode_stop {
  MR_DECODE_MORE, /* the lines want more input (mr_lines_move) */
  MR_DECODE_ROWS, /* row_max rows are there */
  MR_DECODE_HEAP, /* the heap is full: send the batch, go on with a new one at row 0 */
  MR_DECODE_BAD   /* a line is no row: see mr_decoder_bad; go on at the row returned */
};

/* The line that is no row. line.p is valid until the next call. */
struct mr_decode_bad {
  const char *code; /* MR_BAD_* */
  char cause[MR_BAD_CAUSE_SZ];
  struct mr_line line;
};

struct mr_decoder;

/* Makes a decoder; conf is copied, what it points to must live as long. All memory is taken here.
 * NULL: MR_ERR_NOMEM, or MR_ERR_ARG in *err. */
struct mr_decoder *mr_decoder_create(struct mr_arena *arena, const struct mr_decode_conf *conf,
                                     struct mr_error *err);
void mr_decoder_destroy(struct mr_decoder *decoder);

/* Decodes lines into rows from_row .. row_max - 1 (row_max <= MR_BATCH_ROWS) of an open batch of
 * the pool, until *stop says why not more. Returns the rows that the batch has now. Fills own
 * columns that are needed and their validity, the per-row positions and lines where the pool has
 * them, and in the batch's head msg.row_cnt, pos and line of the first row, et_min and et_max
 * (MR_TIME_NONE both: no row has an event time; from_row 0 resets them). Of a line that is no row
 * nothing remains. A row too large for an empty batch is MR_BAD_TOO_LARGE. No allocation. */
uint32_t mr_decoder_run(struct mr_decoder *decoder, struct mr_lines *lines, struct mr_pool *pool,
                        struct mr_batch *batch, uint32_t from_row, uint32_t row_max,
                        enum mr_decode_stop *stop);

/* Tells it the header of an input whose lines start behind it, at another byte than 0. One that is
 * no good header makes every row a bad line. len bytes, which MR_LINES_PAD bytes follow that are
 * overwritten. Nothing to tell of JSON, or without a header. */
void mr_decoder_header(struct mr_decoder *decoder, char *header, uint32_t len);

/* After MR_DECODE_BAD, until the next call. */
const struct mr_decode_bad *mr_decoder_bad(const struct mr_decoder *decoder);

#endif
