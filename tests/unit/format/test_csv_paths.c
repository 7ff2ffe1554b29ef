/* SPDX-License-Identifier: Apache-2.0 */
/* Rows taken together and rows taken one by one give the same values and the same verdicts: texts
 * are made from good cells, then damaged, and both decoders read the same text, one of them in
 * pieces of any size. */
#include "base/rng.h"
#include "rig.h"
#include "test.h"

struct maker {
  struct mr_rng rng;
  struct mr_decode_csv csv;
  char *text;
  size_t len;
};

static uint32_t below(struct maker *m, uint32_t n) {
  return mr_rng_below(mr_rng_next(&m->rng), n);
}
#define PICK(m, list) (list)[below(m, sizeof(list) / sizeof((list)[0]))]

static void put_n(struct maker *m, const char *s, size_t n) {
  memcpy(m->text + m->len, s, n);
  m->len += n;
}
static void put(struct maker *m, const char *s) {
  put_n(m, s, strlen(s));
}

/* The first of each list are good. */
static const char *const times[] = {"2025-10-13T00:17:02Z",        "2025-10-13T00:17:59Z",
                                    "2025-10-13T23:59:59.123Z",    "2025-10-14T00:17:02.123456Z",
                                    "2025-10-13 00:17:02.5Z",      "2025-10-13T00:17:02+02:00",
                                    "2025-10-13t00:17:02z",        "",
                                    "2025-10-13T24:17:02Z",        "2025-10-13T00:17:02",
                                    "2025-10-13T00:17:0:Z",        "2025-10-13T00:17:02.12aZ",
                                    "2025-10-13T00:17:02.12345aZ", "2025-02-29T00:17:02Z"};
static const char *const strings[] = {"",
                                      "short",
                                      "exactly12byt",
                                      "thirteen byte",
                                      ("a text that has more than sixty-four bytes, so that it "
                                       "takes several looks to its end"),
                                      "a, b",
                                      "two\nlines",
                                      "a\r\nb\rc",
                                      "say \"hello\"",
                                      "\"",
                                      "5\" pipe",
                                      "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                      " blanks\t",
                                      "'a'",
                                      "\x01\x7f",
                                      "\xff",
                                      "\xed\xa0\x80"};
static const char *const codes[] = {"low",
                                    "medium",
                                    "high",
                                    "critical",
                                    "\xc3\xbcnder",
                                    "a text of more than fifteen bytes",
                                    "",
                                    "lo",
                                    "LOW",
                                    "a text of more than fifteen bytez"};
static const char *const numbers[] = {"0",
                                      "7",
                                      "-42",
                                      "12345678",
                                      "123456789012",
                                      "1234567890123456",
                                      "1234567890123456789",
                                      "-9223372036854775808",
                                      "",
                                      "+1",
                                      "007",
                                      "9223372036854775808",
                                      "1.5",
                                      "-0.0",
                                      "3.14159265358979",
                                      "1e3",
                                      "1e400",
                                      "-",
                                      "1 ",
                                      "12345x78",
                                      "/1",
                                      ":"};
static const char *const bools[] = {"true", "false", "", "TRUE", "False", "truE", "tru", "1"};
static const char *const stamps[] = {"1760314622123", "0", "-1", "", "253402300800000", "1.5"};
static const char *const patterns[] = {
    "2025-10-13 00:17:02",   "2025-10-13 23:59:59", "",
    "2024-02-29 23:59:59",   "2025-10-13 24:00:00", "2025-10-13T00:17:02",
    "2025-10-13 00:17:02.5", "2025-13-13 00:17:02", "x"};
static const char *const spans[] = {"1h2m3.5s", "7us", "", "soon"};
static const char *const any_times[] = {
    "2025-10-13T00:17:02Z", "2025-10-13 00:17:02", "1760314622123", "1760314622", "",
    "253402300799",         "9223372036854775807", "2025-10-13"};

#define LIST(list) list, sizeof(list) / sizeof((list)[0])
static const struct {
  const char *name;
  const char *const *values;
  uint32_t cnt, good; /* the first `good` of them are good */
} makers[] = {{"t", LIST(times), 4},        {"s", LIST(strings), 5},   {"e", LIST(codes), 6},
              {"i", LIST(numbers), 8},      {"d", LIST(numbers), 8},   {"b", LIST(bools), 2},
              {"ms", LIST(stamps), 3},      {"p", LIST(patterns), 2},  {"du", LIST(spans), 2},
              {"li", LIST(numbers), 8},     {"ls", LIST(strings), 5},  {"le", LIST(codes), 6},
              {"unread", LIST(numbers), 8}, {"def", LIST(numbers), 8}, {"sdef", LIST(strings), 5},
              {"tt", LIST(any_times), 4},   {"tn", LIST(patterns), 2}, {"tt2", LIST(any_times), 4},
              {"other", LIST(strings), 5},  {"s", LIST(strings), 5}};
#define MAKERS (sizeof makers / sizeof makers[0])

/* A cell as writers write it: in quotes where it must be, or where `all` says so. */
static void put_cell(struct maker *m, const char *s, bool all) {
  const char signs[] = {m->csv.delimiter, '\n', '\r', m->csv.quote, 0};
  if (!m->csv.quote || (!all && !s[strcspn(s, signs)] && (*s || below(m, 4)))) {
    put(m, s);
    return;
  }
  put_n(m, &m->csv.quote, 1);
  for (; *s; s++) {
    put_n(m, s, 1);
    if (*s == m->csv.quote) put_n(m, s, 1);
  }
  put_n(m, &m->csv.quote, 1);
}

/* Changes a few bytes of the row that begins at `from`. */
static void damage(struct maker *m, size_t from) {
  for (uint32_t n = 1 + below(m, 2); n; n--) {
    if (m->len == from) return;
    char *p = m->text + from + below(m, (uint32_t)(m->len - from));
    switch (below(m, 4)) {
    case 0: *p = (char)below(m, 256); break;
    case 1: *p = "\"\",;'\n\r\0\xc3"[below(m, 9)]; break;
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

static void make_text(struct maker *m, bool header, uint32_t rows) {
  static const char *const ends[] = {"\n", "\n", "\r\n", "\r"};
  static const char *const blanks[] = {"", " ", " \t "};
  uint32_t fields[RIG_RAW], cnt = header ? 1 + below(m, 9) : RIG_RAW;
  bool all = below(m, 4) == 0;
  const char *end = PICK(m, ends);
  uint32_t calm = 10 + below(m, 7), hurt = 3 + below(m, 200);
  for (uint32_t i = 0; i < cnt; i++) fields[i] = header ? below(m, MAKERS) : i;
  if (header && below(m, 8)) fields[below(m, cnt)] = 0;
  m->len = 0;
  if (!below(m, 8)) put(m, "\xef\xbb\xbf");
  for (uint32_t i = 0; i < cnt && header; i++) {
    if (i) put_n(m, &m->csv.delimiter, 1);
    put_cell(m, makers[fields[i]].name, all);
  }
  if (header) put(m, end);
  for (uint32_t row = 0; row < rows; row++) {
    size_t from = m->len;
    for (uint32_t i = 0; i < cnt; i++) {
      uint32_t k = fields[i];
      uint32_t v = below(m, 16) < calm ? below(m, makers[k].good) : below(m, makers[k].cnt);
      if (i) put_n(m, &m->csv.delimiter, 1);
      put_cell(m, makers[k].values[v], all);
    }
    if (!below(m, hurt)) damage(m, from);
    if (below(m, 50))
      put(m, end);
    else
      put(m, PICK(m, ends));
    if (!below(m, 40)) put(m, PICK(m, blanks));
    if (!below(m, 40)) put(m, end);
  }
  if (below(m, 2) && m->len) m->len--;
}

enum options { DECLARED = 1, RAW = 2, KEEP = 4, SHORT = 8 };

static struct rig *open_rig(struct maker *m, bool general, uint32_t options, enum mr_isa isa) {
  struct rig *r = calloc(1, sizeof *r);
  rig_csv_fields(r);
  r->conf.csv = m->csv;
  r->conf.general_only = general;
  r->conf.check_declared = options & DECLARED;
  r->conf.missing_time_keep = options & KEEP;
  r->conf.raw_col = options & RAW ? RIG_RAW : -1;
  if (options & SHORT) r->conf.max_line = 60;
  r->conf.isa = isa;
  rig_open(r, 16, 2);
  return r;
}

/* Shows the first line that differs, and the row of the text that it came from. */
static void show_difference(const char *a, const char *b, const char *text) {
  const char *line_a = a, *line_b = b;
  for (; *a && *a == *b; a++, b++)
    if (*a == '\n') line_a = a + 1, line_b = b + 1;
  unsigned long long pos = 0;
  sscanf(line_a, "@%llu", &pos);
  printf("single: %.*s\ngroup:  %.*s\nrow:    %.*s\n", (int)strcspn(line_a, "\n"), line_a,
         (int)strcspn(line_b, "\n"), line_b, (int)strcspn(text + pos, "\n"), text + pos);
}

static void compare(uint64_t seed, uint32_t texts, uint32_t options, enum mr_isa isa) {
  static const char delimiters[] = {',', ',', ';', '\t', '|', ' '};
  static const char quotes[] = {'"', '"', '"', '\''};
  struct maker m = {.text = calloc(1, 1 << 21)};
  uint64_t lines = 0, rows = 0, grouped = 0;
  printf("seed %llu, %s\n", (unsigned long long)seed, mr_isa_name(isa));
  mr_rng_init(&m.rng, seed);
  for (uint32_t n = 0; n < texts; n++) {
    bool header = options & RAW || below(&m, 4);
    m.csv = (struct mr_decode_csv){header, PICK(&m, delimiters), PICK(&m, quotes)};
    if (!below(&m, 8)) m.csv.quote = 0;
    struct rig *single = open_rig(&m, true, options, isa);
    struct rig *both = open_rig(&m, false, options, isa);
    make_text(&m, header, 1 + below(&m, 1500));
    m.text[m.len] = 0;
    size_t chunk = below(&m, 3) ? 1u << 19 : 1 + below(&m, 300);
    rig_run(single, m.text, m.len, 1u << 19, MR_BATCH_ROWS);
    rig_run(both, m.text, m.len, chunk, below(&m, 3) ? MR_BATCH_ROWS : 1 + below(&m, 90));
    if (strcmp(single->out, both->out) != 0) show_difference(single->out, both->out, m.text);
    assert_int_equal(strcmp(single->out, both->out), 0);
    lines += single->rows + single->bad;
    rows += single->rows;
    grouped += mr_csv_counts(both->csv)->group_rows;
    assert_int_equal(mr_csv_counts(single->csv)->group_rows, 0);
    rig_close(single);
    rig_close(both);
    free(single);
    free(both);
  }
  printf("%llu rows and bad ones: %llu rows, %llu together\n", (unsigned long long)lines,
         (unsigned long long)rows, (unsigned long long)grouped);
  assert_true(grouped > rows / 2);
  assert_true(rows > lines / 10 && rows < lines - lines / 10);
  free(m.text);
}

/* Once per level that the machine has, with other texts. */
static void compare_levels(uint64_t seed, uint32_t texts, uint32_t options) {
  for (uint32_t isa = MR_ISA_V2; isa <= (uint32_t)mr_isa_detect(); isa++)
    compare(seed + 10 * isa, texts, options, (enum mr_isa)isa);
}

MR_TEST(both_paths_agree_on_damaged_rows) {
  MR_UNUSED_STATE;
  compare_levels(1, 60, 0);
}
MR_TEST(both_paths_agree_when_all_declared_fields_are_checked) {
  MR_UNUSED_STATE;
  compare_levels(2, 40, DECLARED);
}
MR_TEST(both_paths_agree_with_the_raw_column_and_rows_without_time) {
  MR_UNUSED_STATE;
  compare_levels(3, 40, RAW | KEEP);
}
MR_TEST(both_paths_agree_on_rows_that_may_be_too_long) {
  MR_UNUSED_STATE;
  compare_levels(4, 40, SHORT | KEEP);
}

int main(int argc, char **argv) {
  if (argc > 1) { /* a seed of one's own: test_csv_paths SEED [TEXTS [OPTIONS]] */
    compare_levels(strtoull(argv[1], NULL, 0), argc > 2 ? (uint32_t)atoi(argv[2]) : 10000u,
                   argc > 3 ? (uint32_t)atoi(argv[3]) : 0);
    return 0;
  }
  const struct CMUnitTest cases[] = {
      MR_CASE(both_paths_agree_on_damaged_rows),
      MR_CASE(both_paths_agree_when_all_declared_fields_are_checked),
      MR_CASE(both_paths_agree_with_the_raw_column_and_rows_without_time),
      MR_CASE(both_paths_agree_on_rows_that_may_be_too_long)};
  return cmocka_run_group_tests(cases, NULL, NULL);
}
