/* SPDX-License-Identifier: Apache-2.0 */
#include "io/io_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"

/* ---- which backend ---- */

/* What MILLRACE_IO names; BEST when it is not set. */
static int backend_asked(enum mr_io_backend *backend, struct mr_error *err) {
  const char *name = getenv("MILLRACE_IO");
  if (!name || !*name)
    *backend = MR_IO_BEST;
  else if (strcmp(name, "uring-fixed") == 0)
    *backend = MR_IO_URING_FIXED;
  else if (strcmp(name, "uring") == 0)
    *backend = MR_IO_URING;
  else if (strcmp(name, "plain") == 0)
    *backend = MR_IO_PLAIN;
  else
    return mr_error_set(err, MR_ERR_CONF,
                        "MILLRACE_IO is '%s'; it may be uring-fixed, uring, plain", name);
  return MR_OK;
}

static void set_mode(struct mr_io *io, enum mr_io_backend backend, const char *why) {
  static const char *const names[] = {[MR_IO_PLAIN] = "plain threads",
                                      [MR_IO_MEMORY] = "memory",
                                      [MR_IO_URING] = "io_uring without registered buffers",
                                      [MR_IO_URING_FIXED] = "io_uring, registered buffers"};
  io->best = backend == MR_IO_URING_FIXED || backend == MR_IO_MEMORY;
  snprintf(io->mode, sizeof io->mode, "%s%s%s", names[backend], why ? ": " : "", why ? why : "");
}

/* The ring over plain threads, or why not. */
static int add_ring(struct mr_io *io, enum mr_io_backend backend, struct mr_error *err) {
  char why[MR_IO_MODE_SZ / 2];
  int fixed_error = 0, rc = mr_io_uring_init(io, backend != MR_IO_URING, &fixed_error);
  if (!rc && !fixed_error) {
    set_mode(io, backend == MR_IO_URING ? MR_IO_URING : MR_IO_URING_FIXED,
             backend == MR_IO_URING ? "MILLRACE_IO says so" : NULL);
    return MR_OK;
  }
  mr_io_uring_why(why, sizeof why, rc ? -rc : fixed_error, !rc);
  set_mode(io, rc ? MR_IO_PLAIN : MR_IO_URING, why);
  if (io->forced) return mr_error_set(err, MR_ERR_CONF, "MILLRACE_IO cannot be met: %s", why);
  return MR_OK;
}

static int init_backend(struct mr_io *io, enum mr_io_backend backend, struct mr_error *err) {
  if (backend == MR_IO_MEMORY) {
    mr_io_memory_init(io);
    set_mode(io, MR_IO_MEMORY, NULL);
    return MR_OK;
  }
  int rc = backend == MR_IO_BEST ? backend_asked(&backend, err) : MR_OK;
  if (rc) return rc;
  io->forced = backend != MR_IO_BEST;
  rc = mr_io_plain_init(io, err);
  if (rc) return rc;
  if (backend == MR_IO_PLAIN) {
    set_mode(io, MR_IO_PLAIN, "MILLRACE_IO says so");
    return MR_OK;
  }
  rc = add_ring(io, backend, err);
  if (rc) io->ops->destroy(io);
  return rc;
}

int mr_io_create(struct mr_io **out, enum mr_io_backend backend, mr_io_wake_fn wake, void *ctx,
                 struct mr_error *err) {
  struct mr_arena arena = {0};
  char *raw = mr_arena_alloc(&arena, sizeof(struct mr_io) + MR_CACHE_LINE_PAIR);
  struct mr_io *io =
      (struct mr_io *)(void *)(raw + (-(uintptr_t)raw & (uintptr_t)(MR_CACHE_LINE_PAIR - 1)));
  io->arena = arena;
  io->wake = wake;
  io->wake_ctx = ctx;
  int rc = init_backend(io, backend, err);
  if (rc) {
    arena = io->arena; /* the struct itself lives in it */
    mr_arena_free(&arena);
    return rc;
  }
  *out = io;
  return MR_OK;
}

int mr_io_add_buffers(struct mr_io *io, void *base, uint64_t len, struct mr_error *err) {
  MR_ASSERT(((uintptr_t)base | len) % MR_IO_ALIGN == 0);
  if (!io->uring || !io->best) return MR_OK; /* without: mr_io_mode says why */
  int64_t rc = mr_io_uring_add_buffers(io, base, len);
  if (rc == 0) return MR_OK;
  char why[MR_IO_MODE_SZ / 2];
  mr_io_uring_why(why, sizeof why, (int)-rc, true);
  if (io->forced) return mr_error_set(err, MR_ERR_CONF, "MILLRACE_IO cannot be met: %s", why);
  set_mode(io, MR_IO_URING, why);
  return MR_OK;
}

const char *mr_io_mode(const struct mr_io *io) {
  return io->mode;
}

bool mr_io_is_best(const struct mr_io *io) {
  return io->best;
}

void mr_io_cancel(struct mr_io *io) {
  if (io->ops->cancel) io->ops->cancel(io);
}

void mr_io_destroy(struct mr_io *io) {
  if (!io) return;
  io->ops->destroy(io);
  struct mr_arena arena = io->arena; /* the struct itself lives in it */
  mr_arena_free(&arena);
}

void mr_io_submit(struct mr_io *io, struct mr_io_req *req) {
  MR_ASSERT(!mr_io_in_flight(req));
  atomic_store_explicit(&req->state, MR_IO_IN_FLIGHT, memory_order_relaxed);
  req->result = 0;
  req->done = 0;
  req->tries = 0;
  req->next = NULL;
  io->ops->submit(io, req);
}

uint32_t mr_io_poll(struct mr_io *io) {
  return io->ops->poll(io);
}

int64_t mr_io_finish(struct mr_io *io, struct mr_io_req *req) {
  /* acquire: pairs with the release of mr_io_set_finished */
  if (atomic_load_explicit(&req->state, memory_order_acquire) == MR_IO_IN_FLIGHT)
    io->ops->finish(io, req);
  return req->result;
}

int64_t mr_io_wait(struct mr_io *io, struct mr_io_req *req) {
  mr_io_submit(io, req);
  return mr_io_finish(io, req);
}

/* ---- carrying out ---- */

bool mr_io_fd_is_direct(struct mr_io *io, int fd) {
  if (fd < 0) return false;
  if (fd >= (int)MR_IO_FDS) return fcntl(fd, F_GETFL) & O_DIRECT;
  /* relaxed: who knows the descriptor has seen the request that opened it finish */
  return atomic_load_explicit(&io->fds[fd], memory_order_relaxed) & MR_IO_FD_DIRECT;
}

/* Notes what an open file is, or with 0 that it is closed. */
static void note_fd(struct mr_io *io, int64_t fd, uint8_t what) {
  /* relaxed: as above */
  if (fd >= 0 && fd < (int64_t)MR_IO_FDS)
    atomic_store_explicit(&io->fds[fd], what, memory_order_relaxed);
}

/* Whether a call that gave this is made again: it had no effect, and not too often yet. */
static bool again(struct mr_io_req *req, int64_t result) {
  if (result != -EINTR && result != -EAGAIN) return false;
  return ++req->tries < MR_IO_TRIES_MAX;
}

static int64_t open_file(struct mr_io *io, struct mr_io_req *req) {
  for (;;) {
    int64_t fd = io->calls->open(io, req->path, req->flags, req->mode);
    if (fd == -EINVAL && req->flags & O_DIRECT) {
      req->flags &= ~O_DIRECT;
      continue;
    }
    note_fd(io, fd, MR_IO_FD_OURS | (req->flags & O_DIRECT ? MR_IO_FD_DIRECT : 0));
    if (!again(req, fd)) return fd;
  }
}

static int64_t read_some(struct mr_io *io, struct mr_io_req *req) {
  for (;;) {
    int64_t n = io->calls->read(io, req->fd, req->buf, req->len, req->off);
    if (!again(req, n)) return n;
  }
}

static int64_t write_all(struct mr_io *io, struct mr_io_req *req) {
  while (req->done < req->len) {
    uint64_t off = req->off == MR_IO_STREAM ? MR_IO_STREAM : req->off + req->done;
    int64_t n = io->calls->write(io, req->fd, (const char *)req->buf + req->done,
                                 req->len - req->done, off);
    if (again(req, n)) continue;
    if (n < 0) return n;
    if (n == 0) return -EIO; /* nothing went, and nothing says why */
    mr_io_add_done(io, req, (uint64_t)n);
    if (req->tries >= MR_IO_TRIES_MAX) return -EIO;
  }
  return (int64_t)req->done;
}

void mr_io_add_done(struct mr_io *io, struct mr_io_req *req, uint64_t n) {
  /* The rest of a direct write begins at a block, so the block that is in part there is written
   * again. */
  if (req->done + n < req->len && mr_io_fd_is_direct(io, req->fd)) n -= n % MR_IO_ALIGN;
  req->tries = n ? 0 : req->tries + 1;
  req->done += n;
}

static int64_t close_file(struct mr_io *io, struct mr_io_req *req) {
  note_fd(io, req->fd, 0);
  return io->calls->other(io, req); /* never repeated: an interrupted close has closed */
}

void mr_io_execute(struct mr_io *io, struct mr_io_req *req) {
  switch (req->kind) {
  case MR_IO_OPEN: req->result = open_file(io, req); break;
  case MR_IO_READ: req->result = read_some(io, req); break;
  case MR_IO_WRITE: req->result = write_all(io, req); break;
  case MR_IO_CALL: req->result = req->call(req->buf); break;
  case MR_IO_CLOSE: req->result = close_file(io, req); break;
  default:
    do req->result = io->calls->other(io, req);
    /* a lock waits by itself, and a datasync that was cut short may have failed */
    while (req->kind != MR_IO_LOCK && req->kind != MR_IO_DATASYNC && again(req, req->result));
  }
}
