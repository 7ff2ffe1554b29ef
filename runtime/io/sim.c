/* SPDX-License-Identifier: Apache-2.0 */
#include "io/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/bug.h"
#include "io/sim_private.h"

#define GARBAGE 0xdb

/* An io of a process that is no more, or on a disk that has stopped. */
static bool is_dead(const struct mr_io *io) {
  return io->sim_generation != io->sim->generation || io->sim->stopped;
}

static struct mr_sim_fd *fd_at(struct mr_io_sim *d, int fd) {
  return fd >= 0 && fd < (int)MR_SIM_FDS && d->fds[fd].node ? &d->fds[fd] : NULL;
}

/* -EINTR or -EAGAIN now and then, else 0. */
static int64_t interruption(struct mr_io_sim *d) {
  if (!mr_sim_chance(d, d->conf.interruption)) return 0;
  return mr_sim_below(d, 2) ? -EINTR : -EAGAIN;
}

/* ---- single calls ---- */

static int64_t sim_open(struct mr_io *io, const char *path, int flags, mode_t mode) {
  (void)mode;
  struct mr_io_sim *d = io->sim;
  if (flags & O_DIRECT && d->conf.no_direct) return -EINVAL;
  struct mr_sim_node *folder;
  const char *name;
  struct mr_sim_node *node = mr_sim_find(d, path, &folder, &name);
  if (node && flags & O_CREAT && flags & O_EXCL) return -EEXIST;
  if (node && node->folder && (flags & O_ACCMODE) != O_RDONLY) return -EISDIR;
  if (!node && (!(flags & O_CREAT) || !folder || strchr(name, '/'))) return -ENOENT;
  if (!node) {
    node = mr_sim_make_node(d, false);
    mr_sim_name(d, folder, name, NULL, node);
  } else if (flags & O_TRUNC && node->now.len) {
    mr_sim_change(d, node, 0, NULL, 0);
  }
  for (int fd = 3; fd < (int)MR_SIM_FDS; fd++)
    if (!d->fds[fd].node) {
      d->fds[fd] = (struct mr_sim_fd){.node = node, .flags = flags};
      return fd;
    }
  return -EMFILE;
}

static bool is_aligned(const struct mr_sim_fd *f, const void *buf, uint64_t len, uint64_t off) {
  return !(f->flags & O_DIRECT) || ((uintptr_t)buf | len | off) % MR_IO_ALIGN == 0;
}

static uint64_t shortened(struct mr_io_sim *d, const struct mr_sim_fd *f, uint64_t len) {
  uint64_t unit = f->flags & O_DIRECT ? MR_IO_SIM_SECTOR : 1;
  if (len / unit < 2 || !mr_sim_chance(d, d->conf.shortness)) return len;
  return unit * (1 + mr_sim_below(d, (uint32_t)(len / unit) - 1));
}

static int64_t sim_read(struct mr_io *io, int fd, void *buf, uint64_t len, uint64_t off) {
  struct mr_io_sim *d = io->sim;
  struct mr_sim_fd *f = fd_at(d, fd);
  if (!f || f->node->folder) return -EBADF;
  MR_ASSERT(is_aligned(f, buf, len, off) && "a direct read that is not aligned");
  int64_t why = interruption(d);
  if (why) return why;
  if (mr_sim_chance(d, d->conf.read_error)) return -EIO;
  uint64_t at = off == MR_IO_STREAM ? f->pos : off;
  uint64_t left = at < f->node->now.len ? f->node->now.len - at : 0;
  uint64_t n = shortened(d, f, len < left ? len : left);
  if (n) memcpy(buf, f->node->now.data + at, n);
  if (off == MR_IO_STREAM) f->pos += n;
  return (int64_t)n;
}

/* Room for a file up to `end`: how far it goes. */
static uint64_t take_space(struct mr_io_sim *d, struct mr_sim_node *file, uint64_t end) {
  uint64_t has = file->allocated > file->now.len ? file->allocated : file->now.len;
  if (end <= has) return end;
  uint64_t more = end - has < d->space ? end - has : d->space;
  d->space -= more;
  file->allocated = has + more;
  return has + more;
}

static int64_t sim_write(struct mr_io *io, int fd, const void *buf, uint64_t len, uint64_t off) {
  struct mr_io_sim *d = io->sim;
  struct mr_sim_fd *f = fd_at(d, fd);
  if (!f || (f->flags & O_ACCMODE) == O_RDONLY) return -EBADF;
  MR_ASSERT(is_aligned(f, buf, len, off) && "a direct write that is not aligned");
  int64_t why = interruption(d);
  if (why) return why;
  bool fails = mr_sim_chance(d, d->conf.write_error);
  uint64_t at = f->flags & O_APPEND ? f->node->now.len : off == MR_IO_STREAM ? f->pos : off;
  uint64_t n = fails ? mr_sim_below(d, (uint32_t)len + 1) : shortened(d, f, len);
  uint64_t end = take_space(d, f->node, at + n);
  bool full = end < at + n;
  n = end > at ? end - at : 0;
  if (n > len) n = len;
  if (full && f->flags & O_DIRECT) n -= n % MR_IO_ALIGN; /* space comes in blocks */
  if (n) mr_sim_change(d, f->node, at, buf, n);
  if (off == MR_IO_STREAM) f->pos = at + n;
  return fails ? -EIO : n ? (int64_t)n : full ? -ENOSPC : 0;
}

static int64_t allocate(struct mr_io_sim *d, struct mr_sim_fd *f, const struct mr_io_req *req) {
  uint64_t end = req->off + req->len;
  if (take_space(d, f->node, end) < end) return -ENOSPC;
  if (req->flags & MR_IO_LENGTHEN && end > f->node->now.len)
    mr_sim_change(d, f->node, end, NULL, 0);
  return 0;
}

/* Gives back what lies behind the file's length. */
static void give_space(struct mr_io_sim *d, struct mr_sim_node *file, uint64_t len) {
  uint64_t has = file->allocated > file->now.len ? file->allocated : file->now.len;
  if (has > len) d->space += has - len;
  file->allocated = len;
}

static int64_t truncate_file(struct mr_io_sim *d, struct mr_sim_fd *f, uint64_t len) {
  if (len > f->node->now.len && take_space(d, f->node, len) < len) return -ENOSPC;
  give_space(d, f->node, len);
  if (len != f->node->now.len) mr_sim_change(d, f->node, len, NULL, 0);
  return 0;
}

static int64_t rename_file(struct mr_io_sim *d, const char *from, const char *to) {
  struct mr_sim_node *folder, *folder_to;
  const char *name, *name_to;
  struct mr_sim_node *node = mr_sim_find(d, from, &folder, &name);
  struct mr_sim_node *old = mr_sim_find(d, to, &folder_to, &name_to);
  if (!node || !folder_to || strchr(name_to, '/')) return -ENOENT;
  if (old == node) return 0;
  if (old && old->folder != node->folder) return node->folder ? -ENOTDIR : -EISDIR;
  if (old && old->folder && old->names.cnt) return -ENOTEMPTY;
  if (old) give_space(d, old, 0);
  mr_sim_name(d, folder_to, name_to, folder == folder_to ? name : NULL, node);
  if (folder != folder_to) mr_sim_name(d, folder, name, NULL, NULL);
  return 0;
}

static int64_t remove_name(struct mr_io_sim *d, const char *path, bool folder_asked) {
  struct mr_sim_node *folder;
  const char *name;
  struct mr_sim_node *node = mr_sim_find(d, path, &folder, &name);
  if (!node || !folder) return -ENOENT;
  if (folder_asked && !node->folder) return -ENOTDIR;
  if (!folder_asked && node->folder) return -EISDIR;
  if (node->names.cnt) return -ENOTEMPTY;
  give_space(d, node, 0);
  mr_sim_name(d, folder, name, NULL, NULL);
  return 0;
}

static int64_t make_parents(struct mr_io_sim *d, const char *path) {
  struct mr_sim_node *at = d->root;
  for (const char *p = path; *p;) {
    size_t len = strcspn(p, "/");
    if (!p[len]) return 0;
    if (len && !(len == 1 && *p == '.')) {
      struct mr_sim_node *next = mr_sim_look_up(at, p, len);
      if (!next) {
        next = mr_sim_make_node(d, true);
        mr_sim_name(d, at, p, NULL, next);
        if (mr_sim_chance(d, d->conf.sync_error)) return -EIO;
        if (!MR_BUG(MR_BUG_FOLDER_NAME)) mr_sim_keep_names(d, at);
      }
      if (!next->folder) return -ENOTDIR;
      at = next;
    }
    p += len;
    while (*p == '/') p++;
  }
  return 0;
}

static int64_t list_folder(const struct mr_sim_node *folder, char *buf, uint64_t sz) {
  if (!folder) return -ENOENT;
  if (!folder->folder) return -ENOTDIR;
  uint64_t used = 0;
  for (uint32_t i = 0; i < folder->names.cnt; i++) {
    size_t len = strlen(folder->names.entries[i].name) + 1;
    if (len > sz - used) return -ERANGE;
    memcpy(buf + used, folder->names.entries[i].name, len);
    used += len;
  }
  return (int64_t)used;
}

static int64_t sync_folder(struct mr_io_sim *d, const char *path) {
  struct mr_sim_node *folder = mr_sim_find(d, path, NULL, NULL);
  if (!folder) return -ENOENT;
  if (!folder->folder) return -ENOTDIR;
  if (mr_sim_chance(d, d->conf.sync_error)) return -EIO;
  mr_sim_keep_names(d, folder);
  return 0;
}

static int64_t stat_node(const struct mr_sim_node *node, struct mr_io_req *req) {
  if (!node) return req->path ? -ENOENT : -EBADF;
  req->mode = node->folder ? S_IFDIR | 0755 : S_IFREG | 0644;
  return (int64_t)node->now.len;
}

static int64_t of_path(struct mr_io_sim *d, struct mr_io_req *req) {
  switch (req->kind) {
  case MR_IO_RENAME: return rename_file(d, req->path, req->path_to);
  case MR_IO_SYNC_DIR: return sync_folder(d, req->path);
  case MR_IO_UNLINK: return remove_name(d, req->path, false);
  case MR_IO_REMOVE_DIR: return remove_name(d, req->path, true);
  case MR_IO_PARENTS: return make_parents(d, req->path);
  case MR_IO_LIST: return list_folder(mr_sim_find(d, req->path, NULL, NULL), req->buf, req->len);
  case MR_IO_STAT:
    return req->path ? stat_node(mr_sim_find(d, req->path, NULL, NULL), req) : -ENOSYS;
  default: return -ENOSYS; /* of a descriptor */
  }
}

static int64_t sim_other(struct mr_io *io, struct mr_io_req *req) {
  struct mr_io_sim *d = io->sim;
  int64_t rc = of_path(d, req);
  if (rc != -ENOSYS) return rc;
  struct mr_sim_fd *f = fd_at(d, req->fd);
  if (!f) return -EBADF;
  struct mr_sim_node *node = f->node;
  switch (req->kind) {
  case MR_IO_CLOSE:
    if (node->owner == f) node->owner = NULL;
    f->node = NULL;
    return 0;
  case MR_IO_ALLOCATE: return allocate(d, f, req);
  case MR_IO_TRUNCATE: return truncate_file(d, f, req->len);
  case MR_IO_STAT: return stat_node(node, req);
  case MR_IO_LOCK:
    if (node->owner && node->owner != f) return -EAGAIN;
    node->owner = f;
    return 0;
  case MR_IO_LOCK_TEST: return node->owner && node->owner != f;
  default: return -EINVAL;
  }
}

/* ---- requests ---- */

static uint64_t hash_of(const struct mr_io_req *req) {
  uint64_t h = 1469598103934665603u;
  const unsigned char *p = req->buf;
  for (uint64_t i = 0; i < req->len; i++) h = (h ^ p[i]) * 1099511628211u;
  return h;
}

static int64_t sync_file(struct mr_io_sim *d, const struct mr_sim_pending *p) {
  struct mr_sim_fd *f = fd_at(d, p->req->fd);
  if (!f) return -EBADF;
  if (mr_sim_chance(d, d->conf.sync_error)) {
    mr_sim_lose(f->node, p->covers);
    return -EIO;
  }
  mr_sim_keep(d, f->node, p->covers);
  return 0;
}

static void carry_out(struct mr_io_sim *d, const struct mr_sim_pending *p) {
  struct mr_io_req *req = p->req;
  if (is_dead(p->io)) {
    req->result = -EIO;
  } else if (req->kind == MR_IO_DATASYNC) {
    req->result = sync_file(d, p);
  } else {
    if (req->kind == MR_IO_WRITE)
      MR_ASSERT(hash_of(req) == p->hash && "a buffer has changed while it was being written");
    mr_io_execute(p->io, req);
  }
  mr_io_set_finished(req);
  if (p->io->wake) p->io->wake(p->io->wake_ctx);
}

/* What is in flight when the process ends: whole, up to some byte, or not at all. */
static void end_in_flight(struct mr_io_sim *d) {
  while (d->pending_cnt) {
    uint32_t i = mr_sim_below(d, d->pending_cnt);
    struct mr_sim_pending p = d->pending[i];
    d->pending[i] = d->pending[--d->pending_cnt];
    struct mr_sim_fd *f = fd_at(d, p.req->fd);
    if (p.req->kind == MR_IO_WRITE && f && p.io->sim_generation == d->generation) {
      uint32_t fate = mr_sim_below(d, 3);
      uint64_t n = fate == 0 ? 0 : fate == 1 ? p.req->len : mr_sim_below(d, (uint32_t)p.req->len);
      uint64_t at = f->flags & O_APPEND ? f->node->now.len : p.req->off;
      if (n && p.req->off != MR_IO_STREAM) mr_sim_change(d, f->node, at, p.req->buf, n);
    }
    p.req->result = -EIO;
    mr_io_set_finished(p.req);
  }
}

static void sim_submit(struct mr_io *io, struct mr_io_req *req) {
  struct mr_io_sim *d = io->sim;
  d->requests++;
  if (d->stop_at && d->requests >= d->stop_at && !d->stopped) {
    end_in_flight(d);
    d->stopped = true;
  }
  struct mr_sim_pending p = {.io = io, .req = req};
  p.covers = d->changes;
  if (req->kind == MR_IO_READ && req->len) memset(req->buf, GARBAGE, req->len);
  if (req->kind == MR_IO_WRITE) p.hash = hash_of(req);
  if (!d->conf.delay || is_dead(io)) {
    carry_out(d, &p);
    return;
  }
  MR_ASSERT(d->pending_cnt < MR_SIM_PENDING);
  p.due = d->polls + mr_sim_below(d, d->conf.delay + 1);
  d->pending[d->pending_cnt++] = p;
}

static uint32_t sim_poll(struct mr_io *io) {
  struct mr_io_sim *d = io->sim;
  d->polls++;
  uint32_t left = 0;
  for (uint32_t i = 0; i < d->pending_cnt;) {
    struct mr_sim_pending p = d->pending[i];
    if (p.due > d->polls) {
      left += p.io == io;
      i++;
      continue;
    }
    d->pending[i] = d->pending[--d->pending_cnt];
    carry_out(d, &p);
  }
  return left;
}

static void sim_finish(struct mr_io *io, struct mr_io_req *req) {
  while (!mr_io_done(req)) sim_poll(io);
}

static void sim_destroy(struct mr_io *io) {
  while (sim_poll(io)) {}
}

/* ---- the disk ---- */

void mr_io_sim_create(struct mr_io_sim **out, const struct mr_io_sim_conf *conf) {
  struct mr_arena arena = {0};
  struct mr_io_sim *d = MR_NEW(&arena, struct mr_io_sim, 1);
  d->arena = arena;
  d->conf = *conf;
  d->space = conf->space ? conf->space : UINT64_MAX / 2;
  mr_rng_init(&d->rng, conf->seed);
  d->root = mr_sim_make_node(d, true);
  *out = d;
}

void mr_io_sim_destroy(struct mr_io_sim *d) {
  if (!d) return;
  struct mr_arena arena = d->arena; /* the struct itself lives in it */
  mr_arena_free(&arena);
}

void mr_io_sim_attach(struct mr_io **out, struct mr_io_sim *d) {
  static const struct mr_io_calls calls = {
      .open = sim_open,
      .read = sim_read,
      .write = sim_write,
      .other = sim_other,
  };
  static const struct mr_io_ops ops = {
      .submit = sim_submit,
      .poll = sim_poll,
      .finish = sim_finish,
      .destroy = sim_destroy,
  };
  struct mr_error err;
  MR_ASSERT(mr_io_create(out, MR_IO_MEMORY, NULL, NULL, &err) == MR_OK);
  struct mr_io *io = *out;
  io->calls = &calls;
  io->ops = &ops;
  io->sim = d;
  io->sim_generation = d->generation;
  snprintf(io->mode, sizeof io->mode, "a simulated disk");
}

void mr_io_sim_stop_after(struct mr_io_sim *d, uint64_t requests) {
  d->stop_at = requests ? d->requests + requests : 0;
}

bool mr_io_sim_stopped(const struct mr_io_sim *d) {
  return d->stopped;
}

uint64_t mr_io_sim_requests(const struct mr_io_sim *d) {
  return d->requests;
}

void mr_io_sim_kill(struct mr_io_sim *d) {
  end_in_flight(d);
  for (uint32_t i = 0; i < MR_SIM_FDS; i++) {
    if (d->fds[i].node && d->fds[i].node->owner == &d->fds[i]) d->fds[i].node->owner = NULL;
    d->fds[i].node = NULL;
  }
  d->generation++;
  d->stopped = false;
  d->stop_at = 0;
}

void mr_io_sim_cut(struct mr_io_sim *d) {
  mr_io_sim_kill(d);
  mr_sim_forget(d);
}

void mr_io_sim_space(struct mr_io_sim *d, uint64_t bytes) {
  d->space = bytes;
}

void mr_io_sim_faults(struct mr_io_sim *d, const struct mr_io_sim_conf *conf) {
  struct mr_io_sim_conf was = d->conf;
  d->conf = *conf;
  d->conf.seed = was.seed;
  d->conf.space = was.space;
  d->conf.no_direct = was.no_direct;
}

const char *mr_io_sim_get(struct mr_io_sim *d, const char *path, size_t *len) {
  const struct mr_sim_node *node = mr_sim_find(d, path, NULL, NULL);
  *len = node && !node->folder ? node->now.len : 0;
  return !node || node->folder ? NULL : node->now.data ? node->now.data : "";
}

int64_t mr_io_sim_list(struct mr_io_sim *d, const char *path, char *buf, uint64_t sz) {
  return list_folder(mr_sim_find(d, path, NULL, NULL), buf, sz);
}

void mr_io_sim_flip(struct mr_io_sim *d, const char *path, uint64_t byte, uint8_t mask) {
  struct mr_sim_node *node = mr_sim_find(d, path, NULL, NULL);
  MR_ASSERT(node && byte < node->now.len);
  node->now.data[byte] = (char)(node->now.data[byte] ^ mask);
  if (byte < node->kept.len) node->kept.data[byte] = (char)(node->kept.data[byte] ^ mask);
}
