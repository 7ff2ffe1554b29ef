/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_IO_MEMORY_H
#define MR_IO_MEMORY_H

/* The memory backend, for tests: files in memory, and faults put in where a test wants them.
 * Everything happens inside mr_io_submit and mr_io_poll, in the caller's thread, so a run is the
 * same every time. Descriptors count from 3; 0, 1 and 2 are files named "stdin", "stdout" and
 * "stderr". A struct mr_io of another backend is an error of the test. */

#include "io/io.h"

#define MR_IO_MEMORY_FAULTS_MAX 16u

/* Acts on single calls of one kind: a write that is finished in three pieces is three. */
struct mr_io_fault {
  enum mr_io_kind kind;
  uint32_t after;   /* calls that go well before the first one hit */
  uint32_t times;   /* calls hit; UINT32_MAX: all that follow */
  int error;        /* errno that the call fails with; 0: none */
  uint64_t len_max; /* READ, WRITE: bytes of one transfer at most; 0: as asked */
};

/* Adds a fault; at most MR_IO_MEMORY_FAULTS_MAX. */
void mr_io_memory_fault(struct mr_io *io, const struct mr_io_fault *fault);
/* Requests finish with the polls-th mr_io_poll after them; 0, as at the start: inside mr_io_submit.
 */
void mr_io_memory_delay(struct mr_io *io, uint32_t polls);
/* All files together may grow by this many bytes more; then writes are short, then fail with
 * ENOSPC. */
void mr_io_memory_space(struct mr_io *io, uint64_t bytes);
/* Makes a file, or replaces its content. */
void mr_io_memory_put(struct mr_io *io, const char *path, const void *data, size_t len);
/* A file's content, live until it is next written; NULL: no such file. */
const char *mr_io_memory_get(struct mr_io *io, const char *path, size_t *len);

#endif
