/* SPDX-License-Identifier: Apache-2.0 */
/* System calls in threads. The worker pushes requests without a lock; threads take them in order. A
 * thread that takes a request sees to it that another one is free, so a read that blocks (standard
 * input) holds up nothing. Threads are started by mr_io_create and by each other, never by the
 * worker, whose CPU they must not inherit. */
#include "io/io_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define STACK_SZ     (256u << 10)
#define LOCK_MS      5     /* between two looks at a lock that another one has */
#define PIPE_PAGE_SZ 4096u /* a pipe that polls writable takes this much without blocking */

static int64_t result_of(int64_t rc) {
  return rc < 0 ? -errno : rc;
}

/* ---- single calls ---- */

static int64_t plain_open(struct mr_io *io, const char *path, int flags, mode_t mode) {
  (void)io;
  int fd = open(path, flags | O_CLOEXEC, mode);
  if (fd < 0) return -errno;
  if ((flags & O_ACCMODE) == O_RDONLY) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return fd;
}

/* Waits until the stream can be read or written; false: the end has come, give up. */
static bool wait_stream(struct mr_io *io, int fd, short events) {
  struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = io->stop_fd, .events = POLLIN}};
  for (;;) {
    int n = poll(p, 2, -1);
    if (n < 0 && errno != EINTR) return true; /* let the call itself say what is wrong */
    if (n > 0) return p[0].revents != 0 || p[1].revents == 0;
  }
}

static int64_t nowait_read(int fd, void *buf, uint64_t len, uint64_t off) {
  struct iovec iov = {buf, len};
  return result_of(preadv2(fd, &iov, 1, off == MR_IO_STREAM ? -1 : (off_t)off, RWF_NOWAIT));
}

static int64_t plain_read(struct mr_io *io, int fd, void *buf, uint64_t len, uint64_t off) {
  if (off != MR_IO_STREAM) return result_of(pread(fd, buf, len, (off_t)off));
  for (;;) {
    if (!wait_stream(io, fd, POLLIN)) return -ECANCELED;
    int64_t n = result_of(read(fd, buf, len));
    if (n != -EAGAIN) return n;
  }
}

/* Writes some to a pipe, socket or terminal without blocking in the call. */
static int64_t stream_write(struct mr_io *io, int fd, const void *buf, uint64_t len) {
  struct iovec iov = {(void *)(uintptr_t)buf, len};
  for (;;) {
    if (!wait_stream(io, fd, POLLOUT)) return -ECANCELED;
    int64_t n = result_of(pwritev2(fd, &iov, 1, -1, RWF_NOWAIT));
    if (n == -EOPNOTSUPP || n == -EINVAL || n == -ENOSYS)
      n = result_of(write(fd, buf, len < PIPE_PAGE_SZ ? len : PIPE_PAGE_SZ));
    if (n != -EAGAIN) return n;
  }
}

static int64_t plain_write(struct mr_io *io, int fd, const void *buf, uint64_t len, uint64_t off) {
  if (off != MR_IO_STREAM) return result_of(pwrite(fd, buf, len, (off_t)off));
  struct stat st;
  if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) return stream_write(io, fd, buf, len);
  return result_of(write(fd, buf, len));
}

static int64_t sync_dir(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int64_t rc = result_of(fsync(fd));
  close(fd);
  return rc;
}

/* Makes dir, of len bytes, if it is not there, and its name durable. */
static int64_t make_folder(char *dir, size_t len) {
  if (mkdir(dir, 0777) < 0) {
    struct stat st;
    int why = errno; /* a folder above a mount that is not ours to write is no mistake */
    if (why == EEXIST) return 0;
    return stat(dir, &st) < 0 || !S_ISDIR(st.st_mode) ? -why : 0;
  }
  while (len > 0 && dir[len - 1] != '/') len--;
  char first = dir[len];
  if (len > 0) dir[len] = 0;
  int64_t rc = sync_dir(len > 0 ? dir : ".");
  dir[len] = first;
  /* where we may make a name and not open the folder, or it cannot be synced, it is as it is */
  return rc == -EACCES || rc == -EINVAL ? 0 : rc;
}

static int64_t make_parents(const char *path) {
  char dir[PATH_MAX];
  size_t len = strlen(path);
  if (len >= sizeof dir) return -ENAMETOOLONG;
  memcpy(dir, path, len + 1);
  for (size_t i = 1; i < len; i++) {
    if (dir[i] != '/' || dir[i - 1] == '/') continue;
    dir[i] = 0;
    int64_t rc = make_folder(dir, i);
    dir[i] = '/';
    if (rc < 0) return rc;
  }
  return 0;
}

static int64_t list_dir(const char *path, char *buf, uint64_t sz) {
  DIR *dir = opendir(path);
  if (!dir) return -errno;
  uint64_t used = 0;
  int64_t rc = 0;
  for (;;) {
    errno = 0;
    const struct dirent *e = readdir(dir);
    if (!e) {
      rc = errno ? -errno : (int64_t)used;
      break;
    }
    size_t len = strlen(e->d_name) + 1;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (len > sz - used) {
      rc = -ERANGE;
      break;
    }
    memcpy(buf + used, e->d_name, len);
    used += len;
  }
  closedir(dir);
  return rc;
}

static uint64_t now_ms(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Locks of open file descriptions: another struct mr_io of this process is another, too. */
static int64_t lock_file(struct mr_io *io, int fd, uint64_t ms) {
  for (uint64_t start_ms = now_ms();;) {
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &l) == 0) return 0;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return -errno;
    if (now_ms() - start_ms >= ms) return -EAGAIN;
    struct pollfd stop = {.fd = io->stop_fd, .events = POLLIN};
    if (poll(&stop, 1, LOCK_MS) > 0) return -ECANCELED;
  }
}

static int64_t test_lock(int fd) {
  struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_OFD_GETLK, &l) < 0) return -errno;
  return l.l_type != F_UNLCK;
}

static int64_t stat_of(struct mr_io_req *req) {
  struct stat st;
  if ((req->path ? stat(req->path, &st) : fstat(req->fd, &st)) < 0) return -errno;
  req->mode = st.st_mode;
  return st.st_size;
}

static int64_t plain_other(struct mr_io *io, struct mr_io_req *req) {
  switch (req->kind) {
  case MR_IO_CLOSE: return result_of(close(req->fd));
  case MR_IO_DATASYNC: return result_of(fdatasync(req->fd));
  case MR_IO_RENAME: return result_of(rename(req->path, req->path_to));
  case MR_IO_SYNC_DIR: return sync_dir(req->path);
  case MR_IO_ALLOCATE:
    return result_of(fallocate(req->fd, req->flags & MR_IO_LENGTHEN ? 0 : FALLOC_FL_KEEP_SIZE,
                               (off_t)req->off, (off_t)req->len));
  case MR_IO_UNLINK: return result_of(unlink(req->path));
  case MR_IO_STAT: return stat_of(req);
  case MR_IO_PARENTS: return make_parents(req->path);
  case MR_IO_TRUNCATE: return result_of(ftruncate(req->fd, (off_t)req->len));
  case MR_IO_LIST: return list_dir(req->path, req->buf, req->len);
  case MR_IO_REMOVE_DIR: return result_of(rmdir(req->path));
  case MR_IO_LOCK: return lock_file(io, req->fd, req->len);
  case MR_IO_LOCK_TEST: return test_lock(req->fd);
  default: return -EINVAL;
  }
}

/* ---- threads ---- */

static void futex_wait(_Atomic uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *word, int cnt) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, cnt, NULL, NULL, 0);
}

static void *thread_main(void *arg);

/* Starts one more thread, with all signals blocked: they are the host's. Under the lock or before
 * there are others. */
static int start_thread(struct mr_io *io) {
  pthread_attr_t attr;
  sigset_t all, before;
  int rc = pthread_attr_init(&attr);
  if (rc) return rc;
  pthread_attr_setstacksize(&attr, STACK_SZ);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  rc = pthread_create(&io->threads[io->thread_cnt], &attr, thread_main, io);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  if (!rc) io->thread_cnt++;
  return rc;
}

/* Appends what the worker has pushed to the queue, oldest first. Under the lock. */
static void empty_inbox(struct mr_io *io) {
  /* acquire: pairs with the release of mr_io_plain_submit, so the requests are seen whole */
  struct mr_io_req *req = atomic_exchange_explicit(&io->inbox, NULL, memory_order_acquire);
  struct mr_io_req *first = NULL, *last = req;
  while (req) {
    struct mr_io_req *next = req->next;
    req->next = first;
    first = req;
    req = next;
  }
  if (!first) return;
  if (io->queue_last)
    io->queue_last->next = first;
  else
    io->queue = first;
  io->queue_last = last;
}

/* The oldest request, or NULL. */
static struct mr_io_req *take(struct mr_io *io) {
  pthread_mutex_lock(&io->lock);
  empty_inbox(io);
  struct mr_io_req *req = io->queue;
  if (req) {
    io->queue = req->next;
    if (!io->queue) io->queue_last = NULL;
    io->busy_cnt++;
    /* without another free thread this one goes on alone; requests then wait their turn */
    if (io->busy_cnt == io->thread_cnt && io->thread_cnt < MR_IO_THREADS_MAX) start_thread(io);
  }
  pthread_mutex_unlock(&io->lock);
  return req;
}

static void finish_request(struct mr_io *io, struct mr_io_req *req) {
  mr_io_set_finished(req);
  pthread_mutex_lock(&io->lock);
  io->busy_cnt--;
  pthread_mutex_unlock(&io->lock);
  /* seq_cst: pairs with the order of mr_io_plain_finish: one of the two sees the other's store */
  atomic_fetch_add_explicit(&io->finished, 1, memory_order_seq_cst);
  if (atomic_load_explicit(&io->waiting, memory_order_seq_cst)) futex_wake(&io->finished, INT_MAX);
  if (io->wake) io->wake(io->wake_ctx);
}

static void *thread_main(void *arg) {
  struct mr_io *io = arg;
  for (;;) {
    uint32_t seq = atomic_load_explicit(&io->seq, memory_order_seq_cst);
    struct mr_io_req *req = take(io);
    if (req) {
      mr_io_execute(io, req);
      finish_request(io, req);
      continue;
    }
    /* relaxed: seq, which moves after it, orders it */
    if (atomic_load_explicit(&io->stop, memory_order_relaxed)) return NULL;
    /* seq_cst: pairs with mr_io_plain_submit: either it sees a sleeper or this sees seq move */
    atomic_fetch_add_explicit(&io->sleepers, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&io->seq, memory_order_seq_cst) == seq) futex_wait(&io->seq, seq);
    atomic_fetch_sub_explicit(&io->sleepers, 1, memory_order_seq_cst);
  }
}

/* ---- the worker's side ---- */

static void call_threads(struct mr_io *io, int cnt) {
  /* seq_cst: pairs with the sleeper's count in thread_main */
  atomic_fetch_add_explicit(&io->seq, 1, memory_order_seq_cst);
  if (atomic_load_explicit(&io->sleepers, memory_order_seq_cst)) futex_wake(&io->seq, cnt);
}

/* Finishes a read of what is in the page cache; false: it is not, or would wait for the disk. */
bool mr_io_plain_read_now(struct mr_io *io, struct mr_io_req *req) {
  if (mr_io_fd_is_direct(io, req->fd)) return false;
  /* 0 may be wrong on some kernels, so a thread or the ring asks again whether it is the end */
  int64_t n = nowait_read(req->fd, req->buf, req->len, req->off);
  if (n <= 0) return false;
  req->result = n;
  mr_io_set_finished(req);
  return true;
}

void mr_io_plain_submit(struct mr_io *io, struct mr_io_req *req) {
  if (req->kind == MR_IO_READ && mr_io_plain_read_now(io, req)) return;
  io->submitted++;
  struct mr_io_req *head = atomic_load_explicit(&io->inbox, memory_order_relaxed);
  do req->next = head;
  while (!atomic_compare_exchange_weak_explicit(
      &io->inbox, &head, req, memory_order_release, /* release: pairs with empty_inbox's acquire */
      memory_order_relaxed));
  call_threads(io, 1);
}

uint32_t mr_io_plain_poll(struct mr_io *io) {
  /* acquire: pairs with finish_request; requests counted here are seen finished */
  return io->submitted - atomic_load_explicit(&io->finished, memory_order_acquire);
}

void mr_io_plain_finish(struct mr_io *io, struct mr_io_req *req) {
  /* seq_cst: pairs with finish_request */
  atomic_store_explicit(&io->waiting, 1, memory_order_seq_cst);
  for (;;) {
    uint32_t seen = atomic_load_explicit(&io->finished, memory_order_seq_cst);
    if (mr_io_done(req)) break;
    futex_wait(&io->finished, seen);
  }
  atomic_store_explicit(&io->waiting, 0, memory_order_relaxed);
}

void mr_io_plain_cancel(struct mr_io *io) {
  eventfd_write(io->stop_fd, 1);
}

void mr_io_plain_destroy(struct mr_io *io) {
  atomic_store_explicit(&io->stop, 1, memory_order_relaxed);
  mr_io_plain_cancel(io);
  call_threads(io, INT_MAX);
  for (uint32_t i = 0;; i++) { /* a thread may still start another one behind itself */
    pthread_mutex_lock(&io->lock);
    bool there = i < io->thread_cnt;
    pthread_mutex_unlock(&io->lock);
    if (!there) break;
    pthread_join(io->threads[i], NULL);
  }
  close(io->stop_fd);
  pthread_mutex_destroy(&io->lock);
}

int mr_io_plain_init(struct mr_io *io, struct mr_error *err) {
  static const struct mr_io_calls calls = {
      .open = plain_open,
      .read = plain_read,
      .write = plain_write,
      .other = plain_other,
  };
  static const struct mr_io_ops ops = {
      .submit = mr_io_plain_submit,
      .poll = mr_io_plain_poll,
      .finish = mr_io_plain_finish,
      .cancel = mr_io_plain_cancel,
      .destroy = mr_io_plain_destroy,
  };
  io->calls = &calls;
  io->ops = &ops;
  io->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (io->stop_fd < 0) return mr_error_set_sys(err, errno, "cannot make an event descriptor");
  pthread_mutex_init(&io->lock, NULL);
  int rc = start_thread(io);
  if (!rc) return MR_OK;
  close(io->stop_fd);
  pthread_mutex_destroy(&io->lock);
  return mr_error_set_sys(err, rc, "cannot start a thread for files");
}
