/* SPDX-License-Identifier: Apache-2.0 */
/* For test_json_python.py: decodes standard input with the rig's columns and writes, in order, each
 * row as the encoder writes it, and "!CODE" for each line that is no row. Arguments: template |
 * general, then the size of the output buffer. */
#include "format/json_encode.h"
#include "rig.h"

static struct rig rig;
static const struct mr_json_encoder *encoder;
static char *buf;
static size_t buf_sz;

static void put_rows(struct mr_batch *b, uint32_t row_cnt) {
  struct mr_col cols[RIG_COLS];
  struct mr_view view;
  struct mr_json_cursor cursor = {0};
  if (!row_cnt) return;
  mr_view_of_batch(&rig.region, b, cols, &view);
  while (!mr_json_encode_done(&view, &cursor)) {
    size_t n = mr_json_encode(encoder, &view, rig.region.base, &cursor, buf, buf_sz);
    if (!n && !mr_json_encode_done(&view, &cursor)) rig_die("no progress");
    fwrite(buf, 1, n, stdout);
  }
}

static void run(char *text, size_t len) {
  struct mr_batch *b = mr_pool_take(&rig.pool);
  enum mr_decode_stop stop;
  mr_lines_start(&rig.lines, 0, 1);
  mr_lines_move(&rig.lines, text);
  mr_lines_fill(&rig.lines, len);
  rig.lines.eof = true;
  do {
    uint32_t n = mr_json_decode_batch(rig.json, &rig.lines, &rig.pool, b, 0, MR_BATCH_ROWS, &stop);
    put_rows(b, n);
    if (stop == MR_DECODE_BAD) printf("!%s\n", mr_json_bad(rig.json)->code);
    mr_pool_put(&rig.pool, b);
    b = mr_pool_take(&rig.pool);
  } while (stop != MR_DECODE_MORE);
}

int main(int argc, char **argv) {
  size_t sz = 64u << 20, len;
  char *text = calloc(1, MR_LINES_HEAD(RIG_MAX_LINE) + sz + MR_LINES_PAD);
  struct mr_error err;
  bool skip[RIG_COLS] = {[RIG_UNREAD] = true};
  rig_fields(&rig);
  rig.conf.general_only = argc > 1 && strcmp(argv[1], "general") == 0;
  rig_open(&rig, 64, 4);
  const struct mr_json_encode_conf conf = {.schema = &rig.schema, .skip = skip, .raw_col = -1};
  encoder = mr_json_encoder_create(&rig.arena, &conf, &err);
  buf_sz = argc > 2 ? (size_t)atoi(argv[2]) : 1u << 20;
  buf = malloc(buf_sz);
  text += MR_LINES_HEAD(RIG_MAX_LINE);
  len = fread(text, 1, sz, stdin);
  run(text, len);
  fprintf(stderr, "%llu rows by templates\n",
          (unsigned long long)mr_json_counts(rig.json)->template_rows);
  rig_close(&rig);
  free(text - MR_LINES_HEAD(RIG_MAX_LINE));
  free(buf);
  return 0;
}
