/* SPDX-License-Identifier: Apache-2.0 */
/* Positioned reads and writes and datasyncs go over a ring; whatever else there is, streams and
 * everything with a path, goes to the threads of the plain backend. Only the owner submits and
 * reaps, so the ring needs no lock; completions reach a sleeping owner by an event descriptor that
 * one of the threads waits for.
 *
 * A request is resubmitted when it was short, when nothing came of it, and when it was cancelled
 * because the thread that had submitted it ended: the end of a worker must not lose what it wrote.
 * A datasync is made again only when it was cancelled, hence never begun. */
#include "io/uring_private.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assert.h"

#define PIECE_MAX (1u << 30) /* bytes of one transfer */
#define REAP_CNT  16u

struct pool {
  char *base;
  uint64_t len;
};

struct mr_io_uring {
  struct io_uring ring;
  bool fixed; /* the tables of buffers and files are there */
  bool unsubmitted;
  uint32_t in_flight; /* on the ring */
  uint32_t held_cnt;
  struct mr_io_req *held, *held_last; /* wait for room, oldest first */
  uint32_t pool_cnt, file_cnt;
  struct pool pools[MR_IO_POOLS_MAX];
  int event_fd;
  _Atomic bool quit; /* the waker's end */
  struct mr_io_req waker;
  const struct mr_io_inject *inject;
};

static bool goes_on_ring(const struct mr_io_req *req) {
  switch (req->kind) {
  case MR_IO_READ:
  case MR_IO_WRITE: return req->off != MR_IO_STREAM;
  case MR_IO_DATASYNC: return true;
  default: return false;
  }
}

/* ---- registered files and buffers ---- */

/* Whether fd may be named by its place in the table; puts it there at its first use. Only files
 * that this io has opened: nobody else closes them unseen. */
static bool file_is_registered(struct mr_io *io, int fd) {
  struct mr_io_uring *u = io->uring;
  if (!u->fixed || fd < 0 || fd >= (int)u->file_cnt) return false;
  /* relaxed: who knows the descriptor has seen the request that opened it finish */
  uint8_t what = atomic_load_explicit(&io->fds[fd], memory_order_relaxed);
  if (what & MR_IO_FD_REGISTERED) return true;
  if (!(what & MR_IO_FD_OURS)) return false;
  if (io_uring_register_files_update(&u->ring, (unsigned)fd, &fd, 1) != 1) return false;
  atomic_store_explicit(&io->fds[fd], what | MR_IO_FD_REGISTERED, memory_order_relaxed);
  return true;
}

/* Before a close: the table would keep the file, and its lock, open. */
static void forget_file(struct mr_io *io, int fd) {
  struct mr_io_uring *u = io->uring;
  if (!u->fixed || fd < 0 || fd >= (int)u->file_cnt) return;
  uint8_t what = atomic_load_explicit(&io->fds[fd], memory_order_relaxed);
  if (!(what & MR_IO_FD_REGISTERED)) return;
  int none = -1;
  io_uring_register_files_update(&u->ring, (unsigned)fd, &none, 1);
  /* relaxed: as above */
  atomic_store_explicit(&io->fds[fd], what & (uint8_t)~MR_IO_FD_REGISTERED, memory_order_relaxed);
}

/* The pool that holds all of [buf, buf + len), or -1. */
static int pool_of(const struct mr_io_uring *u, const char *buf, uint64_t len) {
  for (uint32_t i = 0; i < u->pool_cnt; i++) {
    const struct pool *p = &u->pools[i];
    if (buf >= p->base && len <= p->len && (uint64_t)(buf - p->base) <= p->len - len) return (int)i;
  }
  return -1;
}

int64_t mr_io_uring_add_buffers(struct mr_io *io, void *base, uint64_t len) {
  struct mr_io_uring *u = io->uring;
  if (!u->fixed || u->pool_cnt == MR_IO_POOLS_MAX) return -EINVAL;
  struct iovec iov = {base, len};
  __u64 tag = 0;
  int rc = io_uring_register_buffers_update_tag(&u->ring, u->pool_cnt, &iov, &tag, 1);
  if (rc < 0) return rc;
  u->pools[u->pool_cnt++] = (struct pool){base, len};
  return 0;
}

/* ---- submitting ---- */

static int enter(struct mr_io_uring *u, bool wait) {
  int rc = u->inject && u->inject->enter ? u->inject->enter(u->inject->ctx) : 0;
  if (!rc) rc = wait ? io_uring_submit_and_wait(&u->ring, 1) : io_uring_submit(&u->ring);
  /* EAGAIN, EBUSY, EINTR: what was not taken stays in the queue; the next poll tries again */
  u->unsubmitted = io_uring_sq_ready(&u->ring) > 0;
  return rc;
}

static void prepare(struct mr_io *io, struct io_uring_sqe *sqe, struct mr_io_req *req) {
  struct mr_io_uring *u = io->uring;
  char *buf = (char *)req->buf + req->done;
  uint64_t left = req->len - req->done, off = req->off + req->done;
  unsigned len = left < PIECE_MAX ? (unsigned)left : PIECE_MAX;
  int pool = req->kind == MR_IO_DATASYNC ? -1 : pool_of(u, buf, len);
  if (req->kind == MR_IO_DATASYNC)
    io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);
  else if (req->kind == MR_IO_READ && pool >= 0)
    io_uring_prep_read_fixed(sqe, req->fd, buf, len, off, pool);
  else if (req->kind == MR_IO_READ)
    io_uring_prep_read(sqe, req->fd, buf, len, off);
  else if (pool >= 0)
    io_uring_prep_write_fixed(sqe, req->fd, buf, len, off, pool);
  else
    io_uring_prep_write(sqe, req->fd, buf, len, off);
  if (file_is_registered(io, req->fd)) io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
  io_uring_sqe_set_data(sqe, req);
}

/* Puts the request on the ring if there is room. */
static bool put(struct mr_io *io, struct mr_io_req *req) {
  struct mr_io_uring *u = io->uring;
  if (u->in_flight == MR_IO_RING) return false;
  struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
  if (!sqe) return false;
  prepare(io, sqe, req);
  u->in_flight++;
  u->unsubmitted = true;
  return true;
}

static void hold(struct mr_io_uring *u, struct mr_io_req *req) {
  req->next = NULL;
  if (u->held_last)
    u->held_last->next = req;
  else
    u->held = req;
  u->held_last = req;
  u->held_cnt++;
}

static void put_held(struct mr_io *io) {
  struct mr_io_uring *u = io->uring;
  while (u->held) {
    struct mr_io_req *req = u->held, *next = req->next;
    if (!put(io, req)) return;
    u->held = next;
    if (!next) u->held_last = NULL;
    u->held_cnt--;
  }
}

/* ---- completions ---- */

/* Whether the request goes on; if not, its result is set. */
static bool goes_on(struct mr_io *io, struct mr_io_req *req, int32_t res) {
  req->result = res;
  if (res == -ECANCELED || (req->kind != MR_IO_DATASYNC && (res == -EAGAIN || res == -EINTR)))
    return ++req->tries < MR_IO_TRIES_MAX;
  if (res < 0 || req->kind != MR_IO_WRITE) return false;
  if (res == 0 && req->done < req->len) {
    req->result = -EIO; /* nothing went, and nothing says why */
    return false;
  }
  mr_io_add_done(io, req, (uint64_t)res);
  req->result = req->tries < MR_IO_TRIES_MAX ? (int64_t)req->done : -EIO;
  return req->done < req->len && req->result >= 0;
}

static void reap(struct mr_io *io) {
  struct mr_io_uring *u = io->uring;
  struct io_uring_cqe *cqes[REAP_CNT];
  unsigned cnt;
  while ((cnt = io_uring_peek_batch_cqe(&u->ring, cqes, REAP_CNT))) {
    for (unsigned i = 0; i < cnt; i++) {
      struct mr_io_req *req = io_uring_cqe_get_data(cqes[i]);
      int32_t res = cqes[i]->res;
      u->in_flight--;
      if (u->inject && u->inject->result) res = u->inject->result(u->inject->ctx, req, res);
      if (goes_on(io, req, res))
        hold(u, req);
      else
        mr_io_set_finished(req);
    }
    io_uring_cq_advance(&u->ring, cnt);
  }
}

static void uring_submit(struct mr_io *io, struct mr_io_req *req) {
  struct mr_io_uring *u = io->uring;
  if (!goes_on_ring(req)) {
    if (req->kind == MR_IO_CLOSE) forget_file(io, req->fd);
    mr_io_plain_submit(io, req);
    return;
  }
  if (req->kind == MR_IO_READ && mr_io_plain_read_now(io, req)) return;
  if (u->held || !put(io, req)) hold(u, req);
  if (u->unsubmitted) enter(u, false);
}

static uint32_t uring_poll(struct mr_io *io) {
  struct mr_io_uring *u = io->uring;
  if (u->in_flight + u->held_cnt) {
    reap(io);
    put_held(io);
    if (u->unsubmitted) enter(u, false);
  }
  return mr_io_plain_poll(io) + u->in_flight + u->held_cnt;
}

static void uring_finish(struct mr_io *io, struct mr_io_req *req) {
  if (!goes_on_ring(req)) {
    mr_io_plain_finish(io, req);
    return;
  }
  for (;;) {
    reap(io);
    if (mr_io_done(req)) return;
    put_held(io);
    enter(io->uring, true);
  }
}

/* ---- waking the owner ---- */

static int64_t wait_for_events(void *ctx) {
  struct mr_io *io = ctx;
  eventfd_t cnt;
  for (;;) {
    if (eventfd_read(io->uring->event_fd, &cnt) < 0) continue; /* EINTR */
    /* relaxed: the descriptor orders it */
    if (atomic_load_explicit(&io->uring->quit, memory_order_relaxed)) return 0;
    io->wake(io->wake_ctx);
  }
}

static int start_waker(struct mr_io *io) {
  struct mr_io_uring *u = io->uring;
  u->event_fd = -1;
  if (!io->wake) return 0;
  u->event_fd = eventfd(0, EFD_CLOEXEC);
  if (u->event_fd < 0) return -errno;
  int rc = io_uring_register_eventfd(&u->ring, u->event_fd);
  if (rc) {
    close(u->event_fd);
    return rc;
  }
  u->waker = (struct mr_io_req){.kind = MR_IO_CALL, .call = wait_for_events, .buf = io};
  mr_io_plain_submit(io, &u->waker);
  io->submitted--; /* nobody waits for it */
  return 0;
}

/* ---- the beginning and the end ---- */

static void uring_destroy(struct mr_io *io) {
  struct mr_io_uring *u = io->uring;
  while (u->in_flight || u->held) {
    reap(io);
    put_held(io);
    if (u->in_flight) enter(u, true);
  }
  if (u->event_fd >= 0) {
    atomic_store_explicit(&u->quit, true, memory_order_relaxed);
    eventfd_write(u->event_fd, 1);
  }
  mr_io_plain_destroy(io);
  if (u->event_fd >= 0) close(u->event_fd);
  if (u->fixed) { /* at once: closing the ring would let go of them some time later */
    io_uring_unregister_files(&u->ring);
    io_uring_unregister_buffers(&u->ring);
  }
  io_uring_queue_exit(&u->ring);
}

/* Whether the kernel carries out everything that we ask of it, and lets us enter the ring. */
static int try_ring(struct io_uring *ring) {
  static const uint8_t ops[] = {IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC,
                                IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED};
  struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
  bool all = probe && ring->features & IORING_FEAT_NODROP;
  for (size_t i = 0; all && i < sizeof ops; i++) all = io_uring_opcode_supported(probe, ops[i]);
  io_uring_free_probe(probe);
  if (!all) return -EOPNOTSUPP;
  struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
  struct io_uring_cqe *cqe;
  io_uring_prep_nop(sqe);
  int rc;
  do rc = io_uring_submit(ring);
  while (rc == -EINTR || rc == -EAGAIN || rc == -EBUSY);
  if (rc == 1) do
      rc = io_uring_wait_cqe(ring, &cqe);
    while (rc == -EINTR || rc == -EAGAIN);
  if (rc) return rc < 0 ? rc : -EIO;
  io_uring_cqe_seen(ring, cqe);
  return 0;
}

static int make_ring(struct io_uring *ring) {
  /* A completion is posted when the owner next enters the kernel or looks, and does not interrupt
   * it; kernels before 5.19 do not know that. */
  int rc =
      io_uring_queue_init(MR_IO_RING, ring, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
  if (rc == -EINVAL) rc = io_uring_queue_init(MR_IO_RING, ring, 0);
  if (rc) return rc;
  rc = try_ring(ring);
  if (rc) io_uring_queue_exit(ring);
  return rc;
}

/* Makes the tables, and registers one page to see whether that is permitted. */
static int make_tables(struct mr_io *io) {
  struct mr_io_uring *u = io->uring;
  struct rlimit files;
  u->file_cnt = MR_IO_FDS;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < u->file_cnt)
    u->file_cnt = (uint32_t)files.rlim_cur;
  int rc = io_uring_register_files_sparse(&u->ring, u->file_cnt);
  if (rc) return rc;
  rc = io_uring_register_buffers_sparse(&u->ring, MR_IO_POOLS_MAX);
  if (!rc) {
    char *raw = mr_arena_alloc(&io->arena, (size_t)2 * MR_IO_ALIGN);
    char *page = raw + (-(uintptr_t)raw & (uintptr_t)(MR_IO_ALIGN - 1));
    struct iovec one = {page, MR_IO_ALIGN}, none = {0};
    __u64 tag = 0;
    rc = io_uring_register_buffers_update_tag(&u->ring, 0, &one, &tag, 1);
    if (rc == 1) rc = io_uring_register_buffers_update_tag(&u->ring, 0, &none, &tag, 1);
    rc = rc < 0 ? rc : 0;
    if (rc) io_uring_unregister_buffers(&u->ring);
  }
  if (rc) io_uring_unregister_files(&u->ring);
  u->fixed = !rc;
  return rc;
}

static const char *setup_cause(int error) {
  switch (error) {
  case EPERM: return "not permitted: a seccomp filter, or kernel.io_uring_disabled";
  case ENOSYS: return "not in this kernel, or hidden by a seccomp filter";
  case ENOMEM: return "no memory that may be locked: RLIMIT_MEMLOCK";
  case EOPNOTSUPP: return "this kernel's lacks what is needed";
  default: return strerrordesc_np(error);
  }
}

void mr_io_uring_why(char *text, size_t sz, int error, bool buffers) {
  struct rlimit lock = {0};
  if (!buffers) {
    snprintf(text, sz, "io_uring is refused (%s)", setup_cause(error));
  } else if (error == ENOMEM && getrlimit(RLIMIT_MEMLOCK, &lock) == 0) {
    snprintf(text, sz, "more locked memory is refused (RLIMIT_MEMLOCK is %llu KiB)",
             (unsigned long long)lock.rlim_cur / 1024);
  } else {
    snprintf(text, sz, "registering is refused (%s)", strerrordesc_np(error));
  }
}

int mr_io_uring_init(struct mr_io *io, bool fixed, int *fixed_error) {
  static const struct mr_io_ops ops = {
      .submit = uring_submit,
      .poll = uring_poll,
      .finish = uring_finish,
      .cancel = mr_io_plain_cancel,
      .destroy = uring_destroy,
  };
  struct mr_io_uring *u = io->uring = MR_NEW(&io->arena, struct mr_io_uring, 1);
  int rc = make_ring(&u->ring);
  if (!rc) {
    rc = start_waker(io);
    if (rc) io_uring_queue_exit(&u->ring);
  }
  if (rc) {
    io->uring = NULL;
    return rc;
  }
  *fixed_error = fixed ? -make_tables(io) : 0;
  io->ops = &ops;
  return 0;
}

/* ---- tests ---- */

void mr_io_uring_inject(struct mr_io *io, const struct mr_io_inject *inject) {
  MR_ASSERT(io->uring);
  io->uring->inject = inject;
}

struct mr_io_uring_facts mr_io_uring_facts(const struct mr_io *io) {
  const struct mr_io_uring *u = io->uring;
  MR_ASSERT(u);
  return (struct mr_io_uring_facts){u->ring.features, u->ring.flags, u->in_flight,
                                    u->held_cnt,      u->pool_cnt,   u->fixed ? u->file_cnt : 0};
}
