/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_SHM_SEGMENT_ABI_H
#define MR_SHM_SEGMENT_ABI_H

/* The head of a graph's ctl segment, the file NAME.GEN in the run directory. Observers map it
 * read-only.
 *
 *   [head, 512 bytes][body: the stats directory and what it names, stats/stats_abi.h]
 *
 * Everything is named by its offset from the start of the file. Growth: a field appended in
 * reserved bytes raises the minor version, anything else the major one; an observer refuses another
 * major version only. */

#include <stdint.h>

#include "base/abi.h"

#define MR_SEGMENT_MAGIC    UINT64_C(0x314c54434c4c494d) /* "MILLCTL1" */
#define MR_SEGMENT_MAJOR    1u
#define MR_SEGMENT_MINOR    2u
#define MR_SEGMENT_HEAD_SZ  512u
#define MR_SEGMENT_GRAPH_SZ 64u

enum mr_segment_state { /* dead is no value: an observer finds that out */
                        MR_SEGMENT_STARTING,
                        MR_SEGMENT_RUNNING,
                        MR_SEGMENT_DRAINING,
                        MR_SEGMENT_DONE
};

struct mr_segment_head {
  /* written once, before magic */
  _Atomic uint64_t magic; /* stored last, with release; 0: being built */
  uint32_t major, minor;
  uint32_t head_sz, reserved_0;
  uint64_t total_sz;    /* bytes of the file */
  uint64_t body_off;    /* of the stats directory */
  uint64_t body_sz;     /* bytes from body_off */
  uint64_t layout_hash; /* over the directory, its tables and rows (stats_abi.h) */
  uint64_t pid;
  uint64_t pid_ns;        /* inode of the process's pid namespace, 0: unknown */
  uint64_t start_ticks;   /* field 22 of /proc/PID/stat, 0: unknown */
  uint64_t start_mono_ns; /* CLOCK_MONOTONIC at creation */
  int64_t start_wall_us;  /* UTC at creation */
  uint64_t generation;    /* 1.. */
  uint64_t config_hash;
  char boot_id[40];                /* of the machine, NUL-terminated, empty: unknown */
  char graph[MR_SEGMENT_GRAPH_SZ]; /* NUL-terminated */
  char version[32];                /* of the program */
  uint8_t reserved_1[136];
  /* written by the host thread, relaxed */
  _Atomic uint64_t heartbeat_ns; /* CLOCK_MONOTONIC */
  _Atomic uint64_t running_ns;   /* CLOCK_MONOTONIC when the workers began, 0: not yet */
  _Atomic uint64_t state;        /* enum mr_segment_state; stored with release */
  _Atomic uint64_t exit_code;    /* when done */
  _Atomic uint64_t end_wall_us;  /* when done */
  uint8_t reserved_2[88];
};
MR_ABI_SIZE(struct mr_segment_head, MR_SEGMENT_HEAD_SZ);
MR_ABI_AT(struct mr_segment_head, total_sz, 24);
MR_ABI_AT(struct mr_segment_head, boot_id, 112);
MR_ABI_AT(struct mr_segment_head, heartbeat_ns, 384);

#endif
