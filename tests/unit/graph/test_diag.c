/* SPDX-License-Identifier: Apache-2.0 */
#include "graph_test.h"

#define CITY                                                                                       \
  "steps:\n"                                                                                       \
  "  severe:\n"                                                                                    \
  "    where: severity > 3\n"                                                                      \
  "  by_type_5m:\n"                                                                                \
  "    windw: { tumbling: 5m }\n"

static struct mr_span span_of(const struct mr_source *src, const char *part) {
  const char *at = strstr(src->text, part);
  assert_non_null(at);
  return mr_span_make(src, (size_t)(at - src->text), strlen(part));
}

static struct mr_source *city(struct graph_test *t, const char *text) {
  *t = (struct graph_test){0};
  mr_diags_init(&t->diags, &t->arena);
  return mr_source_make(&t->arena, "city.yaml", text, strlen(text));
}

MR_TEST(carets_a_second_span_and_hints_are_drawn_as_the_manual_shows) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, CITY);
  struct mr_diag *d =
      mr_diag_error(&t.diags, MR_CODE_UNKNOWN_KEY, span_of(src, "windw"),
                    "unknown key \"%s\" in steps.by_type_5m (type window)", "windw");
  mr_diag_label(d, "did you mean \"window\"?");
  d = mr_diag_error(&t.diags, MR_CODE_NOT_COMPARABLE, span_of(src, "severity"),
                    "cannot compare string with int64 in steps.severe.where");
  mr_diag_note(d, span_of(src, "3\n"), "severity is string (events.city_event, line 17)");
  mr_diag_try(d, "severity IN ('high', 'critical')");
  mr_diag_warning(&t.diags, MR_CODE_BLOCKING_SINKS, mr_span_make(src, 9, 0), "both block");
  graph_says(&t, "city.yaml:2:3: warning[MR4003]: both block\n"
                 "city.yaml:3:12: error[MR2007]: cannot compare string with int64 in "
                 "steps.severe.where\n"
                 "   |\n"
                 " 3 |     where: severity > 3\n"
                 "   |            ^^^^^^^^   ^ severity is string (events.city_event, line 17)\n"
                 "   = try: severity IN ('high', 'critical')\n"
                 "city.yaml:5:5: error[MR1002]: unknown key \"windw\" in steps.by_type_5m (type "
                 "window)\n"
                 "   |\n"
                 " 5 |     windw: { tumbling: 5m }\n"
                 "   |     ^^^^^ did you mean \"window\"?\n"
                 "2 errors, 1 warning; nothing was started\n");
  graph_free(&t);
}

MR_TEST(a_note_on_another_line_shows_that_line_with_one_gutter) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, "\n\n\n\n\n\n\n\n\n\n\n" CITY);
  struct mr_diag *d =
      mr_diag_error(&t.diags, MR_CODE_DUPLICATE_KEY, span_of(src, "windw"), "twice");
  mr_diag_note(d, span_of(src, "severe"), "first here");
  graph_says(&t, "city.yaml:16:5: error[MR1011]: twice\n"
                 "   |\n"
                 "16 |     windw: { tumbling: 5m }\n"
                 "   |     ^^^^^\n"
                 "   |\n"
                 "13 |   severe:\n"
                 "   |   ^^^^^^ first here\n"
                 "1 error; nothing was started\n");
  graph_free(&t);
}

MR_TEST(carets_stand_under_characters_while_columns_count_bytes) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, "a: \xc3\xa9\xe2\x82\xac\txyz\n");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, span_of(src, "xyz"), "here");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, span_of(src, "\xe2\x82\xac"), "euro");
  graph_says(&t, "city.yaml:1:6: error[MR1010]: euro\n"
                 "   |\n"
                 " 1 | a: \xc3\xa9\xe2\x82\xac\txyz\n"
                 "   |     ^\n"
                 "city.yaml:1:10: error[MR1010]: here\n"
                 "   |\n"
                 " 1 | a: \xc3\xa9\xe2\x82\xac\txyz\n"
                 "   |      \t^^^\n"
                 "2 errors; nothing was started\n");
  graph_free(&t);
}

MR_TEST(a_span_at_the_end_of_a_line_has_a_caret_behind_it) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, "ab\ncd\n");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, mr_span_make(src, 2, 1), "end");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, mr_span_make(src, 4, 100), "over the end");
  graph_says(&t, "city.yaml:1:3: error[MR1010]: end\n"
                 "   |\n"
                 " 1 | ab\n"
                 "   |   ^\n"
                 "city.yaml:2:2: error[MR1010]: over the end\n"
                 "   |\n"
                 " 2 | cd\n"
                 "   |  ^\n"
                 "2 errors; nothing was started\n");
  graph_free(&t);
}

MR_TEST(long_lines_are_cut_around_the_span) {
  MR_UNUSED_STATE;
  struct graph_test t;
  char line[2001];
  memset(line, 'x', 2000);
  line[2000] = '\0';
  memcpy(line + 1000, "HERE", 4);
  struct mr_source *src = city(&t, line);
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, span_of(src, "HERE"), "here");
  const char *text = mr_diags_text(&t.diags, &t.arena, NULL);
  assert_non_null(strstr(text, "city.yaml:1:1001: "));
  const char *shown = strstr(text, " 1 | ");
  assert_non_null(shown);
  const char *end = strchr(shown, '\n');
  assert_in_range(end - shown, 100, 140);
  /* the caret row marks the very bytes */
  const char *caret = strchr(end, '^');
  assert_non_null(caret);
  assert_memory_equal(shown + (caret - end - 1), "HERE", 4);
  graph_free(&t);
}

MR_TEST(control_characters_and_malformed_bytes_never_reach_the_terminal) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, "a: \x1b[31m\xff\xc2\x9b\x7f"
                                   "b\n");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, span_of(src, "b"), "bad \x1b]0;x\x07 \xff\n\ttext");
  const char *text = mr_diags_text(&t.diags, &t.arena, NULL);
  assert_string_equal(text, "city.yaml:1:13: error[MR1010]: bad ?]0;x? ?  text\n"
                            "   |\n"
                            " 1 | a: ?[31m???b\n"
                            "   |            ^\n"
                            "1 error; nothing was started\n");
  graph_free(&t);
}

MR_TEST(diagnostics_come_by_source_line_and_column_whatever_the_order_they_were_found) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, "abc\ndef\n");
  struct mr_source *set = mr_source_make(&t.arena, "--set", "a=1", 3);
  set->order = 1;
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, mr_span_make(set, 0, 0), "five");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, mr_span_make(src, 5, 0), "three");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, mr_span_make(src, 5, 0), "four");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, mr_span_make(src, 2, 0), "two");
  mr_diag_error(&t.diags, MR_CODE_SYNTAX, mr_span_make(src, 0, 0), "one");
  graph_says(&t, "city.yaml:1:1: error[MR1010]: one\n"
                 "city.yaml:1:3: error[MR1010]: two\n"
                 "city.yaml:2:2: error[MR1010]: three\n"
                 "city.yaml:2:2: error[MR1010]: four\n"
                 "--set:1:1: error[MR1010]: five\n"
                 "5 errors; nothing was started\n");
  graph_free(&t);
}

MR_TEST(a_hundred_are_shown_and_the_rest_is_counted) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, CITY);
  for (int i = 0; i < 5000; i++) {
    struct mr_diag *d = mr_diag_error(&t.diags, MR_CODE_SYNTAX, mr_span_make(src, 0, 0), "n%d", i);
    mr_diag_try(mr_diag_note(mr_diag_label(d, "l"), mr_span_make(src, 1, 1), "n"), "t");
  }
  assert_int_equal(t.diags.cnt, MR_DIAG_KEPT_MAX);
  assert_true(mr_diags_full(&t.diags));
  const char *text = mr_diags_text(&t.diags, &t.arena, NULL);
  assert_non_null(strstr(text, "]: n99\n"));
  assert_null(strstr(text, "]: n100\n"));
  assert_non_null(strstr(text, "\nand 4900 more\n5000 errors; nothing was started\n"));
  graph_free(&t);
}

MR_TEST(warnings_alone_do_not_say_that_nothing_was_started) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, CITY);
  assert_string_equal(mr_diags_text(&t.diags, &t.arena, NULL), "");
  mr_diag_warning(&t.diags, MR_CODE_BLOCKING_SINKS, mr_span_make(src, 0, 0), "w");
  graph_says(&t, "city.yaml:1:1: warning[MR4003]: w\n1 warning\n");
  graph_free(&t);
}

MR_TEST(json_has_one_object_per_diagnostic_with_all_its_parts) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, CITY);
  struct mr_diag *d =
      mr_diag_error(&t.diags, MR_CODE_UNKNOWN_KEY, span_of(src, "windw"), "a \"quote\" and a \\");
  mr_diag_label(d, "lab\nel");
  mr_diag_note(d, span_of(src, "severe"), "no\"te");
  mr_diag_try(d, "hint");
  mr_diag_warning(&t.diags, MR_CODE_CANNOT_READ, (struct mr_span){0}, "no place");
  assert_string_equal(
      mr_diags_json(&t.diags, &t.arena, NULL),
      "{\"severity\":\"warning\",\"code\":\"MR1001\",\"message\":\"no place\"}\n"
      "{\"severity\":\"error\",\"code\":\"MR1002\",\"file\":\"city.yaml\",\"line\":5,\"column\":5,"
      "\"length\":5,\"message\":\"a \\\"quote\\\" and a \\\\\",\"label\":\"lab el\","
      "\"note\":{\"message\":\"no\\\"te\",\"file\":\"city.yaml\",\"line\":2,\"column\":3,"
      "\"length\":6},\"try\":\"hint\"}\n");
  graph_free(&t);
}

MR_TEST(very_long_messages_are_cut_between_characters) {
  MR_UNUSED_STATE;
  struct graph_test t;
  city(&t, CITY);
  char big[4001];
  for (int i = 0; i < 2000; i++) memcpy(big + 2 * i, "\xc3\xa9", 2);
  big[4000] = '\0';
  struct mr_diag *d = mr_diag_error(&t.diags, 1010, (struct mr_span){0}, "x%s", big);
  size_t len = strlen(d->message);
  assert_in_range(len, MR_DIAG_TEXT_MAX - 4, MR_DIAG_TEXT_MAX + 3);
  assert_string_equal(d->message + len - 5, "\xc3\xa9...");
  assert_null(strchr(d->message, '?'));
  graph_free(&t);
}

MR_TEST(a_source_without_text_has_no_line) {
  MR_UNUSED_STATE;
  struct graph_test t;
  struct mr_source *src = city(&t, "");
  mr_diag_error(&t.diags, MR_CODE_CANNOT_READ, mr_span_make(src, 0, 0), "cannot");
  graph_says(&t, "city.yaml: error[MR1001]: cannot\n1 error; nothing was started\n");
  graph_free(&t);
}

MR_TEST(every_code_has_a_title) {
  MR_UNUSED_STATE;
  assert_string_equal(mr_code_title(1002), "unknown key");
  assert_string_equal(mr_code_title(MR_CODE_NOT_COMPARABLE),
                      "values of these types cannot be compared");
  assert_null(mr_code_title(999));
  assert_null(mr_code_title(-1));
}

MR_TEST(lines_and_columns_are_right_at_every_byte) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  static const char text[] = "\xef\xbb\xbf"
                             "ab\r\n\rc\n\n\r\nd";
  struct mr_source *src = mr_source_make(&arena, "x", text, sizeof text - 1);
  assert_string_equal(src->text, "ab\n\nc\n\n\nd");
  uint32_t line = 1, col = 1;
  for (uint32_t i = 0; i <= src->len; i++) { /* counted by hand, one byte after the other */
    uint32_t l, c;
    mr_source_locate(src, i, &l, &c);
    assert_int_equal(l, line);
    assert_int_equal(c, col);
    col++;
    if (src->text[i] == '\n') {
      line++;
      col = 1;
    }
  }
  uint32_t len;
  assert_memory_equal(mr_source_line(src, 1, &len), "ab", 2);
  assert_int_equal(len, 2);
  assert_memory_equal(mr_source_line(src, 6, &len), "d", 1);
  assert_int_equal(len, 1);
  mr_source_line(src, 7, &len);
  assert_int_equal(len, 0);
  mr_arena_free(&arena);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(carets_a_second_span_and_hints_are_drawn_as_the_manual_shows),
    MR_CASE(a_note_on_another_line_shows_that_line_with_one_gutter),
    MR_CASE(carets_stand_under_characters_while_columns_count_bytes),
    MR_CASE(a_span_at_the_end_of_a_line_has_a_caret_behind_it),
    MR_CASE(long_lines_are_cut_around_the_span),
    MR_CASE(control_characters_and_malformed_bytes_never_reach_the_terminal),
    MR_CASE(diagnostics_come_by_source_line_and_column_whatever_the_order_they_were_found),
    MR_CASE(a_hundred_are_shown_and_the_rest_is_counted),
    MR_CASE(warnings_alone_do_not_say_that_nothing_was_started),
    MR_CASE(json_has_one_object_per_diagnostic_with_all_its_parts),
    MR_CASE(very_long_messages_are_cut_between_characters),
    MR_CASE(a_source_without_text_has_no_line),
    MR_CASE(every_code_has_a_title),
    MR_CASE(lines_and_columns_are_right_at_every_byte),
};

MR_MAIN(cases)
