/* SPDX-License-Identifier: Apache-2.0 */
#include "io/io_private.h"

#include <errno.h>
#include <fcntl.h>
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
  } else {
    int rc = mr_io_plain_init(io, err);
    if (rc) {
      mr_arena_free(&arena);
      return rc;
    }
  }
  *out = io;
  return MR_OK;
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

static int64_t open_file(struct mr_io *io, const struct mr_io_req *req) {
  for (;;) {
    int64_t fd = io->calls->open(io, req->path, req->flags, req->mode);
    if (fd != -EINTR) return fd;
  }
}

static int64_t read_some(struct mr_io *io, const struct mr_io_req *req) {
  for (;;) {
    int64_t n = io->calls->read(io, req->fd, req->buf, req->len, req->off);
    if (n != -EINTR) return n;
  }
}

static int64_t write_all(struct mr_io *io, struct mr_io_req *req) {
  while (req->done < req->len) {
    uint64_t off = req->off == MR_IO_STREAM ? MR_IO_STREAM : req->off + req->done;
    int64_t n = io->calls->write(io, req->fd, (const char *)req->buf + req->done,
                                 req->len - req->done, off);
    if (n == -EINTR) continue;
    if (n < 0) return n;
    if (n == 0) return -EIO; /* nothing went, and nothing says why */
    req->done += (uint64_t)n;
  }
  return (int64_t)req->done;
}

void mr_io_execute(struct mr_io *io, struct mr_io_req *req) {
  switch (req->kind) {
  case MR_IO_OPEN: req->result = open_file(io, req); break;
  case MR_IO_READ: req->result = read_some(io, req); break;
  case MR_IO_WRITE: req->result = write_all(io, req); break;
  case MR_IO_CALL: req->result = req->call(req->buf); break;
  default:
    do req->result = io->calls->other(io, req);
    while (req->result == -EINTR && req->kind != MR_IO_CLOSE); /* a close is never repeated */
  }
}
