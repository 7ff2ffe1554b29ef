/* SPDX-License-Identifier: Apache-2.0 */
/* The template path and the general path give the same rows and the same verdicts: lines are made
 * from a few shapes and then damaged, and both decoders read the same text. */
#include "base/rng.h"
#include "rig.h"
#include "test.h"

#define LINES 600

struct maker {
  struct mr_rng rng;
  bool steady; /* lines that have all needed fields, and few of them damaged */
  char *text;
  size_t len;
};

static uint32_t below(struct maker *m, uint32_t n) {
  return mr_rng_below(mr_rng_next(&m->rng), n);
}
static const char *pick(struct maker *m, const char *const *list, uint32_t cnt) {
  return list[below(m, cnt)];
}
#define PICK(m, list) pick(m, list, sizeof(list) / sizeof((list)[0]))

static void put(struct maker *m, const char *s) {
  size_t n = strlen(s);
  memcpy(m->text + m->len, s, n);
  m->len += n;
}

static const char *const times[] = {"\"2025-10-13T00:17:02Z\"",
                                    "\"2025-10-13T00:17:59Z\"",
                                    "\"2025-10-13T00:18:00Z\"",
                                    "\"2025-10-13T00:17:02.5Z\"",
                                    "\"2025-10-13T00:17:60Z\"",
                                    "\"2025-10-13T00:17:02.123456789Z\"",
                                    "\"2025-10-13t00:17:02z\"",
                                    "\"2025-10-13 00:17:02+02:00\"",
                                    "\"2025-02-29T00:17:02Z\"",
                                    "\"2025-10-13T00:17:0:Z\"",
                                    "\"2025-10-13T24:17:02Z\"",
                                    "\"2025-10-13T00:17:02\"",
                                    "\"2025-10-13T00\\u003a17:02Z\"",
                                    "\"0000-10-13T00:17:02Z\"",
                                    "1",
                                    "null",
                                    "\"\"",
                                    "\"2025-10-13T00:17:02Z",
                                    "\"2025-10-13T00:17:02Z\"\"",
                                    "\"9999-12-31T23:59:59Z\""};
static const char *const strings[] = {
    "\"\"",
    "\"short\"",
    "\"exactly12byt\"",
    "\"thirteen byte\"",
    "\"a string that has more than sixty-four bytes, so that it takes several looks to its end\"",
    "\"tab\\there\"",
    "\"quote\\\"\"",
    "\"slash\\\\\"",
    "\"\\u00e4\\u20ac\"",
    "\"\\ud83d\\ude00!\"",
    "\"\\ud83d\"",
    "\"\\ude00\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ud83dx\"",
    "\"\\u12g4\"",
    "\"\\x\"",
    "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
    "\"\xc3\"",
    "\"\xed\xa0\x80\"",
    "\"\xc0\x80\"",
    "\"a\x01\"",
    "\"\\u0000\"",
    "null",
    "7",
    "[\"x\"]",
    "\"\x7f\"",
    "\"fifteen bytes!!\\n\"",
    "\"a longer string with an \\u00e9scape in it\""};
static const char *const codes[] = {"\"low\"",
                                    "\"medium\"",
                                    "\"high\"",
                                    "\"critical\"",
                                    "\"\xc3\xbcnder\"",
                                    "\"\\u00fcnder\"",
                                    "\"lo\"",
                                    "\"lows\"",
                                    "\"LOW\"",
                                    "\"criticalx",
                                    "\"\"",
                                    "\"a text of more than fifteen bytes\"",
                                    "\"a text of more than fifteen bytez\"",
                                    "null",
                                    "1",
                                    "\"l\\u006fw\""};
static const char *const numbers[] = {"0",
                                      "-0",
                                      "1",
                                      "-1",
                                      "42",
                                      "12345678",
                                      "123456789012345678",
                                      "1234567890123456789",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "-9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551615",
                                      "18446744073709551616",
                                      "123456789012345678901234567890",
                                      "01",
                                      "-",
                                      "+1",
                                      "1.",
                                      ".5",
                                      "0.5",
                                      "-0.0",
                                      "1.5",
                                      "3.14159265358979",
                                      "2.2250738585072014e-308",
                                      "1e3",
                                      "1E+3",
                                      "1e-3",
                                      "1e",
                                      "1e+",
                                      "1e308",
                                      "1e309",
                                      "1e400",
                                      "-1e400",
                                      "1e-400",
                                      "0e999999",
                                      "123.456e-7",
                                      "4.35",
                                      "0.1",
                                      "9007199254740993",
                                      "9007199254740993.0",
                                      "1.7976931348623157e308",
                                      "1.7976931348623159e308",
                                      "0.30000000000000004",
                                      "179769313486231570000000000000000000e273",
                                      "5e-324",
                                      "1x",
                                      "NaN",
                                      "Infinity",
                                      "0x10",
                                      "1_0",
                                      "00",
                                      "-01",
                                      "0.",
                                      "true",
                                      "\"1\"",
                                      "null"};
static const char *const bools[] = {"true", "false", "null",     "tru",
                                    "True", "1",     "\"true\"", "falsey"};
static const char *const stamps[] = {"1760314622000",
                                     "0",
                                     "-62135596800000",
                                     "253402300799999",
                                     "-62135596800001",
                                     "253402300800000",
                                     "1.5",
                                     "null",
                                     "9223372036854775807"};
static const char *const patterns[] = {
    "\"2025-10-13 00:17:02\"", "null", "\"2024-02-29 23:59:59\"", "null", "\"2025-10-13T00:17:02\"",
    "\"2025-13-13 00:17:02\"", "5"};
static const char *const spans[] = {"\"1h2m3.5s\"", "\"-1s\"",       "\"0s\"", "\"1us\"",
                                    "\"1ns\"",      "\"1\"",         "\"\"",   "null",
                                    "12",           "\"1h\\u0032m\""};
static const char *const lists[] = {
    "[]",      "[1,2,3]", "[ 1 , null ]",          "[-7]", "[1.5]", "[\"x\"]", "null",
    "[1,[2]]", "[1,]",    "[9223372036854775808]", "{}",   "[1 2]"};
static const char *const text_lists[] = {"[]",        "[\"a\",\"\\u00e4\"]",
                                         "[null]",    "null",
                                         "[1]",       "[\"more than twelve bytes\",\"x\",null]",
                                         "[\"\xff\"]"};
static const char *const code_lists[] = {"[]",   "[\"low\",\"high\"]", "[null,\"critical\"]",
                                         "null", "[\"nope\"]",         "[\"low\",]"};
static const char *const anything[] = {"1",
                                       "\"x\"",
                                       "null",
                                       "true",
                                       "1e400",
                                       "{\"a\":[1,{\"b\":null}]}",
                                       "[[[]]]",
                                       "[tru]",
                                       "{\"a\" 1}",
                                       "\"\\ud800\"",
                                       "123456789012345678901234567890",
                                       "-",
                                       "{}",
                                       "[1e999]",
                                       "{\"t\":5}",
                                       "{,}",
                                       "[,]",
                                       "[1,,2]",
                                       "{\"a\":1,}",
                                       "{a:1}",
                                       "nul",
                                       "\"\\q\"",
                                       "[\"\xff\"]"};

static const char *const any_times[] = {"\"2025-10-13T00:17:02Z\"",
                                        "\"2025-10-13 00:17:02\"",
                                        "1760314622123",
                                        "1760314622",
                                        "\"2025-10-13T00:17:02.5+02:00\"",
                                        "null",
                                        "253402300799",
                                        "253402300800",
                                        "253402300800000",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "1.5",
                                        "\"2025-10-13\"",
                                        "\"1760314622\"",
                                        "\"2025-10-13T00\\u003a17:02Z\"",
                                        "true",
                                        "[]"};

#define LIST(list) list, sizeof(list) / sizeof((list)[0])
static const struct {
  const char *name;
  const char *const *values; /* the first four are good */
  uint32_t cnt;
} makers[] = {{"t", LIST(times)},         {"s", LIST(strings)},     {"e", LIST(codes)},
              {"i", LIST(numbers)},       {"d", LIST(numbers)},     {"b", LIST(bools)},
              {"ms", LIST(stamps)},       {"p", LIST(patterns)},    {"du", LIST(spans)},
              {"li", LIST(lists)},        {"ls", LIST(text_lists)}, {"le", LIST(code_lists)},
              {"unread", LIST(anything)}, {"def", LIST(numbers)},   {"sdef", LIST(strings)},
              {"other", LIST(anything)},  {"xy", LIST(anything)},   {"te", LIST(codes)},
              {"tt", LIST(any_times)},    {"tt2", LIST(any_times)}, {"tt3", LIST(any_times)},
              {"n1", LIST(any_times)},    {"tn", LIST(any_times)}};
#define MAKERS (sizeof makers / sizeof makers[0])
/* Fields that a steady line has; from times by pattern to lists: those that it has not. */
enum { STEADY = 7, P = 7, LE = 11 };

struct shape {
  uint32_t cnt, fields[12];
  const char *colon, *comma, *open, *close;
};

static void shuffle(struct maker *m, uint32_t *list, uint32_t cnt) {
  for (uint32_t i = cnt - 1; i; i--) {
    uint32_t k = below(m, i + 1), swap = list[i];
    list[i] = list[k];
    list[k] = swap;
  }
}

static void make_shape(struct maker *m, struct shape *s) {
  static const char *const colons[] = {":", ": ", " : ", ":\t"};
  static const char *const commas[] = {",", ", ", " ,", ",  "};
  static const char *const opens[] = {"{", "{ ", " {", "\t{"};
  static const char *const closes[] = {"}", " }", "} ", "}\t\r"};
  uint32_t order[MAKERS], cnt = 0;
  for (uint32_t i = 0; i < MAKERS; i++)
    if (!m->steady || i < P || i > LE) order[cnt++] = i;
  s->cnt = m->steady ? STEADY + below(m, 4) : 1 + below(m, 11);
  if (!m->steady) shuffle(m, order, cnt);
  if (m->steady) shuffle(m, order + STEADY, cnt - STEADY);
  if (m->steady) shuffle(m, order, s->cnt);
  for (uint32_t i = 0; i < s->cnt; i++) s->fields[i] = order[i];
  uint32_t place = below(m, s->cnt);
  if (!m->steady && below(m, 8)) s->fields[place] = 0; /* mostly with a time */
  place = below(m, s->cnt);
  if (!m->steady && !below(m, 8)) s->fields[place] = s->fields[0]; /* maybe one twice */
  bool plain = below(m, 2);
  s->colon = plain ? ":" : PICK(m, colons);
  s->comma = plain ? "," : PICK(m, commas);
  s->open = plain ? "{" : PICK(m, opens);
  s->close = plain ? "}" : PICK(m, closes);
}

/* One line; `calm` of 16 values are the first of their lists. */
static void make_line(struct maker *m, const struct shape *s, uint32_t calm) {
  put(m, s->open);
  for (uint32_t i = 0; i < s->cnt; i++) {
    uint32_t k = s->fields[i];
    if (i) put(m, s->comma);
    put(m, "\"");
    put(m, makers[k].name);
    put(m, "\"");
    put(m, s->colon);
    uint32_t v = below(m, 16) < calm ? below(m, k == 5 ? 3 : 4) : below(m, makers[k].cnt);
    put(m, makers[k].values[v]);
  }
  put(m, s->close);
}

/* Changes a few bytes of the line that begins at `from`. */
static void damage(struct maker *m, size_t from) {
  for (uint32_t n = below(m, 3); n; n--) {
    if (m->len == from) return;
    char *p = m->text + from + below(m, (uint32_t)(m->len - from));
    switch (below(m, 4)) {
    case 0: *p = (char)below(m, 256); break;
    case 1: *p = "\"\\{}[],:0 -e.\0"[below(m, 14)]; break;
    case 2:
      memmove(p, p + 1, (size_t)(m->text + m->len - p - 1));
      m->len--;
      break;
    default:
      memmove(p + 1, p, (size_t)(m->text + m->len - p));
      m->len++;
      break;
    }
  }
}

static void make_text(struct maker *m) {
  static const char *const ends[] = {"\n", "\n", "\n", "\r\n", "\n\n", "\n \t\r\n"};
  struct shape shapes[3];
  bool easy = below(m, 2);
  uint32_t shape_cnt = easy ? 1 : 1 + below(m, 3), calm = easy ? 16 : 13 + below(m, 4);
  uint32_t hurt = 2 + below(m, m->steady ? 300 : 30);
  const char *end = m->steady ? PICK(m, ends) : NULL;
  for (uint32_t i = 0; i < shape_cnt; i++) make_shape(m, &shapes[i]);
  m->len = 0;
  if (!below(m, 8)) put(m, "\xef\xbb\xbf");
  for (uint32_t i = 0; i < LINES; i++) {
    size_t from = m->len;
    make_line(m, &shapes[below(m, shape_cnt)], calm);
    if (!below(m, hurt)) damage(m, from);
    if (i + 1 < LINES || below(m, 2)) put(m, end ? end : PICK(m, ends));
  }
}

/* Texts that are told apart by their first bytes. */
static const char *const few_texts[] = {"low", "medium", "high", "critical"};
static const uint32_t few_lens[] = {3, 6, 4, 8};
static const struct mr_enum few_codes = {4, few_texts, few_lens, NULL};

enum options { DECLARED = 1, RAW = 2, KEEP = 4, FEW_CODES = 8, ONLY_STEADY = 16 };

static struct rig *open_rig(bool general, uint32_t options, enum mr_isa isa) {
  struct rig *r = calloc(1, sizeof *r);
  rig_fields(r);
  r->conf.general_only = general;
  r->conf.check_declared = options & DECLARED;
  r->conf.missing_time_keep = options & KEEP;
  r->conf.raw_col = options & RAW ? RIG_RAW : -1;
  r->conf.isa = isa;
  if (options & FEW_CODES) r->fields[RIG_E].codes = &few_codes;
  for (int i = RIG_P; i < RIG_RAW && options & ONLY_STEADY; i++) r->json_fields[i].needed = false;
  rig_open(r, 16, 2);
  return r;
}

/* Shows the first line that differs, and the line of the text that it came from. */
static void show_difference(const char *a, const char *b, const char *text) {
  const char *line_a = a, *line_b = b;
  for (; *a && *a == *b; a++, b++)
    if (*a == '\n') line_a = a + 1, line_b = b + 1;
  unsigned long long pos = 0;
  sscanf(line_a, "@%llu", &pos);
  printf("general: %.*s\nboth:    %.*s\nline:    %.*s\n", (int)strcspn(line_a, "\n"), line_a,
         (int)strcspn(line_b, "\n"), line_b, (int)strcspn(text + pos, "\n"), text + pos);
}

/* lines_wanted lines through both paths. */
static void compare(uint64_t seed, uint32_t lines_wanted, uint32_t options, enum mr_isa isa) {
  struct rig *general = open_rig(true, options, isa), *both = open_rig(false, options, isa);
  struct maker m = {.text = calloc(1, 1 << 21), .steady = options & ONLY_STEADY};
  uint64_t lines = 0, rows = 0;
  printf("seed %llu, %s\n", (unsigned long long)seed, mr_isa_name(isa));
  mr_rng_init(&m.rng, seed);
  while (lines < lines_wanted) {
    make_text(&m);
    m.text[m.len] = 0;
    size_t chunk = below(&m, 3) ? 1u << 19 : 1 + below(&m, 300);
    uint32_t row_max = below(&m, 3) ? MR_BATCH_ROWS : 1 + below(&m, 70);
    rig_run(general, m.text, m.len, 1u << 19, MR_BATCH_ROWS);
    rig_run(both, m.text, m.len, chunk, row_max);
    /* a bad line ends a batch in the rig, so the texts are the same */
    if (strcmp(general->out, both->out) != 0) show_difference(general->out, both->out, m.text);
    assert_int_equal(strcmp(general->out, both->out), 0);
    lines += general->rows + general->bad;
    rows += general->rows;
  }
  const struct mr_json_counts *n = mr_json_counts(both->json);
  printf("%llu lines: %llu rows, %llu by templates, %llu templates learned\n",
         (unsigned long long)lines, (unsigned long long)rows, (unsigned long long)n->template_rows,
         (unsigned long long)n->learned);
  assert_true(n->template_rows > rows / 16);
  if (options & ONLY_STEADY)
    assert_true(n->template_rows > rows / 4);
  else
    assert_true(rows > lines / 10 && rows < lines - lines / 10);
  free(m.text);
  rig_close(general);
  rig_close(both);
  free(general);
  free(both);
}

/* Once per level that the machine has, with other lines. */
static void compare_levels(uint64_t seed, uint32_t lines, uint32_t options) {
  for (uint32_t isa = MR_ISA_V2; isa <= (uint32_t)mr_isa_detect(); isa++)
    compare(seed + 10 * isa, lines, options, (enum mr_isa)isa);
}

MR_TEST(both_paths_agree_on_damaged_lines) {
  MR_UNUSED_STATE;
  compare_levels(1, 60000, 0);
}
MR_TEST(both_paths_agree_when_all_declared_fields_are_checked) {
  MR_UNUSED_STATE;
  compare_levels(2, 30000, DECLARED | FEW_CODES);
}
MR_TEST(both_paths_agree_with_the_raw_column_and_rows_without_time) {
  MR_UNUSED_STATE;
  compare_levels(3, 30000, RAW | KEEP);
}
MR_TEST(both_paths_agree_on_lines_that_are_taken_together) {
  MR_UNUSED_STATE;
  compare_levels(4, 60000, ONLY_STEADY);
  compare_levels(5, 60000, ONLY_STEADY | FEW_CODES);
  compare_levels(6, 20000, ONLY_STEADY | FEW_CODES | RAW);
}

int main(int argc, char **argv) {
  if (argc > 1) { /* a seed of one's own: test_json_paths SEED [LINES [OPTIONS]] */
    compare_levels(strtoull(argv[1], NULL, 0), argc > 2 ? (uint32_t)atoi(argv[2]) : 1000000u,
                   argc > 3 ? (uint32_t)atoi(argv[3]) : 0);
    return 0;
  }
  const struct CMUnitTest cases[] = {
      MR_CASE(both_paths_agree_on_damaged_lines),
      MR_CASE(both_paths_agree_when_all_declared_fields_are_checked),
      MR_CASE(both_paths_agree_with_the_raw_column_and_rows_without_time),
      MR_CASE(both_paths_agree_on_lines_that_are_taken_together)};
  return cmocka_run_group_tests(cases, NULL, NULL);
}
