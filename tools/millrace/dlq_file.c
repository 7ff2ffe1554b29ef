/* SPDX-License-Identifier: Apache-2.0 */
#include "dlq_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SUFFIX     ".ndjson"
#define SUFFIX_LEN 7u

/* ---- one file ---- */

bool mr_dlq_open(struct mr_dlq_file *file, const char *path, bool change) {
  memset(file, 0, sizeof *file);
  file->path = path;
  int fd = open(path, (change ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (fd < 0) return false;
  while (change && flock(fd, LOCK_EX)) {
    if (errno == EINTR) continue;
    break; /* a file system without locks */
  }
  file->file = fdopen(fd, change ? "r+" : "r");
  if (file->file) return true;
  int saved = errno;
  close(fd);
  errno = saved;
  return false;
}

static bool is_blank(const char *line, size_t len) {
  return strspn(line, " ") == len;
}

bool mr_dlq_next(struct mr_dlq_file *file, struct mr_dlq_record *record) {
  for (;;) {
    ssize_t n = getline(&file->line, &file->cap, file->file);
    if (n <= 0 || file->line[n - 1] != '\n') return false;
    size_t len = (size_t)n - 1;
    file->line[len] = 0;
    uint64_t off = file->at;
    file->at += (uint64_t)n;
    if (is_blank(file->line, len)) continue;
    mr_arena_free(&file->arena);
    *record = (struct mr_dlq_record){.off = off, .len = len, .line = file->line};
    const struct mr_value *v = mr_value_parse(&file->arena, file->line, len);
    if (v && v->kind == MR_VALUE_OBJECT) record->value = v;
    return true;
  }
}

bool mr_dlq_remove(struct mr_dlq_file *file, uint64_t off, size_t len) {
  char blanks[4096];
  memset(blanks, ' ', sizeof blanks);
  int fd = fileno(file->file);
  while (len) {
    ssize_t n = pwrite(fd, blanks, len < sizeof blanks ? len : sizeof blanks, (off_t)off);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    off += (uint64_t)n;
    len -= (size_t)n;
  }
  return true;
}

/* Nothing but blank lines, whole ones, from the start to the end. */
static bool nothing_left(int fd) {
  char buf[65536];
  off_t off = 0;
  ssize_t n;
  char last = '\n';
  while ((n = pread(fd, buf, sizeof buf, off)) > 0) {
    for (ssize_t i = 0; i < n; i++)
      if (buf[i] != ' ' && buf[i] != '\n') return false;
    last = buf[n - 1];
    off += n;
  }
  return n == 0 && last == '\n';
}

/* A lease for writing is granted only while no other descriptor of the file is open anywhere, and
 * makes whoever opens it wait: so nothing is appended between the look and the cut. */
static bool cut_if_empty(int fd) {
  if (!nothing_left(fd)) return true;
  signal(SIGIO, SIG_IGN); /* says that somebody waits */
  if (fcntl(fd, F_SETLEASE, F_WRLCK)) return true;
  bool cut = !nothing_left(fd) || !ftruncate(fd, 0);
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return cut;
}

bool mr_dlq_sync(struct mr_dlq_file *file) {
  int fd = fileno(file->file);
  return cut_if_empty(fd) && !fdatasync(fd);
}

void mr_dlq_close(struct mr_dlq_file *file) {
  if (file->file) fclose(file->file);
  free(file->line);
  mr_arena_free(&file->arena);
  file->file = NULL;
}

/* ---- all files ---- */

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_graph(const struct dirent *e) {
  return e->d_name[0] != '.';
}

static int is_letters(const struct dirent *e) {
  size_t len = strlen(e->d_name);
  return len > SUFFIX_LEN && !strcmp(e->d_name + len - SUFFIX_LEN, SUFFIX);
}

static void each_node(const char *dir, const char *graph, const char *node, mr_dlq_file_fn fn,
                      void *ctx) {
  struct dirent **entries;
  int cnt = scandir(dir, &entries, is_letters, by_name);
  for (int i = 0; i < cnt; i++) {
    char path[4096], name[256];
    int len = snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
    snprintf(name, sizeof name, "%.*s", (int)(strlen(entries[i]->d_name) - SUFFIX_LEN),
             entries[i]->d_name);
    if (len > 0 && (size_t)len < sizeof path && (!node || !strcmp(node, name)))
      fn(ctx, graph, name, path);
    free(entries[i]);
  }
  if (cnt >= 0) free(entries);
}

bool mr_dlq_each(const char *data_dir, const char *graph, const char *node, mr_dlq_file_fn fn,
                 void *ctx) {
  char dir[4096], below[4096];
  struct dirent **entries;
  if (snprintf(dir, sizeof dir, "%s/dead_letters", data_dir) >= (int)sizeof dir) {
    errno = ENAMETOOLONG;
    return false;
  }
  int cnt = scandir(dir, &entries, is_graph, by_name);
  if (cnt < 0) return false;
  for (int i = 0; i < cnt; i++) {
    int len = snprintf(below, sizeof below, "%s/%s", dir, entries[i]->d_name);
    if (len > 0 && (size_t)len < sizeof below && (!graph || !strcmp(graph, entries[i]->d_name)))
      each_node(below, entries[i]->d_name, node, fn, ctx);
    free(entries[i]);
  }
  free(entries);
  return true;
}

/* ---- what can be replayed ---- */

static int digit(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = c ? strchr(digits, c) : NULL;
  return at ? (int)(at - digits) : -1;
}

static const char *from_base64(const char *text, struct mr_arena *arena, size_t *len) {
  size_t in = strlen(text), out = 0;
  char *bytes = mr_arena_alloc(arena, in / 4 * 3 + 4);
  if (in % 4) return NULL;
  for (size_t i = 0; i < in; i += 4) {
    uint32_t v = 0, pad = 0;
    for (size_t k = 0; k < 4; k++) {
      int d = digit(text[i + k]);
      if (d < 0 && (text[i + k] != '=' || i + 4 != in || k < 2)) return NULL;
      pad += d < 0;
      v = v << 6 | (d < 0 ? 0 : (uint32_t)d);
    }
    bytes[out++] = (char)(v >> 16);
    bytes[out++] = (char)(v >> 8);
    bytes[out++] = (char)v;
    out -= pad;
  }
  *len = out;
  return bytes;
}

const char *mr_dlq_raw(const struct mr_value *record, struct mr_arena *arena, size_t *len) {
  const struct mr_value *raw = mr_value_get(record, "raw");
  const char *base64 = mr_value_text(record, "raw_base64", NULL), *bytes = NULL;
  int64_t whole = mr_value_int(record, "raw_bytes", -1);
  if (raw && raw->kind == MR_VALUE_TEXT) {
    bytes = raw->text;
    *len = raw->len;
  } else if (base64) {
    bytes = from_base64(base64, arena, len);
  }
  return bytes && (whole < 0 || (uint64_t)whole == *len) ? bytes : NULL;
}
