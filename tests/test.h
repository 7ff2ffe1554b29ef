/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_TEST_H
#define MR_TESTS_TEST_H

/* The unit tests' vocabulary over cmocka: MR_TEST(sentence) { ... }, listed with MR_CASE(sentence),
 * run by MR_MAIN(list). A case that cannot run here calls mr_skip(why); a program whose cases were
 * all skipped exits with 77, which CTest counts as skipped. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MR_TEST(sentence) static void sentence(void **state_)
#define MR_CASE(sentence) cmocka_unit_test(sentence)
#define MR_UNUSED_STATE   (void)state_

/* Cases skipped so far in this program. */
__attribute__((unused)) static size_t mr_skipped_cnt;

/* Ends the running case; why is one line, for example "needs two CPUs". */
#define mr_skip(why)                                                                               \
  do {                                                                                             \
    printf("skipped: %s\n", (why));                                                                \
    mr_skipped_cnt++;                                                                              \
    skip();                                                                                        \
  } while (0)

#define MR_MAIN(cases)                                                                             \
  int main(void) {                                                                                 \
    int failed = cmocka_run_group_tests(cases, NULL, NULL);                                        \
    if (!failed && mr_skipped_cnt == sizeof(cases) / sizeof((cases)[0])) return 77;                \
    return failed;                                                                                 \
  }

#endif
