/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"

MR_TEST(an_error_is_a_chain_from_the_outside_in) {
  MR_UNUSED_STATE;
  struct mr_error err;
  mr_error_clear(&err);
  assert_int_equal(err.code, MR_OK);
  assert_string_equal(err.text, "");
  assert_int_equal(mr_error_set(&err, MR_ERR_LIMIT, "%d links", 1025), MR_ERR_LIMIT);
  assert_int_equal(mr_error_append(&err, "graph '%s'", "city"), MR_ERR_LIMIT);
  assert_int_equal(mr_error_append(&err, "run"), MR_ERR_LIMIT);
  assert_string_equal(err.text, "run: graph 'city': 1025 links");
  assert_int_equal(err.sys_errno, 0);
}

MR_TEST(a_system_error_names_its_errno) {
  MR_UNUSED_STATE;
  struct mr_error err;
  assert_int_equal(mr_error_set_sys(&err, ENOENT, "open %s", "/nowhere"), MR_ERR_SYS);
  assert_int_equal(err.sys_errno, ENOENT);
  assert_string_equal(err.text, "open /nowhere: No such file or directory");
}

MR_TEST(no_error_buffer_is_fine) {
  MR_UNUSED_STATE;
  assert_int_equal(mr_error_set(NULL, MR_ERR_IO, "x"), MR_ERR_IO);
  assert_int_equal(mr_error_set_sys(NULL, EIO, "x"), MR_ERR_SYS);
}

MR_TEST(a_long_text_is_cut_between_code_points) {
  MR_UNUSED_STATE;
  struct mr_error err;
  char letters[2001];
  for (int shift = 0; shift < 2; shift++) {
    for (int i = 0; i < 1000; i++) memcpy(letters + 2 * i, "\xc3\xa9", 2);
    letters[2000] = 0;
    mr_error_set(&err, MR_ERR_ARG, "%s", "inner");
    mr_error_append(&err, "%s%s", shift ? "x" : "", letters + 1000);
    assert_true(strlen(err.text) < MR_ERROR_TEXT_SZ);
    mr_error_append(&err, "%s", letters);
    size_t len = strlen(err.text);
    assert_true(len >= MR_ERROR_TEXT_SZ - 3 && len < MR_ERROR_TEXT_SZ);
    assert_int_equal((unsigned char)err.text[len - 1], 0xa9);
  }
}

MR_TEST(an_argument_may_come_from_the_error_itself) {
  MR_UNUSED_STATE;
  struct mr_error err;
  mr_error_set(&err, MR_ERR_DATA, "bad byte");
  mr_error_set(&err, MR_ERR_CONF, "line 3: %s", err.text);
  assert_string_equal(err.text, "line 3: bad byte");
}

MR_TEST(every_code_has_a_name_of_its_own) {
  MR_UNUSED_STATE;
  assert_string_equal(mr_err_str(MR_ERR_NOMEM), "no memory");
  for (int a = MR_ERR_STATE; a <= MR_OK; a++) {
    assert_string_not_equal(mr_err_str(a), mr_err_str(-1000));
    for (int b = a + 1; b <= MR_OK; b++) assert_string_not_equal(mr_err_str(a), mr_err_str(b));
  }
  assert_non_null(mr_err_str(12345));
}

MR_TEST(a_failed_assertion_says_one_line_and_aborts) {
  MR_UNUSED_STATE;
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    signal(SIGABRT, SIG_DFL);
    dup2(fds[1], STDERR_FILENO);
    close(fds[0]);
    int two = (int)strlen("ab");
    MR_ASSERT(two == 3);
    _exit(0);
  }
  close(fds[1]);
  char text[1024];
  size_t len = 0;
  for (ssize_t n; (n = read(fds[0], text + len, sizeof text - 1 - len)) > 0;) len += (size_t)n;
  text[len] = 0;
  close(fds[0]);
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  assert_non_null(strstr(text, "test_error.c:"));
  assert_non_null(strstr(text, "two == 3\n"));
  assert_ptr_equal(strchr(text, '\n'), text + len - 1);
}

static const struct CMUnitTest cases[] = {
    MR_CASE(an_error_is_a_chain_from_the_outside_in),
    MR_CASE(a_system_error_names_its_errno),
    MR_CASE(no_error_buffer_is_fine),
    MR_CASE(a_long_text_is_cut_between_code_points),
    MR_CASE(an_argument_may_come_from_the_error_itself),
    MR_CASE(every_code_has_a_name_of_its_own),
    MR_CASE(a_failed_assertion_says_one_line_and_aborts),
};
MR_MAIN(cases)
