/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "graph/override.h"
#include "graph_test.h"

/* The part of the source that a span covers is exactly `want`. */
static void assert_span(struct mr_span span, const char *want) {
  assert_non_null(span.src);
  assert_int_equal(span.len, strlen(want));
  assert_memory_equal(span.src->text + span.off, want, span.len);
}

static void assert_at(struct mr_span span, uint32_t line, uint32_t col) {
  uint32_t l, c;
  mr_source_locate(span.src, span.off, &l, &c);
  assert_int_equal(l, line);
  assert_int_equal(c, col);
}

/* One error, of this code, at this place. */
static void assert_one_error(const char *text, int code, uint32_t line, uint32_t col) {
  struct graph_test t;
  graph_load(&t, text);
  graph_says_at(&t, code, line, col);
  assert_int_equal(t.diags.error_cnt, 1);
  graph_free(&t);
}

MR_TEST(maps_and_lists_keep_the_order_of_the_file_and_every_value_its_place) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "millrace: 1\n"
                 "steps:\n"
                 "  big: { type: filter, from: [in, 'b c'], where: \"a > 100\" }\n"
                 "  two:\n"
                 "    - x\n"
                 "    - y: >\n"
                 "        folded\n"
                 "        text\n"
                 "      z: |\n"
                 "        lit\n");
  assert_int_equal(t.diags.error_cnt, 0);
  assert_int_equal(t.root->cnt, 2);
  assert_string_equal(t.root->keys[1]->text, "steps");
  struct mr_tree *big = mr_tree_find(t.root, "steps.big");
  assert_int_equal(big->kind, MR_TREE_MAP);
  assert_true(big->is_flow);
  assert_at(big->span, 3, 8);
  assert_span(big->span, "{ type: filter, from: [in, 'b c'], where: \"a > 100\" }");
  struct mr_tree *where = mr_tree_get(big, "where");
  assert_string_equal(where->text, "a > 100");
  assert_int_equal(where->style, MR_TREE_DOUBLE_QUOTED);
  assert_span(where->span, "\"a > 100\"");
  assert_string_equal(mr_tree_path(where, &t.arena), "steps.big.where");
  struct mr_tree *from = mr_tree_get(big, "from");
  assert_int_equal(from->cnt, 2);
  assert_int_equal(from->items[0]->style, MR_TREE_PLAIN);
  assert_int_equal(from->items[1]->style, MR_TREE_SINGLE_QUOTED);
  assert_string_equal(mr_tree_path(from->items[1], &t.arena), "steps.big.from[1]");
  struct mr_tree *two = mr_tree_find(t.root, "steps.two");
  assert_int_equal(two->kind, MR_TREE_LIST);
  assert_false(two->is_flow);
  assert_string_equal(mr_tree_get(two->items[1], "y")->text, "folded text\n");
  assert_int_equal(mr_tree_get(two->items[1], "y")->style, MR_TREE_FOLDED);
  assert_int_equal(mr_tree_get(two->items[1], "z")->style, MR_TREE_LITERAL);
  assert_string_equal(mr_tree_path(mr_tree_get(two->items[1], "y"), &t.arena), "steps.two[1].y");
  assert_ptr_equal(where->parent, big);
  assert_null(mr_tree_get(big, "nothing"));
  assert_null(mr_tree_find(t.root, "steps.none.where"));
  graph_free(&t);
}

MR_TEST(scalars_are_text_whatever_they_look_like) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "country: NO\non: yes\nn: 0x1F\nt: null\ne:\nq: ''\ntilde: ~\n");
  assert_int_equal(t.diags.error_cnt, 0);
  assert_string_equal(mr_tree_get(t.root, "country")->text, "NO");
  assert_string_equal(mr_tree_get(t.root, "on")->text, "yes");
  assert_string_equal(mr_tree_get(t.root, "n")->text, "0x1F");
  assert_true(mr_tree_is_null(mr_tree_get(t.root, "e")));
  assert_false(mr_tree_is_null(mr_tree_get(t.root, "t")));
  assert_false(mr_tree_is_null(mr_tree_get(t.root, "tilde")));
  assert_false(mr_tree_is_null(mr_tree_get(t.root, "q")));
  graph_free(&t);
}

MR_TEST(json_is_accepted_with_tabs_and_all) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "{\n\t\"a\": [1, 2.5,\n\t\ttrue],\n\t\"b\": {\"c\": \"\\u00e9\\n\"}\n}\n");
  assert_int_equal(t.diags.error_cnt, 0);
  assert_int_equal(mr_tree_get(t.root, "a")->cnt, 3);
  assert_string_equal(mr_tree_find(t.root, "b.c")->text, "\xc3\xa9\n");
  graph_free(&t);
}

MR_TEST(duplicate_keys_are_reported_at_the_second_with_a_note_at_the_first) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "a: 1\nb: {x: 1, y: 2, x: 3}\na: 2\n");
  graph_says(&t, "g.yaml:2:17: error[MR1011]: key \"x\" occurs twice in one map\n"
                 "   |\n"
                 " 2 | b: {x: 1, y: 2, x: 3}\n"
                 "   |                 ^\n"
                 "   |\n"
                 " 2 | b: {x: 1, y: 2, x: 3}\n"
                 "   |     ^ first here\n"
                 "g.yaml:3:1: error[MR1011]: key \"a\" occurs twice in one map\n"
                 "   |\n"
                 " 3 | a: 2\n"
                 "   | ^\n"
                 "   |\n"
                 " 1 | a: 1\n"
                 "   | ^ first here\n"
                 "2 errors; nothing was started\n");
  assert_string_equal(mr_tree_get(t.root, "a")->text, "1"); /* the first one stays */
  graph_free(&t);
}

MR_TEST(duplicates_among_many_keys_are_all_found) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  enum { KEYS = 3000 };
  char *text = mr_arena_alloc(&arena, KEYS * 16);
  size_t len = 0;
  for (int i = 0; i < KEYS; i++) /* every seventh from the hundredth on repeats an earlier key */
    len += (size_t)snprintf(text + len, 16, "k%d: 1\n", i >= 100 && i % 7 == 0 ? i / 2 | 1 : i);
  uint32_t want = 0;
  char seen[KEYS] = {0};
  for (int i = 0; i < KEYS; i++) {
    int k = i >= 100 && i % 7 == 0 ? i / 2 | 1 : i;
    want += seen[k];
    seen[k] = 1;
  }
  assert_true(want > 100);
  struct graph_test t;
  graph_load_n(&t, text, len);
  assert_int_equal(t.diags.error_cnt, want);
  graph_free(&t);
  mr_arena_free(&arena);
}

MR_TEST(crlf_and_a_bom_do_not_move_positions) {
  MR_UNUSED_STATE;
  static const char unix_form[] =
      "a: \"\xc3\xa9\"\nb: |\n  x\n  y\nc: {k: 1, k: 2}\nd: \"p\n  q\"\n"
      "d: 8\n";
  char dos[256] = "\xef\xbb\xbf";
  size_t n = 3;
  for (const char *s = unix_form; *s; s++) {
    if (*s == '\n') dos[n++] = '\r';
    dos[n++] = *s;
  }
  struct graph_test t, u;
  graph_load_n(&t, dos, n);
  graph_says_at(&t, MR_CODE_DUPLICATE_KEY, 5, 11);
  graph_says_at(&t, MR_CODE_DUPLICATE_KEY, 8, 1);
  graph_load(&u, unix_form);
  assert_string_equal(mr_diags_text(&t.diags, &t.arena, NULL),
                      mr_diags_text(&u.diags, &u.arena, NULL));
  assert_null(strchr(mr_diags_text(&t.diags, &t.arena, NULL), '\r'));
  assert_string_equal(mr_tree_get(t.root, "b")->text, "x\ny\n");
  assert_string_equal(mr_tree_get(t.root, "d")->text, "p q");
  graph_free(&t);
  graph_free(&u);
}

MR_TEST(columns_are_bytes_behind_wide_characters) {
  MR_UNUSED_STATE;
  char text[600] = "# ";
  for (int i = 0; i < 100; i++) strcat(text, "\xe2\x82\xac"); /* more than one step of the table */
  strcat(text, "\n\xf0\x9f\x98\x80\xc3\xa9: {x: 1, x: 2}\n");
  struct graph_test t;
  graph_load(&t, text);
  graph_says_at(&t, MR_CODE_DUPLICATE_KEY, 2, 16); /* 6 bytes of key, ": {x: 1, " are 9 */
  graph_free(&t);
}

MR_TEST(tags_merge_keys_and_keys_that_are_no_strings_are_refused_each_by_its_own_code) {
  MR_UNUSED_STATE;
  assert_one_error("a: !!str 1\n", MR_CODE_TAG, 1, 4);
  assert_one_error("a: ! x\n", MR_CODE_TAG, 1, 4);
  assert_one_error("a: &q !t [1]\n", MR_CODE_TAG, 1, 7);
  assert_one_error("a: !x!y 1\n", MR_CODE_SYNTAX, 1, 4);
  assert_one_error("%TAG ! tag:x,2000:\n---\na: 1\n", MR_CODE_TAG, 1, 1);
  assert_one_error("? [k]\n: v\n", MR_CODE_NON_STRING_KEY, 1, 3);
  assert_one_error("? {k: 1}\n: v\n", MR_CODE_NON_STRING_KEY, 1, 3);
  assert_one_error("a: 2\n1: x\n", MR_CODE_NON_STRING_KEY, 2, 1);
  assert_one_error("-5: x\n", MR_CODE_NON_STRING_KEY, 1, 1);
  assert_one_error("true: x\n", MR_CODE_NON_STRING_KEY, 1, 1);
  assert_one_error("~: x\n", MR_CODE_NON_STRING_KEY, 1, 1);
  assert_one_error("?\n: x\n", MR_CODE_NON_STRING_KEY, 1, 2);
  assert_one_error(": x\n", MR_CODE_SYNTAX, 1, 1);
  assert_one_error("a: &k x\n*k : y\n", MR_CODE_NON_STRING_KEY, 2, 1);
  assert_one_error("a: &m {x: 1}\nb:\n  <<: *m\n  y: 2\n", MR_CODE_MERGE_KEY, 3, 3);
  struct graph_test t;
  graph_load(&t, "\"1\": x\n'true': y\non: z\np99.9: 1ms\n\"<<\": q\n");
  assert_int_equal(t.diags.error_cnt, 0);
  graph_free(&t);
}

MR_TEST(a_tab_as_indentation_has_its_own_message) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "a: 1\nb:\n  c: x\n\td: y\n");
  graph_says(&t, "g.yaml:4:1: error[MR1015]: a tab is used as indentation\n"
                 "   |\n"
                 " 4 | \td: y\n"
                 "   | ^ indent with spaces, two per level\n"
                 "1 error; nothing was started\n");
  graph_free(&t);
  assert_one_error("a:\n\tb: 1\n", MR_CODE_TAB, 2, 1);
  assert_one_error("a:\n  \tb: 1\n", MR_CODE_TAB, 2, 3);
  assert_one_error("a:\n\t- b\n", MR_CODE_TAB, 2, 1);
}

MR_TEST(an_unquoted_brace_inside_a_flow_value_has_its_own_message) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "routes:\n  - { get: /api/{city}, limit: 2 }\n");
  graph_says(&t, "g.yaml:2:17: error[MR1016]: an unquoted \"{\" inside a value that stands in "
                 "braces or brackets\n"
                 "   |\n"
                 " 2 |   - { get: /api/{city}, limit: 2 }\n"
                 "   |                 ^\n"
                 "   = try: \"/api/{city}\"\n"
                 "1 error; nothing was started\n");
  graph_free(&t);
  graph_load(&t, "x: {path: ${data_dir}/a b, c: 1}\n");
  graph_says_at(&t, MR_CODE_UNQUOTED_BRACE, 1, 12);
  assert_non_null(strstr(mr_diags_text(&t.diags, &t.arena, NULL), "= try: \"${data_dir}/a b\"\n"));
  graph_free(&t);
  assert_one_error("x: [a, b[1], c]\n", MR_CODE_UNQUOTED_BRACE, 1, 9);
  assert_one_error("x: [a b, {c: 1} d]\n", MR_CODE_SYNTAX, 1, 17);
}

MR_TEST(syntax_errors_are_said_in_plain_words_at_the_right_place) {
  MR_UNUSED_STATE;
  assert_one_error("where: \"a\" = b\n", MR_CODE_SYNTAX, 1, 12);
  assert_one_error("where: a: b\n", MR_CODE_SYNTAX, 1, 9);
  assert_one_error("where: @x\n", MR_CODE_SYNTAX, 1, 8);
  assert_one_error("x: 1\na: \"xxx\nb: 1\n", MR_CODE_SYNTAX, 2, 4);
  assert_one_error("a: 1\n  b: 2\n", MR_CODE_SYNTAX, 2, 3);
  assert_one_error("a: 1\nb\nc: 2\n", MR_CODE_SYNTAX, 2, 1);
  assert_one_error("a: {n: *}\n", MR_CODE_SYNTAX, 1, 8);
  assert_one_error("\xc3\xa9\xc3\xa9: \x01x\n", MR_CODE_SYNTAX, 1, 7);
  assert_one_error("a: \"\\q\"\n", MR_CODE_SYNTAX, 1, 5);
  assert_one_error("a: {: x}\n", MR_CODE_SYNTAX, 1, 5);
}

MR_TEST(bytes_that_no_text_has_are_found_before_parsing) {
  MR_UNUSED_STATE;
  assert_one_error("a: x\nb: \xc3\xa9\xc3(\n", MR_CODE_BAD_UTF8, 2, 6);
  assert_one_error("a: \xed\xa0\x80\n", MR_CODE_BAD_UTF8, 1, 4); /* a surrogate */
  assert_one_error("a: \"x\\0y\"\n", MR_CODE_NUL_BYTE, 1, 4);
  struct graph_test t;
  graph_load_n(&t, "a: b\0c\n", 7);
  graph_says_at(&t, MR_CODE_NUL_BYTE, 1, 5);
  assert_null(t.root);
  graph_free(&t);
  graph_load_n(&t,
               "\xff\xfe"
               "a\0",
               4);
  graph_says_at(&t, MR_CODE_BAD_UTF8, 1, 1);
  assert_non_null(strstr(t.diags.items[0]->message, "UTF-16"));
  graph_free(&t);
}

MR_TEST(several_documents_and_empty_files_are_refused) {
  MR_UNUSED_STATE;
  assert_one_error("a: 1\n---\nb: 2\n", MR_CODE_DOCUMENTS, 2, 1);
  assert_one_error("# nothing\n", MR_CODE_EMPTY_FILE, 1, 1);
  assert_one_error("---\n", MR_CODE_EMPTY_FILE, 1, 1);
  assert_one_error("", MR_CODE_EMPTY_FILE, 0, 0);
  struct graph_test t;
  graph_load(&t, "%YAML 1.2\n---\na: 1\n...\n");
  assert_int_equal(t.diags.error_cnt, 0);
  graph_free(&t);
}

MR_TEST(aliases_are_copies_with_their_own_parents_and_the_anchors_positions) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "a: &w { delay: 5s }\nb: *w\nc: [*w]\ns: &t text\nu: *t\n");
  assert_int_equal(t.diags.error_cnt, 0);
  struct mr_tree *b = mr_tree_find(t.root, "b.delay"), *a = mr_tree_find(t.root, "a.delay");
  assert_ptr_not_equal(a, b);
  assert_string_equal(b->text, "5s");
  assert_at(b->span, 1, 16);
  assert_string_equal(mr_tree_path(b, &t.arena), "b.delay");
  assert_string_equal(mr_tree_get(t.root, "u")->text, "text");
  assert_span(mr_tree_get(t.root, "s")->span, "text"); /* without its anchor */
  graph_free(&t);
  assert_one_error("a: 1\nb: *x\n", MR_CODE_BAD_ALIAS, 2, 4);
  assert_one_error("b: &y [1, *y]\n", MR_CODE_BAD_ALIAS, 1, 11);
}

MR_TEST(an_alias_bomb_ends_in_one_error_at_the_alias_that_goes_too_far) {
  MR_UNUSED_STATE;
  char text[4096] = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 20; i++) {
    size_t n = strlen(text);
    n += (size_t)snprintf(text + n, sizeof text - n, "a%d: &a%d [", i, i);
    for (int k = 0; k < 10; k++)
      n += (size_t)snprintf(text + n, sizeof text - n, "%s*a%d", k ? "," : "", i - 1);
    snprintf(text + n, sizeof text - n, "]\n");
  }
  struct graph_test t;
  graph_load(&t, text);
  assert_int_equal(t.diags.error_cnt, 1);
  assert_int_equal(t.diags.items[0]->code, MR_CODE_TOO_MANY_VALUES);
  assert_int_equal(t.diags.items[0]->line, 5); /* a4 would be 100,000 texts and their lists */
  assert_null(t.root);
  assert_true(t.arena.used_bytes < (64u << 20));
  graph_free(&t);
}

MR_TEST(too_many_values_and_too_deep_nesting_are_refused_at_their_place) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  char *many = mr_arena_alloc(&arena, 500000);
  many[0] = '[';
  for (int i = 0; i < 200000; i++) memcpy(many + 1 + 2 * i, "1,", 2);
  many[400001] = ']';
  struct graph_test t;
  graph_load(&t, many);
  assert_int_equal(t.diags.error_cnt, 1);
  graph_says_at(&t, MR_CODE_TOO_MANY_VALUES, 1, 2 + 2 * (MR_TREE_NODES_MAX - 1));
  graph_free(&t);
  memset(many, '[', 400000);
  graph_load_n(&t, many, 400000);
  assert_int_equal(t.diags.error_cnt, 1);
  graph_says_at(&t, MR_CODE_TOO_DEEP, 1, MR_TREE_DEPTH_MAX + 1);
  graph_free(&t);
  memset(many, '[', MR_TREE_DEPTH_MAX);
  memset(many + MR_TREE_DEPTH_MAX, ']', MR_TREE_DEPTH_MAX);
  graph_load_n(&t, many, 2 * MR_TREE_DEPTH_MAX);
  assert_int_equal(t.diags.error_cnt, 0);
  graph_free(&t);
  /* aliases add up: 40 levels inside 40 levels */
  char text[256] = "a: &a ";
  memset(text + 6, '[', 40);
  memset(text + 46, ']', 40);
  strcpy(text + 86, "\nb: ");
  memset(text + 90, '[', 40);
  strcpy(text + 130, "*a");
  memset(text + 132, ']', 40);
  graph_load(&t, text);
  assert_int_equal(t.diags.error_cnt, 1);
  graph_says_at(&t, MR_CODE_TOO_DEEP, 2, 44);
  graph_free(&t);
  mr_arena_free(&arena);
}

MR_TEST(a_file_of_ten_megabytes_of_garbage_is_one_error_and_is_not_read_whole) {
  MR_UNUSED_STATE;
  char path[] = "/tmp/millrace-test-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  char block[65536];
  uint64_t x = 88172645463325252u;
  for (int i = 0; i < 160; i++) {
    for (size_t k = 0; k < sizeof block; k++) {
      x ^= x << 13, x ^= x >> 7, x ^= x << 17;
      block[k] = (char)x;
    }
    assert_int_equal(write(fd, block, sizeof block), sizeof block);
  }
  close(fd);
  struct graph_test t = {0};
  mr_diags_init(&t.diags, &t.arena);
  const struct mr_source *src;
  assert_null(mr_tree_load_file(&t.arena, path, &t.diags, &src));
  assert_null(src);
  assert_int_equal(t.diags.error_cnt, 1);
  assert_int_equal(t.diags.items[0]->code, MR_CODE_FILE_TOO_LARGE);
  assert_true(t.arena.used_bytes < 65536);
  assert_non_null(strstr(mr_diags_text(&t.diags, &t.arena, NULL), path));
  graph_free(&t);

  t = (struct graph_test){0}; /* the same as text, and the first MiB of it */
  graph_load_n(&t, block, sizeof block);
  assert_int_equal(t.diags.error_cnt, 1);
  assert_null(t.root);
  graph_free(&t);
  assert_int_equal(truncate(path, 0), 0);
  assert_int_equal(unlink(path), 0);
}

MR_TEST(files_that_cannot_be_read_are_reported_under_their_name) {
  MR_UNUSED_STATE;
  struct graph_test t = {0};
  mr_diags_init(&t.diags, &t.arena);
  assert_null(mr_tree_load_file(&t.arena, "/nonexistent/g.yaml", &t.diags, NULL));
  graph_says(&t,
             "/nonexistent/g.yaml: error[MR1001]: cannot open /nonexistent/g.yaml: No such file "
             "or directory\n1 error; nothing was started\n");
  assert_null(mr_tree_load_file(&t.arena, "/tmp", &t.diags, NULL));
  assert_int_equal(t.diags.error_cnt, 2);
  graph_free(&t);
}

MR_TEST(a_pipe_can_be_a_graph_file) {
  MR_UNUSED_STATE;
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  assert_int_equal(write(fds[1], "a: 1\n", 5), 5);
  close(fds[1]);
  char path[64];
  snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
  struct graph_test t = {0};
  mr_diags_init(&t.diags, &t.arena);
  t.root = mr_tree_load_file(&t.arena, path, &t.diags, NULL);
  assert_int_equal(t.diags.error_cnt, 0);
  assert_string_equal(mr_tree_get(t.root, "a")->text, "1");
  close(fds[0]);
  graph_free(&t);
}

/* Finds `part` in the scalar's text and returns the source text that it comes from. */
static void assert_maps(struct graph_test *t, const char *key, const char *part, const char *want) {
  struct mr_tree *s = mr_tree_get(t->root, key);
  const char *at = strstr(s->text, part);
  assert_non_null(at);
  assert_span(mr_tree_span_at(&t->arena, s, (size_t)(at - s->text), strlen(part)), want);
}

MR_TEST(parts_of_a_text_are_found_through_quotes_escapes_and_folding) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "plain: alpha beta\n"
                 "multi: alpha\n  beta\n\n  gamma delta\n"
                 "single: 'it''s alpha'\n"
                 "double: \"a\\tb \\u20ac \\x41 alpha\\\n   beta\"\n"
                 "lit: |\n  one two\n    three\n\n  four\n"
                 "fold: >-\n  one two\n  three\n\n  four\n"
                 "anch: &x alpha\n");
  assert_int_equal(t.diags.error_cnt, 0);
  assert_maps(&t, "plain", "beta", "beta");
  assert_maps(&t, "multi", "beta", "beta");
  assert_maps(&t, "multi", "gamma", "gamma");
  assert_maps(&t, "multi", "delta", "delta");
  assert_maps(&t, "single", "it's", "it''s");
  assert_maps(&t, "single", "alpha", "alpha");
  assert_maps(&t, "double", "\xe2\x82\xac", "\\u20ac");
  assert_maps(&t, "double", "A", "\\x41");
  assert_maps(&t, "double", "b", "b");
  assert_maps(&t, "double", "beta", "beta");
  assert_maps(&t, "lit", "two", "two");
  assert_maps(&t, "lit", "three", "three");
  assert_maps(&t, "lit", "four", "four");
  assert_maps(&t, "fold", "three", "three");
  assert_maps(&t, "fold", "four", "four");
  assert_maps(&t, "anch", "alpha", "alpha");
  graph_free(&t);
}

MR_TEST(the_place_of_an_empty_value_or_a_block_is_its_key) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t, "top:\n  empty:\n  flow: { a: 1 }\n");
  assert_span(mr_tree_span(mr_tree_get(t.root, "top")), "top");
  assert_span(mr_tree_span(mr_tree_find(t.root, "top.empty")), "empty");
  assert_span(mr_tree_span(mr_tree_find(t.root, "top.flow")), "{ a: 1 }");
  assert_span(mr_tree_name_span(mr_tree_find(t.root, "top.flow")), "flow");
  graph_free(&t);
}

MR_TEST(set_replaces_and_creates_values_and_says_where_they_came_from) {
  MR_UNUSED_STATE;
  struct graph_test t;
  graph_load(&t,
             "sources:\n  in: { rate: 1/s, p: [a, b] }\nbudgets: { x: { p99.9: 1ms } }\nempty:\n");
  assert_int_equal(mr_override_apply(&t.arena, &t.root, "sources.in.rate=5k/s", &t.diags), 0);
  assert_int_equal(mr_override_apply(&t.arena, &t.root, "sources.in.p.1=c: d # e", &t.diags), 0);
  assert_int_equal(mr_override_apply(&t.arena, &t.root, "runtime.workers.count=3", &t.diags), 0);
  assert_int_equal(
      mr_override_apply(&t.arena, &t.root, "w={tumbling: 5m, l: [1, 'x y']}", &t.diags), 0);
  assert_int_equal(mr_override_apply(&t.arena, &t.root, "budgets.x.p99.9=2ms", &t.diags), 0);
  assert_int_equal(mr_override_apply(&t.arena, &t.root, "empty.a=", &t.diags), 0);
  assert_int_equal(mr_override_apply(&t.arena, &t.root, "q='a' || 'b", &t.diags), 0);
  assert_int_equal(t.diags.error_cnt, 0);
  struct mr_tree *rate = mr_tree_find(t.root, "sources.in.rate");
  assert_string_equal(rate->text, "5k/s");
  assert_string_equal(rate->span.src->name, "--set");
  assert_at(rate->span, 1, 17);
  assert_string_equal(rate->key->text, "rate");
  assert_string_equal(mr_tree_path(rate, &t.arena), "sources.in.rate");
  assert_string_equal(mr_tree_find(t.root, "sources.in.p")->items[1]->text, "c: d # e");
  assert_string_equal(mr_tree_find(t.root, "runtime.workers.count")->text, "3");
  assert_string_equal(mr_tree_find(t.root, "w.l")->items[1]->text, "x y");
  assert_at(mr_tree_find(t.root, "w.l")->items[1]->span, 1, 25);
  assert_string_equal(mr_tree_get(mr_tree_find(t.root, "budgets.x"), "p99.9")->text, "2ms");
  assert_false(mr_tree_is_null(mr_tree_find(t.root, "empty.a")));
  assert_string_equal(mr_tree_find(t.root, "q")->text, "'a' || 'b");
  graph_free(&t);
}

MR_TEST(set_arguments_that_do_not_fit_are_reported_in_the_argument) {
  MR_UNUSED_STATE;
  static const struct {
    const char *arg;
    int code;
    uint32_t col;
  } wrong[] = {{"sources", MR_CODE_BAD_SET, 1},
               {"=x", MR_CODE_BAD_SET, 1},
               {"sources..x=1", MR_CODE_BAD_SET, 9},
               {"sources.in.rate.x=1", MR_CODE_BAD_SET, 12},
               {"sources.in.p.2=1", MR_CODE_BAD_SET, 14},
               {"sources.in.p.x=1", MR_CODE_BAD_SET, 14},
               {"a={b: 1", MR_CODE_SYNTAX, 8},
               {"a={b: 1, b: 2}", MR_CODE_DUPLICATE_KEY, 10}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct graph_test t;
    graph_load(&t, "sources:\n  in: { rate: 1/s, p: [a, b] }\n");
    mr_override_apply(&t.arena, &t.root, wrong[i].arg, &t.diags);
    assert_int_equal(t.diags.error_cnt, 1);
    graph_says_at(&t, wrong[i].code, 1, wrong[i].col);
    assert_string_equal(t.diags.items[0]->span.src->name, "--set");
    graph_free(&t);
  }
}

/* Damages a good file at every byte, in several ways: whatever comes out, positions lie in the file
 * and nothing crashes (the sanitizers watch). */
MR_TEST(a_file_damaged_at_any_byte_is_loaded_or_refused_with_positions) {
  MR_UNUSED_STATE;
  static const char good[] =
      "millrace: 1\ngraph: c\n# \xe2\x82\xac\nsteps:\n  w: &a\n    key: [a, 'b''c']\n"
      "    sel: { n: \"count(*) \\u20ac\" }\n    q: |\n      SELECT 1\n  v: *a\n";
  static const char bytes[] = "\0\n\t \xff:{}[],*&!|'\"-?#%";
  char text[sizeof good];
  uint32_t errors = 0;
  for (size_t i = 0; i + 1 < sizeof good; i++) {
    for (size_t k = 0; k + 1 < sizeof bytes; k++) {
      memcpy(text, good, sizeof good);
      text[i] = bytes[k];
      struct graph_test t;
      graph_load_n(&t, text, k == 3 ? i : sizeof good - 1); /* one way: cut short there */
      assert_true(t.root || t.diags.error_cnt);
      for (uint32_t d = 0; d < t.diags.cnt; d++) {
        assert_true(t.diags.items[d]->span.src != NULL);
        assert_true(t.diags.items[d]->line >= 1 || t.diags.items[d]->span.src->len == 0);
      }
      const char *out = mr_diags_text(&t.diags, &t.arena, NULL);
      assert_true(mr_utf8_valid(out, strlen(out)));
      errors += t.diags.error_cnt > 0;
      graph_free(&t);
    }
  }
  assert_true(errors > 500);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(maps_and_lists_keep_the_order_of_the_file_and_every_value_its_place),
    MR_CASE(scalars_are_text_whatever_they_look_like),
    MR_CASE(json_is_accepted_with_tabs_and_all),
    MR_CASE(duplicate_keys_are_reported_at_the_second_with_a_note_at_the_first),
    MR_CASE(duplicates_among_many_keys_are_all_found),
    MR_CASE(crlf_and_a_bom_do_not_move_positions),
    MR_CASE(columns_are_bytes_behind_wide_characters),
    MR_CASE(tags_merge_keys_and_keys_that_are_no_strings_are_refused_each_by_its_own_code),
    MR_CASE(a_tab_as_indentation_has_its_own_message),
    MR_CASE(an_unquoted_brace_inside_a_flow_value_has_its_own_message),
    MR_CASE(syntax_errors_are_said_in_plain_words_at_the_right_place),
    MR_CASE(bytes_that_no_text_has_are_found_before_parsing),
    MR_CASE(several_documents_and_empty_files_are_refused),
    MR_CASE(aliases_are_copies_with_their_own_parents_and_the_anchors_positions),
    MR_CASE(an_alias_bomb_ends_in_one_error_at_the_alias_that_goes_too_far),
    MR_CASE(too_many_values_and_too_deep_nesting_are_refused_at_their_place),
    MR_CASE(a_file_of_ten_megabytes_of_garbage_is_one_error_and_is_not_read_whole),
    MR_CASE(files_that_cannot_be_read_are_reported_under_their_name),
    MR_CASE(a_pipe_can_be_a_graph_file),
    MR_CASE(parts_of_a_text_are_found_through_quotes_escapes_and_folding),
    MR_CASE(the_place_of_an_empty_value_or_a_block_is_its_key),
    MR_CASE(set_replaces_and_creates_values_and_says_where_they_came_from),
    MR_CASE(set_arguments_that_do_not_fit_are_reported_in_the_argument),
    MR_CASE(a_file_damaged_at_any_byte_is_loaded_or_refused_with_positions),
};

MR_MAIN(cases)
