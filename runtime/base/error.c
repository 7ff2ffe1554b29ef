/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

_Noreturn void mr_assert_fail(const char *file, int line, const char *text) {
  char buf[512];
  int len =
      snprintf(buf, sizeof buf - 1, "millrace: %s:%d: assertion failed: %s", file, line, text);
  size_t n = len < 0 ? 0 : (size_t)len < sizeof buf - 1 ? (size_t)len : sizeof buf - 2;
  buf[n++] = '\n';
  ssize_t written = write(STDERR_FILENO, buf, n);
  (void)written;
  abort();
}

void mr_error_clear(struct mr_error *err) {
  err->code = MR_OK;
  err->sys_errno = 0;
  err->text[0] = 0;
}

/* Room to see whether the cut at MR_ERROR_TEXT_SZ falls into a code point. */
#define WORK_SZ (MR_ERROR_TEXT_SZ + 4)

/* text (len as vsnprintf gave it), then ": " and more if there is more, into err->text; cut where
 * it is full. */
static void join(struct mr_error *err, const char *text, int len, const char *more) {
  char whole[2 * WORK_SZ + 2];
  size_t used = len < 0 ? 0 : (size_t)len < WORK_SZ ? (size_t)len : WORK_SZ - 1;
  memcpy(whole, text, used);
  if (*more) {
    size_t more_len = strnlen(more, MR_ERROR_TEXT_SZ);
    memcpy(whole + used, ": ", 2);
    memcpy(whole + used + 2, more, more_len);
    used += 2 + more_len;
  }
  if (used > MR_ERROR_TEXT_SZ - 1) {
    used = MR_ERROR_TEXT_SZ - 1;
    while (used && ((unsigned char)whole[used] & 0xc0) == 0x80) used--;
  }
  memcpy(err->text, whole, used);
  err->text[used] = 0;
}

int mr_error_set(struct mr_error *err, int code, const char *fmt, ...) {
  if (!err) return code;
  va_list args;
  va_start(args, fmt);
  char text[WORK_SZ]; /* an argument may point into err->text */
  int len = vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  err->code = code;
  err->sys_errno = 0;
  join(err, text, len, "");
  return code;
}

int mr_error_set_sys(struct mr_error *err, int sys_errno, const char *fmt, ...) {
  if (!err) return MR_ERR_SYS;
  va_list args;
  va_start(args, fmt);
  char text[WORK_SZ], name[128];
  int len = vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  err->code = MR_ERR_SYS;
  err->sys_errno = sys_errno;
  join(err, text, len, strerror_r(sys_errno, name, sizeof name));
  return err->code;
}

int mr_error_append(struct mr_error *err, const char *fmt, ...) {
  if (!err) return MR_ERR_STATE;
  va_list args;
  va_start(args, fmt);
  char text[WORK_SZ];
  int len = vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  join(err, text, len, err->text);
  return err->code;
}

const char *mr_err_str(int code) {
  switch (code) {
  case MR_OK: return "ok";
  case MR_ERR_NOMEM: return "no memory";
  case MR_ERR_SYS: return "system call failed";
  case MR_ERR_ARG: return "argument out of range";
  case MR_ERR_CONF: return "configuration is wrong";
  case MR_ERR_IO: return "input or output failed";
  case MR_ERR_EXISTS: return "exists already or is in use";
  case MR_ERR_NOENT: return "not there";
  case MR_ERR_LIMIT: return "limit reached";
  case MR_ERR_PERM: return "not permitted";
  case MR_ERR_DATA: return "malformed data";
  case MR_ERR_AGAIN: return "not now";
  case MR_ERR_STATE: return "call does not fit the state";
  default: return "unknown error";
  }
}
