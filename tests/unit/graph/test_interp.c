/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/interp.h"
#include "graph/secret.h"
#include "graph_test.h"

static const char *known(void *ctx, const char *name) {
  return strcmp(name, "data_dir") == 0 ? (const char *)ctx : NULL;
}

static void load(struct graph_test *t, const char *text, bool no_env) {
  setenv("MR_T_FULL", "full", 1);
  setenv("MR_T_EMPTY", "", 1);
  setenv("MR_T_MAP", "{a: 1}\n- x", 1);
  setenv("MR_T_BAD", "\xff", 1);
  unsetenv("MR_T_NONE");
  graph_load(t, text);
  assert_int_equal(t->diags.error_cnt, 0);
  char dir[] = "/data";
  struct mr_interp interp = {.lookup = known, .ctx = dir, .no_env = no_env};
  mr_interp_apply(&interp, &t->arena, t->root, &t->diags);
}

static void assert_becomes(const char *text, const char *want) {
  struct graph_test t;
  load(&t, text, false);
  assert_int_equal(t.diags.error_cnt, 0);
  assert_string_equal(mr_tree_get(t.root, "a")->text, want);
  assert_int_equal(mr_tree_get(t.root, "a")->len, strlen(want));
  graph_free(&t);
}

MR_TEST(variables_defaults_and_dollars_are_replaced) {
  MR_UNUSED_STATE;
  assert_becomes("a: ${MR_T_FULL}", "full");
  assert_becomes("a: x${MR_T_FULL}y${MR_T_FULL}", "xfullyfull");
  assert_becomes("a: ${MR_T_EMPTY}.", ".");
  assert_becomes("a: ${MR_T_NONE:-localhost:9092}", "localhost:9092");
  assert_becomes("a: ${MR_T_EMPTY:-d}", "d");
  assert_becomes("a: ${MR_T_FULL:-d}", "full");
  assert_becomes("a: '${MR_T_NONE:-}'", "");
  assert_becomes("a: ${MR_T_FULL:?needed}", "full");
  assert_becomes("a: $$ and $${MR_T_FULL} and $1 and $", "$ and ${MR_T_FULL} and $1 and $");
  assert_becomes("a: $$$${x", "$${x");
  assert_becomes("a: ${data_dir}/x", "/data/x");
}

MR_TEST(a_variable_never_makes_structure_and_keys_are_left_alone) {
  MR_UNUSED_STATE;
  struct graph_test t;
  load(&t, "a: ${MR_T_MAP}\n${MR_T_FULL}: 1\n", false);
  assert_int_equal(mr_tree_get(t.root, "a")->kind, MR_TREE_SCALAR);
  assert_string_equal(mr_tree_get(t.root, "a")->text, "{a: 1}\n- x");
  assert_string_equal(t.root->keys[1]->text, "${MR_T_FULL}");
  graph_free(&t);
}

MR_TEST(unset_and_malformed_references_are_reported_at_the_reference) {
  MR_UNUSED_STATE;
  struct graph_test t;
  load(&t,
       "a: x ${MR_T_NONE} y\nb: \"\\t${MR_T_EMPTY:?set the broker}\"\nc: '''${1x}'\nd: ab${MR_T\n"
       "e: ${file:/no/such/file}\nf: ${MR_T_BAD}\ng: ${MR_T_NONE:+x}\n",
       false);
  graph_says_at(&t, MR_CODE_UNSET_VARIABLE, 1, 6);
  graph_says_at(&t, MR_CODE_UNSET_VARIABLE, 2, 7);
  graph_says_at(&t, MR_CODE_BAD_VARIABLE, 3, 7);
  graph_says_at(&t, MR_CODE_BAD_VARIABLE, 4, 6);
  graph_says_at(&t, MR_CODE_CANNOT_READ_SECRET, 5, 4);
  graph_says_at(&t, MR_CODE_BAD_UTF8, 6, 4);
  graph_says_at(&t, MR_CODE_BAD_VARIABLE, 7, 4);
  assert_int_equal(t.diags.error_cnt, 7);
  const char *text = mr_diags_text(&t.diags, &t.arena, NULL);
  static const char want[] =
      "g.yaml:1:6: error[MR1025]: the environment variable MR_T_NONE is not set\n"
      "   |\n"
      " 1 | a: x ${MR_T_NONE} y\n"
      "   |      ^^^^^^^^^^^^\n"
      "   = try: ${MR_T_NONE:-default}\n"
      "g.yaml:2:7: error[MR1025]: set the broker\n"
      "   |\n"
      " 2 | b: \"\\t${MR_T_EMPTY:?set the broker}\"\n"
      "   |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ MR_T_EMPTY is empty\n"
      "g.yaml:3:7: ";
  assert_memory_equal(text, want, sizeof want - 1);
  graph_free(&t);
}

MR_TEST(without_the_environment_defaults_hold_and_the_rest_is_left_unchecked) {
  MR_UNUSED_STATE;
  struct graph_test t;
  load(&t, "a: ${MR_T_FULL}\nb: ${MR_T_FULL:-d}\nc: ${MR_T_FULL:?m}\nd: ${data_dir}\n", true);
  assert_int_equal(t.diags.error_cnt, 0);
  assert_true(mr_tree_get(t.root, "a")->is_opaque);
  assert_string_equal(mr_tree_get(t.root, "b")->text, "d");
  assert_false(mr_tree_get(t.root, "b")->is_opaque);
  assert_true(mr_tree_get(t.root, "c")->is_opaque);
  assert_string_equal(mr_tree_get(t.root, "d")->text, "/data");
  graph_free(&t);
}

/* A file below a folder of this test's, with that content. */
static const char *write_secret(const char *dir, const char *name, const char *text, size_t len) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, len, f), len);
  fclose(f);
  return path;
}

MR_TEST(secrets_are_read_marked_and_kept_to_be_scrubbed) {
  MR_UNUSED_STATE;
  struct graph_test t;
  char dir[] = "/tmp/millrace-interp-XXXXXX", text[512];
  assert_non_null(mkdtemp(dir));
  const char *path = write_secret(dir, "token", "hunter2!\n", 9);
  setenv("CREDENTIALS_DIRECTORY", dir, 1);
  snprintf(text, sizeof text, "a: x-${file:%s}-y\nb: ${cred:token}\nc: plain\n", path);
  graph_load(&t, text);
  struct mr_secrets secrets = {.arena = &t.arena};
  struct mr_interp interp = {.secrets = &secrets};
  mr_interp_apply(&interp, &t.arena, t.root, &t.diags);
  assert_int_equal(t.diags.error_cnt, 0);
  assert_string_equal(mr_tree_get(t.root, "a")->text, "x-hunter2!-y");
  assert_string_equal(mr_tree_get(t.root, "b")->text, "hunter2!");
  assert_true(mr_tree_get(t.root, "a")->is_secret && mr_tree_get(t.root, "b")->is_secret);
  assert_false(mr_tree_get(t.root, "c")->is_secret);
  char said[] = "hunter2! and hunter2!hunter2!, hunter2";
  assert_string_equal(mr_secrets_scrub(&secrets, said), "*** and ******, hunter2");
  graph_free(&t);
  graph_load(&t, text);
  interp = (struct mr_interp){.no_env = true};
  remove(path);
  mr_interp_apply(&interp, &t.arena, t.root, &t.diags); /* not read at all */
  assert_int_equal(t.diags.error_cnt, 0);
  assert_true(mr_tree_get(t.root, "a")->is_opaque && mr_tree_get(t.root, "a")->is_secret);
  graph_free(&t);
  unsetenv("CREDENTIALS_DIRECTORY");
  remove(dir);
}

MR_TEST(longer_secrets_are_scrubbed_before_their_parts_and_short_ones_not_at_all) {
  MR_UNUSED_STATE;
  struct mr_arena arena = {0};
  struct mr_secrets secrets = {.arena = &arena};
  char said[] = "key id abcd\nabcdefgh abcdef xyz key";
  mr_secrets_add(&secrets, "abcd", 4);
  mr_secrets_add(&secrets, "xyz", 3);
  mr_secrets_add(&secrets, "key id abcd\nabcdefgh", 20); /* its lines too */
  assert_string_equal(mr_secrets_scrub(&secrets, said), "*** ***ef xyz key");
  char other[] = "abcdefgh";
  assert_string_equal(mr_secrets_scrub(&secrets, other), "***");
  assert_string_equal(mr_secrets_scrub(NULL, other), "***");
  mr_arena_free(&arena);
}

MR_TEST(what_is_no_secret_file_is_an_error_with_its_reason) {
  MR_UNUSED_STATE;
  static char large[(64 << 10) + 1];
  struct graph_test t;
  char dir[] = "/tmp/millrace-interp-XXXXXX", text[1024];
  assert_non_null(mkdtemp(dir));
  memset(large, 'x', sizeof large);
  unsetenv("CREDENTIALS_DIRECTORY");
  write_secret(dir, "large", large, sizeof large);
  write_secret(dir, "bytes", "a\xff", 2);
  write_secret(dir, "nul", "a\0b", 3);
  snprintf(text, sizeof text,
           "a: ${file:%s/large}\nb: ${file:%s/bytes}\nc: ${file:%s/nul}\nd: ${file:%s}\n"
           "e: ${cred:x}\nf: ${cred:../x}\ng: ${file:}\n",
           dir, dir, dir, dir);
  load(&t, text, false);
  for (uint32_t line = 1; line <= 5; line++) graph_says_at(&t, MR_CODE_CANNOT_READ_SECRET, line, 4);
  graph_says_at(&t, MR_CODE_BAD_VARIABLE, 6, 4);
  graph_says_at(&t, MR_CODE_BAD_VARIABLE, 7, 4);
  assert_int_equal(t.diags.error_cnt, 7);
  graph_free(&t);
  static const char *const names[] = {"large", "bytes", "nul"};
  for (int i = 0; i < 3; i++) {
    snprintf(text, sizeof text, "%s/%s", dir, names[i]);
    remove(text);
  }
  remove(dir);
}

MR_TEST(a_value_is_replaced_once) {
  MR_UNUSED_STATE;
  struct graph_test t;
  load(&t, "a: $${MR_T_FULL}\n", false);
  struct mr_interp again = {0};
  mr_interp_apply(&again, &t.arena, t.root, &t.diags);
  assert_string_equal(mr_tree_get(t.root, "a")->text, "${MR_T_FULL}");
  graph_free(&t);
}

MR_TEST(positions_hold_through_replaced_text) {
  MR_UNUSED_STATE;
  struct graph_test t;
  load(&t, "a: \"one ${MR_T_FULL} two\"\n", false);
  struct mr_tree *a = mr_tree_get(t.root, "a");
  assert_string_equal(a->text, "one full two");
  struct mr_span two = mr_tree_span_at(&t.arena, a, 9, 3),
                 full = mr_tree_span_at(&t.arena, a, 4, 4);
  assert_memory_equal(two.src->text + two.off, "two\"", 4);
  assert_int_equal(two.len, 3);
  assert_memory_equal(full.src->text + full.off, "${MR_T_FULL} ", 13);
  assert_int_equal(full.len, 12);
  graph_free(&t);
}

MR_TEST(variables_cannot_blow_up_the_file) {
  MR_UNUSED_STATE;
  enum { REFS = 9000 };
  struct mr_arena arena = {0};
  char *big = mr_arena_alloc(&arena, 2001);
  struct graph_test t;
  memset(big, 'x', 2000);
  setenv("MRT", big, 1);
  char *lines = mr_arena_alloc(&arena, REFS * 9 + 1);
  for (int i = 0; i < REFS; i++) memcpy(lines + i * 9, "- ${MRT}\n", 9);
  graph_load(&t, lines);
  struct mr_interp interp = {0};
  mr_interp_apply(&interp, &t.arena, t.root, &t.diags);
  unsetenv("MRT");
  assert_int_equal(t.diags.error_cnt, 1);
  assert_int_equal(t.diags.items[0]->code, MR_CODE_TEXT_TOO_LONG);
  graph_free(&t);
  mr_arena_free(&arena);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(variables_defaults_and_dollars_are_replaced),
    MR_CASE(a_variable_never_makes_structure_and_keys_are_left_alone),
    MR_CASE(unset_and_malformed_references_are_reported_at_the_reference),
    MR_CASE(without_the_environment_defaults_hold_and_the_rest_is_left_unchecked),
    MR_CASE(secrets_are_read_marked_and_kept_to_be_scrubbed),
    MR_CASE(longer_secrets_are_scrubbed_before_their_parts_and_short_ones_not_at_all),
    MR_CASE(what_is_no_secret_file_is_an_error_with_its_reason),
    MR_CASE(a_value_is_replaced_once),
    MR_CASE(positions_hold_through_replaced_text),
    MR_CASE(variables_cannot_blow_up_the_file),
};

MR_MAIN(cases)
