/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_TOOLS_KEPT_H
#define MR_TOOLS_KEPT_H

/* The checkpoints that a verb looks at: of a folder, of a graph file, or of a running graph. */

#include "worker/manifest.h"

struct mr_kept {
  struct mr_arena arena;
  struct mr_io *io;
  const char *dir;
  uint64_t *numbers; /* the newest first */
  uint32_t cnt;
};

/* Finds them and says on stderr what is wrong; an exit code. where: a folder, a graph file, the
 * name or pid of a running graph. A graph without checkpoints is an error, a folder without files
 * has none. */
int mr_kept_open(struct mr_kept *kept, const char *verb, const char *where);
void mr_kept_close(struct mr_kept *kept);
/* Reads and checks the manifest of checkpoint `number`, 0: the newest, and its state where state is
 * not NULL. An exit code. */
int mr_kept_read(struct mr_kept *kept, const char *verb, uint64_t number,
                 struct mr_manifest **manifest, const uint8_t **state);

/* ---- kept_graph.c: a graph file's folder ---- */

/* Takes a flag that says how graph files are read; as mr_load_flag. */
int mr_kept_flag(const char *verb, const char *flag, const char *value);
/* The folder that the file names, in the arena. An exit code. */
int mr_kept_dir(const char *verb, const char *file, struct mr_arena *arena, const char **dir);

#endif
