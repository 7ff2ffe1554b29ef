/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/opt.h"

#include "base/error.h"
#include "base/limits.h"
#include "graph/interp.h"
#include "graph_test.h"

enum { EMIT_FINAL, EMIT_UPDATE, EMIT_COMPLETE };

struct window_conf {
  int kind;
  int64_t size_us, slide_us, offset_us;
};

struct clock_conf {
  int kind;
  int64_t start_us, step_us;
};

struct node_conf {
  bool poisson;
  int64_t count;
  uint64_t line_max;
  int64_t drain_ns, delay_us, lateness_us;
  double rate, skew, late;
  const char *path, *event;
  int emit;
  struct mr_opt_strings brokers, key;
  struct mr_opt_expr where;
  struct mr_opt_exprs select;
  struct window_conf window;
  struct clock_conf clock;
  const struct mr_tree *fields;
  bool count_given;
};

#define AT(member) MR_OPT_AT(struct node_conf, member)

static const char *const emit_words[] = {"final", "update", "complete", NULL};
static const char *const emit_later[] = {"changelog", NULL};
static const char *const clock_words[] = {"wall", NULL};

static const struct mr_opt window_opts[] = {
    {"tumbling", MR_OPT_DURATION_US, MR_OPT_AT(struct window_conf, size_us), .alt = 1, .min = 1000,
     .max = 1e15, .help = "windows side by side"},
    {"hopping", MR_OPT_DURATION_US, MR_OPT_AT(struct window_conf, size_us), .alt = 2, .min = 1000,
     .max = 1e15, .help = "windows that overlap"},
    {"session", MR_OPT_DURATION_US, MR_OPT_AT(struct window_conf, size_us), .alt = 3,
     .since = MR_OPT_LATER, .help = "windows of activity"},
    {"slide", MR_OPT_DURATION_US, MR_OPT_AT(struct window_conf, slide_us), .with = "hopping",
     .required = true, .help = "distance of two windows"},
    {"offset", MR_OPT_DURATION_US, MR_OPT_AT(struct window_conf, offset_us), .def = "0s",
     .help = "shift against the epoch"},
    MR_OPT_END};

static const struct mr_opt clock_opts[] = {
    {"start", MR_OPT_TIMESTAMP, MR_OPT_AT(struct clock_conf, start_us), .required = true,
     .help = "stamp of the first row"},
    {"step", MR_OPT_DURATION_US, MR_OPT_AT(struct clock_conf, step_us), .def = "1ms",
     .help = "distance of two stamps"},
    MR_OPT_END};

static const struct mr_opt node_opts[] = {
    {"poisson", MR_OPT_BOOL, AT(poisson), .def = "false", .help = "random gaps"},
    {"count", MR_OPT_INT64, AT(count), .def = "5", .min = 1, .max = 64, .unit = "rows",
     .given = MR_OPT_REF(struct node_conf, count_given), .help = "rows made"},
    {"max_line", MR_OPT_SIZE, AT(line_max), .def = "1MiB", .min = 64, .max = 1073741824,
     .help = "longest line"},
    {"drain_timeout", MR_OPT_DURATION_NS, AT(drain_ns), .def = "25s", .help = "time to drain"},
    {"delay", MR_OPT_DURATION_US, AT(delay_us), .help = "watermark delay"},
    {"allowed_lateness", MR_OPT_DURATION_US, AT(lateness_us), .def = "0s",
     .since = MR_OPT_DEFAULT_ONLY, .help = "time after closing"},
    {"rate", MR_OPT_RATE, AT(rate), .help = "rows per second"},
    {"skew", MR_OPT_DOUBLE, AT(skew), .min = 0, .max = 5, .help = "exponent"},
    {"late", MR_OPT_SHARE, AT(late), .help = "share of late rows"},
    {"path", MR_OPT_STRING, AT(path), .help = "file", .example = "in.ndjson"},
    {"event", MR_OPT_NAME, AT(event), .def = "any", .help = "declared event"},
    {"emit", MR_OPT_ENUM, AT(emit), .words = emit_words, .words_later = emit_later,
     .help = "what comes out when"},
    {"brokers", MR_OPT_STRINGS, AT(brokers), .def = "localhost:9092", .help = "addresses"},
    {"key", MR_OPT_NAMES, AT(key), .help = "columns"},
    {"where", MR_OPT_EXPR, AT(where), .def = "true", .help = "condition"},
    {"select", MR_OPT_EXPRS, AT(select), .help = "columns that come out"},
    {"window", MR_OPT_UNION, AT(window), .sub = window_opts,
     .kind = MR_OPT_REF(struct node_conf, window.kind), .help = "windows"},
    {"clock", MR_OPT_TABLE, AT(clock), .sub = clock_opts, .words = clock_words, .def = "wall",
     .kind = MR_OPT_REF(struct node_conf, clock.kind), .help = "stamps"},
    {"fields", MR_OPT_RAW, AT(fields), .help = "columns inline"},
    {"follow", MR_OPT_BOOL, AT(poisson), .since = MR_OPT_LATER, .help = "read on"},
    MR_OPT_END};

/* Reads steps.n of a file with one node; the options stand in text. */
static int read_node(struct graph_test *t, struct node_conf *conf, const char *text) {
  graph_load(t, text);
  assert_int_equal(t->diags.error_cnt, 0);
  struct mr_opt_reader rd = {&t->arena, &t->diags, "type demo"};
  *conf = (struct node_conf){0};
  return mr_opt_read_one(&rd, mr_tree_find(t->root, "steps.n"), node_opts, conf);
}

static void assert_refused(const char *option, int code, uint32_t col, const char *part) {
  struct graph_test t;
  struct node_conf conf;
  char text[1024];
  snprintf(text, sizeof text, "steps:\n  n:\n    %s\n", option);
  assert_int_equal(read_node(&t, &conf, text), MR_ERR_CONF);
  assert_int_equal(t.diags.error_cnt, 1);
  graph_says_at(&t, code, 3, col);
  const char *out = mr_diags_text(&t.diags, &t.arena, NULL);
  if (!strstr(out, part)) fail_msg("no \"%s\" in:\n%s", part, out);
  graph_free(&t);
}

MR_TEST(the_tables_of_this_test_are_valid) {
  MR_UNUSED_STATE;
  const char *why = NULL;
  uint32_t idx = 0;
  if (!mr_opt_table_valid(node_opts, &why, &idx)) fail_msg("%s: %s", node_opts[idx].name, why);
}

MR_TEST(absent_options_get_their_defaults) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct node_conf c;
  assert_int_equal(read_node(&t, &c, "steps:\n  n: {}\n"), 0);
  assert_false(c.poisson);
  assert_int_equal(c.count, 5);
  assert_false(c.count_given);
  assert_int_equal(c.line_max, 1 << 20);
  assert_int_equal(c.drain_ns, 25000000000);
  assert_int_equal(c.delay_us, 0);
  assert_true(c.path == NULL);
  assert_string_equal(c.event, "any");
  assert_int_equal(c.emit, -1);
  assert_int_equal(c.brokers.cnt, 1);
  assert_string_equal(c.brokers.items[0].text, "localhost:9092");
  assert_int_equal(c.key.cnt, 0);
  assert_string_equal(c.where.text, "true");
  assert_null(c.where.at);
  assert_int_equal(c.window.kind, -1);
  assert_int_equal(c.clock.kind, 0);
  assert_int_equal(c.clock.step_us, 1000);
  assert_null(c.fields);
  graph_free(&t);
}

MR_TEST(every_type_is_read_with_its_unit) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct node_conf c;
  assert_int_equal(
      read_node(
          &t, &c,
          "steps:\n  n:\n    poisson: true\n    count: '64'\n    max_line: 64KiB\n"
          "    drain_timeout: 1.5s\n    delay: 10m\n    allowed_lateness: 0s\n    rate: 50k/s\n"
          "    skew: 1.25\n    late: 5%\n    path: ~/x y.json\n    event: null\n"
          "    emit: complete\n    brokers: [a:1, 'b:2']\n    key: city\n"
          "    where: severity > 3\n    select: { n: count(*), m: \"max(a)\" }\n"
          "    window: { tumbling: 5m, offset: 1s }\n"
          "    clock: { start: 2025-10-13T11:30:00Z, step: 2ms }\n    fields: { a: b }\n"),
      0);
  assert_true(c.poisson);
  assert_int_equal(c.count, 64);
  assert_true(c.count_given);
  assert_int_equal(c.line_max, 65536);
  assert_int_equal(c.drain_ns, 1500000000);
  assert_int_equal(c.delay_us, 600000000);
  assert_true(c.rate > 49999.9 && c.rate < 50000.1);
  assert_true(c.skew > 1.2499 && c.skew < 1.2501);
  assert_true(c.late > 0.0499999 && c.late < 0.0500001);
  assert_string_equal(c.path, "~/x y.json");
  assert_string_equal(c.event, "null"); /* a string option keeps the word */
  assert_int_equal(c.emit, EMIT_COMPLETE);
  assert_int_equal(c.brokers.cnt, 2);
  assert_string_equal(c.brokers.items[1].text, "b:2");
  assert_int_equal(c.key.cnt, 1);
  assert_string_equal(c.key.items[0].text, "city");
  assert_string_equal(c.where.text, "severity > 3");
  struct mr_span three = mr_tree_span_at(&t.arena, c.where.at, 11, 1);
  assert_int_equal(three.src->text[three.off], '3');
  assert_int_equal(c.select.cnt, 2);
  assert_string_equal(c.select.items[0].name, "n");
  assert_string_equal(c.select.items[1].expr.text, "max(a)");
  assert_int_equal(c.window.kind, 0);
  assert_int_equal(c.window.size_us, 300000000);
  assert_int_equal(c.window.offset_us, 1000000);
  assert_int_equal(c.clock.kind, 1);
  assert_int_equal(c.clock.start_us, 1760355000000000);
  assert_int_equal(c.clock.step_us, 2000);
  assert_string_equal(mr_tree_get(c.fields, "a")->text, "b");
  graph_free(&t);
}

MR_TEST(unions_tell_which_alternative_was_chosen) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct node_conf c;
  assert_int_equal(read_node(&t, &c, "steps:\n  n:\n    window: { hopping: 5m, slide: 1m }\n"), 0);
  assert_int_equal(c.window.kind, 1);
  assert_int_equal(c.window.slide_us, 60000000);
  graph_free(&t);
  assert_refused("window: { tumbling: 5m, hopping: 1m, slide: 1s }", MR_CODE_KEYS_CLASH, 29,
                 "\"tumbling\" and \"hopping\" do not go together in steps.n.window (type demo)");
  assert_refused("window: { tumbling: 5m, slide: 1s }", MR_CODE_KEYS_CLASH, 29,
                 "\"slide\" goes only with \"hopping\"");
  assert_refused("window: { hopping: 5m }", MR_CODE_MISSING_KEY, 5, "missing key \"slide\"");
  assert_refused("window: { offset: 5m }", MR_CODE_MISSING_KEY, 5,
                 "one of these keys is needed: tumbling, hopping in steps.n.window");
  assert_refused("window: 5m", MR_CODE_WRONG_TYPE, 13, "found text where a map is needed");
  assert_refused("window: { session: 5m }", MR_CODE_NOT_AVAILABLE, 15, "not available yet");
}

MR_TEST(unknown_keys_get_a_suggestion_or_the_list) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct node_conf c;
  assert_int_equal(read_node(&t, &c, "steps:\n  n:\n    windw: { tumbling: 5m }\n"), MR_ERR_CONF);
  graph_says(&t, "g.yaml:3:5: error[MR1002]: unknown key \"windw\" in steps.n (type demo)\n"
                 "   |\n"
                 " 3 |     windw: { tumbling: 5m }\n"
                 "   |     ^^^^^ did you mean \"window\"?\n"
                 "1 error; nothing was started\n");
  graph_free(&t);
  assert_refused("clock: { strat: 1, start: 2025-10-13T11:30:00Z }", MR_CODE_UNKNOWN_KEY, 14,
                 "did you mean \"start\"?");
  assert_refused("clock: { xyzzy: 1, start: 2025-10-13T11:30:00Z }", MR_CODE_UNKNOWN_KEY, 14,
                 "known keys: start, step");
}

MR_TEST(wrong_values_say_what_is_needed_and_what_was_meant) {
  MR_UNUSED_STATE;
  assert_refused("poisson: yes", MR_CODE_WRONG_TYPE, 14, "^^^ did you mean true?");
  assert_refused("poisson: 7", MR_CODE_WRONG_TYPE, 14,
                 "\"7\" is not true or false in steps.n.poisson");
  assert_refused("count: many", MR_CODE_WRONG_TYPE, 12,
                 "\"many\" is not a whole number in steps.n.count (type demo)");
  assert_refused("count: [1]", MR_CODE_WRONG_TYPE, 12,
                 "found a list where a whole number is needed");
  assert_refused("count:", MR_CODE_WRONG_TYPE, 5, "it needs a whole number, for example 5");
  assert_refused("count: 0", MR_CODE_OUT_OF_RANGE, 12, "it must be from 1 to 64 rows");
  assert_refused("count: 99999999999999999999", MR_CODE_OUT_OF_RANGE, 12, "from 1 to 64 rows");
  assert_refused("max_line: 1B", MR_CODE_OUT_OF_RANGE, 15, "it must be from 64B to 1GiB");
  assert_refused("delay: 5", MR_CODE_WRONG_TYPE, 12, "did you mean 5s?");
  assert_refused("delay: soon", MR_CODE_WRONG_TYPE, 12, "for example 5m");
  assert_refused("delay: -5s", MR_CODE_OUT_OF_RANGE, 12, "it must be at least 0s");
  assert_refused("rate: 500", MR_CODE_WRONG_TYPE, 11, "did you mean 500/s?");
  assert_refused("rate: 0/s", MR_CODE_OUT_OF_RANGE, 11, "it must be above 0");
  assert_refused("late: 101%", MR_CODE_OUT_OF_RANGE, 11, "it must be from 0 to 1");
  assert_refused("skew: abc", MR_CODE_WRONG_TYPE, 11, "is not a number");
  assert_refused("path: { a: b }", MR_CODE_WRONG_TYPE, 11, "found a map where text is needed");
  assert_refused("path:", MR_CODE_WRONG_TYPE, 5, "no value in steps.n.path");
  assert_refused("event: a-b", MR_CODE_BAD_NAME, 12, "\"a-b\" is not a name");
  assert_refused("emit: finl", MR_CODE_UNKNOWN_WORD, 11, "did you mean \"final\"?");
  assert_refused("emit: xyz", MR_CODE_UNKNOWN_WORD, 11,
                 "\"xyz\" is none of final, update, complete");
  assert_refused("emit: changelog", MR_CODE_NOT_AVAILABLE, 11,
                 "\"changelog\" is not available yet");
  assert_refused("emit: [final]", MR_CODE_WRONG_TYPE, 11,
                 "one of final, update, complete is needed");
  assert_refused("brokers: [a, [b]]", MR_CODE_WRONG_TYPE, 18, "in steps.n.brokers[1] (type demo)");
  assert_refused("key: [a, b, a]", MR_CODE_KEYS_CLASH, 17, "\"a\" stands twice");
  assert_refused("key: [a, 1b]", MR_CODE_BAD_NAME, 14, "not a name");
  assert_refused("where: [a]", MR_CODE_WRONG_TYPE, 12, "an expression is needed");
  assert_refused("select: { a-b: count(*) }", MR_CODE_BAD_NAME, 15, "\"a-b\" is not a name");
  assert_refused("select: { a: [1] }", MR_CODE_WRONG_TYPE, 18, "an expression is needed");
  assert_refused("select: x", MR_CODE_WRONG_TYPE, 13, "a map of names and expressions is needed");
  assert_refused("clock: wal", MR_CODE_UNKNOWN_WORD, 12, "did you mean \"wall\"?");
  assert_refused("clock: { step: 1s }", MR_CODE_MISSING_KEY, 5, "missing key \"start\"");
  assert_refused("clock: { start: yesterday }", MR_CODE_WRONG_TYPE, 21, "is not a timestamp");
}

MR_TEST(what_is_known_but_not_built_yet_has_its_own_code) {
  MR_UNUSED_STATE;
  assert_refused("follow: true", MR_CODE_NOT_AVAILABLE, 5,
                 "\"follow\" is not available yet in steps.n (type demo)");
  assert_refused("allowed_lateness: 1s", MR_CODE_NOT_AVAILABLE, 23,
                 "\"allowed_lateness\" other than 0s is not available yet");
}

MR_TEST(an_expression_of_400_kb_is_one_error) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct node_conf c;
  static char text[410000];
  strcpy(text, "steps:\n  n:\n    where: ");
  size_t n = strlen(text);
  for (int i = 0; i < 100000; i++) memcpy(text + n + 4 * (size_t)i, "a + ", 4);
  text[n + 400000] = 'a';
  assert_int_equal(read_node(&t, &c, text), MR_ERR_CONF);
  assert_int_equal(t.diags.error_cnt, 1);
  graph_says_at(&t, MR_CODE_TEXT_TOO_LONG, 3, 12);
  graph_free(&t);
}

MR_TEST(all_errors_of_all_parts_come_at_once_and_missing_keys_at_the_name) {
  MR_UNUSED_STATE;
  struct common {
    const char *type, *from;
  } common = {0};
  struct filter {
    struct mr_opt_expr where;
  } filter = {0};
  const struct mr_opt common_opts[] = {
      {"type", MR_OPT_STRING, MR_OPT_AT(struct common, type), .required = true, .help = "h"},
      {"from", MR_OPT_STRING, MR_OPT_AT(struct common, from), .required = true, .help = "h",
       .example = "in"},
      MR_OPT_END};
  const struct mr_opt filter_opts[] = {
      {"where", MR_OPT_EXPR, MR_OPT_AT(struct filter, where), .required = true, .help = "h"},
      MR_OPT_END};
  struct graph_test t;
  graph_load(&t, "steps:\n  big: { type: filter, form: in, whre: a, xx: [] }\n");
  struct mr_opt_reader rd = {&t.arena, &t.diags, NULL};
  struct mr_opt_part parts[] = {{common_opts, &common}, {filter_opts, &filter}};
  assert_int_equal(
      mr_opt_read(&rd, mr_tree_find(t.root, "steps.big"), (struct mr_span){0}, parts, 2),
      MR_ERR_CONF);
  assert_string_equal(common.type, "filter");
  assert_int_equal(t.diags.error_cnt, 5);
  graph_says_at(&t, MR_CODE_UNKNOWN_KEY, 2, 24);
  graph_says_at(&t, MR_CODE_UNKNOWN_KEY, 2, 34);
  graph_says_at(&t, MR_CODE_UNKNOWN_KEY, 2, 43);
  graph_says_at(&t, MR_CODE_MISSING_KEY, 2, 3);
  const char *out = mr_diags_text(&t.diags, &t.arena, NULL);
  assert_non_null(strstr(out, "missing key \"from\" in steps.big\n"));
  assert_non_null(strstr(out, "   = try: from: in\n"));
  assert_non_null(strstr(out, "missing key \"where\" in steps.big\n"));
  assert_non_null(strstr(out, "did you mean \"from\"?"));
  assert_non_null(strstr(out, "did you mean \"where\"?"));
  graph_free(&t);
}

MR_TEST(values_that_depend_on_an_unknown_variable_are_not_checked) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct node_conf c = {0};
  graph_load(
      &t,
      "n: { count: '${MR_T_X}', delay: '${MR_T_X:-5m}', where: '${MR_T_X}', key: '${MR_T_X}' }\n");
  struct mr_interp interp = {.no_env = true};
  mr_interp_apply(&interp, &t.arena, t.root, &t.diags);
  struct mr_opt_reader rd = {&t.arena, &t.diags, NULL};
  assert_int_equal(mr_opt_read_one(&rd, mr_tree_get(t.root, "n"), node_opts, &c), 0);
  assert_int_equal(c.count, 5);
  assert_int_equal(c.delay_us, 300000000);
  assert_string_equal(c.where.text, "true");
  graph_free(&t);
}

MR_TEST(a_hundred_thousand_unknown_keys_are_counted_quickly) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  enum { KEYS = 45000 };
  char *text = mr_arena_alloc(&arena, KEYS * 16 + 64);
  size_t n = (size_t)snprintf(text, 64, "steps:\n  n:\n");
  for (int i = 0; i < KEYS; i++) n += (size_t)snprintf(text + n, 16, "    q%d: 1\n", i);
  struct graph_test t;
  struct node_conf c;
  assert_int_equal(read_node(&t, &c, text), MR_ERR_CONF);
  assert_int_equal(t.diags.error_cnt, KEYS);
  graph_free(&t);
  mr_arena_free(&arena);
}

MR_TEST(values_print_as_text_that_reads_back_the_same) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct node_conf c;
  read_node(
      &t, &c,
      "steps:\n  n: { poisson: true, count: 7, max_line: 3MiB, drain_timeout: 1500ns, delay: 90s, "
      "rate: 1.5k/s, late: 7%, emit: update, brokers: [a, b], where: x > 1, path: p }\n");
  assert_int_equal(t.diags.error_cnt, 0);
  static const struct {
    const char *name, *want;
  } wants[] = {
      {"poisson", "true"},   {"count", "7"},     {"max_line", "3MiB"}, {"drain_timeout", "1500ns"},
      {"delay", "1m30s"},    {"rate", "1500/s"}, {"late", "0.07"},     {"emit", "update"},
      {"brokers", "[a, b]"}, {"where", "x > 1"}, {"path", "p"},        {"event", "any"}};
  for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
    const struct mr_opt *o = node_opts;
    while (strcmp(o->name, wants[i].name) != 0) o++;
    const char *text = mr_opt_value_text(o, &c, &t.arena);
    assert_non_null(text);
    assert_string_equal(text, wants[i].want);
  }
  graph_free(&t);
}

MR_TEST(faulty_tables_are_found) {
  MR_UNUSED_STATE;
  const char *why = NULL;
  uint32_t idx = 99;
  const struct mr_opt twice[] = {
      {"a", MR_OPT_BOOL, 0, .help = "h"}, {"a", MR_OPT_BOOL, 0, .help = "h"}, MR_OPT_END};
  assert_false(mr_opt_table_valid(twice, &why, &idx));
  assert_int_equal(idx, 1);
  const struct mr_opt bad_default[] = {{"a", MR_OPT_DURATION_NS, 0, .def = "5", .help = "h"},
                                       MR_OPT_END};
  assert_false(mr_opt_table_valid(bad_default, &why, &idx));
  assert_string_equal(why, "the default is not valid");
  const struct mr_opt out_of_range[] = {
      {"a", MR_OPT_INT64, 0, .def = "5", .min = 6, .max = 7, .help = "h"}, MR_OPT_END};
  assert_false(mr_opt_table_valid(out_of_range, &why, &idx));
  const struct mr_opt no_help[] = {{"a", MR_OPT_BOOL, 0}, MR_OPT_END};
  assert_false(mr_opt_table_valid(no_help, &why, &idx));
  const struct mr_opt no_words[] = {{"a", MR_OPT_ENUM, 0, .help = "h"}, MR_OPT_END};
  assert_false(mr_opt_table_valid(no_words, &why, &idx));
  const struct mr_opt in_sub[] = {{"t", MR_OPT_TABLE, 0, .sub = no_help, .help = "h"}, MR_OPT_END};
  assert_false(mr_opt_table_valid(in_sub, &why, &idx));
  assert_string_equal(why, "the help is missing");
}

MR_TEST(names_follow_the_rule) {
  MR_UNUSED_STATE;
  char long_name[MR_NAME_MAX + 2];
  memset(long_name, 'a', sizeof long_name);
  assert_true(mr_opt_name_valid("_a9", 3));
  assert_true(mr_opt_name_valid(long_name, MR_NAME_MAX));
  assert_false(mr_opt_name_valid(long_name, MR_NAME_MAX + 1));
  assert_false(mr_opt_name_valid("", 0));
  assert_false(mr_opt_name_valid("9a", 2));
  assert_false(mr_opt_name_valid("a.b", 3));
  assert_false(mr_opt_name_valid("\xc3\xa9", 2));
}

static const struct CMUnitTest cases[] = {
    MR_CASE(the_tables_of_this_test_are_valid),
    MR_CASE(absent_options_get_their_defaults),
    MR_CASE(every_type_is_read_with_its_unit),
    MR_CASE(unions_tell_which_alternative_was_chosen),
    MR_CASE(unknown_keys_get_a_suggestion_or_the_list),
    MR_CASE(wrong_values_say_what_is_needed_and_what_was_meant),
    MR_CASE(what_is_known_but_not_built_yet_has_its_own_code),
    MR_CASE(an_expression_of_400_kb_is_one_error),
    MR_CASE(all_errors_of_all_parts_come_at_once_and_missing_keys_at_the_name),
    MR_CASE(values_that_depend_on_an_unknown_variable_are_not_checked),
    MR_CASE(a_hundred_thousand_unknown_keys_are_counted_quickly),
    MR_CASE(values_print_as_text_that_reads_back_the_same),
    MR_CASE(faulty_tables_are_found),
    MR_CASE(names_follow_the_rule),
};

MR_MAIN(cases)
