/* SPDX-License-Identifier: Apache-2.0 */
/* enrich and the tables that it reads. */
#include <unistd.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "filter/sheet.h"
#include "op_rig.h"
#include "operators/operators.h"
#include "worker/solo.h"

static char dir[64];

static const char *write_file(const char *name, const char *text) {
  static char path[4][128];
  static int next;
  char *to = path[next++ % 4];
  snprintf(to, sizeof path[0], "%s/%s", dir, name);
  FILE *f = fopen(to, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
  return to;
}

/* ---- tables ---- */

struct table_test {
  struct mr_arena arena;
  struct mr_sheet table;
  struct mr_error err;
  int rc;
};

static void read_text(struct table_test *t, const char *name, const char *text) {
  memset(t, 0, sizeof *t);
  t->rc = mr_sheet_read(&t->arena, write_file(name, text), &t->table, &t->err);
}

static void cell_is(struct table_test *t, uint32_t column, uint32_t row, const char *want) {
  const char *text;
  uint32_t len;
  bool there = mr_sheet_text(&t->table.columns[column], row, &text, &len);
  assert_true(there == (want != NULL));
  if (!want) return;
  assert_int_equal(len, strlen(want));
  assert_memory_equal(text, want, len);
}

MR_TEST(csv_cells_may_be_quoted_and_span_lines) {
  MR_UNUSED_STATE;
  struct table_test t;
  read_text(&t, "a.csv",
            "\xef\xbb\xbfid,\"na,me\",note\r\n"
            "1,\"a \"\"b\"\", c\",plain \"quote\"\r\n"
            "\r\n"
            "2,\"two\nlines\",\n"
            "3,,last");
  assert_int_equal(t.rc, 0);
  assert_int_equal(t.table.column_cnt, 3);
  assert_string_equal(t.table.columns[1].name, "na,me");
  assert_int_equal(t.table.row_cnt, 3);
  cell_is(&t, 1, 0, "a \"b\", c");
  cell_is(&t, 2, 0, "plain \"quote\"");
  cell_is(&t, 1, 1, "two\nlines");
  cell_is(&t, 2, 1, "");
  cell_is(&t, 1, 2, "");
  cell_is(&t, 2, 2, "last");
  assert_int_equal(t.table.lines[0], 2);
  assert_int_equal(t.table.lines[1], 4);
  assert_int_equal(t.table.lines[2], 6);
  mr_arena_free(&t.arena);
}

MR_TEST(csv_columns_get_the_narrowest_type_that_holds_all_cells) {
  MR_UNUSED_STATE;
  struct table_test t;
  read_text(&t, "a.csv", "i,d,s,zip,e,big\n-5,1,x,007,,9223372036854775808\n,2.5e3,3,12,,1\n");
  assert_int_equal(t.rc, 0);
  static const enum mr_type want[] = {MR_TYPE_INT64,  MR_TYPE_DOUBLE, MR_TYPE_STRING,
                                      MR_TYPE_STRING, MR_TYPE_STRING, MR_TYPE_DOUBLE};
  for (int c = 0; c < 6; c++) assert_int_equal(t.table.columns[c].type, want[c]);
  int64_t i;
  double d;
  assert_true(mr_sheet_int64(&t.table.columns[0], 0, &i) && i == -5);
  assert_false(mr_sheet_int64(&t.table.columns[0], 1, &i));
  assert_true(mr_sheet_double(&t.table.columns[1], 1, &d) && d == 2500);
  cell_is(&t, 4, 0, "");
  mr_arena_free(&t.arena);
}

MR_TEST(ndjson_columns_are_the_keys_in_order_of_appearance) {
  MR_UNUSED_STATE;
  struct table_test t;
  read_text(&t, "a.ndjson",
            "{\"id\": 1, \"name\": \"a\\u00e9\\n\", \"x\": 1}\n\n"
            "{\"x\": 2.5, \"id\": 2, \"ok\": true, \"none\": null}\r\n");
  assert_int_equal(t.rc, 0);
  assert_int_equal(t.table.column_cnt, 5);
  assert_int_equal(t.table.row_cnt, 2);
  static const enum mr_type want[] = {MR_TYPE_INT64, MR_TYPE_STRING, MR_TYPE_DOUBLE, MR_TYPE_BOOL,
                                      MR_TYPE_STRING};
  for (int c = 0; c < 5; c++) assert_int_equal(t.table.columns[c].type, want[c]);
  cell_is(&t, 1, 0, "a\xc3\xa9\n");
  cell_is(&t, 1, 1, NULL);
  double d;
  assert_true(mr_sheet_double(&t.table.columns[2], 0, &d) && d == 1);
  assert_true(mr_sheet_double(&t.table.columns[2], 1, &d) && d == 2.5);
  assert_int_equal(t.table.lines[1], 3);
  mr_arena_free(&t.arena);
}

MR_TEST(tables_that_are_not_understood_are_refused_with_their_line) {
  MR_UNUSED_STATE;
  static const struct {
    const char *name, *text, *says;
  } cases[] = {
      {"a.csv", "", "a.csv is empty"},
      {"a.csv", "a,b\n1,2\n3\n", "a.csv:3: 1 cells; the header has 2"},
      {"a.csv", "a,b\n1,\"2\n3,4\n", "a.csv:2: a quote is not closed"},
      {"a.csv", "a,b\n1,\"2\"x\n", "a.csv:2: text behind a closing quote"},
      {"a.csv", "a,a\n1,2\n", "a.csv:1: the header has a twice"},
      {"a.csv", "a,b\n\xff,2\n", "a.csv is not valid UTF-8"},
      {"a.json", "{\"a\":1}\n{\"a\":\n", "a.json:2: not one well-formed JSON object"},
      {"a.json", "[1]\n", "a.json:1: not one well-formed JSON object"},
      {"a.json", "{\"a\":{}}\n", "a.json:1: a is no plain value"},
      {"a.json", "{\"a\":1}\n\n{\"a\":\"x\"}\n", "a.json:3: a is string here and int64 before"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct table_test t;
    read_text(&t, cases[i].name, cases[i].text);
    assert_int_equal(t.rc, MR_ERR_DATA);
    if (!strstr(t.err.text, cases[i].says)) fail_msg("%s", t.err.text);
    mr_arena_free(&t.arena);
  }
}

MR_TEST(a_file_without_a_telling_name_is_told_by_its_first_byte) {
  MR_UNUSED_STATE;
  struct table_test t;
  read_text(&t, "table", "\n {\"a\": 1}\n");
  assert_int_equal(t.rc, 0);
  assert_int_equal(t.table.columns[0].type, MR_TYPE_INT64);
  mr_arena_free(&t.arena);
  read_text(&t, "table", "a\nx\n");
  assert_int_equal(t.rc, 0);
  assert_int_equal(t.table.row_cnt, 1);
  mr_arena_free(&t.arena);
}

/* ---- the step ---- */

struct feed_row {
  int64_t k;
  bool null;
  const char *text;
  uint8_t code;
};

struct step_test {
  const struct feed_row *rows;
  uint32_t cnt, at, batch;
  char out[1 << 16];
  size_t len;
};

/* Columns: k int64 optional, s string, c one_of. */
static int32_t feed(void *ctx, struct mr_feed *to) {
  struct step_test *t = ctx;
  if (t->at == t->cnt) return -1;
  uint32_t n = 0;
  for (; n < t->batch && n < to->row_max && t->at < t->cnt; n++, t->at++) {
    const struct feed_row *row = &t->rows[t->at];
    if (row->null)
      mr_feed_null(to, 0, n);
    else
      mr_feed_int(to, 0, n, row->k);
    assert_true(mr_feed_str(to, 1, n, row->text, (uint32_t)strlen(row->text)));
    mr_feed_code(to, 2, n, row->code);
  }
  return (int32_t)n;
}

static void take(void *ctx, const char *node, const struct mr_schema *s, const uint8_t *base,
                 const struct mr_view *v) {
  struct step_test *t = ctx;
  uint64_t all[MR_BATCH_WORDS];
  const uint64_t *sel = mr_view_sel(v, all);
  (void)node;
  MR_BITMAP_EACH(sel, mr_bitmap_words(v->row_cnt), row) {
    assert_true(t->len < sizeof t->out - 1024);
    for (uint32_t c = 0; c < s->visible_cnt; c++) {
      if (c) t->out[t->len++] = '|';
      t->len += op_put_value(&s->fields[c], v, c, row, base, t->out + t->len);
    }
    t->out[t->len++] = '\n';
  }
  t->out[t->len] = '\0';
}

static const struct mr_op *const step_ops[] = {&mr_op_enrich, &mr_op_filter, NULL};
static const struct mr_op_table step_table = {step_ops};

static void run_step(struct step_test *t, const char *where, const char *options,
                     const struct feed_row *rows, uint32_t cnt, uint32_t batch) {
  char graph[1024];
  snprintf(graph, sizeof graph,
           "millrace: 1\ngraph: g\nsources:\n  in:\n    type: feed\n    fields:\n"
           "      k: { type: int64, optional: true }\n      s: string\n"
           "      c: { type: string, one_of: [red, green, blue] }\n"
           "steps:\n  some: { type: filter, from: in, where: \"%s\" }\n"
           "  e: { type: enrich, from: some, %s }\n"
           "sinks:\n  out: { type: take, from: e }\n",
           where, options);
  *t = (struct step_test){.rows = rows, .cnt = cnt, .batch = batch};
  struct mr_solo_conf conf = {.ops = &step_table,
                              .graph = graph,
                              .feed = feed,
                              .take = take,
                              .ctx = t,
                              .isa = mr_isa_detect()};
  struct mr_error err;
  struct mr_solo *solo = mr_solo_open(&conf, &err);
  if (!solo) fail_msg("%s", err.text);
  assert_true(mr_solo_run(solo, 100));
  mr_solo_close(solo);
}

static const struct feed_row few[] = {
    {7, false, "x", 0},         {-3, false, "a long text beyond twelve bytes", 1},
    {0, true, "", 2},           {8, false, "zz", 2},
    {INT64_MIN, false, "x", 1},
};

MR_TEST(rows_get_the_tables_columns_by_a_number) {
  MR_UNUSED_STATE;
  struct step_test t;
  char options[256];
  snprintf(options, sizeof options, "table: %s, key: k",
           write_file("n.csv", "name,k,weight\nseven,7,1.5\nminus three or so,-3,\nfive,5,2\n"));
  run_step(&t, "true", options, few, 5, 3);
  assert_string_equal(t.out, "7|x|red|seven|1.5\n"
                             "-3|a long text beyond twelve bytes|green|minus three or so|NULL\n"
                             "NULL||blue|NULL|NULL\n"
                             "8|zz|blue|NULL|NULL\n"
                             "-9223372036854775808|x|green|NULL|NULL\n");
  /* keys too far apart for an array */
  snprintf(options, sizeof options, "table: %s, key: k, fields: weight",
           write_file("f.csv", "name,k,weight\nseven,7,15\nleast,-9223372036854775808,4\n"));
  run_step(&t, "true", options, few, 5, 1024);
  assert_string_equal(t.out, "7|x|red|15\n"
                             "-3|a long text beyond twelve bytes|green|NULL\n"
                             "NULL||blue|NULL\n"
                             "8|zz|blue|NULL\n"
                             "-9223372036854775808|x|green|4\n");
}

MR_TEST(rows_get_the_tables_columns_by_a_text) {
  MR_UNUSED_STATE;
  struct step_test t;
  char options[256];
  snprintf(options, sizeof options, "table: %s, key: s, fields: [ok, n]",
           write_file("s.ndjson", "{\"s\":\"x\",\"n\":1,\"ok\":true}\n"
                                  "{\"s\":\"a long text beyond twelve bytes\",\"n\":2}\n"
                                  "{\"s\":\"\",\"ok\":false}\n"));
  run_step(&t, "true", options, few, 5, 2);
  assert_string_equal(t.out, "7|x|red|1|1\n"
                             "-3|a long text beyond twelve bytes|green|NULL|2\n"
                             "NULL||blue|0|NULL\n"
                             "8|zz|blue|NULL|NULL\n"
                             "-9223372036854775808|x|green|1|1\n");
}

MR_TEST(rows_get_the_tables_columns_by_a_code) {
  MR_UNUSED_STATE;
  struct step_test t;
  char options[256];
  snprintf(options, sizeof options, "table: %s, key: c",
           write_file("c.csv", "c,hex\nblue,00f\nmauve,e0b0ff\nred,f00\n"));
  run_step(&t, "k > -5", options, few, 5, 1024);
  assert_string_equal(t.out, "7|x|red|f00\n"
                             "-3|a long text beyond twelve bytes|green|NULL\n"
                             "8|zz|blue|00f\n");
}

MR_TEST(random_tables_join_as_a_plain_search_does) {
  MR_UNUSED_STATE;
  for (uint64_t seed = 1; seed <= 40; seed++) {
    struct mr_rng rng;
    mr_rng_init(&rng, seed);
    uint32_t spread = seed % 2 ? 200 : 1u << 30, keys = 1 + (uint32_t)(mr_rng_next(&rng) % 60);
    int64_t key[64];
    static char csv[4096];
    size_t len = (size_t)sprintf(csv, "k,v\n");
    for (uint32_t i = 0; i < keys; i++) {
      bool again = true;
      while (again) {
        key[i] = (int64_t)(mr_rng_next(&rng) % spread) - 50;
        again = false;
        for (uint32_t j = 0; j < i; j++) again |= key[j] == key[i];
      }
      len += (size_t)sprintf(csv + len, "%lld,v%u\n", (long long)key[i], i);
    }
    static struct feed_row rows[500];
    static char want[1 << 16];
    size_t at = 0;
    for (uint32_t i = 0; i < 500; i++) {
      uint64_t r = mr_rng_next(&rng);
      int64_t k = r % 3 ? key[r % keys] : (int64_t)((r >> 8) % spread) - 50;
      rows[i] = (struct feed_row){k, false, "t", 0};
      uint32_t found = 0;
      while (found < keys && key[found] != k) found++;
      char value[16] = "NULL";
      if (found < keys) sprintf(value, "v%u", found);
      if (k > 0) at += (size_t)sprintf(want + at, "%lld|t|red|%s\n", (long long)k, value);
    }
    want[at] = '\0';
    struct step_test t;
    char options[256];
    snprintf(options, sizeof options, "table: %s, key: k", write_file("r.csv", csv));
    run_step(&t, "k > 0", options, rows, 500, 1 + (uint32_t)(seed * 37 % 300));
    if (strcmp(t.out, want)) fail_msg("seed %llu", (unsigned long long)seed);
  }
}

MR_TEST(wrong_options_and_tables_are_refused_with_their_place) {
  MR_UNUSED_STATE;
  static const struct mr_op *const list[] = {&mr_op_generate, &mr_op_enrich, &op_take_op, NULL};
  static const struct mr_op_table table = {list};
  static const struct {
    const char *csv, *options;
    int code;
    uint32_t line, col;
  } cases[] = {
      {"ad_id,c\n1,2\n", "key: ad_id, reload: 1s", 1006, 9, 5},
      {"ad,c\n1,2\n", "key: ad_id", 4011, 8, 10},
      {"ad_id,c\n1,2\n", "key: adid", 4011, 8, 10},
      {"ad_id,c\n1,2\n", "key: ad_id\n    fields: [d]", 4011, 9, 14},
      {"ad_id,c\nx,2\n", "key: ad_id", 4015, 7, 12},
      {"ad_id,c\n1,2\n1,3\n", "key: ad_id", 4015, 7, 12},
      {"ad_id,a b\n1,2\n", "key: ad_id", 1008, 7, 12},
      {"ad_id,page_id\n1,2\n", "key: ad_id", 1009, 7, 12},
      {"event_time,c\n1,2\n", "key: event_time", 1003, 8, 10},
      {"ad_id\n1,2\n", "key: ad_id", 4015, 7, 12},
      {NULL, "key: ad_id", 4013, 7, 12},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[1024];
    const char *path = cases[i].csv ? write_file("t.csv", cases[i].csv) : "/no/such/file.csv";
    snprintf(text, sizeof text,
             "millrace: 1\ngraph: g\nsources: { in: { type: generate, of: ysb } }\nsteps:\n  e:\n"
             "    type: enrich\n    table: %s\n    %s\n    from: in\n"
             "sinks: { out: { type: take, from: e } }\n",
             path, cases[i].options);
    struct op_rig rig;
    op_rig_plan(&rig, &table, text, NULL);
    assert_null(rig.plan);
    if (i) op_rig_says_at(&rig, cases[i].code, cases[i].line, cases[i].col);
    op_rig_free(&rig);
  }
}

MR_TEST(without_inputs_a_missing_table_is_no_error) {
  MR_UNUSED_STATE;
  static const struct mr_op *const list[] = {&mr_op_generate, &mr_op_enrich, &op_take_op, NULL};
  static const struct mr_op_table table = {list};
  struct mr_plan_conf conf = {.clock = -1, .no_inputs = true};
  struct op_rig rig;
  op_rig_plan(&rig, &table,
              "millrace: 1\ngraph: g\nsources: { in: { type: generate, of: ysb } }\n"
              "steps: { e: { type: enrich, from: in, table: /no/file.csv, key: ad_id, "
              "fields: [campaign] } }\nsinks: { out: { type: take, from: e } }\n",
              &conf);
  if (!rig.plan) fail_msg("%s", mr_diags_text(&rig.diags, &rig.arena, NULL));
  op_rig_free(&rig);
}

static int make_dir(void **state_) {
  MR_UNUSED_STATE;
  snprintf(dir, sizeof dir, "/tmp/test-enrich-XXXXXX");
  return mkdtemp(dir) ? 0 : 1;
}
static int drop_dir(void **state_) {
  MR_UNUSED_STATE;
  static const char *const names[] = {"a.csv", "a.json",   "a.ndjson", "table", "n.csv",
                                      "f.csv", "s.ndjson", "c.csv",    "r.csv", "t.csv"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    unlink(path);
  }
  return rmdir(dir);
}

int main(void) {
  static const struct CMUnitTest cases_all[] = {
      MR_CASE(csv_cells_may_be_quoted_and_span_lines),
      MR_CASE(csv_columns_get_the_narrowest_type_that_holds_all_cells),
      MR_CASE(ndjson_columns_are_the_keys_in_order_of_appearance),
      MR_CASE(tables_that_are_not_understood_are_refused_with_their_line),
      MR_CASE(a_file_without_a_telling_name_is_told_by_its_first_byte),
      MR_CASE(rows_get_the_tables_columns_by_a_number),
      MR_CASE(rows_get_the_tables_columns_by_a_text),
      MR_CASE(rows_get_the_tables_columns_by_a_code),
      MR_CASE(random_tables_join_as_a_plain_search_does),
      MR_CASE(wrong_options_and_tables_are_refused_with_their_place),
      MR_CASE(without_inputs_a_missing_table_is_no_error),
  };
  return cmocka_run_group_tests(cases_all, make_dir, drop_dir);
}
