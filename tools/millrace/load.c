/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd.h"
#include "color.h"
#include "operators/operators.h"
#include "shm/headroom.h"

/* Puts the library's operators before those that are there: a library may replace one. */
static int add_library(struct mr_load *load, const char *path) {
  const struct mr_op_library *lib;
  struct mr_error err = {0};
  if (mr_op_library_load(path, &lib, &err)) {
    fprintf(stderr, "millrace: %s\n", err.text);
    return err.code == MR_ERR_PERM ? MR_EXIT_PERM : MR_EXIT_CONFIG;
  }
  uint32_t cnt = 0, have = 0;
  while (lib->ops[cnt]) cnt++;
  while (load->ops[have]) have++;
  if (have + cnt >= MR_LOAD_OPS_MAX) {
    fprintf(stderr, "millrace: more than %u operators\n", MR_LOAD_OPS_MAX - 1);
    return MR_EXIT_CONFIG;
  }
  memmove(load->ops + cnt, load->ops, (have + 1) * sizeof *load->ops);
  memcpy(load->ops, lib->ops, cnt * sizeof *load->ops);
  return MR_EXIT_OK;
}

static int add_libraries(struct mr_load *load, const char *paths) {
  int rc = MR_EXIT_OK;
  while (!rc && paths && *paths) {
    size_t len = strcspn(paths, ":");
    char *path = mr_arena_strndup(&load->arena, paths, len);
    if (len) rc = add_library(load, path);
    paths += len + (paths[len] == ':');
  }
  return rc;
}

void mr_load_init(struct mr_load *load) {
  memset(load, 0, sizeof *load);
  mr_diags_init(&load->diags, &load->arena);
  uint32_t cnt = 0;
  while (mr_operators.ops[cnt]) cnt++;
  memcpy(load->ops, mr_operators.ops, cnt * sizeof *load->ops);
  load->table.ops = load->ops;
  load->conf = (struct mr_plan_conf){.ops = &load->table,
                                     .sets = load->sets,
                                     .clock = -1,
                                     .cpus = load->cpus,
                                     .cpu_cnt = mr_headroom_cpus(load->cpus, MR_WORKERS_MAX)};
}

int mr_load_flag(struct mr_load *load, const char *verb, const char *flag, const char *value) {
  if (!strcmp(flag, "--no-env"))
    load->conf.no_env = true;
  else if (!strcmp(flag, "--no-inputs"))
    load->conf.no_inputs = true;
  else if (!strcmp(flag, "--deny-warnings"))
    load->deny_warnings = true;
  else if (!strcmp(flag, "--set") && value) {
    if (load->conf.set_cnt == MR_LOAD_SETS_MAX || !strchr(value, '=')) {
      mr_cmd_usage(verb, "--set takes path=value, at most %u times", MR_LOAD_SETS_MAX);
      return -1;
    }
    load->sets[load->conf.set_cnt++] = value;
  } else if (!strcmp(flag, "--operators") && value) {
    load->libraries =
        load->libraries ? mr_arena_printf(&load->arena, "%s:%s", load->libraries, value) : value;
  } else if (!strcmp(flag, "--seed") && value) {
    int64_t seed;
    if (mr_int64_parse(value, strlen(value), &seed)) {
      mr_cmd_usage(verb, "--seed takes a whole number, not \"%s\"", value);
      return -1;
    }
    load->conf.seed = (uint64_t)seed;
    load->conf.seed_given = true;
  } else if (!strcmp(flag, "--clock") && value) {
    load->conf.clock = !strcmp(value, "virtual") ? 1 : !strcmp(value, "wall") ? 0 : 2;
    if (load->conf.clock == 2) {
      mr_cmd_usage(verb, "--clock is wall or virtual, not \"%s\"", value);
      return -1;
    }
  } else {
    return 0;
  }
  return 1;
}

int mr_load_plan(struct mr_load *load, const char *file) {
  if (!load->loaded) {
    int rc = add_libraries(load, getenv("MILLRACE_OPERATORS"));
    if (!rc) rc = add_libraries(load, load->libraries);
    if (rc) return rc;
    load->loaded = true;
  }
  load->plan = mr_plan_load(&load->arena, file, NULL, 0, &load->conf, &load->diags);
  bool refused = load->deny_warnings && load->diags.warning_cnt;
  if (load->diags.cnt) {
    size_t len;
    if (load->json)
      fputs(mr_diags_json(&load->diags, &load->arena, &len), stderr);
    else
      mr_color_diags(mr_diags_text(&load->diags, &load->arena, &len));
  }
  return load->plan && !refused ? MR_EXIT_OK : MR_EXIT_CONFIG;
}

void mr_load_free(struct mr_load *load) {
  mr_arena_free(&load->arena);
}

bool mr_args_next(struct mr_args *args) {
  if (++args->at >= args->argc) return false;
  char *word = args->argv[args->at];
  args->flag = args->value = NULL;
  if (word[0] != '-' || !word[1]) {
    args->value = word;
    return true;
  }
  args->flag = word;
  char *eq = strchr(word, '=');
  if (eq && word[1] == '-') {
    *eq = 0;
    args->value = eq + 1;
  }
  return true;
}

const char *mr_args_value(struct mr_args *args, const char *verb) {
  if (args->value) return args->value;
  if (args->at + 1 < args->argc) return args->argv[++args->at];
  mr_cmd_usage(verb, "%s needs a value", args->flag);
  return NULL;
}
