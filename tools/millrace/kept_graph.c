/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cmd.h"
#include "kept.h"
#include "load.h"

/* One verb runs in a process. */
static struct mr_load load;
static bool ready;

static struct mr_load *the_load(void) {
  if (!ready) mr_load_init(&load);
  ready = load.conf.no_inputs = true;
  return &load;
}

int mr_kept_flag(const char *verb, const char *flag, const char *value) {
  return mr_load_flag(the_load(), verb, flag, value);
}

int mr_kept_dir(const char *verb, const char *file, struct mr_arena *arena, const char **dir) {
  int rc = mr_load_plan(the_load(), file);
  if (!rc && load.plan->runtime.checkpoint.dir) {
    *dir = mr_arena_strdup(arena, load.plan->runtime.checkpoint.dir);
  } else if (!rc) {
    fprintf(stderr, "millrace %s: %s takes no checkpoints: it has no runtime.checkpoint\n", verb,
            file);
    rc = MR_EXIT_CONFIG;
  }
  mr_load_free(&load);
  ready = false;
  return rc;
}
