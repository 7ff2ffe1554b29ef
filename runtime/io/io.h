/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_IO_IO_H
#define MR_IO_IO_H

/* All file access of a running graph: asynchronous requests. The caller owns a request and its
 * buffers, submits it, goes on working, and later finds it done. One struct mr_io belongs to one
 * worker; only that worker submits and polls.
 *
 *   idle --mr_io_submit--> in flight --(a backend's thread or ring)--> done, seen by mr_io_poll /
 * mr_io_done
 *
 * Backends: uring-fixed (io_uring with registered buffers and files), uring (without), plain
 * (system calls in threads); in all three what is in the page cache is read at once. And memory
 * (tests: files in memory, with injected errors, short transfers and delays).
 *
 * Nothing is durable before a DATASYNC that was submitted after the write had finished, and a name
 * (OPEN with O_CREAT, RENAME, UNLINK, MKDIR) not before a SYNC_DIR of its folder. Writes in flight
 * at the same time reach the disk in any order. After a DATASYNC that failed nothing that was
 * written to the file before is known to be on disk, and no later DATASYNC makes it so: whoever
 * gets the error gives the file up. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* BEST: the first of uring-fixed, uring and plain that this process may use, or the one of these
 * that the environment's MILLRACE_IO names. */
enum mr_io_backend { MR_IO_PLAIN, MR_IO_MEMORY, MR_IO_URING, MR_IO_URING_FIXED, MR_IO_BEST };

/* What begins and ends at a multiple of this, in memory and in the file, may be read and written
 * with O_DIRECT. */
#define MR_IO_ALIGN 4096u

/* flags of ALLOCATE: the file gets longer too, by zeroes. Writes inside the length of a file can be
 * in flight together where the file system lets writes that make it longer go one by one. */
#define MR_IO_LENGTHEN 1

enum mr_io_kind {
  MR_IO_OPEN,  /* path, flags (O_*), mode -> result: the descriptor. O_DIRECT is taken out of flags
                  where the file system refuses it, and the file is open without it */
  MR_IO_CLOSE, /* fd, by the struct mr_io that opened it */
  MR_IO_READ,  /* fd, buf, len, off -> bytes read, 0: the end. off MR_IO_STREAM: from where the
                  stream stands */
  MR_IO_WRITE, /* fd, buf, len, off -> bytes written, all of them unless it failed (short writes are
                  finished) */
  MR_IO_DATASYNC,   /* fd: covers the writes that had finished when this was submitted, no others */
  MR_IO_RENAME,     /* path, path_to */
  MR_IO_SYNC_DIR,   /* path: a folder */
  MR_IO_ALLOCATE,   /* fd, off, len: space is there; flags: 0 or MR_IO_LENGTHEN */
  MR_IO_UNLINK,     /* path */
  MR_IO_STAT,       /* path, or fd if path is NULL -> size in bytes; mode is set to st_mode */
  MR_IO_PARENTS,    /* path: the folders above it are made, and their names are durable; those that
                       are there stay as they are */
  MR_IO_TRUNCATE,   /* fd, len: the file is exactly that long; what is new reads as zeros, what is
                       allocated behind it is freed */
  MR_IO_LIST,       /* path: a folder, buf, len -> bytes: its names in no order, each with its NUL,
                       without "." and ".."; -ERANGE: they do not fit */
  MR_IO_REMOVE_DIR, /* path: an empty folder */
  MR_IO_LOCK,       /* fd, open for writing: the file is its opener's alone until all copies of the
                       descriptor are closed. Tried for len milliseconds, for the kernel lets go of
                       the lock of a killed process only when its requests have ended; -EAGAIN:
                       another has it */
  MR_IO_LOCK_TEST,  /* fd -> 1: another has it locked, 0: nobody else; takes nothing */
  MR_IO_CALL /* call(buf) in a thread -> what it returns: for what is no single request. It must
                not block for ever */
};

#define MR_IO_STREAM UINT64_MAX /* off of a pipe, terminal or socket */

enum mr_io_state { MR_IO_IDLE, MR_IO_IN_FLIGHT, MR_IO_FINISHED };

struct mr_io_req {
  enum mr_io_kind kind;
  int fd;
  int flags;
  mode_t mode;
  const char *path, *path_to; /* live until done */
  void *buf;                  /* untouched by the caller until done */
  int64_t (*call)(void *buf);
  uint64_t len, off;
  int64_t result;         /* >= 0, or -errno */
  uint64_t done;          /* WRITE: bytes written, also by one that failed */
  uint32_t tries;         /* the backend's: times that nothing came of a call, one after another */
  _Atomic int state;      /* enum mr_io_state; FINISHED is stored with release */
  struct mr_io_req *next; /* the backend's */
};

struct mr_io;

/* Called from any thread when a request has finished, to wake the worker; may be NULL. */
typedef void (*mr_io_wake_fn)(void *ctx);

/* Fails when MILLRACE_IO names no backend or one that is refused here. */
int mr_io_create(struct mr_io **io, enum mr_io_backend backend, mr_io_wake_fn wake, void *ctx,
                 struct mr_error *err);
/* Registers [base, base + len), both multiples of the page size: reads and writes whose buffer lies
 * wholly inside cost the kernel less, where it can and lets us. Otherwise they work as they did,
 * and mr_io_mode says why. The memory must be there until mr_io_destroy. Before the requests that
 * use it; the worker's thread, or before it starts. At most MR_IO_POOLS_MAX per struct mr_io. An
 * error only when MILLRACE_IO asks for registered buffers and they are refused. */
#define MR_IO_POOLS_MAX 16u
int mr_io_add_buffers(struct mr_io *io, void *base, uint64_t len, struct mr_error *err);

/* How it runs, in one line without newline for people, and why not better. Lives as long as io. */
const char *mr_io_mode(const struct mr_io *io);
/* Whether that is the best way there is. */
bool mr_io_is_best(const struct mr_io *io);

/* Gives up what may block for ever (reads and writes of pipes, sockets, terminals), in flight and
 * to come: it ends with -ECANCELED once it would have to wait, `done` says how far it came. Files
 * are not touched. Any thread. */
void mr_io_cancel(struct mr_io *io);
/* Waits for writes in flight; requests that block for ever (reads of a pipe) are given up. */
void mr_io_destroy(struct mr_io *io);

/* Never blocks. The request must be idle or finished. A read of a regular file that is in the page
 * cache is finished on return. */
void mr_io_submit(struct mr_io *io, struct mr_io_req *req);

/* Looks for completions; cheap when nothing is in flight. Returns how many requests are in flight.
 */
uint32_t mr_io_poll(struct mr_io *io);

static inline bool mr_io_done(const struct mr_io_req *req) {
  /* acquire: pairs with the backend's release of FINISHED, so result and buffer are seen */
  return atomic_load_explicit(&req->state, memory_order_acquire) == MR_IO_FINISHED;
}
static inline bool mr_io_in_flight(const struct mr_io_req *req) {
  return atomic_load_explicit(&req->state, memory_order_relaxed) == MR_IO_IN_FLIGHT;
}

/* Submits and waits: control plane only (init, fini). Returns result. */
int64_t mr_io_wait(struct mr_io *io, struct mr_io_req *req);
/* Waits for a request that is in flight (returns at once for another). Control plane only; streams
 * may block for ever, unless mr_io_cancel was called. Returns result. */
int64_t mr_io_finish(struct mr_io *io, struct mr_io_req *req);

#endif
