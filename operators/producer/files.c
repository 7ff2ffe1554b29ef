/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/assert.h"

#define LABELS_MAX 65536u /* names kept while following a pattern; later files bear the pattern */

/* ---- identity ---- */

static bool same_file(const struct mr_file_id *a, const struct mr_file_id *b) {
  return a->dev == b->dev && a->ino == b->ino && a->born_ns == b->born_ns;
}

/* Of a descriptor (path "") or a path. 0, or -errno. */
static int identify(int fd, const char *path, struct mr_file_id *id, uint64_t *size,
                    uint32_t *mode) {
  struct statx st;
  unsigned mask = STATX_TYPE | STATX_MODE | STATX_INO | STATX_SIZE | STATX_BTIME;
  if (statx(fd, path, *path ? 0 : AT_EMPTY_PATH, mask, &st) < 0) return -errno;
  *id = (struct mr_file_id){.dev = makedev(st.stx_dev_major, st.stx_dev_minor), .ino = st.stx_ino};
  if (st.stx_mask & STATX_BTIME)
    id->born_ns = (uint64_t)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec;
  *size = st.stx_size;
  *mode = st.stx_mode;
  return 0;
}

static bool was_seen(const struct mr_files *f, const struct mr_file_id *id) {
  for (uint32_t i = f->seen_cnt; i-- > 0;)
    if (same_file(&f->seen[i], id)) return true;
  return false;
}

static void note_seen(struct mr_files *f, const struct mr_file_id *id) {
  if (f->seen_cnt == f->seen_cap) {
    f->seen_cap = f->seen_cap ? 2 * f->seen_cap : 64;
    struct mr_file_id *grown = MR_NEW(&f->arena, struct mr_file_id, f->seen_cap);
    if (f->seen_cnt) memcpy(grown, f->seen, f->seen_cnt * sizeof *grown);
    f->seen = grown;
  }
  f->seen[f->seen_cnt++] = *id;
}

/* ---- names ---- */

bool mr_files_is_pattern(const char *path) {
  struct stat st;
  return strpbrk(path, "*?[") && stat(path, &st) < 0;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int mr_files_match(const char *pattern, struct mr_arena *arena, const char ***names, uint32_t *cnt,
                   struct mr_error *err) {
  glob_t g = {0};
  int rc = glob(pattern, GLOB_NOSORT | GLOB_MARK, NULL, &g);
  *cnt = 0;
  *names = NULL;
  if (rc && rc != GLOB_NOMATCH) {
    globfree(&g);
    return mr_error_set(err, MR_ERR_IO, "cannot list the files of %s", pattern);
  }
  if (g.gl_pathc) *names = MR_NEW(arena, const char *, g.gl_pathc);
  for (size_t i = 0; i < g.gl_pathc; i++) {
    size_t len = strlen(g.gl_pathv[i]);
    if (len && g.gl_pathv[i][len - 1] == '/') continue;
    (*names)[(*cnt)++] = mr_arena_strdup(arena, g.gl_pathv[i]);
  }
  globfree(&g);
  if (*cnt) qsort(*names, *cnt, sizeof **names, by_name);
  return MR_OK;
}

/* ---- jobs ---- */

static int64_t say_failed(struct mr_files *f, const char *name, int error) {
  mr_error_set_sys(&f->error, error, "cannot read %s", name);
  f->error.code = MR_ERR_IO;
  return MR_FILES_FAILED;
}

/* A followed file that cannot be read is waited for; the reason is said once. */
static int64_t say_wait(struct mr_files *f, const char *name, int error) {
  struct mr_error err;
  f->wait_ns = MR_FILES_LOOK_NS;
  if (error == ENOENT) {
    mr_error_clear(&f->error);
    return MR_FILES_WAIT;
  }
  mr_error_set_sys(&err, error, "cannot read %s", name);
  f->failing = strcmp(err.text, f->error.text) != 0;
  f->error = err;
  return MR_FILES_WAIT;
}

static void set_name(struct mr_files *f, const char *name) {
  f->name = name;
  bool again = f->label_cnt && f->labels[f->label_cnt - 1] == name;
  if (!again && f->label_cnt < f->label_max) f->labels[f->label_cnt++] = name;
  f->label = f->label_cnt - 1;
}

/* Opens for reading; the descriptor, or -errno. */
static int open_one(const struct mr_files *f, const char *name, struct mr_file_id *id,
                    uint32_t *mode) {
  uint64_t size;
  /* a pipe that nobody writes yet must not hold the thread */
  int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  int rc = fd < 0 ? -errno : identify(fd, "", id, &size, mode);
  if (!rc && S_ISDIR(*mode)) rc = -EISDIR;
  if (!rc && f->follow && !S_ISREG(*mode)) rc = -ESPIPE;
  if (!rc) return fd;
  if (fd >= 0) close(fd);
  return rc;
}

static int64_t use_file(struct mr_files *f, const char *name, int fd, bool stream) {
  f->stream = stream;
  if (!stream) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  f->fd = fd;
  f->noticed_ns = 0;
  mr_error_clear(&f->error);
  set_name(f, name);
  return MR_FILES_OPENED;
}

static int64_t open_file(struct mr_files *f, const char *name) {
  uint32_t mode;
  int fd = open_one(f, name, &f->id, &mode);
  if (fd < 0) return f->follow ? say_wait(f, name, -fd) : say_failed(f, name, -fd);
  return use_file(f, name, fd, !S_ISREG(mode));
}

/* A file that matches and was not read yet. Its name is put in *name, in the arena; NULL: no name
 * is asked for. */
static bool find_match(struct mr_files *f, uint64_t *size, const char **name) {
  struct mr_arena scratch = {0};
  const char **names;
  uint32_t cnt, mode;
  bool found = false;
  struct mr_error err;
  struct mr_file_id id;
  mr_files_match(f->pattern, &scratch, &names, &cnt, &err);
  for (uint32_t i = 0; i < cnt && !found; i++) {
    found = !identify(AT_FDCWD, names[i], &id, size, &mode) && !was_seen(f, &id);
    if (found && name) *name = mr_arena_strdup(&f->arena, names[i]);
  }
  mr_arena_free(&scratch);
  return found;
}

/* Opens a file that has taken the name: it may lose it again before its turn comes. */
static void notice_next(struct mr_files *f) {
  struct mr_file_id id;
  uint64_t size;
  uint32_t mode;
  if (f->glob || f->next_cnt == MR_FILES_NEXT_MAX) return;
  if (identify(AT_FDCWD, f->pattern, &id, &size, &mode)) return;
  const struct mr_file_id *last = f->next_cnt ? &f->next[f->next_cnt - 1].id : &f->id;
  if (same_file(&id, last)) return;
  struct mr_file_next *next = &f->next[f->next_cnt];
  next->fd = open_one(f, f->pattern, &next->id, &mode);
  if (next->fd < 0) return;
  if (same_file(&next->id, last))
    close(next->fd);
  else
    f->next_cnt++;
}

/* Whether there is a file to go on with, and whether it holds something. */
static bool has_next(struct mr_files *f) {
  uint64_t size = 0;
  struct mr_file_id id;
  uint32_t mode;
  if (f->glob) return find_match(f, &size, NULL) && size;
  notice_next(f);
  if (!f->next_cnt) return false;
  return f->next_cnt > 1 || (!identify(f->next[0].fd, "", &id, &size, &mode) && size);
}

static int64_t open_followed(struct mr_files *f) {
  const char *name;
  uint64_t size;
  if (f->next_cnt) {
    struct mr_file_next next = f->next[0];
    memmove(f->next, f->next + 1, --f->next_cnt * sizeof next);
    f->id = next.id;
    return use_file(f, f->pattern, next.fd, false);
  }
  if (!f->glob) return open_file(f, f->pattern);
  if (!find_match(f, &size, &name)) return say_wait(f, f->pattern, ENOENT);
  int64_t said = open_file(f, name);
  if (said == MR_FILES_OPENED) note_seen(f, &f->id);
  return said;
}

static int64_t open_job(void *arg) {
  struct mr_files *f = arg;
  if (f->fd >= 0) close(f->fd);
  f->fd = -1;
  if (f->follow) return open_followed(f);
  if (f->name_next == f->name_cnt) return MR_FILES_NONE;
  return open_file(f, f->names[f->name_next++]);
}

/* True when the bytes before off are not those that were read. */
static bool written_anew(const struct mr_files *f) {
  char now[MR_FILES_TAIL];
  if (!f->tail_len) return false;
  ssize_t n = pread(f->fd, now, f->tail_len, (off_t)(f->off - f->tail_len));
  return n == (ssize_t)f->tail_len && memcmp(now, f->tail, f->tail_len) != 0;
}

static int64_t look_job(void *arg) {
  struct mr_files *f = arg;
  struct mr_file_id id;
  uint64_t size;
  uint32_t mode;
  int rc = identify(f->fd, "", &id, &size, &mode);
  if (rc) return say_failed(f, f->name, -rc);
  if (size < f->off || written_anew(f)) return MR_FILES_CUT;
  bool more = size > f->off, next = has_next(f);
  f->wait_ns = MR_FILES_LOOK_NS;
  if (more || !next) {
    f->noticed_ns = 0;
    return more ? MR_FILES_MORE : MR_FILES_WAIT;
  }
  if (!f->noticed_ns) f->noticed_ns = f->now_ns;
  uint64_t patience = f->half ? MR_FILES_HALF_NS : MR_FILES_SETTLE_NS;
  uint64_t rested = f->now_ns - f->noticed_ns;
  if (rested >= patience) return MR_FILES_NEXT;
  if (patience - rested < f->wait_ns) f->wait_ns = patience - rested;
  return MR_FILES_WAIT;
}

static int64_t glance_job(void *arg) {
  struct mr_files *f = arg;
  notice_next(f);
  f->wait_ns = 0;
  return MR_FILES_WAIT;
}

static void submit(struct mr_files *f, struct mr_io *io, struct mr_io_req *req,
                   int64_t (*job)(void *)) {
  req->kind = MR_IO_CALL;
  req->call = job;
  req->buf = f;
  f->failing = false;
  mr_io_submit(io, req);
}

void mr_files_open(struct mr_files *f, struct mr_io *io, struct mr_io_req *req) {
  submit(f, io, req, open_job);
}
void mr_files_look(struct mr_files *f, struct mr_io *io, struct mr_io_req *req) {
  MR_ASSERT(f->follow && f->fd >= 0);
  submit(f, io, req, look_job);
}
void mr_files_glance(struct mr_files *f, struct mr_io *io, struct mr_io_req *req) {
  submit(f, io, req, glance_job);
}
enum mr_files_say mr_files_said(const struct mr_io_req *req) {
  return (enum mr_files_say)req->result;
}

/* ---- listening ---- */

/* The folder that holds the files, without signs of a pattern. */
static const char *folder_of(struct mr_files *f) {
  char *dir = mr_arena_strdup(&f->arena, f->pattern);
  size_t len = f->glob ? strcspn(dir, "*?[") : strlen(dir);
  while (len && dir[len - 1] != '/') len--;
  if (!len) return ".";
  dir[len] = 0;
  return dir;
}

static void begin_to_listen(struct mr_files *f) {
  const uint32_t mask = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB;
  f->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (f->watch_fd < 0) return;
  if (inotify_add_watch(f->watch_fd, folder_of(f), mask) >= 0) return;
  close(f->watch_fd);
  f->watch_fd = -1;
}

bool mr_files_heard(struct mr_files *f, struct mr_io *io) {
  if (f->watch_fd < 0) return false;
  bool heard = f->listens && mr_io_done(&f->watch);
  if (heard && f->watch.result <= 0) { /* nobody speaks any more */
    close(f->watch_fd);
    f->watch_fd = -1;
    return false;
  }
  if (f->listens && !heard) return false;
  f->listens = true;
  f->watch.kind = MR_IO_READ;
  f->watch.fd = f->watch_fd;
  f->watch.buf = f->heard;
  f->watch.len = sizeof f->heard;
  f->watch.off = MR_IO_STREAM;
  mr_io_submit(io, &f->watch);
  return heard;
}

/* ---- life ---- */

int mr_files_init(struct mr_files *f, const char *path, bool follow, struct mr_error *err) {
  f->fd = f->watch_fd = -1;
  f->glob = mr_files_is_pattern(path);
  f->pattern = path;
  f->follow = follow;
  if (follow) {
    f->label_max = f->glob ? LABELS_MAX : 1;
    f->labels = MR_NEW(&f->arena, const char *, f->label_max);
    begin_to_listen(f);
    return MR_OK;
  }
  if (f->glob) {
    int rc = mr_files_match(path, &f->arena, &f->names, &f->name_cnt, err);
    if (rc) return rc;
  } else {
    f->names = MR_NEW(&f->arena, const char *, 1);
    f->names[f->name_cnt++] = path;
  }
  f->label_max = f->name_cnt;
  f->labels = MR_NEW(&f->arena, const char *, f->label_max + 1);
  for (uint32_t i = 0; i < f->name_cnt; i++) {
    struct stat st;
    if (stat(f->names[i], &st) == 0 && S_ISREG(st.st_mode)) f->total += (uint64_t)st.st_size;
  }
  return MR_OK;
}

/* A followed file may have got another name, which begins with its own: PATH.1 */
static bool find_renamed(struct mr_files *f, const char *name, const struct mr_file_id *id,
                         const char **now) {
  struct mr_error err;
  const char **names;
  uint32_t cnt, mode;
  uint64_t size;
  struct mr_file_id at;
  if (!identify(AT_FDCWD, name, &at, &size, &mode) && same_file(&at, id)) {
    *now = name;
    return true;
  }
  mr_files_match(mr_arena_printf(&f->arena, "%s*", name), &f->arena, &names, &cnt, &err);
  for (uint32_t i = 0; i < cnt; i++) {
    if (identify(AT_FDCWD, names[i], &at, &size, &mode) || !same_file(&at, id)) continue;
    *now = names[i];
    return true;
  }
  return false;
}

static int resume_followed(struct mr_files *f, const char *name, const struct mr_file_id *id,
                           bool whole, struct mr_error *err) {
  const char *now;
  uint32_t mode;
  f->id = *id;
  if (f->glob) note_seen(f, id);
  if (whole) return MR_OK;
  if (!find_renamed(f, name, id, &now))
    return mr_error_set(err, MR_ERR_IO, "%s is not there any more, and was not read to its end",
                        name);
  struct mr_file_next *next = &f->next[f->next_cnt];
  next->fd = open_one(f, now, &next->id, &mode);
  if (next->fd < 0) return mr_error_set_sys(err, -next->fd, "cannot read %s", now);
  f->next_cnt++;
  return MR_OK;
}

int mr_files_resume(struct mr_files *f, const char *name, const struct mr_file_id *id, bool whole,
                    struct mr_error *err) {
  if (f->follow) return resume_followed(f, name, id, whole, err);
  for (uint32_t i = 0; i < f->name_cnt; i++) {
    if (strcmp(f->names[i], name)) continue;
    f->name_next = i + whole;
    f->label_cnt = 0;
    return MR_OK;
  }
  return mr_error_set(err, MR_ERR_IO, "%s is not there any more, and was read up to there", name);
}

int mr_files_take(struct mr_files *f) {
  int fd = f->fd;
  f->fd = -1;
  return fd;
}

void mr_files_fini(struct mr_files *f, struct mr_io *io) {
  if (f->listens) mr_io_finish(io, &f->watch);
  if (f->watch_fd >= 0) close(f->watch_fd);
  if (f->fd >= 0) close(f->fd);
  for (uint32_t i = 0; i < f->next_cnt; i++) close(f->next[i].fd);
  f->next_cnt = 0;
  f->fd = f->watch_fd = -1;
  f->listens = false;
  mr_arena_free(&f->arena);
}
