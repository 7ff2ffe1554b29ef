/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SHM_SEGMENT_H
#define MR_SHM_SEGMENT_H

/* The ctl segment of one running graph, writer side: one small file of shared memory that observers
 * map read-only. It is built under a temporary name and appears whole.
 *
 *   create (.NAME.GEN.PID) --build the body--> publish (NAME.GEN) --set_state, beat--> finish
 * (removed)
 *        \--> discard (removed)                                    \--killed: stays, and can be
 * read
 *
 * The next publish of the name replaces the file of a dead process. All calls are for one thread,
 * the host's; beat and set_state may be called by any one thread at a time. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "shm/segment_abi.h"

#define MR_SEGMENT_PATH_SZ 4096u
#define MR_SEGMENT_SZ_MAX  (UINT64_C(1) << 32)

struct mr_segment_conf {
  const char *dir; /* a run directory (shm/run_dir.h); NULL: private memory, no file, never found */
  const char *graph;   /* at most MR_NAME_MAX bytes, a name of a graph file */
  const char *version; /* of the program, cut at 31 bytes; NULL: "" */
  uint64_t generation; /* 1.. */
  uint64_t body_sz;    /* 1..MR_SEGMENT_SZ_MAX - MR_SEGMENT_HEAD_SZ */
  uint64_t config_hash;
};

struct mr_segment {
  uint8_t *base; /* page-aligned; NULL: no segment */
  uint64_t sz;
  struct mr_segment_head *head; /* at base */
  bool published;
  char dir[MR_SEGMENT_PATH_SZ];
  char path[MR_SEGMENT_PATH_SZ];     /* final name, "" for private memory */
  char path_tmp[MR_SEGMENT_PATH_SZ]; /* until publish */
};

/* Makes the segment: zeroed, all pages there, so that a full file system is an error now and never
 * a fault later. MR_ERR_EXISTS with the pid in the text when a live process runs the name;
 * MR_ERR_NOMEM when the bytes are not to be had; MR_ERR_ARG; MR_ERR_PERM or MR_ERR_SYS. On an error
 * nothing is left behind. */
int mr_segment_create(struct mr_segment *seg, const struct mr_segment_conf *conf,
                      struct mr_error *err);

/* The body, body_sz bytes aligned to 128, to be filled before publish. */
static inline void *mr_segment_body(const struct mr_segment *seg) {
  return seg->base + seg->head->body_off;
}

/* Stores the magic and gives the file its name; looks again for a live owner of the name, with all
 * others who publish in the directory locked out. MR_ERR_EXISTS, MR_ERR_SYS: then call discard.
 * layout_hash: of the body, see mr_stats_layout_hash. */
int mr_segment_publish(struct mr_segment *seg, uint64_t layout_hash, struct mr_error *err);

/* Heartbeat: now, by CLOCK_MONOTONIC (about 20 ns). At least four times a second while the process
 * lives. */
void mr_segment_beat(struct mr_segment *seg);

/* State for observers; the first MR_SEGMENT_RUNNING also starts the uptime. Beats. */
void mr_segment_set_state(struct mr_segment *seg, enum mr_segment_state state);

/* Clean end: state done with the exit code for those who are attached, the file is removed, the
 * memory unmapped. */
void mr_segment_finish(struct mr_segment *seg, int exit_code);

/* Gives up a segment that was never published (or not to be shown any more): removed and unmapped.
 * Safe to call twice and on a zeroed struct. */
void mr_segment_discard(struct mr_segment *seg);

#endif
