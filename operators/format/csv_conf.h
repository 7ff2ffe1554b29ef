/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_FORMAT_CSV_CONF_H
#define MR_FORMAT_CSV_CONF_H

/* `csv: {header, delimiter, quote}` of sources and sinks. */

#include "format/decoder.h"
#include "graph/op.h"
#include "graph/opt.h"

struct mr_csv_conf {
  bool header;
  const char *delimiter, *quote; /* one character, or a word for one */
};
extern const struct mr_opt mr_csv_opts[];

/* The signs that the texts stand for. MR_ERR_CONF: *key is wrong, err says why. */
int mr_csv_conf_read(const struct mr_csv_conf *conf, struct mr_decode_csv *out, const char **key,
                     struct mr_error *err);

/* Of a schema whose rows CSV can hold NULL; else the first field that it cannot. */
const struct mr_field *mr_csv_conf_unfit(const struct mr_schema *schema);

#endif
