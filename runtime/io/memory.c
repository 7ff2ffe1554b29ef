/* SPDX-License-Identifier: Apache-2.0 */
#include "io/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "io/io_private.h"

#define FILES_MAX 512u
#define FDS_MAX   64u

struct open_file;

struct file {
  const char *path; /* NULL: removed */
  char *data;
  uint64_t len, cap;
  const struct open_file *owner; /* who has it locked, or NULL */
};

struct open_file {
  struct file *file; /* NULL: closed */
  uint64_t pos;
  int flags;
};

struct mr_io_memory {
  struct file files[FILES_MAX];
  struct open_file fds[FDS_MAX];
  uint32_t file_cnt;
  struct mr_io_fault faults[MR_IO_MEMORY_FAULTS_MAX];
  uint32_t fault_cnt;
  uint32_t delay;
  uint64_t space;
  struct mr_io_req *queue, *queue_last;
  uint64_t due[256]; /* by place in the queue: number of the poll */
  uint32_t queue_cnt;
  uint64_t polls;
};

/* ---- files ---- */

static struct file *find_file(struct mr_io_memory *m, const char *path) {
  for (uint32_t i = 0; i < m->file_cnt; i++)
    if (m->files[i].path && strcmp(m->files[i].path, path) == 0) return &m->files[i];
  return NULL;
}

static struct file *make_file(struct mr_io *io, const char *path) {
  struct mr_io_memory *m = io->memory;
  MR_ASSERT(m->file_cnt < FILES_MAX);
  struct file *f = &m->files[m->file_cnt++];
  *f = (struct file){.path = mr_arena_strdup(&io->arena, path)};
  return f;
}

static void grow_file(struct mr_io *io, struct file *f, uint64_t cap) {
  if (cap <= f->cap) return;
  cap = mr_pow2_up(cap < 4096 ? 4096 : cap);
  char *data = mr_arena_alloc(&io->arena, cap);
  if (f->len) memcpy(data, f->data, f->len);
  f->data = data;
  f->cap = cap;
}

static struct open_file *file_at(struct mr_io_memory *m, int fd) {
  return fd >= 0 && fd < (int)FDS_MAX && m->fds[fd].file ? &m->fds[fd] : NULL;
}

/* The fault of this call, or NULL. Counts the call. */
static const struct mr_io_fault *next_fault(struct mr_io_memory *m, enum mr_io_kind kind) {
  const struct mr_io_fault *hit = NULL;
  for (uint32_t i = 0; i < m->fault_cnt; i++) {
    struct mr_io_fault *f = &m->faults[i];
    if (f->kind != kind || !f->times) continue;
    if (f->after) {
      f->after--;
      continue;
    }
    if (f->times != UINT32_MAX) f->times--;
    if (!hit) hit = f;
  }
  return hit;
}

/* ---- single calls ---- */

static int64_t memory_open(struct mr_io *io, const char *path, int flags, mode_t mode) {
  (void)mode;
  struct mr_io_memory *m = io->memory;
  const struct mr_io_fault *fault = next_fault(m, MR_IO_OPEN);
  if (fault && fault->error) return -fault->error;
  struct file *f = find_file(m, path);
  if (!f && !(flags & O_CREAT)) return -ENOENT;
  if (f && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return -EEXIST;
  if (!f) f = make_file(io, path);
  if (flags & O_TRUNC) f->len = 0;
  for (int fd = 3; fd < (int)FDS_MAX; fd++)
    if (!m->fds[fd].file) {
      m->fds[fd] = (struct open_file){.file = f, .flags = flags};
      return fd;
    }
  return -EMFILE;
}

static int64_t memory_read(struct mr_io *io, int fd, void *buf, uint64_t len, uint64_t off) {
  struct mr_io_memory *m = io->memory;
  const struct mr_io_fault *fault = next_fault(m, MR_IO_READ);
  if (fault && fault->error) return -fault->error;
  if (fault && fault->len_max && len > fault->len_max) len = fault->len_max;
  struct open_file *o = file_at(m, fd);
  if (!o) return -EBADF;
  uint64_t at = off == MR_IO_STREAM ? o->pos : off;
  uint64_t left = at < o->file->len ? o->file->len - at : 0;
  if (len > left) len = left;
  if (len) memcpy(buf, o->file->data + at, len);
  if (off == MR_IO_STREAM) o->pos += len;
  return (int64_t)len;
}

static int64_t memory_write(struct mr_io *io, int fd, const void *buf, uint64_t len, uint64_t off) {
  struct mr_io_memory *m = io->memory;
  const struct mr_io_fault *fault = next_fault(m, MR_IO_WRITE);
  if (fault && fault->error) return -fault->error;
  if (fault && fault->len_max && len > fault->len_max) len = fault->len_max;
  struct open_file *o = file_at(m, fd);
  if (!o) return -EBADF;
  struct file *f = o->file;
  uint64_t at = o->flags & O_APPEND ? f->len : off == MR_IO_STREAM ? o->pos : off;
  if (at + len > f->len) {
    uint64_t room = m->space + (at < f->len ? f->len - at : 0);
    if (len > room) len = room;
    if (!len) return -ENOSPC;
  }
  uint64_t end = at + len;
  if (end > f->len) {
    grow_file(io, f, end);
    if (at > f->len) memset(f->data + f->len, 0, at - f->len);
    m->space -= end - f->len;
    f->len = end;
  }
  memcpy(f->data + at, buf, len);
  if (off == MR_IO_STREAM) o->pos = end;
  return (int64_t)len;
}

static int64_t rename_file(struct mr_io_memory *m, struct mr_io *io, const char *from,
                           const char *to) {
  struct file *f = find_file(m, from), *old = find_file(m, to);
  if (!f) return -ENOENT;
  if (old) old->path = NULL;
  f->path = mr_arena_strdup(&io->arena, to);
  return 0;
}

static int64_t truncate_file(struct mr_io *io, struct file *f, uint64_t len) {
  if (len > f->len) {
    grow_file(io, f, len);
    memset(f->data + f->len, 0, len - f->len);
  }
  f->len = len;
  return 0;
}

/* Folders are the paths of their files: one is there while a file below it is. */
static int64_t list_files(const struct mr_io_memory *m, const char *dir, char *buf, uint64_t sz) {
  size_t dir_len = strlen(dir);
  uint64_t used = 0;
  bool there = false;
  for (uint32_t i = 0; i < m->file_cnt; i++) {
    const char *path = m->files[i].path;
    if (!path || strncmp(path, dir, dir_len) != 0 || path[dir_len] != '/') continue;
    const char *name = path + dir_len + 1;
    size_t len = strcspn(name, "/");
    there = true;
    bool known = false;
    for (uint64_t at = 0; at < used && !known; at += strlen(buf + at) + 1)
      known = strlen(buf + at) == len && memcmp(buf + at, name, len) == 0;
    if (known) continue;
    if (len + 1 > sz - used) return -ERANGE;
    memcpy(buf + used, name, len);
    buf[used + len] = 0;
    used += len + 1;
  }
  return there ? (int64_t)used : -ENOENT;
}

static int64_t lock_file(struct open_file *o, bool test) {
  bool others = o->file->owner && o->file->owner != o;
  if (test) return others;
  if (others) return -EAGAIN;
  o->file->owner = o;
  return 0;
}

static int64_t memory_other(struct mr_io *io, struct mr_io_req *req) {
  struct mr_io_memory *m = io->memory;
  const struct mr_io_fault *fault = next_fault(m, req->kind);
  if (fault && fault->error) return -fault->error;
  struct open_file *o = file_at(m, req->fd);
  switch (req->kind) {
  case MR_IO_CLOSE:
    if (!o) return -EBADF;
    if (o->file->owner == o) o->file->owner = NULL;
    o->file = NULL;
    return 0;
  case MR_IO_STAT:
    if (!o) return -EBADF;
    req->mode = S_IFREG | 0644;
    return (int64_t)o->file->len;
  case MR_IO_RENAME: return rename_file(m, io, req->path, req->path_to);
  case MR_IO_UNLINK: {
    struct file *f = find_file(m, req->path);
    if (!f) return -ENOENT;
    f->path = NULL;
    return 0;
  }
  case MR_IO_TRUNCATE: return o ? truncate_file(io, o->file, req->len) : -EBADF;
  case MR_IO_LIST: return list_files(m, req->path, req->buf, req->len);
  case MR_IO_LOCK: return o ? lock_file(o, false) : -EBADF;
  case MR_IO_LOCK_TEST: return o ? lock_file(o, true) : -EBADF;
  case MR_IO_DATASYNC:
  case MR_IO_ALLOCATE: return o ? 0 : -EBADF;
  default: return 0;
  }
}

/* ---- requests ---- */

static void finish_first(struct mr_io *io) {
  struct mr_io_memory *m = io->memory;
  struct mr_io_req *req = m->queue;
  m->queue = req->next;
  if (!m->queue) m->queue_last = NULL;
  m->queue_cnt--;
  memmove(m->due, m->due + 1, m->queue_cnt * sizeof m->due[0]);
  mr_io_execute(io, req);
  mr_io_set_finished(req);
  if (io->wake) io->wake(io->wake_ctx);
}

static void memory_submit(struct mr_io *io, struct mr_io_req *req) {
  struct mr_io_memory *m = io->memory;
  if (!m->delay && !m->queue) {
    mr_io_execute(io, req);
    mr_io_set_finished(req);
    return;
  }
  MR_ASSERT(m->queue_cnt < sizeof m->due / sizeof m->due[0]);
  if (m->queue_last)
    m->queue_last->next = req;
  else
    m->queue = req;
  m->queue_last = req;
  m->due[m->queue_cnt++] = m->polls + m->delay;
}

static uint32_t memory_poll(struct mr_io *io) {
  struct mr_io_memory *m = io->memory;
  m->polls++;
  while (m->queue && m->due[0] <= m->polls) finish_first(io);
  return m->queue_cnt;
}

static void memory_finish(struct mr_io *io, struct mr_io_req *req) {
  while (!mr_io_done(req)) memory_poll(io);
}

static void memory_destroy(struct mr_io *io) {
  while (io->memory->queue) memory_poll(io);
}

void mr_io_memory_init(struct mr_io *io) {
  static const struct mr_io_calls calls = {
      .open = memory_open,
      .read = memory_read,
      .write = memory_write,
      .other = memory_other,
  };
  static const struct mr_io_ops ops = {
      .submit = memory_submit,
      .poll = memory_poll,
      .finish = memory_finish,
      .destroy = memory_destroy,
  };
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  io->calls = &calls;
  io->ops = &ops;
  io->memory = MR_NEW(&io->arena, struct mr_io_memory, 1);
  io->memory->space = UINT64_MAX / 2;
  for (uint32_t i = 0; i < 3; i++) io->memory->fds[i].file = make_file(io, names[i]);
}

/* ---- tests ---- */

void mr_io_memory_fault(struct mr_io *io, const struct mr_io_fault *fault) {
  struct mr_io_memory *m = io->memory;
  MR_ASSERT(m && m->fault_cnt < MR_IO_MEMORY_FAULTS_MAX);
  m->faults[m->fault_cnt++] = *fault;
}

void mr_io_memory_delay(struct mr_io *io, uint32_t polls) {
  MR_ASSERT(io->memory);
  io->memory->delay = polls;
}

void mr_io_memory_space(struct mr_io *io, uint64_t bytes) {
  MR_ASSERT(io->memory);
  io->memory->space = bytes;
}

void mr_io_memory_put(struct mr_io *io, const char *path, const void *data, size_t len) {
  MR_ASSERT(io->memory);
  struct file *f = find_file(io->memory, path);
  if (!f) f = make_file(io, path);
  f->len = 0;
  grow_file(io, f, len);
  if (len) memcpy(f->data, data, len);
  f->len = len;
}

const char *mr_io_memory_get(struct mr_io *io, const char *path, size_t *len) {
  MR_ASSERT(io->memory);
  const struct file *f = find_file(io->memory, path);
  *len = f ? f->len : 0;
  return !f ? NULL : f->data ? f->data : "";
}
