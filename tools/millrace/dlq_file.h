/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_DLQ_FILE_H
#define MR_TOOLS_DLQ_FILE_H

/* Dead-letter files: DATA_DIR/dead_letters/GRAPH/NODE.ndjson, one JSON object per line, which a
 * running graph appends to at any time.
 *
 * A record is removed by writing blanks over its line, in place: the file keeps its length, so what
 * the graph appends is never in the way, and readers of JSON lines skip blank ones. When nothing is
 * left and nobody else has the file open, it is cut to nothing. Who removes holds a lock (flock) on
 * the file, so two of them do not meet. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/value.h"

struct mr_dlq_record {
  uint64_t off; /* of its line in the file */
  size_t len;   /* bytes of the line, without newline */
  const char *line;
  const struct mr_value *value; /* NULL: it is no JSON object, or the graph has not finished it */
};

struct mr_dlq_file {
  const char *path;
  FILE *file;
  char *line;
  size_t cap;
  uint64_t at;
  struct mr_arena arena; /* of the record at hand */
};

/* Opens a file for reading, or with `change` also for removing records; then the lock is waited
 * for. False: errno says why. */
bool mr_dlq_open(struct mr_dlq_file *file, const char *path, bool change);
/* The next record, valid until the next call; blank lines are passed over. A last line without a
 * newline is still being written and ends the file. False: there is none, or reading failed
 * (ferror). */
bool mr_dlq_next(struct mr_dlq_file *file, struct mr_dlq_record *record);
/* Writes blanks over a record. False: errno says why. */
bool mr_dlq_remove(struct mr_dlq_file *file, uint64_t off, size_t len);
/* Makes what was removed durable. When no record is left and no process has the file open, cuts it.
 * False: errno says why. */
bool mr_dlq_sync(struct mr_dlq_file *file);
void mr_dlq_close(struct mr_dlq_file *file);

/* Calls fn for each dead-letter file below data_dir, of one graph and node when they are not NULL,
 * in the order of their names. False: the folder cannot be read (errno), ENOENT: there is none. */
typedef void (*mr_dlq_file_fn)(void *ctx, const char *graph, const char *node, const char *path);
bool mr_dlq_each(const char *data_dir, const char *graph, const char *node, mr_dlq_file_fn fn,
                 void *ctx);

/* The bytes that the source read, of a source's record that has all of them: copied into the arena,
 * NUL-terminated; NULL: it has none, or only the beginning. */
const char *mr_dlq_raw(const struct mr_value *record, struct mr_arena *arena, size_t *len);

#endif
