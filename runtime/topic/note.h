/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOPIC_NOTE_H
#define MR_TOPIC_NOTE_H

/* Small durable files of text, replaced whole: what a topic was created with, the mark of a clean
 * close, offsets of a group. The first line says what it is, lines `key value` follow, and the last
 * is `crc32c` with the checksum of all lines before it in hex. Control plane: waits. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/io.h"

#define MR_NOTE_SZ 65536u /* bytes of a note */

/* Lines are added in the caller's memory; what does not fit fails the write. */
struct mr_note {
  char text[MR_NOTE_SZ];
  size_t len;
};

void mr_note_begin(struct mr_note *note, const char *kind);
void mr_note_add(struct mr_note *note, const char *key, int64_t value);
void mr_note_add_text(struct mr_note *note, const char *key, const char *value);

/* Adds the last line: for those who write the text by themselves. */
void mr_note_seal(struct mr_note *note);
/* Writes PATH.new, syncs it, renames it to PATH and syncs the folder, which is there. */
int mr_note_write(struct mr_io *io, const char *path, struct mr_note *note, struct mr_error *err);
/* Reads a note of that kind. MR_ERR_NOENT: no such file; MR_ERR_DATA: not what was written. */
int mr_note_read(struct mr_io *io, const char *path, const char *kind, struct mr_note *note,
                 struct mr_error *err);

/* The value of a key: false if there is none, or no number. */
bool mr_note_get(const struct mr_note *note, const char *key, int64_t *value);
/* Its text to buf, cut to sz - 1 bytes; false if there is none. */
bool mr_note_get_text(const struct mr_note *note, const char *key, char *buf, size_t sz);
/* Calls each(ctx, key, value) for all lines. */
void mr_note_each(const struct mr_note *note,
                  void (*each)(void *ctx, const char *key, const char *value), void *ctx);

/* ---- folders and files ---- */

/* Makes the folder of path (a file's), and syncs the folders above it, so that they stay. */
int mr_note_make_dir(struct mr_io *io, const char *path, struct mr_error *err);
/* Removes a file and syncs its folder; one that is not there is fine. */
int mr_note_remove(struct mr_io *io, const char *path, struct mr_error *err);
/* Makes the names in a folder durable. */
int mr_note_sync_dir(struct mr_io *io, const char *dir, struct mr_error *err);
int64_t mr_note_open(struct mr_io *io, const char *path, int flags, struct mr_error *err);
/* Reads up to len bytes at off, fewer only at the end of the file. Bytes read, or -errno. */
int64_t mr_note_read_at(struct mr_io *io, int fd, void *buf, uint64_t len, uint64_t off);
void mr_note_close(struct mr_io *io, int fd);

/* Opens and locks a file, made if need be, and writes this process's pid to it. Returns the
 * descriptor, whose close gives the lock up; MR_ERR_EXISTS after wait_ms: another has it (`what is
 * in use by process PID`). */
int64_t mr_note_lock(struct mr_io *io, const char *path, uint32_t wait_ms, const char *what,
                     struct mr_error *err);
/* The pid that a lock file names; 0: none. */
int64_t mr_note_lock_owner(struct mr_io *io, int fd);

#endif
