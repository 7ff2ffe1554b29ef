/* SPDX-License-Identifier: Apache-2.0 */
/* For test_csv_python.py: decodes standard input with the rig's columns and writes, in order, each
 * row as a JSON line, and "!CODE LINE" for each row that is none. Arguments: group | single, header
 * | plain, delimiter, quote (- for none), bytes read at a time. */
#include "format/json_encode.h"
#include "rig.h"

static struct rig rig;
static const struct mr_json_encoder *encoder;

static void put_rows(struct mr_batch *b, uint32_t row_cnt) {
  static char buf[1 << 20];
  struct mr_col cols[RIG_COLS];
  struct mr_view view;
  struct mr_json_cursor cursor = {0};
  if (!row_cnt) return;
  mr_view_of_batch(&rig.region, b, cols, &view);
  while (!mr_json_encode_done(&view, &cursor)) {
    size_t n = mr_json_encode(encoder, &view, rig.region.base, &cursor, buf, sizeof buf);
    if (!n && !mr_json_encode_done(&view, &cursor)) rig_die("no progress");
    fwrite(buf, 1, n, stdout);
  }
}

static void run(const char *text, size_t len, size_t chunk) {
  struct mr_batch *b = mr_pool_take(&rig.pool);
  enum mr_decode_stop stop = MR_DECODE_MORE;
  size_t off = 0;
  char *data = rig.block + MR_LINES_HEAD(RIG_MAX_LINE);
  mr_lines_start(&rig.lines, 0, 1);
  for (;;) {
    if (stop == MR_DECODE_MORE) {
      size_t n = len - off < chunk ? len - off : chunk;
      if (rig.lines.eof) break;
      mr_lines_move(&rig.lines, data);
      memcpy(data, text + off, n);
      off += n;
      if (n)
        mr_lines_fill(&rig.lines, n);
      else
        mr_lines_end(&rig.lines);
    }
    put_rows(b, rig_decode(&rig, b, 0, MR_BATCH_ROWS, &stop));
    const struct mr_decode_bad *bad = mr_csv_bad(rig.csv);
    if (stop == MR_DECODE_BAD) printf("!%s %llu\n", bad->code, (unsigned long long)bad->line.line);
    mr_pool_put(&rig.pool, b);
    b = mr_pool_take(&rig.pool);
  }
}

int main(int argc, char **argv) {
  size_t sz = 64u << 20;
  char *text = malloc(sz);
  struct mr_error err;
  bool skip[RIG_COLS] = {[RIG_UNREAD] = true};
  if (argc < 6) rig_die("arguments: group|single header|plain DELIMITER QUOTE BYTES");
  rig_csv_fields(&rig);
  rig.conf.general_only = strcmp(argv[1], "single") == 0;
  rig.conf.csv.header = strcmp(argv[2], "header") == 0;
  rig.conf.csv.delimiter = argv[3][0];
  rig.conf.csv.quote = argv[4][0] == '-' ? 0 : argv[4][0];
  rig_open(&rig, 64, 4);
  const struct mr_json_encode_conf conf = {.schema = &rig.schema, .skip = skip, .raw_col = -1};
  encoder = mr_json_encoder_create(&rig.arena, &conf, &err);
  run(text, fread(text, 1, sz, stdin), strtoull(argv[5], NULL, 0));
  fprintf(stderr, "%llu rows together\n", (unsigned long long)mr_csv_counts(rig.csv)->group_rows);
  rig_close(&rig);
  free(text);
  return 0;
}
