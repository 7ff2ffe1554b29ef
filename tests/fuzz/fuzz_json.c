/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines: the decoder with templates and the one without give the same rows and verdicts, in
 * whatever reads the input comes. The first byte picks the options and the level, the second the
 * size of a read.
 */
#include "../unit/format/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig *open_rig(bool general, uint8_t options) {
  struct rig *r = calloc(1, sizeof *r);
  rig_fields(r);
  r->conf.general_only = general;
  r->conf.check_declared = options & 1;
  r->conf.missing_time_keep = options & 2;
  r->conf.raw_col = options & 4 ? RIG_RAW : -1;
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
  if (size < 2 || size > (1u << 16)) return 0;
  struct rig *general = open_rig(true, data[0]), *both = open_rig(false, data[0]);
  const char *text = (const char *)data + 2;
  size_t chunk = data[1] ? data[1] * 3u : 1u << 16;
  rig_run(general, text, size - 2, 1u << 16, MR_BATCH_ROWS);
  rig_run(both, text, size - 2, chunk, data[0] & 16 ? 3 : MR_BATCH_ROWS);
  if (strcmp(general->out, both->out) != 0) {
    printf("general:\n%s\nboth:\n%s\n", general->out, both->out);
    abort();
  }
  close_rig(general);
  close_rig(both);
  return 0;
}
