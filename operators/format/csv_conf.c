/* SPDX-License-Identifier: Apache-2.0 */
#include "format/csv_conf.h"

#include <string.h>

const struct mr_opt mr_csv_opts[] = {
    {"header", MR_OPT_BOOL, MR_OPT_AT(struct mr_csv_conf, header), .def = "true",
     .help = "whether the first row names the columns; else they stand in the order of the fields"},
    {"delimiter", MR_OPT_STRING, MR_OPT_AT(struct mr_csv_conf, delimiter), .def = ",",
     .help = "the character between cells, or tab", .example = ";"},
    {"quote", MR_OPT_STRING, MR_OPT_AT(struct mr_csv_conf, quote), .def = "\"",
     .help = "the character around cells that hold delimiters or line ends, or none",
     .example = "'"},
    MR_OPT_END};

static bool is_sign(unsigned char c) {
  return c > 0x20 && c < 0x7f && !(c >= '0' && c <= '9') &&
         !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

int mr_csv_conf_read(const struct mr_csv_conf *conf, struct mr_decode_csv *out, const char **key,
                     struct mr_error *err) {
  const char *d = strcmp(conf->delimiter, "tab") == 0 ? "\t" : conf->delimiter;
  const char *q = strcmp(conf->quote, "none") == 0 ? "" : conf->quote;
  *out = (struct mr_decode_csv){conf->header, d[0], q[0]};
  *key = "delimiter";
  bool fits = is_sign((unsigned char)d[0]) || d[0] == '\t' || d[0] == ' ';
  if (!fits || d[1] || strchr(".+-_", d[0]))
    return mr_error_set(err, MR_ERR_CONF,
                        "a delimiter is one ASCII sign such as , ; | or tab; no letter, digit, or "
                        "one of . + - _");
  *key = "quote";
  if (q[0] && (!is_sign((unsigned char)q[0]) || q[1] || strchr(".+-_:", q[0])))
    return mr_error_set(err, MR_ERR_CONF,
                        "a quote is one ASCII sign such as \" or ', none of . + - _ :, or the word "
                        "none");
  if (q[0] == d[0])
    return mr_error_set(err, MR_ERR_CONF, "the quote is the same character as the delimiter");
  return 0;
}

const struct mr_field *mr_csv_conf_unfit(const struct mr_schema *schema) {
  for (uint32_t c = 0; c < schema->visible_cnt; c++) {
    switch (schema->fields[c].type) {
    case MR_TYPE_BOOL:
    case MR_TYPE_INT64:
    case MR_TYPE_DOUBLE:
    case MR_TYPE_STRING:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_DURATION: break;
    default: return &schema->fields[c];
    }
  }
  return NULL;
}
