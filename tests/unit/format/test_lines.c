/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/rng.h"
#include "format/lines.h"
#include "test.h"

/* Splits text given in reads of `chunk` bytes into blocks that alternate when `two`; writes
 * "pos:line[len/bytes]text|" per line into out. */
static void split(const char *text, size_t len, size_t chunk, uint32_t max_line, bool two,
                  char *out) {
  static struct mr_lines lines;
  size_t head = MR_LINES_HEAD(max_line), off = 0, sz = head + chunk + MR_LINES_PAD;
  char *blocks[2] = {malloc(sz), malloc(sz)};
  struct mr_line line;
  bool eof = false;
  uint32_t turn = 0;
  out[0] = 0;
  mr_lines_init(&lines, max_line);
  mr_lines_start(&lines, 0, 1);
  for (;;) {
    enum mr_line_result got = mr_lines_next(&lines, &line);
    if (got == MR_LINE_MORE) {
      if (eof) break;
      size_t n = len - off < chunk ? len - off : chunk;
      char *data = blocks[two ? turn++ % 2 : 0] + head;
      if (two) memcpy(data, text + off, n); /* read before the rest is moved */
      mr_lines_move(&lines, data);
      if (!two) memcpy(data, text + off, n);
      if (n)
        mr_lines_fill(&lines, n);
      else
        mr_lines_end(&lines);
      eof = n == 0;
      off += n;
      continue;
    }
    out += sprintf(out, "%llu:%llu[%u/%llu]", (unsigned long long)line.pos,
                   (unsigned long long)line.line, line.len, (unsigned long long)line.bytes);
    memcpy(out, line.p, line.len);
    out += line.len;
    out += sprintf(out, got == MR_LINE_LONG ? "..|" : "|");
  }
  free(blocks[0]);
  free(blocks[1]);
}

static void expect(const char *text, uint32_t max_line, const char *wanted) {
  char *out = malloc(1 << 16);
  for (size_t chunk = 1; chunk < 12; chunk++) {
    for (int two = 0; two < 2; two++) {
      split(text, strlen(text), chunk, max_line, two, out);
      assert_string_equal(out, wanted);
    }
  }
  split(text, strlen(text), 4096, max_line, false, out);
  assert_string_equal(out, wanted);
  free(out);
}

MR_TEST(lines_are_the_same_however_reads_cut_them) {
  MR_UNUSED_STATE;
  expect("a\nbcd\nefghij\n", 100, "0:1[1/1]a|2:2[3/3]bcd|6:3[6/6]efghij|");
}
MR_TEST(carriage_returns_at_the_end_are_no_part_of_a_line) {
  MR_UNUSED_STATE;
  expect("a\r\nb\rc\r\nd\r", 100, "0:1[1/1]a|3:2[3/3]b\rc|8:3[1/1]d|");
}
MR_TEST(the_last_line_may_lack_its_end) {
  MR_UNUSED_STATE;
  expect("a\nbc", 100, "0:1[1/1]a|2:2[2/2]bc|");
}
MR_TEST(blank_lines_are_skipped_and_keep_their_number) {
  MR_UNUSED_STATE;
  expect("\n\r\n \t\na\n\n\nb\n  ", 100, "6:4[1/1]a|10:7[1/1]b|");
}
MR_TEST(an_empty_input_has_no_lines) {
  MR_UNUSED_STATE;
  expect("", 100, "");
}
MR_TEST(a_byte_order_mark_is_skipped_at_the_start_only) {
  MR_UNUSED_STATE;
  expect("\xef\xbb\xbf"
         "a\n\xef\xbb\xbf"
         "b\n",
         100,
         "3:1[1/1]a|5:2[4/4]\xef\xbb\xbf"
         "b|");
  expect("\xef\xbb\n", 100, "0:1[2/2]\xef\xbb|");
  expect("\xef", 100, "0:1[1/1]\xef|");
}
MR_TEST(a_line_of_exactly_the_limit_passes_and_one_byte_more_does_not) {
  MR_UNUSED_STATE;
  expect("12345\n123456\n12345\r\n123456\r\nx\n", 5,
         "0:1[5/5]12345|6:2[6/6]123456..|13:3[5/5]12345|20:4[6/6]123456..|28:5[1/1]x|");
  expect("1234567890", 5, "0:1[10/10]1234567890..|");
  expect("1234567890\r", 5, "0:1[10/10]1234567890..|");
}
MR_TEST(of_a_long_line_the_first_4_KiB_are_kept_and_all_bytes_counted) {
  MR_UNUSED_STATE;
  size_t len = 3000000;
  char *text = malloc(len + 8), *out = malloc(1 << 16), wanted[64];
  memset(text, 'x', len);
  memcpy(text + len, "\nend\n", 5);
  split(text, len + 5, 70000, 1u << 20, false, out);
  snprintf(wanted, sizeof wanted, "0:1[4096/%zu]xxx", len);
  assert_memory_equal(out, wanted, strlen(wanted));
  snprintf(wanted, sizeof wanted, "x..|%zu:2[3/3]end|", len + 1);
  assert_string_equal(out + strlen(out) - strlen(wanted), wanted);
  free(text);
  free(out);
}
MR_TEST(a_long_line_is_not_cut_inside_a_character) {
  MR_UNUSED_STATE;
  char *text = malloc(9000), *out = malloc(1 << 16);
  for (size_t shift = 0; shift < 3; shift++) {
    memset(text, 'x', shift);
    for (size_t i = shift; i + 3 <= 9000; i += 3) memcpy(text + i, "\xe2\x82\xac", 3);
    split(text, shift + 8001, 4096, 1000, false, out);
    unsigned len = 0;
    assert_int_equal(sscanf(out, "0:1[%u/", &len), 1);
    assert_int_equal(len, 4096 - (4096 - shift) % 3);
  }
  free(text);
  free(out);
}
MR_TEST(positions_go_on_where_a_reader_starts_in_the_middle) {
  MR_UNUSED_STATE;
  struct mr_lines *lines = malloc(sizeof *lines);
  char block[MR_LINES_HEAD(100) + 16 + MR_LINES_PAD], *data = block + MR_LINES_HEAD(100);
  struct mr_line line;
  mr_lines_init(lines, 100);
  mr_lines_start(lines, 1000, 20);
  memcpy(data,
         "\xef\xbb\xbf"
         "a\n",
         5);
  mr_lines_move(lines, data);
  mr_lines_fill(lines, 5);
  assert_int_equal(mr_lines_next(lines, &line), MR_LINE_GOT);
  assert_int_equal(line.pos, 1000);
  assert_int_equal(line.line, 20);
  assert_int_equal(line.len, 4);
  assert_int_equal(mr_lines_next(lines, &line), MR_LINE_MORE);
  free(lines);
}
/* A second, simple splitter. */
static void split_simply(const char *text, size_t len, char *out) {
  size_t from = 0;
  unsigned line = 1;
  out[0] = 0;
  for (size_t i = 0; i <= len; i++) {
    if (i < len && text[i] != '\n') continue;
    size_t end = i > from && text[i - 1] == '\r' ? i - 1 : i;
    bool blank = true;
    for (size_t k = from; k < end; k++) blank &= strchr(" \t\r", text[k]) != NULL;
    if (!blank)
      out += sprintf(out, "%zu:%u[%zu/%zu]%.*s|", from, line, end - from, end - from,
                     (int)(end - from), text + from);
    from = i + 1;
    line++;
  }
}
MR_TEST(random_texts_split_as_a_simple_splitter_does) {
  MR_UNUSED_STATE;
  struct mr_rng rng;
  char text[200], *out = malloc(1 << 16), *wanted = malloc(1 << 16);
  printf("seed 5\n");
  mr_rng_init(&rng, 5);
  for (int i = 0; i < 20000; i++) {
    size_t len = mr_rng_below(mr_rng_next(&rng), sizeof text);
    for (size_t k = 0; k < len; k++) text[k] = "ab \t\r\n\n{"[mr_rng_below(mr_rng_next(&rng), 8)];
    split_simply(text, len, wanted);
    split(text, len, 1 + mr_rng_below(mr_rng_next(&rng), 40), 200, i & 1, out);
    assert_string_equal(out, wanted);
  }
  free(out);
  free(wanted);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(lines_are_the_same_however_reads_cut_them),
    MR_CASE(carriage_returns_at_the_end_are_no_part_of_a_line),
    MR_CASE(the_last_line_may_lack_its_end),
    MR_CASE(blank_lines_are_skipped_and_keep_their_number),
    MR_CASE(an_empty_input_has_no_lines),
    MR_CASE(a_byte_order_mark_is_skipped_at_the_start_only),
    MR_CASE(a_line_of_exactly_the_limit_passes_and_one_byte_more_does_not),
    MR_CASE(of_a_long_line_the_first_4_KiB_are_kept_and_all_bytes_counted),
    MR_CASE(a_long_line_is_not_cut_inside_a_character),
    MR_CASE(positions_go_on_where_a_reader_starts_in_the_middle),
    MR_CASE(random_texts_split_as_a_simple_splitter_does),
};
MR_MAIN(cases)
