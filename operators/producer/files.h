/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_PRODUCER_FILES_H
#define MR_PRODUCER_FILES_H

/* The files that a source reads, one after another: those that match a pattern, in the order of
 * their names, or one file that is followed while it grows, is renamed, replaced, cut short or
 * removed. Nothing here blocks the worker: what asks the file system is a job for an I/O thread, of
 * which there is one at a time, and between two jobs the struct is the caller's.
 *
 *   init;  open -> OPENED: read it to its end;  open -> ... -> NONE
 *   follow: at the end of what there is, look -> MORE, WAIT (look again later), CUT, NEXT (then
 * open)
 *
 * A file is known by device, inode and time of birth, not by its name. A followed file that has got
 * another name is read on until its successor has bytes and nothing was added for
 * MR_FILES_SETTLE_NS. */

#include "base/arena.h"
#include "io/io.h"

#define MR_FILES_TAIL 64u /* bytes that say whether a file was written anew */
#define MR_FILES_SETTLE_NS                                                                         \
  UINT64_C(100000000)                          /* a file that has a successor must rest so long,   \
                                                */
#define MR_FILES_HALF_NS  UINT64_C(2000000000) /* and so long behind half a line */
#define MR_FILES_NEXT_MAX 16u
#define MR_FILES_LOOK_NS  UINT64_C(200000000) /* between looks where nothing was heard */

enum mr_files_say {
  MR_FILES_OPENED, /* open: fd, name, label and stream are those of the next file */
  MR_FILES_NONE,   /* open: there is no other */
  MR_FILES_WAIT,   /* nothing now; again after wait_ns at the latest, or when something is heard */
  MR_FILES_MORE,   /* look: there are bytes to read */
  MR_FILES_CUT,   /* look: the file is shorter than what was read of it, or is another: read it anew
                   */
  MR_FILES_NEXT,  /* look: the file is done, and there is another one */
  MR_FILES_FAILED /* error says why */
};

struct mr_file_id {
  uint64_t dev, ino, born_ns;
};

struct mr_files {
  const char *pattern;
  bool glob, follow;
  /* of the file that is open */
  int fd; /* -1: none */
  bool stream;
  const char *name;
  uint32_t label; /* index of name among labels */
  uint64_t total; /* bytes of all files as they were at the start; 0: unknown */
  const char **labels;
  uint32_t label_cnt, label_max;
  /* what look goes by; set by the caller */
  uint64_t off;             /* bytes read */
  char tail[MR_FILES_TAIL]; /* the last of them */
  uint32_t tail_len;
  bool half;       /* the last line has no end yet */
  uint64_t now_ns; /* monotonic */
  /* what a job says */
  uint64_t wait_ns;
  struct mr_error error;
  bool failing; /* error is new: to be logged; the file is waited for */
  /* the jobs' own */
  struct mr_arena arena;
  struct mr_file_id id;
  const char **names;
  uint32_t name_cnt, name_next;
  struct mr_file_id *seen;
  uint32_t seen_cnt, seen_cap;
  uint64_t noticed_ns;  /* since when there is a successor with bytes; 0: there is none */
  struct mr_file_next { /* files that took the name one after another, open; not of a pattern */
    int fd;
    struct mr_file_id id;
  } next[MR_FILES_NEXT_MAX];
  uint32_t next_cnt;
  /* who hears that something happens in the folder */
  int watch_fd; /* -1: nobody; then it is looked at every MR_FILES_LOOK_NS */
  bool listens;
  struct mr_io_req watch;
  char heard[4096];
};

/* True when path has signs of a pattern and is no file by itself. */
bool mr_files_is_pattern(const char *path);

/* The files that match now, no folders, in the order of the bytes of their names, in the arena. */
int mr_files_match(const char *pattern, struct mr_arena *arena, const char ***names, uint32_t *cnt,
                   struct mr_error *err);

/* Lists the files and begins to listen. Layout time. MR_ERR_IO. */
int mr_files_init(struct mr_files *files, const char *path, bool follow, struct mr_error *err);
/* Has open go on with the file of that name and identity, or, where it is read whole, with what
 * comes behind it. Before the first job, or when the one before is done. MR_ERR_IO: it is not there
 * any more. Layout time. */
int mr_files_resume(struct mr_files *files, const char *name, const struct mr_file_id *id,
                    bool whole, struct mr_error *err);
/* Jobs: submit req, and when it is done ask mr_files_said. open closes the file before. */
void mr_files_open(struct mr_files *files, struct mr_io *io, struct mr_io_req *req);
void mr_files_look(struct mr_files *files, struct mr_io *io, struct mr_io_req *req);
/* While there is much to read: notices a file that has taken the name before another one takes it.
 * Says WAIT. Needs nothing of what look goes by. */
void mr_files_glance(struct mr_files *files, struct mr_io *io, struct mr_io_req *req);
enum mr_files_say mr_files_said(const struct mr_io_req *req);
/* True once when something has happened in the folder since the last call; listens from then on. */
bool mr_files_heard(struct mr_files *files, struct mr_io *io);
/* Takes the open file away: the caller closes it. Returns its descriptor. */
int mr_files_take(struct mr_files *files);
/* Closes everything. No job may be in flight. After mr_io_cancel. */
void mr_files_fini(struct mr_files *files, struct mr_io *io);

#endif
