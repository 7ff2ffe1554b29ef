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

#include "format/decoder.h"

#define MR_JSON_DEPTH_MAX 64u

struct mr_json_counts {
  uint64_t template_rows, general_rows, bad_rows, learned;
};

struct mr_json;

/* As mr_decoder_create; takes about 14 bytes of addresses per byte of max_line, touched as lines
 * need it. */
struct mr_json *mr_json_create(struct mr_arena *arena, const struct mr_decode_conf *conf,
                               struct mr_error *err);
void mr_json_destroy(struct mr_json *json);

/* As mr_decoder_run and mr_decoder_bad. */
uint32_t mr_json_decode_batch(struct mr_json *json, struct mr_lines *lines, struct mr_pool *pool,
                              struct mr_batch *batch, uint32_t from_row, uint32_t row_max,
                              enum mr_decode_stop *stop);

/* After MR_DECODE_BAD, until the next call. */
const struct mr_decode_bad *mr_json_bad(const struct mr_json *json);

const struct mr_json_counts *mr_json_counts(const struct mr_json *json);

#endif
