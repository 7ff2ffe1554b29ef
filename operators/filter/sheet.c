/* SPDX-License-Identifier: Apache-2.0 */
#include "filter/sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define PAD 64u /* readable bytes behind the text */

static int load(struct mr_arena *arena, int fd, const char *path, uint64_t size, char **text,
                size_t *len, struct mr_error *err) {
  char *p = mr_arena_alloc(arena, size + PAD);
  size_t at = 0;
  while (at < size) {
    ssize_t n = read(fd, p + at, size - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      mr_error_set_sys(err, errno, "cannot read %s", path);
      return err->code = MR_ERR_IO;
    }
    if (n == 0) break;
    at += (size_t)n;
  }
  *text = p;
  *len = at;
  return MR_OK;
}

static int load_file(struct mr_arena *arena, const char *path, char **text, size_t *len,
                     struct mr_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0) {
    mr_error_set_sys(err, errno, "cannot read %s", path);
    if (fd >= 0) close(fd);
    return err->code = MR_ERR_IO;
  }
  int rc;
  if (!S_ISREG(st.st_mode))
    rc = mr_error_set(err, MR_ERR_IO, "cannot read %s: it is no regular file", path);
  else if ((uint64_t)st.st_size > MR_SHEET_BYTES_MAX)
    rc = mr_error_set(err, MR_ERR_LIMIT, "%s has %llu bytes; a table has at most %llu", path,
                      (unsigned long long)st.st_size, (unsigned long long)MR_SHEET_BYTES_MAX);
  else
    rc = load(arena, fd, path, (uint64_t)st.st_size, text, len, err);
  close(fd);
  return rc;
}

static bool ends_with(const char *path, const char *end) {
  size_t len = strlen(path), end_len = strlen(end);
  return len >= end_len && !strcmp(path + len - end_len, end);
}

static bool is_ndjson(const char *path, const char *text, size_t len) {
  if (ends_with(path, ".csv")) return false;
  if (ends_with(path, ".json") || ends_with(path, ".ndjson") || ends_with(path, ".jsonl"))
    return true;
  while (len && strchr(" \t\r\n", *text)) text++, len--;
  return len && *text == '{';
}

int mr_sheet_read(struct mr_arena *arena, const char *path, struct mr_sheet *table,
                  struct mr_error *err) {
  char *text = NULL;
  size_t len = 0;
  int rc = load_file(arena, path, &text, &len, err);
  if (rc) return rc;
  if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
    text += 3;
    len -= 3;
  }
  if (is_ndjson(path, text, len)) return mr_sheet_read_ndjson(arena, text, len, path, table, err);
  return mr_sheet_read_csv(arena, text, len, path, table, err);
}

int32_t mr_sheet_find(const struct mr_sheet *table, const char *name) {
  for (uint32_t c = 0; c < table->column_cnt; c++)
    if (!strcmp(table->columns[c].name, name)) return (int32_t)c;
  return -1;
}

bool mr_sheet_int64(const struct mr_sheet_column *column, uint32_t row, int64_t *out) {
  const struct mr_sheet_cell *cell = &column->cells[row];
  if (cell->kind == MR_SHEET_TEXT) return !mr_int64_parse(cell->u.text, cell->len, out);
  if (cell->kind != MR_SHEET_INT64 && cell->kind != MR_SHEET_BOOL) return false;
  *out = cell->u.i64;
  return true;
}

bool mr_sheet_double(const struct mr_sheet_column *column, uint32_t row, double *out) {
  const struct mr_sheet_cell *cell = &column->cells[row];
  switch (cell->kind) {
  case MR_SHEET_TEXT: return !mr_double_parse(cell->u.text, cell->len, out);
  case MR_SHEET_INT64: *out = (double)cell->u.i64; return true;
  case MR_SHEET_DOUBLE: *out = cell->u.f64; return true;
  default: return false;
  }
}

bool mr_sheet_text(const struct mr_sheet_column *column, uint32_t row, const char **text,
                   uint32_t *len) {
  const struct mr_sheet_cell *cell = &column->cells[row];
  *text = cell->u.text;
  *len = cell->len;
  return cell->kind == MR_SHEET_TEXT;
}
