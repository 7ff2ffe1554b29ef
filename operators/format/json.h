/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_JSON_H
#define MR_FORMAT_JSON_H

/* JSON lines into columns. Two paths give the same verdict and the same values on every line:
 *
 *   template  the bytes between the values of a recent good line (key order, blanks) are compared
 *             as a whole, and each value is checked and converted where it stands, in up to 64
 *             lines together, value by value: about 15 ns for a line of 150 bytes;
 *   general   simdjson's DOM parser checks the whole line, and its tape is read; every line that
 *             fits no template.
 *
 * A line is a row when it is one well-formed JSON object in UTF-8, nested at most 64 deep, without
 * lone surrogates and without numbers that no double can hold, and when the fields that are needed
 * (with check_declared: all declared ones) have their types. Of equal keys the last one wins. int64
 * takes whole numbers written without fraction and exponent; double takes any number; a timestamp
 * in unix_s, unix_ms or unix_us takes what int64 takes; a duration is a text such as "1h2m3.5s";
 * all times lie in the years 1 to 9999.
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

#define MR_JSON_DEPTH_MAX 64u

enum mr_json_time {
  MR_JSON_TIME_RFC3339,
  MR_JSON_TIME_UNIX_S,
  MR_JSON_TIME_UNIX_MS,
  MR_JSON_TIME_UNIX_US,
  MR_JSON_TIME_PATTERN
};

/* A constant for a field that is missing or null. Strings need not be NUL-terminated. */
struct mr_json_default {
  bool given;
  bool b;          /* bool */
  uint8_t code;    /* one_of */
  int64_t i64;     /* int64, timestamp, duration */
  double f64;      /* double */
  const char *str; /* string */
  uint32_t str_len;
};

/* How the column of the same index is read. */
struct mr_json_field {
  const char *const
      *keys; /* names in the object, the first one present wins; NULL: the column's name */
  uint32_t key_cnt;
  enum mr_json_time time;                /* timestamps and lists of them */
  const struct mr_time_pattern *pattern; /* MR_JSON_TIME_PATTERN */
  struct mr_json_default def;
  bool needed; /* decode it; must be an own column of the pool */
};

struct mr_json_conf {
  const struct mr_schema *schema;     /* type, optional, one_of and event_time of the columns */
  const struct mr_json_field *fields; /* schema->visible_cnt of them */
  int32_t raw_col;                    /* string column that takes the line itself, -1: none */
  bool check_declared;                /* check: declared */
  bool missing_time_keep;             /* a row without event time is no dead letter */
  bool general_only;                  /* no template path: for tests */
  uint32_t max_line;                  /* as of the lines */
  enum mr_isa isa;                    /* level of the kernels; the machine must have it */
};

enum mr_json_stop {
  MR_JSON_MORE, /* the lines want more input (mr_lines_move) */
  MR_JSON_ROWS, /* row_max rows are there */
  MR_JSON_HEAP, /* the heap is full: send the batch, go on with a new one at row 0 */
  MR_JSON_BAD   /* a line is no row: see mr_json_bad; go on at the row returned */
};

/* The line that is no row. line.p is valid until the next call. */
struct mr_json_bad {
  const char *code; /* MR_BAD_* */
  char cause[MR_BAD_CAUSE_SZ];
  struct mr_line line;
};

struct mr_json_counts {
  uint64_t template_rows, general_rows, bad_rows, learned;
};

struct mr_json;

/* Makes a decoder; conf is copied, what it points to must live as long. All memory is taken here:
 * about 14 bytes of addresses per byte of max_line, touched as lines need it. NULL: MR_ERR_NOMEM,
 * or MR_ERR_ARG in *err. */
struct mr_json *mr_json_create(struct mr_arena *arena, const struct mr_json_conf *conf,
                               struct mr_error *err);
void mr_json_destroy(struct mr_json *json);

/* Decodes lines into rows from_row .. row_max - 1 (row_max <= MR_BATCH_ROWS) of an open batch of
 * the pool, until *stop says why not more. Returns the rows that the batch has now. Fills own
 * columns that are needed and their validity, the per-row positions and lines where the pool has
 * them, and in the batch's head msg.row_cnt, pos and line of the first row, et_min and et_max
 * (MR_TIME_NONE both: no row has an event time; from_row 0 resets them). Of a line that is no row
 * nothing remains. A row too large for an empty batch is MR_BAD_TOO_LARGE. No allocation. */
uint32_t mr_json_decode_batch(struct mr_json *json, struct mr_lines *lines, struct mr_pool *pool,
                              struct mr_batch *batch, uint32_t from_row, uint32_t row_max,
                              enum mr_json_stop *stop);

/* After MR_JSON_BAD, until the next call. */
const struct mr_json_bad *mr_json_bad(const struct mr_json *json);

const struct mr_json_counts *mr_json_counts(const struct mr_json *json);

#endif
