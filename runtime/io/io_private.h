/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_IO_IO_PRIVATE_H
#define MR_IO_IO_PRIVATE_H

/* What the backends share: a request is carried out by mr_io_execute through a table of single
 * calls, each of which may be interrupted or transfer less than was asked. */

#include <pthread.h>
#include <stdalign.h>

#include "base/arena.h"
#include "base/bits.h"
#include "io/io.h"

#define MR_IO_THREADS_MAX                                                                          \
  32u /* threads of one worker; one of them is always free until all are busy */

/* Single calls: >= 0, or -errno. */
struct mr_io_calls {
  int64_t (*open)(struct mr_io *io, const char *path, int flags, mode_t mode);
  int64_t (*read)(struct mr_io *io, int fd, void *buf, uint64_t len, uint64_t off);
  int64_t (*write)(struct mr_io *io, int fd, const void *buf, uint64_t len, uint64_t off);
  int64_t (*other)(struct mr_io *io, struct mr_io_req *req);
};

/* What mr_io_submit and the others do. */
struct mr_io_ops {
  void (*submit)(struct mr_io *io, struct mr_io_req *req);
  uint32_t (*poll)(struct mr_io *io);
  void (*finish)(struct mr_io *io, struct mr_io_req *req);
  void (*cancel)(struct mr_io *io); /* NULL: nothing blocks */
  void (*destroy)(struct mr_io *io);
};

#define MR_IO_FDS       1024u /* descriptors below this are known by what they are */
#define MR_IO_TRIES_MAX 1000u /* calls without effect, one after another, before it is an error */
#define MR_IO_MODE_SZ   192u

/* OURS: opened by this io; REGISTERED: in the ring's table */
enum { MR_IO_FD_OURS = 1, MR_IO_FD_DIRECT = 2, MR_IO_FD_REGISTERED = 4 };

struct mr_io_memory;
struct mr_io_uring;
struct mr_io_sim;

struct mr_io {
  const struct mr_io_calls *calls;
  const struct mr_io_ops *ops;
  mr_io_wake_fn wake;
  void *wake_ctx;
  struct mr_arena arena;
  uint32_t submitted; /* the worker's; requests that went to a thread */
  struct mr_io_memory *memory;
  struct mr_io_uring *uring;
  struct mr_io_sim *sim;
  uint32_t sim_generation;
  char mode[MR_IO_MODE_SZ];
  bool best, forced;              /* forced: by MILLRACE_IO, so nothing less will do */
  _Atomic uint8_t fds[MR_IO_FDS]; /* MR_IO_FD_*: set by who opens, before the owner knows the fd */

  /* plain: what worker and threads share */
  alignas(MR_CACHE_LINE_PAIR) _Atomic(struct mr_io_req *) inbox; /* newest first */
  _Atomic uint32_t seq;      /* moves with every request; threads sleep on it */
  _Atomic uint32_t sleepers; /* threads that sleep or are about to */
  _Atomic uint32_t stop;     /* the end: what blocks for ever is given up */
  alignas(MR_CACHE_LINE_PAIR) _Atomic uint32_t finished; /* requests; mr_io_finish sleeps on it */
  _Atomic uint32_t waiting;                              /* 1: somebody does */
  /* plain: among the threads, under the lock */
  alignas(MR_CACHE_LINE_PAIR) pthread_mutex_t lock;
  struct mr_io_req *queue, *queue_last; /* oldest first */
  uint32_t thread_cnt, busy_cnt;
  int stop_fd; /* readable: what blocks for ever is given up */
  pthread_t threads[MR_IO_THREADS_MAX];
};

/* Carries a request out: interrupted calls are made again, short writes are finished. Sets result
 * and done. */
void mr_io_execute(struct mr_io *io, struct mr_io_req *req);

/* Counts n bytes more of a WRITE: what is left begins where the file can be written. */
void mr_io_add_done(struct mr_io *io, struct mr_io_req *req, uint64_t n);

/* Whether the file is open with O_DIRECT. */
bool mr_io_fd_is_direct(struct mr_io *io, int fd);

/* The request is over: its owner may look at it and use it again from here on. */
static inline void mr_io_set_finished(struct mr_io_req *req) {
  /* release: pairs with the acquire of mr_io_done */
  atomic_store_explicit(&req->state, MR_IO_FINISHED, memory_order_release);
}

/* Backends fill io->calls, io->ops and what is theirs. */
int mr_io_plain_init(struct mr_io *io, struct mr_error *err);
void mr_io_memory_init(struct mr_io *io);
/* After mr_io_plain_init, whose threads do the rest. 0, or -errno: io is what it was. With fixed,
 * *fixed_error is 0 or why (an errno) there are no registered buffers. */
int mr_io_uring_init(struct mr_io *io, bool fixed, int *fixed_error);
/* 0, or -errno: the kernel refuses. */
int64_t mr_io_uring_add_buffers(struct mr_io *io, void *base, uint64_t len);
/* Why io_uring, or the registering of buffers, is refused, in words. */
void mr_io_uring_why(char *text, size_t sz, int error, bool buffers);

/* The plain backend's, for one that hands it a part of the requests. */
bool mr_io_plain_read_now(struct mr_io *io, struct mr_io_req *req);
void mr_io_plain_submit(struct mr_io *io, struct mr_io_req *req);
uint32_t mr_io_plain_poll(struct mr_io *io);
void mr_io_plain_finish(struct mr_io *io, struct mr_io_req *req);
void mr_io_plain_cancel(struct mr_io *io);
void mr_io_plain_destroy(struct mr_io *io);

#endif
