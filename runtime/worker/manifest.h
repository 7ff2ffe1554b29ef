/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_WORKER_MANIFEST_H
#define MR_WORKER_MANIFEST_H

/* The files of checkpoints, as docs/formats/checkpoint.md has them: NUMBER.state holds the records
 * of all instances, NUMBER.manifest names them, and makes the checkpoint exist. For the run that
 * writes and restores them, and for tools that look at them. All of it waits for the disk: control
 * plane, or a thread of the I/O layer. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/io.h"

struct mr_load; /* state/save.h */

#define MR_MANIFEST_VERSION 1
#define MR_STATE_MAGIC      "MRSTATE1" /* and 8 zeros: the first 16 bytes of NUMBER.state */
#define MR_STATE_HEAD_SZ    16u

struct mr_manifest_entry {
  const char *node, *type;
  const char *shape; /* lines "fact: value"; NULL: the node has no state of its own */
  uint32_t instance, of;
  uint64_t offset, length; /* of its record in the state file */
  uint32_t crc;
};

struct mr_manifest {
  uint64_t number;
  const char *graph;
  int64_t time_us; /* when it was made, wall clock */
  bool ended;      /* all input had ended by itself: there is nothing to go on with */
  uint64_t state_bytes;
  struct mr_manifest_entry *entries;
  uint32_t cnt;
};

/* Numbers of the manifests in the folder, the largest first, in the arena; *last is the largest
 * number that any file has there. A folder that is not there has none. MR_ERR_IO. */
int mr_manifest_list(struct mr_io *io, struct mr_arena *arena, const char *dir, uint64_t **numbers,
                     uint32_t *cnt, uint64_t *last, struct mr_error *err);
/* Reads and checks one. MR_ERR_DATA: it is damaged, err says how; MR_ERR_IO: it cannot be read. */
int mr_manifest_read(struct mr_io *io, struct mr_arena *arena, const char *dir, uint64_t number,
                     struct mr_manifest **manifest, struct mr_error *err);
/* Reads all records, and checks each. Their bytes are the arena's. As above. */
int mr_manifest_read_state(struct mr_io *io, struct mr_arena *arena, const char *dir,
                           const struct mr_manifest *manifest, const uint8_t **state,
                           struct mr_error *err);
/* The record of entry i of the state read. */
void mr_manifest_record(const struct mr_manifest *manifest, const uint8_t *state, uint32_t i,
                        struct mr_load *record);

/* ---- writing ---- */

struct mr_state_file { /* NUMBER.state being written */
  struct mr_io *io;
  int fd;
  uint64_t off;
  uint32_t crc;   /* of the record being written */
  int64_t failed; /* -errno of the first write that failed */
  const char *path;
};
/* MR_ERR_IO; err->sys_errno says what it was, here and below. */
int mr_state_file_create(struct mr_state_file *file, struct mr_io *io, struct mr_arena *arena,
                         const char *dir, uint64_t number, struct mr_error *err);
/* Bytes of the record: mr_save_flush_fn. */
bool mr_state_file_write(void *file, const uint8_t *bytes, size_t len);
/* Syncs and closes. */
int mr_state_file_close(struct mr_state_file *file, struct mr_error *err);
/* Writes the manifest: temporary file, sync, rename, sync of the folder. `at` is told of each step,
 * for crash tests; may be NULL. */
typedef void (*mr_crash_point_fn)(const char *point);
int mr_manifest_write(struct mr_io *io, struct mr_arena *arena, const char *dir,
                      const struct mr_manifest *manifest, mr_crash_point_fn at,
                      struct mr_error *err);
/* Removes all but the newest `keep` whole ones, and what was begun before them and never finished.
 */
void mr_manifest_prune(struct mr_io *io, struct mr_arena *arena, const char *dir, uint32_t keep);

#endif
