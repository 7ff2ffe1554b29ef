/* SPDX-License-Identifier: Apache-2.0 */
/* A library for LD_PRELOAD: counts what every thread of a program allocates, and passes each call
 * on to the allocator that the program has. */
#include "alloc_count.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* glibc's own, for calls that come before or from within the look-up of the next allocator. */
void *__libc_malloc(size_t sz);
void *__libc_calloc(size_t cnt, size_t sz);
void *__libc_realloc(void *p, size_t sz);
void *__libc_memalign(size_t align, size_t sz);

static struct {
  void *(*malloc)(size_t);
  void *(*calloc)(size_t, size_t);
  void *(*realloc)(void *, size_t);
  int (*posix_memalign)(void **, size_t, size_t);
  void *(*aligned_alloc)(size_t, size_t);
  void *(*memalign)(size_t, size_t);
  void *(*new)(size_t);
  void *(*new_array)(size_t);
  void *(*new_nothrow)(size_t, const void *);
  void *(*new_array_nothrow)(size_t, const void *);
  void *(*mmap)(void *, size_t, int, int, int, off_t);
} next;
static _Atomic int found; /* 0: not yet, 1: being looked for, 2: all there */

static struct alloc_file *file;
static _Thread_local struct alloc_thread *self __attribute__((tls_model("initial-exec")));
static _Thread_local int inside __attribute__((tls_model("initial-exec")));

static void find_next(void) {
  int none = 0;
  if (!atomic_compare_exchange_strong(&found, &none, 1)) return;
  *(void **)&next.malloc = dlsym(RTLD_NEXT, "malloc");
  *(void **)&next.calloc = dlsym(RTLD_NEXT, "calloc");
  *(void **)&next.realloc = dlsym(RTLD_NEXT, "realloc");
  *(void **)&next.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
  *(void **)&next.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
  *(void **)&next.memalign = dlsym(RTLD_NEXT, "memalign");
  *(void **)&next.new = dlsym(RTLD_NEXT, "_Znwm");
  *(void **)&next.new_array = dlsym(RTLD_NEXT, "_Znam");
  *(void **)&next.new_nothrow = dlsym(RTLD_NEXT, "_ZnwmRKSt9nothrow_t");
  *(void **)&next.new_array_nothrow = dlsym(RTLD_NEXT, "_ZnamRKSt9nothrow_t");
  *(void **)&next.mmap = dlsym(RTLD_NEXT, "mmap");
  atomic_store(&found, 2);
}

static int ready(void) {
  if (atomic_load(&found) == 0) find_next();
  return atomic_load(&found) == 2;
}

__attribute__((constructor)) static void open_file(void) {
  const char *path = getenv("ALLOC_COUNT_FILE");
  ready();
  int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
  if (fd < 0 || ftruncate(fd, sizeof *file)) _exit(99);
  /* past the counter below: this mapping is no allocation of the program */
  void *p =
      (void *)syscall(SYS_mmap, NULL, sizeof *file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (p == MAP_FAILED) _exit(99);
  file = p;
}

static void count(enum alloc_kind kind, size_t sz) {
  if (!file || inside) return;
  if (!self) {
    uint64_t i = atomic_fetch_add(&file->thread_cnt, 1);
    if (i >= ALLOC_THREADS_MAX) {
      atomic_fetch_add(&file->lost, 1);
      return;
    }
    self = &file->threads[i];
    atomic_store(&self->tid, (uint64_t)syscall(SYS_gettid));
  }
  atomic_fetch_add(&self->cnt[kind], 1);
  atomic_fetch_add(&self->bytes, sz);
}

/* One call of the program is counted once, whatever the allocator itself asks for on its way. */
#define PASS_ON(kind, sz, type, call)                                                              \
  count(kind, sz);                                                                                 \
  inside++;                                                                                        \
  type result = (call);                                                                            \
  inside--;                                                                                        \
  return result

EXPORT void *malloc(size_t sz) {
  if (!ready()) return __libc_malloc(sz);
  PASS_ON(ALLOC_MALLOC, sz, void *, next.malloc(sz));
}
EXPORT void *calloc(size_t cnt, size_t sz) {
  if (!ready()) return __libc_calloc(cnt, sz);
  PASS_ON(ALLOC_CALLOC, cnt * sz, void *, next.calloc(cnt, sz));
}
EXPORT void *realloc(void *p, size_t sz) {
  if (!ready()) return __libc_realloc(p, sz);
  PASS_ON(ALLOC_REALLOC, sz, void *, next.realloc(p, sz));
}
EXPORT int posix_memalign(void **p, size_t align, size_t sz) {
  if (!ready()) return (*p = __libc_memalign(align, sz)) ? 0 : 12;
  PASS_ON(ALLOC_ALIGNED, sz, int, next.posix_memalign(p, align, sz));
}
EXPORT void *aligned_alloc(size_t align, size_t sz) {
  if (!ready()) return __libc_memalign(align, sz);
  PASS_ON(ALLOC_ALIGNED, sz, void *, next.aligned_alloc(align, sz));
}
EXPORT void *memalign(size_t align, size_t sz) {
  if (!ready()) return __libc_memalign(align, sz);
  PASS_ON(ALLOC_ALIGNED, sz, void *, next.memalign(align, sz));
}

/* C++'s operators new, by their names in the ABI. */
void *_Znwm(size_t sz);
void *_Znam(size_t sz);
void *_ZnwmRKSt9nothrow_t(size_t sz, const void *nothrow);
void *_ZnamRKSt9nothrow_t(size_t sz, const void *nothrow);

/* An allocator may have its own, which ask malloc for nothing. */
EXPORT void *_Znwm(size_t sz) {
  if (!ready() || !next.new) return malloc(sz);
  PASS_ON(ALLOC_NEW, sz, void *, next.new(sz));
}
EXPORT void *_Znam(size_t sz) {
  if (!ready() || !next.new_array) return malloc(sz);
  PASS_ON(ALLOC_NEW, sz, void *, next.new_array(sz));
}
EXPORT void *_ZnwmRKSt9nothrow_t(size_t sz, const void *nothrow) {
  if (!ready() || !next.new_nothrow) return malloc(sz);
  PASS_ON(ALLOC_NEW, sz, void *, next.new_nothrow(sz, nothrow));
}
EXPORT void *_ZnamRKSt9nothrow_t(size_t sz, const void *nothrow) {
  if (!ready() || !next.new_array_nothrow) return malloc(sz);
  PASS_ON(ALLOC_NEW, sz, void *, next.new_array_nothrow(sz, nothrow));
}

EXPORT void *mmap(void *addr, size_t sz, int prot, int flags, int fd, off_t off) {
  if (!ready()) return (void *)syscall(SYS_mmap, addr, sz, prot, flags, fd, off);
  PASS_ON(ALLOC_MMAP, sz, void *, next.mmap(addr, sz, prot, flags, fd, off));
}
