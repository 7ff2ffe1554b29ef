/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_ATTACH_ATTACH_H
#define MR_ATTACH_ATTACH_H

/* Finds the ctl segment of a running or crashed graph and maps it read-only. The graph does not
 * notice: nothing is written, locked or signalled. Whatever the file holds, no offset of it is used
 * before it is checked against the file's size, and the checked ones are kept here, not read again.
 *
 * One attach is for one thread; any number of attaches, also to the same graph. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "shm/process.h"
#include "shm/segment_abi.h"
#include "stats/stats_abi.h"

#define MR_ATTACH_PATH_SZ  4096u
#define MR_ATTACH_ROWS_MAX 512u /* directory rows that are looked at */

enum mr_attach_reason {
  MR_ATTACH_OK,
  MR_ATTACH_NO_FILE,       /* no such graph, or it ended while looked for */
  MR_ATTACH_NOT_PERMITTED, /* the file may not be read by this user */
  MR_ATTACH_TOO_SHORT,     /* shorter than a head, or than the head says */
  MR_ATTACH_NOT_READY,     /* no magic yet, or no segment at all */
  MR_ATTACH_INCOMPATIBLE,  /* another major version */
  MR_ATTACH_CORRUPT,       /* an offset or size that cannot be, or the layout hash differs */
  MR_ATTACH_SYS            /* open or mmap failed otherwise */
};

enum mr_attach_state {
  MR_GRAPH_STARTING,
  MR_GRAPH_RUNNING,
  MR_GRAPH_DRAINING,
  MR_GRAPH_DONE,
  MR_GRAPH_DEAD
};

struct mr_attach_table { /* checked: off + cnt * stride lies in the segment, stride holds the entry
                          */
  uint64_t off, stride;
  uint64_t entry_sz; /* bytes of an entry that are known here, at most stride */
  uint32_t cnt;
};

struct mr_attach_row { /* a checked field of a table's known entry */
  uint32_t id;
  uint16_t kind, unit;
  uint32_t table, off, sz;
};

struct mr_attach {
  const uint8_t *base; /* NULL: not attached */
  uint64_t sz;
  bool mapped;
  /* copies of what never changes */
  char graph[MR_SEGMENT_GRAPH_SZ], version[32];
  struct mr_process process;
  uint32_t major, minor;
  uint64_t generation, config_hash, layout_hash, start_mono_ns;
  int64_t start_wall_us;
  uint32_t flags; /* enum mr_stat_flags */
  struct mr_attach_table tables[MR_STAT_TABLE_CNT];
  struct mr_attach_row rows[MR_ATTACH_ROWS_MAX];
  uint32_t row_cnt;
  char path[MR_ATTACH_PATH_SZ]; /* "" for memory */
};

/* Attaches to the graph of that name, or of that pid when the text is a number, in the run
 * directories of shm/run_dir.h: a live one before a dead one, then the one started last. On failure
 * *err (may be NULL) says what was looked for and where, and what is wrong with the file. */
enum mr_attach_reason mr_attach_find(struct mr_attach *attach, const char *name_or_pid,
                                     struct mr_error *err);

/* Attaches to one file. */
enum mr_attach_reason mr_attach_file(struct mr_attach *attach, const char *path);

/* Attaches to sz bytes of a segment in memory, 8-aligned, which outlive the attach: a run's own. */
enum mr_attach_reason mr_attach_memory(struct mr_attach *attach, const void *base, uint64_t sz);

/* Calls fn for the path of each file in the run directories that is named like a segment; until fn
 * returns false. */
void mr_attach_each(bool (*fn)(void *ctx, const char *path), void *ctx);

/* The state now; MR_GRAPH_DEAD: the process is gone and had not said done. */
enum mr_attach_state mr_attach_state(const struct mr_attach *attach);

void mr_attach_close(struct mr_attach *attach);

/* "no such graph", "other version", ...: static text. */
const char *mr_attach_reason_str(enum mr_attach_reason reason);
/* "starting", "running", "draining", "done", "dead". */
const char *mr_attach_state_str(enum mr_attach_state state);

#endif
