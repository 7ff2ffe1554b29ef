/* SPDX-License-Identifier: Apache-2.0 */
#include "kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "observe.h"

/* The folder of a running graph. */
static int of_running(struct mr_kept *kept, const char *verb, const char *name) {
  struct mr_observe obs = {0};
  struct mr_topology topology;
  int rc = mr_observe_open(&obs, verb, name);
  if (rc) return rc;
  mr_topology_read(&topology, &kept->arena, &obs.now);
  if (topology.checkpoint_dir[0])
    kept->dir = mr_arena_strdup(&kept->arena, topology.checkpoint_dir);
  mr_observe_close(&obs);
  if (kept->dir) return MR_EXIT_OK;
  fprintf(stderr, "millrace %s: %s takes no checkpoints\n", verb, name);
  return MR_EXIT_CONFIG;
}

int mr_kept_open(struct mr_kept *kept, const char *verb, const char *where) {
  struct stat st;
  struct mr_error err = {0};
  uint64_t last;
  int rc = MR_EXIT_OK;
  memset(kept, 0, sizeof *kept);
  bool there = stat(where, &st) == 0;
  if (there && S_ISDIR(st.st_mode))
    kept->dir = where;
  else
    rc = there ? mr_kept_dir(verb, where, &kept->arena, &kept->dir) : of_running(kept, verb, where);
  if (rc) return rc;
  if (mr_io_create(&kept->io, MR_IO_PLAIN, NULL, NULL, &err) ||
      mr_manifest_list(kept->io, &kept->arena, kept->dir, &kept->numbers, &kept->cnt, &last,
                       &err)) {
    fprintf(stderr, "millrace %s: %s\n", verb, err.text);
    return MR_EXIT_IO;
  }
  return MR_EXIT_OK;
}

void mr_kept_close(struct mr_kept *kept) {
  if (kept->io) mr_io_destroy(kept->io);
  mr_arena_free(&kept->arena);
}

int mr_kept_read(struct mr_kept *kept, const char *verb, uint64_t number,
                 struct mr_manifest **manifest, const uint8_t **state) {
  struct mr_error err = {0};
  if (!number && kept->cnt) number = kept->numbers[0];
  if (!number) {
    fprintf(stderr, "millrace %s: there is no checkpoint in %s\n", verb, kept->dir);
    return MR_EXIT_FAILED;
  }
  int rc = mr_manifest_read(kept->io, &kept->arena, kept->dir, number, manifest, &err);
  if (!rc && state)
    rc = mr_manifest_read_state(kept->io, &kept->arena, kept->dir, *manifest, state, &err);
  if (!rc) return MR_EXIT_OK;
  fprintf(stderr, "millrace %s: %s\n", verb, err.text);
  return rc == MR_ERR_DATA ? MR_EXIT_DATA : MR_EXIT_IO;
}
