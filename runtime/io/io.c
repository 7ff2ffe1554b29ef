/* SPDX-License-Identifier: Apache-2.0 */
#include "io/io_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/assert.h"

int mr_io_create(struct mr_io **out, enum mr_io_backend backend, mr_io_wake_fn wake, void *ctx,
                 struct mr_error *err) {
  struct mr_arena arena = {0};
  char *raw = mr_arena_alloc(&arena, sizeof(struct mr_io) + MR_CACHE_LINE_PAIR);
  struct mr_io *io =
      (struct mr_io *)(void *)(raw + (-(uintptr_t)raw & (uintptr_t)(MR_CACHE_LINE_PAIR - 1)));
  io->arena = arena;
  io->wake = wake;
  io->wake_ctx = ctx;
  if (backend == MR_IO_MEMORY) {
    mr_io_memory_init(io);
    snprintf(io->mode, sizeof io->mode, "in memory");
    io->best = true;
  } else {
    int rc = mr_io_plain_init(io, err);
    snprintf(io->mode, sizeof io->mode, "plain threads");
    io->best = true;
    if (rc) {
      mr_arena_free(&arena);
      return rc;
    }
  }
  *out = io;
  return MR_OK;
}

int mr_io_add_buffers(struct mr_io *io, void *base, uint64_t len, struct mr_error *err) {
  (void)io, (void)err;
  MR_ASSERT(((uintptr_t)base | len) % MR_IO_ALIGN == 0);
  return MR_OK;
}

const char *mr_io_mode(const struct mr_io *io) {
  return io->mode;
}

bool mr_io_is_best(const struct mr_io *io) {
  return io->best;
}

void mr_io_cancel(struct mr_io *io) {
  if (io->calls->cancel) io->calls->cancel(io);
}

void mr_io_destroy(struct mr_io *io) {
  if (!io) return;
  io->calls->destroy(io);
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
  io->calls->submit(io, req);
}

uint32_t mr_io_poll(struct mr_io *io) {
  return io->calls->poll(io);
}

int64_t mr_io_finish(struct mr_io *io, struct mr_io_req *req) {
  /* acquire: pairs with the release of mr_io_set_finished */
  if (atomic_load_explicit(&req->state, memory_order_acquire) == MR_IO_IN_FLIGHT)
    io->calls->finish(io, req);
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
    note_fd(io, fd, req->flags & O_DIRECT ? MR_IO_FD_DIRECT : 0);
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
    while (req->kind != MR_IO_LOCK && again(req, req->result));
  }
}
