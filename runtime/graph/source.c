/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/limits.h"

/* Copies with one '\n' per line end; returns the new length. */
static uint32_t normalize(char *to, const char *from, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    if (from[i] != '\r') {
      to[n++] = from[i];
    } else {
      to[n++] = '\n';
      if (i + 1 < len && from[i + 1] == '\n') i++;
    }
  }
  to[n] = '\0';
  return (uint32_t)n;
}

struct mr_source *mr_source_make(struct mr_arena *arena, const char *name, const void *bytes,
                                 size_t len) {
  MR_ASSERT(len < UINT32_MAX);
  struct mr_source *src = MR_NEW(arena, struct mr_source, 1);
  src->name = mr_arena_strdup(arena, name);

  const char *from = bytes;
  if (len >= 3 && memcmp(from, "\xef\xbb\xbf", 3) == 0) {
    from += 3;
    len -= 3;
  }
  char *text = mr_arena_alloc(arena, len + 1);
  src->text = text;
  src->len = normalize(text, from, len);

  uint32_t lines = 1;
  for (uint32_t i = 0; i < src->len; i++) lines += text[i] == '\n';
  uint32_t *off = MR_NEW(arena, uint32_t, lines);
  uint32_t line = 1;
  for (uint32_t i = 0; i < src->len; i++)
    if (text[i] == '\n') off[line++] = i + 1;
  src->line_off = off;
  src->line_cnt = lines;
  return src;
}

/* Reads until the end or until cap bytes are there; the number of bytes, or -1 with errno. */
static ssize_t read_all(int fd, char *buf, size_t cap) {
  size_t n = 0;
  while (n < cap) {
    ssize_t got = read(fd, buf + n, cap - n);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    n += (size_t)got;
  }
  return (ssize_t)n;
}

struct mr_source *mr_source_read(struct mr_arena *arena, const char *path, struct mr_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    mr_error_set_sys(err, errno, "cannot open %s", path);
    return NULL;
  }
  struct stat st;
  size_t size = 0; /* unknown: a pipe, or a file that does not tell */
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) size = (size_t)st.st_size;
  struct mr_source *src = NULL;
  if (size <= MR_GRAPH_FILE_MAX) {
    size_t cap = size ? size + 1 : (size_t)MR_GRAPH_FILE_MAX + 1;
    char *buf = mr_arena_alloc(arena, cap);
    ssize_t got = read_all(fd, buf, cap);
    if (got < 0) {
      mr_error_set_sys(err, errno, "cannot read %s", path);
    } else if (size && (size_t)got == cap) {
      mr_error_set(err, MR_ERR_SYS, "%s grew while it was read", path);
    } else if ((size_t)got <= MR_GRAPH_FILE_MAX) {
      src = mr_source_make(arena, path, buf, (size_t)got);
    } else {
      size = (size_t)got;
    }
  }
  close(fd);
  if (size > MR_GRAPH_FILE_MAX)
    mr_error_set(err, MR_ERR_LIMIT, "a graph file has at most %u KiB",
                 (unsigned)(MR_GRAPH_FILE_MAX >> 10));
  return src;
}

void mr_source_locate(const struct mr_source *src, uint32_t off, uint32_t *line, uint32_t *col) {
  if (off > src->len) off = src->len;
  uint32_t lo = 0, hi = src->line_cnt; /* line_off[lo] <= off < line_off[hi] */
  while (hi - lo > 1) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (src->line_off[mid] <= off) {
      lo = mid;
    } else {
      hi = mid;
    }
  }
  *line = lo + 1;
  *col = off - src->line_off[lo] + 1;
}

const char *mr_source_line(const struct mr_source *src, uint32_t line, uint32_t *len) {
  *len = 0;
  if (line == 0 || line > src->line_cnt) return "";
  uint32_t begin = src->line_off[line - 1];
  *len = (line < src->line_cnt ? src->line_off[line] - 1 : src->len) - begin;
  return src->text + begin;
}

struct mr_span mr_span_make(const struct mr_source *src, size_t off, size_t len) {
  struct mr_span span = {src, src->len, 0};
  if (off < src->len) {
    span.off = (uint32_t)off;
    span.len = (uint32_t)(len < src->len - off ? len : src->len - off);
  }
  return span;
}
