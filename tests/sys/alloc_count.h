/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TESTS_ALLOC_COUNT_H
#define MR_TESTS_ALLOC_COUNT_H

/* What alloc_count.c writes into the file that ALLOC_COUNT_FILE names: a head, then one record per
 * thread, in the order in which threads first allocated. Counts rise while the program runs; a
 * thread that is not there has allocated nothing. All numbers are 8 bytes, host byte order. */

#include <stdatomic.h>
#include <stdint.h>

#define ALLOC_THREADS_MAX 255u

enum alloc_kind { ALLOC_MALLOC, ALLOC_CALLOC, ALLOC_REALLOC, ALLOC_ALIGNED, ALLOC_NEW, ALLOC_MMAP };
#define ALLOC_KIND_CNT 6

struct alloc_thread {
  _Atomic uint64_t tid; /* 0: free */
  _Atomic uint64_t cnt[ALLOC_KIND_CNT];
  _Atomic uint64_t bytes; /* asked for in all */
};

struct alloc_file {
  _Atomic uint64_t thread_cnt, lost; /* records in use; calls of threads without one */
  uint64_t reserved[6];
  struct alloc_thread threads[ALLOC_THREADS_MAX];
};

#endif
