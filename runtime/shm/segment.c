/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/limits.h"
#include "shm/process.h"

#define PAGE 4096u

static int64_t wall_us(void) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static bool is_name(const char *name) {
  size_t len = 0;
  for (; name[len]; len++) {
    char c = name[len];
    bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!word && !(len && c >= '0' && c <= '9')) return false;
  }
  return len >= 1 && len <= MR_NAME_MAX;
}

/* The number that is all of text, or 0. */
static uint64_t whole_number(const char *text) {
  uint64_t n = 0;
  for (; *text >= '0' && *text <= '9'; text++) {
    if (n > UINT64_MAX / 10 - 10) return 0;
    n = n * 10 + (uint64_t)(*text - '0');
  }
  return *text ? 0 : n;
}

/* ---- other files of the name ---- */

/* Head of the file `name` in dir_fd; false when it is none. */
static bool read_head(int dir_fd, const char *name, struct mr_segment_head *head) {
  int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return false;
  ssize_t n = pread(fd, head, sizeof *head, 0);
  close(fd);
  return n == (ssize_t)sizeof *head &&
         atomic_load_explicit(&head->magic, memory_order_relaxed) == MR_SEGMENT_MAGIC;
}

/* The pid of a live process that holds the file, or 0. */
static uint64_t live_owner(int dir_fd, const char *name, uint64_t own_generation) {
  struct mr_segment_head head;
  struct mr_process owner = {0};
  if (!read_head(dir_fd, name, &head)) return 0;
  if (atomic_load_explicit(&head.state, memory_order_relaxed) == MR_SEGMENT_DONE) return 0;
  owner.pid = head.pid;
  owner.pid_ns = head.pid_ns;
  owner.start_ticks = head.start_ticks;
  memcpy(owner.boot_id, head.boot_id, sizeof owner.boot_id);
  owner.boot_id[sizeof owner.boot_id - 1] = 0;
  uint64_t now = mr_process_mono_ns();
  uint64_t beat = atomic_load_explicit(&head.heartbeat_ns, memory_order_relaxed);
  if (!mr_process_alive(&owner, now > beat ? now - beat : 0)) return 0;
  /* another generation of the same process: a reload */
  if (owner.pid == (uint64_t)getpid() && head.generation != own_generation) return 0;
  return owner.pid;
}

/* A leftover of a build that was killed: .NAME.GEN.PID.XXXXXX of a pid that is gone. */
static bool is_stale_build(const char *rest) {
  char pid[24];
  const char *at = strchr(rest, '.');
  if (!at) return false;
  size_t len = strcspn(at + 1, ".");
  if (!len || len >= sizeof pid || at[1 + len] != '.') return false;
  memcpy(pid, at + 1, len);
  pid[len] = 0;
  struct mr_process self, owner = {.pid = whole_number(pid)};
  mr_process_self(&self);
  owner.pid_ns = self.pid_ns;
  return owner.pid && !mr_process_alive(&owner, 0);
}

/* Goes through the files of the graph's name: MR_ERR_EXISTS when one is held by a live process.
 * With `clean`, what the dead left is removed. */
static int scan_name(int dir_fd, const char *graph, uint64_t generation, bool clean,
                     struct mr_error *err) {
  int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) {
    int saved = errno;
    if (fd >= 0) close(fd);
    return mr_error_set_sys(err, saved, "cannot read the run directory");
  }
  int rc = MR_OK;
  size_t len = strlen(graph);
  for (struct dirent *e = readdir(dir); e && !rc; e = readdir(dir)) {
    bool building = e->d_name[0] == '.';
    const char *name = e->d_name + building;
    if (strncmp(name, graph, len) != 0 || name[len] != '.') continue;
    if (building) {
      if (clean && is_stale_build(name + len + 1)) unlinkat(dir_fd, e->d_name, 0);
      continue;
    }
    if (!whole_number(name + len + 1)) continue;
    uint64_t pid = live_owner(dir_fd, e->d_name, generation), number = whole_number(name + len + 1);
    struct mr_segment_head head;
    if (pid)
      rc =
          mr_error_set(err, MR_ERR_EXISTS, "graph %s is running already, pid %" PRIu64, graph, pid);
    else if (clean && number != generation &&
             !(read_head(dir_fd, e->d_name, &head) && head.pid == (uint64_t)getpid()))
      unlinkat(dir_fd, e->d_name, 0); /* its own number is replaced by the rename */
  }
  closedir(dir);
  return rc;
}

static int open_dir(const char *path, int *fd, struct mr_error *err) {
  *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return *fd < 0 ? mr_error_set_sys(err, errno, "cannot open the run directory %s", path) : MR_OK;
}

/* ---- making ---- */

static int make_paths(struct mr_segment *seg, const struct mr_segment_conf *conf,
                      struct mr_error *err) {
  int a = snprintf(seg->dir, sizeof seg->dir, "%s", conf->dir);
  int b = snprintf(seg->path, sizeof seg->path, "%s/%s.%" PRIu64, conf->dir, conf->graph,
                   conf->generation);
  int c = snprintf(seg->path_tmp, sizeof seg->path_tmp, "%s/.%s.%" PRIu64 ".%ld.XXXXXX", conf->dir,
                   conf->graph, conf->generation, (long)getpid());
  int max = (int)MR_SEGMENT_PATH_SZ;
  if (a < 0 || b < 0 || c < 0 || a >= max || b >= max || c >= max)
    return mr_error_set(err, MR_ERR_ARG, "the path of the run directory is too long");
  return MR_OK;
}

/* Makes the temporary file with all its pages and maps it. */
static int map_file(struct mr_segment *seg, struct mr_error *err) {
  int fd = mkostemp(seg->path_tmp, O_CLOEXEC);
  if (fd < 0) {
    int saved = errno;
    seg->path_tmp[0] = 0;
    return mr_error_set_sys(err, saved, "cannot make the stats segment in %s", seg->dir);
  }
  int failed = fchmod(fd, 0644) ? errno : 0;
  while (!failed && (failed = posix_fallocate(fd, 0, (off_t)seg->sz)) == EINTR) failed = 0;
  if (!failed) {
    void *p = mmap(NULL, seg->sz, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (p == MAP_FAILED)
      failed = errno;
    else
      seg->base = p;
  }
  close(fd);
  if (!failed) return MR_OK;
  if (failed == ENOSPC || failed == EDQUOT || failed == ENOMEM || failed == EFBIG)
    return mr_error_set(err, MR_ERR_NOMEM, "no room for a stats segment of %" PRIu64 " bytes in %s",
                        seg->sz, seg->dir);
  return mr_error_set_sys(err, failed, "cannot map the stats segment in %s", seg->dir);
}

static int map_private(struct mr_segment *seg, struct mr_error *err) {
  void *p = mmap(NULL, seg->sz, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return mr_error_set(err, MR_ERR_NOMEM, "no room for %" PRIu64 " bytes of stats", seg->sz);
  seg->base = p;
  return MR_OK;
}

static void fill_head(struct mr_segment *seg, const struct mr_segment_conf *conf) {
  struct mr_process self;
  mr_process_self(&self);
  struct mr_segment_head *head = seg->head;
  head->major = MR_SEGMENT_MAJOR;
  head->minor = MR_SEGMENT_MINOR;
  head->head_sz = MR_SEGMENT_HEAD_SZ;
  head->total_sz = seg->sz;
  head->body_off = MR_SEGMENT_HEAD_SZ;
  head->body_sz = conf->body_sz;
  head->pid = self.pid;
  head->pid_ns = self.pid_ns;
  head->start_ticks = self.start_ticks;
  memcpy(head->boot_id, self.boot_id, sizeof head->boot_id);
  head->start_mono_ns = mr_process_mono_ns();
  head->start_wall_us = wall_us();
  head->generation = conf->generation;
  head->config_hash = conf->config_hash;
  memcpy(head->graph, conf->graph, strlen(conf->graph) + 1);
  if (conf->version) snprintf(head->version, sizeof head->version, "%s", conf->version);
  mr_segment_beat(seg);
}

_Static_assert(MR_SEGMENT_GRAPH_SZ > MR_NAME_MAX, "a graph's name fits");
_Static_assert(sizeof((struct mr_process){0}.boot_id) == 40, "the head holds a boot id");

static int create(struct mr_segment *seg, const struct mr_segment_conf *conf,
                  struct mr_error *err) {
  if (!conf->graph || !is_name(conf->graph) || !conf->generation || !conf->body_sz ||
      conf->body_sz > MR_SEGMENT_SZ_MAX - MR_SEGMENT_HEAD_SZ)
    return mr_error_set(err, MR_ERR_ARG, "bad name, generation or size of a stats segment");
  seg->sz = mr_align_up(MR_SEGMENT_HEAD_SZ + conf->body_sz, PAGE);
  if (!conf->dir) return map_private(seg, err);
  int dir_fd, rc = make_paths(seg, conf, err);
  if (rc) {
    seg->path_tmp[0] = 0;
    return rc;
  }
  rc = open_dir(conf->dir, &dir_fd, err);
  if (!rc) {
    rc = scan_name(dir_fd, conf->graph, conf->generation, false, err);
    close(dir_fd);
  }
  if (rc) seg->path_tmp[0] = 0;
  return rc ? rc : map_file(seg, err);
}

int mr_segment_create(struct mr_segment *seg, const struct mr_segment_conf *conf,
                      struct mr_error *err) {
  memset(seg, 0, sizeof *seg);
  int rc = create(seg, conf, err);
  if (rc) {
    mr_segment_discard(seg);
    return rc;
  }
  seg->head = (struct mr_segment_head *)(void *)seg->base;
  fill_head(seg, conf);
  return MR_OK;
}

int mr_segment_publish(struct mr_segment *seg, uint64_t layout_hash, struct mr_error *err) {
  MR_ASSERT(seg->base && !seg->published);
  seg->head->layout_hash = layout_hash;
  /* partner: the acquire load in mr_attach_memory of attach/attach.c */
  atomic_store_explicit(&seg->head->magic, MR_SEGMENT_MAGIC, memory_order_release);
  seg->published = true;
  if (!seg->path[0]) return MR_OK;
  int dir_fd, rc = open_dir(seg->dir, &dir_fd, err);
  if (rc) return rc;
  while (flock(dir_fd, LOCK_EX) && errno == EINTR) {} /* a file system without locks: go on */
  rc = scan_name(dir_fd, seg->head->graph, seg->head->generation, true, err);
  if (!rc && rename(seg->path_tmp, seg->path))
    rc = mr_error_set_sys(err, errno, "cannot name the stats segment %s", seg->path);
  if (!rc) seg->path_tmp[0] = 0;
  close(dir_fd);
  return rc;
}

/* ---- running ---- */

void mr_segment_beat(struct mr_segment *seg) {
  atomic_store_explicit(&seg->head->heartbeat_ns, mr_process_mono_ns(), memory_order_relaxed);
}

void mr_segment_set_state(struct mr_segment *seg, enum mr_segment_state state) {
  mr_segment_beat(seg);
  struct mr_segment_head *head = seg->head;
  if (state == MR_SEGMENT_RUNNING && !atomic_load_explicit(&head->running_ns, memory_order_relaxed))
    atomic_store_explicit(&head->running_ns,
                          atomic_load_explicit(&head->heartbeat_ns, memory_order_relaxed),
                          memory_order_relaxed);
  /* partner: the acquire load in mr_attach_state of attach/attach.c */
  atomic_store_explicit(&head->state, state, memory_order_release);
}

void mr_segment_finish(struct mr_segment *seg, int exit_code) {
  if (!seg->base) return;
  atomic_store_explicit(&seg->head->exit_code, (uint64_t)exit_code, memory_order_relaxed);
  atomic_store_explicit(&seg->head->end_wall_us, (uint64_t)wall_us(), memory_order_relaxed);
  mr_segment_set_state(seg, MR_SEGMENT_DONE);
  mr_segment_discard(seg);
}

void mr_segment_discard(struct mr_segment *seg) {
  if (seg->path_tmp[0])
    unlink(seg->path_tmp);
  else if (seg->published && seg->path[0])
    unlink(seg->path);
  if (seg->base) munmap(seg->base, seg->sz);
  seg->base = NULL;
  seg->head = NULL;
  seg->path[0] = seg->path_tmp[0] = 0;
  seg->published = false;
}
