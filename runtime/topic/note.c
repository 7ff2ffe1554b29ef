/* SPDX-License-Identifier: Apache-2.0 */
#include "topic/note.h"
#include "base/bug.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "topic/crc32c.h"

#define CRC_LINE_SZ 16u /* "crc32c 0123abcd\n" */

static int io_error(struct mr_error *err, int64_t result, const char *what, const char *path) {
  mr_error_set_sys(err, (int)-result, "cannot %s %s", what, path);
  int code = result == -ENOENT ? MR_ERR_NOENT : MR_ERR_IO;
  if (err) err->code = code;
  return code;
}

/* ---- lines ---- */

void mr_note_begin(struct mr_note *note, const char *kind) {
  note->len = 0;
  mr_note_add_text(note, "millrace", kind);
}

void mr_note_add_text(struct mr_note *note, const char *key, const char *value) {
  size_t room = MR_NOTE_SZ - note->len;
  int n = snprintf(note->text + note->len, room, "%s %s\n", key, value);
  note->len = n > 0 && (size_t)n < room ? note->len + (size_t)n : MR_NOTE_SZ;
}

void mr_note_add(struct mr_note *note, const char *key, int64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)value);
  mr_note_add_text(note, key, text);
}

/* The value of the line of key that begins at or behind `from`; its length to *len. NULL: none. */
static const char *find_line(const struct mr_note *note, const char *key, size_t *len) {
  size_t key_len = strlen(key);
  for (size_t at = 0; at < note->len;) {
    const char *line = note->text + at, *end = memchr(line, '\n', note->len - at);
    size_t line_len = end ? (size_t)(end - line) : note->len - at;
    if (line_len > key_len && line[key_len] == ' ' && memcmp(line, key, key_len) == 0) {
      *len = line_len - key_len - 1;
      return line + key_len + 1;
    }
    at += line_len + 1;
  }
  return NULL;
}

bool mr_note_get(const struct mr_note *note, const char *key, int64_t *value) {
  size_t len;
  const char *text = find_line(note, key, &len);
  return text && mr_int64_parse(text, len, value) == 0;
}

bool mr_note_get_text(const struct mr_note *note, const char *key, char *buf, size_t sz) {
  size_t len;
  const char *text = find_line(note, key, &len);
  if (!text) return false;
  if (len >= sz) len = sz - 1;
  memcpy(buf, text, len);
  buf[len] = 0;
  return true;
}

void mr_note_each(const struct mr_note *note,
                  void (*each)(void *ctx, const char *key, const char *value), void *ctx) {
  for (size_t at = 0; at < note->len;) {
    const char *line = note->text + at, *end = memchr(line, '\n', note->len - at);
    size_t len = end ? (size_t)(end - line) : note->len - at;
    char copy[512];
    size_t n = len < sizeof copy ? len : sizeof copy - 1;
    memcpy(copy, line, n);
    copy[n] = 0;
    char *space = strchr(copy, ' ');
    if (space) {
      *space = 0;
      each(ctx, copy, space + 1);
    }
    at += len + 1;
  }
}

/* ---- files ---- */

int64_t mr_note_open(struct mr_io *io, const char *path, int flags, struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_OPEN, .path = path, .flags = flags, .mode = 0644};
  int64_t fd = mr_io_wait(io, &req);
  return fd < 0 ? io_error(err, fd, "open", path) : fd;
}

int64_t mr_note_read_at(struct mr_io *io, int fd, void *buf, uint64_t len, uint64_t off) {
  uint64_t done = 0;
  while (done < len) {
    struct mr_io_req r = {.kind = MR_IO_READ,
                          .fd = fd,
                          .buf = (char *)buf + done,
                          .len = len - done,
                          .off = off + done};
    int64_t n = mr_io_wait(io, &r);
    if (n < 0) return n;
    if (n == 0) break;
    done += (uint64_t)n;
  }
  return (int64_t)done;
}

void mr_note_close(struct mr_io *io, int fd) {
  struct mr_io_req req = {.kind = MR_IO_CLOSE, .fd = fd};
  mr_io_wait(io, &req);
}

int mr_note_sync_dir(struct mr_io *io, const char *dir, struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_SYNC_DIR, .path = dir};
  int64_t rc = mr_io_wait(io, &req);
  return rc < 0 ? io_error(err, rc, "sync the folder", dir) : MR_OK;
}

/* The folder that path is in, to dir. */
static void folder_of(const char *path, char *dir, size_t sz) {
  const char *slash = strrchr(path, '/');
  if (!slash)
    snprintf(dir, sz, ".");
  else
    snprintf(dir, sz, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

int mr_note_make_dir(struct mr_io *io, const char *path, struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_PARENTS, .path = path};
  int64_t rc = mr_io_wait(io, &req);
  if (rc < 0) return io_error(err, rc, "make the folder of", path);
  if (MR_BUG(MR_BUG_FOLDER_NAME)) return MR_OK;
  /* Any of the folders above may be new, too. Those that we may not read were there before us. */
  char dir[PATH_MAX], above[PATH_MAX];
  folder_of(path, dir, sizeof dir);
  for (;;) {
    struct mr_io_req sync = {.kind = MR_IO_SYNC_DIR, .path = dir};
    rc = mr_io_wait(io, &sync);
    if (rc < 0 && rc != -EACCES && rc != -EPERM) return io_error(err, rc, "sync the folder", dir);
    folder_of(dir, above, sizeof above);
    if (strcmp(above, dir) == 0) return MR_OK;
    memcpy(dir, above, sizeof dir);
  }
}

int mr_note_remove(struct mr_io *io, const char *path, struct mr_error *err) {
  struct mr_io_req req = {.kind = MR_IO_UNLINK, .path = path};
  int64_t rc = mr_io_wait(io, &req);
  if (rc == -ENOENT) return MR_OK;
  if (rc < 0) return io_error(err, rc, "remove", path);
  char dir[PATH_MAX];
  folder_of(path, dir, sizeof dir);
  return mr_note_sync_dir(io, dir, err);
}

static int write_file(struct mr_io *io, const char *path, const struct mr_note *note,
                      struct mr_error *err) {
  int64_t fd = mr_note_open(io, path, O_WRONLY | O_CREAT | O_TRUNC, err);
  if (fd < 0) return (int)fd;
  struct mr_io_req w = {
      .kind = MR_IO_WRITE, .fd = (int)fd, .buf = (void *)(uintptr_t)note->text, .len = note->len};
  struct mr_io_req s = {.kind = MR_BUG(MR_BUG_NOTE_SYNC) ? MR_IO_STAT : MR_IO_DATASYNC,
                        .fd = (int)fd};
  int64_t rc = mr_io_wait(io, &w);
  if (rc >= 0) rc = mr_io_wait(io, &s);
  mr_note_close(io, (int)fd);
  return rc < 0 ? io_error(err, rc, "write", path) : MR_OK;
}

void mr_note_seal(struct mr_note *note) {
  char crc[CRC_LINE_SZ];
  snprintf(crc, sizeof crc, "%08x", mr_crc32c(0, note->text, note->len));
  mr_note_add_text(note, "crc32c", crc);
}

int mr_note_write(struct mr_io *io, const char *path, struct mr_note *note, struct mr_error *err) {
  if (note->len + CRC_LINE_SZ > MR_NOTE_SZ)
    return mr_error_set(err, MR_ERR_LIMIT, "%s would be larger than %u bytes", path, MR_NOTE_SZ);
  char fresh[PATH_MAX], dir[PATH_MAX];
  mr_note_seal(note);
  snprintf(fresh, sizeof fresh, "%s.new", path);
  int rc = write_file(io, fresh, note, err);
  if (rc) return rc;
  struct mr_io_req req = {.kind = MR_IO_RENAME, .path = fresh, .path_to = path};
  int64_t result = mr_io_wait(io, &req);
  if (result < 0) return io_error(err, result, "rename to", path);
  folder_of(path, dir, sizeof dir);
  return mr_note_sync_dir(io, dir, err);
}

/* Is the last line the checksum of those before it, and the first one the kind's? */
static bool note_intact(struct mr_note *note, const char *kind) {
  if (note->len < CRC_LINE_SZ || note->text[note->len - 1] != '\n') return false;
  char want[CRC_LINE_SZ + 1], first[64];
  size_t body = note->len - CRC_LINE_SZ;
  snprintf(want, sizeof want, "crc32c %08x\n", mr_crc32c(0, note->text, body));
  if (memcmp(note->text + body, want, CRC_LINE_SZ) != 0) return false;
  int n = snprintf(first, sizeof first, "millrace %s\n", kind);
  note->len = body;
  return (size_t)n <= body && memcmp(note->text, first, (size_t)n) == 0;
}

int mr_note_read(struct mr_io *io, const char *path, const char *kind, struct mr_note *note,
                 struct mr_error *err) {
  int64_t fd = mr_note_open(io, path, O_RDONLY, err);
  if (fd < 0) return (int)fd;
  int64_t n = mr_note_read_at(io, (int)fd, note->text, MR_NOTE_SZ, 0);
  note->len = n > 0 ? (size_t)n : 0;
  mr_note_close(io, (int)fd);
  if (n < 0) return io_error(err, n, "read", path);
  if (note_intact(note, kind)) return MR_OK;
  return mr_error_set(err, MR_ERR_DATA, "%s is damaged, or not a note of `%s`", path, kind);
}

/* ---- locks ---- */

int64_t mr_note_lock_owner(struct mr_io *io, int fd) {
  char text[24];
  int64_t n = mr_note_read_at(io, fd, text, sizeof text, 0), pid;
  size_t digits = 0;
  while (n > 0 && digits < (size_t)n && text[digits] >= '0' && text[digits] <= '9') digits++;
  return digits && mr_int64_parse(text, digits, &pid) == 0 ? pid : 0;
}

int64_t mr_note_lock(struct mr_io *io, const char *path, uint32_t wait_ms, const char *what,
                     struct mr_error *err) {
  int64_t fd = mr_note_open(io, path, O_RDWR | O_CREAT, err);
  if (fd < 0) return fd;
  struct mr_io_req lock = {.kind = MR_IO_LOCK, .fd = (int)fd, .len = wait_ms};
  int64_t rc = mr_io_wait(io, &lock);
  if (rc < 0) {
    int code = rc == -EAGAIN ? MR_ERR_EXISTS : MR_ERR_IO;
    if (rc == -EAGAIN)
      mr_error_set(err, code, "%s is in use by process %lld", what,
                   (long long)mr_note_lock_owner(io, (int)fd));
    else
      mr_error_set_sys(err, (int)-rc, "cannot lock %s", path);
    if (err) err->code = code;
    mr_note_close(io, (int)fd);
    return code;
  }
  char text[24];
  int len = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
  struct mr_io_req cut = {.kind = MR_IO_TRUNCATE, .fd = (int)fd};
  struct mr_io_req w = {.kind = MR_IO_WRITE, .fd = (int)fd, .buf = text, .len = (uint64_t)len};
  mr_io_wait(io, &cut); /* the pid is a help for people: the lock is what counts */
  mr_io_wait(io, &w);
  return fd;
}
