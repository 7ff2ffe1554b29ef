/* SPDX-License-Identifier: Apache-2.0 */
#include "format/decoder.h"

#include "format/csv.h"
#include "format/json.h"

struct mr_decoder { /* one of them */
  struct mr_json *json;
  struct mr_csv *csv;
};

struct mr_decoder *mr_decoder_create(struct mr_arena *arena, const struct mr_decode_conf *conf,
                                     struct mr_error *err) {
  struct mr_decoder *decoder = MR_NEW(arena, struct mr_decoder, 1);
  if (conf->kind == MR_DECODE_CSV)
    decoder->csv = mr_csv_create(arena, conf, err);
  else
    decoder->json = mr_json_create(arena, conf, err);
  return decoder->csv || decoder->json ? decoder : NULL;
}

void mr_decoder_destroy(struct mr_decoder *decoder) {
  if (decoder) mr_json_destroy(decoder->json);
}

uint32_t mr_decoder_run(struct mr_decoder *decoder, struct mr_lines *lines, struct mr_pool *pool,
                        struct mr_batch *batch, uint32_t from_row, uint32_t row_max,
                        enum mr_decode_stop *stop) {
  if (decoder->csv)
    return mr_csv_decode_batch(decoder->csv, lines, pool, batch, from_row, row_max, stop);
  return mr_json_decode_batch(decoder->json, lines, pool, batch, from_row, row_max, stop);
}

void mr_decoder_header(struct mr_decoder *decoder, char *header, uint32_t len) {
  if (decoder->csv) mr_csv_header(decoder->csv, header, len);
}

const struct mr_decode_bad *mr_decoder_bad(const struct mr_decoder *decoder) {
  return decoder->csv ? mr_csv_bad(decoder->csv) : mr_json_bad(decoder->json);
}
