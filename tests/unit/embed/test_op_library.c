/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator must have before it is taken into a registry. */
#include <string.h>

#include "operators/operators.h"
#include "test.h"
#include "worker/library.h"

static void process(struct mr_op_ctx *ctx, const struct mr_view *in) {
  (void)ctx, (void)in;
}

static const struct mr_op good = {.name = "good",
                                  .help = "does nothing",
                                  .abi = MR_OP_ABI,
                                  .kind = MR_OP_STEP,
                                  .process = process};

MR_TEST(every_operator_of_millrace_can_be_used) {
  MR_UNUSED_STATE;
  for (const struct mr_op *const *op = mr_operators.ops; *op; op++)
    if (mr_op_unusable(*op)) fail_msg("%s: %s", (*op)->name, mr_op_unusable(*op));
}

MR_TEST(the_smallest_step_is_a_name_a_help_text_and_process) {
  MR_UNUSED_STATE;
  assert_null(mr_op_unusable(&good));
}

MR_TEST(an_operator_without_what_its_kind_needs_is_told_why) {
  MR_UNUSED_STATE;
  struct mr_op op = good;
  op.process = NULL;
  assert_string_equal(mr_op_unusable(&op), "a step or sink needs process");
  op = good;
  op.kind = MR_OP_SOURCE;
  assert_string_equal(mr_op_unusable(&op), "a source needs plan and poll");
  op = good;
  op.name = "no name";
  assert_string_equal(mr_op_unusable(&op), "it has no valid name");
  op = good;
  op.help = NULL;
  assert_string_equal(mr_op_unusable(&op), "it has no help text");
  op = good;
  op.flags = MR_OP_TIMED;
  assert_string_equal(mr_op_unusable(&op), "a timed operator needs advance");
}

MR_TEST(a_file_that_is_not_there_is_no_library) {
  MR_UNUSED_STATE;
  const struct mr_op_library *lib;
  struct mr_error err;
  assert_int_equal(mr_op_library_load("/nowhere/at/all.so", &lib, &err), MR_ERR_NOENT);
  assert_non_null(strstr(err.text, "/nowhere/at/all.so"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      MR_CASE(every_operator_of_millrace_can_be_used),
      MR_CASE(the_smallest_step_is_a_name_a_help_text_and_process),
      MR_CASE(an_operator_without_what_its_kind_needs_is_told_why),
      MR_CASE(a_file_that_is_not_there_is_no_library),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
