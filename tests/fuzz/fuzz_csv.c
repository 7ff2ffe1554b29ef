/* SPDX-License-Identifier: Apache-2.0 */
/* CSV: rows taken together and rows taken alone give the same values and verdicts, in whatever
 * reads the input comes. The first byte picks the options and the level, the second the size of a
 * read, the third how CSV is written. */
#include "../unit/format/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig *open_rig(bool single, const uint8_t *data) {
  static const char delimiters[] = {',', ';', '\t', '|', ' ', ':', '!', '_'};
  static const char quotes[] = {'"', '\'', 0, '~'};
  struct rig *r = calloc(1, sizeof *r);
  uint8_t options = data[0];
  rig_csv_fields(r);
  r->conf.csv =
      (struct mr_decode_csv){!(data[2] & 128), delimiters[data[2] & 7], quotes[data[2] >> 3 & 3]};
  r->conf.general_only = single;
  r->conf.check_declared = options & 1;
  r->conf.missing_time_keep = options & 2;
  r->conf.raw_col = options & 4 && r->conf.csv.header ? RIG_RAW : -1;
  if (options & 8) r->conf.max_line = 64;
  uint32_t isa = options >> 5 & 3, most = mr_isa_detect();
  r->conf.isa = (enum mr_isa)(isa < most ? isa : most);
  rig_open(r, 4, 1);
  return r;
}

static void close_rig(struct rig *r) {
  rig_close(r);
  free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3 || size > (1u << 16)) return 0;
  struct rig *single = open_rig(true, data), *both = open_rig(false, data);
  const char *text = (const char *)data + 3;
  size_t chunk = data[1] ? data[1] * 3u : 1u << 16;
  rig_run(single, text, size - 3, 1u << 16, MR_BATCH_ROWS);
  rig_run(both, text, size - 3, chunk, data[0] & 16 ? 3 : MR_BATCH_ROWS);
  if (strcmp(single->out, both->out) != 0) {
    printf("single:\n%s\nboth:\n%s\n", single->out, both->out);
    abort();
  }
  close_rig(single);
  close_rig(both);
  return 0;
}
